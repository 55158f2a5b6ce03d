/* SPDX-License-Identifier: Apache-2.0 */
/* noop - ends at once, or after a delay, with the outcome its parameters name: for tests, benchmarks and drills. */
#include <stdlib.h>

#include "adapter.h"
#include "msg.h"

struct noop {
    const struct sp_adapter_host *host;
    struct run *run; /* by slot; only delayed jobs use it */
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

static void on_timer(struct sp_adapter_timer *timer)
{
    struct run *run = timer->arg;
    const struct check *check = run->job->check;
    run->owner->host->finish(run->owner->host->self, run->job, &check->result);
}

static bool noop_init(const struct sp_adapter_host *host, const struct sp_param_value *settings, void **instance, char *why)
{
    struct noop *self = calloc(1, sizeof *self);
    (void)settings;
    (void)why;
    if (self == NULL) {
        return false;
    }
    self->host = host;
    self->run = calloc(host->slots, sizeof *self->run);
    if (self->run == NULL) {
        free(self);
        return false;
    }
    *instance = self;
    return true;
}

static void noop_fini(void *instance)
{
    struct noop *self = instance;
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
    .init = noop_init,
    .fini = noop_fini,
    .compile = noop_compile,
    .release = noop_release,
    .start = noop_start,
    .cancel = noop_cancel,
};
