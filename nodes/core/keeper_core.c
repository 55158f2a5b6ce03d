/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper_core.h"

#include <stdlib.h>

#include "keeper_parts.h"
#include "node_record.h"
#include "sp_assert.h"
#include "sp_selector.h"

static uint32_t keeper_limit(uint32_t wanted, uint32_t most)
{
    return wanted == 0 || wanted > most ? most : wanted;
}

enum sp_rc keeper_core_init(const struct keeper_options *options, struct sp_now now, struct keeper_core **out)
{
    struct keeper_core *core = calloc(1, sizeof *core);
    if (core == NULL) {
        return SP_E_NOMEM;
    }
    SP_ASSERT(options->clock_ms > 0 && options->clock_idle_ms > 0); /* else the clock would be sent without end */
    core->options = *options;
    core->options.nodes_max = keeper_limit(options->nodes_max, NODE_ROWS_MAX);
    core->options.pairs_max = keeper_limit(options->pairs_max, KEEPER_PAIRS_MAX);
    core->options.batches_max = keeper_limit(options->batches_max, KEEPER_BATCHES_MAX);
    core->options.forget_ms = options->forget_ms != 0 ? options->forget_ms : KEEPER_FORGET_MS;
    core->now = now;
    core->sweep_due_ms = keeper_now_ms(core) + core->options.forget_ms; /* what the store holds may be over already */
    node_registry_init(&core->nodes, options->hash_key);
    core->nodes.rows_max = core->options.nodes_max;
    check_table_init(&core->checks);
    text_pool_init(&core->texts, options->hash_key, options->text_bytes_max);
    sp_map_init(&core->worker_by_name);
    core->pools = calloc(POOL_ROWS_MAX, sizeof *core->pools);
    core->pending = malloc(KEEPER_PENDING_MAX * sizeof *core->pending);
    core->batches = malloc(core->options.batches_max * sizeof *core->batches);
    core->workers = calloc(KEEPER_WORKERS_MAX, sizeof *core->workers);
    core->open_audit = malloc(KEEPER_AUDIT_OPEN_MAX * sizeof *core->open_audit);
    core->open_history = malloc(KEEPER_HISTORY_OPEN_MAX * sizeof *core->open_history);
    core->subscribers = calloc(KEEPER_SUBSCRIBERS_MAX, sizeof *core->subscribers);
    core->worker_count = core->worker_open = core->worker_durable = 1; /* number 0 is nobody */
    bool ok = core->pools != NULL && core->pending != NULL && core->batches != NULL && core->workers != NULL &&
              core->open_audit != NULL && core->open_history != NULL && core->subscribers != NULL &&
              result_ring_init(&core->ring) && sp_heap_init(&core->deadlines, 0);
    if (!ok) {
        keeper_core_fini(&core);
        return SP_E_NOMEM;
    }
    *out = core;
    return SP_OK;
}

void keeper_core_fini(struct keeper_core **core_p)
{
    struct keeper_core *core = *core_p;
    if (core == NULL) {
        return;
    }
    node_registry_fini(&core->nodes);
    check_table_fini(&core->checks);
    text_pool_fini(&core->texts);
    result_ring_fini(&core->ring);
    sp_map_fini(&core->worker_by_name);
    sp_heap_fini(&core->deadlines);
    free(core->pools);
    free(core->pending);
    free(core->batches);
    free(core->workers);
    free(core->open_audit);
    free(core->open_history);
    free(core->subscribers);
    free(core->grants);
    free(core->tell);
    free(core->tell_pools);
    free(core);
    *core_p = NULL;
}

/* SI-8: the sender's role is checked here too, although whoever delivers has checked it. */
static void keeper_on_message(struct keeper_core *core, const struct keeper_message *m, struct keeper_effects *fx)
{
    struct keeper_in in = {core, m, fx};
    enum sp_rc rc = keeper_dispatch(&in, m->type, (enum sp_role)m->role, m->body, m->bytes);
    core->counters.malformed += rc != SP_OK;
}

static void keeper_on_node_put(struct keeper_core *core, const struct node_def *def)
{
    struct node_row *row = NULL;
    if (node_registry_put(&core->nodes, def, &row) == SP_OK && keeper_tell_grow(core)) {
        keeper_judge_select(core, row);
    }
    if (def->state == SP_NODE_STATE_RETIRED) {
        keeper_sweep_want(core);
    }
}

