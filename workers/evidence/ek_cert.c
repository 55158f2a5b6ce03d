/* SPDX-License-Identifier: Apache-2.0 */
#include "ek_cert.h"

#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "evidence_pkey.h"
#include "sp_crypto.h"

#define CHAIN_DEPTH 8 /* certificates between */
#define CHAIN_LEVEL 1 /* no SHA-1, no short keys */
#define RSA_BITS    2048u

#define OID_EK_USAGE "2.23.133.8.1"
#define OID_MAKER    "2.23.133.2.1"
#define OID_MODEL    "2.23.133.2.2"
#define OID_VERSION  "2.23.133.2.3"

struct ek_roots {
    OSSL_LIB_CTX *library;
    X509_STORE *store;
    STACK_OF(X509) * between;
    uint32_t count;
};

/* ---- roots ----------------------------------------------------------------------------------------------------- */

enum sp_rc ek_roots_new(const struct evidence_crypto *c, struct ek_roots **out)
{
    struct ek_roots *roots = calloc(1, sizeof *roots);
    if (roots == NULL) {
        return SP_E_NOMEM;
    }
    roots->library = evidence_crypto_library(c);
    roots->store = X509_STORE_new();
    roots->between = sk_X509_new_null();
    if (roots->store == NULL || roots->between == NULL) {
        ek_roots_destroy(&roots);
        return SP_E_NOMEM;
    }
    *out = roots;
    return SP_OK;
}

void ek_roots_destroy(struct ek_roots **roots)
{
    if (*roots != NULL) {
        X509_STORE_free((*roots)->store);
        sk_X509_pop_free((*roots)->between, X509_free);
        free(*roots);
        *roots = NULL;
    }
}

/* Takes the certificate. */
static bool add_one(struct ek_roots *roots, X509 *one)
{
    if (X509_self_signed(one, 1) == 1) {
        bool added = X509_STORE_add_cert(roots->store, one) == 1;
        X509_free(one);
        return added;
    }
    if (sk_X509_push(roots->between, one) > 0) {
        return true;
    }
    X509_free(one);
    return false;
}

enum sp_rc ek_roots_add(struct ek_roots *roots, struct sp_str pem)
{
    enum sp_rc rc = SP_OK;
    uint32_t before = roots->count;
    BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
    while (bio != NULL && rc == SP_OK) {
        X509 *one = X509_new_ex(roots->library, NULL);
        if (one == NULL || PEM_read_bio_X509(bio, &one, NULL, NULL) == NULL) {
            X509_free(one);
            break;
        }
        if (roots->count == EK_ROOTS_MAX) {
            X509_free(one);
            rc = SP_E_LIMIT;
        } else if (!add_one(roots, one)) {
            rc = SP_E_MALFORMED;
        } else {
            roots->count++;
        }
    }
    bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    BIO_free(bio);
    return rc == SP_OK && (!at_end || roots->count == before) ? SP_E_MALFORMED : rc;
}

/* ---- certificate ----------------------------------------------------------------------------------------------- */

/* Gives the certificate, NULL when it does not decode or something follows it. */
static X509 *decode(OSSL_LIB_CTX *library, struct sp_str bytes, struct ek_cert_finding *out)
{
    const uint8_t *start = (const uint8_t *)bytes.p, *p = start, *end = start + bytes.n;
    X509 *cert = bytes.n > 0 && bytes.n <= EK_CERT_BYTES_MAX ? X509_new_ex(library, NULL) : NULL;
    if (cert == NULL) {
        return NULL;
    }
    if (d2i_X509(&cert, &p, (long)bytes.n) == NULL) { /* frees it */
        return NULL;
    }
    sp_crypto_sha256(start, (size_t)(p - start), out->digest);
    for (const uint8_t *rest = p; rest < end; rest++) {
        if (*rest != *p || (*p != 0x00 && *p != 0xff)) {
            X509_free(cert);
            return NULL;
        }
    }
    return cert;
}

static bool leads_to_a_root(const struct ek_cert_question *question, X509 *cert, struct ek_cert_finding *out)
{
    X509_STORE_CTX *ctx = X509_STORE_CTX_new_ex(question->roots->library, NULL);
    bool good = false;
    out->chain = "no memory";
    if (ctx != NULL && X509_STORE_CTX_init(ctx, question->roots->store, cert, question->roots->between) == 1) {
        X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);
        X509_VERIFY_PARAM_set_time(param, (time_t)question->now_s);
        X509_VERIFY_PARAM_set_depth(param, CHAIN_DEPTH);
        X509_VERIFY_PARAM_set_auth_level(param, CHAIN_LEVEL);
        good = X509_verify_cert(ctx) == 1;
        out->chain = X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx));
    }
    X509_STORE_CTX_free(ctx);
    return good;
}

static bool is_oid(const ASN1_OBJECT *object, const char *oid)
{
    char text[64];
    return OBJ_obj2txt(text, sizeof text, object, 1) > 0 && strcmp(text, oid) == 0;
}

