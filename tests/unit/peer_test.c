/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "peer.h"

#define PRINCIPALS 12u

static struct principal_table who;
static struct peer_table t;
static uint32_t index_of[PRINCIPALS];

static int setup(void **state)
{
    static const uint8_t seed[16] = {5};
    static const uint8_t zero[32];

    (void)state;
    assert_true(principal_init(&who, PRINCIPALS, seed));
    assert_true(peer_init(&t, 10));
    for (uint32_t i = 0; i < PRINCIPALS; i++) {
        char name[8];
        uint8_t curve[32] = {(uint8_t)(i + 1)};
        struct rec_principal p = {.role = i == 0 ? SP_ROLE_OPERATOR : SP_ROLE_WORKER, .curve = curve, .sign = zero};

        snprintf(name, sizeof name, "p%u", i);
        p.name = sp_str_of(name);
        assert_int_equal(principal_put(&who, &p, true, &index_of[i]), SP_OK);
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    peer_check(&t, &who);
    peer_fini(&t);
    principal_fini(&who);
    return 0;
}

static void test_one_connection_each_but_operators(void **state)
{
    uint32_t a = peer_open(&t, &who, 100, index_of[1], 0, 1);

    (void)state;
    assert_int_equal(peer_by_conn(&t, 100), a);
    assert_int_equal(peer_open(&t, &who, 101, index_of[1], 0, 1), PEER_NONE);
    for (uint32_t i = 0; i < PEER_SHARED_MAX; i++)
        assert_int_not_equal(peer_open(&t, &who, 200 + i, index_of[0], 0, 1), PEER_NONE);
    assert_int_equal(peer_open(&t, &who, 300, index_of[0], 0, 1), PEER_NONE);
    assert_int_not_equal(peer_open(&t, &who, 301, index_of[2], 0, 1), PEER_NONE);
    assert_int_equal(peer_open(&t, &who, 302, index_of[3], 0, 1), PEER_NONE); /* ten in all */
    peer_close(&t, &who, peer_by_conn(&t, 203));
    assert_int_equal(peer_by_conn(&t, 203), PEER_NONE);
    assert_int_not_equal(peer_open(&t, &who, 303, index_of[0], 0, 1), PEER_NONE);
}

static void test_order_of_hearing(void **state)
{
    uint32_t p[3];

    (void)state;
    for (uint32_t i = 0; i < 3; i++)
        p[i] = peer_open(&t, &who, i, index_of[1 + i], 0, i);
    assert_int_equal(t.oldest, p[0]);
    peer_heard(&t, p[0], 10);
    assert_int_equal(t.oldest, p[1]);
    assert_int_equal(t.newest, p[0]);
    peer_heard(&t, p[0], 11);
    peer_check(&t, &who);
    peer_close(&t, &who, p[1]);
    assert_int_equal(t.oldest, p[2]);
}

static void test_key_that_changed(void **state)
{
    uint32_t a = peer_open(&t, &who, 1, index_of[4], 0, 1);

    (void)state;
    assert_true(peer_is_current(&t.peers[a], &who));
    who.rows[index_of[4]].pair[0].generation++;
    assert_false(peer_is_current(&t.peers[a], &who));
    who.rows[index_of[4]].pair[0].generation--;
}

static void test_refusals_per_second(void **state)
{
    uint32_t a = peer_open(&t, &who, 1, index_of[4], 0, 1);
    unsigned told = 0;

    (void)state;
    for (unsigned i = 0; i < 100; i++)
        told += peer_may_be_told(&t.peers[a], PEER_REFUSALS_PER_S, 5000000);
    assert_int_equal(told, PEER_REFUSALS_PER_S);
    assert_true(peer_may_be_told(&t.peers[a], PEER_REFUSALS_PER_S, 6000000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_one_connection_each_but_operators, setup, teardown),
        cmocka_unit_test_setup_teardown(test_order_of_hearing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_key_that_changed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refusals_per_second, setup, teardown),
    };

    return cmocka_run_group_tests_name("peer", tests, NULL, NULL);
}
