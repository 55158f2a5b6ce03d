/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads what the workers' noop adapters noted of each run, and says what really happened, without a look at any of our counters:
 *
 *   runs, jobs         notes, and different job numbers among them; their difference is what ran twice
 *   issued             highest job number less lowest plus one: what the scheduler numbered between the first and the last run
 *   late p50, p99      start of each run against the ideal grid of its pair: k * period + phase, where the phase is the part of the period
 *                      that a keyed hash of check and node gives; the profile must have no jitter
 *   double             pairs that ran twice for one due time, that is two jobs of a pair issued between the same two instants of its grid
 *
 *   gone           for each instant AT: when the last pair that was overdue at AT had run, in us after AT; -1: some never did
 *
 * usage: bench_runs LOG [--map MAP CORE_KEY] [--from US] [--to US] [--gone AT_US]...
 * Without --map only what needs no grid. --from and --to bound what is `timed` and `late` by its start. MAP has lines
 * "check ID NAME PERIOD_MS" and "node ID KEY_HEX". Output: a JSON object.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "noop_log.h"
#include "sp_crypto.h"
#include "sp_hash.h"
#include "sp_hex.h"
#include "sp_keys.h"

#define IDS_MAX    100000u
#define PER_READ   65536u
#define BUCKETS    5000000u /* microseconds */
#define COUNTER(j) ((j) & ((1ull << 40) - 1))

static uint64_t check_hash[IDS_MAX], check_period_us[IDS_MAX], node_hash[IDS_MAX];
static uint32_t late[BUCKETS];

#define GONE_MAX 16

struct seen {
    uint64_t job, issued_ms, start_us, low_us, high_us;
    uint64_t pair;
};

static struct {
    const char *log, *map, *key;
    uint64_t from, to, gone[GONE_MAX];
    unsigned gones;
} opt = {.to = UINT64_MAX};

static struct seen *seen;
static size_t seen_count, seen_size;

static void die(const char *what)
{
    (void)fprintf(stderr, "bench_runs: %s\n", what);
    exit(1);
}

/* As scheduler/core/plan.h describes it, written down a second time on purpose. */
static uint64_t phase_of(const struct noop_note *n)
{
    uint64_t node = node_hash[n->node];
    uint64_t hash = sp_hash_u64(check_hash[n->check] + (node << 21 | node >> 43) * 0x9e3779b97f4a7c15ull);
    return (uint64_t)(((unsigned __int128)hash * check_period_us[n->check]) >> 64);
}

static void read_map(const char *path, const uint8_t seed[16])
{
    char kind[16], text[128];
    unsigned long id, period;
    uint8_t key[16];
    FILE *f = fopen(path, "r");
    if (f == NULL)
        die("cannot read the map");
    while (fscanf(f, "%15s %lu %127s", kind, &id, text) == 3) {
        if (id >= IDS_MAX)
            die("a number in the map is too large");
        if (strcmp(kind, "node") == 0) {
            if (!sp_hex_parse(sp_str_of(text), key, sizeof key))
                die("a node's key is not hexadecimal");
            node_hash[id] = sp_hash_sip(seed, key, sizeof key);
        } else {
            if (fscanf(f, "%lu", &period) != 1)
                die("a check without a period");
            check_hash[id] = sp_hash_sip(seed, text, strlen(text));
            check_period_us[id] = period * 1000;
        }
    }
    (void)fclose(f);
}

static int by_pair(const void *a, const void *b)
{
    const struct seen *x = a, *y = b;
    if (x->pair != y->pair)
        return x->pair < y->pair ? -1 : 1;
    return x->job < y->job ? -1 : x->job > y->job;
}

static int by_job(const void *a, const void *b)
{
    uint64_t x = ((const struct seen *)a)->job, y = ((const struct seen *)b)->job;
    return x < y ? -1 : x > y;
}

