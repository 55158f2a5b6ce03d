/* SPDX-License-Identifier: Apache-2.0 */
/* The principals a process knows: rows from principals.yaml, from PrincipalSet, or put by the keeper; their Ed25519 keys parsed.
 * Part of sp_bus; the broker keeps a table of its own (core/principal). Rows never move and a slot is never used for another
 * name while the registry lives, so pointers and slots may be kept. */
#ifndef SP_REGISTRY_H
#define SP_REGISTRY_H

#include "msg.h"
#include "sp_bus.h"
#include "sp_crypto.h"
#include "sp_map.h"
#include "sp_time.h"

#define SP_REGISTRY_ROWS_MAX 65536u
#define SP_REGISTRY_PAIRS    2u /* of keys: the one that is, and the one that follows */

struct sp_registry_row {
    struct sp_bus_principal p;
    struct sp_crypto_verifier *verifier[SP_REGISTRY_PAIRS]; /* NULL: cannot sign, or the key is no good point */
    struct sp_crypto_hmac agreed[SP_REGISTRY_PAIRS];        /* the key for two, with our own signing key; see has_agreed */
    bool has_agreed[SP_REGISTRY_PAIRS], no_agreed[SP_REGISTRY_PAIRS]; /* made; cannot be made */
    unsigned pair;                                                    /* that its last message was sealed with */
    bool marked; /* named in the PrincipalSet, or in the file, that is being applied */
    bool struck; /* revoked by the keeper: the file cannot take that back for these keys */
};

struct sp_registry {
    struct sp_registry_row **rows;
    uint32_t count, size;
    struct sp_map by_name;
    struct sp_map dead; /* keys the keeper revoked: for the life, whatever name the file gives them later */
    uint8_t seed[16];
    uint64_t version; /* of the last complete PrincipalSet */
    uint64_t pending;
    uint32_t next_part;
};

void sp_registry_init(struct sp_registry *r);
void sp_registry_fini(struct sp_registry *r);
/* Lends the row or NULL. */
struct sp_registry_row *sp_registry_find(const struct sp_registry *r, struct sp_str name);
/* Effect: inserts or changes. SP_E_AUTHORITY: the file has that name and the row is not from it; a revoked row revokes the file's
 * rows with one of its keys all the same. SP_E_FULL, SP_E_NOMEM, SP_E_INVALID. */
SP_MUST_USE enum sp_rc sp_registry_put(struct sp_registry *r, const struct sp_bus_principal *row);
/* Effect: around all rows of the file that is read again: a row that is not put in between is revoked, for its slot stays. */
void sp_registry_file_begin(struct sp_registry *r);
void sp_registry_file_end(struct sp_registry *r);
/* Effect: one part of a PrincipalSet whose signature was verified. SP_E_STALE: old or out of order, nothing changed. */
SP_MUST_USE enum sp_rc sp_registry_set(struct sp_registry *r, const struct msg_principal_set *set);
/* Lends the key that the holder of this pair and the holder of `signer` share; made when it is asked for the first time. signer is the same
 * in all calls. NULL: the row has no good key there. */
const struct sp_crypto_hmac *sp_registry_agreed(struct sp_registry_row *row, unsigned pair, const struct sp_crypto_signer *signer);
/* True when it may talk at this wall time: under this pair of its keys; under any. */
bool sp_registry_pair_valid(const struct sp_bus_principal *p, unsigned pair, struct sp_wall now);
bool sp_registry_valid(const struct sp_bus_principal *p, struct sp_wall now);

#endif
