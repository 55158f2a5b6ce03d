/* SPDX-License-Identifier: Apache-2.0 */
/* The order in which things fall due: a wheel of lists over slots 0..size-1, exact to the microsecond, and first-in-first-out
 * queues that use the same links. A slot is in the wheel, in one queue, or out. Three rings of coarser and coarser buckets feed
 * each other a little at a time, and a small heap holds what is due within the bucket at hand; so setting, removing and popping
 * cost a few memory accesses however many slots there are, and 16 bytes a slot. (A heap with the keys inline costs 20 bytes and
 * a walk over ten cache lines a step; bench_scheduler has both.)
 * Pure: told the time, allocates only in init and wheel_resize. One owner, one thread. */
#ifndef WHEEL_H
#define WHEEL_H

#include <stdbool.h>
#include <stdint.h>

#define WHEEL_NONE           UINT32_MAX
#define WHEEL_SLOTS_MAX      0x7fff0000u
#define WHEEL_NEAR_MAX       4096u /* entries of the exact heap; more wait in their bucket */
#define WHEEL_CASCADE_BUDGET 512u  /* entries moved between rings per turn unless it is urgent */

#define WHEEL_FINE_SHIFT 10u /* bucket of 1.024 ms */
#define WHEEL_FINE_SIZE  65536u
#define WHEEL_MID_SHIFT  20u /* bucket of 1.05 s */
#define WHEEL_MID_SIZE   4096u
#define WHEEL_FAR_SHIFT  30u /* bucket of 17.9 min; farther than 12 days waits in the last one */
#define WHEEL_FAR_SIZE   1024u

struct wheel_entry {
    uint64_t at; /* us; meaningless in a queue */
    uint32_t next;
    uint32_t prev; /* slot, or a mark: see wheel.c */
};

struct wheel_near {
    uint64_t at;
    uint32_t slot;
};

struct wheel_queue {
    uint32_t head, tail, count;
};

/* All fields are private. */
struct wheel {
    struct wheel_entry *entries;
    uint32_t size;
    uint32_t count;    /* in the wheel, queues not counted */
    uint32_t *heads;   /* fine, mid, far */
    uint64_t *map;     /* bit per bucket: list not empty */
    uint64_t *sum;     /* bit per word of map */
    uint64_t cursor;   /* number of the fine bucket at hand; earlier ones are empty */
    uint64_t fine_end; /* mid bucket number from which entries stay in mid */
    uint64_t mid_end;  /* far bucket number from which entries stay in far */
    struct wheel_near *near;
    uint32_t near_count;
};

/* Effect: empty wheel that starts at now. False without memory (nothing kept). */
bool wheel_init(struct wheel *w, uint32_t size, uint64_t now_us);
/* Effect: room for slots 0..size-1; never shrinks. False without memory (unchanged). */
bool wheel_resize(struct wheel *w, uint32_t size);
void wheel_fini(struct wheel *w);

/* Effect: slot falls due at `at`; moves it if it is in the wheel already. It must not be in a queue. */
void wheel_set(struct wheel *w, uint32_t slot, uint64_t at_us);
/* Effect: takes slot out of the wheel if it is there. */
void wheel_remove(struct wheel *w, uint32_t slot);
bool wheel_has(const struct wheel *w, uint32_t slot);
/* Effect: every entry out of the wheel, starting again at now; queues are not touched. For bulk re-planning. O(slots). */
void wheel_clear(struct wheel *w, uint64_t now_us);
/* Returns a slot due at or before now and takes it out; WHEEL_NONE when there is none. Earliest first, except that under overload
 * (more than WHEEL_NEAR_MAX at once) order within one bucket is not kept. now never goes back. */
uint32_t wheel_pop(struct wheel *w, uint64_t now_us);
/* Returns the instant at which wheel_pop should be called next, at most one bucket too early, UINT64_MAX when empty. */
uint64_t wheel_next(const struct wheel *w);

void wheel_queue_init(struct wheel_queue *q);
/* Effect: appends (or puts in front) a slot that is out. */
void wheel_queue_push(struct wheel *w, struct wheel_queue *q, uint32_t slot);
void wheel_queue_push_front(struct wheel *w, struct wheel_queue *q, uint32_t slot);
/* Returns the first and takes it out; WHEEL_NONE when empty. */
uint32_t wheel_queue_pop(struct wheel *w, struct wheel_queue *q);
/* Effect: takes slot, which must be in q, out of it. */
void wheel_queue_remove(struct wheel *w, struct wheel_queue *q, uint32_t slot);

/* True when lists, maps, heap and count agree. For tests. O(slots). */
bool wheel_check(const struct wheel *w);

#endif
