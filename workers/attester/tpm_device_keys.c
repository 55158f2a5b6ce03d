/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of a TPM: making them, and proving that two of them live in one. */
#include <tss2/tss2_mu.h>

#include "sp_crypto.h"
#include "tpm_device_parts.h"

/* ---- the endorsement key -------------------------------------------------------------------------------------------- */

/* An endorsement key, and how it is used: some templates want a policy session, others (P-384 of the high range) a password. */
struct endorsement {
    ESYS_TR key;
    bool by_password;
};

static enum sp_rc take_endorsement(struct tpm_device *d, uint32_t handle, struct endorsement *out)
{
    TPM2B_PUBLIC *public = NULL;
    out->by_password = false;
    enum sp_rc rc = tpm_part_take(d, handle, &out->key, "endorsement key");
    if (rc == SP_OK) {
        rc = tpm_part_judge(d, Esys_ReadPublic(d->esys, out->key, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &public, NULL, NULL),
                            "TPM2_ReadPublic");
        out->by_password = rc == SP_OK && (public->publicArea.objectAttributes & TPMA_OBJECT_USERWITHAUTH) != 0;
    }
    Esys_Free(public);
    return rc;
}

/* A session that may use the endorsement key once; ends with flush. */
static enum sp_rc open_session(struct tpm_device *d, const struct endorsement *ek, ESYS_TR *out)
{
    const TPMT_SYM_DEF none = {.algorithm = TPM2_ALG_NULL};
    TPM2B_TIMEOUT *timeout = NULL;
    TPMT_TK_AUTH *ticket = NULL;
    *out = ek->by_password ? ESYS_TR_PASSWORD : ESYS_TR_NONE;
    if (ek->by_password) {
        return SP_OK;
    }
    enum sp_rc rc = tpm_part_judge(d,
                                   Esys_StartAuthSession(d->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                                                         ESYS_TR_NONE, NULL, TPM2_SE_POLICY, &none, TPM2_ALG_SHA256, out),
                                   "TPM2_StartAuthSession");
    if (rc == SP_OK) {
        rc = tpm_part_judge(d,
                            Esys_PolicySecret(d->esys, ESYS_TR_RH_ENDORSEMENT, *out, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
                                              NULL, NULL, NULL, 0, &timeout, &ticket),
                            "TPM2_PolicySecret");
        Esys_Free(timeout);
        Esys_Free(ticket);
    }
    if (rc != SP_OK) {
        tpm_part_flush(d, out);
    }
    return rc;
}

/* ---- making ------------------------------------------------------------------------------------------------- */

static TPM2B_PUBLIC ak_template(bool rsa)
{
    TPM2B_PUBLIC t = {0};
    TPMT_PUBLIC *p = &t.publicArea;
    p->type = rsa ? TPM2_ALG_RSA : TPM2_ALG_ECC;
    p->nameAlg = TPM2_ALG_SHA256;
    p->objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN |
                          TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_SIGN_ENCRYPT;
    if (rsa) {
        p->parameters.rsaDetail.symmetric.algorithm = TPM2_ALG_NULL;
        p->parameters.rsaDetail.scheme.scheme = TPM2_ALG_RSASSA;
        p->parameters.rsaDetail.scheme.details.rsassa.hashAlg = TPM2_ALG_SHA256;
        p->parameters.rsaDetail.keyBits = 2048;
    } else {
        p->parameters.eccDetail.symmetric.algorithm = TPM2_ALG_NULL;
        p->parameters.eccDetail.scheme.scheme = TPM2_ALG_ECDSA;
        p->parameters.eccDetail.scheme.details.ecdsa.hashAlg = TPM2_ALG_SHA256;
        p->parameters.eccDetail.curveID = TPM2_ECC_NIST_P256;
        p->parameters.eccDetail.kdf.scheme = TPM2_ALG_NULL;
    }
    return t;
}

