/* SPDX-License-Identifier: Apache-2.0 */
#include "window_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void parses_and_prints(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint8_t days;
        uint16_t from, to;
        const char *print; /* NULL: as it came */
    } rows[] = {
        {"mon-fri 22:00-06:00", 0x1f, 1320, 360, NULL},
        {"00:30-04:00", 0x7f, 30, 240, NULL},
        {"  sat,sun 00:00-24:00 ", 0x60, 0, 1440, "sat-sun 00:00-24:00"},
        {"sun-mon 10:00-10:01", 0x41, 600, 601, "mon,sun 10:00-10:01"},
        {"wed 23:59-00:00", 0x04, 1439, 0, NULL},
        {"mon-sun 01:00-02:00", 0x7f, 60, 120, "01:00-02:00"},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct check_def_window w;
        char text[WINDOW_TEXT_BYTES];
        assert_true(window_text_parse(sp_str_of(rows[i].text), &w));
        assert_int_equal(w.days, rows[i].days);
        assert_int_equal(w.from, rows[i].from);
        assert_int_equal(w.to, rows[i].to);
        window_text_format(&w, text);
        assert_string_equal(text, rows[i].print != NULL ? rows[i].print : rows[i].text);
    }
}

static void refuses_the_rest(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      " ",
                                      "mon",
                                      "22:00",
                                      "22:00-",
                                      "-06:00",
                                      "22:00-22:00",
                                      "24:00-01:00",
                                      "22:60-23:00",
                                      "25:00-26:00",
                                      "tuesday 1:00-2:00",
                                      "mon 1:00-2:00",
                                      "mon- 01:00-02:00x",
                                      "Mon 01:00-02:00",
                                      "mon,,tue 01:00-02:00",
                                      "01:00-02:00 mon",
                                      "24:01-01:00"};
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct check_def_window w = {.days = 99};
        assert_false(window_text_parse(sp_str_of(bad[i]), &w));
        assert_int_equal(w.days, 99);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(parses_and_prints), cmocka_unit_test(refuses_the_rest)};
    return cmocka_run_group_tests_name("window_text", tests, NULL, NULL);
}
