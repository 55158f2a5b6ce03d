/* SPDX-License-Identifier: Apache-2.0 */
/* Policies for measurement lists: Keylime's own form against lists of real kernels, our form, what is refused and why, excludes,
 * signatures by keys made on the spot, and each way to get something past a policy by its name. */
#include "ima_rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ima_bed.h"
#include "ima_checkpoint.h"
#include "sp_assert.h"
#include "sp_hex.h"

#define SHA256_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define SHA256_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define OWN      "{\"spice-ima-policy\": 1, "

static struct evidence_bed bed;
static uint8_t digest_a[64], digest_b[64];

/* ---- a judge with the rules of a policy ------------------------------------------------------------------------ */

struct bench {
    struct ima_rules *rules;
    struct ima_keyring *learned;
    struct ima_judge_ops ops;
    struct ima_judge judge;
    char why[IMA_RULES_WHY_BYTES];
};

static bool excluded(void *ctx, struct sp_str path)
{
    const struct bench *b = ctx;
    return ima_exclude_match(b->rules->excludes, path);
}

static enum ima_signer signer(void *ctx, const struct ima_signature *s, struct sp_str digest)
{
    const struct bench *b = ctx;
    enum ima_signer given = ima_keyring_signer(b->rules->keys, s, digest), learned = ima_keyring_signer(b->learned, s, digest);
    return learned > given ? learned : given;
}

static bool is_key(void *ctx, struct sp_str buffer)
{
    (void)ctx;
    return ima_keyring_is_key(bed.crypto, buffer);
}

static bool learn(void *ctx, struct sp_str buffer)
{
    struct bench *b = ctx;
    return ima_keyring_add(b->learned, buffer, NULL);
}

static bool open_policy(struct bench *b, struct sp_str text)
{
    *b = (struct bench){.ops = {excluded, signer, is_key, learn, b}};
    if (!ima_rules_new(bed.crypto, text, &b->rules, b->why)) {
        return false;
    }
    b->learned = ima_keyring_new(bed.crypto);
    assert_non_null(b->learned);
    ima_judge_init(&b->judge, &b->rules->judge, &b->ops, 0);
    return true;
}

static void with_policy(struct bench *b, const char *text)
{
    if (!open_policy(b, sp_str_of(text))) {
        fail_msg("%s: %s", text, b->why);
    }
}

static void close_policy(struct bench *b)
{
    ima_rules_destroy(&b->rules);
    ima_keyring_destroy(&b->learned);
}

/* Judges all entries of a list; returns the tally. */
static const struct ima_tally *judge_list(struct bench *b, struct sp_str list)
{
    struct ima_log log;
    struct ima_entry entry;
    enum evidence_reason reason;
    uint32_t index = 0;
    ima_judge_init(&b->judge, &b->rules->judge, &b->ops, 0);
    ima_log_open(&log, list, 20);
    while (ima_log_next(&log, &entry, &reason)) {
        ima_judge_entry(&b->judge, index++, &entry, false);
    }
    assert_int_equal(reason, EVIDENCE_OK);
    return &b->judge.proven;
}

/* Judges one entry behind the first; returns its reason. */
static enum evidence_reason judge_one(struct bench *b, const struct ima_made *made)
{
    static struct ima_list list;
    ima_list_begin(&bed, &list);
    ima_list_add(&bed, &list, made);
    const struct ima_tally *t = judge_list(b, sp_str_bytes(list.p, list.n));
    ima_list_free(&list);
    return t->refused > 0 ? t->first.reason : EVIDENCE_OK;
}

static enum evidence_reason judge_file(struct bench *b, const char *path, const uint8_t *digest)
{
    return judge_one(b, &(struct ima_made){.template = "ima-ng", .path = path, .alg = TPM_ALG_SHA256, .digest = digest});
}

/* ---- Keylime's policies ---------------------------------------------------------------------------------------- */

static void keylime_policies_work_unchanged(void **state)
{
    static const struct {
        const char *policy, *list;
        uint32_t refused;
        enum evidence_reason reason;
        const char *path;
    } rows[] = {
        {"keylime-k61.json", "p1", 0, EVIDENCE_OK, ""},
        {"keylime-k61.json", "p2", 0, EVIDENCE_OK, ""},
        {"keylime-k61.json", "p3", 2, EVIDENCE_IMA_UNLISTED, "/tmp/d/viol1"},
        {"keylime-k61.json", "p4", 4, EVIDENCE_IMA_UNLISTED, "/tmp/d/viol1"},
        {"keylime-k61-missing-path.json", "p1", 1, EVIDENCE_IMA_UNLISTED, "/tmp/hello_one"},
        {"keylime-k61-missing-path.json", "p4", 5, EVIDENCE_IMA_UNLISTED, "/tmp/hello_one"},
        {"keylime-k61-wrong-digest.json", "p1", 1, EVIDENCE_IMA_DIGEST, "/bin/gt"},
        {"keylime-k61-wrong-digest.json", "p3", 3, EVIDENCE_IMA_DIGEST, "/bin/gt"},
        {"keylime-k61-excludes.json", "p2", 0, EVIDENCE_OK, ""},
        {"keylime-k61-excludes.json", "p3", 0, EVIDENCE_OK, ""},
        {"keylime-k61-excludes.json", "p4", 1, EVIDENCE_IMA_DIGEST, "/bin/hello"},
        {"keylime-k61-signature-key.json", "p1", 0, EVIDENCE_OK, ""},
        {"keylime-k61-signature-key.json", "p4", 4, EVIDENCE_IMA_UNLISTED, "/tmp/d/viol1"},
        {"flat-allowlist.txt", "p1", 2, EVIDENCE_IMA_UNLISTED, "kernel_version"},
    };
    (void)state;
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        char name[32];
        struct bench b;
        struct sp_str text = evidence_bed_file("tpm/policy", rows[i].policy);
        (void)snprintf(name, sizeof name, "%s.log.bin", rows[i].list);
        struct sp_str list = evidence_bed_file("tpm/ima/k61", name);
        if (!open_policy(&b, text)) {
            fail_msg("%s: %s", rows[i].policy, b.why);
        }
        const struct ima_tally *t = judge_list(&b, list);
        const struct ima_offence *o = &t->first;
        if (t->refused != rows[i].refused ||
            (t->refused > 0 && (o->reason != rows[i].reason || o->path_bytes != strlen(rows[i].path) ||
                                memcmp(o->path, rows[i].path, o->path_bytes) != 0))) {
            fail_msg("%s %s: %u refused, first %.*s: %s", rows[i].policy, rows[i].list, t->refused, (int)o->path_bytes, o->path,
                     evidence_reason_name(o->reason));
        }
        assert_int_equal(t->by_signature, strstr(rows[i].policy, "signature") != NULL ? 1 : 0);
        assert_int_equal(t->excluded > 0, strstr(rows[i].policy, "excludes") != NULL);
        close_policy(&b);
        free((void *)(uintptr_t)text.p);
        free((void *)(uintptr_t)list.p);
    }
}

