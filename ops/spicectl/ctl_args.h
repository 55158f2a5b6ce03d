/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words of the command line: options of one table, a noun, a verb, names. Parsing knows the tables of ctl_cmd and nothing
 * of what a command does.
 */
#ifndef CTL_ARGS_H
#define CTL_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CTL_ARGS_NAMES_MAX 8192 /* names on one command line */
#define CTL_ARGS_FILES_MAX 64   /* repeated -f */
#define CTL_ARGS_WHY_MAX   512

struct ctl_cmd;

enum ctl_opt {
    CTL_OPT_CONFIG,
    CTL_OPT_AS,
    CTL_OPT_JSON,
    CTL_OPT_TIMEOUT,
    CTL_OPT_HELP,
    CTL_OPT_VERSION,
    CTL_OPT_DRY_RUN,
    CTL_OPT_YES,
    CTL_OPT_ALL,
    CTL_OPT_SELECTOR,
    CTL_OPT_FILE,
    CTL_OPT_PREFIX,
    CTL_OPT_BROKER_TCP,
    CTL_OPT_WORKERS,
    CTL_OPT_BRIDGES,
    CTL_OPT_TO,
    CTL_OPT_KEY,
    CTL_OPT_ADDRESS,
    CTL_OPT_LABELS,
    CTL_OPT_NODE,
    CTL_OPT_CHECK,
    CTL_OPT_LIMIT,
    CTL_OPT_AFTER,
    CTL_OPT_KIND,
    CTL_OPT_ONCE,
    CTL_OPT_POOL,
    CTL_OPT_ADAPTERS,
    CTL_OPT_NODES,
    CTL_OPT_TTL,
    CTL_OPT_WAIT,
    CTL_OPT_FOR,
    CTL_OPT_NETWORK,
    CTL_OPT_RESIDENT,
    CTL_OPT_ARGUMENTS,
    CTL_OPT_KEEP_GOING,
    CTL_OPT_UNKNOWN_ADAPTER,
    CTL_OPT_TEST,
    CTL_OPT_OVERLAP,
    CTL_OPT_FILTER_STATE,
    CTL_OPT_ACCEPT,
    CTL_OPT_PATH,
    CTL_OPT_ATTESTER,
    CTL_OPT_ROOTS,
    CTL_OPT_PIN,
    CTL_OPT_FIRST_USE,
    CTL_OPT_REPLACE,
    CTL_OPT_SKIP,
    CTL_OPT_DPKG,
    CTL_OPT_ANY_OWNER,
    CTL_OPT_PCRS,
    CTL_OPT_COUNT
};

#define CTL_BIT(option) (UINT64_C(1) << (option))

struct ctl_args {
    const struct ctl_cmd *cmd;             /* NULL: only options, or help */
    const char *noun;                      /* as typed; NULL: none */
    const char *verb;                      /* as typed; NULL: none or not wanted */
    const char *names[CTL_ARGS_NAMES_MAX]; /* lent by argv */
    size_t names_count;
    const char *values[CTL_OPT_COUNT];     /* NULL: not given; flags hold "" */
    const char *files[CTL_ARGS_FILES_MAX]; /* every -f in order */
    size_t files_count;
    char why[CTL_ARGS_WHY_MAX];  /* after failure: what is wrong */
    char hint[CTL_ARGS_WHY_MAX]; /* and what to do */
};

/* Reads argv (lent for the life of args). False: args->why and args->hint say what is wrong. */
bool ctl_args_parse(struct ctl_args *args, int argc, char **argv);

static inline bool ctl_args_has(const struct ctl_args *args, enum ctl_opt option)
{
    return args->values[option] != NULL;
}

/* Whole number of an option between min and max; fallback when not given. False with why and hint when it is not one. */
bool ctl_args_number(struct ctl_args *args, enum ctl_opt option, const uint64_t range[2], uint64_t fallback, uint64_t *out);

#endif
