/* SPDX-License-Identifier: Apache-2.0 */
/* The appraiser's process as the worker sees it: runs, policies, its sandbox against a decoder that was taken over, its death and
 * what becomes of the other runs then. */
#include "appraiser.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "exec_rig.h"
#include "msg.h"
#include "sp_crypto.h"
#include "sp_random.h"

#define RUNS 300u

/* One run that is asked for "text" and given `document`. */
struct one {
    struct appraiser_run run;
    const char *document;
    size_t repeat; /* of the document, each in a part of its own */
    bool wanted, done, judged;
    unsigned wants;
    uint8_t outcome;
    uint16_t reason;
    uint64_t instance;
    char detail[APPRAISAL_TEXT_MAX];
};

static struct exec_rig rig;
static struct appraiser *appraiser;
static struct one runs[RUNS];
static char last_log[512];
static unsigned errors_logged;

static void on_log(void *arg, char level, const char *text)
{
    (void)arg;
    errors_logged += level == 'e' ? 1 : 0;
    (void)snprintf(last_log, sizeof last_log, "%s", text);
}

static void on_want(struct appraiser_run *run, const char *document, const char *args)
{
    struct one *one = run->arg;
    assert_string_equal(args, "{}");
    one->wanted = true;
    one->wants++;
    if (one->document == NULL) {
        return; /* an attester that does not answer */
    }
    assert_string_equal(document, "text");
    for (size_t i = 0; i < one->repeat && run->id != 0; i++) {
        assert_true(appraiser_push(appraiser, run, sp_str_of(one->document), i + 1 == one->repeat));
    }
}

static void on_done(struct appraiser_run *run, const struct appraisal_verdict *v, const uint8_t *evidence)
{
    struct one *one = run->arg;
    assert_false(one->done);
    one->done = true;
    one->judged = evidence != NULL;
    one->outcome = v->outcome;
    one->reason = v->reason;
    one->instance = v->instance;
    (void)snprintf(one->detail, sizeof one->detail, "%s", v->detail);
}

static struct one *start(unsigned i, uint32_t policy, const char *document)
{
    struct one *one = &runs[i];
    uint8_t nonce[APPRAISAL_NONCE_BYTES];
    sp_random_bytes(nonce, sizeof nonce);
    *one = (struct one){.run = {.want = on_want, .done = on_done, .arg = one}, .document = document, .repeat = 1};
    const struct appraiser_question q = {.node = sp_str_of("n1"), .nonce = nonce, .now_s = 1};
    assert_true(appraiser_begin(appraiser, &one->run, policy, &q));
    assert_false(one->wanted || one->done); /* not from within */
    return one;
}

static void until_done(const struct one *one)
{
    while (!one->done) {
        exec_rig_turn(&rig, 1000);
    }
}

static uint32_t policy_of(const char *kind, const char *text)
{
    uint32_t number = appraiser_policy(appraiser, kind, sp_str_of("{}"), sp_str_of(text));
    assert_int_not_equal(number, APPRAISER_NONE);
    return number;
}

static int open_with(const char *program, uint32_t silent_ms)
{
    char why[SP_ADAPTER_WHY_MAX];
    const struct appraiser_options options = {.program = program, .memory_mb = 512, .silent_ms = silent_ms};
    errors_logged = 0;
    assert_true(exec_rig_init(&rig, 16, "/tmp", SPICE_BINARY_DIR));
    rig.on_log = on_log;
    assert_true(appraiser_open(&rig.host, &options, &appraiser, why));
    return 0;
}

static int open_it(void **state)
{
    (void)state;
    return open_with(SPICE_BINARY_DIR "/tests/appraise_bad", 0);
}

static int close_it(void **state)
{
    (void)state;
    appraiser_close(&appraiser);
    exec_rig_fini(&rig);
    return 0;
}

static void a_run_from_question_to_verdict(void **state)
{
    uint32_t policy = policy_of("good", "x");
    struct one *one = start(0, policy, "all well");
    (void)state;
    until_done(one);
    assert_int_equal(one->outcome, SP_OUTCOME_PASS);
    assert_int_equal(one->reason, SP_REASON_OK);
    assert_true(one->judged);
    assert_int_equal(one->instance, 7);
    assert_string_equal(one->detail, "all well of n1, mode 0");
    appraiser_policy_release(appraiser, policy);
    assert_true(appraiser_numbers(appraiser).up);
    assert_int_equal(appraiser_numbers(appraiser).under_way, 0);
}

