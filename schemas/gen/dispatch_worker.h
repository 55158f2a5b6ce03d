/* SPDX-License-Identifier: Apache-2.0 */
/* Written by schemas/gen.py from schemas/spice.model; do not edit, run `cmake --build BUILD --target codegen`. */
/* What workers takes, dealt out to its handlers.
 *
 * Pure: number, role of the sender and bytes in, handler call out. The sender's role is checked against the model here whatever was
 * checked before; then the body is decoded, and only then the handler sees it. worker_dispatch returns what the handler returned, or
 * SP_E_UNSUPPORTED (not for this receiver), SP_E_AUTHORITY (a principal of that role may not send it), SP_E_MALFORMED or SP_E_LIMIT
 * (body). What is ignored gives SP_OK.
 *
 * struct worker_in and the handlers are the receiver's; a handler that is missing is an error of the linker. */
#ifndef SPICE_GEN_DISPATCH_WORKER_H
#define SPICE_GEN_DISPATCH_WORKER_H

/* clang-format off */

#include "msg.h"

struct worker_in;

enum sp_rc worker_dispatch(struct worker_in *in, unsigned type, enum sp_role from, const uint8_t *body, size_t n) SP_MUST_USE;

enum sp_rc worker_on_drain(struct worker_in *in, struct msg_drain *m) SP_MUST_USE;
enum sp_rc worker_on_refused(struct worker_in *in, struct msg_refused *m) SP_MUST_USE;
enum sp_rc worker_on_job_batch(struct worker_in *in, struct msg_job_batch *m) SP_MUST_USE;
enum sp_rc worker_on_definition(struct worker_in *in, struct msg_definition *m) SP_MUST_USE;
enum sp_rc worker_on_result_ack(struct worker_in *in, struct msg_result_ack *m) SP_MUST_USE;
enum sp_rc worker_on_evidence(struct worker_in *in, struct msg_evidence *m) SP_MUST_USE;
enum sp_rc worker_on_identity(struct worker_in *in, struct msg_identity *m) SP_MUST_USE;

#define WORKER_TAKES(X) X(DRAIN, drain) X(REFUSED, refused) X(JOB_BATCH, job_batch) X(DEFINITION, definition) X(RESULT_ACK, result_ack) X(EVIDENCE, evidence) X(IDENTITY, identity)
#define WORKER_BYTES(X)
#define WORKER_IGNORES(X)
#define WORKER_PASSING(X)

#endif
