/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counters, gauges and latencies of one process in fixed memory. Counting is an array increment. Publishing copies them into the message
 * Stats; that is the bus client's part. One thread.
 */
#ifndef SP_STATS_H
#define SP_STATS_H

#include "sp_assert.h"
#include "sp_str.h"
#include "sp_time.h"

#define SP_STATS_TYPES_MAX     128u /* message numbers; larger ones are counted as 0 */
#define SP_STATS_ROLES_MAX     16u  /* roles of peers; larger ones are counted as 0 */
#define SP_STATS_GAUGES_MAX    128u
#define SP_STATS_LATENCIES_MAX 32u
#define SP_STATS_NAME_BYTES    49u

/* Log-linear histogram of microseconds: 16 steps per power of two (error at most 1/16), 0 to 2^36 us; larger is counted in the last. */
#define SP_STATS_STEPS   16u
#define SP_STATS_BUCKETS ((36u - 4u + 1u) * SP_STATS_STEPS)

struct sp_stats_histogram {
    uint64_t count;
    uint64_t max_us;
    uint64_t sum_us;
    uint32_t buckets[SP_STATS_BUCKETS];
};
void sp_stats_histogram_add(struct sp_stats_histogram *h, uint64_t us);
/* Returns the smallest value that at least permille/1000 of the samples do not exceed (upper edge of its bucket, at most max). 0: empty. */
uint64_t sp_stats_histogram_at(const struct sp_stats_histogram *h, unsigned permille);
void sp_stats_histogram_reset(struct sp_stats_histogram *h);

struct sp_stats_counter {
    uint64_t messages;
    uint64_t bytes;
    uint64_t dropped; /* no room or no receiver */
    uint64_t refused; /* authority, signature, shape */
};

enum sp_stats_direction { SP_STATS_IN = 0, SP_STATS_OUT = 1 };

struct sp_stats;

/* Gives the struct, NULL without memory. */
struct sp_stats *sp_stats_new(void);
void sp_stats_destroy(struct sp_stats **s);

/* Lends the counter; increment its fields. Never NULL. */
struct sp_stats_counter *sp_stats_counter(struct sp_stats *s, uint16_t type, uint8_t role, enum sp_stats_direction direction);
static inline void sp_stats_message(struct sp_stats *s, uint16_t type, uint8_t role, enum sp_stats_direction direction,
                                    size_t bytes)
{
    struct sp_stats_counter *c = sp_stats_counter(s, type, role, direction);
    c->messages++;
    c->bytes += bytes;
}

/* Effect: registers a name (dotted, "outbox.results"; a literal) at start and returns its index; the same name gives the same index. A
 * full table is our bug and asserts. */
uint32_t sp_stats_gauge(struct sp_stats *s, const char *name);
void sp_stats_set(struct sp_stats *s, uint32_t gauge, uint64_t value);
void sp_stats_add(struct sp_stats *s, uint32_t gauge, uint64_t more);
uint32_t sp_stats_latency(struct sp_stats *s, const char *name);
void sp_stats_sample(struct sp_stats *s, uint32_t latency, uint64_t us);
/* Lends the histogram since start. */
const struct sp_stats_histogram *sp_stats_histogram(const struct sp_stats *s, uint32_t latency);

/* ---- reading, for Stats: walk with at = 0, 1, ... until false ---- */

struct sp_stats_counter_row {
    uint16_t type;
    uint8_t role;
    enum sp_stats_direction direction;
    struct sp_stats_counter value;
};
/* Effect: next counter that is not all zero, starting at *cursor (0 first). */
bool sp_stats_next_counter(const struct sp_stats *s, uint32_t *cursor, struct sp_stats_counter_row *row);
/* Lends name; false past the end. */
bool sp_stats_gauge_at(const struct sp_stats *s, uint32_t at, const char **name, uint64_t *value);
/* Percentiles of the last window: samples since the latest sp_stats_window, or since start when that window has none. */
struct sp_stats_latency_row {
    const char *name;
    uint64_t count; /* since start */
    uint64_t p50_us;
    uint64_t p99_us;
    uint64_t max_us;
};
bool sp_stats_latency_at(const struct sp_stats *s, uint32_t at, struct sp_stats_latency_row *row);
/* Effect: begins a new window; call after publishing. */
void sp_stats_window(struct sp_stats *s);

#endif
