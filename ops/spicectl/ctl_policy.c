/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_policy.h"

#include "ctl_json.h"

#include <stdlib.h>
#include <string.h>

/* The definition of a name after applying; NULL when nobody defines it. */
static const json_t *policy_find(const json_t *after, const char *name)
{
    return json_object_get(after, name);
}

static void policy_near(const json_t *after, const char *kind, const char *word, struct sp_err *err)
{
    size_t count = 0;
    const char *key;
    json_t *value;
    const char **names = calloc(json_object_size(after) + 1, sizeof *names);
    json_object_foreach((json_t *)(uintptr_t)after, key, value)
    {
        if (names != NULL)
            names[count++] = key;
    }
    const char *near = names != NULL ? sp_str_nearest(sp_str_of(word), names, count) : NULL;
    if (near != NULL)
        sp_err_hint(err, "did you mean %s?", near);
    else
        sp_err_hint(err, "define it in the same file, or see spicectl %s list", kind);
    free(names);
}

static enum sp_rc policy_check(const struct ctl_def *def, json_t *const *after, struct sp_err *err)
{
    const char *name = ctl_json_text(def->want, "profile");
    if (name[0] == '\0' || policy_find(after[CTL_DEF_PROFILE], name) != NULL)
        return SP_OK;
    (void)sp_err_set(err, SP_E_INVALID, ctl_def_where(def, name), "check %s names the profile \"%s\", which does not exist",
                     def->name, name);
    policy_near(after[CTL_DEF_PROFILE], "profile", name, err);
    return SP_E_INVALID;
}

static enum sp_rc policy_names(const struct ctl_def *def, const json_t *names, const json_t *checks, struct sp_err *err)
{
    size_t i;
    json_t *each;
    json_array_foreach(names, i, each)
    {
        const char *name = json_string_value(each);
        if (name == NULL || policy_find(checks, name) != NULL)
            continue;
        (void)sp_err_set(err, SP_E_INVALID, ctl_def_where(def, name), "pool %s names the check \"%s\", which does not exist",
                         def->name, name);
        policy_near(checks, "check", name, err);
        return SP_E_INVALID;
    }
    return SP_OK;
}

static enum sp_rc policy_pool(const struct ctl_def *def, json_t *const *after, struct sp_err *err)
{
    size_t i;
    json_t *group;
    const json_t *checks = after[CTL_DEF_CHECK];
    enum sp_rc rc = policy_names(def, json_object_get(def->want, "mandatory"), checks, err);
    if (rc == SP_OK)
        rc = policy_names(def, json_object_get(def->want, "advisory"), checks, err);
    json_array_foreach(json_object_get(def->want, "groups"), i, group)
    {
        if (rc == SP_OK)
            rc = policy_names(def, json_object_get(group, "of"), checks, err);
    }
    return rc;
}

static enum sp_rc policy_label(const struct ctl_def *def, json_t *const *after, struct sp_err *err)
{
    if (policy_find(after[CTL_DEF_NODE], def->name) != NULL)
        return SP_OK;
    (void)sp_err_set(err, SP_E_INVALID, def->where, "labels are for the node \"%s\", which does not exist", def->name);
    policy_near(after[CTL_DEF_NODE], "node", def->name, err);
    return SP_E_INVALID;
}

/* A quarantine ends when an operator resumes the node, not because a file of before it says another state. */
static enum sp_rc policy_node(const struct ctl_def *def, const json_t *have, struct sp_err *err)
{
    const char *now = ctl_json_text(json_object_get(have, def->name), "state");
    const char *said = ctl_json_text(def->want, "state");
    if (strcmp(now, "quarantined") != 0 || said[0] == '\0' || strcmp(said, now) == 0)
        return SP_OK;
    (void)sp_err_set(err, SP_E_INVALID, def->where, "node %s is quarantined, and a definition does not end that (state: %s)",
                     def->name, said);
    sp_err_hint(err, "leave state: out of the file; to end the quarantine: spicectl node resume %s", def->name);
    return SP_E_INVALID;
}

