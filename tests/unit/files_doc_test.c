/* SPDX-License-Identifier: Apache-2.0 */
/* The document of the collector `files`: written, read in parts of any size, refused when anything is not as it should be; and what
 * is said of a tree: each kind of difference by its own name. */
#include "files_doc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "files_judge.h"

static const uint8_t sha_a[32] = {0xaa, 1, 2, 3}, sha_b[32] = {0xbb, 1, 2, 3};

#define ROWS 7

static const struct files_entry good[ROWS] = {
    {.type = 'd', .mode = 0755, .path = {"/t", 2}},
    {.type = 'f', .mode = 0644, .uid = 1, .gid = 2, .size = 5, .path = {"/t/a", 4}, .sha256 = sha_a},
    {.type = 'f', .mode = 04755, .size = 9, .path = {"/t/ab", 5}, .sha256 = sha_b},
    {.type = 'd', .mode = 0700, .path = {"/t/dir", 6}},
    {.type = 'l', .mode = 0777, .path = {"/t/link", 7}, .target = {"a", 1}},
    {.type = 'p', .mode = 0600, .path = {"/t/pipe", 7}},
    {.type = 'f', .mode = 0600, .size = 5, .path = {"/t/dir/deep", 11}, .sha256 = sha_a},
};

static void document(struct sp_buf *b, const struct files_entry *entry, size_t count, enum files_end end)
{
    struct files_last last = {.n = 0};
    sp_buf_init(b, 1u << 20);
    files_doc_put_head(b);
    for (size_t i = 0; i < count; i++) {
        files_doc_put(b, &last, &entry[i]);
    }
    files_doc_put_end(b, end, count, 1234);
    assert_false(b->failed);
}

/* Reads a document in parts, each in memory of its own. Returns how it ended; *seen: entries before that. */
static enum files_next read_in(const uint8_t *p, size_t n, size_t part, const struct files_entry *want, size_t *seen)
{
    struct files_reader *r = malloc(sizeof *r);
    struct files_entry e;
    enum files_next next = FILES_NEXT_MORE;
    assert_non_null(r);
    files_reader_init(r);
    *seen = 0;
    for (size_t at = 0; at < n && next == FILES_NEXT_MORE; at += part) {
        size_t m = n - at < part ? n - at : part;
        uint8_t *copy = malloc(m);
        assert_non_null(copy);
        memcpy(copy, p + at, m);
        files_reader_push(r, sp_str_bytes(copy, m));
        while ((next = files_reader_next(r, &e)) == FILES_NEXT_ENTRY) {
            if (want != NULL) {
                const struct files_entry *w = &want[*seen];
                assert_int_equal(e.type, w->type);
                assert_int_equal(e.state, w->state);
                assert_int_equal(e.mode, w->mode);
                assert_int_equal(e.size, w->size);
                assert_true(e.uid == w->uid && e.gid == w->gid && sp_str_eq(e.path, w->path) && sp_str_eq(e.target, w->target));
                assert_true((e.sha256 != NULL) == (w->sha256 != NULL));
                assert_true(e.sha256 == NULL || memcmp(e.sha256, w->sha256, 32) == 0);
            }
            (*seen)++;
        }
        free(copy);
        if (next == FILES_NEXT_END && at + m < n) { /* the end is not the end: one more look */
            files_reader_push(r, sp_str_bytes(p + at + m, n - at - m));
            next = files_reader_next(r, &e);
            break;
        }
    }
    free(r);
    return next;
}

static void in_parts(void **state)
{
    struct sp_buf b;
    size_t seen;
    (void)state;
    document(&b, good, ROWS, FILES_END_WHOLE);
    for (size_t part = 1; part <= b.n; part++) {
        assert_int_equal(read_in(b.p, b.n, part, good, &seen), FILES_NEXT_END);
        assert_int_equal(seen, ROWS);
    }
    for (size_t n = 0; n < b.n; n++) { /* cut anywhere: never whole */
        assert_int_equal(read_in(b.p, n, 7, NULL, &seen), FILES_NEXT_MORE);
    }
    sp_buf_append(&b, "x", 1);
    assert_int_equal(read_in(b.p, b.n, b.n, NULL, &seen), FILES_NEXT_BAD);
    assert_int_equal(read_in(b.p, b.n, b.n - 1, NULL, &seen), FILES_NEXT_BAD);
    sp_buf_fini(&b);
}

