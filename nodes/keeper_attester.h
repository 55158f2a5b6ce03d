/* SPDX-License-Identifier: Apache-2.0 */
/* Attesters among the principals: a node has one, and an attester has one node. */
#ifndef KEEPER_ATTESTER_H
#define KEEPER_ATTESTER_H

#include <jansson.h>

#include "nodes_shell.h"

/* Lends the attester of that node, expired or not; NULL: there is none, or it was revoked. */
const struct sp_bus_principal *keeper_attester_of(const struct nodes_shell *s, const char *node);

/* ---- verbs: see keeper_admin.h ---- */
struct keeper_act;
/* attester.invite {"node", "ttl_ms"?}: a one-use token for the attester of this node. */
json_t *keeper_attester_invite(struct nodes_shell *s, struct keeper_act *act);

#endif
