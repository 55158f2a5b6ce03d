/* SPDX-License-Identifier: Apache-2.0 */
/* The words of OpenAttestation: every documented shape of an answer, every form of a time stamp, and when a verdict is believed. */
#include "oat_answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const names[] = {"node1", "node2"};

static void one(const char *body, enum oat_level first, enum oat_level second)
{
    struct oat_verdict v[2];
    char why[256] = "";
    if (!oat_answer(body, strlen(body), names, 2, v, why)) {
        fail_msg("%s: %s", body, why);
    }
    assert_int_equal(v[0].level, first);
    assert_int_equal(v[1].level, second);
}

static void documented_answers(void **state)
{
    (void)state;
    one("{\"hosts\":[{\"host_name\":\"node1\",\"trust_lvl\":\"trusted\",\"vtime\":\"2012-09-09T05:10:40.123-04:00\",\"pcr_values\":"
        "[{\"number\":\"0\",\"value\":\"31B97D97\"}],\"report_is_valid\":\"true\",\"url\":\"http://portal/OAT/report.php?id=7\","
        "\"analysis_details\":[{\"name\":\"X\",\"result\":\"r\",\"status\":\"s\",\"output\":\"o\"}]}]}",
        OAT_TRUSTED, OAT_ABSENT);
    one("{\"hosts\":[{\"host_name\":\"node2\",\"trust_lvl\":\"untrusted\",\"vtime\":\"2016-02-29T22:29:26.365+0000\"}]}",
        OAT_ABSENT, OAT_UNTRUSTED);
    one("{\"count\":2,\"hosts\":[{\"host_name\":\"node2\",\"trust_lvl\":\"timeout\"},{\"host_name\":\"node1\",\"trust_lvl\":\"pending\"}]}",
        OAT_PENDING, OAT_TIMEOUT);
    one("{\"hosts\":[{\"host_name\":\"node1\",\"trust_lvl\":\"unknown\",\"vtime\":null,\"pcr_values\":null}]}", OAT_UNKNOWN,
        OAT_ABSENT);
    one("{\"hosts\":[{\"host_name\":\"node1\",\"trust_lvl\":\"trusted\",\"pcr_values\":{\"number\":\"0\",\"value\":\"x\"},"
        "\"analysis_details\":{\"name\":\"X\",\"result\":\"r\"}}]}",
        OAT_TRUSTED, OAT_ABSENT);
    one("{\"hosts\":{\"host_name\":\"node1\",\"trust_lvl\":\"trusted\"}}", OAT_TRUSTED, OAT_ABSENT);
    one("{\"hosts\":[]}", OAT_ABSENT, OAT_ABSENT);
}

static void hostile_answers(void **state)
{
    (void)state;
    one("{\"hosts\":[{\"host_name\":\"node1\",\"trust_lvl\":\"trusted\"},{\"host_name\":\"node1\",\"trust_lvl\":\"untrusted\"}]}",
        OAT_ODD, OAT_ABSENT);
    one("{\"hosts\":[{\"host_name\":\"node1\",\"trust_lvl\":1}]}", OAT_ODD, OAT_ABSENT);
    one("{\"hosts\":[{\"host_name\":\"node1\",\"trust_lvl\":\"TRUSTED\"}]}", OAT_ODD, OAT_ABSENT);
    one("{\"hosts\":[{\"host_name\":\"node1\"},7,null,\"x\",{},{\"host_name\":3}]}", OAT_ODD, OAT_ABSENT);
    one("{\"hosts\":[{\"host_name\":\"node3\",\"trust_lvl\":\"trusted\"}]}", OAT_ABSENT, OAT_ABSENT);
    static const char *const bad[] = {"",
                                      "x",
                                      "[]",
                                      "{}",
                                      "{\"hosts\":\"node1\"}",
                                      "{\"hosts\":[}",
                                      "{\"hosts\":[]}x",
                                      "null",
                                      "{\"hosts\":[],\"hosts\":[{\"host_name\":\"node1\",\"trust_lvl\":\"trusted\"}]}"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct oat_verdict v[2];
        char why[256] = "";
        assert_false(oat_answer(bad[i], strlen(bad[i]), names, 2, v, why));
        assert_int_equal(v[0].level, OAT_ABSENT);
        assert_true(why[0] != '\0');
    }
}

