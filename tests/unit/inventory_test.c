/* SPDX-License-Identifier: Apache-2.0 */
/* What follows from the cloud's list of compute nodes: found, renamed, lost, found again, in conflict; what never follows from a part of it; and
 * that a hostile reporter gains nothing (SI-10). The registry here is the real one; acts are applied as the keeper's shell applies them. */
#include "inventory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "sp_rng.h"

#define MINUTE 60000u

struct bed {
    struct inventory inv;
    struct node_registry nodes;
    uint64_t now_ms, snapshot;
    uint32_t acts;
    uint8_t causes[64]; /* as the store has them, by id */
};

struct seen {
    uint8_t key;
    const char *name;
};

static struct bed bed;

static int setup(void **state)
{
    static const uint8_t key[16] = {7};
    struct inventory_options o = {
        .mode = INVENTORY_DISCOVER, .misses = 3, .missing_ms = 15 * MINUTE, .brake_percent = 10, .rows_max = 1000};
    (void)state;
    memset(&bed, 0, sizeof bed);
    bed.now_ms = 10 * MINUTE;
    inventory_init(&bed.inv, &o);
    node_registry_init(&bed.nodes, key);
    return node_registry_pools(&bed.nodes, 1) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    inventory_fini(&bed.inv);
    node_registry_fini(&bed.nodes);
    return 0;
}

static void key_make(uint8_t n, uint8_t key[16])
{
    memset(key, 0, 16);
    key[0] = n;
    key[6] = 0x40; /* a UUID of version 4 */
    key[15] = 1;
}

/* ---- the reporter ---- */

static struct msg_inventory_report decoded(uint8_t *frame, size_t size, const struct msg_inventory_report *m,
                                           const struct seen *rows, uint32_t n)
{
    struct sp_packer w;
    struct msg_inventory_report out;
    sp_packer_init(&w, frame, size);
    assert_int_equal(msg_inventory_report_begin(&w, m), SP_OK);
    for (uint32_t i = 0; i < n; i++) {
        uint8_t key[16], service[16] = {9};
        struct rec_inventory_node node = {.name = sp_str_of(rows[i].name)};
        key_make(rows[i].key, key);
        node.key = key;
        node.service = service;
        assert_int_equal(rec_inventory_node_put(&w, &node), SP_OK);
    }
    assert_int_equal(msg_inventory_report_end(&w), SP_OK);
    assert_int_equal(msg_inventory_report_decode(frame, sp_packer_bytes(&w), &out), SP_OK);
    return out;
}

static enum inventory_part_result part(const char *source, const struct msg_inventory_report *head, const struct seen *rows,
                                       uint32_t n)
{
    static uint8_t frame[262144];
    struct msg_inventory_report m = decoded(frame, sizeof frame, head, rows, n);
    return inventory_part(&bed.inv, &bed.nodes, bed.now_ms, sp_str_of(source), &m);
}

static enum inventory_part_result report(const struct seen *rows, uint32_t n)
{
    struct msg_inventory_report head = {.boot = 5, .snapshot = ++bed.snapshot, .last = true, .total = n};
    bed.now_ms += INVENTORY_SPACING_MS;
    return part("bridge-1", &head, rows, n);
}

/* ---- the shell ---- */

static void apply(const struct inventory_act *a)
{
    struct node_row *row = node_registry_at(&bed.nodes, a->node);
    if (a->kind == INVENTORY_PUT) {
        struct node_def def = {
            .name = sp_str_of(a->name), .labels = sp_str_of(a->labels), .state = a->state, .origin = NODE_ORIGIN_NOVA};
        memcpy(def.key, a->key, 16);
        assert_int_equal(node_registry_put(&bed.nodes, &def, &row), SP_OK);
    } else if (a->kind == INVENTORY_RENAME) {
        assert_int_equal(node_registry_move(&bed.nodes, row, sp_str_of(a->name), a->state), SP_OK);
    } else {
        node_registry_state(&bed.nodes, row, a->state);
    }
    assert_non_null(row);
    inventory_done(&bed.inv, a, row->id, bed.now_ms);
    bed.causes[row->id % 64] = a->cause;
    bed.acts++;
}

