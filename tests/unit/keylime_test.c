/* SPDX-License-Identifier: Apache-2.0 */
/* The keylime adapter against the double of the verifier: one list for all, what is believed and what is not, canaries, outage,
 * TLS. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "adapter_rig.h"
#include "msg.h"
#include "py_double.h"
#include "scratch.h"
#include "tls_bed.h"

extern const struct sp_adapter adapter_keylime;

static void double_open(struct py_double *d)
{
    py_double_open(d, "keylime_double.py", NULL);
}

static void *check_of(struct rig *rig, const struct py_double *d, const char *more)
{
    char params[2048];
    const char *why = NULL;
    (void)snprintf(params, sizeof params, "{\"verifier\":\"http://127.0.0.1:%u\",\"insecure\":true,\"poll\":\"60ms\"%s}", d->port,
                   more);
    void *check = rig_compile(rig, params, &why);
    if (check == NULL) {
        fail_msg("%s: %s", params, why);
    }
    return check;
}

static void expect(const struct rig *rig, unsigned job, uint8_t outcome, uint16_t reason)
{
    const struct rig_result *r = rig_result(rig, job);
    if (r->outcome != outcome || r->reason != reason || r->cancelled) {
        fail_msg("job %u: outcome %u reason %s (%s), wanted %u %s", job, r->outcome, sp_reason_name(r->reason), r->detail, outcome,
                 sp_reason_name(reason));
    }
}

static unsigned one(struct rig *rig, void *check, const char *node)
{
    unsigned job = rig_start(rig, check, node, NULL, 120000);
    rig_finish_all(rig);
    return job;
}

#define SHORT ",\"wait\":\"400ms\"" /* for what never comes: it waits its whole time */
#define LONG  ",\"wait\":\"100s\""  /* for what comes */

/* Every state, and every way to say "passed" without an attestation since we asked. */
static void verdicts(void **state)
{
    static const struct {
        const char *agent; /* and what the double plays */
        const char *words;
        uint8_t outcome;
        uint16_t reason;
    } rows[] = {
        {"pass", "", SP_OUTCOME_PASS, SP_REASON_OK},
        {"pass-old", "old-release", SP_OUTCOME_PASS, SP_REASON_OK},
        {"push-pass", "", SP_OUTCOME_PASS, SP_REASON_OK},
        {"pass-bare", "nopolicy", SP_OUTCOME_WARN, SP_REASON_REMARK},
        {"failed", "", SP_OUTCOME_FAIL, SP_REASON_CONTENT},
        {"invalid", "", SP_OUTCOME_FAIL, SP_REASON_CONTENT},
        {"push-fail", "", SP_OUTCOME_FAIL, SP_REASON_CONTENT},
        {"lost", "", SP_OUTCOME_ERROR, SP_REASON_UNREACHABLE},
        {"push-timeout", "", SP_OUTCOME_ERROR, SP_REASON_UNREACHABLE},
        {"started", "", SP_OUTCOME_ERROR, SP_REASON_MISSING},
        {"registered", "", SP_OUTCOME_ERROR, SP_REASON_MISSING},
        {"terminated", "", SP_OUTCOME_ERROR, SP_REASON_MISSING},
        {"tenant-failed", "", SP_OUTCOME_ERROR, SP_REASON_MISSING},
        {"push-pending", "", SP_OUTCOME_ERROR, SP_REASON_MISSING},
        {"nobody", NULL, SP_OUTCOME_ERROR, SP_REASON_MISSING},
        {"pass-twice", "twice", SP_OUTCOME_ERROR, SP_REASON_PROTOCOL},
        {"pass-odd", "odd=attestation_count", SP_OUTCOME_ERROR, SP_REASON_PROTOCOL},
        {"pass-extra", "extra=operational_state", SP_OUTCOME_ERROR, SP_REASON_PROTOCOL},
        {"back", "", SP_OUTCOME_ERROR, SP_REASON_STALE},
        {"clock-back", "", SP_OUTCOME_ERROR, SP_REASON_STALE},
        {"future", "", SP_OUTCOME_ERROR, SP_REASON_STALE},
        {"old", "", SP_OUTCOME_ERROR, SP_REASON_STALE},
    };
    struct py_double d;
    (void)state;
    double_open(&d);
    struct rig *rig = rig_open(&adapter_keylime, "{}");
    void *check = check_of(rig, &d, LONG);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[128];
        const char *dash = strncmp(rows[i].agent, "pass-", 5) == 0 ? "pass" : rows[i].agent;
        (void)snprintf(text, sizeof text, "%s\n%s\n", dash, rows[i].words != NULL ? rows[i].words : "");
        if (rows[i].words != NULL) {
            py_double_set(&d, rows[i].agent, text);
        }
        (void)rig_start(rig, check, rows[i].agent, NULL, 120000);
    }
    rig_finish_all(rig);
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        expect(rig, i, rows[i].outcome, rows[i].reason);
        assert_true(rig_result(rig, i)->has_evidence || rows[i].words == NULL);
    }
    rig_release(rig, check);
    rig_close(&rig);
    py_double_close(&d);
}

