/* SPDX-License-Identifier: Apache-2.0 */
/* A reader following a keeper, both cores, over a line that loses, repeats and delays. Tests are named after what they hold. */
#include "keeper_bed.h"
#include "reader_core.h"
#include "sp_rng.h"

struct line {
    struct bed bed;
    struct reader_core reader;
    uint32_t taken; /* messages of the keeper the reader has been given */
    int64_t skew_us; /* reader's clock minus keeper's */
    uint8_t nonce;
};

static struct sp_mono reader_time(const struct line *l)
{
    return (struct sp_mono){(uint64_t)((int64_t)l->bed.now.mono.us + l->skew_us)};
}

static void line_init(struct line *l)
{
    memset(l, 0, sizeof *l);
    bed_init(&l->bed);
    bed_forget(&l->bed);
    l->skew_us = 5000000000; /* clocks of two hosts have nothing in common */
    struct reader_options o = {.boot = 3, .ping_ms = 200, .stale_ms = 600, .entries_max = 64, .hash_key = {2}};
    assert_true(reader_core_init(&l->reader, &o));
}

static void line_fini(struct line *l)
{
    reader_core_fini(&l->reader);
    bed_fini(&l->bed);
}

/* What the reader wants to say reaches the keeper, unless lost. */
static void line_ask(struct line *l, bool lost)
{
    struct reader_send send;
    struct reader_changes changes;
    uint8_t nonce[16];
    for (unsigned i = 0; i < 4; i++) {
        memset(nonce, ++l->nonce, sizeof nonce);
        if (!reader_core_step(&l->reader, reader_time(l), nonce, &send, &changes)) {
            return;
        }
        struct sp_packer w;
        sp_packer_init(&w, send.body, sizeof send.body);
        w.p += send.bytes;
        if (!lost) {
            bed_message(&l->bed, send.type, SP_ROLE_READER, "reader-1", &w);
        }
    }
}

/* The reader gets what the keeper said; lost messages are skipped. */
static void line_hear(struct line *l, bool lost)
{
    struct reader_changes changes;
    for (; l->taken < l->bed.sent_count; l->taken++) {
        const struct bed_sent *s = &l->bed.sent[l->taken];
        if (!lost) {
            reader_core_on_message(&l->reader, reader_time(l), SP_ROLE_KEEPER, s->type, sp_str_bytes(s->body, s->bytes), &changes);
        }
        assert_true(reader_core_check(&l->reader, reader_time(l)));
    }
    if (l->bed.sent_count > BED_SENT_MAX / 2) {
        bed_forget(&l->bed);
        l->taken = 0;
    }
}

static void line_turn(struct line *l, uint64_t ms)
{
    bed_tick(&l->bed, ms);
    line_hear(l, false);
    line_ask(l, false);
    line_hear(l, false);
    l->bed.held = 0;
}

static struct reader_answer line_answer(const struct line *l)
{
    struct reader_answer a;
    reader_core_lookup(&l->reader, reader_time(l), sp_str_of("n1"), NULL, sp_str_of("trusted"), &a);
    return a;
}

static bool member(const struct line *l)
{
    return line_answer(l).member;
}

static void joins_and_follows(void **state)
{
    (void)state;
    static struct line l;
    line_init(&l);
    assert_false(member(&l));
    line_turn(&l, 1);
    assert_int_equal(l.reader.state, READER_FOLLOWING);
    assert_false(member(&l));
    bed_result(&l.bed, SP_OUTCOME_PASS);
    line_turn(&l, 1);
    assert_true(member(&l));
    struct reader_answer a;
    uint8_t key[16] = {1};
    reader_core_lookup(&l.reader, reader_time(&l), sp_str_of(""), key, sp_str_of("trusted"), &a);
    assert_true(a.member);
    reader_core_lookup(&l.reader, reader_time(&l), sp_str_of("n1"), NULL, sp_str_of("other"), &a);
    assert_false(a.member);
    bed_result(&l.bed, SP_OUTCOME_FAIL);
    line_turn(&l, 1);
    assert_int_equal(line_answer(&l).tier, SP_TIER_FAIL);
    line_fini(&l);
}