/* What their tools write that the recorded ones do not have. */
static void keylime_forms(void **state)
{
    static const char *const good[] = {
        /* as keylime-policy writes it, and with everything optional left out */
        "{\"meta\": {\"version\": 1, \"generator\": 3, \"timestamp\": \"2024-10-09 18:47:35\"}, \"release\": 0, \"digests\": "
        "{\"/a\": "
        "[\"" SHA256_A "\"]}, \"excludes\": [], \"keyrings\": {}, \"ima\": {\"ignored_keyrings\": [], \"log_hash_alg\": \"sha1\", "
        "\"dm_policy\": null}, \"ima-buf\": {}, \"verification-keys\": \"\"}",
        "{\"digests\": {\"/a\": [\"" SHA256_A "\"]}}",
        "{\"digests\": {\"/a\": [\"sha256:" SHA256_A "\", \"cccccccccccccccccccccccccccccccccccccccc\"]}, \"excludes\": null}",
        "{\"digests\": {\"/a\": [\"" SHA256_A "\"], \"/none\": []}, \"verification-keys\": \"[]\"}",
        "  {\"digests\": {\"/a\": [\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"]}}",
        "{\"digests\": {\"/a\": [\"" SHA256_A SHA256_A "\", \"" SHA256_A "\"]}, \"ima\": {\"log_hash_alg\": \"sha256\"}}",
    };
    (void)state;
    for (size_t i = 0; i < SP_COUNT(good); i++) {
        struct bench b;
        with_policy(&b, good[i]);
        assert_int_equal(b.rules->options.digest_bytes, strstr(good[i], "_alg\": \"sha256") != NULL ? 32 : 20);
        assert_int_equal(judge_file(&b, "/a", digest_a), EVIDENCE_OK);
        assert_int_equal(judge_file(&b, "/a", digest_b), EVIDENCE_IMA_DIGEST);
        assert_int_equal(judge_file(&b, "/b", digest_a), EVIDENCE_IMA_UNLISTED);
        close_policy(&b);
    }
}

/* A key as their database has it: an object in a text in a text, or the object itself. */
static void keylime_verification_keys(void **state)
{
    struct ima_signer_key key;
    char text[8192], object[4096];
    uint8_t signature[1100];
    struct bench b;
    (void)state;
    ima_signer_new(&key, "P-256", false);
    static const char *const around[] = {"", "\"", "\"\\\""}, *const behind[] = {"", "\"", "\\\"\""};
    for (unsigned form = 0; form < 3; form++) {
        static const char *const quotes[] = {"\"", "\\\"", "\\\\\\\""};
        const char *q = quotes[form];
        (void)snprintf(object, sizeof object, "{%smeta%s: {%sversion%s: 1}, %skeyids%s: [%u], %spubkeys%s: [%s%s%s]}", q, q, q, q,
                       q, q, key.id, q, q, q, ima_bed_base64(key.der, key.der_bytes), q);
        char keys[6000];
        (void)snprintf(keys, sizeof keys, "%s%s%s", around[form], object, behind[form]);
        (void)snprintf(text, sizeof text, "{\"digests\": {}, \"verification-keys\": %s}", keys);
        with_policy(&b, text);
        size_t n = ima_signer_sign(&key, TPM_ALG_SHA256, false, digest_a, signature);
        assert_int_equal(
            judge_one(&b, &(struct ima_made){"ima-sig", "/x", TPM_ALG_SHA256, false, digest_a, sp_str_bytes(signature, n)}),
            EVIDENCE_OK);
        close_policy(&b);
    }
    /* the identifier given counts, not the one of the key */
    (void)snprintf(text, sizeof text, "{\"digests\": {}, \"verification-keys\": {\"keyids\": [7], \"pubkeys\": [\"%s\"]}}",
                   ima_bed_base64(key.der, key.der_bytes));
    with_policy(&b, text);
    size_t n = ima_signer_sign(&key, TPM_ALG_SHA256, false, digest_a, signature);
    const struct ima_made made = {"ima-sig", "/x", TPM_ALG_SHA256, false, digest_a, sp_str_bytes(signature, n)};
    assert_int_equal(judge_one(&b, &made), EVIDENCE_IMA_SIGNATURE);
    memcpy(signature + 3, "\0\0\0\7", 4);
    assert_int_equal(judge_one(&b, &made), EVIDENCE_OK);
    close_policy(&b);
    ima_signer_free(&key);
}

/* ---- our form -------------------------------------------------------------------------------------------------- */

