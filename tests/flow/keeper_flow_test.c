/* SPDX-License-Identifier: Apache-2.0 */
/* The keeper's core through whole stories, and the attacks of the threat model one by one. Tests are named after the invariant (SI) or
 * control (K) they hold. */
#include "keeper_bed.h"

static void start(struct bed *b)
{
    bed_init(b);
    assert_false(bed_member(b));
}

static uint64_t refused(const struct bed *b, enum sp_refusal code)
{
    return keeper_core_counters(b->core)->refused[code];
}

/* The only answer to a batch of one result: accepted, or refused with a code. */
static unsigned last_ack(const struct bed *b)
{
    const struct bed_sent *s = bed_find(b, SP_MSG_RESULT_ACK);
    struct msg_result_ack ack;
    struct rec_refused_result r = {.code = SP_REFUSAL_NONE};
    assert_non_null(s);
    assert_int_equal(msg_result_ack_decode(s->body, s->bytes, &ack), SP_OK);
    struct sp_list list = ack.refused;
    if (ack.accepted == 0) {
        assert_true(rec_refused_result_next(&list, &r));
    }
    return r.code;
}

static void a_pass_makes_a_member_and_time_ends_it(void **state)
{
    (void)state;
    static struct bed b;
    start(&b);
    bed_result(&b, SP_OUTCOME_PASS);
    assert_true(bed_member(&b));
    assert_int_equal(bed_view(&b).until_ms, sp_mono_ms(b.now.mono) + 1000);
    assert_string_equal(b.last_audit.what, "trust.gain");
    b.now.mono.us += 999000; /* no step in between: reads recompute */
    assert_true(bed_member(&b));
    b.now.mono.us += 1000;
    assert_false(bed_member(&b));
    bed_tick(&b, 0);
    assert_string_equal(b.last_audit.what, "trust.loss");
    assert_string_equal(b.last_audit.object, "n1/trusted");
    bed_fini(&b);
}

static void si7_gain_is_visible_only_after_its_row_is_durable(void **state)
{
    (void)state;
    static struct bed b;
    start(&b);
    bed_ask(&b);
    bed_tell(&b, SP_OUTCOME_PASS);
    assert_false(bed_member(&b));
    bed_commit_once(&b); /* the result is durable, its audit row is written but not durable */
    assert_true(b.audits > b.audits_durable);
    assert_false(bed_member(&b));
    bed_commit_once(&b);
    assert_true(bed_member(&b));
    bed_fini(&b);
}

static void si7_loss_is_visible_at_once(void **state)
{
    (void)state;
    static struct bed b;
    start(&b);
    bed_result(&b, SP_OUTCOME_PASS);
    bed_ask(&b);
    bed_tell(&b, SP_OUTCOME_FAIL);
    bed_commit_once(&b);
    assert_false(bed_member(&b));
    assert_int_equal(bed_view(&b).tier, SP_TIER_FAIL);
    bed_fini(&b);
}

static void si6_acknowledged_only_after_the_commit(void **state)
{
    (void)state;
    static struct bed b;
    start(&b);
    bed_forget(&b);
    bed_ask(&b);
    bed_tell(&b, SP_OUTCOME_PASS);
    assert_null(bed_find(&b, SP_MSG_RESULT_ACK));
    assert_null(bed_find(&b, SP_MSG_LEASE_CLOSED));
    bed_commit(&b);
    assert_int_equal(last_ack(&b), SP_REFUSAL_NONE);
    assert_non_null(bed_find(&b, SP_MSG_LEASE_CLOSED));
    bed_fini(&b);
}

