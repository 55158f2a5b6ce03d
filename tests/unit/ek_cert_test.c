/* SPDX-License-Identifier: Apache-2.0 */
/* Endorsement certificates: genuine ones, and each way in which one is not good enough. */
#include "ek_cert.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "evidence_bed.h"
#include "evidence_pkey.h"
#include "sp_assert.h"
#include "sp_crypto.h"

#define NOW 1790000000 /* 2026; the certificates are valid from 2024 */

static struct evidence_bed bed;
static struct ek_roots *roots; /* root.pem, and issuercert.pem between */
static struct ek_roots *rogue; /* of another maker */
static struct ek_cert_finding finding;

static struct sp_str file(const char *name)
{
    char path[128];
    (void)snprintf(path, sizeof path, "enroll/%s", name);
    return evidence_bed_file("tpm", path);
}

static struct ek_roots *load(const char *const *names)
{
    struct ek_roots *r = NULL;
    SP_ASSERT(ek_roots_new(bed.crypto, &r) == SP_OK);
    for (; *names != NULL; names++) {
        struct sp_str pem = file(*names);
        SP_ASSERT(ek_roots_add(r, pem) == SP_OK);
        free((void *)(uintptr_t)pem.p);
    }
    return r;
}

static enum evidence_reason check(const struct ek_roots *known, const char *certificate, const char *key, int64_t now)
{
    struct sp_str der = file(certificate), pub = file(key);
    const struct ek_cert_question question = {.roots = known, .certificate = der, .key = pub, .now_s = now};
    enum evidence_reason reason = ek_cert_check(&question, &finding);
    free((void *)(uintptr_t)der.p);
    free((void *)(uintptr_t)pub.p);
    return reason;
}

static void genuine(void **state)
{
    (void)state;
    assert_int_equal(check(roots, "ek-rsa2048.der", "ek-rsa2048.pub", NOW), EVIDENCE_OK);
    assert_string_equal(finding.maker, "id:00001014");
    assert_string_equal(finding.model, "swtpm");
    assert_string_equal(finding.version, "id:20191023");
    assert_int_equal(check(roots, "ek-p384.der", "ek-p384.pub", NOW), EVIDENCE_OK);
    assert_int_equal(check(roots, "tpmB-ek-rsa2048.der", "tpmB-ek-rsa2048.pub", NOW), EVIDENCE_OK);
    assert_int_equal(check(rogue, "rogue-ek-rsa2048.der", "rogue-ek-rsa2048.pub", NOW), EVIDENCE_OK);
}

static void unknown_maker(void **state)
{
    static const char *const root_only[] = {"root.pem", NULL}, *const between_only[] = {"issuercert.pem", NULL};
    struct ek_roots *some;
    (void)state;
    assert_int_equal(check(roots, "rogue-ek-rsa2048.der", "rogue-ek-rsa2048.pub", NOW), EVIDENCE_EK_CHAIN);
    assert_int_equal(check(rogue, "ek-rsa2048.der", "ek-rsa2048.pub", NOW), EVIDENCE_EK_CHAIN);
    some = load(root_only); /* the one between is missing */
    assert_int_equal(check(some, "ek-rsa2048.der", "ek-rsa2048.pub", NOW), EVIDENCE_EK_CHAIN);
    ek_roots_destroy(&some);
    some = load(between_only); /* one between is no root, though it was given */
    assert_int_equal(check(some, "ek-rsa2048.der", "ek-rsa2048.pub", NOW), EVIDENCE_EK_CHAIN);
    assert_true(finding.chain[0] != '\0');
    ek_roots_destroy(&some);
    assert_int_equal(ek_roots_new(bed.crypto, &some), SP_OK);
    assert_int_equal(check(some, "ek-rsa2048.der", "ek-rsa2048.pub", NOW), EVIDENCE_EK_CHAIN);
    ek_roots_destroy(&some);
}

static void before_its_time(void **state)
{
    (void)state;
    assert_int_equal(check(roots, "ek-rsa2048.der", "ek-rsa2048.pub", 1600000000), EVIDENCE_EK_CHAIN);
}

