/* SPDX-License-Identifier: Apache-2.0 */
/* What is stored comes into force again at start. */
#include "admin.h"
#include "life_rule.h"
#include "sp_log.h"

struct restore {
    struct admin *a;
    struct sp_err *err;
};

static bool restore_apply(struct restore *r, struct scheduler_core_event *e)
{
    e->now = r->a->core->now;
    e->version = store_version(r->a->store);
    return r->a->apply(r->a->shell, e) == SP_OK;
}

static bool restore_profile(void *self, struct sp_str name, struct sp_str definition)
{
    struct restore *r = self;
    json_t *json = json_loadb(definition.p, definition.n, JSON_REJECT_DUPLICATES, NULL);
    bool good = catalog_profile_make(r->a->catalog, json, &r->a->change, r->err) == SP_OK;
    json_decref(json);
    if (!good)
        return false;
    (void)name;
    struct scheduler_core_event e = {.kind = SCHEDULER_EV_PROFILE_PUT};
    e.u.profile = &r->a->change.profile;
    catalog_profile_keep(r->a->catalog, &r->a->change);
    return restore_apply(r, &e);
}

static bool restore_check(void *self, const struct store_check *row)
{
    struct restore *r = self;
    char selected[CHECK_DEF_NAME_BYTES];
    json_t *json = json_loadb(row->definition.p, row->definition.n, JSON_REJECT_DUPLICATES, NULL);
    bool good = catalog_check_restore(json, row->id, row->revision, &r->a->change, r->err) == SP_OK;
    json_decref(json);
    if (!good || !sp_str_copy(selected, sizeof selected, row->selected))
        return false;
    struct scheduler_core_event e = {.kind = SCHEDULER_EV_CHECK_PUT};
    e.u.check = &r->a->change.def;
    catalog_check_keep(r->a->catalog, &r->a->change);
    if (!restore_apply(r, &e))
        return false;
    if (selected[0] == '\0')
        return true;
    struct scheduler_core_event s = {.kind = SCHEDULER_EV_SELECT};
    s.u.select.check = r->a->change.def.name;
    s.u.select.profile = selected;
    return restore_apply(r, &s);
}

/* The profile that is always there, as the core has it, until a stored one replaces it. */
static bool restore_default(struct restore *r)
{
    json_t *json = json_pack("{s:s}", "name", CHECKS_PROFILE_DEFAULT);
    bool good = catalog_profile_make(r->a->catalog, json, &r->a->change, r->err) == SP_OK;
    json_decref(json);
    if (good)
        catalog_profile_keep(r->a->catalog, &r->a->change);
    return good;
}

static bool restore_selected(void *self, const char *profile)
{
    struct scheduler_core_event e = {.kind = SCHEDULER_EV_SELECT};
    e.u.select.profile = profile;
    return restore_apply(self, &e);
}

/* A store of an earlier version may hold what is refused today: it is in force as it was, and said. */
static void restore_warn(const struct admin *a)
{
    const struct checks *c = &a->core->checks;
    struct life_needs needs = {{0}};
    for (uint32_t i = 0; i < c->count; i++) {
        json_t *text = c->list[i] != NULL ? life_rule_broken(c, c->list[i], &needs) : NULL;
        if (text != NULL)
            SP_LOG(SP_LOG_WARNING, "scheduler", "short_life", SP_LOG_S("check", c->list[i]->def.name),
                   SP_LOG_S("why", json_string_value(text)));
        json_decref(text);
    }
}

bool admin_restore(struct admin *a, struct sp_err *err)
{
    struct restore r = {a, err};
    struct store_loader loader = {.self = &r, .profile = restore_profile, .selected = restore_selected, .check = restore_check};
    bool good = restore_default(&r) && store_load(a->store, &loader, err) == SP_OK;
    if (good)
        restore_warn(a);
    return good;
}
