/* SPDX-License-Identifier: Apache-2.0 */
#include "worker_shell.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "compiled.h"
#include "dispatch_worker.h"
#include "line.h"
#include "msg.h"
#include "returns.h"
#include "sender.h"
#include "sp_crypto.h"
#include "sp_log.h"
#include "sp_random.h"
#include "sp_stats.h"
#include "sp_ticket.h"
#include "worker_adapters.h"
#include "worker_ask.h"
#include "worker_core.h"
#include "worker_gauges.h"
#include "worker_host.h"
#include "worker_paths.h"

SP_STATIC_ASSERT(WORKER_TICKET_BYTES == SP_TICKET_BYTES, "core and wire agree");
SP_STATIC_ASSERT(SP_ADAPTER_DETAIL_MAX == REC_RESULT_DETAIL_MAX && SP_ADAPTER_MEASURES_MAX == REC_RESULT_MEASURES_MAX,
                 "adapter.h and wire agree");
SP_STATIC_ASSERT(SP_ADAPTER_CHECKPOINT_MAX == REC_RESULT_CHECKPOINT_MAX, "adapter.h and wire agree");

struct worker_shell {
    struct worker_host host; /* first: `self` of the services */
    struct sp_adapter_host services;
    struct worker_shell_options opt;
    struct worker_core *core;
    struct worker_adapters adapters;
    struct sp_adapter_job *job; /* by slot */
    struct sender sender;
    struct worker_ask ask;
    struct sp_bus *bus;
    struct sp_stats *stats;
    struct worker_gauges gauges;
    uint32_t wait_latency, run_latency;
    struct worker_paths paths;
    struct worker_effects effects;
    struct worker_effects nested;                                          /* of a finish() within start() */
    char detail[SP_ADAPTER_DETAIL_MAX], measures[SP_ADAPTER_MEASURES_MAX]; /* cleaned texts of the result that is being put */
    uint64_t granted[SP_BUS_BROKERS_MAX];
    bool grant_owed[SP_BUS_BROKERS_MAX]; /* a Credit did not leave */
    struct returns returns;
    bool draining, drained;
    uint64_t give_up_us; /* drain: stop even with unanswered results */
};

SP_STATIC_ASSERT(offsetof(struct worker_shell, host) == 0, "services pass the host as self");

static void perform(struct worker_shell *self, const struct worker_effects *fx);

static uint64_t now_us(const struct worker_shell *self)
{
    return sp_loop_now(self->opt.loop)->mono.us;
}

static void step(struct worker_shell *self, struct worker_event *ev)
{
    ev->now_us = now_us(self);
    worker_core_step(self->core, ev, &self->effects);
    perform(self, &self->effects);
}

/* ---- results --------------------------------------------------------------------------------------------------- */

static uint32_t span_us(uint64_t from, uint64_t to)
{
    uint64_t us = to > from ? to - from : 0;
    return us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
}

static void put_result(struct worker_shell *self, const struct worker_slot *s, struct rec_result *r)
{
    uint64_t now = now_us(self);
    r->ticket = s->ticket;
    r->trace = s->trace;
    r->wait_us = span_us(s->received_us, s->started_us);
    r->run_us = span_us(s->started_us, now);
    sp_stats_sample(self->stats, self->wait_latency, r->wait_us);
    sp_stats_sample(self->stats, self->run_latency, r->run_us);
    sender_put(&self->sender, r, now);
}

