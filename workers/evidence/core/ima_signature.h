/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ima_signature.h - reads a file's signature as the extended attribute security.ima has it (and templates with the field "sig"):
 * type, version, hash, the last four bytes of a key's identifier, length, signature; the most significant byte first. Pure.
 *
 * Two kinds say who stands behind the content of a file: type 3 version 2 signs its digest, type 6 version 3 its fs-verity digest.
 * EVM's portable signature (type 5) is over other metadata and says nothing about the digest alone. SHA-1 is refused: of two
 * contents with one SHA-1 a signer sees the harmless one.
 */
#ifndef SPICE_IMA_SIGNATURE_H
#define SPICE_IMA_SIGNATURE_H

#include "tpm_wire.h"

#define IMA_SIGNATURE_BYTES_MAX 1024u /* of the signature itself: RSA-4096 has 512 */

struct ima_signature {
    uint16_t alg;        /* TPM_ALG_SHA256 and longer */
    bool verity;         /* over the structure of an fs-verity digest */
    uint8_t hash_number; /* of the kernel's own list, as that structure has it */
    uint32_t key_id;     /* a hint: two keys may have the same */
    struct sp_str bytes;
};

/* Effect: decodes; *out only with true. False: not such a signature, another kind, another hash, or bytes missing or left over. */
bool ima_signature_read(struct sp_str field, struct ima_signature *out);

#endif
