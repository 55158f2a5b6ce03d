/* SPDX-License-Identifier: Apache-2.0 */
#include "broker_world.h"

#include <stdio.h>
#include <string.h>

#include "sp_assert.h"
#include "sp_ticket.h"

static void perform(struct broker_world *w, const struct broker_event *cause);
static void step(struct broker_world *w, const struct broker_event *ev);

static bool verify(void *ctx, const uint8_t key[32], const struct sp_envelope *e)
{
    const struct broker_world *w = ctx;

    (void)e;
    return w->signatures_good && (w->signer == NULL || memcmp(key, w->signer, 32) == 0);
}

void broker_world_init(struct broker_world *w)
{
    struct broker_options o = {
        .name = "b0",
        .boot = 77,
        .seed = {1, 2, 3},
        .peers_max = BROKER_WORLD_CONNS,
        .principals_max = 64,
        .frames = BROKER_WORLD_FRAMES,
        .queue_bytes = 6 * BROKER_WORLD_BYTES,
        .queue_jobs = 200,
        .window_jobs = 500,
        .heartbeat_ms = 1000,
        .lost_ms = 3000,
    };

    memset(w, 0, sizeof *w);
    o.verify = (struct broker_verify){verify, w};
    SP_ASSERT(broker_core_init(&w->core, &o));
    w->now_us = 1000000;
    w->wall_s = 1000;
    w->signatures_good = true;
    (void)broker_world_principal(w, "b0", SP_ROLE_BROKER, NULL);
}

void broker_world_fini(struct broker_world *w)
{
    broker_core_fini(&w->core);
}

uint32_t broker_world_principal(struct broker_world *w, const char *name, uint8_t role, const char *adapters)
{
    uint8_t curve[32] = {0}, sign[32] = {0};
    struct rec_principal row = {
        .name = sp_str_of(name), .role = role, .curve = curve, .sign = sign, .adapters = sp_str_of(adapters)};

    if (role == SP_ROLE_ATTESTER) {
        row.nodes = row.adapters;
        row.adapters = sp_str_of("");
    }
    uint32_t index;

    memcpy(curve, name, strlen(name) < 32 ? strlen(name) : 32);
    SP_ASSERT(principal_put(&w->core.who, &row, true, &index) == SP_OK);
    return index;
}

static void note(struct broker_world *w, uint32_t conn, uint16_t type, const uint8_t *body, size_t n)
{
    struct broker_world_conn *c = &w->conns[conn];
    struct msg_job_batch jobs;
    int bytes = snprintf(w->log + w->log_bytes, BROKER_WORLD_LOG - w->log_bytes, "%s>%u ", msg_name(type), conn);

    if (bytes > 0 && (size_t)bytes < BROKER_WORLD_LOG - w->log_bytes)
        w->log_bytes += (size_t)bytes;
    c->got[type]++;
    c->last_type = type;
    c->last_bytes = n < BROKER_WORLD_BYTES ? n : BROKER_WORLD_BYTES;
    memcpy(c->last, body, c->last_bytes);
    if (type == SP_MSG_JOB_BATCH && msg_job_batch_decode(body, n, &jobs) == SP_OK)
        c->jobs += jobs.jobs.count;
}

static void release(struct broker_world *w, uint32_t frame)
{
    SP_ASSERT(frame < BROKER_WORLD_FRAMES && w->held[frame]);
    w->held[frame] = false;
    w->held_count--;
}

static bool delivered(struct broker_world *w, uint32_t frame, uint32_t conn)
{
    SP_ASSERT(conn < BROKER_WORLD_CONNS);
    if (w->conns[conn].state == BROKER_WORLD_OPEN)
        return true;
    SP_ASSERT(w->failures < SP_COUNT(w->failed));
    w->failed[w->failures].frame = frame;
    w->failed[w->failures].conn = conn;
    w->failed[w->failures++].lost = w->conns[conn].state == BROKER_WORLD_GONE;
    return false;
}

static void forward(struct broker_world *w, const struct broker_effect *f)
{
    struct sp_envelope e;

    SP_ASSERT(w->held[f->frame]);
    if (!delivered(w, f->frame, f->conn))
        return;
    SP_ASSERT(sp_envelope_decode(w->frames[f->frame], w->sizes[f->frame], &e) == SP_OK);
    note(w, f->conn, e.type, (const uint8_t *)e.body.p, e.body.n);
    if (f->last)
        release(w, f->frame);
}

static void probe(struct broker_world *w, const struct broker_event *cause, const struct broker_effect *f)
{
    struct broker_event again = *cause, lost = {.kind = BROKER_EV_LOST, .frame = BROKER_NOBODY, .conn = f->conn};

    if (w->conns[f->conn].state == BROKER_WORLD_GONE) {
        lost.now_us = w->now_us;
        lost.wall_s = w->wall_s;
        step(w, &lost);
    } else {
        again.kind = BROKER_EV_RIVAL;
    }
    step(w, &again);
}