static void our_form(void **state)
{
    struct bench b;
    (void)state;
    with_policy(&b, OWN "\"comment\": \"of a test\", \"files\": {\"/bin/a\": \"" SHA256_A "\", \"/my file\": [\"sha256:" SHA256_A
                        "\", \"" SHA256_B "\"], \"/v\": \"verity:sha256:" SHA256_A
                        "\"}, \"trees\": [\"/tmp/\"], \"buffers\": {\"kernel_version\": \"" SHA256_A
                        "\"}, \"aggregate_0_7\": true, \"padded\": false}");
    assert_true(b.rules->options.aggregate_0_7 && !b.rules->options.padded && b.rules->options.digest_bytes == 20);
    assert_int_equal(judge_file(&b, "/bin/a", digest_a), EVIDENCE_OK);
    assert_int_equal(judge_file(&b, "/bin/a", digest_b), EVIDENCE_IMA_DIGEST);
    assert_int_equal(judge_file(&b, "/my_file", digest_b), EVIDENCE_OK); /* as the kernel writes it */
    assert_int_equal(judge_file(&b, "/tmp/x", digest_b), EVIDENCE_OK);
    assert_int_equal(judge_file(&b, "/tmpfoo", digest_b), EVIDENCE_IMA_UNLISTED); /* trees are directories */
    assert_int_equal(judge_file(&b, "/v", digest_a), EVIDENCE_IMA_UNLISTED);      /* of the file itself it is another name */
    const struct ima_made verity = {"ima-sigv2", "/v", TPM_ALG_SHA256, true, digest_a, {NULL, 0}};
    assert_int_equal(judge_one(&b, &verity), EVIDENCE_OK);
    const struct ima_made crossed = {"ima-sigv2", "/bin/a", TPM_ALG_SHA256, true, digest_a, {NULL, 0}};
    assert_int_equal(judge_one(&b, &crossed), EVIDENCE_IMA_UNLISTED); /* an fs-verity digest is not one of the file */
    close_policy(&b);
}

static void lists_of_digests(void **state)
{
    struct bench b;
    (void)state;
    with_policy(&b, "# made by sha256sum\n" SHA256_A "  /bin/a\r\n" SHA256_B " */bin/a\n\n" SHA256_A "  /with space\n" SHA256_A
                    " %keyring:.ima");
    assert_int_equal(judge_file(&b, "/bin/a", digest_a), EVIDENCE_OK);
    assert_int_equal(judge_file(&b, "/bin/a", digest_b), EVIDENCE_OK);
    assert_int_equal(ima_table_find(b.rules->table, IMA_KEYRING, sp_str_of(".ima"), sp_str_bytes(digest_a, 32)), IMA_LISTED);
    close_policy(&b);
}

static void what_is_refused_says_why(void **state)
{
    static const struct {
        const char *text, *why;
    } rows[] = {
        {"", "neither digests nor keys"},
        {"{", "line 1"},
        {"{}", "digests: is missing"},
        {"{\"digests\": []}", "digests: is missing or no object"},
        {"{\"digests\": {}}", "neither digests nor keys"},
        {"{\"digests\": {\"/a\": \"" SHA256_A "\"}}", "is not a list"},
        {"{\"digests\": {\"/a\": [1]}}", "item 1 is not a text"},
        {"{\"digests\": {\"/a\": [\"" SHA256_A "0\"]}}", "/a: digest"},
        {"{\"digests\": {\"/a\": [\"aa\"]}}", "/a: digest"},
        {"{\"digests\": {\"/a\": [\"sha1:" SHA256_A "\"]}}", "/a: digest"},
        {"{\"digests\": {\"/a\": [\"md5:" SHA256_A "\"]}}", "/a: digest"},
        {"{\"digests\": {\"\": [\"" SHA256_A "\"]}}", "a name is empty"},
        {"{\"digests\": {\"/a\": [\"" SHA256_A "\"], \"/a\": []}}", "duplicate"},
        {"{\"digests\": {\"/a\": [\"" SHA256_A "\"]}, \"exclude\": []}", "did you mean excludes"},
        {"{\"digests\": {\"/a\": [\"" SHA256_A "\"]}, \"meta\": {\"version\": 2}}", "version is not 1"},
        {"{\"digests\": {\"/a\": [\"" SHA256_A "\"]}, \"excludes\": [\"(\"]}", "excludes: (: missing"},
        {"{\"digests\": {\"/a\": [\"" SHA256_A "\"]}, \"excludes\": [\"/tmp/.*\", \".*\"]}", "cover every path"},
        {"{\"digests\": {\"/a\": [\"" SHA256_A "\"]}, \"excludes\": [\"/[^u]\", \"/u\"]}", "cover every path"},
        {"{\"digests\": {\"/a\": [\"" SHA256_A "\"]}, \"excludes\": [\"/(a)\\\\1\"]}", "back references"},
        {"{\"digests\": {\"/a\": [\"" SHA256_A "\"]}, \"excludes\": [\"(?R)\"]}", "tracking back"},
        {"{\"digests\": {\"/a\": [\"" SHA256_A "\"]}, \"ima\": {\"dm_policy\": {\"version\": 1}}}", "device mapper"},
        {"{\"digests\": {\"/a\": [\"" SHA256_A "\"]}, \"ima\": {\"log_hash_alg\": \"sha512\"}}", "sha1 or sha256"},
        {"{\"digests\": {\"/a\": [\"" SHA256_A "\"]}, \"ima\": []}", "ima: is not an object"},
        {"{\"digests\": {\"/a\": [\"" SHA256_A "\"]}, \"rules\": \"FILE-HASHES:\"}", "order of evaluation"},
        {"{\"digests\": {}, \"verification-keys\": \"nothing\"}", "verification-keys: "},
        {"{\"digests\": {}, \"verification-keys\": {\"pubkeys\": [\"AAAA\"]}}", "key 1 is not RSA"},
        {"{\"payload\": \"e30=\", \"signatures\": []}", "signers"},
        {OWN "\"files\": {}}", "neither"},
        {OWN "\"digests\": {}}", "digests: unknown member"},
        {"{\"spice-ima-policy\": 2, \"files\": {\"/a\": \"" SHA256_A "\"}}", "version is not 1"},
        {OWN "\"files\": {\"/a\": \"" SHA256_A "\"}, \"trees\": \"/\"}", "trees: "},
        {OWN "\"files\": {\"/a\": \"" SHA256_A "\"}, \"trees\": \"/tmp\"}", "ends with '/'"},
        {OWN "\"files\": {\"/a\": \"" SHA256_A "\"}, \"signed\": \"/usr/\"}", "there are no keys"},
        {OWN "\"files\": {\"/a\": \"" SHA256_A "\"}, \"padded\": 1}", "padded: "},
        {OWN "\"keys\": [\"-----BEGIN PUBLIC KEY-----\"]}", "keys: key 1"},
        {SHA256_A "  /a\nnonsense\n", "line 2: "},
        {SHA256_A "\n", "line 1: "},
    };
    (void)state;
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct bench b;
        if (open_policy(&b, sp_str_of(rows[i].text))) {
            fail_msg("%s is taken", rows[i].text);
        }
        if (strstr(b.why, rows[i].why) == NULL) {
            fail_msg("%s: %s", rows[i].text, b.why);
        }
    }
}

