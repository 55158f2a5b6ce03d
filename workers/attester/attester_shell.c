/* SPDX-License-Identifier: Apache-2.0 */
#include "attester_shell.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "attester_core.h"
#include "back.h"
#include "collect_pace.h"
#include "dispatch_attester.h"
#include "msg.h"
#include "sp_clock.h"
#include "sp_log.h"
#include "sp_stats.h"

#define KINDS_MAX     32u
#define DROP_OVER_US  20000u /* of CPU time in one turn */
#define PAUSE_OF_LOST 3u     /* a broker gives up who is silent for bus.lost */

enum gauge { G_QUESTIONS, G_DOCUMENTS, G_REFUSED, G_LATE, G_WAITING, G_READY, G_BYTES, G_DROPPED, G_COUNT };

struct attester_shell {
    struct attester_shell_options opt;
    struct attester_core *core;
    struct attester_kind kinds[KINDS_MAX + 1]; /* from the table of collectors, ends with a NULL name */
    struct sp_bus *bus;
    struct sp_stats *stats;
    uint32_t gauge[G_COUNT];
    uint32_t latency;
    int document[ATTESTER_DOCS_MAX];    /* memfd, -1: none */
    unsigned broker[ATTESTER_DOCS_MAX]; /* the question came by it */
    uint32_t making;                    /* of the document that the back makes, ATTESTER_NONE: none */
    uint64_t making_us;
    uint64_t dropped; /* questions of a flood, and answers that did not leave; they are asked again */
    bool failed;
    struct collect_pace pace; /* of this process */
    uint64_t pause_max_us;    /* longest pause, so that brokers still hear of us */
    struct attester_effects effects;
    struct back_packet packet;
    uint8_t part[ATTESTER_PART_MAX];
};

/* Who handles a message. */
struct attester_in {
    struct attester_shell *self;
    const struct sp_bus_message *message;
};

static uint64_t now_us(const struct attester_shell *self)
{
    return sp_loop_now(self->opt.loop)->mono.us;
}

/* ---- answers --------------------------------------------------------------------------------------------------- */

static void emit_evidence(struct attester_shell *self, const struct msg_evidence *m, const char *dest, unsigned broker)
{
    struct sp_packer w;
    size_t room = 0;
    uint8_t *body = sp_bus_body(self->bus, &room);
    sp_packer_init(&w, body, room);
    if (msg_evidence_encode(&w, m) != SP_OK) {
        self->dropped++;
        return;
    }
    /* By the broker that brought the question: no other knows that somebody waits for this. */
    struct sp_bus_out out = {
        .type = SP_MSG_EVIDENCE, .dest = dest, .broker = (int)broker, .body = body, .body_bytes = sp_packer_bytes(&w)};
    self->dropped += sp_bus_send(self->bus, &out) != SP_BUS_SENT ? 1 : 0;
}

static bool read_part(struct attester_shell *self, const struct attester_effect *e)
{
    size_t n = 0;
    while (n < e->part) {
        ssize_t got = pread(self->document[e->doc], self->part + n, e->part - n, (off_t)(e->offset + n));
        if (got <= 0 && (got == 0 || errno != EINTR)) {
            return false; /* cannot be: it is sealed and in memory */
        }
        n += got > 0 ? (size_t)got : 0;
    }
    return true;
}

static void answer(struct attester_shell *self, const struct attester_effect *e)
{
    const struct attester_doc *d = attester_core_doc(self->core, e->doc);
    struct msg_evidence m = {.id = d->id,
                             .node = sp_str_of(sp_bus_principal_find(self->bus, self->opt.name)->nodes),
                             .kind = sp_str_of(d->kind),
                             .nonce = d->nonce,
                             .code = e->reason,
                             .total = d->total,
                             .offset = e->offset,
                             .detail = sp_str_of(d->detail)};
    if (e->reason == SP_REASON_OK && !read_part(self, e)) {
        m.code = SP_REASON_INTERNAL;
        m.detail = sp_str_of("the document cannot be read");
    } else if (e->reason == SP_REASON_OK) {
        m.part = sp_str_bytes(self->part, e->part);
    }
    emit_evidence(self, &m, d->asker, self->broker[e->doc]);
}

