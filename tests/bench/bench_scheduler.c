/* SPDX-License-Identifier: Apache-2.0 */
/* The scheduler's core alone: CPU per job (due + issue + close) at a million pairs against two moves in a 4-ary heap of a million entries,
 * bytes per pair, cold start against a bare SQLite scan of a million rows in the same run. Prints a JSON array of rows. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <sqlite3.h>

#include "scheduler_core.h"
#include "sp_clock.h"
#include "sp_heap.h"
#include "sp_rng.h"

#define CHECKS 250u
#define NODES  4000u
#define ROUNDS 5u

static struct scheduler_core core;
static struct scheduler_core_effects fx;
static uint8_t scratch[1u << 20];
static uint64_t granted;
static struct sp_now now = {{1000000}, {1700000000000}};

static void mac_none(void *ctx, const uint8_t *p, size_t n, uint8_t out[32])
{
    (void)ctx;
    (void)p;
    (void)n;
    memset(out, 7, 32);
}

static void digest_sha(void *ctx, const uint8_t *p, size_t n, uint8_t out[32])
{
    (void)ctx;
    (void)SHA256(p, n, out);
}

static void mac_hmac(void *ctx, const uint8_t *p, size_t n, uint8_t out[32])
{
    unsigned bytes = 32;
    (void)HMAC(EVP_sha256(), ctx, 32, p, n, out, &bytes);
}

static void random_fill(void *ctx, void *to, size_t n)
{
    struct sp_rng *r = ctx;
    uint8_t *p = to;
    for (; n >= 8; n -= 8, p += 8) {
        uint64_t v = sp_rng_next(r);
        memcpy(p, &v, 8);
    }
}

static uint64_t resident(void)
{
    unsigned long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f == NULL || fscanf(f, "%*u %lu", &pages) != 1)
        pages = 0;
    if (f != NULL)
        (void)fclose(f);
    return (uint64_t)pages * 4096;
}

static uint64_t issued_batches, issued_jobs;

/* Counts what went out and remembers (slot, job) of each to be closed. */
static struct {
    uint32_t slot;
    uint64_t job;
} out[1u << 20];
static uint32_t out_count;

static void note_batches(void)
{
    for (uint32_t i = 0; i < core.batch_count; i++) {
        const struct scheduler_core_batch *b = &core.batches[i];
        issued_batches++;
        issued_jobs += b->count;
        for (uint32_t k = 0; k < b->count && out_count < SP_COUNT(out); k++) {
            out[out_count].slot = core.batch_slots[b->first + k];
            out[out_count].job = core.pairs.list[out[out_count].slot].job;
            out_count++;
        }
    }
}

static void step(struct scheduler_core_event *e)
{
    e->now = now;
    (void)scheduler_core_step(&core, e, &fx);
    note_batches();
}

static void message(uint16_t type, const struct sp_packer *w)
{
    struct scheduler_core_event e = {.kind = SCHEDULER_EV_MESSAGE};
    e.u.message.type = type;
    e.u.message.role = (uint8_t)__builtin_ctz(msg_find(type)->from); /* a role that may send it */
    e.u.message.from = "bench";
    e.u.message.body = scratch;
    e.u.message.bytes = sp_packer_bytes(w);
    step(&e);
}

static void must(bool ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "bench_scheduler: %s\n", what);
        exit(1);
    }
}

static void keeper_says(void)
{
    struct sp_packer w;
    sp_packer_init(&w, scratch, sizeof scratch);
    struct msg_keeper_clock c = {
        .boot = 9, .now_ms = now.mono.us / 1000, .epoch = 1, .nodes = 1, .checks = core.version, .ready = true};
    must(msg_keeper_clock_encode(&w, &c) == SP_OK, "encode");
    message(SP_MSG_KEEPER_CLOCK, &w);
}

static void give_credit(uint64_t total)
{
    struct sp_packer w;
    for (uint32_t i = 0; i < core.lanes.count; i++) {
        sp_packer_init(&w, scratch, sizeof scratch);
        struct msg_route_credit c = {.broker_boot = 5, .granted = total, .workers = 2};
        c.route.adapter = sp_str_of(core.lanes.list[i].adapter);
        c.route.labels = sp_str_of(core.lanes.list[i].labels);
        must(msg_route_credit_encode(&w, &c) == SP_OK, "encode");
        message(SP_MSG_ROUTE_CREDIT, &w);
    }
}

