/* SPDX-License-Identifier: Apache-2.0 */
#include "trust_eval.h"

#include <stdio.h>

#include "sp_assert.h"

/* What is collected about one group while the facts are walked. */
struct trust_group {
    uint32_t size, passes, warns, fails;
    uint64_t untils[POOL_CHECKS_MAX]; /* of the affirming facts, largest first */
};

/* What is collected in one walk over the facts. */
struct trust_walk {
    struct trust_group *groups;      /* NULL when the pool has none: the common case must not pay for their memory */
    uint32_t fail_check, none_check; /* first mandatory check at fault */
    uint8_t fail_why, none_why;
    bool warn;
    uint64_t until_ms, next_ms;
    uint32_t age_ms_min;
};

static const struct trust_walk trust_walk_start = {
    .fail_check = CHECK_ROW_NONE,
    .none_check = CHECK_ROW_NONE,
    .until_ms = UINT64_MAX,
    .next_ms = UINT64_MAX,
    .age_ms_min = UINT32_MAX,
};

static const char *const trust_why_texts[TRUST_WHY_COUNT] = {
    [TRUST_OK] = "all demanded checks pass",
    [TRUST_NODE_RETIRED] = "the node is retired",
    [TRUST_QUARANTINED] = "the node is quarantined by an operator",
    [TRUST_NOT_SELECTED] = "the pool does not select this node",
    [TRUST_EMPTY_POLICY] = "the pool demands no check and so admits nobody",
    [TRUST_CHECK_FAILS] = "fails",
    [TRUST_GROUP_FAILS] = "too many checks of a group fail",
    [TRUST_NO_SUCH_CHECK] = "does not exist",
    [TRUST_CHECK_STAGE] = "is not in stage enforcing and counts for nothing",
    [TRUST_CHECK_NEVER] = "has no result for this node yet",
    [TRUST_CHECK_VOID] = "has only results of an older policy, identity or start",
    [TRUST_CHECK_ERROR] = "could not be made",
    [TRUST_CHECK_RISING] = "has not passed often enough in a row yet",
    [TRUST_CHECK_EXPIRED] = "has no pass that is fresh enough",
    [TRUST_GROUP_SHORT] = "too few checks of a group pass",
    [TRUST_WARN_NOT_ACCEPTED] = "a check warns and the pool does not accept warnings",
    [TRUST_MAINTENANCE] = "the node is in maintenance",
    [TRUST_HOLD_DOWN] = "hold-down after a failure is not over",
    [TRUST_NOT_READY] = "the keeper does not grant trust now",
    [TRUST_NO_POOL] = "no such pool",
};

const char *trust_eval_why_text(unsigned why)
{
    return why < TRUST_WHY_COUNT ? trust_why_texts[why] : "unknown";
}

const struct pair_state *trust_eval_pair(const struct pair_state *pairs, uint32_t count, uint32_t check_id)
{
    uint32_t at = pair_state_place(pairs, count, count > 0 ? pairs[0].check_id : 0, check_id);
    return at < count && pairs[at].check_id == check_id ? &pairs[at] : NULL;
}

/* Why a pair of an enforcing check yields no tier. */
static uint8_t trust_none_why(const struct pair_state *p, const struct check_row *row, uint32_t generation)
{
    if (p->known == 0 || p->policy != row->policy || p->generation != generation) {
        return p->run_count == 0 ? TRUST_CHECK_NEVER : TRUST_CHECK_VOID;
    }
    if (p->outcome == SP_OUTCOME_ERROR) {
        return TRUST_CHECK_ERROR;
    }
    return p->up == 0 && p->passes > 0 ? TRUST_CHECK_RISING : TRUST_CHECK_EXPIRED;
}

void trust_eval_fact(const struct pool_policy *pool, uint32_t index, const struct check_table *checks,
                     const struct trust_node *node, uint64_t now_ms, struct trust_fact *out)
{
    *out = (struct trust_fact){.tier = SP_TIER_NONE, .why = TRUST_NO_SUCH_CHECK};
    uint32_t row = pool->checks[index].row;
    if (row == CHECK_ROW_NONE || !check_table_at(checks, row)->present) {
        return;
    }
    out->check = check_table_at(checks, row);
    out->pair = trust_eval_pair(node->pairs, node->count, out->check->id);
    if (!check_table_counts(out->check)) {
        out->why = TRUST_CHECK_STAGE;
        return;
    }
    if (out->pair == NULL) {
        out->why = TRUST_CHECK_NEVER;
        return;
    }
    struct pair_rule rule = check_table_rule(out->check);
    out->tier = (uint8_t)pair_state_tier(out->pair, &rule, node->generation, now_ms, &out->until_ms);
    out->why = TRUST_OK;
    if (out->tier == SP_TIER_FAIL) {
        out->why = TRUST_CHECK_FAILS;
    } else if (out->tier == SP_TIER_NONE) {
        out->why = trust_none_why(out->pair, out->check, node->generation);
    }
}

