/* SPDX-License-Identifier: Apache-2.0 */
/* No act may leave a check that runs with a max_age below what the profile in force for it needs (life.h), unless the check says
 * allow_short_life. An act that makes nothing worse is taken: a store may hold what an earlier version took. */
#ifndef LIFE_RULE_H
#define LIFE_RULE_H

#include <jansson.h>

#include "catalog.h"
#include "life.h"

/* What an act would change. What is NULL or 0 stays as it is. All borrowed. */
struct life_act {
    const struct check_def *check;     /* put */
    bool strict;                       /* it is a document: what it says must be right, whatever was before */
    const struct profile_def *profile; /* put */
    const char *select_check;          /* one profile for it */
    bool select_all;
    const char *select_profile; /* for the one check, or for all; "": none */
    const char *drop_profile;
    /* Of a dry run: further definitions of the same run, judged as if they were in force. */
    const struct check_def *with_checks;
    uint32_t with_check_count;
    const struct profile_def *with_profiles;
    uint32_t with_profile_count;
};

/* SP_OK, or SP_E_INVALID with the checks at fault in err. Adds a text to `warnings` for each check that the act touches, is too short and
 * was so before. Borrows. */
SP_MUST_USE enum sp_rc life_rule_judge(const struct checks *c, const struct life_act *act, json_t *warnings, struct sp_err *err);
/* What the profiles need, by their index; 0: not looked at yet. For many questions while no profile changes. */
struct life_needs {
    uint64_t ms[CHECKS_PROFILES_MAX];
};
/* Gives a text when the check, as it is in force, breaks the rule; else NULL. Borrows. Effect: needs are filled in. */
json_t *life_rule_broken(const struct checks *c, const struct checks_check *check, struct life_needs *needs);

/* Definitions that go with a request ("with": {"checks", "profiles"}). */
struct life_with {
    struct check_def *checks;
    struct profile_def *profiles;
    uint32_t check_count, profile_count;
};

/* Effect: reads them (NULL: none). Whatever comes out, life_with_fini releases it. */
SP_MUST_USE enum sp_rc life_with_read(const json_t *json, struct life_with *out, struct sp_err *err);
void life_with_fini(struct life_with *with);
/* True when it holds a profile of that name. */
bool life_with_has_profile(const struct life_with *with, const char *name);

#endif
