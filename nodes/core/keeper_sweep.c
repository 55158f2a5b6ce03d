/* SPDX-License-Identifier: Apache-2.0 */
/* The background of the registry: pairs of checks that were deleted and of nodes that were retired are given back, some nodes a step. No
 * answer can bring one back: tickets of a check that is gone or of a node's former generation are refused, whatever their number (SI-4). */
#include <stdlib.h>

#include "keeper_parts.h"

#include "sp_assert.h"

void keeper_sweep_want(struct keeper_core *core)
{
    core->sweep_again = true;
    if (core->sweep_next == 0 && core->sweep_due_ms == UINT64_MAX) {
        core->sweep_due_ms = keeper_now_ms(core) + core->options.forget_ms;
    }
}

/* Nobody will ask about this pair again. *later: not yet, but that is only a matter of time. */
static bool keeper_sweep_is_over(const struct keeper_core *core, const struct node_row *node, const struct pair_state *pair,
                                 bool *later)
{
    uint32_t index = check_table_find(&core->checks, pair->check_id);
    if (node->state == SP_NODE_STATE_RETIRED || index == CHECK_ROW_NONE) {
        return true;
    }
    const struct check_row *check = check_table_at(&core->checks, index);
    bool over = !check->present && keeper_now_ms(core) - check->gone_ms >= core->options.forget_ms;
    *later = *later || (!check->present && !over);
    return over;
}

/* The run that lasted until now is history, and the text is given back. */
static void keeper_sweep_close(struct keeper_core *core, const struct node_row *node, struct pair_state *pair)
{
    if (pair->run_count > 0) {
        uint64_t ago_ms = pair->issued_ms > 0 ? keeper_now_ms(core) - pair->issued_ms : 0;
        uint64_t last_s = core->now.wall.ms > ago_ms ? (core->now.wall.ms - ago_ms) / SP_MS_PER_S : 0;
        struct keeper_history row = {.node = node->id, .check = pair->check_id};
        row.run = (struct pair_run){.since_s = pair->since_s,
                                    .last_s = pair->issued_ms > 0 && last_s > pair->since_s ? (uint32_t)last_s : pair->since_s,
                                    .count = pair->run_count,
                                    .run_job = pair->run_job,
                                    .reason = (uint16_t)pair->reason,
                                    .outcome = (uint8_t)pair->outcome};
        (void)sp_str_copy(row.detail, sizeof row.detail, text_pool_text(&core->texts, pair->text));
        keeper_history_keep(core, &row);
    }
    text_pool_drop(&core->texts, pair->text);
}

static void keeper_sweep_node(struct keeper_core *core, struct node_row *node)
{
    uint32_t kept = 0;
    bool later = false;
    for (uint32_t i = 0; i < node->pair_count; i++) {
        if (keeper_sweep_is_over(core, node, &node->pairs[i], &later)) {
            keeper_sweep_close(core, node, &node->pairs[i]);
        } else {
            node->pairs[kept++] = node->pairs[i];
        }
    }
    core->sweep_again = core->sweep_again || later;
    if (kept < node->pair_count) {
        core->counters.forgotten += node->pair_count - kept;
        node_registry_shrink(&core->nodes, node, kept);
        node_registry_mark_fold(&core->nodes, node);
        node_registry_mark_judge(&core->nodes, node);
    }
}

bool keeper_sweep_busy(const struct keeper_core *core)
{
    return core->sweep_next != 0 && core->health.store_good;
}

void keeper_sweep_run(struct keeper_core *core)
{
    if (!core->health.store_good) {
        return; /* the ends of runs could not be written */
    }
    if (core->sweep_next == 0 && keeper_now_ms(core) >= core->sweep_due_ms) {
        core->sweep_next = 1;
        core->sweep_due_ms = UINT64_MAX;
        core->sweep_again = false;
    }
    for (uint32_t i = 0; i < KEEPER_SWEEP_PER_STEP && core->sweep_next != 0; i++) {
        struct node_row *node = node_registry_at(&core->nodes, core->sweep_next);
        if (node == NULL) {
            core->sweep_next = 0;
            core->sweep_due_ms = core->sweep_again ? keeper_now_ms(core) + core->options.forget_ms : UINT64_MAX;
            return;
        }
        if (node->pair_count > keeper_history_room(core)) {
            return; /* goes on when the store has taken what waits */
        }
        if (node->open) {
            core->sweep_again = true; /* results of it wait for their commit */
        } else {
            keeper_sweep_node(core, node);
        }
        core->sweep_next++;
    }
}
