/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of intake: which results are let in, what is said about those that are not, and the fold after the commit. */
#include "keeper_journal.h"
#include "keeper_parts.h"

#include "sp_assert.h"
#include "sp_hash.h"
#include "sp_selector.h"

#define KEEPER_FETCH_ROWS  16u /* so many results ahead the node is asked for, and */
#define KEEPER_FETCH_PAIRS 8u  /* the pair, which is found through the node */

/* What all results of one batch share. */
struct keeper_sender {
    uint32_t number;
    struct sp_str adapters, nodes;
    bool any_adapter;
    bool any_node;
    struct keeper_effects *fx;
};

uint32_t keeper_intake_worker(struct keeper_core *core, struct sp_str name, bool add)
{
    uint64_t hash = sp_hash_sip(core->options.hash_key, name.p, name.n);
    hash = hash == UINT64_MAX ? 0 : hash;
    uint32_t number = sp_map_get(&core->worker_by_name, hash);
    if (number != SP_MAP_NONE && sp_str_is(name, core->workers[number])) {
        return number;
    }
    if (!add || number != SP_MAP_NONE || core->worker_count >= KEEPER_WORKERS_MAX || name.n >= KEEPER_PEER_BYTES ||
        !sp_map_put(&core->worker_by_name, hash, core->worker_count)) {
        return 0;
    }
    (void)sp_str_copy(core->workers[core->worker_count], KEEPER_PEER_BYTES, name);
    return core->worker_count++;
}

static bool keeper_intake_speaks_for(const struct keeper_sender *s, const struct check_row *check, const struct node_row *node)
{
    bool adapter = s->any_adapter;
    struct sp_str rest = s->adapters, one;
    while (!adapter && sp_str_next(&rest, ',', &one)) {
        adapter = sp_str_is(sp_str_trim(one), check->adapter);
    }
    return adapter && (s->any_node || sp_selector_text_match(s->nodes, sp_str_of(node->name), sp_str_of(node->labels)));
}

/* The question: was it ours, is it of now, is there still time to answer. */
static enum sp_refusal keeper_intake_question(const struct keeper_core *core, const struct sp_ticket *t)
{
    uint64_t now_ms = keeper_now_ms(core);
    if (t->epoch != core->epoch) {
        return SP_REFUSAL_EPOCH;
    }
    if (t->clock_boot != core->options.clock_boot) {
        return SP_REFUSAL_LATE; /* asked before this host started: no age can be told */
    }
    if (t->issued_ms > now_ms) {
        return SP_REFUSAL_FUTURE;
    }
    return now_ms - t->issued_ms >= t->life_ms || t->issued_ms < core->void_before_ms ? SP_REFUSAL_LATE : SP_REFUSAL_NONE;
}

/* The subject: node and check as they are today, and whether this worker may speak about them. */
static enum sp_refusal keeper_intake_subject(struct keeper_core *core, const struct sp_ticket *t, const struct keeper_sender *s,
                                             const struct check_row **check_out, struct node_row **node_out)
{
    struct node_row *node = node_registry_at(&core->nodes, t->node);
    if (node == NULL) {
        return SP_REFUSAL_UNKNOWN_NODE;
    }
    if (node->state == SP_NODE_STATE_RETIRED) {
        return SP_REFUSAL_RETIRED;
    }
    if (node->generation != t->generation) {
        return SP_REFUSAL_IDENTITY;
    }
    uint32_t index = check_table_find(&core->checks, t->check);
    const struct check_row *check = index == CHECK_ROW_NONE ? NULL : check_table_at(&core->checks, index);
    if (check == NULL || !check->present) {
        return SP_REFUSAL_UNKNOWN_CHECK;
    }
    if (check->stage == SP_STAGE_RETIRED) {
        return SP_REFUSAL_RETIRED;
    }
    if (memcmp(check->digest, t->digest, sizeof t->digest) != 0) {
        return SP_REFUSAL_DIGEST;
    }
    *check_out = check;
    *node_out = node;
    return keeper_intake_speaks_for(s, check, node) ? SP_REFUSAL_NONE : SP_REFUSAL_SCOPE;
}

