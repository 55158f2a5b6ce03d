/* SPDX-License-Identifier: Apache-2.0 */
/* The adapter tpm, whole: questions to an attester, the sandboxed appraiser, reference files; every attack on the way from the TPM
 * to the result by its name, each with its own reason. Attesters are doubles with a key in memory, and one real software TPM. */
#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <tss2/tss2_esys.h>
#include <tss2/tss2_tctildr.h>

#include "adapter_rig.h"
#include "appraisal.h"
#include "fake_tpm.h"
#include "msg.h"
#include "scratch.h"
#include "sections.h"
#include "sp_assert.h"
#include "sp_crypto.h"
#include "sp_hex.h"
#include "swtpm.h"
#include "tpm_device.h"

#define LONG_MS 120000u     /* nothing that goes well takes so long, on no machine */
#define AK_ECC  0x81010020u /* of the recorded states */

extern const struct sp_adapter adapter_tpm;

static struct fake_tpm tpm;
static struct scratch scratch;
static struct rig *rig;
static void *check;
static struct sp_str ovmf;

/* What the attester does, and what it was asked. */
static struct {
    enum fake_flaw flaw;
    struct sp_str log;
    size_t part;
    uint16_t quote_reason, log_reason; /* not ok: it cannot */
    bool stranger;                     /* the host does not know who it is */
    unsigned quotes, logs;
    char args[256];
} node;

static void attester(void *arg, const struct rig_question *q, struct rig_answer *out)
{
    (void)arg;
    out->who = node.stranger ? NULL : &tpm.who;
    out->part = node.part;
    out->detail = "it cannot";
    if (strcmp(q->kind, "quote") == 0) {
        node.quotes++;
        (void)snprintf(node.args, sizeof node.args, "%s", q->args);
        fake_tpm_quote(&tpm, q, node.flaw);
        out->reason = node.quote_reason;
        out->bytes = tpm.document;
        out->n = tpm.document_len;
    } else {
        assert_string_equal(q->kind, "bootlog");
        assert_string_equal(q->args, "{}");
        node.logs++;
        out->reason = node.log_reason;
        out->bytes = (const uint8_t *)node.log.p;
        out->n = node.log.n;
    }
}

/* ---- reference files ------------------------------------------------------------------------------------------- */

static char *hex(unsigned pcr)
{
    static char text[4][65];
    static unsigned turn;
    char *to = text[turn++ % 4];
    sp_hex_write(tpm.sha256[pcr], 32, to);
    return to;
}

static void write_reference(const char *name, const char *top, const char *profile)
{
    char text[4096];
    (void)snprintf(
        text, sizeof text,
        "reference: 1\n%sprofiles:\n  - name: ovmf-2022\n%s    pcrs:\n      sha256:\n        0: %s\n        4: %s\n        7: %s\n",
        top, profile, hex(0), hex(4), hex(7));
    scratch_file(&scratch, name, text, SIZE_MAX, 0600);
}

