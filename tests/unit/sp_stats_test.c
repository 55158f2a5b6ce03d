/* SPDX-License-Identifier: Apache-2.0 */
/* Counters, gauges, and histograms against sorted samples. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "sp_rng.h"
#include "sp_stats.h"

static int by_value(const void *a, const void *b)
{
    const uint64_t *x = a;
    const uint64_t *y = b;
    return *x < *y ? -1 : *x > *y ? 1 : 0;
}

static void percentiles_against_sorting(void **state)
{
    (void)state;
    static struct sp_stats_histogram h;
    static uint64_t samples[5000];
    struct sp_rng rng = {42};
    for (unsigned round = 0; round < 20; round++) {
        sp_stats_histogram_reset(&h);
        assert_int_equal(sp_stats_histogram_at(&h, 500), 0);
        size_t n = 1 + (size_t)sp_rng_below(&rng, SP_COUNT(samples));
        for (size_t i = 0; i < n; i++) {
            samples[i] = sp_rng_next(&rng) >> (28 + sp_rng_below(&rng, 36));
            sp_stats_histogram_add(&h, samples[i]);
        }
        qsort(samples, n, sizeof samples[0], by_value);
        assert_int_equal(h.count, n);
        assert_int_equal(h.max_us, samples[n - 1]);
        for (unsigned permille = 1; permille <= 1000; permille += 37) {
            size_t at = (n * permille + 999) / 1000 - 1;
            uint64_t got = sp_stats_histogram_at(&h, permille);
            assert_true(got >= samples[at]);
            assert_true(got <= samples[at] + samples[at] / 16 + 1);
        }
        assert_int_equal(sp_stats_histogram_at(&h, 1000), samples[n - 1]);
    }
}

static void extremes(void **state)
{
    (void)state;
    static struct sp_stats_histogram h;
    sp_stats_histogram_add(&h, 0);
    assert_int_equal(sp_stats_histogram_at(&h, 990), 0);
    sp_stats_histogram_add(&h, UINT64_MAX);
    sp_stats_histogram_add(&h, UINT64_MAX / 2);
    assert_true(sp_stats_histogram_at(&h, 1000) == UINT64_MAX);
    assert_int_equal(sp_stats_histogram_at(&h, 1), 0);
}

static void counters(void **state)
{
    (void)state;
    struct sp_stats *s = sp_stats_new();
    assert_non_null(s);
    sp_stats_message(s, 20, 4, SP_STATS_IN, 100);
    sp_stats_message(s, 20, 4, SP_STATS_IN, 50);
    sp_stats_message(s, 21, 4, SP_STATS_OUT, 10);
    sp_stats_counter(s, 20, 3, SP_STATS_IN)->refused++;
    sp_stats_counter(s, 60000, 200, SP_STATS_IN)->dropped++;
    struct sp_stats_counter_row row;
    uint32_t cursor = 0;
    assert_true(sp_stats_next_counter(s, &cursor, &row));
    assert_true(row.type == 0 && row.role == 0 && row.value.dropped == 1);
    assert_true(sp_stats_next_counter(s, &cursor, &row));
    assert_true(row.type == 20 && row.role == 3 && row.value.refused == 1);
    assert_true(sp_stats_next_counter(s, &cursor, &row));
    assert_true(row.type == 20 && row.role == 4 && row.direction == SP_STATS_IN && row.value.messages == 2 &&
                row.value.bytes == 150);
    assert_true(sp_stats_next_counter(s, &cursor, &row));
    assert_true(row.type == 21 && row.direction == SP_STATS_OUT && row.value.messages == 1);
    assert_false(sp_stats_next_counter(s, &cursor, &row));
    sp_stats_destroy(&s);
    assert_null(s);
}

static void gauges_and_windows(void **state)
{
    (void)state;
    struct sp_stats *s = sp_stats_new();
    const char *name = NULL;
    uint64_t value = 0;
    struct sp_stats_latency_row row;
    uint32_t g = sp_stats_gauge(s, "outbox.rows");
    assert_int_equal(sp_stats_gauge(s, "outbox.rows"), g);
    assert_int_not_equal(sp_stats_gauge(s, "queue"), g);
    sp_stats_set(s, g, 5);
    sp_stats_add(s, g, 2);
    assert_true(sp_stats_gauge_at(s, g, &name, &value));
    assert_string_equal(name, "outbox.rows");
    assert_int_equal(value, 7);
    assert_false(sp_stats_gauge_at(s, 2, &name, &value));
    uint32_t l = sp_stats_latency(s, "commit");
    for (uint64_t us = 1; us <= 10; us++) {
        sp_stats_sample(s, l, us);
    }
    assert_true(sp_stats_latency_at(s, l, &row));
    assert_true(row.count == 10 && row.p50_us == 5 && row.p99_us == 10 && row.max_us == 10);
    sp_stats_window(s);
    sp_stats_sample(s, l, 3);
    assert_true(sp_stats_latency_at(s, l, &row));
    assert_true(row.count == 11 && row.p50_us == 3 && row.max_us == 3); /* the window alone */
    sp_stats_window(s);
    assert_true(sp_stats_latency_at(s, l, &row));
    assert_true(row.max_us == 10); /* nothing new: since start */
    assert_false(sp_stats_latency_at(s, 1, &row));
    sp_stats_destroy(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(percentiles_against_sorting),
        cmocka_unit_test(extremes),
        cmocka_unit_test(counters),
        cmocka_unit_test(gauges_and_windows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
