/* SPDX-License-Identifier: Apache-2.0 */
/* Landlock part of the sandbox: read-only tree without the hidden places, one writable directory for each plugin, no TCP without the
 * right to it. */
#ifndef EXEC_LANDLOCK_H
#define EXEC_LANDLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "exec_sandbox.h"

/* Effect: restricts this process for good. *abi is what the kernel offers (0: nothing, and true is returned: the caller warns).
 * no_new_privs is set before. Borrows options. */
bool exec_landlock_enter(const struct exec_sandbox_options *options, uint32_t *abi);
/* Effect: *fd is a ruleset that each run of one plugin enters by itself: it writes in `dir` (NULL: nowhere) and in no directory of
 * another plugin, and signals and looks into nobody. -1 where the kernel has no Landlock. False: it cannot be made, so nothing may run. */
bool exec_landlock_run(uint32_t abi, const char *dir, int *fd);

#endif
