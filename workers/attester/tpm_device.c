/* SPDX-License-Identifier: Apache-2.0 */
#include "tpm_device_parts.h"

#include <stdio.h>
#include <stdlib.h>

#include <tss2/tss2_mu.h>
#include <tss2/tss2_rc.h>
#include <tss2/tss2_tctildr.h>

#define QUOTE_TRIES 3u    /* values must be those of the quote */
#define READ_ROUNDS 32u   /* each answer has up to 8 values */
#define CHUNK_BYTES 1024u /* of the TPM's memory */

/* Codes of the TPM that speak of a handle, a session or a parameter: it works, and refuses this. */
#define RC_FORMAT_1  0x080u
#define RC_PLAIN     0x0bfu /* without its number */
#define RC_NO_HANDLE 0x08bu
/* Warnings: the first three mean that handles are left over, the others that it is busy, tests itself, or takes no more for now. */
#define RC_WARNING       0x900u
#define RC_WARNING_MASK  0xfc0u
#define RC_NUMBER        0x03fu
#define RC_LEFT_OVER_MAX 0x03u

#define LEFT_OVER_MAX 64u /* handles flushed of each kind */

/* ---- connection ------------------------------------------------------------------------------------------------ */

static void drop(struct tpm_device *d)
{
    if (d->esys != NULL) {
        Esys_Finalize(&d->esys);
    }
    if (d->link != NULL) {
        Tss2_TctiLdr_Finalize(&d->link);
    }
}

/* The layer below the TPM's own commands failed: the connection is of no use any more. */
static bool is_link_error(TSS2_RC rc)
{
    return (rc & TSS2_RC_LAYER_MASK) == TSS2_TCTI_RC_LAYER;
}

static enum sp_rc code_of(TSS2_RC rc)
{
    /* The kernel's and the daemon's resource managers pass the TPM's codes on under a layer of their own. */
    bool of_tpm = (rc & TSS2_RC_LAYER_MASK) == 0 || (rc & TSS2_RC_LAYER_MASK) == TSS2_RESMGR_TPM_RC_LAYER;
    uint32_t code = (uint32_t)(rc & ~TSS2_RC_LAYER_MASK);
    if (of_tpm && (code & RC_FORMAT_1) != 0) {
        return (code & RC_PLAIN) == RC_NO_HANDLE ? SP_E_NOT_FOUND : SP_E_INVALID;
    }
    if (of_tpm && (code & RC_WARNING_MASK) == RC_WARNING) {
        return (code & RC_NUMBER) <= RC_LEFT_OVER_MAX ? SP_E_FULL : SP_E_AGAIN;
    }
    return SP_E_IO;
}

enum sp_rc tpm_part_judge(struct tpm_device *d, TSS2_RC rc, const char *what)
{
    if (rc == TSS2_RC_SUCCESS) {
        return SP_OK;
    }
    enum sp_rc ours = code_of(rc);
    (void)sp_err_set(&d->err, ours, what, "%s (0x%x)", Tss2_RC_Decode(rc), (unsigned)rc);
    if (is_link_error(rc)) {
        drop(d);
    }
    return ours;
}

enum sp_rc tpm_part_connect(struct tpm_device *d)
{
    if (d->esys != NULL) {
        return SP_OK;
    }
    enum sp_rc rc = tpm_part_judge(d, Tss2_TctiLdr_Initialize(d->tcti, &d->link), d->tcti);
    if (rc == SP_OK) {
        rc = tpm_part_judge(d, Esys_Initialize(&d->esys, d->link, NULL), d->tcti);
    }
    if (rc != SP_OK) {
        drop(d);
    }
    return rc;
}

enum sp_rc tpm_device_open(const char *tcti, struct tpm_device **out, struct sp_err *err)
{
    struct tpm_device *d = calloc(1, sizeof *d);
    if (d == NULL) {
        return SP_E_NOMEM;
    }
    (void)setenv("TSS2_LOG", "all+none", 0); /* the library writes to standard error by itself otherwise */
    enum sp_rc rc = sp_str_copy(d->tcti, sizeof d->tcti, sp_str_of(tcti)) ? tpm_part_connect(d) : SP_E_LIMIT;
    if (rc != SP_OK) {
        if (err != NULL) {
            *err = d->err;
        }
        tpm_device_close(&d);
        return rc;
    }
    *out = d;
    return SP_OK;
}