static void certificate_of_another_key(void **state)
{
    (void)state;
    assert_int_equal(check(roots, "ek-rsa2048.der", "tpmB-ek-rsa2048.pub", NOW), EVIDENCE_EK_KEY);
    assert_int_equal(check(roots, "ek-rsa2048.der", "ek-p384.pub", NOW), EVIDENCE_EK_USAGE); /* not for agreement */
    assert_int_equal(check(roots, "ek-p384.der", "ek-p256.pub", NOW), EVIDENCE_EK_KEY);
    assert_int_equal(check(roots, "ek-rsa2048.der", "ak-rsa.pub", NOW), EVIDENCE_EK_KEY);
}

/* The certificate of the authority itself leads to the root too. */
static void certificate_of_an_authority(void **state)
{
    struct sp_str pem = file("issuercert.pem"), pub = file("ek-rsa2048.pub");
    uint8_t der[EK_CERT_BYTES_MAX];
    size_t n = 0;
    (void)state;
    /* base64 between the lines of dashes */
    unsigned bits = 0, held = 0;
    const char *p = strstr(pem.p, "-----BEGIN CERTIFICATE-----") + 27;
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (; *p != '-' && *p != '='; p++) {
        const char *at = strchr(digits, *p);
        if (at == NULL || *p == '\n') {
            continue;
        }
        bits = bits << 6 | (unsigned)(at - digits);
        held += 6;
        if (held >= 8) {
            held -= 8;
            der[n++] = (uint8_t)(bits >> held);
        }
    }
    const struct ek_cert_question question = {.roots = roots, .certificate = sp_str_bytes(der, n), .key = pub, .now_s = NOW};
    assert_int_equal(ek_cert_check(&question, &finding), EVIDENCE_EK_USAGE);
    free((void *)(uintptr_t)pem.p);
    free((void *)(uintptr_t)pub.p);
}

static void pins(void **state)
{
    struct sp_str der = file("ek-rsa2048.der"), pub = file("ek-rsa2048.pub");
    uint8_t pin[32];
    struct ek_cert_question question = {.roots = roots, .certificate = der, .key = pub, .now_s = NOW, .pin = pin};
    (void)state;
    sp_crypto_sha256(der.p, der.n, pin);
    assert_int_equal(ek_cert_check(&question, &finding), EVIDENCE_OK);
    assert_memory_equal(finding.digest, pin, 32);
    pin[31] ^= 1; /* a genuine TPM of another machine */
    assert_int_equal(ek_cert_check(&question, &finding), EVIDENCE_EK_PIN);
    free((void *)(uintptr_t)der.p);
    free((void *)(uintptr_t)pub.p);
}

/* Memory of a TPM may be longer than the certificate in it. */
static void bytes_after_it(void **state)
{
    struct sp_str der = file("ek-rsa2048.der"), pub = file("ek-rsa2048.pub");
    uint8_t padded[EK_CERT_BYTES_MAX + 1], plain[32];
    struct ek_cert_question question = {.roots = roots, .certificate = sp_str_bytes(padded, der.n + 100), .key = pub, .now_s = NOW};
    (void)state;
    sp_crypto_sha256(der.p, der.n, plain);
    static const struct {
        uint8_t fill;
        enum evidence_reason reason;
    } rows[] = {{0x00, EVIDENCE_OK}, {0xff, EVIDENCE_OK}, {0x30, EVIDENCE_EK_MALFORMED}};
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        memset(padded, rows[i].fill, sizeof padded);
        memcpy(padded, der.p, der.n);
        assert_int_equal(ek_cert_check(&question, &finding), rows[i].reason);
        assert_memory_equal(finding.digest, plain, 32); /* of the certificate alone */
    }
    memset(padded, 0, sizeof padded);
    memcpy(padded, der.p, der.n);
    padded[der.n + 99] = 1;
    assert_int_equal(ek_cert_check(&question, &finding), EVIDENCE_EK_MALFORMED);
    padded[der.n + 99] = 0;
    question.certificate.n = sizeof padded; /* over the limit */
    assert_int_equal(ek_cert_check(&question, &finding), EVIDENCE_EK_MALFORMED);
    question.certificate.n = 0;
    assert_int_equal(ek_cert_check(&question, &finding), EVIDENCE_EK_MALFORMED);
    free((void *)(uintptr_t)der.p);
    free((void *)(uintptr_t)pub.p);
}

