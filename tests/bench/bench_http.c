/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http with keep-alive and mutual TLS, 4,000 endpoints: client CPU per request of the worker (core, services, adapter, encoded
 * result) against a bare curl_multi that does nothing but ask. Both live in this process with their own 4,000 connections to one
 * nginx, each endpoint with a name and an address of its own: libcurl keeps connections by the address they go to, and looks
 * through all that share one. Rounds are interleaved, CPU is user+sys of this process alone, so the server does not count. Kept
 * connections: nginx's own counters.
 */
#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "adapter.h"
#include "line.h"
#include "msg.h"
#include "sp_assert.h"
#include "sp_clock.h"
#include "sp_privs.h"
#include "worker_core.h"
#include "worker_host.h"

#define ENDPOINTS_MAX 4000u
#define FLIGHT        64u
#define ROUNDS        5u
#define PASSES        2u /* requests per endpoint and round */

extern const struct sp_adapter adapter_http;

static char dir[64];
static unsigned endpoints = ENDPOINTS_MAX;
static unsigned tls_port, status_port;
static pid_t nginx;

/* ---- the world: certificates and nginx ---- */

static void run(const char *const argv[])
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        if (freopen("/dev/null", "w", stderr) == NULL || freopen("/dev/null", "w", stdout) == NULL)
            _exit(126);
        (void)execvp(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    (void)waitpid(pid, &status, 0);
    if (status != 0) {
        (void)fprintf(stderr, "bench_http: %s failed (nginx and openssl are needed)\n", argv[0]);
        exit(1);
    }
}

static char *path(const char *name)
{
    static char out[8][128];
    static unsigned turn;
    char *to = out[turn++ % 8];
    (void)snprintf(to, 128, "%s/%s", dir, name);
    return to;
}

static void write_file(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void write_file(const char *name, const char *format, ...)
{
    va_list ap;
    FILE *f = fopen(path(name), "w");
    SP_ASSERT(f != NULL);
    va_start(ap, format);
    (void)vfprintf(f, format, ap);
    va_end(ap);
    (void)fclose(f);
}

static unsigned free_port(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    SP_ASSERT(fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof a) == 0 && getsockname(fd, (struct sockaddr *)&a, &n) == 0);
    (void)close(fd);
    return ntohs(a.sin_port);
}

static void make_certificates(void)
{
    run((const char *const[]){"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
                              "2", "-subj", "/CN=bench-ca", "-keyout", path("ca.key"), "-out", path("ca.pem"), NULL});
    write_file("ext", "subjectAltName=DNS:*.bench.test\n");
    static const char *const names[] = {"server", "client"};
    for (unsigned i = 0; i < 2; i++) {
        char key[32];
        char pem[32];
        (void)snprintf(key, sizeof key, "%s.key", names[i]);
        (void)snprintf(pem, sizeof pem, "%s.pem", names[i]);
        run((const char *const[]){"openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                                  "/CN=bench", "-keyout", path(key), "-out", path("csr"), NULL});
        run((const char *const[]){"openssl", "x509", "-req", "-in", path("csr"), "-CA", path("ca.pem"), "-CAkey", path("ca.key"),
                                  "-CAcreateserial", "-days", "2", "-extfile", path("ext"), "-out", path(pem), NULL});
    }
}

static void start_nginx(void)
{
    tls_port = free_port();
    status_port = free_port();
    write_file("nginx.conf",
               "daemon off; master_process off; pid %s/pid; worker_rlimit_nofile 40000; error_log %s/error.log;\n"
               "events { worker_connections 20000; }\n"
               "http { access_log off; keepalive_timeout 3600; keepalive_requests 1000000;\n"
               " client_body_temp_path %s/t1; proxy_temp_path %s/t2; fastcgi_temp_path %s/t3; uwsgi_temp_path %s/t4; "
               "scgi_temp_path %s/t5;\n"
               " server { listen 0.0.0.0:%u ssl backlog=4096; ssl_certificate %s/server.pem; ssl_certificate_key %s/server.key;\n"
               "  ssl_client_certificate %s/ca.pem; ssl_verify_client on;\n"
               "  location = /health { default_type application/json; return 200 '{\"status\": \"ok\"}'; } }\n"
               " server { listen 127.0.0.1:%u; location = /status { stub_status; } } }\n",
               dir, dir, dir, dir, dir, dir, dir, tls_port, dir, dir, dir, status_port);
    nginx = fork();
    if (nginx == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)execlp("nginx", "nginx", "-p", dir, "-c", path("nginx.conf"), "-e", path("error.log"), (char *)NULL);
        _exit(127);
    }
}

static size_t keep_text(char *p, size_t one, size_t n, void *arg)
{
    (void)one;
    return snprintf(arg, 512, "%.*s", (int)n, p) > 0 ? n : 0;
}

/* Connections accepted and requests served so far; waits for the server the first time. */
static void counters(uint64_t *accepted, uint64_t *requests)
{
    char url[64];
    char text[512] = "";
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u/status", status_port);
    for (unsigned tries = 0; tries < 200 && text[0] == '\0'; tries++) {
        CURL *e = curl_easy_init();
        (void)curl_easy_setopt(e, CURLOPT_URL, url);
        (void)curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, keep_text);
        (void)curl_easy_setopt(e, CURLOPT_WRITEDATA, text);
        if (curl_easy_perform(e) != CURLE_OK) {
            (void)poll(NULL, 0, 20);
        }
        curl_easy_cleanup(e);
    }
    const char *at = strstr(text, "requests");
    SP_ASSERT(at != NULL && sscanf(at, "requests %lu %*u %lu", accepted, requests) == 2);
}

