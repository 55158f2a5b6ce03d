/* SPDX-License-Identifier: Apache-2.0 */
#include "admin.h"

#include <stdlib.h>

#include "admin_act.h"
#include "admin_list.h"
#include "life_rule.h"
#include "sp_log.h"

/* One request under way. */
struct call {
    struct admin *a;
    const json_t *args;
    const char *who;
    uint64_t id;
    struct sp_now now;
    struct sp_str verb;
    bool dry_run;
    struct life_with with; /* of a dry run */
    json_t *warnings;
    bool noted; /* the act is in the store */
    struct admin_act act;
    json_t *answer;
    struct sp_err err;
};

static enum sp_refusal refusal_of(enum sp_rc rc)
{
    switch (rc) {
    case SP_OK:
        return SP_REFUSAL_NONE;
    case SP_E_NOT_FOUND:
        return SP_REFUSAL_NOT_FOUND;
    case SP_E_EXISTS:
        return SP_REFUSAL_CONFLICT;
    case SP_E_STALE:
        return SP_REFUSAL_REPLAY;
    case SP_E_INVALID:
    case SP_E_USAGE:
    case SP_E_LIMIT:
        return SP_REFUSAL_BAD_REQUEST;
    case SP_E_AGAIN:
        return SP_REFUSAL_OVERLOAD;
    default:
        return SP_REFUSAL_STORE;
    }
}

static const char *text_arg(const struct call *c, const char *key)
{
    const char *text = json_string_value(json_object_get(c->args, key));
    return text != NULL ? text : "";
}

static enum sp_rc store_failed(struct call *c, enum sp_rc rc)
{
    store_rollback(c->a->store);
    (void)sp_err_set(&c->err, rc, store_error(c->a->store)->where, "%s", store_error(c->a->store)->text);
    sp_err_hint(&c->err, "nothing was changed; is the disk full?");
    return rc == SP_E_FULL ? SP_E_FULL : SP_E_IO;
}

static enum sp_rc apply(struct call *c, struct scheduler_core_event *e)
{
    e->now = c->now;
    e->version = store_version(c->a->store);
    enum sp_rc rc = c->a->apply(c->a->shell, e);
    if (rc != SP_OK)
        (void)sp_err_set(&c->err, rc, "scheduler", "stored, but not in force: %s", sp_rc_text(rc));
    return rc;
}

static enum sp_rc commit(struct call *c, enum sp_rc rc)
{
    struct store_act act = admin_act_row(&c->act, c->verb, c->who, c->now.wall);
    rc = rc == SP_OK ? store_commit(c->a->store, c->id, &act) : rc;
    c->noted = rc == SP_OK;
    return rc == SP_OK ? SP_OK : store_failed(c, rc);
}

/* The same for an act that changes nothing stored. */
static enum sp_rc note(struct call *c)
{
    struct store_act act = admin_act_row(&c->act, c->verb, c->who, c->now.wall);
    enum sp_rc rc = store_note(c->a->store, c->id, &act);
    c->noted = rc == SP_OK;
    return rc == SP_OK ? SP_OK : store_failed(c, rc);
}

/* ---- checks ---- */

/* Would the act leave a result less time to live than its check needs? */
static enum sp_rc judge_life(struct call *c, struct life_act *act)
{
    act->with_checks = c->with.checks;
    act->with_check_count = c->with.check_count;
    act->with_profiles = c->with.profiles;
    act->with_profile_count = c->with.profile_count;
    return life_rule_judge(&c->a->core->checks, act, c->warnings, &c->err);
}

