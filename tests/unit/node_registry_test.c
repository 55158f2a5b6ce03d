/* SPDX-License-Identifier: Apache-2.0 */
/* The registry of nodes: pairs in order wherever they are put in, texts kept once, words that name one node. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "node_registry.h"
#include "sp_rng.h"
#include "text_pool.h"

static const uint8_t hash_key[16] = {1};

static struct node_row *put(struct node_registry *r, const char *name, uint8_t key0)
{
    struct node_row *row = NULL;
    struct node_def def = {.name = sp_str_of(name), .key = {key0}};
    assert_int_equal(node_registry_put(r, &def, &row), SP_OK);
    return row;
}

static void pairs_are_found_wherever_ids_are_missing(void **state)
{
    (void)state;
    struct sp_rng rng = {11};
    for (unsigned round = 0; round < 300; round++) {
        struct node_registry r;
        bool there[64] = {false};
        node_registry_init(&r, hash_key);
        struct node_row *row = put(&r, "n1", 1);
        if (round % 3 == 0) {
            node_registry_reserve(row, round % 64);
        }
        for (unsigned i = 0; i < 40; i++) {
            uint32_t id = (uint32_t)sp_rng_below(&rng, round % 2 == 0 ? 64 : 8 + i) % 64;
            there[id] = there[id] || id != 0;
            assert_true(id == 0 || node_registry_pair(&r, row, id)->check_id == id);
        }
        for (uint32_t id = 1; id < 64; id++) {
            const struct pair_state *p = node_registry_find_pair(row, id);
            assert_true(there[id] ? p != NULL && p->check_id == id : p == NULL);
        }
        assert_null(node_registry_find_pair(row, UINT32_MAX));
        assert_true(node_registry_check(&r));
        node_registry_fini(&r);
    }
}

static void room_for_pairs_is_taken_once(void **state)
{
    (void)state;
    struct node_registry r;
    node_registry_init(&r, hash_key);
    struct node_row *row = put(&r, "n1", 1);
    node_registry_reserve(row, 100);
    const struct pair_state *at = node_registry_pair(&r, row, 1);
    for (uint32_t id = 2; id <= 100; id++) {
        assert_non_null(node_registry_pair(&r, row, id));
    }
    assert_ptr_equal(at, node_registry_find_pair(row, 1));
    node_registry_reserve(row, 10); /* never less than there are */
    assert_int_equal(row->pair_size, 100);
    node_registry_fini(&r);
}

static void a_text_is_swapped_without_loss(void **state)
{
    (void)state;
    struct text_pool p;
    static char longest[TEXT_POOL_TEXT_BYTES_MAX + 10];
    memset(longest, 'x', sizeof longest);
    text_pool_init(&p, hash_key, 1 << 20);
    uint32_t a = text_pool_swap(&p, 0, sp_str_of("a")), b = text_pool_keep(&p, sp_str_of("a"));
    assert_int_equal(a, b);
    assert_int_equal(text_pool_swap(&p, a, sp_str_of("a")), a);
    uint32_t c = text_pool_swap(&p, a, sp_str_bytes(longest, sizeof longest));
    assert_int_equal(text_pool_text(&p, c).n, TEXT_POOL_TEXT_BYTES_MAX);
    assert_int_equal(text_pool_swap(&p, c, sp_str_bytes(longest, sizeof longest)), c);
    assert_true(sp_str_is(text_pool_text(&p, b), "a"));
    text_pool_drop(&p, b);
    assert_int_equal(text_pool_swap(&p, c, sp_str_of("")), 0);
    assert_int_equal(p.bytes, 0);
    assert_true(text_pool_check(&p));
    text_pool_fini(&p);
}

static enum sp_rc put_as(struct node_registry *r, const char *name, uint8_t key0, const char *aliases)
{
    struct node_row *row = NULL;
    struct node_def def = {.name = sp_str_of(name), .aliases = sp_str_of(aliases), .key = {key0}};
    enum sp_rc rc = node_registry_put(r, &def, &row);
    assert_true(node_registry_check(r));
    return rc;
}

static uint32_t id_of(const struct node_registry *r, const char *word)
{
    const struct node_row *row = node_registry_find(r, sp_str_of(word));
    return row != NULL ? row->id : 0;
}

static void k29_a_word_names_one_node(void **state)
{
    (void)state;
    struct node_registry r;
    node_registry_init(&r, hash_key);
    assert_int_equal(put_as(&r, "n1", 1, "a,b"), SP_OK);
    assert_int_equal(put_as(&r, "n2", 2, "c"), SP_OK);
    assert_int_equal(id_of(&r, "a"), 1);
    assert_int_equal(id_of(&r, "n1"), 1);
    assert_int_equal(id_of(&r, "A"), 0);                       /* bytewise */
    assert_null(node_registry_find_name(&r, sp_str_of("a")));  /* an alias is no name */
    assert_int_equal(put_as(&r, "a", 3, ""), SP_E_EXISTS);     /* name that is an alias */
    assert_int_equal(put_as(&r, "n3", 3, "b"), SP_E_EXISTS);   /* alias that is an alias */
    assert_int_equal(put_as(&r, "n3", 3, "n2"), SP_E_EXISTS);  /* alias that is a name */
    assert_int_equal(put_as(&r, "n2", 2, "a,c"), SP_E_EXISTS); /* also in a change */
    assert_int_equal(id_of(&r, "c"), 2);
    assert_int_equal(r.count, 2);
    assert_int_equal(put_as(&r, "n1", 1, "b,d"), SP_OK); /* a is free, d is new */
    assert_int_equal(id_of(&r, "a"), 0);
    assert_int_equal(id_of(&r, "d"), 1);
    assert_int_equal(put_as(&r, "a", 3, ""), SP_OK);
    assert_int_equal(put_as(&r, "n1", 1, ""), SP_OK);
    assert_int_equal(id_of(&r, "b"), 0);
    node_registry_state(&r, node_registry_at(&r, 2), SP_NODE_STATE_RETIRED);
    assert_int_equal(put_as(&r, "n4", 4, "c"), SP_E_EXISTS);  /* a retired node keeps its words */
    assert_int_equal(node_registry_at(&r, 1)->generation, 1); /* aliases are no identity */
    node_registry_fini(&r);
}

static void k29_aliases_are_strict(void **state)
{
    (void)state;
    static const char *const bad[] = {"n1",
                                      "b,a",
                                      "a,a",
                                      "a,",
                                      ",a",
                                      "a b",
                                      "\xc3\xa4",
                                      "-a",
                                      "a/b",
                                      "a,b,c,d,e,f,g,h,i",
                                      "x1234567890123456789012345678901234567890123456789012345678901234"};
    struct node_registry r;
    node_registry_init(&r, hash_key);
    for (size_t i = 0; i < SP_COUNT(bad); i++) {
        assert_int_equal(put_as(&r, "n1", 1, bad[i]), SP_E_INVALID);
    }
    assert_int_equal(put_as(&r, "n1", 1, "a,b,c,d,e,f,g,h"), SP_OK);
    node_registry_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_are_found_wherever_ids_are_missing),
        cmocka_unit_test(room_for_pairs_is_taken_once),
        cmocka_unit_test(a_text_is_swapped_without_loss),
        cmocka_unit_test(k29_a_word_names_one_node),
        cmocka_unit_test(k29_aliases_are_strict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
