/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The yardstick: a bare ZeroMQ chain of SPICE's shape, written the usual way with libzmq and msgpack-c.
 *
 *   scheduler (DEALER) -> broker (ROUTER) -> 2 workers (DEALER, PUSH) -> keeper (PULL)
 *
 * Five processes over ipc. A record is 10 fields in 200 bytes; the scheduler packs it, a worker unpacks it and packs the
 * answer, the keeper unpacks that. The workers hand results straight to the keeper: one hop less than SPICE takes, so
 * this is the stricter yardstick; --via-broker sends them back through the broker as SPICE does. Nothing is stored,
 * signed, checked or counted. CPU is user+sys of all five processes as the kernel accounts it, children included.
 *
 * Output: a JSON array, one object per run.
 */
#include <errno.h>
#include <getopt.h>
#include <msgpack.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

#include "sp_clock.h"

#define RECORD_BYTES 200
#define WORKERS      2
#define SAMPLES_MAX  200000
#define KEY_BYTES    41

enum role_of_chain { CHAIN_BROKER, CHAIN_KEEPER, CHAIN_WORKER_0, CHAIN_WORKER_1, CHAIN_SCHEDULER, CHAIN_ROLES };

struct plan {
    uint64_t records;
    uint32_t batch;
    uint32_t paced_per_s; /* 0: as fast as it goes */
    bool curve, via_broker;
    char dir[64], front[128], back[128];
    char server_public[KEY_BYTES], server_secret[KEY_BYTES];
    char client_public[KEY_BYTES], client_secret[KEY_BYTES];
};

/* Written by the keeper process, read by the parent after it ended. */
struct outcome {
    uint64_t got, sum, first_ns, last_ns;
    uint32_t samples;
    uint32_t latency_us[SAMPLES_MAX];
};

static uint64_t now_ns(void)
{
    return (uint64_t)sp_clock_mono_ns();
}

static void die(const char *what)
{
    fprintf(stderr, "bench_chain: %s: %s\n", what, zmq_strerror(zmq_errno()));
    _exit(2);
}

static void *open_socket(void *ctx, const struct plan *plan, int type, bool server)
{
    void *s = zmq_socket(ctx, type);
    int one = 1, linger = 5000;

    if (s == NULL)
        die("socket");
    zmq_setsockopt(s, ZMQ_LINGER, &linger, sizeof linger);
    if (type == ZMQ_ROUTER)
        zmq_setsockopt(s, ZMQ_ROUTER_MANDATORY, &one, sizeof one);
    if (!plan->curve)
        return s;
    if (server) {
        zmq_setsockopt(s, ZMQ_CURVE_SERVER, &one, sizeof one);
        zmq_setsockopt(s, ZMQ_CURVE_SECRETKEY, plan->server_secret, KEY_BYTES);
    } else {
        zmq_setsockopt(s, ZMQ_CURVE_SERVERKEY, plan->server_public, KEY_BYTES);
        zmq_setsockopt(s, ZMQ_CURVE_PUBLICKEY, plan->client_public, KEY_BYTES);
        zmq_setsockopt(s, ZMQ_CURVE_SECRETKEY, plan->client_secret, KEY_BYTES);
    }
    return s;
}

static void *open_connected(void *ctx, const struct plan *plan, int type, const char *endpoint)
{
    void *s = open_socket(ctx, plan, type, false);

    if (zmq_connect(s, endpoint) != 0)
        die(endpoint);
    return s;
}

static void *open_bound(void *ctx, const struct plan *plan, int type, const char *endpoint)
{
    void *s = open_socket(ctx, plan, type, true);

    if (zmq_bind(s, endpoint) != 0)
        die(endpoint);
    return s;
}

