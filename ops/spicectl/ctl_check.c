/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_run.h"

#include "ctl.h"
#include "ctl_fleet.h"
#include "ctl_json.h"
#include "ctl_pick.h"
#include "ctl_result.h"
#include "ctl_span.h"
#include "ctl_table.h"

#include "sp_assert.h"
#include "sp_str.h"

#include <inttypes.h>
#include <string.h>

#define CHECK_POLL_MS 200u    /* how often a waited-for result is looked for */
#define CHECK_WAIT_MS 120000u /* longest wait of check run --wait without --timeout */

static void check_table(struct ctl *ctl, const json_t *list)
{
    char span[CTL_SPAN_MAX];
    char text[CTL_JSON_WORDS_MAX];
    size_t i;
    json_t *row;
    struct ctl_table *table = ctl_table_new("CHECK|STAGE|RUNS|ADAPTER|>EVERY|>TIMEOUT|>MAX AGE|PROFILE|>PAIRS|>LATE|SELECTOR");
    json_array_foreach(list, i, row)
    {
        const char *stage = ctl_json_text(row, "stage");
        bool enabled = ctl_json_true(row, "enabled");
        ctl_table_cell(table, ctl_json_text(row, "name"));
        ctl_table_tone(table, ctl_out_tone_of(stage), stage);
        ctl_table_tone(table, enabled ? CTL_PLAIN : CTL_WARN, enabled ? "yes" : "paused");
        ctl_table_cell(table, ctl_json_text(row, "adapter"));
        ctl_table_cell(table, ctl_span_text(ctl_json_int(row, "period_ms", -1), span, sizeof span));
        ctl_table_cell(table, ctl_span_text(ctl_json_int(row, "timeout_ms", -1), span, sizeof span));
        ctl_table_cell(table, ctl_span_text(ctl_json_int(row, "max_age_ms", -1), span, sizeof span));
        ctl_table_cell(table, ctl_json_text(row, "profile"));
        ctl_table_cell(table, ctl_json_words(json_object_get(row, "pairs"), text, sizeof text));
        bool late = ctl_json_int(row, "late", 0) > 0;
        ctl_table_tone(table, late ? CTL_WARN : CTL_PLAIN, ctl_json_words(json_object_get(row, "late"), text, sizeof text));
        const char *selector = ctl_json_text(row, "selector");
        ctl_table_cell(table, selector[0] != '\0' ? selector : "(all nodes)");
    }
    ctl_table_print(table, &ctl->out, "No check. Apply some with: spicectl apply -f FILE");
    ctl_table_destroy(&table);
}

int ctl_check_list(struct ctl *ctl)
{
    static const struct ctl_pick_look look = {.table = check_table};
    return ctl_pick_list(ctl, "check", "scheduler", &look);
}

int ctl_check_show(struct ctl *ctl)
{
    return ctl_pick_show(ctl, "check", "scheduler");
}

static bool check_in(const json_t *list, const char *name)
{
    size_t i;
    json_t *one;
    json_array_foreach(list, i, one)
    {
        if (json_is_string(one) && strcmp(json_string_value(one), name) == 0)
            return true;
    }
    return false;
}

/* Whether the pool's nodes depend on the check: it is mandatory, or one of a group. */
static bool check_demanded(const json_t *pool, const char *name)
{
    size_t i;
    json_t *group;
    bool demanded = check_in(json_object_get(pool, "mandatory"), name);
    json_array_foreach(json_object_get(pool, "groups"), i, group)
    {
        demanded = demanded || check_in(json_object_get(group, "of"), name);
    }
    return demanded;
}

