/* SPDX-License-Identifier: Apache-2.0 */
/* Ways out of the core: replies of our own, forwards, fan-out, refusals; and the counting that goes with them. */
#include "broker_parts.h"

#define EDGE_ROLES                                                                                                                 \
    (1u << SP_ROLE_WORKER | 1u << SP_ROLE_OPERATOR | 1u << SP_ROLE_READER | 1u << SP_ROLE_ENROL | 1u << SP_ROLE_BRIDGE |           \
     1u << SP_ROLE_ATTESTER)

static struct broker_counter *counter(struct broker_core *b, uint16_t type, uint8_t role, unsigned outgoing)
{
    type = type <= SP_MSG_LAST ? type : 0;
    b->counted[type] = true;
    return &b->counters[type][role <= SP_ROLE_LAST ? role : 0][outgoing];
}

struct broker_effect *broker_send_effect(struct broker_effects *fx, enum broker_effect_kind kind)
{
    SP_ASSERT(fx->count < BROKER_EFFECTS_MAX);
    struct broker_effect *f = &fx->list[fx->count++];

    memset(f, 0, sizeof *f);
    f->kind = kind;
    f->frame = BROKER_NOBODY;
    f->conn = BROKER_NOBODY;
    f->principal = PRINCIPAL_NONE;
    return f;
}

bool broker_send_room(const struct broker_core *b, const struct broker_effects *fx, size_t arena_bytes)
{
    return fx->count + BROKER_FX_SPARE <= BROKER_EFFECTS_MAX && BROKER_ARENA_BYTES - b->arena_used >= arena_bytes;
}

void broker_send_begin(struct broker_core *b, struct sp_packer *w, size_t bytes)
{
    SP_ASSERT(BROKER_ARENA_BYTES - b->arena_used >= bytes);
    sp_packer_init(w, b->arena + b->arena_used, bytes);
}

void broker_send_reply(struct broker_core *b, struct broker_effects *fx, uint32_t conn, uint16_t type, const struct principal *to,
                       const struct sp_packer *w)
{
    struct broker_effect *f = broker_send_effect(fx, BROKER_FX_REPLY);
    struct broker_counter *c = counter(b, type, to->role, 1);

    f->conn = conn;
    f->type = type;
    f->dest = sp_str_of(to->name);
    f->body = sp_str_bytes(w->start, sp_packer_bytes(w));
    b->arena_used += sp_packer_bytes(w);
    c->messages++;
    c->bytes += sp_packer_bytes(w);
}

void broker_send_release(struct broker_effects *fx, uint32_t frame)
{
    broker_send_effect(fx, BROKER_FX_RELEASE)->frame = frame;
}

void broker_send_note(struct broker_core *b, struct broker_effects *fx, enum broker_effect_kind kind, uint32_t principal,
                      uint32_t conn, const char *why)
{
    struct broker_effect *f;

    b->alarms += kind == BROKER_FX_ALARM;
    if (fx->count + BROKER_FX_SPARE > BROKER_EFFECTS_MAX)
        return; /* a note is for people; what it is about was done and counted */
    f = broker_send_effect(fx, kind);
    f->principal = principal;
    f->conn = conn;
    f->why = why;
}

/* One bucket for all connections that have no session: they are admitted keys, but nothing is known about their manners. */
static bool stranger_may_be_told(struct broker_core *b)
{
    if (b->now_us - b->stranger_us >= 1000000u) {
        b->stranger_us = b->now_us;
        b->strangers = 0;
    }
    return b->strangers++ < BROKER_STRANGERS_PER_S;
}

void broker_send_refuse(struct broker_core *b, const struct broker_in *in, enum sp_refusal code, const char *detail,
                        struct broker_effects *fx)
{
    struct msg_refused m = {.type = in->e.type, .sequence = in->e.sequence, .code = (uint16_t)code, .detail = sp_str_of(detail)};
    struct sp_packer w;
    /* A question that is refused is asked elsewhere at once, so each of them is answered. */
    uint32_t most = in->e.type == SP_MSG_EVIDENCE_REQUEST ? PEER_ANSWERS_PER_S : PEER_REFUSALS_PER_S;
    bool tell = in->peer != PEER_NONE ? peer_may_be_told(&b->peers.peers[in->peer], most, b->now_us) : stranger_may_be_told(b);

    in->row->refused++;
    counter(b, in->e.type, in->row->role, 0)->refused++;
    if (tell && broker_send_room(b, fx, MSG_REFUSED_BYTES_MAX)) {
        broker_send_begin(b, &w, MSG_REFUSED_BYTES_MAX);
        if (msg_refused_encode(&w, &m) == SP_OK)
            broker_send_reply(b, fx, in->ev->conn, SP_MSG_REFUSED, in->row, &w);
    }
    if (in->ev->frame != BROKER_NOBODY)
        broker_send_release(fx, in->ev->frame);
}

