/* SPDX-License-Identifier: Apache-2.0 */
/* Who gets which part of which document, and how little an asker can do to the others. */
#include "attester_core.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "sp_rng.h"

#define SECOND_US 1000000u
#define MIB       (1u << 20)
#define PER_MIN   60u

static const struct attester_kind kinds[] = {{"quote", false}, {"ima", false}, {"enroll", true}, {NULL, false}};
static const uint8_t nonce[32] = {1}, other_nonce[32] = {2};

static struct attester_core *core;
static struct attester_effects fx;
static uint64_t now;
static bool held[ATTESTER_DOCS_MAX]; /* the caller has the document: from its first answer until it is released */

static void note(void)
{
    attester_core_check(core);
    for (uint32_t i = 0; i < fx.count; i++) {
        const struct attester_effect *e = &fx.list[i];
        if (e->kind == ATTESTER_ANSWER && e->reason == SP_REASON_OK) {
            held[e->doc] = true;
        } else if (e->kind == ATTESTER_RELEASE) {
            held[e->doc] = false;
        } else if (e->kind == ATTESTER_COLLECT) {
            assert_false(held[e->doc]); /* what was there before was let go */
        }
    }
}

static int setup(void **state)
{
    const struct attester_options o = {
        .node = "node1", .kinds = kinds, .per_minute = PER_MIN, .document_max = 64 * MIB, .bytes_max = 100 * MIB};
    (void)state;
    core = attester_core_new(&o);
    memset(held, 0, sizeof held);
    now = 1000 * (uint64_t)SECOND_US;
    return core != NULL ? 0 : 1;
}

static int teardown(void **state)
{
    (void)state;
    attester_core_check(core);
    attester_core_destroy(&core);
    return 0;
}

static struct attester_question question(const char *asker, uint64_t id, const char *kind)
{
    return (struct attester_question){.asker = sp_str_of(asker),
                                      .node = sp_str_of("node1"),
                                      .kind = sp_str_of(kind),
                                      .args = sp_str_of("{}"),
                                      .nonce = nonce,
                                      .id = id,
                                      .expires_ms = 30000};
}

static void ask(const struct attester_question *q)
{
    struct attester_event ev = {.kind = ATTESTER_EV_QUESTION, .now_us = now};
    ev.u.question = *q;
    attester_core_step(core, &ev, &fx);
    note();
}

static void ask_for(const char *asker, uint64_t id)
{
    struct attester_question q = question(asker, id, "ima");
    ask(&q);
}

static void made(uint64_t ticket, uint16_t reason, uint64_t total)
{
    struct attester_event ev = {.kind = ATTESTER_EV_COLLECTED, .now_us = now};
    ev.u.collected.ticket = ticket;
    ev.u.collected.reason = reason;
    ev.u.collected.detail = sp_str_of(reason == SP_REASON_OK ? "" : "why");
    ev.u.collected.total = total;
    attester_core_step(core, &ev, &fx);
    note();
}

static void tick(uint64_t us)
{
    const struct attester_event ev = {.kind = ATTESTER_EV_TICK, .now_us = now += us};
    attester_core_step(core, &ev, &fx);
    note();
}

static const struct attester_effect *effect(enum attester_effect_kind kind)
{
    for (uint32_t i = 0; i < fx.count; i++) {
        if (fx.list[i].kind == kind) {
            return &fx.list[i];
        }
    }
    return NULL;
}

static uint64_t collecting(void)
{
    const struct attester_effect *e = effect(ATTESTER_COLLECT);
    assert_non_null(e);
    return attester_core_doc(core, e->doc)->ticket;
}

static void assert_refused(uint16_t reason)
{
    const struct attester_effect *e = effect(ATTESTER_REFUSE);
    assert_non_null(e);
    assert_int_equal(e->reason, reason);
    assert_non_null(e->detail);
    assert_null(effect(ATTESTER_ANSWER));
    assert_null(effect(ATTESTER_COLLECT));
}

static void assert_answer(uint64_t offset, uint32_t part)
{
    const struct attester_effect *e = effect(ATTESTER_ANSWER);
    assert_non_null(e);
    assert_int_equal(e->reason, SP_REASON_OK);
    assert_int_equal(e->offset, offset);
    assert_int_equal(e->part, part);
}

