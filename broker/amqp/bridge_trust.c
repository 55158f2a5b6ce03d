/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge_trust.h"

#include <stdlib.h>

#include "bridge_cloud.h"
#include "bridge_exposure.h"
#include "bridge_note.h"
#include "bridge_rpc.h"
#include "oslo_message.h"
#include "sp_base64.h"
#include "sp_clock.h"
#include "sp_log.h"
#include "sp_random.h"

#define SENDS_MAX        4u
#define LOOK_MS          250u  /* how soon the end of a lifetime is told */
#define SNAPSHOT_PART_MS 3000u /* no next part for so long: ask again */

bool bridge_trust_init(struct bridge *b)
{
    const struct sp_conf *conf = b->conf;
    uint64_t ping_ms = conf->reader.ping_ms != 0 ? conf->reader.ping_ms : conf->keeper.beat_ms;
    struct reader_options o = {.boot = sp_random_u64(),
                               .ping_ms = ping_ms,
                               .stale_ms = ping_ms * (conf->reader.beats_missed > 0 ? conf->reader.beats_missed : 1),
                               .entries_max = conf->reader.nodes_max};
    sp_random_bytes(o.hash_key, sizeof o.hash_key);
    sp_buf_init(&b->fan, 4u * BRIDGE_FAN_BYTES);
    b->courier.everybody_due_us = bridge_shell_now(b).us + b->options->c.snapshot_ms * SP_US_PER_MS;
    return reader_core_init(&b->reader, &o);
}

void bridge_trust_fini(struct bridge *b)
{
    reader_core_fini(&b->reader);
    sp_buf_fini(&b->fan);
}

/* ---- to everybody ---- */

void bridge_trust_flush(struct bridge *b)
{
    char exchange[80];
    struct sp_buf args, inner;
    if (b->fan.n == 0)
        return;
    sp_buf_init(&args, b->fan.n + 256);
    sp_buf_init(&inner, b->fan.n + 1024);
    sp_buf_format(&args, "{\"bridge\": \"%s\", \"frames\": [", b->name); /* a principal's name needs no escapes */
    sp_buf_append(&args, b->fan.p, b->fan.n);
    sp_buf_text(&args, "]}");
    oslo_message_cast(&inner, "trust", "1.0", "frames", sp_buf_view(&args));
    (void)snprintf(exchange, sizeof exchange, "%s_trust_fanout", b->options->c.topic);
    if (args.failed || inner.failed || b->fan.failed)
        bridge_trust_everybody(b);
    else
        bridge_shell_offer(b, BRIDGE_TRUST, 0, exchange, "", &inner);
    sp_buf_fini(&inner);
    sp_buf_fini(&args);
    sp_buf_reset(&b->fan);
}

static void fan_add(struct bridge *b, const struct sp_bus_message *m)
{
    if (!b->options->c.fanout || !bridge_shell_is_up(b))
        return; /* a whole snapshot goes out when RabbitMQ is back */
    if (b->fan.n > 0 && b->fan.n + m->frame_bytes * 4 / 3 > BRIDGE_FAN_BYTES)
        bridge_trust_flush(b);
    sp_buf_text(&b->fan, b->fan.n > 0 ? ", \"" : "\"");
    sp_base64_write(&b->fan, m->frame, m->frame_bytes);
    sp_buf_text(&b->fan, "\"");
    b->frames++;
}

void bridge_trust_everybody(struct bridge *b)
{
    b->courier.everybody_wanted = true;
}

/* ---- for one ---- */

static void call_add(struct bridge *b, uint32_t i, const struct sp_bus_message *m)
{
    struct sp_buf *data = &b->calls[i].data;
    sp_buf_text(data, data->n > 0 ? ", \"" : "{\"frames\": [\"");
    sp_base64_write(data, m->frame, m->frame_bytes);
    sp_buf_text(data, "\"");
}

static void call_end(struct bridge *b, uint32_t i)
{
    sp_buf_text(&b->calls[i].data, "]}");
    bridge_rpc_answer(b, i);
}

bool bridge_trust_snapshot(struct bridge *b, uint32_t call)
{
    struct bridge_courier *c = &b->courier;
    if (c->waiting_count == BRIDGE_SNAPSHOTS_MAX)
        return false;
    c->waiting[c->waiting_count++] = call;
    return true;
}

