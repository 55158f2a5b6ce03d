/* SPDX-License-Identifier: Apache-2.0 */
/* evidence_pkey.h - the public key of a TPM's key as OpenSSL's. */
#ifndef SPICE_EVIDENCE_PKEY_H
#define SPICE_EVIDENCE_PKEY_H

#include <openssl/types.h>

#include "tpm_wire.h"

/* Gives the key (EVP_PKEY_free): RSA, ECC P-256 or P-384. NULL: another curve, or numbers that are no key. */
EVP_PKEY *evidence_pkey_new(OSSL_LIB_CTX *library, const struct tpm_public *k);

#endif