static uint32_t act(void)
{
    static struct inventory_act acts[INVENTORY_ACTS_MAX];
    uint32_t all = 0, n;
    while ((n = inventory_next(&bed.inv, &bed.nodes, acts)) > 0) {
        assert_true(n <= INVENTORY_ACTS_MAX);
        for (uint32_t i = 0; i < n; i++)
            apply(&acts[i]);
        all += n;
        assert_true(all < 10000);
    }
    assert_true(node_registry_check(&bed.nodes));
    assert_true(inventory_check(&bed.inv));
    return all;
}

static uint32_t see(const struct seen *rows, uint32_t n)
{
    assert_int_equal(report(rows, n), INVENTORY_WHOLE);
    return act();
}

static struct node_row *node(const char *name)
{
    return node_registry_find_name(&bed.nodes, sp_str_of(name));
}

static void is(const char *name, unsigned state, unsigned cause)
{
    const struct node_row *row = node(name);
    assert_non_null(row);
    assert_int_equal(row->state, state);
    assert_int_equal(inventory_cause_of(&bed.inv, row->id), cause);
}

/* What an operator does: node.state. */
static void release(const char *name)
{
    struct node_row *row = node(name);
    assert_non_null(row);
    node_registry_state(&bed.nodes, row, SP_NODE_STATE_IN_SERVICE);
    inventory_forget(&bed.inv, row->id);
}

static void register_by_file(uint8_t key, const char *name)
{
    struct node_def def = {.name = sp_str_of(name), .state = SP_NODE_STATE_IN_SERVICE, .origin = NODE_ORIGIN_FILE};
    struct node_row *row = NULL;
    key_make(key, def.key);
    if (key == 0)
        def.key[6] = 0x80, def.key[0] = (uint8_t)name[0];
    assert_int_equal(node_registry_put(&bed.nodes, &def, &row), SP_OK);
}

/* n nodes "n01".. in service. */
static uint32_t fill(struct seen *rows, char names[][8], uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        (void)snprintf(names[i], 8, "n%02u", (i + 1) % 100);
        rows[i] = (struct seen){(uint8_t)(i + 1), names[i]};
    }
    see(rows, n);
    for (uint32_t i = 0; i < n; i++)
        release(names[i]);
    return n;
}

static void miss(const struct seen *rows, uint32_t n)
{
    bed.now_ms += 8 * MINUTE;
    see(rows, n);
}

/* ---- tests ---- */

static void what_is_new_waits(void **state)
{
    const struct seen two[] = {{1, "n1"}, {2, "n2"}};
    (void)state;
    assert_int_equal(see(two, 2), 2);
    is("n1", SP_NODE_STATE_MAINTENANCE, INVENTORY_DISCOVERED);
    is("n2", SP_NODE_STATE_MAINTENANCE, INVENTORY_DISCOVERED);
    assert_int_equal(node("n1")->origin, NODE_ORIGIN_NOVA);
    assert_int_equal(inventory_of_node(&bed.inv, node("n1")), INVENTORY_WAITS);
    assert_int_equal(see(two, 2), 0); /* and nothing more */
    release("n1");
    assert_int_equal(see(two, 2), 0);
    is("n1", SP_NODE_STATE_IN_SERVICE, INVENTORY_NONE);
}

