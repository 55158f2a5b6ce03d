/* SPDX-License-Identifier: Apache-2.0 */
/* The http adapter against a server that behaves well and badly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "adapter_rig.h"
#include "curl_loop.h"
#include "http_double.h"
#include "msg.h"
#include "sp_privs.h"

#define THOUSANDS 3000u

extern const struct sp_adapter adapter_http;

static struct http_double server;

struct row {
    const char *path, *more;
    uint8_t outcome;
    uint16_t reason;
};

static const struct row rows[] = {
    {"/ok", "", SP_OUTCOME_PASS, SP_REASON_OK},
    {"/ok", ",\"match\":\"^all is w[e]ll$\"", SP_OUTCOME_PASS, SP_REASON_OK},
    {"/ok", ",\"match\":\"unwell\"", SP_OUTCOME_FAIL, SP_REASON_CONTENT},
    {"/ok", ",\"absent\":\"well\"", SP_OUTCOME_FAIL, SP_REASON_CONTENT},
    {"/ok", ",\"method\":\"POST\",\"body\":\"{node}\",\"headers\":{\"X-A\":\"{address}\"}", SP_OUTCOME_PASS, SP_REASON_OK},
    {"/ok", ",\"fail_after\":\"60s\",\"warn_after\":\"50s\"", SP_OUTCOME_PASS, SP_REASON_OK},
    {"/status/503", "", SP_OUTCOME_FAIL, SP_REASON_CONTENT},
    {"/status/503", ",\"expect\":[200,\"500-599\"]", SP_OUTCOME_PASS, SP_REASON_OK},
    {"/redirect", "", SP_OUTCOME_FAIL, SP_REASON_CONTENT}, /* not followed */
    {"/redirect", ",\"expect\":302", SP_OUTCOME_PASS, SP_REASON_OK},
    {"/json", ",\"json\":{\"/status\":\"ok\",\"/n\":\"3\",\"/list/0/a\":\"true\",\"/a~1b\":\"~\"}", SP_OUTCOME_PASS, SP_REASON_OK},
    {"/json", ",\"json\":{\"/status\":\"bad\"}", SP_OUTCOME_FAIL, SP_REASON_CONTENT},
    {"/json", ",\"json\":{\"/nothing\":\"null\"}", SP_OUTCOME_FAIL, SP_REASON_CONTENT},
    {"/json", ",\"json\":{\"/list\":\"(array)\"}", SP_OUTCOME_FAIL, SP_REASON_CONTENT},
    {"/twice", ",\"json\":{\"/status\":\"ok\"}", SP_OUTCOME_FAIL, SP_REASON_CONTENT}, /* two members of one name */
    {"/ok", ",\"json\":{\"/status\":\"ok\"}", SP_OUTCOME_FAIL, SP_REASON_CONTENT},
    {"/huge", "", SP_OUTCOME_ERROR, SP_REASON_LIMIT},
    {"/huge", ",\"max_bytes\":1048576", SP_OUTCOME_PASS, SP_REASON_OK},
    {"/flood", "", SP_OUTCOME_ERROR, SP_REASON_LIMIT},
    {"/garbage", "", SP_OUTCOME_ERROR, SP_REASON_PROTOCOL},
    {"/close", "", SP_OUTCOME_ERROR, SP_REASON_PROTOCOL},
    {"/hang", ",\"total_timeout\":\"200ms\"", SP_OUTCOME_ERROR, SP_REASON_DEADLINE},
    {"/drip", ",\"low_speed\":1000,\"low_speed_time\":\"1s\"", SP_OUTCOME_ERROR, SP_REASON_DEADLINE},
};

