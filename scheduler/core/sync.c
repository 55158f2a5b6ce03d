/* SPDX-License-Identifier: Apache-2.0 */
/*   CLAIMING --grant of our epoch and boot--> ACTIVE --higher epoch seen--> DEPOSED (for good: an operator decides)
 *       ^  |                                    |
 *       +--+ grant above ours: store, claim again above it; also when the keeper fell back below ours */
#include "sync.h"

#include <string.h>

#include "fleet.h"
#include "sp_assert.h"

#define ASK_US        ((uint64_t)SCHEDULER_CORE_ASK_MS * SP_US_PER_MS)
#define GAP_US        ((uint64_t)SCHEDULER_CORE_CHECKS_GAP_MS * SP_US_PER_MS)
#define EFFECTS_SPARE 4u /* kept free for what comes after */
#define KEEPER        "keeper"

/* ---- epoch ---- */

static void depose(struct scheduler_core *s, uint64_t in_force, struct scheduler_core_effects *fx)
{
    s->phase = SCHEDULER_DEPOSED;
    scheduler_core_emit_trace(fx, SCHEDULER_TRACE_DEPOSED, s->epoch, in_force);
}

static enum sp_rc raise_above(struct scheduler_core *s, uint64_t in_force, struct scheduler_core_effects *fx)
{
    if (in_force >= SCHEDULER_CORE_EPOCH_MAX) {
        depose(s, in_force, fx);
        return SP_E_LIMIT;
    }
    struct scheduler_core_effect *e = scheduler_core_emit(fx, SCHEDULER_FX_STORE_EPOCH);
    if (e == NULL)
        return SP_E_AGAIN;
    e->value = in_force + 1;
    s->epoch_storing = true;
    scheduler_core_emit_trace(fx, SCHEDULER_TRACE_EPOCH_RAISED, in_force + 1, in_force);
    return SP_OK;
}

enum sp_rc scheduler_on_epoch_grant(struct scheduler_in *in, struct msg_epoch_grant *m)
{
    struct scheduler_core *s = in->core;
    struct scheduler_core_effects *fx = in->fx;
    if (m->epoch < s->epoch || s->phase == SCHEDULER_DEPOSED || s->epoch_storing)
        return SP_E_STALE;
    bool ours = m->epoch == s->epoch && m->boot == s->options.boot;
    if (ours && s->phase == SCHEDULER_CLAIMING) {
        s->phase = SCHEDULER_ACTIVE;
        s->checks_wanted = true;
        scheduler_core_emit_trace(fx, SCHEDULER_TRACE_EPOCH_GRANTED, m->epoch, 0);
    }
    if (ours)
        return SP_OK;
    if (s->phase == SCHEDULER_CLAIMING)
        return raise_above(s, m->epoch, fx);
    if (m->epoch > s->epoch)
        depose(s, m->epoch, fx);
    return SP_OK;
}

void sync_stored(struct scheduler_core *s, uint64_t epoch, bool ok)
{
    s->epoch_storing = false;
    if (!ok || epoch <= s->epoch)
        return; /* the next grant tries again */
    s->epoch = epoch;
    s->counter = 0;
    s->claimed_us = 0;
}

/* ---- the keeper's clock ---- */

enum sp_rc scheduler_on_keeper_clock(struct scheduler_in *in, struct msg_keeper_clock *m)
{
    struct scheduler_core *s = in->core;
    struct scheduler_core_effects *fx = in->fx;
    bool was = s->keeper_ready;
    if (m->boot == s->clock_boot && m->now_ms < s->clock_ms)
        return SP_E_STALE; /* said again: seals do not grow old, and this one would vouch for an old registry */
    s->clock_boot = m->boot;
    s->clock_nodes = m->nodes;
    s->clock_ms = m->now_ms;
    s->clock_at_us = s->now.mono.us;
    s->keeper_ready = m->ready;
    if (was != m->ready)
        scheduler_core_emit_trace(fx, m->ready ? SCHEDULER_TRACE_KEEPER_READY : SCHEDULER_TRACE_KEEPER_LOST, m->epoch, 0);
    if (s->phase == SCHEDULER_ACTIVE && m->epoch > s->epoch) {
        depose(s, m->epoch, fx);
    } else if (s->phase == SCHEDULER_ACTIVE && m->epoch < s->epoch) {
        s->phase = SCHEDULER_CLAIMING; /* it lost what it had granted; claim the same again */
        s->claimed_us = 0;
    }
    if (m->nodes != s->nodes_version && s->set_version == 0)
        s->nodes_wanted = true;
    if (m->checks != s->version && !s->checks_sending && s->now.mono.us - s->checks_sent_us >= ASK_US)
        s->checks_wanted = true;
    return SP_OK;
}

/* ---- nodes in ---- */

