/* SPDX-License-Identifier: Apache-2.0 */
/* When the cloud's list is read, and what counts as whole: pace, hints and floods of them, failures and back-off, parts; and rows
 * of real answers. */
#include "bridge_hint.h"
#include "cloud_inventory.h"
#include "oslo_message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define S SP_US_PER_S

static struct inventory_core core;
static struct sp_mono now;
static unsigned readings, parts;

static int setup(void **state)
{
    struct inventory_core_options o = {.seed = 7, .interval_ms = 300000, .hint_ms = 10000, .rows_max = 1000};
    (void)state;
    now.us = 1000 * S;
    readings = parts = 0;
    inventory_core_init(&core, &o, now);
    inventory_core_link(&core, now, true);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    inventory_core_fini(&core);
    return 0;
}

enum cloud { GOOD, REFUSES, TOKEN, TORN, TWICE, PARTLY };

static void uuid_make(unsigned n, uint8_t uuid[16])
{
    memset(uuid, 0x11, 16);
    uuid[0] = (uint8_t)(n >> 8);
    uuid[1] = (uint8_t)n;
}

/* One thing to do, done by a cloud that behaves so; false: there is nothing. */
static bool turn(enum cloud cloud, unsigned nodes, bool bus)
{
    struct inventory_core_part part;
    uint8_t uuid[16], service[16] = {9};
    char name[16];
    enum inventory_core_ask ask = inventory_core_next(&core, now, &part);
    assert_true(inventory_core_check(&core));
    if (ask == INVENTORY_ASK_NOTHING)
        return false;
    if (ask == INVENTORY_ASK_SEND) {
        assert_int_equal(part.part, part.snapshot == core.snapshot ? core.part : 0);
        assert_true(part.count <= INVENTORY_CORE_PART && (part.last || part.count == INVENTORY_CORE_PART));
        for (uint32_t i = 1; i < part.count; i++)
            assert_true(memcmp(part.nodes[i - 1].key, part.nodes[i].key, 16) < 0);
        inventory_core_sent(&core, now, bus);
        parts++;
        return true;
    }
    readings += ask == INVENTORY_ASK_SERVICES;
    for (unsigned i = nodes; i > 0 && cloud != REFUSES && cloud != TOKEN; i--) { /* falling: the order is not the cloud's to give */
        uuid_make(cloud == TWICE && i == 2 ? 1 : i, uuid);
        (void)snprintf(name, sizeof name, "n%u", i);
        if (ask == INVENTORY_ASK_SERVICES)
            assert_true(inventory_core_service(&core, !(cloud == TORN && i == 1), uuid, INVENTORY_CORE_DOWN));
        else
            assert_true(inventory_core_node(&core, uuid, sp_str_of(name), i == 3 ? uuid : service, 0));
    }
    bool fails = cloud == REFUSES || (cloud == PARTLY && ask == INVENTORY_ASK_HYPERVISORS);
    inventory_core_done(&core, now, fails ? INVENTORY_CORE_FAILED : cloud == TOKEN ? INVENTORY_CORE_AGAIN : INVENTORY_CORE_DONE);
    return true;
}

static void pass(uint64_t us, enum cloud cloud, unsigned nodes, bool bus)
{
    uint64_t end = now.us + us;
    for (;;) {
        uint64_t at = inventory_core_deadline_us(&core);
        if (at > end)
            break;
        now.us = at > now.us ? at : now.us;
        (void)turn(cloud, nodes, bus);
    }
    now.us = end;
}

static void read_at_the_start_and_each_interval(void **state)
{
    (void)state;
    pass(S, GOOD, 3, true);
    assert_int_equal(readings, 1);
    assert_int_equal(parts, 1);
    assert_true(inventory_core_knows(&core, sp_str_of("n3")));
    assert_false(inventory_core_knows(&core, sp_str_of("n4")));
    assert_int_equal(core.nodes[2].flags, INVENTORY_CORE_DOWN); /* of its service */
    assert_int_equal(core.nodes[1].flags, 0);
    pass(3600 * S, GOOD, 3, true);
    assert_true(readings >= 10 && readings <= 17);
    assert_int_equal(readings, parts);
}

