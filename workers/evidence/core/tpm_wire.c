/* SPDX-License-Identifier: Apache-2.0 */
#include "tpm_wire.h"

#include "octets.h"
#include "sp_assert.h"

#define SELECT_BYTES  3u   /* bitmap of 24 PCRs */
#define RSA_BYTES_MAX 512u /* 4096 bits: a larger key is somebody else's */
#define FIELD_BYTES   66u  /* of the largest curve, P-521 */
#define P256_BYTES    32u

static const struct {
    uint16_t alg;
    uint8_t bytes;
    const char *name;
} hashes[] = {
    {TPM_ALG_SHA1, 20, "sha1"},         {TPM_ALG_SHA256, 32, "sha256"},     {TPM_ALG_SHA384, 48, "sha384"},
    {TPM_ALG_SHA512, 64, "sha512"},     {TPM_ALG_SM3, 32, "sm3"},           {TPM_ALG_SHA3_256, 32, "sha3-256"},
    {TPM_ALG_SHA3_384, 48, "sha3-384"}, {TPM_ALG_SHA3_512, 64, "sha3-512"},
};

uint32_t tpm_alg_bytes(uint16_t alg)
{
    for (size_t i = 0; i < SP_COUNT(hashes); i++) {
        if (hashes[i].alg == alg) {
            return hashes[i].bytes;
        }
    }
    return 0;
}

const char *tpm_alg_name(uint16_t alg)
{
    for (size_t i = 0; i < SP_COUNT(hashes); i++) {
        if (hashes[i].alg == alg) {
            return hashes[i].name;
        }
    }
    return NULL;
}

static void read_selection(struct octets *o, struct tpm_selection *out)
{
    uint64_t count = octets_be(o, 4);
    out->banks = 0;
    if (count > TPM_BANKS_MAX) {
        o->bad = true;
    }
    for (uint64_t i = 0; !o->bad && i < count; i++) {
        struct tpm_bank *bank = &out->bank[out->banks++];
        bank->alg = (uint16_t)octets_be(o, 2);
        if (octets_be(o, 1) != SELECT_BYTES) {
            o->bad = true;
        }
        bank->pcrs = (uint32_t)octets_le(o, SELECT_BYTES);
    }
}

enum evidence_reason tpm_wire_quote(struct sp_str bytes, struct tpm_quote *out)
{
    struct octets o = octets_of(bytes);
    struct tpm_quote q = {0};
    if (bytes.n > TPM_ATTEST_BYTES_MAX) {
        return EVIDENCE_QUOTE_MALFORMED;
    }
    uint64_t magic = octets_be(&o, 4);
    uint64_t type = octets_be(&o, 2);
    if (!o.bad && magic != TPM_GENERATED) {
        return EVIDENCE_QUOTE_MAGIC;
    }
    if (!o.bad && type != TPM_QUOTE) {
        return EVIDENCE_QUOTE_TYPE;
    }
    q.signer = octets_sized(&o, TPM_NAME_MAX);
    q.nonce = octets_sized(&o, TPM_NONCE_MAX);
    q.clock.clock_ms = octets_be(&o, 8);
    q.clock.reset_count = (uint32_t)octets_be(&o, 4);
    q.clock.restart_count = (uint32_t)octets_be(&o, 4);
    uint64_t safe = octets_be(&o, 1);
    q.clock.safe = safe == 1;
    q.firmware = octets_be(&o, 8);
    read_selection(&o, &q.selection);
    q.digest = octets_sized(&o, TPM_DIGEST_MAX);
    if (!octets_end(&o) || safe > 1) {
        return EVIDENCE_QUOTE_MALFORMED;
    }
    *out = q;
    return EVIDENCE_OK;
}

enum evidence_reason tpm_wire_signature(struct sp_str bytes, struct tpm_signature *out)
{
    struct octets o = octets_of(bytes);
    struct tpm_signature s = {0};
    if (bytes.n > TPM_SIGNATURE_BYTES_MAX) {
        return EVIDENCE_SIGNATURE_MALFORMED;
    }
    s.scheme = (uint16_t)octets_be(&o, 2);
    s.hash = (uint16_t)octets_be(&o, 2);
    if (s.scheme == TPM_ALG_RSASSA || s.scheme == TPM_ALG_RSAPSS) {
        s.rsa = octets_sized(&o, RSA_BYTES_MAX);
    } else if (s.scheme == TPM_ALG_ECDSA) {
        s.r = octets_sized(&o, P256_BYTES);
        s.s = octets_sized(&o, P256_BYTES);
    } else {
        o.bad = true;
    }
    if (!octets_end(&o)) {
        return EVIDENCE_SIGNATURE_MALFORMED;
    }
    *out = s;
    return EVIDENCE_OK;
}

/* TPMT_SYM_DEF_OBJECT and the scheme after it. */
static void read_symmetric_and_scheme(struct octets *o, struct tpm_public *k)
{
    k->symmetric = (uint16_t)octets_be(o, 2);
    if (k->symmetric != TPM_ALG_NULL) {
        k->symmetric_bits = (uint16_t)octets_be(o, 2);
        k->symmetric_mode = (uint16_t)octets_be(o, 2);
    }
    k->scheme = (uint16_t)octets_be(o, 2);
    if (k->scheme == TPM_ALG_RSASSA || k->scheme == TPM_ALG_RSAPSS || k->scheme == TPM_ALG_ECDSA) {
        k->hash = (uint16_t)octets_be(o, 2);
    } else if (k->scheme != TPM_ALG_NULL) { /* schemes with other details, of keys for other purposes */
        o->bad = true;
    }
}

enum evidence_reason tpm_wire_public(struct sp_str bytes, struct tpm_public *out)
{
    struct octets o = octets_of(bytes);
    struct tpm_public k = {.hash = TPM_ALG_NULL};
    if (bytes.n > TPM_PUBLIC_BYTES_MAX) {
        return EVIDENCE_AK_MALFORMED;
    }
    k.area = octets_sized(&o, TPM_PUBLIC_BYTES_MAX);
    if (!octets_end(&o)) {
        return EVIDENCE_AK_MALFORMED;
    }
    o = octets_of(k.area);
    k.type = (uint16_t)octets_be(&o, 2);
    k.name_alg = (uint16_t)octets_be(&o, 2);
    k.attributes = (uint32_t)octets_be(&o, 4);
    k.policy = octets_sized(&o, TPM_DIGEST_MAX);
    if (!o.bad && k.type != TPM_ALG_RSA && k.type != TPM_ALG_ECC) {
        return EVIDENCE_AK_TYPE;
    }
    read_symmetric_and_scheme(&o, &k);
    if (k.type == TPM_ALG_RSA) {
        k.bits = (uint16_t)octets_be(&o, 2);
        k.exponent = (uint32_t)octets_be(&o, 4);
        k.n = octets_sized(&o, RSA_BYTES_MAX);
    } else {
        k.curve = (uint16_t)octets_be(&o, 2);
        if (octets_be(&o, 2) != TPM_ALG_NULL) { /* key derivation scheme: no key in use has one */
            o.bad = true;
        }
        k.x = octets_sized(&o, FIELD_BYTES);
        k.y = octets_sized(&o, FIELD_BYTES);
    }
    if (!octets_end(&o)) {
        return EVIDENCE_AK_MALFORMED;
    }
    *out = k;
    return EVIDENCE_OK;
}