/* ---- excludes -------------------------------------------------------------------------------------------------- */

/* What Python's re.match says of the same. */
static void excludes_are_pythons(void **state)
{
    static const struct {
        const char *pattern, *path;
        bool match;
    } rows[] = {
        {"/tmp/.*", "/tmp/x", true},
        {"/tmp/.*", "/var/tmp/x", false},
        {"/tmp", "/tmpfoo", true},
        {"/tmp$", "/tmpfoo", false},
        {"^/var/log", "/var/log/a", true},
        {"/a\\.b", "/a.b", true},
        {"/a\\.b", "/axb", false},
        {"/x\\Z", "/x", true},
        {"/x\\Z", "/x\n", false},
        {"/x$", "/x\n", false},
        {"/a{,2}b", "/aab", true},
        {"/a{,2}b", "/aaab", false},
        {"[{,]x", "{x", true},
        {"(?i)/HOME", "/home/x", true},
        {"/(usr|opt)/", "/opt/x", true},
        {"/[]x]/", "/]/a", true},
        {"/[^]x]/", "/]/a", false},
        {"/\\d+", "/12", true},
        {"/a.b", "/a\nb", false},
        {"(?P<d>/srv)/", "/srv/x", true},
        {"(?=/boot)/b", "/boot", true},
        {"/gr\xc3\xbc+", "/gr\xc3\xbc", true},
        {"/.", "/\xff", false}, /* no text at all */
    };
    (void)state;
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        char why[160];
        struct ima_exclude *x = ima_exclude_new();
        assert_non_null(x);
        if (!ima_exclude_add(x, sp_str_of(rows[i].pattern), why, sizeof why)) {
            fail_msg("%s: %s", rows[i].pattern, why);
        }
        if (ima_exclude_match(x, sp_str_of(rows[i].path)) != rows[i].match) {
            fail_msg("%s and %s", rows[i].pattern, rows[i].path);
        }
        ima_exclude_destroy(&x);
    }
}

/* Expressions that take a matcher which tracks back longer than the universe is old; the test ends. */
static void no_path_makes_an_expression_slow(void **state)
{
    static const char *const patterns[] = {"(/x+x+)+y", "/(a+)+$", "/(a|aa)+$", "/(.*)*b", "(?:(?:/?[a-x]*)*)*z"};
    static char path[IMA_PATH_BYTES_MAX];
    (void)state;
    for (size_t i = 0; i < SP_COUNT(patterns); i++) {
        char why[160];
        struct ima_exclude *x = ima_exclude_new();
        memset(path, i == 0 ? 'x' : 'a', sizeof path);
        path[0] = '/';
        path[sizeof path - 1] = '!';
        assert_true(ima_exclude_add(x, sp_str_of(patterns[i]), why, sizeof why));
        assert_false(ima_exclude_match(x, sp_str_bytes(path, sizeof path)));
        ima_exclude_destroy(&x);
    }
}

/* ---- attacks --------------------------------------------------------------------------------------------------- */

static void attack_listed_content_under_another_name(void **state)
{
    struct bench b;
    (void)state;
    with_policy(&b, OWN "\"files\": {\"/usr/bin/python3\": \"" SHA256_A "\", \"/usr/bin/true\": \"" SHA256_B "\"}}");
    assert_int_equal(judge_file(&b, "/usr/bin/true", digest_a), EVIDENCE_IMA_DIGEST);
    assert_int_equal(judge_file(&b, "/tmp/python3", digest_a), EVIDENCE_IMA_UNLISTED);
    assert_int_equal(judge_file(&b, "/usr/bin/python3", digest_a), EVIDENCE_OK);
    close_policy(&b);
}

