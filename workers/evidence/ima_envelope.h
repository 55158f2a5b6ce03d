/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ima_envelope.h - a policy in an envelope with signatures (DSSE, as Keylime's tools write it): an object of payload, payloadType
 * and signatures. A signature is ECDSA with SHA-256 over "DSSEv1", the type, the payload, and their lengths.
 */
#ifndef SPICE_IMA_ENVELOPE_H
#define SPICE_IMA_ENVELOPE_H

#include "ima_keyring.h"

/* Gives the payload (free its p) when one of the signers has signed it. False: `why` (of `size` bytes) says what is wrong. */
SP_MUST_USE bool ima_envelope_open(const struct ima_keyring *signers, struct sp_str text, struct sp_str *payload, char *why,
                                   size_t size);

#endif
