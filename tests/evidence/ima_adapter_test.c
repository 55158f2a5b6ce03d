/* SPDX-License-Identifier: Apache-2.0 */
/* The adapter ima, whole: questions to an attester, the sandboxed appraiser, policy files. Lists of real kernels with Keylime's
 * policies, check after check; keys and signatures of every kind where no file can be opened and no system call but a few is left;
 * and what attacks end with, each with its own reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "adapter_rig.h"
#include "fake_tpm.h"
#include "ima_bed.h"
#include "msg.h"
#include "scratch.h"
#include "sp_assert.h"

#define LONG_MS  120000u /* nothing that goes well takes so long, on no machine */
#define SHA256_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

extern const struct sp_adapter adapter_ima;

static struct evidence_bed bed;
static struct fake_tpm tpm;
static struct scratch scratch;
static struct rig *rig;
static struct sp_str list; /* of the node */
static struct ima_list made;
static uint8_t digest_a[64];

/* What the attester does, and what it was asked. */
static struct {
    enum fake_flaw flaw;
    size_t part, answer_most;
    uint16_t list_reason; /* not ok: it cannot */
    unsigned quotes, lists;
    unsigned long long from;
} node;

static void attester(void *arg, const struct rig_question *q, struct rig_answer *out)
{
    (void)arg;
    out->who = &tpm.who;
    out->part = node.part;
    out->detail = "it cannot";
    if (strcmp(q->kind, "quote") == 0) {
        node.quotes++;
        fake_tpm_quote(&tpm, q, node.flaw);
        out->bytes = tpm.document;
        out->n = tpm.document_len;
        return;
    }
    assert_string_equal(q->kind, "ima");
    assert_int_equal(sscanf(q->args, "{\"from\":%llu}", &node.from), 1);
    node.lists++;
    out->reason = node.list_reason;
    out->n = node.from < list.n ? list.n - (size_t)node.from : 0;
    out->n = node.answer_most > 0 && out->n > node.answer_most ? node.answer_most : out->n;
    out->bytes = (const uint8_t *)list.p + (out->n > 0 ? node.from : 0);
}

/* ---- bed ------------------------------------------------------------------------------------------------------- */

static void *compile(const char *params)
{
    const char *why = NULL;
    void *compiled = rig_compile(rig, params, &why);
    if (compiled == NULL) {
        fail_msg("%s: %s", params, why);
    }
    return compiled;
}

static void *with_policy(const char *text)
{
    scratch_file(&scratch, "policy", text, SIZE_MAX, 0600);
    return compile("{\"policy\":\"policy\"}");
}

