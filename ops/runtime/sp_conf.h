/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration of a host: PREFIX/etc/spice.yaml. Tables in sp_conf_table.c give every key its type, limits, default and help.
 * Loaded once at start, never changed. Relative paths start from `prefix`; a relative prefix starts from the directory of the file. */
#ifndef SP_CONF_H
#define SP_CONF_H

#include "sp_conf_attester.h"
#include "sp_conf_bridge.h"
#include "sp_conf_inventory.h"
#include "sp_conf_principals.h"

#define SP_CONF_BROKERS_MAX    8u
#define SP_CONF_ENDPOINTS_MAX  4u
#define SP_CONF_ENDPOINT_BYTES 160u /* resolved; a unix socket path itself has at most 107 bytes */
#define SP_CONF_WORKERS_MAX    16u
#define SP_CONF_LIST_MAX       8u

struct sp_conf_link { /* one row of brokers: */
    char name[SP_CONF_NAME_BYTES];
    uint32_t endpoint_count;
    char endpoints[SP_CONF_ENDPOINTS_MAX][SP_CONF_ENDPOINT_BYTES]; /* clients connect to the first that works */
    uint32_t bind_count;
    char bind[SP_CONF_ENDPOINTS_MAX][SP_CONF_ENDPOINT_BYTES]; /* the broker itself; empty = its endpoints */
};

struct sp_conf_bus {
    uint64_t heartbeat_ms; /* ours to the broker and back */
    uint64_t lost_ms;      /* silence after which a broker or peer counts as gone */
    uint64_t reconnect_ms; /* first wait; doubles */
    uint64_t reconnect_max_ms;
    uint64_t handshake_ms;
    uint64_t stats_ms;       /* interval of Stats */
    uint32_t queue_messages; /* high-water mark of sockets */
    uint64_t linger_ms;      /* at exit */
};

struct sp_conf_log {
    uint32_t level; /* enum sp_log_level */
    char subs[256]; /* "keeper=debug,bus=info" */
};

struct sp_conf_broker {
    char user[33];
    uint32_t max_peers;
    uint32_t queue_jobs; /* most jobs held for workers */
    uint32_t queue_mb;   /* most memory of queued frames */
    uint32_t peer_queue_messages;
    uint32_t credit_window; /* most jobs granted ahead to the scheduler per route */
    uint32_t memory_mb;     /* resident above this: stop and be restarted */
    uint32_t backlog;
    uint64_t probe_ms; /* self-probe with a throwaway key */
    char principals_cache[SP_FS_PATH_BYTES];
};

struct sp_conf_scheduler {
    char user[33];
    char store[SP_FS_PATH_BYTES]; /* directory */
    uint32_t pairs_max;
    uint32_t batch_jobs;
    uint32_t batch_kib;
    uint32_t attempts_max;   /* per job, retries included */
    uint64_t lease_grace_ms; /* beyond the timeout, before a lease counts as lost */
    uint64_t clock_lost_ms;  /* no KeeperClock for so long: no jobs */
    uint32_t reserve_file_mb;
};

struct sp_conf_keeper {
    char user[33];
    char store[SP_FS_PATH_BYTES];
    uint64_t beat_ms;  /* TrustBeat promised to readers */
    uint64_t clock_ms; /* KeeperClock while jobs flow */
    uint64_t clock_idle_ms;
    uint64_t history_keep_ms; /* run-length rows older than this go */
    uint64_t audit_keep_ms;   /* 0: for ever */
    uint32_t reserve_file_mb;
    uint32_t nodes_max;
    uint32_t results_max;   /* (check, node) pairs remembered */
    uint32_t drain_batches; /* most ResultBatches per commit */
    uint32_t fold_rows;     /* state rows written per background step */
    uint64_t worker_lost_ms;
    uint64_t enrol_ttl_ms;               /* default life of an invitation */
    bool require_synced_clock;           /* no new trust while the kernel says the wall clock is not synchronised */
    char audit_export[SP_FS_PATH_BYTES]; /* append-only copy of the audit; empty: none */
    char nodes_file[SP_FS_PATH_BYTES];   /* definitions applied at start; empty: none */
    struct sp_conf_inventory inventory;
};

