/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge_shell.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "bridge_canary.h"
#include "bridge_cloud.h"
#include "bridge_exposure.h"
#include "bridge_hint.h"
#include "bridge_inventory.h"
#include "bridge_note.h"
#include "bridge_report.h"
#include "bridge_result.h"
#include "bridge_rpc.h"
#include "bridge_stats.h"
#include "bridge_trust.h"
#include "oslo_message.h"
#include "sp_clock.h"
#include "sp_hex.h"
#include "sp_log.h"
#include "sp_random.h"

#define SUB        "bridge"
#define OUTS_FIRST 256u

static const char *const link_names[BRIDGE_LINKS] = {"consumer", "publisher"};

struct sp_mono bridge_shell_now(const struct bridge *b)
{
    return sp_loop_now(b->loop)->mono;
}

struct sp_wall bridge_shell_wall(const struct bridge *b)
{
    return sp_loop_now(b->loop)->wall;
}

bool bridge_shell_is_up(const struct bridge *b)
{
    return b->core.links[BRIDGE_PUBLISHER].state == BRIDGE_UP;
}

/* ---- messages on their way ---- */

static bool outs_grow(struct bridge *b)
{
    uint32_t size = b->out_count == 0 ? OUTS_FIRST : b->out_count * 2;
    struct bridge_out *outs = realloc(b->outs, size * sizeof *outs);
    if (outs == NULL)
        return false;
    memset(outs + b->out_count, 0, (size - b->out_count) * sizeof *outs);
    for (uint32_t i = b->out_count; i < size; i++)
        outs[i].next = i + 1 < size ? i + 1 : BRIDGE_NONE;
    b->outs = outs;
    b->out_free = b->out_count;
    b->out_count = size;
    return true;
}

static void out_free(struct bridge *b, uint32_t i)
{
    struct bridge_out *o = &b->outs[i];
    SP_ASSERT(o->used);
    free(o->exchange);
    sp_buf_fini(&o->inner);
    *o = (struct bridge_out){.next = b->out_free};
    b->out_free = i;
}

/* Exchange and key behind each other; the message's content changes hands. */
static uint32_t out_make(struct bridge *b, enum bridge_class class, const char *exchange, const char *key, struct sp_buf *inner)
{
    size_t first = strlen(exchange) + 1, second = strlen(key) + 1;
    char *names = malloc(first + second);
    if (names == NULL || (b->out_free == BRIDGE_NONE && !outs_grow(b))) {
        free(names);
        return BRIDGE_NONE;
    }
    uint32_t i = b->out_free;
    struct bridge_out *o = &b->outs[i];
    b->out_free = o->next;
    memcpy(names, exchange, first);
    memcpy(names + first, key, second);
    *o = (struct bridge_out){
        .exchange = names, .key = names + first, .inner = *inner, .used = true, .canary = class == BRIDGE_CANARY};
    o->mandatory = o->canary || exchange[0] == '\0';
    *inner = (struct sp_buf){.max = inner->max};
    return i;
}

static void publish(struct bridge *b, const struct bridge_effect *e)
{
    const struct bridge_out *o = &b->outs[e->handle];
    struct amqp_link_message m = {.mandatory = o->mandatory, .tag = e->tag};
    uint8_t raw[16];
    char id[OSLO_ID_BYTES];
    struct sp_buf body;
    sp_random_bytes(raw, sizeof raw);
    sp_hex_write(raw, sizeof raw, id);
    sp_buf_init(&body, o->inner.n * 6 + 1024); /* an escape has at most six characters */
    oslo_message_seal(&body, sp_buf_view(&o->inner), id);
    (void)sp_str_copy(m.exchange, sizeof m.exchange, sp_str_of(o->exchange));
    (void)sp_str_copy(m.key, sizeof m.key, sp_str_of(o->key));
    if (body.failed) { /* no memory: as if it was sent; the core's deadline finds it */
        sp_buf_fini(&body);
        return;
    }
    m.body = body.p;
    m.bytes = body.n;
    amqp_link_publish(b->links[BRIDGE_PUBLISHER], &m);
}

