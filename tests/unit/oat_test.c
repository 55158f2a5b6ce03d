/* SPDX-License-Identifier: Apache-2.0 */
/* The oat adapter against the double of both generations: batches, freshness over runs, limits, outage. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "adapter_rig.h"
#include "msg.h"

extern const struct sp_adapter adapter_oat;

struct double_ {
    pid_t pid;
    unsigned port;
    char state[64];
};

static void double_open(struct double_ *d, const char *generation)
{
    int out[2];
    char line[16] = "";
    (void)snprintf(d->state, sizeof d->state, "/tmp/spice-oat-XXXXXX");
    assert_non_null(mkdtemp(d->state));
    assert_int_equal(pipe(out), 0);
    d->pid = fork();
    if (d->pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)dup2(out[1], 1);
        (void)execlp("python3", "python3", SPICE_SOURCE_DIR "/tests/support/oat_double.py", "--state", d->state, "--generation",
                     generation, (char *)NULL);
        _exit(127);
    }
    (void)close(out[1]);
    assert_true(read(out[0], line, sizeof line - 1) > 0);
    (void)close(out[0]);
    d->port = (unsigned)strtoul(line, NULL, 10);
    assert_true(d->port > 0);
}

static void set(const struct double_ *d, const char *name, const char *text)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", d->state, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void unset(const struct double_ *d, const char *name)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", d->state, name);
    (void)unlink(path);
}

static void double_kill(struct double_ *d)
{
    (void)kill(d->pid, SIGKILL);
    (void)waitpid(d->pid, NULL, 0);
}

static void double_close(struct double_ *d)
{
    char command[128];
    double_kill(d);
    (void)snprintf(command, sizeof command, "%s", d->state);
    char *const argv[] = {"rm", "-r", command, NULL};
    pid_t pid = fork();
    if (pid == 0) {
        (void)execvp("rm", argv);
        _exit(127);
    }
    (void)waitpid(pid, NULL, 0);
}

static void *check_of(struct rig *rig, const struct double_ *d, const char *base, const char *more)
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

static void verdicts(struct double_ *d, const char *base, const char *more, uint8_t trusted, uint16_t trusted_reason)
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
            set(d, rows[i].name, rows[i].file);
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
    struct double_ d;
    (void)state;
    double_open(&d, "1.7");
    verdicts(&d, V10, ",\"version\":\"1\"", SP_OUTCOME_PASS, SP_REASON_OK);
    verdicts(&d, LATER, ",\"version\":\"1\",\"pcr_mask\":\"000001\",\"analysis\":\"VALIDATE_PCR\"", SP_OUTCOME_PASS, SP_REASON_OK);
    double_close(&d);
}

static void second_generation(void **state)
{
    struct double_ d;
    (void)state;
    double_open(&d, "2.3");
    verdicts(&d, LATER, ",\"version\":\"2\"", SP_OUTCOME_WARN, SP_REASON_REMARK);
    verdicts(&d, LATER, ",\"version\":\"2\",\"unproven\":\"pass\"", SP_OUTCOME_PASS, SP_REASON_OK);
    verdicts(&d, LATER, ",\"version\":\"2\",\"unproven\":\"error\"", SP_OUTCOME_ERROR, SP_REASON_STALE);
    double_close(&d);
}

/* A verifier whose answers stand still: believed at most once, whatever it says. */
static void frozen_verifier(void **state)
{
    struct double_ d;
    (void)state;
    double_open(&d, "1.5");
    struct rig *rig = rig_open(&adapter_oat, "{}");
    void *check = check_of(rig, &d, LATER, ",\"version\":\"1\"");
    set(&d, "node", "trusted\nfrozen\n");
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
    double_close(&d);
}

static unsigned statistic(const struct double_ *d, const char *name)
{
    char command[256];
    char out[512] = "";
    int fd[2];
    assert_int_equal(pipe(fd), 0);
    (void)snprintf(command, sizeof command, "http://127.0.0.1:%u/double/statistics", d->port);
    pid_t pid = fork();
    if (pid == 0) {
        (void)dup2(fd[1], 1);
        (void)execlp("curl", "curl", "-s", command, (char *)NULL);
        _exit(127);
    }
    (void)close(fd[1]);
    ssize_t n = read(fd[0], out, sizeof out - 1);
    (void)close(fd[0]);
    (void)waitpid(pid, NULL, 0);
    assert_true(n > 0);
    const char *at = strstr(out, name);
    assert_non_null(at);
    return (unsigned)strtoul(strchr(at, ':') + 1, NULL, 10);
}

