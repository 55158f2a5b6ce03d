/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_run.h"

#include "ctl.h"
#include "ctl_gather.h"
#include "ctl_json.h"
#include "ctl_span.h"
#include "ctl_table.h"

#include <string.h>

/* Of two bridges the one that knows more: it follows, its list is not stale, and is younger. */
static bool exposure_better(const json_t *a, const json_t *b)
{
    bool follows = ctl_json_true(a, "following"), other = ctl_json_true(b, "following");
    bool recent = !ctl_json_true(a, "stale"), also = !ctl_json_true(b, "stale");
    if (follows != other)
        return follows;
    if (recent != also)
        return recent;
    return ctl_json_int(a, "list_age_ms", INT64_MAX) < ctl_json_int(b, "list_age_ms", INT64_MAX);
}

static void exposure_head(struct ctl *ctl, const json_t *view)
{
    char span[CTL_SPAN_MAX], safe[CTL_OUT_SAFE_MAX];
    int64_t age = ctl_json_int(view, "list_age_ms", -1);
    ctl_out_print(&ctl->out, "%s: ", ctl_out_safe(safe, sizeof safe, ctl_json_text(view, "bridge")));
    if (age < 0)
        ctl_out_tone(&ctl->out, CTL_BAD, "no list of servers yet");
    else
        ctl_out_print(&ctl->out, "%ld demands of servers, as listed %s ago", (long)ctl_json_int(view, "demanding", 0),
                      ctl_span_text(age, span, sizeof span));
    if (age >= 0 && ctl_json_true(view, "stale"))
        ctl_out_tone(&ctl->out, CTL_BAD, "; STALE: Nova does not answer");
    if (!ctl_json_true(view, "following"))
        ctl_out_tone(&ctl->out, CTL_BAD, "; the pool is not known now, what follows is from before");
    if (ctl_json_true(view, "cut"))
        ctl_out_tone(&ctl->out, CTL_WARN, "; not all servers could be kept");
    ctl_out_print(&ctl->out, "\n");
}

static void exposure_table(struct ctl *ctl, const json_t *view)
{
    size_t i;
    json_t *row;
    struct ctl_table *table = ctl_table_new("SERVER|PROJECT|NODE|POOL|TIER|SINCE|WHY");
    json_array_foreach(json_object_get(view, "exposed"), i, row)
    {
        const char *tier = ctl_json_text(row, "tier");
        ctl_table_cell(table, ctl_json_text(row, "server"));
        ctl_table_cell(table, ctl_json_text(row, "project"));
        ctl_table_cell(table, ctl_json_text(row, "node"));
        ctl_table_cell(table, ctl_json_text(row, "pool"));
        ctl_table_tone(table, ctl_out_tone_of(tier), tier);
        ctl_table_cell(table, ctl_json_text(row, "since"));
        ctl_table_cell(table, ctl_json_text(row, "why"));
    }
    bool known = ctl_json_int(view, "list_age_ms", -1) >= 0;
    ctl_table_print(table, &ctl->out, known ? "No server that demanded a pool is outside of it." : "Nothing is known.");
    ctl_table_destroy(&table);
}

static void exposure_actions(struct ctl *ctl, const json_t *views)
{
    char safe[CTL_OUT_SAFE_MAX];
    size_t i, k;
    json_t *view, *row;
    struct ctl_table *table = ctl_table_new("COMPUTE HOST|NODE|POOL|STATE|BRIDGE|REASON");
    json_array_foreach(views, i, view)
    {
        const json_t *action = json_object_get(view, "action");
        const char *hold = ctl_json_text(action, "hold");
        if (hold[0] != '\0')
            ctl_note(ctl, "%s holds its actions: %s", ctl_json_text(view, "bridge"), ctl_out_safe(safe, sizeof safe, hold));
        json_array_foreach(json_object_get(action, "records"), k, row)
        {
            ctl_table_cell(table, ctl_json_text(row, "compute_host"));
            ctl_table_cell(table, ctl_json_text(row, "node"));
            ctl_table_cell(table, ctl_json_text(row, "pool"));
            ctl_table_cell(table, ctl_json_text(row, "state"));
            ctl_table_cell(table, ctl_json_text(view, "bridge"));
            ctl_table_cell(table, ctl_json_text(row, "reason"));
        }
    }
    if (ctl_table_rows(table) > 0) {
        ctl_out_print(&ctl->out, "\n");
        ctl_table_print(table, &ctl->out, "");
    }
    ctl_table_destroy(&table);
}

int ctl_exposure_run(struct ctl *ctl)
{
    json_t *views;
    int code = ctl_gather_bridges(ctl, "exposure.list", "servers are seen by a spice-bridge with bridge.compute.url", &views);
    if (code != CTL_OK)
        return code;
    const json_t *best = json_array_get(views, 0);
    for (size_t i = 1; i < json_array_size(views); i++)
        best = exposure_better(json_array_get(views, i), best) ? json_array_get(views, i) : best;
    if (ctl->json) {
        ctl_json_print(&ctl->out, views);
    } else {
        exposure_head(ctl, best);
        exposure_table(ctl, best);
        exposure_actions(ctl, views);
    }
    json_decref(views);
    return CTL_OK;
}
