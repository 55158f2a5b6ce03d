/* SPDX-License-Identifier: Apache-2.0 */
/* The list of findings that doctor fills; one row per thing looked at. */
#ifndef CTL_DOCTOR_H
#define CTL_DOCTOR_H

#include "ctl.h"

#include <jansson.h>

enum ctl_doctor_state { CTL_DOCTOR_OK, CTL_DOCTOR_WARN, CTL_DOCTOR_FAIL, CTL_DOCTOR_STATES };

struct ctl_doctor {
    struct ctl *ctl;
    json_t *rows; /* [{check, state, detail, hint}] */
    size_t count[CTL_DOCTOR_STATES];
};

/* Adds a finding. hint: what to do; "" when all is well. Borrows. */
void ctl_doctor_add(struct ctl_doctor *doctor, enum ctl_doctor_state state, const char *check, const char *hint, const char *detail,
                    ...) __attribute__((format(printf, 5, 6)));

/* What this host has: configuration, keys, directories, clock, disk. False: the fleet cannot be asked. */
bool ctl_doctor_host(struct ctl_doctor *doctor);

/* What the processes of nova-scheduler on this host tell of their filter; nothing when there are none. */
void ctl_doctor_filter(struct ctl_doctor *doctor);

/* What the keeper says at one moment, to be found elsewhere. */
struct ctl_doctor_goal {
    char boot[17];    /* of the keeper's start */
    int64_t sequence; /* of its latest event */
    json_t *pools;    /* pool.list */
};

/* Query: every living process of nova-scheduler on this host holds the goal: the same start, no event less, as many members. */
bool ctl_doctor_filter_holds(struct ctl_doctor *doctor, const struct ctl_doctor_goal *goal);

/* Adds what is to be said of that; nothing when there are none. */
void ctl_doctor_filter_path(struct ctl_doctor *doctor, const struct ctl_doctor_goal *goal);

/* Walks the way of a result once (--path). Borrows the scheduler's check.list. */
void ctl_doctor_path(struct ctl_doctor *doctor, const json_t *checks);

/* What the fleet says: brokers, roles, versions, workers for every adapter, the path of results and of trust. */
void ctl_doctor_fleet(struct ctl_doctor *doctor);

#endif
