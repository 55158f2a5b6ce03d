/* SPDX-License-Identifier: Apache-2.0 */
/* TLS of the adapters http and oat against a server that wants a client certificate: whom they believe, what they show, what they refuse,
 * and that a kept connection carries the trust of no other check. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "adapter_rig.h"
#include "curl_loop.h"
#include "http_double.h"
#include "msg.h"
#include "py_double.h"
#include "scratch.h"
#include "sp_assert.h"
#include "tls_bed.h"

extern const struct sp_adapter adapter_http, adapter_oat;

#define OAT_BASE "/AttestationService/resources"
#define NODE     "node"

static struct scratch scratch;
static char dir[256];
static struct http_double plain; /* behind the fronts of http */
static struct py_double oat;     /* behind those of oat */

static const struct kind {
    const char *name;
    const struct sp_adapter *adapter;
    const char *url; /* first parameters, up to the URL */
    const char *path;
    bool pins;
} kinds[] = {{"http", &adapter_http, "{\"url\":\"", "/ok", false},
             {"oat", &adapter_oat, "{\"version\":\"1\",\"server\":\"", OAT_BASE, true}};

static struct py_double front_of(const struct kind *k, const char *server, const char *most, const char *ciphers)
{
    struct py_double d;
    const char *const both[] = {"--most", most, ciphers != NULL ? "--ciphers" : NULL, ciphers};
    struct tls_bed_front front = {.dir = dir, .server = server, .port = k->adapter == &adapter_http ? plain.port : oat.port};
    memcpy(front.more, both, sizeof both);
    tls_bed_open(&d, &front);
    return d;
}

/* What a check says of TLS; NULL: nothing. key: NULL, the client's own. */
struct tls {
    const char *ca, *client, *key;
    const char *more; /* ,"member":"value" */
};

static void *check_at(struct rig *rig, const struct kind *k, const char *url, const struct tls *tls)
{
    char params[2048];
    char ca[300] = "", client[600] = "";
    const char *why = NULL;
    size_t n = (size_t)snprintf(params, sizeof params, "%s%s\"", k->url, url);
    if (tls->ca != NULL) {
        (void)snprintf(ca, sizeof ca, ",\"ca\":\"%s/%s.pem\"", dir, tls->ca);
    }
    if (tls->client != NULL) {
        (void)snprintf(client, sizeof client, ",\"cert\":\"%s/%s.pem\",\"key\":\"%s/%s.key\"", dir, tls->client, dir,
                       tls->key != NULL ? tls->key : tls->client);
    }
    (void)snprintf(params + n, sizeof params - n, "%s%s%s}", ca, client, tls->more != NULL ? tls->more : "");
    void *check = rig_compile(rig, params, &why);
    if (check == NULL) {
        fail_msg("%s: %s", params, why);
    }
    return check;
}

static void *check_of(struct rig *rig, const struct kind *k, const struct py_double *front, const struct tls *tls)
{
    char url[256];
    (void)snprintf(url, sizeof url, "https://localhost:%u%s", front->port, k->path);
    return check_at(rig, k, url, tls);
}

static const struct rig_result *ask(struct rig *rig, void *check, const char *node)
{
    unsigned job = rig_start(rig, check, node, "127.0.0.1", 120000);
    rig_finish_all(rig);
    const struct rig_result *r = rig_result(rig, job);
    assert_false(r->cancelled);
    return r;
}

static void passes(const struct kind *k, const struct rig_result *r, const char *what)
{
    if (r->outcome != SP_OUTCOME_PASS || r->reason != SP_REASON_OK) {
        fail_msg("%s, %s: outcome %u %s (%s)", k->name, what, r->outcome, sp_reason_name(r->reason), r->detail);
    }
}

/* Refused because of TLS, and the text names the cause. */
static void refuses(const struct kind *k, const struct rig_result *r, const char *what, const char *cause)
{
    if (r->outcome != SP_OUTCOME_ERROR || r->reason != SP_REASON_SECURITY || strstr(r->detail, cause) == NULL) {
        fail_msg("%s, %s: outcome %u %s (%s), wanted security and \"%s\"", k->name, what, r->outcome, sp_reason_name(r->reason),
                 r->detail, cause);
    }
}

