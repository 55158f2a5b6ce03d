/* SPDX-License-Identifier: Apache-2.0 */
/* Measurement lists: every recorded one by its name with the quote it came with (real kernels, and one for each attack), in parts
 * of any size, and going on from an earlier check. */
#include "ima_replay.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "evidence_bed.h"
#include "sp_assert.h"

static struct evidence_bed bed;
static struct evidence_case *cases;
static size_t count;
static struct quote_finding quote;
static struct ima_finding finding;
static const struct ima_progress beginning;

static void prove(const struct evidence_case *one)
{
    struct quote_question question;
    struct quote_answer answer;
    evidence_case_pair(one, &question, &answer);
    assert_int_equal(quote_appraise(&question, &answer, &bed.ops, &quote), EVIDENCE_OK);
}

static struct ima_options options_of(const struct evidence_case *one)
{
    return (struct ima_options){.digest_bytes = strstr(one->id, "sha256-list") != NULL ? 32 : 20,
                                .aggregate_0_7 = strstr(one->options, "aggregate_0_7") != NULL,
                                .padded = strstr(one->options, "padded") != NULL};
}

/* Judges a list in parts of `part` bytes against the quote proven last; each part is in memory of its own. */
static enum evidence_reason judge(struct sp_str list, const struct ima_options *options, const struct ima_progress *before,
                                  const struct ima_visitor *visitor, size_t part)
{
    const struct ima_question question = {&quote.pcrs, quote.pcrs.selection.bank[0].alg, before, options, visitor};
    struct ima_replay r;
    size_t taken = 0, end = 0;
    enum evidence_reason reason = ima_replay_init(&r, &question, &bed.ops);
    while (reason == EVIDENCE_OK && end < list.n) {
        end = end + part < list.n ? end + part : list.n;
        uint8_t *copy = malloc(end - taken);
        SP_ASSERT(copy != NULL);
        memcpy(copy, list.p + taken, end - taken);
        size_t used = ima_replay_push(&r, sp_str_bytes(copy, end - taken));
        SP_ASSERT(used <= end - taken);
        taken += used;
        free(copy);
    }
    return ima_replay_end(&r, list.n - taken, &finding);
}

static void recorded(void **state)
{
    const struct evidence_case *one = *state;
    const struct ima_options options = options_of(one);
    static const size_t parts[] = {1u << 24, 1, 7, 100, 4096};
    prove(one);
    for (size_t i = 0; i < SP_COUNT(parts); i++) {
        enum evidence_reason reason = judge(one->list, &options, &beginning, NULL, parts[i]);
        if (strcmp(evidence_reason_name(reason), one->reason) != 0) {
            fail_msg("%s in parts of %zu: %s at %u, wanted %s", one->id, parts[i], evidence_reason_name(reason), finding.entry,
                     one->reason);
        }
        if (reason == EVIDENCE_OK || reason == EVIDENCE_IMA_VIOLATION) {
            assert_true(one->proven == 0 || finding.after.entries == one->proven);
            assert_int_equal(finding.pending, one->pending);
            assert_int_equal(finding.after.violations > 0, reason == EVIDENCE_IMA_VIOLATION);
            assert_true(one->violations == 0 || finding.after.violations == one->violations);
            assert_int_equal(finding.padded, options.padded);
        }
    }
}

static const struct evidence_case *find(const char *id)
{
    const struct evidence_case *one = evidence_case_find(cases, count, id);
    prove(one);
    return one;
}

static const struct ima_options plain = {.digest_bytes = 20};

/* What kernels before 5.8 did counts only where the policy says so. */
static void weaker_rules_are_asked_for(void **state)
{
    (void)state;
    assert_int_equal(judge(find("synthetic-padded-sha1-bank")->list, &plain, &beginning, NULL, 4096), EVIDENCE_IMA_PCR);
    assert_int_equal(judge(find("synthetic-aggregate-0-7")->list, &plain, &beginning, NULL, 4096), EVIDENCE_IMA_AGGREGATE);
    const struct ima_options both = {.digest_bytes = 20, .aggregate_0_7 = true, .padded = true};
    assert_int_equal(judge(find("synthetic-good")->list, &both, &beginning, NULL, 4096), EVIDENCE_OK);
    assert_false(finding.padded); /* the right rule comes first */
}

