/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes -> tree -> JSON, and the configuration and principals by their tables. What binds must print and bind again. */
#include "sp_conf.h"
#include "sp_crypto.h"
#include "sp_yaml.h"

#define OUT_MAX (1u << 22)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void rebind(struct sp_conf *conf)
{
    struct sp_buf b;
    struct sp_err err;
    struct sp_conf *again = NULL;
    sp_buf_init(&b, OUT_MAX);
    sp_conf_print(conf, &b);
    SP_ASSERT(b.failed || b.n > 262144 || sp_conf_parse("again", sp_buf_view(&b), NULL, &again, &err) == SP_OK);
    sp_conf_destroy(&again);
    sp_buf_fini(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool ready;
    struct sp_str text = sp_str_bytes(data, size);
    struct sp_err err;
    struct sp_yaml *y = NULL;
    struct sp_conf *conf = NULL;
    struct sp_conf_principals *principals = NULL;
    struct sp_buf b;
    if (!ready) {
        SP_ASSERT(sp_crypto_init() == SP_OK);
        ready = true;
    }
    sp_buf_init(&b, OUT_MAX);
    if (sp_yaml_parse("input", text, (struct sp_yaml_limits){65536, 4096, 8, 16}, &y, &err) == SP_OK) {
        for (uint32_t i = 0; i < sp_yaml_count(y); i++) {
            sp_yaml_json(sp_yaml_root(y, i), &b);
        }
        sp_yaml_destroy(&y);
    }
    if (sp_conf_parse("input", text, "/p", &conf, &err) == SP_OK) {
        rebind(conf);
        sp_conf_destroy(&conf);
    }
    if (sp_conf_principals_parse("input", text, &principals, &err) == SP_OK) {
        sp_conf_principals_destroy(&principals);
    }
    sp_buf_fini(&b);
    return 0;
}
