/* SPDX-License-Identifier: Apache-2.0 */
/* Nova's notifications about compute services as hints: the scheduler may check the node earlier. Anybody may write to that bus
 * (T6), so a hint is all that comes of it: names only, once each, bounded in number and pace here and again in the scheduler (K27,
 * K28). */
#ifndef BRIDGE_HINT_H
#define BRIDGE_HINT_H

#include "bridge_shell.h"

/* Effect: takes one notification of Nova. Borrows it. */
void bridge_hint_on_notification(struct bridge *b, const struct amqp_link_event *delivery);
/* Effect: sends what was collected, at most once a second. */
void bridge_hint_tick(struct bridge *b);
uint64_t bridge_hint_deadline_us(const struct bridge *b);

#endif
