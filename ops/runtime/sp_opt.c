/* SPDX-License-Identifier: Apache-2.0 */
#include "sp_opt.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "sp_buf.h"
#include "sp_fs.h"
#include "sp_time.h"

#define HELP_BYTES  16384u
#define LEFT_COLUMN 30
#define VALUE_BASE  256 /* what getopt_long returns for rows without a letter */

void sp_opt_common_init(struct sp_opt_common *c)
{
    const char *config = getenv("SPICE_CONFIG");
    *c = (struct sp_opt_common){.config = config != NULL && config[0] != '\0' ? config : SP_OPT_CONFIG_DEFAULT};
}

static enum sp_opt_result bad_value(const struct sp_opt_row *row, const char *value, const char *want, struct sp_err *err)
{
    char where[80];
    (void)snprintf(where, sizeof where, "--%s", row->name);
    (void)sp_err_set(err, SP_E_USAGE, where, "'%.80s' is not %s", value, want);
    return SP_OPT_WRONG;
}

static enum sp_opt_result take_u32(const struct sp_opt_row *row, const char *value, struct sp_err *err)
{
    uint64_t x = 0;
    uint64_t max = row->max > 0 ? row->max : UINT32_MAX;
    if (!sp_str_u64(sp_str_of(value), max, &x)) {
        char want[64];
        (void)snprintf(want, sizeof want, "a whole number up to %llu", (unsigned long long)max);
        return bad_value(row, value, want, err);
    }
    *(uint32_t *)row->to = (uint32_t)x;
    return SP_OPT_GO;
}

static enum sp_opt_result take(const struct sp_opt *o, const struct sp_opt_row *row, const char *value, struct sp_err *err)
{
    switch (row->type) {
    case SP_OPT_FLAG:
        *(bool *)row->to = true;
        return SP_OPT_GO;
    case SP_OPT_TEXT:
        *(const char **)row->to = value;
        return SP_OPT_GO;
    case SP_OPT_U32:
        return take_u32(row, value, err);
    case SP_OPT_SPAN:
        return sp_time_parse_span(sp_str_of(value), row->to) ? SP_OPT_GO : bad_value(row, value, "a duration like 10s or 5m", err);
    case SP_OPT_HELP:
        sp_opt_help(o, 1);
        return SP_OPT_DONE;
    case SP_OPT_VERSION:
        break;
    }
    char text[80];
    int n = snprintf(text, sizeof text, "%s %s\n", o->program, SPICE_VERSION);
    (void)!sp_fs_write_all(1, text, (size_t)n);
    return SP_OPT_DONE;
}

static const struct sp_opt_row *row_of(const struct sp_opt *o, int value)
{
    for (uint32_t i = 0; i < o->count; i++) {
        if (value == VALUE_BASE + (int)i || (value < VALUE_BASE && value == o->rows[i].letter)) {
            return &o->rows[i];
        }
    }
    return NULL;
}

/* getopt says that something is wrong; this says what, and what was meant. */
static enum sp_opt_result explain(const struct sp_opt *o, const char *word, bool lacks_value, struct sp_err *err)
{
    const char *names[SP_OPT_ROWS_MAX];
    const char *name = word;
    while (*name == '-') {
        name++;
    }
    struct sp_str given = sp_str_bytes(name, strcspn(name, "="));
    if (lacks_value) {
        (void)sp_err_set(err, SP_E_USAGE, word, "needs a value");
        return SP_OPT_WRONG;
    }
    for (uint32_t i = 0; i < o->count; i++) {
        names[i] = o->rows[i].name;
    }
    const char *near = word[1] == '-' ? sp_str_nearest(given, names, o->count) : NULL;
    (void)sp_err_set(err, SP_E_USAGE, word, "is no option of %s, or takes no value", o->program);
    if (near != NULL) {
        sp_err_hint(err, "did you mean --%s?", near);
    } else {
        sp_err_hint(err, "%s --help lists them", o->program);
    }
    return SP_OPT_WRONG;
}

enum sp_opt_result sp_opt_parse(const struct sp_opt *o, int argc, char **argv, int *first, struct sp_err *err)
{
    struct option longs[SP_OPT_ROWS_MAX + 1] = {0};
    char shorts[2 * SP_OPT_ROWS_MAX + 4];
    size_t n = 0;
    SP_ASSERT(o->count <= SP_OPT_ROWS_MAX);
    shorts[n++] = o->stop_at_word ? '+' : '-'; /* '-': other words come as value 1, which keeps the order */
    shorts[n++] = ':';
    for (uint32_t i = 0; i < o->count; i++) {
        const struct sp_opt_row *row = &o->rows[i];
        int has = row->arg != NULL ? required_argument : no_argument;
        longs[i] = (struct option){row->name, has, NULL, VALUE_BASE + (int)i};
        if (row->letter != 0) {
            shorts[n++] = row->letter;
            shorts[n] = ':';
            n += has == required_argument ? 1 : 0;
        }
    }
    shorts[n] = '\0';
    optind = 0; /* the program may parse more than once */
    opterr = 0;
    for (;;) {
        int at = optind == 0 ? 1 : optind;
        int value = getopt_long(argc, argv, shorts, longs, NULL);
        if (value == -1) {
            *first = optind;
            return SP_OPT_GO;
        }
        const struct sp_opt_row *row = row_of(o, value);
        enum sp_opt_result r = row != NULL ? take(o, row, optarg, err) : SP_OPT_WRONG;
        if (row == NULL && value == 1) {
            (void)sp_err_set(err, SP_E_USAGE, optarg, "is not expected here");
            sp_err_hint(err, "%s --help", o->program);
        } else if (row == NULL) {
            r = explain(o, argv[at < argc ? at : argc - 1], value == ':', err);
        }
        if (r != SP_OPT_GO) {
            return r;
        }
    }
}

static void help_row(const struct sp_opt_row *row, struct sp_buf *b)
{
    char left[96];
    int n = snprintf(left, sizeof left, "  %c%c%s --%s%s%s", row->letter != 0 ? '-' : ' ', row->letter != 0 ? row->letter : ' ',
                     row->letter != 0 ? "," : " ", row->name, row->arg != NULL ? " " : "", row->arg != NULL ? row->arg : "");
    sp_buf_text(b, left);
    if (n >= LEFT_COLUMN) {
        sp_buf_text(b, "\n");
        n = 0;
    }
    sp_buf_format(b, "%*s%s\n", LEFT_COLUMN - n, "", row->help);
}

void sp_opt_help(const struct sp_opt *o, int fd)
{
    struct sp_buf b;
    sp_buf_init(&b, HELP_BYTES);
    sp_buf_format(&b, "Usage: %s [OPTION]...%s%s\n%s\n\n", o->program, o->synopsis[0] != '\0' ? " " : "", o->synopsis, o->purpose);
    for (uint32_t i = 0; i < o->count; i++) {
        help_row(&o->rows[i], &b);
    }
    sp_buf_format(&b, "\nThe manual has more: man %s\n", o->program);
    (void)!sp_fs_write_all(fd, b.p, b.n);
    sp_buf_fini(&b);
}
