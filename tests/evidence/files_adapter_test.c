/* SPDX-License-Identifier: Apache-2.0 */
/* The adapter files, whole: the question to a node's attester, its real collector on a tree of this test, the sandboxed appraiser,
 * the signed manifest in the worker's policy directory; and attacks on the tree, on the manifest and on the answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "adapter_rig.h"
#include "collector.h"
#include "manifest_table.h"
#include "msg.h"
#include "scratch.h"
#include "sp_crypto.h"
#include "sp_hex.h"

#define LONG_MS 120000u /* nothing that goes well takes so long, on no machine */

extern const struct sp_adapter adapter_files;

static struct scratch scratch, policies;
static struct rig *rig;
static void *check;
static struct sp_crypto_signer *signer;
static char key[65];
static uint8_t document[1u << 20];

/* What the attester does to what its collector wrote. */
static struct {
    size_t part;
    size_t keep;      /* bytes of the document; 0: all */
    const char *tree; /* that it allows */
    unsigned asked;
} node;

static const char *at(const char *name)
{
    static char path[4][256];
    static unsigned turn;
    turn = (turn + 1) % 4;
    return scratch_path(&scratch, name, path[turn], sizeof path[turn]);
}

static void attester(void *arg, const struct rig_question *q, struct rig_answer *out)
{
    static const struct sp_adapter_identity who = {.generation = 1, .mode = SP_ENROLMENT_CERTIFIED};
    static char detail[COLLECT_DETAIL_BYTES];
    const char *const trees[] = {node.tree};
    const struct collect_site site = {.root = scratch.dir, .trees = trees, .tree_count = 1};
    const struct collect_request request = {
        .kind = sp_str_of(q->kind), .node = sp_str_of("n1"), .args = sp_str_of(q->args), .nonce = q->nonce, .site = &site};
    struct collect_out o = {.fd = memfd_create("files", MFD_CLOEXEC), .max = COLLECT_DOCUMENT_MAX};
    (void)arg;
    assert_true(o.fd >= 0);
    node.asked++;
    out->who = &who;
    out->part = node.part;
    out->reason = collector_run(&request, &o);
    (void)snprintf(detail, sizeof detail, "%s", o.detail);
    out->detail = detail;
    assert_true(o.n <= sizeof document && pread(o.fd, document, o.n, 0) == (ssize_t)o.n);
    out->bytes = document;
    out->n = node.keep > 0 && node.keep < o.n ? node.keep : o.n;
    (void)close(o.fd);
}

static void put_manifest(const char *name, const char *gid, struct sp_crypto_signer *by)
{
    uint8_t signature[64];
    char a[65], digest[65];
    uint8_t sha256[32];
    struct sp_buf b;
    sp_crypto_sha256("a", 1, sha256);
    sp_hex_write(sha256, sizeof sha256, a);
    sp_crypto_sha256("", 0, sha256);
    sp_hex_write(sha256, sizeof sha256, digest);
    sp_buf_init(&b, 65536);
    sp_buf_format(&b,
                  "SPICE-TREE 1\ntree /t\nskip /t/cache\nd 0755 - %s /t\nf 0644 - - 1 %s /t/a\nd 0700 - - /t/dir\nf 0600 - - 0 %s "
                  "/t/dir/empty\n",
                  gid, a, digest);
    if (by != NULL) {
        assert_int_equal(sp_crypto_sign(by, b.p, b.n, signature), SP_OK);
        manifest_table_put_signature(&b, signature);
    }
    scratch_file(&policies, name, b.p, b.n, 0644);
    sp_buf_fini(&b);
}

static void make_tree(void)
{
    assert_int_equal(mkdir(at("t"), 0755), 0);
    assert_int_equal(chmod(at("t"), 0755), 0);
    assert_int_equal(mkdir(at("t/dir"), 0700), 0);
    assert_int_equal(mkdir(at("t/cache"), 0700), 0);
    scratch_file(&scratch, "t/a", "a", SIZE_MAX, 0644);
    scratch_file(&scratch, "t/dir/empty", "", SIZE_MAX, 0600);
    scratch_file(&scratch, "t/cache/x", "whatever", SIZE_MAX, 0666);
}

static void *compile(const char *params)
{
    const char *why = NULL;
    void *compiled = rig_compile(rig, params, &why);
    if (compiled == NULL) {
        fail_msg("%s: %s", params, why);
    }
    return compiled;
}

static int setup(void **state)
{
    static const uint8_t seed[32] = {9};
    uint8_t public_key[32];
    char settings[256], params[256];
    (void)state;
    memset(&node, 0, sizeof node);
    node.tree = "/t";
    node.part = 50;
    scratch_init(&scratch);
    scratch_init(&policies);
    make_tree();
    (void)snprintf(settings, sizeof settings, "{\"policy_dir\":\"%s\"}", policies.dir);
    rig = rig_open_attested(&adapter_files, settings, attester, NULL); /* makes the cryptography ready */
    assert_int_equal(sp_crypto_signer_new(seed, &signer), SP_OK);
    assert_int_equal(sp_crypto_sign_public(seed, public_key), SP_OK);
    sp_hex_write(public_key, sizeof public_key, key);
    put_manifest("good.tree", "-", signer);
    (void)snprintf(params, sizeof params, "{\"manifest\":\"good.tree\",\"signers\":[\"%s\"]}", key);
    check = compile(params);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rig_release(rig, check);
    rig_close(&rig);
    sp_crypto_signer_destroy(&signer);
    scratch_fini(&scratch);
    scratch_fini(&policies);
    return 0;
}

