/* SPDX-License-Identifier: Apache-2.0 */
#include "life.h"

#include <string.h>

#define MINUTE_MS    60000ull
#define DAY_MS       (CHECK_DEF_DAY_MINUTES * MINUTE_MS)
#define WEEK_DAYS    7u
#define WEEK_MINUTES (WEEK_DAYS * CHECK_DEF_DAY_MINUTES)
#define WEEK_MS      (WEEK_MINUTES * MINUTE_MS)
#define EPOCH_DAY    3u                      /* 1970-01-01 was a Thursday; Monday is 0 */
#define FROM_MS      UINT64_C(1767225600000) /* 2026-01-01, a year like any other */
#define HORIZON_MS   (5u * 366u * DAY_MS)    /* so far calendars are looked at */
#define OPENINGS_MAX (CHECK_DEF_WINDOWS_MAX * WEEK_DAYS)

/* Where the windows are open, by the minute of the week, and for how many minutes from then on. */
struct week {
    uint16_t open[WEEK_MINUTES]; /* 0: closed; WEEK_MINUTES: without end */
};

static void week_fill(struct week *w, const struct profile_def *p)
{
    memset(w, 0, sizeof *w);
    for (unsigned i = 0; i < p->window_count * WEEK_DAYS; i++) {
        const struct check_def_window *one = &p->windows[i / WEEK_DAYS];
        unsigned day = i % WEEK_DAYS;
        unsigned length = one->to > one->from ? (unsigned)(one->to - one->from) : CHECK_DEF_DAY_MINUTES - one->from + one->to;
        for (unsigned m = 0; (one->days >> day & 1) != 0 && m < length; m++)
            w->open[(day * CHECK_DEF_DAY_MINUTES + one->from + m) % WEEK_MINUTES] = 1;
    }
    unsigned run = p->window_count == 0 ? WEEK_MINUTES : 0;
    for (unsigned m = 2 * WEEK_MINUTES; m-- > 0;) { /* twice round: the end of the week goes on with its begin */
        bool open = p->window_count == 0 || w->open[m % WEEK_MINUTES] != 0;
        run = !open ? 0 : run < WEEK_MINUTES ? run + 1 : run;
        w->open[m % WEEK_MINUTES] = (uint16_t)run;
    }
}

/* ---- periods within windows ---- */

struct opening {
    uint64_t from, length; /* ms */
};

/* The openings of a week in their order; those that touch are one. Returns how many; 0: never closed. */
static unsigned openings_find(const struct week *w, struct opening *list)
{
    unsigned count = 0;
    for (unsigned m = 0; m < WEEK_MINUTES; m++) {
        bool starts = w->open[m] != 0 && w->open[(m + WEEK_MINUTES - 1) % WEEK_MINUTES] == 0;
        if (starts && count < OPENINGS_MAX)
            list[count++] = (struct opening){m * MINUTE_MS, w->open[m] * MINUTE_MS};
    }
    return count;
}

/* From the last run of opening `at` to the third after it. An opening that is no longer than the period has one run, at the same part of it
 * each time; a longer one has the first within a period after it opens and the last within a period before it closes. */
static uint64_t opening_span(const struct opening *list, unsigned count, unsigned at, uint64_t period)
{
    bool rare = period >= list[at].length, last_rare = false;
    uint64_t start = list[at].from + (rare ? 0 : list[at].length), end = start;
    for (unsigned k = 1, runs = 0; runs < LIFE_RUNS; k++) {
        const struct opening *o = &list[(at + k) % count];
        uint64_t from = o->from + (at + k) / count * WEEK_MS;
        uint64_t room = period >= o->length ? 1 : o->length / period;
        uint64_t take = room < LIFE_RUNS - runs ? room : LIFE_RUNS - runs;
        last_rare = period >= o->length;
        uint64_t late = !rare ? o->length : o->length > list[at].length ? o->length - list[at].length : 0;
        end = from + (last_rare ? late : take * period);
        runs += (unsigned)take;
    }
    if (!rare && !last_rare) /* such runs are whole periods apart */
        return (end - start + period - 1) / period * period;
    return end - start + (last_rare && !rare ? period : 0);
}

static uint64_t period_need(const struct profile_def *p, const struct week *w)
{
    struct opening list[OPENINGS_MAX];
    unsigned count = openings_find(w, list);
    uint64_t period = p->period_ms, longest = 0;
    if (count == 0)
        return w->open[0] == 0 ? LIFE_NEVER : LIFE_RUNS * period;
    for (unsigned i = 0; i < count; i++) {
        uint64_t span = opening_span(list, count, i, period);
        span = period < list[i].length && span < LIFE_RUNS * period ? LIFE_RUNS * period : span;
        longest = span > longest ? span : longest;
    }
    return longest;
}

