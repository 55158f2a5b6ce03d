/* SPDX-License-Identifier: Apache-2.0 */
/* Which keys may attest, and the names of keys against those a TPM gave them. */
#include "tpm_ak.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "evidence_bed.h"
#include "sp_hex.h"

static struct evidence_bed bed;

static void names_are_those_of_the_tpm(void **state)
{
    const char *file;
    json_t *hex;
    struct sp_str text = evidence_bed_file("tpm", "enroll/names.json");
    json_t *names = json_loadb(text.p, text.n, 0, NULL);
    (void)state;
    assert_true(json_object_size(names) > 10);
    json_object_foreach(names, file, hex)
    {
        char path[128], got[2 * TPM_NAME_MAX + 1];
        struct tpm_public key;
        struct tpm_name name;
        (void)snprintf(path, sizeof path, "enroll/%s", file);
        struct sp_str bytes = evidence_bed_file("tpm", path);
        assert_int_equal(tpm_wire_public(bytes, &key), EVIDENCE_OK);
        assert_true(tpm_name_of(&key, &bed.ops, &name));
        sp_hex_write(name.b, name.n, got);
        assert_string_equal(got, json_string_value(hex));
        free((void *)(uintptr_t)bytes.p);
    }
    json_decref(names);
    free((void *)(uintptr_t)text.p);
}

static void which_recorded_keys_may_attest(void **state)
{
    static const struct {
        const char *file;
        enum evidence_reason reason;
    } rows[] = {
        {"ak-ecc.pub", EVIDENCE_OK},
        {"ak-rsa.pub", EVIDENCE_OK},
        {"ak-rsapss.pub", EVIDENCE_OK},
        {"ak-owner-ecc.pub", EVIDENCE_OK},
        {"ak-rsa-sha1scheme.pub", EVIDENCE_AK_SCHEME},
        {"ak-unrestricted-rsa.pub", EVIDENCE_AK_ATTRIBUTES},
        {"ek-rsa2048.pub", EVIDENCE_AK_SCHEME}, /* a key that decrypts */
        {"ek-p256.pub", EVIDENCE_AK_SCHEME},
        {"ek-p384.pub", EVIDENCE_AK_TYPE},
    };
    (void)state;
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        char path[128];
        struct evidence_key *key = NULL;
        struct tpm_ak ak;
        (void)snprintf(path, sizeof path, "enroll/%s", rows[i].file);
        struct sp_str bytes = evidence_bed_file("tpm", path);
        enum evidence_reason reason = evidence_key_new(bed.crypto, bytes, &key, &ak);
        if (reason != rows[i].reason) {
            fail_msg("%s: %s", rows[i].file, evidence_reason_name(reason));
        }
        assert_true((key != NULL) == (reason == EVIDENCE_OK)); /* a refused key leaves nothing */
        evidence_key_destroy(&key);
        free((void *)(uintptr_t)bytes.p);
    }
}

/* Every attribute turned over alone, by name. */
static void attributes_of_a_key_that_attests(void **state)
{
    struct sp_str bytes = evidence_bed_file("tpm", "enroll/ak-ecc.pub");
    struct tpm_public key;
    struct tpm_ak ak;
    (void)state;
    assert_int_equal(tpm_wire_public(bytes, &key), EVIDENCE_OK);
    const uint32_t good = key.attributes;
    for (unsigned bit = 0; bit < 32; bit++) {
        uint32_t flag = 1u << bit;
        bool may = flag == TPM_KEY_ST_CLEAR || flag == TPM_KEY_USER_AUTH || flag == TPM_KEY_ADMIN_POLICY || flag == TPM_KEY_NO_DA;
        key.attributes = good ^ flag;
        enum evidence_reason reason = tpm_ak_check(&key, &bed.ops, &ak);
        if (reason != (may ? EVIDENCE_OK : EVIDENCE_AK_ATTRIBUTES)) {
            fail_msg("attribute %u: %s", bit, evidence_reason_name(reason));
        }
    }
    key.attributes = good;
    key.scheme = TPM_ALG_NULL; /* would let the attester choose */
    key.hash = TPM_ALG_NULL;
    assert_int_equal(tpm_ak_check(&key, &bed.ops, &ak), EVIDENCE_AK_SCHEME);
    free((void *)(uintptr_t)bytes.p);
}

/* The decoder and the import of a key that was changed anywhere: a refusal, or another key, never a fault. */
static void changed_keys(void **state)
{
    static const char *const files[] = {"enroll/ak-ecc.pub", "enroll/ak-rsa.pub"};
    (void)state;
    for (size_t f = 0; f < SP_COUNT(files); f++) {
        struct sp_str bytes = evidence_bed_file("tpm", files[f]);
        uint8_t *p = (uint8_t *)(uintptr_t)bytes.p;
        struct tpm_ak good, other;
        struct evidence_key *key = NULL;
        assert_int_equal(evidence_key_new(bed.crypto, bytes, &key, &good), EVIDENCE_OK);
        evidence_key_destroy(&key);
        for (uint32_t at = 0; at < bytes.n; at++) {
            p[at] ^= 0x01;
            if (evidence_key_new(bed.crypto, bytes, &key, &other) == EVIDENCE_OK) {
                assert_memory_not_equal(good.name, other.name, TPM_NAME_BYTES);
                evidence_key_destroy(&key);
            }
            p[at] ^= 0x01;
        }
        for (uint32_t n = 0; n < bytes.n; n++) {
            assert_int_not_equal(evidence_key_new(bed.crypto, sp_str_bytes(p, n), &key, &other), EVIDENCE_OK);
        }
        free(p);
    }
}

/* A point off the curve and an even modulus are no keys. */
static void numbers_that_are_no_keys(void **state)
{
    struct sp_str bytes = evidence_bed_file("tpm", "enroll/ak-ecc.pub");
    struct evidence_key *key = NULL;
    struct tpm_ak ak;
    (void)state;
    ((uint8_t *)(uintptr_t)bytes.p)[bytes.n - 1] ^= 0x01;
    assert_int_equal(evidence_key_new(bed.crypto, bytes, &key, &ak), EVIDENCE_AK_MALFORMED);
    free((void *)(uintptr_t)bytes.p);
    bytes = evidence_bed_file("tpm", "enroll/ak-rsa.pub");
    ((uint8_t *)(uintptr_t)bytes.p)[bytes.n - 1] ^= 0x01;
    assert_int_equal(evidence_key_new(bed.crypto, bytes, &key, &ak), EVIDENCE_AK_MALFORMED);
    assert_null(key);
    free((void *)(uintptr_t)bytes.p);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_those_of_the_tpm),       cmocka_unit_test(which_recorded_keys_may_attest),
        cmocka_unit_test(attributes_of_a_key_that_attests), cmocka_unit_test(changed_keys),
        cmocka_unit_test(numbers_that_are_no_keys),
    };
    evidence_bed_init(&bed);
    int failed = cmocka_run_group_tests_name("tpm_ak", tests, NULL, NULL);
    evidence_bed_fini(&bed);
    return failed;
}
