/* SPDX-License-Identifier: Apache-2.0 */
/* The whole fleet in one process, from one seed: real cores, real frames, simulated clocks, network, disks and faults.
 *
 * Everything that happens is an event in one heap ordered by true time. Each process sees its own clock (offset and drift), talks only
 * through frames, and keeps over a crash only what its simulated store committed. After every event the cores' own invariants and the
 * reference model (sim_ref.c) are checked. Seals are a keyed hash that stands in for Ed25519 and HMAC: unforgeable for the simulated
 * attackers because they do not get the keys. */
#ifndef SIM_H
#define SIM_H

#include "broker_core.h"
#include "inventory.h"
#include "keeper_core.h"
#include "keeper_journal.h"
#include "reader_core.h"
#include "resend.h"
#include "scheduler_core.h"
#include "sp_hash.h"
#include "sp_heap.h"
#include "sp_rng.h"
#include "worker_core.h"

enum { SIM_NODES = 7, SIM_CHECKS = 5, SIM_POOLS = 2, SIM_WORKERS = 3, SIM_READERS = 2 };
enum {
    SIM_BROKER,
    SIM_SCHEDULER,
    SIM_KEEPER,
    SIM_WORKER,
    SIM_READER = SIM_WORKER + SIM_WORKERS,
    SIM_LIAR = SIM_READER + SIM_READERS,
    SIM_PROCESSES
};

#include "sim_store.h"
#include "sim_truth.h"

#define SIM_EVENTS_MAX   16384u
#define SIM_RUNS_MAX     200000u
#define SIM_PERIOD_MS    2000u
#define SIM_MAX_AGE_MS   9000u
#define SIM_SHORT_AGE_MS 4500u     /* a run or two that are lost end it */
#define SIM_STALE_MS     3000u     /* what a reader was told is proven for so long */
#define SIM_OUTBOX_US    60000000u /* in quiet times no batch is older */
#define SIM_YOUNG_US     30000000u /* the store fails more often */
#define SIM_OUTBOX_MAX   4096u     /* batches a worker may keep */
#define SIM_RECOVER_US                                                                                                             \
    20000000u /* after the last fault every pair has a new verdict: starts and late frames 4 s, the keeper is told 5, leases 3, two intervals 4 */

enum sim_kind { SIM_NOTHING, SIM_DELIVER, SIM_WAKE, SIM_COMMIT, SIM_FINISH, SIM_START, SIM_FAULT, SIM_CRASH };

struct sim_event {
    enum sim_kind kind;
    uint32_t next_free;
    uint32_t to, from; /* processes */
    uint32_t conn;     /* connection the frame travels on */
    uint64_t life;     /* of the receiver, for everything but DELIVER to the broker */
    uint32_t slot;     /* FINISH */
    uint8_t *frame;    /* DELIVER; owned */
    size_t bytes;
};

struct sim_process {
    uint32_t id;
    char name[16];
    uint8_t role;
    bool alive;
    uint64_t life; /* counts starts */
    uint64_t boot;
    uint32_t conn; /* connection to the broker */
    bool up;       /* Welcome seen */
    bool cut;      /* partitioned from the broker */
    bool frozen;
    uint64_t sequence;
    uint64_t offset_us; /* own monotonic clock = true time * drift + offset */
    int64_t drift_ppm;
    int64_t wall_ms;                  /* wall clock error */
    uint64_t last_in_us, last_out_us; /* order of frames on the connection */
    uint32_t wake;                    /* event number of the pending WAKE, SP_HEAP_NONE */
    uint64_t key[2];
    uint64_t heartbeat_us;
};

struct sim_knobs {
    unsigned drop, duplicate, reorder, slow;                                 /* per 1000 frames */
    unsigned crash, freeze, partition, clock, disk, operator_act, flip, lie; /* relative weights of faults */
    bool calm;
};

struct sim_worker {
    struct worker_core *core;
    struct resend resend;
    uint64_t numbering;
    struct sim_outbox {
        uint64_t sequence;
        uint8_t *results; /* encoded elements */
        uint32_t bytes, count;
        uint64_t born_us; /* true time */
    } * outbox;           /* on disk */
    uint32_t outbox_count;
    uint64_t outbox_next;
    struct worker_effects fx;
    bool full; /* its disk takes nothing: results wait in memory, nothing new is begun */
    bool slow; /* runs take longer than their deadline now and then */
    uint8_t collected[65536];
    uint32_t collected_bytes, collected_count;
};

