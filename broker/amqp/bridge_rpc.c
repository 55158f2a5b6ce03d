/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge_rpc.h"

#include <stdlib.h>

#include "bridge_canary.h"
#include "bridge_cloud.h"
#include "bridge_exposure.h"
#include "bridge_method.h"
#include "bridge_report.h"
#include "bridge_result.h"
#include "bridge_trust.h"
#include "oslo_message.h"
#include "sp_hash.h"
#include "sp_log.h"

#define MONITOR_MIN_S 1.0 /* heartbeats no faster than this, as in the library */

/* ---- replies ---- */

static void reply(struct bridge *b, const char *queue, struct sp_buf *inner, enum bridge_class class)
{
    static const uint8_t key[16];
    uint64_t hash = sp_hash_sip(key, queue, strlen(queue));
    bridge_shell_offer(b, class, hash == UINT64_MAX ? 0 : hash, "", queue, inner);
}

void bridge_rpc_reply_result(struct bridge *b, const char *queue, const char *msg_id, const char *json)
{
    struct sp_buf inner;
    sp_buf_init(&inner, BRIDGE_ANSWER_BYTES + 4096);
    oslo_message_result(&inner, msg_id, json);
    if (inner.failed) {
        bridge_rpc_reply_failure(b, queue, msg_id, BRIDGE_ERRORS, "SpiceUnavailable", "the answer is too large; ask for less");
    } else {
        b->answered++;
        reply(b, queue, &inner, BRIDGE_REPLY);
    }
    sp_buf_fini(&inner);
}

void bridge_rpc_reply_failure(struct bridge *b, const char *queue, const char *msg_id, const char *module, const char *class,
                              const char *text)
{
    struct sp_buf inner;
    sp_buf_init(&inner, 65536);
    oslo_message_failure(&inner, msg_id, class, module, text);
    b->failed++;
    reply(b, queue, &inner, BRIDGE_REPLY);
    sp_buf_fini(&inner);
}

/* ---- calls that wait ---- */

static void call_free(struct bridge *b, uint32_t i)
{
    struct bridge_call *c = &b->calls[i];
    sp_buf_fini(&c->data);
    b->view_count -= c->kind == BRIDGE_CALL_VIEW;
    b->call_count--;
    c->used = false;
    bridge_trust_forget(b, i);
}

uint32_t bridge_rpc_wait(struct bridge *b, const struct oslo_request *r, enum bridge_call_kind kind)
{
    if (kind == BRIDGE_CALL_VIEW && b->view_count >= BRIDGE_VIEWS_MAX)
        return BRIDGE_CALLS_MAX;
    for (uint32_t i = 0; i < BRIDGE_CALLS_MAX; i++) {
        struct bridge_call *c = &b->calls[i];
        uint64_t now_us = bridge_shell_now(b).us;
        if (c->used)
            continue;
        memset(c, 0, sizeof *c);
        c->used = true;
        c->kind = kind;
        (void)sp_str_copy(c->msg_id, sizeof c->msg_id, sp_str_of(r->msg_id));
        (void)sp_str_copy(c->reply_queue, sizeof c->reply_queue, sp_str_of(r->reply_queue));
        sp_buf_init(&c->data, BRIDGE_ANSWER_BYTES);
        c->deadline_us = now_us + BRIDGE_CALL_MS * SP_US_PER_MS;
        if (r->monitor_s / 2 >= MONITOR_MIN_S)
            c->beat_every_us = (uint64_t)(r->monitor_s / 2 * SP_US_PER_S);
        c->beat_us = now_us + c->beat_every_us;
        b->call_count++;
        b->view_count += kind == BRIDGE_CALL_VIEW;
        return i;
    }
    return BRIDGE_CALLS_MAX;
}