/* Stores and applies c->a->change, a check. */
static enum sp_rc check_change(struct call *c)
{
    struct catalog_change *change = &c->a->change;
    admin_act_check(&c->act, catalog_check_find(c->a->catalog, change->def.name), change);
    char *text = json_dumps(change->json, JSON_COMPACT | JSON_SORT_KEYS);
    struct store_check row = {
        .name = sp_str_of(change->def.name), .id = change->def.id, .revision = change->def.revision, .definition = sp_str_of(text)};
    enum sp_rc rc = text == NULL ? SP_E_NOMEM : store_begin(c->a->store);
    rc = commit(c, rc == SP_OK ? store_check_put(c->a->store, &row) : rc);
    free(text);
    if (rc != SP_OK) {
        json_decref(change->json);
        return rc;
    }
    struct scheduler_core_event e = {.kind = SCHEDULER_EV_CHECK_PUT};
    e.u.check = &change->def;
    catalog_check_keep(c->a->catalog, change);
    return apply(c, &e);
}

/* Makes the change; a profile that the same run defines counts in a dry run. */
static enum sp_rc check_make(struct call *c, const json_t *json)
{
    struct catalog_change *change = &c->a->change;
    const char *profile = json_string_value(json_object_get(json, "profile"));
    if (profile == NULL || !life_with_has_profile(&c->with, profile))
        return catalog_check_make(c->a->catalog, json, change, &c->err);
    json_t *without = json_copy((json_t *)(uintptr_t)json);
    (void)json_object_del(without, "profile");
    enum sp_rc rc = catalog_check_make(c->a->catalog, without, change, &c->err);
    json_decref(without);
    if (rc == SP_OK)
        (void)sp_str_copy(change->def.profile, sizeof change->def.profile, sp_str_of(profile));
    return rc;
}

static const char *change_word(const struct catalog_change *change)
{
    return !change->known ? "created" : change->same ? "unchanged" : "changed";
}

static enum sp_rc check_put_json(struct call *c, const json_t *json, bool document)
{
    struct catalog_change *change = &c->a->change;
    enum sp_rc rc = check_make(c, json);
    if (rc != SP_OK)
        return rc;
    if (lane_get(&c->a->core->lanes, change->def.adapter, change->def.labels) == LANE_MAX)
        rc = sp_err_set(&c->err, SP_E_LIMIT, change->def.name, "there are %u routes (adapter and labels) already", LANE_MAX);
    struct life_act act = {.check = &change->def, .strict = document && !change->same};
    rc = rc == SP_OK ? judge_life(c, &act) : rc;
    if (rc == SP_OK)
        c->answer = json_pack("{s:s, s:I, s:I, s:s, s:b}", "name", change->def.name, "id", (json_int_t)change->def.id, "revision",
                              (json_int_t)change->def.revision, "change", change_word(change), "dry_run", c->dry_run);
    if (rc != SP_OK || c->dry_run || change->same) {
        json_decref(change->json);
        return rc;
    }
    return check_change(c);
}

static enum sp_rc check_put(struct call *c)
{
    return check_put_json(c, c->args, true);
}

/* Changes one member of a stored definition. Takes value. */
static enum sp_rc check_set(struct call *c, const char *key, json_t *value)
{
    const struct catalog_check *old = catalog_check_find(c->a->catalog, text_arg(c, "name"));
    if (old == NULL) {
        json_decref(value);
        return catalog_no_check(c->a->catalog, text_arg(c, "name"), &c->err);
    }
    json_t *json = json_copy(old->json);
    (void)json_object_set_new(json, key, value);
    enum sp_rc rc = check_put_json(c, json, false);
    json_decref(json);
    return rc;
}

static enum sp_rc check_stage(struct call *c)
{
    return check_set(c, "stage", json_string(text_arg(c, "stage")));
}

static enum sp_rc check_enable(struct call *c)
{
    const json_t *v = json_object_get(c->args, "enabled");
    if (!json_is_boolean(v))
        return sp_err_set(&c->err, SP_E_INVALID, "enabled", "is neither true nor false");
    return check_set(c, "enabled", json_boolean(json_is_true(v)));
}

