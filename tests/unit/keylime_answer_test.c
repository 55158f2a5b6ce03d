/* SPDX-License-Identifier: Apache-2.0 */
/* The words of Keylime: recorded lists of three releases, hostile ones, and when a good state is believed. */
#include "keylime_answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct keylime_agent agent[2];
static char why[256];

static char *vector(const char *name, size_t *n)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/tests/vectors/keylime/%s", SPICE_SOURCE_DIR, name);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    char *text = malloc(65536);
    assert_non_null(text);
    *n = fread(text, 1, 65536, f);
    assert_in_range(*n, 1, 65535);
    assert_int_equal(fclose(f), 0);
    return text;
}

static enum keylime_level level_in(struct sp_str body, const char *id)
{
    memset(agent, 0, sizeof agent);
    agent[0].id = id;
    if (!keylime_answer(body, agent, 1, why)) {
        fail_msg("%s: %s", id, why);
    }
    return keylime_level(&agent[0].status);
}

static void recorded(void **state)
{
    static const char *const releases[] = {"bulk-7.7.0.json", "bulk-7.12.0.json", "bulk-7.14.3.json"};
    static const struct {
        const char *id;
        enum keylime_level level;
    } rows[] = {
        {"pass", KEYLIME_GOOD},          {"retry", KEYLIME_GOOD},
        {"provide-v", KEYLIME_GOOD},     {"registered", KEYLIME_NOT_STARTED},
        {"start", KEYLIME_NOT_STARTED},  {"saved", KEYLIME_NOT_STARTED},
        {"failed", KEYLIME_BAD},         {"lost", KEYLIME_UNREACHABLE},
        {"lost-v", KEYLIME_UNREACHABLE}, {"terminated", KEYLIME_NOT_STARTED},
        {"invalid", KEYLIME_BAD},        {"tenant-failed", KEYLIME_NOT_STARTED},
        {"no-policy", KEYLIME_GOOD},     {"boot-policy", KEYLIME_GOOD},
        {"nulls", KEYLIME_GOOD},         {"nobody", KEYLIME_ABSENT},
    };
    static const struct {
        const char *id;
        enum keylime_level level;
    } push[] = {{"push-pass", KEYLIME_GOOD},           {"push-fail", KEYLIME_BAD},
                {"push-timeout", KEYLIME_UNREACHABLE}, {"push-timeout-after-fail", KEYLIME_BAD},
                {"push-new", KEYLIME_NOT_STARTED},     {"push-off", KEYLIME_NOT_STARTED}};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        size_t n = 0;
        char *text = vector(releases[i], &n);
        struct sp_str body = sp_str_bytes(text, n);
        for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++) {
            if (level_in(body, rows[k].id) != rows[k].level) {
                fail_msg("%s of %s", rows[k].id, releases[i]);
            }
        }
        for (size_t k = 0; i == 2 && k < sizeof push / sizeof push[0]; k++) {
            if (level_in(body, push[k].id) != push[k].level) {
                fail_msg("%s", push[k].id);
            }
        }
        (void)level_in(body, "pass");
        const struct keylime_status *s = &agent[0].status;
        assert_int_equal(s->count, 41);
        assert_int_equal(s->received, 1785744003);
        assert_int_equal(s->succeeded, 1785744003);
        assert_true(s->period_s == (i == 2 ? 2 : KEYLIME_NONE));
        assert_string_equal(s->ip, "192.0.2.7");
        assert_true(s->has_runtime && !s->has_boot);
        assert_true(s->raw.n > 300 && s->raw.p[0] == '{' && s->raw.p[s->raw.n - 1] == '}');
        (void)level_in(body, "boot-policy");
        assert_true(!agent[0].status.has_runtime && agent[0].status.has_boot);
        (void)level_in(body, "no-policy");
        assert_true(!agent[0].status.has_runtime && !agent[0].status.has_boot);
        (void)level_in(body, "failed");
        assert_string_equal(agent[0].status.event, "ima.validation.ima-ng.not_in_allowlist");
        assert_int_equal(agent[0].status.severity, 6);
        (void)level_in(body, "nulls");
        assert_true(agent[0].status.count == KEYLIME_NONE && agent[0].status.succeeded == KEYLIME_NONE);
        free(text);
    }
}

