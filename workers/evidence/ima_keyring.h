/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ima_keyring.h - public keys that sign files, and whether one of them has signed a digest. By OpenSSL. One thread.
 *
 * A key comes as a certificate (X.509) or as a bare public key, in DER or PEM. A certificate is a wrapping: what makes its key
 * known is who gave it, not who signed it, and the kernel does not look at its dates either. RSA of 2048 to 4096 bits with PKCS#1
 * v1.5, and ECDSA on P-256, P-384 and P-521.
 */
#ifndef SPICE_IMA_KEYRING_H
#define SPICE_IMA_KEYRING_H

#include "evidence_crypto.h"
#include "ima_judge.h"

#define IMA_KEYRING_KEYS_MAX 256u

struct ima_keyring;

/* Gives an empty one; c is borrowed. NULL: no memory. */
struct ima_keyring *ima_keyring_new(struct evidence_crypto *c);
void ima_keyring_destroy(struct ima_keyring **k);
/* Effect: adds a key; *id in place of the identifier of its certificate or, without one, the end of the SHA-1 of its bits. False:
 * it is no key, not one of the kinds above, or there are too many. A key that is there already is fine. */
SP_MUST_USE bool ima_keyring_add(struct ima_keyring *k, struct sp_str key, const uint32_t *id);
/* The same of a text: PEM, or DER in base64. */
SP_MUST_USE bool ima_keyring_add_text(struct ima_keyring *k, struct sp_str text, const uint32_t *id);
uint32_t ima_keyring_count(const struct ima_keyring *k);
/* True when the bytes are a certificate or a public key in DER, of any kind. */
bool ima_keyring_is_key(struct evidence_crypto *c, struct sp_str bytes);
/* Returns whether one of the keys has signed this digest. */
enum ima_signer ima_keyring_signer(const struct ima_keyring *k, const struct ima_signature *s, struct sp_str digest);
/* True when one of the keys for ECDSA, whatever its identifier, has signed this SHA-256 digest. */
bool ima_keyring_signed(const struct ima_keyring *k, struct sp_str signature, const uint8_t digest[32]);

#endif