static enum sp_rc check_delete(struct call *c)
{
    char name[CHECK_DEF_NAME_BYTES];
    const struct catalog_check *old = catalog_check_find(c->a->catalog, text_arg(c, "name"));
    if (old == NULL)
        return catalog_no_check(c->a->catalog, text_arg(c, "name"), &c->err);
    (void)sp_str_copy(name, sizeof name, sp_str_of(old->def.name));
    c->answer = json_pack("{s:s, s:s, s:b}", "name", name, "change", "deleted", "dry_run", c->dry_run);
    if (c->dry_run)
        return SP_OK;
    admin_act_check(&c->act, old, NULL);
    enum sp_rc rc = store_begin(c->a->store);
    rc = commit(c, rc == SP_OK ? store_check_delete(c->a->store, name) : rc);
    if (rc != SP_OK)
        return rc;
    struct scheduler_core_event e = {.kind = SCHEDULER_EV_CHECK_DELETE};
    e.u.name = name;
    catalog_check_drop(c->a->catalog, name);
    return apply(c, &e);
}

/* ---- run-now ---- */

/* All nodes the check would select, whatever its stage. Returns how many; at most `max` are told. */
static uint32_t selected_nodes(const struct call *c, const struct checks_check *check, struct sp_str *nodes, uint32_t max)
{
    uint32_t count = 0;
    const struct registry *r = &c->a->core->registry;
    for (uint32_t i = 0; i < r->count; i++) {
        const struct registry_node *n = &r->nodes[i];
        if (!n->present || n->state == SP_NODE_STATE_RETIRED || !check->selectable ||
            !sp_selector_match(&check->selector, registry_name(n), registry_labels(n)))
            continue;
        if (count < max)
            nodes[count] = registry_name(n);
        count++;
    }
    return count;
}

static enum sp_rc named_nodes(struct call *c, const json_t *list, struct sp_str *nodes, uint32_t max, uint32_t *count)
{
    for (size_t i = 0; i < json_array_size(list) && *count < max; i++) {
        const json_t *v = json_array_get(list, i);
        struct sp_str name = {json_string_value(v), (uint32_t)json_string_length(v)};
        uint32_t index = json_is_string(v) ? registry_find_name(&c->a->core->registry, name) : WHEEL_NONE;
        if (index == WHEEL_NONE) {
            (void)sp_err_set(&c->err, SP_E_NOT_FOUND, json_is_string(v) ? name.p : "nodes",
                             "no such node is known to the scheduler");
            sp_err_hint(&c->err, "look at: spicectl node list; a node applied this moment needs about a second to get here");
            return SP_E_NOT_FOUND;
        }
        nodes[(*count)++] = name;
    }
    return SP_OK;
}

static void run_act(struct call *c, const struct sp_str *nodes, uint32_t count, bool test)
{
    size_t n = 0;
    char names[sizeof c->act.why * 2] = "";
    (void)snprintf(c->act.after, sizeof c->act.after, "%s on %u node%s", test ? "test" : "run", count, count == 1 ? "" : "s");
    for (uint32_t i = 0; i < count && n < sizeof c->act.why; i++)
        n += (size_t)snprintf(names + n, sizeof names - n, "%s%.*s", i > 0 ? ", " : "", (int)nodes[i].n, nodes[i].p);
    admin_act_text(c->act.why, sizeof c->act.why, names);
}

