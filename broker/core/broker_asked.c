/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evidence on its way: a question goes to the attester of the node it is about, and one part comes back for it.
 *
 *     EvidenceRequest --> scope? --> its attester, and connected? --> noted in `asked` --> forward
 *     Evidence        --> of the sender's own node? --> noted in `asked`? --> forward to the connection that asked, forget
 *
 * What nobody asked for goes nowhere: parts are large, and an attester lives on a machine that may be taken over. When an attester
 * is gone its askers are told, so that they try another broker. Seals are looked at by the two ends alone.
 */
#include "broker_parts.h"

#define EVIDENCE_ADAPTERS "tpm,ima,procmem,files" /* those that ask attesters; a worker without any of them has no business there */

bool broker_asked_init(struct broker_core *b)
{
    b->evidence_bits = principal_adapter_bits(&b->who, sp_str_of(EVIDENCE_ADAPTERS));
    return asked_init(&b->asked, BROKER_ASKED_MAX, b->o.peers_max, BROKER_ASKED_PEER_MAX, b->o.seed);
}

/* The principal that has to answer; PRINCIPAL_NONE with a reason. */
static uint32_t attester_for(const struct broker_core *b, const struct broker_in *in, struct sp_str node, enum sp_refusal *code)
{
    uint32_t index = principal_by_name(&b->who, in->e.dest);

    *code = SP_REFUSAL_NO_ROUTE;
    if (index == PRINCIPAL_NONE)
        return index;
    if (b->who.rows[index].role != SP_ROLE_ATTESTER)
        *code = SP_REFUSAL_AUTHORITY;
    else if (!sp_str_is(node, b->who.rows[index].node))
        *code = SP_REFUSAL_SCOPE;
    else
        return index;
    return PRINCIPAL_NONE;
}

/* Effect: says no; *alarm*: somebody should look at the sender. */
static enum sp_rc refuse(struct broker_in *in, enum sp_refusal code, const char *why, bool alarm)
{
    if (alarm)
        broker_send_note(in->core, in->fx, BROKER_FX_ALARM, in->ev->principal, in->ev->conn, why);
    broker_send_refuse(in->core, in, code, why, in->fx);
    return SP_OK;
}

enum sp_rc broker_on_evidence_request(struct broker_in *in, struct msg_evidence_request *m)
{
    struct broker_core *b = in->core;
    enum sp_refusal code;
    uint64_t held_us = (uint64_t)m->expires_ms * 1000u;

    if (in->row->role == SP_ROLE_WORKER && (in->row->adapters & b->evidence_bits) == 0)
        return refuse(in, SP_REFUSAL_SCOPE, "no adapter of its scope asks attesters", true);
    uint32_t index = attester_for(b, in, m->node, &code);

    if (index == PRINCIPAL_NONE && code == SP_REFUSAL_AUTHORITY)
        return refuse(in, code, "not for that receiver", true);
    if (index == PRINCIPAL_NONE && code == SP_REFUSAL_SCOPE)
        return refuse(in, code, "that attester has another node", false);
    uint32_t peer = index != PRINCIPAL_NONE ? b->who.rows[index].first_link : PEER_NONE;

    if (peer == PEER_NONE || !peer_is_valid(&b->peers.peers[peer], &b->who, b->wall_s))
        return refuse(in, SP_REFUSAL_NO_ROUTE, "no attester of this node is connected", false);
    if (held_us == 0)
        return refuse(in, SP_REFUSAL_EXPIRED, "EvidenceRequest", false);
    const struct asked_row row = {
        .asker = in->peer,
        .attester = peer,
        .id = m->id,
        .offset = m->offset,
        .sequence = in->e.sequence,
    };

    if (!asked_put(&b->asked, &row, b->now_us + (held_us < BROKER_ASKED_US_MAX ? held_us : BROKER_ASKED_US_MAX)))
        return refuse(in, SP_REFUSAL_OVERLOAD, "too many questions at once", false);
    broker_send_hold(b, in);
    broker_send_forward(b, in->fx, in->ev->frame, peer, true);
    return SP_OK;
}

/* The row this part was asked for by, and the connection that waits for it. */
static uint32_t asked_by(const struct broker_core *b, const struct broker_in *in, const struct msg_evidence *m)
{
    uint32_t who = principal_by_name(&b->who, in->e.dest);
    uint32_t peer = who != PRINCIPAL_NONE ? b->who.rows[who].first_link : PEER_NONE;

    for (; peer != PEER_NONE; peer = b->peers.peers[peer].next_same) {
        uint32_t row = asked_find(&b->asked, peer, m->id);

        if (row != ASKED_NONE && b->asked.rows[row].attester == in->peer && b->asked.rows[row].offset == m->offset)
            return row;
    }
    return ASKED_NONE;
}

enum sp_rc broker_on_evidence(struct broker_in *in, struct msg_evidence *m)
{
    struct broker_core *b = in->core;

    if (!sp_str_is(m->node, in->row->node))
        return refuse(in, SP_REFUSAL_SCOPE, "answers for another node", true);
    uint32_t row = asked_by(b, in, m);

    if (row == ASKED_NONE) {
        b->unasked++;
        return refuse(in, SP_REFUSAL_NO_ROUTE, "nobody waits for this", false);
    }
    uint32_t asker = b->asked.rows[row].asker;

    asked_remove(&b->asked, row);
    if (!peer_is_valid(&b->peers.peers[asker], &b->who, b->wall_s))
        return refuse(in, SP_REFUSAL_NO_ROUTE, "receiver is not connected", false);
    broker_send_hold(b, in);
    broker_send_forward(b, in->fx, in->ev->frame, asker, true);
    return SP_OK;
}

/* A request that did not reach its attester: who asked is told by the caller, and asks again. */
void broker_asked_unsent(struct broker_core *b, uint32_t frame)
{
    struct sp_envelope e;
    struct msg_evidence_request m;

    if (sp_envelope_decode((const uint8_t *)b->frames[frame].p, b->frames[frame].n, &e) != SP_OK ||
        msg_evidence_request_decode((const uint8_t *)e.body.p, e.body.n, &m) != SP_OK)
        return;
    for (uint32_t i = b->who.rows[b->pool.frames[frame].sender].first_link; i != PEER_NONE; i = b->peers.peers[i].next_same) {
        uint32_t row = asked_find(&b->asked, i, m.id);

        if (row != ASKED_NONE && b->asked.rows[row].sequence == e.sequence) {
            asked_remove(&b->asked, row);
            return;
        }
    }
}

void broker_asked_session_ends(struct broker_core *b, uint32_t peer)
{
    if (asked_peer_gone(&b->asked, peer))
        b->more = true;
}

void broker_asked_flush(struct broker_core *b, struct broker_effects *fx)
{
    struct asked_row row;

    while (b->asked.lost != ASKED_NONE) {
        if (!broker_send_room(b, fx, MSG_REFUSED_BYTES_MAX)) {
            b->more = true;
            return;
        }
        if (!asked_pop_lost(&b->asked, &row))
            return;
        const struct peer *p = &b->peers.peers[row.asker];
        struct broker_event ev = {.frame = BROKER_NOBODY, .conn = p->conn, .principal = p->principal};
        struct broker_in in = {.core = b, .fx = fx, .ev = &ev, .row = &b->who.rows[p->principal], .peer = row.asker};

        in.e.type = SP_MSG_EVIDENCE_REQUEST;
        in.e.sequence = row.sequence;
        broker_send_refuse(b, &in, SP_REFUSAL_NO_ROUTE, "the attester is gone", fx);
    }
}
