/* SPDX-License-Identifier: Apache-2.0 */
/* LeaseClosed that meets a full queue comes to the scheduler all the same, in bounded memory and in bounded time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "keeper_closed.h"

struct line {
    struct keeper_closed closed;
    bool full;
    uint64_t sequence;
    uint32_t sent;
    char last[32];
};

static bool send_one(void *ctx, struct sp_str body, uint64_t *sequence)
{
    struct line *l = ctx;
    if (l->full)
        return false;
    *sequence = ++l->sequence;
    l->sent++;
    (void)sp_str_copy(l->last, sizeof l->last, body);
    return true;
}

static void line_init(struct line *l)
{
    memset(l, 0, sizeof *l);
    keeper_closed_init(&l->closed, send_one, l);
}

static void what_left_is_not_sent_again(void **state)
{
    struct line l;
    (void)state;
    line_init(&l);
    keeper_closed_put(&l.closed, sp_str_of("one"), 1, 1000);
    assert_true(keeper_closed_next_ms(&l.closed) == UINT64_MAX);
    keeper_closed_tick(&l.closed, 1, 1000000);
    assert_int_equal(l.sent, 1);
    keeper_closed_fini(&l.closed);
    assert_int_equal(l.closed.lost, 0);
}

static void a_full_queue_is_tried_again(void **state)
{
    struct line l;
    (void)state;
    line_init(&l);
    l.full = true;
    keeper_closed_put(&l.closed, sp_str_of("one"), 1, 1000);
    assert_true(keeper_closed_next_ms(&l.closed) == 1000 + KEEPER_CLOSED_RETRY_MS);
    keeper_closed_tick(&l.closed, 1, 1000 + KEEPER_CLOSED_RETRY_MS - 1);
    l.full = false;
    keeper_closed_tick(&l.closed, 1, 1000 + KEEPER_CLOSED_RETRY_MS - 1);
    assert_int_equal(l.sent, 0);
    keeper_closed_tick(&l.closed, 1, 1000 + KEEPER_CLOSED_RETRY_MS);
    assert_int_equal(l.sent, 1);
    assert_string_equal(l.last, "one");
    assert_int_equal(l.closed.again, 1);
    assert_true(keeper_closed_next_ms(&l.closed) == UINT64_MAX);
    keeper_closed_fini(&l.closed);
}

/* The broker tells no more than ten refusals a second: the first one stands for all that follow it. */
static void a_refusal_stands_for_what_came_after(void **state)
{
    struct line l;
    char text[16];
    (void)state;
    line_init(&l);
    for (int i = 1; i <= 20; i++) {
        (void)snprintf(text, sizeof text, "m%d", i);
        keeper_closed_put(&l.closed, sp_str_of(text), 1, 1000);
    }
    keeper_closed_refused(&l.closed, 5, 1000);
    assert_true(keeper_closed_next_ms(&l.closed) == 1000 + KEEPER_CLOSED_RETRY_MS);
    keeper_closed_tick(&l.closed, 1, 1000 + KEEPER_CLOSED_RETRY_MS);
    assert_int_equal(l.sent, 20 + 16);
    assert_string_equal(l.last, "m20");
    keeper_closed_refused(&l.closed, 5, 2000);  /* of a message that has a later number by now: all are after it */
    keeper_closed_refused(&l.closed, 40, 2000); /* nobody's */
    keeper_closed_fini(&l.closed);
}

static void it_ends(void **state)
{
    struct line l;
    uint64_t now_ms = 1000;
    (void)state;
    line_init(&l);
    l.full = true;
    keeper_closed_put(&l.closed, sp_str_of("one"), 1, now_ms);
    uint32_t rounds = 0;
    while ((now_ms = keeper_closed_next_ms(&l.closed)) != UINT64_MAX) {
        keeper_closed_tick(&l.closed, 1, now_ms);
        assert_true(++rounds <= KEEPER_CLOSED_TRIES_MAX);
    }
    assert_int_equal(l.closed.lost, 1);
    l.full = false;
    keeper_closed_refused(&l.closed, 0, 100000); /* given up is given up */
    assert_true(keeper_closed_next_ms(&l.closed) == UINT64_MAX);
    /* The same when it leaves each time and comes back each time. */
    keeper_closed_put(&l.closed, sp_str_of("two"), 1, 100000);
    for (rounds = 0; rounds < 100; rounds++) {
        keeper_closed_refused(&l.closed, l.sequence, now_ms = 100000 + rounds * 10000u);
        keeper_closed_tick(&l.closed, 1, now_ms + 9000);
    }
    assert_int_equal(l.sent, 1 + KEEPER_CLOSED_TRIES_MAX);
    keeper_closed_fini(&l.closed);
}

static void leases_of_another_epoch_mean_nothing(void **state)
{
    struct line l;
    (void)state;
    line_init(&l);
    l.full = true;
    keeper_closed_put(&l.closed, sp_str_of("one"), 1, 1000);
    l.full = false;
    keeper_closed_tick(&l.closed, 2, 2000);
    assert_int_equal(l.sent, 0);
    assert_true(keeper_closed_next_ms(&l.closed) == UINT64_MAX);
    keeper_closed_fini(&l.closed);
    assert_int_equal(l.closed.lost, 0);
}

static void memory_is_bounded(void **state)
{
    static char large[KEEPER_CLOSED_BYTES_MAX / 4];
    struct line l;
    (void)state;
    line_init(&l);
    l.full = true;
    for (uint32_t i = 0; i < 2 * KEEPER_CLOSED_ROWS; i++)
        keeper_closed_put(&l.closed, sp_str_of("small"), 1, 1000);
    assert_int_equal(l.closed.count, KEEPER_CLOSED_ROWS);
    assert_int_equal(l.closed.lost, KEEPER_CLOSED_ROWS);
    for (uint32_t i = 0; i < 20; i++) {
        keeper_closed_put(&l.closed, sp_str_bytes(large, sizeof large), 1, 1000);
        assert_true(l.closed.bytes <= KEEPER_CLOSED_BYTES_MAX);
    }
    assert_true(l.closed.count >= 3);
    keeper_closed_fini(&l.closed);
    assert_int_equal(l.closed.bytes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_left_is_not_sent_again),          cmocka_unit_test(a_full_queue_is_tried_again),
        cmocka_unit_test(a_refusal_stands_for_what_came_after), cmocka_unit_test(it_ends),
        cmocka_unit_test(leases_of_another_epoch_mean_nothing), cmocka_unit_test(memory_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