/* The scheduler numbers its jobs as it issues them. So a job was issued no earlier than any with a lower number, whose tickets' times are
 * lower bounds, and no later than the start of any run with a higher one. Both bounds are certain: they need no slack. */
static void bound_issue(void)
{
    uint64_t low = 0, high = UINT64_MAX;
    qsort(seen, seen_count, sizeof *seen, by_job);
    for (size_t i = 0; i < seen_count; i++) {
        low = seen[i].issued_ms * 1000 > low ? seen[i].issued_ms * 1000 : low;
        seen[i].low_us = low;
    }
    for (size_t i = seen_count; i-- > 0;) {
        high = seen[i].start_us < high ? seen[i].start_us : high;
        seen[i].high_us = high;
    }
}

/* Two jobs of a pair that can only have been issued for the same due time: with the earliest due time that each one may have, they need more
 * different ones than there are. */
static uint64_t count_double(void)
{
    uint64_t doubles = 0;
    int64_t last = -1;
    for (size_t i = 0; i < seen_count; i++) {
        struct noop_note n = {.check = (uint32_t)(seen[i].pair >> 32), .node = (uint32_t)seen[i].pair};
        int64_t period = (int64_t)check_period_us[n.check], phase = (int64_t)phase_of(&n);
        int64_t low = ((int64_t)seen[i].low_us - phase) / period, high = ((int64_t)seen[i].high_us - phase) / period;
        if (i == 0 || seen[i].pair != seen[i - 1].pair)
            last = -1;
        if (i > 0 && seen[i].job == seen[i - 1].job) {
            doubles++; /* not even another job */
            continue;
        }
        if (high <= last)
            doubles++;
        last = low > last ? low : last + 1 <= high ? last + 1 : last;
    }
    return doubles;
}

static uint64_t late_at(uint64_t count, double share)
{
    uint64_t want = (uint64_t)((double)count * share), sum = 0;
    for (uint64_t us = 0; us < BUCKETS; us++) {
        sum += late[us];
        if (sum > want)
            return us;
    }
    return BUCKETS;
}

static void note_lateness(const struct noop_note *n)
{
    uint64_t since = n->start_us - phase_of(n), us = since % check_period_us[n->check];
    late[us < BUCKETS ? us : BUCKETS - 1]++;
}

/* seen[] is in order. */
static int64_t gone_after(uint64_t at)
{
    int64_t worst = 0;
    for (size_t i = 0, next; i < seen_count; i = next) {
        struct noop_note n = {.check = (uint32_t)(seen[i].pair >> 32), .node = (uint32_t)seen[i].pair};
        uint64_t before = 0, after = UINT64_MAX, period = check_period_us[n.check], phase = phase_of(&n);
        for (next = i; next < seen_count && seen[next].pair == seen[i].pair; next++) {
            uint64_t start = seen[next].start_us;
            if (start < at)
                before = start > before ? start : before;
            else
                after = start < after ? start : after;
        }
        if (before == 0 || (before - phase) / period == (at - phase) / period)
            continue; /* new, or not overdue then */
        if (after == UINT64_MAX)
            return -1;
        worst = (int64_t)(after - at) > worst ? (int64_t)(after - at) : worst;
    }
    return worst;
}

static void parse(int argc, char **argv)
{
    opt.log = argc > 1 ? argv[1] : NULL;
    for (int i = 2; i < argc; i++) {
        uint64_t value = i + 1 < argc ? strtoull(argv[i + 1], NULL, 10) : 0;
        if (strcmp(argv[i], "--map") == 0 && i + 2 < argc) {
            opt.map = argv[++i];
            opt.key = argv[++i];
        } else if (strcmp(argv[i], "--from") == 0 && value > 0) {
            opt.from = value;
            i++;
        } else if (strcmp(argv[i], "--to") == 0 && value > 0) {
            opt.to = value;
            i++;
        } else if (strcmp(argv[i], "--gone") == 0 && value > 0 && opt.gones < GONE_MAX) {
            opt.gone[opt.gones++] = value;
            i++;
        } else {
            die("usage: bench_runs LOG [--map MAP CORE_KEY] [--from US] [--to US] [--gone AT_US]...");
        }
    }
}

