/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge_method.h"

#include <stdio.h>
#include <stdlib.h>

#include "bridge_rpc.h"
#include "bridge_trust.h"
#include "sp_base64.h"
#include "sp_clock.h"
#include "sp_hex.h"

#define HOSTS_MAX  10000u
#define DISPATCHER "oslo_messaging.rpc.dispatcher"

/* Arguments: NAME:TYPE, with '?' when it may be left out (or null). s text, n name of a thing, i number, h list of texts, b nonce,
 * * anything. */
struct method {
    const char *name_space; /* NULL: none */
    const char *name;
    const char *args;
    void (*fn)(struct bridge *b, const struct oslo_request *r);
};

static void answer(struct bridge *b, const struct oslo_request *r, json_t *value)
{
    char *text = value != NULL ? json_dumps(value, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_ENCODE_ANY) : NULL;
    json_decref(value);
    if (text != NULL)
        bridge_rpc_reply_result(b, r->reply_queue, r->msg_id, text);
    else
        bridge_rpc_reply_failure(b, r->reply_queue, r->msg_id, BRIDGE_ERRORS, "SpiceUnavailable", "no memory");
    free(text);
}

static void fail(struct bridge *b, const struct oslo_request *r, const char *class, const char *text)
{
    bridge_rpc_reply_failure(b, r->reply_queue, r->msg_id, BRIDGE_ERRORS, class, text);
}

static const char *pool_of(const struct oslo_request *r)
{
    const char *pool = oslo_text(r->args, "pool");
    return pool != NULL ? pool : "trusted";
}

/* ---- from our own copy of the pool ---- */

json_t *bridge_method_wall(uint64_t ms)
{
    char text[32];
    if (ms == 0)
        return json_null();
    sp_time_format_wall((struct sp_wall){ms}, text, sizeof text);
    return json_string(text);
}

json_t *bridge_method_key(const uint8_t key[16])
{
    char text[SP_HEX_KEY_BYTES];
    sp_hex_key_write(key, text);
    return json_string(text);
}

static void answer_pool(struct bridge *b, const struct oslo_request *r)
{
    struct sp_mono now = sp_clock_read().mono;
    const char *pool = pool_of(r);
    json_t *members = json_array();
    uint64_t nodes = 0;
    if (!reader_core_fresh(&b->reader, now)) {
        json_decref(members);
        fail(b, r, "SpiceUnavailable", "the keeper is not followed at this moment");
        return;
    }
    for (uint32_t i = 0; i < b->reader.count; i++) {
        const struct reader_entry *e = &b->reader.entries[i];
        struct reader_answer a;
        if (!e->live || strcmp(e->pool, pool) != 0)
            continue;
        nodes++;
        reader_core_answer(&b->reader, now, e, &a);
        if (a.member)
            json_array_append_new(members,
                                  json_pack("{s:s, s:o, s:s, s:I, s:o, s:s}", "node", e->node, "key", bridge_method_key(e->key),
                                            "tier", sp_tier_name(a.tier), "remaining_ms", (json_int_t)a.remaining_ms, "since",
                                            bridge_method_wall(a.since_ms), "why", a.why));
    }
    if (nodes == 0) {
        json_decref(members);
        fail(b, r, "SpiceNotFound", "there is no such pool, or it has no nodes");
        return;
    }
    answer(b, r,
           json_pack("{s:s, s:I, s:I, s:I, s:o}", "pool", pool, "nodes", (json_int_t)nodes, "boot",
                     (json_int_t)(b->reader.boot & INT64_MAX), "sequence", (json_int_t)b->reader.sequence, "members", members));
}

static json_t *trust_of(const struct bridge *b, struct sp_mono now, struct sp_str node, struct sp_str pool)
{
    struct reader_answer a;
    uint8_t key[16];
    reader_core_lookup_word(&b->reader, now, node, sp_hex_key(node, key) ? key : NULL, pool, &a);
    const char *trust = a.member ? "trusted" : a.tier == SP_TIER_FAIL ? "untrusted" : "unknown";
    return json_pack("{s:s, s:b, s:s, s:I, s:o, s:s}", "trust", trust, "member", a.member, "tier", sp_tier_name(a.tier),
                     "remaining_ms", (json_int_t)a.remaining_ms, "since", bridge_method_wall(a.since_ms), "why", a.why);
}