void tpm_device_close(struct tpm_device **device)
{
    if (*device != NULL) {
        drop(*device);
        free(*device);
        *device = NULL;
    }
}

const struct sp_err *tpm_device_error(const struct tpm_device *device)
{
    return &device->err;
}

/* ---- keys and sessions ----------------------------------------------------------------------------------------- */

enum sp_rc tpm_part_take(struct tpm_device *d, uint32_t handle, ESYS_TR *out, const char *what)
{
    *out = ESYS_TR_NONE;
    return tpm_part_judge(d, Esys_TR_FromTPMPublic(d->esys, handle, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, out), what);
}

void tpm_part_let_go(struct tpm_device *d, ESYS_TR *object)
{
    if (*object != ESYS_TR_NONE && d->esys != NULL) {
        (void)Esys_TR_Close(d->esys, object);
    }
}

void tpm_part_flush(struct tpm_device *d, ESYS_TR *object)
{
    if (*object != ESYS_TR_NONE && *object != ESYS_TR_PASSWORD && d->esys != NULL) {
        (void)Esys_FlushContext(d->esys, *object);
    }
    *object = ESYS_TR_NONE;
}

/* ---- left over ------------------------------------------------------------------------------------------------- */

bool tpm_device_is_managed(const char *tcti)
{
    return strstr(tcti, "tpmrm") != NULL || strncmp(tcti, "tabrmd", 6) == 0 || strcmp(tcti, "device") == 0;
}

static enum sp_rc flush_from(struct tpm_device *d, uint32_t first)
{
    TPMI_YES_NO more = 0;
    TPMS_CAPABILITY_DATA *found = NULL;
    enum sp_rc rc = tpm_part_judge(d,
                                   Esys_GetCapability(d->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_CAP_HANDLES, first,
                                                      LEFT_OVER_MAX, &more, &found),
                                   "TPM2_GetCapability");
    for (uint32_t i = 0; rc == SP_OK && i < found->data.handles.count; i++) {
        ESYS_TR left = ESYS_TR_NONE;
        rc = tpm_part_take(d, found->data.handles.handle[i], &left, "handle left over");
        tpm_part_flush(d, &left);
    }
    Esys_Free(found);
    return rc;
}

enum sp_rc tpm_device_clean(struct tpm_device *d)
{
    static const uint32_t first[] = {0x80000000u, 0x02000000u, 0x03000000u}; /* transient objects; sessions loaded and saved */
    enum sp_rc rc = tpm_part_connect(d);
    for (size_t i = 0; rc == SP_OK && i < SP_COUNT(first); i++) {
        rc = flush_from(d, first[i]);
    }
    return rc;
}

/* ---- reading --------------------------------------------------------------------------------------------------- */

enum sp_rc tpm_device_public(struct tpm_device *d, uint32_t handle, struct tpm_device_bytes *out)
{
    ESYS_TR key = ESYS_TR_NONE;
    TPM2B_PUBLIC *public = NULL;
    size_t n = 0;
    enum sp_rc rc = tpm_part_connect(d);
    rc = rc == SP_OK ? tpm_part_take(d, handle, &key, "public area") : rc;
    if (rc == SP_OK) {
        rc = tpm_part_judge(d, Esys_ReadPublic(d->esys, key, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &public, NULL, NULL),
                            "TPM2_ReadPublic");
    }
    if (rc == SP_OK) {
        rc = tpm_part_judge(d, Tss2_MU_TPM2B_PUBLIC_Marshal(public, out->p, sizeof out->p, &n), "public area");
    }
    out->n = (uint32_t)n;
    Esys_Free(public);
    tpm_part_let_go(d, &key);
    return rc;
}

