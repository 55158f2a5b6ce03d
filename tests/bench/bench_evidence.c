/* SPDX-License-Identifier: Apache-2.0 */
/* 1. Appraisal of a quote against the bare verification of its signature: the same recorded quote, the same key, parsed beforehand
 * on both sides. Bare is the least OpenSSL can do: one EVP_PKEY_verify with a context set up once, over a digest that is there
 * already, the signature in the form OpenSSL wants. Appraisal starts from the bytes a node sends: decode, digest, signature, nonce,
 * signer, selection, values, counters.
 * 2. Replay of a measurement list (decode, SHA-1 that the list names, SHA-256 of the same bytes, extend) with each entry judged by
 * a policy of POLICY digests, and without, against the bare hashing of the same bytes by libcrypto's low-level functions, which
 * nothing is faster than here.
 * 3. Memory that policy takes once it is read, by what malloc says.
 *
 * Rounds are interleaved; each figure is CPU time. Output: a JSON array of objects with both lists of microseconds. */
#define OPENSSL_SUPPRESS_DEPRECATED /* low-level hashing as the yardstick */

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>

#include "evidence_bed.h"
#include "ima_rules.h"
#include "sp_assert.h"
#include "sp_crypto.h"
#include "sp_hex.h"

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

/* ---- measurement list ------------------------------------------------------------------------------------------ */

#define ENTRIES 2000u

static uint8_t list[ENTRIES * 256u];
static size_t list_bytes;
static struct sp_str entry_data[ENTRIES];
static struct tpm_pcrs pcrs;
static volatile uint8_t sink;

static void put32(size_t n)
{
    for (unsigned i = 0; i < 4; i++) {
        list[list_bytes++] = (uint8_t)(n >> 8 * i);
    }
}

static void put_bytes(const void *p, size_t n)
{
    memcpy(list + list_bytes, p, n);
    list_bytes += n;
}

/* One entry of template ima-ng, as a kernel writes it, and PCR 10 extended by it. */
static void add_entry(unsigned i, const char *path, const uint8_t file[32])
{
    uint8_t both[64];
    size_t at = list_bytes, path_bytes = strlen(path) + 1;
    put32(IMA_PCR);
    list_bytes += 20;
    put32(6);
    put_bytes("ima-ng", 6);
    put32(4 + 40 + 4 + path_bytes);
    const uint8_t *data = list + list_bytes;
    put32(40);
    put_bytes("sha256:", 8);
    put_bytes(file, 32);
    put32(path_bytes);
    put_bytes(path, path_bytes);
    entry_data[i] = sp_str_bytes(data, (size_t)(list + list_bytes - data));
    SP_ASSERT(bed.ops.digest(bed.ops.ctx, TPM_ALG_SHA1, entry_data[i].p, entry_data[i].n, list + at + 4));
    memcpy(both, pcrs.value[0][IMA_PCR], 32);
    sp_crypto_sha256(entry_data[i].p, entry_data[i].n, both + 32);
    sp_crypto_sha256(both, sizeof both, pcrs.value[0][IMA_PCR]);
}

static void make_list(void)
{
    static const uint8_t zero[320];
    uint8_t digest[32];
    pcrs.selection = (struct tpm_selection){1, {{TPM_ALG_SHA256, 0x7ff}}};
    sp_crypto_sha256(zero, sizeof zero, digest);
    add_entry(0, "boot_aggregate", digest);
    for (unsigned i = 1; i < ENTRIES; i++) {
        char path[64];
        (void)snprintf(path, sizeof path, "/usr/lib/x86_64-linux-gnu/libexample-%u.so.%u", i, i % 7);
        sp_crypto_sha256(path, strlen(path), digest);
        add_entry(i, path, digest);
    }
}

/* ---- policy ---------------------------------------------------------------------------------------------------- */

#define POLICY 100000u

static struct ima_rules *rules;
static double policy_bytes; /* of memory, a digest */
static struct ima_judge judge;

static bool nothing(void *ctx, struct sp_str path)
{
    (void)ctx;
    (void)path;
    return false;
}

static enum ima_signer nobody(void *ctx, const struct ima_signature *signature, struct sp_str digest)
{
    (void)ctx;
    (void)signature;
    (void)digest;
    return IMA_NO_KEYS;
}

static void visit(void *ctx, uint32_t index, const struct ima_entry *entry)
{
    (void)ctx;
    ima_judge_entry(&judge, index, entry, false);
}

static void soon(void *ctx, const struct ima_entry *entry)
{
    (void)ctx;
    ima_judge_soon(&judge, entry);
}

static size_t in_use(void)
{
    struct mallinfo2 m = mallinfo2();
    return m.uordblks + m.hblkhd;
}