static void answer_trust(struct bridge *b, const struct oslo_request *r)
{
    struct sp_mono now = sp_clock_read().mono;
    const json_t *list = json_object_get(r->args, "hosts");
    json_t *hosts = json_object();
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *host = json_string_value(json_array_get(list, i));
        json_object_set_new(hosts, host, trust_of(b, now, sp_str_of(host), sp_str_of(pool_of(r))));
    }
    answer(b, r, json_pack("{s:s, s:b, s:o}", "pool", pool_of(r), "following", reader_core_fresh(&b->reader, now), "hosts", hosts));
}

static void answer_ping(struct bridge *b, const struct oslo_request *r)
{
    answer(b, r,
           json_pack("{s:s, s:s, s:b}", "bridge", b->name, "version", SPICE_VERSION, "following",
                     reader_core_fresh(&b->reader, sp_clock_read().mono)));
}

static void answer_pong(struct bridge *b, const struct oslo_request *r)
{
    answer(b, r, json_string("pong"));
}

/* ---- from the fleet ---- */

/* Copies the named arguments; null ones are left out. */
static json_t *view_args(const struct oslo_request *r, json_int_t limit)
{
    json_t *args = json_object(), *value;
    const char *key;
    json_object_foreach(r->args, key, value)
    {
        if (!json_is_null(value))
            json_object_set(args, key, value);
    }
    if (limit > 0 &&
        (json_integer_value(json_object_get(args, "limit")) <= 0 || json_integer_value(json_object_get(args, "limit")) > limit))
        json_object_set_new(args, "limit", json_integer(limit));
    return args;
}

static void view(struct bridge *b, const struct oslo_request *r, const char *to, const char *name, json_t *args)
{
    uint32_t call = bridge_rpc_wait(b, r, BRIDGE_CALL_VIEW);
    if (call == BRIDGE_CALLS_MAX) {
        fail(b, r, "SpiceUnavailable", "too many calls wait for an answer; ask again later");
    } else {
        b->calls[call].first_only = strcmp(r->method, "get_node") == 0;
        if (!bridge_rpc_view(b, call, to, name, args))
            bridge_rpc_fail(b, call, "SpiceUnavailable", "the fleet cannot be reached");
    }
    json_decref(args);
}

static void view_nodes(struct bridge *b, const struct oslo_request *r)
{
    view(b, r, "keeper", "node.list", view_args(r, 0));
}

static void view_results(struct bridge *b, const struct oslo_request *r)
{
    view(b, r, "keeper", "result.list", view_args(r, 10000));
}

static void view_checks(struct bridge *b, const struct oslo_request *r)
{
    view(b, r, "scheduler", "check.list", view_args(r, 0));
}

static void view_profiles(struct bridge *b, const struct oslo_request *r)
{
    view(b, r, "scheduler", "profile.list", view_args(r, 0));
}

/* ---- the keeper's frames with a nonce of the caller ---- */

static void frames(struct bridge *b, const struct oslo_request *r)
{
    bool snapshot = strcmp(r->method, "snapshot") == 0;
    if (sp_bus_up_count(b->bus) == 0) {
        fail(b, r, "SpiceUnavailable", "the fleet cannot be reached");
        return;
    }
    uint32_t call = bridge_rpc_wait(b, r, snapshot ? BRIDGE_CALL_SNAPSHOT : BRIDGE_CALL_BEAT);
    if (call == BRIDGE_CALLS_MAX) {
        fail(b, r, "SpiceUnavailable", "too many calls wait for an answer; ask again later");
        return;
    }
    (void)sp_base64_read(sp_str_of(oslo_text(r->args, "nonce")), b->calls[call].nonce,
                         BRIDGE_NONCE_BYTES); /* checked with the arguments */
    if (snapshot ? !bridge_trust_snapshot(b, call) : !bridge_trust_beat(b, call))
        bridge_rpc_fail(b, call, "SpiceUnavailable", "the keeper cannot be asked now; ask again later");
}

/* ---- what changes something ---- */

static void write_refused(struct bridge *b, const struct oslo_request *r)
{
    fail(b, r, "SpiceNotAuthorized", "changes need the administrator's API, and none is configured for this bridge");
}

