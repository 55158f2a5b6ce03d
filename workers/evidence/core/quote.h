/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quote.h - appraisal of one TPM quote: each check a published attack was missing, in one order, each refusal with its own reason.
 * Pure.
 *
 * The order: sizes and form, magic, type, scheme, signature, nonce, signer, selection, PCR values against the quoted digest,
 * counters. What the quoted values must be is not judged here: reference.h and boot_replay.h do, with the values this gives.
 *
 * The caller sees to it that a nonce is random, kept before it is sent, used once and in time.
 */
#ifndef SPICE_QUOTE_H
#define SPICE_QUOTE_H

#include "tpm_ak.h"
#include "tpm_pcr.h"

/* What the verifier knows before it reads. All borrowed. */
struct quote_question {
    const struct tpm_ak *ak;               /* as enrolled for this node */
    struct evidence_key *key;              /* the same, ready for use */
    struct sp_str signer;                  /* qualified name of the key, as enrolled; empty: not known, and not held against it */
    struct sp_str nonce;                   /* 16 to TPM_NONCE_MAX bytes */
    const struct tpm_selection *selection; /* of the policy */
    const struct tpm_clock *before;        /* of the last good quote under this key; NULL: there was none */
};

/* What came. Foreign bytes, borrowed. */
struct quote_answer {
    struct sp_str attest;    /* TPMS_ATTEST exactly as signed */
    struct sp_str signature; /* TPMT_SIGNATURE */
    struct sp_str pcrs;      /* list of values, tpm_pcr.h */
};

/* What is proven when the reason is EVIDENCE_OK; nothing of it is to be used otherwise. */
struct quote_finding {
    struct tpm_clock clock;         /* keep it as `before` of the next one */
    uint8_t signer[TPM_NAME_BYTES]; /* qualified name of the key, as the TPM has it */
    uint64_t firmware;
    bool rebooted; /* reset or restart counter is larger than before: what is known of the running system is void */
    struct tpm_pcrs pcrs;
};

/* Effect: appraises. Borrows all. */
SP_MUST_USE enum evidence_reason quote_appraise(const struct quote_question *question, const struct quote_answer *answer,
                                                const struct evidence_ops *ops, struct quote_finding *out);

#endif
