/* SPDX-License-Identifier: Apache-2.0 */
/* Reference values of the adapter tpm: looking at a file before it is installed, and drafts of one from a node. */
#include "ctl_run.h"

#include "ctl_evidence.h"
#include "ctl_fleet_parts.h"
#include "ctl_host.h"
#include "ctl_json.h"

#include "appraisal_quote.h"
#include "boot_replay.h"
#include "reference_file.h"
#include "sections.h"
#include "sp_clock.h"
#include "sp_crypto.h"
#include "sp_fs.h"
#include "sp_hex.h"
#include "sp_random.h"

#include <stdlib.h>
#include <string.h>

#define REFERENCE_DOCUMENT_MAX (64u << 10)
#define REFERENCE_QUOTE        "sha256:0-9"
#define REFERENCE_PCRS         10u
#define REFERENCE_OF_KIND                                                                                                          \
    0x0ddu /* PCR 0, 2, 3, 4, 6, 7: the same on machines of one kind; 1 and 5 hold names of disks and settings, 8 and 9 the        \
              kernel's */

/* ---- check ---- */

static json_t *reference_json(const char *path, const struct reference_file *f, uint64_t now_s)
{
    char quote[TPM_SELECTION_TEXT_MAX];
    json_t *profiles = ctl_json_need(json_array());
    tpm_selection_text(&f->quote, quote);
    for (uint32_t i = 0; i < f->set.profiles; i++) {
        const struct reference_profile *p = &f->set.profile[i];
        bool in_force = now_s >= p->from && now_s < p->until;
        (void)json_array_append_new(profiles, ctl_json_need(json_pack("{s:s, s:b, s:i}", "name", f->name[i], "in_force", in_force,
                                                                      "values", (int)p->values)));
    }
    return ctl_json_need(
        json_pack("{s:s, s:s, s:b, s:o}", "file", path, "quote", quote, "boot_log", f->log_required, "profiles", profiles));
}

static int reference_check_one(struct ctl *ctl, const char *path, json_t *rows)
{
    struct reference_file *f = NULL;
    struct sp_err err = {0};
    char *text = NULL;
    size_t n = 0;
    enum sp_rc rc = sp_fs_read(path, REFERENCE_FILE_BYTES, 0, &text, &n, &err);
    rc = rc == SP_OK ? reference_file_parse(path, sp_str_bytes(text, n), &f, &err) : rc;
    free(text);
    if (rc != SP_OK)
        return ctl_host_fail(ctl, &err);
    json_t *row = reference_json(path, f, sp_clock_read().wall.ms / SP_MS_PER_S);
    if (!ctl->json) {
        size_t i;
        json_t *p;
        ctl_out_print(&ctl->out, "%s: good; quotes %s, boot log %s\n", path, ctl_json_text(row, "quote"),
                      f->log_required ? "required" : "ignored");
        json_array_foreach(json_object_get(row, "profiles"), i, p)
        {
            bool in_force = ctl_json_true(p, "in_force");
            ctl_out_print(&ctl->out, "  profile %s: ", ctl_json_text(p, "name"));
            ctl_out_tone(&ctl->out, in_force ? CTL_GOOD : CTL_WARN, in_force ? "in force\n" : "not in force now\n");
        }
    }
    (void)json_array_append_new(rows, row);
    reference_file_destroy(&f);
    return CTL_OK;
}

int ctl_reference_check(struct ctl *ctl)
{
    json_t *rows = ctl_json_need(json_array());
    int worst = CTL_OK;
    for (size_t i = 0; i < ctl->args.names_count; i++) {
        int code = reference_check_one(ctl, ctl->args.names[i], rows);
        worst = worst == CTL_OK ? code : worst;
    }
    if (ctl->json)
        ctl_json_print(&ctl->out, rows);
    json_decref(rows);
    return worst;
}

/* ---- learn ---- */

/* One node that is taken for good. */
struct learn {
    struct ctl_attester from;
    struct evidence_crypto *crypto;
    struct evidence_ops ops;
    struct appraisal_key key;
    struct tpm_name signer;
    uint8_t ek[32];
    struct tpm_selection selection;
    struct quote_finding quote;
    struct sp_buf document;
    bool log; /* the boot log leads to the values */
};

