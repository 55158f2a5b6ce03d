/* SPDX-License-Identifier: Apache-2.0 */
/* Questions to attesters, without a bus: which request goes where, which answer counts, and that each question ends once. Attacks are
 * those of a broker, of another node and of the attester itself. */
#include "ask.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>
#include <string.h>

#include "sp_assert.h"

#define S      1000000u
#define NUMBER 17u /* of a node, and */
#define EPOCH  5u  /* as tickets have them */

static struct ask_core c;
static uint64_t now, sequence;
static const uint8_t nonce[32] = {1, 2, 3};
static uint8_t key[32] = {7}, other_key[32] = {8};

static int setup(void **state)
{
    static const uint8_t seed[16] = {4};
    (void)state;
    now = 100 * S;
    sequence = 0;
    assert_true(ask_core_init(&c, 2, seed));
    ask_core_link(&c, 0, true);
    ask_core_link(&c, 1, true);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ask_core_check(&c);
    ask_core_fini(&c);
    return 0;
}

static uint32_t begin(const char *node, uint32_t generation)
{
    const struct ask_begin b = {.node = sp_str_of(node),
                                .kind = sp_str_of("quote"),
                                .args = sp_str_of("{}"),
                                .nonce = nonce,
                                .number = NUMBER,
                                .generation = generation,
                                .epoch = EPOCH,
                                .deadline_us = now + 30 * S,
                                .user = &c};
    uint32_t at = ask_core_begin(&c, &b, now);
    assert_int_not_equal(at, ASK_NONE);
    ask_core_check(&c);
    return at;
}

static unsigned wants(void)
{
    unsigned n = 0, broker;
    while (ask_core_want(&c, now, &broker) != NULL)
        n++;
    return n;
}

static void identify(const char *node, uint32_t generation, enum sp_refusal code)
{
    static uint8_t ak[60], ek[32];
    struct msg_identity m = {.node = sp_str_of(node),
                             .generation = generation,
                             .code = (uint16_t)code,
                             .attester = sp_str_of("a1"),
                             .sign = sp_str_bytes(key, 32),
                             .ak = sp_str_bytes(ak, sizeof ak),
                             .ek = sp_str_bytes(ek, 32),
                             .mode = SP_ENROLMENT_CERTIFIED};
    ask_core_identity(&c, &m);
    ask_core_check(&c);
}

/* Effect: sends what is to be sent. Returns how many; *broker: of the last one. */
static unsigned send_all(unsigned *broker)
{
    struct ask_row *r;
    unsigned n = 0;
    while ((r = ask_core_next(&c, now)) != NULL) {
        if (broker != NULL)
            *broker = r->broker;
        ask_core_sent(&c, r, ++sequence, now);
        n++;
    }
    ask_core_check(&c);
    return n;
}

/* A question whose first request is on its way. */
static uint32_t fly(void)
{
    uint32_t at = begin("node-1", 3);
    (void)wants();
    identify("node-1", 3, SP_REFUSAL_NONE);
    assert_int_equal(send_all(NULL), 1);
    assert_int_equal(c.rows[at].state, ASK_FLYING);
    return at;
}

static uint8_t bytes[1000];

static struct msg_evidence part_of(uint32_t at, uint64_t offset, uint64_t total, size_t n)
{
    return (struct msg_evidence){.id = c.rows[at].id,
                                 .node = sp_str_of("node-1"),
                                 .kind = sp_str_of("quote"),
                                 .nonce = nonce,
                                 .total = total,
                                 .offset = offset,
                                 .part = sp_str_bytes(bytes, n)};
}

static enum ask_verdict answer_from(const char *from, const uint8_t *sign, const struct msg_evidence *m)
{
    const struct ask_answer a = {.from = sp_str_of(from), .sign = sign, .m = m};
    uint32_t at = ASK_NONE;
    enum ask_verdict v = ask_core_answer(&c, &a, &at, now);
    assert_int_equal(v == ASK_DROP, at == ASK_NONE);
    ask_core_check(&c);
    return v;
}

