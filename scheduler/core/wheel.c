/* SPDX-License-Identifier: Apache-2.0 */
/*                    cursor                fine_end                    mid_end
 *  ---- near heap ----|---- fine ring ------|---- mid ring -------------|---- far ring ----
 *        exact             1 ms buckets        1 s buckets, refilled        18 min buckets
 *
 * An entry of bucket number b (at >> shift) lives in the finest ring that reaches b. The borders move with the cursor; entries of
 * the bucket at a border are re-placed by their `at`, a few per turn, long before they are due: there is no moment at which a whole
 * coarse bucket has to be moved at once. */
#include "wheel.h"

#include <stdlib.h>

#include "sp_assert.h"

#define MARK_OUT      UINT32_MAX
#define MARK_NEAR     (UINT32_MAX - 1u)
#define MARK_QUEUE    (UINT32_MAX - 2u) /* first of a queue */
#define MARK_HEAD     0x80000000u       /* | list: first of that bucket's list */
#define MID_BASE      WHEEL_FINE_SIZE
#define FAR_BASE      (WHEEL_FINE_SIZE + WHEEL_MID_SIZE)
#define LISTS         (WHEEL_FINE_SIZE + WHEEL_MID_SIZE + WHEEL_FAR_SIZE)
#define FINE_SPAN_MID (WHEEL_FINE_SIZE >> (WHEEL_MID_SHIFT - WHEEL_FINE_SHIFT)) /* fine ring, in mid buckets */
#define MID_SPAN_FAR  (WHEEL_MID_SIZE >> (WHEEL_FAR_SHIFT - WHEEL_MID_SHIFT))
#define URGENT_MID    8u /* mid buckets of lead below which a cascade is finished at once */

SP_STATIC_ASSERT(WHEEL_SLOTS_MAX < MARK_HEAD, "slots and marks must not meet");
SP_STATIC_ASSERT(LISTS < MARK_HEAD - 16u, "list marks must not meet the special ones");
SP_STATIC_ASSERT(URGENT_MID < FINE_SPAN_MID, "urgency must start inside the ring");

static void borders_set(struct wheel *w)
{
    w->fine_end = (w->cursor >> (WHEEL_MID_SHIFT - WHEEL_FINE_SHIFT)) + FINE_SPAN_MID;
    w->mid_end = (w->fine_end >> (WHEEL_FAR_SHIFT - WHEEL_MID_SHIFT)) + MID_SPAN_FAR;
}

bool wheel_init(struct wheel *w, uint32_t size, uint64_t now_us)
{
    *w = (struct wheel){.cursor = now_us >> WHEEL_FINE_SHIFT};
    w->heads = malloc(LISTS * sizeof w->heads[0]);
    w->map = calloc(LISTS / 64, sizeof w->map[0]);
    w->sum = calloc(LISTS / 4096 + 1, sizeof w->sum[0]);
    w->near = malloc(WHEEL_NEAR_MAX * sizeof w->near[0]);
    if (w->heads == NULL || w->map == NULL || w->sum == NULL || w->near == NULL || !wheel_resize(w, size)) {
        wheel_fini(w);
        return false;
    }
    for (uint32_t i = 0; i < LISTS; i++)
        w->heads[i] = WHEEL_NONE;
    borders_set(w);
    return true;
}

bool wheel_resize(struct wheel *w, uint32_t size)
{
    SP_ASSERT(size <= WHEEL_SLOTS_MAX);
    if (size <= w->size)
        return true;
    struct wheel_entry *entries = realloc(w->entries, (size_t)size * sizeof entries[0]);
    if (entries == NULL)
        return false;
    w->entries = entries;
    for (uint32_t i = w->size; i < size; i++)
        entries[i] = (struct wheel_entry){.next = WHEEL_NONE, .prev = MARK_OUT};
    w->size = size;
    return true;
}

void wheel_fini(struct wheel *w)
{
    free(w->entries);
    free(w->heads);
    free(w->map);
    free(w->sum);
    free(w->near);
    *w = (struct wheel){0};
}

/* ---- lists of the buckets ---- */

