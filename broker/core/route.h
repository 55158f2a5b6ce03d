/* SPDX-License-Identifier: Apache-2.0 */
/* Which worker gets the next batch. Workers announce adapters and labels and grant credit; a route asks for one adapter and some
 * labels and belongs to the scheduler session that opened it. Both counts of credit are cumulative, so a lost or repeated message
 * does no harm: a worker's starts with its Hello, a route's with its RouteOpen. Pure; no allocation after init.
 *
 *     scheduler --granted--> route [queue] --credit--> worker        outstanding = granted - received: what may still come
 */
#ifndef ROUTE_H
#define ROUTE_H

#include "msg.h"
#include "queue.h"
#include "sp_map.h"

#define ROUTE_WORKERS_MAX     4096u
#define ROUTE_ROUTES_MAX      256u
#define ROUTE_NONE            UINT32_MAX
#define ROUTE_SPARE_JOBS      64u      /* granted beyond the free credit, so that a worker that gets free finds work here */
#define ROUTE_RETRY_MS        2u       /* a worker whose queue was full is tried again after this, */
#define ROUTE_RETRY_MS_MAX    256u     /* and at last this often */
#define ROUTE_CREDIT_JOBS_MAX 1000000u /* most jobs one worker may ask for ahead; more is taken as this */

struct route_worker {
    bool used;
    bool draining;     /* finishes what it has, gets nothing new */
    bool stalled;      /* its queue was full; until it speaks again or retry_us has come */
    uint32_t pause_ms; /* before the next try; doubles with each that fails */
    uint64_t retry_us;
    uint32_t link;
    uint32_t next_free;
    uint32_t slots;
    uint64_t adapters; /* bits: announced and within its scope */
    uint64_t granted, taken;
    uint64_t batches;
    char labels[256];
};

struct route {
    bool used;
    uint32_t owner;   /* link of the scheduler session; ROUTE_NONE: it ended, what waits is to be released */
    uint32_t workers; /* in set */
    uint32_t told_workers;
    uint64_t adapter_bit;
    uint64_t key;
    uint64_t received; /* jobs that came since RouteOpen */
    uint64_t granted;  /* told to the scheduler */
    struct queue waiting;
    char adapter[33];
    char labels[256];
    uint64_t set[ROUTE_WORKERS_MAX / 64];
};

struct route_table {
    struct route_worker *workers;
    struct route *routes;
    uint32_t workers_size, routes_size;
    uint32_t workers_free; /* first free one */
    uint32_t workers_top;  /* all used ones are below */
    uint32_t workers_count, routes_count;
    uint32_t stalled;     /* workers that are */
    uint32_t window_jobs; /* most outstanding per route */
    uint8_t seed[16];
    struct sp_map by_key;
};

bool route_init(struct route_table *t, uint32_t workers, uint32_t routes, uint32_t window_jobs, const uint8_t seed[16]) SP_MUST_USE;
void route_fini(struct route_table *t);

/* Effect: a worker without credit. Returns its number, ROUTE_NONE when there are too many. */
uint32_t route_worker_open(struct route_table *t, uint32_t link, uint64_t adapters, struct sp_str labels, uint32_t slots);
void route_worker_close(struct route_table *t, uint32_t worker);
/* Effect: raises what the worker will have taken in all; a smaller number changes nothing. */
void route_worker_credit(struct route_table *t, uint32_t worker, uint64_t granted);
/* Effect: no new batches for it. */
void route_worker_drain(struct route_table *t, uint32_t worker);
/* Returns jobs it can still take; negative after a batch larger than that. */
int64_t route_worker_free(const struct route_worker *w);

/* Effect: opens the route or finds the one that is open. ROUTE_NONE: too many. adapter_bit 0: nobody can ever serve it. */
uint32_t route_open(struct route_table *t, uint32_t owner, const struct rec_route_spec *spec, uint64_t adapter_bit);
uint32_t route_find(const struct route_table *t, uint32_t owner, const struct rec_route_spec *spec);
/* Effect: nobody's any more; it cannot be found, and is closed when its queue is empty. */
void route_orphan(struct route_table *t, uint32_t route);
/* The queue of the route is empty before. */
void route_close(struct route_table *t, uint32_t route);

/* Returns the worker with most free credit, ROUTE_NONE when nobody has any. */
uint32_t route_pick(const struct route_table *t, uint32_t route);
/* Effect: counts a batch that goes to this worker, or that could not be sent to it after all: then it is left alone for a while,
 * and for twice as long each time, until it speaks (route_worker_heard) or its time has come. */
void route_take(struct route_table *t, uint32_t worker, uint32_t jobs);
void route_untake(struct route_table *t, uint32_t worker, uint32_t jobs, uint64_t now_us);
/* True when the worker had been left alone: what waits may be tried again. */
bool route_worker_heard(struct route_table *t, uint32_t worker);
/* When the first worker that was left alone is to be tried again; UINT64_MAX: none. */
uint64_t route_retry_us(const struct route_table *t);
/* Effect: whose time has come may be given work again. True when there was one. */
bool route_retry(struct route_table *t, uint64_t now_us);

/* Returns what the grant should be now; never less than it is. *tell: the scheduler should hear of it (it is running low, or the
 * difference is worth a message, or the number of workers changed). */
uint64_t route_grant(const struct route_table *t, uint32_t route, bool *tell);

/* True when every one of the required labels (sorted, comma separated) is among those we have (likewise). */
bool route_labels_cover(struct sp_str have, struct sp_str required);

void route_check(const struct route_table *t, const struct queue_pool *pool);

#endif
