/* SPDX-License-Identifier: Apache-2.0 */
/* `procmem`: one document about the services of the policy, judged whole (procmem_rules.h). */
#include "appraisal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "procmem_policy.h"

static const char *const documents[] = {"procmem", NULL};

struct run {
    const struct procmem_policy_file *policy;
    const struct appraisal_question *question;
    struct appraisal_bytes document;
    bool asked, whole, too_large;
};

static void *policy_new(const struct evidence_ops *ops, struct sp_str params, struct sp_str policy, char *why)
{
    (void)ops;
    (void)params;
    return procmem_policy_new(policy, why);
}

static void policy_free(void *policy)
{
    struct procmem_policy_file *p = policy;
    procmem_policy_destroy(&p);
}

static void *begin(const void *policy, const struct appraisal_question *question)
{
    struct run *r = calloc(1, sizeof *r);
    if (r != NULL) {
        r->policy = policy;
        r->question = question;
    }
    return r;
}

/* Names of services are letters, digits and . _ -: nothing to escape. */
static bool want(void *state, struct appraisal_want *out)
{
    struct run *r = state;
    const struct procmem_policy *policy = &r->policy->policy;
    size_t n = 0;
    if (r->asked) {
        return false;
    }
    r->asked = true;
    out->document = documents[0];
    n += (size_t)snprintf(out->args, sizeof out->args, "{\"md5\":%s,\"services\":[",
                          r->policy->digests.md5_count > 0 ? "true" : "false");
    for (uint32_t i = 0; i < policy->rules; i++) {
        n += (size_t)snprintf(out->args + n, sizeof out->args - n, "%s\"%s\"", i > 0 ? "," : "", policy->rule[i].name);
    }
    n += (size_t)snprintf(out->args + n, sizeof out->args - n, "]}");
    SP_ASSERT(n < sizeof out->args);
    return true;
}

SP_STATIC_ASSERT(PROCMEM_SERVICES_MAX *(PROCMEM_NAME_MAX + 3u) + 64u < APPRAISAL_ARGS_MAX, "all names fit");

static bool push(void *state, struct sp_str bytes, bool last)
{
    struct run *r = state;
    if (!appraisal_bytes_add(&r->document, r->question->budget, PROCMEM_DOC_BYTES_MAX, bytes)) {
        r->too_large = true;
        return false;
    }
    r->whole = last;
    return true;
}

static void judge(void *state, struct appraisal_verdict *out)
{
    struct run *r = state;
    struct procmem_judgement j;
    if (r->too_large || !r->whole) {
        appraisal_say(out, r->too_large ? EVIDENCE_PROCMEM_LIMIT : EVIDENCE_PROCMEM_MALFORMED, "%s",
                      r->too_large ? "the document is larger than the appraiser may keep" : "the document is not whole");
        return;
    }
    procmem_judge(&r->policy->policy, sp_str_bytes(r->document.p, r->document.n), &j);
    if (j.reason != EVIDENCE_OK) {
        appraisal_say(out, j.reason, "%s", j.text);
        out->outcome = (uint8_t)j.outcome;
    } else if (j.outcome == SP_OUTCOME_WARN) {
        appraisal_end(out, SP_OUTCOME_WARN, SP_REASON_REMARK, "%s", j.text);
    } else {
        appraisal_end(out, SP_OUTCOME_PASS, SP_REASON_OK, "%" PRIu32 " processes of %" PRIu32 " services execute what they should",
                      j.processes, r->policy->policy.rules);
    }
    (void)snprintf(out->measures, sizeof out->measures,
                   "processes=%" PRIu32 " mappings=%" PRIu32 " files=%" PRIu32 " compared=%" PRIu64 "B findings=%" PRIu32,
                   j.processes, j.mappings, j.files, j.compared, j.findings);
}

static void drop(void *state)
{
    struct run *r = state;
    appraisal_bytes_free(&r->document, r->question->budget);
    free(r);
}

const struct appraisal_module appraisal_procmem = {
    .kind = "procmem",
    .documents = documents,
    .policy_new = policy_new,
    .policy_free = policy_free,
    .begin = begin,
    .want = want,
    .push = push,
    .judge = judge,
    .drop = drop,
};
