/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Definitions against each other and against what the fleet has: names that nobody defines, the same object twice. What needs
 * more than names their owners judge. Pure over JSON.
 */
#ifndef CTL_POLICY_H
#define CTL_POLICY_H

#include "ctl_def.h"

/* What the fleet has of each kind: {name: canonical definition}. CTL_DEF_LABEL is not used. */
struct ctl_policy_world {
    json_t *have[CTL_DEF_KINDS];
};

/* Effect: checks all of defs as they would be after applying. On failure err names the document. */
SP_MUST_USE enum sp_rc ctl_policy_check(const struct ctl_defs *defs, const struct ctl_policy_world *world, struct sp_err *err);

#endif
