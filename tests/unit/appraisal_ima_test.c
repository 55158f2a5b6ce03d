/* SPDX-License-Identifier: Apache-2.0 */
/* The module ima as the appraiser runs it: a quote by a key made on the spot and a list that grows, check after check. Every attack
 * has its own reason; going on from a checkpoint hides nothing; an unchanged node is not asked for its list. */
#include "ima_node.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "msg.h"
#include "sp_assert.h"

#define SHA256_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define POLICY                                                                                                                     \
    "{\"spice-ima-policy\": 1, \"files\": {\"/bin/a\": \"" SHA256_A "\", \"/bin/b\": \"" SHA256_A "\", \"/bin/c\": \"" SHA256_A    \
    "\"}, \"excludes\": \"/tmp/.*\"}"

static struct evidence_bed bed;
static uint8_t digest_a[64], digest_b[64];

static void add(struct ima_node *n, const char *path, const uint8_t *digest)
{
    ima_list_add(&bed, &n->list, &(struct ima_made){.template = "ima-ng", .path = path, .alg = TPM_ALG_SHA256, .digest = digest});
}

/* A node that has run /bin/a. */
static void start(struct ima_node *n, const char *policy)
{
    ima_node_open(&bed, n, policy);
    add(n, "/bin/a", digest_a);
    ima_node_quote_now(n);
}

static void expect(struct ima_node *n, enum evidence_reason reason)
{
    ima_node_check(n);
    if (n->verdict.reason != evidence_reason_wire(reason)) {
        fail_msg("%u %s; wanted %s", n->verdict.reason, n->verdict.detail, evidence_reason_name(reason));
    }
    assert_int_equal(n->verdict.outcome, evidence_reason_outcome(reason));
    assert_int_equal(n->budget.used, 0);
}

/* ---- one check after the other --------------------------------------------------------------------------------- */

static void an_unchanged_node_replays_nothing(void **state)
{
    struct ima_node n;
    (void)state;
    start(&n, POLICY);
    expect(&n, EVIDENCE_OK);
    assert_int_equal(n.lists_asked, 1);
    assert_int_equal(n.list_bytes, n.list.n);
    assert_true(n.verdict.instance == (((uint64_t)5 << 32) | 1));
    for (unsigned i = 0; i < 3; i++) {
        expect(&n, EVIDENCE_OK);
        assert_int_equal(n.lists_asked, 0); /* the quote says it all */
    }
    assert_non_null(strstr(n.verdict.measures, "entries=2 new=0 "));
    size_t before = n.list.n;
    add(&n, "/bin/b", digest_a);
    ima_node_quote_now(&n);
    expect(&n, EVIDENCE_OK);
    assert_int_equal(n.list_bytes, n.list.n - before); /* and then only what is new */
    assert_non_null(strstr(n.verdict.measures, "entries=3 new=1 "));
    ima_node_close(&n);
}

static void a_refused_node_stays_refused(void **state)
{
    struct ima_node n;
    (void)state;
    start(&n, POLICY);
    expect(&n, EVIDENCE_OK);
    add(&n, "/bin/evil", digest_b);
    for (unsigned i = 0; i < 3; i++) {
        add(&n, i == 0 ? "/bin/b" : i == 1 ? "/bin/c" : "/tmp/x", digest_a); /* good things do not make up for it */
        ima_node_quote_now(&n);
        expect(&n, EVIDENCE_IMA_UNLISTED);
        assert_non_null(strstr(n.verdict.detail, "/bin/evil sha256:bbbb"));
        assert_non_null(strstr(n.verdict.detail, "(entry 3); 1 refused"));
    }
    ima_node_close(&n);
}

