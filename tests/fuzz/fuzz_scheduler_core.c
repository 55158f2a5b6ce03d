/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes become events of the scheduler's core: messages with arbitrary bodies, time, links, run-now. The tables must always agree. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "scheduler_world.h"

#define STEPS_MAX 300u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t take(const uint8_t **p, const uint8_t *end, unsigned bytes)
{
    uint64_t v = 0;
    for (; bytes > 0 && *p < end; bytes--)
        v = v << 8 | *(*p)++;
    return v;
}

/* A body of the given type: raw bytes of the input, so that decoders see anything. */
static void raw_message(struct scheduler_world *w, uint16_t type, const uint8_t **p, const uint8_t *end)
{
    struct scheduler_core_event e = {.kind = SCHEDULER_EV_MESSAGE};
    size_t n = (size_t)take(p, end, 1), left = (size_t)(end - *p);
    uint8_t body[256];
    n = n < left ? n : left;
    memcpy(body, *p, n);
    *p += n;
    e.u.message.type = type;
    e.u.message.role = (uint8_t)__builtin_ctz(msg_find(type)->from); /* a role that may send it */
    e.u.message.broker = 0;
    e.u.message.from = "fuzz";
    e.u.message.body = body;
    e.u.message.bytes = n;
    (void)scheduler_world_step(w, &e);
}

static void act(struct scheduler_world *w, const uint8_t **p, const uint8_t *end)
{
    static const uint16_t types[] = {SP_MSG_LEASE_CLOSED, SP_MSG_JOB_RETURN,   SP_MSG_ROUTE_CREDIT, SP_MSG_DEFINITION_GET,
                                     SP_MSG_NODE_SET,     SP_MSG_SYNC_REQUEST, SP_MSG_EPOCH_GRANT,  SP_MSG_KEEPER_CLOCK};
    unsigned what = (unsigned)take(p, end, 1);
    struct scheduler_world_job job = {0};
    switch (what % 12) {
    case 0:
        scheduler_world_freeze(w, take(p, end, 4));
        scheduler_world_tick(w);
        break;
    case 1:
        (void)scheduler_world_clock(w, (what & 0x80) == 0);
        break;
    case 2:
        (void)scheduler_world_credit(w, "noop", take(p, end, 2));
        break;
    case 3:
        (void)scheduler_world_nodes(w, take(p, end, 1), (what & 0x80) != 0 ? take(p, end, 1) : 0, (uint32_t)take(p, end, 1) % 50,
                                    1 + (uint32_t)take(p, end, 1) % 20);
        break;
    case 4:
        (void)scheduler_world_grant(w, take(p, end, 3), (what & 0x80) != 0 ? 11 : 12);
        break;
    case 5:
        if (w->job_count > 0)
            job = w->jobs[w->job_count - 1 - take(p, end, 1) % w->job_count];
        (void)scheduler_world_close(w, &job, (uint8_t)take(p, end, 1), (uint16_t)take(p, end, 1), "x");
        break;
    case 6:
        (void)scheduler_world_run_now(w, (what & 0x80) != 0 ? "c1" : "d1", "n3", (what & 0x40) != 0);
        break;
    case 7:
        scheduler_world_link(w, (what & 0x80) != 0, 1 + take(p, end, 1) % 3);
        break;
    default:
        raw_message(w, types[what / 12 % SP_COUNT(types)], p, end);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *p = data, *end = data + size;
    struct scheduler_world *w = scheduler_world_new(500);
    struct check_def draft = scheduler_world_def("d1", "", "");
    struct profile_def capped = {
        .name = "p", .period_ms = 1000, .jitter_percent = 10, .max_running = 4, .max_per_node = 1, .priority = 3};
    draft.stage = SP_STAGE_DRAFT;
    (void)scheduler_world_profile_put(w, &capped);
    (void)scheduler_world_check(w, "c1", "p", "");
    (void)scheduler_world_check(w, "c2", "", "rack=r1");
    (void)scheduler_world_check_put(w, &draft);
    scheduler_world_start(w);
    (void)scheduler_world_nodes(w, 1, 0, 0, 10);
    for (unsigned i = 0; p < end && i < STEPS_MAX && w->job_count < SCHEDULER_WORLD_JOBS_MAX / 2; i++) {
        act(w, &p, end);
        w->sent_count = 0;
    }
    if (!scheduler_core_check(&w->core))
        abort();
    scheduler_world_destroy(&w);
    return 0;
}
