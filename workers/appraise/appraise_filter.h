/* SPDX-License-Identifier: Apache-2.0 */
/* System calls an appraiser needs once it judges: its socket, memory, clocks, its end. Any other call kills it at once. */
#ifndef APPRAISE_FILTER_H
#define APPRAISE_FILTER_H

#include <stdbool.h>

/* Effect: loads the filter; no_new_privs is set before. `fd` is the one socket that may be used. False: *why is a constant text. */
bool appraise_filter_load(int fd, const char **why);

#endif
