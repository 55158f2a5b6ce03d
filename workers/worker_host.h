/* SPDX-License-Identifier: Apache-2.0 */
/* worker_host.h - the services of adapter.h over the loop: descriptors and timers. finish() is the shell's. One thread. */
#ifndef SPICE_WORKER_HOST_H
#define SPICE_WORKER_HOST_H

#include "adapter.h"
#include "sp_heap.h"
#include "sp_loop.h"

#define WORKER_HOST_TIMERS     64u      /* at start; doubles */
#define WORKER_HOST_TIMERS_MAX 1048576u /* set at one time */
#define WORKER_HOST_FIRE_MAX   512u     /* timers fired per turn, so that input is not starved */

struct worker_host {
    struct sp_loop *loop;            /* borrowed */
    struct sp_heap heap;             /* private */
    struct sp_adapter_timer **timer; /* private; by id */
    uint32_t *free_id;               /* private; stack */
    uint32_t free_count;
    uint64_t watches;               /* changes of descriptors, for statistics */
    struct sp_adapter_ask **asking; /* private; questions that will end with the next tick */
    uint32_t asking_count, asking_size;
};

/* Effect: fills now_us, watch, timer, expand, log, ask and ask_stop of *services (self = host; the rest is the caller's). There is no
 * bus here, so every question ends with reason unreachable; a worker puts its own services (worker_ask.h) in place of those two.
 * False: no memory. */
bool worker_host_init(struct worker_host *self, struct sp_loop *loop, struct sp_adapter_host *services);
void worker_host_fini(struct worker_host *self);
/* Effect: fires what is due, and ends questions. */
void worker_host_tick(struct worker_host *self, uint64_t now_us);
/* Returns when worker_host_tick has something to do, UINT64_MAX: never. */
uint64_t worker_host_deadline(const struct worker_host *self);

#endif
