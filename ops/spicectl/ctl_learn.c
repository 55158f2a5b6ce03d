/* SPDX-License-Identifier: Apache-2.0 */
/* Reference values learnt from a golden node: a draft for people, and a check in shadow. What is written was signed by the TPM that is
 * enrolled for the node; whether the node was in a good state nobody can know from it. */
#include "ctl_run.h"

#include "ctl_evidence.h"
#include "ctl_fleet_parts.h"
#include "ctl_json.h"

#include "appraisal_quote.h"
#include "boot_replay.h"
#include "reference_file.h"
#include "sp_clock.h"
#include "sp_crypto.h"
#include "sp_hex.h"
#include "sp_random.h"
#include "sp_time.h"

#include <inttypes.h>
#include <string.h>

#define LEARN_FILE_MAX (256u << 10)

/* One node being learnt. */
struct learn {
    struct ctl *ctl;
    struct evidence_crypto *crypto;
    struct evidence_ops ops;
    struct ctl_attester attester;
    struct appraisal_key key; /* as enrolled */
    char enrolment[32];
    struct tpm_selection selection;
    struct quote_finding quote;
    struct boot_replay_finding log;
    bool followed; /* the node has a boot log, and it leads to the quoted values */
    uint32_t log_pcrs;
    char profile[REFERENCE_NAME_BYTES];
    char path[SP_FS_PATH_BYTES];
    char sha256[65]; /* of the file */
    struct sp_buf text;
};

static bool learn_refuse(const struct learn *l, struct ctl_fault *fault, enum evidence_reason reason, const char *more)
{
    return fleet_fault(fault, CTL_FAILED, l->attester.node, "", "nothing is learnt from node %s: %s%s%s", l->attester.node,
                       evidence_reason_text(reason), more[0] != '\0' ? ": " : "", more);
}

/* The enrolled attestation key, as the keeper says it. */
static bool learn_key(struct learn *l, struct ctl_fault *fault)
{
    json_t *nodes = NULL;
    uint8_t ak[512];
    if (!ctl_fleet_try(l->ctl, "keeper", "node.list", ctl_json_need(json_pack("{s:s}", "name", l->attester.node)), &nodes, fault))
        return false;
    const json_t *node = json_array_get(nodes, 0);
    struct sp_str hex = sp_str_of(ctl_json_text(json_object_get(node, "identity"), "ak_public"));
    (void)snprintf(l->enrolment, sizeof l->enrolment, "%s", ctl_json_text(node, "enrolment"));
    bool told = strcmp(l->enrolment, "certified") == 0 || strcmp(l->enrolment, "first_use") == 0;
    bool good = told && hex.n > 0 && hex.n / 2 <= sizeof ak && sp_hex_parse(hex, ak, hex.n / 2);
    size_t n = hex.n / 2;
    json_decref(nodes);
    if (!good)
        return fleet_fault(fault, CTL_FAILED, l->attester.node, "spicectl node enroll NODE", "node %s is not enrolled (%s)",
                           l->attester.node, l->enrolment);
    l->key.reason = evidence_key_new(l->crypto, sp_str_bytes(ak, n), &l->key.key, &l->key.ak);
    return l->key.reason == EVIDENCE_OK || learn_refuse(l, fault, l->key.reason, "");
}

static bool learn_quote(struct learn *l, struct ctl_fault *fault)
{
    static struct appraisal_want want;
    struct appraisal_seen seen = {0};
    uint8_t binding[32];
    struct sp_buf document;
    appraisal_quote_want(&l->selection, &want);
    struct ctl_evidence question = {.from = &l->attester, .kind = want.document, .args = want.args, .max = APPRAISAL_QUOTE_MAX};
    sp_random_bytes(question.nonce, sizeof question.nonce);
    appraisal_binding(question.nonce, sp_str_of(l->attester.node), binding);
    sp_buf_init(&document, APPRAISAL_QUOTE_MAX);
    bool good = ctl_evidence_ask(l->ctl, &question, &document, fault);
    const struct appraisal_question q = {
        .node = sp_str_of(l->attester.node), .binding = binding, .key = &l->key, .ops = &l->ops, .crypto = l->crypto};
    enum evidence_reason reason =
        good ? appraisal_quote_judge(&q, &l->selection, sp_buf_view(&document), &seen, &l->quote) : EVIDENCE_OK;
    sp_buf_fini(&document);
    return good && (reason == EVIDENCE_OK || learn_refuse(l, fault, reason, ""));
}

