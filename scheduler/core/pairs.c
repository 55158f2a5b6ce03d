/* SPDX-License-Identifier: Apache-2.0 */
#include "pairs.h"

#include <stdlib.h>

#include "sp_assert.h"

SP_STATIC_ASSERT(sizeof(struct pairs_pair) == 32, "a pair is half a cache line");
SP_STATIC_ASSERT(PAIRS_MAX <= WHEEL_SLOTS_MAX, "every pair has a place in the wheel");

void pairs_init(struct pairs *p, uint32_t limit)
{
    *p = (struct pairs){.free = WHEEL_NONE, .limit = limit < PAIRS_MAX ? limit : PAIRS_MAX};
}

void pairs_fini(struct pairs *p)
{
    free(p->list);
    *p = (struct pairs){.free = WHEEL_NONE};
}

bool pairs_reserve(struct pairs *p, struct wheel *w, uint32_t more)
{
    uint64_t want = (uint64_t)p->count + more;
    if (want > p->limit)
        return false;
    if (want <= p->size)
        return wheel_resize(w, p->size);
    /* An eighth of slack: memory that is not touched is not resident, but address space is not free either. */
    uint64_t size = want + want / 8 + 64;
    uint32_t slots = (uint32_t)(size < p->limit ? size : p->limit);
    struct pairs_pair *list = realloc(p->list, (size_t)slots * sizeof list[0]);
    if (list == NULL)
        return false;
    p->list = list;
    p->size = slots;
    return wheel_resize(w, slots);
}

uint32_t pairs_add(struct pairs *p, uint16_t check, uint32_t node, uint32_t *first)
{
    uint32_t slot = p->free;
    if (slot != WHEEL_NONE)
        p->free = p->list[slot].node;
    else
        slot = p->top++;
    SP_ASSERT(slot < p->size);
    p->list[slot] = (struct pairs_pair){.check = check, .node = node, .next = *first, .state = PAIRS_FREE};
    *first = slot;
    p->count++;
    return slot;
}

void pairs_drop(struct pairs *p, uint32_t slot, uint32_t *first)
{
    SP_ASSERT(slot < p->top && p->count > 0);
    uint32_t *link = first;
    while (*link != slot) {
        SP_ASSERT(*link != WHEEL_NONE);
        link = &p->list[*link].next;
    }
    *link = p->list[slot].next;
    p->list[slot] = (struct pairs_pair){.node = p->free, .state = PAIRS_FREE};
    p->free = slot;
    p->count--;
}

uint32_t pairs_find(const struct pairs *p, uint32_t first, uint16_t check, bool adhoc)
{
    for (uint32_t slot = first; slot != WHEEL_NONE; slot = p->list[slot].next)
        if (p->list[slot].check == check && ((p->list[slot].flags & PAIRS_ADHOC) != 0) == adhoc)
            return slot;
    return WHEEL_NONE;
}
