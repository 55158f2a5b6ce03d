/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of sp_bus, shared by its files only: sp_bus.c (life, timers, loop), sp_bus_link.c (one socket and its session with a
 * broker), sp_bus_send.c, sp_bus_receive.c, sp_bus_people.c (principals.yaml), sp_bus_learn.c (whom an attester does not know). */
#ifndef SP_BUS_PARTS_H
#define SP_BUS_PARTS_H

#include <stdatomic.h>

#include "sp_bus.h"
#include "sp_conf.h"
#include "sp_crypto.h"
#include "sp_envelope.h"
#include "sp_keys.h"
#include "sp_loop.h"
#include "sp_registry.h"
#include "sp_stats.h"

#define SP_BUS_HELLO_RETRY_MS     1000u /* no Welcome: say Hello again after this, doubling */
#define SP_BUS_HELLO_RETRY_MS_MAX 8000u
#define SP_BUS_SILENCE_BEATS      3u  /* heartbeats a broker may miss */
#define SP_BUS_SEAL_BYTES         64u /* what CURVE adds to a frame */
/* A broker on this host is back soon, refuses at once while it is away, and has few clients that could storm it. */
#define SP_BUS_RECONNECT_IPC_MS     100u
#define SP_BUS_RECONNECT_IPC_MS_MAX 1000u

#define SP_BUS_BUFFERS    8u    /* frames being built or on their way out without a copy */
#define SP_BUS_LEND_BYTES 8192u /* frames from this size are lent to libzmq */

/* Room for one frame. While lent, libzmq reads it, and nobody writes. */
struct sp_bus_buffer {
    uint8_t *p;
    atomic_bool lent;
};

/* One broker: socket, its monitor, and where the session stands. connected: CURVE handshake done. greeted: Hello is out. up:
 * Welcome came; from then on messages flow. Between Hello and Welcome nothing else is sent, so that counts start together. */
struct sp_bus_link {
    struct sp_bus *bus;
    unsigned index;
    void *socket;
    void *monitor;
    int fd;                          /* owned by the socket; -1: not open */
    int monitor_fd;                  /* owned by the monitor socket */
    const struct sp_conf_link *conf; /* name and endpoints */
    unsigned endpoint;               /* the one in use */
    char server_key[SP_HEX_Z85_KEY_BYTES];
    bool connected, greeted, up;
    bool blocked; /* a send found the queue full: on_writable is owed */
    bool more;    /* the drain stopped at its budget */
    uint64_t boot;
    uint32_t heartbeat_ms;
    uint32_t hello_tries;
    uint64_t heard_us, hello_due_us, beat_due_us;
};

struct sp_bus {
    struct sp_bus_options o;
    char name[SP_BUS_NAME_BYTES];
    char software[33];
    char adapters[513];
    char labels[256];
    uint8_t deployment[SP_DEPLOYMENT_BYTES];
    void *zmq;
    struct sp_bus_link links[SP_BUS_BROKERS_MAX];
    unsigned count;
    unsigned sticky, rotor; /* broker used last; next one for batches of jobs */
    struct sp_registry registry;
    struct sp_crypto_signer *signer;
    struct sp_crypto_hmac mac;
    bool has_mac;
    struct sp_stats *stats, *own_stats;
    struct sp_bus_buffer buffers[SP_BUS_BUFFERS];
    struct sp_bus_buffer *current; /* never lent */
    uint8_t *buffer;               /* of the current one: SP_ENVELOPE_BUFFER(SP_BODY_BYTES_MAX) bytes */
    uint64_t sequence;
    uint32_t backlog;
    int timer_fd, wake_fd;
    uint64_t timer_us; /* what the timer is set to; SP_NEVER: not */
    uint64_t stats_due_us;
    uint64_t activity; /* messages other than housekeeping */
    uint64_t published;
    uint64_t started_us;
    uint64_t refused[SP_REFUSAL_LAST + 1];
    struct sp_bus_learn *learn; /* attesters only */
    bool in_hook, closing;
};

/* sp_bus_link.c */
bool sp_bus_link_open(struct sp_bus_link *link, char *why, size_t why_bytes);
void sp_bus_link_close(struct sp_bus_link *link, int linger_ms);
/* Effect: takes what the monitor says about the connection. */
void sp_bus_link_monitor(struct sp_bus_link *link);
/* Effect: ends the session and says Hello when connected. */
void sp_bus_link_greet(struct sp_bus_link *link);
enum sp_rc sp_bus_link_welcome(struct sp_bus_link *link, const struct msg_welcome *m) SP_MUST_USE;
void sp_bus_link_down(struct sp_bus_link *link, const char *why);
/* Effect: whatever is due at this time: Hello again, Heartbeat, the verdict on a silent broker. */
void sp_bus_link_tick(struct sp_bus_link *link, uint64_t now_us);
uint64_t sp_bus_link_deadline(const struct sp_bus_link *link);
/* Returns ZMQ_EVENTS of the socket. */
int sp_bus_link_events(struct sp_bus_link *link);

/* sp_bus_send.c */
enum sp_bus_sent sp_bus_send_on(struct sp_bus_link *link, struct sp_bus_out *out);
/* Effect: tells every broker that is up our statistics. */
void sp_bus_send_stats(struct sp_bus *bus);

/* sp_bus_receive.c: takes up to SP_BUS_DRAIN_MAX frames; returns how many. */
unsigned sp_bus_receive(struct sp_bus_link *link);

/* sp_bus_learn.c: attesters only. What to do with a message whose sender may be unknown: judge it; it waits; refuse it. */
enum sp_bus_learnt { SP_BUS_LEARNT, SP_BUS_HELD, SP_BUS_UNKNOWN };
struct sp_bus_learn *sp_bus_learn_new(void);
void sp_bus_learn_destroy(struct sp_bus_learn **self);
enum sp_bus_learnt sp_bus_learn_look(struct sp_bus_link *link, const struct sp_envelope *e, const uint8_t *p, size_t n);
/* Effect: the keeper's word; what waited for it is handed to judge. */
void sp_bus_learn_info(struct sp_bus *bus, const struct msg_principal_info *m,
                       void (*judge)(struct sp_bus_link *link, const uint8_t *p, size_t n));

/* sp_bus.c */
uint64_t sp_bus_now_us(const struct sp_bus *bus);
/* Effect: there will be another turn of the loop without waiting. */
void sp_bus_wake(struct sp_bus *bus);
/* Effect: a message was sent or came; when it was more than housekeeping there is something worth publishing. */
void sp_bus_active(struct sp_bus *bus, uint16_t type);
void sp_bus_refuse(struct sp_bus *bus, uint16_t type, uint8_t role, enum sp_refusal code, struct sp_str sender, const char *detail);

/* Effect: principals.yaml into the empty registry. */
bool sp_bus_people_load(struct sp_bus *bus, char *why, size_t why_bytes);

#endif
