/* SPDX-License-Identifier: Apache-2.0 */
/* A TPM, the code that asks it and the code that judges it, together: software TPMs from recorded states and one made here with its
 * own certificate authority. */
#include "tpm_device.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <tss2/tss2_esys.h>
#include <tss2/tss2_tctildr.h>

#include "boot_replay.h"
#include "credential.h"
#include "ek_cert.h"
#include "evidence_bed.h"
#include "quote.h"
#include "reference.h"
#include "sp_assert.h"
#include "sp_random.h"
#include "swtpm.h"

#define AK_ECC    0x81010020u /* of the recorded states */
#define AK_RSASSA 0x81010021u
#define AK_RSAPSS 0x81010022u
#define AK_NEW    0x81010030u
#define NOW       1790000000

static struct evidence_bed bed;
static struct tpm_device_quote quote;
static struct quote_finding finding;

/* A key of a TPM as a verifier knows it after enrolment. */
struct enrolled {
    struct evidence_key *key;
    struct tpm_ak ak;
    struct tpm_name signer;
};

static struct tpm_device *open_device(const struct swtpm *t)
{
    struct tpm_device *d = NULL;
    struct sp_err err;
    if (tpm_device_open(t->tcti, &d, &err) != SP_OK) {
        fail_msg("%s: %s", err.where, err.text);
    }
    return d;
}

static void good(struct tpm_device *d, enum sp_rc rc)
{
    if (rc != SP_OK) {
        fail_msg("%s: %s: %s", sp_rc_name(rc), tpm_device_error(d)->where, tpm_device_error(d)->text);
    }
}

/* Effect: reads both keys out of the TPM and computes what its quotes must name. */
static void enrol_below(struct tpm_device *d, uint32_t ek_handle, uint32_t handle, struct enrolled *out)
{
    struct tpm_device_bytes ek, ak;
    struct tpm_public public;
    struct tpm_name ek_name, ak_name, above;
    good(d, tpm_device_public(d, ek_handle, &ek));
    good(d, tpm_device_public(d, handle, &ak));
    assert_int_equal(evidence_key_new(bed.crypto, sp_str_bytes(ak.p, ak.n), &out->key, &out->ak), EVIDENCE_OK);
    assert_int_equal(tpm_wire_public(sp_str_bytes(ek.p, ek.n), &public), EVIDENCE_OK);
    assert_true(tpm_name_of(&public, &bed.ops, &ek_name));
    assert_int_equal(tpm_wire_public(sp_str_bytes(ak.p, ak.n), &public), EVIDENCE_OK);
    assert_true(tpm_name_of(&public, &bed.ops, &ak_name));
    assert_true(tpm_name_primary(TPM_HANDLE_ENDORSEMENT, &ek_name, &bed.ops, &above));
    assert_true(tpm_name_child(&above, &ak_name, &bed.ops, &out->signer));
}

static void enrol(struct tpm_device *d, uint32_t handle, struct enrolled *out)
{
    enrol_below(d, TPM_DEVICE_EK_RSA, handle, out);
}

static enum evidence_reason appraise(const struct enrolled *who, const uint8_t nonce[32], const struct tpm_selection *selection,
                                     const struct tpm_clock *before)
{
    const struct quote_question question = {.ak = &who->ak,
                                            .key = who->key,
                                            .signer = sp_str_bytes(who->signer.b, who->signer.n),
                                            .nonce = sp_str_bytes(nonce, 32),
                                            .selection = selection,
                                            .before = before};
    const struct quote_answer answer = {sp_str_bytes(quote.attest.p, quote.attest.n),
                                        sp_str_bytes(quote.signature.p, quote.signature.n),
                                        sp_str_bytes(quote.pcrs, quote.pcrs_bytes)};
    return quote_appraise(&question, &answer, &bed.ops, &finding);
}

