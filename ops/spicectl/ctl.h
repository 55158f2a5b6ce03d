/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One run of spicectl: the command that was asked for, its arguments, where its output goes, and the
 * connection it opens when it needs the fleet. One thread, one run per process; main owns it.
 */
#ifndef CTL_H
#define CTL_H

#include "ctl_args.h"
#include "ctl_out.h"

#include <stdbool.h>

/* What the process returns; documented in spicectl(1). */
enum ctl_exit {
    CTL_OK = 0,       /* done */
    CTL_FAILED = 1,   /* refused or failed */
    CTL_USAGE = 2,    /* the command line is wrong */
    CTL_NO_FLEET = 3, /* the fleet, or the part asked, cannot be reached */
    CTL_PARTLY = 4,   /* some of several operations were done */
    CTL_UNWELL = 5,   /* doctor found problems; what check run --wait waited for did not pass */
};

struct ctl_fleet;
struct sp_conf;
struct sp_conf_principals;

struct ctl {
    struct ctl_args args;
    struct ctl_out out;
    struct ctl_fleet *fleet;               /* opened at first need; NULL before */
    struct sp_conf *conf;                  /* likewise, by ctl_host */
    struct sp_conf_principals *principals; /* likewise */
    bool json;                             /* --json */
    bool dry_run;                          /* --dry-run */
};

/* Prints an error for people (or, with --json, one object {error, where, hint}) on standard error and
 * returns code, so that a handler can write `return ctl_fail(...)`. where and hint may be NULL. Borrows. */
int ctl_fail(struct ctl *ctl, enum ctl_exit code, const char *where, const char *hint, const char *what, ...)
    __attribute__((format(printf, 5, 6)));

/* Effect: sp_crypto_init; sp_crypto_fini is the counterpart. Returns the exit code, error printed. */
int ctl_crypto_open(struct ctl *ctl);

/* A remark on standard error that is not an error; silent with --json. Borrows. */
void ctl_note(struct ctl *ctl, const char *what, ...) __attribute__((format(printf, 2, 3)));

/* Asks before something is done to count objects of a kind: true when --yes, --dry-run or the answer typed on a
 * terminal is the count. Otherwise prints why not. Borrows. */
bool ctl_confirm(struct ctl *ctl, size_t count, const char *verb, const char *noun);

#endif
