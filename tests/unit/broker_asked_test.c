/* SPDX-License-Identifier: Apache-2.0 */
/* Questions to attesters through the broker's core: who may ask whom, that a part goes to the connection that asked and nowhere else,
 * and that nobody can send what was not asked for. Every step is followed by a check of all invariants. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <string.h>

#include "broker_world.h"

enum { CONN_W1 = 1, CONN_W2, CONN_PLAIN, CONN_ADMIN, CONN_A1, CONN_A2, CONNS };

static struct broker_world w;
static uint32_t who[CONNS + 2];
static const uint8_t nonce[32] = {5};

static int setup(void **state)
{
    static const struct {
        const char *name;
        uint8_t role;
        const char *scope;
    } fleet[CONNS] = {[CONN_W1] = {"w1", SP_ROLE_WORKER, "tpm"},      [CONN_W2] = {"w2", SP_ROLE_WORKER, "*"},
                      [CONN_PLAIN] = {"w3", SP_ROLE_WORKER, "exec"},  [CONN_ADMIN] = {"admin", SP_ROLE_OPERATOR, ""},
                      [CONN_A1] = {"a1", SP_ROLE_ATTESTER, "node-1"}, [CONN_A2] = {"a2", SP_ROLE_ATTESTER, "node-2"}};

    (void)state;
    broker_world_init(&w);
    for (uint32_t c = CONN_W1; c < CONNS; c++) {
        who[c] = broker_world_principal(&w, fleet[c].name, fleet[c].role, fleet[c].scope);
        broker_world_hello(&w, c, who[c], 100 + c, fleet[c].scope, "");
        assert_int_equal(w.conns[c].got[SP_MSG_WELCOME], 1);
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    broker_world_fini(&w);
    return 0;
}

static void ask_for(uint32_t conn, const char *dest, const char *node, uint64_t id, uint64_t offset, uint32_t expires_ms)
{
    uint8_t buf[256];
    struct sp_packer body;
    struct msg_evidence_request m = {.id = id,
                                     .node = sp_str_of(node),
                                     .kind = sp_str_of("quote"),
                                     .nonce = nonce,
                                     .args = sp_str_of("{}"),
                                     .offset = offset,
                                     .expires_ms = expires_ms};

    sp_packer_init(&body, buf, sizeof buf);
    assert_int_equal(msg_evidence_request_encode(&body, &m), SP_OK);
    broker_world_send(&w, conn, who[conn], SP_MSG_EVIDENCE_REQUEST, dest, &body, NULL);
}

static void ask(uint32_t conn, const char *node, uint64_t id)
{
    ask_for(conn, strcmp(node, "node-1") == 0 ? "a1" : "a2", node, id, 0, 10000);
}

static void answer_at(uint32_t conn, const char *dest, const char *node, uint64_t id, uint64_t offset)
{
    uint8_t buf[256];
    struct sp_packer body;
    struct msg_evidence m = {.id = id,
                             .node = sp_str_of(node),
                             .kind = sp_str_of("quote"),
                             .nonce = nonce,
                             .offset = offset,
                             .total = 4,
                             .part = sp_str_of("part")};

    sp_packer_init(&body, buf, sizeof buf);
    assert_int_equal(msg_evidence_encode(&body, &m), SP_OK);
    broker_world_send(&w, conn, who[conn], SP_MSG_EVIDENCE, dest, &body, NULL);
}

static void answer(uint32_t conn, const char *dest, const char *node, uint64_t id)
{
    answer_at(conn, dest, node, id, 0);
}

static enum sp_refusal refused(uint32_t conn)
{
    struct msg_refused m;

    if (w.conns[conn].last_type != SP_MSG_REFUSED || msg_refused_decode(w.conns[conn].last, w.conns[conn].last_bytes, &m) != SP_OK)
        return SP_REFUSAL_NONE;
    w.conns[conn].last_type = 0;
    return (enum sp_refusal)m.code;
}

static unsigned requests(uint32_t conn)
{
    return w.conns[conn].got[SP_MSG_EVIDENCE_REQUEST];
}

static unsigned parts(uint32_t conn)
{
    return w.conns[conn].got[SP_MSG_EVIDENCE];
}

static void a_question_finds_its_attester_and_the_part_its_asker(void **state)
{
    (void)state;
    ask(CONN_W1, "node-1", 7);
    ask(CONN_W2, "node-1", 7); /* numbers are the sender's own */
    ask(CONN_ADMIN, "node-2", 1);
    assert_int_equal(requests(CONN_A1), 2);
    assert_int_equal(requests(CONN_A2), 1);
    assert_int_equal(w.core.asked.count, 3);
    answer(CONN_A1, "w2", "node-1", 7);
    assert_int_equal(parts(CONN_W2), 1);
    assert_int_equal(parts(CONN_W1), 0);
    answer(CONN_A1, "w1", "node-1", 7);
    answer(CONN_A2, "admin", "node-2", 1);
    assert_int_equal(parts(CONN_W1), 1);
    assert_int_equal(parts(CONN_ADMIN), 1);
    assert_int_equal(w.core.asked.count, 0);
    ask_for(CONN_W1, NULL, "node-1", 8, 0, 1000); /* nobody has the key for such a question */
    ask_for(CONN_W1, "attester", "node-1", 9, 0, 1000);
    assert_int_equal(requests(CONN_A1), 2);
}

