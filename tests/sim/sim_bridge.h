/* SPDX-License-Identifier: Apache-2.0 */
/* The hostile bridge of the simulation, and what it needs of the keeper's shell. */
#ifndef SIM_BRIDGE_H
#define SIM_BRIDGE_H

#include "sim.h"

bool sim_bridge_has(const struct sim *s, uint32_t node); /* the node is the cloud's, not a file's */
void sim_bridge_start(struct sim *s);                    /* with the keeper */
void sim_bridge_stop(struct sim *s);
void sim_bridge_act(struct sim *s);
void sim_bridge_released(struct sim *s, uint32_t node);           /* an operator has decided about it */
void sim_bridge_check(struct sim *s, const struct node_row *row); /* of a member */

/* sim_keeper.c */
struct keeper_event sim_keeper_event(struct sim *s, enum keeper_event_kind kind);
void sim_keeper_step(struct sim *s, struct keeper_event *e);

#endif
