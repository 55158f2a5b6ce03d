/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_run.h"

#include "ctl.h"
#include "ctl_fleet.h"
#include "ctl_json.h"
#include "ctl_pick.h"
#include "ctl_span.h"
#include "ctl_table.h"

#include "msg.h"
#include "sp_assert.h"

#include <string.h>

static void explain_checks(struct ctl *ctl, const json_t *checks)
{
    char span[CTL_SPAN_MAX];
    size_t i;
    json_t *row;
    struct ctl_table *table = ctl_table_new("  CHECK|ROLE|OUTCOME|TIER|>AGE|>REMAINING|>STREAK|WHY");
    json_array_foreach(checks, i, row)
    {
        const char *outcome = ctl_json_text(row, "outcome");
        const char *tier = ctl_json_text(row, "tier");
        const char *runbook = ctl_json_text(row, "runbook");
        bool told = runbook[0] != '\0' && strcmp(tier, "pass") != 0;
        ctl_table_format(table, "  %s", ctl_json_text(row, "check"));
        ctl_table_cell(table, ctl_json_text(row, "role"));
        ctl_table_tone(table, ctl_out_tone_of(outcome), outcome);
        ctl_table_tone(table, ctl_out_tone_of(tier), tier);
        ctl_table_cell(table, ctl_span_text(ctl_json_int(row, "age_ms", -1), span, sizeof span));
        ctl_table_cell(table, ctl_span_text(ctl_json_int(row, "remaining_ms", -1), span, sizeof span));
        ctl_table_format(table, "%ld", (long)ctl_json_int(row, "streak", 0));
        ctl_table_format(table, "%s%s%s", ctl_json_text(row, "why"), told ? "; see " : "", told ? runbook : "");
    }
    ctl_table_print(table, &ctl->out, "  This pool has no check, so it admits nobody.");
    ctl_table_destroy(&table);
}

/* What stands behind evidence of the node's TPM, when it is less than a maker's certificate. */
static void explain_enrolment(struct ctl *ctl, const char *word)
{
    static const struct {
        const char *word, *text;
    } rows[] = {
        {"first_use", "enrolled at FIRST USE: no maker vouches for its TPM"},
        {"withdrawn", "no longer enrolled: evidence of its TPM counts for nothing"},
        {"doubted", "enrolment in doubt, for the keeper's store is not the one it was: enrol it again"},
        {"foreign", "enrolled under another key of the node: counts for nothing"},
        {"no_attester", "enrolled, and its attester is revoked, gone or has other keys: counts for nothing"},
    };
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        if (strcmp(word, rows[i].word) != 0)
            continue;
        ctl_out_print(&ctl->out, "identity: ");
        ctl_out_tone(&ctl->out, CTL_WARN, rows[i].text);
        ctl_out_print(&ctl->out, "\n");
    }
}

static void explain_pool(struct ctl *ctl, const char *name, const json_t *pool)
{
    char span[CTL_SPAN_MAX];
    char safe[CTL_OUT_SAFE_MAX];
    struct ctl_out *out = &ctl->out;
    bool member = ctl_json_true(pool, "member");
    ctl_out_print(out, "\npool %s: ", ctl_out_safe(safe, sizeof safe, name));
    ctl_out_tone(out, member ? CTL_GOOD : CTL_BAD, member ? "IN" : "NOT IN");
    const char *since = ctl_json_text(pool, "since");
    if (since[0] != '\0')
        ctl_out_print(out, " since %s", ctl_out_safe(safe, sizeof safe, since));
    if (member)
        ctl_out_print(out, ", for %s more if nothing passes again",
                      ctl_span_text(ctl_json_int(pool, "remaining_ms", -1), span, sizeof span));
    ctl_out_print(out, "\n  why: %s\n", ctl_out_safe(safe, sizeof safe, ctl_json_text(pool, "why")));
    explain_checks(ctl, json_object_get(pool, "checks"));
}

int ctl_explain_run(struct ctl *ctl)
{
    const char *wanted = ctl->args.values[CTL_OPT_POOL];
    char safe[CTL_OUT_SAFE_MAX];
    const char *name;
    json_t *pool;
    json_t *reply;
    size_t shown = 0;
    json_t *args = ctl_json_need(json_pack("{s:s}", "node", ctl->args.names[0]));
    struct ctl_fault fault;
    int code = CTL_OK;
    if (!ctl_fleet_try(ctl, "keeper", "explain", args, &reply, &fault))
        return fault.code == SP_REFUSAL_NOT_FOUND ? ctl_pick_unknown(ctl, "node", "keeper", ctl->args.names[0])
                                                  : ctl_fleet_fail(ctl, &fault);
    json_t *pools = json_object_get(reply, "pools");
    if (wanted != NULL && json_object_get(pools, wanted) == NULL)
        code = ctl_fail(ctl, CTL_FAILED, NULL, "see spicectl pool list", "no pool \"%s\" is about this node", wanted);
    else if (ctl->json)
        ctl_json_print(&ctl->out, reply);
    else
        ctl_out_print(&ctl->out, "node %s\n", ctl_out_safe(safe, sizeof safe, ctl_json_text(reply, "node")));
    if (code == CTL_OK && !ctl->json)
        explain_enrolment(ctl, ctl_json_text(reply, "enrolment"));
    json_object_foreach(pools, name, pool)
    {
        if (code != CTL_OK || ctl->json || (wanted != NULL && strcmp(wanted, name) != 0))
            continue;
        explain_pool(ctl, name, pool);
        shown++;
    }
    if (code == CTL_OK && !ctl->json && shown == 0)
        ctl_out_print(&ctl->out, "No pool selects this node. See: spicectl pool list\n");
    json_decref(reply);
    return code;
}