static bool learn_refuse(const struct learn *l, enum evidence_reason reason, const char *more, struct ctl_fault *fault)
{
    return fleet_fault(fault, CTL_FAILED, l->from.node, "", "nothing is learnt from node %s: %s%s%s", l->from.node,
                       evidence_reason_text(reason), more[0] != '\0' ? ": " : "", more);
}

static bool learn_ask(struct ctl *ctl, struct learn *l, struct ctl_evidence *q, struct ctl_fault *fault)
{
    q->from = &l->from;
    sp_random_bytes(q->nonce, sizeof q->nonce);
    sp_buf_reset(&l->document);
    return ctl_evidence_ask(ctl, q, &l->document, fault);
}

/* The digest of the key the keeper has for the node, out of node.list. */
static bool learn_enrolled(struct ctl *ctl, const struct learn *l, uint8_t digest[32], struct ctl_fault *fault)
{
    json_t *nodes = NULL;
    if (!ctl_fleet_try(ctl, "keeper", "node.list", ctl_json_need(json_pack("{s:s}", "name", l->from.node)), &nodes, fault))
        return false;
    const json_t *identity = json_object_get(json_array_get(nodes, 0), "identity");
    bool good = sp_hex_parse(sp_str_of(ctl_json_text(identity, "ak")), digest, 32);
    json_decref(nodes);
    return good || fleet_fault(fault, CTL_FAILED, l->from.node, "spicectl node enroll NODE", "no TPM is enrolled for node %s",
                               l->from.node);
}

/* The node's keys: the attestation key must be the enrolled one, and hang below its endorsement key. */
static bool learn_keys(struct ctl *ctl, struct learn *l, struct ctl_fault *fault)
{
    uint8_t enrolled[32], digest[32];
    struct sections s;
    struct sp_str ek, ak;
    struct tpm_public public;
    struct tpm_name above, name;
    struct ctl_evidence q = {.kind = "enroll", .args = "{}", .max = REFERENCE_DOCUMENT_MAX};
    if (!learn_enrolled(ctl, l, enrolled, fault) || !learn_ask(ctl, l, &q, fault))
        return false;
    if (!sections_read(sp_buf_view(&l->document), &s) || !sections_find(&s, "ek_public", &ek) ||
        !sections_find(&s, "ak_public", &ak))
        return fleet_fault(fault, CTL_FAILED, l->from.name, "", "the attester of node %s sent no keys", l->from.node);
    sp_crypto_sha256(ak.p, ak.n, digest);
    if (memcmp(digest, enrolled, sizeof digest) != 0)
        return fleet_fault(fault, CTL_FAILED, l->from.node, "", "the attestation key of node %s is not the enrolled one",
                           l->from.node);
    l->key.reason = evidence_key_new(l->crypto, ak, &l->key.key, &l->key.ak);
    if (l->key.reason != EVIDENCE_OK)
        return learn_refuse(l, l->key.reason, "", fault);
    name.n = TPM_NAME_BYTES;
    memcpy(name.b, l->key.ak.name, TPM_NAME_BYTES);
    bool named = tpm_wire_public(ek, &public) == EVIDENCE_OK && tpm_name_of(&public, &l->ops, &above) &&
                 tpm_name_primary(TPM_HANDLE_ENDORSEMENT, &above, &l->ops, &above) &&
                 tpm_name_child(&above, &name, &l->ops, &l->signer);
    return named || learn_refuse(l, EVIDENCE_EK_MALFORMED, "", fault);
}

static bool learn_quote(struct ctl *ctl, struct learn *l, struct ctl_fault *fault)
{
    uint8_t binding[32];
    struct appraisal_seen seen = {0};
    struct ctl_evidence q = {.kind = "quote", .args = "{\"pcrs\":\"" REFERENCE_QUOTE "\"}", .max = APPRAISAL_QUOTE_MAX};
    if (!tpm_selection_read(sp_str_of(REFERENCE_QUOTE), &l->selection) || !learn_ask(ctl, l, &q, fault))
        return false;
    appraisal_binding(q.nonce, sp_str_of(l->from.node), binding);
    const struct appraisal_question question = {
        .binding = binding, .key = &l->key, .signer = sp_str_bytes(l->signer.b, l->signer.n), .ops = &l->ops};
    enum evidence_reason reason = appraisal_quote_judge(&question, &l->selection, sp_buf_view(&l->document), &seen, &l->quote);
    return reason == EVIDENCE_OK || learn_refuse(l, reason, "", fault);
}

