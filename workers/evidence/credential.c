/* SPDX-License-Identifier: Apache-2.0 */
#include "credential.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "evidence_pkey.h"
#include "sp_assert.h"
#include "sp_crypto.h"
#include "sp_random.h"

#define FIELD_BYTES_MAX 48u
#define KDF_BYTES_MAX   256u
#define PLAIN_BYTES     (2u + CREDENTIAL_BYTES)

static const char identity[9] = "IDENTITY"; /* with its zero byte, as the specification wants it */

static const char *hash_name(uint16_t alg)
{
    return alg == TPM_ALG_SHA256 ? "SHA256" : alg == TPM_ALG_SHA384 ? "SHA384" : NULL;
}

static size_t put16(uint8_t *to, size_t v)
{
    to[0] = (uint8_t)(v >> 8);
    to[1] = (uint8_t)v;
    return 2;
}

/* ---- derivation ------------------------------------------------------------------------------------------------ */

struct kdf {
    OSSL_LIB_CTX *library;
    uint16_t hash;
    const uint8_t *key; /* of the hash's size */
    const char *label;
    const void *context;
    size_t context_bytes;
};

/* KDFa of the TPM specification for at most one block. */
static bool derive(const struct kdf *kdf, size_t bytes, uint8_t out[TPM_DIGEST_MAX])
{
    uint8_t text[KDF_BYTES_MAX];
    size_t hash_bytes = tpm_alg_bytes(kdf->hash), n = 0, made = 0;
    size_t label_bytes = strlen(kdf->label) + 1;
    SP_ASSERT(4 + label_bytes + kdf->context_bytes + 4 <= sizeof text && bytes <= hash_bytes);
    memcpy(text, "\0\0\0\1", 4);
    n = 4;
    memcpy(text + n, kdf->label, label_bytes);
    n += label_bytes;
    if (kdf->context_bytes > 0) {
        memcpy(text + n, kdf->context, kdf->context_bytes);
        n += kdf->context_bytes;
    }
    text[n++] = 0;
    text[n++] = 0;
    n += put16(text + n, bytes * 8);
    return EVP_Q_mac(kdf->library, "HMAC", NULL, hash_name(kdf->hash), NULL, kdf->key, hash_bytes, text, n, out, TPM_DIGEST_MAX,
                     &made) != NULL &&
           made == hash_bytes;
}

bool credential_seed(const struct evidence_crypto *c, uint16_t hash, const struct credential_exchange *x,
                     uint8_t out[TPM_DIGEST_MAX])
{
    uint8_t text[4 + sizeof identity + 3 * FIELD_BYTES_MAX];
    size_t n = 4, made = 0;
    if (hash_name(hash) == NULL || x->field > FIELD_BYTES_MAX) {
        return false;
    }
    memcpy(text, "\0\0\0\1", 4);
    memcpy(text + n, x->z, x->field);
    n += x->field;
    memcpy(text + n, identity, sizeof identity);
    n += sizeof identity;
    memcpy(text + n, x->x_ephemeral, x->field);
    n += x->field;
    memcpy(text + n, x->x_ek, x->field);
    n += x->field;
    bool done = EVP_Q_digest(evidence_crypto_library(c), hash_name(hash), NULL, text, n, out, &made) == 1;
    sp_crypto_wipe(text, sizeof text);
    return done;
}

/* ---- blob ------------------------------------------------------------------------------------------------------ */

static bool encrypt(OSSL_LIB_CTX *library, const struct tpm_public *ek, const uint8_t *key, const uint8_t plain[PLAIN_BYTES],
                    uint8_t *to)
{
    static const uint8_t zero[16];
    int made = 0;
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(library, ek->symmetric_bits == 128 ? "AES-128-CFB" : "AES-256-CFB", NULL);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    bool done = cipher != NULL && ctx != NULL && EVP_EncryptInit_ex2(ctx, cipher, key, zero, NULL) == 1 &&
                EVP_EncryptUpdate(ctx, to, &made, plain, (int)PLAIN_BYTES) == 1 && made == (int)PLAIN_BYTES;
    EVP_CIPHER_CTX_free(ctx);
    EVP_CIPHER_free(cipher);
    return done;
}

