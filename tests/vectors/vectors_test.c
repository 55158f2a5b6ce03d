/* SPDX-License-Identifier: Apache-2.0 */
/* The golden vectors: what python3-msgpack wrote from the model is what our encoders write and what our decoders read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sp_crypto.h"
#include "sp_envelope.h"
#include "sp_seal.h"
#include "sp_ticket.h"
#include "wire_fill.h"

#define FILE_MAX    (1u << 20)
#define ARENA_BYTES (4u << 20)

static char text[FILE_MAX];
static uint8_t bytes[FILE_MAX / 2], made[FILE_MAX];
static uint8_t arena_memory[ARENA_BYTES];

static union {
    uint64_t align;
    uint8_t p[WIRE_STRUCT_MAX];
} wanted, got;

static void read_file(const char *name)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/tests/vectors/%s", SPICE_SOURCE_DIR, name);
    FILE *f = fopen(path, "rb");
    if (f == NULL)
        fail_msg("%s cannot be read", path);
    size_t n = fread(text, 1, sizeof text - 1, f);
    (void)fclose(f);
    text[n] = '\0';
}

static unsigned digit(char c)
{
    const char *all = "0123456789abcdef", *at = strchr(all, c);
    assert_non_null(at);
    return (unsigned)(at - all);
}

/* Finds the line of the case in the file read last; its bytes are then in `bytes`. */
static size_t case_bytes(const char *name)
{
    char start[40];
    (void)snprintf(start, sizeof start, "\n%s ", name);
    const char *p = strstr(text, start);
    if (p == NULL)
        fail_msg("no case %s", name);
    p += strlen(start);
    size_t n = 0;
    for (; p[0] != '\n' && p[0] != '\0'; p += 2)
        bytes[n++] = (uint8_t)(digit(p[0]) << 4 | digit(p[1]));
    return n;
}

static void check_shape(const struct msg_shape *shape, const char *file)
{
    static const struct {
        const char *name;
        enum wire_case how;
    } cases[] = {{"min", WIRE_MIN}, {"typical", WIRE_TYPICAL}, {"max", WIRE_MAX}};
    read_file(file);
    for (size_t i = 0; i < SP_COUNT(cases); i++) {
        struct wire_arena arena = {arena_memory, 0, sizeof arena_memory};
        struct wire_values v = {cases[i].how, NULL, &arena, 0};
        struct sp_packer w;
        size_t n = case_bytes(cases[i].name);
        wire_fill(shape, &v, 0, wanted.p);
        sp_packer_init(&w, made, sizeof made);
        assert_int_equal(shape->encode(&w, wanted.p), SP_OK);
        if (sp_packer_bytes(&w) != n || memcmp(made, bytes, n) != 0)
            fail_msg("%s %s: encoded bytes differ", file, cases[i].name);
        assert_int_equal(shape->decode(bytes, n, got.p), SP_OK);
        if (!wire_equal(shape, wanted.p, got.p))
            fail_msg("%s %s: decoded values differ", file, cases[i].name);
    }
}

static void every_message(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SP_MSG_COUNT; i++) {
        const struct msg_info *info = msg_at(i);
        char file[80];
        (void)snprintf(file, sizeof file, "%02u-%s.hex", (unsigned)info->number, info->name);
        check_shape(msg_fields_of(info->number), file);
    }
}

static void record_alone(void **state)
{
    (void)state;
    check_shape(msg_fields_of_record(sp_str_of("DefinitionBody")), "record-DefinitionBody.hex");
}

static const struct {
    const char *name;
    struct sp_envelope head;
    enum wire_case body;
} frames[] = {
    {"none", {.type = SP_MSG_CREDIT, .sender = {"worker-1", 8}, .dest = {"", 0}}, WIRE_TYPICAL},
    {"mac",
     {.type = SP_MSG_LEASE_CLOSED,
      .sender = {"keeper", 6},
      .dest = {"scheduler", 9},
      .epoch = 7,
      .sequence = 1ull << 33,
      .trace = 65536},
     WIRE_MIN},
    {"sign",
     {.type = SP_MSG_RESULT_BATCH,
      .sender = {"wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww", 40},
      .dest = {"kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk", 40},
      .epoch = UINT64_MAX,
      .sequence = 255,
      .trace = 128},
     WIRE_TYPICAL},
    {"pair", {.type = SP_MSG_EVIDENCE, .sender = {"attester-1", 10}, .dest = {"worker-1", 8}, .sequence = 300}, WIRE_TYPICAL},
};

static uint8_t key[32]; /* bytes 00 to 1f: key of the MACs, seed of the signature */
static struct sp_crypto_hmac hmac;

/* The receiver's seed is 32 bytes of 0xa5. */
static void seal_for_two(struct sp_frame *frame, unsigned type, const uint8_t deployment[SP_DEPLOYMENT_BYTES])
{
    struct sp_crypto_signer *signer = NULL;
    struct sp_crypto_hmac agreed;
    uint8_t seed[32], peer[32], secret[32];
    memset(seed, 0xa5, sizeof seed);
    assert_int_equal(sp_crypto_sign_public(seed, peer), SP_OK);
    assert_int_equal(sp_crypto_signer_new(key, &signer), SP_OK);
    assert_int_equal(sp_crypto_agree(signer, peer, secret), SP_OK);
    sp_crypto_hmac_init(&agreed, secret, sizeof secret);
    sp_seal_mac(frame, type, deployment, &agreed);
    sp_crypto_hmac_fini(&agreed);
    sp_crypto_signer_destroy(&signer);
}

