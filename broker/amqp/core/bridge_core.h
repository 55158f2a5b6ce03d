/* SPDX-License-Identifier: Apache-2.0 */
/* The bridge without I/O: two connections to RabbitMQ (one consumes, one publishes), and what waits to be published.
 *
 *             due                      up                         lost
 *   WAITING -------> CONNECTING -----------------> UP ---------------------------> WAITING (next host, later)
 *                        |  lost                    |  no confirm in time: ABORT, then lost
 *                        +--------> WAITING         +------------------------------------------------------->
 *
 * The outbox keeps newest state, not a backlog: what goes to all readers (TRUST) waits nowhere: while RabbitMQ is away or too slow
 * it is dropped, and on return a SNAPSHOT is asked for; a notification (NOTE) replaces the older one with its key; replies wait for
 * the callers who may still be there; heartbeats and canaries are never late. Everything is bounded in number and bytes.
 *
 * Messages stay the shell's: the core knows a handle, a class, a key and a size. A handle comes back in exactly one PUBLISHED or
 * DROP. */
#ifndef BRIDGE_CORE_H
#define BRIDGE_CORE_H

#include "sp_map.h"
#include "sp_rng.h"
#include "sp_time.h"

#define BRIDGE_EFFECTS_MAX 256u
#define BRIDGE_REPLIES_MAX 1024u /* replies kept at once */
#define BRIDGE_TRUST_MAX   4096u /* messages to all readers that wait while the connection is up */
#define BRIDGE_GONE_MAX    200u  /* reply queues known to be gone */
#define BRIDGE_GONE_MS     60000u
#define BRIDGE_RETURN_MS   250u   /* a reply whose queue is missing is tried again after this */
#define BRIDGE_STEADY_MS   10000u /* a connection that lived so long forgets the failures before it */
#define BRIDGE_NONE        UINT32_MAX

enum bridge_link { BRIDGE_CONSUMER, BRIDGE_PUBLISHER, BRIDGE_LINKS };
enum bridge_link_state { BRIDGE_WAITING, BRIDGE_CONNECTING, BRIDGE_UP };
enum bridge_class { BRIDGE_BEAT, BRIDGE_CANARY, BRIDGE_REPLY, BRIDGE_TRUST, BRIDGE_NOTE, BRIDGE_CLASSES }; /* sent in this order */

struct bridge_core_options {
    uint64_t seed;
    uint32_t hosts;
    uint64_t retry_ms, retry_step_ms, retry_max_ms;
    uint64_t reply_retry_ms; /* how long a reply is tried whose queue is missing, and kept while RabbitMQ is away */
    uint64_t confirm_ms;
    uint32_t window;
    uint32_t messages_max;
    uint64_t bytes_max;
};

enum bridge_event_kind {
    BRIDGE_EV_TICK,
    BRIDGE_EV_UP,
    BRIDGE_EV_LOST,    /* connection or the attempt ended */
    BRIDGE_EV_BLOCKED, /* RabbitMQ takes nothing for now */
    BRIDGE_EV_UNBLOCKED,
    BRIDGE_EV_CONFIRMED,
    BRIDGE_EV_REFUSED,  /* nack */
    BRIDGE_EV_RETURNED, /* mandatory, and no such queue */
    BRIDGE_EV_OFFER
};

struct bridge_event {
    enum bridge_event_kind kind;
    struct sp_mono now;
    enum bridge_link link; /* UP, LOST */
    uint64_t tag;          /* CONFIRMED, REFUSED, RETURNED */
    struct {               /* OFFER */
        uint32_t handle;
        enum bridge_class class;
        uint64_t key; /* REPLY: of its queue; NOTE: newest replaces; 0: none. UINT64_MAX is reserved */
        uint32_t bytes;
    } offer;
};

enum bridge_effect_kind {
    BRIDGE_FX_CONNECT,   /* link, host */
    BRIDGE_FX_ABORT,     /* link: break it; LOST will follow */
    BRIDGE_FX_PUBLISH,   /* handle, tag; the message stays until PUBLISHED or DROP */
    BRIDGE_FX_PUBLISHED, /* handle: confirmed; free it */
    BRIDGE_FX_DROP,      /* handle, why: free it */
    BRIDGE_FX_SNAPSHOT   /* fetch the newest state and offer it as TRUST */
};
enum bridge_why { BRIDGE_WHY_AWAY, BRIDGE_WHY_FULL, BRIDGE_WHY_NEWER, BRIDGE_WHY_GONE, BRIDGE_WHY_LATE, BRIDGE_WHYS };

struct bridge_effect {
    enum bridge_effect_kind kind;
    enum bridge_link link;
    uint32_t host, handle;
    uint64_t tag;
    enum bridge_why why;
};
struct bridge_effects {
    struct bridge_effect list[BRIDGE_EFFECTS_MAX];
    uint32_t count;
};

struct bridge_link_view { /* private but for reading */
    enum bridge_link_state state;
    uint32_t host;     /* tried last */
    uint32_t failures; /* in a row */
    uint64_t due_us;   /* WAITING: when to try */
    uint64_t since_us; /* of this state */
};

struct bridge_slot { /* private */
    uint64_t key, until_us, due_us, sent_us;
    uint32_t handle, bytes, serial, prev, next;
    uint8_t class, state;
};
struct bridge_queue { /* private: slots in order */
    uint32_t head, tail, count;
    uint64_t bytes;
};
struct bridge_gone { /* private */
    uint64_t key, until_us;
};
struct bridge_counters {
    uint64_t offered[BRIDGE_CLASSES], published[BRIDGE_CLASSES], dropped[BRIDGE_WHYS], returned, refused, aborts, connects, lost,
        snapshots;
};

struct bridge_core {
    struct bridge_core_options options;
    struct sp_rng rng;
    struct bridge_link_view links[BRIDGE_LINKS];
    bool blocked, aborting, purging, want_snapshot;
    struct bridge_slot *slots; /* owned; messages_max */
    uint32_t free, used;
    uint64_t bytes;
    struct bridge_queue queues[BRIDGE_CLASSES]; /* not yet sent */
    struct bridge_queue sent;                   /* in the order they were sent */
    struct bridge_queue later;                  /* returned replies, in the order of their due times */
    uint32_t replies;
    struct sp_map notes; /* key -> slot that waits */
    struct bridge_gone gone[BRIDGE_GONE_MAX];
    uint32_t gone_next;
    uint32_t serial;
    uint64_t unblocked_us; /* confirms are not late before this */
    bool again;
    struct bridge_counters counters;
};

/* Effect: both links due at once, nothing in the outbox. False without memory. */
bool bridge_core_init(struct bridge_core *b, const struct bridge_core_options *options, struct sp_mono now);
void bridge_core_fini(struct bridge_core *b);
/* Effect: applies the event; fx is emptied first. An OFFER is answered in the same step at the latest by a place in the outbox or
 * by DROP. */
void bridge_core_step(struct bridge_core *b, const struct bridge_event *ev, struct bridge_effects *fx);
struct sp_mono bridge_core_next_deadline(const struct bridge_core *b, struct sp_mono now);
/* True when all bounds and lists agree. Walks everything. */
bool bridge_core_check(const struct bridge_core *b);

#endif
