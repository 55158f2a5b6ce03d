/* SPDX-License-Identifier: Apache-2.0 */
/* ima - the run-time measurement list of the node's kernel against a policy (spice-ima-policy(5)), under a quote of its TPM. Judged
 * by spice-appraise (appraisal_ima.c). */
#include "evidence_run.h"

#define POLICY_BYTES (64u << 20)

enum { P_POLICY, P_SHA256, P_CERTIFIED, P_PCRS, P_SIGNERS };

static const struct sp_param params[] = {
    [P_POLICY] = {"policy", SP_PARAM_STR, true, 1, 255, NULL, "policy file, Keylime's or ours, by its path below policy_dir", NULL},
    [P_SHA256] = {"sha256", SP_PARAM_STR, false, 0, 64, "\"\"",
                  "digest the file must have: a new one takes effect with the definition that names it", NULL},
    [P_CERTIFIED] = {"certified", SP_PARAM_BOOL, false, 0, 0, "false", "refuse nodes that were enrolled on first use only", NULL},
    [P_PCRS] = {"pcrs", SP_PARAM_STR, false, 1, 255, "\"sha256:0-10\"",
                "PCRs that are quoted: 10, and those the list's first entry is over, in the bank of its hash", NULL},
    [P_SIGNERS] = {"signers", SP_PARAM_LIST, false, 1, 16, NULL,
                   "public keys (PEM, or DER in base64) of which one must have signed the policy, with ECDSA", NULL},
};

static const struct sp_param settings_table[] = {EVIDENCE_SETTINGS};

static const char *const documents[] = {"quote", "ima", NULL};

static const struct evidence_spec spec = {.kind = "ima",
                                          .params = params,
                                          .params_count = sizeof params / sizeof params[0],
                                          .policy = P_POLICY,
                                          .sha256 = P_SHA256,
                                          .policy_bytes = POLICY_BYTES,
                                          .documents = documents};

static bool ima_init(const struct sp_adapter_host *host, const struct sp_param_value *settings, void **instance, char *why)
{
    return evidence_init(&spec, host, settings, instance, why);
}

const struct sp_adapter adapter_ima = {
    .name = "ima",
    .summary = "run-time measurement list of the node's kernel against a policy, under a quote of its TPM",
    .batch = false,
    .needs = "spice-appraise beside the worker; an enrolled attester on the node; IMA in its kernel",
    .params = params,
    .params_count = sizeof params / sizeof params[0],
    .settings = settings_table,
    .settings_count = sizeof settings_table / sizeof settings_table[0],
    .init = ima_init,
    .fini = evidence_fini,
    .compile = evidence_compile,
    .release = evidence_release,
    .start = evidence_start,
    .cancel = evidence_cancel,
    .turn = NULL,
};
