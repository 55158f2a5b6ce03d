/* SPDX-License-Identifier: Apache-2.0 */
/* Text and measures of plugins: tables of what is taken, what is left out, what is made harmless. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "exec_output.h"
#include "exec_resident.h"
#include "exec_value.h"
#include "msg.h"

static struct exec_output out;

static void read_text(const char *text)
{
    exec_output_read(text, strlen(text), &out);
}

static void test_measures(void **state)
{
    static const struct {
        const char *in;
        const char *want;
        uint32_t bad;
    } rows[] = {
        {"OK|load1=0.44;1.000;100.000;0; load5=0.76", "load1=0.44;1.000;100.000;0 load5=0.76", 0},
        {"OK | /=2643MB;5948;5958;0;5968", "/=2643MB;5948;5958;0;5968", 0},
        {"OK|'a b'=1s 'it''s'=2 'c=d'=3", "'a b'=1s 'it''s'=2 'c=d'=3", 0},
        {"OK|a=U b=-1.5e-3c;@1:2;~:5", "a=U b=-1.5e-3c;@1:2;~:5", 0},
        {"OK|a=5%;80;90 t=12\xc2\xb5s", "a=5%;80;90 t=12\xc2\xb5s", 0},
        {"OK|rate=10MB/s", "rate=10MB/s", 0},
        {"OK|a=1;;;;", "a=1", 0},
        {"OK|a= =1 b c=x d=1,5 e=nan f=1;2;3;4;5;6", "", 7},
        {"OK|a=1|b=2", "", 1},
        {"OK|a=1;x b=1;1;y c=1;;;z d=1;;;;z ok=1", "ok=1", 4},
        {"OK|'open=1", "", 1},
        {"OK|a=1toolongunit b=1s!", "", 2},
        {"OK|  a=1    b=2  ", "a=1 b=2", 0},
        {"OK|a=.5 b=5. c=. d=+ e=1e f=1e+", "a=.5 b=5. e=1e", 3},
        {"OK|", "", 0},
        {"OK", "", 0},
        {"", "", 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        read_text(rows[i].in);
        assert_string_equal(out.measures, rows[i].want);
        assert_int_equal(out.measures_bad, rows[i].bad);
    }
}

static void test_lines(void **state)
{
    (void)state;
    read_text("DISK OK | a=1\nfirst more\nsecond more | b=2\nc=3\n\n");
    assert_string_equal(out.detail, "DISK OK / first more / second more");
    assert_string_equal(out.measures, "a=1 b=2 c=3");
    read_text("\n\n  text late \r\n");
    assert_string_equal(out.detail, "text late");
}

static void test_harmless(void **state)
{
    static const char raw[] = "bad\0\x01\x1b[31mred\xff\xc3(\xed\xa0\x80\xc2\x85 \xc3\xa9\tend\x7f";
    (void)state;
    exec_output_read(raw, sizeof raw - 1, &out);
    assert_string_equal(out.detail, "bad[31mred\\xff\\xc3(\\xed\\xa0\\x80 \xc3\xa9 end");
}

static void test_limits(void **state)
{
    static char big[70000];
    (void)state;
    memset(big, 'x', sizeof big);
    exec_output_read(big, sizeof big, &out);
    assert_int_equal(strlen(out.detail), SP_ADAPTER_DETAIL_MAX - 1);
    for (size_t i = 0; i < sizeof big; i += 2)
        memcpy(big + i, "\xc3\xa9", 2);
    exec_output_read(big, sizeof big, &out); /* cut between characters */
    assert_true(strlen(out.detail) % 2 == 0 && strlen(out.detail) >= SP_ADAPTER_DETAIL_MAX - 3);
    big[0] = '|';
    for (size_t i = 1; i + 4 < sizeof big; i += 4)
        memcpy(big + i, "a=1 ", 4);
    exec_output_read(big, 1 + 4 * 100, &out);
    assert_int_equal(out.measures_count, EXEC_OUTPUT_MEASURES_MAX);
    assert_int_equal(out.measures_bad, 100 - EXEC_OUTPUT_MEASURES_MAX);
    memset(big, 'l', 2000);
    memcpy(big, "|", 1);
    memcpy(big + 200, "=1 a=1", 6);
    exec_output_read(big, 206, &out);
    assert_string_equal(out.measures, "a=1");
}

