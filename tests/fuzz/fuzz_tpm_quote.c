/* SPDX-License-Identifier: Apache-2.0 */
/* What a node may send in place of a quote: three parts, each with a 16-bit size before it. The rest is the public area of a key.
 * Without a key that signs nothing may be accepted; where the signature is taken for good, only what was asked may be. */
#include <stdint.h>
#include <stdlib.h>

#include "evidence_crypto.h"
#include "octets.h"
#include "quote.h"
#include "sp_assert.h"
#include "sp_crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool any_digest(void *ctx, uint16_t alg, const void *p, size_t n, uint8_t out[TPM_DIGEST_MAX])
{
    (void)ctx;
    (void)alg;
    sp_crypto_sha256(p, n, out);
    return true;
}

static bool any_signature(void *ctx, struct evidence_key *key, const uint8_t digest[32], const struct tpm_signature *signature)
{
    (void)ctx;
    (void)key;
    (void)digest;
    (void)signature;
    return true;
}

/* A part in memory of its own, so that a read past its end is seen. */
static struct sp_str part(struct octets *o)
{
    struct sp_str view = octets_sized(o, 4096);
    uint8_t *copy = malloc(view.n > 0 ? view.n : 1);
    SP_ASSERT(copy != NULL);
    if (view.n > 0) {
        memcpy(copy, view.p, view.n);
    }
    return sp_str_bytes(copy, view.n);
}

static void appraise(const struct quote_answer *answer, uint16_t scheme)
{
    static struct quote_finding finding;
    static const uint8_t nonce[32] = {1}, signer[TPM_NAME_BYTES] = {0, 0x0b};
    const struct evidence_ops ops = {any_digest, any_signature, NULL};
    const struct tpm_ak ak = {.type = TPM_ALG_ECC, .scheme = scheme};
    const struct tpm_selection selection = {1, {{TPM_ALG_SHA256, 0x0004ff}}};
    struct tpm_quote quote;
    struct quote_question question = {.ak = &ak,
                                      .signer = sp_str_bytes(signer, sizeof signer),
                                      .nonce = sp_str_bytes(nonce, sizeof nonce),
                                      .selection = &selection};
    if (quote_appraise(&question, answer, &ops, &finding) == EVIDENCE_OK) {
        SP_ASSERT(tpm_wire_quote(answer->attest, &quote) == EVIDENCE_OK);
        SP_ASSERT(sp_str_eq(quote.nonce, question.nonce) && sp_str_eq(quote.signer, question.signer));
        SP_ASSERT(tpm_selection_eq(&quote.selection, &selection) && tpm_selection_eq(&finding.pcrs.selection, &selection));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct evidence_crypto *crypto;
    struct octets o = octets_of(sp_str_bytes(data, size));
    struct evidence_key *key = NULL;
    struct tpm_ak ak;
    if (crypto == NULL) {
        SP_ASSERT(sp_crypto_init() == SP_OK && evidence_crypto_new(&crypto) == SP_OK);
    }
    struct quote_answer answer = {part(&o), part(&o), part(&o)};
    appraise(&answer, TPM_ALG_ECDSA);
    appraise(&answer, TPM_ALG_RSAPSS);
    if (evidence_key_new(crypto, sp_str_bytes(o.p, o.n), &key, &ak) == EVIDENCE_OK) {
        SP_ASSERT(ak.name[1] == TPM_ALG_SHA256);
        evidence_key_destroy(&key);
    }
    SP_ASSERT(key == NULL);
    free((void *)(uintptr_t)answer.attest.p);
    free((void *)(uintptr_t)answer.signature.p);
    free((void *)(uintptr_t)answer.pcrs.p);
    return 0;
}
