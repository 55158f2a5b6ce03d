/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_run.h"

#include "ctl.h"
#include "ctl_gather.h"
#include "ctl_json.h"
#include "ctl_span.h"
#include "ctl_table.h"

#include <string.h>

/* Of two bridges the one that can prove more. */
static bool trait_better(const json_t *a, const json_t *b)
{
    bool follows = ctl_json_true(a, "following"), other = ctl_json_true(b, "following");
    if (follows != other)
        return follows;
    return ctl_json_int(a, "proof_remaining_ms", 0) > ctl_json_int(b, "proof_remaining_ms", 0);
}

static void trait_head(struct ctl *ctl, const json_t *view)
{
    char span[CTL_SPAN_MAX], safe[CTL_OUT_SAFE_MAX];
    struct ctl_out *out = &ctl->out;
    ctl_out_print(out, "%s: ", ctl_out_safe(safe, sizeof safe, ctl_json_text(view, "bridge")));
    if (ctl_json_true(view, "following"))
        ctl_out_print(out, "follows the keeper; its proof holds for %s more",
                      ctl_span_text(ctl_json_int(view, "proof_remaining_ms", 0), span, sizeof span));
    else
        ctl_out_tone(out, CTL_BAD, "NOT FOLLOWING: nothing is put on, and what is on goes when its time is over");
    if (!ctl_json_true(view, "reconciled"))
        ctl_out_tone(out, CTL_WARN, "; it has not yet looked at all providers");
    if (ctl_json_true(view, "failing"))
        ctl_out_tone(out, CTL_BAD, "; placement does not answer");
    if (ctl_json_true(view, "cut"))
        ctl_out_tone(out, CTL_WARN, "; more rows than are shown: ask for one --pool or --node");
    ctl_out_print(out, "\n");
}

static enum ctl_tone trait_tone(const char *state)
{
    if (strcmp(state, "on") == 0)
        return CTL_GOOD;
    return strcmp(state, "coming") == 0 || strcmp(state, "going") == 0 || strcmp(state, "held") == 0 ? CTL_WARN : CTL_BAD;
}

static void trait_table(struct ctl *ctl, const json_t *view)
{
    char span[CTL_SPAN_MAX];
    size_t i;
    json_t *row;
    struct ctl_table *table = ctl_table_new("NODE|TRAIT|STATE|>REMAINING|WHY");
    json_array_foreach(json_object_get(view, "entries"), i, row)
    {
        const char *state = ctl_json_text(row, "state");
        int64_t left = ctl_json_int(row, "remaining_ms", 0);
        ctl_table_cell(table, ctl_json_text(row, "node"));
        ctl_table_cell(table, ctl_json_text(row, "trait"));
        ctl_table_tone(table, trait_tone(state), state);
        ctl_table_cell(table, left > 0 ? ctl_span_text(left, span, sizeof span) : "");
        ctl_table_cell(table, ctl_json_text(row, "why"));
    }
    ctl_table_print(table, &ctl->out, "No provider and no node. Give a pool a trait: spice-definitions(5)");
    ctl_table_destroy(&table);
}

int ctl_trait_status(struct ctl *ctl)
{
    json_t *views;
    int code = ctl_gather_bridges(ctl, "trait.list", "traits are kept by a spice-bridge with bridge.placement.url", &views);
    if (code != CTL_OK)
        return code;
    const json_t *best = json_array_get(views, 0);
    for (size_t i = 1; i < json_array_size(views); i++)
        best = trait_better(json_array_get(views, i), best) ? json_array_get(views, i) : best;
    if (ctl->json) {
        ctl_json_print(&ctl->out, views);
    } else {
        trait_head(ctl, best);
        trait_table(ctl, best);
    }
    if (!ctl_json_true(best, "following"))
        code = ctl_fail(ctl, CTL_NO_FLEET, "keeper", "is it running? try: spicectl doctor", "no bridge can prove the pools");
    json_decref(views);
    return code;
}
