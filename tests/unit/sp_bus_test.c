/* SPDX-License-Identifier: Apache-2.0 */
/* The bus client against a real broker process: sessions, routes by role and name, seals, refusals, restart, two brokers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <signal.h>
#include <string.h>

#include "bus_rig.h"
#include "msg.h"
#include "sp_envelope.h"
#include "sp_ticket.h"

#define WAIT_MS 60000
#define FAST    "bus:\n  heartbeat: 100ms\n  lost: 3s\n  reconnect: 20ms\n  reconnect_max: 50ms\n  stats: 100ms\n"

static const struct bus_rig_client fleet[] = {
    {"scheduler", SP_ROLE_SCHEDULER, NULL, NULL}, {"keeper", SP_ROLE_KEEPER, NULL, NULL},
    {"w1", SP_ROLE_WORKER, "exec,http", NULL},    {"w2", SP_ROLE_WORKER, "exec", NULL},
    {"admin", SP_ROLE_OPERATOR, NULL, NULL},      {"r1", SP_ROLE_READER, NULL, NULL},
};
#define FLEET (sizeof fleet / sizeof fleet[0])

/* One client and what it saw. */
struct seen {
    struct sp_bus *bus;
    unsigned ups, downs, messages;
    unsigned by_type[SP_MSG_LAST + 1];
    unsigned credits[2]; /* RouteCredit of each broker */
    struct sp_bus_message last;
    char from[SP_BUS_NAME_BYTES];
    uint8_t body[4096];
    uint64_t boot;
};

static struct bus_rig rig;
static struct seen clients[FLEET];

static void on_message(void *self, const struct sp_bus_message *m)
{
    struct seen *s = self;

    s->messages++;
    s->by_type[m->type]++;
    s->credits[m->broker % 2] += m->type == SP_MSG_ROUTE_CREDIT;
    s->last = *m;
    snprintf(s->from, sizeof s->from, "%s", m->from->name);
    assert_true(m->body_bytes <= sizeof s->body);
    memcpy(s->body, m->body, m->body_bytes);
}

static void on_link(void *self, unsigned broker, bool up, uint64_t boot)
{
    struct seen *s = self;

    (void)broker;
    if (up)
        s->ups++;
    else
        s->downs++;
    s->boot = boot;
}

static struct seen *open_client(const char *name)
{
    struct sp_bus_options o;
    char why[512] = "";
    unsigned i = 0;

    while (strcmp(fleet[i].name, name) != 0)
        i++;
    memset(&clients[i], 0, sizeof clients[i]);
    bus_rig_options(&rig, name, &o);
    o.self = &clients[i];
    o.on_message = on_message;
    o.on_link = on_link;
    o.topics = o.role == SP_ROLE_READER ? 1u << SP_TOPIC_TRUST : 0;
    if (!sp_bus_open(&o, &clients[i].bus, why, sizeof why))
        fail_msg("%s", why);
    return &clients[i];
}

static void close_clients(void)
{
    for (unsigned i = 0; i < FLEET; i++)
        sp_bus_close(&clients[i].bus, 0);
}

static bool is_up(void *ctx)
{
    const struct seen *s = ctx;

    return sp_bus_up_count(s->bus) == sp_bus_brokers(s->bus);
}

static bool is_down(void *ctx)
{
    return sp_bus_up_count(((const struct seen *)ctx)->bus) == 0;
}

struct want {
    const struct seen *who;
    uint16_t type;
    unsigned count;
};

static bool has_come(void *ctx)
{
    const struct want *w = ctx;

    return w->who->by_type[w->type] >= w->count;
}

static void expect(const struct seen *who, uint16_t type, unsigned count)
{
    struct want w = {who, type, count};

    if (!bus_rig_until(&rig, has_come, &w, WAIT_MS))
        fail_msg("no %s", msg_name(type));
}

static struct seen *up(const char *name)
{
    struct seen *s = open_client(name);

    if (!bus_rig_until(&rig, is_up, s, WAIT_MS))
        fail_msg("%s does not come up", name);
    return s;
}

static enum sp_bus_sent send_bytes(struct seen *s, uint16_t type, const char *dest, const struct sp_packer *w)
{
    struct sp_bus_out out = {.type = type, .dest = dest, .broker = SP_BUS_ANY, .body = w->start, .body_bytes = sp_packer_bytes(w)};