static enum ask_verdict answer(const struct msg_evidence *m)
{
    return answer_from("a1", key, m);
}

/* The reason the only question ended with; 0: it has not. */
static uint16_t ended(char *detail, size_t size)
{
    struct ask_row row;
    if (!ask_core_pop(&c, &row))
        return 0;
    assert_ptr_equal(row.user, &c);
    if (detail != NULL)
        (void)sp_str_copy(detail, size, sp_str_of(row.detail));
    assert_false(ask_core_pop(&c, &row));
    assert_int_equal(c.list[ASK_FREE].count, c.size);
    ask_core_check(&c);
    return row.reason;
}

static void parts_in_order(void **state)
{
    (void)state;
    uint32_t at = fly();
    uint64_t id = c.rows[at].id;
    struct msg_evidence m = part_of(at, 0, 250, 100);
    assert_int_equal(answer(&m), ASK_GIVE);
    assert_int_equal(ask_core_who(&c, at)->mode, SP_ENROLMENT_CERTIFIED);
    assert_int_equal(send_all(NULL), 0); /* not before the adapter has taken it */
    ask_core_go_on(&c, at, id, 100);
    assert_int_equal(send_all(NULL), 1);
    assert_int_equal(answer(&m), ASK_DROP); /* again */
    assert_int_equal(c.counts.stray, 1);
    m = part_of(at, 100, 250, 150);
    assert_int_equal(answer(&m), ASK_LAST);
    ask_core_stop(&c, at);
    assert_int_equal(c.counts.ended, 1);
    assert_int_equal(c.counts.bytes, 250);
    assert_int_equal(answer(&m), ASK_DROP); /* after the end */
    assert_int_equal(ended(NULL, 0), 0);
}

static void an_empty_document_is_one(void **state)
{
    (void)state;
    uint32_t at = fly();
    struct msg_evidence m = part_of(at, 0, 0, 0);
    assert_int_equal(answer(&m), ASK_LAST);
    ask_core_stop(&c, at);
}

/* What anybody on the way can send, or send again, ends nothing. */
static void strangers_end_nothing(void **state)
{
    (void)state;
    uint32_t at = fly();
    struct msg_evidence m = part_of(at, 0, 100, 100);
    assert_int_equal(answer_from("a2", key, &m), ASK_DROP);       /* another attester, under whatever key */
    assert_int_equal(answer_from("a1", other_key, &m), ASK_DROP); /* one of that name with a key that is not the enrolled one */
    assert_int_equal(c.counts.foreign, 2);
    m.id++;
    assert_int_equal(answer(&m), ASK_DROP);
    m.id = 0;
    assert_int_equal(answer(&m), ASK_DROP);
    m.id = UINT64_MAX;
    assert_int_equal(answer(&m), ASK_DROP);
    assert_int_equal(c.counts.stray, 3);
    assert_int_equal(ended(NULL, 0), 0);
    m = part_of(at, 0, 100, 100);
    assert_int_equal(answer(&m), ASK_LAST);
    ask_core_stop(&c, at);
}

