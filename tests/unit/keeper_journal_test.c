/* SPDX-License-Identifier: Apache-2.0 */
/* Stored forms: what is written reads back, and every cut or changed byte is either refused or harmless. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "keeper_journal.h"
#include "membership.h"
#include "node_record.h"

static void same_entry(const struct keeper_journal_entry *a, const struct keeper_journal_entry *b)
{
    assert_int_equal(a->node, b->node); /* each by itself: the struct has padding, which says nothing */
    assert_int_equal(a->check, b->check);
    assert_int_equal(a->result.job, b->result.job);
    assert_int_equal(a->result.issued_ms, b->result.issued_ms);
    assert_int_equal(a->result.generation, b->result.generation);
    assert_int_equal(a->result.policy, b->result.policy);
    assert_int_equal(a->result.reason, b->result.reason);
    assert_int_equal(a->result.outcome, b->result.outcome);
    assert_int_equal(a->result.attempt, b->result.attempt);
    assert_true(sp_str_eq(a->text, b->text));
}

/* Each in the light of the one before: rising and falling, the largest and the smallest, texts that come again, change and end. */
static void entries_read_back(void **state)
{
    (void)state;
    static const struct keeper_journal_entry in[] = {
        {7,
         8,
         {.job = 1ull << 40 | 9, .issued_ms = 123456, .generation = 2, .policy = 3, .reason = 37, .outcome = 2, .attempt = 4},
         {"text", 4}},
        {7, 9, {.job = 1ull << 40 | 8, .issued_ms = 123400, .generation = 2, .policy = 4, .attempt = 1}, {"text", 4}},
        {UINT32_MAX,
         UINT32_MAX,
         {.job = UINT64_MAX,
          .issued_ms = PAIR_MS_MAX,
          .generation = UINT32_MAX,
          .policy = UINT32_MAX,
          .reason = UINT16_MAX,
          .outcome = SP_OUTCOME_LAST,
          .attempt = UINT8_MAX},
         {"other", 5}},
        {1, 1, {.job = 1, .issued_ms = 1, .generation = 1, .policy = 1, .attempt = 1}, {NULL, 0}},
        {1, 2, {.job = 2, .issued_ms = 1, .generation = 1, .policy = 1, .attempt = 1}, {NULL, 0}},
        {1, 3, {.job = 3, .issued_ms = 1, .generation = 1, .policy = 1, .attempt = 1}, {"text", 4}},
    };
    uint8_t row[KEEPER_JOURNAL_HEAD_BYTES + SP_COUNT(in) * KEEPER_JOURNAL_ENTRY_MAX];
    struct keeper_journal_mark mark;
    struct keeper_journal_entry out;
    uint64_t clock_boot = 0;
    uint32_t n = keeper_journal_begin(row, 0x1234567890abcdefull, &mark), last = 0;
    for (size_t i = 0; i < SP_COUNT(in); i++) {
        char text[8] = ""; /* gone when the next one is written */
        struct keeper_journal_entry e = in[i];
        memcpy(text, e.text.n > 0 ? e.text.p : "", e.text.n);
        e.text.p = text;
        last = keeper_journal_put(row + n, &mark, &e);
        n += last;
        memset(text, '!', sizeof text);
    }
    assert_true(last < 13 + 4);
    struct sp_str rest = sp_str_bytes(row, n);
    assert_int_equal(keeper_journal_head(&rest, &clock_boot, &mark), SP_OK);
    assert_true(clock_boot == 0x1234567890abcdefull);
    for (size_t i = 0; i < SP_COUNT(in); i++) {
        assert_int_equal(keeper_journal_next(&rest, &mark, &out), SP_OK);
        same_entry(&in[i], &out);
    }
    assert_int_equal(keeper_journal_next(&rest, &mark, &out), SP_E_NOT_FOUND);
}

/* Reads the second entry of a row whose first one is good. */
static enum sp_rc second(const uint8_t *bytes, uint32_t n)
{
    struct keeper_journal_mark mark = {.job = 1, .issued_ms = 5, .generation = 1, .policy = 1, .text = {"text", 4}};
    struct sp_str rest = sp_str_bytes(bytes, n);
    struct keeper_journal_entry out;
    return keeper_journal_next(&rest, &mark, &out);
}

