/* SPDX-License-Identifier: Apache-2.0 */
/* Lanes: routes (adapter + worker labels), the credit each broker gave on them, and the pairs that are due and wait for credit. Credit is a
 * cumulative count, so a repeated or reordered RouteCredit does no harm. Fixed memory. */
#ifndef LANE_H
#define LANE_H

#include "check_def.h"
#include "msg.h"
#include "wheel.h"

#define LANE_MAX         256u
#define LANE_BROKERS_MAX 8u
#define LANE_REOPEN_MS   5000u /* ask again for credit that never came */

struct lane_credit {
    uint64_t boot;    /* broker start that counts */
    uint64_t granted; /* cumulative */
    uint64_t sent;    /* cumulative since that start */
    uint32_t workers;
};

struct lane {
    char adapter[CHECK_DEF_ADAPTER_BYTES];
    char labels[CHECK_DEF_LABELS_BYTES];
    struct wheel_queue queues[CHECK_DEF_PRIORITIES]; /* due, waiting */
    uint32_t waiting;                                /* in all queues */
    struct lane_credit credit[LANE_BROKERS_MAX];
    uint64_t asked_us[LANE_BROKERS_MAX]; /* last RouteOpen to that broker, 0: never */
    uint64_t answer_us;                  /* from the job's leaving to the news of its end, as of late */
    uint64_t due_us;                     /* when one of its pairs fell due last */
    uint64_t hold_us;                    /* no message that is not full leaves before this instant */
};

struct lane_broker {
    bool up;
    uint64_t boot;
};

struct lane_table {
    struct lane list[LANE_MAX];
    uint32_t count;
    struct lane_broker brokers[LANE_BROKERS_MAX];
};

void lane_init(struct lane_table *t);
/* Returns the index of the route, made if need be; LANE_MAX when the table is full. */
uint32_t lane_get(struct lane_table *t, const char *adapter, const char *labels);
/* Effect: the broker came or went. A new start of it counts from zero. */
void lane_link(struct lane_table *t, uint32_t broker, bool up, uint64_t boot);
/* Effect: books the credit. False: no such route, stale start or broker; nothing changed. */
bool lane_granted(struct lane_table *t, uint32_t broker, const struct msg_route_credit *m);
/* Returns the broker with most free credit on that route and how much, LANE_BROKERS_MAX when none has any. */
uint32_t lane_pick(const struct lane_table *t, const struct lane *r, uint64_t *free_credit);
/* Returns the first broker that should be asked to open r now, LANE_BROKERS_MAX when none. */
uint32_t lane_to_ask(const struct lane_table *t, const struct lane *r, uint64_t now_us);
/* Effect: notes how long a job took to come back. */
void lane_answered(struct lane *r, uint64_t us);
/* Returns how long the jobs that come next may wait for company, us. */
uint64_t lane_hold(const struct lane *r);
/* Effect: queues. priority < CHECK_DEF_PRIORITIES. pop: highest priority first, then first come first served. */
void lane_push(struct wheel *w, struct lane *r, unsigned priority, uint32_t slot);
void lane_push_front(struct wheel *w, struct lane *r, unsigned priority, uint32_t slot);
uint32_t lane_pop(struct wheel *w, struct lane *r);
void lane_remove(struct wheel *w, struct lane *r, unsigned priority, uint32_t slot);

#endif
