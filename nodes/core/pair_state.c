/* SPDX-License-Identifier: Apache-2.0 */
#include "pair_state.h"

#include <string.h>

SP_STATIC_ASSERT(sizeof(struct pair_state) == 72 || sizeof(struct pair_state) == 64, "a million pairs must stay small");

static uint16_t pair_state_bump(uint16_t n)
{
    return n == PAIR_STREAK_MAX ? n : (uint16_t)(n + 1);
}

void pair_state_void(struct pair_state *p)
{
    p->policy = 0;
    p->pass_ms = 0;
    p->fail_ms = 0;
    p->issued_ms = 0;
    p->up = 0;
    p->down = 0;
    p->warn = 0;
    p->known = 0;
    p->passes = 0;
    p->fails = 0;
}

static void pair_state_affirm(struct pair_state *p, const struct pair_result *r, const struct pair_rule *rule)
{
    bool lapsed = p->pass_ms == 0 || r->issued_ms >= p->pass_ms + rule->max_age_ms;
    if (lapsed) {
        p->passes = 0;
        p->up = 0;
    }
    p->passes = pair_state_bump(p->passes);
    p->fails = 0;
    p->pass_ms = r->issued_ms & PAIR_MS_MAX;
    p->warn = r->outcome == SP_OUTCOME_WARN;
    if (p->passes >= rule->rise) {
        p->up = 1;
        p->down = 0;
    }
}

static void pair_state_contradict(struct pair_state *p, const struct pair_result *r, const struct pair_rule *rule)
{
    p->fails = pair_state_bump(p->fails);
    p->passes = 0;
    p->fail_ms = r->issued_ms & PAIR_MS_MAX;
    if (p->fails >= rule->fall) {
        p->down = 1;
        p->up = 0;
    }
}

/* True when whoever reported this is to be blamed for what stands now. An error says nothing, and a fail that does not take the node down yet
 * leaves the pass standing that somebody else may have reported: neither may hide whose it is (K20). */
static bool pair_state_answers_for(const struct pair_state *p, enum sp_outcome outcome)
{
    if (outcome == SP_OUTCOME_ERROR) {
        return p->up == 0 && p->down == 0;
    }
    return outcome != SP_OUTCOME_FAIL || p->up == 0;
}

bool pair_state_apply(struct pair_state *p, const struct pair_result *r, const struct pair_rule *rule, struct pair_run *ended)
{
    if (p->policy != r->policy || p->generation != r->generation) {
        pair_state_void(p);
        p->policy = r->policy;
        p->generation = r->generation;
    }
    bool same = p->run_count > 0 && p->outcome == r->outcome && p->reason == r->reason;
    bool closed = p->run_count > 0 && !same;
    if (closed) {
        *ended = (struct pair_run){p->since_s, r->wall_s, p->run_count, p->run_job, (uint16_t)p->reason, (uint8_t)p->outcome};
    }
    if (same) {
        p->run_count = p->run_count == UINT32_MAX ? p->run_count : p->run_count + 1;
    } else {
        p->since_s = r->wall_s;
        p->run_count = 1;
        p->run_job = (uint32_t)(r->job & UINT32_MAX);
    }
    p->issued_ms = r->issued_ms & PAIR_MS_MAX;
    p->outcome = r->outcome & 0xfu;
    p->reason = r->reason;
    p->attempt = r->attempt;
    p->known = 1;
    if (r->outcome == SP_OUTCOME_PASS || r->outcome == SP_OUTCOME_WARN) {
        pair_state_affirm(p, r, rule);
    } else if (r->outcome == SP_OUTCOME_FAIL) {
        pair_state_contradict(p, r, rule);
    } else if (p->up == 0) {
        p->passes = 0;
    }
    if (pair_state_answers_for(p, (enum sp_outcome)r->outcome)) {
        p->worker = r->worker;
    }
    return closed;
}

bool pair_state_tighten(struct pair_state *p, const struct pair_rule *rule)
{
    bool falls = p->down == 0 && p->fails >= rule->fall;
    bool sinks = p->up != 0 && (falls || p->passes < rule->rise);
    p->down = falls ? 1 : p->down;
    p->up = sinks ? 0 : p->up;
    return falls || sinks;
}

enum sp_tier pair_state_tier(const struct pair_state *p, const struct pair_rule *rule, uint32_t generation, uint64_t now_ms,
                             uint64_t *until_ms)
{
    uint64_t none = 0;
    uint64_t *until = until_ms != NULL ? until_ms : &none;
    *until = 0;
    if (p->known == 0 || p->policy == 0 || p->policy != rule->policy || p->generation != generation) {
        return SP_TIER_NONE;
    }
    if (p->down != 0 && p->fail_ms <= now_ms && now_ms - p->fail_ms < rule->max_age_ms) {
        *until = p->fail_ms + rule->max_age_ms;
        return SP_TIER_FAIL;
    }
    bool alive = p->pass_ms > rule->over_ms && p->pass_ms <= now_ms && now_ms - p->pass_ms < rule->max_age_ms;
    if (p->up != 0 && p->down == 0 && alive) {
        *until = p->pass_ms + rule->max_age_ms;
        return p->warn != 0 ? SP_TIER_WARN : SP_TIER_PASS;
    }
    return SP_TIER_NONE;
}

bool pair_state_check(const struct pair_state *p)
{
    bool exclusive = p->up == 0 || p->down == 0;
    bool up_has_pass = p->up == 0 || p->pass_ms > 0;
    bool down_has_fail = p->down == 0 || p->fail_ms > 0;
    bool unknown_is_empty = p->known != 0 || (p->up == 0 && p->down == 0 && p->pass_ms == 0);
    return exclusive && up_has_pass && down_has_fail && unknown_is_empty;
}
