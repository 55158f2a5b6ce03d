/* SPDX-License-Identifier: Apache-2.0 */
/*
 * procmem_policy.h - the policy file of `procmem` as rules and digests: a JSON object, then any number of parts that begin with a
 * line of their own, "--- digests" (procmem_digests.h) or "--- manifest" (manifest_table.h). What each name of the object means
 * stands in spice-procmem-policy(5).
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
