/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tpm_device.h - one TPM through tpm2-tss: the four things a node must do with it. It produces and judges nothing. Calls block for
 * as long as the TPM takes (hundreds of milliseconds on real ones): it lives in a thread or process of its own.
 *
 * Every session and transient object is flushed on every path. When the connection to the TPM is lost, the next call opens it
 * again.
 */
#ifndef SPICE_TPM_DEVICE_H
#define SPICE_TPM_DEVICE_H

#include "sp_err.h"
#include "tpm_pcr.h"

/* Where endorsement keys and their certificates are by convention. */
#define TPM_DEVICE_EK_RSA      0x81010001u
#define TPM_DEVICE_EK_CERT_RSA 0x01c00002u
#define TPM_DEVICE_EK_ECC      0x81010016u /* P-384 of the high range */
#define TPM_DEVICE_EK_CERT_ECC 0x01c00016u
#define TPM_DEVICE_CERT_MAX    4096u

struct tpm_device;

/* Bytes of an answer. */
struct tpm_device_bytes {
    uint32_t n;
    uint8_t p[TPM_DEVICE_CERT_MAX];
};

/* One quote with the values it covers. */
struct tpm_device_quote {
    struct tpm_device_bytes attest, signature;
    uint32_t pcrs_bytes;
    uint8_t pcrs[TPM_PCRS_BYTES_MAX]; /* list of values, tpm_pcr.h */
};

/* Effect: opens. `tcti` as tpm2-tss has it: "device:/dev/tpmrm0", "swtpm:path=SOCKET". Gives *out. SP_E_IO: nobody answers there.
 */
SP_MUST_USE enum sp_rc tpm_device_open(const char *tcti, struct tpm_device **out, struct sp_err *err);
void tpm_device_close(struct tpm_device **device);

/* For all of the following: SP_E_INVALID, the TPM refuses this; SP_E_IO, the link is lost or the TPM failed; SP_E_AGAIN, it is busy
 * or takes nothing for now; SP_E_FULL, it is full of handles that were left over (tpm_device_clean). */

/* Effect: quotes the selection with this nonce under the persistent key at `ak`, and reads the values. SP_E_AGAIN: PCRs change
 * faster than they can be read; SP_E_NOT_FOUND: no key there. */
SP_MUST_USE enum sp_rc tpm_device_quote(struct tpm_device *device, uint32_t ak, struct sp_str nonce,
                                        const struct tpm_selection *selection, struct tpm_device_quote *out);
/* Effect: the public area (TPM2B_PUBLIC) of the persistent key at a handle. SP_E_NOT_FOUND. */
SP_MUST_USE enum sp_rc tpm_device_public(struct tpm_device *device, uint32_t handle, struct tpm_device_bytes *out);
/* Effect: the content of an index of the TPM's memory, whole. SP_E_NOT_FOUND; SP_E_LIMIT over TPM_DEVICE_CERT_MAX. */
SP_MUST_USE enum sp_rc tpm_device_memory(struct tpm_device *device, uint32_t index, struct tpm_device_bytes *out);
/* Effect: makes the RSA-2048 endorsement key of the specification's template, which is the same key each time as long as the
 * hierarchy's seed is, and keeps it at TPM_DEVICE_EK_RSA: many machines come with the certificate alone. SP_E_EXISTS. */
SP_MUST_USE enum sp_rc tpm_device_make_ek(struct tpm_device *device);
/* Effect: makes an attestation key, RSA-2048 (RSASSA) or ECC P-256, below the endorsement key at `ek` and keeps it at `ak`.
 * SP_E_EXISTS: something is there already. */
SP_MUST_USE enum sp_rc tpm_device_make_ak(struct tpm_device *device, uint32_t ek, uint32_t ak, bool rsa);
/* True when something between us and the TPM cleans up after a death (/dev/tpmrm0, tabrmd). */
bool tpm_device_is_managed(const char *tcti);
/* Effect: flushes every transient object and session, whosever: only for a TPM that nobody else uses and nothing manages, after a
 * death of ours. */
SP_MUST_USE enum sp_rc tpm_device_clean(struct tpm_device *device);

/* A wrapped credential as it came: foreign bytes, borrowed. */
struct tpm_device_credential {
    struct sp_str blob, secret; /* TPM2B_ID_OBJECT, TPM2B_ENCRYPTED_SECRET */
};
/* Effect: opens a credential for the keys at `ek` and `ak`; *out is secret. SP_E_MALFORMED: it does not decode; SP_E_SIGNATURE: it
 * was made for other keys. */
SP_MUST_USE enum sp_rc tpm_device_activate(struct tpm_device *device, uint32_t ek, uint32_t ak,
                                           const struct tpm_device_credential *credential, uint8_t out[32]);

/* Lends: what the last call that failed said, for logs. */
const struct sp_err *tpm_device_error(const struct tpm_device *device);

#endif