static int setup(void **state)
{
    char settings[256];
    (void)state;
    memset(&node, 0, sizeof node);
    scratch_init(&scratch);
    fake_tpm_init(&tpm, false);
    (void)snprintf(settings, sizeof settings, "{\"policy_dir\":\"%s\"}", scratch.dir);
    rig = rig_open_attested(&adapter_ima, settings, attester, NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rig_close(&rig);
    fake_tpm_fini(&tpm);
    ima_list_free(&made);
    scratch_fini(&scratch);
    return 0;
}

static const struct rig_result *run(void *check, const struct rig_result *before)
{
    unsigned job = rig_start_from(rig, check, "n1", before != NULL ? before->checkpoint : (const uint8_t *)"",
                                  before != NULL ? before->checkpoint_len : 0, LONG_MS);
    node.lists = 0;
    rig_finish_all(rig);
    const struct rig_result *r = rig_result(rig, job);
    assert_int_equal(r->finishes, 1);
    return r;
}

static void expect(const struct rig_result *r, uint8_t outcome, uint16_t reason)
{
    if (r->outcome != outcome || r->reason != reason) {
        fail_msg("outcome %u, reason %u (%s): %s; wanted %u, %u (%s)", r->outcome, r->reason, sp_reason_text(r->reason), r->detail,
                 outcome, reason, sp_reason_text(reason));
    }
    assert_true(strlen(r->detail) > 0);
}

/* ---- lists built here ------------------------------------------------------------------------------------------ */

static void add(const char *path, const uint8_t *digest)
{
    ima_list_add(&bed, &made, &(struct ima_made){.template = "ima-ng", .path = path, .alg = TPM_ALG_SHA256, .digest = digest});
}

/* The node's list and PCR 10 are what was made. */
static void quote_made(void)
{
    memcpy(tpm.sha256[IMA_PCR], made.pcr, 32);
    list = sp_str_bytes(made.p, made.n);
}

/* ---- lists of real kernels ------------------------------------------------------------------------------------- */

static void become(const char *folder, const char *phase, struct sp_str *keep)
{
    char name[96];
    struct tpm_pcrs pcrs;
    const struct tpm_selection all = {1, {{TPM_ALG_SHA256, 0x7ff}}};
    (void)snprintf(name, sizeof name, "ima/%s/%s.ecc.pcrs", folder, phase);
    struct sp_str values = evidence_bed_file("tpm", name);
    assert_int_equal(tpm_pcrs_read(values, &all, &pcrs), EVIDENCE_OK);
    for (unsigned i = 0; i < 11; i++) {
        memcpy(tpm.sha256[i], pcrs.value[0][i], 32);
    }
    free((void *)(uintptr_t)values.p);
    free((void *)(uintptr_t)keep->p);
    (void)snprintf(name, sizeof name, "ima/%s/%s.log.bin", folder, phase);
    *keep = evidence_bed_file("tpm", name);
    list = *keep;
}

static void keylime_policies_and_real_kernels(void **state)
{
    struct sp_str keep = {NULL, 0}, text = evidence_bed_file("tpm/policy", "keylime-k61-signature-key.json");
    (void)state;
    scratch_file(&scratch, "keylime.json", text.p, text.n, 0600);
    void *check = compile("{\"policy\":\"keylime.json\"}");
    become("k61", "p1", &keep);
    const struct rig_result *r = run(check, NULL);
    expect(r, SP_OUTCOME_PASS, SP_REASON_OK);
    assert_true(node.lists == 1 && node.from == 0 && r->has_evidence && r->instance == (5ull << 32 | 1));
    assert_non_null(strstr(r->measures, "entries=23 new=23 pending=0 excluded=0 signed=1 "));
    r = run(check, r); /* nothing new: the quote is enough */
    expect(r, SP_OUTCOME_PASS, SP_REASON_OK);
    assert_int_equal(node.lists, 0);
    uint32_t before = list.n;
    become("k61", "p2", &keep);
    r = run(check, r);
    expect(r, SP_OUTCOME_PASS, SP_REASON_OK);
    assert_true(node.lists == 1 && node.from == before);
    assert_non_null(strstr(r->measures, "entries=25 new=2 "));
    const struct rig_result *good = r;
    become("k61", "p3", &keep);
    r = run(check, good);
    expect(r, SP_OUTCOME_FAIL, SP_REASON_IMA_VIOLATION);
    become("k61", "p4", &keep);
    expect(run(check, r), SP_OUTCOME_FAIL, SP_REASON_IMA_VIOLATION);
    become("k61-reboot", "p1", &keep);
    tpm.clock.reset_count++;
    r = run(check, r); /* booted again, and clean */
    expect(r, SP_OUTCOME_PASS, SP_REASON_OK);
    assert_true(node.from == 0 && r->instance == (6ull << 32 | 1));
    rig_release(rig, check);
    free((void *)(uintptr_t)keep.p);
    free((void *)(uintptr_t)text.p);
}

/* A kernel with ima_hash=sha1: the first entry is over PCR 0 to 7 of that bank, PCR 10 is taken from the better one. */
static void a_kernel_that_hashes_with_sha1(void **state)
{
    struct sp_str keep = {NULL, 0}, values = evidence_bed_file("tpm", "ima/k61-sha1/p1.ecc-sha1bank.pcrs");
    const struct tpm_selection all = {1, {{TPM_ALG_SHA1, 0x7ff}}};
    struct tpm_pcrs pcrs;
    (void)state;
    become("k61-sha1", "p1", &keep);
    assert_int_equal(tpm_pcrs_read(values, &all, &pcrs), EVIDENCE_OK);
    for (unsigned i = 0; i < 11; i++) {
        memcpy(tpm.sha1[i], pcrs.value[0][i], 20);
    }
    scratch_file(&scratch, "all",
                 "{\"digests\": {\"/none\": [\"" SHA256_A
                 "\"]}, \"excludes\": [\"/(bin|tmp|lib|lib64)/\", \"kernel_version\", \"[.]\"]}",
                 SIZE_MAX, 0600);
    void *check = compile("{\"policy\":\"all\"}");
    expect(run(check, NULL), SP_OUTCOME_ERROR, SP_REASON_REFERENCE_UNQUOTED);
    rig_release(rig, check);
    check = compile("{\"policy\":\"all\",\"pcrs\":\"sha256:0-10+sha1:0-7\"}");
    const struct rig_result *r = run(check, NULL);
    expect(r, SP_OUTCOME_PASS, SP_REASON_OK);
    expect(run(check, r), SP_OUTCOME_PASS, SP_REASON_OK);
    assert_int_equal(node.lists, 0);
    rig_release(rig, check);
    free((void *)(uintptr_t)keep.p);
    free((void *)(uintptr_t)values.p);
}

/* ---- in the sandbox -------------------------------------------------------------------------------------------- */

static void keys_of_every_kind_without_files_or_calls(void **state)
{
    static const char *const kinds[] = {"rsa2048", "rsa3072", "P-256", "P-384", "P-521"};
    static const uint16_t algs[] = {TPM_ALG_SHA256, TPM_ALG_SHA384, TPM_ALG_SHA512};
    struct ima_signer_key key[SP_COUNT(kinds)];
    char text[16384], hex[65];
    uint8_t digest[32], signature[1100];
    (void)state;
    int n = snprintf(text, sizeof text,
                     "{\"spice-ima-policy\": 1, \"excludes\": [\"/tmp/(a+)+$\"], \"ignored_keyrings\": \"*\", \"keys\": [");
    for (size_t i = 0; i < SP_COUNT(kinds); i++) {
        ima_signer_new(&key[i], kinds[i], i % 2 == 0);
        n += snprintf(text + n, sizeof text - (size_t)n, "%s\"%s\"", i > 0 ? ", " : "",
                      ima_bed_base64(key[i].der, key[i].der_bytes));
    }
    (void)snprintf(text + n, sizeof text - (size_t)n, "]}");
    void *check = with_policy(text);
    ima_list_begin(&bed, &made);
    for (size_t i = 0; i < SP_COUNT(kinds); i++) {
        for (size_t a = 0; a < SP_COUNT(algs); a++) {
            char path[32];
            (void)snprintf(path, sizeof path, "/usr/%zu/%zu", i, a);
            size_t bytes = ima_signer_sign(&key[i], algs[a], false, digest_a, signature);
            ima_list_add(&bed, &made,
                         &(struct ima_made){"ima-sig", path, algs[a], false, digest_a, sp_str_bytes(signature, bytes)});
            bytes = ima_signer_sign(&key[i], algs[a], true, digest_a, signature);
            ima_list_add(&bed, &made,
                         &(struct ima_made){"ima-sigv2", path, algs[a], true, digest_a, sp_str_bytes(signature, bytes)});
        }
        ima_bed_sha256(key[i].der, key[i].der_bytes, digest, hex);
        ima_list_add(
            &bed, &made,
            &(struct ima_made){"ima-buf", ".any", TPM_ALG_SHA256, false, digest, sp_str_bytes(key[i].der, key[i].der_bytes)});
    }
    add("/tmp/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", digest_a);
    quote_made();
    node.part = 700;
    const struct rig_result *r = run(check, NULL);
    expect(r, SP_OUTCOME_PASS, SP_REASON_OK);
    assert_non_null(strstr(r->measures, "excluded=1 signed=30 "));
    add("/tmp/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", digest_a);
    quote_made();
    expect(run(check, r), SP_OUTCOME_FAIL, SP_REASON_IMA_UNLISTED);
    rig_release(rig, check);
    for (size_t i = 0; i < SP_COUNT(kinds); i++) {
        ima_signer_free(&key[i]);
    }
}

static void policies_that_are_refused(void **state)
{
    static const struct {
        const char *text, *why;
    } rows[] = {{"{\"digests\": {}}", "neither digests nor keys"},
                {"{\"digests\": {\"/a\": [\"x\"]}}", "/a: digest"},
                {"{\"digests\": ", "line 1"},
                {"{\"spice-ima-policy\": 1, \"files\": {\"/a\": \"" SHA256_A "\"}, \"excludes\": \".*\"}", "cover every path"}};
    (void)state;
    ima_list_begin(&bed, &made);
    quote_made();
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        void *check = with_policy(rows[i].text);
        const struct rig_result *r = run(check, NULL);
        expect(r, SP_OUTCOME_ERROR, SP_REASON_BAD_PARAMETERS);
        if (strstr(r->detail, rows[i].why) == NULL) {
            fail_msg("%s: %s", rows[i].text, r->detail);
        }
        rig_release(rig, check);
    }
}

