/* SPDX-License-Identifier: Apache-2.0 */
/* Lists that are read one element after the other: the same as a parser of the whole says, for every text and for every end of it.
 */
#include "cloud_list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct seen {
    unsigned count, stop_at;
    int sum;
};

static bool each(void *ctx, const json_t *one)
{
    struct seen *s = ctx;
    s->sum += (int)json_integer_value(json_object_get(one, "n"));
    return ++s->count != s->stop_at;
}

static bool walk(const char *text, size_t n, struct seen *s)
{
    return cloud_list_walk(sp_str_bytes(text, (uint32_t)n), "list", each, s);
}

static void sound_and_unsound(void **state)
{
    static const struct {
        const char *text;
        bool good;
        unsigned count;
        int sum;
    } rows[] = {
        {"{\"list\": []}", true, 0, 0},
        {"{\"list\":[{\"n\":1},{\"n\":2}]}", true, 2, 3},
        {" \n{ \"a\" : [1, \"]}\", {\"list\": 3}], \"list\" : [ {\"n\": 4, \"x\": [[]]} , {} ] , \"z\" : -1.5e3 } \r\n\t", true, 2,
         4},
        {"{\"\\u006cist\": [{\"n\": 5}]}", true, 1, 5},
        {"{}", false, 0, 0},
        {"", false, 0, 0},
        {"[]", false, 0, 0},
        {"null", false, 0, 0},
        {"{\"other\": []}", false, 0, 0},
        {"{\"list\": {}}", false, 0, 0},
        {"{\"list\": [1]}", false, 0, 0},
        {"{\"list\": [{}, []]}", false, 1, 0},
        {"{\"list\": [{}, ]}", false, 1, 0},
        {"{\"list\": [{} {}]}", false, 1, 0},
        {"{\"list\": [{\"n\": 1, \"n\": 2}]}", false, 0, 0},
        {"{\"list\": [], \"list\": []}", false, 0, 0},
        {"{\"list\": [],}", false, 0, 0},
        {"{\"list\": []} x", false, 0, 0},
        {"{\"list\": []}}", false, 0, 0},
        {"{list: []}", false, 0, 0},
        {"{1: 2, \"list\": []}", false, 0, 0},
        {"{\"list\" []}", false, 0, 0},
        {"{\"a\": nothing, \"list\": []}", false, 0, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct seen s = {0};
        if (walk(rows[i].text, strlen(rows[i].text), &s) != rows[i].good)
            fail_msg("%s", rows[i].text);
        assert_int_equal(s.count, rows[i].count);
        assert_int_equal(s.sum, rows[i].sum);
    }
}

static void a_part_is_never_taken_for_the_whole(void **state)
{
    static const char text[] = "{\"a\": {\"b\": [1, 2]}, \"list\": [{\"n\": 1, \"s\": \"}]\"}, {\"n\": 22}], \"c\": 12}";
    (void)state;
    for (size_t n = 0; n < sizeof text - 1; n++) {
        char *part = malloc(n > 0 ? n : 1); /* exactly so long: a byte too far is seen by the sanitizers */
        struct seen s = {0};
        assert_non_null(part);
        memcpy(part, text, n);
        assert_false(walk(part, n, &s));
        free(part);
    }
    struct seen s = {0};
    assert_true(walk(text, sizeof text - 1, &s));
    assert_int_equal(s.sum, 23);
}

static void it_ends_when_told_to(void **state)
{
    static const char text[] = "{\"list\": [{\"n\": 1}, {\"n\": 2}, {\"n\": 4}]}";
    struct seen s = {.stop_at = 2};
    (void)state;
    assert_false(walk(text, sizeof text - 1, &s));
    assert_int_equal(s.sum, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sound_and_unsound),
        cmocka_unit_test(a_part_is_never_taken_for_the_whole),
        cmocka_unit_test(it_ends_when_told_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
