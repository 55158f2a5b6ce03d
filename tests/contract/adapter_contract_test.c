/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every adapter of the build against the same rules: it ends each job exactly once, leaves the deadline to the worker, can be
 * cancelled at any instant, keeps its output within bounds, refuses bad parameters, and describes itself. An adapter without a row
 * here fails.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "adapter_rig.h"
#include "http_double.h"
#include "msg.h"
#include "scratch.h"
#include "sp_rng.h"

/* $PORT, $BUILD and $DIR (where policies are) are replaced. quick ends by itself; hang does not end within the test; flood has
 * endless output, or is NULL. */
struct contract {
    const char *name, *settings, *quick, *hang, *flood;
};

static const struct contract contracts[] = {
    {"noop", "{}", "{}", "{\"delay\":\"1h\"}", NULL},
    {"http", "{}", "{\"url\":\"http://127.0.0.1:$PORT/ok\"}", "{\"url\":\"http://127.0.0.1:$PORT/hang\"}",
     "{\"url\":\"http://127.0.0.1:$PORT/flood\"}"},
    {"oat", "{}", "{\"server\":\"http://127.0.0.1:$PORT/status\",\"version\":\"1\"}",
     "{\"server\":\"http://127.0.0.1:$PORT/hang\",\"version\":\"1\",\"requests\":64,\"batch\":1}", NULL},
    {"keylime", "{}", "{\"verifier\":\"http://127.0.0.1:$PORT\",\"insecure\":true}",
     "{\"verifier\":\"http://127.0.0.1:$PORT/hang\",\"insecure\":true}",
     "{\"verifier\":\"http://127.0.0.1:$PORT/flood\",\"insecure\":true,\"max_bytes\":4096}"},
    {"exec", "{\"plugin_dirs\":[\"$BUILD/plugins\"],\"manifest_required\":false,\"helpers\":1}",
     "{\"plugin\":\"status\",\"args\":[\"0\",\"well\"]}", "{\"plugin\":\"hang\"}", "{\"plugin\":\"flood\"}"},
    {"tpm", "{\"policy_dir\":\"$DIR\"}", "{\"reference\":\"quick.yaml\"}", "{\"reference\":\"hang.yaml\"}", NULL},
    {"files", "{\"policy_dir\":\"$DIR\"}",
     "{\"manifest\":\"quick.tree\",\"sha256\":\"7e43cb88672cddb7ed19fd9314dee44d23e84a7028038dfa22701aa2f5e6bd2c\"}",
     "{\"manifest\":\"hang.tree\",\"sha256\":\"f1a177177ef8652818d1e5fdf240376f23aefeb18b6ac8df8f6755bf85d3b4f3\"}", NULL},
    {"ima", "{\"policy_dir\":\"$DIR\"}", "{\"policy\":\"list.txt\"}", "{\"policy\":\"list.txt\",\"pcrs\":\"sha256:0-10,15\"}",
     NULL},
    {"procmem", "{\"policy_dir\":\"$DIR\"}", "{\"policy\":\"quick.json\"}", "{\"policy\":\"hang.json\"}", NULL},
};

/* Policies of adapters that ask attesters: file, content. */
static const char *const policies[][2] = {
    {"quick.yaml",
     "{reference: 1, boot_log: {judge: ignored}, profiles: [{name: a, pcrs: {sha1: {1: $SHA1}, sha256: {1: $SHA256}}}]}"},
    {"quick.tree", "SPICE-TREE 1\ntree /quick\nd 0755 0 0 /quick\n"},
    {"hang.tree", "SPICE-TREE 1\ntree /hang\nd 0755 0 0 /hang\n"},
    {"hang.yaml", "{reference: 1, boot_log: {judge: ignored}, profiles: [{name: a, pcrs: {sha256: {15: $SHA256}}}]}"},
    {"list.txt", "$SHA256  /bin/true\n"},
    {"quick.json", "{\"version\": 1, \"unlisted\": \"root\", \"services\": {\"a\": {}}}"},
    {"hang.json", "{\"version\": 1, \"unlisted\": \"root\", \"services\": {\"hang\": {}}}"},
};

/* An attester that never answers a question about PCR 15, the tree /hang or the service "hang", and answers others with bytes that
 * are no evidence. */
static void attester(void *arg, const struct rig_question *q, struct rig_answer *out)
{
    static const struct sp_adapter_identity who = {.generation = 1, .mode = SP_ENROLMENT_CERTIFIED};
    (void)arg;
    out->silent = strstr(q->args, "15\"") != NULL || strstr(q->args, "\"/hang\"") != NULL || strstr(q->args, "\"hang\"") != NULL;
    out->who = &who;
    out->bytes = (const uint8_t *)"no evidence";
    out->n = 11;
    out->part = 4;
}

#define LONG_MS 60000u /* nothing that goes well takes so long, on no machine */

static struct http_double server;
static struct scratch scratch;

