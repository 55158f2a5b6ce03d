/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of principals and invitations in the keeper's store, each under its MAC: an edited principal counts as revoked, an edited invitation
 * for nothing; both are logged and counted in keeper_store.edited. Whatever writes is called inside a transaction (nodes_shell_rows). */
#ifndef KEEPER_PRINCIPALS_H
#define KEEPER_PRINCIPALS_H

#include "nodes_shell.h"

/* An invitation without adapters is an attester's, and nodes is the name of its node; a worker's always has some. */
struct keeper_invitation {
    char name[SP_BUS_NAME_BYTES], adapters[513], nodes[256], labels[256];
    char enrol[SP_BUS_NAME_BYTES]; /* the temporary principal that may use it */
};

static inline bool keeper_invitation_is_attester(const struct keeper_invitation *inv)
{
    return inv->adapters[0] == '\0';
}

/* Effect: calls fn for every principal of the store, the temporary ones of invitations that have not ended included. */
SP_MUST_USE enum sp_rc keeper_principals_each(struct nodes_shell *s, void (*fn)(void *ctx, const struct sp_bus_principal *row),
                                              void *ctx);
/* Effect: inserts or replaces the row of that name. Borrows all. */
SP_MUST_USE enum sp_rc keeper_principals_put(struct nodes_shell *s, const struct sp_bus_principal *row, const char *labels);
/* Effect: before row takes its place: a name of principals.yaml may get new keys and lose them too; the keys it lost before stay revoked,
 * under a name made of them. */
SP_MUST_USE enum sp_rc keeper_principals_keep_revoked(struct nodes_shell *s, const struct sp_bus_principal *row);
/* Effect: the pair of keys that follows in this row, when there is one, is revoked too, under a name made of it: the file may make it
 * the only one later. */
SP_MUST_USE enum sp_rc keeper_principals_revoke_next(struct nodes_shell *s, const struct sp_bus_principal *row);
/* Effect: fills *out with the invitation whose secret has this SHA-256; false when there is none that has not ended. */
bool keeper_principals_find_invitation(struct nodes_shell *s, const uint8_t hash[32], struct keeper_invitation *out);
/* Effect: inserts an invitation; the secret is kept as its hash only. expires_s: wall clock. */
SP_MUST_USE enum sp_rc keeper_principals_invite(struct nodes_shell *s, const struct keeper_invitation *inv,
                                                const uint8_t secret[32], const uint8_t curve[32], uint64_t expires_s);
/* Effect: removes the invitation of that hash. */
SP_MUST_USE enum sp_rc keeper_principals_spend(struct nodes_shell *s, const uint8_t hash[32]);

#endif
