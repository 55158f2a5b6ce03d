/* SPDX-License-Identifier: Apache-2.0 */
/* Judgement: compares what the rule says now with what is shown, and makes every visible change, each with its audit row. */
#include "keeper_parts.h"

#include <stdio.h>
#include <stdlib.h>

#include "sp_assert.h"
#include "sp_selector.h"

/* One visible change. */
struct keeper_change {
    struct node_row *row;
    uint32_t pool;
    uint8_t from_tier;
    bool was_in, gain;
};

void keeper_judge_select(struct keeper_core *core, struct node_row *row)
{
    for (uint32_t p = 0; p < core->pool_count; p++) {
        row->members[p].selected = core->pools[p].used && sp_selector_text_match(sp_str_of(core->pools[p].selector),
                                                                                 sp_str_of(row->name), sp_str_of(row->labels));
    }
    node_registry_mark_judge(&core->nodes, row);
}

void keeper_judge_all(struct keeper_core *core)
{
    for (uint32_t id = 1; id <= core->nodes.count; id++) {
        keeper_judge_select(core, node_registry_at(&core->nodes, id));
    }
}

void keeper_judge_resolve(struct keeper_core *core)
{
    for (uint32_t i = 0; i < core->checks.count; i++) {
        core->checks.rows[i].pooled = false;
    }
    for (uint32_t p = 0; p < core->pool_count; p++) {
        struct pool_policy *pool = &core->pools[p];
        if (!pool->used) {
            continue;
        }
        pool_policy_resolve(pool, &core->checks);
        for (uint32_t i = 0; i < pool->count; i++) {
            if (pool->checks[i].row != CHECK_ROW_NONE) {
                core->checks.rows[pool->checks[i].row].pooled = true;
            }
        }
    }
}

static void keeper_judge_write(struct keeper_core *core, const struct keeper_open_audit *a, struct keeper_effects *fx)
{
    const struct node_row *row = node_registry_at(&core->nodes, a->node);
    const struct pool_policy *pool = &core->pools[a->pool];
    struct keeper_effect *e = keeper_effects_add(fx, KEEPER_AUDIT);
    struct keeper_audit *audit = &e->u.audit;
    struct trust_verdict v = {.why = a->why, .group = a->group, .check = a->check};
    audit->wall_ms = a->wall_ms;
    audit->node = a->node;
    audit->pool = a->pool;
    audit->gain = a->gain;
    (void)snprintf(audit->what, sizeof audit->what, "%s",
                   a->gain == a->was_in ? "trust.tier"
                   : a->gain            ? "trust.gain"
                                        : "trust.loss");
    (void)snprintf(audit->object, sizeof audit->object, "%s/%s", row->name, pool->name);
    (void)snprintf(audit->from, sizeof audit->from, "%s%s", sp_tier_name(a->from_tier), a->was_in ? "/in" : "/out");
    (void)snprintf(audit->to, sizeof audit->to, "%s%s", sp_tier_name(a->to_tier), a->gain ? "/in" : "/out");
    trust_eval_text(pool, &v, audit->why, sizeof audit->why);
}

/* Emits the audit row of a change and remembers it until its commit is known. */
static void keeper_judge_audit(struct keeper_core *core, const struct keeper_change *c, struct keeper_effects *fx)
{
    const struct membership *m = &c->row->members[c->pool];
    struct keeper_open_audit a = {.node = c->row->id,
                                  .pool = (uint8_t)c->pool,
                                  .from_tier = c->from_tier,
                                  .to_tier = m->tier,
                                  .why = m->why,
                                  .group = m->group,
                                  .was_in = c->was_in,
                                  .gain = c->gain,
                                  .check = m->check,
                                  .wall_ms = core->now.wall.ms};
    if (core->open_audit_count >= KEEPER_AUDIT_OPEN_MAX) {
        core->counters.audit_lost++;
        return;
    }
    core->open_audit[core->open_audit_count++] = a;
    if (core->health.store_good && !core->audit_again) {
        keeper_judge_write(core, &a, fx);
    } else {
        core->audit_again = true;
    }
}

static void keeper_judge_show(struct membership *m, const struct trust_verdict *v, uint8_t tier)
{
    m->tier = tier;
    m->why = v->why;
    m->check = v->check;
    m->group = v->group;
}

