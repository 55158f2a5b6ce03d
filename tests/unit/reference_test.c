/* SPDX-License-Identifier: Apache-2.0 */
/* Reference values: profiles as wholes, their times, and which is named when none fits. */
#include "reference.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct tpm_pcrs pcrs;

static struct reference_value value(uint16_t alg, uint8_t pcr, uint8_t fill)
{
    struct reference_value v = {.alg = alg, .pcr = pcr};
    memset(v.digest, fill, tpm_alg_bytes(alg));
    return v;
}

/* PCR 0 and 7 of the SHA-256 bank have these values. */
static void quoted(uint8_t pcr0, uint8_t pcr7)
{
    memset(&pcrs, 0, sizeof pcrs);
    pcrs.selection = (struct tpm_selection){1, {{TPM_ALG_SHA256, 1u << 0 | 1u << 7}}};
    memset(pcrs.value[0][0], pcr0, 32);
    memset(pcrs.value[0][7], pcr7, 32);
}

static void profiles_are_wholes_and_have_their_time(void **state)
{
    const struct reference_value old[] = {value(TPM_ALG_SHA256, 0, 0x10), value(TPM_ALG_SHA256, 7, 0x17)};
    const struct reference_value new[] = {value(TPM_ALG_SHA256, 0, 0x20), value(TPM_ALG_SHA256, 7, 0x27)};
    const struct reference_profile profiles[] = {
        {.from = 0, .until = 200, .any_firmware = true, .value = old, .values = 2},
        {.from = 100, .until = UINT64_MAX, .firmware = 5, .value = new, .values = 2},
    };
    const struct reference_set set = {profiles, 2};
    static const struct {
        uint8_t pcr0, pcr7;
        uint64_t firmware, now;
        enum evidence_reason reason;
        uint32_t profile;
        uint8_t pcr;
    } rows[] = {
        {0x10, 0x17, 1, 50, EVIDENCE_OK, 0, 0},                  /* before the update */
        {0x10, 0x17, 1, 150, EVIDENCE_OK, 0, 0},                 /* during it, not yet done */
        {0x20, 0x27, 5, 150, EVIDENCE_OK, 1, 0},                 /* done */
        {0x20, 0x27, 5, 250, EVIDENCE_OK, 1, 0},                 /* after it */
        {0x10, 0x17, 1, 199, EVIDENCE_OK, 0, 0},                 /* the last moment */
        {0x10, 0x17, 1, 200, EVIDENCE_REFERENCE_RETIRED, 0, 0},  /* not done in time */
        {0x20, 0x27, 5, 99, EVIDENCE_REFERENCE_RETIRED, 1, 0},   /* before its time */
        {0x20, 0x27, 4, 150, EVIDENCE_REFERENCE_FIRMWARE, 1, 0}, /* right values, other firmware of the TPM */
        {0x10, 0x27, 5, 150, EVIDENCE_REFERENCE_PCR, 0, 7},      /* half of each is none of both */
        {0x20, 0x17, 5, 150, EVIDENCE_REFERENCE_PCR, 0, 0},
        {0x20, 0x00, 5, 150, EVIDENCE_REFERENCE_PCR, 1, 7}, /* the nearest one is named */
        {0x00, 0x00, 5, 150, EVIDENCE_REFERENCE_PCR, 0, 0},
    };
    (void)state;
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct reference_finding at;
        quoted(rows[i].pcr0, rows[i].pcr7);
        enum evidence_reason reason = reference_judge(&set, &pcrs, rows[i].firmware, rows[i].now, &at);
        if (reason != rows[i].reason || at.profile != rows[i].profile || at.pcr != rows[i].pcr) {
            fail_msg("row %zu: %s, profile %u, PCR %u", i, evidence_reason_name(reason), at.profile, at.pcr);
        }
    }
}

/* A value for what was not quoted is never taken for right, whatever else fits. */
static void values_that_were_not_quoted(void **state)
{
    const struct reference_value other_pcr[] = {value(TPM_ALG_SHA256, 0, 0x10), value(TPM_ALG_SHA256, 4, 0)};
    const struct reference_value other_bank[] = {value(TPM_ALG_SHA1, 0, 0)};
    struct reference_profile profile = {.until = UINT64_MAX, .any_firmware = true, .value = other_pcr, .values = 2};
    const struct reference_set set = {&profile, 1};
    struct reference_finding at;
    (void)state;
    quoted(0x10, 0x17);
    assert_int_equal(reference_judge(&set, &pcrs, 0, 0, &at), EVIDENCE_REFERENCE_UNQUOTED);
    assert_int_equal(at.pcr, 4);
    profile.value = other_bank;
    profile.values = 1;
    assert_int_equal(reference_judge(&set, &pcrs, 0, 0, &at), EVIDENCE_REFERENCE_UNQUOTED);
    assert_int_equal(at.alg, TPM_ALG_SHA1);
}

static void without_any_profile(void **state)
{
    const struct reference_set set = {NULL, 0};
    struct reference_finding at;
    (void)state;
    quoted(0, 0);
    assert_int_equal(reference_judge(&set, &pcrs, 0, 0, &at), EVIDENCE_REFERENCE_NONE);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(profiles_are_wholes_and_have_their_time),
        cmocka_unit_test(values_that_were_not_quoted),
        cmocka_unit_test(without_any_profile),
    };
    return cmocka_run_group_tests_name("reference", tests, NULL, NULL);
}
