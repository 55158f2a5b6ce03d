/* SPDX-License-Identifier: Apache-2.0 */
#include "ima_replay.h"

#include "sp_assert.h"

#define SHA1_BYTES 20u

/* The weaker rule is looked at beside the right one, where it is allowed and makes sense. */
static bool uses_weak(const struct ima_replay *r)
{
    return r->q.options->padded && r->q.bank == TPM_ALG_SHA256 && r->q.options->digest_bytes == SHA1_BYTES;
}

static bool digest(const struct ima_replay *r, uint16_t alg, const void *p, size_t n, uint8_t out[TPM_DIGEST_MAX])
{
    return r->ops->digest(r->ops->ctx, alg, p, n, out);
}

/* Digest of an entry's data with any hash. */
static bool digest_data(const struct ima_replay *r, uint16_t alg, const struct ima_entry *e, uint8_t out[TPM_DIGEST_MAX])
{
    if (!e->old) {
        return digest(r, alg, e->data.p, e->data.n, out);
    }
    uint8_t filled[SHA1_BYTES + IMA_OLD_NAME_BYTES] = {0};
    memcpy(filled, e->file.p, SHA1_BYTES);
    memcpy(filled + SHA1_BYTES, e->path.p, e->path.n);
    return digest(r, alg, filled, sizeof filled, out);
}

/* The list's own digest of the entry, and that of a buffer, must be right: policy looks at what they cover. */
static enum evidence_reason check_entry(const struct ima_replay *r, const struct ima_entry *e)
{
    uint8_t again[TPM_DIGEST_MAX];
    uint32_t listed = r->q.options->digest_bytes;
    if (e->violation) {
        return EVIDENCE_OK;
    }
    if (!digest_data(r, listed == SHA1_BYTES ? TPM_ALG_SHA1 : TPM_ALG_SHA256, e, again)) {
        return EVIDENCE_LOG_BANK;
    }
    if (memcmp(again, e->digest, listed) != 0) {
        return EVIDENCE_IMA_HASH;
    }
    if (e->buffer.p == NULL || e->buffer.n == 0) {
        return EVIDENCE_OK;
    }
    bool same = digest(r, e->file_alg, e->buffer.p, e->buffer.n, again) && memcmp(again, e->file.p, e->file.n) == 0;
    return same ? EVIDENCE_OK : EVIDENCE_IMA_BUFFER;
}

/* PCR = H(PCR || with) */
static bool extend(const struct ima_replay *r, uint8_t pcr[TPM_DIGEST_MAX], const uint8_t *with)
{
    uint8_t both[2 * TPM_DIGEST_MAX];
    memcpy(both, pcr, r->bytes);
    memcpy(both + r->bytes, with, r->bytes);
    return digest(r, r->q.bank, both, (size_t)2 * r->bytes, pcr);
}

/* What the kernel gives to the bank for an entry. */
static bool bank_digest(const struct ima_replay *r, const struct ima_entry *e, uint8_t out[TPM_DIGEST_MAX])
{
    if (e->violation) {
        memset(out, 0xff, r->bytes);
        return true;
    }
    if (r->bytes == r->q.options->digest_bytes) { /* SHA-1 or SHA-256, and checked a moment ago */
        memcpy(out, e->digest, r->bytes);
        return true;
    }
    return digest_data(r, r->q.bank, e, out);
}

static bool extend_both(struct ima_replay *r, const struct ima_entry *e)
{
    uint8_t with[TPM_DIGEST_MAX] = {0};
    bool done = bank_digest(r, e, with) && extend(r, r->at.pcr, with);
    if (done && uses_weak(r)) {
        if (!e->violation) {
            memset(with, 0, sizeof with);
            memcpy(with, e->digest, SHA1_BYTES);
        }
        done = extend(r, r->weak.pcr, with);
    }
    return done;
}

/* First entry of a boot: the hash over the boot's PCRs, by which this list belongs to that boot. */
static enum evidence_reason check_aggregate(const struct ima_replay *r, const struct ima_entry *e)
{
    uint32_t bank = tpm_selection_bank(&r->q.pcrs->selection, e->file_alg);
    uint32_t size = tpm_alg_bytes(e->file_alg);
    uint8_t all[10 * TPM_DIGEST_MAX], value[TPM_DIGEST_MAX];
    if (e->violation || !sp_str_is(e->path, "boot_aggregate")) {
        return EVIDENCE_IMA_AGGREGATE;
    }
    uint32_t whole = e->file_alg == TPM_ALG_SHA1 ? 8 : 10; /* the older hash kept its older range */
    uint32_t least = whole == 10 && r->q.options->aggregate_0_7 ? 8 : whole;
    for (uint32_t range = whole; range >= least && range >= 8; range -= 2) {
        uint32_t needed = (1u << range) - 1;
        if (bank == TPM_BANKS_MAX || (r->q.pcrs->selection.bank[bank].pcrs & needed) != needed) {
            return EVIDENCE_REFERENCE_UNQUOTED;
        }
        for (uint32_t i = 0; i < range; i++) {
            memcpy(all + (size_t)i * size, r->q.pcrs->value[bank][i], size);
        }
        if (digest(r, e->file_alg, all, (size_t)range * size, value) && memcmp(value, e->file.p, size) == 0) {
            return EVIDENCE_OK;
        }
    }
    return EVIDENCE_IMA_AGGREGATE;
}

