/* SPDX-License-Identifier: Apache-2.0 */
/* Tree manifests: what is read, what is refused, and that there is one way to write each. */
#include "manifest_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SHA  "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define HEAD "SPICE-TREE 1\ntree /etc/nova\ntree /usr\nskip /usr/tmp\n"

static const char whole[] = HEAD "d 0755 0 0 /etc/nova\n"
                                 "f 0640 0 42 7 " SHA " /etc/nova/nova.conf\n"
                                 "f - - - 0 " SHA " /usr/a%20b%25%0a%ff\n"
                                 "p 0600 0 0 /usr/pipe\n"
                                 "l 0 0 /usr/x ../lib/%20x\n";

static struct manifest_table *table_of(const char *text)
{
    struct manifest_table *t;
    char why[MANIFEST_TABLE_WHY_MAX] = "";
    char *copy = strdup(text); /* the table must not point into it */
    if (!manifest_table_new(sp_str_of(copy), &t, why)) {
        fail_msg("%s", why);
    }
    memset(copy, '#', strlen(copy));
    free(copy);
    return t;
}

static void reads(void **state)
{
    (void)state;
    struct manifest_table *t = table_of(whole);
    struct manifest_row r;
    size_t i = 99;
    assert_int_equal(manifest_table_count(t), 5);
    assert_true(manifest_table_find(t, sp_str_of("/etc/nova/nova.conf"), &i));
    assert_int_equal(i, 1);
    manifest_table_row(t, i, &r);
    assert_true(sp_str_is(r.path, "/etc/nova/nova.conf"));
    assert_int_equal(r.type, 'f');
    assert_int_equal(r.mode, 0640);
    assert_int_equal(r.gid, 42);
    assert_int_equal(r.size, 7);
    for (unsigned b = 0; b < 32; b++) {
        assert_int_equal(r.sha256[b], b);
    }
    assert_true(manifest_table_find(t, sp_str_of("/usr/a b%\n\xff"), &i));
    manifest_table_row(t, i, &r);
    assert_int_equal(r.mode, MANIFEST_ANY_MODE);
    assert_int_equal(r.uid, MANIFEST_ANY_OWNER);
    assert_true(manifest_table_find(t, sp_str_of("/usr/x"), &i));
    manifest_table_row(t, i, &r);
    assert_true(sp_str_is(r.target, "../lib/ x"));
    assert_null(r.sha256);
    assert_false(manifest_table_find(t, sp_str_of("/usr"), &i));
    assert_false(manifest_table_find(t, sp_str_of(""), &i));
    assert_int_equal(manifest_table_trees(t), 2);
    assert_int_equal(manifest_table_skips(t), 1);
    assert_true(sp_str_is(manifest_table_tree(t, 2), "/usr/tmp"));
    manifest_table_free(&t);
    assert_null(t);
}

static void covers(void **state)
{
    static const struct {
        const char *path;
        bool in;
    } rows[] = {{"/etc/nova", true},   {"/etc/nova/x/y", true}, {"/etc/novax", false}, {"/etc", false},     {"/usr/tmp", false},
                {"/usr/tmp/x", false}, {"/usr/tmpx", true},     {"/usr/x", true},      {"relative", false}, {"", false}};
    (void)state;
    struct manifest_table *t = table_of(whole);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (manifest_table_covers(t, sp_str_of(rows[i].path)) != rows[i].in) {
            fail_msg("%s", rows[i].path);
        }
    }
    manifest_table_free(&t);
    t = table_of("SPICE-TREE 1\ntree /\nd 0755 0 0 /\n");
    assert_true(manifest_table_covers(t, sp_str_of("/")) && manifest_table_covers(t, sp_str_of("/x")));
    manifest_table_free(&t);
}

static void one_way_to_write(void **state)
{
    (void)state;
    struct manifest_table *t = table_of(whole);
    struct manifest_row r;
    struct sp_str at[3];
    struct sp_buf b;
    sp_buf_init(&b, 65536);
    for (size_t i = 0; i < 3; i++) {
        at[i] = manifest_table_tree(t, i);
    }
    manifest_table_put_head(&b, at, 2, at + 2, 1);
    for (size_t i = 0; i < manifest_table_count(t); i++) {
        manifest_table_row(t, i, &r);
        manifest_table_put_row(&b, &r);
    }
    assert_int_equal(b.n, sizeof whole - 1);
    assert_memory_equal(b.p, whole, b.n);
    sp_buf_fini(&b);
    manifest_table_free(&t);
}

