/* SPDX-License-Identifier: Apache-2.0 */
/* One connection: socket options, what the monitor tells, and the session: Hello, Welcome, Heartbeat, silence. */
#include <errno.h>
#include <stdio.h>
#include <zmq.h>

#include "sp_bus_parts.h"
#include "sp_hash.h"
#include "sp_log.h"

#define MONITOR_EVENTS                                                                                                             \
    (ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_CONNECT_RETRIED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |        \
     ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL)

static bool set_int(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof value) == 0;
}

/* A share of the base that depends on our name only: a fleet whose broker restarts comes back spread over one interval. */
static uint32_t jitter_ms(const struct sp_bus_link *link, uint32_t base_ms)
{
    static const uint8_t key[16] = "reconnect jitter";

    return (uint32_t)(sp_hash_sip(key, link->bus->name, strlen(link->bus->name)) % (base_ms + 1u));
}

/* Over TCP a connection can be dead without anybody knowing (pitfall A23). On this host the kernel knows, and the peer that is alive and
 * stuck is found by the session's own Heartbeat; so pings there would be wake-ups for nothing. */
static bool set_heartbeat(struct sp_bus_link *link, bool local)
{
    const struct sp_conf_bus *conf = &link->bus->o.conf->bus;
    int lost = local ? 0 : (int)conf->lost_ms;

    return set_int(link->socket, ZMQ_HEARTBEAT_IVL, local ? 0 : (int)conf->heartbeat_ms) &&
           set_int(link->socket, ZMQ_HEARTBEAT_TIMEOUT, lost) && set_int(link->socket, ZMQ_HEARTBEAT_TTL, lost);
}

static bool is_local(const struct sp_bus_link *link)
{
    return strncmp(link->conf->endpoints[link->endpoint], "ipc://", 6) == 0;
}

/* Processes of one host beat at the same moments, so that an idle broker wakes fewer times for them: those that come together are
 * answered together. Those who come over the network, maybe thousands, stay spread as they came. Never later than one interval from
 * now. */
static uint64_t next_beat_us(const struct sp_bus_link *link, uint64_t now_us)
{
    uint64_t interval_us = (uint64_t)link->heartbeat_ms * SP_US_PER_MS;

    return is_local(link) ? sp_time_next_multiple(now_us, interval_us) : now_us + interval_us;
}

static bool set_reconnect(struct sp_bus_link *link)
{
    const struct sp_conf_bus *conf = &link->bus->o.conf->bus;
    uint32_t base = link->bus->o.reconnect_ms != 0 ? link->bus->o.reconnect_ms : (uint32_t)conf->reconnect_ms;
    uint32_t max = (uint32_t)conf->reconnect_max_ms;
    bool local = is_local(link);

    if (local) {
        base = base < SP_BUS_RECONNECT_IPC_MS ? base : SP_BUS_RECONNECT_IPC_MS;
        max = max < SP_BUS_RECONNECT_IPC_MS_MAX ? max : SP_BUS_RECONNECT_IPC_MS_MAX;
    }
    base += jitter_ms(link, base);
    return set_heartbeat(link, local) && set_int(link->socket, ZMQ_RECONNECT_IVL, (int)base) &&
           set_int(link->socket, ZMQ_RECONNECT_IVL_MAX, (int)(max > base ? max : base));
}

static bool set_options(struct sp_bus_link *link)
{
    void *s = link->socket;
    const struct sp_keys *keys = link->bus->o.keys;
    const struct sp_conf_bus *conf = &link->bus->o.conf->bus;
    int64_t message_max = SP_BUS_FRAME_BYTES_MAX + SP_BUS_SEAL_BYTES;

    return zmq_setsockopt(s, ZMQ_CURVE_SERVERKEY, link->server_key, SP_HEX_Z85_KEY_BYTES) == 0 &&
           zmq_setsockopt(s, ZMQ_CURVE_PUBLICKEY, keys->curve_public_z85, SP_HEX_Z85_KEY_BYTES) == 0 &&
           zmq_setsockopt(s, ZMQ_CURVE_SECRETKEY, keys->curve_secret_z85, SP_HEX_Z85_KEY_BYTES) == 0 &&
           zmq_setsockopt(s, ZMQ_MAXMSGSIZE, &message_max, sizeof message_max) == 0 && set_int(s, ZMQ_LINGER, 0) &&
           set_int(s, ZMQ_IMMEDIATE, 1) && set_int(s, ZMQ_SNDHWM, (int)conf->queue_messages) &&
           set_int(s, ZMQ_RCVHWM, (int)conf->queue_messages) && set_int(s, ZMQ_HANDSHAKE_IVL, (int)conf->handshake_ms) &&
           set_int(s, ZMQ_TCP_KEEPALIVE, 1) && set_int(s, ZMQ_TCP_KEEPALIVE_IDLE, 30) && set_int(s, ZMQ_TCP_KEEPALIVE_INTVL, 10) &&
           set_int(s, ZMQ_TCP_KEEPALIVE_CNT, 3) && set_int(s, ZMQ_IPV6, 1) && set_reconnect(link);
}

