/* SPDX-License-Identifier: Apache-2.0 */
#include "ima_bed.h"

#include <stdlib.h>

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>

#include "sp_assert.h"
#include "sp_crypto.h"
#include "sp_hex.h"

/* ---- keys ------------------------------------------------------------------------------------------------------ */

static EVP_PKEY *make_key(const char *kind)
{
    if (strncmp(kind, "rsa", 3) == 0) {
        return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)strtoul(kind + 3, NULL, 10));
    }
    return kind[0] == 'P' ? EVP_PKEY_Q_keygen(NULL, NULL, "EC", kind) : EVP_PKEY_Q_keygen(NULL, NULL, kind);
}

static void certify(struct ima_signer_key *k)
{
    X509 *x = X509_new();
    uint8_t *to = k->der;
    X509V3_CTX ctx;
    X509_EXTENSION *extension;
    SP_ASSERT(x != NULL && X509_set_version(x, 2) == 1 && X509_set_pubkey(x, k->key) == 1);
    SP_ASSERT(ASN1_INTEGER_set(X509_get_serialNumber(x), 1) == 1 && X509_gmtime_adj(X509_getm_notBefore(x), 0) != NULL);
    SP_ASSERT(X509_gmtime_adj(X509_getm_notAfter(x), 3600) != NULL);
    SP_ASSERT(X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, (const uint8_t *)"signer", -1, -1, 0) == 1);
    SP_ASSERT(X509_set_issuer_name(x, X509_get_subject_name(x)) == 1);
    X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &ctx, NID_subject_key_identifier, "00:11:22:33:a1:b2:c3:d4");
    SP_ASSERT(extension != NULL && X509_add_ext(x, extension, -1) == 1);
    bool plain = EVP_PKEY_is_a(k->key, "ED25519") == 1;
    SP_ASSERT(X509_sign(x, k->key, plain ? NULL : EVP_sha256()) > 0);
    k->der_bytes = (size_t)i2d_X509(x, &to);
    k->id = 0xa1b2c3d4u;
    X509_EXTENSION_free(extension);
    X509_free(x);
}

void ima_signer_new(struct ima_signer_key *k, const char *kind, bool certificate)
{
    uint8_t bits[4096], hash[20], *to = bits, *der = k->der;
    k->key = make_key(kind);
    SP_ASSERT(k->key != NULL);
    if (certificate) {
        certify(k);
        return;
    }
    k->der_bytes = (size_t)i2d_PUBKEY(k->key, &der);
    int n = EVP_PKEY_is_a(k->key, "ED25519") == 1 ? 0 : i2d_PublicKey(k->key, &to);
    SP_ASSERT(n >= 0 && n <= (int)sizeof bits && EVP_Digest(bits, (size_t)n, hash, NULL, EVP_sha1(), NULL) == 1);
    k->id = (uint32_t)hash[16] << 24 | (uint32_t)hash[17] << 16 | (uint32_t)hash[18] << 8 | hash[19];
}

void ima_signer_free(struct ima_signer_key *k)
{
    EVP_PKEY_free(k->key);
    k->key = NULL;
}

static const EVP_MD *hash_of(uint16_t alg)
{
    return alg == TPM_ALG_SHA1     ? EVP_sha1()
           : alg == TPM_ALG_SHA256 ? EVP_sha256()
           : alg == TPM_ALG_SHA384 ? EVP_sha384()
                                   : EVP_sha512();
}

static uint8_t number_of(uint16_t alg)
{
    return alg == TPM_ALG_SHA1 ? 2 : alg == TPM_ALG_SHA256 ? 4 : alg == TPM_ALG_SHA384 ? 5 : 6;
}

size_t ima_signer_sign(const struct ima_signer_key *k, uint16_t alg, bool verity, const uint8_t *digest, uint8_t to[1100])
{
    uint8_t over[64], id[66] = {6, number_of(alg)};
    size_t n = tpm_alg_bytes(alg), bytes = 1024;
    EVP_PKEY_CTX *work = EVP_PKEY_CTX_new(k->key, NULL);
    memcpy(over, digest, n);
    if (verity) {
        memcpy(id + 2, digest, n);
        SP_ASSERT(EVP_Digest(id, n + 2, over, NULL, hash_of(alg), NULL) == 1);
    }
    SP_ASSERT(work != NULL && EVP_PKEY_sign_init(work) == 1 && EVP_PKEY_CTX_set_signature_md(work, hash_of(alg)) == 1);
    SP_ASSERT(EVP_PKEY_sign(work, to + 9, &bytes, over, n) == 1);
    EVP_PKEY_CTX_free(work);
    const uint8_t head[9] = {verity ? 6 : 3,         verity ? 3 : 2,         number_of(alg),
                             (uint8_t)(k->id >> 24), (uint8_t)(k->id >> 16), (uint8_t)(k->id >> 8),
                             (uint8_t)k->id,         (uint8_t)(bytes >> 8),  (uint8_t)bytes};
    memcpy(to, head, sizeof head);
    return bytes + sizeof head;
}

const char *ima_bed_base64(const void *p, size_t n)
{
    static char text[8192];
    SP_ASSERT(n < 6000 && EVP_EncodeBlock((uint8_t *)text, p, (int)n) > 0);
    return text;
}