static void refuse(struct attester_shell *self, const struct attester_effect *e, const struct attester_in *in,
                   const struct msg_evidence_request *q)
{
    const struct msg_evidence m = {.id = q->id,
                                   .node = sp_str_of(sp_bus_principal_find(self->bus, self->opt.name)->nodes),
                                   .kind = q->kind,
                                   .nonce = q->nonce,
                                   .code = e->reason,
                                   .offset = q->offset,
                                   .detail = sp_str_of(e->detail)};
    SP_LOG(SP_LOG_NOTICE, "attester", "refused", SP_LOG_S("asker", in->message->from->name), SP_LOG_V("kind", q->kind),
           SP_LOG_S("reason", sp_reason_name(e->reason)), SP_LOG_S("why", e->detail));
    emit_evidence(self, &m, in->message->from->name, in->message->broker);
}

/* ---- the back -------------------------------------------------------------------------------------------------- */

static void back_gone(struct attester_shell *self)
{
    if (!self->failed) {
        self->failed = true;
        SP_LOG(SP_LOG_ERROR, "attester", "back.gone", SP_LOG_S("effect", "this process ends, to be started again with both parts"));
        sp_loop_del(self->opt.loop, self->opt.back_fd);
        sp_loop_stop(self->opt.loop);
    }
}

static void collect(struct attester_shell *self, const struct attester_effect *e)
{
    const struct attester_doc *d = attester_core_doc(self->core, e->doc);
    const struct collect_request request = {.kind = sp_str_of(d->kind),
                                            .node = sp_str_of(sp_bus_principal_find(self->bus, self->opt.name)->nodes),
                                            .args = sp_str_bytes(d->args, d->args_len),
                                            .nonce = d->nonce,
                                            .sign_key = self->opt.keys->pub.sign,
                                            .curve_key = self->opt.keys->pub.curve};
    size_t n = back_write(&self->packet, &request, d->ticket, d->total);
    self->making = e->doc;
    self->making_us = now_us(self);
    /* The back has at most one question, so there is room for it. */
    if (n == 0 || send(self->opt.back_fd, &self->packet, n, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)n) {
        back_gone(self);
    }
}

/* in, q: the question of this step, NULL when there is none. */
static void perform(struct attester_shell *self, const struct attester_in *in, const struct msg_evidence_request *q)
{
    for (uint32_t i = 0; i < self->effects.count; i++) {
        const struct attester_effect *e = &self->effects.list[i];
        switch (e->kind) {
        case ATTESTER_COLLECT:
            collect(self, e);
            break;
        case ATTESTER_ANSWER:
            answer(self, e);
            break;
        case ATTESTER_REFUSE:
            SP_ASSERT(in != NULL && q != NULL);
            refuse(self, e, in, q);
            break;
        case ATTESTER_RELEASE:
            if (self->document[e->doc] >= 0) {
                (void)close(self->document[e->doc]);
                self->document[e->doc] = -1;
            }
            break;
        }
    }
    sp_bus_backlog_set(self->bus, attester_core_counts(self->core).waiting);
}

static void collected(struct attester_shell *self, const struct back_answer *a, int document)
{
    uint32_t doc = self->making;
    if (doc == ATTESTER_NONE || attester_core_doc(self->core, doc)->ticket != a->ticket) {
        if (document >= 0) {
            (void)close(document); /* a second answer: the collector told, and died before it had ended */
        }
        return;
    }
    struct attester_event ev = {.kind = ATTESTER_EV_COLLECTED, .now_us = now_us(self)};
    ev.u.collected.ticket = a->ticket;
    ev.u.collected.reason = (uint16_t)a->reason;
    ev.u.collected.detail = sp_str_of(a->detail);
    ev.u.collected.total = a->total;
    self->document[doc] = document;
    self->making = ATTESTER_NONE;
    sp_stats_sample(self->stats, self->latency, (uint32_t)(ev.now_us - self->making_us));
    if (a->reason != SP_REASON_OK) {
        SP_LOG(SP_LOG_NOTICE, "attester", "no.document", SP_LOG_S("kind", attester_core_doc(self->core, doc)->kind),
               SP_LOG_S("reason", sp_reason_name((uint16_t)a->reason)), SP_LOG_S("why", a->detail));
    }
    attester_core_step(self->core, &ev, &self->effects);
    perform(self, NULL, NULL);
}

static void on_back(void *ctx, uint32_t events, const struct sp_now *now)
{
    struct attester_shell *self = ctx;
    struct back_answer a;
    int document = -1;
    enum back_state state;
    (void)events;
    (void)now;
    while (!self->failed && (state = back_receive(self->opt.back_fd, &a, &document)) != BACK_EMPTY) {
        if (state == BACK_GONE) {
            back_gone(self);
        } else {
            collected(self, &a, document);
        }
    }
}

/* ---- questions ------------------------------------------------------------------------------------------------- */