static void si2_never_longer_than_the_keeper(void **state)
{
    (void)state;
    static struct line l;
    line_init(&l);
    line_turn(&l, 1);
    bed_result(&l.bed, SP_OUTCOME_PASS);
    for (unsigned i = 0; i < 60; i++) {
        line_turn(&l, 20);
        struct keeper_view v = bed_view(&l.bed);
        assert_true(!member(&l) || v.member);
        if (member(&l)) {
            assert_true(sp_mono_ms(l.bed.now.mono) + line_answer(&l).remaining_ms <= v.until_ms);
        }
    }
    assert_false(member(&l));
    line_fini(&l);
}

static void k17_silence_is_none(void **state)
{
    (void)state;
    static struct line l;
    line_init(&l);
    line_turn(&l, 1);
    for (unsigned i = 0; i < 5; i++) { /* the node keeps passing at the keeper, but nothing reaches the reader */
        bed_result(&l.bed, SP_OUTCOME_PASS);
        line_turn(&l, 50);
    }
    assert_true(member(&l));
    for (unsigned i = 0; i < 13; i++) {
        bed_result(&l.bed, SP_OUTCOME_PASS);
        bed_tick(&l.bed, 50);
        line_ask(&l, true);
        line_hear(&l, true);
    }
    assert_false(member(&l));
    line_turn(&l, READER_JOIN_MS);
    line_turn(&l, READER_RETRY_MS);
    bed_result(&l.bed, SP_OUTCOME_PASS);
    line_turn(&l, 1);
    assert_true(member(&l)); /* and it finds back by itself */
    line_fini(&l);
}

static void k17_a_gap_is_none_until_the_next_snapshot(void **state)
{
    (void)state;
    static struct line l;
    line_init(&l);
    line_turn(&l, 1);
    bed_result(&l.bed, SP_OUTCOME_PASS);
    line_turn(&l, 1);
    assert_true(member(&l));
    bed_result(&l.bed, SP_OUTCOME_FAIL);
    line_hear(&l, true); /* the event that says so is lost */
    assert_true(member(&l)); /* it cannot know yet ... */
    l.bed.now.mono.us += 250000;
    line_ask(&l, false); /* ... but the next beat says there was one more */
    line_hear(&l, false);
    assert_false(member(&l));
    line_turn(&l, 600);
    assert_int_equal(line_answer(&l).tier, SP_TIER_FAIL);
    assert_true(l.reader.counters.gaps > 0);
    line_fini(&l);
}

static void a_replayed_or_foreign_message_changes_nothing(void **state)
{
    (void)state;
    static struct line l;
    struct reader_changes changes;
    line_init(&l);
    line_turn(&l, 1);
    bed_result(&l.bed, SP_OUTCOME_PASS);
    line_turn(&l, 1);
    bed_result(&l.bed, SP_OUTCOME_FAIL);
    line_turn(&l, 1);
    uint32_t count = l.bed.sent_count;
    for (uint32_t i = 0; i < count; i++) { /* every former message once more: events, snapshots, beats */
        const struct bed_sent *s = &l.bed.sent[i];
        reader_core_on_message(&l.reader, reader_time(&l), SP_ROLE_KEEPER, s->type, sp_str_bytes(s->body, s->bytes), &changes);
        assert_false(member(&l));
    }
    assert_int_equal(line_answer(&l).tier, SP_TIER_FAIL);
    line_fini(&l);
}

static void an_old_beat_proves_nothing(void **state)
{
    (void)state;
    static struct line l;
    struct reader_changes changes;
    line_init(&l);
    line_turn(&l, 1);
    bed_result(&l.bed, SP_OUTCOME_PASS);
    line_turn(&l, 250);
    const struct bed_sent *s = bed_find(&l.bed, SP_MSG_TRUST_BEAT);
    assert_non_null(s);
    assert_true(member(&l));
    l.bed.now.mono.us += 700000;
    reader_core_on_message(&l.reader, reader_time(&l), SP_ROLE_KEEPER, s->type, sp_str_bytes(s->body, s->bytes), &changes);
    assert_false(member(&l));
    line_fini(&l);
}