/* The name of a template is not covered by any digest: an entry shown as another kind must not pass where its own would not. */
static void attack_relabelled_entries(void **state)
{
    struct ima_signer_key key;
    char text[4096], hex[65];
    uint8_t digest[64];
    struct bench b;
    (void)state;
    ima_signer_new(&key, "P-256", true);
    assert_true(bed.ops.digest(bed.ops.ctx, TPM_ALG_SHA256, key.der, key.der_bytes, digest));
    sp_hex_write(digest, 32, hex);
    (void)snprintf(text, sizeof text,
                   OWN "\"files\": {\"/bin/a\": \"" SHA256_A "\", \".other\": \"%s\"}, \"keyrings\": {\".ima\": \"%s\"}}", hex,
                   hex);
    with_policy(&b, text);
    struct sp_str der = sp_str_bytes(key.der, key.der_bytes);
    /* a key on a keyring the policy does not have, shown as a file that it has */
    const struct ima_made loaded = {"ima-buf", ".other", TPM_ALG_SHA256, false, digest, der};
    assert_int_equal(judge_one(&b, &loaded), EVIDENCE_IMA_KEYRING);
    /* a file shown as measured memory */
    const struct ima_made file = {"ima-buf", "/bin/a", TPM_ALG_SHA256, false, digest_a, {NULL, 0}};
    assert_int_equal(judge_one(&b, &file), EVIDENCE_IMA_UNLISTED);
    /* a key of the policy's shown as a file */
    const struct ima_made shown = {"ima-sig", ".ima", TPM_ALG_SHA256, false, digest, {NULL, 0}};
    assert_int_equal(judge_one(&b, &shown), EVIDENCE_IMA_UNLISTED);
    close_policy(&b);
    ima_signer_free(&key);
}

static void attack_key_loaded_onto_a_keyring(void **state)
{
    struct ima_signer_key good, evil;
    char text[4096], hex[65];
    uint8_t of_good[64], of_evil[64], signature[1100];
    static struct ima_list list;
    struct bench b;
    (void)state;
    ima_signer_new(&good, "P-256", true);
    ima_signer_new(&evil, "P-256", true);
    assert_true(bed.ops.digest(bed.ops.ctx, TPM_ALG_SHA256, good.der, good.der_bytes, of_good));
    assert_true(bed.ops.digest(bed.ops.ctx, TPM_ALG_SHA256, evil.der, evil.der_bytes, of_evil));
    sp_hex_write(of_good, 32, hex);
    (void)snprintf(text, sizeof text, "{\"digests\": {}, \"keyrings\": {\".ima\": [\"%s\"]}}", hex);
    with_policy(&b, text);
    const struct ima_made key = {"ima-buf", ".ima", TPM_ALG_SHA256, false, of_good, sp_str_bytes(good.der, good.der_bytes)};
    const struct ima_made other = {"ima-buf", ".ima", TPM_ALG_SHA256, false, of_evil, sp_str_bytes(evil.der, evil.der_bytes)};
    assert_int_equal(judge_one(&b, &key), EVIDENCE_OK);
    assert_int_equal(judge_one(&b, &other), EVIDENCE_IMA_KEYRING);

    /* a listed key is known from then on, and not before; the other never */
    for (unsigned i = 0; i < 3; i++) {
        size_t n = ima_signer_sign(i == 2 ? &evil : &good, TPM_ALG_SHA256, false, digest_a, signature);
        const struct ima_made file = {"ima-sig", "/bin/a", TPM_ALG_SHA256, false, digest_a, sp_str_bytes(signature, n)};
        close_policy(&b);
        with_policy(&b, text);
        ima_list_begin(&bed, &list);
        if (i == 1) {
            ima_list_add(&bed, &list, &file);
        }
        ima_list_add(&bed, &list, &key);
        if (i != 1) {
            ima_list_add(&bed, &list, &file);
        }
        const struct ima_tally *t = judge_list(&b, sp_str_bytes(list.p, list.n));
        assert_int_equal(t->refused, i == 0 ? 0 : 1);
        assert_int_equal(t->by_signature, i == 0 ? 1 : 0);
        assert_true(i == 0 || t->first.reason == (i == 1 ? EVIDENCE_IMA_UNLISTED : EVIDENCE_IMA_SIGNATURE));
        assert_int_equal(b.judge.learned, 1);
    }
    close_policy(&b);
    ima_list_free(&list);

    /* ignored keyrings: any key, and none is learned; what is no key is no key on them either */
    with_policy(&b, "{\"digests\": {\"/x\": [\"" SHA256_A "\"]}, \"ima\": {\"ignored_keyrings\": [\"*\"]}}");
    assert_int_equal(judge_one(&b, &other), EVIDENCE_OK);
    assert_int_equal(ima_keyring_count(b.learned), 0);
    close_policy(&b);
    (void)snprintf(
        text, sizeof text,
        "{\"digests\": {}, \"keyrings\": {\".ima\": [\"%s\"], \".b\": [\"%s\"]}, \"ima\": {\"ignored_keyrings\": [\".ima\"]}}", hex,
        hex);
    with_policy(&b, text);
    assert_int_equal(judge_one(&b, &key), EVIDENCE_OK);
    assert_int_equal(ima_keyring_count(b.learned), 0); /* listed as well: still ignored */
    close_policy(&b);
    with_policy(&b, "{\"digests\": {\"/x\": [\"" SHA256_A "\"]}, \"ima\": {\"ignored_keyrings\": [\"*\"]}}");
    assert_true(bed.ops.digest(bed.ops.ctx, TPM_ALG_SHA256, "text", 4, of_evil));
    assert_int_equal(judge_one(&b, &(struct ima_made){"ima-buf", ".ima", TPM_ALG_SHA256, false, of_evil, sp_str_of("text")}),
                     EVIDENCE_IMA_UNLISTED);
    close_policy(&b);
    ima_signer_free(&good);
    ima_signer_free(&evil);
}