/* Whom they believe and what they show. */
static void certificates(void **state)
{
    static const struct {
        const char *what, *server, *host, *ca, *client;
        const char *cause; /* NULL: passes */
    } rows[] = {
        {"all is right", "server", "localhost", "ca", "client", NULL},
        {"wrong CA", "server", "localhost", "other", "client", "certificate"},
        {"the system's CAs", "server", "localhost", NULL, "client", "certificate"},
        {"server of another CA", "imposter", "localhost", "ca", "client", "certificate"},
        {"server of nobody", "alone", "localhost", "ca", "client", "self-signed certificate"},
        {"wrong host name", "server", "127.0.0.1", "ca", "client", "127.0.0.1"},
        {"expired server", "expired", "localhost", "ca", "client", "certificate has expired"},
        {"no client certificate", "server", "localhost", "ca", NULL, "alert"},
        {"client of another CA", "server", "localhost", "ca", "stranger", "alert unknown ca"},
        {"expired client", "server", "localhost", "ca", "stale", "certificate"},
        {"client certificate that is no file", "server", "localhost", "ca", "nobody", "certificate"},
    };
    static const char *const versions[] = {"1.3", "1.2"}; /* the server says no after the handshake, or during it */
    (void)state;
    for (size_t n = 0; n < SP_COUNT(rows) * SP_COUNT(kinds) * SP_COUNT(versions); n++) {
        size_t i = n / SP_COUNT(kinds) / SP_COUNT(versions);
        const struct kind *k = &kinds[n % SP_COUNT(kinds)];
        const char *version = versions[n / SP_COUNT(kinds) % SP_COUNT(versions)];
        if (version == versions[1] && strstr(rows[i].what, "client") == NULL) {
            continue;
        }
        struct py_double front = front_of(k, rows[i].server, version, NULL);
        struct rig *rig = rig_open(k->adapter, "{}");
        char url[256];
        (void)snprintf(url, sizeof url, "https://%s:%u%s", rows[i].host, front.port, k->path);
        void *check = check_at(rig, k, url, &(struct tls){.ca = rows[i].ca, .client = rows[i].client});
        for (unsigned twice = 0; twice < 2; twice++) { /* the second time on what the first left behind */
            const struct rig_result *r = ask(rig, check, NODE);
            if (rows[i].cause == NULL) {
                passes(k, r, rows[i].what);
            } else {
                refuses(k, r, rows[i].what, rows[i].cause);
            }
        }
        assert_int_equal(tls_bed_handshakes(&front, "client"), rows[i].cause == NULL ? 1 : tls_bed_handshakes(&front, NULL));
        assert_true(rows[i].cause == NULL || strstr(rows[i].cause, "alert") == NULL || tls_bed_handshakes(&front, NULL) == 0);
        rig_release(rig, check);
        rig_close(&rig);
        py_double_close(&front);
    }
}

/* `pin` takes the place of the name and of nothing else: the chain and the time of the certificate are looked at as before. */
static void pinned_keys(void **state)
{
    static const struct {
        const char *what, *server, *pin, *host, *cause;
    } rows[] = {
        {"right key", "server", "server", "localhost", NULL},
        {"right key under another name", "server", "server", "127.0.0.1", NULL},
        {"wrong key", "server", "client", "localhost", "pinned public key"},
        {"right key, another CA", "imposter", "server", "localhost", "certificate"},
        {"right key, expired", "expired", "server", "localhost", "certificate has expired"},
        {"right key, of nobody", "alone", "alone", "localhost", "self-signed certificate"},
    };
    (void)state;
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        const struct kind *k = &kinds[1];
        struct py_double front = front_of(k, rows[i].server, "1.3", NULL);
        struct rig *rig = rig_open(k->adapter, "{}");
        char url[256], pin[TLS_BED_PIN_BYTES], more[128];
        assert_true(k->pins);
        tls_bed_pin(dir, rows[i].pin, pin);
        (void)snprintf(more, sizeof more, ",\"pin\":\"%s\"", pin);
        (void)snprintf(url, sizeof url, "https://%s:%u%s", rows[i].host, front.port, k->path);
        void *check = check_at(rig, k, url, &(struct tls){"ca", "client", NULL, more});
        const struct rig_result *r = ask(rig, check, NODE);
        if (rows[i].cause == NULL) {
            passes(k, r, rows[i].what);
        } else {
            refuses(k, r, rows[i].what, rows[i].cause);
        }
        rig_release(rig, check);
        rig_close(&rig);
        py_double_close(&front);
    }
}