/* Later checks of a boot read what is new only; nothing new is read in no time. */
static void going_on(void **state)
{
    (void)state;
    const struct evidence_case *first = find("k61-p1-ecc");
    assert_int_equal(judge(first->list, &plain, &beginning, NULL, 4096), EVIDENCE_OK);
    struct ima_progress before = finding.after;
    assert_int_equal(before.bytes, first->list.n);
    assert_int_equal(judge(sp_str_bytes(NULL, 0), &plain, &before, NULL, 4096), EVIDENCE_OK);
    assert_int_equal(finding.after.entries, before.entries);

    const struct evidence_case *second = find("k61-p2-ecc");
    struct sp_str added = sp_str_bytes(second->list.p + before.bytes, second->list.n - before.bytes);
    assert_int_equal(judge(added, &plain, &before, NULL, 4096), EVIDENCE_OK);
    assert_int_equal(finding.after.entries, second->proven);
    assert_int_equal(finding.pending, 0);
    assert_int_equal(judge(sp_str_bytes(NULL, 0), &plain, &before, NULL, 4096), EVIDENCE_IMA_PCR); /* new entries kept back */
    assert_int_equal(judge(second->list, &plain, &before, NULL, 4096), EVIDENCE_IMA_SECOND);       /* from the beginning again */
    before.pcr[0] ^= 1;                                                                            /* of another boot */
    assert_int_equal(judge(added, &plain, &before, NULL, 4096), EVIDENCE_IMA_PCR);
}

/* A violation stays one in later checks. */
static void violations_are_not_forgotten(void **state)
{
    (void)state;
    assert_int_equal(judge(find("k61-p2-ecc")->list, &plain, &beginning, NULL, 4096), EVIDENCE_OK);
    struct ima_progress before = finding.after;
    const struct evidence_case *later = find("k61-p3-ecc");
    assert_int_equal(judge(sp_str_bytes(later->list.p + before.bytes, later->list.n - before.bytes), &plain, &before, NULL, 64),
                     EVIDENCE_IMA_VIOLATION);
    before = finding.after;
    assert_true(before.violations > 0);
    assert_int_equal(judge(sp_str_bytes(NULL, 0), &plain, &before, NULL, 64), EVIDENCE_IMA_VIOLATION);
}

/* The list of one boot with the quote of another. */
static void the_list_of_another_boot(void **state)
{
    (void)state;
    const struct evidence_case *one = evidence_case_find(cases, count, "k61-p1-ecc");
    (void)find("k61-p2-ecc");
    assert_int_equal(judge(one->list, &plain, &beginning, NULL, 4096), EVIDENCE_IMA_PCR);
    quote.pcrs.value[0][7][0] ^= 1; /* the boot was another one */
    assert_int_equal(judge(one->list, &plain, &beginning, NULL, 4096), EVIDENCE_IMA_AGGREGATE);
}

struct seen {
    uint32_t entries, signatures, buffers, old, newline;
    char last[IMA_PATH_BYTES_MAX];
};

static void see(void *ctx, uint32_t index, const struct ima_entry *entry)
{
    struct seen *s = ctx;
    assert_int_equal(index, s->entries++);
    s->signatures += entry->signature.n > 0;
    s->buffers += entry->buffer.n > 0;
    s->old += entry->old;
    s->newline += memchr(entry->path.p, '\n', entry->path.n) != NULL;
    assert_true(sp_str_copy(s->last, sizeof s->last, entry->path));
    assert_true(entry->violation || entry->file.n == tpm_alg_bytes(entry->file_alg));
}

static void what_a_policy_gets_to_see(void **state)
{
    struct seen s = {0};
    const struct ima_visitor visitor = {see, &s, NULL};
    (void)state;
    assert_int_equal(judge(find("k61-p1-ecc")->list, &plain, &beginning, &visitor, 100), EVIDENCE_OK);
    assert_int_equal(s.entries, 23);
    assert_true(s.signatures > 0 && s.buffers > 0 && s.old > 0);
    s = (struct seen){0};
    assert_int_equal(judge(find("synthetic-newline-in-name")->list, &plain, &beginning, &visitor, 100), EVIDENCE_OK);
    assert_int_equal(s.newline, 1);
}

/* Any byte of a list changed: it is refused, or what changed is pending, or lies in what a violation does not prove. */
static void no_byte_can_be_another(void **state)
{
    const struct evidence_case *one = find("k61-p2-ecc");
    uint8_t *list = malloc(one->list.n);
    (void)state;
    assert_non_null(list);
    memcpy(list, one->list.p, one->list.n);
    for (uint32_t i = 0; i < one->list.n; i++) {
        list[i] ^= 0x01;
        if (judge(sp_str_bytes(list, one->list.n), &plain, &beginning, NULL, one->list.n) == EVIDENCE_OK) {
            fail_msg("byte %u", i);
        }
        list[i] ^= 0x01;
    }
    free(list);
}

/* ---- lists built here: what root on a node can append, with PCR 10 extended to match ---------------------------- */

struct build {
    uint8_t p[8192];
    size_t n;
};

