/* SPDX-License-Identifier: Apache-2.0 */
/* The shell of the bridge: two links to RabbitMQ and one connection to our own bus around the core. It has no authority: what it
 * sends to the cloud about trust are the keeper's own frames, and what it may say to the fleet are questions and hints. Fields are
 * for the files of this folder. One thread; each link has one of its own. */
#ifndef BRIDGE_SHELL_H
#define BRIDGE_SHELL_H

#include "amqp_link.h"
#include "bridge_core.h"
#include "bridge_options.h"
#include "bridge_seen.h"
#include "canary_core.h"
#include "cloud_exposure.h"
#include "cloud_inventory.h"
#include "cloud_nova.h"
#include "cloud_place.h"
#include "dispatch_bridge.h"
#include "reader_core.h"
#include "report_core.h"
#include "sp_buf.h"
#include "sp_bus.h"
#include "sp_keys.h"
#include "sp_loop.h"
#include "sp_notify.h"
#include "sp_stats.h"

#define BRIDGE_CALLS_MAX     1024u        /* calls that wait for an answer of the fleet */
#define BRIDGE_SNAPSHOTS_MAX 64u          /* of them, for a snapshot */
#define BRIDGE_VIEWS_MAX     64u          /* of them, for a view */
#define BRIDGE_CALL_MS       10000u       /* then the caller is told to ask again */
#define BRIDGE_ANSWER_BYTES  (12u << 20)  /* RabbitMQ 4 takes 16 MiB in one message */
#define BRIDGE_FAN_BYTES     (384u << 10) /* frames are put together up to this */
#define BRIDGE_NONCE_BYTES   16u

/* A message the core has a place for: without end and id, which are made each time it is sent. */
struct bridge_out {
    char *exchange, *key; /* owned, one allocation */
    struct sp_buf inner;
    bool mandatory, canary, used;
    uint32_t next; /* free list */
};

enum bridge_call_kind { BRIDGE_CALL_VIEW, BRIDGE_CALL_SNAPSHOT, BRIDGE_CALL_BEAT, BRIDGE_CALL_POOLS, BRIDGE_CALL_EVIDENCE };

/* A call that waits. */
struct bridge_call {
    bool used;
    enum bridge_call_kind kind;
    char msg_id[129], reply_queue[256];
    uint8_t nonce[BRIDGE_NONCE_BYTES];
    uint64_t id;        /* of the ViewRequest */
    uint32_t part;      /* next one */
    struct sp_buf data; /* what came so far */
    bool first_only;    /* the answer is the one element of the list */
    uint64_t deadline_us;
    uint64_t beat_us, beat_every_us; /* heartbeats the caller asked for; 0: none */
};

/* The one open Subscribe besides the reader's own, and who waits for it. */
struct bridge_courier {
    bool open, everybody; /* everybody: its frames go to the fanout */
    uint32_t call;
    uint8_t nonce[BRIDGE_NONCE_BYTES];
    uint32_t part;
    uint64_t heard_us;
    uint32_t waiting[BRIDGE_SNAPSHOTS_MAX]; /* calls, oldest first */
    uint32_t waiting_count;
    bool everybody_wanted;
    uint64_t everybody_due_us; /* the periodic one */
};

struct bridge_note_row { /* last told about one node in one pool */
    uint8_t tier;
    bool member;
};

struct bridge_hints { /* nodes named in Nova's notifications, not yet told to the scheduler */
    char names[MSG_HINT_NODES_MAX][REC_HINT_NODE_NODE_MAX + 1];
    uint32_t count;
    uint64_t due_us, seen, sent, spared;
};

struct bridge_results {
    bool begun;
    uint64_t next; /* number of the next result, in this start of the keeper */
    uint64_t id;   /* of the open question, 0: none */
    uint32_t part;
    struct sp_buf data;
    uint64_t due_us;
    struct sp_map last; /* (node, check) -> last outcome */
};

struct bridge {
    const struct sp_conf *conf;
    const struct sp_keys *keys;
    struct bridge_options *options; /* borrowed for the life */
    const char *name;
    struct sp_loop *loop;
    struct sp_notify *notify;
    struct sp_stats *stats;
    struct sp_bus *bus;
    struct bridge_core core;
    struct bridge_effects fx;
    bool stepping;
    struct amqp_link *links[BRIDGE_LINKS];
    struct amqp_link_options link_options[BRIDGE_LINKS];
    char names[9][160]; /* queues, exchanges, connection names */
    int wake_fd;
    struct bridge_out *outs;
    uint32_t out_count, out_free;
    struct bridge_seen seen;
    struct canary_core canary;
    /* trust */
    struct reader_core reader;
    char keeper[SP_BUS_NAME_BYTES];
    struct sp_buf fan; /* frames for everybody, not yet sent */
    struct bridge_courier courier;
    uint64_t look_us;
    bool told_following;
    /* notifications */
    struct sp_map note_index;
    struct bridge_note_row *notes;
    uint32_t note_count, note_size;
    uint8_t note_key[16];
    struct bridge_results results;
    struct bridge_hints hints;
    /* placement */
    struct cloud_place *place; /* NULL: none is configured */
    uint64_t proof_us, pools_us;
    bool place_follows, pools_asked;
    /* Nova's API */
    struct cloud_nova *nova; /* NULL: none is configured */
    struct cloud_inventory inventory;
    uint64_t inventory_boot;
    bool inventory_on;
    /* exposure */
    struct cloud_exposure *exposure; /* NULL: servers are not looked at */
    char evidence_node[EXPOSURE_NAME_BYTES], evidence_pool[EXPOSURE_POOL_BYTES];
    struct report_core reports;
    uint8_t *members; /* by entry of the reader, owned */
    uint32_t members_size;
    /* calls */
    struct bridge_call calls[BRIDGE_CALLS_MAX];
    uint32_t call_count, view_count;
    uint64_t view_id;
    uint64_t requests, malformed, duplicates, answered, failed, frames;
};

struct bridge_in {
    struct bridge *b;
    const struct sp_bus_message *message;
};

struct bridge_shell_options {
    const struct sp_conf *conf;
    const struct sp_keys *keys;
    struct bridge_options *options;
    struct sp_loop *loop;
    struct sp_notify *notify;
    const char *name;
};

SP_MUST_USE enum sp_rc bridge_shell_open(const struct bridge_shell_options *options, struct bridge **out, struct sp_err *err);
void bridge_shell_close(struct bridge **b);
struct sp_mono bridge_shell_deadline(const struct bridge *b);
/* Effect: reads principals.yaml again. */
void bridge_shell_reload(struct bridge *b);
void bridge_shell_tick(struct bridge *b, const struct sp_now *now);

/* For the files of this folder. */
struct sp_mono bridge_shell_now(const struct bridge *b);
struct sp_wall bridge_shell_wall(const struct bridge *b);
/* Effect: hands a message to the outbox. inner: what oslo_message wrote; taken, empty afterwards. key: see bridge_core.h. */
void bridge_shell_offer(struct bridge *b, enum bridge_class class, uint64_t key, const char *exchange, const char *routing_key,
                        struct sp_buf *inner);
/* True while what is offered has a way to RabbitMQ. */
bool bridge_shell_is_up(const struct bridge *b);
/* Effect: sends one message on our own bus; false: it did not leave. */
bool bridge_shell_send(struct bridge *b, uint16_t type, const char *dest, struct sp_str body);

#endif
