/* SPDX-License-Identifier: Apache-2.0 */
/* Former policies stay former, and what a failed commit took from the store is given to it again. */
#include "keeper_bed.h"

static uint16_t told_rise = 1, told_fall = 1;

/* One check with this maximum age, as a scheduler of that start and catalogue version tells it; 0: no check at all. */
static void told(struct bed *b, uint64_t boot, uint64_t version, uint32_t max_age_ms)
{
    uint8_t body[1024], digest[32];
    struct sp_packer w;
    struct msg_check_set set = {.boot = boot, .version = version, .last = true};
    memset(digest, 0xaa, sizeof digest);
    struct rec_check_info c = {.id = 1,
                               .name = sp_str_of("c1"),
                               .revision = 1,
                               .digest = digest,
                               .stage = SP_STAGE_ENFORCING,
                               .enabled = true,
                               .adapter = sp_str_of("exec"),
                               .rise = told_rise,
                               .fall = told_fall,
                               .max_age_ms = max_age_ms,
                               .period_ms = 100};
    sp_packer_init(&w, body, sizeof body);
    assert_int_equal(msg_check_set_begin(&w, &set), SP_OK);
    if (max_age_ms > 0) {
        assert_int_equal(rec_check_info_put(&w, &c), SP_OK);
    }
    assert_int_equal(msg_check_set_end(&w), SP_OK);
    bed_message(b, SP_MSG_CHECK_SET, SP_ROLE_SCHEDULER, "scheduler", &w);
    bed_commit(b);
}

static uint32_t max_age(const struct bed *b)
{
    return check_table_at(keeper_core_checks(b->core), check_table_find(keeper_core_checks(b->core), 1))->max_age_ms;
}

/* Seals do not grow old: what a hostile broker says again, or an honest one late, must not weaken the policy in force. */
static void si12_a_former_policy_does_not_come_back(void **state)
{
    (void)state;
    static struct bed b;
    bed_init(&b);
    told(&b, b.scheduler, 1ull << 40, 1000);
    told(&b, b.scheduler, (1ull << 40) - 1, 90000); /* from before the change */
    assert_int_equal(max_age(&b), 1000);
    told(&b, b.scheduler + 1, 1ull << 41, 90000); /* of a start that is not in charge */
    assert_int_equal(max_age(&b), 1000);
    told(&b, b.scheduler, 1ull << 40, 2000); /* the same once more does no harm */
    assert_int_equal(max_age(&b), 2000);
    bed_epoch(&b, b.epoch + 1, b.scheduler + 1); /* now it is in charge, with a catalogue put back from a copy */
    told(&b, b.scheduler, 5, 3000);
    assert_int_equal(max_age(&b), 3000);
    bed_fini(&b);
}

/* Nothing but a new pass gives back what was over: neither a longer maximum age nor one that was put back after a mistake. */
static void si2_a_longer_maximum_age_brings_nothing_back(void **state)
{
    (void)state;
    static struct bed b;
    uint64_t version = 1ull << 40;
    bed_init(&b);
    bed_pool(&b, "trusted", 0);
    told(&b, b.scheduler, version, 1000);
    bed_result(&b, SP_OUTCOME_PASS);
    bed_tick(&b, 400);
    told(&b, b.scheduler, ++version, 1500); /* what is not over yet may last as long as the new rule says */
    bed_tick(&b, 800);
    assert_true(bed_member(&b));
    bed_tick(&b, 400);
    assert_false(bed_member(&b));
    told(&b, b.scheduler, ++version, 60000);
    bed_tick(&b, 10);
    assert_false(bed_member(&b));
    assert_int_equal(check_table_at(keeper_core_checks(b.core), check_table_find(keeper_core_checks(b.core), 1))->over_ms,
                     b.now.mono.us / 1000 - 10 - 1500);
    bed_result(&b, SP_OUTCOME_PASS);
    assert_true(bed_member(&b));
    bed_tick(&b, 3000);
    told(&b, b.scheduler, ++version, 1000); /* shorter by mistake, and back at once */
    assert_false(bed_member(&b));
    told(&b, b.scheduler, ++version, 60000);
    bed_tick(&b, 10);
    assert_false(bed_member(&b));
    bed_result(&b, SP_OUTCOME_PASS);
    assert_true(bed_member(&b));
    keeper_core_void_all(b.core, b.now.mono.us / 1000); /* another clock: its times mean nothing */
    assert_int_equal(check_table_at(keeper_core_checks(b.core), check_table_find(keeper_core_checks(b.core), 1))->over_ms, 0);
    bed_fini(&b);
}

