/* SPDX-License-Identifier: Apache-2.0 */
#include "asked.h"

#include <stdlib.h>
#include <string.h>

#include "sp_assert.h"
#include "sp_hash.h"

static uint64_t key_of(const struct asked_table *t, uint32_t asker, uint64_t id)
{
    const uint64_t both[2] = {asker, id};
    uint64_t h = sp_hash_sip(t->seed, both, sizeof both);

    return h == UINT64_MAX ? 0 : h;
}

bool asked_init(struct asked_table *t, uint32_t size, uint32_t peers, uint32_t limit, const uint8_t seed[16])
{
    SP_ASSERT(size > 0 && peers > 0 && limit > 0);
    memset(t, 0, sizeof *t);
    memcpy(t->seed, seed, sizeof t->seed);
    sp_map_init(&t->by_key);
    t->rows = calloc(size, sizeof *t->rows);
    t->of = calloc(peers, sizeof *t->of);
    if (t->rows == NULL || t->of == NULL || !sp_map_reserve(&t->by_key, size) || !sp_heap_init(&t->expiry, size)) {
        asked_fini(t);
        return false;
    }
    t->size = size;
    t->peers = peers;
    t->limit = limit;
    t->lost = ASKED_NONE;
    for (uint32_t i = 0; i < size; i++)
        t->rows[i].next = i + 1 < size ? i + 1 : ASKED_NONE;
    return true;
}

void asked_fini(struct asked_table *t)
{
    free(t->rows);
    free(t->of);
    sp_map_fini(&t->by_key);
    sp_heap_fini(&t->expiry);
    memset(t, 0, sizeof *t);
}

uint32_t asked_find(const struct asked_table *t, uint32_t asker, uint64_t id)
{
    uint32_t i = t->count > 0 ? sp_map_get(&t->by_key, key_of(t, asker, id)) : SP_MAP_NONE;

    return i != SP_MAP_NONE && t->rows[i].asker == asker && t->rows[i].id == id ? i : ASKED_NONE;
}

static void row_free(struct asked_table *t, uint32_t i)
{
    if (t->rows[i].asker != ASKED_NONE)
        t->of[t->rows[i].asker]--;
    memset(&t->rows[i], 0, sizeof t->rows[i]);
    t->rows[i].next = t->free;
    t->free = i;
    t->count--;
}

void asked_remove(struct asked_table *t, uint32_t i)
{
    SP_ASSERT(i < t->size && t->rows[i].used && !t->rows[i].lost);
    sp_map_remove(&t->by_key, key_of(t, t->rows[i].asker, t->rows[i].id));
    sp_heap_remove(&t->expiry, i);
    row_free(t, i);
}

bool asked_put(struct asked_table *t, const struct asked_row *from, uint64_t expires_us)
{
    uint64_t key = key_of(t, from->asker, from->id);
    uint32_t had = asked_find(t, from->asker, from->id);

    SP_ASSERT(from->asker < t->peers && from->attester < t->peers);
    if (had != ASKED_NONE)
        asked_remove(t, had);
    uint32_t i = t->free;

    /* Two keys of one hash are one in 2^64 under a secret seed; refuse rather than chain. */
    if (i == ASKED_NONE || t->of[from->asker] >= t->limit || sp_map_get(&t->by_key, key) != SP_MAP_NONE)
        return false;
    t->free = t->rows[i].next;
    t->rows[i] = *from;
    t->rows[i].used = true;
    t->rows[i].lost = false;
    t->rows[i].next = ASKED_NONE;
    t->of[from->asker]++;
    t->count++;
    if (!sp_map_put(&t->by_key, key, i))
        SP_UNREACHABLE(); /* room was made at init */
    sp_heap_set(&t->expiry, i, expires_us);
    return true;
}

static void row_lose(struct asked_table *t, uint32_t i)
{
    sp_map_remove(&t->by_key, key_of(t, t->rows[i].asker, t->rows[i].id));
    sp_heap_remove(&t->expiry, i);
    t->rows[i].lost = true;
    t->rows[i].next = t->lost;
    t->lost = i;
}

bool asked_peer_gone(struct asked_table *t, uint32_t peer)
{
    for (uint32_t i = 0; t->count > 0 && i < t->size; i++) {
        struct asked_row *r = &t->rows[i];

        if (!r->used)
            continue;
        if (r->asker == peer && r->lost) {
            t->of[peer]--;
            r->asker = ASKED_NONE; /* it is in the list of the lost, and is passed over there */
        } else if (r->asker == peer) {
            asked_remove(t, i);
        } else if (r->attester == peer && !r->lost) {
            row_lose(t, i);
        }
    }
    return t->lost != ASKED_NONE;
}

bool asked_pop_lost(struct asked_table *t, struct asked_row *out)
{
    while (t->lost != ASKED_NONE) {
        uint32_t i = t->lost;

        t->lost = t->rows[i].next;
        *out = t->rows[i];
        row_free(t, i);
        if (out->asker != ASKED_NONE)
            return true;
    }
    return false;
}

uint32_t asked_expire(struct asked_table *t, uint64_t now_us)
{
    const struct sp_heap_entry *top;
    uint32_t n = 0;

    while ((top = sp_heap_top(&t->expiry)) != NULL && top->key <= now_us) {
        asked_remove(t, top->id);
        n++;
    }
    return n;
}

uint64_t asked_deadline(const struct asked_table *t)
{
    const struct sp_heap_entry *top = sp_heap_top(&t->expiry);

    return top != NULL ? top->key : UINT64_MAX;
}

void asked_check(const struct asked_table *t)
{
    uint32_t used = 0, lost = 0, in_list = 0, waited = 0;

    for (uint32_t i = 0; i < t->size; i++) {
        const struct asked_row *r = &t->rows[i];

        if (!r->used)
            continue;
        used++;
        lost += r->lost;
        SP_IMPLIES(!r->lost, r->asker < t->peers && asked_find(t, r->asker, r->id) == i);
        SP_ASSERT((sp_heap_key(&t->expiry, i) == UINT64_MAX) == r->lost);
        waited += r->asker != ASKED_NONE;
    }
    for (uint32_t i = t->lost; i != ASKED_NONE; i = t->rows[i].next)
        in_list++;
    for (uint32_t p = 0; p < t->peers; p++) {
        SP_ASSERT(t->of[p] <= t->limit);
        waited -= t->of[p];
    }
    SP_ASSERT(used == t->count && lost == in_list && waited == 0);
    SP_ASSERT(t->by_key.count == used - lost && t->expiry.count == used - lost);
}
