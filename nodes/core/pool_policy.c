/* SPDX-License-Identifier: Apache-2.0 */
#include "pool_policy.h"

#include "sp_assert.h"
#include "sp_selector.h"

void pool_policy_init(struct pool_policy *p, struct sp_str name)
{
    memset(p, 0, sizeof *p);
    (void)sp_str_copy(p->name, sizeof p->name, name);
}

enum sp_rc pool_policy_add(struct pool_policy *p, struct sp_str check, enum pool_role role, uint32_t group)
{
    if (!sp_str_is_name(check, CHECK_NAME_BYTES - 1) || (role == POOL_GROUP && group >= p->groups)) {
        return SP_E_INVALID;
    }
    for (uint32_t i = 0; i < p->count; i++) {
        if (sp_str_is(check, p->checks[i].name)) {
            return SP_E_EXISTS;
        }
    }
    if (p->count >= POOL_CHECKS_MAX) {
        return SP_E_LIMIT;
    }
    struct pool_check *c = &p->checks[p->count++];
    (void)sp_str_copy(c->name, sizeof c->name, check);
    c->row = CHECK_ROW_NONE;
    c->role = (uint8_t)role;
    c->group = (uint8_t)(role == POOL_GROUP ? group : 0);
    return SP_OK;
}

uint32_t pool_policy_group(struct pool_policy *p, uint32_t k)
{
    if (p->groups >= POOL_GROUPS_MAX) {
        return POOL_GROUPS_MAX;
    }
    p->group_k[p->groups] = k;
    return p->groups++;
}

const char *pool_policy_fault(const struct pool_policy *p)
{
    struct sp_selector selector;
    if (!sp_str_is_name(sp_str_of(p->name), POOL_NAME_BYTES - 1)) {
        return "the name of a pool has 1 to 64 characters of A-Z a-z 0-9 . _ -";
    }
    if (!sp_selector_parse(sp_str_of(p->selector), &selector, NULL)) {
        return "selector is malformed";
    }
    if (p->hold_down_ms > POOL_HOLD_DOWN_MS_MAX) {
        return "hold_down is longer than 7 days";
    }
    for (uint32_t g = 0; g < p->groups; g++) {
        uint32_t size = 0;
        for (uint32_t i = 0; i < p->count; i++) {
            size += p->checks[i].role == POOL_GROUP && p->checks[i].group == g;
        }
        if (p->group_k[g] == 0) {
            return "k of a group is 0: such a group demands nothing";
        }
        if (p->group_k[g] > size) {
            return "k of a group is larger than the group: nobody could ever satisfy it";
        }
    }
    return NULL;
}

void pool_policy_resolve(struct pool_policy *p, const struct check_table *checks)
{
    for (uint32_t i = 0; i < p->count; i++) {
        p->checks[i].row = check_table_find_name(checks, sp_str_of(p->checks[i].name));
    }
}

bool pool_policy_is_empty(const struct pool_policy *p)
{
    uint32_t demands = 0;
    for (uint32_t i = 0; i < p->count; i++) {
        demands += p->checks[i].role != POOL_ADVISORY;
    }
    return demands == 0;
}
