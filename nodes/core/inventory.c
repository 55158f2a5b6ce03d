/* SPDX-License-Identifier: Apache-2.0 */
#include "inventory.h"

#include <stdio.h>
#include <stdlib.h>

#include "inventory_parts.h"
#include "sp_assert.h"
#include "sp_hash.h"

#define INVENTORY_MISSES_MAX 255u

void inventory_init(struct inventory *inv, const struct inventory_options *options)
{
    SP_ASSERT(options->rule_count <= INVENTORY_RULES_MAX);
    memset(inv, 0, sizeof *inv);
    inv->options = *options;
}

void inventory_fini(struct inventory *inv)
{
    for (uint32_t i = 0; i < INVENTORY_SOURCES_MAX; i++) {
        free(inv->sources[i].rows);
    }
    free(inv->rows);
    free(inv->memos);
    memset(inv, 0, sizeof *inv);
}

/* ---- memos ---- */

struct inventory_memo *inventory_memo_of(const struct inventory *inv, uint32_t node)
{
    return node >= 1 && node <= inv->memo_count ? &inv->memos[node - 1] : NULL;
}

static bool inventory_memos(struct inventory *inv, uint32_t count)
{
    if (count <= inv->memo_count) {
        return true;
    }
    struct inventory_memo *memos = realloc(inv->memos, count * sizeof *memos);
    if (memos == NULL) {
        return false;
    }
    memset(memos + inv->memo_count, 0, (count - inv->memo_count) * sizeof *memos);
    inv->memos = memos;
    inv->memo_count = count;
    return true;
}

bool inventory_restore(struct inventory *inv, uint32_t node, uint64_t cause)
{
    if (node == NODE_ID_NONE || node > NODE_ROWS_MAX || cause >= INVENTORY_CAUSE_COUNT || !inventory_memos(inv, node)) {
        return false;
    }
    inv->memos[node - 1].cause = (uint8_t)cause;
    return true;
}

void inventory_forget(struct inventory *inv, uint32_t node)
{
    struct inventory_memo *memo = inventory_memo_of(inv, node);
    if (memo != NULL) {
        memo->cause = INVENTORY_NONE;
        memo->accepted = false;
    }
}

uint8_t inventory_cause_of(const struct inventory *inv, uint32_t node)
{
    const struct inventory_memo *memo = inventory_memo_of(inv, node);
    return memo != NULL ? memo->cause : (uint8_t)INVENTORY_NONE;
}

bool inventory_is_ours(const struct node_row *row)
{
    return row->origin == NODE_ORIGIN_NOVA;
}

bool inventory_is_due(const struct inventory *inv, const struct node_row *row, uint64_t now_ms)
{
    const struct inventory_memo *memo = inventory_memo_of(inv, row->id);
    bool ours = memo != NULL && inventory_is_ours(row) && row->state != SP_NODE_STATE_RETIRED;
    bool ordered = row->state == SP_NODE_STATE_QUARANTINED && inventory_cause_of(inv, row->id) != INVENTORY_CONFLICT;
    return ours && !ordered && memo->misses >= inv->options.misses && memo->missing_ms != 0 &&
           now_ms - memo->missing_ms >= inv->options.missing_ms;
}

/* ---- a whole reading ---- */

struct inventory_row *inventory_row_of(const struct inventory *inv, const uint8_t key[16])
{
    uint32_t low = 0, high = inv->row_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = memcmp(inv->rows[middle].key, key, 16);
        if (order == 0) {
            return &inv->rows[middle];
        }
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    return NULL;
}

/* Marks names that are there twice. False without memory. */
static bool inventory_find_twins(struct inventory *inv)
{
    struct sp_map names;
    bool ok = true;
    sp_map_init(&names);
    for (uint32_t i = 0; i < inv->row_count && ok; i++) {
        struct inventory_row *row = &inv->rows[i];
        if (row->bad) {
            continue;
        }
        uint64_t hash = sp_hash_sip(inv->options.hash_key, row->name, strlen(row->name));
        hash = hash == UINT64_MAX ? 0 : hash;
        uint32_t first = sp_map_get(&names, hash);
        if (first != SP_MAP_NONE && strcmp(inv->rows[first].name, row->name) == 0) {
            row->twice = inv->rows[first].twice = true;
        } else if (first == SP_MAP_NONE) {
            ok = sp_map_put(&names, hash, i);
        }
    }
    sp_map_fini(&names);
    return ok;
}

