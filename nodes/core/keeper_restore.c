/* SPDX-License-Identifier: Apache-2.0 */
/* Start: the core is filled from the store. Nothing here makes a membership; what is still proven is judged like anything new. */
#include "keeper_journal.h"
#include "keeper_parts.h"
#include "node_record.h"
#include "sp_assert.h"

#define RECORD_CLOCK_BYTES 8u /* a record begins with the clock domain its instants are of */

/* Instants of another clock domain say nothing: results are void, a hold-down runs again in full rather than not at all (SI-13). */
static void keeper_restore_void(struct keeper_core *core, struct node_row *row, uint64_t now_ms)
{
    for (uint32_t i = 0; i < row->pair_count; i++) {
        pair_state_void(&row->pairs[i]);
    }
    for (uint32_t p = 0; p < core->pool_count; p++) {
        struct membership *m = &row->members[p];
        m->hold_until_ms = m->flaps == 0 ? 0 : now_ms + membership_hold_ms(core->pools[p].hold_down_ms, m->flaps);
    }
    node_registry_mark_fold(&core->nodes, row);
}

static bool keeper_restore_is_ours(const struct keeper_core *core, uint64_t clock_boot)
{
    return clock_boot == core->options.clock_boot;
}

static uint32_t keeper_restore_names(const struct keeper_core *core, const char *names[POOL_ROWS_MAX])
{
    for (uint32_t p = 0; p < core->pool_count; p++) {
        names[p] = core->pools[p].used ? core->pools[p].name : NULL;
    }
    return core->pool_count;
}

enum sp_rc keeper_core_restore_check(struct keeper_core *core, const struct rec_check_info *info, uint32_t policy, uint64_t over_ms)
{
    return check_table_restore(&core->checks, info, policy, over_ms);
}

void keeper_core_restore_policies(struct keeper_core *core, uint32_t last)
{
    core->checks.policy_last = last > core->checks.policy_last ? last : core->checks.policy_last;
}

void keeper_core_restore_catalogue(struct keeper_core *core, uint64_t boot, uint64_t version)
{
    core->checks.boot = boot;
    core->checks.version = version;
}

void keeper_core_restore_epoch(struct keeper_core *core, uint64_t epoch, uint64_t boot)
{
    core->epoch = epoch;
    core->epoch_boot = boot;
}

enum sp_rc keeper_core_restore_worker(struct keeper_core *core, uint32_t number, struct sp_str name)
{
    if (number == 0 || keeper_intake_worker(core, name, true) != number) {
        return SP_E_CORRUPT;
    }
    core->worker_open = core->worker_durable = core->worker_count;
    return SP_OK;
}

enum sp_rc keeper_core_restore_pool(struct keeper_core *core, const struct pool_policy *pool)
{
    if (core->pool_count >= POOL_ROWS_MAX || pool_policy_fault(pool) != NULL) {
        return SP_E_CORRUPT;
    }
    if (!node_registry_pools(&core->nodes, core->pool_count + 1)) {
        return SP_E_NOMEM;
    }
    struct pool_policy *p = &core->pools[core->pool_count++];
    *p = *pool;
    p->used = true;
    keeper_judge_resolve(core);
    return SP_OK;
}

enum sp_rc keeper_core_restore_node(struct keeper_core *core, const struct node_def *def, uint32_t generation, uint64_t version)
{
    struct node_row *row = NULL;
    enum sp_rc rc = node_registry_restore(&core->nodes, def, generation, version, &row);
    if (rc == SP_OK && !keeper_tell_grow(core)) {
        rc = SP_E_NOMEM;
    }
    if (rc == SP_OK) {
        keeper_judge_select(core, row);
    }
    return rc;
}

void keeper_core_restore_instance(struct keeper_core *core, uint32_t node, uint64_t instance, uint32_t worker)
{
    struct node_row *row = node_registry_at(&core->nodes, node);
    if (row != NULL) {
        row->instance = instance;
        row->instance_worker = worker <= UINT16_MAX ? (uint16_t)worker : 0;
    }
}

enum sp_rc keeper_core_restore_record(struct keeper_core *core, uint32_t node, struct sp_str record)
{
    const char *names[POOL_ROWS_MAX];
    uint32_t pools = keeper_restore_names(core, names);
    uint64_t clock_boot = 0;
    struct node_row *row = node_registry_at(&core->nodes, node);
    if (row == NULL || row->pair_count != 0 || record.n < RECORD_CLOCK_BYTES) {
        return SP_E_CORRUPT;
    }
    for (uint32_t i = 0; i < RECORD_CLOCK_BYTES; i++) {
        clock_boot |= (uint64_t)(uint8_t)record.p[i] << 8 * i;
    }
    struct sp_str rest = {record.p + RECORD_CLOCK_BYTES, record.n - RECORD_CLOCK_BYTES};
    enum sp_rc rc = node_record_read(&core->nodes, row, &core->texts, names, pools, rest);
    if (rc == SP_OK && !keeper_restore_is_ours(core, clock_boot)) {
        keeper_restore_void(core, row, keeper_now_ms(core));
    }
    return rc;
}