/* Says which pools demand the checks picked, before they stop to count. A keeper that does not answer is no reason not to go on. */
static void check_warn(struct ctl *ctl, const struct ctl_pick *pick, const char *effect)
{
    struct ctl_fault fault;
    json_t *pools = NULL;
    json_t *pool;
    size_t i;
    char name[CTL_JSON_WORDS_MAX];
    if (ctl->json || !ctl_fleet_try(ctl, "keeper", "pool.list", NULL, &pools, &fault))
        return;
    json_array_foreach(pools, i, pool)
    {
        for (size_t k = 0; k < pick->count; k++) {
            if (check_demanded(pool, pick->names[k]))
                ctl_note(ctl, "pool %s demands check %s: %s", ctl_out_safe(name, sizeof name, ctl_json_text(pool, "name")),
                         pick->names[k], effect);
        }
    }
    json_decref(pools);
}

int ctl_check_delete(struct ctl *ctl)
{
    struct ctl_pick pick = {.noun = "check", .role = "scheduler"};
    struct ctl_pick_deed deed = {.verb = "check.delete", .doing = "Delete", .done = "deleted", .args = ctl_pick_name_args};
    int code = ctl_pick_open(ctl, &pick, 0);
    if (code == CTL_OK) {
        check_warn(ctl, &pick, "without it the pool loses nodes, or all of them");
        code = ctl_pick_each(ctl, &pick, &deed);
    }
    ctl_pick_close(&pick);
    return code;
}

static json_t *check_enable_args(struct ctl *ctl, const char *name, const void *more)
{
    (void)ctl;
    return ctl_json_need(json_pack("{s:s, s:b}", "name", name, "enabled", more != NULL));
}

static int check_enable(struct ctl *ctl, bool enabled)
{
    struct ctl_pick pick = {.noun = "check", .role = "scheduler"};
    struct ctl_pick_deed deed = {.verb = "check.enable",
                                 .doing = enabled ? "Enable" : "Disable",
                                 .done = enabled ? "enabled" : "disabled",
                                 .args = check_enable_args,
                                 .more = enabled ? "" : NULL};
    int code = ctl_pick_open(ctl, &pick, 0);
    if (code == CTL_OK) {
        if (!enabled)
            check_warn(ctl, &pick, "its nodes leave it as their results end");
        code = ctl_pick_each(ctl, &pick, &deed);
    }
    ctl_pick_close(&pick);
    return code;
}

int ctl_check_enable(struct ctl *ctl)
{
    return check_enable(ctl, true);
}

int ctl_check_disable(struct ctl *ctl)
{
    return check_enable(ctl, false);
}

static json_t *check_stage_args(struct ctl *ctl, const char *name, const void *more)
{
    (void)ctl;
    return ctl_json_need(json_pack("{s:s, s:s}", "name", name, "stage", (const char *)more));
}

int ctl_check_stage(struct ctl *ctl)
{
    static const char *const stages[] = {"draft", "shadow", "enforcing", "retired"};
    const char *stage = ctl->args.names[0];
    size_t i = 0;
    while (i < SP_COUNT(stages) && strcmp(stages[i], stage) != 0)
        i++;
    if (i == SP_COUNT(stages)) {
        const char *near = sp_str_nearest(sp_str_of(stage), stages, SP_COUNT(stages));
        char hint[CTL_FLEET_TEXT_MAX];
        (void)snprintf(hint, sizeof hint, near != NULL ? "did you mean %s?" : "stages are draft, shadow, enforcing and retired",
                       near);
        return ctl_fail(ctl, CTL_USAGE, NULL, hint, "no stage \"%s\"", stage);
    }
    struct ctl_pick pick = {.noun = "check", .role = "scheduler"};
    struct ctl_pick_deed deed = {
        .verb = "check.stage", .doing = "Change the stage of", .done = stages[i], .args = check_stage_args, .more = stages[i]};
    int code = ctl_pick_open(ctl, &pick, 1);
    if (code == CTL_OK) {
        if (strcmp(stages[i], "enforcing") != 0)
            check_warn(ctl, &pick, "in this stage it does not count and the pool loses nodes");
        code = ctl_pick_each(ctl, &pick, &deed);
    }
    ctl_pick_close(&pick);
    return code;
}