/* k23: a verifier that stands still, has lost the node, or knows no count says PASS for ever; it is never believed. */
static void k23_frozen_pass(void **state)
{
    static const char *const modes[] = {"frozen", "retry", "nulls", "push-frozen"};
    struct py_double d;
    (void)state;
    double_open(&d);
    struct rig *rig = rig_open(&adapter_keylime, "{}");
    void *check = check_of(rig, &d, SHORT);
    for (unsigned i = 0; i < 4; i++) {
        py_double_set(&d, modes[i], modes[i]);
        (void)rig_start(rig, check, modes[i], NULL, 120000);
    }
    rig_finish_all(rig);
    for (unsigned i = 0; i < 4; i++) {
        expect(rig, i, SP_OUTCOME_ERROR, SP_REASON_STALE);
    }
    rig_release(rig, check);
    rig_close(&rig);
    py_double_close(&d);
}

/* k23: what proved itself once proves nothing when it is said again, however often. */
static void k23_replay(void **state)
{
    struct py_double d;
    (void)state;
    double_open(&d);
    struct rig *rig = rig_open(&adapter_keylime, "{}");
    void *check = check_of(rig, &d, LONG);
    py_double_set(&d, "node", "replay");
    unsigned job = one(rig, check, "node");
    expect(rig, job, SP_OUTCOME_PASS, SP_REASON_OK);
    assert_int_equal(rig_result(rig, job)->checkpoint_len, 16);
    for (unsigned i = 0; i < 3; i++) {
        const struct rig_result *r = rig_result(rig, job);
        uint8_t before[16];
        memcpy(before, r->checkpoint, sizeof before);
        job = rig_start_from(rig, check, "node", before, sizeof before, 120000);
        rig_finish_all(rig);
        expect(rig, job, SP_OUTCOME_ERROR, SP_REASON_STALE);
        assert_int_equal(rig_result(rig, job)->checkpoint_len, 16);
        assert_memory_equal(rig_result(rig, job)->checkpoint, before, 16); /* and is not forgotten by it */
    }
    py_double_set(&d, "other", "future"); /* a date ahead would make all true ones too old later */
    job = one(rig, check, "other");
    expect(rig, job, SP_OUTCOME_ERROR, SP_REASON_STALE);
    assert_int_equal(rig_result(rig, job)->checkpoint_len, 0);
    rig_release(rig, check);
    rig_close(&rig);
    py_double_close(&d);
}

