/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The step, and the way of a message through it; nothing is looked at before what stands left of it:
 *
 *     user id -> principal valid -> envelope -> sender is the principal -> role may send the type -> session -> handler
 */
#include "broker_core.h"

#include <stdlib.h>

#include "broker_parts.h"

#define WORKERS_PER_PEERS_MAX ROUTE_WORKERS_MAX

bool broker_core_init(struct broker_core *b, const struct broker_options *options)
{
    uint32_t workers = options->peers_max < WORKERS_PER_PEERS_MAX ? options->peers_max : WORKERS_PER_PEERS_MAX;

    memset(b, 0, sizeof *b);
    b->o = *options;
    (void)sp_str_copy(b->name, sizeof b->name, sp_str_of(options->name));
    b->o.name = b->name;
    b->frames = calloc(options->frames, sizeof *b->frames);
    b->trace = calloc(BROKER_TRACE_MAX, sizeof *b->trace);
    if (b->frames == NULL || b->trace == NULL || !principal_init(&b->who, options->principals_max, options->seed) ||
        !peer_init(&b->peers, options->peers_max) ||
        !route_init(&b->routes, workers, ROUTE_ROUTES_MAX, options->window_jobs, options->seed) ||
        !queue_pool_init(&b->pool, options->frames, options->queue_bytes) || !broker_asked_init(b)) {
        broker_core_fini(b);
        return false;
    }
    if (b->o.lost_ms < b->o.heartbeat_ms * 2u)
        b->o.lost_ms = b->o.heartbeat_ms * 2u; /* one lost heartbeat must not cost a session */
    return true;
}

void broker_core_fini(struct broker_core *b)
{
    free(b->frames);
    free(b->trace);
    b->frames = NULL;
    b->trace = NULL;
    principal_fini(&b->who);
    peer_fini(&b->peers);
    route_fini(&b->routes);
    queue_pool_fini(&b->pool);
    asked_fini(&b->asked);
}

bool broker_core_is_addressed(const struct broker_core *b, const struct broker_in *in)
{
    return sp_str_is(in->e.dest, b->name) || sp_str_is(in->e.dest, sp_role_name(SP_ROLE_BROKER));
}

bool broker_core_is_signed(const struct broker_core *b, const struct broker_in *in)
{
    for (unsigned n = 0; n < PRINCIPAL_PAIRS && b->o.verify.fn != NULL; n++)
        if (principal_pair_is_valid(in->row, n, b->wall_s) && b->o.verify.fn(b->o.verify.ctx, in->row->pair[n].sign, &in->e))
            return true;
    return false;
}

enum sp_rc broker_on_stats(struct broker_in *in, struct sp_str body)
{
    struct broker_effect *f = broker_send_effect(in->fx, BROKER_FX_STATS);

    f->principal = in->ev->principal;
    f->body = body;
    broker_send_hold(in->core, in);
    broker_send_fan(in->core, in->ev->frame, 1u << SP_ROLE_OPERATOR | 1u << SP_ROLE_READER, 1u << SP_TOPIC_STATS, in->fx);
    return SP_OK;
}

enum sp_rc broker_on_admin_request(struct broker_in *in, struct sp_str body)
{
    struct broker_core *b = in->core;

    (void)body; /* the shell decodes it when it answers */
    if (!broker_core_is_addressed(b, in))
        return SP_E_UNSUPPORTED;
    if (!broker_core_is_signed(b, in)) {
        broker_send_refuse(b, in, SP_REFUSAL_SIGNATURE, "AdminRequest", in->fx);
        return SP_OK;
    }
    struct broker_effect *f = broker_send_effect(in->fx, BROKER_FX_ADMIN);

    f->frame = in->ev->frame;
    f->conn = in->ev->conn;
    f->principal = in->ev->principal;
    f->envelope = in->e;
    broker_send_release(in->fx, in->ev->frame);
    return SP_OK;
}