/* A node without a boot log is learnt without one; a log that does not lead to the quoted values is no golden node's. */
static bool learn_log(struct learn *l, struct ctl_fault *fault)
{
    struct ctl_evidence question = {.from = &l->attester, .kind = "bootlog", .args = "{}", .max = BOOT_LOG_BYTES_MAX};
    struct sp_buf document;
    for (uint32_t b = 0; b < l->selection.banks; b++)
        l->log_pcrs |= l->selection.bank[b].pcrs & REFERENCE_LOG_PCRS;
    if (l->log_pcrs == 0)
        return true;
    const struct boot_replay_options options = {.pcrs = l->log_pcrs, .separators = true};
    sp_random_bytes(question.nonce, sizeof question.nonce);
    sp_buf_init(&document, BOOT_LOG_BYTES_MAX);
    bool good = ctl_evidence_ask(l->ctl, &question, &document, fault);
    enum evidence_reason reason = EVIDENCE_OK;
    if (good) {
        reason = boot_replay_judge(sp_buf_view(&document), &l->quote.pcrs, &options, &l->ops, &l->log);
        l->followed = reason == EVIDENCE_OK;
    } else if (fault->code != 0 && fault->exit == CTL_FAILED) { /* the attester says that there is none it can read */
        ctl_note(l->ctl, "%s; the boot log is not judged", fault->error);
        memset(fault, 0, sizeof *fault);
        good = true;
    }
    sp_buf_fini(&document);
    return good && (reason == EVIDENCE_OK || learn_refuse(l, fault, reason, "in the boot log"));
}

/* ---- what is written ---- */

static void learn_pcrs(struct learn *l)
{
    char hex[2 * TPM_DIGEST_MAX + 1];
    const struct tpm_pcrs *pcrs = &l->quote.pcrs;
    for (uint32_t b = 0; b < pcrs->selection.banks; b++) {
        const struct tpm_bank *bank = &pcrs->selection.bank[b];
        sp_buf_format(&l->text, "      %s:\n", tpm_alg_name(bank->alg));
        for (uint32_t i = 0; i < TPM_PCRS; i++) {
            if ((bank->pcrs & 1u << i) == 0)
                continue;
            sp_hex_write(pcrs->value[b][i], tpm_alg_bytes(bank->alg), hex);
            sp_buf_format(&l->text, "        %" PRIu32 ": \"%s\"\n", i, hex);
        }
    }
}

static void learn_text(struct learn *l)
{
    char quote[TPM_SELECTION_TEXT_MAX], log[TPM_SELECTION_TEXT_MAX], at[32];
    struct tpm_selection pcrs = {.banks = 1, .bank = {{.alg = TPM_ALG_SHA256, .pcrs = l->log_pcrs}}};
    uint64_t now_ms = sp_clock_read().wall.ms;
    tpm_selection_text(&l->selection, quote);
    tpm_selection_text(&pcrs, log);
    const char *colon = strchr(log, ':');
    sp_time_format_wall((struct sp_wall){now_ms}, at, sizeof at);
    (void)snprintf(l->profile, sizeof l->profile, "%.48s-%.10s", l->attester.node, at);
    sp_buf_format(&l->text, "# DRAFT, learnt from node %s (enrolment: %s) at %s under its enrolled key.\n", l->attester.node,
                  l->enrolment, at);
    sp_buf_text(
        &l->text,
        "# A node's values prove that it is like this, not that it is right. Compare with a second node of the same kind, and keep the check in\n"
        "# shadow until all are clean.\n");
    sp_buf_format(&l->text, "reference: 1\nquote: \"%s\"\n", quote);
    if (l->followed)
        sp_buf_format(&l->text, "boot_log: {judge: required, pcrs: \"%s\", separators: true}\n", colon != NULL ? colon + 1 : "0-7");
    else
        sp_buf_text(&l->text, "boot_log: {judge: ignored}\n");
    sp_buf_format(&l->text, "profiles:\n  - name: %s\n    firmware: \"%016" PRIx64 "\"\n    pcrs:\n", l->profile,
                  l->quote.firmware);
    learn_pcrs(l);
}

/* A draft that would not let in the node it was learnt from is worse than none. */
static bool learn_prove(struct learn *l, struct ctl_fault *fault)
{
    struct reference_file *file = NULL;
    struct reference_finding at;
    struct sp_err err = {0};
    if (l->text.failed)
        return fleet_fault(fault, CTL_FAILED, l->path, "", "out of memory");
    if (reference_file_parse(l->path, sp_buf_view(&l->text), &file, &err) != SP_OK)
        return fleet_fault(fault, CTL_FAILED, err.where, err.hint, "the draft would not be good: %s", err.text);
    enum evidence_reason reason =
        reference_judge(&file->set, &l->quote.pcrs, l->quote.firmware, sp_clock_read().wall.ms / SP_MS_PER_S, &at);
    reference_file_destroy(&file);
    return reason == EVIDENCE_OK || learn_refuse(l, fault, reason, "in the draft itself");
}

