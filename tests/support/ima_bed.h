/* SPDX-License-Identifier: Apache-2.0 */
/* What tests of measurement lists share: keys that sign files, made on the spot, and lists built entry by entry as a kernel writes
 * them. */
#ifndef IMA_BED_H
#define IMA_BED_H

#include "evidence_bed.h"
#include "ima_judge.h"

/* A key that signs files. */
struct ima_signer_key {
    struct evp_pkey_st *key;
    uint8_t der[4096]; /* its certificate, or its public key */
    size_t der_bytes;
    uint32_t id;
};

/* Effect: a key: "rsa1024", "rsa2048", "P-256", "P-384", "P-521", "ED25519"; with a certificate it has a subject key identifier of
 * its own making. */
void ima_signer_new(struct ima_signer_key *k, const char *kind, bool certificate);
void ima_signer_free(struct ima_signer_key *k);
/* Effect: writes a signature of version 2 (or, of an fs-verity digest, 3) over a digest. Returns its bytes. */
size_t ima_signer_sign(const struct ima_signer_key *k, uint16_t alg, bool verity, const uint8_t *digest, uint8_t to[1100]);
/* Effect: writes an envelope (DSSE) with one signature around a text. */
void ima_signer_envelope(const struct ima_signer_key *k, const char *type, const char *payload, char *to, size_t size);
/* Effect: SHA-256, and the same in hexadecimal digits. */
void ima_bed_sha256(const void *p, size_t n, uint8_t digest[32], char hex[65]);
/* Lends: text in base64 (one at a time). */
const char *ima_bed_base64(const void *p, size_t n);

/* One entry of a list as a test wants it. */
struct ima_made {
    const char *template; /* "ima-ng", "ima-sig", "ima-buf", "ima-sigv2" */
    const char *path;
    uint16_t alg;
    bool verity;
    const uint8_t *digest;
    struct sp_str extra; /* signature or buffer */
};

/* A list, and the value of PCR 10 (SHA-256) it leads to. */
struct ima_list {
    uint8_t *p;
    size_t n, size;
    uint8_t pcr[32];
};

/* Effect: begins with the first entry, of a boot whose PCRs are zero; the memory of before is used again (zeroed: there is none).
 */
void ima_list_begin(const struct evidence_bed *bed, struct ima_list *l);
void ima_list_free(struct ima_list *l);
void ima_list_add(const struct evidence_bed *bed, struct ima_list *l, const struct ima_made *e);
/* Effect: adds a violation: of its entry nothing is measured. */
void ima_list_violate(const struct evidence_bed *bed, struct ima_list *l, const char *path);

#endif
