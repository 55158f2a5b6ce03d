/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The latest statistics of every process, as the brokers keep them (stats.get) and the peers they are connected to (peers.list),
 * each process once whichever broker heard it last; what all bridges say.
 */
#ifndef CTL_GATHER_H
#define CTL_GATHER_H

#include "ctl.h"
#include "ctl_fleet.h"

#include <jansson.h>
#include <stdint.h>

struct ctl_gather {
    json_t *latest; /* {name: row of stats.get, with at_ms} */
    json_t *before; /* an older one of each, for rates */
};

/* Empty. */
void ctl_gather_open(struct ctl_gather *gather);

/* Asks every broker that is up. False: none answered, fault says why. */
bool ctl_gather_refresh(struct ctl *ctl, struct ctl_gather *gather, struct ctl_fault *fault);

/* Gives the rows of peers.list of all brokers in one object {name: row}; NULL: none answered. */
json_t *ctl_gather_peers(struct ctl *ctl, struct ctl_fault *fault);

/* Asks every bridge with what --pool and --node say; hint: what such a bridge needs. Gives their answers, one at the least. Returns
 * the exit code, error printed. */
int ctl_gather_bridges(struct ctl *ctl, const char *verb, const char *hint, json_t **views);

void ctl_gather_close(struct ctl_gather *gather);

/* Messages per second in (false) or out (true) between the last two statistics of a process; -1 when there was but one. */
double ctl_gather_rate(const struct ctl_gather *gather, const char *name, bool outgoing);

#endif