static void another_start_of_the_keeper_is_none(void **state)
{
    (void)state;
    static struct line l;
    struct reader_changes changes;
    uint8_t body[256];
    struct sp_packer w;
    line_init(&l);
    line_turn(&l, 1);
    bed_result(&l.bed, SP_OUTCOME_PASS);
    line_turn(&l, 1);
    assert_true(member(&l));
    struct msg_trust_event m = {.boot = 999, .sequence = l.reader.sequence + 1, .now_ms = 1};
    sp_packer_init(&w, body, sizeof body);
    assert_int_equal(msg_trust_event_begin(&w, &m), SP_OK);
    assert_int_equal(msg_trust_event_end(&w), SP_OK);
    reader_core_on_message(&l.reader, reader_time(&l), SP_ROLE_KEEPER, SP_MSG_TRUST_EVENT, sp_str_bytes(body, sp_packer_bytes(&w)), &changes);
    assert_false(member(&l));
    assert_true(changes.all);
    line_fini(&l);
}

static void a_frozen_reader_answers_none_before_anything_else(void **state)
{
    (void)state;
    static struct line l;
    line_init(&l);
    line_turn(&l, 1);
    bed_result(&l.bed, SP_OUTCOME_PASS);
    line_turn(&l, 1);
    assert_true(member(&l));
    l.bed.now.mono.us += 60000000; /* suspended for a minute; nobody stepped the reader */
    assert_false(member(&l));
    line_fini(&l);
}

static void more_entries_than_fit_is_none(void **state)
{
    (void)state;
    static struct line l;
    line_init(&l);
    for (uint8_t i = 2; i < 90; i++) {
        char name[8];
        (void)snprintf(name, sizeof name, "m%u", i);
        bed_node(&l.bed, name, i);
    }
    bed_result(&l.bed, SP_OUTCOME_PASS);
    line_turn(&l, 1);
    assert_false(member(&l));
    assert_true(l.reader.counters.dropped > 0);
    line_fini(&l);
}

/* Any schedule of losses, and clocks that drift within the allowance: the reader never says more than the keeper. */
static void si2_random_losses_and_drift(void **state)
{
    (void)state;
    struct sp_rng rng = {42};
    unsigned trusted = 0;
    for (unsigned round = 0; round < 60; round++) {
        static struct line l;
        line_init(&l);
        for (unsigned i = 0; i < 150; i++) {
            uint64_t ms = sp_rng_below(&rng, 60);
            bed_tick(&l.bed, ms);
            l.skew_us -= (int64_t)sp_rng_below(&rng, ms * 1000 * 4 / 10000 + 1); /* the reader's clock is up to 400 ppm slow */
            if (sp_rng_below(&rng, 3) == 0) {
                bed_result(&l.bed, (uint8_t)(sp_rng_below(&rng, 8) == 0 ? SP_OUTCOME_FAIL : SP_OUTCOME_PASS));
            }
            bool heard = sp_rng_below(&rng, 8) != 0;
            line_hear(&l, !heard);
            line_ask(&l, sp_rng_below(&rng, 8) == 0);
            if (sp_rng_below(&rng, 4) != 0) { /* else: the answer is delayed until the next turn */
                line_hear(&l, false);
                if (member(&l) && heard && l.reader.sequence == keeper_core_sequence(l.bed.core)) {
                    assert_true(bed_member(&l.bed));
                }
            }
            if (member(&l)) {
                trusted++;
                const struct node_row *row = node_registry_at(keeper_core_nodes(l.bed.core), 1);
                assert_true(sp_mono_ms(l.bed.now.mono) <= row->pairs[0].pass_ms + 1000u); /* never beyond the newest pass */
            }
            l.bed.held = 0;
        }
        line_fini(&l);
    }
    assert_true(trusted > 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(joins_and_follows),
        cmocka_unit_test(si2_never_longer_than_the_keeper),
        cmocka_unit_test(k17_silence_is_none),
        cmocka_unit_test(k17_a_gap_is_none_until_the_next_snapshot),
        cmocka_unit_test(a_replayed_or_foreign_message_changes_nothing),
        cmocka_unit_test(an_old_beat_proves_nothing),
        cmocka_unit_test(another_start_of_the_keeper_is_none),
        cmocka_unit_test(a_frozen_reader_answers_none_before_anything_else),
        cmocka_unit_test(more_entries_than_fit_is_none),
        cmocka_unit_test(si2_random_losses_and_drift),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