/* k24: agents known to be bad must fail; when one does not, the verifier passes everybody. */
static void k24_canary(void **state)
{
    static const char *const sings[] = {"pass", "frozen", "push-pass", "lost", "started", NULL};
    struct py_double d;
    (void)state;
    double_open(&d);
    struct rig *rig = rig_open(&adapter_keylime, "{}");
    void *check = check_of(rig, &d, LONG ",\"canaries\":[\"bird\",\"bird-2\"]");
    void *careless = check_of(rig, &d, LONG);
    py_double_set(&d, "node", "pass");
    py_double_set(&d, "bird", "failed");
    py_double_set(&d, "bird-2", "invalid");
    expect(rig, one(rig, check, "node"), SP_OUTCOME_PASS, SP_REASON_OK);
    for (unsigned i = 0; i < sizeof sings / sizeof sings[0]; i++) {
        if (sings[i] != NULL) {
            py_double_set(&d, "bird", sings[i]);
        } else {
            py_double_unset(&d, "bird");
        }
        unsigned job = one(rig, check, "node");
        expect(rig, job, SP_OUTCOME_ERROR, SP_REASON_KEYLIME_CANARY);
        assert_non_null(strstr(rig_result(rig, job)->detail, "canary bird does not fail"));
    }
    expect(rig, one(rig, careless, "node"), SP_OUTCOME_PASS, SP_REASON_OK); /* of another check: its own list counts */
    py_double_set(&d, "bird", "failed");
    expect(rig, one(rig, check, "node"), SP_OUTCOME_PASS, SP_REASON_OK);
    expect(rig, one(rig, check, "bird"), SP_OUTCOME_ERROR, SP_REASON_BAD_PARAMETERS); /* a node of that name is nobody's canary */
    rig_release(rig, check);
    rig_release(rig, careless);
    rig_close(&rig);
    py_double_close(&d);
}

/* One healthy agent must not speak for a second node, by whatever way the names come together. */
static void swapped_agents(void **state)
{
    static const char *const refused[] = {
        ",\"agent\":\"fixed\"",
        ",\"agents\":{\"n1\":\"same\",\"n2\":\"same\"}",
        ",\"agents\":{\"n1\":\"a/../b\"}",
        ",\"agents\":{\"n 1\":\"a\"}",
        ",\"agents\":{\"n1\":\"a\"},\"canaries\":[\"a\"]",
        ",\"canaries\":[\"a\",\"a\"]",
        ",\"api\":\"3.0\"",
        ",\"wait\":\"50ms\"",
        ",\"agents_file\":\"none\"",
        ",\"cert\":\"x\"",
    };
    struct py_double d;
    (void)state;
    double_open(&d);
    struct rig *rig = rig_open(&adapter_keylime, "{}");
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        char params[512];
        const char *why = NULL;
        (void)snprintf(params, sizeof params, "{\"verifier\":\"http://127.0.0.1:%u\",\"insecure\":true,\"poll\":\"60ms\"%s}",
                       d.port, refused[i]);
        if (rig_compile(rig, params, &why) != NULL) {
            fail_msg("taken: %s", params);
        }
        assert_true(strlen(why) > 0);
    }
    const char *why = NULL;
    assert_null(rig_compile(rig, "{\"verifier\":\"http://127.0.0.1:1\"}", &why)); /* plain text only on purpose */
    py_double_set(&d, "healthy", "pass");
    py_double_set(&d, "uuid-1", "pass");
    py_double_set(&d, "uuid-2", "failed");
    void *check = check_of(rig, &d, LONG ",\"agents\":{\"n1\":\"uuid-1\",\"n2\":\"uuid-2\"}");
    void *by_address = check_of(rig, &d, LONG ",\"agent\":\"{address}\"");
    void *bound = check_of(rig, &d, LONG ",\"contact\":\"address\"");
    expect(rig, one(rig, check, "n1"), SP_OUTCOME_PASS, SP_REASON_OK);
    expect(rig, one(rig, check, "n2"), SP_OUTCOME_FAIL, SP_REASON_CONTENT);
    expect(rig, one(rig, check, "healthy"), SP_OUTCOME_PASS, SP_REASON_OK);             /* in no list: the template */
    expect(rig, one(rig, check, "uuid-1"), SP_OUTCOME_ERROR, SP_REASON_BAD_PARAMETERS); /* a node called as another's agent */
    unsigned a = rig_start(rig, by_address, "n1", "healthy", 120000);
    unsigned b = rig_start(rig, by_address, "n3", "healthy", 120000);
    rig_finish_all(rig);
    expect(rig, a, SP_OUTCOME_ERROR, SP_REASON_KEYLIME_AGENT);
    expect(rig, b, SP_OUTCOME_ERROR, SP_REASON_KEYLIME_AGENT);
    a = rig_start(rig, bound, "healthy", "127.0.0.1", 120000);
    b = rig_start(rig, bound, "uuid-1", "127.0.0.2", 120000); /* the verifier attests another machine under this name */
    rig_finish_all(rig);
    expect(rig, a, SP_OUTCOME_PASS, SP_REASON_OK);
    expect(rig, b, SP_OUTCOME_ERROR, SP_REASON_KEYLIME_AGENT);
    rig_release(rig, check);
    rig_release(rig, by_address);
    rig_release(rig, bound);
    rig_close(&rig);
    py_double_close(&d);
}