static void apply_node(struct scheduler_core *s, const struct rec_node_info *info, struct scheduler_core_effects *fx)
{
    uint32_t index;
    unsigned changes;
    if (registry_put(&s->registry, info, &index, &changes) != SP_OK) {
        scheduler_core_emit_trace(fx, SCHEDULER_TRACE_PAIRS_FULL, s->registry.count, REGISTRY_NODES_MAX);
        return;
    }
    if ((changes & REGISTRY_SELECT) != 0 && fleet_fit_node(s, index, s->nodes_known) != SP_OK)
        scheduler_core_emit_trace(fx, SCHEDULER_TRACE_PAIRS_FULL, s->pairs.count, s->pairs.limit);
    if ((changes & REGISTRY_IDENTITY) != 0)
        fleet_replan_node(s, index, true);
}

static void set_finished(struct scheduler_core *s, const struct msg_node_set *m, struct scheduler_core_effects *fx)
{
    for (uint32_t i = 0; m->base == 0 && i < s->registry.count; i++)
        if (s->registry.nodes[i].present && s->registry.nodes[i].round != s->registry.round) {
            fleet_clear_node(s, i);
            registry_drop(&s->registry, i);
        }
    s->nodes_version = m->version;
    s->keeper_boot = m->boot;
    s->set_version = 0;
    s->nodes_wanted = false;
    s->nodes_known = true;
    scheduler_core_emit_trace(fx, SCHEDULER_TRACE_NODES, s->registry.present, s->pairs.count);
}

/* True when this part is the one to be applied next. */
static bool part_fits(struct scheduler_core *s, const struct msg_node_set *m)
{
    if (m->part != 0)
        return s->set_version == m->version && s->set_base == m->base && s->set_part == m->part && m->version != 0;
    bool same_start = s->nodes_known && m->boot == s->keeper_boot;
    if (m->base != 0 && (!same_start || m->base != s->nodes_version))
        return false;
    if (m->base == 0 && same_start && m->version < s->nodes_version)
        return false;
    /* Versions outlive a start of the keeper. A set of an earlier start that somebody plays again would lead checks to former addresses; an
     * older one is only true when the keeper's store was put back, and then its clock says the same. */
    if (m->base == 0 && s->nodes_known && m->version < s->nodes_version && m->version != s->clock_nodes)
        return false;
    s->set_version = m->version;
    s->set_base = m->base;
    s->set_part = 0;
    s->registry.round += m->base == 0 ? 1 : 0;
    return true;
}

enum sp_rc scheduler_on_node_set(struct scheduler_in *in, struct msg_node_set *m)
{
    struct scheduler_core *s = in->core;
    struct scheduler_core_effects *fx = in->fx;
    struct rec_node_info info;
    if (!part_fits(s, m)) {
        if (m->boot != s->keeper_boot || m->version != s->nodes_version) {
            s->set_version = 0;
            s->nodes_wanted = true;
        }
        return SP_E_STALE;
    }
    while (rec_node_info_next(&m->nodes, &info))
        apply_node(s, &info, fx);
    s->set_part++;
    if (m->last)
        set_finished(s, m, fx);
    return SP_OK;
}

/* ---- checks out ---- */

enum sp_rc scheduler_on_sync_request(struct scheduler_in *in, struct msg_sync_request *m)
{
    (void)m; /* whatever it holds, it gets all of the catalogue */
    in->core->checks_wanted = true;
    return SP_OK;
}

static struct rec_check_info info_of(const struct scheduler_core *s, const struct checks_check *c)
{
    const struct check_def *d = &c->def;
    return (struct rec_check_info){
        .id = d->id,
        .name = sp_str_of(d->name),
        .revision = d->revision,
        .digest = d->digest,
        .stage = d->stage,
        .enabled = d->enabled,
        .adapter = sp_str_of(d->adapter),
        .rise = d->rise,
        .fall = d->fall,
        .max_age_ms = d->max_age_ms,
        .period_ms = plan_typical_ms(checks_profile_of(&s->checks, c), s->now.mono.us, s->wall_offset_us),
        .category = d->category,
        .selector = sp_str_of(d->selector),
        .runbook = sp_str_of(d->runbook),
    };
}

/* Emits the next part; false when there is no room now. */
static bool send_part(struct scheduler_core *s, struct scheduler_core_effects *fx)
{
    struct sp_packer w;
    if (SCHEDULER_CORE_ARENA_BYTES - fx->used < MSG_CHECK_SET_BYTES_MAX || !scheduler_core_body(fx, MSG_CHECK_SET_BYTES_MAX, &w))
        return false;
    uint32_t cursor = s->checks_cursor, count = 0, left = 0;
    for (uint32_t i = cursor; i < s->checks.count; i++)
        left += s->checks.list[i] != NULL;
    struct msg_check_set m = {
        .boot = s->options.boot, .version = s->version, .part = s->checks_part, .last = left <= MSG_CHECK_SET_CHECKS_MAX};
    enum sp_rc rc = msg_check_set_begin(&w, &m);
    for (; rc == SP_OK && cursor < s->checks.count && count < MSG_CHECK_SET_CHECKS_MAX; cursor++) {
        if (s->checks.list[cursor] == NULL)
            continue;
        struct rec_check_info info = info_of(s, s->checks.list[cursor]);
        rc = rec_check_info_put(&w, &info);
        s->checks.list[cursor]->told = true;
        count++;
    }
    SP_ASSERT(rc == SP_OK && msg_check_set_end(&w) == SP_OK);
    if (scheduler_core_emit_body(fx, &w, SP_MSG_CHECK_SET, KEEPER) == NULL)
        return false;
    s->checks_cursor = cursor;
    s->checks_part++;
    s->checks_sending = !m.last;
    return true;
}