bool credential_from_seed(const struct evidence_crypto *c, const struct tpm_public *ek, const struct credential_for *what,
                          const uint8_t *seed, struct credential_wrapped *out)
{
    OSSL_LIB_CTX *library = evidence_crypto_library(c);
    uint8_t plain[PLAIN_BYTES], key[TPM_DIGEST_MAX], hmac_key[TPM_DIGEST_MAX];
    uint8_t sealed[sizeof plain + TPM_NAME_BYTES];
    size_t h = tpm_alg_bytes(ek->name_alg), made = 0;
    if (hash_name(ek->name_alg) == NULL || (ek->symmetric_bits != 128 && ek->symmetric_bits != 256)) {
        return false;
    }
    const struct kdf storage = {library, ek->name_alg, seed, "STORAGE", what->ak_name, TPM_NAME_BYTES};
    const struct kdf integrity = {library, ek->name_alg, seed, "INTEGRITY", NULL, 0};
    memcpy(plain + put16(plain, CREDENTIAL_BYTES), what->credential, CREDENTIAL_BYTES);
    size_t n = put16(out->blob, 2 + h + sizeof plain);
    n += put16(out->blob + n, h);
    bool done = derive(&storage, ek->symmetric_bits / 8u, key) && encrypt(library, ek, key, plain, sealed) &&
                derive(&integrity, h, hmac_key);
    memcpy(sealed + sizeof plain, what->ak_name, TPM_NAME_BYTES);
    done = done && EVP_Q_mac(library, "HMAC", NULL, hash_name(ek->name_alg), NULL, hmac_key, h, sealed, sizeof sealed,
                             out->blob + n, sizeof out->blob - n, &made) != NULL;
    if (done) {
        memcpy(out->blob + n + h, sealed, sizeof plain);
        out->blob_bytes = (uint32_t)(n + h + sizeof plain);
    }
    sp_crypto_wipe(plain, sizeof plain);
    sp_crypto_wipe(key, sizeof key);
    sp_crypto_wipe(hmac_key, sizeof hmac_key);
    return done && made == h;
}

/* ---- secret ---------------------------------------------------------------------------------------------------- */

static bool wrap_rsa(const struct evidence_crypto *c, const struct tpm_public *ek, EVP_PKEY *key, uint8_t seed[TPM_DIGEST_MAX],
                     struct credential_wrapped *out)
{
    const char *hash = hash_name(ek->name_alg);
    size_t n = sizeof out->secret - 2;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(evidence_crypto_library(c), key, NULL);
    char *label = OPENSSL_memdup(identity, sizeof identity);
    sp_random_bytes(seed, tpm_alg_bytes(ek->name_alg));
    bool done = ctx != NULL && label != NULL && EVP_PKEY_encrypt_init(ctx) == 1 &&
                EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1 &&
                EVP_PKEY_CTX_set_rsa_oaep_md_name(ctx, hash, NULL) == 1 && EVP_PKEY_CTX_set_rsa_mgf1_md_name(ctx, hash, NULL) == 1;
    if (done && EVP_PKEY_CTX_set0_rsa_oaep_label(ctx, label, sizeof identity) == 1) {
        label = NULL; /* taken */
    }
    done = done && label == NULL && EVP_PKEY_encrypt(ctx, out->secret + 2, &n, seed, tpm_alg_bytes(ek->name_alg)) == 1;
    OPENSSL_free(label);
    EVP_PKEY_CTX_free(ctx);
    out->secret_bytes = done ? (uint32_t)(put16(out->secret, n) + n) : 0;
    return done;
}

static bool coordinate(EVP_PKEY *key, const char *name, uint8_t *to, size_t field)
{
    BIGNUM *number = NULL;
    bool done = EVP_PKEY_get_bn_param(key, name, &number) == 1 && BN_bn2binpad(number, to, (int)field) == (int)field;
    BN_free(number);
    return done;
}

static bool exchange(OSSL_LIB_CTX *library, EVP_PKEY *own, EVP_PKEY *other, uint8_t *z, size_t field)
{
    size_t n = field;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(library, own, NULL);
    bool done = ctx != NULL && EVP_PKEY_derive_init(ctx) == 1 && EVP_PKEY_derive_set_peer(ctx, other) == 1 &&
                EVP_PKEY_derive(ctx, z, &n) == 1 && n == field;
    EVP_PKEY_CTX_free(ctx);
    return done;
}

