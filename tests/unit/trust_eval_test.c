/* SPDX-License-Identifier: Apache-2.0 */
/* The rule of trust against a twin that was written from the words of the threat model alone, over every combination of facts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "trust_eval.h"

#define NOW    1000000ull
#define AGE    1000u
#define CHECKS 5u

/* What a check may be for a node, and how to make it. */
enum fact {
    F_ABSENT,
    F_NEVER,
    F_SHADOW,
    F_EXPIRED,
    F_RISING,
    F_ERROR,
    F_OTHER_POLICY,
    F_OTHER_NODE,
    F_FAIL,
    F_OLD_FAIL,
    F_WARN,
    F_PASS,
    F_COUNT
};

struct world {
    struct check_table checks;
    struct pair_state pairs[CHECKS];
    struct trust_node node;
    struct pool_policy pool;
};

static void add_check(struct world *w, uint32_t id, uint8_t stage)
{
    char name[8];
    uint8_t digest[32] = {(uint8_t)id};
    (void)snprintf(name, sizeof name, "c%u", id);
    struct rec_check_info info = {.id = id,
                                  .name = sp_str_of(name),
                                  .digest = digest,
                                  .stage = stage,
                                  .enabled = true,
                                  .adapter = sp_str_of("exec"),
                                  .rise = 1,
                                  .fall = 1,
                                  .max_age_ms = AGE,
                                  .period_ms = 100};
    assert_int_equal(check_table_put(&w->checks, &info, 0), SP_OK);
}

/* Puts check id (from 1) of the world into the state f; the age of each differs so that untils differ. */
static void set_fact(struct world *w, uint32_t id, enum fact f)
{
    struct pair_state *p = &w->pairs[id - 1];
    memset(p, 0, sizeof *p);
    p->check_id = id;
    struct check_row *row = &w->checks.rows[check_table_find(&w->checks, id)];
    row->present = f != F_ABSENT;
    row->stage = f == F_SHADOW ? SP_STAGE_SHADOW : SP_STAGE_ENFORCING;
    if (f == F_NEVER) {
        return;
    }
    uint64_t at = NOW - 10 * id;
    p->known = 1;
    p->policy = f == F_OTHER_POLICY ? row->policy + 100 : row->policy;
    p->generation = f == F_OTHER_NODE ? 6 : 7;
    p->run_count = 1;
    p->issued_ms = at & PAIR_MS_MAX;
    if (f == F_FAIL || f == F_OLD_FAIL) {
        p->down = 1;
        p->fails = 1;
        p->fail_ms = (f == F_FAIL ? at : NOW - AGE) & PAIR_MS_MAX;
        p->outcome = SP_OUTCOME_FAIL;
    } else if (f == F_ERROR) {
        p->outcome = SP_OUTCOME_ERROR;
    } else if (f == F_RISING) {
        p->passes = 1;
        p->pass_ms = at & PAIR_MS_MAX;
    } else {
        p->up = 1;
        p->passes = 1;
        p->warn = f == F_WARN;
        p->outcome = (f == F_WARN ? SP_OUTCOME_WARN : SP_OUTCOME_PASS) & 0xf;
        p->pass_ms = (f == F_EXPIRED ? NOW - AGE : at) & PAIR_MS_MAX;
    }
}

static void world_init(struct world *w)
{
    memset(w, 0, sizeof *w);
    check_table_init(&w->checks);
    for (uint32_t id = 1; id <= CHECKS; id++) {
        add_check(w, id, SP_STAGE_ENFORCING);
        set_fact(w, id, F_PASS);
    }
    w->node = (struct trust_node){
        .pairs = w->pairs, .count = CHECKS, .generation = 7, .state = SP_NODE_STATE_IN_SERVICE, .selected = true};
    pool_policy_init(&w->pool, sp_str_of("trusted"));
}

/* ---- the twin: good, warned, bad or nothing per check; counts; no shared code with the rule ---- */

static char twin_letter(enum fact f)
{
    return f == F_PASS ? 'g' : f == F_WARN ? 'w' : f == F_FAIL ? 'b' : '-';
}

struct twin_answer {
    unsigned tier;
    bool member;
    uint64_t until;
};

