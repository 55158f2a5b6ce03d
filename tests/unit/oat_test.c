/* SPDX-License-Identifier: Apache-2.0 */
/* The oat adapter against the double of both generations: batches, freshness over runs, limits, outage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "adapter_rig.h"
#include "msg.h"
#include "py_double.h"

extern const struct sp_adapter adapter_oat;

static void double_open(struct py_double *d, const char *generation)
{
    py_double_open(d, "oat_double.py", (const char *const[]){"--generation", generation, NULL});
}

static void *check_of(struct rig *rig, const struct py_double *d, const char *base, const char *more)
{
    char params[1024];
    const char *why = NULL;
    (void)snprintf(params, sizeof params, "{\"server\":\"http://127.0.0.1:%u%s\"%s}", d->port, base, more);
    void *check = rig_compile(rig, params, &why);
    if (check == NULL) {
        fail_msg("%s: %s", params, why);
    }
    return check;
}

#define V10   "/OpenAttestationWebServices/V1.0"
#define LATER "/AttestationService/resources"

static void expect(const struct rig *rig, unsigned job, uint8_t outcome, uint16_t reason)
{
    const struct rig_result *r = rig_result(rig, job);
    if (r->outcome != outcome || r->reason != reason || r->cancelled) {
        fail_msg("job %u: outcome %u reason %s (%s), wanted %u %s", job, r->outcome, sp_reason_name(r->reason), r->detail, outcome,
                 sp_reason_name(reason));
    }
}

static void verdicts(struct py_double *d, const char *base, const char *more, uint8_t trusted, uint16_t trusted_reason)
{
    static const struct {
        const char *name, *file;
        int outcome; /* -1: as trusted */
        uint16_t reason;
    } rows[] = {
        {"good", "trusted\n", -1, 0},
        {"bad", "untrusted\n", SP_OUTCOME_FAIL, SP_REASON_CONTENT},
        {"nobody", NULL, SP_OUTCOME_ERROR, SP_REASON_MISSING},
        {"left-out", "trusted\nabsent\n", SP_OUTCOME_ERROR, SP_REASON_MISSING},
        {"double-faced", "trusted\ntwice\n", SP_OUTCOME_ERROR, SP_REASON_PROTOCOL},
        {"timeless", "trusted\nno-vtime\n", SP_OUTCOME_ERROR, SP_REASON_STALE},
        {"ahead", "trusted\nfuture\n", SP_OUTCOME_ERROR, SP_REASON_STALE},
    };
    struct rig *rig = rig_open(&adapter_oat, "{}");
    void *check = check_of(rig, d, base, more);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].file != NULL) {
            py_double_set(d, rows[i].name, rows[i].file);
        }
        (void)rig_start(rig, check, rows[i].name, NULL, 60000);
    }
    rig_finish_all(rig);
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bool as_trusted = rows[i].outcome < 0;
        expect(rig, i, as_trusted ? trusted : (uint8_t)rows[i].outcome, as_trusted ? trusted_reason : rows[i].reason);
        assert_true(rig_result(rig, i)->has_evidence);
    }
    rig_release(rig, check);
    rig_close(&rig);
}

static void first_generation(void **state)
{
    struct py_double d;
    (void)state;
    double_open(&d, "1.7");
    verdicts(&d, V10, ",\"version\":\"1\"", SP_OUTCOME_PASS, SP_REASON_OK);
    verdicts(&d, LATER, ",\"version\":\"1\",\"pcr_mask\":\"000001\",\"analysis\":\"VALIDATE_PCR\"", SP_OUTCOME_PASS, SP_REASON_OK);
    py_double_close(&d);
}

static void second_generation(void **state)
{
    struct py_double d;
    (void)state;
    double_open(&d, "2.3");
    verdicts(&d, LATER, ",\"version\":\"2\"", SP_OUTCOME_WARN, SP_REASON_REMARK);
    verdicts(&d, LATER, ",\"version\":\"2\",\"unproven\":\"pass\"", SP_OUTCOME_PASS, SP_REASON_OK);
    verdicts(&d, LATER, ",\"version\":\"2\",\"unproven\":\"error\"", SP_OUTCOME_ERROR, SP_REASON_STALE);
    py_double_close(&d);
}

/* A verifier whose answers stand still: believed at most once, whatever it says. */
static void frozen_verifier(void **state)
{
    struct py_double d;
    (void)state;
    double_open(&d, "1.5");
    struct rig *rig = rig_open(&adapter_oat, "{}");
    void *check = check_of(rig, &d, LATER, ",\"version\":\"1\"");
    py_double_set(&d, "node", "trusted\nfrozen\n");
    unsigned first = rig_start(rig, check, "node", NULL, 60000);
    rig_finish_all(rig);
    expect(rig, first, SP_OUTCOME_PASS, SP_REASON_OK); /* made within the slack before our question */
    const struct rig_result *r = rig_result(rig, first);
    assert_int_equal(r->checkpoint_len, 8);
    unsigned second = rig_start_from(rig, check, "node", r->checkpoint, r->checkpoint_len, 60000);
    rig_finish_all(rig);
    expect(rig, second, SP_OUTCOME_ERROR, SP_REASON_STALE);
    assert_memory_equal(rig_result(rig, second)->checkpoint, r->checkpoint, 8); /* remembered on */
    rig_release(rig, check);
    rig_close(&rig);
    py_double_close(&d);
}

