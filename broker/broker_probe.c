/* SPDX-License-Identifier: Apache-2.0 */
#include "broker_probe.h"

#include <string.h>
#include <zmq.h>

#define MONITOR "inproc://probe"
#define EVENTS  (ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH)

const char *broker_probe_verdict(const struct broker_probe_case *c)
{
    if (c->result == BROKER_PROBE_ADMITTED)
        return "self-probe: an unknown key was admitted";
    if (c->result == BROKER_PROBE_NOTHING && c->failures >= (c->proven || c->judged ? BROKER_PROBE_FAILURES_MAX : 1u))
        return "self-probe: no answer from our own endpoint";
    return NULL;
}

void broker_probe_stop(struct broker_probe *p)
{
    if (p->zmq == NULL)
        return;
    if (p->fd >= 0)
        sp_loop_del(p->loop, p->fd);
    if (p->socket != NULL) {
        zmq_socket_monitor(p->socket, NULL, 0);
        zmq_close(p->socket);
    }
    if (p->monitor != NULL)
        zmq_close(p->monitor);
    zmq_ctx_term(p->zmq);
    p->zmq = NULL;
    p->socket = NULL;
    p->monitor = NULL;
    p->fd = -1;
}

static void finish(struct broker_probe *p, enum broker_probe_result result)
{
    broker_probe_stop(p);
    p->done(p->ctx, result);
}

static void on_monitor(void *ctx, uint32_t events, const struct sp_now *now)
{
    struct broker_probe *p = ctx;

    (void)events;
    (void)now;
    for (;;) {
        uint8_t head[64], rest[512];
        uint16_t event = 0;
        int n = zmq_recv(p->monitor, head, sizeof head, ZMQ_DONTWAIT), more = 0;
        size_t size = sizeof more;

        if (n < 0)
            return;
        if (n >= 2)
            memcpy(&event, head, 2);
        if (zmq_getsockopt(p->monitor, ZMQ_RCVMORE, &more, &size) == 0 && more)
            (void)zmq_recv(p->monitor, rest, sizeof rest, ZMQ_DONTWAIT);
        if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED || event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH) {
            finish(p, event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED ? BROKER_PROBE_ADMITTED : BROKER_PROBE_REFUSED);
            return;
        }
    }
}

static bool open_sockets(struct broker_probe *p, const char *endpoint, const char *server_key)
{
    char public_key[41], secret_key[41];
    int zero = 0;
    size_t size = sizeof p->fd;

    p->zmq = zmq_ctx_new();
    if (p->zmq == NULL)
        return false;
    p->socket = zmq_socket(p->zmq, ZMQ_DEALER);
    p->monitor = zmq_socket(p->zmq, ZMQ_PAIR);
    return p->socket != NULL && p->monitor != NULL && zmq_curve_keypair(public_key, secret_key) == 0 &&
           zmq_setsockopt(p->socket, ZMQ_CURVE_SERVERKEY, server_key, 41) == 0 &&
           zmq_setsockopt(p->socket, ZMQ_CURVE_PUBLICKEY, public_key, 41) == 0 &&
           zmq_setsockopt(p->socket, ZMQ_CURVE_SECRETKEY, secret_key, 41) == 0 &&
           zmq_setsockopt(p->socket, ZMQ_LINGER, &zero, sizeof zero) == 0 &&
           zmq_setsockopt(p->monitor, ZMQ_LINGER, &zero, sizeof zero) == 0 && zmq_socket_monitor(p->socket, MONITOR, EVENTS) == 0 &&
           zmq_connect(p->monitor, MONITOR) == 0 && zmq_getsockopt(p->monitor, ZMQ_FD, &p->fd, &size) == 0 &&
           zmq_connect(p->socket, endpoint) == 0;
}

bool broker_probe_start(struct broker_probe *p, const char *endpoint, const char *server_key, uint64_t now_us)
{
    if (p->zmq != NULL)
        return true;
    p->fd = -1;
    if (!open_sockets(p, endpoint, server_key) ||
        sp_loop_add(p->loop, p->fd, EPOLLIN, (struct sp_loop_watch){on_monitor, p}) != SP_OK) {
        p->fd = -1;
        broker_probe_stop(p);
        return false;
    }
    p->deadline_us = now_us + (BROKER_PROBE_MS + p->handshake_ms) * SP_US_PER_MS;
    on_monitor(p, 0, NULL);
    return true;
}

void broker_probe_tick(struct broker_probe *p, uint64_t now_us)
{
    if (p->zmq != NULL && now_us >= p->deadline_us)
        finish(p, BROKER_PROBE_NOTHING);
}

uint64_t broker_probe_deadline(const struct broker_probe *p)
{
    return p->zmq != NULL ? p->deadline_us : SP_NEVER;
}
