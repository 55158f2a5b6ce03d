/* SPDX-License-Identifier: Apache-2.0 */
/*
 * evidence_crypto.h - digests and attestation keys by OpenSSL, in the library context of sp_crypto (call sp_crypto_init before). A
 * key is parsed once per node and kept with its context: what is left for each quote is the verification itself. One thread.
 */
#ifndef SPICE_EVIDENCE_CRYPTO_H
#define SPICE_EVIDENCE_CRYPTO_H

#include "tpm_ak.h"

struct evidence_crypto; /* context, and algorithms fetched once */

/* Gives *out. SP_E_NOMEM or SP_E_UNSUPPORTED. */
SP_MUST_USE enum sp_rc evidence_crypto_new(struct evidence_crypto **out);
/* Keys and copies of its operations are gone before. */
void evidence_crypto_destroy(struct evidence_crypto **c);
/* Lends: the library context. */
struct ossl_lib_ctx_st *evidence_crypto_library(const struct evidence_crypto *c);
/* Returns the form that pure code takes; valid as long as c. */
struct evidence_ops evidence_crypto_ops(struct evidence_crypto *c);

/* Effect: decodes and checks an attestation key (tpm_ak.h) and makes it ready. Gives *out and fills *ak with EVIDENCE_OK only; a
 * key that is refused leaves nothing that could be used. */
SP_MUST_USE enum evidence_reason evidence_key_new(struct evidence_crypto *c, struct sp_str public_area, struct evidence_key **out,
                                                  struct tpm_ak *ak);
void evidence_key_destroy(struct evidence_key **key);

#endif
