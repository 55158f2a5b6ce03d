/* SPDX-License-Identifier: Apache-2.0 */
/* Reference files: what is read from a good one, and what is said about each fault, with its place. */
#include "reference_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define V20 "00112233445566778899aabbccddeeff00112233"
#define V32 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static const char good[] = "reference: 1\n"
                           "profiles:\n"
                           "  - name: old\n"
                           "    until: 2026-12-01\n"
                           "    pcrs: {sha256: {0: " V32 ", 9: " V32 "}}\n"
                           "  - name: new\n"
                           "    from: 2026-11-01T12:00:00Z\n"
                           "    firmware: 0001000200030004\n"
                           "    pcrs:\n"
                           "      sha256:\n"
                           "        7: " V32 "\n"
                           "      sha1:\n"
                           "        0: " V20 "\n";

static void a_good_file(void **state)
{
    struct reference_file *f = NULL;
    struct sp_err err = {0};
    char text[TPM_SELECTION_TEXT_MAX];
    (void)state;
    if (reference_file_parse("r.yaml", sp_str_of(good), &f, &err) != SP_OK) {
        fail_msg("%s: %s", err.where, err.text);
    }
    tpm_selection_text(&f->quote, text);
    assert_string_equal(text, "sha256:0-7,9+sha1:0-7"); /* of the profiles, and of the boot log in each bank */
    assert_true(f->log_required && f->log_separators);
    assert_int_equal(f->log_pcrs, 0xff);
    assert_int_equal(f->set.profiles, 2);
    const struct reference_profile *p = f->set.profile;
    assert_string_equal(f->name[0], "old");
    assert_true(p[0].from == 0 && p[0].until == 1796083200 && p[0].any_firmware);
    assert_int_equal(p[0].values, 2);
    assert_int_equal(p[0].value[1].pcr, 9);
    assert_true(p[1].from == 1793534400 && p[1].until == UINT64_MAX && !p[1].any_firmware);
    assert_true(p[1].firmware == 0x0001000200030004u);
    assert_int_equal(p[1].values, 2);
    assert_int_equal(p[1].value[1].alg, TPM_ALG_SHA1);
    assert_int_equal(p[1].value[0].digest[31], 0xff);
    reference_file_destroy(&f);
    assert_null(f);
}

static void what_is_quoted_can_be_said(void **state)
{
    struct reference_file *f = NULL;
    struct sp_err err = {0};
    static const char text[] = "{reference: 1, quote: 'sha256:0-10', boot_log: {judge: ignored},"
                               " profiles: [{name: a, pcrs: {sha256: {4: " V32 "}}}]}";
    (void)state;
    assert_int_equal(reference_file_parse("r", sp_str_of(text), &f, &err), SP_OK);
    assert_int_equal(f->quote.bank[0].pcrs, 0x7ff);
    assert_false(f->log_required);
    assert_int_equal(f->log_pcrs, 0);
    reference_file_destroy(&f);
}

#define ONE(pcrs)  "reference: 1\nprofiles:\n- name: a\n  pcrs: " pcrs "\n"
#define TOP(line)  "reference: 1\n" line "\nprofiles:\n- name: a\n  pcrs: {sha256: {0: " V32 "}}\n"
#define WITH(line) "reference: 1\nprofiles:\n- name: a\n  " line "\n  pcrs: {sha256: {0: " V32 "}}\n"

