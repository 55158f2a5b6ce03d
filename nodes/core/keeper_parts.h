/* SPDX-License-Identifier: Apache-2.0 */
/* The keeper's core from inside: its struct and the seams between its files (intake, judgement, telling). Only for keeper_*.c. */
#ifndef KEEPER_PARTS_H
#define KEEPER_PARTS_H

#include "dispatch_keeper.h"
#include "keeper_core.h"

#define KEEPER_BOOTS_EFFECTS 2u  /* of one result that tells of a start */
#define KEEPER_AHEAD_MAX     32u /* results decoded at once, so that what they will look at is on its way */

/* A result between intake and commit. Views are lent by the RESULT body. */
struct keeper_pending {
    struct pair_result result;
    uint64_t job_before; /* of the pair, for a store that fails */
    uint64_t stamp;      /* which place of the result ring */
    struct sp_str detail, measures, checkpoint;
    uint32_t node, check; /* ids */
    uint32_t slot;
    uint16_t code;  /* enum sp_refusal */
    bool open;      /* the ticket was readable: there is a lease to close */
    bool counts;    /* is to be folded */
    bool duplicate; /* was accepted before */
    bool boots;     /* the node's instance was not known, or smaller: these are for a store that fails */
    uint16_t boots_worker;
    uint32_t boots_generation;
    uint64_t boots_instance;
    uint16_t index; /* in its batch */
};

struct keeper_batch {
    char worker[KEEPER_PEER_BYTES];
    uint64_t boot, batch;
    uint32_t first, count; /* in pending */
};

struct keeper_subscriber {
    char name[KEEPER_PEER_BYTES];
    uint8_t nonce[16];
    uint64_t sequence; /* when it began */
    uint32_t next;     /* node index */
    uint32_t part;
};

/* An audit row whose commit is not known: needed again when the store fails. */
struct keeper_open_audit {
    uint32_t node;
    uint8_t pool;
    uint8_t from_tier, to_tier, why, group;
    bool was_in, gain;
    uint32_t check;
    uint64_t wall_ms;
};

struct keeper_core {
    struct keeper_options options;
    struct node_registry nodes;
    struct check_table checks;
    struct text_pool texts;
    struct result_ring ring;
    struct pool_policy *pools; /* POOL_ROWS_MAX, owned */
    uint32_t pool_count;       /* places in use or used before */
    struct sp_heap deadlines;  /* by node index: when to judge again */
    struct keeper_counters counters;
    struct sp_now now;
    struct keeper_health health;

    struct keeper_pending *pending; /* KEEPER_PENDING_MAX, owned */
    uint32_t pending_count;
    uint32_t pending_bytes;                    /* of the bodies they lie in */
    struct rec_result ahead[KEEPER_AHEAD_MAX]; /* of the batch at hand; lent by its body */
    char joined[TEXT_POOL_TEXT_BYTES_MAX];     /* of the result at hand */
    struct keeper_batch *batches;              /* options.batches_max, owned */
    uint32_t batch_count;

    char (*workers)[KEEPER_PEER_BYTES]; /* KEEPER_WORKERS_MAX, owned; number 0 is nobody */
    uint32_t worker_count;
    uint32_t worker_open, worker_durable; /* numbers below were given to the store; and are committed */
    struct sp_map worker_by_name;

    struct keeper_open_audit *open_audit; /* KEEPER_AUDIT_OPEN_MAX, owned */
    uint32_t open_audit_count;
    struct keeper_history *open_history;               /* KEEPER_HISTORY_OPEN_MAX, owned */
    uint32_t open_history_count, open_history_written; /* the first so many are in the open transaction */
    uint64_t sweep_due_ms;                             /* UINT64_MAX: nothing is over */
    uint32_t sweep_next;                               /* node id a sweep is at; 0: none is under way */
    bool sweep_again;                                  /* something will be over later */
    bool judge_all;   /* somebody was not let in for a reason of ours: look again when it is gone */
    bool audit_again; /* open rows were rolled back and wait to be written again */

    uint32_t *grants; /* ids of nodes with a PENDING membership */
    uint32_t grant_count;

    uint32_t *tell;       /* ids of nodes readers must be told about */
    uint16_t *tell_pools; /* by node index: bit per pool */
    uint32_t tell_count, tell_size;
    uint64_t sequence; /* of the last TrustEvent */

    struct keeper_subscriber *subscribers; /* KEEPER_SUBSCRIBERS_MAX, owned ring */
    uint32_t subscriber_first, subscriber_count;

