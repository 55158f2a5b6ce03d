/* SPDX-License-Identifier: Apache-2.0 */
/* The contract suite judges good and bad plugins as it should. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "exec_harness.h"
#include "exec_verify.h"
#include "sp_hex.h"

static struct exec_verify_finding findings[EXEC_VERIFY_FINDINGS_MAX];
static uint32_t count;

static void verify(const char *plugin, const char *const *args, uint32_t n)
{
    static const uint8_t seed[32] = {1, 2, 3};
    uint8_t public_key[32];
    char key[65];
    struct sp_err err;
    const char *const dirs[] = {exec_harness.dir, SPICE_BINARY_DIR "/plugins", NULL};
    const char *const keys[] = {key, NULL};
    assert_int_equal(sp_crypto_sign_public(seed, public_key), SP_OK);
    sp_hex_write(public_key, sizeof public_key, key);
    const struct exec_verify_options o = {.libexec_dir = SPICE_BINARY_DIR,
                                          .dirs = dirs,
                                          .keys = keys,
                                          .plugin = plugin,
                                          .args = args,
                                          .args_count = n,
                                          .timeout_ms = strcmp(plugin, "hang") == 0 ? 500 : EXEC_HARNESS_LONG_MS,
                                          .node = "node-1",
                                          .address = "127.0.0.1"};
    if (exec_verify_run(&o, findings, &count, &err) != SP_OK)
        fail_msg("%s", err.text);
}

static enum exec_verify_level level_of(const char *name)
{
    for (uint32_t i = 0; i < count; i++)
        if (strcmp(findings[i].name, name) == 0)
            return findings[i].level;
    fail_msg("no finding %s", name);
    return EXEC_VERIFY_BAD;
}

static uint32_t bad(void)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < count; i++)
        n += findings[i].level == EXEC_VERIFY_BAD ? 1 : 0;
    return n;
}

static void test_good(void **state)
{
    (void)state;
    exec_harness_sign("count_dynamic", "good", true, false);
    verify("good", NULL, 0);
    assert_int_equal(bad(), 0);
    assert_int_equal(level_of("signed"), EXEC_VERIFY_OK);
    assert_int_equal(level_of("run"), EXEC_VERIFY_OK);
    assert_int_equal(level_of("output"), EXEC_VERIFY_OK);
    assert_int_equal(level_of("network"), EXEC_VERIFY_NOTE); /* asks for what it does not need */
}

static void test_bad(void **state)
{
    static const char *const seven[] = {"7"};
    static const char *const signal[] = {"11"};
    (void)state;
    verify("status", seven, 1);
    assert_int_equal(level_of("signed"), EXEC_VERIFY_NOTE);
    assert_int_equal(level_of("run"), EXEC_VERIFY_BAD);
    verify("die", signal, 1);
    assert_int_equal(level_of("run"), EXEC_VERIFY_BAD);
    verify("hang", NULL, 0);
    assert_int_equal(level_of("run"), EXEC_VERIFY_BAD);
    verify("flood", NULL, 0);
    assert_int_equal(level_of("run"), EXEC_VERIFY_BAD);
    verify("absent", NULL, 0);
    assert_int_equal(level_of("signed"), EXEC_VERIFY_BAD);
    verify("garbage", NULL, 0);
    assert_int_equal(level_of("measures"), EXEC_VERIFY_NOTE);
    verify("stray", NULL, 0);
    assert_int_equal(bad(), 0);
}

static void test_resident(void **state)
{
    static const char *const garbage[] = {"garbage"};
    (void)state;
    exec_harness_sign("resident", "up", false, true);
    verify("up", NULL, 0);
    assert_int_equal(level_of("resident"), EXEC_VERIFY_OK);
    verify("up", garbage, 1);
    assert_int_equal(level_of("resident"), EXEC_VERIFY_BAD);
}

/* The example people copy, under the sandbox: a script reaches its own text, and Python finds its library. */
static void test_examples(void **state)
{
    static const char *const args[] = {"1e6", "1e6"};
    static const char *const age[] = {"/etc/passwd", "1000000000", "2000000000"};
    (void)state;
    exec_harness_sign(SPICE_SOURCE_DIR "/ops/examples/plugins/check_loadavg.py", "check_loadavg", false, true);
    verify("check_loadavg", args, 2);
    assert_int_equal(level_of("resident"), EXEC_VERIFY_OK);
    exec_harness_sign(SPICE_SOURCE_DIR "/ops/examples/plugins/check_age.sh", "check_age", false, false);
    verify("check_age", age, 3);
    assert_int_equal(bad(), 0);
    assert_int_equal(level_of("run"), EXEC_VERIFY_OK);
    assert_int_equal(level_of("measures"), EXEC_VERIFY_OK);
}

static int setup(void **state)
{
    (void)state;
    exec_harness_dir();
    return sp_crypto_init() == SP_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    assert_true(exec_harness_open(false, "")); /* takes the directory away */
    exec_harness_close();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_good), cmocka_unit_test(test_bad), cmocka_unit_test(test_resident),
                                       cmocka_unit_test(test_examples)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
