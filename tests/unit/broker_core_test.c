/* SPDX-License-Identifier: Apache-2.0 */
/* The broker's core by itself: who may say what to whom, sessions, credit, queues, fan-out, and what happens when peers are full or
 * gone. Every step is followed by a check of all invariants (tests/support/broker_world). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <string.h>

#include "broker_world.h"

/* Connections 1 to 9 belong to roles 1 to 9; 10 is a second worker, 11 a second reader. */
enum {
    CONN_SCHEDULER = 2,
    CONN_KEEPER,
    CONN_WORKER,
    CONN_OPERATOR,
    CONN_READER,
    CONN_ENROL,
    CONN_BRIDGE,
    CONN_ATTESTER,
    CONN_WORKER2,
    CONN_READER2,
    CONNS
};

static struct broker_world w;
static uint32_t who[CONNS];
static const char *const names[CONNS] = {"",   "",        "scheduler", "keeper", "w1", "admin",
                                         "r1", "enrol-1", "bridge-1",  "a1",     "w2", "r2"};
static const uint8_t roles[CONNS] = {0,
                                     0,
                                     SP_ROLE_SCHEDULER,
                                     SP_ROLE_KEEPER,
                                     SP_ROLE_WORKER,
                                     SP_ROLE_OPERATOR,
                                     SP_ROLE_READER,
                                     SP_ROLE_ENROL,
                                     SP_ROLE_BRIDGE,
                                     SP_ROLE_ATTESTER,
                                     SP_ROLE_WORKER,
                                     SP_ROLE_READER};

