/* SPDX-License-Identifier: Apache-2.0 */
/* Options: values, mistakes and what is said about them, help. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <unistd.h>

#include "sp_opt.h"

static struct sp_opt_common common;
static bool flag;
static uint32_t number;
static uint64_t span;
static struct sp_err err;
static int first;

static enum sp_opt_result parse(bool stop_at_word, const char *line)
{
    const struct sp_opt_row rows[] = {
        SP_OPT_COMMON(&common),
        {"once", 0, SP_OPT_FLAG, &flag, NULL, "do it once", 0},
        {"slots", 's', SP_OPT_U32, &number, "N", "number of slots", 100},
        {"wait", 'w', SP_OPT_SPAN, &span, "TIME", "how long to wait", 0},
    };
    const struct sp_opt o = {"spice-test", "", "Tests options.", rows, SP_COUNT(rows), stop_at_word};
    static char copy[256];
    char *argv[16] = {(char *)(uintptr_t) "spice-test"};
    int argc = 1;
    (void)sp_str_copy(copy, sizeof copy, sp_str_of(line));
    for (char *p = copy; *p != '\0';) {
        argv[argc++] = p;
        p += strcspn(p, " ");
        if (*p != '\0') {
            *p++ = '\0';
        }
    }
    unsetenv("SPICE_CONFIG");
    sp_opt_common_init(&common);
    sp_err_clear(&err);
    flag = false;
    number = 0;
    span = 0;
    return sp_opt_parse(&o, argc, argv, &first, &err);
}

static void values(void **state)
{
    (void)state;
    assert_int_equal(parse(false, ""), SP_OPT_GO);
    assert_string_equal(common.config, SP_OPT_CONFIG_DEFAULT);
    assert_null(common.name);
    assert_int_equal(parse(false, "--config x.yaml -n w1 --slots=100 -w 1500ms --once --prefix /p -l bus=debug"), SP_OPT_GO);
    assert_string_equal(common.config, "x.yaml");
    assert_string_equal(common.name, "w1");
    assert_string_equal(common.prefix, "/p");
    assert_string_equal(common.log_level, "bus=debug");
    assert_int_equal(number, 100);
    assert_int_equal(span, 1500);
    assert_true(flag);
    setenv("SPICE_CONFIG", "/e.yaml", 1);
    sp_opt_common_init(&common);
    assert_string_equal(common.config, "/e.yaml");
    assert_int_equal(parse(true, "--once verb --slots 3"), SP_OPT_GO);
    assert_int_equal(first, 2);
    assert_int_equal(number, 0);
}

static void mistakes(void **state)
{
    (void)state;
    const struct {
        const char *line, *where, *text, *hint;
    } rows[] = {
        {"--slot 3 --onec", "--onec", "is no option", "--once"},
        {"--cnfig x", "--cnfig", "is no option", "did you mean --config?"},
        {"--config", "--config", "needs a value", ""},
        {"-w", "-w", "needs a value", ""},
        {"-z", "-z", "is no option", "--help"},
        {"--slots 101", "--slots", "'101' is not a whole number up to 100", ""},
        {"--slots -1", "--slots", "'-1' is not", ""},
        {"--slots=", "--slots", "'' is not", ""},
        {"--wait 10", "--wait", "is not a duration", ""},
        {"--once=3", "--once=3", "takes no value", "--once"},
        {"word", "word", "is not expected", "--help"},
    };
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        assert_int_equal(parse(false, rows[i].line), SP_OPT_WRONG);
        assert_string_equal(err.where, rows[i].where);
        assert_non_null(strstr(err.text, rows[i].text));
        assert_non_null(strstr(err.hint, rows[i].hint));
    }
}

/* What goes to standard output while fn runs. */
static const char *output_of(const char *line, enum sp_opt_result want)
{
    static char text[16384];
    int ends[2];
    int keep = dup(1);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(dup2(ends[1], 1), 1);
    enum sp_opt_result got = parse(false, line);
    assert_int_equal(dup2(keep, 1), 1);
    close(ends[1]);
    close(keep);
    ssize_t n = read(ends[0], text, sizeof text - 1);
    text[n > 0 ? n : 0] = '\0';
    close(ends[0]);
    assert_int_equal(got, want);
    return text;
}

static void help_names_every_row(void **state)
{
    (void)state;
    const char *t = output_of("--help", SP_OPT_DONE);
    assert_non_null(strstr(t, "Usage: spice-test [OPTION]...\nTests options.\n"));
    assert_non_null(strstr(t, "  -c, --config FILE"));
    assert_non_null(strstr(t, "      --once"));
    assert_non_null(strstr(t, "  -s, --slots N               number of slots\n"));
    assert_string_equal(output_of("-V", SP_OPT_DONE), "spice-test " SPICE_VERSION "\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values),
        cmocka_unit_test(mistakes),
        cmocka_unit_test(help_names_every_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
