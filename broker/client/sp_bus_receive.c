/* SPDX-License-Identifier: Apache-2.0 */
/* Receiving, in this order and no other: one part, size, envelope, sender known and valid, role may send this to us, addressed to
 * us, seal, then the session's own messages or the handler. */
#include <errno.h>
#include <zmq.h>

#include "dispatch_bus.h"
#include "sp_bus_parts.h"
#include "sp_log.h"
#include "sp_seal.h"

static bool is_for_us(const struct sp_bus *bus, struct sp_str dest)
{
    return dest.n == 0 || sp_str_is(dest, bus->name) || sp_str_is(dest, sp_role_name(bus->o.role));
}

/* A broker's word counts only on its own connection, and everybody else's only through a broker. */
static bool is_sender_here(const struct sp_bus_link *link, const struct sp_registry_row *row)
{
    return row->p.role != SP_ROLE_BROKER || strcmp(row->p.name, link->conf->name) == 0;
}

static bool is_sealed_by(struct sp_bus *bus, enum sp_auth auth, const struct sp_envelope *e, struct sp_registry_row *row,
                         unsigned pair)
{
    if (auth == SP_AUTH_SIGN)
        return sp_seal_signed(e, bus->deployment, row->verifier[pair]);
    return sp_str_is(e->dest, bus->name) && sp_seal_maced(e, bus->deployment, sp_registry_agreed(row, pair, bus->signer));
}

/* By a pair that counts now; the one that was right the last time is tried first. */
static bool is_of_sender(struct sp_bus *bus, enum sp_auth auth, const struct sp_envelope *e, struct sp_registry_row *row)
{
    for (unsigned n = 0; n < SP_REGISTRY_PAIRS; n++) {
        unsigned pair = row->pair ^ n;

        if (sp_registry_pair_valid(&row->p, pair, sp_loop_now(bus->o.loop)->wall) && is_sealed_by(bus, auth, e, row, pair)) {
            row->pair = pair;
            return true;
        }
    }
    return false;
}

static bool is_sealed(struct sp_bus *bus, const struct msg_info *info, const struct sp_envelope *e, struct sp_registry_row *row)
{
    if (info->auth == SP_AUTH_MAC)
        return sp_seal_maced(e, bus->deployment, bus->has_mac ? &bus->mac : NULL);
    return info->auth == SP_AUTH_NONE || is_of_sender(bus, info->auth, e, row);
}

static enum sp_refusal judge(struct sp_bus_link *link, const struct sp_envelope *e, struct sp_registry_row **row)
{
    struct sp_bus *bus = link->bus;
    const struct msg_info *info = NULL;
    enum sp_refusal refusal;

    *row = sp_registry_find(&bus->registry, e->sender);
    if (*row == NULL || !sp_registry_valid(&(*row)->p, sp_loop_now(bus->o.loop)->wall) || !is_sender_here(link, *row))
        return SP_REFUSAL_PRINCIPAL;
    refusal = sp_envelope_admit(e, (*row)->p.role, bus->o.role, &info);
    if (refusal != SP_REFUSAL_NONE)
        return refusal;
    if (!is_for_us(bus, e->dest))
        return SP_REFUSAL_AUTHORITY;
    return is_sealed(bus, info, e, *row) ? SP_REFUSAL_NONE : SP_REFUSAL_SIGNATURE;
}

/* A message on its way through the session. */
struct bus_in {
    struct sp_bus_link *link;
    const struct sp_envelope *e;
    bool own; /* the session's own: it does not go up */
};

enum sp_rc bus_on_principal_set(struct bus_in *in, struct msg_principal_set *m)
{
    enum sp_rc rc = sp_registry_set(&in->link->bus->registry, m);

    if (rc != SP_OK)
        SP_LOG(SP_LOG_WARNING, "bus", "principals", SP_LOG_V("from", in->e->sender), SP_LOG_S("why", sp_rc_text(rc)));
    return SP_OK;
}

/* The broker does not know our session (it restarted, or gave us up): begin another. */
enum sp_rc bus_on_refused(struct bus_in *in, struct msg_refused *m)
{
    struct sp_bus_link *link = in->link;

    SP_LOG(SP_LOG_INFO, "bus", "refused", SP_LOG_S("broker", link->conf->name), SP_LOG_S("type", msg_name(m->type)),
           SP_LOG_S("code", sp_refusal_name(m->code)), SP_LOG_V("detail", m->detail));
    if (m->code == SP_REFUSAL_NOT_READY && m->type != SP_MSG_HELLO && link->up)
        sp_bus_link_greet(link);
    return SP_OK;
}