/* Service of adapter.h. */
static void shell_finish(void *ctx, struct sp_adapter_job *job, const struct sp_adapter_result *result)
{
    struct worker_shell *self = ctx;
    const struct worker_slot *s = worker_core_slot(self->core, job->slot);
    struct rec_result r = {.outcome = result->outcome, .reason = result->reason, .instance = result->instance};
    bool cut = false;
    SP_ASSERT(result->outcome <= SP_OUTCOME_LAST);
    if (s->state == WORKER_RUNNING) {
        if (result->detail != NULL) {
            r.detail = sp_str_bytes(self->detail, line_clean(sp_str_of(result->detail), self->detail, sizeof self->detail, NULL));
        }
        if (result->measures != NULL) {
            size_t n = line_clean(sp_str_of(result->measures), self->measures, sizeof self->measures, &cut);
            r.measures = sp_str_bytes(self->measures, cut ? 0 : n); /* half a number is worse than none */
        }
        if (result->evidence != NULL) {
            r.evidence = sp_str_bytes(result->evidence, REC_RESULT_EVIDENCE_MAX);
        }
        if (result->checkpoint_len <= SP_ADAPTER_CHECKPOINT_MAX) {
            r.checkpoint = sp_str_bytes(result->checkpoint, result->checkpoint_len);
        }
        put_result(self, s, &r);
    }
    struct worker_event ev;
    ev.kind = WORKER_EV_FINISHED;
    ev.now_us = now_us(self);
    ev.u.finished.slot = job->slot;
    worker_core_step(self->core, &ev, &self->nested);
    SP_ASSERT(self->nested.count == 0);
}

/* Services of adapter.h. */
static void shell_ask(void *ctx, const struct sp_adapter_job *job, struct sp_adapter_ask *ask,
                      const struct sp_adapter_question *question)
{
    worker_ask_begin(&((struct worker_shell *)ctx)->ask, job, ask, question);
}

static void shell_ask_stop(void *ctx, struct sp_adapter_ask *ask)
{
    worker_ask_stop(&((struct worker_shell *)ctx)->ask, ask);
}

static void report(struct worker_shell *self, const struct worker_effect *e)
{
    struct worker_slot *s = worker_core_slot(self->core, e->slot);
    const char *why = e->check != NULL ? e->check : sp_reason_text(e->code);
    char detail[SP_ADAPTER_DETAIL_MAX];
    struct rec_result r = {.outcome = SP_OUTCOME_ERROR, .reason = e->code};
    r.detail = sp_str_bytes(detail, line_clean(sp_str_of(why), detail, sizeof detail, NULL));
    r.checkpoint = sp_str_bytes(s->checkpoint, s->checkpoint_len); /* the next run starts where this one did */
    put_result(self, s, &r);
}

/* ---- messages out ---------------------------------------------------------------------------------------------- */

static enum sp_bus_sent send_body(struct worker_shell *self, uint16_t type, int broker, const struct sp_packer *w)
{
    struct sp_bus_out out = {.type = type, .broker = broker, .body = w->start, .body_bytes = sp_packer_bytes(w)};
    return sp_bus_send(self->bus, &out);
}

static void send_credit(struct worker_shell *self, uint32_t broker)
{
    struct msg_credit m = {.granted = self->granted[broker]};
    struct sp_packer w;
    size_t room = 0;
    uint8_t *body = sp_bus_body(self->bus, &room);
    sp_packer_init(&w, body, room);
    self->grant_owed[broker] =
        msg_credit_encode(&w, &m) != SP_OK || send_body(self, SP_MSG_CREDIT, (int)broker, &w) == SP_BUS_WOULD_BLOCK;
}

static void send_want(struct worker_shell *self, const uint8_t *digest)
{
    struct msg_definition_get m = {.digest = digest};
    struct sp_packer w;
    size_t room = 0;
    uint8_t *body = sp_bus_body(self->bus, &room);
    sp_packer_init(&w, body, room);
    if (msg_definition_get_encode(&w, &m) == SP_OK) {
        (void)send_body(self, SP_MSG_DEFINITION_GET, SP_BUS_ANY, &w); /* the core asks again */
    }
}

/* ---- effects --------------------------------------------------------------------------------------------------- */

static void start_job(struct worker_shell *self, uint32_t slot)
{
    struct worker_slot *s = worker_core_slot(self->core, slot);
    struct worker_adapter *a = &self->adapters.row[s->adapter];
    struct sp_adapter_job *job = &self->job[slot];
    job->priv = NULL;
    job->check = worker_core_definition(self->core, s->definition)->check;
    job->slot = slot;
    job->timeout_ms = s->timeout_ms;
    job->deadline_us = s->started_us + (uint64_t)s->timeout_ms * SP_US_PER_MS;
    job->node = s->node;
    job->address = s->address_len > 0 ? s->address : s->node;
    job->ticket = s->ticket;
    job->checkpoint = s->checkpoint;
    job->checkpoint_len = s->checkpoint_len;
    a->started = true;
    a->adapter->start(a->instance, job);
}