void broker_send_hold(struct broker_core *b, const struct broker_in *in)
{
    struct queue_frame *f = &b->pool.frames[in->ev->frame];

    SP_ASSERT(!f->queued);
    f->fan = false;
    f->type = in->e.type;
    f->sender = in->ev->principal;
    f->jobs = 0;
    f->bytes = (uint32_t)in->ev->n;
    f->sequence = in->e.sequence;
    f->in_us = b->now_us;
    f->expires_us = UINT64_MAX;
    b->frames[in->ev->frame] = sp_str_bytes(in->ev->p, in->ev->n);
}

void broker_send_forward(struct broker_core *b, struct broker_effects *fx, uint32_t frame, uint32_t peer, bool last)
{
    struct broker_effect *f = broker_send_effect(fx, BROKER_FX_FORWARD);
    const struct peer *p = &b->peers.peers[peer];
    const struct queue_frame *facts = &b->pool.frames[frame];
    struct broker_counter *c = counter(b, facts->type, p->role, 1);

    f->frame = frame;
    f->conn = p->conn;
    f->principal = p->principal;
    f->type = facts->type;
    f->last = last;
    c->messages++;
    c->bytes += facts->bytes;
}

void broker_send_trace(struct broker_core *b, uint32_t frame, uint64_t trace, uint32_t to)
{
    const struct queue_frame *facts = &b->pool.frames[frame];
    struct broker_trace *t = &b->trace[b->traced++ % BROKER_TRACE_MAX];

    t->trace = trace != 0 ? trace : facts->sequence;
    t->sequence = facts->sequence;
    t->in_us = facts->in_us;
    t->out_us = to == PRINCIPAL_NONE ? 0 : b->now_us;
    t->type = facts->type;
    t->from = facts->sender;
    t->to = to;
    t->jobs = facts->jobs;
    t->bytes = facts->bytes;
}

static bool may_reach(const struct broker_core *b, const struct peer *p)
{
    return peer_is_valid(p, &b->who, b->wall_s);
}

/* ---- fan-out ---- */

void broker_send_fan_on(struct broker_core *b, struct broker_effects *fx)
{
    struct broker_fan *fan = &b->fan;

    SP_ASSERT(fan->active);
    while (fan->roles != 0) {
        while (fan->next != PEER_NONE) {
            uint32_t i = fan->next;
            const struct peer *p = &b->peers.peers[i];

            if (!broker_send_room(b, fx, 0)) {
                b->more = true;
                return;
            }
            fan->next = p->next_role;
            if ((fan->topics != 0 && !(p->topics & fan->topics)) || !may_reach(b, p))
                continue;
            broker_send_forward(b, fx, fan->frame, i, false);
            fan->reached++;
        }
        fan->roles &= fan->roles - 1;
        if (fan->roles != 0)
            fan->next = b->peers.first_role[__builtin_ctz(fan->roles)];
    }
    fan->active = false;
    broker_send_release(fx, fan->frame);
}

void broker_send_fan(struct broker_core *b, uint32_t frame, uint32_t roles, uint32_t topics, struct broker_effects *fx)
{
    SP_ASSERT(!b->fan.active && roles != 0);
    b->pool.frames[frame].fan = true;
    b->fan = (struct broker_fan){.active = true, .frame = frame, .roles = roles, .topics = topics};
    b->fan.next = b->peers.first_role[__builtin_ctz(roles)];
    broker_send_fan_on(b, fx);
}

/* ---- delivery by dest ---- */

/* The first of these connections when it is the only one that may be reached; *several when there are more. */
static uint32_t only_one(const struct broker_core *b, uint32_t first, bool by_role, bool *several)
{
    uint32_t found = PEER_NONE;

    *several = false;
    for (uint32_t i = first; i != PEER_NONE; i = by_role ? b->peers.peers[i].next_role : b->peers.peers[i].next_same) {
        if (!may_reach(b, &b->peers.peers[i]))
            continue;
        if (found != PEER_NONE) {
            *several = true;
            return found;
        }
        found = i;
    }
    return found;
}

static void forward_one(struct broker_core *b, const struct broker_in *in, uint32_t peer, struct broker_effects *fx)
{
    broker_send_forward(b, fx, in->ev->frame, peer, true);
    if (in->e.type == SP_MSG_RESULT_BATCH || in->e.type == SP_MSG_RESULT_ACK)
        broker_send_trace(b, in->ev->frame, in->e.trace, b->peers.peers[peer].principal);
}