/* How many pairs this node will have: the checks whose selector it fits. */
static uint32_t keeper_intake_expects(const struct keeper_core *core, const struct node_row *node)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < core->checks.count; i++) {
        const struct check_row *c = check_table_at(&core->checks, i);
        count += c->present && (c->stage == SP_STAGE_SHADOW || c->stage == SP_STAGE_ENFORCING) &&
                 sp_selector_text_match(sp_str_of(c->selector), sp_str_of(node->name), sp_str_of(node->labels));
    }
    return count;
}

/* Once: job numbers of a pair only rise. The pair takes the number now, so that a second copy before the commit is seen. */
static enum sp_refusal keeper_intake_once(struct keeper_core *core, struct keeper_pending *p, struct node_row *node)
{
    struct pair_state *pair = node_registry_find_pair(node, p->check);
    if (pair == NULL && core->nodes.pairs >= core->options.pairs_max) {
        core->counters.pairs_refused++;
        return SP_REFUSAL_OVERLOAD;
    }
    if (pair == NULL) {
        if (node->pair_count == 0) {
            node_registry_reserve(node, keeper_intake_expects(core, node));
        }
        pair = node_registry_pair(&core->nodes, node, p->check);
    }
    if (pair == NULL) {
        return SP_REFUSAL_OVERLOAD;
    }
    if (p->result.job == pair->job && pair->job != 0) {
        p->duplicate = true; /* it was let in before: say so again, do nothing */
        return SP_REFUSAL_NONE;
    }
    if (p->result.job < pair->job || p->result.job == 0) {
        return SP_REFUSAL_REPLAY;
    }
    p->job_before = pair->job;
    pair->job = p->result.job;
    node->open = true;
    p->counts = true;
    return SP_REFUSAL_NONE;
}

static void keeper_intake_keep_test(struct keeper_core *core, const struct rec_result *r, const struct result_stamp *stamp)
{
    struct result_test *test = result_ring_test(&core->ring);
    test->stamp = *stamp;
    test->reason = r->reason;
    test->wall_ms = core->now.wall.ms;
    (void)sp_str_copy(test->detail, sizeof test->detail, r->detail);
}

static enum sp_refusal keeper_intake_decide(struct keeper_core *core, const struct rec_result *r, const struct keeper_sender *s,
                                            const struct sp_ticket *t, struct keeper_pending *p)
{
    const struct check_row *check = NULL;
    struct node_row *node = NULL;
    if (r->outcome > SP_OUTCOME_LAST || (r->evidence.n != 0 && r->evidence.n != 32)) {
        return SP_REFUSAL_MALFORMED;
    }
    enum sp_refusal code = keeper_intake_question(core, t);
    code = code == SP_REFUSAL_NONE ? keeper_intake_subject(core, t, s, &check, &node) : code;
    if (code != SP_REFUSAL_NONE) {
        return code;
    }
    p->result.policy = check->policy;
    if ((t->flags & SP_TICKET_TEST) != 0 || check->stage == SP_STAGE_DRAFT) {
        core->counters.tests++;
        return SP_REFUSAL_NONE; /* recorded in the ring only */
    }
    if ((t->flags & SP_TICKET_SHADOW) != 0 && check->stage == SP_STAGE_ENFORCING) {
        core->counters.shadows++;
        return SP_REFUSAL_NONE; /* was asked before the check counted */
    }
    if (r->instance != 0 && r->instance < node->instance && !keeper_boots_doubted(node) && keeper_boots_known_by(check)) {
        return SP_REFUSAL_IDENTITY; /* found before a start that is known, or by another TPM */
    }
    code = keeper_intake_once(core, p, node);
    if (p->counts && r->instance != 0) {
        keeper_boots_seen(core, p, check, r->instance, s->fx);
    }
    return code;
}

