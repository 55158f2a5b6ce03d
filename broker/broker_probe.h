/* SPDX-License-Identifier: Apache-2.0 */
/* The self-probe: connects to our own endpoint with a key nobody knows and expects to be refused. Being admitted means that
 * admission is open to the world, and the process must end (pitfalls A1 and A2). Runs in the loop, in a libzmq context of its own.
 */
#ifndef BROKER_PROBE_H
#define BROKER_PROBE_H

#include "sp_loop.h"

#define BROKER_PROBE_MS           5000u /* longest wait for a verdict, beyond the time for a handshake */
#define BROKER_PROBE_FAILURES_MAX 3u    /* probes without a verdict */

enum broker_probe_result {
    BROKER_PROBE_REFUSED,  /* as it should be */
    BROKER_PROBE_ADMITTED, /* open to the world */
    BROKER_PROBE_NOTHING   /* no verdict in time */
};

/* What is known when a probe ends. */
struct broker_probe_case {
    enum broker_probe_result result;
    bool proven;       /* an earlier one was refused */
    bool judged;       /* while it ran, the admission handler judged somebody: it lives, and the crowd was before the probe */
    unsigned failures; /* in a row without a verdict, this one included */
};

/* Returns why the process must end; NULL: it need not. */
const char *broker_probe_verdict(const struct broker_probe_case *c);

struct broker_probe {
    struct sp_loop *loop;
    void (*done)(void *ctx, enum broker_probe_result result); /* called once per start */
    void *ctx;
    void *zmq, *socket, *monitor; /* NULL: not running */
    int fd;
    uint64_t handshake_ms; /* given by the caller: how long a handshake may take behind others */
    uint64_t deadline_us;
};

/* Effect: begins a probe unless one is running. server_key: our own public key, Z85. False when it could not begin. */
bool broker_probe_start(struct broker_probe *p, const char *endpoint, const char *server_key, uint64_t now_us);
/* Effect: gives up when the time is over. */
void broker_probe_tick(struct broker_probe *p, uint64_t now_us);
uint64_t broker_probe_deadline(const struct broker_probe *p);
void broker_probe_stop(struct broker_probe *p);

#endif
