/* SPDX-License-Identifier: Apache-2.0 */
#include "boot_replay.h"

#include "sp_assert.h"

#define LOCALITY_DRTM_LAST 4u /* 0, 3 and, with a measurement before start-up, 4 */

struct replay {
    const struct evidence_ops *ops;
    struct boot_replay_finding *at;
    uint8_t (*pcr)[TPM_DIGEST_MAX];
    uint16_t alg;
    uint32_t bytes;
    uint32_t extended;  /* bit i: PCR i */
    uint32_t separated; /* bit i: PCR i had its separator */
    uint32_t unordered; /* bit i: a second one, or one that says that firmware failed */
    uint32_t changed;   /* first event whose data is not what was measured, from 1; 0: none */
    bool started;       /* the locality was told */
};

static enum evidence_reason start(struct replay *r, uint8_t locality)
{
    bool known = locality == 0 || locality == 3 || locality == LOCALITY_DRTM_LAST;
    if (!known || r->started || (r->extended & 1u) != 0) {
        r->at->event = r->at->events;
        return EVIDENCE_LOG_LOCALITY;
    }
    r->started = true;
    r->at->locality = locality;
    r->pcr[0][r->bytes - 1] = locality;
    return EVIDENCE_OK;
}

/* Kinds whose digest is that of their data on every machine seen. */
static bool is_of_data(uint32_t type)
{
    return type == BOOT_EV_SEPARATOR || type == BOOT_EV_S_CRTM_VERSION || type == BOOT_EV_VARIABLE_CONFIG || type == BOOT_EV_GPT ||
           type == BOOT_EV_EFI_ACTION;
}

static enum evidence_reason check_data(struct replay *r, const struct boot_event *event, const uint8_t *digest)
{
    uint8_t again[TPM_DIGEST_MAX];
    if (!is_of_data(event->type)) {
        return EVIDENCE_OK;
    }
    if (!r->ops->digest(r->ops->ctx, r->alg, event->data.p, event->data.n, again)) {
        return EVIDENCE_LOG_BANK;
    }
    if (r->changed == 0 && memcmp(again, digest, r->bytes) != 0) {
        r->changed = r->at->events;
    }
    return EVIDENCE_OK;
}

static void note_separator(struct replay *r, const struct boot_event *event)
{
    static const char good[4] = {0};
    uint32_t bit = 1u << event->pcr;
    if (event->type != BOOT_EV_SEPARATOR || (BOOT_FIRMWARE_PCRS & bit) == 0) {
        return;
    }
    if ((r->separated & bit) != 0 || event->data.n != sizeof good || memcmp(event->data.p, good, sizeof good) != 0) {
        r->unordered |= bit;
    }
    r->separated |= bit;
}

static enum evidence_reason take(struct replay *r, const struct boot_event *event)
{
    uint8_t both[2 * TPM_DIGEST_MAX];
    uint8_t locality = 0;
    if (boot_event_locality(event, &locality)) {
        return start(r, locality);
    }
    if (event->type == BOOT_EV_NO_ACTION || event->pcr >= BOOT_REPLAY_PCRS) {
        return EVIDENCE_OK;
    }
    const uint8_t *digest = boot_event_digest(event, r->alg);
    if (digest == NULL) {
        return EVIDENCE_LOG_BANK;
    }
    enum evidence_reason reason = check_data(r, event, digest);
    if (reason != EVIDENCE_OK) {
        return reason;
    }
    note_separator(r, event);
    r->extended |= 1u << event->pcr;
    memcpy(both, r->pcr[event->pcr], r->bytes);
    memcpy(both + r->bytes, digest, r->bytes);
    return r->ops->digest(r->ops->ctx, r->alg, both, (size_t)2 * r->bytes, r->pcr[event->pcr]) ? EVIDENCE_OK : EVIDENCE_LOG_BANK;
}

