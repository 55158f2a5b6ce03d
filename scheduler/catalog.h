/* SPDX-License-Identifier: Apache-2.0 */
/* The definitions as people gave them: names to JSON, beside the numbers the scheduler gave. It turns a definition into what the core
 * takes (number, revision, encoded body, policy digest). What runs is the core's affair, what lasts the store's. */
#ifndef CATALOG_H
#define CATALOG_H

#include <jansson.h>

#include "checks.h"
#include "definition_json.h"
#include "msg.h"

struct catalog_check {
    struct check_def def; /* without body */
    json_t *json;         /* complete definition */
};

struct catalog_profile {
    struct profile_def def;
    json_t *json;
};

struct catalog {
    struct catalog_check *checks; /* in the order of their numbers */
    uint32_t check_count;
    struct catalog_profile profiles[CHECKS_PROFILES_MAX];
    uint32_t profile_count;
    uint32_t check_next; /* number of the next new check */
};

/* A definition ready to be stored and applied. */
struct catalog_change {
    struct check_def def; /* body points into `body` */
    struct profile_def profile;
    uint8_t body[CHECK_DEF_BODY_MAX];
    json_t *json; /* owned until taken by catalog_*_keep */
    bool known;   /* replaces one */
    bool same;    /* nothing would change */
};

bool catalog_init(struct catalog *c, uint32_t check_next);
void catalog_fini(struct catalog *c);
/* Effect: validates a check against the catalogue and prepares the change; nothing is kept yet. Errors for people in err. */
SP_MUST_USE enum sp_rc catalog_check_make(const struct catalog *c, const json_t *json, struct catalog_change *out,
                                          struct sp_err *err);
/* The same for a stored definition with its numbers. */
SP_MUST_USE enum sp_rc catalog_check_restore(const json_t *json, uint32_t id, uint32_t revision, struct catalog_change *out,
                                             struct sp_err *err);
SP_MUST_USE enum sp_rc catalog_profile_make(const struct catalog *c, const json_t *json, struct catalog_change *out,
                                            struct sp_err *err);
/* Effect: the change becomes part of the catalogue; takes its json. Never fails after make (room was checked). */
void catalog_check_keep(struct catalog *c, struct catalog_change *change);
void catalog_profile_keep(struct catalog *c, struct catalog_change *change);
void catalog_check_drop(struct catalog *c, const char *name);
void catalog_profile_drop(struct catalog *c, const char *name);
/* Lends, NULL when unknown. */
const struct catalog_check *catalog_check_find(const struct catalog *c, const char *name);
const struct catalog_profile *catalog_profile_find(const struct catalog *c, const char *name);
/* Lends the name of a check that names this profile, NULL when none does. */
const char *catalog_profile_user(const struct catalog *c, const char *profile);
/* Effect: fills err with "no such ..." and the nearest name. */
enum sp_rc catalog_no_check(const struct catalog *c, const char *name, struct sp_err *err);
enum sp_rc catalog_no_profile(const struct catalog *c, const char *name, struct sp_err *err);

#endif