static void add_checks(uint32_t count)
{
    static const uint32_t periods[] = {30000, 60000, 120000, 300000};
    for (uint32_t i = 0; i < 4; i++) {
        struct profile_def p = {.period_ms = periods[i], .jitter_percent = 10, .priority = 5};
        (void)snprintf(p.name, sizeof p.name, "p%u", i);
        struct scheduler_core_event e = {.kind = SCHEDULER_EV_PROFILE_PUT, .version = 1};
        e.u.profile = &p;
        step(&e);
    }
    for (uint32_t i = 0; i < count; i++) {
        struct check_def d = {
            .id = i + 1, .revision = 1, .timeout_ms = 5000, .max_age_ms = 900000, .rise = 1, .fall = 1, .stage = 2};
        d.enabled = true;
        (void)snprintf(d.name, sizeof d.name, "check-%u", i);
        (void)snprintf(d.adapter, sizeof d.adapter, "noop");
        (void)snprintf(d.profile, sizeof d.profile, "p%u", i % 4);
        struct scheduler_core_event e = {.kind = SCHEDULER_EV_CHECK_PUT, .version = 1};
        e.u.check = &d;
        step(&e);
    }
}

static void add_nodes(uint32_t count)
{
    for (uint32_t from = 0, part = 0; from < count; from += 256, part++) {
        struct sp_packer w;
        struct msg_node_set m = {.boot = 3, .version = 1, .part = part, .last = from + 256 >= count};
        sp_packer_init(&w, scratch, sizeof scratch);
        must(msg_node_set_begin(&w, &m) == SP_OK, "encode");
        for (uint32_t i = from; i < from + 256 && i < count; i++) {
            char name[32], labels[64];
            uint8_t key[16] = {1, (uint8_t)i, (uint8_t)(i >> 8)};
            (void)snprintf(name, sizeof name, "node-%04u.example", i);
            (void)snprintf(labels, sizeof labels, "rack=r%u,zone=z%u", i % 40, i % 3);
            struct rec_node_info n = {.id = i + 1,
                                      .generation = 1,
                                      .key = key,
                                      .name = sp_str_of(name),
                                      .address = sp_str_of(name),
                                      .labels = sp_str_of(labels)};
            must(rec_node_info_put(&w, &n) == SP_OK, "encode");
        }
        must(msg_node_set_end(&w) == SP_OK, "encode");
        message(SP_MSG_NODE_SET, &w);
    }
}

static void start(uint32_t checks, bool hmac)
{
    static uint8_t key[32];
    static struct sp_rng rng = {1};
    struct scheduler_core_options o = {.seed = {1, 2, 3},
                                       .boot = 1,
                                       .epoch = 1,
                                       .pairs_max = 4000000,
                                       .batch_jobs = 512,
                                       .batch_bytes = 512u << 10,
                                       .attempts_max = 3,
                                       .grace_ms = 2000,
                                       .clock_lost_ms = 15000};
    o.mac.fn = hmac ? mac_hmac : mac_none;
    o.mac.ctx = key;
    o.digest.fn = hmac ? digest_sha : mac_none;
    o.random.fn = random_fill;
    o.random.ctx = &rng;
    must(scheduler_core_init(&core, &o, now), "no memory");
    struct scheduler_core_event link = {.kind = SCHEDULER_EV_LINK};
    link.u.link.up = true;
    link.u.link.boot = 5;
    step(&link);
    struct sp_packer w;
    sp_packer_init(&w, scratch, sizeof scratch);
    struct msg_epoch_grant g = {.epoch = 1, .boot = 1};
    must(msg_epoch_grant_encode(&w, &g) == SP_OK, "encode");
    message(SP_MSG_EPOCH_GRANT, &w);
    add_checks(checks);
    add_nodes(NODES);
    keeper_says();
    granted = 1ull << 40;
    give_credit(granted);
}

static void close_all(void)
{
    for (uint32_t from = 0; from < out_count; from += 512) {
        struct sp_packer w;
        struct msg_lease_closed m = {.epoch = 1};
        sp_packer_init(&w, scratch, sizeof scratch);
        must(msg_lease_closed_begin(&w, &m) == SP_OK, "encode");
        for (uint32_t i = from; i < from + 512 && i < out_count; i++) {
            struct rec_closed r = {.slot = out[i].slot, .job = out[i].job, .outcome = SP_OUTCOME_PASS};
            must(rec_closed_put(&w, &r) == SP_OK, "encode");
        }
        must(msg_lease_closed_end(&w) == SP_OK, "encode");
        uint32_t before = out_count;
        message(SP_MSG_LEASE_CLOSED, &w);
        out_count = before; /* jobs that left meanwhile are closed in the next round */
    }
    out_count = 0;
}