static bool send_ping(struct bridge *b, const uint8_t nonce[BRIDGE_NONCE_BYTES])
{
    uint8_t body[64];
    struct sp_packer w;
    struct msg_reader_ping m = {.nonce = nonce, .sequence = b->reader.sequence};
    sp_packer_init(&w, body, sizeof body);
    return msg_reader_ping_encode(&w, &m) == SP_OK &&
           bridge_shell_send(b, SP_MSG_READER_PING, "", sp_str_bytes(body, sp_packer_bytes(&w)));
}

bool bridge_trust_beat(struct bridge *b, uint32_t call)
{
    return send_ping(b, b->calls[call].nonce);
}

void bridge_trust_forget(struct bridge *b, uint32_t call)
{
    struct bridge_courier *c = &b->courier;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < c->waiting_count; i++)
        if (c->waiting[i] != call)
            c->waiting[kept++] = c->waiting[i];
    c->waiting_count = kept;
    if (c->open && !c->everybody && c->call == call)
        c->open = false; /* what still comes has a nonce nobody knows any more */
}

/* The open question is void: the keeper knows one per principal, and another was asked. */
static void courier_back(struct bridge *b)
{
    struct bridge_courier *c = &b->courier;
    if (!c->open)
        return;
    c->open = false;
    if (c->everybody) {
        c->everybody_wanted = true;
    } else if (c->waiting_count < BRIDGE_SNAPSHOTS_MAX) {
        memmove(c->waiting + 1, c->waiting, c->waiting_count * sizeof c->waiting[0]);
        c->waiting[0] = c->call;
        c->waiting_count++;
        sp_buf_reset(&b->calls[c->call].data);
    } else {
        bridge_rpc_fail(b, c->call, "SpiceUnavailable", "too many ask for a snapshot");
    }
}

static void courier_ask(struct bridge *b, uint64_t now_us)
{
    struct bridge_courier *c = &b->courier;
    uint8_t body[64];
    struct sp_packer w;
    bool one = c->waiting_count > 0;
    if (c->open && now_us - c->heard_us >= SNAPSHOT_PART_MS * SP_US_PER_MS)
        courier_back(b);
    if (c->open || b->reader.state != READER_FOLLOWING ||
        (!one && !(c->everybody_wanted && bridge_shell_is_up(b) && b->options->c.fanout)))
        return;
    c->everybody = !one; /* callers wait, listeners do not */
    if (one) {
        c->call = c->waiting[0];
        c->waiting_count--;
        memmove(c->waiting, c->waiting + 1, c->waiting_count * sizeof c->waiting[0]);
        memcpy(c->nonce, b->calls[c->call].nonce, sizeof c->nonce);
    } else {
        c->everybody_wanted = false;
        sp_random_bytes(c->nonce, sizeof c->nonce);
    }
    struct msg_subscribe m = {.boot = b->reader.options.boot, .nonce = c->nonce};
    sp_packer_init(&w, body, sizeof body);
    c->open = true;
    c->part = 0;
    c->heard_us = now_us;
    if (msg_subscribe_encode(&w, &m) != SP_OK ||
        !bridge_shell_send(b, SP_MSG_SUBSCRIBE, "", sp_str_bytes(body, sp_packer_bytes(&w))))
        courier_back(b);
}

/* ---- the keeper speaks ---- */

static void told(struct bridge *b, const struct reader_changes *changes)
{
    bool following = reader_core_fresh(&b->reader, sp_clock_read().mono);
    if (following != b->told_following) {
        b->told_following = following;
        SP_LOG(SP_LOG_NOTICE, "bridge", following ? "keeper.followed" : "keeper.lost", SP_LOG_U("entries", b->reader.count));
    }
    if (following)
        bridge_note_changes(b, changes);
    bridge_cloud_changes(b, changes);
    bridge_exposure_changes(b, changes);
}

static void to_reader(struct bridge *b, const struct sp_bus_message *m)
{
    struct reader_changes changes;
    reader_core_on_message(&b->reader, sp_clock_read().mono, SP_ROLE_KEEPER, m->type, sp_str_bytes(m->body, m->body_bytes),
                           &changes);
    told(b, &changes);
}

/* Only the keeper that principals.yaml pins; the bus verified the signature with the key that stands there. */
static bool is_keeper(struct bridge *b, const struct sp_bus_message *m)
{
    if (m->from->role != SP_ROLE_KEEPER || !m->from->from_file)
        return false;
    if (b->keeper[0] == '\0')
        (void)sp_str_copy(b->keeper, sizeof b->keeper, sp_str_of(m->from->name));
    return strcmp(b->keeper, m->from->name) == 0;
}