/* Every prefix and every single changed byte is survived, and what comes out is one clean line. */
static void test_never_dirty(void **state)
{
    static const char seed[] = "OK 'a' | 'a b'=1s;@1:2;~:3;0;9 b=2\nmore|c=3\nd=4";
    char text[sizeof seed];
    (void)state;
    for (size_t n = 0; n < sizeof seed; n++) {
        for (int c = 0; c < 256; c++) {
            memcpy(text, seed, sizeof seed);
            text[n] = (char)c;
            exec_output_read(text, sizeof seed - 1, &out);
            assert_true(sp_str_is_utf8(sp_str_of(out.detail)));
            assert_true(sp_str_is_utf8(sp_str_of(out.measures)));
            for (const char *p = out.detail; *p != '\0'; p++)
                assert_true((unsigned char)*p >= 0x20 && *p != 0x7f);
            for (const char *p = out.measures; *p != '\0'; p++)
                assert_true((unsigned char)*p >= 0x20 && *p != 0x7f && *p != '|');
        }
        exec_output_read(seed, n, &out);
    }
}

static void test_verdict(void **state)
{
    static const uint8_t outcomes[] = {SP_OUTCOME_PASS, SP_OUTCOME_WARN, SP_OUTCOME_FAIL, SP_OUTCOME_ERROR};
    uint8_t outcome;
    uint16_t reason;
    (void)state;
    for (int code = 0; code < 4; code++) {
        assert_true(exec_output_verdict(code, &outcome, &reason));
        assert_int_equal(outcome, outcomes[code]);
    }
    for (int code = 4; code < 256; code++) {
        assert_false(exec_output_verdict(code, &outcome, &reason));
        assert_int_equal(outcome, SP_OUTCOME_ERROR);
        assert_int_equal(reason, SP_REASON_PLUGIN_EXIT);
    }
    assert_false(exec_output_verdict(-1, &outcome, &reason));
}

static void test_resident_line(void **state)
{
    static const char *const bad[] = {"",
                                      "1",
                                      "1\t0",
                                      "x\t0\tt",
                                      "1\tx\tt",
                                      "1\t256\tt",
                                      "-1\t0\tt",
                                      "1\t-1\tt",
                                      "\t0\tt",
                                      "1\t\tt",
                                      "18446744073709551616\t0\tt",
                                      " 1\t0\tt",
                                      "01x\t0\tt"};
    uint64_t id;
    int code;
    struct sp_str text;
    (void)state;
    assert_true(exec_resident_parse(sp_str_of("7\t2\tOK\tmore|a=1"), &id, &code, &text));
    assert_int_equal(id, 7);
    assert_int_equal(code, 2);
    assert_true(sp_str_is(text, "OK\tmore|a=1"));
    assert_true(exec_resident_parse(sp_str_of("18446744073709551615\t255\t"), &id, &code, &text));
    assert_int_equal(text.n, 0);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(exec_resident_parse(sp_str_of(bad[i]), &id, &code, &text));
}

static void test_argument_list(void **state)
{
    static const char *const args[] = {"-w", "a \"b\"\\", "tab\there", ""};
    struct sp_buf b;
    (void)state;
    sp_buf_init(&b, 100);
    exec_value_list(args, 4, &b);
    assert_true(sp_str_is(sp_buf_view(&b), "[\"-w\",\"a \\\"b\\\"\\\\\",\"tab\\u0009here\",\"\"]"));
    exec_value_list(NULL, 0, &b);
    assert_true(sp_str_is(sp_buf_view(&b), "[]"));
    sp_buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_measures),      cmocka_unit_test(test_lines),
                                       cmocka_unit_test(test_harmless),      cmocka_unit_test(test_limits),
                                       cmocka_unit_test(test_never_dirty),   cmocka_unit_test(test_verdict),
                                       cmocka_unit_test(test_resident_line), cmocka_unit_test(test_argument_list)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