static void values_from(const char *name)
{
    struct sp_str text = evidence_bed_file("tpm", name);
    json_t *values = json_loadb(text.p, text.n, 0, NULL);
    const char *place;
    json_t *value;
    json_object_foreach(values, place, value)
    {
        unsigned pcr = (unsigned)strtoul(strchr(place, ':') + 1, NULL, 10);
        bool sha1 = strncmp(place, "sha1:", 5) == 0;
        if (sha1 || strncmp(place, "sha256:", 7) == 0) {
            assert_true(sp_hex_parse(sp_str_of(json_string_value(value)), sha1 ? tpm.sha1[pcr] : tpm.sha256[pcr], sha1 ? 20 : 32));
        }
    }
    json_decref(values);
    free((void *)(uintptr_t)text.p);
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

static int open_with(rig_attester *a)
{
    char settings[256];
    memset(&node, 0, sizeof node);
    node.log = ovmf;
    scratch_init(&scratch);
    fake_tpm_init(&tpm, false);
    values_from("boot/ovmf.expected.json");
    write_reference("good.yaml", "", "");
    (void)snprintf(settings, sizeof settings, "{\"policy_dir\":\"%s\"}", scratch.dir);
    rig = rig_open_attested(&adapter_tpm, settings, a, NULL);
    check = compile("{\"reference\":\"good.yaml\"}");
    return 0;
}

static int setup(void **state)
{
    (void)state;
    return open_with(attester);
}

static int teardown(void **state)
{
    (void)state;
    rig_release(rig, check);
    rig_close(&rig);
    fake_tpm_fini(&tpm);
    scratch_fini(&scratch);
    return 0;
}

static const struct rig_result *run_check(void *which, const struct rig_result *before)
{
    unsigned job = rig_start_from(rig, which, "n1", before != NULL ? before->checkpoint : (const uint8_t *)"",
                                  before != NULL ? before->checkpoint_len : 0, LONG_MS);
    rig_finish_all(rig);
    const struct rig_result *r = rig_result(rig, job);
    assert_int_equal(r->finishes, 1);
    return r;
}

static const struct rig_result *run(const struct rig_result *before)
{
    return run_check(check, before);
}

static void expect(const struct rig_result *r, uint8_t outcome, uint16_t reason)
{
    if (r->outcome != outcome || r->reason != reason) {
        fail_msg("outcome %u, reason %u (%s): %s; wanted %u, %u (%s)", r->outcome, r->reason, sp_reason_text(r->reason), r->detail,
                 outcome, reason, sp_reason_text(reason));
    }
    assert_true(outcome == SP_OUTCOME_PASS || strlen(r->detail) > 0);
}

/* ---- what is right --------------------------------------------------------------------------------------------- */

static void a_good_node_passes(void **state)
{
    (void)state;
    const struct rig_result *r = run(NULL);
    expect(r, SP_OUTCOME_PASS, SP_REASON_OK);
    assert_string_equal(node.args, "{\"pcrs\":\"sha256:0-7\"}");
    assert_int_equal(node.quotes, 1);
    assert_int_equal(node.logs, 1);
    assert_true(r->instance == (5ull << 32 | 1));
    assert_true(r->has_evidence);
    assert_non_null(strstr(r->detail, "ovmf-2022"));
    assert_non_null(strstr(r->measures, "resets=5c restarts=1c"));
    assert_null(strstr(r->measures, "first_use"));
    for (unsigned i = 0; i < 3; i++) { /* and from now on the boot log is known */
        tpm.clock.clock_ms += 1000;
        r = run(r);
        expect(r, SP_OUTCOME_PASS, SP_REASON_OK);
        assert_int_equal(node.logs, 1);
        assert_non_null(strstr(r->measures, "log_events=0"));
    }
}

static void parts_of_any_size(void **state)
{
    static const size_t sizes[] = {1, 7, 1000, 65519, 65520, 65521};
    (void)state;
    for (size_t i = 0; i < SP_COUNT(sizes); i++) {
        node.part = sizes[i];
        expect(run(NULL), SP_OUTCOME_PASS, SP_REASON_OK);
    }
}

static void a_key_of_rsa(void **state)
{
    (void)state;
    fake_tpm_fini(&tpm);
    fake_tpm_init(&tpm, true);
    values_from("boot/ovmf.expected.json");
    expect(run(NULL), SP_OUTCOME_PASS, SP_REASON_OK);
    node.flaw = FAKE_OTHER_KEY;
    expect(run(NULL), SP_OUTCOME_ERROR, SP_REASON_QUOTE_SIGNATURE);
}

static void first_use_is_shown(void **state)
{
    void *strict = compile("{\"reference\":\"good.yaml\",\"certified\":true}");
    (void)state;
    expect(run_check(strict, NULL), SP_OUTCOME_PASS, SP_REASON_OK);
    tpm.who.mode = SP_ENROLMENT_FIRST_USE;
    const struct rig_result *r = run(NULL);
    expect(r, SP_OUTCOME_PASS, SP_REASON_OK);
    assert_true(strncmp(r->detail, "first-use: ", 11) == 0);
    assert_true(strncmp(r->measures, "first_use=1 resets=5c", 21) == 0);
    expect(run_check(strict, NULL), SP_OUTCOME_ERROR, SP_REASON_NOT_ENROLLED);
    rig_release(rig, strict);
}

/* ---- attacks --------------------------------------------------------------------------------------------------- */

struct attack {
    const char *name;
    enum fake_flaw flaw;
    uint16_t reason;
};

static const struct attack attacks[] = {
    {"replayed quote", FAKE_REPLAY, SP_REASON_QUOTE_NONCE},
    {"quote made for another node", FAKE_OTHER_NODE, SP_REASON_QUOTE_NONCE},
    {"another node's key", FAKE_OTHER_KEY, SP_REASON_QUOTE_SIGNATURE},
    {"statement edited", FAKE_BIT_FLIPPED, SP_REASON_QUOTE_SIGNATURE},
    {"signature edited", FAKE_SIGNATURE_BIT, SP_REASON_QUOTE_SIGNATURE},
    {"signed data that no TPM made", FAKE_MAGIC, SP_REASON_QUOTE_MAGIC},
    {"other signed statement: time", FAKE_TYPE_TIME, SP_REASON_QUOTE_TYPE},
    {"other signed statement: certify", FAKE_TYPE_CERTIFY, SP_REASON_QUOTE_TYPE},
    {"fewer PCRs", FAKE_NARROW, SP_REASON_QUOTE_SELECTION},
    {"other bank", FAKE_BANK, SP_REASON_QUOTE_SELECTION},
    {"empty bank", FAKE_EMPTY, SP_REASON_QUOTE_SELECTION},
    {"changed PCR list", FAKE_VALUES, SP_REASON_QUOTE_DIGEST},
    {"PCR list cut", FAKE_LIST_SHORT, SP_REASON_PCRS_MALFORMED},
    {"bytes after the statement", FAKE_TRAILING, SP_REASON_QUOTE_MALFORMED},
    {"statement cut", FAKE_TRUNCATED, SP_REASON_QUOTE_MALFORMED},
    {"length that leads out of the statement", FAKE_HUGE_FIELD, SP_REASON_QUOTE_MALFORMED},
    {"signature cut", FAKE_SIGNATURE_FORM, SP_REASON_SIGNATURE_MALFORMED},
    {"signature of another scheme", FAKE_SCHEME, SP_REASON_QUOTE_SCHEME},
    {"signature relabelled as SHA-1", FAKE_HASH, SP_REASON_QUOTE_SCHEME},
    {"section twice", FAKE_SECTIONS, SP_REASON_QUOTE_MALFORMED},
    {"section too many", FAKE_EXTRA, SP_REASON_QUOTE_MALFORMED},
    {"document of megabytes", FAKE_LARGE, SP_REASON_QUOTE_MALFORMED},
    {"empty document", FAKE_EMPTY_DOCUMENT, SP_REASON_QUOTE_MALFORMED},
};

static void attack(void **state)
{
    const struct attack *a = *state;
    const struct rig_result *before = run(NULL);
    expect(before, SP_OUTCOME_PASS, SP_REASON_OK);
    node.flaw = a->flaw;
    const struct rig_result *r = run(before);
    expect(r, SP_OUTCOME_ERROR, a->reason); /* could be anybody's doing on the way: no proof against the node */
    assert_true(r->instance == 0);
    assert_int_equal(r->checkpoint_len, before->checkpoint_len); /* nothing is forgotten for it */
    assert_memory_equal(r->checkpoint, before->checkpoint, before->checkpoint_len);
    node.flaw = FAKE_GOOD;
    expect(run(r), SP_OUTCOME_PASS, SP_REASON_OK);
}

static void another_parent_or_hierarchy(void **state)
{
    (void)state;
    const struct rig_result *before = run(NULL);
    node.flaw = FAKE_SIGNER;
    expect(run(before), SP_OUTCOME_ERROR, SP_REASON_QUOTE_SIGNER);
}

static void keys_that_may_not_attest(void **state)
{
    static const struct {
        const char *file;
        uint16_t reason;
    } rows[] = {{"enroll/ak-unrestricted-rsa.pub", SP_REASON_AK_ATTRIBUTES},
                {"enroll/ak-rsa-sha1scheme.pub", SP_REASON_AK_SCHEME},
                {"enroll/ek-rsa2048.pub", SP_REASON_AK_SCHEME},
                {"enroll/ek-p384.pub", SP_REASON_AK_TYPE},
                {"enroll/issuercert.pem", SP_REASON_AK_MALFORMED}};
    (void)state;
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct sp_str area = evidence_bed_file("tpm", rows[i].file);
        tpm.who.ak = (const uint8_t *)area.p;
        tpm.who.ak_len = area.n < 500 ? area.n : 500;
        expect(run(NULL), SP_OUTCOME_ERROR, rows[i].reason);
        free((void *)(uintptr_t)area.p);
    }
}

