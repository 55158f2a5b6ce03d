/* SPDX-License-Identifier: Apache-2.0 */
/* The keeper at a million (check, node) pairs. Two figures against limits measured in the same run:
 *   CPU per durable state change: rules, journal, commit with full sync, and the background fold of everything that changed, against one
 *   bare SQLite row appended in key order per change, a thousand per transaction;
 *   bytes per pair: growth of resident memory from 100 thousand to a million pairs.
 * Results come in the order of a hash, as a scheduler with spread phases sends them, 100 in a batch, 10 batches in a commit. Batches are made
 * outside of the timed parts. Rounds are interleaved; figures are medians. Output: a JSON array of rows. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "keeper_store.h"

#define NODES              10000u
#define CHECKS             100u
#define PAIRS              (NODES * CHECKS)
#define PER_BATCH          100u
#define BATCHES_PER_COMMIT 10u
#define ROUND_COMMITS      100u /* 100,000 results */
#define ROUNDS             5
#define BATCH_BYTES_MAX    65536u

static struct keeper_core *core;
static struct keeper_store store;
static struct keeper_effects fx;
static struct sp_now now = {{2000000000}, {1767225600000}};
static struct sp_crypto_hmac hmac;
static struct sp_mac mac;
static uint8_t bodies[BATCHES_PER_COMMIT][BATCH_BYTES_MAX];
static uint32_t bodies_bytes[BATCHES_PER_COMMIT];
static uint64_t job, next_pair;

static double cpu_us(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static double resident_bytes(void)
{
    unsigned long size = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f == NULL || fscanf(f, "%lu %lu", &size, &resident) != 2)
        exit(1);
    (void)fclose(f);
    return (double)resident * (double)sysconf(_SC_PAGESIZE);
}

static void must(bool ok, const char *what)
{
    if (!ok) {
        (void)fprintf(stderr, "bench_keeper: %s\n", what);
        exit(1);
    }
}

static void step(struct keeper_event *ev)
{
    ev->now = now;
    ev->health = (struct keeper_health){true, true};
    keeper_core_step(core, ev, &fx);
    for (uint32_t i = 0; i < fx.count; i++) {
        if (fx.list[i].kind != KEEPER_SEND) {
            must(keeper_store_begin(&store) == SP_OK && keeper_store_perform(&store, core, &fx.list[i]) == SP_OK, "store");
        }
    }
    keeper_effects_reset(&fx);
}

static void commit(void)
{
    struct keeper_event ev = {.kind = KEEPER_EV_COMMITTED};
    must(keeper_store_commit(&store) == SP_OK, "commit");
    step(&ev);
}

static void message(uint16_t type, uint8_t role, const uint8_t *body, uint32_t bytes)
{
    struct keeper_event ev = {.kind = KEEPER_EV_MESSAGE};
    ev.u.message = (struct keeper_message){.type = type,
                                           .role = role,
                                           .from = sp_str_of("worker-1"),
                                           .adapters = sp_str_of("*"),
                                           .nodes = {NULL, 0},
                                           .body = body,
                                           .bytes = bytes};
    step(&ev);
}

static void make_batch(unsigned at, uint32_t limit)
{
    uint8_t bytes[SP_TICKET_BYTES];
    struct msg_result_batch m = {.boot = 1, .batch = job + 1};
    struct sp_packer w;
    sp_packer_init(&w, bodies[at], BATCH_BYTES_MAX);
    must(msg_result_batch_begin(&w, &m) == SP_OK, "batch");
    for (unsigned i = 0; i < PER_BATCH; i++, next_pair++) {
        uint64_t pair = next_pair * 7919u % limit; /* every pair once before any comes again, in no order */
        struct sp_ticket t = {.attempt = 1,
                              .check = (uint32_t)(pair % CHECKS) + 1,
                              .node = (uint32_t)(pair / CHECKS) + 1,
                              .generation = 1,
                              .job = 1ull << 40 | ++job,
                              .epoch = 1,
                              .clock_boot = 7,
                              .issued_ms = sp_mono_ms(now.mono),
                              .life_ms = 5000};
        sp_ticket_seal(&t, &mac, bytes);
        char detail[32], measures[32]; /* each check says something else, so that no text is that of the result before */
        (void)snprintf(detail, sizeof detail, "PING OK - 0.%02u ms", (unsigned)(pair % CHECKS));
        (void)snprintf(measures, sizeof measures, "rta=0.%02ums;1;2", (unsigned)(pair % CHECKS));
        struct rec_result r = {.ticket = bytes,
                               .detail = sp_str_of(detail),
                               .measures = sp_str_of(measures),
                               .trace = job,
                               .wait_us = 300,
                               .run_us = 400};
        must(rec_result_put(&w, &r) == SP_OK, "record");
    }
    must(msg_result_batch_end(&w) == SP_OK, "batch");
    bodies_bytes[at] = (uint32_t)sp_packer_bytes(&w);
}

