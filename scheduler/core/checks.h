/* SPDX-License-Identifier: Apache-2.0 */
/* The checks and profiles in force, by index. Indices stay the same while an entry lives; names are unique. Owns its copies. */
#ifndef CHECKS_H
#define CHECKS_H

#include "check_def.h"
#include "sp_selector.h"
#include "wheel.h"

#define CHECKS_MAX             4096u
#define CHECKS_PROFILES_MAX    256u
#define CHECKS_NONE            UINT32_MAX
#define CHECKS_PROFILE_DEFAULT "default" /* always there */

struct checks_check {
    struct check_def def;
    uint8_t *body;               /* owned; def.body points to it */
    bool selectable;             /* false: selector malformed, selects nothing */
    struct sp_selector selector; /* views into def.selector */
    uint64_t hash;               /* of name: phases */
    uint32_t route;
    uint32_t selected; /* profile chosen for this check, CHECKS_NONE: see checks_profile_of */
    uint32_t profile;  /* profile in force; cached */
    uint32_t pairs;
    uint32_t running;
    bool told;               /* the definition in force was sent to the keeper, who refuses results of one it has not heard of */
    struct wheel_queue held; /* pairs waiting for its cap */
};

struct checks_profile {
    bool used;
    struct profile_def def;
};

struct checks {
    struct checks_check *list[CHECKS_MAX]; /* NULL: free */
    uint32_t count;                        /* indices in use are below */
    uint32_t live;
    struct checks_profile profiles[CHECKS_PROFILES_MAX];
    uint32_t selected; /* profile chosen for all, CHECKS_NONE */
    uint8_t seed[16];
};

void checks_init(struct checks *c, const uint8_t seed[16]);
void checks_fini(struct checks *c);
/* Effect: adds or replaces by name; copies everything. Gives the index. False without room or memory (unchanged). */
bool checks_put(struct checks *c, const struct check_def *def, uint32_t *index);
/* Effect: forgets the check, which must have no pairs. */
void checks_drop(struct checks *c, uint32_t index);
/* Returns the index or CHECKS_NONE. */
uint32_t checks_find(const struct checks *c, const char *name);
uint32_t checks_find_digest(const struct checks *c, const uint8_t digest[32]);
/* Effect: adds or replaces a profile. False: table full. */
bool checks_profile_put(struct checks *c, const struct profile_def *def, uint32_t *index);
void checks_profile_drop(struct checks *c, uint32_t index);
uint32_t checks_profile_find(const struct checks *c, const char *name);
/* Effect: chooses the profile in force: for one check, or for all (which forgets the choices per check; the last act wins).
 * CHECKS_NONE as profile: no choice, each check's own. */
void checks_select(struct checks *c, uint32_t check, uint32_t profile);
void checks_select_all(struct checks *c, uint32_t profile);
/* Lends the profile in force: chosen for the check, else for all, else the check's own, else the default. */
const struct profile_def *checks_profile_of(const struct checks *c, const struct checks_check *check);
/* True when the check runs by itself on nodes it selects. */
bool checks_runs(const struct checks_check *check);

#endif
