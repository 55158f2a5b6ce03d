/* SPDX-License-Identifier: Apache-2.0 */
#include "definition_json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "msg.h"

static json_t *parse(const char *text)
{
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(json);
    return json;
}

static void defaults_are_the_safe_ones(void **state)
{
    (void)state;
    struct check_def d;
    struct profile_def p;
    struct sp_err err = {0};
    json_t *full = NULL, *json = parse("{\"name\":\"c\",\"adapter\":\"exec\"}");
    assert_int_equal(definition_json_check(json, &d, &full, &err), SP_OK);
    assert_int_equal(d.timeout_ms, 10000);
    assert_int_equal(d.max_age_ms, 300000);
    assert_int_equal(d.rise, 1);
    assert_int_equal(d.fall, 1);
    assert_int_equal(d.retries, 0);
    assert_int_equal(d.stage, SP_STAGE_ENFORCING);
    assert_true(d.enabled);
    json_decref(full);
    json_decref(json);
    json = parse("{\"name\":\"p\"}");
    assert_int_equal(definition_json_profile(json, &p, &full, &err), SP_OK);
    assert_int_equal(p.period_ms, 60000);
    assert_int_equal(p.jitter_percent, 10);
    assert_int_equal(p.priority, CHECK_DEF_PRIORITY_DEFAULT);
    assert_int_equal(p.window_count, 0);
    json_decref(full);
    json_decref(json);
}

/* What is printed reads back to the same definition and the same print. */
static void full_form_reads_back(void **state)
{
    (void)state;
    static const char *const checks[] = {
        "{\"name\":\"c\",\"adapter\":\"exec\"}",
        "{\"name\":\"a.b-c\",\"adapter\":\"http\",\"params\":{\"url\":\"https://x\",\"n\":3},\"selector\":\"zone=a,!off\",\"profile\":\"p\","
        "\"timeout\":\"1500ms\",\"retries\":2,\"rise\":3,\"fall\":2,\"max_age\":\"1h\",\"category\":[\"hardware\",\"executables\"],"
        "\"runbook\":\"https://run/book\",\"stage\":\"shadow\",\"labels\":{\"z\":\"1\",\"a\":\"2\"},\"enabled\":false}",
    };
    static const char *const profiles[] = {
        "{\"name\":\"p\",\"period\":\"1s\",\"jitter\":0,\"splay\":\"200ms\",\"max_running\":5,\"max_per_node\":1,\"priority\":0}",
        "{\"name\":\"q\",\"cron\":\"15 */2 * * 1-5\",\"splay\":\"10m\",\"windows\":[\"mon-fri 22:00-06:00\",\"00:30-04:00\"]}",
    };
    for (unsigned i = 0; i < 4; i++) {
        struct check_def d[2];
        struct profile_def p[2];
        struct sp_err err = {0};
        json_t *first = NULL, *second = NULL, *json = parse(i < 2 ? checks[i] : profiles[i - 2]);
        if (i < 2) {
            assert_int_equal(definition_json_check(json, &d[0], &first, &err), SP_OK);
            assert_int_equal(definition_json_check(first, &d[1], &second, &err), SP_OK);
            assert_memory_equal(&d[0], &d[1], sizeof d[0]);
        } else {
            assert_int_equal(definition_json_profile(json, &p[0], &first, &err), SP_OK);
            assert_int_equal(definition_json_profile(first, &p[1], &second, &err), SP_OK);
            assert_int_equal(p[0].period_ms, p[1].period_ms);
            assert_int_equal(p[0].splay_ms, p[1].splay_ms);
            assert_memory_equal(p[0].windows, p[1].windows, sizeof p[0].windows);
            assert_int_equal(p[0].cron.minutes, p[1].cron.minutes);
        }
        assert_true(json_equal(first, second));
        json_decref(first);
        json_decref(second);
        json_decref(json);
    }
}