static void answers(void **state)
{
    struct rig *rig = rig_open(&adapter_http, "{}");
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char params[512];
        const char *why = NULL;
        (void)snprintf(params, sizeof params, "{\"url\":\"http://{address}:%u%s\"%s}", server.port, rows[i].path, rows[i].more);
        void *check = rig_compile(rig, params, &why);
        if (check == NULL) {
            fail_msg("%s: %s", params, why);
        }
        for (unsigned twice = 0; twice < 2; twice++) { /* the second one on the kept request */
            unsigned job = rig_start(rig, check, "node", "127.0.0.1", 60000);
            rig_finish_all(rig);
            const struct rig_result *r = rig_result(rig, job);
            if (r->outcome != rows[i].outcome || r->reason != rows[i].reason) {
                fail_msg("%s: outcome %u reason %s (%s)", params, r->outcome, sp_reason_name(r->reason), r->detail);
            }
        }
        rig_release(rig, check);
    }
    rig_close(&rig);
}

static void refused_parameters(void **state)
{
    static const char *const bad[] = {
        "{}",
        "{\"url\":\"file:///etc/passwd\"}",
        "{\"url\":\"http://x/\",\"cert\":\"c.pem\"}",
        "{\"url\":\"http://x/\",\"expect\":[\"20\"]}",
        "{\"url\":\"http://x/\",\"expect\":[\"299-200\"]}",
        "{\"url\":\"http://x/\",\"match\":\"(\"}",
        "{\"url\":\"http://x/\",\"match\":\"(a)\\\\1\"}",
        "{\"url\":\"http://x/\",\"match\":\"(a{200}){200}\"}",
        "{\"url\":\"http://x/\",\"headers\":{\"A\":\"b\\r\\nC: d\"}}",
        "{\"url\":\"http://x/\",\"headers\":{\"A B\":\"c\"}}",
        "{\"url\":\"http://x/\",\"json\":{\"status\":\"ok\"}}",
        "{\"url\":\"http://x/\",\"tls_min\":\"1.4\"}",
    };
    struct rig *rig = rig_open(&adapter_http, "{}");
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const char *why = NULL;
        if (rig_compile(rig, bad[i], &why) != NULL) {
            fail_msg("%s was accepted", bad[i]);
        }
        assert_true(why[0] != '\0');
    }
    rig_close(&rig);
}

/* A node's name or address never leaves its place in the URL. */
static void hostile_names(void **state)
{
    static const char *const names[] = {"a/../b", "x@evil", "a b", "a?b", "a#b", "-o", "a%00\n"};
    struct rig *rig = rig_open(&adapter_http, "{}");
    char params[128];
    (void)state;
    (void)snprintf(params, sizeof params, "{\"url\":\"http://127.0.0.1:%u/{address}\"}", server.port);
    void *check = rig_compile(rig, params, NULL);
    assert_non_null(check);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        unsigned job = rig_start(rig, check, "node", names[i], 60000);
        rig_finish_all(rig);
        assert_int_equal(rig_result(rig, job)->outcome, SP_OUTCOME_ERROR);
        assert_int_equal(rig_result(rig, job)->reason, SP_REASON_BAD_PARAMETERS);
    }
    rig_release(rig, check);
    rig_close(&rig);
}

static void pass(struct rig *rig, void *check, const char *node)
{
    unsigned job = rig_start(rig, check, node, "127.0.0.1", 30000);
    rig_finish_all(rig);
    if (rig_result(rig, job)->outcome != SP_OUTCOME_PASS) {
        fail_msg("%s: %s", node, rig_result(rig, job)->detail);
    }
}

/* Nodes are spread over the parts of the loop, and each stays with its part and so with its connection. */
static void connections_are_kept(void **state)
{
    struct http_double own;
    struct rig *rig = rig_open(&adapter_http, "{}");
    char params[128];
    char node[16];
    (void)state;
    http_double_open(&own);
    (void)snprintf(params, sizeof params, "{\"url\":\"http://{address}:%u/ok\"}", own.port);
    void *check = rig_compile(rig, params, NULL);
    (void)snprintf(params, sizeof params, "{\"url\":\"http://{address}:%u/count\",\"match\":\"^connections %u$\"}", own.port,
                   CURL_LOOP_PARTS_MAX);
    void *count = rig_compile(rig, params, NULL);
    for (unsigned i = 0; i < 3 * CURL_LOOP_PARTS_MAX; i++) {
        (void)snprintf(node, sizeof node, "node-%u", i % CURL_LOOP_PARTS_MAX);
        pass(rig, check, node);
    }
    pass(rig, count, "node");
    rig_release(rig, check);
    rig_release(rig, count);
    rig_close(&rig);
    http_double_close(&own);
}

