/* SPDX-License-Identifier: Apache-2.0 */
/* The frame around every message: what is written is read back at every size of the body, and nothing else is accepted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sp_envelope.h"

static uint8_t buf[SP_FRAME_BYTES_MAX + 4096], body[SP_FRAME_BYTES_MAX];

static struct sp_envelope head_of(const char *sender, const char *dest)
{
    struct sp_envelope e = {.type = SP_MSG_HEARTBEAT,
                            .sender = sp_str_of(sender),
                            .dest = sp_str_of(dest),
                            .epoch = 7,
                            .sequence = 300,
                            .trace = 70000};
    return e;
}

static enum sp_rc make(const struct sp_envelope *head, size_t body_bytes, unsigned auth, struct sp_frame *frame)
{
    struct sp_packer w;
    sp_envelope_begin(&w, buf, sizeof buf);
    assert_int_equal(sp_packer_raw(&w, body, body_bytes), SP_OK);
    return sp_envelope_finish(&w, head, auth, frame);
}

/* Body headers of all three sizes, names of every length, with and without an auth field. */
static void round_trip(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 255, 256, 65535, 65536, SP_BODY_BYTES_MAX};
    static const unsigned auths[] = {0, SP_AUTH_MAC_BYTES, SP_AUTH_SIGN_BYTES};
    char name[SP_NAME_BYTES_MAX + 1] = "";
    for (size_t i = 0; i < sizeof body; i++)
        body[i] = (uint8_t)(i * 7);
    for (size_t i = 0; i < SP_COUNT(sizes) * SP_COUNT(auths); i++) {
        size_t n = sizes[i / SP_COUNT(auths)];
        unsigned auth = auths[i % SP_COUNT(auths)];
        struct sp_frame frame;
        struct sp_envelope e;
        memset(name, 'n', 1 + i % SP_NAME_BYTES_MAX);
        struct sp_envelope head = head_of(name, i % 2 == 0 ? "" : name);
        assert_int_equal(make(&head, n, auth, &frame), SP_OK);
        assert_true(frame.p >= buf && frame.p + frame.n <= buf + sizeof buf && frame.n <= SP_FRAME_BYTES_MAX);
        if (auth > 0)
            memset(frame.auth, 0xaa, auth);
        assert_int_equal(sp_envelope_decode(frame.p, frame.n, &e), SP_OK);
        assert_int_equal(e.type, head.type);
        assert_true(sp_str_eq(e.sender, head.sender) && sp_str_eq(e.dest, head.dest));
        assert_true(e.epoch == 7 && e.sequence == 300 && e.trace == 70000);
        assert_int_equal(e.body.n, n);
        assert_memory_equal(e.body.p, body, n);
        assert_int_equal(e.auth.n, auth);
        assert_true(auth == 0 || (uint8_t)e.auth.p[auth - 1] == 0xaa);
        assert_true(e.sealed.p == (const char *)frame.p && e.sealed.n == frame.sealed.n);
        assert_true(frame.sealed.n + 2 + auth == frame.n);
    }
}

static void largest_head_fits_its_room(void **state)
{
    (void)state;
    char name[SP_NAME_BYTES_MAX + 1] = "";
    struct sp_frame frame;
    memset(name, 'x', SP_NAME_BYTES_MAX);
    struct sp_envelope head = {.type = UINT16_MAX,
                               .sender = sp_str_of(name),
                               .dest = sp_str_of(name),
                               .epoch = UINT64_MAX,
                               .sequence = UINT64_MAX,
                               .trace = UINT64_MAX};
    assert_int_equal(make(&head, 70000, SP_AUTH_SIGN_BYTES, &frame), SP_OK);
    assert_ptr_equal(frame.p, buf); /* SP_ENVELOPE_HEAD_MAX is reached and not passed */
    assert_int_equal(frame.n, SP_ENVELOPE_BUFFER(70000));
    assert_int_equal(make(&head, SP_BODY_BYTES_MAX, SP_AUTH_SIGN_BYTES, &frame), SP_OK);
    assert_int_equal(frame.n, SP_FRAME_BYTES_MAX);
    assert_int_equal(make(&head, SP_BODY_BYTES_MAX + 1, SP_AUTH_SIGN_BYTES, &frame), SP_E_LIMIT);
}

