/* SPDX-License-Identifier: Apache-2.0 */
/* A quote from a worker to its verdict through spice-appraise: begin, identity, document, verdict, both processes' CPU time, many
 * runs under way at once; against the bare verification of the same signature (one EVP_PKEY_verify, set up once, digest at hand).
 * The bus, the attester and the outbox are not in it. Each round is the difference of a long and a short life of the appraiser, so
 * that its start does not count. Output: a JSON array of one object with both lists of microseconds. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "appraisal.h"
#include "appraiser.h"
#include "exec_rig.h"
#include "fake_tpm.h"
#include "msg.h"
#include "sp_assert.h"
#include "sp_crypto.h"

#define ROUNDS  5u
#define SHORT   500u
#define LONG    4500u
#define AT_ONCE 64u

static struct exec_rig rig;
static struct appraiser *appraiser;
static struct fake_tpm tpm;
static uint32_t policy;
static uint8_t nonce[APPRAISAL_NONCE_BYTES] = {1};
static struct appraiser_run runs[AT_ONCE];
static uint32_t left, done;

static double cpu_us(void)
{
    double us = 0;
    static const int whom[] = {RUSAGE_SELF, RUSAGE_CHILDREN};
    for (size_t i = 0; i < SP_COUNT(whom); i++) {
        struct rusage r;
        SP_ASSERT(getrusage((__rusage_who_t)whom[i], &r) == 0);
        us += (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1e6 + (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec);
    }
    return us;
}

static void begin(struct appraiser_run *run)
{
    const struct appraiser_question q = {.node = sp_str_of("node-0001"), .nonce = nonce, .now_s = 1790000000};
    bool begun = appraiser_begin(appraiser, run, policy, &q);
    SP_ASSERT(begun);
    left--;
}

static void on_want(struct appraiser_run *run, const char *document, const char *args)
{
    const struct appraiser_who who = {.mode = SP_ENROLMENT_CERTIFIED,
                                      .ak = sp_str_bytes(tpm.ak, tpm.ak_len),
                                      .signer = sp_str_bytes(tpm.signer, 34),
                                      .ek = tpm.ek};
    (void)document;
    (void)args;
    appraiser_identify(appraiser, run, &who);
    bool pushed = appraiser_push(appraiser, run, sp_str_bytes(tpm.document, tpm.document_len), true);
    SP_ASSERT(pushed);
}

static void on_done(struct appraiser_run *run, const struct appraisal_verdict *v, const uint8_t *evidence)
{
    if (v->outcome != SP_OUTCOME_PASS || evidence == NULL) {
        (void)fprintf(stderr, "%s\n", v->detail);
        abort();
    }
    done++;
    if (left > 0) {
        begin(run);
    }
}

/* CPU time of one life of the appraiser with so many runs. */
static double life(uint32_t count)
{
    static const char reference[] =
        "{reference: 1, quote: 'sha256:0-10', boot_log: {judge: ignored}, profiles: [{name: a, pcrs: {sha256: {0: "
        "0000000000000000000000000000000000000000000000000000000000000000}}}]}";
    static const struct appraiser_options options = {.program = NULL};
    char why[SP_ADAPTER_WHY_MAX];
    double start = cpu_us();
    left = count;
    done = 0;
    SP_ASSERT(appraiser_open(&rig.host, &options, &appraiser, why));
    policy = appraiser_policy(appraiser, "tpm", sp_str_of("{}"), sp_str_of(reference));
    for (uint32_t i = 0; i < AT_ONCE; i++) {
        runs[i] = (struct appraiser_run){.want = on_want, .done = on_done};
        begin(&runs[i]);
    }
    while (done < count) {
        exec_rig_turn(&rig, 1000);
    }
    appraiser_policy_release(appraiser, policy);
    appraiser_close(&appraiser);
    return cpu_us() - start;
}

static double bare(EVP_PKEY_CTX *verify, const uint8_t *signature, size_t n, const uint8_t digest[32])
{
    double start = cpu_us();
    for (uint32_t i = 0; i < LONG - SHORT; i++) {
        if (EVP_PKEY_verify(verify, signature, n, digest, 32) != 1) {
            abort();
        }
    }
    return (cpu_us() - start) / (LONG - SHORT);
}

int main(void)
{
    static double mine[ROUNDS], other[ROUNDS];
    uint8_t digest[32] = {7}, signature[128];
    size_t n = sizeof signature;
    char libexec[512];
    SP_ASSERT(sp_crypto_init() == SP_OK);
    fake_tpm_init(&tpm, false);
    const struct rig_question q = {.node = "node-0001", .kind = "quote", .args = "{\"pcrs\":\"sha256:0-10\"}", .nonce = nonce};
    fake_tpm_quote(&tpm, &q, FAKE_GOOD);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(tpm.key, NULL);
    SP_ASSERT(EVP_PKEY_sign_init(ctx) == 1 && EVP_PKEY_sign(ctx, signature, &n, digest, sizeof digest) == 1);
    EVP_PKEY_CTX_free(ctx);
    ctx = EVP_PKEY_CTX_new(tpm.key, NULL);
    SP_ASSERT(EVP_PKEY_verify_init(ctx) == 1);
    ssize_t path = readlink("/proc/self/exe", libexec, sizeof libexec - 1);
    SP_ASSERT(path > 0);
    libexec[path] = '\0';
    for (int up = 0; up < 2; up++) {
        *strrchr(libexec, '/') = '\0'; /* the build tree: benchmarks are in its folder tests/ */
    }
    SP_ASSERT(exec_rig_init(&rig, AT_ONCE, "/tmp", libexec));
    for (unsigned i = 0; i < ROUNDS; i++) {
        double start = life(SHORT);
        mine[i] = (life(LONG) - start) / (LONG - SHORT);
        other[i] = bare(ctx, signature, n, digest);
    }
    (void)printf("[{\"what\":\"process\",\"mine_us\":[");
    for (unsigned i = 0; i < ROUNDS; i++) {
        (void)printf("%s%.3f", i > 0 ? "," : "", mine[i]);
    }
    (void)printf("],\"bare_us\":[");
    for (unsigned i = 0; i < ROUNDS; i++) {
        (void)printf("%s%.3f", i > 0 ? "," : "", other[i]);
    }
    (void)printf("]}]\n");
    exec_rig_fini(&rig);
    EVP_PKEY_CTX_free(ctx);
    fake_tpm_fini(&tpm);
    sp_crypto_fini();
    return 0;
}