static void perform_one(struct broker_world *w, const struct broker_event *cause, const struct broker_effect *f)
{
    switch (f->kind) {
    case BROKER_FX_FORWARD:
        forward(w, f);
        break;
    case BROKER_FX_REPLY:
        if (delivered(w, BROKER_NOBODY, f->conn))
            note(w, f->conn, f->type, (const uint8_t *)f->body.p, f->body.n);
        break;
    case BROKER_FX_RELEASE:
        release(w, f->frame);
        break;
    case BROKER_FX_PROBE:
        probe(w, cause, f);
        break;
    case BROKER_FX_ADMIN:
        w->admin++;
        break;
    case BROKER_FX_PRINCIPALS:
        w->principals++;
        break;
    case BROKER_FX_STATS:
        w->stats++;
        break;
    case BROKER_FX_ALARM:
        w->alarms++;
        break;
    default:
        SP_ASSERT(f->kind == BROKER_FX_NOTE);
        break;
    }
}

static void perform(struct broker_world *w, const struct broker_event *cause)
{
    uint32_t count = w->fx.count;

    SP_ASSERT(count <= BROKER_EFFECTS_MAX);
    for (uint32_t i = 0; i < count; i++) {
        struct broker_effect f = w->fx.list[i];

        perform_one(w, cause, &f);
    }
}

static void one(struct broker_world *w, const struct broker_event *ev)
{
    broker_core_step(&w->core, ev, &w->fx);
    broker_core_check(&w->core);
    perform(w, ev);
}

static void step(struct broker_world *w, const struct broker_event *ev)
{
    unsigned turns = 0;

    one(w, ev);
    while (w->failures > 0 || w->core.more) {
        struct broker_event next = {.kind = BROKER_EV_MORE,
                                    .now_us = w->now_us,
                                    .wall_s = w->wall_s,
                                    .frame = BROKER_NOBODY,
                                    .conn = BROKER_NOBODY,
                                    .principal = PRINCIPAL_NONE};

        SP_ASSERT(++turns < 10000);
        if (w->failures > 0) {
            w->failures--;
            next.kind = w->failed[w->failures].lost ? BROKER_EV_LOST : BROKER_EV_UNSENT;
            next.frame = w->failed[w->failures].frame;
            next.conn = w->failed[w->failures].conn;
        }
        one(w, &next);
    }
}

static void whole_step(struct broker_world *w, const struct broker_event *ev)
{
    step(w, ev);
    /* Every frame is either held in a queue of the core or released: none is forgotten, none is let go twice. */
    SP_ASSERT(w->held_count == w->core.pool.count);
}

static struct broker_event event_of(const struct broker_world *w, enum broker_event_kind kind)
{
    return (struct broker_event){.kind = kind,
                                 .now_us = w->now_us,
                                 .wall_s = w->wall_s,
                                 .frame = BROKER_NOBODY,
                                 .conn = BROKER_NOBODY,
                                 .principal = PRINCIPAL_NONE,
                                 .pair = w->pair};
}

void broker_world_raw(struct broker_world *w, uint32_t conn, uint32_t principal, const void *p, size_t n)
{
    struct broker_event ev = event_of(w, BROKER_EV_FRAME);
    uint32_t frame = 0;

    SP_ASSERT(n <= BROKER_WORLD_BYTES && conn < BROKER_WORLD_CONNS);
    while (frame < BROKER_WORLD_FRAMES && w->held[frame])
        frame++;
    if (frame == BROKER_WORLD_FRAMES)
        return; /* the shell would leave it unread */
    memcpy(w->frames[frame], p, n);
    w->sizes[frame] = n;
    w->held[frame] = true;
    w->held_count++;
    ev.frame = frame;
    ev.conn = conn;
    ev.principal = principal;
    ev.p = w->frames[frame];
    ev.n = n;
    whole_step(w, &ev);
}

void broker_world_send(struct broker_world *w, uint32_t conn, uint32_t principal, uint16_t type, const char *dest,
                       const struct sp_packer *body, const char *sender)
{
    static uint8_t buf[SP_ENVELOPE_BUFFER(BROKER_WORLD_BYTES)];
    const struct msg_info *info = msg_find(type);
    struct sp_envelope head = {.type = type, .dest = sp_str_of(dest), .sequence = ++w->sequence};
    struct sp_packer p;
    struct sp_frame frame;

    head.sender = sp_str_of(sender != NULL ? sender : w->core.who.rows[principal].name);
    sp_envelope_begin(&p, buf, sizeof buf);
    if (body != NULL)
        SP_ASSERT(sp_packer_raw(&p, body->start, sp_packer_bytes(body)) == SP_OK);
    SP_ASSERT(sp_envelope_finish(&p, &head, info != NULL ? info->auth_bytes : 0, &frame) == SP_OK);
    broker_world_raw(w, conn, principal, frame.p, frame.n);
}

