/* SPDX-License-Identifier: Apache-2.0 */
/* Resident plugins: pipelined answers, and every way to misbehave: each question still ends exactly once, and the plugin comes
 * back. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "exec_harness.h"
#include "msg.h"
#include "sp_crypto.h"

static struct exec_harness *const h = &exec_harness;

static void test_answers(void **state)
{
    (void)state;
    const struct exec_harness_seen *s = exec_harness_run("{\"plugin\":\"up\"}", EXEC_HARNESS_LONG_MS);
    assert_string_equal(s->detail, "OK - up");
    assert_string_equal(s->measures, "n=1");
    assert_int_equal(s->outcome, SP_OUTCOME_PASS);
    assert_true(s->evidence);
    void *check = exec_harness_compile("{\"plugin\":\"up\",\"args\":[\"{node}\",\"say \\\"x\\\"\"]}");
    for (uint32_t round = 0; round < 20; round++) {
        for (uint32_t i = 0; i < EXEC_HARNESS_SLOTS; i++)
            exec_harness_start(i, check, EXEC_HARNESS_LONG_MS);
        exec_harness_wait(EXEC_HARNESS_SLOTS);
        for (uint32_t i = 0; i < EXEC_HARNESS_SLOTS; i++)
            if (h->seen[i].outcome != SP_OUTCOME_PASS)
                fail_msg("%s", h->seen[i].detail);
    }
    exec_harness_release(check);
    assert_int_equal(exec_harness_processes("resident"), 1); /* one process, started once */
}

static void test_once(void **state)
{
    (void)state;
    /* Its input is at its end at once: it ends without a word. */
    const struct exec_harness_seen *s = exec_harness_run("{\"plugin\":\"up\",\"mode\":\"once\"}", EXEC_HARNESS_LONG_MS);
    assert_string_equal(s->detail, "(it printed nothing)");
}

static void test_misbehaviour(void **state)
{
    static const struct {
        const char *json;
        uint32_t timeout_ms;
        uint16_t reason;
    } rows[] = {
        {"{\"plugin\":\"up\",\"args\":[\"hang\"]}", 300, SP_REASON_DEADLINE},
        {"{\"plugin\":\"up\",\"args\":[\"die\"]}", EXEC_HARNESS_LONG_MS, SP_REASON_PLUGIN_EXIT},
        {"{\"plugin\":\"up\",\"args\":[\"garbage\"]}", EXEC_HARNESS_LONG_MS, SP_REASON_PLUGIN_EXIT},
        {"{\"plugin\":\"up\",\"args\":[\"long\"]}", EXEC_HARNESS_LONG_MS, SP_REASON_PLUGIN_EXIT},
        {"{\"plugin\":\"up\",\"args\":[\"code7\"]}", EXEC_HARNESS_LONG_MS, SP_REASON_PLUGIN_EXIT},
        {"{\"plugin\":\"up\",\"args\":[\"unknown\"]}", EXEC_HARNESS_LONG_MS, SP_REASON_OK},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(exec_harness_run(rows[i].json, rows[i].timeout_ms)->reason, rows[i].reason);
        assert_int_equal(exec_harness_run("{\"plugin\":\"up\"}", EXEC_HARNESS_LONG_MS)->outcome,
                         SP_OUTCOME_PASS); /* it came back */
    }
    assert_true(exec_harness_processes("resident") <= 1);
}

/* One bad question does not take its neighbours with it: they are asked again. */
static void test_neighbours(void **state)
{
    (void)state;
    void *good = exec_harness_compile("{\"plugin\":\"up\"}");
    void *bad = exec_harness_compile("{\"plugin\":\"up\",\"args\":[\"hang\"]}");
    for (uint32_t i = 0; i < 16; i++)
        exec_harness_start(i, i == 8 ? bad : good, i == 8 ? 300 : EXEC_HARNESS_LONG_MS);
    exec_harness_wait(16);
    for (uint32_t i = 0; i < 16; i++)
        assert_int_equal(h->seen[i].reason, i == 8 ? SP_REASON_DEADLINE : SP_REASON_OK);
    exec_harness_release(good);
    exec_harness_release(bad);
}

/* A job that is cancelled before its time does not end the process. */
static void test_cancel(void **state)
{
    (void)state;
    assert_int_equal(exec_harness_run("{\"plugin\":\"up\"}", EXEC_HARNESS_LONG_MS)->outcome, SP_OUTCOME_PASS); /* it is up now */
    void *check = exec_harness_compile("{\"plugin\":\"up\"}");
    for (uint32_t i = 0; i < 8; i++)
        exec_harness_start(i, check, EXEC_HARNESS_LONG_MS);
    adapter_exec.turn(h->instance);
    for (uint32_t i = 0; i < 8; i++)
        adapter_exec.cancel(h->instance, &h->job[i]);
    uint32_t before = h->ended;
    exec_rig_turn(&h->rig, 20);
    assert_int_equal(h->ended, before);
    assert_int_equal(exec_harness_processes("resident"), 1);
    exec_harness_release(check);
}

static void test_unsigned(void **state)
{
    (void)state;
    const struct exec_harness_seen *s = exec_harness_run("{\"plugin\":\"resident\"}", EXEC_HARNESS_LONG_MS);
    assert_int_equal(s->reason, SP_REASON_UNSIGNED_PLUGIN);
    assert_int_equal(s->outcome, SP_OUTCOME_ERROR);
}

static int setup(void **state)
{
    (void)state;
    assert_int_equal(sp_crypto_init(), SP_OK);
    exec_harness_sign("resident", "up", false, true);
    assert_true(exec_harness_open(true, ""));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    exec_harness_close();
    exec_harness_expect_gone("resident");
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_answers),      cmocka_unit_test(test_once),
                                       cmocka_unit_test(test_misbehaviour), cmocka_unit_test(test_neighbours),
                                       cmocka_unit_test(test_cancel),       cmocka_unit_test(test_unsigned)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
