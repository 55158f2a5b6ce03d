/* SPDX-License-Identifier: Apache-2.0 */
/* What operators ask of the keeper: one table of verbs. Reads answer from core and store; writes are made durable with their audit row
 * before the core learns of them, and a refused write is audited too. Every write takes "dry_run": true and then only says what it would do. */
#ifndef KEEPER_ADMIN_H
#define KEEPER_ADMIN_H

#include <jansson.h>

#include "nodes_shell.h"

#define KEEPER_ADMIN_REPLY_MAX (64u << 20) /* bytes of one answer */
#define KEEPER_ADMIN_ROWS_MAX  100000u     /* rows of one answer, unless "limit" says less */

/* One request while it is worked on. */
struct keeper_act {
    const char *actor;
    const char *verb;
    json_t *args;
    bool dry;
    enum sp_refusal code; /* set with err when it is refused */
    struct sp_err err;
    char object[132], from[72], to[72], why[200]; /* for the audit row of a write */
    uint64_t id;
};

/* Effect: works on one request and answers. */
/* Effect: notes why the act is refused; returns NULL for the verb to return. */
json_t *keeper_admin_refuse(struct keeper_act *act, enum sp_refusal code, const char *where, const char *text, const char *hint);
/* Effect: the same for a store that takes no rows. */
json_t *keeper_admin_store_refuses(struct keeper_act *act);
/* Gives the answer to a write: {"name", "dry_run"}. */
json_t *keeper_admin_done(const struct keeper_act *act);
/* Lends a text argument, NULL when it is not there. */
const char *keeper_admin_text(const struct keeper_act *act, const char *key);
/* Effect: one row of the audit for this act, inside the open transaction. */
SP_MUST_USE enum sp_rc keeper_admin_audit(struct nodes_shell *s, const struct keeper_act *act);

#endif