static void list_push(struct wheel *w, uint32_t list, uint32_t slot)
{
    struct wheel_entry *e = &w->entries[slot];
    uint32_t head = w->heads[list];
    e->next = head;
    e->prev = MARK_HEAD | list;
    if (head != WHEEL_NONE)
        w->entries[head].prev = slot;
    w->heads[list] = slot;
    w->map[list / 64] |= 1ull << (list % 64);
    w->sum[list / 4096] |= 1ull << (list / 64 % 64);
}

static void list_mark_empty(struct wheel *w, uint32_t list)
{
    w->map[list / 64] &= ~(1ull << (list % 64));
    if (w->map[list / 64] == 0)
        w->sum[list / 4096] &= ~(1ull << (list / 64 % 64));
}

static void list_unlink(struct wheel *w, uint32_t slot)
{
    struct wheel_entry *e = &w->entries[slot];
    if (e->next != WHEEL_NONE)
        w->entries[e->next].prev = e->prev;
    if (e->prev & MARK_HEAD) {
        uint32_t list = e->prev & ~MARK_HEAD;
        SP_ASSERT(list < LISTS && w->heads[list] == slot);
        w->heads[list] = e->next;
        if (e->next == WHEEL_NONE)
            list_mark_empty(w, list);
    } else {
        w->entries[e->prev].next = e->next;
    }
    e->next = WHEEL_NONE;
    e->prev = MARK_OUT;
}

/* First list that is not empty in [from, to), or `to`. */
static uint32_t list_find(const struct wheel *w, uint32_t from, uint32_t to)
{
    while (from < to) {
        uint64_t bits = w->map[from / 64] >> (from % 64);
        if (bits != 0) {
            uint32_t found = from + (uint32_t)__builtin_ctzll(bits);
            return found < to ? found : to;
        }
        uint32_t word = from / 64 + 1;
        uint64_t words = word % 64 == 0 ? 0 : w->sum[word / 64] >> (word % 64);
        if (words != 0) {
            from = (word + (uint32_t)__builtin_ctzll(words)) * 64;
            continue;
        }
        uint32_t group = word % 64 == 0 ? word / 64 : word / 64 + 1;
        while (group * 4096 < to && w->sum[group] == 0)
            group++;
        from = group * 4096 < to ? (group * 64 + (uint32_t)__builtin_ctzll(w->sum[group])) * 64 : to;
    }
    return to;
}

/* Number of the first bucket >= number that is not empty in a ring, or UINT64_MAX. All entries lie within one turn from number. */
static uint64_t ring_find(const struct wheel *w, uint32_t base, uint32_t size, uint64_t number)
{
    uint32_t start = (uint32_t)(number & (size - 1));
    uint32_t found = list_find(w, base + start, base + size);
    if (found < base + size)
        return number + (found - base - start);
    found = list_find(w, base, base + start);
    return found < base + start ? number + (size - start) + (found - base) : UINT64_MAX;
}

/* ---- the heap of the bucket at hand ---- */

