/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPU of one worker process per no-op check, 100 and 1 jobs per message: CURVE, signatures and outbox on. The share of the worker in the
 * chain; scheduler and keeper are doubles, the broker is real. The reference is one Ed25519 signature and one outbox write per batch.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "msg.h"
#include "sp_assert.h"
#include "sp_clock.h"
#include "sp_crypto.h"
#include "worker_rig.h"

#define ROUNDS   5u
#define STALL_NS 10000000000ull

/* CPU microseconds of a process, user and system. */
static double cpu_us(pid_t pid)
{
    char path[64];
    char text[1024];
    unsigned long user = 0;
    unsigned long system = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "r");
    SP_ASSERT(f != NULL);
    size_t n = fread(text, 1, sizeof text - 1, f);
    (void)fclose(f);
    text[n] = '\0';
    const char *at = strrchr(text, ')');
    SP_ASSERT(at != NULL && sscanf(at + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) == 2);
    return (double)(user + system) * 1e6 / (double)sysconf(_SC_CLK_TCK);
}

/* As for a message: what is signed is a prefix and the hash of all its bytes. */
static double signature_us(void)
{
    static const uint8_t seed[32] = {1};
    static uint8_t text[25000];
    uint8_t signature[64];
    struct sp_crypto_signer *s = NULL;
    SP_ASSERT(sp_crypto_signer_new(seed, &s) == SP_OK);
    uint64_t start = sp_clock_cpu_ns();
    for (unsigned i = 0; i < 500; i++) {
        sp_crypto_sha256(text, sizeof text, text);
        SP_ASSERT(sp_crypto_sign(s, text, 80, signature) == SP_OK);
    }
    uint64_t end = sp_clock_cpu_ns();
    sp_crypto_signer_destroy(&s);
    return (double)(end - start) / 500e3;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double run(struct worker_rig *w, unsigned definition, unsigned per_message, uint64_t jobs)
{
    double value[ROUNDS];
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t target = w->jobs + jobs;
        double start = cpu_us(w->worker[0]);
        uint64_t idle = sp_clock_mono_ns();
        while (w->results < target) {
            while (w->jobs < target && w->jobs - w->results < 2000 && worker_rig_send(w, definition, per_message, 10000) > 0) {
            }
            uint64_t before = w->results;
            SP_ASSERT(sp_loop_turn(w->rig.loop, 5000) == SP_OK);
            idle = w->results > before ? sp_clock_mono_ns() : idle;
            if (sp_clock_mono_ns() - idle > STALL_NS) {
                (void)fprintf(stderr, "bench_worker: stalled: jobs %lu results %lu returned %lu batches %lu credit %lu of %lu\n",
                              w->jobs, w->results, w->returned, w->batches, w->granted - w->sent, w->granted);
                exit(1);
            }
        }
        value[round] = (cpu_us(w->worker[0]) - start) / (double)jobs;
    }
    qsort(value, ROUNDS, sizeof value[0], by_value);
    return value[ROUNDS / 2];
}

int main(int argc, char **argv)
{
    static struct worker_rig w;
    if (argc > 1) {
        (void)fprintf(stderr, "usage: %s     (no options; prints a JSON array)\n", argv[0]);
        return strcmp(argv[1], "--help") == 0 ? 0 : 2;
    }
    worker_rig_open(&w, "worker:\n  adapters: [noop]\n");
    worker_rig_start(&w, 0);
    unsigned pass = worker_rig_define(&w, "noop", "{}");
    worker_rig_route(&w, "noop", 1);
    (void)run(&w, pass, 100, 20000);
    double many = run(&w, pass, 100, 200000);
    double sign = signature_us();
    (void)printf(
        "[{\"figure\":\"worker, CPU per no-op check, 100 per message\",\"value\":%.2f,\"unit\":\"us\",\"reference\":\"signature of a batch / 100\","
        "\"reference_value\":%.2f,\"ratio\":%.2f},\n",
        many, sign / 100, many / (sign / 100));
    (void)fflush(stdout);
    uint64_t batches = w.batches;
    uint64_t jobs = w.results;
    double one = run(&w, pass, 1, 20000);
    double batch = (double)(w.results - jobs) / (double)(w.batches - batches);
    (void)printf(
        " {\"figure\":\"worker, CPU per no-op check, one per message\",\"value\":%.2f,\"unit\":\"us\",\"reference\":\"one signature\","
        "\"reference_value\":%.2f,\"ratio\":%.2f,\"results_per_batch\":%.1f}]\n",
        one, sign, one / sign, batch);
    worker_rig_close(&w);
    return 0;
}
