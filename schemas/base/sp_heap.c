/* SPDX-License-Identifier: Apache-2.0 */
#include "sp_heap.h"

#include <stdlib.h>
#include <string.h>

#include "sp_assert.h"

#define ARITY 4u

bool sp_heap_init(struct sp_heap *h, uint32_t size)
{
    *h = (struct sp_heap){0};
    return sp_heap_resize(h, size);
}

bool sp_heap_resize(struct sp_heap *h, uint32_t size)
{
    if (size <= h->size)
        return true;
    struct sp_heap_entry *entries = realloc(h->entries, size * sizeof *entries);
    if (entries == NULL)
        return false;
    h->entries = entries;
    uint32_t *position = realloc(h->position, size * sizeof *position);
    if (position == NULL)
        return false;
    memset(position + h->size, 0xFF, (size - h->size) * sizeof *position);
    h->position = position;
    h->size = size;
    return true;
}

void sp_heap_fini(struct sp_heap *h)
{
    free(h->entries);
    free(h->position);
    *h = (struct sp_heap){0};
}

static void place(struct sp_heap *h, uint32_t at, struct sp_heap_entry e)
{
    h->entries[at] = e;
    h->position[e.id] = at;
}

static void sift_up(struct sp_heap *h, uint32_t at, struct sp_heap_entry e)
{
    while (at > 0) {
        uint32_t parent = (at - 1) / ARITY;
        if (h->entries[parent].key <= e.key)
            break;
        place(h, at, h->entries[parent]);
        at = parent;
    }
    place(h, at, e);
}

static void sift_down(struct sp_heap *h, uint32_t at, struct sp_heap_entry e)
{
    for (;;) {
        uint64_t first = (uint64_t)at * ARITY + 1;
        if (first >= h->count)
            break;
        uint32_t least = (uint32_t)first;
        uint32_t end = h->count - least < ARITY ? h->count : least + ARITY;
        for (uint32_t i = least + 1; i < end; i++)
            if (h->entries[i].key < h->entries[least].key)
                least = i;
        if (h->entries[least].key >= e.key)
            break;
        place(h, at, h->entries[least]);
        at = least;
    }
    place(h, at, e);
}

void sp_heap_set(struct sp_heap *h, uint32_t id, uint64_t key)
{
    SP_ASSERT(id < h->size);
    struct sp_heap_entry e = {key, id, 0};
    uint32_t at = h->position[id];
    if (at == SP_HEAP_NONE) {
        sift_up(h, h->count++, e);
        return;
    }
    if (key < h->entries[at].key)
        sift_up(h, at, e);
    else
        sift_down(h, at, e);
}

void sp_heap_remove(struct sp_heap *h, uint32_t id)
{
    if (id >= h->size || h->position[id] == SP_HEAP_NONE)
        return;
    uint32_t at = h->position[id];
    h->position[id] = SP_HEAP_NONE;
    struct sp_heap_entry last = h->entries[--h->count];
    if (last.id == id)
        return;
    h->position[last.id] = at;
    h->entries[at] = last;
    if (at > 0 && last.key < h->entries[(at - 1) / ARITY].key)
        sift_up(h, at, last);
    else
        sift_down(h, at, last);
}

const struct sp_heap_entry *sp_heap_top(const struct sp_heap *h)
{
    return h->count > 0 ? &h->entries[0] : NULL;
}

uint64_t sp_heap_key(const struct sp_heap *h, uint32_t id)
{
    return id < h->size && h->position[id] != SP_HEAP_NONE ? h->entries[h->position[id]].key : UINT64_MAX;
}

void sp_heap_push_unordered(struct sp_heap *h, uint32_t id, uint64_t key)
{
    SP_ASSERT(id < h->size && h->position[id] == SP_HEAP_NONE);
    place(h, h->count++, (struct sp_heap_entry){key, id, 0});
}

void sp_heap_order(struct sp_heap *h)
{
    if (h->count < 2)
        return;
    for (uint32_t at = (h->count - 2) / ARITY + 1; at-- > 0;)
        sift_down(h, at, h->entries[at]);
}

bool sp_heap_check(const struct sp_heap *h)
{
    for (uint32_t i = 0; i < h->count; i++) {
        if (h->position[h->entries[i].id] != i)
            return false;
        if (i > 0 && h->entries[i].key < h->entries[(i - 1) / ARITY].key)
            return false;
    }
    return true;
}