static void names_from_a_file(void **state)
{
    struct py_double d;
    struct scratch s;
    char path[256], more[512];
    (void)state;
    scratch_init(&s);
    double_open(&d);
    struct rig *rig = rig_open(&adapter_keylime, "{}");
    scratch_file(&s, "agents", "# fleet\nn1 uuid-1\n\n  n2\tuuid-2\r\n", SIZE_MAX, 0644);
    (void)snprintf(more, sizeof more, LONG ",\"agents_file\":\"%s\",\"agents\":{\"n3\":\"uuid-3\"}",
                   scratch_path(&s, "agents", path, sizeof path));
    void *check = check_of(rig, &d, more);
    py_double_set(&d, "uuid-2", "pass");
    py_double_set(&d, "uuid-3", "pass");
    expect(rig, one(rig, check, "n1"), SP_OUTCOME_ERROR, SP_REASON_MISSING);
    expect(rig, one(rig, check, "n2"), SP_OUTCOME_PASS, SP_REASON_OK);
    expect(rig, one(rig, check, "n3"), SP_OUTCOME_PASS, SP_REASON_OK);
    static const char *const bad[] = {"n1\n", "n1 a b\n", "n1 a\nn1 b\n", "n1 a\nn2 a\n", "n1 uuid-3\n", "n1 a/b\n"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char params[1024];
        const char *why = NULL;
        scratch_file(&s, "agents", bad[i], SIZE_MAX, 0644);
        (void)snprintf(params, sizeof params, "{\"verifier\":\"https://k\"%s}", more);
        assert_null(rig_compile(rig, params, &why));
    }
    scratch_file(&s, "agents", "n1 a\n", SIZE_MAX, 0666); /* anybody could map a bad node to a good agent */
    const char *why = NULL;
    (void)snprintf(more, sizeof more, "{\"verifier\":\"https://k\",\"agents_file\":\"%s\"}", path);
    assert_null(rig_compile(rig, more, &why));
    rig_release(rig, check);
    rig_close(&rig);
    py_double_close(&d);
    scratch_fini(&s);
}

/* 300 nodes of two checks: two lists, one after the other. */
static void one_list_for_all(void **state)
{
    struct py_double d;
    char name[32];
    (void)state;
    double_open(&d);
    struct rig *rig = rig_open(&adapter_keylime, "{}");
    void *a = check_of(rig, &d, LONG);
    void *b = check_of(rig, &d, LONG ",\"no_policy\":\"error\"");
    for (unsigned i = 0; i < 300; i++) {
        (void)snprintf(name, sizeof name, "n%u", i);
        py_double_set(&d, name, i % 3 == 2 ? "pass\nnopolicy" : "pass");
        (void)rig_start(rig, i % 2 == 0 ? a : b, name, NULL, 120000);
    }
    rig_finish_all(rig);
    for (unsigned i = 0; i < 300; i++) {
        bool bare = i % 3 == 2;
        expect(rig, i,
               !bare        ? SP_OUTCOME_PASS
               : i % 2 == 0 ? SP_OUTCOME_WARN
                            : SP_OUTCOME_ERROR,
               !bare        ? SP_REASON_OK
               : i % 2 == 0 ? SP_REASON_REMARK
                            : SP_REASON_KEYLIME_POLICY);
    }
    assert_int_equal(py_double_statistic(&d, "lists"), 2);
    assert_int_equal(py_double_statistic(&d, "peak"), 1);
    rig_release(rig, a);
    rig_release(rig, b);
    rig_close(&rig);
    py_double_close(&d);
}

