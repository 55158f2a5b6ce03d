/* SPDX-License-Identifier: Apache-2.0 */
/* Questions and documents over two real brokers: a worker that knows no attester, attesters that know no worker, and a keeper that
 * tells each about the other. Attesters and keeper are doubles in this process; what the worker does is worker_ask. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <string.h>

#include "bus_rig.h"
#include "msg.h"
#include "sp_clock.h"
#include "worker_ask.h"

#define LONG_MS  60000u
#define PART     MSG_EVIDENCE_PART_MAX
#define DOCUMENT (3u * PART + 17u)
#define FAST     "bus:\n  heartbeat: 100ms\n  lost: 30s\n  reconnect: 20ms\n  reconnect_max: 50ms\n  stats: 100ms\n"

static const struct bus_rig_client fleet[] = {
    {"keeper", SP_ROLE_KEEPER, NULL, NULL},
    {"w1", SP_ROLE_WORKER, "tpm", NULL},
    {"a1", SP_ROLE_ATTESTER, "node-1", NULL},
    {"a2", SP_ROLE_ATTESTER, "node-2", NULL},
};

enum fault { NONE, WRONG_NONCE, SILENT, OTHER_LENGTH, OTHER_KEY };

static struct {
    struct bus_rig rig;
    struct sp_conf alone;
    struct sp_bus *keeper, *worker, *attester[2];
    struct worker_ask ask;
    bool hooked;
    /* keeper */
    unsigned identity_gets, principal_gets;
    enum sp_refusal identity_code, principal_code;
    const char *named;   /* principal the identity names */
    const uint8_t *sign; /* key it names; NULL: the right one */
    bool old_nonce;      /* PrincipalInfo of another question */
    bool two_pairs;      /* the worker's own keys are told as the next ones */
    uint32_t learnt_ms;  /* how long attesters believe it */
    /* attesters */
    unsigned requests[2], refused_scope;
    enum fault fault;
    unsigned answer_as; /* attester that answers */
    int stop_broker;    /* after the first part: this broker is killed; -1: none */
    /* the question */
    struct sp_adapter_ask question;
    unsigned parts, lasts;
    uint16_t reason;
    uint64_t got;
    bool good, has_tpm;
    char detail[256];
} t;

static uint8_t byte_at(uint64_t offset)
{
    return (uint8_t)(offset * 31 + offset / 1000);
}

static void reply(struct sp_bus *bus, uint16_t type, const struct sp_bus_message *m, const struct sp_packer *w)
{
    struct sp_bus_out out = {
        .type = type, .dest = m->from->name, .broker = (int)m->broker, .body = w->start, .body_bytes = sp_packer_bytes(w)};
    (void)sp_bus_send(bus, &out);
}

static void keeper_on_message(void *self, const struct sp_bus_message *m)
{
    static uint8_t ak[40], ek[32], none[32];
    struct msg_identity_get get;
    struct msg_principal_get who;
    struct sp_packer w;
    size_t room = 0;
    uint8_t *body = sp_bus_body(t.keeper, &room);
    (void)self;
    sp_packer_init(&w, body, room);
    if (m->type == SP_MSG_IDENTITY_GET && msg_identity_get_decode(m->body, m->body_bytes, &get) == SP_OK) {
        struct msg_identity r = {.node = get.node, .generation = get.generation, .code = (uint16_t)t.identity_code};
        if (t.identity_code == SP_REFUSAL_NONE) {
            r.attester = sp_str_of(t.named);
            r.sign = sp_str_bytes(t.sign != NULL ? t.sign : bus_rig_keys(&t.rig, t.named)->pub.sign, 32);
            r.ak = sp_str_bytes(ak, sizeof ak);
            r.ek = sp_str_bytes(ek, sizeof ek);
            r.mode = SP_ENROLMENT_FIRST_USE;
        }
        t.identity_gets++;
        assert_int_equal(msg_identity_encode(&w, &r), SP_OK);
        reply(t.keeper, SP_MSG_IDENTITY, m, &w);
    } else if (m->type == SP_MSG_PRINCIPAL_GET && msg_principal_get_decode(m->body, m->body_bytes, &who) == SP_OK) {
        struct msg_principal_info r = {
            .name = who.name, .nonce = t.old_nonce ? none : who.nonce, .code = (uint16_t)t.principal_code};
        const struct sp_keys *keys = bus_rig_keys(&t.rig, "w1");
        r.principal = (struct rec_principal){.curve = none, .sign = none, .next_curve = none, .next_sign = none};
        if (t.principal_code == SP_REFUSAL_NONE) {
            r.principal.name = who.name;
            r.principal.role = SP_ROLE_WORKER;
            r.principal.curve = keys->pub.curve;
            r.principal.sign = keys->pub.sign;
            if (t.two_pairs) {
                r.principal.next_curve = r.principal.curve;
                r.principal.next_sign = r.principal.sign;
                r.principal.curve = bus_rig_keys(&t.rig, "a2")->pub.curve;
                r.principal.sign = bus_rig_keys(&t.rig, "a2")->pub.sign;
            }
        }
        t.principal_gets++;
        assert_int_equal(msg_principal_info_encode(&w, &r), SP_OK);
        reply(t.keeper, SP_MSG_PRINCIPAL_INFO, m, &w);
    }
}