static void rules_label_and_admit(void **state)
{
    const struct seen three[] = {{1, "cmp-a1"}, {2, "cmp-b1"}, {3, "other"}};
    (void)state;
    bed.inv.options.admit = INVENTORY_LABELLED;
    bed.inv.options.rule_count = 2;
    bed.inv.options.rules[0] = (struct inventory_rule){"cmp-a*", "zone=a"};
    bed.inv.options.rules[1] = (struct inventory_rule){"cmp-*", "zone=other"};
    see(three, 3);
    is("cmp-a1", SP_NODE_STATE_IN_SERVICE, INVENTORY_NONE);
    assert_string_equal(node("cmp-a1")->labels, "zone=a");
    assert_string_equal(node("cmp-b1")->labels, "zone=other");
    is("other", SP_NODE_STATE_MAINTENANCE, INVENTORY_DISCOVERED);
    assert_string_equal(node("other")->labels, "");
    bed.inv.options.admit = INVENTORY_MANUAL;
    const struct seen four[] = {{1, "cmp-a1"}, {2, "cmp-b1"}, {3, "other"}, {4, "cmp-a2"}};
    see(four, 4);
    is("cmp-a2", SP_NODE_STATE_MAINTENANCE, INVENTORY_DISCOVERED);
    assert_string_equal(node("cmp-a2")->labels, "zone=a");
}

static void no_rule_admits_another_machine_under_a_name(void **state)
{
    const struct seen before[] = {{1, "n1"}, {2, "n2"}}, after[] = {{2, "n2"}, {7, "n1"}}, gone[] = {{7, "n1"}, {8, "n2"}};
    (void)state;
    bed.inv.options.admit = INVENTORY_LABELLED;
    bed.inv.options.rule_count = 1;
    bed.inv.options.rules[0] = (struct inventory_rule){"n*", "zone=a"};
    see(before, 2);
    is("n1", SP_NODE_STATE_IN_SERVICE, INVENTORY_NONE);
    struct node_row *row = node("n1"); /* an operator is done with it */
    node_registry_state(&bed.nodes, row, SP_NODE_STATE_RETIRED);
    inventory_forget(&bed.inv, row->id);
    see(after, 2);
    is("n1", SP_NODE_STATE_MAINTENANCE, INVENTORY_DISCOVERED);
    assert_int_equal(node("n1")->key[0], 7);
    for (unsigned i = 0; i < 4; i++)
        miss(gone, 2); /* this one the table itself retired */
    is("n2", SP_NODE_STATE_MAINTENANCE, INVENTORY_DISCOVERED);
    assert_int_equal(node("n2")->key[0], 8);
}

static void what_has_another_name_now_is_not_released(void **state)
{
    const struct seen before[] = {{1, "n1"}, {2, "n2"}}, moved[] = {{1, "n1"}, {2, "n9"}}, twins[] = {{1, "n1"}, {2, "n1"}};
    (void)state;
    see(before, 2);
    assert_true(inventory_is_free(&bed.inv, node("n1")) && inventory_is_free(&bed.inv, node("n2")));
    bed.inv.options.mode = INVENTORY_REPORT; /* as when the brake holds, or the name is not free yet: it is not entered */
    see(moved, 2);
    is("n2", SP_NODE_STATE_MAINTENANCE, INVENTORY_DISCOVERED);
    assert_false(inventory_is_free(&bed.inv, node("n2")));
    assert_true(inventory_is_free(&bed.inv, node("n1")));
    see(twins, 2);
    assert_false(inventory_is_free(&bed.inv, node("n1")) || inventory_is_free(&bed.inv, node("n2")));
    see(before, 2);
    assert_true(inventory_is_free(&bed.inv, node("n2")));
    release("n2");
    assert_false(inventory_is_free(&bed.inv, node("n2"))); /* it waits for nothing */
}

static void a_rename_moves_no_trust(void **state)
{
    const struct seen before[] = {{1, "n1"}}, after[] = {{1, "n9"}};
    (void)state;
    see(before, 1);
    release("n1");
    uint32_t id = node("n1")->id, generation = node("n1")->generation;
    see(after, 1);
    assert_null(node("n1"));
    is("n9", SP_NODE_STATE_MAINTENANCE, INVENTORY_RENAMED);
    assert_int_equal(node("n9")->id, id);
    assert_true(node("n9")->generation > generation); /* what n1 proved is void */
    assert_int_equal(see(after, 1), 0);
    release("n9");
    assert_int_equal(see(after, 1), 0);
    is("n9", SP_NODE_STATE_IN_SERVICE, INVENTORY_NONE);
}