static enum keylime_level level_of(const char *object)
{
    static char text[4096];
    (void)snprintf(text, sizeof text, "{\"results\":{\"other\":{\"operational_state\":3},\"a\":%s}}", object);
    return level_in(sp_str_of(text), "a");
}

#define PULL "\"ip\":\"10.0.0.1\",\"port\":9002,"

static void contradictions(void **state)
{
    static const struct {
        const char *object;
        enum keylime_level level;
    } rows[] = {
        {"{" PULL "\"operational_state\":3,\"attestation_status\":\"PASS\"}", KEYLIME_GOOD},
        {"{" PULL "\"operational_state\":3,\"attestation_status\":\"FAIL\"}", KEYLIME_BAD},
        {"{" PULL "\"operational_state\":3,\"attestation_status\":\"PENDING\"}", KEYLIME_ODD},
        {"{" PULL "\"operational_state\":3,\"attestation_status\":\"TIMEOUT\"}", KEYLIME_ODD},
        {"{" PULL "\"operational_state\":3,\"attestation_status\":\"pass\"}", KEYLIME_ODD},
        {"{" PULL "\"operational_state\":7,\"attestation_status\":\"PASS\"}", KEYLIME_BAD},
        {"{" PULL "\"operational_state\":7}", KEYLIME_BAD},
        {"{" PULL "\"operational_state\":11}", KEYLIME_ODD},
        {"{" PULL "\"operational_state\":3.0}", KEYLIME_ODD},
        {"{" PULL "\"operational_state\":-3}", KEYLIME_ODD},
        {"{" PULL "\"operational_state\":\"3\"}", KEYLIME_ODD},
        {"{" PULL "\"operational_state\":true}", KEYLIME_ODD},
        {"{" PULL "\"operational_state\":18446744073709551619}", KEYLIME_ODD}, /* 3 beyond 64 bits */
        {"{" PULL "\"operational_state\":3,\"operational_state\":3}", KEYLIME_ODD},
        {"{" PULL "\"operational\\u005fstate\":3}", KEYLIME_ODD},
        {"{" PULL "\"operational_state\":3,\"attestation_count\":[1]}", KEYLIME_ODD},
        {"{" PULL "\"operational_state\":3,\"has_runtime_policy\":2}", KEYLIME_ODD},
        {"{" PULL "\"operational_state\":3,\"attestation_period\":\"2m\"}", KEYLIME_ODD},
        {"{" PULL "\"operational_state\":3,\"last_event_id\":7}", KEYLIME_ODD},
        {"{}", KEYLIME_ODD},
        {"{\"operational_state\":null}", KEYLIME_ODD},
        {"{\"operational_state\":3,\"ip\":null,\"port\":null,\"attestation_status\":\"TIMEOUT\"}",
         KEYLIME_UNREACHABLE}, /* push mode */
        {"{\"operational_state\":null,\"attestation_status\":\"PASS\"}", KEYLIME_GOOD},
        {"[]", KEYLIME_ODD},
        {"null", KEYLIME_ODD},
        {"3", KEYLIME_ODD},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (level_of(rows[i].object) != rows[i].level) {
            fail_msg("%s: %d, wanted %d", rows[i].object, level_of(rows[i].object), rows[i].level);
        }
    }
    assert_int_equal(level_in(sp_str_of("{\"results\":{\"a\":{\"operational_state\":3},\"a\":{\"operational_state\":9}}}"), "a"),
                     KEYLIME_ODD);
    assert_int_equal(level_in(sp_str_of("{\"results\":{\"\\u0061\":{\"operational_state\":3}}}"), "a"), KEYLIME_ABSENT);
}

