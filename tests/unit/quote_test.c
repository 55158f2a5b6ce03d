/* SPDX-License-Identifier: Apache-2.0 */
/* Appraisal of quotes: every recorded one by its name (genuine ones of software TPMs, and one for each attack), counters, and that
 * no single bit of a good quote can be another. */
#include "quote.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "evidence_bed.h"
#include "sp_assert.h"

static struct evidence_bed bed;
static struct evidence_case *cases;
static size_t count;
static struct quote_finding finding;

static enum evidence_reason appraise_case(const struct evidence_case *one)
{
    struct quote_question question;
    struct quote_answer answer;
    if (one->key == NULL) {
        return one->key_reason;
    }
    evidence_case_pair(one, &question, &answer);
    return quote_appraise(&question, &answer, &bed.ops, &finding);
}

static void recorded(void **state)
{
    const struct evidence_case *one = *state;
    enum evidence_reason reason = appraise_case(one);
    if (strcmp(evidence_reason_name(reason), one->reason) != 0) {
        fail_msg("%s: %s, wanted %s", one->id, evidence_reason_name(reason), one->reason);
    }
    assert_true((reason == EVIDENCE_OK) == (evidence_reason_outcome(reason) == SP_OUTCOME_PASS));
}

static void genuine(const char *id, struct quote_question *question, struct quote_answer *answer)
{
    evidence_case_pair(evidence_case_find(cases, count, id), question, answer);
    assert_int_equal(quote_appraise(question, answer, &bed.ops, &finding), EVIDENCE_OK);
}

static void values_and_clock_of_a_good_quote(void **state)
{
    struct quote_question question;
    struct quote_answer answer;
    static const uint8_t zero[32];
    (void)state;
    genuine("quote-good-ecc", &question, &answer);
    assert_int_equal(finding.clock.clock_ms, 102668);
    assert_int_equal(finding.clock.reset_count, 31);
    assert_int_equal(finding.clock.restart_count, 0);
    assert_true(finding.clock.safe);
    assert_true(finding.firmware == 0x2019102300163636u);
    assert_false(finding.rebooted);
    assert_memory_equal(finding.pcrs.value[0][0], zero, 32);
    assert_memory_not_equal(finding.pcrs.value[0][10], zero, 32);
}

static void si12_counters_of_before(void **state)
{
    /* now: reset 31, restart 0, clock 102668, safe */
    static const struct {
        struct tpm_clock before;
        enum evidence_reason reason;
        bool rebooted;
    } rows[] = {
        {{102668, 31, 0, true}, EVIDENCE_OK, false},         /* the same moment */
        {{102000, 31, 0, true}, EVIDENCE_OK, false},         /* the same boot */
        {{102669, 31, 0, true}, EVIDENCE_CLOCK_BACK, false}, /* state put back within a boot */
        {{102669, 31, 0, false}, EVIDENCE_OK, false},        /* the TPM said the clock may go back */
        {{102000, 30, 9, true}, EVIDENCE_OK, true},          /* a reboot */
        {{999999, 30, 0, true}, EVIDENCE_OK, true},          /* the clock decides nothing over a reboot */
        {{1, 32, 0, true}, EVIDENCE_RESET_BACK, false},      /* rolled back or cleared */
        {{1, 31, 1, true}, EVIDENCE_RESET_BACK, false},      /* restarts rolled back */
        {{1, 32, 0, false}, EVIDENCE_RESET_BACK, false},
    };
    struct quote_question question;
    struct quote_answer answer;
    (void)state;
    genuine("quote-good-ecc", &question, &answer);
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        question.before = &rows[i].before;
        enum evidence_reason reason = quote_appraise(&question, &answer, &bed.ops, &finding);
        if (reason != rows[i].reason || finding.rebooted != rows[i].rebooted) {
            fail_msg("row %zu: %s", i, evidence_reason_name(reason));
        }
    }
}

