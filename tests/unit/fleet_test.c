/* SPDX-License-Identifier: Apache-2.0 */
/* Which pairs there are, against a naive twin that asks every selector about every node after every change. */
#include "fleet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "scheduler_world.h"
#include "sp_rng.h"

enum { CHECKS = 6, NODES = 30 };

static const char *const selectors[] = {"",         "rack=r1",        "rack!=r1", "zone", "!zone", "rack in (r0|r2),zone=z1",
                                        "name=n1*", "rack=r1,name=n?"};

struct twin {
    struct {
        bool used, runs;
        const char *selector;
    } checks[CHECKS];
    struct {
        bool present;
        uint8_t state;
        char labels[64];
    } nodes[NODES];
};

static struct scheduler_world *w;

static void compare(const struct twin *t)
{
    uint32_t expected = 0;
    for (unsigned c = 0; c < CHECKS; c++)
        for (unsigned n = 0; n < NODES; n++) {
            char check[16], node[16];
            (void)snprintf(check, sizeof check, "c%u", c);
            (void)snprintf(node, sizeof node, "n%u", n);
            bool want = t->checks[c].used && t->checks[c].runs && t->nodes[n].present &&
                        t->nodes[n].state != SP_NODE_STATE_RETIRED &&
                        sp_selector_text_match(sp_str_of(t->checks[c].selector), sp_str_of(node), sp_str_of(t->nodes[n].labels));
            uint32_t ci = checks_find(&w->core.checks, check), ni = registry_find_name(&w->core.registry, sp_str_of(node));
            bool have = ci != CHECKS_NONE && ni != WHEEL_NONE &&
                        pairs_find(&w->core.pairs, w->core.registry.nodes[ni].first_pair, (uint16_t)ci, false) != WHEEL_NONE;
            assert_int_equal(have, want);
            expected += want;
        }
    assert_int_equal(w->core.pairs.count, expected);
    assert_true(scheduler_core_check(&w->core));
}

static void change_check(struct twin *t, struct sp_rng *r)
{
    static const uint8_t stages[] = {SP_STAGE_ENFORCING, SP_STAGE_SHADOW, SP_STAGE_DRAFT, SP_STAGE_RETIRED};
    unsigned c = (unsigned)sp_rng_below(r, CHECKS);
    char name[16];
    (void)snprintf(name, sizeof name, "c%u", c);
    if (t->checks[c].used && sp_rng_below(r, 5) == 0) {
        struct scheduler_core_event e = {.kind = SCHEDULER_EV_CHECK_DELETE, .version = ++w->version};
        e.u.name = name;
        assert_int_equal(scheduler_world_step(w, &e), SP_OK);
        t->checks[c].used = false;
        return;
    }
    t->checks[c].selector = selectors[sp_rng_below(r, SP_COUNT(selectors))];
    struct check_def d = scheduler_world_def(name, "", t->checks[c].selector);
    d.stage = stages[sp_rng_below(r, 3) == 0 ? sp_rng_below(r, 4) : 0];
    d.enabled = sp_rng_below(r, 6) != 0;
    assert_int_equal(scheduler_world_check_put(w, &d), SP_OK);
    t->checks[c].used = true;
    t->checks[c].runs = d.enabled && (d.stage == SP_STAGE_ENFORCING || d.stage == SP_STAGE_SHADOW);
}

static void change_node(struct twin *t, struct sp_rng *r)
{
    unsigned n = (unsigned)sp_rng_below(r, NODES);
    char name[16];
    uint8_t key[16] = {9, (uint8_t)n};
    (void)snprintf(name, sizeof name, "n%u", n);
    (void)snprintf(t->nodes[n].labels, sizeof t->nodes[n].labels, sp_rng_below(r, 2) ? "rack=r%u,zone=z1" : "rack=r%u",
                   (unsigned)sp_rng_below(r, 3));
    t->nodes[n].state = (uint8_t)sp_rng_below(r, 4);
    t->nodes[n].present = true;
    struct rec_node_info info = {.id = n + 1,
                                 .generation = (uint32_t)sp_rng_below(r, 3),
                                 .key = key,
                                 .name = sp_str_of(name),
                                 .address = sp_str_of(""),
                                 .labels = sp_str_of(t->nodes[n].labels),
                                 .state = t->nodes[n].state};
    uint64_t version = w->core.nodes_version;
    bool whole = version == 0 || sp_rng_below(r, 20) == 0;
    assert_int_equal(scheduler_world_node(w, version + 1, whole ? 0 : version, &info), SP_OK);
    for (unsigned i = 0; whole && i < NODES; i++)
        t->nodes[i].present = i == n;
}

static void pairs_follow_selectors(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        struct sp_rng r = {seed};
        struct twin t;
        memset(&t, 0, sizeof t);
        w = scheduler_world_new(1000);
        for (unsigned step = 0; step < 300; step++) {
            if (sp_rng_below(&r, 3) == 0)
                change_check(&t, &r);
            else
                change_node(&t, &r);
            compare(&t);
        }
        scheduler_world_destroy(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(pairs_follow_selectors)};
    return cmocka_run_group_tests_name("fleet", tests, NULL, NULL);
}