static void si6_failed_commit_is_not_acknowledged_and_comes_again(void **state)
{
    (void)state;
    static struct bed b;
    start(&b);
    bed_forget(&b);
    bed_ask(&b);
    b.store_fails = true;
    bed_tell(&b, SP_OUTCOME_PASS);
    bed_commit_once(&b);
    assert_null(bed_find(&b, SP_MSG_RESULT_ACK));
    assert_false(bed_member(&b));
    bed_tell(&b, SP_OUTCOME_PASS); /* dropped while the store is bad */
    assert_int_equal(keeper_core_counters(b.core)->batches_dropped, 1);
    b.store_fails = false;
    b.health.store_good = true;
    bed_tell(&b, SP_OUTCOME_PASS); /* the same ticket again: not a replay, it never counted */
    bed_commit(&b);
    assert_int_equal(last_ack(&b), SP_REFUSAL_NONE);
    assert_true(bed_member(&b));
    bed_fini(&b);
}

static void store_failure_still_ends_trust_on_a_fail(void **state)
{
    (void)state;
    static struct bed b;
    start(&b);
    bed_result(&b, SP_OUTCOME_PASS);
    bed_ask(&b);
    b.store_fails = true;
    bed_tell(&b, SP_OUTCOME_FAIL);
    bed_commit_once(&b);
    assert_false(bed_member(&b));
    uint32_t before = b.audits;
    b.store_fails = false;
    b.health.store_good = true;
    bed_tick(&b, 1);
    assert_true(b.audits > before); /* the row was queued and is written now */
    bed_fini(&b);
}

static void a_gain_whose_row_is_lost_is_withdrawn_and_asked_again(void **state)
{
    (void)state;
    static struct bed b;
    start(&b);
    bed_ask(&b);
    bed_tell(&b, SP_OUTCOME_PASS);
    bed_commit_once(&b);
    b.store_fails = true;
    bed_commit_once(&b);
    assert_false(bed_member(&b));
    b.store_fails = false;
    bed_tick(&b, 1);
    assert_false(bed_member(&b)); /* store still known to be bad */
    b.health.store_good = true;
    bed_tick(&b, 1);
    assert_true(bed_member(&b));
    bed_fini(&b);
}

static void si4_an_answer_counts_once(void **state)
{
    (void)state;
    static struct bed b;
    start(&b);
    bed_ask(&b);
    bed_tell(&b, SP_OUTCOME_PASS);
    bed_tell(&b, SP_OUTCOME_PASS); /* a second copy before the commit */
    bed_commit(&b);
    assert_int_equal(keeper_core_counters(b.core)->duplicates, 1);
    assert_int_equal(last_ack(&b), SP_REFUSAL_NONE); /* said again, done nothing */
    struct sp_ticket old = b.ticket;
    bed_result(&b, SP_OUTCOME_FAIL);
    b.ticket = old;
    bed_tell(&b, SP_OUTCOME_PASS); /* the older pass again, after the fail (SI-3) */
    bed_commit(&b);
    assert_int_equal(last_ack(&b), SP_REFUSAL_REPLAY);
    assert_int_equal(bed_view(&b).tier, SP_TIER_FAIL);
    assert_int_equal(b.journals, 2); /* neither copy nor replay is a row */
    bed_fini(&b);
}

static void si5_lower_epochs_have_no_effect(void **state)
{
    (void)state;
    static struct bed b;
    start(&b);
    bed_ask(&b);
    bed_epoch(&b, 4, 10);
    assert_int_equal(keeper_core_epoch(b.core), 4);
    bed_tell(&b, SP_OUTCOME_PASS);
    bed_commit(&b);
    assert_int_equal(last_ack(&b), SP_REFUSAL_EPOCH);
    assert_false(bed_member(&b));
    bed_forget(&b);
    bed_epoch(&b, 4, 99); /* another claims the same */
    struct msg_epoch_grant grant;
    const struct bed_sent *s = bed_find(&b, SP_MSG_EPOCH_GRANT);
    assert_int_equal(msg_epoch_grant_decode(s->body, s->bytes, &grant), SP_OK);
    assert_int_equal(grant.boot, 10);
    bed_epoch(&b, 1ull << 30, 99); /* beyond what job numbers can carry */
    assert_int_equal(keeper_core_epoch(b.core), 4);
    bed_fini(&b);
}