static bool wrap_ecc(const struct evidence_crypto *c, const struct tpm_public *ek, EVP_PKEY *key, uint8_t seed[TPM_DIGEST_MAX],
                     struct credential_wrapped *out)
{
    uint8_t z[FIELD_BYTES_MAX], x_ek[FIELD_BYTES_MAX];
    bool p256 = ek->curve == TPM_CURVE_P256;
    size_t field = p256 ? 32 : FIELD_BYTES_MAX;
    EVP_PKEY *own = EVP_PKEY_Q_keygen(evidence_crypto_library(c), NULL, "EC", p256 ? "P-256" : "P-384");
    uint8_t *x = out->secret + 4, *y = x + field + 2;
    bool done = own != NULL && exchange(evidence_crypto_library(c), own, key, z, field) &&
                coordinate(own, OSSL_PKEY_PARAM_EC_PUB_X, x, field) && coordinate(own, OSSL_PKEY_PARAM_EC_PUB_Y, y, field) &&
                coordinate(key, OSSL_PKEY_PARAM_EC_PUB_X, x_ek, field);
    const struct credential_exchange values = {z, x, x_ek, field};
    done = done && credential_seed(c, ek->name_alg, &values, seed);
    EVP_PKEY_free(own);
    sp_crypto_wipe(z, sizeof z);
    (void)put16(out->secret, 2 * (2 + field));
    (void)put16(x - 2, field);
    (void)put16(y - 2, field);
    out->secret_bytes = done ? (uint32_t)(2 + 2 * (2 + field)) : 0;
    return done;
}

enum evidence_reason credential_wrap(const struct evidence_crypto *c, struct sp_str ek, const struct credential_for *what,
                                     struct credential_wrapped *out)
{
    struct tpm_public k;
    uint8_t seed[TPM_DIGEST_MAX];
    if (tpm_wire_public(ek, &k) != EVIDENCE_OK || hash_name(k.name_alg) == NULL) {
        return EVIDENCE_EK_MALFORMED;
    }
    EVP_PKEY *key = evidence_pkey_new(evidence_crypto_library(c), &k);
    bool done = key != NULL && (k.type == TPM_ALG_RSA ? wrap_rsa(c, &k, key, seed, out) : wrap_ecc(c, &k, key, seed, out)) &&
                credential_from_seed(c, &k, what, seed, out);
    EVP_PKEY_free(key);
    sp_crypto_wipe(seed, sizeof seed);
    if (!done) {
        ERR_clear_error();
        return EVIDENCE_EK_MALFORMED;
    }
    return EVIDENCE_OK;
}

/* ---- proof ----------------------------------------------------------------------------------------------------- */

void credential_proof(const uint8_t credential[CREDENTIAL_BYTES], const struct credential_bound *bound, uint8_t out[32])
{
    static const char purpose[] = "SPICE1 attestation key:";
    uint8_t text[sizeof purpose + 2 + CREDENTIAL_BOUND_MAX + TPM_NAME_BYTES + 4 * 32];
    const uint8_t *parts[] = {bound->nonce, bound->certificate, bound->sign_key, bound->curve_key};
    struct sp_crypto_hmac hmac;
    size_t n = sizeof purpose;
    SP_ASSERT(bound->node.n > 0 && bound->node.n <= CREDENTIAL_BOUND_MAX);
    memcpy(text, purpose, sizeof purpose); /* with its zero byte */
    n += put16(text + n, bound->node.n);
    memcpy(text + n, bound->node.p, bound->node.n);
    n += bound->node.n;
    memcpy(text + n, bound->ak_name, TPM_NAME_BYTES);
    n += TPM_NAME_BYTES;
    for (size_t i = 0; i < SP_COUNT(parts); i++) {
        memcpy(text + n, parts[i], 32);
        n += 32;
    }
    sp_crypto_hmac_init(&hmac, credential, CREDENTIAL_BYTES);
    sp_crypto_hmac(&hmac, text, n, out);
    sp_crypto_hmac_fini(&hmac);
}