enum sp_rc tpm_device_memory(struct tpm_device *d, uint32_t index, struct tpm_device_bytes *out)
{
    ESYS_TR nv = ESYS_TR_NONE;
    TPM2B_NV_PUBLIC *about = NULL;
    uint32_t size = 0;
    out->n = 0;
    enum sp_rc rc = tpm_part_connect(d);
    rc = rc == SP_OK ? tpm_part_take(d, index, &nv, "memory") : rc;
    if (rc == SP_OK) {
        rc = tpm_part_judge(d, Esys_NV_ReadPublic(d->esys, nv, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &about, NULL),
                            "TPM2_NV_ReadPublic");
        size = rc == SP_OK ? about->nvPublic.dataSize : 0;
        Esys_Free(about);
    }
    if (size > sizeof out->p) {
        rc = sp_err_set(&d->err, SP_E_LIMIT, "memory", "index 0x%x has %u bytes", (unsigned)index, (unsigned)size);
    }
    while (rc == SP_OK && out->n < size) {
        TPM2B_MAX_NV_BUFFER *part = NULL;
        uint16_t wanted = (uint16_t)(size - out->n < CHUNK_BYTES ? size - out->n : CHUNK_BYTES);
        rc = tpm_part_judge(
            d, Esys_NV_Read(d->esys, nv, nv, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, wanted, (uint16_t)out->n, &part),
            "TPM2_NV_Read");
        if (rc == SP_OK && (part->size == 0 || part->size > wanted)) {
            rc = sp_err_set(&d->err, SP_E_IO, "memory", "%u bytes came, %u were asked", part->size, wanted);
        }
        if (rc == SP_OK) {
            memcpy(out->p + out->n, part->buffer, part->size);
            out->n += part->size;
        }
        Esys_Free(part);
    }
    tpm_part_let_go(d, &nv);
    return rc;
}

/* ---- quote ----------------------------------------------------------------------------------------------------- */

static void to_library(const struct tpm_selection *s, TPML_PCR_SELECTION *out)
{
    *out = (TPML_PCR_SELECTION){.count = s->banks};
    for (uint32_t b = 0; b < s->banks; b++) {
        out->pcrSelections[b].hash = s->bank[b].alg;
        out->pcrSelections[b].sizeofSelect = 3;
        for (unsigned i = 0; i < 3; i++) {
            out->pcrSelections[b].pcrSelect[i] = (uint8_t)(s->bank[b].pcrs >> 8 * i);
        }
    }
}

/* One answer: values of some of the PCRs asked, in order. They are taken out of `left`. False: not what was asked. */
static bool take_values(const TPML_PCR_SELECTION *which, const TPML_DIGEST *values, struct tpm_selection *left,
                        struct tpm_pcrs *pcrs)
{
    uint32_t at = 0;
    for (uint32_t k = 0; k < which->count; k++) {
        uint32_t bank = tpm_selection_bank(left, which->pcrSelections[k].hash);
        uint32_t bits = 0;
        for (unsigned i = 0; i < 3 && i < which->pcrSelections[k].sizeofSelect; i++) {
            bits |= (uint32_t)which->pcrSelections[k].pcrSelect[i] << 8 * i;
        }
        for (uint32_t pcr = 0; pcr < TPM_PCRS; pcr++) {
            if ((bits >> pcr & 1u) == 0) {
                continue;
            }
            if (bank == TPM_BANKS_MAX || (left->bank[bank].pcrs >> pcr & 1u) == 0 || at == values->count ||
                values->digests[at].size != tpm_alg_bytes(left->bank[bank].alg)) {
                return false;
            }
            memcpy(pcrs->value[bank][pcr], values->digests[at].buffer, values->digests[at].size);
            left->bank[bank].pcrs &= ~(1u << pcr);
            at++;
        }
    }
    return at > 0 && at == values->count;
}

static bool is_empty(const struct tpm_selection *s)
{
    uint32_t all = 0;
    for (uint32_t b = 0; b < s->banks; b++) {
        all |= s->bank[b].pcrs;
    }
    return all == 0;
}

