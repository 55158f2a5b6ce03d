/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ima - judges a node's run-time measurement list (IMA) against a policy.
 *
 * The quote comes first: its counters say whether this is still the boot of the last check, and a list read after it holds all that
 * it covers. A value of PCR 10 that was proven before says that nothing new was measured, and nothing is asked for. Else the list
 * is asked for from where the last check of this boot, under this policy, ended. When what is new does not fit what was proven, the
 * list is read once more from its beginning before anything is said.
 *
 * Entries behind the quoted value are pending: nothing is proven of them, they refuse nobody, and the next check must find them
 * covered. Memory of a run: two quotes' worth of state, and the beginning of one entry.
 */
#include "appraisal.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "appraisal_quote.h"
#include "ima_checkpoint.h"
#include "ima_envelope.h"
#include "ima_judge.h"
#include "ima_rules.h"
#include "msg.h"
#include "sp_assert.h"
#include "sp_crypto.h"
#include "sp_hex.h"

#define CARRY_MAX (2u * IMA_DATA_BYTES_MAX) /* the beginning of an entry and a part of a document */
#define SELECTION "sha256:0-10"

struct policy {
    struct evidence_crypto *crypto;
    struct ima_rules *rules;
    struct tpm_selection selection;
    bool certified; /* a node that was enrolled on first use only is refused */
    uint16_t bank;  /* the first one with PCR 10 */
    uint8_t digest[32];
};

enum phase { QUOTE, LIST, DONE };

struct run {
    const struct policy *policy;
    const struct appraisal_question *q;
    enum phase phase;
    enum evidence_reason reason;  /* of the quote, then of the list */
    struct appraisal_bytes bytes; /* of the quote, then the beginning of an entry */
    struct appraisal_seen seen;
    struct ima_checkpoint before; /* at.entries 0: from the beginning */
    uint32_t due;                 /* entries that must be proven by now */
    bool quoted;                  /* the quote is good */
    uint16_t refused;             /* enum sp_reason: not for what the evidence says; 0: not */
    const char *why;
    struct sp_str rest; /* of the checkpoint, when it is of this boot */
    struct quote_finding quote;
    struct ima_replay replay;
    struct ima_finding finding;
    struct ima_visitor visitor;
    struct ima_judge judge;
    struct ima_judge_ops ops;
    struct ima_keyring *learned;
    uint64_t document; /* bytes of the one that is being read */
    uint64_t next;     /* where in the list the next one begins */
};

/* ---- policy ---------------------------------------------------------------------------------------------------- */

static bool read_selection(const json_t *pcrs, struct policy *p, char *why)
{
    const char *text = json_is_string(pcrs) && json_string_length(pcrs) > 0 ? json_string_value(pcrs) : SELECTION;
    bool ok = tpm_selection_read(sp_str_of(text), &p->selection);
    for (uint32_t i = p->selection.banks; ok && i > 0; i--) {
        p->bank = (p->selection.bank[i - 1].pcrs >> IMA_PCR & 1u) != 0 ? p->selection.bank[i - 1].alg : p->bank;
    }
    ok = ok && p->bank != TPM_ALG_NONE;
    if (!ok) {
        (void)snprintf(why, APPRAISAL_WHY_MAX, "pcrs: is no selection with PCR 10, as \"%s\"", SELECTION);
    }
    return ok;
}

static bool read_signers(const json_t *list, struct ima_keyring *signers, char *why)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i);
        if (!ima_keyring_add_text(signers, sp_str_bytes(json_string_value(one), json_string_length(one)), NULL)) {
            (void)snprintf(why, APPRAISAL_WHY_MAX, "signers: number %zu is no key for ECDSA", i + 1);
            return false;
        }
    }
    return true;
}

/* The policy itself: where signers are named, what one of them has signed and nothing else. */
static bool read_policy(const json_t *params, struct sp_str text, struct policy *p, char *why)
{
    const json_t *list = json_object_get(params, "signers");
    struct ima_keyring *signers = ima_keyring_new(p->crypto);
    struct sp_str payload = {NULL, 0};
    (void)snprintf(why, APPRAISAL_WHY_MAX, "memory is out");
    bool ok = signers != NULL && read_signers(list, signers, why);
    if (ok && list != NULL) {
        ok = ima_envelope_open(signers, text, &payload, why, APPRAISAL_WHY_MAX);
        text = payload;
    }
    ok = ok && ima_rules_new(p->crypto, text, &p->rules, why);
    free((void *)(uintptr_t)payload.p);
    ima_keyring_destroy(&signers);
    return ok;
}

static void policy_free(void *policy)
{
    struct policy *p = policy;
    if (p != NULL) {
        ima_rules_destroy(&p->rules);
        evidence_crypto_destroy(&p->crypto);
        free(p);
    }
}