static void to_principal(struct broker_core *b, const struct broker_in *in, uint32_t index, struct broker_effects *fx)
{
    const struct principal *row = &b->who.rows[index];
    bool several;
    uint32_t peer = only_one(b, row->first_link, false, &several);

    if (!(in->info->to & 1u << row->role)) {
        broker_send_refuse(b, in, SP_REFUSAL_AUTHORITY, "not for that receiver", fx);
        return;
    }
    if (peer == PEER_NONE) {
        broker_send_refuse(b, in, SP_REFUSAL_NO_ROUTE, "receiver is not connected", fx);
        return;
    }
    broker_send_hold(b, in);
    if (!several) {
        forward_one(b, in, peer, fx);
        return;
    }
    b->pool.frames[in->ev->frame].fan = true;
    for (uint32_t i = row->first_link; i != PEER_NONE; i = b->peers.peers[i].next_same)
        if (may_reach(b, &b->peers.peers[i]))
            broker_send_forward(b, fx, in->ev->frame, i, false); /* at most PEER_SHARED_MAX */
    broker_send_release(fx, in->ev->frame);
}

static void to_role(struct broker_core *b, const struct broker_in *in, uint32_t roles, struct broker_effects *fx)
{
    unsigned role = (unsigned)__builtin_ctz(roles);
    bool several;
    uint32_t peer = only_one(b, b->peers.first_role[role], true, &several);

    if (peer == PEER_NONE) {
        broker_send_refuse(b, in, SP_REFUSAL_NO_ROUTE, "nobody of that role is connected", fx);
        return;
    }
    broker_send_hold(b, in);
    if (several)
        broker_send_fan(b, in->ev->frame, 1u << role, 0, fx);
    else
        forward_one(b, in, peer, fx);
}

void broker_send_deliver(struct broker_core *b, const struct broker_in *in, struct broker_effects *fx)
{
    uint32_t roles = in->info->to & ~(1u << SP_ROLE_BROKER);
    unsigned role = SP_ROLE_NONE;

    if (in->e.dest.n > 0) {
        uint32_t index = principal_by_name(&b->who, in->e.dest);

        if (index != PRINCIPAL_NONE) {
            to_principal(b, in, index, fx);
            return;
        }
        roles &= sp_role_find(in->e.dest, &role) ? 1u << role : 0u;
    } else if (in->e.type == SP_MSG_TRUST_EVENT) {
        broker_send_hold(b, in);
        broker_send_fan(b, in->ev->frame, roles, 1u << SP_TOPIC_TRUST, fx);
        return;
    }
    if ((roles & (roles - 1)) != 0)
        roles &= ~(1u << in->row->role); /* between two: the other one */
    if (roles == 0 || (roles & (roles - 1)) != 0 || (roles & EDGE_ROLES) != 0) {
        broker_send_refuse(b, in, SP_REFUSAL_BAD_REQUEST, "no such receiver", fx);
        return;
    }
    to_role(b, in, roles, fx);
}

void broker_send_unsent(struct broker_core *b, uint32_t frame, uint32_t conn, struct broker_effects *fx)
{
    uint32_t peer = peer_by_conn(&b->peers, conn);

    if (peer != PEER_NONE)
        b->peers.peers[peer].dropped++;
    if (frame == BROKER_NOBODY) { /* a reply of our own */
        if (peer != PEER_NONE && b->peers.peers[peer].role == SP_ROLE_SCHEDULER)
            broker_jobs_untold(b, peer);
        return;
    }
    const struct queue_frame *facts = &b->pool.frames[frame];

    if (facts->type == SP_MSG_JOB_BATCH) {
        broker_jobs_unsent(b, frame, conn, fx);
        return;
    }
    counter(b, facts->type, peer != PEER_NONE ? b->peers.peers[peer].role : SP_ROLE_NONE, 1)->dropped++;
    if (facts->type == SP_MSG_EVIDENCE_REQUEST)
        broker_asked_unsent(b, frame);
    if (facts->fan)
        return;
    /* The sender keeps what must not be lost (a result until its acknowledgement); it is told so that it waits. */
    uint32_t first = b->who.rows[facts->sender].first_link;
    struct broker_event ev = {.frame = frame, .principal = facts->sender};
    struct broker_in in = {.ev = &ev, .row = &b->who.rows[facts->sender], .peer = first};

    in.e.type = facts->type;
    in.e.sequence = facts->sequence;
    if (first == PEER_NONE || !b->who.rows[facts->sender].used) {
        broker_send_release(fx, frame);
        return;
    }
    ev.conn = b->peers.peers[first].conn;
    broker_send_refuse(b, &in, peer != PEER_NONE ? SP_REFUSAL_OVERLOAD : SP_REFUSAL_NO_ROUTE, "receiver takes nothing now", fx);
}
