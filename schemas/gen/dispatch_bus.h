/* SPDX-License-Identifier: Apache-2.0 */
/* Written by schemas/gen.py from schemas/spice.model; do not edit, run `cmake --build BUILD --target codegen`. */
/* What broker/client takes, dealt out to its handlers.
 *
 * Pure: number, role of the sender and bytes in, handler call out. The sender's role is checked against the model here whatever was
 * checked before; then the body is decoded, and only then the handler sees it. bus_dispatch returns what the handler returned, or
 * SP_E_UNSUPPORTED (not for this receiver), SP_E_AUTHORITY (a principal of that role may not send it), SP_E_MALFORMED or SP_E_LIMIT
 * (body). What is ignored gives SP_OK.
 *
 * struct bus_in and the handlers are the receiver's; a handler that is missing is an error of the linker. */
#ifndef SPICE_GEN_DISPATCH_BUS_H
#define SPICE_GEN_DISPATCH_BUS_H

/* clang-format off */

#include "msg.h"

struct bus_in;

enum sp_rc bus_dispatch(struct bus_in *in, unsigned type, enum sp_role from, const uint8_t *body, size_t n) SP_MUST_USE;

enum sp_rc bus_on_welcome(struct bus_in *in, struct msg_welcome *m) SP_MUST_USE;
enum sp_rc bus_on_heartbeat(struct bus_in *in, struct msg_heartbeat *m) SP_MUST_USE;
enum sp_rc bus_on_refused(struct bus_in *in, struct msg_refused *m) SP_MUST_USE;
enum sp_rc bus_on_principal_set(struct bus_in *in, struct msg_principal_set *m) SP_MUST_USE;
enum sp_rc bus_on_principal_info(struct bus_in *in, struct msg_principal_info *m) SP_MUST_USE;

#define BUS_TAKES(X) X(WELCOME, welcome) X(HEARTBEAT, heartbeat) X(REFUSED, refused) X(PRINCIPAL_SET, principal_set) X(PRINCIPAL_INFO, principal_info)
#define BUS_BYTES(X)
#define BUS_IGNORES(X)
#define BUS_PASSING(X)

#endif
