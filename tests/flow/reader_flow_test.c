/* SPDX-License-Identifier: Apache-2.0 */
/* A reader following a keeper, both cores, over a line that loses, repeats and delays. Tests are named after what they hold. */
#include "keeper_bed.h"
#include "reader_core.h"
#include "sp_rng.h"

struct line {
    struct bed bed;
    struct reader_core reader;
    uint32_t taken;  /* messages of the keeper the reader has been given */
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
    line_hear(&l, true);     /* the event that says so is lost */
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
    reader_core_on_message(&l.reader, reader_time(&l), SP_ROLE_KEEPER, SP_MSG_TRUST_EVENT, sp_str_bytes(body, sp_packer_bytes(&w)),
                           &changes);
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

/* ---- a join whose messages somebody holds back and swaps ---- */

static const uint8_t join_nonce[16] = {0x5a};

static void join_begin(struct reader_core *r, struct sp_mono now)
{
    struct reader_options o = {.boot = 3, .ping_ms = 200, .stale_ms = 600, .entries_max = 64, .hash_key = {2}};
    struct reader_changes changes;
    struct reader_send send;
    assert_true(reader_core_init(r, &o));
    assert_true(reader_core_step(r, now, join_nonce, &send, &changes));
}

static void join_say(struct reader_core *r, struct sp_mono now, uint16_t type, const struct sp_packer *w)
{
    struct reader_changes changes;
    reader_core_on_message(r, now, SP_ROLE_KEEPER, type, sp_str_bytes(w->start, sp_packer_bytes(w)), &changes);
    assert_true(reader_core_check(r, now));
}

static struct rec_trust_entry join_entry(uint8_t key0, const char *node, bool member)
{
    static uint8_t keys[256][16];
    keys[key0][0] = key0;
    return (struct rec_trust_entry){.key = keys[key0],
                                    .node = sp_str_of(node),
                                    .pool = sp_str_of("trusted"),
                                    .tier = member ? SP_TIER_PASS : SP_TIER_FAIL,
                                    .member = member,
                                    .until_ms = member ? 900000 : 0};
}

static void join_part(struct reader_core *r, struct sp_mono now, uint32_t part, bool last, uint64_t now_ms,
                      const struct rec_trust_entry *e)
{
    uint8_t body[1024];
    struct sp_packer w;
    struct msg_snapshot m = {.nonce = join_nonce, .boot = 9, .now_ms = now_ms, .sequence = 5, .part = part, .last = last};
    sp_packer_init(&w, body, sizeof body);
    assert_int_equal(msg_snapshot_begin(&w, &m), SP_OK);
    assert_int_equal(rec_trust_entry_put(&w, e), SP_OK);
    assert_int_equal(msg_snapshot_end(&w), SP_OK);
    join_say(r, now, SP_MSG_SNAPSHOT, &w);
}

static void join_event(struct reader_core *r, struct sp_mono now, uint64_t sequence, uint64_t now_ms,
                       const struct rec_trust_entry *e)
{
    uint8_t body[1024];
    struct sp_packer w;
    struct msg_trust_event m = {.boot = 9, .sequence = sequence, .now_ms = now_ms};
    sp_packer_init(&w, body, sizeof body);
    assert_int_equal(msg_trust_event_begin(&w, &m), SP_OK);
    assert_int_equal(rec_trust_entry_put(&w, e), SP_OK);
    assert_int_equal(msg_trust_event_end(&w), SP_OK);
    join_say(r, now, SP_MSG_TRUST_EVENT, &w);
}

static bool join_member(const struct reader_core *r, struct sp_mono now, const char *node)
{
    struct reader_answer a;
    reader_core_lookup(r, now, sp_str_of(node), NULL, sp_str_of("trusted"), &a);
    return a.member;
}

/* A broker holds back a part that was made before a node lost its trust, and lets the event that says so pass it. */
static void si3_a_part_does_not_take_back_an_event(void **state)
{
    (void)state;
    for (unsigned late = 0; late < 2; late++) { /* made before the event, or at the same instant */
        struct reader_core r;
        struct sp_mono now = {50000000};
        struct rec_trust_entry good = join_entry(2, "n2", true), bad = join_entry(2, "n2", false),
                               other = join_entry(1, "n1", true);
        join_begin(&r, now);
        join_part(&r, now, 0, false, 100, &other);
        join_event(&r, now, 6, 110, &bad);
        join_part(&r, now, 1, true, late == 0 ? 105 : 110, &good);
        assert_int_equal(r.state, READER_FOLLOWING);
        assert_true(join_member(&r, now, "n1"));
        assert_false(join_member(&r, now, "n2")); /* the sequence is the keeper's, so beats would prove this copy for ever */
        join_event(&r, now, 7, 120, &good);
        assert_true(join_member(&r, now, "n2"));
        join_event(&r, now, 8, 130, &bad);
        assert_false(join_member(&r, now, "n2"));
        reader_core_fini(&r);
    }
}

/* A part that was made after a node lost its trust, and then the event of its gain, which is older. */
static void si3_an_older_event_does_not_take_back_a_part(void **state)
{
    (void)state;
    struct reader_core r;
    struct sp_mono now = {50000000};
    struct rec_trust_entry good = join_entry(2, "n2", true), bad = join_entry(2, "n2", false), other = join_entry(1, "n1", false);
    join_begin(&r, now);
    join_part(&r, now, 0, false, 100, &other);
    join_part(&r, now, 1, true, 130, &bad);
    join_event(&r, now, 6, 110, &good);
    assert_int_equal(r.state, READER_FOLLOWING);
    assert_false(join_member(&r, now, "n2"));
    join_event(&r, now, 7, 125, &bad);
    assert_false(join_member(&r, now, "n2"));
    join_event(&r, now, 8, 140, &good);
    assert_true(join_member(&r, now, "n2"));
    other = join_entry(1, "n1", true);
    join_event(&r, now, 9, 100, &other); /* the first part holds exactly what events up to 5 say, so any later one is newer */
    assert_true(join_member(&r, now, "n1"));
    reader_core_fini(&r);
}

/* A node that calls itself by the key of a trusted one, or is called so, takes no trust from it and gives it none. */
static void k29_a_name_that_is_the_key_of_another_is_none(void **state)
{
    (void)state;
    static const char word[] = "02000000-0000-0000-0000-000000000000"; /* the key of n2 */
    static const uint8_t key[16] = {2};
    for (unsigned good = 0; good < 2; good++) {
        struct reader_core r;
        struct reader_answer a;
        struct sp_mono now = {50000000};
        struct rec_trust_entry n2 = join_entry(2, "n2", good == 0), thief = join_entry(7, word, good == 1);
        join_begin(&r, now);
        join_part(&r, now, 0, false, 100, &n2);
        reader_core_lookup_word(&r, now, sp_str_of(word), key, sp_str_of("trusted"), &a);
        assert_false(a.member); /* not whole yet */
        join_part(&r, now, 1, true, 101, &thief);
        reader_core_lookup_word(&r, now, sp_str_of(word), key, sp_str_of("trusted"), &a);
        assert_false(a.member);
        assert_int_equal(a.tier, SP_TIER_NONE);
        reader_core_lookup_word(&r, now, sp_str_of("n2"), NULL, sp_str_of("trusted"), &a);
        assert_int_equal(a.member, good == 0);
        n2 = join_entry(2, "n2", true), thief = join_entry(7, "n7", false);
        join_event(&r, now, 6, 110, &n2);
        join_event(&r, now, 7, 111, &thief);
        reader_core_lookup_word(&r, now, sp_str_of(word), key, sp_str_of("trusted"), &a);
        assert_true(a.member); /* only the key is left of the two */
        reader_core_fini(&r);
    }
}

static void two_facts_of_one_instant_are_none(void **state)
{
    (void)state;
    struct reader_core r;
    struct sp_mono now = {50000000};
    struct rec_trust_entry good = join_entry(2, "n2", true), bad = join_entry(2, "n2", false), other = join_entry(1, "n1", true);
    join_begin(&r, now);
    join_part(&r, now, 0, false, 100, &other);
    join_part(&r, now, 1, true, 130, &bad);
    join_event(&r, now, 6, 130, &good); /* before or after the part? */
    assert_int_equal(r.state, READER_AWAY);
    assert_false(join_member(&r, now, "n2"));
    assert_false(join_member(&r, now, "n1"));
    reader_core_fini(&r);
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
        cmocka_unit_test(si3_a_part_does_not_take_back_an_event),
        cmocka_unit_test(si3_an_older_event_does_not_take_back_a_part),
        cmocka_unit_test(k29_a_name_that_is_the_key_of_another_is_none),
        cmocka_unit_test(two_facts_of_one_instant_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
