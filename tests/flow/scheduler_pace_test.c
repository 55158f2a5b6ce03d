/* SPDX-License-Identifier: Apache-2.0 */
/* How the scheduler trades messages for lateness: load fills batches, and where nobody answers at once jobs wait for company. */
#include "scheduler_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define S 1000000ull

static struct scheduler_world *w;

static int setup(void **state)
{
    (void)state;
    w = scheduler_world_new(100000);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    assert_true(scheduler_core_check(&w->core));
    scheduler_world_destroy(&w);
    return 0;
}

/* A hundred thousand due times a second leave in messages worth sending, and none waits longer than the pace allows. */
static void heavy_load_fills_batches(void **state)
{
    (void)state;
    scheduler_world_fleet(w, 100000, 1000);
    uint32_t from = 0;
    scheduler_world_run_answering(w, S / 2, 1000, 0, &from);
    assert_true(w->job_count > 40000);
    assert_true(w->core.stats.batches * 64 < w->job_count);
    assert_true(w->core.stats.late_max_us <= 2500);
}

static void light_load_never_waits(void **state)
{
    (void)state;
    scheduler_world_fleet(w, 200, 1000);
    uint32_t from = 0;
    scheduler_world_run_answering(w, 3 * S, 1000, 0, &from);
    assert_true(w->job_count > 400);
    assert_true(w->core.stats.late_max_us <= 100);
}

/* Of 20,000 spans of 100 us, those in which the scheduler wants to be woken; answers take 100 ms. */
static unsigned wakings(uint32_t *from)
{
    unsigned n = 0;
    for (unsigned i = 0; i < 20000; i++) {
        n += scheduler_core_deadline(&w->core).us < w->core.now.mono.us + 100;
        scheduler_world_run(w, 100);
        if (i % 10 == 0)
            scheduler_world_answer(w, from, S / 10, SP_OUTCOME_PASS);
    }
    return n;
}

/* Where answers take a while anyway, jobs wait for company: a small part of that while, and never more than a few milliseconds. */
static void slow_answers_fill_batches(void **state)
{
    (void)state;
    scheduler_world_fleet(w, 3000, 1000);
    uint32_t from = 0;
    scheduler_world_run_answering(w, 2 * S, 1000, S / 10, &from);
    uint64_t jobs = w->job_count, batches = w->core.stats.batches;
    scheduler_world_run_answering(w, 2 * S, 1000, S / 10, &from);
    jobs = w->job_count - jobs;
    batches = w->core.stats.batches - batches;
    assert_true(jobs > 5000);
    assert_true(batches * 6 < jobs);
    assert_true(w->core.stats.late_max_us <= 5100);
    assert_in_range(wakings(&from), 50, 500);               /* nobody gets up for each of the 6,000 that only join those who wait */
    scheduler_world_run_answering(w, S, 1000, 1000, &from); /* soon again at once, when answers are */
    w->core.stats.late_max_us = 0;
    scheduler_world_run_answering(w, 2 * S, 1000, 1000, &from);
    assert_true(w->core.stats.late_max_us <= 200);
}

/* Without credit nothing can leave: who falls due wakes nobody, and all of them leave when credit comes. */
static void without_credit_nobody_wakes(void **state)
{
    (void)state;
    unsigned n = 0;
    scheduler_world_start(w);
    assert_int_equal(scheduler_world_profile(w, "p", 1000, 10), SP_OK);
    assert_int_equal(scheduler_world_check(w, "c1", "p", ""), SP_OK);
    scheduler_world_run(w, SCHEDULER_CORE_CHECKS_GAP_MS * 1000ull);
    assert_int_equal(scheduler_world_nodes(w, 1, 0, 0, 3000), SP_OK);
    for (unsigned i = 0; i < 20000; i++) {
        n += scheduler_core_deadline(&w->core).us < w->core.now.mono.us + 100;
        scheduler_world_run(w, 100);
    }
    assert_in_range(n, 0, 500);
    assert_int_equal(w->job_count, 0);
    assert_int_equal(scheduler_world_credit(w, "noop", SCHEDULER_WORLD_PLENTY), SP_OK);
    scheduler_world_run(w, 10000);
    assert_in_range(w->job_count, 2900, 3100);
}

/* Answers each job after the time of its check. */
static void answer_each(uint32_t fast_id, uint64_t fast_us, uint64_t slow_us, bool *closed, uint32_t *first)
{
    for (uint32_t i = *first; i < w->job_count; i++) {
        struct scheduler_world_job job = w->jobs[i];
        uint64_t after_us = job.ticket.check == fast_id ? fast_us : slow_us;
        if (!closed[i] && job.at_us + after_us <= w->now.mono.us) {
            assert_int_equal(scheduler_world_close(w, &job, SP_OUTCOME_PASS, SP_REFUSAL_NONE, ""), SP_OK);
            closed[i] = true;
        }
    }
    for (; *first < w->job_count && closed[*first]; (*first)++) {
    }
}

/* A lane that answers at once beside one that does not: its jobs wait for nobody. */
static void a_slow_lane_holds_no_other(void **state)
{
    (void)state;
    static bool closed[200000];
    struct check_def fast = scheduler_world_def("c2", "q", "");
    uint64_t late_us = 0;
    uint32_t first = 0, seen = 0;
    memset(closed, 0, sizeof closed);
    (void)snprintf(fast.adapter, sizeof fast.adapter, "quick");
    scheduler_world_fleet(w, 2000, 1000);
    assert_int_equal(scheduler_world_profile(w, "q", 10000, 10), SP_OK);
    assert_int_equal(scheduler_world_check_put(w, &fast), SP_OK);
    assert_int_equal(scheduler_world_credit(w, "quick", SCHEDULER_WORLD_PLENTY), SP_OK);
    for (unsigned i = 0; i < 8000; i++) {
        scheduler_world_run(w, 1000); /* by the scheduler's own deadlines, and once at its end */
        answer_each(fast.id, 1000, S / 10, closed, &first);
        for (; seen < w->job_count; seen++) {
            const struct scheduler_core_issue *issue = scheduler_core_trace_find(&w->core, w->jobs[seen].ticket.job);
            if (issue != NULL && i > 4000 && issue->check_id == fast.id && issue->issued_us - issue->due_us > late_us)
                late_us = issue->issued_us - issue->due_us;
        }
    }
    assert_in_range(late_us, 0, 200);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(heavy_load_fills_batches),    T(light_load_never_waits),     T(slow_answers_fill_batches),
        T(without_credit_nobody_wakes), T(a_slow_lane_holds_no_other),
    };
    return cmocka_run_group_tests_name("scheduler_pace", tests, NULL, NULL);
}