static void inventory_look_for(struct inventory *inv, const struct node_registry *nodes, uint64_t now_ms)
{
    for (uint32_t id = 1; id <= nodes->count && id <= inv->memo_count; id++) {
        struct inventory_memo *memo = &inv->memos[id - 1];
        const struct node_row *row = node_registry_at(nodes, id);
        memo->present = inventory_row_of(inv, row->key) != NULL;
        if (memo->present || !inventory_is_ours(row) || row->state == SP_NODE_STATE_RETIRED) {
            memo->misses = 0;
            memo->missing_ms = 0;
            memo->accepted = false;
            continue;
        }
        if (memo->misses < INVENTORY_MISSES_MAX) {
            memo->misses++;
        }
        memo->missing_ms = memo->missing_ms == 0 ? now_ms : memo->missing_ms;
    }
}

/* True the first time a node is met in a batch. */
static bool inventory_once(struct inventory *inv, uint32_t node)
{
    struct inventory_memo *memo = inventory_memo_of(inv, node);
    bool first = memo == NULL || memo->batch != inv->batch;
    if (memo != NULL) {
        memo->batch = inv->batch;
    }
    return first;
}

/* How many nodes would go out of service by this reading; is that too many at once? */
static void inventory_weigh(struct inventory *inv, const struct node_registry *nodes, uint64_t now_ms)
{
    struct inventory_act acts[2];
    uint64_t serving = 0;
    inv->harm = 0;
    inv->batch_new = 0;
    inv->batch++;
    for (uint32_t i = 0; i < inv->row_count; i++) {
        uint32_t n = inventory_row_acts(inv, nodes, &inv->rows[i], acts);
        for (uint32_t k = 0; k < n; k++) {
            inv->harm += inventory_act_harms(&acts[k]) && inventory_once(inv, acts[k].node) ? 1 : 0;
        }
    }
    for (uint32_t id = 1; id <= nodes->count; id++) {
        const struct node_row *row = node_registry_at(nodes, id);
        bool in_service = inventory_is_ours(row) && row->state == SP_NODE_STATE_IN_SERVICE;
        serving += in_service;
        inv->harm += in_service && inventory_is_due(inv, row, now_ms) && inventory_once(inv, id) ? 1 : 0;
    }
    if (now_ms - inv->hour_ms >= INVENTORY_HOUR_MS) {
        inv->hour_ms = now_ms;
        inv->hour_count = 0;
    }
    inv->limit = (uint32_t)((serving + inv->hour_count) * inv->options.brake_percent / 100);
    inv->limit = inv->limit > 0 ? inv->limit : 1;
    inv->braked = inv->harm > 0 && inv->harm + inv->hour_count > inv->limit;
    inv->counters.braked += inv->braked ? 1 : 0;
}

static void inventory_whole(struct inventory *inv, struct inventory_source *s, const struct node_registry *nodes, uint64_t now_ms)
{
    free(inv->rows);
    inv->rows = s->rows;
    inv->row_count = s->count;
    s->rows = NULL;
    s->size = s->count = 0;
    s->open = false;
    inv->whole_ms = now_ms;
    inv->counters.wholes++;
    memcpy(inv->source, s->name, sizeof inv->source);
    inv->acting = inventory_memos(inv, nodes->count) && inventory_find_twins(inv);
    if (!inv->acting) { /* no memory: this reading is as good as none */
        free(inv->rows);
        inv->rows = NULL;
        inv->row_count = 0;
        return;
    }
    inventory_look_for(inv, nodes, now_ms);
    inventory_weigh(inv, nodes, now_ms);
    inv->at = inv->pass = 0;
    inv->changed = false;
}

/* ---- parts ---- */

static struct inventory_source *inventory_source_of(struct inventory *inv, struct sp_str name)
{
    struct inventory_source *free_one = NULL;
    for (uint32_t i = 0; i < INVENTORY_SOURCES_MAX; i++) {
        struct inventory_source *s = &inv->sources[i];
        if (sp_str_is(name, s->name)) {
            return s;
        }
        free_one = free_one == NULL && s->name[0] == '\0' ? s : free_one;
    }
    return free_one != NULL && name.n > 0 && sp_str_copy(free_one->name, sizeof free_one->name, name) ? free_one : NULL;
}