    return sp_bus_send(s->bus, &out);
}

static void begin(struct seen *s, struct sp_packer *w)
{
    size_t room;
    uint8_t *p = sp_bus_body(s->bus, &room);

    sp_packer_init(w, p, room);
}

static void send_credit(struct seen *s, uint64_t granted)
{
    struct msg_credit m = {.granted = granted};
    struct sp_packer w;

    begin(s, &w);
    assert_int_equal(msg_credit_encode(&w, &m), SP_OK);
    assert_int_equal(send_bytes(s, SP_MSG_CREDIT, NULL, &w), SP_BUS_SENT);
}

static void send_route_open(struct seen *s, const char *adapter, const char *labels)
{
    struct msg_route_open m = {.route = {sp_str_of(adapter), sp_str_of(labels)}};
    struct sp_packer w;

    begin(s, &w);
    assert_int_equal(msg_route_open_encode(&w, &m), SP_OK);
    assert_int_equal(send_bytes(s, SP_MSG_ROUTE_OPEN, NULL, &w), SP_BUS_SENT);
}

static void send_jobs(struct seen *s, const char *adapter, uint64_t first, unsigned count, uint32_t expires_ms)
{
    struct msg_job_batch m = {.route = {sp_str_of(adapter), {NULL, 0}}, .expires_ms = expires_ms};
    struct sp_packer w;

    begin(s, &w);
    assert_int_equal(msg_job_batch_begin(&w, &m), SP_OK);
    for (unsigned i = 0; i < count; i++) {
        uint8_t ticket[SP_TICKET_BYTES] = {SP_TICKET_FORMAT, 1};
        struct rec_job job = {.ticket = ticket, .timeout_ms = 1000, .node = sp_str_of("n1")};

        ticket[24] = (uint8_t)(first + i);
        ticket[16] = (uint8_t)i;
        assert_int_equal(rec_job_put(&w, &job), SP_OK);
    }
    assert_int_equal(msg_job_batch_end(&w), SP_OK);
    assert_int_equal(send_bytes(s, SP_MSG_JOB_BATCH, NULL, &w), SP_BUS_SENT);
}

static uint64_t granted_of(const struct seen *s)
{
    struct msg_route_credit m;

    assert_int_equal(msg_route_credit_decode(s->body, s->last.body_bytes, &m), SP_OK);
    return m.granted;
}

static int start_one(void **state)
{
    (void)state;
    bus_rig_init(&rig, 1, fleet, FLEET, FAST);
    bus_rig_start(&rig, 0);
    return 0;
}

static int start_two(void **state)
{
    (void)state;
    bus_rig_init(&rig, 2, fleet, FLEET, FAST);
    bus_rig_start(&rig, 0);
    bus_rig_start(&rig, 1);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    close_clients();
    bus_rig_fini(&rig);
    return 0;
}

/* What the worker said by this broker before has been taken: messages of one connection keep their order, and this one has come through. */
static void settle(struct seen *worker, const struct seen *scheduler, int broker)
{
    static const uint8_t digest[32];
    struct msg_definition_get m = {.digest = digest};
    unsigned before = scheduler->by_type[SP_MSG_DEFINITION_GET];
    struct sp_packer w;

    begin(worker, &w);
    assert_int_equal(msg_definition_get_encode(&w, &m), SP_OK);
    struct sp_bus_out out = {.type = SP_MSG_DEFINITION_GET, .broker = broker, .body = w.start, .body_bytes = sp_packer_bytes(&w)};

    assert_int_equal(sp_bus_send(worker->bus, &out), SP_BUS_SENT);
    expect(scheduler, SP_MSG_DEFINITION_GET, before + 1);
}