/* An operator has several terminals: the part goes to the one that asked. */
static void of_several_connections_the_right_one(void **state)
{
    uint32_t second = CONNS;

    (void)state;
    who[second] = who[CONN_ADMIN];
    broker_world_hello(&w, second, who[second], 999, "", "");
    ask(second, "node-1", 3);
    answer(CONN_A1, "admin", "node-1", 3);
    assert_int_equal(parts(second), 1);
    assert_int_equal(parts(CONN_ADMIN), 0);
}

/* Attack: a node that was taken over speaks for another one, to make it look good or bad. */
static void an_attester_has_one_node(void **state)
{
    (void)state;
    ask(CONN_W1, "node-1", 7);
    answer(CONN_A2, "w1", "node-1", 7);
    assert_int_equal(parts(CONN_W1), 0);
    assert_int_equal(refused(CONN_A2), SP_REFUSAL_SCOPE);
    assert_int_equal(w.alarms, 1);
    answer(CONN_A2, "w1", "node-2", 7); /* of its own node, into another one's question */
    assert_int_equal(parts(CONN_W1), 0);
    assert_int_equal(refused(CONN_A2), SP_REFUSAL_NO_ROUTE);
    assert_int_equal(w.core.unasked, 1);
    answer(CONN_A1, "w1", "node-1", 7);
    assert_int_equal(parts(CONN_W1), 1);
}

/* Attack: parts nobody asked for fill the queue of a worker. */
static void what_was_not_asked_for_goes_nowhere(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 50; i++)
        answer(CONN_A1, "w1", "node-1", i);
    ask(CONN_W1, "node-1", 7);
    answer_at(CONN_A1, "w1", "node-1", 7, 4); /* another part than asked */
    answer(CONN_A1, "w2", "node-1", 7);       /* to somebody else */
    answer(CONN_A1, "nobody", "node-1", 7);
    answer(CONN_A1, NULL, "node-1", 7);
    answer(CONN_A1, "keeper", "node-1", 7);
    assert_int_equal(parts(CONN_W1) + parts(CONN_W2), 0);
    answer(CONN_A1, "w1", "node-1", 7);
    answer(CONN_A1, "w1", "node-1", 7); /* and once */
    assert_int_equal(parts(CONN_W1), 1);
    assert_int_equal(w.core.unasked, 56);
}

/* Attack: a worker that has no such check asks all the same. */
static void a_worker_needs_the_scope(void **state)
{
    (void)state;
    ask(CONN_PLAIN, "node-1", 1);
    assert_int_equal(refused(CONN_PLAIN), SP_REFUSAL_SCOPE);
    assert_int_equal(requests(CONN_A1), 0);
    assert_int_equal(w.alarms, 1);
    ask_for(CONN_W1, "a2", "node-1", 1, 0, 1000); /* the attester of another node */
    assert_int_equal(refused(CONN_W1), SP_REFUSAL_SCOPE);
    ask_for(CONN_W1, "admin", "node-1", 1, 0, 1000);
    assert_int_equal(refused(CONN_W1), SP_REFUSAL_AUTHORITY);
    assert_int_equal(requests(CONN_A2) + requests(CONN_ADMIN), 0);
}

static void nobody_there(void **state)
{
    (void)state;
    ask_for(CONN_W1, "a3", "node-3", 1, 0, 10000);
    assert_int_equal(refused(CONN_W1), SP_REFUSAL_NO_ROUTE);
    ask_for(CONN_W1, NULL, "node-1", 1, 0, 10000);
    assert_int_equal(refused(CONN_W1), SP_REFUSAL_NO_ROUTE);
    w.core.who.rows[who[CONN_A1]].revoked = true;
    ask(CONN_W1, "node-1", 2);
    assert_int_equal(refused(CONN_W1), SP_REFUSAL_NO_ROUTE);
    assert_int_equal(requests(CONN_A1), 0);
    w.core.who.rows[who[CONN_A1]].revoked = false;
    broker_world_bye(&w, CONN_A2, who[CONN_A2]);
    for (unsigned i = 0; i < 100; i++) { /* each is told: it is asked elsewhere at once */
        ask(CONN_W1, "node-2", i);
        assert_int_equal(refused(CONN_W1), SP_REFUSAL_NO_ROUTE);
    }
    assert_int_equal(w.core.asked.count, 0);
}

