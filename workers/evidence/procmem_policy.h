/* SPDX-License-Identifier: Apache-2.0 */
/*
 * procmem_policy.h - the policy file of `procmem` as rules and digests. A JSON object; behind it may stand one line "--- digests"
 * and lines as sha256sum(1) and Debian's md5sums have them. Format and an example: spice-procmem-policy in spice-attestation(7).
 */
#ifndef SPICE_PROCMEM_POLICY_H
#define SPICE_PROCMEM_POLICY_H

#include "procmem_digests.h"

#define PROCMEM_POLICY_WHY_MAX 256u

struct procmem_policy_file {
    struct procmem_policy policy; /* points into the rest */
    struct procmem_digests digests;
    struct json_t *json; /* private: the texts are its */
    void *parts;         /* private: arrays */
};

/* Gives the policy of the file's content. NULL: refused, `why` (PROCMEM_POLICY_WHY_MAX bytes) says what and where. */
struct procmem_policy_file *procmem_policy_new(struct sp_str text, char *why);
void procmem_policy_destroy(struct procmem_policy_file **self);

#endif
