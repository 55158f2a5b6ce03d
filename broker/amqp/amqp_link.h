/* SPDX-License-Identifier: Apache-2.0 */
/* One connection to RabbitMQ on a thread of its own: the calls of librabbitmq block, and a stalled connection must not stall the
 * bridge (pitfalls C1, C2). The thread does nothing but I/O. Commands go in and events come out through bounded queues; all
 * functions here are for the one thread that opened the link. Only this file includes the AMQP library.
 *
 * A delivery is acknowledged when it is taken with amqp_link_next, so the broker's prefetch bounds what waits. Confirms, returns
 * and refusals come back by the tag given to amqp_link_publish. */
#ifndef AMQP_LINK_H
#define AMQP_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AMQP_LINK_WHY_BYTES   256u
#define AMQP_LINK_NAME_BYTES  256u /* AMQP short string and its NUL */
#define AMQP_LINK_DECLARE_MAX 24u
#define AMQP_LINK_FRAME_MAX   131072 /* pitfall C10 */

struct amqp_link;

enum amqp_link_verb { AMQP_LINK_EXCHANGE, AMQP_LINK_QUEUE, AMQP_LINK_CONSUME };

/* What has to be there; done in this order after each login. Names are borrowed for the life of the link. When something exists
 * with other flags (406), it is used as it is. */
struct amqp_link_declare {
    enum amqp_link_verb verb;
    const char *exchange; /* EXCHANGE; QUEUE: bound to it, NULL: not bound */
    const char *type;     /* EXCHANGE: topic, fanout */
    const char *queue;    /* QUEUE, CONSUME */
    const char *key;      /* QUEUE: of the binding */
    bool durable, auto_delete, quorum;
    bool foreign;            /* EXCHANGE: others declare it, it is only looked for; QUEUE, CONSUME: left out when it is not there */
    uint32_t delivery_limit; /* quorum; 0: not given */
    uint32_t expires_ms;     /* 0: not given */
    uint32_t length_max;     /* 0: not given; the oldest make room */
    uint32_t ttl_ms;         /* of messages; 0: not given */
};

struct amqp_link_options {
    const char *name; /* connection_name, for people who look at the broker */
    bool consumer;    /* consumes; else publishes with confirms */
    const char *vhost;
    uint32_t heartbeat_s;
    uint32_t prefetch;       /* per consumer */
    uint32_t body_bytes_max; /* larger deliveries are acknowledged and dropped */
    bool external;           /* login by certificate */
    bool ssl;
    const char *ca_file, *cert_file, *key_file; /* NULL or "": none */
    struct amqp_link_declare declares[AMQP_LINK_DECLARE_MAX];
    uint32_t declare_count;
    int wake_fd; /* eventfd that is counted up when events wait; borrowed */
};

/* Everything is copied. */
struct amqp_link_host {
    const char *host;
    uint16_t port;
    const char *user, *password;
};

struct amqp_link_message {
    char exchange[AMQP_LINK_NAME_BYTES];
    char key[AMQP_LINK_NAME_BYTES];
    bool mandatory;
    uint8_t *body; /* heap */
    size_t bytes;
    uint64_t tag;
};

enum amqp_link_event_kind {
    AMQP_LINK_UP,
    AMQP_LINK_LOST, /* why */
    AMQP_LINK_BLOCKED,
    AMQP_LINK_UNBLOCKED,
    AMQP_LINK_CONFIRMED, /* tag */
    AMQP_LINK_REFUSED,   /* tag */
    AMQP_LINK_RETURNED,  /* tag */
    AMQP_LINK_DELIVERY,
    AMQP_LINK_NOTE /* something people should read: why */
};

struct amqp_link_event {
    enum amqp_link_event_kind kind;
    uint64_t tag;
    char why[AMQP_LINK_WHY_BYTES]; /* LOST, NOTE, BLOCKED; holds no credentials */
    bool redelivered;
    bool json; /* content type is application/json */
    bool zlib; /* headers say it is compressed */
    char exchange[AMQP_LINK_NAME_BYTES], key[AMQP_LINK_NAME_BYTES];
    uint8_t *body; /* heap, the taker's; NULL when there is none */
    size_t bytes;
};

/* Effect: starts the thread; nothing is connected. Gives *out; false: no memory or thread. Strings of options are borrowed for the
 * life. */
bool amqp_link_open(const struct amqp_link_options *options, struct amqp_link **out);
/* Effect: breaks the connection, ends the thread, frees all, nulls *link. A short time is given to messages on their way when
 * clean. */
void amqp_link_close(struct amqp_link **link);
/* Effect: one attempt to connect, log in and declare; ends in UP or LOST. */
void amqp_link_connect(struct amqp_link *link, const struct amqp_link_host *host);
/* Effect: publishes. Takes message->body on success and failure alike. */
void amqp_link_publish(struct amqp_link *link, struct amqp_link_message *message);
/* Effect: breaks the connection from outside, whatever the thread is waiting for; LOST follows. */
void amqp_link_abort(struct amqp_link *link);
/* Effect: takes the oldest event. False: none. The body is the caller's to free. */
bool amqp_link_next(struct amqp_link *link, struct amqp_link_event *out);

#endif
