/* SPDX-License-Identifier: Apache-2.0 */
#include "queue.h"

#include <stdlib.h>
#include <string.h>

bool queue_pool_init(struct queue_pool *pool, uint32_t size, size_t bytes_max)
{
    SP_ASSERT(size > 0 && size < QUEUE_NONE);
    memset(pool, 0, sizeof *pool);
    pool->frames = calloc(size, sizeof *pool->frames);
    if (pool->frames == NULL)
        return false;
    pool->size = size;
    pool->bytes_max = bytes_max;
    return true;
}

void queue_pool_fini(struct queue_pool *pool)
{
    free(pool->frames);
    memset(pool, 0, sizeof *pool);
}

void queue_init(struct queue *q)
{
    q->head = QUEUE_NONE;
    q->tail = QUEUE_NONE;
    q->count = 0;
    q->jobs = 0;
}

bool queue_push(struct queue_pool *pool, struct queue *q, uint32_t frame)
{
    SP_ASSERT(frame < pool->size);
    struct queue_frame *f = &pool->frames[frame];

    SP_ASSERT(!f->queued);
    if (f->bytes > pool->bytes_max || pool->bytes > pool->bytes_max - f->bytes)
        return false;
    f->next = QUEUE_NONE;
    if (q->tail == QUEUE_NONE)
        q->head = frame;
    else
        pool->frames[q->tail].next = frame;
    q->tail = frame;
    f->queued = true;
    q->count++;
    q->jobs += f->jobs;
    pool->count++;
    pool->bytes += f->bytes;
    return true;
}

/* Unlinks the frame that follows `before` (QUEUE_NONE: the head). */
static uint32_t unlink_after(struct queue_pool *pool, struct queue *q, uint32_t before)
{
    uint32_t frame = before == QUEUE_NONE ? q->head : pool->frames[before].next;
    struct queue_frame *f = &pool->frames[frame];

    SP_ASSERT(f->queued);
    if (before == QUEUE_NONE)
        q->head = f->next;
    else
        pool->frames[before].next = f->next;
    if (q->tail == frame)
        q->tail = before;
    f->next = QUEUE_NONE;
    f->queued = false;
    q->count--;
    q->jobs -= f->jobs;
    pool->count--;
    pool->bytes -= f->bytes;
    return frame;
}

uint32_t queue_pop(struct queue_pool *pool, struct queue *q)
{
    return q->head == QUEUE_NONE ? QUEUE_NONE : unlink_after(pool, q, QUEUE_NONE);
}

uint32_t queue_pop_expired(struct queue_pool *pool, struct queue *q, uint64_t now_us)
{
    uint32_t before = QUEUE_NONE;

    for (uint32_t i = q->head; i != QUEUE_NONE; before = i, i = pool->frames[i].next)
        if (pool->frames[i].expires_us <= now_us)
            return unlink_after(pool, q, before);
    return QUEUE_NONE;
}

uint64_t queue_expiry(const struct queue_pool *pool, const struct queue *q)
{
    uint64_t first = UINT64_MAX;

    for (uint32_t i = q->head; i != QUEUE_NONE; i = pool->frames[i].next)
        if (pool->frames[i].expires_us < first)
            first = pool->frames[i].expires_us;
    return first;
}

void queue_check(const struct queue_pool *pool, const struct queue *q, uint32_t *count, size_t *bytes)
{
    uint64_t jobs = 0;
    uint32_t n = 0, last = QUEUE_NONE;

    for (uint32_t i = q->head; i != QUEUE_NONE; i = pool->frames[i].next) {
        SP_ASSERT(i < pool->size && n < pool->size);
        SP_ASSERT(pool->frames[i].queued);
        jobs += pool->frames[i].jobs;
        *bytes += pool->frames[i].bytes;
        last = i;
        n++;
    }
    SP_ASSERT(n == q->count);
    SP_ASSERT(jobs == q->jobs);
    SP_ASSERT(last == q->tail);
    *count += n;
}
