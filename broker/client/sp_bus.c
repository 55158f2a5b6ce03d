/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Life of the bus and its place in the loop.
 *
 *     descriptors of libzmq, timer, wake-up  -->  a turn of the loop  -->  hook: what is due, then
 *                                                                          drain every socket, on_drained, and look again
 *
 * ZMQ_FD is edge-triggered and any call on the socket may consume the edge, so the hook asks for ZMQ_EVENTS after every turn,
 * whatever woke it, and sends outside of the hook make sure there is another turn (pitfall A27).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <zmq.h>

#include "sp_bus_parts.h"
#include "sp_log.h"
#include "sp_random.h"

#define PASSES_MAX 4 /* drains per turn before the loop gets to see other descriptors */

/* What the loop's hook points at. A loop keeps its hooks for life, so this outlives the bus, empty and still reachable. */
struct anchor {
    struct sp_bus *bus;
    struct anchor *next;
};
static struct anchor *anchors;

uint64_t sp_bus_now_us(const struct sp_bus *bus)
{
    return sp_loop_now(bus->o.loop)->mono.us;
}

void sp_bus_wake(struct sp_bus *bus)
{
    uint64_t one = 1;
    ssize_t n = write(bus->wake_fd, &one, sizeof one);

    (void)n; /* a counter that is full wakes as well */
}

static uint64_t deadline(const struct sp_bus *bus)
{
    uint64_t first = bus->stats_due_us;

    for (unsigned i = 0; i < bus->count; i++) {
        uint64_t d = sp_bus_link_deadline(&bus->links[i]);

        first = d < first ? d : first;
    }
    return first;
}

/* Later deadlines leave the timer as it is: it then fires once in vain, which is cheaper than setting it with each message. */
static void timer_set(struct sp_bus *bus)
{
    uint64_t due = deadline(bus), now = sp_bus_now_us(bus);
    struct itimerspec spec = {0};

    if (due >= bus->timer_us && bus->timer_us > now)
        return;
    bus->timer_us = due;
    if (due != SP_NEVER) {
        spec.it_value.tv_sec = (time_t)(due / SP_US_PER_S);
        spec.it_value.tv_nsec = (long)(due % SP_US_PER_S * 1000u) + 1;
    }
    (void)timerfd_settime(bus->timer_fd, TFD_TIMER_ABSTIME, &spec, NULL);
}

/* What merely keeps an idle fleet together, its own statistics included, must not make statistics: each would cost a wake-up of every
 * process on the way. */
void sp_bus_active(struct sp_bus *bus, uint16_t type)
{
    if (type == SP_MSG_HEARTBEAT || type == SP_MSG_STATS || type == SP_MSG_KEEPER_CLOCK)
        return;
    bus->activity++;
    if (bus->stats_due_us != SP_NEVER)
        return;
    bus->stats_due_us = sp_bus_now_us(bus) + bus->o.conf->bus.stats_ms * SP_US_PER_MS;
    if (!bus->in_hook)
        timer_set(bus);
}

void sp_bus_refuse(struct sp_bus *bus, uint16_t type, uint8_t role, enum sp_refusal code, struct sp_str sender, const char *detail)
{
    bus->refused[code]++;
    sp_stats_counter(bus->stats, type, role, SP_STATS_IN)->refused++;
    SP_LOG(SP_LOG_WARNING, "bus", "refuse", SP_LOG_V("from", sender), SP_LOG_S("type", msg_name(type)),
           SP_LOG_S("code", sp_refusal_name(code)), SP_LOG_S("detail", detail));
}

static void on_counter_fd(void *ctx, uint32_t events, const struct sp_now *now)
{
    uint64_t n;
    ssize_t got = read(*(int *)ctx, &n, sizeof n);

    (void)got;
    (void)events;
    (void)now;
}

static void tick(struct sp_bus *bus)
{
    uint64_t now = sp_bus_now_us(bus);

    for (unsigned i = 0; i < bus->count; i++)
        sp_bus_link_tick(&bus->links[i], now);
    if (now < bus->stats_due_us)
        return;
    bus->stats_due_us = SP_NEVER;
    if (bus->activity == bus->published)
        return; /* quiet: the timer stays off until something happens */
    bus->published = bus->activity;
    sp_bus_send_stats(bus);
}