static void k1_foreign_late_and_future_questions_are_refused(void **state)
{
    (void)state;
    static struct bed b;
    start(&b);
    bed_ask(&b);
    b.now.mono.us += 500000;
    bed_tell(&b, SP_OUTCOME_PASS);
    bed_commit(&b);
    assert_int_equal(last_ack(&b), SP_REFUSAL_LATE);
    bed_ask(&b);
    b.ticket.issued_ms += 5000;
    bed_tell(&b, SP_OUTCOME_PASS);
    bed_commit(&b);
    assert_int_equal(last_ack(&b), SP_REFUSAL_FUTURE);
    bed_ask(&b);
    b.ticket.clock_boot++;
    bed_tell(&b, SP_OUTCOME_PASS);
    bed_commit(&b);
    assert_int_equal(last_ack(&b), SP_REFUSAL_LATE);
    bed_ask(&b);
    b.ticket.epoch++;
    bed_tell(&b, SP_OUTCOME_PASS);
    bed_commit(&b);
    assert_int_equal(last_ack(&b), SP_REFUSAL_EPOCH);
    assert_false(bed_member(&b));
    assert_int_equal(b.journals, 0);
    bed_fini(&b);
}

static void k11_a_worker_speaks_only_within_its_scope(void **state)
{
    (void)state;
    static struct bed b;
    start(&b);
    bed_ask(&b);
    bed_tell_as(&b, "narrow", SP_OUTCOME_PASS); /* other adapters */
    bed_commit(&b);
    assert_int_equal(last_ack(&b), SP_REFUSAL_SCOPE);
    bed_tell_as(&b, "zoned", SP_OUTCOME_PASS); /* other nodes */
    bed_commit(&b);
    assert_int_equal(last_ack(&b), SP_REFUSAL_SCOPE);
    assert_int_equal(refused(&b, SP_REFUSAL_SCOPE), 2);
    bed_tell(&b, SP_OUTCOME_PASS); /* the refusals did not use the question up */
    bed_commit(&b);
    assert_true(bed_member(&b));
    bed_fini(&b);
}

static void k14_a_lie_about_node_check_or_attempt_breaks_the_seal(void **state)
{
    (void)state;
    static struct bed b;
    uint8_t body[4096], bytes[SP_TICKET_BYTES];
    struct sp_mac mac = {bed_mac, NULL};
    start(&b);
    bed_node(&b, "n2", 2);
    static const unsigned places[] = {1, 4, 8, 12, 24, 32, 48, 56, 64, 96, 130};
    for (unsigned i = 0; i < SP_COUNT(places); i++) {
        bed_ask(&b);
        sp_ticket_seal(&b.ticket, &mac, bytes);
        bytes[places[i]] ^= 3;
        struct rec_result r = {.ticket = bytes, .outcome = SP_OUTCOME_PASS};
        struct msg_result_batch m = {.boot = 1, .batch = 1000 + i};
        struct sp_packer w;
        sp_packer_init(&w, body, sizeof body);
        assert_int_equal(msg_result_batch_begin(&w, &m), SP_OK);
        assert_int_equal(rec_result_put(&w, &r), SP_OK);
        assert_int_equal(msg_result_batch_end(&w), SP_OK);
        bed_message(&b, SP_MSG_RESULT_BATCH, SP_ROLE_WORKER, "worker-1", &w);
        bed_commit(&b);
        assert_int_equal(last_ack(&b), SP_REFUSAL_TICKET);
    }
    assert_int_equal(refused(&b, SP_REFUSAL_TICKET), SP_COUNT(places));
    assert_int_equal(b.journals, 0);
    bed_fini(&b);
}

