/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of inventory share. */
#ifndef INVENTORY_PARTS_H
#define INVENTORY_PARTS_H

#include "inventory.h"

/* Lends the memo of a node; NULL when there is none. */
struct inventory_memo *inventory_memo_of(const struct inventory *inv, uint32_t node);
/* True when the table may change the node. */
bool inventory_is_ours(const struct node_row *row);
/* True when it was missing often and long enough. */
bool inventory_is_due(const struct inventory *inv, const struct node_row *row, uint64_t now_ms);
/* Effect: what one row of the reading asks for, whatever mode and brake say: at most two acts. Sets its finding. */
uint32_t inventory_row_acts(const struct inventory *inv, const struct node_registry *nodes, struct inventory_row *row,
                            struct inventory_act acts[2]);
/* True when the act takes a node out of service. */
bool inventory_act_harms(const struct inventory_act *act);

#endif
