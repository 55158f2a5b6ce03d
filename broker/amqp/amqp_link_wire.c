/* SPDX-License-Identifier: Apache-2.0 */
/* The protocol by librabbitmq 0.11: one channel, the frame loop by hand. What the library cannot do, or does wrongly, is in the
 * remarks. */
#include "amqp_link_parts.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#if __has_include(<rabbitmq-c/amqp.h>)
#include <rabbitmq-c/amqp.h>
#include <rabbitmq-c/ssl_socket.h>
#include <rabbitmq-c/tcp_socket.h>
#else
#include <amqp.h>
#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>
#endif

#include "sp_hash.h"
#include "sp_str.h"

#define CHANNEL      1
#define HANDSHAKE_S  12
#define RPC_S        20
#define CHANNELS_MAX 2047
#define RETURN_MAX   (64u << 20)

static const uint8_t hash_key[16]; /* nobody gains by a collision: it would mix up two messages of ours */

/* ---- errors as text, without credentials ---- */

static bool fail(char *why, const char *what, const char *text)
{
    (void)snprintf(why, AMQP_LINK_WHY_BYTES, "%s: %s", what, text);
    return false;
}

static bool fail_status(char *why, const char *what, int status)
{
    return fail(why, what, amqp_error_string2(status));
}

static bool fail_close(char *why, const char *what, unsigned code, amqp_bytes_t text)
{
    bool transient = text.len > 0 && memmem(text.bytes, text.len, "transient_nonexcl_queues", 24) != NULL;
    (void)snprintf(why, AMQP_LINK_WHY_BYTES, "%s: %u %.*s%s", what, code, (int)(text.len < 180 ? text.len : 180),
                   (const char *)text.bytes, transient ? "; set bridge.transient_quorum_queue" : "");
    return false;
}

/* Takes the result of a call that waits for an answer. *code: of a channel the broker closed, else 0. */
static bool check(amqp_connection_state_t conn, const char *what, unsigned *code, char *why)
{
    amqp_rpc_reply_t reply = amqp_get_rpc_reply(conn);
    *code = 0;
    if (reply.reply_type == AMQP_RESPONSE_NORMAL)
        return true;
    if (reply.reply_type != AMQP_RESPONSE_SERVER_EXCEPTION)
        return fail_status(
            why, what, reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION ? reply.library_error : AMQP_STATUS_UNEXPECTED_STATE);
    if (reply.reply.id == AMQP_CHANNEL_CLOSE_METHOD) {
        const amqp_channel_close_t *m = reply.reply.decoded;
        *code = m->reply_code;
        return fail_close(why, what, m->reply_code, m->reply_text);
    }
    if (reply.reply.id == AMQP_CONNECTION_CLOSE_METHOD) {
        const amqp_connection_close_t *m = reply.reply.decoded;
        return fail_close(why, what, m->reply_code, m->reply_text);
    }
    return fail(why, what, "unexpected answer");
}

/* ---- opening ---- */

static int no_passphrase(char *buf, int size, int writing, void *ctx)
{
    (void)writing;
    (void)ctx;
    if (size > 0)
        buf[0] = '\0';
    return 0; /* never ask a terminal */
}

/* The library's own name check does not know addresses, so OpenSSL does it (names and addresses), inside the handshake. */
static bool open_tls(struct amqp_link *link, amqp_socket_t *socket, const char *host, char *why)
{
    const struct amqp_link_options *o = &link->o;
    SSL_CTX *ctx = amqp_ssl_socket_get_context(socket);
    X509_VERIFY_PARAM *param = SSL_CTX_get0_param(ctx);
    SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
    bool good = SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1;
    bool given = o->ca_file != NULL && o->ca_file[0] != '\0';
    if (given ? amqp_ssl_socket_set_cacert(socket, o->ca_file) != AMQP_STATUS_OK : SSL_CTX_set_default_verify_paths(ctx) != 1)
        return fail(why, "TLS", given ? "ssl_ca_file cannot be read" : "the system's certificates cannot be read");
    if (o->cert_file != NULL && o->cert_file[0] != '\0' &&
        amqp_ssl_socket_set_key(socket, o->cert_file, o->key_file) != AMQP_STATUS_OK)
        return fail(why, "TLS", "ssl_cert_file and ssl_key_file cannot be used");
    amqp_ssl_socket_set_verify_peer(socket, 1);
    amqp_ssl_socket_set_verify_hostname(socket, 0);
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    good = good && (X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1 || X509_VERIFY_PARAM_set1_host(param, host, 0) == 1);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    return good ? true : fail(why, "TLS", "cannot be set up");
}