/* A worker's name and a table of checks whose commit failed are given to the store again, and only then. */
static void si6_a_failed_commit_is_made_up_for(void **state)
{
    (void)state;
    static struct bed b;
    bed_init(&b);
    bed_ask(&b);
    bed_tell(&b, SP_OUTCOME_PASS); /* the first of this worker */
    assert_int_equal(b.workers, 1);
    b.store_fails = true;
    bed_commit(&b);
    b.store_fails = false;
    b.health.store_good = true;
    bed_result(&b, SP_OUTCOME_PASS);
    assert_int_equal(b.workers, 2);
    bed_result(&b, SP_OUTCOME_PASS);
    assert_int_equal(b.workers, 2);
    uint32_t tables = b.tables;
    b.store_fails = true;
    told(&b, b.scheduler, 1ull << 40, 1000);
    assert_int_equal(b.tables, tables + 1);
    b.store_fails = false;
    bed_tick(&b, 1); /* the store is still bad */
    assert_int_equal(b.tables, tables + 1);
    b.health.store_good = true;
    bed_tick(&b, 1);
    assert_int_equal(b.tables, tables + 2);
    bed_tick(&b, 1);
    assert_int_equal(b.tables, tables + 2);
    bed_fini(&b);
}

/* The end of a run is written once, also when the commit that held it failed. */
static void si6_history_of_a_failed_commit_is_written_again(void **state)
{
    (void)state;
    static struct bed b;
    bed_init(&b);
    bed_result(&b, SP_OUTCOME_PASS);
    bed_ask(&b);
    bed_tell(&b, SP_OUTCOME_WARN);
    bed_commit_once(&b); /* the result is durable, and ends a run whose row goes into the next commit */
    assert_int_equal(b.histories, 1);
    b.store_fails = true;
    bed_commit_once(&b);
    b.store_fails = false;
    bed_tick(&b, 1); /* the store is still bad */
    assert_int_equal(b.histories, 1);
    b.health.store_good = true;
    bed_tick(&b, 1);
    assert_int_equal(b.histories, 2);
    bed_tick(&b, 1);
    assert_int_equal(b.histories, 2);
    bed_ask(&b); /* a fail that could not be stored ends a run as well */
    b.store_fails = true;
    bed_tell(&b, SP_OUTCOME_FAIL);
    bed_commit_once(&b);
    b.store_fails = false;
    b.health.store_good = true;
    bed_tick(&b, 1);
    assert_int_equal(b.histories, 3);
    assert_int_equal(keeper_core_counters(b.core)->history_lost, 0);
    bed_fini(&b);
}

/* Rise and fall are policy: a pair that came up under an easier rule is judged anew, at once and after a restart. */
static void si12_a_stricter_rule_counts_at_once(void **state)
{
    (void)state;
    static struct bed b;
    bed_init(&b);
    told_rise = 1;
    told_fall = 2;
    told(&b, b.scheduler, 1ull << 40, 1000);
    bed_result(&b, SP_OUTCOME_PASS);
    assert_true(bed_member(&b));
    struct sp_buf record;
    sp_buf_init(&record, 1 << 16);
    keeper_core_write_record(b.core, node_registry_at(keeper_core_nodes(b.core), 1), &record);
    told_rise = 2;
    told(&b, b.scheduler, (1ull << 40) + 1, 1000);
    assert_false(bed_member(&b));
    bed_result(&b, SP_OUTCOME_PASS);
    assert_true(bed_member(&b));
    told_rise = 1; /* an easier rule takes nothing away */
    told(&b, b.scheduler, (1ull << 40) + 2, 1000);
    assert_true(bed_member(&b));
    bed_result(&b, SP_OUTCOME_FAIL);
    assert_true(bed_member(&b)); /* one fail of two */
    told_fall = 1;
    told(&b, b.scheduler, (1ull << 40) + 3, 1000);
    assert_false(bed_member(&b));
    assert_int_equal(bed_view(&b).tier, SP_TIER_FAIL);
    told_rise = 3; /* the record is of the time before: a start with the store as a crash may leave it */
    told(&b, b.scheduler, (1ull << 40) + 4, 1000);
    struct node_row *row = node_registry_at(keeper_core_nodes(b.core), 1);
    node_registry_shrink(keeper_core_nodes(b.core), row, 0);
    assert_int_equal(keeper_core_restore_record(b.core, 1, sp_buf_view(&record)), SP_OK);
    keeper_core_restored(b.core);
    bed_tick(&b, 1);
    assert_false(bed_member(&b));
    assert_int_equal(bed_view(&b).tier, SP_TIER_NONE);
    sp_buf_fini(&record);
    told_rise = told_fall = 1;
    bed_fini(&b);
}

/* A pass that was on its way while the time ran out is no renewal: readers saw the node leave. */
static void a_pass_under_way_at_the_end_is_a_new_beginning(void **state)
{
    (void)state;
    static struct bed b;
    bed_init(&b);
    bed_result(&b, SP_OUTCOME_PASS);
    assert_true(bed_member(&b));
    uint32_t audits = b.audits;
    uint64_t losses = keeper_core_counters(b.core)->losses;
    b.now.mono.us += 900000;
    bed_ask(&b);
    bed_tell(&b, SP_OUTCOME_PASS);
    b.now.mono.us += 200000; /* the commit took its time */
    bed_commit_once(&b);
    assert_false(bed_member(&b));
    assert_int_equal(keeper_core_counters(b.core)->losses, losses + 1);
    bed_commit(&b);
    assert_true(bed_member(&b));
    assert_int_equal(b.audits, audits + 2);
    bed_fini(&b);
}

