/* SPDX-License-Identifier: Apache-2.0 */
#include "life_rule.h"

#include <stdlib.h>
#include <string.h>

#define NAMED_MAX  3u /* checks at fault that an error names */
#define SPAN_BYTES 32u
#define TEXT_BYTES 320u

/* A check at one moment. */
struct life {
    const struct check_def *def;       /* NULL: there is none */
    const struct profile_def *profile; /* in force */
    uint64_t need;
};

struct judge {
    const struct checks *c;
    const struct life_act *act;
    struct life_needs needs;
    uint64_t need_put; /* of the profile put */
    uint64_t needs_with[CHECKS_PROFILES_MAX];
    json_t *warnings;
    uint32_t faults, named;
    char text[SP_ERR_TEXT_BYTES];
    char first[CHECK_DEF_NAME_BYTES];
};

static bool runs(const struct check_def *def)
{
    return def != NULL && def->enabled && (def->stage == SP_STAGE_SHADOW || def->stage == SP_STAGE_ENFORCING);
}

static bool broken(const struct life *l)
{
    return runs(l->def) && !l->def->short_life && l->def->max_age_ms < l->need;
}

/* True when `after` is less well than `before` was. */
static bool worse(const struct life *before, const struct life *after)
{
    return !broken(before) || after->need > before->need || after->def->max_age_ms < before->def->max_age_ms ||
           (after->def->stage == SP_STAGE_ENFORCING && before->def->stage != SP_STAGE_ENFORCING);
}

static void text_write(const struct life *l, char *to, size_t size)
{
    char age[SPAN_BYTES], need[SPAN_BYTES];
    const struct profile_def *p = l->profile;
    sp_time_format_span(l->def->max_age_ms, age, sizeof age);
    if (l->need == LIFE_NEVER) {
        (void)snprintf(to, size, "check %.64s: its profile %.64s may never let it run", l->def->name, p->name);
        return;
    }
    sp_time_format_span(l->need, need, sizeof need);
    (void)snprintf(to, size, "check %.64s: max_age %s is below %s (%s) of its profile %.64s", l->def->name, age,
                   p->period_ms != 0 && p->window_count == 0 ? "three periods" : "three runs in a row at their longest", need,
                   p->name);
}

/* ---- which profile, and how long it wants a result to live ---- */

static void need_known(const struct checks *c, struct life_needs *needs, uint32_t index, struct life *l)
{
    l->profile = &c->profiles[index].def;
    if (needs->ms[index] == 0)
        needs->ms[index] = life_need_ms(l->profile);
    l->need = needs->ms[index];
}

/* The profile of that name as it is after the act. */
static bool profile_after(struct judge *j, const char *name, struct life *l)
{
    const struct life_act *a = j->act;
    if (name[0] == '\0' || (a->drop_profile != NULL && strcmp(name, a->drop_profile) == 0))
        return false;
    if (a->profile != NULL && strcmp(a->profile->name, name) == 0) {
        if (j->need_put == 0)
            j->need_put = life_need_ms(a->profile);
        l->profile = a->profile;
        l->need = j->need_put;
        return true;
    }
    for (uint32_t i = 0; i < a->with_profile_count; i++) {
        if (strcmp(a->with_profiles[i].name, name) != 0)
            continue;
        if (j->needs_with[i] == 0)
            j->needs_with[i] = life_need_ms(&a->with_profiles[i]);
        l->profile = &a->with_profiles[i];
        l->need = j->needs_with[i];
        return true;
    }
    uint32_t index = checks_profile_find(j->c, name);
    if (index != CHECKS_NONE)
        need_known(j->c, &j->needs, index, l);
    return index != CHECKS_NONE;
}

static const char *name_at(const struct checks *c, uint32_t profile)
{
    return profile == CHECKS_NONE ? "" : c->profiles[profile].def.name;
}

/* In force is what was chosen for the check, else for all, else its own, else the default (checks_profile_of). live: NULL when new. */
static void life_after(struct judge *j, const struct checks_check *live, const struct check_def *def, struct life *l)
{
    const struct life_act *a = j->act;
    const char *chosen = live != NULL ? name_at(j->c, live->selected) : "", *all = name_at(j->c, j->c->selected);
    if (a->select_all) {
        chosen = "";
        all = a->select_profile;
    } else if (a->select_check != NULL && strcmp(a->select_check, def->name) == 0) {
        chosen = a->select_profile;
    }
    l->def = def;
    if (!profile_after(j, chosen, l) && !profile_after(j, all, l) && !profile_after(j, def->profile, l) &&
        !profile_after(j, CHECKS_PROFILE_DEFAULT, l))
        need_known(j->c, &j->needs, 0, l);
}

/* ---- judging ---- */

static void fault_add(struct judge *j, const struct life *l)
{
    char one[TEXT_BYTES];
    size_t n = strlen(j->text);
    text_write(l, one, sizeof one);
    if (j->faults == 0)
        (void)sp_str_copy(j->first, sizeof j->first, sp_str_of(l->def->name));
    if (j->named == j->faults && j->named < NAMED_MAX && n + strlen(one) + SPAN_BYTES < sizeof j->text) {
        (void)sp_str_copy(j->text + n, sizeof j->text - n, sp_str_of(n > 0 ? "; " : ""));
        n = strlen(j->text);
        (void)sp_str_copy(j->text + n, sizeof j->text - n, sp_str_of(one));
        j->named++;
    }
    j->faults++;
}

