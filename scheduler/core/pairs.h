/* SPDX-License-Identifier: Apache-2.0 */
/* The table of (check, node) pairs: 32 bytes each, beside 16 in the wheel. Slots are numbers given again after use; jobs tell
 * their uses apart. Growth happens on operator and node events only. */
#ifndef PAIRS_H
#define PAIRS_H

#include <stdbool.h>
#include <stdint.h>

#include "wheel.h"

#define PAIRS_MAX 8388608u

/*  FREE --> PLANNED --due--> QUEUED --credit--> RUNNING --closed, lost--> PLANNED
 *               ^               | caps              |
 *               |            HELD_CHECK             +--error, attempts left--> PLANNED (retry)
 *               |            HELD_NODE  --room--> QUEUED
 *               +---------- window closed, returned */
enum pairs_state { PAIRS_FREE, PAIRS_PLANNED, PAIRS_QUEUED, PAIRS_HELD_CHECK, PAIRS_HELD_NODE, PAIRS_RUNNING };

#define PAIRS_ADHOC  1u /* made for one run; freed after it */
#define PAIRS_TEST   2u /* the next or present run is a test: recorded, counts for nothing */
#define PAIRS_MANUAL 4u /* the next or present run was ordered: no window, no lateness */

struct pairs_pair {
    uint64_t due;        /* us: of the run that is planned, waits or is out */
    uint64_t job;        /* number of the job that is out; of the last one otherwise */
    uint32_t node;       /* index in the registry; next free slot when free */
    uint32_t next;       /* next pair of the same node */
    uint32_t checkpoint; /* see checkpoint.h */
    uint16_t check;      /* index in checks */
    uint8_t state;       /* enum pairs_state */
    uint8_t attempt : 5; /* attempts made for this due */
    uint8_t flags : 3;   /* PAIRS_ADHOC ... */
};

struct pairs {
    struct pairs_pair *list;
    uint32_t size, top; /* slots from top were never used */
    uint32_t free;      /* chain of free slots */
    uint32_t count;     /* in use */
    uint32_t limit;
};

void pairs_init(struct pairs *p, uint32_t limit);
void pairs_fini(struct pairs *p);
/* Effect: room for `more` pairs here and in the wheel. False: over the limit or no memory. */
bool pairs_reserve(struct pairs *p, struct wheel *w, uint32_t more);
/* Returns a slot, reserved before; state FREE until the caller sets it. Chains it to the node whose first pair is *first. */
uint32_t pairs_add(struct pairs *p, uint16_t check, uint32_t node, uint32_t *first);
/* Effect: unchains and frees the slot, which must be out of the wheel and queues. */
void pairs_drop(struct pairs *p, uint32_t slot, uint32_t *first);
/* Returns the slot of that check in the chain or WHEEL_NONE. Ad-hoc pairs count only when asked for. */
uint32_t pairs_find(const struct pairs *p, uint32_t first, uint16_t check, bool adhoc);

#endif