static void faults_and_outage(void **state)
{
    static const struct {
        const char *fault;
        uint16_t reason;
    } rows[] = {{"html", SP_REASON_PROTOCOL}, {"garbage", SP_REASON_PROTOCOL}, {"deep", SP_REASON_PROTOCOL},
                {"huge", SP_REASON_LIMIT},    {"uuids", SP_REASON_MISSING},    {"500", SP_REASON_REFUSED},
                {"403", SP_REASON_SECURITY},  {"no-date", SP_REASON_STALE},    {"close", SP_REASON_PROTOCOL}};
    struct py_double d;
    (void)state;
    double_open(&d);
    struct rig *rig = rig_open(&adapter_keylime, "{}");
    void *check = check_of(rig, &d, LONG ",\"max_bytes\":2000000");
    unsigned job = 0;
    py_double_set(&d, "node", "pass");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        py_double_set(&d, "@fault", rows[i].fault);
        expect(rig, one(rig, check, "node"), SP_OUTCOME_ERROR, rows[i].reason);
    }
    py_double_unset(&d, "@fault");
    expect(rig, one(rig, check, "node"), SP_OUTCOME_PASS, SP_REASON_OK);
    py_double_kill(&d);
    for (unsigned i = 0; i < 4; i++) { /* k26: refused; and after three, at once, without asking */
        job = one(rig, check, "node");
        expect(rig, job, SP_OUTCOME_ERROR, SP_REASON_REFUSED);
    }
    assert_non_null(strstr(rig_result(rig, job)->detail, "did not answer"));
    rig_release(rig, check);
    rig_close(&rig);
    py_double_close(&d);
}

/* Mutual TLS: only a verifier with a certificate of our authority, under its name, and only with a certificate of ours. */
static void other_certificates(void **state)
{
    static const struct {
        const char *host, *ca, *client;
        uint8_t outcome;
    } rows[] = {{"localhost", "ca", "client", SP_OUTCOME_PASS},
                {"localhost", "alone", "client", SP_OUTCOME_ERROR}, /* another authority's verifier */
                {"127.0.0.1", "ca", "client", SP_OUTCOME_ERROR},    /* another machine's certificate */
                {"localhost", "ca", "alone", SP_OUTCOME_ERROR}};    /* we are nobody to it */
    struct py_double d, front;
    struct scratch s;
    char dir[256], params[1024];
    (void)state;
    scratch_init(&s);
    tls_bed_make(scratch_path(&s, ".", dir, sizeof dir));
    double_open(&d);
    tls_bed_open(&front, &(struct tls_bed_front){.dir = dir, .server = "server", .port = d.port});
    py_double_set(&d, "node", "pass");
    struct rig *rig = rig_open(&adapter_keylime, "{}");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *why = NULL;
        (void)snprintf(params, sizeof params,
                       "{\"verifier\":\"https://%s:%u\",\"poll\":\"60ms\"" LONG
                       ",\"ca\":\"%s/%s.pem\",\"cert\":\"%s/%s.pem\",\"key\":\"%s/%s.key\"}",
                       rows[i].host, front.port, dir, rows[i].ca, dir, rows[i].client, dir, rows[i].client);
        void *check = rig_compile(rig, params, &why);
        assert_non_null(check);
        unsigned job = one(rig, check, "node");
        const struct rig_result *r = rig_result(rig, job);
        if (r->outcome != rows[i].outcome) {
            fail_msg("row %zu: %u %s %s", i, r->outcome, sp_reason_name(r->reason), r->detail);
        }
        assert_true(i == 0 || r->reason == SP_REASON_SECURITY);
        rig_release(rig, check);
    }
    rig_close(&rig);
    py_double_close(&front);
    py_double_close(&d);
    scratch_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verdicts),         cmocka_unit_test(k23_frozen_pass),   cmocka_unit_test(k23_replay),
        cmocka_unit_test(k24_canary),       cmocka_unit_test(swapped_agents),    cmocka_unit_test(names_from_a_file),
        cmocka_unit_test(one_list_for_all), cmocka_unit_test(faults_and_outage), cmocka_unit_test(other_certificates),
    };
    return cmocka_run_group_tests_name("keylime adapter", tests, NULL, NULL);
}
