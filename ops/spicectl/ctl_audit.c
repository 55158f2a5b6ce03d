/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_run.h"

#include "ctl.h"
#include "ctl_fleet.h"
#include "ctl_json.h"
#include "ctl_query.h"
#include "ctl_table.h"

static void audit_print(struct ctl *ctl, const json_t *rows)
{
    size_t i;
    json_t *row;
    if (ctl->json) {
        ctl_json_print(&ctl->out, rows);
        return;
    }
    struct ctl_table *table = ctl_table_new(">SEQ|AT|ACTOR|WHAT|OBJECT|FROM|TO|WHY");
    json_array_foreach(rows, i, row)
    {
        ctl_table_format(table, "%ld", (long)ctl_json_int(row, "seq", 0));
        ctl_table_cell(table, ctl_json_text(row, "at"));
        ctl_table_cell(table, ctl_json_text(row, "actor"));
        ctl_table_cell(table, ctl_json_text(row, "what"));
        ctl_table_cell(table, ctl_json_text(row, "object"));
        ctl_table_tone(table, ctl_out_tone_of(ctl_json_text(row, "from")), ctl_json_text(row, "from"));
        ctl_table_tone(table, ctl_out_tone_of(ctl_json_text(row, "to")), ctl_json_text(row, "to"));
        ctl_table_cell(table, ctl_json_text(row, "why"));
    }
    ctl_table_print(table, &ctl->out, "The audit is empty.");
    ctl_table_destroy(&table);
}

int ctl_audit_list(struct ctl *ctl)
{
    return ctl_query_keeper(ctl, "audit.list", ctl_json_need(json_object()), audit_print);
}

static void audit_print_whole(struct ctl *ctl, const json_t *reply)
{
    const json_t *cut = json_object_get(reply, "cut");
    ctl_out_print(&ctl->out, "The audit is whole: %ld rows, head %s\n", (long)ctl_json_int(reply, "rows", 0),
                  ctl_json_text(reply, "head"));
    if (json_is_object(cut))
        ctl_out_print(&ctl->out,
                      "It begins after row %ld, hash %s; what was before is older than keeper.audit_keep and was cut off\n",
                      (long)ctl_json_int(cut, "seq", 0), ctl_json_text(cut, "hash"));
}

int ctl_audit_verify(struct ctl *ctl)
{
    json_t *reply;
    int code = ctl_fleet_ask(ctl, "keeper", "audit.verify", NULL, &reply);
    if (code != CTL_OK)
        return code;
    bool good = ctl_json_true(reply, "ok");
    if (ctl->json)
        ctl_json_print(&ctl->out, reply);
    else if (good)
        audit_print_whole(ctl, reply);
    if (!good)
        code = ctl_fail(ctl, CTL_FAILED, "keeper", "keep the store as evidence and look for who could write to it",
                        "the audit was altered at row %ld of %ld", (long)ctl_json_int(reply, "bad_seq", -1),
                        (long)ctl_json_int(reply, "rows", 0));
    json_decref(reply);
    return code;
}
