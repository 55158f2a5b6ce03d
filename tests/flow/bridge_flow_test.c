/* SPDX-License-Identifier: Apache-2.0 */
/* The bridge's core against a RabbitMQ that does as the test says: back-off through hosts, newest state instead of a backlog,
 * confirms, returns, a broker that blocks or hangs; and a random one for whole virtual days with every invariant checked after
 * every step. */
#include "bridge_core.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "sp_assert.h"

#define S       1000000ull
#define HANDLES 4096u

enum fate { UNUSED, HELD, PUBLISHED, DROPPED };

static struct bridge_core core;
static struct bridge_effects fx;
static uint64_t now_us;
static enum fate fates[HANDLES];
static enum bridge_why whys[HANDLES];
static uint32_t handles;
static uint64_t wire[65536]; /* tags published on this connection and not answered */
static uint32_t wire_handle[65536];
static uint32_t wire_count;
static unsigned connects[BRIDGE_LINKS], aborts, snapshots, publishes;
static uint32_t hosts_tried[64], hosts_count;

static void step(struct bridge_event ev)
{
    ev.now.us = now_us;
    bridge_core_step(&core, &ev, &fx);
    assert_true(bridge_core_check(&core));
    for (uint32_t i = 0; i < fx.count; i++) {
        const struct bridge_effect *e = &fx.list[i];
        if (e->kind == BRIDGE_FX_CONNECT) {
            connects[e->link]++;
            if (e->link == BRIDGE_PUBLISHER && hosts_count < 64)
                hosts_tried[hosts_count++] = e->host;
        } else if (e->kind == BRIDGE_FX_PUBLISH) {
            assert_int_equal(fates[e->handle], HELD);
            assert_int_equal(core.links[BRIDGE_PUBLISHER].state, BRIDGE_UP);
            assert_false(core.blocked);
            wire[wire_count] = e->tag;
            wire_handle[wire_count++] = e->handle;
            publishes++;
        } else if (e->kind == BRIDGE_FX_PUBLISHED || e->kind == BRIDGE_FX_DROP) {
            assert_int_equal(fates[e->handle], HELD); /* each exactly once */
            fates[e->handle] = e->kind == BRIDGE_FX_DROP ? DROPPED : PUBLISHED;
            whys[e->handle] = e->why;
        }
        aborts += e->kind == BRIDGE_FX_ABORT;
        snapshots += e->kind == BRIDGE_FX_SNAPSHOT;
    }
}

static void event(enum bridge_event_kind kind, enum bridge_link link)
{
    if (kind == BRIDGE_EV_LOST && link == BRIDGE_PUBLISHER)
        wire_count = 0;
    step((struct bridge_event){.kind = kind, .link = link});
    while (bridge_core_next_deadline(&core, (struct sp_mono){now_us}).us <= now_us)
        step((struct bridge_event){.kind = BRIDGE_EV_TICK});
}

static void pass(uint64_t us)
{
    uint64_t end = now_us + us;
    for (;;) {
        uint64_t at = bridge_core_next_deadline(&core, (struct sp_mono){now_us}).us;
        if (at > end)
            break;
        now_us = at > now_us ? at : now_us;
        step((struct bridge_event){.kind = BRIDGE_EV_TICK});
    }
    now_us = end;
    event(BRIDGE_EV_TICK, BRIDGE_CONSUMER);
}

static uint32_t offer(enum bridge_class class, uint64_t key, uint32_t bytes)
{
    uint32_t handle = handles++ % HANDLES;
    assert_int_not_equal(fates[handle], HELD);
    fates[handle] = HELD;
    struct bridge_event ev = {.kind = BRIDGE_EV_OFFER};
    ev.offer.handle = handle;
    ev.offer.class = class;
    ev.offer.key = key;
    ev.offer.bytes = bytes;
    step(ev);
    return handle;
}

static void answer(enum bridge_event_kind kind)
{
    assert_true(wire_count > 0);
    uint64_t tag = wire[0];
    wire_count--;
    memmove(wire, wire + 1, wire_count * sizeof wire[0]);
    memmove(wire_handle, wire_handle + 1, wire_count * sizeof wire_handle[0]);
    step((struct bridge_event){.kind = kind, .tag = tag});
}

