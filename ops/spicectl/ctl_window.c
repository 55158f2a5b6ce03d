/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_window.h"

#include <stdio.h>

#define WINDOW_DAYS        7u
#define WINDOW_ALL         ((1u << WINDOW_DAYS) - 1u)
#define WINDOW_DAY_MINUTES 1440u

static const char window_days[WINDOW_DAYS][4] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

static unsigned window_day(struct sp_str word)
{
    unsigned day = 0;
    while (day < WINDOW_DAYS && !sp_str_is(word, window_days[day]))
        day++;
    return day;
}

/* "mon" or "fri-mon", over the end of the week too. */
static bool window_range(struct sp_str text, unsigned *mask)
{
    struct sp_str first;
    struct sp_str last = text;
    if (!sp_str_next(&last, '-', &first))
        return false;
    unsigned from = window_day(first);
    unsigned to = last.n == 0 ? from : window_day(last);
    if (from == WINDOW_DAYS || to == WINDOW_DAYS)
        return false;
    for (unsigned day = from; day != to; day = (day + 1) % WINDOW_DAYS)
        *mask |= 1u << day;
    *mask |= 1u << to;
    return true;
}

static bool window_minute(struct sp_str text, unsigned *out)
{
    uint64_t hour;
    uint64_t minute;
    if (text.n != 5 || text.p[2] != ':' || !sp_str_u64(sp_str_bytes(text.p, 2), 24, &hour) ||
        !sp_str_u64(sp_str_bytes(text.p + 3, 2), 59, &minute))
        return false;
    *out = (unsigned)(hour * 60 + minute);
    return *out <= WINDOW_DAY_MINUTES;
}

static size_t window_days_text(unsigned mask, char to[CTL_WINDOW_BYTES])
{
    size_t n = 0;
    for (unsigned day = 0; day < WINDOW_DAYS && mask != WINDOW_ALL; day++) {
        if ((mask >> day & 1) == 0)
            continue;
        unsigned first = day;
        while (day + 1 < WINDOW_DAYS && (mask >> (day + 1) & 1) != 0)
            day++;
        n += (size_t)snprintf(to + n, CTL_WINDOW_BYTES - n, day > first ? "%s%s-%s" : "%s%s", n > 0 ? "," : "", window_days[first],
                              window_days[day]);
    }
    return n;
}

bool ctl_window_canon(struct sp_str text, char to[CTL_WINDOW_BYTES])
{
    unsigned mask = 0;
    unsigned from;
    unsigned until;
    struct sp_str hours = sp_str_trim(text);
    struct sp_str part;
    struct sp_str list;
    if (hours.n > 0 && memchr(hours.p, ' ', hours.n) != NULL) {
        (void)sp_str_next(&hours, ' ', &list);
        while (sp_str_next(&list, ',', &part)) {
            if (!window_range(part, &mask))
                return false;
        }
    } else {
        mask = WINDOW_ALL;
    }
    hours = sp_str_trim(hours);
    if (!sp_str_next(&hours, '-', &part) || !window_minute(part, &from) || !window_minute(hours, &until))
        return false;
    if (from == until || from == WINDOW_DAY_MINUTES)
        return false;
    size_t n = window_days_text(mask, to);
    (void)snprintf(to + n, CTL_WINDOW_BYTES - n, "%s%02u:%02u-%02u:%02u", n > 0 ? " " : "", from / 60, from % 60, until / 60,
                   until % 60);
    return true;
}
