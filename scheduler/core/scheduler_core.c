/* SPDX-License-Identifier: Apache-2.0 */
#include "scheduler_core.h"

#include <stdlib.h>
#include <string.h>

#include "fleet.h"
#include "hint.h"
#include "issue.h"
#include "lease.h"
#include "sp_assert.h"
#include "sync.h"

#define PAIRS_FIRST 1024u

SP_STATIC_ASSERT(CHECKS_MAX <= UINT16_MAX, "pairs hold the check in 16 bits");
SP_STATIC_ASSERT(SCHEDULER_CORE_ARENA_BYTES >= 2 * MSG_JOB_BATCH_BYTES_MAX, "one batch always fits");

/* The keeper's clock comes each second while results flow. A longer gap between two steps may mean that we were stopped; when it was only
 * quiet, the end of leases is judged half a second later for nothing. */
#define GAP_US  (3 * SP_US_PER_S)
#define TILT_US (SP_US_PER_S / 2)

static int64_t offset_of(struct sp_now now)
{
    return (int64_t)(now.wall.ms * SP_US_PER_MS) - (int64_t)now.mono.us;
}

bool scheduler_core_init(struct scheduler_core *s, const struct scheduler_core_options *options, struct sp_now now)
{
    SP_ASSERT(options->boot != 0 && options->epoch > 0 && options->epoch <= SCHEDULER_CORE_EPOCH_MAX);
    SP_ASSERT(options->batch_jobs > 0 && options->batch_jobs <= MSG_JOB_BATCH_JOBS_MAX);
    SP_ASSERT(options->batch_bytes >= 2 * REC_JOB_BYTES_MAX && options->batch_bytes <= MSG_JOB_BATCH_BYTES_MAX);
    SP_ASSERT(options->attempts_max > 0 && options->attempts_max < 32);
    memset(s, 0, sizeof *s);
    s->options = *options;
    s->now = now;
    s->wall_offset_us = offset_of(now);
    s->epoch = options->epoch;
    registry_init(&s->registry, options->seed);
    checks_init(&s->checks, options->seed);
    lane_init(&s->lanes);
    s->held_us = UINT64_MAX;
    pairs_init(&s->pairs, options->pairs_max);
    s->ring = calloc(SCHEDULER_CORE_TRACE_SIZE, sizeof s->ring[0]);
    if (s->ring != NULL && checkpoint_init(&s->checkpoints, SCHEDULER_CORE_CHECKPOINT_BYTES) &&
        wheel_init(&s->wheel, 0, now.mono.us))
        return true;
    scheduler_core_fini(s);
    return false;
}

void scheduler_core_fini(struct scheduler_core *s)
{
    free(s->ring);
    s->ring = NULL;
    checkpoint_fini(&s->checkpoints);
    wheel_fini(&s->wheel);
    pairs_fini(&s->pairs);
    checks_fini(&s->checks);
    registry_fini(&s->registry);
}

/* ---- effects ---- */

struct scheduler_core_effect *scheduler_core_emit(struct scheduler_core_effects *fx, enum scheduler_core_effect_kind kind)
{
    if (fx->count == SCHEDULER_CORE_EFFECTS_MAX)
        return NULL;
    struct scheduler_core_effect *e = &fx->list[fx->count++];
    *e = (struct scheduler_core_effect){.kind = kind, .broker = -1, .batch = SCHEDULER_CORE_NO_BATCH};
    return e;
}

void scheduler_core_emit_trace(struct scheduler_core_effects *fx, enum scheduler_core_trace trace, uint64_t value, uint64_t more)
{
    struct scheduler_core_effect *e = scheduler_core_emit(fx, SCHEDULER_FX_TRACE);
    if (e == NULL)
        return; /* traces are for people; the numbers are in the statistics too */
    e->trace = trace;
    e->value = value;
    e->more = more;
}

