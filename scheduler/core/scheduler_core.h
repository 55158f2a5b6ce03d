/* SPDX-License-Identifier: Apache-2.0 */
/* The scheduler without I/O: which check is due on which node, who still owes an answer, and what to tell whom. Events in, effects out;
 * the shell decodes nothing but frames and performs effects in order, store before send. One owner, one thread.
 *
 * Steps allocate only on catalogue, node and run events. When a step has more to do than its effects can hold, it keeps a cursor and
 * scheduler_core_deadline says "now". */
#ifndef SCHEDULER_CORE_H
#define SCHEDULER_CORE_H

#include "checkpoint.h"
#include "checks.h"
#include "dispatch_scheduler.h"
#include "lane.h"
#include "pairs.h"
#include "plan.h"
#include "registry.h"
#include "scheduler_event.h"
#include "sp_ticket.h"

struct scheduler_core_stats {
    uint64_t due, issued, batches, closed, errors, retried, lost, returned, refused, stale, missed, unsent, tests, no_checkpoint;
    uint64_t malformed;                          /* bodies that did not decode */
    uint64_t hints, hints_spared, hints_unknown; /* nodes named in hints: moved, moved lately or too many, not known */
    uint64_t late_max_us;
    uint64_t late_count;
    uint64_t late[SCHEDULER_CORE_LATE_BUCKETS];
};

struct scheduler_core_issue { /* one row of the trace ring */
    uint64_t job, issued_us, due_us, sequence;
    uint32_t slot, node_id;
    uint32_t check_id;
    uint8_t attempt;
};

struct scheduler_core_batch {
    uint32_t route, broker, first, count; /* slots in batch_slots */
};

enum scheduler_core_phase { SCHEDULER_CLAIMING, SCHEDULER_ACTIVE, SCHEDULER_DEPOSED };

/* Private; whole in the header because the other files of this core and the tests look into it. */
struct scheduler_core {
    struct scheduler_core_options options;
    struct sp_now now;
    int64_t wall_offset_us; /* wall - mono as last used for planning */
    struct wheel wheel;
    struct pairs pairs;
    struct checks checks;
    struct registry registry;
    struct lane_table lanes;
    struct checkpoint_pool checkpoints;
    uint8_t checkpoint[CHECKPOINT_BYTES_MAX]; /* of the job that is being packed */
    uint64_t checkpoints_since; /* jobs up to this number were given, or were, something that counts no more: they leave nothing */
    uint32_t lane_turn;         /* round robin */
    uint32_t capped;            /* pairs that a cap holds back, of whatever check or node */
    uint32_t open_leases;
    bool again; /* more to do at once */
    /* epoch */
    enum scheduler_core_phase phase;
    uint64_t epoch, counter, claimed_us;
    bool epoch_storing;
    /* keeper */
    uint64_t keeper_boot; /* of NodeSet, 0: none yet */
    uint64_t nodes_version;
    uint64_t set_version; /* NodeSet under way: version, next part; 0: none */
    uint64_t set_base;
    uint32_t set_part;
    uint64_t nodes_asked_us;
    bool nodes_known;                           /* the whole registry was received once */
    uint64_t clock_boot, clock_ms, clock_at_us; /* keeper's clock as last heard, 0: never */
    uint64_t clock_nodes;                       /* version of the registry it told with it */
    bool keeper_ready;
    /* catalogue to the keeper */
    uint64_t version;        /* ours */
    uint64_t checks_sent_us; /* start of the last telling */
    uint32_t checks_part;    /* next part to send */
    uint32_t checks_cursor;  /* next index in checks */
    bool checks_wanted;      /* to be told, again or first */
    bool checks_sending;     /* parts under way */
    bool nodes_wanted;       /* the keeper has a newer registry */
    uint64_t lanes_at_us;    /* next look for routes to open */
    uint32_t links_up;       /* bit per broker */
    uint64_t hints_us;       /* up to when hint_tokens were given */
    uint32_t hint_tokens;    /* thousandths of nodes */
    /* pace, see issue.c */
    uint64_t tilt_us; /* we were stopped for long: no lease counts as lost before this, answers may wait to be read */
    uint64_t pace_us; /* due pairs are not looked at before this instant */
    uint64_t join_us; /* what falls due before this instant only joins those that wait: it wakes nobody */
    bool pace_owed;   /* something may wait for it that no timer of the wheel announces */
    uint64_t pace_at_us;
    uint32_t pace_moves; /* lately, as of pace_at_us */
    uint64_t held_us;    /* when the first of the lanes that hold jobs back for company (lane_hold) lets them go */
    /* of the present step */
    struct scheduler_core_batch batches[SCHEDULER_CORE_BATCHES_MAX];
    uint32_t batch_count;
    uint32_t batch_slots[SCHEDULER_CORE_BATCHES_MAX * MSG_JOB_BATCH_JOBS_MAX];
    char reply_to[SCHEDULER_CORE_NAME_BYTES]; /* dest of a reply in this step */
    struct scheduler_core_issue *ring;
    struct scheduler_core_stats stats;
};

