/* SPDX-License-Identifier: Apache-2.0 */
/* Texts, spans, calendar, selectors, heap, map, hash: tables of cases and naive twins. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "sp_assert.h"
#include "sp_buf.h"
#include "sp_cron.h"
#include "sp_hash.h"
#include "sp_heap.h"
#include "sp_map.h"
#include "sp_rc.h"
#include "sp_rng.h"
#include "sp_selector.h"
#include "sp_str.h"
#include "sp_time.h"

static void str_next_splits(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int heads;
    } cases[] = {{"", 0}, {"a", 1}, {"a,b", 2}, {"a,,b", 3}, {",a", 2}};
    for (size_t i = 0; i < SP_COUNT(cases); i++) {
        struct sp_str rest = sp_str_of(cases[i].text), head;
        int n = 0;
        while (sp_str_next(&rest, ',', &head))
            n++;
        assert_int_equal(n, cases[i].heads);
    }
}

static void str_numbers_are_strict(void **state)
{
    (void)state;
    uint64_t v = 7;
    static const char *const bad[] = {"", "-1", "+1", " 1", "1 ", "0x1", "1.0", "18446744073709551616", "99999999999999999999"};
    for (size_t i = 0; i < SP_COUNT(bad); i++)
        assert_false(sp_str_u64(sp_str_of(bad[i]), UINT64_MAX, &v));
    assert_int_equal(v, 7);
    assert_true(sp_str_u64(sp_str_of("18446744073709551615"), UINT64_MAX, &v));
    assert_true(v == UINT64_MAX);
    assert_false(sp_str_u64(sp_str_of("11"), 10, &v));
}

static void str_utf8(void **state)
{
    (void)state;
    static const char *const good[] = {"", "plain", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80", "\xEF\xBF\xBD"};
    static const char *const bad[] = {"\x80", "\xC0\xAF", "\xC1\xBF", "\xE0\x80\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80",
                                      "\xF5", "\xC3",     "\xE2\x82", "\xFF"};
    for (size_t i = 0; i < SP_COUNT(good); i++)
        assert_true(sp_str_is_utf8(sp_str_of(good[i])));
    for (size_t i = 0; i < SP_COUNT(bad); i++)
        assert_false(sp_str_is_utf8(sp_str_of(bad[i])));
    assert_false(sp_str_is_utf8(sp_str_bytes("a\0b", 3)));
}

static void str_suggests_the_nearest(void **state)
{
    (void)state;
    static const char *const words[] = {"mandatory", "advisory", "selector", "period"};
    assert_string_equal(sp_str_nearest(sp_str_of("mandatroy"), words, 4), "mandatory");
    assert_string_equal(sp_str_nearest(sp_str_of("perod"), words, 4), "period");
    assert_null(sp_str_nearest(sp_str_of("xyzzy"), words, 4));
    assert_int_equal(sp_str_distance(sp_str_of("ab"), sp_str_of("ba")), 1);
}

static void spans(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t ms;
    } good[] = {{"0", 0}, {"500ms", 500}, {"10s", 10000}, {"5m", 300000}, {"1h", 3600000}, {"2d", 172800000}};
    static const char *const bad[] = {"", "5", "s", "1.5s", "-1s", "1 s", "5 minutes", "1S", "9999999999999d"};
    uint64_t ms = 0;
    char text[32];
    for (size_t i = 0; i < SP_COUNT(good); i++) {
        assert_true(sp_time_parse_span(sp_str_of(good[i].text), &ms));
        assert_true(ms == good[i].ms);
        sp_time_format_span(ms, text, sizeof text);
        uint64_t again = 1;
        assert_true(sp_time_parse_span(sp_str_of(text), &again) && again == ms);
    }
    for (size_t i = 0; i < SP_COUNT(bad); i++)
        assert_false(sp_time_parse_span(sp_str_of(bad[i]), &ms));
}

static void wall_time_agrees_with_the_c_library(void **state)
{
    (void)state;
    struct sp_rng rng = {1};
    for (int i = 0; i < 20000; i++) {
        struct sp_wall w = {sp_rng_below(&rng, 7258118400ull) * 1000};
        time_t t = (time_t)(w.ms / 1000);
        struct tm tm;
        assert_non_null(gmtime_r(&t, &tm));
        struct sp_civil c = sp_time_civil(w);
        assert_int_equal(c.year, tm.tm_year + 1900);
        assert_int_equal(c.month, tm.tm_mon + 1);
        assert_int_equal(c.day, tm.tm_mday);
        assert_int_equal(c.hour, tm.tm_hour);
        assert_int_equal(c.weekday, tm.tm_wday);
        assert_true(sp_time_from_civil(&c).ms == w.ms);
    }
    char text[40];
    sp_time_format_wall((struct sp_wall){951827696789ull}, text, sizeof text);
    assert_string_equal(text, "2000-02-29T12:34:56.789Z");
}

static bool cron_naive(const char *const *fields, struct sp_wall at)
{
    struct sp_civil c = sp_time_civil(at);
    unsigned value[5] = {c.minute, c.hour, c.day, c.month, c.weekday};
    bool hit[5];
    for (int i = 0; i < 5; i++) {
        unsigned a = 0, b = 0, step = 1;
        if (strcmp(fields[i], "*") == 0)
            hit[i] = true;
        else if (sscanf(fields[i], "*/%u", &step) == 1)
            hit[i] = (value[i] - (i == 2 || i == 3)) % step == 0;
        else if (sscanf(fields[i], "%u-%u", &a, &b) == 2)
            hit[i] = value[i] >= a && value[i] <= b;
        else
            hit[i] = value[i] == (unsigned)atoi(fields[i]) % (i == 4 ? 7 : 1000);
    }
    bool day = strcmp(fields[2], "*") != 0 && strcmp(fields[4], "*") != 0 ? hit[2] || hit[4] : hit[2] && hit[4];
    return hit[0] && hit[1] && hit[3] && day;
}