static void pack_record(msgpack_packer *pk, uint64_t number, uint64_t stamp, unsigned outcome)
{
    static const char address[] = "compute-0000.rack-00.zone-a.example.net:22";
    static const char detail[] = "OK - load average: 0.10, 0.12, 0.09 on a quiet node";
    static const unsigned char nonce[32] = {1}, digest[32] = {2};

    msgpack_pack_array(pk, 10);
    msgpack_pack_uint64(pk, number | (1ull << 40));
    msgpack_pack_uint64(pk, stamp);
    msgpack_pack_uint32(pk, (uint32_t)(number % 100000u) + 70000u);
    msgpack_pack_uint32(pk, 77u);
    msgpack_pack_uint32(pk, 30000u);
    msgpack_pack_bin(pk, sizeof nonce);
    msgpack_pack_bin_body(pk, nonce, sizeof nonce);
    msgpack_pack_bin(pk, sizeof digest);
    msgpack_pack_bin_body(pk, digest, sizeof digest);
    msgpack_pack_str(pk, sizeof address - 1);
    msgpack_pack_str_body(pk, address, sizeof address - 1);
    msgpack_pack_unsigned_int(pk, outcome);
    msgpack_pack_str(pk, sizeof detail - 1);
    msgpack_pack_str_body(pk, detail, sizeof detail - 1);
}

static void send_buffer(void *s, const msgpack_sbuffer *buf)
{
    if (zmq_send(s, buf->data, buf->size, 0) < 0)
        die("send");
}

static void run_scheduler(void *ctx, const struct plan *plan)
{
    void *s = open_connected(ctx, plan, ZMQ_DEALER, plan->front);
    msgpack_sbuffer buf;
    msgpack_packer pk;
    char ready[1];
    int timer = -1;
    uint64_t due = 0;

    /* The broker answers when both workers are there, so that no time of starting is measured. */
    zmq_send(s, "S", 1, 0);
    zmq_recv(s, ready, sizeof ready, 0);
    if (plan->paced_per_s > 0) {
        struct itimerspec every = {0};

        timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
        due = now_ns() + 5000000u;
        every.it_interval.tv_nsec = (long)(1000000000u / plan->paced_per_s);
        every.it_value.tv_sec = (time_t)(due / 1000000000u);
        every.it_value.tv_nsec = (long)(due % 1000000000u);
        timerfd_settime(timer, TFD_TIMER_ABSTIME, &every, NULL);
    }
    msgpack_sbuffer_init(&buf);
    msgpack_packer_init(&pk, &buf, msgpack_sbuffer_write);
    for (uint64_t i = 0; i < plan->records;) {
        uint64_t turns = 1, stamp = now_ns();

        if (timer >= 0 && read(timer, &turns, sizeof turns) != (ssize_t)sizeof turns)
            die("timer");
        for (; turns > 0 && i < plan->records; turns--) {
            uint32_t n = plan->batch;

            if (timer >= 0) {
                stamp = due;
                due += 1000000000u / plan->paced_per_s;
            }
            if (n > plan->records - i)
                n = (uint32_t)(plan->records - i);
            msgpack_sbuffer_clear(&buf);
            msgpack_pack_array(&pk, n);
            for (uint32_t k = 0; k < n; k++)
                pack_record(&pk, ++i, stamp, 0);
            send_buffer(s, &buf);
        }
    }
    zmq_send(s, "E", 1, 0);
    msgpack_sbuffer_destroy(&buf);
    if (timer >= 0)
        close(timer);
    zmq_close(s);
}

struct bare_broker {
    void *front, *to_keeper;
    zmq_msg_t scheduler, worker[WORKERS];
    unsigned workers, next, ended;
    bool have_scheduler;
};

static void router_send(void *s, zmq_msg_t *to, zmq_msg_t *payload)
{
    zmq_msg_t id;

    zmq_msg_init(&id);
    zmq_msg_copy(&id, to);
    if (zmq_msg_send(&id, s, ZMQ_SNDMORE) < 0 || zmq_msg_send(payload, s, 0) < 0)
        die("broker send");
}

static void router_note(struct bare_broker *b, zmq_msg_t *to, char note)
{
    zmq_msg_t m;

    zmq_msg_init_size(&m, 1);
    memcpy(zmq_msg_data(&m), &note, 1);
    router_send(b->front, to, &m);
}

