/* SPDX-License-Identifier: Apache-2.0 */
/* Written by schemas/gen.py from schemas/spice.model; do not edit, run `cmake --build BUILD --target codegen`. */
/* What broker/client/core takes, dealt out to its handlers.
 *
 * Pure: number, role of the sender and bytes in, handler call out. The sender's role is checked against the model here whatever was
 * checked before; then the body is decoded, and only then the handler sees it. reader_dispatch returns what the handler returned, or
 * SP_E_UNSUPPORTED (not for this receiver), SP_E_AUTHORITY (a principal of that role may not send it), SP_E_MALFORMED or SP_E_LIMIT
 * (body). What is ignored gives SP_OK.
 *
 * struct reader_in and the handlers are the receiver's; a handler that is missing is an error of the linker. */
#ifndef SPICE_GEN_DISPATCH_READER_H
#define SPICE_GEN_DISPATCH_READER_H

/* clang-format off */

#include "msg.h"

struct reader_in;

enum sp_rc reader_dispatch(struct reader_in *in, unsigned type, enum sp_role from, const uint8_t *body, size_t n) SP_MUST_USE;

enum sp_rc reader_on_snapshot(struct reader_in *in, struct msg_snapshot *m) SP_MUST_USE;
enum sp_rc reader_on_trust_event(struct reader_in *in, struct msg_trust_event *m) SP_MUST_USE;
enum sp_rc reader_on_trust_beat(struct reader_in *in, struct msg_trust_beat *m) SP_MUST_USE;

#define READER_TAKES(X) X(SNAPSHOT, snapshot) X(TRUST_EVENT, trust_event) X(TRUST_BEAT, trust_beat)
#define READER_BYTES(X)
#define READER_IGNORES(X) X(REFUSED, refused) X(STATS, stats)
#define READER_PASSING(X)

#endif
