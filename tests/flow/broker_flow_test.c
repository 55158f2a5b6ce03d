/* SPDX-License-Identifier: Apache-2.0 */
/* One day in the life of a broker, as a trace: what goes out, to which connection, in which order. Virtual time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <string.h>

#include "broker_world.h"

enum { SCHEDULER = 1, KEEPER, W1, W2, READER };

static struct broker_world w;
static uint32_t scheduler, keeper, w1, w2, reader;

/* Compares what went out since the last look. */
static void expect(const char *trace)
{
    assert_string_equal(w.log, trace);
    w.log_bytes = 0;
    w.log[0] = '\0';
}

static int setup(void **state)
{
    (void)state;
    broker_world_init(&w);
    scheduler = broker_world_principal(&w, "scheduler", SP_ROLE_SCHEDULER, NULL);
    keeper = broker_world_principal(&w, "keeper", SP_ROLE_KEEPER, NULL);
    w1 = broker_world_principal(&w, "w1", SP_ROLE_WORKER, "exec");
    w2 = broker_world_principal(&w, "w2", SP_ROLE_WORKER, "exec");
    reader = broker_world_principal(&w, "r1", SP_ROLE_READER, NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    broker_world_fini(&w);
    return 0;
}

static void send_empty(uint32_t conn, uint32_t principal, uint16_t type, const char *dest)
{
    broker_world_send(&w, conn, principal, type, dest, NULL, NULL);
}

static void test_a_check_goes_round(void **state)
{
    (void)state;
    broker_world_hello(&w, SCHEDULER, scheduler, 1, "", "");
    broker_world_hello(&w, KEEPER, keeper, 2, "", "");
    broker_world_hello(&w, READER, reader, 3, "", "");
    expect("Welcome>1 Welcome>2 Welcome>5 ");
    broker_world_route(&w, SCHEDULER, scheduler, "exec", ""); /* before there is any worker */
    broker_world_drained(&w);
    expect("RouteCredit>1 ");
    broker_world_hello(&w, W1, w1, 4, "exec", "");
    broker_world_credit(&w, W1, w1, 8);
    broker_world_drained(&w);
    expect("Welcome>3 RouteCredit>1 ");
    broker_world_jobs(&w, SCHEDULER, scheduler, "exec", 1, 1000); /* a lone job leaves at once */
    expect("JobBatch>3 ");
    send_empty(W1, w1, SP_MSG_RESULT_BATCH, "");
    expect("ResultBatch>2 ");
    send_empty(KEEPER, keeper, SP_MSG_RESULT_ACK, "w1");
    send_empty(KEEPER, keeper, SP_MSG_LEASE_CLOSED, "");
    send_empty(KEEPER, keeper, SP_MSG_TRUST_EVENT, "");
    expect("ResultAck>3 LeaseClosed>1 TrustEvent>5 ");
    send_empty(READER, reader, SP_MSG_READER_PING, "");
    send_empty(KEEPER, keeper, SP_MSG_TRUST_BEAT, "r1");
    expect("ReaderPing>2 TrustBeat>5 ");
}

static void test_worker_dies_with_work_waiting(void **state)
{
    (void)state;
    broker_world_hello(&w, SCHEDULER, scheduler, 1, "", "");
    broker_world_hello(&w, W1, w1, 4, "exec", "");
    broker_world_hello(&w, W2, w2, 5, "exec", "");
    broker_world_route(&w, SCHEDULER, scheduler, "exec", "");
    broker_world_credit(&w, W1, w1, 4);
    broker_world_drained(&w);
    expect("Welcome>1 Welcome>3 Welcome>4 RouteCredit>1 ");
    broker_world_jobs(&w, SCHEDULER, scheduler, "exec", 4, 2000);
    broker_world_jobs(&w, SCHEDULER, scheduler, "exec", 4, 2000);
    broker_world_jobs(&w, SCHEDULER, scheduler, "exec", 4, 2000);
    expect("JobBatch>3 ");
    w.conns[W1].state = BROKER_WORLD_GONE; /* killed with four jobs; their leases bring them back */
    broker_world_hello(&w, 9, w1, 6, "exec", "");
    expect("Welcome>9 ");
    broker_world_credit(&w, 9, w1, 4); /* counts from zero */
    broker_world_drained(&w);
    expect("JobBatch>9 ");       /* four more granted of sixty are not worth a message */
    broker_world_pass(&w, 2000); /* the third batch waited long enough */
    expect("JobReturn>1 ");
}

/* A scheduler that is busy with something else reads nothing for a while, and a grant is lost: it is told again. */
static void test_lost_grant_is_told_again(void **state)
{
    struct msg_route_credit m;

    (void)state;
    broker_world_hello(&w, SCHEDULER, scheduler, 1, "", "");
    broker_world_hello(&w, W1, w1, 4, "exec", "");
    broker_world_route(&w, SCHEDULER, scheduler, "exec", "");
    w.conns[SCHEDULER].state = BROKER_WORLD_FULL;
    broker_world_credit(&w, W1, w1, 200);
    broker_world_drained(&w);
    broker_world_drained(&w); /* still full */
    expect("Welcome>1 Welcome>3 ");
    w.conns[SCHEDULER].state = BROKER_WORLD_OPEN;
    broker_world_drained(&w);
    expect("RouteCredit>1 ");
    assert_int_equal(msg_route_credit_decode(w.conns[SCHEDULER].last, w.conns[SCHEDULER].last_bytes, &m), SP_OK);
    assert_true(m.granted >= 200);
    broker_world_drained(&w);
    expect("");
}

static void test_heartbeats_keep_sessions(void **state)
{
    (void)state;
    broker_world_hello(&w, W1, w1, 4, "exec", "");
    broker_world_hello(&w, W2, w2, 5, "exec", "");
    for (uint64_t i = 1; i <= 5; i++) {
        uint8_t buf[MSG_HEARTBEAT_BYTES_MAX];
        struct msg_heartbeat m = {.progress = i};
        struct sp_packer p;

        broker_world_pass(&w, 1000);
        broker_world_body(&p, buf, sizeof buf);
        assert_int_equal(msg_heartbeat_encode(&p, &m), SP_OK);
        broker_world_send(&w, W1, w1, SP_MSG_HEARTBEAT, "", &p, NULL);
    }
    assert_int_equal(w.core.routes.workers_count, 1); /* w2 said nothing for five seconds */
    send_empty(W2, w2, SP_MSG_RESULT_BATCH, "");
    expect("Welcome>3 Welcome>4 Heartbeat>3 Heartbeat>3 Heartbeat>3 Heartbeat>3 Heartbeat>3 Refused>4 ");
    broker_world_hello(&w, W2, w2, 5, "exec", ""); /* what its client does with that */
    expect("Welcome>4 ");
}

static void test_loop_that_stands_still_is_not_alive(void **state)
{
    (void)state;
    broker_world_hello(&w, W1, w1, 4, "exec", "");
    for (unsigned i = 0; i < 2; i++) {
        uint8_t buf[MSG_HEARTBEAT_BYTES_MAX];
        struct msg_heartbeat m = {.progress = 7};
        struct sp_packer p;

        broker_world_body(&p, buf, sizeof buf);
        assert_int_equal(msg_heartbeat_encode(&p, &m), SP_OK);
        broker_world_send(&w, W1, w1, SP_MSG_HEARTBEAT, "", &p, NULL);
    }
    assert_int_equal(w.core.routes.workers_count, 0);
    assert_int_equal(w.alarms, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_check_goes_round, setup, teardown),
        cmocka_unit_test_setup_teardown(test_worker_dies_with_work_waiting, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lost_grant_is_told_again, setup, teardown),
        cmocka_unit_test_setup_teardown(test_heartbeats_keep_sessions, setup, teardown),
        cmocka_unit_test_setup_teardown(test_loop_that_stands_still_is_not_alive, setup, teardown),
    };

    return cmocka_run_group_tests_name("broker_flow", tests, NULL, NULL);
}
