/* SPDX-License-Identifier: Apache-2.0 */
#include "ima_keyring.h"

#include <stdlib.h>

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#define RSA_BITS_LEAST 2048
#define RSA_BITS_MOST  4096
#define TYPE_VERITY    6u
#define TEXT_BYTES_MAX 65536u

struct key {
    uint32_t id;
    bool rsa;
    EVP_PKEY *key;
};

struct ima_keyring {
    struct evidence_crypto *crypto;
    struct key *key[IMA_KEYRING_KEYS_MAX];
    uint32_t count;
};

struct ima_keyring *ima_keyring_new(struct evidence_crypto *c)
{
    struct ima_keyring *k = calloc(1, sizeof *k);
    if (k != NULL) {
        k->crypto = c;
    }
    return k;
}

static void drop(struct key *key)
{
    if (key != NULL) {
        EVP_PKEY_free(key->key);
        free(key);
    }
}

void ima_keyring_destroy(struct ima_keyring **k)
{
    if (*k != NULL) {
        for (uint32_t i = 0; i < (*k)->count; i++) {
            drop((*k)->key[i]);
        }
        free(*k);
        *k = NULL;
    }
}

uint32_t ima_keyring_count(const struct ima_keyring *k)
{
    return k->count;
}

/* ---- reading keys ---------------------------------------------------------------------------------------------- */

/* What a key was read from: a certificate with its key, or a bare key. */
struct source {
    X509 *certificate;
    EVP_PKEY *key; /* of its own or the certificate's */
};

static void source_free(struct source *s)
{
    X509_free(s->certificate);
    EVP_PKEY_free(s->key);
}

/* Bytes of one structure in DER with nothing left over. */
static bool read_der(struct evidence_crypto *c, struct sp_str bytes, struct source *out)
{
    const unsigned char *p = (const unsigned char *)bytes.p;
    const unsigned char *end = p + bytes.n;
    OSSL_LIB_CTX *library = evidence_crypto_library(c);
    X509 *certificate = X509_new_ex(library, NULL);
    if (certificate != NULL && d2i_X509(&certificate, &p, (long)bytes.n) != NULL && p == end) {
        out->certificate = certificate;
        out->key = X509_get_pubkey(certificate);
        return true;
    }
    X509_free(certificate);
    p = (const unsigned char *)bytes.p;
    out->key = d2i_PUBKEY_ex(NULL, &p, (long)bytes.n, library, NULL);
    if (out->key != NULL && p != end) {
        EVP_PKEY_free(out->key);
        out->key = NULL;
    }
    return out->key != NULL;
}

static bool read_pem(struct evidence_crypto *c, struct sp_str bytes, struct source *out)
{
    BIO *bio = BIO_new_mem_buf(bytes.p, (int)bytes.n);
    char *name = NULL, *header = NULL;
    unsigned char *der = NULL;
    long n = 0;
    bool done = bio != NULL && PEM_read_bio(bio, &name, &header, &der, &n) == 1 && n > 0 &&
                (strcmp(name, PEM_STRING_X509) == 0 || strcmp(name, PEM_STRING_PUBLIC) == 0) &&
                read_der(c, sp_str_bytes(der, (size_t)n), out);
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_free(der);
    BIO_free(bio);
    return done;
}

static bool read_key(struct evidence_crypto *c, struct sp_str bytes, struct source *out)
{
    *out = (struct source){0};
    bool done = bytes.n > 0 && bytes.n <= IMA_DATA_BYTES_MAX && (read_der(c, bytes, out) || read_pem(c, bytes, out));
    ERR_clear_error();
    return done;
}

bool ima_keyring_is_key(struct evidence_crypto *c, struct sp_str bytes)
{
    struct source s = {0};
    bool done = bytes.n > 0 && read_der(c, bytes, &s);
    ERR_clear_error();
    source_free(&s);
    return done;
}

/* True for the kinds of keys that count. */
static bool fits(EVP_PKEY *key, bool *rsa)
{
    char group[32];
    *rsa = EVP_PKEY_is_a(key, "RSA") == 1;
    if (*rsa) {
        int bits = EVP_PKEY_get_bits(key);
        return bits >= RSA_BITS_LEAST && bits <= RSA_BITS_MOST;
    }
    if (EVP_PKEY_is_a(key, "EC") != 1 || EVP_PKEY_get_group_name(key, group, sizeof group, NULL) != 1) {
        return false;
    }
    return strcmp(group, "prime256v1") == 0 || strcmp(group, "secp384r1") == 0 || strcmp(group, "secp521r1") == 0;
}

/* The end of the certificate's subject key identifier; without one the end of the SHA-1 of the key's bits, as signers make it. */
static bool identify(struct evidence_crypto *c, const struct source *s, uint32_t *id)
{
    uint8_t hash[TPM_DIGEST_MAX];
    const ASN1_OCTET_STRING *given = s->certificate != NULL ? X509_get0_subject_key_id(s->certificate) : NULL;
    const uint8_t *end = NULL;
    const struct evidence_ops ops = evidence_crypto_ops(c);
    unsigned char *bits = NULL;
    if (given != NULL && ASN1_STRING_length(given) >= 4) {
        end = ASN1_STRING_get0_data(given) + ASN1_STRING_length(given);
    } else {
        int n = i2d_PublicKey(s->key, &bits);
        if (n > 0 && ops.digest(ops.ctx, TPM_ALG_SHA1, bits, (size_t)n, hash)) {
            end = hash + 20;
        }
    }
    if (end != NULL) {
        *id = (uint32_t)end[-4] << 24 | (uint32_t)end[-3] << 16 | (uint32_t)end[-2] << 8 | end[-1];
    }
    OPENSSL_free(bits);
    return end != NULL;
}

