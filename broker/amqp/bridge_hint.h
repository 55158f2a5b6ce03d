/* SPDX-License-Identifier: Apache-2.0 */
/* Nova's notifications as hints, versioned and unversioned. About compute services: the scheduler may check the node earlier, and
 * the list of compute nodes is read again. About anything else that names a host nobody has seen: the list is read again. Anybody
 * may write to that bus (T6), so no more comes of it: names only, once each, bounded in number and pace here and again in the
 * scheduler, and one reading in bridge.compute.hint (K27, K28). */
#ifndef BRIDGE_HINT_H
#define BRIDGE_HINT_H

#include "bridge_shell.h"

/* Effect: takes one notification of Nova. Borrows it. */
void bridge_hint_on_notification(struct bridge *b, const struct amqp_link_event *delivery);
/* Effect: sends what was collected, at most once a second. */
void bridge_hint_tick(struct bridge *b);
uint64_t bridge_hint_deadline_us(const struct bridge *b);

/* What a notification is about; for tests and fuzzing. */
enum bridge_heard { BRIDGE_HEARD_NOTHING, BRIDGE_HEARD_HOST, BRIDGE_HEARD_SERVICE };
/* Effect: *host lends from inner, the notification itself. Read by name; another major version is not read at all. */
enum bridge_heard bridge_hint_read(const json_t *inner, const char **host);

#endif