/* Asks with a new nonce and appraises. */
static enum evidence_reason ask(struct tpm_device *d, uint32_t handle, const struct enrolled *who, const char *text,
                                const struct tpm_clock *before)
{
    uint8_t nonce[32];
    struct tpm_selection selection;
    sp_random_bytes(nonce, sizeof nonce);
    assert_true(tpm_selection_read(sp_str_of(text), &selection));
    good(d, tpm_device_quote(d, handle, sp_str_bytes(nonce, sizeof nonce), &selection, &quote));
    return appraise(who, nonce, &selection, before);
}

/* ---- the TPM itself -------------------------------------------------------------------------------------------- */

struct direct {
    TSS2_TCTI_CONTEXT *link;
    ESYS_CONTEXT *esys;
};

static void direct_open(struct direct *x, const struct swtpm *t)
{
    *x = (struct direct){0};
    assert_int_equal(Tss2_TctiLdr_Initialize(t->tcti, &x->link), 0);
    assert_int_equal(Esys_Initialize(&x->esys, x->link, NULL), 0);
}

static void direct_close(struct direct *x)
{
    Esys_Finalize(&x->esys);
    Tss2_TctiLdr_Finalize(&x->link);
}

/* Nothing of ours is left in the TPM: no transient object, no session, loaded or saved. */
static void assert_empty(const struct swtpm *t)
{
    static const uint32_t first[] = {0x80000000u, 0x02000000u, 0x03000000u};
    struct direct x;
    direct_open(&x, t);
    for (size_t i = 0; i < SP_COUNT(first); i++) {
        TPMI_YES_NO more = 0;
        TPMS_CAPABILITY_DATA *found = NULL;
        assert_int_equal(
            Esys_GetCapability(x.esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_CAP_HANDLES, first[i], 8, &more, &found), 0);
        if (found->data.handles.count != 0) {
            fail_msg("handle 0x%x is left", (unsigned)found->data.handles.handle[0]);
        }
        Esys_Free(found);
    }
    direct_close(&x);
}

static void extend(const struct swtpm *t, uint32_t pcr)
{
    TPML_DIGEST_VALUES digests = {.count = 1, .digests = {{.hashAlg = TPM2_ALG_SHA256}}};
    struct direct x;
    memset(digests.digests[0].digest.sha256, 0x5a, 32);
    direct_open(&x, t);
    assert_int_equal(Esys_PCR_Extend(x.esys, pcr, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &digests), 0);
    direct_close(&x);
}

/* ---- quotes ---------------------------------------------------------------------------------------------------- */

static void quotes_of_each_kind_of_key(void **state)
{
    static const uint32_t handles[] = {AK_ECC, AK_RSASSA, AK_RSAPSS};
    struct swtpm t;
    (void)state;
    swtpm_init(&t, "tpmA.permall");
    struct tpm_device *d = open_device(&t);
    for (size_t i = 0; i < SP_COUNT(handles); i++) {
        struct enrolled who, other;
        uint8_t nonce[32] = {1};
        struct tpm_selection selection;
        enrol(d, handles[i], &who);
        assert_int_equal(ask(d, handles[i], &who, "sha256:0-10", NULL), EVIDENCE_OK);
        struct tpm_clock before = finding.clock;
        assert_int_equal(ask(d, handles[i], &who, "sha256:0-23", &before), EVIDENCE_OK); /* more values than one answer holds */
        assert_false(finding.rebooted);
        assert_int_equal(ask(d, handles[i], &who, "sha1:0,7,16-23+sha256:0", &before), EVIDENCE_OK);
        enrol(d, handles[(i + 1) % SP_COUNT(handles)], &other); /* a quote counts for its own key only */
        assert_true(tpm_selection_read(sp_str_of("sha1:0,7,16-23+sha256:0"), &selection));
        assert_int_not_equal(appraise(&other, nonce, &selection, NULL), EVIDENCE_OK);
        evidence_key_destroy(&who.key);
        evidence_key_destroy(&other.key);
    }
    tpm_device_close(&d);
    assert_empty(&t);
    swtpm_fini(&t);
}

