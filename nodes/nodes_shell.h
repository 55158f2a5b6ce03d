/* SPDX-License-Identifier: Apache-2.0 */
/* The keeper's shell: bus, store and clock around the core. It decides nothing about trust. Fields are for the files of this folder. */
#ifndef NODES_SHELL_H
#define NODES_SHELL_H

#include "enrolment.h"
#include "inventory.h"
#include "keeper_closed.h"
#include "keeper_store.h"
#include "sp_bus.h"
#include "sp_conf.h"
#include "sp_keys.h"
#include "sp_loop.h"
#include "sp_notify.h"
#include "sp_stats.h"

#define NODES_HOLD_BYTES (KEEPER_PENDING_BYTES_MAX + SP_FRAME_BYTES_MAX) /* bodies of results that wait for their commit */
#define NODES_ROUNDS_MAX 8u                                              /* commits in a row before other work gets its turn */
#define NODES_FOLD_MS    600000u                                         /* longest distance of background folds */
#define NODES_FOLD_RESULTS_MIN                                                                                                     \
    100000u                    /* a fold rewrites whole nodes: it waits for as many results as there are pairs, at least so many */
#define NODES_RETRY_MS  2000u  /* after a full disk */
#define NODES_EXPORT_MS 30000u /* audit head to its other file; the promise is a minute */
#define NODES_ANCHOR_MS 5000u  /* longest way back of a store that could be put in place of the latest one unseen */
#define NODES_EXPIRE_MS                                                                                                            \
    3600000u /* longest distance of looks for old history and audit; an eighth of what is kept, if that is less */
#define NODES_SLOTS_MAX     8192u /* principals the bus may know */
#define NODES_LOOK_MS       1000u /* wall clock, log summaries */
#define NODES_LOOK_QUIET_MS 2000u /* the same while nothing is stored; nothing is judged without a look */

/* A message for the shell itself; the handlers keeper_shell_on_MESSAGE work on it. */
struct keeper_shell_in {
    struct nodes_shell *shell;
    const struct sp_bus_message *message;
};

/* What one bridge reported of its actions. */
struct nodes_reports {
    char bridge[SP_BUS_NAME_BYTES];
    uint64_t id; /* the last one */
    uint32_t room;
    uint64_t room_ms;
};

/* How many acts one broker may still report. */
struct nodes_acts {
    char broker[SP_BUS_NAME_BYTES];
    uint32_t room;
    uint64_t room_ms;
};

struct nodes_shell {
    const struct sp_conf *conf;
    const struct sp_keys *keys;
    const struct sp_keys_core *core_keys;
    const char *name;
    struct sp_loop *loop;
    struct sp_bus *bus;
    struct sp_stats *stats;
    struct sp_notify notify;
    struct keeper_store store;
    struct keeper_core *core;
    struct keeper_effects fx;
    struct keeper_closed closed;
    struct sp_crypto_hmac ticket_hmac;
    struct keeper_health health;
    struct enrolment_table identities;
    struct inventory inventory;
    char inventory_rules[INVENTORY_RULES_MAX][256]; /* pattern, then labels, each terminated */
    uint8_t *hold;                                  /* NODES_HOLD_BYTES, owned */
    uint32_t hold_used;
    bool dirty;              /* the open transaction has rows */
    bool waiting;            /* results wait for a commit */
    uint64_t unsent;         /* messages that could not leave; whoever misses one asks again */
    uint64_t nodes_refused;  /* nodes that keeper.nodes_max did not let in */
    uint64_t nodes_file_bad; /* files of nodes that were not applied */
    struct nodes_reports reports[8];
    uint64_t reports_refused; /* of actions of bridges */
    struct nodes_acts acts[16];
    uint64_t acts_refused;  /* of operators, reported by scheduler and brokers */
    uint64_t audit_cut;     /* rows removed by keeper.audit_keep */
    uint64_t audit_bad;     /* cuts that were not made because the chain does not fit */
    uint64_t pairs_refused; /* as last said in the log */
    uint64_t store_rolled;  /* the store was not the one that was left */
    uint64_t anchor_ms;
    uint64_t start_ms;                  /* keeper clock */
    uint64_t heard_ms[NODES_SLOTS_MAX]; /* keeper clock of the last message, by slot of the bus; 0: none since the start */
    uint64_t fold_ms, retry_ms, export_ms, expire_ms, look_ms, looked_ms, commits, look_commits, principals_version;
    uint64_t enrol_end_ms; /* wall clock: next end of an invitation; 0: none */
    int64_t exported_seq;
    uint32_t lat_commit, lat_intake;
    uint64_t intake_us; /* arrival of the first batch that waits */
    int exit_code;
    bool wall_good;
    bool people_changed; /* brokers and scheduler have not heard of it */
};

struct nodes_options {
    const struct sp_conf *conf;
    const struct sp_keys *keys;
    const struct sp_keys_core *core_keys;
    const char *name;
};

/* Effect: opens store and bus and runs until a signal. Returns the exit code of the process; err says why it did not start. */
int nodes_shell_run(const struct nodes_options *o, struct sp_err *err);

/* ---- for the files of this folder ---- */
/* Lends the time of this turn. */
struct sp_now nodes_shell_now(const struct nodes_shell *s);
/* Effect: one core event and its effects. Store effects stay in the open transaction. */
void nodes_shell_step(struct nodes_shell *s, struct keeper_event *ev);
/* Effect: commits until nothing waits. False: the store failed; what was not committed is undone in core and store. */
bool nodes_shell_flush(struct nodes_shell *s);
/* Effect: begins rows that are no effect of the core; end them with nodes_shell_commit_rows. False: the store cannot take rows now. */
bool nodes_shell_rows(struct nodes_shell *s);
/* Effect: commits them. rc is how writing them went; false when that or the commit failed (rolled back). */
bool nodes_shell_commit_rows(struct nodes_shell *s, enum sp_rc rc);
/* Effect: sends a body; broker SP_BUS_ANY or an index. */
void nodes_shell_send(struct nodes_shell *s, uint16_t type, const char *dest, int broker, struct sp_str body);

#endif
