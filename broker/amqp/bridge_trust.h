/* SPDX-License-Identifier: Apache-2.0 */
/* The keeper's frames: followed for our own answers, passed on byte for byte to all who listen, and fetched with a caller's nonce
 * for one who asks. Nothing here makes, changes or judges a frame for others: a reader verifies them itself. */
#ifndef BRIDGE_TRUST_H
#define BRIDGE_TRUST_H

#include "bridge_shell.h"

bool bridge_trust_init(struct bridge *b);
void bridge_trust_fini(struct bridge *b);
/* Effect: asks the keeper what is due; call after messages, on time, and when a broker came. */
void bridge_trust_turn(struct bridge *b);
/* Effect: the connection to a broker is lost or new: events may be missing. */
void bridge_trust_lost(struct bridge *b);
/* Effect: everybody shall have the newest state. */
void bridge_trust_everybody(struct bridge *b);
/* Effect: queues the call (kind SNAPSHOT, nonce set). False: too many wait. */
bool bridge_trust_snapshot(struct bridge *b, uint32_t call);
/* Effect: asks for a beat with the call's nonce. False: it did not leave. */
bool bridge_trust_beat(struct bridge *b, uint32_t call);
/* Effect: the call has ended, whoever ended it. */
void bridge_trust_forget(struct bridge *b, uint32_t call);
/* Effect: sends the frames put together so far. */
void bridge_trust_flush(struct bridge *b);
uint64_t bridge_trust_deadline_us(const struct bridge *b);

#endif
