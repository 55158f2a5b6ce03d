/* SPDX-License-Identifier: Apache-2.0 */
/* The low-level SHA-256 functions are marked deprecated since OpenSSL 3.0; they are used here, and here only, for their speed. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "sp_crypto.h"

#include <stdio.h>
#include <stdlib.h>

#include <openssl/crypto.h>
#include <openssl/md5.h>
#include <openssl/sha.h>
#include <sodium.h>

#define BLOCK_BYTES 64u /* of SHA-256 */

SP_STATIC_ASSERT(sizeof(struct sp_crypto_sha256) >= sizeof(SHA256_CTX), "opaque hash state holds OpenSSL's");
SP_STATIC_ASSERT(sizeof(struct sp_crypto_md5) >= sizeof(MD5_CTX), "opaque hash state holds OpenSSL's");
SP_STATIC_ASSERT(crypto_sign_SEEDBYTES == SP_CRYPTO_KEY_BYTES && crypto_sign_PUBLICKEYBYTES == SP_CRYPTO_KEY_BYTES,
                 "keys of RFC 8032");
SP_STATIC_ASSERT(crypto_sign_BYTES == SP_CRYPTO_SIGN_BYTES, "signatures of RFC 8032");

struct sp_crypto_verifier {
    uint8_t key[crypto_sign_PUBLICKEYBYTES];
};

struct sp_crypto_signer {
    uint8_t key[crypto_sign_SECRETKEYBYTES]; /* seed, then public key: libsodium's form */
};

static unsigned users;

enum sp_rc sp_crypto_init(void)
{
    if (users++ > 0) {
        return SP_OK;
    }
    /* Before anything else in this process touches libcrypto: its default context reads no configuration file. */
    bool ok = OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, NULL) == 1 && sodium_init() >= 0;
    if (!ok) {
        sp_crypto_fini();
        return SP_E_UNSUPPORTED;
    }
    return SP_OK;
}

void sp_crypto_fini(void)
{
    SP_ASSERT(users > 0);
    users--;
}

/* ---- SHA-256 ---- */

static SHA256_CTX *sha(struct sp_crypto_sha256 *h)
{
    return (SHA256_CTX *)(void *)h->opaque;
}

void sp_crypto_sha256_init(struct sp_crypto_sha256 *h)
{
    SP_ASSERT(SHA256_Init(sha(h)) == 1);
}

void sp_crypto_sha256_update(struct sp_crypto_sha256 *h, const void *p, size_t n)
{
    if (n > 0) {
        (void)SHA256_Update(sha(h), p, n);
    }
}

void sp_crypto_sha256_final(struct sp_crypto_sha256 *h, uint8_t out[32])
{
    (void)SHA256_Final(out, sha(h));
}

static MD5_CTX *md5(struct sp_crypto_md5 *h)
{
    return (MD5_CTX *)(void *)h->opaque;
}

void sp_crypto_md5_init(struct sp_crypto_md5 *h)
{
    SP_ASSERT(MD5_Init(md5(h)) == 1);
}

void sp_crypto_md5_update(struct sp_crypto_md5 *h, const void *p, size_t n)
{
    if (n > 0) {
        (void)MD5_Update(md5(h), p, n);
    }
}

void sp_crypto_md5_final(struct sp_crypto_md5 *h, uint8_t out[16])
{
    (void)MD5_Final(out, md5(h));
}

void sp_crypto_sha256(const void *p, size_t n, uint8_t out[32])
{
    struct sp_crypto_sha256 h;
    sp_crypto_sha256_init(&h);
    sp_crypto_sha256_update(&h, p, n);
    sp_crypto_sha256_final(&h, out);
}

static void digest_fn(void *ctx, const uint8_t *p, size_t n, uint8_t out[32])
{
    (void)ctx;
    sp_crypto_sha256(p, n, out);
}

struct sp_digest sp_crypto_digest(void)
{
    return (struct sp_digest){digest_fn, NULL};
}

/* ---- HMAC ---- */

static void keyed_state(const uint8_t key[BLOCK_BYTES], uint8_t pad, uint32_t out[8])
{
    uint8_t block[BLOCK_BYTES];
    SHA256_CTX c;
    for (size_t i = 0; i < BLOCK_BYTES; i++) {
        block[i] = key[i] ^ pad;
    }
    (void)SHA256_Init(&c);
    SHA256_Transform(&c, block);
    for (size_t i = 0; i < 8; i++) {
        out[i] = c.h[i];
    }
    OPENSSL_cleanse(block, sizeof block);
    OPENSSL_cleanse(&c, sizeof c);
}

void sp_crypto_hmac_init(struct sp_crypto_hmac *h, const void *key, size_t n)
{
    uint8_t block[BLOCK_BYTES] = {0};
    if (n > BLOCK_BYTES) {
        sp_crypto_sha256(key, n, block);
    } else if (n > 0) {
        memcpy(block, key, n);
    }
    keyed_state(block, 0x36, h->inner);
    keyed_state(block, 0x5c, h->outer);
    OPENSSL_cleanse(block, sizeof block);
}