static void si8_only_entitled_roles_are_heard(void **state)
{
    (void)state;
    static struct bed b;
    uint8_t body[64];
    struct sp_packer w;
    start(&b);
    struct msg_epoch_claim claim = {.epoch = 50, .boot = 1};
    sp_packer_init(&w, body, sizeof body);
    assert_int_equal(msg_epoch_claim_encode(&w, &claim), SP_OK);
    for (uint8_t role = 0; role <= SP_ROLE_LAST; role++) {
        if (role != SP_ROLE_SCHEDULER) {
            bed_message(&b, SP_MSG_EPOCH_CLAIM, role, "somebody", &w);
            bed_commit(&b);
        }
    }
    assert_int_equal(keeper_core_epoch(b.core), 3);
    bed_fini(&b);
}

static void si12_identity_and_policy_void_older_results(void **state)
{
    (void)state;
    static struct bed b;
    start(&b);
    bed_result(&b, SP_OUTCOME_PASS);
    assert_true(bed_member(&b));
    bed_check(&b, 1, SP_STAGE_ENFORCING, 0xbb, true); /* another digest */
    assert_false(bed_member(&b));
    bed_result(&b, SP_OUTCOME_PASS); /* made under the old one */
    assert_int_equal(last_ack(&b), SP_REFUSAL_DIGEST);
    bed_check(&b, 1, SP_STAGE_ENFORCING, 0xaa, true);
    assert_false(bed_member(&b)); /* going back does not bring the old results back */
    bed_result(&b, SP_OUTCOME_PASS);
    assert_true(bed_member(&b));
    bed_ask(&b);
    bed_node_state(&b, 1, SP_NODE_STATE_RETIRED);
    assert_false(bed_member(&b));
    bed_tell(&b, SP_OUTCOME_PASS);
    bed_commit(&b);
    assert_int_equal(last_ack(&b), SP_REFUSAL_RETIRED);
    bed_node_state(&b, 1, SP_NODE_STATE_IN_SERVICE);
    assert_false(bed_member(&b));
    bed_tell(&b, SP_OUTCOME_PASS); /* the same question, but the node is another one now */
    bed_commit(&b);
    assert_int_equal(last_ack(&b), SP_REFUSAL_IDENTITY);
    bed_fini(&b);
}

static void k3_a_name_keeps_its_key(void **state)
{
    (void)state;
    static struct bed b;
    start(&b);
    bed_result(&b, SP_OUTCOME_PASS);
    bed_node(&b, "n1", 9); /* another key under the same name */
    assert_int_equal(node_registry_at(keeper_core_nodes(b.core), 1)->key[0], 1);
    bed_node(&b, "other", 1); /* the same key under another name */
    assert_int_equal(keeper_core_nodes(b.core)->count, 1);
    assert_true(bed_member(&b));
    bed_node_state(&b, 1, SP_NODE_STATE_RETIRED);
    bed_node(&b, "n1", 9);
    assert_int_equal(node_registry_at(keeper_core_nodes(b.core), 1)->generation, 2);
    assert_false(bed_member(&b));
    bed_fini(&b);
}

static void k20_a_revoked_workers_results_are_void(void **state)
{
    (void)state;
    static struct bed b;
    start(&b);
    bed_result(&b, SP_OUTCOME_PASS);
    struct keeper_event ev = {.kind = KEEPER_EV_REVOKED, .u.name = sp_str_of("worker-2")};
    bed_step(&b, &ev);
    assert_true(bed_member(&b));
    ev.u.name = sp_str_of("worker-1");
    bed_step(&b, &ev);
    assert_false(bed_member(&b));
    bed_fini(&b);
}

