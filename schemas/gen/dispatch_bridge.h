/* SPDX-License-Identifier: Apache-2.0 */
/* Written by schemas/gen.py from schemas/spice.model; do not edit, run `cmake --build BUILD --target codegen`. */
/* What broker/amqp takes, dealt out to its handlers.
 *
 * Pure: number, role of the sender and bytes in, handler call out. The sender's role is checked against the model here whatever was
 * checked before; then the body is decoded, and only then the handler sees it. bridge_dispatch returns what the handler returned, or
 * SP_E_UNSUPPORTED (not for this receiver), SP_E_AUTHORITY (a principal of that role may not send it), SP_E_MALFORMED or SP_E_LIMIT
 * (body). What is ignored gives SP_OK.
 *
 * struct bridge_in and the handlers are the receiver's; a handler that is missing is an error of the linker. */
#ifndef SPICE_GEN_DISPATCH_BRIDGE_H
#define SPICE_GEN_DISPATCH_BRIDGE_H

/* clang-format off */

#include "msg.h"

struct bridge_in;

enum sp_rc bridge_dispatch(struct bridge_in *in, unsigned type, enum sp_role from, const uint8_t *body, size_t n) SP_MUST_USE;

enum sp_rc bridge_on_snapshot(struct bridge_in *in, struct sp_str body) SP_MUST_USE;
enum sp_rc bridge_on_trust_event(struct bridge_in *in, struct sp_str body) SP_MUST_USE;
enum sp_rc bridge_on_trust_beat(struct bridge_in *in, struct sp_str body) SP_MUST_USE;
enum sp_rc bridge_on_view_reply(struct bridge_in *in, struct msg_view_reply *m) SP_MUST_USE;
enum sp_rc bridge_on_admin_request(struct bridge_in *in, struct msg_admin_request *m) SP_MUST_USE;

#define BRIDGE_TAKES(X) X(VIEW_REPLY, view_reply) X(ADMIN_REQUEST, admin_request)
#define BRIDGE_BYTES(X) X(SNAPSHOT, snapshot) X(TRUST_EVENT, trust_event) X(TRUST_BEAT, trust_beat)
#define BRIDGE_IGNORES(X) X(REFUSED, refused)
#define BRIDGE_PASSING(X)

#endif
