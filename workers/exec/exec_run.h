/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs of plugins: one slot each, from start to the one result.
 *
 *   free --start--> running --main process ends--> free                (result: what it said)
 *                      |----deadline, output, cancel--> dying --reaped--> free   (result at once, none after cancel)
 *   With control groups, a slot whose group still has members after the end is haunted until they are gone.
 *
 * The end of the main process ends the run, not the end of its output: whoever else still holds the pipe is killed. A pipe is
 * watched only for runs that have lived a while; short ones are read once, after they ended, which saves two calls per run.
 */
#ifndef EXEC_RUN_H
#define EXEC_RUN_H

#include "exec_cgroup.h"
#include "exec_peer.h"
#include "exec_sandbox.h"
#include "exec_stray.h"
#include "sp_heap.h"
#include "sp_map.h"

#define EXEC_RUN_WATCH_AFTER_US 20000u  /* age at which the pipe of a run is watched */
#define EXEC_RUN_SCAN_EVERY_US  500000u /* search for strays while runs happen */
#define EXEC_RUN_SCAN_AGAIN_US  5000u   /* and again after one was found */
#define EXEC_RUN_YOUNG_US       1000u   /* a start each such time at least, per EXEC_RUN_YOUNG_MAX */
#define EXEC_RUN_YOUNG_MAX      2u
#define EXEC_RUN_END_US         1500000u /* for everything to die at the end; the worker waits a little longer */
#define EXEC_RUN_NONE           UINT32_MAX

enum exec_run_state {
    EXEC_RUN_FREE,
    EXEC_RUN_RUNNING,
    EXEC_RUN_DYING,  /* told, killed, not reaped yet */
    EXEC_RUN_HAUNTED /* reaped, but its control group is not empty yet */
};

struct exec_run_slot {
    enum exec_run_state state;
    uint64_t run;
    pid_t pid;
    int pipe; /* our end; -1 for resident plugins and after its end */
    bool watched;
    bool resident;
    bool left_behind;
    uint32_t output_max;
    uint32_t output_bytes;
    uint64_t started_us;
    uint32_t older; /* neighbours in the order of start, while running and not watched; or next free slot */
    uint32_t newer;
};

struct exec_run_plugin {
    int fd; /* -1: not loaded */
    bool script;
    int isolation_fd; /* ruleset each run enters by itself: its writable directory, no other run in reach; -1: no Landlock */
    char *tmpdir;     /* TMPDIR=..., owned */
};

struct exec_run {
    struct exec_peer *peer; /* borrowed until the end */
    const struct exec_sandbox *sandbox;
    const char *const *env; /* of all plugins; TMPDIR is added */
    const char *tmp;        /* the directories of plugins are in it; NULL: none */
    struct exec_cgroup cgroup;
    struct exec_stray stray;
    int epoll_fd;
    uint32_t slots;
    uint32_t live; /* not free */
    uint32_t haunted;
    uint32_t free_head;
    uint32_t oldest, newest;
    struct exec_run_slot *slot;
    char *output; /* slots * EXEC_OUTPUT_BUFFER bytes */
    struct sp_heap deadlines;
    struct sp_map by_pid;
    struct sp_map by_run;
    struct exec_run_plugin plugin[EXEC_PLUGINS_MAX];
    uint64_t scan_at_us; /* 0: nothing ran since the last search */
    uint32_t strays;     /* killed so far */
};

/* Effect: memory for `slots` runs. False: no memory. */
bool exec_run_init(struct exec_run *self, uint32_t slots, int epoll_fd, struct exec_peer *peer);
/* Effect: takes the descriptor of a plugin's sealed file. One whose directory cannot be had is not loaded: its runs are refused. */
void exec_run_load(struct exec_run *self, const struct exec_load *load, int fd);
void exec_run_unload(struct exec_run *self, const struct exec_load *load);
/* Effect: starts a run or answers why not. */
void exec_run_start(struct exec_run *self, const struct exec_spawn *order, uint64_t now_us);
void exec_run_cancel(struct exec_run *self, uint64_t run);
/* Effect: takes all children that have ended; stops while the worker does not take results. */
void exec_run_reap(struct exec_run *self, uint64_t now_us);
/* Effect: the pipe of a slot has something. */
void exec_run_readable(struct exec_run *self, uint32_t slot, uint64_t now_us);
/* Effect: deadlines, pipes to watch, search for strays. */
void exec_run_tick(struct exec_run *self, uint64_t now_us);
/* True when another run may be started now. Runs younger than EXEC_RUN_YOUNG_US are probably still using a processor: with more of
 * them than EXEC_RUN_YOUNG_MAX, processes would only take it from each other. Older ones wait for something and do not count. */
bool exec_run_may_start(const struct exec_run *self, uint64_t now_us);
/* Returns when that will be, if nothing ends before. */
uint64_t exec_run_may_start_us(const struct exec_run *self);
/* Effect: tells the worker that there is no room for this run. */
void exec_run_refuse_busy(struct exec_run *self, uint64_t run);
/* Returns when tick has to be called next, UINT64_MAX: no time. */
uint64_t exec_run_next_us(const struct exec_run *self);
/* Effect: kills all runs and what they have started, and reaps it, within EXEC_RUN_END_US. */
void exec_run_kill_all(struct exec_run *self);

#endif