static void hostile_lists(void **state)
{
    static const char *const bad[] = {
        "",
        " ",
        "x",
        "[]",
        "{}",
        "null",
        "{\"results\":[]}",
        "{\"results\":null}",
        "{\"results\":{}",
        "{\"results\":{}}x",
        "{\"results\":{}} {}",
        "{\"results\":{},}",
        "{\"results\":{},\"results\":{}}",
        "{\"r\\u0065sults\":{}}",
        "{\"results\":{\"a\":}}",
        "{\"results\":{\"a\"}}",
        "{\"results\":{\"a\":tru}}",
        "{\"results\":{\"a\":01}}",
        "{\"results\":{\"a\":1.}}",
        "{\"results\":{\"a\":-}}",
        "{\"results\":{\"a\":1e}}",
        "{\"results\":{\"a\":\"\\x\"}}",
        "{\"results\":{\"a\":\"\\u12g4\"}}",
        "{\"results\":{\"a\":\"\n\"}}",
        "{\"results\":{\"a\":\"}}",
        "{\"results\":{\"a\":[1 2]}}",
        "{\"results\":{\"a\":{1:2}}}",
        "{\"results\":{\"a\":[}]}}",
        "{\"results\":{\"b\":[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]}}",
        "{'results':{}}",
        "{\"results\":{\"a\":{\"operational_state\":3}}",
        "{\"results\":{\"a\":NaN}}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char *copy = strdup(bad[i]);
        memset(agent, 0, sizeof agent);
        agent[0].id = "a";
        why[0] = '\0';
        if (keylime_answer(sp_str_of(copy), agent, 1, why)) {
            fail_msg("taken: %s", bad[i]);
        }
        assert_false(agent[0].status.seen);
        assert_true(why[0] != '\0');
        free(copy);
    }
    assert_int_equal(
        level_in(sp_str_of(" { \"code\" : 200 , \"results\" : { \"x\" : [ ] , \"y\":[[],{}],\"z\":-1.5e+3,\"\":0,\"a\" : {} } }\n"),
                 "a"),
        KEYLIME_ODD); /* any spaces, any other values */
    assert_int_equal(level_in(sp_str_of("{\"results\":{\"uuids\":[[\"a\"],[\"b\"]]}}"), "a"), KEYLIME_ABSENT);
}

static void faults(void **state)
{
    char text[64];
    (void)state;
    keylime_fault(sp_str_of("{\"code\":400,\"status\":\"no such version\",\"results\":{}}"), text, sizeof text);
    assert_string_equal(text, "no such version");
    keylime_fault(sp_str_of("<html>"), text, sizeof text);
    assert_string_equal(text, "without words of the protocol");
}

/* A good state is believed only with an attestation counted since we asked. */
static void k23_advance(void **state)
{
    static const struct keylime_proof asked = {.base_count = 41,
                                               .base_succeeded = 1000,
                                               .asked_s = 1001,
                                               .kept_count = 40,
                                               .kept_succeeded = 990,
                                               .date_s = 1010,
                                               .attestations = 1};
    static const struct {
        const char *what;
        int64_t count, received, succeeded;
        enum keylime_freshness f;
    } rows[] = {
        {"one more", 42, 1005, 1005, KEYLIME_FRESH},
        {"a failed quote later", 42, 1009, 1005, KEYLIME_FRESH},
        {"nothing moved", 41, 1000, 1000, KEYLIME_WAIT},
        {"only quotes come", 41, 1009, 1000, KEYLIME_WAIT},
        {"only the time moves", 41, 1009, 1009, KEYLIME_WAIT},
        {"count moves, time stands", 42, 1009, 998, KEYLIME_STALE},
        {"dated before we asked", 43, 1000, 1000, KEYLIME_FRESH /* within the slack of whole seconds */},
        {"count back", 39, 1009, 1009, KEYLIME_STALE},
        {"behind the last run", 40, 1009, 989, KEYLIME_STALE},
        {"ahead of its own clock", 42, 1100, 1013, KEYLIME_STALE},
        {"newer than its quote", 42, 1004, 1005, KEYLIME_STALE},
        {"never", 0, 0, 0, KEYLIME_WAIT},
        {"no count", KEYLIME_NONE, 1005, 1005, KEYLIME_WAIT},
        {"no time", 42, 1005, KEYLIME_NONE, KEYLIME_WAIT},
        {"no quote", 42, KEYLIME_NONE, 1005, KEYLIME_WAIT},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct keylime_status s = {
            .seen = true, .count = rows[i].count, .received = rows[i].received, .succeeded = rows[i].succeeded};
        const char *text = NULL;
        if (keylime_fresh(&s, &asked, &text) != rows[i].f) {
            fail_msg("%s: %s", rows[i].what, text != NULL ? text : "fresh");
        }
        assert_true((text == NULL) == (rows[i].f == KEYLIME_FRESH));
        struct keylime_proof undated = asked;
        undated.date_s = KEYLIME_NONE;
        assert_int_equal(keylime_fresh(&s, &undated, &text), KEYLIME_STALE);
    }
    struct keylime_status s = {.seen = true, .count = 42, .received = 1005, .succeeded = 1005};
    struct keylime_proof two = asked;
    const char *text = NULL;
    two.attestations = 2;
    assert_int_equal(keylime_fresh(&s, &two, &text), KEYLIME_WAIT);
    s.count = 43;
    assert_int_equal(keylime_fresh(&s, &two, &text), KEYLIME_FRESH);
    struct keylime_proof first = {.base_count = KEYLIME_NONE,
                                  .base_succeeded = KEYLIME_NONE,
                                  .asked_s = 1001,
                                  .kept_count = KEYLIME_NONE,
                                  .kept_succeeded = KEYLIME_NONE,
                                  .date_s = 1010,
                                  .attestations = 1};
    s = (struct keylime_status){.seen = true, .count = 1, .received = 1005, .succeeded = 1005};
    assert_int_equal(keylime_fresh(&s, &first, &text), KEYLIME_FRESH); /* its very first attestation, after we asked */
}

