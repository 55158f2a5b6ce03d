/* SPDX-License-Identifier: Apache-2.0 */
#include "ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sp_assert.h"

#define ASK_ROWS       64u /* at first; doubles */
#define ASK_PLACE_BITS 16  /* of an id: the row it was given to */

SP_STATIC_ASSERT(ASK_QUESTIONS_MAX <= 1u << ASK_PLACE_BITS, "an id names every row");

/* ---- rows, lists, timers ---- */

static void list_out(struct ask_core *c, uint32_t at)
{
    struct ask_row *r = &c->rows[at];
    struct ask_list *l = &c->list[r->state];
    *(r->prev != ASK_NONE ? &c->rows[r->prev].next : &l->first) = r->next;
    *(r->next != ASK_NONE ? &c->rows[r->next].prev : &l->last) = r->prev;
    l->count--;
}

static void list_in(struct ask_core *c, uint32_t at)
{
    struct ask_row *r = &c->rows[at];
    struct ask_list *l = &c->list[r->state];
    r->next = ASK_NONE;
    r->prev = l->last;
    *(l->last != ASK_NONE ? &c->rows[l->last].next : &l->first) = at;
    l->last = at;
    l->count++;
}

/* The state and, by it, what time the row waits for. */
static void move(struct ask_core *c, uint32_t at, enum ask_state to)
{
    struct ask_row *r = &c->rows[at];
    list_out(c, at);
    r->state = to;
    list_in(c, at);
    bool waits = to == ASK_IDENTITY || to == ASK_FLYING || to == ASK_PAUSED;
    if (to == ASK_GIVEN || to == ASK_ENDED || to == ASK_FREE) {
        sp_heap_remove(&c->timers, at);
    } else {
        sp_heap_set(&c->timers, at, waits && r->again_us < r->deadline_us ? r->again_us : r->deadline_us);
    }
}

static bool grow(struct ask_core *c)
{
    uint32_t old = c->size, size = old == 0 ? ASK_ROWS : old * 2;
    if (size > ASK_QUESTIONS_MAX || !sp_heap_resize(&c->timers, size)) {
        return false;
    }
    struct ask_row *rows = realloc(c->rows, size * sizeof *rows);
    if (rows == NULL) {
        return false;
    }
    memset(rows + old, 0, (size - old) * sizeof *rows);
    c->rows = rows;
    c->size = size;
    for (uint32_t i = old; i < size; i++) {
        list_in(c, i); /* state 0 is FREE */
    }
    return true;
}

bool ask_core_init(struct ask_core *c, unsigned brokers, const uint8_t seed[16])
{
    SP_ASSERT(brokers > 0 && brokers <= 32);
    memset(c, 0, sizeof *c);
    for (unsigned i = 0; i < ASK_STATES; i++) {
        c->list[i].first = c->list[i].last = ASK_NONE;
    }
    memcpy(&c->next_id, seed, sizeof c->next_id);
    c->brokers = brokers;
    if (!identity_init(&c->identity, seed) || !sp_heap_init(&c->timers, ASK_ROWS) || !grow(c)) {
        ask_core_fini(c);
        return false;
    }
    return true;
}

void ask_core_fini(struct ask_core *c)
{
    for (uint32_t i = 0; i < c->size; i++) {
        free(c->rows[i].args);
    }
    free(c->rows);
    sp_heap_fini(&c->timers);
    identity_fini(&c->identity);
    memset(c, 0, sizeof *c);
}

static void release(struct ask_core *c, uint32_t at)
{
    struct ask_row *r = &c->rows[at];
    if (r->identity != IDENTITY_NONE) {
        identity_leave(&c->identity, r->identity);
    }
    free(r->args);
    r->args = NULL;
    r->id = 0;
    r->user = NULL;
    move(c, at, ASK_FREE);
    c->counts.ended++;
}

/* The question ends without a part; the adapter is told by ask_core_pop. */
static void finish(struct ask_core *c, uint32_t at, uint16_t reason, struct sp_str detail)
{
    struct ask_row *r = &c->rows[at];
    r->reason = reason;
    (void)sp_str_copy(r->detail, sizeof r->detail, detail);
    move(c, at, ASK_ENDED);
}

static void finish_text(struct ask_core *c, uint32_t at, uint16_t reason, const char *detail)
{
    finish(c, at, reason, sp_str_of(detail));
}

