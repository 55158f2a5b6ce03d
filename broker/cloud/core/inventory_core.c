/* SPDX-License-Identifier: Apache-2.0 */
#include "inventory_core.h"

#include <stdlib.h>
#include <string.h>

#include "sp_assert.h"
#include "sp_hash.h"

#define ROWS_FIRST 64u

void inventory_core_init(struct inventory_core *c, const struct inventory_core_options *options, struct sp_mono now)
{
    SP_ASSERT(options->interval_ms > 0 && options->hint_ms > 0 && options->rows_max > 0);
    memset(c, 0, sizeof *c);
    c->options = *options;
    c->rng.state = options->seed;
    c->due_us = now.us;
    sp_map_init(&c->services);
    sp_map_init(&c->names);
}

void inventory_core_fini(struct inventory_core *c)
{
    sp_map_fini(&c->services);
    sp_map_fini(&c->names);
    free(c->nodes);
    memset(c, 0, sizeof *c);
}

/* ---- when ---- */

/* Between 3/4 and 5/4 of it: bridges that were started together do not stay together. */
static uint64_t around(struct inventory_core *c, uint64_t ms)
{
    return (ms * 3 / 4 + sp_rng_below(&c->rng, ms / 2 + 1)) * SP_US_PER_MS;
}

static void later(struct inventory_core *c, struct sp_mono now)
{
    uint64_t most = c->options.interval_ms < INVENTORY_CORE_RETRY_MAX_MS ? c->options.interval_ms : INVENTORY_CORE_RETRY_MAX_MS,
             wait = (uint64_t)INVENTORY_CORE_RETRY_MS << (c->failures < 8 ? c->failures : 8);
    c->failures++;
    c->counters.failed++;
    c->state = INVENTORY_IDLE;
    c->asked = false;
    c->due_us = now.us + around(c, wait < most ? wait : most);
}

/* Not before hint_ms after the last beginning, and not while readings fail. */
static void soon(struct inventory_core *c, struct sp_mono now)
{
    uint64_t at = now.us + INVENTORY_CORE_SETTLE_MS * SP_US_PER_MS, least = c->began_us + c->options.hint_ms * SP_US_PER_MS;
    at = c->began_once && least > at ? least : at;
    if (at < c->due_us)
        c->due_us = at;
    else
        c->counters.spared++;
}

void inventory_core_hint(struct inventory_core *c, struct sp_mono now)
{
    c->counters.hints++;
    if (c->failures > 0)
        c->counters.spared++;
    else if (c->state == INVENTORY_IDLE)
        soon(c, now);
    else
        c->due_us = 0; /* the reading under way may have been too early: looked at when it ends */
}

void inventory_core_link(struct inventory_core *c, struct sp_mono now, bool up)
{
    if (up && !c->linked && c->state == INVENTORY_IDLE)
        soon(c, now);
    c->linked = up;
}

uint64_t inventory_core_deadline_us(const struct inventory_core *c)
{
    if (c->asked)
        return SP_NEVER;
    if (c->state != INVENTORY_IDLE)
        return c->pace_us;
    return c->linked ? c->due_us : SP_NEVER;
}

bool inventory_core_knows(const struct inventory_core *c, struct sp_str name)
{
    uint64_t h = sp_hash_sip(c->options.hash_key, name.p, name.n);
    return sp_map_get(&c->names, h == UINT64_MAX ? 0 : h) != SP_MAP_NONE;
}

/* ---- reading ---- */

static uint64_t hash(const struct inventory_core *c, const uint8_t uuid[16])
{
    uint64_t h = sp_hash_sip(c->options.hash_key, uuid, 16);
    return h == UINT64_MAX ? 0 : h;
}

bool inventory_core_service(struct inventory_core *c, bool known, const uint8_t uuid[16], uint8_t flags)
{
    bool sound = c->state == INVENTORY_SERVICES && c->service_count < c->options.rows_max;
    c->torn = c->torn || !known;
    if (sound && known)
        sound = sp_map_put(&c->services, hash(c, uuid), flags);
    c->service_count++;
    c->unsound = c->unsound || !sound;
    return sound;
}

static bool nodes_grow(struct inventory_core *c)
{
    uint32_t size = c->node_size == 0 ? ROWS_FIRST : c->node_size * 2;
    size = size < c->options.rows_max ? size : c->options.rows_max;
    struct inventory_core_node *nodes = size > c->node_size ? realloc(c->nodes, size * sizeof *nodes) : NULL;
    if (nodes == NULL)
        return false;
    c->nodes = nodes;
    c->node_size = size;
    return true;
}

bool inventory_core_node(struct inventory_core *c, const uint8_t uuid[16], struct sp_str name, const uint8_t service[16],
                         uint8_t flags)
{
    bool sound = c->state == INVENTORY_HYPERVISORS && (c->node_count < c->node_size || nodes_grow(c));
    c->unsound = c->unsound || !sound;
    if (!sound)
        return false;
    struct inventory_core_node *n = &c->nodes[c->node_count++];
    uint32_t of_service = sp_map_get(&c->services, hash(c, service));
    memset(n, 0, sizeof *n);
    memcpy(n->key, uuid, 16);
    memcpy(n->service, service, 16);
    n->flags = (uint8_t)(flags | (of_service != SP_MAP_NONE ? of_service : 0));
    size_t bytes = name.n < sizeof n->name - 1 ? name.n : sizeof n->name - 1;
    while (bytes < name.n && bytes > 0 && ((uint8_t)name.p[bytes] & 0xc0) == 0x80)
        bytes--;
    memcpy(n->name, name.p, bytes);
    return true;
}