enum sp_rc broker_on_act_stored(struct broker_in *in, struct sp_str body)
{
    struct broker_core *b = in->core;

    if (!broker_core_is_addressed(b, in))
        return SP_E_UNSUPPORTED;
    if (!broker_core_is_signed(b, in)) {
        broker_send_refuse(b, in, SP_REFUSAL_SIGNATURE, "ActStored", in->fx);
        return SP_OK;
    }
    broker_send_effect(in->fx, BROKER_FX_ACT_STORED)->body = body;
    broker_send_release(in->fx, in->ev->frame);
    return SP_OK;
}

/* What is not for the broker itself goes on to whom it is for. */
static void take(struct broker_core *b, struct broker_in *in, struct broker_effects *fx)
{
    enum sp_rc rc = broker_dispatch(in, in->e.type, (enum sp_role)in->row->role, (const uint8_t *)in->e.body.p, in->e.body.n);

    if (rc == SP_E_UNSUPPORTED)
        broker_send_deliver(b, in, fx);
    else if (rc != SP_OK)
        broker_send_refuse(b, in, rc == SP_E_AUTHORITY ? SP_REFUSAL_AUTHORITY : SP_REFUSAL_MALFORMED, in->info->name, fx);
}

/* Envelope and authority: everything that can be said without a session. */
static enum sp_refusal judge(const struct broker_core *b, struct broker_in *in, const char **why)
{
    enum sp_rc rc;

    *why = "principal is revoked or expired";
    if (!principal_pair_is_valid(in->row, in->ev->pair, b->wall_s))
        return SP_REFUSAL_PRINCIPAL;
    *why = "envelope";
    rc = sp_envelope_decode(in->ev->p, in->ev->n, &in->e);
    if (rc != SP_OK)
        return rc == SP_E_VERSION ? SP_REFUSAL_VERSION : (rc == SP_E_LIMIT ? SP_REFUSAL_SIZE : SP_REFUSAL_MALFORMED);
    *why = "sender is not the principal of this connection";
    if (!sp_str_is(in->e.sender, in->row->name))
        return SP_REFUSAL_AUTHORITY;
    *why = "no such message";
    in->info = msg_find(in->e.type);
    if (in->info == NULL)
        return SP_REFUSAL_VERSION;
    *why = "role may not send this";
    if (!(in->info->from & 1u << in->row->role))
        return SP_REFUSAL_AUTHORITY;
    *why = "auth field has another size";
    if (in->e.auth.n != in->info->auth_bytes)
        return SP_REFUSAL_SIGNATURE;
    return SP_REFUSAL_NONE;
}

/* Fills `in` as far as it goes. NONE: the message may be handled. */
static enum sp_refusal admit(struct broker_core *b, const struct broker_event *ev, struct broker_in *in, const char **why)
{
    in->core = b;
    in->ev = ev;
    in->row = &b->who.rows[ev->principal];
    in->peer = peer_by_conn(&b->peers, ev->conn);
    enum sp_refusal refusal = judge(b, in, why);

    if (in->peer != PEER_NONE &&
        (b->peers.peers[in->peer].principal != ev->principal || !peer_is_current(&b->peers.peers[in->peer], &b->who) ||
         b->peers.peers[in->peer].generation != in->row->pair[ev->pair].generation)) {
        *why = "session was begun under another key";
        return SP_REFUSAL_PRINCIPAL;
    }
    if (refusal == SP_REFUSAL_NONE && in->peer == PEER_NONE && in->e.type != SP_MSG_HELLO) {
        *why = "say Hello first";
        return SP_REFUSAL_NOT_READY;
    }
    return refusal;
}

