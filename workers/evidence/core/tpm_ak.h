/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tpm_ak.h - what an attestation key must be like, and the names a TPM gives to keys. A key that does not pass is never made ready
 * for use: with a key that is not restricted its owner can sign statements that no TPM ever made. Pure.
 */
#ifndef SPICE_TPM_AK_H
#define SPICE_TPM_AK_H

#include "evidence_ops.h"

#define TPM_NAME_BYTES 34u /* with SHA-256, the one name algorithm of attestation keys */

#define TPM_HANDLE_OWNER       0x40000001u
#define TPM_HANDLE_ENDORSEMENT 0x4000000bu
#define TPM_HANDLE_PLATFORM    0x4000000cu

/* An attestation key as enrolled. */
struct tpm_ak {
    uint16_t type;                /* TPM_ALG_RSA or TPM_ALG_ECC */
    uint16_t scheme;              /* TPM_ALG_RSASSA, TPM_ALG_RSAPSS or TPM_ALG_ECDSA; the hash is always SHA-256 */
    uint8_t name[TPM_NAME_BYTES]; /* covers type, scheme and attributes */
};

/* Effect: checks type (RSA-2048 or ECC P-256), scheme with SHA-256 fixed in the key, attributes, name algorithm; fills *out.
 * AK_TYPE, AK_SCHEME or AK_ATTRIBUTES. */
SP_MUST_USE enum evidence_reason tpm_ak_check(const struct tpm_public *key, const struct evidence_ops *ops, struct tpm_ak *out);

/* A name or qualified name: algorithm and digest. */
struct tpm_name {
    uint32_t n;
    uint8_t b[TPM_NAME_MAX];
};

/* Effect: the name of a key, by its own name algorithm. False: that hash is not offered. */
bool tpm_name_of(const struct tpm_public *key, const struct evidence_ops *ops, struct tpm_name *out);
/* Effect: the qualified name of a primary key in the hierarchy with this handle. */
bool tpm_name_primary(uint32_t hierarchy, const struct tpm_name *name, const struct evidence_ops *ops, struct tpm_name *out);
/* Effect: the qualified name of a key whose parent has this qualified name. */
bool tpm_name_child(const struct tpm_name *parent, const struct tpm_name *name, const struct evidence_ops *ops,
                    struct tpm_name *out);

#endif
