/* SPDX-License-Identifier: Apache-2.0 */
/* Admission with real sockets: the handler's end ends the process (A2), the self-probe tells an open door from a closed one (A1),
 * and a message that came through an open door has no user id and so belongs to nobody. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

#include "broker_probe.h"
#include "broker_zap.h"
#include "sp_hex.h"

#define ENFORCE_DOMAIN 93
#define PATIENCE_S     120 /* a child that does not end by itself by then never does */
#define PATIENCE_MS    (PATIENCE_S * 1000)

static const uint8_t seed[16] = {5};
static uint8_t none[32];

/* A CURVE server socket on a free port. */
struct door {
    void *zmq, *router;
    struct broker_zap *zap; /* NULL: nobody is asked */
    struct principal_table who;
    char public_key[41], secret_key[41], endpoint[128];
};

static void set_int(void *socket, int option, int value)
{
    assert_int_equal(zmq_setsockopt(socket, option, &value, sizeof value), 0);
}

static void door_open(struct door *d, bool handler)
{
    size_t n = sizeof d->endpoint;

    memset(d, 0, sizeof *d);
    assert_true(principal_init(&d->who, 4, seed));
    d->zmq = zmq_ctx_new();
    assert_non_null(d->zmq);
    if (handler)
        assert_true(broker_zap_open(d->zmq, &d->zap));
    d->router = zmq_socket(d->zmq, ZMQ_ROUTER);
    assert_non_null(d->router);
    assert_int_equal(zmq_curve_keypair(d->public_key, d->secret_key), 0);
    set_int(d->router, ZMQ_CURVE_SERVER, 1);
    assert_int_equal(zmq_setsockopt(d->router, ZMQ_CURVE_SECRETKEY, d->secret_key, 41), 0);
    set_int(d->router, ZMQ_LINGER, 0);
    set_int(d->router, ZMQ_RCVTIMEO, PATIENCE_MS);
    if (handler) {
        assert_int_equal(zmq_setsockopt(d->router, ZMQ_ZAP_DOMAIN, BROKER_ZAP_DOMAIN, strlen(BROKER_ZAP_DOMAIN)), 0);
        set_int(d->router, ENFORCE_DOMAIN, 1);
    }
    assert_int_equal(zmq_bind(d->router, "tcp://127.0.0.1:*"), 0);
    assert_int_equal(zmq_getsockopt(d->router, ZMQ_LAST_ENDPOINT, d->endpoint, &n), 0);
}

static void door_close(struct door *d)
{
    zmq_close(d->router);
    if (d->zap != NULL)
        broker_zap_stopping(d->zap);
    zmq_ctx_term(d->zmq);
    broker_zap_close(&d->zap);
    principal_fini(&d->who);
}

/* ---- the handler ---- */