static void each_fault_has_its_place(void **state)
{
    static const struct {
        const char *text, *where, *words, *hint;
    } rows[] = {
        {"", "r.yaml", "lacks the key 'reference'", NULL},
        {"[1]", "r.yaml:1:1", "must be a map", NULL},
        {"reference: 2\nprofiles: []\n", "r.yaml:1:12", "from 1 to 1", NULL},
        {"reference: 1\nprofiles: []\n", "r.yaml:2:11", "has 0 elements", NULL},
        {"reference: 1\nprofile: []\n", "r.yaml:2:1", "unknown key 'profile'", "did you mean 'profiles'?"},
        {"reference: 1\nreference: 1\n", "r.yaml:2:1", "", NULL},
        {"reference: 1\nprofiles:\n- pcrs: {}\n", "r.yaml:3:3", "lacks the key 'name'", NULL},
        {WITH("form: 2026-01-01"), "r.yaml:4:3", "unknown key 'form' in profile", "did you mean 'from'?"},
        {WITH("until: soon"), "r.yaml:4:10", "until", NULL},
        {WITH("until: 1970-01-02\n  from: 2000-01-01"), "r.yaml:6:9", "ends before it begins", NULL},
        {WITH("firmware: 12"), "r.yaml:5:9", "16 hexadecimal digits", NULL},
        {ONE("none"), "r.yaml:4:9", "banks with their PCRs", NULL},
        {ONE("{}"), "r.yaml:4:9", "banks with their PCRs", NULL},
        {ONE("{sha265: {0: " V32 "}}"), "r.yaml:4:10", "unknown bank 'sha265'", "did you mean 'sha256'?"},
        {ONE("{sha256: 0}"), "r.yaml:4:18", "a bank is a map", NULL},
        {ONE("{sha256: {24: " V32 "}}"), "r.yaml:4:19", "from 0 to 23", NULL},
        {ONE("{sha256: {zero: " V32 "}}"), "r.yaml:4:19", "from 0 to 23", NULL},
        {ONE("{sha256: {16: " V32 "}}"), "r.yaml:4:19", "can be reset", NULL},
        {ONE("{sha256: {23: " V32 "}}"), "r.yaml:4:19", "can be reset", NULL},
        {ONE("{sha256: {0: " V20 "}}"), "r.yaml:4:22", "64 hexadecimal digits", NULL},
        {ONE("{sha256: {0: [" V32 "]}}"), "r.yaml:4:22", "64 hexadecimal digits", NULL},
        {ONE("{sha1: {0: " V20 "}}"), "r.yaml:3:1", "only a bank of SHA-1", NULL},
        {TOP("quote: sha256:1-7"), "r.yaml:2:8", "must follow from the boot log is not quoted", NULL},
        {TOP("quote: sha256:1-7\nboot_log: {judge: ignored}"), "r.yaml:2:8", "that a profile names is not quoted", NULL},
        {TOP("quote: everything"), "r.yaml:2:8", "as sha256:0-9", NULL},
        {TOP("boot_log: {judge: maybe}"), "r.yaml:2:19", "", NULL},
        {TOP("boot_log: {pcrs: 0-16}"), "r.yaml:2:11", "PCRs of 0 to 15", NULL},
        {TOP("boot_log: {pcrs: 0+sha1:1}"), "r.yaml:2:11", "PCRs of 0 to 15", NULL},
        {TOP("boot_log: {separator: no}"), "r.yaml:2:12", "unknown key 'separator'", "did you mean 'separators'?"},
        {"reference: 1\nprofiles:\n- {name: a, pcrs: {sha256: {0: " V32 "}}}\n- {name: a, pcrs: {sha256: {0: " V32 "}}}\n",
         "r.yaml:4:19", "'a' is there twice", NULL},
    };
    (void)state;
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct reference_file *f = NULL;
        struct sp_err err = {0};
        enum sp_rc rc = reference_file_parse("r.yaml", sp_str_of(rows[i].text), &f, &err);
        bool hinted = rows[i].hint == NULL || strcmp(err.hint, rows[i].hint) == 0;
        if (rc == SP_OK || f != NULL || strncmp(err.where, rows[i].where, strlen(rows[i].where)) != 0 ||
            strstr(err.text, rows[i].words) == NULL || !hinted) {
            fail_msg("row %zu: %s: %s (%s), wanted %s: %s", i, err.where, err.text, err.hint, rows[i].where, rows[i].words);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_file),
        cmocka_unit_test(what_is_quoted_can_be_said),
        cmocka_unit_test(each_fault_has_its_place),
    };
    return cmocka_run_group_tests_name("reference file", tests, NULL, NULL);
}
