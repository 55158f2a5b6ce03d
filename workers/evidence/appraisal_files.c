/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `files`: one document about trees of the node, held against a tree manifest as its parts come (files_judge.h).
 *
 * The policy is the manifest. It counts only when it is signed by a key the definition names, or when the definition names its
 * digest: definitions come from operators, files on a worker's host from whoever can write there.
 */
#include "appraisal.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "files_judge.h"
#include "sp_crypto.h"
#include "sp_hex.h"

#define SIGNERS_MAX 16u
#define VALUE_MAX   32u /* characters of one measure */

static const char *const documents[] = {"files", NULL};

struct policy {
    struct manifest_table *table;
    char args[APPRAISAL_ARGS_MAX];
};

struct run {
    const struct policy *policy;
    struct files_reader reader;
    struct files_judge judge;
    bool asked, whole, bad;
};

/* ---- policy ---------------------------------------------------------------------------------------------------- */

static bool refuse(char *why, const char *text)
{
    (void)snprintf(why, APPRAISAL_WHY_MAX, "%s", text);
    return false;
}

/* True when this key has signed. False also for what is no key. */
static bool key_signed(const char *hex, struct sp_str text, const uint8_t *signature)
{
    uint8_t key[SP_CRYPTO_KEY_BYTES];
    struct sp_crypto_verifier *v = NULL;
    if (!sp_hex_parse(sp_str_of(hex), key, sizeof key) || sp_crypto_verifier_new(key, &v) != SP_OK) {
        return false;
    }
    bool ok = sp_crypto_verify(v, text.p, text.n, signature);
    sp_crypto_verifier_destroy(&v);
    return ok;
}

/* signers: texts, or one. */
static bool is_signed(const struct manifest_table *t, const json_t *signers, struct sp_str text, char *why)
{
    size_t n = 0;
    const uint8_t *signature = manifest_table_signature(t, &n);
    struct sp_str covered = sp_str_bytes(text.p, n);
    if (json_array_size(signers) > SIGNERS_MAX) {
        return refuse(why, "more signers than may be given");
    }
    if (signature == NULL) {
        return refuse(why, "the manifest is not signed");
    }
    bool ok = key_signed(json_string_value(signers), covered, signature);
    for (size_t i = 0; i < json_array_size(signers) && !ok; i++) {
        ok = key_signed(json_string_value(json_array_get(signers, i)), covered, signature);
    }
    return ok || refuse(why, "the manifest is not signed by one of the signers, or was altered since");
}

/* By which right does this manifest count? What the definition gives, key and digest, must hold, and it must give one of them. */
static bool is_authentic(const struct manifest_table *t, struct sp_str params, struct sp_str text, char *why)
{
    uint8_t digest[SP_CRYPTO_HASH_BYTES], wanted[SP_CRYPTO_HASH_BYTES];
    json_t *root = json_loadb(params.p, params.n, JSON_REJECT_DUPLICATES, NULL);
    const json_t *signers = json_object_get(root, "signers");
    const json_t *sha256 = json_object_get(root, "sha256");
    bool ok =
        signers != NULL || sha256 != NULL || refuse(why, "the definition gives neither signers of the manifest nor its sha256");
    if (ok && sha256 != NULL) {
        sp_crypto_sha256(text.p, text.n, digest);
        ok = (sp_hex_parse(sp_str_of(json_string_value(sha256)), wanted, sizeof wanted) &&
              memcmp(digest, wanted, sizeof wanted) == 0) ||
             refuse(why, "the manifest has another sha256 than the definition gives");
    }
    ok = ok && (signers == NULL || is_signed(t, signers, text, why));
    json_decref(root);
    return ok;
}

/* Paths of trees go into the question as they are, so they are plain. */
static bool put_paths(struct policy *p, size_t *n, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        struct sp_str path = manifest_table_tree(p->table, i);
        for (uint32_t c = 0; c < path.n; c++) {
            if (path.p[c] < 0x20 || path.p[c] > 0x7e || path.p[c] == '"' || path.p[c] == '\\') {
                return false;
            }
        }
        if (*n + path.n + 16 > sizeof p->args) {
            return false;
        }
        *n += (size_t)snprintf(p->args + *n, sizeof p->args - *n, "%s\"%.*s\"", i > from ? "," : "", (int)path.n, path.p);
    }
    return true;
}

static bool make_args(struct policy *p)
{
    size_t trees = manifest_table_trees(p->table);
    size_t n = (size_t)snprintf(p->args, sizeof p->args, "{\"trees\":[");
    bool ok = put_paths(p, &n, 0, trees);
    n += (size_t)snprintf(p->args + n, sizeof p->args - n, "],\"skips\":[");
    ok = ok && put_paths(p, &n, trees, trees + manifest_table_skips(p->table));
    return ok && (size_t)snprintf(p->args + n, sizeof p->args - n, "]}") + n < sizeof p->args;
}

static void policy_free(void *policy)
{
    struct policy *p = policy;
    manifest_table_free(&p->table);
    free(p);
}

static void *policy_new(const struct evidence_ops *ops, struct sp_str params, struct sp_str text, char *why)
{
    struct policy *p = calloc(1, sizeof *p);
    (void)ops;
    if (p == NULL) {
        (void)refuse(why, "no memory");
        return NULL;
    }
    bool ok = manifest_table_new(text, &p->table, why) && is_authentic(p->table, params, text, why);
    if (ok && !make_args(p)) {
        ok = refuse(why, "paths of trees and skips are plain ASCII without quotes, and not more than fit into a question");
    }
    if (!ok) {
        policy_free(p);
        return NULL;
    }
    return p;
}