/* Every byte changed to every value: an end, an error or other entries; nothing else, and no entry without a path. */
static void changed_bytes(void **state)
{
    struct sp_buf b;
    size_t seen;
    (void)state;
    document(&b, good, ROWS, FILES_END_WHOLE);
    for (size_t i = 0; i < b.n; i++) {
        uint8_t before = b.p[i];
        for (unsigned v = 0; v < 256; v += 5) {
            b.p[i] = (uint8_t)v;
            enum files_next next = read_in(b.p, b.n, 64, NULL, &seen);
            assert_true(next == FILES_NEXT_END || next == FILES_NEXT_BAD || next == FILES_NEXT_MORE);
        }
        b.p[i] = before;
    }
    sp_buf_fini(&b);
}

static void refused(void **state)
{
    static const struct files_entry bad[] = {
        {.type = 'x', .path = {"/t", 2}},
        {.type = 'd', .state = 9, .path = {"/t", 2}},
        {.type = 'd', .mode = 010000, .path = {"/t", 2}},
        {.type = 'd', .path = {"t", 1}},
        {.type = 'd', .path = {"/t/../etc", 9}},
        {.type = 'd', .path = {"/t/", 3}},
        {.type = 'd', .path = {"", 0}},
        {.type = 'l', .path = {"/t/l", 4}, .target = {"", 0}},
        {.type = 'l', .path = {"/t/l", 4}, .target = {"a\0b", 3}},
        {.type = 'd', .path = {"/t\0x", 4}},
    };
    size_t seen;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct sp_buf b;
        document(&b, &bad[i], 1, FILES_END_WHOLE);
        if (read_in(b.p, b.n, b.n, NULL, &seen) != FILES_NEXT_BAD || seen != 0) {
            fail_msg("row %zu was taken", i);
        }
        sp_buf_fini(&b);
    }
    struct sp_buf b;
    document(&b, good, 2, (enum files_end)7);
    assert_int_equal(read_in(b.p, b.n, b.n, NULL, &seen), FILES_NEXT_BAD);
    sp_buf_fini(&b);
    document(&b, good, 2, FILES_END_WHOLE);
    b.p[b.n - 9]++; /* another count of entries */
    assert_int_equal(read_in(b.p, b.n, b.n, NULL, &seen), FILES_NEXT_BAD);
    b.p[0] = 'X';
    assert_int_equal(read_in(b.p, b.n, 3, NULL, &seen), FILES_NEXT_BAD);
    sp_buf_fini(&b);
}

/* ---- judging ---- */

#define A "aa01020300000000000000000000000000000000000000000000000000000000"
#define B "bb01020300000000000000000000000000000000000000000000000000000000"

static const char manifest[] = "SPICE-TREE 1\ntree /t\nskip /t/skip\n"
                               "d 0755 0 0 /t\n"
                               "f 0644 1 2 5 " A " /t/a\n"
                               "f 4755 0 0 9 " B " /t/ab\n"
                               "d - - - /t/dir\n"
                               "f 0600 0 - 5 " A " /t/dir/deep\n"
                               "l 0 0 /t/link a\n"
                               "p 0600 0 0 /t/pipe\n";

struct change {
    const char *what;
    int drop; /* row that is left out; -1: none */
    int row;  /* row that is replaced; -1: none; ROWS: one more */
    struct files_entry entry;
    enum files_finding finding; /* FILES_FOUND_COUNT: none */
    unsigned count;
};

