/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_pick.h"

#include "ctl_json.h"

#include "msg.h"
#include "sp_selector.h"
#include "sp_str.h"

#include <stdlib.h>
#include <string.h>

#define PICK_VERB_MAX 64

static bool pick_is_glob(const char *name)
{
    return strpbrk(name, "*?") != NULL;
}

/* True when the pattern is the row's name or one of its aliases. */
static bool pick_is_named(const json_t *row, const char *pattern)
{
    size_t i;
    json_t *alias;
    if (sp_selector_glob(sp_str_of(pattern), sp_str_of(ctl_json_text(row, "name"))))
        return true;
    json_array_foreach(json_object_get(row, "aliases"), i, alias)
    {
        if (sp_selector_glob(sp_str_of(pattern), sp_str_of(json_string_value(alias))))
            return true;
    }
    return false;
}

bool ctl_pick_wants(const struct ctl *ctl, const json_t *row, const char *const *names, size_t count)
{
    char labels[CTL_JSON_WORDS_MAX];
    const char *selector = ctl->args.values[CTL_OPT_SELECTOR];
    const char *name = ctl_json_text(row, "name");
    bool named = count == 0;
    for (size_t i = 0; i < count && !named; i++)
        named = pick_is_named(row, names[i]);
    if (!named || selector == NULL)
        return named;
    (void)ctl_json_labels(json_object_get(row, "labels"), labels, sizeof labels);
    return sp_selector_text_match(sp_str_of(selector), sp_str_of(name), sp_str_of(labels));
}

static bool pick_selector_good(struct ctl *ctl)
{
    struct sp_selector parsed;
    uint32_t bad_at = 0;
    const char *selector = ctl->args.values[CTL_OPT_SELECTOR];
    if (selector == NULL || sp_selector_parse(sp_str_of(selector), &parsed, &bad_at))
        return true;
    (void)ctl_fail(ctl, CTL_USAGE, NULL, "terms are k=v, k!=v, k, !k, k in (a|b), name=GLOB; a comma means and",
                   "the selector is not valid from \"%s\" on", selector + bad_at);
    return false;
}

bool ctl_pick_filter(struct ctl *ctl, json_t *list, const char *const *names, size_t count, json_t **out)
{
    size_t i;
    json_t *row;
    if (!pick_selector_good(ctl)) {
        json_decref(list);
        return false;
    }
    json_t *kept = ctl_json_need(json_array());
    json_array_foreach(list, i, row)
    {
        if (ctl_pick_wants(ctl, row, names, count))
            (void)json_array_append(kept, row);
    }
    json_decref(list);
    *out = kept;
    return true;
}

/* Effect: says that there is no object of this name, with the nearest one. */
static int pick_no(struct ctl *ctl, const char *noun, const json_t *list, const char *name)
{
    size_t rows = json_array_size(list);
    char hint[CTL_FLEET_TEXT_MAX];
    const char **known = calloc(rows + 1, sizeof *known);
    for (size_t i = 0; known != NULL && i < rows; i++)
        known[i] = ctl_json_text(json_array_get(list, i), "name");
    const char *near = known != NULL ? sp_str_nearest(sp_str_of(name), known, rows) : NULL;
    (void)snprintf(hint, sizeof hint, near != NULL ? "did you mean %.100s?" : "see spicectl %.100s list",
                   near != NULL ? near : noun);
    free(known);
    return ctl_fail(ctl, CTL_FAILED, NULL, hint, "no %s \"%s\"", noun, name);
}

int ctl_pick_unknown(struct ctl *ctl, const char *noun, const char *role, const char *name)
{
    char verb[PICK_VERB_MAX];
    struct ctl_fault fault;
    json_t *list = NULL;
    (void)snprintf(verb, sizeof verb, "%s.list", noun);
    (void)ctl_fleet_try(ctl, role, verb, NULL, &list, &fault);
    int code = pick_no(ctl, noun, list, name);
    json_decref(list);
    return code;
}

/* Names that were asked for and are not in the list. Returns how many. */
static size_t pick_missing(struct ctl *ctl, const struct ctl_pick *pick, const char *const *names, size_t count)
{
    size_t missing = 0;
    size_t rows = json_array_size(pick->list);
    for (size_t n = 0; n < count; n++) {
        bool found = pick_is_glob(names[n]);
        for (size_t i = 0; i < rows && !found; i++)
            found = pick_is_named(json_array_get(pick->list, i), names[n]);
        if (found)
            continue;
        (void)pick_no(ctl, pick->noun, pick->list, names[n]);
        missing++;
    }
    return missing;
}

