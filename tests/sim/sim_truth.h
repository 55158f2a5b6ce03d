/* SPDX-License-Identifier: Apache-2.0 */
/* The truth, as the reference model sees it. */
#ifndef SIM_TRUTH_H
#define SIM_TRUTH_H

#include <stdbool.h>
#include <stdint.h>

struct sim_run {
    uint64_t job;
    uint64_t issued_ms; /* keeper's clock at the true moment of issue */
    uint64_t dated_ms;  /* as the ticket says */
    uint32_t life_ms;
    uint64_t epoch;
    uint32_t check, node, generation;
    uint32_t revision; /* of the check in the keeper's table when it was let in */
    uint16_t flags;
    uint8_t outcome;  /* as committed */
    uint8_t outcomes; /* bit per outcome a worker found */
    bool executed, accepted, committed;
    bool is_void;   /* its reporter's key was revoked afterwards */
    uint8_t worker; /* process that reported it */
    uint8_t digest[32];
    uint64_t clock_boot;
    uint64_t seal;               /* hash of the whole ticket */
    uint64_t issued_us;          /* true time */
    uint64_t instance;           /* how often the node was started when it was found; of the first time it ran */
    uint32_t generation_counted; /* under which the keeper let it in: a later one than the ticket's when it told of a start */
    uint64_t order;              /* of those let in */
    uint64_t known_before, reborn_before; /* of the node, when it was the first to tell of a start; see tells */
    uint32_t known_by_before;
    uint64_t told_before;
    bool tells;
    uint32_t previous; /* committed run of the same pair before this one, UINT32_MAX */
};

/* What the reference found about a pair, as long as nothing about it changed. */
struct sim_found {
    bool valid, any;
    bool warn;       /* the newest affirming run was a warn */
    uint32_t newest; /* committed run of the pair, UINT32_MAX */
    uint32_t generation, passes;
    uint64_t best_ms;
    uint8_t digest[32];
    uint64_t clock_boot;
};

/* The maximum age of a check as last looked at, and what of its passes was over before it was raised. Of one start of the keeper. */
struct sim_life {
    uint64_t boot, age_ms, seen_ms, over_ms;
};

#endif
