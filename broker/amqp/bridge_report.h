/* SPDX-License-Identifier: Apache-2.0 */
/* What was done in Nova, reported to the keeper's audit until it has it. */
#ifndef BRIDGE_REPORT_H
#define BRIDGE_REPORT_H

#include "bridge_shell.h"

/* Effect: keeps it and sends it when its turn comes. */
void bridge_report_add(struct bridge *b, const struct action_event *e, const char *detail);
/* Effect: sends what is due. */
void bridge_report_tick(struct bridge *b);
/* True for an answer to a report, which is over then or sent again later. */
bool bridge_report_on_view_reply(struct bridge *b, const struct msg_view_reply *m);
uint64_t bridge_report_deadline_us(const struct bridge *b);

#endif
