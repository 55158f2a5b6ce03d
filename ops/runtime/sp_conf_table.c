/* SPDX-License-Identifier: Apache-2.0 */
#include "sp_conf_table.h"

#define S      1000u /* durations are in milliseconds */
#define MINUTE (60u * S)
#define HOUR   (60u * MINUTE)
#define DAY    (24ull * HOUR)
#define MANY   0xffffffffu
#define TABLE(type, text, rows)                                                                                                    \
    {                                                                                                                              \
        .name = (text), .keys = (rows), .count = SP_COUNT(rows), .size = sizeof(struct type)                                       \
    }

const char *const sp_conf_role_words[] = {"none",   "broker", "scheduler", "keeper",   "worker", "operator",
                                          "reader", "enrol",  "bridge",    "attester", NULL};
static const char *const level_words[] = {"error", "warning", "notice", "info", "debug", NULL};

/* ---- brokers: ---- */

#define LINK(m) SP_BIND_AT(sp_conf_link, m)
static const struct sp_bind_key link_keys[] = {
    {"name", SP_BIND_NAME, true, LINK(name), .min = 1, .help = "principal of the broker, as in principals.yaml"},
    {"endpoints", SP_BIND_TEXTS, true, SP_BIND_ARRAY(sp_conf_link, endpoints, endpoint_count), .min = 1,
     .help = "where clients connect, best first: ipc://run/NAME.sock or tcp://HOST:PORT"},
    {"bind", SP_BIND_TEXTS, false, SP_BIND_ARRAY(sp_conf_link, bind, bind_count),
     .help = "where the broker itself listens; none: its endpoints"},
};
static const struct sp_bind_table link_table = TABLE(sp_conf_link, "an element of brokers", link_keys);

/* ---- sections ---- */

#define LOG(m) SP_BIND_AT(sp_conf_log, m)
static const struct sp_bind_key log_keys[] = {
    {"level", SP_BIND_ENUM, false, LOG(level), .words = level_words, .def = "info",
     .help = "what is worth a line: this level and those before it"},
    {"subs", SP_BIND_TEXT, false, LOG(subs), .help = "levels of single subsystems: 'keeper=debug,bus=warning'"},
};
static const struct sp_bind_table log_table = TABLE(sp_conf_log, "the log section", log_keys);

#define BUS(m) SP_BIND_AT(sp_conf_bus, m)
static const struct sp_bind_key bus_keys[] = {
    {"heartbeat", SP_BIND_SPAN, false, BUS(heartbeat_ms), .min = 100, .max = 30 * S, .def = "2s",
     .help = "interval of heartbeats to and from brokers"},
    {"lost", SP_BIND_SPAN, false, BUS(lost_ms), .min = 300, .max = 5 * MINUTE, .def = "6s",
     .help = "silence after which a broker or peer counts as gone"},
    {"reconnect", SP_BIND_SPAN, false, BUS(reconnect_ms), .min = 10, .max = MINUTE, .def = "1s",
     .help = "first wait before connecting again; doubles, with jitter by name"},
    {"reconnect_max", SP_BIND_SPAN, false, BUS(reconnect_max_ms), .min = 10, .max = HOUR, .def = "60s",
     .help = "longest wait before connecting again"},
    {"handshake", SP_BIND_SPAN, false, BUS(handshake_ms), .min = 500, .max = MINUTE, .def = "10s",
     .help = "time for one CURVE handshake, the wait behind others included"},
    {"stats", SP_BIND_SPAN, false, BUS(stats_ms), .min = 100, .max = HOUR, .def = "1s", .help = "interval of message statistics"},
    {"queue_messages", SP_BIND_U32, false, BUS(queue_messages), .min = 16, .max = 65536, .def = "1000",
     .help = "high-water mark of each socket"},
    {"linger", SP_BIND_SPAN, false, BUS(linger_ms), .min = 0, .max = MINUTE, .def = "2s",
     .help = "at exit: longest wait for queued messages to leave"},
};
static const struct sp_bind_table bus_table = TABLE(sp_conf_bus, "the bus section", bus_keys);

