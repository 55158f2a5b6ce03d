/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Peers doing comparable work, as the reference of the fleet's figures, each started here on a free loopback port:
 *   gearmand  two queues as mod_gearman uses them: the scheduler submits a background job, a worker takes it and submits a
 *             background job with the result, the keeper takes that. 200-byte records, two workers.
 *   nats      JetStream on file: one producer with a window of acknowledgements, one consumer that pulls batches of 100 and
 *             acknowledges each message, as workers that share a queue must: what they take ends in any order. One hop only and no
 *             sync to the disk before an acknowledgement, so the peer is favoured.
 * CPU is user+sys of the server and of all clients, as the kernel accounts ended children.
 *
 * Output: one JSON object. Exit 3: the peer is not installed.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sp_clock.h"

#define RECORD        200
#define WORKERS       2
#define NOT_INSTALLED 3

static _Noreturn void die(const char *what)
{
    (void)fprintf(stderr, "bench_peers: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint16_t free_port(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, n) != 0 || getsockname(fd, (struct sockaddr *)&a, &n) != 0)
        die("free port");
    (void)close(fd);
    return ntohs(a.sin_port);
}

/* Connects to the server; it may still be starting, so a refusal is tried again for ten seconds. */
static int dial(uint16_t port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    for (int i = 0; i < 1000; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
        if (fd < 0)
            die("socket");
        if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0) {
            (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
            return fd;
        }
        (void)close(fd);
        (void)usleep(10000);
    }
    die("server does not answer");
}

static pid_t start_server(char *const argv[])
{
    pid_t pid = fork();
    if (pid == 0) {
        if (freopen("/dev/null", "w", stdout) == NULL || freopen("/dev/null", "w", stderr) == NULL)
            _exit(126);
        (void)execvp(argv[0], argv);
        _exit(127);
    }
    return pid;
}

/* ---- buffered bytes of one connection ------------------------------------------------------------ */

struct line {
    int fd;
    size_t in_n, in_at, out_n;
    uint8_t in[1 << 20], out[1 << 20];
};

static void line_flush(struct line *l)
{
    for (size_t at = 0; at < l->out_n;) {
        ssize_t n = write(l->fd, l->out + at, l->out_n - at);
        if (n <= 0)
            die("write");
        at += (size_t)n;
    }
    l->out_n = 0;
}

static void line_put(struct line *l, const void *p, size_t n)
{
    if (l->out_n + n > sizeof l->out)
        line_flush(l);
    memcpy(l->out + l->out_n, p, n);
    l->out_n += n;
}

/* Lends n bytes of input, reading as needed; what waits to be sent is sent before it would block. */
static uint8_t *line_take(struct line *l, size_t n)
{
    while (l->in_n - l->in_at < n) {
        memmove(l->in, l->in + l->in_at, l->in_n - l->in_at);
        l->in_n -= l->in_at;
        l->in_at = 0;
        line_flush(l);
        ssize_t got = read(l->fd, l->in + l->in_n, sizeof l->in - l->in_n);
        if (got <= 0)
            die("read");
        l->in_n += (size_t)got;
    }
    l->in_at += n;
    return l->in + l->in_at - n;
}

/* ---- gearman, protocol of gearmand 1.1: header of magic, type, size, big endian ------------------- */

enum {
    CAN_DO = 1,
    PRE_SLEEP = 4,
    NOOP = 6,
    JOB_CREATED = 8,
    GRAB_JOB = 9,
    NO_JOB = 10,
    JOB_ASSIGN = 11,
    WORK_COMPLETE = 13,
    SUBMIT_JOB_BG = 18
};

static void gearman_put(struct line *l, uint32_t type, const void *data, uint32_t n)
{
    uint32_t head[2] = {htonl(type), htonl(n)};
    line_put(l, "\0REQ", 4);
    line_put(l, head, sizeof head);
    line_put(l, data, n);
}

static uint32_t gearman_take(struct line *l, uint8_t **data, uint32_t *n)
{
    uint32_t head[3];
    memcpy(head, line_take(l, sizeof head), sizeof head);
    *n = ntohl(head[2]);
    *data = line_take(l, *n);
    return ntohl(head[1]);
}

static void gearman_submit(struct line *l, const char *queue, const uint8_t record[RECORD])
{
    uint8_t body[64 + RECORD];
    size_t n = strlen(queue) + 1;
    memcpy(body, queue, n);
    body[n] = 0; /* no unique id */
    memcpy(body + n + 1, record, RECORD);
    gearman_put(l, SUBMIT_JOB_BG, body, (uint32_t)(n + 1 + RECORD));
}

/* Takes jobs until `count` (0: for ever); a worker passes each on to the result queue. */
static void gearman_work(uint16_t port, const char *queue, bool pass_on, uint64_t count)
{
    static struct line l;
    l.fd = dial(port);
    gearman_put(&l, CAN_DO, queue, (uint32_t)strlen(queue));
    gearman_put(&l, GRAB_JOB, "", 0);
    for (uint64_t done = 0; count == 0 || done < count;) {
        uint8_t *data;
        uint32_t n, type = gearman_take(&l, &data, &n);
        if (type == NO_JOB) {
            gearman_put(&l, PRE_SLEEP, "", 0);
        } else if (type == NOOP) {
            gearman_put(&l, GRAB_JOB, "", 0);
        } else if (type == JOB_ASSIGN) {
            char handle[128];
            size_t handle_n = strnlen((char *)data, sizeof handle - 1) + 1;
            memcpy(handle, data, handle_n);
            if (pass_on)
                gearman_submit(&l, "results", data + n - RECORD);
            gearman_put(&l, WORK_COMPLETE, handle, (uint32_t)handle_n);
            gearman_put(&l, GRAB_JOB, "", 0);
            done++;
        }
    }
    line_flush(&l);
}

static void gearman_feed(uint16_t port, uint64_t count)
{
    static struct line l;
    uint8_t record[RECORD] = {1};
    l.fd = dial(port);
    for (uint64_t sent = 0, acknowledged = 0; acknowledged < count;) {
        for (; sent < count && sent - acknowledged < 200; sent++)
            gearman_submit(&l, "checks", record);
        uint8_t *data;
        uint32_t n;
        if (gearman_take(&l, &data, &n) == JOB_CREATED)
            acknowledged++;
    }
}

/* ---- NATS, text protocol --------------------------------------------------------------------------- */

static void nats_put(struct line *l, const char *text)
{
    line_put(l, text, strlen(text));
}

/* Takes one CRLF line; terminated. */
static char *nats_line(struct line *l)
{
    static char text[8192];
    size_t n = 0;
    for (;;) {
        char c = (char)*line_take(l, 1);
        if (c == '\n')
            break;
        if (c != '\r' && n < sizeof text - 1)
            text[n++] = c;
    }
    text[n] = '\0';
    return text;
}

/* Takes one message; other lines are answered or skipped. Gives reply subject and the payload's start. */
static void nats_message(struct line *l, char reply[256], char *payload, size_t size)
{
    for (;;) {
        char *text = nats_line(l), *save = NULL, *words[6];
        int n = 0;
        if (strncmp(text, "PING", 4) == 0)
            nats_put(l, "PONG\r\n");
        if (strncmp(text, "-ERR", 4) == 0) {
            (void)fprintf(stderr, "bench_peers: nats: %s\n", text);
            exit(1);
        }
        bool head = strncmp(text, "HMSG ", 5) == 0;
        if (!head && strncmp(text, "MSG ", 4) != 0)
            continue;
        for (char *w = strtok_r(text, " ", &save); w != NULL && n < 6; w = strtok_r(NULL, " ", &save))
            words[n++] = w;
        bool replies = n == (head ? 6 : 5);
        (void)snprintf(reply, 256, "%s", replies ? words[3] : "");
        size_t bytes = (size_t)strtoul(words[n - 1], NULL, 10);
        uint8_t *p = line_take(l, bytes + 2);
        if (payload != NULL)
            (void)snprintf(payload, size, "%.*s", (int)bytes, (char *)p);
        return;
    }
}

static void nats_open(struct line *l, uint16_t port, const char *inbox)
{
    char text[128];
    l->fd = dial(port);
    (void)nats_line(l);
    nats_put(l, "CONNECT {\"verbose\":false,\"headers\":true}\r\n");
    (void)snprintf(text, sizeof text, "SUB %s 1\r\n", inbox);
    nats_put(l, text);
}

static void nats_ask(struct line *l, const char *subject, const char *inbox, const char *payload)
{
    char text[1024], reply[256], answer[512];
    (void)snprintf(text, sizeof text, "PUB %s %s %zu\r\n%s\r\n", subject, inbox, strlen(payload), payload);
    nats_put(l, text);
    nats_message(l, reply, answer, sizeof answer);
    if (strstr(answer, "\"error\"") != NULL) {
        (void)fprintf(stderr, "bench_peers: nats refuses %s: %s\n", subject, answer);
        exit(1);
    }
}

static void nats_feed(uint16_t port, uint64_t count)
{
    static struct line l;
    uint8_t record[RECORD + 2];
    char reply[256];
    memset(record, 'r', RECORD);
    memcpy(record + RECORD, "\r\n", 2);
    nats_open(&l, port, "_INBOX.feed");
    nats_ask(&l, "$JS.API.STREAM.CREATE.CHECKS", "_INBOX.feed",
             "{\"name\":\"CHECKS\",\"subjects\":[\"checks\"],\"storage\":\"file\"}");
    for (uint64_t sent = 0, acknowledged = 0; acknowledged < count; acknowledged++) {
        for (; sent < count && sent - acknowledged < 1000; sent++) {
            nats_put(&l, "PUB checks _INBOX.feed 200\r\n");
            line_put(&l, record, sizeof record);
        }
        nats_message(&l, reply, NULL, 0);
    }
}

static void nats_eat(uint16_t port, uint64_t count)
{
    static struct line l;
    char reply[256], text[512];
    nats_open(&l, port, "_INBOX.eat");
    nats_ask(
        &l, "$JS.API.CONSUMER.DURABLE.CREATE.CHECKS.W", "_INBOX.eat",
        "{\"stream_name\":\"CHECKS\",\"config\":{\"durable_name\":\"W\",\"ack_policy\":\"explicit\",\"max_ack_pending\":5000}}");
    for (uint64_t got = 0; got < count;) {
        nats_put(&l, "PUB $JS.API.CONSUMER.MSG.NEXT.CHECKS.W _INBOX.eat 13\r\n{\"batch\":100}\r\n");
        for (uint64_t i = 0; i < 100 && got < count; i++, got++) {
            nats_message(&l, reply, NULL, 0);
            (void)snprintf(text, sizeof text, "PUB %s 0\r\n\r\n", reply);
            nats_put(&l, text);
        }
    }
    line_flush(&l);
}

/* ---- measuring ------------------------------------------------------------------------------------- */

static double children_cpu(void)
{
    struct rusage u;
    if (getrusage(RUSAGE_CHILDREN, &u) != 0)
        die("getrusage");
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void await(pid_t pid, const char *what)
{
    int status;
    if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        (void)fprintf(stderr, "bench_peers: %s failed (status %d)\n", what, status);
        exit(1);
    }
}

static void end(pid_t pid)
{
    int status;
    (void)kill(pid, SIGTERM);
    (void)waitpid(pid, &status, 0);
}

#define CHILD(pid, ...)                                                                                                            \
    do {                                                                                                                           \
        pid = fork();                                                                                                              \
        if (pid == 0) {                                                                                                            \
            __VA_ARGS__;                                                                                                           \
            _exit(0);                                                                                                              \
        }                                                                                                                          \
    } while (0)

int main(int argc, char **argv)
{
    bool nats = argc > 1 && strcmp(argv[1], "nats") == 0;
    uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : 50000;
    if (argc < 2 || count == 0 || (!nats && strcmp(argv[1], "gearmand") != 0)) {
        (void)fprintf(stderr, "usage: bench_peers gearmand|nats [RECORDS]\n");
        return 2;
    }
    const char *program = nats ? "/usr/sbin/nats-server" : "/usr/sbin/gearmand";
    if (access(program, X_OK) != 0 && access(program = nats ? "/usr/bin/nats-server" : program, X_OK) != 0) {
        (void)fprintf(stderr, "bench_peers: %s is not installed (ops/install-deps bench)\n", argv[1]);
        return NOT_INSTALLED;
    }
    uint16_t port = free_port();
    char port_text[8], dir[] = "/tmp/spice-peer-XXXXXX";
    (void)snprintf(port_text, sizeof port_text, "%u", port);
    if (mkdtemp(dir) == NULL)
        die("mkdtemp");
    char *gearmand_argv[] = {(char *)program, "--listen=127.0.0.1", "--port", port_text, "--log-file=none", "--threads=2", NULL};
    char *nats_argv[] = {(char *)program, "-a", "127.0.0.1", "-p", port_text, "-js", "-sd", dir, NULL};
    pid_t server = start_server(nats ? nats_argv : gearmand_argv), feeder, last, workers[WORKERS] = {0};
    (void)close(dial(port));
    double cpu = children_cpu();
    uint64_t start = sp_clock_mono_ns();
    CHILD(feeder, nats ? nats_feed(port, count) : gearman_feed(port, count));
    if (nats) {
        await(feeder, "producer");
        CHILD(last, nats_eat(port, count));
    } else {
        for (int i = 0; i < WORKERS; i++)
            CHILD(workers[i], gearman_work(port, "checks", true, 0));
        CHILD(last, gearman_work(port, "results", false, count));
        await(feeder, "scheduler");
    }
    await(last, "keeper");
    double seconds = (double)(sp_clock_mono_ns() - start) / 1e9;
    for (int i = 0; i < WORKERS && workers[i] > 0; i++)
        end(workers[i]);
    end(server);
    cpu = children_cpu() - cpu;
    char *rm[] = {"rm", "-rf", dir, NULL};
    pid_t cleaner = start_server(rm);
    await(cleaner, "clean-up");
    (void)printf("{\"peer\": \"%s\", \"records\": %llu, \"cpu_us_per_record\": %.2f, \"rate_per_s\": %.0f}\n", argv[1],
                 (unsigned long long)count, cpu * 1e6 / (double)count, (double)count / seconds);
    return 0;
}
