/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The worker's core under random input, invariants checked after every step (in most of the random lives: now and then), against a twin
 * that only keeps the books: each accepted job
 * ends exactly once (result, report or return), never before it started, and no later than its deadline.
 */
#include "worker_core.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "msg.h"
#include "sp_rng.h"

#define CHECKS  12u
#define RUNNING 20u
#define WAITING 30u

enum end { OPEN, FINISHED, REPORTED, RETURNED };

struct twin_job {
    enum end end;
    bool started;
    uint64_t received_us, started_us;
    uint32_t timeout_ms, expires_ms;
};

struct rig {
    struct worker_core *core;
    struct sp_rng rng;
    uint64_t now, steps, check_each; /* the check walks all tables */
    struct twin_job *job;
    uint64_t jobs;
    uint32_t running[256], running_count; /* slots that run */
    uint64_t granted[2], sent[2];
    unsigned released, made, wanted;
    bool drained;
    uint8_t want[CHECKS];
};

static void digest_of(unsigned check, uint8_t out[32])
{
    memset(out, (int)check + 1, 32);
    out[0] = (uint8_t)(check / 2); /* some share the map key */
    memset(out, out[0], 8);
}

static void drop_running(struct rig *r, uint32_t slot)
{
    for (uint32_t i = 0; i < r->running_count; i++) {
        if (r->running[i] == slot) {
            r->running[i] = r->running[--r->running_count];
            return;
        }
    }
    fail_msg("slot %u does not run", slot);
}

static void end_job(struct rig *r, uint64_t job, enum end end)
{
    assert_true(job < r->jobs);
    assert_int_equal(r->job[job].end, OPEN);
    r->job[job].end = end;
}

static void take_effect(struct rig *r, const struct worker_effect *e)
{
    struct worker_slot *s = e->kind == WORKER_START || e->kind == WORKER_REPORT ? worker_core_slot(r->core, e->slot) : NULL;
    switch (e->kind) {
    case WORKER_START:
        assert_false(r->job[s->job].started);
        r->job[s->job].started = true;
        r->job[s->job].started_us = r->now;
        r->running[r->running_count++] = e->slot;
        assert_true(r->running_count <= RUNNING);
        break;
    case WORKER_CANCEL:
        drop_running(r, e->slot);
        break;
    case WORKER_REPORT:
        if (e->code == SP_REASON_DEADLINE) {
            assert_true(r->now >= r->job[s->job].started_us + r->job[s->job].timeout_ms * 1000ull);
        }
        end_job(r, s->job, REPORTED);
        break;
    case WORKER_RETURN:
        end_job(r, e->number, RETURNED);
        assert_int_equal(e->lease, (uint32_t)e->number + 7);
        break;
    case WORKER_WANT:
        r->wanted++;
        r->want[e->digest[31] - 1] = 1;
        break;
    case WORKER_RELEASE:
        r->released++;
        break;
    case WORKER_CREDIT:
        assert_true(e->number > r->granted[e->broker]);
        r->granted[e->broker] = e->number;
        break;
    case WORKER_DRAINED:
        assert_false(r->drained);
        r->drained = true;
        break;
    default:
        fail();
    }
}

static void step(struct rig *r, struct worker_event *ev)
{
    static struct worker_effects fx;
    ev->now_us = r->now;
    worker_core_step(r->core, ev, &fx);
    for (uint32_t i = 0; i < fx.count; i++) {
        take_effect(r, &fx.item[i]);
    }
    if (r->steps++ % r->check_each == 0) {
        worker_core_check(r->core);
    }
}

