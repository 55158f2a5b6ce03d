/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of the history on their way to the store. A run ends once, so its row is kept here until the commit that holds it is known: what a
 * failed commit took back is written again. */
#include <string.h>

#include "keeper_parts.h"

void keeper_history_keep(struct keeper_core *core, const struct keeper_history *row)
{
    if (core->open_history_count >= KEEPER_HISTORY_OPEN_MAX) {
        core->counters.history_lost++;
        return;
    }
    core->open_history[core->open_history_count++] = *row;
}

uint32_t keeper_history_room(const struct keeper_core *core)
{
    return KEEPER_HISTORY_OPEN_MAX - core->open_history_count;
}

bool keeper_history_busy(const struct keeper_core *core)
{
    return core->open_history_written < core->open_history_count && core->health.store_good;
}

void keeper_history_run(struct keeper_core *core, struct keeper_effects *fx)
{
    while (keeper_history_busy(core) && keeper_effects_room(fx, 1, 0)) {
        keeper_effects_add(fx, KEEPER_HISTORY)->u.history = core->open_history[core->open_history_written++];
    }
}

void keeper_history_committed(struct keeper_core *core)
{
    uint32_t left = core->open_history_count - core->open_history_written;
    memmove(core->open_history, core->open_history + core->open_history_written, left * sizeof *core->open_history);
    core->open_history_count = left;
    core->open_history_written = 0;
}

void keeper_history_failed(struct keeper_core *core)
{
    core->open_history_written = 0;
}
