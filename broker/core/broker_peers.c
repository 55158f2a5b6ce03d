/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions. A connection is nothing until its Hello:
 *
 *     (admitted) --Hello--> [session n] --Hello--> [session n+1] ...      counts of credit start with each
 *          Bye, silence, unreachable, key changed or revoked  -->  gone: credit revoked, routes and what waits in them dropped
 *
 * A second live connection of a principal that may have one only: the one that is there stays, the newcomer is refused and somebody
 * is told, for one of the two may be a thief. It is "live" when a message to it can be queued; a process that was killed and came
 * back finds its place free. The same process on a new connection (same boot number) replaces its old one.
 */
#include "broker_parts.h"
#include "sp_hash.h"

uint64_t broker_peers_silence_us(const struct broker_core *b)
{
    return (uint64_t)b->o.lost_ms * 1000u;
}

/* What belongs to the session and not to the connection. */
static void end_session(struct broker_core *b, uint32_t peer)
{
    struct peer *p = &b->peers.peers[peer];

    if (p->has_worker) {
        route_worker_close(&b->routes, p->worker);
        p->has_worker = false;
        b->dirty = true;
    }
    if (p->role == SP_ROLE_SCHEDULER)
        broker_jobs_session_ends(b, peer);
    broker_asked_session_ends(b, peer);
}

void broker_peers_drop(struct broker_core *b, uint32_t peer, const char *why, struct broker_effects *fx)
{
    const struct peer *p = &b->peers.peers[peer];

    broker_send_note(b, fx, BROKER_FX_NOTE, p->principal, p->conn, why);
    end_session(b, peer);
    if (b->fan.active && b->fan.next == peer)
        b->fan.next = p->next_role;
    peer_close(&b->peers, &b->who, peer);
}

void broker_peers_drop_silent(struct broker_core *b, struct broker_effects *fx)
{
    while (b->peers.oldest != PEER_NONE && b->peers.peers[b->peers.oldest].heard_us + broker_peers_silence_us(b) <= b->now_us) {
        if (!broker_send_room(b, fx, 0)) {
            b->more = true;
            return;
        }
        broker_peers_drop(b, b->peers.oldest, "silent", fx);
    }
}

static void probe(struct broker_core *b, const struct broker_in *in, uint32_t other, struct broker_effects *fx)
{
    struct msg_heartbeat beat = {.progress = b->steps, .backlog = b->pool.count};
    struct broker_effect *f = broker_send_effect(fx, BROKER_FX_PROBE);
    struct sp_packer w;

    broker_send_begin(b, &w, MSG_HEARTBEAT_BYTES_MAX);
    if (msg_heartbeat_encode(&w, &beat) != SP_OK)
        SP_UNREACHABLE();
    f->conn = b->peers.peers[other].conn;
    f->principal = in->ev->principal;
    f->frame = in->ev->frame;
    f->type = SP_MSG_HEARTBEAT;
    f->dest = sp_str_of(in->row->name);
    f->body = sp_str_bytes(w.start, sp_packer_bytes(&w));
    b->arena_used += sp_packer_bytes(&w);
}

/* Makes the place of a principal free for a new connection; false when it has to be found out whether the old one lives. */
static bool clear_place(struct broker_core *b, struct broker_in *in, uint64_t boot, struct broker_effects *fx)
{
    uint32_t other = in->row->first_link;

    if (other == PEER_NONE || peer_role_shares(in->row->role))
        return true;
    if (b->peers.peers[other].boot != boot && peer_is_current(&b->peers.peers[other], &b->who)) {
        probe(b, in, other, fx);
        return false;
    }
    broker_peers_drop(b, other, "replaced", fx);
    return true;
}

void broker_peers_on_rival(struct broker_core *b, struct broker_in *in, struct broker_effects *fx)
{
    broker_send_note(b, fx, BROKER_FX_ALARM, in->ev->principal, in->ev->conn, "second live connection under one key");
    broker_send_refuse(b, in, SP_REFUSAL_CONFLICT, "this principal is connected already", fx);
}

static bool start_worker(struct broker_core *b, struct broker_in *in, const struct msg_hello *m)
{
    struct peer *p = &b->peers.peers[in->peer];
    uint64_t adapters = principal_adapter_bits(&b->who, m->adapters) & in->row->adapters;

    p->worker = route_worker_open(&b->routes, in->peer, adapters, m->labels, m->slots);
    p->has_worker = p->worker != ROUTE_NONE;
    b->dirty = true;
    return p->has_worker;
}

static void emit_welcome(struct broker_core *b, struct broker_in *in, struct broker_effects *fx)
{
    struct msg_welcome m = {.boot = b->peers.peers[in->peer].session, .heartbeat_ms = b->o.heartbeat_ms};
    struct sp_packer w;

    broker_send_begin(b, &w, MSG_WELCOME_BYTES_MAX);
    if (msg_welcome_encode(&w, &m) != SP_OK)
        SP_UNREACHABLE();
    broker_send_reply(b, fx, in->ev->conn, SP_MSG_WELCOME, in->row, &w);
    broker_send_release(fx, in->ev->frame);
}

enum sp_rc broker_on_hello(struct broker_in *in, struct msg_hello *m)
{
    struct broker_core *b = in->core;
    struct broker_effects *fx = in->fx;

