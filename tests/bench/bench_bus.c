/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bus alone, as the product uses it: scheduler -> broker -> 2 workers -> broker -> keeper -> broker -> worker
 * (acknowledgement), with CURVE, admission, authority, credit, envelopes, decoding, and Ed25519 signatures over batches of results;
 * without store and checks. The difference to bench_chain is the price of all that. Real broker process; one process per role; CPU
 * is user+sys of all of them.
 */
#include <dirent.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bus_rig.h"
#include "msg.h"
#include "sp_clock.h"
#include "sp_envelope.h"
#include "sp_ticket.h"

#define WORKERS 2
#define WINDOW  16384u

static const struct bus_rig_client fleet[] = {
    {"keeper", SP_ROLE_KEEPER, NULL, NULL},
    {"w1", SP_ROLE_WORKER, "noop", NULL},
    {"w2", SP_ROLE_WORKER, "noop", NULL},
    {"scheduler", SP_ROLE_SCHEDULER, NULL, NULL},
};
#define FLEET (sizeof fleet / sizeof fleet[0])

struct shared {
    volatile uint64_t done, first_ns, last_ns;
};

static struct bus_rig rig;
static struct shared *shared;
static uint64_t records = 1000000;
static unsigned batch = 100, idle_s;
static const char *heartbeat = "2s", *lost = "6s";

struct part {
    struct sp_bus *bus;
    uint64_t sent, granted; /* scheduler: jobs; worker: jobs it will have taken */
    uint64_t batches;
    bool up;
    unsigned collected; /* worker: results in w */
    struct sp_packer w;
};

static void send_body(struct part *p, uint16_t type, const char *dest, const struct sp_packer *w)
{
    struct sp_bus_out out = {.type = type, .dest = dest, .broker = SP_BUS_ANY, .body = w->start, .body_bytes = sp_packer_bytes(w)};
    enum sp_bus_sent sent = sp_bus_send(p->bus, &out);

    if (sent != SP_BUS_SENT) {
        fprintf(stderr, "bench_bus: %s: %s\n", msg_name(type), sp_bus_sent_text(sent));
        _exit(3);
    }
}

static void begin(struct part *p, struct sp_packer *w)
{
    size_t room;
    uint8_t *body = sp_bus_body(p->bus, &room);

    sp_packer_init(w, body, room);
}

static void check(enum sp_rc rc)
{
    if (rc != SP_OK) {
        fprintf(stderr, "bench_bus: codec: %s\n", sp_rc_text(rc));
        _exit(3);
    }
}

/* ---- scheduler ---- */

static void scheduler_flush(struct part *p)
{
    static uint8_t ticket[SP_TICKET_BYTES] = {SP_TICKET_FORMAT, 1};

    while (idle_s == 0 && p->sent < records && p->sent < p->granted) {
        uint64_t n = p->granted - p->sent;
        struct msg_job_batch m = {.route = {sp_str_of("noop"), {NULL, 0}}, .expires_ms = 10000};
        struct sp_packer w;

        n = n > batch ? batch : n;
        n = n > records - p->sent ? records - p->sent : n;
        if (n < batch && p->sent + n < records)
            return; /* the yardstick sends full batches as well */
        begin(p, &w);
        check(msg_job_batch_begin(&w, &m));
        for (uint64_t i = 0; i < n; i++) {
            uint64_t job = p->sent + i;
            struct rec_job r = {.ticket = ticket, .timeout_ms = 30000, .node = sp_str_of("compute-0000.rack-00.zone-a")};

            memcpy(ticket + 24, &job, sizeof job);
            check(rec_job_put(&w, &r));
        }
        check(msg_job_batch_end(&w));
        send_body(p, SP_MSG_JOB_BATCH, NULL, &w);
        p->sent += n;
    }
}

static void scheduler_on_message(void *self, const struct sp_bus_message *m)
{
    struct part *p = self;
    struct msg_route_credit credit;

    if (m->type == SP_MSG_ROUTE_CREDIT && msg_route_credit_decode(m->body, m->body_bytes, &credit) == SP_OK &&
        credit.workers == WORKERS && credit.granted > p->granted) {
        if (shared->first_ns == 0)
            shared->first_ns = sp_clock_mono_ns();
        p->granted = credit.granted;
        scheduler_flush(p);
    }
    if (m->type == SP_MSG_JOB_RETURN || m->type == SP_MSG_REFUSED) {
        fprintf(stderr, "bench_bus: %s\n", msg_name(m->type));
        _exit(3);
    }
}

static void scheduler_on_link(void *self, unsigned broker, bool up, uint64_t boot)
{
    struct part *p = self;
    struct msg_route_open m = {.route = {sp_str_of("noop"), {NULL, 0}}};
    struct sp_packer w;

    (void)broker;
    (void)boot;
    if (!up)
        return;
    begin(p, &w);
    check(msg_route_open_encode(&w, &m));
    send_body(p, SP_MSG_ROUTE_OPEN, NULL, &w);
}

