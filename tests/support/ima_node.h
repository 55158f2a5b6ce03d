/* SPDX-License-Identifier: Apache-2.0 */
/* A node with a TPM of software as a test wants it: an attestation key made on the spot, PCRs, a measurement list; and the checks
 * the module ima makes of it, one after the other with what the last one left. */
#ifndef IMA_NODE_H
#define IMA_NODE_H

#include "appraisal_keys.h"
#include "fake_tpm.h"
#include "ima_bed.h"

extern const struct appraisal_module appraisal_ima;

struct ima_node {
    const struct evidence_bed *bed;
    struct fake_tpm tpm; /* its PCR 10 is what quotes cover of the list */
    struct appraisal_keys *keys;
    const char *params;
    void *policy;
    struct ima_list list;

    /* How the next checks are answered. */
    bool ignore_from;    /* the list comes from its beginning, whatever was asked */
    enum fake_flaw flaw; /* of the quote */
    bool no_key;         /* no TPM is enrolled */
    size_t part;         /* bytes of a part */
    size_t answer_most;  /* bytes of a document; 0: all there is */
    struct appraisal_budget budget;

    /* Of the last check. */
    struct appraisal_verdict verdict;
    uint32_t lists_asked;
    size_t list_bytes, most_used;

    uint8_t checkpoint[APPRAISAL_CHECKPOINT_MAX]; /* what the last check left */
    uint32_t checkpoint_len;
};

/* Effect: a node that has booted and measured nothing. */
void ima_node_open(const struct evidence_bed *bed, struct ima_node *n, const char *policy);
void ima_node_close(struct ima_node *n);
/* Effect: another policy, another attestation key. */
void ima_node_policy(struct ima_node *n, const char *policy);
void ima_node_key(const struct evidence_bed *bed, struct ima_node *n);
/* Effect: quotes cover all of the list from now on. */
void ima_node_quote_now(struct ima_node *n);
/* Effect: one check. */
void ima_node_check(struct ima_node *n);

#endif