/* All values, and the counter that grows with each change to a PCR. */
static enum sp_rc read_values(struct tpm_device *d, const struct tpm_selection *selection, struct tpm_pcrs *pcrs, uint32_t *changes)
{
    struct tpm_selection left = *selection;
    enum sp_rc rc = SP_OK;
    pcrs->selection = *selection;
    for (unsigned round = 0; rc == SP_OK && !is_empty(&left); round++) {
        TPML_PCR_SELECTION wanted, *which = NULL;
        TPML_DIGEST *values = NULL;
        uint32_t counter = 0;
        to_library(&left, &wanted);
        rc = tpm_part_judge(d, Esys_PCR_Read(d->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &wanted, &counter, &which, &values),
                            "TPM2_PCR_Read");
        if (rc == SP_OK && round > 0 && counter != *changes) {
            rc = sp_err_set(&d->err, SP_E_AGAIN, "TPM2_PCR_Read", "PCRs changed while they were read");
        } else if (rc == SP_OK && (round == READ_ROUNDS || !take_values(which, values, &left, pcrs))) {
            rc =
                sp_err_set(&d->err, SP_E_UNSUPPORTED, "TPM2_PCR_Read", "this TPM does not have all PCRs or banks of the selection");
        }
        *changes = counter;
        Esys_Free(which);
        Esys_Free(values);
    }
    return rc;
}

static enum sp_rc quote_once(struct tpm_device *d, ESYS_TR key, struct sp_str nonce, const struct tpm_selection *selection,
                             struct tpm_device_quote *out)
{
    const TPMT_SIG_SCHEME scheme = {.scheme = TPM2_ALG_NULL}; /* that of the key */
    TPM2B_DATA data = {.size = (uint16_t)nonce.n};
    TPML_PCR_SELECTION wanted;
    TPM2B_ATTEST *attest = NULL;
    TPMT_SIGNATURE *signature = NULL;
    size_t n = 0;
    memcpy(data.buffer, nonce.p, nonce.n);
    to_library(selection, &wanted);
    enum sp_rc rc = tpm_part_judge(
        d, Esys_Quote(d->esys, key, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &data, &scheme, &wanted, &attest, &signature),
        "TPM2_Quote");
    if (rc == SP_OK) {
        rc = tpm_part_judge(d, Tss2_MU_TPMT_SIGNATURE_Marshal(signature, out->signature.p, sizeof out->signature.p, &n),
                            "signature");
    }
    if (rc == SP_OK) {
        out->signature.n = (uint32_t)n;
        out->attest.n = attest->size;
        memcpy(out->attest.p, attest->attestationData, attest->size);
    }
    Esys_Free(attest);
    Esys_Free(signature);
    return rc;
}

enum sp_rc tpm_device_quote(struct tpm_device *d, uint32_t ak, struct sp_str nonce, const struct tpm_selection *selection,
                            struct tpm_device_quote *out)
{
    ESYS_TR key = ESYS_TR_NONE;
    struct tpm_pcrs pcrs;
    if (nonce.n == 0 || nonce.n > TPM_NONCE_MAX || is_empty(selection)) {
        return sp_err_set(&d->err, SP_E_MALFORMED, "quote", "a nonce of %u bytes, or no PCR", (unsigned)nonce.n);
    }
    enum sp_rc rc = tpm_part_connect(d);
    rc = rc == SP_OK ? tpm_part_take(d, ak, &key, "attestation key") : rc;
    bool same = false;
    for (unsigned i = 0; rc == SP_OK && !same && i < QUOTE_TRIES; i++) {
        uint32_t before = 0, after = 0;
        rc = read_values(d, selection, &pcrs, &before);
        rc = rc == SP_OK ? quote_once(d, key, nonce, selection, out) : rc;
        rc = rc == SP_OK ? read_values(d, selection, &pcrs, &after) : rc;
        same = rc == SP_OK && before == after;
        rc = rc == SP_E_AGAIN ? SP_OK : rc;
    }
    if (rc == SP_OK && !same) {
        rc = sp_err_set(&d->err, SP_E_AGAIN, "quote", "PCRs change faster than they can be quoted");
    }
    out->pcrs_bytes = rc == SP_OK ? tpm_pcrs_write(&pcrs, out->pcrs) : 0;
    tpm_part_let_go(d, &key);
    return rc;
}