static void state_of_the_tpm_put_back(void **state)
{
    (void)state;
    const struct rig_result *before = run(NULL);
    tpm.clock.reset_count = 4;
    const struct rig_result *r = run(before);
    expect(r, SP_OUTCOME_FAIL, SP_REASON_RESET_BACK);
    assert_true(r->instance == 0);
    tpm.clock.reset_count = 5;
    tpm.clock.restart_count = 0;
    r = run(r);
    expect(r, SP_OUTCOME_FAIL, SP_REASON_RESET_BACK);
    tpm.clock.restart_count = 1;
    tpm.clock.clock_ms -= 1;
    r = run(r);
    expect(r, SP_OUTCOME_FAIL, SP_REASON_CLOCK_BACK);
    tpm.clock.safe = false; /* after a power cut the TPM says so itself */
    r = run(r);
    expect(r, SP_OUTCOME_PASS, SP_REASON_OK);
    assert_non_null(strstr(r->detail, "not safe"));
}

static void a_reboot_is_noticed(void **state)
{
    (void)state;
    const struct rig_result *r = run(NULL);
    tpm.clock.reset_count++;
    tpm.clock.restart_count = 0;
    tpm.clock.clock_ms = 10;
    r = run(r);
    expect(r, SP_OUTCOME_PASS, SP_REASON_OK);
    assert_true(r->instance == 6ull << 32);
    assert_non_null(strstr(r->detail, "rebooted"));
    assert_int_equal(node.logs, 2); /* of this boot */
    struct fake_tpm *old = malloc(sizeof *old);
    *old = tpm;
    fake_tpm_init(&tpm, false); /* another key: what was known of the old one does not count, its counters may be lower */
    values_from("boot/ovmf.expected.json");
    tpm.clock.reset_count = 1;
    expect(run(r), SP_OUTCOME_PASS, SP_REASON_OK);
    assert_int_equal(node.logs, 3);
    fake_tpm_fini(old);
    free(old);
}

