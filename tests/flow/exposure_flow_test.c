/* SPDX-License-Identifier: Apache-2.0 */
/* exposure_core against a Nova of the test's own, with lists that break off, servers that move while pages are read, and hosts that
 * are read by themselves. A naive twin says who is exposed; while nothing fails and nothing changes, the core must come to say the
 * same, and a list that failed must change nothing. */
#include "exposure_core.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sp_assert.h"
#include "sp_rng.h"

#define S       1000000ull
#define SERVERS 60u
#define HOSTS   8u
#define POOLS   2u

static const char *const pool_names[POOLS] = {"gold", "iron"};

/* Nova */
static struct {
    bool there;
    uint32_t host, pools; /* bits */
} server[SERVERS];
/* the keeper */
static bool member[HOSTS][POOLS];
static uint32_t looks;

static struct exposure_core core;
static uint64_t now_us;
static struct sp_rng rng;

static struct sp_mono now(void)
{
    return (struct sp_mono){now_us};
}

static bool chance(unsigned percent)
{
    return sp_rng_below(&rng, 100) < percent;
}

static void host_name(uint32_t host, char to[16])
{
    (void)snprintf(to, 16, "cmp-%u", host);
}

static void tell(enum exposure_ask ask, uint32_t i)
{
    char host[16], node[16];
    struct exposure_server s = {.project = sp_str_of("p")};
    host_name(server[i].host, host);
    (void)snprintf(node, sizeof node, "n%u", server[i].host);
    s.host = sp_str_of(host);
    s.node = sp_str_of(node);
    s.uuid[0] = (uint8_t)(i + 1);
    for (uint32_t p = 0; p < POOLS; p++)
        if ((server[i].pools & 1u << p) != 0)
            s.pools[s.count++] = sp_str_of(pool_names[p]);
    exposure_core_server(&core, ask, &s);
}

static void look(void *self, const char *node, const char *pool, struct exposure_trust *out)
{
    uint32_t host = (uint32_t)(node[1] - '0'), p = strcmp(pool, pool_names[1]) == 0;
    (void)self;
    looks++;
    *out = (struct exposure_trust){.member = member[host][p], .why = ""};
}

static void world(uint64_t seed)
{
    struct exposure_options o = {.rows_max = 1000, .interval_ms = 60000};
    rng.state = seed;
    now_us = 1000 * S;
    memset(server, 0, sizeof server);
    memset(member, 1, sizeof member);
    assert_true(exposure_core_init(&core, &o, now()));
}

static int done(void **state)
{
    (void)state;
    exposure_core_fini(&core);
    return 0;
}

static void place_server(uint32_t i, uint32_t host, uint32_t pools)
{
    server[i].there = true;
    server[i].host = host;
    server[i].pools = pools;
}

/* One request after the other. fail: percent of them. midway: what happens between pages. */
static void answer(unsigned fail, void (*midway)(void))
{
    enum exposure_ask ask;
    const char *host;
    while (exposure_core_next(&core, now(), &ask, &host)) {
        bool failing = chance(fail);
        for (uint32_t i = 0; i < SERVERS; i++) {
            char name[16];
            host_name(server[i].host, name);
            if (i == SERVERS / 2 && failing)
                break;
            if (i == SERVERS / 2 && midway != NULL)
                midway();
            if (server[i].there && (ask == EXPOSURE_ASK_ALL || strcmp(name, host) == 0))
                tell(ask, i);
            assert_true(exposure_core_check(&core));
        }
        exposure_core_done(&core, now(), ask, !failing);
        assert_true(exposure_core_check(&core));
    }
}

static void pass(uint64_t us, unsigned fail)
{
    for (uint64_t end = now_us + us; now_us < end; now_us += S / 2) {
        answer(fail, NULL);
        exposure_core_scan(&core, now(), look, NULL);
        assert_true(exposure_core_next_deadline(&core, now()).us > now_us);
    }
}

static uint32_t exposed_at(uint32_t host, uint32_t pool)
{
    char name[16];
    uint32_t n = 0;
    host_name(host, name);
    for (uint32_t i = 0; i < core.place_count; i++)
        if (core.places[i].used && strcmp(core.places[i].host, name) == 0 &&
            strcmp(core.names[core.places[i].pool], pool_names[pool]) == 0)
            n += exposure_core_exposed(&core, i);
    return n;
}

static uint32_t twin(uint32_t host, uint32_t pool)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < SERVERS; i++)
        n += server[i].there && server[i].host == host && (server[i].pools & 1u << pool) != 0 && !member[host][pool];
    return n;
}

static void assert_right(void)
{
    for (uint32_t h = 0; h < HOSTS; h++)
        for (uint32_t p = 0; p < POOLS; p++)
            assert_int_equal(exposed_at(h, p), twin(h, p));
}

/* ---- */