static void a_recorded_reboot_and_power_cut(void **state)
{
    struct quote_question question;
    struct quote_answer answer;
    (void)state;
    genuine("quote-good-ecc", &question, &answer);
    struct tpm_clock before = finding.clock;
    evidence_case_pair(evidence_case_find(cases, count, "quote-after-reset"), &question, &answer);
    question.before = &before;
    assert_int_equal(quote_appraise(&question, &answer, &bed.ops, &finding), EVIDENCE_OK);
    assert_true(finding.rebooted);
    before = finding.clock; /* and the quote of before, offered again with its nonce known */
    evidence_case_pair(evidence_case_find(cases, count, "quote-good-ecc"), &question, &answer);
    question.before = &before;
    assert_int_equal(quote_appraise(&question, &answer, &bed.ops, &finding), EVIDENCE_RESET_BACK);
    genuine("quote-clock-unsafe", &question, &answer);
    assert_false(finding.clock.safe);
}

static void si4_another_nonce(void **state)
{
    struct quote_question question;
    struct quote_answer answer;
    uint8_t nonce[64] = {0};
    (void)state;
    genuine("quote-good-ecc", &question, &answer);
    memcpy(nonce, question.nonce.p, question.nonce.n);
    for (uint32_t n = 16; n <= sizeof nonce; n++) { /* a prefix, and a longer one that begins with it */
        question.nonce = sp_str_bytes(nonce, n);
        assert_int_equal(quote_appraise(&question, &answer, &bed.ops, &finding), n == 32 ? EVIDENCE_OK : EVIDENCE_QUOTE_NONCE);
    }
    for (unsigned bit = 0; bit < 256; bit++) {
        nonce[bit / 8] ^= (uint8_t)(1u << bit % 8);
        question.nonce = sp_str_bytes(nonce, 32);
        assert_int_equal(quote_appraise(&question, &answer, &bed.ops, &finding), EVIDENCE_QUOTE_NONCE);
        nonce[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static void another_parent_or_hierarchy(void **state)
{
    const struct evidence_case *one = evidence_case_find(cases, count, "quote-good-ecc");
    struct quote_question question;
    struct quote_answer answer;
    struct tpm_name name = {TPM_NAME_BYTES, {0}}, other;
    (void)state;
    evidence_case_pair(one, &question, &answer);
    memcpy(name.b, one->ak.name, TPM_NAME_BYTES);
    static const uint32_t hierarchies[] = {TPM_HANDLE_OWNER, TPM_HANDLE_ENDORSEMENT, TPM_HANDLE_PLATFORM};
    for (size_t i = 0; i < SP_COUNT(hierarchies); i++) {
        assert_true(tpm_name_primary(hierarchies[i], &name, &bed.ops, &other));
        question.signer = sp_str_bytes(other.b, other.n);
        assert_int_equal(quote_appraise(&question, &answer, &bed.ops, &finding), EVIDENCE_QUOTE_SIGNER);
    }
}

/* Each bit of each part in turn. Statement and values are covered by the signature; a signature has no second form with one bit
 * changed. */
static void no_bit_can_be_another(void **state)
{
    static const char *const ids[] = {"quote-good-ecc", "quote-good-rsassa", "quote-good-rsapss"};
    (void)state;
    for (size_t k = 0; k < SP_COUNT(ids); k++) {
        struct quote_question question;
        struct quote_answer answer;
        genuine(ids[k], &question, &answer);
        struct sp_str *parts[] = {&answer.attest, &answer.signature, &answer.pcrs};
        for (size_t part = 0; part < SP_COUNT(parts); part++) {
            uint8_t bytes[1024];
            const struct sp_str was = *parts[part];
            assert_true(was.n <= sizeof bytes);
            memcpy(bytes, was.p, was.n);
            *parts[part] = sp_str_bytes(bytes, was.n);
            for (uint32_t bit = 0; bit < was.n * 8; bit++) {
                bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
                if (quote_appraise(&question, &answer, &bed.ops, &finding) == EVIDENCE_OK) {
                    fail_msg("%s: part %zu, bit %u", ids[k], part, bit);
                }
                bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
            }
            for (uint32_t n = 0; n < was.n; n++) { /* cut short anywhere, and one byte too many */
                *parts[part] = sp_str_bytes(bytes, n);
                assert_int_not_equal(quote_appraise(&question, &answer, &bed.ops, &finding), EVIDENCE_OK);
            }
            bytes[was.n] = 0;
            *parts[part] = sp_str_bytes(bytes, was.n + 1);
            assert_int_not_equal(quote_appraise(&question, &answer, &bed.ops, &finding), EVIDENCE_OK);
            *parts[part] = was;
        }
    }
}

/* r and s with zeros in front, or too few bytes, are numbers like others; the DER made of them must be right. */
static void ecdsa_numbers_of_any_length(void **state)
{
    struct quote_question question;
    struct quote_answer answer;
    uint8_t bytes[80];
    (void)state;
    genuine("quote-good-ecc", &question, &answer);
    for (unsigned r = 0; r <= 32; r++) {
        for (unsigned s = 0; s <= 32; s++) {
            size_t n = 0;
            memset(bytes, 0, sizeof bytes);
            memcpy(bytes, answer.signature.p, 4);
            n = 4;
            bytes[n + 1] = (uint8_t)r; /* r and s of this many bytes, all 0x80: no signature of anything */
            memset(bytes + n + 2, 0x80, r);
            n += 2 + r;
            bytes[n + 1] = (uint8_t)s;
            memset(bytes + n + 2, 0x01, s);
            n += 2 + s;
            struct quote_answer other = answer;
            other.signature = sp_str_bytes(bytes, n);
            assert_int_equal(quote_appraise(&question, &other, &bed.ops, &finding), EVIDENCE_QUOTE_SIGNATURE);
        }
    }
}

static void reasons_are_told_apart(void **state)
{
    (void)state;
    for (unsigned i = 0; i < EVIDENCE_REASON_COUNT; i++) {
        const char *name = evidence_reason_name((enum evidence_reason)i);
        assert_true(name[0] != '\0' && evidence_reason_text((enum evidence_reason)i)[0] != '\0');
        assert_true((i == 0) == (evidence_reason_outcome((enum evidence_reason)i) == SP_OUTCOME_PASS));
        for (unsigned k = 0; k < i; k++) {
            assert_string_not_equal(name, evidence_reason_name((enum evidence_reason)k));
        }
    }
}

int main(void)
{
    static const struct CMUnitTest own[] = {
        cmocka_unit_test(values_and_clock_of_a_good_quote), cmocka_unit_test(si12_counters_of_before),
        cmocka_unit_test(a_recorded_reboot_and_power_cut),  cmocka_unit_test(si4_another_nonce),
        cmocka_unit_test(another_parent_or_hierarchy),      cmocka_unit_test(no_bit_can_be_another),
        cmocka_unit_test(ecdsa_numbers_of_any_length),      cmocka_unit_test(reasons_are_told_apart),
    };
    evidence_bed_init(&bed);
    count = evidence_cases_new(&bed, "quotes.json", &cases);
    struct CMUnitTest *tests = calloc(count + SP_COUNT(own), sizeof *tests);
    SP_ASSERT(tests != NULL);
    memcpy(tests, own, sizeof own);
    for (size_t i = 0; i < count; i++) {
        tests[SP_COUNT(own) + i] = (struct CMUnitTest){cases[i].id, recorded, NULL, NULL, &cases[i]};
    }
    int failed = _cmocka_run_group_tests("quote", tests, count + SP_COUNT(own), NULL, NULL);
    free(tests);
    evidence_cases_destroy(&cases, count);
    evidence_bed_fini(&bed);
    return failed;
}