/* 200 nodes: 10 requests of 20, at most 4 at once, never one host in two requests, though it is asked for by two checks. */
static void limits_of_the_server(void **state)
{
    struct py_double d;
    char name[32];
    (void)state;
    double_open(&d, "1.7");
    struct rig *rig = rig_open(&adapter_oat, "{}");
    void *a = check_of(rig, &d, LATER, ",\"version\":\"1\"");
    void *b = check_of(rig, &d, LATER, ",\"version\":\"1\",\"pcr_mask\":\"01\"");
    for (unsigned i = 0; i < 200; i++) {
        (void)snprintf(name, sizeof name, "n%u", i);
        py_double_set(&d, name, "trusted\ndelay=0.05\n");
        (void)rig_start(rig, a, name, NULL, 60000);
    }
    for (unsigned i = 0; i < 20; i++) {
        (void)snprintf(name, sizeof name, "n%u", i);
        (void)rig_start(rig, b, name, NULL, 60000);
    }
    rig_finish_all(rig);
    for (unsigned i = 0; i < 220; i++) {
        expect(rig, i, SP_OUTCOME_PASS, SP_REASON_OK);
    }
    assert_int_equal(py_double_statistic(&d, "requests"), 11);
    assert_int_equal(py_double_statistic(&d, "largest"), 20);
    assert_in_range(py_double_statistic(&d, "peak"), 2, 4);
    assert_int_equal(py_double_statistic(&d, "overlaps"), 0);
    rig_release(rig, a);
    rig_release(rig, b);
    rig_close(&rig);
    py_double_close(&d);
}

/* A cancelled job leaves its host busy until the server has answered: the next poll of that host waits. */
static void cancelled_host_stays_busy(void **state)
{
    struct py_double d;
    (void)state;
    double_open(&d, "1.7");
    struct rig *rig = rig_open(&adapter_oat, "{}");
    void *check = check_of(rig, &d, LATER, ",\"version\":\"1\"");
    py_double_set(&d, "slow", "trusted\ndelay=0.6\n");
    unsigned first = rig_start(rig, check, "slow", NULL, 200);
    rig_finish_all(rig);
    assert_true(rig_result(rig, first)->cancelled);
    unsigned second = rig_start(rig, check, "slow", NULL, 60000);
    rig_finish_all(rig);
    expect(rig, second, SP_OUTCOME_PASS, SP_REASON_OK);
    assert_int_equal(py_double_statistic(&d, "overlaps"), 0);
    rig_release(rig, check);
    rig_close(&rig);
    py_double_close(&d);
}

static void faults_and_outage(void **state)
{
    static const struct {
        const char *fault;
        uint16_t reason;
    } rows[] = {
        {"html", SP_REASON_REFUSED}, {"garbage", SP_REASON_PROTOCOL}, {"500", SP_REASON_REFUSED}, {"close", SP_REASON_PROTOCOL}};
    struct py_double d;
    (void)state;
    double_open(&d, "1.7");
    struct rig *rig = rig_open(&adapter_oat, "{}");
    void *check = check_of(rig, &d, LATER, ",\"version\":\"1\"");
    unsigned job = 0;
    py_double_set(&d, "node", "trusted\n");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        py_double_set(&d, "@fault", rows[i].fault);
        job = rig_start(rig, check, "node", NULL, 60000);
        rig_finish_all(rig);
        expect(rig, job, SP_OUTCOME_ERROR, rows[i].reason);
    }
    py_double_unset(&d, "@fault");
    job = rig_start(rig, check, "node", NULL, 60000);
    rig_finish_all(rig);
    expect(rig, job, SP_OUTCOME_PASS, SP_REASON_OK);
    py_double_kill(&d);
    for (unsigned i = 0; i < 4; i++) { /* refused; and after three, at once, without asking */
        job = rig_start(rig, check, "node", NULL, 60000);
        rig_finish_all(rig);
        expect(rig, job, SP_OUTCOME_ERROR, SP_REASON_REFUSED);
    }
    assert_non_null(strstr(rig_result(rig, job)->detail, "did not answer"));
    rig_release(rig, check);
    rig_close(&rig);
    py_double_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_generation),     cmocka_unit_test(second_generation),         cmocka_unit_test(frozen_verifier),
        cmocka_unit_test(limits_of_the_server), cmocka_unit_test(cancelled_host_stays_busy), cmocka_unit_test(faults_and_outage),
    };
    return cmocka_run_group_tests_name("oat adapter", tests, NULL, NULL);
}
