/* SPDX-License-Identifier: Apache-2.0 */
/* Makes what Python's json writes fit for a strict reader, and bounds its depth, before anything is parsed. Python writes NaN,
 * Infinity and -Infinity as bare words, integers of any length, lone surrogates and \u0000. Here: the bare words become null,
 * integers that do not fit 64 bits become reals, lone surrogates and \u0000 become U+FFFD. Everything else is copied and left to
 * the reader to judge. Pure; one pass. */
#ifndef JSON_SCRUB_H
#define JSON_SCRUB_H

#include "sp_buf.h"

#define JSON_SCRUB_DEPTH_MAX 64u

/* Effect: appends the text to *out. False: nested deeper than depth_max, or *out is full. */
bool json_scrub(struct sp_str text, unsigned depth_max, struct sp_buf *out);

#endif
