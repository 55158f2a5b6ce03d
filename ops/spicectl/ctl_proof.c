/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_proof.h"

#include "ctl_fleet_parts.h"
#include "ctl_json.h"

#include "sections.h"
#include "sp_base64.h"
#include "sp_clock.h"
#include "sp_crypto.h"
#include "sp_fs.h"
#include "sp_hex.h"
#include "sp_random.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#define PROOF_DOCUMENT_MAX (64u << 10)
#define PROOF_PEM_MAX      (4u << 20)

static const char proof_roots_default[] = "/etc/spice/ek-roots";

/* ---- rules ---- */

/* All certificates of a file. */
static int proof_root_file(struct ctl *ctl, struct ctl_proof_rules *rules, const char *path)
{
    struct sp_err err = {0};
    char *text = NULL;
    size_t n = 0;
    if (sp_fs_read(path, PROOF_PEM_MAX, SP_FS_OWNED, &text, &n, &err) != SP_OK)
        return ctl_fail(ctl, CTL_FAILED, path, err.hint, "%s", err.text);
    enum sp_rc rc = ek_roots_add(rules->roots, sp_str_bytes(text, n));
    free(text);
    if (rc == SP_OK)
        return CTL_OK;
    return ctl_fail(ctl, CTL_FAILED, path, "write each certificate as PEM; other files do not belong into this directory",
                    rc == SP_E_LIMIT ? "there are too many certificates" : "this file holds no certificate, or a broken one");
}

