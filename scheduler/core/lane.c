/* SPDX-License-Identifier: Apache-2.0 */
#include "lane.h"

#include <string.h>

#include "sp_assert.h"

void lane_init(struct lane_table *t)
{
    memset(t, 0, sizeof *t);
}

uint32_t lane_get(struct lane_table *t, const char *adapter, const char *labels)
{
    for (uint32_t i = 0; i < t->count; i++)
        if (strcmp(t->list[i].adapter, adapter) == 0 && strcmp(t->list[i].labels, labels) == 0)
            return i;
    if (t->count == LANE_MAX)
        return LANE_MAX;
    struct lane *r = &t->list[t->count];
    memset(r, 0, sizeof *r);
    (void)sp_str_copy(r->adapter, sizeof r->adapter, sp_str_of(adapter));
    (void)sp_str_copy(r->labels, sizeof r->labels, sp_str_of(labels));
    for (unsigned i = 0; i < CHECK_DEF_PRIORITIES; i++)
        wheel_queue_init(&r->queues[i]);
    return t->count++;
}

void lane_link(struct lane_table *t, uint32_t broker, bool up, uint64_t boot)
{
    SP_ASSERT(broker < LANE_BROKERS_MAX);
    struct lane_broker *b = &t->brokers[broker];
    b->up = up;
    for (uint32_t i = 0; i < t->count; i++) {
        t->list[i].asked_us[broker] = 0;
        if (up && b->boot != boot)
            t->list[i].credit[broker] = (struct lane_credit){.boot = boot};
    }
    if (up)
        b->boot = boot;
}

bool lane_granted(struct lane_table *t, uint32_t broker, const struct msg_route_credit *m)
{
    if (broker >= LANE_BROKERS_MAX || !t->brokers[broker].up || t->brokers[broker].boot != m->broker_boot)
        return false;
    for (uint32_t i = 0; i < t->count; i++) {
        struct lane *r = &t->list[i];
        if (!sp_str_is(m->route.adapter, r->adapter) || !sp_str_is(m->route.labels, r->labels))
            continue;
        struct lane_credit *c = &r->credit[broker];
        if (c->boot != m->broker_boot)
            *c = (struct lane_credit){.boot = m->broker_boot};
        if (m->granted > c->granted)
            c->granted = m->granted;
        c->workers = m->workers;
        return true;
    }
    return false;
}

uint32_t lane_pick(const struct lane_table *t, const struct lane *r, uint64_t *free_credit)
{
    uint32_t best = LANE_BROKERS_MAX;
    uint64_t most = 0;
    for (uint32_t i = 0; i < LANE_BROKERS_MAX; i++) {
        const struct lane_credit *c = &r->credit[i];
        if (!t->brokers[i].up || c->granted <= c->sent || c->granted - c->sent <= most)
            continue;
        most = c->granted - c->sent;
        best = i;
    }
    *free_credit = most;
    return best;
}

uint32_t lane_to_ask(const struct lane_table *t, const struct lane *r, uint64_t now_us)
{
    for (uint32_t i = 0; i < LANE_BROKERS_MAX; i++) {
        if (!t->brokers[i].up)
            continue;
        bool never = r->asked_us[i] == 0;
        bool silent = r->credit[i].granted == 0 && now_us - r->asked_us[i] >= (uint64_t)LANE_REOPEN_MS * SP_US_PER_MS;
        if (never || silent)
            return i;
    }
    return LANE_BROKERS_MAX;
}

void lane_push(struct wheel *w, struct lane *r, unsigned priority, uint32_t slot)
{
    SP_ASSERT(priority < CHECK_DEF_PRIORITIES);
    wheel_queue_push(w, &r->queues[priority], slot);
    r->waiting++;
}

void lane_push_front(struct wheel *w, struct lane *r, unsigned priority, uint32_t slot)
{
    SP_ASSERT(priority < CHECK_DEF_PRIORITIES);
    wheel_queue_push_front(w, &r->queues[priority], slot);
    r->waiting++;
}

uint32_t lane_pop(struct wheel *w, struct lane *r)
{
    for (unsigned i = 0; i < CHECK_DEF_PRIORITIES; i++) {
        uint32_t slot = wheel_queue_pop(w, &r->queues[i]);
        if (slot != WHEEL_NONE) {
            SP_ASSERT(r->waiting > 0);
            r->waiting--;
            return slot;
        }
    }
    return WHEEL_NONE;
}

void lane_remove(struct wheel *w, struct lane *r, unsigned priority, uint32_t slot)
{
    SP_ASSERT(priority < CHECK_DEF_PRIORITIES && r->waiting > 0);
    wheel_queue_remove(w, &r->queues[priority], slot);
    r->waiting--;
}

/* A job that waits behind others, or runs for long, is not late by a small part of that time; and a message costs every process on its
 * way far more than one more job in it. A fleet that answers at once is sent each job at once. */
#define ANSWER_WEIGHT  16u /* of what was before, against one new answer */
#define HOLD_PART      32u /* of the time to an answer */
#define HOLD_MOST_US   10000u
#define ANSWER_MOST_US (HOLD_PART * HOLD_MOST_US) /* more changes nothing; so a plugin of minutes is soon forgotten */

void lane_answered(struct lane *r, uint64_t us)
{
    us = us < ANSWER_MOST_US ? us : ANSWER_MOST_US;
    r->answer_us = (r->answer_us * (ANSWER_WEIGHT - 1) + us) / ANSWER_WEIGHT;
}

uint64_t lane_hold(const struct lane *r)
{
    return r->answer_us / HOLD_PART;
}
