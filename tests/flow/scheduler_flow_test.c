/* SPDX-License-Identifier: Apache-2.0 */
/* Scenarios of the scheduler in virtual time: from the claim of the epoch to jobs, answers, retries, credit, freezes. */
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

/* ---- start ---- */

static void no_job_before_all_is_known(void **state)
{
    (void)state;
    assert_int_equal(scheduler_world_profile(w, "p", 1000, 0), SP_OK);
    assert_int_equal(scheduler_world_check(w, "c1", "p", ""), SP_OK);
    scheduler_world_tick(w);
    assert_int_equal(w->sent_count, 0); /* no broker */
    scheduler_world_link(w, true, 5);
    assert_int_equal(scheduler_world_sent(w, SP_MSG_EPOCH_CLAIM), 1);
    assert_int_equal(scheduler_world_sent(w, SP_MSG_SYNC_REQUEST), 1);
    assert_int_equal(scheduler_world_sent(w, SP_MSG_ROUTE_OPEN), 1);
    assert_int_equal(scheduler_world_nodes(w, 1, 0, 0, 3), SP_OK);
    assert_int_equal(scheduler_world_credit(w, "noop", SCHEDULER_WORLD_PLENTY), SP_OK);
    scheduler_world_freeze(w, 5 * S);
    scheduler_world_tick(w);
    assert_int_equal(w->job_count, 0); /* no epoch */
    assert_int_equal(scheduler_world_grant(w, 1, 11), SP_OK);
    assert_int_equal(w->job_count, 0); /* no keeper's clock */
    assert_int_equal(scheduler_world_clock(w, false), SP_OK);
    assert_int_equal(w->job_count, 0); /* not ready */
    assert_int_equal(scheduler_world_clock(w, true), SP_OK);
    assert_int_equal(w->job_count, 3); /* what was due meanwhile, once each */
    assert_true(scheduler_core_is_ready(&w->core));
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(w->jobs[i].ticket.epoch, 1);
        assert_int_equal(w->jobs[i].ticket.job, 1ull << 40 | (i + 1));
        assert_int_equal(w->jobs[i].ticket.issued_ms, w->now.mono.us / 1000 + 5000);
        assert_int_equal(w->jobs[i].ticket.clock_boot, 99);
        assert_int_equal(w->jobs[i].ticket.attempt, 1);
        assert_int_equal(w->jobs[i].ticket.flags, 0);
    }
}

static void claims_until_granted_and_above_what_is_in_force(void **state)
{
    (void)state;
    scheduler_world_link(w, true, 5);
    scheduler_world_run(w, 3 * S + 1000);
    assert_in_range(scheduler_world_sent(w, SP_MSG_EPOCH_CLAIM), 4, 5);
    assert_int_equal(scheduler_world_grant(w, 9, 1234), SP_OK); /* somebody had 9 */
    assert_int_equal(w->stored_epoch, 10);
    assert_int_equal(w->core.epoch, 1); /* not before it is durable */
    struct scheduler_core_event e = {.kind = SCHEDULER_EV_STORED};
    e.u.stored.epoch = 10;
    e.u.stored.ok = true;
    assert_int_equal(scheduler_world_step(w, &e), SP_OK);
    assert_int_equal(w->core.epoch, 10);
    struct msg_epoch_claim claim;
    assert_int_equal(w->sent[w->sent_count - 1], SP_MSG_EPOCH_CLAIM);
    assert_int_equal(msg_epoch_claim_decode(w->last_body, w->last_bytes, &claim), SP_OK);
    assert_int_equal(claim.epoch, 10);
    assert_int_equal(scheduler_world_grant(w, 10, 11), SP_OK);
    assert_int_equal(w->core.phase, SCHEDULER_ACTIVE);
    assert_int_equal(scheduler_world_grant(w, 9, 1234), SP_E_STALE); /* a late one changes nothing */
    assert_int_equal(w->core.phase, SCHEDULER_ACTIVE);
}