static void keeper_intake_result(struct keeper_core *core, const struct rec_result *r, const struct keeper_sender *s,
                                 struct keeper_pending *p)
{
    struct sp_ticket t;
    memset(p, 0, sizeof *p);
    p->stamp = core->ring.stamped;
    struct result_stamp *stamp = result_ring_stamp(&core->ring);
    stamp->trace = r->trace;
    stamp->received_us = core->now.mono.us;
    stamp->worker = (uint16_t)s->number;
    stamp->outcome = r->outcome;
    stamp->wait_us = r->wait_us;
    stamp->run_us = r->run_us;
    if (sp_ticket_open(r->ticket, &core->options.ticket_mac, &t) != SP_OK) {
        p->code = SP_REFUSAL_TICKET;
        stamp->code = p->code;
        return;
    }
    p->open = t.epoch == core->epoch;
    p->slot = t.slot;
    p->node = t.node;
    p->check = t.check;
    p->detail = r->detail;
    p->measures = r->measures;
    p->checkpoint = r->checkpoint;
    p->result = (struct pair_result){.job = t.job,
                                     .issued_ms = t.issued_ms,
                                     .wall_s = (uint32_t)(core->now.wall.ms / SP_MS_PER_S),
                                     .generation = t.generation,
                                     .reason = r->reason,
                                     .worker = (uint16_t)s->number,
                                     .outcome = r->outcome,
                                     .attempt = t.attempt};
    p->code = (uint16_t)keeper_intake_decide(core, r, s, &t, p);
    stamp->job = t.job;
    stamp->issued_ms = t.issued_ms;
    stamp->node = t.node;
    stamp->check = t.check;
    stamp->attempt = t.attempt;
    stamp->code = p->code;
    stamp->test = (t.flags & SP_TICKET_TEST) != 0;
    if (stamp->test && p->code == SP_REFUSAL_NONE) {
        keeper_intake_keep_test(core, r, stamp);
    }
}

/* For a batch of any size: its sender's name, its row, and what its results tell of starts. */
static bool keeper_intake_has_room(const struct keeper_effects *fx)
{
    return keeper_effects_room(fx, 2 + KEEPER_BOOTS_EFFECTS * MSG_RESULT_BATCH_RESULTS_MAX,
                               KEEPER_JOURNAL_HEAD_BYTES + MSG_RESULT_BATCH_RESULTS_MAX * KEEPER_JOURNAL_ENTRY_MAX);
}

/* The number of the sender, for the journal. Names the store does not have yet go before the row that uses one; those of a commit that
 * failed go again, for a number without a name could become another worker's. */
static uint32_t keeper_intake_sender(struct keeper_core *core, const struct keeper_message *m, struct keeper_effects *fx)
{
    uint32_t number = keeper_intake_worker(core, m->from, true);
    for (; core->worker_open < core->worker_count; core->worker_open++) {
        if (!keeper_intake_has_room(fx)) {
            return 0;
        }
        struct keeper_effect *e = keeper_effects_add(fx, KEEPER_WORKER);
        e->u.worker.number = core->worker_open;
        (void)sp_str_copy(e->u.worker.name, sizeof e->u.worker.name, sp_str_of(core->workers[core->worker_open]));
    }
    return number;
}

/* Detail, a line feed and measures as one text; without measures when they do not fit. Lends it until the next call. */
static struct sp_str keeper_intake_text(struct keeper_core *core, const struct keeper_pending *p)
{
    char *joined = core->joined;
    if (p->measures.n == 0 || p->detail.n + 1 + p->measures.n > TEXT_POOL_TEXT_BYTES_MAX) {
        return p->detail;
    }
    if (p->detail.n > 0) {
        memcpy(joined, p->detail.p, p->detail.n);
    }
    joined[p->detail.n] = '\n';
    memcpy(joined + p->detail.n + 1, p->measures.p, p->measures.n);
    return (struct sp_str){joined, p->detail.n + 1 + p->measures.n};
}

