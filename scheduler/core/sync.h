/* SPDX-License-Identifier: Apache-2.0 */
/* Keeping in step with the keeper (epoch, clock, nodes in, checks out) and with the brokers (routes). */
#ifndef SYNC_H
#define SYNC_H

#include "scheduler_core.h"

/* Effect: the raised epoch is durable, or not. */
void sync_stored(struct scheduler_core *s, uint64_t epoch, bool ok);
/* Effect: emits what is due: EpochClaim, SyncRequest, CheckSet parts, RouteOpen. */
void sync_send(struct scheduler_core *s, struct scheduler_core_effects *fx);
/* Returns when sync_send has something to do next, us. */
uint64_t sync_next(const struct scheduler_core *s);

#endif
