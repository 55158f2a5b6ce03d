/* SPDX-License-Identifier: Apache-2.0 */
#include "route.h"

#include <string.h>

#include "sp_assert.h"

void route_init(struct route_table *t)
{
    memset(t, 0, sizeof *t);
}

uint32_t route_get(struct route_table *t, const char *adapter, const char *labels)
{
    for (uint32_t i = 0; i < t->count; i++)
        if (strcmp(t->routes[i].adapter, adapter) == 0 && strcmp(t->routes[i].labels, labels) == 0)
            return i;
    if (t->count == ROUTE_MAX)
        return ROUTE_MAX;
    struct route *r = &t->routes[t->count];
    memset(r, 0, sizeof *r);
    (void)sp_str_copy(r->adapter, sizeof r->adapter, sp_str_of(adapter));
    (void)sp_str_copy(r->labels, sizeof r->labels, sp_str_of(labels));
    for (unsigned i = 0; i < CHECK_DEF_PRIORITIES; i++)
        wheel_queue_init(&r->queues[i]);
    return t->count++;
}

void route_link(struct route_table *t, uint32_t broker, bool up, uint64_t boot)
{
    SP_ASSERT(broker < ROUTE_BROKERS_MAX);
    struct route_broker *b = &t->brokers[broker];
    b->up = up;
    for (uint32_t i = 0; i < t->count; i++) {
        t->routes[i].asked_us[broker] = 0;
        if (up && b->boot != boot)
            t->routes[i].credit[broker] = (struct route_credit){.boot = boot};
    }
    if (up)
        b->boot = boot;
}

bool route_granted(struct route_table *t, uint32_t broker, const struct msg_route_credit *m)
{
    if (broker >= ROUTE_BROKERS_MAX || !t->brokers[broker].up || t->brokers[broker].boot != m->broker_boot)
        return false;
    for (uint32_t i = 0; i < t->count; i++) {
        struct route *r = &t->routes[i];
        if (!sp_str_is(m->route.adapter, r->adapter) || !sp_str_is(m->route.labels, r->labels))
            continue;
        struct route_credit *c = &r->credit[broker];
        if (c->boot != m->broker_boot)
            *c = (struct route_credit){.boot = m->broker_boot};
        if (m->granted > c->granted)
            c->granted = m->granted;
        c->workers = m->workers;
        return true;
    }
    return false;
}

uint32_t route_pick(const struct route_table *t, const struct route *r, uint64_t *free_credit)
{
    uint32_t best = ROUTE_BROKERS_MAX;
    uint64_t most = 0;
    for (uint32_t i = 0; i < ROUTE_BROKERS_MAX; i++) {
        const struct route_credit *c = &r->credit[i];
        if (!t->brokers[i].up || c->granted <= c->sent || c->granted - c->sent <= most)
            continue;
        most = c->granted - c->sent;
        best = i;
    }
    *free_credit = most;
    return best;
}

uint32_t route_to_ask(const struct route_table *t, const struct route *r, uint64_t now_us)
{
    for (uint32_t i = 0; i < ROUTE_BROKERS_MAX; i++) {
        if (!t->brokers[i].up)
            continue;
        bool never = r->asked_us[i] == 0;
        bool silent = r->credit[i].granted == 0 && now_us - r->asked_us[i] >= (uint64_t)ROUTE_REOPEN_MS * SP_US_PER_MS;
        if (never || silent)
            return i;
    }
    return ROUTE_BROKERS_MAX;
}

void route_push(struct wheel *w, struct route *r, unsigned priority, uint32_t slot)
{
    SP_ASSERT(priority < CHECK_DEF_PRIORITIES);
    wheel_queue_push(w, &r->queues[priority], slot);
    r->waiting++;
}

void route_push_front(struct wheel *w, struct route *r, unsigned priority, uint32_t slot)
{
    SP_ASSERT(priority < CHECK_DEF_PRIORITIES);
    wheel_queue_push_front(w, &r->queues[priority], slot);
    r->waiting++;
}

uint32_t route_pop(struct wheel *w, struct route *r)
{
    for (unsigned i = CHECK_DEF_PRIORITIES; i-- > 0;) {
        uint32_t slot = wheel_queue_pop(w, &r->queues[i]);
        if (slot != WHEEL_NONE) {
            SP_ASSERT(r->waiting > 0);
            r->waiting--;
            return slot;
        }
    }
    return WHEEL_NONE;
}

void route_remove(struct wheel *w, struct route *r, unsigned priority, uint32_t slot)
{
    SP_ASSERT(priority < CHECK_DEF_PRIORITIES && r->waiting > 0);
    wheel_queue_remove(w, &r->queues[priority], slot);
    r->waiting--;
}