static void what_this_tpm_cannot_quote(void **state)
{
    uint8_t nonce[32] = {1};
    struct tpm_selection selection;
    struct swtpm t;
    (void)state;
    swtpm_init(&t, "tpmA.permall");
    struct tpm_device *d = open_device(&t);
    assert_true(tpm_selection_read(sp_str_of("sha256:0,1+sha384:0,1"), &selection)); /* a bank that is off */
    assert_int_equal(tpm_device_quote(d, AK_ECC, sp_str_bytes(nonce, 32), &selection, &quote), SP_E_UNSUPPORTED);
    assert_true(tpm_selection_read(sp_str_of("sha256:0"), &selection));
    assert_int_equal(tpm_device_quote(d, AK_NEW, sp_str_bytes(nonce, 32), &selection, &quote), SP_E_NOT_FOUND);
    assert_int_equal(tpm_device_quote(d, AK_ECC, sp_str_bytes(nonce, 0), &selection, &quote), SP_E_MALFORMED);
    assert_int_not_equal(tpm_device_quote(d, TPM_DEVICE_EK_RSA, sp_str_bytes(nonce, 32), &selection, &quote),
                         SP_OK); /* a key that does not sign */
    tpm_device_close(&d);
    assert_empty(&t);
    swtpm_fini(&t);
    struct sp_err err;
    assert_int_equal(tpm_device_open(t.tcti, &d, &err), SP_E_IO); /* nobody there any more */
    assert_true(err.text[0] != '\0');
}

/* The values of a golden boot are the reference; a wrong measurement is seen, a reboot cures it and voids what was known. */
static void a_wrong_measurement_and_a_reboot(void **state)
{
    struct reference_value values[8];
    struct reference_finding at;
    struct enrolled who;
    struct swtpm t;
    (void)state;
    swtpm_init(&t, "tpmA.permall");
    struct tpm_device *d = open_device(&t);
    enrol(d, AK_ECC, &who);
    assert_int_equal(ask(d, AK_ECC, &who, "sha256:0-7", NULL), EVIDENCE_OK);
    struct tpm_clock before = finding.clock;
    for (uint8_t i = 0; i < 8; i++) {
        values[i] = (struct reference_value){.alg = TPM_ALG_SHA256, .pcr = i};
        memcpy(values[i].digest, finding.pcrs.value[0][i], 32);
    }
    const struct reference_profile profile = {.until = UINT64_MAX, .firmware = finding.firmware, .value = values, .values = 8};
    const struct reference_set set = {&profile, 1};
    assert_int_equal(reference_judge(&set, &finding.pcrs, finding.firmware, NOW, &at), EVIDENCE_OK);

    extend(&t, 4);
    assert_int_equal(ask(d, AK_ECC, &who, "sha256:0-7", &before), EVIDENCE_OK); /* a good quote of a bad state */
    assert_false(finding.rebooted);
    assert_int_equal(reference_judge(&set, &finding.pcrs, finding.firmware, NOW, &at), EVIDENCE_REFERENCE_PCR);
    assert_int_equal(at.pcr, 4);

    uint8_t nonce[32] = {1};
    struct tpm_selection selection;
    assert_true(tpm_selection_read(sp_str_of("sha256:0-7"), &selection));
    swtpm_cut(&t);
    assert_int_equal(tpm_device_quote(d, AK_ECC, sp_str_bytes(nonce, 32), &selection, &quote), SP_E_IO);
    swtpm_start(&t);
    assert_int_equal(ask(d, AK_ECC, &who, "sha256:0-7", &before), EVIDENCE_OK); /* the same device object, on a new connection */
    assert_true(finding.rebooted);
    assert_int_equal(reference_judge(&set, &finding.pcrs, finding.firmware, NOW, &at), EVIDENCE_OK);
    evidence_key_destroy(&who.key);
    tpm_device_close(&d);
    assert_empty(&t);
    swtpm_fini(&t);
}