/* The node leaves the pool, at once. */
static void keeper_judge_lose(struct keeper_core *core, struct node_row *row, uint32_t pool, const struct trust_verdict *v,
                              struct keeper_effects *fx)
{
    struct membership *m = &row->members[pool];
    struct keeper_change c = {.row = row, .pool = pool, .from_tier = m->tier, .was_in = m->state == MEMBERSHIP_IN};
    membership_move(m, MEMBERSHIP_OUT);
    if (c.was_in && (v->why == TRUST_CHECK_FAILS || v->why == TRUST_GROUP_FAILS)) {
        membership_flap(m, core->pools[pool].hold_down_ms, keeper_now_ms(core));
        node_registry_mark_fold(&core->nodes, row);
    }
    keeper_judge_show(m, v, v->member ? (uint8_t)SP_TIER_NONE : v->tier);
    m->since_ms = core->now.wall.ms;
    keeper_judge_audit(core, &c, fx);
    if (c.was_in) {
        core->counters.losses++;
        keeper_tell_mark(core, row, pool);
    }
}

/* The rule says the node belongs to the pool: ask for the audit row, without which nothing is shown. */
static void keeper_judge_gain(struct keeper_core *core, struct node_row *row, uint32_t pool, const struct trust_verdict *v,
                              struct keeper_effects *fx)
{
    struct membership *m = &row->members[pool];
    if (core->open_audit_count >= KEEPER_AUDIT_OPEN_MAX || core->audit_again) {
        core->judge_all = true;
        return; /* no row, no trust; judged again when rows can be written */
    }
    struct keeper_change c = {.row = row, .pool = pool, .from_tier = m->tier, .gain = true};
    struct membership shown = *m;
    membership_move(m, MEMBERSHIP_PENDING);
    m->until_ms = v->until_ms;
    m->age_ms_min = v->age_ms_min;
    keeper_judge_show(m, v, v->tier);
    keeper_judge_audit(core, &c, fx);
    m->tier = shown.tier; /* the row names the tier to come; shown is the old one until it is durable */
    m->why = TRUST_NOT_READY;
    if (!row->grant) {
        row->grant = true;
        core->grants[core->grant_count++] = row->id;
    }
}

static void keeper_judge_renew(struct keeper_core *core, struct node_row *row, uint32_t pool, const struct trust_verdict *v,
                               struct keeper_effects *fx)
{
    struct membership *m = &row->members[pool];
    bool prolongs = v->until_ms > m->until_ms;
    if (prolongs && !core->health.clock_good) {
        core->judge_all = true; /* while the wall clock is in doubt what is proven runs out: looked at again when it is good */
    } else {
        m->until_ms = v->until_ms;
        m->age_ms_min = v->age_ms_min;
    }
    if (m->tier != v->tier) {
        struct keeper_change c = {.row = row, .pool = pool, .from_tier = m->tier, .was_in = true, .gain = true};
        keeper_judge_show(m, v, v->tier);
        m->since_ms = core->now.wall.ms;
        keeper_judge_audit(core, &c, fx);
        keeper_tell_mark(core, row, pool);
    } else if (m->until_ms < m->told_until_ms || membership_lags(m) || membership_tell_at(m) <= keeper_now_ms(core)) {
        core->counters.renewals++;
        keeper_tell_mark(core, row, pool);
    }
}

static void keeper_judge_outside(struct keeper_core *core, struct node_row *row, uint32_t pool, const struct trust_verdict *v,
                                 struct keeper_effects *fx)
{
    struct membership *m = &row->members[pool];
    bool tier = m->tier != v->tier;
    bool told = m->told && m->why == v->why && m->check == v->check;
    struct keeper_change c = {.row = row, .pool = pool, .from_tier = m->tier};
    keeper_judge_show(m, v, v->tier);
    if (tier) {
        m->since_ms = core->now.wall.ms;
        keeper_judge_audit(core, &c, fx);
    }
    if (tier || (!told && v->tier != SP_TIER_NONE)) {
        keeper_tell_mark(core, row, pool);
    }
}