/* One-byte messages manage the run: S scheduler, W worker, E end of jobs, F worker finished. */
static void broker_note(struct bare_broker *b, zmq_msg_t *id, char note)
{
    if (note == 'S') {
        zmq_msg_copy(&b->scheduler, id);
        b->have_scheduler = true;
    }
    if (note == 'W')
        zmq_msg_copy(&b->worker[b->workers++], id);
    if ((note == 'S' || note == 'W') && b->have_scheduler && b->workers == WORKERS)
        router_note(b, &b->scheduler, 'G');
    for (unsigned i = 0; note == 'E' && i < WORKERS; i++)
        router_note(b, &b->worker[i], 'E');
    if (note == 'F')
        b->ended++;
}

static void run_broker(void *ctx, const struct plan *plan)
{
    struct bare_broker b = {0};

    b.front = open_bound(ctx, plan, ZMQ_ROUTER, plan->front);
    if (plan->via_broker)
        b.to_keeper = open_connected(ctx, plan, ZMQ_PUSH, plan->back);
    zmq_msg_init(&b.scheduler);
    for (unsigned i = 0; i < WORKERS; i++)
        zmq_msg_init(&b.worker[i]);
    while (b.ended < WORKERS) {
        zmq_msg_t id, payload;
        bool from_scheduler;

        zmq_msg_init(&id);
        zmq_msg_init(&payload);
        if (zmq_msg_recv(&id, b.front, 0) < 0 || zmq_msg_recv(&payload, b.front, 0) < 0)
            die("broker receive");
        from_scheduler = b.have_scheduler && zmq_msg_size(&id) == zmq_msg_size(&b.scheduler) &&
                         memcmp(zmq_msg_data(&id), zmq_msg_data(&b.scheduler), zmq_msg_size(&id)) == 0;
        if (zmq_msg_size(&payload) == 1)
            broker_note(&b, &id, *(char *)zmq_msg_data(&payload));
        else if (from_scheduler)
            router_send(b.front, &b.worker[b.next++ % WORKERS], &payload);
        else if (zmq_msg_send(&payload, b.to_keeper, 0) < 0)
            die("broker result");
        zmq_msg_close(&id);
        zmq_msg_close(&payload);
    }
    zmq_msg_close(&b.scheduler);
    for (unsigned i = 0; i < WORKERS; i++)
        zmq_msg_close(&b.worker[i]);
    zmq_close(b.front);
    if (b.to_keeper != NULL)
        zmq_close(b.to_keeper);
}

static void run_worker(void *ctx, const struct plan *plan)
{
    void *s = open_connected(ctx, plan, ZMQ_DEALER, plan->front);
    void *out = plan->via_broker ? s : open_connected(ctx, plan, ZMQ_PUSH, plan->back);
    msgpack_sbuffer buf;
    msgpack_packer pk;
    msgpack_unpacked un;

    zmq_send(s, "W", 1, 0);
    msgpack_sbuffer_init(&buf);
    msgpack_packer_init(&pk, &buf, msgpack_sbuffer_write);
    msgpack_unpacked_init(&un);
    for (;;) {
        zmq_msg_t m;
        size_t at = 0;

        zmq_msg_init(&m);
        if (zmq_msg_recv(&m, s, 0) < 0)
            die("worker receive");
        if (zmq_msg_size(&m) == 1) {
            zmq_msg_close(&m);
            break;
        }
        if (msgpack_unpack_next(&un, zmq_msg_data(&m), zmq_msg_size(&m), &at) != MSGPACK_UNPACK_SUCCESS)
            die("worker unpack");
        msgpack_sbuffer_clear(&buf);
        msgpack_pack_array(&pk, un.data.via.array.size);
        for (uint32_t i = 0; i < un.data.via.array.size; i++) {
            const msgpack_object *f = un.data.via.array.ptr[i].via.array.ptr;

            pack_record(&pk, f[0].via.u64, f[1].via.u64, 1);
        }
        send_buffer(out, &buf);
        zmq_msg_close(&m);
    }
    zmq_send(s, "F", 1, 0);
    msgpack_unpacked_destroy(&un);
    msgpack_sbuffer_destroy(&buf);
    if (out != s)
        zmq_close(out);
    zmq_close(s);
}

