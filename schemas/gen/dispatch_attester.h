/* SPDX-License-Identifier: Apache-2.0 */
/* Written by schemas/gen.py from schemas/spice.model; do not edit, run `cmake --build BUILD --target codegen`. */
/* What workers/attester takes, dealt out to its handlers.
 *
 * Pure: number, role of the sender and bytes in, handler call out. The sender's role is checked against the model here whatever was
 * checked before; then the body is decoded, and only then the handler sees it. attester_dispatch returns what the handler returned, or
 * SP_E_UNSUPPORTED (not for this receiver), SP_E_AUTHORITY (a principal of that role may not send it), SP_E_MALFORMED or SP_E_LIMIT
 * (body). What is ignored gives SP_OK.
 *
 * struct attester_in and the handlers are the receiver's; a handler that is missing is an error of the linker. */
#ifndef SPICE_GEN_DISPATCH_ATTESTER_H
#define SPICE_GEN_DISPATCH_ATTESTER_H

/* clang-format off */

#include "msg.h"

struct attester_in;

enum sp_rc attester_dispatch(struct attester_in *in, unsigned type, enum sp_role from, const uint8_t *body, size_t n) SP_MUST_USE;

enum sp_rc attester_on_evidence_request(struct attester_in *in, struct msg_evidence_request *m) SP_MUST_USE;

#define ATTESTER_TAKES(X) X(EVIDENCE_REQUEST, evidence_request)
#define ATTESTER_BYTES(X)
#define ATTESTER_IGNORES(X) X(REFUSED, refused)
#define ATTESTER_PASSING(X)

#endif
