/* SPDX-License-Identifier: Apache-2.0 */
/* Orders come out in the order they went in, cancelled ones do not, and gaps are room. Against a naive twin. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "exec_queue.h"
#include "sp_rng.h"

#define SIZE  8u
#define STEPS 20000u

static void test_twin(void **state)
{
    struct exec_queue q;
    struct sp_rng rng = {.state = 4};
    uint64_t twin[SIZE];
    uint32_t live = 0;
    uint64_t next = 1;
    (void)state;
    assert_true(exec_queue_init(&q, SIZE));
    for (uint32_t step = 0; step < STEPS; step++) {
        uint64_t what = sp_rng_below(&rng, 3);
        if (what == 0) {
            struct exec_spawn order = {.record = {EXEC_SPAWN, 0, sizeof order}, .run = next};
            assert_int_equal(exec_queue_push(&q, &order), live < SIZE);
            if (live < SIZE)
                twin[live++] = next;
            next++;
        } else if (what == 1 && live > 0) {
            uint64_t at = sp_rng_below(&rng, live);
            assert_true(exec_queue_cancel(&q, twin[at]));
            assert_false(exec_queue_cancel(&q, twin[at]));
            memmove(twin + at, twin + at + 1, (--live - at) * sizeof twin[0]);
        } else if (what == 2) {
            struct exec_spawn *order = exec_queue_pop(&q);
            assert_int_equal(order != NULL, live > 0);
            if (order != NULL) {
                assert_int_equal(order->run, twin[0]);
                memmove(twin, twin + 1, --live * sizeof twin[0]);
            }
            free(order);
        }
    }
    for (struct exec_spawn *order; (order = exec_queue_pop(&q)) != NULL; free(order))
        assert_true(live-- > 0);
    assert_int_equal(live, 0);
    free(q.order);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_twin)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
