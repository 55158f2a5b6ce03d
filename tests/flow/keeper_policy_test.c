/* SPDX-License-Identifier: Apache-2.0 */
/* Former policies stay former, and what a failed commit took from the store is given to it again. */
#include "keeper_bed.h"

/* One check with this maximum age, as a scheduler of that start and catalogue version tells it. */
static void told(struct bed *b, uint64_t boot, uint64_t version, uint32_t max_age_ms)
{
    uint8_t body[1024], digest[32];
    struct sp_packer w;
    struct msg_check_set set = {.boot = boot, .version = version, .last = true};
    memset(digest, 0xaa, sizeof digest);
    struct rec_check_info c = {.id = 1, .name = sp_str_of("c1"), .revision = 1, .digest = digest, .stage = SP_STAGE_ENFORCING, .enabled = true,
                               .adapter = sp_str_of("exec"), .rise = 1, .fall = 1, .max_age_ms = max_age_ms, .period_ms = 100};
    sp_packer_init(&w, body, sizeof body);
    assert_int_equal(msg_check_set_begin(&w, &set), SP_OK);
    assert_int_equal(rec_check_info_put(&w, &c), SP_OK);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(si12_a_former_policy_does_not_come_back),
        cmocka_unit_test(si6_a_failed_commit_is_made_up_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