/* A runtime policy as Keylime writes it: the entries of the list among many others. */
static void make_policy(void)
{
    char *text = malloc((size_t)POLICY * 160), why[IMA_RULES_WHY_BYTES], hex[65], path[64];
    uint8_t digest[32];
    SP_ASSERT(text != NULL);
    size_t n = (size_t)sprintf(text, "{\"meta\": {\"version\": 1}, \"digests\": {");
    for (unsigned i = 1; i <= POLICY; i++) {
        (void)snprintf(path, sizeof path, "/usr/lib/x86_64-linux-gnu/libexample-%u.so.%u", i, i % 7);
        sp_crypto_sha256(path, strlen(path), digest);
        sp_hex_write(digest, sizeof digest, hex);
        n += (size_t)sprintf(text + n, "%s\"%s\": [\"%s\"]", i > 1 ? ", " : "", path, hex);
    }
    n += (size_t)sprintf(text + n, "}}");
    size_t before = in_use();
    if (!ima_rules_new(bed.crypto, sp_str_bytes(text, n), &rules, why) || ima_table_digests(rules->table) != POLICY) {
        abort();
    }
    policy_bytes = (double)(in_use() - before) / POLICY;
    free(text);
}

static void follow(const struct ima_visitor *visitor)
{
    static const struct ima_progress beginning;
    static const struct ima_options options = {.digest_bytes = 20};
    const struct ima_question q = {&pcrs, TPM_ALG_SHA256, &beginning, &options, visitor};
    struct ima_replay r;
    struct ima_finding found;
    if (ima_replay_init(&r, &q, &bed.ops) != EVIDENCE_OK || ima_replay_push(&r, sp_str_bytes(list, list_bytes)) != list_bytes ||
        ima_replay_end(&r, 0, &found) != EVIDENCE_OK || found.after.entries != ENTRIES) {
        abort();
    }
}

static void replay(void)
{
    follow(NULL);
}

static void replay_and_judge(void)
{
    static const struct ima_judge_ops ops = {nothing, nobody, nothing, nothing, NULL};
    static const struct ima_visitor visitor = {visit, NULL, soon};
    ima_judge_init(&judge, &rules->judge, &ops, 0);
    follow(&visitor);
    if (judge.proven.files != ENTRIES - 1 || judge.proven.refused > 0) {
        abort();
    }
}

static void hash_only(void)
{
    uint8_t both[64] = {0};
    for (unsigned i = 0; i < ENTRIES; i++) {
        uint8_t digest[20];
        SHA_CTX a;
        SHA256_CTX b;
        (void)(SHA1_Init(&a) == 1 && SHA1_Update(&a, entry_data[i].p, entry_data[i].n) == 1 && SHA1_Final(digest, &a) == 1);
        (void)(SHA256_Init(&b) == 1 && SHA256_Update(&b, entry_data[i].p, entry_data[i].n) == 1 &&
               SHA256_Final(both + 32, &b) == 1);
        (void)(SHA256_Init(&b) == 1 && SHA256_Update(&b, both, sizeof both) == 1 && SHA256_Final(both, &b) == 1);
        sink = digest[0];
    }
    if (memcmp(both, pcrs.value[0][IMA_PCR], 32) != 0) {
        abort();
    }
}

/* ---- output ---------------------------------------------------------------------------------------------------- */

static void print_list(const char *name, const double *values, double each)
{
    (void)printf(",\"%s\":[", name);
    for (unsigned i = 0; i < ROUNDS; i++) {
        (void)printf("%s%.4f", i > 0 ? "," : "", values[i] / each);
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
    (void)printf("{\"what\":\"%s\"", label);
    print_list("mine_us", mine, 1);
    print_list("bare_us", other, 1);
    (void)printf("}");
    bare_fini();
}

static void measure_list(void)
{
    static double judged[ROUNDS], mine[ROUNDS], other[ROUNDS];
    make_list();
    make_policy();
    for (unsigned i = 0; i < ROUNDS; i++) {
        judged[i] = round_of(replay_and_judge);
        mine[i] = round_of(replay);
        other[i] = round_of(hash_only);
    }
    (void)printf("{\"what\":\"judged list\"");
    print_list("mine_us", judged, ENTRIES);
    print_list("bare_us", other, ENTRIES);
    (void)printf("},\n {\"what\":\"list\"");
    print_list("mine_us", mine, ENTRIES);
    print_list("bare_us", other, ENTRIES);
    (void)printf("},\n {\"what\":\"policy\",\"bytes\":%.2f,\"table_bytes\":%.2f}", policy_bytes,
                 (double)ima_table_bytes(rules->table) / POLICY);
    ima_rules_destroy(&rules);
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        (void)fprintf(stderr, "usage: %s     (no options; prints a JSON array)\n", argv[0]);
        return strcmp(argv[1], "--help") == 0 ? 0 : 2;
    }
    evidence_bed_init(&bed);
    count = evidence_cases_new(&bed, "quotes.json", &cases);
    (void)printf("[");
    measure("ECDSA P-256", "quote-good-ecc");
    (void)printf(",\n ");
    measure("RSA-2048 RSASSA", "quote-good-rsassa");
    (void)printf(",\n ");
    measure("RSA-2048 PSS", "quote-good-rsapss");
    (void)printf(",\n ");
    measure_list();
    (void)printf("]\n");
    evidence_cases_destroy(&cases, count);
    evidence_bed_fini(&bed);
    return 0;
}
