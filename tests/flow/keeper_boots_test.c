/* SPDX-License-Identifier: Apache-2.0 */
/* A node that was started anew has to prove itself anew (K5), whoever says so may say it about its own nodes only, and cannot let one in. */
#include "keeper_bed.h"

#define BOOT(resets) ((uint64_t)(resets) << 32)

/* Check number `id` with this adapter and stage, beside check 1 with the adapter tpm; both in force. */
static void checks(struct bed *b, const char *adapter, uint8_t stage)
{
    static uint64_t version = 1ull << 40;
    uint8_t body[2048], digest[32];
    struct sp_packer w;
    struct msg_check_set set = {.boot = b->scheduler, .version = ++version, .last = true};
    memset(digest, 0xaa, sizeof digest);
    struct rec_check_info c = {.id = 1,
                               .name = sp_str_of("c1"),
                               .revision = 1,
                               .digest = digest,
                               .stage = stage,
                               .enabled = true,
                               .adapter = sp_str_of(adapter),
                               .rise = 1,
                               .fall = 1,
                               .max_age_ms = 1000,
                               .period_ms = 100};
    struct rec_check_info d = c;
    d.id = 2;
    d.name = sp_str_of("c2");
    d.stage = SP_STAGE_ENFORCING;
    d.adapter = sp_str_of("tpm");
    sp_packer_init(&w, body, sizeof body);
    assert_int_equal(msg_check_set_begin(&w, &set), SP_OK);
    assert_int_equal(rec_check_info_put(&w, &c), SP_OK);
    assert_int_equal(rec_check_info_put(&w, &d), SP_OK);
    assert_int_equal(msg_check_set_end(&w), SP_OK);
    bed_message(b, SP_MSG_CHECK_SET, SP_ROLE_SCHEDULER, "scheduler", &w);
    bed_commit(b);
}

static const struct node_row *n1(const struct bed *b)
{
    return node_registry_at(keeper_core_nodes(b->core), 1);
}

static void begin(struct bed *b, const char *adapter, uint8_t stage)
{
    bed_init(b);
    checks(b, adapter, stage);
}

/* Asked about check and answered; not committed. */
static void tell(struct bed *b, const char *worker, uint32_t check, uint8_t outcome, uint64_t instance)
{
    bed_ask(b);
    b->ticket.check = check;
    bed_tell_instance(b, worker, outcome, instance);
}

static void result(struct bed *b, uint8_t outcome, uint64_t instance)
{
    tell(b, "worker-1", 1, outcome, instance);
    bed_commit(b);
}

/* Reads the latest ack: how many of its results were taken, and the code of the one that was not. */
static uint32_t refused(const struct bed *b)
{
    const struct bed_sent *sent = bed_find(b, SP_MSG_RESULT_ACK);
    struct msg_result_ack ack;
    struct rec_refused_result no;
    assert_non_null(sent);
    assert_int_equal(msg_result_ack_decode(sent->body, sent->bytes, &ack), SP_OK);
    return rec_refused_result_next(&ack.refused, &no) ? no.code : SP_REFUSAL_NONE;
}

static void k5_a_reboot_voids_what_was_proved_before(void **state)
{
    static struct bed b;
    (void)state;
    begin(&b, "tpm", SP_STAGE_ENFORCING);
    result(&b, SP_OUTCOME_PASS, BOOT(3));
    assert_true(bed_member(&b));
    uint32_t generation = n1(&b)->generation;
    assert_int_equal(n1(&b)->instance, BOOT(3));
    uint64_t version = n1(&b)->version;
    bed_tick(&b, 10);
    tell(&b, "worker-1", 2, SP_OUTCOME_PASS, BOOT(4)); /* another check saw it; this pool asks for check 1 only */
    assert_false(bed_member(&b));                      /* at once, before it is durable */
    assert_int_equal(n1(&b)->version, version);        /* and before the scheduler is told */
    bed_commit(&b);
    assert_int_equal(n1(&b)->generation, generation + 1);
    assert_true(n1(&b)->version > version);
    assert_string_equal(b.rebooted.what, "node.rebooted");
    assert_string_equal(b.rebooted.object, "n1");
    assert_string_equal(b.rebooted.from, "3.0");
    assert_string_equal(b.rebooted.to, "4.0");
    assert_int_equal(keeper_core_counters(b.core)->rebooted, 1);
    assert_false(bed_member(&b));
    const struct pair_state *second = node_registry_find_pair(n1(&b), 2);
    assert_int_equal(second->generation, generation + 1); /* the one that told is about the node as it runs now */
    assert_int_equal(second->known, 1);
    result(&b, SP_OUTCOME_PASS, BOOT(4));
    assert_true(bed_member(&b));
    bed_fini(&b);
}

