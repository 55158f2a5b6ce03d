/* SPDX-License-Identifier: Apache-2.0 */
/* The skipping reader and the list writer, by tables; text scanning against the plain judge at every length and place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sp_pack.h"
#include "sp_pack_put.h"
#include "sp_pack_take.h"

/* An array of bytes and its length, to initialise a struct with. */
#define B(...) {__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})

/* n bytes of input in memory of exactly that size, so that a sanitizer sees any read past the end. */
static bool skips_all(const uint8_t *p, size_t n)
{
    uint8_t *exact = malloc(n > 0 ? n : 1);
    assert_non_null(exact);
    memcpy(exact, p, n);
    const uint8_t *after = sp_unpack_skip(exact, exact + n);
    bool all = after == exact + n;
    assert_true(after == NULL || all);
    free(exact);
    return all;
}

static void skip_accepts_shortest_forms(void **state)
{
    (void)state;
    static const struct {
        uint8_t p[12];
        size_t n;
    } good[] = {
        {B(0x00)},
        {B(0x7f)},
        {B(0xe0)},
        {B(0xff)},
        {B(0xc0)},
        {B(0xc2)},
        {B(0xc3)},
        {B(0xcc, 0x80)},
        {B(0xcd, 1, 0)},
        {B(0xce, 0, 1, 0, 0)},
        {B(0xcf, 0, 0, 0, 1, 0, 0, 0, 0)},
        {B(0xd0, 0xdf)},
        {B(0xd0, 0x80)},
        {B(0xd1, 0xff, 0x7f)},
        {B(0xd1, 0x80, 0)},
        {B(0xd2, 0xff, 0xff, 0x7f, 0xff)},
        {B(0xd3, 0xff, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff)},
        {B(0xd3, 0x80, 0, 0, 0, 0, 0, 0, 0)},
        {B(0xca, 0, 0, 0, 0)},
        {B(0xcb, 0, 0, 0, 0, 0, 0, 0, 0)},
        {B(0xa0)},
        {B(0xa2, 'a', 'b')},
        {B(0xc4, 0)},
        {B(0xc4, 1, 9)},
        {B(0x90)},
        {B(0x80)},
        {B(0x92, 0x01, 0x91, 0x02)},
        {B(0x81, 0xa1, 'k', 0x05)},
    };
    for (size_t i = 0; i < SP_COUNT(good); i++) {
        assert_true(skips_all(good[i].p, good[i].n));
        for (size_t cut = 0; cut < good[i].n; cut++)
            assert_false(skips_all(good[i].p, cut));
    }
}

static void skip_refuses_the_rest(void **state)
{
    (void)state;
    static const struct {
        uint8_t p[12];
        size_t n;
    } bad[] = {
        {B(0xcc, 0x7f)},
        {B(0xcd, 0, 0xff)},
        {B(0xce, 0, 0, 0xff, 0xff)},
        {B(0xcf, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff)},
        {B(0xd0, 0x00)},
        {B(0xd0, 0x7f)},
        {B(0xd0, 0xe0)},
        {B(0xd0, 0xff)},
        {B(0xd1, 0x00, 0x80)},
        {B(0xd1, 0xff, 0x80)},
        {B(0xd2, 0xff, 0xff, 0x80, 0x00)},
        {B(0xd3, 0xff, 0xff, 0xff, 0xff, 0x80, 0, 0, 0)},
        {B(0xd3, 0, 0, 0, 0, 0, 0, 0, 1)},
        {B(0xd9, 1, 'a')},
        {B(0xda, 0, 1, 'a')},
        {B(0xdb, 0, 0, 0, 1, 'a')},
        {B(0xc5, 0, 1, 9)},
        {B(0xc6, 0, 0, 0, 1, 9)},
        {B(0xdc, 0, 1, 0)},
        {B(0xdd, 0, 0, 0, 1, 0)},
        {B(0xde, 0, 1, 0, 0)},
        {B(0xdf, 0, 0, 0, 1, 0, 0)},
        {B(0xc1)},
        {B(0xd4, 0, 0)},
        {B(0xd8, 0)},
        {B(0xc7, 0, 0)},
        {B(0xc9, 0, 0, 0, 0, 0)},
        {B(0xdd, 0xff, 0xff, 0xff, 0xff)},
        {B(0xdf, 0xff, 0xff, 0xff, 0xff)},
        {B(0xc6, 0xff, 0xff, 0xff, 0xff)},
        {B(0x9f, 0, 0)},
    };
    for (size_t i = 0; i < SP_COUNT(bad); i++)
        assert_false(skips_all(bad[i].p, bad[i].n));
}