static void many_nodes_go_in_parts(void **state)
{
    (void)state;
    pass(S, GOOD, 600, true);
    assert_int_equal(parts, 3);
    assert_int_equal(core.counters.sent, 1);
    pass(S, GOOD, 0, true);
    assert_int_equal(core.state, INVENTORY_IDLE);
}

static void an_empty_list_is_reported_too(void **state)
{
    (void)state;
    pass(S, GOOD, 0, true);
    assert_int_equal(parts, 1);
}

static void nothing_is_read_while_nobody_listens(void **state)
{
    (void)state;
    inventory_core_link(&core, now, false);
    pass(7200 * S, GOOD, 3, true);
    assert_int_equal(readings, 0);
    inventory_core_link(&core, now, true);
    pass(2 * S, GOOD, 3, true);
    assert_int_equal(readings, 1);
    inventory_core_link(&core, now, false);
    pass(20 * S, GOOD, 3, true);
    inventory_core_link(&core, now, true); /* again: anew at once */
    pass(2 * S, GOOD, 3, true);
    assert_int_equal(readings, 2);
}

static void what_is_not_whole_is_not_reported(void **state)
{
    static const enum cloud clouds[] = {REFUSES, TORN, TWICE, PARTLY};
    (void)state;
    for (size_t i = 0; i < SP_COUNT(clouds); i++) {
        unsigned before = readings;
        pass(3600 * S, clouds[i], 5, true);
        assert_int_equal(parts, 0);
        assert_true(readings - before >= 8 && readings - before <= 24); /* back-off up to five minutes */
    }
    assert_true(core.counters.torn > 0 && core.counters.unsound > 0);
    pass(400 * S, GOOD, 5, true);
    assert_int_equal(parts, core.counters.sent);
    assert_true(parts >= 1);
}

static void a_refused_token_costs_a_second(void **state)
{
    (void)state;
    pass(10 * S, TOKEN, 5, true);
    assert_true(readings >= 9 && readings <= 11);
    assert_int_equal(core.failures, 0);
}

static void a_flood_of_hints_costs_one_reading(void **state)
{
    (void)state;
    pass(20 * S, GOOD, 3, true);
    assert_int_equal(readings, 1);
    inventory_core_hint(&core, now);
    pass(2 * S, GOOD, 3, true);
    assert_int_equal(readings, 2);          /* soon */
    for (unsigned i = 0; i < 100000; i++) { /* a hundred seconds of them */
        inventory_core_hint(&core, now);
        pass(1000, GOOD, 3, true);
    }
    assert_true(readings >= 2 + 8 && readings <= 2 + 11);
    unsigned before = readings;
    for (unsigned i = 0; i < 100000; i++) { /* and none while readings fail */
        inventory_core_hint(&core, now);
        pass(1000, REFUSES, 3, true);
    }
    assert_true(readings - before <= 7);
}

static void a_hint_during_a_reading_is_not_lost(void **state)
{
    (void)state;
    assert_true(turn(GOOD, 3, true));
    inventory_core_hint(&core, now);
    pass(15 * S, GOOD, 3, true);
    assert_int_equal(readings, 2);
    assert_int_equal(parts, 2);
}

static void a_part_that_does_not_leave_is_read_anew(void **state)
{
    (void)state;
    pass(S, GOOD, 600, false);
    assert_int_equal(parts, 1);
    pass(60 * S, GOOD, 600, true);
    assert_int_equal(core.counters.sent, 1);
    assert_int_equal(parts, 4);
}

