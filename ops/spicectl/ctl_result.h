/* SPDX-License-Identifier: Apache-2.0 */
/* Results as a table or as JSON. */
#ifndef CTL_RESULT_H
#define CTL_RESULT_H

#include "ctl.h"

#include <jansson.h>

/* Prints rows of result.list. Borrows. */
void ctl_result_print(struct ctl *ctl, const json_t *rows);

#endif