/* Virtual seconds at full speed; returns CPU per job in us. */
static double run_for(uint64_t seconds, uint64_t turn_us)
{
    uint64_t jobs = issued_jobs, cpu = sp_clock_cpu_ns(), end = now.mono.us + seconds * 1000000;
    while (now.mono.us < end) {
        now.mono.us += turn_us;
        now.wall.ms = 1700000000000 + now.mono.us / 1000;
        struct scheduler_core_event e = {.kind = SCHEDULER_EV_TICK};
        do
            step(&e);
        while (core.again);
        if (now.mono.us / 1000000 != (now.mono.us - turn_us) / 1000000)
            keeper_says();
        close_all();
    }
    return (double)(sp_clock_cpu_ns() - cpu) / 1000.0 / (double)(issued_jobs - jobs);
}

static double sqlite_scan(void)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *st = NULL;
    char path[] = "/tmp/bench_scheduler.XXXXXX";
    int fd = mkstemp(path);
    must(fd >= 0 && sqlite3_open(path, &db) == SQLITE_OK, "sqlite");
    must(sqlite3_exec(db,
                      "PRAGMA synchronous=OFF; CREATE TABLE p(id INTEGER PRIMARY KEY, c INT, n INT, due INT, state INT); BEGIN;",
                      NULL, NULL, NULL) == SQLITE_OK,
         "sqlite");
    must(sqlite3_prepare_v2(db, "INSERT INTO p VALUES(?,?,?,?,?)", -1, &st, NULL) == SQLITE_OK, "sqlite");
    for (int i = 0; i < (int)(CHECKS * NODES); i++) {
        (void)sqlite3_bind_int(st, 1, i);
        (void)sqlite3_bind_int(st, 2, i % 250);
        (void)sqlite3_bind_int(st, 3, i / 250);
        (void)sqlite3_bind_int64(st, 4, (int64_t)i * 1000003);
        (void)sqlite3_bind_int(st, 5, 1);
        must(sqlite3_step(st) == SQLITE_DONE, "sqlite");
        (void)sqlite3_reset(st);
    }
    (void)sqlite3_finalize(st);
    (void)sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
    uint64_t cpu = sp_clock_cpu_ns(), sum = 0;
    (void)sqlite3_prepare_v2(db, "SELECT id,c,n,due,state FROM p", -1, &st, NULL);
    while (sqlite3_step(st) == SQLITE_ROW)
        sum += (uint64_t)sqlite3_column_int64(st, 0) + (uint64_t)sqlite3_column_int(st, 1) + (uint64_t)sqlite3_column_int(st, 2) +
               (uint64_t)sqlite3_column_int64(st, 3) + (uint64_t)sqlite3_column_int(st, 4);
    double ms = (double)(sp_clock_cpu_ns() - cpu) / 1e6;
    (void)sqlite3_finalize(st);
    (void)sqlite3_close(db);
    (void)unlink(path);
    must(sum != 0, "sum");
    return ms;
}

/* What the peers do: pop the least of a million entries and put it back later, once when due and once when answered. */
static double heap_moves(void)
{
    struct sp_heap heap;
    struct sp_rng r = {5};
    enum { ENTRIES = CHECKS * NODES, MOVES = 500000 };
    must(sp_heap_init(&heap, ENTRIES), "no memory");
    for (uint32_t i = 0; i < ENTRIES; i++)
        sp_heap_push_unordered(&heap, i, sp_rng_below(&r, 120000000));
    sp_heap_order(&heap);
    uint64_t cpu = sp_clock_cpu_ns();
    for (uint32_t i = 0; i < 2 * MOVES; i++) {
        const struct sp_heap_entry *top = sp_heap_top(&heap);
        sp_heap_set(&heap, top->id, top->key + 120000000);
    }
    double us = (double)(sp_clock_cpu_ns() - cpu) / 1000.0 / MOVES;
    sp_heap_fini(&heap);
    return us;
}