/* What the attester itself signed as an answer to this question, and is none. */
static void a_broken_answer_ends_the_question(void **state)
{
    static const uint8_t wrong[32] = {9};
    (void)state;
    for (unsigned i = 0; i < 9; i++) {
        uint32_t at = fly();
        uint64_t id = c.rows[at].id;
        struct msg_evidence first = part_of(at, 0, 300, 100);
        if (i >= 6) {
            assert_int_equal(answer(&first), ASK_GIVE);
            ask_core_go_on(&c, at, id, 100);
            assert_int_equal(send_all(NULL), 1);
        }
        struct msg_evidence m = part_of(at, i >= 6 ? 100 : 0, 300, 100);
        switch (i) {
        case 0:
            m.nonce = wrong;
            break;
        case 1:
            m.node = sp_str_of("node-2");
            break;
        case 2:
            m.kind = sp_str_of("ima");
            break;
        case 3:
            m.offset = 100; /* out of order */
            break;
        case 4:
            m.total = 99; /* more than there is */
            break;
        case 5:
            m.code = SP_REASON_LAST + 1;
            break;
        case 6:
            m.total = 301; /* another length than before */
            break;
        case 7:
            m.part = sp_str_of(""); /* no progress, for ever */
            break;
        default:
            m.offset = UINT64_MAX; /* around the end of numbers */
            m.total = 99;
        }
        assert_int_equal(answer(&m), ASK_DROP);
        assert_int_equal(ended(NULL, 0), SP_REASON_PROTOCOL);
        assert_int_equal(c.counts.broken, i + 1);
    }
}

static void oversized(void **state)
{
    (void)state;
    uint32_t at = fly();
    struct msg_evidence m = part_of(at, 0, (uint64_t)ASK_DOCUMENT_MAX + 1, 100);
    assert_int_equal(answer(&m), ASK_DROP);
    assert_int_equal(ended(NULL, 0), SP_REASON_LIMIT);
    at = fly();
    m = part_of(at, 0, ASK_DOCUMENT_MAX, 100);
    assert_int_equal(answer(&m), ASK_GIVE);
    ask_core_stop(&c, at);
}

static void the_attesters_own_reason(void **state)
{
    char detail[64];
    (void)state;
    uint32_t at = fly();
    struct msg_evidence m = part_of(at, 0, 0, 0);
    m.code = SP_REASON_INTERNAL;
    m.detail = sp_str_of("the TPM is locked out");
    assert_int_equal(answer(&m), ASK_DROP);
    assert_int_equal(ended(detail, sizeof detail), SP_REASON_INTERNAL);
    assert_string_equal(detail, "the TPM is locked out");
}

static void a_busy_attester_is_asked_again(void **state)
{
    (void)state;
    uint32_t at = fly();
    for (unsigned i = 0; i < 3; i++) {
        struct msg_evidence m = part_of(at, 0, 0, 0);
        m.code = SP_REASON_BUSY;
        assert_int_equal(answer(&m), ASK_DROP);
        assert_int_equal(send_all(NULL), 0);
        now = ask_core_deadline(&c);
        ask_core_tick(&c, now);
        assert_int_equal(send_all(NULL), 1);
    }
    now += 30 * S;
    ask_core_tick(&c, now);
    assert_int_equal(ended(NULL, 0), SP_REASON_BUSY);
    at = fly();
    struct msg_evidence m = part_of(at, 0, 8, 4);
    assert_int_equal(answer(&m), ASK_GIVE);
    ask_core_go_on(&c, at, m.id, 4);
    assert_int_equal(send_all(NULL), 1);
    m = part_of(at, 4, 8, 0);
    m.code = SP_REASON_BUSY; /* it has forgotten the document: what came is of no use */
    assert_int_equal(answer(&m), ASK_DROP);
    assert_int_equal(ended(NULL, 0), SP_REASON_BUSY);
}

static void the_keeper_is_asked_once_for_all(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 10; i++)
        (void)begin("node-1", 3);
    assert_int_equal(wants(), 1);
    assert_int_equal(send_all(NULL), 0);
    now += ASK_KEEPER_US;
    ask_core_tick(&c, now);
    assert_int_equal(wants(), 1);           /* it was silent */
    identify("node-1", 2, SP_REFUSAL_NONE); /* of before: somebody plays an old answer */
    assert_int_equal(send_all(NULL), 0);
    identify("node-1", 3, SP_REFUSAL_NONE);
    assert_int_equal(send_all(NULL), 10);
    (void)begin("node-1", 3);
    assert_int_equal(wants(), 0); /* it is known */
    assert_int_equal(send_all(NULL), 1);
    (void)begin("node-1", 4); /* another generation is another identity */
    assert_int_equal(wants(), 1);
}

