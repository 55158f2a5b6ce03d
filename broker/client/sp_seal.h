/* SPDX-License-Identifier: Apache-2.0 */
/* What a MAC or signature of a frame covers: the purpose prefix (message name and deployment) followed by the SHA-256 of the sealed
 * bytes, which are all bytes of the frame before its auth field, exactly as they lie there. The digest comes first because Ed25519
 * hashes its input twice to sign and once to verify, with SHA-512: a batch of results is ten times dearer without it. */
#ifndef SP_SEAL_H
#define SP_SEAL_H

#include "sp_crypto.h"
#include "sp_envelope.h"

#define SP_SEAL_INPUT_MAX (SP_AUTH_PREFIX_MAX + SP_CRYPTO_HASH_BYTES)

/* Effect: out = what is signed; returns its length. type must be a known message. Borrows all. */
size_t sp_seal_input(unsigned type, const uint8_t deployment[SP_DEPLOYMENT_BYTES], struct sp_str sealed,
                     uint8_t out[SP_SEAL_INPUT_MAX]);

/* Effect: fills frame->auth. The frame must have been finished with SP_AUTH_SIGN_BYTES or SP_AUTH_MAC_BYTES. */
SP_MUST_USE enum sp_rc sp_seal_sign(struct sp_frame *frame, unsigned type, const uint8_t deployment[SP_DEPLOYMENT_BYTES],
                                    struct sp_crypto_signer *signer);
void sp_seal_mac(struct sp_frame *frame, unsigned type, const uint8_t deployment[SP_DEPLOYMENT_BYTES],
                 const struct sp_crypto_hmac *key);

/* True when the auth field of a decoded envelope is what the model asks for its type and verifies. A NULL key never does. */
SP_MUST_USE bool sp_seal_signed(const struct sp_envelope *e, const uint8_t deployment[SP_DEPLOYMENT_BYTES],
                                struct sp_crypto_verifier *verifier);
SP_MUST_USE bool sp_seal_maced(const struct sp_envelope *e, const uint8_t deployment[SP_DEPLOYMENT_BYTES],
                               const struct sp_crypto_hmac *key);

#endif
