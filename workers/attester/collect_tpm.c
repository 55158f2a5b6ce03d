/* SPDX-License-Identifier: Apache-2.0 */
#include "collect_tpm.h"

#include <errno.h>
#include <time.h>

#define MS_PER_S  1000u
#define NS_PER_MS 1000000u

static void rest(uint32_t ms)
{
    struct timespec left = {.tv_sec = ms / MS_PER_S, .tv_nsec = (long)(ms % MS_PER_S * NS_PER_MS)};
    while (nanosleep(&left, &left) != 0 && errno == EINTR) {
    }
}

static uint16_t reason_of(enum sp_rc rc)
{
    switch (rc) {
    case SP_E_AGAIN:
    case SP_E_FULL:
        return SP_REASON_BUSY;
    case SP_E_IO:
        return SP_REASON_UNREACHABLE;
    case SP_E_NOT_FOUND:
        return SP_REASON_MISSING;
    case SP_E_SIGNATURE:
        return SP_REASON_SECURITY;
    case SP_E_INVALID:
        return SP_REASON_REFUSED;
    case SP_E_MALFORMED:
    case SP_E_UNSUPPORTED:
        return SP_REASON_BAD_PARAMETERS;
    case SP_E_LIMIT:
        return SP_REASON_LIMIT;
    default:
        return SP_REASON_INTERNAL;
    }
}

/* What a death of ours left in a TPM that nobody manages would fill it. */
static enum sp_rc attempt(const struct collect_site *site, struct tpm_device **device, bool *unclean, struct sp_err *err)
{
    enum sp_rc rc = SP_OK;
    if (*device == NULL) {
        rc = tpm_device_open(site->tcti, device, err);
    }
    if (rc == SP_OK && *unclean && !tpm_device_is_managed(site->tcti)) {
        rc = tpm_device_clean(*device);
        *err = rc != SP_OK ? *tpm_device_error(*device) : *err;
        *unclean = rc != SP_OK;
    }
    return rc;
}

uint16_t collect_tpm(const struct collect_request *request, struct collect_out *out,
                     enum sp_rc (*work)(struct tpm_device *device, void *arg), void *arg)
{
    struct tpm_device *device = NULL;
    struct sp_err err = {0};
    bool unclean = request->site->unclean;
    enum sp_rc rc = SP_OK;
    for (uint32_t i = 0; i < COLLECT_TPM_TRIES; i++) {
        if (i > 0) {
            rest(COLLECT_TPM_BACK_OFF_MS << (i - 1));
        }
        rc = attempt(request->site, &device, &unclean, &err);
        if (rc == SP_OK) {
            rc = work(device, arg);
            err = rc != SP_OK ? *tpm_device_error(device) : err;
        }
        unclean = unclean || rc == SP_E_FULL;
        if (rc != SP_E_AGAIN && rc != SP_E_FULL && rc != SP_E_IO) {
            break;
        }
    }
    tpm_device_close(&device);
    return rc == SP_OK ? SP_REASON_OK : collect_fail(out, reason_of(rc), "%.60s: %.180s", err.where, err.text);
}