static void broken(struct ask_core *c, uint32_t at, const char *how)
{
    c->counts.broken++;
    finish_text(c, at, SP_REASON_PROTOCOL, how);
}

/* ---- a question ---- */

static char *copy_args(struct sp_str args)
{
    char *p = malloc((size_t)args.n + 1);
    if (p != NULL) {
        (void)sp_str_copy(p, (size_t)args.n + 1, args);
    }
    return p;
}

uint32_t ask_core_begin(struct ask_core *c, const struct ask_begin *b, uint64_t now_us)
{
    char *args = copy_args(b->args);
    if (args == NULL || (c->list[ASK_FREE].first == ASK_NONE && !grow(c))) {
        free(args);
        return ASK_NONE;
    }
    uint32_t at = c->list[ASK_FREE].first;
    struct ask_row *r = &c->rows[at];
    const struct ask_row clean = {.next = r->next, .prev = r->prev, .identity = IDENTITY_NONE};
    *r = clean; /* state 0: where it still is */
    r->args = args;
    r->id = ++c->next_id << ASK_PLACE_BITS | at;
    memcpy(r->nonce, b->nonce, sizeof r->nonce);
    r->generation = b->generation;
    r->deadline_us = b->deadline_us;
    r->wait_us = ASK_AGAIN_US;
    r->pause_us = ASK_PAUSE_US;
    r->only_absent = true;
    r->user = b->user;
    c->counts.begun++;
    bool fits = sp_str_copy(r->node, sizeof r->node, b->node) && sp_str_copy(r->kind, sizeof r->kind, b->kind) &&
                b->args.n <= MSG_EVIDENCE_REQUEST_ARGS_MAX;
    if (!fits || now_us >= b->deadline_us) {
        finish_text(c, at, fits ? SP_REASON_UNREACHABLE : SP_REASON_INTERNAL, fits ? "no time is left" : "question is too long");
        return at;
    }
    const struct identity_about about = {b->node, b->number, b->generation, b->epoch, now_us};
    r->identity = identity_use(&c->identity, &about);
    if (r->identity == IDENTITY_NONE) {
        finish_text(c, at, SP_REASON_INTERNAL, "no room for another identity");
        return at;
    }
    const struct identity_row *who = &c->identity.rows[r->identity];
    r->again_us = who->asked_us + ASK_KEEPER_US;
    move(c, at, who->known ? ASK_READY : who->asked_us == 0 || now_us >= r->again_us ? ASK_WANT : ASK_IDENTITY);
    return at;
}

void ask_core_stop(struct ask_core *c, uint32_t at)
{
    SP_ASSERT(at < c->size && c->rows[at].state != ASK_FREE);
    release(c, at);
}

const struct identity_row *ask_core_who(const struct ask_core *c, uint32_t at)
{
    uint32_t i = c->rows[at].identity;
    return i != IDENTITY_NONE && c->identity.rows[i].known ? &c->identity.rows[i] : NULL;
}

/* ---- the keeper ---- */

static unsigned next_up(const struct ask_core *c, unsigned from, uint32_t without)
{
    for (unsigned k = 0; k < c->brokers; k++) {
        unsigned b = (from + k) % c->brokers;
        if ((c->up & ~without & 1u << b) != 0) {
            return b;
        }
    }
    return c->brokers;
}

const struct identity_row *ask_core_want(struct ask_core *c, uint64_t now_us, unsigned *broker)
{
    unsigned b = next_up(c, c->keeper_broker, 0);
    while (c->list[ASK_WANT].first != ASK_NONE && b < c->brokers) {
        uint32_t at = c->list[ASK_WANT].first;
        struct identity_row *who = &c->identity.rows[c->rows[at].identity];
        bool asked = who->asked_us != 0 && now_us - who->asked_us < ASK_KEEPER_US; /* for another question about this node */
        c->rows[at].again_us = (asked ? who->asked_us : now_us) + ASK_KEEPER_US;
        move(c, at, ASK_IDENTITY);
        if (asked) {
            continue;
        }
        if (who->asked_us != 0) {
            b = next_up(c, b + 1, 0); /* no answer by the last one */
        }
        who->asked_us = now_us;
        *broker = c->keeper_broker = b;
        return who;
    }
    return NULL;
}