static bool login(struct amqp_link *link, amqp_connection_state_t conn, const struct amqp_link_host *host, char *why)
{
    const struct amqp_link_options *o = &link->o;
    static const char *const names[] = {"authentication_failure_close", "connection.blocked", "consumer_cancel_notify",
                                        "basic.nack", "publisher_confirms"};
    amqp_table_entry_t able[sizeof names / sizeof names[0]], top[4];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        able[i] = (amqp_table_entry_t){.key = amqp_cstring_bytes(names[i]),
                                       .value = {.kind = AMQP_FIELD_KIND_BOOLEAN, .value = {.boolean = 1}}};
    top[0] = (amqp_table_entry_t){.key = amqp_cstring_bytes("capabilities"), .value = {.kind = AMQP_FIELD_KIND_TABLE}};
    top[0].value.value.table = (amqp_table_t){(int)(sizeof names / sizeof names[0]), able};
    const char *texts[][2] = {{"product", "SPICE bridge"}, {"product_version", SPICE_VERSION}, {"connection_name", o->name}};
    for (unsigned i = 0; i < 3; i++)
        top[1 + i] =
            (amqp_table_entry_t){.key = amqp_cstring_bytes(texts[i][0]),
                                 .value = {.kind = AMQP_FIELD_KIND_UTF8, .value = {.bytes = amqp_cstring_bytes(texts[i][1])}}};
    amqp_table_t properties = {4, top};
    unsigned code;
    amqp_rpc_reply_t reply =
        o->external ? amqp_login_with_properties(conn, o->vhost, CHANNELS_MAX, AMQP_LINK_FRAME_MAX, (int)o->heartbeat_s,
                                                 &properties, AMQP_SASL_METHOD_EXTERNAL, host->user)
                    : amqp_login_with_properties(conn, o->vhost, CHANNELS_MAX, AMQP_LINK_FRAME_MAX, (int)o->heartbeat_s,
                                                 &properties, AMQP_SASL_METHOD_PLAIN, host->user, host->password);
    if (reply.reply_type == AMQP_RESPONSE_SERVER_EXCEPTION && reply.reply.id == AMQP_CONNECTION_CLOSE_METHOD) {
        const amqp_connection_close_t *m = reply.reply.decoded;
        return fail_close(why, "login", m->reply_code, m->reply_text);
    }
    if (reply.reply_type != AMQP_RESPONSE_NORMAL)
        return fail_status(why, "login", reply.library_error);
    amqp_channel_open(conn, CHANNEL);
    return check(conn, "channel", &code, why);
}

/* ---- declaring ---- */

static amqp_table_t arguments(const struct amqp_link_declare *d, amqp_table_entry_t list[6])
{
    int n = 0;
    if (d->expires_ms > 0)
        list[n++] = (amqp_table_entry_t){.key = amqp_cstring_bytes("x-expires"),
                                         .value = {.kind = AMQP_FIELD_KIND_I32, .value = {.i32 = (int32_t)d->expires_ms}}};
    if (d->quorum)
        list[n++] = (amqp_table_entry_t){.key = amqp_cstring_bytes("x-queue-type"),
                                         .value = {.kind = AMQP_FIELD_KIND_UTF8, .value = {.bytes = amqp_cstring_bytes("quorum")}}};
    if (d->quorum && d->delivery_limit > 0)
        list[n++] = (amqp_table_entry_t){.key = amqp_cstring_bytes("x-delivery-limit"),
                                         .value = {.kind = AMQP_FIELD_KIND_I32, .value = {.i32 = (int32_t)d->delivery_limit}}};
    const struct {
        const char *key;
        uint32_t value;
    } limits[] = {{"x-max-length", d->length_max}, {"x-message-ttl", d->ttl_ms}};
    for (unsigned i = 0; i < 2; i++)
        if (limits[i].value > 0)
            list[n++] = (amqp_table_entry_t){.key = amqp_cstring_bytes(limits[i].key),
                                             .value = {.kind = AMQP_FIELD_KIND_I32, .value = {.i32 = (int32_t)limits[i].value}}};
    return (amqp_table_t){n, list};
}