    uint64_t epoch, epoch_boot;       /* in force */
    uint64_t claim_epoch, claim_boot; /* waits for its commit; 0: none */
    uint64_t clock_due_ms, sync_due_ms;
    uint64_t told_version; /* registry version pushed to the scheduler */
    bool told_all;         /* the whole registry was pushed since our start */
    bool node_sync;        /* a push is under way */
    uint64_t node_sync_base, node_sync_version;
    uint32_t node_sync_next, node_sync_part;
    uint64_t results_seen, results_at_clock;
    uint64_t void_before_ms; /* keeper clock: questions asked earlier are not answered any more */
    bool was_ready;
    bool checks_fresh;                /* a CheckSet arrived since our start */
    bool checks_unsaved, checks_open; /* the store does not have the table as it is; it was given it and did not commit yet */
    bool check_set_open;
    uint32_t check_set_part;
    uint64_t check_set_boot, check_set_version;
};

/* A message on its way through the step; the handlers keeper_on_MESSAGE work on it. */
struct keeper_in {
    struct keeper_core *core;
    const struct keeper_message *message;
    struct keeper_effects *fx;
};

/* keeper_intake.c */
void keeper_intake_committed(struct keeper_core *core, struct keeper_effects *fx);
void keeper_intake_failed(struct keeper_core *core);
/* Applies one result that is durable, or a failure that is known although it could not be stored. True when that ended a run of equal
 * outcomes, which is then in *ended. */
bool keeper_intake_fold(struct keeper_core *core, const struct keeper_pending *p, struct keeper_history *ended);
bool keeper_intake_is_full(const struct keeper_core *core);
uint32_t keeper_intake_worker(struct keeper_core *core, struct sp_str name, bool add);

/* keeper_boots.c */
/* True when this check's results may say how often the node was started: the ones whose evidence its TPM signed, and that count. */
bool keeper_boots_known_by(const struct check_row *check);
/* Effect: a result that is let in says how often the node was started. More often than known: what was found out before is void, at once (K5). */
void keeper_boots_seen(struct keeper_core *core, struct keeper_pending *p, const struct check_row *check, uint64_t instance,
                       struct keeper_effects *fx);
/* Effect: what pending results said is durable; or is taken back, and then what it voided stays void. */
void keeper_boots_committed(struct keeper_core *core);
void keeper_boots_failed(struct keeper_core *core);
/* True when what is known of the node's starts was said by a worker that was revoked since. */
bool keeper_boots_doubted(const struct node_row *node);
/* Effect: what a revoked worker said about starts is doubted: a result that says otherwise tells of a start. */
void keeper_boots_revoked(struct keeper_core *core, uint32_t worker);

/* keeper_history.c */
void keeper_history_keep(struct keeper_core *core, const struct keeper_history *row);
uint32_t keeper_history_room(const struct keeper_core *core);
bool keeper_history_busy(const struct keeper_core *core);
void keeper_history_run(struct keeper_core *core, struct keeper_effects *fx);
void keeper_history_committed(struct keeper_core *core);
void keeper_history_failed(struct keeper_core *core);

/* keeper_sweep.c */
/* Effect: a check or a node is gone: its pairs are given back in a while. */
void keeper_sweep_want(struct keeper_core *core);
bool keeper_sweep_busy(const struct keeper_core *core);
void keeper_sweep_run(struct keeper_core *core);

/* keeper_judge.c */
void keeper_judge_run(struct keeper_core *core, struct keeper_effects *fx);
void keeper_judge_committed(struct keeper_core *core, struct keeper_effects *fx);
void keeper_judge_failed(struct keeper_core *core);
void keeper_judge_select(struct keeper_core *core, struct node_row *row);
void keeper_judge_all(struct keeper_core *core);
/* Effect: resolves what the pools name anew, after pools or checks changed. */
void keeper_judge_resolve(struct keeper_core *core);
void keeper_judge_drop_pool(struct keeper_core *core, uint32_t pool, struct keeper_effects *fx);
/* Effect: pairs that the rule in force would not have let rise, or would have let fall, are no longer up; of all checks, or of those whose
 * rule became stricter. */
void keeper_judge_tighten(struct keeper_core *core, bool all);
bool keeper_judge_check(const struct keeper_core *core, uint64_t now_ms);

/* keeper_tell.c */
void keeper_tell_mark(struct keeper_core *core, const struct node_row *row, uint32_t pool);
void keeper_tell_run(struct keeper_core *core, struct keeper_effects *fx);
bool keeper_tell_busy(const struct keeper_core *core);
bool keeper_tell_grow(struct keeper_core *core);

/* keeper_sync.c */
void keeper_sync_committed(struct keeper_core *core, struct keeper_effects *fx);
void keeper_sync_failed(struct keeper_core *core);
void keeper_sync_run(struct keeper_core *core, struct keeper_effects *fx);
bool keeper_sync_busy(const struct keeper_core *core);

static inline uint64_t keeper_now_ms(const struct keeper_core *core)
{
    return sp_mono_ms(core->now.mono);
}

#endif