/* ---- one document ---------------------------------------------------------------------------------------------- */

static void a_document_in_parts(void **state)
{
    struct attester_question q = question("w", 7, "ima");
    (void)state;
    ask(&q);
    uint64_t ticket = collecting();
    ask(&q); /* a repeat while it is made: nothing, the answer comes */
    assert_int_equal(fx.count, 0);
    made(ticket, SP_REASON_OK, ATTESTER_PART_MAX + 5);
    assert_answer(0, ATTESTER_PART_MAX);
    ask(&q);
    assert_answer(0, ATTESTER_PART_MAX);
    q.offset = ATTESTER_PART_MAX;
    q.args = sp_str_of(""); /* a later part may leave them out */
    ask(&q);
    assert_answer(ATTESTER_PART_MAX, 5);
    q.offset += 5;
    ask(&q);
    assert_answer(ATTESTER_PART_MAX + 5, 0);
    q.offset++;
    ask(&q);
    assert_refused(SP_REASON_PROTOCOL);
    q.offset = UINT64_MAX;
    ask(&q);
    assert_refused(SP_REASON_PROTOCOL);
    made(ticket, SP_REASON_OK, 1); /* a second answer changes nothing */
    assert_int_equal(fx.count, 0);
    q.offset = 0;
    q.args = sp_str_of("{}");
    ask(&q);
    assert_answer(0, ATTESTER_PART_MAX);
    tick(ATTESTER_KEEP_US);
    assert_non_null(effect(ATTESTER_RELEASE));
    q.offset = 5;
    ask(&q);
    assert_refused(SP_REASON_CANCELLED);
}

static void a_reason_is_repeated(void **state)
{
    struct attester_question q = question("w", 7, "quote");
    (void)state;
    ask(&q);
    made(collecting(), SP_REASON_UNREACHABLE, 99);
    for (unsigned i = 0; i < 2; i++) {
        const struct attester_effect *e = effect(ATTESTER_ANSWER);
        assert_non_null(e);
        assert_int_equal(e->reason, SP_REASON_UNREACHABLE);
        assert_int_equal(e->part, 0);
        assert_string_equal(attester_core_doc(core, e->doc)->detail, "why");
        assert_int_equal(attester_core_doc(core, e->doc)->total, 0);
        ask(&q);
    }
    tick(ATTESTER_KEEP_US);
    assert_null(effect(ATTESTER_RELEASE)); /* there was nothing to hold */
}

static void another_question_under_the_same_number(void **state)
{
    const struct attester_question q = question("w", 7, "ima");
    (void)state;
    ask(&q);
    made(collecting(), SP_REASON_OK, 10);
    struct attester_question x = q;
    x.kind = sp_str_of("quote");
    ask(&x);
    assert_refused(SP_REASON_PROTOCOL);
    x = q;
    x.nonce = other_nonce;
    ask(&x);
    assert_refused(SP_REASON_PROTOCOL);
    x = q;
    x.args = sp_str_of("{\"from\":1}");
    ask(&x);
    assert_refused(SP_REASON_PROTOCOL);
    x = q;
    x.args = sp_str_of(""); /* only a later part may */
    ask(&x);
    assert_refused(SP_REASON_PROTOCOL);
    x = q;
    x.asker = sp_str_of("v"); /* a number of its own */
    ask(&x);
    assert_non_null(effect(ATTESTER_COLLECT));
    x.offset = 3;
    x.asker = sp_str_of("u"); /* another's document */
    ask(&x);
    assert_refused(SP_REASON_CANCELLED);
}

static void what_is_not_for_here(void **state)
{
    struct attester_question q = question("w", 1, "ima");
    (void)state;
    q.node = sp_str_of("node2");
    ask(&q);
    assert_refused(SP_REASON_MISSING);
    q = question("w", 1, "shadow");
    ask(&q);
    assert_refused(SP_REASON_BAD_PARAMETERS);
    q = question("w", 1, "enroll");
    ask(&q);
    assert_refused(SP_REASON_REFUSED);
    q.is_operator = true;
    ask(&q);
    assert_non_null(effect(ATTESTER_COLLECT));
}

/* ---- time ------------------------------------------------------------------------------------------------------ */

