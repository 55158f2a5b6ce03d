/* SPDX-License-Identifier: Apache-2.0 */
/*
 * evidence_run.h - what adapters of evidence share: nonce, questions to the node's attester, bytes handed on to the appraiser, the
 * result. Such an adapter is a parameter table and one struct evidence_spec; it judges nothing. Which documents are asked for, and
 * in which order, is the module's decision (appraisal.h), within what the spec allows.
 */
#ifndef SPICE_EVIDENCE_RUN_H
#define SPICE_EVIDENCE_RUN_H

#include "adapter.h"

/* Constant of an adapter. */
struct evidence_spec {
    const char *kind; /* name of adapter and module */
    const struct sp_param *params;
    size_t params_count;
    int policy;                   /* row of params (a text): path of the policy file below policy_dir; -1: there is none */
    int sha256;                   /* row of params (a text): digest the file must have, empty: any; -1: there is none */
    size_t policy_bytes;          /* most of a file */
    const char *const *documents; /* kinds of documents attesters are asked for; NULL-terminated */
};

/* First rows of the settings table of each such adapter, in this order. The worker's one appraiser is started with the settings of
 * the adapter that needs it first. */
#define EVIDENCE_SETTINGS                                                                                                          \
    {"policy_dir", SP_PARAM_STR, false, 1, 400, "\"etc/policies\"", "directory of policies, below the prefix unless absolute",     \
     NULL},                                                                                                                        \
        {"appraiser_memory_mb", SP_PARAM_INT, false, 64, 65536, "1024", "address space of spice-appraise", NULL},                  \
    {                                                                                                                              \
        "appraiser_silent_ms", SP_PARAM_INT, false, 1000, 3600000, "60000",                                                        \
            "spice-appraise is taken for hung when it owes an answer for so long", NULL                                            \
    }
#define EVIDENCE_SETTINGS_COUNT 3u

/* The functions of struct sp_adapter but init, for its table. */
bool evidence_init(const struct evidence_spec *spec, const struct sp_adapter_host *host, const struct sp_param_value *settings,
                   void **instance, char *why);
void evidence_fini(void *instance);
void *evidence_compile(void *instance, const struct sp_param_value *params, char *why);
void evidence_release(void *instance, void *check);
void evidence_start(void *instance, struct sp_adapter_job *job);
void evidence_cancel(void *instance, struct sp_adapter_job *job);

#endif