/* A name that is none is kept as far as it can be shown. */
static void inventory_name(struct inventory *inv, struct inventory_row *row, struct sp_str name)
{
    row->bad = !sp_str_is_name(name, NODE_NAME_BYTES_MAX);
    inv->counters.bad_names += row->bad ? 1 : 0;
    uint32_t n = name.n < NODE_NAME_BYTES_MAX ? (uint32_t)name.n : NODE_NAME_BYTES_MAX;
    for (uint32_t i = 0; i < n; i++) {
        row->name[i] = name.p[i] > ' ' && name.p[i] <= '~' && name.p[i] != '"' && name.p[i] != '\\' ? name.p[i] : '?';
    }
    row->name[n] = '\0';
}

static bool inventory_take(struct inventory *inv, struct inventory_source *s, const struct msg_inventory_report *m)
{
    static const uint8_t zero[16];
    struct sp_list list = m->nodes;
    struct rec_inventory_node node;
    while (rec_inventory_node_next(&list, &node)) {
        const uint8_t *before = s->count > 0 ? s->rows[s->count - 1].key : zero;
        if (s->count == s->size || memcmp(before, node.key, 16) >= 0) {
            return false; /* more than was said, or not in order: no reading */
        }
        struct inventory_row *row = &s->rows[s->count++];
        memset(row, 0, sizeof *row);
        memcpy(row->key, node.key, sizeof row->key);
        memcpy(row->service, node.service, sizeof row->service);
        row->flags = node.flags;
        inventory_name(inv, row, node.name);
    }
    return true;
}

static enum inventory_part_result inventory_refuse(struct inventory *inv, struct inventory_source *s, bool malformed)
{
    if (s != NULL) {
        free(s->rows);
        s->rows = NULL;
        s->size = s->count = 0;
        s->open = false;
    }
    inv->counters.malformed += malformed ? 1 : 0;
    inv->counters.refused += malformed ? 0 : 1;
    return malformed ? INVENTORY_MALFORMED : INVENTORY_REFUSED;
}

enum inventory_part_result inventory_part(struct inventory *inv, const struct node_registry *nodes, uint64_t now_ms,
                                          struct sp_str source, const struct msg_inventory_report *m)
{
    struct inventory_source *s = inventory_source_of(inv, source);
    bool soon = inv->whole_ms != 0 && now_ms - inv->whole_ms < INVENTORY_SPACING_MS;
    if (s == NULL || inv->options.mode == INVENTORY_OFF) {
        return inventory_refuse(inv, NULL, false);
    }
    if (m->part == 0) {
        bool old = s->boot == m->boot && m->snapshot <= s->snapshot;
        if (old || soon || m->total > inv->options.rows_max) {
            return inventory_refuse(inv, s->open && old ? NULL : s, false);
        }
        free(s->rows);
        s->rows = m->total > 0 ? malloc(m->total * sizeof *s->rows) : NULL;
        s->boot = m->boot;
        s->snapshot = m->snapshot;
        s->size = s->total = s->rows != NULL ? m->total : 0;
        s->count = s->part = 0;
        s->open = s->total == m->total;
    }
    if (!s->open || s->boot != m->boot || s->snapshot != m->snapshot || s->part != m->part || s->total != m->total) {
        return inventory_refuse(inv, s, false); /* a part is missing */
    }
    inv->counters.parts++;
    s->part++;
    if (!inventory_take(inv, s, m) || (m->last && s->count != s->total)) {
        return inventory_refuse(inv, s, true);
    }
    if (!m->last) {
        return INVENTORY_TAKEN;
    }
    inventory_whole(inv, s, nodes, now_ms);
    return INVENTORY_WHOLE;
}

/* ---- acts ---- */

/* True when mode and brake let it happen, and nothing else is to happen to the node at once. */
static bool inventory_may(struct inventory *inv, const struct inventory_act *act)
{
    struct inventory_memo *memo = act->node != NODE_ID_NONE ? inventory_memo_of(inv, act->node) : NULL;
    bool room =
        !inv->braked && inv->hour_count + inv->batch_harm < inv->limit; /* also for what only shows when other acts are done */
    bool held = inventory_act_harms(act) && !room && (memo == NULL || !memo->accepted);
    return !held && (memo == NULL || memo->batch != inv->batch);
}

