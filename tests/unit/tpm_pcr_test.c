/* SPDX-License-Identifier: Apache-2.0 */
/* Selections as text, and lists of values that must be exactly those asked. */
#include "tpm_pcr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sp_assert.h"

static void selections_as_text(void **state)
{
    static const struct {
        const char *text, *again;
    } good[] = {
        {"sha256:0,1,2,3,4,5,6,7,10", "sha256:0-7,10"},
        {"sha256:10,0-7", "sha256:0-7,10"},
        {"sha1:23", "sha1:23"},
        {"sha256:0-9+sha384:0,1", "sha256:0-9+sha384:0-1"},
        {"sha384:0+sha256:0+sha1:0+sha512:0", "sha384:0+sha256:0+sha1:0+sha512:0"},
    };
    static const char *const bad[] = {"",
                                      "sha256",
                                      "sha256:",
                                      ":0",
                                      "sha256:24",
                                      "sha256:0,",
                                      "sha256:,0",
                                      "sha256:0,0",
                                      "sha256:0-3,2",
                                      "sha256:3-0",
                                      "sha256:0-",
                                      "sha256:-1",
                                      "sha256:0-0",
                                      "md5:0",
                                      "SHA256:0",
                                      "sha256:0+",
                                      "+sha256:0",
                                      "sha256:0+sha256:1",
                                      "sha256: 0",
                                      "sha256:0 ",
                                      "sm3:0",
                                      "sha256:0+sha1:0+sha384:0+sha512:0+sha256:1"};
    struct tpm_selection s;
    (void)state;
    for (size_t i = 0; i < SP_COUNT(good); i++) {
        char text[TPM_SELECTION_TEXT_MAX];
        struct tpm_selection again;
        if (!tpm_selection_read(sp_str_of(good[i].text), &s)) {
            fail_msg("%s", good[i].text);
        }
        tpm_selection_text(&s, text);
        assert_string_equal(text, good[i].again);
        assert_true(tpm_selection_read(sp_str_of(text), &again) && tpm_selection_eq(&s, &again));
    }
    for (size_t i = 0; i < SP_COUNT(bad); i++) {
        if (tpm_selection_read(sp_str_of(bad[i]), &s)) {
            fail_msg("'%s' was taken", bad[i]);
        }
    }
}

static void the_longest_text(void **state)
{
    struct tpm_selection s = {
        4, {{TPM_ALG_SHA3_256, 0x555555}, {TPM_ALG_SHA3_384, 0x555555}, {TPM_ALG_SHA3_512, 0x555555}, {0x7777, 0x555555}}};
    char text[TPM_SELECTION_TEXT_MAX];
    (void)state;
    tpm_selection_text(&s, text);
    assert_non_null(strstr(text, "+unknown:0,2,4"));
}

static void order_and_bits_count(void **state)
{
    static const char *const texts[] = {"sha256:0-7",        "sha256:0-6",        "sha1:0-7",
                                        "sha256:0-7+sha1:0", "sha1:0+sha256:0-7", "sha256:0-7+sha1:1"};
    (void)state;
    for (size_t a = 0; a < SP_COUNT(texts); a++) {
        for (size_t b = 0; b < SP_COUNT(texts); b++) {
            struct tpm_selection left, right;
            assert_true(tpm_selection_read(sp_str_of(texts[a]), &left) && tpm_selection_read(sp_str_of(texts[b]), &right));
            assert_true(tpm_selection_eq(&left, &right) == (a == b));
        }
    }
}

static size_t put(uint8_t *to, uint16_t alg, uint8_t pcr, uint8_t bytes)
{
    to[0] = (uint8_t)(alg >> 8);
    to[1] = (uint8_t)alg;
    to[2] = pcr;
    to[3] = bytes;
    memset(to + 4, 0xa0 + pcr, bytes);
    return 4u + bytes;
}

static void lists_of_exactly_what_was_asked(void **state)
{
    struct tpm_selection want;
    static struct tpm_pcrs pcrs;
    uint8_t list[256];
    (void)state;
    assert_true(tpm_selection_read(sp_str_of("sha256:0,2+sha1:1"), &want));
    size_t n = put(list, TPM_ALG_SHA256, 0, 32);
    n += put(list + n, TPM_ALG_SHA256, 2, 32);
    n += put(list + n, TPM_ALG_SHA1, 1, 20);
    assert_int_equal(tpm_pcrs_read(sp_str_bytes(list, n), &want, &pcrs), EVIDENCE_OK);
    assert_int_equal(pcrs.value[0][2][31], 0xa2);
    assert_int_equal(pcrs.value[1][1][19], 0xa1);
    uint8_t again[TPM_PCRS_BYTES_MAX];
    assert_int_equal(tpm_pcrs_write(&pcrs, again), n);
    assert_memory_equal(again, list, n);
    for (size_t cut = 0; cut < n; cut++) {
        assert_int_equal(tpm_pcrs_read(sp_str_bytes(list, cut), &want, &pcrs), EVIDENCE_PCRS_MALFORMED);
    }
    n += put(list + n, TPM_ALG_SHA1, 2, 20); /* one more than asked */
    assert_int_equal(tpm_pcrs_read(sp_str_bytes(list, n), &want, &pcrs), EVIDENCE_PCRS_MALFORMED);
    n = put(list, TPM_ALG_SHA256, 2, 32); /* another order */
    n += put(list + n, TPM_ALG_SHA256, 0, 32);
    n += put(list + n, TPM_ALG_SHA1, 1, 20);
    assert_int_equal(tpm_pcrs_read(sp_str_bytes(list, n), &want, &pcrs), EVIDENCE_PCRS_MALFORMED);
    n = put(list, TPM_ALG_SHA256, 0, 20); /* a short value */
    n += put(list + n, TPM_ALG_SHA256, 2, 32);
    n += put(list + n, TPM_ALG_SHA1, 1, 20);
    assert_int_equal(tpm_pcrs_read(sp_str_bytes(list, n), &want, &pcrs), EVIDENCE_PCRS_MALFORMED);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(selections_as_text),
        cmocka_unit_test(the_longest_text),
        cmocka_unit_test(order_and_bits_count),
        cmocka_unit_test(lists_of_exactly_what_was_asked),
    };
    return cmocka_run_group_tests_name("tpm_pcr", tests, NULL, NULL);
}
