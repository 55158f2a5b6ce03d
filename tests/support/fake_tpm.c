/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_tpm.h"

#include <stdio.h>
#include <stdlib.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>

#include "appraisal.h"
#include "msg.h"
#include "sections.h"
#include "sp_assert.h"
#include "sp_crypto.h"
#include "sp_random.h"

struct out {
    uint8_t p[4096];
    size_t n;
};

static void put(struct out *o, uint64_t v, unsigned bytes)
{
    for (unsigned i = bytes; i-- > 0;) {
        o->p[o->n++] = (uint8_t)(v >> 8 * i);
    }
}

static void put_bytes(struct out *o, const void *p, size_t n)
{
    SP_ASSERT(o->n + n <= sizeof o->p);
    memcpy(o->p + o->n, p, n);
    o->n += n;
}

static void put_sized(struct out *o, const void *p, size_t n)
{
    put(o, n, 2);
    put_bytes(o, p, n);
}

static void public_area(struct fake_tpm *t, bool rsa)
{
    struct out o = {.n = 2};
    uint8_t number[256];
    put(&o, rsa ? TPM_ALG_RSA : TPM_ALG_ECC, 2);
    put(&o, TPM_ALG_SHA256, 2);
    put(&o,
        TPM_KEY_FIXED_TPM | TPM_KEY_FIXED_PARENT | TPM_KEY_SENSITIVE_OWN | TPM_KEY_USER_AUTH | TPM_KEY_RESTRICTED | TPM_KEY_SIGN,
        4);
    put(&o, 0, 2);
    put(&o, TPM_ALG_NULL, 2);
    put(&o, rsa ? TPM_ALG_RSASSA : TPM_ALG_ECDSA, 2);
    put(&o, TPM_ALG_SHA256, 2);
    if (rsa) {
        BIGNUM *n = NULL;
        SP_ASSERT(EVP_PKEY_get_bn_param(t->key, OSSL_PKEY_PARAM_RSA_N, &n) == 1 && BN_bn2binpad(n, number, 256) == 256);
        BN_free(n);
        put(&o, 2048, 2);
        put(&o, 0, 4);
        put_sized(&o, number, 256);
    } else {
        uint8_t point[65];
        size_t n = 0;
        SP_ASSERT(EVP_PKEY_get_octet_string_param(t->key, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, point, sizeof point, &n) == 1 &&
                  n == 65 && point[0] == 4);
        put(&o, TPM_CURVE_P256, 2);
        put(&o, TPM_ALG_NULL, 2);
        put_sized(&o, point + 1, 32);
        put_sized(&o, point + 33, 32);
    }
    o.p[0] = (uint8_t)((o.n - 2) >> 8);
    o.p[1] = (uint8_t)(o.n - 2);
    memcpy(t->ak, o.p, o.n);
    t->ak_len = o.n;
}

static EVP_PKEY *make_key(bool rsa)
{
    EVP_PKEY *key = rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
    SP_ASSERT(key != NULL);
    return key;
}

void fake_tpm_init(struct fake_tpm *t, bool rsa)
{
    memset(t, 0, sizeof *t);
    t->key = make_key(rsa);
    t->other = make_key(rsa);
    public_area(t, rsa);
    t->signer[1] = TPM_ALG_SHA256;
    sp_random_bytes(t->signer + 2, sizeof t->signer - 2);
    t->clock = (struct tpm_clock){.clock_ms = 1000000, .reset_count = 5, .restart_count = 1, .safe = true};
    t->firmware = 0x0001000200030004u;
    t->who = (struct sp_adapter_identity){
        .generation = 1, .mode = SP_ENROLMENT_CERTIFIED, .ak = t->ak, .ak_len = t->ak_len, .ek = t->ek};
}

void fake_tpm_fini(struct fake_tpm *t)
{
    EVP_PKEY_free(t->key);
    EVP_PKEY_free(t->other);
}

