/* SPDX-License-Identifier: Apache-2.0 */
/* The broker's shell in the simulated fleet. */
#include "sim.h"

#include <stdlib.h>

static bool verify(void *ctx, const uint8_t key[32], const struct sp_envelope *e)
{
    const struct sim *s = ctx;
    return key[0] < SIM_PROCESSES && sim_seal_fits(s, e, key[0]);
}

void sim_broker_start(struct sim *s)
{
    struct broker_options o = {.name = s->process[SIM_BROKER].name,
                               .boot = s->process[SIM_BROKER].boot,
                               .seed = {1},
                               .peers_max = 32,
                               .principals_max = 32,
                               .frames = SP_COUNT(s->held),
                               .queue_bytes = 1u << 20,
                               .queue_jobs = 256,
                               .window_jobs = 32,
                               .heartbeat_ms = 1000,
                               .lost_ms = 4000,
                               .verify = {verify, s}};
    SIM_REQUIRE(s, broker_core_init(&s->broker, &o), "broker does not start");
    for (uint32_t i = 0; i < SIM_PROCESSES; i++) {
        uint8_t key[32] = {(uint8_t)i};
        uint8_t curve[32] = {(uint8_t)(i + 1), 9};
        struct rec_principal p = {.name = sp_str_of(s->process[i].name),
                                  .role = s->process[i].role,
                                  .curve = curve,
                                  .sign = key,
                                  .adapters = sp_str_of(s->process[i].role == SP_ROLE_WORKER ? "tpm" : ""),
                                  .nodes = sp_str_of("")};
        uint32_t index;
        SIM_REQUIRE(s, principal_put(&s->broker.who, &p, true, &index) == SP_OK && index == i, "principal %u", i);
    }
    sim_wake_at(s, SIM_BROKER, sim_clock(s, SIM_BROKER).mono.us);
}

static void let_go(struct sim *s, uint32_t handle)
{
    SIM_REQUIRE(s, handle < SP_COUNT(s->held) && s->held[handle].held, "broker releases a frame it does not hold");
    free(s->held[handle].p);
    s->held[handle].held = false;
}

/* SI-8: what the broker lets through is said by who it claims to be from. */
static void look_at_sender(struct sim *s, uint32_t handle)
{
    struct sp_envelope e;
    const char *owner = s->process[s->held[handle].from].name;
    SIM_REQUIRE(s, sp_envelope_decode(s->held[handle].p, s->held[handle].n, &e) == SP_OK,
                "SI-8: the broker forwards what does not decode");
    SIM_REQUIRE(s, sp_str_is(e.sender, owner), "SI-8: the broker forwards %s of %s in another's name", msg_name(e.type), owner);
}

static void reply(struct sim *s, const struct broker_effect *fx)
{
    uint8_t frame[SP_ENVELOPE_BUFFER(4096)];
    struct sp_packer w;
    struct sp_frame out;
    struct sp_envelope head = {.type = fx->type,
                               .sender = sp_str_of(s->process[SIM_BROKER].name),
                               .dest = fx->dest,
                               .sequence = sim_sequence(s, SIM_BROKER)};
    sp_envelope_begin(&w, frame, sizeof frame);
    if (sp_packer_raw(&w, (const uint8_t *)fx->body.p, fx->body.n) == SP_OK && sp_envelope_finish(&w, &head, 0, &out) == SP_OK)
        sim_forward(s, fx->conn, out.p, out.n);
}

static struct broker_event event_of(struct sim *s, enum broker_event_kind kind)
{
    struct sp_now now = sim_clock(s, SIM_BROKER);
    return (struct broker_event){
        .kind = kind, .now_us = now.mono.us, .wall_s = now.wall.ms / 1000, .frame = BROKER_NOBODY, .principal = PRINCIPAL_NONE};
}