static void exposure_is_known_at_once(void **state)
{
    (void)state;
    world(1);
    place_server(1, 1, 1);
    place_server(2, 1, 3);
    place_server(3, 1, 0); /* demands nothing */
    place_server(4, 2, 1);
    pass(2 * S, 0);
    assert_right();
    assert_int_equal(exposure_core_untold(&core), EXPOSURE_NONE);
    member[1][0] = false;
    exposure_core_scan(&core, now(), look, NULL); /* no list between */
    assert_int_equal(exposed_at(1, 0), 2);
    uint32_t place = exposure_core_untold(&core);
    assert_int_not_equal(place, EXPOSURE_NONE);
    assert_string_equal(core.places[place].node, "n1");
    assert_int_equal(exposure_core_untold(&core), EXPOSURE_NONE);
    member[1][0] = true;
    exposure_core_scan(&core, now(), look, NULL);
    assert_int_equal(exposure_core_untold(&core), place);
    assert_int_equal(exposed_at(1, 0), 0);
}

/* A server that came after the list: its host is read when the node leaves, not with the next list. */
static void a_host_is_read_when_its_node_leaves(void **state)
{
    (void)state;
    world(2);
    place_server(1, 1, 1);
    pass(2 * S, 0);
    place_server(5, 1, 1);
    place_server(6, 2, 1);
    member[1][0] = member[2][0] = false;
    exposure_core_left(&core, now(), "n1");
    exposure_core_left(&core, now(), "cmp-2"); /* nothing is known to run there: its name is tried as the host's */
    uint64_t lists = core.counters.lists;
    pass(S, 0);
    assert_int_equal(exposed_at(1, 0), 2);
    assert_int_equal(exposed_at(2, 0), 1);
    assert_int_equal(core.counters.lists, lists);
    assert_true(core.counters.hosts >= 2);
}

static void a_broken_list_changes_nothing(void **state)
{
    (void)state;
    world(3);
    place_server(1, 1, 1);
    place_server(SERVERS - 1, 2, 1); /* on the last page */
    member[1][0] = member[2][0] = false;
    pass(2 * S, 0);
    assert_right();
    uint64_t as_of = core.list_us;
    server[1].there = false;
    pass(200 * S, 100);
    assert_int_equal(exposed_at(1, 0), 1);
    assert_int_equal(exposed_at(2, 0), 1);
    assert_int_equal(core.list_us, as_of); /* and its age tells */
    assert_false(exposure_core_recent(&core, now()));
    assert_true(core.counters.failures > 3 && core.counters.failures < 20); /* with growing pauses */
    pass(70 * S, 0);
    assert_right();
    assert_true(exposure_core_recent(&core, now()));
}

static void moves_from_front_to_back(void)
{
    server[SERVERS - 1].host = 3;
}

static void a_server_that_moves_counts_once(void **state)
{
    enum exposure_ask ask;
    const char *host;
    (void)state;
    world(4);
    place_server(1, 1, 1);
    place_server(SERVERS - 1, 2, 1);
    member[1][0] = member[2][0] = member[3][0] = false;
    answer(0, moves_from_front_to_back);
    exposure_core_scan(&core, now(), look, NULL);
    assert_int_equal(core.current.count, 2);
    now_us += 60 * S;
    assert_true(exposure_core_next(&core, now(), &ask, &host));
    exposure_core_server(
        &core, ask, &(struct exposure_server){.uuid = {9}, .host = sp_str_of("cmp-1"), .count = 1, .pools = {sp_str_of("gold")}});
    exposure_core_server(
        &core, ask, &(struct exposure_server){.uuid = {9}, .host = sp_str_of("cmp-2"), .count = 1, .pools = {sp_str_of("gold")}});
    exposure_core_done(&core, now(), EXPOSURE_ASK_ALL, true);
    assert_int_equal(core.current.count, 1); /* the later row */
    assert_string_equal(core.places[core.current.rows[0].place].host, "cmp-2");
}

static void nothing_changes_without_a_reader(void **state)
{
    (void)state;
    world(5);
    place_server(1, 1, 1);
    pass(2 * S, 0);
    member[1][0] = false;
    exposure_core_scan(&core, now(), NULL, NULL);
    assert_int_equal(exposed_at(1, 0), 0);
    assert_int_equal(exposure_core_untold(&core), EXPOSURE_NONE);
    exposure_core_scan(&core, now(), look, NULL);
    assert_int_not_equal(exposure_core_untold(&core), EXPOSURE_NONE);
    member[1][0] = true;
    exposure_core_scan(&core, now(), NULL, NULL);
    assert_int_equal(exposure_core_untold(&core), EXPOSURE_NONE); /* not cleared by silence */
}