int ctl_pick_known(struct ctl *ctl, const char *noun, const char *role, const char *name)
{
    char verb[PICK_VERB_MAX];
    struct ctl_pick pick = {.noun = noun, .role = role};
    const char *const names[] = {name};
    (void)snprintf(verb, sizeof verb, "%s.list", noun);
    int code = ctl_fleet_ask(ctl, role, verb, NULL, &pick.list);
    if (code == CTL_OK && pick_missing(ctl, &pick, names, 1) > 0)
        code = CTL_FAILED;
    ctl_pick_close(&pick);
    return code;
}

static int pick_from_list(struct ctl *ctl, struct ctl_pick *pick, const char *const *names, size_t count)
{
    char verb[PICK_VERB_MAX];
    size_t i;
    json_t *row;
    if (!pick_selector_good(ctl))
        return CTL_USAGE;
    (void)snprintf(verb, sizeof verb, "%s.list", pick->noun);
    int code = ctl_fleet_ask(ctl, pick->role, pick->lists != NULL ? pick->lists : verb, NULL, &pick->list);
    if (code != CTL_OK)
        return code;
    if (pick_missing(ctl, pick, names, count) > 0)
        return CTL_FAILED;
    pick->names = calloc(json_array_size(pick->list) + 1, sizeof *pick->names);
    if (pick->names == NULL)
        return ctl_fail(ctl, CTL_FAILED, NULL, NULL, "out of memory");
    json_array_foreach(pick->list, i, row)
    {
        if (ctl_pick_wants(ctl, row, names, count))
            pick->names[pick->count++] = ctl_json_text(row, "name");
    }
    if (pick->count == 0)
        return ctl_fail(ctl, CTL_FAILED, NULL, "look with list and the same selector", "no %s is selected", pick->noun);
    return CTL_OK;
}

int ctl_pick_open(struct ctl *ctl, struct ctl_pick *pick, size_t skip)
{
    const struct ctl_args *args = &ctl->args;
    const char *const *names = args->names + skip;
    size_t count = args->names_count > skip ? args->names_count - skip : 0;
    bool all = ctl_args_has(args, CTL_OPT_ALL);
    bool fetch = ctl->dry_run || pick->resolve || all || ctl_args_has(args, CTL_OPT_SELECTOR);
    pick->list = NULL;
    pick->names = NULL;
    pick->count = 0;
    if (count == 0 && !ctl->dry_run && !all && !ctl_args_has(args, CTL_OPT_SELECTOR)) {
        char hint[CTL_FLEET_TEXT_MAX];
        (void)snprintf(hint, sizeof hint, "give names, -l SELECTOR, or --all");
        return ctl_fail(ctl, CTL_USAGE, NULL, hint, "which %s?", pick->noun);
    }
    if (all && count > 0)
        return ctl_fail(ctl, CTL_USAGE, NULL, "leave out one of the two", "both names and --all were given");
    pick->open_ended = all || ctl_args_has(args, CTL_OPT_SELECTOR);
    for (size_t i = 0; i < count; i++)
        pick->open_ended = pick->open_ended || pick_is_glob(names[i]);
    if (fetch || pick->open_ended)
        return pick_from_list(ctl, pick, names, count);
    pick->names = calloc(count, sizeof *pick->names);
    if (pick->names == NULL)
        return ctl_fail(ctl, CTL_FAILED, NULL, NULL, "out of memory");
    for (size_t i = 0; i < count; i++)
        pick->names[pick->count++] = names[i];
    return CTL_OK;
}

void ctl_pick_close(struct ctl_pick *pick)
{
    free(pick->names);
    json_decref(pick->list);
    pick->names = NULL;
    pick->list = NULL;
}

json_t *ctl_pick_name_args(struct ctl *ctl, const char *name, const void *more)
{
    (void)ctl;
    (void)more;
    return ctl_json_need(json_pack("{s:s}", "name", name));
}

static void pick_say(struct ctl *ctl, const struct ctl_pick *pick, const char *name, const char *done)
{
    char safe[CTL_OUT_SAFE_MAX];
    ctl_out_print(&ctl->out, "%s %s: %s%s\n", pick->noun, ctl_out_safe(safe, sizeof safe, name), ctl->dry_run ? "would be " : "",
                  done);
}

