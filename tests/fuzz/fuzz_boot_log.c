/* SPDX-License-Identifier: Apache-2.0 */
/* What a node may send in place of its boot log: reader, and replay in every bank. */
#include <stdint.h>

#include "boot_replay.h"
#include "evidence_crypto.h"
#include "sp_assert.h"
#include "sp_crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint16_t banks[] = {TPM_ALG_SHA1, TPM_ALG_SHA256, TPM_ALG_SHA384, TPM_ALG_SHA512, TPM_ALG_SM3};
    static struct evidence_crypto *crypto;
    struct boot_log log;
    struct boot_event event;
    size_t left = size;
    if (crypto == NULL) {
        SP_ASSERT(sp_crypto_init() == SP_OK && evidence_crypto_new(&crypto) == SP_OK);
    }
    const struct evidence_ops ops = evidence_crypto_ops(crypto);
    enum evidence_reason reason = boot_log_open(&log, sp_str_bytes(data, size));
    bool opened = reason == EVIDENCE_OK;
    while (opened && boot_log_next(&log, &event, &reason)) {
        SP_ASSERT(log.rest.n < left && (event.pcr < TPM_PCRS || event.type == BOOT_EV_NO_ACTION) && event.digests > 0 &&
                  event.digests <= BOOT_LOG_BANKS_MAX);
        SP_ASSERT(event.data.n == 0 ||
                  ((const uint8_t *)event.data.p >= data && (const uint8_t *)event.data.p + event.data.n <= data + size));
        left = log.rest.n;
    }
    for (size_t i = 0; i < SP_COUNT(banks); i++) {
        uint8_t value[BOOT_REPLAY_PCRS][TPM_DIGEST_MAX];
        struct boot_replay_finding finding;
        enum evidence_reason replayed = boot_replay_run(sp_str_bytes(data, size), banks[i], &ops, value, &finding);
        SP_ASSERT(replayed != EVIDENCE_OK || reason == EVIDENCE_OK); /* never more than the reader could read */
    }
    return 0;
}
