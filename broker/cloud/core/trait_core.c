/* SPDX-License-Identifier: Apache-2.0 */
#include "trait_parts.h"

#include <stdlib.h>
#include <string.h>

#include "sp_assert.h"

bool trait_core_init(struct trait_core *c, const struct trait_core_options *options, struct sp_mono now)
{
    SP_ASSERT(options->rate > 0 && options->parallel > 0 && options->parallel <= TRAIT_SLOTS_MAX);
    memset(c, 0, sizeof *c);
    c->options = *options;
    c->rng.state = options->seed;
    c->head[0] = c->head[1] = c->tail[0] = c->tail[1] = TRAIT_NONE;
    c->start_us = now.us;
    c->round_us = now.us;
    c->serial = 1;
    sp_map_init(&c->node_by_key);
    sp_map_init(&c->node_by_name);
    sp_map_init(&c->provider_by_uuid);
    sp_map_init(&c->provider_by_name);
    return true;
}

void trait_core_fini(struct trait_core *c)
{
    sp_map_fini(&c->node_by_key);
    sp_map_fini(&c->node_by_name);
    sp_map_fini(&c->provider_by_uuid);
    sp_map_fini(&c->provider_by_name);
    free(c->nodes);
    free(c->providers);
    c->nodes = NULL;
    c->providers = NULL;
}

/* ---- rounds: everything is looked at ---- */

void trait_core_look(struct trait_core *c, struct sp_mono now)
{
    c->round_us = now.us;
}

static void round_turn(struct trait_core *c, struct sp_mono now)
{
    if (!c->round_open && now.us >= c->round_us) {
        c->round_open = true;
        c->all_due = true;
        c->who_due = c->name_count == 64 ? UINT64_MAX : BIT(c->name_count) - 1;
        c->round_us = now.us + c->options.reconcile_ms * SP_US_PER_MS;
    }
    if (now.us < c->scan_us)
        return;
    c->scan_us = now.us + TRAIT_SCAN_MS * SP_US_PER_MS;
    for (uint32_t i = 0; i < c->provider_count; i++)
        trait_look_at(c, now, i);
}

/* A listing is older than what was learned from the provider itself since it was asked for. */
static void list_begin(struct trait_core *c)
{
    for (uint32_t i = 0; i < c->provider_count; i++)
        c->providers[i].listed = false;
}

static void list_end(struct trait_core *c, const struct trait_slot *s)
{
    for (uint32_t i = 0; i < c->provider_count; i++) {
        struct trait_provider *p = &c->providers[i];
        if (p->listed || p->busy || p->stamp_us >= s->asked_us)
            continue;
        if (s->kind == TRAIT_ASK_WHO)
            p->has &= ~BIT(s->row);
        else if (p->known && p->has == 0)
            trait_provider_gone(c, i);
    }
}

/* ---- requests ---- */

static bool ask(struct trait_core *c, struct sp_mono now, uint32_t slot, struct trait_ask *out)
{
    struct trait_slot *s = &c->slots[slot];
    s->flying = true;
    s->asked_us = now.us;
    c->flying++;
    uint64_t from = c->next_us > now.us ? c->next_us : now.us;
    c->next_us = from + SP_US_PER_S / c->options.rate;
    c->counters.asked[s->kind]++;
    *out = (struct trait_ask){.kind = s->kind, .slot = slot, .trait = s->row, .mask = s->mask};
    if (s->kind == TRAIT_ASK_READ || s->kind == TRAIT_ASK_WRITE)
        out->uuid = c->providers[s->row].uuid;
    return true;
}

static uint32_t slot_take(struct trait_core *c, enum trait_ask_kind kind, uint32_t row)
{
    for (uint32_t i = 0; i < c->options.parallel; i++)
        if (!c->slots[i].used) {
            c->slots[i] = (struct trait_slot){.used = true, .kind = kind, .row = row};
            c->reserved++;
            return i;
        }
    return TRAIT_NONE;
}

static void slot_free(struct trait_core *c, uint32_t slot)
{
    struct trait_slot *s = &c->slots[slot];
    SP_ASSERT(s->used && !s->flying);
    if (s->kind == TRAIT_ASK_READ || s->kind == TRAIT_ASK_WRITE)
        c->providers[s->row].busy = false;
    s->used = false;
    c->reserved--;
}

