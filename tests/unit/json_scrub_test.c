/* SPDX-License-Identifier: Apache-2.0 */
/* What Python's json writes and a strict reader does not take; and base64 of frames and nonces. */
#include "json_scrub.h"
#include "sp_base64.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

static void check(const char *from, const char *to)
{
    struct sp_buf b;
    sp_buf_init(&b, 65536);
    assert_true(json_scrub(sp_str_of(from), JSON_SCRUB_DEPTH_MAX, &b));
    sp_buf_append(&b, "", 1);
    assert_string_equal((const char *)b.p, to);
    json_t *value = json_loads((const char *)b.p, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(value);
    json_decref(value);
    sp_buf_fini(&b);
}

static void corners_of_python(void **state)
{
    (void)state;
    check("{\"a\": NaN, \"b\": [Infinity, -Infinity]}", "{\"a\": null, \"b\": [null, null]}");
    check("[1, -2, 1e+300, -0.0]", "[1, -2, 1e+300, -0.0]");
    check("[123456789012345678901234567890]", "[123456789012345678901234567890e0]");
    check("[-999999999999999999]", "[-999999999999999999]");
    check("\"NaN [ { \\\" Infinity\"", "\"NaN [ { \\\" Infinity\"");
    check("\"\\ud800\"", "\"\\ufffd\"");
    check("\"\\ud800x\\udc00\"", "\"\\ufffdx\\ufffd\"");
    check("\"\\ud83d\\ude00\"", "\"\\ud83d\\ude00\"");
    check("\"a\\u0000b\"", "\"a\\ufffdb\"");
    check("\"\\\\ud800\"", "\"\\\\ud800\""); /* a backslash and letters */
}

static void depth_is_bounded(void **state)
{
    struct sp_buf b;
    char text[200];
    (void)state;
    sp_buf_init(&b, 65536);
    memset(text, '[', 100);
    memset(text + 100, ']', 100);
    assert_false(json_scrub(sp_str_bytes(text, 200), 99, &b));
    sp_buf_reset(&b);
    assert_true(json_scrub(sp_str_bytes(text, 200), 100, &b));
    sp_buf_reset(&b);
    assert_true(json_scrub(sp_str_of("\"[[[[[[[\""), 2, &b)); /* in a text they are letters */
    sp_buf_fini(&b);
}

/* Cut anywhere, nothing is read beyond the end. */
static void cut_anywhere(void **state)
{
    static const char text[] = "{\"a\\u0041\\ud83d\\ude00\": [NaN, -Infinity, 12345678901234567890, \"\\\\\\\"\"]}";
    (void)state;
    for (size_t n = 0; n < sizeof text; n++) {
        struct sp_buf b;
        char *copy = malloc(n + 1);
        memcpy(copy, text, n);
        sp_buf_init(&b, 65536);
        assert_true(json_scrub(sp_str_bytes(copy, n), 8, &b));
        sp_buf_fini(&b);
        free(copy);
    }
}

static void base64_both_ways(void **state)
{
    static const struct {
        const char *plain, *text;
    } cases[] = {{"", ""},
                 {"f", "Zg=="},
                 {"fo", "Zm8="},
                 {"foo", "Zm9v"},
                 {"foob", "Zm9vYg=="},
                 {"fooba", "Zm9vYmE="},
                 {"foobar", "Zm9vYmFy"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sp_buf b;
        uint8_t back[16] = {0};
        size_t n = strlen(cases[i].plain);
        sp_buf_init(&b, 100);
        sp_base64_write(&b, cases[i].plain, n);
        assert_int_equal(b.n, strlen(cases[i].text));
        assert_memory_equal(b.p != NULL ? (const char *)b.p : "", cases[i].text, b.n);
        assert_true(sp_base64_read(sp_str_of(cases[i].text), back, n));
        assert_memory_equal(back, cases[i].plain, n);
        sp_buf_fini(&b);
    }
}

static void base64_takes_one_form_only(void **state)
{
    static const char *const bad[] = {"Zg=", "Zg", "Zh==", "Zm9", "Z===", "Zg==\n", " Zg==", "Zg-=", "====", "ZmZm"};
    uint8_t to[4] = {7, 7, 7, 7};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(sp_base64_read(sp_str_of(bad[i]), to, 1));
    assert_int_equal(to[0], 7); /* untouched */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(corners_of_python), cmocka_unit_test(depth_is_bounded),           cmocka_unit_test(cut_anywhere),
        cmocka_unit_test(base64_both_ways),  cmocka_unit_test(base64_takes_one_form_only),
    };
    return cmocka_run_group_tests_name("json_scrub", tests, NULL, NULL);
}
