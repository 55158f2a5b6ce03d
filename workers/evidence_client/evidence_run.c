/* SPDX-License-Identifier: Apache-2.0 */
#include "evidence_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "evidence_policy.h"
#include "msg.h"
#include "sp_assert.h"
#include "sp_clock.h"
#include "sp_hex.h"
#include "sp_random.h"
#include "sp_yaml.h"

#define PARAMS_BYTES_MAX (1u << 20)

enum { S_POLICY_DIR, S_MEMORY, S_SILENT };

struct evidence;

/* One job; by its slot. */
struct run {
    struct evidence *owner;
    struct sp_adapter_job *job; /* NULL: idle */
    struct appraiser_run appraisal;
    struct sp_adapter_ask ask;
    uint8_t nonce[APPRAISAL_NONCE_BYTES];
    uint8_t mode; /* enum sp_enrolment, with identified */
    bool identified;
};

struct evidence {
    const struct evidence_spec *spec;
    const struct sp_adapter_host *host;
    struct appraiser *appraiser;
    struct run *run;
    char policy_dir[SP_FS_PATH_BYTES];
};

/* ---- ends of jobs ---------------------------------------------------------------------------------------------- */

/* Effect: the question is over, the job is reported. */
static void finish(struct run *r, struct sp_adapter_result *result)
{
    struct evidence *self = r->owner;
    struct sp_adapter_job *job = r->job;
    char detail[SP_ADAPTER_DETAIL_MAX], measures[SP_ADAPTER_MEASURES_MAX];
    self->host->ask_stop(self->host->self, &r->ask);
    r->job = NULL;
    if (r->identified && r->mode == SP_ENROLMENT_FIRST_USE) {
        const char *before = result->measures != NULL ? result->measures : "";
        (void)snprintf(detail, sizeof detail, "first-use: %s", result->detail);
        int n = snprintf(measures, sizeof measures, "first_use=1%s%s", before[0] != '\0' ? " " : "", before);
        result->detail = detail;
        result->measures = n > 0 && (size_t)n < sizeof measures ? measures : "first_use=1";
    }
    self->host->finish(self->host->self, job, result);
}

/* Nothing is known of the node: what was kept of it stays. */
static void finish_error(struct run *r, uint16_t reason, const char *detail)
{
    struct sp_adapter_result result = {.outcome = SP_OUTCOME_ERROR,
                                       .reason = reason,
                                       .detail = detail,
                                       .checkpoint = r->job->checkpoint,
                                       .checkpoint_len = r->job->checkpoint_len};
    appraiser_cancel(r->owner->appraiser, &r->appraisal);
    finish(r, &result);
}

static void on_done(struct appraiser_run *appraisal, const struct appraisal_verdict *v, const uint8_t *evidence)
{
    struct run *r = appraisal->arg;
    struct sp_adapter_result result = {.outcome = v->outcome,
                                       .reason = v->reason,
                                       .detail = v->detail,
                                       .measures = v->measures,
                                       .evidence = evidence,
                                       .checkpoint = v->checkpoint,
                                       .checkpoint_len = v->checkpoint_len,
                                       .instance = v->instance};
    if (evidence == NULL) { /* not a verdict: the appraiser died */
        finish_error(r, v->reason, v->detail);
        return;
    }
    finish(r, &result);
}

/* ---- documents ------------------------------------------------------------------------------------------------- */

static void on_want(struct appraiser_run *appraisal, const char *document, const char *args)
{
    struct run *r = appraisal->arg;
    struct evidence *self = r->owner;
    const char *const *allowed = self->spec->documents;
    self->host->ask_stop(self->host->self, &r->ask);
    while (*allowed != NULL && strcmp(*allowed, document) != 0) {
        allowed++;
    }
    if (*allowed == NULL) {
        finish_error(r, SP_REASON_INTERNAL, "the appraiser wants a document that this check has nothing to do with");
        return;
    }
    const struct sp_adapter_question question = {.kind = document, .args = args, .nonce = r->nonce};
    self->host->ask(self->host->self, r->job, &r->ask, &question);
}