/* Only transports we know the bounds of (pitfall A37); the endpoint comes from our own configuration. */
static bool endpoint_ok(const char *endpoint)
{
    return strncmp(endpoint, "ipc://", 6) == 0 || strncmp(endpoint, "tcp://", 6) == 0;
}

static void on_socket(void *ctx, uint32_t events, const struct sp_now *now)
{
    /* The hook of the bus reads ZMQ_EVENTS after every turn; being woken is all that is needed here. */
    (void)ctx;
    (void)events;
    (void)now;
}

static void on_monitor(void *ctx, uint32_t events, const struct sp_now *now)
{
    (void)events;
    (void)now;
    sp_bus_link_monitor(ctx);
}

static bool watch(struct sp_bus_link *link)
{
    struct sp_loop *loop = link->bus->o.loop;
    size_t n = sizeof link->fd;
    int fd;

    if (zmq_getsockopt(link->socket, ZMQ_FD, &fd, &n) != 0 ||
        sp_loop_add(loop, fd, EPOLLIN, (struct sp_loop_watch){on_socket, link}) != SP_OK)
        return false;
    link->fd = fd;
    if (zmq_getsockopt(link->monitor, ZMQ_FD, &fd, &n) != 0 ||
        sp_loop_add(loop, fd, EPOLLIN, (struct sp_loop_watch){on_monitor, link}) != SP_OK)
        return false;
    link->monitor_fd = fd;
    return true;
}

bool sp_bus_link_open(struct sp_bus_link *link, char *why, size_t why_bytes)
{
    char address[64];
    const char *endpoint = link->conf->endpoints[link->endpoint];
    const char *step = "socket";

    link->fd = -1;
    link->monitor_fd = -1;
    link->hello_due_us = SP_NEVER;
    link->beat_due_us = SP_NEVER;
    for (uint32_t i = 0; i < link->conf->endpoint_count; i++)
        if (!endpoint_ok(link->conf->endpoints[i])) {
            snprintf(why, why_bytes, "broker %s: endpoint %s is neither ipc:// nor tcp://", link->conf->name,
                     link->conf->endpoints[i]);
            return false;
        }
    snprintf(address, sizeof address, "inproc://sp_bus_monitor_%u", link->index);
    link->socket = zmq_socket(link->bus->zmq, ZMQ_DEALER);
    link->monitor = zmq_socket(link->bus->zmq, ZMQ_PAIR);
    if (link->socket == NULL || link->monitor == NULL)
        goto failed;
    step = "options";
    if (!set_options(link))
        goto failed;
    step = "monitor";
    if (zmq_socket_monitor(link->socket, address, MONITOR_EVENTS) != 0 || zmq_connect(link->monitor, address) != 0 || !watch(link))
        goto failed;
    step = "connect";
    if (zmq_connect(link->socket, endpoint) != 0)
        goto failed;
    sp_bus_link_monitor(link);
    return true;
failed:
    snprintf(why, why_bytes, "broker %s, %s of %s: %s", link->conf->name, step, endpoint, zmq_strerror(zmq_errno()));
    sp_bus_link_close(link, 0);
    return false;
}

void sp_bus_link_close(struct sp_bus_link *link, int linger_ms)
{
    if (link->fd >= 0)
        sp_loop_del(link->bus->o.loop, link->fd);
    if (link->monitor_fd >= 0)
        sp_loop_del(link->bus->o.loop, link->monitor_fd);
    link->fd = -1;
    link->monitor_fd = -1;
    if (link->socket != NULL) {
        zmq_socket_monitor(link->socket, NULL, 0);
        set_int(link->socket, ZMQ_LINGER, linger_ms);
        zmq_close(link->socket);
    }
    if (link->monitor != NULL)
        zmq_close(link->monitor);
    link->socket = NULL;
    link->monitor = NULL;
}