static void step(struct bridge *b, struct bridge_event *ev)
{
    ev->now = bridge_shell_now(b);
    bridge_core_step(&b->core, ev, &b->fx);
    for (uint32_t i = 0; i < b->fx.count; i++) {
        const struct bridge_effect *e = &b->fx.list[i];
        switch (e->kind) {
        case BRIDGE_FX_CONNECT: {
            bridge_options_reload(b->options, &b->conf->bridge); /* the password may have changed */
            const struct amqp_url_host *h = &b->options->url.hosts[e->host];
            struct amqp_link_host host = {h->host, h->port, h->user, h->password};
            SP_LOG(SP_LOG_DEBUG, SUB, "rabbit.connect", SP_LOG_S("link", link_names[e->link]), SP_LOG_S("host", h->host),
                   SP_LOG_U("port", h->port));
            amqp_link_connect(b->links[e->link], &host);
            break;
        }
        case BRIDGE_FX_ABORT:
            SP_LOG(SP_LOG_WARNING, SUB, "rabbit.stuck", SP_LOG_S("link", link_names[e->link]),
                   SP_LOG_S("why", "no confirm in time"));
            amqp_link_abort(b->links[e->link]);
            break;
        case BRIDGE_FX_PUBLISH:
            publish(b, e);
            break;
        case BRIDGE_FX_PUBLISHED:
            out_free(b, e->handle);
            break;
        case BRIDGE_FX_DROP:
            if (b->outs[e->handle].canary && e->why == BRIDGE_WHY_GONE)
                canary_core_returned(&b->canary);
            out_free(b, e->handle);
            break;
        case BRIDGE_FX_SNAPSHOT:
            bridge_trust_everybody(b);
            break;
        }
    }
}

void bridge_shell_offer(struct bridge *b, enum bridge_class class, uint64_t key, const char *exchange, const char *routing_key,
                        struct sp_buf *inner)
{
    uint32_t bytes = (uint32_t)inner->n;
    uint32_t handle = inner->failed ? BRIDGE_NONE : out_make(b, class, exchange, routing_key, inner);
    struct bridge_event ev = {.kind = BRIDGE_EV_OFFER};
    if (handle == BRIDGE_NONE) {
        if (class == BRIDGE_TRUST)
            bridge_trust_everybody(b);
        return;
    }
    ev.offer.handle = handle;
    ev.offer.class = class;
    ev.offer.key = key;
    ev.offer.bytes = bytes + (uint32_t)sizeof(struct bridge_out) + 64u;
    step(b, &ev);
}

/* ---- RabbitMQ ---- */