/* Effect: an empty scheduler. False without memory. Big: give it static or heap storage. */
bool scheduler_core_init(struct scheduler_core *s, const struct scheduler_core_options *options, struct sp_now now);
void scheduler_core_fini(struct scheduler_core *s);
/* Effect: applies the event. SP_OK, or nothing changed: SP_E_LIMIT (a table is full), SP_E_NOMEM, SP_E_NOT_FOUND, SP_E_MALFORMED, SP_E_STALE.
 * fx is emptied first, except by SCHEDULER_EV_SENT, which does not touch it (it may be NULL then). */
enum sp_rc scheduler_core_step(struct scheduler_core *s, const struct scheduler_core_event *e, struct scheduler_core_effects *fx);
/* Returns when the next SCHEDULER_EV_TICK is due, {SP_NEVER} for not at all. */
struct sp_mono scheduler_core_deadline(const struct scheduler_core *s);
/* True when all tables agree. For tests; walks everything. */
bool scheduler_core_check(const struct scheduler_core *s);

/* Queries. */
bool scheduler_core_is_ready(const struct scheduler_core *s); /* epoch granted and nodes known */
bool scheduler_core_issues(const struct scheduler_core *s);   /* would hand out jobs now */
/* Lends the row of a job, NULL when it is too old or unknown. */
const struct scheduler_core_issue *scheduler_core_trace_find(const struct scheduler_core *s, uint64_t job);
/* Returns the lateness in us that permille/1000 of the issued jobs did not exceed. */
uint64_t scheduler_core_late_at(const struct scheduler_core *s, unsigned permille);
/* Effect: counts[check index] = pairs that are due and still wait. Walks the pairs once. */
void scheduler_core_waiting(const struct scheduler_core *s, uint32_t counts[CHECKS_MAX]);
/* Returns all pairs that are due and still wait. */
uint32_t scheduler_core_backlog(const struct scheduler_core *s);

/* For the files of this core: a message on its way through the step; the handlers scheduler_on_MESSAGE work on it. */
struct scheduler_in {
    struct scheduler_core *core;
    const struct scheduler_core_event *message;
    struct scheduler_core_effects *fx;
};

/* For the files of this core: an effect to fill, NULL when full. */
struct scheduler_core_effect *scheduler_core_emit(struct scheduler_core_effects *fx, enum scheduler_core_effect_kind kind);
void scheduler_core_emit_trace(struct scheduler_core_effects *fx, enum scheduler_core_trace trace, uint64_t value, uint64_t more);
/* Starts a body in the arena of at most `bytes` (0: all that is left); false when nothing fits. */
bool scheduler_core_body(struct scheduler_core_effects *fx, size_t bytes, struct sp_packer *w);
/* Effect: the packed body becomes a send effect. Returns it, or NULL (no room for effects: nothing emitted). */
struct scheduler_core_effect *scheduler_core_emit_body(struct scheduler_core_effects *fx, struct sp_packer *w, uint16_t type,
                                                       const char *dest);

#endif