static void declare_once(amqp_connection_state_t conn, const struct amqp_link_declare *d, bool passive)
{
    amqp_table_entry_t list[6];
    if (d->verb == AMQP_LINK_EXCHANGE)
        amqp_exchange_declare(conn, CHANNEL, amqp_cstring_bytes(d->exchange), amqp_cstring_bytes(d->type), passive, d->durable,
                              d->auto_delete, 0, amqp_empty_table);
    else
        amqp_queue_declare(conn, CHANNEL, amqp_cstring_bytes(d->queue), passive, d->durable, 0, d->auto_delete,
                           passive ? amqp_empty_table : arguments(d, list));
}

/* After the broker closed the channel. */
static bool reopen(amqp_connection_state_t conn, char *why)
{
    amqp_channel_close_ok_t ok = {0};
    unsigned code;
    int status = amqp_send_method(conn, CHANNEL, AMQP_CHANNEL_CLOSE_OK_METHOD, &ok);
    if (status != AMQP_STATUS_OK)
        return fail_status(why, "channel", status);
    amqp_channel_open(conn, CHANNEL);
    return check(conn, "channel", &code, why);
}

static void remark(struct amqp_link *link, const char *what, const char *why)
{
    struct amqp_link_event note = {.kind = AMQP_LINK_NOTE};
    (void)snprintf(note.why, sizeof note.why, "%s: %.220s", what, why);
    (void)amqp_link_post(link, &note, 0);
}

/* Declares; takes what exists with other flags as it is. What is foreign is only looked for. */
static bool declare(struct amqp_link *link, const struct amqp_link_declare *d, char *why)
{
    amqp_connection_state_t conn = link->conn;
    const char *name = d->verb == AMQP_LINK_EXCHANGE ? d->exchange : d->queue;
    bool look = d->foreign && d->verb == AMQP_LINK_EXCHANGE;
    unsigned code;
    declare_once(conn, d, look);
    if (!check(conn, name, &code, why)) {
        if (code != 406 && !(look && (code == 404 || code == 403)))
            return false;
        remark(link, look ? "left out" : "used as it is", why);
        if (!reopen(conn, why))
            return false;
        link->foreign_missing = link->foreign_missing || look;
        if (look)
            return true;
        declare_once(conn, d, true);
        if (!check(conn, name, &code, why))
            return false;
    }
    if (d->verb == AMQP_LINK_QUEUE && d->exchange != NULL) {
        amqp_queue_bind(conn, CHANNEL, amqp_cstring_bytes(d->queue), amqp_cstring_bytes(d->exchange), amqp_cstring_bytes(d->key),
                        amqp_empty_table);
        return check(conn, name, &code, why);
    }
    return true;
}

static bool left_out(const struct amqp_link *link, const struct amqp_link_declare *d)
{
    return d->foreign && link->foreign_missing;
}

static bool declare_all(struct amqp_link *link, char *why)
{
    amqp_connection_state_t conn = link->conn;
    unsigned code;
    for (uint32_t i = 0; i < link->o.declare_count; i++)
        if (link->o.declares[i].verb != AMQP_LINK_CONSUME && !left_out(link, &link->o.declares[i]) &&
            !declare(link, &link->o.declares[i], why))
            return false;
    /* The channel may have been opened anew above: what holds for the channel comes after. */
    if (!link->o.consumer) {
        amqp_confirm_select(conn, CHANNEL);
        return check(conn, "confirm.select", &code, why);
    }
    amqp_basic_qos(conn, CHANNEL, 0, (uint16_t)link->o.prefetch, 0);
    if (!check(conn, "qos", &code, why))
        return false;
    for (uint32_t i = 0; i < link->o.declare_count; i++) {
        const struct amqp_link_declare *d = &link->o.declares[i];
        if (d->verb != AMQP_LINK_CONSUME || left_out(link, d))
            continue;
        amqp_basic_consume(conn, CHANNEL, amqp_cstring_bytes(d->queue), amqp_empty_bytes, 0, 0, 0, amqp_empty_table);
        if (!check(conn, d->queue, &code, why))
            return false;
    }
    return true;
}

