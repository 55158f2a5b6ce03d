/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of amqp_link, shared by its files only: amqp_link.c (thread and queues), amqp_link_wire.c (the protocol, by librabbitmq).
 * Fields below `lock` are shared between the two threads; all others belong to the link's thread. */
#ifndef AMQP_LINK_PARTS_H
#define AMQP_LINK_PARTS_H

#include <pthread.h>

#include "amqp_link.h"

#define AMQP_LINK_FLIGHT_MAX 8192u /* publishes without confirm; a power of two above any window */

/* One publish on its way. The broker's tag of it is its place, counted from 1 per connection. */
struct amqp_link_flight {
    uint64_t tag;
    uint64_t hash; /* of a mandatory message's body: tells which one came back */
    bool returned, open;
};

/* A delivery or return while its frames arrive. */
struct amqp_link_incoming {
    enum { AMQP_LINK_IDLE, AMQP_LINK_HEADER, AMQP_LINK_BODY } phase;
    bool is_return, discard;
    uint64_t delivery_tag;
    size_t size; /* of the whole body */
    struct amqp_link_event event;
};

struct amqp_link_node {
    struct amqp_link_node *next;
    uint64_t delivery_tag; /* events: to acknowledge when taken, 0: none */
    uint64_t generation;   /* connection it came by */
    union {
        struct amqp_link_event event;
        struct amqp_link_message message;
    } u;
};
struct amqp_link_list {
    struct amqp_link_node *head, *tail;
};

struct amqp_link {
    struct amqp_link_options o;
    pthread_t thread;
    int wake_fd; /* eventfd: the main thread wants something */
    void *conn;  /* amqp_connection_state_t; NULL: not connected */
    uint64_t generation;
    struct amqp_link_incoming in;
    struct amqp_link_flight flights[AMQP_LINK_FLIGHT_MAX];
    uint64_t published, settled; /* publishes sent; all up to here are answered */
    uint64_t acked;              /* delivery tag */
    bool foreign_missing;        /* of this connection */
    uint64_t dropped;            /* deliveries too large */
    pthread_mutex_t lock;
    struct amqp_link_list events;   /* to the main thread */
    struct amqp_link_list messages; /* from it */
    bool lost;                      /* one LOST event follows the list */
    char lost_why[AMQP_LINK_WHY_BYTES];
    bool connect_wanted, stop;
    char host[256], user[256], password[256];
    uint16_t port;
    uint64_t take_tag, take_generation; /* deliveries up to here were taken */
    int break_fd;                       /* a duplicate of the socket's descriptor, -1: none */
};

/* amqp_link.c: for the thread. Takes event->body. False: no memory. */
bool amqp_link_post(struct amqp_link *link, struct amqp_link_event *event, uint64_t delivery_tag);
/* Effect: the socket may be broken from outside from now on (fd -1: no more). */
void amqp_link_breakable(struct amqp_link *link, int fd);

/* amqp_link_wire.c. False: *why says what happened, and the connection is useless. */
bool amqp_link_wire_open(struct amqp_link *link, const struct amqp_link_host *host, char why[AMQP_LINK_WHY_BYTES]);
void amqp_link_wire_close(struct amqp_link *link, bool clean);
int amqp_link_wire_fd(const struct amqp_link *link);
/* True when frames wait inside the library, whatever the socket says. */
bool amqp_link_wire_pending(const struct amqp_link *link);
bool amqp_link_wire_read(struct amqp_link *link, char why[AMQP_LINK_WHY_BYTES]);
bool amqp_link_wire_publish(struct amqp_link *link, const struct amqp_link_message *message, char why[AMQP_LINK_WHY_BYTES]);
bool amqp_link_wire_ack(struct amqp_link *link, uint64_t up_to, char why[AMQP_LINK_WHY_BYTES]);

#endif