static void test_jobs_and_results(void **state)
{
    struct seen *scheduler = up("scheduler"), *keeper = up("keeper"), *w1 = up("w1"), *w2 = up("w2");

    (void)state;
    send_credit(w1, 10);
    send_credit(w2, 4);
    settle(w1, scheduler, 0);
    settle(w2, scheduler, 0);
    send_route_open(scheduler, "exec", "");
    expect(scheduler, SP_MSG_ROUTE_CREDIT, 1);
    assert_true(granted_of(scheduler) >= 14);
    send_jobs(scheduler, "exec", 1, 8, WAIT_MS);
    expect(w1, SP_MSG_JOB_BATCH, 1); /* most credit */
    assert_string_equal(w1->from, "scheduler");
    send_jobs(scheduler, "exec", 9, 3, WAIT_MS);
    expect(w2, SP_MSG_JOB_BATCH, 1); /* w1 has two left, w2 four */

    struct msg_result_batch results = {.boot = 1, .batch = 7};
    struct sp_packer w;

    begin(w2, &w);
    assert_int_equal(msg_result_batch_encode(&w, &results), SP_OK);
    assert_int_equal(send_bytes(w2, SP_MSG_RESULT_BATCH, NULL, &w), SP_BUS_SENT);
    expect(keeper, SP_MSG_RESULT_BATCH, 1);
    assert_string_equal(keeper->from, "w2");

    struct msg_result_ack ack = {.boot = 1, .batch = 7};

    begin(keeper, &w);
    assert_int_equal(msg_result_ack_encode(&w, &ack), SP_OK);
    assert_int_equal(send_bytes(keeper, SP_MSG_RESULT_ACK, "w2", &w), SP_BUS_SENT);
    expect(w2, SP_MSG_RESULT_ACK, 1);
    assert_int_equal(w1->by_type[SP_MSG_RESULT_ACK], 0);

    struct msg_keeper_clock clock = {.now_ms = 5};

    begin(keeper, &w);
    assert_int_equal(msg_keeper_clock_encode(&w, &clock), SP_OK);
    assert_int_equal(send_bytes(keeper, SP_MSG_KEEPER_CLOCK, NULL, &w), SP_BUS_SENT); /* carries a MAC */
    expect(scheduler, SP_MSG_KEEPER_CLOCK, 1);
}

static void test_jobs_nobody_can_run_come_back(void **state)
{
    struct seen *scheduler = up("scheduler"), *w1 = up("w1");
    struct msg_job_return back;

    (void)state;
    send_route_open(scheduler, "exec", "");
    expect(scheduler, SP_MSG_ROUTE_CREDIT, 1);
    send_jobs(scheduler, "exec", 1, 5, 500); /* w1 gave no credit: they wait, and expire */
    expect(scheduler, SP_MSG_JOB_RETURN, 1);
    assert_int_equal(msg_job_return_decode(scheduler->body, scheduler->last.body_bytes, &back), SP_OK);
    assert_int_equal(back.code, SP_REFUSAL_EXPIRED);
    assert_int_equal(back.jobs.count, 5);
    send_jobs(scheduler, "exec", 6, 200, 500); /* over the grant */
    expect(scheduler, SP_MSG_JOB_RETURN, 2);
    assert_int_equal(msg_job_return_decode(scheduler->body, scheduler->last.body_bytes, &back), SP_OK);
    assert_int_equal(back.code, SP_REFUSAL_OVERLOAD);
    assert_int_equal(back.jobs.count, 200);
    send_jobs(scheduler, "oat", 6, 1, 500); /* no such route */
    expect(scheduler, SP_MSG_JOB_RETURN, 3);
    assert_int_equal(w1->by_type[SP_MSG_JOB_BATCH], 0);
}

static void test_reconnect_begins_a_new_session(void **state)
{
    struct seen *scheduler = up("scheduler");
    uint64_t first = scheduler->boot;

    (void)state;
    bus_rig_stop(&rig, 0, SIGKILL);
    assert_true(bus_rig_until(&rig, is_down, scheduler, WAIT_MS));
    assert_int_equal(scheduler->downs, 1);
    struct sp_packer w;
    struct msg_route_open m = {.route = {sp_str_of("exec"), {NULL, 0}}};

    begin(scheduler, &w);
    assert_int_equal(msg_route_open_encode(&w, &m), SP_OK);
    assert_int_equal(send_bytes(scheduler, SP_MSG_ROUTE_OPEN, NULL, &w), SP_BUS_NO_BROKER);
    bus_rig_start(&rig, 0);
    assert_true(bus_rig_until(&rig, is_up, scheduler, WAIT_MS));
    assert_int_equal(scheduler->ups, 2);
    assert_true(scheduler->boot != first);
}

static void test_hello_again_begins_a_new_session(void **state)
{
    struct seen *w1 = up("w1");
    uint64_t first = w1->boot;

    (void)state;
    sp_bus_hello_set(w1->bus, "exec", "zone=a", 5);
    assert_int_equal(w1->downs, 1);
    assert_true(bus_rig_until(&rig, is_up, w1, WAIT_MS));
    assert_true(w1->boot != first);
}

