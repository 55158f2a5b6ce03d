/* SPDX-License-Identifier: Apache-2.0 */
/* The reference: a slow, plain account of what really happened, written without the cores' rules at hand. It knows every job that was
 * issued (with the keeper's true clock at that moment), every run and its outcome, and which results reached the keeper's disk. From
 * that alone it says whether a node may be called trusted. Only the policy in force (stage, digest, ages, counts, node state) is read
 * from the keeper, as the words of the question. */
#include "sim.h"

#include <inttypes.h>
#include <stdlib.h>

static struct sim_run *find(const struct sim *s, uint64_t job)
{
    uint32_t at = sp_map_get(&s->run_by_job, job);
    return at == SP_MAP_NONE ? NULL : &s->runs[at];
}

void sim_ref_issued(struct sim *s, const uint8_t ticket[SP_TICKET_BYTES])
{
    struct sp_ticket t;
    SIM_REQUIRE(s, sp_ticket_decode(ticket, &t) == SP_OK, "a ticket does not decode");
    SIM_REQUIRE(s, find(s, t.job) == NULL, "SI-4: job number %" PRIx64 " was issued twice", t.job);
    SIM_REQUIRE(s, s->run_count < SIM_RUNS_MAX, "more runs than the reference holds");
    struct sim_run *r = &s->runs[s->run_count];
    *r = (struct sim_run){.job = t.job, .issued_ms = sp_mono_ms(sim_clock(s, SIM_KEEPER).mono), .epoch = t.epoch, .check = t.check,
                          .node = t.node, .generation = t.generation, .flags = t.flags, .issued = true};
    memcpy(r->digest, t.digest, 32);
    memcpy(r->nonce, t.nonce, 32);
    SIM_REQUIRE(s, t.clock_boot != s->clock_boot || t.issued_ms <= r->issued_ms, "the scheduler dates a job %" PRIu64 " ms in the future",
                t.issued_ms - r->issued_ms);
    SIM_REQUIRE(s, sp_map_put(&s->run_by_job, t.job, s->run_count++), "no memory");
}

void sim_ref_executed(struct sim *s, const uint8_t ticket[SP_TICKET_BYTES], uint8_t outcome)
{
    struct sp_ticket t;
    SIM_REQUIRE(s, sp_ticket_decode(ticket, &t) == SP_OK, "a ticket does not decode");
    struct sim_run *r = find(s, t.job);
    if (r == NULL || r->executed)
        return; /* a repeated frame made it run twice: the first answer may win or the second; both are dated by the ticket */
    r->executed = true;
    r->outcome = outcome;
}

void sim_ref_committed(struct sim *s, const struct keeper_journal *row)
{
    struct msg_result_batch m;
    struct rec_result result;
    uint32_t index = 0;
    SIM_REQUIRE(s, msg_result_batch_decode(row->body, row->bytes, &m) == SP_OK, "the journal holds a batch that does not decode");
    for (struct sp_list l = m.results; rec_result_next(&l, &result); index++) {
        if (!(row->mask[index / 8] >> index % 8 & 1))
            continue;
        struct sp_ticket t;
        SIM_REQUIRE(s, sp_ticket_decode(result.ticket, &t) == SP_OK, "accepted ticket does not decode");
        struct sim_run *r = find(s, t.job);
        SIM_REQUIRE(s, r != NULL, "SI-8: accepted a result for job %" PRIx64 " that nobody issued", t.job);
        SIM_REQUIRE(s, !r->committed, "SI-4: job %" PRIx64 " accepted twice", t.job);
        SIM_REQUIRE(s, r->node == t.node && r->check == t.check && memcmp(r->nonce, t.nonce, 32) == 0 && memcmp(r->digest, t.digest, 32) == 0,
                    "SI-4: accepted ticket differs from the issued one");
        SIM_REQUIRE(s, t.epoch >= s->store.epoch, "SI-5: accepted epoch %" PRIu64 " below %" PRIu64, t.epoch, s->store.epoch);
        SIM_REQUIRE(s, t.clock_boot == s->clock_boot, "SI-13: accepted a result dated by another clock");
        SIM_REQUIRE(s, r->executed, "SI-8: accepted a result of job %" PRIx64 " that no worker ran", t.job);
        r->committed = true;
        r->outcome = result.outcome;
        r->committed_us = s->now_us;
        struct sim_found *f = &s->found[t.node][t.check];
        r->previous = f->newest;
        f->newest = (uint32_t)(r - s->runs);
        f->valid = false;
    }
}