static void names_may_be_exchanged(void **state)
{
    const struct seen before[] = {{1, "n1"}, {2, "n2"}}, after[] = {{1, "n2"}, {2, "n1"}};
    (void)state;
    bed.inv.options.brake_percent = 100;
    see(before, 2);
    release("n1");
    release("n2");
    uint32_t first = node("n1")->id;
    see(after, 2);
    see(after, 2);
    is("n1", SP_NODE_STATE_MAINTENANCE, INVENTORY_RENAMED);
    is("n2", SP_NODE_STATE_MAINTENANCE, INVENTORY_RENAMED);
    assert_int_equal(node("n2")->id, first);
    assert_int_equal(see(after, 2), 0);
}

static void one_name_of_two_is_nobodys(void **state)
{
    const struct seen before[] = {{1, "n1"}, {2, "n2"}}, twins[] = {{1, "n1"}, {2, "n1"}};
    (void)state;
    bed.inv.options.brake_percent = 100;
    see(before, 2);
    release("n1");
    release("n2");
    see(twins, 2);
    is("n1", SP_NODE_STATE_QUARANTINED, INVENTORY_CONFLICT);
    is("n2", SP_NODE_STATE_QUARANTINED, INVENTORY_CONFLICT);
    see(before, 2); /* over: still a person's business */
    is("n1", SP_NODE_STATE_QUARANTINED, INVENTORY_CONFLICT);
    release("n1");
    assert_int_equal(see(before, 2), 0);
}

static void another_key_under_a_known_name(void **state)
{
    const struct seen before[] = {{1, "n1"}}, after[] = {{7, "n1"}};
    (void)state;
    see(before, 1);
    release("n1");
    see(after, 1);
    is("n1", SP_NODE_STATE_QUARANTINED, INVENTORY_CONFLICT);
    assert_int_equal(node("n1")->key[0], 1);
    assert_int_equal(bed.nodes.count, 1);
    uint32_t generation = node("n1")->generation;
    for (unsigned i = 0; i < 3; i++)
        miss(after, 1); /* the first is gone for good, and its name is free */
    is("n1", SP_NODE_STATE_MAINTENANCE, INVENTORY_DISCOVERED);
    assert_int_equal(node("n1")->key[0], 7);
    assert_true(node("n1")->generation > generation);
}

static void nodes_of_others_are_only_mentioned(void **state)
{
    const struct seen rows[] = {{2, "moved"}, {3, "f1"}, {4, "plain"}};
    (void)state;
    register_by_file(1, "f1");
    register_by_file(2, "f2");
    register_by_file(0, "plain"); /* without a key: known by its name */
    register_by_file(9, "f9");
    uint64_t version = bed.nodes.version;
    for (unsigned i = 0; i < 5; i++)
        miss(rows, 3);
    assert_int_equal(bed.nodes.version, version);
    assert_int_equal(bed.nodes.count, 4);
    assert_int_equal(inventory_of_node(&bed.inv, node("f2")), INVENTORY_FOREIGN);
    assert_int_equal(inventory_of_node(&bed.inv, node("f9")), INVENTORY_FITS);
    assert_false(inventory_accept(&bed.inv, &bed.nodes, node("f2")->id));
    assert_int_equal(inventory_row_of(&bed.inv, (const uint8_t[16]){3, 0, 0, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0, 0, 1})->finding,
                     INVENTORY_FOREIGN);
}

