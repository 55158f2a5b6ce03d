/* SPDX-License-Identifier: Apache-2.0 */
/* What the scheduler must not forget: checks, profiles, which profile is in force, the epoch, and how far each operator's requests went.
 * Jobs are not here: they cost no disk write. Every change is one transaction with its new catalogue version. One owner. */
#ifndef STORE_H
#define STORE_H

#include "sp_db.h"

#define STORE_SELECTED_ALL "" /* name under which the profile selected for all is kept */

struct store;

/* A stored row, lent to the loader's functions for the call. */
struct store_check {
    struct sp_str name;
    uint32_t id, revision;
    struct sp_str definition; /* JSON */
    struct sp_str selected;   /* profile chosen for it; empty: none */
};

struct store_loader {
    void *self;
    bool (*profile)(void *self, struct sp_str name, struct sp_str definition);
    bool (*selected)(void *self, const char *profile); /* for all; not called when none is */
    bool (*check)(void *self, const struct store_check *row);
};

/* Effect: opens or makes DIRECTORY/scheduler.db. Gives *out. */
SP_MUST_USE enum sp_rc store_open(const char *directory, uint32_t reserve_mb, struct store **out, struct sp_err *err);
void store_close(struct store **s);
/* Effect: hands every profile, the selection for all and every check to the loader, in this order. SP_E_CORRUPT when it refuses one. */
SP_MUST_USE enum sp_rc store_load(struct store *s, const struct store_loader *loader, struct sp_err *err);
/* Returns catalogue version, last epoch, next check number as stored. */
uint64_t store_version(const struct store *s);
uint64_t store_epoch(const struct store *s);
uint32_t store_check_next(const struct store *s);
/* Effect: durable at once. */
SP_MUST_USE enum sp_rc store_epoch_set(struct store *s, uint64_t epoch);
/* Returns the highest request id of that operator. */
uint64_t store_request_id(struct store *s, const char *principal);

/* A change: begin, any of the puts, then commit or rollback. The commit stores the next catalogue version and the operator's request id. */
SP_MUST_USE enum sp_rc store_begin(struct store *s);
SP_MUST_USE enum sp_rc store_check_put(struct store *s, const struct store_check *row);
SP_MUST_USE enum sp_rc store_check_delete(struct store *s, const char *name);
SP_MUST_USE enum sp_rc store_profile_put(struct store *s, const char *name, struct sp_str definition);
SP_MUST_USE enum sp_rc store_profile_delete(struct store *s, const char *name);
/* check NULL: for all, which forgets the choices per check. */
SP_MUST_USE enum sp_rc store_select(struct store *s, const char *check, const char *profile);
SP_MUST_USE enum sp_rc store_commit(struct store *s, const char *principal, uint64_t request_id);
void store_rollback(struct store *s);
/* Effect: the operator's request id alone, durable at once: for acts that change nothing stored. */
SP_MUST_USE enum sp_rc store_note(struct store *s, const char *principal, uint64_t request_id);
/* Lends what went wrong last. */
const struct sp_err *store_error(const struct store *s);

#endif