static void on_link_event(struct bridge *b, enum bridge_link link, struct amqp_link_event *e)
{
    static const enum bridge_event_kind kinds[] = {[AMQP_LINK_UP] = BRIDGE_EV_UP,
                                                   [AMQP_LINK_LOST] = BRIDGE_EV_LOST,
                                                   [AMQP_LINK_BLOCKED] = BRIDGE_EV_BLOCKED,
                                                   [AMQP_LINK_UNBLOCKED] = BRIDGE_EV_UNBLOCKED,
                                                   [AMQP_LINK_CONFIRMED] = BRIDGE_EV_CONFIRMED,
                                                   [AMQP_LINK_REFUSED] = BRIDGE_EV_REFUSED,
                                                   [AMQP_LINK_RETURNED] = BRIDGE_EV_RETURNED};
    struct bridge_event ev = {.link = link, .tag = e->tag};
    if (e->kind == AMQP_LINK_DELIVERY) {
        if (b->options->c.nova_exchange[0] != '\0' && strcmp(e->exchange, b->options->c.nova_exchange) == 0)
            bridge_hint_on_notification(b, e);
        else
            bridge_rpc_on_delivery(b, e);
        free(e->body);
        return;
    }
    if (e->kind == AMQP_LINK_UP)
        SP_LOG(SP_LOG_NOTICE, SUB, "rabbit.up", SP_LOG_S("link", link_names[link]),
               SP_LOG_S("host", b->options->url.hosts[b->core.links[link].host].host));
    else if (e->kind == AMQP_LINK_LOST)
        SP_LOG(SP_LOG_WARNING, SUB, "rabbit.lost", SP_LOG_S("link", link_names[link]), SP_LOG_S("why", e->why));
    else if (e->kind == AMQP_LINK_NOTE)
        SP_LOG(SP_LOG_WARNING, SUB, "rabbit.note", SP_LOG_S("link", link_names[link]), SP_LOG_S("what", e->why));
    else if (e->kind == AMQP_LINK_BLOCKED || e->kind == AMQP_LINK_UNBLOCKED)
        SP_LOG(SP_LOG_WARNING, SUB, e->kind == AMQP_LINK_BLOCKED ? "rabbit.blocked" : "rabbit.unblocked",
               SP_LOG_S("link", link_names[link]), SP_LOG_S("why", e->why));
    bool blocking = e->kind == AMQP_LINK_BLOCKED || e->kind == AMQP_LINK_UNBLOCKED;
    if (e->kind == AMQP_LINK_NOTE || (blocking && link != BRIDGE_PUBLISHER))
        return;
    ev.kind = kinds[e->kind];
    step(b, &ev);
    bridge_canary_links(b);
    if (e->kind == AMQP_LINK_UP && link == BRIDGE_CONSUMER && b->core.counters.lost > 0)
        bridge_inventory_look(b); /* notifications were missed */
}

static void on_wake(void *ctx, uint32_t events, const struct sp_now *now)
{
    struct bridge *b = ctx;
    struct amqp_link_event e;
    uint64_t count;
    (void)events;
    (void)now;
    ssize_t n = read(b->wake_fd, &count, sizeof count);
    (void)n;
    for (unsigned l = 0; l < BRIDGE_LINKS; l++) {
        unsigned taken = 0;
        while (taken++ < SP_BUS_DRAIN_MAX && amqp_link_next(b->links[l], &e))
            on_link_event(b, (enum bridge_link)l, &e);
        if (taken > SP_BUS_DRAIN_MAX) { /* the rest after others had their turn */
            uint64_t one = 1;
            n = write(b->wake_fd, &one, sizeof one);
        }
    }
}

static void declare(struct amqp_link_options *o, struct amqp_link_declare d)
{
    SP_ASSERT(o->declare_count < AMQP_LINK_DECLARE_MAX);
    o->declares[o->declare_count++] = d;
}

/* A queue of our own at Nova's exchange: reading a queue of the default name would take notifications away from others, and one
 * without bounds would fill RabbitMQ while we are away. */
static void topology_nova(struct bridge *b, struct amqp_link_options *in)
{
    const struct sp_conf_bridge *c = &b->options->c;
    char *queue = b->names[8];
    (void)snprintf(queue, sizeof b->names[0], "%s_nova_%s", c->topic, b->name);
    declare(in,
            (struct amqp_link_declare){.verb = AMQP_LINK_EXCHANGE, .exchange = c->nova_exchange, .type = "topic", .foreign = true});
    declare(in, (struct amqp_link_declare){.verb = AMQP_LINK_QUEUE,
                                           .queue = queue,
                                           .exchange = c->nova_exchange,
                                           .key = "versioned_notifications.info",
                                           .foreign = true,
                                           .durable = c->transient_quorum_queue,
                                           .quorum = c->transient_quorum_queue,
                                           .expires_ms = (uint32_t)c->transient_ttl_ms,
                                           .length_max = 1000,
                                           .ttl_ms = 60000});
    in->declares[in->declare_count] = in->declares[in->declare_count - 1]; /* the same queue, for the unversioned format too */
    in->declares[in->declare_count++].key = "notifications.info";
    declare(in, (struct amqp_link_declare){.verb = AMQP_LINK_CONSUME, .queue = queue, .foreign = true});
}

