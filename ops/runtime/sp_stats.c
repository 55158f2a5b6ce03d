/* SPDX-License-Identifier: Apache-2.0 */
#include "sp_stats.h"

#include <stdlib.h>

#define COUNTERS (SP_STATS_TYPES_MAX * SP_STATS_ROLES_MAX * 2u)
SP_STATIC_ASSERT(COUNTERS % 64 == 0, "whole words of bits");

struct gauge {
    const char *name;
    uint64_t value;
};

struct latency {
    const char *name;
    struct sp_stats_histogram total;
    struct sp_stats_histogram window;
};

struct sp_stats {
    struct sp_stats_counter counters[COUNTERS]; /* [type][role][direction] */
    uint64_t touched
        [COUNTERS /
         64]; /* bit per counter that was ever asked for: few of them are, and a look each second is not to walk through all */
    uint32_t gauge_count;
    struct gauge gauges[SP_STATS_GAUGES_MAX];
    uint32_t latency_count;
    struct latency latencies[SP_STATS_LATENCIES_MAX];
};

/* Values below 16 have a bucket each; above, the leading bit picks the group and the next four bits the step in it. */
static uint32_t bucket_of(uint64_t us)
{
    if (us < SP_STATS_STEPS) {
        return (uint32_t)us;
    }
    uint32_t top = 63u - (uint32_t)__builtin_clzll(us);
    uint32_t step = (uint32_t)(us >> (top - 4u)) & (SP_STATS_STEPS - 1u);
    uint32_t bucket = (top - 3u) * SP_STATS_STEPS + step;
    return bucket < SP_STATS_BUCKETS ? bucket : SP_STATS_BUCKETS - 1u;
}

/* Largest value of a bucket. */
static uint64_t edge_of(uint32_t bucket)
{
    if (bucket < SP_STATS_STEPS) {
        return bucket;
    }
    uint32_t shift = bucket / SP_STATS_STEPS - 1u;
    uint64_t first = (uint64_t)(SP_STATS_STEPS + bucket % SP_STATS_STEPS) << shift;
    return first + ((uint64_t)1 << shift) - 1u;
}

void sp_stats_histogram_add(struct sp_stats_histogram *h, uint64_t us)
{
    h->buckets[bucket_of(us)]++;
    h->count++;
    h->sum_us += us;
    h->max_us = us > h->max_us ? us : h->max_us;
}

uint64_t sp_stats_histogram_at(const struct sp_stats_histogram *h, unsigned permille)
{
    if (h->count == 0) {
        return 0;
    }
    uint64_t want = (h->count * permille + 999u) / 1000u;
    uint64_t seen = 0;
    want = want == 0 ? 1 : want;
    for (uint32_t i = 0; i < SP_STATS_BUCKETS; i++) {
        seen += h->buckets[i];
        if (seen >= want && i < SP_STATS_BUCKETS - 1u) {
            return edge_of(i) < h->max_us ? edge_of(i) : h->max_us;
        }
    }
    return h->max_us;
}

void sp_stats_histogram_reset(struct sp_stats_histogram *h)
{
    memset(h, 0, sizeof *h);
}

struct sp_stats *sp_stats_new(void)
{
    return calloc(1, sizeof(struct sp_stats));
}

void sp_stats_destroy(struct sp_stats **s)
{
    free(*s);
    *s = NULL;
}

struct sp_stats_counter *sp_stats_counter(struct sp_stats *s, uint16_t type, uint8_t role, enum sp_stats_direction direction)
{
    uint32_t t = type < SP_STATS_TYPES_MAX ? type : 0;
    uint32_t r = role < SP_STATS_ROLES_MAX ? role : 0;
    uint32_t at = (t * SP_STATS_ROLES_MAX + r) * 2u + (uint32_t)direction;
    s->touched[at / 64] |= 1ull << at % 64;
    return &s->counters[at];
}