static void run_keeper(void *ctx, const struct plan *plan, struct outcome *outcome)
{
    void *s = open_bound(ctx, plan, ZMQ_PULL, plan->back);
    msgpack_unpacked un;

    msgpack_unpacked_init(&un);
    while (outcome->got < plan->records) {
        zmq_msg_t m;
        size_t at = 0;
        uint64_t now;

        zmq_msg_init(&m);
        if (zmq_msg_recv(&m, s, 0) < 0)
            die("keeper receive");
        if (msgpack_unpack_next(&un, zmq_msg_data(&m), zmq_msg_size(&m), &at) != MSGPACK_UNPACK_SUCCESS)
            die("keeper unpack");
        now = now_ns();
        if (outcome->first_ns == 0)
            outcome->first_ns = un.data.via.array.ptr[0].via.array.ptr[1].via.u64;
        for (uint32_t i = 0; i < un.data.via.array.size; i++) {
            const msgpack_object *f = un.data.via.array.ptr[i].via.array.ptr;

            outcome->sum += f[0].via.u64 & ((1ull << 40) - 1u);
            if (plan->paced_per_s > 0 && outcome->samples < SAMPLES_MAX)
                outcome->latency_us[outcome->samples++] = (uint32_t)((now - f[1].via.u64) / 1000u);
        }
        outcome->got += un.data.via.array.size;
        outcome->last_ns = now;
        zmq_msg_close(&m);
    }
    msgpack_unpacked_destroy(&un);
    zmq_close(s);
}

static void run_role(const struct plan *plan, int role, struct outcome *outcome)
{
    void *ctx = zmq_ctx_new();

    if (role == CHAIN_SCHEDULER)
        run_scheduler(ctx, plan);
    else if (role == CHAIN_BROKER)
        run_broker(ctx, plan);
    else if (role == CHAIN_KEEPER)
        run_keeper(ctx, plan, outcome);
    else
        run_worker(ctx, plan);
    zmq_ctx_term(ctx);
}