static enum evidence_reason run(struct replay *r, struct sp_str bytes)
{
    struct boot_log log;
    struct boot_event event;
    memset(r->pcr, 0, sizeof(uint8_t[BOOT_REPLAY_PCRS][TPM_DIGEST_MAX]));
    r->at->events = 0;
    r->at->locality = 0;
    enum evidence_reason reason = boot_log_open(&log, bytes);
    while (reason == EVIDENCE_OK && boot_log_next(&log, &event, &reason)) {
        r->at->events = log.events;
        reason = take(r, &event);
    }
    r->at->alg = r->alg;
    return reason;
}

/* Looked at last: that digests do not lead to the signed values is the weightier news. */
static enum evidence_reason check_words(const struct replay *r)
{
    r->at->event = r->changed;
    return r->changed == 0 ? EVIDENCE_OK : EVIDENCE_LOG_DATA;
}

enum evidence_reason boot_replay_run(struct sp_str log, uint16_t alg, const struct evidence_ops *ops,
                                     uint8_t pcr[BOOT_REPLAY_PCRS][TPM_DIGEST_MAX], struct boot_replay_finding *out)
{
    struct replay r = {.ops = ops, .at = out, .pcr = pcr, .alg = alg, .bytes = tpm_alg_bytes(alg)};
    *out = (struct boot_replay_finding){0};
    enum evidence_reason reason = r.bytes > 0 ? run(&r, log) : EVIDENCE_LOG_BANK;
    return reason == EVIDENCE_OK ? check_words(&r) : reason;
}

/* The lowest PCR of a set that is not empty. */
static uint32_t lowest(uint32_t pcrs)
{
    uint32_t i = 0;
    while ((pcrs >> i & 1u) == 0) {
        i++;
    }
    return i;
}

static enum evidence_reason compare(struct replay *r, const struct tpm_pcrs *pcrs, uint32_t bank,
                                    const struct boot_replay_options *options)
{
    for (uint32_t i = 0; i < BOOT_REPLAY_PCRS; i++) {
        if ((options->pcrs >> i & 1u) != 0 && memcmp(r->pcr[i], pcrs->value[bank][i], r->bytes) != 0) {
            r->at->pcr = i;
            return EVIDENCE_LOG_PCR;
        }
    }
    uint32_t wanted = options->separators ? options->pcrs & BOOT_FIRMWARE_PCRS : 0;
    uint32_t bad = (wanted & ~r->separated) | (wanted & r->unordered);
    if (bad != 0) {
        r->at->pcr = lowest(bad);
        return EVIDENCE_LOG_SEPARATOR;
    }
    return EVIDENCE_OK;
}

enum evidence_reason boot_replay_judge(struct sp_str log, const struct tpm_pcrs *pcrs, const struct boot_replay_options *options,
                                       const struct evidence_ops *ops, struct boot_replay_finding *out)
{
    uint8_t value[BOOT_REPLAY_PCRS][TPM_DIGEST_MAX];
    enum evidence_reason reason = EVIDENCE_OK;
    *out = (struct boot_replay_finding){0};
    SP_ASSERT(options->pcrs != 0 && options->pcrs >> BOOT_REPLAY_PCRS == 0 && pcrs->selection.banks > 0);
    uint32_t unquoted = options->pcrs;
    for (uint32_t b = 0; b < pcrs->selection.banks; b++) {
        unquoted &= ~pcrs->selection.bank[b].pcrs;
    }
    if (unquoted != 0) {
        out->pcr = lowest(unquoted);
        return EVIDENCE_REFERENCE_UNQUOTED;
    }
    for (uint32_t b = 0; reason == EVIDENCE_OK && b < pcrs->selection.banks; b++) {
        uint16_t alg = pcrs->selection.bank[b].alg;
        struct replay r = {.ops = ops, .at = out, .pcr = value, .alg = alg, .bytes = tpm_alg_bytes(alg)};
        uint32_t quoted = options->pcrs & pcrs->selection.bank[b].pcrs;
        if (quoted != 0) {
            reason = run(&r, log);
        }
        if (quoted != 0 && reason == EVIDENCE_OK) {
            const struct boot_replay_options here = {.pcrs = quoted, .separators = options->separators};
            reason = compare(&r, pcrs, b, &here);
            reason = reason == EVIDENCE_OK ? check_words(&r) : reason;
        }
    }
    return reason;
}