/* ---- worker ---- */

static void worker_credit(struct part *p, uint64_t more)
{
    struct msg_credit m;
    struct sp_packer w;

    p->granted += more;
    m = (struct msg_credit){.granted = p->granted};
    begin(p, &w);
    check(msg_credit_encode(&w, &m));
    send_body(p, SP_MSG_CREDIT, NULL, &w);
}

/* Natural batching, as the product's worker does it: whatever finished since the last look goes into one signed message. */
static void worker_flush(struct part *p)
{
    if (p->collected == 0)
        return;
    check(msg_result_batch_end(&p->w));
    send_body(p, SP_MSG_RESULT_BATCH, NULL, &p->w);
    p->sent += p->collected;
    p->collected = 0;
}

static void worker_on_message(void *self, const struct sp_bus_message *m)
{
    struct part *p = self;
    struct msg_job_batch jobs;
    struct rec_job job;

    if (m->type != SP_MSG_JOB_BATCH)
        return;
    check(msg_job_batch_decode(m->body, m->body_bytes, &jobs));
    for (struct sp_list list = jobs.jobs; rec_job_next(&list, &job);) {
        struct rec_result r = {.ticket = job.ticket, .detail = sp_str_of("OK - nothing to do"), .trace = m->sequence, .run_us = 1};

        if (p->collected == 0) {
            struct msg_result_batch head = {.boot = 1, .batch = ++p->batches};

            begin(p, &p->w);
            check(msg_result_batch_begin(&p->w, &head));
        }
        check(rec_result_put(&p->w, &r));
        if (++p->collected == MSG_RESULT_BATCH_RESULTS_MAX)
            worker_flush(p);
    }
}

static void worker_on_drained(void *self)
{
    struct part *p = self;

    worker_flush(p);
    if (p->up && p->granted - p->sent <= WINDOW / 2)
        worker_credit(p, WINDOW - (p->granted - p->sent));
}

static void worker_on_link(void *self, unsigned broker, bool up, uint64_t boot)
{
    struct part *p = self;

    (void)broker;
    (void)boot;
    p->up = up;
    if (up)
        worker_credit(p, WINDOW);
}

/* ---- keeper ---- */

static void keeper_on_message(void *self, const struct sp_bus_message *m)
{
    struct part *p = self;
    struct msg_result_batch results;
    struct msg_result_ack ack;
    struct rec_result r;
    struct sp_packer w;

    if (m->type != SP_MSG_RESULT_BATCH)
        return;
    check(msg_result_batch_decode(m->body, m->body_bytes, &results));
    for (struct sp_list list = results.results; rec_result_next(&list, &r);)
        p->sent += r.ticket[0] == SP_TICKET_FORMAT;
    ack = (struct msg_result_ack){.boot = results.boot, .batch = results.batch, .accepted = (uint16_t)results.results.count};
    begin(p, &w);
    check(msg_result_ack_encode(&w, &ack));
    send_body(p, SP_MSG_RESULT_ACK, m->from->name, &w);
    shared->done = p->sent;
    if (p->sent >= records) {
        shared->last_ns = sp_clock_mono_ns();
        kill(getppid(), SIGUSR1);
    }
}

static void keeper_on_link(void *self, unsigned broker, bool up, uint64_t boot)
{
    (void)self;
    (void)broker;
    (void)up;
    (void)boot;
}

static void run_part(const char *name)
{
    struct part p = {0};
    struct sp_bus_options o;
    char why[512];

    bus_rig_child(&rig, name);
    bus_rig_options(&rig, name, &o);
    o.self = &p;
    o.on_message =
        o.role == SP_ROLE_SCHEDULER ? scheduler_on_message : (o.role == SP_ROLE_WORKER ? worker_on_message : keeper_on_message);
    o.on_link = o.role == SP_ROLE_SCHEDULER ? scheduler_on_link : (o.role == SP_ROLE_WORKER ? worker_on_link : keeper_on_link);
    o.on_drained = o.role == SP_ROLE_WORKER ? worker_on_drained : NULL;
    if (!sp_bus_open(&o, &p.bus, why, sizeof why)) {
        fprintf(stderr, "bench_bus: %s: %s\n", name, why);
        _exit(3);
    }
    _exit(sp_loop_run(rig.loop) == SP_OK ? 0 : 3);
}

static double cpu_of(pid_t pid, const char *name)
{
    struct rusage ru;
    int status;
    double s;

    kill(pid, SIGTERM);
    if (wait4(pid, &status, 0, &ru) != pid)
        return 0;
    s = (double)ru.ru_utime.tv_sec + (double)ru.ru_stime.tv_sec + ((double)ru.ru_utime.tv_usec + (double)ru.ru_stime.tv_usec) / 1e6;
    printf("\"%s_us\":%.3f,", name, s * 1e6 / (double)records);
    return s;
}

