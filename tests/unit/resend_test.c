/* SPDX-License-Identifier: Apache-2.0 */
/* The window of unacknowledged batches: under loss, reordering and silence every batch is answered in the end, few fly at once. */
#include "resend.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct resend_place place = {.results = 1};

static void in_order(void **state)
{
    struct resend w;
    struct resend_place out;
    const struct resend_place *p;
    (void)state;
    assert_true(resend_init(&w, 1));
    assert_int_equal(resend_due(&w, 0, &p), RESEND_NONE);
    assert_int_equal(resend_deadline(&w), UINT64_MAX);
    for (uint64_t i = 1; i <= 3; i++) {
        assert_int_equal(resend_add(&w, &place), i);
    }
    assert_int_equal(resend_deadline(&w), 0);
    for (uint64_t i = 1; i <= 3; i++) {
        assert_int_equal(resend_due(&w, 0, &p), i);
        resend_sent(&w, i, 0);
    }
    assert_int_equal(resend_due(&w, 0, &p), RESEND_NONE);
    assert_true(resend_deadline(&w) >= RESEND_AFTER_US);
    assert_true(resend_ack(&w, 2, &out));
    assert_false(resend_ack(&w, 2, &out));
    assert_true(resend_ack(&w, 1, &out));
    assert_int_equal(w.first, 3);
    resend_check(&w);
    resend_fini(&w);
}

static void full_window_refuses(void **state)
{
    struct resend w;
    struct resend_place out;
    const struct resend_place *p;
    (void)state;
    assert_true(resend_init(&w, 1));
    while (!resend_is_full(&w)) {
        (void)resend_add(&w, &place);
    }
    for (unsigned i = 1; i <= RESEND_FLIGHT_MAX; i++) {
        assert_int_equal(resend_due(&w, 0, &p), i);
        resend_sent(&w, i, 0);
    }
    assert_int_equal(resend_due(&w, 0, &p), RESEND_NONE); /* the flight is full */
    assert_true(resend_ack(&w, 5, &out));
    assert_int_equal(resend_due(&w, 0, &p), RESEND_FLIGHT_MAX + 1);
    assert_true(resend_is_full(&w)); /* the oldest is still open */
    assert_true(resend_ack(&w, 1, &out));
    assert_false(resend_is_full(&w));
    resend_check(&w);
    resend_fini(&w);
}

/* Half of everything is lost, answers come late and twice. */
static void lossy(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct resend w;
        struct resend_place out;
        struct sp_rng rng = {seed};
        uint64_t now = 0;
        uint64_t answers[4096];
        unsigned waiting = 0;
        unsigned done = 0;
        assert_true(resend_init(&w, seed));
        for (unsigned round = 0; done < 500; round++) {
            const struct resend_place *p = NULL;
            uint64_t batch;
            assert_true(round < 100000);
            if (w.next <= 500) {
                (void)resend_add(&w, &place);
            }
            while ((batch = resend_due(&w, now, &p)) != RESEND_NONE) {
                resend_sent(&w, batch, now);
                assert_true(w.flying <= RESEND_FLIGHT_MAX);
                if (sp_rng_below(&rng, 2) == 0 && waiting < 4096) {
                    answers[waiting++] = batch;
                }
            }
            for (uint64_t n = sp_rng_below(&rng, waiting + 1); n > 0; n--) {
                unsigned at = (unsigned)sp_rng_below(&rng, waiting);
                done += resend_ack(&w, answers[at], &out);
                if (sp_rng_below(&rng, 4) != 0) {
                    answers[at] = answers[--waiting];
                }
                if (waiting == 0) {
                    break;
                }
            }
            if (sp_rng_below(&rng, 30) == 0) {
                resend_kick(&w, now);
            }
            resend_check(&w);
            now += sp_rng_below(&rng, 400000);
        }
        assert_int_equal(w.first, w.next);
        assert_true(w.repeated > 0);
        resend_fini(&w);
    }
}

/* A silent keeper is asked ever less, but for the oldest batch. */
static void backs_off(void **state)
{
    struct resend w;
    const struct resend_place *p;
    uint64_t now = 0;
    unsigned sent = 0;
    (void)state;
    assert_true(resend_init(&w, 1));
    (void)resend_add(&w, &place);
    (void)resend_add(&w, &place);
    while (now < 60000000) {
        uint64_t batch = resend_due(&w, now, &p);
        if (batch != RESEND_NONE) {
            resend_sent(&w, batch, now);
            sent += batch == 2;
        }
        now = resend_deadline(&w);
    }
    assert_in_range(sent, 8, 11);
    resend_fini(&w);
}

/* A keeper that was away for a minute: the oldest batch finds out within about a second of its return, and the rest follows at once. */
static void a_keeper_that_is_back_gets_all_at_once(void **state)
{
    (void)state;
    struct resend w;
    struct resend_place out;
    const struct resend_place *p;
    uint64_t batch, now = 0, oldest = 0, others = 0;
    assert_true(resend_init(&w, 1));
    for (uint64_t i = 1; i <= 20; i++) {
        (void)resend_add(&w, &place);
    }
    for (; now < 60 * RESEND_AFTER_US; now += 1000) {
        while ((batch = resend_due(&w, now, &p)) != RESEND_NONE) {
            resend_sent(&w, batch, now);
            oldest += batch == 1;
            others += batch != 1;
        }
        assert_true(oldest >= now / (RESEND_AFTER_US + RESEND_AFTER_US / 8 + 1000));
    }
    assert_true(others <= 19 * 11); /* 0, 2, 6, 14, 22 ... s */
    assert_true(resend_ack(&w, 1, &out));
    resend_heard(&w, now);
    for (uint64_t i = 2; i <= 20; i++) {
        batch = resend_due(&w, now, &p);
        assert_true(batch != RESEND_NONE);
        resend_sent(&w, batch, now);
    }
    assert_int_equal(resend_due(&w, now, &p), RESEND_NONE);
    assert_true(resend_ack(&w, 2, &out));
    resend_heard(&w, now + 1000); /* it answers: no reason to hurry the others */
    assert_int_equal(resend_due(&w, now + 1000, &p), RESEND_NONE);
    resend_check(&w);
    resend_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_order),
        cmocka_unit_test(full_window_refuses),
        cmocka_unit_test(lossy),
        cmocka_unit_test(backs_off),
        cmocka_unit_test(a_keeper_that_is_back_gets_all_at_once),
    };
    return cmocka_run_group_tests_name("resend", tests, NULL, NULL);
}