static struct twin_answer twin(const struct world *w, const enum fact *facts)
{
    struct twin_answer a = {SP_TIER_NONE, false, 0};
    if (w->node.state == SP_NODE_STATE_RETIRED || (w->node.state != SP_NODE_STATE_QUARANTINED && !w->node.selected)) {
        return a;
    }
    if (w->node.state == SP_NODE_STATE_QUARANTINED) {
        a.tier = SP_TIER_FAIL;
        return a;
    }
    unsigned demands = 0, bad = 0, missing = 0, remarks = 0;
    uint64_t end = UINT64_MAX;
    for (uint32_t i = 0; i < w->pool.count; i++) {
        if (w->pool.checks[i].role == POOL_MANDATORY) {
            char letter = twin_letter(facts[i]);
            demands++;
            bad += letter == 'b';
            missing += letter == '-';
            remarks += letter == 'w';
            uint64_t ends = NOW - 10 * (i + 1) + AGE;
            end = ends < end && (letter == 'g' || letter == 'w') ? ends : end;
        }
    }
    for (uint32_t g = 0; g < w->pool.groups; g++) {
        unsigned size = 0, good = 0, warned = 0, wrong = 0, k = w->pool.group_k[g];
        for (uint32_t i = 0; i < w->pool.count; i++) {
            if (w->pool.checks[i].role == POOL_GROUP && w->pool.checks[i].group == g) {
                size++;
                good += twin_letter(facts[i]) == 'g';
                warned += twin_letter(facts[i]) == 'w';
                wrong += twin_letter(facts[i]) == 'b';
            }
        }
        demands++;
        bad += size - wrong < k;
        missing += good + warned < k;
        remarks += good < k;
        /* The instant at which fewer than k are left: try every end and count who outlives it. */
        for (uint32_t i = 0; i < w->pool.count && good + warned >= k; i++) {
            uint64_t candidate = NOW - 10 * (i + 1) + AGE;
            unsigned beyond = 0;
            for (uint32_t j = 0; j < w->pool.count; j++) {
                bool counts = w->pool.checks[j].role == POOL_GROUP && w->pool.checks[j].group == g &&
                              (twin_letter(facts[j]) == 'g' || twin_letter(facts[j]) == 'w');
                beyond += counts && NOW - 10 * (j + 1) + AGE > candidate;
            }
            bool mine = w->pool.checks[i].role == POOL_GROUP && w->pool.checks[i].group == g &&
                        (twin_letter(facts[i]) == 'g' || twin_letter(facts[i]) == 'w');
            if (mine && beyond == k - 1 && candidate < end) {
                end = candidate;
            }
        }
    }
    if (demands == 0) {
        return a;
    }
    a.tier = bad > 0 ? SP_TIER_FAIL : missing > 0 ? SP_TIER_NONE : remarks > 0 ? SP_TIER_WARN : SP_TIER_PASS;
    bool enough = a.tier == SP_TIER_PASS || (a.tier == SP_TIER_WARN && w->pool.accept_warn);
    if (w->node.state == SP_NODE_STATE_MAINTENANCE) {
        a.tier = SP_TIER_NONE;
        return a;
    }
    a.member = enough && NOW >= w->node.hold_until_ms;
    a.until = a.member ? end : 0;
    return a;
}

static unsigned long compared;

static void compare(struct world *w, const enum fact *facts)
{
    struct trust_verdict v;
    for (uint32_t i = 0; i < w->pool.count; i++) {
        set_fact(w, i + 1, facts[i]);
    }
    pool_policy_resolve(&w->pool, &w->checks);
    struct twin_answer want = twin(w, facts);
    trust_eval(&w->pool, &w->checks, &w->node, NOW, &v);
    compared++;
    if (v.tier != want.tier || v.member != want.member || v.until_ms != want.until) {
        fail_msg("facts %d %d %d %d state %u: tier %u, twin %u; member %d, twin %d; until %llu, twin %llu", facts[0], facts[1],
                 facts[2], facts[3], w->node.state, v.tier, want.tier, v.member, want.member, (unsigned long long)v.until_ms,
                 (unsigned long long)want.until);
    }
    assert_true(v.next_ms > NOW);
    assert_true(!v.member || v.next_ms <= v.until_ms);
}

/* All facts for four checks, under every shape of policy, node state, hold-down and acceptance of warnings. */
static void every_combination(struct world *w)
{
    static const uint64_t holds[] = {0, NOW, NOW + 1};
    for (unsigned code = 0; code < F_COUNT * F_COUNT * F_COUNT * F_COUNT; code++) {
        enum fact facts[CHECKS] = {(enum fact)(code % F_COUNT), (enum fact)(code / F_COUNT % F_COUNT),
                                   (enum fact)(code / F_COUNT / F_COUNT % F_COUNT), (enum fact)(code / F_COUNT / F_COUNT / F_COUNT),
                                   F_PASS};
        for (unsigned bits = 0; bits < 6; bits++) {
            w->pool.accept_warn = bits % 2 != 0;
            w->node.hold_until_ms = holds[bits / 2];
            compare(w, facts);
        }
    }
}

static void add(struct world *w, const char *name, enum pool_role role, uint32_t group)
{
    assert_int_equal(pool_policy_add(&w->pool, sp_str_of(name), role, group), SP_OK);
}