static const char *address_of(uint64_t endpoint)
{
    static char text[32];
    (void)snprintf(text, sizeof text, "127.1.%u.%u", (unsigned)(endpoint / 250), (unsigned)(endpoint % 250) + 1);
    return text;
}

/* ---- bare curl_multi ---- */

struct bare {
    CURLM *multi;
    CURL *easy[ENDPOINTS_MAX];
    struct curl_slist *connect[ENDPOINTS_MAX];
    int epoll;
    uint64_t due_ms; /* of libcurl's timer */
    uint64_t done, next, total;
};

static size_t drop_body(char *p, size_t one, size_t n, void *arg)
{
    (void)p;
    (void)arg;
    return one * n;
}

static int bare_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *known)
{
    struct bare *b = arg;
    struct epoll_event ev = {.events = ((what & CURL_POLL_IN) ? (uint32_t)EPOLLIN : 0) |
                                       ((what & CURL_POLL_OUT) ? (uint32_t)EPOLLOUT : 0),
                             .data.fd = fd};
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        (void)epoll_ctl(b->epoll, EPOLL_CTL_DEL, fd, NULL);
        return 0;
    }
    (void)epoll_ctl(b->epoll, known == NULL ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &ev);
    if (known == NULL) {
        (void)curl_multi_assign(b->multi, fd, b);
    }
    return 0;
}

static int bare_timer(CURLM *multi, long ms, void *arg)
{
    struct bare *b = arg;
    (void)multi;
    b->due_ms = ms < 0 ? UINT64_MAX : sp_clock_mono_ns() / 1000000 + (uint64_t)ms;
    return 0;
}

static void bare_open(struct bare *b)
{
    char text[128];
    memset(b, 0, sizeof *b);
    b->multi = curl_multi_init();
    b->epoll = epoll_create1(EPOLL_CLOEXEC);
    b->due_ms = UINT64_MAX;
    (void)curl_multi_setopt(b->multi, CURLMOPT_SOCKETFUNCTION, bare_socket);
    (void)curl_multi_setopt(b->multi, CURLMOPT_SOCKETDATA, b);
    (void)curl_multi_setopt(b->multi, CURLMOPT_TIMERFUNCTION, bare_timer);
    (void)curl_multi_setopt(b->multi, CURLMOPT_TIMERDATA, b);
    (void)curl_multi_setopt(b->multi, CURLMOPT_MAXCONNECTS, (long)endpoints * 2);
    for (unsigned i = 0; i < endpoints; i++) {
        CURL *e = b->easy[i] = curl_easy_init();
        (void)snprintf(text, sizeof text, "https://n%u.bench.test/health", i);
        (void)curl_easy_setopt(e, CURLOPT_URL, text);
        (void)snprintf(text, sizeof text, "::%s:%u", address_of(i), tls_port);
        b->connect[i] = curl_slist_append(NULL, text);
        (void)curl_easy_setopt(e, CURLOPT_CONNECT_TO, b->connect[i]);
        (void)curl_easy_setopt(e, CURLOPT_CAINFO, path("ca.pem"));
        (void)curl_easy_setopt(e, CURLOPT_SSLCERT, path("client.pem"));
        (void)curl_easy_setopt(e, CURLOPT_SSLKEY, path("client.key"));
        (void)curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
        (void)curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
        (void)curl_easy_setopt(e, CURLOPT_PROXY, "");
        (void)curl_easy_setopt(e, CURLOPT_MAXAGE_CONN, 3600L);
        (void)curl_easy_setopt(e, CURLOPT_DNS_CACHE_TIMEOUT, 0L);
        (void)curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, 60000L);
        (void)curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, drop_body);
    }
}