static bool known(const struct ima_keyring *k, uint32_t id, const EVP_PKEY *key)
{
    for (uint32_t i = 0; i < k->count; i++) {
        if (k->key[i]->id == id && EVP_PKEY_eq(k->key[i]->key, key) == 1) {
            return true;
        }
    }
    return false;
}

bool ima_keyring_add(struct ima_keyring *k, struct sp_str bytes, const uint32_t *id)
{
    struct source s;
    struct key *key = calloc(1, sizeof *key);
    bool ok = read_key(k->crypto, bytes, &s) && key != NULL && s.key != NULL && fits(s.key, &key->rsa) &&
              identify(k->crypto, &s, &key->id);
    if (ok && id != NULL) {
        key->id = *id;
    }
    bool again = ok && known(k, key->id, s.key);
    ok = again || (ok && k->count < IMA_KEYRING_KEYS_MAX);
    if (ok && !again) {
        key->key = s.key;
        s.key = NULL;
        k->key[k->count++] = key;
    } else {
        free(key);
    }
    source_free(&s);
    ERR_clear_error();
    return ok;
}

bool ima_keyring_add_text(struct ima_keyring *k, struct sp_str text, const uint32_t *id)
{
    if (text.n == 0 || text.n > TEXT_BYTES_MAX || text.p[0] == '-') {
        return text.n > 0 && text.n <= TEXT_BYTES_MAX && ima_keyring_add(k, text, id);
    }
    uint8_t *der = malloc(text.n);
    int n = der != NULL && text.n % 4 == 0 ? EVP_DecodeBlock(der, (const uint8_t *)text.p, (int)text.n) : -1;
    for (uint32_t i = text.n; i > text.n - 2 && n > 0 && text.p[i - 1] == '='; i--) {
        n--; /* what fills up the last group counts as zeros */
    }
    bool ok = n > 0 && ima_keyring_add(k, sp_str_bytes(der, (size_t)n), id);
    free(der);
    ERR_clear_error();
    return ok;
}

/* ---- verifying ------------------------------------------------------------------------------------------------- */

static const char *hash_name(uint16_t alg)
{
    return alg == TPM_ALG_SHA256 ? "SHA256" : alg == TPM_ALG_SHA384 ? "SHA384" : "SHA512";
}

/* Verify functions return negative values too: only 1 is yes. */
static bool verify(const struct ima_keyring *k, const struct key *key, const struct ima_signature *s, struct sp_str digest)
{
    EVP_PKEY_CTX *work = EVP_PKEY_CTX_new_from_pkey(evidence_crypto_library(k->crypto), key->key, NULL);
    EVP_MD *md = EVP_MD_fetch(evidence_crypto_library(k->crypto), hash_name(s->alg), NULL);
    bool good = work != NULL && md != NULL && EVP_PKEY_verify_init(work) == 1 && EVP_PKEY_CTX_set_signature_md(work, md) == 1 &&
                (!key->rsa || EVP_PKEY_CTX_set_rsa_padding(work, RSA_PKCS1_PADDING) == 1) &&
                EVP_PKEY_verify(work, (const uint8_t *)s->bytes.p, s->bytes.n, (const uint8_t *)digest.p, digest.n) == 1;
    EVP_MD_free(md);
    EVP_PKEY_CTX_free(work);
    if (!good) {
        ERR_clear_error();
    }
    return good;
}

/* What a signature of type 6 is over: type, hash and digest of the fs-verity structure, hashed once more. */
static bool verity_digest(const struct ima_keyring *k, const struct ima_signature *s, struct sp_str digest,
                          uint8_t out[TPM_DIGEST_MAX])
{
    uint8_t id[2 + TPM_DIGEST_MAX] = {TYPE_VERITY, s->hash_number};
    const struct evidence_ops ops = evidence_crypto_ops(k->crypto);
    memcpy(id + 2, digest.p, digest.n);
    return ops.digest(ops.ctx, s->alg, id, (size_t)2 + digest.n, out);
}

enum ima_signer ima_keyring_signer(const struct ima_keyring *k, const struct ima_signature *s, struct sp_str digest)
{
    uint8_t again[TPM_DIGEST_MAX];
    enum ima_signer signer = k->count == 0 ? IMA_NO_KEYS : IMA_KEY_UNKNOWN;
    if (digest.n != tpm_alg_bytes(s->alg)) {
        return IMA_NOT_SIGNED;
    }
    if (s->verity) {
        if (!verity_digest(k, s, digest, again)) {
            return IMA_NOT_SIGNED;
        }
        digest = sp_str_bytes(again, digest.n);
    }
    for (uint32_t i = 0; i < k->count && signer != IMA_SIGNED; i++) {
        if (k->key[i]->id == s->key_id) {
            signer = verify(k, k->key[i], s, digest) ? IMA_SIGNED : IMA_NOT_SIGNED;
        }
    }
    return signer;
}

bool ima_keyring_signed(const struct ima_keyring *k, struct sp_str signature, const uint8_t digest[32])
{
    const struct ima_signature s = {.alg = TPM_ALG_SHA256, .bytes = signature};
    for (uint32_t i = 0; i < k->count; i++) {
        if (!k->key[i]->rsa && verify(k, k->key[i], &s, sp_str_bytes(digest, 32))) {
            return true;
        }
    }
    return false;
}
