/* SPDX-License-Identifier: Apache-2.0 */
/* From the question to the verdict without a bus: collector `files` on a tree of this test, and the module that judges what it
 * wrote. */
#include "collector.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "appraisal.h"
#include "attester_sandbox.h"
#include "manifest_table.h"
#include "scratch.h"
#include "sp_crypto.h"
#include "sp_hex.h"

static struct scratch s;
static struct sp_crypto_signer *signer;
static char key[65], other_key[65];
static const uint8_t nonce[COLLECT_NONCE_BYTES] = {1};

static const char *at(const char *name)
{
    static char path[4][256];
    static unsigned turn;
    turn = (turn + 1) % 4;
    return scratch_path(&s, name, path[turn], sizeof path[turn]);
}

/* ---- questions ---- */

static uint16_t ask(const char *args, struct collect_out *out)
{
    static const char *const trees[] = {"/t", "/etc/nova"};
    const struct collect_site site = {.root = s.dir, .trees = trees, .tree_count = 2};
    const struct collect_request request = {
        .kind = sp_str_of("files"), .node = sp_str_of("n1"), .args = sp_str_of(args), .nonce = nonce, .site = &site};
    *out = (struct collect_out){.fd = memfd_create("files", MFD_CLOEXEC), .max = COLLECT_DOCUMENT_MAX};
    assert_true(out->fd >= 0);
    return collector_run(&request, out);
}

static void only_what_is_allowed(void **state)
{
    static const struct {
        const char *args;
        uint16_t reason;
    } rows[] = {
        {"{\"trees\":[\"/t\"]}", SP_REASON_OK},
        {"{\"trees\":[\"/t/dir\",\"/etc/nova/x\"],\"skips\":[\"/t/dir/x\"]}", SP_REASON_OK},
        {"{\"trees\":[\"/etc/shadow\"]}", SP_REASON_REFUSED},
        {"{\"trees\":[\"/etc\"]}", SP_REASON_REFUSED},
        {"{\"trees\":[\"/\"]}", SP_REASON_REFUSED},
        {"{\"trees\":[\"/tx\"]}", SP_REASON_REFUSED},
        {"{\"trees\":[\"/t\",\"/etc/shadow\"]}", SP_REASON_REFUSED},
        {"{\"trees\":[\"/t/../etc/shadow\"]}", SP_REASON_BAD_PARAMETERS},
        {"{\"trees\":[\"/t/./x\"]}", SP_REASON_BAD_PARAMETERS},
        {"{\"trees\":[\"t\"]}", SP_REASON_BAD_PARAMETERS},
        {"{\"trees\":[\"\"]}", SP_REASON_BAD_PARAMETERS},
        {"{\"trees\":[7]}", SP_REASON_BAD_PARAMETERS},
        {"{\"trees\":\"/t\"}", SP_REASON_BAD_PARAMETERS},
        {"{\"trees\":[]}", SP_REASON_BAD_PARAMETERS},
        {"{}", SP_REASON_BAD_PARAMETERS},
        {"{\"trees\":[\"/t\",\"/t\"]}", SP_REASON_BAD_PARAMETERS},
        {"{\"trees\":[\"/t\",\"/t/dir\"]}", SP_REASON_BAD_PARAMETERS},
        {"{\"trees\":[\"/t\"],\"skips\":[\"../x\"]}", SP_REASON_BAD_PARAMETERS},
        {"{\"trees\":[\"/t\"],\"root\":\"/\"}", SP_REASON_BAD_PARAMETERS},
        {"{\"trees\":[\"/t\"],\"trees\":[\"/etc/shadow\"]}", SP_REASON_BAD_PARAMETERS},
        {"{\"trees\":[\"/t\\u0000\"]}", SP_REASON_BAD_PARAMETERS},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct collect_out out;
        uint16_t reason = ask(rows[i].args, &out);
        if (reason != rows[i].reason) {
            fail_msg("%s: %s %s", rows[i].args, sp_reason_name(reason), out.detail);
        }
        assert_true((out.n > 0) == (reason == SP_REASON_OK));
        (void)close(out.fd);
    }
}

static void too_many_paths(void **state)
{
    static char args[16384];
    struct collect_out out;
    size_t n = (size_t)snprintf(args, sizeof args, "{\"trees\":[\"/t/0\"");
    (void)state;
    for (unsigned i = 1; i <= MANIFEST_TABLE_TREES_MAX; i++) {
        n += (size_t)snprintf(args + n, sizeof args - n, ",\"/t/%u\"", i);
    }
    (void)snprintf(args + n, sizeof args - n, "]}");
    assert_int_equal(ask(args, &out), SP_REASON_BAD_PARAMETERS);
    (void)close(out.fd);
}

