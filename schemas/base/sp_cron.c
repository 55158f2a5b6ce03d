/* SPDX-License-Identifier: Apache-2.0 */
#include "sp_cron.h"

#define MS_PER_MINUTE  60000ull
#define MS_PER_DAY     86400000ull
#define DAYS_AHEAD_MAX (5 * 366)

/* One element of a list: star, n, a-b, each with an optional step. */
static bool parse_element(struct sp_str text, unsigned low, unsigned high, uint64_t *bits)
{
    uint64_t from = low, to = high, step = 1;
    const char *slash = memchr(text.p, '/', text.n);
    struct sp_str range = text;
    if (slash != NULL) {
        range.n = (uint32_t)(slash - text.p);
        struct sp_str number = {slash + 1, text.n - range.n - 1};
        if (!sp_str_u64(number, high, &step) || step == 0)
            return false;
    }
    if (!sp_str_is(range, "*")) {
        const char *dash = range.n > 0 ? memchr(range.p, '-', range.n) : NULL;
        struct sp_str first = range, last = range;
        if (dash != NULL) {
            first.n = (uint32_t)(dash - range.p);
            last.p = dash + 1;
            last.n = range.n - first.n - 1;
        }
        if (!sp_str_u64(first, high, &from) || !sp_str_u64(last, high, &to) || from < low || to < from)
            return false;
        if (slash != NULL && dash == NULL)
            to = high;
    }
    for (uint64_t i = from; i <= to; i += step)
        *bits |= 1ull << i;
    return true;
}

static bool parse_field(struct sp_str text, unsigned low, unsigned high, uint64_t *bits)
{
    struct sp_str rest = text, head;
    *bits = 0;
    while (rest.p != NULL)
        if (!sp_str_next(&rest, ',', &head) || !parse_element(head, low, high, bits))
            return false;
    return *bits != 0;
}

bool sp_cron_parse(struct sp_str text, struct sp_cron *out)
{
    static const unsigned low[5] = {0, 0, 1, 1, 0}, high[5] = {59, 23, 31, 12, 7};
    struct sp_str fields[5], rest = sp_str_trim(text), head;
    uint64_t bits[5];
    unsigned n = 0;
    while (rest.p != NULL && sp_str_next(&rest, ' ', &head)) {
        if (head.n == 0)
            continue;
        if (n == 5)
            return false;
        fields[n++] = head;
    }
    if (n != 5)
        return false;
    for (unsigned i = 0; i < 5; i++)
        if (!parse_field(fields[i], low[i], high[i], &bits[i]))
            return false;
    if (bits[4] & 1u << 7)
        bits[4] |= 1;
    struct sp_cron c = {.minutes = bits[0],
                        .hours = (uint32_t)bits[1],
                        .days = (uint32_t)bits[2],
                        .months = (uint16_t)bits[3],
                        .weekdays = (uint8_t)(bits[4] & 0x7F),
                        .any_day = sp_str_is(fields[2], "*"),
                        .any_weekday = sp_str_is(fields[4], "*")};
    if (sp_cron_next(&c, (struct sp_wall){0}).ms == UINT64_MAX)
        return false;
    *out = c;
    return true;
}

/* crontab(5): when both day fields are restricted, either may match. */
static bool day_matches(const struct sp_cron *c, const struct sp_civil *at)
{
    bool day = c->days >> at->day & 1, weekday = c->weekdays >> at->weekday & 1;
    if (!(c->months >> at->month & 1))
        return false;
    if (!c->any_day && !c->any_weekday)
        return day || weekday;
    return day && weekday;
}

/* First matching minute of the day at or after minute `from`; 1440 when none. */
static unsigned minute_of_day(const struct sp_cron *c, unsigned from)
{
    for (unsigned m = from; m < 1440; m++) {
        if (!(c->hours >> m / 60 & 1)) {
            m = m / 60 * 60 + 59;
            continue;
        }
        if (c->minutes >> m % 60 & 1)
            return m;
    }
    return 1440;
}

struct sp_wall sp_cron_next(const struct sp_cron *c, struct sp_wall after)
{
    uint64_t first = after.ms / MS_PER_MINUTE + 1;
    uint64_t day = first / 1440;
    unsigned from = (unsigned)(first % 1440);
    for (unsigned i = 0; i < DAYS_AHEAD_MAX; i++, day++, from = 0) {
        struct sp_civil at = sp_time_civil((struct sp_wall){day * MS_PER_DAY});
        if (!day_matches(c, &at))
            continue;
        unsigned minute = minute_of_day(c, from);
        if (minute < 1440)
            return (struct sp_wall){day * MS_PER_DAY + minute * MS_PER_MINUTE};
    }
    return (struct sp_wall){UINT64_MAX};
}
