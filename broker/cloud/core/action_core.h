/* SPDX-License-Identifier: Apache-2.0 */
/* Actions of the bridge in Nova, without I/O: the compute service of a node with verified bad evidence is disabled, and enabled
 * again when the node is back in its pool. Off unless asked for. Rules that hold at every request:
 *
 *   - nothing is written to Nova in a mass failure of a pool (more than `share` of its nodes lost it within `window`, and at least
 *     two), in the first window after the start, or without a present proof of the pool;
 *   - a service is disabled only for a node that is out of the pool by bad evidence, as the keeper confirms in this very attempt,
 *     a second attempt included;
 *     never because something expired, is unknown, or was ordered by an operator;
 *   - at most `at_once` services are disabled by SPICE at any time, by whichever bridge, and one in each `interval`;
 *   - what is to be done is on disk before it is done; only what stands there, and shows our exact reason in Nova, is enabled;
 *   - a look at Nova counts for the write that follows at once: if that has to wait, it looks again;
 *   - a service that somebody else enabled, disabled or gave another reason is theirs: hands off until the node is a member again.
 *
 *   want -> EVIDENCE -> SERVICES -> store -> DISABLE -> (no clear answer: SERVICES -> EVIDENCE -> DISABLE) -> disabled, stored
 *   disabled and member again -> SERVICES (our reason?) -> store -> ENABLE -> (SERVICES) -> forgotten, stored
 *
 * The brake changes actions only: no state and no lifetime depends on anything here (SI-9). One thread; one request at a time. */
#ifndef ACTION_CORE_H
#define ACTION_CORE_H

#include "exposure_core.h"
#include "sp_rng.h"

#define ACTION_RECORDS_MAX  256u /* services we disabled, or that are not to be touched */
#define ACTION_WANTS_MAX    256u /* nodes that may be acted on; more are a mass failure anyway */
#define ACTION_SEEN_MAX     2097152u
#define ACTION_REASON_BYTES 256u /* what Nova takes, with its NUL */
#define ACTION_CODE_BYTES   65u
#define ACTION_ID_BYTES     65u
#define ACTION_EVENTS_MAX   64u
#define ACTION_PREFIX       "SPICE: " /* how the reasons of all bridges begin */
#define ACTION_VERIFY_MS    60000u    /* between looks at what became of our services */
#define ACTION_RETRY_MS     5000u
#define ACTION_PAUSE_MS     60000u /* after a no: of the evidence, of Nova, of the disk */
#define ACTION_TRIES        3u     /* writes that may have gone wrong; then hands off */
#define ACTION_JITTER_MS    8000u  /* two bridges that see the same do not look and write at the same moment */
#define ACTION_FRESH_MS     5000u  /* a scan, or a look at Nova, older than this is no reason for anything */
#define ACTION_SAID_MS      30000u /* nor is what the keeper said of the evidence */
#define ACTION_NONE         UINT32_MAX

struct action_options {
    uint8_t hash_key[16];
    uint64_t seed;
    bool act; /* false: nothing is ever asked for */
    uint32_t at_once;
    uint32_t share_percent;
    uint64_t window_ms, delay_ms, interval_ms;
};

enum action_state {
    ACTION_DISABLING, /* may be disabled by us */
    ACTION_DISABLED,
    ACTION_ENABLING, /* may be enabled by us */
    ACTION_RELEASED  /* somebody else's now */
};
struct action_record {
    char service[ACTION_ID_BYTES], host[EXPOSURE_NAME_BYTES], node[EXPOSURE_NAME_BYTES], pool[EXPOSURE_POOL_BYTES];
    char reason[ACTION_REASON_BYTES];
    enum action_state state;
    /* private from here on */
    bool loaded; /* of an earlier start */
    bool asked;  /* the write of this state was sent in this start */
    uint32_t tries;
    uint64_t due_us, member_us; /* member again since; 0: not */
};
struct action_fact { /* texts are lent */
    const char *host, *node, *pool;
};
struct action_want { /* private */
    char host[EXPOSURE_NAME_BYTES], node[EXPOSURE_NAME_BYTES], pool[EXPOSURE_POOL_BYTES];
    uint64_t since_us, due_us;
    bool fresh;
    uint32_t tries;
};

enum action_hold { /* why nothing is disabled though something could be */
                   ACTION_FREE,
                   ACTION_HOLD_START, /* the first window */
                   ACTION_HOLD_DOUBT, /* no present proof, or no recent list */
                   ACTION_HOLD_MASS,
                   ACTION_HOLD_AT_ONCE,
                   ACTION_HOLD_INTERVAL,
                   ACTION_HOLD_STORE /* the records cannot be written */
};

enum action_ask_kind { ACTION_ASK_STORE, ACTION_ASK_EVIDENCE, ACTION_ASK_SERVICES, ACTION_ASK_DISABLE, ACTION_ASK_ENABLE };
struct action_ask {
    enum action_ask_kind kind;
    const char *node, *pool;            /* EVIDENCE; lent until done */
    const struct action_record *record; /* DISABLE, ENABLE: service and reason; lent until done */
};
enum action_result {
    ACTION_DONE,
    ACTION_AGAIN, /* nothing happened, and it is nobody's fault: a new token */
    ACTION_NO,    /* refused: nothing happened */
    ACTION_FAILED /* anything else: it may or may not have happened */
};