bool scheduler_core_body(struct scheduler_core_effects *fx, size_t bytes, struct sp_packer *w)
{
    size_t room = SCHEDULER_CORE_ARENA_BYTES - fx->used;
    if (bytes == 0 || bytes > room)
        bytes = room;
    sp_packer_init(w, fx->arena + fx->used, bytes);
    return bytes > 0;
}

struct scheduler_core_effect *scheduler_core_emit_body(struct scheduler_core_effects *fx, struct sp_packer *w, uint16_t type,
                                                       const char *dest)
{
    struct scheduler_core_effect *e = scheduler_core_emit(fx, SCHEDULER_FX_SEND);
    if (e == NULL)
        return NULL;
    e->type = type;
    e->dest = dest;
    e->body = fx->arena + fx->used;
    e->bytes = (uint32_t)sp_packer_bytes(w);
    fx->used += e->bytes;
    SP_ASSERT(fx->used <= SCHEDULER_CORE_ARENA_BYTES);
    return e;
}

/* ---- messages ---- */

enum sp_rc scheduler_on_route_credit(struct scheduler_in *in, struct msg_route_credit *m)
{
    return lane_granted(&in->core->lanes, in->message->u.message.broker, m) ? SP_OK : SP_E_STALE;
}

enum sp_rc scheduler_on_definition_get(struct scheduler_in *in, struct msg_definition_get *m)
{
    struct scheduler_core *s = in->core;
    struct sp_packer w;
    uint32_t check = checks_find_digest(&s->checks, m->digest);
    if (check == CHECKS_NONE || !sp_str_copy(s->reply_to, sizeof s->reply_to, sp_str_of(in->message->u.message.from)))
        return SP_E_NOT_FOUND;
    const struct check_def *def = &s->checks.list[check]->def;
    struct msg_definition reply = {.digest = def->digest, .body = sp_str_bytes(def->body, def->body_bytes)};
    if (!scheduler_core_body(in->fx, MSG_DEFINITION_BYTES_MAX, &w) || msg_definition_encode(&w, &reply) != SP_OK)
        return SP_E_AGAIN;
    return scheduler_core_emit_body(in->fx, &w, SP_MSG_DEFINITION, s->reply_to) != NULL ? SP_OK : SP_E_AGAIN;
}

static enum sp_rc on_message(struct scheduler_core *s, const struct scheduler_core_event *e, struct scheduler_core_effects *fx)
{
    struct scheduler_in in = {s, e, fx};
    return scheduler_dispatch(&in, e->u.message.type, (enum sp_role)e->u.message.role, e->u.message.body, e->u.message.bytes);
}

/* ---- catalogue ---- */

static enum sp_rc check_put(struct scheduler_core *s, const struct check_def *def, struct scheduler_core_effects *fx)
{
    uint32_t route = lane_get(&s->lanes, def->adapter, def->labels);
    uint32_t index = checks_find(&s->checks, def->name);
    bool known = index != CHECKS_NONE;
    struct check_def old = {0};
    if (route == LANE_MAX || (!known && s->checks.live == CHECKS_MAX))
        return SP_E_LIMIT;
    if (known) {
        old = s->checks.list[index]->def;
        if (s->checks.list[index]->pairs > 0)
            fleet_unqueue(s, index);
    }
    if (!checks_put(&s->checks, def, &index))
        return SP_E_NOMEM;
    s->checks.list[index]->route = route;
    s->lanes_at_us = 0;
    if (fleet_fit_check(s, index, true) != SP_OK)
        scheduler_core_emit_trace(fx, SCHEDULER_TRACE_PAIRS_FULL, s->pairs.count, s->pairs.limit);
    if (known) /* what was found out so far does not count any more, or only now does */
        fleet_replan_check(s, index, old.stage != def->stage || memcmp(old.digest, def->digest, sizeof old.digest) != 0);
    return SP_OK;
}

