/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_table.h"

#include "sp_assert.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define TABLE_GAP      2
#define TABLE_LAST_MIN 12 /* columns the last cell keeps however narrow the terminal is */

struct table_cell {
    char *text;
    enum ctl_tone tone;
};

struct ctl_table {
    char *names[CTL_TABLE_COLUMNS_MAX];
    bool right[CTL_TABLE_COLUMNS_MAX];
    size_t columns;
    struct table_cell *cells; /* row after row */
    size_t used;
    size_t room;
    size_t left_out; /* cells beyond the limit */
};

static void *table_need(void *memory)
{
    if (memory == NULL) {
        (void)fputs("spicectl: out of memory\n", stderr);
        exit(1);
    }
    return memory;
}

struct ctl_table *ctl_table_new(const char *headings)
{
    struct ctl_table *table = table_need(calloc(1, sizeof *table));
    while (*headings != '\0') {
        size_t n = strcspn(headings, "|");
        SP_ASSERT(table->columns < CTL_TABLE_COLUMNS_MAX);
        bool right = *headings == '>';
        table->right[table->columns] = right;
        table->names[table->columns] = table_need(strndup(headings + (right ? 1 : 0), n - (right ? 1 : 0)));
        table->columns++;
        headings += n + (headings[n] == '|' ? 1 : 0);
    }
    return table;
}

void ctl_table_tone(struct ctl_table *table, enum ctl_tone tone, const char *text)
{
    char safe[CTL_OUT_SAFE_MAX];
    if (table->used >= (size_t)CTL_TABLE_ROWS_MAX * table->columns) {
        table->left_out++;
        return;
    }
    if (table->used == table->room) {
        table->room = table->room == 0 ? 64 : table->room * 2;
        table->cells = table_need(realloc(table->cells, table->room * sizeof table->cells[0]));
    }
    const char *shown = text == NULL || text[0] == '\0' ? "-" : ctl_out_safe(safe, sizeof safe, text);
    table->cells[table->used].text = table_need(strdup(shown));
    table->cells[table->used].tone = tone;
    table->used++;
}

void ctl_table_cell(struct ctl_table *table, const char *text)
{
    ctl_table_tone(table, CTL_PLAIN, text);
}

void ctl_table_format(struct ctl_table *table, const char *format, ...)
{
    char text[CTL_OUT_SAFE_MAX];
    va_list list;
    va_start(list, format);
    (void)vsnprintf(text, sizeof text, format, list);
    va_end(list);
    ctl_table_tone(table, CTL_PLAIN, text);
}

size_t ctl_table_rows(const struct ctl_table *table)
{
    return (table->used + table->columns - 1) / table->columns;
}

static void table_pad(struct ctl_out *out, size_t n)
{
    ctl_out_print(out, "%*s", (int)n, "");
}

/* Prints one cell; the last column is neither padded nor allowed past limit (0: no limit). */
static void table_put(struct ctl_out *out, const char *text, enum ctl_tone tone, const size_t width[3])
{
    size_t own = ctl_out_width(text);
    size_t pad = own < width[0] ? width[0] - own : 0;
    bool right = width[1] != 0;
    bool last = width[2] != 0;
    if (right)
        table_pad(out, pad);
    if (last && width[2] != SIZE_MAX && own > width[2]) {
        ctl_out_print(out, "%.*s\xe2\x80\xa6", (int)ctl_out_head(text, width[2] - 1), text);
        return;
    }
    ctl_out_tone(out, tone, text);
    if (!right && !last)
        table_pad(out, pad);
}

static void table_widths(const struct ctl_table *table, size_t *width)
{
    for (size_t c = 0; c < table->columns; c++)
        width[c] = ctl_out_width(table->names[c]);
    for (size_t i = 0; i < table->used; i++) {
        size_t own = ctl_out_width(table->cells[i].text);
        if (own > width[i % table->columns])
            width[i % table->columns] = own;
    }
}

static size_t table_last_limit(const struct ctl_table *table, const struct ctl_out *out, const size_t *width)
{
    if (out->columns == 0)
        return SIZE_MAX;
    size_t before = 0;
    for (size_t c = 0; c + 1 < table->columns; c++)
        before += width[c] + TABLE_GAP;
    size_t screen = (size_t)out->columns;
    return screen > before + TABLE_LAST_MIN ? screen - before : TABLE_LAST_MIN;
}

void ctl_table_print(const struct ctl_table *table, struct ctl_out *out, const char *nothing_text)
{
    size_t width[CTL_TABLE_COLUMNS_MAX];
    if (table->used == 0) {
        ctl_out_print(out, "%s\n", nothing_text);
        return;
    }
    table_widths(table, width);
    size_t limit = table_last_limit(table, out, width);
    for (size_t i = 0; i < table->used + table->columns; i++) {
        size_t c = i % table->columns;
        bool last = c + 1 == table->columns;
        const size_t shape[3] = {width[c], table->right[c] ? 1 : 0, last ? limit : 0};
        if (i < table->columns)
            table_put(out, table->names[c], CTL_BOLD, shape);
        else
            table_put(out, table->cells[i - table->columns].text, table->cells[i - table->columns].tone, shape);
        ctl_out_print(out, last ? "\n" : "  ");
    }
    if (table->left_out > 0)
        ctl_out_print(out, "(and more; narrow the selection or use --json)\n");
}

void ctl_table_destroy(struct ctl_table **table_p)
{
    struct ctl_table *table = *table_p;
    *table_p = NULL;
    if (table == NULL)
        return;
    for (size_t c = 0; c < table->columns; c++)
        free(table->names[c]);
    for (size_t i = 0; i < table->used; i++)
        free(table->cells[i].text);
    free(table->cells);
    free(table);
}