/* A restart without a reset of the TPM counts in the low half. */
static void k5_a_resume_counts_too(void **state)
{
    static struct bed b;
    (void)state;
    begin(&b, "tpm", SP_STAGE_ENFORCING);
    result(&b, SP_OUTCOME_PASS, BOOT(3) | 1);
    uint32_t generation = n1(&b)->generation;
    result(&b, SP_OUTCOME_PASS, BOOT(3) | 2);
    assert_int_equal(n1(&b)->generation, generation + 1);
    assert_true(bed_member(&b)); /* the pass is of this start */
    bed_fini(&b);
}

static void k5_a_fail_that_tells_of_a_reboot_counts(void **state)
{
    static struct bed b;
    (void)state;
    begin(&b, "tpm", SP_STAGE_ENFORCING);
    result(&b, SP_OUTCOME_PASS, BOOT(3));
    result(&b, SP_OUTCOME_FAIL, BOOT(4));
    assert_int_equal(bed_view(&b).tier, SP_TIER_FAIL);
    bed_fini(&b);
}

static void k5_evidence_from_before_a_start_is_refused(void **state)
{
    static struct bed b;
    (void)state;
    begin(&b, "tpm", SP_STAGE_ENFORCING);
    result(&b, SP_OUTCOME_PASS, BOOT(3));
    result(&b, SP_OUTCOME_PASS, BOOT(4));
    uint32_t generation = n1(&b)->generation;
    result(&b, SP_OUTCOME_PASS, BOOT(3) | 9);
    assert_int_equal(refused(&b), SP_REFUSAL_IDENTITY);
    assert_int_equal(n1(&b)->generation, generation);
    assert_int_equal(n1(&b)->instance, BOOT(4));
    bed_ask(&b); /* a question that was under way when the start became known */
    b.ticket.generation = generation - 1;
    bed_tell_instance(&b, "worker-1", SP_OUTCOME_PASS, BOOT(4));
    bed_commit(&b);
    assert_int_equal(refused(&b), SP_REFUSAL_IDENTITY);
    result(&b, SP_OUTCOME_PASS, 0); /* not known changes nothing */
    assert_int_equal(refused(&b), SP_REFUSAL_NONE);
    assert_int_equal(n1(&b)->instance, BOOT(4));
    bed_fini(&b);
}

/* What other adapters, drafts and shadows say about starts is nobody's word. */
static void k11_only_quotes_that_count_speak_of_starts(void **state)
{
    static const struct {
        const char *adapter;
        uint8_t stage;
    } rows[] = {{"exec", SP_STAGE_ENFORCING}, {"tpm", SP_STAGE_SHADOW}, {"tpm", SP_STAGE_DRAFT}};
    static struct bed b;
    (void)state;
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        begin(&b, rows[i].adapter, rows[i].stage);
        tell(&b, "worker-1", 2, SP_OUTCOME_PASS, BOOT(3));
        bed_commit(&b);
        uint32_t generation = n1(&b)->generation;
        result(&b, SP_OUTCOME_PASS, BOOT(9));
        assert_int_equal(refused(&b), SP_REFUSAL_NONE);
        assert_int_equal(n1(&b)->generation, generation);
        assert_int_equal(n1(&b)->instance, BOOT(3));
        result(&b, SP_OUTCOME_PASS, BOOT(1));
        assert_int_equal(refused(&b), SP_REFUSAL_NONE);
        bed_fini(&b);
    }
    begin(&b, "tpm", SP_STAGE_ENFORCING);
    result(&b, SP_OUTCOME_PASS, BOOT(3));
    tell(&b, "zoned", 1, SP_OUTCOME_PASS, BOOT(9)); /* a worker whose nodes these are not */
    bed_commit(&b);
    assert_int_equal(refused(&b), SP_REFUSAL_SCOPE);
    assert_int_equal(n1(&b)->instance, BOOT(3));
    assert_true(bed_member(&b));
    bed_fini(&b);
}

