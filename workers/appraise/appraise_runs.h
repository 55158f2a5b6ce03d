/* SPDX-License-Identifier: Apache-2.0 */
/* The policies and runs of an appraiser: records of the worker in, records for it out. Many runs are under way at once; nothing
 * here waits, opens or reads a clock. */
#ifndef APPRAISE_RUNS_H
#define APPRAISE_RUNS_H

#include "appraisal_keys.h"
#include "appraise_peer.h"

struct appraise_options {
    uint64_t documents_bytes; /* most memory of documents that are being collected, of all runs */
    uint32_t keys;            /* attestation keys kept ready */
};

struct appraise_runs;

/* Gives *out, everything of OpenSSL that a run needs loaded and used once, so that nothing is opened later. `fd` is where answers
 * go. False: *why is a constant text. */
bool appraise_runs_new(const struct appraise_options *options, int fd, struct appraise_runs **out, const char **why);
void appraise_runs_destroy(struct appraise_runs **runs);
/* Effect: carries out one record; takes the descriptor. False: the worker is gone, or does not keep to the protocol. */
bool appraise_runs_take(struct appraise_runs *runs, struct appraise_in *in);

#endif