static void identity_reaches_the_module(void **state)
{
    uint32_t policy = policy_of("good", "x");
    static const uint8_t ek[32];
    struct one *one = start(0, policy, NULL);
    (void)state;
    while (!one->wanted) {
        exec_rig_turn(&rig, 1000);
    }
    const struct appraiser_who who = {.mode = SP_ENROLMENT_FIRST_USE, .ak = sp_str_of("no key at all"), .ek = ek};
    appraiser_identify(appraiser, &one->run, &who);
    assert_true(appraiser_push(appraiser, &one->run, sp_str_of("hm"), true));
    until_done(one);
    assert_string_equal(one->detail, "hm of n1, mode 2, TPM");
    appraiser_policy_release(appraiser, policy);
}

static void many_runs_at_once(void **state)
{
    uint32_t policy = policy_of("good", "x"), same = policy_of("good", "x"), other = policy_of("good", "y");
    (void)state;
    assert_int_equal(policy, same); /* one policy, however often */
    assert_int_not_equal(policy, other);
    for (unsigned i = 0; i < RUNS; i++) {
        (void)start(i, i % 2 == 0 ? policy : other, "text");
    }
    for (unsigned i = 0; i < RUNS; i += 3) {
        appraiser_cancel(appraiser, &runs[i].run);
    }
    for (unsigned i = 0; i < RUNS; i++) {
        if (i % 3 != 0) {
            until_done(&runs[i]);
            assert_int_equal(runs[i].outcome, SP_OUTCOME_PASS);
        }
    }
    for (unsigned i = 0; i < RUNS; i += 3) {
        assert_false(runs[i].done);
    }
    appraiser_policy_release(appraiser, policy);
    appraiser_policy_release(appraiser, policy);
    appraiser_policy_release(appraiser, other);
    assert_int_equal(errors_logged, 0);
}

static void a_document_larger_than_the_socket(void **state)
{
    uint32_t policy = policy_of("good", "x"), first = policy_of("good", "first");
    static char large[1u << 20];
    (void)state;
    memset(large, 'x', sizeof large - 1);
    struct one *one = start(0, policy, large); /* the module takes 4096 bytes and has enough then */
    until_done(one);
    assert_int_equal(one->outcome, SP_OUTCOME_PASS);
    one = start(1, first, "part ");
    one->repeat = 50;
    until_done(one);
    assert_string_equal(one->detail, "part  of n1, mode 0");
    assert_int_equal(one->wants, 1);
    appraiser_policy_release(appraiser, policy);
    appraiser_policy_release(appraiser, first);
}

static void a_bad_policy_says_why(void **state)
{
    uint32_t policy = policy_of("good", "refuse");
    struct one *one = start(0, policy, "x");
    (void)state;
    until_done(one);
    assert_int_equal(one->outcome, SP_OUTCOME_ERROR);
    assert_int_equal(one->reason, SP_REASON_BAD_PARAMETERS);
    assert_string_equal(one->detail, "policy:1:1: refused as it says");
    appraiser_policy_release(appraiser, policy);
}

/* One misdeed, beside runs that have nothing to do with it: those that wait for their attester as well. */
static void attack(const char *deed)
{
    uint32_t policy = policy_of("bad", deed), fine = policy_of("good", "x");
    uint64_t lost = appraiser_numbers(appraiser).lost;
    struct one *waiting = start(1, fine, NULL);
    while (!waiting->wanted) {
        exec_rig_turn(&rig, 1000);
    }
    struct one *one = start(0, policy, "hostile bytes");
    until_done(one);
    until_done(waiting);
    if (one->outcome != SP_OUTCOME_ERROR || one->reason != SP_REASON_INTERNAL || one->judged) {
        fail_msg("%s: outcome %u, reason %u, %s", deed, one->outcome, one->reason, one->detail);
    }
    assert_int_equal(waiting->outcome, SP_OUTCOME_ERROR);
    assert_int_equal(waiting->reason, SP_REASON_INTERNAL);
    assert_int_equal(appraiser_numbers(appraiser).lost, lost + 2);
    assert_false(appraiser_numbers(appraiser).up);
    one = start(2, fine, "next"); /* begun while it is down: it waits for the next one */
    until_done(one);
    assert_int_equal(one->outcome, SP_OUTCOME_PASS);
    appraiser_policy_release(appraiser, policy);
    appraiser_policy_release(appraiser, fine);
}

static void the_sandbox_kills(void **state)
{
    attack(*state);
}

static void death_ends_runs_cleanly(void **state)
{
    (void)state;
    attack("abort");
    attack("fault");
    assert_int_equal(appraiser_numbers(appraiser).restarts, 2);
    assert_int_equal(access("/tmp/spice-escaped", F_OK), -1);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) /* a sanitizer does not fit into the limit */