static void attack_first_entry_twice_or_violation(void **state)
{
    struct bench b;
    struct ima_entry entry = {
        .violation = true, .path = sp_str_of("/bin/evil"), .file = sp_str_bytes(digest_b, 32), .file_alg = TPM_ALG_SHA256};
    (void)state;
    with_policy(&b, OWN "\"files\": {\"/a\": \"" SHA256_A "\"}}");
    assert_int_equal(judge_file(&b, "boot_aggregate", digest_b),
                     EVIDENCE_IMA_UNLISTED); /* free only as the first, which is replayed */
    ima_judge_init(&b.judge, &b.rules->judge, &b.ops, 0);
    ima_judge_entry(&b.judge, 5, &entry, false); /* the replay refuses it, whatever its path */
    assert_int_equal(b.judge.proven.refused, 0);
    close_policy(&b);
}

/* ---- signatures ------------------------------------------------------------------------------------------------ */

static void signatures_of_every_kind(void **state)
{
    static const struct {
        const char *kind;
        bool certificate, taken;
    } rows[] = {{"rsa2048", false, true}, {"rsa3072", true, true},  {"P-256", true, true},    {"P-384", false, true},
                {"P-521", true, true},    {"rsa1024", true, false}, {"ED25519", true, false}, {"P-224", false, false}};
    static const uint16_t algs[] = {TPM_ALG_SHA256, TPM_ALG_SHA384, TPM_ALG_SHA512};
    (void)state;
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct ima_signer_key key;
        struct ima_keyring *ring = ima_keyring_new(bed.crypto);
        ima_signer_new(&key, rows[i].kind, rows[i].certificate);
        assert_int_equal(ima_keyring_add(ring, sp_str_bytes(key.der, key.der_bytes), NULL), rows[i].taken);
        assert_true(ima_keyring_is_key(bed.crypto, sp_str_bytes(key.der, key.der_bytes)));
        assert_false(ima_keyring_is_key(bed.crypto, sp_str_bytes(key.der, key.der_bytes - 1)));
        for (size_t a = 0; rows[i].taken && a < SP_COUNT(algs); a++) {
            for (unsigned verity = 0; verity < 2; verity++) {
                uint8_t field[1100];
                struct ima_signature s;
                size_t n = ima_signer_sign(&key, algs[a], verity == 1, digest_a, field);
                struct sp_str digest = sp_str_bytes(digest_a, tpm_alg_bytes(algs[a]));
                assert_true(ima_signature_read(sp_str_bytes(field, n), &s));
                assert_true(s.alg == algs[a] && s.verity == (verity == 1) && s.key_id == key.id);
                assert_int_equal(ima_keyring_signer(ring, &s, digest), IMA_SIGNED);
                assert_int_equal(ima_keyring_signer(ring, &s, sp_str_bytes(digest_b, digest.n)), IMA_NOT_SIGNED);
                assert_int_equal(ima_keyring_signer(ring, &s, sp_str_bytes(digest_a, digest.n - 1)), IMA_NOT_SIGNED);
                s.verity = !s.verity; /* what was signed for one is nothing for the other */
                assert_int_equal(ima_keyring_signer(ring, &s, digest), IMA_NOT_SIGNED);
                s.verity = !s.verity;
                s.key_id++;
                assert_int_equal(ima_keyring_signer(ring, &s, digest), IMA_KEY_UNKNOWN);
            }
        }
        assert_int_equal(ima_keyring_count(ring), rows[i].taken);
        ima_keyring_destroy(&ring);
        ima_signer_free(&key);
    }
}

/* Any byte of a signature changed, or any missing: nothing is signed. */
static void no_byte_of_a_signature_can_be_another(void **state)
{
    struct ima_signer_key key;
    struct ima_keyring *ring = ima_keyring_new(bed.crypto);
    uint8_t field[1100];
    (void)state;
    ima_signer_new(&key, "P-256", false);
    assert_true(ima_keyring_add(ring, sp_str_bytes(key.der, key.der_bytes), NULL));
    size_t n = ima_signer_sign(&key, TPM_ALG_SHA256, false, digest_a, field);
    for (size_t i = 0; i < n; i++) {
        struct ima_signature s;
        field[i] ^= 0x01;
        bool read = ima_signature_read(sp_str_bytes(field, n), &s);
        if (read && ima_keyring_signer(ring, &s, sp_str_bytes(digest_a, 32)) == IMA_SIGNED) {
            fail_msg("byte %zu", i);
        }
        field[i] ^= 0x01;
        assert_false(ima_signature_read(sp_str_bytes(field, i), &s));
    }
    ima_keyring_destroy(&ring);
    ima_signer_free(&key);
}

static void signature_headers(void **state)
{
    uint8_t field[13] = {3, 2, 4, 1, 2, 3, 4, 0, 4, 9, 9, 9, 9};
    struct ima_signature s;
    static const struct {
        uint8_t at, value;
        bool good;
    } rows[] = {{0, 3, true},
                {0, 1, false} /* a digest */,
                {0, 2, false} /* EVM's own */,
                {0, 4, false},
                {0, 5, false} /* portable */,
                {0, 6, false} /* fs-verity is version 3 */,
                {1, 1, false},
                {1, 3, false},
                {2, 2, false} /* SHA-1 */,
                {2, 5, true},
                {2, 6, true},
                {2, 7, false},
                {8, 3, false},
                {8, 5, false},
                {7, 1, false}};
    (void)state;
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        uint8_t before = field[rows[i].at];
        field[rows[i].at] = rows[i].value;
        if (ima_signature_read(sp_str_bytes(field, sizeof field), &s) != rows[i].good) {
            fail_msg("row %zu", i);
        }
        field[rows[i].at] = before;
    }
    field[0] = 6;
    field[1] = 3;
    assert_true(ima_signature_read(sp_str_bytes(field, sizeof field), &s) && s.verity);
}

