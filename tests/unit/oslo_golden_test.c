/* SPDX-License-Identifier: Apache-2.0 */
/* What oslo.messaging itself put on the wire (tests/oslo/golden.json) is read as its own server and client read it, and what is
 * written here has the form of what it writes. */
#include "oslo_message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static json_t *golden;

static int setup(void **state)
{
    json_error_t error;
    (void)state;
    golden = json_load_file(SPICE_SOURCE_DIR "/tests/oslo/golden.json", 0, &error);
    return golden != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    json_decref(golden);
    return 0;
}

static const char *text(const json_t *o, const char *key)
{
    return json_string_value(json_object_get(o, key));
}

/* The inner object by a plain parser of its own. NULL: it holds what only Python reads. */
static json_t *plain(const char *body)
{
    json_t *outer = json_loads(body, 0, NULL);
    const char *inner = text(outer, "oslo.message");
    json_t *got = inner != NULL ? json_loads(inner, 0, NULL) : json_incref(outer);
    json_decref(outer);
    return got;
}

static void same_text(const char *name, const char *got, const json_t *inner, const char *key)
{
    const char *want = text(inner, key);
    if (strcmp(got, want != NULL ? want : "") != 0)
        fail_msg("%s: %s is %s", name, key, got);
}

static void requests(void **state)
{
    size_t i;
    json_t *one;
    unsigned calls = 0, compared = 0;
    (void)state;
    json_array_foreach(json_object_get(golden, "requests"), i, one)
    {
        struct oslo_request r;
        const char *name = text(one, "name"), *body = text(one, "body");
        if (oslo_request_parse(sp_str_of(body), &r) != OSLO_GOOD)
            fail_msg("%s is not read", name);
        json_t *inner = plain(body);
        calls += r.call;
        if (inner != NULL) {
            const char *version = text(inner, "version");
            unsigned major = 1, minor = 0;
            same_text(name, r.method, inner, "method");
            same_text(name, r.name_space, inner, "namespace");
            same_text(name, r.msg_id, inner, "_msg_id");
            same_text(name, r.unique_id, inner, "_unique_id");
            same_text(name, r.reply_queue, inner, "_reply_q");
            if (version != NULL)
                assert_int_equal(sscanf(version, "%u.%u", &major, &minor), 2);
            assert_int_equal(r.major, major);
            assert_int_equal(r.minor, minor);
            assert_int_equal(r.call, text(inner, "_msg_id") != NULL);
            if (!json_equal(r.args, json_object_get(inner, "args")))
                fail_msg("%s: other arguments", name);
            assert_true(r.monitor_s == json_number_value(json_object_get(inner, "_timeout")));
            compared++;
        } else {
            assert_string_equal(r.method, "note");
            assert_true(json_object_size(r.args) > 10);
        }
        oslo_request_fini(&r);
        json_decref(inner);
    }
    assert_int_equal(i, 18);
    assert_int_equal(calls, 8);
    assert_int_equal(compared, 17); /* one holds NaN and half a character */
}

/* What is no request is never taken for one, and its inside is the library's. */
static void no_requests(void **state)
{
    static const char *const lists[] = {"replies", "notifications"};
    unsigned seen = 0;
    (void)state;
    for (unsigned l = 0; l < 2; l++) {
        size_t i;
        json_t *one;
        json_array_foreach(json_object_get(golden, lists[l]), i, one)
        {
            struct oslo_request r;
            const char *body = text(one, "body");
            if (body == NULL)
                continue;
            assert_int_equal(oslo_request_parse(sp_str_of(body), &r), OSLO_BAD_REQUEST);
            oslo_request_fini(&r);
            json_t *inner = oslo_inner_load(sp_str_of(body)), *want = plain(body);
            if (want == NULL || !json_equal(inner, want))
                fail_msg("%s", text(one, "name"));
            json_decref(inner);
            json_decref(want);
            seen++;
        }
    }
    assert_int_equal(seen, 13 + 17);
}

/* ---- ours beside theirs ---- */

static json_t *theirs(const char *list, const char *name)
{
    size_t i;
    json_t *one;
    json_array_foreach(json_object_get(golden, list), i, one)
    {
        if (strcmp(text(one, "name"), name) == 0)
            return plain(text(one, "body"));
    }
    fail_msg("no %s", name);
    return NULL;
}