static void note_match(struct ima_replay *r)
{
    if (!r->matched && memcmp(r->at.pcr, r->wanted, r->bytes) == 0) {
        r->matched = true;
        r->at_match = r->at;
    }
    if (uses_weak(r) && !r->weak_matched && memcmp(r->weak.pcr, r->wanted, r->bytes) == 0) {
        r->weak_matched = true;
        r->weak_match = r->weak;
    }
}

static void count(struct ima_progress *p, const struct ima_entry *e)
{
    p->entries++;
    p->bytes += e->record.n;
    p->violations += e->violation;
}

bool ima_replay_met(const struct ima_replay *r)
{
    return r->matched || r->weak_matched;
}

static void soon(const struct ima_replay *r, const struct ima_entry *e)
{
    if (r->q.visitor != NULL && r->q.visitor->soon != NULL) {
        r->q.visitor->soon(r->q.visitor->ctx, e);
    }
}

/* One entry. Behind the match nothing is proven, so there a second beginning of the list is for the next check to see. */
static enum evidence_reason take(struct ima_replay *r, const struct ima_entry *e)
{
    soon(r, e);
    enum evidence_reason reason = r->at.bytes + e->record.n > IMA_LIST_BYTES_MAX ? EVIDENCE_IMA_LIMIT : check_entry(r, e);
    bool met = ima_replay_met(r);
    if (reason == EVIDENCE_OK && r->at.entries == 0) {
        reason = check_aggregate(r, e);
    } else if (reason == EVIDENCE_OK && !met && sp_str_is(e->path, "boot_aggregate")) {
        reason = EVIDENCE_IMA_SECOND;
    }
    if (reason != EVIDENCE_OK) {
        return reason;
    }
    soon(r, e);
    if (!met && !extend_both(r, e)) {
        return EVIDENCE_LOG_BANK;
    }
    if (r->q.visitor != NULL) {
        r->q.visitor->fn(r->q.visitor->ctx, r->at.entries, e);
    }
    count(&r->at, e);
    count(&r->weak, e);
    if (!met) {
        note_match(r);
    }
    return EVIDENCE_OK;
}

enum evidence_reason ima_replay_init(struct ima_replay *r, const struct ima_question *question, const struct evidence_ops *ops)
{
    uint32_t bank = tpm_selection_bank(&question->pcrs->selection, question->bank);
    *r = (struct ima_replay){.q = *question, .ops = ops, .at = *question->before, .weak = *question->before};
    if (bank == TPM_BANKS_MAX || (question->pcrs->selection.bank[bank].pcrs >> IMA_PCR & 1u) == 0) {
        r->reason = EVIDENCE_REFERENCE_UNQUOTED;
        return r->reason;
    }
    r->wanted = question->pcrs->value[bank][IMA_PCR];
    r->bytes = tpm_alg_bytes(question->bank);
    if (r->at.entries > 0) {
        note_match(r); /* nothing new since */
    }
    return EVIDENCE_OK;
}

size_t ima_replay_push(struct ima_replay *r, struct sp_str bytes)
{
    struct ima_log log;
    struct ima_entry entry;
    ima_log_open(&log, bytes, r->q.options->digest_bytes);
    while (r->reason == EVIDENCE_OK && ima_log_next(&log, &entry, &r->reason)) {
        r->reason = take(r, &entry);
    }
    if (r->reason != EVIDENCE_OK) {
        r->entry = r->at.entries + 1;
        return bytes.n;
    }
    return bytes.n - ima_log_left(&log);
}

enum evidence_reason ima_replay_end(struct ima_replay *r, size_t left, struct ima_finding *out)
{
    *out = (struct ima_finding){.entry = r->entry};
    if (r->reason == EVIDENCE_OK && left > 0) {
        out->entry = r->at.entries + 1;
        return EVIDENCE_IMA_MALFORMED;
    }
    if (r->reason != EVIDENCE_OK) {
        return r->reason;
    }
    if (!ima_replay_met(r)) {
        return EVIDENCE_IMA_PCR;
    }
    out->padded = !r->matched;
    out->after = r->matched ? r->at_match : r->weak_match;
    out->pending = r->at.entries - out->after.entries;
    return out->after.violations > 0 ? EVIDENCE_IMA_VIOLATION : EVIDENCE_OK;
}
