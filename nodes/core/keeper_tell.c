/* SPDX-License-Identifier: Apache-2.0 */
/* Telling readers: sequenced events for what changed, whole snapshots for who joins, beats for who asks the time. The shell signs. */
#include "keeper_parts.h"

#include <stdlib.h>

#include "sp_assert.h"

#define KEEPER_TELL_PARTS_PER_STEP 16u /* snapshot messages made in one step */

bool keeper_tell_grow(struct keeper_core *core)
{
    uint32_t size = core->nodes.size;
    if (size <= core->tell_size) {
        return true;
    }
    uint32_t *tell = realloc(core->tell, size * sizeof *tell);
    core->tell = tell != NULL ? tell : core->tell;
    uint16_t *pools = realloc(core->tell_pools, size * sizeof *pools);
    core->tell_pools = pools != NULL ? pools : core->tell_pools;
    uint32_t *grants = realloc(core->grants, size * sizeof *grants);
    core->grants = grants != NULL ? grants : core->grants;
    if (tell == NULL || pools == NULL || grants == NULL || !sp_heap_resize(&core->deadlines, size)) {
        return false;
    }
    memset(pools + core->tell_size, 0, (size - core->tell_size) * sizeof *pools);
    core->tell_size = size;
    return true;
}

void keeper_tell_mark(struct keeper_core *core, const struct node_row *row, uint32_t pool)
{
    SP_STATIC_ASSERT(POOL_ROWS_MAX <= 16, "a bit per pool");
    SP_ASSERT(row->id <= core->tell_size);
    if (core->tell_pools[row->id - 1] == 0) {
        core->tell[core->tell_count++] = row->id;
    }
    core->tell_pools[row->id - 1] |= (uint16_t)(1u << pool);
}

static void keeper_tell_entry(const struct keeper_core *core, const struct node_row *row, uint32_t pool, char why[KEEPER_WHY_BYTES],
                              struct rec_trust_entry *out)
{
    struct keeper_view view;
    keeper_core_view(core, row, pool, keeper_now_ms(core), &view);
    trust_eval_text(&core->pools[pool], &view.verdict, why, KEEPER_WHY_BYTES);
    *out = (struct rec_trust_entry){.key = row->key,
                                    .node = sp_str_of(row->name),
                                    .pool = sp_str_of(core->pools[pool].name),
                                    .tier = view.tier,
                                    .member = view.member,
                                    .until_ms = view.until_ms,
                                    .since_ms = view.since_ms,
                                    .why = sp_str_of(why)};
}

static void keeper_tell_remember(struct membership *m, const struct rec_trust_entry *e)
{
    m->told = true;
    m->told_until_ms = e->until_ms;
}

static void keeper_tell_event_end(struct sp_packer *w, struct keeper_effects *fx)
{
    enum sp_rc rc = msg_trust_event_end(w);
    SP_ASSERT(rc == SP_OK);
    (void)keeper_effects_send(fx, w, SP_MSG_TRUST_EVENT, "");
}

static void keeper_tell_event_begin(struct keeper_core *core, struct sp_packer *w, struct keeper_effects *fx)
{
    struct msg_trust_event m = {.boot = core->options.boot, .sequence = ++core->sequence, .now_ms = keeper_now_ms(core)};
    keeper_effects_begin(fx, w, MSG_TRUST_EVENT_BYTES_MAX);
    enum sp_rc rc = msg_trust_event_begin(w, &m);
    SP_ASSERT(rc == SP_OK);
    core->counters.events++;
}

/* Puts all marked pools of one node into the open event; opens a new one when it is full. */
static void keeper_tell_node(struct keeper_core *core, struct node_row *row, struct sp_packer *w, bool *open,
                             struct keeper_effects *fx)
{
    uint16_t pools = core->tell_pools[row->id - 1];
    core->tell_pools[row->id - 1] = 0;
    for (uint32_t p = 0; p < core->pool_count; p++) {
        if (((uint32_t)pools >> p & 1u) == 0) {
            continue;
        }
        char why[KEEPER_WHY_BYTES];
        struct rec_trust_entry e;
        keeper_tell_entry(core, row, p, why, &e);
        keeper_tell_remember(&row->members[p], &e);
        if (*open && rec_trust_entry_put(w, &e) == SP_OK) {
            continue;
        }
        if (*open) {
            keeper_tell_event_end(w, fx);
        }
        keeper_tell_event_begin(core, w, fx);
        enum sp_rc rc = rec_trust_entry_put(w, &e);
        SP_ASSERT(rc == SP_OK);
        *open = true;
    }
}

static void keeper_tell_events(struct keeper_core *core, struct keeper_effects *fx)
{
    struct sp_packer w;
    bool open = false;
    uint32_t done = 0;
    while (done < core->tell_count && keeper_effects_room(fx, POOL_ROWS_MAX, 2 * MSG_TRUST_EVENT_BYTES_MAX)) {
        keeper_tell_node(core, node_registry_at(&core->nodes, core->tell[done++]), &w, &open, fx);
    }
    if (open) {
        keeper_tell_event_end(&w, fx);
    }
    if (done > 0) {
        memmove(core->tell, core->tell + done, (core->tell_count - done) * sizeof *core->tell);
        core->tell_count -= done;
    }
}

