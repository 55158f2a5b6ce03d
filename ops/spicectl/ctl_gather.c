/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_gather.h"

#include "ctl_fleet.h"
#include "ctl_json.h"

#include "msg.h"
#include "sp_bus.h"
#include "sp_clock.h"

#include <string.h>

#define GATHER_TURN_MS  50u
#define GATHER_NAME_MAX 64

static json_t *gather_counters(const struct msg_stats *stats)
{
    struct sp_list list = stats->counters;
    struct rec_counter row;
    json_t *all = ctl_json_need(json_array());
    while (rec_counter_next(&list, &row)) {
        json_t *one =
            json_pack("{s:i, s:s, s:s, s:s, s:I, s:I, s:I, s:I}", "type", (int)row.type, "message", msg_name(row.type), "role",
                      sp_role_name(row.role), "direction", row.outgoing ? "out" : "in", "messages", (json_int_t)row.messages,
                      "bytes", (json_int_t)row.bytes, "dropped", (json_int_t)row.dropped, "refused", (json_int_t)row.refused);
        (void)json_array_append_new(all, ctl_json_need(one));
    }
    return all;
}

static json_t *gather_gauges(const struct msg_stats *stats)
{
    struct sp_list list = stats->gauges;
    struct rec_gauge row;
    char name[GATHER_NAME_MAX];
    json_t *all = ctl_json_need(json_object());
    while (rec_gauge_next(&list, &row)) {
        (void)sp_str_copy(name, sizeof name, row.name);
        (void)json_object_set_new(all, name, ctl_json_need(json_integer((json_int_t)row.value)));
    }
    return all;
}

static json_t *gather_latencies(const struct msg_stats *stats)
{
    struct sp_list list = stats->latencies;
    struct rec_latency row;
    char name[GATHER_NAME_MAX];
    json_t *all = ctl_json_need(json_array());
    while (rec_latency_next(&list, &row)) {
        (void)sp_str_copy(name, sizeof name, row.name);
        json_t *one = json_pack("{s:s, s:I, s:I, s:I, s:I}", "hop", name, "count", (json_int_t)row.count, "p50_us",
                                (json_int_t)row.p50_us, "p99_us", (json_int_t)row.p99_us, "max_us", (json_int_t)row.max_us);
        (void)json_array_append_new(all, ctl_json_need(one));
    }
    return all;
}

static void gather_on_message(void *self, const struct sp_bus_message *message)
{
    struct ctl_gather *gather = self;
    struct msg_stats stats;
    if (message->type != SP_MSG_STATS || msg_stats_decode(message->body, message->body_bytes, &stats) != SP_OK)
        return;
    const char *name = message->from->name;
    json_t *process =
        json_pack("{s:s, s:s, s:I, s:I, s:o, s:o, s:o}", "name", name, "role", sp_role_name(message->from->role), "uptime_ms",
                  (json_int_t)stats.uptime_ms, "at_ms", (json_int_t)sp_mono_ms(sp_clock_read().mono), "counters",
                  gather_counters(&stats), "gauges", gather_gauges(&stats), "latencies", gather_latencies(&stats));
    (void)ctl_json_need(process);
    json_t *old = json_object_get(gather->latest, name);
    if (old != NULL) {
        gather->rounds += json_object_get(gather->before, name) == NULL ? 1 : 0;
        (void)json_object_set(gather->before, name, old);
    }
    (void)json_object_set_new(gather->latest, name, process);
}

void ctl_gather_open(struct ctl *ctl, struct ctl_gather *gather)
{
    memset(gather, 0, sizeof *gather);
    gather->latest = ctl_json_need(json_object());
    gather->before = ctl_json_need(json_object());
    ctl_fleet_watch(ctl, gather_on_message, gather);
}

bool ctl_gather_round(struct ctl *ctl, struct ctl_gather *gather, uint32_t wait_ms)
{
    uint64_t end = sp_clock_mono_ns() + (uint64_t)wait_ms * 1000000u;
    /* Processes publish at one interval: once somebody is heard a second time, everybody was heard once. */
    while (gather->rounds == 0 && sp_clock_mono_ns() < end) {
        if (!ctl_fleet_turn(ctl, GATHER_TURN_MS))
            return false;
    }
    return true;
}

void ctl_gather_close(struct ctl *ctl, struct ctl_gather *gather)
{
    if (ctl->fleet != NULL)
        ctl_fleet_watch(ctl, NULL, NULL);
    json_decref(gather->latest);
    json_decref(gather->before);
    memset(gather, 0, sizeof *gather);
}

int64_t ctl_gather_gauge(const json_t *process, const char *name, int64_t fallback)
{
    return ctl_json_int(json_object_get(process, "gauges"), name, fallback);
}

static int64_t gather_messages(const json_t *process, const char *direction)
{
    size_t i;
    json_t *row;
    int64_t sum = 0;
    json_array_foreach(json_object_get(process, "counters"), i, row)
    {
        if (strcmp(ctl_json_text(row, "direction"), direction) == 0)
            sum += ctl_json_int(row, "messages", 0);
    }
    return sum;
}

double ctl_gather_rate(const struct ctl_gather *gather, const char *name, bool outgoing)
{
    const json_t *now = json_object_get(gather->latest, name);
    const json_t *old = json_object_get(gather->before, name);
    const char *direction = outgoing ? "out" : "in";
    int64_t span = ctl_json_int(now, "at_ms", 0) - ctl_json_int(old, "at_ms", 0);
    if (now == NULL || old == NULL || span <= 0)
        return -1;
    return (double)(gather_messages(now, direction) - gather_messages(old, direction)) * 1000.0 / (double)span;
}
