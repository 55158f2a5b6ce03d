/* SPDX-License-Identifier: Apache-2.0 */
/* Operators' verbs about nodes, and the file of nodes that is applied at start. A verb finds its node by name or alias. */
#ifndef KEEPER_NODE_ADMIN_H
#define KEEPER_NODE_ADMIN_H

#include "keeper_admin.h"

/* Verbs of the table in keeper_admin.c: each works on act->args and gives the answer, NULL when it was refused (keeper_admin_refuse). */
json_t *keeper_node_put(struct nodes_shell *s, struct keeper_act *act);
json_t *keeper_node_state(struct nodes_shell *s, struct keeper_act *act);
json_t *keeper_node_labels(struct nodes_shell *s, struct keeper_act *act);
json_t *keeper_node_delete(struct nodes_shell *s, struct keeper_act *act);
/* The same for the node of the argument "name" and a state. */
json_t *keeper_node_state_to(struct nodes_shell *s, struct keeper_act *act, unsigned state);
/* Lends the node an argument names, by name or alias; NULL and refused when there is none. */
struct node_row *keeper_node_find(struct nodes_shell *s, struct keeper_act *act, const char *key);
/* Effect: applies keeper.nodes_file: what is new or differs becomes durable with its audit row. The state of a node the store knows stays as
 * it is, whatever the file says. A file with a fault is not applied at all: the fault is logged with file and line, and counted. */
void keeper_node_file(struct nodes_shell *s);

#endif