static void a_reboot_begins_again(void **state)
{
    struct ima_node n;
    (void)state;
    start(&n, POLICY);
    add(&n, "/bin/b", digest_a);
    add(&n, "/tmp/x", digest_b);
    ima_node_quote_now(&n);
    expect(&n, EVIDENCE_OK);
    n.tpm.clock.reset_count++; /* and less was run than before */
    ima_list_begin(&bed, &n.list);
    add(&n, "/bin/c", digest_a);
    ima_node_quote_now(&n);
    expect(&n, EVIDENCE_OK);
    assert_int_equal(n.list_bytes, n.list.n);
    assert_true(n.verdict.instance == (((uint64_t)6 << 32) | 1));
    n.tpm.clock.reset_count = 5; /* state of the TPM put back */
    expect(&n, EVIDENCE_RESET_BACK);
    ima_node_close(&n);
}

/* A boot that was seen is not forgotten because something was wrong with it. */
static void attack_back_to_a_boot_before_the_refused_one(void **state)
{
    struct ima_node n;
    (void)state;
    start(&n, POLICY);
    expect(&n, EVIDENCE_OK);
    struct ima_list good = n.list;
    n.list = (struct ima_list){.n = 0};
    n.tpm.clock.reset_count = 6;
    ima_list_begin(&bed, &n.list);
    add(&n, "/bin/evil", digest_b);
    ima_node_quote_now(&n);
    expect(&n, EVIDENCE_IMA_UNLISTED);
    ima_list_free(&n.list);
    n.list = good;
    n.tpm.clock.reset_count = 5;
    ima_node_quote_now(&n);
    expect(&n, EVIDENCE_RESET_BACK);
    ima_node_close(&n);
}

static void another_policy_judges_everything_again(void **state)
{
    struct ima_node n;
    (void)state;
    start(&n, POLICY);
    expect(&n, EVIDENCE_OK);
    ima_node_policy(&n, "{\"spice-ima-policy\": 1, \"files\": {\"/bin/b\": \"" SHA256_A "\"}}");
    expect(&n, EVIDENCE_IMA_UNLISTED);
    ima_node_policy(&n, POLICY);
    expect(&n, EVIDENCE_OK);
    ima_node_close(&n);
}

static void another_key_proves_everything_again(void **state)
{
    struct ima_node n;
    (void)state;
    start(&n, POLICY);
    expect(&n, EVIDENCE_OK);
    fake_tpm_fini(&n.tpm);
    ima_node_key(&bed, &n);
    ima_node_quote_now(&n);
    expect(&n, EVIDENCE_OK);
    assert_int_equal(n.list_bytes, n.list.n);
    ima_node_close(&n);
}

static void a_checkpoint_is_ours_or_nothing(void **state)
{
    struct ima_node n;
    (void)state;
    start(&n, POLICY);
    expect(&n, EVIDENCE_OK);
    const uint32_t whole = n.checkpoint_len;
    for (uint32_t cut = 0; cut < whole; cut++) {
        uint8_t before[APPRAISAL_CHECKPOINT_MAX];
        memcpy(before, n.checkpoint, whole);
        n.checkpoint_len = cut;
        expect(&n, EVIDENCE_OK);
        assert_int_equal(n.list_bytes, n.list.n); /* the whole list again */
        memcpy(n.checkpoint, before, whole);
    }
    ima_node_close(&n);
}

