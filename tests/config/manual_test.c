/* SPDX-License-Identifier: Apache-2.0 */
/* Manual pages and completion against the tables they speak about: every command, option, configuration key and definition key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "adapter.h"
#include "ctl_cmd.h"
#include "ctl_def_table.h"
#include "ctl_help.h"
#include "sp_conf.h"
#include "sp_fs.h"

#include <stdio.h>
#include <string.h>

#define PAGE_MAX 1048576u

/* Gives the page without roff's escapes of dashes and fonts. */
static char *page_load(const char *path)
{
    char *text = NULL;
    size_t n = 0;
    struct sp_err err = {0};
    if (sp_fs_read(path, PAGE_MAX, 0, &text, &n, &err) != SP_OK)
        fail_msg("%s: %s", err.where, err.text);
    char *to = text;
    for (const char *at = text; *at != '\0'; at++) {
        if (at[0] == '\\' && at[1] == 'f' && at[2] != '\0')
            at += 2;
        else if (at[0] != '\\')
            *to++ = *at;
    }
    *to = '\0';
    return text;
}

static void must_have(const char *page, const char *text, const char *what)
{
    if (strstr(page, text) == NULL)
        fail_msg("%s is not in the manual: \"%s\"", what, text);
}

static void test_commands(void **state)
{
    char text[256];
    size_t count;
    const struct ctl_cmd *table = ctl_cmd_table(&count);
    const struct ctl_opt_row *options = ctl_cmd_options();
    (void)state;
    char *page = page_load(SPICE_SOURCE_DIR "/ops/man/spicectl.1");
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(text, sizeof text, ".B spicectl %s%s%s", table[i].noun, table[i].verb != NULL ? " " : "",
                       table[i].verb != NULL ? table[i].verb : "");
        must_have(page, text, "command");
    }
    for (size_t i = 0; i < CTL_OPT_COUNT; i++) {
        char letter[8] = "";
        if (options[i].letter != 0)
            (void)snprintf(letter, sizeof letter, "-%c, ", options[i].letter);
        (void)snprintf(text, sizeof text, "\n.TP\n%s--%s%s%s\n", letter, options[i].name, options[i].value != NULL ? " " : "",
                       options[i].value != NULL ? options[i].value : "");
        must_have(page, text, "paragraph of the option");
    }
    free(page);
}

/* First field of every line of a description, in its page. */
static void keys_in(const char *page, struct sp_buf *described, const char *what)
{
    struct sp_str rest = sp_buf_view(described);
    struct sp_str line;
    struct sp_str key;
    char text[256];
    size_t keys = 0;
    while (rest.n > 0 && sp_str_next(&rest, '\n', &line)) {
        if (!sp_str_next(&line, '\t', &key) || key.n == 0)
            continue;
        (void)snprintf(text, sizeof text, " %.*s\n", (int)key.n, key.p);
        if (!sp_str_is(key, "kind"))
            must_have(page, text, what);
        keys++;
    }
    assert_true(keys > 2);
}

static void test_configuration(void **state)
{
    struct sp_buf b;
    (void)state;
    char *page = page_load(SPICE_SOURCE_DIR "/ops/man/spice.yaml.5");
    sp_buf_init(&b, PAGE_MAX);
    sp_conf_describe(&b);
    keys_in(page, &b, "configuration key");
    sp_buf_fini(&b);
    free(page);
}

static void test_definitions(void **state)
{
    struct sp_buf b;
    (void)state;
    char *page = page_load(SPICE_SOURCE_DIR "/ops/man/spice-definitions.5");
    for (size_t kind = 0; kind < CTL_DEF_KINDS; kind++) {
        sp_buf_init(&b, PAGE_MAX);
        sp_bind_describe(ctl_def_table((enum ctl_def_kind)kind), "", &b);
        keys_in(page, &b, ctl_def_word((enum ctl_def_kind)kind));
        sp_buf_fini(&b);
    }
    for (size_t i = 0; ctl_def_table_categories[i] != NULL; i++)
        must_have(page, ctl_def_table_categories[i], "category");
    free(page);
}

/* The section of one adapter, cut out (free it). */
static char *section_of(const char *page, const char *name)
{
    char head[64];
    (void)snprintf(head, sizeof head, "\n.SS %s\n", name);
    const char *from = strstr(page, head);
    if (from == NULL)
        fail_msg("spice-worker(8) has no section of the adapter %s", name);
    const char *next = from != NULL ? strstr(from + 1, "\n.S") : NULL; /* .SS or .SH */
    assert_non_null(next);
    return strndup(from, (size_t)(next - from));
}

/* What a check of each adapter may say, and what its worker's configuration may. */
static void test_adapters(void **state)
{
    char text[128];
    (void)state;
    char *page = page_load(SPICE_SOURCE_DIR "/ops/man/spice-worker.8");
    for (size_t a = 0; sp_adapters[a] != NULL; a++) {
        const struct sp_adapter *adapter = sp_adapters[a];
        char *section = section_of(page, adapter->name);
        for (size_t i = 0; i < adapter->params_count; i++) {
            (void)snprintf(text, sizeof text, "\n.TP\n%s (", adapter->params[i].name);
            must_have(section, text, adapter->name);
        }
        for (size_t i = 0; i < adapter->settings_count; i++) {
            (void)snprintf(text, sizeof text, "\n.TP\nworker.settings.%s.%s (", adapter->name, adapter->settings[i].name);
            must_have(section, text, adapter->name);
        }
        free(section);
    }
    free(page);
}

static void test_completion_is_whole(void **state)
{
    size_t count = 0;
    char text[64];
    char *page = page_load(SPICE_SOURCE_DIR "/ops/completion/spicectl.bash");
    const struct ctl_cmd *table = ctl_cmd_table(&count);
    (void)state;
    for (size_t i = 0; i < count; i++) {
        must_have(page, table[i].noun, "command");
        if (table[i].verb != NULL)
            must_have(page, table[i].verb, "verb");
    }
    for (size_t i = 0; i < CTL_OPT_COUNT; i++) {
        (void)snprintf(text, sizeof text, "--%s", ctl_cmd_options()[i].name);
        must_have(page, text, "option");
    }
    free(page);
}

static void test_completion_is_fresh(void **state)
{
    char *made = NULL;
    char *kept = NULL;
    size_t size = 0;
    size_t n = 0;
    (void)state;
    struct ctl_out out = {.file = open_memstream(&made, &size)};
    ctl_help_completion(&out);
    (void)fclose(out.file);
    assert_int_equal(sp_fs_read(SPICE_SOURCE_DIR "/ops/completion/spicectl.bash", PAGE_MAX, 0, &kept, &n, NULL), SP_OK);
    if (strcmp(made, kept) != 0)
        fail_msg("ops/completion/spicectl.bash is old; write it with: spicectl completion > ops/completion/spicectl.bash");
    free(made);
    free(kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commands), cmocka_unit_test(test_configuration),       cmocka_unit_test(test_definitions),
        cmocka_unit_test(test_adapters), cmocka_unit_test(test_completion_is_whole), cmocka_unit_test(test_completion_is_fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