static void test_stopped_broker_is_noticed(void **state)
{
    struct seen *keeper = up("keeper");

    (void)state;
    kill(rig.pids[0], SIGSTOP);
    assert_true(bus_rig_until(&rig, is_down, keeper, WAIT_MS));
    kill(rig.pids[0], SIGCONT);
    assert_true(bus_rig_until(&rig, is_up, keeper, WAIT_MS));
}

static bool both_grant(void *ctx)
{
    const struct seen *s = ctx;

    return s->credits[0] > 0 && s->credits[1] > 0;
}

static void test_two_brokers_share_batches(void **state)
{
    struct seen *scheduler = up("scheduler"), *w1 = up("w1");

    (void)state;
    for (int broker = 0; broker < 2; broker++) {
        struct msg_credit credit = {.granted = 100};
        struct msg_route_open open = {.route = {sp_str_of("exec"), {NULL, 0}}};
        struct sp_packer w;

        begin(w1, &w);
        assert_int_equal(msg_credit_encode(&w, &credit), SP_OK);
        struct sp_bus_out out = {.type = SP_MSG_CREDIT, .broker = broker, .body = w.start, .body_bytes = sp_packer_bytes(&w)};

        assert_int_equal(sp_bus_send(w1->bus, &out), SP_BUS_SENT);
        settle(w1, scheduler, broker);
        begin(scheduler, &w);
        assert_int_equal(msg_route_open_encode(&w, &open), SP_OK);
        out = (struct sp_bus_out){.type = SP_MSG_ROUTE_OPEN, .broker = broker, .body = w.start, .body_bytes = sp_packer_bytes(&w)};
        assert_int_equal(sp_bus_send(scheduler->bus, &out), SP_BUS_SENT);
        assert_int_equal(out.used, broker);
    }
    assert_true(bus_rig_until(&rig, both_grant, scheduler, WAIT_MS)); /* one of them may say it more than once */
    for (unsigned i = 0; i < 4; i++)
        send_jobs(scheduler, "exec", 1 + i, 1, WAIT_MS);
    expect(w1, SP_MSG_JOB_BATCH, 4);
    bus_rig_stop(&rig, 1, SIGKILL);
    while (sp_bus_up_count(scheduler->bus) == 2)
        assert_int_equal(sp_loop_turn(rig.loop, 100), SP_OK);
    send_jobs(scheduler, "exec", 9, 1, WAIT_MS); /* the other one still works */
    send_jobs(scheduler, "exec", 10, 1, WAIT_MS);
    expect(w1, SP_MSG_JOB_BATCH, 6);
}

static void send_admin(struct seen *s, const char *dest, uint64_t id, const char *verb, const char *args)
{
    struct msg_admin_request m = {.id = id, .verb = sp_str_of(verb), .args = sp_str_of(args)};
    struct sp_packer w;

    begin(s, &w);
    assert_int_equal(msg_admin_request_encode(&w, &m), SP_OK);
    assert_int_equal(send_bytes(s, SP_MSG_ADMIN_REQUEST, dest, &w), SP_BUS_SENT);
}

static void check_reply(const struct seen *s, enum sp_refusal code, const char *part)
{
    struct msg_admin_reply m;
    char text[4096];

    assert_int_equal(msg_admin_reply_decode(s->body, s->last.body_bytes, &m), SP_OK);
    (void)sp_str_copy(text, sizeof text, m.data);
    if (m.code != code || strstr(text, part) == NULL)
        fail_msg("code %u, %s", m.code, text);
}

/* The keeper says what became of the act that the broker reported last. */
static void send_stored(struct seen *keeper, enum sp_refusal code)
{
    struct msg_act_report report;
    struct rec_act act;
    struct sp_packer w;

    assert_int_equal(msg_act_report_decode(keeper->body, keeper->last.body_bytes, &report), SP_OK);
    assert_true(rec_act_next(&report.acts, &act));
    assert_true(sp_str_is(act.actor, "admin") && sp_str_is(act.what, "worker.drain") && sp_str_is(act.after, "draining"));
    struct msg_act_stored m = {.number = code == SP_REFUSAL_NONE ? act.number : 0,
                               .code = (uint16_t)code,
                               .refused = code == SP_REFUSAL_NONE ? 0 : act.number};
    begin(keeper, &w);
    assert_int_equal(msg_act_stored_encode(&w, &m), SP_OK);
    assert_int_equal(send_bytes(keeper, SP_MSG_ACT_STORED, "b0", &w), SP_BUS_SENT);
}

