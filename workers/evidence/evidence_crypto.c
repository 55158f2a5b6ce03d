/* SPDX-License-Identifier: Apache-2.0 */
/* The low-level SHA-1 functions are marked deprecated since OpenSSL 3.0; measurement lists are many short hashes, for which they
 * cost half. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "evidence_crypto.h"

#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>

#include "evidence_pkey.h"
#include "sp_assert.h"
#include "sp_crypto.h"

#define P256_BYTES 32u
#define DER_BYTES  (2u + 2u * (2u + 1u + P256_BYTES))

/* Banks of PCRs beside SHA-256 and SHA-1, which go the short way. */
static const struct {
    uint16_t alg;
    const char *name;
} hashes[] = {{TPM_ALG_SHA384, "SHA384"}, {TPM_ALG_SHA512, "SHA512"}};

struct evidence_crypto {
    OSSL_LIB_CTX *library;
    OSSL_PROVIDER *provider;
    EVP_MD *sha256; /* for the padding of RSA */
    EVP_MD *hash[SP_COUNT(hashes)];
    EVP_MD_CTX *work;
};

struct evidence_key {
    EVP_PKEY *key;
    EVP_PKEY_CTX *verify; /* set up once, used for every quote */
    bool ecc;
};

/* ---- digests --------------------------------------------------------------------------------------------------- */

static bool digest(void *ctx, uint16_t alg, const void *p, size_t n, uint8_t out[TPM_DIGEST_MAX])
{
    struct evidence_crypto *c = ctx;
    if (alg == TPM_ALG_SHA256) {
        sp_crypto_sha256(p, n, out);
        return true;
    }
    if (alg == TPM_ALG_SHA1) {
        SHA_CTX h;
        return SHA1_Init(&h) == 1 && (n == 0 || SHA1_Update(&h, p, n) == 1) && SHA1_Final(out, &h) == 1;
    }
    for (size_t i = 0; i < SP_COUNT(hashes); i++) {
        if (hashes[i].alg == alg) {
            bool done = EVP_DigestInit_ex2(c->work, c->hash[i], NULL) == 1 && (n == 0 || EVP_DigestUpdate(c->work, p, n) == 1) &&
                        EVP_DigestFinal_ex(c->work, out, NULL) == 1;
            if (!done) {
                ERR_clear_error();
            }
            return done;
        }
    }
    return false;
}

/* ---- signatures ------------------------------------------------------------------------------------------------ */

/* One integer of a DER signature from unsigned bytes that may have zeros in front. Returns its bytes; 0: there is no number. */
static size_t put_integer(struct sp_str number, uint8_t *to)
{
    while (number.n > 0 && number.p[0] == 0) {
        number.p++;
        number.n--;
    }
    if (number.n == 0 || number.n > P256_BYTES) {
        return 0;
    }
    size_t zero = ((uint8_t)number.p[0] & 0x80u) != 0 ? 1 : 0;
    to[0] = 0x02;
    to[1] = (uint8_t)(number.n + zero);
    to[2] = 0;
    memcpy(to + 2 + zero, number.p, number.n);
    return 2 + zero + number.n;
}

static bool verify(void *ctx, struct evidence_key *key, const uint8_t hash[32], const struct tpm_signature *signature)
{
    uint8_t der[DER_BYTES];
    const uint8_t *p = (const uint8_t *)signature->rsa.p;
    size_t n = signature->rsa.n;
    (void)ctx;
    if (key->ecc) {
        size_t r = put_integer(signature->r, der + 2);
        size_t s = r > 0 ? put_integer(signature->s, der + 2 + r) : 0;
        if (s == 0) {
            return false;
        }
        der[0] = 0x30;
        der[1] = (uint8_t)(r + s);
        p = der;
        n = 2 + r + s;
    }
    /* Verify functions return negative values too: only 1 is yes. */
    bool good = n > 0 && EVP_PKEY_verify(key->verify, p, n, hash, SP_CRYPTO_HASH_BYTES) == 1;
    if (!good) {
        ERR_clear_error();
    }
    return good;
}

/* ---- life ------------------------------------------------------------------------------------------------------ */