/* A node without a boot log can be learnt from, and its draft says so; one whose log does not fit is no example. */
static bool learn_log(struct ctl *ctl, struct learn *l, struct ctl_fault *fault)
{
    char more[64] = "";
    const struct boot_replay_options options = {.pcrs = REFERENCE_LOG_PCRS, .separators = true};
    struct boot_replay_finding found;
    struct ctl_evidence q = {.kind = "bootlog", .args = "{}", .max = BOOT_LOG_BYTES_MAX};
    if (!learn_ask(ctl, l, &q, fault)) {
        if (fault->code == 0)
            return false; /* not its word */
        ctl_note(ctl, "note: %s; the draft ignores boot logs", fault->error);
        return true;
    }
    enum evidence_reason reason = boot_replay_judge(sp_buf_view(&l->document), &l->quote.pcrs, &options, &l->ops, &found);
    if (reason == EVIDENCE_LOG_PCR || reason == EVIDENCE_LOG_SEPARATOR)
        (void)snprintf(more, sizeof more, "PCR %u", found.pcr);
    l->log = reason == EVIDENCE_OK;
    return l->log || learn_refuse(l, reason, more, fault);
}

static void learn_write(const struct learn *l, struct sp_buf *b)
{
    char hex[65], when[32];
    sp_time_format_wall(sp_clock_read().wall, when, sizeof when);
    sp_buf_format(
        b,
        "# Draft, learnt from node %s at %s. It is as good as that node was: let its check run in shadow until the others of its\n"
        "# kind are clean, then enforce it.\nreference: 1\n",
        l->from.node, when);
    if (!l->log)
        sp_buf_text(b, "boot_log: {judge: ignored} # the node has none\n");
    sp_buf_format(b, "profiles:\n  - name: %s\n    firmware: \"%016llx\" # of the TPM\n    pcrs:\n      sha256:\n", l->from.node,
                  (unsigned long long)l->quote.firmware);
    for (uint32_t i = 0; i < REFERENCE_PCRS; i++) {
        bool kind = (REFERENCE_OF_KIND >> i & 1u) != 0;
        sp_hex_write(l->quote.pcrs.value[0][i], 32, hex);
        sp_buf_format(b, "        %s%u: %s%s\n", kind ? "" : "# ", i, hex,
                      kind ? "" : " # often another on each machine, or with each kernel");
    }
}

static bool learn_node(struct ctl *ctl, struct learn *l, struct ctl_fault *fault)
{
    return ctl_evidence_attester(ctl, ctl->args.names[0], &l->from, fault) && learn_keys(ctl, l, fault) &&
           learn_quote(ctl, l, fault) && learn_log(ctl, l, fault);
}

int ctl_reference_learn(struct ctl *ctl)
{
    struct learn l = {.log = false};
    struct ctl_fault fault = {0};
    struct sp_buf text;
    int code = ctl_crypto_open(ctl);
    if (code != CTL_OK)
        return code;
    sp_buf_init(&l.document, BOOT_LOG_BYTES_MAX);
    sp_buf_init(&text, REFERENCE_DOCUMENT_MAX);
    if (evidence_crypto_new(&l.crypto) != SP_OK) {
        code = ctl_fail(ctl, CTL_FAILED, "libcrypto", "install Debian's libssl3", "it offers no algorithms for TPM keys");
    } else {
        l.ops = evidence_crypto_ops(l.crypto);
        if (!learn_node(ctl, &l, &fault))
            code = ctl_fleet_fail(ctl, &fault);
    }
    if (code == CTL_OK) {
        learn_write(&l, &text);
        if (ctl->json) {
            json_t *row = ctl_json_need(
                json_pack("{s:s, s:b, s:s#}", "node", l.from.node, "boot_log", l.log, "reference", (char *)text.p, text.n));
            ctl_json_print(&ctl->out, row);
            json_decref(row);
        } else {
            ctl_out_print(&ctl->out, "%.*s", (int)text.n, (char *)text.p);
        }
    }
    evidence_key_destroy(&l.key.key);
    evidence_crypto_destroy(&l.crypto);
    sp_buf_fini(&text);
    sp_buf_fini(&l.document);
    sp_crypto_fini();
    return code;
}