/* One commit's worth; returns the CPU it took the keeper. */
static double take_results(uint32_t limit)
{
    for (unsigned b = 0; b < BATCHES_PER_COMMIT; b++)
        make_batch(b, limit);
    double before = cpu_us();
    for (unsigned b = 0; b < BATCHES_PER_COMMIT; b++)
        message(SP_MSG_RESULT_BATCH, SP_ROLE_WORKER, bodies[b], bodies_bytes[b]);
    commit();
    return cpu_us() - before;
}

/* CPU per result of a fold of all pairs. The keeper begins one when as many results came as there are pairs; this one comes after `results`
 * of them. The records are written once per fold, so they are shared by as many results as there are pairs; the last step drops the rows of
 * the journal, which each result has its part in. */
static double fold_all(uint64_t results)
{
    double before = cpu_us(), last = before;
    must(keeper_store_fold_begin(&store, core) == SP_OK, "fold");
    while (keeper_store_folding(&store)) {
        last = cpu_us();
        must(keeper_store_begin(&store) == SP_OK && keeper_store_fold_step(&store, core, 4096) == SP_OK, "fold");
        commit();
    }
    return (last - before) / PAIRS + (cpu_us() - last) / (double)results;
}

static void setup(const char *dir)
{
    uint8_t key[32] = {1};
    char name[32];
    struct keeper_store_options so = {.dir = dir, .mac_key = key};
    struct keeper_store_loaded loaded;
    struct sp_err err = {0};
    sp_crypto_hmac_init(&hmac, key, sizeof key);
    mac = sp_crypto_hmac_mac(&hmac);
    struct keeper_options o = {.boot = 1,
                               .clock_boot = 7,
                               .ticket_mac = mac,
                               .hash_key = {1},
                               .text_bytes_max = 64u << 20,
                               .clock_ms = 1000,
                               .clock_idle_ms = 5000};
    must(keeper_core_init(&o, now, &core) == SP_OK && keeper_effects_init(&fx), "core");
    must(keeper_store_open(&store, &so, &err) == SP_OK && keeper_store_load(&store, core, &fx, &loaded, &err) == SP_OK, err.text);
    keeper_core_restore_epoch(core, 1, 1);
    for (uint32_t id = 1; id <= CHECKS; id++) {
        uint8_t digest[32] = {0};
        (void)snprintf(name, sizeof name, "check-%u", id);
        struct rec_check_info info = {.id = id,
                                      .name = sp_str_of(name),
                                      .digest = digest,
                                      .stage = SP_STAGE_ENFORCING,
                                      .enabled = true,
                                      .adapter = sp_str_of("noop"),
                                      .rise = 1,
                                      .fall = 1,
                                      .max_age_ms = 300000,
                                      .period_ms = 60000};
        must(keeper_core_restore_check(core, &info, id, 0) == SP_OK, "check");
    }
    struct pool_policy pool;
    pool_policy_init(&pool, sp_str_of("trusted"));
    for (uint32_t id = 1; id <= 3; id++) {
        (void)snprintf(name, sizeof name, "check-%u", id);
        must(pool_policy_add(&pool, sp_str_of(name), POOL_MANDATORY, 0) == SP_OK, "pool");
    }
    must(keeper_core_restore_pool(core, &pool) == SP_OK, "pool");
    for (uint32_t id = 1; id <= NODES; id++) {
        struct node_def def = {.key = {(uint8_t)id, (uint8_t)(id >> 8), 1}};
        (void)snprintf(name, sizeof name, "node-%u", id);
        def.name = sp_str_of(name);
        must(keeper_core_restore_node(core, &def, 1, id) == SP_OK, "node");
    }
}