static void draft_shadow_and_test_results_count_for_nothing(void **state)
{
    (void)state;
    static struct bed b;
    start(&b);
    bed_ask(&b);
    b.ticket.flags = SP_TICKET_TEST;
    bed_tell(&b, SP_OUTCOME_PASS);
    bed_commit(&b);
    assert_false(bed_member(&b));
    assert_non_null(result_ring_nth_test(keeper_core_ring(b.core), 0));
    bed_check(&b, 1, SP_STAGE_SHADOW, 0xaa, true);
    bed_result(&b, SP_OUTCOME_PASS);
    assert_false(bed_member(&b));
    bed_ask(&b);
    b.ticket.flags = SP_TICKET_SHADOW;
    bed_check(&b, 1, SP_STAGE_ENFORCING, 0xaa, true); /* what was seen in shadow does not count afterwards */
    assert_false(bed_member(&b));
    bed_tell(&b, SP_OUTCOME_PASS);
    bed_commit(&b);
    assert_int_equal(last_ack(&b), SP_REFUSAL_NONE);
    assert_false(bed_member(&b));
    bed_check(&b, 1, SP_STAGE_DRAFT, 0xaa, true);
    bed_result(&b, SP_OUTCOME_PASS);
    assert_false(bed_member(&b));
    bed_fini(&b);
}

static void k40_operators_can_only_take_away(void **state)
{
    (void)state;
    static struct bed b;
    start(&b);
    bed_result(&b, SP_OUTCOME_PASS);
    bed_node_state(&b, 1, SP_NODE_STATE_QUARANTINED);
    assert_false(bed_member(&b));
    assert_int_equal(bed_view(&b).tier, SP_TIER_FAIL);
    bed_node_state(&b, 1, SP_NODE_STATE_MAINTENANCE);
    assert_false(bed_member(&b));
    assert_int_equal(bed_view(&b).tier, SP_TIER_NONE);
    bed_node_state(&b, 1, SP_NODE_STATE_IN_SERVICE);
    assert_true(bed_member(&b)); /* its result is still fresh */
    b.now.mono.us += 1000000;
    bed_node_state(&b, 1, SP_NODE_STATE_MAINTENANCE);
    bed_node_state(&b, 1, SP_NODE_STATE_IN_SERVICE);
    assert_false(bed_member(&b));
    bed_fini(&b);
}

static void d8_no_new_trust_while_the_clock_is_implausible(void **state)
{
    (void)state;
    static struct bed b;
    start(&b);
    b.health.clock_good = false;
    bed_result(&b, SP_OUTCOME_PASS);
    assert_false(bed_member(&b));
    assert_int_equal(last_ack(&b), SP_REFUSAL_NONE); /* results are still taken */
    b.health.clock_good = true;
    bed_tick(&b, 10);
    assert_true(bed_member(&b));
    b.health.clock_good = false;
    bed_tick(&b, 10);
    assert_true(bed_member(&b)); /* existing trust runs out by the monotonic clock */
    uint64_t until = bed_view(&b).until_ms;
    for (unsigned i = 0; i < 3; i++) {
        bed_tick(&b, 300);
        bed_result(&b, SP_OUTCOME_PASS); /* and no pass prolongs it */
        assert_true(bed_member(&b));
        assert_int_equal(bed_view(&b).until_ms, until);
    }
    assert_true(keeper_core_next_deadline(b.core).us <= until * 1000);
    bed_tick(&b, 100);
    assert_false(bed_member(&b));
    bed_result(&b, SP_OUTCOME_PASS);
    assert_false(bed_member(&b));
    b.health.clock_good = true; /* the passes that came meanwhile count from now on */
    bed_tick(&b, 10);
    assert_true(bed_member(&b));
    b.health.clock_good = false; /* doubt that is over in time costs nothing */
    bed_tick(&b, 500);
    bed_result(&b, SP_OUTCOME_PASS);
    b.health.clock_good = true;
    bed_tick(&b, 10);
    bed_tick(&b, 600);
    assert_true(bed_member(&b));
    bed_fini(&b);
}

