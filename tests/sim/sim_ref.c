/* SPDX-License-Identifier: Apache-2.0 */
/* The reference: a slow, plain account of what really happened, written without the cores' rules at hand. It knows every job that was
 * issued (with the keeper's true clock at that moment), every run and its outcome, and which results reached the keeper's disk. From
 * that alone it says whether a node may be called trusted. Only the policy in force (stage, digest, ages, counts, node state) is read
 * from the keeper, as the words of the question. */
#include "sim_bridge.h"

#include <inttypes.h>
#include <stdlib.h>

static struct sim_run *find(const struct sim *s, uint64_t job)
{
    uint32_t at = sp_map_get(&s->run_by_job, job);
    return at == SP_MAP_NONE ? NULL : &s->runs[at];
}

static uint64_t seal_of(const uint8_t ticket[SP_TICKET_BYTES])
{
    static const uint8_t key[16] = {42};
    return sp_hash_sip(key, ticket, SP_TICKET_BYTES);
}

void sim_ref_issued(struct sim *s, const uint8_t ticket[SP_TICKET_BYTES])
{
    struct sp_ticket t;
    SIM_REQUIRE(s, sp_ticket_decode(ticket, &t) == SP_OK, "a ticket does not decode");
    SIM_REQUIRE(s, find(s, t.job) == NULL, "SI-4: job number %" PRIx64 " was issued twice", t.job);
    SIM_REQUIRE(s, s->run_count < SIM_RUNS_MAX, "more runs than the reference holds");
    struct sim_run *r = &s->runs[s->run_count];
    *r = (struct sim_run){.job = t.job,
                          .issued_ms = sp_mono_ms(sim_clock(s, SIM_KEEPER).mono),
                          .epoch = t.epoch,
                          .check = t.check,
                          .node = t.node,
                          .generation = t.generation,
                          .flags = t.flags,
                          .clock_boot = t.clock_boot,
                          .seal = seal_of(ticket),
                          .dated_ms = t.issued_ms,
                          .life_ms = t.life_ms,
                          .issued_us = s->now_us};
    memcpy(r->digest, t.digest, 32);
    SIM_REQUIRE(s, t.clock_boot != s->clock_boot || t.issued_ms <= r->issued_ms,
                "SI-2: the scheduler dates a job %" PRIu64 " ms in the future", t.issued_ms - r->issued_ms);
    SIM_REQUIRE(s, sp_map_put(&s->run_by_job, t.job, s->run_count++), "no memory");
}

uint64_t sim_ref_executed(struct sim *s, const uint8_t ticket[SP_TICKET_BYTES], uint8_t outcome)
{
    struct sp_ticket t;
    SIM_REQUIRE(s, sp_ticket_decode(ticket, &t) == SP_OK, "a ticket does not decode");
    struct sim_run *r = find(s, t.job);
    if (r == NULL || r->seal != seal_of(ticket))
        return sim_instance(s, t.node); /* bent on the way; the keeper must see that */
    r->instance = r->executed ? r->instance : sim_instance(s, t.node);
    r->executed = true;
    r->outcomes |=
        (uint8_t)(1u << outcome); /* a repeated frame makes it run twice: either answer may win, both are dated by the ticket */
    return r->instance;
}

void sim_ref_enrolled(struct sim *s, uint32_t node)
{
    s->known[node] = 0;
    s->known_by[node] = 0;
    s->told[node] = 0;
}

/* Calls fn for each result of the row. */
static void each(struct sim *s, const struct keeper_journal *row,
                 void (*fn)(struct sim *, const struct keeper_journal *, const struct keeper_journal_entry *))
{
    struct sp_str rest = sp_str_bytes(row->body, row->bytes);
    struct keeper_journal_entry entry;
    struct keeper_journal_mark mark;
    uint64_t clock_boot = 0;
    uint32_t count = 0;
    SIM_REQUIRE(s, keeper_journal_head(&rest, &clock_boot, &mark) == SP_OK, "the journal holds a row without a head");
    for (; keeper_journal_next(&rest, &mark, &entry) == SP_OK; count++)
        fn(s, row, &entry);
    SIM_REQUIRE(s, rest.n == 0 && count == row->count, "the journal holds a row that does not decode");
}