static uint32_t inventory_next_row(struct inventory *inv, const struct node_registry *nodes, struct inventory_row *row,
                                   struct inventory_act *acts)
{
    uint32_t n = inventory_row_acts(inv, nodes, row, acts);
    bool may = inv->options.mode == INVENTORY_DISCOVER;
    for (uint32_t k = 0; k < n; k++) {
        may = may && inventory_may(inv, &acts[k]);
    }
    for (uint32_t k = 0; k < n && may; k++) {
        struct inventory_memo *memo = inventory_memo_of(inv, acts[k].node);
        inv->batch_new += acts[k].node == NODE_ID_NONE ? 1 : 0;
        inv->batch_harm += inventory_act_harms(&acts[k]) && (memo == NULL || !memo->accepted) ? 1 : 0;
        if (memo != NULL) {
            memo->batch = inv->batch;
        }
    }
    return may ? n : 0;
}

/* By the time of the reading, which was weighed: what becomes due a moment later waits for the next one. */
static uint32_t inventory_next_node(struct inventory *inv, const struct node_row *row, struct inventory_act *act)
{
    struct inventory_memo *memo = inventory_memo_of(inv, row->id);
    if (inv->options.mode != INVENTORY_DISCOVER || !inventory_is_due(inv, row, inv->whole_ms)) {
        return 0;
    }
    memset(act, 0, sizeof *act);
    act->kind = INVENTORY_STATE;
    act->node = row->id;
    act->labels = "";
    act->from = row->state;
    act->state = SP_NODE_STATE_RETIRED;
    act->cause = row->state == SP_NODE_STATE_IN_SERVICE ? INVENTORY_GONE_SERVING
                 : memo->cause == INVENTORY_NONE        ? INVENTORY_GONE_RESTING
                                                        : INVENTORY_GONE;
    act->what = "inventory.retire";
    memcpy(act->key, row->key, sizeof act->key);
    (void)sp_str_copy(act->name, sizeof act->name, sp_str_of(row->name));
    (void)snprintf(act->why, sizeof act->why, "not in the cloud's list for %u readings and %llu minutes", memo->misses,
                   (unsigned long long)((inv->whole_ms - memo->missing_ms) / 60000));
    if (!inventory_may(inv, act)) {
        return 0;
    }
    memo->batch = inv->batch;
    inv->batch_harm += inventory_act_harms(act) && !memo->accepted ? 1 : 0;
    return 1;
}

uint32_t inventory_next(struct inventory *inv, const struct node_registry *nodes, struct inventory_act *acts)
{
    uint32_t n = 0;
    inv->batch++;
    inv->batch_harm = inv->batch_new = 0;
    while (inv->acting) {
        for (; inv->at < inv->row_count && n + 2 <= INVENTORY_ACTS_MAX; inv->at++) {
            n += inventory_next_row(inv, nodes, &inv->rows[inv->at], &acts[n]);
        }
        for (; inv->at >= inv->row_count && inv->at - inv->row_count < nodes->count && n < INVENTORY_ACTS_MAX; inv->at++) {
            n += inventory_next_node(inv, node_registry_at(nodes, inv->at - inv->row_count + 1), &acts[n]);
        }
        if (n > 0) {
            inv->changed = true;
            return n; /* the rest after these are done */
        }
        inv->acting = inv->changed && ++inv->pass < INVENTORY_PASSES_MAX;
        inv->changed = false;
        inv->at = 0;
    }
    return 0;
}

void inventory_done(struct inventory *inv, const struct inventory_act *act, uint32_t node, uint64_t now_ms)
{
    if (!inventory_memos(inv, node)) {
        return; /* without memo the node waits without a reason that can be shown */
    }
    struct inventory_memo *memo = &inv->memos[node - 1];
    memo->cause = act->cause;
    if (inventory_act_harms(act)) {
        if (now_ms - inv->hour_ms >= INVENTORY_HOUR_MS) {
            inv->hour_ms = now_ms;
            inv->hour_count = 0;
        }
        inv->hour_count += memo->accepted ? 0 : 1;
    }
    if (act->kind == INVENTORY_PUT) {
        memo->misses = 0; /* those of the node that had this place before */
        memo->missing_ms = 0;
        inv->counters.discovered++;
    } else if (act->kind == INVENTORY_RENAME) {
        inv->counters.renamed++;
    } else if (act->state == SP_NODE_STATE_RETIRED) {
        inv->counters.retired++;
    } else {
        inv->counters.conflicts += act->cause == INVENTORY_CONFLICT ? 1 : 0;
        inv->counters.returned += act->from == SP_NODE_STATE_RETIRED ? 1 : 0;
    }
}