#define AES128 "ECDHE-ECDSA-AES128-GCM-SHA256"
#define AES256 "ECDHE-ECDSA-AES256-GCM-SHA384"

static void versions_and_ciphers(void **state)
{
    static const struct {
        const char *what, *most, *ciphers; /* of the server */
        const char *more, *cause;
    } rows[] = {
        {"1.2 is the least by itself", "1.2", NULL, "", NULL},
        {"1.1 is too old by itself", "1.1", "DEFAULT@SECLEVEL=0", "", "version"},
        {"1.1 when it is asked for", "1.1", "DEFAULT@SECLEVEL=0", ",\"tls_min\":\"1.1\",\"ciphers\":\"DEFAULT@SECLEVEL=0\"", NULL},
        {"1.2 is too old", "1.2", NULL, ",\"tls_min\":\"1.3\"", "version"},
        {"1.3", "1.3", NULL, ",\"tls_min\":\"1.3\"", NULL},
        {"the server's cipher", "1.2", AES128, ",\"ciphers\":\"" AES128 "\"", NULL},
        {"another cipher", "1.2", AES128, ",\"ciphers\":\"" AES256 "\"", "handshake failure"},
        {"no cipher at all", "1.2", NULL, ",\"ciphers\":\"NO-SUCH-CIPHER\"", "cipher"},
    };
    (void)state;
    for (size_t n = 0; n < SP_COUNT(rows) * SP_COUNT(kinds); n++) {
        size_t i = n / SP_COUNT(kinds);
        const struct kind *k = &kinds[n % SP_COUNT(kinds)];
        struct py_double front = front_of(k, "server", rows[i].most, rows[i].ciphers);
        struct rig *rig = rig_open(k->adapter, "{}");
        void *check = check_of(rig, k, &front, &(struct tls){"ca", "client", NULL, rows[i].more});
        const struct rig_result *r = ask(rig, check, NODE);
        if (rows[i].cause == NULL) {
            passes(k, r, rows[i].what);
        } else {
            refuses(k, r, rows[i].what, rows[i].cause);
        }
        rig_release(rig, check);
        rig_close(&rig);
        py_double_close(&front);
    }
}

/* A redirect is an answer like any other. What it names is never asked: neither in plain text nor on another host with our certificate. */
static void redirects(void **state)
{
    struct http_double elsewhere;
    (void)state;
    http_double_open(&elsewhere);
    for (size_t n = 0; n < 2 * SP_COUNT(kinds); n++) {
        const struct kind *k = &kinds[n / 2];
        struct py_double front = front_of(&kinds[0], "server", "1.3", NULL); /* that of http knows redirects */
        struct py_double other = front_of(&kinds[0], "server", "1.3", NULL);
        struct rig *rig = rig_open(k->adapter, "{}");
        char url[256];
        (void)snprintf(url, sizeof url, "https://localhost:%u/to/%s:%u/ok", front.port,
                       n % 2 == 0 ? "http://127.0.0.1" : "https://localhost", n % 2 == 0 ? elsewhere.port : other.port);
        void *check = check_at(rig, k, url, &(struct tls){.ca = "ca", .client = "client"});
        const struct rig_result *r = ask(rig, check, NODE);
        assert_int_equal(r->outcome, k->adapter == &adapter_http ? SP_OUTCOME_FAIL : SP_OUTCOME_ERROR);
        assert_int_equal(r->reason, k->adapter == &adapter_http ? SP_REASON_CONTENT : SP_REASON_REFUSED);
        assert_non_null(strstr(r->detail, "302"));
        assert_int_equal(tls_bed_handshakes(&front, "client"), 1);
        assert_int_equal(tls_bed_connections(&other), 0);
        rig_release(rig, check);
        rig_close(&rig);
        py_double_close(&front);
        py_double_close(&other);
    }
    struct rig *rig = rig_open(&adapter_http, "{}");
    char url[128];
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u/count", elsewhere.port);
    void *count = check_at(rig, &kinds[0], url, &(struct tls){.more = ",\"match\":\"^connections 1$\""}); /* ours */
    passes(&kinds[0], ask(rig, count, NODE), "nobody came by a redirect");
    rig_release(rig, count);
    rig_close(&rig);
    http_double_close(&elsewhere);
}