#define BROKER(m) SP_BIND_AT(sp_conf_broker, m)
static const struct sp_bind_key broker_keys[] = {
    {"user", SP_BIND_NAME, false, BROKER(user), .help = "user to become when started by root"},
    {"max_peers", SP_BIND_U32, false, BROKER(max_peers), .min = 4, .max = 65536, .def = "8192", .help = "most connected peers"},
    {"queue_jobs", SP_BIND_U32, false, BROKER(queue_jobs), .min = 16, .max = 16777216, .def = "65536",
     .help = "most jobs held for workers"},
    {"queue_mb", SP_BIND_U32, false, BROKER(queue_mb), .min = 1, .max = 65536, .def = "64", .help = "most memory of messages held"},
    {"peer_queue_messages", SP_BIND_U32, false, BROKER(peer_queue_messages), .min = 8, .max = 65536, .def = "256",
     .help = "most messages held for one peer that does not read"},
    {"credit_window", SP_BIND_U32, false, BROKER(credit_window), .min = 1, .max = 1048576, .def = "8192",
     .help = "most jobs granted ahead to the scheduler per route"},
    {"memory_mb", SP_BIND_U32, false, BROKER(memory_mb), .min = 32, .max = 1048576, .def = "512",
     .help = "resident memory above which the broker stops, to be restarted"},
    {"backlog", SP_BIND_U32, false, BROKER(backlog), .min = 16, .max = 65535, .def = "1024",
     .help = "length of the kernel's queue of new connections"},
    {"probe", SP_BIND_SPAN, false, BROKER(probe_ms), .min = 1 * S, .max = DAY, .def = "5m",
     .help = "interval of the self-probe with a key that must be refused"},
    {"principals_cache", SP_BIND_PATH, false, BROKER(principals_cache), .min = 1, .def = "state/broker",
     .help = "directory where enrolled principals are remembered over a restart"},
};
static const struct sp_bind_table broker_table = TABLE(sp_conf_broker, "the broker section", broker_keys);

#define SCHED(m) SP_BIND_AT(sp_conf_scheduler, m)
static const struct sp_bind_key scheduler_keys[] = {
    {"user", SP_BIND_NAME, false, SCHED(user), .help = "user to become when started by root"},
    {"store", SP_BIND_PATH, false, SCHED(store), .min = 1, .def = "state/scheduler", .help = "directory of the store"},
    {"pairs_max", SP_BIND_U32, false, SCHED(pairs_max), .min = 16, .max = 16777216, .def = "2000000",
     .help = "most (check, node) pairs"},
    {"batch_jobs", SP_BIND_U32, false, SCHED(batch_jobs), .min = 1, .max = 512, .def = "512", .help = "most jobs in one message"},
    {"batch_kib", SP_BIND_U32, false, SCHED(batch_kib), .min = 16, .max = 900, .def = "512",
     .help = "most KiB of jobs in one message"},
    {"attempts_max", SP_BIND_U32, false, SCHED(attempts_max), .min = 1, .max = 16, .def = "4",
     .help = "most attempts of one job, retries included"},
    {"lease_grace", SP_BIND_SPAN, false, SCHED(lease_grace_ms), .min = 100, .max = HOUR, .def = "5s",
     .help = "beyond the timeout, before an unanswered job counts as lost"},
    {"clock_lost", SP_BIND_SPAN, false, SCHED(clock_lost_ms), .min = 1 * S, .max = HOUR, .def = "15s",
     .help = "without the keeper's clock for so long, no jobs are issued"},
    {"reserve_file_mb", SP_BIND_U32, false, SCHED(reserve_file_mb), .min = 0, .max = 65536, .def = "8",
     .help = "space kept for a full disk"},
};
static const struct sp_bind_table scheduler_table = TABLE(sp_conf_scheduler, "the scheduler section", scheduler_keys);