static void nobody_is_enrolled(void **state)
{
    (void)state;
    (void)begin("node-1", 3);
    assert_int_equal(wants(), 1);
    identify("node-2", 3, SP_REFUSAL_NOT_FOUND);
    assert_int_equal(ended(NULL, 0), 0);
    identify("node-1", 3, SP_REFUSAL_NOT_FOUND);
    assert_int_equal(ended(NULL, 0), SP_REASON_NOT_ENROLLED);
    (void)begin("node-1", 3);
    assert_int_equal(wants(), 1);           /* at once, whatever it said before */
    identify("node-1", 4, SP_REFUSAL_NONE); /* the node was enrolled anew since the job was issued */
    assert_int_equal(ended(NULL, 0), SP_REASON_STALE);
    (void)begin("node-1", 3);
    (void)wants();
    identify("node-1", 3, SP_REFUSAL_SCOPE);
    assert_int_equal(ended(NULL, 0), SP_REASON_REFUSED);
    key[0] = 7;
    struct msg_identity half = {
        .node = sp_str_of("node-1"), .generation = 3, .attester = sp_str_of("a1"), .mode = SP_ENROLMENT_CERTIFIED};
    (void)begin("node-1", 3);
    (void)wants();
    ask_core_identity(&c, &half);
    assert_int_equal(ended(NULL, 0), SP_REASON_PROTOCOL);
}

static void the_keeper_is_silent(void **state)
{
    char detail[64];
    (void)state;
    (void)begin("node-1", 3);
    now += 30 * S;
    ask_core_tick(&c, now);
    assert_int_equal(ended(detail, sizeof detail), SP_REASON_UNREACHABLE);
    assert_string_equal(detail, "the keeper did not say who the attester is");
}

static void another_broker_when_one_does_not_know_it(void **state)
{
    unsigned broker = 9;
    (void)state;
    uint32_t at = fly();
    unsigned first = c.rows[at].broker;
    ask_core_refused(&c, first, sequence, SP_REFUSAL_NO_ROUTE);
    assert_int_equal(send_all(&broker), 1);
    assert_int_not_equal(broker, first);
    ask_core_refused(&c, broker, sequence - 1, SP_REFUSAL_NO_ROUTE); /* not about what is on its way now */
    ask_core_refused(&c, first, sequence, SP_REFUSAL_NO_ROUTE);
    assert_int_equal(c.rows[at].state, ASK_FLYING);
    struct msg_evidence m = part_of(at, 0, 4, 4);
    assert_int_equal(answer(&m), ASK_LAST);
    ask_core_stop(&c, at);
}

/* Brokers that started again know an attester after a moment; one that never comes is not waited for until the deadline. */
static void an_attester_that_is_not_there(void **state)
{
    char detail[64];
    unsigned rounds = 0;
    uint64_t start = now;
    (void)state;
    (void)fly();
    for (uint16_t reason = 0; reason == 0; reason = ended(detail, sizeof detail)) {
        unsigned flying = c.list[ASK_FLYING].count;
        for (uint32_t i = 0; flying > 0 && i < c.size; i++)
            if (c.rows[i].state == ASK_FLYING)
                ask_core_refused(&c, c.rows[i].broker, c.rows[i].sequence, SP_REFUSAL_NO_ROUTE);
        (void)send_all(NULL);
        if (c.list[ASK_PAUSED].count > 0) {
            now = ask_core_deadline(&c);
            ask_core_tick(&c, now);
            (void)send_all(NULL);
            rounds++;
        }
        assert_true(rounds < 10);
    }
    assert_int_equal(rounds, ASK_ABSENT_ROUNDS - 1);
    assert_string_equal(detail, "attester is not connected");
    assert_true(now - start < 2 * S);
}