static void judge_identity(struct ask_core *c, uint32_t at, const struct msg_identity *m)
{
    struct ask_row *r = &c->rows[at];
    struct identity_row *who = &c->identity.rows[r->identity];
    if (m->code != SP_REFUSAL_NONE) {
        who->asked_us = 0; /* the next question asks anew, at once */
    }
    if (m->code == SP_REFUSAL_NOT_FOUND) {
        finish_text(c, at, SP_REASON_NOT_ENROLLED, "no attester is enrolled for this node");
    } else if (m->code != SP_REFUSAL_NONE) {
        char text[96];
        (void)snprintf(text, sizeof text, "keeper: %s", sp_refusal_text(m->code));
        finish_text(c, at, SP_REASON_REFUSED, text);
    } else if (m->generation > r->generation) {
        finish_text(c, at, SP_REASON_STALE, "the node was enrolled anew, or restarted, since this question");
    } else if (m->generation == r->generation && !identity_message_ok(m)) {
        broken(c, at, "the keeper's word about this node is not whole");
    } else if (m->generation == r->generation) {
        if (!who->known) {
            identity_fill(who, m);
        }
        move(c, at, ASK_READY);
    }
}

void ask_core_identity(struct ask_core *c, const struct msg_identity *m)
{
    static const enum ask_state states[] = {ASK_WANT, ASK_IDENTITY};
    for (size_t i = 0; i < SP_COUNT(states); i++) {
        uint32_t next;
        for (uint32_t at = c->list[states[i]].first; at != ASK_NONE; at = next) {
            next = c->rows[at].next;
            if (sp_str_is(m->node, c->rows[at].node)) {
                judge_identity(c, at, m);
            }
        }
    }
}

/* ---- out ---- */

static void wait_a_while(struct ask_core *c, uint32_t at, uint64_t now_us)
{
    struct ask_row *r = &c->rows[at];
    r->again_us = now_us + r->pause_us;
    r->pause_us = r->pause_us * 2 < ASK_PAUSE_MAX_US ? r->pause_us * 2 : ASK_PAUSE_MAX_US;
    move(c, at, ASK_PAUSED);
}

/* Every broker refused: later, and not for ever when none of them knows the attester. */
static void pause_round(struct ask_core *c, uint32_t at, uint64_t now_us)
{
    struct ask_row *r = &c->rows[at];
    r->absent = r->only_absent ? r->absent + 1 : 0;
    if (r->absent == ASK_ABSENT_ROUNDS) {
        finish_text(c, at, SP_REASON_UNREACHABLE, "attester is not connected");
        return;
    }
    r->refused = 0;
    r->only_absent = true;
    wait_a_while(c, at, now_us);
}

struct ask_row *ask_core_next(struct ask_core *c, uint64_t now_us)
{
    while (c->up != 0 && c->list[ASK_FLYING].count < ASK_FLYING_MAX && c->list[ASK_READY].first != ASK_NONE) {
        uint32_t at = c->list[ASK_READY].first;
        struct ask_row *r = &c->rows[at];
        unsigned b = next_up(c, r->broker, r->refused);
        if (b < c->brokers) {
            r->broker = b;
            return r;
        }
        pause_round(c, at, now_us);
    }
    return NULL;
}

void ask_core_sent(struct ask_core *c, struct ask_row *r, uint64_t sequence, uint64_t now_us)
{
    uint32_t at = (uint32_t)(r - c->rows);
    SP_ASSERT(r->state == ASK_READY);
    c->counts.repeated += r->asked;
    r->wait_us = !r->asked ? ASK_AGAIN_US : r->wait_us * 2 < ASK_AGAIN_MAX_US ? r->wait_us * 2 : ASK_AGAIN_MAX_US;
    r->asked = true;
    r->sequence = sequence;
    r->again_us = now_us + r->wait_us;
    move(c, at, ASK_FLYING);
}

static void try_another(struct ask_core *c, uint32_t at)
{
    c->rows[at].broker = (c->rows[at].broker + 1) % c->brokers;
    move(c, at, ASK_READY);
}

void ask_core_unsent(struct ask_row *r)
{
    SP_ASSERT(r->state == ASK_READY);
    r->refused |= 1u << r->broker;
    r->only_absent = false;
}

