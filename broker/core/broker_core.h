/* SPDX-License-Identifier: Apache-2.0 */
/* The broker without sockets: who is connected, who may send what to whom, which worker gets the next batch of jobs, what waits and
 * for how long. Frames stay with the shell, under a small number (handle) each; the core reads them in place and says where they
 * go.
 *
 * Contract with the shell: one step at a time; perform all its effects in order; then bring back each forward that failed as UNSENT
 * (LOST when the peer is gone); then, while `more` is set, step MORE; only then anything else. The bytes of a frame stay where they
 * are until the core released it or its last forward went out. Bodies of replies are lent until the next step. No clock, no
 * allocation after init, nothing global. */
#ifndef BROKER_CORE_H
#define BROKER_CORE_H

#include "asked.h"
#include "peer.h"
#include "route.h"
#include "sp_envelope.h"

#define BROKER_EFFECTS_MAX    64u
#define BROKER_ARENA_BYTES    65536u /* bodies of replies of one step */
#define BROKER_TRACE_MAX      8192u  /* batches remembered for trace */
#define BROKER_NOBODY         UINT32_MAX
#define BROKER_HELD_US_MAX    60000000u /* longest a batch waits here, whatever its sender says */
#define BROKER_ASKED_MAX      4096u     /* parts of evidence that are waited for at once, */
#define BROKER_ASKED_PEER_MAX 128u      /* by one connection: half of what is held for a peer that does not read, by default */
#define BROKER_ASKED_US_MAX   90000000u /* longest one is waited for; who waits longer asks again, a worker each minute at least */

/* Checks the seal of an envelope under this Ed25519 key; from outside, so that the core needs no crypto library. */
struct broker_verify {
    bool (*fn)(void *ctx, const uint8_t key[32], const struct sp_envelope *e);
    void *ctx;
};

struct broker_options {
    const char *name; /* our principal */
    uint64_t boot;
    uint8_t seed[16];
    uint32_t peers_max;
    uint32_t principals_max;
    uint32_t frames; /* handles are 0 to frames - 1 */
    size_t queue_bytes;
    uint32_t queue_jobs;  /* most jobs that wait */
    uint32_t window_jobs; /* most granted ahead per route */
    uint32_t heartbeat_ms, lost_ms;
    struct broker_verify verify;
};

enum broker_event_kind {
    BROKER_EV_FRAME,   /* a frame came: frame, conn, principal, p, n */
    BROKER_EV_MORE,    /* go on with what did not fit */
    BROKER_EV_DRAINED, /* all that was there has been handed in */
    BROKER_EV_TICK,    /* the deadline has come; step it when nothing is left to be read */
    BROKER_EV_UNSENT,  /* a forward or probe failed, the peer is there but full: frame (or BROKER_NOBODY), conn */
    BROKER_EV_LOST,    /* the peer of conn is gone; frame as in UNSENT */
    BROKER_EV_RIVAL,   /* the peer that was probed lives: frame, conn and principal of the newcomer */
};

struct broker_event {
    enum broker_event_kind kind;
    uint64_t now_us;
    uint64_t wall_s;
    uint32_t frame;
    uint32_t conn;
    uint32_t principal; /* from the user id of this very frame; PRINCIPAL_NONE: nobody */
    unsigned pair;      /* which of its pairs of keys that was */
    const uint8_t *p;
    size_t n;
};

enum broker_effect_kind {
    BROKER_FX_FORWARD,    /* frame to conn; last: the frame is gone with it */
    BROKER_FX_REPLY,      /* message of our own to conn: type, dest, body */
    BROKER_FX_RELEASE,    /* frame is not needed any more */
    BROKER_FX_PROBE,      /* Heartbeat (in body) to conn; unreachable: LOST, then FRAME again; else RIVAL */
    BROKER_FX_ADMIN,      /* an operator's request, verified: conn, principal, envelope; the frame is released after */
    BROKER_FX_ACT_STORED, /* the keeper's answer to an ActReport of ours, verified: body; the frame is released after */
    BROKER_FX_PRINCIPALS, /* the registry changed; envelope's frame is worth keeping on disk (p, n) */
    BROKER_FX_STATS,      /* latest Stats of a principal: body */
    BROKER_FX_NOTE,       /* a peer came or went: why, principal, conn */
    BROKER_FX_ALARM       /* somebody should look: why, principal, conn */
};