static int compare_u32(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

static double seconds_of(const struct rusage *ru)
{
    return (double)ru->ru_utime.tv_sec + (double)ru->ru_stime.tv_sec +
           ((double)ru->ru_utime.tv_usec + (double)ru->ru_stime.tv_usec) / 1e6;
}

static void print_run(const struct plan *plan, struct outcome *o, double cpu_s, bool first)
{
    double wall_s = (double)(o->last_ns - o->first_ns) / 1e9;
    uint64_t expected = plan->records * (plan->records + 1u) / 2u;

    printf("%s{\"chain\":\"%s\",\"curve\":%s,\"batch\":%u,\"records\":%llu,\"whole\":%s,\"cpu_us_per_record\":%.3f,"
           "\"rate\":%.0f",
           first ? "" : ",\n ", plan->via_broker ? "results through the broker" : "direct", plan->curve ? "true" : "false",
           plan->batch, (unsigned long long)o->got, o->sum == expected ? "true" : "false", cpu_s * 1e6 / (double)o->got,
           (double)o->got / (wall_s > 0 ? wall_s : 1e-9));
    if (o->samples > 0) {
        qsort(o->latency_us, o->samples, sizeof o->latency_us[0], compare_u32);
        printf(",\"per_s\":%u,\"p50_us\":%u,\"p99_us\":%u,\"max_us\":%u", plan->paced_per_s, o->latency_us[o->samples / 2],
               o->latency_us[(uint64_t)o->samples * 99 / 100], o->latency_us[o->samples - 1]);
    }
    printf("}");
    fflush(stdout);
}

/* Runs the five processes and reports. The CPU of each child is taken from wait4, start and end of it included. */
static void run_plan(struct plan *plan, bool first)
{
    struct outcome *o = mmap(NULL, sizeof *o, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    double cpu_s = 0;

    if (o == MAP_FAILED)
        die("mmap");
    snprintf(plan->dir, sizeof plan->dir, "/tmp/bench_chain.XXXXXX");
    if (mkdtemp(plan->dir) == NULL)
        die("mkdtemp");
    snprintf(plan->front, sizeof plan->front, "ipc://%s/front", plan->dir);
    snprintf(plan->back, sizeof plan->back, "ipc://%s/back", plan->dir);
    for (int role = 0; role < CHAIN_ROLES; role++) {
        pid_t pid = fork();

        if (pid < 0)
            die("fork");
        if (pid == 0) {
            run_role(plan, role, o);
            _exit(0);
        }
    }
    for (int left = CHAIN_ROLES; left > 0;) {
        struct rusage ru;
        int status = 0;

        if (wait4(-1, &status, 0, &ru) <= 0) {
            if (errno == EINTR)
                continue;
            die("wait");
        }
        left--;
        cpu_s += seconds_of(&ru);
        if (status != 0)
            die("a process of the chain failed");
    }
    print_run(plan, o, cpu_s, first);
    munmap(o, sizeof *o);
    unlink(plan->front + strlen("ipc://"));
    unlink(plan->back + strlen("ipc://"));
    rmdir(plan->dir);
}

static uint64_t number_of(const char *text, const char *option)
{
    char *end = NULL;
    unsigned long long v = strtoull(text, &end, 10);

    if (end == text || *end != '\0' || v == 0) {
        fprintf(stderr, "bench_chain: %s wants a number above 0, not '%s'\n", option, text);
        exit(64);
    }
    return v;
}

static void usage(FILE *to)
{
    fprintf(to, "usage: bench_chain [--records N] [--batch N] [--curve 0|1] [--paced PER_SECOND] [--via-broker]\n"
                "Without --batch, --curve and --paced: 1, 10 and 100 per message without and with CURVE, then 200 per second.\n");
}

static void run_default(struct plan *plan)
{
    static const uint32_t batches[] = {1, 10, 100};
    bool first = true;
    uint64_t records = plan->records;

    for (int curve = 0; curve < 2; curve++) {
        plan->curve = curve == 1;
        for (size_t i = 0; i < sizeof batches / sizeof batches[0]; i++) {
            plan->batch = batches[i];
            plan->records = batches[i] == 1 ? records / 4 : records;
            run_plan(plan, first);
            first = false;
        }
        plan->batch = 1;
        plan->records = 2000;
        plan->paced_per_s = 200;
        run_plan(plan, first);
        plan->paced_per_s = 0;
    }
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"records", required_argument, NULL, 'r'},
        {"batch", required_argument, NULL, 'b'},
        {"curve", required_argument, NULL, 'c'},
        {"paced", required_argument, NULL, 'p'},
        {"via-broker", no_argument, NULL, 'v'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct plan plan = {.records = 1000000, .batch = 100};
    bool chosen = false;
    int c;

    while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        chosen = chosen || c == 'b' || c == 'c' || c == 'p';
        if (c == 'r')
            plan.records = number_of(optarg, "--records");
        else if (c == 'b')
            plan.batch = (uint32_t)number_of(optarg, "--batch");
        else if (c == 'c')
            plan.curve = strcmp(optarg, "1") == 0;
        else if (c == 'p')
            plan.paced_per_s = (uint32_t)number_of(optarg, "--paced");
        else if (c == 'v')
            plan.via_broker = true;
        else {
            usage(c == 'h' ? stdout : stderr);
            return c == 'h' ? 0 : 64;
        }
    }
    if (zmq_curve_keypair(plan.server_public, plan.server_secret) != 0 ||
        zmq_curve_keypair(plan.client_public, plan.client_secret) != 0)
        die("CURVE keys");
    printf("[");
    if (chosen)
        run_plan(&plan, true);
    else
        run_default(&plan);
    printf("]\n");
    return 0;
}