static uint8_t *bits;
static uint64_t runs, jobs, lowest = UINT64_MAX, highest, timed, first_us, bits_size = 1u << 20;

static void take(const struct noop_note *n)
{
    uint64_t job = COUNTER(n->job);
    while (job / 8 >= bits_size) {
        if ((bits = realloc(bits, bits_size * 2)) == NULL)
            die("no memory");
        memset(bits + bits_size, 0, bits_size);
        bits_size *= 2;
    }
    jobs += (bits[job / 8] >> (job % 8) & 1) == 0;
    bits[job / 8] |= (uint8_t)(1u << (job % 8));
    lowest = job < lowest ? job : lowest;
    highest = job > highest ? job : highest;
    runs++;
    bool within = n->start_us >= opt.from && n->start_us < opt.to;
    timed += within;
    if (within && (first_us == 0 || n->start_us < first_us))
        first_us = n->start_us;
    if (opt.map == NULL)
        return;
    if (n->check >= IDS_MAX || n->node >= IDS_MAX || check_period_us[n->check] == 0)
        die("a run of a check or node that is not in the map");
    if (seen_count == seen_size) {
        seen_size = seen_size * 2 + PER_READ;
        if ((seen = realloc(seen, seen_size * sizeof *seen)) == NULL)
            die("no memory");
    }
    seen[seen_count++] = (struct seen){
        .job = n->job, .issued_ms = n->issued_ms, .start_us = n->start_us, .pair = (uint64_t)n->check << 32 | n->node};
    if (within)
        note_lateness(n);
}

int main(int argc, char **argv)
{
    static struct noop_note notes[PER_READ];
    struct sp_keys_core *core = NULL;
    struct sp_err err;
    parse(argc, argv);
    FILE *f = opt.log != NULL ? fopen(opt.log, "rb") : NULL;
    bits = calloc(bits_size, 1);
    if (f == NULL || bits == NULL)
        die("cannot read the log");
    if (opt.map != NULL) {
        if (sp_crypto_init() != SP_OK || sp_keys_core_load(opt.key, &core, &err) != SP_OK)
            die("cannot read the core key");
        read_map(opt.map, core->phase);
    }
    for (size_t got; (got = fread(notes, sizeof notes[0], PER_READ, f)) > 0;)
        for (size_t i = 0; i < got; i++)
            take(&notes[i]);
    (void)fclose(f);
    bound_issue();
    qsort(seen, seen_count, sizeof *seen, by_pair);
    (void)printf("{\"runs\":%llu,\"jobs\":%llu,\"issued\":%llu,\"highest\":%llu,\"timed\":%llu,\"first_us\":%llu",
                 (unsigned long long)runs, (unsigned long long)jobs, (unsigned long long)(runs > 0 ? highest - lowest + 1 : 0),
                 (unsigned long long)highest, (unsigned long long)timed, (unsigned long long)first_us);
    if (opt.map != NULL) {
        (void)printf(",\"late_p50_us\":%llu,\"late_p99_us\":%llu,\"late_p999_us\":%llu", (unsigned long long)late_at(timed, 0.5),
                     (unsigned long long)late_at(timed, 0.99), (unsigned long long)late_at(timed, 0.999));
        (void)printf(",\"double\":%llu,\"gone_us\":[", (unsigned long long)count_double());
        for (unsigned i = 0; i < opt.gones; i++)
            (void)printf("%s%lld", i > 0 ? "," : "", (long long)gone_after(opt.gone[i]));
        (void)printf("]");
    }
    (void)printf("}\n");
    free(seen);
    free(bits);
    return 0;
}
