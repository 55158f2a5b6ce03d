/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_run.h"

#include "ctl.h"
#include "ctl_fleet.h"
#include "ctl_json.h"
#include "ctl_pick.h"
#include "ctl_span.h"
#include "ctl_table.h"

static void profile_table(struct ctl *ctl, const json_t *list)
{
    char span[CTL_SPAN_MAX];
    char text[CTL_JSON_WORDS_MAX];
    size_t i;
    json_t *row;
    struct ctl_table *table = ctl_table_new("PROFILE|WHEN|SPLAY|>JITTER|>AT ONCE|>PER NODE|>PRIORITY|IN FORCE|WINDOWS");
    json_array_foreach(list, i, row)
    {
        const char *cron = ctl_json_text(row, "cron");
        ctl_table_cell(table, ctl_json_text(row, "name"));
        if (cron[0] != '\0')
            ctl_table_format(table, "cron %s", cron);
        else
            ctl_table_format(table, "every %s", ctl_span_text(ctl_json_int(row, "period_ms", -1), span, sizeof span));
        ctl_table_cell(table, ctl_json_words(json_object_get(row, "splay"), text, sizeof text));
        ctl_table_format(table, "%ld%%", (long)ctl_json_int(row, "jitter_percent", 0));
        ctl_table_cell(table, ctl_json_words(json_object_get(row, "max_running"), text, sizeof text));
        ctl_table_cell(table, ctl_json_words(json_object_get(row, "max_per_node"), text, sizeof text));
        ctl_table_cell(table, ctl_json_words(json_object_get(row, "priority"), text, sizeof text));
        bool selected = ctl_json_true(row, "selected");
        ctl_table_tone(table, selected ? CTL_GOOD : CTL_PLAIN, selected ? "for all" : "-");
        ctl_table_cell(table, ctl_json_words(json_object_get(row, "windows"), text, sizeof text));
    }
    ctl_table_print(table, &ctl->out, "No profile. Apply some with: spicectl apply -f FILE");
    ctl_table_destroy(&table);
}

int ctl_profile_list(struct ctl *ctl)
{
    static const struct ctl_pick_look look = {.table = profile_table};
    return ctl_pick_list(ctl, "profile", "scheduler", &look);
}

int ctl_profile_show(struct ctl *ctl)
{
    return ctl_pick_show(ctl, "profile", "scheduler");
}

int ctl_profile_delete(struct ctl *ctl)
{
    return ctl_pick_delete(ctl, "profile", "scheduler");
}

static json_t *profile_select_args(struct ctl *ctl, const char *name, const void *more)
{
    (void)ctl;
    return ctl_json_need(json_pack("{s:s, s:s}", "check", name, "profile", (const char *)more));
}

/* One request changes all checks at once, so that there is no moment with half of them changed. */
static int profile_select_all(struct ctl *ctl, const char *profile)
{
    json_t *reply;
    json_t *args = ctl_json_need(json_pack("{s:b, s:s, s:b}", "all", 1, "profile", profile, "dry_run", ctl->dry_run));
    int code = ctl_fleet_ask(ctl, "scheduler", "profile.select", args, &reply);
    if (code != CTL_OK)
        return code;
    if (ctl->json)
        ctl_json_print(&ctl->out, reply);
    else
        ctl_out_print(&ctl->out, "profile %s: %sin force for all checks\n", profile, ctl->dry_run ? "would be " : "");
    json_decref(ctl_fleet_warnings(ctl, reply));
    json_decref(reply);
    return CTL_OK;
}

int ctl_profile_select(struct ctl *ctl)
{
    const char *profile = ctl->args.names[0];
    if (ctl_args_has(&ctl->args, CTL_OPT_ALL) && ctl->args.names_count == 1)
        return profile_select_all(ctl, profile);
    struct ctl_pick pick = {.noun = "check", .role = "scheduler"};
    struct ctl_pick_deed deed = {
        .verb = "profile.select", .doing = "Change the profile of", .done = profile, .args = profile_select_args, .more = profile};
    int code = ctl_pick_open(ctl, &pick, 1);
    if (code == CTL_OK)
        code = ctl_pick_each(ctl, &pick, &deed);
    ctl_pick_close(&pick);
    return code;
}