static enum sp_rc check_run_on(struct call *c, const char *check, const struct sp_str *nodes, uint32_t count)
{
    uint32_t started = count, index = checks_find(&c->a->core->checks, check);
    bool test = json_is_true(json_object_get(c->args, "test")) || c->a->core->checks.list[index]->def.stage == SP_STAGE_DRAFT;
    if (c->a->core->checks.list[index]->def.stage == SP_STAGE_RETIRED)
        return sp_err_set(&c->err, SP_E_INVALID, check, "the check is retired; it never runs");
    if (!c->dry_run) {
        run_act(c, nodes, count, test);
        enum sp_rc rc = note(c);
        if (rc != SP_OK)
            return rc;
        struct scheduler_core_event e = {.kind = SCHEDULER_EV_RUN};
        e.u.run.check = check;
        e.u.run.nodes = nodes;
        e.u.run.count = count;
        e.u.run.test = test;
        e.u.run.started = &started;
        rc = apply(c, &e);
        if (rc != SP_OK)
            return rc;
    }
    json_t *names = json_array();
    for (uint32_t i = 0; i < count; i++)
        (void)json_array_append_new(names, json_stringn(nodes[i].p, nodes[i].n));
    c->answer = json_pack("{s:s, s:I, s:o, s:I, s:b, s:b}", "check", check, "nodes", (json_int_t)count, "names", names, "runs",
                          (json_int_t)started, "test", test, "dry_run", c->dry_run);
    return SP_OK;
}

static enum sp_rc check_run(struct call *c)
{
    const char *check = text_arg(c, "check");
    const json_t *list = json_object_get(c->args, "nodes");
    uint32_t index = checks_find(&c->a->core->checks, check), count = 0;
    if (index == CHECKS_NONE)
        return catalog_no_check(c->a->catalog, check, &c->err);
    if (json_array_size(list) > SCHEDULER_CORE_RUN_NODES_MAX)
        return sp_err_set(&c->err, SP_E_LIMIT, "nodes", "more than %u nodes at once", SCHEDULER_CORE_RUN_NODES_MAX);
    struct sp_str *nodes = calloc(SCHEDULER_CORE_RUN_NODES_MAX, sizeof nodes[0]);
    if (nodes == NULL)
        return sp_err_set(&c->err, SP_E_NOMEM, check, "no memory");
    enum sp_rc rc = SP_OK;
    if (json_array_size(list) == 0)
        count = selected_nodes(c, c->a->core->checks.list[index], nodes, SCHEDULER_CORE_RUN_NODES_MAX);
    else
        rc = named_nodes(c, list, nodes, SCHEDULER_CORE_RUN_NODES_MAX, &count);
    if (count > SCHEDULER_CORE_RUN_NODES_MAX) { /* and not some of them, as if they were all */
        rc = sp_err_set(&c->err, SP_E_LIMIT, check, "it selects %u nodes; %u may run at once", count, SCHEDULER_CORE_RUN_NODES_MAX);
        sp_err_hint(&c->err, "run it on a part of them: spicectl check run %s -l SELECTOR", check);
    }
    if (rc == SP_OK)
        rc = check_run_on(c, check, nodes, count);
    free(nodes);
    return rc;
}

/* ---- profiles ---- */

static enum sp_rc profile_put(struct call *c)
{
    struct catalog_change *change = &c->a->change;
    enum sp_rc rc = catalog_profile_make(c->a->catalog, c->args, change, &c->err);
    if (rc != SP_OK)
        return rc;
    struct life_act act = {.profile = &change->profile};
    rc = judge_life(c, &act);
    if (rc == SP_OK)
        c->answer =
            json_pack("{s:s, s:s, s:b}", "name", change->profile.name, "change", change_word(change), "dry_run", c->dry_run);
    if (rc != SP_OK || c->dry_run || change->same) {
        json_decref(change->json);
        return rc;
    }
    admin_act_profile(&c->act, catalog_profile_find(c->a->catalog, change->profile.name), change);
    char *text = json_dumps(change->json, JSON_COMPACT | JSON_SORT_KEYS);
    rc = text == NULL ? SP_E_NOMEM : store_begin(c->a->store);
    rc = commit(c, rc == SP_OK ? store_profile_put(c->a->store, change->profile.name, sp_str_of(text)) : rc);
    free(text);
    if (rc != SP_OK) {
        json_decref(change->json);
        return rc;
    }
    struct scheduler_core_event e = {.kind = SCHEDULER_EV_PROFILE_PUT};
    e.u.profile = &change->profile;
    catalog_profile_keep(c->a->catalog, change);
    return apply(c, &e);
}