enum sp_rc evidence_crypto_new(struct evidence_crypto **out)
{
    struct evidence_crypto *c = calloc(1, sizeof *c);
    if (c == NULL) {
        return SP_E_NOMEM;
    }
    c->library = OSSL_LIB_CTX_new();
    c->provider = c->library != NULL ? OSSL_PROVIDER_load(c->library, "default") : NULL;
    c->sha256 = c->provider != NULL ? EVP_MD_fetch(c->library, "SHA256", NULL) : NULL;
    c->work = EVP_MD_CTX_new();
    bool ok = c->sha256 != NULL && c->work != NULL;
    for (size_t i = 0; i < SP_COUNT(hashes) && ok; i++) {
        c->hash[i] = EVP_MD_fetch(c->library, hashes[i].name, NULL);
        ok = c->hash[i] != NULL;
    }
    if (!ok) {
        ERR_clear_error();
        evidence_crypto_destroy(&c);
        return SP_E_UNSUPPORTED;
    }
    *out = c;
    return SP_OK;
}

void evidence_crypto_destroy(struct evidence_crypto **c)
{
    if (*c != NULL) {
        EVP_MD_free((*c)->sha256);
        for (size_t i = 0; i < SP_COUNT(hashes); i++) {
            EVP_MD_free((*c)->hash[i]);
        }
        EVP_MD_CTX_free((*c)->work);
        if ((*c)->provider != NULL) {
            (void)OSSL_PROVIDER_unload((*c)->provider);
        }
        OSSL_LIB_CTX_free((*c)->library);
        free(*c);
        *c = NULL;
    }
}

struct ossl_lib_ctx_st *evidence_crypto_library(const struct evidence_crypto *c)
{
    return c->library;
}

struct evidence_ops evidence_crypto_ops(struct evidence_crypto *c)
{
    return (struct evidence_ops){digest, verify, c};
}

/* ---- keys ------------------------------------------------------------------------------------------------------ */

/* Everything of the verification that is the same for every quote under this key. */
static bool set_up(struct evidence_key *key, const struct evidence_crypto *c, uint16_t scheme)
{
    key->verify = EVP_PKEY_CTX_new_from_pkey(c->library, key->key, NULL);
    if (key->verify == NULL || EVP_PKEY_verify_init(key->verify) != 1 ||
        EVP_PKEY_CTX_set_signature_md(key->verify, c->sha256) != 1) {
        return false;
    }
    if (scheme == TPM_ALG_ECDSA) {
        return true;
    }
    bool pss = scheme == TPM_ALG_RSAPSS;
    return EVP_PKEY_CTX_set_rsa_padding(key->verify, pss ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING) == 1 &&
           (!pss || EVP_PKEY_CTX_set_rsa_pss_saltlen(key->verify, RSA_PSS_SALTLEN_AUTO) == 1);
}

enum evidence_reason evidence_key_new(struct evidence_crypto *c, struct sp_str public_area, struct evidence_key **out,
                                      struct tpm_ak *ak)
{
    struct tpm_public k;
    struct tpm_ak checked;
    const struct evidence_ops ops = evidence_crypto_ops(c);
    enum evidence_reason reason = tpm_wire_public(public_area, &k);
    if (reason == EVIDENCE_OK) {
        reason = tpm_ak_check(&k, &ops, &checked);
    }
    if (reason != EVIDENCE_OK) {
        return reason;
    }
    struct evidence_key *key = calloc(1, sizeof *key);
    if (key != NULL) {
        key->ecc = k.type == TPM_ALG_ECC;
        key->key = evidence_pkey_new(c->library, &k);
    }
    if (key == NULL || key->key == NULL || !set_up(key, c, k.scheme)) {
        ERR_clear_error();
        evidence_key_destroy(&key);
        return EVIDENCE_AK_MALFORMED;
    }
    *out = key;
    *ak = checked;
    return EVIDENCE_OK;
}

void evidence_key_destroy(struct evidence_key **key)
{
    if (*key != NULL) {
        EVP_PKEY_CTX_free((*key)->verify);
        EVP_PKEY_free((*key)->key);
        free(*key);
        *key = NULL;
    }
}