static void attester_on_message(void *self, const struct sp_bus_message *m)
{
    static uint8_t part[PART], wrong[32] = {1};
    unsigned me = (unsigned)((struct sp_bus **)self - t.attester);
    struct msg_evidence_request q;
    struct sp_packer w;
    size_t room = 0;
    struct msg_refused refused;
    if (m->type == SP_MSG_REFUSED && msg_refused_decode(m->body, m->body_bytes, &refused) == SP_OK) {
        t.refused_scope += refused.type == SP_MSG_EVIDENCE && refused.code == SP_REFUSAL_SCOPE;
    }
    if (m->type != SP_MSG_EVIDENCE_REQUEST || msg_evidence_request_decode(m->body, m->body_bytes, &q) != SP_OK) {
        return;
    }
    t.requests[me]++;
    assert_string_equal(m->from->name, "w1");
    assert_true(sp_str_is(q.args, "{\"pcrs\":\"sha256:0-10\"}"));
    if (t.fault == SILENT) {
        return;
    }
    if (t.fault == OTHER_KEY) { /* for the worker, what comes now is sealed with another key than this attester's */
        struct sp_bus_principal p = *sp_bus_principal_find(t.worker, "a1");
        memcpy(p.sign, bus_rig_keys(&t.rig, "a2")->pub.sign, sizeof p.sign);
        assert_true(sp_bus_principal_put(t.worker, &p));
    }
    size_t n = q.offset < DOCUMENT ? (size_t)(DOCUMENT - q.offset < PART ? DOCUMENT - q.offset : PART) : 0;
    for (size_t i = 0; i < n; i++) {
        part[i] = byte_at(q.offset + i);
    }
    struct msg_evidence e = {.id = q.id,
                             .node = q.node,
                             .kind = q.kind,
                             .nonce = t.fault == WRONG_NONCE ? wrong : q.nonce,
                             .total = DOCUMENT + (t.fault == OTHER_LENGTH && q.offset > 0 ? 1 : 0),
                             .offset = q.offset,
                             .part = sp_str_bytes(part, n)};
    struct sp_bus *bus = t.attester[t.answer_as];
    uint8_t *body = sp_bus_body(bus, &room);
    sp_packer_init(&w, body, room);
    assert_int_equal(msg_evidence_encode(&w, &e), SP_OK);
    reply(bus, SP_MSG_EVIDENCE, m, &w);
}

