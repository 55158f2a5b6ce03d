/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_result.h"

#include "ctl_json.h"
#include "ctl_query.h"
#include "ctl_run.h"
#include "ctl_span.h"
#include "ctl_table.h"

#define RESULT_LIMIT_MAX 1000000u

void ctl_result_print(struct ctl *ctl, const json_t *rows)
{
    char span[CTL_SPAN_MAX];
    size_t i;
    json_t *row;
    if (ctl->json) {
        ctl_json_print(&ctl->out, rows);
        return;
    }
    struct ctl_table *table = ctl_table_new("NODE|CHECK|OUTCOME|>AGE|>REMAINING|>STREAK|WORKER|JOB|DETAIL");
    json_array_foreach(rows, i, row)
    {
        const char *outcome = ctl_json_text(row, "outcome");
        ctl_table_cell(table, ctl_json_text(row, "node"));
        ctl_table_cell(table, ctl_json_text(row, "check"));
        ctl_table_tone(table, ctl_out_tone_of(outcome), outcome);
        ctl_table_cell(table, ctl_span_text(ctl_json_int(row, "age_ms", -1), span, sizeof span));
        ctl_table_cell(table, ctl_span_text(ctl_json_int(row, "remaining_ms", -1), span, sizeof span));
        ctl_table_format(table, "%ld", (long)ctl_json_int(row, "streak", 0));
        ctl_table_cell(table, ctl_json_text(row, "worker"));
        ctl_table_cell(table, ctl_json_text(row, "job"));
        const char *detail = ctl_json_text(row, "detail");
        ctl_table_cell(table, detail[0] != '\0' ? detail : ctl_json_text(row, "reason"));
    }
    ctl_table_print(table, &ctl->out,
                    ctl_args_has(&ctl->args, CTL_OPT_NODE) || ctl_args_has(&ctl->args, CTL_OPT_CHECK)
                        ? "No result of this node and check. Are the names right? spicectl node list, check list"
                        : "No result yet. Is a check in force? spicectl check list");
    ctl_table_destroy(&table);
}

int ctl_result_list(struct ctl *ctl)
{
    return ctl_query_keeper(ctl, "result.list", ctl_json_need(json_object()), ctl_result_print);
}

static void result_history(struct ctl *ctl, const json_t *rows)
{
    size_t i;
    json_t *row;
    if (ctl->json) {
        ctl_json_print(&ctl->out, rows);
        return;
    }
    struct ctl_table *table = ctl_table_new("CHECK|OUTCOME|FIRST|LAST|>COUNT|REASON");
    json_array_foreach(rows, i, row)
    {
        const char *outcome = ctl_json_text(row, "outcome");
        ctl_table_cell(table, ctl_json_text(row, "check"));
        ctl_table_tone(table, ctl_out_tone_of(outcome), outcome);
        ctl_table_cell(table, ctl_json_text(row, "first"));
        ctl_table_cell(table, ctl_json_text(row, "last"));
        ctl_table_format(table, "%ld", (long)ctl_json_int(row, "count", 0));
        ctl_table_cell(table, ctl_json_text(row, "reason"));
    }
    ctl_table_print(table, &ctl->out, "No result of this node and check was kept.");
    ctl_table_destroy(&table);
}

int ctl_result_history(struct ctl *ctl)
{
    const struct ctl_args *given = &ctl->args;
    json_t *args = ctl_json_need(json_pack("{s:s}", "node", given->names[0]));
    if (given->names_count > 1)
        (void)json_object_set_new(args, "check", ctl_json_need(json_string(given->names[1])));
    return ctl_query_keeper(ctl, "result.history", args, result_history);
}