static void deposed_issues_nothing_more(void **state)
{
    (void)state;
    scheduler_world_fleet(w, 10, 1000);
    uint32_t from = 0;
    scheduler_world_run_answering(w, 3 * S, S / 10, 0, &from);
    assert_true(w->job_count >= 20);
    assert_int_equal(scheduler_world_grant(w, 2, 4321), SP_OK);
    assert_int_equal(w->core.phase, SCHEDULER_DEPOSED);
    uint32_t had = w->job_count;
    scheduler_world_run(w, 10 * S);
    assert_int_equal(w->job_count, had);
    assert_int_equal(scheduler_world_grant(w, 2, 11), SP_E_STALE);
    assert_int_equal(w->core.phase, SCHEDULER_DEPOSED);
}

static void each_pair_runs_once_a_period(void **state)
{
    (void)state;
    scheduler_world_fleet(w, 50, 10000);
    uint32_t from = 0, count[51] = {0};
    scheduler_world_run_answering(w, 100 * S, S / 20, 0, &from);
    for (uint32_t i = 0; i < w->job_count; i++)
        count[w->jobs[i].ticket.node]++;
    for (unsigned i = 1; i <= 50; i++)
        assert_in_range(count[i], 9, 11);
    assert_int_equal(w->core.stats.missed, 0);
    assert_true(scheduler_core_late_at(&w->core, 990) <= 1024);
}

static void restart_keeps_phases(void **state)
{
    (void)state;
    scheduler_world_fleet(w, 20, 10000);
    uint32_t from = 0;
    scheduler_world_run_answering(w, 20 * S, S / 20, 0, &from);
    uint64_t due[21] = {0};
    for (uint32_t slot = 0; slot < w->core.pairs.top; slot++)
        due[w->core.registry.nodes[w->core.pairs.list[slot].node].id] = w->core.pairs.list[slot].due;
    struct sp_now then = w->now;
    scheduler_world_destroy(&w);
    w = scheduler_world_new(1000);
    w->now = then;
    w->now.mono.us -= SCHEDULER_CORE_CHECKS_GAP_MS * 1000ull; /* the nodes come at the same moment */
    w->now.wall.ms -= SCHEDULER_CORE_CHECKS_GAP_MS;
    scheduler_world_fleet(w, 20, 10000);
    for (uint32_t slot = 0; slot < w->core.pairs.top; slot++)
        assert_int_equal(w->core.pairs.list[slot].due, due[w->core.registry.nodes[w->core.pairs.list[slot].node].id]);
}

static void no_credit_means_late_not_twice(void **state)
{
    (void)state;
    scheduler_world_start(w);
    assert_int_equal(scheduler_world_profile(w, "p", 1000, 0), SP_OK);
    assert_int_equal(scheduler_world_check(w, "c1", "p", ""), SP_OK);
    assert_int_equal(scheduler_world_nodes(w, 1, 0, 0, 20), SP_OK);
    scheduler_world_run(w, 5 * S);
    assert_int_equal(w->job_count, 0);
    assert_int_equal(scheduler_core_backlog(&w->core), 20);
    assert_int_equal(scheduler_world_credit(w, "noop", 7), SP_OK);
    assert_int_equal(w->job_count, 7);
    assert_int_equal(scheduler_world_credit(w, "noop", 7), SP_OK); /* a repeat gives nothing */
    assert_int_equal(w->job_count, 7);
    assert_int_equal(scheduler_world_credit(w, "other", SCHEDULER_WORLD_PLENTY), SP_E_STALE);
    assert_int_equal(scheduler_world_credit(w, "noop", 30), SP_OK);
    assert_int_equal(w->job_count, 20); /* the rest, nobody twice */
    uint64_t seen = 0;
    for (uint32_t i = 0; i < 20; i++) {
        assert_false(seen >> w->jobs[i].ticket.node & 1);
        seen |= 1ull << w->jobs[i].ticket.node;
    }
}

