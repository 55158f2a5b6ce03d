/* SPDX-License-Identifier: Apache-2.0 */
/* What action_core sees: nodes of pools, what is wanted, and the brake that follows from it. */
#include <stdlib.h>
#include <string.h>

#include "action_parts.h"
#include "sp_assert.h"
#include "sp_hash.h"

#define SEEN_FIRST 64u

/* ---- the brake ---- */

enum action_hold action_core_brake(const struct action_core *c, struct sp_mono now)
{
    if (now.us < c->start_us + c->options.window_ms * SP_US_PER_MS)
        return ACTION_HOLD_START;
    if (c->doubt || now.us > c->scan_us + ACTION_FRESH_MS * SP_US_PER_MS)
        return ACTION_HOLD_DOUBT;
    for (uint32_t i = 0; i < c->pool_count; i++)
        if (c->pools[i].mass)
            return ACTION_HOLD_MASS;
    if (c->crowded)
        return ACTION_HOLD_MASS;
    return c->store_failed ? ACTION_HOLD_STORE : ACTION_FREE;
}

enum action_hold action_brake_disable(const struct action_core *c, struct sp_mono now)
{
    enum action_hold hold = action_core_brake(c, now);
    if (hold != ACTION_FREE)
        return hold;
    if (action_core_running(c) >= c->options.at_once)
        return ACTION_HOLD_AT_ONCE;
    bool soon = c->last_us != 0 && now.us < c->last_us + c->options.interval_ms * SP_US_PER_MS;
    return soon ? ACTION_HOLD_INTERVAL : ACTION_FREE;
}

uint32_t action_core_lost(const struct action_core *c)
{
    uint32_t lost = 0;
    for (uint32_t i = 0; i < c->pool_count; i++)
        lost += c->pools[i].lost;
    return lost;
}

bool action_wanted(const struct action_core *c, struct sp_mono now, const struct action_want *w)
{
    return w->fresh && now.us >= w->since_us + c->options.delay_ms * SP_US_PER_MS;
}

/* ---- nodes of pools ---- */

static uint32_t pool_of(struct action_core *c, const char *name)
{
    for (uint32_t i = 0; i < c->pool_count; i++)
        if (strcmp(c->pools[i].name, name) == 0)
            return i;
    if (c->pool_count == EXPOSURE_POOLS_MAX || !sp_str_copy(c->pools[c->pool_count].name, EXPOSURE_POOL_BYTES, sp_str_of(name)))
        return ACTION_NONE;
    return c->pool_count++;
}

static struct action_seen *seen_of(struct action_core *c, uint64_t key)
{
    uint32_t i = sp_map_get(&c->seen_index, key);
    if (i != SP_MAP_NONE)
        return &c->seen[i];
    if (c->seen_count == c->seen_size) {
        uint32_t size = c->seen_size == 0 ? SEEN_FIRST : c->seen_size * 2;
        struct action_seen *grown = size > ACTION_SEEN_MAX ? NULL : realloc(c->seen, size * sizeof *grown);
        if (grown == NULL)
            return NULL;
        c->seen = grown;
        c->seen_size = size;
    }
    if (!sp_map_put(&c->seen_index, key, c->seen_count))
        return NULL;
    c->seen[c->seen_count] = (struct action_seen){.key = key, .member = true};
    return &c->seen[c->seen_count++];
}

void action_core_begin(struct action_core *c)
{
    c->crowded = false;
    for (uint32_t i = 0; i < c->pool_count; i++)
        c->pools[i].nodes = c->pools[i].lost = 0;
    for (uint32_t i = 0; i < c->seen_count; i++)
        c->seen[i].live = false;
    for (uint32_t i = 0; i < c->want_count; i++)
        c->wants[i].fresh = false;
}

/* A node seen for the first time outside its pool counts as lost now: when it was lost nobody can say. */
void action_core_node(struct action_core *c, struct sp_mono now, const uint8_t key[16], const char *pool, bool member)
{
    uint8_t bytes[17];
    uint32_t p = pool_of(c, pool);
    memcpy(bytes, key, 16);
    bytes[16] = (uint8_t)p;
    uint64_t h = sp_hash_sip(c->options.hash_key, bytes, sizeof bytes);
    struct action_seen *s = p != ACTION_NONE ? seen_of(c, h == UINT64_MAX ? 0 : h) : NULL;
    if (s == NULL) {
        c->crowded = true;
        return;
    }
    if (s->member && !member)
        s->lost_us = now.us;
    s->pool = (uint8_t)p;
    s->member = member;
    s->live = true;
}

