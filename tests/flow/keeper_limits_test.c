/* SPDX-License-Identifier: Apache-2.0 */
/* What an administrator may limit in the keeper, and what it must not look at to stay fast: each is a promise of behaviour. */
#include "keeper_bed.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_check_counts_from_when_a_pool_names_it),
        cmocka_unit_test(a_pool_may_name_a_check_before_it_exists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