static void broker_restart_counts_from_zero(void **state)
{
    (void)state;
    scheduler_world_fleet(w, 10, 1000);
    uint32_t from = 0;
    scheduler_world_run_answering(w, 3 * S, S / 10, 0, &from);
    uint32_t had = w->job_count;
    scheduler_world_link(w, false, 5);
    scheduler_world_run(w, 2 * S);
    assert_int_equal(w->job_count, had);
    uint32_t asked = scheduler_world_sent(w, SP_MSG_ROUTE_OPEN);
    scheduler_world_link(w, true, 6);
    assert_int_equal(scheduler_world_sent(w, SP_MSG_ROUTE_OPEN), asked + 1);
    scheduler_world_run(w, 2 * S);
    assert_int_equal(w->job_count, had); /* credit of the old start is void */
    assert_int_equal(scheduler_world_credit(w, "noop", 4), SP_OK);
    assert_int_equal(w->job_count, had + 4);
}

static void after_a_freeze_each_pair_once(void **state)
{
    (void)state;
    scheduler_world_fleet(w, 500, 1000);
    uint32_t from = 0;
    scheduler_world_run_answering(w, 5 * S, S / 50, 0, &from);
    uint32_t had = w->job_count;
    scheduler_world_freeze(w, 60 * S);
    /* As after any freeze of ours, input is read first: the keeper's clock, then time. */
    (void)scheduler_world_clock(w, true);
    for (unsigned i = 0; i < 100 && (i == 0 || w->core.again); i++)
        scheduler_world_tick(w);
    assert_int_equal(w->job_count - had, 500);
    uint8_t seen[501] = {0};
    for (uint32_t i = had; i < w->job_count; i++)
        assert_int_equal(seen[w->jobs[i].ticket.node]++, 0);
    scheduler_world_answer(w, &from, 0, SP_OUTCOME_PASS);
    assert_true(w->core.stats.missed >= 500 * 58);
    scheduler_world_run_answering(w, 2 * S, S / 50, 0, &from);
    assert_in_range(w->job_count - had, 500 + 900, 500 + 1150); /* back to the old pace at once */
}

static void profile_change_takes_effect_without_a_burst(void **state)
{
    (void)state;
    scheduler_world_fleet(w, 2000, 300000);
    uint32_t from = 0;
    scheduler_world_run_answering(w, 5 * S, S / 10, 0, &from);
    assert_int_equal(scheduler_world_profile(w, "fast", 10000, 10), SP_OK);
    uint32_t had = w->job_count;
    assert_int_equal(scheduler_world_select(w, NULL, "fast"), SP_OK);
    uint32_t most = 0;
    for (unsigned i = 0; i < 100; i++) {
        uint32_t before = w->job_count;
        scheduler_world_run(w, S / 10);
        most = w->job_count - before > most ? w->job_count - before : most;
        scheduler_world_answer(w, &from, 0, SP_OUTCOME_PASS);
    }
    assert_in_range(w->job_count - had, 1800, 2200); /* a whole period: everybody about once */
    assert_true(most <= 2 * 2000 / 100 + 20);        /* evenly */
    assert_int_equal(scheduler_world_select(w, NULL, ""), SP_OK);
    had = w->job_count;
    scheduler_world_run_answering(w, 10 * S, S / 10, 0, &from);
    assert_in_range(w->job_count - had, 30, 120); /* back to 300 s */
    assert_int_equal(scheduler_world_select(w, NULL, "nosuch"), SP_E_NOT_FOUND);
}