/* A stolen key can say any number: it keeps its nodes out, and no longer than until it is revoked or the node is enrolled again. */
static void t4_a_huge_number_is_put_right(void **state)
{
    static struct bed b;
    struct keeper_event ev = {.kind = KEEPER_EV_NODE_IDENTITY, .u.id = 1};
    (void)state;
    begin(&b, "tpm", SP_STAGE_ENFORCING);
    result(&b, SP_OUTCOME_PASS, BOOT(3));
    tell(&b, "evil", 1, SP_OUTCOME_PASS, UINT64_MAX);
    bed_commit(&b);
    result(&b, SP_OUTCOME_PASS, BOOT(3));
    assert_int_equal(refused(&b), SP_REFUSAL_IDENTITY);
    uint32_t generation = n1(&b)->generation;
    bed_step(&b, &ev); /* enrolled again */
    bed_commit(&b);
    assert_int_equal(n1(&b)->generation, generation + 1);
    assert_false(bed_member(&b));
    result(&b, SP_OUTCOME_PASS, BOOT(3));
    assert_true(bed_member(&b));

    tell(&b, "evil", 1, SP_OUTCOME_PASS, UINT64_MAX);
    bed_commit(&b);
    struct keeper_event revoked = {.kind = KEEPER_EV_REVOKED, .u.name = sp_str_of("evil")};
    bed_step(&b, &revoked);
    bed_commit(&b);
    assert_false(bed_member(&b));
    result(&b, SP_OUTCOME_PASS, BOOT(3));
    assert_true(bed_member(&b));
    bed_fini(&b);
}

/* Who told of the latest start is revoked, and the node is started meanwhile: what others found before must not outlive that start. */
static void k5_a_start_behind_a_revocation(void **state)
{
    static struct bed b;
    struct keeper_event revoked = {.kind = KEEPER_EV_REVOKED, .u.name = sp_str_of("evil")};
    (void)state;
    begin(&b, "tpm", SP_STAGE_ENFORCING);
    tell(&b, "evil", 2, SP_OUTCOME_PASS, BOOT(3));
    bed_commit(&b);
    result(&b, SP_OUTCOME_PASS, BOOT(3));
    assert_true(bed_member(&b)); /* by the word of an honest worker */
    bed_step(&b, &revoked);
    bed_commit(&b);
    assert_true(bed_member(&b));
    uint32_t generation = n1(&b)->generation;
    tell(&b, "worker-1", 2, SP_OUTCOME_PASS, BOOT(3)); /* as it was said: nothing happened */
    b.store_fails = true;
    bed_commit(&b);
    assert_int_equal(n1(&b)->instance_worker, 0);
    b.store_fails = false;
    b.health.store_good = true;
    tell(&b, "worker-1", 2, SP_OUTCOME_PASS, BOOT(4));
    assert_false(bed_member(&b));
    bed_commit(&b);
    assert_int_equal(n1(&b)->generation, generation + 1);
    result(&b, SP_OUTCOME_PASS, BOOT(3));
    assert_int_equal(refused(&b), SP_REFUSAL_IDENTITY);
    assert_false(bed_member(&b));
    bed_fini(&b);
}

/* What a failed commit took back is as it was, but what was proved before the start stays void; the result comes again. */
static void si6_a_failed_commit_takes_the_generation_back(void **state)
{
    static struct bed b;
    (void)state;
    begin(&b, "tpm", SP_STAGE_ENFORCING);
    result(&b, SP_OUTCOME_PASS, BOOT(3));
    uint32_t generation = n1(&b)->generation;
    uint64_t version = n1(&b)->version;
    tell(&b, "worker-1", 1, SP_OUTCOME_PASS, BOOT(4));
    struct sp_ticket again = b.ticket;
    b.store_fails = true;
    bed_commit(&b);
    assert_int_equal(n1(&b)->generation, generation);
    assert_int_equal(n1(&b)->instance, BOOT(3));
    assert_int_equal(n1(&b)->version, version);
    assert_false(bed_member(&b)); /* it was started, whether that can be written down or not */
    b.store_fails = false;
    b.health.store_good = true;
    b.ticket = again;
    bed_tell_instance(&b, "worker-1", SP_OUTCOME_PASS, BOOT(4));
    bed_commit(&b);
    assert_int_equal(refused(&b), SP_REFUSAL_NONE);
    assert_int_equal(n1(&b)->generation, generation + 1);
    assert_true(bed_member(&b));

    tell(&b, "worker-1", 1, SP_OUTCOME_FAIL, BOOT(5)); /* bad evidence counts although it could not be stored */
    b.store_fails = true;
    bed_commit(&b);
    assert_int_equal(bed_view(&b).tier, SP_TIER_FAIL);
    bed_fini(&b);
}

