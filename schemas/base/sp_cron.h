/* SPDX-License-Identifier: Apache-2.0 */
/* Calendars in the five-field notation of crontab(5) (minute hour day month weekday), UTC. Pure. */
#ifndef SP_CRON_H
#define SP_CRON_H

#include "sp_time.h"

struct sp_cron {
    uint64_t minutes; /* bit per minute */
    uint32_t hours;   /* bit per hour */
    uint32_t days;    /* bit 1-31 */
    uint16_t months;  /* bit 1-12 */
    uint8_t weekdays; /* bit 0-6, Sunday = 0 */
    bool any_day;     /* the day field is a plain star: only the weekday counts, and the other way round */
    bool any_weekday;
};

/* Effect: parses fields of numbers, stars, ranges a-b, lists and steps; weekday 7 = Sunday. No names, no @macros. False when malformed or
 * when it can never come true. */
bool sp_cron_parse(struct sp_str text, struct sp_cron *out);
/* Returns the first matching minute strictly after `after`, or {UINT64_MAX} when none within five years. */
struct sp_wall sp_cron_next(const struct sp_cron *c, struct sp_wall after);

#endif