static void names_that_are_none_are_refused(void **state)
{
    const struct seen rows[] = {{1, "n1\xc3\xa9"},
                                {2, "-n2"},
                                {3, ""},
                                {4, "n\"4"},
                                {5, "12345678901234567890123456789012345678901234567890123456789012345"}};
    (void)state;
    assert_int_equal(see(rows, 5), 0);
    assert_int_equal(bed.nodes.count, 0);
    assert_int_equal(bed.inv.counters.bad_names, 5);
    assert_string_equal(bed.inv.rows[0].name, "n1??");
    const struct seen good[] = {{1, "n1"}}, bad[] = {{1, "n 1"}};
    see(good, 1);
    release("n1");
    see(bad, 1);
    is("n1", SP_NODE_STATE_QUARANTINED, INVENTORY_CONFLICT);
}

static void lost_for_good_is_retired(void **state)
{
    struct seen rows[20];
    char names[20][8];
    (void)state;
    fill(rows, names, 20);
    miss(rows, 19);
    is("n20", SP_NODE_STATE_IN_SERVICE, INVENTORY_NONE);
    assert_int_equal(inventory_of_node(&bed.inv, node("n20")), INVENTORY_MISSING);
    miss(rows, 19);
    is("n20", SP_NODE_STATE_IN_SERVICE, INVENTORY_NONE); /* twice, and eight minutes */
    miss(rows, 20);
    miss(rows, 19);
    miss(rows, 19);
    is("n20", SP_NODE_STATE_IN_SERVICE, INVENTORY_NONE); /* it was there between: counted anew */
    miss(rows, 19);
    is("n20", SP_NODE_STATE_RETIRED, INVENTORY_GONE_SERVING);
    assert_int_equal(inventory_of_node(&bed.inv, node("n20")), INVENTORY_IS_GONE);
    uint32_t generation = node("n20")->generation;
    miss(rows, 20);
    is("n20", SP_NODE_STATE_IN_SERVICE, INVENTORY_NONE); /* the same key and name: it may prove itself anew */
    assert_true(node("n20")->generation > generation);
}

static void readings_alone_are_not_time(void **state)
{
    struct seen rows[20];
    char names[20][8];
    (void)state;
    fill(rows, names, 20);
    for (unsigned i = 0; i < 100; i++)
        see(rows, 19);
    is("n20", SP_NODE_STATE_IN_SERVICE, INVENTORY_NONE);
}

static void back_under_another_name_waits(void **state)
{
    struct seen rows[20];
    char names[20][8];
    (void)state;
    fill(rows, names, 20);
    for (unsigned i = 0; i < 3; i++)
        miss(rows, 19);
    is("n20", SP_NODE_STATE_RETIRED, INVENTORY_GONE_SERVING);
    rows[19].name = "other";
    miss(rows, 20);
    is("other", SP_NODE_STATE_MAINTENANCE, INVENTORY_RENAMED);
}

static void an_operators_decision_stays(void **state)
{
    struct seen rows[20];
    char names[20][8];
    (void)state;
    fill(rows, names, 20);
    node_registry_state(&bed.nodes, node("n19"), SP_NODE_STATE_MAINTENANCE);
    node_registry_state(&bed.nodes, node("n20"), SP_NODE_STATE_QUARANTINED);
    node_registry_state(&bed.nodes, node("n18"), SP_NODE_STATE_RETIRED);
    for (unsigned i = 0; i < 4; i++)
        miss(rows, 18);
    is("n19", SP_NODE_STATE_RETIRED, INVENTORY_GONE_RESTING);
    is("n20", SP_NODE_STATE_QUARANTINED, INVENTORY_NONE);
    is("n18", SP_NODE_STATE_RETIRED, INVENTORY_NONE);
    miss(rows, 20);
    is("n19", SP_NODE_STATE_MAINTENANCE, INVENTORY_NONE); /* and nobody is asked to release it */
    is("n20", SP_NODE_STATE_QUARANTINED, INVENTORY_NONE);
    is("n18", SP_NODE_STATE_RETIRED, INVENTORY_NONE);
    rows[19].name = "x20";
    miss(rows, 20);
    is("x20", SP_NODE_STATE_QUARANTINED, INVENTORY_NONE);
}

