/* SPDX-License-Identifier: Apache-2.0 */
/* The last results and when they passed the keeper, for `spicectl trace`; and the last test runs, which are kept nowhere else. Nothing
 * here is ever read by the rule of trust. Fixed memory, oldest overwritten. Pure. */
#ifndef RESULT_RING_H
#define RESULT_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "sp_str.h"

#define RESULT_RING_SIZE         65536u
#define RESULT_RING_TESTS        256u
#define RESULT_RING_DETAIL_BYTES 512u

struct result_stamp {
    uint64_t job, trace;
    uint64_t issued_ms;   /* keeper clock */
    uint64_t received_us; /* keeper clock */
    uint64_t durable_us;  /* keeper clock; 0: refused, or not yet */
    uint32_t node, check;
    uint32_t wait_us, run_us;
    uint16_t code; /* enum sp_refusal */
    uint16_t worker;
    uint8_t outcome, attempt;
    bool test;
};

struct result_test {
    struct result_stamp stamp;
    uint16_t reason;
    uint64_t wall_ms;
    char detail[RESULT_RING_DETAIL_BYTES];
};

struct result_ring {
    struct result_stamp *stamps; /* RESULT_RING_SIZE, owned */
    uint64_t stamped;            /* ever */
    struct result_test *tests;   /* RESULT_RING_TESTS, owned */
    uint64_t tested;             /* ever */
};

bool result_ring_init(struct result_ring *r);
void result_ring_fini(struct result_ring *r);
/* Effect: takes the place of the oldest. Lends the zeroed place until the next call. */
struct result_stamp *result_ring_stamp(struct result_ring *r);
struct result_test *result_ring_test(struct result_ring *r);
/* Lends the newest stamp of that job, NULL when it is no longer there. */
const struct result_stamp *result_ring_find(const struct result_ring *r, uint64_t job);
/* Lends the nth newest (0 = newest); NULL past the end. */
const struct result_stamp *result_ring_nth(const struct result_ring *r, uint64_t n);
const struct result_test *result_ring_nth_test(const struct result_ring *r, uint64_t n);

#endif
