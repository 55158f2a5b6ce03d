/* SPDX-License-Identifier: Apache-2.0 */
/* enrol.h - `spice-worker enrol TOKEN`, and the same of spice-attester: draws keys, asks the keeper for membership, writes configuration and pins. */
#ifndef SPICE_ENROL_H
#define SPICE_ENROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sp_err.h"

#define ENROL_WAIT_MS      30000u          /* for the keeper's answer */
#define ENROL_RETRY_MS     2000u           /* ask again */
#define ENROL_PROOF_PREFIX "SPICE1 enrol:" /* then token secret, CURVE and signing key: what the proof signs */
#define ENROL_PROOF_BYTES  (sizeof ENROL_PROOF_PREFIX - 1 + 3 * 32)

struct enrol_options {
    const char *token;
    const char *prefix; /* where the new one lives; NULL: where its unit looks */
    const char *root;   /* without a prefix: the system it is for lies below this directory; NULL: this host */
    uint64_t wait_ms;
    const char *program; /* whose command line this is */
    bool attester;       /* else a worker */
};

/* Effect: on success spice.yaml, principals.yaml and NAME.key are complete, where enrol_places.h says, and the keeper knows the new principal; what
 * is left to do is printed. Nothing that exists is overwritten. On failure the files it made are removed again. */
SP_MUST_USE enum sp_rc enrol_run(const struct enrol_options *options, struct sp_err *err);

#endif