enum sp_rc attester_on_evidence_request(struct attester_in *in, struct msg_evidence_request *m)
{
    struct attester_shell *self = in->self;
    if (collect_pace_overdrawn(&self->pace, DROP_OVER_US)) {
        self->dropped++; /* a flood, for the loop rests after each turn: who asks one after the other never comes here */
        return SP_OK;
    }
    struct attester_event ev = {.kind = ATTESTER_EV_QUESTION, .now_us = now_us(self)};
    ev.u.question = (struct attester_question){.asker = sp_str_of(in->message->from->name),
                                               .node = m->node,
                                               .kind = m->kind,
                                               .args = m->args,
                                               .nonce = m->nonce,
                                               .id = m->id,
                                               .offset = m->offset,
                                               .expires_ms = m->expires_ms,
                                               .is_operator = in->message->from->role == SP_ROLE_OPERATOR};
    attester_core_step(self->core, &ev, &self->effects);
    for (uint32_t i = 0; i < ATTESTER_DOCS_MAX; i++) {
        const struct attester_doc *d = attester_core_doc(self->core, i);
        if (d->state != ATTESTER_FREE && d->id == m->id && strcmp(d->asker, in->message->from->name) == 0) {
            self->broker[i] = in->message->broker;
        }
    }
    perform(self, in, m);
    return SP_OK;
}

static void on_message(void *ctx, const struct sp_bus_message *message)
{
    struct attester_in in = {ctx, message};
    enum sp_rc rc = attester_dispatch(&in, message->type, (enum sp_role)message->from->role, message->body, message->body_bytes);
    if (rc != SP_OK && rc != SP_E_UNSUPPORTED) {
        SP_LOG(SP_LOG_WARNING, "attester", "message.refused", SP_LOG_S("type", msg_name(message->type)),
               SP_LOG_S("from", message->from->name), SP_LOG_S("why", sp_rc_name(rc)));
    }
}

static void on_link(void *ctx, unsigned broker, bool up, uint64_t boot)
{
    struct attester_shell *self = ctx;
    SP_LOG(SP_LOG_INFO, "attester", up ? "broker.up" : "broker.down", SP_LOG_S("broker", sp_bus_broker_name(self->bus, broker)),
           SP_LOG_U("boot", boot));
}

static void on_stats(void *ctx)
{
    struct attester_shell *self = ctx;
    struct attester_counts c = attester_core_counts(self->core);
    const uint64_t value[G_COUNT] = {
        [G_QUESTIONS] = c.questions, [G_DOCUMENTS] = c.documents, [G_REFUSED] = c.refused, [G_LATE] = c.late,
        [G_WAITING] = c.waiting,     [G_READY] = c.ready,         [G_BYTES] = c.bytes,     [G_DROPPED] = self->dropped};
    for (unsigned i = 0; i < G_COUNT; i++) {
        sp_stats_set(self->stats, self->gauge[i], value[i]);
    }
}

/* ---- life ------------------------------------------------------------------------------------------------------ */

/* Ends each turn of the loop: whoever asks too much waits. */
static bool on_turn(void *ctx, const struct sp_now *now)
{
    struct attester_shell *self = ctx;
    collect_pace_pause(&self->pace, self->pause_max_us);
    if (self->opt.notify != NULL) {
        sp_notify_watchdog(self->opt.notify, now->mono, sp_loop_turns(self->opt.loop));
    }
    return false;
}

struct sp_mono attester_shell_deadline(const struct attester_shell *self)
{
    uint64_t next = attester_core_next_deadline(self->core);
    uint64_t watchdog = self->opt.notify != NULL ? sp_notify_deadline(self->opt.notify).us : UINT64_MAX;
    return (struct sp_mono){watchdog < next ? watchdog : next};
}

void attester_shell_tick(struct attester_shell *self, const struct sp_now *now)
{
    const struct attester_event ev = {.kind = ATTESTER_EV_TICK, .now_us = now->mono.us};
    attester_core_step(self->core, &ev, &self->effects);
    perform(self, NULL, NULL);
}

void attester_shell_reload(struct attester_shell *self)
{
    (void)sp_bus_reload(self->bus);
}

bool attester_shell_failed(const struct attester_shell *self)
{
    return self->failed;
}

static void register_stats(struct attester_shell *self)
{
    static const char *const names[G_COUNT] = {
        [G_QUESTIONS] = "attester.questions", [G_DOCUMENTS] = "attester.documents", [G_REFUSED] = "attester.refused",
        [G_LATE] = "attester.late",           [G_WAITING] = "attester.waiting",     [G_READY] = "attester.ready",
        [G_BYTES] = "attester.bytes",         [G_DROPPED] = "attester.dropped"};
    for (unsigned i = 0; i < G_COUNT; i++) {
        self->gauge[i] = sp_stats_gauge(self->stats, names[i]);
    }
    self->latency = sp_stats_latency(self->stats, "attester.collect");
}