/* One step and all that follows from it. Forwards to connections that are gone come back as LOST, as a mandatory ROUTER tells. */
static void step(struct sim *s, const struct broker_event *first)
{
    struct broker_event queue[BROKER_EFFECTS_MAX + 2];
    uint32_t count = 0, rounds = 0;
    queue[count++] = *first;
    while (count > 0) {
        struct broker_event ev = queue[--count];
        SIM_REQUIRE(s, ++rounds < 10000, "broker does not come to an end");
        broker_core_step(&s->broker, &ev, &s->broker_fx);
        if (s->broker.more && count < SP_COUNT(queue))
            queue[count++] = event_of(s, BROKER_EV_MORE);
        for (uint32_t i = 0; i < s->broker_fx.count; i++) {
            struct broker_effect *fx = &s->broker_fx.list[i];
            bool there = fx->conn != 0 && sim_process_at(s, fx->conn) != SIM_PROCESSES;
            switch (fx->kind) {
            case BROKER_FX_FORWARD:
                if (!there && count < SP_COUNT(queue)) {
                    queue[count] = event_of(s, BROKER_EV_LOST);
                    queue[count].frame = fx->frame;
                    queue[count++].conn = fx->conn;
                    break;
                }
                look_at_sender(s, fx->frame);
                sim_forward(s, fx->conn, s->held[fx->frame].p, s->held[fx->frame].n);
                if (fx->last)
                    let_go(s, fx->frame);
                break;
            case BROKER_FX_REPLY:
                reply(s, fx);
                break;
            case BROKER_FX_RELEASE:
                let_go(s, fx->frame);
                break;
            case BROKER_FX_PROBE: /* is the other connection of this principal still there? */
                SIM_REQUIRE(s, count + 2 <= SP_COUNT(queue), "SI-11: the broker asks too much at once");
                queue[count] = ev;
                queue[count++].kind = BROKER_EV_RIVAL;
                if (!there) {
                    queue[count] = event_of(s, BROKER_EV_LOST);
                    queue[count++].conn = fx->conn;
                }
                break;
            case BROKER_FX_ADMIN:
            case BROKER_FX_ACT_STORED:
            case BROKER_FX_PRINCIPALS:
            case BROKER_FX_STATS:
            case BROKER_FX_NOTE:
            case BROKER_FX_ALARM:
                break;
            }
        }
    }
    uint64_t at = broker_core_deadline(&s->broker);
    if (at != UINT64_MAX)
        sim_wake_at(s, SIM_BROKER, at);
}

void sim_broker_frame(struct sim *s, uint32_t conn, uint32_t from, const uint8_t *p, size_t n)
{
    uint32_t handle = 0;
    while (handle < SP_COUNT(s->held) && s->held[handle].held)
        handle++;
    if (handle == SP_COUNT(s->held))
        return; /* all frames held: the socket is not read */
    s->held[handle].p = malloc(n);
    SIM_REQUIRE(s, s->held[handle].p != NULL, "no memory");
    memcpy(s->held[handle].p, p, n);
    s->held[handle].n = n;
    s->held[handle].held = true;
    s->held[handle].from = from;
    struct broker_event ev = event_of(s, BROKER_EV_FRAME);
    ev.frame = handle;
    ev.conn = conn;
    ev.principal = from;
    ev.p = s->held[handle].p;
    ev.n = n;
    step(s, &ev);
    ev = event_of(s, BROKER_EV_DRAINED);
    step(s, &ev);
}

/* Every frame the shell keeps is in a queue of the core: none is forgotten, none is let go twice. */
void sim_broker_check(const struct sim *s)
{
    uint32_t held = 0;
    for (uint32_t i = 0; i < SP_COUNT(s->held); i++)
        held += s->held[i].held;
    SIM_REQUIRE(s, held == s->broker.pool.count, "SI-11: the broker keeps %u frames and knows of %u", held, s->broker.pool.count);
}

void sim_broker_wake(struct sim *s)
{
    struct broker_event ev = event_of(s, BROKER_EV_TICK);
    step(s, &ev);
}
