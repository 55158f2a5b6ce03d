/* SPDX-License-Identifier: Apache-2.0 */
/* Reports of actions on their way to the keeper's audit: each is kept until the keeper says that it has committed it, whatever is
 * away meanwhile. One at a time and in their order, for the keeper takes rising numbers only; sent again it keeps its number, so
 * that it becomes one row. Pure.
 *
 *          due                  done, refused
 *   WAITS -----> FLYING ------------------------> gone, next
 *     ^            | no answer in time, or: later
 *     +------------+ */
#ifndef REPORT_CORE_H
#define REPORT_CORE_H

#include <stdbool.h>
#include <stdint.h>

#include "sp_time.h"

#define REPORT_CORE_MAX        64u    /* more, and the oldest that waits is lost */
#define REPORT_CORE_ANSWER_MS  10000u /* then it is sent again */
#define REPORT_CORE_FIRST_MS   1000u  /* first pause, doubled up to the longest */
#define REPORT_CORE_LONGEST_MS 30000u

enum report_answer {
    REPORT_DONE,
    REPORT_OLD, /* the keeper has this number, or a higher one */
    REPORT_LATER,
    REPORT_REFUSED
};

struct report_row {
    uint64_t id;
    char what[17], node[65], pool[65], detail[257];
};

struct report_core {
    struct report_row rows[REPORT_CORE_MAX]; /* private; oldest first */
    uint32_t count;
    bool flying;
    uint32_t tries; /* of the oldest */
    uint64_t due_us, sent_us, last_id;
    uint64_t done, refused, dropped;
};

/* Effect: keeps a report, with a number that is its wall clock in us or more. */
void report_core_add(struct report_core *c, struct sp_wall wall, const struct report_row *row);
/* Lends the report that is to be sent now, until the next call; NULL: none. */
const struct report_row *report_core_next(struct report_core *c, struct sp_mono now);
/* Effect: it could not be sent. */
void report_core_unsent(struct report_core *c, struct sp_mono now);
/* Effect: the keeper's answer to report `id`; highest: the number it has, with OLD. False: to none of ours. */
bool report_core_answer(struct report_core *c, struct sp_mono now, uint64_t id, enum report_answer answer, uint64_t highest);
struct sp_mono report_core_next_deadline(const struct report_core *c);

#endif