void broker_world_body(struct sp_packer *p, uint8_t *buf, size_t n)
{
    sp_packer_init(p, buf, n);
}

void broker_world_hello(struct broker_world *w, uint32_t conn, uint32_t principal, uint64_t boot, const char *adapters,
                        const char *labels)
{
    uint8_t buf[MSG_HELLO_BYTES_MAX];
    struct msg_hello m = {.boot = boot, .adapters = sp_str_of(adapters), .labels = sp_str_of(labels), .slots = 10, .topics = 6};
    struct sp_packer p;

    broker_world_body(&p, buf, sizeof buf);
    SP_ASSERT(msg_hello_encode(&p, &m) == SP_OK);
    broker_world_send(w, conn, principal, SP_MSG_HELLO, NULL, &p, NULL);
}

void broker_world_bye(struct broker_world *w, uint32_t conn, uint32_t principal)
{
    uint8_t buf[MSG_BYE_BYTES_MAX];
    struct msg_bye m = {.boot = 1};
    struct sp_packer p;

    broker_world_body(&p, buf, sizeof buf);
    SP_ASSERT(msg_bye_encode(&p, &m) == SP_OK);
    broker_world_send(w, conn, principal, SP_MSG_BYE, NULL, &p, NULL);
}

void broker_world_credit(struct broker_world *w, uint32_t conn, uint32_t principal, uint64_t granted)
{
    uint8_t buf[MSG_CREDIT_BYTES_MAX];
    struct msg_credit m = {.granted = granted};
    struct sp_packer p;

    broker_world_body(&p, buf, sizeof buf);
    SP_ASSERT(msg_credit_encode(&p, &m) == SP_OK);
    broker_world_send(w, conn, principal, SP_MSG_CREDIT, NULL, &p, NULL);
}

void broker_world_route(struct broker_world *w, uint32_t conn, uint32_t principal, const char *adapter, const char *labels)
{
    uint8_t buf[MSG_ROUTE_OPEN_BYTES_MAX];
    struct msg_route_open m = {.route = {sp_str_of(adapter), sp_str_of(labels)}};
    struct sp_packer p;

    broker_world_body(&p, buf, sizeof buf);
    SP_ASSERT(msg_route_open_encode(&p, &m) == SP_OK);
    broker_world_send(w, conn, principal, SP_MSG_ROUTE_OPEN, NULL, &p, NULL);
}

void broker_world_jobs(struct broker_world *w, uint32_t conn, uint32_t principal, const char *adapter, unsigned count,
                       uint32_t expires_ms)
{
    static uint8_t buf[BROKER_WORLD_BYTES];
    struct msg_job_batch m = {.route = {sp_str_of(adapter), {NULL, 0}}, .expires_ms = expires_ms};
    struct sp_packer p;

    broker_world_body(&p, buf, sizeof buf);
    SP_ASSERT(msg_job_batch_begin(&p, &m) == SP_OK);
    for (unsigned i = 0; i < count; i++) {
        uint8_t ticket[SP_TICKET_BYTES] = {SP_TICKET_FORMAT, 1};
        struct rec_job job = {.ticket = ticket, .node = sp_str_of("n")};

        ticket[16] = (uint8_t)i;
        ticket[24] = (uint8_t)(i + 1);
        if (rec_job_put(&p, &job) != SP_OK)
            break;
    }
    SP_ASSERT(msg_job_batch_end(&p) == SP_OK);
    broker_world_send(w, conn, principal, SP_MSG_JOB_BATCH, NULL, &p, NULL);
}

void broker_world_drained(struct broker_world *w)
{
    struct broker_event ev = event_of(w, BROKER_EV_DRAINED);

    whole_step(w, &ev);
}

void broker_world_pass(struct broker_world *w, uint64_t ms)
{
    uint64_t end = w->now_us + ms * 1000u;

    for (;;) {
        uint64_t due = broker_core_deadline(&w->core);
        struct broker_event ev;

        if (due > end)
            break;
        w->now_us = due > w->now_us ? due : w->now_us;
        ev = event_of(w, BROKER_EV_TICK);
        whole_step(w, &ev);
        SP_ASSERT(broker_core_deadline(&w->core) > w->now_us); /* a tick deals with what was due */
    }
    w->wall_s += ms / 1000u;
    w->now_us = end;
}
