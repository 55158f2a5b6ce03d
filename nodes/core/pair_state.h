/* SPDX-License-Identifier: Apache-2.0 */
/* What we believe about one (check, node) pair, in 64 bytes. Pure arithmetic: no allocation, no table, no clock.
 *
 *            pass/warn x rise                       fail x fall
 *   unknown ------------------> up (affirming) ----------------> down (contraindicated)
 *      ^                         |    ^                             |
 *      |   max_age without pass  |    +---- pass/warn x rise -------+
 *      +-------------------------+        (max_age without fail: down reads as unknown, and still needs rise passes)
 *
 * Rules (threat model sections 8 and 9):
 *  - ages count from when the scheduler issued the job, on the keeper's clock; nothing prolongs a lifetime but a new pass;
 *  - an error says nothing about the node: it neither ends nor prolongs trust, but it breaks a streak of passes on the way up;
 *  - passes further apart than max_age are not "in a row";
 *  - a result of another node generation or policy is worth nothing (SI-12), and so is one dated in the future (pitfall D9). */
#ifndef PAIR_STATE_H
#define PAIR_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "msg.h"

#define PAIR_MS_MAX     ((1ull << 48) - 1) /* largest instant a pair can hold */
#define PAIR_STREAK_MAX UINT16_MAX         /* counts stop here */

struct pair_state {
    uint32_t check_id;
    uint32_t generation;     /* of the node, when the last result was made */
    uint32_t policy;         /* check_row.policy under which it was made; 0: void */
    uint32_t text;           /* text_pool reference: detail, a line feed, measures */
    uint64_t job;            /* number of the last accepted job; later ones are larger (SI-4) */
    uint64_t issued_ms : 48; /* keeper clock: issue of the last result */
    uint64_t reason : 16;
    uint64_t pass_ms : 48; /* issue of the last affirming result, 0 none */
    uint64_t worker : 16; /* principal number of who reported what stands: last, but for errors and fails that change nothing yet */
    uint64_t fail_ms : 48; /* issue of the last contraindicated result, 0 none */
    uint64_t attempt : 8;
    uint64_t outcome : 4;
    uint64_t up : 1;    /* rise reached, and no fall since */
    uint64_t down : 1;  /* fall reached, and no rise since */
    uint64_t warn : 1;  /* the last affirming result was a warn */
    uint64_t known : 1; /* a result was ever applied under `policy` and `generation` */
    uint32_t since_s;   /* wall clock: start of the present run of equal outcomes */
    uint32_t run_count; /* results in it */
    uint32_t run_job;   /* low bits of the job that began it; makes the run's key unique */
    uint16_t passes;    /* affirming results in a row */
    uint16_t fails;     /* fails since the last affirming result */
};

/* What a result brings, once the rules of intake let it in. */
struct pair_result {
    uint64_t job;
    uint64_t issued_ms;
    uint32_t wall_s;
    uint32_t generation;
    uint32_t policy;
    uint16_t reason;
    uint16_t worker;
    uint8_t outcome; /* enum sp_outcome */
    uint8_t attempt;
};

/* The part of a check that judges results. */
struct pair_rule {
    uint64_t over_ms; /* keeper clock; 0: none. Passes up to then were over under a shorter maximum age, and stay over */
    uint32_t policy;
    uint32_t max_age_ms;
    uint16_t rise;
    uint16_t fall;
};

/* A closed run of equal outcomes, for the history. */
struct pair_run {
    uint32_t since_s, last_s, count, run_job;
    uint16_t reason;
    uint8_t outcome;
};

/* Effect: folds a result into the pair. Returns true when that ended a run of equal outcomes, which is then in *ended. The text
 * reference and the job number stay the caller's business. */
bool pair_state_apply(struct pair_state *p, const struct pair_result *r, const struct pair_rule *rule, struct pair_run *ended);
/* Effect: the rule changed: a pair is up only if its present streak of passes would have brought it up under this rule, and down if its
 * present fails would have brought it down. Never the other way round: an easier rule counts from the next result on. True when something
 * changed. */
bool pair_state_tighten(struct pair_state *p, const struct pair_rule *rule);
/* Effect: what was known is void (identity, policy, key or clock changed); job number and history stay. */
void pair_state_void(struct pair_state *p);
/* Returns the tier at now_ms under the rule for a node of that generation, and through *until_ms (may be NULL) the instant at which
 * it stops being so by itself (0: never by itself). */
enum sp_tier pair_state_tier(const struct pair_state *p, const struct pair_rule *rule, uint32_t generation, uint64_t now_ms,
                             uint64_t *until_ms);
/* Returns where the pair of check_id is among `count` pairs with rising check ids, or where it belongs. first: id of the first pair (of no
 * meaning when there is none), for callers that know it without a look at the pairs. Ids are whole numbers, so the place is never behind
 * check_id - first, and is exactly there while no id between is missing: one look instead of a search. */
static inline uint32_t pair_state_place(const struct pair_state *pairs, uint32_t count, uint32_t first, uint32_t check_id)
{
    if (count == 0 || check_id < first) {
        return 0;
    }
    uint32_t low = 0, high = check_id - first < count ? check_id - first : count;
    if (high < count && pairs[high].check_id == check_id) {
        return high;
    }
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (pairs[middle].check_id < check_id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}
/* True when the fields agree with each other. */
bool pair_state_check(const struct pair_state *p);

#endif