enum action_what {
    ACTION_WAS_DISABLED,
    ACTION_WAS_ENABLED,
    ACTION_WAS_RELEASED,
    ACTION_WAS_REFUSED,
    ACTION_WAS_HELD,
    ACTION_WAS_FREED
};
struct action_event { /* for log, notification and audit */
    enum action_what what;
    char node[EXPOSURE_NAME_BYTES], host[EXPOSURE_NAME_BYTES], pool[EXPOSURE_POOL_BYTES];
    char reason[ACTION_REASON_BYTES];
    enum action_hold hold;
};

struct action_seen { /* private: a node in a pool */
    uint64_t key;
    uint8_t pool;
    bool member, live;
    uint64_t lost_us;
};
struct action_pool { /* private */
    char name[EXPOSURE_POOL_BYTES];
    uint32_t nodes, lost;
    bool mass;
};
enum action_step { ACTION_IDLE, ACTION_AT_EVIDENCE, ACTION_AT_SERVICES, ACTION_AT_WRITE };

struct action_core {
    struct action_options options;
    struct sp_rng rng;
    struct action_seen *seen; /* owned */
    uint32_t seen_count, seen_size;
    struct sp_map seen_index;
    struct action_pool pools[EXPOSURE_POOLS_MAX];
    uint32_t pool_count;
    struct action_want wants[ACTION_WANTS_MAX];
    uint32_t want_count;
    struct action_record records[ACTION_RECORDS_MAX];
    uint32_t record_count;
    bool dirty, store_failed; /* what is on disk is older than the records */
    uint64_t store_due_us;
    enum action_step step;
    bool flying, storing, crowded; /* crowded: a pool or node could not be watched, so a mass failure may go unseen */
    uint32_t want, record;         /* of the step; one of them is ACTION_NONE */
    char code[ACTION_CODE_BYTES];
    struct { /* the answer to SERVICES, as far as it matters */
        uint32_t matches, foreign;
        bool enabled, ours;
        char id[ACTION_ID_BYTES];
    } found;
    uint64_t start_us, scan_us, last_us, due_us; /* last_us: of a DISABLE */
    uint64_t looked_us, said_us;                 /* when the answers to SERVICES and EVIDENCE came */
    bool doubt;
    enum action_hold hold;
    struct action_event events[ACTION_EVENTS_MAX];
    uint32_t event_count;
    uint64_t disabled, enabled, released, refused, held;
};

bool action_core_init(struct action_core *c, const struct action_options *options, struct sp_mono now);
void action_core_fini(struct action_core *c);
/* Effect: a record of an earlier start. Before anything else. False: no room. */
bool action_core_load(struct action_core *c, const struct action_record *record);

/* ---- what is so: a whole scan each second or so, between begin and end ---- */
void action_core_begin(struct action_core *c);
/* Effect: a node of a pool. key: of the node. */
void action_core_node(struct action_core *c, struct sp_mono now, const uint8_t key[16], const char *pool, bool member);
/* Effect: servers that demanded the pool are on this node, which is out of it by bad evidence. */
void action_core_want(struct action_core *c, struct sp_mono now, const struct action_fact *fact);
/* Effect: ends the scan. look: for the nodes of the records. */
void action_core_end(struct action_core *c, struct sp_mono now, exposure_look_fn *look, void *self);
/* Effect: instead of a scan: the reader does not follow, or the list of servers is old. */
void action_core_doubt(struct action_core *c);

/* ---- what is to be done ---- */
/* Effect: fills *out with what is to be done now. Call until false. */
bool action_core_next(struct action_core *c, struct sp_mono now, struct action_ask *out);
/* Effect: of the answer to SERVICES: one compute service. */
void action_core_service(struct action_core *c, const char *id, const char *host, bool enabled, const char *reason);
/* Effect: the answer to EVIDENCE: whether it is bad now; code: a word about it, of [A-Za-z0-9._-]. */
void action_core_evidence(struct action_core *c, struct sp_mono now, bool bad, const char *code);
/* Effect: STORE, SERVICES, DISABLE or ENABLE ended; EVIDENCE: it could not be had. */
void action_core_done(struct action_core *c, struct sp_mono now, enum action_ask_kind kind, enum action_result result);
/* Effect: gives the oldest event. */
bool action_core_event(struct action_core *c, struct action_event *out);

/* Why nothing may be written to Nova at this moment; ACTION_FREE: it may. */
enum action_hold action_core_brake(const struct action_core *c, struct sp_mono now);
/* Nodes that lost a pool within the window, each pool by itself. */
uint32_t action_core_lost(const struct action_core *c);
/* Services that are, or may be, disabled by us. */
uint32_t action_core_running(const struct action_core *c);
const char *action_core_hold_text(enum action_hold hold);
const char *action_core_what_text(enum action_what what);
const char *action_core_state_text(enum action_state state);
struct sp_mono action_core_next_deadline(const struct action_core *c, struct sp_mono now);
bool action_core_check(const struct action_core *c);

#endif