static uint16_t reason_named(const char *name)
{
    char word[64];
    unsigned out = 0;
    (void)snprintf(word, sizeof word, "%s", name);
    for (char *p = word; *p != '\0'; p++) {
        *p = *p == '-' ? '_' : *p;
    }
    assert_true(sp_reason_find(sp_str_of(word), &out));
    return (uint16_t)out;
}

static void edited_boot_logs(void **state)
{
    struct sp_str text = evidence_bed_file("tpm", "boot.json");
    json_t *rows = json_loadb(text.p, text.n, 0, NULL);
    size_t i;
    json_t *row;
    (void)state;
    assert_true(json_array_size(rows) > 15);
    json_array_foreach(rows, i, row)
    {
        const char *file = json_string_value(json_object_get(row, "file"));
        const char *values = json_string_value(json_object_get(row, "values"));
        uint16_t reason = reason_named(json_string_value(json_object_get(row, "reason")));
        enum evidence_reason ours = reason == SP_REASON_OK ? EVIDENCE_OK : (enum evidence_reason)(reason - EVIDENCE_WIRE);
        values_from(values);
        write_reference("log.yaml", "quote: sha256:0-7+sha1:0-7\n", "");
        void *c = compile("{\"reference\":\"log.yaml\"}");
        node.log = evidence_bed_file("tpm", file);
        const struct rig_result *r = run_check(c, NULL);
        if (r->reason != reason || r->outcome != evidence_reason_outcome(ours)) {
            fail_msg("%s: outcome %u, reason %u, %s", file, r->outcome, r->reason, r->detail);
        }
        rig_release(rig, c);
        free((void *)(uintptr_t)node.log.p);
    }
    json_decref(rows);
    free((void *)(uintptr_t)text.p);
}