/* Fills the auth field with the product's own sealing. */
static void seal(struct sp_frame *frame, unsigned type, const uint8_t deployment[SP_DEPLOYMENT_BYTES])
{
    struct sp_crypto_signer *signer = NULL;
    if (msg_find(type)->auth == SP_AUTH_PAIR)
        seal_for_two(frame, type, deployment);
    if (msg_find(type)->auth == SP_AUTH_MAC)
        sp_seal_mac(frame, type, deployment, &hmac);
    if (msg_find(type)->auth != SP_AUTH_SIGN)
        return;
    assert_int_equal(sp_crypto_signer_new(key, &signer), SP_OK);
    assert_int_equal(sp_seal_sign(frame, type, deployment, signer), SP_OK);
    sp_crypto_signer_destroy(&signer);
}

static void whole_frames(void **state)
{
    uint8_t deployment[SP_DEPLOYMENT_BYTES];
    (void)state;
    for (unsigned k = 0; k < sizeof deployment; k++)
        deployment[k] = (uint8_t)(100 + k);
    read_file("envelope.hex");
    for (size_t i = 0; i < SP_COUNT(frames); i++) {
        const struct msg_shape *shape = msg_fields_of(frames[i].head.type);
        struct wire_arena arena = {arena_memory, 0, sizeof arena_memory};
        struct wire_values v = {frames[i].body, NULL, &arena, 0};
        struct sp_envelope e;
        struct sp_frame frame;
        struct sp_packer w;
        size_t n = case_bytes(frames[i].name);
        wire_fill(shape, &v, 0, wanted.p);
        sp_envelope_begin(&w, made, sizeof made);
        assert_int_equal(shape->encode(&w, wanted.p), SP_OK);
        assert_int_equal(sp_envelope_finish(&w, &frames[i].head, msg_find(frames[i].head.type)->auth_bytes, &frame), SP_OK);
        seal(&frame, frames[i].head.type, deployment);
        assert_int_equal(frame.n, n);
        assert_memory_equal(frame.p, bytes, n);
        assert_int_equal(sp_envelope_decode(bytes, n, &e), SP_OK);
        assert_int_equal(e.type, frames[i].head.type);
        assert_true(sp_str_eq(e.sender, frames[i].head.sender) && sp_str_eq(e.dest, frames[i].head.dest));
        assert_true(e.epoch == frames[i].head.epoch && e.sequence == frames[i].head.sequence && e.trace == frames[i].head.trace);
        assert_true(sp_str_eq(e.sealed, sp_str_bytes(bytes, frame.sealed.n)));
        assert_int_equal(shape->decode((const uint8_t *)e.body.p, e.body.n, got.p), SP_OK);
        assert_true(wire_equal(shape, wanted.p, got.p));
    }
}

static void fill_ticket(struct sp_ticket *t, const char *name)
{
    memset(t, 0, sizeof *t);
    if (strcmp(name, "min") == 0)
        return;
    if (strcmp(name, "max") == 0) {
        memset(t, 0xff, sizeof *t);
        t->flags = SP_TICKET_FLAGS_KNOWN;
        return;
    }
    *t = (struct sp_ticket){.attempt = 1,
                            .flags = SP_TICKET_SHADOW,
                            .check = 11,
                            .node = 12,
                            .generation = 13,
                            .slot = 14,
                            .job = 15ull << 40 | 16,
                            .epoch = 15,
                            .clock_boot = 0x1122334455667788u,
                            .issued_ms = 17000,
                            .life_ms = 300000};
    for (unsigned k = 0; k < SP_TICKET_DIGEST_BYTES; k++) {
        t->digest[k] = (uint8_t)k;
        t->nonce[k] = (uint8_t)(255 - k);
    }
    const struct sp_digest digest = sp_crypto_digest();
    const struct sp_ticket_job about = {sp_str_of("node-1"), sp_str_of("192.0.2.1"), sp_str_of("cp"), 30000};
    sp_ticket_subject(&about, &digest, t->subject);
}

static void tickets(void **state)
{
    static const char *const names[] = {"min", "typical", "max"};
    struct sp_mac mac = sp_crypto_hmac_mac(&hmac);
    (void)state;
    read_file("ticket.hex");
    for (size_t i = 0; i < SP_COUNT(names); i++) {
        struct sp_ticket t, back;
        uint8_t out[SP_TICKET_BYTES];
        assert_int_equal(case_bytes(names[i]), SP_TICKET_BYTES);
        fill_ticket(&t, names[i]);
        sp_ticket_seal(&t, &mac, out);
        assert_memory_equal(out, bytes, SP_TICKET_BYTES);
        assert_int_equal(sp_ticket_open(bytes, &mac, &back), SP_OK);
        sp_ticket_seal(&back, &mac, out);
        assert_memory_equal(out, bytes, SP_TICKET_BYTES);
    }
}

int main(void)
{
    for (unsigned k = 0; k < sizeof key; k++)
        key[k] = (uint8_t)k;
    if (sp_crypto_init() != SP_OK)
        return 1;
    sp_crypto_hmac_init(&hmac, key, sizeof key);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message),
        cmocka_unit_test(record_alone),
        cmocka_unit_test(whole_frames),
        cmocka_unit_test(tickets),
    };
    int failed = cmocka_run_group_tests_name("vectors", tests, NULL, NULL);
    sp_crypto_hmac_fini(&hmac);
    return failed;
}
