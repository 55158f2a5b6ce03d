/* SPDX-License-Identifier: Apache-2.0 */
/* The workers' shell, outbox and the checks themselves in the simulated fleet. */
#include "dispatch_worker.h"
#include "sim.h"

#include <stdlib.h>

static struct sim_worker *worker(struct sim *s, uint32_t process)
{
    return &s->worker[process - SIM_WORKER];
}

static void step(struct sim *s, uint32_t process, struct worker_event *ev);

void sim_worker_start(struct sim *s, uint32_t process)
{
    struct sim_worker *w = worker(s, process);
    struct worker_options o = {.running_max = 6, .waiting_max = 10, .definitions_max = 8, .adapters = 1, .brokers = 1};
    w->core = worker_core_new(&o);
    SIM_REQUIRE(s, w->core != NULL && resend_init(&w->resend, sp_rng_next(&s->rng)), "worker does not start");
    w->numbering = s->process[process].boot;
    w->collected_bytes = w->collected_count = 0;
    for (uint32_t i = 0; i < w->outbox_count; i++) {
        struct resend_place place = {.sequence = w->outbox[i].sequence, .bytes = w->outbox[i].bytes, .results = w->outbox[i].count};
        (void)resend_add(&w->resend, &place);
    }
    sim_hello(s, process, "tpm", 6);
    sim_wake_at(s, process, sim_clock(s, process).mono.us);
}

void sim_worker_stop(struct sim *s, uint32_t process)
{
    worker_core_destroy(&worker(s, process)->core);
    resend_fini(&worker(s, process)->resend);
}

static void collect(struct sim *s, uint32_t process, const struct worker_slot *slot, uint8_t outcome, uint16_t reason)
{
    struct sim_worker *w = worker(s, process);
    struct sp_packer pack;
    struct rec_result r = {.ticket = slot->ticket,
                           .outcome = outcome,
                           .reason = reason,
                           .detail = sp_str_of("sim"),
                           .trace = slot->trace,
                           .instance = sim_ref_executed(s, slot->ticket, outcome)};
    sp_packer_init(&pack, w->collected + w->collected_bytes, sizeof w->collected - w->collected_bytes);
    SIM_REQUIRE(s, rec_result_put(&pack, &r) == SP_OK, "result does not fit");
    w->collected_bytes += (uint32_t)sp_packer_bytes(&pack);
    w->collected_count++;
}

static void send_due(struct sim *s, uint32_t process)
{
    static uint8_t body[131072];
    struct sim_worker *w = worker(s, process);
    const struct resend_place *place;
    uint64_t now = sim_clock(s, process).mono.us;
    for (uint64_t batch = resend_due(&w->resend, now, &place); batch != RESEND_NONE && s->process[process].up;
         batch = resend_due(&w->resend, now, &place)) {
        uint32_t i = 0;
        while (i < w->outbox_count && w->outbox[i].sequence != place->sequence)
            i++;
        SIM_REQUIRE(s, i < w->outbox_count, "SI-6: an unacknowledged batch is no longer in the outbox");
        struct sp_packer pack;
        struct msg_result_batch m = {
            .boot = w->numbering, .batch = batch, .results = {w->outbox[i].results, w->outbox[i].bytes, w->outbox[i].count}};
        sp_packer_init(&pack, body, sizeof body);
        SIM_REQUIRE(s, msg_result_batch_encode(&pack, &m) == SP_OK, "ResultBatch");
        if (!sim_send(s, process, SP_MSG_RESULT_BATCH, "", 0, 0, body, sp_packer_bytes(&pack)))
            break;
        resend_sent(&w->resend, batch, now);
    }
}

static void flush(struct sim *s, uint32_t process)
{
    struct sim_worker *w = worker(s, process);
    if (w->collected_count > 0 && !w->full && !resend_is_full(&w->resend)) {
        w->outbox = realloc(w->outbox, (w->outbox_count + 1) * sizeof *w->outbox);
        uint8_t *copy = malloc(w->collected_bytes);
        SIM_REQUIRE(s, w->outbox != NULL && copy != NULL, "no memory");
        memcpy(copy, w->collected, w->collected_bytes);
        w->outbox[w->outbox_count++] =
            (struct sim_outbox){++w->outbox_next, copy, w->collected_bytes, w->collected_count, s->now_us};
        struct resend_place place = {.sequence = w->outbox_next, .bytes = w->collected_bytes, .results = w->collected_count};
        (void)resend_add(&w->resend, &place);
        w->collected_bytes = w->collected_count = 0;
    }
    send_due(s, process);
    bool sends = s->process[process].up && !s->process[process].cut && s->process[SIM_BROKER].alive;
    uint64_t a = sends ? resend_deadline(&w->resend) : UINT64_MAX, b = worker_core_next_deadline(w->core), at = a < b ? a : b;
    if (at != UINT64_MAX)
        sim_wake_at(s, process, at);
}

