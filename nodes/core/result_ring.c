/* SPDX-License-Identifier: Apache-2.0 */
#include "result_ring.h"

#include <stdlib.h>

bool result_ring_init(struct result_ring *r)
{
    r->stamps = calloc(RESULT_RING_SIZE, sizeof *r->stamps);
    r->tests = calloc(RESULT_RING_TESTS, sizeof *r->tests);
    r->stamped = 0;
    r->tested = 0;
    if (r->stamps == NULL || r->tests == NULL) {
        result_ring_fini(r);
        return false;
    }
    return true;
}

void result_ring_fini(struct result_ring *r)
{
    free(r->stamps);
    free(r->tests);
    *r = (struct result_ring){0};
}

struct result_stamp *result_ring_stamp(struct result_ring *r)
{
    struct result_stamp *s = &r->stamps[r->stamped++ % RESULT_RING_SIZE];
    memset(s, 0, sizeof *s);
    return s;
}

struct result_test *result_ring_test(struct result_ring *r)
{
    struct result_test *t = &r->tests[r->tested++ % RESULT_RING_TESTS];
    memset(t, 0, sizeof *t);
    return t;
}

const struct result_stamp *result_ring_nth(const struct result_ring *r, uint64_t n)
{
    if (n >= r->stamped || n >= RESULT_RING_SIZE) {
        return NULL;
    }
    return &r->stamps[(r->stamped - 1 - n) % RESULT_RING_SIZE];
}

const struct result_test *result_ring_nth_test(const struct result_ring *r, uint64_t n)
{
    if (n >= r->tested || n >= RESULT_RING_TESTS) {
        return NULL;
    }
    return &r->tests[(r->tested - 1 - n) % RESULT_RING_TESTS];
}

const struct result_stamp *result_ring_find(const struct result_ring *r, uint64_t job)
{
    for (uint64_t n = 0; n < RESULT_RING_SIZE; n++) {
        const struct result_stamp *s = result_ring_nth(r, n);
        if (s == NULL || s->job == job) {
            return s;
        }
    }
    return NULL;
}