static void a_full_broker_is_tried_until_the_deadline(void **state)
{
    uint64_t start = now;
    (void)state;
    (void)fly();
    uint16_t reason = 0;
    for (unsigned i = 0; reason == 0 && i < 1000; i++) {
        for (uint32_t k = 0; k < c.size; k++)
            if (c.rows[k].state == ASK_FLYING)
                ask_core_refused(&c, c.rows[k].broker, c.rows[k].sequence, SP_REFUSAL_OVERLOAD);
        (void)send_all(NULL);
        if (c.list[ASK_FLYING].count == 0 && ask_core_deadline(&c) != 0) {
            now = ask_core_deadline(&c);
            ask_core_tick(&c, now);
            (void)send_all(NULL);
        }
        reason = ended(NULL, 0);
    }
    assert_int_equal(reason, SP_REASON_UNREACHABLE);
    assert_int_equal(now - start, 30 * S);
    assert_true(c.counts.repeated < 60);
}

static void refusals_that_will_not_change(void **state)
{
    char detail[64];
    (void)state;
    uint32_t at = fly();
    ask_core_refused(&c, c.rows[at].broker, sequence, SP_REFUSAL_SCOPE);
    assert_int_equal(ended(detail, sizeof detail), SP_REASON_REFUSED);
    assert_string_equal(detail, "broker: outside the principal's scope");
}

static void silence_is_asked_again_elsewhere(void **state)
{
    unsigned broker = 9;
    (void)state;
    uint32_t at = fly();
    unsigned first = c.rows[at].broker;
    now += ASK_AGAIN_US;
    ask_core_tick(&c, now);
    assert_int_equal(send_all(&broker), 1);
    assert_int_not_equal(broker, first);
    assert_int_equal(c.counts.repeated, 1);
    now += ASK_AGAIN_US; /* twice as long now */
    ask_core_tick(&c, now);
    assert_int_equal(send_all(&broker), 0);
    struct msg_evidence m = part_of(at, 0, 8, 4); /* the first request's answer, by the slow way: as good as any */
    assert_int_equal(answer(&m), ASK_GIVE);
    ask_core_go_on(&c, at, m.id, 4);
    assert_int_equal(send_all(&broker), 1);
    now += 30 * S;
    ask_core_tick(&c, now);
    assert_int_equal(ended(NULL, 0), SP_REASON_UNREACHABLE);
}

static void brokers_come_and_go(void **state)
{
    unsigned broker = 9;
    (void)state;
    uint32_t at = fly();
    unsigned first = c.rows[at].broker;
    ask_core_link(&c, first, false);
    assert_int_equal(send_all(&broker), 1);
    assert_int_not_equal(broker, first);
    ask_core_link(&c, broker, false);
    assert_int_equal(send_all(&broker), 0);
    ask_core_link(&c, first, true);
    assert_int_equal(send_all(&broker), 1);
    assert_int_equal(broker, first);
    struct ask_row *r = &c.rows[at];
    ask_core_link(&c, first, true); /* a new session of the same broker */
    assert_int_equal(r->state, ASK_READY);
    assert_ptr_equal(ask_core_next(&c, now), r);
    ask_core_unsent(r); /* its queue is full, and there is no other */
    assert_int_equal(send_all(&broker), 0);
    assert_int_equal(r->state, ASK_PAUSED);
    now = ask_core_deadline(&c);
    ask_core_tick(&c, now);
    assert_int_equal(send_all(&broker), 1);
}

static void so_many_at_once_and_no_more(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 1000; i++)
        (void)begin("node-1", 3);
    (void)wants();
    identify("node-1", 3, SP_REFUSAL_NONE);
    assert_int_equal(send_all(NULL), ASK_FLYING_MAX);
    uint32_t at = c.list[ASK_FLYING].first;
    struct msg_evidence m = part_of(at, 0, 4, 4);
    assert_int_equal(answer(&m), ASK_LAST);
    ask_core_stop(&c, at);
    assert_int_equal(send_all(NULL), 1);
    for (uint32_t i = 0; i < c.size; i++)
        if (c.rows[i].state != ASK_FREE)
            ask_core_stop(&c, i); /* in any state */
    assert_int_equal(c.counts.ended, 1000);
    assert_int_equal(ask_core_deadline(&c), UINT64_MAX);
}

