/* SPDX-License-Identifier: Apache-2.0 */
/* The gauges of the bridge. */
#ifndef BRIDGE_STATS_H
#define BRIDGE_STATS_H

#include "bridge_shell.h"

/* Effect: sets them before statistics are sent; as sp_bus_options wants it, self is the bridge. */
void bridge_stats(void *self);

#endif
