/* SPDX-License-Identifier: Apache-2.0 */
/* What an administrator may limit in the keeper, and what it must not look at to stay fast: each is a promise of behaviour. */
#include "keeper_bed.h"
#include "keeper_journal.h"

static uint64_t judged(const struct bed *b)
{
    return keeper_core_counters(b->core)->judged;
}

/* A result of check `id` at node 1, committed. */
static void result_of(struct bed *b, uint32_t id, uint8_t digest0, uint8_t outcome)
{
    bed_ask(b);
    b->ticket.check = id;
    memset(b->ticket.digest, digest0, 32);
    bed_tell(b, outcome);
    bed_commit(b);
}

static void a_check_counts_from_when_a_pool_names_it(void **state)
{
    (void)state;
    static struct bed b;
    struct pool_policy pool;
    bed_init(&b);
    bed_check(&b, 2, SP_STAGE_ENFORCING, 0xbb, true);
    bed_result(&b, SP_OUTCOME_PASS);
    assert_true(bed_member(&b));
    uint64_t before = judged(&b);
    result_of(&b, 2, 0xbb, SP_OUTCOME_FAIL);
    assert_int_equal(judged(&b), before); /* no pool names it: nobody is judged for it */
    assert_true(bed_member(&b));
    pool_policy_init(&pool, sp_str_of("trusted"));
    assert_int_equal(pool_policy_add(&pool, sp_str_of("c1"), POOL_MANDATORY, 0), SP_OK);
    assert_int_equal(pool_policy_add(&pool, sp_str_of("c2"), POOL_MANDATORY, 0), SP_OK);
    struct keeper_event ev = {.kind = KEEPER_EV_POOL_PUT, .u.pool = &pool};
    bed_step(&b, &ev);
    assert_false(bed_member(&b)); /* what was known of it counts at once */
    bed_commit(&b);
    before = judged(&b);
    result_of(&b, 2, 0xbb, SP_OUTCOME_PASS);
    assert_true(judged(&b) > before);
    assert_true(bed_member(&b));
    ev = (struct keeper_event){.kind = KEEPER_EV_POOL_DELETE, .u.name = sp_str_of("trusted")};
    bed_step(&b, &ev);
    bed_commit(&b);
    before = judged(&b);
    result_of(&b, 2, 0xbb, SP_OUTCOME_FAIL);
    assert_int_equal(judged(&b), before);
    bed_fini(&b);
}

static void a_pool_may_name_a_check_before_it_exists(void **state)
{
    (void)state;
    static struct bed b;
    struct pool_policy pool;
    bed_init(&b);
    pool_policy_init(&pool, sp_str_of("trusted"));
    assert_int_equal(pool_policy_add(&pool, sp_str_of("c2"), POOL_MANDATORY, 0), SP_OK);
    struct keeper_event ev = {.kind = KEEPER_EV_POOL_PUT, .u.pool = &pool};
    bed_step(&b, &ev);
    bed_commit(&b);
    bed_check(&b, 2, SP_STAGE_ENFORCING, 0xbb, true);
    result_of(&b, 2, 0xbb, SP_OUTCOME_PASS);
    assert_true(bed_member(&b));
    result_of(&b, 2, 0xbb, SP_OUTCOME_FAIL);
    assert_false(bed_member(&b));
    bed_fini(&b);
}

static unsigned clocks(const struct bed *b)
{
    unsigned n = 0;
    for (uint32_t i = 0; i < b->sent_count; i++) {
        n += b->sent[i].type == SP_MSG_KEEPER_CLOCK;
    }
    return n;
}

/* KeeperClocks sent in one second of ticks each 10 ms, results of node 1 between them or not. */
static unsigned clocks_per_second(struct bed *b, bool flows)
{
    bed_forget(b);
    for (unsigned i = 0; i < 100; i++) {
        if (flows) {
            bed_result(b, SP_OUTCOME_PASS);
        }
        bed_tick(b, 10);
    }
    return clocks(b);
}

