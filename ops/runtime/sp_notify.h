/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Notes to the service manager (systemd's datagram protocol, NOTIFY_SOCKET). Without that variable every call does nothing. The watchdog
 * is fed only when the process made progress: sp_notify_watchdog compares a progress count that real work moves.
 */
#ifndef SP_NOTIFY_H
#define SP_NOTIFY_H

#include "sp_assert.h"
#include "sp_time.h"

struct sp_notify {
    int fd;               /* private; -1: nobody listens */
    uint64_t interval_us; /* private; half of WATCHDOG_USEC, 0: no watchdog wanted */
    struct sp_mono next;
    uint64_t progress;
};

/* Effect: reads NOTIFY_SOCKET and WATCHDOG_USEC once and removes them from the environment, so that children do not inherit them. */
void sp_notify_init(struct sp_notify *n);
void sp_notify_fini(struct sp_notify *n);
/* Admission, store and self-probe are up. status: one line for people, may be NULL. */
void sp_notify_ready(struct sp_notify *n, const char *status);
void sp_notify_stopping(struct sp_notify *n, const char *status);
void sp_notify_status(struct sp_notify *n, const char *status);
/* Effect: feeds the watchdog when it is time and progress differs from the value at the last feeding. Cheap; call each turn. */
void sp_notify_watchdog(struct sp_notify *n, struct sp_mono now, uint64_t progress);
/* Returns when to be called next, for the process's deadline; {SP_NEVER} without watchdog. */
struct sp_mono sp_notify_deadline(const struct sp_notify *n);

#endif