static void test_operator_asks_the_broker(void **state)
{
    struct seen *admin = up("admin"), *w1 = up("w1"), *w2 = up("w2"), *keeper = up("keeper");

    (void)state;
    send_admin(admin, "broker", 1, "ping", "{}");
    expect(admin, SP_MSG_ADMIN_REPLY, 1);
    check_reply(admin, SP_REFUSAL_NONE, "\"name\":\"b0\"");
    send_admin(admin, "b0", 2, "peers.list", "{}");
    expect(admin, SP_MSG_ADMIN_REPLY, 2);
    check_reply(admin, SP_REFUSAL_NONE, "\"name\":\"w1\"");
    send_admin(admin, "b0", 3, "worker.drain", "{\"name\":\"w1\"}");
    expect(keeper, SP_MSG_ACT_REPORT, 1);
    assert_int_equal(w1->by_type[SP_MSG_DRAIN], 0); /* nothing is done before the keeper has its row */
    send_stored(keeper, SP_REFUSAL_NONE);
    expect(admin, SP_MSG_ADMIN_REPLY, 3);
    check_reply(admin, SP_REFUSAL_NONE, "\"draining\":true");
    expect(w1, SP_MSG_DRAIN, 1);
    send_admin(admin, "b0", 3, "worker.drain", "{\"name\":\"w1\"}"); /* the same request again */
    expect(admin, SP_MSG_ADMIN_REPLY, 4);
    check_reply(admin, SP_REFUSAL_REPLAY, "error");
    send_admin(admin, "b0", 6, "worker.drain", "{\"name\":\"w2\"}");
    expect(keeper, SP_MSG_ACT_REPORT, 2);
    send_stored(keeper, SP_REFUSAL_STORE); /* no row, no act */
    expect(admin, SP_MSG_ADMIN_REPLY, 5);
    check_reply(admin, SP_REFUSAL_STORE, "nothing was done");
    assert_int_equal(w2->by_type[SP_MSG_DRAIN], 0);
    send_admin(admin, "b0", 4, "dance", "{}");
    expect(admin, SP_MSG_ADMIN_REPLY, 6);
    check_reply(admin, SP_REFUSAL_BAD_REQUEST, "hint");
    send_admin(admin, "b0", 5, "stats.get", "{}");
    expect(admin, SP_MSG_ADMIN_REPLY, 7);
    check_reply(admin, SP_REFUSAL_NONE, "\"role\":\"broker\"");
}

static void test_events_reach_subscribers(void **state)
{
    struct seen *keeper = up("keeper"), *reader = up("r1");
    struct msg_trust_event m = {.boot = 1, .sequence = 1};
    struct sp_packer w;

    (void)state;
    begin(keeper, &w);
    assert_int_equal(msg_trust_event_encode(&w, &m), SP_OK);
    assert_int_equal(send_bytes(keeper, SP_MSG_TRUST_EVENT, NULL, &w), SP_BUS_SENT);
    expect(reader, SP_MSG_TRUST_EVENT, 1);
    assert_string_equal(reader->from, "keeper");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_jobs_and_results, start_one, stop),
        cmocka_unit_test_setup_teardown(test_jobs_nobody_can_run_come_back, start_one, stop),
        cmocka_unit_test_setup_teardown(test_reconnect_begins_a_new_session, start_one, stop),
        cmocka_unit_test_setup_teardown(test_hello_again_begins_a_new_session, start_one, stop),
        cmocka_unit_test_setup_teardown(test_stopped_broker_is_noticed, start_one, stop),
        cmocka_unit_test_setup_teardown(test_two_brokers_share_batches, start_two, stop),
        cmocka_unit_test_setup_teardown(test_operator_asks_the_broker, start_one, stop),
        cmocka_unit_test_setup_teardown(test_events_reach_subscribers, start_one, stop),
    };

    return cmocka_run_group_tests_name("sp_bus", tests, NULL, NULL);
}
