/* SPDX-License-Identifier: Apache-2.0 */
/* Limits, refusals, and random lives of the scheduler: operators, nodes, brokers, answers and time at random, from a seed. */
#include "scheduler_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "sp_rng.h"

#define S     1000000ull
#define SEEDS 8u

static struct scheduler_world *w;

static void pairs_have_a_limit(void **state)
{
    (void)state;
    w = scheduler_world_new(100);
    scheduler_world_fleet(w, 150, 1000);
    assert_int_equal(w->core.pairs.count, 100);
    assert_int_equal(scheduler_world_run_now(w, "c1", "n149", false), 0);
    scheduler_world_run(w, 2 * S);
    assert_true(w->job_count >= 100);
    assert_true(scheduler_core_check(&w->core));
    scheduler_world_destroy(&w);
}

static void refused_result_is_asked_again_soon(void **state)
{
    (void)state;
    w = scheduler_world_new(100);
    scheduler_world_fleet(w, 1, 3600000);
    assert_int_equal(scheduler_world_run_now(w, "c1", "n0", false), 1);
    assert_int_equal(scheduler_world_close(w, &w->jobs[0], SP_OUTCOME_PASS, SP_REFUSAL_FUTURE, ""), SP_OK);
    scheduler_world_run(w, PLAN_PROMPT_SPAN_MS * 1000ull);
    assert_int_equal(w->job_count, 2);
    assert_int_equal(scheduler_world_close(w, &w->jobs[1], SP_OUTCOME_PASS, SP_REFUSAL_SCOPE, ""), SP_OK);
    scheduler_world_run(w, PLAN_PROMPT_SPAN_MS * 1000ull);
    assert_int_equal(w->job_count, 2); /* nothing that soon would be better */
    scheduler_world_destroy(&w);
}

/* The keeper refuses results of a definition it has not heard of: the first run of a new one would be for nothing. */
static void no_job_before_its_definition_was_told(void **state)
{
    (void)state;
    w = scheduler_world_new(100);
    scheduler_world_fleet(w, 1, 3600000);
    scheduler_world_run(w, S);
    uint32_t told = scheduler_world_sent(w, SP_MSG_CHECK_SET);
    assert_int_equal(scheduler_world_check(w, "c2", "p", ""), SP_OK);
    assert_int_equal(scheduler_world_sent(w, SP_MSG_CHECK_SET), told + 1);
    assert_int_equal(scheduler_world_check(w, "c3", "p", ""), SP_OK); /* told with what else changes now */
    assert_int_equal(scheduler_world_run_now(w, "c3", "n0", false), 1);
    assert_int_equal(scheduler_world_sent(w, SP_MSG_CHECK_SET), told + 1);
    assert_int_equal(w->job_count, 0);
    scheduler_world_run(w, 2ull * SCHEDULER_CORE_CHECKS_GAP_MS * 1000);
    assert_int_equal(scheduler_world_sent(w, SP_MSG_CHECK_SET), told + 2);
    assert_int_equal(w->job_count, 1);
    assert_true(scheduler_core_check(&w->core));
    scheduler_world_destroy(&w);
}

/* Without the keeper's clock no job is issued; what it said while the broker was frozen or away is lost, and it may be silent for long. */
static void keepers_clock_is_asked_for_when_a_broker_is_back(void **state)
{
    (void)state;
    w = scheduler_world_new(100);
    scheduler_world_fleet(w, 10, 1000);
    scheduler_world_run(w, 3 * S);
    scheduler_world_link(w, false, 5);
    scheduler_world_freeze(w, 60 * S);
    scheduler_world_tick(w);
    uint32_t asked = scheduler_world_sent(w, SP_MSG_SYNC_REQUEST);
    scheduler_world_link(w, true, 6);
    assert_int_equal(scheduler_world_sent(w, SP_MSG_SYNC_REQUEST), asked + 1);
    scheduler_world_freeze(w, SCHEDULER_CORE_ASK_MS * 1000ull); /* nobody there yet: again */
    scheduler_world_tick(w);
    assert_int_equal(scheduler_world_sent(w, SP_MSG_SYNC_REQUEST), asked + 2);
    assert_int_equal(scheduler_world_nodes(w, w->core.nodes_version, w->core.nodes_version, 0, 0), SP_OK);
    scheduler_world_freeze(w, 2 * SCHEDULER_CORE_ASK_MS * 1000ull);
    scheduler_world_tick(w);
    assert_int_equal(scheduler_world_sent(w, SP_MSG_SYNC_REQUEST), asked + 2);
    assert_int_equal(w->core.pairs.count, 10);
    scheduler_world_destroy(&w);
}

