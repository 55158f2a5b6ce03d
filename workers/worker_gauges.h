/* SPDX-License-Identifier: Apache-2.0 */
/* worker_gauges.h - what a worker tells of itself in Stats. */
#ifndef SPICE_WORKER_GAUGES_H
#define SPICE_WORKER_GAUGES_H

#include "sender.h"
#include "sp_stats.h"
#include "worker_core.h"

#define WORKER_GAUGES 14u

struct worker_gauges {
    struct sp_stats *stats; /* borrowed */
    uint32_t gauge[WORKER_GAUGES];
};

void worker_gauges_open(struct worker_gauges *self, struct sp_stats *stats);
/* Effect: sets all of them. */
void worker_gauges_set(const struct worker_gauges *self, const struct worker_counts *c, const struct sender *sender);

#endif