uint32_t sp_stats_gauge(struct sp_stats *s, const char *name)
{
    SP_ASSERT(strlen(name) < SP_STATS_NAME_BYTES);
    for (uint32_t i = 0; i < s->gauge_count; i++) {
        if (strcmp(s->gauges[i].name, name) == 0) {
            return i;
        }
    }
    SP_ASSERT(s->gauge_count < SP_STATS_GAUGES_MAX);
    s->gauges[s->gauge_count].name = name;
    return s->gauge_count++;
}

void sp_stats_set(struct sp_stats *s, uint32_t gauge, uint64_t value)
{
    SP_ASSERT(gauge < s->gauge_count);
    s->gauges[gauge].value = value;
}

void sp_stats_add(struct sp_stats *s, uint32_t gauge, uint64_t more)
{
    SP_ASSERT(gauge < s->gauge_count);
    s->gauges[gauge].value += more;
}

uint32_t sp_stats_latency(struct sp_stats *s, const char *name)
{
    SP_ASSERT(strlen(name) < SP_STATS_NAME_BYTES);
    for (uint32_t i = 0; i < s->latency_count; i++) {
        if (strcmp(s->latencies[i].name, name) == 0) {
            return i;
        }
    }
    SP_ASSERT(s->latency_count < SP_STATS_LATENCIES_MAX);
    s->latencies[s->latency_count].name = name;
    return s->latency_count++;
}

void sp_stats_sample(struct sp_stats *s, uint32_t latency, uint64_t us)
{
    SP_ASSERT(latency < s->latency_count);
    sp_stats_histogram_add(&s->latencies[latency].total, us);
    sp_stats_histogram_add(&s->latencies[latency].window, us);
}

const struct sp_stats_histogram *sp_stats_histogram(const struct sp_stats *s, uint32_t latency)
{
    SP_ASSERT(latency < s->latency_count);
    return &s->latencies[latency].total;
}

bool sp_stats_next_counter(const struct sp_stats *s, uint32_t *cursor, struct sp_stats_counter_row *row)
{
    for (; *cursor < COUNTERS; (*cursor)++) {
        uint64_t left = s->touched[*cursor / 64] >> *cursor % 64;
        if (left == 0) {
            *cursor |= 63u; /* the next word */
            continue;
        }
        *cursor += (uint32_t)__builtin_ctzll(left);
        const struct sp_stats_counter *c = &s->counters[*cursor];
        if ((c->messages | c->bytes | c->dropped | c->refused) == 0) {
            continue;
        }
        row->type = (uint16_t)(*cursor / 2u / SP_STATS_ROLES_MAX);
        row->role = (uint8_t)(*cursor / 2u % SP_STATS_ROLES_MAX);
        row->direction = (enum sp_stats_direction)(*cursor % 2u);
        row->value = *c;
        (*cursor)++;
        return true;
    }
    return false;
}

bool sp_stats_gauge_at(const struct sp_stats *s, uint32_t at, const char **name, uint64_t *value)
{
    if (at >= s->gauge_count) {
        return false;
    }
    *name = s->gauges[at].name;
    *value = s->gauges[at].value;
    return true;
}

bool sp_stats_latency_at(const struct sp_stats *s, uint32_t at, struct sp_stats_latency_row *row)
{
    if (at >= s->latency_count) {
        return false;
    }
    const struct latency *l = &s->latencies[at];
    const struct sp_stats_histogram *h = l->window.count > 0 ? &l->window : &l->total;
    row->name = l->name;
    row->count = l->total.count;
    row->p50_us = sp_stats_histogram_at(h, 500);
    row->p99_us = sp_stats_histogram_at(h, 990);
    row->max_us = h->max_us;
    return true;
}

void sp_stats_window(struct sp_stats *s)
{
    for (uint32_t i = 0; i < s->latency_count; i++) {
        if (s->latencies[i].window.count > 0) {
            sp_stats_histogram_reset(&s->latencies[i].window);
        }
    }
}
