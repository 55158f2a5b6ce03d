/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LeaseClosed messages on their way to the scheduler. One that could not leave, or that a broker says it could not pass on, is sent
 * again: a pair whose answer is lost would otherwise stay without a check until its lease ends. Doing so is harmless: the scheduler
 * knows by the job number what it has heard before. A broker tells ten refusals a second and no more, so a refusal stands for
 * everything that was sent after the refused message. Bounded: the oldest goes first, and is counted as lost when it was still
 * waiting.
 */
#ifndef KEEPER_CLOSED_H
#define KEEPER_CLOSED_H

#include "sp_assert.h"
#include "sp_str.h"

#define KEEPER_CLOSED_ROWS         256u
#define KEEPER_CLOSED_BYTES_MAX    (2u << 20)
#define KEEPER_CLOSED_RETRY_MS     100u /* before it is sent again; doubles */
#define KEEPER_CLOSED_RETRY_MS_MAX 2000u
#define KEEPER_CLOSED_TRIES_MAX    10u /* about ten seconds in all */

struct keeper_closed_row {
    char *body; /* owned */
    uint32_t bytes, epoch;
    uint32_t tries;
    uint64_t sequence; /* of the latest message with it */
    uint64_t retry_ms; /* 0: it left */
};

/* True when it left; gives the message's sequence. */
typedef bool keeper_closed_send_fn(void *ctx, struct sp_str body, uint64_t *sequence);

struct keeper_closed {
    keeper_closed_send_fn *send;
    void *ctx;
    struct keeper_closed_row row[KEEPER_CLOSED_ROWS]; /* a ring */
    uint32_t first, count;
    size_t bytes;
    uint64_t again, lost; /* messages sent again; given up */
};

void keeper_closed_init(struct keeper_closed *c, keeper_closed_send_fn *send, void *ctx);
void keeper_closed_fini(struct keeper_closed *c);
/* Effect: sends it and keeps a copy. epoch: of its leases. */
void keeper_closed_put(struct keeper_closed *c, struct sp_str body, uint32_t epoch, uint64_t now_ms);
/* Effect: a broker could not pass on the message of that sequence. */
void keeper_closed_refused(struct keeper_closed *c, uint64_t sequence, uint64_t now_ms);
/* Effect: sends again what is due. What is of another epoch than this one means nothing any more and goes. */
void keeper_closed_tick(struct keeper_closed *c, uint32_t epoch, uint64_t now_ms);
/* Returns when the next one is due, UINT64_MAX: none waits. */
uint64_t keeper_closed_next_ms(const struct keeper_closed *c);

#endif
