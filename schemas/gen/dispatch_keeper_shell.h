/* SPDX-License-Identifier: Apache-2.0 */
/* Written by schemas/gen.py from schemas/spice.model; do not edit, run `cmake --build BUILD --target codegen`. */
/* What nodes takes, dealt out to its handlers.
 *
 * Pure: number, role of the sender and bytes in, handler call out. The sender's role is checked against the model here whatever was
 * checked before; then the body is decoded, and only then the handler sees it. keeper_shell_dispatch returns what the handler returned, or
 * SP_E_UNSUPPORTED (not for this receiver), SP_E_AUTHORITY (a principal of that role may not send it), SP_E_MALFORMED or SP_E_LIMIT
 * (body). What is ignored gives SP_OK.
 *
 * struct keeper_shell_in and the handlers are the receiver's; a handler that is missing is an error of the linker. */
#ifndef SPICE_GEN_DISPATCH_KEEPER_SHELL_H
#define SPICE_GEN_DISPATCH_KEEPER_SHELL_H

/* clang-format off */

#include "msg.h"

struct keeper_shell_in;

enum sp_rc keeper_shell_dispatch(struct keeper_shell_in *in, unsigned type, enum sp_role from, const uint8_t *body, size_t n) SP_MUST_USE;

enum sp_rc keeper_shell_on_refused(struct keeper_shell_in *in, struct msg_refused *m) SP_MUST_USE;
enum sp_rc keeper_shell_on_view_request(struct keeper_shell_in *in, struct msg_view_request *m) SP_MUST_USE;
enum sp_rc keeper_shell_on_inventory_report(struct keeper_shell_in *in, struct msg_inventory_report *m) SP_MUST_USE;
enum sp_rc keeper_shell_on_action_report(struct keeper_shell_in *in, struct msg_action_report *m) SP_MUST_USE;
enum sp_rc keeper_shell_on_admin_request(struct keeper_shell_in *in, struct msg_admin_request *m) SP_MUST_USE;
enum sp_rc keeper_shell_on_act_report(struct keeper_shell_in *in, struct msg_act_report *m) SP_MUST_USE;
enum sp_rc keeper_shell_on_enrol_request(struct keeper_shell_in *in, struct msg_enrol_request *m) SP_MUST_USE;
enum sp_rc keeper_shell_on_identity_get(struct keeper_shell_in *in, struct msg_identity_get *m) SP_MUST_USE;
enum sp_rc keeper_shell_on_principal_get(struct keeper_shell_in *in, struct msg_principal_get *m) SP_MUST_USE;

#define KEEPER_SHELL_TAKES(X) X(REFUSED, refused) X(VIEW_REQUEST, view_request) X(INVENTORY_REPORT, inventory_report) X(ACTION_REPORT, action_report) X(ADMIN_REQUEST, admin_request) X(ACT_REPORT, act_report) X(ENROL_REQUEST, enrol_request) X(IDENTITY_GET, identity_get) X(PRINCIPAL_GET, principal_get)
#define KEEPER_SHELL_BYTES(X)
#define KEEPER_SHELL_IGNORES(X)
#define KEEPER_SHELL_PASSING(X)

#endif
