/* SPDX-License-Identifier: Apache-2.0 */
/* worker_rig - real spice-worker processes and a real broker; scheduler and keeper are doubles in this process that issue tickets, answer
 * DefinitionGet, and keep the books of results. */
#ifndef WORKER_RIG_H
#define WORKER_RIG_H

#include "bus_rig.h"
#include "sp_ticket.h"

#define WORKER_RIG_JOBS        4194304u
#define WORKER_RIG_DEFINITIONS 8u
#define WORKER_RIG_LIVES       16u /* starts of workers in one test */

struct worker_rig_result {
    uint32_t copies; /* results seen for this job; a batch that is said again counts once */
    uint8_t outcome;
    uint16_t reason;
    uint32_t wait_us, run_us;
    bool heard; /* while the keeper was silent */
    char detail[128];
};

struct worker_rig {
    struct bus_rig rig;
    struct sp_bus *scheduler, *keeper;
    struct {
        uint8_t body[1024];
        size_t bytes;
        uint8_t digest[32];
        char adapter[33];
    } definition[WORKER_RIG_DEFINITIONS];
    unsigned definitions;
    uint64_t jobs, results, returned; /* issued; distinct jobs answered; given back */
    uint64_t batches, acked;          /* ResultBatches seen and answered */
    uint64_t granted, sent;           /* credit of the first route */
    uint32_t workers;
    struct worker_rig_result *result; /* by job number - 1 */
    bool silent;                      /* the keeper does not answer; what it hears is only looked at */
    uint64_t heard;                   /* distinct jobs whose result it heard while silent */
    char route[33];                   /* adapter of the route that is open; empty: none */
    unsigned gets;                    /* DefinitionGet seen */
    pid_t worker[4];
    struct {
        uint64_t boot;
        uint8_t *seen; /* bit per batch */
    } life[WORKER_RIG_LIVES];
};

/* Effect: starts the broker and the two doubles; `extra` is appended to the configuration. */
void worker_rig_open(struct worker_rig *w, const char *extra);
void worker_rig_close(struct worker_rig *w);
/* Effect: starts spice-worker --name wN (N = 0..3; adapters of the build). worker_rig_ready waits for it. */
void worker_rig_start(struct worker_rig *w, unsigned n);
/* Effect: signals the worker and waits for its end. Returns the wait status. */
int worker_rig_stop(struct worker_rig *w, unsigned n, int signo);
/* Returns the number of a new definition. */
unsigned worker_rig_define(struct worker_rig *w, const char *adapter, const char *params);
/* Effect: opens the route of the adapter and waits until `workers` serve it. A new session of the bus opens it again, as a scheduler must. */
void worker_rig_route(struct worker_rig *w, const char *adapter, unsigned workers);
/* Effect: sends `count` jobs (at most 512) of the definition in one JobBatch as far as credit reaches. Returns how many. */
unsigned worker_rig_send(struct worker_rig *w, unsigned definition, unsigned count, uint32_t timeout_ms);
/* Effect: as worker_rig_send, but waits for credit until all are sent. */
void worker_rig_send_all(struct worker_rig *w, unsigned definition, unsigned count, uint32_t timeout_ms);
/* Effect: turns the loop until that many jobs have been answered or given back in all. False: not within timeout_ms. */
bool worker_rig_wait(struct worker_rig *w, uint64_t ended, unsigned timeout_ms);
bool worker_rig_until(struct worker_rig *w, bool (*holds)(void *w), unsigned timeout_ms);

#endif
