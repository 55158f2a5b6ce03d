/* SPDX-License-Identifier: Apache-2.0 */
/* The canary: a message of our own through RabbitMQ's exchange and back by a queue we read. A connection can live, answer
 * heartbeats and confirm what is published, and yet bring nothing, because a partition that healed took a binding or a queue with
 * it (pitfall C7). Then both connections are given up, and the next ones declare everything anew. Pure.
 *
 *           both links up            due: SEND            echo
 *   AWAY ------------------> RESTING ----------> FLYING --------> RESTING
 *     ^                                            | returned, or no echo in time: DEAF
 *     +---------- links lost, or blocked ----------+
 *
 * `deaf` stays until an echo comes. While it does the pauses between tries grow up to the interval. */
#ifndef CANARY_CORE_H
#define CANARY_CORE_H

#include <stdbool.h>
#include <stdint.h>

#include "sp_time.h"

#define CANARY_NONCE_BYTES 16u
#define CANARY_FIRST_MS    1000u /* after both links are up */

enum canary_act { CANARY_REST, CANARY_SEND, CANARY_DEAF };

struct canary_core {
    uint64_t interval_us, wait_us; /* interval 0: none is ever sent */
    bool up, flying, returned, deaf;
    uint8_t nonce[CANARY_NONCE_BYTES]; /* of the one that flies */
    uint64_t due_us, sent_us;
    uint32_t failures; /* in a row */
    uint64_t sent, heard, lost, round_us;
};

void canary_core_init(struct canary_core *c, uint64_t interval_ms, uint64_t wait_ms);
/* Effect: whether messages can go out and come in at this moment. */
void canary_core_links(struct canary_core *c, struct sp_mono now, bool up);
/* Effect: time passes. SEND: send one with this nonce, which is fresh; DEAF: give both connections up. */
enum canary_act canary_core_step(struct canary_core *c, struct sp_mono now, const uint8_t nonce[CANARY_NONCE_BYTES]);
/* Effect: a canary came back. True: it is the one that flies, and ends deafness. */
bool canary_core_heard(struct canary_core *c, struct sp_mono now, const uint8_t nonce[CANARY_NONCE_BYTES]);
/* Effect: RabbitMQ gave one back: no queue is bound where ours should be. */
void canary_core_returned(struct canary_core *c);
struct sp_mono canary_core_next_deadline(const struct canary_core *c);

#endif