/* The journal row of the batch that was just decided; none when nothing of it changes anything. */
static void keeper_intake_journal(struct keeper_core *core, const struct keeper_batch *b, uint32_t worker,
                                  struct keeper_effects *fx)
{
    struct keeper_effect *e = keeper_effects_add(fx, KEEPER_JOURNAL);
    struct keeper_journal *j = &e->u.journal;
    *j = (struct keeper_journal){
        .body = fx->body + fx->used, .worker = worker, .now_ms = keeper_now_ms(core), .wall_ms = core->now.wall.ms};
    struct keeper_journal_mark mark;
    j->bytes = keeper_journal_begin(fx->body + fx->used, core->options.clock_boot, &mark);
    for (uint32_t i = 0; i < b->count; i++) {
        const struct keeper_pending *p = &core->pending[b->first + i];
        if (p->counts) {
            struct keeper_journal_entry entry = {p->node, p->check, p->result, keeper_intake_text(core, p)};
            j->bytes += keeper_journal_put(fx->body + fx->used + j->bytes, &mark, &entry);
            j->count++;
        }
    }
    if (j->count == 0) {
        fx->count--;
        return;
    }
    fx->used += j->bytes;
}

/* pair_state_place: here, unless a check between is missing. */
static void keeper_intake_fetch_pair(const struct node_row *row, uint32_t check)
{
    uint32_t place = check - row->pair_first;
    if (place < row->pair_count) {
        __builtin_prefetch(&row->pairs[place], 1);
    }
}

/* Takes the next results off the list into core->ahead; returns how many. A million pairs do not fit a cache: what these results
 * will look at is asked for before the first of them is decided, so that the waits lie side by side. A hint only; nothing here is
 * believed. */
