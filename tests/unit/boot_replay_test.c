/* SPDX-License-Identifier: Apache-2.0 */
/* Boot logs: recorded ones against the values of the TPM that took them, an attack for each way to edit one, logs of real machines,
 * and logs built here for what none of those has. */
#include "boot_replay.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "evidence_bed.h"
#include "sp_assert.h"
#include "sp_hex.h"

static struct evidence_bed bed;
static struct evidence_case *cases;
static size_t count;
static struct tpm_pcrs pcrs;
static struct boot_replay_finding finding;

static json_t *load(const char *folder, const char *name)
{
    struct sp_str text = evidence_bed_file(folder, name);
    json_t *root = json_loadb(text.p, text.n, 0, NULL);
    free((void *)(uintptr_t)text.p);
    SP_ASSERT(root != NULL);
    return root;
}

/* "sha256:4": hex of each PCR named, of all banks named */
static void take_values(const json_t *values)
{
    const char *place;
    json_t *hex;
    memset(&pcrs, 0, sizeof pcrs);
    json_object_foreach((json_t *)(uintptr_t)values, place, hex)
    {
        struct tpm_selection one;
        assert_true(tpm_selection_read(sp_str_of(place), &one));
        uint32_t bank = tpm_selection_bank(&pcrs.selection, one.bank[0].alg);
        uint32_t pcr = 0;
        if (bank == TPM_BANKS_MAX) {
            bank = pcrs.selection.banks++;
            pcrs.selection.bank[bank].alg = one.bank[0].alg;
        }
        while ((one.bank[0].pcrs >> pcr & 1u) == 0) {
            pcr++;
        }
        pcrs.selection.bank[bank].pcrs |= one.bank[0].pcrs;
        assert_true(sp_hex_parse(sp_str_of(json_string_value(hex)), pcrs.value[bank][pcr], tpm_alg_bytes(one.bank[0].alg)));
    }
}

/* The PCRs of the values above that a log must lead to. */
static uint32_t named(void)
{
    uint32_t all = 0;
    for (uint32_t b = 0; b < pcrs.selection.banks; b++) {
        all |= pcrs.selection.bank[b].pcrs;
    }
    return all & ((1u << BOOT_REPLAY_PCRS) - 1);
}

static enum evidence_reason judge(struct sp_str log, bool separators)
{
    const struct boot_replay_options options = {.pcrs = named(), .separators = separators};
    return boot_replay_judge(log, &pcrs, &options, &bed.ops, &finding);
}

static void edited_logs(void **state)
{
    json_t *rows = load("tpm", "boot.json"), *row;
    size_t i;
    (void)state;
    json_array_foreach(rows, i, row)
    {
        const char *file = json_string_value(json_object_get(row, "file"));
        const char *wanted = json_string_value(json_object_get(row, "reason"));
        json_t *values = load("tpm", json_string_value(json_object_get(row, "values")));
        struct sp_str log = evidence_bed_file("tpm", file);
        take_values(values);
        enum evidence_reason reason = judge(log, true);
        if (strcmp(evidence_reason_name(reason), wanted) != 0) {
            fail_msg("%s: %s, wanted %s", file, evidence_reason_name(reason), wanted);
        }
        free((void *)(uintptr_t)log.p);
        json_decref(values);
    }
    assert_true(i > 15);
    json_decref(rows);
}

/* One bank may be wrong in the log while the quoted one is right. */
static void a_digest_edited_in_another_bank(void **state)
{
    json_t *values = load("tpm", "boot/ovmf.expected.json");
    struct sp_str log = evidence_bed_file("tpm", "boot/digest-edited.bin");
    (void)state;
    take_values(values);
    for (uint32_t b = 0; b < pcrs.selection.banks; b++) {
        if (pcrs.selection.bank[b].alg == TPM_ALG_SHA256) {
            struct tpm_pcrs one = pcrs;
            one.selection.banks = 1;
            one.selection.bank[0] = pcrs.selection.bank[b];
            memcpy(one.value[0], pcrs.value[b], sizeof one.value[0]);
            const struct boot_replay_options options = {.pcrs = named(), .separators = true};
            assert_int_equal(boot_replay_judge(log, &one, &options, &bed.ops, &finding), EVIDENCE_OK);
        }
    }
    assert_int_equal(judge(log, true), EVIDENCE_LOG_PCR);
    assert_int_equal(finding.alg, TPM_ALG_SHA1);
    free((void *)(uintptr_t)log.p);
    json_decref(values);
}

