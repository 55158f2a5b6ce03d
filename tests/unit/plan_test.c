/* SPDX-License-Identifier: Apache-2.0 */
/* Due instants: against a naive twin that walks minute by minute or due by due, and the promises of evenness and stability. */
#include "plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "sp_hash.h"
#include "sp_rng.h"
#include "window_text.h"

#define S           1000000ull
#define DAY_US      (86400ull * S)
#define THURSDAY_MS 1767225600000ll /* 2026-01-01T00:00:00Z */

static struct profile_def period(uint32_t ms, uint8_t jitter, uint32_t splay)
{
    return (struct profile_def){.period_ms = ms, .jitter_percent = jitter, .splay_ms = splay};
}

static void period_rises_and_keeps_its_distance(void **state)
{
    (void)state;
    struct sp_rng r = {1};
    static const uint32_t periods[] = {100, 1000, 30000, 60000, 3600000, 86400000};
    for (unsigned i = 0; i < 2000; i++) {
        struct profile_def p = period(periods[sp_rng_below(&r, 6)], (uint8_t)sp_rng_below(&r, 51), 0);
        uint64_t hash = sp_rng_next(&r), at = sp_rng_below(&r, 1ull << 45), us = p.period_ms * 1000ull;
        uint64_t jitter = us * p.jitter_percent / 100;
        uint64_t due = plan_due(&p, hash, at, 0);
        assert_true(due > at);
        assert_true(due <= at + us + 2 * jitter + 1);
        for (unsigned k = 0; k < 5; k++) {
            uint64_t next = plan_due(&p, hash, due, 0);
            assert_true(next > due);
            assert_true(next - due <= us + 2 * jitter + 1);
            assert_true(p.jitter_percent >= 50 || next - due + 2 * jitter + 1 >= us);
            /* from anywhere between, the same next one */
            assert_int_equal(plan_due(&p, hash, due + sp_rng_below(&r, next - due), 0), next);
            due = next;
        }
    }
}

static void phases_are_even_and_stable(void **state)
{
    (void)state;
    enum { N = 10000, BINS = 50 };
    struct profile_def p = period(60000, 0, 0);
    unsigned bins[BINS] = {0};
    for (uint64_t i = 0; i < N; i++) {
        uint64_t hash = plan_hash(sp_hash_u64(7), sp_hash_u64(i));
        uint64_t due = plan_due(&p, hash, 600 * S - 1, 0);
        assert_in_range(due, 600 * S, 660 * S - 1);
        bins[(due - 600 * S) * BINS / (60 * S)]++;
        assert_int_equal(plan_due(&p, hash, 1200 * S - 1, 0), due + 600 * S); /* the same phase for ever */
        /* another period: the same fraction of it */
        struct profile_def q = period(6000, 0, 0);
        uint64_t fast = plan_due(&q, hash, 600 * S - 1, 0) - 600 * S;
        assert_true(fast * 10 <= due - 600 * S + 10 && due - 600 * S <= fast * 10 + 10);
    }
    for (unsigned i = 0; i < BINS; i++)
        assert_in_range(bins[i], N / BINS / 2, N / BINS * 3 / 2);
}

static void splay_bounds_the_phase(void **state)
{
    (void)state;
    struct profile_def p = period(60000, 0, 5000);
    for (uint64_t i = 0; i < 1000; i++) {
        uint64_t due = plan_due(&p, sp_hash_u64(i), 6000 * S - 1, 0);
        assert_in_range(due, 6000 * S, 6005 * S - 1);
    }
}

static void missed_runs_are_counted(void **state)
{
    (void)state;
    struct profile_def p = period(10000, 0, 0);
    uint64_t due = plan_due(&p, 12345, 100 * S, 0);
    assert_int_equal(plan_missed(&p, 12345, due, due + 1, 0), 0);
    assert_int_equal(plan_missed(&p, 12345, due, due + 10 * S - 1, 0), 0);
    assert_int_equal(plan_missed(&p, 12345, due, due + 10 * S, 0), 1);
    assert_int_equal(plan_missed(&p, 12345, due, due + 65 * S, 0), 6);
}

static struct profile_def cron(const char *text, uint32_t splay)
{
    struct profile_def p = {.splay_ms = splay};
    assert_true(sp_cron_parse(sp_str_of(text), &p.cron));
    return p;
}

static void calendar_follows_the_wall(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t first_s, second_s; /* after Thursday 00:00:00 */
    } rows[] = {
        {"30 2 * * *", 9000, 9000 + 86400},
        {"*/15 * * * *", 900, 1800},
        {"0 0 * * 1", 4 * 86400, 11 * 86400}, /* Monday */
        {"0 12 1 * *", 43200, 31 * 86400 + 43200},
    };
    uint64_t mono = 5000 * S;
    int64_t offset = THURSDAY_MS * 1000 - (int64_t)mono;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct profile_def p = cron(rows[i].text, 0);
        assert_int_equal(plan_due(&p, 1, mono, offset), mono + rows[i].first_s * S);
        assert_int_equal(plan_due(&p, 1, mono + rows[i].first_s * S, offset), mono + rows[i].second_s * S);
        /* the wall clock moved on by an hour: so much sooner */
        if (rows[i].first_s > 3600)
            assert_int_equal(plan_due(&p, 1, mono, offset + 3600 * 1000000ll), mono + (rows[i].first_s - 3600) * S);
    }
    struct profile_def p = cron("0 * * * *", 600000); /* each hour, spread over ten minutes */
    unsigned late = 0;
    for (uint64_t i = 0; i < 300; i++) {
        uint64_t due = plan_due(&p, sp_hash_u64(i), mono + 1800 * S, offset);
        assert_in_range(due, mono + 3600 * S, mono + 4200 * S);
        late += due > mono + 3900 * S;
        assert_int_equal(plan_due(&p, sp_hash_u64(i), due, offset), due + 3600 * S);
        /* within the spread one has had its turn or not, never both */
        uint64_t mid = plan_due(&p, sp_hash_u64(i), mono + 3900 * S, offset);
        assert_int_equal(mid, due > mono + 3900 * S ? due : due + 3600 * S);
    }
    assert_in_range(late, 100, 200);
    assert_int_equal(plan_typical_ms(&p, mono, offset), 3600000);
}

