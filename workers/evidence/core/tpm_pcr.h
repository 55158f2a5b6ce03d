/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tpm_pcr.h - selections of PCRs as text and as sets, and the list of values that comes beside a quote. Pure.
 *
 * Text of a selection: "sha256:0-7,10" or, with more banks, "sha256:0-9+sha384:0-7".
 * List of values: for each PCR, in the order of the selection, algorithm (16 bits, most significant byte first), index (8 bits),
 * bytes of the value (8 bits), the value.
 */
#ifndef SPICE_TPM_PCR_H
#define SPICE_TPM_PCR_H

#include "evidence_ops.h"

#define TPM_SELECTION_TEXT_MAX 256u /* bytes of the longest text with its NUL */
#define TPM_PCRS_BYTES_MAX     (TPM_BANKS_MAX * TPM_PCRS * (4u + TPM_DIGEST_MAX))

/* Values of the PCRs of a selection; the others are not set. */
struct tpm_pcrs {
    struct tpm_selection selection;
    uint8_t value[TPM_BANKS_MAX][TPM_PCRS][TPM_DIGEST_MAX]; /* by place of the bank in the selection */
};

/* Effect: reads the text form; *out only on success. False: other words, a bank or PCR twice, an empty bank, PCRs over 23, more
 * than TPM_BANKS_MAX banks, or a hash that evidence cannot be checked with. */
bool tpm_selection_read(struct sp_str text, struct tpm_selection *out);
/* Effect: writes the text form. */
void tpm_selection_text(const struct tpm_selection *s, char out[TPM_SELECTION_TEXT_MAX]);
/* True when banks, their order and every bit are the same. */
bool tpm_selection_eq(const struct tpm_selection *a, const struct tpm_selection *b);
/* Returns the place of a bank in the selection, TPM_BANKS_MAX when it is not there. */
uint32_t tpm_selection_bank(const struct tpm_selection *s, uint16_t alg);

/* Effect: reads the list of exactly the PCRs of `want`, in its order. PCRS_MALFORMED; *out is not to be used then. */
SP_MUST_USE enum evidence_reason tpm_pcrs_read(struct sp_str bytes, const struct tpm_selection *want, struct tpm_pcrs *out);
/* Effect: writes such a list; to holds TPM_PCRS_BYTES_MAX. Returns its bytes. */
uint32_t tpm_pcrs_write(const struct tpm_pcrs *pcrs, uint8_t *to);
/* Effect: out = SHA-256 of all values in the order of the selection, as a quote has it. */
void tpm_pcrs_digest(const struct tpm_pcrs *pcrs, const struct evidence_ops *ops, uint8_t out[TPM_DIGEST_MAX]);

#endif