/* Two nodes of one run with one name, alias or key: the keeper takes the first and refuses the second. */
static enum sp_rc policy_claim(const struct ctl_def *def, json_t *claims, const char *what, const json_t *word, struct sp_err *err)
{
    char claim[CTL_DEF_NAME_BYTES + 16];
    (void)snprintf(claim, sizeof claim, "%s:%s", what, json_string_length(word) > 0 ? json_string_value(word) : "");
    const char *other = json_string_value(json_object_get(claims, claim));
    if (json_string_length(word) == 0 || (other != NULL && strcmp(other, def->name) == 0))
        return SP_OK;
    if (other != NULL)
        return sp_err_set(err, SP_E_INVALID, def->where, "node %s has the %s \"%s\", which the same run gives to node %s",
                          def->name, what, json_string_value(word), other);
    (void)json_object_set_new(claims, claim, ctl_json_need(json_string(def->name)));
    return SP_OK;
}

static enum sp_rc policy_nodes(const struct ctl_defs *defs, struct sp_err *err)
{
    size_t k;
    json_t *alias;
    enum sp_rc rc = SP_OK;
    json_t *claims = ctl_json_need(json_object());
    for (size_t i = 0; rc == SP_OK && i < defs->count; i++) {
        const struct ctl_def *def = &defs->items[i];
        if (def->kind != CTL_DEF_NODE)
            continue;
        rc = policy_claim(def, claims, "name", json_object_get(def->want, "name"), err);
        rc = rc == SP_OK ? policy_claim(def, claims, "key", json_object_get(def->want, "key"), err) : rc;
        json_array_foreach(json_object_get(def->want, "aliases"), k, alias)
        {
            if (rc == SP_OK)
                rc = policy_claim(def, claims, "name", alias, err);
        }
    }
    json_decref(claims);
    return rc;
}

static enum sp_rc policy_one(const struct ctl_def *def, json_t *const *after, const struct ctl_policy_world *world,
                             struct sp_err *err)
{
    switch (def->kind) {
    case CTL_DEF_CHECK:
        return policy_check(def, after, err);
    case CTL_DEF_POOL:
        return policy_pool(def, after, err);
    case CTL_DEF_LABEL:
        return policy_label(def, after, err);
    case CTL_DEF_NODE:
        return policy_node(def, world->have[CTL_DEF_NODE], err);
    default:
        return SP_OK;
    }
}

enum sp_rc ctl_policy_check(const struct ctl_defs *defs, const struct ctl_policy_world *world, struct sp_err *err)
{
    json_t *after[CTL_DEF_KINDS];
    json_t *places[CTL_DEF_KINDS];
    enum sp_rc rc = SP_OK;
    for (size_t k = 0; k < CTL_DEF_KINDS; k++) {
        after[k] = ctl_json_need(world->have[k] != NULL ? json_copy(world->have[k]) : json_object());
        places[k] = ctl_json_need(json_object());
    }
    for (size_t i = 0; rc == SP_OK && i < defs->count; i++) {
        const struct ctl_def *def = &defs->items[i];
        const char *first = json_string_value(json_object_get(places[def->kind], def->name));
        if (first != NULL)
            rc = sp_err_set(err, SP_E_INVALID, def->where, "%s %s is defined a second time, first at %s", ctl_def_word(def->kind),
                            def->name, first);
        (void)json_object_set_new(places[def->kind], def->name, ctl_json_need(json_string(def->where)));
        (void)json_object_set(after[def->kind], def->name, def->want);
    }
    for (size_t i = 0; rc == SP_OK && i < defs->count; i++)
        rc = policy_one(&defs->items[i], after, world, err);
    rc = rc == SP_OK ? policy_nodes(defs, err) : rc;
    for (size_t k = 0; k < CTL_DEF_KINDS; k++) {
        json_decref(after[k]);
        json_decref(places[k]);
    }
    return rc;
}