static void wrong_ones_are_refused_with_the_place(void **state)
{
    (void)state;
    static const struct {
        const char *json, *where, *hint;
    } rows[] = {
        {"{\"adapter\":\"exec\"}", "name", NULL},
        {"{\"name\":\"c\"}", "adapter", NULL},
        {"{\"name\":\"a b\",\"adapter\":\"exec\"}", "name", "names are"},
        {"{\"name\":\"c\",\"adapter\":\"exec\",\"selectro\":\"\"}", "selectro", "did you mean selector"},
        {"{\"name\":\"c\",\"adapter\":\"exec\",\"timeout\":10}", "timeout", NULL},
        {"{\"name\":\"c\",\"adapter\":\"exec\",\"timeout\":\"10\"}", "timeout", "duration"},
        {"{\"name\":\"c\",\"adapter\":\"exec\",\"timeout\":\"2h\"}", "timeout", "duration"},
        {"{\"name\":\"c\",\"adapter\":\"exec\",\"timeout\":\"-1s\"}", "timeout", NULL},
        {"{\"name\":\"c\",\"adapter\":\"exec\",\"max_age\":\"999ms\"}", "max_age", NULL},
        {"{\"name\":\"c\",\"adapter\":\"exec\",\"rise\":0}", "rise", "from 1 to"},
        {"{\"name\":\"c\",\"adapter\":\"exec\",\"retries\":1.5}", "retries", NULL},
        {"{\"name\":\"c\",\"adapter\":\"exec\",\"stage\":\"enforce\"}", "stage", "enforcing"},
        {"{\"name\":\"c\",\"adapter\":\"exec\",\"category\":[\"hardwear\"]}", "category", "hardware"},
        {"{\"name\":\"c\",\"adapter\":\"exec\",\"selector\":\"a==b\"}", "selector", "key=value"},
        {"{\"name\":\"c\",\"adapter\":\"exec\",\"params\":[]}", "params", NULL},
        {"{\"name\":\"c\",\"adapter\":\"exec\",\"labels\":\"b=1,a=2\"}", "labels", NULL},
        {"{\"name\":\"c\",\"adapter\":\"exec\",\"enabled\":1}", "enabled", NULL},
        {"{\"name\":\"c\",\"adapter\":\"exec\",\"selector\":null}", "selector", "leave it out"},
        {"{\"name\":\"c\",\"adapter\":\"exec\",\"stage\":null}", "stage", "leave it out"},
        {"{\"name\":\"c\",\"adapter\":\"exec\",\"params\":null}", "params", "leave it out"},
        {"[]", "check", NULL},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct check_def d;
        struct sp_err err = {0};
        json_t *full = NULL, *json = parse(rows[i].json);
        assert_int_equal(definition_json_check(json, &d, &full, &err), SP_E_INVALID);
        assert_null(full);
        assert_non_null(strstr(err.where, rows[i].where));
        if (rows[i].hint != NULL)
            assert_non_null(strstr(err.hint, rows[i].hint));
        json_decref(json);
    }
    static const char *const profiles[] = {
        "{\"name\":\"p\",\"period\":\"0\"}",        "{\"name\":\"p\",\"period\":\"99ms\"}",
        "{\"name\":\"p\",\"period\":\"60d\"}",      "{\"name\":\"p\",\"cron\":\"* * *\"}",
        "{\"name\":\"p\",\"cron\":\"0 0 31 2 *\"}", "{\"name\":\"p\",\"cron\":\"* * * * *\",\"period\":\"5s\"}",
        "{\"name\":\"p\",\"windows\":[\"22-23\"]}", "{\"name\":\"p\",\"windows\":{}}",
        "{\"name\":\"p\",\"jitter\":51}",           "{\"name\":\"p\",\"priority\":10}",
        "{\"name\":\"p\",\"perod\":\"5s\"}"};
    for (unsigned i = 0; i < sizeof profiles / sizeof profiles[0]; i++) {
        struct profile_def p;
        struct sp_err err = {0};
        json_t *full = NULL, *json = parse(profiles[i]);
        assert_int_equal(definition_json_profile(json, &p, &full, &err), SP_E_INVALID);
        assert_null(full);
        json_decref(json);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(defaults_are_the_safe_ones), cmocka_unit_test(full_form_reads_back),
                                       cmocka_unit_test(wrong_ones_are_refused_with_the_place)};
    return cmocka_run_group_tests_name("definition_json", tests, NULL, NULL);
}