static struct sim_run *run_of(struct sim *s, const struct keeper_journal_entry *e)
{
    struct sim_run *r = find(s, e->result.job);
    SIM_REQUIRE(s, r != NULL, "SI-8: accepted a result for job %" PRIx64 " that nobody issued", e->result.job);
    SIM_REQUIRE(s, r->node == e->node && r->check == e->check && r->dated_ms == e->result.issued_ms,
                "SI-4: the ticket accepted for job %" PRIx64 " is not the one issued", e->result.job);
    return r;
}

/* What the result says about starts of its node, and what follows: one from before a start that is known must not be let in, and the first
 * one after a start begins a new generation. */
static void tell(struct sim *s, struct sim_run *r, const struct check_row *check, uint32_t generation)
{
    uint64_t instance = r->worker == SIM_LIAR ? sim_liar_instance(s, r->job) : r->instance;
    if (check->stage != SP_STAGE_ENFORCING)
        instance = 0;
    bool doubted = s->known[r->node] != 0 && s->known_by[r->node] == 0;
    SIM_REQUIRE(s, instance == 0 || doubted || instance >= s->known[r->node],
                "SI-12: accepted a result of node-%u from before it was started anew", r->node);
    bool more = instance != 0 && (doubted || instance > s->known[r->node]);
    bool anew = more && s->known[r->node] != 0 && s->known[r->node] != instance;
    r->order = ++s->orders;
    r->generation_counted = generation;
    SIM_REQUIRE(s, generation == r->generation + (anew ? 1 : 0),
                "SI-12: node-%u was started anew, and a result counts under generation %u", r->node, generation);
    r->tells = more;
    if (!more)
        return;
    r->known_before = s->known[r->node];
    r->known_by_before = s->known_by[r->node];
    r->reborn_before = s->reborn[r->node];
    r->told_before = s->told[r->node];
    s->told[r->node] = r->order;
    s->known[r->node] = instance;
    s->known_by[r->node] = r->worker;
    s->reborn[r->node] = anew ? r->order : s->reborn[r->node];
    for (uint32_t c = 1; c <= SIM_CHECKS; c++)
        s->found[r->node][c].valid = false;
}

static void accepted(struct sim *s, const struct keeper_journal *row, const struct keeper_journal_entry *e)
{
    struct sim_run *r = run_of(s, e);
    const struct check_table *checks = keeper_core_checks(s->keeper);
    uint32_t index = check_table_find(checks, r->check);
    uint64_t now_ms = sp_mono_ms(sim_clock(s, SIM_KEEPER).mono);
    SIM_REQUIRE(s, !r->accepted, "SI-4: job %" PRIx64 " accepted twice", r->job);
    SIM_REQUIRE(s, r->epoch >= s->store.epoch, "SI-5: accepted epoch %" PRIu64 " below %" PRIu64, r->epoch, s->store.epoch);
    SIM_REQUIRE(s, r->clock_boot == s->clock_boot, "SI-13: accepted a result dated by another clock");
    SIM_REQUIRE(s, now_ms < r->dated_ms + r->life_ms, "SI-2: accepted an answer %" PRIu64 " ms after its time",
                now_ms - r->dated_ms - r->life_ms);
    uint32_t generation = node_registry_at(keeper_core_nodes(s->keeper), r->node)->generation;
    bool before = sim_boots(s) && generation == e->result.generation + 1; /* in the same batch as one that tells of a start */
    SIM_REQUIRE(s, e->result.generation == generation || before, "SI-12: accepted a result of node-%u under another identity",
                r->node);
    SIM_REQUIRE(s, index != CHECK_ROW_NONE && memcmp(check_table_at(checks, index)->digest, r->digest, 32) == 0,
                "SI-12: accepted a result of another definition of check-%u", r->check);
    SIM_REQUIRE(s, s->store.state[r->node] != SP_NODE_STATE_RETIRED, "SI-8: accepted a result of a retired node");
    SIM_REQUIRE(s, row->worker >= 1 && row->worker <= s->store.worker_count, "SI-8: accepted a result of nobody");
    r->worker = (uint8_t)sim_process_of(s, sp_str_of(s->store.workers[row->worker - 1]));
    if (r->worker == SIM_LIAR)
        SIM_REQUIRE(s, r->node == 1, "SI-8: accepted a result of node-%u from a worker that may speak about node-1 only", r->node);
    else
        SIM_REQUIRE(s, r->outcomes >> e->result.outcome & 1, "SI-8: accepted for job %" PRIx64 " what no worker found", r->job);
    r->revision = check_table_at(checks, index)->revision;
    r->accepted = true;
    tell(s, r, check_table_at(checks, index), e->result.generation);
}

