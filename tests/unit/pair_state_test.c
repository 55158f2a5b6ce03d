/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "pair_state.h"
#include "sp_rng.h"

static const struct pair_rule rule = {.policy = 1, .max_age_ms = 100, .rise = 2, .fall = 2};

static bool feed(struct pair_state *p, uint8_t outcome, uint64_t issued)
{
    static uint64_t job;
    struct pair_result r = {
        .job = ++job, .issued_ms = issued, .wall_s = (uint32_t)issued, .generation = 1, .policy = 1, .outcome = outcome};
    struct pair_run ended;
    bool closed = pair_state_apply(p, &r, &rule, &ended);
    assert_true(pair_state_check(p));
    return closed;
}

static unsigned tier(const struct pair_state *p, uint64_t now)
{
    return pair_state_tier(p, &rule, 1, now, NULL);
}

static void rises_after_passes_in_a_row(void **state)
{
    (void)state;
    struct pair_state p = {0};
    feed(&p, SP_OUTCOME_PASS, 1000);
    assert_int_equal(tier(&p, 1001), SP_TIER_NONE);
    feed(&p, SP_OUTCOME_PASS, 1050);
    assert_int_equal(tier(&p, 1051), SP_TIER_PASS);
    feed(&p, SP_OUTCOME_WARN, 1060);
    assert_int_equal(tier(&p, 1061), SP_TIER_WARN);
}

static void si2_lifetime_counts_from_issue_and_ends_exactly(void **state)
{
    (void)state;
    struct pair_state p = {0};
    uint64_t until = 0;
    feed(&p, SP_OUTCOME_PASS, 1000);
    feed(&p, SP_OUTCOME_PASS, 1010);
    assert_int_equal(pair_state_tier(&p, &rule, 1, 1109, &until), SP_TIER_PASS);
    assert_int_equal(until, 1110);
    assert_int_equal(tier(&p, 1110), SP_TIER_NONE);
    assert_int_equal(tier(&p, 1009), SP_TIER_NONE); /* dated in the future (D9) */
}

static void passes_too_far_apart_are_not_in_a_row(void **state)
{
    (void)state;
    struct pair_state p = {0};
    feed(&p, SP_OUTCOME_PASS, 1000);
    feed(&p, SP_OUTCOME_PASS, 1100);
    assert_int_equal(tier(&p, 1101), SP_TIER_NONE);
    feed(&p, SP_OUTCOME_PASS, 1150);
    assert_int_equal(tier(&p, 1151), SP_TIER_PASS);
}

static void falls_after_fails_and_needs_a_new_rise(void **state)
{
    (void)state;
    struct pair_state p = {0};
    feed(&p, SP_OUTCOME_PASS, 1000);
    feed(&p, SP_OUTCOME_PASS, 1010);
    feed(&p, SP_OUTCOME_FAIL, 1020);
    assert_int_equal(tier(&p, 1021), SP_TIER_PASS); /* one fail of two */
    feed(&p, SP_OUTCOME_PASS, 1030);
    assert_int_equal(tier(&p, 1031), SP_TIER_PASS);
    feed(&p, SP_OUTCOME_FAIL, 1040);
    feed(&p, SP_OUTCOME_FAIL, 1050);
    assert_int_equal(tier(&p, 1051), SP_TIER_FAIL);
    feed(&p, SP_OUTCOME_PASS, 1060);
    assert_int_equal(tier(&p, 1061), SP_TIER_FAIL); /* SI-3: one pass does not restore */
    feed(&p, SP_OUTCOME_PASS, 1070);
    assert_int_equal(tier(&p, 1071), SP_TIER_PASS);
}

static void a_fail_ages_into_unknown_not_into_trust(void **state)
{
    (void)state;
    struct pair_state p = {0};
    feed(&p, SP_OUTCOME_FAIL, 1000);
    feed(&p, SP_OUTCOME_FAIL, 1010);
    assert_int_equal(tier(&p, 1109), SP_TIER_FAIL);
    assert_int_equal(tier(&p, 1110), SP_TIER_NONE);
    feed(&p, SP_OUTCOME_PASS, 1200);
    assert_int_equal(tier(&p, 1201), SP_TIER_NONE);
}

