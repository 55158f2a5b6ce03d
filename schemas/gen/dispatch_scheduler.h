/* SPDX-License-Identifier: Apache-2.0 */
/* Written by schemas/gen.py from schemas/spice.model; do not edit, run `cmake --build BUILD --target codegen`. */
/* What scheduler/core takes, dealt out to its handlers.
 *
 * Pure: number, role of the sender and bytes in, handler call out. The sender's role is checked against the model here whatever was
 * checked before; then the body is decoded, and only then the handler sees it. scheduler_dispatch returns what the handler returned, or
 * SP_E_UNSUPPORTED (not for this receiver), SP_E_AUTHORITY (a principal of that role may not send it), SP_E_MALFORMED or SP_E_LIMIT
 * (body). What is ignored gives SP_OK.
 *
 * struct scheduler_in and the handlers are the receiver's; a handler that is missing is an error of the linker. */
#ifndef SPICE_GEN_DISPATCH_SCHEDULER_H
#define SPICE_GEN_DISPATCH_SCHEDULER_H

/* clang-format off */

#include "msg.h"

struct scheduler_in;

enum sp_rc scheduler_dispatch(struct scheduler_in *in, unsigned type, enum sp_role from, const uint8_t *body, size_t n) SP_MUST_USE;

enum sp_rc scheduler_on_route_credit(struct scheduler_in *in, struct msg_route_credit *m) SP_MUST_USE;
enum sp_rc scheduler_on_job_return(struct scheduler_in *in, struct msg_job_return *m) SP_MUST_USE;
enum sp_rc scheduler_on_definition_get(struct scheduler_in *in, struct msg_definition_get *m) SP_MUST_USE;
enum sp_rc scheduler_on_lease_closed(struct scheduler_in *in, struct msg_lease_closed *m) SP_MUST_USE;
enum sp_rc scheduler_on_node_set(struct scheduler_in *in, struct msg_node_set *m) SP_MUST_USE;
enum sp_rc scheduler_on_sync_request(struct scheduler_in *in, struct msg_sync_request *m) SP_MUST_USE;
enum sp_rc scheduler_on_epoch_grant(struct scheduler_in *in, struct msg_epoch_grant *m) SP_MUST_USE;
enum sp_rc scheduler_on_keeper_clock(struct scheduler_in *in, struct msg_keeper_clock *m) SP_MUST_USE;
enum sp_rc scheduler_on_hint(struct scheduler_in *in, struct msg_hint *m) SP_MUST_USE;

#define SCHEDULER_TAKES(X) X(ROUTE_CREDIT, route_credit) X(JOB_RETURN, job_return) X(DEFINITION_GET, definition_get) X(LEASE_CLOSED, lease_closed) X(NODE_SET, node_set) X(SYNC_REQUEST, sync_request) X(EPOCH_GRANT, epoch_grant) X(KEEPER_CLOCK, keeper_clock) X(HINT, hint)
#define SCHEDULER_BYTES(X)
#define SCHEDULER_IGNORES(X)
#define SCHEDULER_PASSING(X)

#endif
