/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet.h"

#include "issue.h"
#include "sp_assert.h"

uint64_t fleet_hash(const struct scheduler_core *s, const struct pairs_pair *p)
{
    return plan_hash(s->checks.list[p->check]->hash, s->registry.nodes[p->node].hash);
}

const struct profile_def *fleet_profile(const struct scheduler_core *s, const struct pairs_pair *p)
{
    return checks_profile_of(&s->checks, s->checks.list[p->check]);
}

void fleet_plan(struct scheduler_core *s, uint32_t slot, uint64_t due_us)
{
    struct pairs_pair *p = &s->pairs.list[slot];
    SP_ASSERT(p->state == PAIRS_PLANNED);
    p->due = due_us;
    p->attempt = 0;
    if (due_us == UINT64_MAX)
        wheel_remove(&s->wheel, slot); /* a calendar that never comes true again */
    else
        wheel_set(&s->wheel, slot, due_us);
}

void fleet_queue(struct scheduler_core *s, uint32_t slot)
{
    struct pairs_pair *p = &s->pairs.list[slot];
    p->state = PAIRS_QUEUED;
    lane_push(&s->wheel, &s->lanes.list[s->checks.list[p->check]->route], fleet_profile(s, p)->priority, slot);
}

/* Where a pair in this state stands. */
static struct wheel_queue *capped_queue(struct scheduler_core *s, const struct pairs_pair *p)
{
    return p->state == PAIRS_HELD_CHECK ? &s->checks.list[p->check]->held : &s->registry.nodes[p->node].held;
}

void fleet_hold(struct scheduler_core *s, uint32_t slot, enum pairs_state state)
{
    struct pairs_pair *p = &s->pairs.list[slot];
    SP_ASSERT(state == PAIRS_HELD_CHECK || state == PAIRS_HELD_NODE);
    p->state = (uint8_t)state;
    wheel_queue_push(&s->wheel, capped_queue(s, p), slot);
    s->capped++;
}

/* The first of those that a cap held back. */
static void let_go(struct scheduler_core *s, struct wheel_queue *queue)
{
    s->capped--;
    fleet_queue(s, wheel_queue_pop(&s->wheel, queue));
}

void fleet_release(struct scheduler_core *s, uint32_t check, uint32_t node)
{
    struct checks_check *c = s->checks.list[check];
    struct registry_node *n = &s->registry.nodes[node];
    uint32_t cap = checks_profile_of(&s->checks, c)->max_running;
    if (c->held.count > 0 && (cap == 0 || c->running < cap))
        let_go(s, &c->held);
    if (n->held.count == 0)
        return;
    cap = fleet_profile(s, &s->pairs.list[n->held.head])->max_per_node;
    if (cap == 0 || n->running < cap)
        let_go(s, &n->held);
}

void fleet_withdraw(struct scheduler_core *s, uint32_t slot)
{
    struct pairs_pair *p = &s->pairs.list[slot];
    struct checks_check *check = s->checks.list[p->check];
    struct registry_node *node = &s->registry.nodes[p->node];
    enum pairs_state was = (enum pairs_state)p->state;
    struct wheel_queue *queue = capped_queue(s, p);
    p->state = PAIRS_PLANNED;
    if (was == PAIRS_PLANNED) {
        wheel_remove(&s->wheel, slot);
    } else if (was == PAIRS_HELD_CHECK || was == PAIRS_HELD_NODE) {
        wheel_queue_remove(&s->wheel, queue, slot);
        s->capped--;
    } else if (was == PAIRS_QUEUED) {
        lane_remove(&s->wheel, &s->lanes.list[check->route], fleet_profile(s, p)->priority, slot);
        fleet_release(s, p->check, p->node);
    } else if (was == PAIRS_RUNNING) {
        SP_ASSERT(check->running > 0 && node->running > 0 && s->open_leases > 0);
        wheel_remove(&s->wheel, slot);
        check->running--;
        node->running--;
        s->open_leases--;
        fleet_release(s, p->check, p->node);
    }
}

void fleet_unqueue(struct scheduler_core *s, uint32_t check)
{
    for (uint32_t slot = 0; slot < s->pairs.top; slot++) {
        struct pairs_pair *p = &s->pairs.list[slot];
        if (p->state != PAIRS_QUEUED && p->state != PAIRS_HELD_CHECK && p->state != PAIRS_HELD_NODE)
            continue;
        if (check != CHECKS_NONE && p->check != check)
            continue;
        fleet_withdraw(s, slot);
        wheel_set(&s->wheel, slot, p->due);
    }
}