/* One pass over all brokers; true when something came. */
static bool drain(struct sp_bus *bus)
{
    unsigned taken = 0;

    for (unsigned i = 0; i < bus->count; i++) {
        struct sp_bus_link *link = &bus->links[i];
        int events = sp_bus_link_events(link);

        if (link->blocked && (events & ZMQ_POLLOUT)) {
            link->blocked = false;
            if (link->up && bus->o.on_writable != NULL)
                bus->o.on_writable(bus->o.self, i);
        }
        if (events & ZMQ_POLLIN)
            taken += sp_bus_receive(link);
    }
    if (taken > 0 && bus->o.on_drained != NULL)
        bus->o.on_drained(bus->o.self);
    return taken > 0;
}

static bool hook(void *ctx, const struct sp_now *now)
{
    struct sp_bus *bus = ((struct anchor *)ctx)->bus;
    bool more = true;

    (void)now;
    if (bus == NULL)
        return false;
    bus->in_hook = true;
    tick(bus);
    for (unsigned pass = 0; more && pass < PASSES_MAX; pass++)
        more = drain(bus);
    bus->in_hook = false;
    timer_set(bus);
    return more;
}

/* The broker's key is pinned from principals.yaml; a broker that is not there is not connected to. */
static bool open_links(struct sp_bus *bus, char *why, size_t why_bytes)
{
    const struct sp_conf *conf = bus->o.conf;

    if (conf->broker_count == 0) {
        snprintf(why, why_bytes, "%s: no brokers", conf->file);
        return false;
    }
    for (uint32_t i = 0; i < conf->broker_count && i < SP_BUS_BROKERS_MAX; i++) {
        struct sp_bus_link *link = &bus->links[i];
        const struct sp_registry_row *row = sp_registry_find(&bus->registry, sp_str_of(conf->brokers[i].name));

        link->bus = bus;
        link->index = i;
        link->conf = &conf->brokers[i];
        link->fd = -1;
        link->monitor_fd = -1;
        if (row == NULL || row->p.role != SP_ROLE_BROKER || link->conf->endpoint_count == 0) {
            snprintf(why, why_bytes, "%s: broker %s has no %s", conf->file, link->conf->name,
                     link->conf->endpoint_count == 0 ? "endpoint" : "row with role broker in principals.yaml");
            return false;
        }
        sp_hex_z85_write(row->p.curve, sizeof row->p.curve, link->server_key);
        bus->count = i + 1;
        if (!sp_bus_link_open(link, why, why_bytes))
            return false;
    }
    return true;
}

static bool anchor_bus(struct sp_bus *bus)
{
    struct anchor *a = calloc(1, sizeof *a);

    if (a == NULL || sp_loop_hook(bus->o.loop, hook, a) != SP_OK) {
        free(a);
        return false;
    }
    a->bus = bus;
    a->next = anchors;
    anchors = a;
    return true;
}

static void unanchor_bus(const struct sp_bus *bus)
{
    for (struct anchor *a = anchors; a != NULL; a = a->next)
        if (a->bus == bus)
            a->bus = NULL;
}

static bool open_descriptors(struct sp_bus *bus)
{
    struct sp_loop *loop = bus->o.loop;

    bus->timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    bus->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return bus->timer_fd >= 0 && bus->wake_fd >= 0 &&
           sp_loop_add(loop, bus->timer_fd, EPOLLIN, (struct sp_loop_watch){on_counter_fd, &bus->timer_fd}) == SP_OK &&
           sp_loop_add(loop, bus->wake_fd, EPOLLIN, (struct sp_loop_watch){on_counter_fd, &bus->wake_fd}) == SP_OK &&
           anchor_bus(bus);
}

