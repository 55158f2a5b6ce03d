/* SPDX-License-Identifier: Apache-2.0 */
#include "adapter_rig.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "msg.h"
#include "sp_assert.h"
#include "sp_clock.h"
#include "sp_crypto.h"

struct rig_job {
    struct sp_adapter_job job;
    char node[65];
    char address[256];
    uint8_t checkpoint[SP_ADAPTER_CHECKPOINT_MAX];
    uint64_t started_us;
    struct rig_result result;
};

/* A question that waits for its answer. Parts may be asked for while others are told: nothing is lent over a call of part(). */
struct rig_asked {
    struct sp_adapter_ask *ask; /* NULL: over */
    char node[65];
    char kind[33];
    char *args;
    uint8_t nonce[32];
    bool silent;
};

struct rig {
    struct worker_host host; /* first: `self` of the services */
    struct sp_adapter_host services;
    const struct sp_adapter *adapter;
    void *instance;
    struct sp_loop *loop;
    struct rig_job *row;
    unsigned count, open;
    bool started;
    char why[SP_ADAPTER_WHY_MAX];
    char dir[64];
    char build[512]; /* the build tree: tests are in its folder tests/ */
    rig_attester *attester;
    void *attester_arg;
    struct rig_asked *asked; /* by index of the question - 1 */
};

SP_STATIC_ASSERT(offsetof(struct rig, host) == 0, "services pass the host as self");

static void on_finish(void *self, struct sp_adapter_job *job, const struct sp_adapter_result *r)
{
    struct rig *rig = self;
    struct rig_job *j = &rig->row[job->slot];
    SP_ASSERT(job == &j->job);
    SP_ASSERT(!j->result.cancelled);      /* a result after cancel() */
    SP_ASSERT(j->result.finishes++ == 0); /* a second result */
    SP_ASSERT(r->outcome <= SP_OUTCOME_LAST && r->reason <= SP_REASON_LAST);
    SP_ASSERT(r->checkpoint_len <= SP_ADAPTER_CHECKPOINT_MAX);
    j->result.done = true;
    j->result.outcome = r->outcome;
    j->result.reason = r->reason;
    j->result.has_evidence = r->evidence != NULL;
    (void)snprintf(j->result.detail, sizeof j->result.detail, "%s", r->detail != NULL ? r->detail : "");
    (void)snprintf(j->result.measures, sizeof j->result.measures, "%s", r->measures != NULL ? r->measures : "");
    if (r->checkpoint_len > 0) {
        memcpy(j->result.checkpoint, r->checkpoint, r->checkpoint_len);
    }
    j->result.checkpoint_len = r->checkpoint_len;
    j->result.instance = r->instance;
    j->result.took_us = sp_clock_read().mono.us - j->started_us;
    rig->open--;
}

/* ---- attester -------------------------------------------------------------------------------------------------- */

static void on_ask(void *self, const struct sp_adapter_job *job, struct sp_adapter_ask *ask,
                   const struct sp_adapter_question *question)
{
    struct rig *rig = self;
    uint32_t i = 0;
    SP_ASSERT(ask->index == 0 && job == &rig->row[job->slot].job && !rig->row[job->slot].result.done);
    while (rig->asked[i].ask != NULL) {
        SP_ASSERT(++i < RIG_JOBS);
    }
    struct rig_asked *a = &rig->asked[i];
    *a = (struct rig_asked){.ask = ask, .args = strdup(question->args)};
    (void)snprintf(a->node, sizeof a->node, "%s", job->node);
    (void)snprintf(a->kind, sizeof a->kind, "%s", question->kind);
    memcpy(a->nonce, question->nonce, sizeof a->nonce);
    ask->index = i + 1;
}

static void on_ask_stop(void *self, struct sp_adapter_ask *ask)
{
    struct rig *rig = self;
    if (ask->index > 0) {
        struct rig_asked *a = &rig->asked[ask->index - 1];
        SP_ASSERT(a->ask == ask);
        free(a->args);
        *a = (struct rig_asked){0};
        ask->index = 0;
    }
}

/* Tells one part; true: it was not the last one, and the question is still open. */
static bool tell(struct rig *rig, uint32_t i, const struct rig_answer *answer, size_t at)
{
    struct sp_adapter_ask *ask = rig->asked[i].ask;
    size_t left = answer->n - at;
    size_t n = answer->part > 0 && answer->part < left ? answer->part : left;
    bool last = answer->reason != SP_REASON_OK || at + n == answer->n;
    uint8_t *copy = malloc(n > 0 ? n : 1); /* of exactly this size: a sanitizer sees what reads on */
    SP_ASSERT(copy != NULL);
    if (n > 0) {
        memcpy(copy, answer->bytes + at, n);
    }
    const struct sp_adapter_part part = {.reason = answer->reason,
                                         .detail = answer->detail,
                                         .who = answer->who,
                                         .bytes = copy,
                                         .n = answer->reason == SP_REASON_OK ? n : 0,
                                         .offset = at,
                                         .total = answer->n,
                                         .last = last};
    if (last) {
        on_ask_stop(rig, ask);
    }
    ask->part(ask, &part);
    free(copy);
    return !last && rig->asked[i].ask == ask;
}

