/* SPDX-License-Identifier: Apache-2.0 */
#include "oslo_message.h"

#include <stdlib.h>

#include "json_scrub.h"
#include "sp_buf.h"

/* ---- reading ---- */

/* Parses one layer. NULL: not JSON, too deep, repeated keys. */
static json_t *load(struct sp_str text)
{
    struct sp_buf clean;
    sp_buf_init(&clean, (size_t)text.n * 2 + 64);
    json_t *value = NULL;
    if (json_scrub(text, OSLO_DEPTH_MAX, &clean))
        value = json_loadb((const char *)clean.p, clean.n, JSON_REJECT_DUPLICATES, NULL);
    sp_buf_fini(&clean);
    return value;
}

const char *oslo_text(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    const char *text = json_string_value(value);
    return text != NULL && strlen(text) == json_string_length(value) ? text : NULL;
}

/* Copies a member that may be missing or null, as the library's own server takes it. False: it is something else than text, or too
 * long. */
static bool copy(const json_t *object, const char *key, char *to, size_t size)
{
    const json_t *value = json_object_get(object, key);
    const char *text = oslo_text(object, key);
    to[0] = '\0';
    if (value == NULL || json_is_null(value))
        return true;
    return text != NULL && sp_str_copy(to, size, sp_str_of(text));
}

/* "X.Y" in digits; anything else is no version, which its sender is told. */
static void version_read(const json_t *inner, struct oslo_request *r)
{
    const char *text = oslo_text(inner, "version");
    struct sp_str rest, major;
    uint64_t x = 0, y = 0;
    text = json_object_get(inner, "version") == NULL ? "1.0" : text;
    (void)sp_str_copy(r->version, sizeof r->version, sp_str_of(text != NULL ? text : "None"));
    rest = sp_str_of(text);
    if (text != NULL && sp_str_next(&rest, '.', &major) && sp_str_u64(major, 1000, &x) && sp_str_u64(rest, 1000, &y)) {
        r->major = (unsigned)x;
        r->minor = (unsigned)y;
    }
}

static enum oslo_bad inner_read(const json_t *inner, struct oslo_request *r)
{
    const json_t *args = json_object_get(inner, "args"), *monitor = json_object_get(inner, "_timeout");
    bool good = copy(inner, "_unique_id", r->unique_id, sizeof r->unique_id) &&
                copy(inner, "_msg_id", r->msg_id, sizeof r->msg_id) && copy(inner, "method", r->method, sizeof r->method) &&
                copy(inner, "namespace", r->name_space, sizeof r->name_space);
    if (!good || r->method[0] == '\0')
        return OSLO_BAD_REQUEST;
    version_read(inner, r);
    r->args = args == NULL ? json_object() : json_is_object(args) ? json_incref((json_t *)args) : NULL;
    r->call = r->msg_id[0] != '\0';
    if (!r->call)
        return OSLO_GOOD;
    /* The queue's name comes from whoever may write here: other queues than those for replies are not ours to fill. */
    if (!copy(inner, "_reply_q", r->reply_queue, sizeof r->reply_queue) || strncmp(r->reply_queue, "reply_", 6) != 0)
        return OSLO_BAD_REPLY_QUEUE;
    r->monitor_s = json_is_number(monitor) && json_number_value(monitor) > 0 && json_number_value(monitor) < 1e6
                       ? json_number_value(monitor)
                       : 0;
    return OSLO_GOOD;
}

/* Gives the inner object, or says why there is none. */
static enum oslo_bad unwrap(struct sp_str body, json_t **inner)
{
    json_t *outer = load(body);
    *inner = NULL;
    if (!json_is_object(outer)) {
        json_decref(outer);
        return OSLO_BAD_JSON;
    }
    enum oslo_bad bad = OSLO_BAD_ENVELOPE;
    const json_t *version = json_object_get(outer, "oslo.version"), *message = json_object_get(outer, "oslo.message");
    if (version == NULL || message == NULL) { /* the old format without envelope */
        *inner = outer;
        return OSLO_GOOD;
    }
    if (json_is_string(version) && strcmp(json_string_value(version), "2.0") == 0 && json_is_string(message)) {
        json_t *value = load(sp_str_bytes(json_string_value(message), json_string_length(message)));
        bad = json_is_object(value) ? OSLO_GOOD : OSLO_BAD_JSON;
        if (bad == OSLO_GOOD)
            *inner = value;
        else
            json_decref(value);
    }
    json_decref(outer);
    return bad;
}

