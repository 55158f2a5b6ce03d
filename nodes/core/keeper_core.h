/* SPDX-License-Identifier: Apache-2.0 */
/* Face of the keeper's core: results in, trust out. It holds the registry, the checks as announced, the pools and every pair; it decides
 * which results count, who is in which pool, and what readers are told. No socket, clock, file or secret inside: seals are verified
 * through the function handed in, signatures were verified by who delivers the message.
 *
 * Order of things (threat model sections 8 and 10):
 *   RESULT batches -> JOURNAL effects -> the shell commits -> COMMITTED -> acknowledgements, fold, judgement
 *   losses of trust are visible in the step that learns of them, their audit row follows in the same step's effects;
 *   gains become visible in the COMMITTED step that follows the commit of their audit row.
 * The shell promises: store effects are performed in order in one open transaction; COMMITTED is stepped after each commit and no
 * other event between a commit and it; after a failed commit (rolled back) STORE_FAILED is stepped instead; the body of a RESULT message
 * lives until one of the two; after a drain of messages it commits even when nothing was stored.
 *
 * Membership never outlives its results: reads ask keeper_core_view, which recomputes. One owner, one thread. */
#ifndef KEEPER_CORE_H
#define KEEPER_CORE_H

#include "keeper_effects.h"
#include "result_ring.h"
#include "sp_buf.h"
#include "sp_heap.h"
#include "sp_ticket.h"
#include "sp_time.h"
#include "text_pool.h"

#define KEEPER_PENDING_MAX       8192u      /* results between two commits */
#define KEEPER_PENDING_BYTES_MAX (4u << 20) /* of batches between two commits */
#define KEEPER_BATCHES_MAX       1024u      /* batches between two commits */
#define KEEPER_WORKERS_MAX       8192u
#define KEEPER_SUBSCRIBERS_MAX   256u                     /* snapshots waiting to be sent */
#define KEEPER_AUDIT_OPEN_MAX    65536u                   /* audit rows whose commit is not yet known */
#define KEEPER_HISTORY_OPEN_MAX  (2 * KEEPER_PENDING_MAX) /* history rows whose commit is not yet known */
#define KEEPER_SWEEP_PER_STEP    64u                      /* nodes looked through for pairs that are over */
#define KEEPER_FORGET_MS         600000u                  /* how long pairs of a deleted check are still shown */
#define KEEPER_JUDGE_PER_STEP    512u                     /* nodes judged in one step */
#define KEEPER_EPOCH_MAX         ((1ull << 24) - 1)       /* job numbers are epoch << 40 | counter */
#define KEEPER_PAIRS_MAX         16777216u                /* (check, node) pairs, whatever the options say */
#define KEEPER_SYNC_RETRY_MS     5000u

enum keeper_event_kind {
    KEEPER_EV_MESSAGE,      /* a verified message for the keeper */
    KEEPER_EV_COMMITTED,    /* all store effects so far are durable */
    KEEPER_EV_STORE_FAILED, /* those since the last commit are rolled back */
    KEEPER_EV_TICK,         /* a deadline has come, or health changed */
    KEEPER_EV_LINK,         /* a broker was reached: what was said while it was away did not arrive */
    KEEPER_EV_NODE_PUT,     /* an operator's change that is already durable */
    KEEPER_EV_NODE_STATE,
    KEEPER_EV_NODE_RENAME,   /* likewise; what it proved is void */
    KEEPER_EV_NODE_IDENTITY, /* likewise; another or newly proved identity, or none any more */
    KEEPER_EV_POOL_PUT,
    KEEPER_EV_POOL_DELETE,
    KEEPER_EV_REVOKED /* a worker's key: what it reported is void */
};

/* A message whose sender, right to send and signature were checked. Borrowed; see above for RESULT bodies. */
struct keeper_message {
    uint16_t type;
    uint8_t role; /* enum sp_role of the sender */
    struct sp_str from;
    struct sp_str adapters; /* worker: scope */
    struct sp_str nodes;    /* worker: selector of nodes */
    const uint8_t *body;
    uint32_t bytes;
};

