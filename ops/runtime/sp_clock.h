/* SPDX-License-Identifier: Apache-2.0 */
/* The only reader of clocks. A process reads once per wake-up (sp_loop does it) and hands struct sp_now down. Monotonic time is
 * CLOCK_BOOTTIME: it runs through suspend and starts at zero with the host. Wall time is for people and audit only. */
#ifndef SP_CLOCK_H
#define SP_CLOCK_H

#include "sp_assert.h"
#include "sp_rc.h"
#include "sp_time.h"

#define SP_CLOCK_BOOT_BYTES 8u

enum sp_clock_wall {
    SP_CLOCK_WALL_GOOD = 0,     /* after the build date and the kernel says synchronised */
    SP_CLOCK_WALL_UNSYNCED = 1, /* after the build date, but nobody disciplines the clock */
    SP_CLOCK_WALL_WRONG = 2     /* before the build date: certainly wrong */
};

/* Effect: reads both clocks. Never fails. */
struct sp_now sp_clock_read(void);
/* Returns its first half alone, at half the price. */
struct sp_mono sp_clock_mono(void);
/* Returns nanoseconds of CLOCK_MONOTONIC, for measuring spans inside one process (benchmarks, latencies). */
uint64_t sp_clock_mono_ns(void);
/* Returns nanoseconds of CPU time, user and system, of this process. For benchmarks and statistics. */
uint64_t sp_clock_cpu_ns(void);
/* Effect: writes the random id the kernel drew at boot, as 36 characters of text and its NUL. For the clock domain: together with
 * the deployment id it is hashed to `clock_boot` (sp_crypto_clock_boot). SP_E_IO when /proc is not there. */
SP_MUST_USE enum sp_rc sp_clock_boot_id(char to[37]);
/* Judges wall time. *error_ms (may be NULL) is the kernel's own bound of the error, UINT64_MAX when not synchronised. */
enum sp_clock_wall sp_clock_wall_state(struct sp_wall wall, uint64_t *error_ms);
/* Returns the time this program was built; wall time before it is wrong. */
struct sp_wall sp_clock_built(void);

#endif
