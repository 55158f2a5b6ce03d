/* SPDX-License-Identifier: Apache-2.0 */
/* System calls that nothing of SPICE, and nothing it starts, has a use for; one list for all filters (seccomp(2)). `filter` is a scmp_filter_ctx whose
 * default is to allow; each function returns false when libseccomp refuses a rule, and the filter is then not to be loaded. */
#ifndef SP_SYSCALLS_H
#define SP_SYSCALLS_H

#include <stdbool.h>
#include <stddef.h>

#include "sp_assert.h"

/* Effect: EPERM for other processes' state, the tree of file systems, name spaces, the kernel itself, keys, io_uring, time and name of the host. */
SP_MUST_USE bool sp_syscalls_deny_common(void *filter);
/* Effect: EPERM for clone with a new name space. clone3, whose flags a filter cannot see, is the caller's to refuse. */
SP_MUST_USE bool sp_syscalls_deny_namespaces(void *filter);
/* Effect: EPERM for calls by name. A name that the library or this machine does not know is skipped. */
SP_MUST_USE bool sp_syscalls_deny(void *filter, const char *const *names, size_t count);

#endif
