/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker_core.h - which accepted job runs when, until when, and that each ends exactly once. Pure.
 *
 * It owns the table of slots (one per accepted job), the queues of jobs waiting for a definition or for room, the deadlines,
 * the definition cache and the credit given to brokers. It does not know adapters, sockets or results: it says START,
 * CANCEL and REPORT, and the shell does it. Instants are microseconds of the loop's clock.
 *
 *             job, definition known, room                    FINISHED (shell has written the result)
 *   FREE ----------------------------------> RUNNING ---------------------------------------> FREE
 *     | \                                      ^   \ deadline or drain: CANCEL, REPORT -----> FREE
 *     |  \ known, no room                      | room
 *     |   `--------------> READY --------------'
 *     | unknown             ^   \ waited longer than it may, or drain: RETURN ---------------> FREE
 *     `------> WAITING -----'
 *                 \ definition bad or not to be had: REPORT ---------------------------------> FREE
 */
#ifndef SPICE_WORKER_CORE_H
#define SPICE_WORKER_CORE_H

#include "definition.h"
#include "slot.h"
#include "sp_heap.h"
#include "sp_str.h"

#define WORKER_SLOTS_MAX           131072u /* running and waiting jobs together */
#define WORKER_ADAPTERS_MAX        32u
#define WORKER_BROKERS_MAX         8u
#define WORKER_BATCH_MAX           512u      /* jobs a broker may send above its credit: it never splits a batch */
#define WORKER_EFFECTS_MAX         64u       /* capacity of struct worker_effects */
#define WORKER_DEFINITION_RETRY_US 1000000u  /* ask again for a definition */
#define WORKER_DEFINITION_WAIT_US  5000000u  /* then its jobs end with reason no_definition */
#define WORKER_BAD_KEEP_US         30000000u /* a definition that cannot run is not asked for again meanwhile */

struct worker_options {
    uint32_t running_max;     /* jobs at once */
    uint32_t waiting_max;     /* accepted and not yet running */
    uint32_t definitions_max; /* rows of the cache */
    uint32_t adapters;
    uint32_t adapter_max[WORKER_ADAPTERS_MAX]; /* jobs at once per adapter; 0: running_max */
    uint32_t brokers;
    uint32_t credit_max; /* most credit unused at one time: what the queues on the way can hold at one job per message; 0: any */
};

enum worker_event_kind {
    WORKER_EV_LINK,       /* a broker became usable or not; counting of credit starts anew */
    WORKER_EV_JOB,        /* one job of a JobBatch */
    WORKER_EV_DEFINITION, /* answer to WANT */
    WORKER_EV_FINISHED,   /* the adapter ended a running job and its result is written */
    WORKER_EV_TURN,       /* end of a turn of the loop: deadlines and credit */
    WORKER_EV_DRAIN       /* take nothing new, give back what waits, cancel what runs at deadline_us */
};

struct worker_event {
    enum worker_event_kind kind;
    uint64_t now_us;
    union {
        struct {
            uint32_t broker;
            bool up;
        } link;
        struct { /* views are borrowed */
            uint32_t broker;
            uint32_t timeout_ms;
            uint32_t expires_ms; /* longest wait for room here */
            uint32_t lease;
            uint64_t job;
            uint64_t trace;
            const uint8_t *ticket; /* WORKER_TICKET_BYTES */
            const uint8_t *digest; /* of the definition, within the ticket */
            struct sp_str node;
            struct sp_str address;
            struct sp_str checkpoint;
            bool changed; /* it is not the job its ticket was made for: goes back, is not run */
        } job;
        struct {
            const uint8_t *digest;
            uint16_t reason;  /* 0: usable; else enum sp_reason */
            uint32_t adapter; /* when usable, else WORKER_NONE */
            void *check;      /* compiled form, or what explains the reason; taken: comes back with RELEASE */
        } definition;
        struct {
            uint32_t slot;
        } finished;
        struct {
            uint64_t results_room; /* results the outbox can still take for sure */
        } turn;
        struct {
            uint64_t deadline_us;
        } drain;
    } u;
};

enum worker_effect_kind {
    WORKER_START,   /* hand slot to its adapter */
    WORKER_CANCEL,  /* tell the adapter to forget slot */
    WORKER_REPORT,  /* write a result for slot: outcome error, `code` is the reason, `check` what came with a bad definition */
    WORKER_WANT,    /* DefinitionGet for digest */
    WORKER_RETURN,  /* JobReturn: lease, job, `code` is enum sp_refusal */
    WORKER_RELEASE, /* free `check`, made by adapter (WORKER_NONE: by the shell) */
    WORKER_CREDIT,  /* Credit to broker: granted */
    WORKER_DRAINED  /* nothing runs or waits any more; once */
};

struct worker_effect {
    enum worker_effect_kind kind;
    uint16_t code;
    uint32_t slot;                           /* START, CANCEL, REPORT */
    uint32_t lease;                          /* RETURN */
    uint32_t adapter;                        /* RELEASE */
    uint32_t broker;                         /* CREDIT */
    uint64_t number;                         /* RETURN: job; CREDIT: granted */
    void *check;                             /* RELEASE, REPORT */
    uint8_t digest[DEFINITION_DIGEST_BYTES]; /* WANT */
};

struct worker_effects {
    uint32_t count;
    struct worker_effect item[WORKER_EFFECTS_MAX];
};

struct worker_counts {
    uint64_t taken, started, finished, deadline, cancelled, returned, changed, overload, late_finish;
    uint64_t definition_hit, definition_miss;
    uint32_t running, waiting, ready;
};

struct worker_core; /* one per worker process */

/* Gives a core sized by the options, or NULL without memory. No step allocates. */
struct worker_core *worker_core_new(const struct worker_options *options);
/* Takes and nulls. Compiled forms still in the cache are the shell's to release (worker_core_definition). */
void worker_core_destroy(struct worker_core **self);
/* Effect: applies the event and fills *effects, to be performed in order before the next step. */
void worker_core_step(struct worker_core *self, const struct worker_event *event, struct worker_effects *effects);
/* Returns the instant of the next WORKER_EV_TURN that has something to do (0: at once), UINT64_MAX: none. */
uint64_t worker_core_next_deadline(const struct worker_core *self);
/* Lends a slot; index below worker_core_slots(). */
struct worker_slot *worker_core_slot(struct worker_core *self, uint32_t slot);
uint32_t worker_core_slots(const struct worker_core *self);
/* Lends row `at` of the definition cache (NULL past its end). */
const struct definition *worker_core_definition(const struct worker_core *self, uint32_t at);
/* True when a Definition with this digest has been asked for and not answered. */
bool worker_core_wants(struct worker_core *self, const uint8_t digest[DEFINITION_DIGEST_BYTES]);
struct worker_counts worker_core_counts(const struct worker_core *self);
/* Verifies all invariants; aborts on a violation. O(slots). For tests. */
void worker_core_check(const struct worker_core *self);

#endif