void ima_signer_envelope(const struct ima_signer_key *k, const char *type, const char *payload, char *to, size_t size)
{
    char over[4096];
    uint8_t digest[32], signature[1100];
    int n = snprintf(over, sizeof over, "DSSEv1 %zu %s %zu %s", strlen(type), type, strlen(payload), payload);
    SP_ASSERT(n > 0 && n < (int)sizeof over);
    sp_crypto_sha256(over, (size_t)n, digest);
    size_t bytes = ima_signer_sign(k, TPM_ALG_SHA256, false, digest, signature);
    n = snprintf(to, size, "{\"payload\": \"%s\", ", ima_bed_base64(payload, strlen(payload)));
    n += snprintf(to + n, size - (size_t)n,
                  "\"payloadType\": \"%s\", \"signatures\": [{\"keyid\": \"x\", \"sig\": \"AAAA\"}, {\"sig\": \"%s\"}]}", type,
                  ima_bed_base64(signature + 9, bytes - 9));
    SP_ASSERT(n < (int)size);
}

void ima_bed_sha256(const void *p, size_t n, uint8_t digest[32], char hex[65])
{
    sp_crypto_sha256(p, n, digest);
    sp_hex_write(digest, 32, hex);
}

/* ---- lists ----------------------------------------------------------------------------------------------------- */

static void put32(uint8_t *p, size_t *n, size_t v)
{
    for (unsigned i = 0; i < 4; i++) {
        p[(*n)++] = (uint8_t)(v >> 8 * i);
    }
}

static void put_sized(uint8_t *p, size_t *n, const void *bytes, size_t count)
{
    put32(p, n, count);
    if (count > 0) {
        memcpy(p + *n, bytes, count);
    }
    *n += count;
}

static size_t put_digest(const struct ima_made *e, uint8_t *to)
{
    bool version2 = strcmp(e->template, "ima-sigv2") == 0;
    int head = snprintf((char *)to, 32, "%s%s:", version2 ? (e->verity ? "verity:" : "ima:") : "", tpm_alg_name(e->alg));
    SP_ASSERT(head > 0);
    memcpy(to + head + 1, e->digest, tpm_alg_bytes(e->alg));
    return (size_t)head + 1 + tpm_alg_bytes(e->alg);
}

static void make_room(struct ima_list *l, size_t more)
{
    while (l->n + more > l->size) {
        l->size = l->size > 0 ? 2 * l->size : 16384;
        l->p = realloc(l->p, l->size);
        SP_ASSERT(l->p != NULL);
    }
}

static void extend(const struct evidence_bed *bed, struct ima_list *l, const uint8_t with[32])
{
    uint8_t both[64], digest[TPM_DIGEST_MAX];
    memcpy(both, l->pcr, 32);
    memcpy(both + 32, with, 32);
    SP_ASSERT(bed->ops.digest(bed->ops.ctx, TPM_ALG_SHA256, both, sizeof both, digest));
    memcpy(l->pcr, digest, 32);
}

void ima_list_add(const struct evidence_bed *bed, struct ima_list *l, const struct ima_made *e)
{
    static uint8_t fields[1u << 20];
    uint8_t digest[TPM_DIGEST_MAX], field[128];
    size_t n = 0;
    SP_ASSERT(e->extra.n + IMA_PATH_BYTES_MAX + sizeof field < sizeof fields);
    put_sized(fields, &n, field, put_digest(e, field));
    put_sized(fields, &n, e->path, strlen(e->path) + 1);
    if (strcmp(e->template, "ima-ng") != 0) {
        put_sized(fields, &n, e->extra.p, e->extra.n);
    }
    make_room(l, n + 64);
    put32(l->p, &l->n, IMA_PCR);
    SP_ASSERT(bed->ops.digest(bed->ops.ctx, TPM_ALG_SHA1, fields, n, digest));
    memcpy(l->p + l->n, digest, 20);
    l->n += 20;
    put_sized(l->p, &l->n, e->template, strlen(e->template));
    put_sized(l->p, &l->n, fields, n);
    SP_ASSERT(bed->ops.digest(bed->ops.ctx, TPM_ALG_SHA256, fields, n, digest));
    extend(bed, l, digest);
}

void ima_list_violate(const struct evidence_bed *bed, struct ima_list *l, const char *path)
{
    static const uint8_t zero[64];
    uint8_t fields[1024], field[128], ones[32];
    size_t n = 0;
    const struct ima_made e = {.template = "ima-sig", .path = path, .alg = TPM_ALG_SHA256, .digest = zero};
    put_sized(fields, &n, field, put_digest(&e, field));
    put_sized(fields, &n, path, strlen(path) + 1);
    put_sized(fields, &n, NULL, 0);
    make_room(l, n + 64);
    put32(l->p, &l->n, IMA_PCR);
    memset(l->p + l->n, 0, 20);
    l->n += 20;
    put_sized(l->p, &l->n, "ima-sig", 7);
    put_sized(l->p, &l->n, fields, n);
    memset(ones, 0xff, sizeof ones);
    extend(bed, l, ones);
}

void ima_list_begin(const struct evidence_bed *bed, struct ima_list *l)
{
    static const uint8_t zero[320];
    uint8_t digest[TPM_DIGEST_MAX];
    l->n = 0;
    memset(l->pcr, 0, sizeof l->pcr);
    SP_ASSERT(bed->ops.digest(bed->ops.ctx, TPM_ALG_SHA256, zero, sizeof zero, digest));
    ima_list_add(bed, l,
                 &(struct ima_made){.template = "ima-ng", .path = "boot_aggregate", .alg = TPM_ALG_SHA256, .digest = digest});
}

void ima_list_free(struct ima_list *l)
{
    free(l->p);
    *l = (struct ima_list){.n = 0};
}
