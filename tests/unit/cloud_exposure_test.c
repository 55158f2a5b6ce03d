/* SPDX-License-Identifier: Apache-2.0 */
/* What is read in Nova's servers and services, in the file of records, and in the keeper's explanation of a node: nothing is
 * believed that is not there, and what cannot be read is not passed over in silence. The first rows are as nova-api 26.2.2 gave
 * them. */
#include "cloud_exposure.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "bridge_exposure.h"

#define ID     "4bf92673-8036-4c60-9112-8c15def70353"
#define SERVER "\"id\": \"" ID "\", \"tenant_id\": \"5f5c\", \"status\": \"ACTIVE\", "
#define ON     "\"OS-EXT-SRV-ATTR:host\": \"cmp-1\", \"OS-EXT-SRV-ATTR:hypervisor_hostname\": \"cmp-1\", "
#define SPECS  "\"flavor\": {\"vcpus\": 1, \"extra_specs\": "

static const char *pool_of_trait(void *self, const char *trait)
{
    (void)self;
    return strcmp(trait, "CUSTOM_SPICE_GOLD") == 0 ? "gold" : NULL;
}

static const struct cloud_exposure_words words = {.trusted = "trusted", .pool_of_trait = pool_of_trait};

static void servers(void **state)
{
    static const struct {
        const char *text, *pools; /* pools NULL: not sound */
        bool on;
    } rows[] = {
        {"{\"id\": \"6ce20475-8659-4419-a1ae-c785b6060e79\", \"name\": \"one\", \"status\": \"ACTIVE\", \"tenant_id\": \"5f5c"
         "5d5e5f5c5d5e5f5c5d5e5f5c5d5e\", \"user_id\": \"admin\", \"metadata\": {}, \"hostId\": \"891661553e9acfab1709b0"
         "e6b15751fc32dbcad1dbac6e609cf29a61\", \"image\": {\"id\": \"7ae26a5f-4a3b-4c66-9d42-0a8c31a3b5d1\"}, \"flavo"
         "r\": {\"vcpus\": 1, \"ram\": 64, \"disk\": 0, \"ephemeral\": 0, \"swap\": 0, \"original_name\": \"plain\", \"extra_s"
         "pecs\": {\"trust:trusted_host\": \"trusted\"}}, \"created\": \"2026-11-28T16:30:45Z\", \"updated\": \"2026-11-28"
         "T16:30:48Z\", \"addresses\": {}, \"accessIPv4\": \"\", \"accessIPv6\": \"\", \"OS-DCF:diskConfig\": \"MANUAL\", \"pr"
         "ogress\": 0, \"OS-EXT-AZ:availability_zone\": \"nova\", \"config_drive\": \"\", \"key_name\": null, \"OS-SRV-USG"
         ":launched_at\": \"2026-11-28T16:30:47.000000\", \"OS-SRV-USG:terminated_at\": null, \"OS-EXT-SRV-ATTR:host"
         "\": \"cmp-1\", \"OS-EXT-SRV-ATTR:instance_name\": \"instance-00000001\", \"OS-EXT-SRV-ATTR:hypervisor_hostna"
         "me\": \"cmp-1\", \"OS-EXT-SRV-ATTR:reservation_id\": \"r-04sozkjx\", \"OS-EXT-SRV-ATTR:launch_index\": 0, \"OS"
         "-EXT-SRV-ATTR:hostname\": \"one\", \"OS-EXT-SRV-ATTR:kernel_id\": \"\", \"OS-EXT-SRV-ATTR:ramdisk_id\": \"\", \""
         "OS-EXT-SRV-ATTR:root_device_name\": \"/dev/sda\", \"OS-EXT-SRV-ATTR:user_data\": null, \"OS-EXT-STS:task_s"
         "tate\": null, \"OS-EXT-STS:vm_state\": \"active\", \"OS-EXT-STS:power_state\": 1, \"os-extended-volumes:volu"
         "mes_attached\": [], \"locked\": false, \"description\": null, \"tags\": [], \"trusted_image_certificates\": n"
         "ull, \"host_status\": \"UP\"}",
         "trusted", true},
        {"{" SERVER ON SPECS "{\"trust:trusted_host\": \"trusted\"}}}", "trusted", true},
        {"{" SERVER ON SPECS "{\"spice:pool\": \"gold\", \"hw:cpu_policy\": \"shared\"}}}", "gold", true},
        {"{" SERVER ON SPECS "{\"trait:CUSTOM_SPICE_GOLD\": \"required\"}}}", "gold", true},
        {"{" SERVER ON SPECS "{\"spice:pool\": \"gold\", \"trait:CUSTOM_SPICE_GOLD\": \"required\"}}}", "gold", true},
        {"{" SERVER ON SPECS "{\"spice:pool\": \"gold\", \"trust:trusted_host\": \"trusted\"}}}", "gold,trusted", true},
        {"{" SERVER ON SPECS "{}}}", "", true},
        {"{" SERVER ON SPECS "{\"trust:trusted_host\": \"untrusted\"}}}", "", true},
        {"{" SERVER ON SPECS "{\"trust:trusted_host\": \"Trusted\", \"spice:pool\": \"\", \"spice:pol\": \"gold\"}}}", "", true},
        {"{" SERVER ON SPECS "{\"trait:CUSTOM_SPICE_GOLD\": \"forbidden\", \"trait:CUSTOM_OTHER\": \"required\"}}}", "", true},
        {"{" SERVER "\"OS-EXT-SRV-ATTR:host\": null, \"OS-EXT-SRV-ATTR:hypervisor_hostname\": null, " SPECS
         "{\"spice:pool\": \"gold\"}}}",
         "gold", false},
        {"{" SERVER SPECS "{\"spice:pool\": \"gold\"}}}", NULL, false},                          /* may not see hosts */
        {"{" SERVER ON "\"flavor\": {\"vcpus\": 1}}", NULL, false},                              /* may not see extra specs */
        {"{\"id\": \"" ID "\", \"tenant_id\": \"5f5c\", \"status\": \"UNKNOWN\"}", NULL, false}, /* its cell is down */
        {"{" SERVER ON SPECS "{\"spice:pool\": 1}}}", NULL, false},
        {"{" SERVER ON SPECS "[]}}", NULL, false},
        {"{" ON SPECS "{}}}", NULL, false},
        {"{\"id\": \"7\", \"tenant_id\": \"5f5c\", " ON SPECS "{}}}", NULL, false},
        {"{" SERVER "\"OS-EXT-SRV-ATTR:host\": \"a/b\", \"OS-EXT-SRV-ATTR:hypervisor_hostname\": \"cmp-1\", " SPECS "{}}}", NULL,
         false},
        {"{" SERVER "\"OS-EXT-SRV-ATTR:host\": \"a&all\", \"OS-EXT-SRV-ATTR:hypervisor_hostname\": null, " SPECS "{}}}", NULL,
         false},
        {"null", NULL, false},
        {"[]", NULL, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char pools[256] = "";
        struct exposure_server s;
        json_t *row = json_loads(rows[i].text, JSON_DECODE_ANY, NULL);
        assert_non_null(row);
        if (cloud_exposure_server(row, &words, &s) != (rows[i].pools != NULL))
            fail_msg("%s", rows[i].text);
        for (uint32_t p = 0; p < s.count && rows[i].pools != NULL; p++)
            (void)snprintf(pools + strlen(pools), sizeof pools - strlen(pools), "%s%.*s", p > 0 ? "," : "", (int)s.pools[p].n,
                           s.pools[p].p);
        if (rows[i].pools != NULL) {
            assert_string_equal(pools, rows[i].pools);
            assert_int_equal(s.host.n > 0, rows[i].on);
        }
        json_decref(row);
    }
}

static void services(void **state)
{
    static const struct {
        const char *text;
        bool sound, enabled;
        const char *reason;
    } rows[] = {
        {"{\"id\": \"" ID
         "\", \"binary\": \"nova-compute\", \"host\": \"cmp-1\", \"zone\": \"nova\", \"status\": \"enabled\", \"state\": \"up\", "
         "\"updated_at\": \"2026-11-28T15:30:00.000000\", \"disabled_reason\": null, \"forced_down\": false}",
         true, true, ""},
        {"{\"id\": \"" ID
         "\", \"binary\": \"nova-compute\", \"host\": \"cmp-1\", \"status\": \"disabled\", \"disabled_reason\": \"SPICE: x\"}",
         true, false, "SPICE: x"},
        {"{\"id\": \"" ID
         "\", \"binary\": \"nova-compute\", \"host\": \"cmp-1\", \"status\": \"disabled\", \"disabled_reason\": null}",
         true, false, ""},
        {"{\"id\": 7, \"binary\": \"nova-compute\", \"host\": \"cmp-1\", \"status\": \"enabled\", \"disabled_reason\": null}",
         false, false, NULL},
        {"{\"id\": \"" ID
         "\", \"binary\": \"nova-scheduler\", \"host\": \"c\", \"status\": \"enabled\", \"disabled_reason\": null}",
         false, false, NULL},
        {"{\"id\": \"" ID "\", \"binary\": \"nova-compute\", \"host\": \"c\", \"status\": \"Enabled\", \"disabled_reason\": null}",
         false, false, NULL},
        {"{\"id\": \"" ID "\", \"binary\": \"nova-compute\", \"host\": \"c\", \"status\": \"UNKNOWN\"}", false, false,
         NULL}, /* cell down */
        {"{\"id\": \"" ID "\", \"binary\": \"nova-compute\", \"host\": \"c\", \"status\": \"enabled\"}", false, false, NULL},
        {"{\"id\": \"../x\", \"binary\": \"nova-compute\", \"host\": \"c\", \"status\": \"enabled\", \"disabled_reason\": null}",
         false, false, NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct cloud_exposure_service s;
        json_t *row = json_loads(rows[i].text, 0, NULL);
        if (cloud_exposure_service(row, &s) != rows[i].sound)
            fail_msg("%s", rows[i].text);
        if (rows[i].sound) {
            assert_int_equal(s.enabled, rows[i].enabled);
            assert_string_equal(s.reason, rows[i].reason);
        }
        json_decref(row);
    }
}

static void records(void **state)
{
    static struct action_core one, two;
    struct action_options o = {.at_once = 1, .share_percent = 10};
    struct action_record r = {
        .service = ID, .host = "cmp-1", .node = "n1", .pool = "gold", .reason = "SPICE: gold lost: said [00]"};
    (void)state;
    assert_true(action_core_init(&one, &o, (struct sp_mono){1}) && action_core_init(&two, &o, (struct sp_mono){1}));
    for (int s = ACTION_DISABLING; s <= ACTION_RELEASED; s++) {
        (void)snprintf(r.host, sizeof r.host, "cmp-%d", s);
        r.state = (enum action_state)s;
        assert_true(action_core_load(&one, &r));
    }
    assert_false(action_core_load(&one, &r)); /* one record for a host */
    char *text = cloud_exposure_records(&one);
    assert_non_null(text);
    assert_true(cloud_exposure_load(&two, sp_str_of(text)));
    assert_int_equal(two.record_count, 4);
    for (uint32_t i = 0; i < 4; i++) {
        assert_string_equal(two.records[i].host, one.records[i].host);
        assert_string_equal(two.records[i].reason, r.reason);
        assert_int_equal(two.records[i].state, one.records[i].state);
    }
    for (size_t cut = 0; cut + 1 < strlen(text); cut++) { /* no part of a file is one */
        static struct action_core part;
        assert_true(action_core_init(&part, &o, (struct sp_mono){1}));
        assert_false(cloud_exposure_load(&part, sp_str_bytes(text, cut)));
        action_core_fini(&part);
    }
    assert_false(cloud_exposure_load(&two, sp_str_of("{\"version\": 2, \"records\": []}")));
    assert_false(cloud_exposure_load(&two, sp_str_of("{\"version\": 1, \"records\": [{\"service\": \"" ID
                                                     "\", \"host\": \"h\", \"node\": \"n\", "
                                                     "\"pool\": \"p\", \"reason\": \"maintenance\", \"state\": \"disabled\"}]}")));
    free(text);
    action_core_fini(&one);
    action_core_fini(&two);
}

static void explanations(void **state)
{
#define POOLS(member, tier, checks)                                                                                                \
    "\"pools\": {\"gold\": {\"member\": " member ", \"tier\": \"" tier "\", \"checks\": [" checks "]}}"
#define CHECK(role, tier) "{\"check\": \"said\", \"role\": \"" role "\", \"tier\": \"" tier "\", \"outcome\": \"fail\"}"
    static const struct {
        const char *text;
        bool bad;
    } rows[] = {
        {"{\"node\": \"n1\", \"state\": \"in_service\", " POOLS("false", "fail", CHECK("mandatory", "fail")) "}", true},
        {"{\"node\": \"n1\", \"state\": \"in_service\", " POOLS("false", "fail", CHECK("group", "fail")) "}", true},
        {"{\"node\": \"n1\", \"state\": \"quarantined\", " POOLS("false", "fail", CHECK("mandatory", "fail")) "}", false},
        {"{\"node\": \"n1\", \"state\": \"maintenance\", " POOLS("false", "fail", CHECK("mandatory", "fail")) "}", false},
        {"{\"node\": \"n1\", \"state\": \"in_service\", " POOLS("false", "fail", CHECK("advisory", "fail")) "}", false},
        {"{\"node\": \"n1\", \"state\": \"in_service\", " POOLS("false", "fail", CHECK("mandatory", "none")) "}", false},
        {"{\"node\": \"n1\", \"state\": \"in_service\", " POOLS("false", "fail", "") "}", false},
        {"{\"node\": \"n1\", \"state\": \"in_service\", " POOLS("false", "none", CHECK("mandatory", "fail")) "}", false},
        {"{\"node\": \"n1\", \"state\": \"in_service\", " POOLS("true", "fail", CHECK("mandatory", "fail")) "}", false},
        {"{\"node\": \"n2\", \"state\": \"in_service\", " POOLS("false", "fail", CHECK("mandatory", "fail")) "}",
         false}, /* an alias */
        {"{\"node\": \"n1\", \"state\": \"in_service\", \"pools\": {}}", false},
        {"{}", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char code[ACTION_CODE_BYTES] = "";
        json_t *doc = json_loads(rows[i].text, 0, NULL);
        assert_non_null(doc);
        if (bridge_exposure_is_bad(doc, "n1", "gold", code) != rows[i].bad)
            fail_msg("%s", rows[i].text);
        if (rows[i].bad)
            assert_string_equal(code, "said");
        json_decref(doc);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(servers), cmocka_unit_test(services), cmocka_unit_test(records),
                                       cmocka_unit_test(explanations)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
