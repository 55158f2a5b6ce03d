/* SPDX-License-Identifier: Apache-2.0 */
/* The one rule that yields trust: a pure function of (results, policy, registry, clock). It is recomputed on every read; no timer,
 * thread or peer keeps its answer alive. Its inputs are borrowed, it remembers nothing.
 *
 * Facts. Each check the pool names has one fact for the node: the tier of the pair by pair_state_tier, with the instant `until` at which
 * that ends; and NONE when there is no such check, it is not in stage enforcing, or it never ran.
 * Verdict, first line that applies:
 *   node retired                                    none, out
 *   node quarantined                                fail, out
 *   node not selected by the pool                   none, out
 *   the pool demands nothing                        none, out
 *   a mandatory fact is FAIL                        fail, out
 *   a group has fewer than k facts that are not FAIL  fail, out
 *   a mandatory fact is NONE                        none, out
 *   a group has fewer than k facts PASS or WARN     none, out
 *   otherwise: warn when a mandatory fact is WARN or a group has fewer than k facts PASS, else pass; and
 *     tier warn and the pool does not accept it     out
 *     node in maintenance                           out, and its tier is shown as none
 *     hold-down not over                            out
 *     else                                          member until the least of the mandatory untils and, for each group, the k-th
 *                                                   largest until of its facts PASS or WARN
 * In maintenance the tier is always none. Advisory facts change nothing but what people read. */
#ifndef TRUST_EVAL_H
#define TRUST_EVAL_H

#include "pool_policy.h"

enum trust_why {
    TRUST_OK = 0,
    TRUST_NODE_RETIRED,
    TRUST_QUARANTINED,
    TRUST_NOT_SELECTED,
    TRUST_EMPTY_POLICY,
    TRUST_CHECK_FAILS,
    TRUST_GROUP_FAILS,
    TRUST_NO_SUCH_CHECK,
    TRUST_CHECK_STAGE,
    TRUST_CHECK_NEVER,
    TRUST_CHECK_VOID,
    TRUST_CHECK_ERROR,
    TRUST_CHECK_RISING,
    TRUST_CHECK_EXPIRED,
    TRUST_GROUP_SHORT,
    TRUST_WARN_NOT_ACCEPTED,
    TRUST_MAINTENANCE,
    TRUST_HOLD_DOWN,
    TRUST_NOT_READY, /* given by the keeper's core, not by this rule */
    TRUST_NO_POOL,   /* likewise */
    TRUST_WHY_COUNT
};

/* A node as this rule sees it. pairs are sorted by check id. All borrowed. */
struct trust_node {
    const struct pair_state *pairs;
    uint32_t count;
    uint32_t generation;
    uint8_t state;          /* enum sp_node_state */
    bool selected;          /* by the pool's selector */
    uint64_t hold_until_ms; /* 0: none */
};

struct trust_verdict {
    uint8_t tier; /* enum sp_tier */
    bool member;
    uint8_t why;         /* enum trust_why */
    uint8_t group;       /* TRUST_GROUP_*: which */
    uint32_t check;      /* index in pool->checks of the check at fault, CHECK_ROW_NONE */
    uint64_t until_ms;   /* member: ends here; else 0 */
    uint64_t next_ms;    /* the verdict cannot change by itself before this instant; UINT64_MAX: never */
    uint32_t age_ms_min; /* smallest max_age of the checks that were demanded; UINT32_MAX */
};

/* One fact, for explanations. */
struct trust_fact {
    uint8_t tier;
    uint8_t why; /* TRUST_OK or the reason for NONE or FAIL */
    uint64_t until_ms;
    const struct check_row *check; /* NULL: no such check */
    const struct pair_state *pair; /* NULL: never ran */
};

void trust_eval(const struct pool_policy *pool, const struct check_table *checks, const struct trust_node *node, uint64_t now_ms,
                struct trust_verdict *out);
/* Effect: the fact of pool->checks[index]. */
void trust_eval_fact(const struct pool_policy *pool, uint32_t index, const struct check_table *checks,
                     const struct trust_node *node, uint64_t now_ms, struct trust_fact *out);
/* Returns the pair of a check id among the sorted pairs, NULL when there is none. */
const struct pair_state *trust_eval_pair(const struct pair_state *pairs, uint32_t count, uint32_t check_id);
/* Effect: writes the reason as a sentence for people. size > 0. */
void trust_eval_text(const struct pool_policy *pool, const struct trust_verdict *v, char *to, size_t size);
/* Lends the text of a reason without its object. */
const char *trust_eval_why_text(unsigned why);

#endif
