/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_run.h"

#include "ctl.h"
#include "ctl_fleet.h"
#include "ctl_json.h"
#include "ctl_world.h"

#include <stdlib.h>
#include <string.h>

#define APPLY_VERB_MAX  32
#define APPLY_VALUE_MAX 160 /* bytes of one side of a shown change */

enum apply_change { APPLY_CREATED, APPLY_CHANGED, APPLY_UNCHANGED, APPLY_CHANGES };
static const char *const apply_words[APPLY_CHANGES] = {"created", "changed", "unchanged"};

struct apply_sum {
    size_t count[APPLY_CHANGES];
    size_t failed;
};

/* Labels documents about a node that is defined in the same run become part of its definition: what is said about it is said once.
 */
static void apply_merge_labels(struct ctl_defs *defs)
{
    size_t kept = 0;
    json_t *nodes = ctl_json_need(json_object());
    for (size_t i = 0; i < defs->count; i++) {
        if (defs->items[i].kind == CTL_DEF_NODE)
            (void)json_object_set(nodes, defs->items[i].name, json_object_get(defs->items[i].want, "labels"));
    }
    for (size_t i = 0; i < defs->count; i++) {
        struct ctl_def *def = &defs->items[i];
        json_t *labels = def->kind == CTL_DEF_LABEL ? json_object_get(nodes, def->name) : NULL;
        if (labels != NULL) {
            (void)json_object_update(labels, json_object_get(def->want, "labels"));
            json_decref(def->want);
        } else {
            if (kept != i)
                defs->items[kept] = *def;
            kept++;
        }
    }
    defs->count = kept;
    json_decref(nodes);
}

/* Members of want that differ from have, as {name: {from, to}}. */
static json_t *apply_diff(const struct ctl_def *def, const json_t *have)
{
    const char *key;
    json_t *to;
    json_t *fields = ctl_json_need(json_object());
    json_object_foreach(def->want, key, to)
    {
        json_t *from = json_object_get(have, key);
        bool derived = def->kind == CTL_DEF_NODE && strcmp(key, "key") == 0 && json_string_length(to) == 0;
        if (derived || (from != NULL && json_equal(from, to)))
            continue;
        (void)json_object_set_new(fields, key, ctl_json_need(json_pack("{s:O?, s:O}", "from", from, "to", to)));
    }
    return fields;
}

/* For labels: those of want that the node does not have yet. */
static json_t *apply_diff_labels(const struct ctl_def *def, const json_t *node)
{
    const char *key;
    json_t *to;
    const json_t *labels = json_object_get(node, "labels");
    json_t *fields = ctl_json_need(json_object());
    json_object_foreach(json_object_get(def->want, "labels"), key, to)
    {
        json_t *from = json_object_get(labels, key);
        if (from == NULL || !json_equal(from, to))
            (void)json_object_set_new(fields, key, ctl_json_need(json_pack("{s:O?, s:O}", "from", from, "to", to)));
    }
    return fields;
}

static enum apply_change apply_compare(const struct ctl_def *def, const struct ctl_policy_world *world, json_t **fields)
{
    enum ctl_def_kind kind = def->kind == CTL_DEF_LABEL ? CTL_DEF_NODE : def->kind;
    const json_t *have = json_object_get(world->have[kind], def->name);
    *fields = def->kind == CTL_DEF_LABEL ? apply_diff_labels(def, have) : apply_diff(def, have);
    if (have == NULL && def->kind != CTL_DEF_LABEL)
        return APPLY_CREATED;
    return json_object_size(*fields) > 0 ? APPLY_CHANGED : APPLY_UNCHANGED;
}

static void apply_say(struct ctl *ctl, const struct ctl_def *def, enum apply_change change, const json_t *fields)
{
    char from[APPLY_VALUE_MAX];
    char to[APPLY_VALUE_MAX];
    char safe[2][CTL_OUT_SAFE_MAX];
    const char *key;
    json_t *each;
    struct ctl_out *out = &ctl->out;
    ctl_out_print(out, "%-8s %-32s ", ctl_def_word(def->kind), def->name);
    if (ctl->dry_run && change != APPLY_UNCHANGED)
        ctl_out_print(out, "would be ");
    ctl_out_tone(out, ctl_out_tone_of(apply_words[change]), apply_words[change]);
    ctl_out_print(out, "\n");
    if (change != APPLY_CHANGED)
        return;
    json_object_foreach((json_t *)(uintptr_t)fields, key, each)
    {
        (void)ctl_json_words(json_object_get(each, "from"), from, sizeof from);
        (void)ctl_json_words(json_object_get(each, "to"), to, sizeof to);
        ctl_out_print(out, "           %s: %s -> %s\n", key,
                      ctl_out_safe(safe[0], CTL_OUT_SAFE_MAX, from[0] != '\0' ? from : "(none)"),
                      ctl_out_safe(safe[1], CTL_OUT_SAFE_MAX, to[0] != '\0' ? to : "(none)"));
    }
}

/* What is sent: the whole definition, so that a member that became empty is emptied there; only a key that nobody gave is left to
 * the keeper. */
static json_t *apply_body(const struct ctl_def *def)
{
    const char *key;
    json_t *value;
    json_t *body = ctl_json_need(json_object());
    json_object_foreach(def->want, key, value)
    {
        bool empty =
            (json_is_string(value) && json_string_length(value) == 0) || (json_is_array(value) && json_array_size(value) == 0);
        if (!empty)
            (void)json_object_set(body, strcmp(key, "node") == 0 ? "name" : key, value);
    }
    if (def->short_life)
        (void)json_object_set_new(body, "allow_short_life", json_true());
    (void)json_object_set_new(body, "dry_run", json_false());
    return body;
}