/* The limit: one row per change, appended in key order, 1,000 per transaction, full sync. */
static double bare_append(struct sp_db *db, struct sp_db_stmt *insert, uint64_t rows)
{
    static int64_t key;
    uint8_t row[96] = {0};
    double before = cpu_us();
    for (uint64_t i = 0; i < rows; i++) {
        if (i % 1000 == 0)
            must(sp_db_begin(db) == SP_OK, "begin");
        sp_db_int(insert, 1, ++key);
        sp_db_blob(insert, 2, row, sizeof row);
        must(sp_db_run(insert) == SP_OK, "insert");
        if (i % 1000 == 999)
            must(sp_db_commit(db) == SP_OK, "commit");
    }
    return cpu_us() - before;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(double *v)
{
    qsort(v, ROUNDS, sizeof *v, by_value);
    return v[ROUNDS / 2];
}

static void row(const char *figure, double value, const char *unit, const char *reference, double reference_value, double bar,
                double goal)
{
    double ratio = value / reference_value;
    (void)printf("{\"figure\":\"%s\",\"value\":%.3f,\"unit\":\"%s\",\"reference\":\"%s\",\"reference_value\":%.3f,\"ratio\":%.3f,"
                 "\"bar\":%.2f,\"goal\":%.2f,\"met\":%s,\"bar_met\":%s}",
                 figure, value, unit, reference, reference_value, ratio, bar, goal, ratio <= goal ? "true" : "false",
                 ratio <= bar ? "true" : "false");
}

int main(void)
{
    char dir[512], bare_path[600];
    double ours[ROUNDS], theirs[ROUNDS], rules[ROUNDS];
    (void)snprintf(dir, sizeof dir, "%s/bench-keeper-XXXXXX", SPICE_BINARY_DIR);
    must(mkdtemp(dir) != NULL && sp_crypto_init() == SP_OK, "temporary directory");
    setup(dir);
    for (uint64_t done = 0; done < PAIRS / 10; done += (uint64_t)BATCHES_PER_COMMIT * PER_BATCH)
        (void)take_results(PAIRS / 10);
    double small = resident_bytes();
    next_pair = 0;
    for (uint64_t done = 0; done < PAIRS; done += (uint64_t)BATCHES_PER_COMMIT * PER_BATCH)
        (void)take_results(PAIRS);
    must(keeper_core_nodes(core)->pairs == PAIRS, "not a million pairs");
    double slope = (resident_bytes() - small) / (PAIRS - PAIRS / 10.0);
    (void)fold_all(PAIRS);
    (void)snprintf(bare_path, sizeof bare_path, "%s/bare.db", dir);
    struct sp_db_options bo = {
        .path = bare_path, .schema = "CREATE TABLE t(k INTEGER PRIMARY KEY, v BLOB NOT NULL);", .application_id = 1, .version = 1};
    struct sp_db *bare = NULL;
    struct sp_db_stmt *insert = NULL;
    must(sp_db_open(&bo, &bare, NULL) == SP_OK && sp_db_prepare(bare, "INSERT INTO t VALUES(?1,?2)", &insert) == SP_OK,
         "bare store");
    (void)bare_append(bare, insert, PAIRS);
    uint64_t rows = (uint64_t)ROUND_COMMITS * BATCHES_PER_COMMIT * PER_BATCH;
    for (unsigned r = 0; r < ROUNDS; r++) {
        double us = 0;
        now.mono.us += 30000000;
        now.wall.ms += 30000;
        for (unsigned c = 0; c < ROUND_COMMITS; c++)
            us += take_results(PAIRS);
        rules[r] = us / (double)rows;
        ours[r] = rules[r] + fold_all(rows);
        theirs[r] = bare_append(bare, insert, rows) / (double)rows;
    }
    double reference = median(theirs);
    (void)printf("[");
    row("keeper, durable state change at a million rows, CPU per row", median(ours), "us", "bare SQLite append in key order",
        reference, 3.0, 1.5);
    (void)printf(",\n");
    row("keeper, seal, rules, journal and judgement without the fold, CPU per row", median(rules), "us",
        "bare SQLite append in key order", reference, 3.0, 1.5);
    (void)printf(",\n");
    row("keeper, resident bytes per pair, slope from 100 thousand to a million", slope, "bytes", "record of a pair",
        sizeof(struct pair_state), 2.0, 1.5);
    (void)printf("]\n");
    keeper_store_close(&store);
    sp_db_close(&bare);
    keeper_core_fini(&core);
    keeper_effects_fini(&fx);
    for (unsigned i = 0; i < 6; i++) {
        static const char *const files[] = {"keeper.db", "keeper.db-wal", "keeper.db-shm", "bare.db", "bare.db-wal", "bare.db-shm"};
        char path[640];
        (void)snprintf(path, sizeof path, "%s/%s", dir, files[i]);
        (void)unlink(path);
    }
    return rmdir(dir) == 0 ? 0 : 1;
}
