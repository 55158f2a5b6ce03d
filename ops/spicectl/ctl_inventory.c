/* SPDX-License-Identifier: Apache-2.0 */
/* How the cloud's own list of compute nodes differs from the registry, and saying yes to what waits for it. */
#include "ctl_run.h"

#include "ctl.h"
#include "ctl_cmd.h"
#include "ctl_fleet.h"
#include "ctl_json.h"
#include "ctl_pick.h"
#include "ctl_span.h"
#include "ctl_table.h"

#include "sp_assert.h"
#include "sp_str.h"

#include <stdlib.h>
#include <string.h>

#define INVENTORY_WORD(x) #x,

/* A misspelt kind would show no difference where there is one. Returns the exit code, error printed. */
static int inventory_kind(struct ctl *ctl)
{
    static const char *const kinds[] = {CTL_INVENTORY_KINDS(INVENTORY_WORD)};
    const char *kind = ctl->args.values[CTL_OPT_KIND];
    char hint[64];
    for (size_t i = 0; kind != NULL && i < SP_COUNT(kinds); i++)
        kind = strcmp(kind, kinds[i]) == 0 ? NULL : kind;
    if (kind == NULL)
        return CTL_OK;
    const char *near = sp_str_nearest(sp_str_of(kind), kinds, SP_COUNT(kinds));
    (void)snprintf(hint, sizeof hint, near != NULL ? "did you mean %s?" : "man spicectl lists them", near);
    return ctl_fail(ctl, CTL_USAGE, "--kind", hint, "no kind \"%s\"", kind);
}

/* Kind and names of the command line; a name may be the node's or what the cloud calls it. */
static json_t *inventory_rows(struct ctl *ctl, const json_t *reply)
{
    const char *kind = ctl->args.values[CTL_OPT_KIND];
    json_t *kept = ctl_json_need(json_array());
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(reply, "list"), i, row)
    {
        bool wanted = kind == NULL || strcmp(kind, ctl_json_text(row, "kind")) == 0;
        if (wanted && ctl_pick_wants(ctl, row, ctl->args.names, ctl->args.names_count))
            (void)json_array_append(kept, row);
    }
    return kept;
}

static void inventory_table(struct ctl *ctl, const json_t *reply, const json_t *rows)
{
    size_t i;
    json_t *row;
    char span[CTL_SPAN_MAX];
    int64_t age = ctl_json_int(reply, "age_ms", -1);
    struct ctl_table *table = ctl_table_new("NODE|KIND|STATE|IN THE CLOUD|ACCEPT|WHY");
    json_array_foreach(rows, i, row)
    {
        const char *state = ctl_json_text(row, "state");
        ctl_table_cell(table, ctl_json_text(row, "name"));
        ctl_table_cell(table, ctl_json_text(row, "kind"));
        ctl_table_tone(table, ctl_out_tone_of(state), state);
        ctl_table_cell(table, ctl_json_text(row, "cloud_name"));
        ctl_table_cell(table, ctl_json_true(row, "accept") ? "yes" : "");
        ctl_table_cell(table, ctl_json_text(row, "why"));
    }
    if (age < 0)
        ctl_note(ctl, "no bridge has reported yet (bridge.compute.url)");
    else
        ctl_note(ctl, "%lld compute nodes, read %s ago by %s; mode %s, admit %s", (long long)ctl_json_int(reply, "nodes", 0),
                 ctl_span_text(age, span, sizeof span), ctl_json_text(reply, "source"), ctl_json_text(reply, "mode"),
                 ctl_json_text(reply, "admit"));
    if (ctl_json_true(reply, "braked"))
        ctl_note(ctl, "braked: %lld nodes would go out of service, %lld may within an hour; see --accept",
                 (long long)ctl_json_int(reply, "would_leave", 0), (long long)ctl_json_int(reply, "limit", 0));
    ctl_table_print(table, &ctl->out, "No difference.");
    ctl_table_destroy(&table);
}

/* --all means those that wait to be released; what takes nodes out of service has to be asked for by name or kind. */
static bool inventory_is_meant(const struct ctl *ctl, const json_t *row)
{
    bool registered = !json_is_null(json_object_get(row, "state"));
    bool serves = registered && strcmp(ctl_json_text(row, "state"), "in_service") == 0;
    bool said = ctl->args.names_count > 0 || ctl_args_has(&ctl->args, CTL_OPT_KIND);
    return registered && (said || (ctl_json_true(row, "accept") && !serves));
}

static int inventory_accept(struct ctl *ctl, json_t *rows)
{
    struct ctl_pick pick = {.noun = "node", .role = "keeper", .open_ended = true, .list = rows};
    struct ctl_pick_deed deed = {.verb = "node.accept", .doing = "Accept", .done = "accepted", .args = ctl_pick_name_args};
    size_t i;
    json_t *row;
    pick.names = calloc(json_array_size(rows) + 1, sizeof *pick.names);
    if (pick.names == NULL) {
        json_decref(rows);
        return ctl_fail(ctl, CTL_FAILED, NULL, NULL, "out of memory");
    }
    json_array_foreach(rows, i, row)
    {
        if (inventory_is_meant(ctl, row))
            pick.names[pick.count++] = ctl_json_text(row, "name");
    }
    int code = CTL_OK;
    if (pick.count == 0 && ctl->args.names_count > 0)
        code = ctl_fail(ctl, CTL_FAILED, NULL, "see spicectl node inventory", "nothing waits for a yes under this name");
    else
        code = ctl_pick_each(ctl, &pick, &deed);
    ctl_pick_close(&pick);
    return code;
}

int ctl_node_inventory(struct ctl *ctl)
{
    const struct ctl_args *args = &ctl->args;
    bool accept = ctl_args_has(args, CTL_OPT_ACCEPT), all = ctl_args_has(args, CTL_OPT_ALL);
    json_t *reply;
    int code = inventory_kind(ctl);
    if (code != CTL_OK)
        return code;
    if (accept && all == (args->names_count > 0))
        return ctl_fail(ctl, CTL_USAGE, "--accept", "name nodes, or write --all", "needs to know which nodes");
    code = ctl_fleet_ask(ctl, "keeper", "node.inventory", NULL, &reply);
    if (code != CTL_OK)
        return code;
    json_t *rows = inventory_rows(ctl, reply);
    if (accept) {
        json_decref(reply);
        return inventory_accept(ctl, rows);
    }
    if (ctl->json) {
        (void)json_object_set(reply, "list", rows);
        ctl_json_print(&ctl->out, reply);
    } else {
        inventory_table(ctl, reply, rows);
    }
    json_decref(rows);
    json_decref(reply);
    return CTL_OK;
}