static void a_log_that_is_not_known_is_never_taken_for_known(void **state)
{
    (void)state;
    const struct rig_result *r = run(NULL);
    tpm.sha256[5][0] ^= 1; /* no value of the reference, but one that must follow from the log */
    r = run(r);
    expect(r, SP_OUTCOME_FAIL, SP_REASON_LOG_PCR);
    assert_non_null(strstr(r->detail, "PCR 5 of sha256"));
    assert_int_equal(node.logs, 2);
    r = run(r); /* and the refusal is not remembered as a success */
    expect(r, SP_OUTCOME_FAIL, SP_REASON_LOG_PCR);
    tpm.sha256[5][0] ^= 1;
    expect(run(r), SP_OUTCOME_PASS, SP_REASON_OK);
}

static void a_huge_boot_log(void **state)
{
    static char huge[2u << 20];
    (void)state;
    memcpy(huge, ovmf.p, ovmf.n);
    node.log = sp_str_bytes(huge, sizeof huge);
    node.part = 196608;
    expect(run(NULL), SP_OUTCOME_ERROR, SP_REASON_LOG_LIMIT);
    node.log = sp_str_bytes("", 0);
    expect(run(NULL), SP_OUTCOME_ERROR, SP_REASON_LOG_MALFORMED);
}

/* ---- values ---------------------------------------------------------------------------------------------------- */

static void a_wrong_measurement_leaves(void **state)
{
    void *c;
    (void)state;
    tpm.sha256[7][0] ^= 1;
    write_reference("other.yaml", "boot_log: {judge: ignored}\n", "");
    tpm.sha256[7][0] ^= 1;
    c = compile("{\"reference\":\"other.yaml\"}");
    const struct rig_result *r = run_check(c, NULL);
    expect(r, SP_OUTCOME_FAIL, SP_REASON_REFERENCE_PCR);
    assert_non_null(strstr(r->detail, "PCR 7 of sha256 (nearest: profile ovmf-2022)"));
    assert_true(r->instance != 0);
    assert_string_equal(node.args, "{\"pcrs\":\"sha256:0,4,7\"}");
    assert_int_equal(node.logs, 0);
    tpm.sha256[7][0] ^= 1; /* repaired */
    expect(run_check(c, r), SP_OUTCOME_PASS, SP_REASON_OK);
    rig_release(rig, c);
}

static void profiles_have_their_time_and_firmware(void **state)
{
    static const struct {
        const char *profile;
        uint8_t outcome;
        uint16_t reason;
    } rows[] = {
        {"    until: 2020-01-01\n", SP_OUTCOME_FAIL, SP_REASON_REFERENCE_RETIRED},
        {"    from: 2199-01-01\n", SP_OUTCOME_FAIL, SP_REASON_REFERENCE_RETIRED},
        {"    from: 2020-01-01\n    until: 2199-01-01\n", SP_OUTCOME_PASS, SP_REASON_OK},
        {"    firmware: \"0001000200030004\"\n", SP_OUTCOME_PASS, SP_REASON_OK},
        {"    firmware: \"0001000200030005\"\n", SP_OUTCOME_FAIL, SP_REASON_REFERENCE_FIRMWARE},
    };
    (void)state;
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        char params[64], name[32];
        (void)snprintf(name, sizeof name, "time%zu.yaml", i);
        (void)snprintf(params, sizeof params, "{\"reference\":\"%s\"}", name);
        write_reference(name, "", rows[i].profile);
        void *c = compile(params);
        expect(run_check(c, NULL), rows[i].outcome, rows[i].reason);
        rig_release(rig, c);
    }
}