struct pick_run {
    struct ctl *ctl;
    const struct ctl_pick *pick;
    const struct ctl_pick_deed *deed;
    json_t **rows; /* one per name; NULL: not tried */
    size_t good;
    size_t bad;
    int worst;    /* exit code of the first that failed */
    bool *absent; /* per name: there is no such object; said at the end, with the nearest name */
};

/* Nodes and workers of the keeper: what the scheduler refuses has the nearest name already. */
static bool pick_is_absent(const struct pick_run *run, const struct ctl_fault *fault)
{
    return fault->code == SP_REFUSAL_NOT_FOUND && run->absent != NULL && strcmp(run->pick->role, "keeper") == 0;
}

static bool pick_is_listed(const json_t *list, const char *name)
{
    size_t i;
    json_t *row;
    json_array_foreach(list, i, row)
    {
        if (strcmp(ctl_json_text(row, "name"), name) == 0)
            return true;
    }
    return false;
}

/* All of them at once: the list is asked for when everything else is done. What is in it was refused because something of it is not there. */
static void pick_tell_absent(struct pick_run *run)
{
    char verb[PICK_VERB_MAX];
    struct ctl_fault fault;
    json_t *list = NULL;
    bool asked = false;
    (void)snprintf(verb, sizeof verb, "%s.list", run->pick->noun);
    for (size_t i = 0; run->absent != NULL && i < run->pick->count; i++) {
        if (!run->absent[i])
            continue;
        if (!asked)
            (void)ctl_fleet_try(run->ctl, run->pick->role, run->pick->lists != NULL ? run->pick->lists : verb, NULL, &list, &fault);
        asked = true;
        const char *name = run->pick->names[i];
        if (pick_is_listed(list, name))
            (void)ctl_fail(run->ctl, CTL_FAILED, NULL, NULL, "%s %s: %s", run->pick->noun, name,
                           ctl_json_text(run->rows[i], "error"));
        else
            (void)pick_no(run->ctl, run->pick->noun, list, name);
    }
    json_decref(list);
}

static void pick_end(struct pick_run *run, size_t index, const json_t *reply, const struct ctl_fault *fault)
{
    struct ctl *ctl = run->ctl;
    const char *name = run->pick->names[index];
    bool done = fault == NULL;
    run->good += done ? 1 : 0;
    run->bad += done ? 0 : 1;
    run->rows[index] = ctl_json_need(json_pack("{s:s, s:b, s:b, s:s, s:s}", "name", name, "done", done && !ctl->dry_run, "dry_run",
                                               ctl->dry_run, "what", run->deed->done, "error", done ? "" : fault->error));
    if (done && !ctl->json)
        pick_say(ctl, run->pick, name, run->deed->done);
    json_t *warnings = ctl_fleet_warnings(ctl, reply);
    if (warnings != NULL)
        (void)json_object_set_new(run->rows[index], "warnings", warnings);
    if (done)
        return;
    run->worst = run->worst == CTL_OK ? (int)fault->exit : run->worst;
    if (pick_is_absent(run, fault)) {
        run->absent[index] = true;
        return;
    }
    if (run->pick->count > 1) /* which of them */
        (void)ctl_fail(ctl, fault->exit, fault->where, fault->hint, "%s %s: %s", run->pick->noun, name, fault->error);
    else
        (void)ctl_fleet_fail(ctl, fault);
}

static const char *pick_ask(void *self, size_t index, char verb[CTL_FLEET_VERB_BYTES], json_t **args)
{
    const struct pick_run *run = self;
    (void)snprintf(verb, CTL_FLEET_VERB_BYTES, "%s", run->deed->verb);
    *args = run->deed->args(run->ctl, run->pick->names[index], run->deed->more);
    if (run->ctl->dry_run) /* the owner judges, and changes nothing */
        (void)json_object_set_new(*args, "dry_run", json_true());
    return run->pick->role;
}

/* Each object is for itself: one that is refused does not stop the others, a fleet that cannot be reached does. */
static bool pick_done(void *self, size_t index, json_t *reply, const struct ctl_fault *fault)
{
    pick_end(self, index, reply, fault);
    return fault == NULL || fault->exit != CTL_NO_FLEET;
}