static void committed(struct sim *s, const struct keeper_journal *row, const struct keeper_journal_entry *e)
{
    struct sim_run *r = run_of(s, e);
    struct sim_found *f = &s->found[r->node][r->check];
    (void)row;
    SIM_REQUIRE(s, !r->committed, "SI-4: job %" PRIx64 " stored twice", r->job);
    r->committed = true;
    r->outcome = e->result.outcome;
    r->previous = f->newest;
    f->newest = (uint32_t)(r - s->runs);
    f->valid = false;
    s->revision[r->check] = r->revision > s->revision[r->check] ? r->revision : s->revision[r->check];
    if (s->stop_faults && r->issued_us >= s->quiet_us && s->anew_us[r->node][r->check] == 0)
        s->anew_us[r->node][r->check] = s->now_us;
}

static void taken_back(struct sim *s, const struct keeper_journal *row, const struct keeper_journal_entry *e)
{
    struct sim_run *r = run_of(s, e);
    (void)row;
    r->accepted = false;
    if (!r->tells || s->told[r->node] < r->order)
        return; /* an earlier one was taken back, and this one with it */
    s->told[r->node] = r->told_before;
    s->known[r->node] = r->known_before;
    s->known_by[r->node] = r->known_by_before;
    s->reborn[r->node] = r->reborn_before;
    for (uint32_t c = 1; c <= SIM_CHECKS; c++)
        s->found[r->node][c].valid = false;
}

void sim_ref_accepted(struct sim *s, const struct keeper_journal *row)
{
    each(s, row, accepted);
}

void sim_ref_committed(struct sim *s, const struct keeper_journal *row)
{
    each(s, row, committed);
}

void sim_ref_taken_back(struct sim *s, const struct keeper_journal *row)
{
    each(s, row, taken_back);
}

void sim_ref_acknowledged(struct sim *s, const struct sim_outbox *batch, const struct msg_result_ack *ack)
{
    bool refused[MSG_RESULT_BATCH_RESULTS_MAX] = {false};
    struct rec_refused_result no;
    struct rec_result result;
    uint32_t index = 0;
    for (struct sp_list l = ack->refused; rec_refused_result_next(&l, &no);)
        refused[no.index % MSG_RESULT_BATCH_RESULTS_MAX] = true;
    for (struct sp_list l = {batch->results, batch->bytes, (uint16_t)batch->count}; rec_result_next(&l, &result); index++) {
        struct sp_ticket t;
        if (refused[index] || sp_ticket_decode(result.ticket, &t) != SP_OK || t.flags != 0)
            continue; /* what counts for nothing needs no row */
        const struct sim_run *r = find(s, t.job);
        SIM_REQUIRE(s, r != NULL && r->committed, "SI-6: the result of job %" PRIx64 " was acknowledged and is not durable", t.job);
    }
}

void sim_ref_revoked(struct sim *s)
{
    for (uint32_t i = 0; i < s->run_count; i++)
        s->runs[i].is_void = s->runs[i].accepted && s->runs[i].worker == SIM_LIAR;
    for (uint32_t c = 1; c <= SIM_CHECKS; c++)
        s->found[1][c].valid = false;
    if (s->known_by[1] == SIM_LIAR)
        s->known_by[1] = 0; /* what it said about starts is doubted */
}

/* A pair that knows the number of a job must hold its result, unless something voided it. Bad evidence whose commit failed is not stored
 * and counts all the same: a record written later may hold it. */
static void restored(struct sim *s, const struct node_row *row, const struct pair_state *pair, const struct sim_run *r)
{
    const struct check_table *checks = keeper_core_checks(s->keeper);
    uint32_t index = check_table_find(checks, r->check);
    SIM_REQUIRE(s, index != CHECK_ROW_NONE && check_table_at(checks, index)->revision >= s->revision[r->check],
                "SI-12: after the restart the keeper does not know the definition of check-%u under which it stored results",
                r->check);
    const struct check_row *c = check_table_at(checks, index);
    bool same = pair->known && pair->job == r->job && pair->policy == c->policy && r->generation_counted == row->generation;
    if (same && r->clock_boot == s->clock_boot && r->flags == 0 && memcmp(r->digest, c->digest, 32) == 0)
        SIM_REQUIRE(s,
                    pair->issued_ms == r->dated_ms ||
                        (pair->issued_ms > r->dated_ms && pair->outcome == SP_OUTCOME_FAIL && pair->up == 0),
                    "SI-6: after the restart the stored result of job %" PRIx64 " is not in effect", r->job);
}

