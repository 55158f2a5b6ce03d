/* SPDX-License-Identifier: Apache-2.0 */
#include "worker_ask.h"

#include <string.h>

#include "sp_assert.h"
#include "sp_log.h"
#include "sp_random.h"
#include "sp_ticket.h"

#define ASK_MARGIN_US 1000000u /* a question ends so long before its job's deadline, or a tenth of the time left if that is less */

static uint64_t now_us(const struct worker_ask *self)
{
    return sp_loop_now(self->loop)->mono.us;
}

bool worker_ask_open(struct worker_ask *self, struct sp_loop *loop, struct sp_stats *stats, unsigned brokers)
{
    static const char *const names[WORKER_ASK_GAUGES] = {"ask.open",  "ask.flying",   "ask.begun", "ask.ended",   "ask.parts",
                                                         "ask.bytes", "ask.repeated", "ask.stray", "ask.foreign", "ask.broken"};
    uint8_t seed[16];
    memset(self, 0, sizeof *self);
    self->loop = loop;
    self->stats = stats;
    sp_random_bytes(seed, sizeof seed);
    self->ready = ask_core_init(&self->core, brokers, seed);
    for (unsigned i = 0; i < WORKER_ASK_GAUGES; i++) {
        self->gauge[i] = sp_stats_gauge(stats, names[i]);
    }
    return self->ready;
}

void worker_ask_close(struct worker_ask *self)
{
    if (self->ready) {
        ask_core_fini(&self->core);
        self->ready = false;
    }
}

/* ---- the services ---- */

/* ask->index is the row + 1 while the question is open. */
void worker_ask_begin(struct worker_ask *self, const struct sp_adapter_job *job, struct sp_adapter_ask *ask,
                      const struct sp_adapter_question *question)
{
    uint64_t now = now_us(self), left = job->deadline_us > now ? job->deadline_us - now : 0;
    struct sp_ticket t = {0};
    SP_ASSERT(ask->index == 0 &&
              (job->ticket == NULL || sp_ticket_decode(job->ticket, &t) == SP_OK)); /* it was decoded when it came */
    const struct ask_begin b = {.node = sp_str_of(job->node),
                                .kind = sp_str_of(question->kind),
                                .args = sp_str_of(question->args),
                                .nonce = question->nonce,
                                .number = t.node,
                                .generation = t.generation,
                                .epoch = t.epoch,
                                .deadline_us = job->deadline_us - (left / 10 < ASK_MARGIN_US ? left / 10 : ASK_MARGIN_US),
                                .user = ask};
    uint32_t at = ask_core_begin(&self->core, &b, now);
    SP_ASSERT(at != ASK_NONE); /* a question for each slot: an adapter leaks them, or there is no memory for a line of text */
    ask->index = at + 1;
}

void worker_ask_stop(struct worker_ask *self, struct sp_adapter_ask *ask)
{
    if (ask->index != 0) {
        ask_core_stop(&self->core, ask->index - 1);
        ask->index = 0;
    }
}

/* ---- to adapters ---- */

static struct sp_adapter_identity identity_of(const struct identity_row *r)
{
    return (struct sp_adapter_identity){.generation = r->generation,
                                        .mode = r->mode,
                                        .ak = r->ak_len > 0 ? r->ak : NULL,
                                        .ak_len = r->ak_len,
                                        .ek = r->has_ek ? r->ek : NULL};
}

static void tell_ended(struct worker_ask *self)
{
    struct ask_row row;
    for (uint32_t n = self->core.list[ASK_ENDED].count; n > 0 && ask_core_pop(&self->core, &row);
         n--) { /* what ends meanwhile: next turn */
        struct sp_adapter_ask *ask = row.user;
        const struct sp_adapter_part part = {.reason = row.reason, .detail = row.detail, .last = true};
        ask->index = 0;
        ask->part(ask, &part);
    }
}

void worker_ask_on_evidence(struct worker_ask *self, const struct sp_bus_principal *from, const struct msg_evidence *m)
{
    const struct ask_answer a = {.from = sp_str_of(from->name), .sign = from->sign, .m = m};
    uint32_t at = ASK_NONE;
    enum ask_verdict verdict = ask_core_answer(&self->core, &a, &at, now_us(self));
    if (verdict == ASK_DROP) {
        return;
    }
    struct sp_adapter_ask *ask = self->core.rows[at].user;
    const struct sp_adapter_identity who = identity_of(ask_core_who(&self->core, at));
    const struct sp_adapter_part part = {.reason = SP_REASON_OK,
                                         .detail = "",
                                         .who = &who,
                                         .bytes = (const uint8_t *)m->part.p,
                                         .n = m->part.n,
                                         .offset = m->offset,
                                         .total = m->total,
                                         .last = verdict == ASK_LAST};
    if (verdict ==
        ASK_LAST) { /* it may be used for the next question at once; its row, and who is in it, stays until part() returned */
        ask->index = 0;
        ask->part(ask, &part);
        ask_core_stop(&self->core, at);
        return;
    }
    uint64_t id = m->id;
    ask->part(ask, &part);
    ask_core_go_on(&self->core, at, id, m->part.n);
}

/* ---- the bus ---- */

void worker_ask_on_link(struct worker_ask *self, unsigned broker, bool up)
{
    ask_core_link(&self->core, broker, up);
}

void worker_ask_on_refused(struct worker_ask *self, unsigned broker, const struct msg_refused *m)
{
    if (m->type == SP_MSG_EVIDENCE_REQUEST) {
        ask_core_refused(&self->core, broker, m->sequence, m->code);
    }
}