struct broker_effect {
    enum broker_effect_kind kind;
    uint32_t frame;
    uint32_t conn;
    uint32_t principal;
    uint16_t type;
    bool last;
    struct sp_str dest;
    struct sp_str body;
    const char *why;
    struct sp_envelope envelope;
};

struct broker_effects {
    uint32_t count;
    struct broker_effect list[BROKER_EFFECTS_MAX];
};

struct broker_counter {
    uint64_t messages, bytes, dropped, refused;
};

struct broker_trace {
    uint64_t trace; /* of the envelope; its sequence when that is 0 */
    uint64_t sequence;
    uint64_t in_us, out_us; /* 0: not forwarded */
    uint16_t type;
    uint32_t from, to; /* principals */
    uint32_t jobs, bytes;
};

/* Fan-out that goes on over several steps. */
struct broker_fan {
    bool active;
    uint32_t frame;
    uint32_t topics; /* 0: everybody of the roles, else those who asked for one of these */
    uint32_t roles;  /* mask of roles whose lists are still to be walked */
    uint32_t next;   /* peer to look at next in the list being walked */
    uint32_t reached;
};

struct broker_core {
    struct broker_options o;
    char name[PRINCIPAL_NAME_BYTES];
    struct principal_table who;
    struct peer_table peers;
    struct route_table routes;
    struct queue_pool pool;
    struct asked_table asked;
    uint64_t evidence_bits; /* adapters that may ask attesters */
    struct sp_str *frames;  /* bytes of each held frame */
    struct broker_trace *trace;
    uint64_t traced; /* ever; the ring holds the last BROKER_TRACE_MAX */
    struct broker_fan fan;
    bool more, dirty;        /* dirty: credit or queues changed since the last look */
    bool ticking;            /* MORE goes on with a TICK */
    uint64_t tilt_us;        /* we were stopped for long: nobody is called silent before this */
    uint32_t cursor;         /* route to look at next */
    uint64_t now_us, wall_s; /* of the step */
    uint64_t sessions, steps, alarms, refused_unknown, returned_jobs, forwarded_jobs;
    uint64_t unasked, asked_expired; /* evidence nobody waited for; questions nobody answered in their time */
    uint64_t stranger_us;            /* second and number of Refused replies to connections without a session */
    uint32_t strangers;
    struct broker_counter counters[SP_MSG_LAST + 1][SP_ROLE_LAST + 1][2];
    bool counted[SP_MSG_LAST + 1]; /* types with a counter that is not 0 */
    uint8_t arena[BROKER_ARENA_BYTES];
    size_t arena_used;
};

bool broker_core_init(struct broker_core *b, const struct broker_options *options) SP_MUST_USE;
void broker_core_fini(struct broker_core *b);
/* Effect: fills *fx (count is set first). */
void broker_core_step(struct broker_core *b, const struct broker_event *ev, struct broker_effects *fx);
/* Returns when TICK wants to be stepped, UINT64_MAX for not at all. */
uint64_t broker_core_deadline(const struct broker_core *b);
/* Effect: asks the worker of that name to drain, with effects. NONE: asked; NOT_FOUND: no such worker is connected. */
enum sp_refusal broker_core_drain(struct broker_core *b, struct sp_str name, uint32_t deadline_ms, struct broker_effects *fx);
/* Aborts when an invariant is broken. */
void broker_core_check(const struct broker_core *b);

#endif
