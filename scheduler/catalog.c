/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog.h"

#include <stdlib.h>
#include <string.h>

#include "sp_crypto.h"

bool catalog_init(struct catalog *c, uint32_t check_next)
{
    *c = (struct catalog){.check_next = check_next};
    c->checks = calloc(CHECKS_MAX, sizeof c->checks[0]);
    return c->checks != NULL;
}

void catalog_fini(struct catalog *c)
{
    for (uint32_t i = 0; i < c->check_count; i++)
        json_decref(c->checks[i].json);
    for (uint32_t i = 0; i < c->profile_count; i++)
        json_decref(c->profiles[i].json);
    free(c->checks);
    *c = (struct catalog){0};
}

/* ---- finding ---- */

static uint32_t check_at(const struct catalog *c, const char *name)
{
    uint32_t i = 0;
    while (i < c->check_count && strcmp(c->checks[i].def.name, name) != 0)
        i++;
    return i;
}

static uint32_t profile_at(const struct catalog *c, const char *name)
{
    uint32_t i = 0;
    while (i < c->profile_count && strcmp(c->profiles[i].def.name, name) != 0)
        i++;
    return i;
}

const struct catalog_check *catalog_check_find(const struct catalog *c, const char *name)
{
    uint32_t at = check_at(c, name);
    return at < c->check_count ? &c->checks[at] : NULL;
}

const struct catalog_profile *catalog_profile_find(const struct catalog *c, const char *name)
{
    uint32_t at = profile_at(c, name);
    return at < c->profile_count ? &c->profiles[at] : NULL;
}

const char *catalog_profile_user(const struct catalog *c, const char *profile)
{
    for (uint32_t i = 0; i < c->check_count; i++)
        if (strcmp(c->checks[i].def.profile, profile) == 0)
            return c->checks[i].def.name;
    return NULL;
}

static enum sp_rc unknown(struct sp_err *err, const char *what, const char *name, const char *near)
{
    char where[SP_ERR_WHERE_BYTES];
    (void)snprintf(where, sizeof where, "%s %.64s", what, name);
    (void)sp_err_set(err, SP_E_NOT_FOUND, where, "no such %s", what);
    if (near != NULL)
        sp_err_hint(err, "did you mean %s?", near);
    else
        sp_err_hint(err, "see spicectl %s list", what);
    return SP_E_NOT_FOUND;
}

enum sp_rc catalog_no_check(const struct catalog *c, const char *name, struct sp_err *err)
{
    const char **names = calloc(c->check_count + 1, sizeof names[0]);
    for (uint32_t i = 0; names != NULL && i < c->check_count; i++)
        names[i] = c->checks[i].def.name;
    enum sp_rc rc = unknown(err, "check", name, names == NULL ? NULL : sp_str_nearest(sp_str_of(name), names, c->check_count));
    free(names);
    return rc;
}

enum sp_rc catalog_no_profile(const struct catalog *c, const char *name, struct sp_err *err)
{
    const char *names[CHECKS_PROFILES_MAX];
    for (uint32_t i = 0; i < c->profile_count; i++)
        names[i] = c->profiles[i].def.name;
    return unknown(err, "profile", name, sp_str_nearest(sp_str_of(name), names, c->profile_count));
}

/* ---- making ---- */

/* Encodes the body and takes its digest. */
static enum sp_rc body_make(struct catalog_change *out, struct sp_err *err)
{
    struct check_def *d = &out->def;
    struct sp_packer w;
    char *params = json_dumps(json_object_get(out->json, "params"), JSON_COMPACT | JSON_SORT_KEYS);
    struct rec_definition_body r = {.check = sp_str_of(d->name),
                                    .revision = d->revision,
                                    .adapter = sp_str_of(d->adapter),
                                    .params = sp_str_of(params),
                                    .timeout_ms = d->timeout_ms};
    sp_packer_init(&w, out->body, sizeof out->body);
    enum sp_rc rc = params == NULL ? SP_E_NOMEM : rec_definition_body_put(&w, &r);
    free(params);
    if (rc != SP_OK)
        return sp_err_set(err, SP_E_INVALID, d->name, "the parameters cannot be encoded: %s", sp_rc_text(rc));
    d->body = out->body;
    d->body_bytes = (uint32_t)sp_packer_bytes(&w);
    sp_crypto_sha256(out->body, d->body_bytes, d->digest);
    return SP_OK;
}

/* True when the parts that go into the policy digest are equal: only then results made so far stay valid. */
static bool same_body(const struct catalog_check *old, const struct catalog_change *new)
{
    return strcmp(old->def.adapter, new->def.adapter) == 0 &&
           old->def.timeout_ms ==
               new->def.timeout_ms &&json_equal(json_object_get(old->json, "params"), json_object_get(new->json, "params"));
}

