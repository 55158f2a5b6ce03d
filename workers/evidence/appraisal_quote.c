/* SPDX-License-Identifier: Apache-2.0 */
#include "appraisal_quote.h"

#include <stdio.h>

#include "octets.h"
#include "sections.h"
#include "sp_assert.h"

#define SEEN_VERSION 1u

static void put_be(uint8_t *to, uint64_t v, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        to[i] = (uint8_t)(v >> 8 * (bytes - 1 - i));
    }
}

struct sp_str appraisal_seen_read(struct sp_str checkpoint, const struct appraisal_key *key, struct appraisal_seen *out)
{
    struct octets o = octets_of(checkpoint);
    *out = (struct appraisal_seen){0};
    if (checkpoint.n < APPRAISAL_SEEN_BYTES || octets_be(&o, 1) != SEEN_VERSION) {
        return (struct sp_str){NULL, 0};
    }
    memcpy(out->key, octets_take(&o, TPM_NAME_BYTES), TPM_NAME_BYTES);
    memcpy(out->signer, octets_take(&o, TPM_NAME_BYTES), TPM_NAME_BYTES);
    out->clock.clock_ms = octets_be(&o, 8);
    out->clock.reset_count = (uint32_t)octets_be(&o, 4);
    out->clock.restart_count = (uint32_t)octets_be(&o, 4);
    out->clock.safe = octets_be(&o, 1) == 1;
    if (memcmp(out->key, key->ak.name, TPM_NAME_BYTES) != 0) {
        *out = (struct appraisal_seen){0}; /* of the key before: its counters say nothing about this one */
        return (struct sp_str){NULL, 0};
    }
    out->any = true;
    return sp_str_bytes(o.p, o.n);
}

void appraisal_seen_write(const struct appraisal_seen *seen, uint8_t to[APPRAISAL_SEEN_BYTES])
{
    SP_STATIC_ASSERT(APPRAISAL_SEEN_BYTES == 1 + 2 * TPM_NAME_BYTES + 8 + 4 + 4 + 1, "all of it");
    *to++ = SEEN_VERSION;
    memcpy(to, seen->key, TPM_NAME_BYTES);
    memcpy(to + TPM_NAME_BYTES, seen->signer, TPM_NAME_BYTES);
    to += (size_t)2 * TPM_NAME_BYTES;
    put_be(to, seen->clock.clock_ms, 8);
    put_be(to + 8, seen->clock.reset_count, 4);
    put_be(to + 12, seen->clock.restart_count, 4);
    to[16] = seen->clock.safe ? 1 : 0;
}

void appraisal_quote_want(const struct tpm_selection *selection, struct appraisal_want *out)
{
    char text[TPM_SELECTION_TEXT_MAX];
    tpm_selection_text(selection, text);
    out->document = "quote";
    (void)snprintf(out->args, sizeof out->args, "{\"pcrs\":\"%s\"}", text);
}

static bool take_apart(struct sp_str document, struct quote_answer *out)
{
    struct sections s;
    return sections_read(document, &s) && s.count == 3 && sections_find(&s, "attest", &out->attest) &&
           sections_find(&s, "signature", &out->signature) && sections_find(&s, "pcrs", &out->pcrs);
}

enum evidence_reason appraisal_quote_judge(const struct appraisal_question *q, const struct tpm_selection *selection,
                                           struct sp_str document, struct appraisal_seen *seen, struct quote_finding *out)
{
    struct quote_answer answer;
    SP_ASSERT(q->key != NULL);
    if (q->key->reason != EVIDENCE_OK) {
        return q->key->reason;
    }
    if (!take_apart(document, &answer)) {
        return EVIDENCE_QUOTE_MALFORMED;
    }
    /* The parent of a key does not change, so what a statement of this key once said holds for all others. */
    struct sp_str signer = q->signer.n > 0 || !seen->any ? q->signer : sp_str_bytes(seen->signer, TPM_NAME_BYTES);
    const struct quote_question question = {.ak = &q->key->ak,
                                            .key = q->key->key,
                                            .signer = signer,
                                            .nonce = sp_str_bytes(q->binding, 32),
                                            .selection = selection,
                                            .before = seen->any ? &seen->clock : NULL};
    enum evidence_reason reason = quote_appraise(&question, &answer, q->ops, out);
    if (reason == EVIDENCE_OK) {
        seen->any = true;
        memcpy(seen->key, q->key->ak.name, TPM_NAME_BYTES);
        memcpy(seen->signer, out->signer, TPM_NAME_BYTES);
        seen->clock = out->clock;
    }
    return reason;
}

uint64_t appraisal_instance(const struct tpm_clock *clock)
{
    return (uint64_t)clock->reset_count << 32 | clock->restart_count;
}