static bool take_options(struct sp_bus *bus, const struct sp_bus_options *o, char *why, size_t why_bytes)
{
    const struct sp_registry_row *self;

    bus->o = *o;
    if (bus->o.boot == 0)
        bus->o.boot = sp_random_u64();
    memcpy(bus->deployment, o->conf->deployment, sizeof bus->deployment);
    (void)sp_str_copy(bus->name, sizeof bus->name, sp_str_of(o->name));
    (void)sp_str_copy(bus->software, sizeof bus->software, sp_str_of(o->software));
    (void)sp_str_copy(bus->adapters, sizeof bus->adapters, sp_str_of(o->adapters));
    (void)sp_str_copy(bus->labels, sizeof bus->labels, sp_str_of(o->labels));
    sp_registry_init(&bus->registry);
    if (!sp_bus_people_load(bus, why, why_bytes))
        return false;
    self = sp_registry_find(&bus->registry, sp_str_of(o->name));
    if (self != NULL && self->p.role != o->role) {
        snprintf(why, why_bytes, "%s: %s has role %s, not %s", o->conf->principals, o->name, sp_role_name(self->p.role),
                 sp_role_name(o->role));
        return false;
    }
    if (self != NULL && memcmp(self->p.curve, o->keys->pub.curve, 32) != 0 &&
        memcmp(self->p.next_curve, o->keys->pub.curve, 32) != 0) {
        snprintf(why, why_bytes, "%s: the CURVE key of %s is not the one in its key file", o->conf->principals, o->name);
        return false;
    }
    if (sp_crypto_signer_new(o->keys->sign_seed, &bus->signer) != SP_OK) {
        snprintf(why, why_bytes, "signing key of %s cannot be used", o->name);
        return false;
    }
    bus->learn = o->role == SP_ROLE_ATTESTER ? sp_bus_learn_new() : NULL;
    if (o->role == SP_ROLE_ATTESTER && bus->learn == NULL) {
        snprintf(why, why_bytes, "no memory for the bus");
        return false;
    }
    if (o->core != NULL) {
        sp_crypto_hmac_init(&bus->mac, o->core->mac, sizeof o->core->mac);
        bus->has_mac = true;
    }
    return true;
}

bool sp_bus_open(const struct sp_bus_options *options, struct sp_bus **out, char *why, size_t why_bytes)
{
    struct sp_bus *bus = calloc(1, sizeof *bus);

    SP_ASSERT(options->on_message != NULL && options->loop != NULL && options->conf != NULL && options->keys != NULL);
    if (bus == NULL)
        goto no_memory;
    bus->timer_fd = -1;
    bus->wake_fd = -1;
    bus->timer_us = SP_NEVER;
    bus->stats_due_us = SP_NEVER;
    if (!take_options(bus, options, why, why_bytes))
        goto failed;
    bus->current = &bus->buffers[0];
    bus->current->p = malloc(SP_ENVELOPE_BUFFER(SP_BODY_BYTES_MAX));
    bus->buffer = bus->current->p;
    bus->own_stats = options->stats == NULL ? sp_stats_new() : NULL;
    bus->stats = options->stats == NULL ? bus->own_stats : options->stats;
    bus->zmq = zmq_ctx_new();
    if (bus->buffer == NULL || bus->stats == NULL || bus->zmq == NULL)
        goto no_memory;
    bus->started_us = sp_loop_refresh(bus->o.loop)->mono.us;
    bus->sequence = 0;
    if (!open_links(bus, why, why_bytes))
        goto failed;
    if (!open_descriptors(bus)) {
        snprintf(why, why_bytes, "descriptors of the bus: %s", strerror(errno));
        goto failed;
    }
    *out = bus;
    return true;
no_memory:
    snprintf(why, why_bytes, "no memory for the bus");
failed:
    if (bus != NULL)
        sp_bus_close(&bus, 0);
    return false;
}

