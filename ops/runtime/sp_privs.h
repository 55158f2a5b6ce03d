/* SPDX-License-Identifier: Apache-2.0 */
/* Giving up power at start, in this order: sp_privs_harden, (root only) sp_privs_become, then the work. */
#ifndef SP_PRIVS_H
#define SP_PRIVS_H

#include <stdint.h>

#include "sp_err.h"

/* Effect: umask 077, no core dump, not dumpable (no ptrace, no /proc/self/mem for others), no new privileges through exec. */
SP_MUST_USE enum sp_rc sp_privs_harden(struct sp_err *err);
/* Effect: becomes the user for good: groups, gid, uid, and proves there is no way back. Nothing when user is NULL, empty or already us.
 * SP_E_PERMISSION when we are not root, SP_E_NOT_FOUND for an unknown user. */
SP_MUST_USE enum sp_rc sp_privs_become(const char *user, struct sp_err *err);
/* Effect: raises the soft limit of descriptors to `want` or the hard limit; *got is what we have. */
void sp_privs_descriptors(uint64_t want, uint64_t *got);
/* Effect: asks for exact timers (slack 1 ns instead of 50 us). Harmless when refused. */
void sp_privs_exact_timers(void);
/* Effect: closes every descriptor from 3 up (inherited ones), except the one given (-1: none). */
void sp_privs_close_inherited(int keep_fd);
/* Effect: opens /dev/null on 0, 1 and 2 where they are closed, so that no socket ever becomes standard error. */
void sp_privs_standard_fds(void);

#endif
