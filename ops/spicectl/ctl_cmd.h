/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of commands and the table of options. Parsing, --help, shell completion and the check of the manual page all
 * read these two tables; a command is added by one row and one handler.
 */
#ifndef CTL_CMD_H
#define CTL_CMD_H

#include "ctl_args.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ctl;

#define CTL_MANY (-1) /* any number of names */

struct ctl_cmd {
    const char *noun;
    const char *verb; /* NULL: the noun alone is the command */
    const char *args; /* names for people: "NAME..." */
    int names_min;
    int names_max;        /* or CTL_MANY */
    bool mutates;         /* changes something: takes --dry-run */
    uint64_t options;     /* CTL_BIT of each option besides the general ones */
    const char *complete; /* what names are: node check profile pool worker key file role stage ..., or "" */
    const char *help;     /* one line */
    const char *more;     /* further lines for its own --help; NULL: none */
    int (*run)(struct ctl *ctl);
};

struct ctl_opt_row {
    const char *name;
    char letter;       /* 0: none */
    const char *value; /* placeholder; NULL: a flag */
    const char *help;
    bool general; /* every command takes it */
};

/* Rows in the order people should read them; count in *count. Lends. */
const struct ctl_cmd *ctl_cmd_table(size_t *count);

/* One row per enum ctl_opt. Lends. */
const struct ctl_opt_row *ctl_cmd_options(void);

/* The command of noun and verb (NULL for a noun alone); NULL: no such. Lends. */
const struct ctl_cmd *ctl_cmd_find(const char *noun, const char *verb);

/* True when commands of this noun have verbs. */
bool ctl_cmd_has_verbs(const char *noun);

/* True when there is such a noun. */
bool ctl_cmd_is_noun(const char *noun);

/* Nearest noun, verb of noun, or option to a misspelt word; NULL when none is near. Lends. */
const char *ctl_cmd_near_noun(const char *word);
const char *ctl_cmd_near_verb(const char *noun, const char *word);
const char *ctl_cmd_near_option(const char *word);

/* Options a command takes, as bits; mutating commands take --dry-run. */
uint64_t ctl_cmd_accepts(const struct ctl_cmd *cmd);

#endif
