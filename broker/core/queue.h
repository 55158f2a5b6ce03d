/* SPDX-License-Identifier: Apache-2.0 */
/* Bounded queues of frames that wait for a worker. A frame is known by the small number (handle) the shell keeps it under; the
 * facts about it live in one array indexed by that number, and a queue is a list through this array. Pure; no allocation after
 * init. Bounds: bytes over all queues (queue_pool), and by nature the number of handles. */
#ifndef QUEUE_H
#define QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sp_assert.h"

#define QUEUE_NONE UINT32_MAX

/* What the broker remembers about a frame while it holds it. */
struct queue_frame {
    uint32_t next;       /* private: next in its queue */
    bool queued;         /* private */
    bool fan;            /* goes to several: one that fails is only counted */
    uint16_t type;       /* enum sp_msg */
    uint32_t sender;     /* principal */
    uint32_t jobs;       /* JobBatch: how many */
    uint32_t bytes;      /* of the frame */
    uint64_t sequence;   /* sender's */
    uint64_t in_us;      /* when it came */
    uint64_t expires_us; /* when it must go back */
};

struct queue {
    uint32_t head, tail;
    uint32_t count; /* frames */
    uint64_t jobs;  /* in them */
};

struct queue_pool {
    struct queue_frame *frames;
    uint32_t size;
    uint32_t count;
    size_t bytes, bytes_max;
};

/* Effect: facts for handles 0 to size - 1. False without memory. */
bool queue_pool_init(struct queue_pool *pool, uint32_t size, size_t bytes_max) SP_MUST_USE;
void queue_pool_fini(struct queue_pool *pool);

void queue_init(struct queue *q);
/* Effect: appends the frame, whose facts are filled in. False: too many bytes wait already; nothing changed. */
bool queue_push(struct queue_pool *pool, struct queue *q, uint32_t frame) SP_MUST_USE;
/* Effect: takes the oldest, or returns QUEUE_NONE. */
uint32_t queue_pop(struct queue_pool *pool, struct queue *q);
/* Effect: takes the first that has expired at now, or returns QUEUE_NONE. */
uint32_t queue_pop_expired(struct queue_pool *pool, struct queue *q, uint64_t now_us);
/* Returns the earliest expiry in the queue, UINT64_MAX when empty. */
uint64_t queue_expiry(const struct queue_pool *pool, const struct queue *q);
/* Aborts when an invariant of this queue is broken; adds its frames and bytes up. */
void queue_check(const struct queue_pool *pool, const struct queue *q, uint32_t *count, size_t *bytes);

#endif