/* Resident bytes that so many checks on all nodes take after 20 virtual seconds, seen in a process of their own. */
static double bytes_of(uint32_t checks, uint32_t *pairs)
{
    int fds[2];
    struct {
        uint64_t bytes;
        uint32_t pairs;
    } seen = {0, 0};
    must(pipe(fds) == 0, "pipe");
    (void)fflush(stdout);
    pid_t pid = fork();
    must(pid >= 0, "fork");
    if (pid == 0) {
        uint64_t before = resident();
        start(checks, false);
        (void)run_for(20, 1000);
        seen.bytes = resident() - before;
        seen.pairs = core.pairs.count;
        _exit(write(fds[1], &seen, sizeof seen) == (ssize_t)sizeof seen ? 0 : 1);
    }
    (void)close(fds[1]);
    must(read(fds[0], &seen, sizeof seen) == (ssize_t)sizeof seen, "child");
    (void)close(fds[0]);
    (void)waitpid(pid, NULL, 0);
    *pairs = seen.pairs;
    return (double)seen.bytes;
}

static double cold_start(void)
{
    uint64_t cpu = sp_clock_cpu_ns(), jobs = issued_jobs;
    start(CHECKS, false);
    struct scheduler_core_event e = {.kind = SCHEDULER_EV_TICK};
    while (issued_jobs == jobs) {
        uint64_t at = scheduler_core_deadline(&core).us;
        now.mono.us = at > now.mono.us ? at : now.mono.us;
        now.wall.ms = 1700000000000 + now.mono.us / 1000;
        step(&e);
    }
    out_count = 0;
    return (double)(sp_clock_cpu_ns() - cpu) / 1e6;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double values[ROUNDS])
{
    qsort(values, ROUNDS, sizeof values[0], compare);
    return values[ROUNDS / 2];
}

static void row(const char *figure, double value, const char *unit, const char *reference, double reference_value, double goal,
                double bar)
{
    static bool more;
    double ratio = value / reference_value;
    (void)printf("%s{\"figure\":\"%s\",\"value\":%.3f,\"unit\":\"%s\",\"reference\":\"%s\",\"reference_value\":%.3f,\"ratio\":%.3f,"
                 "\"bar\":%g,\"goal\":%g,\"met\":%s,\"bar_met\":%s}",
                 more ? ",\n " : "[", figure, value, unit, reference, reference_value, ratio, bar, goal,
                 ratio <= goal ? "true" : "false", ratio <= bar ? "true" : "false");
    more = true;
}

int main(int argc, char **argv)
{
    double scan[ROUNDS], cold[ROUNDS], plain[ROUNDS], heap[ROUNDS];
    uint32_t small = 0, large = 0;
    if (argc == 2 && strcmp(argv[1], "--scan") == 0) {
        (void)printf("{\"rows\":%u,\"scan_ms\":%.3f}\n", CHECKS * NODES, sqlite_scan());
        return 0;
    }
    fx.arena = malloc(SCHEDULER_CORE_ARENA_BYTES);
    must(fx.arena != NULL, "no memory");
    double bytes = bytes_of(CHECKS / 10, &small);
    bytes = (bytes_of(CHECKS, &large) - bytes) / (large - small);
    for (unsigned i = 0; i < ROUNDS; i++) {
        scan[i] = sqlite_scan();
        cold[i] = cold_start();
        heap[i] = heap_moves();
        plain[i] = run_for(10, 1000);
        must(scheduler_core_check(&core), "tables disagree");
        if (i + 1 < ROUNDS)
            scheduler_core_fini(&core);
    }
    core.options.mac.fn = mac_hmac;
    core.options.digest.fn = digest_sha;
    double sealed = run_for(10, 1000);
    (void)fprintf(stderr, "%u pairs, %.1f jobs a batch, with HMAC and SHA-256 per ticket %.2f us a job\n", core.pairs.count,
                  (double)issued_jobs / (double)issued_batches, sealed);
    row("scheduler core, CPU per job at a million pairs", median(plain), "us", "two moves in a 4-ary heap of a million",
        median(heap), 2, 4);
    row("scheduler core, resident bytes per pair, slope", bytes, "bytes", "bytes of one pair in pairs and wheel", 48, 1.17, 2.67);
    row("scheduler core, cold start with a million pairs", median(cold), "ms", "SQLite scan of a million rows", median(scan), 3,
        10);
    (void)printf("]\n");
    scheduler_core_fini(&core);
    free(fx.arena);
    return 0;
}
