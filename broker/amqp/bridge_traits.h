/* SPDX-License-Identifier: Apache-2.0 */
/* For operators: the pools' traits on the cloud's providers, as leases. */
#ifndef BRIDGE_TRAITS_H
#define BRIDGE_TRAITS_H

#include <jansson.h>

#include "bridge_shell.h"

/* Gives what is known of traits; pool and node "": of all. From memory; nothing is asked. Needs b->place. */
json_t *bridge_traits_view(struct bridge *b, const char *pool, const char *node);

#endif
