/* SPDX-License-Identifier: Apache-2.0 */
#include "admin_act.h"

#include <stdio.h>
#include <stdlib.h>

void admin_act_text(char *to, size_t size, const char *text)
{
    struct sp_str s = sp_str_of(text);
    s.n = s.n < size ? s.n : (uint32_t)size - 1;
    while (s.n > 0 && !sp_str_is_utf8(s)) /* what was whole before it was cut is whole again after three bytes at most */
        s.n--;
    (void)sp_str_copy(to, size, s);
}

/* How a check stands, which is what decides about pools. */
static void check_text(char *to, size_t size, const struct check_def *def)
{
    (void)snprintf(to, size, "%s%s, revision %u", sp_stage_name(def->stage), def->enabled ? "" : " disabled", def->revision);
}

static void append(char *text, size_t size, const char *more)
{
    size_t n = strlen(text);
    if (n + 1 < size)
        admin_act_text(text + n, size - n, more);
}

/* Names the members that differ, with their new values as far as there is room: "stage: shadow; params: {...}". Nothing new: nothing. */
static void changed_text(char *to, size_t size, const json_t *old, const json_t *new)
{
    const char *key;
    json_t *value;
    to[0] = '\0';
    json_object_foreach((json_t *)(uintptr_t) new, key, value)
    {
        if (json_equal(json_object_get(old, key), value) || strcmp(key, "name") == 0)
            continue;
        char *dump = json_is_string(value) ? NULL : json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
        append(to, size, to[0] != '\0' ? "; " : "");
        append(to, size, key);
        append(to, size, ": ");
        append(to, size, dump != NULL ? dump : json_is_string(value) ? json_string_value(value) : "?");
        free(dump);
    }
}

void admin_act_check(struct admin_act *a, const struct catalog_check *old, const struct catalog_change *new)
{
    *a = (struct admin_act){0};
    admin_act_text(a->object, sizeof a->object, old != NULL ? old->def.name : new->def.name);
    if (old != NULL)
        check_text(a->before, sizeof a->before, &old->def);
    if (new == NULL)
        return;
    check_text(a->after, sizeof a->after, &new->def);
    changed_text(a->why, sizeof a->why, old != NULL ? old->json : NULL, new->json);
}

static void profile_text(char *to, size_t size, const struct profile_def *def)
{
    if (def->period_ms != 0)
        (void)snprintf(to, size, "every %u ms", def->period_ms);
    else
        (void)snprintf(to, size, "calendar %.40s", def->cron_text);
}

void admin_act_profile(struct admin_act *a, const struct catalog_profile *old, const struct catalog_change *new)
{
    *a = (struct admin_act){0};
    admin_act_text(a->object, sizeof a->object, old != NULL ? old->def.name : new->profile.name);
    if (old != NULL)
        profile_text(a->before, sizeof a->before, &old->def);
    if (new == NULL)
        return;
    profile_text(a->after, sizeof a->after, &new->profile);
    changed_text(a->why, sizeof a->why, old != NULL ? old->json : NULL, new->json);
}

void admin_act_refused(struct admin_act *a, uint8_t code, const char *why)
{
    a->before[0] = '\0';
    (void)snprintf(a->after, sizeof a->after, "refused:%s", sp_refusal_name(code));
    admin_act_text(a->why, sizeof a->why, why);
}

struct store_act admin_act_row(const struct admin_act *a, struct sp_str what, const char *actor, struct sp_wall at)
{
    return (struct store_act){.wall_ms = at.ms,
                              .actor = sp_str_of(actor),
                              .what = what,
                              .object = sp_str_of(a->object),
                              .before = sp_str_of(a->before),
                              .after = sp_str_of(a->after),
                              .why = sp_str_of(a->why)};
}
