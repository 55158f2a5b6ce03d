/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "route.h"

#define EXEC 1u
#define HTTP 2u

static const uint8_t seed[16] = {3};
static struct route_table t;
static struct queue_pool pool;

static int setup(void **state)
{
    (void)state;
    assert_true(route_init(&t, 130, 4, 1000, seed));
    assert_true(queue_pool_init(&pool, 8, 1000));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    route_check(&t, &pool);
    route_fini(&t);
    queue_pool_fini(&pool);
    return 0;
}

static uint32_t open_route(uint32_t owner, const char *adapter, const char *labels, uint64_t bit)
{
    struct rec_route_spec spec = {sp_str_of(adapter), sp_str_of(labels)};

    return route_open(&t, owner, &spec, bit);
}

static void test_labels(void **state)
{
    static const struct {
        const char *have, *want;
        bool covers;
    } cases[] = {
        {"", "", true},
        {"a=1", "", true},
        {"", "a=1", false},
        {"a=1,b=2,c=3", "b=2", true},
        {"a=1,b=2", "b=3", false},
        {"a=1,b=2,c=3", "a=1,c=3", true},
        {"a=1,c=3", "a=1,b=2", false},
        {"a=10", "a=1", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(route_labels_cover(sp_str_of(cases[i].have), sp_str_of(cases[i].want)), cases[i].covers);
}

static void test_pick_most_credit(void **state)
{
    uint32_t a = route_worker_open(&t, 1, EXEC, sp_str_of("zone=a"), 10);
    uint32_t b = route_worker_open(&t, 2, EXEC | HTTP, sp_str_of("zone=b"), 10);
    uint32_t exec = open_route(9, "exec", "", EXEC), http = open_route(9, "http", "", HTTP),
             near = open_route(9, "exec", "zone=a", EXEC);

    (void)state;
    assert_int_equal(route_pick(&t, exec), ROUTE_NONE);
    route_worker_credit(&t, a, 10);
    route_worker_credit(&t, b, 20);
    assert_int_equal(route_pick(&t, exec), b);
    assert_int_equal(route_pick(&t, http), b);
    assert_int_equal(route_pick(&t, near), a);
    route_take(&t, b, 15);
    assert_int_equal(route_pick(&t, exec), a);
    route_take(&t, a, 15); /* negative by one batch */
    assert_int_equal(route_worker_free(&t.workers[a]), -5);
    assert_int_equal(route_pick(&t, near), ROUTE_NONE);
    route_worker_credit(&t, a, 5); /* late: nothing is taken back */
    assert_int_equal(t.workers[a].granted, 10);
    route_worker_drain(&t, b);
    assert_int_equal(route_pick(&t, exec), ROUTE_NONE);
    assert_int_equal(t.routes[http].workers, 0);
    route_check(&t, &pool);
    route_worker_close(&t, a);
    assert_int_equal(t.routes[near].workers, 0);
}

static void test_unsent_batch_gives_credit_back_and_rests_the_worker(void **state)
{
    uint32_t a = route_worker_open(&t, 1, EXEC, sp_str_of(""), 10), exec = open_route(9, "exec", "", EXEC);

    (void)state;
    route_worker_credit(&t, a, 10);
    route_take(&t, a, 4);
    route_untake(&t, a, 4, 1000);
    assert_int_equal(route_worker_free(&t.workers[a]), 10);
    assert_int_equal(route_pick(&t, exec), ROUTE_NONE);
    route_worker_credit(&t, a, 10); /* it spoke */
    assert_int_equal(route_pick(&t, exec), a);
}

static void test_grant(void **state)
{
    uint32_t exec = open_route(9, "exec", "", EXEC);
    bool tell;

    (void)state;
    assert_int_equal(route_grant(&t, exec, &tell), 0);
    assert_true(tell); /* even that there is nobody */
    t.routes[exec].told_workers = 0;
    assert_int_equal(route_grant(&t, exec, &tell), 0);
    assert_false(tell);
    uint32_t a = route_worker_open(&t, 1, EXEC, sp_str_of(""), 10);

    route_worker_credit(&t, a, 100);
    assert_int_equal(route_grant(&t, exec, &tell), 100 + ROUTE_SPARE_JOBS);
    assert_true(tell);
    t.routes[exec].granted = 164;
    t.routes[exec].told_workers = 1;
    t.routes[exec].received = 10; /* a batch came and went to the worker, which made its room good */
    route_take(&t, a, 10);
    route_worker_credit(&t, a, 110);
    assert_int_equal(route_grant(&t, exec, &tell), 174);
    assert_false(tell); /* ten more of 164 are not worth a message */
    t.routes[exec].received = 100;
    route_take(&t, a, 90);
    route_worker_credit(&t, a, 200);
    assert_int_equal(route_grant(&t, exec, &tell), 264);
    assert_true(tell);
    route_worker_credit(&t, a, UINT64_MAX);
    assert_int_equal(route_grant(&t, exec, &tell), 100 + 1000); /* the window bounds it */
    route_worker_close(&t, a);
    assert_int_equal(route_grant(&t, exec, &tell), 164); /* never taken back */
}

static void test_routes_belong_to_sessions(void **state)
{
    struct rec_route_spec spec = {sp_str_of("exec"), {NULL, 0}};
    uint32_t a = open_route(1, "exec", "", EXEC), b = open_route(2, "exec", "", EXEC);

    (void)state;
    assert_int_not_equal(a, b);
    assert_int_equal(open_route(1, "exec", "", EXEC), a);
    route_orphan(&t, a);
    assert_int_equal(route_find(&t, 1, &spec), ROUTE_NONE);
    assert_int_equal(route_find(&t, 2, &spec), b);
    assert_int_not_equal(open_route(1, "exec", "", EXEC), a);
    route_close(&t, a);
    assert_int_not_equal(open_route(1, "http", "", EXEC), ROUTE_NONE);
    assert_int_not_equal(open_route(1, "oat", "", EXEC), ROUTE_NONE);
    assert_int_equal(open_route(1, "one-more", "", EXEC), ROUTE_NONE); /* four at once */
    assert_int_equal(open_route(1, "", "", EXEC), ROUTE_NONE);
}

static void test_worker_places_are_bounded_and_used_again(void **state)
{
    uint32_t exec = open_route(9, "exec", "", EXEC), last = 0;

    (void)state;
    for (uint32_t i = 0; i < 130; i++)
        last = route_worker_open(&t, i, EXEC, sp_str_of(""), 1);
    assert_int_equal(route_worker_open(&t, 999, EXEC, sp_str_of(""), 1), ROUTE_NONE);
    assert_int_equal(t.routes[exec].workers, 130);
    route_worker_credit(&t, last, 1);
    assert_int_equal(route_pick(&t, exec), last);
    for (uint32_t i = 0; i < 130; i++)
        route_worker_close(&t, i);
    assert_int_equal(t.workers_top, 0);
    assert_int_not_equal(route_worker_open(&t, 5, EXEC, sp_str_of(""), 0), ROUTE_NONE);
    assert_int_equal(t.routes[exec].workers, 0); /* no slots: it wants nothing */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_labels, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pick_most_credit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unsent_batch_gives_credit_back_and_rests_the_worker, setup, teardown),
        cmocka_unit_test_setup_teardown(test_grant, setup, teardown),
        cmocka_unit_test_setup_teardown(test_routes_belong_to_sessions, setup, teardown),
        cmocka_unit_test_setup_teardown(test_worker_places_are_bounded_and_used_again, setup, teardown),
    };

    return cmocka_run_group_tests_name("route", tests, NULL, NULL);
}