static void a_part_follows_nothing(void **state)
{
    struct seen rows[20];
    char names[20][8];
    (void)state;
    fill(rows, names, 20);
    uint64_t version = bed.nodes.version;
    for (unsigned i = 0; i < 10; i++) {
        struct msg_inventory_report head = {.boot = 5, .snapshot = ++bed.snapshot, .total = 20};
        bed.now_ms += 8 * MINUTE;
        assert_int_equal(part("bridge-1", &head, rows, 10), INVENTORY_TAKEN);
        head.part = 2; /* one is lost */
        head.last = true;
        assert_int_equal(part("bridge-1", &head, rows + 10, 10), INVENTORY_REFUSED);
        head.part = 1; /* and comes late */
        assert_int_equal(part("bridge-1", &head, rows + 10, 10), INVENTORY_REFUSED);
        head.snapshot = ++bed.snapshot; /* fewer than were said */
        head.part = 0;
        assert_int_equal(part("bridge-1", &head, rows, 19), INVENTORY_MALFORMED);
        head.snapshot = ++bed.snapshot;
        head.total = 5; /* more */
        assert_int_equal(part("bridge-1", &head, rows, 6), INVENTORY_MALFORMED);
        head.snapshot = ++bed.snapshot;
        head.total = 1001; /* than may be */
        assert_int_equal(part("bridge-1", &head, rows, 6), INVENTORY_REFUSED);
        assert_int_equal(act(), 0);
    }
    assert_int_equal(bed.nodes.version, version);
    assert_int_equal(bed.inv.counters.wholes, 1);
}

static void order_repeats_and_pace(void **state)
{
    const struct seen wrong[] = {{2, "n2"}, {1, "n1"}}, twice[] = {{1, "n1"}, {1, "n2"}}, none[] = {{0, "n0"}},
                      good[] = {{1, "n1"}};
    struct msg_inventory_report head = {.boot = 5, .last = true};
    (void)state;
    assert_int_equal(report(wrong, 2), INVENTORY_MALFORMED);
    assert_int_equal(report(twice, 2), INVENTORY_MALFORMED);
    head.snapshot = ++bed.snapshot;
    head.total = 1;
    assert_int_equal(part("bridge-1", &head, good, 1), INVENTORY_WHOLE);
    assert_int_equal(part("bridge-1", &head, good, 1), INVENTORY_REFUSED); /* the same again */
    head.snapshot = ++bed.snapshot;
    assert_int_equal(part("bridge-1", &head, good, 1), INVENTORY_REFUSED); /* too soon */
    assert_int_equal(part("bridge-2", &head, good, 1), INVENTORY_REFUSED);
    bed.now_ms += INVENTORY_SPACING_MS;
    assert_int_equal(part("bridge-2", &head, good, 1), INVENTORY_WHOLE);
    bed.now_ms += INVENTORY_SPACING_MS;
    head.boot = 6; /* it was started again */
    head.snapshot = 1;
    assert_int_equal(part("bridge-2", &head, good, 1), INVENTORY_WHOLE);
    bed.now_ms += INVENTORY_SPACING_MS;
    assert_int_equal(part("bridge-3", &head, good, 1), INVENTORY_WHOLE);
    assert_int_equal(part("bridge-4", &head, none, 0), INVENTORY_REFUSED);
    assert_int_equal(part("bridge-5", &head, good, 1), INVENTORY_REFUSED); /* as many sources as there is room for */
}

