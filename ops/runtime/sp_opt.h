/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Command-line options by a table: parsing, --help and --version come from the same rows, and a test compares them with the manual page.
 * Every process has the rows of SP_OPT_COMMON: --config, --name, --prefix, --log-level, --help, --version.
 */
#ifndef SP_OPT_H
#define SP_OPT_H

#include "sp_err.h"
#include "sp_str.h"

#define SP_OPT_ROWS_MAX       40u
#define SP_OPT_CONFIG_DEFAULT "/etc/spice/spice.yaml"

/* Exit codes of every program; in the manual. */
#define SP_OPT_EXIT_OK     0
#define SP_OPT_EXIT_FAILED 1 /* ran into the world: store, socket, permission */
#define SP_OPT_EXIT_USAGE  2 /* wrong option or configuration */

enum sp_opt_type {
    SP_OPT_FLAG, /* bool: present or not */
    SP_OPT_TEXT, /* const char *: borrowed from argv */
    SP_OPT_U32,  /* uint32_t within max */
    SP_OPT_SPAN, /* uint64_t milliseconds: 10s, 5m */
    SP_OPT_HELP, /* ends the program */
    SP_OPT_VERSION
};

struct sp_opt_row {
    const char *name; /* long name without dashes */
    char letter;      /* short form, 0: none */
    enum sp_opt_type type;
    void *to;        /* where the value goes; holds the default before */
    const char *arg; /* word for the argument in the help; NULL for flags */
    const char *help;
    uint64_t max; /* SP_OPT_U32: largest value, 0: any */
};

/* What every process takes. */
struct sp_opt_common {
    const char *config;    /* SP_OPT_CONFIG_DEFAULT or SPICE_CONFIG of the environment */
    const char *name;      /* principal; NULL: not given */
    const char *prefix;    /* NULL: as the configuration says */
    const char *log_level; /* "level" or "sub=level,sub=level"; NULL: as the configuration says */
};
/* Effect: sets the defaults of SP_OPT_COMMON's target. */
void sp_opt_common_init(struct sp_opt_common *c);

#define SP_OPT_COMMON(c)                                                                                                             \
    {"config", 'c', SP_OPT_TEXT, &(c)->config, "FILE", "configuration of this host", 0},                                             \
        {"name", 'n', SP_OPT_TEXT, &(c)->name, "PRINCIPAL", "name of this process among the principals", 0},                         \
        {"prefix", 'p', SP_OPT_TEXT, &(c)->prefix, "DIR", "directory that relative paths start from, instead of the configured one", \
         0},                                                                                                                         \
        {"log-level", 'l', SP_OPT_TEXT, &(c)->log_level, "LEVEL", "error, warning, notice, info or debug; or SUB=LEVEL,...", 0},     \
        {"help", 'h', SP_OPT_HELP, NULL, NULL, "print this text", 0},                                                                \
    {                                                                                                                                \
        "version", 'V', SP_OPT_VERSION, NULL, NULL, "print the version", 0                                                           \
    }

struct sp_opt {
    const char *program;  /* spice-broker */
    const char *synopsis; /* what follows "[options]"; "" for daemons */
    const char *purpose;  /* one sentence */
    const struct sp_opt_row *rows;
    uint32_t count;
    bool stop_at_word; /* options end at the first other word (programs with verbs) */
};

enum sp_opt_result { SP_OPT_GO, SP_OPT_DONE, SP_OPT_WRONG };

/* Effect: fills the rows' targets. *first is the index of the first word that is no option. SP_OPT_DONE: help or version were printed to
 * standard output, exit 0; SP_OPT_WRONG: err says why (with the nearest right option), exit SP_OPT_EXIT_USAGE. Borrows all. */
enum sp_opt_result sp_opt_parse(const struct sp_opt *o, int argc, char **argv, int *first, struct sp_err *err);
/* Effect: writes the help text to the descriptor. */
void sp_opt_help(const struct sp_opt *o, int fd);

#endif