/* A whole list that was asked for before a host was read does not undo what that reading found. */
static void an_older_list_does_not_undo(void **state)
{
    enum exposure_ask ask;
    const char *host;
    (void)state;
    world(6);
    place_server(1, 1, 1);
    place_server(2, 2, 1);
    pass(2 * S, 0);
    now_us += 60 * S;
    assert_true(exposure_core_next(&core, now(), &ask, &host));
    assert_int_equal(ask, EXPOSURE_ASK_ALL);
    tell(EXPOSURE_ASK_ALL, 1);
    tell(EXPOSURE_ASK_ALL, 2);
    now_us += S;
    server[1].there = false;
    place_server(3, 1, 1);
    place_server(4, 1, 1);
    exposure_core_left(&core, now(), "n1");
    assert_true(exposure_core_next(&core, now(), &ask, &host));
    assert_int_equal(ask, EXPOSURE_ASK_HOST);
    assert_string_equal(host, "cmp-1");
    tell(EXPOSURE_ASK_HOST, 3);
    tell(EXPOSURE_ASK_HOST, 4);
    exposure_core_done(&core, now(), EXPOSURE_ASK_HOST, true);
    now_us += S;
    exposure_core_done(&core, now(), EXPOSURE_ASK_ALL, true);
    member[1][0] = member[2][0] = false;
    exposure_core_scan(&core, now(), look, NULL);
    assert_right();
}

static void memory_is_bounded(void **state)
{
    struct exposure_options o = {.rows_max = 10, .interval_ms = 60000};
    (void)state;
    world(7);
    exposure_core_fini(&core);
    assert_true(exposure_core_init(&core, &o, now()));
    for (uint32_t i = 0; i < SERVERS; i++)
        place_server(i, i % HOSTS, 1);
    pass(2 * S, 0);
    assert_int_equal(core.current.count, 10);
    assert_true(core.cut);
    for (uint32_t i = 0; i < 2 * EXPOSURE_HOSTS_MAX; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "other-%u", i);
        exposure_core_left(&core, now(), name);
    }
    assert_true(core.host_count <= EXPOSURE_HOSTS_MAX);
    assert_true(core.due_us <= now_us); /* a whole list instead */
    pass(S, 0);
    assert_true(exposure_core_check(&core));
}

static void a_host_of_several_hypervisors_is_seen(void **state)
{
    enum exposure_ask ask;
    const char *host;
    struct exposure_server s = {
        .uuid = {1}, .host = sp_str_of("h"), .node = sp_str_of("a"), .count = 1, .pools = {sp_str_of("gold")}};
    (void)state;
    world(8);
    assert_true(exposure_core_next(&core, now(), &ask, &host));
    exposure_core_server(&core, ask, &s);
    s.uuid[0] = 2;
    s.node = sp_str_of("b");
    exposure_core_server(&core, ask, &s);
    exposure_core_done(&core, now(), ask, true);
    assert_true(exposure_core_shared(&core, "h"));
    assert_false(exposure_core_shared(&core, "i"));
}

static void shuffle(void)
{
    uint32_t i = (uint32_t)sp_rng_below(&rng, SERVERS), h = (uint32_t)sp_rng_below(&rng, HOSTS);
    switch (sp_rng_below(&rng, 5)) {
    case 0:
        place_server(i, h, (uint32_t)sp_rng_below(&rng, 4));
        break;
    case 1:
        server[i].there = false;
        break;
    case 2: {
        char node[16];
        bool *m = &member[h][sp_rng_below(&rng, POOLS)];
        *m = !*m;
        (void)snprintf(node, sizeof node, "n%u", h);
        if (!*m)
            exposure_core_left(&core, now(), node);
        break;
    }
    case 3:
        exposure_core_scan(&core, now(), chance(50) ? look : NULL, NULL);
        break;
    default:
        answer(20, chance(50) ? moves_from_front_to_back : NULL);
        break;
    }
    now_us += sp_rng_below(&rng, 5 * S);
}

static void random_worlds(void **state)
{
    (void)state;
    for (uint64_t seed = 100; seed < 140; seed++) {
        world(seed);
        place_server(SERVERS - 1, 0, 1);
        for (unsigned i = 0; i < 300; i++)
            shuffle();
        pass(200 * S, 0);
        assert_right();
        while (exposure_core_untold(&core) != EXPOSURE_NONE) {
        }
        for (uint32_t i = 0; i < core.place_count; i++)
            assert_true(!core.places[i].used || core.places[i].told == exposure_core_exposed(&core, i));
        (void)done(NULL);
    }
    world(1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(exposure_is_known_at_once, done),
        cmocka_unit_test_teardown(a_host_is_read_when_its_node_leaves, done),
        cmocka_unit_test_teardown(a_broken_list_changes_nothing, done),
        cmocka_unit_test_teardown(a_server_that_moves_counts_once, done),
        cmocka_unit_test_teardown(nothing_changes_without_a_reader, done),
        cmocka_unit_test_teardown(an_older_list_does_not_undo, done),
        cmocka_unit_test_teardown(memory_is_bounded, done),
        cmocka_unit_test_teardown(a_host_of_several_hypervisors_is_seen, done),
        cmocka_unit_test_teardown(random_worlds, done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
