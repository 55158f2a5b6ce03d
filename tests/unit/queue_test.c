/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "queue.h"

#define FRAMES 16u

static void fill(struct queue_pool *pool, uint32_t frame, uint32_t jobs, uint32_t bytes, uint64_t expires_us)
{
    pool->frames[frame].jobs = jobs;
    pool->frames[frame].bytes = bytes;
    pool->frames[frame].expires_us = expires_us;
}

static void check(const struct queue_pool *pool, const struct queue *q)
{
    uint32_t count = 0;
    size_t bytes = 0;

    queue_check(pool, q, &count, &bytes);
    assert_int_equal(count, pool->count);
    assert_int_equal(bytes, pool->bytes);
}

static void test_order(void **state)
{
    struct queue_pool pool;
    struct queue q;

    (void)state;
    assert_true(queue_pool_init(&pool, FRAMES, 1000));
    queue_init(&q);
    assert_int_equal(queue_pop(&pool, &q), QUEUE_NONE);
    for (uint32_t i = 0; i < 3; i++) {
        fill(&pool, i, i + 1, 10, 100 - i);
        assert_true(queue_push(&pool, &q, i));
    }
    assert_int_equal(q.jobs, 6);
    check(&pool, &q);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(queue_pop(&pool, &q), i);
    assert_int_equal(pool.bytes, 0);
    queue_pool_fini(&pool);
}

static void test_bound_of_bytes_is_over_all_queues(void **state)
{
    struct queue_pool pool;
    struct queue a, b;

    (void)state;
    assert_true(queue_pool_init(&pool, FRAMES, 100));
    queue_init(&a);
    queue_init(&b);
    fill(&pool, 0, 1, 60, 1);
    fill(&pool, 1, 1, 41, 1);
    fill(&pool, 2, 1, 40, 1);
    fill(&pool, 3, 1, 101, 1);
    assert_false(queue_push(&pool, &a, 3));
    assert_true(queue_push(&pool, &a, 0));
    assert_false(queue_push(&pool, &b, 1));
    assert_true(queue_push(&pool, &b, 2));
    assert_int_equal(b.count, 1);
    queue_pool_fini(&pool);
}

/* Against a naive twin: an array. */
static void test_expiry(void **state)
{
    struct queue_pool pool;
    struct queue q;
    uint32_t order[FRAMES], n = 0, seed = 1;

    (void)state;
    assert_true(queue_pool_init(&pool, FRAMES, 100000));
    queue_init(&q);
    for (unsigned round = 0; round < 2000; round++) {
        uint64_t now = round * 10, first = UINT64_MAX;
        uint32_t expired = QUEUE_NONE, frame = 0;

        seed = seed * 1103515245u + 12345u;
        while (frame < FRAMES && pool.frames[frame].queued)
            frame++;
        if (frame < FRAMES && (seed >> 16) % 3 != 0) {
            fill(&pool, frame, 1, 1, now + (seed >> 8) % 200);
            assert_true(queue_push(&pool, &q, frame));
            order[n++] = frame;
        }
        for (uint32_t i = n; i-- > 0;) {
            first = pool.frames[order[i]].expires_us < first ? pool.frames[order[i]].expires_us : first;
            if (pool.frames[order[i]].expires_us <= now)
                expired = i;
        }
        assert_true(queue_expiry(&pool, &q) == first);
        uint32_t got = queue_pop_expired(&pool, &q, now);

        assert_int_equal(got, expired == QUEUE_NONE ? QUEUE_NONE : order[expired]);
        if (expired != QUEUE_NONE) {
            for (uint32_t i = expired; i + 1 < n; i++)
                order[i] = order[i + 1];
            n--;
        }
        check(&pool, &q);
    }
    queue_pool_fini(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_bound_of_bytes_is_over_all_queues),
        cmocka_unit_test(test_expiry),
    };

    return cmocka_run_group_tests_name("queue", tests, NULL, NULL);
}