/* The key that signs was learned from a part of the list that is not read again: it is read again for it. */
static void keys_of_an_earlier_part_are_found_again(void **state)
{
    struct ima_signer_key key;
    struct ima_node n;
    char policy[512], hex[65];
    uint8_t digest[64], signature[1100];
    (void)state;
    ima_signer_new(&key, "P-256", true);
    ima_bed_sha256(key.der, key.der_bytes, digest, hex);
    (void)snprintf(policy, sizeof policy,
                   "{\"spice-ima-policy\": 1, \"files\": {\"/bin/a\": \"" SHA256_A "\"}, \"keyrings\": {\".ima\": \"%s\"}}", hex);
    start(&n, policy);
    ima_list_add(&bed, &n.list,
                 &(struct ima_made){"ima-buf", ".ima", TPM_ALG_SHA256, false, digest, sp_str_bytes(key.der, key.der_bytes)});
    ima_node_quote_now(&n);
    expect(&n, EVIDENCE_OK);
    size_t bytes = ima_signer_sign(&key, TPM_ALG_SHA256, false, digest_b, signature);
    struct ima_made file = {"ima-sig", "/bin/signed", TPM_ALG_SHA256, false, digest_b, sp_str_bytes(signature, bytes)};
    ima_list_add(&bed, &n.list, &file);
    ima_node_quote_now(&n);
    expect(&n, EVIDENCE_OK);
    assert_int_equal(n.lists_asked, 2);
    assert_non_null(strstr(n.verdict.measures, "signed=1"));
    file.digest = digest_a; /* the signature of another content */
    ima_list_add(&bed, &n.list, &file);
    ima_node_quote_now(&n);
    expect(&n, EVIDENCE_IMA_SIGNATURE);
    ima_node_close(&n);
    ima_signer_free(&key);
}

/* ---- pending entries ------------------------------------------------------------------------------------------- */

static void entries_behind_the_quote_prove_nothing(void **state)
{
    struct ima_node n;
    (void)state;
    start(&n, POLICY);
    add(&n, "/bin/evil", digest_b); /* in the list, not yet in the PCR */
    expect(&n, EVIDENCE_OK);
    assert_non_null(strstr(n.verdict.measures, "entries=2 new=2 pending=1 "));
    assert_non_null(strstr(n.verdict.measures, "refused=0 pending_refused=1"));
    ima_node_quote_now(&n);
    expect(&n, EVIDENCE_IMA_UNLISTED);
    ima_node_close(&n);
}

static void attack_entries_that_never_reach_the_pcr(void **state)
{
    struct ima_node n;
    (void)state;
    start(&n, POLICY);
    add(&n, "/bin/b", digest_a);
    expect(&n, EVIDENCE_OK);
    expect(&n, EVIDENCE_IMA_PENDING);
    ima_node_quote_now(&n);
    expect(&n, EVIDENCE_OK);
    ima_node_close(&n);
}

/* ---- attacks --------------------------------------------------------------------------------------------------- */

static void attack_unlisted_file(void **state)
{
    struct ima_node n;
    (void)state;
    start(&n, POLICY);
    add(&n, "/bin/e v\x1b[2Jil\n10", digest_a);
    ima_node_quote_now(&n);
    expect(&n, EVIDENCE_IMA_UNLISTED);
    assert_non_null(
        strstr(n.verdict.detail, "/bin/e\\x20v\\x1b[2Jil\\x0a10 sha256:aaaa")); /* harmless to a terminal and to a log */
    ima_node_close(&n);
}

static void attack_changed_file(void **state)
{
    struct ima_node n;
    (void)state;
    start(&n, POLICY);
    add(&n, "/bin/b", digest_b);
    add(&n, "/bin/c", digest_b);
    ima_node_quote_now(&n);
    expect(&n, EVIDENCE_IMA_DIGEST);
    assert_non_null(strstr(n.verdict.detail, "; 2 refused"));
    ima_node_close(&n);
}

static void attack_entry_left_out(void **state)
{
    struct ima_node n;
    (void)state;
    for (unsigned later = 0; later < 2; later++) { /* at the first check, and behind a checkpoint */
        start(&n, POLICY);
        if (later == 1) {
            expect(&n, EVIDENCE_OK);
        }
        size_t good = n.list.n;
        add(&n, "/bin/evil", digest_b);
        size_t bad = n.list.n - good;
        add(&n, "/bin/b", digest_a);
        ima_node_quote_now(&n);
        memmove(n.list.p + good, n.list.p + good + bad, n.list.n - good - bad);
        n.list.n -= bad;
        expect(&n, EVIDENCE_IMA_PCR);
        ima_node_close(&n);
    }
}