static void keeper_on_node_rename(struct keeper_core *core, struct node_row *row, struct sp_str name, uint8_t state)
{
    if (row == NULL || node_registry_move(&core->nodes, row, name, state) != SP_OK) {
        return;
    }
    keeper_judge_select(core, row);
    for (uint32_t p = 0; p < core->pool_count; p++) {
        if (row->members[p].told) {
            keeper_tell_mark(core, row, p); /* readers know it by its old name */
        }
    }
}

static void keeper_on_pool_put(struct keeper_core *core, const struct pool_policy *pool)
{
    uint32_t at = keeper_core_find_pool(core, sp_str_of(pool->name));
    for (uint32_t p = 0; p < POOL_ROWS_MAX && at == POOL_ROWS_MAX; p++) {
        at = core->pools[p].used ? at : p;
    }
    if (at == POOL_ROWS_MAX || !node_registry_pools(&core->nodes, at + 1 > core->pool_count ? at + 1 : core->pool_count)) {
        return;
    }
    core->pools[at] = *pool;
    core->pools[at].used = true;
    core->pool_count = at + 1 > core->pool_count ? at + 1 : core->pool_count;
    keeper_judge_resolve(core);
    keeper_judge_all(core);
}

static void keeper_on_pool_delete(struct keeper_core *core, struct sp_str name, struct keeper_effects *fx)
{
    uint32_t at = keeper_core_find_pool(core, name);
    if (at == POOL_ROWS_MAX) {
        return;
    }
    keeper_judge_drop_pool(core, at, fx);
    keeper_tell_run(core, fx); /* while the pool still has a name */
    core->pools[at].used = false;
    keeper_judge_resolve(core);
    for (uint32_t id = 1; id <= core->nodes.count; id++) {
        struct membership *m = &node_registry_at(&core->nodes, id)->members[at];
        *m = (struct membership){.check = CHECK_ROW_NONE, .why = TRUST_NO_POOL};
    }
}

/* K20: what a revoked key reported is void; it has to be found anew by others. */
static void keeper_on_revoked(struct keeper_core *core, struct sp_str name)
{
    uint32_t number = keeper_intake_worker(core, name, false);
    if (number != 0) {
        keeper_boots_revoked(core, number);
    }
    for (uint32_t id = 1; id <= core->nodes.count && number != 0; id++) {
        struct node_row *row = node_registry_at(&core->nodes, id);
        bool any = false;
        for (uint32_t i = 0; i < row->pair_count; i++) {
            if (row->pairs[i].worker == number) {
                pair_state_void(&row->pairs[i]);
                any = true;
            }
        }
        if (any) {
            node_registry_mark_fold(&core->nodes, row);
            node_registry_mark_judge(&core->nodes, row);
        }
    }
}

static void keeper_on_operator(struct keeper_core *core, const struct keeper_event *ev, struct keeper_effects *fx)
{
    struct node_row *row = NULL;
    switch (ev->kind) {
    case KEEPER_EV_NODE_PUT:
        keeper_on_node_put(core, &ev->u.node);
        break;
    case KEEPER_EV_NODE_STATE:
        row = node_registry_at(&core->nodes, ev->u.state.id);
        if (row != NULL && ev->u.state.state <= SP_NODE_STATE_LAST) {
            node_registry_state(&core->nodes, row, ev->u.state.state);
            if (row->state == SP_NODE_STATE_RETIRED) {
                keeper_sweep_want(core);
            }
        }
        break;
    case KEEPER_EV_NODE_RENAME:
        keeper_on_node_rename(core, node_registry_at(&core->nodes, ev->u.rename.id), ev->u.rename.name, ev->u.rename.state);
        break;
    case KEEPER_EV_NODE_IDENTITY:
        row = node_registry_at(&core->nodes, ev->u.id);
        if (row != NULL) {
            node_registry_renew(&core->nodes, row);
        }
        break;
    case KEEPER_EV_POOL_PUT:
        keeper_on_pool_put(core, ev->u.pool);
        break;
    case KEEPER_EV_POOL_DELETE:
        keeper_on_pool_delete(core, ev->u.name, fx);
        break;
    case KEEPER_EV_REVOKED:
        keeper_on_revoked(core, ev->u.name);
        break;
    default:
        SP_UNREACHABLE();
    }
}

