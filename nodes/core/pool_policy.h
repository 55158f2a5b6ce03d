/* SPDX-License-Identifier: Apache-2.0 */
/* A pool: the appraisal policy that says which checks a node must keep passing. Plain data and its validation; an invalid or empty
 * policy admits nobody. Pure. */
#ifndef POOL_POLICY_H
#define POOL_POLICY_H

#include "check_table.h"

#define POOL_ROWS_MAX         16u /* pools in one deployment */
#define POOL_CHECKS_MAX       64u /* checks a pool may name, all roles together */
#define POOL_GROUPS_MAX       8u
#define POOL_NAME_BYTES       65u
#define POOL_TRAIT_BYTES      256u
#define POOL_SELECTOR_BYTES   1025u
#define POOL_HOLD_DOWN_MS_MAX (7ull * 86400 * 1000)

enum pool_role { POOL_MANDATORY = 0, POOL_ADVISORY = 1, POOL_GROUP = 2 };

struct pool_check {
    char name[CHECK_NAME_BYTES];
    uint32_t row;  /* index in the check table, CHECK_ROW_NONE while there is no such check */
    uint8_t role;  /* enum pool_role */
    uint8_t group; /* POOL_GROUP: which */
};

struct pool_policy {
    char name[POOL_NAME_BYTES];
    char trait[POOL_TRAIT_BYTES];
    char selector[POOL_SELECTOR_BYTES]; /* which nodes; empty: all */
    struct pool_check checks[POOL_CHECKS_MAX];
    uint32_t count;
    uint32_t group_k[POOL_GROUPS_MAX]; /* so many of the group must affirm */
    uint32_t groups;
    uint64_t hold_down_ms;
    bool accept_warn;
    bool used;
};

/* Effect: empty policy with that name; it admits nobody. */
void pool_policy_init(struct pool_policy *p, struct sp_str name);
/* Effect: names one more check. SP_E_EXISTS: named already; SP_E_LIMIT: too many; SP_E_INVALID: no name, or no such group. */
enum sp_rc pool_policy_add(struct pool_policy *p, struct sp_str check, enum pool_role role, uint32_t group) SP_MUST_USE;
/* Effect: one more group that needs k; returns its number, POOL_GROUPS_MAX when full. */
uint32_t pool_policy_group(struct pool_policy *p, uint32_t k);
/* Lends the first contradiction as a sentence, NULL when there is none. */
const char *pool_policy_fault(const struct pool_policy *p);
/* Effect: looks the names up again. */
void pool_policy_resolve(struct pool_policy *p, const struct check_table *checks);
/* True when nothing is demanded: such a pool admits nobody. */
bool pool_policy_is_empty(const struct pool_policy *p);

#endif