struct keeper_health {
    bool clock_good; /* wall clock is plausible */
    bool store_good; /* the store takes rows */
};

struct keeper_event {
    enum keeper_event_kind kind;
    struct sp_now now;           /* mono: suspend-aware keeper clock */
    struct keeper_health health; /* as the shell sees it at this moment */
    union {
        struct keeper_message message;
        struct node_def node; /* NODE_PUT */
        struct {
            uint32_t id;
            uint8_t state;
        } state;
        uint32_t id; /* NODE_IDENTITY */
        struct {
            uint32_t id;
            uint8_t state;
            struct sp_str name;
        } rename;
        const struct pool_policy *pool; /* POOL_PUT; valid by pool_policy_fault */
        struct sp_str name;             /* POOL_DELETE, REVOKED */
    } u;
};

struct keeper_options {
    uint64_t boot;       /* start of this process */
    uint64_t clock_boot; /* clock domain */
    struct sp_mac ticket_mac;
    uint8_t hash_key[16];
    uint64_t text_bytes_max;          /* memory for details */
    uint64_t clock_ms, clock_idle_ms; /* distance of KeeperClock while results come, and while none come */
    uint64_t forget_ms;               /* 0: KEEPER_FORGET_MS */
    /* Limits on what is new; what the store holds already is taken in beyond them. Each 0: the largest there is. */
    uint32_t nodes_max;   /* NODE_ROWS_MAX */
    uint32_t pairs_max;   /* KEEPER_PAIRS_MAX */
    uint32_t batches_max; /* between two commits; KEEPER_BATCHES_MAX */
};

/* Counters, each only rises. */
struct keeper_counters {
    uint64_t refused[SP_REFUSAL_LAST + 1]; /* results, by code; [0]: accepted */
    uint64_t batches, duplicates, tests, shadows;
    uint64_t batches_dropped; /* not acknowledged: no room or store not good */
    uint64_t malformed;       /* messages that do not decode */
    uint64_t pairs_refused;   /* results refused (overload) because there are options.pairs_max pairs */
    uint64_t gains, losses, renewals, events;
    uint64_t audit_lost;   /* rows that could not be kept for a store that failed */
    uint64_t history_lost; /* likewise, ends of runs */
    uint64_t forgotten;    /* pairs of checks and nodes that are gone, given back */
    uint64_t rebooted;     /* generations begun because a node started anew */
    uint64_t judged;
};

struct keeper_core; /* keeper_parts.h, for the core's own files */

/* What is true of one node in one pool at this moment. */
struct keeper_view {
    struct trust_verdict verdict; /* as the rule says now */
    uint8_t tier;                 /* to be shown */
    bool member;                  /* granted and true now */
    uint64_t until_ms;            /* member: keeper clock */
    uint64_t since_ms;            /* wall clock */
};

/* Effect: allocates everything a step needs. Gives *out. Borrows options, whose clock intervals are above 0. SP_E_NOMEM. */
enum sp_rc keeper_core_init(const struct keeper_options *options, struct sp_now now, struct keeper_core **out) SP_MUST_USE;
void keeper_core_fini(struct keeper_core **core);
/* Effect: one event; appends to fx what must be done. fx is empty or nearly so. */
void keeper_core_step(struct keeper_core *core, const struct keeper_event *event, struct keeper_effects *fx);
/* Returns when a TICK is wanted; 0 = at once. */
struct sp_mono keeper_core_next_deadline(const struct keeper_core *core);
/* True when every invariant holds (SI-1, 2, 7, 12 as far as one process can see). For tests and the simulator; O(everything). */
bool keeper_core_check(const struct keeper_core *core, uint64_t now_ms);