/* The part of the attester that reads lives in a sandbox: there the collector writes the same document. */
static void the_same_in_the_sandbox(void **state)
{
    static const char args[] = "{\"trees\":[\"/t\"]}";
    struct collect_out free_out, out;
    int status = -1;
    (void)state;
    assert_int_equal(ask(args, &free_out), SP_REASON_OK);
    int fd = memfd_create("result", MFD_CLOEXEC);
    assert_true(fd >= 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct sp_err err = {0};
        if (attester_sandbox_back(false, &err) != SP_OK) {
            _exit(99);
        }
        uint16_t reason = ask(args, &out);
        char copy[4096];
        ssize_t n = pread(out.fd, copy, sizeof copy, 0);
        _exit(reason != SP_REASON_OK ? 1 : n > 0 && (uint64_t)n == out.n && write(fd, copy, (size_t)n) == n ? 0 : 2);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 99) {
        skip(); /* this machine's kernel has no such filters */
    }
    assert_int_equal(WEXITSTATUS(status), 0);
    char a[4096], b[4096];
    ssize_t n = pread(free_out.fd, a, sizeof a, 0);
    assert_int_equal(pread(fd, b, sizeof b, 0), n);
    assert_memory_equal(a, b, (size_t)n);
    (void)close(fd);
    (void)close(free_out.fd);
}

/* ---- policies ---- */

static void put_manifest(struct sp_buf *b, const char *rows, struct sp_crypto_signer *by)
{
    uint8_t signature[64];
    sp_buf_reset(b);
    sp_buf_text(b, "SPICE-TREE 1\ntree /t\nskip /t/skip\n");
    sp_buf_text(b, rows);
    if (by != NULL) {
        assert_int_equal(sp_crypto_sign(by, b->p, b->n, signature), SP_OK);
        manifest_table_put_signature(b, signature);
    }
}

/* A manifest nobody vouches for is none: whoever can write to the worker's host would say which files are right. */
static void signed_manifests_only(void **state)
{
    char params[512], why[APPRAISAL_WHY_MAX], hex[65];
    uint8_t digest[32];
    struct sp_buf b;
    const struct appraisal_module *m = appraisal_find(sp_str_of("files"));
    (void)state;
    assert_non_null(m);
    sp_buf_init(&b, 65536);
#define TRY(text) m->policy_new(NULL, sp_str_of(text), sp_buf_view(&b), why)
    put_manifest(&b, "d 0755 0 0 /t\n", signer);
    (void)snprintf(params, sizeof params, "{\"signers\":[\"%s\",\"%s\"]}", other_key, key);
    void *p = TRY(params);
    assert_non_null(p);
    m->policy_free(p);
    (void)snprintf(params, sizeof params, "{\"signers\":\"%s\"}", key);
    p = TRY(params);
    assert_non_null(p);
    m->policy_free(p);
    assert_null(TRY("{}"));
    assert_null(TRY("{\"signers\":[]}"));
    assert_null(TRY("{\"signers\":7}"));
    assert_null(TRY("{\"signers\":[\"00\"]}"));
    assert_null(TRY("{\"signers\":[\"0000000000000000000000000000000000000000000000000000000000000000\"]}")); /* signs anything */
    assert_null(TRY("no json"));
    (void)snprintf(params, sizeof params, "{\"signers\":[\"%s\"]}", other_key);
    assert_null(TRY(params));
    (void)snprintf(params, sizeof params, "{\"signers\":[\"%s\"]}", key);
    b.p[b.n - 139] ^= 1; /* the group of a row */
    assert_null(TRY(params));
    assert_non_null(strstr(why, "altered since"));
    b.p[b.n - 139] ^= 1;
    b.p[b.n - 3] = b.p[b.n - 3] == '0' ? '1' : '0'; /* in the signature */
    assert_null(TRY(params));
    put_manifest(&b, "d 0755 0 0 /t\n", NULL);
    assert_null(TRY(params));
    sp_crypto_sha256(b.p, b.n, digest); /* or by its digest */
    sp_hex_write(digest, sizeof digest, hex);
    (void)snprintf(params, sizeof params, "{\"sha256\":\"%.64s\"}", hex);
    p = TRY(params);
    assert_non_null(p);
    m->policy_free(p);
    (void)snprintf(params, sizeof params, "{\"sha256\":\"%.64s\",\"signers\":\"%s\"}", hex, key); /* both given: both hold */
    assert_null(TRY(params));
    params[12] = params[12] == 'a' ? 'b' : 'a';
    params[76] = '\0';
    (void)strcat(params, "\"}");
    assert_null(TRY(params));
    sp_buf_reset(&b);
    sp_buf_text(&b, "SPICE-TREE 1\ntree /t%22\n"); /* it would end the text in the question */
    sp_crypto_sha256(b.p, b.n, digest);
    sp_hex_write(digest, sizeof digest, hex);
    (void)snprintf(params, sizeof params, "{\"sha256\":\"%.64s\"}", hex);
    assert_null(TRY(params));
#undef TRY
    sp_buf_fini(&b);
}