/* What a server of oslo.messaging declares for topic and name, and a sender for its exchange and queues (captures in the tests). */
static void topology(struct bridge *b)
{
    const struct sp_conf_bridge *c = &b->options->c;
    struct amqp_link_options *in = &b->link_options[BRIDGE_CONSUMER], *out = &b->link_options[BRIDGE_PUBLISHER];
    char *server = b->names[0], *fanout = b->names[1], *private = b->names[2], *trust = b->names[3];
    (void)snprintf(server, sizeof b->names[0], "%s.%s", c->topic, b->name);
    (void)snprintf(fanout, sizeof b->names[0], "%s_fanout", c->topic);
    (void)snprintf(private, sizeof b->names[0], "%s_fanout_%s", c->topic, b->name);
    (void)snprintf(trust, sizeof b->names[0], "%s_trust_fanout", c->topic);
    struct amqp_link_declare control = {.verb = AMQP_LINK_EXCHANGE,
                                        .exchange = c->exchange,
                                        .type = "topic",
                                        .durable = c->durable_queues,
                                        .auto_delete = c->auto_delete};
    struct amqp_link_declare queue = {.verb = AMQP_LINK_QUEUE,
                                      .exchange = c->exchange,
                                      .durable = c->durable_queues,
                                      .auto_delete = c->auto_delete,
                                      .quorum = c->quorum_queue,
                                      .delivery_limit = c->quorum_delivery_limit};
    struct amqp_link_declare all = {
        .verb = AMQP_LINK_EXCHANGE, .type = "fanout", .durable = c->transient_quorum_queue, .auto_delete = true};
    declare(in, control);
    declare(out, control);
    const char *topics[] = {c->topic, server};
    for (unsigned i = 0; i < 2 && c->rpc; i++) {
        queue.queue = queue.key = topics[i];
        declare(in, queue);
        declare(in, (struct amqp_link_declare){.verb = AMQP_LINK_CONSUME, .queue = topics[i]});
    }
    if (c->rpc) {
        all.exchange = fanout;
        declare(in, all);
        declare(in, (struct amqp_link_declare){.verb = AMQP_LINK_QUEUE,
                                               .queue = private,
                                               .exchange = fanout,
                                               .key = c->topic,
                                               .durable = c->transient_quorum_queue,
                                               .quorum = c->transient_quorum_queue,
                                               .expires_ms = (uint32_t)c->transient_ttl_ms});
        declare(in, (struct amqp_link_declare){.verb = AMQP_LINK_CONSUME, .queue = private});
    }
    if (c->nova_exchange[0] != '\0')
        topology_nova(b, in);
    all.exchange = trust;
    if (c->fanout)
        declare(out, all);
    for (uint32_t i = 0; c->notify && i < (c->topic_count > 0 ? c->topic_count : 1); i++) {
        (void)snprintf(b->names[4 + i], sizeof b->names[0], "%s.info", c->topic_count > 0 ? c->topics[i] : "notifications");
        queue.queue = queue.key = b->names[4 + i];
        declare(out, queue);
    }
}

static bool open_links(struct bridge *b)
{
    const struct sp_conf_bridge *c = &b->options->c;
    topology(b);
    for (unsigned l = 0; l < BRIDGE_LINKS; l++) {
        struct amqp_link_options *o = &b->link_options[l];
        o->name = b->name;
        o->consumer = l == BRIDGE_CONSUMER;
        o->vhost = b->options->url.vhost;
        o->heartbeat_s = (uint32_t)(c->heartbeat_ms / SP_MS_PER_S);
        o->prefetch = c->prefetch;
        o->body_bytes_max = c->request_kib * 1024u;
        o->external = c->login == SP_CONF_BRIDGE_LOGIN_EXTERNAL;
        o->ssl = c->ssl;
        o->ca_file = c->ssl_ca_file;
        o->cert_file = c->ssl_cert_file;
        o->key_file = c->ssl_key_file;
        o->wake_fd = b->wake_fd;
        if (!amqp_link_open(o, &b->links[l]))
            return false;
    }
    return true;
}

