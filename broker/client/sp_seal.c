/* SPDX-License-Identifier: Apache-2.0 */
#include "sp_seal.h"

size_t sp_seal_input(unsigned type, const uint8_t deployment[SP_DEPLOYMENT_BYTES], struct sp_str sealed,
                     uint8_t out[SP_SEAL_INPUT_MAX])
{
    size_t n = sp_envelope_auth_prefix(type, deployment, out);

    sp_crypto_sha256(sealed.p, sealed.n, out + n);
    return n + SP_CRYPTO_HASH_BYTES;
}

enum sp_rc sp_seal_sign(struct sp_frame *frame, unsigned type, const uint8_t deployment[SP_DEPLOYMENT_BYTES],
                        struct sp_crypto_signer *signer)
{
    uint8_t input[SP_SEAL_INPUT_MAX];
    size_t n = sp_seal_input(type, deployment, frame->sealed, input);

    SP_ASSERT(frame->auth != NULL);
    return sp_crypto_sign(signer, input, n, frame->auth);
}

void sp_seal_mac(struct sp_frame *frame, unsigned type, const uint8_t deployment[SP_DEPLOYMENT_BYTES],
                 const struct sp_crypto_hmac *key)
{
    uint8_t input[SP_SEAL_INPUT_MAX];
    size_t n = sp_seal_input(type, deployment, frame->sealed, input);

    SP_ASSERT(frame->auth != NULL);
    sp_crypto_hmac(key, input, n, frame->auth);
}

bool sp_seal_signed(const struct sp_envelope *e, const uint8_t deployment[SP_DEPLOYMENT_BYTES], struct sp_crypto_verifier *verifier)
{
    uint8_t input[SP_SEAL_INPUT_MAX];

    if (verifier == NULL || e->auth.n != SP_AUTH_SIGN_BYTES)
        return false;
    size_t n = sp_seal_input(e->type, deployment, e->sealed, input);

    return sp_crypto_verify(verifier, input, n, (const uint8_t *)e->auth.p);
}

bool sp_seal_maced(const struct sp_envelope *e, const uint8_t deployment[SP_DEPLOYMENT_BYTES], const struct sp_crypto_hmac *key)
{
    uint8_t input[SP_SEAL_INPUT_MAX], expected[SP_AUTH_MAC_BYTES];

    if (key == NULL || e->auth.n != SP_AUTH_MAC_BYTES)
        return false;
    size_t n = sp_seal_input(e->type, deployment, e->sealed, input);

    sp_crypto_hmac(key, input, n, expected);
    return sp_crypto_equal(expected, e->auth.p, sizeof expected);
}