static void trust_walk_mandatory(struct trust_walk *w, const struct trust_fact *fact, uint32_t index)
{
    if (fact->tier == SP_TIER_FAIL) {
        if (w->fail_check == CHECK_ROW_NONE) {
            w->fail_check = index;
            w->fail_why = fact->why;
        }
        return;
    }
    if (fact->tier == SP_TIER_NONE) {
        if (w->none_check == CHECK_ROW_NONE) {
            w->none_check = index;
            w->none_why = fact->why;
        }
        return;
    }
    w->warn = w->warn || fact->tier == SP_TIER_WARN;
    w->until_ms = fact->until_ms < w->until_ms ? fact->until_ms : w->until_ms;
}

static void trust_walk_group(struct trust_group *g, const struct trust_fact *fact)
{
    g->size++;
    if (fact->tier == SP_TIER_FAIL) {
        g->fails++;
    } else if (fact->tier != SP_TIER_NONE) {
        uint32_t n = g->passes + g->warns;
        while (n > 0 && g->untils[n - 1] < fact->until_ms) {
            g->untils[n] = g->untils[n - 1];
            n--;
        }
        g->untils[n] = fact->until_ms;
        g->passes += fact->tier == SP_TIER_PASS;
        g->warns += fact->tier == SP_TIER_WARN;
    }
}

static void trust_walk_facts(struct trust_walk *w, const struct pool_policy *pool, const struct check_table *checks,
                             const struct trust_node *node, uint64_t now_ms)
{
    for (uint32_t i = 0; i < pool->count; i++) {
        const struct pool_check *c = &pool->checks[i];
        if (c->role == POOL_ADVISORY) {
            continue;
        }
        struct trust_fact fact;
        trust_eval_fact(pool, i, checks, node, now_ms, &fact);
        if (fact.until_ms != 0 && fact.until_ms < w->next_ms) {
            w->next_ms = fact.until_ms;
        }
        if (fact.check != NULL && fact.check->max_age_ms < w->age_ms_min) {
            w->age_ms_min = fact.check->max_age_ms;
        }
        if (c->role == POOL_MANDATORY) {
            trust_walk_mandatory(w, &fact, i);
        } else {
            trust_walk_group(&w->groups[c->group], &fact);
        }
    }
}

static void trust_out(struct trust_verdict *out, enum sp_tier tier, enum trust_why why)
{
    out->tier = (uint8_t)tier;
    out->why = (uint8_t)why;
}

/* The lines of the verdict that look at facts, up to "otherwise". True when one of them applied. */
static bool trust_facts_refuse(const struct pool_policy *pool, struct trust_walk *w, struct trust_verdict *out)
{
    if (w->fail_check != CHECK_ROW_NONE) {
        trust_out(out, SP_TIER_FAIL, w->fail_why);
        out->check = w->fail_check;
        return true;
    }
    for (uint32_t g = 0; g < pool->groups; g++) {
        if (w->groups[g].size - w->groups[g].fails < pool->group_k[g]) {
            trust_out(out, SP_TIER_FAIL, TRUST_GROUP_FAILS);
            out->group = (uint8_t)g;
            return true;
        }
    }
    if (w->none_check != CHECK_ROW_NONE) {
        trust_out(out, SP_TIER_NONE, w->none_why);
        out->check = w->none_check;
        return true;
    }
    for (uint32_t g = 0; g < pool->groups; g++) {
        const struct trust_group *group = &w->groups[g];
        uint32_t k = pool->group_k[g];
        if (group->passes + group->warns < k) {
            trust_out(out, SP_TIER_NONE, TRUST_GROUP_SHORT);
            out->group = (uint8_t)g;
            return true;
        }
        if (k > 0) {
            w->until_ms = group->untils[k - 1] < w->until_ms ? group->untils[k - 1] : w->until_ms;
        }
        w->warn = w->warn || group->passes < k;
    }
    return false;
}

