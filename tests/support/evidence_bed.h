/* SPDX-License-Identifier: Apache-2.0 */
/* What tests of evidence share: OpenSSL's operations, files of tests/vectors, names of keys, and the recorded quotes by their id. A
 * file or a field that is not there stops the test program. */
#ifndef EVIDENCE_BED_H
#define EVIDENCE_BED_H

#include "evidence_crypto.h"
#include "quote.h"

struct evidence_bed {
    struct evidence_crypto *crypto;
    struct evidence_ops ops;
};

void evidence_bed_init(struct evidence_bed *bed);
void evidence_bed_fini(struct evidence_bed *bed);

/* Gives (free its p): the bytes of tests/vectors/FOLDER/NAME. */
struct sp_str evidence_bed_file(const char *folder, const char *name);

/* Everything of one recorded quote. */
struct evidence_case {
    char id[64], reason[32], log_name[64];
    struct sp_str ak_public, attest, signature, pcrs;
    struct sp_str log;  /* boot log; NULL p: the case has none */
    struct sp_str list; /* measurement list, and what is expected of it */
    char options[32];
    uint32_t proven, pending, violations;
    uint8_t nonce[32];
    struct tpm_selection selection;
    struct tpm_name signer;          /* qualified name the key must have */
    enum evidence_reason key_reason; /* of evidence_key_new */
    struct evidence_key *key;        /* NULL: refused */
    struct tpm_ak ak;
};

/* Effect: reads a file of tests/vectors/tpm. Gives *out and returns the number of cases. */
size_t evidence_cases_new(const struct evidence_bed *bed, const char *name, struct evidence_case **out);
void evidence_cases_destroy(struct evidence_case **cases, size_t count);
/* Lends the case of an id. */
const struct evidence_case *evidence_case_find(const struct evidence_case *cases, size_t count, const char *id);
/* Effect: the question and answer of a case, without counters of before. Views into the case. */
void evidence_case_pair(const struct evidence_case *one, struct quote_question *question, struct quote_answer *answer);

#endif