static void worker_on_message(void *self, const struct sp_bus_message *m)
{
    struct msg_refused refused;
    struct msg_identity identity;
    struct msg_evidence evidence;
    (void)self;
    if (m->type == SP_MSG_REFUSED && msg_refused_decode(m->body, m->body_bytes, &refused) == SP_OK) {
        worker_ask_on_refused(&t.ask, m->broker, &refused);
    } else if (m->type == SP_MSG_IDENTITY && msg_identity_decode(m->body, m->body_bytes, &identity) == SP_OK) {
        worker_ask_on_identity(&t.ask, &identity);
    } else if (m->type == SP_MSG_EVIDENCE && msg_evidence_decode(m->body, m->body_bytes, &evidence) == SP_OK) {
        worker_ask_on_evidence(&t.ask, m->from, &evidence);
    }
}

static void worker_on_link(void *self, unsigned broker, bool up, uint64_t boot)
{
    (void)self;
    (void)boot;
    worker_ask_on_link(&t.ask, broker, up);
}

static bool on_turn(void *ctx, const struct sp_now *now)
{
    (void)ctx;
    (void)now;
    if (t.ask.ready) {
        worker_ask_turn(&t.ask);
    }
    return t.ask.ready && worker_ask_deadline(&t.ask) == 0;
}

/* Turns the loop, and looks at least each 20 ms: the worker's timers are in no descriptor here. */
static bool until(bool (*holds)(void), unsigned timeout_ms)
{
    uint64_t end = sp_clock_mono_ns() + (uint64_t)timeout_ms * 1000000u;
    while (!holds()) {
        if (sp_clock_mono_ns() >= end || sp_loop_turn(t.rig.loop, 20) != SP_OK) {
            return holds();
        }
    }
    return true;
}

static bool all_up(void)
{
    return sp_bus_up_count(t.keeper) == 2 && sp_bus_up_count(t.worker) == 2 && sp_bus_up_count(t.attester[0]) == 2 &&
           sp_bus_up_count(t.attester[1]) == 2;
}

static void open_one(const char *name, void (*on_message)(void *, const struct sp_bus_message *), struct sp_bus **bus)
{
    struct sp_bus_options o;
    char why[512] = "";
    bus_rig_options(&t.rig, name, &o);
    o.self = bus;
    o.on_message = on_message;
    if (o.role != SP_ROLE_KEEPER) {
        o.conf = &t.alone;
    }
    o.learnt_ms = t.learnt_ms;
    if (o.role == SP_ROLE_WORKER) {
        o.on_link = worker_on_link;
    }
    if (!sp_bus_open(&o, bus, why, sizeof why)) {
        fail_msg("%s", why);
    }
}

static int setup(void **state)
{
    (void)state;
    memset(&t, 0, sizeof t);
    t.named = "a1";
    t.stop_broker = -1;
    bus_rig_init(&t.rig, 2, fleet, sizeof fleet / sizeof fleet[0], FAST);
    bus_rig_conf_alone(&t.rig, &t.alone);
    bus_rig_start(&t.rig, 0);
    bus_rig_start(&t.rig, 1);
    struct sp_stats *stats = sp_stats_new();
    assert_true(stats != NULL && worker_ask_open(&t.ask, t.rig.loop, stats, 2));
    open_one("keeper", keeper_on_message, &t.keeper);
    open_one("w1", worker_on_message, &t.worker);
    open_one("a1", attester_on_message, &t.attester[0]);
    open_one("a2", attester_on_message, &t.attester[1]);
    t.ask.bus = t.worker;
    assert_int_equal(sp_loop_hook(t.rig.loop, on_turn, NULL), SP_OK);
    assert_true(until(all_up, LONG_MS));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    struct sp_stats *stats = t.ask.stats;
    ask_core_check(&t.ask.core);
    sp_bus_close(&t.worker, 0);
    sp_bus_close(&t.attester[0], 0);
    sp_bus_close(&t.attester[1], 0);
    sp_bus_close(&t.keeper, 0);
    worker_ask_close(&t.ask);
    sp_stats_destroy(&stats);
    bus_rig_fini(&t.rig);
    return 0;
}

