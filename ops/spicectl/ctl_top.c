/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_run.h"

#include "ctl.h"
#include "ctl_fleet.h"
#include "ctl_gather.h"
#include "ctl_json.h"
#include "ctl_span.h"
#include "ctl_table.h"

#include "sp_clock.h"
#include "sp_time.h"

#include <string.h>

#define TOP_REFRESH_MS 1000u
#define TOP_FIRST_MS   6000u
#define TOP_QUIET_MS   5000 /* a process that published nothing for so long is shown as quiet */
#define TOP_GAUGES_MAX 4    /* gauges in the line of a process */
#define TOP_LINE_MAX   512

static const char top_home[] = "\033[H\033[2J";

static void top_rate(struct ctl_table *table, double rate)
{
    if (rate < 0)
        ctl_table_cell(table, "");
    else
        ctl_table_format(table, rate < 10 ? "%.1f" : "%.0f", rate);
}

/* The gauges that moved say most; the first few that are not zero are shown. */
static void top_gauges(struct ctl_table *table, const json_t *process)
{
    char line[TOP_LINE_MAX] = "";
    char number[CTL_SPAN_MAX];
    const char *name;
    json_t *value;
    size_t used = 0;
    int shown = 0;
    json_object_foreach(json_object_get(process, "gauges"), name, value)
    {
        if (json_integer_value(value) == 0 || shown == TOP_GAUGES_MAX)
            continue;
        int n = snprintf(line + used, sizeof line - used, "%s%s %s", shown > 0 ? ", " : "", name,
                         ctl_span_count((uint64_t)json_integer_value(value), number, sizeof number));
        if (n < 0 || (size_t)n >= sizeof line - used)
            break;
        used += (size_t)n;
        shown++;
    }
    ctl_table_cell(table, line);
}

static void top_worst(struct ctl_table *table, const json_t *process)
{
    char text[CTL_SPAN_MAX];
    const char *hop;
    const char *slowest = NULL;
    json_t *row;
    int64_t worst = -1;
    json_object_foreach(json_object_get(process, "latencies"), hop, row)
    {
        int64_t us = ctl_json_int(row, "p99_us", 0);
        if (us > worst) {
            worst = us;
            slowest = hop;
        }
    }
    if (slowest == NULL)
        ctl_table_cell(table, "");
    else
        ctl_table_format(table, "%s %s", slowest, ctl_span_micro((uint64_t)worst, text, sizeof text));
}

static int64_t top_lost(const json_t *process)
{
    size_t i;
    json_t *row;
    int64_t sum = 0;
    json_array_foreach(json_object_get(process, "counters"), i, row)
    {
        sum += ctl_json_int(row, "dropped", 0) + ctl_json_int(row, "refused", 0);
    }
    return sum;
}

/* Connected to a broker, or one itself; idle processes publish seldom, so silence of statistics says nothing. */
static bool top_is_here(const json_t *process, const json_t *peers)
{
    return strcmp(ctl_json_text(process, "role"), "broker") == 0 || json_object_get(peers, ctl_json_text(process, "name")) != NULL;
}

static void top_processes(struct ctl *ctl, const struct ctl_gather *gather, const json_t *peers)
{
    char text[CTL_SPAN_MAX];
    const char *name;
    json_t *process;
    int64_t now_ms = (int64_t)sp_mono_ms(sp_clock_read().mono);
    struct ctl_table *table = ctl_table_new("PROCESS|ROLE|>UP|>IN/S|>OUT/S|>LOST|SLOWEST HOP P99|GAUGES");
    json_object_foreach(gather->latest, name, process)
    {
        bool here = top_is_here(process, peers);
        int64_t up_ms = ctl_json_int(process, "uptime_ms", 0) + now_ms - ctl_json_int(process, "at_ms", now_ms);
        ctl_table_tone(table, here ? CTL_PLAIN : CTL_BAD, name);
        ctl_table_cell(table, ctl_json_text(process, "role"));
        ctl_table_cell(table, here ? ctl_span_text(up_ms, text, sizeof text) : "away");
        top_rate(table, ctl_gather_rate(gather, name, false));
        top_rate(table, ctl_gather_rate(gather, name, true));
        int64_t lost = top_lost(process);
        ctl_table_tone(table, lost > 0 ? CTL_WARN : CTL_PLAIN, ctl_span_count((uint64_t)lost, text, sizeof text));
        top_worst(table, process);
        top_gauges(table, process);
    }
    ctl_table_print(table, &ctl->out, "no process published statistics yet");
    ctl_table_destroy(&table);
}