static void take_frame(struct sp_bus_link *link, const uint8_t *p, size_t n);

enum sp_rc bus_on_principal_info(struct bus_in *in, struct msg_principal_info *m)
{
    in->own = true;
    sp_bus_learn_info(in->link->bus, m, take_frame);
    return SP_OK;
}

enum sp_rc bus_on_welcome(struct bus_in *in, struct msg_welcome *m)
{
    in->own = true;
    return sp_bus_link_welcome(in->link, m);
}

/* That it came is all there is to it: link->heard_us. */
enum sp_rc bus_on_heartbeat(struct bus_in *in, struct msg_heartbeat *m)
{
    (void)m;
    in->own = true;
    return SP_OK;
}

/* True when the message goes up. */
static bool take(struct sp_bus_link *link, const struct sp_envelope *e, const struct sp_registry_row *row)
{
    struct bus_in in = {.link = link, .e = e};
    enum sp_rc rc = bus_dispatch(&in, e->type, (enum sp_role)row->p.role, (const uint8_t *)e->body.p, e->body.n);

    if (rc != SP_OK && rc != SP_E_UNSUPPORTED) {
        sp_bus_refuse(link->bus, e->type, row->p.role, SP_REFUSAL_MALFORMED, e->sender, "not taken by the session");
        return false;
    }
    return !in.own && link->up; /* what was sent to a session that is over is not ours any more */
}

static void take_frame(struct sp_bus_link *link, const uint8_t *p, size_t n)
{
    struct sp_bus *bus = link->bus;
    struct sp_envelope e = {0};
    struct sp_registry_row *row = NULL;
    enum sp_rc rc = sp_envelope_decode(p, n, &e);
    enum sp_bus_learnt learnt = rc == SP_OK ? sp_bus_learn_look(link, &e, p, n) : SP_BUS_LEARNT;

    link->heard_us = sp_bus_now_us(bus);
    if (learnt == SP_BUS_HELD)
        return;
    enum sp_refusal refusal =
        learnt == SP_BUS_UNKNOWN ? SP_REFUSAL_PRINCIPAL
        : rc == SP_OK            ? judge(link, &e, &row)
                      : (rc == SP_E_VERSION ? SP_REFUSAL_VERSION : (rc == SP_E_LIMIT ? SP_REFUSAL_SIZE : SP_REFUSAL_MALFORMED));

    if (refusal != SP_REFUSAL_NONE) {
        sp_bus_refuse(bus, e.type, row != NULL ? row->p.role : SP_ROLE_NONE, refusal, e.sender, "not taken");
        return;
    }
    sp_stats_message(bus->stats, e.type, row->p.role, SP_STATS_IN, n);
    sp_bus_active(bus, e.type);
    if (!take(link, &e, row))
        return;
    struct sp_bus_message message = {
        .type = e.type,
        .from = &row->p,
        .dest = e.dest.n == 0 ? "" : bus->name,
        .epoch = e.epoch,
        .sequence = e.sequence,
        .trace = e.trace,
        .body = (const uint8_t *)e.body.p,
        .body_bytes = e.body.n,
        .frame = p,
        .frame_bytes = n,
        .broker = link->index,
    };

    bus->o.on_message(bus->o.self, &message);
}

unsigned sp_bus_receive(struct sp_bus_link *link)
{
    struct sp_bus *bus = link->bus;
    unsigned taken = 0;

    link->more = false;
    while (link->socket != NULL && taken < SP_BUS_DRAIN_MAX) {
        zmq_msg_t m;

        zmq_msg_init(&m);
        if (zmq_msg_recv(&m, link->socket, ZMQ_DONTWAIT) < 0) {
            bool again = zmq_errno() == EINTR;

            zmq_msg_close(&m);
            if (again)
                continue;
            return taken;
        }
        taken++;
        if (!zmq_msg_more(&m)) {
            take_frame(link, zmq_msg_data(&m), zmq_msg_size(&m));
        } else {
            /* A message has one part. libzmq hands parts of one message out together, so this ends. */
            sp_bus_refuse(bus, 0, SP_ROLE_BROKER, SP_REFUSAL_MALFORMED, sp_str_of(link->conf->name), "more than one part");
            while (zmq_msg_more(&m) && zmq_msg_recv(&m, link->socket, ZMQ_DONTWAIT) >= 0) {
            }
        }
        zmq_msg_close(&m);
    }
    link->more = taken == SP_BUS_DRAIN_MAX;
    return taken;
}