/* A copy of the state is another TPM with the same keys, but a state of before is seen by its counters. */
static void t12_a_state_put_back(void **state)
{
    struct enrolled who;
    struct swtpm t, old;
    (void)state;
    swtpm_init(&t, "tpmA.permall");
    struct tpm_device *d = open_device(&t);
    enrol(d, AK_ECC, &who);
    for (unsigned i = 0; i < 3; i++) { /* three boots */
        swtpm_cut(&t);
        swtpm_start(&t);
        assert_int_equal(ask(d, AK_ECC, &who, "sha256:0", NULL), EVIDENCE_OK);
    }
    struct tpm_clock before = finding.clock;
    tpm_device_close(&d);
    swtpm_init(&old, "tpmA.permall");
    d = open_device(&old);
    assert_int_equal(ask(d, AK_ECC, &who, "sha256:0", &before), EVIDENCE_RESET_BACK);
    tpm_device_close(&d);
    evidence_key_destroy(&who.key);
    swtpm_fini(&old);
    swtpm_fini(&t);
}

/* ---- enrolment ------------------------------------------------------------------------------------------------- */

static struct ek_roots *roots_of(const char *const *names)
{
    struct ek_roots *roots = NULL;
    assert_int_equal(ek_roots_new(bed.crypto, &roots), SP_OK);
    for (; *names != NULL; names++) {
        struct sp_str pem = evidence_bed_file("tpm", *names);
        assert_int_equal(ek_roots_add(roots, pem), SP_OK);
        free((void *)(uintptr_t)pem.p);
    }
    return roots;
}

/* Effect: makes a credential for the two keys and lets the TPM open it. */
static enum sp_rc activate_at(struct tpm_device *d, const uint32_t handles[2], const struct tpm_device_bytes *ek,
                              const uint8_t *ak_name, bool *same)
{
    uint8_t secret[32], opened[32] = {0};
    struct credential_wrapped wrapped;
    const struct credential_for what = {ak_name, secret};
    sp_random_bytes(secret, sizeof secret);
    assert_int_equal(credential_wrap(bed.crypto, sp_str_bytes(ek->p, ek->n), &what, &wrapped), EVIDENCE_OK);
    const struct tpm_device_credential credential = {sp_str_bytes(wrapped.blob, wrapped.blob_bytes),
                                                     sp_str_bytes(wrapped.secret, wrapped.secret_bytes)};
    enum sp_rc rc = tpm_device_activate(d, handles[0], handles[1], &credential, opened);
    *same = memcmp(secret, opened, sizeof secret) == 0;
    return rc;
}

static enum sp_rc activate(struct tpm_device *d, const struct tpm_device_bytes *ek, const uint8_t *ak_name, uint32_t ak, bool *same)
{
    const uint32_t handles[] = {TPM_DEVICE_EK_RSA, ak};
    return activate_at(d, handles, ek, ak_name, same);
}

/* Where the endorsement key is, and what is made below it. */
struct kind {
    uint32_t ek, cert;
    bool rsa;
};
static const struct kind rsa_ecc = {TPM_DEVICE_EK_RSA, TPM_DEVICE_EK_CERT_RSA, false};
static const struct kind p384_rsa = {TPM_DEVICE_EK_ECC, TPM_DEVICE_EK_CERT_ECC, true};

/* From nothing to a quote: certificate, new key, activation. */
static void enrol_whole(struct tpm_device *d, const struct kind *kind, const struct ek_roots *roots, int64_t now,
                        struct enrolled *who)
{
    static struct tpm_device_bytes certificate, ek;
    struct ek_cert_finding found;
    const uint32_t handles[] = {kind->ek, AK_NEW};
    bool same = false;
    good(d, tpm_device_memory(d, kind->cert, &certificate));
    good(d, tpm_device_public(d, kind->ek, &ek));
    const struct ek_cert_question question = {
        .roots = roots, .certificate = sp_str_bytes(certificate.p, certificate.n), .key = sp_str_bytes(ek.p, ek.n), .now_s = now};
    enum evidence_reason reason = ek_cert_check(&question, &found);
    if (reason != EVIDENCE_OK) {
        fail_msg("%s: %s", evidence_reason_name(reason), found.chain);
    }
    good(d, tpm_device_make_ak(d, kind->ek, AK_NEW, kind->rsa));
    assert_int_equal(tpm_device_make_ak(d, kind->ek, AK_NEW, kind->rsa), SP_E_EXISTS);
    enrol_below(d, kind->ek, AK_NEW, who);
    good(d, activate_at(d, handles, &ek, who->ak.name, &same));
    assert_true(same);
    assert_int_equal(ask(d, AK_NEW, who, "sha256:0-10", NULL), EVIDENCE_OK);
}