static void job_in(struct rig *r, unsigned check, unsigned broker)
{
    uint8_t ticket[WORKER_TICKET_BYTES];
    uint8_t digest[32];
    struct twin_job *t = &r->job[r->jobs];
    struct worker_event ev = {.kind = WORKER_EV_JOB};
    memset(ticket, (int)check, sizeof ticket);
    digest_of(check, digest);
    *t = (struct twin_job){.received_us = r->now,
                           .timeout_ms = 1 + (uint32_t)sp_rng_below(&r->rng, 200),
                           .expires_ms = 1 + (uint32_t)sp_rng_below(&r->rng, 500)};
    ev.u.job.broker = broker;
    ev.u.job.timeout_ms = t->timeout_ms;
    ev.u.job.expires_ms = t->expires_ms;
    ev.u.job.lease = (uint32_t)r->jobs + 7;
    ev.u.job.job = r->jobs++;
    ev.u.job.ticket = ticket;
    ev.u.job.digest = digest;
    ev.u.job.node = sp_str_of("node");
    ev.u.job.address = sp_str_of("address");
    ev.u.job.checkpoint = sp_str_of("cp");
    r->sent[broker]++;
    step(r, &ev);
}

static void answer_definitions(struct rig *r)
{
    for (unsigned c = 0; c < CHECKS; c++) {
        uint8_t digest[32];
        struct worker_event ev = {.kind = WORKER_EV_DEFINITION};
        if (!r->want[c] || sp_rng_below(&r->rng, 3) == 0) {
            continue;
        }
        r->want[c] = 0;
        digest_of(c, digest);
        ev.u.definition.digest = digest;
        ev.u.definition.reason = c % 5 == 4 ? SP_REASON_BAD_PARAMETERS : 0;
        ev.u.definition.adapter = ev.u.definition.reason == 0 ? c % 3 : WORKER_NONE;
        ev.u.definition.check = (void *)(uintptr_t)(c + 1);
        r->made++;
        step(r, &ev);
    }
}

static void finish_some(struct rig *r)
{
    uint64_t n = sp_rng_below(&r->rng, r->running_count + 1);
    for (uint64_t i = 0; i < n; i++) {
        uint32_t slot = r->running[sp_rng_below(&r->rng, r->running_count)];
        struct worker_event ev = {.kind = WORKER_EV_FINISHED, .u.finished = {slot}};
        end_job(r, worker_core_slot(r->core, slot)->job, FINISHED);
        drop_running(r, slot);
        step(r, &ev);
    }
}

static void turn(struct rig *r)
{
    struct worker_event ev = {.kind = WORKER_EV_TURN, .u.turn = {100000}};
    unsigned guard = 0;
    do {
        step(r, &ev);
        assert_true(++guard < 1000);
    } while (worker_core_next_deadline(r->core) <= r->now && !(r->drained && r->running_count == 0));
}

static void open_rig(struct rig *r, uint64_t seed)
{
    struct worker_options o = {.running_max = RUNNING,
                               .waiting_max = WAITING,
                               .definitions_max = 6,
                               .adapters = 3,
                               .adapter_max = {0, 3, 0},
                               .brokers = 2};
    memset(r, 0, sizeof *r);
    r->rng.state = seed;
    r->now = 1000000;
    r->check_each = 1;
    r->core = worker_core_new(&o);
    r->job = calloc(100000, sizeof *r->job);
    assert_non_null(r->core);
    for (uint32_t b = 0; b < 2; b++) {
        struct worker_event ev = {.kind = WORKER_EV_LINK, .u.link = {b, true}};
        step(r, &ev);
    }
    turn(r);
}

static void close_rig(struct rig *r)
{
    const struct definition *d;
    for (uint32_t i = 0; (d = worker_core_definition(r->core, i)) != NULL; i++) {
        r->released += d->state != DEFINITION_FREE && d->check != NULL;
    }
    assert_int_equal(r->released, r->made); /* every compiled form comes back once */
    worker_core_destroy(&r->core);
    free(r->job);
}

