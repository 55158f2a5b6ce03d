/* SPDX-License-Identifier: Apache-2.0 */
/* What the scheduler must not forget: checks, profiles, which profile is in force, the epoch, how far each operator's requests went, and
 * the operators' acts the keeper has not yet taken into its audit. Jobs are not here: they cost no disk write. Every change is one transaction with its new catalogue version. One owner. */
#ifndef STORE_H
#define STORE_H

#include "sp_db.h"

#define STORE_SELECTED_ALL "" /* name under which the profile selected for all is kept */

#define STORE_ACTS_MAX 512u /* that may wait for the keeper; it knows the latest 1024 of each sender again */

struct store;

/* An operator's act for the keeper's audit, lent for the call. Text is valid UTF-8 within the limits of the message. */
struct store_act {
    uint64_t number; /* given by the store when the act is put */
    uint64_t wall_ms;
    struct sp_str actor, what, object, before, after, why;
};

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

/* A change: begin, any of the puts, then commit or rollback. The commit stores the next catalogue version, the operator's request id and
 * the act, which stands in the store exactly when the change does. */
SP_MUST_USE enum sp_rc store_begin(struct store *s);
SP_MUST_USE enum sp_rc store_check_put(struct store *s, const struct store_check *row);
SP_MUST_USE enum sp_rc store_check_delete(struct store *s, const char *name);
SP_MUST_USE enum sp_rc store_profile_put(struct store *s, const char *name, struct sp_str definition);
SP_MUST_USE enum sp_rc store_profile_delete(struct store *s, const char *name);
/* check NULL: for all, which forgets the choices per check. */
SP_MUST_USE enum sp_rc store_select(struct store *s, const char *check, const char *profile);
SP_MUST_USE enum sp_rc store_commit(struct store *s, uint64_t request_id, const struct store_act *act);
void store_rollback(struct store *s);
/* Effect: the operator's request id and the act alone, durable at once: for acts that change nothing stored, and refused ones. */
SP_MUST_USE enum sp_rc store_note(struct store *s, uint64_t request_id, const struct store_act *act);

/* Returns how many acts wait for the keeper. */
uint32_t store_acts(const struct store *s);
/* Effect: lends up to `max` waiting acts, oldest first, until the function says false. */
SP_MUST_USE enum sp_rc store_acts_read(struct store *s, uint32_t max, bool (*fn)(void *self, const struct store_act *act),
                                       void *self);
/* Effect: forgets the acts up to this number, which the keeper has. Durable. */
SP_MUST_USE enum sp_rc store_acts_stored(struct store *s, uint64_t number);
/* Effect: forgets this act, which the keeper will never take. Durable. */
SP_MUST_USE enum sp_rc store_acts_drop(struct store *s, uint64_t number);
/* Effect: when the oldest act has this number, all waiting acts get others, above that one, in their order: for a store that was put back.
 * Durable. */
SP_MUST_USE enum sp_rc store_acts_renumber(struct store *s, uint64_t first, uint64_t above);
/* Lends what went wrong last. */
const struct sp_err *store_error(const struct store *s);

#endif