static void d17_hold_down_doubles_per_flap(void **state)
{
    (void)state;
    static struct bed b;
    start(&b);
    bed_pool(&b, "trusted", 100);
    uint64_t expect = 100;
    for (unsigned flap = 0; flap < 4; flap++) {
        bed_result(&b, SP_OUTCOME_PASS);
        assert_true(bed_member(&b));
        bed_result(&b, SP_OUTCOME_FAIL);
        assert_false(bed_member(&b));
        bed_result(&b, SP_OUTCOME_PASS);
        assert_false(bed_member(&b));
        bed_tick(&b, expect - 1);
        assert_false(bed_member(&b));
        bed_tick(&b, 1);
        bed_result(&b, SP_OUTCOME_PASS);
        assert_true(bed_member(&b));
        expect *= 2;
    }
    bed_fini(&b);
}

static void a_lapse_is_a_new_beginning(void **state)
{
    (void)state;
    static struct bed b;
    start(&b);
    bed_result(&b, SP_OUTCOME_PASS);
    uint32_t audits = b.audits;
    b.now.mono.us += 1200000; /* its time is over, and a pass comes before anybody looked */
    bed_ask(&b);
    bed_tell(&b, SP_OUTCOME_PASS);
    bed_commit_once(&b);
    assert_false(bed_member(&b));
    bed_commit(&b);
    assert_true(bed_member(&b));
    assert_int_equal(b.audits, audits + 2); /* left, and joined again */
    bed_fini(&b);
}

static void renewals_are_told_before_the_told_end_comes(void **state)
{
    (void)state;
    static struct bed b;
    start(&b);
    bed_result(&b, SP_OUTCOME_PASS);
    uint64_t told = bed_view(&b).until_ms, events = keeper_core_counters(b.core)->events;
    for (unsigned i = 0; i < 100; i++) {
        bed_tick(&b, 50);
        bed_result(&b, SP_OUTCOME_PASS);
        bed_tick(&b, 0);
        const struct bed_sent *s = bed_find(&b, SP_MSG_TRUST_EVENT);
        struct msg_trust_event m;
        struct rec_trust_entry e;
        assert_int_equal(msg_trust_event_decode(s->body, s->bytes, &m), SP_OK);
        struct sp_list list = m.entries;
        assert_true(rec_trust_entry_next(&list, &e));
        told = e.until_ms;
        assert_true(told > sp_mono_ms(b.now.mono)); /* readers never lose a node that keeps passing */
        assert_true(told <= bed_view(&b).until_ms); /* SI-2 */
    }
    assert_true(keeper_core_counters(b.core)->events - events < 30); /* not one per result */
    bed_fini(&b);
}

static void pools_come_and_go(void **state)
{
    (void)state;
    static struct bed b;
    start(&b);
    bed_result(&b, SP_OUTCOME_PASS);
    struct keeper_event ev = {.kind = KEEPER_EV_POOL_DELETE, .u.name = sp_str_of("trusted")};
    bed_step(&b, &ev);
    bed_commit(&b);
    assert_string_equal(b.last_audit.what, "trust.loss");
    assert_int_equal(keeper_core_find_pool(b.core, sp_str_of("trusted")), POOL_ROWS_MAX);
    bed_pool(&b, "trusted", 0);
    assert_true(bed_member(&b)); /* judged anew from what is proven, with a row of its own */
    assert_string_equal(b.last_audit.what, "trust.gain");
    bed_fini(&b);
}

/* Restart: records, journal replay, and what another boot means (SI-13). */
static void si13_restart_in_the_same_boot_and_in_another(void **state)
{
    (void)state;
    for (unsigned other = 0; other < 2; other++) {
        static struct bed b, c;
        start(&b);
        bed_result(&b, SP_OUTCOME_PASS);
        struct sp_buf record;
        struct node_row *row = node_registry_at(keeper_core_nodes(b.core), 1);
        sp_buf_init(&record, 1 << 20);
        keeper_core_write_record(b.core, row, &record);
        assert_false(record.failed);
        bed_init(&c);
        c.now = b.now;
        assert_int_equal(keeper_core_restore_record(c.core, 1, sp_buf_view(&record)), SP_OK);
        if (other != 0) {
            keeper_core_void_all(c.core, sp_mono_ms(c.now.mono));
        }
        assert_false(bed_member(&c)); /* nothing is granted before its own audit row */
        node_registry_mark_judge(keeper_core_nodes(c.core), node_registry_at(keeper_core_nodes(c.core), 1));
        bed_tick(&c, 1);
        assert_int_equal(bed_member(&c), other == 0);
        /* The same journal row over the record changes nothing; its job number stays used. */
        c.ticket = b.ticket;
        bed_tell(&c, SP_OUTCOME_PASS);
        bed_commit(&c);
        assert_int_equal(keeper_core_counters(c.core)->duplicates, 1);
        sp_buf_fini(&record);
        bed_fini(&b);
        bed_fini(&c);
    }
}