static enum sp_rc profile_delete(struct call *c)
{
    char name[CHECK_DEF_NAME_BYTES];
    if (catalog_profile_find(c->a->catalog, text_arg(c, "name")) == NULL)
        return catalog_no_profile(c->a->catalog, text_arg(c, "name"), &c->err);
    (void)sp_str_copy(name, sizeof name, sp_str_of(text_arg(c, "name")));
    const char *user = catalog_profile_user(c->a->catalog, name);
    uint32_t index = checks_profile_find(&c->a->core->checks, name);
    if (strcmp(name, CHECKS_PROFILE_DEFAULT) == 0)
        return sp_err_set(&c->err, SP_E_EXISTS, name, "the default profile can be changed, not deleted");
    if (user != NULL || c->a->core->checks.selected == index) {
        (void)sp_err_set(&c->err, SP_E_EXISTS, name, "the profile is in use%s%s",
                         user != NULL ? " by check " : ": it is selected for all", user != NULL ? user : "");
        sp_err_hint(&c->err, "give the checks another profile, or select another one for all, first");
        return SP_E_EXISTS;
    }
    struct life_act act = {.drop_profile = name};
    enum sp_rc rc = judge_life(c, &act);
    if (rc == SP_OK)
        c->answer = json_pack("{s:s, s:s, s:b}", "name", name, "change", "deleted", "dry_run", c->dry_run);
    if (rc != SP_OK || c->dry_run)
        return rc;
    admin_act_profile(&c->act, catalog_profile_find(c->a->catalog, name), NULL);
    rc = store_begin(c->a->store);
    rc = commit(c, rc == SP_OK ? store_profile_delete(c->a->store, name) : rc);
    if (rc != SP_OK)
        return rc;
    struct scheduler_core_event e = {.kind = SCHEDULER_EV_PROFILE_DELETE};
    e.u.name = name;
    catalog_profile_drop(c->a->catalog, name);
    return apply(c, &e);
}

/* The name of the profile that was chosen; "" when none was. */
static const char *selected_name(const struct checks *checks, const char *check)
{
    uint32_t at = check != NULL ? checks_find(checks, check) : CHECKS_NONE, profile = checks->selected;
    if (check != NULL)
        profile = at != CHECKS_NONE ? checks->list[at]->selected : CHECKS_NONE;
    return profile != CHECKS_NONE ? checks->profiles[profile].def.name : "";
}

static enum sp_rc profile_select(struct call *c)
{
    bool all = json_is_true(json_object_get(c->args, "all"));
    const char *check = json_string_value(json_object_get(c->args, "check")), *profile = text_arg(c, "profile");
    if (all == (check != NULL))
        return sp_err_set(&c->err, SP_E_INVALID, "profile.select", "give either check or all");
    if (check != NULL && catalog_check_find(c->a->catalog, check) == NULL)
        return catalog_no_check(c->a->catalog, check, &c->err);
    if (profile[0] != '\0' && catalog_profile_find(c->a->catalog, profile) == NULL)
        return catalog_no_profile(c->a->catalog, profile, &c->err);
    struct life_act act = {.select_check = check, .select_all = all, .select_profile = profile};
    enum sp_rc rc = judge_life(c, &act);
    if (rc == SP_OK)
        c->answer = json_pack("{s:s, s:s, s:b, s:b}", "profile", profile, "check", check != NULL ? check : "", "all", all,
                              "dry_run", c->dry_run);
    if (rc != SP_OK || c->dry_run)
        return rc;
    admin_act_text(c->act.before, sizeof c->act.before, selected_name(&c->a->core->checks, check));
    admin_act_text(c->act.after, sizeof c->act.after, profile);
    rc = store_begin(c->a->store);
    rc = commit(c, rc == SP_OK ? store_select(c->a->store, check, profile) : rc);
    if (rc != SP_OK)
        return rc;
    struct scheduler_core_event e = {.kind = SCHEDULER_EV_SELECT};
    e.u.select.check = check;
    e.u.select.profile = profile;
    return apply(c, &e);
}