static void put_be32(uint8_t *to, uint32_t x)
{
    to[0] = (uint8_t)(x >> 24);
    to[1] = (uint8_t)(x >> 16);
    to[2] = (uint8_t)(x >> 8);
    to[3] = (uint8_t)x;
}

/* A hash state that has taken one block already. */
static void resume(SHA256_CTX *c, const uint32_t from[8])
{
    memset(c, 0, sizeof *c);
    for (size_t i = 0; i < 8; i++) {
        c->h[i] = from[i];
    }
    c->Nl = BLOCK_BYTES * 8u;
    c->md_len = SHA256_DIGEST_LENGTH;
}

void sp_crypto_hmac(const struct sp_crypto_hmac *h, const void *p, size_t n, uint8_t out[32])
{
    SHA256_CTX c;
    resume(&c, h->inner);
    if (n > 0) {
        (void)SHA256_Update(&c, p, n);
    }
    /* The outer hash is always one more block: 32 bytes, the padding bit, zeros, the length 96 * 8 in bits. */
    uint8_t block[BLOCK_BYTES] = {0};
    (void)SHA256_Final(block, &c);
    block[32] = 0x80;
    block[62] = 0x03;
    resume(&c, h->outer);
    SHA256_Transform(&c, block);
    for (size_t i = 0; i < 8; i++) {
        put_be32(out + 4 * i, c.h[i]);
    }
}

void sp_crypto_hmac_fini(struct sp_crypto_hmac *h)
{
    OPENSSL_cleanse(h, sizeof *h);
}

static void hmac_fn(void *ctx, const uint8_t *p, size_t n, uint8_t out[32])
{
    sp_crypto_hmac(ctx, p, n, out);
}

struct sp_mac sp_crypto_hmac_mac(struct sp_crypto_hmac *h)
{
    struct sp_mac mac = {hmac_fn, h};
    return mac;
}

void sp_crypto_derive(const uint8_t master[32], const char *label, uint8_t out[32])
{
    struct sp_crypto_hmac h;
    char text[64];
    int n = snprintf(text, sizeof text, "SPICE1 key:%s", label);
    SP_ASSERT(n > 0 && (size_t)n < sizeof text);
    sp_crypto_hmac_init(&h, master, SP_CRYPTO_KEY_BYTES);
    sp_crypto_hmac(&h, text, (size_t)n, out);
    sp_crypto_hmac_fini(&h);
}

/* ---- Ed25519 ---- */

/* y coordinates (little endian, sign bit clear) of the points whose order divides 8, as canonical encodings; the encodings with
 * y >= p, small-order or not, are refused as not canonical. */
static const uint8_t small_order[][32] = {
    {0x00}, /* y = 0, order 4 */
    {0x01}, /* y = 1, the neutral element */
    {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
     0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05}, /* order 8 */
    {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
     0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a}, /* order 8 */
    {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}, /* y = -1, order 2 */
};

/* y >= 2^255 - 19 */
static bool is_canonical(const uint8_t y[32])
{
    if (y[31] != 0x7f || y[0] < 0xed) {
        return true;
    }
    for (size_t i = 1; i < 31; i++) {
        if (y[i] != 0xff) {
            return true;
        }
    }
    return false;
}

bool sp_crypto_public_ok(const uint8_t key[32])
{
    uint8_t y[32];
    memcpy(y, key, sizeof y);
    y[31] &= 0x7f;
    if (!is_canonical(y)) {
        return false;
    }
    for (size_t i = 0; i < SP_COUNT(small_order); i++) {
        if (memcmp(y, small_order[i], sizeof y) == 0) {
            return false;
        }
    }
    return true;
}

/* u coordinates (little endian) of the points of the curve and of its twist whose order divides 8, as canonical encodings. */
static const uint8_t small_order_u[][32] = {
    {0x00}, /* order 2 */
    {0x01}, /* order 4 */
    {0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a,
     0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00}, /* order 8 */
    {0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef, 0x5b,
     0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57}, /* order 8 */
    {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}, /* u = -1, order 4 of the twist */
};

bool sp_crypto_curve_ok(const uint8_t key[32])
{
    if ((key[31] & 0x80) != 0 || !is_canonical(key)) {
        return false;
    }
    for (size_t i = 0; i < SP_COUNT(small_order_u); i++) {
        if (memcmp(key, small_order_u[i], sizeof small_order_u[i]) == 0) {
            return false;
        }
    }
    return true;
}

enum sp_rc sp_crypto_verifier_new(const uint8_t key[32], struct sp_crypto_verifier **out)
{
    SP_ASSERT(users > 0);
    if (!sp_crypto_public_ok(key)) {
        return SP_E_INVALID;
    }
    struct sp_crypto_verifier *v = calloc(1, sizeof *v);
    if (v == NULL) {
        return SP_E_NOMEM;
    }
    memcpy(v->key, key, sizeof v->key);
    *out = v;
    return SP_OK;
}

