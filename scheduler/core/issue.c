/* SPDX-License-Identifier: Apache-2.0 */
#include "issue.h"

#include <string.h>

#include "fleet.h"
#include "lease.h"
#include "sp_assert.h"

#define JOB_SHIFT  40u
#define DRIFT_PART 2000u /* 500 ppm: the two clocks may differ in rate by so much */

SP_STATIC_ASSERT((SCHEDULER_CORE_TRACE_SIZE & (SCHEDULER_CORE_TRACE_SIZE - 1)) == 0, "ring index is a mask");
SP_STATIC_ASSERT(SCHEDULER_CORE_BATCHES_MAX + 16u <= SCHEDULER_CORE_EFFECTS_MAX, "room for other effects beside the batches");

uint64_t issue_last_job(const struct scheduler_core *s)
{
    return s->epoch << JOB_SHIFT | s->counter;
}

uint64_t issue_keeper_ms(const struct scheduler_core *s)
{
    uint64_t elapsed = s->now.mono.us - s->clock_at_us;
    return s->clock_ms + (elapsed - elapsed / DRIFT_PART) / SP_US_PER_MS;
}

void issue_late(struct scheduler_core *s, uint64_t late_us)
{
    unsigned bucket = 0;
    if (late_us >= 4) {
        unsigned top = 63u - (unsigned)__builtin_clzll(late_us);
        bucket = (top - 1) * 4 + (unsigned)(late_us >> (top - 2) & 3);
    } else {
        bucket = (unsigned)late_us;
    }
    s->stats.late[bucket < SCHEDULER_CORE_LATE_BUCKETS ? bucket : SCHEDULER_CORE_LATE_BUCKETS - 1]++;
    s->stats.late_count++;
    if (late_us > s->stats.late_max_us)
        s->stats.late_max_us = late_us;
}

/* Up to SCHEDULER_CORE_DUE_MAX pairs. */
static void take_due(struct scheduler_core *s)
{
    for (unsigned i = 0; i < SCHEDULER_CORE_DUE_MAX; i++) {
        uint32_t slot = wheel_pop(&s->wheel, s->now.mono.us);
        if (slot == WHEEL_NONE)
            return;
        struct pairs_pair *p = &s->pairs.list[slot];
        if (p->state == PAIRS_RUNNING) {
            if (s->now.mono.us < s->tilt_us)
                wheel_set(&s->wheel, slot, s->tilt_us);
            else
                lease_lost(s, slot);
            continue;
        }
        SP_ASSERT(p->state == PAIRS_PLANNED);
        s->stats.due++;
        s->lanes.list[s->checks.list[p->check]->route].due_us = s->now.mono.us;
        fleet_queue(s, slot);
    }
    s->again = true;
}

/* ---- one job ---- */

/* Decides whether a queued pair may run now. False: it was moved to where it waits. */
static bool may_run(struct scheduler_core *s, uint32_t slot)
{
    struct pairs_pair *p = &s->pairs.list[slot];
    struct checks_check *check = s->checks.list[p->check];
    struct registry_node *node = &s->registry.nodes[p->node];
    const struct profile_def *profile = checks_profile_of(&s->checks, check);
    if (!check->told) {
        p->state = PAIRS_PLANNED; /* its due time stays */
        wheel_set(&s->wheel, slot, s->now.mono.us + SCHEDULER_CORE_CHECKS_GAP_MS * SP_US_PER_MS);
    } else if (profile->window_count > 0 && (p->flags & PAIRS_MANUAL) == 0 &&
               !plan_open(profile, s->now.mono.us, s->wall_offset_us)) {
        p->state = PAIRS_PLANNED;
        s->stats.missed++;
        fleet_plan(s, slot, plan_due(profile, fleet_hash(s, p), s->now.mono.us, s->wall_offset_us));
    } else if (profile->max_running > 0 && check->running >= profile->max_running) {
        fleet_hold(s, slot, PAIRS_HELD_CHECK);
    } else if (profile->max_per_node > 0 && node->running >= profile->max_per_node) {
        fleet_hold(s, slot, PAIRS_HELD_NODE);
    } else {
        return true;
    }
    fleet_release(s, p->check, p->node); /* it left a place it did not use */
    return false;
}