static void memory_has_an_end(void **state)
{
    (void)state;
    attack("memory");
}
#endif

static int open_impatient(void **state)
{
    (void)state;
    return open_with(SPICE_BINARY_DIR "/tests/appraise_bad", 6000);
}

static void a_hung_one_is_killed(void **state)
{
    (void)state;
    attack("spin");
    assert_int_equal(appraiser_numbers(appraiser).hung, 1);
}

static void policies_outlive_it(void **state)
{
    uint32_t policy = policy_of("good", "x"), bad = policy_of("bad", "abort"), gone = policy_of("good", "gone");
    (void)state;
    struct one *one = start(0, bad, "x");
    until_done(one);
    appraiser_policy_release(appraiser, gone); /* while it is down, and its place is taken again */
    uint32_t fresh = policy_of("good", "fresh");
    for (unsigned i = 1; i < 20; i++) {
        (void)start(i, i % 2 == 0 ? policy : fresh, "text");
    }
    for (unsigned i = 1; i < 20; i++) {
        until_done(&runs[i]);
        assert_int_equal(runs[i].outcome, SP_OUTCOME_PASS);
    }
    appraiser_policy_release(appraiser, policy);
    appraiser_policy_release(appraiser, fresh);
    appraiser_policy_release(appraiser, bad);
}

static void one_for_all_adapters_of_a_worker(void **state)
{
    struct appraiser *again = NULL;
    const struct appraiser_options options = {.program = "/nonexistent"};
    char why[SP_ADAPTER_WHY_MAX];
    (void)state;
    assert_true(appraiser_open(&rig.host, &options, &again, why));
    assert_ptr_equal(again, appraiser);
    appraiser_close(&again);
    struct exec_rig other;
    assert_true(exec_rig_init(&other, 1, "/tmp", SPICE_BINARY_DIR));
    assert_false(appraiser_open(&other.host, &options, &again, why));
    assert_non_null(strstr(why, "/nonexistent"));
    exec_rig_fini(&other);
}

static int open_liar(void **state)
{
    (void)state;
    return open_with(SPICE_BINARY_DIR "/tests/appraise_liar", 0);
}

/* Whatever it says, nothing passes, and it is put away. */
static void a_lie_ends_it(void **state)
{
    uint32_t policy = policy_of("good", *state);
    struct one *one = start(0, policy, "text");
    until_done(one);
    assert_int_equal(one->outcome, SP_OUTCOME_ERROR);
    assert_int_equal(one->reason, SP_REASON_INTERNAL);
    assert_false(one->judged);
    assert_false(appraiser_numbers(appraiser).up);
    appraiser_policy_release(appraiser, policy);
}

#define LIE(words)                                                                                                                 \
    {                                                                                                                              \
        "a_lie_ends_it: " words, a_lie_ends_it, open_liar, close_it, (void *)(uintptr_t)words                                      \
    }
#define ESCAPE(deed)                                                                                                               \
    {                                                                                                                              \
        "the_sandbox_kills: " deed, the_sandbox_kills, open_it, close_it, (void *)(uintptr_t)deed                                  \
    }
#define PLAIN(test) cmocka_unit_test_setup_teardown(test, open_it, close_it)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLAIN(a_run_from_question_to_verdict),
        PLAIN(identity_reaches_the_module),
        PLAIN(many_runs_at_once),
        PLAIN(a_document_larger_than_the_socket),
        PLAIN(a_bad_policy_says_why),
        ESCAPE("open"),
        ESCAPE("write"),
        ESCAPE("socket"),
        ESCAPE("unix"),
        ESCAPE("fork"),
        ESCAPE("exec"),
        ESCAPE("kill"),
        ESCAPE("ptrace"),
        ESCAPE("recv"),
        ESCAPE("read"),
        ESCAPE("code"),
        PLAIN(death_ends_runs_cleanly),
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
        PLAIN(memory_has_an_end),
#endif
        cmocka_unit_test_setup_teardown(a_hung_one_is_killed, open_impatient, close_it),
        PLAIN(policies_outlive_it),
        PLAIN(one_for_all_adapters_of_a_worker),
        LIE("pass unasked"),
        LIE("warn unasked"),
        LIE("pass with a fault"),
        LIE("outcome"),
        LIE("reason"),
        LIE("checkpoint"),
        LIE("lengths"),
        LIE("short"),
        LIE("type"),
        LIE("wanted lengths"),
        LIE("wanted number"),
        LIE("ready twice"),
        LIE("nothing"),
    };
    if (sp_crypto_init() != SP_OK) {
        return 1;
    }
    return cmocka_run_group_tests_name("appraiser", tests, NULL, NULL);
}