static void attack_list_kept_back(void **state)
{
    struct ima_node n;
    (void)state;
    start(&n, POLICY);
    expect(&n, EVIDENCE_OK);
    size_t good = n.list.n;
    add(&n, "/bin/evil", digest_b);
    ima_node_quote_now(&n);
    n.list.n = good;
    expect(&n, EVIDENCE_IMA_PCR);
    ima_node_close(&n);
}

/* Bytes that were not asked for: from the beginning in place of from the checkpoint. They are read for what they are. */
static void attack_other_part_of_the_list(void **state)
{
    struct ima_node n;
    (void)state;
    start(&n, POLICY);
    expect(&n, EVIDENCE_OK);
    add(&n, "/bin/b", digest_a);
    ima_node_quote_now(&n);
    n.ignore_from = true;
    expect(&n, EVIDENCE_OK);
    add(&n, "/bin/evil", digest_b);
    ima_node_quote_now(&n);
    expect(&n, EVIDENCE_IMA_UNLISTED);
    ima_node_close(&n);
}

static void attack_list_of_another_boot(void **state)
{
    struct ima_node n;
    (void)state;
    start(&n, POLICY);
    n.tpm.sha256[7][0] = 1;
    expect(&n, EVIDENCE_IMA_AGGREGATE);
    ima_node_close(&n);
}

static void attack_violation_hides_a_file(void **state)
{
    struct ima_node n;
    (void)state;
    start(&n, POLICY);
    ima_list_violate(&bed, &n.list, "/bin/a");
    ima_node_quote_now(&n);
    expect(&n, EVIDENCE_IMA_VIOLATION);
    ima_node_close(&n);
}

static void attack_header_and_template_edited(void **state)
{
    struct ima_node n;
    (void)state;
    start(&n, POLICY);
    size_t at = n.list.n;
    add(&n, "/bin/b", digest_a);
    ima_node_quote_now(&n);
    n.list.p[at + 4] ^= 1;
    expect(&n, EVIDENCE_IMA_HASH);
    n.list.p[at + 4] ^= 1;
    n.list.p[at] = 11;
    expect(&n, EVIDENCE_IMA_INDEX);
    n.list.p[at] = 10;
    n.list.p[at + 28] = 'x';
    expect(&n, EVIDENCE_IMA_TEMPLATE);
    n.list.p[at + 28] = 'i';
    n.list.n -= 1;
    expect(&n, EVIDENCE_IMA_MALFORMED);
    n.list.n += 1;
    expect(&n, EVIDENCE_OK);
    ima_node_close(&n);
}

static void attack_old_quote(void **state)
{
    struct ima_node n;
    (void)state;
    start(&n, POLICY);
    n.flaw = FAKE_REPLAY;
    expect(&n, EVIDENCE_QUOTE_NONCE);
    assert_true(n.verdict.instance == 0 && n.lists_asked == 0);
    ima_node_close(&n);
}

static void no_key_enrolled(void **state)
{
    struct ima_node n;
    (void)state;
    start(&n, POLICY);
    n.no_key = true;
    ima_node_check(&n);
    assert_int_equal(n.verdict.outcome, SP_OUTCOME_ERROR);
    assert_int_equal(n.verdict.reason, SP_REASON_NOT_ENROLLED);
    n.no_key = false;
    n.params = "{\"certified\": true}";
    ima_node_policy(&n, POLICY);
    ima_node_check(&n);
    assert_int_equal(n.verdict.reason, SP_REASON_NOT_ENROLLED); /* the bed says nothing of how the node was enrolled */
    ima_node_close(&n);
}

/* ---- bounds ---------------------------------------------------------------------------------------------------- */

