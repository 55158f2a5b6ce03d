/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The latest Stats of every process, gathered from the bus into one JSON object {name: {role, boot, uptime_ms, at_ms, counters,
 * gauges, latencies}}; its shape is documented in spicectl(1).
 */
#ifndef CTL_GATHER_H
#define CTL_GATHER_H

#include "ctl.h"

#include <jansson.h>
#include <stdint.h>

struct sp_bus_message;

struct ctl_gather {
    json_t *latest;  /* {name: process} */
    json_t *before;  /* the one before, for rates */
    uint32_t rounds; /* processes that were heard at least twice */
};

/* Starts gathering on an open fleet. Borrows the fleet until ctl_gather_close. */
void ctl_gather_open(struct ctl *ctl, struct ctl_gather *gather);

/* Waits until every process that speaks was heard once (a full round), at most wait_ms. False: interrupted. */
bool ctl_gather_round(struct ctl *ctl, struct ctl_gather *gather, uint32_t wait_ms);

/* Stops and releases. */
void ctl_gather_close(struct ctl *ctl, struct ctl_gather *gather);

/* Lends a gauge's value; fallback when the process has none of the name. */
int64_t ctl_gather_gauge(const json_t *process, const char *name, int64_t fallback);

/* Messages per second in (false) or out (true) between the last two Stats of a process; -1 when there was but one. */
double ctl_gather_rate(const struct ctl_gather *gather, const char *name, bool outgoing);

#endif
