/* SPDX-License-Identifier: Apache-2.0 */
/* What a node may send in place of its measurement list: first byte chooses lengths and options, second the size of the parts.
 * However it is cut into parts, the verdict is the same; and nothing matches a value that no entry leads to. */
#include <stdint.h>
#include <stdlib.h>

#include "evidence_crypto.h"
#include "ima_replay.h"
#include "sp_assert.h"
#include "sp_crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void see(void *ctx, uint32_t index, const struct ima_entry *entry)
{
    const struct sp_str *all = ctx;
    (void)index;
    SP_ASSERT(entry->path.n > 0 && entry->path.n <= IMA_PATH_BYTES_MAX && entry->file.p != NULL && entry->record.n > 0);
    SP_ASSERT(entry->path.p >= entry->record.p && entry->path.p + entry->path.n <= entry->record.p + entry->record.n);
    SP_ASSERT(entry->record.p >= all->p && entry->record.p + entry->record.n <= all->p + all->n);
}

static enum evidence_reason judge(struct sp_str list, const struct ima_question *question, size_t part,
                                  const struct evidence_ops *ops)
{
    struct ima_replay r;
    struct ima_finding finding;
    size_t taken = 0, end = 0;
    SP_ASSERT(ima_replay_init(&r, question, ops) == EVIDENCE_OK);
    while (end < list.n) {
        end = end + part < list.n ? end + part : list.n;
        size_t used = ima_replay_push(&r, sp_str_bytes(list.p + taken, end - taken));
        SP_ASSERT(used <= end - taken);
        taken += used;
    }
    return ima_replay_end(&r, list.n - taken, &finding);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct evidence_crypto *crypto;
    static struct tpm_pcrs pcrs;
    static const struct ima_progress beginning;
    if (size < 2) {
        return 0;
    }
    if (crypto == NULL) {
        SP_ASSERT(sp_crypto_init() == SP_OK && evidence_crypto_new(&crypto) == SP_OK);
        pcrs.selection = (struct tpm_selection){1, {{TPM_ALG_SHA256, 0x0007ff}}};
        pcrs.value[0][IMA_PCR][0] = 1;
    }
    const struct evidence_ops ops = evidence_crypto_ops(crypto);
    struct sp_str list = sp_str_bytes(data + 2, size - 2);
    const struct ima_options options = {
        .digest_bytes = (data[0] & 1u) != 0 ? 32 : 20, .aggregate_0_7 = (data[0] & 2u) != 0, .padded = (data[0] & 4u) != 0};
    const struct ima_visitor visitor = {see, &list, NULL};
    const struct ima_question question = {&pcrs, TPM_ALG_SHA256, &beginning, &options, &visitor};
    enum evidence_reason whole = judge(list, &question, size, &ops);
    SP_ASSERT(whole != EVIDENCE_OK && judge(list, &question, 1u + data[1], &ops) == whole);
    return 0;
}