void inventory_stop(struct inventory *inv)
{
    inv->acting = false;
}

/* ---- people ---- */

enum inventory_finding inventory_of_node(const struct inventory *inv, const struct node_row *row)
{
    const struct inventory_memo *memo = inventory_memo_of(inv, row->id);
    const struct inventory_row *seen = inventory_row_of(inv, row->key);
    uint8_t cause = inventory_cause_of(inv, row->id);
    bool retired = row->state == SP_NODE_STATE_RETIRED;
    if (cause != INVENTORY_NONE) {
        return retired ? INVENTORY_IS_GONE : INVENTORY_WAITS;
    }
    if (memo != NULL && memo->misses > 0 && !retired) {
        bool due = inventory_is_due(inv, row, inv->whole_ms);
        return due ? INVENTORY_HELD_BACK : INVENTORY_MISSING;
    }
    return seen != NULL && seen->finding != INVENTORY_NEW ? (enum inventory_finding)seen->finding : INVENTORY_FITS;
}

bool inventory_is_free(const struct inventory *inv, const struct node_row *row)
{
    uint8_t cause = inventory_cause_of(inv, row->id);
    const struct inventory_row *seen = inventory_row_of(inv, row->key);
    bool held = row->state == SP_NODE_STATE_QUARANTINED && cause == INVENTORY_CONFLICT;
    bool rests = row->state == SP_NODE_STATE_MAINTENANCE &&
                 (cause == INVENTORY_DISCOVERED || cause == INVENTORY_RENAMED || cause == INVENTORY_BACK);
    bool otherwise = seen != NULL && (seen->finding == INVENTORY_CLASH || seen->finding == INVENTORY_BAD_NAME ||
                                      seen->finding == INVENTORY_MOVED); /* the name it would be checked by is not its own */
    return (held || rests) && !otherwise;
}

bool inventory_accept(struct inventory *inv, const struct node_registry *nodes, uint32_t node)
{
    const struct node_row *row = node_registry_at(nodes, node);
    struct inventory_memo *memo = inventory_memo_of(inv, node);
    if (row == NULL || memo == NULL || inv->options.mode != INVENTORY_DISCOVER || !inventory_is_ours(row)) {
        return false;
    }
    enum inventory_finding f = inventory_of_node(inv, row);
    bool held =
        f == INVENTORY_HELD_BACK || (inv->braked && (f == INVENTORY_MOVED || f == INVENTORY_CLASH || f == INVENTORY_BAD_NAME));
    if (held) {
        memo->accepted = true;
        inv->acting = true;
        inv->at = inv->pass = 0;
    }
    return held;
}

const char *inventory_cause_name(unsigned cause)
{
    static const char *const names[INVENTORY_CAUSE_COUNT] = {"none", "discovered", "renamed", "conflict",
                                                             "gone", "gone",       "back",    "gone"};
    return cause < INVENTORY_CAUSE_COUNT ? names[cause] : "none";
}

const char *inventory_finding_name(unsigned finding)
{
    static const char *const names[INVENTORY_FINDING_COUNT] = {"fits",     "waiting", "unregistered", "renamed",   "conflict",
                                                               "bad_name", "foreign", "missing",      "held_back", "gone"};
    return finding < INVENTORY_FINDING_COUNT ? names[finding] : "fits";
}

bool inventory_check(const struct inventory *inv)
{
    for (uint32_t i = 1; i < inv->row_count; i++) {
        if (memcmp(inv->rows[i - 1].key, inv->rows[i].key, 16) >= 0) {
            return false;
        }
    }
    for (uint32_t i = 0; i < inv->memo_count; i++) {
        if (inv->memos[i].cause >= INVENTORY_CAUSE_COUNT) {
            return false;
        }
    }
    return inv->row_count <= inv->options.rows_max;
}
