/* SPDX-License-Identifier: Apache-2.0 */
/* What keeper and scheduler tell each other: registry and checks by version, epochs, and the keeper's clock. */
#include "keeper_parts.h"

#include "sp_assert.h"

#define KEEPER_SYNC_PARTS_PER_STEP 4u

enum sp_rc keeper_on_sync_request(struct keeper_in *in, struct msg_sync_request *m)
{
    struct keeper_core *core = in->core;
    bool known = m->boot == core->options.boot && m->version <= core->nodes.version;
    core->node_sync = true;
    core->node_sync_base = known ? m->version : 0;
    core->node_sync_version = core->nodes.version;
    core->node_sync_next = 0;
    core->node_sync_part = 0;
    core->clock_due_ms = 0;
    return SP_OK;
}

enum sp_rc keeper_on_epoch_claim(struct keeper_in *in, struct msg_epoch_claim *claim)
{
    struct keeper_core *core = in->core;
    struct keeper_effects *fx = in->fx;
    bool higher = claim->epoch > core->epoch && claim->epoch > core->claim_epoch && claim->epoch <= KEEPER_EPOCH_MAX;
    if (higher && core->health.store_good && keeper_effects_room(fx, 2, 0)) {
        core->claim_epoch = claim->epoch;
        core->claim_boot = claim->boot;
        struct keeper_effect *e = keeper_effects_add(fx, KEEPER_EPOCH);
        e->u.epoch.epoch = claim->epoch;
        e->u.epoch.boot = claim->boot;
        return SP_OK; /* granted when it is durable */
    }
    if (core->claim_epoch == 0 && keeper_effects_room(fx, 1, MSG_EPOCH_GRANT_BYTES_MAX)) {
        struct sp_packer w;
        struct msg_epoch_grant grant = {.epoch = core->epoch, .boot = core->epoch_boot};
        keeper_effects_begin(fx, &w, MSG_EPOCH_GRANT_BYTES_MAX);
        enum sp_rc rc = msg_epoch_grant_encode(&w, &grant);
        SP_ASSERT(rc == SP_OK);
        (void)keeper_effects_send(fx, &w, SP_MSG_EPOCH_GRANT, "");
        core->clock_due_ms = 0;
    }
    return SP_OK;
}

void keeper_sync_committed(struct keeper_core *core, struct keeper_effects *fx)
{
    core->checks_open = false;
    if (core->claim_epoch == 0) {
        return;
    }
    core->epoch = core->claim_epoch; /* from here on, results of lower epochs are refused (SI-5) */
    core->epoch_boot = core->claim_boot;
    core->claim_epoch = 0;
    struct sp_packer w;
    struct msg_epoch_grant grant = {.epoch = core->epoch, .boot = core->epoch_boot};
    keeper_effects_begin(fx, &w, MSG_EPOCH_GRANT_BYTES_MAX);
    enum sp_rc rc = msg_epoch_grant_encode(&w, &grant);
    SP_ASSERT(rc == SP_OK);
    (void)keeper_effects_send(fx, &w, SP_MSG_EPOCH_GRANT, "");
    core->clock_due_ms = 0;
}

void keeper_sync_failed(struct keeper_core *core)
{
    core->claim_epoch = 0; /* it claims again */
    core->checks_unsaved = core->checks_unsaved || core->checks_open;
    core->checks_open = false;
}

enum sp_rc keeper_on_check_set(struct keeper_in *in, struct msg_check_set *set)
{
    struct keeper_core *core = in->core;
    /* Seals do not grow old: a set of a scheduler that was replaced, or one from before a change, said again by a hostile broker or late
     * by an honest one, must not bring a former policy back (SI-12). The scheduler in charge sends again when our clock says so. */
    bool older = core->checks.boot == set->boot && set->version < core->checks.version;
    if (older || set->boot != core->epoch_boot) {
        return SP_OK;
    }
    if (set->part == 0) {
        check_table_begin(&core->checks);
        core->check_set_open = true;
        core->check_set_part = 0;
        core->check_set_boot = set->boot;
        core->check_set_version = set->version;
    }
    bool next = core->check_set_open && set->part == core->check_set_part && set->boot == core->check_set_boot &&
                set->version == core->check_set_version;
    if (!next) {
        core->check_set_open = false; /* a part is missing: ask for all of it */
        core->checks_fresh = false;
        core->sync_due_ms = 0;
        return SP_OK;
    }
    core->check_set_part++;
    struct sp_list list = set->checks;
    struct rec_check_info info;
    while (rec_check_info_next(&list, &info)) {
        if (check_table_put(&core->checks, &info, keeper_now_ms(core)) != SP_OK) {
            core->counters.malformed++; /* such a check does not exist here; a pool that demands it admits nobody */
        }
    }
    if (set->last) {
        if (check_table_end(&core->checks, set->boot, set->version, keeper_now_ms(core))) {
            keeper_sweep_want(core);
        }
        if (check_table_is_stricter(&core->checks)) {
            keeper_judge_tighten(core, false);
        }
        core->check_set_open = false;
        core->checks_fresh = true;
        core->clock_due_ms = 0;
        keeper_judge_resolve(core);
        keeper_judge_all(core);
        core->checks_unsaved = true;
    }
    return SP_OK;
}

