/* SPDX-License-Identifier: Apache-2.0 */
#include "amqp_link.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "amqp_link_parts.h"
#include "sp_str.h"

#define STACK_BYTES  (8u << 20) /* decoding nested tables recurses; pitfall C10 */
#define PUBLISH_TURN 64u        /* publishes between two looks at what came in */

static void signal_fd(int fd)
{
    uint64_t one = 1;
    ssize_t n = write(fd, &one, sizeof one); /* full means that it is signalled already */
    (void)n;
}

static void append(struct amqp_link_list *list, struct amqp_link_node *node)
{
    node->next = NULL;
    if (list->tail != NULL)
        list->tail->next = node;
    else
        list->head = node;
    list->tail = node;
}

static struct amqp_link_node *first(struct amqp_link_list *list)
{
    struct amqp_link_node *node = list->head;
    if (node != NULL) {
        list->head = node->next;
        list->tail = list->head == NULL ? NULL : list->tail;
    }
    return node;
}

/* ---- the link's thread ---- */

bool amqp_link_post(struct amqp_link *link, struct amqp_link_event *event, uint64_t delivery_tag)
{
    struct amqp_link_node *node = calloc(1, sizeof *node);
    if (node == NULL) {
        free(event->body);
        event->body = NULL;
        return false;
    }
    node->u.event = *event;
    node->delivery_tag = delivery_tag;
    node->generation = link->generation;
    pthread_mutex_lock(&link->lock);
    append(&link->events, node);
    pthread_mutex_unlock(&link->lock);
    signal_fd(link->o.wake_fd);
    return true;
}

void amqp_link_breakable(struct amqp_link *link, int fd)
{
    int copy = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1; /* of our own: the library closes the other when it likes */
    pthread_mutex_lock(&link->lock);
    int old = link->break_fd;
    link->break_fd = copy;
    pthread_mutex_unlock(&link->lock);
    if (old >= 0)
        close(old);
}

static void lose(struct amqp_link *link, const char *why)
{
    amqp_link_wire_close(link, false);
    pthread_mutex_lock(&link->lock);
    struct amqp_link_node *node;
    while ((node = first(&link->messages)) != NULL) { /* given for this connection; the core still has them */
        free(node->u.message.body);
        free(node);
    }
    link->lost = true;
    (void)sp_str_copy(link->lost_why, sizeof link->lost_why, sp_str_of(why));
    pthread_mutex_unlock(&link->lock);
    signal_fd(link->o.wake_fd);
}

static void attempt(struct amqp_link *link)
{
    char why[AMQP_LINK_WHY_BYTES] = "";
    char host[256], user[256], password[256];
    pthread_mutex_lock(&link->lock);
    link->connect_wanted = false;
    (void)sp_str_copy(host, sizeof host, sp_str_of(link->host));
    (void)sp_str_copy(user, sizeof user, sp_str_of(link->user));
    (void)sp_str_copy(password, sizeof password, sp_str_of(link->password));
    struct amqp_link_host to = {host, link->port, user, password};
    explicit_bzero(link->password, sizeof link->password);
    pthread_mutex_unlock(&link->lock);
    link->generation++;
    bool up = amqp_link_wire_open(link, &to, why);
    explicit_bzero(password, sizeof password);
    struct amqp_link_event event = {.kind = AMQP_LINK_UP};
    if (!up || !amqp_link_post(link, &event, 0))
        lose(link, up ? "no memory" : why);
}

/* Publishes what was given, a bounded number at a time. False: the connection is lost. */
static bool publish_some(struct amqp_link *link, bool *more, char *why)
{
    *more = false;
    for (unsigned i = 0; i < PUBLISH_TURN; i++) {
        pthread_mutex_lock(&link->lock);
        struct amqp_link_node *node = first(&link->messages);
        *more = link->messages.head != NULL;
        pthread_mutex_unlock(&link->lock);
        if (node == NULL)
            return true;
        bool good = amqp_link_wire_publish(link, &node->u.message, why);
        free(node->u.message.body);
        free(node);
        if (!good)
            return false;
    }
    return true;
}

static bool acknowledge(struct amqp_link *link, char *why)
{
    pthread_mutex_lock(&link->lock);
    uint64_t up_to = link->take_generation == link->generation ? link->take_tag : 0;
    pthread_mutex_unlock(&link->lock);
    if (up_to <= link->acked)
        return true;
    link->acked = up_to;
    return amqp_link_wire_ack(link, up_to, why);
}

static void serve(struct amqp_link *link)
{
    char why[AMQP_LINK_WHY_BYTES] = "";
    bool more = false;
    struct pollfd fds[2] = {{.fd = amqp_link_wire_fd(link), .events = POLLIN}, {.fd = link->wake_fd, .events = POLLIN}};
    int wait_ms = (int)link->o.heartbeat_s * 500 < 1000 ? (int)link->o.heartbeat_s * 500 : 1000;
    if (amqp_link_wire_pending(link))
        wait_ms = 0;
    (void)poll(fds, 2, wait_ms);
    uint64_t woken;
    ssize_t n = read(link->wake_fd, &woken, sizeof woken);
    (void)n;
    /* Reading comes first: a publish that finds unread input for too long waits for ever in librabbitmq 0.11. */
    bool good = amqp_link_wire_read(link, why) && acknowledge(link, why) && publish_some(link, &more, why);
    if (!good)
        lose(link, why);
    else if (more)
        signal_fd(link->wake_fd);
}