/* Judges one node in one pool; returns when that must be repeated. */
static uint64_t keeper_judge_one(struct keeper_core *core, struct node_row *row, uint32_t pool, struct keeper_effects *fx)
{
    struct membership *m = &row->members[pool];
    uint64_t now_ms = keeper_now_ms(core);
    struct trust_node node = keeper_core_trust_node(row, m);
    struct trust_verdict v;
    trust_eval(&core->pools[pool], &core->checks, &node, now_ms, &v);
    if (m->state == MEMBERSHIP_IN && v.member && m->until_ms <= now_ms) {
        /* Its time was over before the new pass came: readers saw it leave, so it joins again like anybody else. */
        struct trust_verdict lapsed = v;
        lapsed.tier = SP_TIER_NONE;
        lapsed.member = false;
        lapsed.why = TRUST_CHECK_EXPIRED;
        keeper_judge_lose(core, row, pool, &lapsed, fx);
    }
    if (v.member && m->state == MEMBERSHIP_OUT && !keeper_core_ready(core)) {
        v.member = false;
        v.why = TRUST_NOT_READY;
        v.tier = m->tier == v.tier ? v.tier : (uint8_t)SP_TIER_NONE;
        core->judge_all = true;
    }
    if (v.member && m->state == MEMBERSHIP_OUT) {
        keeper_judge_gain(core, row, pool, &v, fx);
    } else if (v.member && m->state == MEMBERSHIP_PENDING) {
        m->until_ms = v.until_ms;
    } else if (v.member) {
        keeper_judge_renew(core, row, pool, &v, fx);
    } else if (m->state != MEMBERSHIP_OUT) {
        keeper_judge_lose(core, row, pool, &v, fx);
    } else {
        keeper_judge_outside(core, row, pool, &v, fx);
    }
    uint64_t tell = membership_tell_at(m), next = v.next_ms;
    next = m->state == MEMBERSHIP_IN && m->until_ms < next ? m->until_ms : next; /* it was not prolonged */
    return tell < next && tell > now_ms ? tell : next;
}

static void keeper_judge_node(struct keeper_core *core, struct node_row *row, struct keeper_effects *fx)
{
    uint64_t next = UINT64_MAX;
    for (uint32_t p = 0; p < core->pool_count; p++) {
        if (core->pools[p].used) {
            uint64_t one = keeper_judge_one(core, row, p, fx);
            next = one < next ? one : next;
        }
    }
    /* An entry that is too early costs one look; moving it at each renewal would cost every result. */
    if (next < sp_heap_key(&core->deadlines, row->id - 1)) {
        sp_heap_set(&core->deadlines, row->id - 1, next);
    }
    core->counters.judged++;
}

/* Writes rows again that a failed store has taken back. */
static void keeper_judge_rewrite(struct keeper_core *core, struct keeper_effects *fx)
{
    if (!core->audit_again || !core->health.store_good || !keeper_effects_room(fx, core->open_audit_count, 0)) {
        if (core->open_audit_count < KEEPER_EFFECTS_MAX / 2 || !core->audit_again || !core->health.store_good) {
            return;
        }
        core->counters.audit_lost += core->open_audit_count - KEEPER_EFFECTS_MAX / 2; /* the oldest are kept */
        core->open_audit_count = KEEPER_EFFECTS_MAX / 2;
        return;
    }
    for (uint32_t i = 0; i < core->open_audit_count; i++) {
        keeper_judge_write(core, &core->open_audit[i], fx);
    }
    core->audit_again = false;
}

void keeper_judge_run(struct keeper_core *core, struct keeper_effects *fx)
{
    keeper_judge_rewrite(core, fx);
    if (core->judge_all && keeper_core_ready(core)) {
        core->judge_all = false;
        for (uint32_t id = 1; id <= core->nodes.count; id++) {
            node_registry_mark_judge(&core->nodes, node_registry_at(&core->nodes, id));
        }
    }
    uint64_t now_ms = keeper_now_ms(core);
    const struct sp_heap_entry *top;
    for (uint32_t i = 0; i < KEEPER_JUDGE_PER_STEP && (top = sp_heap_top(&core->deadlines)) != NULL && top->key <= now_ms; i++) {
        uint32_t id = top->id + 1;
        sp_heap_remove(&core->deadlines, id - 1);
        node_registry_mark_judge(&core->nodes, node_registry_at(&core->nodes, id));
    }
    uint32_t per_node = 3 * core->pool_count + 1;
    while (core->nodes.judge_count > 0 && keeper_effects_room(fx, per_node, 0)) {
        struct node_row *row = node_registry_at(&core->nodes, core->nodes.judge[--core->nodes.judge_count]);
        row->judge = false;
        keeper_judge_node(core, row, fx);
    }
}