static void a_long_list_takes_little_memory(void **state)
{
    struct ima_node n;
    (void)state;
    start(&n, POLICY);
    for (unsigned i = 0; i < 20000; i++) {
        char path[64];
        (void)snprintf(path, sizeof path, "/tmp/%u", i);
        add(&n, path, digest_b);
    }
    ima_node_quote_now(&n);
    n.part = 60000;
    n.answer_most = 700000; /* several documents for one list */
    expect(&n, EVIDENCE_OK);
    assert_true(n.lists_asked > 2 && n.list.n > 1900000);
    assert_true(n.most_used <= 262144);
    assert_non_null(strstr(n.verdict.measures, "excluded=20000 "));
    ima_node_close(&n);
}

/* Root on a node can fill its list; what it costs us ends where the verdict is known. */
static void attack_a_list_full_of_refused_entries(void **state)
{
    struct ima_node n;
    (void)state;
    start(&n, POLICY);
    for (unsigned i = 0; i < IMA_JUDGE_REFUSED_MAX + 50; i++) {
        char path[64];
        (void)snprintf(path, sizeof path, "/evil/%u", i);
        add(&n, path, digest_b);
    }
    ima_node_quote_now(&n);
    n.part = 60000;
    expect(&n, EVIDENCE_IMA_UNLISTED);
    assert_non_null(strstr(n.verdict.detail, "/evil/0 sha256:"));
    assert_non_null(strstr(n.verdict.detail, "; 10000 or more refused"));
    ima_node_close(&n);
}

static void memory_that_is_spent_says_so(void **state)
{
    struct ima_node n;
    static uint8_t buffer[600000];
    (void)state;
    start(&n, POLICY);
    uint8_t digest[64];
    char hex[65];
    ima_bed_sha256(buffer, sizeof buffer, digest, hex);
    ima_list_add(&bed, &n.list,
                 &(struct ima_made){"ima-buf", "large", TPM_ALG_SHA256, false, digest, sp_str_bytes(buffer, sizeof buffer)});
    ima_node_quote_now(&n);
    n.part = 60000;
    n.budget.most = 300000; /* not enough for the beginning of this entry */
    ima_node_check(&n);
    assert_int_equal(n.verdict.outcome, SP_OUTCOME_ERROR);
    assert_int_equal(n.verdict.reason, SP_REASON_BUSY);
    assert_int_equal(n.budget.used, 0);
    n.budget.most = 16u << 20;
    expect(&n, EVIDENCE_IMA_UNLISTED);
    ima_node_close(&n);
}

static void policies_are_refused_where_they_are_read(void **state)
{
    char why[APPRAISAL_WHY_MAX];
    (void)state;
    assert_null(appraisal_ima.policy_new(&bed.ops, sp_str_of("{}"), sp_str_of("{\"digests\": {}}"), why));
    assert_non_null(strstr(why, "neither"));
    assert_null(appraisal_ima.policy_new(&bed.ops, sp_str_of("{\"pcrs\": \"sha256:0-9\"}"), sp_str_of(POLICY), why));
    assert_non_null(strstr(why, "pcrs"));
    assert_null(appraisal_ima.policy_new(&bed.ops, sp_str_of("[]"), sp_str_of(POLICY), why));
    void *policy = appraisal_ima.policy_new(&bed.ops, sp_str_of("{\"pcrs\": \"sha1:0-7+sha256:0-10\"}"), sp_str_of(POLICY), why);
    assert_non_null(policy);
    appraisal_ima.policy_free(policy);
}