static void an_error_neither_ends_nor_prolongs(void **state)
{
    (void)state;
    struct pair_state p = {0};
    feed(&p, SP_OUTCOME_PASS, 1000);
    feed(&p, SP_OUTCOME_PASS, 1010);
    feed(&p, SP_OUTCOME_ERROR, 1100);
    assert_int_equal(tier(&p, 1109), SP_TIER_PASS);
    assert_int_equal(tier(&p, 1110), SP_TIER_NONE); /* K10, K26 */
    memset(&p, 0, sizeof p);
    feed(&p, SP_OUTCOME_PASS, 1000);
    feed(&p, SP_OUTCOME_ERROR, 1010);
    feed(&p, SP_OUTCOME_PASS, 1020);
    assert_int_equal(tier(&p, 1021), SP_TIER_NONE); /* on the way up it breaks the row */
}

static void si12_generation_and_policy_void(void **state)
{
    (void)state;
    struct pair_state p = {0};
    feed(&p, SP_OUTCOME_PASS, 1000);
    feed(&p, SP_OUTCOME_PASS, 1010);
    struct pair_rule other = rule;
    other.policy = 2;
    assert_int_equal(pair_state_tier(&p, &other, 1, 1011, NULL), SP_TIER_NONE);
    assert_int_equal(pair_state_tier(&p, &rule, 2, 1011, NULL), SP_TIER_NONE);
    /* A pass under the new policy counts from one, whatever was before. */
    struct pair_result r = {.job = 99, .issued_ms = 1020, .generation = 1, .policy = 2, .outcome = SP_OUTCOME_PASS};
    struct pair_run ended;
    (void)pair_state_apply(&p, &r, &other, &ended);
    assert_int_equal(pair_state_tier(&p, &other, 1, 1021, NULL), SP_TIER_NONE);
    pair_state_void(&p);
    assert_true(pair_state_check(&p));
    assert_int_equal(pair_state_tier(&p, &other, 1, 1021, NULL), SP_TIER_NONE);
}

/* Rise and fall are policy: what an easier rule granted is granted on only if the stricter one would have granted it as well. */
static void a_stricter_rule_takes_back_what_it_would_not_have_granted(void **state)
{
    (void)state;
    static const struct {
        const char *history; /* p w f e, under rise 1 and fall 3 */
        uint16_t rise, fall;
        bool changes;
        uint8_t after;
    } rows[] = {
        {"p", 1, 3, false, SP_TIER_PASS},   {"p", 2, 3, true, SP_TIER_NONE},    {"pp", 2, 3, false, SP_TIER_PASS},
        {"pw", 2, 3, false, SP_TIER_WARN},  {"pep", 2, 3, false, SP_TIER_PASS}, {"ppfp", 2, 3, true, SP_TIER_NONE},
        {"ppf", 1, 1, true, SP_TIER_FAIL},  {"ppff", 1, 3, true, SP_TIER_NONE}, {"ppffp", 1, 1, false, SP_TIER_PASS},
        {"fff", 2, 3, false, SP_TIER_FAIL}, {"e", 1, 1, false, SP_TIER_NONE},   {"ff", 1, 2, true, SP_TIER_FAIL},
    };
    struct pair_rule easy = {.policy = 1, .max_age_ms = 1000, .rise = 1, .fall = 3};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pair_state p = {0};
        struct pair_run ended;
        uint64_t now = 1000;
        for (const char *c = rows[i].history; *c != '\0'; c++) {
            now++;
            struct pair_result r = {.job = now, .issued_ms = now, .generation = 1, .policy = 1};
            r.outcome = (uint8_t)(*c == 'p'   ? SP_OUTCOME_PASS
                                  : *c == 'w' ? SP_OUTCOME_WARN
                                  : *c == 'f' ? SP_OUTCOME_FAIL
                                              : SP_OUTCOME_ERROR);
            (void)pair_state_apply(&p, &r, &easy, &ended);
        }
        struct pair_rule strict = {.policy = 1, .max_age_ms = 1000, .rise = rows[i].rise, .fall = rows[i].fall};
        assert_int_equal(pair_state_tighten(&p, &strict), rows[i].changes);
        assert_true(pair_state_check(&p));
        assert_int_equal(pair_state_tier(&p, &strict, 1, now + 1, NULL), rows[i].after);
        assert_false(pair_state_tighten(&p, &strict)); /* once is enough */
    }
}

static void runs_are_closed_once(void **state)
{
    (void)state;
    struct pair_state p = {0};
    assert_false(feed(&p, SP_OUTCOME_PASS, 1));
    assert_false(feed(&p, SP_OUTCOME_PASS, 2));
    assert_true(feed(&p, SP_OUTCOME_FAIL, 3));
    assert_false(feed(&p, SP_OUTCOME_FAIL, 4));
    assert_int_equal(p.run_count, 2);
}

