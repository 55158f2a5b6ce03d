/* SPDX-License-Identifier: Apache-2.0 */
/* Tree manifests made of a directory, and against the lists of a package database. */
#include "files_make.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "scratch.h"

static struct scratch s;
static struct sp_buf text;
static struct files_make_sum sum;
static char why[FILES_MAKE_WHY_MAX];

static const char *at(const char *name)
{
    static char path[4][256];
    static unsigned turn;
    turn = (turn + 1) % 4;
    return scratch_path(&s, name, path[turn], sizeof path[turn]);
}

static void dirs(const char *const *names)
{
    for (; *names != NULL; names++) {
        assert_int_equal(mkdir(at(*names), 0755), 0);
    }
}

static int setup(void **state)
{
    static const char *const names[] = {"usr",     "usr/lib",      "usr/lib/a",         "etc", "var",
                                        "var/lib", "var/lib/dpkg", "var/lib/dpkg/info", NULL};
    (void)state;
    scratch_init(&s);
    sp_buf_init(&text, MANIFEST_TABLE_BYTES_MAX);
    dirs(names);
    assert_int_equal(symlink("usr/lib", at("lib")), 0);
    scratch_file(&s, "usr/lib/a/one", "1", SIZE_MAX, 0644);
    scratch_file(&s, "usr/lib/a/two", "2", SIZE_MAX, 0755);
    scratch_file(&s, "etc/conf", "mine", SIZE_MAX, 0600);
    assert_int_equal(symlink("two", at("usr/lib/a/link")), 0);
    scratch_file(
        &s, "var/lib/dpkg/info/p1.md5sums",
        "c4ca4238a0b923820dcc509a6f75849b  usr/lib/a/one\n00000000000000000000000000000000  opt/elsewhere\nno line of the list\n",
        SIZE_MAX, 0644);
    scratch_file(&s, "var/lib/dpkg/info/p2:amd64.md5sums", "c81e728d9d4c2f636f067f89cc14862c  lib/a/two\n", SIZE_MAX,
                 0644); /* as before the merge */
    scratch_file(&s, "var/lib/dpkg/info/p2:amd64.list", "/usr/lib/a/two\n", SIZE_MAX, 0644);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    sp_buf_fini(&text);
    scratch_fini(&s);
    return 0;
}

static bool make(bool dpkg)
{
    static const struct sp_str trees[] = {{"/usr/lib", 8}, {"/etc", 4}};
    static const struct sp_str skips[] = {{"/usr/lib/skip", 13}};
    const struct files_make_options o = {
        .root = s.dir, .trees = trees, .tree_count = 2, .skips = skips, .skip_count = 1, .dpkg = dpkg};
    sp_buf_reset(&text);
    why[0] = '\0';
    return files_make(&o, &text, &sum, why);
}

static void a_manifest_is_made(void **state)
{
    struct manifest_table *t = NULL;
    struct manifest_row row;
    size_t i;
    (void)state;
    assert_true(make(false));
    assert_true(manifest_table_new(sp_buf_view(&text), &t, why));
    assert_int_equal(manifest_table_count(t), 7);
    assert_int_equal(sum.entries, 7);
    assert_int_equal(sum.files, 3);
    assert_true(manifest_table_find(t, sp_str_of("/usr/lib/a/two"), &i));
    manifest_table_row(t, i, &row);
    assert_int_equal(row.mode, 0755);
    assert_int_equal(row.uid, getuid());
    assert_true(manifest_table_find(t, sp_str_of("/usr/lib/a/link"), &i));
    manifest_table_row(t, i, &row);
    assert_true(sp_str_is(row.target, "two"));
    manifest_table_free(&t);
    struct sp_buf before = text;
    sp_buf_init(&text, MANIFEST_TABLE_BYTES_MAX); /* again: the same bytes */
    assert_true(make(false));
    assert_int_equal(text.n, before.n);
    assert_memory_equal(text.p, before.p, text.n);
    sp_buf_fini(&before);
}

static void packages(void **state)
{
    static const struct {
        const char *file, *content; /* NULL: taken away */
        const char *said;
    } rows[] = {{"usr/lib/a/one", "x", "/usr/lib/a/one differs from its package"},
                {"usr/lib/a/two", "x", "/usr/lib/a/two differs from its package"},
                {"usr/lib/a/one", NULL, "/usr/lib/a/one is missing"}};
    (void)state;
    assert_true(make(true));
    assert_int_equal(sum.packaged, 2); /* etc/conf is in no list */
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        scratch_file(&s, "usr/lib/a/one", "1", SIZE_MAX, 0644);
        scratch_file(&s, "usr/lib/a/two", "2", SIZE_MAX, 0755);
        if (rows[i].content != NULL) {
            scratch_file(&s, rows[i].file, rows[i].content, SIZE_MAX, 0644);
        } else {
            assert_int_equal(unlink(at(rows[i].file)), 0);
        }
        assert_false(make(true));
        if (strstr(why, rows[i].said) == NULL) {
            fail_msg("%s; wanted %s", why, rows[i].said);
        }
        assert_true(make(false)); /* who does not ask is not told */
    }
    assert_int_equal(symlink("two", at("usr/lib/a/one")), 0);
    assert_false(make(true));
    assert_non_null(strstr(why, "is no file"));
    assert_int_equal(unlink(at("var/lib/dpkg/info/p1.md5sums")), 0);
    assert_true(make(true));
    assert_int_equal(rename(at("var/lib/dpkg"), at("var/lib/gone")), 0);
    assert_false(make(true));
    assert_non_null(strstr(why, "Debian"));
}

static void many_wrong_ones_are_counted(void **state)
{
    struct sp_buf lists;
    (void)state;
    sp_buf_init(&lists, 65536);
    for (unsigned i = 0; i < 12; i++) {
        sp_buf_format(&lists, "c4ca4238a0b923820dcc509a6f75849b  usr/lib/a/m%02u\n", i);
    }
    scratch_file(&s, "var/lib/dpkg/info/p3.md5sums", lists.p, lists.n, 0644);
    sp_buf_fini(&lists);
    assert_false(make(true));
    assert_non_null(strstr(why, "/usr/lib/a/m00 is missing"));
    assert_non_null(strstr(why, "; and 7 more"));
}

static void no_tree_no_manifest(void **state)
{
    static const struct sp_str apart[] = {{"/usr", 4}, {"/usr/lib", 8}};
    struct files_make_options o = {.root = s.dir, .trees = apart, .tree_count = 2};
    (void)state;
    assert_false(files_make(&o, &text, &sum, why)); /* one below the other */
    sp_buf_reset(&text);
    o.tree_count = 0;
    assert_false(files_make(&o, &text, &sum, why));
    sp_buf_reset(&text);
    o.tree_count = 1;
    o.root = "/nowhere/at/all";
    assert_false(files_make(&o, &text, &sum, why));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {T(a_manifest_is_made), T(packages), T(many_wrong_ones_are_counted), T(no_tree_no_manifest)};
    return cmocka_run_group_tests_name("files make", tests, NULL, NULL);
}
