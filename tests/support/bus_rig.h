/* SPDX-License-Identifier: Apache-2.0 */
/* A deployment in a temporary directory with a real broker process, for tests and benchmarks of the bus: keys, configuration,
 * principals, and bus clients of any role on one loop. */
#ifndef BUS_RIG_H
#define BUS_RIG_H

#include <sys/types.h>

#include "sp_bus.h"
#include "sp_conf.h"
#include "sp_keys.h"
#include "sp_loop.h"

#define BUS_RIG_CLIENTS_MAX 16

struct bus_rig_client {
    const char *name;
    uint8_t role;
    const char *adapters; /* scope and announcement of a worker; the node of an attester */
    struct sp_keys *keys;
};

struct bus_rig {
    char dir[64];
    char conf_path[128];
    struct sp_conf *conf;
    struct sp_keys_core *core;
    struct sp_keys *broker_keys[2];
    struct bus_rig_client clients[BUS_RIG_CLIENTS_MAX];
    unsigned count, brokers;
    struct sp_loop *loop;
    pid_t pids[2];
};

/* Effect: directory, keys of `brokers` brokers (1 or 2, named b0 and b1) and of the clients, configuration with `extra` lines of
 * YAML appended, a loop. Dies with a message when it cannot. Brokers are not started yet. */
void bus_rig_init(struct bus_rig *rig, unsigned brokers, const struct bus_rig_client *clients, unsigned count, const char *extra);
/* Effect: ends brokers, removes the directory. */
void bus_rig_fini(struct bus_rig *rig);
/* Effect: a child process runs the broker; returns when its self-probe is through. */
void bus_rig_start(struct bus_rig *rig, unsigned broker);
/* Effect: kills with this signal and waits. Returns the wait status. */
int bus_rig_stop(struct bus_rig *rig, unsigned broker, int signo);
/* Effect: fills *conf for a process that knows brokers and keeper alone, as on a host that was enrolled. */
void bus_rig_conf_alone(struct bus_rig *rig, struct sp_conf *conf);
/* Effect: fills the options for a client; set handlers, then sp_bus_open. */
void bus_rig_options(struct bus_rig *rig, const char *name, struct sp_bus_options *o);
/* Effect: in a child after fork: keys of this client, the core key and a loop of its own. */
void bus_rig_child(struct bus_rig *rig, const char *name);
struct sp_keys *bus_rig_keys(struct bus_rig *rig, const char *name);
/* Effect: turns the loop until the condition holds or the time is over; true when it holds. */
bool bus_rig_until(struct bus_rig *rig, bool (*holds)(void *ctx), void *ctx, unsigned timeout_ms);

#endif