static void identify(struct run *r, const struct sp_adapter_identity *who)
{
    r->identified = true;
    r->mode = who->mode;
    bool tpm = who->ak != NULL && who->ek != NULL && who->ak_len <= APPRAISE_AK_MAX;
    const struct appraiser_who to = {
        .mode = who->mode, .ak = sp_str_bytes(tpm ? who->ak : NULL, tpm ? who->ak_len : 0), .ek = tpm ? who->ek : NULL};
    appraiser_identify(r->owner->appraiser, &r->appraisal, &to);
}

static void on_part(struct sp_adapter_ask *ask, const struct sp_adapter_part *part)
{
    struct run *r = ask->arg;
    if (part->reason != SP_REASON_OK) {
        finish_error(r, part->reason,
                     part->detail != NULL && part->detail[0] != '\0' ? part->detail : sp_reason_text(part->reason));
        return;
    }
    if (!r->identified && part->who != NULL) {
        identify(r, part->who);
    }
    if (!r->identified) {
        finish_error(r, SP_REASON_NOT_ENROLLED, sp_reason_text(SP_REASON_NOT_ENROLLED));
        return;
    }
    if (!appraiser_push(r->owner->appraiser, &r->appraisal, sp_str_bytes(part->bytes, part->n), part->last)) {
        finish_error(r, SP_REASON_BUSY, "more evidence is on its way than the appraiser can take");
    }
}

/* ---- the contract of adapter.h --------------------------------------------------------------------------------- */

bool evidence_init(const struct evidence_spec *spec, const struct sp_adapter_host *host, const struct sp_param_value *settings,
                   void **instance, char *why)
{
    const struct appraiser_options options = {.memory_mb = (uint32_t)settings[S_MEMORY].num,
                                              .silent_ms = (uint32_t)settings[S_SILENT].num};
    struct evidence *self = calloc(1, sizeof *self);
    (void)snprintf(why, SP_ADAPTER_WHY_MAX, "no memory");
    if (self == NULL) {
        return false;
    }
    self->spec = spec;
    self->host = host;
    self->run = calloc(host->slots, sizeof *self->run);
    bool ok = self->run != NULL;
    if (ok && sp_fs_join(self->policy_dir, sizeof self->policy_dir, host->prefix, settings[S_POLICY_DIR].str) != SP_OK) {
        (void)snprintf(why, SP_ADAPTER_WHY_MAX, "policy_dir is too long");
        ok = false;
    }
    if (!ok || !appraiser_open(host, &options, &self->appraiser, why)) {
        free(self->run);
        free(self);
        return false;
    }
    for (uint32_t i = 0; i < host->slots; i++) {
        struct run *r = &self->run[i];
        r->owner = self;
        r->appraisal = (struct appraiser_run){.want = on_want, .done = on_done, .arg = r};
        r->ask = (struct sp_adapter_ask){.part = on_part, .arg = r};
    }
    *instance = self;
    return true;
}

void evidence_fini(void *instance)
{
    struct evidence *self = instance;
    appraiser_close(&self->appraiser);
    free(self->run);
    free(self);
}

static void put_texts(const struct sp_param_value *v, bool map, struct sp_buf *b)
{
    sp_buf_text(b, map ? "{" : "[");
    for (size_t i = 0; i < v->list_len; i++) {
        sp_buf_text(b, i == 0 ? "" : map && i % 2 == 1 ? ":" : ",");
        sp_yaml_json_string(sp_str_of(v->list[i]), b);
    }
    sp_buf_text(b, map ? "}" : "]");
}

static void put_value(const struct sp_param *row, const struct sp_param_value *v, struct sp_buf *b)
{
    switch (row->type) {
    case SP_PARAM_INT:
    case SP_PARAM_DURATION:
        sp_buf_format(b, "%lld", (long long)v->num);
        break;
    case SP_PARAM_BOOL:
        sp_buf_text(b, v->num != 0 ? "true" : "false");
        break;
    case SP_PARAM_STR:
    case SP_PARAM_ENUM:
        sp_yaml_json_string(sp_str_bytes(v->str, v->str_len), b);
        break;
    case SP_PARAM_LIST:
    case SP_PARAM_MAP:
        put_texts(v, row->type == SP_PARAM_MAP, b);
        break;
    default:
        SP_UNREACHABLE();
    }
}

