/* SPDX-License-Identifier: Apache-2.0 */
/* What a definition must obey beyond the types of its keys, each refusal with its place and what to do. */
#ifndef CTL_DEF_RULES_H
#define CTL_DEF_RULES_H

#include "ctl_def.h"

/* Effect: checks a bound struct; root is its document. */
SP_MUST_USE enum sp_rc ctl_def_rules(enum ctl_def_kind kind, const char *file, const struct sp_yaml_node *root, const void *bound,
                                     struct sp_err *err);

#endif