/* Two keys with one identifier: the identifier is a hint. */
static void keys_with_the_same_identifier(void **state)
{
    struct ima_signer_key first, second;
    struct ima_keyring *ring = ima_keyring_new(bed.crypto);
    uint8_t field[1100];
    struct ima_signature s;
    (void)state;
    ima_signer_new(&first, "P-256", true);
    ima_signer_new(&second, "rsa2048", true);
    assert_true(first.id == second.id && ima_keyring_add(ring, sp_str_bytes(first.der, first.der_bytes), NULL));
    size_t n = ima_signer_sign(&second, TPM_ALG_SHA256, false, digest_a, field);
    assert_true(ima_signature_read(sp_str_bytes(field, n), &s));
    assert_int_equal(ima_keyring_signer(ring, &s, sp_str_bytes(digest_a, 32)), IMA_NOT_SIGNED);
    assert_true(ima_keyring_add(ring, sp_str_bytes(second.der, second.der_bytes), NULL));
    assert_true(ima_keyring_add(ring, sp_str_bytes(second.der, second.der_bytes), NULL)); /* is there already */
    assert_int_equal(ima_keyring_count(ring), 2);
    assert_int_equal(ima_keyring_signer(ring, &s, sp_str_bytes(digest_a, 32)), IMA_SIGNED);
    ima_keyring_destroy(&ring);
    ima_signer_free(&first);
    ima_signer_free(&second);
}

/* Where a policy wants signatures, a listed digest is not enough, nor is an exclude. */
static void trees_that_have_to_be_signed(void **state)
{
    struct ima_signer_key key, other;
    char text[4096];
    uint8_t field[1100];
    struct bench b;
    (void)state;
    ima_signer_new(&key, "P-256", true);
    ima_signer_new(&other, "P-256", false);
    (void)snprintf(text, sizeof text,
                   OWN "\"files\": {\"/usr/a\": \"" SHA256_A
                       "\"}, \"signed\": [\"/usr/\"], \"excludes\": [\"/usr/x\"], \"keys\": [\"%s\"]}",
                   ima_bed_base64(key.der, key.der_bytes));
    with_policy(&b, text);
    assert_int_equal(judge_file(&b, "/usr/a", digest_a), EVIDENCE_IMA_SIGNATURE);
    assert_int_equal(judge_file(&b, "/usr/x", digest_a), EVIDENCE_IMA_SIGNATURE);
    size_t n = ima_signer_sign(&key, TPM_ALG_SHA256, false, digest_b, field);
    struct ima_made made = {"ima-sig", "/usr/a", TPM_ALG_SHA256, false, digest_b, sp_str_bytes(field, n)};
    assert_int_equal(judge_one(&b, &made), EVIDENCE_OK);
    made.digest = digest_a; /* the signature of another content */
    assert_int_equal(judge_one(&b, &made), EVIDENCE_IMA_SIGNATURE);
    n = ima_signer_sign(&other, TPM_ALG_SHA256, false, digest_a, field);
    made.extra = sp_str_bytes(field, n);
    assert_int_equal(judge_one(&b, &made), EVIDENCE_IMA_SIGNATURE);
    made.path = "/opt/b"; /* elsewhere it counts too, and names its reason */
    assert_int_equal(judge_one(&b, &made), EVIDENCE_IMA_SIGNATURE);
    close_policy(&b);
    ima_signer_free(&key);
    ima_signer_free(&other);
}

/* Somebody's good signature does not count for a digest of another hash or kind, though the bytes are the same. */
static void attack_signature_of_another_kind_of_digest(void **state)
{
    struct ima_signer_key key;
    char text[4096];
    uint8_t plain[1100], verity[1100];
    struct bench b;
    (void)state;
    ima_signer_new(&key, "P-256", true);
    (void)snprintf(text, sizeof text, OWN "\"keys\": [\"%s\"]}", ima_bed_base64(key.der, key.der_bytes));
    with_policy(&b, text);
    size_t n = ima_signer_sign(&key, TPM_ALG_SHA256, false, digest_a, plain);
    size_t m = ima_signer_sign(&key, TPM_ALG_SHA256, true, digest_a, verity);
    const struct {
        uint16_t alg;
        bool verity;
        struct sp_str signature;
        bool good;
    } rows[] = {{TPM_ALG_SHA256, false, sp_str_bytes(plain, n), true},
                {TPM_ALG_SM3, false, sp_str_bytes(plain, n), false},
                {TPM_ALG_SHA256, true, sp_str_bytes(plain, n), false},
                {TPM_ALG_SHA256, true, sp_str_bytes(verity, m), true},
                {TPM_ALG_SHA256, false, sp_str_bytes(verity, m), false}};
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        const struct ima_entry entry = {.file_alg = rows[i].alg,
                                        .file = sp_str_bytes(digest_a, 32),
                                        .verity = rows[i].verity,
                                        .path = sp_str_of("/x"),
                                        .signature = rows[i].signature};
        ima_judge_init(&b.judge, &b.rules->judge, &b.ops, 0);
        ima_judge_entry(&b.judge, 1, &entry, false);
        assert_int_equal(b.judge.proven.refused, rows[i].good ? 0 : 1);
    }
    close_policy(&b);
    ima_signer_free(&key);
}

/* ---- table, checkpoint, print ---------------------------------------------------------------------------------- */

#define MANY 20000u

static void number_of(uint32_t i, char *path, uint8_t *digest)
{
    (void)snprintf(path, 32, "/usr/lib/%u", i);
    memset(digest, 0, 32);
    memcpy(digest, &i, sizeof i);
}