/* A policy that somebody with write access to the directory changed is nobody's. */
static void signed_policies(void **state)
{
    static char text[4096], params[4096];
    struct ima_signer_key key;
    (void)state;
    ima_signer_new(&key, "P-384", false);
    ima_list_begin(&bed, &made);
    add("/bin/a", digest_a);
    quote_made();
    (void)snprintf(params, sizeof params, "{\"policy\":\"signed\",\"signers\":[\"%s\"]}", ima_bed_base64(key.der, key.der_bytes));
    ima_signer_envelope(&key, "application/vnd.keylime+json", "{\"digests\": {\"/bin/a\": [\"" SHA256_A "\"]}}", text, sizeof text);
    scratch_file(&scratch, "signed", text, SIZE_MAX, 0600);
    void *check = compile(params);
    expect(run(check, NULL), SP_OUTCOME_PASS, SP_REASON_OK);
    rig_release(rig, check);
    scratch_file(&scratch, "signed", SHA256_A "  /bin/a\n", SIZE_MAX, 0600);
    check = compile(params);
    expect(run(check, NULL), SP_OUTCOME_ERROR, SP_REASON_BAD_PARAMETERS);
    rig_release(rig, check);
    ima_signer_free(&key);
}

/* ---- attacks --------------------------------------------------------------------------------------------------- */

