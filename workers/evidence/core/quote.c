/* SPDX-License-Identifier: Apache-2.0 */
#include "quote.h"

#include "sp_assert.h"

#define NONCE_LEAST 16u

/* True when equal; where the difference is does not show in the time it takes. */
static bool same_bytes(struct sp_str a, struct sp_str b)
{
    uint8_t different = 0;
    if (a.n != b.n) {
        return false;
    }
    for (uint32_t i = 0; i < a.n; i++) {
        different |= (uint8_t)((uint8_t)a.p[i] ^ (uint8_t)b.p[i]);
    }
    return different == 0;
}

/* Scheme and hash are those of the enrolled key, never those the signature itself names; the digest is over the bytes as they came.
 */
static enum evidence_reason check_signature(const struct quote_question *question, const struct quote_answer *answer,
                                            const struct evidence_ops *ops)
{
    struct tpm_signature signature;
    uint8_t digest[TPM_DIGEST_MAX];
    enum evidence_reason reason = tpm_wire_signature(answer->signature, &signature);
    if (reason != EVIDENCE_OK) {
        return reason;
    }
    if (signature.scheme != question->ak->scheme || signature.hash != TPM_ALG_SHA256) {
        return EVIDENCE_QUOTE_SCHEME;
    }
    bool done = ops->digest(ops->ctx, TPM_ALG_SHA256, answer->attest.p, answer->attest.n, digest);
    SP_ASSERT(done);
    return ops->verify(ops->ctx, question->key, digest, &signature) ? EVIDENCE_OK : EVIDENCE_QUOTE_SIGNATURE;
}

/* The clock is not compared where a power cut may have set it back: the TPM says so itself, in either of the two. */
static enum evidence_reason check_counters(const struct tpm_clock *before, const struct tpm_clock *now, bool *rebooted)
{
    *rebooted = false;
    if (before == NULL) {
        return EVIDENCE_OK;
    }
    bool same_boot = now->reset_count == before->reset_count;
    if (now->reset_count < before->reset_count || (same_boot && now->restart_count < before->restart_count)) {
        return EVIDENCE_RESET_BACK;
    }
    *rebooted = !same_boot || now->restart_count != before->restart_count;
    if (!*rebooted && before->safe && now->safe && now->clock_ms < before->clock_ms) {
        return EVIDENCE_CLOCK_BACK;
    }
    return EVIDENCE_OK;
}

static enum evidence_reason check_values(const struct tpm_quote *quote, const struct quote_question *question,
                                         const struct quote_answer *answer, const struct evidence_ops *ops, struct tpm_pcrs *pcrs)
{
    uint8_t digest[TPM_DIGEST_MAX];
    if (!tpm_selection_eq(&quote->selection, question->selection)) {
        return EVIDENCE_QUOTE_SELECTION;
    }
    enum evidence_reason reason = tpm_pcrs_read(answer->pcrs, question->selection, pcrs);
    if (reason != EVIDENCE_OK) {
        return reason;
    }
    tpm_pcrs_digest(pcrs, ops, digest);
    return same_bytes(quote->digest, sp_str_bytes(digest, tpm_alg_bytes(TPM_ALG_SHA256))) ? EVIDENCE_OK : EVIDENCE_QUOTE_DIGEST;
}

enum evidence_reason quote_appraise(const struct quote_question *question, const struct quote_answer *answer,
                                    const struct evidence_ops *ops, struct quote_finding *out)
{
    struct tpm_quote quote = {0};
    SP_ASSERT(question->nonce.n >= NONCE_LEAST && question->nonce.n <= TPM_NONCE_MAX);
    SP_ASSERT((question->signer.n == TPM_NAME_BYTES || question->signer.n == 0) && question->selection->banks > 0);
    enum evidence_reason reason = tpm_wire_quote(answer->attest, &quote);
    if (reason == EVIDENCE_OK) {
        reason = check_signature(question, answer, ops);
    }
    if (reason == EVIDENCE_OK && !same_bytes(quote.nonce, question->nonce)) {
        reason = EVIDENCE_QUOTE_NONCE;
    }
    bool named = quote.signer.n == TPM_NAME_BYTES && (question->signer.n == 0 || same_bytes(quote.signer, question->signer));
    if (reason == EVIDENCE_OK && !named) {
        reason = EVIDENCE_QUOTE_SIGNER;
    }
    if (reason == EVIDENCE_OK) {
        reason = check_values(&quote, question, answer, ops, &out->pcrs);
    }
    if (reason == EVIDENCE_OK) {
        reason = check_counters(question->before, &quote.clock, &out->rebooted);
    }
    if (reason == EVIDENCE_OK) {
        memcpy(out->signer, quote.signer.p, TPM_NAME_BYTES);
    }
    out->clock = quote.clock;
    out->firmware = quote.firmware;
    return reason;
}
