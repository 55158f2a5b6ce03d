/* SPDX-License-Identifier: Apache-2.0 */
/* The rule by which the processes of one host do what they do at the same moments. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sp_time.h"

#define INTERVAL 2000u
#define PEERS    50u

static void test_later_and_not_later_than_an_interval(void **state)
{
    static const uint64_t nows[] = {0, 1, INTERVAL - 1, INTERVAL, INTERVAL + 1, 7 * INTERVAL - 1, 7 * INTERVAL, 123456789012345u};

    (void)state;
    for (size_t i = 0; i < sizeof nows / sizeof nows[0]; i++) {
        uint64_t next = sp_time_next_multiple(nows[i], INTERVAL);

        assert_true(next > nows[i]);
        assert_true(next - nows[i] <= INTERVAL); /* whoever waits for a beat waits no longer than before */
        assert_int_equal(next % INTERVAL, 0);
    }
}

/* Peers that came at different times, each late by something of its own: wake-ups of whoever they all talk to. */
static void test_many_peers_wake_once_for_all(void **state)
{
    const uint64_t end = 100 * INTERVAL;
    uint64_t due[PEERS], wakes = 0, beats = 0;

    (void)state;
    for (uint64_t p = 0; p < PEERS; p++)
        due[p] = sp_time_next_multiple(p * 37, INTERVAL);
    for (uint64_t now = 0; now < end; now++) {
        uint64_t came = 0;

        for (uint64_t p = 0; p < PEERS; p++)
            if (due[p] == now) {
                came++;
                due[p] = sp_time_next_multiple(now + p % 7, INTERVAL);
            }
        beats += came;
        wakes += came > 0;
    }
    assert_int_equal(wakes, 99);
    assert_int_equal(beats, 99 * PEERS); /* nobody left one out */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_later_and_not_later_than_an_interval),
        cmocka_unit_test(test_many_peers_wake_once_for_all),
    };

    return cmocka_run_group_tests_name("sp_beat", tests, NULL, NULL);
}
