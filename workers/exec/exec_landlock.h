/* SPDX-License-Identifier: Apache-2.0 */
/* Landlock part of the sandbox: read-only tree without the hidden places, one writable directory, no TCP without the right to it.
 */
#ifndef EXEC_LANDLOCK_H
#define EXEC_LANDLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "exec_sandbox.h"

/* Effect: restricts this process for good. *abi is what the kernel offers (0: nothing, and true is returned: the caller warns).
 * *isolation_fd is a ruleset for each run (-1 when the kernel is too old). no_new_privs is set before. Borrows options. */
bool exec_landlock_enter(const struct exec_sandbox_options *options, uint32_t *abi, int *isolation_fd);

#endif