static int proof_compare(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* All files of a directory, in the order of their names; those that begin with a dot are none. */
static int proof_root_dir(struct ctl *ctl, struct ctl_proof_rules *rules, const char *dir)
{
    char path[SP_FS_PATH_BYTES];
    struct dirent **list = NULL;
    int files = 0;
    int code = CTL_OK;
    int n = scandir(dir, &list, NULL, proof_compare);
    for (int i = 0; i < n; i++) {
        if (code == CTL_OK && list[i]->d_name[0] != '.') {
            files++;
            code = sp_fs_join(path, sizeof path, dir, list[i]->d_name) == SP_OK
                       ? proof_root_file(ctl, rules, path)
                       : ctl_fail(ctl, CTL_FAILED, dir, NULL, "a path is too long");
        }
        free(list[i]);
    }
    free(list);
    if (code == CTL_OK && files == 0)
        code = ctl_fail(
            ctl, CTL_FAILED, dir,
            "put the root and intermediate certificates of your TPMs' makers there, or name another directory with --roots",
            "no certificate of a TPM maker is known");
    return code;
}

int ctl_proof_open(struct ctl *ctl, struct ctl_proof_rules *rules, uint8_t pin[32])
{
    const struct ctl_args *args = &ctl->args;
    const char *roots = args->values[CTL_OPT_ROOTS];
    const char *wanted = args->values[CTL_OPT_PIN];
    bool first = ctl_args_has(args, CTL_OPT_FIRST_USE);
    memset(rules, 0, sizeof *rules);
    if (first && (roots != NULL || wanted != NULL))
        return ctl_fail(ctl, CTL_USAGE, "--first-use", "leave out one of them",
                        "--first-use looks at no certificate, --roots and --pin are about one");
    if (wanted != NULL && !sp_hex_parse(sp_str_of(wanted), pin, 32))
        return ctl_fail(ctl, CTL_USAGE, "--pin", "write the 64 hexadecimal digits of the certificate's SHA-256",
                        "\"%s\" is no digest", wanted);
    rules->pin = wanted != NULL ? pin : NULL;
    if (sp_crypto_init() != SP_OK)
        return ctl_fail(ctl, CTL_FAILED, "libcrypto, libsodium", "install Debian's libssl3 and libsodium23",
                        "one of them cannot be used");
    if (evidence_crypto_new(&rules->crypto) != SP_OK) {
        sp_crypto_fini();
        return ctl_fail(ctl, CTL_FAILED, "libcrypto", "install Debian's libssl3", "it offers no algorithms for TPM keys");
    }
    if (first)
        return CTL_OK;
    if (ek_roots_new(rules->crypto, &rules->roots) != SP_OK)
        return ctl_fail(ctl, CTL_FAILED, NULL, NULL, "out of memory");
    return proof_root_dir(ctl, rules, roots != NULL ? roots : proof_roots_default);
}

void ctl_proof_close(struct ctl_proof_rules *rules)
{
    ek_roots_destroy(&rules->roots);
    if (rules->crypto != NULL) {
        evidence_crypto_destroy(&rules->crypto);
        sp_crypto_fini();
    }
}

/* ---- the node's keys ---- */

/* One proof under way. */
struct proof {
    const struct ctl_proof_rules *rules;
    struct ctl_proved *out;
    struct sp_buf document;     /* of the question at hand */
    struct sp_str ek, cert, ak; /* lent by it */
    struct tpm_ak key;
    uint8_t certificate[32]; /* digest that the node binds: of its certificate if it has one, else of the key */
    uint8_t credential[CREDENTIAL_BYTES];
};

static bool proof_refuse(struct ctl_fault *fault, const struct proof *p, enum evidence_reason reason, const char *more)
{
    (void)fleet_fault(fault, CTL_FAILED, p->out->attester.node,
                      reason == EVIDENCE_EK_CHAIN ? "are the root and every certificate in between of the TPM's maker in --roots?"
                      : reason == EVIDENCE_EK_PIN ? "compare --pin with the delivery papers: another machine may answer"
                                                  : "",
                      "node %s is not enrolled: %s%s%s", p->out->attester.node, evidence_reason_text(reason),
                      more[0] != '\0' ? ": " : "", more);
    return false;
}

static bool proof_ask(struct ctl *ctl, struct proof *p, struct ctl_evidence *question, struct sections *found,
                      struct ctl_fault *fault)
{
    sp_random_bytes(question->nonce, sizeof question->nonce);
    sp_buf_reset(&p->document);
    if (!ctl_evidence_ask(ctl, question, &p->document, fault))
        return false;
    return sections_read(sp_buf_view(&p->document), found) ||
           fleet_fault(fault, CTL_FAILED, question->from->name, "", "the document \"%s\" of node %s is malformed", question->kind,
                       question->from->node);
}

/* A certificate as the TPM's memory has it is followed by padding; its outermost element says how long it is. */
static struct sp_str proof_unpadded(struct sp_str cert)
{
    const uint8_t *p = (const uint8_t *)cert.p;
    if (cert.n > 4 && p[0] == 0x30 && p[1] == 0x82) {
        size_t said = 4 + ((size_t)p[2] << 8 | p[3]);
        return sp_str_bytes(p, said < cert.n ? said : cert.n);
    }
    return cert;
}

/* Endorsement key and its certificate. */
static bool proof_ek(struct proof *p, struct ctl_fault *fault)
{
    struct ek_cert_finding finding = {0};
    struct ctl_proved *out = p->out;
    sp_crypto_sha256(p->ek.p, p->ek.n, out->ek_public);
    memcpy(out->ek, out->ek_public, sizeof out->ek);
    struct sp_str bound = p->cert.n > 0 ? proof_unpadded(p->cert) : p->ek;
    sp_crypto_sha256(bound.p, bound.n, p->certificate);
    if (p->rules->roots == NULL)
        return true; /* whether it is a key at all is seen when the credential is wrapped */
    if (p->cert.n == 0)
        return fleet_fault(fault, CTL_FAILED, out->attester.node, "--first-use takes its key as it is, and says so everywhere",
                           "the TPM of node %s keeps no certificate of its maker", out->attester.node);
    struct ek_cert_question question = {.roots = p->rules->roots,
                                        .certificate = p->cert,
                                        .key = p->ek,
                                        .now_s = (int64_t)(sp_clock_read().wall.ms / SP_MS_PER_S),
                                        .pin = p->rules->pin};
    enum evidence_reason reason = ek_cert_check(&question, &finding);
    if (reason != EVIDENCE_OK)
        return proof_refuse(fault, p, reason, reason == EVIDENCE_EK_CHAIN && finding.chain != NULL ? finding.chain : "");
    memcpy(out->ek, finding.digest, sizeof out->ek);
    memcpy(p->certificate, finding.digest, sizeof p->certificate);
    memcpy(out->maker, finding.maker, sizeof out->maker);
    memcpy(out->model, finding.model, sizeof out->model);
    out->certified = true;
    return true;
}

/* What an attestation key must be like. */
static bool proof_ak(struct proof *p, struct ctl_fault *fault)
{
    struct evidence_key *key = NULL;
    enum evidence_reason reason =
        p->ak.n <= sizeof p->out->ak ? evidence_key_new(p->rules->crypto, p->ak, &key, &p->key) : EVIDENCE_AK_MALFORMED;
    if (reason != EVIDENCE_OK)
        return proof_refuse(fault, p, reason, "");
    evidence_key_destroy(&key);
    memcpy(p->out->ak, p->ak.p, p->ak.n);
    p->out->ak_bytes = p->ak.n;
    return true;
}

static bool proof_keys(struct ctl *ctl, struct proof *p, struct ctl_fault *fault)
{
    struct sections found;
    struct ctl_evidence question = {.from = &p->out->attester, .kind = "enroll", .args = "{}", .max = PROOF_DOCUMENT_MAX};
    if (!proof_ask(ctl, p, &question, &found, fault))
        return false;
    if (!sections_find(&found, "ek_public", &p->ek) || !sections_find(&found, "ek_cert", &p->cert) ||
        !sections_find(&found, "ak_public", &p->ak))
        return fleet_fault(fault, CTL_FAILED, p->out->attester.name, "", "the attester of node %s sent no keys",
                           p->out->attester.node);
    return proof_ek(p, fault) && proof_ak(p, fault);
}

/* ---- activation ---- */

static char *proof_wrap(struct proof *p, enum evidence_reason *reason)
{
    struct credential_wrapped wrapped;
    const struct credential_for what = {p->key.name, p->credential};
    struct sp_buf args;
    char *text = NULL;
    sp_random_bytes(p->credential, sizeof p->credential);
    *reason = credential_wrap(p->rules->crypto, p->ek, &what, &wrapped);
    if (*reason != EVIDENCE_OK)
        return NULL;
    sp_buf_init(&args, PROOF_DOCUMENT_MAX);
    sp_buf_text(&args, "{\"blob\":\"");
    sp_base64_write(&args, wrapped.blob, wrapped.blob_bytes);
    sp_buf_text(&args, "\",\"secret\":\"");
    sp_base64_write(&args, wrapped.secret, wrapped.secret_bytes);
    sp_buf_text(&args, "\"}");
    if (!args.failed)
        text = strndup((const char *)args.p, args.n);
    sp_buf_fini(&args);
    return text;
}

/* Only the TPM that has both keys can open the credential; what it answers binds node, keys and this question together. */
static bool proof_activate(struct ctl *ctl, struct proof *p, struct ctl_fault *fault)
{
    struct sections found;
    struct sp_str proof = {NULL, 0};
    uint8_t expected[32];
    enum evidence_reason reason = EVIDENCE_OK;
    char *args = proof_wrap(p, &reason);
    if (args == NULL && reason != EVIDENCE_OK)
        return proof_refuse(fault, p, reason, "");
    if (args == NULL)
        return fleet_fault(fault, CTL_FAILED, "", "", "out of memory");
    struct ctl_evidence question = {.from = &p->out->attester, .kind = "activate", .args = args, .max = PROOF_DOCUMENT_MAX};
    bool good = proof_ask(ctl, p, &question, &found, fault);
    free(args);
    if (!good)
        return false;
    const struct credential_bound bound = {.node = sp_str_of(p->out->attester.node),
                                           .ak_name = p->key.name,
                                           .nonce = question.nonce,
                                           .certificate = p->certificate,
                                           .sign_key = p->out->attester.sign,
                                           .curve_key = p->out->attester.curve};
    credential_proof(p->credential, &bound, expected);
    good =
        sections_find(&found, "proof", &proof) && proof.n == sizeof expected && sp_crypto_equal(proof.p, expected, sizeof expected);
    return good ||
           fleet_fault(fault, CTL_FAILED, p->out->attester.node, "did somebody put another TPM or another key there? ask once more",
                       "node %s is not enrolled: its TPM did not prove that both keys are its own", p->out->attester.node);
}

bool ctl_proof_make(struct ctl *ctl, const struct ctl_proof_rules *rules, const char *node, struct ctl_proved *out,
                    struct ctl_fault *fault)
{
    struct proof p = {.rules = rules, .out = out};
    memset(out, 0, sizeof *out);
    if (!ctl_fleet_open(ctl, fault) || !ctl_evidence_attester(ctl, node, &out->attester, fault))
        return false;
    sp_buf_init(&p.document, PROOF_DOCUMENT_MAX);
    bool good = proof_keys(ctl, &p, fault) && proof_activate(ctl, &p, fault);
    sp_buf_fini(&p.document);
    sp_crypto_wipe(p.credential, sizeof p.credential);
    return good;
}

static json_t *proof_hex(const uint8_t *p, size_t n)
{
    char hex[2 * 512 + 1];
    sp_hex_write(p, n, hex);
    return ctl_json_need(json_string(hex));
}

json_t *ctl_proof_args(const struct ctl_proved *proved)
{
    const struct ctl_attester *a = &proved->attester;
    return ctl_json_need(json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:s}", "name", a->node, "attester", a->name, "sign",
                                   proof_hex(a->sign, sizeof a->sign), "ek", proof_hex(proved->ek, sizeof proved->ek), "ek_public",
                                   proof_hex(proved->ek_public, sizeof proved->ek_public), "ak",
                                   proof_hex(proved->ak, proved->ak_bytes), "mode", proved->certified ? "certified" : "first_use"));
}
