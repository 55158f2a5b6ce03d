/* SPDX-License-Identifier: Apache-2.0 */
/* Sending: envelope and seal around a body, choice of the broker, Stats. */
#include <errno.h>
#include <stdlib.h>
#include <zmq.h>

#include "sp_bus_parts.h"
#include "sp_seal.h"
#include "sp_stats_msg.h"

uint8_t *sp_bus_body(struct sp_bus *bus, size_t *room)
{
    *room = SP_BODY_BYTES_MAX;
    return bus->buffer + SP_ENVELOPE_HEAD_MAX;
}

/* Lends the key for messages of kind `pair` to this receiver: by the pair of its keys that it used last, or by the other one when that counts no
 * longer. NULL: it is not known here. */
static const struct sp_crypto_hmac *pair_key(struct sp_bus *bus, const char *dest)
{
    struct sp_registry_row *row = dest != NULL ? sp_registry_find(&bus->registry, sp_str_of(dest)) : NULL;
    const struct sp_crypto_hmac *key = NULL;

    for (unsigned n = 0; row != NULL && key == NULL && n < SP_REGISTRY_PAIRS; n++)
        if (sp_registry_pair_valid(&row->p, row->pair ^ n, sp_loop_now(bus->o.loop)->wall))
            key = sp_registry_agreed(row, row->pair ^ n, bus->signer);
    return key;
}

/* Fills `frame` in the bus's buffer. */
static enum sp_bus_sent frame_make(struct sp_bus *bus, const struct msg_info *info, const struct sp_bus_out *out,
                                   struct sp_frame *frame)
{
    struct sp_envelope head = {
        .type = out->type,
        .sender = sp_str_of(bus->name),
        .dest = sp_str_of(out->dest),
        .epoch = out->epoch,
        .sequence = bus->sequence + 1,
        .trace = out->trace,
    };
    const struct sp_crypto_hmac *mac = info->auth == SP_AUTH_PAIR ? pair_key(bus, out->dest) : bus->has_mac ? &bus->mac : NULL;
    bool maced = info->auth == SP_AUTH_MAC || info->auth == SP_AUTH_PAIR;
    struct sp_packer w;

    if (out->body_bytes > SP_BODY_BYTES_MAX)
        return SP_BUS_TOO_LARGE;
    if ((maced && mac == NULL) || (info->auth == SP_AUTH_SIGN && bus->signer == NULL))
        return SP_BUS_NO_KEY;
    sp_envelope_begin(&w, bus->buffer, SP_ENVELOPE_BUFFER(SP_BODY_BYTES_MAX));
    if (out->body != w.p && out->body_bytes > 0)
        memmove(w.p, out->body, out->body_bytes);
    w.p += out->body_bytes;
    if (sp_envelope_finish(&w, &head, info->auth_bytes, frame) != SP_OK)
        return SP_BUS_TOO_LARGE;
    if (maced)
        sp_seal_mac(frame, out->type, bus->deployment, mac);
    else if (info->auth == SP_AUTH_SIGN && sp_seal_sign(frame, out->type, bus->deployment, bus->signer) != SP_OK)
        return SP_BUS_NO_KEY;
    return SP_BUS_SENT;
}

/* Called by libzmq, usually on its I/O thread, when it is done with a buffer. */
static void give_back(void *data, void *hint)
{
    (void)data;
    atomic_store_explicit(&((struct sp_bus_buffer *)hint)->lent, false, memory_order_release);
}

/* Another buffer to build the next frame in while this one is away; NULL: all are away, or no memory. */
static struct sp_bus_buffer *spare_buffer(struct sp_bus *bus)
{
    for (unsigned i = 0; i < SP_BUS_BUFFERS; i++) {
        struct sp_bus_buffer *b = &bus->buffers[i];

        if (b == bus->current || atomic_load_explicit(&b->lent, memory_order_acquire))
            continue;
        if (b->p == NULL)
            b->p = malloc(SP_ENVELOPE_BUFFER(SP_BODY_BYTES_MAX));
        return b->p != NULL ? b : NULL;
    }
    return NULL;
}

/* Large frames are lent to libzmq and come back when they are on the wire; small ones are copied, which is cheaper than the
 * bookkeeping. A frame that could not be sent is given back by the close. */
static int frame_lend(struct sp_bus_link *link, const struct sp_frame *frame)
{
    struct sp_bus *bus = link->bus;
    struct sp_bus_buffer *next = frame->n < SP_BUS_LEND_BYTES ? NULL : spare_buffer(bus);
    zmq_msg_t m;

    if (next == NULL)
        return zmq_send(link->socket, frame->p, frame->n, ZMQ_DONTWAIT);
    atomic_store_explicit(&bus->current->lent, true, memory_order_release);
    if (zmq_msg_init_data(&m, frame->p, frame->n, give_back, bus->current) != 0) {
        give_back(NULL, bus->current);
        return -1;
    }
    if (zmq_msg_send(&m, link->socket, ZMQ_DONTWAIT) < 0) {
        int error = errno;

        zmq_msg_close(&m);
        errno = error;
        return -1;
    }
    bus->current = next;
    bus->buffer = next->p;
    return 0;
}