static void the_clock_is_told_as_often_as_configured(void **state)
{
    (void)state;
    static struct bed b;
    bed_init_with(&b, (struct keeper_options){.clock_ms = 100, .clock_idle_ms = 500});
    (void)clocks_per_second(&b, false); /* what the start asks for is over */
    assert_int_equal(clocks_per_second(&b, false), 2);
    (void)clocks_per_second(&b, true); /* the idle distance is still to be waited out */
    assert_in_range(clocks_per_second(&b, true), 9, 11);
    bed_fini(&b);
    bed_init_with(&b, (struct keeper_options){.clock_ms = 500, .clock_idle_ms = 1000});
    (void)clocks_per_second(&b, false);
    assert_int_equal(clocks_per_second(&b, false), 1);
    (void)clocks_per_second(&b, true);
    assert_in_range(clocks_per_second(&b, true), 2, 3);
    bed_fini(&b);
}

static void results_beyond_the_limit_are_refused_and_nothing_is_lost(void **state)
{
    (void)state;
    static struct bed b;
    bed_init_with(&b, (struct keeper_options){.pairs_max = 2});
    bed_check(&b, 2, SP_STAGE_ENFORCING, 0xbb, true);
    bed_check(&b, 3, SP_STAGE_ENFORCING, 0xcc, true);
    bed_result(&b, SP_OUTCOME_PASS);
    result_of(&b, 2, 0xbb, SP_OUTCOME_PASS);
    result_of(&b, 3, 0xcc, SP_OUTCOME_PASS);
    const struct keeper_counters *c = keeper_core_counters(b.core);
    assert_int_equal(c->refused[SP_REFUSAL_OVERLOAD], 1);
    assert_int_equal(c->pairs_refused, 1);
    assert_int_equal(keeper_core_nodes(b.core)->pairs, 2);
    assert_non_null(bed_find(&b, SP_MSG_LEASE_CLOSED)); /* the scheduler knows and asks again */
    bed_result(&b, SP_OUTCOME_PASS);                    /* what there is goes on */
    assert_int_equal(c->refused[SP_REFUSAL_OVERLOAD], 1);
    assert_true(bed_member(&b));
    /* What the store holds is taken in, whatever the limit says today. */
    struct keeper_journal_entry e = {
        1, 3, {.job = b.epoch << 40 | 99, .issued_ms = 1, .generation = 1, .policy = 3}, sp_str_of("")};
    uint8_t body[KEEPER_JOURNAL_HEAD_BYTES + KEEPER_JOURNAL_ENTRY_MAX];
    struct keeper_journal j = {.body = body, .count = 1, .worker = 1};
    struct keeper_journal_mark mark;
    j.bytes = keeper_journal_begin(body, BED_CLOCK_BOOT, &mark);
    j.bytes += keeper_journal_put(body + j.bytes, &mark, &e);
    assert_int_equal(keeper_core_replay(b.core, &j, &b.fx), SP_OK);
    keeper_effects_reset(&b.fx);
    assert_int_equal(keeper_core_nodes(b.core)->pairs, 3);
    bed_fini(&b);
}

static void nodes_beyond_the_limit_are_refused_but_not_those_of_the_store(void **state)
{
    (void)state;
    static struct bed b;
    bed_init_with(&b, (struct keeper_options){.nodes_max = 2});
    bed_node(&b, "n2", 2);
    bed_node(&b, "n3", 3);
    assert_int_equal(keeper_core_nodes(b.core)->count, 2);
    struct node_def def = {.name = sp_str_of("n3"), .key = {3}};
    assert_int_equal(node_registry_may_put(keeper_core_nodes(b.core), &def), SP_E_LIMIT);
    def.name = sp_str_of("n2");
    def.key[0] = 2;
    assert_int_equal(node_registry_may_put(keeper_core_nodes(b.core), &def), SP_OK); /* what there is may change */
    def.name = sp_str_of("n4");
    def.key[0] = 4;
    assert_int_equal(keeper_core_restore_node(b.core, &def, 1, 9), SP_OK);
    assert_int_equal(keeper_core_nodes(b.core)->count, 3);
    bed_fini(&b);
}