static void pick_do(struct pick_run *run)
{
    struct ctl_fault fault;
    const struct ctl_fleet_bulk bulk = {
        .count = run->pick->count, .doing = run->deed->doing, .ask = pick_ask, .done = pick_done, .self = run};
    if (run->deed->send == NULL) {
        if (!ctl_fleet_bulk(run->ctl, &bulk, &fault))
            pick_end(run, 0, NULL, &fault);
        return;
    }
    for (size_t i = 0; i < run->pick->count; i++) {
        memset(&fault, 0, sizeof fault);
        bool done = run->ctl->dry_run || run->deed->send(run->ctl, run->pick->names[i], &fault);
        if (!pick_done(run, i, NULL, done ? NULL : &fault))
            return;
    }
}

int ctl_pick_each(struct ctl *ctl, const struct ctl_pick *pick, const struct ctl_pick_deed *deed)
{
    struct pick_run run = {.ctl = ctl, .pick = pick, .deed = deed, .worst = CTL_OK};
    if (pick->open_ended && !ctl_confirm(ctl, pick->count, deed->doing, pick->noun))
        return CTL_FAILED;
    run.rows = calloc(pick->count + 1, sizeof(json_t *));
    if (run.rows == NULL)
        return ctl_fail(ctl, CTL_FAILED, NULL, NULL, "out of memory");
    run.absent = calloc(pick->count + 1, sizeof *run.absent);
    pick_do(&run);
    pick_tell_absent(&run);
    free(run.absent);
    json_t *rows = ctl_json_need(json_array());
    for (size_t i = 0; i < pick->count; i++) {
        if (run.rows[i] != NULL)
            (void)json_array_append_new(rows, run.rows[i]);
    }
    size_t untried = pick->count - run.good - run.bad;
    if (ctl->json)
        ctl_json_print(&ctl->out, rows);
    else if (run.bad + untried > 0 && pick->count > 1)
        ctl_note(ctl, "%zu of %zu done, %zu failed, %zu not tried", run.good, pick->count, run.bad, untried);
    json_decref(rows);
    free(run.rows);
    if (run.bad + untried == 0)
        return CTL_OK;
    return run.good > 0 ? CTL_PARTLY : (run.worst != CTL_OK ? run.worst : CTL_FAILED);
}

int ctl_pick_list(struct ctl *ctl, const char *noun, const char *role, const struct ctl_pick_look *look)
{
    char verb[PICK_VERB_MAX];
    const struct ctl_args *args = &ctl->args;
    json_t *list;
    json_t *kept = NULL;
    (void)snprintf(verb, sizeof verb, "%s.list", noun);
    int code = ctl_fleet_ask(ctl, role, verb, NULL, &list);
    if (code != CTL_OK)
        return code;
    if (!ctl_pick_filter(ctl, list, args->names, args->names_count, &kept))
        return CTL_USAGE;
    for (size_t i = json_array_size(kept); look->wants != NULL && i > 0; i--) {
        if (!look->wants(ctl, json_array_get(kept, i - 1)))
            (void)json_array_remove(kept, i - 1);
    }
    if (ctl->json)
        ctl_json_print(&ctl->out, kept);
    else
        look->table(ctl, kept);
    json_decref(kept);
    return CTL_OK;
}

int ctl_pick_show(struct ctl *ctl, const char *noun, const char *role)
{
    struct ctl_pick pick = {.noun = noun, .role = role};
    size_t i;
    json_t *row;
    json_t *kept = NULL;
    int code = pick_from_list(ctl, &pick, ctl->args.names, ctl->args.names_count);
    if (code == CTL_OK && !ctl_pick_filter(ctl, json_incref(pick.list), ctl->args.names, ctl->args.names_count, &kept))
        code = CTL_USAGE;
    if (code == CTL_OK && ctl->json)
        ctl_json_print(&ctl->out, kept);
    if (code == CTL_OK && !ctl->json) {
        json_array_foreach(kept, i, row)
        {
            ctl_out_print(&ctl->out, i > 0 ? "\n" : "");
            ctl_json_show(&ctl->out, row, 0);
        }
    }
    json_decref(kept);
    ctl_pick_close(&pick);
    return code;
}

int ctl_pick_delete(struct ctl *ctl, const char *noun, const char *role)
{
    char verb[PICK_VERB_MAX];
    struct ctl_pick pick = {.noun = noun, .role = role};
    struct ctl_pick_deed deed = {.verb = verb, .doing = "Delete", .done = "deleted", .args = ctl_pick_name_args};
    (void)snprintf(verb, sizeof verb, "%s.delete", noun);
    int code = ctl_pick_open(ctl, &pick, 0);
    if (code == CTL_OK)
        code = ctl_pick_each(ctl, &pick, &deed);
    ctl_pick_close(&pick);
    return code;
}