bool amqp_link_wire_open(struct amqp_link *link, const struct amqp_link_host *host, char why[AMQP_LINK_WHY_BYTES])
{
    amqp_connection_state_t conn = amqp_new_connection();
    amqp_socket_t *socket = conn == NULL ? NULL : link->o.ssl ? amqp_ssl_socket_new(conn) : amqp_tcp_socket_new(conn);
    struct timeval handshake = {HANDSHAKE_S, 0}, rpc = {RPC_S, 0};
    link->conn = conn;
    memset(&link->in, 0, sizeof link->in);
    memset(link->flights, 0, sizeof link->flights);
    link->published = link->settled = link->acked = 0;
    link->foreign_missing = false;
    if (socket == NULL)
        return fail(why, "connection", "no memory");
    if (link->o.ssl && !open_tls(link, socket, host->host, why))
        return false;
    (void)amqp_set_handshake_timeout(conn, &handshake);
    (void)amqp_set_rpc_timeout(conn, &rpc);
    int status = amqp_socket_open_noblock(socket, host->host, host->port, &handshake);
    if (status != AMQP_STATUS_OK)
        return fail_status(why, "connect", status);
    unsigned timeout_ms = link->o.heartbeat_s * 1000u;
    (void)setsockopt(amqp_get_sockfd(conn), IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof timeout_ms);
    amqp_link_breakable(link, amqp_get_sockfd(conn));
    if (!login(link, conn, host, why) || !declare_all(link, why))
        return false;
    amqp_maybe_release_buffers(conn);
    return true;
}

void amqp_link_wire_close(struct amqp_link *link, bool clean)
{
    if (link->conn == NULL)
        return;
    if (clean && amqp_get_sockfd(link->conn) >= 0)
        (void)amqp_connection_close(link->conn, AMQP_REPLY_SUCCESS);
    amqp_link_breakable(link, -1);
    (void)amqp_destroy_connection(link->conn);
    link->conn = NULL;
    free(link->in.event.body);
    memset(&link->in, 0, sizeof link->in);
}

int amqp_link_wire_fd(const struct amqp_link *link)
{
    return amqp_get_sockfd(link->conn);
}

bool amqp_link_wire_pending(const struct amqp_link *link)
{
    return amqp_frames_enqueued(link->conn) || amqp_data_in_buffer(link->conn);
}

/* ---- what comes in ---- */

static void name_copy(char to[AMQP_LINK_NAME_BYTES], amqp_bytes_t from)
{
    (void)sp_str_copy(to, AMQP_LINK_NAME_BYTES, sp_str_bytes(from.bytes, from.len));
}

static bool post(struct amqp_link *link, struct amqp_link_event *event, uint64_t delivery_tag, char *why)
{
    return amqp_link_post(link, event, delivery_tag) ? true : fail(why, "event", "no memory");
}

/* A confirm or refusal of one or of all up to it. */
static bool settle(struct amqp_link *link, uint64_t tag, bool multiple, bool taken, char *why)
{
    if (tag == 0 || tag > link->published)
        return fail(why, "confirm", "of something never sent");
    for (uint64_t t = multiple ? link->settled + 1 : tag; t <= tag; t++) {
        struct amqp_link_flight *f = &link->flights[t % AMQP_LINK_FLIGHT_MAX];
        struct amqp_link_event event = {.tag = f->tag};
        if (!f->open)
            continue;
        f->open = false;
        event.kind = f->returned ? AMQP_LINK_RETURNED : taken ? AMQP_LINK_CONFIRMED : AMQP_LINK_REFUSED;
        if (!post(link, &event, 0, why))
            return false;
    }
    while (link->settled < link->published && !link->flights[(link->settled + 1) % AMQP_LINK_FLIGHT_MAX].open)
        link->settled++;
    return true;
}

/* The broker does not say which publish came back; the body does. Its confirm follows. */
static void mark_returned(struct amqp_link *link, const struct amqp_link_incoming *in)
{
    uint64_t hash = sp_hash_sip(hash_key, in->event.body, in->event.bytes);
    for (uint64_t t = link->settled + 1; t <= link->published; t++) {
        struct amqp_link_flight *f = &link->flights[t % AMQP_LINK_FLIGHT_MAX];
        if (f->open && !f->returned && f->hash == hash) {
            f->returned = true;
            return;
        }
    }
}