/* The verdict as if the node were in service. */
static void trust_eval_facts(const struct pool_policy *pool, struct trust_walk *w, const struct trust_node *node, uint64_t now_ms,
                             struct trust_verdict *out)
{
    out->next_ms = w->next_ms;
    out->age_ms_min = w->age_ms_min;
    if (trust_facts_refuse(pool, w, out)) {
        return;
    }
    trust_out(out, w->warn ? SP_TIER_WARN : SP_TIER_PASS, TRUST_OK);
    if (w->warn && !pool->accept_warn) {
        out->why = TRUST_WARN_NOT_ACCEPTED;
    } else if (node->state == SP_NODE_STATE_MAINTENANCE) {
        out->why = TRUST_MAINTENANCE;
    } else if (now_ms < node->hold_until_ms) {
        out->why = TRUST_HOLD_DOWN;
        out->next_ms = node->hold_until_ms < out->next_ms ? node->hold_until_ms : out->next_ms;
    } else {
        out->member = true;
        out->until_ms = w->until_ms;
    }
}

/* Apart from its caller so that the groups take stack only where there are some. */
static __attribute__((noinline)) void trust_eval_grouped(const struct pool_policy *pool, const struct check_table *checks,
                                                         const struct trust_node *node, uint64_t now_ms, struct trust_verdict *out)
{
    struct trust_group groups[POOL_GROUPS_MAX] = {0};
    struct trust_walk walk = trust_walk_start;
    walk.groups = groups;
    trust_walk_facts(&walk, pool, checks, node, now_ms);
    trust_eval_facts(pool, &walk, node, now_ms, out);
}

static void trust_eval_node(const struct pool_policy *pool, const struct check_table *checks, const struct trust_node *node,
                            uint64_t now_ms, struct trust_verdict *out)
{
    if (pool->groups > 0) {
        trust_eval_grouped(pool, checks, node, now_ms, out);
        return;
    }
    struct trust_walk walk = trust_walk_start;
    trust_walk_facts(&walk, pool, checks, node, now_ms);
    trust_eval_facts(pool, &walk, node, now_ms, out);
}

void trust_eval(const struct pool_policy *pool, const struct check_table *checks, const struct trust_node *node, uint64_t now_ms,
                struct trust_verdict *out)
{
    *out = (struct trust_verdict){.check = CHECK_ROW_NONE, .next_ms = UINT64_MAX, .age_ms_min = UINT32_MAX};
    if (node->state == SP_NODE_STATE_RETIRED) {
        trust_out(out, SP_TIER_NONE, TRUST_NODE_RETIRED);
    } else if (node->state == SP_NODE_STATE_QUARANTINED) {
        trust_out(out, SP_TIER_FAIL, TRUST_QUARANTINED);
    } else if (!node->selected) {
        trust_out(out, SP_TIER_NONE, TRUST_NOT_SELECTED);
    } else if (pool_policy_is_empty(pool)) {
        trust_out(out, SP_TIER_NONE, TRUST_EMPTY_POLICY);
    } else {
        trust_eval_node(pool, checks, node, now_ms, out);
    }
    if (node->state == SP_NODE_STATE_MAINTENANCE) {
        out->tier = SP_TIER_NONE;
        out->why = out->why == TRUST_OK ? TRUST_MAINTENANCE : out->why;
    }
    SP_IMPLIES(out->member, out->until_ms > now_ms && out->until_ms != UINT64_MAX);
    SP_IMPLIES(out->member, out->tier == SP_TIER_PASS || (out->tier == SP_TIER_WARN && pool->accept_warn));
}

void trust_eval_text(const struct pool_policy *pool, const struct trust_verdict *v, char *to, size_t size)
{
    const char *text = trust_eval_why_text(v->why);
    if (v->check != CHECK_ROW_NONE && v->check < pool->count) {
        (void)snprintf(to, size, "check %s %s", pool->checks[v->check].name, text);
    } else if (v->why == TRUST_GROUP_FAILS || v->why == TRUST_GROUP_SHORT) {
        (void)snprintf(to, size, "%s (group %u, at least %u must pass)", text, v->group + 1u, pool->group_k[v->group]);
    } else {
        (void)snprintf(to, size, "%s", text);
    }
}