static void an_attester_that_goes_is_told_about(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 20; i++)
        ask(i % 2 == 0 ? CONN_W1 : CONN_W2, "node-1", i);
    broker_world_bye(&w, CONN_W2, who[CONN_W2]); /* gone before */
    assert_int_equal(w.core.asked.count, 10);
    broker_world_bye(&w, CONN_A1, who[CONN_A1]);
    assert_int_equal(w.conns[CONN_W1].got[SP_MSG_REFUSED], 10);
    assert_int_equal(refused(CONN_W1), SP_REFUSAL_NO_ROUTE);
    assert_int_equal(w.conns[CONN_W2].got[SP_MSG_REFUSED], 0);
    assert_int_equal(w.core.asked.count, 0);
}

static void a_full_attester_is_told_about(void **state)
{
    (void)state;
    w.conns[CONN_A1].state = BROKER_WORLD_FULL;
    ask(CONN_W1, "node-1", 1);
    assert_int_equal(refused(CONN_W1), SP_REFUSAL_OVERLOAD);
    assert_int_equal(w.core.asked.count, 0);
    w.conns[CONN_A1].state = BROKER_WORLD_GONE;
    ask(CONN_W1, "node-1", 1);
    assert_int_equal(refused(CONN_W1), SP_REFUSAL_OVERLOAD);
    ask(CONN_W1, "node-1", 1); /* now it is known to be gone */
    assert_int_equal(refused(CONN_W1), SP_REFUSAL_NO_ROUTE);
    assert_int_equal(w.core.asked.count, 0);
}

static void questions_expire(void **state)
{
    (void)state;
    ask_for(CONN_W1, "a1", "node-1", 1, 0, 0);
    assert_int_equal(refused(CONN_W1), SP_REFUSAL_EXPIRED);
    ask_for(CONN_W1, "a1", "node-1", 2, 0, 500);
    ask_for(CONN_W1, "a1", "node-1", 3, 0, UINT32_MAX);
    broker_world_pass(&w, 499);
    assert_int_equal(w.core.asked.count, 2);
    broker_world_pass(&w, 1);
    assert_int_equal(w.core.asked.count, 1);
    assert_int_equal(w.core.asked_expired, 1);
    answer(CONN_A1, "w1", "node-1", 2);
    assert_int_equal(parts(CONN_W1), 0);
    assert_true(asked_deadline(&w.core.asked) <= w.now_us + BROKER_ASKED_US_MAX);
}

/* Attack: one worker takes all there is. */
static void a_flood_takes_its_own_share_only(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < BROKER_ASKED_PEER_MAX + 50; i++) {
        w.now_us += 2000; /* within what may be told in a second */
        ask(CONN_W1, "node-1", i);
        assert_int_equal(refused(CONN_W1), i < BROKER_ASKED_PEER_MAX ? SP_REFUSAL_NONE : SP_REFUSAL_OVERLOAD);
    }
    assert_int_equal(requests(CONN_A1), BROKER_ASKED_PEER_MAX);
    ask(CONN_W2, "node-1", 1);
    assert_int_equal(refused(CONN_W2), SP_REFUSAL_NONE);
    ask_for(CONN_W1, "a1", "node-1", 5, 100, 1000); /* going on with one of them is no new one */
    assert_int_equal(refused(CONN_W1), SP_REFUSAL_NONE);
    answer(CONN_A1, "w1", "node-1", 6);
    ask(CONN_W1, "node-1", 1000);
    assert_int_equal(refused(CONN_W1), SP_REFUSAL_NONE);
}

/* The worker went on while the answer to what it asked before was on its way. */
static void going_on_takes_the_place(void **state)
{
    (void)state;
    ask(CONN_W1, "node-1", 1);
    ask_for(CONN_W1, "a1", "node-1", 1, 4, 1000);
    answer_at(CONN_A1, "w1", "node-1", 1, 0);
    assert_int_equal(parts(CONN_W1), 0);
    answer_at(CONN_A1, "w1", "node-1", 1, 4);
    assert_int_equal(parts(CONN_W1), 1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_question_finds_its_attester_and_the_part_its_asker),
        CASE(of_several_connections_the_right_one),
        CASE(an_attester_has_one_node),
        CASE(what_was_not_asked_for_goes_nowhere),
        CASE(a_worker_needs_the_scope),
        CASE(nobody_there),
        CASE(an_attester_that_goes_is_told_about),
        CASE(a_full_attester_is_told_about),
        CASE(questions_expire),
        CASE(a_flood_takes_its_own_share_only),
        CASE(going_on_takes_the_place),
    };
    return cmocka_run_group_tests_name("broker_asked", tests, NULL, NULL);
}
