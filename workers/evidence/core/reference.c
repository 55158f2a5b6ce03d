/* SPDX-License-Identifier: Apache-2.0 */
#include "reference.h"

#include "sp_assert.h"

/* How far the values of one profile fit; *fit is their number. */
static enum evidence_reason compare(const struct reference_profile *profile, const struct tpm_pcrs *pcrs, uint32_t *fit,
                                    struct reference_finding *at)
{
    enum evidence_reason reason = EVIDENCE_OK;
    *fit = 0;
    SP_ASSERT(profile->values > 0);
    for (uint32_t i = 0; i < profile->values; i++) {
        const struct reference_value *value = &profile->value[i];
        uint32_t bank = tpm_selection_bank(&pcrs->selection, value->alg);
        SP_ASSERT(value->pcr < TPM_PCRS);
        bool quoted = bank < TPM_BANKS_MAX && (pcrs->selection.bank[bank].pcrs >> value->pcr & 1u) != 0;
        if (quoted && memcmp(pcrs->value[bank][value->pcr], value->digest, tpm_alg_bytes(value->alg)) == 0) {
            (*fit)++;
        } else if (reason == EVIDENCE_OK) {
            reason = quoted ? EVIDENCE_REFERENCE_PCR : EVIDENCE_REFERENCE_UNQUOTED;
            at->alg = value->alg;
            at->pcr = value->pcr;
        }
    }
    return reason;
}

/* From better to worse news, for when no profile fits. */
static uint32_t rank(enum evidence_reason reason)
{
    return reason == EVIDENCE_OK ? 3 : reason == EVIDENCE_REFERENCE_RETIRED ? 2 : reason == EVIDENCE_REFERENCE_FIRMWARE ? 1 : 0;
}

enum evidence_reason reference_judge(const struct reference_set *set, const struct tpm_pcrs *pcrs, uint64_t firmware, uint64_t now,
                                     struct reference_finding *out)
{
    enum evidence_reason best = EVIDENCE_REFERENCE_NONE;
    uint32_t best_fit = 0;
    *out = (struct reference_finding){0};
    for (uint32_t i = 0; i < set->profiles; i++) {
        const struct reference_profile *profile = &set->profile[i];
        struct reference_finding at = {.profile = i};
        uint32_t fit = 0;
        enum evidence_reason reason = compare(profile, pcrs, &fit, &at);
        if (reason == EVIDENCE_OK && !profile->any_firmware && profile->firmware != firmware) {
            reason = EVIDENCE_REFERENCE_FIRMWARE;
        } else if (reason == EVIDENCE_OK && (now < profile->from || now >= profile->until)) {
            reason = EVIDENCE_REFERENCE_RETIRED;
        }
        bool better = rank(reason) > rank(best) || (rank(reason) == rank(best) && fit > best_fit);
        if (best == EVIDENCE_REFERENCE_NONE || better) {
            best = reason;
            best_fit = fit;
            *out = at;
        }
    }
    return best;
}