static void perform_one(struct worker_shell *self, const struct worker_effect *e)
{
    struct worker_slot *s;
    switch (e->kind) {
    case WORKER_START:
        start_job(self, e->slot);
        break;
    case WORKER_CANCEL:
        s = worker_core_slot(self->core, e->slot);
        self->adapters.row[s->adapter].adapter->cancel(self->adapters.row[s->adapter].instance, &self->job[e->slot]);
        break;
    case WORKER_REPORT:
        report(self, e);
        break;
    case WORKER_WANT:
        send_want(self, e->digest);
        break;
    case WORKER_RETURN:
        returns_add(&self->returns, self->bus, e->code, &(struct rec_returned){.slot = e->lease, .job = e->number});
        break;
    case WORKER_RELEASE:
        compiled_release(&self->adapters, e->adapter, e->check);
        break;
    case WORKER_CREDIT:
        self->granted[e->broker] = e->number;
        send_credit(self, e->broker);
        break;
    case WORKER_DRAINED:
        self->drained = true;
        break;
    default:
        SP_UNREACHABLE();
    }
}

static void perform(struct worker_shell *self, const struct worker_effects *fx)
{
    for (uint32_t i = 0; i < fx->count; i++) {
        perform_one(self, &fx->item[i]);
    }
}

/* ---- messages in ----------------------------------------------------------------------------------------------- */

struct worker_in {
    struct worker_shell *self;
    const struct sp_bus_message *message;
};

enum sp_rc worker_on_job_batch(struct worker_in *in, struct msg_job_batch *m)
{
    struct worker_shell *self = in->self;
    struct rec_job job;
    struct sp_ticket t;
    struct worker_event ev;
    const struct sp_digest digest = sp_crypto_digest();
    ev.kind = WORKER_EV_JOB;
    ev.u.job.broker = in->message->broker;
    ev.u.job.expires_ms = m->expires_ms > 0 ? m->expires_ms : UINT32_MAX;
    ev.u.job.trace = in->message->sequence;
    while (rec_job_next(&m->jobs, &job)) {
        if (sp_ticket_decode(job.ticket, &t) != SP_OK) {
            SP_LOG(SP_LOG_WARNING, "worker", "ticket.malformed", SP_LOG_V("node", job.node));
            continue;
        }
        const struct sp_ticket_job about = {job.node, job.address, job.checkpoint, job.timeout_ms};
        ev.u.job.changed = !sp_ticket_is_about(&t, &about, &digest);
        if (ev.u.job.changed) {
            SP_LOG(SP_LOG_WARNING, "worker", "job.changed", SP_LOG_V("node", job.node), SP_LOG_V("address", job.address),
                   SP_LOG_S("why", "not what its ticket was made for; look at the broker"));
        }
        ev.u.job.timeout_ms = job.timeout_ms;
        ev.u.job.lease = t.slot;
        ev.u.job.job = t.job;
        ev.u.job.ticket = job.ticket;
        ev.u.job.digest = t.digest;
        ev.u.job.node = job.node;
        ev.u.job.address = job.address;
        ev.u.job.checkpoint = job.checkpoint;
        step(self, &ev);
    }
    return SP_OK;
}

enum sp_rc worker_on_definition(struct worker_in *in, struct msg_definition *m)
{
    struct worker_shell *self = in->self;
    struct compiled c;
    struct worker_event ev;
    if (!worker_core_wants(self->core, m->digest) || !compiled_make(&self->adapters, m, &c)) {
        return SP_OK;
    }
    ev.kind = WORKER_EV_DEFINITION;
    ev.u.definition.digest = m->digest;
    ev.u.definition.reason = c.reason;
    ev.u.definition.adapter = c.adapter;
    ev.u.definition.check = c.check;
    step(self, &ev);
    return SP_OK;
}