static void an_id_is_never_used_again(void **state)
{
    (void)state;
    uint32_t at = fly();
    struct msg_evidence m = part_of(at, 0, 4, 4);
    ask_core_stop(&c, at);
    uint32_t again = fly();
    for (unsigned i = 0; again != at && i < c.size; i++) { /* until it is another question's place */
        ask_core_stop(&c, again);
        again = fly();
    }
    assert_int_equal(again, at);
    assert_int_equal(answer(&m), ASK_DROP);
    assert_int_equal(c.counts.stray, 1);
    ask_core_go_on(&c, at, m.id, 4); /* of the one that was stopped within its part */
    assert_int_equal(c.rows[at].state, ASK_FLYING);
}

static void what_does_not_fit_the_wire(void **state)
{
    static char text[MSG_EVIDENCE_REQUEST_ARGS_MAX + 2];
    (void)state;
    memset(text, 'x', sizeof text - 1);
    const struct ask_begin b = {.node = sp_str_of("node-1"),
                                .kind = sp_str_of("quote"),
                                .args = sp_str_of(text),
                                .nonce = nonce,
                                .deadline_us = now + S,
                                .user = &c};
    assert_int_not_equal(ask_core_begin(&c, &b, now), ASK_NONE);
    assert_int_equal(ended(NULL, 0), SP_REASON_INTERNAL);
    const struct ask_begin late = {.node = sp_str_of("node-1"),
                                   .kind = sp_str_of("quote"),
                                   .args = sp_str_of("{}"),
                                   .nonce = nonce,
                                   .deadline_us = now,
                                   .user = &c};
    assert_int_not_equal(ask_core_begin(&c, &late, now), ASK_NONE);
    assert_int_equal(ended(NULL, 0), SP_REASON_UNREACHABLE);
}

static void a_question_that_can_go_to_nobody(void **state)
{
    char detail[64] = "";
    (void)state;
    uint32_t at = begin("node-1", 3);
    (void)wants();
    identify("node-1", 3, SP_REFUSAL_NONE);
    struct ask_row *r = ask_core_next(&c, now);
    assert_ptr_equal(r, &c.rows[at]);
    ask_core_unsendable(&c, r, "no key");
    ask_core_check(&c);
    assert_int_equal(ended(detail, sizeof detail), SP_REASON_INTERNAL);
    assert_string_equal(detail, "no key");
    assert_null(ask_core_next(&c, now));
}

/* More nodes than there are rows for identities: those nobody asks about give way. */
static void identities_give_way(void **state)
{
    char node[32];
    (void)state;
    for (uint32_t i = 0; i < IDENTITY_ROWS_MAX + 100; i++) {
        (void)snprintf(node, sizeof node, "n%u", (unsigned)i);
        uint32_t at = begin(node, 1);
        assert_int_not_equal(c.rows[at].identity, IDENTITY_NONE);
        ask_core_stop(&c, at);
        if (i > 10)
            continue;
        ask_core_check(&c);
    }
    assert_int_equal(c.identity.count, IDENTITY_ROWS_MAX);
    (void)snprintf(node, sizeof node, "n%u", IDENTITY_ROWS_MAX + 99u);
    const struct identity_about first = {sp_str_of("n0"), NUMBER, 1, EPOCH, now}, last = {sp_str_of(node), NUMBER, 1, EPOCH, now};
    assert_int_equal(identity_find(&c.identity, &first), IDENTITY_NONE);
    assert_int_not_equal(identity_find(&c.identity, &last), IDENTITY_NONE);
}