/* ---- who cannot or will not ------------------------------------------------------------------------------------ */

static void attesters_that_do_not_answer(void **state)
{
    (void)state;
    const struct rig_result *before = run(NULL);
    node.quote_reason = SP_REASON_UNREACHABLE;
    const struct rig_result *r = run(before);
    expect(r, SP_OUTCOME_ERROR, SP_REASON_UNREACHABLE);
    assert_string_equal(r->detail, "it cannot");
    assert_int_equal(r->checkpoint_len, before->checkpoint_len); /* a node that hides does not get its counters forgotten */
    assert_memory_equal(r->checkpoint, before->checkpoint, before->checkpoint_len);
    node.quote_reason = SP_REASON_OK;
    node.log_reason = SP_REASON_MISSING;
    expect(run(NULL), SP_OUTCOME_ERROR, SP_REASON_MISSING);
    node.log_reason = SP_REASON_OK;
    node.stranger = true;
    expect(run(NULL), SP_OUTCOME_ERROR, SP_REASON_NOT_ENROLLED);
    node.stranger = false;
    tpm.who.ak = NULL;
    r = run(NULL);
    expect(r, SP_OUTCOME_ERROR, SP_REASON_NOT_ENROLLED);
    assert_string_equal(r->detail, "no TPM is enrolled for this node");
}

/* An appraiser that was taken over wants other documents of the node than this check is about. */
static void only_listed_documents_are_asked_for(void **state)
{
    static const char *const wanted[] = {"want files", "want enroll", "want "};
    char path[256];
    (void)state;
    (void)teardown(NULL);
    struct scratch programs;
    scratch_init(&programs);
    assert_int_equal(symlink(SPICE_BINARY_DIR "/tests/appraise_liar", scratch_path(&programs, "spice-appraise", path, sizeof path)),
                     0);
    rig_libexec(programs.dir);
    (void)open_with(attester);
    rig_libexec(NULL);
    for (size_t i = 0; i < SP_COUNT(wanted); i++) {
        scratch_file(&scratch, "want.yaml", wanted[i], SIZE_MAX, 0600);
        char params[64];
        (void)snprintf(params, sizeof params, "{\"reference\":\"want.yaml\",\"certified\":%s}", i % 2 == 0 ? "true" : "false");
        void *c = compile(params);
        expect(run_check(c, NULL), SP_OUTCOME_ERROR, SP_REASON_INTERNAL);
        rig_release(rig, c);
    }
    assert_int_equal(node.quotes + node.logs, 0);
    scratch_fini(&programs);
}

/* ---- policy files ---------------------------------------------------------------------------------------------- */

static void expect_refused_policy(const char *params, const char *words)
{
    void *c = compile(params);
    const struct rig_result *r = run_check(c, NULL);
    expect(r, SP_OUTCOME_ERROR, SP_REASON_BAD_PARAMETERS);
    if (strstr(r->detail, words) == NULL) {
        fail_msg("%s: %s", params, r->detail);
    }
    rig_release(rig, c);
}

static void policy_files_that_are_no_good(void **state)
{
    const char *why = NULL;
    char path[256];
    (void)state;
    expect_refused_policy("{\"reference\":\"missing.yaml\"}", "missing.yaml");
    scratch_file(&scratch, "word.yaml", "reference: 1\nprofile:\n", SIZE_MAX, 0600);
    expect_refused_policy("{\"reference\":\"word.yaml\"}",
                          "word.yaml:2:1: unknown key 'profile' in reference file (did you mean 'profiles'?)");
    write_reference("open.yaml", "", "");
    assert_int_equal(chmod(scratch_path(&scratch, "open.yaml", path, sizeof path), 0666), 0);
    expect_refused_policy("{\"reference\":\"open.yaml\"}", "open.yaml");
    expect_refused_policy(
        "{\"reference\":\"good.yaml\",\"sha256\":\"0000000000000000000000000000000000000000000000000000000000000000\"}", "SHA-256");
    assert_null(rig_compile(rig, "{\"reference\":\"../good.yaml\"}", &why));
    assert_null(rig_compile(rig, "{\"reference\":\"/etc/passwd\"}", &why));
    assert_null(rig_compile(rig, "{\"reference\":\"good.yaml\",\"sha256\":\"12\"}", &why));
}

