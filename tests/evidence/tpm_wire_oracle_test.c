/* SPDX-License-Identifier: Apache-2.0 */
/* Our decoders against those of tpm2-tss: whatever we take, its library takes too, reads the same from it, and writes the same
 * bytes again. Input: all recorded statements, signatures and keys, and each of them with every byte changed in several ways. */
#include "tpm_wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <tss2/tss2_mu.h>

#include "evidence_bed.h"
#include "sp_assert.h"

static struct evidence_bed bed;
static struct evidence_case *cases;
static size_t count;
static unsigned taken;

static bool same(struct sp_str ours, const void *theirs, size_t n)
{
    return ours.n == n && (n == 0 || memcmp(ours.p, theirs, n) == 0);
}

static void check_quote(const uint8_t *p, size_t n)
{
    struct tpm_quote q;
    TPMS_ATTEST a;
    uint8_t again[2048];
    size_t at = 0, back = 0;
    if (tpm_wire_quote(sp_str_bytes(p, n), &q) != EVIDENCE_OK) {
        return;
    }
    taken++;
    memset(&a, 0, sizeof a);
    assert_int_equal(Tss2_MU_TPMS_ATTEST_Unmarshal(p, n, &at, &a), TSS2_RC_SUCCESS);
    assert_int_equal(at, n);
    assert_true(a.magic == TPM2_GENERATED_VALUE && a.type == TPM2_ST_ATTEST_QUOTE);
    assert_true(same(q.signer, a.qualifiedSigner.name, a.qualifiedSigner.size) &&
                same(q.nonce, a.extraData.buffer, a.extraData.size));
    assert_true(q.clock.clock_ms == a.clockInfo.clock && q.clock.reset_count == a.clockInfo.resetCount);
    assert_true(q.clock.restart_count == a.clockInfo.restartCount && q.clock.safe == a.clockInfo.safe &&
                q.firmware == a.firmwareVersion);
    const TPMS_QUOTE_INFO *info = &a.attested.quote;
    assert_int_equal(q.selection.banks, info->pcrSelect.count);
    for (uint32_t i = 0; i < q.selection.banks; i++) {
        const TPMS_PCR_SELECTION *s = &info->pcrSelect.pcrSelections[i];
        uint32_t bits = (uint32_t)s->pcrSelect[0] | (uint32_t)s->pcrSelect[1] << 8 | (uint32_t)s->pcrSelect[2] << 16;
        assert_true(q.selection.bank[i].alg == s->hash && q.selection.bank[i].pcrs == bits && s->sizeofSelect == 3);
    }
    assert_true(same(q.digest, info->pcrDigest.buffer, info->pcrDigest.size));
    assert_int_equal(Tss2_MU_TPMS_ATTEST_Marshal(&a, again, sizeof again, &back), TSS2_RC_SUCCESS);
    assert_int_equal(back, n);
    assert_memory_equal(again, p, n);
}

static void check_signature(const uint8_t *p, size_t n)
{
    struct tpm_signature s;
    TPMT_SIGNATURE t;
    size_t at = 0;
    if (tpm_wire_signature(sp_str_bytes(p, n), &s) != EVIDENCE_OK) {
        return;
    }
    memset(&t, 0, sizeof t);
    TSS2_RC rc = Tss2_MU_TPMT_SIGNATURE_Unmarshal(p, n, &at, &t);
    if (rc != TSS2_RC_SUCCESS) { /* a hash it does not know: appraisal takes SHA-256 only */
        assert_int_not_equal(s.hash, TPM_ALG_SHA256);
        return;
    }
    taken++;
    assert_int_equal(at, n);
    assert_int_equal(s.scheme, t.sigAlg);
    assert_int_equal(s.hash, t.signature.any.hashAlg);
    if (s.scheme == TPM_ALG_ECDSA) {
        assert_true(same(s.r, t.signature.ecdsa.signatureR.buffer, t.signature.ecdsa.signatureR.size));
        assert_true(same(s.s, t.signature.ecdsa.signatureS.buffer, t.signature.ecdsa.signatureS.size));
    } else {
        assert_true(same(s.rsa, t.signature.rsassa.sig.buffer, t.signature.rsassa.sig.size));
    }
}

