/* SPDX-License-Identifier: Apache-2.0 */
/* The wheel against a naive twin (an array searched from end to end): same slots, same instants, whatever the mix of spans. */
#include "wheel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sp_rng.h"

#define SLOTS 300u

struct twin {
    uint64_t at[SLOTS]; /* UINT64_MAX: out */
};

static uint64_t twin_least(const struct twin *t)
{
    uint64_t least = UINT64_MAX;
    for (unsigned i = 0; i < SLOTS; i++)
        if (t->at[i] < least)
            least = t->at[i];
    return least;
}

static uint64_t span_of(struct sp_rng *r)
{
    static const uint64_t spans[] = {0, 900, 5000, 3000000, 90000000, 7200000000ull, 2000000000000ull, 30000000000000ull};
    uint64_t span = spans[sp_rng_below(r, sizeof spans / sizeof spans[0])];
    return span == 0 ? 0 : sp_rng_below(r, span);
}

/* Pops everything due at now from both and compares. Order may differ only among equal instants. */
static void drain(struct wheel *w, struct twin *t, uint64_t now)
{
    uint64_t last = 0;
    for (;;) {
        uint32_t slot = wheel_pop(w, now);
        if (slot == WHEEL_NONE)
            break;
        assert_true(slot < SLOTS);
        assert_true(t->at[slot] <= now);
        assert_int_equal(t->at[slot], twin_least(t));
        assert_true(t->at[slot] >= last);
        last = t->at[slot];
        t->at[slot] = UINT64_MAX;
    }
    assert_true(twin_least(t) > now);
}

static void run_seed(uint64_t seed)
{
    struct sp_rng r = {seed};
    struct wheel w;
    struct twin t;
    uint64_t now = sp_rng_below(&r, 1ull << 40);
    memset(t.at, 0xff, sizeof t.at);
    assert_true(wheel_init(&w, SLOTS, now));
    for (unsigned step = 0; step < 3000; step++) {
        uint32_t slot = (uint32_t)sp_rng_below(&r, SLOTS);
        uint64_t dice = sp_rng_below(&r, 100);
        if (dice < 60) {
            t.at[slot] = now + span_of(&r);
            if (dice < 3)
                t.at[slot] = now > 5000000 ? now - sp_rng_below(&r, 5000000) : 0;
            wheel_set(&w, slot, t.at[slot]);
        } else if (dice < 70) {
            wheel_remove(&w, slot);
            t.at[slot] = UINT64_MAX;
        } else if (dice < 90) {
            uint64_t next = wheel_next(&w), least = twin_least(&t);
            assert_true(next <= least); /* never sleeps too long */
            now += span_of(&r);
            drain(&w, &t, now);
        } else {
            /* As the shell does: sleep until asked for, turn, again. Bounded number of idle turns. */
            uint64_t least = twin_least(&t);
            unsigned turns = 0;
            while (least != UINT64_MAX && now < least) {
                uint64_t next = wheel_next(&w);
                assert_true(next <= least);
                now = next > now ? next : now;
                if (now < least)
                    assert_int_equal(wheel_pop(&w, now), WHEEL_NONE);
                assert_true(++turns < 20000);
            }
            drain(&w, &t, now);
        }
        if (step % 64 == 0)
            assert_true(wheel_check(&w));
    }
    assert_true(wheel_check(&w));
    wheel_clear(&w, now);
    assert_int_equal(wheel_next(&w), UINT64_MAX);
    assert_true(wheel_check(&w));
    wheel_fini(&w);
}

static void agrees_with_twin(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++)
        run_seed(seed);
}

static void overload_loses_nothing(void **state)
{
    (void)state;
    struct wheel w;
    enum { N = 20000 };
    unsigned char *seen = calloc(N, 1);
    assert_true(wheel_init(&w, N, 1000000));
    for (uint32_t i = 0; i < N; i++)
        wheel_set(&w, i, 5000000);
    for (uint32_t i = 0; i < N; i++)
        assert_int_equal(wheel_next(&w) <= 5000000, 1);
    unsigned count = 0;
    assert_int_equal(wheel_pop(&w, 4999999), WHEEL_NONE);
    for (uint32_t slot; (slot = wheel_pop(&w, 5000000)) != WHEEL_NONE; count++) {
        assert_false(seen[slot]);
        seen[slot] = 1;
    }
    assert_int_equal(count, N);
    wheel_fini(&w);
    free(seen);
}

static void queues_are_first_in_first_out(void **state)
{
    (void)state;
    struct wheel w;
    struct wheel_queue q;
    assert_true(wheel_init(&w, 8, 0));
    wheel_queue_init(&q);
    for (uint32_t i = 0; i < 6; i++)
        wheel_queue_push(&w, &q, i);
    wheel_queue_push_front(&w, &q, 7);
    wheel_queue_remove(&w, &q, 3);
    wheel_queue_remove(&w, &q, 5);
    static const uint32_t order[] = {7, 0, 1, 2, 4};
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(wheel_queue_pop(&w, &q), order[i]);
    assert_int_equal(wheel_queue_pop(&w, &q), WHEEL_NONE);
    assert_int_equal(q.count, 0);
    wheel_queue_push(&w, &q, 5);
    assert_int_equal(wheel_queue_pop(&w, &q), 5);
    wheel_set(&w, 5, 10); /* leaves a queue clean enough to be set */
    assert_int_equal(wheel_pop(&w, 10), 5);
    wheel_fini(&w);
}

static void a_long_sleep_costs_nothing(void **state)
{
    (void)state;
    struct wheel w;
    uint64_t now = 1234567, turns = 0;
    assert_true(wheel_init(&w, 1, now));
    wheel_set(&w, 0, now + 86400000000ull * 30);
    while (wheel_pop(&w, now) == WHEEL_NONE) {
        now = wheel_next(&w);
        assert_true(++turns < 10);
    }
    assert_int_equal(now, 1234567 + 86400000000ull * 30);
    wheel_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_twin),
        cmocka_unit_test(overload_loses_nothing),
        cmocka_unit_test(queues_are_first_in_first_out),
        cmocka_unit_test(a_long_sleep_costs_nothing),
    };
    return cmocka_run_group_tests_name("wheel", tests, NULL, NULL);
}
