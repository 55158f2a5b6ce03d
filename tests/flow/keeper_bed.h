/* SPDX-License-Identifier: Apache-2.0 */
/* A keeper's core on a bench: virtual time, a store that is a counter, a scheduler and a worker that are functions. For flow and unit tests. */
#ifndef KEEPER_BED_H
#define KEEPER_BED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keeper_core.h"

#define BED_CLOCK_BOOT 77u
#define BED_SENT_MAX   4096u

struct bed_sent {
    uint16_t type;
    char dest[KEEPER_PEER_BYTES];
    uint8_t *body;
    uint32_t bytes;
};

struct bed {
    struct keeper_core *core;
    struct keeper_effects fx;
    struct sp_now now;
    struct keeper_health health;
    struct bed_sent sent[BED_SENT_MAX];
    uint32_t sent_count;
    uint32_t audits, audits_durable, histories, journals, epochs, workers, tables;
    bool dirty;
    bool store_fails;
    struct keeper_audit last_audit;
    struct keeper_audit rebooted;  /* the latest that is about a start of a node */
    struct keeper_journal journal; /* the latest row */
    uint8_t journal_body[4096];
    uint64_t job;
    uint64_t scheduler; /* start of the one in charge */
    uint64_t epoch;
    uint8_t hold[1 << 20];
    uint32_t held;
    /* the ticket about to be made; tests change it */
    struct sp_ticket ticket;
};

static inline void bed_mac(void *ctx, const uint8_t *p, size_t n, uint8_t out[32])
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

static inline void bed_forget(struct bed *b)
{
    for (uint32_t i = 0; i < b->sent_count; i++) {
        free(b->sent[i].body);
    }
    b->sent_count = 0;
}

static inline void bed_perform(struct bed *b)
{
    for (uint32_t i = 0; i < b->fx.count; i++) {
        const struct keeper_effect *e = &b->fx.list[i];
        if (e->kind == KEEPER_SEND) {
            assert_true(b->sent_count < BED_SENT_MAX);
            struct bed_sent *s = &b->sent[b->sent_count++];
            s->type = e->u.send.type;
            memcpy(s->dest, e->u.send.dest, sizeof s->dest);
            s->bytes = e->u.send.bytes;
            s->body = malloc(s->bytes + 1);
            memcpy(s->body, b->fx.body + e->u.send.at, s->bytes);
            continue;
        }
        assert_true(b->health.store_good); /* nothing is stored while the store is known to be bad */
        b->dirty = true;
        if (e->kind == KEEPER_JOURNAL) {
            b->journals++;
            b->journal = e->u.journal;
            assert_true(e->u.journal.bytes <= sizeof b->journal_body);
            memcpy(b->journal_body, e->u.journal.body, e->u.journal.bytes);
            b->journal.body = b->journal_body;
        }
        b->histories += e->kind == KEEPER_HISTORY;
        b->epochs += e->kind == KEEPER_EPOCH;
        b->workers += e->kind == KEEPER_WORKER;
        b->tables += e->kind == KEEPER_CHECKS;
        if (e->kind == KEEPER_AUDIT) {
            b->audits++;
            b->last_audit = e->u.audit;
            b->rebooted = strcmp(e->u.audit.what, "node.rebooted") == 0 ? e->u.audit : b->rebooted;
        }
    }
    keeper_effects_reset(&b->fx);
}

static inline void bed_step(struct bed *b, struct keeper_event *ev)
{
    ev->now = b->now;
    ev->health = b->health;
    keeper_core_step(b->core, ev, &b->fx);
    assert_true(keeper_core_check(b->core, sp_mono_ms(b->now.mono)));
    bed_perform(b);
}

/* One commit, or its failure. */
static inline void bed_commit_once(struct bed *b)
{
    struct keeper_event ev = {.kind = KEEPER_EV_COMMITTED};
    if (b->store_fails) {
        ev.kind = KEEPER_EV_STORE_FAILED;
        b->health.store_good = false;
    } else {
        b->audits_durable = b->audits;
    }
    b->dirty = false;
    bed_step(b, &ev);
    b->held = 0;
}

/* Commits until nothing waits. */
static inline void bed_commit(struct bed *b)
{
    bed_commit_once(b);
    for (unsigned i = 0; b->dirty && i < 16; i++) {
        bed_commit_once(b);
    }
}

static inline void bed_tick(struct bed *b, uint64_t ms)
{
    struct keeper_event ev = {.kind = KEEPER_EV_TICK};
    b->now.mono.us += ms * 1000;
    b->now.wall.ms += ms;
    bed_step(b, &ev);
    if (b->dirty) {
        bed_commit(b);
    }
}

static inline void bed_message(struct bed *b, uint16_t type, uint8_t role, const char *from, const struct sp_packer *w)
{
    struct keeper_event ev = {.kind = KEEPER_EV_MESSAGE};
    uint32_t n = (uint32_t)sp_packer_bytes(w);
    assert_true(b->held + n <= sizeof b->hold);
    memcpy(b->hold + b->held, w->start, n);
    ev.u.message = (struct keeper_message){.type = type,
                                           .role = role,
                                           .from = sp_str_of(from),
                                           .adapters = sp_str_of(strcmp(from, "narrow") == 0 ? "http,oat" : "*"),
                                           .nodes = sp_str_of(strcmp(from, "zoned") == 0 ? "zone=b" : ""),
                                           .body = b->hold + b->held,
                                           .bytes = n};
    b->held += n;
    bed_step(b, &ev);
}

