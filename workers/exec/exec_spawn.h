/* SPDX-License-Identifier: Apache-2.0 */
/* Starting one program: the child shares our memory until it has become the program (vfork), so nothing is copied, however it is
 * built. It gets its own process group, its own Landlock domain, a clean signal state and dies with the helper. */
#ifndef EXEC_SPAWN_H
#define EXEC_SPAWN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "exec_sandbox.h"

/* What a child starts from; borrowed for the call. */
struct exec_spawn_plan {
    const char *const *argv; /* ends with NULL */
    const char *const *env;  /* ends with NULL */
    const uint64_t *cookies; /* of the sandbox */
    int program_fd;          /* sealed copy of the verified file */
    bool script;             /* the interpreter opens program_fd again */
    bool closed_stdin;
    int stdout_fd;
    int stdin_fd;     /* -1: what the helper has (/dev/null) */
    int isolation_fd; /* -1: none */
    int cgroup_fd;    /* directory of the run's control group; -1: none */
    int error;        /* private: errno of the child */
};

/* Effect: starts the program; descriptors stay the caller's. Returns the process id, or -1 with *error = errno. */
pid_t exec_spawn_start(struct exec_spawn_plan *plan, int *error);

/* True when runs can be started inside a control group (needs clone3 on an architecture we know). */
bool exec_spawn_has_cgroups(void);

#endif
