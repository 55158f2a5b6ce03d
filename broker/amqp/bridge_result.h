/* SPDX-License-Identifier: Apache-2.0 */
/* Results as notifications spice.check.result, as much of them as the configuration wants. The keeper is asked for the newest each
 * second; what it no longer has is not told, and a result that still waits gives way to a newer one of its node and check. For
 * meters only. */
#ifndef BRIDGE_RESULT_H
#define BRIDGE_RESULT_H

#include "bridge_shell.h"

/* Effect: asks when it is time and no question is open. */
void bridge_result_tick(struct bridge *b);
/* Effect: takes a part of the answer; false: it is of another question. */
bool bridge_result_on_view_reply(struct bridge *b, const struct msg_view_reply *m);
uint64_t bridge_result_deadline_us(const struct bridge *b);
void bridge_result_fini(struct bridge *b);

#endif