static int setup(void **state)
{
    (void)state;
    broker_world_init(&w);
    for (uint32_t c = CONN_SCHEDULER; c < CONNS; c++) {
        who[c] = broker_world_principal(&w, names[c], roles[c], c == CONN_WORKER ? "exec,http" : "exec");
        broker_world_hello(&w, c, who[c], 100 + c, roles[c] == SP_ROLE_WORKER ? "exec,http,oat" : "", "");
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

static unsigned refusals(uint32_t conn, enum sp_refusal code)
{
    struct msg_refused m;

    if (w.conns[conn].last_type != SP_MSG_REFUSED || msg_refused_decode(w.conns[conn].last, w.conns[conn].last_bytes, &m) != SP_OK)
        return 0;
    return m.code == code;
}

/* A refusal bucket holds ten per second; tables of cases go on in the next one. */
static void next_second(void)
{
    w.now_us += 1000000;
}

static bool is_handled_here(uint16_t type)
{
    static const uint16_t types[] = {
        SP_MSG_HELLO,     SP_MSG_HEARTBEAT,     SP_MSG_CREDIT,           SP_MSG_BYE,     SP_MSG_STATS, SP_MSG_ROUTE_OPEN,
        SP_MSG_JOB_BATCH, SP_MSG_PRINCIPAL_SET, SP_MSG_EVIDENCE_REQUEST, SP_MSG_EVIDENCE};

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (types[i] == type)
            return true;
    return false;
}

/* Threat model, section 7 (c): every (role, message, receiver) has a case. */
static void test_authority_matrix(void **state)
{
    unsigned delivered = 0, refused = 0;

    (void)state;
    for (unsigned place = 0; place < SP_MSG_COUNT; place++) {
        const struct msg_info *info = msg_at(place);

        for (uint32_t from = CONN_SCHEDULER; from <= CONN_ATTESTER; from++)
            for (uint32_t to = CONN_SCHEDULER; to <= CONN_ATTESTER; to++) {
                bool may_send = (info->from & 1u << roles[from]) != 0;
                bool may = may_send && (info->to & 1u << roles[to]) != 0;
                unsigned before = w.conns[to].got[info->number];

                if ((may_send && is_handled_here(info->number)) || (info->number == SP_MSG_REFUSED && from == to))
                    continue; /* not by dest, with tests of its own; or told from its own refusal by nobody */
                next_second();
                for (uint32_t c = CONN_SCHEDULER; c < CONNS; c++)
                    w.core.peers.peers[peer_by_conn(&w.core.peers, c)].heard_us = w.now_us;
                broker_world_send(&w, from, who[from], info->number, names[to], NULL, NULL);
                assert_int_equal(w.conns[to].got[info->number] - before, may ? 1 : 0);
                assert_true(may || refusals(from, SP_REFUSAL_AUTHORITY));
                delivered += may;
                refused += !may;
            }
    }
    assert_true(delivered > 20 && refused > 800);
    assert_int_equal(w.core.peers.count, CONNS - CONN_SCHEDULER);
}

static void test_sender_must_be_the_principal(void **state)
{
    uint8_t buf[8];
    struct sp_packer p;

    (void)state;
    broker_world_body(&p, buf, sizeof buf);
    broker_world_send(&w, CONN_WORKER, who[CONN_WORKER], SP_MSG_RESULT_BATCH, "keeper", &p, "w2");
    assert_true(refusals(CONN_WORKER, SP_REFUSAL_AUTHORITY));
    assert_int_equal(w.conns[CONN_KEEPER].got[SP_MSG_RESULT_BATCH], 0);
    assert_int_equal(w.alarms, 1);
}

static void test_nobody_and_strangers(void **state)
{
    (void)state;
    broker_world_send(&w, 20, PRINCIPAL_NONE, SP_MSG_HELLO, NULL, NULL, "w1"); /* no user id */
    assert_int_equal(w.core.refused_unknown, 1);
    assert_int_equal(w.conns[20].last_type, 0);
    broker_world_send(&w, 21, who[CONN_WORKER], SP_MSG_RESULT_BATCH, "keeper", NULL, NULL); /* no Hello on this connection */
    assert_true(refusals(21, SP_REFUSAL_NOT_READY));
    broker_world_raw(&w, CONN_WORKER, who[CONN_WORKER], "hello", 5);
    assert_true(refusals(CONN_WORKER, SP_REFUSAL_MALFORMED));
    assert_int_equal(w.conns[CONN_KEEPER].got[SP_MSG_RESULT_BATCH], 0);
}

static void test_revoked_key_is_out_at_once(void **state)
{
    (void)state;
    w.core.who.rows[who[CONN_WORKER]].revoked = true;
    broker_world_send(&w, CONN_WORKER, who[CONN_WORKER], SP_MSG_RESULT_BATCH, "keeper", NULL, NULL);
    assert_true(refusals(CONN_WORKER, SP_REFUSAL_PRINCIPAL));
    assert_int_equal(peer_by_conn(&w.core.peers, CONN_WORKER), PEER_NONE);
    assert_int_equal(w.core.routes.workers_count, 1);
    w.core.who.rows[who[CONN_READER]].pair[0].not_after_s = w.wall_s; /* ended now: nothing reaches it either */
    broker_world_send(&w, CONN_KEEPER, who[CONN_KEEPER], SP_MSG_TRUST_EVENT, NULL, NULL, NULL);
    assert_int_equal(w.conns[CONN_READER].got[SP_MSG_TRUST_EVENT], 0);
    assert_int_equal(w.conns[CONN_READER2].got[SP_MSG_TRUST_EVENT], 1);
}

static void test_second_connection_of_a_key(void **state)
{
    (void)state;
    broker_world_hello(&w, 20, who[CONN_WORKER], 999, "exec", ""); /* another process, the first one lives */
    assert_true(refusals(20, SP_REFUSAL_CONFLICT));
    assert_int_equal(w.alarms, 1);
    assert_int_equal(peer_by_conn(&w.core.peers, 20), PEER_NONE);
    w.conns[CONN_WORKER].state = BROKER_WORLD_GONE; /* killed; the new process takes its place */
    broker_world_hello(&w, 20, who[CONN_WORKER], 1000, "exec", "");
    assert_int_equal(w.conns[20].got[SP_MSG_WELCOME], 1);
    assert_int_equal(peer_by_conn(&w.core.peers, CONN_WORKER), PEER_NONE);
    broker_world_hello(&w, 21, who[CONN_WORKER], 1000, "exec", ""); /* the same process on a new connection */
    assert_int_equal(w.conns[21].got[SP_MSG_WELCOME], 1);
    assert_int_equal(peer_by_conn(&w.core.peers, 20), PEER_NONE);
    for (uint32_t c = 22; c < 22 + PEER_SHARED_MAX - 1; c++) /* people have more than one terminal */
        broker_world_hello(&w, c, who[CONN_OPERATOR], c, "", "");
    assert_int_equal(w.conns[28].got[SP_MSG_WELCOME], 1);
    broker_world_hello(&w, 30, who[CONN_OPERATOR], 30, "", "");
    assert_true(refusals(30, SP_REFUSAL_OVERLOAD));
    broker_world_send(&w, CONN_KEEPER, who[CONN_KEEPER], SP_MSG_ADMIN_REPLY, "admin", NULL, NULL);
    assert_int_equal(w.conns[CONN_OPERATOR].got[SP_MSG_ADMIN_REPLY] + w.conns[22].got[SP_MSG_ADMIN_REPLY], 2);
}

static void test_scope_limits_adapters(void **state)
{
    (void)state;
    broker_world_credit(&w, CONN_WORKER, who[CONN_WORKER], 10);
    broker_world_credit(&w, CONN_WORKER2, who[CONN_WORKER2], 50);
    broker_world_route(&w, CONN_SCHEDULER, who[CONN_SCHEDULER], "http", "");
    broker_world_route(&w, CONN_SCHEDULER, who[CONN_SCHEDULER], "oat", "");
    broker_world_drained(&w);
    broker_world_jobs(&w, CONN_SCHEDULER, who[CONN_SCHEDULER], "http", 2, 1000);
    assert_int_equal(w.conns[CONN_WORKER].jobs, 2); /* w2 announced http and may not have it */
    broker_world_jobs(&w, CONN_SCHEDULER, who[CONN_SCHEDULER], "oat", 2, 1000);
    assert_int_equal(w.conns[CONN_SCHEDULER].got[SP_MSG_JOB_RETURN], 1);
}

static uint64_t granted(void)
{
    struct msg_route_credit m;

    assert_int_equal(w.conns[CONN_SCHEDULER].last_type, SP_MSG_ROUTE_CREDIT);
    assert_int_equal(msg_route_credit_decode(w.conns[CONN_SCHEDULER].last, w.conns[CONN_SCHEDULER].last_bytes, &m), SP_OK);
    return m.granted;
}

static void test_credit_draws_jobs(void **state)
{
    (void)state;
    broker_world_route(&w, CONN_SCHEDULER, who[CONN_SCHEDULER], "exec", "");
    broker_world_drained(&w);
    assert_int_equal(granted(), ROUTE_SPARE_JOBS);
    broker_world_credit(&w, CONN_WORKER, who[CONN_WORKER], 30);
    broker_world_credit(&w, CONN_WORKER2, who[CONN_WORKER2], 20);
    broker_world_drained(&w);
    assert_int_equal(granted(), ROUTE_SPARE_JOBS + 50);
    broker_world_jobs(&w, CONN_SCHEDULER, who[CONN_SCHEDULER], "exec", 25, 1000);
    assert_int_equal(w.conns[CONN_WORKER].jobs, 25);
    broker_world_jobs(&w, CONN_SCHEDULER, who[CONN_SCHEDULER], "exec", 25, 1000); /* five more than w2 can take: never split */
    assert_int_equal(w.conns[CONN_WORKER2].jobs, 25);
    broker_world_jobs(&w, CONN_SCHEDULER, who[CONN_SCHEDULER], "exec", 25, 1000); /* the other one has five left */
    assert_int_equal(w.conns[CONN_WORKER].jobs, 50);
    broker_world_jobs(&w, CONN_SCHEDULER, who[CONN_SCHEDULER], "exec", 10, 1000); /* nobody has any: it waits */
    assert_int_equal(w.core.pool.count, 1);
    broker_world_jobs(&w, CONN_SCHEDULER, who[CONN_SCHEDULER], "exec", 40, 1000); /* beyond the grant of 114 */
    assert_int_equal(w.conns[CONN_SCHEDULER].got[SP_MSG_JOB_RETURN], 1);
    broker_world_credit(&w, CONN_WORKER2, who[CONN_WORKER2], 40);
    broker_world_drained(&w);
    assert_int_equal(w.conns[CONN_WORKER2].jobs, 35);
    assert_int_equal(w.core.pool.count, 0);
}

static enum sp_refusal returned(unsigned *jobs)
{
    struct msg_job_return m;

    assert_int_equal(w.conns[CONN_SCHEDULER].last_type, SP_MSG_JOB_RETURN);
    assert_int_equal(msg_job_return_decode(w.conns[CONN_SCHEDULER].last, w.conns[CONN_SCHEDULER].last_bytes, &m), SP_OK);
    *jobs = m.jobs.count;
    return (enum sp_refusal)m.code;
}

static void test_what_waits_expires_or_loses_its_workers(void **state)
{
    unsigned jobs;

    (void)state;
    broker_world_route(&w, CONN_SCHEDULER, who[CONN_SCHEDULER], "exec", "");
    broker_world_drained(&w);
    broker_world_jobs(&w, CONN_SCHEDULER, who[CONN_SCHEDULER], "exec", 3, 700);
    broker_world_jobs(&w, CONN_SCHEDULER, who[CONN_SCHEDULER], "exec", 4, 200);
    broker_world_pass(&w, 199);
    assert_int_equal(w.core.pool.count, 2);
    broker_world_pass(&w, 1);
    assert_int_equal(returned(&jobs), SP_REFUSAL_EXPIRED);
    assert_int_equal(jobs, 4);
    broker_world_bye(&w, CONN_WORKER, who[CONN_WORKER]);
    broker_world_bye(&w, CONN_WORKER2, who[CONN_WORKER2]);
    broker_world_drained(&w);
    assert_int_equal(w.conns[CONN_SCHEDULER].got[SP_MSG_JOB_RETURN], 2);
    assert_int_equal(w.core.pool.count, 0);
}

static void test_full_and_lost_workers(void **state)
{
    (void)state;
    broker_world_route(&w, CONN_SCHEDULER, who[CONN_SCHEDULER], "exec", "");
    broker_world_credit(&w, CONN_WORKER, who[CONN_WORKER], 30);
    broker_world_credit(&w, CONN_WORKER2, who[CONN_WORKER2], 20);
    broker_world_drained(&w);
    w.conns[CONN_WORKER].state = BROKER_WORLD_FULL;
    broker_world_jobs(&w, CONN_SCHEDULER, who[CONN_SCHEDULER], "exec", 5, 1000);
    assert_int_equal(w.conns[CONN_WORKER2].jobs, 5);
    w.conns[CONN_WORKER2].state = BROKER_WORLD_GONE;
    broker_world_jobs(&w, CONN_SCHEDULER, who[CONN_SCHEDULER], "exec", 6, 1000); /* both cannot: it waits */
    assert_int_equal(w.core.pool.count, 1);
    assert_int_equal(peer_by_conn(&w.core.peers, CONN_WORKER2), PEER_NONE);
    w.conns[CONN_WORKER].state = BROKER_WORLD_OPEN;
    broker_world_credit(&w, CONN_WORKER, who[CONN_WORKER], 30);
    broker_world_drained(&w);
    assert_int_equal(w.conns[CONN_WORKER].jobs, 6);
}

/* A worker whose queue was full and has room again gets what waits although it says nothing; while it stays full it is tried more and
 * more rarely, and not at all when nothing waits. */
static void test_full_worker_is_tried_again(void **state)
{
    uint64_t steps;

    (void)state;
    broker_world_route(&w, CONN_SCHEDULER, who[CONN_SCHEDULER], "exec", "");
    broker_world_credit(&w, CONN_WORKER, who[CONN_WORKER], 30);
    broker_world_drained(&w);
    w.conns[CONN_WORKER].state = BROKER_WORLD_FULL;
    broker_world_jobs(&w, CONN_SCHEDULER, who[CONN_SCHEDULER], "exec", 5, 60000);
    assert_int_equal(w.core.pool.count, 1);
    w.conns[CONN_WORKER].state = BROKER_WORLD_OPEN;
    broker_world_pass(&w, ROUTE_RETRY_MS);
    assert_int_equal(w.conns[CONN_WORKER].jobs, 5);
    assert_int_equal(w.core.pool.count, 0);

    w.conns[CONN_WORKER].state = BROKER_WORLD_FULL;
    broker_world_jobs(&w, CONN_SCHEDULER, who[CONN_SCHEDULER], "exec", 6, 60000);
    steps = w.core.steps;
    broker_world_pass(&w,
                      2000); /* 2 + 4 + 8 ... + 256, then each 256 ms: about 15 tries, each a tick, a failure and what follows */
    assert_true(w.core.steps - steps >= 10 && w.core.steps - steps <= 80);
    w.conns[CONN_WORKER].state = BROKER_WORLD_OPEN;
    broker_world_pass(&w, ROUTE_RETRY_MS_MAX);
    assert_int_equal(w.conns[CONN_WORKER].jobs, 11);
    steps = w.core.steps;
    broker_world_pass(&w, 300);
    assert_int_equal(w.core.steps, steps); /* nothing waits: nothing is tried */
}

/* Results say as much as a heartbeat: the worker reads, so what waits for it goes on at once. */
static void test_full_worker_that_answers_gets_more(void **state)
{
    (void)state;
    uint8_t buf[256];
    struct sp_packer body;
    struct msg_result_batch m = {.boot = 1, .batch = 1};
    broker_world_route(&w, CONN_SCHEDULER, who[CONN_SCHEDULER], "exec", "");
    broker_world_credit(&w, CONN_WORKER, who[CONN_WORKER], 30);
    broker_world_drained(&w);
    w.conns[CONN_WORKER].state = BROKER_WORLD_FULL;
    broker_world_jobs(&w, CONN_SCHEDULER, who[CONN_SCHEDULER], "exec", 5, 1000);
    assert_int_equal(w.conns[CONN_WORKER].jobs, 0);
    assert_int_equal(w.core.pool.count, 1);
    w.conns[CONN_WORKER].state = BROKER_WORLD_OPEN;
    sp_packer_init(&body, buf, sizeof buf);
    assert_int_equal(msg_result_batch_encode(&body, &m), SP_OK);
    broker_world_send(&w, CONN_WORKER, who[CONN_WORKER], SP_MSG_RESULT_BATCH, "", &body, NULL);
    broker_world_drained(&w);
    assert_int_equal(w.conns[CONN_WORKER].jobs, 5);
}

static void test_scheduler_session_ends(void **state)
{
    (void)state;
    broker_world_route(&w, CONN_SCHEDULER, who[CONN_SCHEDULER], "exec", "");
    broker_world_drained(&w);
    for (unsigned i = 0; i < 10; i++)
        broker_world_jobs(&w, CONN_SCHEDULER, who[CONN_SCHEDULER], "exec", 2, 60000);
    assert_true(w.core.pool.count > 0);
    broker_world_hello(&w, CONN_SCHEDULER, who[CONN_SCHEDULER], 102, "", "");
    assert_int_equal(w.core.pool.count, 0); /* nobody would wait for their results */
    assert_int_equal(w.core.routes.routes_count, 0);
    broker_world_jobs(&w, CONN_SCHEDULER, who[CONN_SCHEDULER], "exec", 2, 60000); /* without RouteOpen */
    assert_int_equal(w.conns[CONN_SCHEDULER].got[SP_MSG_JOB_RETURN], 1);
}

static void test_silence_and_a_long_stop(void **state)
{
    (void)state;
    broker_world_pass(&w, 2999);
    assert_int_equal(w.core.peers.count, CONNS - CONN_SCHEDULER);
    broker_world_pass(&w, 4000); /* steps came late: the first silence is forgiven once, then not */
    assert_int_equal(w.core.peers.count, 0);
    assert_int_equal(w.core.routes.workers_count, 0);
}

static void test_slow_reader_is_counted_not_waited_for(void **state)
{
    (void)state;
    w.conns[CONN_READER].state = BROKER_WORLD_FULL;
    broker_world_send(&w, CONN_KEEPER, who[CONN_KEEPER], SP_MSG_TRUST_EVENT, NULL, NULL, NULL);
    assert_int_equal(w.conns[CONN_READER2].got[SP_MSG_TRUST_EVENT], 1);
    assert_int_equal(w.core.peers.peers[peer_by_conn(&w.core.peers, CONN_READER)].dropped, 1);
    assert_int_equal(w.core.counters[SP_MSG_TRUST_EVENT][SP_ROLE_READER][1].dropped, 1);
}

static void test_full_keeper_tells_the_worker(void **state)
{
    (void)state;
    w.conns[CONN_KEEPER].state = BROKER_WORLD_FULL;
    broker_world_send(&w, CONN_WORKER, who[CONN_WORKER], SP_MSG_RESULT_BATCH, NULL, NULL, NULL);
    assert_true(refusals(CONN_WORKER, SP_REFUSAL_OVERLOAD));
    w.conns[CONN_KEEPER].state = BROKER_WORLD_GONE;
    broker_world_send(&w, CONN_WORKER, who[CONN_WORKER], SP_MSG_RESULT_BATCH, NULL, NULL, NULL);
    assert_int_equal(peer_by_conn(&w.core.peers, CONN_KEEPER), PEER_NONE);
    broker_world_send(&w, CONN_WORKER, who[CONN_WORKER], SP_MSG_RESULT_BATCH, NULL, NULL, NULL);
    assert_true(refusals(CONN_WORKER, SP_REFUSAL_NO_ROUTE));
}

static void test_refusals_are_rate_limited(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 1000; i++)
        broker_world_raw(&w, CONN_WORKER, who[CONN_WORKER], "x", 1);
    assert_int_equal(w.conns[CONN_WORKER].got[SP_MSG_REFUSED], PEER_REFUSALS_PER_S);
    assert_int_equal(w.core.who.rows[who[CONN_WORKER]].refused, 1000);
    for (unsigned i = 0; i < 1000; i++)
        broker_world_raw(&w, 20, who[CONN_WORKER2], "x", 1);
    assert_true(w.conns[20].got[SP_MSG_REFUSED] <= 100);
}

static void send_set(uint64_t version, bool with_w1)
{
    uint8_t buf[1024], curve[32] = "new", zero[32] = {0};
    struct msg_principal_set m = {.version = version, .last = true};
    struct rec_principal r = {
        .name = sp_str_of("w9"), .role = SP_ROLE_WORKER, .curve = curve, .sign = zero, .next_curve = zero, .next_sign = zero};
    struct sp_packer p;

    broker_world_body(&p, buf, sizeof buf);
    assert_int_equal(msg_principal_set_begin(&p, &m), SP_OK);
    if (with_w1)
        assert_int_equal(rec_principal_put(&p, &r), SP_OK);
    assert_int_equal(msg_principal_set_end(&p), SP_OK);
    broker_world_send(&w, CONN_KEEPER, who[CONN_KEEPER], SP_MSG_PRINCIPAL_SET, NULL, &p, NULL);
}

static void test_principals_from_the_keeper(void **state)
{
    uint32_t index;

    (void)state;
    w.signatures_good = false;
    send_set(1, true);
    assert_true(refusals(CONN_KEEPER, SP_REFUSAL_SIGNATURE));
    assert_int_equal(w.principals, 0);
    w.signatures_good = true;
    send_set(1, true);
    assert_int_equal(w.principals, 1);
    assert_int_equal(w.conns[CONN_SCHEDULER].got[SP_MSG_PRINCIPAL_SET], 1); /* it learns as well */
    index = principal_by_name(&w.core.who, sp_str_of("w9"));
    broker_world_hello(&w, 20, index, 1, "exec", "");
    assert_int_equal(w.conns[20].got[SP_MSG_WELCOME], 1);
    send_set(2, false);
    assert_int_equal(peer_by_conn(&w.core.peers, 20), PEER_NONE); /* revoked: gone without having to speak */
    send_set(1, true);
    assert_true(refusals(CONN_KEEPER, SP_REFUSAL_CONFLICT));
}

/* A9: the next key before its time, both during the overlap, the old one after its end; session and signature alike. */
static void test_keys_overlap(void **state)
{
    uint8_t curve[32] = "w1", sign[32] = {0}, next[32] = "w1 next", next_sign[32] = "next sign";
    struct rec_principal r = {.name = sp_str_of("admin"),
                              .role = SP_ROLE_OPERATOR,
                              .curve = curve,
                              .sign = sign,
                              .adapters = sp_str_of(""),
                              .not_after = 2000,
                              .next_curve = next,
                              .next_sign = next_sign,
                              .next_not_before = 1500};
    uint32_t index = who[CONN_OPERATOR];

    (void)state;
    memcpy(curve, "admin\0", 6);
    assert_int_equal(principal_put(&w.core.who, &r, true, &index), SP_OK);
    w.pair = 1;
    broker_world_hello(&w, 20, index, 1, "", "");
    assert_int_equal(w.conns[20].got[SP_MSG_WELCOME], 0);
    assert_true(refusals(20, SP_REFUSAL_PRINCIPAL));
    w.pair = 0;
    w.signer = next_sign; /* the old connection, signed by the next key: not yet */
    broker_world_send(&w, CONN_OPERATOR, index, SP_MSG_ADMIN_REQUEST, "b0", NULL, NULL);
    assert_true(refusals(CONN_OPERATOR, SP_REFUSAL_SIGNATURE));
    w.wall_s = 1500;
    broker_world_send(&w, CONN_OPERATOR, index, SP_MSG_ADMIN_REQUEST, "b0", NULL, NULL);
    assert_int_equal(w.admin, 1);
    w.signer = sign;
    broker_world_send(&w, CONN_OPERATOR, index, SP_MSG_ADMIN_REQUEST, "b0", NULL, NULL);
    assert_int_equal(w.admin, 2);
    w.pair = 1;
    broker_world_hello(&w, 20, index, 1, "", "");
    assert_int_equal(w.conns[20].got[SP_MSG_WELCOME], 1);
    broker_world_send(&w, CONN_OPERATOR, index, SP_MSG_ADMIN_REQUEST, "b0", NULL, NULL); /* a session is of one key */
    assert_true(refusals(CONN_OPERATOR, SP_REFUSAL_PRINCIPAL));
    w.wall_s = 2000;
    broker_world_send(&w, 20, index, SP_MSG_ADMIN_REQUEST, "b0", NULL, NULL); /* signed by the old key: not any more */
    assert_true(refusals(20, SP_REFUSAL_SIGNATURE));
    w.signer = next_sign;
    broker_world_send(&w, 20, index, SP_MSG_ADMIN_REQUEST, "b0", NULL, NULL);
    assert_int_equal(w.admin, 3);
    w.pair = 0;
    broker_world_hello(&w, 21, index, 1, "", "");
    assert_int_equal(w.conns[21].got[SP_MSG_WELCOME], 0);
    assert_true(refusals(21, SP_REFUSAL_PRINCIPAL));
}

static void test_drain(void **state)
{
    (void)state;
    broker_world_route(&w, CONN_SCHEDULER, who[CONN_SCHEDULER], "exec", "");
    broker_world_credit(&w, CONN_WORKER, who[CONN_WORKER], 30);
    broker_world_drained(&w);
    assert_int_equal(broker_core_drain(&w.core, sp_str_of("nobody"), 5, &w.fx), SP_REFUSAL_NOT_FOUND);
    assert_int_equal(broker_core_drain(&w.core, sp_str_of("keeper"), 5, &w.fx), SP_REFUSAL_NOT_FOUND);
    assert_int_equal(broker_core_drain(&w.core, sp_str_of("w1"), 5, &w.fx), SP_REFUSAL_NONE);
    assert_int_equal(w.fx.list[0].type, SP_MSG_DRAIN);
    broker_world_jobs(&w, CONN_SCHEDULER, who[CONN_SCHEDULER], "exec", 3, 1000);
    assert_int_equal(w.conns[CONN_WORKER].jobs, 0);
    broker_core_check(&w.core);
}

static void test_admin_needs_a_signature(void **state)
{
    (void)state;
    w.signatures_good = false;
    broker_world_send(&w, CONN_OPERATOR, who[CONN_OPERATOR], SP_MSG_ADMIN_REQUEST, "broker", NULL, NULL);
    assert_int_equal(w.admin, 0);
    assert_true(refusals(CONN_OPERATOR, SP_REFUSAL_SIGNATURE));
    w.signatures_good = true;
    broker_world_send(&w, CONN_OPERATOR, who[CONN_OPERATOR], SP_MSG_ADMIN_REQUEST, "b0", NULL, NULL);
    assert_int_equal(w.admin, 1);
    broker_world_send(&w, CONN_OPERATOR, who[CONN_OPERATOR], SP_MSG_ADMIN_REQUEST, "keeper", NULL, NULL);
    assert_int_equal(w.conns[CONN_KEEPER].got[SP_MSG_ADMIN_REQUEST], 1);
    broker_world_send(&w, CONN_OPERATOR, who[CONN_OPERATOR], SP_MSG_ADMIN_REQUEST, NULL, NULL, NULL); /* to whom? */
    assert_true(refusals(CONN_OPERATOR, SP_REFUSAL_BAD_REQUEST));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_authority_matrix),
        CASE(test_sender_must_be_the_principal),
        CASE(test_nobody_and_strangers),
        CASE(test_revoked_key_is_out_at_once),
        CASE(test_second_connection_of_a_key),
        CASE(test_scope_limits_adapters),
        CASE(test_credit_draws_jobs),
        CASE(test_what_waits_expires_or_loses_its_workers),
        CASE(test_full_and_lost_workers),
        CASE(test_full_worker_that_answers_gets_more),
        CASE(test_full_worker_is_tried_again),
        CASE(test_scheduler_session_ends),
        CASE(test_silence_and_a_long_stop),
        CASE(test_slow_reader_is_counted_not_waited_for),
        CASE(test_full_keeper_tells_the_worker),
        CASE(test_refusals_are_rate_limited),
        CASE(test_principals_from_the_keeper),
        CASE(test_keys_overlap),
        CASE(test_drain),
        CASE(test_admin_needs_a_signature),
    };

    return cmocka_run_group_tests_name("broker_core", tests, NULL, NULL);
}