static void the_brake_holds_a_mass(void **state)
{
    struct seen rows[20];
    char names[20][8];
    (void)state;
    fill(rows, names, 20);
    for (unsigned i = 0; i < 6; i++)
        miss(rows, 10);
    assert_true(bed.inv.braked);
    assert_int_equal(bed.inv.harm, 10);
    assert_int_equal(bed.inv.limit, 2);
    for (unsigned i = 10; i < 20; i++) {
        is(names[i], SP_NODE_STATE_IN_SERVICE, INVENTORY_NONE);
        assert_int_equal(inventory_of_node(&bed.inv, node(names[i])), INVENTORY_HELD_BACK);
    }
    assert_true(inventory_accept(&bed.inv, &bed.nodes, node("n15")->id));
    assert_int_equal(act(), 1);
    is("n15", SP_NODE_STATE_RETIRED, INVENTORY_GONE_SERVING);
    is("n16", SP_NODE_STATE_IN_SERVICE, INVENTORY_NONE);
    assert_false(inventory_accept(&bed.inv, &bed.nodes, node("n01")->id));
    miss(rows, 20);
    assert_false(bed.inv.braked);
    is("n15", SP_NODE_STATE_IN_SERVICE, INVENTORY_NONE);
}

static void the_brake_counts_over_the_hour(void **state)
{
    struct seen rows[20];
    char names[20][8];
    unsigned gone = 0;
    (void)state;
    fill(rows, names, 20);
    for (uint32_t n = 19; n > 9; n--) /* one by one, each long enough */
        for (unsigned i = 0; i < 3; i++) {
            bed.now_ms += 6 * MINUTE;
            see(rows, n);
        }
    for (unsigned i = 0; i < 20; i++)
        gone += node(names[i])->state == SP_NODE_STATE_RETIRED;
    assert_true(gone >= 2 && gone <= 6); /* at most two in an hour; and when more wait than may go at once, none goes */
}

static void a_mass_of_renames_or_twins_is_braked_too(void **state)
{
    struct seen rows[20];
    char names[20][8], others[20][8];
    (void)state;
    fill(rows, names, 20);
    for (unsigned i = 0; i < 20; i++) {
        (void)snprintf(others[i], 8, "m%02u", i);
        rows[i].name = others[i];
    }
    assert_int_equal(see(rows, 20), 0);
    assert_int_equal(inventory_of_node(&bed.inv, node("n03")), INVENTORY_MOVED);
    assert_true(inventory_accept(&bed.inv, &bed.nodes, node("n03")->id));
    assert_int_equal(act(), 1);
    is("m02", SP_NODE_STATE_MAINTENANCE, INVENTORY_RENAMED);
    for (unsigned i = 0; i < 20; i++)
        rows[i].name = "twin";
    assert_int_equal(see(rows, 20), 1); /* the one that waits: quarantined, for nobody loses anything by it */
    is("n01", SP_NODE_STATE_IN_SERVICE, INVENTORY_NONE);
}

static void modes(void **state)
{
    const struct seen rows[] = {{1, "n1"}};
    (void)state;
    bed.inv.options.mode = INVENTORY_REPORT;
    assert_int_equal(see(rows, 1), 0);
    assert_int_equal(bed.nodes.count, 0);
    assert_int_equal(bed.inv.rows[0].finding, INVENTORY_NEW);
    bed.inv.options.mode = INVENTORY_OFF;
    assert_int_equal(report(rows, 1), INVENTORY_REFUSED);
}

static void a_full_registry_takes_no_more(void **state)
{
    const struct seen rows[] = {{1, "n1"}, {2, "n2"}, {3, "n3"}};
    (void)state;
    bed.nodes.rows_max = 2;
    see(rows, 3);
    assert_int_equal(bed.nodes.count, 2);
    assert_int_equal(bed.inv.rows[2].finding, INVENTORY_NEW);
}

static void causes_are_restored_or_forgotten(void **state)
{
    const struct seen rows[] = {{1, "n1"}};
    (void)state;
    see(rows, 1);
    node_registry_state(&bed.nodes, node("n1"), SP_NODE_STATE_RETIRED);
    inventory_fini(&bed.inv);
    struct inventory_options o = {.mode = INVENTORY_DISCOVER, .misses = 3, .missing_ms = 1, .brake_percent = 10, .rows_max = 1000};
    inventory_init(&bed.inv, &o);
    assert_false(inventory_restore(&bed.inv, 0, INVENTORY_BACK));
    assert_false(inventory_restore(&bed.inv, 1, INVENTORY_CAUSE_COUNT));
    see(rows, 1);
    is("n1", SP_NODE_STATE_RETIRED, INVENTORY_NONE); /* without a cause it does not come back */
    assert_true(inventory_restore(&bed.inv, 1, INVENTORY_GONE_SERVING));
    see(rows, 1);
    is("n1", SP_NODE_STATE_IN_SERVICE, INVENTORY_NONE);
}