/* ---- looking ---- */

static enum sp_rc check_list(struct call *c)
{
    c->answer = admin_list_checks(c->a, json_string_value(json_object_get(c->args, "name")));
    return SP_OK;
}

static enum sp_rc profile_list(struct call *c)
{
    c->answer = admin_list_profiles(c->a, json_string_value(json_object_get(c->args, "name")));
    return SP_OK;
}

static enum sp_rc pairs_list(struct call *c)
{
    c->answer = admin_list_pairs(c->a, c->args, c->now);
    return SP_OK;
}

static enum sp_rc stats_get(struct call *c)
{
    c->answer = admin_list_stats(c->a, c->now);
    return SP_OK;
}

static enum sp_rc trace_get(struct call *c)
{
    c->answer = admin_list_trace(c->a, c->args, c->now);
    if (c->answer != NULL)
        return SP_OK;
    (void)sp_err_set(&c->err, SP_E_INVALID, "job", "is no job");
    sp_err_hint(&c->err, "jobs are named EPOCH-NUMBER; see spicectl result list");
    return SP_E_INVALID;
}

static enum sp_rc ping(struct call *c)
{
    c->answer = admin_list_ping(c->a, c->now);
    return SP_OK;
}

/* ---- verbs ---- */

static const struct verb {
    const char *name;
    enum sp_rc (*fn)(struct call *c);
    bool writes;
} verbs[] = {
    {"check.list", check_list, false},        {"check.put", check_put, true},
    {"check.delete", check_delete, true},     {"check.stage", check_stage, true},
    {"check.enable", check_enable, true},     {"check.run", check_run, true},
    {"profile.list", profile_list, false},    {"profile.put", profile_put, true},
    {"profile.delete", profile_delete, true}, {"profile.select", profile_select, true},
    {"pairs.list", pairs_list, false},        {"stats.get", stats_get, false},
    {"trace.get", trace_get, false},          {"ping", ping, false},
};

static enum sp_rc no_verb(struct call *c, struct sp_str verb)
{
    const char *names[SP_COUNT(verbs)];
    for (size_t i = 0; i < SP_COUNT(verbs); i++)
        names[i] = verbs[i].name;
    const char *near = sp_str_nearest(verb, names, SP_COUNT(verbs));
    (void)sp_err_set(&c->err, SP_E_USAGE, "verb", "the scheduler has no such verb");
    sp_err_hint(&c->err, "%s%s", near != NULL ? "did you mean " : "check.list, profile.list, stats.get", near != NULL ? near : "");
    return SP_E_USAGE;
}

/* What the request is about, as far as it says so. */
static const char *object_of(const struct call *c)
{
    const char *name = text_arg(c, "name");
    if (name[0] == '\0')
        name = text_arg(c, "check");
    return name[0] == '\0' && json_is_true(json_object_get(c->args, "all")) ? "all checks" : name;
}

/* A write counts once, and is done only when its act has a place until the keeper has it. */
static enum sp_rc may_write(struct call *c)
{
    if (c->id <= store_request_id(c->a->store, c->who)) {
        (void)sp_err_set(&c->err, SP_E_STALE, "id", "the request was seen before, or one sent later was");
        sp_err_hint(&c->err, "send it again as a new request");
        return SP_E_STALE;
    }
    if (store_acts(c->a->store) >= STORE_ACTS_MAX) {
        (void)sp_err_set(&c->err, SP_E_AGAIN, "audit",
                         "nothing was changed: %u acts wait for the keeper to take them into its audit", store_acts(c->a->store));
        sp_err_hint(&c->err, "is the keeper running? look at: spicectl doctor");
        return SP_E_AGAIN;
    }
    return SP_OK;
}

