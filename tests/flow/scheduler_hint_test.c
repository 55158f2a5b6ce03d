/* SPDX-License-Identifier: Apache-2.0 */
/* Hints from the cloud's bus (threat model K27, K28): they make a run earlier and nothing else, whoever sends how many of them. */
#include "hint.h"
#include "scheduler_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define S         1000000ull
#define PLENTY    (1ull << 40)
#define PERIOD_MS 3600000u

static struct scheduler_world *w;

static int setup(void **state)
{
    (void)state;
    w = scheduler_world_new(100000);
    scheduler_world_start(w);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    assert_true(scheduler_core_check(&w->core));
    scheduler_world_destroy(&w);
    return 0;
}

/* One check of an hour on `nodes` nodes; all have run once. Returns the jobs so far. */
static uint32_t fleet(uint32_t nodes)
{
    uint32_t done = 0;
    assert_int_equal(scheduler_world_profile(w, "p", PERIOD_MS, 0), SP_OK);
    assert_int_equal(scheduler_world_check(w, "c1", "p", ""), SP_OK);
    assert_int_equal(scheduler_world_nodes(w, 1, 0, 0, nodes), SP_OK);
    assert_int_equal(scheduler_world_credit(w, "noop", PLENTY), SP_OK);
    for (unsigned second = 0; second <= PERIOD_MS / 1000 && w->job_count < nodes; second++) {
        scheduler_world_run(w, S);
        for (; done < w->job_count; done++) { /* the phases of the pairs are spread over the period */
            struct scheduler_world_job job = w->jobs[done];
            assert_int_equal(scheduler_world_close(w, &job, SP_OUTCOME_PASS, SP_REFUSAL_NONE, ""), SP_OK);
        }
    }
    assert_int_equal(w->job_count, nodes);
    return done;
}

static enum sp_rc hint(const char *const *nodes, unsigned count)
{
    static uint8_t body[MSG_HINT_BYTES_MAX];
    struct sp_packer p;
    struct msg_hint m = {.reason = sp_str_of("service.update")};
    sp_packer_init(&p, body, sizeof body);
    assert_int_equal(msg_hint_begin(&p, &m), SP_OK);
    for (unsigned i = 0; i < count; i++) {
        struct rec_hint_node n = {.node = sp_str_of(nodes[i])};
        assert_int_equal(rec_hint_node_put(&p, &n), SP_OK);
    }
    assert_int_equal(msg_hint_end(&p), SP_OK);
    struct scheduler_core_event e = {.kind = SCHEDULER_EV_MESSAGE};
    e.u.message.type = SP_MSG_HINT;
    e.u.message.role = SP_ROLE_BRIDGE;
    e.u.message.from = "bridge-1";
    e.u.message.body = body;
    e.u.message.bytes = sp_packer_bytes(&p);
    return scheduler_world_step(w, &e);
}

static const char *node_of(uint32_t job)
{
    return w->jobs[job].node;
}

static void a_hint_makes_a_run_earlier(void **state)
{
    (void)state;
    uint32_t had = fleet(5);
    char name[65];
    (void)snprintf(name, sizeof name, "%s", node_of(2));
    const char *nodes[] = {name};
    assert_int_equal(hint(nodes, 1), SP_OK);
    scheduler_world_run(w, 31 * S);
    assert_int_equal(w->job_count, had + 1);
    assert_string_equal(node_of(had), name);
    assert_int_equal(w->core.stats.hints, 1);
}

static void a_flood_for_one_node_is_one_run_a_minute(void **state)
{
    (void)state;
    uint32_t had = fleet(2);
    const char *nodes[] = {w->jobs[0].node};
    for (unsigned i = 0; i < 3000; i++) {
        assert_int_equal(hint(nodes, 1), SP_OK);
        scheduler_world_run(w, S / 10);
        for (uint32_t k = had; k < w->job_count; k++)
            (void)scheduler_world_close(w, &w->jobs[k], SP_OUTCOME_PASS, SP_REFUSAL_NONE, "");
    }
    assert_in_range(w->job_count - had, 1, 6); /* 300 s */
    assert_true(w->core.stats.hints_spared > 2900);
}

/* A later hint does not push away what an earlier one brought near. */
static void a_flood_delays_nothing(void **state)
{
    (void)state;
    uint32_t had = fleet(1);
    const char *nodes[] = {w->jobs[0].node};
    assert_int_equal(hint(nodes, 1), SP_OK);
    uint64_t due = w->core.pairs.list[0].due;
    scheduler_world_run(w, S / 1000);
    w->core.registry.nodes[0].hinted_us = 0; /* as if the minute were over */
    assert_int_equal(hint(nodes, 1), SP_OK);
    assert_true(w->core.pairs.list[0].due <= due);
    scheduler_world_run(w, 31 * S);
    assert_int_equal(w->job_count, had + 1);
}

static void all_nodes_at_once_are_bounded(void **state)
{
    (void)state;
    uint32_t had = fleet(3000);
    const char *nodes[256];
    for (uint32_t first = 0; first < 3000; first += 250) {
        for (uint32_t i = 0; i < 250; i++)
            nodes[i] = w->jobs[first + i].node;
        assert_int_equal(hint(nodes, 250), SP_OK);
    }
    assert_in_range(w->core.stats.hints, HINT_BURST, HINT_BURST + HINT_PER_S);
    scheduler_world_run(w, 31 * S);
    assert_in_range(w->job_count - had, w->core.stats.hints, w->core.stats.hints + 100); /* some were due anyway */
}

static void names_of_nobody_do_nothing(void **state)
{
    (void)state;
    uint32_t had = fleet(2);
    static const char *const nodes[] = {"", "no-such-node", "\xc3\xa9", "*"};
    assert_int_equal(hint(nodes, 4), SP_OK);
    static const uint8_t junk[] = {0x91, 0xc0};
    struct scheduler_core_event e = {.kind = SCHEDULER_EV_MESSAGE};
    e.u.message.type = SP_MSG_HINT;
    e.u.message.role = SP_ROLE_BRIDGE;
    e.u.message.body = junk;
    e.u.message.bytes = sizeof junk;
    assert_int_not_equal(scheduler_world_step(w, &e), SP_OK);
    scheduler_world_run(w, 31 * S);
    assert_int_equal(w->job_count, had);
    assert_int_equal(w->core.stats.hints_unknown, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_hint_makes_a_run_earlier, setup, teardown),
        cmocka_unit_test_setup_teardown(a_flood_for_one_node_is_one_run_a_minute, setup, teardown),
        cmocka_unit_test_setup_teardown(a_flood_delays_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(all_nodes_at_once_are_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(names_of_nobody_do_nothing, setup, teardown),
    };
    return cmocka_run_group_tests_name("scheduler_hint", tests, NULL, NULL);
}
