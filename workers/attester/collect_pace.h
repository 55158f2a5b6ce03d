/* SPDX-License-Identifier: Apache-2.0 */
/*
 * collect_pace.h - what an attester may cost its node: a share of one core, and bytes a second. Both are accounts that fill with
 * time up to a limit and are emptied by work. The share is divided between the two parts. In the back one account lives over all
 * questions: each collector gets what is left of it, sleeps when it is overdrawn, and is charged when it has ended. The front
 * sleeps between two turns of its loop; what comes meanwhile waits with the brokers.
 */
#ifndef SPICE_COLLECT_PACE_H
#define SPICE_COLLECT_PACE_H

#include <stdbool.h>
#include <stdint.h>

#define COLLECT_PACE_BURST_US 500000u /* of CPU time; and of I/O: what may be read in so long */
/* Of attester.cpu_percent, in thousandths of a core for each percent. */
#define COLLECT_PACE_FRONT_PERMILLE 4u
#define COLLECT_PACE_BACK_PERMILLE  6u

struct collect_pace {
    uint64_t cpu_permille; /* of one core; 0: no limit */
    uint64_t bytes_per_s;  /* 0: no limit */
    int64_t cpu_us;        /* on account; negative: overdrawn */
    int64_t bytes;
    uint64_t wall_ns;    /* when it was filled */
    uint64_t process_ns; /* CPU time of this process that is charged already */
    uint64_t charged_us; /* CPU time charged in all */
};

/* Effect: full accounts. */
void collect_pace_init(struct collect_pace *pace, uint64_t cpu_permille, uint64_t bytes_per_s, uint64_t now_ns);
/* Effect: fills up to now. */
void collect_pace_fill(struct collect_pace *pace, uint64_t now_ns);
/* Returns how long to wait until nothing is overdrawn, in microseconds. */
uint64_t collect_pace_wait_us(const struct collect_pace *pace);
/* Effect: charges CPU time. */
void collect_pace_charge(struct collect_pace *pace, uint64_t cpu_us);
/* Effect: from now on the CPU time of this process counts. */
void collect_pace_begin(struct collect_pace *pace);
/* Effect: charges the CPU time since the last call. True: the account is overdrawn by more than this. */
bool collect_pace_overdrawn(struct collect_pace *pace, uint64_t by_us);
/* Effect: charges the CPU time since the last call, and sleeps while the account is overdrawn, but not for longer than this. */
void collect_pace_pause(struct collect_pace *pace, uint64_t max_us);
/* Effect, in a collector: charges these bytes and the CPU time since the last call, and sleeps while an account is overdrawn. */
void collect_pace_spend(struct collect_pace *pace, uint64_t bytes);

#endif