/* ---- our own bus ---- */

bool bridge_shell_send(struct bridge *b, uint16_t type, const char *dest, struct sp_str body)
{
    struct sp_bus_out out = {
        .type = type, .dest = dest, .broker = SP_BUS_ANY, .body = (const uint8_t *)body.p, .body_bytes = body.n};
    enum sp_bus_sent sent = sp_bus_send(b->bus, &out);
    if (sent != SP_BUS_SENT)
        SP_LOG(SP_LOG_DEBUG, SUB, "send", SP_LOG_S("type", msg_name(type)), SP_LOG_S("why", sp_bus_sent_text(sent)));
    return sent == SP_BUS_SENT;
}

static void on_message(void *self, const struct sp_bus_message *m)
{
    struct bridge *b = self;
    struct bridge_in in = {b, m};
    enum sp_rc rc = bridge_dispatch(&in, m->type, (enum sp_role)m->from->role, m->body, m->body_bytes);
    if (rc != SP_OK && rc != SP_E_STALE)
        SP_LOG(SP_LOG_INFO, SUB, "message.ignored", SP_LOG_S("type", msg_name(m->type)), SP_LOG_S("why", sp_rc_name(rc)));
}

static void on_drained(void *self)
{
    bridge_trust_turn(self);
}

static void on_link(void *self, unsigned broker, bool up, uint64_t boot)
{
    struct bridge *b = self;
    (void)boot;
    SP_LOG(SP_LOG_INFO, SUB, up ? "broker.up" : "broker.down", SP_LOG_S("broker", sp_bus_broker_name(b->bus, broker)));
    if (!up || b->reader.state == READER_AWAY)
        bridge_trust_lost(b); /* events may have gone that way */
    bridge_trust_turn(b);
}

/* ---- life ---- */

static enum sp_rc open_core(struct bridge *b, struct sp_err *err)
{
    const struct sp_conf_bridge *c = &b->options->c;
    struct bridge_core_options o = {.seed = sp_random_u64(),
                                    .hosts = b->options->url.host_count,
                                    .retry_ms = c->retry_ms,
                                    .retry_step_ms = c->retry_step_ms,
                                    .retry_max_ms = c->retry_max_ms,
                                    .reply_retry_ms = c->reply_retry_ms,
                                    .confirm_ms = c->confirm_ms,
                                    .window = c->window,
                                    .messages_max = c->outbox_messages,
                                    .bytes_max = (uint64_t)c->outbox_mb << 20};
    uint8_t key[16];
    sp_random_bytes(key, sizeof key);
    canary_core_init(&b->canary, c->rpc ? c->canary_ms : 0, c->confirm_ms);
    b->stats = sp_stats_new();
    bool good = b->stats != NULL && bridge_core_init(&b->core, &o, bridge_shell_now(b)) && bridge_seen_init(&b->seen, key) &&
                bridge_note_init(b) && bridge_trust_init(b);
    return good ? SP_OK : sp_err_set(err, SP_E_NOMEM, b->name, "no memory");
}

static enum sp_rc open_bus(struct bridge *b, struct sp_err *err)
{
    char why[SP_ERR_TEXT_BYTES] = "";
    struct sp_bus_options o = {.loop = b->loop,
                               .conf = b->conf,
                               .keys = b->keys,
                               .stats = b->stats,
                               .name = b->name,
                               .role = SP_ROLE_BRIDGE,
                               .software = "spice-bridge " SPICE_VERSION,
                               .topics = 1u << SP_TOPIC_TRUST,
                               .self = b,
                               .on_message = on_message,
                               .on_link = on_link,
                               .on_drained = on_drained,
                               .on_stats = bridge_stats};
    return sp_bus_open(&o, &b->bus, why, sizeof why) ? SP_OK : sp_err_set(err, SP_E_INVALID, b->name, "%s", why);
}

