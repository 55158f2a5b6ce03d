/* SPDX-License-Identifier: Apache-2.0 */
#include "canary_core.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define MS 1000ull
#define S  (1000 * MS)

static struct canary_core c;
static uint64_t now_us;
static uint8_t nonce[CANARY_NONCE_BYTES];

static int begin(void **state)
{
    (void)state;
    now_us = 1000 * S;
    canary_core_init(&c, 60000, 20000);
    canary_core_links(&c, (struct sp_mono){now_us}, true);
    return 0;
}

/* Steps at each deadline until something is to be done or the time is over. */
static enum canary_act until(uint64_t end_us)
{
    while (now_us < end_us) {
        uint64_t at = canary_core_next_deadline(&c).us;
        now_us = at > end_us ? end_us : at > now_us ? at : now_us;
        nonce[0]++;
        enum canary_act act = canary_core_step(&c, (struct sp_mono){now_us}, nonce);
        if (act != CANARY_REST)
            return act;
    }
    return CANARY_REST;
}

static void an_echo_is_good_for_an_interval(void **state)
{
    (void)state;
    assert_int_equal(until(now_us + 2 * S), CANARY_SEND);
    now_us += 3 * MS;
    assert_true(canary_core_heard(&c, (struct sp_mono){now_us}, c.nonce));
    assert_int_equal(c.round_us, 3 * MS);
    assert_int_equal(until(now_us + 59 * S), CANARY_REST);
    assert_int_equal(until(now_us + 2 * S), CANARY_SEND);
    assert_false(c.deaf);
}

static void silence_is_deafness_until_one_comes_back(void **state)
{
    (void)state;
    assert_int_equal(until(now_us + 2 * S), CANARY_SEND);
    uint64_t sent_us = now_us;
    assert_int_equal(until(now_us + 30 * S), CANARY_DEAF);
    assert_int_equal(now_us, sent_us + 20 * S);
    assert_true(c.deaf);
    canary_core_links(&c, (struct sp_mono){now_us}, false);
    assert_int_equal(until(now_us + 100 * S), CANARY_REST); /* nothing to send on, nothing to give up */
    canary_core_links(&c, (struct sp_mono){now_us}, true);
    assert_true(c.deaf); /* a connection is not yet hearing */
    assert_int_equal(until(now_us + 5 * S), CANARY_SEND);
    assert_true(canary_core_heard(&c, (struct sp_mono){now_us}, c.nonce));
    assert_false(c.deaf);
    assert_int_equal(c.failures, 0);
}

static void one_that_is_returned_needs_no_waiting(void **state)
{
    (void)state;
    assert_int_equal(until(now_us + 2 * S), CANARY_SEND);
    canary_core_returned(&c);
    assert_int_equal(until(now_us + 1), CANARY_DEAF);
    canary_core_links(&c, (struct sp_mono){now_us}, false);
    canary_core_links(&c, (struct sp_mono){now_us}, true);
    assert_int_equal(until(now_us + 5 * S), CANARY_SEND);
    assert_true(canary_core_heard(&c, (struct sp_mono){now_us}, c.nonce)); /* the echo is faster than the return of the other one */
    canary_core_returned(&c);
    assert_int_equal(until(now_us + 1), CANARY_DEAF);
    assert_true(c.deaf);
}

static void what_others_say_is_no_echo(void **state)
{
    uint8_t other[CANARY_NONCE_BYTES] = {0xff};
    (void)state;
    assert_false(canary_core_heard(&c, (struct sp_mono){now_us}, c.nonce)); /* none flies */
    assert_int_equal(until(now_us + 2 * S), CANARY_SEND);
    memcpy(other + 1, c.nonce + 1, sizeof other - 1);
    assert_false(canary_core_heard(&c, (struct sp_mono){now_us}, other));
    assert_int_equal(until(now_us + 30 * S), CANARY_DEAF);
    uint8_t old[CANARY_NONCE_BYTES];
    memcpy(old, c.nonce, sizeof old);
    assert_false(canary_core_heard(&c, (struct sp_mono){now_us}, old)); /* too late: of the connection that was given up */
    assert_true(c.deaf);
}

static void links_that_go_take_it_along(void **state)
{
    (void)state;
    assert_int_equal(until(now_us + 2 * S), CANARY_SEND);
    canary_core_links(&c, (struct sp_mono){now_us}, false);
    canary_core_returned(&c); /* of the lost connection */
    assert_int_equal(until(now_us + 100 * S), CANARY_REST);
    assert_false(c.deaf);
}

static void tries_get_rarer(void **state)
{
    (void)state;
    uint64_t last_us = 0;
    for (unsigned i = 0; i < 12; i++) {
        uint64_t up_us = now_us;
        assert_int_equal(until(now_us + 70 * S), CANARY_SEND);
        assert_true(now_us - up_us >= last_us && now_us - up_us <= 60 * S);
        last_us = now_us - up_us;
        assert_int_equal(until(now_us + 30 * S), CANARY_DEAF);
        canary_core_links(&c, (struct sp_mono){now_us}, false);
        canary_core_links(&c, (struct sp_mono){now_us}, true);
    }
    assert_int_equal(last_us, 60 * S);
    assert_int_equal(c.lost, 12);
}

static void none_when_none_is_wanted(void **state)
{
    (void)state;
    canary_core_init(&c, 0, 20000);
    canary_core_links(&c, (struct sp_mono){now_us}, true);
    assert_int_equal(canary_core_next_deadline(&c).us, SP_NEVER);
    assert_int_equal(canary_core_step(&c, (struct sp_mono){now_us + 1000 * S}, nonce), CANARY_REST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_echo_is_good_for_an_interval, begin),
        cmocka_unit_test_setup(silence_is_deafness_until_one_comes_back, begin),
        cmocka_unit_test_setup(one_that_is_returned_needs_no_waiting, begin),
        cmocka_unit_test_setup(what_others_say_is_no_echo, begin),
        cmocka_unit_test_setup(links_that_go_take_it_along, begin),
        cmocka_unit_test_setup(tries_get_rarer, begin),
        cmocka_unit_test_setup(none_when_none_is_wanted, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