/* What was proven under other words counts for nothing. */
static void digest_policy(struct policy *p, struct sp_str text)
{
    char selection[TPM_SELECTION_TEXT_MAX];
    struct sp_crypto_sha256 h;
    tpm_selection_text(&p->selection, selection);
    sp_crypto_sha256_init(&h);
    sp_crypto_sha256_update(&h, selection, strlen(selection) + 1);
    sp_crypto_sha256_update(&h, text.p, text.n);
    sp_crypto_sha256_final(&h, p->digest);
}

SP_STATIC_ASSERT(IMA_RULES_WHY_BYTES == APPRAISAL_WHY_MAX, "the words fit");

static void *policy_new(const struct evidence_ops *ops, struct sp_str params, struct sp_str text, char *why)
{
    struct policy *p = calloc(1, sizeof *p);
    json_t *given = json_loadb(params.p, params.n, JSON_REJECT_DUPLICATES, NULL);
    (void)ops;
    (void)snprintf(why, APPRAISAL_WHY_MAX, "parameters are no object");
    bool ok = p != NULL && json_is_object(given) && evidence_crypto_new(&p->crypto) == SP_OK &&
              read_selection(json_object_get(given, "pcrs"), p, why) && read_policy(given, text, p, why);
    if (ok) {
        p->certified = json_is_true(json_object_get(given, "certified"));
        digest_policy(p, text);
    }
    json_decref(given);
    if (!ok) {
        policy_free(p);
        return NULL;
    }
    return p;
}

/* ---- what the judge asks --------------------------------------------------------------------------------------- */

static bool excluded(void *ctx, struct sp_str path)
{
    const struct run *r = ctx;
    return ima_exclude_match(r->policy->rules->excludes, path);
}

static enum ima_signer signer(void *ctx, const struct ima_signature *signature, struct sp_str digest)
{
    const struct run *r = ctx;
    enum ima_signer given = ima_keyring_signer(r->policy->rules->keys, signature, digest);
    enum ima_signer learned = given == IMA_SIGNED ? IMA_NO_KEYS : ima_keyring_signer(r->learned, signature, digest);
    return learned > given ? learned : given;
}

static bool is_key(void *ctx, struct sp_str buffer)
{
    const struct run *r = ctx;
    return ima_keyring_is_key(r->policy->crypto, buffer);
}

static bool learn(void *ctx, struct sp_str buffer)
{
    struct run *r = ctx;
    return ima_keyring_add(r->learned, buffer, NULL);
}

static void visit(void *ctx, uint32_t index, const struct ima_entry *entry)
{
    struct run *r = ctx;
    ima_judge_entry(&r->judge, index, entry, ima_replay_met(&r->replay));
}

static void soon(void *ctx, const struct ima_entry *entry)
{
    struct run *r = ctx;
    ima_judge_soon(&r->judge, entry);
}

/* ---- one run --------------------------------------------------------------------------------------------------- */

static void drop(void *state)
{
    struct run *r = state;
    appraisal_bytes_free(&r->bytes, r->q->budget);
    ima_keyring_destroy(&r->learned);
    free(r);
}

static void *begin(const void *policy, const struct appraisal_question *question)
{
    struct run *r = calloc(1, sizeof *r);
    if (r != NULL) {
        r->policy = policy;
        r->q = question;
        r->learned = ima_keyring_new(r->policy->crypto);
    }
    if (r != NULL && r->learned == NULL) {
        drop(r);
        return NULL;
    }
    return r;
}

/* Effect: nothing more is needed: there is no verdict on the evidence. */
static bool refuse(struct run *r, uint16_t reason, const char *why)
{
    r->refused = reason;
    r->why = why;
    r->phase = DONE;
    return false;
}

/* Effect: the replay starts where `before` stands. */
static void start_list(struct run *r)
{
    r->ops = (struct ima_judge_ops){excluded, signer, is_key, learn, r};
    r->visitor = (struct ima_visitor){visit, r, soon};
    r->next = r->before.at.bytes;
    r->document = 0;
    const struct ima_question question = {.pcrs = &r->quote.pcrs,
                                          .bank = r->policy->bank,
                                          .before = &r->before.at,
                                          .options = &r->policy->rules->options,
                                          .visitor = &r->visitor};
    ima_judge_init(&r->judge, &r->policy->rules->judge, &r->ops, r->before.learned);
    r->finding = (struct ima_finding){.pending = 0};
    r->reason = ima_replay_init(&r->replay, &question, r->q->ops);
    r->phase = r->reason == EVIDENCE_OK ? LIST : DONE;
    if (r->phase == LIST && ima_replay_met(&r->replay)) { /* nothing was measured since */
        r->phase = DONE;
        r->reason = ima_replay_end(&r->replay, 0, &r->finding);
    }
}