/* The naive twin keeps every result and looks at all of them again each time. */
struct twin {
    uint8_t outcome[64];
    uint64_t issued[64];
    unsigned n;
};

static unsigned twin_tier(const struct twin *t, uint64_t now)
{
    bool up = false, down = false, warn = false;
    unsigned passes = 0, fails = 0;
    uint64_t last_pass = 0, last_fail = 0;
    for (unsigned i = 0; i < t->n; i++) {
        switch (t->outcome[i]) {
        case SP_OUTCOME_PASS:
        case SP_OUTCOME_WARN:
            if (last_pass == 0 || t->issued[i] - last_pass >= rule.max_age_ms) {
                passes = 0;
                up = false;
            }
            passes++;
            fails = 0;
            warn = t->outcome[i] == SP_OUTCOME_WARN;
            last_pass = t->issued[i];
            if (passes >= rule.rise) {
                up = true;
                down = false;
            }
            break;
        case SP_OUTCOME_FAIL:
            fails++;
            passes = 0;
            last_fail = t->issued[i];
            if (fails >= rule.fall) {
                down = true;
                up = false;
            }
            break;
        default:
            passes = up ? passes : 0;
        }
    }
    if (down && now - last_fail < rule.max_age_ms) {
        return SP_TIER_FAIL;
    }
    if (up && now - last_pass < rule.max_age_ms) {
        return warn ? SP_TIER_WARN : SP_TIER_PASS;
    }
    return SP_TIER_NONE;
}

static void agrees_with_the_twin_on_random_histories(void **state)
{
    (void)state;
    struct sp_rng rng = {20260101};
    for (unsigned round = 0; round < 20000; round++) {
        struct pair_state p = {0};
        struct twin t = {.n = 0};
        uint64_t now = 1000;
        unsigned steps = 1 + (unsigned)sp_rng_below(&rng, 12);
        for (unsigned i = 0; i < steps; i++) {
            now += sp_rng_below(&rng, 70);
            t.outcome[t.n] = (uint8_t)sp_rng_below(&rng, 4);
            t.issued[t.n++] = now;
            feed(&p, t.outcome[t.n - 1], now);
            uint64_t later = now + sp_rng_below(&rng, 130);
            assert_int_equal(tier(&p, later), twin_tier(&t, later));
        }
    }
}

static void feed_by(struct pair_state *p, uint16_t worker, uint8_t outcome, uint64_t issued)
{
    struct pair_result r = {.job = issued, .issued_ms = issued, .generation = 1, .policy = 1, .outcome = outcome, .worker = worker};
    struct pair_run ended;
    (void)pair_state_apply(p, &r, &rule, &ended);
}

/* Who is asked for when a key is revoked: whoever reported what stands, not whoever spoke last. */
static void k20_the_one_behind_a_standing_pass_is_not_hidden(void **state)
{
    (void)state;
    struct pair_state p = {0};
    feed_by(&p, 1, SP_OUTCOME_PASS, 1000);
    feed_by(&p, 1, SP_OUTCOME_PASS, 1010);
    feed_by(&p, 2, SP_OUTCOME_FAIL, 1020); /* one of two: the pass of 1 stands */
    assert_int_equal(tier(&p, 1021), SP_TIER_PASS);
    assert_int_equal(p.worker, 1);
    feed_by(&p, 3, SP_OUTCOME_ERROR, 1025);
    assert_int_equal(p.worker, 1);
    feed_by(&p, 2, SP_OUTCOME_FAIL, 1030);
    assert_int_equal(tier(&p, 1031), SP_TIER_FAIL);
    assert_int_equal(p.worker, 2);
    feed_by(&p, 3, SP_OUTCOME_ERROR, 1040);
    assert_int_equal(p.worker, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rises_after_passes_in_a_row),
        cmocka_unit_test(si2_lifetime_counts_from_issue_and_ends_exactly),
        cmocka_unit_test(passes_too_far_apart_are_not_in_a_row),
        cmocka_unit_test(falls_after_fails_and_needs_a_new_rise),
        cmocka_unit_test(a_fail_ages_into_unknown_not_into_trust),
        cmocka_unit_test(an_error_neither_ends_nor_prolongs),
        cmocka_unit_test(si12_generation_and_policy_void),
        cmocka_unit_test(a_stricter_rule_takes_back_what_it_would_not_have_granted),
        cmocka_unit_test(runs_are_closed_once),
        cmocka_unit_test(k20_the_one_behind_a_standing_pass_is_not_hidden),
        cmocka_unit_test(agrees_with_the_twin_on_random_histories),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
