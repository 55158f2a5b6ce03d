/* SPDX-License-Identifier: Apache-2.0 */
/*
 * py_double - one of the servers in Python of this folder (oat_double.py, keylime_double.py, tls_front.py) as a child process, and the
 * directory it reads its state from. It dies with the test. Every function fails the test when it cannot do what it says.
 */
#ifndef PY_DOUBLE_H
#define PY_DOUBLE_H

#include <sys/types.h>

struct py_double {
    pid_t pid;
    unsigned port; /* on 127.0.0.1 */
    char state[64];
};

/* Effect: starts the script with --state DIR and the further arguments (NULL ends them), and waits until it listens. */
void py_double_open(struct py_double *d, const char *script, const char *const *more);
/* Effect: ends it; its port refuses connections from then on. The state stays. */
void py_double_kill(struct py_double *d);
/* Effect: ends it when it still runs, and removes the state. */
void py_double_close(struct py_double *d);
/* Effect: puts a file into its state, all at once. */
void py_double_set(const struct py_double *d, const char *name, const char *text);
void py_double_unset(const struct py_double *d, const char *name);
/* Returns a number of its page /double/statistics. */
unsigned py_double_statistic(const struct py_double *d, const char *name);
/* Effect: runs a program to its end, which must be a good one. */
void py_double_run(const char *const *argv);

#endif