void sp_crypto_verifier_destroy(struct sp_crypto_verifier **v)
{
    free(*v);
    *v = NULL;
}

bool sp_crypto_verify(const struct sp_crypto_verifier *v, const void *p, size_t n, const uint8_t signature[64])
{
    return crypto_sign_verify_detached(signature, p, n, v->key) == 0;
}

enum sp_rc sp_crypto_signer_new(const uint8_t seed[32], struct sp_crypto_signer **out)
{
    SP_ASSERT(users > 0);
    struct sp_crypto_signer *s = calloc(1, sizeof *s);
    uint8_t public_key[32];
    if (s == NULL) {
        return SP_E_NOMEM;
    }
    if (crypto_sign_seed_keypair(public_key, s->key, seed) != 0) {
        sp_crypto_signer_destroy(&s);
        return SP_E_UNSUPPORTED;
    }
    *out = s;
    return SP_OK;
}

void sp_crypto_signer_destroy(struct sp_crypto_signer **s)
{
    if (*s != NULL) {
        OPENSSL_cleanse((*s)->key, sizeof(*s)->key);
        free(*s);
        *s = NULL;
    }
}

enum sp_rc sp_crypto_sign(const struct sp_crypto_signer *s, const void *p, size_t n, uint8_t signature[64])
{
    return crypto_sign_detached(signature, NULL, p, n, s->key) == 0 ? SP_OK : SP_E_UNSUPPORTED;
}

enum sp_rc sp_crypto_sign_public(const uint8_t seed[32], uint8_t public_key[32])
{
    uint8_t secret[crypto_sign_SECRETKEYBYTES];
    bool ok = crypto_sign_seed_keypair(public_key, secret, seed) == 0;
    OPENSSL_cleanse(secret, sizeof secret);
    return ok ? SP_OK : SP_E_UNSUPPORTED;
}

enum sp_rc sp_crypto_curve_public(const uint8_t secret[32], uint8_t public_key[32])
{
    return crypto_scalarmult_base(public_key, secret) == 0 ? SP_OK : SP_E_UNSUPPORTED;
}

/* ---- a key for two ---- */

enum sp_rc sp_crypto_agree(const struct sp_crypto_signer *s, const uint8_t peer[32], uint8_t out[32])
{
    static const char purpose[] = "SPICE1 pair:";
    uint8_t secret[crypto_scalarmult_SCALARBYTES], other[crypto_scalarmult_BYTES], shared[crypto_scalarmult_BYTES];
    uint8_t text[sizeof purpose - 1 + 2 * SP_CRYPTO_KEY_BYTES];
    const uint8_t *own = s->key + SP_CRYPTO_KEY_BYTES;
    bool first = memcmp(own, peer, SP_CRYPTO_KEY_BYTES) < 0;
    struct sp_crypto_hmac h;
    bool ok = sp_crypto_public_ok(peer) && crypto_sign_ed25519_pk_to_curve25519(other, peer) == 0 &&
              crypto_sign_ed25519_sk_to_curve25519(secret, s->key) == 0 && crypto_scalarmult(shared, secret, other) == 0;
    if (ok) {
        memcpy(text, purpose, sizeof purpose - 1);
        memcpy(text + sizeof purpose - 1, first ? own : peer, SP_CRYPTO_KEY_BYTES);
        memcpy(text + sizeof purpose - 1 + SP_CRYPTO_KEY_BYTES, first ? peer : own, SP_CRYPTO_KEY_BYTES);
        sp_crypto_hmac_init(&h, shared, sizeof shared);
        sp_crypto_hmac(&h, text, sizeof text, out);
        sp_crypto_hmac_fini(&h);
    }
    OPENSSL_cleanse(secret, sizeof secret);
    OPENSSL_cleanse(shared, sizeof shared);
    return ok ? SP_OK : SP_E_INVALID;
}

/* ---- other ---- */

bool sp_crypto_equal(const void *a, const void *b, size_t n)
{
    return CRYPTO_memcmp(a, b, n) == 0;
}

void sp_crypto_wipe(void *p, size_t n)
{
    OPENSSL_cleanse(p, n);
}

uint64_t sp_crypto_clock_boot(const char *boot_id, const uint8_t deployment[16])
{
    struct sp_crypto_sha256 h;
    uint8_t digest[32];
    uint64_t id = 0;
    sp_crypto_sha256_init(&h);
    sp_crypto_sha256_update(&h, boot_id, strlen(boot_id));
    sp_crypto_sha256_update(&h, deployment, 16);
    sp_crypto_sha256_final(&h, digest);
    for (size_t i = 0; i < 8; i++) {
        id = id << 8 | digest[i];
    }
    return id != 0 ? id : 1;
}