static inline void bed_check(struct bed *b, uint32_t id, uint8_t stage, uint8_t digest0, bool with_others)
{
    static struct rec_check_info all[16];
    static uint8_t digests[16][32];
    static char names[16][8];
    uint8_t body[16384];
    struct sp_packer w;
    static uint64_t version;
    (void)snprintf(names[id], sizeof names[id], "c%u", id);
    memset(digests[id], digest0, 32);
    all[id] = (struct rec_check_info){.id = id,
                                      .name = sp_str_of(names[id]),
                                      .revision = 1,
                                      .digest = digests[id],
                                      .stage = stage,
                                      .enabled = true,
                                      .adapter = sp_str_of("exec"),
                                      .rise = 1,
                                      .fall = 1,
                                      .max_age_ms = 1000,
                                      .period_ms = 100};
    struct msg_check_set set = {.boot = b->scheduler, .version = ++version, .last = true};
    sp_packer_init(&w, body, sizeof body);
    assert_int_equal(msg_check_set_begin(&w, &set), SP_OK);
    for (uint32_t i = with_others ? 1 : id; i <= id; i++) {
        assert_int_equal(rec_check_info_put(&w, &all[i]), SP_OK);
    }
    assert_int_equal(msg_check_set_end(&w), SP_OK);
    bed_message(b, SP_MSG_CHECK_SET, SP_ROLE_SCHEDULER, "scheduler", &w);
    bed_commit(b);
}

static inline void bed_node(struct bed *b, const char *name, uint8_t key0)
{
    struct keeper_event ev = {.kind = KEEPER_EV_NODE_PUT};
    ev.u.node = (struct node_def){.name = sp_str_of(name), .labels = sp_str_of("zone=a"), .key = {key0}};
    bed_step(b, &ev);
    bed_commit(b);
}

static inline void bed_node_state(struct bed *b, uint32_t id, uint8_t state)
{
    struct keeper_event ev = {.kind = KEEPER_EV_NODE_STATE};
    ev.u.state.id = id;
    ev.u.state.state = state;
    bed_step(b, &ev);
    bed_commit(b);
}

static inline void bed_pool(struct bed *b, const char *name, uint64_t hold_down_ms)
{
    struct pool_policy pool;
    struct keeper_event ev = {.kind = KEEPER_EV_POOL_PUT, .u.pool = &pool};
    pool_policy_init(&pool, sp_str_of(name));
    pool.hold_down_ms = hold_down_ms;
    assert_int_equal(pool_policy_add(&pool, sp_str_of("c1"), POOL_MANDATORY, 0), SP_OK);
    bed_step(b, &ev);
    bed_commit(b);
}

static inline void bed_epoch(struct bed *b, uint64_t epoch, uint64_t boot)
{
    uint8_t body[64];
    struct sp_packer w;
    struct msg_epoch_claim claim = {.epoch = epoch, .boot = boot};
    sp_packer_init(&w, body, sizeof body);
    assert_int_equal(msg_epoch_claim_encode(&w, &claim), SP_OK);
    b->scheduler = boot;
    bed_message(b, SP_MSG_EPOCH_CLAIM, SP_ROLE_SCHEDULER, "scheduler", &w);
    bed_commit(b);
}

/* more: limits and intervals; the rest of it is filled in here. */
static inline void bed_init_with(struct bed *b, struct keeper_options more)
{
    memset(b, 0, sizeof *b);
    b->now.mono.us = 1000000000;
    b->now.wall.ms = 1767225600000;
    b->health = (struct keeper_health){true, true};
    b->epoch = 3;
    more.boot = 11;
    more.clock_boot = BED_CLOCK_BOOT;
    more.ticket_mac = (struct sp_mac){bed_mac, NULL};
    more.hash_key[0] = 1;
    more.text_bytes_max = 1 << 20;
    more.clock_ms = more.clock_ms != 0 ? more.clock_ms : 1000;
    more.clock_idle_ms = more.clock_idle_ms != 0 ? more.clock_idle_ms : 5000;
    assert_int_equal(keeper_core_init(&more, b->now, &b->core), SP_OK);
    assert_true(keeper_effects_init(&b->fx));
    bed_epoch(b, b->epoch, 9);
    bed_node(b, "n1", 1);
    bed_check(b, 1, SP_STAGE_ENFORCING, 0xaa, true);
    bed_pool(b, "trusted", 0);
}

static inline void bed_init(struct bed *b)
{
    bed_init_with(b, (struct keeper_options){.boot = 0});
}

static inline void bed_fini(struct bed *b)
{
    bed_forget(b);
    keeper_core_fini(&b->core);
    keeper_effects_fini(&b->fx);
}

#include "keeper_bed_acts.h"

#endif