static void bare_take(struct bare *b)
{
    int left = 0;
    CURLMsg *m;
    while ((m = curl_multi_info_read(b->multi, &left)) != NULL) {
        CURL *e = m->easy_handle;
        long status = 0;
        SP_ASSERT(m->data.result == CURLE_OK);
        (void)curl_easy_getinfo(e, CURLINFO_RESPONSE_CODE, &status);
        SP_ASSERT(status == 200);
        (void)curl_multi_remove_handle(b->multi, e);
        b->done++;
        if (b->next < b->total) {
            (void)curl_multi_add_handle(b->multi, b->easy[b->next++ % endpoints]);
        }
    }
}

static void bare_round(struct bare *b, uint64_t total)
{
    struct epoll_event ev[256];
    int running = 0;
    b->done = 0;
    b->next = 0;
    b->total = total;
    while (b->next < FLIGHT) {
        (void)curl_multi_add_handle(b->multi, b->easy[b->next++ % endpoints]);
    }
    (void)curl_multi_socket_action(b->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    while (b->done < total) {
        uint64_t now_ms = sp_clock_mono_ns() / 1000000;
        int n = epoll_wait(b->epoll, ev, 256, b->due_ms == UINT64_MAX ? -1 : b->due_ms > now_ms ? (int)(b->due_ms - now_ms) : 0);
        for (int i = 0; i < n; i++) {
            int mask = ((ev[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) ? CURL_CSELECT_IN : 0) |
                       ((ev[i].events & EPOLLOUT) ? CURL_CSELECT_OUT : 0);
            (void)curl_multi_socket_action(b->multi, ev[i].data.fd, mask, &running);
        }
        if (b->due_ms != UINT64_MAX && b->due_ms <= sp_clock_mono_ns() / 1000000) {
            b->due_ms = UINT64_MAX;
            (void)curl_multi_socket_action(b->multi, CURL_SOCKET_TIMEOUT, 0, &running);
        }
        bare_take(b);
    }
}

/* ---- the worker: core, services, adapter, encoded results ---- */

struct ours {
    struct worker_host host; /* first: `self` of the services */
    struct sp_adapter_host services;
    struct sp_loop *loop;
    struct worker_core *core;
    void *instance, *check;
    struct sp_adapter_job *job;
    struct sp_packer results;
    uint8_t *buffer;
    uint64_t done, next, total;
    struct worker_effects effects, nested;
};

static void ours_step(struct ours *o, struct worker_event *ev)
{
    ev->now_us = sp_loop_now(o->loop)->mono.us;
    worker_core_step(o->core, ev, &o->effects);
    for (uint32_t i = 0; i < o->effects.count; i++) {
        const struct worker_effect *e = &o->effects.item[i];
        if (e->kind == WORKER_START) {
            struct worker_slot *s = worker_core_slot(o->core, e->slot);
            struct sp_adapter_job *job = &o->job[e->slot];
            *job = (struct sp_adapter_job){.check = o->check,
                                           .slot = e->slot,
                                           .timeout_ms = s->timeout_ms,
                                           .node = s->node,
                                           .address = s->address,
                                           .deadline_us = s->started_us + s->timeout_ms * 1000ull,
                                           .checkpoint = s->checkpoint};
            adapter_http.start(o->instance, job);
        } else {
            SP_ASSERT(e->kind == WORKER_WANT || e->kind == WORKER_CREDIT);
        }
    }
}

static void ours_finish(void *self, struct sp_adapter_job *job, const struct sp_adapter_result *result)
{
    struct ours *o = self;
    struct worker_slot *s = worker_core_slot(o->core, job->slot);
    char detail[SP_ADAPTER_DETAIL_MAX];
    char measures[SP_ADAPTER_MEASURES_MAX];
    struct rec_result r = {.ticket = s->ticket, .outcome = result->outcome, .reason = result->reason};
    if (result->outcome != SP_OUTCOME_PASS) {
        (void)fprintf(stderr, "bench_http: %s: %s\n", s->node, result->detail);
        exit(1);
    }
    r.detail = sp_str_bytes(detail, line_clean(sp_str_of(result->detail), detail, sizeof detail, NULL));
    r.measures = sp_str_bytes(measures, line_clean(sp_str_of(result->measures), measures, sizeof measures, NULL));
    if (rec_result_put(&o->results, &r) != SP_OK) {
        sp_packer_init(&o->results, o->buffer, 512 * 1024);
    }
    struct worker_event ev;
    ev.kind = WORKER_EV_FINISHED;
    ev.now_us = sp_loop_now(o->loop)->mono.us;
    ev.u.finished.slot = job->slot;
    worker_core_step(o->core, &ev, &o->nested);
    o->done++;
}

static void ours_job(struct ours *o)
{
    static const uint8_t ticket[WORKER_TICKET_BYTES];
    char node[32];
    struct worker_event ev;
    ev.kind = WORKER_EV_JOB;
    uint64_t endpoint = o->next++ % endpoints;
    (void)snprintf(node, sizeof node, "n%lu", endpoint);
    ev.u.job.broker = 0;
    ev.u.job.timeout_ms = 60000;
    ev.u.job.expires_ms = 60000;
    ev.u.job.lease = 0;
    ev.u.job.job = o->next;
    ev.u.job.trace = 0;
    ev.u.job.ticket = ticket;
    ev.u.job.digest = ticket;
    ev.u.job.node = sp_str_of(node);
    ev.u.job.address = sp_str_of(address_of(endpoint));
    ev.u.job.checkpoint = (struct sp_str){NULL, 0};
    ours_step(o, &ev);
}

static struct sp_mono ours_deadline(void *ctx)
{
    struct ours *o = ctx;
    uint64_t core = worker_core_next_deadline(o->core);
    uint64_t timers = worker_host_deadline(&o->host);
    return (struct sp_mono){core < timers ? core : timers};
}

static void ours_tick(void *ctx, const struct sp_now *now)
{
    worker_host_tick(&((struct ours *)ctx)->host, now->mono.us);
}

/* Ends each turn as the shell does; new jobs arrive as old ones end. */
static bool ours_turn(void *ctx, const struct sp_now *now)
{
    struct ours *o = ctx;
    struct worker_event ev;
    bool started = false;
    (void)now;
    while (o->next < o->total && o->next - o->done < FLIGHT) {
        ours_job(o);
        started = true;
    }
    ev.kind = WORKER_EV_TURN;
    ev.u.turn.results_room = 100000;
    ours_step(o, &ev);
    if (started) {
        adapter_http.turn(o->instance);
    }
    if (o->done >= o->total) {
        sp_loop_stop(o->loop);
    }
    return false;
}

static void ours_open(struct ours *o)
{
    struct sp_err err;
    char why[SP_ADAPTER_WHY_MAX];
    char params[512];
    struct param_values v;
    struct worker_options wo = {.running_max = FLIGHT, .waiting_max = 1024, .definitions_max = 64, .adapters = 1, .brokers = 1};
    struct sp_loop_options lo = {.ctx = o, .deadline = ours_deadline, .tick = ours_tick};
    memset(o, 0, sizeof *o);
    SP_ASSERT(sp_loop_new(&lo, &o->loop, &err) == SP_OK && worker_host_init(&o->host, o->loop, &o->services));
    SP_ASSERT(sp_loop_hook(o->loop, ours_turn, o) == SP_OK);
    o->core = worker_core_new(&wo);
    o->job = calloc(worker_core_slots(o->core), sizeof *o->job);
    o->buffer = malloc(512 * 1024);
    sp_packer_init(&o->results, o->buffer, 512 * 1024);
    o->services.slots = worker_core_slots(o->core);
    o->services.prefix = dir;
    o->services.finish = ours_finish;
    SP_ASSERT(param_parse(adapter_http.settings, adapter_http.settings_count, sp_str_of("{}"), &v, why));
    SP_ASSERT(adapter_http.init(&o->services, v.row, &o->instance, why));
    param_fini(&v);
    (void)snprintf(
        params, sizeof params,
        "{\"url\":\"https://{node}.bench.test/health\",\"connect\":\"{address}:%u\",\"ca\":\"ca.pem\",\"cert\":\"client.pem\","
        "\"key\":\"client.key\",\"connect_timeout\":\"20s\",\"low_speed\":0,\"json\":{\"/status\":\"ok\"}}",
        tls_port);
    SP_ASSERT(param_parse(adapter_http.params, adapter_http.params_count, sp_str_of(params), &v, why));
    o->check = adapter_http.compile(o->instance, v.row, why);
    SP_ASSERT(o->check != NULL);
    param_fini(&v);
    static const uint8_t digest[32];
    struct worker_event ev = {.kind = WORKER_EV_LINK, .u.link = {0, true}};
    ours_step(o, &ev);
    o->total = 1;
    ours_job(o); /* makes the core ask for the definition */
    ev = (struct worker_event){.kind = WORKER_EV_DEFINITION, .u.definition = {digest, 0, 0, o->check}};
    ours_step(o, &ev);
    adapter_http.turn(o->instance);
}

static void ours_round(struct ours *o, uint64_t total)
{
    o->total = o->next + total;
    (void)ours_turn(o, sp_loop_now(o->loop)); /* an idle loop would wait for somebody to begin */
    SP_ASSERT(sp_loop_run(o->loop) == SP_OK);
}

/* ---- */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    static struct bare bare;
    static struct ours ours;
    double a[ROUNDS];
    double b[ROUNDS];
    double ratios[ROUNDS];
    uint64_t got = 0;
    uint64_t accepted[2];
    uint64_t requests[2];
    uint64_t total;
    if (argc > 1 && (argc != 3 || strcmp(argv[1], "--endpoints") != 0 ||
                     (endpoints = (unsigned)strtoul(argv[2], NULL, 10)) < FLIGHT || endpoints > ENDPOINTS_MAX)) {
        (void)fprintf(stderr, "usage: %s [--endpoints N]     prints a JSON array\n", argv[0]);
        return strcmp(argv[1], "--help") == 0 ? 0 : 2;
    }
    total = (uint64_t)endpoints * PASSES;
    sp_privs_descriptors(40000, &got);
    (void)snprintf(dir, sizeof dir, "/tmp/spice-bench-XXXXXX");
    SP_ASSERT(mkdtemp(dir) != NULL && curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
    make_certificates();
    start_nginx();
    counters(&accepted[0], &requests[0]);
    bare_open(&bare);
    bare_round(&bare, total); /* all connections are made now */
    ours_open(&ours);
    ours_round(&ours, total);
    counters(&accepted[0], &requests[0]);
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t start = sp_clock_cpu_ns();
        ours_round(&ours, total);
        uint64_t middle = sp_clock_cpu_ns();
        bare_round(&bare, total);
        uint64_t end = sp_clock_cpu_ns();
        a[i] = (double)(middle - start) / 1000.0 / (double)total;
        b[i] = (double)(end - middle) / 1000.0 / (double)total;
        ratios[i] = a[i] / b[i];
    }
    counters(&accepted[1], &requests[1]);
    (void)kill(nginx, SIGKILL);
    (void)waitpid(nginx, NULL, 0);
    run((const char *const[]){"rm", "-rf", dir, NULL});
    double kept = 100.0 * (1.0 - (double)(accepted[1] - accepted[0]) / (double)(requests[1] - requests[0]));
    qsort(a, ROUNDS, sizeof a[0], by_value);
    qsort(b, ROUNDS, sizeof b[0], by_value);
    double value = a[ROUNDS / 2];
    double reference = b[ROUNDS / 2];
    qsort(ratios, ROUNDS, sizeof ratios[0], by_value);
    double ratio = ratios[ROUNDS / 2];
    (void)printf(
        "[{\"figure\":\"http, keep-alive and mutual TLS, %u endpoints: client CPU per request\",\"value\":%.2f,\"unit\":\"us\","
        "\"reference\":\"bare curl_multi\",\"reference_value\":%.2f,\"ratio\":%.3f,\"goal\":1.15,\"bar\":1.5,\"at_most\":true,"
        "\"met\":%s,\"bar_met\":%s,\"spread\":[%.3f,%.3f],\"rounds\":%u},\n",
        endpoints, value, reference, ratio, ratio <= 1.15 ? "true" : "false", ratio <= 1.5 ? "true" : "false", ratios[0],
        ratios[ROUNDS - 1], ROUNDS);
    (void)printf(" {\"figure\":\"http, requests on kept connections\",\"value\":%.3f,\"unit\":\"%%\",\"reference\":\"all\","
                 "\"reference_value\":100,\"ratio\":%.5f,\"goal\":0.999,\"bar\":0.99,\"at_most\":false,\"met\":%s,\"bar_met\":%s,"
                 "\"requests\":%lu}]\n",
                 kept, kept / 100.0, kept >= 99.9 ? "true" : "false", kept >= 99.0 ? "true" : "false", requests[1] - requests[0]);
    return ratio <= 1.5 && kept >= 99.0 ? 0 : 1;
}