static void names_are_checked_both_ways(void **state)
{
    (void)state;
    static const char *const bad[] = {"",    "-a",        ".a",  "a b",
                                      "a/b", "a\xc3\xa4", "a\n", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"};
    struct sp_frame frame;
    struct sp_envelope e;
    for (size_t i = 0; i < SP_COUNT(bad); i++) {
        struct sp_envelope head = head_of(bad[i], "");
        assert_int_equal(make(&head, 1, 0, &frame), SP_E_INVALID);
        head = head_of("good", bad[i]);
        assert_int_equal(make(&head, 1, 0, &frame), i == 0 ? SP_OK : SP_E_INVALID);
    }
    struct sp_envelope head = head_of("good", "fine");
    assert_int_equal(make(&head, 1, 0, &frame), SP_OK);
    uint8_t *sender = frame.p + 4, *dest = frame.p + 9;
    assert_memory_equal(sender, "good", 4);
    assert_memory_equal(dest, "fine", 4);
    static const char odd[] = {' ', '/', '\0', '\x80', '@', '[', '`', '{', ':'};
    for (size_t i = 0; i < sizeof odd; i++) {
        sender[1] = (uint8_t)odd[i];
        assert_int_equal(sp_envelope_decode(frame.p, frame.n, &e), SP_E_MALFORMED);
        sender[1] = 'o';
        dest[3] = (uint8_t)odd[i];
        assert_int_equal(sp_envelope_decode(frame.p, frame.n, &e), SP_E_MALFORMED);
        dest[3] = 'e';
    }
    assert_int_equal(sp_envelope_decode(frame.p, frame.n, &e), SP_OK);
}

/* Cut at every place, and with bytes after the end; memory of exactly that size lets a sanitizer see any read past it. */
static void exactly_one_envelope(void **state)
{
    (void)state;
    struct sp_frame frame;
    struct sp_envelope head = head_of("worker-1", "keeper"), e = {.type = 999};
    assert_int_equal(make(&head, 20, SP_AUTH_SIGN_BYTES, &frame), SP_OK);
    for (size_t cut = 0; cut < frame.n; cut++) {
        uint8_t *exact = malloc(cut > 0 ? cut : 1);
        assert_non_null(exact);
        memcpy(exact, frame.p, cut);
        assert_int_equal(sp_envelope_decode(exact, cut, &e), SP_E_MALFORMED);
        assert_int_equal(e.type, 999);
        free(exact);
    }
    frame.p[frame.n] = 0;
    assert_int_equal(sp_envelope_decode(frame.p, frame.n + 1, &e), SP_E_MALFORMED);
    assert_int_equal(sp_envelope_decode(buf, SP_FRAME_BYTES_MAX + 1, &e), SP_E_LIMIT);
}

static void other_shapes_are_refused(void **state)
{
    (void)state;
    static const struct {
        uint8_t p[24];
        size_t n;
        enum sp_rc want;
    } cases[] = {
        {{0x99, 1, 4, 0xa1, 'w', 0xa0, 0, 0, 0, 0xc4, 0, 0xc4, 0}, 13, SP_OK},
        {{0x99, 2, 4, 0xa1, 'w', 0xa0, 0, 0, 0, 0xc4, 0, 0xc4, 0}, 13, SP_E_VERSION},
        {{0x9a, 2, 4, 0xa1, 'w', 0xa0, 0, 0, 0, 0xc4, 0, 0xc4, 0, 0}, 14, SP_E_VERSION},
        {{0x9a, 1, 4, 0xa1, 'w', 0xa0, 0, 0, 0, 0xc4, 0, 0xc4, 0, 0}, 14, SP_E_MALFORMED},
        {{0x98, 1, 4, 0xa1, 'w', 0xa0, 0, 0, 0, 0xc4, 0}, 11, SP_E_MALFORMED},
        {{0x99, 1, 0xce, 0, 1, 0, 0, 0xa1, 'w', 0xa0, 0, 0, 0, 0xc4, 0, 0xc4, 0}, 17, SP_E_LIMIT},
        {{0x99, 1, 0xcc, 4, 0xa1, 'w', 0xa0, 0, 0, 0, 0xc4, 0, 0xc4, 0}, 14, SP_E_MALFORMED},
        {{0x99, 1, 4, 0xc4, 1, 'w', 0xa0, 0, 0, 0, 0xc4, 0, 0xc4, 0}, 14, SP_E_MALFORMED},
        {{0x99, 1, 4, 0xa1, 'w', 0xa0, 0, 0, 0, 0xa0, 0xc4, 0}, 12, SP_E_MALFORMED},
        {{0x99, 1, 4, 0xa1, 'w', 0xa0, 0xff, 0, 0, 0xc4, 0, 0xc4, 0}, 13, SP_E_MALFORMED},
        {{0x99, 1, 4, 0xa1, 'w', 0xa0, 0, 0, 0, 0xc4, 0, 0xc4, 65}, 13, SP_E_LIMIT},
        {{0xdc, 0, 9, 1, 4, 0xa1, 'w', 0xa0, 0, 0, 0, 0xc4, 0, 0xc4, 0}, 15, SP_E_MALFORMED},
        {{0x89, 1, 4}, 3, SP_E_MALFORMED},
    };
    for (size_t i = 0; i < SP_COUNT(cases); i++) {
        struct sp_envelope e;
        assert_int_equal(sp_envelope_decode(cases[i].p, cases[i].n, &e), cases[i].want);
    }
}

static void admission(void **state)
{
    (void)state;
    static uint8_t zeros[SP_AUTH_SIGN_BYTES];
    static const struct {
        unsigned type;
        enum sp_role from, self;
        uint32_t auth;
        enum sp_refusal want;
    } cases[] = {
        {SP_MSG_RESULT_BATCH, SP_ROLE_WORKER, SP_ROLE_KEEPER, 64, SP_REFUSAL_NONE},
        {SP_MSG_RESULT_BATCH, SP_ROLE_WORKER, SP_ROLE_KEEPER, 0, SP_REFUSAL_SIGNATURE},
        {SP_MSG_RESULT_BATCH, SP_ROLE_WORKER, SP_ROLE_KEEPER, 32, SP_REFUSAL_SIGNATURE},
        {SP_MSG_RESULT_BATCH, SP_ROLE_SCHEDULER, SP_ROLE_KEEPER, 64, SP_REFUSAL_AUTHORITY},
        {SP_MSG_RESULT_BATCH, SP_ROLE_WORKER, SP_ROLE_SCHEDULER, 64, SP_REFUSAL_AUTHORITY},
        {SP_MSG_RESULT_BATCH, SP_ROLE_NONE, SP_ROLE_KEEPER, 64, SP_REFUSAL_AUTHORITY},
        {SP_MSG_HEARTBEAT, SP_ROLE_READER, SP_ROLE_BROKER, 0, SP_REFUSAL_NONE},
        {SP_MSG_HEARTBEAT, SP_ROLE_READER, SP_ROLE_BROKER, 64, SP_REFUSAL_SIGNATURE},
        {SP_MSG_EVIDENCE, SP_ROLE_ATTESTER, SP_ROLE_WORKER, 64, SP_REFUSAL_SIGNATURE},
        {SP_MSG_EVIDENCE, SP_ROLE_ATTESTER, SP_ROLE_WORKER, 32, SP_REFUSAL_SIGNATURE}, /* for nobody by name */
        {15, SP_ROLE_WORKER, SP_ROLE_KEEPER, 0, SP_REFUSAL_VERSION},
        {60000, SP_ROLE_WORKER, SP_ROLE_KEEPER, 0, SP_REFUSAL_VERSION},
    };
    for (size_t i = 0; i < SP_COUNT(cases); i++) {
        const struct msg_info *info = NULL;
        struct sp_envelope e = {.type = (uint16_t)cases[i].type, .auth = sp_str_bytes(zeros, cases[i].auth)};
        assert_int_equal(sp_envelope_admit(&e, cases[i].from, cases[i].self, &info), cases[i].want);
        assert_true((info != NULL) == (cases[i].want == SP_REFUSAL_NONE));
    }
    const struct msg_info *info = NULL;
    struct sp_envelope named = {.type = SP_MSG_EVIDENCE, .dest = sp_str_of("worker-1"), .auth = sp_str_bytes(zeros, 32)};
    assert_int_equal(sp_envelope_admit(&named, SP_ROLE_ATTESTER, SP_ROLE_WORKER, &info), SP_REFUSAL_NONE);
}

/* Every message has its own prefix, and none is the start of another. */
static void prefixes(void **state)
{
    (void)state;
    uint8_t deployment[SP_DEPLOYMENT_BYTES], a[SP_AUTH_PREFIX_MAX], b[SP_AUTH_PREFIX_MAX];
    memset(deployment, 0xd1, sizeof deployment);
    size_t n = sp_envelope_auth_prefix(SP_MSG_RESULT_BATCH, deployment, a);
    assert_int_equal(n, 7 + 11 + 1 + 16);
    assert_memory_equal(a, "SPICE1:ResultBatch:\xd1\xd1", 21);
    for (unsigned i = 0; i < SP_MSG_COUNT; i++) {
        for (unsigned k = 0; k < i; k++) {
            size_t x = sp_envelope_auth_prefix(msg_at(i)->number, deployment, a);
            size_t y = sp_envelope_auth_prefix(msg_at(k)->number, deployment, b);
            assert_int_not_equal(memcmp(a, b, x < y ? x : y), 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),
        cmocka_unit_test(largest_head_fits_its_room),
        cmocka_unit_test(names_are_checked_both_ways),
        cmocka_unit_test(exactly_one_envelope),
        cmocka_unit_test(other_shapes_are_refused),
        cmocka_unit_test(admission),
        cmocka_unit_test(prefixes),
    };
    return cmocka_run_group_tests_name("sp_envelope", tests, NULL, NULL);
}