static void tables(void **state)
{
    static const uint8_t key[16] = {7};
    char path[32];
    uint8_t digest[32];
    (void)state;
    for (uint32_t names = 1; names <= 2; names++) { /* of each digest: the second name costs a third of the first */
        struct ima_table *t = ima_table_new(key);
        for (uint32_t i = 0; i < names * MANY; i++) {
            number_of(i, path, digest);
            number_of(i % MANY, (char[32]){0}, digest);
            assert_true(ima_table_add(t, IMA_FILE, sp_str_of(path), sp_str_bytes(digest, 32)));
        }
        number_of(3, path, digest);
        assert_true(ima_table_add(t, IMA_FILE, sp_str_of(path), sp_str_bytes(digest, 32))); /* twice is once */
        assert_true(ima_table_seal(t));
        assert_int_equal(ima_table_digests(t), MANY);
        assert_int_equal(ima_table_rows(t), names * MANY);
        assert_true(ima_table_bytes(t) <= (size_t)64 * MANY);
        for (uint32_t i = 0; i < MANY; i += 7) {
            number_of(i, path, digest);
            assert_int_equal(ima_table_find(t, IMA_FILE, sp_str_of(path), sp_str_bytes(digest, 32)), IMA_LISTED);
            assert_int_equal(ima_table_find(t, IMA_KEYRING, sp_str_of(path), sp_str_bytes(digest, 32)), IMA_ABSENT);
            assert_int_equal(ima_table_find(t, IMA_FILE, sp_str_of(path), sp_str_bytes(digest, 20)), IMA_OTHER);
            digest[31] ^= 1;
            assert_int_equal(ima_table_find(t, IMA_FILE, sp_str_of(path), sp_str_bytes(digest, 32)), IMA_OTHER);
            path[1] = 'x';
            assert_int_equal(ima_table_find(t, IMA_FILE, sp_str_of(path), sp_str_bytes(digest, 32)), IMA_ABSENT);
        }
        ima_table_destroy(&t);
    }
    struct ima_table *none = ima_table_new(key);
    assert_true(ima_table_seal(none));
    assert_int_equal(ima_table_find(none, IMA_FILE, sp_str_of("/a"), sp_str_bytes(digest, 32)), IMA_ABSENT);
    ima_table_destroy(&none);
}

static void checkpoints_come_back_as_they_went(void **state)
{
    struct ima_checkpoint c = {.policy = {1, 2},
                               .bank = TPM_ALG_SHA256,
                               .at = {.bytes = 1000, .entries = 10, .pcr = {7}},
                               .pending = 3,
                               .learned = 2},
                          back;
    uint8_t bytes[IMA_CHECKPOINT_BYTES_MAX + 1];
    (void)state;
    size_t n = ima_checkpoint_write(&c, bytes);
    assert_true(ima_checkpoint_read(sp_str_bytes(bytes, n), &back));
    assert_memory_equal(back.policy, c.policy, sizeof c.policy);
    assert_memory_equal(back.at.pcr, c.at.pcr, sizeof c.at.pcr);
    assert_true(back.bank == c.bank && back.at.bytes == 1000 && back.at.entries == 10 && back.pending == 3 && back.learned == 2);
    for (size_t i = 0; i < n; i++) {
        assert_false(ima_checkpoint_read(sp_str_bytes(bytes, i), &back));
    }
    assert_false(ima_checkpoint_read(sp_str_bytes(bytes, n + 1), &back));
    for (unsigned i = 0; i < 5; i++) { /* what no good check leaves */
        struct ima_checkpoint bad = c;
        bad.at.violations = i == 0;
        bad.at.entries = i == 1 ? 0 : 10;
        bad.at.bytes = i == 2 ? IMA_LIST_BYTES_MAX + 1ull : 1000;
        bad.bank = i == 3 ? TPM_ALG_NONE : TPM_ALG_SHA256;
        n = ima_checkpoint_write(&bad, bytes);
        bytes[4] = (uint8_t)(bytes[4] + (i == 4)); /* of another version */
        assert_false(ima_checkpoint_read(sp_str_bytes(bytes, n), &back));
    }
}

static void paths_are_shown_without_what_they_do_to_a_terminal(void **state)
{
    char to[15];
    (void)state;
    assert_int_equal(ima_judge_print(sp_str_of("/a\n\x1b[\xc3\xbc b\\"), to, sizeof to), 11); /* no half of anything */
    assert_string_equal(to, "/a\\x0a\\x1b[");
    char wide[64];
    (void)ima_judge_print(sp_str_of("/a\n\x1b[\xc3\xbc b\\"), wide, sizeof wide);
    assert_string_equal(wide, "/a\\x0a\\x1b[\\xc3\\xbc\\x20b\\x5c");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(keylime_policies_work_unchanged),
        cmocka_unit_test(keylime_forms),
        cmocka_unit_test(keylime_verification_keys),
        cmocka_unit_test(our_form),
        cmocka_unit_test(lists_of_digests),
        cmocka_unit_test(what_is_refused_says_why),
        cmocka_unit_test(excludes_are_pythons),
        cmocka_unit_test(no_path_makes_an_expression_slow),
        cmocka_unit_test(attack_listed_content_under_another_name),
        cmocka_unit_test(attack_relabelled_entries),
        cmocka_unit_test(attack_key_loaded_onto_a_keyring),
        cmocka_unit_test(attack_first_entry_twice_or_violation),
        cmocka_unit_test(signatures_of_every_kind),
        cmocka_unit_test(no_byte_of_a_signature_can_be_another),
        cmocka_unit_test(signature_headers),
        cmocka_unit_test(keys_with_the_same_identifier),
        cmocka_unit_test(trees_that_have_to_be_signed),
        cmocka_unit_test(attack_signature_of_another_kind_of_digest),
        cmocka_unit_test(tables),
        cmocka_unit_test(checkpoints_come_back_as_they_went),
        cmocka_unit_test(paths_are_shown_without_what_they_do_to_a_terminal),
    };
    memset(digest_a, 0xaa, sizeof digest_a);
    memset(digest_b, 0xbb, sizeof digest_b);
    evidence_bed_init(&bed);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    evidence_bed_fini(&bed);
    return failed;
}
