/* SPDX-License-Identifier: Apache-2.0 */
/*
 * appraisal_tpm - a quote over the PCRs of a reference file: the quote itself (quote.h), the boot log that leads to its values
 * (boot_replay.h), and the values against profiles with their time (reference.h).
 *
 * The boot log of a boot does not change, so it is asked for once: the checkpoint keeps the digest of what was followed, and while
 * counters and values are the same nothing is replayed. Checkpoint: the last good quote (appraisal_quote.h), then that digest.
 */
#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

#include "appraisal_quote.h"
#include "boot_replay.h"
#include "reference_file.h"
#include "sp_assert.h"
#include "sp_crypto.h"

#define FOLLOWED_BYTES   32u
#define CHECKPOINT_BYTES (APPRAISAL_SEEN_BYTES + FOLLOWED_BYTES)

struct policy {
    struct reference_file *reference;
    bool certified; /* a node that was enrolled on first use only is refused */
};

enum phase { PHASE_QUOTE, PHASE_LOG, PHASE_JUDGED };

struct state {
    const struct policy *policy;
    const struct appraisal_question *q;
    enum phase phase;
    struct appraisal_bytes document;
    uint16_t refused; /* enum sp_reason: not for what the evidence says; 0: not */
    const char *why;
    enum evidence_reason quote_reason, log_reason;
    struct appraisal_seen seen;
    struct quote_finding quote;
    struct boot_replay_finding log;
    bool followed; /* the boot log leads to these values */
    uint8_t digest[FOLLOWED_BYTES];
};

/* ---- policy ---------------------------------------------------------------------------------------------------- */

static void policy_free(void *arg)
{
    struct policy *p = arg;
    reference_file_destroy(&p->reference);
    free(p);
}

static void *policy_new(const struct evidence_ops *ops, struct sp_str params, struct sp_str text, char *why)
{
    struct policy *p = calloc(1, sizeof *p);
    json_t *given = json_loadb(params.p, params.n, JSON_REJECT_DUPLICATES, NULL);
    const char *file = json_string_value(json_object_get(given, "reference"));
    struct sp_err err = {0};
    (void)ops;
    enum sp_rc rc = p != NULL && given != NULL ? reference_file_parse(file != NULL ? file : "reference", text, &p->reference, &err)
                                               : sp_err_set(&err, SP_E_NOMEM, "reference", "no memory");
    if (rc == SP_OK) {
        p->certified = json_is_true(json_object_get(given, "certified"));
    } else {
        sp_err_line(&err, why, APPRAISAL_WHY_MAX);
        free(p);
        p = NULL;
    }
    json_decref(given);
    return p;
}

/* ---- run ------------------------------------------------------------------------------------------------------- */

static void *begin(const void *policy, const struct appraisal_question *q)
{
    struct state *s = calloc(1, sizeof *s);
    if (s != NULL) {
        s->policy = policy;
        s->q = q;
    }
    return s;
}

static bool want(void *arg, struct appraisal_want *out)
{
    struct state *s = arg;
    if (s->phase == PHASE_QUOTE) {
        appraisal_quote_want(&s->policy->reference->quote, out);
    } else if (s->phase == PHASE_LOG) {
        out->document = "bootlog";
    }
    return s->phase != PHASE_JUDGED;
}

/* Effect: nothing more is needed: there is no verdict on the evidence. */
static bool refuse(struct state *s, uint16_t reason, const char *why)
{
    s->refused = reason;
    s->why = why;
    s->phase = PHASE_JUDGED;
    return false;
}

