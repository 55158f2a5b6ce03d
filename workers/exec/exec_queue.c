/* SPDX-License-Identifier: Apache-2.0 */
#include "exec_queue.h"

#include <stdlib.h>
#include <string.h>

bool exec_queue_init(struct exec_queue *q, uint32_t size)
{
    *q = (struct exec_queue){.order = calloc(size, sizeof *q->order), .size = size};
    return q->order != NULL;
}

/* Effect: closes the gaps cancelled orders have left. */
static void close_gaps(struct exec_queue *q)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < q->count; i++) {
        struct exec_spawn *order = q->order[(q->head + i) % q->size];
        if (order != NULL)
            q->order[(q->head + kept++) % q->size] = order;
    }
    q->count = kept;
}

bool exec_queue_push(struct exec_queue *q, const struct exec_spawn *order)
{
    if (q->count == q->size)
        close_gaps(q);
    struct exec_spawn *copy = q->count < q->size ? malloc(order->record.bytes) : NULL;
    if (copy == NULL)
        return false;
    memcpy(copy, order, order->record.bytes);
    q->order[(q->head + q->count) % q->size] = copy;
    q->count++;
    return true;
}

struct exec_spawn *exec_queue_pop(struct exec_queue *q)
{
    while (q->count > 0) {
        struct exec_spawn *order = q->order[q->head];
        q->order[q->head] = NULL;
        q->head = (q->head + 1) % q->size;
        q->count--;
        if (order != NULL)
            return order;
    }
    return NULL;
}

bool exec_queue_cancel(struct exec_queue *q, uint64_t run)
{
    for (uint32_t i = 0; i < q->count; i++) {
        struct exec_spawn **at = &q->order[(q->head + i) % q->size];
        if (*at != NULL && (*at)->run == run) {
            free(*at);
            *at = NULL;
            return true;
        }
    }
    return false;
}
