/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of oslo.messaging read with bounds on both layers; replies that a client of the library can read; nothing of the context
 * is kept. */
#include "oslo_message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static enum oslo_bad parse(const char *text, struct oslo_request *r)
{
    return oslo_request_parse(sp_str_of(text), r);
}

static void reads_requests(void **state)
{
    struct oslo_request r;
    (void)state;
    assert_int_equal(parse("{\"oslo.version\": \"2.0\", \"oslo.message\": \"{\\\"method\\\": \\\"ping\\\", \\\"args\\\": "
                           "{\\\"a\\\": 1}, \\\"version\\\": "
                           "\\\"1.7\\\", \\\"namespace\\\": \\\"trust\\\", \\\"_unique_id\\\": \\\"u\\\", \\\"_msg_id\\\": "
                           "\\\"m\\\", \\\"_reply_q\\\": "
                           "\\\"reply_host:x:1\\\", \\\"_timeout\\\": 60}\"}",
                           &r),
                     OSLO_GOOD);
    assert_string_equal(r.method, "ping");
    assert_string_equal(r.name_space, "trust");
    assert_string_equal(r.unique_id, "u");
    assert_string_equal(r.reply_queue, "reply_host:x:1");
    assert_int_equal(r.major, 1);
    assert_int_equal(r.minor, 7);
    assert_true(r.call && r.monitor_s > 59.9 && r.monitor_s < 60.1);
    assert_int_equal(json_object_size(r.args), 1);
    oslo_request_fini(&r);
    assert_int_equal(parse("{\"method\": \"note\", \"_context_auth_token\": \"SECRET\"}", &r),
                     OSLO_GOOD); /* without envelope: a cast */
    assert_false(r.call);
    assert_int_equal(r.major, 1);
    assert_int_equal(json_object_size(r.args), 0);
    for (size_t i = 0; i + 6 <= sizeof r; i++)
        assert_int_not_equal(memcmp((const char *)&r + i, "SECRET", 6), 0);
    oslo_request_fini(&r);
}

static void refuses_what_is_not(void **state)
{
    static const struct {
        const char *text;
        enum oslo_bad want;
    } cases[] = {
        {"", OSLO_BAD_JSON},
        {"[]", OSLO_BAD_JSON},
        {"{\"method\": \"a\", \"method\": \"b\"}", OSLO_BAD_JSON},
        {"{\"method\": \"a\"} x", OSLO_BAD_JSON},
        {"{\"oslo.version\": \"2.1\", \"oslo.message\": \"{}\"}", OSLO_BAD_ENVELOPE},
        {"{\"oslo.version\": 2.0, \"oslo.message\": \"{}\"}", OSLO_BAD_ENVELOPE},
        {"{\"oslo.version\": \"2.0\", \"oslo.message\": {}}", OSLO_BAD_ENVELOPE},
        {"{\"oslo.version\": \"2.0\", \"oslo.message\": \"[1]\"}", OSLO_BAD_JSON},
        {"{\"oslo.version\": \"2.0\", \"oslo.message\": \"{\\\"method\\\": \\\"a\\\", \\\"method\\\": \\\"b\\\"}\"}",
         OSLO_BAD_JSON},
        {"{\"method\": 1}", OSLO_BAD_REQUEST},
        {"{\"args\": {}}", OSLO_BAD_REQUEST},
        {"{\"method\": \"a\", \"namespace\": 1}", OSLO_BAD_REQUEST},
        {"{\"method\": \"a\", \"_msg_id\": \"m\"}", OSLO_BAD_REPLY_QUEUE},
        {"{\"method\": \"a\", \"_msg_id\": \"m\", \"_reply_q\": \"nova\"}", OSLO_BAD_REPLY_QUEUE},
        {"{\"method\": \"a\", \"_msg_id\": \"m\", \"_reply_q\": null}", OSLO_BAD_REPLY_QUEUE},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct oslo_request r;
        if (parse(cases[i].text, &r) != cases[i].want)
            fail_msg("%s", cases[i].text);
        oslo_request_fini(&r);
    }
}

static void depth_is_bounded_on_both_layers(void **state)
{
    char inner[4000] = "{\"method\": \"a\", \"args\": {\"x\": ", outer[8000];
    struct oslo_request r;
    (void)state;
    memset(inner + strlen(inner), '[', 40);
    memset(inner + strlen(inner), ']', 40);
    strncat(inner, "}}", 3);
    assert_int_equal(parse(inner, &r), OSLO_BAD_JSON);
    oslo_request_fini(&r);
    json_t *e = json_pack("{s:s, s:s}", "oslo.version", "2.0", "oslo.message", inner);
    char *text = json_dumps(e, 0);
    assert_int_equal(parse(text, &r), OSLO_BAD_JSON);
    oslo_request_fini(&r);
    free(text);
    json_decref(e);
    memset(outer, '[', sizeof outer - 1);
    outer[sizeof outer - 1] = '\0';
    assert_int_equal(parse(outer, &r), OSLO_BAD_JSON);
    oslo_request_fini(&r);
}