/* From now on the bus takes what this attester seals for us. It is the keeper who says so, under its own signature. */
static bool introduce(struct worker_ask *self, const struct msg_identity *m)
{
    struct sp_bus_principal row = {.role = SP_ROLE_ATTESTER};
    (void)sp_str_copy(row.name, sizeof row.name, m->attester);
    (void)sp_str_copy(row.nodes, sizeof row.nodes, m->node);
    memcpy(row.sign, m->sign.p, sizeof row.sign);
    const struct sp_bus_principal *had = sp_bus_principal_find(self->bus, row.name);
    /* The file's own rows stay as they are; the core compares keys. */
    return (had != NULL && (had->from_file || memcmp(had->sign, row.sign, sizeof row.sign) == 0)) ||
           sp_bus_principal_put(self->bus, &row);
}

void worker_ask_on_identity(struct worker_ask *self, const struct msg_identity *m)
{
    if (m->code == SP_REFUSAL_NONE && identity_message_ok(m) && !introduce(self, m)) {
        self->forgotten++;
        SP_LOG(SP_LOG_ERROR, "worker", "attester.unknown", SP_LOG_V("attester", m->attester),
               SP_LOG_S("why", "no room among the principals"));
        return; /* the question ends at its deadline */
    }
    ask_core_identity(&self->core, m);
}

static enum sp_bus_sent send_request(struct worker_ask *self, const struct ask_row *r, uint64_t now, uint64_t *sequence)
{
    uint64_t left_ms = r->deadline_us > now ? (r->deadline_us - now) / SP_US_PER_MS : 0;
    struct msg_evidence_request m = {.id = r->id,
                                     .node = sp_str_of(r->node),
                                     .kind = sp_str_of(r->kind),
                                     .nonce = r->nonce,
                                     .args = sp_str_of(r->args),
                                     .offset = r->offset,
                                     .expires_ms = left_ms == 0           ? 1
                                                   : left_ms < UINT32_MAX ? (uint32_t)left_ms
                                                                          : UINT32_MAX};
    struct sp_packer w;
    size_t room = 0;
    uint8_t *body = sp_bus_body(self->bus, &room);
    sp_packer_init(&w, body, room);
    enum sp_rc rc = msg_evidence_request_encode(&w, &m);
    SP_ASSERT(rc == SP_OK || rc == SP_E_INVALID); /* INVALID: an adapter's text is not UTF-8 */
    struct sp_bus_out out = {.type = SP_MSG_EVIDENCE_REQUEST,
                             .dest = self->core.identity.rows[r->identity].attester,
                             .broker = (int)r->broker,
                             .body = body,
                             .body_bytes = sp_packer_bytes(&w)};
    enum sp_bus_sent sent = rc == SP_OK ? sp_bus_send(self->bus, &out) : SP_BUS_TOO_LARGE;
    *sequence = out.sequence;
    return sent;
}

static void send_requests(struct worker_ask *self, uint64_t now)
{
    struct ask_row *r;
    while ((r = ask_core_next(&self->core, now)) != NULL) {
        uint64_t sequence = 0;
        enum sp_bus_sent sent = send_request(self, r, now, &sequence);
        if (sent == SP_BUS_SENT) {
            ask_core_sent(&self->core, r, sequence, now);
        } else if (sent == SP_BUS_NO_KEY) {
            ask_core_unsendable(&self->core, r, "the row of this attester is revoked, has ended, or has no good `sign`");
        } else {
            ask_core_unsent(r);
        }
    }
}

static void send_wants(struct worker_ask *self, uint64_t now)
{
    const struct identity_row *who;
    unsigned broker = 0;
    while ((who = ask_core_want(&self->core, now, &broker)) != NULL) {
        struct msg_identity_get m = {.node = sp_str_of(who->node), .generation = who->generation};
        struct sp_packer w;
        size_t room = 0;
        uint8_t *body = sp_bus_body(self->bus, &room);
        sp_packer_init(&w, body, room);
        if (msg_identity_get_encode(&w, &m) == SP_OK) {
            struct sp_bus_out out = {
                .type = SP_MSG_IDENTITY_GET, .broker = (int)broker, .body = body, .body_bytes = sp_packer_bytes(&w)};
            (void)sp_bus_send(self->bus, &out); /* the core asks again */
        }
    }
}

void worker_ask_turn(struct worker_ask *self)
{
    uint64_t now = now_us(self);
    ask_core_tick(&self->core, now);
    if (self->bus != NULL) {
        send_wants(self, now);
        send_requests(self, now);
    }
    tell_ended(self);
}

uint64_t worker_ask_deadline(const struct worker_ask *self)
{
    return ask_core_deadline(&self->core);
}

void worker_ask_on_stats(struct worker_ask *self)
{
    const struct ask_core *c = &self->core;
    const uint64_t value[WORKER_ASK_GAUGES] = {c->size - c->list[ASK_FREE].count,
                                               c->list[ASK_FLYING].count,
                                               c->counts.begun,
                                               c->counts.ended,
                                               c->counts.parts,
                                               c->counts.bytes,
                                               c->counts.repeated,
                                               c->counts.stray,
                                               c->counts.foreign,
                                               c->counts.broken};
    for (unsigned i = 0; i < WORKER_ASK_GAUGES; i++) {
        sp_stats_set(self->stats, self->gauge[i], value[i]);
    }
}