void sim_ref_restored(struct sim *s)
{
    for (uint32_t n = 1; n <= SIM_NODES; n++)
        for (uint32_t c = 1; c <= SIM_CHECKS; c++) {
            const struct node_row *row = node_registry_at(keeper_core_nodes(s->keeper), n);
            const struct pair_state *pair = trust_eval_pair(row->pairs, row->pair_count, c);
            uint32_t newest = s->found[n][c].newest;
            /* What was found out about a node that is retired, or under its former identity, may be forgotten. A result under the new
             * identity makes the pair anew, with no job in it until its commit. */
            bool former = newest != UINT32_MAX && s->runs[newest].generation_counted != row->generation;
            bool over = newest != UINT32_MAX && ((pair == NULL && (former || row->state == SP_NODE_STATE_RETIRED)) ||
                                                 (pair != NULL && pair->job == 0 && former));
            SIM_REQUIRE(s, newest == UINT32_MAX || over || (pair != NULL && pair->job >= s->runs[newest].job),
                        "SI-6: after the restart the keeper does not know job %" PRIx64 " which it had stored",
                        s->runs[newest].job);
            if (newest != UINT32_MAX && !over)
                restored(s, row, pair, &s->runs[newest]);
        }
}

/* Walks the committed runs of a pair from the newest back to the last fail: passes since then, and when the newest was issued. */
static void look(const struct sim *s, struct sim_found *f, const struct check_row *c, uint32_t generation)
{
    f->valid = true;
    f->any = false;
    f->warn = false;
    f->passes = 0;
    f->best_ms = 0;
    f->generation = generation;
    f->clock_boot = s->clock_boot;
    memcpy(f->digest, c->digest, 32);
    for (uint32_t i = f->newest; i != UINT32_MAX; i = s->runs[i].previous) {
        const struct sim_run *r = &s->runs[i];
        if (r->flags != 0 || r->generation_counted != generation || r->order < s->reborn[r->node] ||
            r->clock_boot != s->clock_boot || memcmp(r->digest, c->digest, 32) != 0)
            continue;
        if (r->outcome == SP_OUTCOME_FAIL && !r->is_void)
            return;
        if (r->outcome == SP_OUTCOME_PASS || r->outcome == SP_OUTCOME_WARN) {
            f->passes++; /* a void one may have helped to rise, it does not carry */
            if (r->is_void)
                continue;
            f->warn = f->any ? f->warn : r->outcome == SP_OUTCOME_WARN;
            f->any = true;
            f->best_ms = r->issued_ms > f->best_ms ? r->issued_ms : f->best_ms;
        }
    }
}

/* Passes up to the returned time were over when the maximum age of the check was last seen shorter: nothing brings them back. */
static uint64_t over_ms(struct sim *s, const struct check_row *c, uint64_t keeper_ms)
{
    struct sim_life *l = &s->life[c->id];
    if (l->boot != s->process[SIM_KEEPER].boot)
        *l = (struct sim_life){.boot = s->process[SIM_KEEPER].boot};
    if (l->age_ms != 0 && c->max_age_ms > l->age_ms && l->seen_ms > l->age_ms + l->over_ms)
        l->over_ms = l->seen_ms - l->age_ms;
    l->age_ms = c->max_age_ms;
    l->seen_ms = keeper_ms;
    return l->over_ms;
}

/* The demand of one check upon one node is met by what is on disk. */
static bool met(struct sim *s, uint32_t node, const struct check_row *c, bool accept_warn, uint64_t keeper_ms)
{
    uint32_t generation = node_registry_at(keeper_core_nodes(s->keeper), node)->generation;
    struct sim_found *f = &s->found[node][c->id];
    if (!c->present || c->stage != SP_STAGE_ENFORCING)
        return false;
    if (!f->valid || f->generation != generation || f->clock_boot != s->clock_boot || memcmp(f->digest, c->digest, 32) != 0)
        look(s, f, c, generation);
    bool alive = f->best_ms > over_ms(s, c, keeper_ms) && keeper_ms < f->best_ms + c->max_age_ms;
    return f->any && (accept_warn || !f->warn) && f->passes >= c->rise && alive;
}