static enum sp_bus_sent frame_send(struct sp_bus_link *link, const struct sp_frame *frame)
{
    int rc;

    do
        rc = frame_lend(link, frame);
    while (rc < 0 && zmq_errno() == EINTR);
    if (rc >= 0)
        return SP_BUS_SENT;
    link->blocked = link->connected;
    return link->connected ? SP_BUS_WOULD_BLOCK : SP_BUS_NO_BROKER;
}

/* The role that most likely gets it, for the counters: the model's, when it names one. */
static uint8_t receiver_of(const struct sp_bus *bus, const struct msg_info *info, const char *dest)
{
    const struct sp_registry_row *row = dest != NULL && dest[0] != '\0' ? sp_registry_find(&bus->registry, sp_str_of(dest)) : NULL;

    if (row != NULL)
        return row->p.role;
    if (info->to & 1u << SP_ROLE_BROKER)
        return SP_ROLE_BROKER;
    return info->to == 0 ? SP_ROLE_NONE : (uint8_t)__builtin_ctz(info->to);
}

static void count_sent(struct sp_bus *bus, const struct msg_info *info, const struct sp_bus_out *out, size_t bytes)
{
    sp_stats_message(bus->stats, out->type, receiver_of(bus, info, out->dest), SP_STATS_OUT, bytes);
    sp_bus_active(bus, out->type);
}

enum sp_bus_sent sp_bus_send_on(struct sp_bus_link *link, struct sp_bus_out *out)
{
    struct sp_bus *bus = link->bus;
    const struct msg_info *info = msg_find(out->type);
    struct sp_frame frame = {0};
    enum sp_bus_sent sent = frame_make(bus, info, out, &frame);

    if (sent == SP_BUS_SENT)
        sent = frame_send(link, &frame);
    if (sent == SP_BUS_SENT) {
        out->sequence = ++bus->sequence;
        out->used = link->index;
        count_sent(bus, info, out, frame.n);
    }
    return sent;
}

/* True when there is no point in building a frame for it now. */
static bool is_stuck(struct sp_bus_link *link)
{
    return link->blocked && !(sp_bus_link_events(link) & ZMQ_POLLOUT);
}

static struct sp_bus_link *choose(struct sp_bus *bus, const struct sp_bus_out *out)
{
    unsigned first = bus->sticky;

    if (out->broker >= 0)
        return (unsigned)out->broker < bus->count && bus->links[out->broker].up ? &bus->links[out->broker] : NULL;
    if (out->type == SP_MSG_JOB_BATCH)
        first = ++bus->rotor % bus->count;
    struct sp_bus_link *fallback = NULL;

    for (unsigned i = 0; i < bus->count; i++) {
        struct sp_bus_link *link = &bus->links[(first + i) % bus->count];

        if (!link->up)
            continue;
        if (!is_stuck(link))
            return link;
        if (fallback == NULL)
            fallback = link;
    }
    return fallback;
}

/* A send may consume the edge that announced input (pitfall A27). Inside our hook the events are read again anyway; elsewhere the
 * wake-up descriptor makes sure there is another turn. */
static void keep_edge(struct sp_bus *bus, struct sp_bus_link *link)
{
    if (!bus->in_hook && (sp_bus_link_events(link) & ZMQ_POLLIN))
        sp_bus_wake(bus);
}

enum sp_bus_sent sp_bus_send(struct sp_bus *bus, struct sp_bus_out *out)
{
    const struct msg_info *info = msg_find(out->type);

    SP_ASSERT(info != NULL);
    SP_ASSERT((info->from & 1u << bus->o.role) != 0);
    struct sp_bus_link *link = choose(bus, out);

    if (link == NULL)
        return SP_BUS_NO_BROKER;
    if (is_stuck(link))
        return SP_BUS_WOULD_BLOCK;
    enum sp_bus_sent sent = sp_bus_send_on(link, out);

    if (sent == SP_BUS_SENT)
        bus->sticky = link->index;
    keep_edge(bus, link);
    return sent;
}

void sp_bus_send_stats(struct sp_bus *bus)
{
    size_t room;

    if (!(msg_find(SP_MSG_STATS)->from & 1u << bus->o.role))
        return;
    if (bus->o.on_stats != NULL)
        bus->o.on_stats(bus->o.self);
    for (unsigned i = 0; i < bus->count; i++) {
        struct sp_bus_out out = {.type = SP_MSG_STATS, .body = sp_bus_body(bus, &room)};
        struct sp_packer w;

        if (!bus->links[i].up)
            continue;
        sp_packer_init(&w, bus->buffer + SP_ENVELOPE_HEAD_MAX, room);
        if (!sp_stats_msg_encode(bus->stats, bus->o.boot, (sp_bus_now_us(bus) - bus->started_us) / SP_US_PER_MS, &w))
            continue;
        out.body_bytes = sp_packer_bytes(&w);
        (void)sp_bus_send_on(&bus->links[i], &out);
    }
    sp_stats_window(bus->stats);
}