static void cron_agrees_with_a_minute_by_minute_search(void **state)
{
    (void)state;
    static const char *const cases[][5] = {{"*", "*", "*", "*", "*"},        {"0", "3", "*", "*", "*"},
                                           {"*/7", "8-17", "*", "*", "1-5"}, {"30", "4", "1", "*", "7"},
                                           {"15", "0", "29", "2", "*"},      {"59", "23", "31", "12", "*"}};
    struct sp_rng rng = {2};
    for (size_t i = 0; i < SP_COUNT(cases); i++) {
        char text[64];
        struct sp_cron c;
        (void)snprintf(text, sizeof text, "%s %s %s %s %s", cases[i][0], cases[i][1], cases[i][2], cases[i][3], cases[i][4]);
        assert_true(sp_cron_parse(sp_str_of(text), &c));
        for (int k = 0; k < 5; k++) {
            struct sp_wall from = {1700000000000ull + sp_rng_below(&rng, 40000000000ull)}, next = sp_cron_next(&c, from);
            struct sp_wall walk = {(from.ms / 60000 + 1) * 60000};
            while (!cron_naive(cases[i], walk))
                walk.ms += 60000;
            assert_true(next.ms == walk.ms);
        }
    }
    static const char *const bad[] = {"",          "* * * *",     "* * * * * *", "60 * * * *", "* 24 * * *",  "* * 0 * *",
                                      "a * * * *", "*/0 * * * *", "5-1 * * * *", "0 0 30 2 *", "1,,2 * * * *"};
    struct sp_cron c;
    for (size_t i = 0; i < SP_COUNT(bad); i++)
        assert_false(sp_cron_parse(sp_str_of(bad[i]), &c));
}