/* ---- one run --------------------------------------------------------------------------------------------------- */

static void *begin(const void *policy, const struct appraisal_question *question)
{
    struct run *r = calloc(1, sizeof *r);
    (void)question;
    if (r == NULL) {
        return NULL;
    }
    r->policy = policy;
    files_reader_init(&r->reader);
    if (!files_judge_init(&r->judge, r->policy->table)) {
        free(r);
        return NULL;
    }
    return r;
}

static bool want(void *state, struct appraisal_want *out)
{
    struct run *r = state;
    if (r->asked) {
        return false;
    }
    r->asked = true;
    out->document = documents[0];
    memcpy(out->args, r->policy->args, sizeof out->args);
    return true;
}

static bool push(void *state, struct sp_str bytes, bool last)
{
    struct run *r = state;
    struct files_entry e;
    enum files_next next;
    files_reader_push(&r->reader, bytes);
    while ((next = files_reader_next(&r->reader, &e)) == FILES_NEXT_ENTRY && !r->bad) {
        r->bad = !files_judge_entry(&r->judge, &e);
    }
    r->bad = r->bad || next == FILES_NEXT_BAD;
    if (last && !r->bad && next == FILES_NEXT_END) {
        r->whole = true;
        files_judge_end(&r->judge, r->reader.end, r->reader.entries, r->reader.bytes);
    }
    return !r->bad;
}

static uint16_t reason_of(enum files_finding f)
{
    static const uint16_t reasons[FILES_FOUND_COUNT] = {[FILES_FOUND_DIGEST] = SP_REASON_FILES_DIGEST,
                                                        [FILES_FOUND_TYPE] = SP_REASON_FILES_TYPE,
                                                        [FILES_FOUND_TARGET] = SP_REASON_FILES_TARGET,
                                                        [FILES_FOUND_EXTRA] = SP_REASON_FILES_EXTRA,
                                                        [FILES_FOUND_MODE] = SP_REASON_FILES_MODE,
                                                        [FILES_FOUND_OWNER] = SP_REASON_FILES_OWNER,
                                                        [FILES_FOUND_MISSING] = SP_REASON_FILES_MISSING,
                                                        [FILES_FOUND_UNSTABLE] = SP_REASON_FILES_UNSTABLE,
                                                        [FILES_FOUND_UNREADABLE] = SP_REASON_FILES_UNREADABLE,
                                                        [FILES_FOUND_TOO_LARGE] = SP_REASON_FILES_LIMIT};
    return reasons[f];
}

static void put_measures(const struct files_judge *j, struct appraisal_verdict *out)
{
    size_t n = (size_t)snprintf(out->measures, sizeof out->measures, "entries=%" PRIu64 " read=%" PRIu64 "B", j->entries, j->bytes);
    for (unsigned f = 0; f < FILES_FOUND_COUNT && n + VALUE_MAX < sizeof out->measures; f++) {
        n += (size_t)snprintf(out->measures + n, sizeof out->measures - n, " %s=%" PRIu32,
                              files_finding_name((enum files_finding)f), j->count[f]);
    }
}

static void judge(void *state, struct appraisal_verdict *out)
{
    struct run *r = state;
    const struct files_judge *j = &r->judge;
    enum files_finding f = files_judge_worst(j);
    uint64_t sum = 0;
    if (r->bad || !r->whole) {
        appraisal_end(out, SP_OUTCOME_ERROR, SP_REASON_FILES_MALFORMED, "%s",
                      r->bad ? "the list of files is not one, or not of these trees" : "the list of files is not whole");
        return;
    }
    for (unsigned i = 0; i < FILES_FOUND_COUNT; i++) {
        sum += j->count[i];
    }
    put_measures(j, out);
    if (f < FILES_FOUND_COUNT && files_finding_is_difference(f)) {
        appraisal_end(out, SP_OUTCOME_FAIL, reason_of(f), "%s (one of %" PRIu64 ")", j->example[f], sum);
    } else if (j->end != FILES_END_WHOLE) {
        appraisal_end(out, SP_OUTCOME_ERROR, SP_REASON_FILES_LIMIT,
                      "the attester stopped after %" PRIu64 " entries and %" PRIu64 " bytes: %s", j->entries, j->bytes,
                      j->end == FILES_END_TIME ? "its time was over" : "more than it lists or reads");
    } else if (f < FILES_FOUND_COUNT) {
        appraisal_end(out, SP_OUTCOME_ERROR, reason_of(f), "%s (one of %" PRIu64 ")", j->example[f], sum);
    } else {
        appraisal_end(out, SP_OUTCOME_PASS, SP_REASON_OK, "%" PRIu64 " entries are as the manifest has them", j->entries);
    }
}

static void drop(void *state)
{
    struct run *r = state;
    files_judge_fini(&r->judge);
    free(r);
}

const struct appraisal_module appraisal_files = {
    .kind = "files",
    .documents = documents,
    .policy_new = policy_new,
    .policy_free = policy_free,
    .begin = begin,
    .want = want,
    .push = push,
    .judge = judge,
    .drop = drop,
};