#define INVENTORY(m) SP_BIND_AT(sp_conf_inventory, m)
static const char *const inventory_modes[] = {"off", "report", "discover", NULL};
static const char *const inventory_admits[] = {"manual", "labelled", NULL};
static const struct sp_bind_key inventory_keys[] = {
    {"mode", SP_BIND_ENUM, false, INVENTORY(mode), .words = inventory_modes, .def = "discover",
     .help = "what a bridge reads in the cloud is ignored, only shown, or followed"},
    {"admit", SP_BIND_ENUM, false, INVENTORY(admit), .words = inventory_admits, .def = "manual",
     .help =
         "a discovered node stays in maintenance until an administrator says otherwise; or, if a rule of labels names it, goes into service"},
    {"labels", SP_BIND_TEXTS, false, SP_BIND_ARRAY(sp_conf_inventory, labels, label_count),
     .help =
         "rules 'PATTERN key=value,key=value': labels of discovered nodes by their names, the first rule that fits; * and ? in patterns, labels sorted"},
    {"misses", SP_BIND_U32, false, INVENTORY(misses), .min = 2, .max = 100, .def = "3",
     .help = "a node that the cloud lists no more is retired after so many whole readings without it"},
    {"missing", SP_BIND_SPAN, false, INVENTORY(missing_ms), .min = 1 * S, .max = 30 * DAY, .def = "15m",
     .help = "and not before it was missing for so long"},
    {"brake_percent", SP_BIND_U32, false, INVENTORY(brake_percent), .min = 1, .max = 100, .def = "10",
     .help =
         "more of the discovered nodes in service than this, but always one, are not taken out within an hour unless an administrator says yes"},
};
static const struct sp_bind_table inventory_table = TABLE(sp_conf_inventory, "the inventory section", inventory_keys);

#define KEEPER(m) SP_BIND_AT(sp_conf_keeper, m)
static const struct sp_bind_key keeper_keys[] = {
    {"user", SP_BIND_NAME, false, KEEPER(user), .help = "user to become when started by root"},
    {"store", SP_BIND_PATH, false, KEEPER(store), .min = 1, .def = "state/keeper", .help = "directory of the store"},
    {"beat", SP_BIND_SPAN, false, KEEPER(beat_ms), .min = 100, .max = 10 * MINUTE, .def = "2s",
     .help = "interval of the beat promised to readers"},
    {"clock", SP_BIND_SPAN, false, KEEPER(clock_ms), .min = 100, .max = MINUTE, .def = "1s",
     .help = "interval of the clock sent to the scheduler while jobs flow"},
    {"clock_idle", SP_BIND_SPAN, false, KEEPER(clock_idle_ms), .min = 100, .max = MINUTE, .def = "4s",
     .help = "the same while nothing flows"},
    {"history_keep", SP_BIND_SPAN, false, KEEPER(history_keep_ms), .min = 1 * S, .max = 36500 * DAY, .def = "90d",
     .help = "history older than this is removed"},
    {"audit_keep", SP_BIND_SPAN, false, KEEPER(audit_keep_ms), .min = 0, .max = 36500 * DAY, .def = "0",
     .help = "audit rows older than this are cut off; 0: kept for ever"},
    {"reserve_file_mb", SP_BIND_U32, false, KEEPER(reserve_file_mb), .min = 0, .max = 65536, .def = "32",
     .help = "space kept for a full disk"},
    {"nodes_max", SP_BIND_U32, false, KEEPER(nodes_max), .min = 1, .max = 131072, .def = "65536",
     .help = "most nodes, retired ones included; more are refused"},
    {"results_max", SP_BIND_U32, false, KEEPER(results_max), .min = 16, .max = 16777216, .def = "2000000",
     .help = "most (check, node) pairs with a result; results of further pairs are refused"},
    {"drain_batches", SP_BIND_U32, false, KEEPER(drain_batches), .min = 1, .max = 1024, .def = "256",
     .help = "most result messages in one commit"},
    {"fold_rows", SP_BIND_U32, false, KEEPER(fold_rows), .min = 16, .max = 1048576, .def = "4096",
     .help = "state rows written per background step"},
    {"worker_lost", SP_BIND_SPAN, false, KEEPER(worker_lost_ms), .min = 1 * S, .max = DAY, .def = "30s",
     .help = "without a result for so long and without a connection, a worker is listed as lost"},
    {"enrol_ttl", SP_BIND_SPAN, false, KEEPER(enrol_ttl_ms), .min = 1 * S, .max = 30 * DAY, .def = "1h",
     .help = "life of an invitation unless told otherwise"},
    {"require_synced_clock", SP_BIND_BOOL, false, KEEPER(require_synced_clock), .def = "false",
     .help = "no new trust while the kernel says the clock is not synchronised"},
    {"audit_export", SP_BIND_PATH, false, KEEPER(audit_export), .help = "file that gets a copy of every audit row; none: no copy"},
    {"nodes_file", SP_BIND_PATH, false, KEEPER(nodes_file), .help = "definitions of nodes applied at start; none: no file"},
    {"inventory", SP_BIND_MAP, false, KEEPER(inventory), .sub = &inventory_table, .help = "nodes that the cloud's own list names"},
};
static const struct sp_bind_table keeper_table = TABLE(sp_conf_keeper, "the keeper section", keeper_keys);