enum sp_rc worker_on_result_ack(struct worker_in *in, struct msg_result_ack *m)
{
    sender_on_result_ack(&in->self->sender, m, now_us(in->self));
    return SP_OK;
}

enum sp_rc worker_on_evidence(struct worker_in *in, struct msg_evidence *m)
{
    worker_ask_on_evidence(&in->self->ask, in->message->from, m);
    return SP_OK;
}

enum sp_rc worker_on_identity(struct worker_in *in, struct msg_identity *m)
{
    worker_ask_on_identity(&in->self->ask, m);
    return SP_OK;
}

enum sp_rc worker_on_drain(struct worker_in *in, struct msg_drain *m)
{
    SP_LOG(SP_LOG_NOTICE, "worker", "drain", SP_LOG_S("by", in->message->from->name), SP_LOG_U("ms", m->deadline_ms));
    worker_shell_drain(in->self, m->deadline_ms);
    return SP_OK;
}

enum sp_rc worker_on_refused(struct worker_in *in, struct msg_refused *m)
{
    /* A node that is off is no news each time it is asked. */
    SP_LOG(m->type == SP_MSG_EVIDENCE_REQUEST ? SP_LOG_DEBUG : SP_LOG_WARNING, "worker", "refused",
           SP_LOG_S("by", in->message->from->name), SP_LOG_U("type", m->type), SP_LOG_S("code", sp_refusal_name(m->code)),
           SP_LOG_V("detail", m->detail));
    worker_ask_on_refused(&in->self->ask, in->message->broker, m);
    return SP_OK;
}

static void on_message(void *ctx, const struct sp_bus_message *message)
{
    struct worker_in in = {ctx, message};
    enum sp_rc rc = worker_dispatch(&in, message->type, (enum sp_role)message->from->role, message->body, message->body_bytes);
    if (rc != SP_OK && rc != SP_E_UNSUPPORTED) {
        SP_LOG(SP_LOG_WARNING, "worker", "message.refused", SP_LOG_S("type", msg_name(message->type)),
               SP_LOG_S("from", message->from->name), SP_LOG_S("why", sp_rc_name(rc)));
    }
}

static void on_link(void *ctx, unsigned broker, bool up, uint64_t boot)
{
    struct worker_shell *self = ctx;
    struct worker_event ev = {.kind = WORKER_EV_LINK, .u.link = {broker, up}};
    SP_LOG(SP_LOG_INFO, "worker", up ? "broker.up" : "broker.down", SP_LOG_S("broker", sp_bus_broker_name(self->bus, broker)),
           SP_LOG_U("boot", boot));
    self->grant_owed[broker] = false;
    worker_ask_on_link(&self->ask, broker, up);
    step(self, &ev);
    sender_on_link(&self->sender, up, now_us(self));
}

static void on_writable(void *ctx, unsigned broker)
{
    struct worker_shell *self = ctx;
    sender_on_writable(&self->sender);
    if (self->grant_owed[broker]) {
        send_credit(self, broker);
    }
}

static void on_stats(void *ctx)
{
    struct worker_shell *self = ctx;
    struct worker_counts c = worker_core_counts(self->core);
    worker_gauges_set(&self->gauges, &c, &self->sender);
    worker_ask_on_stats(&self->ask);
    sp_bus_backlog_set(self->bus, c.running + c.waiting + c.ready);
}

/* ---- a turn ---------------------------------------------------------------------------------------------------- */