static void a_pinned_file(void **state)
{
    char params[256], path[256], text[4096], digest[65];
    uint8_t hash[32];
    (void)state;
    FILE *f = fopen(scratch_path(&scratch, "good.yaml", path, sizeof path), "rb");
    size_t n = fread(text, 1, sizeof text, f);
    (void)fclose(f);
    sp_crypto_sha256(text, n, hash);
    sp_hex_write(hash, 32, digest);
    (void)snprintf(params, sizeof params, "{\"reference\":\"good.yaml\",\"sha256\":\"%s\"}", digest);
    void *c = compile(params);
    expect(run_check(c, NULL), SP_OUTCOME_PASS, SP_REASON_OK);
    rig_release(rig, c);
}

/* Runs until the reason is this one: the file is looked at once a second. */
static void until_reason(uint16_t reason)
{
    time_t end = time(NULL) + 120;
    while (run(NULL)->reason != reason) {
        assert_true(time(NULL) < end);
        (void)poll(NULL, 0, 20); /* a rig has room for a few thousand jobs */
    }
}

static void a_changed_file_takes_effect(void **state)
{
    (void)state;
    expect(run(NULL), SP_OUTCOME_PASS, SP_REASON_OK);
    write_reference("good.yaml", "", "    until: 2020-01-01\n");
    until_reason(SP_REASON_REFERENCE_RETIRED);
    scratch_file(&scratch, "good.yaml", "reference: one\n", SIZE_MAX, 0600); /* a fault in it: nothing is judged by the old one */
    until_reason(SP_REASON_BAD_PARAMETERS);
    write_reference("good.yaml", "", "");
    until_reason(SP_REASON_OK);
}

/* ---- a real one ------------------------------------------------------------------------------------------------ */

static struct swtpm software;
static struct tpm_device *device;
static struct tpm_device_bytes ak;
static uint8_t document[65536];

/* What the daemon on a node does with the question "quote". */
static void device_attester(void *arg, const struct rig_question *q, struct rig_answer *out)
{
    static const uint8_t ek[32];
    static struct sp_adapter_identity who;
    static struct tpm_device_quote quote;
    struct tpm_selection selection;
    struct sections_writer w;
    uint8_t binding[32];
    (void)arg;
    who = (struct sp_adapter_identity){.generation = 1, .mode = SP_ENROLMENT_CERTIFIED, .ak = ak.p, .ak_len = ak.n, .ek = ek};
    const char *from = strchr(q->args, ':') + 2;
    assert_true(tpm_selection_read(sp_str_bytes(from, strlen(from) - 2), &selection));
    appraisal_binding(q->nonce, sp_str_of(q->node), binding);
    if (tpm_device_quote(device, AK_ECC, sp_str_bytes(binding, 32), &selection, &quote) != SP_OK) {
        fail_msg("%s", tpm_device_error(device)->text);
    }
    sections_begin(&w, document, sizeof document);
    sections_add(&w, "attest", sp_str_bytes(quote.attest.p, quote.attest.n));
    sections_add(&w, "signature", sp_str_bytes(quote.signature.p, quote.signature.n));
    sections_add(&w, "pcrs", sp_str_bytes(quote.pcrs, quote.pcrs_bytes));
    assert_false(w.bad);
    memcpy(tpm.sha256[4], quote.pcrs + 2 * 36 - 32, 32); /* as the second of the list */
    *out = (struct rig_answer){.who = &who, .bytes = document, .n = w.n};
}