static bool is_lost(const struct action_core *c, struct sp_mono now, const struct action_seen *s)
{
    return s->lost_us != 0 && now.us < s->lost_us + c->options.window_ms * SP_US_PER_MS;
}

static void pools_weigh(struct action_core *c, struct sp_mono now)
{
    for (uint32_t i = 0; i < c->seen_count; i++) {
        struct action_pool *p = &c->pools[c->seen[i].pool];
        bool lost = is_lost(c, now, &c->seen[i]);
        p->nodes += c->seen[i].live || lost;
        p->lost += lost;
        if (c->seen[i].live || lost)
            continue;
        sp_map_remove(&c->seen_index, c->seen[i].key); /* retired, and long ago */
        c->seen[i] = c->seen[--c->seen_count];
        if (i < c->seen_count)
            (void)sp_map_put(&c->seen_index, c->seen[i].key, i); /* is there: replaces */
        i--;
    }
    for (uint32_t i = 0; i < c->pool_count; i++) {
        struct action_pool *p = &c->pools[i];
        p->mass = p->lost >= 2 && (uint64_t)p->lost * 100 > (uint64_t)p->nodes * c->options.share_percent;
    }
}

/* ---- what is wanted ---- */

void action_core_want(struct action_core *c, struct sp_mono now, const struct action_fact *fact)
{
    struct action_want *w = NULL;
    for (uint32_t i = 0; i < c->want_count && w == NULL; i++)
        if (strcmp(c->wants[i].host, fact->host) == 0 && strcmp(c->wants[i].pool, fact->pool) == 0)
            w = &c->wants[i];
    if (w == NULL) {
        if (c->want_count == ACTION_WANTS_MAX) {
            c->crowded = true;
            return;
        }
        w = &c->wants[c->want_count];
        *w = (struct action_want){.since_us = now.us + sp_rng_below(&c->rng, ACTION_JITTER_MS) * SP_US_PER_MS};
        if (!sp_str_copy(w->host, sizeof w->host, sp_str_of(fact->host)) ||
            !sp_str_copy(w->node, sizeof w->node, sp_str_of(fact->node)) ||
            !sp_str_copy(w->pool, sizeof w->pool, sp_str_of(fact->pool)))
            return;
        c->want_count++;
    }
    w->fresh = true;
}

static void wants_sweep(struct action_core *c)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < c->want_count; i++) {
        if (!c->wants[i].fresh && i != c->want)
            continue;
        if (i == c->want)
            c->want = kept;
        c->wants[kept++] = c->wants[i];
    }
    c->want_count = kept;
}

static void records_look(struct action_core *c, struct sp_mono now, exposure_look_fn *look, void *self)
{
    for (uint32_t i = c->record_count; i-- > 0;) {
        struct action_record *r = &c->records[i];
        struct exposure_trust t = {0};
        look(self, r->node, r->pool, &t);
        r->member_us = !t.member ? 0 : r->member_us != 0 ? r->member_us : now.us;
        if (r->state == ACTION_RELEASED && t.member && i != c->record)
            action_record_drop(c, i); /* the next loss is a new one */
    }
}

static void hold_look(struct action_core *c, struct sp_mono now)
{
    enum action_hold hold = ACTION_FREE;
    const struct action_want *held = NULL;
    for (uint32_t i = 0; i < c->want_count && held == NULL; i++)
        if (action_wanted(c, now, &c->wants[i]) && action_record_of(c, c->wants[i].host) == ACTION_NONE)
            held = &c->wants[i];
    if (held != NULL)
        hold = action_brake_disable(c, now);
    if (hold == c->hold || !c->options.act)
        return;
    struct action_record about = {.state = ACTION_DISABLING};
    if (held != NULL) {
        memcpy(about.host, held->host, sizeof about.host);
        memcpy(about.node, held->node, sizeof about.node);
        memcpy(about.pool, held->pool, sizeof about.pool);
    }
    c->hold = hold;
    c->held += hold != ACTION_FREE;
    action_tell(c, hold != ACTION_FREE ? ACTION_WAS_HELD : ACTION_WAS_FREED, &about);
}

void action_core_end(struct action_core *c, struct sp_mono now, exposure_look_fn *look, void *self)
{
    c->doubt = false;
    c->scan_us = now.us;
    pools_weigh(c, now);
    wants_sweep(c);
    records_look(c, now, look, self);
    hold_look(c, now);
}

void action_core_doubt(struct action_core *c)
{
    c->doubt = true;
}