static void caps_hold(void **state)
{
    (void)state;
    scheduler_world_start(w);
    struct profile_def p = {.name = "p", .period_ms = 1000, .max_running = 3, .priority = 5};
    assert_int_equal(scheduler_world_profile_put(w, &p), SP_OK);
    struct profile_def q = {.name = "q", .period_ms = 1000, .max_per_node = 1, .priority = 5};
    assert_int_equal(scheduler_world_profile_put(w, &q), SP_OK);
    assert_int_equal(scheduler_world_check(w, "c1", "p", ""), SP_OK);
    assert_int_equal(scheduler_world_check(w, "c2", "q", ""), SP_OK);
    assert_int_equal(scheduler_world_check(w, "c3", "q", ""), SP_OK);
    assert_int_equal(scheduler_world_nodes(w, 1, 0, 0, 8), SP_OK);
    assert_int_equal(scheduler_world_credit(w, "noop", SCHEDULER_WORLD_PLENTY), SP_OK);
    uint32_t from = 0;
    for (unsigned i = 0; i < 200; i++) {
        scheduler_world_run(w, S / 20);
        uint32_t c1 = checks_find(&w->core.checks, "c1");
        assert_true(w->core.checks.list[c1]->running <= 3);
        for (uint32_t n = 0; n < w->core.registry.count; n++)
            assert_true(w->core.registry.nodes[n].running <= 2); /* one of c2 and c3, and perhaps c1 */
        if (from < w->job_count && i % 2 == 0) {
            struct scheduler_world_job job = w->jobs[from++];
            (void)scheduler_world_close(w, &job, SP_OUTCOME_PASS, 0, "");
        }
        assert_true(scheduler_core_check(&w->core));
    }
    assert_true(w->job_count > 60);
    while (from < w->job_count) {
        scheduler_world_answer(w, &from, 0, SP_OUTCOME_PASS);
        scheduler_world_run(w, 11000); /* what waits for company goes */
    }
    assert_int_equal(scheduler_core_backlog(&w->core) > 0 && w->core.open_leases == 0, 0); /* nothing is stuck */
}

static void scarce_credit_goes_to_the_first_priority(void **state)
{
    (void)state;
    scheduler_world_start(w);
    struct profile_def p = {.name = "low", .period_ms = 1000, .priority = 9},
                       q = {.name = "high", .period_ms = 1000, .priority = 0};
    assert_int_equal(scheduler_world_profile_put(w, &p), SP_OK);
    assert_int_equal(scheduler_world_profile_put(w, &q), SP_OK);
    assert_int_equal(scheduler_world_check(w, "c1", "low", ""), SP_OK);
    assert_int_equal(scheduler_world_check(w, "c2", "high", ""), SP_OK);
    assert_int_equal(scheduler_world_nodes(w, 1, 0, 0, 10), SP_OK);
    scheduler_world_run(w, 3 * S);
    assert_int_equal(scheduler_world_credit(w, "noop", 10), SP_OK);
    uint32_t high = w->core.checks.list[checks_find(&w->core.checks, "c2")]->def.id;
    assert_int_equal(w->job_count, 10);
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(w->jobs[i].ticket.check, high);
}

/* ---- answers ---- */

static void error_is_retried_up_to_the_cap(void **state)
{
    (void)state;
    scheduler_world_start(w);
    assert_int_equal(scheduler_world_profile(w, "p", 60000, 0), SP_OK);
    struct check_def d = scheduler_world_def("c1", "p", "");
    d.retries = 2;
    assert_int_equal(scheduler_world_check_put(w, &d), SP_OK);
    assert_int_equal(scheduler_world_nodes(w, 1, 0, 0, 1), SP_OK);
    assert_int_equal(scheduler_world_credit(w, "noop", SCHEDULER_WORLD_PLENTY), SP_OK);
    while (w->job_count == 0)
        scheduler_world_run(w, S / 10);
    for (unsigned attempt = 1; attempt <= 3; attempt++) {
        assert_int_equal(w->job_count, attempt);
        assert_int_equal(w->jobs[attempt - 1].ticket.attempt, attempt);
        assert_int_equal(scheduler_world_close(w, &w->jobs[attempt - 1], SP_OUTCOME_ERROR, 0, ""), SP_OK);
        scheduler_world_run(w, 4 * S);
    }
    assert_int_equal(w->job_count, 3); /* no fourth */
    scheduler_world_run(w, 60 * S);
    assert_int_equal(w->job_count, 4);
    assert_int_equal(w->jobs[3].ticket.attempt, 1);
    /* a fail is an answer, not an error */
    assert_int_equal(scheduler_world_close(w, &w->jobs[3], SP_OUTCOME_FAIL, 0, ""), SP_OK);
    scheduler_world_run(w, 10 * S);
    assert_int_equal(w->job_count, 4);
}