static void selectors(void **state)
{
    (void)state;
    static const struct {
        const char *selector;
        bool hit;
    } cases[] = {{"", true},
                 {"zone=a", true},
                 {"zone=b", false},
                 {"zone!=b", true},
                 {"zone!=a", false},
                 {"rack", true},
                 {"!rack", false},
                 {"!gpu", true},
                 {"gpu", false},
                 {"zone in (a|b)", true},
                 {"zone in (c)", false},
                 {"name=comp*", true},
                 {"name=*-0?7", true},
                 {"name=x*", false},
                 {"zone=a,rack=r1", true},
                 {"zone=a,rack=r2", false},
                 {" zone=a , rack ", true},
                 {"missing!=x", true}};
    struct sp_str name = sp_str_of("compute-007"), labels = sp_str_of("rack=r1,zone=a");
    for (size_t i = 0; i < SP_COUNT(cases); i++)
        if (sp_selector_text_match(sp_str_of(cases[i].selector), name, labels) != cases[i].hit)
            fail_msg("selector '%s'", cases[i].selector);
    static const char *const bad[] = {",", "a=", "=b", "a,,b", "a in ()", "a in (b", "a=b c", "!", "zone=*", "a,", "in (a|b)"};
    for (size_t i = 0; i < SP_COUNT(bad); i++) {
        struct sp_selector s;
        if (sp_selector_parse(sp_str_of(bad[i]), &s, NULL))
            fail_msg("selector '%s' was taken", bad[i]);
        assert_false(sp_selector_text_match(sp_str_of(bad[i]), name, labels));
    }
    static const struct {
        const char *selector;
        uint32_t at;
    } faults[] = {{"zone=a and rack=b", 7},
                  {"zone==", 5},
                  {"zone=a,rack=b c", 14},
                  {"a=", 2},
                  {"a=,b", 2},
                  {"a,,b", 2},
                  {"a,", 2},
                  {"a in (b", 7},
                  {"a in b", 5},
                  {"a&b", 1},
                  {"zone = a, !", 11},
                  {"!a b", 3},
                  {"zone=*", 5},
                  {"name=c* d", 8},
                  {"a ?= b", 2},
                  {"a in (b) c", 9}};
    for (size_t i = 0; i < SP_COUNT(faults); i++) {
        struct sp_selector s;
        uint32_t at = UINT32_MAX;
        assert_false(sp_selector_parse(sp_str_of(faults[i].selector), &s, &at));
        if (at != faults[i].at)
            fail_msg("selector '%s' is wrong at %u, not at %u", faults[i].selector, faults[i].at, at);
    }
    assert_true(sp_selector_labels_valid(sp_str_of("")) && sp_selector_labels_valid(sp_str_of("a=1,b=2")));
    static const char *const unsorted[] = {"b=1,a=2", "a=1,a=2", "a", "a=1,", "a= ", "a=1,ab=2,aa=3"};
    for (size_t i = 0; i < SP_COUNT(unsorted); i++)
        assert_false(sp_selector_labels_valid(sp_str_of(unsorted[i])));
}

static void heap_agrees_with_a_linear_search(void **state)
{
    (void)state;
    enum { N = 200 };
    uint64_t keys[N];
    bool in[N] = {false};
    struct sp_heap h;
    struct sp_rng rng = {3};
    assert_true(sp_heap_init(&h, N));
    for (int step = 0; step < 200000; step++) {
        uint32_t id = (uint32_t)sp_rng_below(&rng, N);
        if (sp_rng_below(&rng, 3) == 0) {
            sp_heap_remove(&h, id);
            in[id] = false;
        } else {
            keys[id] = sp_rng_below(&rng, 50); /* ties on purpose */
            sp_heap_set(&h, id, keys[id]);
            in[id] = true;
        }
        uint64_t least = UINT64_MAX;
        for (int i = 0; i < N; i++)
            if (in[i] && keys[i] < least)
                least = keys[i];
        const struct sp_heap_entry *top = sp_heap_top(&h);
        assert_true(top == NULL ? least == UINT64_MAX : top->key == least && in[top->id] && keys[top->id] == least);
        if (step % 1000 == 0)
            assert_true(sp_heap_check(&h));
    }
    sp_heap_fini(&h);
    assert_true(sp_heap_init(&h, 1000));
    for (uint32_t i = 0; i < 1000; i++)
        sp_heap_push_unordered(&h, i, sp_rng_below(&rng, 100));
    sp_heap_order(&h);
    assert_true(sp_heap_check(&h));
    sp_heap_fini(&h);
}

