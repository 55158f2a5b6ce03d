/* SPDX-License-Identifier: Apache-2.0 */
/* The reader of parameters against jansson: it accepts only what jansson accepts, and the texts agree. */
#include "param.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sp_rng.h"

static const struct sp_param table[] = {
    {"s", SP_PARAM_STR, false, 0, 100, NULL, "h", NULL},    {"i", SP_PARAM_INT, false, -5, 500, "7", "h", NULL},
    {"b", SP_PARAM_BOOL, false, 0, 0, NULL, "h", NULL},     {"d", SP_PARAM_DURATION, false, 0, 9999, "\"1s\"", "h", NULL},
    {"e", SP_PARAM_ENUM, false, 0, 0, NULL, "h", "a|b|ab"}, {"l", SP_PARAM_LIST, false, 0, 4, NULL, "h", NULL},
    {"m", SP_PARAM_MAP, false, 0, 4, NULL, "h", NULL},
};
#define ROWS (sizeof table / sizeof table[0])

static bool parse(const char *json, struct param_values *v, char *why)
{
    why[0] = '\0';
    return param_parse(table, ROWS, sp_str_of(json), v, why);
}

static void values(void **state)
{
    struct param_values v;
    char why[SP_ADAPTER_WHY_MAX];
    (void)state;
    assert_true(parse(
        "{\"s\":\"a\\u00e9\\ud83d\\ude00\\n\",\"i\":-5,\"b\":true,\"d\":\"500ms\",\"e\":\"ab\",\"l\":[\"x\",7],\"m\":{\"k\":\"v\"}}",
        &v, why));
    assert_string_equal(v.row[0].str, "a\xc3\xa9\xf0\x9f\x98\x80\n");
    assert_int_equal(v.row[1].num, -5);
    assert_int_equal(v.row[2].num, 1);
    assert_int_equal(v.row[3].num, 500);
    assert_int_equal(v.row[4].num, 2);
    assert_int_equal(v.row[5].list_len, 2);
    assert_string_equal(v.row[5].list[1], "7");
    assert_string_equal(v.row[6].list[0], "k");
    assert_string_equal(v.row[6].list[1], "v");
    param_fini(&v);
    assert_true(parse("", &v, why)); /* nothing given: defaults */
    assert_int_equal(v.row[1].num, 7);
    assert_int_equal(v.row[3].num, 1000);
    assert_false(v.row[0].given);
    param_fini(&v);
}

static void refusals(void **state)
{
    static const struct {
        const char *json, *why;
    } rows[] = {
        {"{\"i\":501}", "parameter i: must be -5 to 500"},
        {"{\"i\":\"7\"}", "parameter i: a whole number is wanted"},
        {"{\"i\":1.5}", "parameter i: a whole number is wanted"},
        {"{\"e\":\"c\"}", "parameter e: must be one of a|b|ab"},
        {"{\"d\":\"10\"}", "parameter d: a duration such as 500ms or 10s is wanted"},
        {"{\"s\":\"\\u0000\"}", "parameter s: a text may not hold NUL"},
        {"{\"s\":\"\xff\"}", "parameter s: text is not valid UTF-8"},
        {"{\"s\":\"a\",\"s\":\"b\"}", "parameter s: given twice"},
        {"{\"m\":{\"k\":1,\"k\":2}}", "parameter m: the same name twice"},
        {"{\"l\":[1,2,3,4,5]}", "parameter l: must be 0 to 4 items"},
        {"{\"s\":null}", "parameter s: has no value; leave it out, or write one"},
        {"{\"l\":[null]}", "parameter l: a text, number or boolean is wanted"},
        {"{\"m\":{\"k\":null}}", "parameter m: an object of texts is wanted"},
        {"{} x", "parameters: something follows the object"},
        {"[1]", "parameters: a JSON object is wanted"},
    };
    struct param_values v;
    char why[SP_ADAPTER_WHY_MAX];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_false(parse(rows[i].json, &v, why));
        assert_string_equal(why, rows[i].why);
    }
}

static void against_jansson(void **state)
{
    static const char *const parts[] = {"{",  "}",           "\"s\":",  "\"i\":", "\"l\":", "\"m\":",      "\"b\":", "[",
                                        "]",  ",",           "\"x\"",   "7",      "-3",     "true",        "null",   "1e5",
                                        "01", "\"\\u00e9\"", "\"\\x\"", " ",      "-",      "\"k\":\"v\"", "1-2",    "fals"};
    struct sp_rng rng = {11};
    unsigned accepted = 0;
    (void)state;
    for (unsigned n = 0; n < 300000; n++) {
        char json[256] = "{";
        struct param_values v;
        char why[SP_ADAPTER_WHY_MAX];
        json_error_t error;
        size_t at = 1;
        for (uint64_t k = sp_rng_below(&rng, 6); k > 0; k--) {
            at += (size_t)snprintf(json + at, sizeof json - at, "%s", parts[sp_rng_below(&rng, sizeof parts / sizeof parts[0])]);
        }
        (void)snprintf(json + at, sizeof json - at, "}");
        if (!parse(json, &v, why)) {
            continue;
        }
        accepted++;
        json_t *root = json_loads(json, JSON_REJECT_DUPLICATES, &error);
        if (root == NULL &&
            json_error_code(&error) != json_error_numeric_overflow) { /* a text of digits may have any length here */
            fail_msg("%s is accepted, but no JSON: %s", json, error.text);
        }
        const char *s = json_string_value(json_object_get(root, "s"));
        if (s != NULL) {
            assert_string_equal(v.row[0].str, s);
        }
        json_decref(root);
        param_fini(&v);
    }
    assert_true(accepted > 500);
}

static void expansion(void **state)
{
    char out[32];
    (void)state;
    assert_true(param_expand("a {node} b {address}{x}", "n1", "::1", out, sizeof out));
    assert_string_equal(out, "a n1 b ::1{x}");
    assert_false(param_expand("{node}", "-rf", "x", out, sizeof out));
    assert_false(param_expand("{node}", "a/b", "x", out, sizeof out));
    assert_false(param_expand("{node}", "", "x", out, sizeof out));
    assert_true(param_expand("plain", "a/b", "x", out, sizeof out)); /* not used, not judged */
    assert_false(param_expand("0123456789012345678901234567890x", "a", "x", out, sizeof out));
    assert_true(param_expand("012345678901234567890123456789x", "a", "x", out, sizeof out));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values),
        cmocka_unit_test(refusals),
        cmocka_unit_test(against_jansson),
        cmocka_unit_test(expansion),
    };
    return cmocka_run_group_tests_name("parameters", tests, NULL, NULL);
}