static char *fill(const char *text)
{
    static char out[4][4096];
    static unsigned turn;
    char *to = out[turn++ % 4];
    size_t n = 0;
    while (*text != '\0') {
        if (strncmp(text, "$PORT", 5) == 0) {
            n += (size_t)snprintf(to + n, 4096 - n, "%u", server.port);
            text += 5;
        } else if (strncmp(text, "$BUILD", 6) == 0) {
            n += (size_t)snprintf(to + n, 4096 - n, "%s", SPICE_BINARY_DIR);
            text += 6;
        } else if (strncmp(text, "$DIR", 4) == 0) {
            n += (size_t)snprintf(to + n, 4096 - n, "%s", scratch.dir);
            text += 4;
        } else if (strncmp(text, "$SHA", 4) == 0) {
            bool sha1 = text[4] == '1';
            n += (size_t)snprintf(to + n, 4096 - n, "%0*u", sha1 ? 40 : 64, 1u);
            text += sha1 ? 5 : 7;
        } else {
            to[n++] = *text++;
        }
    }
    to[n] = '\0';
    return to;
}

static const struct contract *contract_of(const struct sp_adapter *a)
{
    for (size_t i = 0; i < sizeof contracts / sizeof contracts[0]; i++) {
        if (strcmp(contracts[i].name, a->name) == 0) {
            return &contracts[i];
        }
    }
    fail_msg("adapter %s has no row in the contract suite", a->name);
    return NULL;
}

static void *compile(struct rig *rig, const char *params)
{
    const char *why = NULL;
    void *check = rig_compile(rig, fill(params), &why);
    if (check == NULL) {
        fail_msg("%s refused: %s", params, why);
    }
    return check;
}

static void for_each(void (*test)(const struct sp_adapter *, const struct contract *, struct rig *))
{
    for (size_t i = 0; sp_adapters[i] != NULL; i++) {
        const struct contract *c = contract_of(sp_adapters[i]);
        struct rig *rig = rig_open_attested(sp_adapters[i], fill(c->settings), attester, NULL);
        test(sp_adapters[i], c, rig);
        rig_close(&rig);
    }
}

/* ---- descriptor ---- */

static void table_is_sound(const struct sp_adapter *a, const struct sp_param *t, size_t n)
{
    assert_true(n <= SP_ADAPTER_PARAMS_MAX);
    for (size_t i = 0; i < n; i++) {
        struct param_values v;
        char why[SP_ADAPTER_WHY_MAX] = "";
        struct sp_param one = t[i];
        assert_non_null(t[i].name);
        assert_non_null(t[i].help);
        assert_true(t[i].min <= t[i].max);
        assert_true(t[i].type != SP_PARAM_ENUM || t[i].choices != NULL);
        assert_false(t[i].required && t[i].fallback != NULL);
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(t[i].name, t[j].name);
        }
        one.required = false;
        if (!param_parse(&one, 1, sp_str_of("{}"), &v, why)) { /* the default must be valid */
            fail_msg("%s.%s: %s", a->name, t[i].name, why);
        }
        param_fini(&v);
    }
}

static void descriptors(void **state)
{
    (void)state;
    size_t n = 0;
    for (; sp_adapters[n] != NULL; n++) {
        const struct sp_adapter *a = sp_adapters[n];
        assert_true(sp_str_is_name(sp_str_of(a->name), SP_ADAPTER_NAME_MAX));
        assert_non_null(a->summary);
        assert_non_null(a->needs);
        assert_true(a->init != NULL && a->fini != NULL && a->start != NULL && a->cancel != NULL);
        assert_true((a->compile == NULL) == (a->release == NULL));
        assert_true(!a->batch || a->turn != NULL);
        table_is_sound(a, a->params, a->params_count);
        table_is_sound(a, a->settings, a->settings_count);
    }
    assert_true(n >= 4);
}

/* ---- running ---- */

static void one_result_each(const struct sp_adapter *a, const struct contract *c, struct rig *rig)
{
    void *check = compile(rig, c->quick);
    char node[32];
    (void)a;
    for (unsigned i = 0; i < 50; i++) {
        (void)snprintf(node, sizeof node, "node-%u", i);
        (void)rig_start(rig, check, node, NULL, LONG_MS);
    }
    rig_finish_all(rig);
    for (unsigned i = 0; i < 50; i++) {
        const struct rig_result *r = rig_result(rig, i);
        assert_int_equal(r->finishes, 1);
        assert_false(r->cancelled);
        assert_true(strlen(r->detail) <= SP_ADAPTER_DETAIL_MAX);
        assert_true(strlen(r->measures) <= SP_ADAPTER_MEASURES_MAX);
    }
    rig_release(rig, check);
}

static void test_one_result_each(void **state)
{
    (void)state;
    for_each(one_result_each);
}

static void deadline_is_kept(const struct sp_adapter *a, const struct contract *c, struct rig *rig)
{
    void *check = compile(rig, c->hang);
    (void)a;
    for (unsigned i = 0; i < 8; i++) {
        char node[32];
        (void)snprintf(node, sizeof node, "hung-%u", i);
        (void)rig_start(rig, check, node, NULL, 300);
    }
    rig_finish_all(rig);
    for (unsigned i = 0; i < 8; i++) {
        const struct rig_result *r = rig_result(rig, i);
        assert_true(r->cancelled);
        assert_int_equal(r->finishes, 0);
        assert_true(r->took_us >= 300000);
    }
    rig_run(rig, 200); /* nothing comes later */
    rig_release(rig, check);
}

