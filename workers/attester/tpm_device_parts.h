/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of tpm_device, shared by its files only: tpm_device.c (connection, reading, quotes), tpm_device_keys.c (enrolment). */
#ifndef SPICE_TPM_DEVICE_PARTS_H
#define SPICE_TPM_DEVICE_PARTS_H

#include <tss2/tss2_esys.h>

#include "tpm_device.h"

struct tpm_device {
    char tcti[256];
    TSS2_TCTI_CONTEXT *link;
    ESYS_CONTEXT *esys; /* NULL: connection lost, the next call opens it */
    struct sp_err err;
};

/* Turns a code of the library into ours; `what` is the command. A lost link is closed. */
enum sp_rc tpm_part_judge(struct tpm_device *d, TSS2_RC rc, const char *what);
/* Effect: opens the link when there is none. */
enum sp_rc tpm_part_connect(struct tpm_device *d);
/* Gives a reference to a persistent object or an index; ends with tpm_part_let_go. */
enum sp_rc tpm_part_take(struct tpm_device *d, uint32_t handle, ESYS_TR *out, const char *what);
void tpm_part_let_go(struct tpm_device *d, ESYS_TR *object);
/* Session or transient object: out of the TPM, whatever happened. */
void tpm_part_flush(struct tpm_device *d, ESYS_TR *object);

#endif
