/* SPDX-License-Identifier: Apache-2.0 */
/* The keeper's gauges. */
#ifndef KEEPER_STATS_H
#define KEEPER_STATS_H

#include "nodes_shell.h"

/* Effect: sets them; the bus calls this before it publishes. self: the shell. */
void keeper_stats(void *self);

#endif