json_t *oslo_inner_load(struct sp_str body)
{
    json_t *inner = NULL;
    (void)unwrap(body, &inner);
    return inner;
}

enum oslo_bad oslo_request_parse(struct sp_str body, struct oslo_request *out)
{
    json_t *inner = NULL;
    memset(out, 0, sizeof *out);
    enum oslo_bad bad = unwrap(body, &inner);
    bad = bad == OSLO_GOOD ? inner_read(inner, out) : bad;
    json_decref(inner);
    return bad;
}

void oslo_request_fini(struct oslo_request *r)
{
    json_decref(r->args);
    r->args = NULL;
}

/* ---- writing ---- */

/* The characters of a JSON string, without the quotes. The text is UTF-8 and stays so. */
static void escaped(struct sp_buf *b, struct sp_str text)
{
    uint32_t from = 0;
    for (uint32_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if (c != '"' && c != '\\' && c >= 0x20)
            continue;
        sp_buf_append(b, text.p + from, i - from);
        if (c == '"' || c == '\\')
            sp_buf_format(b, "\\%c", c);
        else
            sp_buf_format(b, "\\u%04x", c);
        from = i + 1;
    }
    sp_buf_append(b, text.p + from, text.n - from);
}

static void quoted(struct sp_buf *b, const char *text)
{
    sp_buf_text(b, "\"");
    escaped(b, sp_str_of(text));
    sp_buf_text(b, "\"");
}

static void reply_end(struct sp_buf *b, const char *msg_id, bool ending)
{
    sp_buf_format(b, ", \"ending\": %s, \"_msg_id\": ", ending ? "true" : "false");
    quoted(b, msg_id);
}

void oslo_message_result(struct sp_buf *b, const char *msg_id, const char *result_json)
{
    sp_buf_text(b, "{\"result\": ");
    sp_buf_text(b, result_json);
    sp_buf_text(b, ", \"failure\": null");
    reply_end(b, msg_id, true);
}

void oslo_message_failure(struct sp_buf *b, const char *msg_id, const char *class, const char *module, const char *text)
{
    json_t *failure = json_pack("{s:s, s:s, s:s, s:[], s:[s], s:{}}", "class", class, "module", module, "message", text, "tb",
                                "args", text, "kwargs");
    char *written = failure != NULL ? json_dumps(failure, JSON_ENSURE_ASCII) : NULL;
    sp_buf_text(b, "{\"result\": null, \"failure\": ");
    quoted(b, written != NULL ? written : "{\"class\": \"Exception\", \"module\": \"builtins\", \"message\": \"no memory\"}");
    reply_end(b, msg_id, true);
    free(written);
    json_decref(failure);
}

void oslo_message_heartbeat(struct sp_buf *b, const char *msg_id)
{
    sp_buf_text(b, "{\"result\": null, \"failure\": null");
    reply_end(b, msg_id, false);
}

void oslo_message_cast(struct sp_buf *b, const char *name_space, const char *version, const char *method, struct sp_str args_json)
{
    sp_buf_text(b, "{\"method\": ");
    quoted(b, method);
    if (name_space != NULL) {
        sp_buf_text(b, ", \"namespace\": ");
        quoted(b, name_space);
    }
    sp_buf_format(b, ", \"version\": \"%s\", \"args\": ", version);
    sp_buf_append(b, args_json.p, args_json.n);
}

void oslo_message_notification(struct sp_buf *b, const char *message_id, const char *publisher, const char *event_type,
                               const char *timestamp, const char *payload_json)
{
    sp_buf_format(b, "{\"message_id\": \"%s\", \"publisher_id\": ", message_id);
    quoted(b, publisher);
    sp_buf_format(b, ", \"event_type\": \"%s\", \"priority\": \"INFO\", \"timestamp\": \"%s\", \"payload\": ", event_type,
                  timestamp);
    sp_buf_text(b, payload_json);
}

void oslo_message_seal(struct sp_buf *b, struct sp_str inner, const char unique_id[OSLO_ID_BYTES])
{
    sp_buf_text(b, "{\"oslo.version\": \"2.0\", \"oslo.message\": \"");
    escaped(b, inner);
    sp_buf_format(b, ", \\\"_unique_id\\\": \\\"%s\\\"}\"}", unique_id);
}