static bool apply_send(struct ctl *ctl, const struct ctl_def *def, struct ctl_fault *fault)
{
    char verb[APPLY_VERB_MAX];
    json_t *reply = NULL;
    (void)snprintf(verb, sizeof verb, def->kind == CTL_DEF_LABEL ? "node.labels" : "%s.put", ctl_def_word(def->kind));
    bool good = ctl_fleet_try(ctl, ctl_world_owner(def->kind), verb, apply_body(def), &reply, fault);
    json_decref(reply);
    return good;
}

/* One definition: compare, send, tell. False: the rest is not tried, for it may build upon this one. */
static bool apply_one(struct ctl *ctl, const struct ctl_def *def, const struct ctl_policy_world *world, struct apply_sum *sum,
                      json_t *rows)
{
    json_t *fields;
    struct ctl_fault fault = {0};
    enum apply_change change = apply_compare(def, world, &fields);
    bool send = change != APPLY_UNCHANGED && !ctl->dry_run;
    bool good = !send || apply_send(ctl, def, &fault);
    json_t *row =
        json_pack("{s:s, s:s, s:s, s:O, s:b, s:b, s:s}", "kind", ctl_def_word(def->kind), "name", def->name, "change",
                  apply_words[change], "fields", fields, "done", send && good, "dry_run", ctl->dry_run, "error", fault.error);
    (void)json_array_append_new(rows, ctl_json_need(row));
    if (good) {
        sum->count[change]++;
        if (!ctl->json)
            apply_say(ctl, def, change, fields);
    } else {
        sum->failed++;
        (void)ctl_fail(ctl, fault.exit, fault.where[0] != '\0' ? fault.where : def->where, fault.hint, "%s %s (%s): %s",
                       ctl_def_word(def->kind), def->name, def->where, fault.error);
    }
    json_decref(fields);
    return good;
}

/* In the order of kinds: what is named before what names it. */
static int apply_all(struct ctl *ctl, const struct ctl_defs *defs, const struct ctl_policy_world *world)
{
    struct apply_sum sum = {{0}, 0};
    json_t *rows = ctl_json_need(json_array());
    for (size_t kind = 0; kind < CTL_DEF_KINDS && sum.failed == 0; kind++) {
        for (size_t i = 0; i < defs->count && sum.failed == 0; i++) {
            if (defs->items[i].kind == kind)
                (void)apply_one(ctl, &defs->items[i], world, &sum, rows);
        }
    }
    if (ctl->json)
        ctl_json_print(&ctl->out, rows);
    else
        ctl_out_print(&ctl->out, "%s%zu created, %zu changed, %zu unchanged\n", ctl->dry_run ? "would be: " : "",
                      sum.count[APPLY_CREATED], sum.count[APPLY_CHANGED], sum.count[APPLY_UNCHANGED]);
    json_decref(rows);
    if (sum.failed == 0)
        return CTL_OK;
    return sum.count[APPLY_CREATED] + sum.count[APPLY_CHANGED] > 0 ? CTL_PARTLY : CTL_FAILED;
}

/* Pools with nothing to pass admit nobody: allowed, and worth a word. */
static void apply_remarks(struct ctl *ctl, const struct ctl_defs *defs)
{
    for (size_t i = 0; i < defs->count; i++) {
        const struct ctl_def *def = &defs->items[i];
        if (def->kind == CTL_DEF_POOL && json_array_size(json_object_get(def->want, "mandatory")) == 0 &&
            json_array_size(json_object_get(def->want, "groups")) == 0)
            ctl_note(ctl, "%s: pool %s demands no check, so it admits nobody", def->where, def->name);
    }
}

static int apply_load(struct ctl *ctl, struct ctl_defs *defs)
{
    struct sp_err err = {0};
    if (ctl->args.files_count == 0)
        return ctl_fail(ctl, CTL_USAGE, NULL, "spicectl apply -f FILE, -f DIRECTORY or -f -", "apply needs -f");
    for (size_t i = 0; i < ctl->args.files_count; i++) {
        sp_err_clear(&err);
        if (ctl_def_load(ctl->args.files[i], defs, &err) != SP_OK)
            return ctl_fail(ctl, CTL_FAILED, err.where, err.hint, "%s", err.text);
    }
    return CTL_OK;
}

int ctl_apply_run(struct ctl *ctl)
{
    struct ctl_defs defs = {0};
    struct ctl_policy_world world = {0};
    struct sp_err err = {0};
    bool wanted[CTL_DEF_KINDS] = {false};
    int code = apply_load(ctl, &defs);
    if (code == CTL_OK) {
        for (size_t i = 0; i < defs.count; i++)
            wanted[defs.items[i].kind] = true;
        wanted[CTL_DEF_CHECK] = wanted[CTL_DEF_CHECK] || wanted[CTL_DEF_POOL];
        wanted[CTL_DEF_PROFILE] = wanted[CTL_DEF_PROFILE] || wanted[CTL_DEF_CHECK];
        wanted[CTL_DEF_NODE] = wanted[CTL_DEF_NODE] || wanted[CTL_DEF_LABEL];
        code = ctl_world_open(ctl, wanted, &world);
    }
    if (code == CTL_OK && ctl_policy_check(&defs, &world, &err) != SP_OK)
        code = ctl_fail(ctl, CTL_FAILED, err.where, err.hint, "%s", err.text);
    if (code == CTL_OK) {
        apply_merge_labels(&defs);
        apply_remarks(ctl, &defs);
        code = apply_all(ctl, &defs, &world);
    }
    ctl_world_close(&world);
    ctl_def_clear(&defs);
    return code;
}
