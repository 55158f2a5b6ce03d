/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_run.h"

#include "ctl.h"
#include "ctl_fleet.h"
#include "ctl_json.h"
#include "ctl_pick.h"
#include "ctl_span.h"
#include "ctl_table.h"

#include <string.h>

#define POOL_TEXT_MAX 1024

/* "2 of (a, b, c); 1 of (d, e)" */
static const char *pool_groups(const json_t *groups, char *to, size_t size)
{
    char of[POOL_TEXT_MAX];
    size_t i;
    size_t used = 0;
    json_t *group;
    to[0] = '\0';
    json_array_foreach(groups, i, group)
    {
        int n = snprintf(to + used, size - used, "%s%ld of (%s)", i > 0 ? "; " : "", (long)ctl_json_int(group, "k", 0),
                         ctl_json_words(json_object_get(group, "of"), of, sizeof of));
        if (n < 0 || (size_t)n >= size - used)
            break;
        used += (size_t)n;
    }
    return to;
}

static void pool_table(struct ctl *ctl, const json_t *list)
{
    char span[CTL_SPAN_MAX];
    char text[POOL_TEXT_MAX];
    size_t i;
    json_t *row;
    struct ctl_table *table = ctl_table_new("POOL|>IN|>OF|MANDATORY|GROUPS|ADVISORY|>HOLD-DOWN|TRAIT|SELECTOR");
    json_array_foreach(list, i, row)
    {
        ctl_table_cell(table, ctl_json_text(row, "name"));
        ctl_table_format(table, "%ld", (long)ctl_json_int(row, "members", 0));
        ctl_table_format(table, "%ld", (long)ctl_json_int(row, "eligible_nodes", 0));
        ctl_table_cell(table, ctl_json_words(json_object_get(row, "mandatory"), text, sizeof text));
        ctl_table_cell(table, pool_groups(json_object_get(row, "groups"), text, sizeof text));
        ctl_table_cell(table, ctl_json_words(json_object_get(row, "advisory"), text, sizeof text));
        ctl_table_cell(table, ctl_span_text(ctl_json_int(row, "hold_down_ms", 0), span, sizeof span));
        ctl_table_cell(table, ctl_json_text(row, "trait"));
        const char *selector = ctl_json_text(row, "selector");
        ctl_table_cell(table, selector[0] != '\0' ? selector : "(all nodes)");
    }
    ctl_table_print(table, &ctl->out, "No pool. Apply one with: spicectl apply -f FILE");
    ctl_table_destroy(&table);
}

int ctl_pool_list(struct ctl *ctl)
{
    static const struct ctl_pick_look look = {.table = pool_table};
    return ctl_pick_list(ctl, "pool", "keeper", &look);
}

/* What an administrator of the cloud types for a flavor of this pool: both locks (ops/nova/README.md). */
static void pool_flavor(struct ctl *ctl, const json_t *pool)
{
    const char *name = ctl_json_text(pool, "name");
    const char *trait = ctl_json_text(pool, "trait");
    ctl_out_print(&ctl->out,
                  "\nA flavor whose servers go only where pool %s is:\n    openstack flavor set FLAVOR --property spice:pool=%s",
                  name, name);
    if (trait[0] != '\0')
        ctl_out_print(&ctl->out, " --property trait:%s=required", trait);
    ctl_out_print(&ctl->out, "\n");
}

int ctl_pool_show(struct ctl *ctl)
{
    json_t *pools = NULL;
    json_t *pool;
    size_t i;
    int code = ctl_pick_show(ctl, "pool", "keeper");
    if (code != CTL_OK || ctl->json)
        return code;
    code = ctl_fleet_ask(ctl, "keeper", "pool.list", NULL, &pools);
    json_array_foreach(pools, i, pool)
    {
        for (size_t n = 0; n < ctl->args.names_count; n++) {
            if (strcmp(ctl->args.names[n], ctl_json_text(pool, "name")) == 0)
                pool_flavor(ctl, pool);
        }
    }
    json_decref(pools);
    return code;
}

int ctl_pool_delete(struct ctl *ctl)
{
    return ctl_pick_delete(ctl, "pool", "keeper");
}

static void pool_member_add(const char *pool, const json_t *node, const json_t *state, json_t *to)
{
    json_t *row = ctl_json_need(json_pack("{s:s, s:s, s:s}", "node", ctl_json_text(node, "name"), "pool", pool, "enrolment",
                                          ctl_json_text(node, "enrolment")));
    (void)json_object_update(row, (json_t *)(uintptr_t)state);
    (void)json_array_append_new(to, row);
}

static void pool_member_table(struct ctl *ctl, const json_t *rows)
{
    char span[CTL_SPAN_MAX];
    size_t i;
    json_t *row;
    struct ctl_table *table = ctl_table_new("NODE|POOL|IN|TIER|ENROLMENT|>REMAINING|SINCE|WHY");
    json_array_foreach(rows, i, row)
    {
        bool member = ctl_json_true(row, "member");
        const char *tier = ctl_json_text(row, "tier");
        ctl_table_cell(table, ctl_json_text(row, "node"));
        ctl_table_cell(table, ctl_json_text(row, "pool"));
        ctl_table_tone(table, member ? CTL_GOOD : CTL_BAD, member ? "yes" : "no");
        ctl_table_tone(table, ctl_out_tone_of(tier), tier);
        ctl_node_enrolment(table, row);
        ctl_table_cell(table, member ? ctl_span_text(ctl_json_int(row, "remaining_ms", -1), span, sizeof span) : "-");
        ctl_table_cell(table, ctl_json_text(row, "since"));
        ctl_table_cell(table, ctl_json_text(row, "why"));
    }
    ctl_table_print(table, &ctl->out,
                    "No node is in the pool. See who could be with --all, and why not with: spicectl explain NODE");
    ctl_table_destroy(&table);
}

int ctl_pool_members(struct ctl *ctl)
{
    const char *wanted = ctl->args.names_count > 0 ? ctl->args.names[0] : NULL;
    bool all = ctl_args_has(&ctl->args, CTL_OPT_ALL);
    json_t *list;
    json_t *kept = NULL;
    size_t i;
    json_t *node;
    const char *pool;
    json_t *state;
    int code = wanted != NULL ? ctl_pick_known(ctl, "pool", "keeper", wanted) : CTL_OK;
    if (code == CTL_OK)
        code = ctl_fleet_ask(ctl, "keeper", "node.list", NULL, &list);
    if (code != CTL_OK)
        return code;
    if (!ctl_pick_filter(ctl, list, NULL, 0, &kept))
        return CTL_USAGE;
    json_t *rows = ctl_json_need(json_array());
    json_array_foreach(kept, i, node)
    {
        json_object_foreach(json_object_get(node, "pools"), pool, state)
        {
            if ((wanted == NULL || strcmp(wanted, pool) == 0) && (all || ctl_json_true(state, "member")))
                pool_member_add(pool, node, state, rows);
        }
    }
    if (ctl->json)
        ctl_json_print(&ctl->out, rows);
    else
        pool_member_table(ctl, rows);
    json_decref(rows);
    json_decref(kept);
    return CTL_OK;
}