enum sp_rc keeper_on_subscribe(struct keeper_in *in, struct msg_subscribe *m)
{
    struct keeper_core *core = in->core;
    struct sp_str from = in->message->from;
    uint32_t at = core->subscriber_count;
    for (uint32_t i = 0; i < core->subscriber_count; i++) {
        const struct keeper_subscriber *had = &core->subscribers[(core->subscriber_first + i) % KEEPER_SUBSCRIBERS_MAX];
        at = sp_str_is(from, had->name) ? i : at; /* asks anew: its former question is void */
    }
    if (at >= KEEPER_SUBSCRIBERS_MAX) {
        return SP_OK; /* it asks again */
    }
    core->subscriber_count += at == core->subscriber_count;
    struct keeper_subscriber *sub = &core->subscribers[(core->subscriber_first + at) % KEEPER_SUBSCRIBERS_MAX];
    memset(sub, 0, sizeof *sub);
    (void)sp_str_copy(sub->name, sizeof sub->name, from);
    memcpy(sub->nonce, m->nonce, sizeof sub->nonce);
    return SP_OK;
}

/* One snapshot message, as many entries as fit. */
static void keeper_tell_part(struct keeper_core *core, struct keeper_subscriber *sub, struct keeper_effects *fx)
{
    struct sp_packer w;
    struct msg_snapshot m = {.nonce = sub->nonce,
                             .boot = core->options.boot,
                             .now_ms = keeper_now_ms(core),
                             .sequence = sub->sequence,
                             .part = sub->part++};
    uint32_t first = sub->next, rows = core->pool_count > 0 ? MSG_SNAPSHOT_ENTRIES_MAX / core->pool_count : core->nodes.count;
    m.last = core->nodes.count - first <= rows;
    sub->next = m.last ? core->nodes.count : first + rows;
    keeper_effects_begin(fx, &w, MSG_SNAPSHOT_BYTES_MAX);
    enum sp_rc rc = msg_snapshot_begin(&w, &m);
    for (uint32_t i = first; i < sub->next && rc == SP_OK; i++) {
        struct node_row *row = node_registry_at(&core->nodes, i + 1);
        for (uint32_t p = 0; p < core->pool_count && rc == SP_OK; p++) {
            char why[KEEPER_WHY_BYTES];
            struct rec_trust_entry e;
            if (!core->pools[p].used || row->state == SP_NODE_STATE_RETIRED) {
                continue;
            }
            keeper_tell_entry(core, row, p, why, &e);
            row->members[p].told = true;
            rc = rec_trust_entry_put(&w, &e);
        }
    }
    rc = rc == SP_OK ? msg_snapshot_end(&w) : rc;
    SP_ASSERT(rc == SP_OK); /* 256 entries of the largest size fit by the model's own sum */
    (void)keeper_effects_send(fx, &w, SP_MSG_SNAPSHOT, sub->name);
}

static void keeper_tell_snapshots(struct keeper_core *core, struct keeper_effects *fx)
{
    for (uint32_t i = 0; i < KEEPER_TELL_PARTS_PER_STEP && core->subscriber_count > 0; i++) {
        if (!keeper_effects_room(fx, 1, MSG_SNAPSHOT_BYTES_MAX)) {
            return;
        }
        struct keeper_subscriber *sub = &core->subscribers[core->subscriber_first];
        if (sub->part == 0) {
            sub->sequence = core->sequence; /* later events hold newer facts than parts made before them */
        }
        keeper_tell_part(core, sub, fx);
        if (sub->next >= core->nodes.count) {
            core->subscriber_first = (core->subscriber_first + 1) % KEEPER_SUBSCRIBERS_MAX;
            core->subscriber_count--;
        }
    }
}

enum sp_rc keeper_on_reader_ping(struct keeper_in *in, struct msg_reader_ping *m)
{
    struct keeper_core *core = in->core;
    struct keeper_effects *fx = in->fx;
    struct sp_packer w;
    if (!keeper_effects_room(fx, 1, MSG_TRUST_BEAT_BYTES_MAX)) {
        return SP_E_AGAIN;
    }
    struct msg_trust_beat beat = {
        .nonce = m->nonce, .boot = core->options.boot, .now_ms = keeper_now_ms(core), .sequence = core->sequence};
    keeper_effects_begin(fx, &w, MSG_TRUST_BEAT_BYTES_MAX);
    enum sp_rc rc = msg_trust_beat_encode(&w, &beat);
    SP_ASSERT(rc == SP_OK);
    (void)keeper_effects_send(fx, &w, SP_MSG_TRUST_BEAT, "");
    (void)sp_str_copy(fx->list[fx->count - 1].u.send.dest, KEEPER_PEER_BYTES, in->message->from);
    return SP_OK;
}

void keeper_tell_run(struct keeper_core *core, struct keeper_effects *fx)
{
    keeper_tell_events(core, fx);
    if (core->tell_count == 0) {
        keeper_tell_snapshots(core, fx);
    }
}

bool keeper_tell_busy(const struct keeper_core *core)
{
    return core->tell_count > 0 || core->subscriber_count > 0;
}