void fleet_drop(struct scheduler_core *s, uint32_t slot)
{
    struct pairs_pair *p = &s->pairs.list[slot];
    fleet_withdraw(s, slot);
    (void)checkpoint_put(&s->checkpoints, &p->checkpoint, sp_str_bytes(NULL, 0));
    SP_ASSERT(s->checks.list[p->check]->pairs > 0);
    s->checks.list[p->check]->pairs--;
    pairs_drop(&s->pairs, slot, &s->registry.nodes[p->node].first_pair);
}

static uint32_t add(struct scheduler_core *s, uint32_t check, uint32_t node)
{
    uint32_t slot = pairs_add(&s->pairs, (uint16_t)check, node, &s->registry.nodes[node].first_pair);
    s->checks.list[check]->pairs++;
    s->pairs.list[slot].state = PAIRS_PLANNED;
    return slot;
}

static void first_plan(struct scheduler_core *s, uint32_t slot, bool prompt)
{
    struct pairs_pair *p = &s->pairs.list[slot];
    const struct profile_def *profile = fleet_profile(s, p);
    uint64_t now = s->now.mono.us, hash = fleet_hash(s, p);
    fleet_plan(s, slot,
               prompt ? plan_prompt(profile, hash, now, s->wall_offset_us) : plan_due(profile, hash, now, s->wall_offset_us));
}

static bool wanted(const struct checks_check *check, const struct registry_node *node)
{
    if (!checks_runs(check) || !check->selectable || !node->present || node->state == SP_NODE_STATE_RETIRED)
        return false;
    return check->selector.count == 0 || sp_selector_match(&check->selector, registry_name(node), registry_labels(node));
}

/* Makes one pair be there or not. bare: it is known not to be there, which saves a walk along the node's pairs. */
static enum sp_rc fit(struct scheduler_core *s, uint32_t check, uint32_t node, bool bare, bool fresh)
{
    bool want = wanted(s->checks.list[check], &s->registry.nodes[node]);
    uint32_t slot = bare ? WHEEL_NONE : pairs_find(&s->pairs, s->registry.nodes[node].first_pair, (uint16_t)check, false);
    if (!want && slot != WHEEL_NONE)
        fleet_drop(s, slot);
    if (!want || slot != WHEEL_NONE)
        return SP_OK;
    if (!pairs_reserve(&s->pairs, &s->wheel, 1))
        return s->pairs.count >= s->pairs.limit ? SP_E_LIMIT : SP_E_NOMEM;
    first_plan(s, add(s, check, node), fresh);
    return SP_OK;
}

enum sp_rc fleet_fit_check(struct scheduler_core *s, uint32_t check, bool fresh)
{
    bool bare = s->checks.list[check]->pairs == 0;
    for (uint32_t node = 0; node < s->registry.count; node++) {
        enum sp_rc rc = fit(s, check, node, bare, fresh);
        if (rc != SP_OK)
            return rc;
    }
    return SP_OK;
}

enum sp_rc fleet_fit_node(struct scheduler_core *s, uint32_t node, bool fresh)
{
    /* A node without pairs needs no look at its chain: the common case at start, when a million pairs are made. */
    bool bare = s->registry.nodes[node].first_pair == WHEEL_NONE;
    if (bare && !pairs_reserve(&s->pairs, &s->wheel, s->checks.live))
        bare = false; /* near the limit: one by one, so that what fits is made */
    for (uint32_t check = 0; check < s->checks.count; check++) {
        if (s->checks.list[check] == NULL)
            continue;
        if (bare) {
            if (wanted(s->checks.list[check], &s->registry.nodes[node]))
                first_plan(s, add(s, check, node), fresh);
            continue;
        }
        enum sp_rc rc = fit(s, check, node, s->checks.list[check]->pairs == 0, fresh);
        if (rc != SP_OK)
            return rc;
    }
    return SP_OK;
}

void fleet_clear_check(struct scheduler_core *s, uint32_t check)
{
    for (uint32_t slot = 0; slot < s->pairs.top && s->checks.list[check]->pairs > 0; slot++)
        if (s->pairs.list[slot].state != PAIRS_FREE && s->pairs.list[slot].check == check)
            fleet_drop(s, slot);
}

