/* SPDX-License-Identifier: Apache-2.0 */
#include "lease.h"

#include "fleet.h"
#include "sp_assert.h"
#include "sp_hash.h"

#define RETRY_FIRST_US  500000u /* back-off before the second attempt; doubles */
#define RETRY_MOST_US   30000000u
#define SHARE_OF_PERIOD 20u /* the first back-off is at most this part of the period */

/* The run of this due time is over; what comes next. Due instants that passed meanwhile are one missed run each, never made up for. */
static void next_due(struct scheduler_core *s, uint32_t slot)
{
    struct pairs_pair *p = &s->pairs.list[slot];
    const struct profile_def *profile = fleet_profile(s, p);
    uint64_t now = s->now.mono.us, hash = fleet_hash(s, p);
    if (p->flags & PAIRS_ADHOC) {
        fleet_drop(s, slot);
        return;
    }
    if ((p->flags & PAIRS_MANUAL) == 0)
        s->stats.missed += plan_missed(profile, hash, p->due, now, s->wall_offset_us);
    p->flags = 0;
    fleet_plan(s, slot, plan_due(profile, hash, p->due > now ? p->due : now, s->wall_offset_us));
}

/* An attempt that found out nothing is repeated soon, unless the next due instant does that anyway. */
static bool retry(struct scheduler_core *s, uint32_t slot)
{
    struct pairs_pair *p = &s->pairs.list[slot];
    const struct profile_def *profile = fleet_profile(s, p);
    uint32_t allowed = 1u + s->checks.list[p->check]->def.retries;
    if (allowed > s->options.attempts_max)
        allowed = s->options.attempts_max;
    if (p->attempt >= allowed || (p->flags & PAIRS_TEST) != 0)
        return false;
    uint64_t hash = fleet_hash(s, p), now = s->now.mono.us;
    uint64_t wait = (uint64_t)plan_typical_ms(profile, now, s->wall_offset_us) * SP_US_PER_MS / SHARE_OF_PERIOD;
    if (wait > RETRY_FIRST_US)
        wait = RETRY_FIRST_US;
    wait <<= p->attempt - 1u;
    if (wait > RETRY_MOST_US)
        wait = RETRY_MOST_US;
    wait += (uint64_t)(((unsigned __int128)sp_hash_u64(hash + p->job) * (wait / 2 + 1)) >> 64);
    if (now + wait >= plan_due(profile, hash, p->due > now ? p->due : now, s->wall_offset_us))
        return false;
    s->stats.retried++;
    wheel_set(&s->wheel, slot, now + wait);
    return true;
}

void lease_lost(struct scheduler_core *s, uint32_t slot)
{
    /* Nobody knows whether it ran, so it is not run again for the same due time. */
    s->stats.lost++;
    fleet_withdraw(s, slot);
    next_due(s, slot);
}

static bool is_out(const struct scheduler_core *s, uint32_t slot, uint64_t job)
{
    return slot < s->pairs.top && s->pairs.list[slot].state == PAIRS_RUNNING && s->pairs.list[slot].job == job;
}

/* True when the question was good and only this answer could not be taken: what changed meanwhile, or the keeper's own trouble. Asked anew,
 * soon; otherwise a pair with a long period would stay without a result for all of it. */
static bool worth_asking_again(uint16_t code)
{
    switch (code) {
    case SP_REFUSAL_DIGEST:
    case SP_REFUSAL_IDENTITY:
    case SP_REFUSAL_UNKNOWN_CHECK:
    case SP_REFUSAL_FUTURE:
    case SP_REFUSAL_LATE:
    case SP_REFUSAL_STORE:
    case SP_REFUSAL_NOT_READY:
    case SP_REFUSAL_OVERLOAD:
        return true;
    default:
        return false;
    }
}

static void close_one(struct scheduler_core *s, const struct rec_closed *r)
{
    struct pairs_pair *p = &s->pairs.list[r->slot];
    const struct scheduler_core_issue *issue = scheduler_core_trace_find(s, r->job);
    if (issue != NULL)
        lane_answered(&s->lanes.list[s->checks.list[p->check]->route], s->now.mono.us - issue->issued_us);
    fleet_withdraw(s, r->slot);
    s->stats.closed++;
    if (r->code != SP_REFUSAL_NONE) {
        s->stats.refused++;
    } else if (r->outcome == SP_OUTCOME_ERROR) {
        s->stats.errors++;
        if (retry(s, r->slot))
            return;
    } else if (r->job > s->checkpoints_since && !checkpoint_put(&s->checkpoints, &p->checkpoint, r->checkpoint)) {
        s->stats.no_checkpoint++;
    }
    bool again = worth_asking_again(r->code) && (p->flags & PAIRS_ADHOC) == 0;
    next_due(s, r->slot);
    if (again)
        fleet_plan(s, r->slot, plan_prompt(fleet_profile(s, p), fleet_hash(s, p), s->now.mono.us, s->wall_offset_us));
}

/* The answer of a job that is not the pair's present one is counted as stale. */
enum sp_rc scheduler_on_lease_closed(struct scheduler_in *in, struct msg_lease_closed *m)
{
    struct scheduler_core *s = in->core;
    struct rec_closed r;
    if (m->epoch != s->epoch) {
        s->stats.stale += m->closed.count;
        return SP_E_STALE;
    }
    while (rec_closed_next(&m->closed, &r)) {
        if (is_out(s, r.slot, r.job))
            close_one(s, &r);
        else
            s->stats.stale++;
    }
    return SP_OK;
}

/* The jobs were not run, so no attempt is counted. */
enum sp_rc scheduler_on_job_return(struct scheduler_in *in, struct msg_job_return *m)
{
    struct scheduler_core *s = in->core;
    struct rec_returned r;
    while (rec_returned_next(&m->jobs, &r)) {
        if (!is_out(s, r.slot, r.job)) {
            s->stats.stale++;
            continue;
        }
        struct pairs_pair *p = &s->pairs.list[r.slot];
        fleet_withdraw(s, r.slot);
        SP_ASSERT(p->attempt > 0);
        p->attempt--;
        s->stats.returned++;
        uint64_t pause = SCHEDULER_CORE_RETURN_MS * SP_US_PER_MS;
        pause += sp_hash_u64(r.job) % pause;
        wheel_set(&s->wheel, r.slot, s->now.mono.us + pause);
    }
    return SP_OK;
}
