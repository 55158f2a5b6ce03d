/* SPDX-License-Identifier: Apache-2.0 */
/* From due to sent: pairs that fall due wait for caps and credit, and leave in batches per route. */
#ifndef ISSUE_H
#define ISSUE_H

#include "scheduler_core.h"

/* Effect: takes due pairs off the wheel (leases that ended unanswered are lost, the rest queue for a job) and makes job batches for routes
 * with waiting pairs and credit. Sets s->again when it had to stop for room. Does nothing while the pace says to wait. */
void issue_turn(struct scheduler_core *s, struct scheduler_core_effects *fx);
/* Returns when issue_turn wants to be called, given when the wheel's next entry is due. */
uint64_t issue_deadline(const struct scheduler_core *s, uint64_t wheel_us);
/* Effect: how a batch of the last step ended; unsent jobs wait again as if they had never left. */
void issue_sent(struct scheduler_core *s, uint32_t batch, bool ok, uint64_t sequence);
/* Returns the lower bound of the keeper's clock now, ms. */
uint64_t issue_keeper_ms(const struct scheduler_core *s);
/* Returns the number of the job that was made last. */
uint64_t issue_last_job(const struct scheduler_core *s);
/* Effect: counts one lateness. */
void issue_late(struct scheduler_core *s, uint64_t late_us);

#endif
