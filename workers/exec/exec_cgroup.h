/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One control group (version 2) per slot, so that everything a run has started is found, wherever it went. Made once before
 * privileges are dropped, in a directory that belongs to this helper alone; reused by its next start.
 *
 * What is left in a group is frozen, so that it cannot breed, and killed. cgroup.kill would be one write, but since that file
 * counts its uses, some kernels (seen on 6.18) compare the counter of the wrong group when a process is born into one
 * (CLONE_INTO_CGROUP): after the first use every later run of the slot would be killed at birth.
 */
#ifndef EXEC_CGROUP_H
#define EXEC_CGROUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define EXEC_CGROUP_SLOTS_MAX 128u /* three descriptors each; the kernel copies the table on every start */

struct exec_cgroup_limits {
    uint64_t processes; /* pids.max, where that controller is delegated */
    uint64_t memory;    /* memory.max, likewise; 0: no limit */
};

struct exec_cgroup {
    uint32_t slots; /* 0: not in use */
    int dir_fd[EXEC_CGROUP_SLOTS_MAX];
    int procs_fd[EXEC_CGROUP_SLOTS_MAX];
    int freeze_fd[EXEC_CGROUP_SLOTS_MAX];
};

/* Effect: makes `dir`, moves this process into dir/helper and makes one group per slot that `uid` may start runs in; kills what an
 * earlier helper left there. False: *why is a constant text and nothing is in use. */
bool exec_cgroup_init(struct exec_cgroup *cgroup, const char *dir, uint32_t slots, uid_t uid,
                      const struct exec_cgroup_limits *limits, const char **why);
/* Effect: kills everything in the group of a slot. True: it was empty, the slot can be used again; false: look again soon. */
bool exec_cgroup_clear(struct exec_cgroup *cgroup, uint32_t slot);

#endif
