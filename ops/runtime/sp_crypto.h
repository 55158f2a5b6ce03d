/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything cryptographic. No configuration file, no environment, no provider can be put in between: SHA-256 and HMAC use the
 * low-level functions of libcrypto (three times cheaper for short inputs than the fetched ones; same code underneath), Ed25519 and
 * X25519 are libsodium's, which libzmq brings into the process anyway (less than half the time of libcrypto's, and a batch of one
 * result pays for a signature and its verification; the unit test holds one against the other). One thread.
 */
#ifndef SP_CRYPTO_H
#define SP_CRYPTO_H

#include "sp_assert.h"
#include "sp_digest.h"
#include "sp_mac.h"
#include "sp_rc.h"
#include "sp_str.h"

#define SP_CRYPTO_HASH_BYTES 32u
#define SP_CRYPTO_KEY_BYTES  32u /* Ed25519 seed and public key, X25519 keys, HMAC keys */
#define SP_CRYPTO_SIGN_BYTES 64u

/* Effect: makes the libraries ready. Call once before anything below but hashing. SP_E_UNSUPPORTED when one cannot be used. */
SP_MUST_USE enum sp_rc sp_crypto_init(void);
/* Effect: the counterpart. All keys are gone before. */
void sp_crypto_fini(void);

/* ---- SHA-256 (FIPS 180-4) ---- */

void sp_crypto_sha256(const void *p, size_t n, uint8_t out[32]);
/* Returns the form that pure code takes. */
struct sp_digest sp_crypto_digest(void);

struct sp_crypto_sha256 {
    uint64_t opaque[14]; /* private; plain data, may be copied to fork a hash */
};
void sp_crypto_sha256_init(struct sp_crypto_sha256 *h);
void sp_crypto_sha256_update(struct sp_crypto_sha256 *h, const void *p, size_t n);
void sp_crypto_sha256_final(struct sp_crypto_sha256 *h, uint8_t out[32]);

/* ---- MD5 (RFC 1321): Debian's lists of files have nothing else. Against whoever can make two files it proves nothing. ---- */

struct sp_crypto_md5 {
    uint64_t opaque[12]; /* private; plain data */
};
void sp_crypto_md5_init(struct sp_crypto_md5 *h);
void sp_crypto_md5_update(struct sp_crypto_md5 *h, const void *p, size_t n);
void sp_crypto_md5_final(struct sp_crypto_md5 *h, uint8_t out[16]);

/* ---- HMAC-SHA-256 (RFC 2104), key schedule done once ---- */

struct sp_crypto_hmac {
    uint32_t inner[8]; /* private: state after the padded key */
    uint32_t outer[8];
};
/* Effect: prepares. Any key length. */
void sp_crypto_hmac_init(struct sp_crypto_hmac *h, const void *key, size_t n);
void sp_crypto_hmac(const struct sp_crypto_hmac *h, const void *p, size_t n, uint8_t out[32]);
/* Effect: wipes. */
void sp_crypto_hmac_fini(struct sp_crypto_hmac *h);
/* Returns the form that pure code takes; h is borrowed as long as it is used. */
struct sp_mac sp_crypto_hmac_mac(struct sp_crypto_hmac *h);
/* Effect: out = HMAC(master, "SPICE1 key:" + label): a key per purpose from one secret. */
void sp_crypto_derive(const uint8_t master[32], const char *label, uint8_t out[32]);

/* ---- Ed25519 (RFC 8032) ---- */

struct sp_crypto_verifier; /* a public key that was looked at */
struct sp_crypto_signer;   /* a secret key */

/* True unless the encoding is one of the small-order points (one fixed signature would verify every message under them) or not
 * canonical. Check at enrolment; loading checks again. */
bool sp_crypto_public_ok(const uint8_t key[32]);
/* The same of an X25519 (CURVE) key: false for the points of small order, under which the shared secret is known to everybody, and
 * for every second spelling of a key (the top bit set, or not reduced), by which a key that is known or revoked would come back as
 * another. */
bool sp_crypto_curve_ok(const uint8_t key[32]);
/* Gives *out. SP_E_INVALID for a key that sp_crypto_public_ok refuses. */
SP_MUST_USE enum sp_rc sp_crypto_verifier_new(const uint8_t key[32], struct sp_crypto_verifier **out);
void sp_crypto_verifier_destroy(struct sp_crypto_verifier **v);
/* True only when signature is valid for exactly these n bytes. */
SP_MUST_USE bool sp_crypto_verify(const struct sp_crypto_verifier *v, const void *p, size_t n, const uint8_t signature[64]);
/* Gives *out; the seed is copied into the key and stays the caller's to wipe. */
SP_MUST_USE enum sp_rc sp_crypto_signer_new(const uint8_t seed[32], struct sp_crypto_signer **out);
void sp_crypto_signer_destroy(struct sp_crypto_signer **s);
SP_MUST_USE enum sp_rc sp_crypto_sign(const struct sp_crypto_signer *s, const void *p, size_t n, uint8_t signature[64]);
/* Effect: the public key of a seed. */
SP_MUST_USE enum sp_rc sp_crypto_sign_public(const uint8_t seed[32], uint8_t public_key[32]);
/* Effect: the X25519 (CURVE) public key of a secret key, as zmq_curve_public would say. */
SP_MUST_USE enum sp_rc sp_crypto_curve_public(const uint8_t secret[32], uint8_t public_key[32]);

/* ---- a key for two ---- */

/* Effect: out = the key that the owners of two signing keys share and nobody else can know: the X25519 secret (RFC 7748) of both keys in
 * Montgomery form, and HMAC under it over "SPICE1 pair:", the lower and the higher public key. Both sides get the same. One pair of keys
 * for signing and agreeing is sound as long as both derive apart (Thormarker, IACR ePrint 2021/509): signatures have prefixes of their
 * own, and the shared secret goes nowhere but into this HMAC. peer is an Ed25519 public key. SP_E_INVALID: no good one. */
SP_MUST_USE enum sp_rc sp_crypto_agree(const struct sp_crypto_signer *s, const uint8_t peer[32], uint8_t out[32]);

/* ---- other ---- */

/* True when equal; time depends on n only. */
bool sp_crypto_equal(const void *a, const void *b, size_t n);
/* Effect: zeroes memory in a way the compiler keeps. */
void sp_crypto_wipe(void *p, size_t n);
/* Effect: id of the clock domain of this boot: first 8 bytes (big endian) of SHA-256(boot id + deployment id). Never 0. */
uint64_t sp_crypto_clock_boot(const char *boot_id, const uint8_t deployment[16]);

#endif
