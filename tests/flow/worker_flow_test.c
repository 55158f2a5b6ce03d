/* SPDX-License-Identifier: Apache-2.0 */
/* A real worker process behind a real broker: definitions fetched, results signed and answered, killed and drained at bad moments. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "msg.h"
#include "worker_rig.h"

#define FAST                                                                                                                       \
    "bus:\n  heartbeat: 100ms\n  lost: 30s\n  reconnect: 20ms\n  reconnect_max: 50ms\n  stats: 1s\nworker:\n  adapters: [noop, http]\n  drain: 1m\n"

#define LONG_MS 60000u /* nothing that goes well takes so long, on no machine and under no sanitizer */

static struct worker_rig w;

static int open_all(void **state)
{
    (void)state;
    worker_rig_open(&w, FAST);
    worker_rig_start(&w, 0);
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    worker_rig_close(&w);
    return 0;
}

static void each_once(uint64_t from, uint64_t to, uint8_t outcome)
{
    for (uint64_t i = from; i < to; i++) {
        if (w.result[i].copies != 1 || w.result[i].outcome != outcome) {
            fail_msg("job %lu: %u results, outcome %u reason %s (%s)", i + 1, w.result[i].copies, w.result[i].outcome,
                     sp_reason_name(w.result[i].reason), w.result[i].detail);
        }
    }
}

static void runs_checks(void **state)
{
    unsigned sent = 0;
    (void)state;
    unsigned pass = worker_rig_define(&w, "noop", "{}");
    unsigned slow = worker_rig_define(&w, "noop", "{\"outcome\":\"warn\",\"delay\":\"50ms\",\"detail\":\"a remark\"}");
    worker_rig_route(&w, "noop", 1);
    for (unsigned i = 0; i < 20; i++) {
        worker_rig_send_all(&w, pass, 100, LONG_MS);
        sent += 100;
        assert_true(worker_rig_wait(&w, sent, LONG_MS));
    }
    assert_int_equal(sent, 2000);
    each_once(0, 2000, SP_OUTCOME_PASS);
    assert_int_equal(w.gets, 1); /* one definition, fetched once */
    worker_rig_send_all(&w, slow, 100, LONG_MS);
    sent += 100;
    assert_true(worker_rig_wait(&w, sent, LONG_MS));
    each_once(2000, 2100, SP_OUTCOME_WARN);
    assert_string_equal(w.result[2050].detail, "a remark");
    assert_in_range(w.result[2050].run_us, 50000, LONG_MS * 1000u);
}

static void ends_what_cannot_run(void **state)
{
    (void)state;
    unsigned bad = worker_rig_define(&w, "noop", "{\"outcom\":\"pass\"}");
    unsigned hang = worker_rig_define(&w, "noop", "{\"delay\":\"1h\"}");
    worker_rig_route(&w, "noop", 1);
    worker_rig_send_all(&w, bad, 3, LONG_MS);
    worker_rig_send_all(&w, hang, 3, 200);
    assert_true(worker_rig_wait(&w, 6, LONG_MS));
    each_once(0, 6, SP_OUTCOME_ERROR);
    assert_int_equal(w.result[0].reason, SP_REASON_BAD_PARAMETERS);
    assert_string_equal(w.result[0].detail, "unknown parameter \"outcom\"; did you mean outcome?");
    assert_int_equal(w.result[3].reason, SP_REASON_DEADLINE);
    assert_in_range(w.result[3].run_us, 200000, LONG_MS * 1000u);
}

static bool some_unanswered(void *ctx)
{
    return ((struct worker_rig *)ctx)->batches > 0;
}

/* Each of the first 200 jobs has a result in the outbox: nothing is sent that is not there. */
static bool all_unanswered(void *ctx)
{
    return ((struct worker_rig *)ctx)->heard == 200;
}

/* kill -9 while the keeper is silent: the next life of the worker sends what the last one knew. */
static void outlives_kill(void **state)
{
    (void)state;
    unsigned pass = worker_rig_define(&w, "noop", "{}");
    worker_rig_route(&w, "noop", 1);
    w.silent = true;
    worker_rig_send_all(&w, pass, 200, LONG_MS);
    assert_true(worker_rig_until(&w, all_unanswered, LONG_MS));
    (void)worker_rig_stop(&w, 0, SIGKILL);
    w.silent = false;
    assert_int_equal(w.results, 0);
    worker_rig_start(&w, 0);
    assert_true(worker_rig_wait(&w, 200, LONG_MS));
    each_once(0, 200, SP_OUTCOME_PASS);
}

/* A silent keeper is asked again and again; one answer ends it. */
static void repeats_until_answered(void **state)
{
    (void)state;
    unsigned pass = worker_rig_define(&w, "noop", "{}");
    worker_rig_route(&w, "noop", 1);
    w.silent = true;
    worker_rig_send_all(&w, pass, 10, LONG_MS);
    assert_true(worker_rig_until(&w, some_unanswered, LONG_MS));
    w.silent = false;
    assert_true(worker_rig_wait(&w, 10, LONG_MS));
    assert_true(w.batches >= 2);
}

static bool link_is_back(void *ctx)
{
    struct worker_rig *r = ctx;
    return sp_bus_up_count(r->scheduler) > 0 && sp_bus_up_count(r->keeper) > 0;
}

/* The broker dies with results in its hands. */
static void outlives_the_broker(void **state)
{
    (void)state;
    unsigned slow = worker_rig_define(&w, "noop", "{\"delay\":\"300ms\"}");
    worker_rig_route(&w, "noop", 1);
    worker_rig_send_all(&w, slow, 50, LONG_MS);
    worker_rig_send_all(&w, slow, 50, LONG_MS);
    w.silent = true;
    assert_true(worker_rig_until(&w, some_unanswered, LONG_MS));
    (void)bus_rig_stop(&w.rig, 0, SIGKILL);
    w.silent = false;
    bus_rig_start(&w.rig, 0);
    assert_true(worker_rig_until(&w, link_is_back, LONG_MS));
    assert_true(worker_rig_wait(&w, 100, LONG_MS));
}

/* SIGTERM: what runs is finished, what waits comes back, every result is answered, and the end is a good one. */
static void drains(void **state)
{
    (void)state;
    unsigned slow = worker_rig_define(&w, "noop", "{\"delay\":\"400ms\"}");
    worker_rig_route(&w, "noop", 1);
    worker_rig_send_all(&w, slow, 50, LONG_MS);
    w.silent = true;
    worker_rig_send_all(&w, worker_rig_define(&w, "noop", "{}"), 5, LONG_MS);
    assert_true(worker_rig_until(&w, some_unanswered, LONG_MS)); /* so the others run by now */
    w.silent = false;
    int status = worker_rig_stop(&w, 0, SIGTERM);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_true(worker_rig_wait(&w, 55, LONG_MS));
    assert_int_equal(w.results, 55);
    each_once(0, 50, SP_OUTCOME_PASS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(runs_checks, open_all, close_all),
        cmocka_unit_test_setup_teardown(ends_what_cannot_run, open_all, close_all),
        cmocka_unit_test_setup_teardown(outlives_kill, open_all, close_all),
        cmocka_unit_test_setup_teardown(repeats_until_answered, open_all, close_all),
        cmocka_unit_test_setup_teardown(outlives_the_broker, open_all, close_all),
        cmocka_unit_test_setup_teardown(drains, open_all, close_all),
    };
    return cmocka_run_group_tests_name("worker process", tests, NULL, NULL);
}