static void lost_lease_is_not_repeated_for_its_due_time(void **state)
{
    (void)state;
    scheduler_world_fleet(w, 1, 60000);
    while (w->job_count == 0)
        scheduler_world_run(w, S / 10);
    scheduler_world_run(w, 30 * S); /* lease: 2 + 5 + 1 s */
    assert_int_equal(w->job_count, 1);
    assert_int_equal(w->core.stats.lost, 1);
    assert_int_equal(w->core.open_leases, 0);
    assert_int_equal(scheduler_world_close(w, &w->jobs[0], SP_OUTCOME_PASS, 0, ""), SP_OK); /* too late */
    assert_int_equal(w->core.stats.stale, 1);
    scheduler_world_run(w, 60 * S);
    assert_int_equal(w->job_count, 2);
    assert_int_equal(w->jobs[1].ticket.attempt, 1);
}

static void returned_job_goes_again_without_counting(void **state)
{
    (void)state;
    scheduler_world_fleet(w, 1, 60000);
    while (w->job_count == 0)
        scheduler_world_run(w, S / 10);
    assert_int_equal(scheduler_world_return(w, &w->jobs[0]), SP_OK);
    assert_int_equal(scheduler_world_return(w, &w->jobs[0]), SP_OK); /* a repeat does nothing */
    assert_int_equal(w->core.stats.returned, 1);
    assert_int_equal(w->job_count, 1);
    scheduler_world_run(w, S);
    assert_int_equal(w->job_count, 2);
    assert_int_equal(w->jobs[1].ticket.attempt, 1);
    assert_true(w->jobs[1].ticket.job > w->jobs[0].ticket.job);
    assert_memory_not_equal(w->jobs[1].ticket.nonce, w->jobs[0].ticket.nonce, 32);
}

static void unsent_batch_is_as_if_it_never_left(void **state)
{
    (void)state;
    w->unsendable = true;
    scheduler_world_fleet(w, 5, 1000);
    assert_int_equal(scheduler_world_credit(w, "noop", SCHEDULER_WORLD_PLENTY), SP_OK);
    scheduler_world_run(w, 3 * S);
    assert_int_equal(w->job_count, 0);
    assert_int_equal(w->core.open_leases, 0);
    assert_int_equal(w->core.lanes.list[0].credit[0].sent, 0);
    w->unsendable = false;
    scheduler_world_run(w, S);
    assert_int_equal(w->job_count, 5);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(w->jobs[i].ticket.attempt, 1);
}

static void checkpoint_comes_back(void **state)
{
    (void)state;
    scheduler_world_fleet(w, 1, 2000);
    while (w->job_count == 0)
        scheduler_world_run(w, S / 10);
    assert_int_equal(w->jobs[0].checkpoint_bytes, 0);
    char blob[1001];
    memset(blob, 'x', 1000);
    blob[1000] = '\0';
    assert_int_equal(scheduler_world_close(w, &w->jobs[0], SP_OUTCOME_PASS, 0, blob), SP_OK);
    scheduler_world_run(w, 3 * S);
    assert_true(w->job_count >= 2);
    assert_int_equal(w->jobs[1].checkpoint_bytes, 1000);
    assert_memory_equal(w->jobs[1].checkpoint, blob, 1000);
    /* an error keeps what was there */
    assert_int_equal(scheduler_world_close(w, &w->jobs[1], SP_OUTCOME_ERROR, 0, ""), SP_OK);
    scheduler_world_run(w, 3 * S);
    assert_int_equal(w->jobs[2].checkpoint_bytes, 1000);
}

/* Attack: a stolen key of a worker leaves a checkpoint that says all is proven, and is revoked. Nobody begins where it ended, nor where a
 * run ends that began there. */
