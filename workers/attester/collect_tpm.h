/* SPDX-License-Identifier: Apache-2.0 */
/* collect_tpm.h - what collectors that use the TPM share: opening it, trying again while it is busy or its link was lost, words. */
#ifndef SPICE_COLLECT_TPM_H
#define SPICE_COLLECT_TPM_H

#include "collector.h"
#include "tpm_device.h"

#define COLLECT_TPM_TRIES       5u
#define COLLECT_TPM_BACK_OFF_MS 100u /* the first; doubles */

/* Effect: opens the site's TPM and calls work, more than once when the TPM was busy or the link broke; so work must not write to
 * the document. Returns enum sp_reason, with a detail when it is not ok. */
uint16_t collect_tpm(const struct collect_request *request, struct collect_out *out,
                     enum sp_rc (*work)(struct tpm_device *device, void *arg), void *arg);

#endif
