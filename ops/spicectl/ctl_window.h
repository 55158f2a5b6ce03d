/* SPDX-License-Identifier: Apache-2.0 */
/* Windows of profiles, UTC: "mon-fri 22:00-06:00", "sat,sun 00:00-24:00", "00:30-04:00" (every day). Pure. */
#ifndef CTL_WINDOW_H
#define CTL_WINDOW_H

#include "sp_str.h"

#define CTL_WINDOW_BYTES 64

/* Effect: writes the shortest text that means the same, so that windows can be compared. False: malformed, or empty. */
bool ctl_window_canon(struct sp_str text, char to[CTL_WINDOW_BYTES]);

#endif
