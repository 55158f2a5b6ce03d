/* SPDX-License-Identifier: Apache-2.0 */
/* Written by schemas/gen.py from schemas/spice.model; do not edit, run `cmake --build BUILD --target codegen`. */
/* What scheduler takes, dealt out to its handlers.
 *
 * Pure: number, role of the sender and bytes in, handler call out. The sender's role is checked against the model here whatever was
 * checked before; then the body is decoded, and only then the handler sees it. scheduler_shell_dispatch returns what the handler returned, or
 * SP_E_UNSUPPORTED (not for this receiver), SP_E_AUTHORITY (a principal of that role may not send it), SP_E_MALFORMED or SP_E_LIMIT
 * (body). What is ignored gives SP_OK.
 *
 * struct scheduler_shell_in and the handlers are the receiver's; a handler that is missing is an error of the linker. */
#ifndef SPICE_GEN_DISPATCH_SCHEDULER_SHELL_H
#define SPICE_GEN_DISPATCH_SCHEDULER_SHELL_H

/* clang-format off */

#include "msg.h"

struct scheduler_shell_in;

enum sp_rc scheduler_shell_dispatch(struct scheduler_shell_in *in, unsigned type, enum sp_role from, const uint8_t *body, size_t n) SP_MUST_USE;

enum sp_rc scheduler_shell_on_refused(struct scheduler_shell_in *in, struct msg_refused *m) SP_MUST_USE;
enum sp_rc scheduler_shell_on_view_request(struct scheduler_shell_in *in, struct msg_view_request *m) SP_MUST_USE;
enum sp_rc scheduler_shell_on_admin_request(struct scheduler_shell_in *in, struct msg_admin_request *m) SP_MUST_USE;
enum sp_rc scheduler_shell_on_act_stored(struct scheduler_shell_in *in, struct msg_act_stored *m) SP_MUST_USE;

#define SCHEDULER_SHELL_TAKES(X) X(REFUSED, refused) X(VIEW_REQUEST, view_request) X(ADMIN_REQUEST, admin_request) X(ACT_STORED, act_stored)
#define SCHEDULER_SHELL_BYTES(X)
#define SCHEDULER_SHELL_IGNORES(X) X(PRINCIPAL_SET, principal_set)
#define SCHEDULER_SHELL_PASSING(X)

#endif