/* Fills every part of the loop of http with a connection of this check; oat has one part. Returns how many connections that makes. */
static unsigned warm(struct rig *rig, const struct kind *k, void *check)
{
    unsigned count = k->adapter == &adapter_http ? CURL_LOOP_PARTS_MAX : 1;
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < count; i++) {
            char node[32];
            (void)snprintf(node, sizeof node, "node-%u", i);
            passes(k, ask(rig, check, k->adapter == &adapter_http ? node : NODE), "warm");
        }
    }
    return count;
}

static void kept_connections(void **state)
{
    static const struct {
        const char *what;
        struct tls tls;
        const char *cause; /* NULL: passes, on a connection of its own */
        const char *client;
        bool oat_only;
    } rows[] = {
        {"no client certificate", {"ca", NULL, NULL, NULL}, "alert", NULL, false},
        {"wrong CA", {"other", "client", NULL, NULL}, "certificate", NULL, false},
        {"the system's CAs", {NULL, "client", NULL, NULL}, "certificate", NULL, false},
        {"client of another CA", {"ca", "stranger", NULL, NULL}, "alert", NULL, false},
        {"our certificate with another key", {"ca", "client", "client2", NULL}, "private key", NULL, false},
        {"cipher that the server has not", {"ca", "client", NULL, ",\"ciphers\":\"NO-SUCH-CIPHER\""}, "cipher", NULL, false},
        {"wrong pin",
         {"ca", "client", NULL, ",\"pin\":\"sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\""},
         "pinned",
         NULL,
         true},
        {"another client", {"ca", "client2", NULL, NULL}, NULL, "client2", false},
        {"another least version", {"ca", "client", NULL, ",\"tls_min\":\"1.3\""}, NULL, "client", false},
    };
    (void)state;
    for (size_t i = 0; i < SP_COUNT(kinds); i++) {
        const struct kind *k = &kinds[i];
        struct py_double front = front_of(k, "server", "1.3", NULL);
        struct rig *rig = rig_open(k->adapter, "{}");
        void *check = check_of(rig, k, &front, &(struct tls){.ca = "ca", .client = "client"});
        unsigned kept = warm(rig, k, check);
        assert_int_equal(tls_bed_handshakes(&front, "client"), kept);
        for (size_t n = 0; n < SP_COUNT(rows); n++) {
            if (rows[n].oat_only && !k->pins) {
                continue;
            }
            void *one = check_of(rig, k, &front, &rows[n].tls);
            const struct rig_result *r = ask(rig, one, NODE);
            if (rows[n].cause != NULL) {
                refuses(k, r, rows[n].what, rows[n].cause);
            } else {
                unsigned before = tls_bed_handshakes(&front, NULL);
                passes(k, r, rows[n].what);
                passes(k, ask(rig, one, NODE), rows[n].what);
                assert_int_equal(tls_bed_handshakes(&front, NULL), before);
            }
            passes(k, ask(rig, check, k->adapter == &adapter_http ? "node-0" : NODE), rows[n].what); /* the first is not touched */
            rig_release(rig, one);
        }
        unsigned more = k->pins ? 2 : 1; /* that with another least version; keys are compared when the handshake is over */
        assert_int_equal(tls_bed_handshakes(&front, "client"), kept + more);
        assert_int_equal(tls_bed_handshakes(&front, "client2"), 1);
        assert_int_equal(warm(rig, k, check), kept);
        assert_int_equal(tls_bed_handshakes(&front, NULL), kept + more + 1); /* and the first check's are there still */
        rig_release(rig, check);
        rig_close(&rig);
        py_double_close(&front);
    }
}

static int setup(void **state)
{
    (void)state;
    scratch_init(&scratch);
    (void)scratch_path(&scratch, ".", dir, sizeof dir);
    tls_bed_make(dir);
    http_double_open(&plain);
    py_double_open(&oat, "oat_double.py", NULL);
    py_double_set(&oat, NODE, "trusted\n");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    http_double_close(&plain);
    py_double_close(&oat);
    scratch_fini(&scratch);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(certificates), cmocka_unit_test(pinned_keys),      cmocka_unit_test(versions_and_ciphers),
        cmocka_unit_test(redirects),    cmocka_unit_test(kept_connections),
    };
    return cmocka_run_group_tests_name("TLS of http and oat", tests, setup, teardown);
}
