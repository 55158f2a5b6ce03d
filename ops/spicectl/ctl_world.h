/* SPDX-License-Identifier: Apache-2.0 */
/* What the fleet has now, in canonical form, asked from its owners. */
#ifndef CTL_WORLD_H
#define CTL_WORLD_H

#include "ctl.h"
#include "ctl_policy.h"

/* Who answers for a kind ("scheduler", "keeper"). Lends. */
const char *ctl_world_owner(enum ctl_def_kind kind);

/* Effect: fills world for the kinds with wanted[kind]. Returns the exit code, error printed. Close it in any case. */
int ctl_world_open(struct ctl *ctl, const bool wanted[CTL_DEF_KINDS], struct ctl_policy_world *world);

/* Releases. */
void ctl_world_close(struct ctl_policy_world *world);

#endif
