/* SPDX-License-Identifier: Apache-2.0 */
#include "sp_stats_msg.h"

static bool put_counters(const struct sp_stats *stats, struct sp_packer *w)
{
    struct sp_stats_counter_row row;
    uint32_t cursor = 0;

    while (sp_stats_next_counter(stats, &cursor, &row)) {
        struct rec_counter c = {
            .type = row.type,
            .role = row.role,
            .outgoing = row.direction == SP_STATS_OUT,
            .messages = row.value.messages,
            .bytes = row.value.bytes,
            .dropped = row.value.dropped,
            .refused = row.value.refused,
        };

        if (rec_counter_put(w, &c) != SP_OK)
            return msg_stats_gauges(w) == SP_OK; /* more kinds than the message takes: the first ones are told */
    }
    return msg_stats_gauges(w) == SP_OK;
}

static bool put_levels(const struct sp_stats *stats, struct sp_packer *w)
{
    struct sp_stats_latency_row row;
    const char *name;
    uint64_t value;

    for (uint32_t i = 0; sp_stats_gauge_at(stats, i, &name, &value); i++) {
        struct rec_gauge g = {.name = sp_str_of(name), .value = value};

        if (rec_gauge_put(w, &g) != SP_OK)
            break;
    }
    if (msg_stats_latencies(w) != SP_OK)
        return false;
    for (uint32_t i = 0; sp_stats_latency_at(stats, i, &row); i++) {
        struct rec_latency l = {
            .name = sp_str_of(row.name), .count = row.count, .p50_us = row.p50_us, .p99_us = row.p99_us, .max_us = row.max_us};

        if (rec_latency_put(w, &l) != SP_OK)
            break;
    }
    return msg_stats_end(w) == SP_OK;
}

bool sp_stats_msg_encode(const struct sp_stats *stats, uint64_t boot, uint64_t uptime_ms, struct sp_packer *w)
{
    struct msg_stats m = {.boot = boot, .uptime_ms = uptime_ms};

    return msg_stats_begin(w, &m) == SP_OK && put_counters(stats, w) && put_levels(stats, w);
}