static const struct change changes[] = {
    {"as it should be", -1, -1, {0}, FILES_FOUND_COUNT, 0},
    {"content",
     -1,
     1,
     {.type = 'f', .mode = 0644, .uid = 1, .gid = 2, .size = 5, .path = {"/t/a", 4}, .sha256 = sha_b},
     FILES_FOUND_DIGEST,
     1},
    {"size alone",
     -1,
     1,
     {.type = 'f', .mode = 0644, .uid = 1, .gid = 2, .size = 6, .path = {"/t/a", 4}, .sha256 = sha_a},
     FILES_FOUND_DIGEST,
     1},
    {"set-user-id",
     -1,
     1,
     {.type = 'f', .mode = 04644, .uid = 1, .gid = 2, .size = 5, .path = {"/t/a", 4}, .sha256 = sha_a},
     FILES_FOUND_MODE,
     1},
    {"owner",
     -1,
     1,
     {.type = 'f', .mode = 0644, .uid = 9, .gid = 2, .size = 5, .path = {"/t/a", 4}, .sha256 = sha_a},
     FILES_FOUND_OWNER,
     1},
    {"group",
     -1,
     1,
     {.type = 'f', .mode = 0644, .uid = 1, .gid = 9, .size = 5, .path = {"/t/a", 4}, .sha256 = sha_a},
     FILES_FOUND_OWNER,
     1},
    {"any mode", -1, 3, {.type = 'd', .mode = 0777, .uid = 7, .gid = 7, .path = {"/t/dir", 6}}, FILES_FOUND_COUNT, 0},
    {"any group",
     -1,
     6,
     {.type = 'f', .mode = 0600, .gid = 7, .size = 5, .path = {"/t/dir/deep", 11}, .sha256 = sha_a},
     FILES_FOUND_COUNT,
     0},
    {"a link for a file", -1, 1, {.type = 'l', .path = {"/t/a", 4}, .target = {"b", 1}}, FILES_FOUND_TYPE, 1},
    {"a pipe for a file", -1, 1, {.type = 'p', .mode = 0644, .uid = 1, .gid = 2, .path = {"/t/a", 4}}, FILES_FOUND_TYPE, 1},
    {"a device", -1, ROWS, {.type = 'c', .mode = 0600, .path = {"/t/null", 7}}, FILES_FOUND_EXTRA, 1},
    {"target", -1, 4, {.type = 'l', .mode = 0777, .path = {"/t/link", 7}, .target = {"ab", 2}}, FILES_FOUND_TARGET, 1},
    {"one more", -1, ROWS, {.type = 'f', .path = {"/t/b", 4}, .sha256 = sha_a}, FILES_FOUND_EXTRA, 1},
    {"one more, unread", -1, ROWS, {.type = 'f', .state = FILES_UNSTABLE, .path = {"/t/b", 4}}, FILES_FOUND_EXTRA, 1},
    {"a directory more, unread", -1, ROWS, {.type = 'd', .state = FILES_UNREADABLE, .path = {"/t/b", 4}}, FILES_FOUND_EXTRA, 1},
    {"one less", 2, -1, {0}, FILES_FOUND_MISSING, 1},
    {"link less", 4, -1, {0}, FILES_FOUND_MISSING, 1},
    {"moving",
     -1,
     1,
     {.type = 'f', .state = FILES_UNSTABLE, .mode = 0644, .uid = 1, .gid = 2, .size = 5, .path = {"/t/a", 4}},
     FILES_FOUND_UNSTABLE,
     1},
    {"moving and foreign",
     -1,
     1,
     {.type = 'f', .state = FILES_UNSTABLE, .mode = 0644, .uid = 9, .path = {"/t/a", 4}},
     FILES_FOUND_OWNER,
     1},
    {"closed",
     -1,
     1,
     {.type = 'f', .state = FILES_UNREADABLE, .mode = 0644, .uid = 1, .gid = 2, .path = {"/t/a", 4}},
     FILES_FOUND_UNREADABLE,
     1},
    {"huge",
     -1,
     1,
     {.type = 'f', .state = FILES_TOO_LARGE, .mode = 0644, .uid = 1, .gid = 2, .path = {"/t/a", 4}},
     FILES_FOUND_TOO_LARGE,
     1},
    {"directory that moved", 6, ROWS, {.type = 'd', .state = FILES_UNSTABLE, .path = {"/t/dir", 6}}, FILES_FOUND_UNSTABLE, 1},
};

