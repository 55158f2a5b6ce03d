/* SPDX-License-Identifier: Apache-2.0 */
/* What is read in placement's and Keystone's answers, and what is written back: traits of others as they were, and nothing believed
 * that is not there. */
#include "cloud_place.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct trait_core core;

static int setup(void **state)
{
    struct trait_core_options o = {.rate = 1, .parallel = 1, .rows_max = 10, .reconcile_ms = 1000};
    (void)state;
    bool good = trait_core_init(&core, &o, (struct sp_mono){1});
    good = good && trait_core_own(&core, (struct sp_mono){1}, sp_str_of("CUSTOM_A"));
    return good && trait_core_own(&core, (struct sp_mono){1}, sp_str_of("CUSTOM_B")) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    trait_core_fini(&core);
    return 0;
}

static void only_ours_are_seen(void **state)
{
    static const struct {
        const char *text;
        bool sound;
        uint64_t has;
    } rows[] = {
        {"{\"traits\": [], \"resource_provider_generation\": 0}", true, 0},
        {"{\"traits\": [\"CUSTOM_B\", \"X\", \"CUSTOM_A\"], \"resource_provider_generation\": 7}", true, 3},
        {"{\"traits\": [\"CUSTOM_AB\", \"custom_a\", \"CUSTOM_\", \"\"], \"resource_provider_generation\": 7}", true, 0},
        {"{\"traits\": [\"CUSTOM_B\"]}", false, 0},
        {"{\"traits\": [\"CUSTOM_B\"], \"resource_provider_generation\": \"7\"}", false, 0},
        {"{\"traits\": [\"CUSTOM_B\", 1], \"resource_provider_generation\": 7}", false, 0},
        {"{\"traits\": [null], \"resource_provider_generation\": 7}", false, 0},
        {"{\"traits\": \"CUSTOM_A\", \"resource_provider_generation\": 7}", false, 0},
        {"{\"traits\": {\"CUSTOM_A\": 1}, \"resource_provider_generation\": 7}", false, 0},
        {"[\"CUSTOM_A\"]", false, 0},
        {"null", false, 0},
        {"not JSON", false, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t has = 9;
        json_t *doc = json_loads(rows[i].text, JSON_DECODE_ANY, NULL);
        assert_int_equal(cloud_place_has(&core, doc, &has), rows[i].sound);
        if (rows[i].sound)
            assert_int_equal(has, rows[i].has);
        json_decref(doc);
    }
}

static void others_come_back_as_they_were(void **state)
{
    static const struct {
        uint64_t mask;
        const char *want;
    } rows[] = {
        {0, "{\"resource_provider_generation\":41,\"traits\":[\"HW_X\",\"CUSTOM_A2\",\"COMPUTE_Y\"]}"},
        {1, "{\"resource_provider_generation\":41,\"traits\":[\"HW_X\",\"CUSTOM_A2\",\"COMPUTE_Y\",\"CUSTOM_A\"]}"},
        {2, "{\"resource_provider_generation\":41,\"traits\":[\"HW_X\",\"CUSTOM_A2\",\"COMPUTE_Y\",\"CUSTOM_B\"]}"},
        {3, "{\"resource_provider_generation\":41,\"traits\":[\"HW_X\",\"CUSTOM_A2\",\"COMPUTE_Y\",\"CUSTOM_A\",\"CUSTOM_B\"]}"},
    };
    json_t *doc = json_loads(
        "{\"traits\": [\"HW_X\", \"CUSTOM_A\", \"CUSTOM_A2\", \"COMPUTE_Y\"], \"resource_provider_generation\": 41}", 0, NULL);
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *body = cloud_place_body(&core, doc, rows[i].mask);
        assert_string_equal(body, rows[i].want);
        free(body);
    }
    json_decref(doc);
}

static void lifetime_by_keystones_own_clock(void **state)
{
    static const struct {
        const char *text;
        uint64_t ms;
    } rows[] = {
        {"{\"token\": {\"issued_at\": \"2026-11-28T13:00:00.000000Z\", \"expires_at\": \"2026-11-28T14:00:00.000000Z\"}}", 3600000},
        {"{\"token\": {\"issued_at\": \"2026-02-28T23:59:59.000000Z\", \"expires_at\": \"2026-03-01T00:00:09.000000Z\"}}", 10000},
        {"{\"token\": {\"issued_at\": \"2026-11-28T14:00:00.000000Z\", \"expires_at\": \"2026-11-28T14:00:00.000000Z\"}}", 0},
        {"{\"token\": {\"issued_at\": \"2026-11-28T14:00:00.000000Z\", \"expires_at\": \"2026-11-28T13:00:00.000000Z\"}}", 0},
        {"{\"token\": {\"issued_at\": \"2026-13-28T13:00:00Z\", \"expires_at\": \"2026-11-28T14:00:00Z\"}}", 0},
        {"{\"token\": {\"issued_at\": \"yesterday\", \"expires_at\": \"tomorrow\"}}", 0},
        {"{\"token\": {\"issued_at\": 1, \"expires_at\": 2}}", 0},
        {"{\"token\": {}}", 0},
        {"[]", 0},
        {"", 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(cloud_auth_lifetime_ms(sp_str_of(rows[i].text)), rows[i].ms);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(only_ours_are_seen, setup, teardown),
        cmocka_unit_test_setup_teardown(others_come_back_as_they_were, setup, teardown),
        cmocka_unit_test(lifetime_by_keystones_own_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
