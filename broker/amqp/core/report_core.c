/* SPDX-License-Identifier: Apache-2.0 */
#include "report_core.h"

#include <stddef.h>
#include <string.h>

static void row_drop(struct report_core *c, uint32_t at)
{
    memmove(c->rows + at, c->rows + at + 1, (--c->count - at) * sizeof c->rows[0]);
    if (at == 0) {
        c->flying = false;
        c->tries = 0;
        c->due_us = 0;
    }
}

void report_core_add(struct report_core *c, struct sp_wall wall, const struct report_row *row)
{
    uint64_t id = wall.ms * 1000;
    if (c->count == REPORT_CORE_MAX) {
        row_drop(c, c->flying ? 1 : 0);
        c->dropped++;
    }
    c->last_id = id > c->last_id ? id : c->last_id + 1;
    c->rows[c->count] = *row;
    c->rows[c->count++].id = c->last_id;
}

static void pause(struct report_core *c, struct sp_mono now)
{
    uint64_t ms = (uint64_t)REPORT_CORE_FIRST_MS << (c->tries < 16 ? c->tries : 16);
    c->flying = false;
    c->due_us = now.us + (ms < REPORT_CORE_LONGEST_MS ? ms : REPORT_CORE_LONGEST_MS) * SP_US_PER_MS;
}

const struct report_row *report_core_next(struct report_core *c, struct sp_mono now)
{
    bool lost = c->flying && now.us >= c->sent_us + REPORT_CORE_ANSWER_MS * SP_US_PER_MS;
    if (c->count == 0 || (c->flying && !lost) || (!c->flying && now.us < c->due_us))
        return NULL;
    c->flying = true;
    c->tries++;
    c->sent_us = now.us;
    return &c->rows[0];
}

void report_core_unsent(struct report_core *c, struct sp_mono now)
{
    if (!c->flying)
        return;
    c->tries--; /* nobody can have it */
    pause(c, now);
}

/* A keeper that has the number of a report sent once has it of an earlier start of ours, before the clock was set back. */
static bool renumber(struct report_core *c, uint64_t highest)
{
    if (c->tries != 1 || highest < c->rows[0].id || highest > UINT64_MAX - REPORT_CORE_MAX)
        return false;
    c->last_id = highest;
    for (uint32_t i = 0; i < c->count; i++)
        c->rows[i].id = ++c->last_id;
    c->flying = false;
    c->tries = 0;
    c->due_us = 0;
    return true;
}

bool report_core_answer(struct report_core *c, struct sp_mono now, uint64_t id, enum report_answer answer, uint64_t highest)
{
    if (c->count == 0 || c->tries == 0 || c->rows[0].id != id)
        return false;
    if (answer == REPORT_LATER) {
        pause(c, now);
        return true;
    }
    if (answer == REPORT_OLD && renumber(c, highest))
        return true;
    c->done += answer != REPORT_REFUSED;
    c->refused += answer == REPORT_REFUSED;
    row_drop(c, 0);
    return true;
}

struct sp_mono report_core_next_deadline(const struct report_core *c)
{
    if (c->count == 0)
        return (struct sp_mono){SP_NEVER};
    return (struct sp_mono){c->flying ? c->sent_us + REPORT_CORE_ANSWER_MS * SP_US_PER_MS : c->due_us};
}