enum sp_rc bridge_shell_open(const struct bridge_shell_options *options, struct bridge **out, struct sp_err *err)
{
    struct bridge *b = calloc(1, sizeof *b);
    if (b == NULL)
        return sp_err_set(err, SP_E_NOMEM, options->name, "no memory");
    b->conf = options->conf;
    b->keys = options->keys;
    b->options = options->options;
    b->loop = options->loop;
    b->notify = options->notify;
    b->name = options->name;
    b->out_free = BRIDGE_NONE;
    (void)sp_loop_refresh(b->loop);
    b->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    enum sp_rc rc = b->wake_fd < 0 ? sp_err_set(err, SP_E_IO, "eventfd", "cannot be made") : open_core(b, err);
    rc = rc == SP_OK ? sp_loop_add(b->loop, b->wake_fd, EPOLLIN, (struct sp_loop_watch){on_wake, b}) : rc;
    rc = rc == SP_OK ? bridge_cloud_open(b, err) : rc;
    if (rc == SP_OK)
        bridge_inventory_open(b);
    rc = rc == SP_OK ? bridge_exposure_open(b, err) : rc;
    rc = rc == SP_OK ? open_bus(b, err) : rc;
    if (rc == SP_OK && !open_links(b))
        rc = sp_err_set(err, SP_E_NOMEM, b->name, "no thread for a link to RabbitMQ");
    if (rc != SP_OK) {
        bridge_shell_close(&b);
        return rc;
    }
    *out = b;
    return SP_OK;
}

void bridge_shell_close(struct bridge **b_p)
{
    struct bridge *b = *b_p;
    if (b == NULL)
        return;
    for (unsigned l = 0; l < BRIDGE_LINKS; l++)
        amqp_link_close(&b->links[l]);
    if (b->bus != NULL)
        sp_bus_close(&b->bus, 0);
    if (b->wake_fd >= 0) {
        sp_loop_del(b->loop, b->wake_fd);
        close(b->wake_fd);
    }
    bridge_inventory_close(b);
    bridge_exposure_close(b);
    bridge_cloud_close(b);
    bridge_rpc_fini(b);
    bridge_result_fini(b);
    bridge_trust_fini(b);
    bridge_note_fini(b);
    bridge_seen_fini(&b->seen);
    bridge_core_fini(&b->core);
    for (uint32_t i = 0; i < b->out_count; i++)
        if (b->outs[i].used)
            out_free(b, i);
    free(b->outs);
    sp_stats_destroy(&b->stats);
    free(b);
    *b_p = NULL;
}

void bridge_shell_reload(struct bridge *b)
{
    (void)sp_bus_reload(b->bus);
}

struct sp_mono bridge_shell_deadline(const struct bridge *b)
{
    uint64_t at = bridge_core_next_deadline(&b->core, bridge_shell_now(b)).us;
    uint64_t others[] = {bridge_rpc_deadline_us(b),       bridge_result_deadline_us(b),   bridge_hint_deadline_us(b),
                         bridge_inventory_deadline_us(b), bridge_trust_deadline_us(b),    sp_notify_deadline(b->notify).us,
                         bridge_cloud_deadline_us(b),     bridge_exposure_deadline_us(b), bridge_canary_deadline_us(b),
                         bridge_report_deadline_us(b)};
    for (size_t i = 0; i < SP_COUNT(others); i++)
        at = others[i] < at ? others[i] : at;
    return (struct sp_mono){at};
}

void bridge_shell_tick(struct bridge *b, const struct sp_now *now)
{
    struct bridge_event ev = {.kind = BRIDGE_EV_TICK};
    step(b, &ev);
    bridge_rpc_tick(b);
    bridge_result_tick(b);
    bridge_hint_tick(b);
    bridge_trust_turn(b);
    bridge_cloud_tick(b);
    bridge_inventory_tick(b);
    bridge_canary_tick(b);
    bridge_report_tick(b);
    sp_log_tick(*now);
    sp_notify_watchdog(b->notify, now->mono, sp_loop_turns(b->loop));
}