static void top_pools(struct ctl *ctl, const json_t *pools)
{
    size_t i;
    json_t *row;
    json_array_foreach(pools, i, row)
    {
        int64_t in = ctl_json_int(row, "members", 0);
        int64_t of = ctl_json_int(row, "eligible_nodes", 0);
        char line[TOP_LINE_MAX];
        char safe[CTL_OUT_SAFE_MAX];
        (void)snprintf(line, sizeof line, "pool %s: %ld of %ld nodes", ctl_json_text(row, "name"), (long)in, (long)of);
        ctl_out_tone(&ctl->out, in == of ? CTL_GOOD : CTL_WARN, ctl_out_safe(safe, sizeof safe, line));
        ctl_out_print(&ctl->out, "\n");
    }
}

struct top_world {
    json_t *pools;
    json_t *peers;
    const char *trouble; /* "" when all answered */
};

static void top_picture(struct ctl *ctl, const struct ctl_gather *gather, const struct top_world *world, bool live)
{
    char at[32];
    char safe[CTL_OUT_SAFE_MAX];
    sp_time_format_wall(sp_clock_read().wall, at, sizeof at);
    ctl_out_print(&ctl->out, "%sSPICE at %s%s\n\n", live && ctl->out.columns > 0 ? top_home : "", at,
                  live ? "   (Ctrl-C ends)" : "");
    top_pools(ctl, world->pools);
    if (world->trouble[0] != '\0') {
        ctl_out_tone(&ctl->out, CTL_BAD, ctl_out_safe(safe, sizeof safe, world->trouble));
        ctl_out_print(&ctl->out, "\n");
    }
    ctl_out_print(&ctl->out, "\n");
    top_processes(ctl, gather, world->peers);
    (void)fflush(ctl->out.file);
}

static void top_json(struct ctl *ctl, const struct ctl_gather *gather, const json_t *pools)
{
    const char *name;
    json_t *process;
    json_t *shown = ctl_json_need(json_object());
    json_object_foreach(gather->latest, name, process)
    {
        json_t *row = ctl_json_need(json_copy(process));
        (void)json_object_del(row, "at_ms"); /* our own note of when it came */
        (void)json_object_set_new(shown, name, row);
    }
    json_t *picture = ctl_json_need(json_pack("{s:O?, s:o}", "pools", pools, "processes", shown));
    ctl_json_line(&ctl->out, picture);
    json_decref(picture);
    (void)fflush(ctl->out.file);
}

/* One picture; false: a signal asked us to end. */
static bool top_once(struct ctl *ctl, struct ctl_gather *gather, bool live)
{
    struct ctl_fault fault = {0};
    struct ctl_fault other;
    struct top_world world = {.trouble = fault.error};
    (void)ctl_gather_refresh(ctl, gather, &other);
    world.peers = ctl_gather_peers(ctl, &other);
    (void)ctl_fleet_try(ctl, "keeper", "pool.list", NULL, &world.pools, &fault);
    if (ctl->json)
        top_json(ctl, gather, world.pools);
    else
        top_picture(ctl, gather, &world, live);
    json_decref(world.pools);
    json_decref(world.peers);
    return !live || ctl_fleet_pause(ctl, TOP_REFRESH_MS);
}

int ctl_top_run(struct ctl *ctl)
{
    struct ctl_fault fault;
    struct ctl_gather gather;
    uint64_t span_ms = UINT64_MAX;
    const char *span = ctl->args.values[CTL_OPT_FOR];
    bool live = !ctl_args_has(&ctl->args, CTL_OPT_ONCE);
    if (span != NULL && !sp_time_parse_span(sp_str_of(span), &span_ms))
        return ctl_fail(ctl, CTL_USAGE, "--for", "write 10s or 5m", "\"%s\" is no span of time", span);
    if (!ctl_fleet_open(ctl, &fault))
        return ctl_fleet_fail(ctl, &fault);
    uint64_t start = sp_mono_ms(sp_clock_read().mono);
    ctl_gather_open(&gather);
    while (top_once(ctl, &gather, live) && live && sp_mono_ms(sp_clock_read().mono) - start < span_ms)
        ;
    ctl_gather_close(&gather);
    return CTL_OK;
}
