/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of others made safe, widths, spans, tables, archives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ctl_out.h"
#include "ctl_span.h"
#include "ctl_table.h"
#include "ctl_tar.h"

#include <stdio.h>
#include <string.h>

static void test_safe(void **state)
{
    static const struct {
        const char *text;
        const char *safe;
    } rows[] = {
        {"plain", "plain"},
        {"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
        {"a\nb\tc", "a\\x0ab\\x09c"},
        {"\033[31mred", "\\x1b[31mred"},
        {"bad\xff", "bad\\xff"},
        {"cut\xc3", "cut\\xc3"},
        {"\xe2\x80\xaetrap", "\\xe2\\x80\\xaetrap"}, /* right-to-left override */
        {"\xc2\x85nel", "\\xc2\\x85nel"},
        {"", ""},
    };
    char buffer[64];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_string_equal(ctl_out_safe(buffer, sizeof buffer, rows[i].text), rows[i].safe);
    assert_string_equal(ctl_out_safe(buffer, 12, "0123456789abcdef"), "01234567\xe2\x80\xa6");
}

static void test_width(void **state)
{
    (void)state;
    assert_int_equal(ctl_out_width("abc"), 3);
    assert_int_equal(ctl_out_width("gr\xc3\xbc\xc3\x9f"), 4);
    assert_int_equal(ctl_out_width("\xe4\xb8\xad\xe6\x96\x87"), 4);   /* two wide characters */
    assert_int_equal(ctl_out_width("e\xcc\x81"), 1);                  /* a combining one */
    assert_int_equal(ctl_out_head("\xe4\xb8\xad\xe6\x96\x87", 3), 3); /* never half a character */
}

static void test_span(void **state)
{
    static const struct {
        int64_t ms;
        const char *text;
    } rows[] = {
        {-1, "-"},     {0, "0s"},        {1, "1ms"},      {999, "999ms"},     {1000, "1s"},     {1500, "1.5s"},      {59999, "59s"},
        {60000, "1m"}, {61000, "1m 1s"}, {3600000, "1h"}, {3660000, "1h 1m"}, {86400000, "1d"}, {90000000, "1d 1h"}, {300000, "5m"},
    };
    char text[CTL_SPAN_MAX];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_string_equal(ctl_span_text(rows[i].ms, text, sizeof text), rows[i].text);
    assert_string_equal(ctl_span_micro(999, text, sizeof text), "999us");
    assert_string_equal(ctl_span_micro(1500, text, sizeof text), "1.5ms");
    assert_string_equal(ctl_span_micro(2500000, text, sizeof text), "2.5s");
    assert_string_equal(ctl_span_count(9999, text, sizeof text), "9999");
    assert_string_equal(ctl_span_count(12345, text, sizeof text), "12.3k");
    assert_string_equal(ctl_span_count(UINT64_MAX, text, sizeof text), "18.4E");
}

static void test_table(void **state)
{
    char *text = NULL;
    size_t size = 0;
    (void)state;
    struct ctl_out out = {.file = open_memstream(&text, &size)};
    struct ctl_table *table = ctl_table_new("NAME|>N|WHY");
    ctl_table_cell(table, "gr\xc3\xbc\xc3\x9f");
    ctl_table_format(table, "%d", 5);
    ctl_table_tone(table, CTL_BAD, "it\nfailed");
    ctl_table_cell(table, "a-longer-name");
    ctl_table_format(table, "%d", 1234);
    ctl_table_cell(table, NULL);
    assert_int_equal(ctl_table_rows(table), 2);
    ctl_table_print(table, &out, "nothing");
    ctl_table_destroy(&table);
    assert_null(table);
    (void)fclose(out.file);
    assert_string_equal(text, "NAME              N  WHY\n"
                              "gr\xc3\xbc\xc3\x9f              5  it\\x0afailed\n"
                              "a-longer-name  1234  -\n");
    free(text);
}

static void test_table_cuts_last_column_on_a_terminal(void **state)
{
    char *text = NULL;
    size_t size = 0;
    (void)state;
    struct ctl_out out = {.file = open_memstream(&text, &size), .columns = 20};
    struct ctl_table *table = ctl_table_new("N|WHY");
    ctl_table_cell(table, "n");
    ctl_table_cell(table, "0123456789012345678901234567890");
    ctl_table_print(table, &out, "");
    ctl_table_destroy(&table);
    (void)fclose(out.file);
    assert_string_equal(text, "N  WHY\nn  0123456789012345\xe2\x80\xa6\n");
    free(text);
}

static void test_table_empty(void **state)
{
    char *text = NULL;
    size_t size = 0;
    (void)state;
    struct ctl_out out = {.file = open_memstream(&text, &size)};
    struct ctl_table *table = ctl_table_new("A|B");
    ctl_table_print(table, &out, "nothing here");
    ctl_table_destroy(&table);
    (void)fclose(out.file);
    assert_string_equal(text, "nothing here\n");
    free(text);
}

static void test_tar(void **state)
{
    struct sp_buf b;
    char longer[128];
    (void)state;
    sp_buf_init(&b, 1 << 16);
    ctl_tar_folder(&b, "keys", 0700);
    ctl_tar_file(&b, "keys/a.key", sp_str_of("secret"), 0600);
    ctl_tar_end(&b);
    assert_false(b.failed);
    assert_int_equal(b.n, 512 + 512 + 512 + 1024);
    assert_string_equal((const char *)b.p + 512, "keys/a.key");
    assert_memory_equal(b.p + 512 + 257, "ustar", 6);
    assert_memory_equal(b.p + 512 + 124, "00000000006", 11);
    assert_memory_equal(b.p + 1024, "secret", 6);
    memset(longer, 'x', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    ctl_tar_folder(&b, longer, 0700);
    assert_true(b.failed);
    sp_buf_fini(&b);
}

static int set_up(void **state)
{
    struct ctl_out out;
    (void)state;
    ctl_out_init(&out, stdout); /* the locale */
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_safe),
        cmocka_unit_test(test_width),
        cmocka_unit_test(test_span),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_table_cuts_last_column_on_a_terminal),
        cmocka_unit_test(test_table_empty),
        cmocka_unit_test(test_tar),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