/* "{"pcrs":"sha256:0-7"}" */
static void read_args(const char *args, struct tpm_selection *s)
{
    const char *from = strchr(args, ':') + 2;
    SP_ASSERT(tpm_selection_read(sp_str_bytes(from, strlen(from) - 2), s));
}

static void values_of(const struct fake_tpm *t, const struct tpm_selection *s, struct tpm_pcrs *out)
{
    memset(out, 0, sizeof *out);
    out->selection = *s;
    for (uint32_t b = 0; b < s->banks; b++) {
        bool sha1 = s->bank[b].alg == TPM_ALG_SHA1;
        for (uint32_t i = 0; i < TPM_PCRS; i++) {
            memcpy(out->value[b][i], sha1 ? t->sha1[i] : t->sha256[i], sha1 ? 20 : 32);
        }
    }
}

static void put_selection(struct out *o, const struct tpm_selection *s)
{
    put(o, s->banks, 4);
    for (uint32_t b = 0; b < s->banks; b++) {
        put(o, s->bank[b].alg, 2);
        put(o, 3, 1);
        put(o, s->bank[b].pcrs & 0xff, 1);
        put(o, s->bank[b].pcrs >> 8 & 0xff, 1);
        put(o, s->bank[b].pcrs >> 16 & 0xff, 1);
    }
}

static void digest_of(const struct tpm_pcrs *pcrs, uint8_t out[32])
{
    struct sp_crypto_sha256 h;
    sp_crypto_sha256_init(&h);
    for (uint32_t b = 0; b < pcrs->selection.banks; b++) {
        for (uint32_t i = 0; i < TPM_PCRS; i++) {
            if ((pcrs->selection.bank[b].pcrs >> i & 1u) != 0) {
                sp_crypto_sha256_update(&h, pcrs->value[b][i], tpm_alg_bytes(pcrs->selection.bank[b].alg));
            }
        }
    }
    sp_crypto_sha256_final(&h, out);
}

static void binding_of(const struct rig_question *q, enum fake_flaw flaw, uint8_t out[32])
{
    uint8_t nonce[32];
    memcpy(nonce, q->nonce, sizeof nonce);
    nonce[0] ^= flaw == FAKE_REPLAY ? 1 : 0;
    appraisal_binding(nonce, sp_str_of(flaw == FAKE_OTHER_NODE ? "somebody-else" : q->node), out);
}

static void attest(const struct fake_tpm *t, const struct rig_question *q, enum fake_flaw flaw, const struct tpm_pcrs *pcrs,
                   struct out *o)
{
    uint8_t binding[32], digest[32], signer[TPM_NAME_BYTES];
    binding_of(q, flaw, binding);
    digest_of(pcrs, digest);
    memcpy(signer, t->signer, sizeof signer);
    signer[9] ^= flaw == FAKE_SIGNER ? 1 : 0;
    put(o, flaw == FAKE_MAGIC ? 0x00544347u : TPM_GENERATED, 4);
    put(o, flaw == FAKE_TYPE_TIME ? 0x8019 : flaw == FAKE_TYPE_CERTIFY ? 0x8017 : TPM_QUOTE, 2);
    put_sized(o, signer, sizeof signer);
    if (flaw == FAKE_HUGE_FIELD) {
        put(o, 0xffff, 2);
        put_bytes(o, binding, sizeof binding);
    } else {
        put_sized(o, binding, sizeof binding);
    }
    put(o, t->clock.clock_ms, 8);
    put(o, t->clock.reset_count, 4);
    put(o, t->clock.restart_count, 4);
    put(o, t->clock.safe ? 1 : 0, 1);
    put(o, t->firmware, 8);
    put_selection(o, &pcrs->selection);
    put_sized(o, digest, sizeof digest);
    if (flaw == FAKE_TRAILING) {
        put(o, 0, 1);
    }
    o->n -= flaw == FAKE_TRUNCATED ? 5 : 0;
}