static void enrolment_of_a_new_key(void **state)
{
    static const char *const names[] = {"enroll/root.pem", "enroll/issuercert.pem", NULL};
    struct ek_roots *roots = roots_of(names);
    struct enrolled who;
    struct swtpm t;
    (void)state;
    swtpm_init(&t, "tpmA.permall");
    struct tpm_device *d = open_device(&t);
    enrol_whole(d, &rsa_ecc, roots, NOW, &who);
    evidence_key_destroy(&who.key);
    tpm_device_close(&d);
    assert_empty(&t);
    swtpm_fini(&t);
    ek_roots_destroy(&roots);
}

/* An endorsement key that is used by password and has another name algorithm, and an RSA key below it. */
static void enrolment_below_p384(void **state)
{
    static const char *const names[] = {"enroll/root.pem", "enroll/issuercert.pem", NULL};
    struct ek_roots *roots = roots_of(names);
    struct enrolled who;
    struct swtpm t;
    (void)state;
    swtpm_init(&t, "tpmA.permall");
    struct tpm_device *d = open_device(&t);
    enrol_whole(d, &p384_rsa, roots, NOW, &who);
    assert_int_equal(who.ak.type, TPM_ALG_RSA);
    evidence_key_destroy(&who.key);
    tpm_device_close(&d);
    assert_empty(&t);
    swtpm_fini(&t);
    ek_roots_destroy(&roots);
}

/* A machine that came with the certificate alone: the key of the template is the one that the certificate is of. */
static void an_endorsement_key_is_made_again(void **state)
{
    static const char *const names[] = {"enroll/root.pem", "enroll/issuercert.pem", NULL};
    static struct tpm_device_bytes before, after;
    struct ek_roots *roots = roots_of(names);
    struct enrolled who;
    struct direct x;
    struct swtpm t;
    ESYS_TR key, none;
    (void)state;
    swtpm_init(&t, "tpmA.permall");
    struct tpm_device *d = open_device(&t);
    assert_int_equal(tpm_device_make_ek(d), SP_E_EXISTS);
    good(d, tpm_device_public(d, TPM_DEVICE_EK_RSA, &before));
    direct_open(&x, &t);
    assert_int_equal(Esys_TR_FromTPMPublic(x.esys, TPM_DEVICE_EK_RSA, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &key), 0);
    assert_int_equal(
        Esys_EvictControl(x.esys, ESYS_TR_RH_OWNER, key, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, TPM_DEVICE_EK_RSA, &none),
        0);
    direct_close(&x);
    assert_int_equal(tpm_device_public(d, TPM_DEVICE_EK_RSA, &after), SP_E_NOT_FOUND);
    good(d, tpm_device_make_ek(d));
    good(d, tpm_device_public(d, TPM_DEVICE_EK_RSA, &after));
    assert_int_equal(before.n, after.n);
    assert_memory_equal(before.p, after.p, before.n);
    enrol_whole(d, &rsa_ecc, roots, NOW, &who);
    evidence_key_destroy(&who.key);
    tpm_device_close(&d);
    assert_empty(&t);
    swtpm_fini(&t);
    ek_roots_destroy(&roots);
}