#define WORKER(m) SP_BIND_AT(sp_conf_worker, m)
#define WORKER_KEYS                                                                                                                \
    {"user", SP_BIND_NAME, false, WORKER(user), .help = "user to become when started by root"},                                    \
        {"slots", SP_BIND_U32, false, WORKER(slots), .min = 1, .max = 65536, .def = "1000", .help = "most checks at once"},        \
        {"adapters", SP_BIND_WORDS, false, WORKER(adapters), .def = "*", .help = "adapters offered; '*': all there are"},          \
        {"labels", SP_BIND_LABELS, false, WORKER(labels), .help = "labels that jobs may ask for"},                                 \
        {"plugin_dirs", SP_BIND_TEXTS, false, SP_BIND_ARRAY(sp_conf_worker, plugin_dirs, plugin_dir_count),                        \
         .help = "directories that plugins may be in"},                                                                            \
        {"plugin_user", SP_BIND_NAME, false, WORKER(plugin_user), .help = "user that plugins run as; none: the worker's"},         \
        {"manifest_keys", SP_BIND_TEXTS, false, SP_BIND_ARRAY(sp_conf_worker, manifest_keys, manifest_key_count),                  \
         .help = "Ed25519 public keys (hex) that may sign plugin manifests"},                                                      \
        {"manifest_dir",                                                                                                           \
         SP_BIND_PATH,                                                                                                             \
         false,                                                                                                                    \
         WORKER(manifest_dir),                                                                                                     \
         .min = 1,                                                                                                                 \
         .def = "etc/manifests",                                                                                                   \
         .help = "directory of signed plugin manifests"},                                                                          \
        {"manifest_required",       SP_BIND_BOOL,  false,                                                                          \
         WORKER(manifest_required), .def = "true", .help = "run no plugin without a signed manifest"},                             \
        {"spool",                                                                                                                  \
         SP_BIND_PATH,                                                                                                             \
         false,                                                                                                                    \
         WORKER(spool),                                                                                                            \
         .min = 1,                                                                                                                 \
         .def = "state/worker",                                                                                                    \
         .help = "directory of outbox and caches; the worker's name is added"},                                                    \
        {"outbox_mb", SP_BIND_U32,  false,       WORKER(outbox_mb),                                                                \
         .min = 1,    .max = 65536, .def = "64", .help = "most space of results not yet acknowledged"},                            \
        {"definitions_max", SP_BIND_U32,    false,         WORKER(definitions_max),                                                \
         .min = 8,          .max = 1048576, .def = "4096", .help = "most check definitions remembered"},                           \
        {"drain",  SP_BIND_SPAN, false,        WORKER(drain_ms),                                                                   \
         .min = 0, .max = HOUR,  .def = "30s", .help = "time for running checks when the worker is drained or stopped"},           \
        {"libexec", SP_BIND_PATH, false, WORKER(libexec), .help = "directory of spice-exec; none: beside the worker"},             \
        {"resident_max", SP_BIND_U32, false,       WORKER(resident_max),                                                           \
         .min = 0,       .max = 4096, .def = "64", .help = "most resident plugins"},                                               \
        {"output_bytes", SP_BIND_U32,  false,         WORKER(output_bytes),                                                        \
         .min = 256,     .max = 16384, .def = "8192", .help = "most output of one plugin run"},                                    \
        {"plugin_memory_mb", SP_BIND_U32,    false,        WORKER(plugin_memory_mb),                                               \
         .min = 0,           .max = 1048576, .def = "512", .help = "most address space of one plugin; 0: no limit"},               \
        {"plugin_processes", SP_BIND_U32,  false,         WORKER(plugin_processes),                                                \
         .min = 1,           .max = 65536, .def = "2048", .help = "most processes of the plugins' user at once"},                  \
    {                                                                                                                              \
        "settings", SP_BIND_ANY, false, WORKER(settings), .help = "settings of adapters: NAME: {KEY: VALUE}"                       \
    }