/* Any byte of the certificate changed: never OK, for its maker signed it. */
static void changed_certificates(void **state)
{
    struct sp_str der = file("ek-rsa2048.der"), pub = file("ek-rsa2048.pub");
    uint8_t *p = (uint8_t *)(uintptr_t)der.p;
    const struct ek_cert_question question = {.roots = roots, .certificate = der, .key = pub, .now_s = NOW};
    (void)state;
    for (uint32_t i = 0; i < der.n; i++) {
        p[i] ^= 0x01;
        assert_int_not_equal(ek_cert_check(&question, &finding), EVIDENCE_OK);
        p[i] ^= 0x01;
    }
    assert_int_equal(ek_cert_check(&question, &finding), EVIDENCE_OK);
    free(p);
    free((void *)(uintptr_t)pub.p);
}

/* ---- certificates made here: each good but for one thing ------------------------------------------------------- */

struct made {
    const char *key;     /* file of the public area */
    const char *usage;   /* extended key usage; NULL: none */
    const char *basic;   /* basic constraints */
    const char *purpose; /* key usage; NULL: none */
    enum evidence_reason reason;
};

static void add_extension(X509 *cert, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
    X509_EXTENSION *extension = value != NULL ? X509V3_EXT_conf_nid(NULL, &ctx, nid, value) : NULL;
    SP_ASSERT(value == NULL || (extension != NULL && X509_add_ext(cert, extension, -1) == 1));
    X509_EXTENSION_free(extension);
}

/* A certificate over this key, signed by the authority's. */
static X509 *certify(EVP_PKEY *key, EVP_PKEY *authority, const char *subject, const struct made *what)
{
    X509 *cert = X509_new();
    X509_NAME *name = X509_NAME_new(), *issuer = X509_NAME_new();
    SP_ASSERT(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)subject, -1, -1, 0) == 1);
    SP_ASSERT(X509_NAME_add_entry_by_txt(issuer, "CN", MBSTRING_ASC, (const unsigned char *)"maker", -1, -1, 0) == 1);
    SP_ASSERT(X509_set_version(cert, X509_VERSION_3) == 1 && ASN1_INTEGER_set(X509_get_serialNumber(cert), 7) == 1);
    SP_ASSERT(X509_set_subject_name(cert, name) == 1 && X509_set_issuer_name(cert, issuer) == 1 && X509_set_pubkey(cert, key) == 1);
    SP_ASSERT(ASN1_TIME_set_string(X509_getm_notBefore(cert), "20240101000000Z") == 1);
    SP_ASSERT(ASN1_TIME_set_string(X509_getm_notAfter(cert), "20991231235959Z") == 1);
    add_extension(cert, NID_basic_constraints, what->basic);
    add_extension(cert, NID_key_usage, what->purpose);
    add_extension(cert, NID_ext_key_usage, what->usage);
    SP_ASSERT(X509_sign(cert, authority, EVP_sha256()) > 0);
    X509_NAME_free(name);
    X509_NAME_free(issuer);
    return cert;
}

