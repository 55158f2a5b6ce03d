/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of the keeper that grow without end: asked with --limit, --after, --node and --check. */
#ifndef CTL_QUERY_H
#define CTL_QUERY_H

#include "ctl.h"

#include <jansson.h>

/* Asks the keeper and prints by `print`. Takes args; adds the options that were given. Returns the exit code. */
int ctl_query_keeper(struct ctl *ctl, const char *verb, json_t *args, void (*print)(struct ctl *, const json_t *));

#endif