static void put32(struct build *b, size_t n)
{
    for (unsigned i = 0; i < 4; i++) {
        b->p[b->n++] = (uint8_t)(n >> 8 * i);
    }
}

static void put_bytes(struct build *b, const void *p, size_t n)
{
    memcpy(b->p + b->n, p, n);
    b->n += n;
}

static void put_sized(struct build *b, const void *p, size_t n)
{
    put32(b, n);
    put_bytes(b, p, n);
}

/* An entry with these fields (each with its length already), its right digest, and PCR 10 extended by it. */
static void add_entry(struct build *b, const char *template, const struct build *fields)
{
    uint8_t digest[TPM_DIGEST_MAX], both[64];
    put32(b, IMA_PCR);
    assert_true(bed.ops.digest(bed.ops.ctx, TPM_ALG_SHA1, fields->p, fields->n, digest));
    put_bytes(b, digest, 20);
    put_sized(b, template, strlen(template));
    put_sized(b, fields->p, fields->n);
    memcpy(both, quote.pcrs.value[0][IMA_PCR], 32);
    assert_true(bed.ops.digest(bed.ops.ctx, TPM_ALG_SHA256, fields->p, fields->n, digest));
    memcpy(both + 32, digest, 32);
    assert_true(bed.ops.digest(bed.ops.ctx, TPM_ALG_SHA256, both, sizeof both, digest));
    memcpy(quote.pcrs.value[0][IMA_PCR], digest, 32);
}

/* Fields of a file: digest field as it is, and path. */
static struct build fields_of(const void *digest, size_t digest_bytes, const void *path, size_t path_bytes)
{
    struct build f = {.n = 0};
    put_sized(&f, digest, digest_bytes);
    put_sized(&f, path, path_bytes);
    return f;
}

/* "sha256:", zero, digest of n bytes */
static size_t digest_field(uint8_t *to, const char *name, const uint8_t *digest, size_t n)
{
    size_t name_bytes = strlen(name) + 1;
    memcpy(to, name, name_bytes);
    memcpy(to + name_bytes, digest, n);
    return name_bytes + n;
}

/* Effect: a list with its first entry, of a boot whose PCRs are zero. */
static void begin(struct build *b)
{
    static const uint8_t zero[320];
    uint8_t digest[TPM_DIGEST_MAX], field[128];
    memset(&quote.pcrs, 0, sizeof quote.pcrs);
    quote.pcrs.selection = (struct tpm_selection){1, {{TPM_ALG_SHA256, 0x7ff}}};
    b->n = 0;
    assert_true(bed.ops.digest(bed.ops.ctx, TPM_ALG_SHA256, zero, sizeof zero, digest));
    struct build f = fields_of(field, digest_field(field, "sha256:", digest, 32), "boot_aggregate", 15);
    add_entry(b, "ima-ng", &f);
}

static enum evidence_reason judge_built(const struct build *b)
{
    return judge(sp_str_bytes(b->p, b->n), &plain, &beginning, NULL, 50);
}

static void buffers_are_what_was_measured(void **state)
{
    uint8_t digest[TPM_DIGEST_MAX], field[128];
    struct build b;
    (void)state;
    for (unsigned wrong = 0; wrong < 2; wrong++) {
        begin(&b);
        assert_true(bed.ops.digest(bed.ops.ctx, TPM_ALG_SHA256, "key", 3, digest));
        struct build f = fields_of(field, digest_field(field, "sha256:", digest, 32), ".ima", 5);
        put_sized(&f, wrong ? "kez" : "key", 3);
        add_entry(&b, "ima-buf", &f);
        assert_int_equal(judge_built(&b), wrong ? EVIDENCE_IMA_BUFFER : EVIDENCE_OK);
        assert_int_equal(finding.entry, wrong ? 2 : 0);
    }
}

