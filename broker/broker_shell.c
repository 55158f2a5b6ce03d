/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames come in, the core says where they go, they go out. Frames are libzmq messages in fixed places (the core's handles); a
 * frame is received into its place, forwarded from it without copying, and never looked at twice.
 *
 * The socket's descriptor is edge-triggered and every send may consume the edge, so the hook drains after each turn of the loop
 * until nothing is there or the budget is used up (pitfall A27). All sends are non-blocking; a peer that is full or gone is an
 * event for the core (A15, A16).
 */
#include <errno.h>

#include "broker_shell_parts.h"
#include "sp_log.h"
#include "sp_seal.h"

#define DRAIN_MAX        512u /* frames per turn, so that time and signals get their share */
#define REPLY_PART_BYTES 700000u
#define ADMIN_BYTES_MAX  (32u << 20)

static void perform(struct broker_shell *s, const struct broker_event *cause, const struct broker_effects *fx);

/* ---- sending ---- */

/* SP_OK, SP_E_AGAIN: the peer is full, SP_E_CLOSED: it is gone. */
static enum sp_rc send_address(struct broker_shell *s, uint32_t conn)
{
    uint8_t id[5] = {0};

    memcpy(id + 1, &conn, sizeof conn);
    if (zmq_send(s->router, id, sizeof id, ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0)
        return SP_OK;
    return zmq_errno() == EAGAIN ? SP_E_AGAIN : SP_E_CLOSED;
}

static enum sp_rc send_bytes(struct broker_shell *s, uint32_t conn, const void *p, size_t n)
{
    enum sp_rc rc = send_address(s, conn);

    if (rc == SP_OK && zmq_send(s->router, p, n, ZMQ_DONTWAIT) < 0)
        rc = SP_E_CLOSED;
    return rc;
}

enum sp_rc broker_shell_send(struct broker_shell *s, uint32_t conn, uint16_t type, struct sp_str dest, struct sp_str body)
{
    const struct msg_info *info = msg_find(type);
    struct sp_envelope head = {.type = type, .sender = sp_str_of(s->core->name), .dest = dest, .sequence = ++s->sequence};
    struct sp_packer w;
    struct sp_frame frame;

    SP_ASSERT(info != NULL && body.n <= SP_BODY_BYTES_MAX);
    sp_envelope_begin(&w, s->buffer, SP_ENVELOPE_BUFFER(SP_BODY_BYTES_MAX));
    if (body.p != (const char *)w.p && body.n > 0)
        memmove(w.p, body.p, body.n);
    w.p += body.n;
    if (sp_envelope_finish(&w, &head, info->auth_bytes, &frame) != SP_OK)
        return SP_E_LIMIT;
    if (info->auth == SP_AUTH_SIGN && sp_seal_sign(&frame, type, s->conf->deployment, s->signer) != SP_OK)
        return SP_E_LIMIT;
    return send_bytes(s, conn, frame.p, frame.n);
}

static void release(struct broker_shell *s, uint32_t frame)
{
    zmq_msg_close(&s->frames[frame]);
    zmq_msg_init(&s->frames[frame]);
    s->free_frames[s->free_count++] = frame;
}

static enum sp_rc forward(struct broker_shell *s, const struct broker_effect *f)
{
    enum sp_rc rc = send_address(s, f->conn);
    zmq_msg_t copy;

    if (rc != SP_OK)
        return rc;
    if (f->last) {
        if (zmq_msg_send(&s->frames[f->frame], s->router, ZMQ_DONTWAIT) < 0)
            return SP_E_CLOSED;
        release(s, f->frame);
        return SP_OK;
    }
    zmq_msg_init(&copy);
    if (zmq_msg_copy(&copy, &s->frames[f->frame]) != 0 || zmq_msg_send(&copy, s->router, ZMQ_DONTWAIT) < 0) {
        zmq_msg_close(&copy);
        return SP_E_CLOSED;
    }
    return SP_OK;
}

static void note_failure(struct broker_shell *s, enum sp_rc rc, uint32_t frame, uint32_t conn)
{
    if (rc == SP_OK)
        return;
    SP_ASSERT(s->failures < BROKER_SHELL_FAILURES);
    s->failed[s->failures].frame = frame;
    s->failed[s->failures].conn = conn;
    s->failed[s->failures++].lost = rc == SP_E_CLOSED;
}

/* ---- events ---- */

struct broker_event broker_shell_event(const struct broker_shell *s, enum broker_event_kind kind)
{
    const struct sp_now *now = sp_loop_now(s->loop);

    return (struct broker_event){
        .kind = kind,
        .now_us = now->mono.us,
        .wall_s = now->wall.ms / SP_MS_PER_S,
        .frame = BROKER_NOBODY,
        .conn = BROKER_NOBODY,
        .principal = PRINCIPAL_NONE,
    };
}

/* A step and everything that follows from it, in the order the core asks for. Bounded: each failure is of a peer or frame that is
 * dealt with by it, and MORE works off what is there. */
void broker_shell_step(struct broker_shell *s, const struct broker_event *ev)
{
    broker_core_step(s->core, ev, &s->fx);
    perform(s, ev, &s->fx);
    while (s->failures > 0 || s->core->more) {
        struct broker_event next = broker_shell_event(s, BROKER_EV_MORE);

        if (s->failures > 0) {
            s->failures--;
            next.kind = s->failed[s->failures].lost ? BROKER_EV_LOST : BROKER_EV_UNSENT;
            next.frame = s->failed[s->failures].frame;
            next.conn = s->failed[s->failures].conn;
        }
        broker_core_step(s->core, &next, &s->fx);
        perform(s, &next, &s->fx);
    }
}

/* ---- effects ---- */

static void on_admin(struct broker_shell *s, const struct broker_effect *f)
{
    const struct sp_now *now = sp_loop_now(s->loop);
    struct msg_admin_request request;
    struct msg_admin_reply reply = {0};
    struct sp_buf out;
    struct sp_str name = f->envelope.sender;

    if (msg_admin_request_decode((const uint8_t *)f->envelope.body.p, f->envelope.body.n, &request) != SP_OK)
        return;
    if (broker_acts_is(request.verb)) {
        broker_acts_begin(s, f, &request);
        return;
    }
    if (sp_str_is(request.verb, "stats.get"))
        broker_time_tell_stats(s);
    sp_buf_init(&out, ADMIN_BYTES_MAX);
    reply.id = request.id;
    reply.code = (uint16_t)broker_admin_answer(&s->admin, &request, now->mono.us, now->wall.ms, &out);
    for (size_t at = 0; !reply.last; at += REPLY_PART_BYTES, reply.part++) {
        size_t n = out.n - at < REPLY_PART_BYTES ? out.n - at : REPLY_PART_BYTES;
        struct sp_packer w;

        reply.last = at + n == out.n;
        reply.data = sp_str_bytes(out.p + at, n);
        sp_envelope_begin(&w, s->buffer, SP_ENVELOPE_BUFFER(SP_BODY_BYTES_MAX));
        if (msg_admin_reply_encode(&w, &reply) != SP_OK)
            break;
        struct sp_str body = sp_str_bytes(w.start, sp_packer_bytes(&w));

        if (broker_shell_send(s, f->conn, SP_MSG_ADMIN_REPLY, name, body) != SP_OK)
            break; /* the operator went away or reads nothing */
    }
    sp_buf_fini(&out);
}

void broker_shell_publish(struct broker_shell *s)
{
    const struct principal_table *who = &s->core->who;
    uint64_t wall_s = sp_loop_now(s->loop)->wall.ms / SP_MS_PER_S;

    if (!broker_zap_publish(s->zap, who, wall_s)) {
        SP_LOG(SP_LOG_ERROR, "broker", "admission", SP_LOG_S("why", "no memory for the table; the old one stays"));
        return;
    }
    s->zap_changes = who->changes;
    s->valid_until_s = principal_next_change(who, wall_s);
}

static void on_principals(struct broker_shell *s, const struct broker_effect *f)
{
    struct sp_err err = {0};

    broker_shell_publish(s);
    if (broker_store_part(&s->store, f->body, (f->type & 1u) != 0, (f->type & 2u) != 0, &err) != SP_OK)
        SP_LOG(SP_LOG_ERROR, "broker", "principals.keep", SP_LOG_S("where", err.where), SP_LOG_S("why", err.text));
    if (f->type & 2u)
        SP_LOG(SP_LOG_NOTICE, "broker", "principals", SP_LOG_U("version", s->core->who.version),
               SP_LOG_U("count", s->core->who.count));
}

/* Is the other connection of this principal alive? If a message to it can be queued it is, and the newcomer has to wait. */
static void on_probe(struct broker_shell *s, const struct broker_event *cause, const struct broker_effect *f)
{
    struct broker_event again = *cause;
    enum sp_rc rc = broker_shell_send(s, f->conn, f->type, f->dest, f->body);

    if (rc == SP_E_CLOSED) {
        struct broker_event lost = broker_shell_event(s, BROKER_EV_LOST);

        lost.conn = f->conn;
        broker_shell_step(s, &lost);
    } else {
        again.kind = BROKER_EV_RIVAL;
    }
    broker_shell_step(s, &again);
}

static void log_peer(const struct broker_shell *s, enum sp_log_level level, const char *event, const struct broker_effect *f)
{
    const struct principal_table *who = &s->core->who;
    const char *name = f->principal < who->size && who->rows[f->principal].used ? who->rows[f->principal].name : "-";

    SP_LOG(level, "broker", event, SP_LOG_S("principal", name), SP_LOG_U("conn", f->conn), SP_LOG_S("why", f->why));
}

static void perform_one(struct broker_shell *s, const struct broker_event *cause, const struct broker_effect *f)
{
    switch (f->kind) {
    case BROKER_FX_FORWARD:
        note_failure(s, forward(s, f), f->frame, f->conn);
        break;
    case BROKER_FX_REPLY:
        note_failure(s, broker_shell_send(s, f->conn, f->type, f->dest, f->body), BROKER_NOBODY, f->conn);
        break;
    case BROKER_FX_RELEASE:
        release(s, f->frame);
        break;
    case BROKER_FX_PROBE:
        on_probe(s, cause, f);
        break;
    case BROKER_FX_ADMIN:
        on_admin(s, f);
        break;
    case BROKER_FX_ACT_STORED:
        broker_acts_on_stored(s, f->body);
        break;
    case BROKER_FX_PRINCIPALS:
        on_principals(s, f);
        break;
    case BROKER_FX_STATS:
        broker_admin_keep(&s->admin, f->principal, f->body, sp_loop_now(s->loop)->mono.us);
        break;
    case BROKER_FX_NOTE:
        log_peer(s, SP_LOG_INFO, "peer", f);
        break;
    case BROKER_FX_ALARM:
        log_peer(s, SP_LOG_WARNING, "alarm", f);
        break;
    default:
        SP_UNREACHABLE();
    }
}

static void perform(struct broker_shell *s, const struct broker_event *cause, const struct broker_effects *fx)
{
    uint32_t count = fx->count;

    for (uint32_t i = 0; i < count; i++) {
        struct broker_effect f = fx->list[i]; /* a probe steps again and writes over the list; it is the last of its step */

        SP_IMPLIES(f.kind == BROKER_FX_PROBE, i + 1 == count);
        perform_one(s, cause, &f);
    }
}

void broker_shell_perform(struct broker_shell *s, const struct broker_effects *fx)
{
    perform(s, NULL, fx);
}

/* ---- receiving ---- */

static void skip_parts(struct broker_shell *s)
{
    int more = 1;
    size_t n = sizeof more;
    char part[1];

    while (zmq_getsockopt(s->router, ZMQ_RCVMORE, &more, &n) == 0 && more &&
           zmq_recv(s->router, part, sizeof part, ZMQ_DONTWAIT) >= 0) {
    }
}

/* A routing id our own socket gave: zero and four bytes. Whoever names itself is not served (pitfall A7). */
static bool address_of(zmq_msg_t *id, uint32_t *conn)
{
    const uint8_t *p = zmq_msg_data(id);

    if (zmq_msg_size(id) != 5 || p[0] != 0)
        return false;
    memcpy(conn, p + 1, sizeof *conn);
    return *conn != BROKER_NOBODY;
}

/* True when something was there. */
static bool receive(struct broker_shell *s)
{
    struct broker_event ev = broker_shell_event(s, BROKER_EV_FRAME);
    zmq_msg_t id;
    bool good;

    zmq_msg_init(&id);
    if (zmq_msg_recv(&id, s->router, ZMQ_DONTWAIT) < 0) {
        bool again = zmq_errno() == EINTR;

        zmq_msg_close(&id);
        return again;
    }
    ev.frame = s->free_frames[--s->free_count];
    zmq_msg_t *frame = &s->frames[ev.frame];

    good =
        zmq_msg_more(&id) && address_of(&id, &ev.conn) && zmq_msg_recv(frame, s->router, ZMQ_DONTWAIT) >= 0 && !zmq_msg_more(frame);
    zmq_msg_close(&id);
    s->frames_in++;
    if (!good) {
        s->violations++;
        skip_parts(s);
        release(s, ev.frame);
        SP_LOG(SP_LOG_WARNING, "broker", "violation", SP_LOG_S("why", "not one payload frame, or an address of its own choice"));
        return true;
    }
    ev.principal = principal_by_user_id(&s->core->who, zmq_msg_gets(frame, "User-Id"), &ev.pair);
    ev.p = zmq_msg_data(frame);
    ev.n = zmq_msg_size(frame);
    broker_shell_step(s, &ev);
    return true;
}

static bool readable(const struct broker_shell *s)
{
    int events = 0;
    size_t n = sizeof events;

    return zmq_getsockopt(s->router, ZMQ_EVENTS, &events, &n) == 0 && (events & ZMQ_POLLIN) != 0;
}

/* Drains, lets the core look at what changed, and says whether there is more; see the head of the file. With no free place for a
 * frame the socket is left alone: its peers feel it as back-pressure. */
bool broker_shell_hook(void *ctx, const struct sp_now *now)
{
    struct broker_shell *s = ctx;
    unsigned budget = DRAIN_MAX;

    while (budget > 0 && s->free_count > 0 && readable(s)) {
        while (budget > 0 && s->free_count > 0 && receive(s))
            budget--;
        struct broker_event drained = broker_shell_event(s, BROKER_EV_DRAINED);

        broker_shell_step(s, &drained);
    }
    if (s->core->who.changes != s->zap_changes)
        broker_shell_publish(s);
    if (s->free_count > 0 && readable(s))
        return true;
    /* Time comes after input: who spoke before we looked is not silent. */
    if (now->mono.us >= broker_core_deadline(s->core)) {
        struct broker_event ev = broker_shell_event(s, BROKER_EV_TICK);

        broker_shell_step(s, &ev);
    }
    return false;
}
