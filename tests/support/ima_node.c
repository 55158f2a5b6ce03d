/* SPDX-License-Identifier: Apache-2.0 */
#include "ima_node.h"

#include <stdio.h>
#include <stdlib.h>

#include "sp_assert.h"

void ima_node_key(const struct evidence_bed *bed, struct ima_node *n)
{
    n->bed = bed;
    fake_tpm_init(&n->tpm, false);
}

void ima_node_policy(struct ima_node *n, const char *policy)
{
    char why[APPRAISAL_WHY_MAX] = "";
    if (n->policy != NULL) {
        appraisal_ima.policy_free(n->policy);
    }
    n->policy = appraisal_ima.policy_new(&n->bed->ops, sp_str_of(n->params), sp_str_of(policy), why);
    if (n->policy == NULL) {
        (void)fprintf(stderr, "%s: %s\n", policy, why);
        abort();
    }
}

void ima_node_open(const struct evidence_bed *bed, struct ima_node *n, const char *policy)
{
    *n = (struct ima_node){.params = "{}", .part = 1000, .budget = {.most = 16u << 20}};
    ima_node_key(bed, n);
    ima_node_policy(n, policy);
    SP_ASSERT(appraisal_keys_new(bed->crypto, 2, &n->keys) == SP_OK);
    ima_list_begin(bed, &n->list);
}

void ima_node_close(struct ima_node *n)
{
    fake_tpm_fini(&n->tpm);
    appraisal_ima.policy_free(n->policy);
    appraisal_keys_destroy(&n->keys);
    ima_list_free(&n->list);
}

void ima_node_quote_now(struct ima_node *n)
{
    memcpy(n->tpm.sha256[IMA_PCR], n->list.pcr, sizeof n->list.pcr);
}

/* ---- checks ---------------------------------------------------------------------------------------------------- */

/* Gives a document to the run in parts, each in memory of its own. */
static void give(struct ima_node *n, void *run, struct sp_str document)
{
    uint32_t at = 0;
    bool wanted = true;
    do {
        uint32_t bytes = document.n - at < n->part ? document.n - at : (uint32_t)n->part;
        uint8_t *copy = malloc(bytes > 0 ? bytes : 1);
        SP_ASSERT(copy != NULL);
        if (bytes > 0) {
            memcpy(copy, document.p + at, bytes);
        }
        at += bytes;
        wanted = appraisal_ima.push(run, sp_str_bytes(copy, bytes), at == document.n);
        n->most_used = n->budget.used > n->most_used ? n->budget.used : n->most_used;
        free(copy);
    } while (wanted && at < document.n);
}

static void give_list(struct ima_node *n, void *run, const char *args)
{
    unsigned long long from = 0;
    SP_ASSERT(sscanf(args, "{\"from\":%llu}", &from) == 1);
    from = n->ignore_from ? 0 : from;
    size_t bytes = from < n->list.n ? n->list.n - (size_t)from : 0;
    bytes = n->answer_most > 0 && bytes > n->answer_most ? n->answer_most : bytes;
    n->lists_asked++;
    n->list_bytes += bytes;
    give(n, run, sp_str_bytes(n->list.p + (bytes > 0 ? from : 0), bytes));
}

void ima_node_check(struct ima_node *n)
{
    static struct appraisal_want want;
    static uint8_t nonce[APPRAISAL_NONCE_BYTES];
    uint8_t binding[32];
    nonce[0]++;
    appraisal_binding(nonce, sp_str_of("node-1"), binding);
    const struct appraisal_key *key = n->no_key ? NULL : appraisal_keys_get(n->keys, sp_str_bytes(n->tpm.ak, n->tpm.ak_len));
    SP_ASSERT(n->no_key || key != NULL);
    const struct appraisal_question question = {.node = sp_str_of("node-1"),
                                                .nonce = nonce,
                                                .binding = binding,
                                                .key = key,
                                                .checkpoint = sp_str_bytes(n->checkpoint, n->checkpoint_len),
                                                .ops = &n->bed->ops,
                                                .crypto = n->bed->crypto,
                                                .budget = &n->budget};
    void *run = appraisal_ima.begin(n->policy, &question);
    n->lists_asked = 0;
    n->list_bytes = n->most_used = 0;
    SP_ASSERT(run != NULL);
    for (unsigned i = 0; appraisal_ima.want(run, &want); i++) {
        SP_ASSERT(i < 100);
        if (strcmp(want.document, "quote") == 0) {
            SP_ASSERT(strcmp(want.args, "{\"pcrs\":\"sha256:0-10\"}") == 0);
            fake_tpm_quote(&n->tpm, &(struct rig_question){"node-1", want.document, want.args, nonce}, n->flaw);
            give(n, run, sp_str_bytes(n->tpm.document, n->tpm.document_len));
        } else {
            give_list(n, run, want.args);
        }
    }
    n->verdict = (struct appraisal_verdict){.checkpoint_len = n->checkpoint_len};
    memcpy(n->verdict.checkpoint, n->checkpoint, n->checkpoint_len);
    appraisal_ima.judge(run, &n->verdict);
    appraisal_ima.drop(run);
    if (key != NULL) {
        appraisal_keys_release(n->keys, key);
    }
    n->checkpoint_len = n->verdict.checkpoint_len;
    memcpy(n->checkpoint, n->verdict.checkpoint, n->checkpoint_len);
}
