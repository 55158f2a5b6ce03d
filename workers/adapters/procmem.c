/* SPDX-License-Identifier: Apache-2.0 */
/* procmem - do running services execute what they should? Asks the attester of the node about the executable memory of the services
 * a policy names; spice-appraise judges. */
#include <stddef.h>

#include "evidence_run.h"

#define POLICY_BYTES_MAX (64u << 20)

enum { P_POLICY, P_SHA256, P_COUNT };

static const struct sp_param params[P_COUNT] = {
    [P_POLICY] = {"policy", SP_PARAM_STR, true, 1, 255, NULL, "file of the policy, below the worker's policy_dir", NULL},
    [P_SHA256] = {"sha256", SP_PARAM_STR, false, 64, 64, NULL, "digest the policy file must have", NULL},
};

static const struct sp_param settings[] = {EVIDENCE_SETTINGS};

static const char *const documents[] = {"procmem", NULL};

static const struct evidence_spec spec = {
    .kind = "procmem",
    .params = params,
    .params_count = P_COUNT,
    .policy = P_POLICY,
    .sha256 = P_SHA256,
    .policy_bytes = POLICY_BYTES_MAX,
    .documents = documents,
};

static bool procmem_init(const struct sp_adapter_host *host, const struct sp_param_value *values, void **instance, char *why)
{
    return evidence_init(&spec, host, values, instance, why);
}

const struct sp_adapter adapter_procmem = {
    .name = "procmem",
    .summary = "do running services execute what they should?",
    .needs = "an attester on each node; spice-appraise",
    .params = params,
    .params_count = P_COUNT,
    .settings = settings,
    .settings_count = EVIDENCE_SETTINGS_COUNT,
    .init = procmem_init,
    .fini = evidence_fini,
    .compile = evidence_compile,
    .release = evidence_release,
    .start = evidence_start,
    .cancel = evidence_cancel,
};
