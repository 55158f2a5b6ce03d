/* SPDX-License-Identifier: Apache-2.0 */
/* Identities and instances of nodes in the store. Rows carry a MAC and the key of the node; what the audit says last about a key is held
 * against them at the start, so that a row that was put back, edited or taken out serves nobody (K35, K36, K38). */
#ifndef KEEPER_IDENTITY_STORE_H
#define KEEPER_IDENTITY_STORE_H

#include "enrolment.h"
#include "keeper_store.h"

#define KEEPER_IDENTITY_TABLES                                                                                                     \
    "CREATE TABLE instance(node INTEGER PRIMARY KEY, key BLOB NOT NULL, instance INTEGER NOT NULL, worker INTEGER NOT NULL,"       \
    " mac BLOB NOT NULL);"                                                                                                         \
    "CREATE TABLE identity(node INTEGER NOT NULL, kind INTEGER NOT NULL, number INTEGER NOT NULL, key BLOB NOT NULL,"              \
    " withdrawn INTEGER NOT NULL, mode INTEGER NOT NULL, attester TEXT NOT NULL, sign BLOB NOT NULL, ek BLOB NOT NULL,"            \
    " ek_public BLOB NOT NULL, ak BLOB NOT NULL, who TEXT NOT NULL, approved TEXT NOT NULL, wall_ms INTEGER NOT NULL,"             \
    " mac BLOB NOT NULL, PRIMARY KEY(node, kind)) WITHOUT ROWID;"

/* First word of the reason of an audit row about an identity; the key of the node follows, a blank, and its id. */
#define KEEPER_IDENTITY_WHY "key "

/* Effect: the fingerprint of an identity under that key of a node, into id->print. */
void keeper_identity_print(const uint8_t key[16], struct enrolled *id);

/* ---- each inside a transaction ---- */
/* Effect: the row as it is, its request included. The number of the row is the table's next; *number gets it. */
SP_MUST_USE enum sp_rc keeper_identity_put(struct keeper_store *s, const struct enrolment_row *row);
/* Effect: what is known of the node's starts. */
SP_MUST_USE enum sp_rc keeper_instance_put(struct keeper_store *s, const struct node_row *node);

/* ---- start ---- */
/* Effect: instances into the core, whose nodes are loaded. */
SP_MUST_USE enum sp_rc keeper_instance_load(struct keeper_store *s, struct keeper_core *core);
/* Effect: fills a fresh table. After the nodes. */
SP_MUST_USE enum sp_rc keeper_identity_load(struct keeper_store *s, const struct node_registry *nodes, struct enrolment_table *t);
/* Effect: all there are now are doubted, durably: an older store was put back, and nobody knows which of them were replaced since. */
SP_MUST_USE enum sp_rc keeper_identity_doubt(struct keeper_store *s, struct enrolment_table *t, uint64_t at_least);

#endif