static uint32_t begin_as(uint32_t number, uint64_t epoch)
{
    const struct ask_begin b = {.node = sp_str_of("node-1"),
                                .kind = sp_str_of("quote"),
                                .args = sp_str_of("{}"),
                                .nonce = nonce,
                                .number = number,
                                .generation = 3,
                                .epoch = epoch,
                                .deadline_us = now + 30 * S,
                                .user = &c};
    uint32_t at = ask_core_begin(&c, &b, now);
    assert_int_not_equal(at, ASK_NONE);
    ask_core_check(&c);
    return at;
}

/* Attack: the name of a proven node is given to another one, which comes to the same generation. The first one's attester and TPM must
 * not speak for it. */
static void a_name_given_to_another_node(void **state)
{
    (void)state;
    uint32_t at = begin_as(1, EPOCH);
    assert_int_equal(wants(), 1);
    identify("node-1", 3, SP_REFUSAL_NONE);
    assert_int_equal(send_all(NULL), 1);
    ask_core_stop(&c, at);
    at = begin_as(2, EPOCH);
    assert_int_equal(send_all(NULL), 0);
    assert_null(ask_core_who(&c, at));
    assert_int_equal(wants(), 1);
    identify("node-1", 3, SP_REFUSAL_NOT_FOUND);
    assert_int_equal(ended(NULL, 0), SP_REASON_NOT_ENROLLED);
    assert_non_null(ask_core_who(&c, begin_as(1, EPOCH))); /* and it is still known who the first one is */
}

/* Attack: a keeper's store is put back to before an identity was withdrawn; generations are counted there again. */
static void what_a_keeper_said_is_not_believed_for_ever(void **state)
{
    (void)state;
    uint32_t at = begin_as(1, EPOCH);
    assert_int_equal(wants(), 1);
    identify("node-1", 3, SP_REFUSAL_NONE);
    ask_core_stop(&c, at);
    at = begin_as(1, EPOCH);
    assert_non_null(ask_core_who(&c, at));
    ask_core_stop(&c, at);
    assert_null(ask_core_who(&c, begin_as(1, EPOCH + 1))); /* another scheduler's question */
    assert_int_equal(wants(), 1);
    identify("node-1", 3, SP_REFUSAL_NOT_FOUND);
    assert_int_equal(ended(NULL, 0), SP_REASON_NOT_ENROLLED);
    now += IDENTITY_KEEP_US;
    assert_null(ask_core_who(&c, begin_as(1, EPOCH)));
    assert_int_equal(wants(), 1);
    identify("node-1", 3, SP_REFUSAL_NOT_FOUND);
    assert_int_equal(ended(NULL, 0), SP_REASON_NOT_ENROLLED);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(parts_in_order),
        CASE(an_empty_document_is_one),
        CASE(strangers_end_nothing),
        CASE(a_broken_answer_ends_the_question),
        CASE(oversized),
        CASE(the_attesters_own_reason),
        CASE(a_busy_attester_is_asked_again),
        CASE(the_keeper_is_asked_once_for_all),
        CASE(nobody_is_enrolled),
        CASE(a_name_given_to_another_node),
        CASE(what_a_keeper_said_is_not_believed_for_ever),
        CASE(the_keeper_is_silent),
        CASE(another_broker_when_one_does_not_know_it),
        CASE(an_attester_that_is_not_there),
        CASE(a_full_broker_is_tried_until_the_deadline),
        CASE(refusals_that_will_not_change),
        CASE(silence_is_asked_again_elsewhere),
        CASE(brokers_come_and_go),
        CASE(so_many_at_once_and_no_more),
        CASE(an_id_is_never_used_again),
        CASE(what_does_not_fit_the_wire),
        CASE(a_question_that_can_go_to_nobody),
        CASE(identities_give_way),
    };
    return cmocka_run_group_tests_name("ask", tests, NULL, NULL);
}