static void judge_all(struct files_judge *j, const struct manifest_table *t, const struct change *c)
{
    assert_true(files_judge_init(j, t));
    for (int i = 0; i < ROWS; i++) {
        if (i != c->drop) {
            assert_true(files_judge_entry(j, i == c->row ? &c->entry : &good[i]));
        }
    }
    if (c->row == ROWS) {
        assert_true(files_judge_entry(j, &c->entry));
    }
    files_judge_end(j, FILES_END_WHOLE, ROWS, 99);
}

static void each_by_its_name(void **state)
{
    struct manifest_table *t = NULL;
    char why[MANIFEST_TABLE_WHY_MAX] = "";
    (void)state;
    assert_true(manifest_table_new(sp_str_bytes(manifest, sizeof manifest - 1), &t, why));
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        struct files_judge *j = malloc(sizeof *j);
        assert_non_null(j);
        judge_all(j, t, &changes[i]);
        enum files_finding f = files_judge_worst(j);
        if (f != changes[i].finding || (f < FILES_FOUND_COUNT && j->count[f] != changes[i].count)) {
            fail_msg("%s: %s %s", changes[i].what, files_finding_name(f), f < FILES_FOUND_COUNT ? j->example[f] : "");
        }
        files_judge_fini(j);
        free(j);
    }
    manifest_table_free(&t);
}

static void no_answer_to_the_question(void **state)
{
    static const struct files_entry bad[] = {
        {.type = 'd', .path = {"/other", 6}},
        {.type = 'd', .path = {"/t/skip", 7}},
        {.type = 'd', .path = {"/t/skip/x", 9}},
        {.type = 'd', .mode = 0755, .path = {"/t", 2}}, /* a second time */
    };
    struct manifest_table *t = NULL;
    char why[MANIFEST_TABLE_WHY_MAX] = "";
    (void)state;
    assert_true(manifest_table_new(sp_str_bytes(manifest, sizeof manifest - 1), &t, why));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct files_judge *j = malloc(sizeof *j);
        assert_non_null(j);
        assert_true(files_judge_init(j, t));
        assert_true(files_judge_entry(j, &good[0]));
        assert_false(files_judge_entry(j, &bad[i]));
        assert_true(j->malformed);
        files_judge_fini(j);
        free(j);
    }
    struct files_judge *j = malloc(sizeof *j); /* cut short: what was not listed is not missing */
    assert_non_null(j);
    assert_true(files_judge_init(j, t));
    files_judge_end(j, FILES_END_LIMIT, 0, 0);
    assert_int_equal(files_judge_worst(j), FILES_FOUND_COUNT);
    files_judge_fini(j);
    assert_true(files_judge_init(j, t)); /* more directories unread than are remembered: nothing is called missing */
    for (unsigned i = 0; i <= FILES_GAPS_MAX; i++) {
        const struct files_entry e = {.type = 'd', .state = FILES_UNREADABLE, .path = {"/t/dir", 6}};
        assert_true(files_judge_entry(j, &e));
    }
    files_judge_end(j, FILES_END_WHOLE, 0, 0);
    assert_int_equal(j->count[FILES_FOUND_MISSING], 0);
    files_judge_fini(j);
    free(j);
    manifest_table_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(in_parts), cmocka_unit_test(changed_bytes), cmocka_unit_test(refused),
                                       cmocka_unit_test(each_by_its_name), cmocka_unit_test(no_answer_to_the_question)};
    return cmocka_run_group_tests_name("files document", tests, NULL, NULL);
}
