/* SPDX-License-Identifier: Apache-2.0 */
/* The cloud's list of compute nodes, reported to the keeper. What follows from it is the keeper's to decide: nothing that is
 * reported here can make a node more trusted (SI-10). */
#ifndef BRIDGE_INVENTORY_H
#define BRIDGE_INVENTORY_H

#include "bridge_shell.h"

/* Effect: nothing without bridge.compute.url, or without bridge.compute.inventory. */
void bridge_inventory_open(struct bridge *b);
void bridge_inventory_close(struct bridge *b);
/* Effect: asks and reports what is due. */
void bridge_inventory_tick(struct bridge *b);
/* Effect: Nova said something about this host: service says that it is about a compute service, and so always news. Elsewhere only
 * a host that no reading has shown is news: instances come and go at the tenants' will. */
void bridge_inventory_heard(struct bridge *b, const char *host, bool service);
/* Effect: notifications may have been missed: the list is read soon. */
void bridge_inventory_look(struct bridge *b);
void bridge_inventory_stats(struct bridge *b);
uint64_t bridge_inventory_deadline_us(const struct bridge *b);

#endif