static void on_part(struct sp_adapter_ask *ask, const struct sp_adapter_part *p)
{
    assert_ptr_equal(ask, &t.question);
    assert_int_equal(t.lasts, 0);
    t.parts++;
    t.lasts += p->last;
    t.reason = p->reason;
    (void)snprintf(t.detail, sizeof t.detail, "%s", p->detail);
    if (p->reason != SP_REASON_OK) {
        assert_true(p->last && p->n == 0);
        return;
    }
    t.good = t.good && p->offset == t.got && p->total == DOCUMENT;
    for (size_t i = 0; i < p->n; i++) {
        t.good = t.good && p->bytes[i] == byte_at(p->offset + i);
    }
    t.got += p->n;
    t.has_tpm = p->who != NULL && p->who->mode == SP_ENROLMENT_FIRST_USE && p->who->ak_len == 40 && p->who->ek != NULL;
    if (t.stop_broker >= 0) {
        int broker = t.stop_broker;
        t.stop_broker = -1;
        (void)bus_rig_stop(&t.rig, (unsigned)broker, SIGKILL);
    }
}

static void ask(const char *node, uint64_t within_ms)
{
    static const uint8_t nonce[32] = {42};
    const struct sp_adapter_job job = {.node = node, .deadline_us = sp_loop_refresh(t.rig.loop)->mono.us + within_ms * 1000u};
    const struct sp_adapter_question q = {"quote", "{\"pcrs\":\"sha256:0-10\"}", nonce};
    t.question.part = on_part;
    t.parts = t.lasts = 0;
    t.got = 0;
    t.good = true;
    t.detail[0] = '\0';
    worker_ask_begin(&t.ask, &job, &t.question, &q);
    assert_int_equal(t.parts, 0); /* never from within */
    assert_int_not_equal(t.question.index, 0);
}

static bool has_ended(void)
{
    return t.lasts > 0;
}

static void a_document_in_parts(void **state)
{
    (void)state;
    ask("node-1", LONG_MS);
    assert_true(until(has_ended, LONG_MS));
    assert_int_equal(t.reason, SP_REASON_OK);
    assert_true(t.good && t.got == DOCUMENT && t.has_tpm);
    assert_int_equal(t.parts, 4);
    assert_int_equal(t.question.index, 0);
    assert_in_range(t.identity_gets, 1, 3); /* more when this machine is slow */
    ask("node-1", LONG_MS);                 /* who is who is known now, on both sides */
    unsigned identities = t.identity_gets, principals = t.principal_gets;
    assert_true(until(has_ended, LONG_MS));
    assert_true(t.good && t.got == DOCUMENT);
    assert_int_equal(t.identity_gets, identities);
    assert_int_equal(t.principal_gets, principals);
    assert_int_equal(t.requests[1], 0);
}

/* It is heard under its next keys, and answered with them. */
static void keys_that_change(void **state)
{
    (void)state;
    t.two_pairs = true;
    ask("node-1", LONG_MS);
    assert_true(until(has_ended, LONG_MS));
    assert_int_equal(t.reason, SP_REASON_OK);
    assert_true(t.good && t.got == DOCUMENT);
}

static enum sp_bus_sent send_request_to(const char *dest)
{
    static const uint8_t nonce[32];
    struct msg_evidence_request m = {.id = 1,
                                     .node = sp_str_of("node-1"),
                                     .kind = sp_str_of("quote"),
                                     .nonce = nonce,
                                     .args = sp_str_of("{}"),
                                     .expires_ms = 1000};
    struct sp_packer w;
    size_t room = 0;
    uint8_t *body = sp_bus_body(t.worker, &room);
    sp_packer_init(&w, body, room);
    assert_int_equal(msg_evidence_request_encode(&w, &m), SP_OK);
    struct sp_bus_out out = {
        .type = SP_MSG_EVIDENCE_REQUEST, .dest = dest, .broker = SP_BUS_ANY, .body = body, .body_bytes = sp_packer_bytes(&w)};
    return sp_bus_send(t.worker, &out);
}

