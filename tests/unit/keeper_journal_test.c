/* SPDX-License-Identifier: Apache-2.0 */
/* Stored forms: what is written reads back, and every cut or changed byte is either refused or harmless. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "keeper_journal.h"
#include "membership.h"

static void an_entry_reads_back(void **state)
{
    (void)state;
    uint8_t bytes[KEEPER_JOURNAL_ENTRY_MAX];
    struct keeper_journal_entry in = {7, 8, {.job = 1ull << 40 | 9, .issued_ms = 123456, .generation = 2, .policy = 3, .reason = 37, .outcome = 2, .attempt = 4},
                                      sp_str_of("text")};
    struct keeper_journal_entry out;
    struct sp_str rest = sp_str_bytes(bytes, keeper_journal_put(bytes, &in));
    assert_int_equal(keeper_journal_next(&rest, &out), SP_OK);
    assert_int_equal(out.result.job, in.result.job); /* each by itself: the struct has padding, which says nothing */
    assert_int_equal(out.result.issued_ms, in.result.issued_ms);
    assert_int_equal(out.result.generation, in.result.generation);
    assert_int_equal(out.result.policy, in.result.policy);
    assert_int_equal(out.result.reason, in.result.reason);
    assert_int_equal(out.result.outcome, in.result.outcome);
    assert_int_equal(out.result.attempt, in.result.attempt);
    assert_int_equal(out.node, 7);
    assert_int_equal(out.check, 8);
    assert_true(sp_str_is(out.text, "text"));
    assert_int_equal(keeper_journal_next(&rest, &out), SP_E_NOT_FOUND);
}

static void every_cut_is_refused(void **state)
{
    (void)state;
    uint8_t bytes[KEEPER_JOURNAL_ENTRY_MAX];
    struct keeper_journal_entry in = {1, 1, {.job = 1, .issued_ms = 5}, sp_str_of("text")}, out;
    uint32_t n = keeper_journal_put(bytes, &in);
    for (uint32_t cut = 1; cut < n; cut++) {
        struct sp_str rest = sp_str_bytes(bytes, cut);
        assert_int_equal(keeper_journal_next(&rest, &out), SP_E_CORRUPT);
    }
    for (int i = 0; i < 2; i++) { /* dated never, and beyond what a pair holds */
        uint8_t bad[KEEPER_JOURNAL_ENTRY_MAX];
        struct keeper_journal_entry undated = in;
        undated.result.issued_ms = i == 0 ? 0 : PAIR_MS_MAX + 1;
        struct sp_str all = sp_str_bytes(bad, keeper_journal_put(bad, &undated));
        assert_int_equal(keeper_journal_next(&all, &out), SP_E_CORRUPT);
    }
    bytes[34] = 9; /* no such outcome */
    struct sp_str rest = sp_str_bytes(bytes, n);
    assert_int_equal(keeper_journal_next(&rest, &out), SP_E_CORRUPT);
}

static void moves_of_a_membership_are_exactly_these(void **state)
{
    (void)state;
    for (unsigned from = 0; from < MEMBERSHIP_STATE_COUNT; from++) {
        for (unsigned to = 0; to < MEMBERSHIP_STATE_COUNT; to++) {
            bool want = (from == MEMBERSHIP_OUT && to == MEMBERSHIP_PENDING) || (from == MEMBERSHIP_PENDING && to != MEMBERSHIP_PENDING) ||
                        (from == MEMBERSHIP_IN && to == MEMBERSHIP_OUT);
            assert_int_equal(membership_may((enum membership_state)from, (enum membership_state)to), want);
        }
    }
}

static void hold_down_doubles_and_is_capped(void **state)
{
    (void)state;
    assert_int_equal(membership_hold_ms(100, 0), 0);
    assert_int_equal(membership_hold_ms(100, 1), 100);
    assert_int_equal(membership_hold_ms(100, 4), 800);
    assert_int_equal(membership_hold_ms(100, 1000), 100u << MEMBERSHIP_DOUBLINGS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entry_reads_back),
        cmocka_unit_test(every_cut_is_refused),
        cmocka_unit_test(moves_of_a_membership_are_exactly_these),
        cmocka_unit_test(hold_down_doubles_and_is_capped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