static void each_good_but_for_one_thing(void **state)
{
    static const char ek[] = "ek-rsa2048.pub", use[] = "2.23.133.8.1", no_ca[] = "critical,CA:FALSE",
                      encipher[] = "critical,keyEncipherment";
    static const struct made rows[] = {
        {ek, use, no_ca, encipher, EVIDENCE_OK},
        {ek, "serverAuth,2.23.133.8.1", no_ca, encipher, EVIDENCE_OK},
        {ek, NULL, no_ca, encipher, EVIDENCE_EK_USAGE},
        {ek, "serverAuth,clientAuth", no_ca, encipher, EVIDENCE_EK_USAGE},
        {ek, "2.23.133.8.3", no_ca, encipher, EVIDENCE_EK_USAGE}, /* one for attestation keys */
        {ek, use, "critical,CA:TRUE", "critical,keyEncipherment,keyCertSign", EVIDENCE_EK_USAGE},
        {ek, use, no_ca, NULL, EVIDENCE_EK_USAGE},
        {ek, use, no_ca, "critical,digitalSignature", EVIDENCE_EK_USAGE},
        {ek, use, no_ca, "critical,keyAgreement", EVIDENCE_EK_USAGE},
        {"ek-p256.pub", use, no_ca, "critical,keyAgreement", EVIDENCE_OK},
        {"ek-p256.pub", use, no_ca, encipher, EVIDENCE_EK_USAGE},
        {"ak-rsa.pub", use, no_ca, encipher, EVIDENCE_EK_TEMPLATE}, /* certified by mistake: it signs */
        {"ak-unrestricted-rsa.pub", use, no_ca, encipher, EVIDENCE_EK_TEMPLATE},
        {"ak-ecc.pub", use, no_ca, "critical,keyAgreement", EVIDENCE_EK_TEMPLATE},
    };
    static const struct made root = {NULL, NULL, "critical,CA:TRUE", "critical,keyCertSign", EVIDENCE_OK};
    EVP_PKEY *authority = EVP_EC_gen("P-256");
    X509 *top = certify(authority, authority, "maker", &root);
    struct ek_roots *maker = NULL;
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    (void)state;
    SP_ASSERT(PEM_write_bio_X509(bio, top) == 1);
    long n = BIO_get_mem_data(bio, &text);
    assert_int_equal(ek_roots_new(bed.crypto, &maker), SP_OK);
    assert_int_equal(ek_roots_add(maker, sp_str_bytes(text, (size_t)n)), SP_OK);
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct sp_str pub = file(rows[i].key);
        struct tpm_public public;
        unsigned char *der = NULL;
        assert_int_equal(tpm_wire_public(pub, &public), EVIDENCE_OK);
        EVP_PKEY *key = evidence_pkey_new(NULL, &public); /* in OpenSSL's own context, as the rest here */
        X509 *cert = certify(key, authority, "node1", &rows[i]);
        int bytes = i2d_X509(cert, &der);
        const struct ek_cert_question question = {
            .roots = maker, .certificate = sp_str_bytes(der, (size_t)bytes), .key = pub, .now_s = NOW};
        enum evidence_reason reason = ek_cert_check(&question, &finding);
        if (reason != rows[i].reason) {
            fail_msg("row %zu: %s, %s", i, evidence_reason_name(reason), finding.chain);
        }
        OPENSSL_free(der);
        X509_free(cert);
        EVP_PKEY_free(key);
        free((void *)(uintptr_t)pub.p);
    }
    BIO_free(bio);
    X509_free(top);
    EVP_PKEY_free(authority);
    ek_roots_destroy(&maker);
}

static void files_of_roots(void **state)
{
    struct sp_str pem = file("root.pem");
    struct ek_roots *r = NULL;
    (void)state;
    assert_int_equal(ek_roots_new(bed.crypto, &r), SP_OK);
    assert_int_equal(ek_roots_add(r, sp_str_of("")), SP_E_MALFORMED);
    assert_int_equal(ek_roots_add(r, sp_str_of("no certificate at all")), SP_E_MALFORMED);
    assert_int_equal(ek_roots_add(r, sp_str_of("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")), SP_E_MALFORMED);
    assert_int_equal(ek_roots_add(r, sp_str_bytes(pem.p, pem.n / 2)), SP_E_MALFORMED);
    assert_int_equal(ek_roots_add(r, pem), SP_OK);
    enum sp_rc rc = SP_OK;
    for (unsigned i = 1; i < EK_ROOTS_MAX && rc == SP_OK; i++) {
        rc = ek_roots_add(r, pem);
    }
    assert_int_equal(rc, SP_OK);
    assert_int_equal(ek_roots_add(r, pem), SP_E_LIMIT);
    ek_roots_destroy(&r);
    free((void *)(uintptr_t)pem.p);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(genuine),
        cmocka_unit_test(unknown_maker),
        cmocka_unit_test(before_its_time),
        cmocka_unit_test(certificate_of_another_key),
        cmocka_unit_test(certificate_of_an_authority),
        cmocka_unit_test(pins),
        cmocka_unit_test(bytes_after_it),
        cmocka_unit_test(changed_certificates),
        cmocka_unit_test(each_good_but_for_one_thing),
        cmocka_unit_test(files_of_roots),
    };
    static const char *const ours[] = {"root.pem", "issuercert.pem", NULL}, *const theirs[] = {"rogue-root.pem",
                                                                                               "rogue-issuercert.pem", NULL};
    evidence_bed_init(&bed);
    roots = load(ours);
    rogue = load(theirs);
    int failed = cmocka_run_group_tests_name("ek_cert", tests, NULL, NULL);
    ek_roots_destroy(&roots);
    ek_roots_destroy(&rogue);
    evidence_bed_fini(&bed);
    return failed;
}