static void send_checks(struct scheduler_core *s, struct scheduler_core_effects *fx)
{
    uint64_t now = s->now.mono.us;
    if (s->checks_wanted && (s->checks_sent_us == 0 || now - s->checks_sent_us >= GAP_US)) {
        s->checks_wanted = false;
        s->checks_sending = true;
        s->checks_sent_us = now;
        s->checks_part = 0;
        s->checks_cursor = 0;
    }
    while (s->checks_sending)
        if (fx->count + EFFECTS_SPARE > SCHEDULER_CORE_EFFECTS_MAX || !send_part(s, fx)) {
            s->again = true;
            return;
        }
}

/* ---- asking ---- */

static void send_claim(struct scheduler_core *s, struct scheduler_core_effects *fx)
{
    struct sp_packer w;
    struct msg_epoch_claim m = {.epoch = s->epoch, .boot = s->options.boot};
    if (s->phase != SCHEDULER_CLAIMING || s->epoch_storing || (s->claimed_us != 0 && s->now.mono.us - s->claimed_us < ASK_US))
        return;
    if (!scheduler_core_body(fx, MSG_EPOCH_CLAIM_BYTES_MAX, &w) || msg_epoch_claim_encode(&w, &m) != SP_OK)
        return;
    if (scheduler_core_emit_body(fx, &w, SP_MSG_EPOCH_CLAIM, KEEPER) != NULL)
        s->claimed_us = s->now.mono.us;
}

static void send_ask(struct scheduler_core *s, struct scheduler_core_effects *fx)
{
    struct sp_packer w;
    struct msg_sync_request m = {.boot = s->nodes_known ? s->keeper_boot : 0, .version = s->nodes_known ? s->nodes_version : 0};
    if ((s->nodes_known && !s->nodes_wanted) || (s->nodes_asked_us != 0 && s->now.mono.us - s->nodes_asked_us < ASK_US))
        return;
    if (!scheduler_core_body(fx, MSG_SYNC_REQUEST_BYTES_MAX, &w) || msg_sync_request_encode(&w, &m) != SP_OK)
        return;
    if (scheduler_core_emit_body(fx, &w, SP_MSG_SYNC_REQUEST, KEEPER) != NULL)
        s->nodes_asked_us = s->now.mono.us;
}

static void send_lanes(struct scheduler_core *s, struct scheduler_core_effects *fx)
{
    struct sp_packer w;
    bool silent = false;
    if (s->now.mono.us < s->lanes_at_us)
        return;
    for (uint32_t i = 0; i < s->lanes.count; i++) {
        struct lane *r = &s->lanes.list[i];
        struct msg_route_open m = {.route = {sp_str_of(r->adapter), sp_str_of(r->labels)}};
        for (uint32_t b; (b = lane_to_ask(&s->lanes, r, s->now.mono.us)) < LANE_BROKERS_MAX;) {
            struct scheduler_core_effect *e = NULL;
            if (fx->count + EFFECTS_SPARE <= SCHEDULER_CORE_EFFECTS_MAX && scheduler_core_body(fx, MSG_ROUTE_OPEN_BYTES_MAX, &w) &&
                msg_route_open_encode(&w, &m) == SP_OK)
                e = scheduler_core_emit_body(fx, &w, SP_MSG_ROUTE_OPEN, "");
            if (e == NULL) {
                s->again = true;
                return;
            }
            e->broker = (int)b;
            r->asked_us[b] = s->now.mono.us;
        }
        for (uint32_t b = 0; b < LANE_BROKERS_MAX; b++)
            silent = silent || (s->lanes.brokers[b].up && r->credit[b].granted == 0);
    }
    s->lanes_at_us = silent ? s->now.mono.us + ASK_US : UINT64_MAX;
}

void sync_send(struct scheduler_core *s, struct scheduler_core_effects *fx)
{
    if (s->links_up == 0)
        return;
    send_claim(s, fx);
    send_ask(s, fx);
    send_lanes(s, fx);
    send_checks(s, fx);
}

uint64_t sync_next(const struct scheduler_core *s)
{
    if (s->links_up == 0)
        return UINT64_MAX;
    uint64_t next = s->lanes_at_us;
    if (s->phase == SCHEDULER_CLAIMING && !s->epoch_storing && s->claimed_us + ASK_US < next)
        next = s->claimed_us + ASK_US;
    if ((!s->nodes_known || s->nodes_wanted) && s->nodes_asked_us + ASK_US < next)
        next = s->nodes_asked_us + ASK_US;
    if (s->checks_wanted && s->checks_sent_us + GAP_US < next)
        next = s->checks_sent_us + GAP_US;
    return next;
}