static void names(void **state)
{
    struct keylime_agent many[] = {{.id = "a"}, {.id = "ab"}, {.id = "abc"}, {.id = "b"}};
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        assert_ptr_equal(keylime_find(many, 4, sp_str_of(many[i].id)), &many[i]);
    }
    assert_null(keylime_find(many, 4, sp_str_of("abcd")));
    assert_null(keylime_find(many, 4, sp_str_of("")));
    assert_null(keylime_find(many, 0, sp_str_of("a")));
    assert_true(keylime_is_id("d432fbb3-d2f1-4a97-9ef7-75bd81c00000"));
    assert_false(keylime_is_id("") || keylime_is_id("a/b") || keylime_is_id("a b") || keylime_is_id("a?bulk") ||
                 keylime_is_id("\xc3\xa4"));
}

/* A fleet of 10,000: each agent finds its own words, in a list of nine megabytes. */
static void ten_thousand(void **state)
{
    enum { MANY = 10000 };
    size_t n = 0, size = 12u << 20;
    char *body = malloc(size);
    struct keylime_agent *all = calloc(MANY, sizeof *all);
    char(*id)[16] = calloc(MANY, sizeof *id);
    (void)state;
    assert_true(body != NULL && all != NULL && id != NULL);
    n += (size_t)snprintf(body + n, size - n, "{\"code\": 200, \"status\": \"Success\", \"results\": {");
    for (unsigned i = 0; i < MANY; i++) {
        (void)snprintf(id[i], sizeof id[i], "agent-%05u", i);
        all[i].id = id[i];
        n += (size_t)snprintf(
            body + n, size - n,
            "%s\"%s\": {\"operational_state\": %u, \"ip\": \"10.0.0.1\", \"port\": 9002, \"tpm_policy\": \"{\\\"mask\\\": "
            "\\\"0x400\\\"}\", "
            "\"accept_tpm_hash_algs\": [\"sha512\", \"sha256\"], \"has_runtime_policy\": 1, \"attestation_count\": %u, "
            "\"meta_data\": \"%0600u\"}",
            i > 0 ? ", " : "", id[i], i % 3 == 0 ? 9 : 3, i, i);
    }
    n += (size_t)snprintf(body + n, size - n, "}}");
    assert_in_range(n, 7u << 20, size - 1);
    assert_true(keylime_answer(sp_str_bytes(body, n), all, MANY, why));
    for (unsigned i = 0; i < MANY; i++) {
        assert_int_equal(all[i].status.count, i);
        assert_int_equal(keylime_level(&all[i].status), i % 3 == 0 ? KEYLIME_BAD : KEYLIME_GOOD);
    }
    free(body);
    free(all);
    free(id);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recorded),    cmocka_unit_test(contradictions), cmocka_unit_test(hostile_lists), cmocka_unit_test(faults),
        cmocka_unit_test(k23_advance), cmocka_unit_test(names),          cmocka_unit_test(ten_thousand)};
    return cmocka_run_group_tests_name("keylime words", tests, NULL, NULL);
}