/* Another way to the same broker, when it has one. */
static void try_next_endpoint(struct sp_bus_link *link)
{
    if (link->conf->endpoint_count < 2 || link->connected)
        return;
    zmq_disconnect(link->socket, link->conf->endpoints[link->endpoint]);
    link->endpoint = (link->endpoint + 1) % link->conf->endpoint_count;
    if (!set_reconnect(link) || zmq_connect(link->socket, link->conf->endpoints[link->endpoint]) != 0)
        SP_LOG(SP_LOG_ERROR, "bus", "connect", SP_LOG_S("broker", link->conf->name),
               SP_LOG_S("endpoint", link->conf->endpoints[link->endpoint]), SP_LOG_S("why", zmq_strerror(zmq_errno())));
}

static void on_event(struct sp_bus_link *link, unsigned event, uint32_t value)
{
    switch (event) {
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
        link->connected = true;
        link->hello_tries = 0;
        sp_bus_link_greet(link);
        break;
    case ZMQ_EVENT_DISCONNECTED:
        link->connected = false;
        sp_bus_link_down(link, "disconnected");
        break;
    case ZMQ_EVENT_CONNECT_RETRIED:
        try_next_endpoint(link);
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
        SP_LOG(SP_LOG_WARNING, "bus", "refused", SP_LOG_S("broker", link->conf->name), SP_LOG_U("status", value),
               SP_LOG_S("why", "the broker does not admit our CURVE key; is it in its principals?"));
        break;
    default:
        SP_LOG(SP_LOG_WARNING, "bus", "handshake", SP_LOG_S("broker", link->conf->name), SP_LOG_U("code", value),
               SP_LOG_S("why", "no CURVE handshake; wrong broker key or not a broker?"));
        break;
    }
}

void sp_bus_link_monitor(struct sp_bus_link *link)
{
    while (link->monitor != NULL) {
        zmq_msg_t m;
        uint16_t event = 0;
        uint32_t value = 0;

        zmq_msg_init(&m);
        if (zmq_msg_recv(&m, link->monitor, ZMQ_DONTWAIT) < 0) {
            zmq_msg_close(&m);
            return;
        }
        if (zmq_msg_size(&m) == 6) {
            memcpy(&event, zmq_msg_data(&m), 2);
            memcpy(&value, (const uint8_t *)zmq_msg_data(&m) + 2, 4);
        }
        while (zmq_msg_more(&m) && zmq_msg_recv(&m, link->monitor, ZMQ_DONTWAIT) >= 0) {
        }
        zmq_msg_close(&m);
        if (event != 0)
            on_event(link, event, value);
    }
}

void sp_bus_link_down(struct sp_bus_link *link, const char *why)
{
    struct sp_bus *bus = link->bus;
    bool was_up = link->up;

    link->up = false;
    link->greeted = false;
    link->blocked = false;
    link->beat_due_us = SP_NEVER;
    link->hello_due_us = SP_NEVER;
    if (!was_up || bus->closing)
        return;
    SP_LOG(SP_LOG_INFO, "bus", "link", SP_LOG_S("broker", link->conf->name), SP_LOG_S("to", "down"), SP_LOG_S("why", why));
    if (bus->o.on_link != NULL)
        bus->o.on_link(bus->o.self, link->index, false, link->boot);
}