/* Nodes of "check run": names, or those of the selector; an empty list means all the check selects. */
static int check_run_nodes(struct ctl *ctl, json_t *nodes)
{
    const struct ctl_args *args = &ctl->args;
    if (args->names_count == 1 && !ctl_args_has(args, CTL_OPT_SELECTOR))
        return CTL_OK;
    struct ctl_pick pick = {.noun = "node", .role = "keeper", .resolve = true};
    int code = ctl_pick_open(ctl, &pick, 1);
    if (code == CTL_OK && pick.open_ended && !ctl_confirm(ctl, pick.count, "Run the check on", "node"))
        code = CTL_FAILED;
    for (size_t i = 0; code == CTL_OK && i < pick.count; i++)
        (void)json_array_append_new(nodes, ctl_json_need(json_string(pick.names[i])));
    ctl_pick_close(&pick);
    return code;
}

/* What a waiting "check run" waits for. All borrowed. */
struct check_wait {
    const char *check;
    const json_t *nodes; /* {name: anything}: each must have a result */
    const json_t *before;
    bool test;
};

/* Names of the nodes that were asked for, as {name: true}; of those the check selects the scheduler's reply tells. */
static json_t *check_wait_nodes(const json_t *asked, const json_t *reply)
{
    size_t i;
    json_t *name;
    json_t *nodes = ctl_json_need(json_object());
    json_array_foreach(json_array_size(asked) > 0 ? asked : json_object_get(reply, "names"), i, name)
    {
        if (json_is_string(name))
            (void)json_object_set_new(nodes, json_string_value(name), json_true());
    }
    return nodes;
}

/* Rows of result.list for the nodes meant that come from another job than in `before`. */
static void check_run_fresh(const struct check_wait *wait, const json_t *after, json_t *fresh)
{
    size_t i;
    size_t j;
    json_t *row;
    json_t *old;
    json_array_clear(fresh);
    json_array_foreach(after, i, row)
    {
        const char *node = ctl_json_text(row, "node");
        bool seen = json_object_get(wait->nodes, node) == NULL;
        json_array_foreach(wait->before, j, old)
        {
            seen = seen || (strcmp(ctl_json_text(old, "node"), node) == 0 &&
                            strcmp(ctl_json_text(old, "job"), ctl_json_text(row, "job")) == 0);
        }
        if (!seen)
            (void)json_array_append(fresh, row);
    }
}

static bool check_run_results(struct ctl *ctl, const char *check, bool test, json_t **out, struct ctl_fault *fault)
{
    json_t *args = ctl_json_need(json_pack("{s:s, s:b}", "check", check, "test", test));
    return ctl_fleet_try(ctl, "keeper", "result.list", args, out, fault);
}

/* All results of the check there are, of tests too. */
static bool check_run_before(struct ctl *ctl, const char *check, json_t **out, struct ctl_fault *fault)
{
    json_t *tests = NULL;
    if (!check_run_results(ctl, check, false, out, fault) || !check_run_results(ctl, check, true, &tests, fault))
        return false;
    (void)json_array_extend(*out, tests);
    json_decref(tests);
    return true;
}

/* True when each of these results is a pass. A warning is none: only a pool can say that warnings count. */
static bool check_run_passed(const json_t *results)
{
    size_t i;
    json_t *row;
    json_array_foreach(results, i, row)
    {
        if (strcmp(ctl_json_text(row, "outcome"), "pass") != 0)
            return false;
    }
    return true;
}

/* How many of the nodes waited for have none of these results; the first of them. */
static size_t check_run_missing(const struct check_wait *wait, const json_t *fresh, const char **first)
{
    size_t i;
    size_t missing = 0;
    json_t *row;
    json_t *any;
    const char *name;
    json_t *came = ctl_json_need(json_object());
    json_array_foreach(fresh, i, row)
    {
        (void)json_object_set_new(came, ctl_json_text(row, "node"), json_true());
    }
    json_object_foreach((json_t *)(uintptr_t)wait->nodes, name, any)
    {
        if (json_object_get(came, name) != NULL)
            continue;
        *first = missing++ == 0 ? name : *first;
    }
    json_decref(came);
    return missing;
}