static void fields_that_no_kernel_writes(void **state)
{
    static const uint8_t digest[64] = {1};
    static const struct {
        const char *hash;
        size_t bytes;
        const char *path;
        size_t path_bytes;
        enum evidence_reason reason;
    } rows[] = {
        {"sha256:", 32, "/bin/x", 7, EVIDENCE_OK},
        {"sha1:", 20, "/bin/x", 7, EVIDENCE_OK},
        {"sha256:", 31, "/bin/x", 7, EVIDENCE_IMA_MALFORMED}, /* a digest of another length */
        {"sha256:", 33, "/bin/x", 7, EVIDENCE_IMA_MALFORMED},
        {"sha1:", 32, "/bin/x", 7, EVIDENCE_IMA_MALFORMED},
        {"sha256:", 0, "/bin/x", 7, EVIDENCE_IMA_MALFORMED},
        {"sha256", 32, "/bin/x", 7, EVIDENCE_IMA_MALFORMED}, /* no colon */
        {"what:", 32, "/bin/x", 7, EVIDENCE_IMA_MALFORMED},
        {":", 32, "/bin/x", 7, EVIDENCE_IMA_MALFORMED},
        {"sha256:", 32, "/bin/x", 6, EVIDENCE_IMA_MALFORMED},  /* a path without its zero */
        {"sha256:", 32, "/bin\0x", 7, EVIDENCE_IMA_MALFORMED}, /* and with one inside */
        {"sha256:", 32, "", 1, EVIDENCE_IMA_MALFORMED},
        {"sha256:", 32, "", 0, EVIDENCE_IMA_MALFORMED},
    };
    struct build b;
    (void)state;
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        uint8_t field[128];
        begin(&b);
        struct build f =
            fields_of(field, digest_field(field, rows[i].hash, digest, rows[i].bytes), rows[i].path, rows[i].path_bytes);
        add_entry(&b, "ima-ng", &f);
        enum evidence_reason reason = judge_built(&b);
        if (reason != rows[i].reason) {
            fail_msg("row %zu: %s", i, evidence_reason_name(reason));
        }
    }
}

static void formats_as_names(void **state)
{
    static const uint8_t digest[64] = {1};
    uint8_t field[128];
    struct build b;
    (void)state;
    size_t n = digest_field(field, "sha256:", digest, 32);
    struct build f = fields_of("/bin/x", 7, field, n); /* in the order of the format */
    begin(&b);
    add_entry(&b, "n-ng|d-ng", &f);
    assert_int_equal(judge_built(&b), EVIDENCE_OK);
    begin(&b);
    add_entry(&b, "d-ng|n-ng", &f);
    assert_int_equal(judge_built(&b), EVIDENCE_IMA_MALFORMED);
    begin(&b);
    add_entry(&b, "n-ng|what", &f);
    assert_int_equal(judge_built(&b), EVIDENCE_IMA_TEMPLATE);
    begin(&b);
    add_entry(&b, "ima-new", &f);
    assert_int_equal(judge_built(&b), EVIDENCE_IMA_TEMPLATE);
    struct build twice = fields_of(field, n, field, n); /* two digests, no path */
    begin(&b);
    add_entry(&b, "d-ng|d-ng", &twice);
    assert_int_equal(judge_built(&b), EVIDENCE_IMA_MALFORMED);
    struct build more = f; /* a field more than the format has */
    put_sized(&more, "x", 1);
    begin(&b);
    add_entry(&b, "n-ng|d-ng", &more);
    assert_int_equal(judge_built(&b), EVIDENCE_IMA_MALFORMED);
}

static void no_pcr_10_in_the_quote(void **state)
{
    const struct evidence_case *one = find("k61-p1-ecc");
    (void)state;
    quote.pcrs.selection.bank[0].pcrs &= ~(1u << IMA_PCR);
    assert_int_equal(judge(one->list, &plain, &beginning, NULL, 4096), EVIDENCE_REFERENCE_UNQUOTED);
    (void)find("k61-p1-ecc");
    quote.pcrs.selection.bank[0].pcrs &= ~(1u << 9); /* the aggregate cannot be checked then */
    assert_int_equal(judge(one->list, &plain, &beginning, NULL, 4096), EVIDENCE_REFERENCE_UNQUOTED);
}

int main(void)
{
    static const struct CMUnitTest own[] = {
        cmocka_unit_test(weaker_rules_are_asked_for),   cmocka_unit_test(going_on),
        cmocka_unit_test(violations_are_not_forgotten), cmocka_unit_test(the_list_of_another_boot),
        cmocka_unit_test(what_a_policy_gets_to_see),    cmocka_unit_test(no_byte_can_be_another),
        cmocka_unit_test(no_pcr_10_in_the_quote),       cmocka_unit_test(buffers_are_what_was_measured),
        cmocka_unit_test(fields_that_no_kernel_writes), cmocka_unit_test(formats_as_names),
    };
    evidence_bed_init(&bed);
    count = evidence_cases_new(&bed, "ima.json", &cases);
    struct CMUnitTest *tests = calloc(count + SP_COUNT(own), sizeof *tests);
    SP_ASSERT(tests != NULL);
    memcpy(tests, own, sizeof own);
    for (size_t i = 0; i < count; i++) {
        tests[SP_COUNT(own) + i] = (struct CMUnitTest){cases[i].id, recorded, NULL, NULL, &cases[i]};
    }
    int failed = _cmocka_run_group_tests("ima_replay", tests, count + SP_COUNT(own), NULL, NULL);
    free(tests);
    evidence_cases_destroy(&cases, count);
    evidence_bed_fini(&bed);
    return failed;
}