/* The audit rows are durable: what waited for them becomes visible, if it is still true. */
void keeper_judge_committed(struct keeper_core *core, struct keeper_effects *fx)
{
    if (!core->audit_again) {
        core->open_audit_count = 0;
    }
    uint32_t count = core->grant_count;
    core->grant_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct node_row *row = node_registry_at(&core->nodes, core->grants[i]);
        row->grant = false;
        for (uint32_t p = 0; p < core->pool_count; p++) {
            struct membership *m = &row->members[p];
            if (m->state != MEMBERSHIP_PENDING) {
                continue;
            }
            struct trust_node node = keeper_core_trust_node(row, m);
            struct trust_verdict v;
            trust_eval(&core->pools[p], &core->checks, &node, keeper_now_ms(core), &v);
            if (!v.member || !keeper_core_ready(core)) {
                keeper_judge_lose(core, row, p, &v, fx);
                continue;
            }
            membership_move(m, MEMBERSHIP_IN);
            keeper_judge_show(m, &v, v.tier);
            m->until_ms = v.until_ms;
            m->gained_ms = keeper_now_ms(core);
            m->since_ms = core->now.wall.ms;
            core->counters.gains++;
            keeper_tell_mark(core, row, p);
        }
        node_registry_mark_judge(&core->nodes, row);
    }
}

/* The rows are gone: gains are withdrawn as if never asked for, losses will be written again. */
void keeper_judge_failed(struct keeper_core *core)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < core->open_audit_count; i++) {
        struct keeper_open_audit *a = &core->open_audit[i];
        struct membership *m = &node_registry_at(&core->nodes, a->node)->members[a->pool];
        if (a->gain && !a->was_in) {
            if (m->state == MEMBERSHIP_PENDING) {
                membership_move(m, MEMBERSHIP_OUT);
            }
            continue;
        }
        core->open_audit[kept++] = *a;
    }
    core->open_audit_count = kept;
    core->audit_again = kept > 0;
    for (uint32_t i = 0; i < core->grant_count; i++) {
        struct node_row *row = node_registry_at(&core->nodes, core->grants[i]);
        row->grant = false;
        node_registry_mark_judge(&core->nodes, row);
    }
    core->grant_count = 0;
}

void keeper_judge_drop_pool(struct keeper_core *core, uint32_t pool, struct keeper_effects *fx)
{
    struct trust_verdict v = {.tier = SP_TIER_NONE, .why = TRUST_NO_POOL, .check = CHECK_ROW_NONE};
    for (uint32_t id = 1; id <= core->nodes.count; id++) {
        struct node_row *row = node_registry_at(&core->nodes, id);
        struct membership *m = &row->members[pool];
        if (m->state != MEMBERSHIP_OUT && keeper_effects_room(fx, 1, 0)) {
            keeper_judge_lose(core, row, pool, &v, fx);
        } else if (m->state != MEMBERSHIP_OUT) {
            membership_move(m, MEMBERSHIP_OUT); /* more members than one step can name: the pool's own row names the cause */
            core->counters.audit_lost++;
        }
        keeper_judge_show(m, &v, SP_TIER_NONE);
        if (m->told) {
            keeper_tell_mark(core, row, pool);
        }
    }
}

void keeper_judge_tighten(struct keeper_core *core, bool all)
{
    for (uint32_t id = 1; id <= core->nodes.count; id++) {
        struct node_row *row = node_registry_at(&core->nodes, id);
        for (uint32_t i = 0; i < row->pair_count; i++) {
            uint32_t index = check_table_find(&core->checks, row->pairs[i].check_id);
            if (index == CHECK_ROW_NONE || !(all || core->checks.rows[index].stricter)) {
                continue;
            }
            struct pair_rule rule = check_table_rule(&core->checks.rows[index]);
            if (pair_state_tighten(&row->pairs[i], &rule)) {
                node_registry_mark_fold(&core->nodes, row);
                node_registry_mark_judge(&core->nodes, row);
            }
        }
    }
    for (uint32_t i = 0; i < core->checks.count; i++) {
        core->checks.rows[i].stricter = false;
    }
}

bool keeper_judge_check(const struct keeper_core *core, uint64_t now_ms)
{
    for (uint32_t id = 1; id <= core->nodes.count; id++) {
        const struct node_row *row = node_registry_at(&core->nodes, id);
        for (uint32_t p = 0; p < core->pool_count; p++) {
            const struct membership *m = &row->members[p];
            struct keeper_view view;
            keeper_core_view(core, row, p, now_ms, &view);
            bool fresh = !view.member || (view.until_ms > now_ms && view.verdict.member);
            bool granted = !view.member || m->state == MEMBERSHIP_IN; /* SI-7: only a durable row makes IN */
            bool ended = m->state != MEMBERSHIP_OUT || m->until_ms == 0;
            bool used = core->pools[p].used || m->state == MEMBERSHIP_OUT;
            if (!fresh || !granted || !ended || !used) {
                return false;
            }
        }
    }
    return true;
}
