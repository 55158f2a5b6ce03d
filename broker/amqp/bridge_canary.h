/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of our own that show whether RabbitMQ still brings us what is sent (core/canary_core.h). */
#ifndef BRIDGE_CANARY_H
#define BRIDGE_CANARY_H

#include "bridge_shell.h"
#include "oslo_message.h"

/* True for a canary, whoever's it is: not to be answered. */
bool bridge_canary_is(const struct oslo_request *r);
/* Effect: one came by a queue of ours. */
void bridge_canary_heard(struct bridge *b, const struct oslo_request *r);
/* Effect: a link came or went. */
void bridge_canary_links(struct bridge *b);
/* Effect: sends one when it is time; gives both links up when one is missing. */
void bridge_canary_tick(struct bridge *b);
uint64_t bridge_canary_deadline_us(const struct bridge *b);

#endif
