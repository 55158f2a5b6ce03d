/* SPDX-License-Identifier: Apache-2.0 */
/* Between the three forms of a definition: bound struct, canonical JSON, YAML text. */
#ifndef CTL_DEF_CANON_H
#define CTL_DEF_CANON_H

#include "ctl_def.h"

/* Effect: fills def->name and def->want from a bound struct, and refuses what the table alone cannot see (a cron
 * line that never comes, a category that does not exist, a period beside a cron, ...). root is the document, for places. */
SP_MUST_USE enum sp_rc ctl_def_canon(enum ctl_def_kind kind, const char *file, const struct sp_yaml_node *root, const void *bound,
                                     struct ctl_def *def, struct sp_err *err);

#endif