/* A provider that was read and waits for its WRITE. What may be on is decided at this moment, not when it was read. */
static bool next_write(struct trait_core *c, struct sp_mono now, struct trait_ask *out)
{
    for (uint32_t i = 0; i < c->options.parallel; i++) {
        struct trait_slot *s = &c->slots[i];
        if (!s->used || s->flying || s->kind != TRAIT_ASK_WRITE)
            continue;
        struct trait_provider *p = &c->providers[s->row];
        s->mask = trait_core_target(c, now, s->row);
        if (s->mask == p->has) {
            p->conflicts = p->failures = 0;
            slot_free(c, i);
            continue;
        }
        return ask(c, now, i, out);
    }
    return false;
}

static bool next_list(struct trait_core *c, struct sp_mono now, struct trait_ask *out)
{
    for (uint32_t t = 0; t < c->name_count; t++) {
        struct trait_name *x = &c->names[t];
        bool create = !x->created && !x->busy && now.us >= x->due_us;
        if (!create && !(x->created && (c->who_due & BIT(t)) != 0))
            continue;
        if (!create)
            for (uint32_t i = 0; i < c->options.parallel; i++)
                if (c->slots[i].used && (c->slots[i].kind == TRAIT_ASK_WHO || c->slots[i].kind == TRAIT_ASK_ALL))
                    return false; /* lists one after the other: `listed` belongs to one */
        uint32_t slot = slot_take(c, create ? TRAIT_ASK_CREATE : TRAIT_ASK_WHO, t);
        if (slot == TRAIT_NONE)
            return false;
        x->busy = create;
        c->who_due &= create ? UINT64_MAX : ~BIT(t);
        if (!create)
            list_begin(c);
        return ask(c, now, slot, out);
    }
    for (uint32_t i = 0; i < c->options.parallel; i++)
        if (c->slots[i].used && c->slots[i].kind != TRAIT_ASK_READ && c->slots[i].kind != TRAIT_ASK_WRITE)
            return false;
    uint32_t slot = c->all_due ? slot_take(c, TRAIT_ASK_ALL, 0) : TRAIT_NONE;
    if (slot == TRAIT_NONE)
        return false;
    c->all_due = false;
    list_begin(c);
    return ask(c, now, slot, out);
}

static bool next_read(struct trait_core *c, struct sp_mono now, struct trait_ask *out)
{
    for (unsigned q = REMOVE; q <= ADD; q++) {
        while (c->head[q] != TRAIT_NONE) {
            if (c->reserved >= c->options.parallel)
                return false;
            uint32_t i = trait_dequeue(c, q);
            unsigned now_needs = trait_need(c, now, i);
            if (now_needs == 0)
                continue;
            if (now_needs - 1 > q) { /* no removal any more: behind all that are */
                trait_enqueue(c, i, ADD);
                continue;
            }
            uint32_t slot = slot_take(c, TRAIT_ASK_READ, i);
            SP_ASSERT(slot != TRAIT_NONE);
            c->providers[i].busy = true;
            return ask(c, now, slot, out);
        }
    }
    return false;
}

static bool is_broken(const struct trait_core *c, struct sp_mono now)
{
    return c->failures >= TRAIT_BREAK_AFTER && (now.us < c->break_us || c->flying > 0);
}

bool trait_core_next(struct trait_core *c, struct sp_mono now, struct trait_ask *out)
{
    round_turn(c, now);
    if (now.us < c->next_us || is_broken(c, now))
        return false;
    return next_write(c, now, out) || next_list(c, now, out) || next_read(c, now, out);
}

/* ---- answers ---- */

static uint64_t backoff_us(struct trait_core *c, uint64_t first_ms, unsigned times)
{
    uint64_t ms = first_ms << (times > 12 ? 12 : times);
    ms = ms > TRAIT_RETRY_MAX_MS ? TRAIT_RETRY_MAX_MS : ms;
    return (ms - sp_rng_below(&c->rng, ms / 2 + 1)) * SP_US_PER_MS;
}