static void start(uint64_t seed, uint32_t hosts, uint32_t window, uint32_t messages)
{
    struct bridge_core_options o = {.seed = seed,
                                    .hosts = hosts,
                                    .retry_ms = 1000,
                                    .retry_step_ms = 2000,
                                    .retry_max_ms = 30000,
                                    .reply_retry_ms = 60000,
                                    .confirm_ms = 20000,
                                    .window = window,
                                    .messages_max = messages,
                                    .bytes_max = 4u << 20};
    now_us = 1000 * S;
    memset(fates, 0, sizeof fates);
    memset(connects, 0, sizeof connects);
    handles = wire_count = aborts = snapshots = publishes = hosts_count = 0;
    assert_true(bridge_core_init(&core, &o, (struct sp_mono){now_us}));
    event(BRIDGE_EV_TICK, BRIDGE_CONSUMER);
}

static void up(void)
{
    event(BRIDGE_EV_UP, BRIDGE_CONSUMER);
    event(BRIDGE_EV_UP, BRIDGE_PUBLISHER);
}

static int teardown(void **state)
{
    (void)state;
    bridge_core_fini(&core);
    return 0;
}

static void all_hosts_in_turn_with_growing_pauses(void **state)
{
    (void)state;
    start(1, 3, 16, 1024);
    uint64_t last = now_us;
    for (unsigned i = 1; i < 40; i++) {
        event(BRIDGE_EV_LOST, BRIDGE_PUBLISHER);
        assert_int_equal(connects[BRIDGE_PUBLISHER], i);
        uint64_t due = core.links[BRIDGE_PUBLISHER].due_us;
        uint64_t ms = 1000 + 2000ull * (i - 1);
        ms = ms < 30000 ? ms : 30000;
        assert_in_range(due - now_us, ms * 500, ms * 1000);
        last = now_us;
        pass(due - now_us);
        assert_int_equal(connects[BRIDGE_PUBLISHER], i + 1);
        assert_true(hosts_tried[i] == (hosts_tried[i - 1] + 1) % 3);
    }
    assert_true(now_us > last);
    up();
    pass(11 * S); /* steady: what failed before is forgotten */
    event(BRIDGE_EV_LOST, BRIDGE_PUBLISHER);
    assert_in_range(core.links[BRIDGE_PUBLISHER].due_us - now_us, 500 * 1000, 1000 * 1000);
}

static void two_bridges_do_not_come_back_together(void **state)
{
    uint64_t due[2];
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        start(100 + i, 1, 16, 1024);
        event(BRIDGE_EV_LOST, BRIDGE_PUBLISHER);
        due[i] = core.links[BRIDGE_PUBLISHER].due_us;
        if (i == 0)
            bridge_core_fini(&core);
    }
    assert_true(due[0] != due[1]);
}

/* RabbitMQ is away for an hour: nothing piles up, and on return the newest state goes out. */
static void an_hour_away(void **state)
{
    (void)state;
    start(2, 1, 16, 1024);
    up();
    assert_int_equal(snapshots, 1);
    event(BRIDGE_EV_LOST, BRIDGE_PUBLISHER);
    uint32_t newest[10];
    for (unsigned minute = 0; minute < 60; minute++) {
        for (unsigned i = 0; i < 50; i++)
            assert_int_equal(fates[offer(BRIDGE_TRUST, 0, 1000)], DROPPED);
        for (unsigned node = 0; node < 10; node++)
            newest[node] = offer(BRIDGE_NOTE, 1 + node, 500);
        pass(60 * S);
        assert_in_range(core.used, 10, 10);
        if (core.links[BRIDGE_PUBLISHER].state == BRIDGE_CONNECTING)
            event(BRIDGE_EV_LOST, BRIDGE_PUBLISHER);
    }
    pass(31 * S);
    unsigned before = publishes;
    event(BRIDGE_EV_UP, BRIDGE_PUBLISHER);
    assert_int_equal(snapshots, 2);
    assert_int_equal(publishes - before, 10);
    while (wire_count > 0)
        answer(BRIDGE_EV_CONFIRMED);
    for (unsigned node = 0; node < 10; node++)
        assert_int_equal(fates[newest[node]], PUBLISHED);
    assert_int_equal(core.used, 0);
}

static void too_slow_for_deltas_is_one_snapshot(void **state)
{
    (void)state;
    start(3, 1, 4, 8192);
    up();
    unsigned had = snapshots, dropped = 0;
    for (unsigned i = 0; i < 4096 - 64; i++)
        dropped += fates[offer(BRIDGE_TRUST, 0, 1000)] == DROPPED;
    assert_true(dropped > 0);
    pass(1 * S);
    assert_int_equal(core.queues[BRIDGE_TRUST].count, 0);
    assert_int_equal(snapshots, had); /* it would have no way out either */
    answer(BRIDGE_EV_CONFIRMED);
    assert_int_equal(snapshots, had + 1);
    assert_int_equal(fates[offer(BRIDGE_TRUST, 0, 1000)], HELD);
    assert_true(core.bytes <= core.options.bytes_max);
}

