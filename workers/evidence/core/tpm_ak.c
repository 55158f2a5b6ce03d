/* SPDX-License-Identifier: Apache-2.0 */
#include "tpm_ak.h"

#include "sp_assert.h"

#define RSA_BITS     2048u
#define RSA_BYTES    (RSA_BITS / 8u)
#define RSA_EXPONENT 65537u
#define P256_BYTES   32u

/* All of these, and none of those. */
#define MUST (TPM_KEY_FIXED_TPM | TPM_KEY_FIXED_PARENT | TPM_KEY_SENSITIVE_OWN | TPM_KEY_RESTRICTED | TPM_KEY_SIGN)
#define MAY  (TPM_KEY_ST_CLEAR | TPM_KEY_USER_AUTH | TPM_KEY_ADMIN_POLICY | TPM_KEY_NO_DA)

static bool is_rsa(const struct tpm_public *key)
{
    return key->type == TPM_ALG_RSA && key->bits == RSA_BITS && key->n.n == RSA_BYTES && ((uint8_t)key->n.p[0] & 0x80u) != 0 &&
           (key->exponent == 0 || key->exponent == RSA_EXPONENT);
}

static bool is_ecc(const struct tpm_public *key)
{
    return key->type == TPM_ALG_ECC && key->curve == TPM_CURVE_P256 && key->x.n > 0 && key->x.n <= P256_BYTES && key->y.n > 0 &&
           key->y.n <= P256_BYTES;
}

static bool scheme_fits(const struct tpm_public *key)
{
    bool rsa = key->scheme == TPM_ALG_RSASSA || key->scheme == TPM_ALG_RSAPSS;
    return key->hash == TPM_ALG_SHA256 && (key->type == TPM_ALG_RSA ? rsa : key->scheme == TPM_ALG_ECDSA);
}

enum evidence_reason tpm_ak_check(const struct tpm_public *key, const struct evidence_ops *ops, struct tpm_ak *out)
{
    struct tpm_name name;
    if (!is_rsa(key) && !is_ecc(key)) {
        return EVIDENCE_AK_TYPE;
    }
    if (!scheme_fits(key) || key->symmetric != TPM_ALG_NULL) {
        return EVIDENCE_AK_SCHEME;
    }
    if ((key->attributes & MUST) != MUST || (key->attributes & ~(MUST | MAY)) != 0 || key->name_alg != TPM_ALG_SHA256) {
        return EVIDENCE_AK_ATTRIBUTES;
    }
    bool named = tpm_name_of(key, ops, &name);
    SP_ASSERT(named && name.n == TPM_NAME_BYTES); /* SHA-256 is always offered */
    out->type = key->type;
    out->scheme = key->scheme;
    memcpy(out->name, name.b, TPM_NAME_BYTES);
    return EVIDENCE_OK;
}

static bool put(uint16_t alg, const void *p, size_t n, const struct evidence_ops *ops, struct tpm_name *out)
{
    uint8_t digest[TPM_DIGEST_MAX];
    if (!ops->digest(ops->ctx, alg, p, n, digest)) {
        return false;
    }
    out->n = 2 + tpm_alg_bytes(alg);
    out->b[0] = (uint8_t)(alg >> 8);
    out->b[1] = (uint8_t)alg;
    memcpy(out->b + 2, digest, out->n - 2);
    return true;
}

bool tpm_name_of(const struct tpm_public *key, const struct evidence_ops *ops, struct tpm_name *out)
{
    return put(key->name_alg, key->area.p, key->area.n, ops, out);
}

static bool qualify(const uint8_t *parent, size_t parent_bytes, const struct tpm_name *name, const struct evidence_ops *ops,
                    struct tpm_name *out)
{
    uint8_t both[2 * TPM_NAME_MAX];
    SP_ASSERT(name->n >= 2 && name->n <= TPM_NAME_MAX && parent_bytes <= TPM_NAME_MAX);
    memcpy(both, parent, parent_bytes);
    memcpy(both + parent_bytes, name->b, name->n);
    return put((uint16_t)(name->b[0] << 8 | name->b[1]), both, parent_bytes + name->n, ops, out);
}

bool tpm_name_primary(uint32_t hierarchy, const struct tpm_name *name, const struct evidence_ops *ops, struct tpm_name *out)
{
    const uint8_t handle[4] = {(uint8_t)(hierarchy >> 24), (uint8_t)(hierarchy >> 16), (uint8_t)(hierarchy >> 8),
                               (uint8_t)hierarchy};
    return qualify(handle, sizeof handle, name, ops, out);
}

bool tpm_name_child(const struct tpm_name *parent, const struct tpm_name *name, const struct evidence_ops *ops,
                    struct tpm_name *out)
{
    return qualify(parent->b, parent->n, name, ops, out);
}
