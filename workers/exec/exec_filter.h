/* SPDX-License-Identifier: Apache-2.0 */
/* System-call filter of plugins, loaded once into the helper and inherited by everything it starts. Calls that change the system,
 * look into other processes or open new name spaces are refused (EPERM); without `network` no socket can be made (EACCES). */
#ifndef EXEC_FILTER_H
#define EXEC_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#define EXEC_FILTER_COOKIES 4u

/* Effect: loads the filter; no_new_privs is set before. clone3 stays open only for a caller that puts these secret cookies into
 * argument registers the kernel ignores (pointers cannot be looked into by a filter): the helper starts runs that way, a plugin's
 * C library falls back to clone. Borrows cookies. False: *why is a constant text. */
bool exec_filter_load(bool network, const uint64_t cookies[EXEC_FILTER_COOKIES], const char **why);

#endif