void keeper_core_step(struct keeper_core *core, const struct keeper_event *ev, struct keeper_effects *fx)
{
    SP_ASSERT(ev->now.mono.us >= core->now.mono.us); /* the keeper's clock never goes back */
    core->now = ev->now;
    core->health = ev->health;
    switch (ev->kind) {
    case KEEPER_EV_MESSAGE:
        keeper_on_message(core, &ev->u.message, fx);
        break;
    case KEEPER_EV_COMMITTED:
        SP_ASSERT(keeper_effects_room(fx, KEEPER_PENDING_MAX + 2 * KEEPER_BATCHES_MAX + 64, KEEPER_BODY_BYTES_MAX));
        keeper_history_committed(core);
        keeper_intake_committed(core, fx);
        keeper_judge_committed(core, fx);
        keeper_sync_committed(core, fx);
        break;
    case KEEPER_EV_STORE_FAILED:
        keeper_history_failed(core);
        keeper_intake_failed(core);
        keeper_judge_failed(core);
        keeper_sync_failed(core);
        break;
    case KEEPER_EV_TICK:
        break;
    case KEEPER_EV_LINK:
        core->clock_due_ms = 0; /* the scheduler may wait for nothing else, and the next one is seconds away when nothing flows */
        break;
    default:
        keeper_on_operator(core, ev, fx);
        break;
    }
    if (core->was_ready != keeper_core_ready(core)) {
        core->was_ready = !core->was_ready;
        core->clock_due_ms = 0;
    }
    keeper_judge_run(core, fx);
    keeper_sync_run(core, fx);
    keeper_tell_run(core, fx);
    keeper_sweep_run(core);
    keeper_history_run(core, fx);
}

struct sp_mono keeper_core_next_deadline(const struct keeper_core *core)
{
    bool rewrite = core->audit_again && core->health.store_good;
    bool again = core->judge_all && keeper_core_ready(core);
    if (core->nodes.judge_count > 0 || keeper_tell_busy(core) || keeper_sync_busy(core) || keeper_history_busy(core) ||
        keeper_sweep_busy(core) || rewrite || again) {
        return (struct sp_mono){0};
    }
    uint64_t at = core->clock_due_ms;
    const struct sp_heap_entry *top = sp_heap_top(&core->deadlines);
    at = top != NULL && top->key < at ? top->key : at;
    at = !core->checks_fresh && core->sync_due_ms < at ? core->sync_due_ms : at;
    at = core->health.store_good && core->sweep_due_ms < at ? core->sweep_due_ms : at;
    return (struct sp_mono){at * SP_US_PER_MS};
}

bool keeper_core_check(const struct keeper_core *core, uint64_t now_ms)
{
    return node_registry_check(&core->nodes) && sp_heap_check(&core->deadlines) && text_pool_check(&core->texts) &&
           core->pending_count <= KEEPER_PENDING_MAX && core->open_audit_count <= KEEPER_AUDIT_OPEN_MAX &&
           core->open_history_written <= core->open_history_count && core->open_history_count <= KEEPER_HISTORY_OPEN_MAX &&
           core->claim_epoch <= KEEPER_EPOCH_MAX && keeper_judge_check(core, now_ms);
}

bool keeper_core_is_full(const struct keeper_core *core)
{
    return keeper_intake_is_full(core);
}

bool keeper_core_ready(const struct keeper_core *core)
{
    return core->health.clock_good && core->health.store_good && !core->audit_again;
}

struct trust_node keeper_core_trust_node(const struct node_row *row, const struct membership *m)
{
    return (struct trust_node){.pairs = row->pairs,
                               .count = row->pair_count,
                               .generation = row->generation,
                               .state = row->state,
                               .selected = m->selected,
                               .hold_until_ms = m->hold_until_ms};
}

void keeper_core_view(const struct keeper_core *core, const struct node_row *row, uint32_t pool, uint64_t now_ms,
                      struct keeper_view *out)
{
    const struct membership *m = &row->members[pool];
    struct trust_node node = keeper_core_trust_node(row, m);
    memset(out, 0, sizeof *out);
    trust_eval(&core->pools[pool], &core->checks, &node, now_ms, &out->verdict);
    out->since_ms = m->since_ms;
    bool in = m->state == MEMBERSHIP_IN && m->until_ms > now_ms; /* a lapse that nobody has looked at yet is still a lapse */
    out->member = in && out->verdict.member;
    /* Not longer than was granted: a pass that came while the clock was in doubt has prolonged nothing yet. */
    out->until_ms = !out->member ? 0 : out->verdict.until_ms < m->until_ms ? out->verdict.until_ms : m->until_ms;
    out->tier = out->verdict.tier;
    if (out->verdict.member && !out->member) {
        out->tier = m->state == MEMBERSHIP_IN ? (uint8_t)SP_TIER_NONE : m->tier;
        out->verdict.why = TRUST_NOT_READY;
    }
}
