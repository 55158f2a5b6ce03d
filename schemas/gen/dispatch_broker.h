/* SPDX-License-Identifier: Apache-2.0 */
/* Written by schemas/gen.py from schemas/spice.model; do not edit, run `cmake --build BUILD --target codegen`. */
/* What broker/core takes, dealt out to its handlers.
 *
 * Pure: number, role of the sender and bytes in, handler call out. The sender's role is checked against the model here whatever was
 * checked before; then the body is decoded, and only then the handler sees it. broker_dispatch returns what the handler returned, or
 * SP_E_UNSUPPORTED (not for this receiver), SP_E_AUTHORITY (a principal of that role may not send it), SP_E_MALFORMED or SP_E_LIMIT
 * (body). What is ignored gives SP_OK.
 *
 * struct broker_in and the handlers are the receiver's; a handler that is missing is an error of the linker. */
#ifndef SPICE_GEN_DISPATCH_BROKER_H
#define SPICE_GEN_DISPATCH_BROKER_H

/* clang-format off */

#include "msg.h"

struct broker_in;

enum sp_rc broker_dispatch(struct broker_in *in, unsigned type, enum sp_role from, const uint8_t *body, size_t n) SP_MUST_USE;

enum sp_rc broker_on_hello(struct broker_in *in, struct msg_hello *m) SP_MUST_USE;
enum sp_rc broker_on_heartbeat(struct broker_in *in, struct msg_heartbeat *m) SP_MUST_USE;
enum sp_rc broker_on_credit(struct broker_in *in, struct msg_credit *m) SP_MUST_USE;
enum sp_rc broker_on_bye(struct broker_in *in, struct msg_bye *m) SP_MUST_USE;
enum sp_rc broker_on_stats(struct broker_in *in, struct sp_str body) SP_MUST_USE;
enum sp_rc broker_on_route_open(struct broker_in *in, struct msg_route_open *m) SP_MUST_USE;
enum sp_rc broker_on_job_batch(struct broker_in *in, struct msg_job_batch *m) SP_MUST_USE;
enum sp_rc broker_on_admin_request(struct broker_in *in, struct sp_str body) SP_MUST_USE;
enum sp_rc broker_on_act_stored(struct broker_in *in, struct sp_str body) SP_MUST_USE;
enum sp_rc broker_on_principal_set(struct broker_in *in, struct sp_str body) SP_MUST_USE;
enum sp_rc broker_on_evidence_request(struct broker_in *in, struct msg_evidence_request *m) SP_MUST_USE;
enum sp_rc broker_on_evidence(struct broker_in *in, struct msg_evidence *m) SP_MUST_USE;

#define BROKER_TAKES(X) X(HELLO, hello) X(HEARTBEAT, heartbeat) X(CREDIT, credit) X(BYE, bye) X(ROUTE_OPEN, route_open)
#define BROKER_BYTES(X) X(STATS, stats) X(ADMIN_REQUEST, admin_request) X(ACT_STORED, act_stored) X(PRINCIPAL_SET, principal_set)
#define BROKER_IGNORES(X)
#define BROKER_PASSING(X) X(JOB_BATCH, job_batch) X(EVIDENCE_REQUEST, evidence_request) X(EVIDENCE, evidence)

#endif