void ask_core_unsendable(struct ask_core *c, struct ask_row *r, const char *detail)
{
    SP_ASSERT(r->state == ASK_READY);
    finish_text(c, (uint32_t)(r - c->rows), SP_REASON_INTERNAL, detail);
}

void ask_core_refused(struct ask_core *c, unsigned broker, uint64_t sequence, uint16_t code)
{
    uint32_t at = c->list[ASK_FLYING].first;
    while (at != ASK_NONE && (c->rows[at].sequence != sequence || c->rows[at].broker != broker)) {
        at = c->rows[at].next;
    }
    if (at == ASK_NONE) {
        return; /* it was answered, or asked elsewhere, meanwhile */
    }
    switch (code) {
    case SP_REFUSAL_NO_ROUTE:
    case SP_REFUSAL_OVERLOAD:
    case SP_REFUSAL_NOT_READY:
    case SP_REFUSAL_DRAINING:
    case SP_REFUSAL_EXPIRED:
        c->rows[at].refused |= 1u << broker;
        c->rows[at].only_absent = c->rows[at].only_absent && code == SP_REFUSAL_NO_ROUTE;
        try_another(c, at);
        break;
    default: {
        char text[96];
        (void)snprintf(text, sizeof text, "broker: %s", sp_refusal_text(code));
        finish_text(c, at, SP_REASON_REFUSED, text);
    }
    }
}

void ask_core_link(struct ask_core *c, unsigned broker, bool up)
{
    uint32_t next;
    SP_ASSERT(broker < c->brokers);
    c->up = up ? c->up | 1u << broker : c->up & ~(1u << broker);
    for (uint32_t at = c->list[ASK_FLYING].first; at != ASK_NONE;
         at = next) { /* a new session knows nothing of what was asked in the old */
        next = c->rows[at].next;
        if (c->rows[at].broker == broker) {
            try_another(c, at);
        }
    }
}

/* ---- in ---- */

/* What only the attester can have made: it is sealed, with our id. NULL: it fits. */
static const char *misfit(const struct ask_row *r, const struct msg_evidence *m)
{
    if (!sp_str_is(m->node, r->node) || !sp_str_is(m->kind, r->kind)) {
        return "attester answered about another node, or another thing, than was asked";
    }
    if (memcmp(m->nonce, r->nonce, sizeof r->nonce) != 0) {
        return "attester answered with another nonce";
    }
    if (m->offset > r->offset) {
        return "attester sent a part out of order";
    }
    if (m->code != SP_REASON_OK) {
        return m->code > SP_REASON_LAST ? "attester gave a reason nobody knows" : NULL;
    }
    if (r->begun && m->total != r->total) {
        return "the document changed its length on the way";
    }
    if (m->offset > m->total || m->part.n > m->total - m->offset) {
        return "a part goes beyond the document";
    }
    return m->part.n == 0 && m->offset < m->total ? "an empty part in the middle of the document" : NULL;
}

static bool is_of(const struct identity_row *who, const struct ask_answer *a)
{
    return sp_str_is(a->from, who->attester) && memcmp(a->sign, who->sign, sizeof who->sign) == 0;
}

enum ask_verdict ask_core_answer(struct ask_core *c, const struct ask_answer *a, uint32_t *at, uint64_t now_us)
{
    const struct msg_evidence *m = a->m;
    uint32_t i = (uint32_t)(m->id & ((1u << ASK_PLACE_BITS) - 1u));
    struct ask_row *r = i < c->size ? &c->rows[i] : NULL;
    bool open =
        r != NULL && r->id == m->id && r->asked && (r->state == ASK_FLYING || r->state == ASK_READY || r->state == ASK_PAUSED);
    if (!open) {
        c->counts.stray++;
        return ASK_DROP;
    }
    if (!is_of(&c->identity.rows[r->identity], a)) {
        c->counts.foreign++;
        return ASK_DROP;
    }
    const char *how = misfit(r, m);
    if (how != NULL) {
        broken(c, i, how);
        return ASK_DROP;
    }
    if (m->offset < r->offset) { /* a repetition of what we had */
        c->counts.stray++;
        return ASK_DROP;
    }
    if (m->code == SP_REASON_BUSY && !r->begun) {
        r->busy = true;
        wait_a_while(c, i, now_us);
        return ASK_DROP;
    }
    if (m->code != SP_REASON_OK) {
        finish(c, i, m->code, m->detail);
        return ASK_DROP;
    }
    if (m->total > ASK_DOCUMENT_MAX) {
        finish_text(c, i, SP_REASON_LIMIT, "the document is larger than allowed");
        return ASK_DROP;
    }
    r->begun = true;
    r->busy = false;
    r->total = m->total;
    c->counts.parts++;
    c->counts.bytes += m->part.n;
    move(c, i, ASK_GIVEN);
    *at = i;
    return m->offset + m->part.n == m->total ? ASK_LAST : ASK_GIVE;
}