static const struct check_def *def_after(const struct judge *j, const char *name)
{
    const struct life_act *a = j->act;
    if (a->check != NULL && strcmp(a->check->name, name) == 0)
        return a->check;
    for (uint32_t i = 0; i < a->with_check_count; i++)
        if (strcmp(a->with_checks[i].name, name) == 0)
            return &a->with_checks[i];
    return NULL;
}

/* live: NULL when new. def: as it is after the act. */
static void judge_one(struct judge *j, const struct checks_check *live, const struct check_def *def)
{
    struct life before = {0}, after = {0};
    char text[TEXT_BYTES];
    life_after(j, live, def, &after);
    if (!broken(&after))
        return;
    if (live != NULL) {
        before.def = &live->def;
        need_known(j->c, &j->needs, live->profile, &before);
    }
    if (j->act->strict || worse(&before, &after)) {
        fault_add(j, &after);
    } else if (def != before.def || after.need != before.need) {
        text_write(&after, text, sizeof text);
        (void)json_array_append_new(j->warnings, json_string(text));
    }
}

enum sp_rc life_rule_judge(const struct checks *c, const struct life_act *act, json_t *warnings, struct sp_err *err)
{
    struct judge *j = calloc(1, sizeof *j);
    if (j == NULL)
        return sp_err_set(err, SP_E_NOMEM, "max_age", "no memory");
    *j = (struct judge){.c = c, .act = act, .warnings = warnings};
    bool others = act->profile != NULL || act->select_all || act->select_check != NULL || act->drop_profile != NULL;
    for (uint32_t i = 0; i < c->count && others; i++) {
        const struct checks_check *live = c->list[i];
        const struct check_def *def = live != NULL ? def_after(j, live->def.name) : NULL;
        if (live != NULL)
            judge_one(j, live, def != NULL ? def : &live->def);
    }
    if (act->check != NULL) {
        uint32_t index = checks_find(c, act->check->name);
        judge_one(j, index != CHECKS_NONE ? c->list[index] : NULL, act->check);
    }
    enum sp_rc rc = SP_OK;
    if (j->faults > 0) {
        size_t n = strlen(j->text);
        if (j->named < j->faults)
            (void)snprintf(j->text + n, sizeof j->text - n, "; and %u more", j->faults - j->named);
        rc = sp_err_set(err, SP_E_INVALID, j->faults == 1 ? j->first : "max_age", "%s", j->text);
        sp_err_hint(
            err,
            "one lost run would end trust: raise max_age, let the profile run more often, or say allow_short_life: true in the check");
    }
    free(j);
    return rc;
}

json_t *life_rule_broken(const struct checks *c, const struct checks_check *check, struct life_needs *needs)
{
    char text[TEXT_BYTES];
    struct life l = {.def = &check->def};
    need_known(c, needs, check->profile, &l);
    if (!broken(&l))
        return NULL;
    text_write(&l, text, sizeof text);
    return json_string(text);
}

/* ---- what goes with a dry run ---- */

static enum sp_rc with_checks_read(const json_t *list, struct life_with *out, struct sp_err *err)
{
    size_t count = json_array_size(list);
    if (count > CHECKS_MAX)
        return sp_err_set(err, SP_E_LIMIT, "with", "holds more than %u checks", CHECKS_MAX);
    out->checks = calloc(count + 1, sizeof out->checks[0]);
    enum sp_rc rc = out->checks != NULL ? SP_OK : sp_err_set(err, SP_E_NOMEM, "with", "no memory");
    for (size_t i = 0; i < count && rc == SP_OK; i++) {
        json_t *full = NULL;
        rc = definition_json_check(json_array_get(list, i), &out->checks[i], &full, err);
        out->check_count += rc == SP_OK ? 1 : 0;
        json_decref(full);
    }
    return rc;
}

enum sp_rc life_with_read(const json_t *json, struct life_with *out, struct sp_err *err)
{
    *out = (struct life_with){0};
    const json_t *list = json_object_get(json, "profiles");
    size_t count = json_array_size(list);
    if (json != NULL && !json_is_object(json))
        return sp_err_set(err, SP_E_INVALID, "with", "is not a map of checks and profiles");
    if (count > CHECKS_PROFILES_MAX)
        return sp_err_set(err, SP_E_LIMIT, "with", "holds more than %u profiles", CHECKS_PROFILES_MAX);
    out->profiles = calloc(count + 1, sizeof out->profiles[0]);
    enum sp_rc rc = out->profiles != NULL ? SP_OK : sp_err_set(err, SP_E_NOMEM, "with", "no memory");
    for (size_t i = 0; i < count && rc == SP_OK; i++) {
        json_t *full = NULL;
        rc = definition_json_profile(json_array_get(list, i), &out->profiles[i], &full, err);
        out->profile_count += rc == SP_OK ? 1 : 0;
        json_decref(full);
    }
    return rc == SP_OK ? with_checks_read(json_object_get(json, "checks"), out, err) : rc;
}

void life_with_fini(struct life_with *with)
{
    free(with->checks);
    free(with->profiles);
    *with = (struct life_with){0};
}

bool life_with_has_profile(const struct life_with *with, const char *name)
{
    for (uint32_t i = 0; i < with->profile_count; i++)
        if (strcmp(with->profiles[i].name, name) == 0)
            return true;
    return false;
}
