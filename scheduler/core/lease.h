/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of a pair whose job was answered, refused, returned or never answered. */
#ifndef LEASE_H
#define LEASE_H

#include "scheduler_core.h"

/* Effect: the lease of the pair, just taken off the wheel, ended without an answer. */
void lease_lost(struct scheduler_core *s, uint32_t slot);

#endif