/* Waits until each node has a fresh result; prints what came. */
static int check_run_wait(struct ctl *ctl, const struct check_wait *wait)
{
    uint32_t patience = ctl_args_has(&ctl->args, CTL_OPT_TIMEOUT) ? ctl_fleet_patience(ctl) : CHECK_WAIT_MS;
    char safe[CTL_OUT_SAFE_MAX];
    const char *first = "";
    struct ctl_fault fault;
    size_t wanted = json_object_size(wait->nodes);
    size_t missing = wanted;
    if (wanted == 0)
        return ctl_fail(ctl, CTL_FAILED, wait->check, "compare its selector with: spicectl node list",
                        "the check selects no node, so there is no result to wait for");
    json_t *fresh = ctl_json_need(json_array());
    for (uint32_t waited = 0; missing > 0 && waited < patience && ctl_fleet_pause(ctl, CHECK_POLL_MS); waited += CHECK_POLL_MS) {
        json_t *after = NULL;
        if (!check_run_results(ctl, wait->check, wait->test, &after, &fault)) {
            json_decref(fresh);
            return ctl_fleet_fail(ctl, &fault);
        }
        check_run_fresh(wait, after, fresh);
        missing = check_run_missing(wait, fresh, &first);
        json_decref(after);
    }
    bool passed = check_run_passed(fresh);
    ctl_result_print(ctl, fresh);
    json_decref(fresh);
    if (missing == 0)
        return passed ? CTL_OK : CTL_UNWELL;
    return ctl_fail(ctl, missing < wanted ? CTL_PARTLY : CTL_FAILED, wait->check, "look at: spicectl doctor; spicectl stats",
                    "of %zu nodes %zu have no new result: %s%s", wanted, missing, ctl_out_safe(safe, sizeof safe, first),
                    missing > 1 ? " and others" : "");
}

static void check_run_say(struct ctl *ctl, const json_t *reply)
{
    int64_t runs = ctl_json_int(reply, "runs", 0);
    ctl_out_print(&ctl->out, "check %s: %s on %" PRId64 " nodes%s%s\n", ctl->args.names[0],
                  ctl->dry_run ? "would run now" : "runs now", runs,
                  ctl_json_int(reply, "nodes", runs) > runs ? "; on the others it is under way already, or cannot be begun" : "",
                  ctl_json_true(reply, "test") ? " as a test; the results count for nothing" : "");
}

int ctl_check_run(struct ctl *ctl)
{
    const char *check = ctl->args.names[0];
    bool wait = ctl_args_has(&ctl->args, CTL_OPT_WAIT) && !ctl->dry_run;
    struct ctl_fault fault;
    json_t *before = NULL;
    json_t *reply = NULL;
    json_t *nodes = ctl_json_need(json_array());
    int code = check_run_nodes(ctl, nodes);
    if (code == CTL_OK && wait && !check_run_before(ctl, check, &before, &fault))
        code = ctl_fleet_fail(ctl, &fault);
    if (code == CTL_OK) {
        json_t *args = json_pack("{s:s, s:O, s:b}", "check", check, "nodes", nodes, "dry_run", ctl->dry_run);
        code = ctl_fleet_ask(ctl, "scheduler", "check.run", ctl_json_need(args), &reply);
    }
    if (code == CTL_OK && !ctl->json)
        check_run_say(ctl, reply);
    if (code == CTL_OK && wait) {
        json_t *meant = check_wait_nodes(nodes, reply);
        code = check_run_wait(ctl, &(struct check_wait){check, meant, before, ctl_json_true(reply, "test")});
        json_decref(meant);
    } else if (code == CTL_OK && ctl->json) {
        ctl_json_print(&ctl->out, reply);
    }
    json_decref(reply);
    json_decref(before);
    json_decref(nodes);
    return code;
}
