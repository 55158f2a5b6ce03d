/* SPDX-License-Identifier: Apache-2.0 */
/* The scheduler's shell and store in the simulated fleet. */
#include "sim.h"

#include <stdlib.h>

static const uint64_t ticket_key[2] = {17, 19};

static void step(struct sim *s, struct scheduler_core_event *e);

static void define(struct sim *s, uint32_t i)
{
    struct scheduler_core_event e = {.kind = SCHEDULER_EV_CHECK_PUT, .version = ++s->catalogue, .u.check = &s->check[i]};
    step(s, &e);
}

void sim_scheduler_start(struct sim *s)
{
    struct sp_now now = sim_clock(s, SIM_SCHEDULER);
    struct scheduler_core_options o = {.seed = {3},
                                       .boot = s->process[SIM_SCHEDULER].boot,
                                       .epoch = ++s->scheduler_epoch,
                                       .pairs_max = SIM_NODES * SIM_CHECKS * 2,
                                       .batch_jobs = 8,
                                       .batch_bytes = 65536,
                                       .attempts_max = 3,
                                       .grace_ms = 500,
                                       .clock_lost_ms = 8000,
                                       .mac = {sim_mac, (void *)(uintptr_t)ticket_key},
                                       .digest = {sim_mac, (void *)(uintptr_t)sim_digest_key},
                                       .random = {sim_random, s}};
    free(s->scheduler_fx.arena);
    s->scheduler_fx.arena = malloc(SCHEDULER_CORE_ARENA_BYTES);
    SIM_REQUIRE(s, s->scheduler_fx.arena != NULL && scheduler_core_init(s->scheduler, &o, now), "scheduler does not start");
    struct scheduler_core_event e = {.kind = SCHEDULER_EV_PROFILE_PUT, .version = ++s->catalogue, .u.profile = &s->profile};
    step(s, &e);
    for (uint32_t i = 1; i <= SIM_CHECKS; i++)
        define(s, i);
    sim_hello(s, SIM_SCHEDULER, "", 0);
}

static void issued(struct sim *s, const uint8_t ticket[SP_TICKET_BYTES])
{
    sim_ref_issued(s, ticket);
    if (sim_chance(s, ticket[8] == 1 ? 600 : 200)) /* most of the node it may speak about */
        sim_liar_learn(s, ticket);
}

static void perform(struct sim *s)
{
    struct scheduler_core_event stored, sent_event;
    bool raised = false;
    for (uint32_t i = 0; i < s->scheduler_fx.count; i++) {
        struct scheduler_core_effect *fx = &s->scheduler_fx.list[i];
        if (fx->kind == SCHEDULER_FX_STORE_EPOCH) {
            s->scheduler_epoch = s->scheduler_full ? s->scheduler_epoch : fx->value;
            stored = (struct scheduler_core_event){.kind = SCHEDULER_EV_STORED, .u.stored = {fx->value, !s->scheduler_full}};
            raised = true;
        } else if (fx->kind == SCHEDULER_FX_SEND) {
            bool sent = s->process[SIM_SCHEDULER].up &&
                        sim_send(s, SIM_SCHEDULER, fx->type, fx->dest, fx->epoch, fx->trace_id, fx->body, fx->bytes);
            if (sent && fx->type == SP_MSG_JOB_BATCH) {
                struct msg_job_batch m;
                struct rec_job job;
                SIM_REQUIRE(s, msg_job_batch_decode(fx->body, fx->bytes, &m) == SP_OK, "JobBatch does not decode");
                for (struct sp_list l = m.jobs; rec_job_next(&l, &job);)
                    issued(s, job.ticket);
            }
            if (fx->batch == SCHEDULER_CORE_NO_BATCH)
                continue;
            sent_event = (struct scheduler_core_event){.kind = SCHEDULER_EV_SENT,
                                                       .now = sim_clock(s, SIM_SCHEDULER),
                                                       .u.sent = {fx->batch, sent, s->process[SIM_SCHEDULER].sequence}};
            (void)scheduler_core_step(s->scheduler, &sent_event, &s->scheduler_fx); /* adds no effects */
        }
    }
    if (raised)
        step(s, &stored);
}