static void answer_all(struct rig *rig)
{
    for (uint32_t i = 0; rig->attester != NULL && i < RIG_JOBS; i++) {
        struct rig_asked *a = &rig->asked[i];
        if (a->ask == NULL || a->silent) {
            continue;
        }
        const struct rig_question q = {.node = a->node, .kind = a->kind, .args = a->args, .nonce = a->nonce};
        struct rig_answer answer = {0};
        rig->attester(rig->attester_arg, &q, &answer);
        a->silent = answer.silent;
        for (size_t at = 0; !answer.silent && tell(rig, i, &answer, at); at += answer.part) {
            continue;
        }
    }
}

static bool has_questions(const struct rig *rig)
{
    for (uint32_t i = 0; rig->attester != NULL && i < rig->count; i++) { /* one question a job at most */
        if (rig->asked[i].ask != NULL && !rig->asked[i].silent) {
            return true;
        }
    }
    return false;
}

/* ---- loop ------------------------------------------------------------------------------------------------------ */

static struct sp_mono on_deadline(void *ctx)
{
    struct rig *rig = ctx;
    uint64_t next = has_questions(rig) ? 0 : worker_host_deadline(&rig->host);
    for (unsigned i = 0; i < rig->count; i++) {
        if (!rig->row[i].result.done && rig->row[i].job.deadline_us < next) {
            next = rig->row[i].job.deadline_us;
        }
    }
    return (struct sp_mono){next};
}

static void on_tick(void *ctx, const struct sp_now *now)
{
    struct rig *rig = ctx;
    worker_host_tick(&rig->host, now->mono.us);
    answer_all(rig);
    for (unsigned i = 0; i < rig->count; i++) {
        if (!rig->row[i].result.done && rig->row[i].job.deadline_us <= now->mono.us) {
            rig_cancel(rig, i);
        }
    }
}

static const char *libexec;

void rig_libexec(const char *dir)
{
    libexec = dir;
}

struct rig *rig_open(const struct sp_adapter *adapter, const char *settings)
{
    return rig_open_attested(adapter, settings, NULL, NULL);
}

struct rig *rig_open_attested(const struct sp_adapter *adapter, const char *settings, rig_attester *attester, void *arg)
{
    struct rig *rig = calloc(1, sizeof *rig);
    struct param_values values;
    struct sp_err err;
    SP_ASSERT(rig != NULL && sp_crypto_init() == SP_OK);
    rig->adapter = adapter;
    rig->row = calloc(RIG_JOBS, sizeof *rig->row);
    struct sp_loop_options lo = {.ctx = rig, .deadline = on_deadline, .tick = on_tick};
    SP_ASSERT(rig->row != NULL && sp_loop_new(&lo, &rig->loop, &err) == SP_OK);
    SP_ASSERT(worker_host_init(&rig->host, rig->loop, &rig->services));
    (void)snprintf(rig->dir, sizeof rig->dir, "/tmp/spice-rig-XXXXXX");
    SP_ASSERT(mkdtemp(rig->dir) != NULL);
    SP_ASSERT(readlink("/proc/self/exe", rig->build, sizeof rig->build - 1) > 0);
    for (int up = 0; up < 2; up++) {
        *strrchr(rig->build, '/') = '\0';
    }
    rig->services.slots = RIG_JOBS;
    rig->services.prefix = rig->dir;
    rig->services.state_dir = rig->dir;
    rig->services.run_dir = rig->dir;
    rig->services.libexec_dir = libexec != NULL ? libexec : rig->build;
    rig->services.finish = on_finish;
    rig->attester = attester;
    rig->attester_arg = arg;
    rig->asked = calloc(RIG_JOBS, sizeof *rig->asked);
    SP_ASSERT(rig->asked != NULL);
    if (attester != NULL) {
        rig->services.ask = on_ask;
        rig->services.ask_stop = on_ask_stop;
    }
    if (!param_parse(adapter->settings, adapter->settings_count, sp_str_of(settings), &values, rig->why) ||
        !adapter->init(&rig->services, values.row, &rig->instance, rig->why)) {
        (void)fprintf(stderr, "%s: %s\n", adapter->name, rig->why);
        abort();
    }
    param_fini(&values);
    return rig;
}

