/* SPDX-License-Identifier: Apache-2.0 */
/* Calls from OpenStack services: requests read and dealt out, calls that wait for the fleet, replies, remote errors and heartbeats.
 * Whoever may write to the exchange can call, so everything here only reads; what changes something goes to the administrator's API
 * with the caller's own token, or is refused. */
#ifndef BRIDGE_RPC_H
#define BRIDGE_RPC_H

#include "bridge_shell.h"

/* Effect: works on one delivery. Borrows it. */
void bridge_rpc_on_delivery(struct bridge *b, const struct amqp_link_event *delivery);
/* Effect: the call's data, a JSON value, is its answer; the call ends. */
void bridge_rpc_answer(struct bridge *b, uint32_t call);
/* Effect: the call ends with a remote error. class: of spice.exceptions. */
void bridge_rpc_fail(struct bridge *b, uint32_t call, const char *class, const char *text);
/* Effect: heartbeats and deadlines that are due. */
void bridge_rpc_tick(struct bridge *b);
uint64_t bridge_rpc_deadline_us(const struct bridge *b);
void bridge_rpc_fini(struct bridge *b);

#endif