/* Parameters as the module gets them: all that have a value but the digest of the policy, which is for us. */
static void put_params(const struct evidence_spec *spec, const struct sp_param_value *params, struct sp_buf *b)
{
    const char *between = "";
    sp_buf_text(b, "{");
    for (size_t i = 0; i < spec->params_count; i++) {
        if (params[i].given && (int)i != spec->sha256) {
            sp_buf_format(b, "%s\"%s\":", between, spec->params[i].name);
            put_value(&spec->params[i], &params[i], b);
            between = ",";
        }
    }
    sp_buf_text(b, "}");
}

static bool read_params(struct evidence *self, struct evidence_policy *p, const struct sp_param_value *params, char *why)
{
    const struct evidence_spec *spec = self->spec;
    const char *pin = spec->sha256 >= 0 ? params[spec->sha256].str : "";
    put_params(spec, params, &p->params);
    if (p->params.failed) {
        (void)snprintf(why, SP_ADAPTER_WHY_MAX, "no memory, or too many parameters");
        return false;
    }
    if (pin[0] != '\0' && !sp_hex_parse(sp_str_of(pin), p->pin, sizeof p->pin)) {
        (void)snprintf(why, SP_ADAPTER_WHY_MAX, "%s: 64 hexadecimal digits are wanted", spec->params[spec->sha256].name);
        return false;
    }
    p->pinned = pin[0] != '\0';
    return spec->policy < 0 || !params[spec->policy].given ||
           evidence_policy_name(p, self->policy_dir, params[spec->policy].str, why);
}

void *evidence_compile(void *instance, const struct sp_param_value *params, char *why)
{
    struct evidence *self = instance;
    struct evidence_policy *p = calloc(1, sizeof *p);
    (void)snprintf(why, SP_ADAPTER_WHY_MAX, "no memory");
    if (p == NULL) {
        return NULL;
    }
    p->kind = self->spec->kind;
    p->most = self->spec->policy_bytes;
    p->number = APPRAISER_NONE;
    sp_buf_init(&p->params, PARAMS_BYTES_MAX);
    if (!read_params(self, p, params, why)) {
        evidence_release(self, p);
        return NULL;
    }
    (void)evidence_policy_get(p, self->appraiser, self->host->now_us(self->host->self)); /* runs say what is wrong with it */
    return p;
}

void evidence_release(void *instance, void *check)
{
    struct evidence *self = instance;
    evidence_policy_fini(check, self->appraiser);
    free(check);
}

void evidence_start(void *instance, struct sp_adapter_job *job)
{
    struct evidence *self = instance;
    struct run *r = &self->run[job->slot];
    struct evidence_policy *p = (struct evidence_policy *)(uintptr_t)job->check; /* ours; the contract lends it as const */
    const struct sp_now now = sp_clock_read();
    SP_ASSERT(r->job == NULL);
    r->job = job;
    r->identified = false;
    uint32_t policy = evidence_policy_get(p, self->appraiser, self->host->now_us(self->host->self));
    if (policy == APPRAISER_NONE) {
        finish_error(r, p->reason, p->why);
        return;
    }
    if (sp_clock_wall_state(now.wall, NULL) == SP_CLOCK_WALL_WRONG) {
        finish_error(r, SP_REASON_INTERNAL, "the clock of this worker's host is certainly wrong");
        return;
    }
    sp_random_bytes(r->nonce, sizeof r->nonce);
    const struct appraiser_question q = {.node = sp_str_of(job->node),
                                         .checkpoint = sp_str_bytes(job->checkpoint, job->checkpoint_len),
                                         .nonce = r->nonce,
                                         .now_s = now.wall.ms / 1000};
    if (!appraiser_begin(self->appraiser, &r->appraisal, policy, &q)) {
        finish_error(r, SP_REASON_BUSY, "too many runs at once in the appraiser");
    }
}

void evidence_cancel(void *instance, struct sp_adapter_job *job)
{
    struct evidence *self = instance;
    struct run *r = &self->run[job->slot];
    self->host->ask_stop(self->host->self, &r->ask);
    appraiser_cancel(self->appraiser, &r->appraisal);
    r->job = NULL;
}