static void the_clock_is_told_when_a_broker_is_back(void **state)
{
    (void)state;
    static struct bed b;
    bed_init_with(&b, (struct keeper_options){.clock_ms = 1000, .clock_idle_ms = 5000});
    bed_tick(&b, 6000);
    bed_forget(&b);
    bed_tick(&b, 10);
    assert_int_equal(clocks(&b), 0);
    struct keeper_event ev = {.kind = KEEPER_EV_LINK};
    bed_step(&b, &ev);
    assert_int_equal(clocks(&b), 1);
    bed_fini(&b);
}

static void a_commit_takes_so_many_batches(void **state)
{
    (void)state;
    static struct bed b;
    bed_init_with(&b, (struct keeper_options){.batches_max = 2});
    bed_ask(&b);
    bed_tell(&b, SP_OUTCOME_PASS);
    assert_false(keeper_core_is_full(b.core));
    bed_ask(&b);
    bed_tell(&b, SP_OUTCOME_PASS);
    assert_true(keeper_core_is_full(b.core));
    bed_ask(&b);
    bed_tell(&b, SP_OUTCOME_PASS); /* a shell that does not keep its promise: not acknowledged, comes again */
    assert_int_equal(keeper_core_counters(b.core)->batches_dropped, 1);
    bed_commit(&b);
    assert_false(keeper_core_is_full(b.core));
    bed_fini(&b);
}

static void k35_questions_from_before_a_rollback_are_void(void **state)
{
    (void)state;
    static struct bed b;
    bed_init(&b);
    bed_result(&b, SP_OUTCOME_PASS);
    assert_true(bed_member(&b));
    bed_ask(&b); /* asked before, answered after */
    bed_tick(&b, 10);
    keeper_core_void_all(b.core, sp_mono_ms(b.now.mono));
    assert_false(bed_member(&b));
    bed_tell(&b, SP_OUTCOME_PASS);
    bed_commit(&b);
    assert_false(bed_member(&b));
    assert_int_equal(keeper_core_counters(b.core)->refused[SP_REFUSAL_LATE], 1);
    bed_result(&b, SP_OUTCOME_PASS); /* a new question counts */
    assert_true(bed_member(&b));
    bed_fini(&b);
}

static void an_alias_finds_a_node_and_trust_does_not_go_by_it(void **state)
{
    (void)state;
    static struct bed b;
    bed_init(&b);
    struct keeper_event ev = {.kind = KEEPER_EV_NODE_PUT};
    ev.u.node = (struct node_def){
        .name = sp_str_of("n1"), .aliases = sp_str_of("host-a,n1.example"), .labels = sp_str_of("zone=a"), .key = {1}};
    bed_result(&b, SP_OUTCOME_PASS);
    bed_step(&b, &ev);
    bed_commit(&b);
    assert_ptr_equal(node_registry_find(keeper_core_nodes(b.core), sp_str_of("host-a")),
                     node_registry_at(keeper_core_nodes(b.core), 1));
    assert_true(bed_member(&b)); /* another word for the node is no other node */
    bed_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_check_counts_from_when_a_pool_names_it),
        cmocka_unit_test(a_pool_may_name_a_check_before_it_exists),
        cmocka_unit_test(the_clock_is_told_as_often_as_configured),
        cmocka_unit_test(results_beyond_the_limit_are_refused_and_nothing_is_lost),
        cmocka_unit_test(nodes_beyond_the_limit_are_refused_but_not_those_of_the_store),
        cmocka_unit_test(the_clock_is_told_when_a_broker_is_back),
        cmocka_unit_test(a_commit_takes_so_many_batches),
        cmocka_unit_test(k35_questions_from_before_a_rollback_are_void),
        cmocka_unit_test(an_alias_finds_a_node_and_trust_does_not_go_by_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
