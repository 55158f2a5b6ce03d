/* SPDX-License-Identifier: Apache-2.0 */
/* The visible side of trust: what the keeper says about one node in one pool, and the only places where that changes.
 *
 *            judged a member            audit row durable
 *      OUT ------------------> PENDING ------------------> IN
 *       ^                         |                         |
 *       |   no longer a member    |   no longer a member,   |
 *       +-------------------------+   or its time is over   |
 *       +---------------------------------------------------+
 *
 * IN alone does not make a node trusted: every read asks trust_eval again. An illegal move is a bug and aborts. Pure. */
#ifndef MEMBERSHIP_H
#define MEMBERSHIP_H

#include "trust_eval.h"

#define MEMBERSHIP_DOUBLINGS_MAX 6u  /* hold-down grows to 64 times its base */
#define MEMBERSHIP_FORGET_FACTOR 10u /* so many hold-downs as a member, and former flaps are forgotten */
#define MEMBERSHIP_LAG_DIVISOR   4u  /* renewals are told when the published end lags by a quarter of the smallest max_age */

enum membership_state { MEMBERSHIP_OUT = 0, MEMBERSHIP_PENDING = 1, MEMBERSHIP_IN = 2, MEMBERSHIP_STATE_COUNT };

struct membership {
    uint8_t state; /* enum membership_state */
    uint8_t tier;  /* enum sp_tier as last shown */
    uint8_t why;   /* enum trust_why */
    uint8_t group;
    uint32_t check;         /* index in the pool's checks, CHECK_ROW_NONE */
    uint64_t until_ms;      /* keeper clock; state not OUT: ends here unless renewed */
    uint64_t told_until_ms; /* what readers were told; 0: told that it is out */
    uint64_t since_ms;      /* wall clock of the last change of tier or membership */
    uint64_t gained_ms;     /* keeper clock of the last move to IN */
    uint64_t hold_until_ms; /* keeper clock */
    uint32_t age_ms_min;
    uint32_t flaps;
    bool selected; /* by the pool's selector */
    bool told;     /* readers know about this entry */
};

/* Effect: moves to another state; aborts when the table forbids it. */
void membership_move(struct membership *m, enum membership_state to);
/* True when the table allows it. */
bool membership_may(enum membership_state from, enum membership_state to);
/* Effect: a member was lost to bad evidence: counts the flap and sets the hold-down. */
void membership_flap(struct membership *m, uint64_t hold_down_ms, uint64_t now_ms);
/* Returns the hold-down for so many flaps. */
uint64_t membership_hold_ms(uint64_t hold_down_ms, uint32_t flaps);
/* True when what readers were told is too far behind m->until_ms. */
bool membership_lags(const struct membership *m);
/* Returns when readers must be told again although nothing changed; UINT64_MAX when not at all. */
uint64_t membership_tell_at(const struct membership *m);

#endif