static void checkpoints_go_with_a_workers_right(void **state)
{
    (void)state;
    scheduler_world_fleet(w, 1, 2000);
    while (w->job_count == 0)
        scheduler_world_run(w, S / 10);
    assert_int_equal(scheduler_world_close(w, &w->jobs[0], SP_OUTCOME_PASS, 0, "all is proven"), SP_OK);
    scheduler_world_run(w, 3 * S);
    assert_true(w->jobs[1].checkpoint_bytes > 0); /* it is out, with an honest worker */
    struct scheduler_core_event revoked = {.kind = SCHEDULER_EV_REVOKED};
    assert_int_equal(scheduler_world_step(w, &revoked), SP_OK);
    assert_int_equal(w->core.checkpoints.used, 0);
    assert_int_equal(scheduler_world_close(w, &w->jobs[1], SP_OUTCOME_PASS, 0, "all is proven, and more"), SP_OK);
    scheduler_world_run(w, 3 * S);
    assert_int_equal(w->jobs[2].checkpoint_bytes, 0);
    assert_int_equal(scheduler_world_close(w, &w->jobs[2], SP_OUTCOME_PASS, 0, "proven"), SP_OK);
    scheduler_world_run(w, 3 * S);
    assert_int_equal(w->jobs[3].checkpoint_bytes, 6); /* what was begun anew counts again */
}

/* ---- operators ---- */

static void draft_runs_only_on_test_now(void **state)
{
    (void)state;
    scheduler_world_start(w);
    struct check_def d = scheduler_world_def("d1", "", "");
    d.stage = SP_STAGE_DRAFT;
    assert_int_equal(scheduler_world_check_put(w, &d), SP_OK);
    assert_int_equal(scheduler_world_nodes(w, 1, 0, 0, 3), SP_OK);
    assert_int_equal(scheduler_world_credit(w, "noop", SCHEDULER_WORLD_PLENTY), SP_OK);
    scheduler_world_run(w, 100 * S);
    assert_int_equal(w->job_count, 0);
    assert_int_equal(w->core.pairs.count, 0);
    assert_int_equal(scheduler_world_run_now(w, "d1", "n1", false), 1);
    assert_int_equal(w->job_count, 1);
    assert_int_equal(w->jobs[0].ticket.flags, SP_TICKET_TEST);
    assert_string_equal(w->jobs[0].node, "n1");
    assert_int_equal(scheduler_world_run_now(w, "d1", "n1", false), 0); /* is out */
    assert_int_equal(scheduler_world_close(w, &w->jobs[0], SP_OUTCOME_PASS, 0, ""), SP_OK);
    assert_int_equal(w->core.pairs.count, 0);
    assert_int_equal(scheduler_world_run_now(w, "d1", "nosuch", false), 0);
    scheduler_world_run(w, 100 * S);
    assert_int_equal(w->job_count, 1);
}

static void stages_and_enabled(void **state)
{
    (void)state;
    scheduler_world_fleet(w, 2, 1000);
    struct check_def d = scheduler_world_def("c1", "p", "");
    uint32_t from = 0;
    d.stage = SP_STAGE_SHADOW;
    assert_int_equal(scheduler_world_check_put(w, &d), SP_OK);
    uint32_t had = w->job_count;
    scheduler_world_run_answering(w, 3 * S, S / 10, 0, &from);
    assert_true(w->job_count > had);
    assert_int_equal(w->jobs[w->job_count - 1].ticket.flags, SP_TICKET_SHADOW);
    static const struct {
        uint8_t stage;
        bool enabled;
    } off[] = {{SP_STAGE_RETIRED, true}, {SP_STAGE_ENFORCING, false}, {SP_STAGE_DRAFT, true}};
    for (unsigned i = 0; i < SP_COUNT(off); i++) {
        d.stage = off[i].stage;
        d.enabled = off[i].enabled;
        assert_int_equal(scheduler_world_check_put(w, &d), SP_OK);
        had = w->job_count;
        scheduler_world_run(w, 5 * S);
        assert_int_equal(w->job_count, had);
        assert_int_equal(w->core.pairs.count, 0);
    }
    d.stage = SP_STAGE_ENFORCING;
    d.enabled = true;
    assert_int_equal(scheduler_world_check_put(w, &d), SP_OK);
    scheduler_world_run(w, 2 * S);
    assert_true(w->job_count >= had + 2);
}

