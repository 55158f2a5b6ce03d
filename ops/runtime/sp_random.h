/* SPDX-License-Identifier: Apache-2.0 */
/* Unpredictable bytes from the kernel, through a small pool so that a nonce costs no system call. Handed-out bytes are wiped from
 * the pool; a forked child starts with an empty one. One thread. Never fails: without the kernel's source the process stops. */
#ifndef SP_RANDOM_H
#define SP_RANDOM_H

#include <stddef.h>
#include <stdint.h>

#define SP_RANDOM_POOL_BYTES 4096u

void sp_random_bytes(void *to, size_t n);
/* Returns a uniform number; never 0 (0 often means "none"). */
uint64_t sp_random_u64(void);

#endif
