/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes become messages, time, commits, failed commits and operators' acts for the keeper's core; every invariant holds after each step, and
 * nobody is a member without a pass that the harness itself sealed. */
#include <stdlib.h>
#include <string.h>

#include "keeper_core.h"

#define FUZZ_STEPS_MAX 400

struct fuzz {
    struct keeper_core *core;
    struct keeper_effects fx;
    struct sp_now now;
    struct keeper_health health;
    uint8_t hold[1 << 16];
    uint32_t held;
    uint64_t job;
    uint64_t last_pass_ms; /* newest pass for node 1 that was ever sealed */
};

static void fuzz_mac(void *ctx, const uint8_t *p, size_t n, uint8_t out[32])
{
    uint64_t h = 1469598103934665603ull;
    (void)ctx;
    for (size_t i = 0; i < n; i++) {
        h = (h ^ p[i]) * 1099511628211ull;
    }
    for (unsigned i = 0; i < 32; i++) {
        out[i] = (uint8_t)(h >> i % 8 * 8);
    }
}

static void fuzz_step(struct fuzz *f, struct keeper_event *ev)
{
    ev->now = f->now;
    ev->health = f->health;
    keeper_effects_reset(&f->fx);
    keeper_core_step(f->core, ev, &f->fx);
    SP_ASSERT(keeper_core_check(f->core, sp_mono_ms(f->now.mono)));
    for (uint32_t id = 1; id <= keeper_core_nodes(f->core)->count; id++) {
        for (uint32_t p = 0; p < keeper_core_pools(f->core); p++) {
            struct keeper_view v;
            if (keeper_core_pool(f->core, p) == NULL) {
                continue;
            }
            keeper_core_view(f->core, node_registry_at(keeper_core_nodes(f->core), id), p, sp_mono_ms(f->now.mono), &v);
            SP_ASSERT(!v.member || (f->last_pass_ms != 0 && sp_mono_ms(f->now.mono) < f->last_pass_ms + 1000));
        }
    }
}

static void fuzz_message(struct fuzz *f, uint16_t type, uint8_t role, const uint8_t *body, uint32_t bytes)
{
    struct keeper_event ev = {.kind = KEEPER_EV_MESSAGE};
    if (f->held + bytes > sizeof f->hold) {
        return;
    }
    if (bytes > 0) {
        memcpy(f->hold + f->held, body, bytes);
    }
    ev.u.message = (struct keeper_message){.type = type,
                                           .role = role,
                                           .from = sp_str_of("peer"),
                                           .adapters = sp_str_of("*"),
                                           .nodes = {NULL, 0},
                                           .body = f->hold + f->held,
                                           .bytes = bytes};
    f->held += bytes;
    fuzz_step(f, &ev);
}

/* A result whose ticket is sealed; the bytes choose outcome, age, generation and flags. */
static void fuzz_result(struct fuzz *f, const uint8_t *p)
{
    struct sp_ticket t = {.attempt = 1,
                          .check = 1u + p[0] % 2,
                          .node = 1,
                          .generation = 1u + p[1] / 64,
                          .job = 1ull << 40 | ++f->job,
                          .epoch = 1u + p[2] / 250,
                          .clock_boot = 7};
    uint8_t bytes[SP_TICKET_BYTES], body[1024];
    struct sp_mac mac = {fuzz_mac, NULL};
    struct sp_packer w;
    uint64_t now_ms = sp_mono_ms(f->now.mono);
    t.issued_ms = now_ms - p[3];
    t.life_ms = 200;
    t.flags = p[4] / 200;
    memset(t.digest, 0xaa, 32);
    if (p[5] / 220 != 0) {
        t.job -= p[5] % 4;
    }
    sp_ticket_seal(&t, &mac, bytes);
    struct rec_result r = {.ticket = bytes, .outcome = p[6] % 5, .instance = (uint64_t)(p[7] / 48) << 32};
    struct msg_result_batch m = {.boot = 1, .batch = f->job};
    sp_packer_init(&w, body, sizeof body);
    if (msg_result_batch_begin(&w, &m) == SP_OK && rec_result_put(&w, &r) == SP_OK && msg_result_batch_end(&w) == SP_OK) {
        if ((r.outcome == SP_OUTCOME_PASS || r.outcome == SP_OUTCOME_WARN) && t.issued_ms > f->last_pass_ms) {
            f->last_pass_ms = t.issued_ms;
        }
        fuzz_message(f, SP_MSG_RESULT_BATCH, SP_ROLE_WORKER, body, (uint32_t)sp_packer_bytes(&w));
    }
}

static void fuzz_checks(struct fuzz *f, uint8_t stage)
{
    uint8_t body[1024], digest[32];
    static uint64_t version;
    struct sp_packer w;
    memset(digest, 0xaa, 32);
    struct msg_check_set set = {.boot = 1, .version = ++version, .last = true};
    sp_packer_init(&w, body, sizeof body);
    enum sp_rc rc = msg_check_set_begin(&w, &set);
    for (uint32_t id = 1; id <= 2 && rc == SP_OK; id++) {
        struct rec_check_info c = {.id = id,
                                   .name = sp_str_of(id == 1 ? "a" : "b"),
                                   .digest = digest,
                                   .stage = stage % 4,
                                   .enabled = true,
                                   .adapter = sp_str_of(id == 1 ? "tpm" : "noop"),
                                   .rise = 1,
                                   .fall = 1,
                                   .max_age_ms = 1000,
                                   .period_ms = 100};
        rc = rec_check_info_put(&w, &c);
    }
    if (rc == SP_OK && msg_check_set_end(&w) == SP_OK) {
        fuzz_message(f, SP_MSG_CHECK_SET, SP_ROLE_SCHEDULER, body, (uint32_t)sp_packer_bytes(&w));
    }
}