/* Each on a node that has passed once; what the attack does to its list is a function of its own. */
static void run_evil(void)
{
    add("/bin/evil", digest_a);
    quote_made();
}

static void change_listed(void)
{
    uint8_t other[32] = {1};
    add("/bin/a", other);
    quote_made();
}

static void hide_entry(void)
{
    size_t good = made.n;
    add("/bin/evil", digest_a);
    quote_made();
    list = sp_str_bytes(made.p, good);
}

static void violate(void)
{
    ima_list_violate(&bed, &made, "/bin/a");
    quote_made();
}

static void load_key(void)
{
    struct ima_signer_key key;
    uint8_t digest[32];
    char hex[65];
    ima_signer_new(&key, "P-256", true);
    ima_bed_sha256(key.der, key.der_bytes, digest, hex);
    ima_list_add(&bed, &made,
                 &(struct ima_made){"ima-buf", ".ima", TPM_ALG_SHA256, false, digest, sp_str_bytes(key.der, key.der_bytes)});
    quote_made();
    ima_signer_free(&key);
}

static void sign_by_nobody(void)
{
    struct ima_signer_key key;
    uint8_t signature[1100], other[32] = {2};
    ima_signer_new(&key, "P-256", true);
    size_t n = ima_signer_sign(&key, TPM_ALG_SHA256, false, other, signature);
    ima_list_add(&bed, &made, &(struct ima_made){"ima-sig", "/signed/x", TPM_ALG_SHA256, false, other, sp_str_bytes(signature, n)});
    quote_made();
    ima_signer_free(&key);
}

static void edit_header(void)
{
    add("/bin/b", digest_a);
    quote_made();
    made.p[made.n - 20] ^= 1; /* in the entry's data; its own digest shows it */
}

static void rewrite_in_another_template(void)
{
    size_t at = made.n;
    add("/bin/b", digest_a);
    quote_made();
    made.p[at + 28] = 'x';
}

static void entry_for_another_pcr(void)
{
    size_t at = made.n;
    add("/bin/b", digest_a);
    quote_made();
    made.p[at] = 11;
}

static void start_another_kernel(void)
{
    add("boot_aggregate", digest_a);
    quote_made();
}

static void replay_quote(void)
{
    node.flaw = FAKE_REPLAY;
}

static void put_state_back(void)
{
    tpm.clock.reset_count--;
}

static const struct attack {
    const char *name;
    void (*play)(void);
    uint8_t outcome;
    uint16_t reason;
} attacks[] = {
    {"a file that is not listed runs", run_evil, SP_OUTCOME_FAIL, SP_REASON_IMA_UNLISTED},
    {"a listed file was changed", change_listed, SP_OUTCOME_FAIL, SP_REASON_IMA_DIGEST},
    {"an entry is left out of the list", hide_entry, SP_OUTCOME_FAIL, SP_REASON_IMA_PCR},
    {"a violation hides what was in a file", violate, SP_OUTCOME_FAIL, SP_REASON_IMA_VIOLATION},
    {"a key of one's own on a keyring", load_key, SP_OUTCOME_FAIL, SP_REASON_IMA_KEYRING},
    {"a file signed by a key of one's own", sign_by_nobody, SP_OUTCOME_FAIL, SP_REASON_IMA_SIGNATURE},
    {"data of an entry edited", edit_header, SP_OUTCOME_FAIL, SP_REASON_IMA_HASH},
    {"an entry shown in a template nobody knows", rewrite_in_another_template, SP_OUTCOME_ERROR, SP_REASON_IMA_TEMPLATE},
    {"an entry shown as one of another PCR", entry_for_another_pcr, SP_OUTCOME_FAIL, SP_REASON_IMA_INDEX},
    {"another kernel was started", start_another_kernel, SP_OUTCOME_FAIL, SP_REASON_IMA_SECOND},
    {"an old quote", replay_quote, SP_OUTCOME_ERROR, SP_REASON_QUOTE_NONCE},
    {"state of the TPM put back", put_state_back, SP_OUTCOME_FAIL, SP_REASON_RESET_BACK},
};