struct sp_conf_worker {            /* defaults for all workers of the host, or one row of workers: */
    char name[SP_CONF_NAME_BYTES]; /* empty in the section `worker` */
    char user[33];
    uint32_t slots; /* most jobs at once */
    char adapters[513];
    char labels[256];
    uint32_t plugin_dir_count;
    char plugin_dirs[SP_CONF_LIST_MAX][SP_FS_PATH_BYTES];
    char plugin_user[33]; /* empty: our own */
    uint32_t manifest_key_count;
    char manifest_keys[SP_CONF_LIST_MAX][65]; /* Ed25519 public keys, hex, that may sign plugin manifests */
    char manifest_dir[SP_FS_PATH_BYTES];
    bool manifest_required;
    char spool[SP_FS_PATH_BYTES]; /* directory of outbox and caches; the worker's name is added */
    uint32_t outbox_mb;
    uint32_t definitions_max;
    uint64_t drain_ms;              /* most time for running jobs at drain */
    char libexec[SP_FS_PATH_BYTES]; /* where spice-exec is; empty: beside the program */
    uint32_t resident_max;          /* resident plugins at once */
    uint32_t output_bytes;          /* of one plugin run */
    uint32_t plugin_memory_mb;      /* address space of one plugin; 0: no limit */
    uint32_t plugin_processes;
    const struct sp_yaml_node *settings; /* of adapters: NAME: {key: value}; NULL: none */
};

struct sp_conf_reader {
    uint32_t beats_missed; /* so many beats without TrustBeat: everything is none */
    uint32_t nodes_max;
    uint64_t ping_ms;
};

struct sp_conf {
    char file[SP_FS_PATH_BYTES];       /* as loaded */
    char prefix[SP_FS_PATH_BYTES];     /* absolute after loading */
    char principals[SP_FS_PATH_BYTES]; /* path of principals.yaml */
    char keys[SP_FS_PATH_BYTES];       /* directory */
    char state[SP_FS_PATH_BYTES];      /* directory */
    char run[SP_FS_PATH_BYTES];        /* directory */
    uint8_t deployment[16];
    uint32_t broker_count;
    struct sp_conf_link brokers[SP_CONF_BROKERS_MAX];
    struct sp_conf_log log;
    struct sp_conf_bus bus;
    struct sp_conf_broker broker;
    struct sp_conf_scheduler scheduler;
    struct sp_conf_keeper keeper;
    struct sp_conf_worker worker;
    uint32_t worker_count;
    struct sp_conf_worker workers[SP_CONF_WORKERS_MAX]; /* complete: what a row leaves out comes from `worker` */
    struct sp_conf_reader reader;
    struct sp_conf_bridge bridge;
    struct sp_conf_attester attester;
    struct sp_yaml *doc; /* private: holds `settings` */
};

/* Effect: loads, checks and resolves. prefix replaces the configured one (NULL: no). Gives *out; errors name file, line and what to do. */
SP_MUST_USE enum sp_rc sp_conf_load(const char *path, const char *prefix, struct sp_conf **out, struct sp_err *err);
/* The same from a text; file names it in messages, and its directory is where a relative prefix starts. For tests and checks. */
SP_MUST_USE enum sp_rc sp_conf_parse(const char *file, struct sp_str text, const char *prefix, struct sp_conf **out,
                                     struct sp_err *err);
void sp_conf_destroy(struct sp_conf **conf);
/* Effect: appends the configuration as YAML that loads identically. */
void sp_conf_print(const struct sp_conf *conf, struct sp_buf *b);
/* Effect: appends "key<TAB>type<TAB>range<TAB>default<TAB>help" lines of every key. */
void sp_conf_describe(struct sp_buf *b);

/* Effect: joins with prefix. SP_E_LIMIT when too long. */
SP_MUST_USE enum sp_rc sp_conf_path(const struct sp_conf *conf, const char *relative, char *to, size_t size);
/* Effect: path of KEYS/NAME.key. */
SP_MUST_USE enum sp_rc sp_conf_key_path(const struct sp_conf *conf, const char *name, char *to, size_t size);
/* Lends the settings of a worker: its row of workers:, or the section `worker` when it has none. */
const struct sp_conf_worker *sp_conf_worker_for(const struct sp_conf *conf, const char *name);
/* Lends the broker of this name, NULL when there is none. */
const struct sp_conf_link *sp_conf_link_for(const struct sp_conf *conf, const char *name);
/* Effect: sets the log levels: the configuration's, then `option` ("level" or "sub=level,...", NULL: none) on top. */
SP_MUST_USE enum sp_rc sp_conf_log_apply(const struct sp_conf *conf, const char *option, struct sp_err *err);

#endif