static void near_up(struct wheel *w, uint32_t i, struct wheel_near item)
{
    while (i > 0 && w->near[(i - 1) / 2].at > item.at) {
        w->near[i] = w->near[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    w->near[i] = item;
}

static void near_down(struct wheel *w, uint32_t i, struct wheel_near item)
{
    for (;;) {
        uint32_t child = 2 * i + 1;
        if (child >= w->near_count)
            break;
        if (child + 1 < w->near_count && w->near[child + 1].at < w->near[child].at)
            child++;
        if (w->near[child].at >= item.at)
            break;
        w->near[i] = w->near[child];
        i = child;
    }
    w->near[i] = item;
}

static void near_put(struct wheel *w, uint32_t slot)
{
    struct wheel_near item = {w->entries[slot].at, slot};
    SP_ASSERT(w->near_count < WHEEL_NEAR_MAX);
    w->entries[slot].prev = MARK_NEAR;
    near_up(w, w->near_count++, item);
}

static void near_take(struct wheel *w, uint32_t i)
{
    w->entries[w->near[i].slot].prev = MARK_OUT;
    struct wheel_near last = w->near[--w->near_count];
    if (i == w->near_count)
        return;
    if (i > 0 && w->near[(i - 1) / 2].at > last.at)
        near_up(w, i, last);
    else
        near_down(w, i, last);
}

/* ---- placing ---- */

static void place(struct wheel *w, uint32_t slot)
{
    uint64_t at = w->entries[slot].at;
    uint64_t fine = at >> WHEEL_FINE_SHIFT, mid = at >> WHEEL_MID_SHIFT, far = at >> WHEEL_FAR_SHIFT;
    if (fine <= w->cursor) {
        if (w->near_count < WHEEL_NEAR_MAX)
            near_put(w, slot);
        else
            list_push(w, (uint32_t)(w->cursor & (WHEEL_FINE_SIZE - 1)), slot);
    } else if (mid < w->fine_end) {
        list_push(w, (uint32_t)(fine & (WHEEL_FINE_SIZE - 1)), slot);
    } else if (far < w->mid_end) {
        list_push(w, MID_BASE + (uint32_t)(mid & (WHEEL_MID_SIZE - 1)), slot);
    } else {
        uint64_t last = w->mid_end + WHEEL_FAR_SIZE - 1;
        list_push(w, FAR_BASE + (uint32_t)((far < last ? far : last) & (WHEEL_FAR_SIZE - 1)), slot);
    }
}

void wheel_set(struct wheel *w, uint32_t slot, uint64_t at_us)
{
    SP_ASSERT(slot < w->size);
    wheel_remove(w, slot);
    w->entries[slot].at = at_us;
    w->count++;
    place(w, slot);
}

bool wheel_has(const struct wheel *w, uint32_t slot)
{
    return slot < w->size && w->entries[slot].prev != MARK_OUT;
}

void wheel_remove(struct wheel *w, uint32_t slot)
{
    SP_ASSERT(slot < w->size && w->entries[slot].prev != MARK_QUEUE);
    uint32_t prev = w->entries[slot].prev;
    if (prev == MARK_OUT)
        return;
    SP_ASSERT(w->count > 0);
    w->count--;
    if (prev != MARK_NEAR) {
        list_unlink(w, slot);
        return;
    }
    for (uint32_t i = 0; i < w->near_count; i++)
        if (w->near[i].slot == slot) {
            near_take(w, i);
            return;
        }
    SP_UNREACHABLE();
}

void wheel_clear(struct wheel *w, uint64_t now_us)
{
    while (w->near_count > 0)
        near_take(w, w->near_count - 1);
    for (uint32_t list = list_find(w, 0, LISTS); list < LISTS; list = list_find(w, list, LISTS))
        while (w->heads[list] != WHEEL_NONE)
            list_unlink(w, w->heads[list]);
    w->count = 0;
    w->cursor = now_us >> WHEEL_FINE_SHIFT;
    borders_set(w);
}

/* ---- turning ---- */

/* Re-places the entries of a mid bucket until it is empty (true) or the budget is used up. */
static bool cascade_mid(struct wheel *w, uint32_t list, uint32_t *budget)
{
    while (w->heads[list] != WHEEL_NONE) {
        if (*budget == 0)
            return false;
        --*budget;
        uint32_t slot = w->heads[list];
        list_unlink(w, slot);
        place(w, slot);
    }
    return true;
}

/* Re-places all entries of a far bucket. Those that wait for a later turn come back to the same list, so it is taken off first. */
static void cascade_far(struct wheel *w, uint32_t list)
{
    uint32_t slot = w->heads[list];
    w->heads[list] = WHEEL_NONE;
    list_mark_empty(w, list);
    while (slot != WHEEL_NONE) {
        uint32_t next = w->entries[slot].next;
        place(w, slot);
        slot = next;
    }
}

/* Moves the borders towards where the cursor wants them. */
static void cascade(struct wheel *w)
{
    uint32_t budget = WHEEL_CASCADE_BUDGET;
    uint64_t here = w->cursor >> (WHEEL_MID_SHIFT - WHEEL_FINE_SHIFT);
    while (w->fine_end < here + FINE_SPAN_MID) {
        while (w->mid_end < (w->fine_end >> (WHEEL_FAR_SHIFT - WHEEL_MID_SHIFT)) + MID_SPAN_FAR) {
            uint64_t number = w->mid_end++; /* first, so that its entries find their place in mid */
            cascade_far(w, FAR_BASE + (uint32_t)(number & (WHEEL_FAR_SIZE - 1)));
        }
        if (w->fine_end < here + URGENT_MID)
            budget = UINT32_MAX;
        uint64_t number = w->fine_end++;
        if (!cascade_mid(w, MID_BASE + (uint32_t)(number & (WHEEL_MID_SIZE - 1)), &budget)) {
            w->fine_end--;
            return;
        }
    }
}

/* Jumps over stretches where every ring is empty, so that a long sleep costs nothing. */
static void cursor_to(struct wheel *w, uint64_t fine)
{
    if (fine <= w->cursor)
        return;
    if (w->count == w->near_count) {
        w->cursor = fine;
        borders_set(w);
        return;
    }
    w->cursor = fine;
    cascade(w);
}

/* The fine ring is empty: moves the borders to the first coarse bucket that is not, if its time has come. */
static bool skip_ahead(struct wheel *w, uint64_t now)
{
    uint64_t mid = ring_find(w, MID_BASE, WHEEL_MID_SIZE, w->fine_end);
    uint64_t far = w->mid_end;
    if (mid == UINT64_MAX) {
        far = ring_find(w, FAR_BASE, WHEEL_FAR_SIZE, w->mid_end);
        SP_ASSERT(far != UINT64_MAX);
        mid = far << (WHEEL_FAR_SHIFT - WHEEL_MID_SHIFT);
    }
    uint64_t from = mid < FINE_SPAN_MID ? 0 : (mid - FINE_SPAN_MID + 1) << (WHEEL_MID_SHIFT - WHEEL_FINE_SHIFT);
    if (from > now)
        return false;
    w->mid_end = far;
    w->fine_end = mid;
    if (from > w->cursor)
        w->cursor = from;
    cascade(w);
    return true;
}

/* Fills the heap from the first bucket that has come; false when none has. */
static bool near_fill(struct wheel *w, uint64_t now_us)
{
    uint64_t now = now_us >> WHEEL_FINE_SHIFT;
    cascade(w);
    uint64_t found = ring_find(w, 0, WHEEL_FINE_SIZE, w->cursor);
    if (found == UINT64_MAX && w->count > w->near_count && skip_ahead(w, now))
        return true;
    if (found > now) {
        cursor_to(w, now);
        return false;
    }
    cursor_to(w, found);
    uint32_t list = (uint32_t)(found & (WHEEL_FINE_SIZE - 1));
    while (w->heads[list] != WHEEL_NONE && w->near_count < WHEEL_NEAR_MAX) {
        uint32_t slot = w->heads[list];
        list_unlink(w, slot);
        near_put(w, slot);
    }
    return true;
}

uint32_t wheel_pop(struct wheel *w, uint64_t now_us)
{
    while (w->near_count == 0 || w->near[0].at > now_us) {
        if (w->near_count == WHEEL_NEAR_MAX || w->count == w->near_count) {
            if (w->count == w->near_count)
                cursor_to(w, now_us >> WHEEL_FINE_SHIFT);
            return WHEEL_NONE;
        }
        if (!near_fill(w, now_us))
            return WHEEL_NONE;
    }
    uint32_t slot = w->near[0].slot;
    near_take(w, 0);
    w->count--;
    return slot;
}

/* Exact earliest instant of a short list; the start of the bucket for a long one. */
static uint64_t list_earliest(const struct wheel *w, uint32_t list, uint64_t bucket_start)
{
    uint64_t earliest = UINT64_MAX;
    uint32_t slot = w->heads[list];
    for (unsigned i = 0; i < 64 && slot != WHEEL_NONE; i++, slot = w->entries[slot].next)
        if (w->entries[slot].at < earliest)
            earliest = w->entries[slot].at;
    return slot == WHEEL_NONE ? earliest : bucket_start;
}

uint64_t wheel_next(const struct wheel *w)
{
    if (w->near_count > 0)
        return w->near[0].at;
    if (w->count == 0)
        return UINT64_MAX;
    uint64_t next = UINT64_MAX;
    uint64_t fine = ring_find(w, 0, WHEEL_FINE_SIZE, w->cursor);
    if (fine != UINT64_MAX)
        next = list_earliest(w, (uint32_t)(fine & (WHEEL_FINE_SIZE - 1)), fine << WHEEL_FINE_SHIFT);
    /* Coarse buckets are cascaded when the fine ring could take them, half its length ahead. */
    uint64_t mid = ring_find(w, MID_BASE, WHEEL_MID_SIZE, w->fine_end);
    if (mid == UINT64_MAX) {
        uint64_t far = ring_find(w, FAR_BASE, WHEEL_FAR_SIZE, w->mid_end);
        if (far == UINT64_MAX)
            return next;
        mid = far << (WHEEL_FAR_SHIFT - WHEEL_MID_SHIFT);
    }
    uint64_t turn = mid > FINE_SPAN_MID / 2 ? (mid - FINE_SPAN_MID / 2) << WHEEL_MID_SHIFT : 0;
    return turn < next ? turn : next;
}

/* ---- queues ---- */

void wheel_queue_init(struct wheel_queue *q)
{
    *q = (struct wheel_queue){WHEEL_NONE, WHEEL_NONE, 0};
}

void wheel_queue_push(struct wheel *w, struct wheel_queue *q, uint32_t slot)
{
    SP_ASSERT(slot < w->size && w->entries[slot].prev == MARK_OUT);
    w->entries[slot].next = WHEEL_NONE;
    w->entries[slot].prev = q->tail == WHEEL_NONE ? MARK_QUEUE : q->tail;
    if (q->tail == WHEEL_NONE)
        q->head = slot;
    else
        w->entries[q->tail].next = slot;
    q->tail = slot;
    q->count++;
}

void wheel_queue_push_front(struct wheel *w, struct wheel_queue *q, uint32_t slot)
{
    if (q->head == WHEEL_NONE) {
        wheel_queue_push(w, q, slot);
        return;
    }
    SP_ASSERT(slot < w->size && w->entries[slot].prev == MARK_OUT);
    w->entries[slot].next = q->head;
    w->entries[slot].prev = MARK_QUEUE;
    w->entries[q->head].prev = slot;
    q->head = slot;
    q->count++;
}

uint32_t wheel_queue_pop(struct wheel *w, struct wheel_queue *q)
{
    uint32_t slot = q->head;
    if (slot != WHEEL_NONE)
        wheel_queue_remove(w, q, slot);
    return slot;
}

void wheel_queue_remove(struct wheel *w, struct wheel_queue *q, uint32_t slot)
{
    SP_ASSERT(q->count > 0);
    struct wheel_entry *e = &w->entries[slot];
    if (e->next == WHEEL_NONE) {
        SP_ASSERT(q->tail == slot);
        q->tail = e->prev == MARK_QUEUE ? WHEEL_NONE : e->prev;
    } else {
        w->entries[e->next].prev = e->prev;
    }
    if (e->prev == MARK_QUEUE) {
        SP_ASSERT(q->head == slot);
        q->head = e->next;
    } else {
        w->entries[e->prev].next = e->next;
    }
    q->count--;
    e->next = WHEEL_NONE;
    e->prev = MARK_OUT;
}

/* ---- invariants ---- */

/* Walks one list; false when its links are wrong. */
static bool list_right(const struct wheel *w, uint32_t list, uint32_t *seen)
{
    uint32_t prev = MARK_HEAD | list;
    for (uint32_t slot = w->heads[list]; slot != WHEEL_NONE; slot = w->entries[slot].next) {
        if (w->entries[slot].prev != prev || ++*seen > w->count)
            return false;
        prev = slot;
    }
    return prev != (MARK_HEAD | list); /* its bit says that there is something */
}

bool wheel_check(const struct wheel *w)
{
    uint32_t seen = w->near_count;
    for (uint32_t i = 0; i < w->near_count; i++) {
        const struct wheel_near *n = &w->near[i];
        if (w->entries[n->slot].prev != MARK_NEAR || w->entries[n->slot].at != n->at || (i > 0 && w->near[(i - 1) / 2].at > n->at))
            return false;
    }
    for (uint32_t word = 0; word < LISTS / 64; word++) {
        if ((w->map[word] != 0) != ((w->sum[word / 64] >> (word % 64) & 1) != 0))
            return false;
        for (uint64_t bits = w->map[word]; bits != 0; bits &= bits - 1)
            if (!list_right(w, word * 64 + (uint32_t)__builtin_ctzll(bits), &seen))
                return false;
    }
    return seen == w->count;
}