static void replies_outlive_a_broken_connection(void **state)
{
    (void)state;
    start(4, 1, 16, 1024);
    up();
    uint32_t sent = offer(BRIDGE_REPLY, 7, 100), trust = offer(BRIDGE_TRUST, 0, 100), note = offer(BRIDGE_NOTE, 9, 100);
    assert_int_equal(wire_count, 3); /* killed between publish and confirm */
    event(BRIDGE_EV_LOST, BRIDGE_PUBLISHER);
    assert_int_equal(fates[trust], DROPPED);
    assert_int_equal(fates[sent], HELD);
    uint32_t newer = offer(BRIDGE_NOTE, 9, 100);
    assert_int_equal(fates[note], DROPPED);
    assert_int_equal(whys[note], BRIDGE_WHY_NEWER);
    pass(2 * S);
    event(BRIDGE_EV_UP, BRIDGE_PUBLISHER);
    assert_int_equal(wire_count, 2);
    assert_int_equal(wire_handle[0], sent);
    answer(BRIDGE_EV_CONFIRMED);
    answer(BRIDGE_EV_CONFIRMED);
    assert_int_equal(fates[sent], PUBLISHED);
    assert_int_equal(fates[newer], PUBLISHED);
    event(BRIDGE_EV_LOST, BRIDGE_PUBLISHER);
    uint32_t late = offer(BRIDGE_REPLY, 7, 100);
    pass(61 * S);
    assert_int_equal(fates[late], DROPPED); /* nobody waits so long */
}

static void an_answer_of_the_last_connection_means_nothing(void **state)
{
    (void)state;
    start(5, 1, 16, 1024);
    up();
    uint32_t note = offer(BRIDGE_NOTE, 1, 100);
    uint64_t old = wire[0];
    event(BRIDGE_EV_LOST, BRIDGE_PUBLISHER);
    pass(2 * S);
    event(BRIDGE_EV_UP, BRIDGE_PUBLISHER);
    step((struct bridge_event){.kind = BRIDGE_EV_CONFIRMED, .tag = old});
    assert_int_equal(fates[note], HELD);
    answer(BRIDGE_EV_CONFIRMED);
    assert_int_equal(fates[note], PUBLISHED);
}

static void a_missing_reply_queue_is_tried_then_known(void **state)
{
    (void)state;
    start(6, 1, 16, 1024);
    up();
    uint32_t first = offer(BRIDGE_REPLY, 77, 100);
    unsigned tries = 0;
    while (fates[first] == HELD) {
        if (wire_count > 0) {
            answer(BRIDGE_EV_RETURNED);
            tries++;
        } else {
            pass(50 * 1000);
        }
    }
    assert_in_range(tries, 200, 245);
    assert_int_equal(whys[first], BRIDGE_WHY_GONE);
    assert_int_equal(fates[offer(BRIDGE_REPLY, 77, 100)], DROPPED); /* at once */
    assert_int_equal(fates[offer(BRIDGE_REPLY, 78, 100)], HELD);
    pass(61 * S);
    assert_int_equal(fates[offer(BRIDGE_REPLY, 77, 100)], HELD); /* it may be back */
    answer(BRIDGE_EV_CONFIRMED);
}

static void blocked_publishes_nothing_and_is_no_fault(void **state)
{
    (void)state;
    start(7, 1, 16, 1024);
    up();
    (void)offer(BRIDGE_NOTE, 1, 100);
    event(BRIDGE_EV_BLOCKED, BRIDGE_PUBLISHER);
    unsigned had = publishes;
    (void)offer(BRIDGE_NOTE, 2, 100);
    assert_int_equal(fates[offer(BRIDGE_BEAT, 0, 100)], DROPPED); /* a late heartbeat is none */
    pass(600 * S);
    assert_int_equal(publishes, had);
    assert_int_equal(aborts, 0);
    event(BRIDGE_EV_UNBLOCKED, BRIDGE_PUBLISHER);
    assert_int_equal(publishes, had + 1);
    pass(19 * S);
    assert_int_equal(aborts, 0);
    pass(2 * S); /* not blocked, and no confirm: it hangs */
    assert_int_equal(aborts, 1);
    pass(600 * S);
    assert_int_equal(aborts, 1);
    event(BRIDGE_EV_LOST, BRIDGE_PUBLISHER);
}