static bool incoming_done(struct amqp_link *link, char *why)
{
    struct amqp_link_incoming *in = &link->in;
    bool good = true;
    if (in->is_return) {
        mark_returned(link, in);
        free(in->event.body);
    } else if (in->discard) {
        struct amqp_link_event empty = in->event; /* taken like any other, so that acknowledgements stay in order */
        free(in->event.body);
        empty.body = NULL;
        empty.bytes = 0;
        link->dropped++;
        good = post(link, &empty, in->delivery_tag, why);
    } else {
        good = post(link, &in->event, in->delivery_tag, why);
    }
    memset(in, 0, sizeof *in);
    return good;
}

static bool on_header(struct amqp_link *link, const amqp_frame_t *frame, char *why)
{
    struct amqp_link_incoming *in = &link->in;
    const amqp_basic_properties_t *p = frame->payload.properties.decoded;
    static const char json[] = "application/json";
    if (in->phase != AMQP_LINK_HEADER)
        return fail(why, "frame", "a header nobody waits for");
    in->size = frame->payload.properties.body_size;
    if (in->size > RETURN_MAX && in->is_return)
        return fail(why, "return", "of something never sent");
    in->event.json = (p->_flags & AMQP_BASIC_CONTENT_TYPE_FLAG) != 0 && p->content_type.len == sizeof json - 1 &&
                     memcmp(p->content_type.bytes, json, sizeof json - 1) == 0;
    for (int i = 0; (p->_flags & AMQP_BASIC_HEADERS_FLAG) != 0 && i < p->headers.num_entries; i++)
        in->event.zlib = in->event.zlib ||
                         (p->headers.entries[i].key.len == 11 && memcmp(p->headers.entries[i].key.bytes, "compression", 11) == 0);
    in->discard = !in->is_return && in->size > link->o.body_bytes_max;
    if (!in->discard && in->size > 0) {
        in->event.body = malloc(in->size);
        if (in->event.body == NULL)
            return fail(why, "delivery", "no memory");
    }
    in->phase = AMQP_LINK_BODY;
    return in->size > 0 ? true : incoming_done(link, why);
}

static bool on_body(struct amqp_link *link, const amqp_frame_t *frame, char *why)
{
    struct amqp_link_incoming *in = &link->in;
    amqp_bytes_t part = frame->payload.body_fragment;
    if (in->phase != AMQP_LINK_BODY || part.len > in->size - in->event.bytes)
        return fail(why, "frame", "more of a body than was announced");
    if (!in->discard)
        memcpy(in->event.body + in->event.bytes, part.bytes, part.len);
    in->event.bytes += part.len;
    return in->event.bytes < in->size ? true : incoming_done(link, why);
}

static bool incoming_begin(struct amqp_link *link, const amqp_method_t *method, char *why)
{
    struct amqp_link_incoming *in = &link->in;
    if (in->phase != AMQP_LINK_IDLE)
        return fail(why, "frame", "a message inside of a message");
    if (method->id == AMQP_BASIC_DELIVER_METHOD) {
        const amqp_basic_deliver_t *m = method->decoded;
        in->event.kind = AMQP_LINK_DELIVERY;
        in->event.redelivered = m->redelivered != 0;
        in->delivery_tag = m->delivery_tag;
        name_copy(in->event.exchange, m->exchange);
        name_copy(in->event.key, m->routing_key);
    } else {
        in->is_return = true;
    }
    in->phase = AMQP_LINK_HEADER;
    return true;
}

