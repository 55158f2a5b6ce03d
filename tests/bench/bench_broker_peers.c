/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Thousands of CURVE peers: resident memory per connection and time until every one of them was admitted and answered, for the
 * broker (Hello, Welcome, a worker's session) and for a bare libzmq ROUTER with the smallest admission handler (one message, one
 * echo), in interleaved rounds with the same keys and the same client. Each peer is a DEALER of its own. The broker's handshake
 * limit is its default; what it does to peers that fall silent is put off, so that all of them are there when memory is read.
 * Output: JSON, one object per round; a line per server and round on standard error.
 */
#include <getopt.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

#include "bus_rig.h"
#include "msg.h"
#include "sp_clock.h"
#include "sp_envelope.h"
#include "sp_hex.h"

#define ROUNDS_MAX 15
#define WAIT_MS    60000 /* for all peers of one server; it takes seconds */
#define PAUSE_MS   5     /* of the client between two looks: it must not take the servers' share of the cores */
#define PART_ROWS  100u
#define PEERS_MAX  20000u

struct peer {
    char public_key[41], secret_key[41];
    uint8_t curve[32];
    char name[24];
    void *socket;
    unsigned next; /* a list, apart from the rest: peers that have not answered */
};

struct figure {
    double admit_s[ROUNDS_MAX], bytes[ROUNDS_MAX], cpu_s[ROUNDS_MAX];
};

static struct peer *peers;
static unsigned count = 4000, rounds = 5;
static struct bus_rig rig;

static void die(const char *what)
{
    fprintf(stderr, "bench_broker_peers: %s: %s\n", what, zmq_strerror(zmq_errno()));
    exit(2);
}

/* ---- the bare server ---- */

static int compare_curve(const void *a, const void *b)
{
    return memcmp(((const struct peer *)a)->curve, ((const struct peer *)b)->curve, 32);
}

static void *bare_zap(void *ctx)
{
    void *s = zmq_socket(ctx, ZMQ_REP);

    if (zmq_bind(s, "inproc://zeromq.zap.01") != 0)
        die("zap");
    for (;;) {
        struct peer wanted;
        char id[256];
        uint8_t frame[256];
        int n, more = 1, id_bytes = 0, at = 0;
        size_t size = sizeof more;

        memset(&wanted, 0, sizeof wanted);
        for (at = 0; more; at++) {
            n = zmq_recv(s, frame, sizeof frame, 0);
            if (n < 0)
                return NULL;
            if (at == 1) {
                memcpy(id, frame, (size_t)n);
                id_bytes = n;
            }
            if (at == 6)
                memcpy(wanted.curve, frame, 32);
            zmq_getsockopt(s, ZMQ_RCVMORE, &more, &size);
        }
        bool known = bsearch(&wanted, peers, count, sizeof *peers, compare_curve) != NULL;

        zmq_send(s, "1.0", 3, ZMQ_SNDMORE);
        zmq_send(s, id, (size_t)id_bytes, ZMQ_SNDMORE);
        zmq_send(s, known ? "200" : "400", 3, ZMQ_SNDMORE);
        zmq_send(s, "", 0, ZMQ_SNDMORE);
        zmq_send(s, "peer", 4, ZMQ_SNDMORE);
        zmq_send(s, "", 0, 0);
    }
}

/* The keys the bare server admits, as main() sorted them; it is a program of its own, so that no memory this one has used before is
 * there for it to use again. */
static void keys_save(const char *path)
{
    FILE *f = fopen(path, "wb");

    for (unsigned i = 0; f != NULL && i < count; i++)
        if (fwrite(peers[i].curve, sizeof peers[i].curve, 1, f) != 1)
            die(path);
    if (f == NULL || fclose(f) != 0)
        die(path);
}

static void keys_load(const char *path)
{
    FILE *f = fopen(path, "rb");

    peers = calloc(PEERS_MAX, sizeof *peers);
    count = 0;
    while (f != NULL && count < PEERS_MAX && fread(peers[count].curve, sizeof peers[count].curve, 1, f) == 1)
        count++;
    if (count == 0)
        die(path);
    fclose(f);
}