/* Ends each turn of the loop: deadlines, starts and credit of the core, collected jobs of adapters, results on their way. */
static bool on_turn(void *ctx, const struct sp_now *now)
{
    struct worker_shell *self = ctx;
    struct worker_event ev;
    uint32_t steps = 0;
    ev.kind = WORKER_EV_TURN;
    do {
        ev.u.turn.results_room = sender_room(&self->sender);
        step(self, &ev);
    } while (worker_core_next_deadline(self->core) == 0 && ++steps < WORKER_SHELL_TURNS_MAX);
    for (uint32_t i = 0; i < self->adapters.count; i++) {
        struct worker_adapter *a = &self->adapters.row[i];
        if (a->started && a->adapter->turn != NULL) {
            a->adapter->turn(a->instance);
        }
        a->started = false;
    }
    worker_ask_turn(&self->ask);
    returns_flush(&self->returns, self->bus);
    sender_flush(&self->sender, now->mono.us);
    if (self->opt.notify != NULL) {
        sp_notify_watchdog(self->opt.notify, now->mono, sp_loop_turns(self->opt.loop));
    }
    if (self->drained && (sender_is_empty(&self->sender) || now->mono.us >= self->give_up_us)) {
        sp_loop_stop(self->opt.loop);
    }
    return worker_core_next_deadline(self->core) == 0 || worker_ask_deadline(&self->ask) == 0;
}

void worker_shell_reload(struct worker_shell *self)
{
    (void)sp_bus_reload(self->bus);
}

struct sp_mono worker_shell_deadline(const struct worker_shell *self)
{
    uint64_t core = worker_core_next_deadline(self->core);
    uint64_t timers = worker_host_deadline(&self->host);
    uint64_t results = sender_deadline(&self->sender), questions = worker_ask_deadline(&self->ask);
    uint64_t next = core < timers ? core : timers;
    next = results < next ? results : next;
    next = questions < next ? questions : next;
    if (self->draining && self->give_up_us < next) {
        next = self->give_up_us;
    }
    if (self->opt.notify != NULL) {
        uint64_t watchdog = sp_notify_deadline(self->opt.notify).us;
        next = watchdog < next ? watchdog : next;
    }
    return (struct sp_mono){next};
}

void worker_shell_tick(struct worker_shell *self, const struct sp_now *now)
{
    worker_host_tick(&self->host, now->mono.us); /* the rest is done at the end of the turn */
}

void worker_shell_drain(struct worker_shell *self, uint64_t within_ms)
{
    uint64_t now = now_us(self);
    struct worker_event ev = {.kind = WORKER_EV_DRAIN, .u.drain = {now + within_ms * SP_US_PER_MS}};
    if (!self->draining) {
        self->draining = true;
        self->give_up_us = now + 2 * within_ms * SP_US_PER_MS + SP_US_PER_S;
        sp_bus_hello_set(self->bus, "", "", 0); /* brokers send nothing more */
        step(self, &ev);
    }
}

/* ---- life ------------------------------------------------------------------------------------------------------ */

static uint32_t clamp(uint32_t x, uint32_t low, uint32_t high)
{
    return x < low ? low : x > high ? high : x;
}

static enum sp_rc open_core(struct worker_shell *self, const struct sp_conf_worker *w, struct sp_err *err)
{
    struct worker_options o = {.running_max = w->slots,
                               .waiting_max = clamp(w->slots * 2, 16, WORKER_SHELL_WAITING),
                               .definitions_max = w->definitions_max,
                               .adapters = WORKER_ADAPTERS_ROWS,
                               .brokers = clamp(self->opt.conf->broker_count, 1, SP_BUS_BROKERS_MAX),
                               .credit_max = self->opt.conf->bus.queue_messages};
    self->core = worker_core_new(&o);
    self->stats = sp_stats_new();
    uint32_t slots = self->core != NULL ? worker_core_slots(self->core) : 1;
    self->job = calloc(slots, sizeof *self->job);
    if (self->core == NULL || self->job == NULL || self->stats == NULL ||
        !worker_host_init(&self->host, self->opt.loop, &self->services) ||
        !worker_ask_open(&self->ask, self->opt.loop, self->stats, o.brokers)) {
        return sp_err_set(err, SP_E_NOMEM, self->opt.name, "no memory for %u slots", (unsigned)w->slots);
    }
    self->services.slots = slots;
    self->services.prefix = self->paths.prefix;
    self->services.state_dir = self->paths.state;
    self->services.run_dir = self->paths.run;
    self->services.libexec_dir = self->paths.libexec;
    self->services.finish = shell_finish;
    self->services.ask = shell_ask;
    self->services.ask_stop = shell_ask_stop;
    worker_gauges_open(&self->gauges, self->stats);
    self->wait_latency = sp_stats_latency(self->stats, "worker.wait");
    self->run_latency = sp_stats_latency(self->stats, "worker.run");
    return SP_OK;
}