/* SI-10: a reporter that says anything. No act makes a node eligible that was not, but one that this table had retired out of service, which then
 * has to prove itself anew; and nodes of others stay as they are. */
static void a_hostile_reporter_gains_nothing(void **state)
{
    static const char *const words[] = {"n1", "n2", "n3", "n4", "f1", "f2", "x", "bad name", "former-01000000", "plain"};
    struct sp_rng rng = {20261128};
    (void)state;
    register_by_file(20, "f1");
    register_by_file(21, "f2");
    register_by_file(0, "plain");
    for (unsigned round = 0; round < 4000; round++) {
        struct seen rows[12];
        uint32_t n = 0;
        for (uint8_t k = 1; k <= 24 && n < 12; k++)
            if (sp_rng_below(&rng, 2) == 0)
                rows[n++] = (struct seen){k, words[sp_rng_below(&rng, SP_COUNT(words))]};
        bed.now_ms += sp_rng_below(&rng, 20 * MINUTE);
        assert_int_equal(report(rows, n), INVENTORY_WHOLE);
        static struct inventory_act acts[INVENTORY_ACTS_MAX];
        uint32_t count;
        while ((count = inventory_next(&bed.inv, &bed.nodes, acts)) > 0)
            for (uint32_t i = 0; i < count; i++) {
                const struct node_row *row = node_registry_at(&bed.nodes, acts[i].node);
                uint32_t generation = row != NULL ? row->generation : 0;
                bool was = row != NULL && row->state == SP_NODE_STATE_IN_SERVICE;
                bool lent = row != NULL && inventory_cause_of(&bed.inv, row->id) == INVENTORY_GONE_SERVING;
                assert_true(row == NULL || row->origin == NODE_ORIGIN_NOVA);
                apply(&acts[i]);
                if (acts[i].state == SP_NODE_STATE_IN_SERVICE && !was) {
                    assert_true(lent);
                    assert_true(row->generation > generation);
                }
            }
        assert_true(node_registry_check(&bed.nodes) && inventory_check(&bed.inv));
        if (sp_rng_below(&rng, 4) == 0) { /* an administrator releases something */
            struct node_row *row = node_registry_at(&bed.nodes, 1 + (uint32_t)sp_rng_below(&rng, bed.nodes.count));
            node_registry_state(&bed.nodes, row, SP_NODE_STATE_IN_SERVICE);
            inventory_forget(&bed.inv, row->id);
        }
    }
    assert_int_equal(node("f1")->origin, NODE_ORIGIN_FILE);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(what_is_new_waits),
        T(rules_label_and_admit),
        T(no_rule_admits_another_machine_under_a_name),
        T(what_has_another_name_now_is_not_released),
        T(a_rename_moves_no_trust),
        T(names_may_be_exchanged),
        T(one_name_of_two_is_nobodys),
        T(another_key_under_a_known_name),
        T(nodes_of_others_are_only_mentioned),
        T(names_that_are_none_are_refused),
        T(lost_for_good_is_retired),
        T(readings_alone_are_not_time),
        T(back_under_another_name_waits),
        T(an_operators_decision_stays),
        T(a_part_follows_nothing),
        T(order_repeats_and_pace),
        T(the_brake_holds_a_mass),
        T(the_brake_counts_over_the_hour),
        T(a_mass_of_renames_or_twins_is_braked_too),
        T(modes),
        T(a_full_registry_takes_no_more),
        T(causes_are_restored_or_forgotten),
        T(a_hostile_reporter_gains_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