static void nobody_waits_any_longer(void **state)
{
    struct attester_question q = question("w", 1, "ima");
    (void)state;
    ask(&q);
    uint64_t ticket = collecting();
    q.id = 2;
    ask(&q);
    assert_null(effect(ATTESTER_COLLECT)); /* one at a time */
    assert_int_equal(attester_core_next_deadline(core), now + 30 * SECOND_US);
    tick(30 * SECOND_US);
    assert_int_equal(attester_core_counts(core).waiting, 1); /* the one that is made */
    made(ticket, SP_REASON_OK, 10);                          /* too late for its asker as well */
    assert_null(effect(ATTESTER_ANSWER));
    assert_non_null(effect(ATTESTER_RELEASE));
    assert_int_equal(attester_core_counts(core).late, 2);
    assert_int_equal(attester_core_next_deadline(core), UINT64_MAX);
    q.id = 3;
    q.expires_ms = UINT32_MAX; /* no asker keeps a place for weeks */
    ask(&q);
    q.id = 4;
    ask(&q);
    assert_int_equal(attester_core_next_deadline(core), now + ATTESTER_LONGEST_US);
    made(attester_core_doc(core, 0)->ticket, SP_REASON_OK, 10);
    for (unsigned i = 0; i < 20; i++) { /* nor by asking again and again */
        q.id = 3;
        ask(&q);
        tick(ATTESTER_KEEP_US - 1);
    }
    ask(&q);
    assert_null(effect(ATTESTER_ANSWER));
}

/* ---- limits ---------------------------------------------------------------------------------------------------- */

static void one_asker_leaves_room_for_others(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < ATTESTER_PER_ASKER; i++) {
        ask_for("greedy", i);
        assert_null(effect(ATTESTER_REFUSE));
    }
    ask_for("greedy", 99);
    assert_refused(SP_REASON_BUSY);
    ask_for("honest", 1);
    assert_null(effect(ATTESTER_REFUSE));
    ask_for("third", 1);
    assert_null(effect(ATTESTER_REFUSE));
    ask_for("fourth", 1);
    assert_refused(SP_REASON_BUSY); /* full */
    assert_int_equal(attester_core_counts(core).waiting, ATTESTER_DOCS_MAX);
}

static void served_documents_make_room(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 3 * ATTESTER_DOCS_MAX; i++) {
        ask_for("w", i);
        made(collecting(), SP_REASON_OK, 10);
        assert_answer(0, 10);
        now += SECOND_US;
    }
    assert_int_equal(attester_core_counts(core).ready, ATTESTER_DOCS_MAX);
}

static void documents_share_the_memory(void **state)
{
    (void)state;
    ask_for("a", 1);
    const struct attester_effect *e = effect(ATTESTER_COLLECT);
    assert_int_equal(attester_core_doc(core, e->doc)->total, 64 * MIB);
    made(collecting(), SP_REASON_OK, 64 * MIB);
    ask_for("a", 2);
    e = effect(ATTESTER_COLLECT);
    assert_int_equal(attester_core_doc(core, e->doc)->total, 36 * MIB);
    made(collecting(), SP_REASON_OK, 36 * MIB - 100);
    ask_for("a", 3); /* no room: it waits until one is gone */
    assert_null(effect(ATTESTER_COLLECT));
    assert_null(effect(ATTESTER_REFUSE));
    struct attester_question q = question("a", 2, "ima");
    q.offset = 36 * MIB - 200;
    ask(&q); /* its last part */
    assert_non_null(effect(ATTESTER_ANSWER));
    assert_non_null(effect(ATTESTER_RELEASE));
    assert_non_null(effect(ATTESTER_COLLECT));
    assert_true(effect(ATTESTER_ANSWER) < effect(ATTESTER_RELEASE)); /* read before it goes */
}