/* What was true when the audit row was asked for must still be true when it is durable. */
static void si7_a_row_that_became_durable_too_late_grants_nothing(void **state)
{
    (void)state;
    static struct bed b;
    bed_init(&b);
    bed_ask(&b);
    bed_tell(&b, SP_OUTCOME_PASS);
    bed_commit_once(&b); /* the row of the gain is in the open transaction */
    b.now.mono.us += 1200000;
    uint64_t gains = keeper_core_counters(b.core)->gains;
    bed_commit(&b);
    assert_false(bed_member(&b));
    assert_int_equal(keeper_core_counters(b.core)->gains, gains);
    assert_string_equal(b.last_audit.to, "none/out");
    bed_fini(&b);
}

/* A warning the pool accepts changes the tier of a member, which stays one; the audit calls it neither gain nor loss. */
static void a_member_may_change_its_tier(void **state)
{
    (void)state;
    static struct bed b;
    struct pool_policy pool;
    struct keeper_event ev = {.kind = KEEPER_EV_POOL_PUT, .u.pool = &pool};
    bed_init(&b);
    pool_policy_init(&pool, sp_str_of("trusted"));
    pool.accept_warn = true;
    assert_int_equal(pool_policy_add(&pool, sp_str_of("c1"), POOL_MANDATORY, 0), SP_OK);
    bed_step(&b, &ev);
    bed_commit(&b);
    bed_result(&b, SP_OUTCOME_PASS);
    assert_string_equal(b.last_audit.what, "trust.gain");
    uint64_t events = keeper_core_counters(b.core)->events;
    bed_result(&b, SP_OUTCOME_WARN);
    assert_true(bed_member(&b));
    assert_int_equal(bed_view(&b).tier, SP_TIER_WARN);
    assert_string_equal(b.last_audit.what, "trust.tier");
    assert_string_equal(b.last_audit.from, "pass/in");
    assert_string_equal(b.last_audit.to, "warn/in");
    bed_tick(&b, 1);
    assert_true(keeper_core_counters(b.core)->events > events); /* readers hear of it */
    bed_result(&b, SP_OUTCOME_FAIL);
    assert_string_equal(b.last_audit.what, "trust.loss");
    bed_fini(&b);
}

static uint64_t pairs(const struct bed *b)
{
    return keeper_core_nodes(b->core)->pairs;
}

/* What nobody will ask about again makes room, and its last run becomes history. */
static void pairs_that_are_over_are_given_back(void **state)
{
    (void)state;
    static struct bed b;
    bed_init_with(&b, (struct keeper_options){.forget_ms = 100, .pairs_max = 1});
    told(&b, b.scheduler, 1ull << 40, 1000);
    bed_result(&b, SP_OUTCOME_PASS);
    bed_tick(&b, 150); /* the look after the start finds nothing that is over */
    assert_int_equal(pairs(&b), 1);
    told(&b, b.scheduler, (1ull << 40) + 1, 0); /* the check was deleted */
    bed_tick(&b, 50);
    assert_int_equal(pairs(&b), 1); /* people may still look */
    uint32_t histories = b.histories;
    struct sp_ticket old = b.ticket;
    bed_tick(&b, 60);
    assert_int_equal(pairs(&b), 0);
    assert_int_equal(b.histories, histories + 1);
    assert_int_equal(keeper_core_texts(b.core)->by_hash.count, 0);
    b.ticket = old; /* SI-4: what was said before is not taken because it was forgotten */
    bed_tell(&b, SP_OUTCOME_PASS);
    bed_commit(&b);
    assert_int_equal(keeper_core_counters(b.core)->refused[SP_REFUSAL_UNKNOWN_CHECK], 1);
    told(&b, b.scheduler, (1ull << 40) + 2, 1000);
    bed_result(&b, SP_OUTCOME_PASS); /* there is room again */
    assert_int_equal(pairs(&b), 1);
    bed_node_state(&b, 1, SP_NODE_STATE_RETIRED);
    b.health.store_good = false;
    bed_tick(&b, 500);
    assert_int_equal(pairs(&b), 1); /* the end of its run could not be written */
    b.health.store_good = true;
    bed_tick(&b, 1);
    assert_int_equal(pairs(&b), 0);
    assert_int_equal(keeper_core_counters(b.core)->forgotten, 2);
    bed_tick(&b, 1);
    assert_true(keeper_core_next_deadline(b.core).us > b.now.mono.us); /* and then there is rest */
    bed_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(si12_a_former_policy_does_not_come_back),
        cmocka_unit_test(si2_a_longer_maximum_age_brings_nothing_back),
        cmocka_unit_test(si6_a_failed_commit_is_made_up_for),
        cmocka_unit_test(si6_history_of_a_failed_commit_is_written_again),
        cmocka_unit_test(si12_a_stricter_rule_counts_at_once),
        cmocka_unit_test(pairs_that_are_over_are_given_back),
        cmocka_unit_test(a_pass_under_way_at_the_end_is_a_new_beginning),
        cmocka_unit_test(si7_a_row_that_became_durable_too_late_grants_nothing),
        cmocka_unit_test(a_member_may_change_its_tier),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
