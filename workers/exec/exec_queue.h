/* SPDX-License-Identifier: Apache-2.0 */
/* Orders that wait for their start, first come first served. The worker never has more orders with a helper than it has slots. */
#ifndef EXEC_QUEUE_H
#define EXEC_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "exec_proto.h"

struct exec_queue {
    struct exec_spawn **order; /* ring; NULL: cancelled while it waited */
    uint32_t size;
    uint32_t head;
    uint32_t count; /* cancelled ones included */
};

/* Effect: room for `size` orders. False: no memory. */
bool exec_queue_init(struct exec_queue *q, uint32_t size);
/* Effect: copies the order. False: full or no memory. */
bool exec_queue_push(struct exec_queue *q, const struct exec_spawn *order);
/* Gives the oldest order (free it); NULL: empty. */
struct exec_spawn *exec_queue_pop(struct exec_queue *q);
/* Effect: takes the order of that run away. False: it does not wait here. */
bool exec_queue_cancel(struct exec_queue *q, uint64_t run);

#endif