static enum sp_rc check_delete(struct scheduler_core *s, const char *name)
{
    uint32_t index = checks_find(&s->checks, name);
    if (index == CHECKS_NONE)
        return SP_E_NOT_FOUND;
    fleet_clear_check(s, index);
    checks_drop(&s->checks, index);
    return SP_OK;
}

static enum sp_rc profile_put(struct scheduler_core *s, const struct profile_def *def)
{
    uint32_t index;
    SP_ASSERT(def->priority < CHECK_DEF_PRIORITIES && def->jitter_percent <= CHECK_DEF_JITTER_MAX);
    fleet_unqueue(s, CHECKS_NONE);
    if (!checks_profile_put(&s->checks, def, &index))
        return SP_E_LIMIT;
    fleet_replan_profile(s, index);
    return SP_OK;
}

static enum sp_rc profile_delete(struct scheduler_core *s, const char *name)
{
    uint32_t index = checks_profile_find(&s->checks, name);
    if (index == CHECKS_NONE || index == 0)
        return SP_E_NOT_FOUND;
    fleet_unqueue(s, CHECKS_NONE);
    checks_profile_drop(&s->checks, index);
    fleet_replan_profile(s, CHECKS_NONE);
    return SP_OK;
}

static enum sp_rc profile_select(struct scheduler_core *s, const char *check, const char *profile)
{
    uint32_t to = profile[0] == '\0' ? CHECKS_NONE : checks_profile_find(&s->checks, profile);
    uint32_t index = check == NULL ? CHECKS_NONE : checks_find(&s->checks, check);
    if ((profile[0] != '\0' && to == CHECKS_NONE) || (check != NULL && index == CHECKS_NONE))
        return SP_E_NOT_FOUND;
    fleet_unqueue(s, index);
    if (check == NULL) {
        checks_select_all(&s->checks, to);
        fleet_replan_profile(s, CHECKS_NONE);
    } else {
        checks_select(&s->checks, index, to);
        fleet_replan_check(s, index, false);
    }
    return SP_OK;
}

static enum sp_rc run_now(struct scheduler_core *s, const struct scheduler_core_event *e)
{
    uint32_t check = checks_find(&s->checks, e->u.run.check), started = 0;
    if (check == CHECKS_NONE)
        return SP_E_NOT_FOUND;
    bool test = e->u.run.test || s->checks.list[check]->def.stage == SP_STAGE_DRAFT;
    for (uint32_t i = 0; i < e->u.run.count && i < SCHEDULER_CORE_RUN_NODES_MAX; i++) {
        uint32_t node = registry_find_name(&s->registry, e->u.run.nodes[i]);
        if (node == WHEEL_NONE || s->registry.nodes[node].state == SP_NODE_STATE_RETIRED)
            continue;
        enum sp_rc rc = fleet_run(s, check, node, test);
        if (rc != SP_OK && rc != SP_E_EXISTS)
            break;
        started += rc == SP_OK;
    }
    if (e->u.run.started != NULL)
        *e->u.run.started = started;
    return SP_OK;
}

static enum sp_rc on_catalogue(struct scheduler_core *s, const struct scheduler_core_event *e, struct scheduler_core_effects *fx)
{
    enum sp_rc rc = SP_E_UNSUPPORTED;
    if (e->kind == SCHEDULER_EV_CHECK_PUT)
        rc = check_put(s, e->u.check, fx);
    else if (e->kind == SCHEDULER_EV_CHECK_DELETE)
        rc = check_delete(s, e->u.name);
    else if (e->kind == SCHEDULER_EV_PROFILE_PUT)
        rc = profile_put(s, e->u.profile);
    else if (e->kind == SCHEDULER_EV_PROFILE_DELETE)
        rc = profile_delete(s, e->u.name);
    else if (e->kind == SCHEDULER_EV_SELECT)
        rc = profile_select(s, e->u.select.check, e->u.select.profile);
    if (rc == SP_OK) {
        s->version = e->version;
        s->checks_wanted = true;
    }
    return rc;
}

