/* SPDX-License-Identifier: Apache-2.0 */
/* The module tpm with the recorded quotes: genuine ones of software TPMs and real kernels pass with values made from them, and each
 * recorded attack ends with the reason of the wire for it. */
#include "appraisal_quote.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "evidence_bed.h"
#include "sections.h"
#include "sp_assert.h"
#include "sp_hex.h"

static struct evidence_bed bed;
static struct evidence_case *cases;
static size_t count;
static const struct appraisal_module *tpm;

/* A reference file with the values of a case's own list, all PCRs of it quoted; `log`: what must follow from the boot log. */
static void reference_of(const struct evidence_case *one, const char *log, char *to, size_t size)
{
    char quote[TPM_SELECTION_TEXT_MAX];
    static struct tpm_pcrs pcrs;
    size_t n = 0;
    tpm_selection_text(&one->selection, quote);
    if (tpm_pcrs_read(one->pcrs, &one->selection, &pcrs) != EVIDENCE_OK) {
        memset(&pcrs, 0, sizeof pcrs);
        pcrs.selection = one->selection;
    }
    n += (size_t)snprintf(to + n, size - n, "reference: 1\nquote: %s\nboot_log: %s\nprofiles:\n- name: recorded\n  pcrs:\n", quote,
                          log);
    for (uint32_t b = 0; b < one->selection.banks; b++) {
        const struct tpm_bank *bank = &one->selection.bank[b];
        n += (size_t)snprintf(to + n, size - n, "    %s:\n", tpm_alg_name(bank->alg));
        for (uint32_t i = 0; i < TPM_PCRS; i++) {
            char hex[2 * TPM_DIGEST_MAX + 1];
            if ((bank->pcrs >> i & 1u) != 0) {
                sp_hex_write(pcrs.value[b][i], tpm_alg_bytes(bank->alg), hex);
                n += (size_t)snprintf(to + n, size - n, "      %u: %s\n", i, hex);
            }
        }
    }
}

static size_t document_of(const struct evidence_case *one, uint8_t *to, size_t size)
{
    struct sections_writer w;
    sections_begin(&w, to, size);
    sections_add(&w, "attest", one->attest);
    sections_add(&w, "signature", one->signature);
    sections_add(&w, "pcrs", one->pcrs);
    SP_ASSERT(!w.bad);
    return w.n;
}

static void run_case(const struct evidence_case *one, void *policy, struct appraisal_verdict *v)
{
    static uint8_t document[65536];
    static struct appraisal_want want;
    struct appraisal_budget budget = {.most = 16u << 20};
    struct appraisal_key key = {.reason = one->key_reason, .ak = one->ak, .key = one->key};
    static const uint8_t ek[32];
    const struct appraisal_question q = {.node = sp_str_of("n1"),
                                         .nonce = one->nonce,
                                         .binding = one->nonce, /* these were made before there was a binding */
                                         .key = &key,
                                         .ek = ek,
                                         .signer = sp_str_bytes(one->signer.b, one->signer.n),
                                         .mode = SP_ENROLMENT_CERTIFIED,
                                         .now_s = 1790000000,
                                         .ops = &bed.ops,
                                         .crypto = bed.crypto,
                                         .budget = &budget};
    void *state = tpm->begin(policy, &q);
    assert_non_null(state);
    for (unsigned i = 0; tpm->want(state, &want); i++) {
        bool quote = strcmp(want.document, "quote") == 0;
        assert_true(quote == (i == 0) && i < 2);
        struct sp_str bytes = quote ? sp_str_bytes(document, document_of(one, document, sizeof document)) : one->log;
        (void)tpm->push(state, bytes, true);
    }
    *v = (struct appraisal_verdict){0};
    tpm->judge(state, v);
    tpm->drop(state);
    assert_int_equal(budget.used, 0);
}

static void recorded(void **state)
{
    static char reference[16384];
    static struct appraisal_verdict v;
    char why[APPRAISAL_WHY_MAX] = "";
    const struct evidence_case *one = *state;
    reference_of(one, one->log.p != NULL ? "{pcrs: '0-7'}" : "{judge: ignored}", reference, sizeof reference);
    void *policy = tpm->policy_new(&bed.ops, sp_str_of("{}"), sp_str_of(reference), why);
    if (policy == NULL) { /* a bank of SHA-1 alone is not judged at all */
        assert_int_equal(one->selection.banks, 1);
        assert_int_equal(one->selection.bank[0].alg, TPM_ALG_SHA1);
        assert_non_null(strstr(why, "only a bank of SHA-1"));
        return;
    }
    run_case(one, policy, &v);
    char word[64];
    unsigned reason = 0;
    (void)snprintf(word, sizeof word, "%s", one->reason);
    for (char *p = word; *p != '\0'; p++) {
        *p = *p == '-' ? '_' : *p;
    }
    assert_true(sp_reason_find(sp_str_of(word), &reason));
    if (v.reason != reason || (v.outcome == SP_OUTCOME_PASS) != (reason == SP_REASON_OK)) {
        fail_msg("%s: outcome %u, reason %u, %s", one->id, v.outcome, v.reason, v.detail);
    }
    tpm->policy_free(policy);
}

