/* SPDX-License-Identifier: Apache-2.0 */
/* The one-way functions that appraisal needs, handed to pure code from outside; evidence_crypto.h gives those of OpenSSL. */
#ifndef SPICE_EVIDENCE_OPS_H
#define SPICE_EVIDENCE_OPS_H

#include "tpm_wire.h"

struct evidence_key; /* a public key ready for use; only who gave it knows what is inside */

struct evidence_ops {
    /* Effect: out = digest of n bytes. False: this hash is not offered. Borrows all. */
    bool (*digest)(void *ctx, uint16_t alg, const void *p, size_t n, uint8_t out[TPM_DIGEST_MAX]);
    /* Returns true only when the signature is good for this SHA-256 digest under this key. Borrows all. */
    bool (*verify)(void *ctx, struct evidence_key *key, const uint8_t digest[32], const struct tpm_signature *signature);
    void *ctx;
};

#endif