/* ---- step ---- */

static void on_link(struct scheduler_core *s, uint32_t broker, bool up, uint64_t boot)
{
    if (broker >= LANE_BROKERS_MAX)
        return;
    lane_link(&s->lanes, broker, up, boot);
    s->links_up = up ? s->links_up | 1u << broker : s->links_up & ~(1u << broker);
    s->lanes_at_us = 0;
    /* What the keeper said while no broker was there is lost, its clock above all, without which no job is issued. */
    if (up && s->nodes_known) {
        s->nodes_wanted = true;
        s->nodes_asked_us = 0;
    }
}

static void clock_follow(struct scheduler_core *s, struct sp_now now, struct scheduler_core_effects *fx)
{
    if (now.mono.us > s->now.mono.us + GAP_US)
        s->tilt_us = now.mono.us + TILT_US;
    if (now.mono.us > s->now.mono.us)
        s->now.mono = now.mono;
    s->now.wall = now.wall;
    int64_t moved = offset_of(s->now) - s->wall_offset_us;
    if (moved > -SCHEDULER_CORE_WALL_STEP_US && moved < SCHEDULER_CORE_WALL_STEP_US)
        return;
    s->wall_offset_us += moved;
    fleet_replan_calendars(s);
    scheduler_core_emit_trace(fx, SCHEDULER_TRACE_CLOCK_STEP, 0, 0);
}

enum sp_rc scheduler_core_step(struct scheduler_core *s, const struct scheduler_core_event *e, struct scheduler_core_effects *fx)
{
    enum sp_rc rc = SP_OK;
    if (e->kind == SCHEDULER_EV_SENT) {
        issue_sent(s, e->u.sent.batch, e->u.sent.ok, e->u.sent.sequence);
        return SP_OK;
    }
    fx->count = 0;
    fx->used = 0;
    s->again = false;
    s->batch_count = 0;
    clock_follow(s, e->now, fx);
    if (e->kind == SCHEDULER_EV_MESSAGE)
        rc = on_message(s, e, fx);
    else if (e->kind == SCHEDULER_EV_LINK)
        on_link(s, e->u.link.broker, e->u.link.up, e->u.link.boot);
    else if (e->kind == SCHEDULER_EV_STORED)
        sync_stored(s, e->u.stored.epoch, e->u.stored.ok);
    else if (e->kind == SCHEDULER_EV_RUN)
        rc = run_now(s, e);
    else if (e->kind == SCHEDULER_EV_REVOKED)
        fleet_forget(s);
    else if (e->kind != SCHEDULER_EV_TICK)
        rc = on_catalogue(s, e, fx);
    if (rc == SP_E_MALFORMED || rc == SP_E_LIMIT)
        s->stats.malformed += e->kind == SCHEDULER_EV_MESSAGE;
    sync_send(s, fx);
    issue_turn(s, fx);
    return rc;
}

struct sp_mono scheduler_core_deadline(const struct scheduler_core *s)
{
    if (s->again)
        return s->now.mono;
    uint64_t wheel = issue_deadline(s, wheel_next(&s->wheel)), sync = sync_next(s);
    return (struct sp_mono){wheel < sync ? wheel : sync};
}

/* ---- queries ---- */

bool scheduler_core_is_ready(const struct scheduler_core *s)
{
    return s->phase == SCHEDULER_ACTIVE && s->nodes_known;
}

bool scheduler_core_issues(const struct scheduler_core *s)
{
    return s->phase == SCHEDULER_ACTIVE && s->nodes_known && s->keeper_ready && s->clock_at_us != 0 &&
           s->now.mono.us - s->clock_at_us < (uint64_t)s->options.clock_lost_ms * SP_US_PER_MS;
}

