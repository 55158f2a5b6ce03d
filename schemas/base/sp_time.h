/* SPDX-License-Identifier: Apache-2.0 */
/* Time in three types that the compiler keeps apart: spans (struct sp_span), instants on a suspend-aware monotonic clock
 * (struct sp_mono, CLOCK_BOOTTIME) and wall time for people (struct sp_wall). Nothing here reads a clock. */
#ifndef SP_TIME_H
#define SP_TIME_H

#include "sp_str.h"

struct sp_mono {
    uint64_t us; /* microseconds since boot, suspend included */
};
struct sp_wall {
    uint64_t ms; /* milliseconds since 1970-01-01 UTC */
};
struct sp_now {
    struct sp_mono mono;
    struct sp_wall wall;
};

#define SP_US_PER_MS 1000u
#define SP_MS_PER_S  1000u
#define SP_US_PER_S  1000000u
#define SP_NEVER     UINT64_MAX /* as an instant: no deadline */

/* The next multiple of interval after now, at most one interval away. What processes of one host do at such times they do at the same
 * moment, so that whoever they talk to wakes fewer times. interval > 0; any unit. */
static inline uint64_t sp_time_next_multiple(uint64_t now, uint64_t interval)
{
    return (now / interval + 1) * interval;
}

static inline uint64_t sp_mono_ms(struct sp_mono m)
{
    return m.us / SP_US_PER_MS;
}

/* Strict parse of a duration for people: a number directly followed by ms, s, m, h or d ("90s", "5m"); no sign, no spaces, no
 * bare numbers except 0. *ms only on success. Returns false on anything else or above 100 years. */
bool sp_time_parse_span(struct sp_str text, uint64_t *ms);
/* Effect: writes the shortest exact form ("90s", "5m", "1500ms"). size >= 24. */
void sp_time_format_span(uint64_t ms, char *to, size_t size);
/* Effect: RFC 3339 UTC with milliseconds, "2026-01-31T12:00:00.000Z"; size >= 32. Civil date from days by Hinnant's algorithm. */
void sp_time_format_wall(struct sp_wall wall, char *to, size_t size);
/* Fields of UTC civil time; for calendars. */
struct sp_civil {
    int year;
    unsigned month;   /* 1-12 */
    unsigned day;     /* 1-31 */
    unsigned hour;    /* 0-23 */
    unsigned minute;  /* 0-59 */
    unsigned second;  /* 0-59 */
    unsigned weekday; /* 0 = Sunday */
};
struct sp_civil sp_time_civil(struct sp_wall wall);
/* Inverse of sp_time_civil; weekday is ignored. */
struct sp_wall sp_time_from_civil(const struct sp_civil *civil);

#endif