static uint32_t lease_ms(const struct scheduler_core *s, const struct checks_check *check)
{
    return check->def.timeout_ms + SCHEDULER_CORE_EXPIRES_MS + s->options.grace_ms;
}

/* An answer older than half a result's lifetime is not worth having; but answers that waited in an outbox while the keeper restarted are. */
static uint32_t life_ms(const struct scheduler_core *s, const struct checks_check *check)
{
    uint32_t lease = lease_ms(s, check), half = check->def.max_age_ms / 2;
    return lease > half ? lease : half;
}

static void seal(struct scheduler_core *s, uint32_t slot, uint64_t job, const struct rec_job *r, uint8_t out[SP_TICKET_BYTES])
{
    const struct pairs_pair *p = &s->pairs.list[slot];
    const struct checks_check *check = s->checks.list[p->check];
    const struct registry_node *node = &s->registry.nodes[p->node];
    uint32_t flags = (p->flags & PAIRS_TEST) != 0 || check->def.stage == SP_STAGE_DRAFT ? SP_TICKET_TEST
                     : check->def.stage == SP_STAGE_SHADOW                              ? SP_TICKET_SHADOW
                                                                                        : 0u;
    struct sp_ticket t = {
        .attempt = (uint8_t)(p->attempt + 1),
        .flags = (uint16_t)flags,
        .check = check->def.id,
        .node = node->id,
        .generation = node->generation,
        .slot = slot,
        .job = job,
        .epoch = s->epoch,
        .clock_boot = s->clock_boot,
        .issued_ms = issue_keeper_ms(s),
        .life_ms = life_ms(s, check),
    };
    memcpy(t.digest, check->def.digest, sizeof t.digest);
    s->options.random.fn(s->options.random.ctx, t.nonce, sizeof t.nonce);
    const struct sp_ticket_job about = {r->node, r->address, r->checkpoint, r->timeout_ms};
    sp_ticket_subject(&about, &s->options.digest, t.subject);
    sp_ticket_seal(&t, &s->options.mac, out);
}

/* Appends the job to the open batch; SP_E_FULL leaves everything as it was. */
static enum sp_rc put_job(struct scheduler_core *s, uint32_t slot, uint64_t job, struct sp_packer *w)
{
    struct pairs_pair *p = &s->pairs.list[slot];
    uint8_t ticket[SP_TICKET_BYTES];
    const struct registry_node *node = &s->registry.nodes[p->node];
    struct sp_str address = registry_address(node);
    struct rec_job r = {
        .ticket = ticket,
        .timeout_ms = s->checks.list[p->check]->def.timeout_ms,
        .node = registry_name(node),
        .address = sp_str_eq(address, registry_name(node)) ? sp_str_of("") : address,
        .checkpoint = sp_str_bytes(s->checkpoint, checkpoint_get(&s->checkpoints, p->checkpoint, s->checkpoint)),
    };
    seal(s, slot, job, &r, ticket);
    return rec_job_put(w, &r);
}

/* Books a job that is in the batch. */
static void book(struct scheduler_core *s, uint32_t slot, uint64_t job)
{
    struct pairs_pair *p = &s->pairs.list[slot];
    struct checks_check *check = s->checks.list[p->check];
    struct registry_node *node = &s->registry.nodes[p->node];
    if (p->attempt == 0 && (p->flags & PAIRS_MANUAL) == 0)
        issue_late(s, s->now.mono.us - p->due);
    p->state = PAIRS_RUNNING;
    p->job = job;
    p->attempt++;
    check->running++;
    node->running++;
    s->open_leases++;
    s->stats.issued++;
    s->stats.tests += (p->flags & PAIRS_TEST) != 0;
    wheel_set(&s->wheel, slot, s->now.mono.us + (uint64_t)lease_ms(s, check) * SP_US_PER_MS);
    s->ring[job & (SCHEDULER_CORE_TRACE_SIZE - 1)] = (struct scheduler_core_issue){.job = job,
                                                                                   .issued_us = s->now.mono.us,
                                                                                   .due_us = p->due,
                                                                                   .slot = slot,
                                                                                   .node_id = node->id,
                                                                                   .check_id = check->def.id,
                                                                                   .attempt = p->attempt};
}

