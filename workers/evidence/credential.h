/* SPDX-License-Identifier: Apache-2.0 */
/*
 * credential.h - credential activation, the verifier's half: a secret wrapped so that only a TPM that holds both this endorsement
 * key and an attestation key of exactly this name gives it out. So the attestation key is proven to live beside the endorsement
 * key.
 *
 * A credential is used once and for a short time; the answer is not the secret but a proof over what is bound together. The name
 * must be computed from the key that came, never taken from the message.
 */
#ifndef SPICE_CREDENTIAL_H
#define SPICE_CREDENTIAL_H

#include "evidence_crypto.h"

#define CREDENTIAL_BYTES      32u
#define CREDENTIAL_BLOB_MAX   (2u + 2u + TPM_DIGEST_MAX + 2u + CREDENTIAL_BYTES)
#define CREDENTIAL_SECRET_MAX (2u + 512u)
#define CREDENTIAL_BOUND_MAX  255u /* bytes of the name of a node */

/* Both as the TPM's command takes them, with their sizes before them. */
struct credential_wrapped {
    uint32_t blob_bytes, secret_bytes;
    uint8_t blob[CREDENTIAL_BLOB_MAX];     /* TPM2B_ID_OBJECT */
    uint8_t secret[CREDENTIAL_SECRET_MAX]; /* TPM2B_ENCRYPTED_SECRET */
};

/* A secret and the key it is for. Borrowed. */
struct credential_for {
    const uint8_t *ak_name;    /* TPM_NAME_BYTES */
    const uint8_t *credential; /* CREDENTIAL_BYTES, random, used once */
};

/* Effect: wraps. The endorsement key (TPM2B_PUBLIC) was checked before (ek_cert.h). EK_MALFORMED for a key that nothing can be
 * wrapped for. */
SP_MUST_USE enum evidence_reason credential_wrap(const struct evidence_crypto *c, struct sp_str ek,
                                                 const struct credential_for *what, struct credential_wrapped *out);

/* What an activation binds together. All borrowed. */
struct credential_bound {
    struct sp_str node;                  /* name, at most CREDENTIAL_BOUND_MAX bytes */
    const uint8_t *ak_name;              /* TPM_NAME_BYTES */
    const uint8_t *nonce;                /* 32 bytes, the verifier's */
    const uint8_t *certificate;          /* SHA-256 of the endorsement key's certificate */
    const uint8_t *sign_key, *curve_key; /* 32 bytes each: keys with which the node speaks on the bus */
};
/* Effect: out = HMAC-SHA-256 under the credential over all of it: the proof that the attester sends and the verifier expects. */
void credential_proof(const uint8_t credential[CREDENTIAL_BYTES], const struct credential_bound *bound, uint8_t out[32]);

/* ---- the steps, apart for known answers ------------------------------------------------------------------------ */

/* Effect: blob from a seed of the size of the key's name algorithm. False: OpenSSL refused. */
bool credential_from_seed(const struct evidence_crypto *c, const struct tpm_public *ek, const struct credential_for *what,
                          const uint8_t *seed, struct credential_wrapped *out);

/* Values of an ECC exchange, each of the curve's field size. */
struct credential_exchange {
    const uint8_t *z, *x_ephemeral, *x_ek;
    size_t field;
};
/* Effect: seed of an ECC key (KDFe of the TPM specification). False: hash not offered. */
bool credential_seed(const struct evidence_crypto *c, uint16_t hash, const struct credential_exchange *exchange,
                     uint8_t out[TPM_DIGEST_MAX]);

#endif
