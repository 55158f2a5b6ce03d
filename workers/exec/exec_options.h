/* SPDX-License-Identifier: Apache-2.0 */
/* Command line of spice-exec, written by the worker from its configuration. */
#ifndef EXEC_OPTIONS_H
#define EXEC_OPTIONS_H

#include "exec_sandbox.h"

#define EXEC_OPTIONS_ENV 8u

struct exec_options {
    uint32_t slots;
    const char *cgroup; /* NULL: none */
    uint64_t cgroup_processes;
    struct exec_sandbox_options sandbox;
    const char *env[EXEC_OPTIONS_ENV]; /* of plugins, without TMPDIR, which each has for itself; ends with NULL */
};

/* Effect: fills *options; what it points to lives in argv. Returns -1, or the exit code when there is nothing more to do. */
int exec_options_parse(struct exec_options *options, int argc, char **argv);

#endif