/* ---- batches ---- */

static void fill(struct scheduler_core *s, struct lane *r, struct scheduler_core_batch *b, uint64_t credit, struct sp_packer *w)
{
    uint64_t most = credit < s->options.batch_jobs ? credit : s->options.batch_jobs;
    for (uint32_t looked = 0; b->count < most; looked++) {
        uint32_t slot = looked < SCHEDULER_CORE_DUE_MAX ? lane_pop(&s->wheel, r) : WHEEL_NONE;
        if (slot == WHEEL_NONE) {
            s->again = s->again || looked == SCHEDULER_CORE_DUE_MAX;
            return;
        }
        if (!may_run(s, slot))
            continue;
        uint64_t job = s->epoch << JOB_SHIFT | (s->counter + 1);
        if (put_job(s, slot, job, w) != SP_OK) {
            lane_push_front(&s->wheel, r, fleet_profile(s, &s->pairs.list[slot])->priority, slot);
            return;
        }
        s->counter++;
        book(s, slot, job);
        s->batch_slots[b->first + b->count++] = slot;
    }
}

/* One batch of one route; false when there is nothing to send or no room (then again is set). */
static bool send_batch(struct scheduler_core *s, uint32_t index, struct scheduler_core_effects *fx)
{
    struct lane *r = &s->lanes.list[index];
    struct sp_packer w;
    uint64_t credit = 0;
    uint32_t broker = lane_pick(&s->lanes, r, &credit);
    if (r->waiting == 0 || broker == LANE_BROKERS_MAX)
        return false;
    if (r->waiting < s->options.batch_jobs && s->now.mono.us < r->hold_us) {
        s->held_us = r->hold_us < s->held_us ? r->hold_us : s->held_us;
        return false;
    }
    if (s->batch_count == SCHEDULER_CORE_BATCHES_MAX || fx->count == SCHEDULER_CORE_EFFECTS_MAX ||
        SCHEDULER_CORE_ARENA_BYTES - fx->used < s->options.batch_bytes || !scheduler_core_body(fx, s->options.batch_bytes, &w)) {
        s->again = true;
        return false;
    }
    struct scheduler_core_batch *b = &s->batches[s->batch_count];
    *b = (struct scheduler_core_batch){.route = index, .broker = broker, .first = s->batch_count * MSG_JOB_BATCH_JOBS_MAX};
    struct msg_job_batch m = {.route = {sp_str_of(r->adapter), sp_str_of(r->labels)}, .expires_ms = SCHEDULER_CORE_EXPIRES_MS};
    uint64_t first_job = s->epoch << JOB_SHIFT | (s->counter + 1);
    if (msg_job_batch_begin(&w, &m) != SP_OK)
        return false;
    fill(s, r, b, credit, &w);
    if (b->count == 0 || msg_job_batch_end(&w) != SP_OK)
        return false;
    struct scheduler_core_effect *e = scheduler_core_emit_body(fx, &w, SP_MSG_JOB_BATCH, "");
    SP_ASSERT(e != NULL);
    e->broker = (int)broker;
    e->epoch = s->epoch;
    e->trace_id = first_job;
    e->batch = s->batch_count++;
    r->credit[broker].sent += b->count;
    r->hold_us = s->now.mono.us + lane_hold(r);
    s->stats.batches++;
    return true;
}

static void send_batches(struct scheduler_core *s, struct scheduler_core_effects *fx)
{
    s->held_us = UINT64_MAX;
    if (!scheduler_core_issues(s))
        return;
    /* Round robin over routes, so that a route with plenty of credit and a long queue does not keep the others waiting. */
    uint32_t quiet = 0;
    while (quiet < s->lanes.count && !s->again) {
        s->lane_turn = s->lane_turn + 1 < s->lanes.count ? s->lane_turn + 1 : 0;
        quiet = send_batch(s, s->lane_turn, fx) ? 0 : quiet + 1;
    }
}

