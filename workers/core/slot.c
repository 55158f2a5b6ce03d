/* SPDX-License-Identifier: Apache-2.0 */
#include "slot.h"

#include <stdlib.h>

#include "sp_assert.h"

bool slot_table_init(struct slot_table *self, uint32_t size)
{
    *self = (struct slot_table){.row = calloc(size, sizeof *self->row), .size = size};
    if (self->row == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < size; i++) {
        self->row[i].next = i + 1 < size ? i + 1 : WORKER_NONE;
    }
    return true;
}

void slot_table_fini(struct slot_table *self)
{
    free(self->row);
    self->row = NULL;
}

void slot_state_set(struct slot_table *self, uint32_t at, enum worker_slot_state to)
{
    static const bool allowed[WORKER_STATE_COUNT][WORKER_STATE_COUNT] = {
        [WORKER_FREE] = {[WORKER_WAITING] = true, [WORKER_READY] = true},
        [WORKER_WAITING] = {[WORKER_READY] = true, [WORKER_FREE] = true},
        [WORKER_READY] = {[WORKER_RUNNING] = true, [WORKER_FREE] = true},
        [WORKER_RUNNING] = {[WORKER_FREE] = true},
    };
    struct worker_slot *s = &self->row[at];
    SP_ASSERT(allowed[s->state][to]);
    self->in[s->state] -= s->state != WORKER_FREE;
    self->in[to] += to != WORKER_FREE;
    s->state = to;
}

uint32_t slot_take(struct slot_table *self)
{
    uint32_t at = self->free_head;
    if (at != WORKER_NONE) {
        self->free_head = self->row[at].next;
    }
    return at;
}

void slot_give(struct slot_table *self, uint32_t at)
{
    slot_state_set(self, at, WORKER_FREE);
    self->row[at].next = self->free_head;
    self->free_head = at;
}

void slot_queue_push(struct slot_table *self, struct slot_queue *q, uint32_t at)
{
    self->row[at].next = WORKER_NONE;
    if (q->tail != WORKER_NONE) {
        self->row[q->tail].next = at;
    } else {
        q->head = at;
    }
    q->tail = at;
}

uint32_t slot_queue_pop(struct slot_table *self, struct slot_queue *q)
{
    uint32_t at = q->head;
    if (at != WORKER_NONE) {
        q->head = self->row[at].next;
        q->tail = q->head == WORKER_NONE ? WORKER_NONE : q->tail;
    }
    return at;
}

void slot_queue_remove(struct slot_table *self, struct slot_queue *q, uint32_t at)
{
    uint32_t before = WORKER_NONE;
    for (uint32_t i = q->head; i != at; i = self->row[i].next) {
        SP_ASSERT(i != WORKER_NONE);
        before = i;
    }
    uint32_t after = self->row[at].next;
    if (before == WORKER_NONE) {
        q->head = after;
    } else {
        self->row[before].next = after;
    }
    q->tail = q->tail == at ? before : q->tail;
}