static const struct sp_bind_key worker_keys[] = {WORKER_KEYS};
static const struct sp_bind_table worker_table = TABLE(sp_conf_worker, "the worker section", worker_keys);
static const struct sp_bind_key workers_keys[] = {
    {"name", SP_BIND_NAME, true, WORKER(name), .min = 1, .help = "principal of the worker these keys are for"}, WORKER_KEYS};
const struct sp_bind_table sp_conf_table_workers = TABLE(sp_conf_worker, "an element of workers", workers_keys);

#define READER(m) SP_BIND_AT(sp_conf_reader, m)
static const struct sp_bind_key reader_keys[] = {
    {"beats_missed", SP_BIND_U32, false, READER(beats_missed), .min = 2, .max = 100, .def = "3",
     .help = "so many beats without an answer: everything is 'none'"},
    {"nodes_max", SP_BIND_U32, false, READER(nodes_max), .min = 1, .max = 1048576, .def = "65536",
     .help = "most (node, pool) rows followed"},
    {"ping", SP_BIND_SPAN, false, READER(ping_ms), .min = 0, .max = MINUTE, .def = "0",
     .help = "interval of questions to the keeper; 0: its beat"},
};
static const struct sp_bind_table reader_table = TABLE(sp_conf_reader, "the reader section", reader_keys);

/* ---- the whole ---- */