const struct scheduler_core_issue *scheduler_core_trace_find(const struct scheduler_core *s, uint64_t job)
{
    const struct scheduler_core_issue *row = &s->ring[job & (SCHEDULER_CORE_TRACE_SIZE - 1)];
    return job != 0 && row->job == job ? row : NULL;
}

uint64_t scheduler_core_late_at(const struct scheduler_core *s, unsigned permille)
{
    uint64_t want = (s->stats.late_count * permille + 999) / 1000, seen = 0;
    for (unsigned i = 0; i < SCHEDULER_CORE_LATE_BUCKETS && want > 0; i++) {
        seen += s->stats.late[i];
        if (seen < want)
            continue;
        uint64_t edge = i < 4 ? i : ((uint64_t)(i % 4 + 5) << (i / 4 - 1)) - 1; /* upper edge of the bucket */
        return edge < s->stats.late_max_us ? edge : s->stats.late_max_us;
    }
    return 0;
}

static bool is_waiting(const struct pairs_pair *p)
{
    return p->state == PAIRS_QUEUED || p->state == PAIRS_HELD_CHECK || p->state == PAIRS_HELD_NODE;
}

void scheduler_core_waiting(const struct scheduler_core *s, uint32_t counts[CHECKS_MAX])
{
    memset(counts, 0, CHECKS_MAX * sizeof counts[0]);
    for (uint32_t i = 0; i < s->pairs.top; i++)
        counts[s->pairs.list[i].check] += is_waiting(&s->pairs.list[i]);
}

uint32_t scheduler_core_backlog(const struct scheduler_core *s)
{
    uint32_t count = s->capped; /* asked in each turn: no walk through the checks */
    for (uint32_t i = 0; i < s->lanes.count; i++)
        count += s->lanes.list[i].waiting;
    return count;
}

/* ---- invariants ---- */

static bool pair_right(const struct scheduler_core *s, uint32_t slot)
{
    const struct pairs_pair *p = &s->pairs.list[slot];
    const struct checks_check *check = s->checks.list[p->check];
    if (check == NULL || p->node >= s->registry.count || (!s->registry.nodes[p->node].present && p->state != PAIRS_FREE))
        return false;
    if (p->state == PAIRS_RUNNING)
        return wheel_has(&s->wheel, slot) && p->job != 0 && p->attempt > 0;
    if (p->state == PAIRS_PLANNED)
        return wheel_has(&s->wheel, slot) || p->due == UINT64_MAX;
    return true;
}

bool scheduler_core_check(const struct scheduler_core *s)
{
    uint32_t used = 0, running = 0, waiting = 0, held = 0, queued = 0;
    if (!wheel_check(&s->wheel))
        return false;
    for (uint32_t slot = 0; slot < s->pairs.top; slot++) {
        const struct pairs_pair *p = &s->pairs.list[slot];
        if (p->state == PAIRS_FREE)
            continue;
        if (!pair_right(s, slot))
            return false;
        used++;
        running += p->state == PAIRS_RUNNING;
        queued += p->state == PAIRS_QUEUED;
        held += p->state == PAIRS_HELD_CHECK || p->state == PAIRS_HELD_NODE;
    }
    bool all_capped = held == s->capped;
    for (uint32_t i = 0; i < s->lanes.count; i++)
        waiting += s->lanes.list[i].waiting;
    uint32_t in_checks = 0, on_checks = 0, on_nodes = 0;
    for (uint32_t i = 0; i < s->checks.count; i++)
        if (s->checks.list[i] != NULL) {
            in_checks += s->checks.list[i]->pairs;
            on_checks += s->checks.list[i]->running;
            held -= s->checks.list[i]->held.count;
        }
    for (uint32_t i = 0; i < s->registry.count; i++) {
        on_nodes += s->registry.nodes[i].running;
        held -= s->registry.nodes[i].held.count;
    }
    return used == s->pairs.count && in_checks == used && running == s->open_leases && on_checks == running &&
           on_nodes == running && waiting == queued && held == 0 && all_capped;
}