/* From the beginning, with nothing of what was proven before. */
static void start_again(struct run *r)
{
    ima_keyring_destroy(&r->learned);
    r->learned = ima_keyring_new(r->policy->crypto);
    r->before = (struct ima_checkpoint){.pending = 0};
    if (r->learned == NULL) {
        (void)refuse(r, SP_REASON_INTERNAL, "no memory");
        return;
    }
    start_list(r);
}

static void take_quote(struct run *r)
{
    struct sp_str rest = appraisal_seen_read(r->q->checkpoint, r->q->key, &r->seen);
    r->phase = DONE;
    r->reason = appraisal_quote_judge(r->q, &r->policy->selection, sp_str_bytes(r->bytes.p, r->bytes.n), &r->seen, &r->quote);
    appraisal_bytes_free(&r->bytes, r->q->budget);
    if (r->reason != EVIDENCE_OK) {
        return;
    }
    r->quoted = true;
    bool same_boot = rest.n > 0 && !r->quote.rebooted && ima_checkpoint_read(rest, &r->before) && r->before.bank == r->policy->bank;
    r->rest = same_boot ? rest : r->rest;
    r->due = same_boot ? r->before.at.entries + r->before.pending : 0;
    if (!same_boot || memcmp(r->before.policy, r->policy->digest, sizeof r->before.policy) != 0) {
        r->before = (struct ima_checkpoint){.pending = 0};
    }
    start_list(r);
}

static bool want(void *state, struct appraisal_want *out)
{
    struct run *r = state;
    if (r->phase == QUOTE) {
        appraisal_quote_want(&r->policy->selection, out);
    } else if (r->phase == LIST) {
        out->document = "ima";
        (void)snprintf(out->args, sizeof out->args, "{\"from\":%llu}", (unsigned long long)r->next);
    }
    return r->phase != DONE;
}

static bool keep(struct run *r, struct sp_str bytes)
{
    bool kept = appraisal_bytes_add(&r->bytes, r->q->budget, CARRY_MAX, bytes);
    return kept || refuse(r, SP_REASON_BUSY, "too many documents at once in the appraiser");
}

/* Whole entries go to the replay; the beginning of one waits for the rest. */
static bool take_list(struct run *r, struct sp_str bytes)
{
    if (r->bytes.n > 0) {
        if (!keep(r, bytes)) {
            return false;
        }
        bytes = sp_str_bytes(r->bytes.p, r->bytes.n);
    }
    size_t used = ima_replay_push(&r->replay, bytes);
    if (r->bytes.n == 0) {
        return used == bytes.n || keep(r, sp_str_bytes(bytes.p + used, bytes.n - used));
    }
    memmove(r->bytes.p, r->bytes.p + used, r->bytes.n - used);
    r->bytes.n -= used;
    return true;
}

/* A part of a long list has ended: the next one is asked for until the quoted value was met or nothing more comes. */
static void end_list(struct run *r)
{
    bool more = r->document > 0 && !ima_replay_met(&r->replay) && r->replay.reason == EVIDENCE_OK;
    r->next += r->document;
    r->document = 0;
    if (more && r->next <= IMA_LIST_BYTES_MAX) {
        return;
    }
    r->phase = DONE;
    r->reason = ima_replay_end(&r->replay, r->bytes.n, &r->finding);
    appraisal_bytes_free(&r->bytes, r->q->budget);
    bool unsure = r->reason != EVIDENCE_OK || r->judge.lost;
    if (unsure && r->before.at.entries > 0) {
        start_again(r);
    }
}

static bool push_quote(struct run *r, struct sp_str bytes, bool last)
{
    if (r->q->key == NULL) {
        return refuse(r, SP_REASON_NOT_ENROLLED, "no TPM is enrolled for this node");
    }
    if (r->policy->certified && r->q->mode != SP_ENROLMENT_CERTIFIED) {
        return refuse(r, SP_REASON_NOT_ENROLLED,
                      "the check wants a node whose maker's certificate was checked when it was enrolled");
    }
    if (bytes.n > APPRAISAL_QUOTE_MAX - r->bytes.n) {
        r->reason = EVIDENCE_QUOTE_MALFORMED;
        r->phase = DONE;
        return false;
    }
    if (!keep(r, bytes)) {
        return false;
    }
    if (last) {
        take_quote(r);
    }
    return true;
}

static bool push(void *state, struct sp_str bytes, bool last)
{
    struct run *r = state;
    if (r->phase == QUOTE) {
        return push_quote(r, bytes, last);
    }
    r->document += bytes.n;
    if (bytes.n > 0 && !take_list(r, bytes)) {
        return false;
    }
    bool enough = r->replay.reason != EVIDENCE_OK;
    if (last || enough) {
        end_list(r);
    }
    return !enough;
}