/* A refused act leaves its row too, unless it is a repeated one, or the store takes none; then the log has it. */
static void note_refusal(struct call *c, enum sp_rc why)
{
    char text[SP_ERR_TEXT_BYTES + SP_ERR_WHERE_BYTES + 2];
    struct sp_err err = c->err;
    if (c->noted || why == SP_E_STALE || why == SP_E_AGAIN || why == SP_E_IO || why == SP_E_FULL)
        return;
    (void)snprintf(text, sizeof text, "%s: %s", err.where, err.text);
    admin_act_refused(&c->act, (uint8_t)refusal_of(why), text);
    (void)note(c);
    c->err = err; /* why the act was refused, not why that has no row */
}

static enum sp_rc without(struct call *c)
{
    return json_object_get(c->args, "with") == NULL ? SP_OK : sp_err_set(&c->err, SP_E_INVALID, "with", "goes with a dry run only");
}

static enum sp_rc write_verb(struct call *c, enum sp_rc (*fn)(struct call *c))
{
    admin_act_text(c->act.object, sizeof c->act.object, object_of(c));
    enum sp_rc rc = may_write(c);
    rc = rc == SP_OK ? without(c) : rc;
    rc = rc == SP_OK ? fn(c) : rc;
    if (rc != SP_OK)
        note_refusal(c, rc);
    SP_LOG(rc == SP_OK ? SP_LOG_NOTICE : SP_LOG_INFO, "scheduler", "admin", SP_LOG_V("verb", c->verb), SP_LOG_S("by", c->who),
           SP_LOG_S("name", object_of(c)), SP_LOG_S("result", sp_rc_name(rc)));
    return rc;
}

static enum sp_rc run_verb(struct call *c)
{
    const struct verb *v = NULL;
    for (size_t i = 0; i < SP_COUNT(verbs) && v == NULL; i++)
        v = sp_str_is(c->verb, verbs[i].name) ? &verbs[i] : NULL;
    if (v == NULL)
        return no_verb(c, c->verb);
    if (!json_is_object(c->args))
        return sp_err_set(&c->err, SP_E_INVALID, "args", "are not a JSON object");
    const json_t *dry = json_object_get(c->args, "dry_run");
    if (dry != NULL && !json_is_boolean(dry))
        return sp_err_set(&c->err, SP_E_INVALID, "dry_run", "is neither true nor false");
    c->dry_run = json_is_true(dry);
    if (v->writes && !c->dry_run)
        return write_verb(c, v->fn);
    enum sp_rc rc = c->dry_run ? life_with_read(json_object_get(c->args, "with"), &c->with, &c->err) : without(c);
    return rc == SP_OK ? v->fn(c) : rc;
}

/* An error may quote what the operator wrote, cut within a character. */
static const char *whole(char *text)
{
    struct sp_str s = sp_str_of(text);
    while (s.n > 0 && !sp_str_is_utf8(s))
        s.n--;
    text[s.n] = '\0';
    return text;
}

enum sp_refusal admin_answer(struct admin *a, const struct msg_admin_request *request, const char *operator_name, struct sp_now now,
                             json_t **answer)
{
    json_error_t error;
    json_t *args =
        request->args.n == 0 ? json_object() : json_loadb(request->args.p, request->args.n, JSON_REJECT_DUPLICATES, &error);
    struct call c = {
        .a = a, .args = args, .who = operator_name, .id = request->id, .now = now, .verb = request->verb, .warnings = json_array()};
    enum sp_rc rc = run_verb(&c);
    if (rc == SP_OK && json_array_size(c.warnings) > 0)
        (void)json_object_set(c.answer, "warnings", c.warnings);
    json_decref(c.warnings);
    life_with_fini(&c.with);
    if (rc != SP_OK) {
        json_decref(c.answer);
        c.answer = json_pack("{s:s, s:s, s:s}", "error", whole(c.err.text), "where", whole(c.err.where), "hint", whole(c.err.hint));
    }
    json_decref(args);
    *answer = c.answer;
    return refusal_of(rc);
}