/* Stopped for a minute, it reads the answers that waited before it calls a lease lost. */
static void answers_that_waited_count_after_a_freeze(void **state)
{
    (void)state;
    w = scheduler_world_new(100);
    scheduler_world_fleet(w, 1, 3600000);
    assert_int_equal(scheduler_world_run_now(w, "c1", "n0", false), 1);
    assert_int_equal(scheduler_world_run_now(w, "c1", "n0", false), 0);
    scheduler_world_freeze(w, 60 * S);
    scheduler_world_tick(w); /* time is looked at before the socket is */
    assert_int_equal(w->core.open_leases, 1);
    assert_int_equal(scheduler_world_close(w, &w->jobs[0], SP_OUTCOME_PASS, SP_REFUSAL_NONE, ""), SP_OK);
    assert_int_equal(w->core.stats.closed, 1);
    assert_int_equal(w->core.stats.lost, 0);
    scheduler_world_run(w, S);
    assert_int_equal(scheduler_world_run_now(w, "c1", "n0", false), 1);
    scheduler_world_freeze(w, 60 * S);
    scheduler_world_tick(w);
    scheduler_world_run(w, S); /* nothing waited: lost */
    assert_int_equal(w->core.stats.lost, 1);
    assert_true(scheduler_core_check(&w->core));
    scheduler_world_destroy(&w);
}

/* Random acts and answers: the tables always agree (no pair has two jobs out, nothing waits for nothing) and job numbers rise. */
static void random_life(uint64_t seed)
{
    struct sp_rng r = {seed};
    scheduler_world_fleet(w, 40, 2000);
    struct profile_def p = {
        .name = "q", .period_ms = 3000, .jitter_percent = 20, .max_running = 5, .max_per_node = 2, .priority = 1};
    assert_int_equal(scheduler_world_profile_put(w, &p), SP_OK);
    for (unsigned step = 0; step < 1500; step++) {
        char name[16];
        (void)snprintf(name, sizeof name, "c%u", 1 + (unsigned)sp_rng_below(&r, 5));
        uint32_t before = w->job_count;
        switch (sp_rng_below(&r, 14)) {
        case 0:
            (void)scheduler_world_check(w, name, sp_rng_below(&r, 2) ? "p" : "q", sp_rng_below(&r, 2) ? "rack=r2" : "");
            break;
        case 1:
            (void)scheduler_world_select(w, sp_rng_below(&r, 2) ? NULL : name, sp_rng_below(&r, 2) ? "q" : "");
            break;
        case 2:
            (void)scheduler_world_nodes(w, w->core.nodes_version + 1, 0, (uint32_t)sp_rng_below(&r, 20),
                                        20 + (uint32_t)sp_rng_below(&r, 20));
            break;
        case 3: {
            char node[16];
            (void)snprintf(node, sizeof node, "n%u", (unsigned)sp_rng_below(&r, 60));
            (void)scheduler_world_run_now(w, name, node, sp_rng_below(&r, 2) != 0);
            break;
        }
        case 4:
            scheduler_world_link(w, false, 5);
            scheduler_world_link(w, true, 5 + sp_rng_below(&r, 3));
            (void)scheduler_world_credit(w, "noop", sp_rng_below(&r, 50));
            break;
        case 5:
            (void)scheduler_world_credit(w, "noop", w->core.lanes.list[0].credit[0].sent + sp_rng_below(&r, 30));
            break;
        case 6:
            scheduler_world_freeze(w, sp_rng_below(&r, 20 * S));
            scheduler_world_tick(w);
            break;
        case 7: {
            struct scheduler_core_event e = {.kind = SCHEDULER_EV_CHECK_DELETE, .version = ++w->version};
            e.u.name = name;
            (void)scheduler_world_step(w, &e);
            break;
        }
        case 8:
            w->now.wall.ms += sp_rng_below(&r, 10000000); /* a wall clock step */
            scheduler_world_tick(w);
            break;
        default:
            for (unsigned i = 0; i < 10 && w->job_count > 0; i++) {
                uint64_t back = sp_rng_below(&r, w->job_count < 40 ? w->job_count : 40);
                struct scheduler_world_job job = w->jobs[w->job_count - 1 - back];
                if (sp_rng_below(&r, 10) == 0)
                    (void)scheduler_world_return(w, &job);
                else
                    (void)scheduler_world_close(w, &job, (uint8_t)sp_rng_below(&r, 4),
                                                sp_rng_below(&r, 8) == 0 ? SP_REFUSAL_DIGEST : 0, "");
            }
            scheduler_world_run(w, sp_rng_below(&r, S));
            break;
        }
        assert_true(scheduler_core_check(&w->core));
        for (uint32_t i = before; i < w->job_count; i++)
            for (uint32_t k = i + 1; k < w->job_count; k++)
                assert_true(w->jobs[i].ticket.job < w->jobs[k].ticket.job);
        if (w->job_count > SCHEDULER_WORLD_JOBS_MAX / 2)
            break;
        w->sent_count = 0;
    }
    assert_true(w->job_count > 500);
}

static void random_lives(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        w = scheduler_world_new(100000);
        random_life(seed);
        scheduler_world_destroy(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(pairs_have_a_limit),
                                       cmocka_unit_test(refused_result_is_asked_again_soon),
                                       cmocka_unit_test(no_job_before_its_definition_was_told),
                                       cmocka_unit_test(keepers_clock_is_asked_for_when_a_broker_is_back),
                                       cmocka_unit_test(answers_that_waited_count_after_a_freeze),
                                       cmocka_unit_test(random_lives)};
    return cmocka_run_group_tests_name("scheduler_life", tests, NULL, NULL);
}
