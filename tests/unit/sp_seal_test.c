/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sp_seal.h"

static const uint8_t here[SP_DEPLOYMENT_BYTES] = {1}, elsewhere[SP_DEPLOYMENT_BYTES] = {2};
static uint8_t buf[SP_ENVELOPE_BUFFER(256)];

static struct sp_frame frame_of(uint16_t type)
{
    struct sp_envelope head = {.type = type, .sender = sp_str_of("keeper"), .sequence = 1};
    struct sp_packer w;
    struct sp_frame frame;

    sp_envelope_begin(&w, buf, sizeof buf);
    assert_int_equal(sp_packer_raw(&w, (const uint8_t *)"body", 4), SP_OK);
    assert_int_equal(sp_envelope_finish(&w, &head, msg_find(type)->auth_bytes, &frame), SP_OK);
    return frame;
}

static void test_input(void **state)
{
    uint8_t input[SP_SEAL_INPUT_MAX], digest[32];
    size_t n = sp_seal_input(SP_MSG_RESULT_BATCH, here, sp_str_of("abc"), input);

    (void)state;
    sp_crypto_sha256("abc", 3, digest);
    assert_int_equal(n, 19 + SP_DEPLOYMENT_BYTES + 32); /* "SPICE1:ResultBatch:" */
    assert_memory_equal(input, "SPICE1:ResultBatch:", 19);
    assert_memory_equal(input + 19, here, SP_DEPLOYMENT_BYTES);
    assert_memory_equal(input + 19 + SP_DEPLOYMENT_BYTES, digest, 32);
}

static void test_signature(void **state)
{
    static const uint8_t seed[32] = {7}, other_seed[32] = {8};
    uint8_t key[32], other_key[32];
    struct sp_crypto_signer *signer = NULL;
    struct sp_crypto_verifier *verifier = NULL, *other = NULL;
    struct sp_frame frame = frame_of(SP_MSG_TRUST_BEAT);
    struct sp_envelope e;

    (void)state;
    assert_int_equal(sp_crypto_signer_new(seed, &signer), SP_OK);
    assert_int_equal(sp_crypto_sign_public(seed, key), SP_OK);
    assert_int_equal(sp_crypto_sign_public(other_seed, other_key), SP_OK);
    assert_int_equal(sp_crypto_verifier_new(key, &verifier), SP_OK);
    assert_int_equal(sp_crypto_verifier_new(other_key, &other), SP_OK);
    assert_int_equal(sp_seal_sign(&frame, SP_MSG_TRUST_BEAT, here, signer), SP_OK);
    assert_int_equal(sp_envelope_decode(frame.p, frame.n, &e), SP_OK);
    assert_true(sp_seal_signed(&e, here, verifier));
    assert_false(sp_seal_signed(&e, elsewhere, verifier));
    assert_false(sp_seal_signed(&e, here, other));
    assert_false(sp_seal_signed(&e, here, NULL));
    e.type = SP_MSG_TRUST_EVENT; /* a seal says what it is for */
    assert_false(sp_seal_signed(&e, here, verifier));
    for (size_t i = 0; i < frame.n; i++) { /* every byte counts */
        frame.p[i] ^= 1;
        assert_false(sp_envelope_decode(frame.p, frame.n, &e) == SP_OK && e.type == SP_MSG_TRUST_BEAT &&
                     sp_seal_signed(&e, here, verifier));
        frame.p[i] ^= 1;
    }
    sp_crypto_verifier_destroy(&verifier);
    sp_crypto_verifier_destroy(&other);
    sp_crypto_signer_destroy(&signer);
}

static void test_mac(void **state)
{
    struct sp_crypto_hmac key, other;
    struct sp_frame frame = frame_of(SP_MSG_KEEPER_CLOCK);
    struct sp_envelope e;

    (void)state;
    sp_crypto_hmac_init(&key, "core", 4);
    sp_crypto_hmac_init(&other, "Core", 4);
    sp_seal_mac(&frame, SP_MSG_KEEPER_CLOCK, here, &key);
    assert_int_equal(sp_envelope_decode(frame.p, frame.n, &e), SP_OK);
    assert_true(sp_seal_maced(&e, here, &key));
    assert_false(sp_seal_maced(&e, here, &other));
    assert_false(sp_seal_maced(&e, elsewhere, &key));
    assert_false(sp_seal_maced(&e, here, NULL));
    assert_false(sp_seal_signed(&e, here, NULL));
    e.auth.n = 31;
    assert_false(sp_seal_maced(&e, here, &key));
}

static int setup(void **state)
{
    (void)state;
    return sp_crypto_init() == SP_OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_input),
        cmocka_unit_test(test_signature),
        cmocka_unit_test(test_mac),
    };

    return cmocka_run_group_tests_name("sp_seal", tests, setup, NULL);
}
