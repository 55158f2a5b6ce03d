/* SPDX-License-Identifier: Apache-2.0 */
/* Enrolment of nodes: what operators proved about attesters and TPMs, bound by the pure rules of core/enrolment.h, and told to workers. The
 * proof itself is the operator's process's (spicectl node enroll); here it is held against the principals this keeper knows. */
#ifndef KEEPER_IDENTITY_H
#define KEEPER_IDENTITY_H

#include "keeper_admin.h"

/* Effect: reads identities after the nodes; after the anchor was looked at, says which are doubted. */
SP_MUST_USE enum sp_rc keeper_identity_open(struct nodes_shell *s, struct sp_err *err);
/* Effect: inside the transaction of a start whose store is not the one that was left. */
SP_MUST_USE enum sp_rc keeper_identity_rolled_back(struct nodes_shell *s, enum keeper_anchor anchor);
/* Effect: that attester is revoked, durably: what its nodes proved is void. */
void keeper_identity_revoked(struct nodes_shell *s, const char *attester);

/* Verbs of the table in keeper_admin.c. */
json_t *keeper_identity_enroll(struct nodes_shell *s, struct keeper_act *act);
json_t *keeper_identity_approve(struct nodes_shell *s, struct keeper_act *act);
json_t *keeper_identity_unenroll(struct nodes_shell *s, struct keeper_act *act);

/* Lends one word about the enrolment of a node: certified or first_use when somebody is told; none, withdrawn, doubted, foreign or
 * no_attester when nobody is. */
const char *keeper_identity_word(struct nodes_shell *s, const struct node_row *node);
/* Gives {WORD: number of nodes that are not retired, ..., "waits": requests}. */
json_t *keeper_identity_count(struct nodes_shell *s);
/* Gives all there is to say about it, for people. */
json_t *keeper_identity_show(struct nodes_shell *s, const struct node_row *node);

#endif