static void questions_a_minute(void **state)
{
    char name[16];
    (void)state;
    unsigned taken = 0;
    for (uint64_t i = 0; i < 2 * PER_MIN; i++) {
        ask_for("w", i);
        if (effect(ATTESTER_REFUSE) == NULL) {
            taken++;
            made(collecting(), SP_REASON_OK, 1);
        }
    }
    assert_int_equal(taken, PER_MIN);
    ask_for("v", 1);
    assert_null(effect(ATTESTER_REFUSE));
    made(collecting(), SP_REASON_OK, 1);
    now += SECOND_US; /* one more each second */
    ask_for("w", 1000);
    assert_null(effect(ATTESTER_REFUSE));
    made(collecting(), SP_REASON_OK, 1);
    ask_for("w", 1001);
    assert_refused(SP_REASON_BUSY);
    for (unsigned i = 0; i < 10 * PER_MIN; i++) { /* names cost nothing, but all of them together have a limit */
        (void)snprintf(name, sizeof name, "n%u", i);
        ask_for(name, 1);
        if (effect(ATTESTER_REFUSE) == NULL) {
            taken++;
            made(collecting(), SP_REASON_OK, 1);
        }
    }
    assert_in_range(taken, 3 * PER_MIN, 4 * PER_MIN + 4);
}

/* Whatever comes in whatever order: one document at a time, effects that fit the state, nothing lost, and in the end nothing held.
 */
static void anything_in_any_order(void **state)
{
    static const char *const names[] = {"a", "b", "c"};
    static const char *const words[] = {"quote", "ima", "enroll", "x"};
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct sp_rng rng = {seed};
        uint64_t ticket = 0;
        setup(NULL);
        for (unsigned i = 0; i < 400; i++) {
            uint64_t what = sp_rng_below(&rng, 10);
            now += sp_rng_below(&rng, 4) == 0 ? sp_rng_below(&rng, 20) * SECOND_US : sp_rng_below(&rng, 1000);
            if (what < 6) {
                struct attester_question q =
                    question(names[sp_rng_below(&rng, 3)], sp_rng_below(&rng, 12), words[sp_rng_below(&rng, 4)]);
                q.offset = sp_rng_below(&rng, 3) * (uint64_t)ATTESTER_PART_MAX;
                q.expires_ms = (uint32_t)sp_rng_below(&rng, 60000);
                ask(&q);
            } else if (what < 9) {
                uint64_t of = sp_rng_below(&rng, 5) == 0 ? sp_rng_below(&rng, 50) : ticket;
                made(of, sp_rng_below(&rng, 4) == 0 ? SP_REASON_INTERNAL : SP_REASON_OK, sp_rng_below(&rng, 3 * ATTESTER_PART_MAX));
                ticket = of == ticket ? 0 : ticket;
            } else {
                tick(sp_rng_below(&rng, 30) * SECOND_US);
            }
            const struct attester_effect *e = effect(ATTESTER_COLLECT);
            if (e != NULL) {
                assert_int_equal(ticket, 0); /* one at a time */
                ticket = attester_core_doc(core, e->doc)->ticket;
            }
        }
        made(ticket, SP_REASON_INTERNAL, 0);
        for (unsigned i = 0; i < 40; i++) {
            const struct attester_effect *e = effect(ATTESTER_COLLECT);
            if (e != NULL) {
                made(attester_core_doc(core, e->doc)->ticket, SP_REASON_OK, 1);
            } else {
                tick(ATTESTER_LONGEST_US);
            }
        }
        assert_int_equal(attester_core_counts(core).bytes, 0);
        assert_int_equal(attester_core_counts(core).waiting + attester_core_counts(core).ready, 0);
        for (uint32_t i = 0; i < ATTESTER_DOCS_MAX; i++) {
            assert_false(held[i]);
        }
        teardown(NULL);
    }
    setup(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_document_in_parts, setup, teardown),
        cmocka_unit_test_setup_teardown(a_reason_is_repeated, setup, teardown),
        cmocka_unit_test_setup_teardown(another_question_under_the_same_number, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_not_for_here, setup, teardown),
        cmocka_unit_test_setup_teardown(nobody_waits_any_longer, setup, teardown),
        cmocka_unit_test_setup_teardown(one_asker_leaves_room_for_others, setup, teardown),
        cmocka_unit_test_setup_teardown(served_documents_make_room, setup, teardown),
        cmocka_unit_test_setup_teardown(documents_share_the_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(questions_a_minute, setup, teardown),
        cmocka_unit_test_setup_teardown(anything_in_any_order, NULL, teardown),
    };
    return cmocka_run_group_tests_name("attester_core", tests, NULL, NULL);
}