static void test_deadline(void **state)
{
    (void)state;
    for_each(deadline_is_kept);
}

/* Cancel before the turn ends, right after it, and somewhere later: 120 instants. */
static void cancel_any_time(const struct sp_adapter *a, const struct contract *c, struct rig *rig)
{
    struct sp_rng rng = {7};
    void *quick = compile(rig, c->quick);
    void *hang = compile(rig, c->hang);
    (void)a;
    for (unsigned round = 0; round < 40; round++) {
        unsigned job[3];
        for (unsigned i = 0; i < 3; i++) {
            char node[32];
            (void)snprintf(node, sizeof node, "n-%u-%u", round, i);
            job[i] = rig_start(rig, i == 1 ? quick : hang, node, NULL, LONG_MS);
        }
        if (sp_rng_below(&rng, 3) > 0) {
            rig_run(rig, (uint32_t)sp_rng_below(&rng, 8));
        }
        for (unsigned i = 0; i < 3; i++) {
            if (!rig_result(rig, job[i])->done) {
                rig_cancel(rig, job[i]);
            }
        }
    }
    assert_int_equal(rig_open_jobs(rig), 0);
    unsigned last = rig_start(rig, quick, "after", NULL, LONG_MS); /* and it still works */
    rig_finish_all(rig);
    assert_int_equal(rig_result(rig, last)->finishes, 1);
    rig_release(rig, quick);
    rig_release(rig, hang);
}

static void test_cancel(void **state)
{
    (void)state;
    for_each(cancel_any_time);
}

static void output_is_bounded(const struct sp_adapter *a, const struct contract *c, struct rig *rig)
{
    (void)a;
    if (c->flood == NULL) {
        return;
    }
    void *check = compile(rig, c->flood);
    unsigned job = rig_start(rig, check, "flooder", NULL, LONG_MS);
    rig_finish_all(rig);
    const struct rig_result *r = rig_result(rig, job);
    assert_int_equal(r->finishes, 1); /* by itself, long before the deadline */
    assert_int_equal(r->outcome, SP_OUTCOME_ERROR);
    assert_int_equal(r->reason, SP_REASON_LIMIT);
    assert_true(strlen(r->detail) <= SP_ADAPTER_DETAIL_MAX);
    rig_release(rig, check);
}

static void test_bounded_output(void **state)
{
    (void)state;
    for_each(output_is_bounded);
}

static void bad_parameters_refused(const struct sp_adapter *a, const struct contract *c, struct rig *rig)
{
    static const char *const bad[] = {
        "[]", "{", "{}x", "{\"no_such_parameter\":1}", "{\"a\":\"\\u0000\"}", "\"x\"", "{\"a\":1,\"a\":2}"};
    (void)c;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const char *why = NULL;
        assert_null(rig_compile(rig, bad[i], &why));
        assert_true(strlen(why) > 0);
    }
    for (size_t i = 0; i < a->params_count; i++) { /* a demand without a value is not none */
        char json[128];
        const char *why = NULL;
        (void)snprintf(json, sizeof json, "{\"%s\":null}", a->params[i].name);
        assert_null(rig_compile(rig, json, &why));
        assert_non_null(strstr(why, "has no value"));
    }
}

static void test_bad_parameters(void **state)
{
    (void)state;
    for_each(bad_parameters_refused);
}

/* Definitions come and go while their jobs do. */
static void many_definitions(const struct sp_adapter *a, const struct contract *c, struct rig *rig)
{
    (void)a;
    for (unsigned round = 0; round < 10; round++) {
        void *check[3];
        for (unsigned i = 0; i < 3; i++) {
            char node[32];
            check[i] = compile(rig, c->quick);
            (void)snprintf(node, sizeof node, "m-%u-%u", round, i);
            (void)rig_start(rig, check[i], node, NULL, LONG_MS);
        }
        rig_finish_all(rig);
        for (unsigned i = 0; i < 3; i++) {
            rig_release(rig, check[i]);
        }
    }
}

static void test_definitions(void **state)
{
    (void)state;
    for_each(many_definitions);
}

static int setup(void **state)
{
    (void)state;
    http_double_open(&server);
    scratch_init(&scratch);
    for (size_t i = 0; i < sizeof policies / sizeof policies[0]; i++) {
        scratch_file(&scratch, policies[i][0], fill(policies[i][1]), SIZE_MAX, 0600);
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    http_double_close(&server);
    scratch_fini(&scratch);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(descriptors),      cmocka_unit_test(test_one_result_each), cmocka_unit_test(test_deadline),
        cmocka_unit_test(test_cancel),      cmocka_unit_test(test_bounded_output),  cmocka_unit_test(test_bad_parameters),
        cmocka_unit_test(test_definitions),
    };
    return cmocka_run_group_tests_name("adapter contract", tests, setup, teardown);
}
