/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes that the cloud's own list names: reports of a bridge into the pure table (core/inventory.h), its acts into store, audit and core, and
 * what operators see of it and say to it. */
#ifndef KEEPER_INVENTORY_H
#define KEEPER_INVENTORY_H

#include "keeper_admin.h"

/* Effect: reads rules and, after the store was loaded, why nodes stand where they stand. */
SP_MUST_USE enum sp_rc keeper_inventory_open(struct nodes_shell *s, struct sp_err *err);
/* Effect: the next acts, if there are any. A few at a time, so that results get their turn. */
void keeper_inventory_run(struct nodes_shell *s);
/* Effect: sets the gauges about where nodes come from, files and refusals included. */
void keeper_inventory_stats(struct nodes_shell *s);
/* Effect: inside a transaction: an operator decides about the node. After the commit call inventory_forget. */
SP_MUST_USE enum sp_rc keeper_inventory_clear(struct nodes_shell *s, uint32_t node);

/* Verbs of the table in keeper_admin.c. */
json_t *keeper_inventory_list(struct nodes_shell *s, struct keeper_act *act);
json_t *keeper_inventory_accept(struct nodes_shell *s, struct keeper_act *act);

#endif