/* What becomes of a process whose handler loses its context, told to stop or not. */
static int status_after_the_handler(bool told)
{
    pid_t child = fork();
    int status = 0;

    assert_true(child >= 0);
    if (child == 0) {
        struct broker_zap *zap = NULL;
        void *zmq = zmq_ctx_new();

        alarm(PATIENCE_S);
        if (zmq == NULL || !broker_zap_open(zmq, &zap))
            _exit(1);
        if (told)
            broker_zap_stopping(zap);
        zmq_ctx_shutdown(zmq);
        if (told) {
            broker_zap_close(&zap);
            _exit(0);
        }
        for (;;)
            pause();
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void test_end_of_the_handler_ends_the_process(void **state)
{
    (void)state;
    int status = status_after_the_handler(false);

    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 70);
    status = status_after_the_handler(true);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- the probe ---- */

struct verdict {
    struct sp_loop *loop;
    struct broker_probe probe;
    enum broker_probe_result result;
    unsigned count;
};

static void on_verdict(void *ctx, enum broker_probe_result result)
{
    struct verdict *v = ctx;

    v->result = result;
    v->count++;
    sp_loop_stop(v->loop);
}

static void begin(struct verdict *v, const struct door *d)
{
    struct sp_loop_options options = {.ctx = v};
    struct sp_err err = {0};

    memset(v, 0, sizeof *v);
    assert_int_equal(sp_loop_new(&options, &v->loop, &err), SP_OK);
    v->probe = (struct broker_probe){.loop = v->loop, .done = on_verdict, .ctx = v, .fd = -1};
    assert_true(broker_probe_start(&v->probe, d->endpoint, d->public_key, sp_loop_refresh(v->loop)->mono.us));
}

static enum broker_probe_result probe(const struct door *d)
{
    struct verdict v;

    begin(&v, d);
    if (v.count == 0)
        assert_int_equal(sp_loop_run(v.loop), SP_OK);
    assert_int_equal(v.count, 1);
    assert_null(v.probe.zmq);
    sp_loop_destroy(&v.loop);
    return v.result;
}

static void test_an_open_door_is_seen(void **state)
{
    struct door d;

    (void)state;
    door_open(&d, false);
    assert_int_equal(probe(&d), BROKER_PROBE_ADMITTED);
    door_close(&d);
}

static void test_a_closed_door_is_seen(void **state)
{
    struct door d;

    (void)state;
    door_open(&d, true);
    assert_int_equal(probe(&d), BROKER_PROBE_REFUSED); /* before anybody was published */
    assert_true(broker_zap_publish(d.zap, &d.who, 1));
    assert_int_equal(probe(&d), BROKER_PROBE_REFUSED);
    door_close(&d);
}

static void test_no_verdict_in_time(void **state)
{
    struct door d;
    struct verdict v;

    (void)state;
    door_open(&d, true);
    assert_int_equal(zmq_unbind(d.router, d.endpoint), 0); /* nobody answers there */
    begin(&v, &d);
    broker_probe_tick(&v.probe, broker_probe_deadline(&v.probe) - 1);
    assert_int_equal(v.count, 0);
    broker_probe_tick(&v.probe, broker_probe_deadline(&v.probe));
    assert_int_equal(v.count, 1);
    assert_int_equal(v.result, BROKER_PROBE_NOTHING);
    assert_true(broker_probe_deadline(&v.probe) == SP_NEVER);
    sp_loop_destroy(&v.loop);
    door_close(&d);
}

/* A broker that starts while thousands come back at once is busy, not dead; one whose door nobody can see through never gets ready.
 */
static void test_what_a_probe_without_a_verdict_means(void **state)
{
    static const struct {
        struct broker_probe_case c;
        bool ends;
    } cases[] = {
        {{BROKER_PROBE_REFUSED, false, false, 0}, false}, {{BROKER_PROBE_ADMITTED, true, true, 1}, true},
        {{BROKER_PROBE_ADMITTED, false, true, 1}, true},  {{BROKER_PROBE_NOTHING, false, false, 1}, true},
        {{BROKER_PROBE_NOTHING, false, true, 1}, false},  {{BROKER_PROBE_NOTHING, false, true, 2}, false},
        {{BROKER_PROBE_NOTHING, false, true, 3}, true},   {{BROKER_PROBE_NOTHING, true, false, 2}, false},
        {{BROKER_PROBE_NOTHING, true, true, 3}, true},
    };

    (void)state;
    for (size_t i = 0; i < SP_COUNT(cases); i++)
        assert_int_equal(broker_probe_verdict(&cases[i].c) != NULL, cases[i].ends);
}

/* What waits in front of the probe gets the time a handshake may take. */
static void test_the_wait_grows_with_the_handshake(void **state)
{
    struct door d;
    struct verdict v;

    (void)state;
    door_open(&d, true);
    assert_int_equal(zmq_unbind(d.router, d.endpoint), 0);
    begin(&v, &d);
    uint64_t least = broker_probe_deadline(&v.probe), start = least - (uint64_t)BROKER_PROBE_MS * SP_US_PER_MS;

    broker_probe_stop(&v.probe);
    v.probe.handshake_ms = 20000;
    assert_true(broker_probe_start(&v.probe, d.endpoint, d.public_key, start));
    assert_true(broker_probe_deadline(&v.probe) == least + 20000u * SP_US_PER_MS);
    broker_probe_stop(&v.probe);
    sp_loop_destroy(&v.loop);
    door_close(&d);
}

/* ---- whose message is it ---- */

/* Sends one message to the door under this pair of keys; the broker's view of who sent it. */
static uint32_t sender_of(struct door *d, const char *public_key, const char *secret_key, unsigned *pair)
{
    void *peer = zmq_socket(d->zmq, ZMQ_DEALER);
    zmq_msg_t m;
    uint32_t index;

    assert_non_null(peer);
    assert_int_equal(zmq_setsockopt(peer, ZMQ_CURVE_SERVERKEY, d->public_key, 41), 0);
    assert_int_equal(zmq_setsockopt(peer, ZMQ_CURVE_PUBLICKEY, public_key, 41), 0);
    assert_int_equal(zmq_setsockopt(peer, ZMQ_CURVE_SECRETKEY, secret_key, 41), 0);
    set_int(peer, ZMQ_LINGER, 0);
    assert_int_equal(zmq_connect(peer, d->endpoint), 0);
    assert_int_equal(zmq_send(peer, "x", 1, 0), 1);
    zmq_msg_init(&m);
    assert_int_equal(zmq_msg_recv(&m, d->router, 0), 5); /* the address the socket gave it */
    assert_int_equal(zmq_msg_recv(&m, d->router, 0), 1);
    index = principal_by_user_id(&d->who, zmq_msg_gets(&m, "User-Id"), pair);
    zmq_msg_close(&m);
    zmq_close(peer);
    return index;
}

static void test_without_a_user_id_nobody(void **state)
{
    char public_key[41], secret_key[41];
    uint8_t curve[32];
    struct rec_principal row = {
        .name = sp_str_of("w"), .role = SP_ROLE_WORKER, .curve = curve, .sign = none, .next_curve = none, .next_sign = none};
    struct door d;
    unsigned pair;
    uint32_t index;

    (void)state;
    assert_int_equal(zmq_curve_keypair(public_key, secret_key), 0);
    assert_true(sp_hex_z85_parse(sp_str_of(public_key), curve, sizeof curve));
    door_open(&d, false); /* even of one we know: nobody looked at its key */
    assert_int_equal(principal_put(&d.who, &row, true, &index), SP_OK);
    assert_int_equal(sender_of(&d, public_key, secret_key, &pair), PRINCIPAL_NONE);
    door_close(&d);
}

static void test_each_pair_has_a_user_id(void **state)
{
    char public_key[2][41], secret_key[2][41];
    uint8_t curve[2][32];
    struct rec_principal row = {
        .name = sp_str_of("w"), .role = SP_ROLE_WORKER, .curve = curve[0], .sign = none, .next_curve = curve[1], .next_sign = none};
    struct door d;
    unsigned pair;
    uint32_t index;

    (void)state;
    door_open(&d, true);
    for (unsigned n = 0; n < 2; n++) {
        assert_int_equal(zmq_curve_keypair(public_key[n], secret_key[n]), 0);
        assert_true(sp_hex_z85_parse(sp_str_of(public_key[n]), curve[n], sizeof curve[n]));
    }
    assert_int_equal(principal_put(&d.who, &row, true, &index), SP_OK);
    assert_true(broker_zap_publish(d.zap, &d.who, 1));
    for (unsigned n = 0; n < 2; n++) {
        assert_int_equal(sender_of(&d, public_key[n], secret_key[n], &pair), index);
        assert_int_equal(pair, n);
    }
    door_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_end_of_the_handler_ends_the_process), /* first: it forks */
        cmocka_unit_test(test_an_open_door_is_seen),
        cmocka_unit_test(test_a_closed_door_is_seen),
        cmocka_unit_test(test_no_verdict_in_time),
        cmocka_unit_test(test_what_a_probe_without_a_verdict_means),
        cmocka_unit_test(test_the_wait_grows_with_the_handshake),
        cmocka_unit_test(test_without_a_user_id_nobody),
        cmocka_unit_test(test_each_pair_has_a_user_id),
    };

    return cmocka_run_group_tests_name("broker_admission", tests, NULL, NULL);
}