static bool on_method(struct amqp_link *link, const amqp_frame_t *frame, char *why)
{
    const amqp_method_t *method = &frame->payload.method;
    struct amqp_link_event event = {.kind = AMQP_LINK_UNBLOCKED};
    switch (method->id) {
    case AMQP_BASIC_DELIVER_METHOD:
    case AMQP_BASIC_RETURN_METHOD:
        return incoming_begin(link, method, why);
    case AMQP_BASIC_ACK_METHOD: {
        const amqp_basic_ack_t *m = method->decoded;
        return settle(link, m->delivery_tag == 0 ? link->published : m->delivery_tag, m->multiple != 0, true, why);
    }
    case AMQP_BASIC_NACK_METHOD: {
        const amqp_basic_nack_t *m = method->decoded;
        return settle(link, m->delivery_tag == 0 ? link->published : m->delivery_tag, m->multiple != 0, false, why);
    }
    case AMQP_BASIC_CANCEL_METHOD:
        return fail(why, "consumer", "cancelled by the broker: its queue is gone");
    case AMQP_CONNECTION_BLOCKED_METHOD: {
        const amqp_connection_blocked_t *m = method->decoded;
        event.kind = AMQP_LINK_BLOCKED;
        (void)sp_str_copy(event.why, sizeof event.why, sp_str_bytes(m->reason.bytes, m->reason.len));
        return post(link, &event, 0, why);
    }
    case AMQP_CONNECTION_UNBLOCKED_METHOD:
        return post(link, &event, 0, why);
    case AMQP_CHANNEL_CLOSE_METHOD: { /* an exchange has gone: everything is declared again on a new connection */
        const amqp_channel_close_t *m = method->decoded;
        return fail_close(why, "channel closed", m->reply_code, m->reply_text);
    }
    case AMQP_CONNECTION_CLOSE_METHOD: {
        const amqp_connection_close_t *m = method->decoded;
        amqp_connection_close_ok_t ok = {0};
        (void)fail_close(why, "connection closed", m->reply_code, m->reply_text);
        (void)amqp_send_method(link->conn, 0, AMQP_CONNECTION_CLOSE_OK_METHOD, &ok);
        return false;
    }
    default:
        return true; /* an answer to something not asked in this loop */
    }
}

bool amqp_link_wire_read(struct amqp_link *link, char why[AMQP_LINK_WHY_BYTES])
{
    static const struct timeval at_once = {0, 0};
    for (;;) {
        amqp_frame_t frame;
        struct timeval wait = at_once;
        int status = amqp_simple_wait_frame_noblock(link->conn, &frame, &wait); /* sends and judges heartbeats as well */
        if (status == AMQP_STATUS_TIMEOUT)
            return true;
        if (status != AMQP_STATUS_OK)
            return fail_status(why, "connection", status);
        bool good = true;
        if (frame.frame_type == AMQP_FRAME_METHOD)
            good = on_method(link, &frame, why);
        else if (frame.frame_type == AMQP_FRAME_HEADER)
            good = on_header(link, &frame, why);
        else if (frame.frame_type == AMQP_FRAME_BODY)
            good = on_body(link, &frame, why);
        if (!good)
            return false;
        if (link->in.phase == AMQP_LINK_IDLE)
            amqp_maybe_release_buffers(link->conn); /* frames of a message under way live there (pitfall C12) */
    }
}

/* ---- what goes out ---- */

bool amqp_link_wire_publish(struct amqp_link *link, const struct amqp_link_message *message, char why[AMQP_LINK_WHY_BYTES])
{
    amqp_basic_properties_t p = {._flags = AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_CONTENT_ENCODING_FLAG |
                                           AMQP_BASIC_HEADERS_FLAG | AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_PRIORITY_FLAG,
                                 .content_type = amqp_cstring_bytes("application/json"),
                                 .content_encoding = amqp_cstring_bytes("utf-8"),
                                 .headers = amqp_empty_table,
                                 .delivery_mode = 2,
                                 .priority = 0};
    if (link->published - link->settled >= AMQP_LINK_FLIGHT_MAX - 1)
        return fail(why, "publish", "too many without confirm");
    struct amqp_link_flight *f = &link->flights[++link->published % AMQP_LINK_FLIGHT_MAX];
    *f = (struct amqp_link_flight){.tag = message->tag, .open = true};
    f->hash = message->mandatory ? sp_hash_sip(hash_key, message->body, message->bytes) : 0;
    int status = amqp_basic_publish(link->conn, CHANNEL, amqp_cstring_bytes(message->exchange), amqp_cstring_bytes(message->key),
                                    message->mandatory, 0, &p, (amqp_bytes_t){message->bytes, message->body});
    return status == AMQP_STATUS_OK ? true : fail_status(why, "publish", status);
}

bool amqp_link_wire_ack(struct amqp_link *link, uint64_t up_to, char why[AMQP_LINK_WHY_BYTES])
{
    int status = amqp_basic_ack(link->conn, CHANNEL, up_to, 1);
    return status == AMQP_STATUS_OK ? true : fail_status(why, "acknowledge", status);
}