/* What is for two names the other one: nothing else can be sealed. */
static void no_receiver_no_key(void **state)
{
    (void)state;
    ask("node-1", LONG_MS); /* so that a1 is known */
    assert_true(until(has_ended, LONG_MS));
    assert_int_equal(send_request_to("a1"), SP_BUS_SENT);
    assert_int_equal(send_request_to("a2"), SP_BUS_NO_KEY);
    assert_int_equal(send_request_to("attester"), SP_BUS_NO_KEY);
    assert_int_equal(send_request_to(NULL), SP_BUS_NO_KEY);
    struct sp_bus_principal p = *sp_bus_principal_find(t.worker, "a1");
    p.revoked = true;
    assert_true(sp_bus_principal_put(t.worker, &p));
    assert_int_equal(send_request_to("a1"), SP_BUS_NO_KEY);
}

/* Nothing came to the adapter, and the question is still open. */
static void still_asking(void)
{
    assert_int_equal(t.parts, 0);
    assert_int_not_equal(t.question.index, 0);
    worker_ask_stop(&t.ask, &t.question);
}

static bool worker_refused_the_seal(void)
{
    return sp_bus_refused(t.worker, SP_REFUSAL_SIGNATURE) > 0;
}

static bool attester_refused_the_seal(void)
{
    return sp_bus_refused(t.attester[0], SP_REFUSAL_SIGNATURE) > 0;
}

/* Attack: sealed with a key that is not the one the node was enrolled with. */
static void a_forged_answer(void **state)
{
    (void)state;
    t.fault = OTHER_KEY;
    ask("node-1", LONG_MS);
    assert_true(until(worker_refused_the_seal, LONG_MS));
    assert_true(t.requests[0] > 0);
    still_asking();
}

/* Whoever has not the enrolled key cannot so much as read the question as one for it. */
static void a_question_for_another_key(void **state)
{
    (void)state;
    t.sign = bus_rig_keys(&t.rig, "a2")->pub.sign;
    ask("node-1", LONG_MS);
    assert_true(until(attester_refused_the_seal, LONG_MS));
    assert_int_equal(t.requests[0], 0);
    still_asking();
}

static bool scope_was_refused(void)
{
    return t.refused_scope > 0;
}

/* Attack: the attester of another node answers, under its own good key. */
static void another_nodes_attester(void **state)
{
    struct sp_bus_principal w1 = {.name = "w1", .role = SP_ROLE_WORKER};
    (void)state;
    memcpy(w1.sign, bus_rig_keys(&t.rig, "w1")->pub.sign, sizeof w1.sign);
    assert_true(sp_bus_principal_put(t.attester[1], &w1)); /* public keys are no secret */
    t.answer_as = 1;
    ask("node-1", LONG_MS);
    assert_true(until(scope_was_refused, LONG_MS));
    assert_true(t.requests[0] > 0);
    still_asking();
    t.answer_as = 0;
    t.named = "a2"; /* and the keeper would have to name it: then the brokers do not let it have this node */
    ask("node-1", LONG_MS);
    assert_true(until(has_ended, LONG_MS)); /* the identity of before is known: a1 */
    assert_int_equal(t.reason, SP_REASON_OK);
    ask("node-3", LONG_MS);
    assert_true(until(has_ended, LONG_MS));
    assert_int_equal(t.reason, SP_REASON_REFUSED);
    assert_int_equal(t.requests[1], 0);
}

static void a_wrong_nonce(void **state)
{
    (void)state;
    t.fault = WRONG_NONCE;
    ask("node-1", LONG_MS);
    assert_true(until(has_ended, LONG_MS));
    assert_int_equal(t.reason, SP_REASON_PROTOCOL);
    assert_int_equal(t.got, 0);
}

static void a_length_that_changes(void **state)
{
    (void)state;
    t.fault = OTHER_LENGTH;
    ask("node-1", LONG_MS);
    assert_true(until(has_ended, LONG_MS));
    assert_int_equal(t.reason, SP_REASON_PROTOCOL);
    assert_int_equal(t.got, PART);
}