static void every_cut_is_refused(void **state)
{
    (void)state;
    uint8_t bytes[KEEPER_JOURNAL_ENTRY_MAX];
    const struct keeper_journal_mark before = {.job = 1, .issued_ms = 5, .generation = 1, .policy = 1, .text = {"text", 4}};
    struct keeper_journal_mark mark = before;
    struct keeper_journal_entry in = {
        300, 1, {.job = 1000, .issued_ms = 900, .generation = 1, .policy = 1, .reason = 300, .attempt = 1}, {"other", 5}};
    uint32_t n = keeper_journal_put(bytes, &mark, &in);
    assert_int_equal(second(bytes, n), SP_OK);
    for (uint32_t cut = 1; cut < n; cut++) {
        assert_int_equal(second(bytes, cut), SP_E_CORRUPT);
    }
    for (int i = 0; i < 2; i++) { /* dated never, and beyond what a pair holds */
        struct keeper_journal_entry undated = in;
        mark = before;
        undated.result.issued_ms = i == 0 ? 0 : PAIR_MS_MAX + 1;
        assert_int_equal(second(bytes, keeper_journal_put(bytes, &mark, &undated)), SP_E_CORRUPT);
    }
}

/* Another form of the same, or what no writer makes. */
static void each_entry_has_one_form(void **state)
{
    (void)state;
    static const struct {
        uint8_t bytes[16];
        uint32_t n;
        enum sp_rc rc;
    } rows[] = {
        {{0, 1, 1, 0, 0, 2, 0, 1}, 8, SP_OK},                                    /* text of the entry before */
        {{8, 1, 1, 0, 0, 2, 0, 1}, 8, SP_E_CORRUPT},                             /* no such flag */
        {{0, 0x81, 0, 1, 0, 0, 2, 0, 1}, 9, SP_E_CORRUPT},                       /* a number that is longer than it must be */
        {{0, 1, 0xff, 0xff, 0xff, 0xff, 0x1f, 0, 0, 2, 0, 1}, 12, SP_E_CORRUPT}, /* more than 32 bits */
        {{4, 1, 1, 0, 0, 2, 0, 0, 1, 1}, 10, SP_E_CORRUPT},                      /* reason and attempt said although usual */
        {{0, 1, 1, 0, 0, 2, 0, 5, 't', 'e', 'x', 't'}, 12, SP_E_CORRUPT},        /* the text of the entry before once more */
        {{0, 1, 1, 0, 0, 2, 0, 5, 't', 'e', 's', 't'}, 12, SP_OK},
        {{0, 1, 1, 0, 0, 2, 0, 0x83, 4, 't'}, 10, SP_E_CORRUPT}, /* longer than a text may be */
        {{0, 1, 1, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0}, 16, SP_E_CORRUPT}, /* more than 64 bits */
    };
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        assert_int_equal(second(rows[i].bytes, rows[i].n), rows[i].rc);
    }
    struct sp_str first = sp_str_bytes(rows[0].bytes, rows[0].n);
    struct keeper_journal_mark none = {.issued_ms = 5};
    struct keeper_journal_entry out;
    assert_int_equal(keeper_journal_next(&first, &none, &out), SP_E_CORRUPT); /* again what never was */
}

/* ---- records ---- */

struct keep {
    struct node_registry nodes;
    struct text_pool texts;
    struct node_row *row;
};

static void keep_init(struct keep *k)
{
    static const uint8_t key[16] = {1};
    struct node_def def = {.name = sp_str_of("n1"), .key = {1}};
    node_registry_init(&k->nodes, key);
    text_pool_init(&k->texts, key, 1 << 16);
    assert_int_equal(node_registry_put(&k->nodes, &def, &k->row), SP_OK);
}

static void keep_fini(struct keep *k)
{
    node_registry_fini(&k->nodes);
    text_pool_fini(&k->texts);
}

static void keep_pair(struct keep *k, struct pair_state p, const char *text)
{
    struct pair_state *pair = node_registry_pair(&k->nodes, k->row, p.check_id);
    assert_non_null(pair);
    p.text = text_pool_keep(&k->texts, sp_str_of(text));
    *pair = p;
}

