/* SPDX-License-Identifier: Apache-2.0 */
/* appraisal_keys.h - attestation keys of many nodes, each decoded and checked once and kept ready, the ones used longest ago given
 * up first. One thread. */
#ifndef SPICE_APPRAISAL_KEYS_H
#define SPICE_APPRAISAL_KEYS_H

#include "appraisal.h"

struct appraisal_keys;

/* Gives *out, room for `most` keys; borrows c as long as it lives. SP_E_NOMEM. */
SP_MUST_USE enum sp_rc appraisal_keys_new(struct evidence_crypto *c, uint32_t most, struct appraisal_keys **out);
void appraisal_keys_destroy(struct appraisal_keys **keys);
/* Lends the key of a public area (TPM2B_PUBLIC) until appraisal_keys_release(); NULL: all places are lent. A key that is refused is
 * kept too, with its reason. */
const struct appraisal_key *appraisal_keys_get(struct appraisal_keys *keys, struct sp_str public_area);
void appraisal_keys_release(struct appraisal_keys *keys, const struct appraisal_key *key);

#endif