/* ---- verdict --------------------------------------------------------------------------------------------------- */

static void say_measures(const struct run *r, struct appraisal_verdict *v)
{
    const struct ima_tally *t = &r->judge.proven;
    (void)snprintf(v->measures, sizeof v->measures,
                   "entries=%u new=%u pending=%u excluded=%u signed=%u violations=%u refused=%u pending_refused=%u",
                   r->finding.after.entries, r->finding.after.entries - r->before.at.entries, r->finding.pending, t->excluded,
                   t->by_signature, r->finding.after.violations, t->refused, r->judge.pending.refused);
}

static void say_offence(const struct ima_tally *t, struct appraisal_verdict *v)
{
    char path[4 * 96 + 1], digest[2 * TPM_DIGEST_MAX + 1];
    const struct ima_offence *o = &t->first;
    const char *alg = tpm_alg_name(o->alg);
    (void)ima_judge_print(sp_str_bytes(o->path, o->path_bytes), path, sizeof path);
    sp_hex_write(o->digest, o->digest_bytes, digest);
    appraisal_say(v, o->reason, "%s %s:%s (entry %u); %u%s refused", path, alg != NULL ? alg : "digest", digest, o->entry,
                  t->refused, t->refused == IMA_JUDGE_REFUSED_MAX ? " or more" : "");
}

static void leave_checkpoint(const struct run *r, struct appraisal_verdict *v)
{
    struct ima_checkpoint c = {
        .bank = r->policy->bank, .at = r->finding.after, .pending = r->finding.pending, .learned = r->judge.learned};
    SP_STATIC_ASSERT(APPRAISAL_SEEN_BYTES + IMA_CHECKPOINT_BYTES_MAX <= APPRAISAL_CHECKPOINT_MAX, "both fit");
    memcpy(c.policy, r->policy->digest, sizeof c.policy);
    appraisal_seen_write(&r->seen, v->checkpoint);
    v->checkpoint_len = (uint32_t)(APPRAISAL_SEEN_BYTES + ima_checkpoint_write(&c, v->checkpoint + APPRAISAL_SEEN_BYTES));
}

static void judge_list(const struct run *r, struct appraisal_verdict *v)
{
    const struct ima_tally *t = &r->judge.proven;
    const struct ima_finding *f = &r->finding;
    if (r->reason != EVIDENCE_OK && r->reason != EVIDENCE_IMA_VIOLATION) {
        char at[32] = "";
        if (f->entry > 0) {
            (void)snprintf(at, sizeof at, "entry %u", f->entry);
        }
        appraisal_say(v, r->reason, "%s", at);
        return;
    }
    say_measures(r, v);
    if (r->reason == EVIDENCE_IMA_VIOLATION) {
        appraisal_say(v, r->reason, "%u times; %u entries refused", f->after.violations, t->refused);
    } else if (t->refused > 0) {
        say_offence(t, v);
    } else if (f->after.entries < r->due) {
        appraisal_say(v, EVIDENCE_IMA_PENDING, "%u of %u proven", f->after.entries, r->due);
    } else {
        appraisal_say(v, EVIDENCE_OK, "%u entries, %u of them new, %u pending%s", f->after.entries,
                      f->after.entries - r->before.at.entries, f->pending, f->padded ? "; by the rule of kernels before 5.8" : "");
        leave_checkpoint(r, v);
    }
}

/* Counters of a proven quote are not forgotten because the list was wrong; where the last good check ended is not, either. */
static void keep_checkpoint(const struct run *r, struct appraisal_verdict *v)
{
    appraisal_seen_write(&r->seen, v->checkpoint);
    v->checkpoint_len = APPRAISAL_SEEN_BYTES + r->rest.n;
    SP_ASSERT(v->checkpoint_len <= sizeof v->checkpoint);
    if (r->rest.n > 0) {
        memcpy(v->checkpoint + APPRAISAL_SEEN_BYTES, r->rest.p, r->rest.n);
    }
}

static void judge(void *state, struct appraisal_verdict *out)
{
    const struct run *r = state;
    if (r->refused != 0) {
        appraisal_end(out, SP_OUTCOME_ERROR, r->refused, "%s", r->why);
    } else if (!r->quoted) {
        appraisal_say(out, r->reason, "%s", "");
    } else {
        out->instance = appraisal_instance(&r->quote.clock);
        keep_checkpoint(r, out);
        judge_list(r, out);
    }
}

static const char *const documents[] = {"quote", "ima", NULL};

const struct appraisal_module appraisal_ima = {
    .kind = "ima",
    .documents = documents,
    .policy_new = policy_new,
    .policy_free = policy_free,
    .begin = begin,
    .want = want,
    .push = push,
    .judge = judge,
    .drop = drop,
};