void rig_close(struct rig **rig_p)
{
    struct rig *rig = *rig_p;
    SP_ASSERT(rig->open == 0);
    rig->adapter->fini(rig->instance);
    worker_host_fini(&rig->host);
    sp_loop_destroy(&rig->loop);
    (void)rmdir(rig->dir);
    for (uint32_t i = 0; i < RIG_JOBS; i++) {
        SP_ASSERT(rig->asked[i].ask == NULL); /* a question outlived its job */
    }
    free(rig->asked);
    free(rig->row);
    free(rig);
    *rig_p = NULL;
}

void *rig_compile(struct rig *rig, const char *json, const char **why)
{
    struct param_values values;
    void *check = NULL;
    rig->why[0] = '\0';
    if (param_parse(rig->adapter->params, rig->adapter->params_count, sp_str_of(json), &values, rig->why)) {
        check = rig->adapter->compile(rig->instance, values.row, rig->why);
        param_fini(&values);
    }
    if (why != NULL) {
        *why = rig->why;
    }
    return check;
}

void rig_release(struct rig *rig, void *check)
{
    rig->adapter->release(rig->instance, check);
}

static unsigned start(struct rig *rig, struct rig_job *j, void *check, uint32_t timeout_ms)
{
    const struct sp_now *now = rig->started ? sp_loop_now(rig->loop) : sp_loop_refresh(rig->loop);
    j->job.check = check;
    j->job.slot = rig->count++;
    j->job.timeout_ms = timeout_ms;
    j->job.deadline_us = now->mono.us + timeout_ms * 1000ull;
    j->job.node = j->node;
    j->job.address = j->address[0] != '\0' ? j->address : j->node;
    j->job.checkpoint = j->checkpoint;
    j->started_us = now->mono.us;
    rig->open++;
    rig->started = true;
    rig->adapter->start(rig->instance, &j->job);
    return j->job.slot;
}

unsigned rig_start(struct rig *rig, void *check, const char *node, const char *address, uint32_t timeout_ms)
{
    SP_ASSERT(rig->count < RIG_JOBS);
    struct rig_job *j = &rig->row[rig->count];
    (void)snprintf(j->node, sizeof j->node, "%s", node);
    (void)snprintf(j->address, sizeof j->address, "%s", address != NULL ? address : "");
    return start(rig, j, check, timeout_ms);
}

unsigned rig_start_from(struct rig *rig, void *check, const char *node, const uint8_t *checkpoint, size_t n, uint32_t timeout_ms)
{
    SP_ASSERT(rig->count < RIG_JOBS && n <= SP_ADAPTER_CHECKPOINT_MAX);
    struct rig_job *j = &rig->row[rig->count];
    (void)snprintf(j->node, sizeof j->node, "%s", node);
    memcpy(j->checkpoint, checkpoint, n);
    j->job.checkpoint_len = n;
    return start(rig, j, check, timeout_ms);
}

static void end_turn(struct rig *rig)
{
    if (rig->started && rig->adapter->turn != NULL) {
        rig->adapter->turn(rig->instance);
    }
    rig->started = false;
}

void rig_run(struct rig *rig, uint32_t ms)
{
    uint64_t end = sp_clock_read().mono.us + ms * 1000ull;
    end_turn(rig);
    while (rig->open > 0 && sp_clock_read().mono.us < end) {
        uint64_t left = (end - sp_clock_read().mono.us) / 1000 + 1;
        SP_ASSERT(sp_loop_turn(rig->loop, (int)(left < 100 ? left : 100)) == SP_OK);
    }
}

void rig_finish_all(struct rig *rig)
{
    end_turn(rig);
    while (rig->open > 0) {
        SP_ASSERT(sp_loop_turn(rig->loop, 100) == SP_OK);
    }
}

void rig_cancel(struct rig *rig, unsigned job)
{
    struct rig_job *j = &rig->row[job];
    SP_ASSERT(job < rig->count && !j->result.done);
    rig->adapter->cancel(rig->instance, &j->job);
    j->result.done = true;
    j->result.cancelled = true;
    j->result.took_us = sp_clock_read().mono.us - j->started_us;
    rig->open--;
    memset(&j->job, 0x5a, offsetof(struct sp_adapter_job, slot)); /* whoever still looks at it stumbles */
}

const struct rig_result *rig_result(const struct rig *rig, unsigned job)
{
    SP_ASSERT(job < rig->count);
    return &rig->row[job].result;
}

struct sp_loop *rig_loop(struct rig *rig)
{
    return rig->loop;
}

const char *rig_dir(const struct rig *rig)
{
    return rig->dir;
}

unsigned rig_open_jobs(const struct rig *rig)
{
    return rig->open;
}