bool sim_ref_allows(struct sim *s, uint32_t node, uint32_t pool, uint64_t keeper_ms)
{
    const struct pool_policy *p = keeper_core_pool(s->keeper, pool);
    const struct check_table *checks = keeper_core_checks(s->keeper);
    uint32_t in_group = 0, mandatory = 0;
    if (node_registry_at(keeper_core_nodes(s->keeper), node)->state != SP_NODE_STATE_IN_SERVICE)
        return false;
    for (uint32_t i = 0; i < p->count; i++) {
        uint32_t row = check_table_find_name(checks, sp_str_of(p->checks[i].name));
        bool good = row != CHECK_ROW_NONE && met(s, node, check_table_at(checks, row), p->accept_warn, keeper_ms);
        mandatory += p->checks[i].role == POOL_MANDATORY;
        if (p->checks[i].role == POOL_MANDATORY && !good)
            return false;
        in_group += p->checks[i].role == POOL_GROUP && good;
    }
    return p->groups > 0 ? in_group >= p->group_k[0] : mandatory > 0;
}

bool sim_ref_demands(const struct sim *s, uint32_t node, uint32_t pool)
{
    if (s->store.state[node] != SP_NODE_STATE_IN_SERVICE)
        return false;
    if (pool == 0)
        return s->bad[node][1] == SP_OUTCOME_PASS && s->bad[node][s->store.pool_variant[0] == 0 ? 2 : 3] == SP_OUTCOME_PASS;
    uint32_t good = 0;
    bool wide = s->store.pool_variant[1] == 0; /* two of three, a warn will do */
    for (uint32_t c = 2; c <= 4; c++)
        good += s->check[c].stage == SP_STAGE_ENFORCING &&
                (s->bad[node][c] == SP_OUTCOME_PASS || (wide && s->bad[node][c] == SP_OUTCOME_WARN));
    return good >= (wide ? 2 : 3);
}

/* Whether the last durable audit row about this membership says gain. */
static bool audited(const struct sim *s, uint32_t node, uint32_t pool)
{
    for (uint32_t i = s->store.audit_durable; i-- > 0;)
        if (s->store.audit[i].node == node && s->store.audit[i].pool == pool)
            return s->store.audit[i].gain;
    return false;
}

static uint64_t domain_of(const struct sim *s, uint64_t keeper_boot)
{
    for (uint32_t i = s->keeper_start_count; i-- > 0;)
        if (s->keeper_starts[i].boot == keeper_boot)
            return s->keeper_starts[i].clock_boot;
    return 0;
}

/* A reader may not know a loss for as long as its last proof counts; a lifetime it must know to the millisecond. */
static void check_reader(struct sim *s, uint32_t process)
{
    const struct reader_core *r = &s->reader[process - SIM_READER];
    struct sp_mono now = sim_clock(s, process).mono;
    uint64_t keeper_ms = sp_mono_ms(sim_clock(s, SIM_KEEPER).mono);
    if (!reader_core_fresh(r, now))
        return;
    for (uint32_t i = 0; i < r->count; i++) {
        const struct reader_entry *e = &r->entries[i];
        struct reader_answer a;
        reader_core_answer(r, now, e, &a);
        if (!a.member)
            continue;
        uint32_t n = e->key[0], p = e->pool[0] == 't' ? 0 : 1;
        SIM_REQUIRE(s, domain_of(s, r->boot) != s->clock_boot || keeper_ms < e->until_ms,
                    "SI-2: %s trusts node-%u beyond its lifetime", s->process[process].name, n);
        uint64_t ago = s->now_us - s->visible_us[n][p];
        SIM_REQUIRE(s, s->visible_us[n][p] != 0 && ago <= SIM_STALE_MS * 1001ull + 2000,
                    "SI-1: %s trusts node-%u in pool %u, which left it %" PRIu64 " ms ago", s->process[process].name, n, p,
                    ago / 1000);
    }
}