static void say_bye(struct sp_bus *bus, struct sp_bus_link *link)
{
    struct msg_bye bye = {.boot = bus->o.boot};
    uint8_t body[MSG_BYE_BYTES_MAX];
    struct sp_packer w;

    if (!link->up || !(msg_find(SP_MSG_BYE)->from & 1u << bus->o.role))
        return;
    sp_packer_init(&w, body, sizeof body);
    if (msg_bye_encode(&w, &bye) != SP_OK)
        return;
    struct sp_bus_out out = {.type = SP_MSG_BYE, .body = body, .body_bytes = sp_packer_bytes(&w)};

    (void)sp_bus_send_on(link, &out);
}

void sp_bus_close(struct sp_bus **bus_p, int linger_ms)
{
    struct sp_bus *bus = *bus_p;

    *bus_p = NULL;
    if (bus == NULL)
        return;
    bus->closing = true;
    unanchor_bus(bus);
    for (unsigned i = 0; i < bus->count; i++) {
        say_bye(bus, &bus->links[i]);
        sp_bus_link_close(&bus->links[i], linger_ms);
    }
    sp_bus_learn_destroy(&bus->learn);
    if (bus->zmq != NULL)
        zmq_ctx_term(bus->zmq);
    bus->zmq = NULL;
    int fds[2] = {bus->timer_fd, bus->wake_fd};

    for (unsigned i = 0; i < 2; i++)
        if (fds[i] >= 0) {
            sp_loop_del(bus->o.loop, fds[i]);
            close(fds[i]);
        }
    sp_registry_fini(&bus->registry);
    sp_crypto_signer_destroy(&bus->signer);
    if (bus->has_mac)
        sp_crypto_hmac_fini(&bus->mac);
    sp_stats_destroy(&bus->own_stats);
    for (unsigned i = 0; i < SP_BUS_BUFFERS; i++)
        free(bus->buffers[i].p); /* the end of the context gave all of them back */
    free(bus);
}

unsigned sp_bus_brokers(const struct sp_bus *bus)
{
    return bus->count;
}

bool sp_bus_is_up(const struct sp_bus *bus, unsigned broker)
{
    return broker < bus->count && bus->links[broker].up;
}

unsigned sp_bus_up_count(const struct sp_bus *bus)
{
    unsigned up = 0;

    for (unsigned i = 0; i < bus->count; i++)
        up += bus->links[i].up;
    return up;
}

const char *sp_bus_broker_name(const struct sp_bus *bus, unsigned broker)
{
    return broker < bus->count ? bus->links[broker].conf->name : "";
}

const char *sp_bus_sent_text(enum sp_bus_sent sent)
{
    static const char *const text[] = {"sent", "the broker's queue is full", "no broker is up", "larger than a message may be",
                                       "no key to seal it with"};

    return (unsigned)sent < SP_COUNT(text) ? text[sent] : "unknown";
}

void sp_bus_backlog_set(struct sp_bus *bus, uint32_t backlog)
{
    bus->backlog = backlog;
}

void sp_bus_hello_set(struct sp_bus *bus, const char *adapters, const char *labels, uint32_t slots)
{
    (void)sp_str_copy(bus->adapters, sizeof bus->adapters, sp_str_of(adapters));
    (void)sp_str_copy(bus->labels, sizeof bus->labels, sp_str_of(labels));
    bus->o.slots = slots;
    for (unsigned i = 0; i < bus->count; i++)
        sp_bus_link_greet(&bus->links[i]);
    timer_set(bus);
}

const struct sp_bus_principal *sp_bus_principal_find(const struct sp_bus *bus, const char *name)
{
    const struct sp_registry_row *row = sp_registry_find(&bus->registry, sp_str_of(name));

    return row != NULL ? &row->p : NULL;
}

const struct sp_bus_principal *sp_bus_principal_at(const struct sp_bus *bus, uint32_t slot)
{
    return slot < bus->registry.count ? &bus->registry.rows[slot]->p : NULL;
}

bool sp_bus_principal_put(struct sp_bus *bus, const struct sp_bus_principal *row)
{
    return sp_registry_put(&bus->registry, row) == SP_OK;
}

uint64_t sp_bus_refused(const struct sp_bus *bus, uint16_t code)
{
    return code <= SP_REFUSAL_LAST ? bus->refused[code] : 0;
}