/* Quote and log of one machine together: everything below PCR 10 that was quoted follows from the log. */
static void recorded(void **state)
{
    const struct evidence_case *one = *state;
    struct quote_question question;
    struct quote_answer answer;
    static struct quote_finding quote;
    evidence_case_pair(one, &question, &answer);
    assert_int_equal(quote_appraise(&question, &answer, &bed.ops, &quote), EVIDENCE_OK);
    struct boot_replay_options options = {.pcrs = quote.pcrs.selection.bank[0].pcrs & 0x03ffu, .separators = true};
    enum evidence_reason reason = boot_replay_judge(one->log, &quote.pcrs, &options, &bed.ops, &finding);
    if (reason != EVIDENCE_OK) {
        fail_msg("%s: %s, PCR %u, event %u", one->id, evidence_reason_name(reason), finding.pcr, finding.event);
    }
    assert_int_equal(finding.locality, strstr(one->log_name, "locality3") != NULL ? 3 : 0);
    quote.pcrs.value[0][7][0] ^= 1; /* a wrong measurement */
    assert_int_equal(boot_replay_judge(one->log, &quote.pcrs, &options, &bed.ops, &finding), EVIDENCE_LOG_PCR);
    assert_int_equal(finding.pcr, 7);
    quote.pcrs.value[0][7][0] ^= 1;
    options.pcrs = 1u << 11; /* never quoted: cannot be taken for right */
    assert_int_equal(boot_replay_judge(one->log, &quote.pcrs, &options, &bed.ops, &finding), EVIDENCE_REFERENCE_UNQUOTED);
}

static void logs_of_real_machines(void **state)
{
    json_t *files = load("tpm-logs", "expected.json"), *row;
    const char *file;
    unsigned at_locality_3 = 0;
    (void)state;
    assert_true(json_object_size(files) >= 8);
    json_object_foreach(files, file, row)
    {
        struct sp_str log = evidence_bed_file("tpm-logs", file);
        take_values(json_object_get(row, "pcrs"));
        enum evidence_reason reason = judge(log, false);
        if (reason != EVIDENCE_OK) {
            fail_msg("%s: %s, PCR %u of %s, event %u", file, evidence_reason_name(reason), finding.pcr, tpm_alg_name(finding.alg),
                     finding.event);
        }
        at_locality_3 += finding.locality == 3;
        /* cut anywhere: an end in good order, or a refusal; never past the end */
        for (uint32_t n = 0; n < log.n; n += 1 + log.n / 200) {
            uint8_t *copy = malloc(n > 0 ? n : 1);
            assert_non_null(copy);
            memcpy(copy, log.p, n);
            reason = judge(sp_str_bytes(copy, n), false);
            assert_int_not_equal(reason, EVIDENCE_OK);
            free(copy);
        }
        free((void *)(uintptr_t)log.p);
    }
    assert_true(at_locality_3 > 0);
    json_decref(files);
}

/* ---- logs built here ------------------------------------------------------------------------------------------- */

struct build {
    uint8_t p[8192];
    size_t n;
};

static void put_le(struct build *b, uint64_t v, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        b->p[b->n++] = (uint8_t)(v >> 8 * i);
    }
}

static void put_bytes(struct build *b, const void *p, size_t n)
{
    memcpy(b->p + b->n, p, n);
    b->n += n;
}

/* Header of a log with the SHA-256 bank only. */
static void begin(struct build *b)
{
    static const uint8_t zero[20];
    b->n = 0;
    put_le(b, 0, 4);
    put_le(b, BOOT_EV_NO_ACTION, 4);
    put_bytes(b, zero, 20);
    put_le(b, 33, 4);
    put_bytes(b, "Spec ID Event03", 16);
    put_le(b, 0, 8);
    put_le(b, 1, 4);
    put_le(b, TPM_ALG_SHA256, 2);
    put_le(b, 32, 2);
    put_le(b, 0, 1);
}

/* An event whose digest is that of its data. */
static void add(struct build *b, uint32_t pcr, uint32_t type, const void *data, size_t n)
{
    uint8_t digest[64];
    assert_true(bed.ops.digest(bed.ops.ctx, TPM_ALG_SHA256, data, n, digest));
    put_le(b, pcr, 4);
    put_le(b, type, 4);
    put_le(b, 1, 4);
    put_le(b, TPM_ALG_SHA256, 2);
    put_bytes(b, digest, 32);
    put_le(b, n, 4);
    put_bytes(b, data, n);
}