static void skip_is_bounded(void **state)
{
    (void)state;
    static uint8_t deep[64], wide[SP_PACK_SKIP_MAX + 8];
    memset(deep, 0x91, sizeof deep);
    deep[SP_PACK_DEPTH_MAX] = 0x00;
    assert_true(skips_all(deep, SP_PACK_DEPTH_MAX + 1));
    deep[SP_PACK_DEPTH_MAX] = 0x91;
    deep[SP_PACK_DEPTH_MAX + 1] = 0x00;
    assert_false(skips_all(deep, SP_PACK_DEPTH_MAX + 2));
    memset(wide, 0x91, sizeof wide); /* as deep as it gets and no end */
    assert_false(skips_all(wide, sizeof wide));
    memset(wide, 0, sizeof wide);
    (void)sp_put_array(wide, SP_PACK_SKIP_MAX - 1); /* the array and its elements are SP_PACK_SKIP_MAX values */
    assert_true(skips_all(wide, 3 + SP_PACK_SKIP_MAX - 1));
    (void)sp_put_array(wide, SP_PACK_SKIP_MAX);
    assert_false(skips_all(wide, 3 + SP_PACK_SKIP_MAX));
}

/* Puts one byte per element and gives the size. */
static size_t list_of(uint8_t *buf, size_t room, uint32_t max, uint32_t count)
{
    struct sp_packer w;
    sp_packer_init(&w, buf, room);
    assert_int_equal(sp_packer_list_open(&w, max), SP_OK);
    for (uint32_t i = 0; i < count; i++) {
        *w.p = (uint8_t)(i & 0x7f);
        (void)sp_packer_commit(&w, w.p + 1);
    }
    assert_int_equal(sp_packer_list_close(&w), SP_OK);
    return sp_packer_bytes(&w);
}

static void lists_get_the_shortest_header(void **state)
{
    (void)state;
    static const uint32_t counts[] = {0, 1, 14, 15, 16, 17, 255, 256, 1000};
    static uint8_t buf[1200];
    for (size_t i = 0; i < SP_COUNT(counts); i++) {
        uint32_t n = counts[i], head = n < 16 ? 1 : 3;
        assert_int_equal(list_of(buf, sizeof buf, 1000, n), n + head);
        assert_int_equal(buf[0], n < 16 ? 0x90 | n : 0xdc);
        for (uint32_t k = 0; k < n; k++)
            assert_int_equal(buf[head + k], k & 0x7f);
        if (n < 16)
            assert_int_equal(list_of(buf, n + 1, 15, n), n + 1); /* a short limit needs no room for a long header */
    }
}

static void raw_and_copied_lists(void **state)
{
    (void)state;
    uint8_t buf[8];
    struct sp_packer w;
    static const uint8_t three[] = {1, 2, 3, 4, 5};
    struct sp_list list = {three, 3, 3};
    sp_packer_init(&w, buf, sizeof buf);
    assert_int_equal(sp_packer_list_copy(&w, &list, 2), SP_E_LIMIT);
    assert_int_equal(sp_packer_list_copy(&w, &list, 3), SP_OK);
    assert_int_equal(sp_packer_bytes(&w), 4);
    assert_int_equal(buf[0], 0x93);
    assert_int_equal(sp_packer_list_copy(&w, &list, 3), SP_E_FULL);
    assert_int_equal(sp_packer_raw(&w, list.p, 5), SP_E_FULL);
    assert_int_equal(sp_packer_raw(&w, NULL, 0), SP_OK);
    assert_int_equal(sp_packer_raw(&w, list.p, 3), SP_OK);
    assert_int_equal(sp_packer_room(&w), 1);
    assert_int_equal(sp_packer_list_open(&w, 16), SP_E_FULL);
    assert_int_equal(sp_packer_list_open(&w, 15), SP_OK);
    assert_int_equal(sp_packer_list_next(&w, 15), SP_E_FULL);
    assert_int_equal(sp_packer_list_close(&w), SP_OK);
}