static void si1_exhaustive_mandatory_and_advisory(void **state)
{
    (void)state;
    struct world w;
    world_init(&w);
    add(&w, "c1", POOL_MANDATORY, 0);
    add(&w, "c2", POOL_MANDATORY, 0);
    add(&w, "c3", POOL_MANDATORY, 0);
    add(&w, "c4", POOL_ADVISORY, 0);
    every_combination(&w);
    check_table_fini(&w.checks);
}

static void si1_exhaustive_groups(void **state)
{
    (void)state;
    for (uint32_t k = 1; k <= 3; k++) {
        struct world w;
        world_init(&w);
        assert_int_equal(pool_policy_group(&w.pool, k), 0);
        add(&w, "c1", POOL_MANDATORY, 0);
        add(&w, "c2", POOL_GROUP, 0);
        add(&w, "c3", POOL_GROUP, 0);
        add(&w, "c4", POOL_GROUP, 0);
        assert_null(pool_policy_fault(&w.pool));
        every_combination(&w);
        check_table_fini(&w.checks);
    }
}

static void si1_exhaustive_two_groups_and_states(void **state)
{
    (void)state;
    struct world w;
    world_init(&w);
    (void)pool_policy_group(&w.pool, 1);
    (void)pool_policy_group(&w.pool, 2);
    add(&w, "c1", POOL_GROUP, 0);
    add(&w, "c2", POOL_GROUP, 0);
    add(&w, "c3", POOL_GROUP, 1);
    add(&w, "c4", POOL_GROUP, 1);
    for (uint8_t s = 0; s <= SP_NODE_STATE_LAST; s++) {
        w.node.state = s;
        every_combination(&w);
        w.node.selected = false;
        compare(&w, (enum fact[]){F_PASS, F_PASS, F_PASS, F_PASS, F_PASS});
        w.node.selected = true;
    }
    printf("combinations compared with the twin: %lu\n", compared);
    check_table_fini(&w.checks);
}

static void an_empty_policy_admits_nobody(void **state)
{
    (void)state;
    struct world w;
    world_init(&w);
    add(&w, "c1", POOL_ADVISORY, 0);
    pool_policy_resolve(&w.pool, &w.checks);
    struct trust_verdict v;
    trust_eval(&w.pool, &w.checks, &w.node, NOW, &v);
    assert_false(v.member);
    assert_int_equal(v.why, TRUST_EMPTY_POLICY);
    check_table_fini(&w.checks);
}

static void contradictions_are_named(void **state)
{
    (void)state;
    struct pool_policy p;
    pool_policy_init(&p, sp_str_of("trusted"));
    assert_null(pool_policy_fault(&p));
    assert_int_equal(pool_policy_group(&p, 2), 0);
    assert_int_equal(pool_policy_add(&p, sp_str_of("a"), POOL_GROUP, 0), SP_OK);
    assert_non_null(strstr(pool_policy_fault(&p), "larger than the group"));
    assert_int_equal(pool_policy_add(&p, sp_str_of("a"), POOL_MANDATORY, 0), SP_E_EXISTS);
    p.group_k[0] = 0;
    assert_non_null(strstr(pool_policy_fault(&p), "demands nothing"));
    pool_policy_init(&p, sp_str_of("no/such name"));
    assert_non_null(pool_policy_fault(&p));
    pool_policy_init(&p, sp_str_of("x"));
    (void)sp_str_copy(p.selector, sizeof p.selector, sp_str_of("a=b,,"));
    assert_non_null(strstr(pool_policy_fault(&p), "selector"));
}

static void reasons_name_the_check(void **state)
{
    (void)state;
    struct world w;
    world_init(&w);
    add(&w, "c1", POOL_MANDATORY, 0);
    add(&w, "c2", POOL_MANDATORY, 0);
    pool_policy_resolve(&w.pool, &w.checks);
    char text[256];
    struct trust_verdict v;
    set_fact(&w, 2, F_FAIL);
    trust_eval(&w.pool, &w.checks, &w.node, NOW, &v);
    trust_eval_text(&w.pool, &v, text, sizeof text);
    assert_string_equal(text, "check c2 fails");
    set_fact(&w, 2, F_SHADOW);
    trust_eval(&w.pool, &w.checks, &w.node, NOW, &v);
    trust_eval_text(&w.pool, &v, text, sizeof text);
    assert_string_equal(text, "check c2 is not in stage enforcing and counts for nothing");
    for (unsigned i = 0; i < TRUST_WHY_COUNT; i++) {
        assert_non_null(trust_eval_why_text(i));
    }
    check_table_fini(&w.checks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(si1_exhaustive_mandatory_and_advisory),
        cmocka_unit_test(si1_exhaustive_groups),
        cmocka_unit_test(si1_exhaustive_two_groups_and_states),
        cmocka_unit_test(an_empty_policy_admits_nobody),
        cmocka_unit_test(contradictions_are_named),
        cmocka_unit_test(reasons_name_the_check),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
