/* SPDX-License-Identifier: Apache-2.0 */
/* Routes (adapter + worker labels), the credit each broker gave on them, and the pairs that are due and wait for credit. Credit is a
 * cumulative count, so a repeated or reordered RouteCredit does no harm. Fixed memory. */
#ifndef ROUTE_H
#define ROUTE_H

#include "check_def.h"
#include "msg.h"
#include "wheel.h"

#define ROUTE_MAX 256u
#define ROUTE_BROKERS_MAX 8u
#define ROUTE_REOPEN_MS 5000u /* ask again for credit that never came */

struct route_credit {
    uint64_t boot;    /* broker start that counts */
    uint64_t granted; /* cumulative */
    uint64_t sent;    /* cumulative since that start */
    uint32_t workers;
};

struct route {
    char adapter[CHECK_DEF_ADAPTER_BYTES];
    char labels[CHECK_DEF_LABELS_BYTES];
    struct wheel_queue queues[CHECK_DEF_PRIORITIES]; /* due, waiting */
    uint32_t waiting;                                /* in all queues */
    struct route_credit credit[ROUTE_BROKERS_MAX];
    uint64_t asked_us[ROUTE_BROKERS_MAX]; /* last RouteOpen to that broker, 0: never */
};

struct route_broker {
    bool up;
    uint64_t boot;
};

struct route_table {
    struct route routes[ROUTE_MAX];
    uint32_t count;
    struct route_broker brokers[ROUTE_BROKERS_MAX];
};

void route_init(struct route_table *t);
/* Returns the index of the route, made if need be; ROUTE_MAX when the table is full. */
uint32_t route_get(struct route_table *t, const char *adapter, const char *labels);
/* Effect: the broker came or went. A new start of it counts from zero. */
void route_link(struct route_table *t, uint32_t broker, bool up, uint64_t boot);
/* Effect: books the credit. False: no such route, stale start or broker; nothing changed. */
bool route_granted(struct route_table *t, uint32_t broker, const struct msg_route_credit *m);
/* Returns the broker with most free credit on that route and how much, ROUTE_BROKERS_MAX when none has any. */
uint32_t route_pick(const struct route_table *t, const struct route *r, uint64_t *free_credit);
/* Returns the first broker that should be asked to open r now, ROUTE_BROKERS_MAX when none. */
uint32_t route_to_ask(const struct route_table *t, const struct route *r, uint64_t now_us);
/* Effect: queues. priority < CHECK_DEF_PRIORITIES. pop: highest priority first, then first come first served. */
void route_push(struct wheel *w, struct route *r, unsigned priority, uint32_t slot);
void route_push_front(struct wheel *w, struct route *r, unsigned priority, uint32_t slot);
uint32_t route_pop(struct wheel *w, struct route *r);
void route_remove(struct wheel *w, struct route *r, unsigned priority, uint32_t slot);

#endif
