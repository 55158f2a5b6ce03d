/* SPDX-License-Identifier: Apache-2.0 */
/* What a bridge may look at: views, and nothing that writes. The table of views is of its own, so that a verb added for operators does not
 * become one for a bus that others write to. */
#ifndef KEEPER_BRIDGE_H
#define KEEPER_BRIDGE_H

#include "nodes_shell.h"

/* Effect: answers one ViewRequest. */
void keeper_bridge_on_view_request(struct nodes_shell *s, const struct sp_bus_message *m);

#endif