static void sign(const struct fake_tpm *t, enum fake_flaw flaw, const struct out *statement, struct out *o)
{
    EVP_PKEY *key = flaw == FAKE_OTHER_KEY ? t->other : t->key;
    bool rsa = EVP_PKEY_is_a(key, "RSA") == 1;
    uint8_t raw[512], number[32];
    size_t n = sizeof raw;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    SP_ASSERT(ctx != NULL && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
              EVP_DigestSign(ctx, raw, &n, statement->p, statement->n) == 1);
    EVP_MD_CTX_free(ctx);
    unsigned scheme = rsa ? TPM_ALG_RSASSA : TPM_ALG_ECDSA, other = rsa ? TPM_ALG_RSAPSS : TPM_ALG_RSASSA;
    put(o, flaw == FAKE_SCHEME ? other : scheme, 2);
    put(o, flaw == FAKE_HASH ? TPM_ALG_SHA1 : TPM_ALG_SHA256, 2);
    if (rsa || flaw == FAKE_SCHEME) {
        put_sized(o, raw, n);
    } else {
        const uint8_t *p = raw;
        ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &p, (long)n);
        SP_ASSERT(pair != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(pair), number, 32) == 32);
        put_sized(o, number, 32);
        SP_ASSERT(BN_bn2binpad(ECDSA_SIG_get0_s(pair), number, 32) == 32);
        put_sized(o, number, 32);
        ECDSA_SIG_free(pair);
    }
    o->p[o->n - 3] ^= flaw == FAKE_SIGNATURE_BIT ? 4 : 0;
    o->n -= flaw == FAKE_SIGNATURE_FORM ? 1 : 0;
}

static void narrow(struct tpm_selection *s, enum fake_flaw flaw)
{
    if (flaw == FAKE_NARROW) {
        s->bank[0].pcrs &= s->bank[0].pcrs - 1; /* without the lowest */
    } else if (flaw == FAKE_BANK) {
        s->bank[0].alg = TPM_ALG_SHA1;
    } else if (flaw == FAKE_EMPTY) {
        s->bank[0].pcrs = 0;
    }
}

void fake_tpm_quote(struct fake_tpm *t, const struct rig_question *q, enum fake_flaw flaw)
{
    struct tpm_selection selection;
    static struct tpm_pcrs pcrs; /* one thread */
    static uint8_t list[TPM_PCRS_BYTES_MAX];
    struct out statement = {0}, signature = {0};
    struct sections_writer w;
    read_args(q->args, &selection);
    narrow(&selection, flaw);
    values_of(t, &selection, &pcrs);
    attest(t, q, flaw, &pcrs, &statement);
    sign(t, flaw, &statement, &signature);
    statement.p[60] ^= flaw == FAKE_BIT_FLIPPED ? 1 : 0; /* in the clock */
    pcrs.value[0][7][3] ^= flaw == FAKE_VALUES ? 1 : 0;
    size_t n = tpm_pcrs_write(&pcrs, list) - (flaw == FAKE_LIST_SHORT ? 36 : 0);
    sections_begin(&w, t->document, sizeof t->document);
    sections_add(&w, "attest", sp_str_bytes(statement.p, statement.n));
    sections_add(&w, "signature", sp_str_bytes(signature.p, signature.n));
    sections_add(&w, "pcrs", sp_str_bytes(list, n));
    if (flaw == FAKE_SECTIONS || flaw == FAKE_EXTRA) {
        sections_add(&w, flaw == FAKE_EXTRA ? "more" : "attest", sp_str_bytes(statement.p, statement.n));
    }
    if (flaw == FAKE_LARGE) {
        static const uint8_t zero[40000];
        sections_add(&w, "more", sp_str_bytes(zero, sizeof zero));
    }
    SP_ASSERT(!w.bad);
    t->document_len = flaw == FAKE_EMPTY_DOCUMENT ? 0 : w.n;
}