/* What the log built leads to is taken for what the TPM says, for these PCRs. */
static enum evidence_reason judge_built(const struct build *b, uint32_t which)
{
    uint8_t value[BOOT_REPLAY_PCRS][TPM_DIGEST_MAX];
    const struct boot_replay_options options = {.pcrs = which, .separators = true};
    enum evidence_reason reason = boot_replay_run(sp_str_bytes(b->p, b->n), TPM_ALG_SHA256, &bed.ops, value, &finding);
    if (reason != EVIDENCE_OK) {
        return reason;
    }
    memset(&pcrs, 0, sizeof pcrs);
    pcrs.selection = (struct tpm_selection){1, {{TPM_ALG_SHA256, which}}};
    memcpy(pcrs.value[0], value, sizeof value);
    return boot_replay_judge(sp_str_bytes(b->p, b->n), &pcrs, &options, &bed.ops, &finding);
}

static const uint8_t good_end[4] = {0}, failed_end[4] = {0xff, 0xff, 0xff, 0xff};

static void separators(void **state)
{
    struct build b;
    (void)state;
    begin(&b);
    add(&b, 2, 1, "driver", 6);
    assert_int_equal(judge_built(&b, 1u << 2), EVIDENCE_LOG_SEPARATOR); /* none */
    assert_int_equal(judge_built(&b, 1u << 8), EVIDENCE_OK);            /* no PCR of the firmware */
    add(&b, 2, BOOT_EV_SEPARATOR, good_end, 4);
    assert_int_equal(judge_built(&b, 1u << 2), EVIDENCE_OK);
    assert_int_equal(judge_built(&b, 1u << 2 | 1u << 3), EVIDENCE_LOG_SEPARATOR);
    assert_int_equal(finding.pcr, 3);
    add(&b, 2, BOOT_EV_SEPARATOR, good_end, 4); /* twice */
    assert_int_equal(judge_built(&b, 1u << 2), EVIDENCE_LOG_SEPARATOR);
    begin(&b);
    add(&b, 7, BOOT_EV_SEPARATOR, failed_end, 4); /* firmware says that it failed */
    assert_int_equal(judge_built(&b, 1u << 7), EVIDENCE_LOG_SEPARATOR);
    assert_int_equal(finding.pcr, 7);
}

static void locality(void **state)
{
    static const struct {
        uint8_t number;
        uint32_t pcr;
        enum evidence_reason reason;
    } rows[] = {{0, 0, EVIDENCE_OK},
                {3, 0, EVIDENCE_OK},
                {4, 0, EVIDENCE_OK},
                {1, 0, EVIDENCE_LOG_LOCALITY},
                {255, 0, EVIDENCE_LOG_LOCALITY},
                {3, 1, EVIDENCE_LOG_LOCALITY}};
    uint8_t data[17] = "StartupLocality";
    struct build b;
    (void)state;
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        begin(&b);
        data[16] = rows[i].number;
        add(&b, rows[i].pcr, BOOT_EV_NO_ACTION, data, sizeof data);
        assert_int_equal(judge_built(&b, 1u << 9), rows[i].reason);
        assert_int_equal(finding.locality, rows[i].reason == EVIDENCE_OK ? rows[i].number : 0);
    }
    data[16] = 3;
    begin(&b); /* twice */
    add(&b, 0, BOOT_EV_NO_ACTION, data, sizeof data);
    add(&b, 0, BOOT_EV_NO_ACTION, data, sizeof data);
    assert_int_equal(judge_built(&b, 1u << 9), EVIDENCE_LOG_LOCALITY);
    assert_int_equal(finding.event, 2);
    begin(&b); /* after the first measurement */
    add(&b, 0, 1, "x", 1);
    add(&b, 0, BOOT_EV_NO_ACTION, data, sizeof data);
    assert_int_equal(judge_built(&b, 1u << 9), EVIDENCE_LOG_LOCALITY);
    begin(&b); /* without its number */
    add(&b, 0, BOOT_EV_NO_ACTION, data, 16);
    assert_int_equal(judge_built(&b, 1u << 9), EVIDENCE_LOG_LOCALITY);
}

static void padding_hides_nothing(void **state)
{
    static const uint8_t fills[] = {0x00, 0xff};
    struct build b;
    (void)state;
    for (size_t i = 0; i < SP_COUNT(fills); i++) {
        begin(&b);
        add(&b, 8, 1, "x", 1);
        for (unsigned k = 0; k < 300; k++) {
            put_le(&b, fills[i], 1);
            assert_int_equal(judge_built(&b, 1u << 8), EVIDENCE_OK);
            assert_int_equal(finding.events, 1);
        }
        add(&b, 8, 1, "y", 1);
        assert_int_equal(judge_built(&b, 1u << 8), EVIDENCE_LOG_MALFORMED);
    }
}