static void keeper_sync_clock(struct keeper_core *core, struct keeper_effects *fx)
{
    struct sp_packer w;
    struct msg_keeper_clock clock = {.boot = core->options.clock_boot,
                                     .now_ms = keeper_now_ms(core),
                                     .epoch = core->epoch,
                                     .nodes = core->nodes.version,
                                     .checks = core->checks_fresh ? core->checks.version : 0,
                                     .ready = core->health.store_good};
    keeper_effects_begin(fx, &w, MSG_KEEPER_CLOCK_BYTES_MAX);
    enum sp_rc rc = msg_keeper_clock_encode(&w, &clock);
    SP_ASSERT(rc == SP_OK);
    (void)keeper_effects_send(fx, &w, SP_MSG_KEEPER_CLOCK, "");
    bool flows = core->results_seen != core->results_at_clock;
    core->results_at_clock = core->results_seen;
    /* With the heartbeats of this host, when the interval is a multiple of theirs. */
    core->clock_due_ms = flows ? keeper_now_ms(core) + core->options.clock_ms
                               : sp_time_next_multiple(keeper_now_ms(core), core->options.clock_idle_ms);
}

static void keeper_sync_ask(struct keeper_core *core, struct keeper_effects *fx)
{
    struct sp_packer w;
    struct msg_sync_request ask = {.boot = core->checks.boot, .version = core->checks.version};
    keeper_effects_begin(fx, &w, MSG_SYNC_REQUEST_BYTES_MAX);
    enum sp_rc rc = msg_sync_request_encode(&w, &ask);
    SP_ASSERT(rc == SP_OK);
    (void)keeper_effects_send(fx, &w, SP_MSG_SYNC_REQUEST, "scheduler");
    core->sync_due_ms = keeper_now_ms(core) + KEEPER_SYNC_RETRY_MS;
}

/* One NodeSet message: rows that changed after the base, from the cursor on. */
static void keeper_sync_part(struct keeper_core *core, struct keeper_effects *fx)
{
    struct sp_packer w;
    struct rec_node_info found[MSG_NODE_SET_NODES_MAX];
    uint32_t count = 0, at = core->node_sync_next;
    for (; at < core->nodes.count; at++) {
        const struct node_row *row = node_registry_at(&core->nodes, at + 1);
        if (row->version <= core->node_sync_base && core->node_sync_base != 0) {
            continue;
        }
        if (count == MSG_NODE_SET_NODES_MAX) {
            break;
        }
        found[count++] = (struct rec_node_info){.id = row->id,
                                                .generation = row->generation,
                                                .key = row->key,
                                                .name = sp_str_of(row->name),
                                                .address = sp_str_of(row->address),
                                                .labels = sp_str_of(row->labels),
                                                .state = row->state};
    }
    struct msg_node_set m = {.boot = core->options.boot,
                             .version = core->node_sync_version,
                             .base = core->node_sync_base,
                             .part = core->node_sync_part++,
                             .last = at == core->nodes.count};
    keeper_effects_begin(fx, &w, MSG_NODE_SET_BYTES_MAX);
    enum sp_rc rc = msg_node_set_begin(&w, &m);
    for (uint32_t i = 0; i < count && rc == SP_OK; i++) {
        rc = rec_node_info_put(&w, &found[i]);
    }
    rc = rc == SP_OK ? msg_node_set_end(&w) : rc;
    SP_ASSERT(rc == SP_OK);
    (void)keeper_effects_send(fx, &w, SP_MSG_NODE_SET, "");
    core->node_sync_next = at;
    if (m.last) {
        core->node_sync = false;
        core->told_version = core->node_sync_version;
        core->told_all = core->told_all || core->node_sync_base == 0;
    }
}

bool keeper_sync_busy(const struct keeper_core *core)
{
    return core->node_sync || core->told_version != core->nodes.version || !core->told_all;
}

void keeper_sync_run(struct keeper_core *core, struct keeper_effects *fx)
{
    uint64_t now_ms = keeper_now_ms(core);
    if (!core->node_sync && keeper_sync_busy(core)) {
        core->node_sync = true;
        core->node_sync_base = core->told_all ? core->told_version : 0;
        core->node_sync_version = core->nodes.version;
        core->node_sync_next = 0;
        core->node_sync_part = 0;
    }
    for (uint32_t i = 0; i < KEEPER_SYNC_PARTS_PER_STEP && core->node_sync; i++) {
        if (!keeper_effects_room(fx, 1, MSG_NODE_SET_BYTES_MAX)) {
            break;
        }
        keeper_sync_part(core, fx);
    }
    if (now_ms >= core->clock_due_ms && keeper_effects_room(fx, 1, MSG_KEEPER_CLOCK_BYTES_MAX)) {
        keeper_sync_clock(core, fx);
    }
    if (core->checks_unsaved && core->health.store_good && keeper_effects_room(fx, 1, 0)) {
        (void)keeper_effects_add(fx, KEEPER_CHECKS);
        core->checks_unsaved = false;
        core->checks_open = true;
    }
    if (!core->checks_fresh && now_ms >= core->sync_due_ms && keeper_effects_room(fx, 1, MSG_SYNC_REQUEST_BYTES_MAX)) {
        keeper_sync_ask(core, fx);
    }
}
