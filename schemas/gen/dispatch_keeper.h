/* SPDX-License-Identifier: Apache-2.0 */
/* Written by schemas/gen.py from schemas/spice.model; do not edit, run `cmake --build BUILD --target codegen`. */
/* What nodes/core takes, dealt out to its handlers.
 *
 * Pure: number, role of the sender and bytes in, handler call out. The sender's role is checked against the model here whatever was
 * checked before; then the body is decoded, and only then the handler sees it. keeper_dispatch returns what the handler returned, or
 * SP_E_UNSUPPORTED (not for this receiver), SP_E_AUTHORITY (a principal of that role may not send it), SP_E_MALFORMED or SP_E_LIMIT
 * (body). What is ignored gives SP_OK.
 *
 * struct keeper_in and the handlers are the receiver's; a handler that is missing is an error of the linker. */
#ifndef SPICE_GEN_DISPATCH_KEEPER_H
#define SPICE_GEN_DISPATCH_KEEPER_H

/* clang-format off */

#include "msg.h"

struct keeper_in;

enum sp_rc keeper_dispatch(struct keeper_in *in, unsigned type, enum sp_role from, const uint8_t *body, size_t n) SP_MUST_USE;

enum sp_rc keeper_on_result_batch(struct keeper_in *in, struct msg_result_batch *m) SP_MUST_USE;
enum sp_rc keeper_on_check_set(struct keeper_in *in, struct msg_check_set *m) SP_MUST_USE;
enum sp_rc keeper_on_sync_request(struct keeper_in *in, struct msg_sync_request *m) SP_MUST_USE;
enum sp_rc keeper_on_epoch_claim(struct keeper_in *in, struct msg_epoch_claim *m) SP_MUST_USE;
enum sp_rc keeper_on_subscribe(struct keeper_in *in, struct msg_subscribe *m) SP_MUST_USE;
enum sp_rc keeper_on_reader_ping(struct keeper_in *in, struct msg_reader_ping *m) SP_MUST_USE;

#define KEEPER_TAKES(X) X(RESULT_BATCH, result_batch) X(CHECK_SET, check_set) X(SYNC_REQUEST, sync_request) X(EPOCH_CLAIM, epoch_claim) X(SUBSCRIBE, subscribe) X(READER_PING, reader_ping)
#define KEEPER_BYTES(X)
#define KEEPER_IGNORES(X)
#define KEEPER_PASSING(X)

#endif