static void expect_of(void *which, uint8_t outcome, uint16_t reason)
{
    unsigned job = rig_start(rig, which, "n1", NULL, LONG_MS);
    rig_finish_all(rig);
    const struct rig_result *r = rig_result(rig, job);
    if (r->finishes != 1 || r->outcome != outcome || r->reason != reason) {
        fail_msg("outcome %u %s: %s; wanted %u %s", r->outcome, sp_reason_name(r->reason), r->detail, outcome,
                 sp_reason_name(reason));
    }
}

static void expect(uint8_t outcome, uint16_t reason)
{
    expect_of(check, outcome, reason);
}

static void a_good_tree_passes(void **state)
{
    static const size_t parts[] = {0, 1, 7, 50};
    (void)state;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        node.part = parts[i];
        expect(SP_OUTCOME_PASS, SP_REASON_OK);
    }
    assert_int_equal(node.asked, 4);
}

/* Changed, seen, put right, passed again. */
static void a_tree_that_is_attacked(void **state)
{
    (void)state;
    scratch_file(&scratch, "t/a", "b", SIZE_MAX, 0644);
    expect(SP_OUTCOME_FAIL, SP_REASON_FILES_DIGEST);
    scratch_file(&scratch, "t/a", "a", SIZE_MAX, 0644);
    expect(SP_OUTCOME_PASS, SP_REASON_OK);
    assert_int_equal(chmod(at("t/a"), 04755), 0);
    expect(SP_OUTCOME_FAIL, SP_REASON_FILES_MODE);
    assert_int_equal(chmod(at("t/a"), 0644), 0);
    assert_int_equal(link(at("t/a"), at("t/dir/x")), 0);
    expect(SP_OUTCOME_FAIL, SP_REASON_FILES_EXTRA);
    assert_int_equal(rename(at("t/dir/x"), at("t/cache/y")), 0); /* below a skip anything may be */
    expect(SP_OUTCOME_PASS, SP_REASON_OK);
    assert_int_equal(rename(at("t/dir/empty"), at("gone")), 0);
    expect(SP_OUTCOME_FAIL, SP_REASON_FILES_MISSING);
    assert_int_equal(symlink("../../gone", at("t/dir/empty")), 0); /* it reads the same, but is no file */
    expect(SP_OUTCOME_FAIL, SP_REASON_FILES_TYPE);
}

/* The worker's host decides nothing: whoever can write there cannot say which files are right. */
static void a_manifest_that_is_attacked(void **state)
{
    static const uint8_t seed[32] = {10};
    struct sp_crypto_signer *other = NULL;
    (void)state;
    assert_int_equal(sp_crypto_signer_new(seed, &other), SP_OK);
    put_manifest("unsigned.tree", "-", NULL);
    put_manifest("other.tree", "-", other);
    scratch_file(&policies, "garbage.tree", "SPICE-TREE 1\n", SIZE_MAX, 0644);
    static const char *const names[] = {"unsigned.tree", "other.tree", "garbage.tree", "nowhere.tree"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char params[256];
        (void)snprintf(params, sizeof params, "{\"manifest\":\"%s\",\"signers\":\"%s\"}", names[i], key);
        void *c = compile(params);
        expect_of(c, SP_OUTCOME_ERROR, SP_REASON_BAD_PARAMETERS);
        rig_release(rig, c);
    }
    void *c = compile("{\"manifest\":\"good.tree\"}"); /* neither keys nor a digest */
    expect_of(c, SP_OUTCOME_ERROR, SP_REASON_BAD_PARAMETERS);
    rig_release(rig, c);
    c = compile("{\"manifest\":\"good.tree\",\"sha256\":\"0000000000000000000000000000000000000000000000000000000000000000\"}");
    expect_of(c, SP_OUTCOME_ERROR, SP_REASON_BAD_PARAMETERS);
    rig_release(rig, c);
    assert_int_equal(node.asked, 0);
    const char *why = NULL;
    assert_null(rig_compile(rig, "{\"manifest\":\"../good.tree\"}", &why));
    sp_crypto_signer_destroy(&other);
}

/* What is not whole, not from the allowed trees, or no answer at all, says nothing. */
static void an_answer_that_is_attacked(void **state)
{
    (void)state;
    for (size_t n = 1; n < 200; n += 33) {
        node.keep = n;
        expect(SP_OUTCOME_ERROR, SP_REASON_FILES_MALFORMED);
    }
    node.keep = 0;
    node.tree = "/elsewhere"; /* the node's own configuration */
    expect(SP_OUTCOME_ERROR, SP_REASON_REFUSED);
    node.tree = "/t";
    expect(SP_OUTCOME_PASS, SP_REASON_OK);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {T(a_good_tree_passes), T(a_tree_that_is_attacked), T(a_manifest_that_is_attacked),
                                       T(an_answer_that_is_attacked)};
    return cmocka_run_group_tests_name("adapter files", tests, NULL, NULL);
}