static void one_random_life(uint64_t seed)
{
    struct rig r;
    open_rig(&r, seed);
    r.check_each = seed % 6 == 0 ? 1 : 32;
    for (unsigned round = 0; round < 300; round++) {
        for (unsigned b = 0; b < 2; b++) {
            bool rude = sp_rng_below(&r.rng, 50) == 0; /* a batch above the credit */
            uint64_t may = rude ? 200 : r.granted[b] > r.sent[b] ? r.granted[b] - r.sent[b] : 0;
            for (uint64_t n = sp_rng_below(&r.rng, may + 1); n > 0; n--) {
                job_in(&r, (unsigned)sp_rng_below(&r.rng, CHECKS), b);
            }
        }
        if (sp_rng_below(&r.rng, 20) == 0) { /* a broker starts anew */
            uint32_t b = (uint32_t)sp_rng_below(&r.rng, 2);
            for (int up = 0; up < 2; up++) {
                struct worker_event ev = {.kind = WORKER_EV_LINK, .u.link = {b, up == 1}};
                step(&r, &ev);
            }
            r.granted[b] = 0;
            r.sent[b] = 0;
        }
        answer_definitions(&r);
        finish_some(&r);
        turn(&r);
        r.now += sp_rng_below(&r.rng, sp_rng_below(&r.rng, 10) == 0 ? 2000000 : 30000);
    }
    struct worker_event ev = {.kind = WORKER_EV_DRAIN, .u.drain = {r.now + 50000}};
    step(&r, &ev);
    turn(&r);
    job_in(&r, 0, 0); /* comes back at once */
    assert_int_equal(r.job[r.jobs - 1].end, RETURNED);
    for (unsigned i = 0; i < 100 && !r.drained; i++) {
        r.now += 1000;
        turn(&r);
    }
    assert_true(r.drained);
    assert_int_equal(r.running_count, 0);
    for (uint64_t i = 0; i < r.jobs; i++) {
        assert_int_not_equal(r.job[i].end, OPEN);
        assert_true(r.job[i].end != FINISHED || r.job[i].started);
    }
    close_rig(&r);
}

static void random_lives(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 150; seed++) {
        one_random_life(seed);
    }
}

/* The most a broker can send without being rude always finds room. */
static void credit_is_never_refused(void **state)
{
    struct rig r;
    (void)state;
    open_rig(&r, 5);
    for (unsigned round = 0; round < 200; round++) {
        for (unsigned b = 0; b < 2; b++) {
            while (r.sent[b] < r.granted[b]) {
                job_in(&r, 0, b);
            }
        }
        answer_definitions(&r);
        finish_some(&r);
        turn(&r);
        r.now += 1000;
    }
    assert_int_equal(worker_core_counts(r.core).overload, 0);
    assert_true(worker_core_counts(r.core).taken > 500);
    struct worker_event ev = {.kind = WORKER_EV_DRAIN, .u.drain = {r.now}};
    step(&r, &ev);
    turn(&r);
    close_rig(&r);
}

/* A definition that never comes ends its jobs; it was asked for several times. */
static void missing_definition(void **state)
{
    struct rig r;
    (void)state;
    open_rig(&r, 3);
    job_in(&r, 1, 0);
    for (unsigned i = 0; i < 80; i++) {
        r.now += 100000;
        turn(&r);
        r.want[1] = 0;
    }
    assert_int_equal(r.job[0].end, REPORTED);
    assert_true(r.wanted >= 5);
    close_rig(&r);
}

/* A lone job does not cost a Credit message of its own while half of the credit is unused. */
static void lone_jobs_cost_no_credit(void **state)
{
    struct rig r;
    (void)state;
    open_rig(&r, 9);
    job_in(&r, 0, 0);
    answer_definitions(&r);
    uint64_t before = r.granted[0];
    for (unsigned i = 0; i < 8; i++) {
        finish_some(&r);
        turn(&r);
        job_in(&r, 0, 0);
        answer_definitions(&r);
        turn(&r);
    }
    assert_int_equal(r.granted[0], before);
    struct worker_event ev = {.kind = WORKER_EV_DRAIN, .u.drain = {r.now}};
    step(&r, &ev);
    turn(&r);
    close_rig(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_lives),
        cmocka_unit_test(credit_is_never_refused),
        cmocka_unit_test(missing_definition),
        cmocka_unit_test(lone_jobs_cost_no_credit),
    };
    return cmocka_run_group_tests_name("worker core", tests, NULL, NULL);
}