/* --serve ENDPOINT SECRET KEYS: says so on standard output when it is bound. */
_Noreturn static void bare_server(const char *endpoint, const char *secret, const char *keys)
{
    void *ctx = zmq_ctx_new(), *router = zmq_socket(ctx, ZMQ_ROUTER);
    int one = 1, backlog = 1024;
    pthread_t thread;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    keys_load(keys);
    pthread_create(&thread, NULL, bare_zap, ctx);
    zmq_setsockopt(router, ZMQ_CURVE_SERVER, &one, sizeof one);
    zmq_setsockopt(router, ZMQ_CURVE_SECRETKEY, secret, 41);
    zmq_setsockopt(router, ZMQ_ZAP_DOMAIN, "bench", 5);
    zmq_setsockopt(router, ZMQ_BACKLOG, &backlog, sizeof backlog);
    if (zmq_bind(router, endpoint) != 0 || write(1, "r", 1) != 1)
        die(endpoint);
    for (;;) {
        zmq_msg_t id, m;

        zmq_msg_init(&id);
        zmq_msg_init(&m);
        if (zmq_msg_recv(&id, router, 0) < 0 || zmq_msg_recv(&m, router, 0) < 0)
            die("bare server");
        zmq_msg_send(&id, router, ZMQ_SNDMORE);
        zmq_msg_send(&m, router, 0);
    }
}

/* ---- peers ---- */