static void on_frame(struct broker_core *b, const struct broker_event *ev, struct broker_effects *fx)
{
    struct broker_in in = {.fx = fx};
    const char *why = "";

    if (ev->principal == PRINCIPAL_NONE || ev->principal >= b->who.size || !b->who.rows[ev->principal].used ||
        ev->pair >= PRINCIPAL_PAIRS) {
        b->refused_unknown++;
        broker_send_release(fx, ev->frame);
        return;
    }
    enum sp_refusal refusal = admit(b, ev, &in, &why);

    if (refusal != SP_REFUSAL_NONE) {
        if (refusal == SP_REFUSAL_AUTHORITY)
            broker_send_note(b, fx, BROKER_FX_ALARM, ev->principal, ev->conn, why);
        if (refusal == SP_REFUSAL_PRINCIPAL && in.peer != PEER_NONE) {
            broker_peers_drop(b, in.peer, why, fx);
            in.peer = PEER_NONE;
        }
        broker_send_refuse(b, &in, refusal, why, fx);
        return;
    }
    struct broker_counter *c = &b->counters[in.e.type][in.row->role][0];

    b->counted[in.e.type] = true;
    c->messages++;
    c->bytes += ev->n;
    if (in.peer != PEER_NONE) {
        peer_heard(&b->peers, in.peer, b->now_us);
        /* Results say as much as a heartbeat: it reads, so what waits for it is tried again. */
        if (b->peers.peers[in.peer].has_worker && route_worker_heard(&b->routes, b->peers.peers[in.peer].worker))
            b->dirty = true;
    }
    take(b, &in, fx);
}

static void on_rival(struct broker_core *b, const struct broker_event *ev, struct broker_effects *fx)
{
    struct broker_in in = {.fx = fx};
    const char *why = "";

    SP_ASSERT(ev->principal < b->who.size);
    (void)admit(b, ev, &in, &why);
    broker_peers_on_rival(b, &in, fx);
}

static void on_lost(struct broker_core *b, const struct broker_event *ev, struct broker_effects *fx)
{
    uint32_t peer = peer_by_conn(&b->peers, ev->conn);

    /* First the frame, while it is known whose credit it took. */
    if (ev->frame != BROKER_NOBODY)
        broker_send_unsent(b, ev->frame, ev->conn, fx);
    if (peer != PEER_NONE)
        broker_peers_drop(b, peer, "unreachable", fx);
}

static void go_on(struct broker_core *b, struct broker_effects *fx)
{
    if (b->fan.active)
        broker_send_fan_on(b, fx);
    if (!b->more && b->ticking && b->now_us >= b->tilt_us)
        broker_peers_drop_silent(b, fx);
    if (!b->more && b->ticking)
        broker_jobs_expire(b, fx);
    if (b->ticking)
        b->asked_expired += asked_expire(&b->asked, b->now_us);
    if (!b->more && b->asked.lost != ASKED_NONE)
        broker_asked_flush(b, fx);
    if (!b->more && b->ticking && b->pool.count > 0 && route_retry(&b->routes, b->now_us))
        b->dirty = true;
    if (!b->more && b->dirty)
        broker_jobs_flush(b, fx);
    if (!b->more)
        b->ticking = false;
}

/* Heartbeats keep steps coming. A long gap means that we were stopped, and that what peers said meanwhile is still on its way in:
 * they get time to be heard before anybody is called silent. */
static void notice_gap(struct broker_core *b, uint64_t now_us)
{
    if (b->peers.count > 0 && now_us - b->now_us > broker_peers_silence_us(b) / 2)
        b->tilt_us = now_us + broker_peers_silence_us(b) / 2;
}