static void definition_is_given_by_digest(void **state)
{
    (void)state;
    scheduler_world_fleet(w, 1, 1000);
    struct check_def d = scheduler_world_def("c1", "p", "");
    uint8_t body[64];
    struct sp_packer p;
    sp_packer_init(&p, body, sizeof body);
    struct msg_definition_get get = {.digest = d.digest};
    assert_int_equal(msg_definition_get_encode(&p, &get), SP_OK);
    struct scheduler_core_event e = {.kind = SCHEDULER_EV_MESSAGE};
    e.u.message.type = SP_MSG_DEFINITION_GET;
    e.u.message.role = SP_ROLE_WORKER;
    e.u.message.from = "worker-9";
    e.u.message.body = body;
    e.u.message.bytes = sp_packer_bytes(&p);
    assert_int_equal(scheduler_world_step(w, &e), SP_OK);
    struct msg_definition m;
    assert_int_equal(w->sent[w->sent_count - 1], SP_MSG_DEFINITION);
    assert_string_equal(w->last_dest, "worker-9");
    assert_int_equal(msg_definition_decode(w->last_body, w->last_bytes, &m), SP_OK);
    assert_memory_equal(m.digest, d.digest, 32);
    assert_int_equal(m.body.n, 1);
    body[5] ^= 1;
    assert_int_equal(scheduler_world_step(w, &e), SP_E_NOT_FOUND);
}

/* ---- registry ---- */

static void node_sets(void **state)
{
    (void)state;
    scheduler_world_fleet(w, 300, 60000); /* two parts */
    assert_int_equal(w->core.pairs.count, 300);
    assert_int_equal(scheduler_world_check(w, "c2", "p", "rack=r1"), SP_OK);
    assert_int_equal(w->core.pairs.count, 375);
    /* a delta: n1 loses its rack and moves its address */
    uint8_t key[16] = {7, 1};
    struct rec_node_info n = {.id = 2,
                              .generation = 1,
                              .key = key,
                              .name = sp_str_of("n1"),
                              .address = sp_str_of("10.0.0.1"),
                              .labels = sp_str_of("zone=z1")};
    assert_int_equal(scheduler_world_node(w, 2, 1, &n), SP_OK);
    assert_int_equal(w->core.pairs.count, 374);
    assert_int_equal(w->core.nodes_version, 2);
    /* a delta from a version we do not have asks for the whole */
    uint32_t asked = scheduler_world_sent(w, SP_MSG_SYNC_REQUEST);
    assert_int_equal(scheduler_world_node(w, 9, 8, &n), SP_E_STALE);
    scheduler_world_run(w, 2 * S);
    assert_true(scheduler_world_sent(w, SP_MSG_SYNC_REQUEST) > asked);
    /* retired: no pairs, still known */
    n.state = SP_NODE_STATE_RETIRED;
    assert_int_equal(scheduler_world_node(w, 3, 2, &n), SP_OK);
    assert_int_equal(w->core.pairs.count, 373);
    /* the whole registry without most of them */
    assert_int_equal(scheduler_world_nodes(w, 4, 0, 0, 10), SP_OK);
    assert_int_equal(w->core.registry.present, 10);
    assert_int_equal(w->core.pairs.count, 10 + 3);
    assert_true(registry_find_name(&w->core.registry, sp_str_of("n50")) == WHEEL_NONE);
    /* an old whole set after a newer one */
    assert_int_equal(scheduler_world_nodes(w, 3, 0, 0, 300), SP_E_STALE);
    assert_int_equal(w->core.registry.present, 10);
}

