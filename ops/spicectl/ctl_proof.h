/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proof of a node's identity, made by this process as the verifier: certificate of the endorsement key, rules for the attestation key,
 * and credential activation, which shows that both live in one TPM and that the attester's bus keys speak for it.
 */
#ifndef CTL_PROOF_H
#define CTL_PROOF_H

#include "ctl_evidence.h"

#include "credential.h"
#include "ek_cert.h"

struct ctl_proof_rules {
    struct evidence_crypto *crypto;
    struct ek_roots *roots; /* of TPM makers; NULL: first use, no certificate is looked at */
    const uint8_t *pin;     /* SHA-256 of the one certificate that is right; NULL: any genuine TPM */
};

/* What was proved. */
struct ctl_proved {
    struct ctl_attester attester;
    uint8_t ek[32];        /* of the certificate; with first use, of the key */
    uint8_t ek_public[32]; /* of the key */
    uint8_t ak[512];
    uint32_t ak_bytes;
    bool certified;
    char maker[EK_CERT_FACT_MAX], model[EK_CERT_FACT_MAX]; /* as the certificate has them */
};

/* Opens what --roots, --pin and --first-use say; ctl_proof_close releases it. Returns CTL_OK or what to return, error printed. */
int ctl_proof_open(struct ctl *ctl, struct ctl_proof_rules *rules, uint8_t pin[32]);
void ctl_proof_close(struct ctl_proof_rules *rules);

/* Asks the attester of the node and judges. False: fault says why. */
bool ctl_proof_make(struct ctl *ctl, const struct ctl_proof_rules *rules, const char *node, struct ctl_proved *out,
                    struct ctl_fault *fault);

/* The arguments of the keeper's verb node.enroll. */
json_t *ctl_proof_args(const struct ctl_proved *proved);

#endif
