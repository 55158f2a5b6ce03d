/* SPDX-License-Identifier: Apache-2.0 */
#include "checks.h"

#include <stdlib.h>
#include <string.h>

#include "msg.h"
#include "sp_assert.h"
#include "sp_hash.h"

void checks_init(struct checks *c, const uint8_t seed[16])
{
    memset(c, 0, sizeof *c);
    memcpy(c->seed, seed, sizeof c->seed);
    c->selected = CHECKS_NONE;
    struct checks_profile *p = &c->profiles[0];
    p->used = true;
    p->def = (struct profile_def){
        .name = CHECKS_PROFILE_DEFAULT, .period_ms = 60000, .jitter_percent = 10, .priority = CHECK_DEF_PRIORITY_DEFAULT};
}

void checks_fini(struct checks *c)
{
    for (uint32_t i = 0; i < c->count; i++) {
        if (c->list[i] != NULL)
            free(c->list[i]->body);
        free(c->list[i]);
    }
    c->count = 0;
}

uint32_t checks_find(const struct checks *c, const char *name)
{
    for (uint32_t i = 0; i < c->count; i++)
        if (c->list[i] != NULL && strcmp(c->list[i]->def.name, name) == 0)
            return i;
    return CHECKS_NONE;
}

uint32_t checks_find_digest(const struct checks *c, const uint8_t digest[32])
{
    for (uint32_t i = 0; i < c->count; i++)
        if (c->list[i] != NULL && memcmp(c->list[i]->def.digest, digest, 32) == 0)
            return i;
    return CHECKS_NONE;
}

/* ---- which profile ---- */

uint32_t checks_profile_find(const struct checks *c, const char *name)
{
    for (uint32_t i = 0; i < CHECKS_PROFILES_MAX; i++)
        if (c->profiles[i].used && strcmp(c->profiles[i].def.name, name) == 0)
            return i;
    return CHECKS_NONE;
}

static void resolve(struct checks *c, struct checks_check *check)
{
    uint32_t own = checks_profile_find(c, check->def.profile);
    check->profile = check->selected != CHECKS_NONE ? check->selected : c->selected != CHECKS_NONE ? c->selected : own;
    if (check->profile == CHECKS_NONE)
        check->profile = 0;
}

static void resolve_all(struct checks *c)
{
    for (uint32_t i = 0; i < c->count; i++)
        if (c->list[i] != NULL)
            resolve(c, c->list[i]);
}

const struct profile_def *checks_profile_of(const struct checks *c, const struct checks_check *check)
{
    SP_ASSERT(check->profile < CHECKS_PROFILES_MAX);
    return &c->profiles[check->profile].def;
}

bool checks_runs(const struct checks_check *check)
{
    return check->def.enabled && (check->def.stage == SP_STAGE_SHADOW || check->def.stage == SP_STAGE_ENFORCING);
}

void checks_select(struct checks *c, uint32_t check, uint32_t profile)
{
    SP_ASSERT(check < c->count && c->list[check] != NULL);
    c->list[check]->selected = profile;
    resolve(c, c->list[check]);
}

void checks_select_all(struct checks *c, uint32_t profile)
{
    c->selected = profile;
    for (uint32_t i = 0; i < c->count; i++)
        if (c->list[i] != NULL)
            c->list[i]->selected = CHECKS_NONE;
    resolve_all(c);
}

bool checks_profile_put(struct checks *c, const struct profile_def *def, uint32_t *index)
{
    uint32_t at = checks_profile_find(c, def->name);
    for (uint32_t i = 0; at == CHECKS_NONE && i < CHECKS_PROFILES_MAX; i++)
        if (!c->profiles[i].used)
            at = i;
    if (at == CHECKS_NONE)
        return false;
    c->profiles[at].used = true;
    c->profiles[at].def = *def;
    resolve_all(c);
    *index = at;
    return true;
}

void checks_profile_drop(struct checks *c, uint32_t index)
{
    SP_ASSERT(index > 0 && index < CHECKS_PROFILES_MAX);
    c->profiles[index].used = false;
    if (c->selected == index)
        c->selected = CHECKS_NONE;
    for (uint32_t i = 0; i < c->count; i++)
        if (c->list[i] != NULL && c->list[i]->selected == index)
            c->list[i]->selected = CHECKS_NONE;
    resolve_all(c);
}

/* ---- the checks ---- */

static struct checks_check *make(void)
{
    struct checks_check *check = calloc(1, sizeof *check);
    if (check != NULL) {
        check->selected = CHECKS_NONE;
        wheel_queue_init(&check->held);
    }
    return check;
}

static uint32_t free_index(struct checks *c)
{
    for (uint32_t i = 0; i < c->count; i++)
        if (c->list[i] == NULL)
            return i;
    return c->count < CHECKS_MAX ? c->count : CHECKS_NONE;
}

bool checks_put(struct checks *c, const struct check_def *def, uint32_t *index)
{
    uint32_t at = checks_find(c, def->name);
    bool fresh = at == CHECKS_NONE;
    if (fresh)
        at = free_index(c);
    uint8_t *body = malloc(def->body_bytes + 1);
    struct checks_check *check = at == CHECKS_NONE ? NULL : fresh ? make() : c->list[at];
    if (check == NULL || body == NULL) {
        free(body);
        if (fresh)
            free(check);
        return false;
    }
    if (def->body_bytes > 0)
        memcpy(body, def->body, def->body_bytes);
    free(check->body);
    check->body = body;
    check->def = *def;
    check->def.body = body;
    check->told = false;
    check->hash = sp_hash_sip(c->seed, def->name, strlen(def->name));
    check->selectable = sp_selector_parse(sp_str_of(check->def.selector), &check->selector, NULL);
    resolve(c, check);
    if (fresh) {
        c->list[at] = check;
        c->live++;
        if (at == c->count)
            c->count++;
    }
    *index = at;
    return true;
}

void checks_drop(struct checks *c, uint32_t index)
{
    SP_ASSERT(index < c->count && c->list[index] != NULL && c->list[index]->pairs == 0);
    free(c->list[index]->body);
    free(c->list[index]);
    c->list[index] = NULL;
    c->live--;
}