void sp_bus_link_greet(struct sp_bus_link *link)
{
    struct sp_bus *bus = link->bus;
    struct msg_hello hello = {
        .boot = bus->o.boot,
        .software = sp_str_of(bus->software),
        .adapters = sp_str_of(bus->adapters),
        .labels = sp_str_of(bus->labels),
        .slots = bus->o.slots,
        .topics = bus->o.topics,
    };
    uint8_t body[MSG_HELLO_BYTES_MAX];
    struct sp_packer w;
    uint32_t wait_ms = SP_BUS_HELLO_RETRY_MS << (link->hello_tries < 3 ? link->hello_tries : 3);

    sp_bus_link_down(link, "new session");
    if (!link->connected || bus->closing)
        return;
    sp_packer_init(&w, body, sizeof body);
    if (msg_hello_encode(&w, &hello) != SP_OK)
        return;
    struct sp_bus_out out = {.type = SP_MSG_HELLO, .body = body, .body_bytes = sp_packer_bytes(&w)};

    link->greeted = sp_bus_send_on(link, &out) == SP_BUS_SENT;
    link->hello_tries++;
    link->hello_due_us = sp_bus_now_us(bus) + (uint64_t)wait_ms * SP_US_PER_MS;
    SP_STATIC_ASSERT(SP_BUS_HELLO_RETRY_MS << 3 == SP_BUS_HELLO_RETRY_MS_MAX, "three doublings reach the maximum");
}

enum sp_rc sp_bus_link_welcome(struct sp_bus_link *link, const struct msg_welcome *m)
{
    struct sp_bus *bus = link->bus;

    if (m->heartbeat_ms == 0)
        return SP_E_MALFORMED;
    if (!link->greeted || (link->up && link->boot == m->boot))
        return SP_OK; /* answer to a Hello of an earlier connection, or said twice */
    if (link->up)
        sp_bus_link_down(link, "new session");
    link->greeted = true;
    link->up = true;
    link->boot = m->boot;
    link->heartbeat_ms = m->heartbeat_ms;
    link->hello_tries = 0;
    link->hello_due_us = SP_NEVER;
    link->beat_due_us = next_beat_us(link, sp_bus_now_us(bus));
    SP_LOG(SP_LOG_INFO, "bus", "link", SP_LOG_S("broker", link->conf->name), SP_LOG_S("to", "up"),
           SP_LOG_S("endpoint", link->conf->endpoints[link->endpoint]));
    sp_bus_active(bus, SP_MSG_WELCOME);
    if (bus->o.on_link != NULL)
        bus->o.on_link(bus->o.self, link->index, true, link->boot);
    return SP_OK;
}

static uint64_t silence_us(const struct sp_bus_link *link)
{
    uint64_t beats_us = (uint64_t)link->heartbeat_ms * SP_BUS_SILENCE_BEATS * SP_US_PER_MS;
    uint64_t lost_us = link->bus->o.conf->bus.lost_ms * SP_US_PER_MS;

    return beats_us > lost_us ? beats_us : lost_us;
}

void sp_bus_link_tick(struct sp_bus_link *link, uint64_t now_us)
{
    if (link->up && now_us >= link->heard_us + silence_us(link)) {
        sp_bus_link_greet(link);
        return;
    }
    if (!link->up && link->connected && now_us >= link->hello_due_us) {
        sp_bus_link_greet(link);
        return;
    }
    if (!link->up || now_us < link->beat_due_us)
        return;
    link->beat_due_us = SP_NEVER;
    if (!(msg_find(SP_MSG_HEARTBEAT)->from & 1u << link->bus->o.role))
        return; /* an enrolment is over in seconds */
    struct msg_heartbeat beat = {.progress = sp_loop_turns(link->bus->o.loop), .backlog = link->bus->backlog};
    uint8_t body[MSG_HEARTBEAT_BYTES_MAX];
    struct sp_packer w;

    link->beat_due_us = next_beat_us(link, now_us);
    sp_packer_init(&w, body, sizeof body);
    if (msg_heartbeat_encode(&w, &beat) != SP_OK)
        return;
    struct sp_bus_out out = {.type = SP_MSG_HEARTBEAT, .body = body, .body_bytes = sp_packer_bytes(&w)};

    (void)sp_bus_send_on(link, &out); /* a full queue proves nothing; the next one is due soon */
}

uint64_t sp_bus_link_deadline(const struct sp_bus_link *link)
{
    uint64_t first = link->hello_due_us;

    if (!link->up)
        return link->connected ? first : SP_NEVER;
    if (link->beat_due_us < first)
        first = link->beat_due_us;
    return link->heard_us + silence_us(link) < first ? link->heard_us + silence_us(link) : first;
}

int sp_bus_link_events(struct sp_bus_link *link)
{
    int events = 0;
    size_t n = sizeof events;

    return link->socket != NULL && zmq_getsockopt(link->socket, ZMQ_EVENTS, &events, &n) == 0 ? events : 0;
}
