/* SPDX-License-Identifier: Apache-2.0 */
/* files - trees of the node against a tree manifest: content, types, modes, owners, what is missing and what should not be there.
 * Judged by spice-appraise (appraisal_files.c), which also decides whether the manifest counts. */
#include "evidence_run.h"

#define MANIFEST_BYTES (64u << 20)

enum { P_MANIFEST, P_SIGNERS, P_SHA256 };

static const struct sp_param params[] = {
    [P_MANIFEST] = {"manifest", SP_PARAM_STR, true, 1, 255, NULL, "tree manifest, by its path below policy_dir", NULL},
    [P_SIGNERS] = {"signers", SP_PARAM_LIST, false, 1, 16, NULL,
                   "public keys (64 hexadecimal digits) of which one must have signed the manifest", NULL},
    [P_SHA256] = {"sha256", SP_PARAM_STR, false, 64, 64, NULL,
                  "digest the manifest must have; at least one of signers and sha256 is needed", NULL},
};

static const struct sp_param settings_table[] = {EVIDENCE_SETTINGS};

static const char *const documents[] = {"files", NULL};

/* The module compares the digest itself: what it believes a manifest for must be in what it is given. */
static const struct evidence_spec spec = {.kind = "files",
                                          .params = params,
                                          .params_count = sizeof params / sizeof params[0],
                                          .policy = P_MANIFEST,
                                          .sha256 = -1,
                                          .policy_bytes = MANIFEST_BYTES,
                                          .documents = documents};

static bool files_init(const struct sp_adapter_host *host, const struct sp_param_value *settings, void **instance, char *why)
{
    return evidence_init(&spec, host, settings, instance, why);
}

const struct sp_adapter adapter_files = {
    .name = "files",
    .summary = "trees of the node against a signed manifest",
    .batch = false,
    .needs = "spice-appraise beside the worker; an enrolled attester on the node that allows the trees",
    .params = params,
    .params_count = sizeof params / sizeof params[0],
    .settings = settings_table,
    .settings_count = sizeof settings_table / sizeof settings_table[0],
    .init = files_init,
    .fini = evidence_fini,
    .compile = evidence_compile,
    .release = evidence_release,
    .start = evidence_start,
    .cancel = evidence_cancel,
    .turn = NULL,
};
