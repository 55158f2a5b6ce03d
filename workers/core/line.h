/* SPDX-License-Identifier: Apache-2.0 */
/* line.h - makes any bytes fit for a result: one line of valid UTF-8 without control characters, bounded. Pure. */
#ifndef SPICE_LINE_H
#define SPICE_LINE_H

#include <stdbool.h>
#include <stddef.h>

#include "sp_str.h"

/* Effect: copies `from` to `to` (cap bytes), bad bytes as '?', control characters as a space, cut at a character's end. Returns the
 * bytes written (no NUL). *cut (may be NULL) tells whether something was left out. */
size_t line_clean(struct sp_str from, char *to, size_t cap, bool *cut);

#endif