    if (in->peer == PEER_NONE) {
        if (!clear_place(b, in, m->boot, fx))
            return SP_OK;
        in->peer = peer_open(&b->peers, &b->who, in->ev->conn, in->ev->principal, in->ev->pair, b->now_us);
        if (in->peer == PEER_NONE) {
            broker_send_refuse(b, in, SP_REFUSAL_OVERLOAD, "too many connections", fx);
            return SP_OK;
        }
        broker_send_note(b, fx, BROKER_FX_NOTE, in->ev->principal, in->ev->conn, "connected");
    } else {
        end_session(b, in->peer);
        peer_heard(&b->peers, in->peer, b->now_us);
    }
    struct peer *p = &b->peers.peers[in->peer];

    p->boot = m->boot;
    p->session = sp_hash_u64(b->o.boot + ++b->sessions);
    p->session = p->session == 0 ? 1 : p->session;
    p->topics = m->topics;
    (void)sp_str_copy(p->software, sizeof p->software, m->software);
    if (p->role == SP_ROLE_WORKER && !start_worker(b, in, m)) {
        broker_send_refuse(b, in, SP_REFUSAL_OVERLOAD, "too many workers", fx);
        broker_peers_drop(b, in->peer, "too many workers", fx);
        return SP_OK;
    }
    emit_welcome(b, in, fx);
    return SP_OK;
}

static void emit_heartbeat(struct broker_core *b, const struct broker_in *in, struct broker_effects *fx)
{
    struct msg_heartbeat m = {.progress = b->steps, .backlog = b->pool.count};
    struct sp_packer w;

    broker_send_begin(b, &w, MSG_HEARTBEAT_BYTES_MAX);
    if (msg_heartbeat_encode(&w, &m) != SP_OK)
        SP_UNREACHABLE();
    broker_send_reply(b, fx, in->ev->conn, SP_MSG_HEARTBEAT, in->row, &w);
}

/* Progress that does not move shows a process whose socket lives and whose loop does not: it is not heard. */
enum sp_rc broker_on_heartbeat(struct broker_in *in, struct msg_heartbeat *m)
{
    struct broker_core *b = in->core;
    struct broker_effects *fx = in->fx;
    struct peer *p = &b->peers.peers[in->peer];

    if (m->progress == p->progress && p->progress != 0) {
        broker_send_note(b, fx, BROKER_FX_ALARM, in->ev->principal, in->ev->conn, "heartbeat without progress");
        broker_peers_drop(b, in->peer, "no progress", fx);
        broker_send_release(fx, in->ev->frame);
        return SP_OK;
    }
    p->progress = m->progress;
    p->backlog = m->backlog;
    emit_heartbeat(b, in, fx);
    broker_send_release(fx, in->ev->frame);
    return SP_OK;
}

enum sp_rc broker_on_bye(struct broker_in *in, struct msg_bye *m)
{
    (void)m; /* a session has one boot, the one of its Hello */
    broker_peers_drop(in->core, in->peer, "bye", in->fx);
    broker_send_release(in->fx, in->ev->frame);
    return SP_OK;
}

/* Whoever lost the right to be here goes at once, and with a scheduler what it queued. */
static void drop_foreign(struct broker_core *b, struct broker_effects *fx)
{
    for (uint32_t i = 0; i < b->peers.size; i++) {
        const struct peer *p = &b->peers.peers[i];

        if (p->used && !peer_is_valid(p, &b->who, b->wall_s))
            broker_peers_drop(b, i, "no longer admitted", fx);
    }
}

enum sp_rc broker_on_principal_set(struct broker_in *in, struct sp_str body)
{
    struct broker_core *b = in->core;
    struct broker_effects *fx = in->fx;
    struct msg_principal_set m;
    uint32_t bad = 0;

    if (in->e.dest.n > 0 && !broker_core_is_addressed(b, in))
        return SP_E_UNSUPPORTED;
    if (!broker_core_is_signed(b, in)) {
        broker_send_refuse(b, in, SP_REFUSAL_SIGNATURE, "PrincipalSet", fx);
        return SP_OK;
    }
    if (msg_principal_set_decode((const uint8_t *)body.p, body.n, &m) != SP_OK)
        return SP_E_MALFORMED;
    if (principal_set(&b->who, &m, &bad) != SP_OK) {
        broker_send_refuse(b, in, SP_REFUSAL_CONFLICT, "older than what is known, or a part is missing", fx);
        return SP_OK;
    }
    if (bad > 0)
        broker_send_note(b, fx, BROKER_FX_ALARM, in->ev->principal, in->ev->conn, "principals that cannot be taken");
    broker_send_hold(b, in);
    struct broker_effect *f = broker_send_effect(fx, BROKER_FX_PRINCIPALS);

    f->frame = in->ev->frame;
    f->principal = in->ev->principal;
    f->envelope = in->e;
    f->body = sp_str_bytes(in->ev->p, in->ev->n);
    f->type = (uint16_t)((m.part == 0 ? 1u : 0u) | (m.last ? 2u : 0u));
    if (m.last)
        drop_foreign(b, fx);
    if (in->e.dest.n == 0)
        broker_send_fan(b, in->ev->frame, 1u << SP_ROLE_SCHEDULER, 0, fx);
    else
        broker_send_release(fx, in->ev->frame);
    return SP_OK;
}