/* Copying sees an odd byte exactly where there is one, and copies all bytes and no other. */
static void text_copy_sees_and_copies(void **state)
{
    (void)state;
    static const uint8_t odd[] = {0x00, 0x80, 0xc3, 0xff};
    uint8_t from[80], to[82];
    for (uint32_t n = 0; n <= sizeof from; n++) {
        uint8_t *exact = malloc(n > 0 ? n : 1);
        assert_non_null(exact);
        for (uint32_t k = 0; k < n; k++)
            exact[k] = from[k] = (uint8_t)(1 + (k * 37) % 127);
        for (uint32_t at = 0; at <= n; at++) {
            for (size_t v = 0; v < sizeof odd; v++) {
                struct sp_text_seen seen = sp_text_nothing_seen(), looked = sp_text_nothing_seen();
                if (at < n)
                    exact[at] = odd[v];
                memset(to, 0xee, sizeof to);
                sp_text_copy(to + 1, exact, n, &seen);
                sp_text_copy(NULL, exact, n, &looked);
                assert_true(sp_text_is_plain(&seen) == (at == n));
                assert_true(sp_text_is_plain(&looked) == (at == n));
                assert_memory_equal(to + 1, exact, n);
                assert_true(to[0] == 0xee && to[n + 1] == 0xee);
                if (at < n)
                    exact[at] = from[at];
            }
        }
        free(exact);
    }
}

static void numbers_at_every_edge(void **state)
{
    (void)state;
    static const struct {
        uint64_t v;
        size_t n;
    } cases[] = {{0, 1},     {127, 1},   {128, 2},        {255, 2},        {256, 3},
                 {65535, 3}, {65536, 5}, {UINT32_MAX, 5}, {1ull << 32, 9}, {UINT64_MAX, 9}};
    for (size_t i = 0; i < SP_COUNT(cases); i++) {
        uint8_t buf[16];
        size_t n = (size_t)(sp_put_u64(buf, cases[i].v) - buf);
        struct sp_unpacker u = {buf, buf + n, SP_OK, 0};
        assert_int_equal(n, cases[i].n);
        assert_true(sp_take_uint(&u, UINT64_MAX) == cases[i].v);
        assert_int_equal(u.rc, SP_OK);
        assert_true(u.p == u.end);
        struct sp_unpacker over = {buf, buf + n, SP_OK, 0};
        if (cases[i].v > 0) {
            assert_int_equal(sp_take_uint(&over, cases[i].v - 1), 0);
            assert_int_equal(over.rc, SP_E_LIMIT);
        }
        if (cases[i].v <= UINT32_MAX)
            assert_int_equal(sp_put_u32(buf, (uint32_t)cases[i].v) - buf, cases[i].n);
        if (cases[i].v <= UINT16_MAX)
            assert_int_equal(sp_put_u16(buf, (uint16_t)cases[i].v) - buf, cases[i].n);
        if (cases[i].v <= UINT8_MAX)
            assert_int_equal(sp_put_u8(buf, (uint8_t)cases[i].v) - buf, cases[i].n);
    }
}

/* The first error stays; everything after it is zero and reads nothing. */
static void errors_stick(void **state)
{
    (void)state;
    static const uint8_t in[] = {0xa3, 'a', 'b', 'c', 0x05, 0xc3, 0x91};
    struct sp_unpacker u = {in, in + sizeof in, SP_OK, 0};
    assert_int_equal(sp_take_str(&u, 2, true).n, 0);
    assert_int_equal(u.rc, SP_E_LIMIT);
    assert_int_equal(sp_take_uint(&u, 9), 0);
    assert_false(sp_take_bool(&u));
    assert_int_equal(sp_take_array(&u), 0);
    assert_int_equal(sp_take_bin(&u, 9).n, 0);
    assert_int_equal(sp_take_exact(&u, 9)[8], 0);
    assert_int_equal(u.rc, SP_E_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(skip_accepts_shortest_forms),
        cmocka_unit_test(skip_refuses_the_rest),
        cmocka_unit_test(skip_is_bounded),
        cmocka_unit_test(lists_get_the_shortest_header),
        cmocka_unit_test(raw_and_copied_lists),
        cmocka_unit_test(text_copy_sees_and_copies),
        cmocka_unit_test(numbers_at_every_edge),
        cmocka_unit_test(errors_stick),
    };
    return cmocka_run_group_tests_name("sp_pack", tests, NULL, NULL);
}
