/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Definitions against each other and against what the fleet has: names that nobody defines, lifetimes that are too short for the
 * period in the same run (the scheduler judges every act; here nothing is sent yet), the same object twice. Pure over JSON.
 */
#ifndef CTL_POLICY_H
#define CTL_POLICY_H

#include "ctl_def.h"

/* What the fleet has of each kind: {name: canonical definition}. CTL_DEF_LABEL is not used. */
struct ctl_policy_world {
    json_t *have[CTL_DEF_KINDS];
    char profile[CTL_DEF_NAME_BYTES]; /* in force for checks that name none; empty: none */
};

#define CTL_POLICY_LIVES 3 /* max_age is at least so many periods */

/* Effect: checks all of defs as they would be after applying. On failure err names the document. */
SP_MUST_USE enum sp_rc ctl_policy_check(const struct ctl_defs *defs, const struct ctl_policy_world *world, struct sp_err *err);

#endif