static void digests_of_other_banks_only(void **state)
{
    uint8_t value[BOOT_REPLAY_PCRS][TPM_DIGEST_MAX];
    struct build b;
    (void)state;
    begin(&b);
    add(&b, 8, 1, "x", 1);
    assert_int_equal(boot_replay_run(sp_str_bytes(b.p, b.n), TPM_ALG_SHA384, &bed.ops, value, &finding), EVIDENCE_LOG_BANK);
    assert_int_equal(boot_replay_run(sp_str_bytes(b.p, b.n), 0x7777, &bed.ops, value, &finding), EVIDENCE_LOG_BANK);
}

/* A header that gives a known hash another length, with events that keep to it; and two digests of one bank in one event. */
static void digests_of_the_wrong_length_and_twice(void **state)
{
    uint8_t value[BOOT_REPLAY_PCRS][TPM_DIGEST_MAX];
    static const uint8_t some[32] = {7};
    struct build b;
    (void)state;
    begin(&b);
    b.p[b.n - 3] = 16; /* length of SHA-256 in the header */
    put_le(&b, 8, 4);
    put_le(&b, 1, 4);
    put_le(&b, 1, 4);
    put_le(&b, TPM_ALG_SHA256, 2);
    put_bytes(&b, some, 16);
    put_le(&b, 0, 4);
    assert_int_equal(boot_replay_run(sp_str_bytes(b.p, b.n), TPM_ALG_SHA256, &bed.ops, value, &finding), EVIDENCE_LOG_MALFORMED);
    for (unsigned twice = 0; twice < 2; twice++) {
        begin(&b);
        b.n -= 1 + 4 + 4; /* a header with a second bank */
        put_le(&b, 2, 4);
        put_le(&b, TPM_ALG_SHA256, 2);
        put_le(&b, 32, 2);
        put_le(&b, TPM_ALG_SHA3_256, 2);
        put_le(&b, 32, 2);
        put_le(&b, 0, 1);
        b.p[28] = 37;
        put_le(&b, 8, 4);
        put_le(&b, 1, 4);
        put_le(&b, 2, 4);
        put_le(&b, TPM_ALG_SHA256, 2);
        put_bytes(&b, some, 32);
        put_le(&b, twice ? TPM_ALG_SHA256 : TPM_ALG_SHA3_256, 2);
        put_bytes(&b, some, 32);
        put_le(&b, 0, 4);
        assert_int_equal(boot_replay_run(sp_str_bytes(b.p, b.n), TPM_ALG_SHA256, &bed.ops, value, &finding),
                         twice ? EVIDENCE_LOG_MALFORMED : EVIDENCE_OK);
    }
}

static void limits(void **state)
{
    uint8_t *huge = calloc(1, BOOT_LOG_BYTES_MAX + 1);
    uint8_t value[BOOT_REPLAY_PCRS][TPM_DIGEST_MAX];
    struct build b;
    (void)state;
    assert_non_null(huge);
    begin(&b);
    memcpy(huge, b.p, b.n);
    assert_int_equal(boot_replay_run(sp_str_bytes(huge, BOOT_LOG_BYTES_MAX), TPM_ALG_SHA256, &bed.ops, value, &finding),
                     EVIDENCE_OK);
    assert_int_equal(boot_replay_run(sp_str_bytes(huge, BOOT_LOG_BYTES_MAX + 1), TPM_ALG_SHA256, &bed.ops, value, &finding),
                     EVIDENCE_LOG_LIMIT);
    assert_int_equal(boot_replay_run(sp_str_bytes(huge, 0), TPM_ALG_SHA256, &bed.ops, value, &finding), EVIDENCE_LOG_MALFORMED);
    free(huge);
}

int main(void)
{
    static const struct CMUnitTest own[] = {
        cmocka_unit_test(edited_logs),
        cmocka_unit_test(a_digest_edited_in_another_bank),
        cmocka_unit_test(logs_of_real_machines),
        cmocka_unit_test(separators),
        cmocka_unit_test(locality),
        cmocka_unit_test(padding_hides_nothing),
        cmocka_unit_test(digests_of_other_banks_only),
        cmocka_unit_test(digests_of_the_wrong_length_and_twice),
        cmocka_unit_test(limits),
    };
    size_t n = SP_COUNT(own);
    evidence_bed_init(&bed);
    count = evidence_cases_new(&bed, "quotes.json", &cases);
    struct CMUnitTest *tests = calloc(count + n, sizeof *tests);
    SP_ASSERT(tests != NULL);
    memcpy(tests, own, sizeof own);
    for (size_t i = 0; i < count; i++) {
        if (cases[i].log.p != NULL) {
            tests[n++] = (struct CMUnitTest){cases[i].id, recorded, NULL, NULL, &cases[i]};
        }
    }
    int failed = _cmocka_run_group_tests("boot_replay", tests, n, NULL, NULL);
    free(tests);
    evidence_cases_destroy(&cases, count);
    evidence_bed_fini(&bed);
    return failed;
}