static void fuzz_operator(struct fuzz *f, const uint8_t *p)
{
    struct keeper_event ev = {.kind = KEEPER_EV_NODE_STATE};
    struct pool_policy pool;
    switch (p[0] % 6) {
    case 0:
        ev.u.state.id = 1u + p[1] % 3;
        ev.u.state.state = p[2] % 5;
        break;
    case 1:
        ev.kind = KEEPER_EV_NODE_PUT;
        ev.u.node =
            (struct node_def){.name = sp_str_of(p[1] % 2 != 0 ? "n1" : "n2"), .key = {(uint8_t)(1 + p[2] % 3)}, .state = p[3] % 4};
        break;
    case 2:
        ev.kind = KEEPER_EV_POOL_PUT;
        pool_policy_init(&pool, sp_str_of(p[1] % 2 != 0 ? "x" : "y"));
        pool.accept_warn = p[2] % 2 != 0;
        pool.hold_down_ms = p[3];
        if (pool_policy_add(&pool, sp_str_of("a"), POOL_MANDATORY, 0) != SP_OK || pool_policy_fault(&pool) != NULL) {
            return;
        }
        ev.u.pool = &pool;
        break;
    case 3:
        ev.kind = KEEPER_EV_POOL_DELETE;
        ev.u.name = sp_str_of(p[1] % 2 != 0 ? "x" : "y");
        break;
    case 4:
        ev.kind = KEEPER_EV_NODE_IDENTITY;
        ev.u.id = 1u + p[1] % 3;
        break;
    default:
        ev.kind = KEEPER_EV_REVOKED;
        ev.u.name = sp_str_of("peer");
    }
    fuzz_step(f, &ev);
}

static void fuzz_one(struct fuzz *f, uint8_t kind, const uint8_t *p, uint32_t n)
{
    struct keeper_event ev = {.kind = KEEPER_EV_TICK};
    static const uint16_t types[] = {SP_MSG_RESULT_BATCH, SP_MSG_CHECK_SET, SP_MSG_SYNC_REQUEST,
                                     SP_MSG_EPOCH_CLAIM,  SP_MSG_SUBSCRIBE, SP_MSG_READER_PING};
    switch (kind % 8) {
    case 0:
        fuzz_message(f, types[p[0] % SP_COUNT(types)], p[1] % 9, p + 2, n - 2);
        break;
    case 1:
    case 2:
        fuzz_result(f, p);
        break;
    case 3:
        ev.kind = KEEPER_EV_COMMITTED;
        fuzz_step(f, &ev);
        f->held = 0;
        break;
    case 4:
        ev.kind = KEEPER_EV_STORE_FAILED;
        f->health.store_good = false;
        fuzz_step(f, &ev);
        f->held = 0;
        break;
    case 5:
        f->now.mono.us += (uint64_t)p[0] * p[1] * 100;
        f->now.wall.ms += p[0];
        f->health.store_good = f->health.store_good || p[2] % 2 != 0;
        f->health.clock_good = p[3] % 16 != 0;
        fuzz_step(f, &ev);
        break;
    case 6:
        fuzz_operator(f, p);
        break;
    default:
        fuzz_checks(f, p[0]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fuzz f;
    memset(&f, 0, sizeof f);
    f.now.mono.us = 10000000;
    f.now.wall.ms = 1767225600000;
    f.health = (struct keeper_health){true, true};
    struct keeper_options o = {.boot = 1,
                               .clock_boot = 7,
                               .ticket_mac = {fuzz_mac, NULL},
                               .hash_key = {1},
                               .text_bytes_max = 1 << 16,
                               .clock_ms = 1000,
                               .clock_idle_ms = 5000};
    if (keeper_core_init(&o, f.now, &f.core) != SP_OK || !keeper_effects_init(&f.fx)) {
        return 0;
    }
    keeper_core_restore_epoch(f.core, 1, 1);
    uint8_t first[] = {1, 1, 0, 0}, pool[] = {2, 1, 1, 0};
    fuzz_operator(&f, first);
    fuzz_checks(&f, SP_STAGE_ENFORCING);
    fuzz_operator(&f, pool);
    size_t at = 0;
    for (unsigned i = 0; i < FUZZ_STEPS_MAX && at + 10 <= size; i++) {
        uint32_t n = 8u + (data[at] % 8 == 0 ? data[at + 1] % 64u : 0u);
        n = at + 2 + n <= size ? n : 8;
        fuzz_one(&f, data[at], data + at + 2, n);
        at += 2 + n;
    }
    keeper_core_fini(&f.core);
    keeper_effects_fini(&f.fx);
    return 0;
}