/* Gives the pairs of the row the job numbers from before (or with) results whose commit is not known yet. */
static void keeper_restore_rewind(const struct keeper_core *core, const struct node_row *row, bool before)
{
    for (uint32_t n = 0; row->open && n < core->pending_count; n++) {
        const struct keeper_pending *p = &core->pending[before ? core->pending_count - 1 - n : n];
        struct pair_state *pair = p->counts && p->node == row->id ? node_registry_find_pair(row, p->check) : NULL;
        if (pair != NULL) {
            pair->job = before ? p->job_before : p->result.job;
        }
    }
}

void keeper_core_write_record(const struct keeper_core *core, const struct node_row *row, struct sp_buf *out)
{
    const char *names[POOL_ROWS_MAX];
    uint8_t head[RECORD_CLOCK_BYTES];
    uint32_t pools = keeper_restore_names(core, names);
    for (uint32_t i = 0; i < RECORD_CLOCK_BYTES; i++) {
        head[i] = (uint8_t)(core->options.clock_boot >> 8 * i & 0xff);
    }
    sp_buf_append(out, head, sizeof head);
    keeper_restore_rewind(core, row, true); /* else a replay would take the journal's rows for contained */
    node_record_write(row, &core->texts, names, pools, out);
    keeper_restore_rewind(core, row, false);
}

/* One result of a journal row: the same fold as at run time, if the record does not contain it already. */
static void keeper_replay_entry(struct keeper_core *core, const struct keeper_journal *row, const struct keeper_journal_entry *e,
                                bool ours, struct keeper_effects *fx)
{
    struct node_row *node = node_registry_at(&core->nodes, e->node);
    struct pair_state *pair = node != NULL ? node_registry_pair(&core->nodes, node, e->check) : NULL;
    if (pair == NULL || e->result.job <= pair->job) {
        return;
    }
    pair->job = e->result.job; /* stays taken even when the rest no longer fits (SI-4) */
    node_registry_mark_fold(&core->nodes, node);
    if (!ours) {
        return; /* its instants are of another clock domain (SI-13) */
    }
    struct keeper_pending p = {.detail = e->text, .node = e->node, .check = e->check, .counts = true, .result = e->result};
    p.result.wall_s = (uint32_t)(row->wall_ms / SP_MS_PER_S);
    p.result.worker = (uint16_t)row->worker;
    struct keeper_history ended;
    if (keeper_intake_fold(core, &p, &ended)) {
        keeper_effects_add(fx, KEEPER_HISTORY)->u.history = ended; /* committed by who replays; the same row again is ignored */
    }
}

enum sp_rc keeper_core_replay(struct keeper_core *core, const struct keeper_journal *row, struct keeper_effects *fx)
{
    struct sp_str rest = sp_str_bytes(row->body, row->bytes);
    struct keeper_journal_entry e;
    struct keeper_journal_mark mark;
    uint64_t clock_boot = 0;
    enum sp_rc rc = keeper_journal_head(&rest, &clock_boot, &mark);
    bool ours = keeper_restore_is_ours(core, clock_boot);
    while (rc == SP_OK && (rc = keeper_journal_next(&rest, &mark, &e)) == SP_OK) {
        keeper_replay_entry(core, row, &e, ours, fx);
    }
    return rc == SP_E_NOT_FOUND ? SP_OK : rc;
}

void keeper_core_restored(struct keeper_core *core)
{
    keeper_judge_tighten(core, true);
}

void keeper_core_void_all(struct keeper_core *core, uint64_t now_ms)
{
    core->void_before_ms = now_ms;
    check_table_forget_over(&core->checks);
    core->checks_unsaved = core->checks.count > 0; /* the next start in this boot must not find those of the former one */
    for (uint32_t id = 1; id <= core->nodes.count; id++) {
        keeper_restore_void(core, node_registry_at(&core->nodes, id), now_ms);
    }
}

struct node_registry *keeper_core_nodes(struct keeper_core *core)
{
    return &core->nodes;
}

const struct check_table *keeper_core_checks(const struct keeper_core *core)
{
    return &core->checks;
}

const struct text_pool *keeper_core_texts(const struct keeper_core *core)
{
    return &core->texts;
}

const struct result_ring *keeper_core_ring(const struct keeper_core *core)
{
    return &core->ring;
}

const struct keeper_counters *keeper_core_counters(const struct keeper_core *core)
{
    return &core->counters;
}

const struct pool_policy *keeper_core_pool(const struct keeper_core *core, uint32_t index)
{
    SP_ASSERT(index < core->pool_count);
    return core->pools[index].used ? &core->pools[index] : NULL;
}

uint32_t keeper_core_pools(const struct keeper_core *core)
{
    return core->pool_count;
}

uint32_t keeper_core_find_pool(const struct keeper_core *core, struct sp_str name)
{
    for (uint32_t p = 0; p < core->pool_count; p++) {
        if (core->pools[p].used && sp_str_is(name, core->pools[p].name)) {
            return p;
        }
    }
    return POOL_ROWS_MAX;
}

const char *keeper_core_worker(const struct keeper_core *core, uint32_t number)
{
    return number < core->worker_count ? core->workers[number] : "";
}

uint64_t keeper_core_epoch(const struct keeper_core *core)
{
    return core->epoch;
}

uint64_t keeper_core_boot(const struct keeper_core *core)
{
    return core->options.boot;
}

uint64_t keeper_core_sequence(const struct keeper_core *core)
{
    return core->sequence;
}