struct sim {
    uint64_t seed;
    struct sp_rng rng;
    uint64_t now_us; /* true time */
    uint64_t steps, steps_max;
    struct sim_knobs knobs;
    struct sim_event events[SIM_EVENTS_MAX];
    uint32_t free_event;
    struct sp_heap heap;
    struct sim_process process[SIM_PROCESSES];
    uint32_t conns;
    bool stop_faults;
    uint64_t frames, faults, transitions, actions; /* actions: compute services the bridge disabled and enabled */
    /* world */
    uint8_t bad[SIM_NODES + 1][SIM_CHECKS + 1]; /* outcome a run would have */
    struct check_def check[SIM_CHECKS + 1];
    uint8_t definition[SIM_CHECKS + 1][512];
    struct profile_def profile;
    uint64_t catalogue;
    /* processes */
    struct broker_core broker;
    struct broker_effects broker_fx;
    struct {
        uint8_t *p;
        size_t n;
        bool held;
        uint32_t from; /* process at the other end */
    } held[512];
    struct scheduler_core *scheduler;
    struct scheduler_core_effects scheduler_fx;
    uint64_t scheduler_epoch; /* its store */
    bool scheduler_full;      /* which takes nothing */
    struct keeper_core *keeper;
    struct keeper_effects keeper_fx;
    struct sim_store store;
    bool commit_planned;
    uint8_t *keeper_bodies[KEEPER_BATCHES_MAX * 4]; /* frames that must live until the commit */
    uint32_t keeper_body_count;
    struct sim_worker worker[SIM_WORKERS];
    struct reader_core reader[SIM_READERS];
    struct {
        uint64_t boot, clock_boot; /* starts of the keeper and the clock domain of each */
    } keeper_starts[4096];
    uint32_t keeper_start_count;
    uint64_t liar_hello_us, liar_boot;
    struct inventory inventory; /* in every third seed: a bridge that says anything, with its own source of chance */
    struct sp_rng bridge_rng;
    uint64_t bridge_snapshot;
    uint8_t released_key[SIM_NODES + 1][16]; /* as an operator released it */
    char released_name[SIM_NODES + 1][NODE_NAME_BYTES_MAX + 1];
    struct sim_action *action;      /* in every third seed: a bridge that acts in the cloud; owned */
    struct sp_rng boot_rng;         /* in every third seed nodes are started anew, with its own source of chance */
    uint32_t boots[SIM_NODES + 1];  /* the truth */
    bool liar_revoked, crash_again; /* its key, durable; the next start of the keeper does not last */
    /* reference */
    struct sim_run *runs;
    uint32_t run_count;
    struct sp_map run_by_job;
    uint64_t quiet_us;                               /* true time of the last fault */
    uint64_t anew_us[SIM_NODES + 1][SIM_CHECKS + 1]; /* first verdict asked for after it */
    struct sim_found found[SIM_NODES + 1][SIM_CHECKS + 1];
    struct sim_life life[SIM_CHECKS + 1];
    uint32_t in_force[SIM_CHECKS + 1]; /* revision in the keeper's memory, since its start */
    uint32_t revision[SIM_CHECKS + 1]; /* of the check in the keeper's table, when a result of it was stored */
    uint64_t orders;                   /* results let in */
    uint64_t known[SIM_NODES + 1];     /* starts as told by a result that was let in; 0: none since the identity */
    uint32_t known_by[SIM_NODES + 1];  /* process that told; 0 with a start: it was revoked since */
    uint64_t told[SIM_NODES + 1];      /* order of the result that told */
    uint64_t reborn[SIM_NODES + 1];    /* order of the result that told of the latest start */
    uint64_t clock_boot;
    bool visible[SIM_NODES + 1][SIM_POOLS];
    uint64_t visible_us[SIM_NODES + 1][SIM_POOLS]; /* true time at which the keeper last said member; 0: never */
    uint8_t tickets[64][SP_TICKET_BYTES];          /* the liar came by these */
    uint32_t ticket_count;
    uint8_t *liar_frames[64];
    size_t liar_bytes[64];
    uint32_t liar_count;
    char where[64]; /* what is going on, for the report of a violation */
};

