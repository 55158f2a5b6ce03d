/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_run.h"

#include "ctl.h"
#include "ctl_apply.h"
#include "ctl_fleet.h"
#include "ctl_json.h"
#include "ctl_manifest.h"
#include "ctl_world.h"
#include "msg.h"

#include "sp_str.h"

#include <stdlib.h>
#include <string.h>

#define APPLY_VALUE_MAX 160 /* bytes of one side of a shown change */

enum apply_change { APPLY_CREATED, APPLY_CHANGED, APPLY_UNCHANGED, APPLY_CHANGES };
static const char *const apply_words[APPLY_CHANGES] = {"created", "changed", "unchanged"};

/* Labels documents about a node whose labels are defined in the same run become part of its definition: what is said about it is said
 * once. */
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

/* Labels documents may name a node by an alias; from here on they name it by its name. */
static void apply_resolve_aliases(struct ctl_defs *defs, const json_t *nodes)
{
    for (size_t i = 0; i < defs->count; i++) {
        const char *name;
        json_t *node, *alias;
        size_t at;
        struct ctl_def *def = &defs->items[i];
        if (def->kind != CTL_DEF_LABEL || json_object_get(nodes, def->name) != NULL)
            continue;
        json_object_foreach((json_t *)(uintptr_t)nodes, name, node)
        {
            json_array_foreach(json_object_get(node, "aliases"), at, alias)
            {
                if (strcmp(json_string_value(alias), def->name) == 0) {
                    (void)json_object_set_new(def->want, "node", ctl_json_need(json_string(name)));
                    (void)snprintf(def->name, sizeof def->name, "%s", name);
                    break;
                }
            }
        }
    }
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

/* What is sent: the whole definition; of a node what its document says and nothing else, for the keeper keeps what is not said. */
static json_t *apply_body(const struct ctl_def *def, bool dry)
{
    const char *key;
    json_t *value;
    json_t *body = ctl_json_need(json_object());
    json_object_foreach(def->want, key, value)
    {
        bool empty =
            (json_is_string(value) && json_string_length(value) == 0) || (json_is_array(value) && json_array_size(value) == 0);
        if (!empty || (def->kind == CTL_DEF_NODE && strcmp(key, "key") != 0)) /* what a node's document empties is emptied */
            (void)json_object_set(body, strcmp(key, "node") == 0 ? "name" : key, value);
    }
    (void)json_object_set_new(body, "dry_run", json_boolean(dry));
    return body;
}

/* One definition of the run: what it would change and how that went. */
struct apply_item {
    const struct ctl_def *def;
    enum apply_change change;
    json_t *fields;
    json_t *warnings; /* of the owner; NULL: none */
    bool later;       /* a profile that was refused: perhaps it is right once the checks of this run are in force */
    bool tried;
    bool done; /* it is so now, or would be */
    struct ctl_fault fault;
};

struct apply_run {
    struct ctl *ctl;
    struct apply_item *items; /* in the order they are sent */
    size_t count;
    size_t first;                /* of the kind that is being sent */
    size_t *send;                /* items of that kind that need sending */
    json_t *with[CTL_DEF_KINDS]; /* what goes with dry questions of a kind */
    bool checks;                 /* some are sent after the profiles */
    bool asks;                   /* nothing is done, only judged: a dry run, or before the first is sent */
    bool keep_going;
    bool failed;
};

static void apply_fail(struct apply_run *run, struct apply_item *item)
{
    const struct ctl_def *def = item->def;
    const struct ctl_fault *fault = &item->fault;
    run->failed = true;
    (void)ctl_fail(run->ctl, fault->exit, fault->where[0] != '\0' ? fault->where : def->where, fault->hint, "%s %s (%s): %s",
                   ctl_def_word(def->kind), def->name, def->where, fault->error);
}

static void apply_good(const struct apply_run *run, struct apply_item *item)
{
    item->done = true;
    if (!run->ctl->json)
        apply_say(run->ctl, item->def, item->change, item->fields);
}

static const char *apply_ask(void *self, size_t index, char verb[CTL_FLEET_VERB_BYTES], json_t **args)
{
    struct apply_run *run = self;
    struct apply_item *item = &run->items[run->send[index]];
    enum ctl_def_kind kind = item->def->kind;
    item->tried = true;
    *args = apply_body(item->def, run->asks);
    if (run->asks && run->with[kind] != NULL)
        (void)json_object_set(*args, "with", run->with[kind]);
    (void)snprintf(verb, CTL_FLEET_VERB_BYTES, "%s", kind == CTL_DEF_LABEL ? "node.labels" : "");
    if (kind != CTL_DEF_LABEL)
        (void)snprintf(verb, CTL_FLEET_VERB_BYTES, "%s.put", ctl_def_word(kind));
    return ctl_world_owner(kind);
}

static bool apply_done(void *self, size_t index, json_t *reply, const struct ctl_fault *fault)
{
    struct apply_run *run = self;
    struct apply_item *item = &run->items[run->send[index]];
    if (fault == NULL && run->asks && !run->ctl->dry_run) {
        item->tried = false;
        return true;
    }
    if (fault == NULL) {
        apply_good(run, item);
        item->warnings = ctl_fleet_warnings(run->ctl, reply);
        return true;
    }
    item->fault = *fault;
    if (item->def->kind == CTL_DEF_PROFILE && !item->later && run->checks && !run->asks && fault->code == SP_REFUSAL_BAD_REQUEST) {
        item->later = true;
        return true;
    }
    apply_fail(run, item);
    return run->keep_going && fault->exit != CTL_NO_FLEET;
}

/* What lies on this host: one after the other. */
static void apply_here(struct apply_run *run, struct apply_item *item)
{
    item->tried = true;
    if (ctl_manifest_put(run->ctl, item->def, &item->fault))
        apply_good(run, item);
    else
        apply_fail(run, item);
}

static void apply_send(struct apply_run *run, size_t sends)
{
    struct ctl_fault fault;
    const struct ctl_fleet_bulk bulk = {.count = sends, .doing = "Applying", .ask = apply_ask, .done = apply_done, .self = run};
    if (!ctl_fleet_bulk(run->ctl, &bulk, &fault)) {
        run->items[run->send[0]].fault = fault;
        apply_fail(run, &run->items[run->send[0]]);
    }
}

/* Profiles whose longer period their checks did not bear yet: now these are sent. */
static void apply_late(struct apply_run *run)
{
    size_t sends = 0;
    for (size_t i = 0; i < run->count; i++) {
        if (!run->items[i].later)
            continue;
        if (run->failed && !run->keep_going) {
            apply_fail(run, &run->items[i]);
            continue;
        }
        run->items[i].fault.error[0] = '\0';
        run->send[sends++] = i;
    }
    apply_send(run, sends);
}

/* The items from run->first on that are of one kind. */
static void apply_kind(struct apply_run *run, size_t count)
{
    size_t sends = 0;
    for (size_t i = run->first; i < run->first + count; i++) {
        struct apply_item *item = &run->items[i];
        bool send = item->change != APPLY_UNCHANGED && (!run->ctl->dry_run || item->def->kind != CTL_DEF_MANIFEST);
        if (!send)
            apply_good(run, item);
        else if (item->def->kind != CTL_DEF_MANIFEST)
            run->send[sends++] = i;
        else if (!run->failed || run->keep_going)
            apply_here(run, item);
    }
    apply_send(run, sends);
}

/* What is sent of the other kind goes with each question, for none of it is in force then. */
static void apply_with(struct apply_run *run)
{
    json_t *lists[CTL_DEF_KINDS] = {NULL};
    lists[CTL_DEF_PROFILE] = ctl_json_need(json_array());
    lists[CTL_DEF_CHECK] = ctl_json_need(json_array());
    for (size_t i = 0; i < run->count; i++) {
        const struct apply_item *item = &run->items[i];
        if (lists[item->def->kind] == NULL || item->change == APPLY_UNCHANGED)
            continue;
        run->checks = run->checks || item->def->kind == CTL_DEF_CHECK;
        json_t *body = apply_body(item->def, true);
        (void)json_object_del(body, "params"); /* they may be large, and nothing hangs on them */
        (void)json_array_append_new(lists[item->def->kind], body);
    }
    run->with[CTL_DEF_CHECK] = ctl_json_need(json_pack("{s:O}", "profiles", lists[CTL_DEF_PROFILE]));
    run->with[CTL_DEF_PROFILE] =
        ctl_json_need(json_pack("{s:o, s:o}", "profiles", lists[CTL_DEF_PROFILE], "checks", lists[CTL_DEF_CHECK]));
}

/* Before anything is sent the scheduler judges profiles and checks: one that it refuses leaves all as it was. */
static void apply_judge(struct apply_run *run)
{
    size_t sends = 0;
    for (size_t i = 0; i < run->count; i++) {
        const struct apply_item *item = &run->items[i];
        if (run->with[item->def->kind] != NULL && item->change != APPLY_UNCHANGED)
            run->send[sends++] = i;
    }
    run->asks = true;
    apply_send(run, sends);
    run->asks = false;
}

/* One row per document, those that were not tried included. */
static json_t *apply_rows(const struct apply_run *run)
{
    json_t *rows = ctl_json_need(json_array());
    for (size_t i = 0; i < run->count; i++) {
        const struct apply_item *item = &run->items[i];
        const char *error = item->fault.error;
        if (!item->done && error[0] == '\0')
            error = item->tried ? "interrupted; it may have been done" : "not tried";
        json_t *row = json_pack("{s:s, s:s, s:s, s:O, s:b, s:b, s:s, s:s}", "kind", ctl_def_word(item->def->kind), "name",
                                item->def->name, "change", apply_words[item->change], "fields", item->fields, "done",
                                item->done && item->change != APPLY_UNCHANGED && !run->ctl->dry_run, "dry_run", run->ctl->dry_run,
                                "error", item->done ? "" : error, "where", item->def->where);
        if (item->warnings != NULL)
            (void)json_object_set(row, "warnings", item->warnings);
        (void)json_array_append_new(rows, ctl_json_need(row));
    }
    return rows;
}

/* Prints the summary and returns the exit code. */
static int apply_tell(const struct apply_run *run)
{
    struct ctl *ctl = run->ctl;
    size_t count[APPLY_CHANGES] = {0};
    size_t failed = 0;
    size_t untried = 0;
    int worst = CTL_OK;
    for (size_t i = 0; i < run->count; i++) {
        const struct apply_item *item = &run->items[i];
        bool bad = item->fault.error[0] != '\0' || (item->tried && !item->done);
        count[item->change] += item->done ? 1 : 0;
        failed += bad ? 1 : 0;
        untried += !bad && !item->done ? 1 : 0;
        if (bad && worst == CTL_OK)
            worst = item->fault.error[0] != '\0' ? (int)item->fault.exit : CTL_FAILED;
    }
    if (ctl->json) {
        json_t *rows = apply_rows(run);
        ctl_json_print(&ctl->out, rows);
        json_decref(rows);
    } else {
        ctl_out_print(&ctl->out, "%s%zu created, %zu changed, %zu unchanged", ctl->dry_run ? "would be: " : "",
                      count[APPLY_CREATED], count[APPLY_CHANGED], count[APPLY_UNCHANGED]);
        if (failed + untried > 0)
            ctl_out_print(&ctl->out, ", %zu failed, %zu not tried", failed, untried);
        ctl_out_print(&ctl->out, "\n");
    }
    if (failed + untried == 0)
        return CTL_OK;
    return count[APPLY_CREATED] + count[APPLY_CHANGED] > 0 ? CTL_PARTLY : (worst != CTL_OK ? worst : CTL_FAILED);
}

static size_t apply_fill(struct apply_run *run, const struct ctl_defs *defs, const struct ctl_policy_world *world,
                         enum ctl_def_kind kind)
{
    size_t before = run->count;
    for (size_t i = 0; i < defs->count; i++) {
        struct apply_item *item = &run->items[run->count];
        if (defs->items[i].kind != kind)
            continue;
        item->def = &defs->items[i];
        item->change = apply_compare(item->def, world, &item->fields);
        run->count++;
    }
    return run->count - before;
}

/* In the order of kinds: what is named before what names it. After a failure later kinds are not tried, for they may build upon
 * what failed, unless --keep-going says so. */
static int apply_all(struct ctl *ctl, const struct ctl_defs *defs, const struct ctl_policy_world *world)
{
    struct apply_run run = {.ctl = ctl, .keep_going = ctl_args_has(&ctl->args, CTL_OPT_KEEP_GOING)};
    size_t counts[CTL_DEF_KINDS];
    run.items = calloc(defs->count + 1, sizeof *run.items);
    run.send = calloc(defs->count + 1, sizeof *run.send);
    int code = CTL_FAILED;
    if (run.items != NULL && run.send != NULL) {
        for (size_t kind = 0; kind < CTL_DEF_KINDS; kind++)
            counts[kind] = apply_fill(&run, defs, world, (enum ctl_def_kind)kind);
        apply_with(&run);
        run.asks = ctl->dry_run;
        if (!run.asks && !run.keep_going)
            apply_judge(&run);
        for (size_t kind = 0; kind < CTL_DEF_KINDS; run.first += counts[kind], kind++) {
            if (counts[kind] > 0 && (!run.failed || run.keep_going) && !ctl_fleet_interrupted(ctl))
                apply_kind(&run, counts[kind]);
            if (kind == CTL_DEF_CHECK && run.checks && !ctl_fleet_interrupted(ctl))
                apply_late(&run);
        }
        code = apply_tell(&run);
    } else {
        (void)ctl_fail(ctl, CTL_FAILED, NULL, NULL, "out of memory");
    }
    for (size_t i = 0; run.items != NULL && i < run.count; i++) {
        json_decref(run.items[i].fields);
        json_decref(run.items[i].warnings);
    }
    json_decref(run.with[CTL_DEF_CHECK]);
    json_decref(run.with[CTL_DEF_PROFILE]);
    free(run.items);
    free(run.send);
    return code;
}

/* Another pool, of these or of the fleet, with the same trait; NULL: none. */
static const char *apply_shares_trait(const struct ctl_defs *defs, const struct ctl_policy_world *world, const struct ctl_def *def)
{
    const char *name, *trait = ctl_json_text(def->want, "trait");
    json_t *pool;
    for (size_t i = 0; trait[0] != '\0' && i < defs->count; i++) {
        const struct ctl_def *other = &defs->items[i];
        if (other != def && other->kind == CTL_DEF_POOL && strcmp(ctl_json_text(other->want, "trait"), trait) == 0)
            return other->name;
    }
    json_object_foreach(world->have[CTL_DEF_POOL], name, pool)
    {
        bool changes = strcmp(name, def->name) == 0;
        for (size_t i = 0; !changes && i < defs->count; i++)
            changes = defs->items[i].kind == CTL_DEF_POOL && strcmp(defs->items[i].name, name) == 0;
        if (!changes && trait[0] != '\0' && strcmp(ctl_json_text(pool, "trait"), trait) == 0)
            return name;
    }
    return NULL;
}

/* Pools with nothing to pass admit nobody, and a trait of two means both: allowed, and worth a word. */
static void apply_remarks(struct ctl *ctl, const struct ctl_defs *defs, const struct ctl_policy_world *world)
{
    for (size_t i = 0; i < defs->count; i++) {
        const struct ctl_def *def = &defs->items[i];
        const char *other = def->kind == CTL_DEF_POOL ? apply_shares_trait(defs, world, def) : NULL;
        if (def->kind == CTL_DEF_POOL && json_array_size(json_object_get(def->want, "mandatory")) == 0 &&
            json_array_size(json_object_get(def->want, "groups")) == 0)
            ctl_note(ctl, "%s: pool %s demands no check, so it admits nobody", def->where, def->name);
        if (other != NULL)
            ctl_note(ctl, "%s: pool %s has the trait of pool %s: only nodes that are in both get it", def->where, def->name, other);
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
    if (defs->count == 0)
        return ctl_fail(ctl, CTL_FAILED, ctl->args.files[0], "a definition begins with kind:", "there is no definition in it");
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
        code = ctl_manifest_check(ctl, &defs);
        wanted[CTL_DEF_CHECK] = wanted[CTL_DEF_CHECK] || wanted[CTL_DEF_POOL];
        wanted[CTL_DEF_PROFILE] = wanted[CTL_DEF_PROFILE] || wanted[CTL_DEF_CHECK];
        wanted[CTL_DEF_NODE] = wanted[CTL_DEF_NODE] || wanted[CTL_DEF_LABEL];
    }
    if (code == CTL_OK)
        code = ctl_world_open(ctl, wanted, &world);
    if (code == CTL_OK)
        apply_resolve_aliases(&defs, world.have[CTL_DEF_NODE]);
    if (code == CTL_OK && ctl_policy_check(&defs, &world, &err) != SP_OK)
        code = ctl_fail(ctl, CTL_FAILED, err.where, err.hint, "%s", err.text);
    if (code == CTL_OK)
        code = ctl_apply_adapters(ctl, &defs, &world);
    if (code == CTL_OK) {
        apply_merge_labels(&defs);
        apply_remarks(ctl, &defs, &world);
        code = apply_all(ctl, &defs, &world);
    }
    ctl_world_close(&world);
    ctl_def_clear(&defs);
    return code;
}