/* For endorsement keys, not for a CA, and for what its kind of key does. */
static bool is_for_this_use(X509 *cert, bool rsa)
{
    bool named = false;
    EXTENDED_KEY_USAGE *usages = X509_get_ext_d2i(cert, NID_ext_key_usage, NULL, NULL);
    for (int i = 0; usages != NULL && i < sk_ASN1_OBJECT_num(usages); i++) {
        named = named || is_oid(sk_ASN1_OBJECT_value(usages, i), OID_EK_USAGE);
    }
    EXTENDED_KEY_USAGE_free(usages);
    uint32_t flags = X509_get_extension_flags(cert);
    uint32_t wanted = rsa ? KU_KEY_ENCIPHERMENT : KU_KEY_AGREEMENT;
    return named && (flags & EXFLAG_INVALID) == 0 && X509_check_ca(cert) == 0 && (flags & EXFLAG_KUSAGE) != 0 &&
           (X509_get_key_usage(cert) & wanted) != 0;
}

static void copy_fact(const ASN1_STRING *value, char to[EK_CERT_FACT_MAX])
{
    const unsigned char *p = ASN1_STRING_get0_data(value);
    int n = ASN1_STRING_length(value), used = 0;
    for (int i = 0; i < n && used < (int)EK_CERT_FACT_MAX - 1; i++) {
        to[used++] = p[i] > ' ' && p[i] < 0x7f ? (char)p[i] : '?';
    }
    to[used] = '\0';
}

/* Maker, model and version stand in a directory name of the alternative names. */
static void read_facts(X509 *cert, struct ek_cert_finding *out)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; names != NULL && i < sk_GENERAL_NAME_num(names); i++) {
        int type = 0;
        X509_NAME *directory = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &type);
        for (int k = 0; type == GEN_DIRNAME && k < X509_NAME_entry_count(directory); k++) {
            const X509_NAME_ENTRY *entry = X509_NAME_get_entry(directory, k);
            const ASN1_OBJECT *object = X509_NAME_ENTRY_get_object(entry);
            char *to = is_oid(object, OID_MAKER)     ? out->maker
                       : is_oid(object, OID_MODEL)   ? out->model
                       : is_oid(object, OID_VERSION) ? out->version
                                                     : NULL;
            if (to != NULL) {
                copy_fact(X509_NAME_ENTRY_get_data(entry), to);
            }
        }
    }
    GENERAL_NAMES_free(names);
}

/* ---- key ------------------------------------------------------------------------------------------------------- */

/* A key that only decrypts for the TPM itself, cannot leave it, and has the sizes of a template. */
static bool is_of_a_template(const struct tpm_public *k)
{
    const uint32_t always = TPM_KEY_FIXED_TPM | TPM_KEY_FIXED_PARENT | TPM_KEY_SENSITIVE_OWN | TPM_KEY_ADMIN_POLICY |
                            TPM_KEY_RESTRICTED | TPM_KEY_DECRYPT;
    bool kind = k->type == TPM_ALG_RSA ? k->bits >= RSA_BITS && k->n.n == k->bits / 8u
                                       : k->curve == TPM_CURVE_P256 || k->curve == TPM_CURVE_P384;
    bool hash = k->name_alg == TPM_ALG_SHA256 || k->name_alg == TPM_ALG_SHA384;
    bool symmetric =
        k->symmetric == TPM_ALG_AES && k->symmetric_mode == TPM_ALG_CFB && (k->symmetric_bits == 128 || k->symmetric_bits == 256);
    return (k->attributes & ~TPM_KEY_USER_AUTH) == always && kind && hash && symmetric && k->scheme == TPM_ALG_NULL &&
           k->policy.n == tpm_alg_bytes(k->name_alg);
}

static enum evidence_reason check_key(const struct ek_cert_question *question, X509 *cert)
{
    struct tpm_public k;
    if (tpm_wire_public(question->key, &k) != EVIDENCE_OK) {
        return EVIDENCE_EK_MALFORMED;
    }
    if (!is_for_this_use(cert, k.type == TPM_ALG_RSA)) {
        return EVIDENCE_EK_USAGE;
    }
    EVP_PKEY *key = evidence_pkey_new(question->roots->library, &k);
    EVP_PKEY *certified = X509_get0_pubkey(cert);
    bool same = key != NULL && certified != NULL && EVP_PKEY_eq(key, certified) == 1;
    EVP_PKEY_free(key);
    if (!same) {
        return EVIDENCE_EK_KEY;
    }
    return is_of_a_template(&k) ? EVIDENCE_OK : EVIDENCE_EK_TEMPLATE;
}

enum evidence_reason ek_cert_check(const struct ek_cert_question *question, struct ek_cert_finding *out)
{
    *out = (struct ek_cert_finding){.chain = ""};
    X509 *cert = decode(question->roots->library, question->certificate, out);
    enum evidence_reason reason = cert != NULL ? EVIDENCE_OK : EVIDENCE_EK_MALFORMED;
    if (reason == EVIDENCE_OK && !leads_to_a_root(question, cert, out)) {
        reason = EVIDENCE_EK_CHAIN;
    }
    if (reason == EVIDENCE_OK) {
        read_facts(cert, out);
        reason = check_key(question, cert);
    }
    if (reason == EVIDENCE_OK && question->pin != NULL && !sp_crypto_equal(question->pin, out->digest, sizeof out->digest)) {
        reason = EVIDENCE_EK_PIN;
    }
    X509_free(cert);
    ERR_clear_error();
    return reason;
}