/* Reports a violation with the command that repeats it, and ends the process with code 1. */
_Noreturn void sim_violation(const struct sim *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
#define SIM_REQUIRE(s, what, ...)                                                                                                  \
    do {                                                                                                                           \
        if (!(what))                                                                                                               \
            sim_violation((s), __VA_ARGS__);                                                                                       \
    } while (0)

static inline uint64_t sim_below(struct sim *s, uint64_t limit)
{
    return sp_rng_below(&s->rng, limit);
}
static inline bool sim_chance(struct sim *s, unsigned per_1000)
{
    return sp_rng_below(&s->rng, 1000) < per_1000;
}

/* sim_world.c */
void sim_init(struct sim *s, uint64_t seed, uint64_t steps);
void sim_fini(struct sim *s);
bool sim_step(struct sim *s); /* one event; false: nothing left to do */
uint32_t sim_schedule(struct sim *s, uint64_t at_us, const struct sim_event *event);
void sim_cancel(struct sim *s, uint32_t event);
struct sp_now sim_clock(const struct sim *s, uint32_t process);
uint64_t sim_true_at(const struct sim *s, uint32_t process, uint64_t own_us); /* true time at which its clock shows own_us */
void sim_wake_at(struct sim *s, uint32_t process, uint64_t own_us);
void sim_crash(struct sim *s, uint32_t process);
void sim_calm(struct sim *s); /* faults end */
void sim_check(struct sim *s);

/* sim_net.c */
extern const uint64_t sim_digest_key[2]; /* with sim_mac: stands for the hash without a key */
void sim_mac(void *ctx, const uint8_t *p, size_t n, uint8_t out[32]);
void sim_random(void *ctx, void *to, size_t n);
bool sim_send(struct sim *s, uint32_t from, uint16_t type, const char *dest, uint64_t epoch, uint64_t trace, const uint8_t *body,
              size_t n);
void sim_forward(struct sim *s, uint32_t conn, const uint8_t *p, size_t n);
bool sim_seal_fits(const struct sim *s, const struct sp_envelope *e, uint32_t sender);
uint32_t sim_process_of(const struct sim *s, struct sp_str name);
uint32_t sim_process_at(const struct sim *s, uint32_t conn);
void sim_hello(struct sim *s, uint32_t process, const char *adapters, uint32_t slots);
void sim_hostile_frame(struct sim *s);
void sim_hostile_policy(struct sim *s); /* a policy that was overheard, said again to the keeper */
uint64_t sim_sequence(struct sim *s, uint32_t process);

/* one file per process */
void sim_broker_start(struct sim *s);
void sim_broker_frame(struct sim *s, uint32_t conn, uint32_t from, const uint8_t *p, size_t n);
void sim_broker_wake(struct sim *s);
void sim_broker_check(const struct sim *s);
void sim_scheduler_start(struct sim *s);
void sim_scheduler_message(struct sim *s, const struct sp_envelope *e, uint32_t sender);
void sim_scheduler_link(struct sim *s, bool up, uint64_t broker_boot);
void sim_scheduler_wake(struct sim *s);
void sim_keeper_start(struct sim *s);
void sim_keeper_message(struct sim *s, const struct sp_envelope *e, uint32_t sender);
void sim_keeper_wake(struct sim *s);
void sim_keeper_commit(struct sim *s);
void sim_keeper_operator(struct sim *s);
void sim_keeper_stop(struct sim *s);
void sim_worker_start(struct sim *s, uint32_t process);
void sim_worker_message(struct sim *s, uint32_t process, const struct sp_envelope *e, uint32_t sender);
void sim_worker_link(struct sim *s, uint32_t process, bool up);
void sim_worker_wake(struct sim *s, uint32_t process);
void sim_worker_finish(struct sim *s, uint32_t process, uint32_t slot);
void sim_worker_stop(struct sim *s, uint32_t process);

void sim_reader_start(struct sim *s, uint32_t process);
void sim_reader_message(struct sim *s, uint32_t process, const struct sp_envelope *e, uint32_t sender);
void sim_reader_wake(struct sim *s, uint32_t process);
void sim_reader_stop(struct sim *s, uint32_t process);
void sim_liar_learn(struct sim *s, const uint8_t ticket[SP_TICKET_BYTES]);
void sim_liar_act(struct sim *s);

/* How often the node was started, as its TPM would say; 0 in seeds where nobody tells. */
static inline bool sim_boots(const struct sim *s)
{
    return s->seed % 3 == 1;
}
static inline uint64_t sim_instance(const struct sim *s, uint32_t node)
{
    return sim_boots(s) && node >= 1 && node <= SIM_NODES ? (uint64_t)(s->boots[node] + 1) << 32 : 0;
}
/* What the liar says about it: the same for one job each time. */
uint64_t sim_liar_instance(const struct sim *s, uint64_t job);
/* An operator proves the node's identity again. */
void sim_keeper_enrol(struct sim *s, uint32_t node);

/* sim_ref.c: an independent, naive account of what may be trusted */
void sim_ref_issued(struct sim *s, const uint8_t ticket[SP_TICKET_BYTES]);
/* Returns what the run says about starts of the node: of the first time it ran. */
uint64_t sim_ref_executed(struct sim *s, const uint8_t ticket[SP_TICKET_BYTES], uint8_t outcome);
void sim_ref_enrolled(struct sim *s, uint32_t node);                    /* or another identity: nothing is known of its starts */
void sim_ref_accepted(struct sim *s, const struct keeper_journal *row); /* the moment of intake, before the commit */
void sim_ref_committed(struct sim *s, const struct keeper_journal *row);
void sim_ref_taken_back(struct sim *s, const struct keeper_journal *row);
void sim_ref_acknowledged(struct sim *s, const struct sim_outbox *batch, const struct msg_result_ack *ack);
void sim_ref_revoked(struct sim *s);  /* what the liar reported is void */
void sim_ref_restored(struct sim *s); /* the keeper has started */
bool sim_ref_allows(struct sim *s, uint32_t node, uint32_t pool, uint64_t keeper_ms);
bool sim_ref_demands(const struct sim *s, uint32_t node, uint32_t pool); /* the truth says: member */
void sim_ref_check(struct sim *s);
void sim_ref_final(struct sim *s);

#endif