static json_t *ours(struct sp_buf *inner)
{
    struct sp_buf body;
    sp_buf_init(&body, 1u << 20);
    oslo_message_seal(&body, sp_buf_view(inner), "0123456789abcdef0123456789abcdef");
    sp_buf_append(&body, "", 1);
    json_t *got = plain((const char *)body.p);
    assert_non_null(got);
    sp_buf_fini(&body);
    sp_buf_fini(inner);
    return got;
}

/* The same keys with values of the same kinds; a context and a place in a queue of calls are not for us to send. */
static void same_form(json_t *got, json_t *want)
{
    const char *key;
    json_t *value;
    json_object_foreach(want, key, value)
    {
        if (strncmp(key, "_context_", 9) == 0)
            continue;
        if (json_object_get(got, key) == NULL)
            fail_msg("%s is missing", key);
        bool both = json_is_boolean(value) && json_is_boolean(json_object_get(got, key));
        if (!both && json_typeof(value) != json_typeof(json_object_get(got, key)))
            fail_msg("%s has another kind", key);
    }
    json_object_foreach(got, key, value)
    {
        if (json_object_get(want, key) == NULL)
            fail_msg("%s is not the library's", key);
    }
    json_decref(got);
    json_decref(want);
}

static void ours_have_their_form(void **state)
{
    struct sp_buf b;
    (void)state;
    sp_buf_init(&b, 65536);
    oslo_message_result(&b, "m", "null");
    same_form(ours(&b), theirs("replies", "rpc-reply-null"));
    sp_buf_init(&b, 65536);
    oslo_message_result(&b, "m", "\"pong\"");
    same_form(ours(&b), theirs("replies", "rpc-reply-ping"));
    sp_buf_init(&b, 65536);
    oslo_message_heartbeat(&b, "m");
    json_t *beat = ours(&b), *beat_want = theirs("replies", "rpc-reply-heartbeat");
    assert_int_equal(json_is_true(json_object_get(beat, "ending")), json_is_true(json_object_get(beat_want, "ending")));
    same_form(beat, beat_want);
    sp_buf_init(&b, 65536);
    oslo_message_failure(&b, "m", "NoSuchMethod", "oslo_messaging.rpc.dispatcher", "Endpoint does not support RPC method x");
    json_t *failure = ours(&b), *want = theirs("replies", "rpc-reply-failure-no-such-method");
    json_t *inside = json_loads(text(failure, "failure"), 0, NULL), *inside_want = json_loads(text(want, "failure"), 0, NULL);
    assert_string_equal(text(inside, "class"), text(inside_want, "class"));
    assert_string_equal(text(inside, "module"), text(inside_want, "module"));
    same_form(inside, inside_want);
    same_form(failure, want);
    sp_buf_init(&b, 65536);
    oslo_message_notification(&b, "id", "spice.b", "spice.trust.changed", "2026-05-04 03:02:01.250000", "{\"n\": 1}");
    json_t *note = ours(&b), *note_want = theirs("notifications", "notification-info");
    assert_string_equal(text(note, "priority"), text(note_want, "priority"));
    assert_int_equal(strlen(text(note, "timestamp")), strlen(text(note_want, "timestamp")));
    same_form(note, note_want);
}

/* The library's server takes null for "not there" in these, and so does this one. */
static void null_is_not_there(void **state)
{
    struct oslo_request r;
    (void)state;
    assert_int_equal(
        oslo_request_parse(sp_str_of("{\"method\": \"note\", \"namespace\": null, \"_msg_id\": null, \"_reply_q\": null, "
                                     "\"_unique_id\": null, \"version\": \"1.0\", \"args\": {}}"),
                           &r),
        OSLO_GOOD);
    assert_true(!r.call && r.name_space[0] == '\0' && r.unique_id[0] == '\0');
    oslo_request_fini(&r);
    assert_int_equal(oslo_request_parse(sp_str_of("{\"method\": null}"), &r), OSLO_BAD_REQUEST);
    oslo_request_fini(&r);
    assert_int_equal(oslo_request_parse(sp_str_of("{\"method\": \"note\", \"version\": null, \"args\": null}"), &r), OSLO_GOOD);
    assert_true(r.major == 0 && r.args == NULL); /* both are told to the caller as errors */
    oslo_request_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests),
        cmocka_unit_test(no_requests),
        cmocka_unit_test(ours_have_their_form),
        cmocka_unit_test(null_is_not_there),
    };
    return cmocka_run_group_tests_name("oslo_golden", tests, setup, teardown);
}