/* A process that died left sessions behind: a TPM without a resource manager is full, until they are flushed. */
static void d20_what_a_death_left_is_flushed(void **state)
{
    const TPMT_SYM_DEF none = {.algorithm = TPM2_ALG_NULL};
    struct direct x;
    struct swtpm t;
    (void)state;
    swtpm_init(&t, "tpmA.permall");
    assert_false(tpm_device_is_managed(t.tcti));
    assert_true(tpm_device_is_managed("device:/dev/tpmrm0"));
    direct_open(&x, &t);
    for (unsigned i = 0; i < 3; i++) {
        ESYS_TR session;
        assert_int_equal(Esys_StartAuthSession(x.esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, NULL,
                                               TPM2_SE_POLICY, &none, TPM2_ALG_SHA256, &session),
                         0);
    }
    direct_close(&x);
    struct tpm_device *d = open_device(&t);
    assert_int_equal(tpm_device_make_ak(d, TPM_DEVICE_EK_RSA, AK_NEW, false), SP_E_FULL);
    good(d, tpm_device_clean(d));
    good(d, tpm_device_make_ak(d, TPM_DEVICE_EK_RSA, AK_NEW, false));
    tpm_device_close(&d);
    assert_empty(&t);
    swtpm_fini(&t);
}

/* A credential is opened only where both keys are. */
static void k2_credentials_for_other_keys(void **state)
{
    static struct tpm_device_bytes ek_a, ek_b;
    struct enrolled ecc, rsa;
    struct swtpm a, b;
    bool same = true;
    (void)state;
    swtpm_init(&a, "tpmA.permall");
    swtpm_init(&b, "tpmB.permall");
    struct tpm_device *da = open_device(&a), *db = open_device(&b);
    good(da, tpm_device_public(da, TPM_DEVICE_EK_RSA, &ek_a));
    good(db, tpm_device_public(db, TPM_DEVICE_EK_RSA, &ek_b));
    enrol(da, AK_ECC, &ecc);
    enrol(da, AK_RSASSA, &rsa);
    good(da, activate(da, &ek_a, ecc.ak.name, AK_ECC, &same));
    assert_true(same);
    assert_int_equal(activate(da, &ek_a, rsa.ak.name, AK_ECC, &same), SP_E_SIGNATURE); /* made for another key of this TPM */
    assert_false(same);
    assert_int_not_equal(activate(da, &ek_b, ecc.ak.name, AK_ECC, &same), SP_OK); /* made for another TPM */
    assert_false(same);
    assert_int_not_equal(activate(db, &ek_a, ecc.ak.name, AK_ECC, &same), SP_OK); /* sent on to another TPM */
    assert_false(same);
    assert_int_equal(activate(da, &ek_a, ecc.ak.name, AK_NEW, &same), SP_E_NOT_FOUND);
    assert_int_equal(ask(da, AK_ECC, &ecc, "sha256:0", NULL), EVIDENCE_OK); /* no harm done */
    assert_empty(&a);
    assert_empty(&b);
    evidence_key_destroy(&ecc.key);
    evidence_key_destroy(&rsa.key);
    tpm_device_close(&da);
    tpm_device_close(&db);
    swtpm_fini(&a);
    swtpm_fini(&b);
}

/* Whatever bytes come as a credential: a refusal, and nothing left in the TPM. */
static void d20_damaged_credentials_leave_nothing(void **state)
{
    static struct tpm_device_bytes ek;
    uint8_t secret[32] = {7}, opened[32] = {0};
    struct credential_wrapped wrapped;
    struct enrolled who;
    struct swtpm t;
    (void)state;
    swtpm_init(&t, "tpmA.permall");
    struct tpm_device *d = open_device(&t);
    good(d, tpm_device_public(d, TPM_DEVICE_EK_RSA, &ek));
    enrol(d, AK_ECC, &who);
    const struct credential_for what = {who.ak.name, secret};
    assert_int_equal(credential_wrap(bed.crypto, sp_str_bytes(ek.p, ek.n), &what, &wrapped), EVIDENCE_OK);
    for (uint32_t i = 0; i < wrapped.blob_bytes; i += 7) {
        const struct tpm_device_credential credential = {sp_str_bytes(wrapped.blob, wrapped.blob_bytes),
                                                         sp_str_bytes(wrapped.secret, wrapped.secret_bytes)};
        wrapped.blob[i] ^= 1;
        assert_int_not_equal(tpm_device_activate(d, TPM_DEVICE_EK_RSA, AK_ECC, &credential, opened), SP_OK);
        wrapped.blob[i] ^= 1;
    }
    for (uint32_t n = 0; n < wrapped.blob_bytes; n += 5) {
        const struct tpm_device_credential credential = {sp_str_bytes(wrapped.blob, n),
                                                         sp_str_bytes(wrapped.secret, wrapped.secret_bytes)};
        assert_int_equal(tpm_device_activate(d, TPM_DEVICE_EK_RSA, AK_ECC, &credential, opened), SP_E_MALFORMED);
    }
    static const uint8_t zero[32];
    assert_memory_equal(opened, zero, 32);
    evidence_key_destroy(&who.key);
    tpm_device_close(&d);
    assert_empty(&t);
    swtpm_fini(&t);
}

