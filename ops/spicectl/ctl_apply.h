/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_APPLY_H
#define CTL_APPLY_H

#include "ctl.h"
#include "ctl_def.h"
#include "ctl_world.h"

/* Effect: refuses checks for adapters that neither we nor a connected worker know, unless --unknown-adapter was said. Returns the exit code. */
int ctl_apply_adapters(struct ctl *ctl, const struct ctl_defs *defs, const struct ctl_policy_world *world);
/* Effect: refuses words (joined by commas, "*" among them) that are no adapters of ours or of a connected worker, unless --unknown-adapter was said.
 * Returns the exit code. */
int ctl_apply_adapter_words(struct ctl *ctl, const char *words);

#endif
