/* SPDX-License-Identifier: Apache-2.0 */
/* The bridge's actions in the simulated cloud. */
#ifndef SIM_ACTION_H
#define SIM_ACTION_H

#include "sim.h"

void sim_action_init(struct sim *s);
void sim_action_fini(struct sim *s);
/* Effect: a turn of the bridge beside reader-1, if one is due. After every event. */
void sim_action_turn(struct sim *s);

#endif
