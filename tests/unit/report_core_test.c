/* SPDX-License-Identifier: Apache-2.0 */
#include "report_core.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sp_rng.h"

#define S 1000000ull

static struct report_core c;
static uint64_t now_us, wall_ms;
static unsigned made;

static int begin(void **state)
{
    (void)state;
    memset(&c, 0, sizeof c);
    now_us = 1000 * S;
    wall_ms = 1700000000000;
    made = 0;
    return 0;
}

static void add(void)
{
    struct report_row r = {.what = "disabled", .pool = "trusted"};
    (void)snprintf(r.node, sizeof r.node, "n%u", made++);
    report_core_add(&c, (struct sp_wall){wall_ms}, &r);
}

static const struct report_row *next(void)
{
    return report_core_next(&c, (struct sp_mono){now_us});
}

static bool answer(uint64_t id, enum report_answer a, uint64_t highest)
{
    return report_core_answer(&c, (struct sp_mono){now_us}, id, a, highest);
}

static void one_after_the_other(void **state)
{
    (void)state;
    add();
    add(); /* in the same millisecond */
    const struct report_row *r = next();
    assert_non_null(r);
    uint64_t id = r->id;
    assert_string_equal(r->node, "n0");
    assert_null(next()); /* the second waits for the answer to the first */
    assert_false(answer(id + 1, REPORT_DONE, 0));
    assert_true(answer(id, REPORT_DONE, 0));
    assert_false(answer(id, REPORT_DONE, 0));
    r = next();
    assert_string_equal(r->node, "n1");
    assert_true(r->id > id);
    assert_true(answer(r->id, REPORT_REFUSED, 0));
    assert_null(next());
    assert_int_equal(c.done, 1);
    assert_int_equal(c.refused, 1);
    assert_int_equal(report_core_next_deadline(&c).us, SP_NEVER);
}

static void what_is_not_answered_comes_again(void **state)
{
    (void)state;
    add();
    uint64_t id = next()->id;
    now_us += REPORT_CORE_ANSWER_MS * 1000 - 1;
    assert_null(next());
    now_us++;
    const struct report_row *r = next();
    assert_non_null(r);
    assert_int_equal(r->id, id);             /* the same number: one row, however often it comes */
    assert_true(answer(id, REPORT_OLD, id)); /* it was there: the first answer was lost */
    assert_int_equal(c.count, 0);
    assert_int_equal(c.done, 1);
}

static void a_keeper_that_is_away_is_waited_for(void **state)
{
    (void)state;
    uint64_t last_us = 0, pause_us = 0;
    add();
    for (unsigned i = 0; i < 20; i++) {
        now_us = report_core_next_deadline(&c).us > now_us ? report_core_next_deadline(&c).us : now_us;
        const struct report_row *r = next();
        assert_non_null(r);
        if (i > 0) {
            pause_us = now_us - last_us;
            assert_in_range(pause_us, S, REPORT_CORE_LONGEST_MS * 1000);
        }
        last_us = now_us;
        if (i % 2 == 0)
            report_core_unsent(&c, (struct sp_mono){now_us});
        else
            assert_true(answer(r->id, REPORT_LATER, 0));
    }
    assert_int_equal(pause_us, REPORT_CORE_LONGEST_MS * 1000);
    now_us += pause_us;
    assert_true(answer(next()->id, REPORT_DONE, 0));
}

/* After a start with an earlier clock the keeper has higher numbers of this bridge: they are passed by, nothing is lost. */
static void a_clock_set_back_loses_nothing(void **state)
{
    (void)state;
    add();
    add();
    uint64_t id = next()->id, highest = id + 5 * S;
    assert_true(answer(id, REPORT_OLD, highest));
    const struct report_row *r = next();
    assert_string_equal(r->node, "n0");
    assert_int_equal(r->id, highest + 1);
    assert_true(answer(r->id, REPORT_DONE, 0));
    r = next();
    assert_string_equal(r->node, "n1");
    assert_int_equal(r->id, highest + 2);
    wall_ms -= 60000;
    add();
    assert_true(answer(r->id, REPORT_DONE, 0));
    assert_true(next()->id > highest + 2);
}

static void many_are_bounded(void **state)
{
    (void)state;
    add();
    uint64_t id = next()->id;
    for (unsigned i = 0; i < 2 * REPORT_CORE_MAX; i++)
        add();
    assert_int_equal(c.count, REPORT_CORE_MAX);
    assert_int_equal(c.dropped, REPORT_CORE_MAX + 1);
    assert_true(answer(id, REPORT_DONE, 0)); /* the one under way was kept */
    assert_string_equal(next()->node, "n66");
}

/* Whatever is lost on the way: each report becomes one row, in its order. */
static void random_roads(void **state)
{
    (void)state;
    struct sp_rng rng = {.state = 7};
    uint64_t keeper = 0;
    unsigned rows = 0;
    for (unsigned step = 0; step < 200000 && rows < 2000; step++) {
        now_us += sp_rng_below(&rng, 3 * S);
        wall_ms += 1;
        if (made < 2000 && c.count < REPORT_CORE_MAX && sp_rng_below(&rng, 3) == 0)
            add();
        const struct report_row *r = next();
        if (r == NULL)
            continue;
        unsigned fate = (unsigned)sp_rng_below(&rng, 5);
        if (fate == 0) {
            report_core_unsent(&c, (struct sp_mono){now_us});
        } else if (fate == 1) { /* lost on its way, or the keeper is not there */
        } else if (r->id <= keeper) {
            assert_true(answer(r->id, REPORT_OLD, keeper));
        } else {
            char name[16];
            (void)snprintf(name, sizeof name, "n%u", rows++);
            assert_string_equal(r->node, name);
            keeper = r->id;
            if (fate != 2) /* else the answer is lost */
                assert_true(answer(r->id, REPORT_DONE, 0));
        }
    }
    assert_int_equal(rows, 2000);
    assert_int_equal(c.dropped, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(one_after_the_other, begin),
        cmocka_unit_test_setup(what_is_not_answered_comes_again, begin),
        cmocka_unit_test_setup(a_keeper_that_is_away_is_waited_for, begin),
        cmocka_unit_test_setup(a_clock_set_back_loses_nothing, begin),
        cmocka_unit_test_setup(many_are_bounded, begin),
        cmocka_unit_test_setup(random_roads, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