static void breaker(struct trait_core *c, struct sp_mono now, bool failed)
{
    if (!failed) {
        c->failures = c->breaks = 0;
        return;
    }
    c->counters.failures++;
    c->failures++;
    if (c->failures >= TRAIT_BREAK_AFTER) {
        c->counters.breaks += c->breaks == 0;
        c->break_us = now.us + backoff_us(c, TRAIT_BREAK_MS, c->breaks++);
    }
}

static void done_list(struct trait_core *c, struct sp_mono now, const struct trait_slot *s, enum trait_result result)
{
    struct trait_name *x = s->kind == TRAIT_ASK_ALL ? NULL : &c->names[s->row];
    if (s->kind == TRAIT_ASK_CREATE) {
        x->busy = false;
        x->created = result == TRAIT_DONE;
        x->refused = result == TRAIT_UNKNOWN;
        c->who_due &= x->refused ? ~BIT(s->row) : UINT64_MAX;
        x->due_us = now.us + (x->refused ? TRAIT_REFUSED_MS * SP_US_PER_MS : backoff_us(c, TRAIT_RETRY_MS, c->failures));
        if (x->created)
            c->scan_us = now.us;
        return;
    }
    if (result == TRAIT_DONE) {
        list_end(c, s);
    } else if (s->kind == TRAIT_ASK_ALL) {
        c->all_due = true;
    } else {
        c->who_due |= BIT(s->row);
        x->created = x->created && result != TRAIT_UNKNOWN; /* somebody deleted it */
    }
    c->scan_us = now.us;
    if (c->round_open && !c->all_due && c->who_due == 0) {
        c->round_open = false;
        c->round_done = true;
        c->counters.rounds++;
    }
}

static void count_flips(struct trait_core *c, uint64_t was, uint64_t is)
{
    c->counters.put_on += (uint64_t)__builtin_popcountll(is & ~was);
    c->counters.taken_off += (uint64_t)__builtin_popcountll(was & ~is);
}

static void provider_failed(struct trait_core *c, struct sp_mono now, struct trait_provider *p, const struct trait_slot *s,
                            enum trait_result r)
{
    if (r == TRAIT_AGAIN)
        return;
    if (s->kind == TRAIT_ASK_WRITE && r == TRAIT_FAILED) {
        p->has |= s->mask; /* the most that can be there */
        p->unsure = true;
    }
    if (r == TRAIT_CONFLICT) {
        c->counters.conflicts++;
        p->due_us = now.us + backoff_us(c, TRAIT_CONFLICT_MS, p->conflicts < 4 ? p->conflicts : 4);
        if (++p->conflicts >= TRAIT_CONFLICTS) {
            p->conflicts = 0;
            p->due_us = now.us + TRAIT_PAUSE_MS * SP_US_PER_MS;
            c->counters.given_up++;
        }
        return;
    }
    if (r == TRAIT_UNKNOWN) /* a trait is not there: made again, then this */
        for (uint32_t t = 0; t < c->name_count; t++)
            c->names[t].created = c->names[t].created && (s->mask & BIT(t)) == 0;
    p->due_us = now.us + backoff_us(c, TRAIT_RETRY_MS, p->failures);
    p->failures = p->failures < 20 ? (uint8_t)(p->failures + 1) : p->failures;
}

static void done_provider(struct trait_core *c, struct sp_mono now, uint32_t slot, enum trait_result result, uint64_t has)
{
    struct trait_slot *s = &c->slots[slot];
    struct trait_provider *p = &c->providers[s->row];
    uint32_t row = s->row;
    p->stamp_us = now.us;
    if (result == TRAIT_GONE) {
        trait_provider_gone(c, row);
    } else if (result != TRAIT_DONE) {
        provider_failed(c, now, p, s, result);
    } else if (s->kind == TRAIT_ASK_READ) {
        p->has = has;
        p->unsure = false;
        s->kind = TRAIT_ASK_WRITE; /* keeps its slot, and what was read in it */
        return;
    } else {
        count_flips(c, p->has, s->mask);
        p->has = s->mask;
        p->conflicts = p->failures = 0;
        p->due_us = 0;
    }
    slot_free(c, slot);
    trait_look_at(c, now, row);
}