static void small(struct sim *s, uint32_t process, uint16_t type, enum sp_rc rc, const struct sp_packer *w, const uint8_t *body)
{
    SIM_REQUIRE(s, rc == SP_OK, "%s does not encode", msg_name(type));
    if (s->process[process].up)
        (void)sim_send(s, process, type, "", 0, 0, body, sp_packer_bytes(w));
}

static void start(struct sim *s, uint32_t process, uint32_t slot)
{
    uint64_t run = 1000 + sim_below(s, 60000);
    if (!s->stop_faults && worker(s, process)->slow)
        run += sim_below(s, 1500000); /* now and then beyond its deadline */
    if (!s->stop_faults && sim_chance(s, 30))
        run = 5000000; /* hangs */
    struct sim_event e = {.kind = SIM_FINISH,
                          .to = process,
                          .life = s->process[process].life,
                          .slot = slot,
                          .conn = (uint32_t)worker_core_slot(worker(s, process)->core, slot)->job};
    (void)sim_schedule(s, s->now_us + run, &e);
}

static void perform(struct sim *s, uint32_t process)
{
    struct sim_worker *w = worker(s, process);
    struct worker_effects fx = w->fx;
    uint8_t body[512];
    for (uint32_t i = 0; i < fx.count; i++) {
        struct worker_effect *f = &fx.item[i];
        struct sp_packer pack;
        sp_packer_init(&pack, body, sizeof body);
        if (f->kind == WORKER_START) {
            start(s, process, f->slot);
        } else if (f->kind == WORKER_REPORT) {
            collect(s, process, worker_core_slot(w->core, f->slot), SP_OUTCOME_ERROR, f->code);
        } else if (f->kind == WORKER_WANT) {
            struct msg_definition_get m = {.digest = f->digest};
            small(s, process, SP_MSG_DEFINITION_GET, msg_definition_get_encode(&pack, &m), &pack, body);
        } else if (f->kind == WORKER_CREDIT) {
            struct msg_credit m = {.granted = f->number};
            small(s, process, SP_MSG_CREDIT, msg_credit_encode(&pack, &m), &pack, body);
        } else if (f->kind == WORKER_RETURN) {
            struct msg_job_return m = {.code = f->code};
            struct rec_returned r = {.slot = f->lease, .job = f->number};
            enum sp_rc rc = msg_job_return_begin(&pack, &m);
            rc = rc == SP_OK ? rec_returned_put(&pack, &r) : rc;
            rc = rc == SP_OK ? msg_job_return_end(&pack) : rc;
            small(s, process, SP_MSG_JOB_RETURN, rc, &pack, body);
        }
    }
}

static void step(struct sim *s, uint32_t process, struct worker_event *ev)
{
    struct sim_worker *w = worker(s, process);
    ev->now_us = sim_clock(s, process).mono.us;
    worker_core_step(w->core, ev, &w->fx);
    perform(s, process);
}

static void turn(struct sim *s, uint32_t process)
{
    struct worker_event ev = {.kind = WORKER_EV_TURN, .u.turn = {.results_room = worker(s, process)->full ? 0 : 1000}};
    step(s, process, &ev);
    flush(s, process);
}

void sim_worker_wake(struct sim *s, uint32_t process)
{
    turn(s, process);
}

void sim_worker_finish(struct sim *s, uint32_t process, uint32_t number)
{
    struct sim_worker *w = worker(s, process);
    struct worker_slot *slot = worker_core_slot(w->core, number);
    struct sp_ticket t;
    if (slot->state != WORKER_RUNNING || sp_ticket_decode(slot->ticket, &t) != SP_OK)
        return; /* ended by its deadline */
    /* A hostile broker may have bent the ticket; a worker cannot tell, the keeper must. Such a run passes, to tempt it. */
    bool known = t.node >= 1 && t.node <= SIM_NODES && t.check >= 1 && t.check <= SIM_CHECKS;
    uint8_t outcome = known ? s->bad[t.node][t.check] : SP_OUTCOME_PASS;
    if (!s->stop_faults && sim_chance(s, 20))
        outcome = SP_OUTCOME_ERROR;
    collect(s, process, slot, outcome, outcome == SP_OUTCOME_FAIL ? SP_REASON_CONTENT : SP_REASON_OK);
    struct worker_event ev = {.kind = WORKER_EV_FINISHED, .u.finished = {number}};
    step(s, process, &ev);
    turn(s, process);
}

