/* SPDX-License-Identifier: Apache-2.0 */
/* From due to sent: pairs that fall due wait for caps and credit, and leave in batches per route. */
#ifndef ISSUE_H
#define ISSUE_H

#include "scheduler_core.h"

/* Effect: takes up to SCHEDULER_CORE_DUE_MAX due pairs off the wheel: leases that ended unanswered are lost, the rest queue for a job. */
void issue_due(struct scheduler_core *s);
/* Effect: makes job batches for routes with waiting pairs and credit. Sets s->again when it had to stop for room. */
void issue_send(struct scheduler_core *s, struct scheduler_core_effects *fx);
/* Effect: how a batch of the last step ended; unsent jobs wait again as if they had never left. */
void issue_sent(struct scheduler_core *s, uint32_t batch, bool ok, uint64_t sequence);
/* Returns the lower bound of the keeper's clock now, ms. */
uint64_t issue_keeper_ms(const struct scheduler_core *s);
/* Effect: counts one lateness. */
void issue_late(struct scheduler_core *s, uint64_t late_us);

#endif