/* Makes the key and loads it; each use of the endorsement key wants a session of its own. */
static enum sp_rc create_ak(struct tpm_device *d, const struct endorsement *ek, bool rsa, ESYS_TR *out)
{
    const TPM2B_PUBLIC template = ak_template(rsa);
    const TPM2B_SENSITIVE_CREATE sensitive = {0};
    const TPM2B_DATA outside = {0};
    const TPML_PCR_SELECTION none = {0};
    TPM2B_PRIVATE *private = NULL;
    TPM2B_PUBLIC *public = NULL;
    ESYS_TR session = ESYS_TR_NONE;
    enum sp_rc rc = open_session(d, ek, &session);
    if (rc == SP_OK) {
        rc = tpm_part_judge(d,
                            Esys_Create(d->esys, ek->key, session, ESYS_TR_NONE, ESYS_TR_NONE, &sensitive, &template, &outside,
                                        &none, &private, &public, NULL, NULL, NULL),
                            "TPM2_Create");
    }
    tpm_part_flush(d, &session);
    rc = rc == SP_OK ? open_session(d, ek, &session) : rc;
    if (rc == SP_OK) {
        rc = tpm_part_judge(d, Esys_Load(d->esys, ek->key, session, ESYS_TR_NONE, ESYS_TR_NONE, private, public, out), "TPM2_Load");
    }
    tpm_part_flush(d, &session);
    Esys_Free(private);
    Esys_Free(public);
    return rc;
}

/* SP_OK when there is nothing at this handle. */
static enum sp_rc is_free(struct tpm_device *d, uint32_t handle)
{
    ESYS_TR there = ESYS_TR_NONE;
    enum sp_rc rc = tpm_part_take(d, handle, &there, "handle");
    tpm_part_let_go(d, &there);
    return rc == SP_E_NOT_FOUND ? SP_OK
           : rc == SP_OK        ? sp_err_set(&d->err, SP_E_EXISTS, "handle", "0x%x is in use", (unsigned)handle)
                                : rc;
}

/* Effect: the loaded key stays in the TPM under this handle, and is no longer loaded. */
static enum sp_rc keep(struct tpm_device *d, ESYS_TR *key, uint32_t handle)
{
    ESYS_TR kept = ESYS_TR_NONE;
    enum sp_rc rc = tpm_part_judge(
        d, Esys_EvictControl(d->esys, ESYS_TR_RH_OWNER, *key, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, handle, &kept),
        "TPM2_EvictControl");
    tpm_part_let_go(d, &kept);
    tpm_part_flush(d, key);
    return rc;
}

enum sp_rc tpm_device_make_ak(struct tpm_device *d, uint32_t ek, uint32_t ak, bool rsa)
{
    struct endorsement parent = {.key = ESYS_TR_NONE};
    ESYS_TR key = ESYS_TR_NONE;
    enum sp_rc rc = tpm_part_connect(d);
    rc = rc == SP_OK ? is_free(d, ak) : rc;
    rc = rc == SP_OK ? take_endorsement(d, ek, &parent) : rc;
    rc = rc == SP_OK ? create_ak(d, &parent, rsa, &key) : rc;
    rc = rc == SP_OK ? keep(d, &key, ak) : rc;
    tpm_part_flush(d, &key);
    tpm_part_let_go(d, &parent.key);
    return rc;
}

/* Template L-1 of the TCG EK credential profile: its policy is PolicySecret of the endorsement hierarchy. */
static TPM2B_PUBLIC ek_template(void)
{
    static const uint8_t policy[] = {0x83, 0x71, 0x97, 0x67, 0x44, 0x84, 0xb3, 0xf8, 0x1a, 0x90, 0xcc,
                                     0x8d, 0x46, 0xa5, 0xd7, 0x24, 0xfd, 0x52, 0xd7, 0x6e, 0x06, 0x52,
                                     0x0b, 0x64, 0xf2, 0xa1, 0xda, 0x1b, 0x33, 0x14, 0x69, 0xaa};
    TPM2B_PUBLIC t = {0};
    TPMT_PUBLIC *p = &t.publicArea;
    p->type = TPM2_ALG_RSA;
    p->nameAlg = TPM2_ALG_SHA256;
    p->objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN |
                          TPMA_OBJECT_ADMINWITHPOLICY | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT;
    p->authPolicy.size = sizeof policy;
    memcpy(p->authPolicy.buffer, policy, sizeof policy);
    p->parameters.rsaDetail.symmetric = (TPMT_SYM_DEF_OBJECT){TPM2_ALG_AES, {.aes = 128}, {.aes = TPM2_ALG_CFB}};
    p->parameters.rsaDetail.scheme.scheme = TPM2_ALG_NULL;
    p->parameters.rsaDetail.keyBits = 2048;
    p->unique.rsa.size = 256; /* zeros */
    return t;
}