static double resident(pid_t pid)
{
    char path[64];
    unsigned long long pages = 0;
    FILE *f;

    snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
    f = fopen(path, "r");
    if (f == NULL || fscanf(f, "%*u %llu", &pages) != 1)
        die(path);
    fclose(f);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static size_t hello_frame(const char *name, uint8_t *buf, size_t room, const uint8_t **p)
{
    struct msg_hello m = {.boot = 1, .software = sp_str_of("bench"), .adapters = sp_str_of("noop"), .slots = 10};
    struct sp_envelope head = {.type = SP_MSG_HELLO, .sender = sp_str_of(name), .sequence = 1};
    struct sp_packer w;
    struct sp_frame frame;

    sp_envelope_begin(&w, buf, room);
    if (msg_hello_encode(&w, &m) != SP_OK || sp_envelope_finish(&w, &head, 0, &frame) != SP_OK)
        die("Hello");
    *p = frame.p;
    return frame.n;
}

static void connect_all(void *ctx, const char *endpoint, const char *server_key)
{
    uint8_t buf[SP_ENVELOPE_BUFFER(MSG_HELLO_BYTES_MAX)];
    int zero = 0;

    for (unsigned i = 0; i < count; i++) {
        struct peer *p = &peers[i];
        const uint8_t *frame;
        size_t n = hello_frame(p->name, buf, sizeof buf, &frame);

        p->socket = zmq_socket(ctx, ZMQ_DEALER);
        if (p->socket == NULL)
            die("socket of a peer");
        zmq_setsockopt(p->socket, ZMQ_LINGER, &zero, sizeof zero);
        zmq_setsockopt(p->socket, ZMQ_CURVE_SERVERKEY, server_key, 41);
        zmq_setsockopt(p->socket, ZMQ_CURVE_PUBLICKEY, p->public_key, 41);
        zmq_setsockopt(p->socket, ZMQ_CURVE_SECRETKEY, p->secret_key, 41);
        if (zmq_connect(p->socket, endpoint) != 0 || zmq_send(p->socket, frame, n, ZMQ_DONTWAIT) < 0)
            die("peer");
    }
}

/* Looks only at those that have not answered yet. */
static void await_all(const char *server)
{
    uint64_t end = sp_clock_mono_ns() + (uint64_t)WAIT_MS * 1000000u;
    unsigned waiting = count;

    for (unsigned i = 0; i < count; i++)
        peers[i].next = i;
    while (waiting > 0) {
        unsigned before = waiting;

        for (unsigned i = 0; i < waiting;) {
            uint8_t reply[256];

            if (zmq_recv(peers[peers[i].next].socket, reply, sizeof reply, ZMQ_DONTWAIT) < 0)
                i++;
            else
                peers[i].next = peers[--waiting].next;
        }
        if (waiting == before)
            poll(NULL, 0, PAUSE_MS);
        if (waiting > 0 && sp_clock_mono_ns() > end) {
            fprintf(stderr, "bench_broker_peers: %s: %u of %u answered after %d s\n", server, count - waiting, count,
                    WAIT_MS / 1000);
            exit(3);
        }
    }
}

static void measure(pid_t pid, const char *endpoint, const char *server_key, struct figure *f, unsigned round, const char *server)
{
    void *ctx = zmq_ctx_new();
    double before = resident(pid);
    uint64_t start;

    zmq_ctx_set(ctx, ZMQ_MAX_SOCKETS, (int)count + 16);
    start = sp_clock_mono_ns();
    connect_all(ctx, endpoint, server_key);
    await_all(server);
    f->admit_s[round] = (double)(sp_clock_mono_ns() - start) / 1e9;
    f->bytes[round] = (resident(pid) - before) / (double)count;
    for (unsigned i = 0; i < count; i++)
        zmq_close(peers[i].socket);
    zmq_ctx_term(ctx);
    fprintf(stderr, "bench_broker_peers: round %u: %s: %u peers in %.2f s, %.0f bytes each\n", round + 1, server, count,
            f->admit_s[round], f->bytes[round]);
}

static void end_server(pid_t pid, int signo, struct figure *f, unsigned round)
{
    struct rusage ru;
    int status;

    kill(pid, signo);
    if (wait4(pid, &status, 0, &ru) == pid)
        f->cpu_s[round] = (double)ru.ru_utime.tv_sec + (double)ru.ru_stime.tv_sec +
                          ((double)ru.ru_utime.tv_usec + (double)ru.ru_stime.tv_usec) / 1e6;
}

static void round_bare(struct figure *f, unsigned round)
{
    char endpoint[128], keys[128], public_key[41], secret_key[41], ready;
    int fds[2];

    snprintf(endpoint, sizeof endpoint, "ipc://%s/run/bare%u", rig.dir, round);
    snprintf(keys, sizeof keys, "%s/run/admitted", rig.dir);
    keys_save(keys);
    if (zmq_curve_keypair(public_key, secret_key) != 0 || pipe(fds) != 0)
        die("bare server");
    pid_t pid = fork();

    if (pid == 0) {
        dup2(fds[1], 1);
        close(fds[0]);
        execl("/proc/self/exe", "bench_broker_peers", "--serve", endpoint, secret_key, keys, (char *)NULL);
        die("bare server");
    }
    close(fds[1]);
    if (read(fds[0], &ready, 1) != 1)
        die("bare server");
    close(fds[0]);
    measure(pid, endpoint, public_key, f, round, "bare ROUTER");
    end_server(pid, SIGKILL, f, round);
}

/* ---- the broker ---- */

struct told {
    bool up, seen;
    struct sp_bus *bus;
};

static void on_message(void *self, const struct sp_bus_message *m)
{
    struct told *t = self;

    t->seen = t->seen || m->type == SP_MSG_REFUSED || m->type == SP_MSG_ADMIN_REPLY;
}

static void on_link(void *self, unsigned broker, bool up, uint64_t boot)
{
    (void)broker;
    (void)boot;
    ((struct told *)self)->up = up;
}

static bool is_up(void *ctx)
{
    return ((struct told *)ctx)->up;
}

static bool is_told(void *ctx)
{
    return ((struct told *)ctx)->seen;
}

static void send_part(struct sp_bus *bus, uint32_t part, unsigned first)
{
    struct msg_principal_set m = {.version = 1, .part = part, .last = first + PART_ROWS >= count};
    struct sp_packer w;
    size_t room;
    uint8_t *body = sp_bus_body(bus, &room);

    sp_packer_init(&w, body, room);
    if (msg_principal_set_begin(&w, &m) != SP_OK)
        die("PrincipalSet");
    for (unsigned i = first; i < first + PART_ROWS && i < count; i++) {
        uint8_t none[32] = {0};
        struct rec_principal r = {.name = sp_str_of(peers[i].name),
                                  .role = SP_ROLE_WORKER,
                                  .curve = peers[i].curve,
                                  .sign = none,
                                  .adapters = sp_str_of("*"),
                                  .next_curve = none,
                                  .next_sign = none};

        if (rec_principal_put(&w, &r) != SP_OK)
            die("principal");
    }
    if (msg_principal_set_end(&w) != SP_OK)
        die("PrincipalSet");
    struct sp_bus_out out = {
        .type = SP_MSG_PRINCIPAL_SET, .dest = "b0", .broker = SP_BUS_ANY, .body = w.start, .body_bytes = sp_packer_bytes(&w)};

    if (sp_bus_send(bus, &out) != SP_BUS_SENT)
        die("PrincipalSet");
}

/* The keeper introduces the peers; a SyncRequest to a scheduler that is not there comes back as Refused, after all parts were
 * taken. */
static void introduce(void)
{
    struct told t = {0};
    struct sp_bus_options o;
    struct msg_sync_request sync = {.boot = 1};
    struct sp_packer w;
    size_t room;
    char why[512];

    bus_rig_options(&rig, "keeper", &o);
    o.self = &t;
    o.on_message = on_message;
    o.on_link = on_link;
    if (!sp_bus_open(&o, &t.bus, why, sizeof why) || !bus_rig_until(&rig, is_up, &t, 10000))
        die("keeper");
    for (unsigned i = 0; i < count; i += PART_ROWS)
        send_part(t.bus, i / PART_ROWS, i);
    uint8_t *body = sp_bus_body(t.bus, &room);

    sp_packer_init(&w, body, room);
    if (msg_sync_request_encode(&w, &sync) != SP_OK)
        die("SyncRequest");
    struct sp_bus_out out = {.type = SP_MSG_SYNC_REQUEST, .broker = SP_BUS_ANY, .body = w.start, .body_bytes = sp_packer_bytes(&w)};

    if (sp_bus_send(t.bus, &out) != SP_BUS_SENT)
        die("SyncRequest");
    if (!bus_rig_until(&rig, is_told, &t, 20000)) {
        fprintf(stderr, "bench_broker_peers: the broker does not take the principals\n");
        exit(3);
    }
    sp_bus_close(&t.bus, 100);
}

static void round_broker(struct figure *f, unsigned round)
{
    char endpoint[128];

    snprintf(endpoint, sizeof endpoint, "ipc://%s/run/b0", rig.dir);
    bus_rig_start(&rig, 0);
    introduce();
    measure(rig.pids[0], endpoint, rig.broker_keys[0]->curve_public_z85, f, round, "broker");
    end_server(rig.pids[0], SIGTERM, f, round);
    rig.pids[0] = 0;
}

static void report(const char *name, const struct figure *f, unsigned round)
{
    printf("\"%s\":{\"bytes_per_connection\":%.0f,\"admit_s\":%.3f,\"cpu_s\":%.3f}", name, f->bytes[round], f->admit_s[round],
           f->cpu_s[round]);
}

static unsigned number_of(const char *text, unsigned max)
{
    char *end = NULL;
    unsigned long v = strtoul(text, &end, 10);

    if (end == text || *end != '\0' || v == 0 || v > max) {
        fprintf(stderr, "bench_broker_peers: '%s' is no number from 1 to %u\n", text, max);
        exit(64);
    }
    return (unsigned)v;
}

int main(int argc, char **argv)
{
    static const struct bus_rig_client keeper[] = {{"keeper", SP_ROLE_KEEPER, NULL, NULL}};
    static const struct option options[] = {{"peers", required_argument, NULL, 'p'}, {"rounds", required_argument, NULL, 'r'}, {0}};
    static struct figure bare, broker;
    struct rlimit files;
    int c;

    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    if (argc == 5 && strcmp(argv[1], "--serve") == 0)
        bare_server(argv[2], argv[3], argv[4]);
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c == 'p')
            count = number_of(optarg, PEERS_MAX);
        else if (c == 'r')
            rounds = number_of(optarg, ROUNDS_MAX);
        else
            return 64;
    }
    if (files.rlim_cur < 2u * count + 64u)
        fprintf(stderr, "bench_broker_peers: only %llu descriptors for %u peers\n", (unsigned long long)files.rlim_cur, count);
    peers = calloc(count, sizeof *peers);
    for (unsigned i = 0; i < count; i++) {
        if (zmq_curve_keypair(peers[i].public_key, peers[i].secret_key) != 0)
            die("keys");
        (void)sp_hex_z85_parse(sp_str_of(peers[i].public_key), peers[i].curve, 32);
        snprintf(peers[i].name, sizeof peers[i].name, "peer-%u", i);
    }
    qsort(peers, count, sizeof *peers, compare_curve);
    bus_rig_init(&rig, 1, keeper, 1, "bus:\n  lost: 5m\nbroker:\n  max_peers: 16384\n  memory_mb: 4096\nlog:\n  level: notice\n");
    for (unsigned i = 0; i < rounds; i++) {
        round_bare(&bare, i);
        round_broker(&broker, i);
    }
    printf("{\"peers\":%u,\"rounds\":[", count);
    for (unsigned i = 0; i < rounds; i++) {
        printf("%s{", i > 0 ? "," : "");
        report("bare", &bare, i);
        printf(",");
        report("broker", &broker, i);
        printf("}");
    }
    printf("]}\n");
    bus_rig_fini(&rig);
    free(peers);
    return 0;
}