static int by_key(const void *a, const void *b)
{
    return memcmp(((const struct inventory_core_node *)a)->key, ((const struct inventory_core_node *)b)->key, 16);
}

static void nodes_end(struct inventory_core *c, struct sp_mono now)
{
    if (c->node_count > 0)
        qsort(c->nodes, c->node_count, sizeof *c->nodes, by_key);
    for (uint32_t i = 1; i < c->node_count; i++)
        c->unsound = c->unsound || by_key(&c->nodes[i - 1], &c->nodes[i]) == 0;
    if (c->unsound) {
        c->counters.unsound++;
        later(c, now);
        return;
    }
    sp_map_fini(&c->names);
    sp_map_init(&c->names);
    for (uint32_t i = 0; i < c->node_count; i++) { /* without memory a name is not known: a hint too many */
        uint64_t h = sp_hash_sip(c->options.hash_key, c->nodes[i].name, strlen(c->nodes[i].name));
        (void)sp_map_put(&c->names, h == UINT64_MAX ? 0 : h, 1);
    }
    c->failures = 0;
    c->counters.readings++;
    c->snapshot++;
    c->state = INVENTORY_SENDING;
    c->sent = c->part = 0;
    c->pace_us = now.us;
}

void inventory_core_done(struct inventory_core *c, struct sp_mono now, enum inventory_core_result result)
{
    SP_ASSERT(c->asked && (c->state == INVENTORY_SERVICES || c->state == INVENTORY_HYPERVISORS));
    c->asked = false;
    if (result == INVENTORY_CORE_AGAIN) {
        c->state = INVENTORY_IDLE;
        c->due_us = now.us + INVENTORY_CORE_AGAIN_MS * SP_US_PER_MS;
    } else if (result != INVENTORY_CORE_DONE || c->torn) {
        c->counters.torn += result == INVENTORY_CORE_DONE ? 1 : 0;
        later(c, now);
    } else if (c->state == INVENTORY_SERVICES) {
        c->state = INVENTORY_HYPERVISORS;
        c->pace_us = now.us;
    } else {
        nodes_end(c, now);
    }
}

/* ---- what to do ---- */

static void begin(struct inventory_core *c, struct sp_mono now)
{
    sp_map_fini(&c->services);
    sp_map_init(&c->services);
    c->service_count = c->node_count = c->sent = c->part = 0;
    c->torn = c->unsound = false;
    c->state = INVENTORY_SERVICES;
    c->began_us = c->pace_us = now.us;
    c->began_once = true;
    c->due_us = SP_NEVER;
}

static void end(struct inventory_core *c, struct sp_mono now)
{
    bool hinted = c->due_us == 0;
    c->state = INVENTORY_IDLE;
    c->counters.sent++;
    c->due_us = c->began_us + around(c, c->options.interval_ms);
    if (hinted)
        soon(c, now);
}

enum inventory_core_ask inventory_core_next(struct inventory_core *c, struct sp_mono now, struct inventory_core_part *part)
{
    if (c->asked)
        return INVENTORY_ASK_NOTHING;
    if (c->state == INVENTORY_IDLE && c->linked && now.us >= c->due_us)
        begin(c, now);
    if (c->state == INVENTORY_SERVICES || c->state == INVENTORY_HYPERVISORS) {
        c->asked = true;
        return c->state == INVENTORY_SERVICES ? INVENTORY_ASK_SERVICES : INVENTORY_ASK_HYPERVISORS;
    }
    if (c->state != INVENTORY_SENDING || now.us < c->pace_us)
        return INVENTORY_ASK_NOTHING;
    uint32_t left = c->node_count - c->sent;
    *part = (struct inventory_core_part){.snapshot = c->snapshot,
                                         .part = c->part,
                                         .total = c->node_count,
                                         .count = left < INVENTORY_CORE_PART ? left : INVENTORY_CORE_PART,
                                         .last = left <= INVENTORY_CORE_PART,
                                         .nodes = c->nodes + c->sent};
    c->asked = true;
    return INVENTORY_ASK_SEND;
}

void inventory_core_sent(struct inventory_core *c, struct sp_mono now, bool ok)
{
    SP_ASSERT(c->asked && c->state == INVENTORY_SENDING);
    uint32_t left = c->node_count - c->sent;
    c->asked = false;
    if (!ok) { /* parts are numbered without holes: the whole list again, and read anew */
        later(c, now);
        return;
    }
    c->sent += left < INVENTORY_CORE_PART ? left : INVENTORY_CORE_PART;
    c->part++;
    c->pace_us = now.us + INVENTORY_CORE_PACE_MS * SP_US_PER_MS;
    if (left <= INVENTORY_CORE_PART)
        end(c, now);
}

bool inventory_core_check(const struct inventory_core *c)
{
    bool good = c->node_count <= c->node_size && c->node_size <= c->options.rows_max && c->sent <= c->node_count;
    good = good && (!c->asked || c->state != INVENTORY_IDLE) && (c->state != INVENTORY_SENDING || !(c->torn || c->unsound));
    for (uint32_t i = 1; good && c->state == INVENTORY_SENDING && i < c->node_count; i++)
        good = by_key(&c->nodes[i - 1], &c->nodes[i]) < 0;
    return good;
}