static void replies_and_requests_cannot_fill_it(void **state)
{
    (void)state;
    start(8, 1, 16, 4096);
    event(BRIDGE_EV_LOST, BRIDGE_PUBLISHER);
    for (unsigned i = 0; i < 1500; i++)
        (void)offer(BRIDGE_REPLY, i, 100);
    assert_int_equal(core.replies, BRIDGE_REPLIES_MAX);
    for (unsigned i = 0; i < 500; i++)
        (void)offer(BRIDGE_NOTE, 1 + i, 100000);
    assert_true(core.bytes <= core.options.bytes_max);
}

/* Whatever happens in whatever order. */
static void days_of_chance(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct sp_rng rng = {seed * 77};
        start(seed, 1 + (uint32_t)sp_rng_below(&rng, 4), 1 + (uint32_t)sp_rng_below(&rng, 64),
              256 + (uint32_t)sp_rng_below(&rng, 512));
        for (unsigned i = 0; i < 6000; i++) {
            uint64_t dice = sp_rng_below(&rng, 100);
            enum bridge_link link = sp_rng_below(&rng, 2) == 0 ? BRIDGE_CONSUMER : BRIDGE_PUBLISHER;
            if (dice < 40) {
                if (fates[handles % HANDLES] != HELD)
                    (void)offer((enum bridge_class)sp_rng_below(&rng, BRIDGE_CLASSES), sp_rng_below(&rng, 50),
                                64 + (uint32_t)sp_rng_below(&rng, 30000));
            } else if (dice < 75 && wire_count > 0) {
                answer((enum bridge_event_kind)(BRIDGE_EV_CONFIRMED + sp_rng_below(&rng, 20) % 3));
            } else if (dice < 80 && core.links[link].state == BRIDGE_CONNECTING) {
                event(sp_rng_below(&rng, 3) == 0 ? BRIDGE_EV_LOST : BRIDGE_EV_UP, link);
            } else if (dice < 82 && core.links[link].state == BRIDGE_UP) {
                event(BRIDGE_EV_LOST, link);
            } else if (dice < 86 && core.links[BRIDGE_PUBLISHER].state == BRIDGE_UP) {
                event(sp_rng_below(&rng, 2) == 0 ? BRIDGE_EV_BLOCKED : BRIDGE_EV_UNBLOCKED, BRIDGE_PUBLISHER);
            } else {
                pass(sp_rng_below(&rng, 100) == 0 ? sp_rng_below(&rng, 3600 * S) : sp_rng_below(&rng, S / 5));
            }
            if (core.aborting && sp_rng_below(&rng, 4) == 0)
                event(BRIDGE_EV_LOST, BRIDGE_PUBLISHER);
        }
        /* Faults stop: it comes up, and everything that waits leaves. */
        for (unsigned i = 0; i < 2000 && (core.used > 0 || core.links[BRIDGE_PUBLISHER].state != BRIDGE_UP); i++) {
            for (unsigned l = 0; l < BRIDGE_LINKS; l++)
                if (core.links[l].state == BRIDGE_CONNECTING)
                    event(BRIDGE_EV_UP, (enum bridge_link)l);
            if (core.blocked)
                event(BRIDGE_EV_UNBLOCKED, BRIDGE_PUBLISHER);
            if (core.aborting)
                event(BRIDGE_EV_LOST, BRIDGE_PUBLISHER);
            while (wire_count > 0)
                answer(BRIDGE_EV_CONFIRMED);
            pass(S);
        }
        assert_int_equal(core.used, 0);
        for (uint32_t h = 0; h < HANDLES; h++)
            assert_int_not_equal(fates[h], HELD);
        bridge_core_fini(&core);
    }
    start(1, 1, 16, 1024); /* for teardown */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(all_hosts_in_turn_with_growing_pauses, teardown),
        cmocka_unit_test_teardown(two_bridges_do_not_come_back_together, teardown),
        cmocka_unit_test_teardown(an_hour_away, teardown),
        cmocka_unit_test_teardown(too_slow_for_deltas_is_one_snapshot, teardown),
        cmocka_unit_test_teardown(replies_outlive_a_broken_connection, teardown),
        cmocka_unit_test_teardown(an_answer_of_the_last_connection_means_nothing, teardown),
        cmocka_unit_test_teardown(a_missing_reply_queue_is_tried_then_known, teardown),
        cmocka_unit_test_teardown(blocked_publishes_nothing_and_is_no_fault, teardown),
        cmocka_unit_test_teardown(replies_and_requests_cannot_fill_it, teardown),
        cmocka_unit_test_teardown(days_of_chance, teardown),
    };
    return cmocka_run_group_tests_name("bridge_flow", tests, NULL, NULL);
}