static uint32_t keeper_intake_ahead(struct keeper_core *core, struct sp_list *list)
{
    uint32_t nodes[KEEPER_AHEAD_MAX], checks[KEEPER_AHEAD_MAX], count = 0;
    for (; count < KEEPER_AHEAD_MAX && rec_result_next(list, &core->ahead[count]); count++) {
        sp_ticket_peek(core->ahead[count].ticket, &nodes[count], &checks[count]);
        const struct node_row *row = node_registry_at(&core->nodes, nodes[count]);
        if (row != NULL) {
            __builtin_prefetch(row, 1);
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct node_row *row = node_registry_at(&core->nodes, nodes[i]);
        if (row != NULL) {
            keeper_intake_fetch_pair(row, checks[i]);
        }
    }
    return count;
}

enum sp_rc keeper_on_result_batch(struct keeper_in *in, struct msg_result_batch *batch)
{
    struct keeper_core *core = in->core;
    const struct keeper_message *m = in->message;
    struct keeper_effects *fx = in->fx;
    bool room = core->pending_count + batch->results.count <= KEEPER_PENDING_MAX && core->batch_count < core->options.batches_max &&
                core->pending_bytes + m->bytes <= KEEPER_PENDING_BYTES_MAX && keeper_intake_has_room(fx);
    uint32_t number = room && core->health.store_good ? keeper_intake_sender(core, m, fx) : 0;
    if (number == 0) {
        core->counters.batches_dropped++; /* not acknowledged: it will come again */
        return SP_OK;
    }
    struct keeper_sender sender = {number, m->adapters, m->nodes, sp_str_is(m->adapters, "*"), m->nodes.n == 0, fx};
    struct keeper_batch *b = &core->batches[core->batch_count++];
    *b = (struct keeper_batch){
        .boot = batch->boot, .batch = batch->batch, .first = core->pending_count, .count = batch->results.count};
    (void)sp_str_copy(b->worker, sizeof b->worker, m->from);
    struct sp_list list = batch->results;
    uint16_t index = 0;
    for (uint32_t n; (n = keeper_intake_ahead(core, &list)) > 0;) {
        for (uint32_t i = 0; i < n; i++) {
            struct keeper_pending *p = &core->pending[core->pending_count++];
            keeper_intake_result(core, &core->ahead[i], &sender, p);
            p->index = index++;
            core->counters.refused[p->code]++;
            core->counters.duplicates += p->duplicate;
        }
    }
    keeper_intake_journal(core, b, number, fx);
    core->counters.batches++;
    core->pending_bytes += m->bytes;
    core->results_seen += batch->results.count;
    return SP_OK;
}

bool keeper_intake_fold(struct keeper_core *core, const struct keeper_pending *p, struct keeper_history *ended)
{
    struct node_row *node = node_registry_at(&core->nodes, p->node);
    uint32_t index = check_table_find(&core->checks, p->check);
    if (node == NULL || index == CHECK_ROW_NONE || node->generation != p->result.generation) {
        return false; /* the identity changed between intake and commit (SI-12) */
    }
    const struct check_row *check = check_table_at(&core->checks, index);
    struct pair_state *pair = node_registry_find_pair(node, p->check); /* whoever took the job number has made it */
    if (pair == NULL || check->policy != p->result.policy) {
        return false;
    }
    struct pair_rule rule = check_table_rule(check);
    uint32_t before = pair->text;
    bool over = pair_state_apply(pair, &p->result, &rule, &ended->run);
    if (over) {
        ended->node = p->node;
        ended->check = p->check;
        (void)sp_str_copy(ended->detail, sizeof ended->detail, text_pool_text(&core->texts, before));
    }
    pair->text = text_pool_swap(&core->texts, before, keeper_intake_text(core, p));
    node_registry_mark_fold(&core->nodes, node);
    if (check->pooled) {
        node_registry_mark_judge(&core->nodes, node); /* what no pool names changes no membership */
    }
    return over;
}

/* The commit has put much else into the cache since these were decided: asks for what the results after number i will look at. */
static void keeper_intake_fetch_ahead(const struct keeper_core *core, uint32_t i)
{
    const struct keeper_pending *p = &core->pending[i];
    if (i + KEEPER_FETCH_ROWS < core->pending_count && p[KEEPER_FETCH_ROWS].counts) {
        __builtin_prefetch(node_registry_at(&core->nodes, p[KEEPER_FETCH_ROWS].node), 1);
    }
    if (i + KEEPER_FETCH_PAIRS < core->pending_count && p[KEEPER_FETCH_PAIRS].counts) {
        keeper_intake_fetch_pair(node_registry_at(&core->nodes, p[KEEPER_FETCH_PAIRS].node), p[KEEPER_FETCH_PAIRS].check);
    }
}

static void keeper_intake_apply(struct keeper_core *core)
{
    for (uint32_t i = 0; i < core->pending_count; i++) {
        keeper_intake_fetch_ahead(core, i);
        const struct keeper_pending *p = &core->pending[i];
        if (p->code == SP_REFUSAL_NONE) {
            core->ring.stamps[p->stamp % RESULT_RING_SIZE].durable_us = core->now.mono.us;
        }
        if (p->counts) {
            node_registry_mark_fold(&core->nodes, node_registry_at(&core->nodes, p->node)); /* the number is taken in any case */
            struct keeper_history ended;
            if (keeper_intake_fold(core, p, &ended)) {
                keeper_history_keep(core, &ended);
            }
        }
    }
}

static void keeper_intake_clear(struct keeper_core *core)
{
    for (uint32_t i = 0; i < core->pending_count; i++) {
        if (core->pending[i].counts) {
            node_registry_at(&core->nodes, core->pending[i].node)->open = false;
        }
    }
    core->pending_count = 0;
    core->pending_bytes = 0;
    core->batch_count = 0;
}

bool keeper_intake_is_full(const struct keeper_core *core)
{
    return core->pending_count + MSG_RESULT_BATCH_RESULTS_MAX > KEEPER_PENDING_MAX ||
           core->batch_count == core->options.batches_max || core->pending_bytes + SP_FRAME_BYTES_MAX > KEEPER_PENDING_BYTES_MAX;
}

static void keeper_intake_ack(struct keeper_core *core, const struct keeper_batch *b, struct keeper_effects *fx)
{
    struct msg_result_ack ack = {.boot = b->boot, .batch = b->batch};
    struct sp_packer w;
    const struct keeper_pending *p = &core->pending[b->first];
    for (uint32_t i = 0; i < b->count; i++) {
        ack.accepted = (uint16_t)(ack.accepted + (p[i].code == SP_REFUSAL_NONE));
    }
    keeper_effects_begin(fx, &w, MSG_RESULT_ACK_BYTES_MAX);
    enum sp_rc rc = msg_result_ack_begin(&w, &ack);
    for (uint32_t i = 0; i < b->count; i++) {
        if (p[i].code != SP_REFUSAL_NONE) {
            struct rec_refused_result refused = {.index = p[i].index, .code = p[i].code};
            rc = rc == SP_OK ? rec_refused_result_put(&w, &refused) : rc;
        }
    }
    rc = rc == SP_OK ? msg_result_ack_end(&w) : rc;
    SP_ASSERT(rc == SP_OK); /* the body maximum holds the longest list */
    (void)keeper_effects_send(fx, &w, SP_MSG_RESULT_ACK, b->worker);
}

static void keeper_intake_closed_end(struct sp_packer *w, struct keeper_effects *fx)
{
    enum sp_rc rc = msg_lease_closed_end(w);
    SP_ASSERT(rc == SP_OK);
    (void)keeper_effects_send(fx, w, SP_MSG_LEASE_CLOSED, "");
}

/* Tells the scheduler which leases ended, as many per message as fit. */
static void keeper_intake_close(struct keeper_core *core, struct keeper_effects *fx)
{
    struct sp_packer w;
    bool open = false;
    for (uint32_t i = 0; i < core->pending_count; i++) {
        const struct keeper_pending *p = &core->pending[i];
        if (!p->open) {
            continue;
        }
        struct rec_closed closed = {p->slot, p->result.job, p->result.outcome, p->code, p->checkpoint};
        if (open && rec_closed_put(&w, &closed) == SP_OK) {
            continue;
        }
        if (open) {
            keeper_intake_closed_end(&w, fx);
        }
        struct msg_lease_closed m = {.epoch = core->epoch};
        keeper_effects_begin(fx, &w, MSG_LEASE_CLOSED_BYTES_MAX);
        enum sp_rc rc = msg_lease_closed_begin(&w, &m);
        rc = rc == SP_OK ? rec_closed_put(&w, &closed) : rc;
        SP_ASSERT(rc == SP_OK);
        open = true;
    }
    if (open) {
        keeper_intake_closed_end(&w, fx);
    }
}

void keeper_intake_committed(struct keeper_core *core, struct keeper_effects *fx)
{
    core->worker_durable = core->worker_open;
    for (uint32_t i = 0; i < core->batch_count; i++) {
        keeper_intake_ack(core, &core->batches[i], fx);
    }
    keeper_intake_close(core, fx);
    keeper_boots_committed(core);
    keeper_intake_apply(core);
    keeper_intake_clear(core);
}

void keeper_intake_failed(struct keeper_core *core)
{
    core->worker_open = core->worker_durable;
    keeper_boots_failed(core);
    for (uint32_t i = core->pending_count; i > 0; i--) {
        struct keeper_pending *p = &core->pending[i - 1];
        if (!p->counts) {
            continue;
        }
        struct node_row *node = node_registry_at(&core->nodes, p->node);
        struct pair_state *pair = node_registry_find_pair(node, p->check);
        SP_ASSERT(pair != NULL); /* intake made it */
        pair->job = p->job_before;
    }
    for (uint32_t i = 0; i < core->pending_count; i++) {
        /* Bad evidence ends trust although it could not be stored; it is not acknowledged and will come again. */
        struct keeper_history ended;
        bool bad = core->pending[i].counts && core->pending[i].result.outcome == SP_OUTCOME_FAIL;
        if (bad && keeper_intake_fold(core, &core->pending[i], &ended)) {
            keeper_history_keep(core, &ended);
        }
    }
    keeper_intake_clear(core);
}
