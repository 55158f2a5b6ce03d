/* SPDX-License-Identifier: Apache-2.0 */
/* How long a result must live: by hand, and against the runs that plan_due really gives. */
#include "life.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "plan.h"
#include "sp_rng.h"
#include "window_text.h"

#define MINUTE      60000ull
#define HOUR        (60 * MINUTE)
#define DAY         (24 * HOUR)
#define THURSDAY_MS 1767225600000ll /* 2026-01-01T00:00:00Z */

static struct profile_def profile(const char *period, const char *cron, const char *windows, const char *splay)
{
    struct profile_def p = {.name = "p"};
    uint64_t ms = 0;
    struct sp_str rest = sp_str_of(windows), one;
    if (period != NULL) {
        assert_true(sp_time_parse_span(sp_str_of(period), &ms));
        p.period_ms = (uint32_t)ms;
    } else {
        assert_true(sp_cron_parse(sp_str_of(cron), &p.cron));
    }
    while (rest.n > 0 && sp_str_next(&rest, ';', &one))
        assert_true(window_text_parse(one, &p.windows[p.window_count++]));
    assert_true(sp_time_parse_span(sp_str_of(splay), &ms));
    p.splay_ms = (uint32_t)ms;
    return p;
}

static void by_hand(void **state)
{
    static const struct {
        const char *period, *cron, *windows, *splay;
        uint64_t want;
    } rows[] = {
        {"10m", NULL, "", "0", 30 * MINUTE},
        {"45d", NULL, "", "0", 135 * DAY},
        {"1m", NULL, "00:00-24:00", "0", 3 * MINUTE},
        {"1m", NULL, "00:00-12:00;12:00-24:00", "0", 3 * MINUTE},
        {"1m", NULL, "mon 08:00-09:00", "0", 7 * DAY - HOUR + 3 * MINUTE},
        {"10m", NULL, "mon-fri 08:00-18:00", "0", 62 * HOUR + 30 * MINUTE},
        {"10m", NULL, "mon-fri 22:00-06:00", "0", 64 * HOUR + 30 * MINUTE},
        {"20m", NULL, "08:00-08:50", "0", 2 * 23 * HOUR + 100 * MINUTE},
        {"1h", NULL, "sun 03:00-04:00", "0", 21 * DAY}, /* one run per opening */
        {"2d", NULL, "03:00-04:00", "0", 3 * DAY},
        {NULL, "0 3 * * *", "", "0", 3 * DAY},
        {NULL, "0 3 * * 1-5", "", "0", 5 * DAY}, /* Friday, Monday, Tuesday, Wednesday */
        {NULL, "* * * * 1", "", "0", 6 * DAY + 3 * MINUTE},
        {NULL, "* * * * *", "", "0", 3 * MINUTE},
        {NULL, "*/10 8-17 * * 1-5", "", "0", 62 * HOUR + 30 * MINUTE},
        {NULL, "0 0 1 * *", "", "0", 92 * DAY},
        {NULL, "* * 29 2 *", "", "0", 5 * 366 * DAY},
        {NULL, "0 * * * *", "mon 08:00-12:00", "0", 7 * DAY - HOUR},
        {NULL, "0 * * * *", "mon 08:30-08:50", "0", LIFE_NEVER},
        {NULL, "0 * * * *", "08:00-09:00", "30m", 3 * DAY},
        {NULL, "0 * * * *", "08:00-08:20", "30m", LIFE_NEVER}, /* nodes in the later part of the splay never run */
        {NULL, "30 23 * * *", "22:00-06:00", "2h", 3 * DAY},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct profile_def p = profile(rows[i].period, rows[i].cron, rows[i].windows, rows[i].splay);
        uint64_t got = life_need_ms(&p);
        if (got != rows[i].want)
            fail_msg("row %zu: %llu minutes, not %llu", i, (unsigned long long)(got / MINUTE),
                     (unsigned long long)(rows[i].want / MINUTE));
    }
}

/* The longest time from one run to the third after it that a pair sees in that time. */
static uint64_t seen_ms(const struct profile_def *p, uint64_t hash, uint64_t from_us, uint64_t span_us)
{
    uint64_t at[LIFE_RUNS] = {0}, longest = 0;
    int64_t offset = THURSDAY_MS * 1000;
    uint64_t due = plan_due(p, hash, from_us, offset);
    for (unsigned n = 0; due < from_us + span_us; n++) {
        if (n >= LIFE_RUNS && due - at[n % LIFE_RUNS] > longest)
            longest = due - at[n % LIFE_RUNS];
        at[n % LIFE_RUNS] = due;
        due = plan_due(p, hash, due, offset);
    }
    return (longest + 999) / 1000;
}

/* No pair waits longer than what is asked for, and some pair waits half as long at least. */
static void against_the_plan(void **state)
{
    static const char *const windows[] = {"",
                                          "mon 08:00-09:00",
                                          "mon-fri 22:00-06:00",
                                          "00:00-01:00;23:00-24:00",
                                          "tue 01:00-01:20;tue 04:00-10:00;sat,sun 12:00-13:00",
                                          "03:00-03:30",
                                          "mon 00:00-24:00;wed 00:00-24:00"};
    static const char *const periods[] = {"10m", "25m", "1h", "7h", "2d"};
    static const char *const crons[] = {"*/20 * * * *", "7 */2 * * 1-5", "0 4 * * 2,6", "0 0 1 * *", "15,45 1 * * *"};
    struct sp_rng r = {7};
    (void)state;
    for (unsigned i = 0; i < 7 * 10; i++) {
        bool cron = i % 2 != 0;
        struct profile_def p = profile(cron ? NULL : periods[i / 14], crons[i / 14], windows[i / 2 % 7], "0");
        uint64_t need = life_need_ms(&p), most = 0, from = 1000000000;
        for (unsigned k = 0; k < 40; k++) {
            uint64_t seen = seen_ms(&p, sp_rng_next(&r), from, (cron ? 400 : 40) * DAY * 1000);
            most = seen > most ? seen : most;
        }
        if (most > need)
            fail_msg("profile %u: a pair waits %llu minutes, asked for are %llu", i, (unsigned long long)(most / MINUTE),
                     (unsigned long long)(need / MINUTE));
        if (need != LIFE_NEVER && need > 2 * most) /* windows that touch are taken as one */
            fail_msg("profile %u: no pair waits longer than %llu minutes, asked for are %llu", i,
                     (unsigned long long)(most / MINUTE), (unsigned long long)(need / MINUTE));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(by_hand), cmocka_unit_test(against_the_plan)};
    return cmocka_run_group_tests_name("life", tests, NULL, NULL);
}