static struct sp_str text_of(const struct swtpm *t, const char *name, char *to, size_t size)
{
    char path[192];
    FILE *f = fopen(scratch_path(&t->scratch, name, path, sizeof path), "rb");
    if (f == NULL) {
        fail_msg("%s is not there", path);
    }
    size_t n = fread(to, 1, size, f);
    (void)fclose(f);
    return sp_str_bytes(to, n);
}

/* A TPM made here, with certificates of an authority of its own. */
static void enrolment_of_a_new_tpm(void **state)
{
    static const char *const others[] = {"enroll/root.pem", "enroll/issuercert.pem", NULL};
    static struct tpm_device_bytes certificate, ek;
    char pem[8192];
    struct ek_roots *roots = NULL, *strange = roots_of(others);
    struct ek_cert_finding found;
    struct enrolled who;
    struct swtpm t;
    (void)state;
    swtpm_init_made(&t);
    assert_int_equal(ek_roots_new(bed.crypto, &roots), SP_OK);
    assert_int_equal(ek_roots_add(roots, text_of(&t, "swtpm-localca-rootca-cert.pem", pem, sizeof pem)), SP_OK);
    assert_int_equal(ek_roots_add(roots, text_of(&t, "issuer.pem", pem, sizeof pem)), SP_OK);
    struct tpm_device *d = open_device(&t);
    good(d, tpm_device_memory(d, TPM_DEVICE_EK_CERT_RSA, &certificate));
    good(d, tpm_device_public(d, TPM_DEVICE_EK_RSA, &ek));
    struct ek_cert_question question = {.roots = strange,
                                        .certificate = sp_str_bytes(certificate.p, certificate.n),
                                        .key = sp_str_bytes(ek.p, ek.n),
                                        .now_s = (int64_t)time(NULL)};
    assert_int_equal(ek_cert_check(&question, &found), EVIDENCE_EK_CHAIN);
    enrol_whole(d, &rsa_ecc, roots, (int64_t)time(NULL), &who);
    evidence_key_destroy(&who.key);
    tpm_device_close(&d);
    assert_empty(&t);
    swtpm_fini(&t);
    ek_roots_destroy(&roots);
    ek_roots_destroy(&strange);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(quotes_of_each_kind_of_key),       cmocka_unit_test(what_this_tpm_cannot_quote),
        cmocka_unit_test(a_wrong_measurement_and_a_reboot), cmocka_unit_test(t12_a_state_put_back),
        cmocka_unit_test(enrolment_of_a_new_key),           cmocka_unit_test(enrolment_below_p384),
        cmocka_unit_test(an_endorsement_key_is_made_again), cmocka_unit_test(d20_what_a_death_left_is_flushed),
        cmocka_unit_test(k2_credentials_for_other_keys),    cmocka_unit_test(d20_damaged_credentials_leave_nothing),
        cmocka_unit_test(enrolment_of_a_new_tpm),
    };
    evidence_bed_init(&bed);
    int failed = cmocka_run_group_tests_name("tpm_device", tests, NULL, NULL);
    evidence_bed_fini(&bed);
    return failed;
}