static void step(struct sim *s, struct scheduler_core_event *e)
{
    e->now = sim_clock(s, SIM_SCHEDULER);
    (void)scheduler_core_step(s->scheduler, e, &s->scheduler_fx);
    perform(s);
    struct sp_mono at = scheduler_core_deadline(s->scheduler);
    if (at.us != SP_NEVER)
        sim_wake_at(s, SIM_SCHEDULER, at.us);
}

void sim_scheduler_wake(struct sim *s)
{
    struct scheduler_core_event e = {.kind = SCHEDULER_EV_TICK};
    step(s, &e);
    if (!s->stop_faults &&
        sim_chance(
            s, s->knobs.operator_act)) { /* a definition changes: another digest, or another maximum age or count of passes only */
        uint32_t i = 1 + (uint32_t)sim_below(s, SIM_CHECKS);
        struct check_def *c = &s->check[i];
        c->revision++;
        if (sim_chance(s, 300)) {
            c->max_age_ms = c->max_age_ms == SIM_MAX_AGE_MS ? SIM_SHORT_AGE_MS : SIM_MAX_AGE_MS;
            define(s, i);
            return;
        }
        if (sim_chance(s, 200)) {
            c->rise = (uint16_t)(1 + sim_below(s, 3));
            define(s, i);
            return;
        }
        if (i == 4 && sim_chance(s, 600)) /* another stage: what was found out so far does not count */
            c->stage = c->stage == SP_STAGE_SHADOW ? SP_STAGE_ENFORCING : SP_STAGE_SHADOW;
        for (int k = 0; k < 32 && (i != 4 || sim_chance(s, 300)); k++)
            c->digest[k] = (uint8_t)sp_rng_next(&s->rng);
        define(s, i);
    }
}

static void definition(struct sim *s, const struct sp_envelope *e)
{
    struct msg_definition_get get;
    if (msg_definition_get_decode((const uint8_t *)e->body.p, e->body.n, &get) != SP_OK)
        return;
    for (uint32_t i = 1; i <= SIM_CHECKS; i++) {
        uint8_t body[1024];
        char name[64];
        struct sp_packer w;
        if (memcmp(s->check[i].digest, get.digest, 32) != 0)
            continue;
        struct msg_definition m = {.digest = s->check[i].digest, .body = sp_str_bytes(s->check[i].body, s->check[i].body_bytes)};
        sp_packer_init(&w, body, sizeof body);
        (void)sp_str_copy(name, sizeof name, e->sender);
        SIM_REQUIRE(s, msg_definition_encode(&w, &m) == SP_OK, "definition");
        (void)sim_send(s, SIM_SCHEDULER, SP_MSG_DEFINITION, name, 0, 0, body, sp_packer_bytes(&w));
        return;
    }
}

void sim_scheduler_link(struct sim *s, bool up, uint64_t broker_boot)
{
    struct scheduler_core_event link = {.kind = SCHEDULER_EV_LINK, .u.link = {0, up, broker_boot}};
    step(s, &link);
}

void sim_scheduler_message(struct sim *s, const struct sp_envelope *e, uint32_t sender)
{
    char from[64];
    if (e->type == SP_MSG_WELCOME) {
        struct msg_welcome m;
        if (msg_welcome_decode((const uint8_t *)e->body.p, e->body.n, &m) != SP_OK)
            return;
        s->process[SIM_SCHEDULER].up = true;
        sim_scheduler_link(s, true, m.boot);
        return;
    }
    if (e->type == SP_MSG_DEFINITION_GET) {
        definition(s, e);
        return;
    }
    (void)sp_str_copy(from, sizeof from, e->sender);
    struct scheduler_core_event m = {
        .kind = SCHEDULER_EV_MESSAGE,
        .u.message = {e->type, s->process[sender].role, 0, from, (const uint8_t *)e->body.p, e->body.n}};
    step(s, &m);
}
