/* SPDX-License-Identifier: Apache-2.0 */
/* What modules of appraisal share: bounded collecting, keys kept ready, binding, reasons. */
#include "appraisal_keys.h"

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

static void bytes_stay_within_their_bounds(void **state)
{
    struct appraisal_budget budget = {.most = 20000};
    struct appraisal_bytes a = {0}, b = {0};
    static const uint8_t zero[16384];
    (void)state;
    assert_true(appraisal_bytes_add(&a, &budget, 10000, sp_str_bytes(zero, 9999)));
    assert_true(appraisal_bytes_add(&a, &budget, 10000, sp_str_bytes(zero, 1)));
    assert_false(appraisal_bytes_add(&a, &budget, 10000, sp_str_bytes(zero, 1)));
    assert_int_equal(a.n, 10000);
    assert_int_equal(budget.used, a.size);
    assert_false(appraisal_bytes_add(&b, &budget, 16384, sp_str_bytes(zero, 16384))); /* of all together */
    assert_true(appraisal_bytes_add(&b, &budget, 16384, sp_str_bytes(zero, 4096)));
    appraisal_bytes_free(&a, &budget);
    assert_true(appraisal_bytes_add(&b, &budget, 16384, sp_str_bytes(zero, 12288)));
    assert_int_equal(b.n, 16384);
    appraisal_bytes_free(&b, &budget);
    assert_int_equal(budget.used, 0);
}

static void the_binding_is_of_nonce_and_node(void **state)
{
    static const uint8_t nonce[32] = {1};
    uint8_t out[32], again[32], text[12 + 32 + 2] = "SPICE quote";
    (void)state;
    memcpy(text + 12, nonce, 32);
    memcpy(text + 44, "n1", 2);
    appraisal_binding(nonce, sp_str_of("n1"), out);
    assert_true(bed.ops.digest(bed.ops.ctx, TPM_ALG_SHA256, text, sizeof text, again));
    assert_memory_equal(out, again, 32);
    appraisal_binding(nonce, sp_str_of("n2"), again);
    assert_memory_not_equal(out, again, 32);
}

static void keys_are_made_once_and_given_up_in_turn(void **state)
{
    struct appraisal_keys *keys = NULL;
    struct sp_str area[4];
    const struct appraisal_key *key[4];
    static const char *const names[] = {"enroll/ak-ecc.pub", "enroll/ak-rsa.pub", "enroll/tpmB-ak-ecc.pub", "enroll/ak-rsapss.pub"};
    (void)state;
    assert_int_equal(appraisal_keys_new(bed.crypto, 2, &keys), SP_OK);
    for (unsigned i = 0; i < 4; i++) {
        area[i] = evidence_bed_file("tpm", names[i]);
    }
    key[0] = appraisal_keys_get(keys, area[0]);
    assert_non_null(key[0]);
    assert_int_equal(key[0]->reason, EVIDENCE_OK);
    assert_ptr_equal(appraisal_keys_get(keys, area[0]), key[0]);
    key[1] = appraisal_keys_get(keys, area[1]);
    assert_int_equal(key[1]->reason, EVIDENCE_OK);
    assert_null(appraisal_keys_get(keys, area[2])); /* both places are lent */
    appraisal_keys_release(keys, key[0]);
    assert_null(appraisal_keys_get(keys, area[2])); /* it was lent twice */
    appraisal_keys_release(keys, key[1]);
    appraisal_keys_release(keys, key[0]);
    key[2] = appraisal_keys_get(keys, area[2]); /* takes the place of the one used longest ago: area[1] */
    assert_ptr_equal(key[2], key[1]);
    assert_ptr_equal(appraisal_keys_get(keys, area[0]), key[0]);
    appraisal_keys_release(keys, key[0]);
    appraisal_keys_release(keys, key[2]);
    for (unsigned round = 0; round < 40; round++) { /* and so on, whatever the order */
        unsigned i = round * 7 % 4;
        const struct appraisal_key *one = appraisal_keys_get(keys, area[i]);
        assert_int_equal(one->reason, EVIDENCE_OK);
        assert_int_equal(one->ak.type, i == 0 || i == 2 ? TPM_ALG_ECC : TPM_ALG_RSA);
        appraisal_keys_release(keys, one);
    }
    appraisal_keys_destroy(&keys);
    for (unsigned i = 0; i < 4; i++) {
        free((void *)(uintptr_t)area[i].p);
    }
}

static void a_key_that_is_refused_stays_refused(void **state)
{
    struct appraisal_keys *keys = NULL;
    struct sp_str area = evidence_bed_file("tpm", "enroll/ak-unrestricted-rsa.pub");
    (void)state;
    assert_int_equal(appraisal_keys_new(bed.crypto, 8, &keys), SP_OK);
    for (unsigned i = 0; i < 2; i++) {
        const struct appraisal_key *key = appraisal_keys_get(keys, area);
        assert_int_equal(key->reason, EVIDENCE_AK_ATTRIBUTES);
        assert_null(key->key);
        appraisal_keys_release(keys, key);
    }
    appraisal_keys_destroy(&keys);
    free((void *)(uintptr_t)area.p);
}

static void verdicts_say_why(void **state)
{
    static struct appraisal_verdict v;
    char *words = malloc(4000);
    (void)state;
    appraisal_say(&v, EVIDENCE_LOG_PCR, "PCR %u of %s", 4, "sha256");
    assert_int_equal(v.outcome, SP_OUTCOME_FAIL);
    assert_int_equal(v.reason, 50 + EVIDENCE_LOG_PCR);
    assert_string_equal(v.detail, "boot log does not lead to the quoted PCR values: PCR 4 of sha256");
    appraisal_say(&v, EVIDENCE_OK, "%s", "");
    assert_int_equal(v.reason, SP_REASON_OK);
    memset(words, 'x', 3999);
    words[3999] = '\0';
    appraisal_end(&v, SP_OUTCOME_ERROR, SP_REASON_BUSY, "%s", words); /* cut, not more */
    assert_int_equal(strlen(v.detail), APPRAISAL_TEXT_MAX - 1);
    free(words);
}

static int setup(void **state)
{
    (void)state;
    evidence_bed_init(&bed);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    evidence_bed_fini(&bed);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_stay_within_their_bounds),
        cmocka_unit_test(the_binding_is_of_nonce_and_node),
        cmocka_unit_test(keys_are_made_once_and_given_up_in_turn),
        cmocka_unit_test(a_key_that_is_refused_stays_refused),
        cmocka_unit_test(verdicts_say_why),
    };
    return cmocka_run_group_tests_name("appraisal", tests, setup, teardown);
}