#define CONF(m) SP_BIND_AT(sp_conf, m)
static const struct sp_bind_key conf_keys[] = {
    {"deployment", SP_BIND_HEX, true, CONF(deployment),
     .help = "id of this deployment, 32 hexadecimal digits; spicectl init draws one"},
    {"prefix", SP_BIND_PATH, false, CONF(prefix), .min = 1, .def = "/var/lib/spice",
     .help = "where relative paths start; relative itself: from this file's directory"},
    {"principals", SP_BIND_PATH, false, CONF(principals), .min = 1, .def = "etc/principals.yaml", .help = "file of principals"},
    {"keys", SP_BIND_PATH, false, CONF(keys), .min = 1, .def = "keys", .help = "directory of key files"},
    {"state", SP_BIND_PATH, false, CONF(state), .min = 1, .def = "state", .help = "directory of stores and caches"},
    {"run", SP_BIND_PATH, false, CONF(run), .min = 1, .def = "run", .help = "directory of sockets"},
    {"brokers", SP_BIND_LIST, true, SP_BIND_ARRAY(sp_conf, brokers, broker_count), .min = 1, .sub = &link_table,
     .help = "the brokers of this deployment"},
    {"log", SP_BIND_MAP, false, CONF(log), .sub = &log_table, .help = "the log of every process"},
    {"bus", SP_BIND_MAP, false, CONF(bus), .sub = &bus_table, .help = "connections to brokers"},
    {"broker", SP_BIND_MAP, false, CONF(broker), .sub = &broker_table, .help = "brokers on this host"},
    {"scheduler", SP_BIND_MAP, false, CONF(scheduler), .sub = &scheduler_table, .help = "scheduler on this host"},
    {"keeper", SP_BIND_MAP, false, CONF(keeper), .sub = &keeper_table, .help = "keeper on this host"},
    {"worker", SP_BIND_MAP, false, CONF(worker), .sub = &worker_table, .help = "what all workers on this host have in common"},
    {"workers", SP_BIND_LIST, false, SP_BIND_ARRAY(sp_conf, workers, worker_count), .sub = &sp_conf_table_workers,
     .help = "where single workers differ from the section worker"},
    {"reader", SP_BIND_MAP, false, CONF(reader), .sub = &reader_table, .help = "followers of the pool on this host"},
    {"bridge", SP_BIND_MAP, false, CONF(bridge), .sub = &sp_conf_table_bridge, .help = "link to the cloud's RabbitMQ on this host"},
    {"attester", SP_BIND_MAP, false, CONF(attester), .sub = &sp_conf_table_attester, .help = "evidence about this host"},
};
const struct sp_bind_table sp_conf_table = TABLE(sp_conf, "the configuration", conf_keys);

/* ---- principals.yaml ---- */

#define PRINCIPAL(m) SP_BIND_AT(sp_conf_principal, m)
static const struct sp_bind_key principal_keys[] = {
    {"name", SP_BIND_NAME, true, PRINCIPAL(name), .min = 1, .help = "name of the principal"},
    {"role", SP_BIND_ENUM, true, PRINCIPAL(role), .words = sp_conf_role_words, .help = "what it may do"},
    {"curve", SP_BIND_Z85, true, PRINCIPAL(curve), .help = "CURVE public key"},
    {"sign", SP_BIND_HEX, false, PRINCIPAL(sign), .help = "Ed25519 public key; none: it cannot sign"},
    {"adapters", SP_BIND_WORDS, false, PRINCIPAL(adapters), .def = "", .help = "worker: adapters whose results count; '*': all"},
    {"nodes", SP_BIND_SELECTOR, false, PRINCIPAL(nodes), .def = "",
     .help = "worker: selector of nodes whose results count; none: all. attester: the name of its one node"},
    {"not_after", SP_BIND_TIME, false, PRINCIPAL(not_after_s), .help = "end of validity of these keys; none: no end"},
    {"revoked", SP_BIND_BOOL, false, PRINCIPAL(revoked), .def = "false",
     .help = "true: nothing it says counts any more, under either pair of keys"},
    {"next_curve", SP_BIND_Z85, false, PRINCIPAL(next_curve),
     .help = "CURVE public key that follows: while keys are changed both count, each in its time"},
    {"next_sign", SP_BIND_HEX, false, PRINCIPAL(next_sign), .help = "Ed25519 public key that follows"},
    {"next_not_before", SP_BIND_TIME, false, PRINCIPAL(next_not_before_s),
     .help = "the keys that follow count from then on; none: at once"},
    {"next_not_after", SP_BIND_TIME, false, PRINCIPAL(next_not_after_s),
     .help = "end of validity of the keys that follow; none: no end"},
};
static const struct sp_bind_table principal_table = TABLE(sp_conf_principal, "a principal", principal_keys);

static const struct sp_bind_key principals_keys[] = {
    {"principals", SP_BIND_LIST, true, SP_BIND_ARRAY(sp_conf_principals, rows, count), .min = 1, .sub = &principal_table,
     .help = "who may talk to the brokers"},
};
const struct sp_bind_table sp_conf_table_principals = TABLE(sp_conf_principals, "the file of principals", principals_keys);