/* The one element of a list, as text. NULL: the list is empty. Gives the text. */
static char *first_of(struct sp_str list)
{
    json_t *all = json_loadb(list.p, list.n, 0, NULL);
    char *text = json_array_size(all) > 0 ? json_dumps(json_array_get(all, 0), JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
    json_decref(all);
    return text;
}

/* True for a question of the bridge itself, which is over then. text NULL: no answer. */
static bool is_own(struct bridge *b, uint32_t i, const char *text)
{
    enum bridge_call_kind kind = b->calls[i].kind;
    if (kind != BRIDGE_CALL_POOLS && kind != BRIDGE_CALL_EVIDENCE)
        return false;
    if (kind == BRIDGE_CALL_POOLS)
        bridge_cloud_pools(b, text);
    else
        bridge_exposure_evidence(b, text);
    call_free(b, i);
    return true;
}

void bridge_rpc_answer(struct bridge *b, uint32_t i)
{
    struct bridge_call *c = &b->calls[i];
    sp_buf_append(&c->data, "", 1); /* the end of a C string */
    if (is_own(b, i, c->data.failed ? NULL : (const char *)c->data.p))
        return;
    if (c->data.failed) {
        bridge_rpc_fail(b, i, "SpiceUnavailable", "the answer is too large; ask for less");
        return;
    }
    char *first = c->first_only ? first_of(sp_str_of((const char *)c->data.p)) : NULL;
    if (c->first_only && first == NULL)
        bridge_rpc_reply_failure(b, c->reply_queue, c->msg_id, BRIDGE_ERRORS, "SpiceNotFound", "there is no such node");
    else
        bridge_rpc_reply_result(b, c->reply_queue, c->msg_id, first != NULL ? first : (const char *)c->data.p);
    free(first);
    call_free(b, i);
}

void bridge_rpc_fail(struct bridge *b, uint32_t i, const char *class, const char *text)
{
    struct bridge_call *c = &b->calls[i];
    if (is_own(b, i, NULL))
        return;
    bridge_rpc_reply_failure(b, c->reply_queue, c->msg_id, BRIDGE_ERRORS, class, text);
    call_free(b, i);
}

void bridge_rpc_tick(struct bridge *b)
{
    uint64_t now_us = bridge_shell_now(b).us;
    for (uint32_t i = 0; i < BRIDGE_CALLS_MAX && b->call_count > 0; i++) {
        struct bridge_call *c = &b->calls[i];
        if (!c->used)
            continue;
        if (now_us >= c->deadline_us) {
            bridge_rpc_fail(b, i, "SpiceUnavailable", "no answer from the fleet in time; ask again");
        } else if (c->beat_every_us > 0 && now_us >= c->beat_us) {
            struct sp_buf inner;
            c->beat_us = now_us + c->beat_every_us;
            sp_buf_init(&inner, 4096);
            oslo_message_heartbeat(&inner, c->msg_id);
            reply(b, c->reply_queue, &inner, BRIDGE_BEAT);
            sp_buf_fini(&inner);
        }
    }
}

uint64_t bridge_rpc_deadline_us(const struct bridge *b)
{
    uint64_t at = SP_NEVER;
    for (uint32_t i = 0; i < BRIDGE_CALLS_MAX && b->call_count > 0; i++) {
        const struct bridge_call *c = &b->calls[i];
        if (c->used && c->deadline_us < at)
            at = c->deadline_us;
        if (c->used && c->beat_every_us > 0 && c->beat_us < at)
            at = c->beat_us;
    }
    return at;
}

void bridge_rpc_fini(struct bridge *b)
{
    for (uint32_t i = 0; i < BRIDGE_CALLS_MAX; i++)
        sp_buf_fini(&b->calls[i].data);
}

/* ---- views ---- */

bool bridge_rpc_view(struct bridge *b, uint32_t call, const char *to, const char *view, const json_t *args)
{
    char *text = json_dumps(args, JSON_COMPACT);
    struct msg_view_request m = {.id = ++b->view_id, .view = sp_str_of(view), .args = sp_str_of(text)};
    struct sp_packer w;
    size_t room = 0;
    uint8_t *body = sp_bus_body(b->bus, &room);
    b->calls[call].id = m.id;
    sp_packer_init(&w, body, room);
    bool sent = text != NULL && msg_view_request_encode(&w, &m) == SP_OK &&
                bridge_shell_send(b, SP_MSG_VIEW_REQUEST, to, sp_str_bytes(body, sp_packer_bytes(&w)));
    free(text);
    return sent;
}

static const char *class_of(unsigned code)
{
    switch (code) {
    case SP_REFUSAL_NOT_FOUND:
    case SP_REFUSAL_UNKNOWN_NODE:
    case SP_REFUSAL_UNKNOWN_CHECK:
        return "SpiceNotFound";
    case SP_REFUSAL_BAD_REQUEST:
        return "SpiceBadRequest";
    case SP_REFUSAL_AUTHORITY:
        return "SpiceNotAuthorized";
    default:
        return "SpiceUnavailable";
    }
}

enum sp_rc bridge_on_view_reply(struct bridge_in *in, struct msg_view_reply *m)
{
    struct bridge *b = in->b;
    if (bridge_result_on_view_reply(b, m) || bridge_report_on_view_reply(b, m))
        return SP_OK;
    for (uint32_t i = 0; i < BRIDGE_CALLS_MAX; i++) {
        struct bridge_call *c = &b->calls[i];
        if (!c->used || c->kind == BRIDGE_CALL_SNAPSHOT || c->kind == BRIDGE_CALL_BEAT || c->id != m->id)
            continue;
        if (m->part != c->part++) {
            bridge_rpc_fail(b, i, "SpiceUnavailable", "a part of the answer was lost; ask again");
        } else if (m->code != SP_REFUSAL_NONE) {
            json_t *fault = json_loadb(m->data.p, m->data.n, 0, NULL);
            const char *text = json_string_value(json_object_get(fault, "error"));
            bridge_rpc_fail(b, i, class_of(m->code), text != NULL ? text : "refused");
            json_decref(fault);
        } else {
            sp_buf_append(&c->data, m->data.p, m->data.n);
            if (m->last)
                bridge_rpc_answer(b, i);
        }
        return SP_OK;
    }
    return SP_E_STALE;
}

/* ---- requests ---- */

void bridge_rpc_on_delivery(struct bridge *b, const struct amqp_link_event *d)
{
    struct oslo_request r;
    b->requests++;
    if (d->body == NULL || !d->json || d->zlib) {
        b->malformed++;
        SP_LOG(SP_LOG_WARNING, "bridge", "request.refused", SP_LOG_S("queue", d->key),
               SP_LOG_S("why", d->body == NULL ? "empty or larger than bridge.request_kib"
                               : d->zlib       ? "compressed"
                                               : "no application/json"));
        return;
    }
    enum oslo_bad bad = oslo_request_parse(sp_str_bytes(d->body, d->bytes), &r);
    if (bad != OSLO_GOOD) {
        static const char *const why[] = {"", "no JSON of ours", "envelope", "request", "reply queue"};
        b->malformed++;
        SP_LOG(SP_LOG_WARNING, "bridge", "request.refused", SP_LOG_S("queue", d->key), SP_LOG_S("why", why[bad]));
    } else if (bridge_canary_is(&r)) {
        b->requests--; /* nobody asked for anything */
        bridge_canary_heard(b, &r);
    } else if (bridge_seen_add(&b->seen, bridge_shell_now(b), sp_str_of(r.unique_id))) {
        b->duplicates++;
    } else {
        bridge_method_call(b, &r);
    }
    oslo_request_fini(&r);
}