static void long_names_are_cut_at_a_character(void **state)
{
    struct inventory_core_part part;
    char name[400];
    uint8_t uuid[16] = {1}, service[16] = {2};
    (void)state;
    memset(name, 'a', sizeof name);
    memcpy(name + 254, "\xc3\xa9", 2);
    assert_int_equal(inventory_core_next(&core, now, &part), INVENTORY_ASK_SERVICES);
    inventory_core_done(&core, now, INVENTORY_CORE_DONE);
    assert_int_equal(inventory_core_next(&core, now, &part), INVENTORY_ASK_HYPERVISORS);
    assert_true(inventory_core_node(&core, uuid, sp_str_bytes(name, sizeof name), service, 0));
    assert_int_equal(strlen(core.nodes[0].name), 254);
    for (unsigned i = 1; i < 1000; i++) {
        uuid_make(i, uuid);
        assert_true(inventory_core_node(&core, uuid, sp_str_of("x"), service, 0));
    }
    assert_false(inventory_core_node(&core, uuid, sp_str_of("x"), service, 0)); /* more than may be */
    inventory_core_done(&core, now, INVENTORY_CORE_DONE);
    assert_int_equal(core.counters.unsound, 1);
}

/* ---- rows of answers ---- */

static bool row(bool (*take)(void *, const json_t *), const char *text)
{
    json_t *one = json_loads(text, 0, NULL);
    assert_non_null(one);
    bool sound = take(&core, one);
    json_decref(one);
    return sound;
}

static void rows_are_read_strictly(void **state)
{
#define UUID "\"8c3dd9b1-7f47-4b5c-9bd4-5a3bf7d0a001\""
    struct inventory_core_part part;
    (void)state;
    (void)inventory_core_next(&core, now, &part);
    assert_true(row(cloud_inventory_service,
                    "{\"id\": " UUID ", \"binary\": \"nova-compute\", \"status\": \"enabled\", \"state\": \"up\"}"));
    assert_true(row(cloud_inventory_service, "{\"id\": 7, \"binary\": \"nova-conductor\", \"status\": \"enabled\"}"));
    assert_false(row(cloud_inventory_service, "{\"id\": 7, \"binary\": \"nova-compute\", \"status\": \"enabled\"}"));
    assert_false(row(cloud_inventory_service, "{\"id\": \"x\", \"binary\": \"nova-compute\", \"status\": \"enabled\"}"));
    assert_false(row(cloud_inventory_service, "{\"id\": " UUID ", \"status\": \"enabled\"}"));
    assert_false(core.torn);
    assert_true(row(cloud_inventory_service, "{\"binary\": \"nova-compute\", \"host\": \"h\", \"status\": \"UNKNOWN\"}"));
    assert_true(core.torn);
    core.torn = false;
    inventory_core_done(&core, now, INVENTORY_CORE_DONE);
    (void)inventory_core_next(&core, now, &part);
    assert_true(
        row(cloud_inventory_hypervisor, "{\"id\": " UUID ", \"hypervisor_hostname\": \"h1\", \"service\": {\"id\": " UUID "}}"));
    assert_true(row(cloud_inventory_hypervisor, "{\"id\": " UUID ", \"hypervisor_hostname\": \"h1\"}"));
    assert_false(row(cloud_inventory_hypervisor, "{\"id\": 1, \"hypervisor_hostname\": \"h1\"}")); /* an older Nova */
    assert_false(row(cloud_inventory_hypervisor, "{\"id\": " UUID ", \"hypervisor_hostname\": null}"));
    assert_false(
        row(cloud_inventory_hypervisor, "{\"id\": " UUID ", \"hypervisor_hostname\": \"h\", \"service\": {\"id\": \"1\"}}"));
}

/* ---- notifications ---- */

