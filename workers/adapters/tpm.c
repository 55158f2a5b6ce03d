/* SPDX-License-Identifier: Apache-2.0 */
/* tpm - a quote of the node's TPM over the PCRs of a reference file, with the boot log that leads to them. Judged by spice-appraise
 * (appraisal_tpm.c). */
#include "evidence_run.h"

#define REFERENCE_BYTES (4u << 20)

enum { P_REFERENCE, P_SHA256, P_CERTIFIED };

static const struct sp_param params[] = {
    [P_REFERENCE] = {"reference", SP_PARAM_STR, true, 1, 255, NULL, "file of reference values, by its path below policy_dir", NULL},
    [P_SHA256] = {"sha256", SP_PARAM_STR, false, 0, 64, "\"\"",
                  "digest the file must have: a new one takes effect with the definition that names it", NULL},
    [P_CERTIFIED] = {"certified", SP_PARAM_BOOL, false, 0, 0, "false", "refuse nodes that were enrolled on first use only", NULL},
};

static const struct sp_param settings_table[] = {EVIDENCE_SETTINGS};

static const char *const documents[] = {"quote", "bootlog", NULL};

static const struct evidence_spec spec = {.kind = "tpm",
                                          .params = params,
                                          .params_count = sizeof params / sizeof params[0],
                                          .policy = P_REFERENCE,
                                          .sha256 = P_SHA256,
                                          .policy_bytes = REFERENCE_BYTES,
                                          .documents = documents};

static bool tpm_init(const struct sp_adapter_host *host, const struct sp_param_value *settings, void **instance, char *why)
{
    return evidence_init(&spec, host, settings, instance, why);
}

const struct sp_adapter adapter_tpm = {
    .name = "tpm",
    .summary = "quote of the node's TPM and its boot log against reference values",
    .batch = false,
    .needs = "spice-appraise beside the worker; an enrolled attester on the node",
    .params = params,
    .params_count = sizeof params / sizeof params[0],
    .settings = settings_table,
    .settings_count = sizeof settings_table / sizeof settings_table[0],
    .init = tpm_init,
    .fini = evidence_fini,
    .compile = evidence_compile,
    .release = evidence_release,
    .start = evidence_start,
    .cancel = evidence_cancel,
    .turn = NULL,
};