/* All threads of the process, in the kernel's nanoseconds; ticks are too coarse for an idle one. */
static double cpu_of_threads(pid_t pid)
{
    char path[64];
    double all = 0;

    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *dir = opendir(path);

    for (struct dirent *e = dir != NULL ? readdir(dir) : NULL; e != NULL; e = readdir(dir)) {
        char file[400];
        unsigned long long ns = 0;

        if (e->d_name[0] == '.')
            continue;
        snprintf(file, sizeof file, "%s/%s/schedstat", path, e->d_name);
        FILE *f = fopen(file, "r");

        if (f != NULL && fscanf(f, "%llu", &ns) == 1)
            all += (double)ns / 1e9;
        if (f != NULL)
            fclose(f);
    }
    if (dir != NULL)
        closedir(dir);
    return all;
}

static double cpu_of_all(const pid_t *pids)
{
    double all = cpu_of_threads(rig.pids[0]);

    for (size_t i = 0; i < FLEET; i++)
        all += cpu_of_threads(pids[i]);
    return all;
}

/* Sessions, heartbeats and statistics alone. */
static int run_idle(const pid_t *pids)
{
    const uint64_t settle_ns = 3000000000u, idle_ns = (uint64_t)idle_s * 1000000000u;
    uint64_t start = sp_clock_mono_ns();
    double before;

    while (sp_clock_mono_ns() < start + settle_ns)
        poll(NULL, 0, 100);
    start = sp_clock_mono_ns();
    before = cpu_of_all(pids);
    while (sp_clock_mono_ns() < start + idle_ns)
        poll(NULL, 0, 1000);
    printf("{\"bus\":\"idle\",\"processes\":%zu,\"seconds\":%u,\"percent_of_a_core\":%.4f}\n", FLEET + 1, idle_s,
           (cpu_of_all(pids) - before) * 100.0 / (double)idle_s);
    for (size_t i = 0; i < FLEET; i++) {
        kill(pids[i], SIGTERM);
        waitpid(pids[i], NULL, 0);
    }
    bus_rig_fini(&rig);
    return 0;
}

static uint64_t number_of(const char *text)
{
    char *end = NULL;
    unsigned long long v = strtoull(text, &end, 10);

    if (end == text || *end != '\0' || v == 0) {
        fprintf(stderr, "bench_bus: '%s' is no number above 0\n", text);
        exit(64);
    }
    return v;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"records", required_argument, NULL, 'r'}, {"batch", required_argument, NULL, 'b'},
                                            {"idle", required_argument, NULL, 'i'},    {"heartbeat", required_argument, NULL, 'h'},
                                            {"lost", required_argument, NULL, 'l'},    {0}};
    pid_t pids[FLEET];
    char extra[256];
    double cpu = 0;
    sigset_t wanted;
    int c, got;

    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c == 'r')
            records = number_of(optarg);
        else if (c == 'b')
            batch = (unsigned)number_of(optarg);
        else if (c == 'h')
            heartbeat = optarg;
        else if (c == 'l')
            lost = optarg;
        else if (c == 'i')
            idle_s = (unsigned)number_of(optarg);
        else
            return 64;
    }
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGUSR1);
    sigprocmask(SIG_BLOCK, &wanted, NULL);
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    snprintf(extra, sizeof extra,
             "bus:\n  queue_messages: 60000\n  heartbeat: %s\n  lost: %s\nbroker:\n  credit_window: 65536\n"
             "  peer_queue_messages: 60000\n  memory_mb: 4096\n",
             heartbeat, lost);
    bus_rig_init(&rig, 1, fleet, FLEET, extra);
    bus_rig_start(&rig, 0);
    for (size_t i = 0; i < FLEET; i++) {
        pids[i] = fork();
        if (pids[i] == 0)
            run_part(fleet[i].name);
    }
    if (idle_s > 0)
        return run_idle(pids);
    sigwait(&wanted, &got);
    printf("{\"bus\":\"curve, signed batches\",\"batch\":%u,\"records\":%llu,", batch, (unsigned long long)shared->done);
    for (size_t i = 0; i < FLEET; i++)
        cpu += cpu_of(pids[i], fleet[i].name);
    cpu += cpu_of(rig.pids[0], "broker");
    rig.pids[0] = 0;
    printf("\"cpu_us_per_record\":%.3f,\"rate\":%.0f}\n", cpu * 1e6 / (double)records,
           (double)records * 1e9 / (double)(shared->last_ns - shared->first_ns));
    bus_rig_fini(&rig);
    return 0;
}