static void attack(void **state)
{
    const struct attack *a = *state;
    struct ima_signer_key key;
    char text[4096];
    ima_signer_new(&key, "P-256", true);
    (void)snprintf(text, sizeof text,
                   "{\"spice-ima-policy\": 1, \"files\": {\"/bin/a\": \"" SHA256_A "\", \"/bin/b\": \"" SHA256_A
                   "\"}, \"signed\": \"/signed/\", \"keys\": \"%s\"}",
                   ima_bed_base64(key.der, key.der_bytes));
    void *check = with_policy(text);
    ima_list_begin(&bed, &made);
    add("/bin/a", digest_a);
    quote_made();
    const struct rig_result *before = run(check, NULL);
    expect(before, SP_OUTCOME_PASS, SP_REASON_OK);
    a->play();
    const struct rig_result *r = run(check, before);
    expect(r, a->outcome, a->reason);
    expect(run(check, r), a->outcome, a->reason); /* and it stays so */
    rig_release(rig, check);
    ima_signer_free(&key);
}

/* ---- attesters that cannot, policies that change --------------------------------------------------------------- */

static void an_attester_without_a_list(void **state)
{
    void *check = with_policy(SHA256_A "  /bin/a\n");
    (void)state;
    ima_list_begin(&bed, &made);
    quote_made();
    node.list_reason = SP_REASON_MISSING;
    expect(run(check, NULL), SP_OUTCOME_ERROR, SP_REASON_MISSING);
    node.list_reason = SP_REASON_OK;
    expect(run(check, NULL), SP_OUTCOME_PASS, SP_REASON_OK);
    tpm.who.ak = NULL;
    tpm.who.ak_len = 0;
    expect(run(check, NULL), SP_OUTCOME_ERROR, SP_REASON_NOT_ENROLLED);
    rig_release(rig, check);
}

static void another_policy_judges_everything_again(void **state)
{
    (void)state;
    ima_list_begin(&bed, &made);
    add("/bin/a", digest_a);
    quote_made();
    void *check = with_policy(SHA256_A "  /bin/a\n");
    const struct rig_result *r = run(check, NULL);
    expect(r, SP_OUTCOME_PASS, SP_REASON_OK);
    rig_release(rig, check);
    check = with_policy(SHA256_A "  /bin/b\n");
    expect(run(check, r), SP_OUTCOME_FAIL, SP_REASON_IMA_UNLISTED);
    assert_int_equal(node.from, 0);
    rig_release(rig, check);
}

#define WITH_RIG(test)                                                                                                             \
    {                                                                                                                              \
#test, test, setup, teardown, NULL                                                                                         \
    }

int main(void)
{
    static const struct CMUnitTest own[] = {
        WITH_RIG(keylime_policies_and_real_kernels),
        WITH_RIG(keys_of_every_kind_without_files_or_calls),
        WITH_RIG(a_kernel_that_hashes_with_sha1),
        WITH_RIG(signed_policies),
        WITH_RIG(policies_that_are_refused),
        WITH_RIG(an_attester_without_a_list),
        WITH_RIG(another_policy_judges_everything_again),
    };
    struct CMUnitTest tests[SP_COUNT(own) + SP_COUNT(attacks)];
    memset(digest_a, 0xaa, sizeof digest_a);
    evidence_bed_init(&bed);
    memcpy(tests, own, sizeof own);
    for (size_t i = 0; i < SP_COUNT(attacks); i++) {
        tests[SP_COUNT(own) + i] = (struct CMUnitTest){attacks[i].name, attack, setup, teardown, (void *)(uintptr_t)&attacks[i]};
    }
    int failed = cmocka_run_group_tests_name("ima_adapter", tests, NULL, NULL);
    evidence_bed_fini(&bed);
    return failed;
}