static void versions(void **state)
{
    static const char *const none[] = {"null",   "1",        "\"1\"",     "\"x.y\"",    "\"1.\"",
                                       "\".1\"", "\"-1.0\"", "\"1.0.0\"", "\"1001.0\"", "[]"};
    (void)state;
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        struct oslo_request r;
        char text[100];
        (void)snprintf(text, sizeof text, "{\"method\": \"a\", \"version\": %s}", none[i]);
        assert_int_equal(parse(text, &r), OSLO_GOOD);
        assert_int_equal(r.major, 0);
        oslo_request_fini(&r);
    }
}

/* Reads a body as a client does. Gives the inner object. */
static json_t *inner_of(struct sp_buf *inner)
{
    struct sp_buf b;
    sp_buf_init(&b, 1 << 20);
    oslo_message_seal(&b, sp_buf_view(inner), "0123456789abcdef0123456789abcdef");
    assert_false(b.failed || inner->failed);
    json_t *outer = json_loadb((const char *)b.p, b.n, JSON_REJECT_DUPLICATES, NULL);
    assert_string_equal(json_string_value(json_object_get(outer, "oslo.version")), "2.0");
    json_t *got = json_loads(json_string_value(json_object_get(outer, "oslo.message")), JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(got);
    assert_string_equal(json_string_value(json_object_get(got, "_unique_id")), "0123456789abcdef0123456789abcdef");
    json_decref(outer);
    sp_buf_fini(&b);
    sp_buf_fini(inner);
    return got;
}

static void replies_have_all_keys(void **state)
{
    struct sp_buf b;
    (void)state;
    sp_buf_init(&b, 65536);
    oslo_message_result(&b, "m\"\\1", "{\"why\": \"a \\\"quoted\\\" \\u00e9\"}");
    json_t *r = inner_of(&b);
    assert_int_equal(json_object_size(r), 5);
    assert_true(json_is_null(json_object_get(r, "failure")) && json_is_true(json_object_get(r, "ending")));
    assert_string_equal(json_string_value(json_object_get(r, "_msg_id")), "m\"\\1");
    assert_string_equal(json_string_value(json_object_get(json_object_get(r, "result"), "why")), "a \"quoted\" \xc3\xa9");
    json_decref(r);
    sp_buf_init(&b, 65536);
    oslo_message_failure(&b, "m", "SpiceNotFound", "spice.exceptions", "no \"such\"\nnode");
    r = inner_of(&b);
    assert_true(json_is_null(json_object_get(r, "result")) && json_is_string(json_object_get(r, "failure")));
    json_t *f = json_loads(json_string_value(json_object_get(r, "failure")), 0, NULL);
    assert_string_equal(json_string_value(json_object_get(f, "class")), "SpiceNotFound");
    assert_string_equal(json_string_value(json_object_get(f, "message")), "no \"such\"\nnode");
    assert_string_equal(json_string_value(json_array_get(json_object_get(f, "args"), 0)), "no \"such\"\nnode");
    assert_int_equal(json_array_size(json_object_get(f, "tb")), 0);
    assert_int_equal(json_object_size(f), 6);
    json_decref(f);
    json_decref(r);
    sp_buf_init(&b, 65536);
    oslo_message_heartbeat(&b, "m");
    r = inner_of(&b);
    assert_true(json_is_null(json_object_get(r, "result")) && json_is_false(json_object_get(r, "ending")));
    json_decref(r);
}

static void casts_and_notifications(void **state)
{
    struct sp_buf b;
    (void)state;
    sp_buf_init(&b, 65536);
    oslo_message_cast(&b, "trust", "1.0", "frames", sp_str_of("{\"frames\": [\"QQ==\"]}"));
    json_t *r = inner_of(&b);
    assert_int_equal(json_object_size(r), 5);
    assert_string_equal(json_string_value(json_object_get(r, "namespace")), "trust");
    assert_null(json_object_get(r, "_msg_id"));
    json_decref(r);
    sp_buf_init(&b, 65536);
    oslo_message_notification(&b, "id", "spice.b", "spice.trust.changed", "2026-05-04 03:02:01.250000", "{\"n\": 1}");
    r = inner_of(&b);
    assert_string_equal(json_string_value(json_object_get(r, "priority")), "INFO");
    assert_int_equal(json_integer_value(json_object_get(json_object_get(r, "payload"), "n")), 1);
    assert_int_equal(json_object_size(r), 7);
    json_decref(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_requests),
        cmocka_unit_test(refuses_what_is_not),
        cmocka_unit_test(depth_is_bounded_on_both_layers),
        cmocka_unit_test(versions),
        cmocka_unit_test(replies_have_all_keys),
        cmocka_unit_test(casts_and_notifications),
    };
    return cmocka_run_group_tests_name("oslo_message", tests, NULL, NULL);
}