/* ---- verdicts ---- */

#define HASH_A "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb" /* of "a" */
#define HASH_X "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881" /* of "x" */

static char rows[2048];

static void verdict(const struct sp_buf *manifest, struct appraisal_verdict *v)
{
    const struct appraisal_module *m = appraisal_find(sp_str_of("files"));
    const struct appraisal_question question = {.node = sp_str_of("n1"), .nonce = nonce};
    static struct appraisal_want w;
    char params[256], why[APPRAISAL_WHY_MAX] = "";
    struct collect_out out;
    (void)snprintf(params, sizeof params, "{\"signers\":[\"%s\"]}", key);
    void *p = m->policy_new(NULL, sp_str_of(params), sp_buf_view(manifest), why);
    if (p == NULL) {
        fail_msg("%s", why);
    }
    void *run = m->begin(p, &question);
    assert_non_null(run);
    assert_true(m->want(run, &w));
    assert_string_equal(w.document, "files");
    assert_int_equal(ask(w.args, &out), SP_REASON_OK);
    void *doc = mmap(NULL, out.n, PROT_READ, MAP_SHARED, out.fd, 0);
    assert_ptr_not_equal(doc, MAP_FAILED);
    for (size_t from = 0; from < out.n; from += 50) {
        size_t n = out.n - from < 50 ? out.n - from : 50;
        if (!m->push(run, sp_str_bytes((const char *)doc + from, n), from + n == out.n)) {
            break;
        }
    }
    assert_false(m->want(run, &w));
    *v = (struct appraisal_verdict){.outcome = 99};
    m->judge(run, v);
    m->drop(run);
    m->policy_free(p);
    assert_int_equal(munmap(doc, out.n), 0);
    (void)close(out.fd);
}

static void make_tree(void)
{
    (void)mkdir(at("t"), 0755);
    (void)mkdir(at("t/dir"), 0700);
    (void)mkdir(at("t/skip"), 0700);
    scratch_file(&s, "t/a", "a", SIZE_MAX, 0644);
    scratch_file(&s, "t/dir/x", "x", SIZE_MAX, 0600);
    scratch_file(&s, "t/skip/any", "thing", SIZE_MAX, 0644);
    assert_int_equal(symlink("a", at("t/link")), 0);
    assert_int_equal(chmod(at("t"), 0755), 0);
}

static void set_mode(void)
{
    assert_int_equal(chmod(at("t/a"), 04644), 0);
}

static void set_content(void)
{
    scratch_file(&s, "t/a", "b", SIZE_MAX, 0644);
}

static void put_link(void)
{
    assert_int_equal(unlink(at("t/a")), 0);
    assert_int_equal(symlink("dir/x", at("t/a")), 0);
}

static void turn_link(void)
{
    assert_int_equal(unlink(at("t/link")), 0);
    assert_int_equal(symlink("dir/x", at("t/link")), 0);
}

static void put_extra(void)
{
    assert_int_equal(link(at("t/a"), at("t/.hidden")), 0);
}

static void put_pipe(void)
{
    assert_int_equal(mkfifo(at("t/pipe"), 0600), 0);
}

static void take_away(void)
{
    assert_int_equal(unlink(at("t/dir/x")), 0);
}

static void put_hard_link(void)
{
    assert_int_equal(unlink(at("t/a")), 0);
    assert_int_equal(link(at("t/dir/x"), at("t/a")), 0);
}