void ask_core_go_on(struct ask_core *c, uint32_t at, uint64_t id, uint32_t n)
{
    struct ask_row *r = &c->rows[at];
    if (r->id != id || r->state != ASK_GIVEN) {
        return; /* stopped meanwhile */
    }
    r->offset += n;
    r->asked = false;
    r->refused = 0;
    r->absent = 0;
    r->only_absent = true;
    r->pause_us = ASK_PAUSE_US;
    move(c, at, ASK_READY);
}

/* ---- time ---- */

static void on_time(struct ask_core *c, uint32_t at, uint64_t now_us)
{
    struct ask_row *r = &c->rows[at];
    if (now_us >= r->deadline_us) {
        bool keeper = r->state == ASK_WANT || r->state == ASK_IDENTITY;
        finish_text(c, at, r->busy ? SP_REASON_BUSY : SP_REASON_UNREACHABLE,
                    r->busy                   ? "attester has too many questions at once"
                    : keeper                  ? "the keeper did not say who the attester is"
                    : !r->asked && c->up == 0 ? "no broker is connected"
                                              : "attester did not answer in time");
        return;
    }
    switch (r->state) {
    case ASK_IDENTITY:
        move(c, at, ASK_WANT);
        break;
    case ASK_FLYING:
        try_another(c, at);
        break;
    case ASK_PAUSED:
        move(c, at, ASK_READY);
        break;
    default: /* only deadlines */
        sp_heap_set(&c->timers, at, r->deadline_us);
    }
}

void ask_core_tick(struct ask_core *c, uint64_t now_us)
{
    const struct sp_heap_entry *top;
    while ((top = sp_heap_top(&c->timers)) != NULL && top->key <= now_us) {
        on_time(c, top->id, now_us);
    }
}

uint64_t ask_core_deadline(const struct ask_core *c)
{
    const struct sp_heap_entry *top = sp_heap_top(&c->timers);
    bool now = c->list[ASK_ENDED].count > 0;
    return now ? 0 : top != NULL ? top->key : UINT64_MAX;
}

bool ask_core_pop(struct ask_core *c, struct ask_row *out)
{
    uint32_t at = c->list[ASK_ENDED].first;
    if (at == ASK_NONE) {
        return false;
    }
    *out = c->rows[at];
    out->args = NULL;
    release(c, at);
    return true;
}

void ask_core_check(const struct ask_core *c)
{
    uint32_t rows = 0, users = 0, left = 0;
    for (unsigned state = 0; state < ASK_STATES; state++) {
        uint32_t n = 0, prev = ASK_NONE;
        for (uint32_t at = c->list[state].first; at != ASK_NONE; prev = at, at = c->rows[at].next, n++) {
            const struct ask_row *r = &c->rows[at];
            bool timed = state != ASK_FREE && state != ASK_GIVEN && state != ASK_ENDED;
            SP_ASSERT(r->state == state && r->prev == prev);
            SP_ASSERT((sp_heap_key(&c->timers, at) != UINT64_MAX) == timed);
            SP_IMPLIES(state != ASK_FREE, (r->id & ((1u << ASK_PLACE_BITS) - 1u)) == at);
            SP_IMPLIES(timed, r->identity != IDENTITY_NONE);
            SP_IMPLIES(state == ASK_READY || state == ASK_FLYING, c->identity.rows[r->identity].known);
            users += state != ASK_FREE && r->identity != IDENTITY_NONE;
        }
        SP_ASSERT(n == c->list[state].count && c->list[state].last == prev);
        rows += n;
    }
    for (uint32_t i = 0; i < c->identity.count; i++) {
        left += c->identity.rows[i].users;
    }
    SP_ASSERT(rows == c->size && users == left && c->list[ASK_FLYING].count <= ASK_FLYING_MAX);
}