static void no_attester(void **state)
{
    (void)state;
    t.identity_code = SP_REFUSAL_NOT_FOUND;
    ask("node-1", LONG_MS);
    assert_true(until(has_ended, LONG_MS));
    assert_int_equal(t.reason, SP_REASON_NOT_ENROLLED);
    t.identity_code = SP_REFUSAL_NONE;
    sp_bus_close(&t.attester[0], 100);
    ask("node-1", LONG_MS);
    assert_true(until(has_ended, LONG_MS));
    assert_int_equal(t.reason, SP_REASON_UNREACHABLE);
    assert_int_equal(t.requests[0], 0);
}

static bool principal_was_refused(void)
{
    return sp_bus_refused(t.attester[0], SP_REFUSAL_PRINCIPAL) > 0;
}

/* Attack: a worker whose scope does not cover the node; the keeper says so, and the attester makes no document. */
static void a_worker_without_the_scope(void **state)
{
    (void)state;
    t.principal_code = SP_REFUSAL_SCOPE;
    ask("node-1", LONG_MS);
    assert_true(until(principal_was_refused, LONG_MS));
    assert_true(t.principal_gets > 0);
    assert_int_equal(t.requests[0], 0);
    still_asking();
}

/* Attack: a worker that was revoked, behind a broker that lets it through: it goes on until the keeper is asked again, and no longer. */
static void a_worker_that_lost_its_right(void **state)
{
    (void)state;
    sp_bus_close(&t.attester[0], 100);
    t.learnt_ms = 1;
    open_one("a1", attester_on_message, &t.attester[0]);
    assert_true(until(all_up, LONG_MS));
    ask("node-1", LONG_MS);
    assert_true(until(has_ended, LONG_MS));
    assert_true(t.reason == SP_REASON_OK && t.got == DOCUMENT);
    assert_true(t.principal_gets > 1);
    unsigned before = t.requests[0];
    t.principal_code = SP_REFUSAL_NOT_FOUND;
    ask("node-1", LONG_MS);
    assert_true(until(principal_was_refused, LONG_MS));
    assert_int_equal(t.requests[0], before);
    still_asking();
}

static bool principal_was_asked_again(void)
{
    return t.principal_gets > 1;
}

/* Attack: a broker plays an old word of the keeper about a worker that was revoked since. */
static void an_old_word_of_the_keeper(void **state)
{
    (void)state;
    t.old_nonce = true;
    ask("node-1", LONG_MS);
    assert_true(until(principal_was_asked_again, LONG_MS)); /* with the next request: its answer was none */
    assert_int_equal(t.requests[0], 0);
    still_asking();
}

static void a_broker_dies_on_the_way(void **state)
{
    (void)state;
    ask("node-1", LONG_MS); /* find out by which broker it goes */
    assert_true(until(has_ended, LONG_MS));
    t.stop_broker = 0;
    ask("node-1", LONG_MS);
    assert_true(until(has_ended, LONG_MS));
    assert_int_equal(t.reason, SP_REASON_OK);
    assert_true(t.good && t.got == DOCUMENT);
}

static bool was_asked(void)
{
    return t.requests[0] > 0;
}

static void stopped(void **state)
{
    (void)state;
    t.fault = SILENT;
    ask("node-1", LONG_MS);
    assert_true(until(was_asked, LONG_MS));
    worker_ask_stop(&t.ask, &t.question);
    worker_ask_stop(&t.ask, &t.question); /* and once more */
    t.fault = NONE;
    ask("node-1", LONG_MS);
    assert_true(until(has_ended, LONG_MS));
    assert_true(t.good && t.got == DOCUMENT);
    assert_int_equal(t.lasts, 1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_document_in_parts),
        CASE(keys_that_change),
        CASE(no_receiver_no_key),
        CASE(a_forged_answer),
        CASE(a_question_for_another_key),
        CASE(another_nodes_attester),
        CASE(a_wrong_nonce),
        CASE(a_length_that_changes),
        CASE(no_attester),
        CASE(a_worker_without_the_scope),
        CASE(a_worker_that_lost_its_right),
        CASE(an_old_word_of_the_keeper),
        CASE(a_broker_dies_on_the_way),
        CASE(stopped),
    };
    return cmocka_run_group_tests_name("evidence_flow", tests, NULL, NULL);
}
