/* SPDX-License-Identifier: Apache-2.0 */
/* Appraisal of a quote against the bare verification of its signature: the same recorded quote, the same key, parsed beforehand on
 * both sides. Bare is the least OpenSSL can do: one EVP_PKEY_verify with a context set up once, over a digest that is there
 * already, the signature in the form OpenSSL wants. Appraisal starts from the bytes a node sends: decode, digest, signature, nonce,
 * signer, selection, values, counters.
 *
 * Rounds are interleaved; each figure is CPU time. Output: a JSON array, one object for each kind of key with both lists of
 * microseconds. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include "evidence_bed.h"
#include "sp_assert.h"
#include "sp_crypto.h"

#define ROUNDS   31
#define ROUND_NS 20000000.0
#define SLICE    16 /* calls between looks at the clock */

struct bare {
    EVP_PKEY_CTX *verify;
    uint8_t digest[32];
    uint8_t *signature;
    size_t signature_bytes;
};

static struct evidence_bed bed;
static struct evidence_case *cases;
static size_t count;
static struct quote_question question;
static struct quote_answer answer;
static struct quote_finding finding;
static struct bare bare;

static double cpu_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void appraise(void)
{
    if (quote_appraise(&question, &answer, &bed.ops, &finding) != EVIDENCE_OK) {
        abort();
    }
}

static void verify(void)
{
    if (EVP_PKEY_verify(bare.verify, bare.signature, bare.signature_bytes, bare.digest, sizeof bare.digest) != 1) {
        abort();
    }
}

/* The key and the signature in OpenSSL's own forms, made without the code that is measured. */
static void bare_init(const struct evidence_case *one)
{
    struct tpm_public k;
    struct tpm_signature s;
    uint8_t point[65] = {4};
    EVP_PKEY *key = NULL;
    SP_ASSERT(tpm_wire_public(one->ak_public, &k) == EVIDENCE_OK && tpm_wire_signature(one->signature, &s) == EVIDENCE_OK);
    bool ecc = k.type == TPM_ALG_ECC;
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    BIGNUM *n = BN_bin2bn((const uint8_t *)k.n.p, (int)k.n.n, NULL);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(evidence_crypto_library(bed.crypto), ecc ? "EC" : "RSA", NULL);
    if (ecc) {
        memcpy(point + 1, k.x.p, 32);
        memcpy(point + 33, k.y.p, 32);
        SP_ASSERT(k.x.n == 32 && k.y.n == 32);
        SP_ASSERT(OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) == 1);
        SP_ASSERT(OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point) == 1);
    } else {
        SP_ASSERT(OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) == 1);
        SP_ASSERT(OSSL_PARAM_BLD_push_ulong(build, OSSL_PKEY_PARAM_RSA_E, 65537) == 1);
    }
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
    SP_ASSERT(EVP_PKEY_fromdata_init(ctx) == 1 && EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) == 1);
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    BN_free(n);
    bare.verify = EVP_PKEY_CTX_new_from_pkey(evidence_crypto_library(bed.crypto), key, NULL);
    EVP_MD *md = EVP_MD_fetch(evidence_crypto_library(bed.crypto), "SHA256", NULL);
    SP_ASSERT(EVP_PKEY_verify_init(bare.verify) == 1 && EVP_PKEY_CTX_set_signature_md(bare.verify, md) == 1);
    EVP_MD_free(md);
    EVP_PKEY_free(key); /* the context holds it */
    sp_crypto_sha256(one->attest.p, one->attest.n, bare.digest);
    if (ecc) {
        ECDSA_SIG *pair = ECDSA_SIG_new();
        SP_ASSERT(ECDSA_SIG_set0(pair, BN_bin2bn((const uint8_t *)s.r.p, (int)s.r.n, NULL),
                                 BN_bin2bn((const uint8_t *)s.s.p, (int)s.s.n, NULL)) == 1);
        bare.signature = NULL;
        bare.signature_bytes = (size_t)i2d_ECDSA_SIG(pair, &bare.signature);
        ECDSA_SIG_free(pair);
    } else {
        bool pss = k.scheme == TPM_ALG_RSAPSS;
        SP_ASSERT(EVP_PKEY_CTX_set_rsa_padding(bare.verify, pss ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING) == 1);
        SP_ASSERT(!pss || EVP_PKEY_CTX_set_rsa_pss_saltlen(bare.verify, RSA_PSS_SALTLEN_AUTO) == 1);
        bare.signature = OPENSSL_memdup(s.rsa.p, s.rsa.n);
        bare.signature_bytes = s.rsa.n;
    }
    SP_ASSERT(bare.signature != NULL);
}

static void bare_fini(void)
{
    EVP_PKEY_CTX_free(bare.verify);
    OPENSSL_free(bare.signature);
}

/* CPU microseconds per call of one round. */
static double round_of(void (*work)(void))
{
    uint64_t calls = 0;
    double start = cpu_ns(), spent;
    do {
        for (unsigned i = 0; i < SLICE; i++) {
            work();
        }
        calls += SLICE;
        spent = cpu_ns() - start;
    } while (spent < ROUND_NS);
    return spent / (double)calls / 1000;
}

static void print_list(const char *name, const double *values)
{
    (void)printf(",\"%s\":[", name);
    for (unsigned i = 0; i < ROUNDS; i++) {
        (void)printf("%s%.3f", i > 0 ? "," : "", values[i]);
    }
    (void)printf("]");
}

static void measure(const char *label, const char *id)
{
    static double mine[ROUNDS], other[ROUNDS];
    const struct evidence_case *one = evidence_case_find(cases, count, id);
    evidence_case_pair(one, &question, &answer);
    bare_init(one);
    for (unsigned i = 0; i < ROUNDS; i++) {
        mine[i] = round_of(appraise);
        other[i] = round_of(verify);
    }
    (void)printf("{\"key\":\"%s\"", label);
    print_list("appraise_us", mine);
    print_list("bare_us", other);
    (void)printf("}");
    bare_fini();
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        (void)fprintf(stderr, "usage: %s     (no options; prints a JSON array)\n", argv[0]);
        return strcmp(argv[1], "--help") == 0 ? 0 : 2;
    }
    evidence_bed_init(&bed);
    count = evidence_cases_new(&bed, &cases);
    (void)printf("[");
    measure("ECDSA P-256", "quote-good-ecc");
    (void)printf(",\n ");
    measure("RSA-2048 RSASSA", "quote-good-rsassa");
    (void)printf(",\n ");
    measure("RSA-2048 PSS", "quote-good-rsapss");
    (void)printf("]\n");
    evidence_cases_destroy(&cases, count);
    evidence_bed_fini(&bed);
    return 0;
}