/* Digest of the values that must follow from the log, and of how it was looked at. */
static void digest_followed(struct state *s)
{
    const struct reference_file *f = s->policy->reference;
    const struct tpm_pcrs *pcrs = &s->quote.pcrs;
    struct sp_crypto_sha256 h;
    const uint8_t how[5] = {f->log_separators ? 1 : 0, (uint8_t)f->log_pcrs, (uint8_t)(f->log_pcrs >> 8), 0, 0};
    sp_crypto_sha256_init(&h);
    sp_crypto_sha256_update(&h, "SPICE boot", 11);
    sp_crypto_sha256_update(&h, how, sizeof how);
    for (uint32_t b = 0; b < pcrs->selection.banks; b++) {
        const struct tpm_bank *bank = &pcrs->selection.bank[b];
        for (uint32_t i = 0; i < BOOT_REPLAY_PCRS; i++) {
            if ((bank->pcrs & f->log_pcrs & 1u << i) != 0) {
                const uint8_t which[3] = {(uint8_t)(bank->alg >> 8), (uint8_t)bank->alg, (uint8_t)i};
                sp_crypto_sha256_update(&h, which, sizeof which);
                sp_crypto_sha256_update(&h, pcrs->value[b][i], tpm_alg_bytes(bank->alg));
            }
        }
    }
    sp_crypto_sha256_final(&h, s->digest);
}

static void judge_quote(struct state *s)
{
    const struct reference_file *f = s->policy->reference;
    struct sp_str rest = appraisal_seen_read(s->q->checkpoint, s->q->key, &s->seen);
    bool before = s->seen.any;
    s->phase = PHASE_JUDGED;
    s->quote_reason = appraisal_quote_judge(s->q, &f->quote, sp_str_bytes(s->document.p, s->document.n), &s->seen, &s->quote);
    if (s->quote_reason != EVIDENCE_OK || !f->log_required) {
        return;
    }
    digest_followed(s);
    s->followed = before && !s->quote.rebooted && rest.n == FOLLOWED_BYTES && memcmp(rest.p, s->digest, FOLLOWED_BYTES) == 0;
    s->phase = s->followed ? PHASE_JUDGED : PHASE_LOG;
}

static void judge_log(struct state *s)
{
    const struct reference_file *f = s->policy->reference;
    const struct boot_replay_options options = {.pcrs = f->log_pcrs, .separators = f->log_separators};
    s->phase = PHASE_JUDGED;
    s->log_reason = boot_replay_judge(sp_str_bytes(s->document.p, s->document.n), &s->quote.pcrs, &options, s->q->ops, &s->log);
    s->followed = s->log_reason == EVIDENCE_OK;
}

static bool push(void *arg, struct sp_str bytes, bool last)
{
    struct state *s = arg;
    bool quote = s->phase == PHASE_QUOTE;
    size_t most = quote ? APPRAISAL_QUOTE_MAX : BOOT_LOG_BYTES_MAX;
    if (s->q->key == NULL) {
        return refuse(s, SP_REASON_NOT_ENROLLED, "no TPM is enrolled for this node");
    }
    if (s->policy->certified && s->q->mode != SP_ENROLMENT_CERTIFIED) {
        return refuse(s, SP_REASON_NOT_ENROLLED,
                      "the check wants a node whose maker's certificate was checked when it was enrolled");
    }
    if (bytes.n > most - s->document.n) {
        *(quote ? &s->quote_reason : &s->log_reason) = quote ? EVIDENCE_QUOTE_MALFORMED : EVIDENCE_LOG_LIMIT;
        s->phase = PHASE_JUDGED;
        return false;
    }
    if (!appraisal_bytes_add(&s->document, s->q->budget, most, bytes)) {
        return refuse(s, SP_REASON_BUSY, "too many documents at once in the appraiser");
    }
    if (last) {
        if (quote) {
            judge_quote(s);
        } else {
            judge_log(s);
        }
        appraisal_bytes_free(&s->document, s->q->budget);
    }
    return true;
}

/* ---- verdict --------------------------------------------------------------------------------------------------- */

