/* SPDX-License-Identifier: Apache-2.0 */
/* Windows of profiles as people write them: "mon-fri 22:00-06:00", "sat,sun 00:00-24:00", "00:30-04:00" (every day). UTC. Pure. */
#ifndef WINDOW_TEXT_H
#define WINDOW_TEXT_H

#include "check_def.h"

#define WINDOW_TEXT_BYTES 64u

/* False when malformed or empty; *out only on success. */
bool window_text_parse(struct sp_str text, struct check_def_window *out);
/* Effect: the shortest text that parses to the same. */
void window_text_format(const struct check_def_window *w, char to[WINDOW_TEXT_BYTES]);

#endif
