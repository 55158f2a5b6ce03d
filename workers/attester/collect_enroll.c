/* SPDX-License-Identifier: Apache-2.0 */
/*
 * enroll, activate - the attester's half of enrolment.
 *
 * enroll: args {}; sections ek_public (TPM2B_PUBLIC), ek_cert (what the TPM's memory holds; empty: this TPM has none), ak_public
 * (TPM2B_PUBLIC; made below the endorsement key when there is none yet).
 * activate: args {"blob": BASE64, "secret": BASE64}; section proof: HMAC under the opened credential over node, name of the
 * attestation key, nonce, SHA-256 of the certificate without its padding (of ek_public when there is none) and this attester's two
 * keys (credential_proof).
 */
#include "collect_tpm.h"
#include "collector_table.h"
#include "credential.h"
#include "sp_base64.h"
#include "sp_crypto.h"

struct enroll_work {
    uint32_t ak;
    bool rsa;
    struct sp_str blob, secret; /* activate; empty: enroll */
    struct tpm_device_bytes ek, cert, key;
    uint8_t opened[CREDENTIAL_BYTES];
};

/* RSA-2048 if it is there, else P-384; if neither is, RSA-2048 is made. */
static enum sp_rc read_ek(struct tpm_device *device, struct enroll_work *w, uint32_t *ek)
{
    uint32_t cert = TPM_DEVICE_EK_CERT_RSA;
    *ek = TPM_DEVICE_EK_RSA;
    enum sp_rc rc = tpm_device_public(device, *ek, &w->ek);
    if (rc == SP_E_NOT_FOUND) {
        *ek = TPM_DEVICE_EK_ECC;
        cert = TPM_DEVICE_EK_CERT_ECC;
        rc = tpm_device_public(device, *ek, &w->ek);
    }
    if (rc == SP_E_NOT_FOUND) {
        *ek = TPM_DEVICE_EK_RSA;
        cert = TPM_DEVICE_EK_CERT_RSA;
        rc = tpm_device_make_ek(device);
        rc = rc == SP_OK ? tpm_device_public(device, *ek, &w->ek) : rc;
    }
    if (rc == SP_OK) {
        rc = tpm_device_memory(device, cert, &w->cert);
        w->cert.n = rc == SP_OK ? w->cert.n : 0;
        rc = rc == SP_E_NOT_FOUND ? SP_OK : rc;
    }
    return rc;
}

static enum sp_rc enroll_work(struct tpm_device *device, void *arg)
{
    struct enroll_work *w = arg;
    uint32_t ek = 0;
    enum sp_rc rc = read_ek(device, w, &ek);
    enum sp_rc key = rc == SP_OK ? tpm_device_public(device, w->ak, &w->key) : rc;
    if (rc == SP_OK && key == SP_E_NOT_FOUND) {
        rc = tpm_device_make_ak(device, ek, w->ak, w->rsa);
        return rc == SP_OK ? tpm_device_public(device, w->ak, &w->key) : rc;
    }
    return key;
}

static uint16_t enroll_collect(const struct collect_request *request, struct collect_out *out)
{
    static const char *const none[] = {NULL};
    static struct enroll_work w;
    uint16_t reason = SP_REASON_OK;
    json_t *args = collect_args(request, out, &reason);
    if (args == NULL) {
        return reason;
    }
    bool good = collect_args_only(args, none, out);
    json_decref(args);
    if (!good) {
        return SP_REASON_BAD_PARAMETERS;
    }
    w.ak = request->site->ak_handle;
    w.rsa = request->site->ak_rsa;
    reason = collect_tpm(request, out, enroll_work, &w);
    if (reason == SP_REASON_OK) {
        (void)(collect_section(out, "ek_public", sp_str_bytes(w.ek.p, w.ek.n)) &&
               collect_section(out, "ek_cert", sp_str_bytes(w.cert.p, w.cert.n)) &&
               collect_section(out, "ak_public", sp_str_bytes(w.key.p, w.key.n)));
    }
    return reason;
}

/* ---- activation ------------------------------------------------------------------------------------------------ */

