/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ek_cert.h - is an endorsement key that of a genuine TPM? Its certificate must lead to a root of a TPM maker, be for this use and
 * this key, and the key must be as the specification's templates have it. No system store of roots, no network, the time is the
 * caller's.
 *
 * A genuine TPM is not yet the right one: without a pin any genuine TPM could be enrolled as any node. The name in a certificate is
 * nobody's.
 */
#ifndef SPICE_EK_CERT_H
#define SPICE_EK_CERT_H

#include "evidence_crypto.h"

#define EK_CERT_BYTES_MAX 4096u
#define EK_CERT_FACT_MAX  64u
#define EK_ROOTS_MAX      512u

struct ek_roots; /* certificates of makers: roots, and those that may stand between */

/* Gives *out; borrows c as long as it lives. SP_E_NOMEM. */
SP_MUST_USE enum sp_rc ek_roots_new(const struct evidence_crypto *c, struct ek_roots **out);
void ek_roots_destroy(struct ek_roots **roots);
/* Effect: adds all certificates of a PEM text; those signed by themselves become roots. SP_E_MALFORMED when it holds none or one
 * that does not decode, SP_E_LIMIT over EK_ROOTS_MAX. */
SP_MUST_USE enum sp_rc ek_roots_add(struct ek_roots *roots, struct sp_str pem);

struct ek_cert_question {
    const struct ek_roots *roots;
    struct sp_str
        certificate;    /* DER as the TPM keeps it: what its memory holds after it is ignored when all of one value 00 or ff */
    struct sp_str key;  /* TPM2B_PUBLIC of the endorsement key */
    int64_t now_s;      /* since 1970 */
    const uint8_t *pin; /* SHA-256 of the one certificate that may be enrolled; NULL: the caller has decided to take any */
};

struct ek_cert_finding {
    uint8_t digest[32]; /* SHA-256 of the DER certificate: what a pin is */
    char maker[EK_CERT_FACT_MAX], model[EK_CERT_FACT_MAX], version[EK_CERT_FACT_MAX]; /* as the maker wrote them; "": not there */
    const char *chain;                                                                /* with EK_CHAIN: what OpenSSL said */
};

/* Effect: EK_MALFORMED, EK_CHAIN, EK_USAGE, EK_KEY, EK_TEMPLATE or EK_PIN, or OK. *out is filled as far as it came. */
SP_MUST_USE enum evidence_reason ek_cert_check(const struct ek_cert_question *question, struct ek_cert_finding *out);

#endif