void fleet_clear_node(struct scheduler_core *s, uint32_t node)
{
    while (s->registry.nodes[node].first_pair != WHEEL_NONE)
        fleet_drop(s, s->registry.nodes[node].first_pair);
}

void fleet_forget(struct scheduler_core *s)
{
    s->checkpoints_since = issue_last_job(s);
    for (uint32_t slot = 0; slot < s->pairs.top; slot++)
        if (s->pairs.list[slot].state != PAIRS_FREE)
            (void)checkpoint_put(&s->checkpoints, &s->pairs.list[slot].checkpoint, sp_str_bytes(NULL, 0));
}

/* Anew, unless it is out: then its close plans it. A retry or an ordered run keeps its place. */
static void replan(struct scheduler_core *s, uint32_t slot, bool prompt)
{
    struct pairs_pair *p = &s->pairs.list[slot];
    if (p->state == PAIRS_RUNNING || p->state == PAIRS_FREE || (p->flags & (PAIRS_ADHOC | PAIRS_MANUAL)) != 0 || p->attempt > 0)
        return;
    if (!prompt && (p->state != PAIRS_PLANNED || p->due <= s->now.mono.us))
        return; /* due already and waiting */
    fleet_withdraw(s, slot);
    first_plan(s, slot, prompt);
}

void fleet_replan_check(struct scheduler_core *s, uint32_t check, bool prompt)
{
    uint32_t left = s->checks.list[check]->pairs;
    for (uint32_t slot = 0; slot < s->pairs.top && left > 0; slot++)
        if (s->pairs.list[slot].state != PAIRS_FREE && s->pairs.list[slot].check == check) {
            replan(s, slot, prompt);
            left--;
        }
}

void fleet_replan_node(struct scheduler_core *s, uint32_t node, bool prompt)
{
    for (uint32_t slot = s->registry.nodes[node].first_pair; slot != WHEEL_NONE; slot = s->pairs.list[slot].next)
        replan(s, slot, prompt);
}

void fleet_advance_node(struct scheduler_core *s, uint32_t node)
{
    for (uint32_t slot = s->registry.nodes[node].first_pair; slot != WHEEL_NONE; slot = s->pairs.list[slot].next) {
        const struct pairs_pair *p = &s->pairs.list[slot];
        uint64_t at = plan_prompt(fleet_profile(s, p), fleet_hash(s, p), s->now.mono.us, s->wall_offset_us);
        if (p->state == PAIRS_PLANNED && at < p->due)
            replan(s, slot, true);
    }
}

void fleet_replan_profile(struct scheduler_core *s, uint32_t profile)
{
    for (uint32_t slot = 0; slot < s->pairs.top; slot++) {
        const struct pairs_pair *p = &s->pairs.list[slot];
        if (p->state != PAIRS_FREE && (profile == CHECKS_NONE || s->checks.list[p->check]->profile == profile))
            replan(s, slot, false);
    }
}

void fleet_replan_calendars(struct scheduler_core *s)
{
    for (uint32_t slot = 0; slot < s->pairs.top; slot++) {
        const struct pairs_pair *p = &s->pairs.list[slot];
        if (p->state == PAIRS_FREE)
            continue;
        const struct profile_def *profile = fleet_profile(s, p);
        if (profile->period_ms == 0 || profile->window_count > 0)
            replan(s, slot, false);
    }
}

enum sp_rc fleet_run(struct scheduler_core *s, uint32_t check, uint32_t node, bool test)
{
    uint32_t slot = pairs_find(&s->pairs, s->registry.nodes[node].first_pair, (uint16_t)check, false);
    if (slot == WHEEL_NONE)
        slot = pairs_find(&s->pairs, s->registry.nodes[node].first_pair, (uint16_t)check, true);
    if (slot == WHEEL_NONE) {
        if (!pairs_reserve(&s->pairs, &s->wheel, 1))
            return s->pairs.count >= s->pairs.limit ? SP_E_LIMIT : SP_E_NOMEM;
        slot = add(s, check, node);
        s->pairs.list[slot].flags = PAIRS_ADHOC;
    }
    struct pairs_pair *p = &s->pairs.list[slot];
    if (p->state == PAIRS_RUNNING)
        return SP_E_EXISTS;
    fleet_withdraw(s, slot);
    p->flags = (uint8_t)((p->flags & PAIRS_ADHOC) | PAIRS_MANUAL | (test ? PAIRS_TEST : 0u)) & 7u;
    fleet_plan(s, slot, s->now.mono.us);
    return SP_OK;
}