static void every_cut_of_a_document_is_refused(void **state)
{
    static char reference[16384];
    static uint8_t document[65536];
    static struct appraisal_verdict v;
    char why[APPRAISAL_WHY_MAX];
    const struct evidence_case *one = evidence_case_find(cases, count, "quote-good-ecc");
    (void)state;
    reference_of(one, "{judge: ignored}", reference, sizeof reference);
    void *policy = tpm->policy_new(&bed.ops, sp_str_of("{}"), sp_str_of(reference), why);
    assert_non_null(policy);
    size_t n = document_of(one, document, sizeof document);
    for (size_t cut = 0; cut <= n; cut++) {
        struct appraisal_budget budget = {.most = 1u << 20};
        const struct appraisal_key key = {.reason = one->key_reason, .ak = one->ak, .key = one->key};
        const struct appraisal_question q = {.binding = one->nonce, .key = &key, .ops = &bed.ops, .budget = &budget, .now_s = 1};
        void *run = tpm->begin(policy, &q);
        uint8_t *exact = malloc(cut > 0 ? cut : 1);
        memcpy(exact, document, cut);
        (void)tpm->push(run, sp_str_bytes(exact, cut), true);
        v = (struct appraisal_verdict){0};
        tpm->judge(run, &v);
        assert_int_equal(v.outcome, cut == n ? SP_OUTCOME_PASS : SP_OUTCOME_ERROR);
        tpm->drop(run);
        free(exact);
    }
    tpm->policy_free(policy);
}

static void the_budget_of_all_runs_holds(void **state)
{
    static char reference[16384];
    static struct appraisal_verdict v;
    static uint8_t zero[8192];
    char why[APPRAISAL_WHY_MAX];
    const struct evidence_case *one = evidence_case_find(cases, count, "quote-good-ecc");
    (void)state;
    reference_of(one, "{judge: ignored}", reference, sizeof reference);
    void *policy = tpm->policy_new(&bed.ops, sp_str_of("{}"), sp_str_of(reference), why);
    struct appraisal_budget budget = {.most = 10000};
    const struct appraisal_key key = {.reason = one->key_reason, .ak = one->ak, .key = one->key};
    const struct appraisal_question q = {.binding = one->nonce, .key = &key, .ops = &bed.ops, .budget = &budget, .now_s = 1};
    void *first = tpm->begin(policy, &q), *second = tpm->begin(policy, &q);
    assert_true(tpm->push(first, sp_str_bytes(zero, sizeof zero), false));
    assert_false(tpm->push(second, sp_str_bytes(zero, sizeof zero), false));
    v = (struct appraisal_verdict){0};
    tpm->judge(second, &v);
    assert_int_equal(v.outcome, SP_OUTCOME_ERROR);
    assert_int_equal(v.reason, SP_REASON_BUSY);
    tpm->drop(first);
    tpm->drop(second);
    assert_int_equal(budget.used, 0);
    tpm->policy_free(policy);
}

int main(void)
{
    static const struct CMUnitTest plain[] = {
        cmocka_unit_test(every_cut_of_a_document_is_refused),
        cmocka_unit_test(the_budget_of_all_runs_holds),
    };
    static struct CMUnitTest tests[128];
    evidence_bed_init(&bed);
    tpm = appraisal_find(sp_str_of("tpm"));
    SP_ASSERT(tpm != NULL);
    count = evidence_cases_new(&bed, "quotes.json", &cases);
    SP_ASSERT(count + SP_COUNT(plain) <= SP_COUNT(tests));
    memcpy(tests, plain, sizeof plain);
    for (size_t i = 0; i < count; i++) {
        tests[SP_COUNT(plain) + i] = (struct CMUnitTest){cases[i].id, recorded, NULL, NULL, &cases[i]};
    }
    int failed = _cmocka_run_group_tests("appraisal of quotes", tests, SP_COUNT(plain) + count, NULL, NULL);
    evidence_cases_destroy(&cases, count);
    evidence_bed_fini(&bed);
    return failed;
}