void sim_worker_link(struct sim *s, uint32_t process, bool up)
{
    struct worker_event ev = {.kind = WORKER_EV_LINK, .u.link = {0, up}};
    s->process[process].up = up;
    step(s, process, &ev);
    if (up)
        resend_kick(&worker(s, process)->resend, sim_clock(s, process).mono.us);
}

/* The simulator stands where a worker's shell stands: messages come through the same dispatch, and these are its handlers. */
struct worker_in {
    struct sim *s;
    uint32_t process;
    const struct sp_envelope *e;
};

enum sp_rc worker_on_job_batch(struct worker_in *in, struct msg_job_batch *m)
{
    const struct sp_digest digest = {sim_mac, (void *)(uintptr_t)sim_digest_key};
    struct rec_job job;
    while (rec_job_next(&m->jobs, &job)) {
        struct sp_ticket t;
        if (sp_ticket_decode(job.ticket, &t) != SP_OK)
            continue;
        const struct sp_ticket_job about = {job.node, job.address, job.checkpoint, job.timeout_ms};
        struct worker_event ev = {.kind = WORKER_EV_JOB,
                                  .u.job = {.timeout_ms = job.timeout_ms,
                                            .expires_ms = m->expires_ms,
                                            .lease = t.slot,
                                            .job = t.job,
                                            .trace = in->e->sequence,
                                            .ticket = job.ticket,
                                            .digest = t.digest,
                                            .node = job.node,
                                            .address = job.address,
                                            .checkpoint = job.checkpoint,
                                            .changed = !sp_ticket_is_about(&t, &about, &digest)}};
        step(in->s, in->process, &ev);
    }
    return SP_OK;
}

enum sp_rc worker_on_result_ack(struct worker_in *in, struct msg_result_ack *m)
{
    struct sim_worker *w = worker(in->s, in->process);
    struct resend_place place;
    if (m->boot != w->numbering || !resend_ack(&w->resend, m->batch, &place))
        return SP_OK;
    for (uint32_t i = 0; i < w->outbox_count; i++)
        if (w->outbox[i].sequence == place.sequence) {
            sim_ref_acknowledged(in->s, &w->outbox[i], m);
            free(w->outbox[i].results);
            w->outbox[i] = w->outbox[--w->outbox_count];
            break;
        }
    return SP_OK;
}

enum sp_rc worker_on_definition(struct worker_in *in, struct msg_definition *m)
{
    if (worker_core_wants(worker(in->s, in->process)->core, m->digest)) {
        struct worker_event ev = {.kind = WORKER_EV_DEFINITION, .u.definition = {.digest = m->digest, .adapter = 0, .check = NULL}};
        step(in->s, in->process, &ev);
    }
    return SP_OK;
}

/* Workers of the simulator ask no attester: their adapter is a number drawn from the seed. */
enum sp_rc worker_on_evidence(struct worker_in *in, struct msg_evidence *m)
{
    (void)in;
    (void)m;
    return SP_OK;
}

enum sp_rc worker_on_identity(struct worker_in *in, struct msg_identity *m)
{
    (void)in;
    (void)m;
    return SP_OK;
}

enum sp_rc worker_on_drain(struct worker_in *in, struct msg_drain *m)
{
    (void)in;
    (void)m;
    return SP_OK;
}

enum sp_rc worker_on_refused(struct worker_in *in, struct msg_refused *m)
{
    (void)in;
    (void)m;
    return SP_OK;
}

void sim_worker_message(struct sim *s, uint32_t process, const struct sp_envelope *e, uint32_t sender)
{
    struct worker_in in = {s, process, e};
    enum sp_rc rc = SP_OK;
    if (e->type == SP_MSG_WELCOME)
        sim_worker_link(s, process, true);
    else /* a hostile broker's bytes may be anything, but its role was checked on the way here */
        rc = worker_dispatch(&in, e->type, (enum sp_role)s->process[sender].role, (const uint8_t *)e->body.p, e->body.n);
    SIM_REQUIRE(s, rc != SP_E_AUTHORITY, "a worker was handed what may not be sent to it");
    turn(s, process);
}