void broker_core_step(struct broker_core *b, const struct broker_event *ev, struct broker_effects *fx)
{
    fx->count = 0;
    b->arena_used = 0;
    b->steps++;
    SP_ASSERT(ev->now_us >= b->now_us);
    notice_gap(b, ev->now_us);
    b->now_us = ev->now_us;
    b->wall_s = ev->wall_s;
    switch (ev->kind) {
    case BROKER_EV_FRAME:
        SP_ASSERT(!b->more);
        on_frame(b, ev, fx);
        break;
    case BROKER_EV_TICK:
        b->ticking = true;
        b->more = false;
        go_on(b, fx);
        break;
    case BROKER_EV_MORE:
    case BROKER_EV_DRAINED:
        b->more = false;
        go_on(b, fx);
        break;
    case BROKER_EV_UNSENT:
        broker_send_unsent(b, ev->frame, ev->conn, fx);
        break;
    case BROKER_EV_LOST:
        on_lost(b, ev, fx);
        break;
    case BROKER_EV_RIVAL:
        on_rival(b, ev, fx);
        break;
    default:
        SP_UNREACHABLE();
    }
}

uint64_t broker_core_deadline(const struct broker_core *b)
{
    uint64_t first = UINT64_MAX;

    if (b->more || b->fan.active)
        return 0;
    if (b->peers.oldest != PEER_NONE)
        first = b->peers.peers[b->peers.oldest].heard_us + broker_peers_silence_us(b);
    if (first < b->tilt_us)
        first = b->tilt_us;
    for (uint32_t i = 0; b->pool.count > 0 && i < b->routes.routes_size; i++) {
        const struct route *r = &b->routes.routes[i];
        uint64_t expiry = r->used ? queue_expiry(&b->pool, &r->waiting) : UINT64_MAX;

        first = expiry < first ? expiry : first;
    }
    if (b->pool.count > 0 && route_retry_us(&b->routes) < first)
        first = route_retry_us(&b->routes);
    if (asked_deadline(&b->asked) < first)
        first = asked_deadline(&b->asked);
    return first;
}

enum sp_refusal broker_core_drain(struct broker_core *b, struct sp_str name, uint32_t deadline_ms, struct broker_effects *fx)
{
    uint32_t index = principal_by_name(&b->who, name);
    struct msg_drain m = {.deadline_ms = deadline_ms};
    struct sp_packer w;

    fx->count = 0;
    b->arena_used = 0;
    if (index == PRINCIPAL_NONE || b->who.rows[index].first_link == PEER_NONE)
        return SP_REFUSAL_NOT_FOUND;
    const struct peer *p = &b->peers.peers[b->who.rows[index].first_link];

    if (!p->has_worker)
        return SP_REFUSAL_NOT_FOUND;
    route_worker_drain(&b->routes, p->worker);
    b->dirty = true;
    broker_send_begin(b, &w, MSG_DRAIN_BYTES_MAX);
    if (msg_drain_encode(&w, &m) != SP_OK)
        SP_UNREACHABLE();
    broker_send_reply(b, fx, p->conn, SP_MSG_DRAIN, &b->who.rows[index], &w);
    broker_jobs_flush(b, fx);
    return SP_REFUSAL_NONE;
}

void broker_core_check(const struct broker_core *b)
{
    principal_check(&b->who);
    peer_check(&b->peers, &b->who);
    route_check(&b->routes, &b->pool);
    asked_check(&b->asked);
    SP_ASSERT(b->pool.bytes <= b->pool.bytes_max);
    for (uint32_t i = 0; i < b->peers.size; i++) {
        const struct peer *p = &b->peers.peers[i];

        SP_IMPLIES(p->used && p->has_worker, b->routes.workers[p->worker].used && b->routes.workers[p->worker].link == i);
        SP_IMPLIES(p->used && p->has_worker, p->role == SP_ROLE_WORKER);
    }
    for (uint32_t i = 0; i < b->routes.routes_size; i++) {
        const struct route *r = &b->routes.routes[i];

        SP_IMPLIES(r->used && r->owner != ROUTE_NONE, b->peers.peers[r->owner].used);
        SP_IMPLIES(r->used && r->owner != ROUTE_NONE, b->peers.peers[r->owner].role == SP_ROLE_SCHEDULER);
        SP_IMPLIES(r->used && r->owner == ROUTE_NONE, b->more || b->dirty);
    }
}
