/* SPDX-License-Identifier: Apache-2.0 */
/* noop - ends at once, or after a delay, with the outcome its parameters name: for tests, benchmarks and drills. With the setting
 * `log` it notes each run in a file that nobody else writes to, so that a benchmark can count what really ran, and when. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adapter.h"
#include "msg.h"
#include "noop_log.h"
#include "sp_clock.h"
#include "sp_fs.h"
#include "sp_ticket.h"

#define NOTES_MAX 2048u

struct noop {
    const struct sp_adapter_host *host;
    struct run *run; /* by slot; only delayed jobs use it */
    int log;         /* -1: none */
    uint32_t notes;  /* in note[], not written yet */
    struct noop_note note[NOTES_MAX];
};

struct run {
    struct noop *owner;
    struct sp_adapter_job *job;
    struct sp_adapter_timer timer;
};

struct check {
    struct sp_adapter_result result;
    uint64_t delay_us;
    char detail[256];
};

enum { P_OUTCOME, P_DELAY, P_DETAIL };

static const struct sp_param params[] = {
    [P_OUTCOME] = {"outcome", SP_PARAM_ENUM, false, 0, 0, "\"pass\"", "how the check ends", "pass|warn|fail|error"},
    [P_DELAY] = {"delay", SP_PARAM_DURATION, false, 0, 3600000, "\"0\"", "how long it takes", NULL},
    [P_DETAIL] = {"detail", SP_PARAM_STR, false, 0, 255, NULL, "text of the result", NULL},
};

enum { S_LOG };
static const struct sp_param settings[] = {
    [S_LOG] = {"log", SP_PARAM_STR, false, 1, 255, NULL, "file that gets a note of each run, for benchmarks", NULL},
};

/* Appended in one call, so that workers may share a file. */
static void log_flush(struct noop *self)
{
    size_t bytes = self->notes * sizeof self->note[0];
    if (bytes > 0 && write(self->log, self->note, bytes) != (ssize_t)bytes) {
        self->host->log(self->host->self, 'e', "noop: the log of runs cannot be written; it is not complete");
    }
    self->notes = 0;
}

static void log_run(struct noop *self, const struct sp_adapter_job *job)
{
    struct sp_ticket t;
    if (job->ticket == NULL || sp_ticket_decode(job->ticket, &t) != SP_OK) {
        return;
    }
    self->note[self->notes++] = (struct noop_note){
        .start_us = sp_clock_mono().us, .job = t.job, .issued_ms = t.issued_ms, .check = t.check, .node = t.node};
    if (self->notes == NOTES_MAX) {
        log_flush(self);
    }
}

static void on_timer(struct sp_adapter_timer *timer)
{
    struct run *run = timer->arg;
    const struct check *check = run->job->check;
    run->owner->host->finish(run->owner->host->self, run->job, &check->result);
}

static bool noop_init(const struct sp_adapter_host *host, const struct sp_param_value *given, void **instance, char *why)
{
    char path[SP_FS_PATH_BYTES];
    struct noop *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return false;
    }
    self->host = host;
    self->log = -1;
    if (given[S_LOG].given) {
        bool ok = sp_fs_join(path, sizeof path, host->prefix, given[S_LOG].str) == SP_OK;
        self->log = ok ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600) : -1;
        if (self->log < 0) {
            (void)snprintf(why, SP_ADAPTER_WHY_MAX, "log %s cannot be opened", given[S_LOG].str);
            free(self);
            return false;
        }
    }
    self->run = calloc(host->slots, sizeof *self->run);
    if (self->run == NULL) {
        if (self->log >= 0) {
            (void)close(self->log);
        }
        free(self);
        return false;
    }
    *instance = self;
    return true;
}

static void noop_fini(void *instance)
{
    struct noop *self = instance;
    if (self->log >= 0) {
        log_flush(self);
        (void)close(self->log);
    }
    free(self->run);
    free(self);
}

static void *noop_compile(void *instance, const struct sp_param_value *params_given, char *why)
{
    static const uint8_t outcomes[] = {SP_OUTCOME_PASS, SP_OUTCOME_WARN, SP_OUTCOME_FAIL, SP_OUTCOME_ERROR};
    static const uint16_t reasons[] = {SP_REASON_OK, SP_REASON_REMARK, SP_REASON_CONTENT, SP_REASON_INTERNAL};
    struct check *check = calloc(1, sizeof *check);
    (void)instance;
    (void)why;
    if (check != NULL) {
        check->delay_us = (uint64_t)params_given[P_DELAY].num * 1000u;
        check->result.outcome = outcomes[params_given[P_OUTCOME].num];
        check->result.reason = reasons[params_given[P_OUTCOME].num];
        if (params_given[P_DETAIL].given) {
            (void)sp_str_copy(check->detail, sizeof check->detail, sp_str_of(params_given[P_DETAIL].str));
            check->result.detail = check->detail;
        }
    }
    return check;
}

static void noop_release(void *instance, void *check)
{
    (void)instance;
    free(check);
}

static void noop_start(void *instance, struct sp_adapter_job *job)
{
    struct noop *self = instance;
    const struct check *check = job->check;
    if (self->log >= 0) {
        log_run(self, job);
    }
    if (check->delay_us == 0) {
        self->host->finish(self->host->self, job, &check->result);
        return;
    }
    struct run *run = &self->run[job->slot];
    *run = (struct run){.owner = self, .job = job, .timer = {.fire = on_timer, .arg = run}};
    self->host->timer(self->host->self, &run->timer, self->host->now_us(self->host->self) + check->delay_us);
}

static void noop_cancel(void *instance, struct sp_adapter_job *job)
{
    struct noop *self = instance;
    self->host->timer(self->host->self, &self->run[job->slot].timer, 0);
}

const struct sp_adapter adapter_noop = {
    .name = "noop",
    .summary = "ends at once with a chosen outcome; for tests, benchmarks and drills",
    .needs = "",
    .params = params,
    .params_count = sizeof params / sizeof params[0],
    .settings = settings,
    .settings_count = sizeof settings / sizeof settings[0],
    .init = noop_init,
    .fini = noop_fini,
    .compile = noop_compile,
    .release = noop_release,
    .start = noop_start,
    .cancel = noop_cancel,
};
