/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exec_pool.h - the spawn helpers of one worker, as one thing that runs plugins.
 *
 * Two classes of helpers, for plugins with and without network, several of each so that all cores can spawn. Orders go to the
 * helper with the fewest runs; they are collected and sent by exec_pool_flush(). A helper that dies is started again (back-off);
 * its runs end with EXEC_POOL_LOST. Lives on the worker's loop through the services of adapter.h.
 */
#ifndef EXEC_POOL_H
#define EXEC_POOL_H

#include "adapter.h"
#include "exec_plugin.h"
#include "exec_proto.h"

#define EXEC_POOL_HELPERS_MAX    16u /* of each class */
#define EXEC_POOL_HIDE_MAX       8u
#define EXEC_POOL_RESTART_US     100000u /* first wait before a helper is started again; doubles */
#define EXEC_POOL_RESTART_MAX_US 10000000u
#define EXEC_POOL_LOST           EXEC_END_COUNT /* `end` of a run whose helper died */

struct exec_pool_options {
    const char *program;                  /* path of spice-exec */
    uint32_t helpers;                     /* of each class */
    uint32_t slots;                       /* runs at once in one helper */
    uint32_t runs_max;                    /* runs at once in all, waiting ones included */
    uint32_t uid, gid;                    /* of plugins, when we are root; 0: the helper's default */
    const char *tmp;                      /* in it a folder per helper is made, and in that one per plugin */
    const char *hide[EXEC_POOL_HIDE_MAX]; /* NULL-ended unless full */
    const char *cgroup;                   /* delegated control group; NULL or "": none */
    uint32_t memory_mb;                   /* 0: no limit */
    uint32_t processes;                   /* 0: the helper's default */
};

/* One run; embedded by its owner, zeroed before first use, not moved until done() or cancel. */
struct exec_pool_run {
    /* The run has ended; it can be used again inside. Lends all. `result->end` may be EXEC_POOL_LOST. */
    void (*done)(struct exec_pool_run *run, const struct exec_result *result, const char *output);
    /* Resident plugins: it runs; takes the descriptor of its socket. NULL otherwise. */
    void (*started)(struct exec_pool_run *run, int fd);
    void *arg;
    /* private */
    uint64_t deadline_us;
    uint64_t id; /* 0: idle */
    uint32_t helper;
    const struct exec_plugin *plugin;
    struct exec_spawn *waiting; /* order that no helper had room for */
    struct exec_pool_run *next, *previous;
};

struct exec_pool_order {
    const struct exec_plugin *plugin; /* usable; lives as long as the pool */
    const char *const *args;          /* without the program's name */
    uint32_t args_count;
    uint64_t deadline_us; /* ignored for resident plugins */
    uint32_t output_max;  /* 0: as the manifest says */
    uint16_t flags;       /* EXEC_SPAWN_ */
};

struct exec_pool_numbers {
    uint64_t runs, lost, restarts, waited;
    uint32_t helpers_up, landlock, has;
};

struct exec_pool;

/* Effect: starts the helpers. Borrows host until destroy; copies options. False: `why` (SP_ADAPTER_WHY_MAX) says what is missing.
 */
bool exec_pool_new(const struct sp_adapter_host *host, const struct exec_pool_options *options, struct exec_pool **out, char *why);
/* Effect: kills all runs and helpers. done() is not called any more. */
void exec_pool_destroy(struct exec_pool **pool);
/* Effect: orders a run. False: arguments too long, too many runs at once, or no memory; nothing happens. */
bool exec_pool_start(struct exec_pool *pool, struct exec_pool_run *run, const struct exec_pool_order *order);
/* Effect: kills the run; done() is not called. No-op when it is idle. */
void exec_pool_cancel(struct exec_pool *pool, struct exec_pool_run *run);
/* Effect: sends what has been ordered. */
void exec_pool_flush(struct exec_pool *pool);
struct exec_pool_numbers exec_pool_numbers(const struct exec_pool *pool);

#endif
