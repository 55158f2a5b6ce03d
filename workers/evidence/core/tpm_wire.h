/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tpm_wire.h - the structures of TPM 2.0 that evidence is made of: TPMS_ATTEST of a quote, TPMT_SIGNATURE, TPM2B_PUBLIC. Bounded
 * decoders without allocation; all views of what they give end with the bytes they were given. Nothing may be left over. Pure.
 *
 * Numbers are those of the TPM 2.0 library specification, part 2.
 */
#ifndef SPICE_TPM_WIRE_H
#define SPICE_TPM_WIRE_H

#include "evidence_reason.h"
#include "sp_str.h"

#define TPM_ATTEST_BYTES_MAX    1024u
#define TPM_SIGNATURE_BYTES_MAX 1024u
#define TPM_PUBLIC_BYTES_MAX    1024u
#define TPM_NONCE_MAX           64u /* of qualifying data: the largest digest */
#define TPM_NAME_MAX            66u /* algorithm and the largest digest */
#define TPM_DIGEST_MAX          64u
#define TPM_BANKS_MAX           4u
#define TPM_PCRS                24u /* of the PC client profile */

#define TPM_GENERATED 0xff544347u /* "\xffTCG": a TPM puts it before all that it makes itself */
#define TPM_QUOTE     0x8018u

enum tpm_alg {
    TPM_ALG_NONE = 0,
    TPM_ALG_RSA = 0x0001,
    TPM_ALG_SHA1 = 0x0004,
    TPM_ALG_AES = 0x0006,
    TPM_ALG_SHA256 = 0x000b,
    TPM_ALG_SHA384 = 0x000c,
    TPM_ALG_SHA512 = 0x000d,
    TPM_ALG_NULL = 0x0010,
    TPM_ALG_SM3 = 0x0012,
    TPM_ALG_RSASSA = 0x0014,
    TPM_ALG_RSAPSS = 0x0016,
    TPM_ALG_ECDSA = 0x0018,
    TPM_ALG_ECC = 0x0023,
    TPM_ALG_SHA3_256 = 0x0027,
    TPM_ALG_SHA3_384 = 0x0028,
    TPM_ALG_SHA3_512 = 0x0029,
    TPM_ALG_CFB = 0x0043,
};
#define TPM_CURVE_P256 0x0003u
#define TPM_CURVE_P384 0x0004u

/* Attributes of a key (TPMA_OBJECT). */
#define TPM_KEY_FIXED_TPM     (1u << 1)
#define TPM_KEY_ST_CLEAR      (1u << 2)
#define TPM_KEY_FIXED_PARENT  (1u << 4)
#define TPM_KEY_SENSITIVE_OWN (1u << 5) /* the TPM itself made the secret */
#define TPM_KEY_USER_AUTH     (1u << 6)
#define TPM_KEY_ADMIN_POLICY  (1u << 7)
#define TPM_KEY_NO_DA         (1u << 10)
#define TPM_KEY_DUPLICATION   (1u << 11)
#define TPM_KEY_RESTRICTED    (1u << 16)
#define TPM_KEY_DECRYPT       (1u << 17)
#define TPM_KEY_SIGN          (1u << 18)

struct tpm_bank {
    uint16_t alg;
    uint32_t pcrs; /* bit i: PCR i */
};

/* Which PCRs of which banks, in this order. */
struct tpm_selection {
    uint32_t banks;
    struct tpm_bank bank[TPM_BANKS_MAX];
};

struct tpm_clock {
    uint64_t clock_ms;      /* since the TPM was made or cleared, running time only */
    uint32_t reset_count;   /* reboots */
    uint32_t restart_count; /* resumes from suspend since then */
    bool safe;              /* false: after a power cut the clock may be behind */
};

struct tpm_quote {
    struct sp_str signer; /* qualified name of the key */
    struct sp_str nonce;  /* qualifying data */
    struct tpm_clock clock;
    uint64_t firmware;
    struct tpm_selection selection;
    struct sp_str digest; /* of the values of all selected PCRs */
};

struct tpm_signature {
    uint16_t scheme, hash;
    struct sp_str rsa;  /* RSASSA and RSAPSS */
    struct sp_str r, s; /* ECDSA; may be shorter than the field */
};

struct tpm_public {
    struct sp_str area; /* TPMT_PUBLIC: what the name is the digest of */
    uint16_t type, name_alg;
    uint32_t attributes;
    struct sp_str policy;
    uint16_t symmetric, symmetric_bits, symmetric_mode; /* TPM_ALG_NULL: none */
    uint16_t scheme, hash;                              /* TPM_ALG_NULL: not fixed */
    uint16_t bits;                                      /* RSA */
    uint32_t exponent;                                  /* RSA; 0 stands for 65537 */
    uint16_t curve;                                     /* ECC */
    struct sp_str n;                                    /* RSA: modulus */
    struct sp_str x, y;                                 /* ECC; may be shorter than the field */
};

/* Returns the bytes of a digest, 0 for what is not a hash known here. */
uint32_t tpm_alg_bytes(uint16_t alg);
/* Lends: "sha256" and so on, NULL for what is not a hash known here. */
const char *tpm_alg_name(uint16_t alg);

/* Effect: decodes a bare TPMS_ATTEST. QUOTE_MAGIC and QUOTE_TYPE as soon as they are seen; QUOTE_MALFORMED for anything else. *out
 * only with EVIDENCE_OK. */
SP_MUST_USE enum evidence_reason tpm_wire_quote(struct sp_str bytes, struct tpm_quote *out);
/* Effect: decodes a TPMT_SIGNATURE. SIGNATURE_MALFORMED. */
SP_MUST_USE enum evidence_reason tpm_wire_signature(struct sp_str bytes, struct tpm_signature *out);
/* Effect: decodes a TPM2B_PUBLIC of an RSA or ECC key. AK_MALFORMED, and AK_TYPE for other kinds of objects. */
SP_MUST_USE enum evidence_reason tpm_wire_public(struct sp_str bytes, struct tpm_public *out);

#endif