static unsigned threads(void)
{
    char line[128];
    unsigned n = 0;
    FILE *f = fopen("/proc/self/status", "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f) != NULL && sscanf(line, "Threads: %u", &n) != 1) {
    }
    (void)fclose(f);
    return n;
}

/* Thousands of requests wait in one worker: no thread for each, and nothing turns while nothing happens. A listener that never
 * accepts holds them all; the kernel answers for it. */
static void thousands_wait(void **state)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    struct rig *rig = rig_open(&adapter_http, "{}");
    char params[160];
    char node[16];
    unsigned job[THOUSANDS];
    uint64_t got = 0;
    (void)state;
    sp_privs_descriptors(2 * THOUSANDS, &got);
    if (got < THOUSANDS + 200) {
        rig_close(&rig);
        skip();
    }
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&a, n) == 0 && listen(fd, 4096) == 0 &&
                getsockname(fd, (struct sockaddr *)&a, &n) == 0);
    (void)snprintf(params, sizeof params,
                   "{\"url\":\"http://127.0.0.1:%u/\",\"connect_timeout\":\"10m\",\"total_timeout\":\"10m\",\"low_speed\":0}",
                   ntohs(a.sin_port));
    const char *why = NULL;
    void *check = rig_compile(rig, params, &why);
    if (check == NULL) {
        fail_msg("%s", why);
    }
    unsigned before = threads();
    for (unsigned i = 0; i < THOUSANDS; i++) {
        (void)snprintf(node, sizeof node, "n%u", i);
        job[i] = rig_start(rig, check, node, NULL, 600000);
    }
    rig_run(rig, 500); /* all are on their way */
    assert_int_equal(rig_open_jobs(rig), THOUSANDS);
    assert_true(threads() <= before + 1);
    uint64_t turns = sp_loop_turns(rig_loop(rig));
    rig_run(rig, 500);
    assert_true(sp_loop_turns(rig_loop(rig)) - turns < THOUSANDS / 4); /* not one for each that waits */
    for (unsigned i = 0; i < THOUSANDS; i++) {
        rig_cancel(rig, job[i]);
    }
    assert_int_equal(rig_open_jobs(rig), 0);
    rig_release(rig, check);
    rig_close(&rig);
    (void)close(fd);
}

static void nobody_listens(void **state)
{
    struct http_double gone;
    struct rig *rig = rig_open(&adapter_http, "{}");
    char params[128];
    (void)state;
    http_double_open(&gone);
    http_double_close(&gone);
    (void)snprintf(params, sizeof params, "{\"url\":\"http://127.0.0.1:%u/\"}", gone.port);
    void *check = rig_compile(rig, params, NULL);
    unsigned job = rig_start(rig, check, "node", NULL, 60000);
    rig_finish_all(rig);
    assert_int_equal(rig_result(rig, job)->outcome, SP_OUTCOME_ERROR);
    assert_int_equal(rig_result(rig, job)->reason, SP_REASON_REFUSED);
    rig_release(rig, check);
    rig_close(&rig);
}

static int setup(void **state)
{
    (void)state;
    http_double_open(&server);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    http_double_close(&server);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers),        cmocka_unit_test(refused_parameters),
        cmocka_unit_test(hostile_names),  cmocka_unit_test(connections_are_kept),
        cmocka_unit_test(thousands_wait), cmocka_unit_test(nobody_listens),
    };
    return cmocka_run_group_tests_name("http adapter", tests, setup, teardown);
}
