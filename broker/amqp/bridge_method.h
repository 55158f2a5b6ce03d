/* SPDX-License-Identifier: Apache-2.0 */
/* The methods of topic `spice`: one table of name, version, arguments and what is done. */
#ifndef BRIDGE_METHOD_H
#define BRIDGE_METHOD_H

#include "bridge_shell.h"
#include "oslo_message.h"

#define BRIDGE_ERRORS "spice.exceptions" /* module of our remote errors */

/* Effect: works on the request; a call gets its reply now or later, a cast never. */
void bridge_method_call(struct bridge *b, const struct oslo_request *r);

/* Give a time as text, null for 0; and the key of a node, or another UUID, as text. NULL without memory; json_pack
 * then gives NULL as well. */
json_t *bridge_method_wall(uint64_t ms);
json_t *bridge_method_key(const uint8_t key[16]);

/* bridge_rpc.c, for the methods. */
void bridge_rpc_reply_result(struct bridge *b, const char *queue, const char *msg_id, const char *json);
void bridge_rpc_reply_failure(struct bridge *b, const char *queue, const char *msg_id, const char *module, const char *class,
                              const char *text);
/* Returns a call that waits, BRIDGE_CALLS_MAX: too many do. */
uint32_t bridge_rpc_wait(struct bridge *b, const struct oslo_request *r, enum bridge_call_kind kind);
/* Effect: asks keeper or scheduler for a view; the answer ends the call. False: it did not leave. */
bool bridge_rpc_view(struct bridge *b, uint32_t call, const char *to, const char *view, const json_t *args);

#endif
