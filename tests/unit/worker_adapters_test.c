/* SPDX-License-Identifier: Apache-2.0 */
/* What a worker's section says of adapters, against the adapters of the build: misspelt names are refused, with the line and the right word. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sp_yaml.h"
#include "worker_adapters.h"

static const struct sp_adapter_host host = {.slots = 1};

/* Opens with this list of adapters and these settings; err tells why not. */
static enum sp_rc open_with(const char *adapters, const char *settings, struct sp_err *err)
{
    struct sp_conf_worker conf = {.slots = 1};
    struct worker_adapters self;
    struct sp_yaml *doc = NULL;
    assert_int_equal(sp_yaml_parse("spice.yaml", sp_str_of(settings), SP_YAML_LIMITS_CONF, &doc, err), SP_OK);
    conf.settings = sp_yaml_root(doc, 0);
    (void)snprintf(conf.adapters, sizeof conf.adapters, "%s", adapters);
    enum sp_rc rc = worker_adapters_open(&self, sp_adapters, &host, &conf, err);
    if (rc == SP_OK) {
        assert_int_equal(self.count, 1);
        assert_string_equal(self.names, "noop");
        worker_adapters_close(&self);
    }
    sp_yaml_destroy(&doc);
    return rc;
}

static void test_names(void **state)
{
    static const struct {
        const char *adapters, *settings, *where, *text, *hint;
    } bad[] = {
        {"noop,exce", "noop: {}", "worker.adapters", "no adapter \"exce\"", "did you mean exec?"},
        {"noop", "noop: {}\nhtpt: {ca_file: x}", "worker.settings, line 2", "no adapter \"htpt\"", "did you mean http?"},
        {"noop", "noop: 7", "worker.settings, line 1", "must be a map", ""},
        {"noop", "[noop]", "worker.settings, line 1", "must be a map", ""},
        {"noop", "noop: {lgo: x}", "worker.settings, line 1", "adapter noop has no setting \"lgo\"", "did you mean log?"},
        {"*", "http: {}\nexec:\n  helper: 3", "worker.settings, line 3", "adapter exec has no setting \"helper\"", "helpers?"},
        {"noop", "exec:\n  helper: 3", "worker.settings, line 2", "no setting", "helpers?"}, /* of one that is not run here */
        {"noop", "http:\n  connections: many", "worker.settings, line 2", "settings of adapter http: parameter connections", ""},
        {"noop", "http:\n  targets: 3\n  connections: 9", "worker.settings, line 2", "must be 16 to", ""},
    };
    struct sp_err err;
    (void)state;
    assert_int_equal(open_with("noop", "noop: {}", &err), SP_OK);
    assert_int_equal(open_with("noop", "http: {}", &err), SP_OK); /* there, only not run by this worker */
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(open_with(bad[i].adapters, bad[i].settings, &err), SP_E_INVALID);
        assert_string_equal(err.where, bad[i].where);
        assert_non_null(strstr(err.text, bad[i].text));
        assert_non_null(strstr(err.hint, bad[i].hint));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_names)};
    return cmocka_run_group_tests_name("worker_adapters", tests, NULL, NULL);
}