static enum sp_rc activate_work(struct tpm_device *device, void *arg)
{
    struct enroll_work *w = arg;
    const struct tpm_device_credential credential = {w->blob, w->secret};
    uint32_t ek = 0;
    enum sp_rc rc = read_ek(device, w, &ek);
    rc = rc == SP_OK ? tpm_device_public(device, w->ak, &w->key) : rc;
    return rc == SP_OK ? tpm_device_activate(device, ek, w->ak, &credential, w->opened) : rc;
}

static bool decode(const json_t *args, const char *name, uint8_t *to, size_t size, struct sp_str *out)
{
    const json_t *value = json_object_get(args, name);
    struct sp_str text = sp_str_bytes(json_string_value(value), json_string_length(value));
    size_t n = sp_base64_bytes(text);
    *out = sp_str_bytes(to, n);
    return n > 0 && n <= size && sp_base64_read(text, to, n);
}

/* What a certificate is without the padding behind it: as long as its outermost element says. */
static struct sp_str without_padding(const struct tpm_device_bytes *cert)
{
    size_t n = cert->n;
    if (n > 4 && cert->p[0] == 0x30 && cert->p[1] == 0x82) {
        size_t said = 4 + ((size_t)cert->p[2] << 8 | cert->p[3]);
        n = said < n ? said : n;
    }
    return sp_str_bytes(cert->p, n);
}

static uint16_t prove(const struct collect_request *request, struct collect_out *out, struct enroll_work *w)
{
    uint8_t name[TPM_NAME_BYTES] = {TPM_ALG_SHA256 >> 8, TPM_ALG_SHA256 & 0xff}, digest[32], proof[32];
    struct sp_str cert = w->cert.n > 0 ? without_padding(&w->cert) : sp_str_bytes(w->ek.p, w->ek.n);
    if (w->key.n < 2 || request->node.n == 0 || request->node.n > CREDENTIAL_BOUND_MAX) {
        return collect_fail(out, SP_REASON_INTERNAL, "no key or no name of the node");
    }
    sp_crypto_sha256(w->key.p + 2, w->key.n - 2, name + 2); /* the public area without its size */
    sp_crypto_sha256(cert.p, cert.n, digest);
    const struct credential_bound bound = {.node = request->node,
                                           .ak_name = name,
                                           .nonce = request->nonce,
                                           .certificate = digest,
                                           .sign_key = request->sign_key,
                                           .curve_key = request->curve_key};
    credential_proof(w->opened, &bound, proof);
    (void)collect_section(out, "proof", sp_str_bytes(proof, sizeof proof));
    return SP_REASON_OK;
}

static uint16_t activate_collect(const struct collect_request *request, struct collect_out *out)
{
    static const char *const names[] = {"blob", "secret", NULL};
    static struct enroll_work w;
    static uint8_t blob[CREDENTIAL_BLOB_MAX], secret[CREDENTIAL_SECRET_MAX];
    uint16_t reason = SP_REASON_OK;
    json_t *args = collect_args(request, out, &reason);
    if (args == NULL) {
        return reason;
    }
    reason = collect_args_only(args, names, out) ? SP_REASON_OK : SP_REASON_BAD_PARAMETERS;
    if (reason == SP_REASON_OK &&
        (!decode(args, "blob", blob, sizeof blob, &w.blob) || !decode(args, "secret", secret, sizeof secret, &w.secret))) {
        reason = collect_fail(out, SP_REASON_BAD_PARAMETERS, "blob, secret: Base64 of a credential");
    }
    json_decref(args);
    w.ak = request->site->ak_handle;
    reason = reason == SP_REASON_OK ? collect_tpm(request, out, activate_work, &w) : reason;
    reason = reason == SP_REASON_OK ? prove(request, out, &w) : reason;
    sp_crypto_wipe(w.opened, sizeof w.opened);
    return reason;
}

const struct collector collector_enroll = {.kind = "enroll", .collect = enroll_collect, .tpm = true, .operators_only = true};
const struct collector collector_activate = {.kind = "activate", .collect = activate_collect, .tpm = true, .operators_only = true};