static void keep_some(struct keep *k)
{
    keep_init(k);
    keep_pair(k, (struct pair_state){.check_id = 2}, "");
    keep_pair(k,
              (struct pair_state){.check_id = 3,
                                  .generation = 1,
                                  .policy = 2,
                                  .job = 1ull << 40 | 77,
                                  .issued_ms = 90000,
                                  .pass_ms = 90000,
                                  .worker = 3,
                                  .attempt = 1,
                                  .up = 1,
                                  .known = 1,
                                  .since_s = 1767225600,
                                  .run_count = 9,
                                  .run_job = 5,
                                  .passes = 9},
              "ok");
    keep_pair(k,
              (struct pair_state){.check_id = 4,
                                  .generation = 1,
                                  .policy = 1,
                                  .job = 1ull << 40 | 70,
                                  .issued_ms = 89000,
                                  .pass_ms = 80000,
                                  .fail_ms = 89000,
                                  .reason = 37,
                                  .worker = 2,
                                  .attempt = 2,
                                  .outcome = SP_OUTCOME_FAIL,
                                  .down = 1,
                                  .known = 1,
                                  .since_s = 1767225500,
                                  .run_count = 1,
                                  .run_job = 70,
                                  .fails = 1},
              "ok");
    keep_pair(k,
              (struct pair_state){.check_id = UINT32_MAX,
                                  .generation = UINT32_MAX,
                                  .policy = UINT32_MAX,
                                  .job = UINT64_MAX,
                                  .issued_ms = PAIR_MS_MAX,
                                  .pass_ms = 1,
                                  .fail_ms = 2,
                                  .reason = UINT16_MAX,
                                  .worker = UINT16_MAX,
                                  .attempt = UINT8_MAX,
                                  .outcome = SP_OUTCOME_LAST,
                                  .up = 1,
                                  .warn = 1,
                                  .known = 1,
                                  .since_s = UINT32_MAX,
                                  .run_count = UINT32_MAX,
                                  .passes = PAIR_STREAK_MAX,
                                  .fails = PAIR_STREAK_MAX},
              "other");
}

static void a_record_reads_back(void **state)
{
    (void)state;
    struct keep from, to;
    struct sp_buf record;
    sp_buf_init(&record, 1 << 16);
    keep_some(&from);
    keep_init(&to);
    node_record_write(from.row, &from.texts, NULL, 0, &record);
    assert_false(record.failed);
    assert_int_equal(node_record_read(&to.nodes, to.row, &to.texts, NULL, 0, sp_buf_view(&record)), SP_OK);
    assert_int_equal(to.row->pair_count, from.row->pair_count);
    for (uint32_t i = 0; i < to.row->pair_count; i++) {
        struct pair_state a = from.row->pairs[i], b = to.row->pairs[i];
        assert_true(sp_str_eq(text_pool_text(&from.texts, a.text), text_pool_text(&to.texts, b.text)));
        b.text = a.text;
        assert_memory_equal(&a, &b, sizeof a); /* no padding: 64 bytes of fields */
    }
    assert_true(node_registry_check(&to.nodes) && text_pool_check(&to.texts));
    keep_fini(&from);
    keep_fini(&to);
    sp_buf_fini(&record);
}

static void every_cut_of_a_record_is_refused(void **state)
{
    (void)state;
    struct keep from, to;
    struct sp_buf record;
    sp_buf_init(&record, 1 << 16);
    keep_some(&from);
    keep_init(&to);
    node_record_write(from.row, &from.texts, NULL, 0, &record);
    for (uint32_t cut = 0; cut < record.n; cut++) {
        assert_int_equal(node_record_read(&to.nodes, to.row, &to.texts, NULL, 0, sp_str_bytes(record.p, cut)), SP_E_CORRUPT);
        assert_int_equal(to.row->pair_count, 0);
        assert_int_equal(to.nodes.pairs, 0);
    }
    record.p[0]--; /* of the program before */
    assert_int_equal(node_record_read(&to.nodes, to.row, &to.texts, NULL, 0, sp_buf_view(&record)), SP_E_VERSION);
    record.p[0]++;
    record.p[3] = 0; /* the check of a pair does not rise */
    assert_int_equal(node_record_read(&to.nodes, to.row, &to.texts, NULL, 0, sp_buf_view(&record)), SP_E_CORRUPT);
    assert_true(node_registry_check(&to.nodes) && text_pool_check(&to.texts));
    keep_fini(&from);
    keep_fini(&to);
    sp_buf_fini(&record);
}

static void moves_of_a_membership_are_exactly_these(void **state)
{
    (void)state;
    for (unsigned from = 0; from < MEMBERSHIP_STATE_COUNT; from++) {
        for (unsigned to = 0; to < MEMBERSHIP_STATE_COUNT; to++) {
            bool want = (from == MEMBERSHIP_OUT && to == MEMBERSHIP_PENDING) ||
                        (from == MEMBERSHIP_PENDING && to != MEMBERSHIP_PENDING) || (from == MEMBERSHIP_IN && to == MEMBERSHIP_OUT);
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
        cmocka_unit_test(entries_read_back),
        cmocka_unit_test(every_cut_is_refused),
        cmocka_unit_test(each_entry_has_one_form),
        cmocka_unit_test(a_record_reads_back),
        cmocka_unit_test(every_cut_of_a_record_is_refused),
        cmocka_unit_test(moves_of_a_membership_are_exactly_these),
        cmocka_unit_test(hold_down_doubles_and_is_capped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
