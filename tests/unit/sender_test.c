/* SPDX-License-Identifier: Apache-2.0 */
/* Which results wait for others, and how long. Without a bus: what counts is when a batch is made. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "sender.h"
#include "sp_ticket.h"

#define MS 1000u
#define T0 (1000u * 1000u * MS)

static char dir[64];
static struct sender s;

static int setup(void **state)
{
    struct sp_err err;
    (void)state;
    (void)snprintf(dir, sizeof dir, "/tmp/spice-test-XXXXXX");
    assert_non_null(mkdtemp(dir));
    assert_int_equal(sender_open(&s, dir, 16, &err), SP_OK);
    return 0;
}

static int teardown(void **state)
{
    char command[128];
    (void)state;
    sender_close(&s);
    (void)snprintf(command, sizeof command, "rm -r %s", dir);
    return system(command);
}

static void put(uint32_t wait_us, uint32_t run_us, uint64_t now_us)
{
    static const uint8_t ticket[SP_TICKET_BYTES];
    const struct rec_result r = {.ticket = ticket, .wait_us = wait_us, .run_us = run_us};
    sender_put(&s, &r, now_us);
}

/* Batches made when the turn ends at this time. */
static uint64_t flush(uint64_t now_us)
{
    uint64_t before = s.batches;
    sender_flush(&s, now_us);
    return s.batches - before;
}

static void what_came_at_once_goes_at_once(void **state)
{
    (void)state;
    assert_int_equal(sender_deadline(&s), UINT64_MAX);
    put(0, 0, T0);
    assert_int_equal(flush(T0), 1);
    assert_int_equal(s.count, 0);
}

static void what_came_soon_goes_at_once(void **state)
{
    (void)state;
    put(1 * MS, 2 * MS, T0); /* such a part of that is not worth a turn */
    assert_int_equal(flush(T0), 1);
    assert_int_equal(s.count, 0);
}

static void a_small_part_of_its_time(void **state)
{
    (void)state;
    put(14 * MS, 18 * MS, T0);
    assert_int_equal(sender_deadline(&s), T0 + 2 * MS);
    assert_int_equal(flush(T0), 0);
    for (unsigned i = 1; i < 20; i++) {
        put(64 * MS, 0, T0 + i * MS / 10);
        assert_int_equal(flush(T0 + i * MS / 10), 0);
    }
    assert_int_equal(sender_deadline(&s), T0 + 2 * MS); /* of the first */
    assert_int_equal(flush(T0 + 2 * MS), 1);
    assert_int_equal(s.count, 0);
    assert_int_equal(s.results, 20);
}

static void no_longer_than_the_most_and_with_the_most_hasty(void **state)
{
    (void)state;
    put(0, UINT32_MAX, T0);
    assert_int_equal(sender_deadline(&s), T0 + SENDER_COMPANY_MOST_US);
    put(UINT32_MAX, UINT32_MAX, T0);
    assert_int_equal(sender_deadline(&s), T0 + SENDER_COMPANY_MOST_US);
    put(0, 0, T0 + MS);
    assert_int_equal(flush(T0 + MS), 1); /* all of them */
    assert_int_equal(s.count, 0);
}

/* No place in the window: only time, or an answer, changes that, so nobody is woken for it before. */
static void a_full_window(void **state)
{
    (void)state;
    put(0, 0, T0);
    assert_int_equal(flush(T0), 1);
    put(0, 0, T0); /* the first one was not sent */
    assert_int_equal(flush(T0), 0);
    assert_int_equal(sender_deadline(&s), T0 + SENDER_HOLD_US);
    assert_int_equal(flush(T0 + SENDER_HOLD_US), 1);
}

/* An outbox that takes nothing is tried again each SENDER_HOLD_US, whatever else ends meanwhile. */
static void a_full_outbox(void **state)
{
    (void)state;
    uint64_t now = T0;
    for (unsigned i = 0; !s.full && i < 100000; i++, now += SENDER_HOLD_US) {
        for (unsigned k = 0; k < 2000; k++)
            put(0, 0, now);
        sender_flush(&s, now);
    }
    assert_true(s.full && s.count > 0);
    s.window.unsent = s.window.next; /* as if the bus were there: place for another batch */
    sender_flush(&s, now);
    assert_int_equal(sender_deadline(&s), now + SENDER_HOLD_US);
    put(0, 0, now + MS);
    assert_int_equal(sender_deadline(&s), now + SENDER_HOLD_US);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_came_at_once_goes_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(what_came_soon_goes_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(a_small_part_of_its_time, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_window, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_outbox, setup, teardown),
        cmocka_unit_test_setup_teardown(no_longer_than_the_most_and_with_the_most_hasty, setup, teardown),
    };
    return cmocka_run_group_tests_name("sender", tests, NULL, NULL);
}
