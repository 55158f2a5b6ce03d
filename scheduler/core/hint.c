/* SPDX-License-Identifier: Apache-2.0 */
#include "hint.h"

#include "fleet.h"

/* Tokens in thousandths, so that a short time counts too. */
static bool may_move(struct scheduler_core *s)
{
    uint64_t elapsed_ms = (s->now.mono.us - s->hints_us) / SP_US_PER_MS;
    uint64_t tokens = s->hint_tokens + (s->hints_us == 0 ? (uint64_t)HINT_BURST * 1000u : elapsed_ms * HINT_PER_S);
    s->hint_tokens = tokens < HINT_BURST * 1000u ? (uint32_t)tokens : HINT_BURST * 1000u;
    s->hints_us = s->hints_us == 0 ? s->now.mono.us : s->hints_us + elapsed_ms * SP_US_PER_MS;
    if (s->hint_tokens < 1000u)
        return false;
    s->hint_tokens -= 1000u;
    return true;
}

static void move(struct scheduler_core *s, struct sp_str name)
{
    uint32_t index = registry_find_name(&s->registry, name);
    if (index == WHEEL_NONE || s->registry.nodes[index].state == SP_NODE_STATE_RETIRED) {
        s->stats.hints_unknown++;
        return;
    }
    struct registry_node *node = &s->registry.nodes[index];
    bool soon = node->hinted_us != 0 && s->now.mono.us - node->hinted_us < HINT_NODE_MS * SP_US_PER_MS;
    if (soon || !may_move(s)) {
        s->stats.hints_spared++;
        return;
    }
    node->hinted_us = s->now.mono.us;
    s->stats.hints++;
    fleet_advance_node(s, index);
}

/* Pairs of the named nodes are planned as if they had no result yet, never later than they were. */
enum sp_rc scheduler_on_hint(struct scheduler_in *in, struct msg_hint *m)
{
    struct rec_hint_node node;
    while (rec_hint_node_next(&m->nodes, &node))
        move(in->core, node.node);
    return SP_OK;
}