static const struct method methods[] = {
    {NULL, "ping", "", answer_ping},
    {NULL, "oslo_rpc_server_ping", "", answer_pong},
    {NULL, "get_pool", "pool:n?", answer_pool},
    {NULL, "get_trust", "hosts:h pool:n?", answer_trust},
    {NULL, "list_nodes", "selector:s?", view_nodes},
    {NULL, "get_node", "name:n", view_nodes},
    {NULL, "list_checks", "name:n?", view_checks},
    {NULL, "list_profiles", "name:n?", view_profiles},
    {NULL, "list_results", "node:n? check:n? limit:i? after:i? test:t?", view_results},
    {NULL, "create_check", "*", write_refused},
    {NULL, "update_check", "*", write_refused},
    {NULL, "delete_check", "*", write_refused},
    {NULL, "select_profile", "*", write_refused},
    {NULL, "run_check", "*", write_refused},
    {NULL, "set_maintenance", "*", write_refused},
    {"trust", "snapshot", "nonce:b", frames},
    {"trust", "beat", "nonce:b", frames},
};

/* ---- arguments ---- */

static bool hosts_good(const json_t *list)
{
    size_t n = json_array_size(list);
    bool good = json_is_array(list) && n <= HOSTS_MAX;
    for (size_t i = 0; i < n && good; i++) {
        const json_t *host = json_array_get(list, i);
        good =
            json_is_string(host) && json_string_length(host) == strlen(json_string_value(host)) && json_string_length(host) <= 255;
    }
    return good;
}

static bool arg_good(const json_t *args, const char *name, char type)
{
    uint8_t nonce[BRIDGE_NONCE_BYTES];
    const json_t *value = json_object_get(args, name);
    const char *text = oslo_text(args, name);
    switch (type) {
    case 's':
        return text != NULL && strlen(text) <= 1024;
    case 'n':
        return text != NULL && text[0] != '\0' && strlen(text) <= 64;
    case 'i':
        return json_is_integer(value) && json_integer_value(value) >= 0;
    case 't':
        return json_is_boolean(value);
    case 'h':
        return hosts_good(value);
    default:
        return text != NULL && sp_base64_read(sp_str_of(text), nonce, sizeof nonce);
    }
}

/* False: *why says which argument is wrong. */
static bool args_good(const struct method *m, const json_t *args, char *why, size_t size)
{
    struct sp_str rest = sp_str_of(m->args), one;
    size_t known = 0;
    if (strcmp(m->args, "*") == 0)
        return true;
    if (args == NULL) {
        (void)snprintf(why, size, "args is no object");
        return false;
    }
    while (sp_str_next(&rest, ' ', &one)) {
        char name[32];
        struct sp_str head;
        (void)sp_str_next(&one, ':', &head);
        (void)sp_str_copy(name, sizeof name, head);
        const json_t *value = json_object_get(args, name);
        bool optional = one.n > 1 && one.p[1] == '?';
        known += value != NULL;
        if (optional && (value == NULL || json_is_null(value)))
            continue;
        if (!arg_good(args, name, one.p[0])) {
            (void)snprintf(why, size, "argument %s is missing, or not as it should be", name);
            return false;
        }
    }
    if (known != json_object_size(args)) {
        (void)snprintf(why, size, "%s() takes no such argument; it takes: %s", m->name, m->args);
        return false;
    }
    return true;
}

/* ---- dispatch, by the rules of the library's own ---- */

static void refuse(struct bridge *b, const struct oslo_request *r, bool served)
{
    char text[400];
    if (!r->call)
        return;
    if (served)
        (void)snprintf(text, sizeof text, "Endpoint does not support RPC method %s", r->method);
    else
        (void)snprintf(text, sizeof text, "Endpoint does not support RPC version %s. Attempted method: %s", r->version, r->method);
    bridge_rpc_reply_failure(b, r->reply_queue, r->msg_id, DISPATCHER, served ? "NoSuchMethod" : "UnsupportedVersion", text);
}

void bridge_method_call(struct bridge *b, const struct oslo_request *r)
{
    bool served = false;
    char why[200] = "";
    for (size_t i = 0; i < SP_COUNT(methods); i++) {
        const struct method *m = &methods[i];
        bool here = strcmp(m->name_space != NULL ? m->name_space : "", r->name_space) == 0 && r->major == 1 && r->minor == 0;
        served = served || here;
        if (!here || strcmp(m->name, r->method) != 0)
            continue;
        if (!r->call)
            return; /* nothing here has an effect: without somebody who waits there is nothing to do */
        if (args_good(m, r->args, why, sizeof why))
            m->fn(b, r);
        else
            fail(b, r, "SpiceBadRequest", why);
        return;
    }
    refuse(b, r, served);
}
