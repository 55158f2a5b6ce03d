/* SPDX-License-Identifier: Apache-2.0 */
/*
 * appraisal_quote.h - the document "quote" for modules whose evidence rests on one: collected, decoded, appraised with the key of
 * the question, held against the counters of the last good one.
 */
#ifndef SPICE_APPRAISAL_QUOTE_H
#define SPICE_APPRAISAL_QUOTE_H

#include "appraisal.h"
#include "quote.h"

#define APPRAISAL_QUOTE_MAX  32768u /* bytes of the document */
#define APPRAISAL_SEEN_BYTES 86u

/* The last good quote, as a module keeps it at the front of its checkpoint. */
struct appraisal_seen {
    bool any;                       /* false: there was none, or it was of another key */
    uint8_t key[TPM_NAME_BYTES];    /* name of the key */
    uint8_t signer[TPM_NAME_BYTES]; /* its qualified name, as the TPM said it */
    struct tpm_clock clock;
};

/* Effect: reads it off the front of a checkpoint; out->any says whether it was there and of this key. Returns the rest. */
struct sp_str appraisal_seen_read(struct sp_str checkpoint, const struct appraisal_key *key, struct appraisal_seen *out);
void appraisal_seen_write(const struct appraisal_seen *seen, uint8_t to[APPRAISAL_SEEN_BYTES]);

/* Effect: writes the args of the document for this selection. */
void appraisal_quote_want(const struct tpm_selection *selection, struct appraisal_want *out);
/* Effect: appraises a whole document against the question: form, key, signature, binding, signer, selection, values, counters.
 * *seen is what was known before and becomes what is known now, with EVIDENCE_OK only. */
SP_MUST_USE enum evidence_reason appraisal_quote_judge(const struct appraisal_question *q, const struct tpm_selection *selection,
                                                       struct sp_str document, struct appraisal_seen *seen,
                                                       struct quote_finding *out);
/* Returns reset counter << 32 | restart counter. */
uint64_t appraisal_instance(const struct tpm_clock *clock);

#endif