static void notifications_are_heard(void **state)
{
    static const struct {
        const char *text, *host;
        enum bridge_heard heard;
    } rows[] = {
        {"{\"event_type\": \"compute.metrics.update\", \"payload\": {\"nodename\": \"cmp-01.example.org\", \"host\": \"cmp-01\"}}",
         "cmp-01.example.org", BRIDGE_HEARD_HOST},
        {"{\"event_type\": \"compute.instance.create.end\", \"payload\": {\"host\": \"h\", \"node\": \"n\"}}", "n",
         BRIDGE_HEARD_HOST},
        {"{\"event_type\": \"compute.instance.create.end\", \"payload\": {\"host\": \"h\"}}", NULL, BRIDGE_HEARD_NOTHING},
        {"{\"event_type\": \"HostAPI.set_enabled.end\", \"payload\": {\"host_name\": \"h\", \"enabled\": false}}", "h",
         BRIDGE_HEARD_SERVICE},
        {"{\"event_type\": \"service.update\", \"payload\": {\"host\": \"h\", \"binary\": \"nova-compute\"}}", "h",
         BRIDGE_HEARD_SERVICE},
        {"{\"event_type\": \"service.update\", \"payload\": {\"host\": \"a b\"}}", NULL, BRIDGE_HEARD_NOTHING},
        {"{\"event_type\": \"service.update\", \"payload\": {\"host\": 7}}", NULL, BRIDGE_HEARD_NOTHING},
        {"{\"event_type\": \"service.update\", \"payload\": [\"h\"]}", NULL, BRIDGE_HEARD_NOTHING},
        {"{\"event_type\": \"flavor.create\", \"payload\": {\"host\": \"h\"}}", NULL, BRIDGE_HEARD_NOTHING},
        {"{\"event_type\": \"service.create\", \"payload\": {\"nova_object.version\": \"1.1\", \"nova_object.data\": {\"host\": "
         "\"h\", "
         "\"binary\": \"nova-compute\"}}}",
         "h", BRIDGE_HEARD_SERVICE},
        {"{\"event_type\": \"service.create\", \"payload\": {\"nova_object.version\": \"2.0\", \"nova_object.data\": {\"host\": "
         "\"h\", "
         "\"binary\": \"nova-compute\"}}}",
         NULL, BRIDGE_HEARD_NOTHING},
        {"{\"event_type\": \"service.update\", \"payload\": {\"nova_object.version\": \"1.1\", \"nova_object.data\": {\"host\": "
         "\"h\", "
         "\"binary\": \"nova-compute\", \"disabled_reason\": \"SPICE: x\"}}}",
         NULL, BRIDGE_HEARD_NOTHING},
        {"{\"event_type\": \"service.create\", \"payload\": {\"nova_object.version\": \"1.1\", \"nova_object.data\": {\"host\": "
         "\"h\", "
         "\"binary\": \"nova-scheduler\"}}}",
         NULL, BRIDGE_HEARD_NOTHING},
        {"{}", NULL, BRIDGE_HEARD_NOTHING},
        {"{\"event_type\": \"service.create\"}", NULL, BRIDGE_HEARD_NOTHING},
    };
    (void)state;
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        const char *host = NULL;
        json_t *inner = oslo_inner_load(sp_str_of(rows[i].text)); /* the format without envelope */
        assert_non_null(inner);
        enum bridge_heard heard = bridge_hint_read(inner, &host);
        assert_int_equal(heard, rows[i].heard);
        if (rows[i].host != NULL)
            assert_string_equal(host, rows[i].host);
        json_decref(inner);
    }
    const char *host = NULL;
    assert_int_equal(bridge_hint_read(NULL, &host), BRIDGE_HEARD_NOTHING);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(read_at_the_start_and_each_interval),
        T(many_nodes_go_in_parts),
        T(an_empty_list_is_reported_too),
        T(nothing_is_read_while_nobody_listens),
        T(what_is_not_whole_is_not_reported),
        T(a_refused_token_costs_a_second),
        T(a_flood_of_hints_costs_one_reading),
        T(a_hint_during_a_reading_is_not_lost),
        T(a_part_that_does_not_leave_is_read_anew),
        T(long_names_are_cut_at_a_character),
        T(rows_are_read_strictly),
        T(notifications_are_heard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
