/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_run.h"

#include "ctl.h"
#include "ctl_gather.h"
#include "ctl_json.h"
#include "ctl_span.h"
#include "ctl_table.h"

#include "sp_assert.h"
#include "sp_selector.h"
#include "sp_str.h"

#include <string.h>

static void stats_counters(struct ctl *ctl, const json_t *process)
{
    char text[CTL_SPAN_MAX];
    size_t i;
    json_t *row;
    struct ctl_table *table = ctl_table_new("  MESSAGE|DIRECTION|PEER|>MESSAGES|>BYTES|>DROPPED|>REFUSED");
    json_array_foreach(json_object_get(process, "counters"), i, row)
    {
        ctl_table_format(table, "  %s", ctl_json_text(row, "type"));
        ctl_table_cell(table, ctl_json_text(row, "direction"));
        ctl_table_cell(table, ctl_json_text(row, "role"));
        ctl_table_cell(table, ctl_span_count((uint64_t)ctl_json_int(row, "messages", 0), text, sizeof text));
        ctl_table_cell(table, ctl_span_count((uint64_t)ctl_json_int(row, "bytes", 0), text, sizeof text));
        int64_t dropped = ctl_json_int(row, "dropped", 0);
        int64_t refused = ctl_json_int(row, "refused", 0);
        ctl_table_tone(table, dropped > 0 ? CTL_WARN : CTL_PLAIN, ctl_span_count((uint64_t)dropped, text, sizeof text));
        ctl_table_tone(table, refused > 0 ? CTL_WARN : CTL_PLAIN, ctl_span_count((uint64_t)refused, text, sizeof text));
    }
    ctl_table_print(table, &ctl->out, "  no message yet");
    ctl_table_destroy(&table);
}

static void stats_gauges(struct ctl *ctl, const json_t *process)
{
    const char *name;
    json_t *value;
    struct ctl_table *table = ctl_table_new("  GAUGE|>VALUE");
    json_object_foreach(json_object_get(process, "gauges"), name, value)
    {
        ctl_table_format(table, "  %s", name);
        ctl_table_format(table, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    }
    if (ctl_table_rows(table) > 0)
        ctl_table_print(table, &ctl->out, "");
    ctl_table_destroy(&table);
}

static void stats_latencies(struct ctl *ctl, const json_t *process)
{
    static const char *const columns[] = {"p50_us", "p99_us", "max_us"};
    char text[CTL_SPAN_MAX];
    const char *hop;
    json_t *row;
    struct ctl_table *table = ctl_table_new("  HOP|>SAMPLES|>P50|>P99|>MAX");
    json_object_foreach(json_object_get(process, "latencies"), hop, row)
    {
        ctl_table_format(table, "  %s", hop);
        ctl_table_cell(table, ctl_span_count((uint64_t)ctl_json_int(row, "count", 0), text, sizeof text));
        for (size_t c = 0; c < SP_COUNT(columns); c++)
            ctl_table_cell(table, ctl_span_micro((uint64_t)ctl_json_int(row, columns[c], 0), text, sizeof text));
    }
    if (ctl_table_rows(table) > 0)
        ctl_table_print(table, &ctl->out, "");
    ctl_table_destroy(&table);
}

static bool stats_wanted(const struct ctl *ctl, const json_t *process)
{
    const struct ctl_args *args = &ctl->args;
    for (size_t i = 0; i < args->names_count; i++) {
        if (strcmp(args->names[i], ctl_json_text(process, "role")) == 0 ||
            sp_selector_glob(sp_str_of(args->names[i]), sp_str_of(ctl_json_text(process, "name"))))
            return true;
    }
    return args->names_count == 0;
}

static void stats_process(struct ctl *ctl, const json_t *process)
{
    char span[CTL_SPAN_MAX];
    char safe[CTL_OUT_SAFE_MAX];
    ctl_out_tone(&ctl->out, CTL_BOLD, ctl_out_safe(safe, sizeof safe, ctl_json_text(process, "name")));
    ctl_out_print(&ctl->out, " (%s), up %s\n", ctl_json_text(process, "role"),
                  ctl_span_text(ctl_json_int(process, "uptime_ms", -1), span, sizeof span));
    stats_counters(ctl, process);
    stats_gauges(ctl, process);
    stats_latencies(ctl, process);
    ctl_out_print(&ctl->out, "\n");
}

int ctl_stats_run(struct ctl *ctl)
{
    struct ctl_fault fault;
    struct ctl_gather gather;
    const char *name;
    json_t *process;
    ctl_gather_open(&gather);
    if (!ctl_gather_refresh(ctl, &gather, &fault)) {
        ctl_gather_close(&gather);
        return ctl_fleet_fail(ctl, &fault);
    }
    json_t *shown = ctl_json_need(json_array());
    json_object_foreach(gather.latest, name, process)
    {
        if (!stats_wanted(ctl, process))
            continue;
        (void)json_object_del(process, "at_ms");
        (void)json_array_append(shown, process);
        if (!ctl->json)
            stats_process(ctl, process);
    }
    size_t count = json_array_size(shown);
    if (ctl->json)
        ctl_json_print(&ctl->out, shown);
    json_decref(shown);
    ctl_gather_close(&gather);
    if (count > 0)
        return CTL_OK;
    return ctl_fail(ctl, CTL_FAILED, NULL, "names are principals or roles; see spicectl key list",
                    ctl->args.names_count > 0 ? "no process of this name published statistics"
                                              : "no process published statistics yet");
}
