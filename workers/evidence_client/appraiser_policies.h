/* SPDX-License-Identifier: Apache-2.0 */
/* appraiser_policies.h - the policies an appraiser has or must be given again: each once, in sealed memory that a new one can map.
 */
#ifndef SPICE_APPRAISER_POLICIES_H
#define SPICE_APPRAISER_POLICIES_H

#include "appraisal.h"
#include "appraise_proto.h"

struct appraiser_policy_row {
    uint32_t users; /* definitions */
    uint32_t runs;
    int fd; /* sealed memory with parameters and content; -1: free place */
    uint64_t params_bytes, policy_bytes;
    uint8_t digest[32];
    char kind[APPRAISAL_KIND_MAX + 1];
};

struct appraiser_policies {
    struct appraiser_policy_row row[APPRAISE_POLICIES_MAX];
};

void appraiser_policies_init(struct appraiser_policies *t);
void appraiser_policies_fini(struct appraiser_policies *t);
/* Effect: one user more of this policy. Gives its number, *fresh when it is new; UINT32_MAX: no memory, or too many. */
uint32_t appraiser_policies_take(struct appraiser_policies *t, const char *kind, struct sp_str params, struct sp_str policy,
                                 bool *fresh);
/* Effect: frees the place when neither users nor runs are left. Returns true then. */
bool appraiser_policies_drop(struct appraiser_policies *t, uint32_t number);

#endif
