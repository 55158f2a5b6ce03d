/* SPDX-License-Identifier: Apache-2.0 */
/* The command line: words, options, and what it says about mistakes; the tables themselves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ctl_args.h"
#include "ctl_cmd.h"

#include <stdio.h>
#include <string.h>

#define WORDS_MAX 16

/* Splits a line at blanks and parses it. */
static bool parse(struct ctl_args *args, const char *line)
{
    static char text[512];
    static char *argv[WORDS_MAX];
    int argc = 0;
    (void)snprintf(text, sizeof text, "%s", line);
    for (char *at = text; *at != '\0' && argc < WORDS_MAX;) {
        argv[argc++] = at;
        at += strcspn(at, " ");
        if (*at == ' ')
            *at++ = '\0';
    }
    return ctl_args_parse(args, argc, argv);
}

static void test_good(void **state)
{
    static const struct {
        const char *line;
        const char *noun;
        const char *verb;
        size_t names;
        const char *first;
    } rows[] = {
        {"spicectl node list", "node", "list", 0, NULL},
        {"spicectl --json node list a b", "node", "list", 2, "a"},
        {"spicectl node list -l zone=a", "node", "list", 0, NULL},
        {"spicectl explain n1", "explain", NULL, 1, "n1"},
        {"spicectl -c f explain -- -n1", "explain", NULL, 1, "-n1"},
        {"spicectl apply -f - -f x", "apply", NULL, 0, NULL},
        {"spicectl check verify ./p -- -w 1", "check", "verify", 3, "./p"},
    };
    static struct ctl_args args;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_true(parse(&args, rows[i].line));
        assert_non_null(args.cmd);
        assert_string_equal(args.noun, rows[i].noun);
        assert_true((args.verb == NULL) == (rows[i].verb == NULL));
        if (rows[i].verb != NULL)
            assert_string_equal(args.verb, rows[i].verb);
        assert_int_equal(args.names_count, rows[i].names);
        if (rows[i].first != NULL)
            assert_string_equal(args.names[0], rows[i].first);
    }
}

static void test_bad(void **state)
{
    static const struct {
        const char *line;
        const char *why;
        const char *hint;
    } rows[] = {
        {"spicectl nod list", "no command \"nod\"", "node"},
        {"spicectl maintenance", "no command", ""},
        {"spicectl node maint", "has no command \"maint\"", "maintenance"},
        {"spicectl node list --slector x", "no option", "--selector"},
        {"spicectl node list --dry-run", "does not take", "--help"},
        {"spicectl explain", "needs NODE", "--help"},
        {"spicectl explain a b", "too many", "--help"},
        {"spicectl node list -l", "nothing follows", "SELECTOR"},
        {"spicectl node list --json=1", "no value belongs", "--json"},
        {"spicectl node list -Q", "no option", "--help"},
    };
    static struct ctl_args args;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_false(parse(&args, rows[i].line));
        assert_non_null(strstr(args.why, rows[i].why));
        assert_non_null(strstr(args.hint, rows[i].hint));
    }
}

static void test_values(void **state)
{
    static struct ctl_args args;
    (void)state;
    assert_true(parse(&args, "spicectl result list --limit=7 --node n1 --check c1 -t 2s"));
    assert_string_equal(args.values[CTL_OPT_LIMIT], "7");
    assert_string_equal(args.values[CTL_OPT_NODE], "n1");
    assert_string_equal(args.values[CTL_OPT_TIMEOUT], "2s");
    assert_false(ctl_args_has(&args, CTL_OPT_AFTER));
    assert_true(parse(&args, "spicectl apply -fone -f two --file=three"));
    assert_int_equal(args.files_count, 3);
    assert_string_equal(args.files[0], "one");
    assert_string_equal(args.files[2], "three");
}

static void test_number(void **state)
{
    static const struct {
        const char *line;
        bool good;
        uint64_t value;
    } rows[] = {
        {"spicectl result list", true, 5},
        {"spicectl result list --limit 1", true, 1},
        {"spicectl result list --limit 9", true, 9},
        {"spicectl result list --limit 10", false, 0},
        {"spicectl result list --limit 0", false, 0},
        {"spicectl result list --limit 1x", false, 0},
        {"spicectl result list --limit=-1", false, 0},
        {"spicectl result list --limit=", false, 0},
        {"spicectl result list --limit 99999999999999999999999", false, 0},
    };
    static const uint64_t range[2] = {1, 9};
    static struct ctl_args args;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t value = 0;
        assert_true(parse(&args, rows[i].line));
        assert_int_equal(ctl_args_number(&args, CTL_OPT_LIMIT, range, 5, &value), rows[i].good);
        if (rows[i].good)
            assert_int_equal(value, rows[i].value);
    }
}

static void test_help_goes_before_names(void **state)
{
    static struct ctl_args args;
    (void)state;
    assert_true(parse(&args, "spicectl explain --help"));
    assert_null(args.cmd);
    assert_true(ctl_args_has(&args, CTL_OPT_HELP));
    assert_true(parse(&args, "spicectl node"));
    assert_null(args.cmd);
}

/* The tables obey themselves: rows of one noun stand together, every row can be found, has help and a handler. */
static void test_tables(void **state)
{
    size_t count;
    const struct ctl_cmd *table = ctl_cmd_table(&count);
    const struct ctl_opt_row *options = ctl_cmd_options();
    (void)state;
    for (size_t i = 0; i < count; i++) {
        assert_ptr_equal(ctl_cmd_find(table[i].noun, table[i].verb), &table[i]);
        assert_non_null(table[i].run);
        assert_true(strlen(table[i].help) > 8 && strlen(table[i].help) < 90);
        assert_int_equal(ctl_cmd_has_verbs(table[i].noun), table[i].verb != NULL);
        assert_true((ctl_cmd_accepts(&table[i]) & CTL_BIT(CTL_OPT_JSON)) != 0);
        assert_int_equal((ctl_cmd_accepts(&table[i]) & CTL_BIT(CTL_OPT_DRY_RUN)) != 0, table[i].mutates);
        for (size_t j = i + 1; j < count; j++) {
            if (strcmp(table[i].noun, table[j].noun) == 0)
                assert_string_equal(table[j - 1].noun, table[i].noun);
        }
    }
    for (size_t i = 0; i < CTL_OPT_COUNT; i++) {
        for (size_t j = i + 1; j < CTL_OPT_COUNT; j++) {
            assert_string_not_equal(options[i].name, options[j].name);
            assert_true(options[i].letter == 0 || options[i].letter != options[j].letter);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_number),
        cmocka_unit_test(test_help_goes_before_names),
        cmocka_unit_test(test_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