static enum sp_rc open_bus(struct worker_shell *self, const struct sp_conf_worker *w, struct sp_err *err)
{
    char why[SP_ERR_TEXT_BYTES];
    struct sp_bus_options o = {.loop = self->opt.loop,
                               .conf = self->opt.conf,
                               .keys = self->opt.keys,
                               .stats = self->stats,
                               .name = self->opt.name,
                               .role = SP_ROLE_WORKER,
                               .software = "spice-worker " SPICE_VERSION,
                               .adapters = self->adapters.names,
                               .labels = w->labels,
                               .slots = w->slots,
                               .self = self,
                               .on_message = on_message,
                               .on_link = on_link,
                               .on_writable = on_writable,
                               .on_stats = on_stats};
    if (!sp_bus_open(&o, &self->bus, why, sizeof why)) {
        return sp_err_set(err, SP_E_INVALID, self->opt.name, "%s", why);
    }
    self->sender.bus = self->bus;
    self->ask.bus = self->bus;
    self->sender.blocked = true; /* until a broker is up */
    return sp_loop_hook(self->opt.loop, on_turn, self);
}

enum sp_rc worker_shell_open(const struct worker_shell_options *options, struct worker_shell **out, struct sp_err *err)
{
    const struct sp_conf_worker *w = sp_conf_worker_for(options->conf, options->name);
    char outbox[SP_FS_PATH_BYTES];
    struct worker_shell *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return sp_err_set(err, SP_E_NOMEM, options->name, "no memory");
    }
    self->opt = *options;
    enum sp_rc rc = worker_paths_find(options->conf, options->name, &self->paths, err);
    rc = rc == SP_OK ? open_core(self, w, err) : rc;
    rc = rc == SP_OK ? sp_fs_join(outbox, sizeof outbox, self->paths.state, "outbox") : rc;
    rc = rc == SP_OK ? sender_open(&self->sender, outbox, w->outbox_mb, err) : rc;
    rc = rc == SP_OK ? worker_adapters_open(&self->adapters, options->adapters, &self->services, w, err) : rc;
    rc = rc == SP_OK ? open_bus(self, w, err) : rc;
    if (rc != SP_OK) {
        worker_shell_close(&self);
        return rc;
    }
    if (self->sender.window.results > 0) {
        SP_LOG(SP_LOG_NOTICE, "worker", "outbox.replay", SP_LOG_U("results", self->sender.window.results));
    }
    *out = self;
    return SP_OK;
}

static void stop_jobs(struct worker_shell *self)
{
    for (uint32_t i = 0; i < worker_core_slots(self->core); i++) {
        struct worker_slot *s = worker_core_slot(self->core, i);
        if (s->state == WORKER_RUNNING) {
            self->adapters.row[s->adapter].adapter->cancel(self->adapters.row[s->adapter].instance, &self->job[i]);
        }
    }
    const struct definition *d;
    for (uint32_t i = 0; (d = worker_core_definition(self->core, i)) != NULL; i++) {
        if (d->state != DEFINITION_FREE && d->check != NULL) {
            compiled_release(&self->adapters, d->adapter, d->check);
        }
    }
}

void worker_shell_close(struct worker_shell **self_p)
{
    struct worker_shell *self = *self_p;
    if (self == NULL) {
        return;
    }
    if (self->bus != NULL) {
        sp_bus_close(&self->bus, (int)self->opt.conf->bus.linger_ms);
    }
    if (self->core != NULL && self->adapters.count > 0) {
        stop_jobs(self);
    }
    worker_adapters_close(&self->adapters);
    worker_ask_close(&self->ask);
    if (self->sender.outbox != NULL) {
        sender_close(&self->sender);
    }
    if (self->host.timer != NULL) {
        worker_host_fini(&self->host);
    }
    worker_core_destroy(&self->core);
    sp_stats_destroy(&self->stats);
    free(self->job);
    free(self);
    *self_p = NULL;
}
