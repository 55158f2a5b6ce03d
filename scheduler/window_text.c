/* SPDX-License-Identifier: Apache-2.0 */
#include "window_text.h"

#include <stdio.h>

#define EVERY_DAY 0x7fu

static const char days[7][4] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

/* 0 to 6, or 7. */
static unsigned day_find(struct sp_str word)
{
    unsigned day = 0;
    while (day < 7 && !sp_str_is(word, days[day]))
        day++;
    return day;
}

/* "mon" or "fri-mon" (over the end of the week). */
static bool days_add(struct sp_str text, uint8_t *mask)
{
    struct sp_str first, last = text;
    if (!sp_str_next(&last, '-', &first))
        return false;
    unsigned from = day_find(first), to = last.n == 0 ? from : day_find(last);
    if (from == 7 || to == 7)
        return false;
    for (unsigned day = from;; day = (day + 1) % 7) {
        *mask = (uint8_t)(*mask | 1u << day);
        if (day == to)
            return true;
    }
}

/* "HH:MM", 00:00 to 24:00. */
static bool minute_parse(struct sp_str text, uint16_t *out)
{
    uint64_t hour, minute;
    if (text.n != 5 || text.p[2] != ':' || !sp_str_u64(sp_str_bytes(text.p, 2), 24, &hour) ||
        !sp_str_u64(sp_str_bytes(text.p + 3, 2), 59, &minute) || hour * 60 + minute > CHECK_DEF_DAY_MINUTES)
        return false;
    *out = (uint16_t)(hour * 60 + minute);
    return true;
}

bool window_text_parse(struct sp_str text, struct check_def_window *out)
{
    struct check_def_window w = {0};
    struct sp_str rest = sp_str_trim(text), head, hours = rest;
    if (rest.n == 0)
        return false;
    if (memchr(rest.p, ' ', rest.n) != NULL) {
        struct sp_str list, one;
        (void)sp_str_next(&rest, ' ', &list);
        hours = sp_str_trim(rest);
        while (sp_str_next(&list, ',', &one))
            if (!days_add(one, &w.days))
                return false;
    } else {
        w.days = EVERY_DAY;
    }
    if (!sp_str_next(&hours, '-', &head) || !minute_parse(head, &w.from) || !minute_parse(hours, &w.to))
        return false;
    if (w.from == w.to || w.from == CHECK_DEF_DAY_MINUTES)
        return false;
    *out = w;
    return true;
}

void window_text_format(const struct check_def_window *w, char to[WINDOW_TEXT_BYTES])
{
    size_t n = 0;
    for (unsigned day = 0; day < 7 && w->days != EVERY_DAY;) {
        unsigned last = day;
        if ((w->days >> day & 1) == 0) {
            day++;
            continue;
        }
        while (last < 6 && (w->days >> (last + 1) & 1) != 0)
            last++;
        n += (size_t)snprintf(to + n, WINDOW_TEXT_BYTES - n, "%s%s%s%s", n > 0 ? "," : "", days[day], last > day ? "-" : "",
                              last > day ? days[last] : "");
        day = last + 1;
    }
    (void)snprintf(to + n, WINDOW_TEXT_BYTES - n, "%s%02u:%02u-%02u:%02u", n > 0 ? " " : "", w->from / 60u, w->from % 60u,
                   w->to / 60u, w->to % 60u);
}