/* A generation that an operator's change began, durably, is not taken back with a result's. */
static void si12_a_failed_commit_leaves_what_operators_did(void **state)
{
    static struct bed b;
    struct keeper_event ev = {.kind = KEEPER_EV_NODE_IDENTITY, .u.id = 1};
    (void)state;
    for (unsigned known = 0; known < 2; known++) {
        begin(&b, "tpm", SP_STAGE_ENFORCING);
        result(&b, SP_OUTCOME_PASS, known != 0 ? BOOT(3) : 0);
        tell(&b, "worker-1", 1, SP_OUTCOME_PASS, BOOT(4));
        bed_step(&b, &ev);
        uint32_t generation = n1(&b)->generation;
        b.store_fails = true;
        bed_commit_once(&b);
        assert_int_equal(n1(&b)->generation, generation);
        assert_int_equal(n1(&b)->instance, 0);
        assert_false(bed_member(&b));
        bed_fini(&b);
    }
}

/* The same twice, as a worker's outbox sends it: no second generation. */
static void si6_a_repeated_result_begins_nothing(void **state)
{
    static struct bed b;
    (void)state;
    begin(&b, "tpm", SP_STAGE_ENFORCING);
    result(&b, SP_OUTCOME_PASS, BOOT(3));
    tell(&b, "worker-1", 1, SP_OUTCOME_PASS, BOOT(4));
    uint32_t generation = n1(&b)->generation;
    bed_tell_instance(&b, "worker-1", SP_OUTCOME_PASS, BOOT(4));
    bed_commit(&b);
    bed_tell_instance(&b, "worker-1", SP_OUTCOME_PASS, BOOT(4));
    bed_commit(&b);
    assert_int_equal(n1(&b)->generation, generation);
    assert_true(bed_member(&b));
    bed_fini(&b);
}

/* Another machine under the name counts its own starts. */
static void si12_another_key_forgets_the_count(void **state)
{
    static struct bed b;
    (void)state;
    begin(&b, "tpm", SP_STAGE_ENFORCING);
    result(&b, SP_OUTCOME_PASS, BOOT(30));
    bed_node_state(&b, 1, SP_NODE_STATE_RETIRED);
    bed_node(&b, "n1", 9);
    assert_int_equal(n1(&b)->instance, 0);
    result(&b, SP_OUTCOME_PASS, BOOT(2));
    assert_int_equal(refused(&b), SP_REFUSAL_NONE);
    assert_true(bed_member(&b));
    bed_fini(&b);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(k5_a_reboot_voids_what_was_proved_before),
        cmocka_unit_test(k5_a_resume_counts_too),
        cmocka_unit_test(k5_a_fail_that_tells_of_a_reboot_counts),
        cmocka_unit_test(k5_evidence_from_before_a_start_is_refused),
        cmocka_unit_test(k11_only_quotes_that_count_speak_of_starts),
        cmocka_unit_test(t4_a_huge_number_is_put_right),
        cmocka_unit_test(k5_a_start_behind_a_revocation),
        cmocka_unit_test(si6_a_failed_commit_takes_the_generation_back),
        cmocka_unit_test(si12_a_failed_commit_leaves_what_operators_did),
        cmocka_unit_test(si6_a_repeated_result_begins_nothing),
        cmocka_unit_test(si12_another_key_forgets_the_count),
    };
    return cmocka_run_group_tests_name("keeper_boots", tests, NULL, NULL);
}