/* ---- calendars ---- */

/* What a day of the week holds of a calendar: the same on every day that matches. Minutes of the day. */
struct day {
    unsigned count;
    uint64_t first[LIFE_RUNS], last[LIFE_RUNS]; /* in order; the same ones when there are few */
    uint64_t inner;                             /* longest time from one run to the third after it, within the day */
};

/* A run counts when all nodes have it: from the first to the last of the splay the window is open. */
static void day_fill(struct day *d, const struct profile_def *p, const struct week *w, unsigned weekday)
{
    uint16_t runs[CHECK_DEF_DAY_MINUTES];
    uint64_t splay = p->splay_ms / MINUTE_MS;
    *d = (struct day){0};
    for (unsigned m = 0; m < CHECK_DEF_DAY_MINUTES; m++) {
        unsigned open = w->open[weekday * CHECK_DEF_DAY_MINUTES + m];
        if ((p->cron.hours >> m / 60 & 1) != 0 && (p->cron.minutes >> m % 60 & 1) != 0 && (open == WEEK_MINUTES || open > splay))
            runs[d->count++] = (uint16_t)m;
    }
    for (unsigned i = 0; i < LIFE_RUNS && i < d->count; i++) {
        d->first[i] = runs[i];
        d->last[i] = runs[d->count - (d->count < LIFE_RUNS ? d->count : LIFE_RUNS) + i];
    }
    for (unsigned i = LIFE_RUNS; i < d->count; i++) {
        uint64_t span = (uint64_t)(runs[i] - runs[i - LIFE_RUNS]);
        d->inner = span > d->inner ? span : d->inner;
    }
}

/* Runs one after the other. */
struct runs {
    uint64_t at[LIFE_RUNS]; /* the latest, in a ring */
    uint64_t count;         /* since the last pause that tells nothing */
    uint64_t longest;
    unsigned days;
    bool measured;
};

static void runs_add(struct runs *r, uint64_t at)
{
    if (r->count >= LIFE_RUNS) {
        uint64_t span = at - r->at[r->count % LIFE_RUNS];
        r->longest = span > r->longest ? span : r->longest;
        r->measured = true;
    }
    r->at[r->count++ % LIFE_RUNS] = at;
}

/* Of a day with many runs only the first and the last have to do with other days. */
static void runs_day(struct runs *r, const struct day *d, uint64_t day_ms)
{
    bool many = d->count > 2 * LIFE_RUNS;
    r->days += d->count > 0 ? 1 : 0;
    unsigned first = d->count < LIFE_RUNS ? d->count : LIFE_RUNS;
    unsigned rest = d->count < 2 * LIFE_RUNS ? d->count - first : LIFE_RUNS;
    for (unsigned i = 0; i < first; i++)
        runs_add(r, day_ms + d->first[i] * MINUTE_MS);
    r->count = many ? 0 : r->count;
    for (unsigned i = LIFE_RUNS - rest; i < LIFE_RUNS && rest > 0; i++)
        runs_add(r, day_ms + d->last[i] * MINUTE_MS);
    if (d->count > LIFE_RUNS && d->inner * MINUTE_MS > r->longest)
        r->longest = d->inner * MINUTE_MS;
}

static uint64_t cron_need(const struct profile_def *p, const struct week *w)
{
    struct day days[WEEK_DAYS];
    struct runs r = {.longest = 0};
    struct sp_cron midnight = p->cron; /* of the days that match */
    midnight.minutes = 1;
    midnight.hours = 1;
    for (unsigned i = 0; i < WEEK_DAYS; i++)
        day_fill(&days[i], p, w, i);
    for (struct sp_wall at = sp_cron_next(&midnight, (struct sp_wall){FROM_MS}); at.ms < FROM_MS + HORIZON_MS;
         at = sp_cron_next(&midnight, at))
        runs_day(&r, &days[(at.ms / DAY_MS + EPOCH_DAY) % WEEK_DAYS], at.ms);
    return r.days == 0 ? LIFE_NEVER : r.days > 1 && r.measured ? r.longest : HORIZON_MS;
}

uint64_t life_need_ms(const struct profile_def *p)
{
    if (p->period_ms != 0 && p->window_count == 0)
        return (uint64_t)LIFE_RUNS * p->period_ms;
    struct week w;
    week_fill(&w, p);
    return p->period_ms != 0 ? period_need(p, &w) : cron_need(p, &w);
}