enum sp_rc tpm_device_make_ek(struct tpm_device *d)
{
    const TPM2B_PUBLIC template = ek_template();
    const TPM2B_SENSITIVE_CREATE sensitive = {0};
    const TPM2B_DATA outside = {0};
    const TPML_PCR_SELECTION none = {0};
    ESYS_TR key = ESYS_TR_NONE;
    enum sp_rc rc = tpm_part_connect(d);
    rc = rc == SP_OK ? is_free(d, TPM_DEVICE_EK_RSA) : rc;
    if (rc == SP_OK) {
        rc = tpm_part_judge(d,
                            Esys_CreatePrimary(d->esys, ESYS_TR_RH_ENDORSEMENT, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
                                               &sensitive, &template, &outside, &none, &key, NULL, NULL, NULL, NULL),
                            "TPM2_CreatePrimary");
    }
    rc = rc == SP_OK ? keep(d, &key, TPM_DEVICE_EK_RSA) : rc;
    tpm_part_flush(d, &key);
    return rc;
}

/* Both parts of a credential, whole and with nothing after them. */
static bool decode(const struct tpm_device_credential *credential, TPM2B_ID_OBJECT *blob, TPM2B_ENCRYPTED_SECRET *secret)
{
    size_t a = 0, b = 0;
    return Tss2_MU_TPM2B_ID_OBJECT_Unmarshal((const uint8_t *)credential->blob.p, credential->blob.n, &a, blob) ==
               TSS2_RC_SUCCESS &&
           a == credential->blob.n &&
           Tss2_MU_TPM2B_ENCRYPTED_SECRET_Unmarshal((const uint8_t *)credential->secret.p, credential->secret.n, &b, secret) ==
               TSS2_RC_SUCCESS &&
           b == credential->secret.n;
}

enum sp_rc tpm_device_activate(struct tpm_device *d, uint32_t ek, uint32_t ak, const struct tpm_device_credential *credential,
                               uint8_t out[32])
{
    struct endorsement parent = {.key = ESYS_TR_NONE};
    ESYS_TR key = ESYS_TR_NONE, session = ESYS_TR_NONE;
    TPM2B_ID_OBJECT blob = {0};
    TPM2B_ENCRYPTED_SECRET secret = {0};
    TPM2B_DIGEST *opened = NULL;
    if (credential->blob.n == 0 || credential->secret.n == 0 || !decode(credential, &blob, &secret)) {
        return sp_err_set(&d->err, SP_E_MALFORMED, "credential", "does not decode");
    }
    enum sp_rc rc = tpm_part_connect(d);
    rc = rc == SP_OK ? take_endorsement(d, ek, &parent) : rc;
    rc = rc == SP_OK ? tpm_part_take(d, ak, &key, "attestation key") : rc;
    rc = rc == SP_OK ? open_session(d, &parent, &session) : rc;
    if (rc == SP_OK) {
        rc = tpm_part_judge(
            d, Esys_ActivateCredential(d->esys, key, parent.key, ESYS_TR_PASSWORD, session, ESYS_TR_NONE, &blob, &secret, &opened),
            "TPM2_ActivateCredential");
        rc = rc == SP_E_INVALID ? SP_E_SIGNATURE : rc; /* integrity, size, padding: all mean other keys */
    }
    if (rc == SP_OK && opened->size != 32) {
        rc = sp_err_set(&d->err, SP_E_MALFORMED, "credential", "has %u bytes", opened->size);
    }
    if (rc == SP_OK) {
        memcpy(out, opened->buffer, 32);
        sp_crypto_wipe(opened, sizeof *opened);
    }
    Esys_Free(opened);
    tpm_part_flush(d, &session);
    tpm_part_let_go(d, &key);
    tpm_part_let_go(d, &parent.key);
    return rc;
}