static void discard(struct catalog_change *out)
{
    json_decref(out->json);
    out->json = NULL;
}

enum sp_rc catalog_check_make(const struct catalog *c, const json_t *json, struct catalog_change *out, struct sp_err *err)
{
    memset(out, 0, sizeof *out);
    enum sp_rc rc = definition_json_check(json, &out->def, &out->json, err);
    if (rc != SP_OK)
        return rc;
    if (definition_json_has_null(
            json_object_get(out->json, "params"))) { /* a demand that somebody began to write; not asked of the store */
        discard(out);
        (void)sp_err_set(err, SP_E_INVALID, "params", "hold something that has no value");
        sp_err_hint(err, "leave it out, or write one");
        return SP_E_INVALID;
    }
    const struct catalog_check *old = catalog_check_find(c, out->def.name);
    out->known = old != NULL;
    out->same = old != NULL && json_equal(old->json, out->json);
    if (old == NULL && c->check_count == CHECKS_MAX) {
        rc = sp_err_set(err, SP_E_LIMIT, out->def.name, "there are %u checks already", CHECKS_MAX);
    } else if (out->def.profile[0] != '\0' && catalog_profile_find(c, out->def.profile) == NULL) {
        rc = catalog_no_profile(c, out->def.profile, err);
    } else {
        out->def.id = old != NULL ? old->def.id : c->check_next;
        out->def.revision = old == NULL ? 1 : old->def.revision + (same_body(old, out) ? 0u : 1u);
        rc = body_make(out, err);
    }
    if (rc != SP_OK)
        discard(out);
    return rc;
}

enum sp_rc catalog_check_restore(const json_t *json, uint32_t id, uint32_t revision, struct catalog_change *out, struct sp_err *err)
{
    memset(out, 0, sizeof *out);
    enum sp_rc rc = definition_json_check(json, &out->def, &out->json, err);
    if (rc != SP_OK)
        return rc;
    out->def.id = id;
    out->def.revision = revision;
    rc = body_make(out, err);
    if (rc != SP_OK)
        discard(out);
    return rc;
}

enum sp_rc catalog_profile_make(const struct catalog *c, const json_t *json, struct catalog_change *out, struct sp_err *err)
{
    memset(out, 0, sizeof *out);
    enum sp_rc rc = definition_json_profile(json, &out->profile, &out->json, err);
    if (rc != SP_OK)
        return rc;
    const struct catalog_profile *old = catalog_profile_find(c, out->profile.name);
    out->known = old != NULL;
    out->same = old != NULL && json_equal(old->json, out->json);
    if (old == NULL && c->profile_count == CHECKS_PROFILES_MAX) {
        rc = sp_err_set(err, SP_E_LIMIT, out->profile.name, "there are %u profiles already", CHECKS_PROFILES_MAX);
        discard(out);
    }
    return rc;
}

/* ---- keeping ---- */

void catalog_check_keep(struct catalog *c, struct catalog_change *change)
{
    uint32_t at = check_at(c, change->def.name);
    SP_ASSERT(at < CHECKS_MAX);
    if (at < c->check_count)
        json_decref(c->checks[at].json);
    else
        c->check_count++;
    c->checks[at] = (struct catalog_check){.def = change->def, .json = change->json};
    c->checks[at].def.body = NULL;
    change->json = NULL;
    if (change->def.id >= c->check_next)
        c->check_next = change->def.id + 1;
}

void catalog_profile_keep(struct catalog *c, struct catalog_change *change)
{
    uint32_t at = profile_at(c, change->profile.name);
    SP_ASSERT(at < CHECKS_PROFILES_MAX);
    if (at < c->profile_count)
        json_decref(c->profiles[at].json);
    else
        c->profile_count++;
    c->profiles[at] = (struct catalog_profile){.def = change->profile, .json = change->json};
    change->json = NULL;
}

void catalog_check_drop(struct catalog *c, const char *name)
{
    uint32_t at = check_at(c, name);
    if (at == c->check_count)
        return;
    json_decref(c->checks[at].json);
    c->check_count--;
    memmove(&c->checks[at], &c->checks[at + 1], (c->check_count - at) * sizeof c->checks[0]);
}

void catalog_profile_drop(struct catalog *c, const char *name)
{
    uint32_t at = profile_at(c, name);
    if (at == c->profile_count)
        return;
    json_decref(c->profiles[at].json);
    c->profile_count--;
    memmove(&c->profiles[at], &c->profiles[at + 1], (c->profile_count - at) * sizeof c->profiles[0]);
}