/* The signature is of what stands before it, byte for byte, and nothing stands after it. */
static void signatures(void **state)
{
    uint8_t signature[64];
    struct sp_buf b;
    struct manifest_table *t;
    char why[MANIFEST_TABLE_WHY_MAX] = "";
    size_t n = 1;
    (void)state;
    t = table_of(whole);
    assert_null(manifest_table_signature(t, &n));
    assert_int_equal(n, 0);
    manifest_table_free(&t);
    for (unsigned i = 0; i < sizeof signature; i++) {
        signature[i] = (uint8_t)(i * 5);
    }
    sp_buf_init(&b, 65536);
    sp_buf_text(&b, whole);
    manifest_table_put_signature(&b, signature);
    assert_true(manifest_table_new(sp_buf_view(&b), &t, why));
    assert_memory_equal(manifest_table_signature(t, &n), signature, sizeof signature);
    assert_int_equal(n, sizeof whole - 1);
    assert_int_equal(manifest_table_count(t), 5);
    manifest_table_free(&t);
    manifest_table_put_signature(&b, signature); /* two of them */
    assert_false(manifest_table_new(sp_buf_view(&b), &t, why));
    sp_buf_reset(&b);
    sp_buf_text(&b, HEAD);
    manifest_table_put_signature(&b, signature);
    sp_buf_text(&b, "d 0755 0 0 /usr\n"); /* a row behind it */
    assert_false(manifest_table_new(sp_buf_view(&b), &t, why));
    sp_buf_reset(&b);
    sp_buf_text(&b, HEAD "sign 00\n");
    assert_false(manifest_table_new(sp_buf_view(&b), &t, why));
    sp_buf_fini(&b);
}

static void refuses(void **state)
{
    static const char *const bad[] = {
        "",
        "\n",
        "SPICE-TREE 1",
        "SPICE-TREE 1\n",
        "SPICE-TREE 2\ntree /a\n",
        "SPICE-TREE 1\ntree /a",
        "SPICE-TREE 1\ntree /a\n\n",
        "SPICE-TREE 1\n\ntree /a\n",
        "SPICE-TREE 1 \ntree /a\n",
        "SPICE-TREE 1\ntree a\n",
        "SPICE-TREE 1\ntree /a/\n",
        "SPICE-TREE 1\ntree /a b\n",
        "SPICE-TREE 1\ntree /a/../b\n",
        "SPICE-TREE 1\ntree /./b\n",
        "SPICE-TREE 1\ntree /a//b\n",
        "SPICE-TREE 1\nskip /a\n",
        "SPICE-TREE 1\nskip /a/b\ntree /a\n",
        "SPICE-TREE 1\ntree /a\ntree /a\n",
        "SPICE-TREE 1\ntree /a\ntree /a/b\n",
        "SPICE-TREE 1\ntree /a/b\ntree /a\n",
        "SPICE-TREE 1\ntree /a\nskip /a\n",
        "SPICE-TREE 1\ntree /a\nskip /b\n",
        "SPICE-TREE 1\ntree /a x\n",
        HEAD "tree /x\n" /* after a skip */,
        HEAD "x 0755 0 0 /usr\n",
        HEAD "dd 0755 0 0 /usr\n",
        HEAD "d 755 0 0 /usr\n",
        HEAD "d 0855 0 0 /usr\n",
        HEAD "d 0755 00 0 /usr\n",
        HEAD "d 0755 -1 0 /usr\n",
        HEAD "d 0755 4294967295 0 /usr\n",
        HEAD "d 0755 0 /usr\n",
        HEAD "d 0755 0 0\n",
        HEAD "d 0755 0 0 \n",
        HEAD "d 0755 0 0 /usr x\n",
        HEAD "d 0755 0 0 /usr \n",
        HEAD "d 0755 0 0  /usr\n",
        HEAD "d 0755 0 0 /usr/tmp\n" /* skipped */,
        HEAD "d 0755 0 0 /home\n" /* in no tree */,
        HEAD "d 0755 0 0 /usr/%41\n" /* needs no escape */,
        HEAD "d 0755 0 0 /usr/%4\n",
        HEAD "d 0755 0 0 /usr/%FF\n",
        HEAD "d 0755 0 0 /usr/%00\n",
        HEAD "d 0755 0 0 /usr/%2e%2e\n",
        HEAD "d 0755 0 0 /usr/\xff\n",
        HEAD "d 0755 0 0 /usr/\x01\n",
        HEAD "f 0644 0 0 1 /usr/x\n",
        HEAD "f 0644 0 0 - " SHA " /usr/x\n",
        HEAD "f 0644 0 0 1 " SHA "00 /usr/x\n",
        HEAD "f 0644 0 0 01 " SHA " /usr/x\n",
        HEAD "f 0644 0 0 9223372036854775808 " SHA " /usr/x\n",
        HEAD "l 0 0 /usr/x\n",
        HEAD "l 0 0 /usr/x \n",
        HEAD "l 0755 0 0 /usr/x y\n",
        HEAD "d 0755 0 0 /usr/b\nd 0755 0 0 /usr/a\n",
        HEAD "d 0755 0 0 /usr/b\nd 0755 0 0 /usr/b\n" /* twice: which one counts? */,
        HEAD "d 0755 0 0 /usr\ntree /x\n",
        "SPICE-TREE 1\r\ntree /a\r\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct manifest_table *t = NULL;
        char why[MANIFEST_TABLE_WHY_MAX] = "";
        if (manifest_table_new(sp_str_of(bad[i]), &t, why)) {
            fail_msg("taken: %s", bad[i]);
        }
        assert_true(strncmp(why, "line ", 5) == 0);
        assert_null(t);
    }
}