/* Walks the committed runs of a pair from the newest back to the last fail: passes since then, and when the newest was issued. */
static void look(const struct sim *s, struct sim_found *f, const struct check_row *c, uint32_t generation)
{
    f->valid = true;
    f->any = false;
    f->passes = 0;
    f->best_ms = 0;
    f->generation = generation;
    memcpy(f->digest, c->digest, 32);
    for (uint32_t i = f->newest; i != UINT32_MAX; i = s->runs[i].previous) {
        const struct sim_run *r = &s->runs[i];
        if (r->flags != 0 || r->generation != generation || memcmp(r->digest, c->digest, 32) != 0)
            continue;
        if (r->outcome == SP_OUTCOME_FAIL)
            return;
        if (r->outcome == SP_OUTCOME_PASS || r->outcome == SP_OUTCOME_WARN) {
            f->passes++;
            f->any = true;
            f->best_ms = r->issued_ms > f->best_ms ? r->issued_ms : f->best_ms;
        }
    }
}

/* The demand of one check upon one node is met by what is on disk. */
static bool met(struct sim *s, uint32_t node, const struct check_row *c, uint64_t keeper_ms)
{
    uint32_t generation = node_registry_at(keeper_core_nodes(s->keeper), node)->generation;
    struct sim_found *f = &s->found[node][c->id];
    if (!c->present || c->stage != SP_STAGE_ENFORCING)
        return false;
    if (!f->valid || f->generation != generation || memcmp(f->digest, c->digest, 32) != 0)
        look(s, f, c, generation);
    return f->any && f->passes >= c->rise && keeper_ms < f->best_ms + c->max_age_ms;
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
        bool good = row != CHECK_ROW_NONE && met(s, node, check_table_at(checks, row), keeper_ms);
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
        return s->bad[node][1] == SP_OUTCOME_PASS && s->bad[node][2] == SP_OUTCOME_PASS;
    uint32_t good = 0;
    for (uint32_t c = 2; c <= 3; c++) /* check-4 of the group is in stage shadow */
        good += s->bad[node][c] == SP_OUTCOME_PASS || s->bad[node][c] == SP_OUTCOME_WARN;
    return good >= 2;
}

/* Whether the last durable audit row about this membership says gain. */
static bool audited(const struct sim *s, uint32_t node, uint32_t pool)
{
    for (uint32_t i = s->store.audit_durable; i-- > 0;)
        if (s->store.audit[i].node == node && s->store.audit[i].pool == pool)
            return s->store.audit[i].gain;
    return false;
}

void sim_ref_check(struct sim *s)
{
    if (!s->process[SIM_KEEPER].alive)
        return;
    uint64_t now_ms = sp_mono_ms(sim_clock(s, SIM_KEEPER).mono);
    for (uint32_t n = 1; n <= SIM_NODES; n++)
        for (uint32_t p = 0; p < SIM_POOLS; p++) {
            struct keeper_view v;
            keeper_core_view(s->keeper, node_registry_at(keeper_core_nodes(s->keeper), n), p, now_ms, &v);
            s->transitions += v.member != s->visible[n][p];
            if (v.member) {
                SIM_REQUIRE(s, sim_ref_allows(s, n, p, now_ms), "SI-1/2/3: node-%u is in pool %u and the reference forbids it (%s)", n, p, s->where);
                SIM_REQUIRE(s, v.until_ms > now_ms, "SI-2: node-%u in pool %u beyond its lifetime", n, p);
                if (!s->visible[n][p])
                    SIM_REQUIRE(s, audited(s, n, p), "SI-7: node-%u entered pool %u without a durable audit row", n, p);
            }
            s->visible[n][p] = v.member;
        }
}

void sim_ref_final(struct sim *s)
{
    uint64_t now_ms = sp_mono_ms(sim_clock(s, SIM_KEEPER).mono);
    for (uint32_t n = 1; n <= SIM_NODES; n++)
        for (uint32_t p = 0; p < SIM_POOLS; p++) {
            struct keeper_view v;
            keeper_core_view(s->keeper, node_registry_at(keeper_core_nodes(s->keeper), n), p, now_ms, &v);
            SIM_REQUIRE(s, v.member == sim_ref_demands(s, n, p), "SI-14: faults ended long ago, node-%u in pool %u: keeper says %d (why %u), truth %d", n,
                        p, v.member, v.verdict.why, sim_ref_demands(s, n, p));
        }
}