static struct check_def_window window(const char *text)
{
    struct check_def_window w;
    assert_true(window_text_parse(sp_str_of(text), &w));
    return w;
}

/* True at that minute of the week, by the book. */
static bool naive_open(const char *text, unsigned minute)
{
    struct check_def_window w = window(text);
    for (unsigned day = 0; day < 7; day++) {
        if ((w.days >> day & 1) == 0)
            continue;
        for (unsigned m = day * 1440 + w.from, end = day * 1440 + (w.to > w.from ? w.to : w.to + 1440u); m < end; m++)
            if (m % 10080 == minute)
                return true;
    }
    return false;
}

static void windows_open_and_close(void **state)
{
    (void)state;
    static const char *const texts[] = {"mon-fri 22:00-06:00", "00:30-04:00", "sat,sun 00:00-24:00", "sun 23:00-01:00",
                                        "fri-mon 12:00-12:30"};
    uint64_t mono = 4 * DAY_US;
    int64_t offset = THURSDAY_MS * 1000 + 4 * (int64_t)DAY_US - (int64_t)mono; /* Monday 00:00 at mono */
    for (unsigned i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct profile_def p = period(60000, 0, 0);
        p.windows[p.window_count++] = window(texts[i]);
        for (unsigned minute = 0; minute < 10080; minute += 7)
            assert_int_equal(plan_open(&p, mono + minute * 60 * S + 1, offset), naive_open(texts[i], minute));
    }
}

/* The twin walks due by due without windows and takes the first that is inside. */
static void due_in_windows_is_the_first_inside(void **state)
{
    (void)state;
    struct sp_rng r = {3};
    uint64_t mono = 40 * DAY_US;
    int64_t offset = THURSDAY_MS * 1000 - (int64_t)mono;
    for (unsigned i = 0; i < 300; i++) {
        struct profile_def free = period(600000, 10, 0), p = free;
        p.windows[p.window_count++] = window("mon-fri 22:00-06:00");
        if (sp_rng_below(&r, 2))
            p.windows[p.window_count++] = window("sat 10:00-14:00");
        uint64_t hash = sp_rng_next(&r), at = mono + sp_rng_below(&r, 7 * DAY_US);
        uint64_t twin = plan_due(&free, hash, at, offset);
        while (!plan_open(&p, twin, offset))
            twin = plan_due(&free, hash, twin, offset);
        assert_int_equal(plan_due(&p, hash, at, offset), twin);
    }
}

static void a_rare_run_finds_its_window(void **state)
{
    (void)state;
    uint64_t mono = 40 * DAY_US;
    int64_t offset = THURSDAY_MS * 1000 - (int64_t)mono;
    struct profile_def p = period(86400000, 10, 0);
    p.windows[p.window_count++] = window("02:00-03:00");
    for (uint64_t i = 0; i < 200; i++) {
        uint64_t hash = sp_hash_u64(i), due = plan_due(&p, hash, mono, offset);
        for (unsigned day = 0; day < 10; day++) {
            assert_in_range(due, mono + day * DAY_US + 7200 * S, mono + day * DAY_US + 10800 * S);
            due = plan_due(&p, hash, due, offset);
        }
    }
}

static void prompt_is_soon_but_not_at_once(void **state)
{
    (void)state;
    unsigned bins[30] = {0};
    struct profile_def p = period(3600000, 10, 0);
    for (uint64_t i = 0; i < 3000; i++) {
        uint64_t at = plan_prompt(&p, sp_hash_u64(i), 1000 * S, 0);
        assert_in_range(at, 1000 * S + 1, 1030 * S);
        bins[(at - 1000 * S - 1) / S]++;
    }
    for (unsigned i = 0; i < 30; i++)
        assert_in_range(bins[i], 50, 150);
    struct profile_def fast = period(1000, 0, 0);
    for (uint64_t i = 0; i < 300; i++)
        assert_in_range(plan_prompt(&fast, sp_hash_u64(i), 1000 * S, 0), 1000 * S + 1, 1001 * S);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(period_rises_and_keeps_its_distance),
        cmocka_unit_test(phases_are_even_and_stable),
        cmocka_unit_test(splay_bounds_the_phase),
        cmocka_unit_test(missed_runs_are_counted),
        cmocka_unit_test(calendar_follows_the_wall),
        cmocka_unit_test(windows_open_and_close),
        cmocka_unit_test(due_in_windows_is_the_first_inside),
        cmocka_unit_test(a_rare_run_finds_its_window),
        cmocka_unit_test(prompt_is_soon_but_not_at_once),
    };
    return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