static int setup_software(void **state)
{
    struct sp_err err;
    (void)state;
    swtpm_init(&software, "tpmA.permall");
    assert_int_equal(tpm_device_open(software.tcti, &device, &err), SP_OK);
    assert_int_equal(tpm_device_public(device, AK_ECC, &ak), SP_OK);
    return open_with(device_attester);
}

static int teardown_software(void **state)
{
    (void)teardown(state);
    tpm_device_close(&device);
    swtpm_fini(&software);
    return 0;
}

static void extend(uint32_t pcr)
{
    TSS2_TCTI_CONTEXT *link = NULL;
    ESYS_CONTEXT *esys = NULL;
    TPML_DIGEST_VALUES values = {.count = 1, .digests = {{.hashAlg = TPM2_ALG_SHA256}}};
    memset(values.digests[0].digest.sha256, 0x77, 32);
    assert_int_equal(Tss2_TctiLdr_Initialize(software.tcti, &link), 0);
    assert_int_equal(Esys_Initialize(&esys, link, NULL), 0);
    assert_int_equal(Esys_PCR_Extend(esys, pcr, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &values), 0);
    Esys_Finalize(&esys);
    Tss2_TctiLdr_Finalize(&link);
}

static void a_software_tpm_extended_and_rebooted(void **state)
{
    (void)state;
    memset(tpm.sha256, 0, sizeof tpm.sha256); /* just started */
    write_reference("soft.yaml", "boot_log: {judge: ignored}\n", "");
    void *c = compile("{\"reference\":\"soft.yaml\"}");
    const struct rig_result *good = run_check(c, NULL);
    expect(good, SP_OUTCOME_PASS, SP_REASON_OK);
    assert_true(good->instance != 0);
    extend(4); /* a measurement nobody approved */
    const struct rig_result *bad = run_check(c, good);
    expect(bad, SP_OUTCOME_FAIL, SP_REASON_REFERENCE_PCR);
    assert_non_null(strstr(bad->detail, "PCR 4 of sha256"));
    assert_true(bad->instance == good->instance);
    swtpm_cut(&software); /* a reboot repairs it, and is seen */
    swtpm_start(&software);
    const struct rig_result *again = run_check(c, bad);
    expect(again, SP_OUTCOME_PASS, SP_REASON_OK);
    assert_true(again->instance > good->instance);
    assert_non_null(strstr(again->detail, "rebooted"));
    rig_release(rig, c);
}

#define ONE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    static const struct CMUnitTest plain[] = {
        ONE(a_good_node_passes),
        ONE(parts_of_any_size),
        ONE(a_key_of_rsa),
        ONE(first_use_is_shown),
        ONE(another_parent_or_hierarchy),
        ONE(keys_that_may_not_attest),
        ONE(state_of_the_tpm_put_back),
        ONE(a_reboot_is_noticed),
        ONE(edited_boot_logs),
        ONE(a_log_that_is_not_known_is_never_taken_for_known),
        ONE(a_huge_boot_log),
        ONE(a_wrong_measurement_leaves),
        ONE(profiles_have_their_time_and_firmware),
        ONE(attesters_that_do_not_answer),
        ONE(only_listed_documents_are_asked_for),
        ONE(policy_files_that_are_no_good),
        ONE(a_pinned_file),
        ONE(a_changed_file_takes_effect),
        cmocka_unit_test_setup_teardown(a_software_tpm_extended_and_rebooted, setup_software, teardown_software),
    };
    struct CMUnitTest tests[SP_COUNT(plain) + SP_COUNT(attacks)];
    memcpy(tests, plain, sizeof plain);
    for (size_t i = 0; i < SP_COUNT(attacks); i++) {
        tests[SP_COUNT(plain) + i] = (struct CMUnitTest){attacks[i].name, attack, setup, teardown, (void *)(uintptr_t)&attacks[i]};
    }
    SP_ASSERT(sp_crypto_init() == SP_OK);
    ovmf = evidence_bed_file("tpm", "boot/ovmf.bin");
    int failed = cmocka_run_group_tests_name("tpm adapter", tests, NULL, NULL);
    free((void *)(uintptr_t)ovmf.p);
    sp_crypto_fini();
    return failed;
}