/* A definition that was in force gives way to newer ones only. */
static void check_definitions(struct sim *s)
{
    const struct check_table *checks = keeper_core_checks(s->keeper);
    for (uint32_t i = 0; i < checks->count; i++) {
        const struct check_row *c = check_table_at(checks, i);
        SIM_REQUIRE(s, c->revision >= s->in_force[c->id], "SI-12: revision %u of check-%u is in force again after %u", c->revision,
                    c->id, s->in_force[c->id]);
        s->in_force[c->id] = c->revision;
    }
}

static void check_keeper(struct sim *s)
{
    check_definitions(s);
    uint64_t now_ms = sp_mono_ms(sim_clock(s, SIM_KEEPER).mono);
    for (uint32_t n = 1; n <= SIM_NODES; n++)
        for (uint32_t p = 0; p < SIM_POOLS; p++) {
            struct keeper_view v;
            keeper_core_view(s->keeper, node_registry_at(keeper_core_nodes(s->keeper), n), p, now_ms, &v);
            s->transitions += v.member != s->visible[n][p];
            if (v.member) {
                SIM_REQUIRE(s, sim_ref_allows(s, n, p, now_ms), "SI-1/2/3: node-%u is in pool %u and the reference forbids it (%s)",
                            n, p, s->where);
                sim_bridge_check(s, node_registry_at(keeper_core_nodes(s->keeper), n));
                SIM_REQUIRE(s, v.until_ms > now_ms, "SI-2: node-%u in pool %u beyond its lifetime", n, p);
                if (!s->visible[n][p])
                    SIM_REQUIRE(s, audited(s, n, p), "SI-7: node-%u entered pool %u without a durable audit row", n, p);
                s->visible_us[n][p] = s->now_us;
            }
            s->visible[n][p] = v.member;
        }
}

void sim_ref_check(struct sim *s)
{
    if (s->process[SIM_KEEPER].alive)
        check_keeper(s);
    for (uint32_t i = SIM_READER; i < SIM_READER + SIM_READERS; i++)
        if (s->process[i].alive)
            check_reader(s, i);
}

static void final_at(struct sim *s, uint32_t n, uint32_t p)
{
    struct keeper_view v;
    bool truth = sim_ref_demands(s, n, p);
    const char *pool = keeper_core_pool(s->keeper, p)->name;
    const struct node_row *row = node_registry_at(keeper_core_nodes(s->keeper), n);
    keeper_core_view(s->keeper, row, p, sp_mono_ms(sim_clock(s, SIM_KEEPER).mono), &v);
    SIM_REQUIRE(s, v.member == truth, "SI-14: faults ended long ago, node-%u in pool %u: keeper says %d (why %u), truth %d", n, p,
                v.member, v.verdict.why, truth);
    for (uint32_t i = 0; i < SIM_READERS; i++) {
        struct reader_answer a;
        reader_core_lookup(&s->reader[i], sim_clock(s, SIM_READER + i).mono, sp_str_of(row->name), NULL, sp_str_of(pool), &a);
        SIM_REQUIRE(s, a.member == truth, "SI-14: faults ended long ago, node-%u in pool %u: reader-%u says %d (%s), truth %d", n,
                    p, i + 1, a.member, a.why, truth);
    }
}

void sim_ref_final(struct sim *s)
{
    for (uint32_t i = 0; i < SIM_LIAR; i++)
        SIM_REQUIRE(s, s->process[i].alive, "SI-14: %s did not come back", s->process[i].name);
    for (uint32_t w = 0; w < SIM_WORKERS; w++)
        for (uint32_t i = 0; i < s->worker[w].outbox_count; i++)
            SIM_REQUIRE(s, s->now_us - s->worker[w].outbox[i].born_us < SIM_OUTBOX_US,
                        "SI-6: a batch of worker-%u was never delivered", w + 1);
    for (uint32_t n = 1; n <= SIM_NODES; n++) {
        for (uint32_t p = 0; p < SIM_POOLS; p++)
            final_at(s, n, p);
        for (uint32_t c = 1; c <= SIM_CHECKS && s->store.state[n] == SP_NODE_STATE_IN_SERVICE; c++)
            SIM_REQUIRE(s, s->anew_us[n][c] != 0 && s->anew_us[n][c] - s->quiet_us <= SIM_RECOVER_US,
                        "SI-14: check-%u of node-%u had its first new verdict %.1f s after the last fault", c, n,
                        s->anew_us[n][c] == 0 ? -1 : (double)(s->anew_us[n][c] - s->quiet_us) / 1e6);
    }
}