static void check_public(const uint8_t *p, size_t n)
{
    struct tpm_public k;
    TPM2B_PUBLIC t;
    size_t at = 0;
    if (tpm_wire_public(sp_str_bytes(p, n), &k) != EVIDENCE_OK) {
        return;
    }
    memset(&t, 0, sizeof t);
    TSS2_RC rc = Tss2_MU_TPM2B_PUBLIC_Unmarshal(p, n, &at, &t);
    const TPMT_PUBLIC *a = &t.publicArea;
    if (rc != TSS2_RC_SUCCESS ||
        at != n) { /* algorithms it does not know (it stops after the size and says nothing): no key that may attest has them */
        struct tpm_ak ak;
        assert_int_not_equal(tpm_ak_check(&k, &bed.ops, &ak), EVIDENCE_OK);
        return;
    }
    taken++;
    assert_true(k.type == a->type && k.name_alg == a->nameAlg && k.attributes == a->objectAttributes);
    assert_true(same(k.policy, a->authPolicy.buffer, a->authPolicy.size));
    if (k.type == TPM_ALG_RSA) {
        const TPMS_RSA_PARMS *r = &a->parameters.rsaDetail;
        assert_true(k.symmetric == r->symmetric.algorithm && k.scheme == r->scheme.scheme && k.bits == r->keyBits &&
                    k.exponent == r->exponent);
        assert_true(same(k.n, a->unique.rsa.buffer, a->unique.rsa.size));
    } else {
        const TPMS_ECC_PARMS *e = &a->parameters.eccDetail;
        assert_true(k.symmetric == e->symmetric.algorithm && k.scheme == e->scheme.scheme && k.curve == e->curveID);
        assert_true(same(k.x, a->unique.ecc.x.buffer, a->unique.ecc.x.size) &&
                    same(k.y, a->unique.ecc.y.buffer, a->unique.ecc.y.size));
    }
}

/* As it is, with every byte changed, and cut anywhere. */
static void vary(struct sp_str bytes, void (*check)(const uint8_t *p, size_t n))
{
    static const uint8_t changes[] = {0x01, 0x80, 0xff, 0x10};
    uint8_t copy[2048];
    SP_ASSERT(bytes.n < sizeof copy);
    memcpy(copy, bytes.p, bytes.n);
    check(copy, bytes.n);
    for (uint32_t i = 0; i < bytes.n; i++) {
        for (size_t k = 0; k < SP_COUNT(changes); k++) {
            copy[i] ^= changes[k];
            check(copy, bytes.n);
            copy[i] ^= changes[k];
        }
        check(copy, i);
    }
    copy[bytes.n] = 0;
    check(copy, bytes.n + 1);
}

static void statements(void **state)
{
    (void)state;
    taken = 0;
    for (size_t i = 0; i < count; i++) {
        vary(cases[i].attest, check_quote);
    }
    assert_true(taken > 1000);
}

static void signatures(void **state)
{
    (void)state;
    taken = 0;
    for (size_t i = 0; i < count; i++) {
        vary(cases[i].signature, check_signature);
    }
    assert_true(taken > 1000);
}

static void keys(void **state)
{
    static const char *const others[] = {"enroll/ek-rsa2048.pub", "enroll/ek-p256.pub", "enroll/ek-p384.pub"};
    (void)state;
    taken = 0;
    for (size_t i = 0; i < count; i++) {
        vary(cases[i].ak_public, check_public);
    }
    for (size_t i = 0; i < SP_COUNT(others); i++) {
        struct sp_str key = evidence_bed_file("tpm", others[i]);
        vary(key, check_public);
        free((void *)(uintptr_t)key.p);
    }
    assert_true(taken > 1000);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(statements),
        cmocka_unit_test(signatures),
        cmocka_unit_test(keys),
    };
    (void)setenv("TSS2_LOG", "all+none", 0);
    evidence_bed_init(&bed);
    count = evidence_cases_new(&bed, "quotes.json", &cases);
    int failed = cmocka_run_group_tests_name("tpm_wire_oracle", tests, NULL, NULL);
    evidence_cases_destroy(&cases, count);
    evidence_bed_fini(&bed);
    return failed;
}