static enum sp_rc open_core(struct attester_shell *self, struct sp_err *err)
{
    const struct sp_conf_attester *c = &self->opt.conf->attester;
    const struct sp_bus_principal *own = sp_bus_principal_find(self->bus, self->opt.name);
    if (own == NULL || own->nodes[0] == '\0') {
        (void)sp_err_set(err, SP_E_INVALID, self->opt.conf->principals, "%s is not there, or names no node", self->opt.name);
        sp_err_hint(err, "spice-attester enrol writes it; `nodes` of an attester is the name of its one node");
        return SP_E_INVALID;
    }
    uint32_t n = 0;
    for (const struct collector *const *k = collectors; *k != NULL && n + 1 < SP_COUNT(self->kinds); k++) {
        self->kinds[n++] = (struct attester_kind){(*k)->kind, (*k)->operators_only};
    }
    const struct attester_options o = {.node = own->nodes,
                                       .kinds = self->kinds,
                                       .per_minute = c->per_minute,
                                       .document_max = COLLECT_DOCUMENT_MAX,
                                       .bytes_max = (uint64_t)c->memory_mb << 20};
    self->core = attester_core_new(&o);
    return self->core != NULL ? SP_OK : sp_err_set(err, SP_E_NOMEM, self->opt.name, "no memory");
}

static enum sp_rc open_bus(struct attester_shell *self, struct sp_err *err)
{
    char why[SP_ERR_TEXT_BYTES];
    struct sp_bus_options o = {.loop = self->opt.loop,
                               .conf = self->opt.conf,
                               .keys = self->opt.keys,
                               .stats = self->stats,
                               .name = self->opt.name,
                               .role = SP_ROLE_ATTESTER,
                               .software = "spice-attester " SPICE_VERSION,
                               .self = self,
                               .on_message = on_message,
                               .on_link = on_link,
                               .on_stats = on_stats};
    if (!sp_bus_open(&o, &self->bus, why, sizeof why)) {
        return sp_err_set(err, SP_E_INVALID, self->opt.name, "%s", why);
    }
    return SP_OK;
}

enum sp_rc attester_shell_open(const struct attester_shell_options *options, struct attester_shell **out, struct sp_err *err)
{
    struct attester_shell *self = calloc(1, sizeof *self);
    if (self == NULL || (self->stats = sp_stats_new()) == NULL) {
        free(self);
        return sp_err_set(err, SP_E_NOMEM, options->name, "no memory");
    }
    self->opt = *options;
    self->making = ATTESTER_NONE;
    for (uint32_t i = 0; i < ATTESTER_DOCS_MAX; i++) {
        self->document[i] = -1;
    }
    register_stats(self);
    enum sp_rc rc = open_bus(self, err);
    rc = rc == SP_OK ? open_core(self, err) : rc;
    self->pause_max_us = options->conf->bus.lost_ms * SP_US_PER_MS / PAUSE_OF_LOST;
    collect_pace_init(&self->pace, (uint64_t)options->conf->attester.cpu_percent * COLLECT_PACE_FRONT_PERMILLE, 0,
                      sp_clock_mono_ns());
    collect_pace_begin(&self->pace);
    rc = rc == SP_OK ? sp_loop_hook(self->opt.loop, on_turn, self) : rc;
    rc = rc == SP_OK ? sp_loop_add(self->opt.loop, self->opt.back_fd, EPOLLIN, (struct sp_loop_watch){on_back, self}) : rc;
    if (rc != SP_OK) {
        attester_shell_close(&self);
        return rc;
    }
    *out = self;
    return SP_OK;
}

void attester_shell_close(struct attester_shell **self_p)
{
    struct attester_shell *self = *self_p;
    if (self == NULL) {
        return;
    }
    sp_loop_del(self->opt.loop, self->opt.back_fd);
    if (self->bus != NULL) {
        sp_bus_close(&self->bus, (int)self->opt.conf->bus.linger_ms);
    }
    for (uint32_t i = 0; i < ATTESTER_DOCS_MAX; i++) {
        if (self->document[i] >= 0) {
            (void)close(self->document[i]);
        }
    }
    attester_core_destroy(&self->core);
    sp_stats_destroy(&self->stats);
    free(self);
    *self_p = NULL;
}