/* 200 nodes: 10 requests of 20, at most 4 at once, never one host in two requests, though it is asked for by two checks. */
static void limits_of_the_server(void **state)
{
    struct double_ d;
    char name[32];
    (void)state;
    double_open(&d, "1.7");
    struct rig *rig = rig_open(&adapter_oat, "{}");
    void *a = check_of(rig, &d, LATER, ",\"version\":\"1\"");
    void *b = check_of(rig, &d, LATER, ",\"version\":\"1\",\"pcr_mask\":\"01\"");
    for (unsigned i = 0; i < 200; i++) {
        (void)snprintf(name, sizeof name, "n%u", i);
        set(&d, name, "trusted\ndelay=0.05\n");
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
    assert_int_equal(statistic(&d, "requests"), 11);
    assert_int_equal(statistic(&d, "largest"), 20);
    assert_in_range(statistic(&d, "peak"), 2, 4);
    assert_int_equal(statistic(&d, "overlaps"), 0);
    rig_release(rig, a);
    rig_release(rig, b);
    rig_close(&rig);
    double_close(&d);
}

/* A cancelled job leaves its host busy until the server has answered: the next poll of that host waits. */
static void cancelled_host_stays_busy(void **state)
{
    struct double_ d;
    (void)state;
    double_open(&d, "1.7");
    struct rig *rig = rig_open(&adapter_oat, "{}");
    void *check = check_of(rig, &d, LATER, ",\"version\":\"1\"");
    set(&d, "slow", "trusted\ndelay=0.6\n");
    unsigned first = rig_start(rig, check, "slow", NULL, 200);
    rig_finish_all(rig);
    assert_true(rig_result(rig, first)->cancelled);
    unsigned second = rig_start(rig, check, "slow", NULL, 60000);
    rig_finish_all(rig);
    expect(rig, second, SP_OUTCOME_PASS, SP_REASON_OK);
    assert_int_equal(statistic(&d, "overlaps"), 0);
    rig_release(rig, check);
    rig_close(&rig);
    double_close(&d);
}

static void faults_and_outage(void **state)
{
    static const struct {
        const char *fault;
        uint16_t reason;
    } rows[] = {
        {"html", SP_REASON_REFUSED}, {"garbage", SP_REASON_PROTOCOL}, {"500", SP_REASON_REFUSED}, {"close", SP_REASON_PROTOCOL}};
    struct double_ d;
    (void)state;
    double_open(&d, "1.7");
    struct rig *rig = rig_open(&adapter_oat, "{}");
    void *check = check_of(rig, &d, LATER, ",\"version\":\"1\"");
    unsigned job = 0;
    set(&d, "node", "trusted\n");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        set(&d, "@fault", rows[i].fault);
        job = rig_start(rig, check, "node", NULL, 60000);
        rig_finish_all(rig);
        expect(rig, job, SP_OUTCOME_ERROR, rows[i].reason);
    }
    unset(&d, "@fault");
    job = rig_start(rig, check, "node", NULL, 60000);
    rig_finish_all(rig);
    expect(rig, job, SP_OUTCOME_PASS, SP_REASON_OK);
    double_kill(&d);
    for (unsigned i = 0; i < 4; i++) { /* refused; and after three, at once, without asking */
        job = rig_start(rig, check, "node", NULL, 60000);
        rig_finish_all(rig);
        expect(rig, job, SP_OUTCOME_ERROR, SP_REASON_REFUSED);
    }
    assert_non_null(strstr(rig_result(rig, job)->detail, "did not answer"));
    rig_release(rig, check);
    rig_close(&rig);
    double_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_generation),     cmocka_unit_test(second_generation),         cmocka_unit_test(frozen_verifier),
        cmocka_unit_test(limits_of_the_server), cmocka_unit_test(cancelled_host_stays_busy), cmocka_unit_test(faults_and_outage),
    };
    return cmocka_run_group_tests_name("oat adapter", tests, NULL, NULL);
}