static bool learn_write(struct learn *l, struct ctl_fault *fault)
{
    struct sp_err err = {0};
    uint8_t digest[32];
    sp_crypto_sha256(l->text.p, l->text.n, digest);
    sp_hex_write(digest, sizeof digest, l->sha256);
    enum sp_rc rc = l->ctl->dry_run ? SP_OK : sp_fs_create(l->path, l->text.p, l->text.n, 0644, &err);
    if (rc == SP_E_EXISTS)
        return fleet_fault(fault, CTL_FAILED, l->path, "name another file with --to; what is there was perhaps edited by hand",
                           "the file exists already");
    return rc == SP_OK || fleet_fault(fault, CTL_FAILED, err.where, err.hint, "%s", err.text);
}

static bool learn_all(struct learn *l, struct ctl_fault *fault)
{
    const char *to = l->ctl->args.values[CTL_OPT_TO];
    if (!ctl_fleet_open(l->ctl, fault) || !ctl_evidence_attester(l->ctl, l->ctl->args.names[0], &l->attester, fault))
        return false;
    (void)snprintf(l->path, sizeof l->path, to != NULL ? "%.500s" : "reference-%.64s.yaml", to != NULL ? to : l->attester.node);
    if (!learn_key(l, fault) || !learn_quote(l, fault) || !learn_log(l, fault))
        return false;
    learn_text(l);
    return learn_prove(l, fault) && learn_write(l, fault);
}

/* ---- what is said ---- */

static const char *learn_base(const struct learn *l)
{
    const char *slash = strrchr(l->path, '/');
    return slash != NULL ? slash + 1 : l->path;
}

static json_t *learn_check(const struct learn *l)
{
    char name[REFERENCE_NAME_BYTES];
    (void)snprintf(name, sizeof name, "boot-%.48s", l->attester.node);
    return ctl_json_need(json_pack("{s:s, s:s, s:s, s:s, s:o, s:{s:s, s:s}}", "kind", "check", "name", name, "adapter", "tpm",
                                   "stage", "shadow", "selector", json_sprintf("name=%s", l->attester.node), "params", "reference",
                                   learn_base(l), "sha256", l->sha256));
}

static void learn_say(struct ctl *ctl, const struct learn *l)
{
    char quote[TPM_SELECTION_TEXT_MAX];
    tpm_selection_text(&l->selection, quote);
    json_t *check = learn_check(l);
    if (ctl->json) {
        json_t *done = ctl_json_need(json_pack(
            "{s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:s, s:O, s:b}", "name", l->attester.node, "enrolment", l->enrolment, "file",
            l->path, "profile", l->profile, "quote", quote, "boot_log", l->followed ? "required" : "ignored", "log_events",
            l->followed ? (int)l->log.events : 0, "sha256", l->sha256, "check", check, "dry_run", ctl->dry_run));
        ctl_json_print(&ctl->out, done);
        json_decref(done);
    } else {
        ctl_note(
            ctl,
            "%s %s: profile %s, %s, boot log %s. Compare it with a second node, put it into the workers' policy_dir, and apply:",
            l->path, ctl->dry_run ? "would be written" : "written", l->profile, quote, l->followed ? "followed" : "not judged");
        ctl_out_print(
            &ctl->out,
            "kind: check\nname: %s\nadapter: tpm\nstage: shadow\nselector: name=%s\nparams: {reference: \"%s\", sha256: \"%s\"}\n",
            ctl_json_text(check, "name"), l->attester.node, learn_base(l), l->sha256);
    }
    json_decref(check);
}

int ctl_reference_learn(struct ctl *ctl)
{
    static struct learn l;
    struct ctl_fault fault = {0};
    const char *pcrs = ctl->args.values[CTL_OPT_PCRS];
    memset(&l, 0, sizeof l);
    l.ctl = ctl;
    if (!tpm_selection_read(sp_str_of(pcrs != NULL ? pcrs : "sha256:0-9"), &l.selection))
        return ctl_fail(ctl, CTL_USAGE, "--pcrs", "write sha256:0-9, or sha256:0-7+sha384:0-7", "\"%s\" is no selection of PCRs",
                        pcrs);
    int code = ctl_crypto_open(ctl);
    if (code != CTL_OK)
        return code;
    if (evidence_crypto_new(&l.crypto) != SP_OK) {
        sp_crypto_fini();
        return ctl_fail(ctl, CTL_FAILED, "libcrypto", "install Debian's libssl3", "it offers no algorithms for TPM keys");
    }
    l.ops = evidence_crypto_ops(l.crypto);
    sp_buf_init(&l.text, LEARN_FILE_MAX);
    if (learn_all(&l, &fault))
        learn_say(ctl, &l);
    else
        code = ctl_fleet_fail(ctl, &fault);
    sp_buf_fini(&l.text);
    evidence_key_destroy(&l.key.key);
    evidence_crypto_destroy(&l.crypto);
    sp_crypto_fini();
    return code;
}
