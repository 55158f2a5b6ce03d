/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_tpm.h - a TPM that is a key in memory: it signs whatever a test wants said, for the nonce at hand, so that every attack can
 * be played against a whole adapter. That no such key passes for a real one is the business of enrolment.
 */
#ifndef FAKE_TPM_H
#define FAKE_TPM_H

#include <openssl/evp.h>

#include "adapter_rig.h"
#include "evidence_bed.h"

/* What is wrong with a quote. */
enum fake_flaw {
    FAKE_GOOD,
    FAKE_REPLAY,         /* made for another nonce */
    FAKE_OTHER_NODE,     /* made for the same nonce and another node */
    FAKE_OTHER_KEY,      /* signed by a key that is not enrolled */
    FAKE_BIT_FLIPPED,    /* one bit of the signed statement */
    FAKE_SIGNATURE_BIT,  /* one bit of the signature */
    FAKE_MAGIC,          /* a signed statement that no TPM made */
    FAKE_TYPE_TIME,      /* TPM2_GetTime */
    FAKE_TYPE_CERTIFY,   /* TPM2_Certify */
    FAKE_NARROW,         /* fewer PCRs */
    FAKE_BANK,           /* the SHA-1 bank instead */
    FAKE_EMPTY,          /* no PCR at all */
    FAKE_VALUES,         /* a value of the list is another than the quoted one */
    FAKE_LIST_SHORT,     /* the list lacks its end */
    FAKE_TRAILING,       /* bytes after the statement */
    FAKE_TRUNCATED,      /* statement cut */
    FAKE_HUGE_FIELD,     /* a length that leads out of the statement */
    FAKE_SIGNATURE_FORM, /* signature cut */
    FAKE_SCHEME,         /* signature says another scheme */
    FAKE_HASH,           /* signature says another hash */
    FAKE_SIGNER,         /* another parent than before */
    FAKE_SECTIONS,       /* a section twice */
    FAKE_EXTRA,          /* a section more */
    FAKE_LARGE,          /* a document larger than any quote */
    FAKE_EMPTY_DOCUMENT,
};

struct fake_tpm {
    EVP_PKEY *key, *other;
    uint8_t ak[512], ek[32];
    size_t ak_len;
    uint8_t signer[TPM_NAME_BYTES];
    struct tpm_clock clock;
    uint64_t firmware;
    uint8_t sha1[TPM_PCRS][20], sha256[TPM_PCRS][32]; /* values of PCRs */
    struct sp_adapter_identity who;
    uint8_t document[65536];
    size_t document_len;
};

/* Effect: makes an ECC key, or an RSA one; PCRs all zero, counters 5 and 1. */
void fake_tpm_init(struct fake_tpm *t, bool rsa);
void fake_tpm_fini(struct fake_tpm *t);
/* Effect: the document "quote" for this question in t->document, with one flaw. */
void fake_tpm_quote(struct fake_tpm *t, const struct rig_question *q, enum fake_flaw flaw);

#endif
