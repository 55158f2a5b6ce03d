/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slot.h - the table of accepted jobs: states, free list and queues threaded through the rows. Pure; owned by worker_core.
 */
#ifndef SPICE_SLOT_H
#define SPICE_SLOT_H

#include <stdbool.h>
#include <stdint.h>

#define WORKER_TICKET_BYTES   160u
#define WORKER_NODE_MAX       64u
#define WORKER_ADDRESS_MAX    255u
#define WORKER_CHECKPOINT_MAX 1024u
#define WORKER_NONE           UINT32_MAX

enum worker_slot_state { WORKER_FREE, WORKER_WAITING, WORKER_READY, WORKER_RUNNING, WORKER_STATE_COUNT };

/* One accepted job. The shell may read every field from START until the step after the one that ended it. */
struct worker_slot {
    enum worker_slot_state state;
    uint32_t definition; /* row of the cache */
    uint32_t adapter;
    uint32_t next; /* in the queue or free list it is in */
    uint32_t timeout_ms;
    uint32_t lease; /* scheduler's slot, for RETURN */
    uint64_t job;   /* job number, for RETURN */
    uint64_t trace; /* sequence of the JobBatch */
    uint64_t received_us;
    uint64_t started_us;
    uint64_t expires_us; /* READY: give it back then */
    uint32_t address_len;
    uint32_t checkpoint_len;
    uint8_t ticket[WORKER_TICKET_BYTES];
    char node[WORKER_NODE_MAX + 1];
    char address[WORKER_ADDRESS_MAX + 1];
    uint8_t checkpoint[WORKER_CHECKPOINT_MAX];
};

struct slot_queue {
    uint32_t head, tail; /* WORKER_NONE: empty */
};

struct slot_table {
    struct worker_slot *row;
    uint32_t size;
    uint32_t free_head;
    uint32_t in[WORKER_STATE_COUNT]; /* rows per state; FREE is not counted */
};

/* Effect: `size` free rows. False: no memory. */
bool slot_table_init(struct slot_table *self, uint32_t size);
void slot_table_fini(struct slot_table *self);
/* Effect: the one place where a slot changes its state. */
void slot_state_set(struct slot_table *self, uint32_t at, enum worker_slot_state to);
/* Returns a free row, now out of the free list and still FREE, or WORKER_NONE. Last in, first out: it is warm. */
uint32_t slot_take(struct slot_table *self);
/* Effect: FREE, and back on the free list. The content stays until it is taken again. */
void slot_give(struct slot_table *self, uint32_t at);

void slot_queue_push(struct slot_table *self, struct slot_queue *q, uint32_t at);
/* Returns the oldest, or WORKER_NONE. */
uint32_t slot_queue_pop(struct slot_table *self, struct slot_queue *q);
/* Effect: takes out a row that is in the queue. O(length). */
void slot_queue_remove(struct slot_table *self, struct slot_queue *q, uint32_t at);

#endif