/* Where signers are named, only what one of them has signed is a policy. */
static void policies_in_envelopes(void **state)
{
    static const char type[] = "application/vnd.keylime+json", policy[] = "{\"digests\": {\"/a\": [\"" SHA256_A "\"]}}";
    static char text[4096], params[4096];
    char why[APPRAISAL_WHY_MAX];
    struct ima_signer_key key, other;
    (void)state;
    ima_signer_new(&key, "P-256", false);
    ima_signer_new(&other, "P-256", false);
    (void)snprintf(params, sizeof params, "{\"signers\": [\"%s\"]}", ima_bed_base64(key.der, key.der_bytes));
    ima_signer_envelope(&key, type, policy, text, sizeof text);
    void *good = appraisal_ima.policy_new(&bed.ops, sp_str_of(params), sp_str_of(text), why);
    assert_non_null(good);
    appraisal_ima.policy_free(good);
    assert_null(appraisal_ima.policy_new(&bed.ops, sp_str_of("{}"), sp_str_of(text), why)); /* nobody's signature counts */
    assert_non_null(strstr(why, "signers"));
    assert_null(appraisal_ima.policy_new(&bed.ops, sp_str_of("{\"signers\": []}"), sp_str_of(text), why));
    assert_null(appraisal_ima.policy_new(&bed.ops, sp_str_of("{\"signers\": \"\"}"), sp_str_of(policy), why));
    assert_null(appraisal_ima.policy_new(&bed.ops, sp_str_of("{\"signers\": [\"AAAA\"]}"), sp_str_of(text), why));
    assert_null(appraisal_ima.policy_new(&bed.ops, sp_str_of(params), sp_str_of(policy), why));
    assert_non_null(strstr(why, "must be signed"));
    ima_signer_envelope(&other, type, policy, text, sizeof text);
    assert_null(appraisal_ima.policy_new(&bed.ops, sp_str_of(params), sp_str_of(text), why));
    assert_non_null(strstr(why, "none of the signers"));
    ima_signer_envelope(&key, type, policy, text, sizeof text);
    static const char *const parts[] = {"payload\": \"", "payloadType\": \"", "{\"sig\": \""};
    for (size_t i = 0; i < SP_COUNT(parts); i++) { /* a letter of the payload, of its type, of the signature */
        char *at = strstr(text, parts[i]) + strlen(parts[i]) + 12;
        *at ^= 2;
        assert_null(appraisal_ima.policy_new(&bed.ops, sp_str_of(params), sp_str_of(text), why));
        *at ^= 2;
    }
    ima_signer_free(&key);
    ima_signer_free(&other);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unchanged_node_replays_nothing),
        cmocka_unit_test(a_refused_node_stays_refused),
        cmocka_unit_test(a_reboot_begins_again),
        cmocka_unit_test(attack_back_to_a_boot_before_the_refused_one),
        cmocka_unit_test(another_policy_judges_everything_again),
        cmocka_unit_test(another_key_proves_everything_again),
        cmocka_unit_test(a_checkpoint_is_ours_or_nothing),
        cmocka_unit_test(keys_of_an_earlier_part_are_found_again),
        cmocka_unit_test(entries_behind_the_quote_prove_nothing),
        cmocka_unit_test(attack_entries_that_never_reach_the_pcr),
        cmocka_unit_test(attack_unlisted_file),
        cmocka_unit_test(attack_changed_file),
        cmocka_unit_test(attack_entry_left_out),
        cmocka_unit_test(attack_list_kept_back),
        cmocka_unit_test(attack_other_part_of_the_list),
        cmocka_unit_test(attack_list_of_another_boot),
        cmocka_unit_test(attack_violation_hides_a_file),
        cmocka_unit_test(attack_header_and_template_edited),
        cmocka_unit_test(attack_old_quote),
        cmocka_unit_test(no_key_enrolled),
        cmocka_unit_test(a_long_list_takes_little_memory),
        cmocka_unit_test(attack_a_list_full_of_refused_entries),
        cmocka_unit_test(memory_that_is_spent_says_so),
        cmocka_unit_test(policies_are_refused_where_they_are_read),
        cmocka_unit_test(policies_in_envelopes),
    };
    memset(digest_a, 0xaa, sizeof digest_a);
    memset(digest_b, 0xbb, sizeof digest_b);
    evidence_bed_init(&bed);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    evidence_bed_fini(&bed);
    return failed;
}
