/* SPDX-License-Identifier: Apache-2.0 */
/* What librabbitmq alone publishes with confirms: messages of a file, one after the other, as many without a confirm as the window
 * allows.
 *
 *   bench_amqp HOST PORT USER PASSWORD VHOST FILE WINDOW
 *
 * FILE: for each message three 32-bit lengths of this machine's byte order (exchange, key, body), then the three. Output: a JSON
 * object. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>

#if __has_include(<rabbitmq-c/amqp.h>)
#include <rabbitmq-c/amqp.h>
#include <rabbitmq-c/tcp_socket.h>
#else
#include <amqp.h>
#include <amqp_tcp_socket.h>
#endif

#define CHANNEL      1
#define FRAME_MAX    131072
#define LOOK_EVERY   64u /* publishes between two looks at what came in, as in the bridge */
#define MESSAGES_MAX 1000000u
#define FILE_MAX     (1L << 30)

struct message {
    amqp_bytes_t exchange, key, body;
};

struct run {
    amqp_connection_state_t conn;
    struct message *messages;
    size_t count;
    uint64_t bytes, published, confirmed;
    uint64_t window, below; /* all tags below are confirmed */
    bool *acked;            /* by tag */
};

static void die(const char *what)
{
    (void)fprintf(stderr, "bench_amqp: %s\n", what);
    exit(2);
}

static double now_s(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The bytes stay for the life of the program. */
static void load(struct run *r, const char *path)
{
    FILE *f = fopen(path, "rb");
    struct stat st;
    if (f == NULL || fstat(fileno(f), &st) != 0 || st.st_size <= 0 || st.st_size > FILE_MAX)
        die("no file of messages");
    size_t size = (size_t)st.st_size, at = 0;
    char *all = malloc(size);
    r->messages = calloc(MESSAGES_MAX, sizeof *r->messages);
    r->acked = calloc(MESSAGES_MAX + 2, sizeof *r->acked);
    r->below = 1;
    if (all == NULL || r->messages == NULL || r->acked == NULL || fread(all, 1, size, f) != size)
        die("the file cannot be read");
    (void)fclose(f);
    while (at < size) {
        uint32_t n[3];
        if (r->count == MESSAGES_MAX || size - at < sizeof n)
            die("a broken file");
        memcpy(n, all + at, sizeof n);
        at += sizeof n;
        if ((uint64_t)n[0] + n[1] + n[2] > size - at)
            die("a broken file");
        r->messages[r->count++] = (struct message){{n[0], all + at}, {n[1], all + at + n[0]}, {n[2], all + at + n[0] + n[1]}};
        at += (size_t)n[0] + n[1] + n[2];
        r->bytes += n[2];
    }
}

static void must(amqp_rpc_reply_t reply, const char *what)
{
    if (reply.reply_type != AMQP_RESPONSE_NORMAL)
        die(what);
}

static void connect_to(struct run *r, char **argv)
{
    r->conn = amqp_new_connection();
    amqp_socket_t *socket = amqp_tcp_socket_new(r->conn);
    if (socket == NULL || amqp_socket_open(socket, argv[1], atoi(argv[2])) != AMQP_STATUS_OK)
        die("no connection");
    must(amqp_login(r->conn, argv[5], 1, FRAME_MAX, 0, AMQP_SASL_METHOD_PLAIN, argv[3], argv[4]), "login");
    amqp_channel_open(r->conn, CHANNEL);
    must(amqp_get_rpc_reply(r->conn), "channel");
    amqp_confirm_select(r->conn, CHANNEL);
    must(amqp_get_rpc_reply(r->conn), "confirm.select");
}

/* Takes the confirms that are there; waits for one when told to. */
static void take(struct run *r, bool wait)
{
    struct timeval none = {0, 0}, *limit = wait ? NULL : &none;
    amqp_frame_t frame;
    int status;
    while ((status = amqp_simple_wait_frame_noblock(r->conn, &frame, limit)) == AMQP_STATUS_OK) {
        limit = &none;
        if (frame.frame_type != AMQP_FRAME_METHOD || frame.payload.method.id != AMQP_BASIC_ACK_METHOD)
            die("something else than a confirm came");
        const amqp_basic_ack_t *ack = frame.payload.method.decoded;
        if (ack->delivery_tag == 0 || ack->delivery_tag > r->published)
            die("a confirm of something never sent");
        for (uint64_t tag = ack->multiple ? r->below : ack->delivery_tag; tag <= ack->delivery_tag; tag++) {
            r->confirmed += !r->acked[tag];
            r->acked[tag] = true;
        }
        while (r->below <= r->published && r->acked[r->below])
            r->below++;
    }
    if (status != AMQP_STATUS_TIMEOUT)
        die("the connection is lost");
    amqp_maybe_release_buffers(r->conn);
}

static void publish_all(struct run *r)
{
    amqp_basic_properties_t p = {._flags = AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_CONTENT_ENCODING_FLAG |
                                           AMQP_BASIC_HEADERS_FLAG | AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_PRIORITY_FLAG,
                                 .content_type = amqp_cstring_bytes("application/json"),
                                 .content_encoding = amqp_cstring_bytes("utf-8"),
                                 .headers = amqp_empty_table,
                                 .delivery_mode = 2,
                                 .priority = 0};
    for (size_t i = 0; i < r->count; i++) {
        const struct message *m = &r->messages[i];
        while (r->published - r->confirmed >= r->window)
            take(r, true);
        if (amqp_basic_publish(r->conn, CHANNEL, m->exchange, m->key, 0, 0, &p, m->body) != AMQP_STATUS_OK)
            die("publish");
        if (++r->published % LOOK_EVERY == 0)
            take(r, false);
    }
    while (r->confirmed < r->published)
        take(r, true);
}

int main(int argc, char **argv)
{
    struct run r = {0};
    if (argc != 8)
        die("usage: bench_amqp HOST PORT USER PASSWORD VHOST FILE WINDOW");
    r.window = strtoull(argv[7], NULL, 10);
    if (r.window == 0)
        die("the window must be positive");
    load(&r, argv[6]);
    connect_to(&r, argv);
    double start = now_s();
    publish_all(&r);
    double seconds = now_s() - start;
    (void)amqp_connection_close(r.conn, AMQP_REPLY_SUCCESS);
    (void)amqp_destroy_connection(r.conn);
    (void)printf("{\"messages\": %zu, \"bytes\": %llu, \"seconds\": %.6f}\n", r.count, (unsigned long long)r.bytes, seconds);
    return 0;
}