/* ---- start: the store's content, in this order, before the first step ---- */
enum sp_rc keeper_core_restore_check(struct keeper_core *core, const struct rec_check_info *info, uint32_t policy,
                                     uint64_t over_ms) SP_MUST_USE;
/* Effect: policy numbers up to this one were given before and are not given again. */
void keeper_core_restore_policies(struct keeper_core *core, uint32_t last);
/* Effect: after the last row: what the rule in force would not have granted is not granted, for the store may hold pairs that were judged
 * by an easier one. */
void keeper_core_restored(struct keeper_core *core);
/* Effect: the table of checks is that of this start and version of the catalogue: an older one of that start is not taken (SI-12). */
void keeper_core_restore_catalogue(struct keeper_core *core, uint64_t boot, uint64_t version);
void keeper_core_restore_epoch(struct keeper_core *core, uint64_t epoch, uint64_t boot);
enum sp_rc keeper_core_restore_worker(struct keeper_core *core, uint32_t number, struct sp_str name) SP_MUST_USE;
enum sp_rc keeper_core_restore_pool(struct keeper_core *core, const struct pool_policy *pool) SP_MUST_USE;
enum sp_rc keeper_core_restore_node(struct keeper_core *core, const struct node_def *def, uint32_t generation,
                                    uint64_t version) SP_MUST_USE;
/* Effect: how far the node's TPM had counted its starts, and which worker said so. The node was restored before. */
void keeper_core_restore_instance(struct keeper_core *core, uint32_t node, uint64_t instance, uint32_t worker);
/* Effect: pairs and hold-downs of one node from its record (node_record.h). */
enum sp_rc keeper_core_restore_record(struct keeper_core *core, uint32_t node, struct sp_str record) SP_MUST_USE;
/* Effect: folds a journal row again; results already contained are skipped. May append HISTORY effects. */
enum sp_rc keeper_core_replay(struct keeper_core *core, const struct keeper_journal *row, struct keeper_effects *fx) SP_MUST_USE;
/* Effect: the store is from another clock domain, so no instant in it means anything (SI-13), or it is not the one that was left (K35): all
 * results are void, and so are questions that were asked before now_ms. */
void keeper_core_void_all(struct keeper_core *core, uint64_t now_ms);

/* Effect: appends the record of a node to out. Borrows all. */
void keeper_core_write_record(const struct keeper_core *core, const struct node_row *row, struct sp_buf *out);

/* ---- reads: borrow the core, lend rows ---- */
struct node_registry *keeper_core_nodes(struct keeper_core *core);
const struct check_table *keeper_core_checks(const struct keeper_core *core);
const struct text_pool *keeper_core_texts(const struct keeper_core *core);
const struct result_ring *keeper_core_ring(const struct keeper_core *core);
const struct keeper_counters *keeper_core_counters(const struct keeper_core *core);
/* Lends the pool at an index below keeper_core_pools, NULL when that place is free. */
const struct pool_policy *keeper_core_pool(const struct keeper_core *core, uint32_t index);
uint32_t keeper_core_pools(const struct keeper_core *core);
uint32_t keeper_core_find_pool(const struct keeper_core *core, struct sp_str name); /* POOL_ROWS_MAX when there is none */
struct trust_node keeper_core_trust_node(const struct node_row *row, const struct membership *m);
void keeper_core_view(const struct keeper_core *core, const struct node_row *row, uint32_t pool, uint64_t now_ms,
                      struct keeper_view *out);
/* Lends the name of a worker by its number. */
const char *keeper_core_worker(const struct keeper_core *core, uint32_t number);
/* True when the shell must commit before it steps another RESULT message: there is no more room for what waits. */
bool keeper_core_is_full(const struct keeper_core *core);
bool keeper_core_ready(const struct keeper_core *core);
uint64_t keeper_core_epoch(const struct keeper_core *core);
uint64_t keeper_core_sequence(const struct keeper_core *core);
/* Of this start, as readers are told it. */
uint64_t keeper_core_boot(const struct keeper_core *core);

#endif