enum sp_rc bridge_on_snapshot(struct bridge_in *in, struct sp_str body)
{
    struct bridge *b = in->b;
    struct bridge_courier *c = &b->courier;
    struct msg_snapshot m;
    enum sp_rc rc = msg_snapshot_decode((const uint8_t *)body.p, body.n, &m);
    if (rc != SP_OK || !is_keeper(b, in->message))
        return rc != SP_OK ? rc : SP_E_AUTHORITY;
    if (memcmp(m.nonce, b->reader.nonce, BRIDGE_NONCE_BYTES) == 0) {
        fan_add(b, in->message);
        to_reader(b, in->message);
        return SP_OK;
    }
    if (!c->open || memcmp(m.nonce, c->nonce, BRIDGE_NONCE_BYTES) != 0)
        return SP_E_STALE;
    if (m.part != c->part) {
        courier_back(b);
        return SP_E_STALE;
    }
    c->part++;
    c->heard_us = bridge_shell_now(b).us;
    if (c->everybody)
        fan_add(b, in->message);
    else
        call_add(b, c->call, in->message);
    if (m.last) {
        c->open = false;
        if (!c->everybody)
            call_end(b, c->call);
    }
    return SP_OK;
}

enum sp_rc bridge_on_trust_event(struct bridge_in *in, struct sp_str body)
{
    (void)body;
    if (!is_keeper(in->b, in->message))
        return SP_E_AUTHORITY;
    fan_add(in->b, in->message);
    to_reader(in->b, in->message);
    return SP_OK;
}

enum sp_rc bridge_on_trust_beat(struct bridge_in *in, struct sp_str body)
{
    struct bridge *b = in->b;
    struct msg_trust_beat m;
    enum sp_rc rc = msg_trust_beat_decode((const uint8_t *)body.p, body.n, &m);
    if (rc != SP_OK || !is_keeper(b, in->message))
        return rc != SP_OK ? rc : SP_E_AUTHORITY;
    if (b->reader.ping_us != 0 && memcmp(m.nonce, b->reader.ping_nonce, BRIDGE_NONCE_BYTES) == 0) {
        fan_add(b, in->message);
        to_reader(b, in->message);
        return SP_OK;
    }
    for (uint32_t i = 0; i < BRIDGE_CALLS_MAX; i++)
        if (b->calls[i].used && b->calls[i].kind == BRIDGE_CALL_BEAT &&
            memcmp(m.nonce, b->calls[i].nonce, BRIDGE_NONCE_BYTES) == 0) {
            call_add(b, i, in->message);
            call_end(b, i);
            return SP_OK;
        }
    return SP_E_STALE;
}

/* ---- time ---- */

void bridge_trust_lost(struct bridge *b)
{
    struct reader_changes changes;
    reader_core_lost(&b->reader, &changes);
    courier_back(b);
    told(b, &changes);
}

void bridge_trust_turn(struct bridge *b)
{
    struct sp_mono now = sp_clock_read().mono; /* a fresh reading: an answer must not look older than its question */
    struct reader_changes changes;
    struct reader_send send;
    for (unsigned i = 0; i < SENDS_MAX && sp_bus_up_count(b->bus) > 0; i++) {
        uint8_t nonce[BRIDGE_NONCE_BYTES];
        sp_random_bytes(nonce, sizeof nonce);
        bool more = reader_core_step(&b->reader, now, nonce, &send, &changes);
        told(b, &changes);
        if (!more)
            break;
        if (send.type == SP_MSG_SUBSCRIBE)
            courier_back(b);
        (void)bridge_shell_send(b, send.type, "", sp_str_bytes(send.body, send.bytes)); /* what is lost is asked again */
    }
    if (now.us >= b->look_us) {
        b->look_us = now.us + LOOK_MS * SP_US_PER_MS;
        reader_core_expire(&b->reader, now, &changes);
        told(b, &changes);
    }
    if (now.us >= b->courier.everybody_due_us) {
        b->courier.everybody_due_us = now.us + b->options->c.snapshot_ms * SP_US_PER_MS;
        b->courier.everybody_wanted = true;
    }
    courier_ask(b, now.us);
    bridge_trust_flush(b);
}

uint64_t bridge_trust_deadline_us(const struct bridge *b)
{
    uint64_t at = reader_core_next_deadline(&b->reader).us, now_us = bridge_shell_now(b).us;
    at = b->reader.state == READER_FOLLOWING && b->look_us < at ? b->look_us : at;
    return at <= now_us ? now_us + 50000 : at; /* no broker yet: look again soon, without spinning */
}