static void replay_of_the_journal_gives_the_same_state(void **state)
{
    (void)state;
    static struct bed b, c;
    start(&b);
    bed_init(&c);
    struct sp_buf one, two;
    static const uint8_t outcomes[] = {0, 0, 2, 3, 0, 1, 2, 2, 0};
    for (unsigned i = 0; i < SP_COUNT(outcomes); i++) {
        bed_tick(&b, 30);
        bed_ask(&b);
        bed_tell(&b, outcomes[i]);
        for (unsigned twice = 0; twice < 2; twice++) {
            assert_int_equal(keeper_core_replay(c.core, &b.journal, &c.fx), SP_OK);
        }
        keeper_effects_reset(&c.fx);
        bed_commit(&b);
    }
    sp_buf_init(&one, 1 << 20);
    sp_buf_init(&two, 1 << 20);
    node_registry_at(keeper_core_nodes(b.core), 1)->members[0].flaps = 0;
    keeper_core_write_record(b.core, node_registry_at(keeper_core_nodes(b.core), 1), &one);
    keeper_core_write_record(c.core, node_registry_at(keeper_core_nodes(c.core), 1), &two);
    assert_int_equal(one.n, two.n);
    assert_memory_equal(one.p, two.p, one.n);
    sp_buf_fini(&one);
    sp_buf_fini(&two);
    bed_fini(&b);
    bed_fini(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pass_makes_a_member_and_time_ends_it),
        cmocka_unit_test(si7_gain_is_visible_only_after_its_row_is_durable),
        cmocka_unit_test(si7_loss_is_visible_at_once),
        cmocka_unit_test(si6_acknowledged_only_after_the_commit),
        cmocka_unit_test(si6_failed_commit_is_not_acknowledged_and_comes_again),
        cmocka_unit_test(store_failure_still_ends_trust_on_a_fail),
        cmocka_unit_test(a_gain_whose_row_is_lost_is_withdrawn_and_asked_again),
        cmocka_unit_test(si4_an_answer_counts_once),
        cmocka_unit_test(si5_lower_epochs_have_no_effect),
        cmocka_unit_test(k1_foreign_late_and_future_questions_are_refused),
        cmocka_unit_test(k11_a_worker_speaks_only_within_its_scope),
        cmocka_unit_test(k14_a_lie_about_node_check_or_attempt_breaks_the_seal),
        cmocka_unit_test(si8_only_entitled_roles_are_heard),
        cmocka_unit_test(si12_identity_and_policy_void_older_results),
        cmocka_unit_test(k3_a_name_keeps_its_key),
        cmocka_unit_test(k20_a_revoked_workers_results_are_void),
        cmocka_unit_test(draft_shadow_and_test_results_count_for_nothing),
        cmocka_unit_test(k40_operators_can_only_take_away),
        cmocka_unit_test(d8_no_new_trust_while_the_clock_is_implausible),
        cmocka_unit_test(d17_hold_down_doubles_per_flap),
        cmocka_unit_test(a_lapse_is_a_new_beginning),
        cmocka_unit_test(renewals_are_told_before_the_told_end_comes),
        cmocka_unit_test(pools_come_and_go),
        cmocka_unit_test(si13_restart_in_the_same_boot_and_in_another),
        cmocka_unit_test(replay_of_the_journal_gives_the_same_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