/* A message costs every process on its way far more than one more job in it, and so does a timer set for each due time. So under load the
 * next look waits in proportion to what this one moved: below one move per PACE_MOVE_US that dies away again, above it grows to
 * PACE_MOST_US, and messages fill. Fewer than PACE_LOAD_MIN moves in a PACE_SPAN_US are no load: they leave at once. */
#define PACE_MOVE_US   10u
#define PACE_MOST_US   2000u
#define PACE_SPAN_US   1000u
#define PACE_LOAD_MIN  16u
#define JOIN_MOST_US   10000u
#define JOIN_LATELY_US 1000000u /* a lane without anything due for so long is not in use */

/* Moves of about the last PACE_SPAN_US, those of this turn included. */
static uint32_t pace_load(struct scheduler_core *s, uint64_t moves)
{
    uint64_t passed = s->now.mono.us - s->pace_at_us;
    passed = passed < PACE_SPAN_US ? passed : PACE_SPAN_US;
    s->pace_moves -= (uint32_t)(s->pace_moves * passed / PACE_SPAN_US);
    s->pace_moves += (uint32_t)moves;
    s->pace_at_us = s->now.mono.us;
    return s->pace_moves;
}

/* What fell due only joined those that wait for company or for credit, and so, most likely, will what falls due next: it needs no timer of its own, and
 * credit comes with a message. No longer than any lane in use that could send would hold it: where answers come at once jobs still leave at once. */
static uint64_t join_until(const struct scheduler_core *s)
{
    uint64_t now = s->now.mono.us, most = s->held_us - now < JOIN_MOST_US ? s->held_us - now : JOIN_MOST_US, credit;
    for (uint32_t i = 0; i < s->lanes.count; i++) {
        const struct lane *r = &s->lanes.list[i];
        if (now - r->due_us < JOIN_LATELY_US && lane_hold(r) < most && lane_pick(&s->lanes, r, &credit) != LANE_BROKERS_MAX)
            most = lane_hold(r);
    }
    return now + most;
}

void issue_turn(struct scheduler_core *s, struct scheduler_core_effects *fx)
{
    s->pace_owed = s->now.mono.us < s->pace_us;
    if (s->pace_owed)
        return;
    uint64_t due = s->stats.due, issued = s->stats.issued;
    take_due(s);
    send_batches(s, fx);
    due = s->stats.due - due;
    issued = s->stats.issued - issued;
    uint64_t moves = due + issued, wait = moves * PACE_MOVE_US;
    if (pace_load(s, moves) < PACE_LOAD_MIN || s->again)
        wait = 0;
    s->join_us = due > 0 && issued == 0 && !s->again ? join_until(s) : 0;
    s->pace_us = s->now.mono.us + (wait < PACE_MOST_US ? wait : PACE_MOST_US);
}

uint64_t issue_deadline(const struct scheduler_core *s, uint64_t wheel_us)
{
    wheel_us = wheel_us < s->join_us ? s->join_us : wheel_us;
    uint64_t next = wheel_us < s->held_us ? wheel_us : s->held_us;
    return s->pace_owed || next < s->pace_us ? s->pace_us : next;
}

static void unsend(struct scheduler_core *s, uint32_t slot)
{
    struct pairs_pair *p = &s->pairs.list[slot];
    if (p->state != PAIRS_RUNNING)
        return;
    fleet_withdraw(s, slot);
    p->attempt--;
    s->stats.unsent++;
    wheel_set(&s->wheel, slot, s->now.mono.us + SCHEDULER_CORE_RETURN_MS * SP_US_PER_MS);
}

void issue_sent(struct scheduler_core *s, uint32_t batch, bool ok, uint64_t sequence)
{
    if (batch >= s->batch_count)
        return;
    const struct scheduler_core_batch *b = &s->batches[batch];
    for (uint32_t i = 0; i < b->count; i++) {
        uint32_t slot = s->batch_slots[b->first + i];
        uint64_t job = s->pairs.list[slot].job;
        if (ok)
            s->ring[job & (SCHEDULER_CORE_TRACE_SIZE - 1)].sequence = sequence;
        else
            unsend(s, slot);
    }
    if (!ok) {
        struct lane_credit *c = &s->lanes.list[b->route].credit[b->broker];
        c->sent -= c->sent < b->count ? c->sent : b->count;
    }
}
