/* SPDX-License-Identifier: Apache-2.0 */
/* due(k) = k * period + phase + jitter(k), with phase = a fraction of the splay that belongs to the pair, so that under any
 * period the pairs are spread evenly and a change of profile moves each pair by less than one period. */
#include "plan.h"

#include "sp_assert.h"
#include "sp_hash.h"

#define MINUTE_US     (60ull * SP_US_PER_S)
#define WEEK_US       (7ull * CHECK_DEF_DAY_MINUTES * MINUTE_US)
#define MONDAY_US     (4ull * 86400u * SP_US_PER_S) /* 1970-01-05 was a Monday */
#define WINDOWS_AHEAD 53u                           /* weeks looked ahead */
#define TRIES_MAX     8u

/* Returns floor(span * hash / 2^64): uniform in [0, span). */
static uint64_t part_of(uint64_t hash, uint64_t span)
{
    return (uint64_t)(((unsigned __int128)hash * span) >> 64);
}

uint64_t plan_hash(uint64_t check_hash, uint64_t node_hash)
{
    return sp_hash_u64(check_hash + (node_hash << 21 | node_hash >> 43) * 0x9e3779b97f4a7c15ull);
}

/* ---- period ---- */

static uint64_t period_us(const struct profile_def *p)
{
    return (uint64_t)p->period_ms * SP_US_PER_MS;
}

static uint64_t period_at(const struct profile_def *p, uint64_t hash, uint64_t k)
{
    uint64_t period = period_us(p);
    uint64_t splay = p->splay_ms != 0 && p->splay_ms < p->period_ms ? (uint64_t)p->splay_ms * SP_US_PER_MS : period;
    uint64_t wide = 2 * (period * p->jitter_percent / 100);
    return k * period + part_of(hash, splay) + part_of(sp_hash_u64(hash ^ k * 0xd6e8feb86659fd93ull), wide + 1);
}

static uint64_t period_due(const struct profile_def *p, uint64_t hash, uint64_t after)
{
    uint64_t period = period_us(p);
    SP_ASSERT(period > 0 && p->jitter_percent <= CHECK_DEF_JITTER_MAX);
    uint64_t k = after / period; /* due(k) lies in [k, k + 2) periods: start two earlier */
    for (k = k < 2 ? 0 : k - 2;; k++) {
        uint64_t due = period_at(p, hash, k);
        if (due > after)
            return due;
    }
}

/* ---- calendar ---- */

static uint64_t cron_due(const struct profile_def *p, uint64_t hash, uint64_t after, int64_t offset)
{
    uint64_t spread = part_of(hash, (uint64_t)p->splay_ms * SP_US_PER_MS + 1);
    int64_t wall_us = (int64_t)after + offset - (int64_t)spread;
    struct sp_wall wall = {wall_us > 0 ? (uint64_t)wall_us / SP_US_PER_MS : 0};
    for (unsigned i = 0; i < TRIES_MAX; i++) {
        wall = sp_cron_next(&p->cron, wall);
        if (wall.ms == SP_NEVER)
            return UINT64_MAX;
        int64_t due = (int64_t)(wall.ms * SP_US_PER_MS + spread) - offset;
        if (due > 0 && (uint64_t)due > after)
            return (uint64_t)due;
    }
    return UINT64_MAX;
}

static uint64_t free_due(const struct profile_def *p, uint64_t hash, uint64_t after, int64_t offset)
{
    return p->period_ms != 0 ? period_due(p, hash, after) : cron_due(p, hash, after, offset);
}

/* ---- windows ---- */

/* Microseconds into the week (Monday 00:00 UTC = 0). */
static uint64_t week_at(uint64_t mono, int64_t offset)
{
    int64_t wall = (int64_t)mono + offset;
    return wall <= 0 ? 0 : ((uint64_t)wall + WEEK_US - MONDAY_US) % WEEK_US;
}

static uint64_t window_us(const struct check_def_window *w)
{
    uint32_t minutes = w->to > w->from ? (uint32_t)(w->to - w->from) : CHECK_DEF_DAY_MINUTES - w->from + w->to;
    return minutes * MINUTE_US;
}

