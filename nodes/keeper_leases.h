/* SPDX-License-Identifier: Apache-2.0 */
/* The way of LeaseClosed out of the shell: sent again by keeper_closed when a queue was full. */
#ifndef KEEPER_LEASES_H
#define KEEPER_LEASES_H

#include "nodes_shell.h"

void keeper_leases_init(struct nodes_shell *s);
/* Effect: sends a LeaseClosed; keeps a copy until it is sure enough that it arrived. */
void keeper_leases_closed(struct nodes_shell *s, struct sp_str body);
void keeper_leases_tick(struct nodes_shell *s);
struct sp_mono keeper_leases_deadline(const struct nodes_shell *s);

#endif