static void say_log(const struct state *s, struct appraisal_verdict *v)
{
    const char *bank = tpm_alg_name(s->log.alg);
    switch (s->log_reason) {
    case EVIDENCE_LOG_PCR:
        appraisal_say(v, s->log_reason, "PCR %u of %s", s->log.pcr, bank);
        break;
    case EVIDENCE_LOG_SEPARATOR:
    case EVIDENCE_REFERENCE_UNQUOTED:
        appraisal_say(v, s->log_reason, "PCR %u", s->log.pcr);
        break;
    case EVIDENCE_LOG_DATA:
    case EVIDENCE_LOG_LOCALITY:
        appraisal_say(v, s->log_reason, "event %u", s->log.event);
        break;
    case EVIDENCE_LOG_BANK:
        appraisal_say(v, s->log_reason, "%s", bank != NULL ? bank : "");
        break;
    default:
        appraisal_say(v, s->log_reason, "after %u events", s->log.events);
        break;
    }
}

static void say_reference(const struct state *s, struct appraisal_verdict *v)
{
    const struct reference_file *f = s->policy->reference;
    const struct tpm_clock *clock = &s->quote.clock;
    struct reference_finding at;
    enum evidence_reason reason = reference_judge(&f->set, &s->quote.pcrs, s->quote.firmware, s->q->now_s, &at);
    const char *name = f->name[at.profile];
    switch (reason) {
    case EVIDENCE_OK:
        appraisal_end(v, SP_OUTCOME_PASS, SP_REASON_OK, "profile %s, firmware of the TPM %016llx%s%s", name,
                      (unsigned long long)s->quote.firmware, s->quote.rebooted ? ", rebooted since the last check" : "",
                      clock->safe ? "" : ", clock of the TPM not safe yet");
        break;
    case EVIDENCE_REFERENCE_PCR:
    case EVIDENCE_REFERENCE_UNQUOTED:
        appraisal_say(v, reason, "PCR %u of %s (nearest: profile %s)", at.pcr, tpm_alg_name(at.alg), name);
        break;
    case EVIDENCE_REFERENCE_FIRMWARE:
        appraisal_say(v, reason, "%016llx (profile %s)", (unsigned long long)s->quote.firmware, name);
        break;
    default:
        appraisal_say(v, reason, "profile %s", name);
        break;
    }
}

/* What a proven quote tells, whatever is made of its values: counters must not be forgotten because a value was wrong. */
static void keep(const struct state *s, struct appraisal_verdict *v)
{
    const struct tpm_clock *clock = &s->quote.clock;
    v->instance = appraisal_instance(clock);
    appraisal_seen_write(&s->seen, v->checkpoint);
    v->checkpoint_len = APPRAISAL_SEEN_BYTES;
    if (s->followed) {
        memcpy(v->checkpoint + APPRAISAL_SEEN_BYTES, s->digest, FOLLOWED_BYTES);
        v->checkpoint_len = CHECKPOINT_BYTES;
    }
    (void)snprintf(v->measures, sizeof v->measures, "resets=%uc restarts=%uc clock=%llums log_events=%u", clock->reset_count,
                   clock->restart_count, (unsigned long long)clock->clock_ms, s->log.events);
}

static void judge(void *arg, struct appraisal_verdict *v)
{
    struct state *s = arg;
    if (s->refused != 0) {
        appraisal_end(v, SP_OUTCOME_ERROR, s->refused, "%s", s->why);
        return;
    }
    if (s->quote_reason != EVIDENCE_OK) {
        appraisal_say(v, s->quote_reason, "%s", "");
        return;
    }
    keep(s, v);
    if (s->log_reason != EVIDENCE_OK) {
        say_log(s, v);
        return;
    }
    SP_ASSERT(s->followed || !s->policy->reference->log_required);
    say_reference(s, v);
}

static void drop(void *arg)
{
    struct state *s = arg;
    appraisal_bytes_free(&s->document, s->q->budget);
    free(s);
}

static const char *const documents[] = {"quote", "bootlog", NULL};

const struct appraisal_module appraisal_tpm = {.kind = "tpm",
                                               .documents = documents,
                                               .policy_new = policy_new,
                                               .policy_free = policy_free,
                                               .begin = begin,
                                               .want = want,
                                               .push = push,
                                               .judge = judge,
                                               .drop = drop};
