/* SPDX-License-Identifier: Apache-2.0 */
/* exec_child.h - a program of ours as a child: one packet socket on its descriptor 3, no other descriptor of ours, no signal
 * blocked, a given environment. It ends when its socket closes. */
#ifndef EXEC_CHILD_H
#define EXEC_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define EXEC_CHILD_FD 3 /* the child's end */

struct exec_child {
    pid_t pid; /* 0: down */
    int fd;    /* our end, close-on-exec; -1: down */
};

/* Effect: starts the program. Borrows argv and environment. False: *error is an errno, and the child is down. */
bool exec_child_start(struct exec_child *c, const char *program, char *const argv[], char *const environment[], int *error);
/* Effect: closes the socket, waits so long for the end, kills then; reaps. */
void exec_child_stop(struct exec_child *c, int within_ms);

#endif
