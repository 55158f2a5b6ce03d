/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What plugins may do, set once on the helper and inherited by every run, so that it costs nothing per run: own user, no
 * capabilities, no new privileges, limits, fixed environment, Landlock (everything readable but the hidden places, nothing writable
 * but what lies below the private directory), system-call filter. Each run adds a domain of its own: see exec_landlock_run.
 */
#ifndef EXEC_SANDBOX_H
#define EXEC_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "exec_filter.h"

#define EXEC_SANDBOX_HIDE_MAX    16u   /* places plugins cannot read */
#define EXEC_SANDBOX_RULES_MAX   4096u /* Landlock rules the hidden places may cost */
#define EXEC_SANDBOX_ABI_SIGNALS 6u    /* Landlock that keeps runs from signalling and looking into each other */

struct exec_sandbox_options {
    bool network;
    bool closed; /* nothing of the file tree can be opened or made; the caller loads a filter of its own */
    uid_t uid;   /* used when the helper starts as root */
    gid_t gid;
    const char *tmp; /* the writable directories lie in it; exists; NULL: none */
    const char *hide[EXEC_SANDBOX_HIDE_MAX];
    uint32_t hide_count;
    uint64_t processes; /* RLIMIT_NPROC */
    uint64_t files;     /* RLIMIT_NOFILE, of the helper as well */
    uint64_t memory;    /* RLIMIT_AS, bytes; 0: no limit */
    uint64_t file_size; /* RLIMIT_FSIZE, bytes */
};

/* What came of it. */
struct exec_sandbox {
    uint32_t landlock;                     /* ABI in use, 0: the kernel offers none */
    uint64_t cookies[EXEC_FILTER_COOKIES]; /* see exec_filter_load */
};

/* Effect: drops everything, in this order: limits, user, capabilities, Landlock, filter. Irreversible. Borrows options; what they
 * point to is needed no longer. False: *why is a constant text and the helper must exit. With `closed` no filter is loaded. */
bool exec_sandbox_enter(const struct exec_sandbox_options *options, struct exec_sandbox *out, const char **why);

#endif
