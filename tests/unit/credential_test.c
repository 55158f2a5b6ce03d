/* SPDX-License-Identifier: Apache-2.0 */
/* Credential activation: known answers, each of which a TPM has opened, and what the proof binds. That a TPM opens what is wrapped
 * here is in tests/evidence. */
#include "credential.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "evidence_bed.h"
#include "sp_assert.h"
#include "sp_hex.h"

static struct evidence_bed bed;

static size_t hex(const json_t *row, const char *name, uint8_t *to, size_t max)
{
    const char *text = json_string_value(json_object_get(row, name));
    SP_ASSERT(text != NULL && strlen(text) / 2 <= max && sp_hex_parse(sp_str_of(text), to, strlen(text) / 2));
    return strlen(text) / 2;
}

static struct sp_str key_file(const json_t *row, const char *name)
{
    char path[128];
    (void)snprintf(path, sizeof path, "enroll/%s", json_string_value(json_object_get(row, name)));
    return evidence_bed_file("tpm", path);
}

static void known_answers(void **state)
{
    struct sp_str text = evidence_bed_file("tpm", "enroll/makecredential-kat.json");
    json_t *rows = json_loadb(text.p, text.n, 0, NULL), *row;
    size_t i;
    unsigned exchanges = 0;
    (void)state;
    json_array_foreach(rows, i, row)
    {
        struct sp_str ek_bytes = key_file(row, "ek");
        struct tpm_public ek;
        struct credential_wrapped made;
        uint8_t name[TPM_NAME_BYTES], credential[32], seed[TPM_DIGEST_MAX], blob[CREDENTIAL_BLOB_MAX];
        assert_int_equal(tpm_wire_public(ek_bytes, &ek), EVIDENCE_OK);
        assert_int_equal(hex(row, "name", name, sizeof name), sizeof name);
        assert_int_equal(hex(row, "credential", credential, sizeof credential), sizeof credential);
        const struct credential_for what = {name, credential};
        size_t seed_bytes = hex(row, "seed", seed, sizeof seed);
        size_t blob_bytes = hex(row, "credentialBlob_TPM2B_ID_OBJECT", blob, sizeof blob);
        assert_true(credential_from_seed(bed.crypto, &ek, &what, seed, &made));
        assert_int_equal(made.blob_bytes, blob_bytes);
        assert_memory_equal(made.blob, blob, blob_bytes);
        if (json_object_get(row, "Z") != NULL) {
            uint8_t z[48], point[100], derived[TPM_DIGEST_MAX], x_ek[48] = {0};
            size_t field = hex(row, "Z", z, sizeof z);
            (void)hex(row, "secret_point", point, sizeof point);
            memcpy(x_ek + field - ek.x.n, ek.x.p, ek.x.n);
            const struct credential_exchange values = {z, point + 2, x_ek, field};
            assert_true(credential_seed(bed.crypto, ek.name_alg, &values, derived));
            assert_memory_equal(derived, seed, seed_bytes);
            exchanges++;
        }
        free((void *)(uintptr_t)ek_bytes.p);
    }
    assert_int_equal(i, 6);
    assert_int_equal(exchanges, 4);
    json_decref(rows);
    free((void *)(uintptr_t)text.p);
}

static void wrapped_anew_each_time(void **state)
{
    static const struct {
        const char *file;
        uint32_t secret, blob;
    } rows[] = {{"enroll/ek-rsa2048.pub", 258, 70}, {"enroll/ek-p256.pub", 70, 70}, {"enroll/ek-p384.pub", 102, 86}};
    static const uint8_t name[TPM_NAME_BYTES] = {0, 0x0b}, credential[32] = {1};
    static const struct credential_for what = {name, credential};
    (void)state;
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct sp_str ek = evidence_bed_file("tpm", rows[i].file);
        struct credential_wrapped a, b;
        assert_int_equal(credential_wrap(bed.crypto, ek, &what, &a), EVIDENCE_OK);
        assert_int_equal(credential_wrap(bed.crypto, ek, &what, &b), EVIDENCE_OK);
        assert_int_equal(a.secret_bytes, rows[i].secret);
        assert_int_equal(a.blob_bytes, rows[i].blob);
        assert_memory_not_equal(a.secret, b.secret, a.secret_bytes);
        assert_memory_not_equal(a.blob, b.blob, a.blob_bytes);
        free((void *)(uintptr_t)ek.p);
    }
}

static void keys_that_nothing_can_be_wrapped_for(void **state)
{
    static const uint8_t name[TPM_NAME_BYTES] = {0, 0x0b}, credential[32] = {1};
    static const struct credential_for what = {name, credential};
    static const char *const files[] = {"enroll/ak-ecc.pub", "enroll/ak-rsa.pub"}; /* sign only: no symmetric part */
    struct credential_wrapped out;
    (void)state;
    for (size_t i = 0; i < SP_COUNT(files); i++) {
        struct sp_str key = evidence_bed_file("tpm", files[i]);
        assert_int_equal(credential_wrap(bed.crypto, key, &what, &out), EVIDENCE_EK_MALFORMED);
        free((void *)(uintptr_t)key.p);
    }
    assert_int_equal(credential_wrap(bed.crypto, sp_str_of("x"), &what, &out), EVIDENCE_EK_MALFORMED);
}

/* Every part that is bound changes the proof, and so does where one ends. */
static void what_a_proof_binds(void **state)
{
    uint8_t credential[32] = {1}, name[TPM_NAME_BYTES] = {2}, nonce[32] = {3}, certificate[32] = {4}, sign[32] = {5},
            curve[32] = {6};
    struct credential_bound bound = {sp_str_of("node1"), name, nonce, certificate, sign, curve};
    uint8_t first[32], other[32];
    uint8_t *parts[] = {credential, name, nonce, certificate, sign, curve};
    (void)state;
    credential_proof(credential, &bound, first);
    credential_proof(credential, &bound, other);
    assert_memory_equal(first, other, 32);
    for (size_t i = 0; i < SP_COUNT(parts); i++) {
        parts[i][31] ^= 1;
        credential_proof(credential, &bound, other);
        assert_memory_not_equal(first, other, 32);
        parts[i][31] ^= 1;
    }
    bound.node = sp_str_of("node2");
    credential_proof(credential, &bound, other);
    assert_memory_not_equal(first, other, 32);
    bound.node = sp_str_of("node1x");
    credential_proof(credential, &bound, other);
    assert_memory_not_equal(first, other, 32);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers),
        cmocka_unit_test(wrapped_anew_each_time),
        cmocka_unit_test(keys_that_nothing_can_be_wrapped_for),
        cmocka_unit_test(what_a_proof_binds),
    };
    evidence_bed_init(&bed);
    int failed = cmocka_run_group_tests_name("credential", tests, NULL, NULL);
    evidence_bed_fini(&bed);
    return failed;
}