static void *run(void *arg)
{
    struct amqp_link *link = arg;
    for (;;) {
        pthread_mutex_lock(&link->lock);
        bool stop = link->stop, connect = link->connect_wanted;
        pthread_mutex_unlock(&link->lock);
        if (stop) {
            amqp_link_wire_close(link, true);
            return NULL;
        }
        if (link->conn != NULL) {
            serve(link);
        } else if (connect) {
            attempt(link);
        } else {
            struct pollfd fd = {.fd = link->wake_fd, .events = POLLIN};
            (void)poll(&fd, 1, -1);
            uint64_t woken;
            ssize_t n = read(link->wake_fd, &woken, sizeof woken);
            (void)n;
        }
    }
}

/* ---- the main thread ---- */

bool amqp_link_open(const struct amqp_link_options *options, struct amqp_link **out)
{
    struct amqp_link *link = calloc(1, sizeof *link);
    pthread_attr_t attr;
    if (link == NULL)
        return false;
    link->o = *options;
    link->break_fd = -1;
    link->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (link->wake_fd < 0) {
        free(link);
        return false;
    }
    (void)pthread_mutex_init(&link->lock, NULL);
    (void)pthread_attr_init(&attr);
    bool started = pthread_attr_setstacksize(&attr, STACK_BYTES) == 0 && pthread_create(&link->thread, &attr, run, link) == 0;
    (void)pthread_attr_destroy(&attr);
    if (!started) {
        (void)pthread_mutex_destroy(&link->lock);
        close(link->wake_fd);
        free(link);
        return false;
    }
    *out = link;
    return true;
}

void amqp_link_close(struct amqp_link **link_p)
{
    struct amqp_link *link = *link_p;
    struct amqp_link_node *node;
    if (link == NULL)
        return;
    pthread_mutex_lock(&link->lock);
    link->stop = true;
    pthread_mutex_unlock(&link->lock);
    signal_fd(link->wake_fd);
    amqp_link_abort(link); /* whatever it is waiting for; what matters was confirmed or will be made anew */
    (void)pthread_join(link->thread, NULL);
    amqp_link_breakable(link, -1);
    while ((node = first(&link->messages)) != NULL) {
        free(node->u.message.body);
        free(node);
    }
    while ((node = first(&link->events)) != NULL) {
        free(node->u.event.body);
        free(node);
    }
    (void)pthread_mutex_destroy(&link->lock);
    close(link->wake_fd);
    explicit_bzero(link->password, sizeof link->password);
    free(link);
    *link_p = NULL;
}

void amqp_link_connect(struct amqp_link *link, const struct amqp_link_host *host)
{
    pthread_mutex_lock(&link->lock);
    (void)sp_str_copy(link->host, sizeof link->host, sp_str_of(host->host));
    (void)sp_str_copy(link->user, sizeof link->user, sp_str_of(host->user));
    (void)sp_str_copy(link->password, sizeof link->password, sp_str_of(host->password));
    link->port = host->port;
    link->connect_wanted = true;
    pthread_mutex_unlock(&link->lock);
    signal_fd(link->wake_fd);
}

void amqp_link_publish(struct amqp_link *link, struct amqp_link_message *message)
{
    struct amqp_link_node *node = calloc(1, sizeof *node);
    if (node == NULL) { /* as if it was sent and never confirmed: the core's deadline finds it */
        free(message->body);
        message->body = NULL;
        return;
    }
    node->u.message = *message;
    message->body = NULL;
    pthread_mutex_lock(&link->lock);
    bool wake = link->messages.head == NULL;
    append(&link->messages, node);
    pthread_mutex_unlock(&link->lock);
    if (wake)
        signal_fd(link->wake_fd);
}

void amqp_link_abort(struct amqp_link *link)
{
    pthread_mutex_lock(&link->lock);
    if (link->break_fd >= 0)
        (void)shutdown(link->break_fd, SHUT_RDWR);
    pthread_mutex_unlock(&link->lock);
}

bool amqp_link_next(struct amqp_link *link, struct amqp_link_event *out)
{
    pthread_mutex_lock(&link->lock);
    struct amqp_link_node *node = first(&link->events);
    bool lost = node == NULL && link->lost;
    if (node != NULL && node->delivery_tag != 0) {
        link->take_tag = node->delivery_tag;
        link->take_generation = node->generation;
    }
    if (lost) {
        link->lost = false;
        *out = (struct amqp_link_event){.kind = AMQP_LINK_LOST};
        (void)sp_str_copy(out->why, sizeof out->why, sp_str_of(link->lost_why));
    }
    pthread_mutex_unlock(&link->lock);
    if (node == NULL)
        return lost;
    if (node->delivery_tag != 0)
        signal_fd(link->wake_fd);
    *out = node->u.event;
    free(node);
    return true;
}
