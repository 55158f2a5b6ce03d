/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table for people: headings, rows of texts, columns as wide as their widest cell. On a terminal the last column is
 * cut to the width of the screen; into a pipe everything is printed in full.
 */
#ifndef CTL_TABLE_H
#define CTL_TABLE_H

#include "ctl_out.h"

#define CTL_TABLE_COLUMNS_MAX 16
#define CTL_TABLE_ROWS_MAX    2000000 /* a million pairs and room; more rows are counted, not shown */

struct ctl_table;

/* Gives an empty table. headings are separated by '|'; one that starts with '>' is right-aligned. Borrows. */
struct ctl_table *ctl_table_new(const char *headings);

/* Adds the next cell of the row; text is made safe, NULL or "" is shown as "-". Borrows. */
void ctl_table_cell(struct ctl_table *table, const char *text);

/* The same with a tone. */
void ctl_table_tone(struct ctl_table *table, enum ctl_tone tone, const char *text);

/* The same with a format. */
void ctl_table_format(struct ctl_table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Rows begun so far. */
size_t ctl_table_rows(const struct ctl_table *table);

/* Prints the table, or nothing_text (borrowed) when it has no row. */
void ctl_table_print(const struct ctl_table *table, struct ctl_out *out, const char *nothing_text);

/* Destroys the table and nulls the pointer. */
void ctl_table_destroy(struct ctl_table **table_p);

#endif