/* The registry of an earlier start of the keeper, said again by whoever kept it: checks must not go to former addresses. */
static void si12_a_former_registry_does_not_come_back(void **state)
{
    (void)state;
    scheduler_world_fleet(w, 1, 60000);
    uint8_t key[16] = {7, 0};
    struct rec_node_info n = {.id = 1,
                              .generation = 1,
                              .key = key,
                              .name = sp_str_of("n0"),
                              .address = sp_str_of("10.0.0.1"),
                              .labels = sp_str_of("rack=r0,zone=z0")};
    const struct registry_node *node = &w->core.registry.nodes[0];
    assert_int_equal(scheduler_world_node(w, 2, 1, &n), SP_OK);
    assert_int_equal(scheduler_world_clock(w, true), SP_OK);
    w->says_start = 5; /* another start of the keeper: no version of this one says anything */
    assert_int_equal(scheduler_world_nodes(w, 1, 0, 0, 1), SP_E_STALE);
    w->says_nodes = 1;
    w->says_back_ms = 100; /* and the clock of that time with it */
    assert_int_equal(scheduler_world_clock(w, true), SP_E_STALE);
    assert_int_equal(scheduler_world_nodes(w, 1, 0, 0, 1), SP_E_STALE);
    assert_true(sp_str_is(registry_address(node), "10.0.0.1"));
    w->says_back_ms = 0; /* the keeper itself, whose store was put back */
    assert_int_equal(scheduler_world_clock(w, true), SP_OK);
    assert_int_equal(scheduler_world_nodes(w, 1, 0, 0, 1), SP_OK);
    assert_true(sp_str_is(registry_address(node), ""));
    w->says_start = 0;
    w->says_nodes = 0;
}

static void new_identity_is_checked_soon(void **state)
{
    (void)state;
    scheduler_world_fleet(w, 1, 3600000);
    uint8_t key[16] = {7, 0};
    struct rec_node_info n = {.id = 1,
                              .generation = 2,
                              .key = key,
                              .name = sp_str_of("n0"),
                              .address = sp_str_of(""),
                              .labels = sp_str_of("rack=r0,zone=z0")};
    assert_int_equal(scheduler_world_node(w, 2, 1, &n), SP_OK);
    uint32_t had = w->job_count;
    scheduler_world_run(w, (PLAN_PROMPT_SPAN_MS + 1) * 1000ull);
    assert_int_equal(w->job_count, had + 1);
    assert_int_equal(w->jobs[had].ticket.generation, 2);
}

static void keeper_silence_stops_jobs(void **state)
{
    (void)state;
    scheduler_world_fleet(w, 10, 1000);
    uint32_t from = 0;
    scheduler_world_run_answering(w, 3 * S, S / 10, 0, &from);
    for (unsigned i = 0; i < 400; i++) { /* 20 s without the keeper's clock */
        scheduler_world_freeze(w, S / 20);
        scheduler_world_tick(w);
        scheduler_world_answer(w, &from, 0, SP_OUTCOME_PASS);
    }
    uint32_t had = w->job_count;
    scheduler_world_freeze(w, 5 * S);
    scheduler_world_tick(w);
    assert_int_equal(w->job_count, had);
    assert_int_equal(scheduler_world_clock(w, true), SP_OK);
    assert_int_equal(w->job_count, had + 10);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(no_job_before_all_is_known),
        T(claims_until_granted_and_above_what_is_in_force),
        T(deposed_issues_nothing_more),
        T(each_pair_runs_once_a_period),
        T(restart_keeps_phases),
        T(no_credit_means_late_not_twice),
        T(broker_restart_counts_from_zero),
        T(after_a_freeze_each_pair_once),
        T(profile_change_takes_effect_without_a_burst),
        T(caps_hold),
        T(scarce_credit_goes_to_the_first_priority),
        T(error_is_retried_up_to_the_cap),
        T(lost_lease_is_not_repeated_for_its_due_time),
        T(returned_job_goes_again_without_counting),
        T(unsent_batch_is_as_if_it_never_left),
        T(checkpoint_comes_back),
        T(checkpoints_go_with_a_workers_right),
        T(draft_runs_only_on_test_now),
        T(stages_and_enabled),
        T(definition_is_given_by_digest),
        T(node_sets),
        T(si12_a_former_registry_does_not_come_back),
        T(new_identity_is_checked_soon),
        T(keeper_silence_stops_jobs),
    };
    return cmocka_run_group_tests_name("scheduler_flow", tests, NULL, NULL);
}