/* Time since the latest opening on that day of the week. */
static uint64_t since_opening(const struct check_def_window *w, unsigned day, uint64_t at)
{
    uint64_t open = (day * CHECK_DEF_DAY_MINUTES + w->from) * MINUTE_US;
    return (at + WEEK_US - open) % WEEK_US;
}

bool plan_open(const struct profile_def *p, uint64_t now_us, int64_t wall_offset_us)
{
    uint64_t at = week_at(now_us, wall_offset_us);
    for (unsigned i = 0; i < p->window_count; i++)
        for (unsigned day = 0; day < 7; day++)
            if ((p->windows[i].days >> day & 1) != 0 && since_opening(&p->windows[i], day, at) < window_us(&p->windows[i]))
                return true;
    return p->window_count == 0;
}

/* First due after `after` within a weekly window that opened (or opens) at `open`. When the period is longer than the window, none of its
 * due instants may ever fall inside: then the pair runs once per opening, spread over it. */
static uint64_t window_due(const struct profile_def *p, uint64_t hash, uint64_t after, int64_t offset, int64_t open,
                           uint64_t length)
{
    bool rare = p->period_ms != 0 && period_us(p) >= length;
    for (unsigned week = 0; week < WINDOWS_AHEAD; week++, open += (int64_t)WEEK_US) {
        int64_t close = open + (int64_t)length;
        if (close <= (int64_t)after)
            continue;
        if (rare) {
            int64_t due = open + (int64_t)part_of(hash, length);
            if (due > (int64_t)after)
                return (uint64_t)due;
            continue;
        }
        uint64_t due = free_due(p, hash, open > (int64_t)after ? (uint64_t)open - 1 : after, offset);
        if (due == UINT64_MAX || (int64_t)due < close)
            return due;
    }
    return UINT64_MAX;
}

uint64_t plan_due(const struct profile_def *p, uint64_t hash, uint64_t after_us, int64_t wall_offset_us)
{
    if (p->window_count == 0)
        return free_due(p, hash, after_us, wall_offset_us);
    uint64_t least = UINT64_MAX, at = week_at(after_us, wall_offset_us);
    for (unsigned i = 0; i < p->window_count * 7u; i++) {
        const struct check_def_window *w = &p->windows[i / 7];
        if ((w->days >> i % 7 & 1) == 0)
            continue;
        int64_t open = (int64_t)after_us - (int64_t)since_opening(w, i % 7, at);
        uint64_t due = window_due(p, hash, after_us, wall_offset_us, open, window_us(w));
        if (due < least)
            least = due;
    }
    return least;
}

uint64_t plan_prompt(const struct profile_def *p, uint64_t hash, uint64_t now_us, int64_t wall_offset_us)
{
    uint64_t due = plan_due(p, hash, now_us, wall_offset_us);
    uint64_t span = p->period_ms != 0 && p->period_ms < PLAN_PROMPT_SPAN_MS ? p->period_ms : PLAN_PROMPT_SPAN_MS;
    uint64_t soon = now_us + 1 + part_of(sp_hash_u64(hash), span * SP_US_PER_MS);
    return soon < due && plan_open(p, soon, wall_offset_us) ? soon : due;
}

uint32_t plan_typical_ms(const struct profile_def *p, uint64_t now_us, int64_t wall_offset_us)
{
    uint64_t ms = p->period_ms;
    if (ms == 0) {
        uint64_t first = cron_due(p, 0, now_us, wall_offset_us);
        uint64_t second = first == UINT64_MAX ? first : cron_due(p, 0, first, wall_offset_us);
        ms = second == UINT64_MAX ? UINT32_MAX : (second - first) / SP_US_PER_MS;
    }
    return ms == 0 ? 1 : ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms;
}

uint64_t plan_missed(const struct profile_def *p, uint64_t hash, uint64_t due_us, uint64_t now_us, int64_t wall_offset_us)
{
    uint64_t next = plan_due(p, hash, due_us, wall_offset_us);
    if (next > now_us)
        return 0;
    return p->period_ms != 0 && p->window_count == 0 ? (now_us - next) / period_us(p) + 1 : 1;
}