static void map_agrees_with_an_array(void **state)
{
    (void)state;
    enum { N = 3000 };
    static uint32_t twin[N];
    memset(twin, 0xFF, sizeof twin);
    struct sp_map m;
    struct sp_rng rng = {4};
    sp_map_init(&m);
    uint32_t count = 0;
    for (int step = 0; step < 300000; step++) {
        uint32_t k = (uint32_t)sp_rng_below(&rng, N);
        uint64_t key = (uint64_t)k << 32 | k;
        if (sp_rng_below(&rng, 2) == 0) {
            count -= twin[k] != SP_MAP_NONE;
            twin[k] = SP_MAP_NONE;
            sp_map_remove(&m, key);
        } else {
            count += twin[k] == SP_MAP_NONE;
            twin[k] = (uint32_t)step;
            assert_true(sp_map_put(&m, key, (uint32_t)step));
        }
        k = (uint32_t)sp_rng_below(&rng, N);
        assert_int_equal(sp_map_get(&m, (uint64_t)k << 32 | k), twin[k]);
        assert_int_equal(m.count, count);
    }
    sp_map_fini(&m);
}

static void siphash_reference_vectors(void **state)
{
    (void)state; /* from the paper's appendix A: key 00..0f, input 00..0e */
    uint8_t key[16], in[15];
    for (int i = 0; i < 16; i++)
        key[i] = (uint8_t)i;
    for (int i = 0; i < 15; i++)
        in[i] = (uint8_t)i;
    assert_true(sp_hash_sip(key, in, 15) == 0xa129ca6149be45e5ull);
    assert_true(sp_hash_sip(key, in, 0) == 0x726fdb47dd0e0e31ull);
}

static void buf_refuses_above_its_maximum(void **state)
{
    (void)state;
    struct sp_buf b;
    sp_buf_init(&b, 1000);
    sp_buf_text(&b, "abc");
    sp_buf_format(&b, "%d", 42);
    assert_true(sp_str_is(sp_buf_view(&b), "abc42"));
    uint8_t big[996] = {0};
    sp_buf_append(&b, big, sizeof big);
    assert_true(b.failed && b.n == 5);
    sp_buf_text(&b, "x");
    assert_true(b.failed && b.n == 5); /* sticky */
    sp_buf_reset(&b);
    sp_buf_append(&b, big, sizeof big);
    assert_false(b.failed);
    sp_buf_fini(&b);
}

static void result_codes_have_texts(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SP_RC_COUNT; i++)
        assert_true(strlen(sp_rc_text((enum sp_rc)i)) > 3 && strncmp(sp_rc_name((enum sp_rc)i), "SP_", 3) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(str_next_splits),
        cmocka_unit_test(str_numbers_are_strict),
        cmocka_unit_test(str_utf8),
        cmocka_unit_test(str_suggests_the_nearest),
        cmocka_unit_test(spans),
        cmocka_unit_test(wall_time_agrees_with_the_c_library),
        cmocka_unit_test(cron_agrees_with_a_minute_by_minute_search),
        cmocka_unit_test(selectors),
        cmocka_unit_test(heap_agrees_with_a_linear_search),
        cmocka_unit_test(map_agrees_with_an_array),
        cmocka_unit_test(siphash_reference_vectors),
        cmocka_unit_test(buf_refuses_above_its_maximum),
        cmocka_unit_test(result_codes_have_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
