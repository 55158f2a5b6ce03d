/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reference.h - values the quoted PCRs must have. A profile is one state of one kind of machine: the values belong together, so
 * that the firmware of one and the boot loader of another do not make a third that nobody approved. Each profile has its time:
 * while an update goes through a fleet old and new are both in force, then the old one ends. Pure.
 */
#ifndef SPICE_REFERENCE_H
#define SPICE_REFERENCE_H

#include "tpm_pcr.h"

struct reference_value {
    uint16_t alg;
    uint8_t pcr;
    uint8_t digest[TPM_DIGEST_MAX];
};

struct reference_profile {
    uint64_t from, until; /* in force when from <= now < until, in the caller's unit */
    bool any_firmware;
    uint64_t firmware; /* version the TPM says it has */
    const struct reference_value *value;
    uint32_t values; /* at least 1 */
};

struct reference_set {
    const struct reference_profile *profile;
    uint32_t profiles;
};

/* Where the verdict comes from. */
struct reference_finding {
    uint32_t profile; /* that fits or, when none does, of which most values fit */
    uint16_t alg;     /* with REFERENCE_PCR and REFERENCE_UNQUOTED: the first value of that profile that does not fit */
    uint8_t pcr;
};

/* Effect: judges proven values and the firmware version of a quote. OK when a profile in force fits in everything it names;
 * REFERENCE_RETIRED when only one fits whose time is not now. */
SP_MUST_USE enum evidence_reason reference_judge(const struct reference_set *set, const struct tpm_pcrs *pcrs, uint64_t firmware,
                                                 uint64_t now, struct reference_finding *out);

#endif