static void each_attack_by_its_name(void **state)
{
    static const struct {
        void (*act)(void);
        uint8_t outcome;
        uint16_t reason;
        const char *path;
    } attacks[] = {
        {NULL, SP_OUTCOME_PASS, SP_REASON_OK, "5 entries"},
        {set_mode, SP_OUTCOME_FAIL, SP_REASON_FILES_MODE, "/t/a"},
        {set_content, SP_OUTCOME_FAIL, SP_REASON_FILES_DIGEST, "/t/a"},
        {put_link, SP_OUTCOME_FAIL, SP_REASON_FILES_TYPE, "/t/a"},
        {turn_link, SP_OUTCOME_FAIL, SP_REASON_FILES_TARGET, "/t/link"},
        {put_extra, SP_OUTCOME_FAIL, SP_REASON_FILES_EXTRA, "/t/.hidden"},
        {put_pipe, SP_OUTCOME_FAIL, SP_REASON_FILES_EXTRA, "/t/pipe"},
        {take_away, SP_OUTCOME_FAIL, SP_REASON_FILES_MISSING, "/t/dir/x"},
        {put_hard_link, SP_OUTCOME_FAIL, SP_REASON_FILES_DIGEST, "/t/a"},
    };
    struct sp_buf b;
    struct appraisal_verdict v;
    unsigned u = getuid(), g = getgid();
    (void)state;
    sp_buf_init(&b, 65536);
    (void)snprintf(rows, sizeof rows,
                   "d 0755 %u %u /t\nf 0644 %u %u 1 " HASH_A " /t/a\nd 0700 %u %u /t/dir\nf 0600 - - 1 " HASH_X
                   " /t/dir/x\nl %u %u /t/link a\n",
                   u, g, u, g, u, g, u, g);
    put_manifest(&b, rows, signer);
    for (size_t i = 0; i < sizeof attacks / sizeof attacks[0]; i++) {
        scratch_fini(&s);
        scratch_init(&s);
        make_tree();
        if (attacks[i].act != NULL) {
            attacks[i].act();
        }
        verdict(&b, &v);
        if (v.outcome != attacks[i].outcome || v.reason != attacks[i].reason || strstr(v.detail, attacks[i].path) == NULL) {
            fail_msg("attack %zu: outcome %u %s: %s", i, v.outcome, sp_reason_name(v.reason), v.detail);
        }
        assert_non_null(strstr(v.measures, "entries="));
    }
    (void)snprintf(rows, sizeof rows, "d 0755 %u %u /t\nf 0644 %u %u 1 " HASH_A " /t/a\n", u, g, u + 1, g);
    put_manifest(&b, rows, signer); /* another owner; the rest is extra, which stands before it */
    scratch_fini(&s);
    scratch_init(&s);
    make_tree();
    verdict(&b, &v);
    assert_int_equal(v.reason, SP_REASON_FILES_EXTRA);
    assert_non_null(strstr(v.measures, " owner=1"));
    assert_non_null(strstr(v.measures, " extra=3"));
    sp_buf_fini(&b);
}

/* What is no list of these trees, or not whole, says nothing about the node. */
static void other_documents(void **state)
{
    static const char *const heads[] = {"", "SPICE files 1\n", "SPICE files 2\n", "\xff"};
    const struct appraisal_module *m = appraisal_find(sp_str_of("files"));
    const struct appraisal_question question = {.node = sp_str_of("n1"), .nonce = nonce};
    static struct appraisal_want w;
    struct sp_buf b;
    char params[256], why[APPRAISAL_WHY_MAX] = "";
    (void)state;
    sp_buf_init(&b, 65536);
    put_manifest(&b, "d 0755 0 0 /t\n", signer);
    (void)snprintf(params, sizeof params, "{\"signers\":[\"%s\"]}", key);
    void *p = m->policy_new(NULL, sp_str_of(params), sp_buf_view(&b), why);
    assert_non_null(p);
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        struct appraisal_verdict v = {.outcome = 99};
        void *run = m->begin(p, &question);
        assert_true(m->want(run, &w));
        (void)m->push(run, sp_str_of(heads[i]), true);
        m->judge(run, &v);
        assert_int_equal(v.outcome, SP_OUTCOME_ERROR);
        assert_int_equal(v.reason, SP_REASON_FILES_MALFORMED);
        m->drop(run);
    }
    m->policy_free(p);
    sp_buf_fini(&b);
}

static int setup(void **state)
{
    static const uint8_t seed[32] = {7}, other[32] = {8};
    uint8_t public_key[32];
    (void)state;
    scratch_init(&s);
    make_tree();
    assert_int_equal(sp_crypto_init(), SP_OK);
    assert_int_equal(sp_crypto_signer_new(seed, &signer), SP_OK);
    assert_int_equal(sp_crypto_sign_public(seed, public_key), SP_OK);
    sp_hex_write(public_key, sizeof public_key, key);
    assert_int_equal(sp_crypto_sign_public(other, public_key), SP_OK);
    sp_hex_write(public_key, sizeof public_key, other_key);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    sp_crypto_signer_destroy(&signer);
    sp_crypto_fini();
    scratch_fini(&s);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(only_what_is_allowed),    cmocka_unit_test(too_many_paths),
                                       cmocka_unit_test(the_same_in_the_sandbox), cmocka_unit_test(signed_manifests_only),
                                       cmocka_unit_test(each_attack_by_its_name), cmocka_unit_test(other_documents)};
    return cmocka_run_group_tests_name("files evidence", tests, setup, teardown);
}
