/* SPDX-License-Identifier: Apache-2.0 */
/* What goes into the scheduler's core and what comes out: options, events, effects. Types only. */
#ifndef SCHEDULER_EVENT_H
#define SCHEDULER_EVENT_H

#include "check_def.h"
#include "sp_digest.h"
#include "sp_mac.h"

#define SCHEDULER_CORE_EFFECTS_MAX      48u
#define SCHEDULER_CORE_ARENA_BYTES      (2u << 20)         /* what the effects of one step may carry; the shell's array */
#define SCHEDULER_CORE_BATCHES_MAX      16u                /* job batches per step */
#define SCHEDULER_CORE_DUE_MAX          2048u              /* pairs that fall due per step */
#define SCHEDULER_CORE_TRACE_SIZE       65536u             /* latest jobs kept for tracing */
#define SCHEDULER_CORE_LATE_BUCKETS     128u               /* lateness histogram: 4 per power of two of us */
#define SCHEDULER_CORE_EPOCH_MAX        ((1ull << 24) - 1) /* job number = epoch << 40 | counter */
#define SCHEDULER_CORE_EXPIRES_MS       5000u              /* longest wait of a job in a broker */
#define SCHEDULER_CORE_RETURN_MS        250u               /* pause after a job came back unrun */
#define SCHEDULER_CORE_ASK_MS           1000u              /* between repeated EpochClaim, SyncRequest, CheckSet */
#define SCHEDULER_CORE_WALL_STEP_US     1000000            /* a wall clock step beyond this re-plans calendars */
#define SCHEDULER_CORE_CHECKPOINT_BYTES (16u << 20)
#define SCHEDULER_CORE_NAME_BYTES       41u   /* principal and its NUL */
#define SCHEDULER_CORE_CHECKS_GAP_MS    200u  /* changes of the catalogue within this are told together */
#define SCHEDULER_CORE_RUN_NODES_MAX    4096u /* nodes of one run-now */

/* Bytes nobody can guess, handed to pure code from outside: 32 per job. */
struct scheduler_core_random {
    void (*fn)(void *ctx, void *to, size_t n);
    void *ctx;
};

struct scheduler_core_options {
    uint8_t seed[16]; /* phases; the same for the life of the deployment */
    uint64_t boot;    /* random number of this start, not 0 */
    uint64_t epoch;   /* to be claimed; already stored */
    uint32_t pairs_max;
    uint32_t batch_jobs;     /* 1 to 512 */
    uint32_t batch_bytes;    /* of one JobBatch body */
    uint32_t attempts_max;   /* of one due time, whatever a check's retries say */
    uint32_t grace_ms;       /* lease: timeout + wait in the broker + this */
    uint32_t clock_lost_ms;  /* no KeeperClock for so long: no jobs */
    struct sp_mac mac;       /* ticket key; borrowed for life */
    struct sp_digest digest; /* for what a ticket is about; borrowed for life */
    struct scheduler_core_random random;
};

enum scheduler_core_event_kind {
    SCHEDULER_EV_TICK,      /* time has passed */
    SCHEDULER_EV_MESSAGE,   /* verified message */
    SCHEDULER_EV_LINK,      /* a broker came or went */
    SCHEDULER_EV_SENT,      /* how a job batch ended: to be told before any other event */
    SCHEDULER_EV_STORED,    /* the epoch of an effect is durable, or could not be */
    SCHEDULER_EV_CHECK_PUT, /* catalogue events: already stored; version is the catalogue's after them */
    SCHEDULER_EV_CHECK_DELETE,
    SCHEDULER_EV_PROFILE_PUT,
    SCHEDULER_EV_PROFILE_DELETE,
    SCHEDULER_EV_SELECT,
    SCHEDULER_EV_RUN,    /* run-now, test-now */
    SCHEDULER_EV_REVOKED /* a worker lost its right: what any run left for the next one may be its doing */
};

struct scheduler_core_event {
    enum scheduler_core_event_kind kind;
    struct sp_now now;
    uint64_t version; /* catalogue events */
    union {
        struct {
            uint16_t type;
            uint8_t role; /* of the sender, enum sp_role */
            uint32_t broker;
            const char *from;
            const uint8_t *body;
            size_t bytes;
        } message;
        struct {
            uint32_t broker;
            bool up;
            uint64_t boot;
        } link;
        struct {
            uint32_t batch; /* from the effect */
            bool ok;
            uint64_t sequence; /* of the message */
        } sent;
        struct {
            uint64_t epoch;
            bool ok;
        } stored;
        const struct check_def *check;
        const struct profile_def *profile;
        const char *name; /* deletes */
        struct {
            const char *check;   /* NULL: all */
            const char *profile; /* "": no choice */
        } select;
        struct {
            const char *check;
            const struct sp_str *nodes;
            uint32_t count;
            bool test;
            uint32_t *started; /* out: runs planned; nodes unknown or running already are not counted */
        } run;
    } u;
};

enum scheduler_core_effect_kind { SCHEDULER_FX_SEND, SCHEDULER_FX_STORE_EPOCH, SCHEDULER_FX_TRACE };

/* What a trace effect says; value and more depend on it. */
enum scheduler_core_trace {
    SCHEDULER_TRACE_EPOCH_GRANTED, /* value: epoch */
    SCHEDULER_TRACE_EPOCH_RAISED,  /* value: our next claim, more: in force */
    SCHEDULER_TRACE_DEPOSED,       /* value: ours, more: in force */
    SCHEDULER_TRACE_KEEPER_READY,
    SCHEDULER_TRACE_KEEPER_LOST, /* not ready, silent or another clock */
    SCHEDULER_TRACE_NODES,       /* value: nodes, more: pairs */
    SCHEDULER_TRACE_PAIRS_FULL,  /* value: pairs, more: limit */
    SCHEDULER_TRACE_CLOCK_STEP   /* wall clock moved */
};

#define SCHEDULER_CORE_NO_BATCH UINT32_MAX

struct scheduler_core_effect {
    enum scheduler_core_effect_kind kind;
    /* send */
    uint16_t type;
    int broker;       /* -1: any */
    const char *dest; /* principal; "": the model's receiver. Lent until the next step */
    uint64_t epoch, trace_id;
    const uint8_t *body; /* in the arena */
    uint32_t bytes;
    uint32_t batch; /* JobBatch: tell how it ended with SCHEDULER_EV_SENT */
    /* store, trace */
    enum scheduler_core_trace trace;
    uint64_t value, more;
};

struct scheduler_core_effects {
    struct scheduler_core_effect list[SCHEDULER_CORE_EFFECTS_MAX];
    uint32_t count;
    uint8_t *arena; /* SCHEDULER_CORE_ARENA_BYTES, the caller's */
    size_t used;
};

#endif