void trait_core_done(struct trait_core *c, struct sp_mono now, uint32_t slot, enum trait_result result, uint64_t has)
{
    struct trait_slot *s = &c->slots[slot];
    SP_ASSERT(slot < c->options.parallel && s->used && s->flying);
    s->flying = false;
    c->flying--;
    if (result != TRAIT_AGAIN)
        breaker(c, now, result == TRAIT_FAILED);
    if (s->kind == TRAIT_ASK_READ || s->kind == TRAIT_ASK_WRITE) {
        done_provider(c, now, slot, result, has);
        return;
    }
    struct trait_slot ended = *s;
    slot_free(c, slot);
    done_list(c, now, &ended, result);
}

/* ---- */

void trait_core_count(struct trait_core *c, struct sp_mono now, uint64_t *on, uint64_t *wanted)
{
    *on = *wanted = 0;
    for (uint32_t i = 0; i < c->provider_count; i++) {
        if (!c->providers[i].known)
            continue;
        *on += (uint64_t)__builtin_popcountll(c->providers[i].has);
        *wanted += (uint64_t)__builtin_popcountll(trait_core_target(c, now, i));
    }
}

struct sp_mono trait_core_next_deadline(const struct trait_core *c, struct sp_mono now)
{
    bool free_slot = c->reserved < c->options.parallel, written = false, listing = false, lists = c->all_due;
    uint64_t at = c->provider_count > 0 ? c->scan_us : SP_NEVER, work = SP_NEVER;
    if (!c->round_open && c->round_us < at)
        at = c->round_us;
    for (uint32_t i = 0; i < c->options.parallel && !written; i++)
        written = c->slots[i].used && !c->slots[i].flying && c->slots[i].kind == TRAIT_ASK_WRITE;
    for (uint32_t i = 0; i < c->options.parallel && !listing; i++)
        listing = c->slots[i].used && c->slots[i].kind != TRAIT_ASK_READ && c->slots[i].kind != TRAIT_ASK_WRITE;
    for (uint32_t t = 0; t < c->name_count; t++)
        lists = lists || (c->names[t].created && (c->who_due & BIT(t)) != 0);
    if (written || (free_slot && (c->head[0] != TRAIT_NONE || c->head[1] != TRAIT_NONE || (lists && !listing))))
        work = now.us;
    for (uint32_t t = 0; t < c->name_count && free_slot; t++)
        if (!c->names[t].created && !c->names[t].busy && c->names[t].due_us < work)
            work = c->names[t].due_us;
    if (work != SP_NEVER) {
        bool broken = c->failures >= TRAIT_BREAK_AFTER;
        work = c->next_us > work ? c->next_us : work;
        work = broken && c->flying > 0 ? SP_NEVER : broken && c->break_us > work ? c->break_us : work;
        work = work <= now.us ? now.us + SP_US_PER_MS : work; /* something else is waited for: no spinning */
    }
    at = at < work ? at : work;
    return (struct sp_mono){at};
}

bool trait_core_check(const struct trait_core *c)
{
    uint32_t used = 0, flying = 0, busy = 0, rows = 0;
    for (uint32_t i = 0; i < TRAIT_SLOTS_MAX; i++) {
        const struct trait_slot *s = &c->slots[i];
        bool row = s->used && (s->kind == TRAIT_ASK_READ || s->kind == TRAIT_ASK_WRITE);
        used += s->used;
        flying += s->used && s->flying;
        rows += row;
        if ((s->used && i >= c->options.parallel) || (row && !c->providers[s->row].busy))
            return false;
    }
    for (uint32_t i = 0; i < c->provider_count; i++)
        busy += c->providers[i].busy;
    for (unsigned q = 0; q < 2; q++) {
        uint32_t n = 0;
        for (uint32_t i = c->head[q]; i != TRAIT_NONE && n <= c->queued[q]; i = c->providers[i].next[q])
            n += c->providers[i].queued[q] ? 1 : UINT32_MAX / 2;
        if (n != c->queued[q])
            return false;
    }
    return used == c->reserved && flying == c->flying && busy == rows && c->node_count <= c->node_size &&
           c->provider_count <= c->provider_size;
}
