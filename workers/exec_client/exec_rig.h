/* SPDX-License-Identifier: Apache-2.0 */
/* exec_rig.h - the services of adapter.h without a worker around them: a small loop for programs that run a few plugins themselves
 * (spicectl check verify, tests, benchmarks). One thread. */
#ifndef EXEC_RIG_H
#define EXEC_RIG_H

#include "adapter.h"

#define EXEC_RIG_WATCHES 256u
#define EXEC_RIG_TIMERS  256u

struct exec_rig {
    struct sp_adapter_host host; /* hand this to init() */
    /* Called by finish(); NULL: results are dropped. */
    void (*on_finish)(void *arg, struct sp_adapter_job *job, const struct sp_adapter_result *result);
    /* Called for each line to the log; NULL: dropped. */
    void (*on_log)(void *arg, char level, const char *text);
    void *arg;
    /* private */
    int epoll_fd;
    uint64_t now_us;
    struct sp_adapter_watch *watch[EXEC_RIG_WATCHES];
    struct sp_adapter_timer *timer[EXEC_RIG_TIMERS];
};

/* Effect: prepares a rig with so many slots. Borrows the paths until fini. False: no descriptor. */
bool exec_rig_init(struct exec_rig *rig, uint32_t slots, const char *state_dir, const char *libexec_dir);
void exec_rig_fini(struct exec_rig *rig);
/* Effect: waits for at most timeout_ms and serves what is ready or due, once. */
void exec_rig_turn(struct exec_rig *rig, int timeout_ms);

#endif
