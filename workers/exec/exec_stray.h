/* SPDX-License-Identifier: Apache-2.0 */
/* Processes that left their run: the helper is their sub-reaper, so whatever loses its parent becomes our child. Children that are
 * no run of ours are killed. */
#ifndef EXEC_STRAY_H
#define EXEC_STRAY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct exec_stray {
    int children_fd; /* /proc/self/task/self/children; -1: this kernel has none, /proc is searched */
    char text[8192];
};

/* True when pid is the main process of a run. */
typedef bool exec_stray_is_run(void *self, pid_t pid);

/* Effect: becomes sub-reaper. False: the kernel refuses. */
bool exec_stray_init(struct exec_stray *stray);
/* Effect: kills every child that is_run does not know; its own children come to us when it dies, so the caller scans again until
 * nothing is found. Returns how many were killed. */
uint32_t exec_stray_scan(struct exec_stray *stray, exec_stray_is_run *is_run, void *self);

#endif
