/* SPDX-License-Identifier: Apache-2.0 */
/*
 * boot_replay.h - does a boot log lead to the values the TPM signed? And are its words the measured ones? Pure.
 *
 * A PCR proves the digests in the log, in their order for that PCR. It proves nothing of the event data, unless the digest is that
 * of the data: so those kinds of events for which it always is are hashed again, and a log that fails there is refused whole. Order
 * between PCRs, and digests of banks that were not quoted, are proven by nothing.
 */
#ifndef SPICE_BOOT_REPLAY_H
#define SPICE_BOOT_REPLAY_H

#include "boot_log.h"
#include "tpm_pcr.h"

#define BOOT_REPLAY_PCRS   16u     /* 0 to 15: those that start at zero and cannot be reset */
#define BOOT_FIRMWARE_PCRS 0x00ffu /* 0 to 7: firmware ends its part of each with a separator */

struct boot_replay_options {
    uint32_t pcrs;   /* bit i: PCR i must follow from the log, in each bank in which it is quoted; of 0 to 15, not none */
    bool separators; /* each of these below 8 must have exactly one good separator */
};

struct boot_replay_finding {
    uint32_t events;  /* read */
    uint32_t event;   /* with LOG_DATA, LOG_LOCALITY: which, from 1 */
    uint32_t pcr;     /* with LOG_PCR, LOG_SEPARATOR, REFERENCE_UNQUOTED: which */
    uint16_t alg;     /* with LOG_PCR, LOG_DATA, LOG_BANK: of which bank */
    uint8_t locality; /* at which the TPM was started */
};

/* Effect: computes what a log leads to in one bank, from the start of the boot. */
SP_MUST_USE enum evidence_reason boot_replay_run(struct sp_str log, uint16_t alg, const struct evidence_ops *ops,
                                                 uint8_t pcr[BOOT_REPLAY_PCRS][TPM_DIGEST_MAX], struct boot_replay_finding *out);
/* Effect: judges a log against proven values, in each bank of their selection. REFERENCE_UNQUOTED for a PCR that is in none of
 * them. */
SP_MUST_USE enum evidence_reason boot_replay_judge(struct sp_str log, const struct tpm_pcrs *pcrs,
                                                   const struct boot_replay_options *options, const struct evidence_ops *ops,
                                                   struct boot_replay_finding *out);

#endif