static void time_stamps(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = {{"2012-09-09T05:10:40.123-04:00", 1347181840123}, {"2016-02-29T22:29:26.365+0000", 1456784966365},
                {"Tue Feb 14 09:02:48 2012", 1329210168000},      {"Wed Feb  1 09:02:48 2012", 1328086968000},
                {"2012-09-09T05:10:40", 1347167440000},           {"2012-09-09T05:10:40Z", 1347167440000},
                {"2012-09-09T05:10:40.5Z", 1347167440500},        {"1970-01-01T00:00:00+00:00", 0},
                {"2012-09-09 05:10:40.123456789Z", 1347167440123}};
    static const char *const bad[] = {"",
                                      "now",
                                      "2012-09-09",
                                      "2012-13-09T05:10:40Z",
                                      "2012-02-30T05:10:40Z",
                                      "2012-09-09T25:10:40Z",
                                      "2012-09-09T05:10:40+",
                                      "2012-09-09T05:10:40.",
                                      "2012-09-09T05:10:40+15:00",
                                      "Tue Feb 14 09:02:48",
                                      "2012-09-09T05:10:40Zx",
                                      "1969-12-31T23:59:59Z",
                                      "Tue Xyz 14 09:02:48 2012",
                                      "1329210168"};
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        int64_t ms = -1;
        if (!oat_vtime(good[i].text, &ms) || ms != good[i].ms) {
            fail_msg("%s is %lld, wanted %lld", good[i].text, (long long)ms, (long long)good[i].ms);
        }
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int64_t ms = -1;
        if (oat_vtime(bad[i], &ms)) {
            fail_msg("%s was taken for a time", bad[i]);
        }
        assert_int_equal(ms, -1);
    }
}

static void freshness(void **state)
{
    const int64_t t = 1456784966000;
    static const char *why;
    const struct {
        struct oat_freshness f;
        bool fresh;
    } rows[] = {
        {{t, OAT_NO_TIME, t + 900, 1000}, true},      /* made while we waited */
        {{t, t - 60000, t + 900, 1000}, true},        /* and newer than the last one */
        {{t, t, t + 900, 1000}, false},               /* has not advanced */
        {{t, t + 1, t + 900, 1000}, false},           /* went back */
        {{t - 60000, OAT_NO_TIME, t, 1000}, false},   /* made before we asked, though we never saw it */
        {{t - 60000, t - 120000, t, 1000}, false},    /* advanced, but before this question */
        {{t - 60000, t - 120000, t, 61000}, true},    /* a slow answer: made after the question */
        {{t + 3600000, OAT_NO_TIME, t, 1000}, false}, /* dated ahead of its own server: would stay "new" for an hour */
        {{OAT_NO_TIME, OAT_NO_TIME, t, 1000}, false}, /* no time */
        {{t, OAT_NO_TIME, OAT_NO_TIME, 1000}, false}, /* nothing to judge it by */
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (oat_is_fresh(&rows[i].f, &why) != rows[i].fresh) {
            fail_msg("row %zu", i);
        }
        assert_true((why == NULL) == rows[i].fresh);
    }
}

static void requests(void **state)
{
    (void)state;
    char *text = oat_request(names, 2, "FF0000", "VALIDATE_PCR;COMPARE_REPORT", false);
    assert_string_equal(
        text,
        "{\"count\":2,\"hosts\":[\"node1\",\"node2\"],\"PCRmask\":\"FF0000\",\"analysisType\":\"VALIDATE_PCR;COMPARE_REPORT\"}");
    free(text);
    text = oat_request(names, 1, "FF", NULL, true);
    assert_string_equal(text, "{\"count\":1,\"hosts\":[\"node1\"],\"pcrmask\":\"FF\"}");
    free(text);
}

static void faults(void **state)
{
    static const struct {
        const char *body, *text;
        bool missing;
    } rows[] = {
        {"{\"code\":500,\"name\":\"AttestationServersFault\",\"message\":\"m\",\"detail\":\"d\"}", "AttestationServersFault: m",
         false},
        {"{\"error_code\":\"AS_HOST_NOT_FOUND\",\"error_message\":\"no such host\"}", "AS_HOST_NOT_FOUND: no such host", true},
        {"{\"error_code\":2001,\"error_message\":\"exists\"}", "exists", false},
        {"<html></html>", "not JSON", false},
        {"[]", "fault without a name", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct oat_fault f;
        oat_fault(rows[i].body, strlen(rows[i].body), &f);
        assert_string_equal(f.text, rows[i].text);
        assert_int_equal(f.host_not_found, rows[i].missing);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documented_answers), cmocka_unit_test(hostile_answers), cmocka_unit_test(time_stamps),
        cmocka_unit_test(freshness),          cmocka_unit_test(requests),        cmocka_unit_test(faults),
    };
    return cmocka_run_group_tests_name("oat answer", tests, NULL, NULL);
}