/* Many rows, found each; one too many trees. */
static void many(void **state)
{
    struct sp_buf b;
    struct manifest_row row = {.type = 'd', .mode = 0755};
    struct manifest_table *t;
    char why[MANIFEST_TABLE_WHY_MAX] = "";
    char path[64];
    size_t at;
    (void)state;
    sp_buf_init(&b, 16u << 20);
    struct sp_str tree = sp_str_of("/t");
    manifest_table_put_head(&b, &tree, 1, NULL, 0);
    for (unsigned i = 0; i < 20000; i++) {
        (void)snprintf(path, sizeof path, "/t/%05u", i);
        row.path = sp_str_of(path);
        row.uid = i;
        manifest_table_put_row(&b, &row);
    }
    assert_true(manifest_table_new(sp_buf_view(&b), &t, why));
    for (unsigned i = 0; i < 20000; i++) {
        (void)snprintf(path, sizeof path, "/t/%05u", i);
        assert_true(manifest_table_find(t, sp_str_of(path), &at) && at == i);
        manifest_table_row(t, at, &row);
        assert_int_equal(row.uid, i);
    }
    manifest_table_free(&t);
    sp_buf_reset(&b);
    struct sp_str trees[MANIFEST_TABLE_TREES_MAX + 1];
    char name[MANIFEST_TABLE_TREES_MAX + 1][8];
    for (unsigned i = 0; i <= MANIFEST_TABLE_TREES_MAX; i++) {
        (void)snprintf(name[i], sizeof name[i], "/t%u", i);
        trees[i] = sp_str_of(name[i]);
    }
    manifest_table_put_head(&b, trees, MANIFEST_TABLE_TREES_MAX, NULL, 0);
    assert_true(manifest_table_new(sp_buf_view(&b), &t, why));
    manifest_table_free(&t);
    sp_buf_text(&b, "tree /t64\n");
    assert_false(manifest_table_new(sp_buf_view(&b), &t, why));
    sp_buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(reads),      cmocka_unit_test(covers),  cmocka_unit_test(one_way_to_write),
                                       cmocka_unit_test(signatures), cmocka_unit_test(refuses), cmocka_unit_test(many)};
    return cmocka_run_group_tests_name("tree manifest", tests, NULL, NULL);
}
