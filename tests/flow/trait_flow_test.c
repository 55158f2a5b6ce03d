/* SPDX-License-Identifier: Apache-2.0 */
/* The core of the placement traits against a placement of the test's own: conflicts, failures before and after the deed, answers
 * that come too late, a concurrent writer, two bridges at once. A naive twin says at each request what may be on; the core must
 * never ask for more, must leave other traits as they are, and must end with exactly what the twin says. */
#include "trait_core.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define S         1000000ull
#define PROVIDERS 24u
#define POOLS     2u
#define RATE      50u
#define FLIGHTS   32u

static const char *const pool_names[POOLS] = {"gold", "iron"}, *const trait_names[POOLS] = {"CUSTOM_GOLD", "CUSTOM_IRON"};

/* placement */
static struct {
    uint8_t uuid[16], key[16];
    char name[16];
    uint32_t ours, foreign, generation, foreign_wanted;
    bool gone;
} server[PROVIDERS];
static bool trait_known[POOLS];

/* what the keeper says */
static struct {
    bool member;
    uint64_t until_us;
} truth[PROVIDERS][POOLS];
static bool reader_follows;
static uint64_t proof_us;

enum fate { WORKS, FAILS, WORKS_AND_FAILS, WORKS_LATER };
struct flight {
    bool used;
    struct trait_ask ask;
    enum fate fate;
    uint64_t at_us, later_us;
    uint32_t provider;
};
static struct bridge {
    struct trait_core core;
    struct flight flights[FLIGHTS];
    struct {
        uint32_t foreign, generation;
    } docs[TRAIT_SLOTS_MAX];
    uint64_t last_us;
    uint32_t asks, in_flight, most_in_flight;
    uint32_t reads_of[PROVIDERS];
} bridges[2];
static struct {
    bool used;
    uint32_t provider, generation, ours, foreign;
    uint64_t at_us;
} late[256];

static uint64_t now_us;
static unsigned bridge_count, conflict_percent, fail_percent;
static bool name_refused; /* placement does not take the second trait's name */
static struct sp_rng rng;

static bool chance(unsigned percent)
{
    return sp_rng_below(&rng, 100) < percent;
}

/* ---- the twin ---- */

static uint32_t twin(uint32_t p)
{
    uint32_t bits = 0;
    for (uint32_t k = 0; k < POOLS; k++)
        bits |= (uint32_t)(truth[p][k].member && truth[p][k].until_us > now_us && now_us < proof_us) << k;
    return bits;
}

/* ---- placement ---- */

static uint32_t provider_of(const uint8_t *uuid)
{
    for (uint32_t i = 0; i < PROVIDERS; i++)
        if (memcmp(server[i].uuid, uuid, 16) == 0)
            return i;
    fail_msg("a provider that is none");
    return 0;
}

static enum trait_result write_to(uint32_t p, uint32_t generation, uint32_t ours, uint32_t foreign)
{
    if (server[p].gone)
        return TRAIT_GONE;
    if (server[p].generation != generation)
        return TRAIT_CONFLICT;
    for (uint32_t k = 0; k < POOLS; k++)
        if ((ours >> k & 1) != 0 && !trait_known[k])
            return TRAIT_UNKNOWN;
    if (server[p].ours != ours || server[p].foreign != foreign)
        server[p].generation++;
    server[p].ours = ours;
    server[p].foreign = foreign;
    assert_int_equal(foreign, server[p].foreign_wanted); /* what others put there is as they left it */
    return TRAIT_DONE;
}

static void write_later(struct bridge *b, const struct flight *f)
{
    for (uint32_t i = 0; i < 256; i++)
        if (!late[i].used) {
            late[i].used = true;
            late[i].provider = f->provider;
            late[i].generation = b->docs[f->ask.slot].generation;
            late[i].foreign = b->docs[f->ask.slot].foreign;
            late[i].ours = (uint32_t)f->ask.mask;
            late[i].at_us = f->later_us;
            return;
        }
}

static enum trait_result deed(struct bridge *b, struct flight *f, uint64_t *has)
{
    uint32_t p = f->provider;
    struct trait_core *c = &b->core;
    switch (f->ask.kind) {
    case TRAIT_ASK_CREATE:
        if (name_refused && f->ask.trait == 1)
            return TRAIT_UNKNOWN;
        trait_known[f->ask.trait] = true;
        return TRAIT_DONE;
    case TRAIT_ASK_WHO:
        if (!trait_known[f->ask.trait])
            return TRAIT_UNKNOWN;
        for (uint32_t i = 0; i < PROVIDERS; i++)
            if (!server[i].gone && (server[i].ours >> f->ask.trait & 1) != 0)
                trait_core_has(c, f->ask.slot, server[i].uuid, server[i].name);
        return TRAIT_DONE;
    case TRAIT_ASK_ALL:
        for (uint32_t i = 0; i < PROVIDERS; i++)
            if (!server[i].gone)
                trait_core_provider(c, f->ask.slot, server[i].uuid, server[i].name);
        return TRAIT_DONE;
    case TRAIT_ASK_READ:
        if (server[p].gone)
            return TRAIT_GONE;
        b->docs[f->ask.slot].foreign = server[p].foreign;
        b->docs[f->ask.slot].generation = server[p].generation;
        *has = server[p].ours;
        return TRAIT_DONE;
    default:
        return write_to(p, b->docs[f->ask.slot].generation, (uint32_t)f->ask.mask, b->docs[f->ask.slot].foreign);
    }
}

/* ---- what is shown ---- */

/* The end of what backs it, as the twin knows it; 0: nothing. */
static uint64_t twin_end(uint32_t p, uint32_t k)
{
    uint64_t end = truth[p][k].until_us < proof_us ? truth[p][k].until_us : proof_us;
    return truth[p][k].member && end > now_us ? end : 0;
}

/* Nothing is ever shown as backed, or for longer, than it is. */
static void leases_are_no_promise(struct bridge *b)
{
    for (uint32_t i = 0; i < b->core.provider_count; i++)
        for (uint32_t k = 0; k < POOLS && b->core.providers[i].known; k++) {
            struct trait_lease lease;
            trait_core_lease(&b->core, (struct sp_mono){now_us}, i, k, &lease);
            uint32_t p = provider_of(b->core.providers[i].uuid);
            assert_true(lease.until_us <= twin_end(p, k));
            if (lease.state == TRAIT_IS_ON || lease.state == TRAIT_COMES)
                assert_true(lease.until_us > now_us && (twin(p) >> k & 1) != 0);
        }
}

/* ---- time ---- */

static void proof_tell(struct bridge *b)
{
    trait_core_proof(&b->core, reader_follows && now_us < proof_us, proof_us);
}

static void asks(struct bridge *b)
{
    struct trait_ask ask;
    proof_tell(b);
    while (trait_core_next(&b->core, (struct sp_mono){now_us}, &ask)) {
        struct flight *f = NULL;
        for (uint32_t i = 0; i < FLIGHTS && f == NULL; i++)
            f = b->flights[i].used ? NULL : &b->flights[i];
        assert_non_null(f);
        assert_true(b->asks == 0 || now_us >= b->last_us + S / RATE); /* never faster than the rate, not for a moment */
        b->last_us = now_us;
        b->asks++;
        *f = (struct flight){.used = true, .ask = ask, .at_us = now_us + 1000 + sp_rng_below(&rng, 60000)};
        if (ask.kind == TRAIT_ASK_READ || ask.kind == TRAIT_ASK_WRITE) {
            f->provider = provider_of(ask.uuid);
            b->reads_of[f->provider] += ask.kind == TRAIT_ASK_READ;
        }
        if (ask.kind == TRAIT_ASK_WRITE) {
            assert_int_equal(ask.mask & ~(uint64_t)twin(f->provider), 0); /* never asked for without backing */
            if (chance(conflict_percent))
                server[f->provider].generation++; /* an allocation */
        }
        if (chance(fail_percent)) {
            f->fate = 1 + (enum fate)sp_rng_below(&rng, ask.kind == TRAIT_ASK_WRITE ? 3 : 1);
            f->at_us = now_us + S;
            f->later_us = f->at_us + sp_rng_below(&rng, 5 * S);
        }
        b->in_flight++;
        b->most_in_flight = b->in_flight > b->most_in_flight ? b->in_flight : b->most_in_flight;
    }
    assert_true(trait_core_check(&b->core));
    leases_are_no_promise(b);
}

static void answers(struct bridge *b)
{
    for (uint32_t i = 0; i < FLIGHTS; i++) {
        struct flight *f = &b->flights[i];
        uint64_t has = 0;
        if (!f->used || f->at_us > now_us)
            continue;
        enum trait_result r = f->fate == FAILS || f->fate == WORKS_LATER ? TRAIT_FAILED : deed(b, f, &has);
        if (f->fate == WORKS_LATER)
            write_later(b, f);
        f->used = false;
        b->in_flight--;
        trait_core_done(&b->core, (struct sp_mono){now_us}, f->ask.slot, f->fate == WORKS ? r : TRAIT_FAILED, has);
    }
}

static void pass(uint64_t us)
{
    for (uint64_t end = now_us + us; now_us < end; now_us += 5000) {
        for (uint32_t i = 0; i < 256; i++)
            if (late[i].used && late[i].at_us <= now_us) {
                late[i].used = false;
                (void)write_to(late[i].provider, late[i].generation, late[i].ours, late[i].foreign);
            }
        for (uint32_t b = 0; b < bridge_count; b++) {
            answers(&bridges[b]);
            asks(&bridges[b]);
        }
        if (reader_follows)
            proof_us = now_us + 3 * S;
    }
}

/* ---- the reader ---- */

static void tell(uint32_t p, uint32_t k)
{
    char name[16];
    (void)snprintf(name, sizeof name, "n%u", p);
    for (uint32_t b = 0; b < bridge_count && reader_follows; b++)
        assert_true(trait_core_node(&bridges[b].core, (struct sp_mono){now_us},
                                    &(struct trait_node_id){server[p].key, name, p % 2 == 1}, pool_names[k],
                                    truth[p][k].member ? truth[p][k].until_us : 0));
}

static void tell_all(void)
{
    for (uint32_t b = 0; b < bridge_count && reader_follows; b++) {
        proof_tell(&bridges[b]);
        trait_core_forget(&bridges[b].core);
    }
    for (uint32_t p = 0; p < PROVIDERS; p++)
        for (uint32_t k = 0; k < POOLS; k++)
            tell(p, k);
}

static void member(uint32_t p, uint32_t k, bool in, uint64_t for_us)
{
    truth[p][k].member = in;
    truth[p][k].until_us = now_us + for_us;
    tell(p, k);
}

static void follow(bool follows)
{
    reader_follows = follows;
    if (follows) {
        proof_us = now_us + 3 * S;
        tell_all();
    }
}

static void bridge_start(uint32_t i)
{
    struct trait_core_options o = {
        .seed = rng.state + i, .rate = RATE, .parallel = 4, .rows_max = 1000, .reconcile_ms = 20000, .start_ms = 15000};
    struct trait_pool pools[POOLS];
    memset(&bridges[i], 0, sizeof bridges[i]);
    assert_true(trait_core_init(&bridges[i].core, &o, (struct sp_mono){now_us}));
    for (uint32_t k = 0; k < POOLS; k++) {
        (void)snprintf(pools[k].pool, sizeof pools[k].pool, "%s", pool_names[k]);
        (void)snprintf(pools[k].trait, sizeof pools[k].trait, "%s", trait_names[k]);
    }
    assert_true(trait_core_pools(&bridges[i].core, (struct sp_mono){now_us}, pools, POOLS));
}

static void world(uint64_t seed, unsigned count)
{
    rng.state = seed;
    now_us = 1000 * S;
    reader_follows = false;
    proof_us = 0;
    conflict_percent = fail_percent = 0;
    name_refused = false;
    bridge_count = count;
    memset(truth, 0, sizeof truth);
    memset(late, 0, sizeof late);
    memset(server, 0, sizeof server);
    memset(trait_known, 0, sizeof trait_known);
    for (uint32_t i = 0; i < PROVIDERS; i++) {
        server[i].uuid[0] = server[i].key[0] = (uint8_t)(i + 1);
        server[i].key[1] = i % 2 == 0 ? 0 : 7; /* half of the nodes are known by name only */
        server[i].foreign = server[i].foreign_wanted = (uint32_t)sp_rng_below(&rng, 1000);
        (void)snprintf(server[i].name, sizeof server[i].name, "n%u", i);
    }
    for (uint32_t i = 0; i < count; i++)
        bridge_start(i);
}

static int done(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < bridge_count; i++)
        trait_core_fini(&bridges[i].core);
    bridge_count = 0;
    return 0;
}

static void assert_right(void)
{
    for (uint32_t i = 0; i < PROVIDERS; i++) {
        if (!server[i].gone)
            assert_int_equal(server[i].ours, twin(i));
        assert_int_equal(server[i].foreign, server[i].foreign_wanted);
    }
}

static void leave(uint32_t p, uint32_t bits)
{
    trait_known[0] = trait_known[1] = true;
    server[p].ours = bits;
}

/* ---- cases ---- */

static void traits_follow_the_pool(void **state)
{
    (void)state;
    world(1, 1);
    follow(true);
    for (uint32_t i = 0; i < PROVIDERS; i++)
        member(i, i % POOLS, i < 12, 1000 * S);
    pass(10 * S);
    assert_right();
    assert_int_equal(server[0].ours, 1);
    assert_int_equal(server[1].ours, 2); /* by name */
    member(0, 0, false, 0);
    member(2, 0, true, 4 * S); /* renewed no more */
    pass(S);
    assert_int_equal(server[0].ours, 0);
    assert_int_equal(server[2].ours, 1);
    pass(5 * S);
    assert_int_equal(server[2].ours, 0); /* the end of a lifetime needs no message */
    assert_right();
}

static struct trait_lease lease_of(uint32_t p, uint32_t k)
{
    struct trait_lease lease = {.node = TRAIT_NONE};
    struct trait_core *c = &bridges[0].core;
    for (uint32_t i = 0; i < c->provider_count; i++)
        if (memcmp(c->providers[i].uuid, server[p].uuid, 16) == 0)
            trait_core_lease(c, (struct sp_mono){now_us}, i, k, &lease);
    return lease;
}

static void the_lease_is_shown(void **state)
{
    (void)state;
    world(14, 1);
    leave(5, 1); /* of a bridge that died */
    pass(S);
    assert_int_equal(lease_of(5, 0).state, TRAIT_HELD);
    follow(true);
    member(0, 0, true, 10 * S);
    member(1, 0, true, 2 * S); /* by name */
    assert_int_equal(lease_of(0, 0).state, TRAIT_COMES);
    assert_int_equal(lease_of(5, 0).state, TRAIT_GOES);
    pass(S);
    struct trait_lease lease = lease_of(0, 0);
    assert_int_equal(lease.state, TRAIT_IS_ON);
    assert_int_equal(lease.until_us, proof_us - 5000); /* as it was told last: the proof ends before the membership */
    assert_int_equal(lease_of(1, 0).until_us, truth[1][0].until_us);
    assert_int_equal(lease_of(2, 0).state, TRAIT_IS_OFF);
    assert_int_equal(lease_of(5, 0).state, TRAIT_IS_OFF);
    uint32_t own = trait_core_provider_of(&bridges[0].core, lease.node);
    assert_in_range(own, 0, bridges[0].core.provider_count - 1);
    assert_memory_equal(bridges[0].core.providers[own].uuid, server[0].uuid, 16);
    server[0].gone = true;
    pass(30 * S);
    assert_int_equal(trait_core_provider_of(&bridges[0].core, lease.node), TRAIT_NONE);
    assert_string_equal(trait_core_state_text(TRAIT_COMES), "coming");
}

static void the_start_reconciles_first(void **state)
{
    (void)state;
    world(2, 1);
    leave(3, 3); /* of a bridge that died */
    leave(4, 1);
    follow(true);
    member(4, 0, true, 1000 * S);
    pass(5 * S);
    assert_right();
    assert_int_equal(bridges[0].reads_of[4], 0); /* what is right was not touched */
    assert_int_equal(server[3].ours, 0);
}

static void who_hears_nothing_takes_off(void **state)
{
    (void)state;
    world(3, 1);
    leave(3, 1);
    leave(4, 2);
    pass(10 * S);
    assert_int_equal(server[3].ours, 1); /* for a while it may be right */
    pass(10 * S);
    assert_right();
    follow(true);
    member(5, 0, true, 1000 * S);
    member(6, 1, true, 1000 * S);
    pass(5 * S);
    assert_int_equal(server[5].ours, 1);
    reader_follows = false;
    pass(2 * S);
    assert_int_equal(server[5].ours, 1); /* still proven */
    pass(3 * S);
    assert_right();
    assert_int_equal(server[5].ours, 0);
}

static void nothing_is_put_on_without_following(void **state)
{
    (void)state;
    world(4, 1);
    follow(true);
    pass(3 * S);
    member(5, 0, true, 1000 * S);
    reader_follows = false; /* in the same moment; the proof still runs */
    pass(S);
    assert_int_equal(server[5].ours, 0);
    assert_int_equal(bridges[0].core.counters.put_on, 0);
}

static void removals_come_first(void **state)
{
    (void)state;
    world(5, 1);
    follow(true);
    member(23, 0, true, 1000 * S);
    pass(3 * S);
    for (uint32_t i = 0; i < 20; i++)
        member(i, 0, true, 1000 * S);
    member(23, 0, false, 0);
    pass(S / 4); /* 20 additions need more than this at the rate */
    assert_int_equal(server[23].ours, 0);
    pass(5 * S);
    assert_right();
}

static void conflicts_are_bounded_and_never_given_up(void **state)
{
    (void)state;
    world(6, 1);
    follow(true);
    pass(2 * S);
    conflict_percent = 100;
    member(7, 0, true, 1000 * S);
    pass(4 * S);
    uint32_t reads = bridges[0].reads_of[7];
    assert_in_range(reads, 2, 3 * TRAIT_CONFLICTS);
    assert_true(bridges[0].core.counters.given_up > 0);
    conflict_percent = 0;
    pass(2 * S); /* the pause after many, and no more */
    assert_right();
}

static void a_dead_placement_gets_one_request_at_a_time(void **state)
{
    (void)state;
    world(7, 1);
    follow(true);
    for (uint32_t i = 0; i < PROVIDERS; i++)
        member(i, 0, true, 1000 * S);
    pass(5 * S);
    fail_percent = 100;
    for (uint32_t i = 0; i < PROVIDERS; i++)
        member(i, 0, false, 0);
    pass(20 * S);
    uint32_t before = bridges[0].asks;
    bridges[0].most_in_flight = 0;
    pass(60 * S);
    assert_in_range(bridges[0].asks - before, 1, 32);
    assert_in_range(bridges[0].most_in_flight, 0, 1);
    fail_percent = 0;
    pass(10 * S); /* however long it was away */
    assert_right();
}

static void a_refused_name_is_told_seldom(void **state)
{
    (void)state;
    world(15, 1);
    name_refused = true;
    follow(true);
    member(1, 0, true, 1000 * S);
    member(2, 1, true, 1000 * S);
    pass(5 * S);
    assert_int_equal(server[1].ours, 1); /* the other name goes on */
    assert_int_equal(server[2].ours, 0);
    uint64_t told = bridges[0].core.counters.asked[TRAIT_ASK_CREATE];
    pass(90 * S);
    assert_in_range(bridges[0].core.counters.asked[TRAIT_ASK_CREATE] - told, 2, 4);
    name_refused = false;
    pass(40 * S);
    assert_right();
}

static void a_deleted_trait_is_made_again(void **state)
{
    (void)state;
    world(8, 1);
    follow(true);
    member(1, 0, true, 1000 * S);
    pass(3 * S);
    member(1, 0, false, 0);
    pass(3 * S);
    trait_known[0] = false;
    member(2, 0, true, 1000 * S);
    member(3, 1, true, 1000 * S);
    pass(10 * S);
    assert_right();
    assert_true(trait_known[0]);
}

static void a_shared_trait_needs_both_pools(void **state)
{
    (void)state;
    world(9, 1);
    struct trait_pool pools[POOLS] = {{"gold", "CUSTOM_GOLD"}, {"iron", "CUSTOM_GOLD"}};
    follow(true);
    pass(2 * S);
    assert_true(trait_core_pools(&bridges[0].core, (struct sp_mono){now_us}, pools, POOLS));
    member(1, 0, true, 1000 * S);
    pass(3 * S);
    assert_int_equal(server[1].ours, 0);
}

static void a_pool_that_lost_its_trait(void **state)
{
    (void)state;
    world(10, 1);
    struct trait_pool pools[1] = {{"gold", "CUSTOM_GOLD"}};
    follow(true);
    member(1, 1, true, 1000 * S);
    pass(3 * S);
    assert_int_equal(server[1].ours, 2);
    assert_true(trait_core_pools(&bridges[0].core, (struct sp_mono){now_us}, pools, 1));
    tell_all();
    pass(3 * S);
    assert_int_equal(server[1].ours, 0);
}

static void a_provider_that_came_back_by_the_same_name(void **state)
{
    (void)state;
    world(11, 1);
    follow(true);
    member(2, 0, true, 1000 * S);
    pass(3 * S);
    server[2].gone = true;
    pass(30 * S);
    server[2].gone = false;
    server[2].ours = 0;
    pass(30 * S);
    assert_right();
    assert_int_equal(server[2].ours, 1);
}

/* A host takes the name of a trusted one, whose provider is there or was deleted: it is another, so it gets nothing. */
static void a_name_cannot_be_stolen(void **state)
{
    (void)state;
    for (unsigned deleted = 0; deleted < 2; deleted++) {
        world(13, 1);
        follow(true);
        (void)snprintf(server[2].name, sizeof server[2].name, "moved");
        (void)snprintf(server[3].name, sizeof server[3].name, "n2");
        server[2].gone = deleted != 0;
        member(2, 0, true, 1000 * S);
        pass(30 * S);
        assert_int_equal(server[2].ours, deleted ? 0 : 1);
        assert_int_equal(server[3].ours, 0);
        trait_core_fini(&bridges[0].core);
        bridge_count = 0;
    }
}

static void only_custom_names_are_ours(void **state)
{
    static const char *const bad[] = {"",           "CUSTOM_",    "COMPUTE_NODE", "CUSTOM_a", "HW_CPU_X86_VMX",
                                      "CUSTOM_A-B", "CUSTOM_A\n", "custom_A"};
    (void)state;
    world(12, 1);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(trait_core_own(&bridges[0].core, (struct sp_mono){now_us}, sp_str_of(bad[i])));
    assert_true(trait_core_own(&bridges[0].core, (struct sp_mono){now_us}, sp_str_of("CUSTOM_SPICE_2")));
}

static void shuffle(void)
{
    uint32_t p = (uint32_t)sp_rng_below(&rng, PROVIDERS), k = (uint32_t)sp_rng_below(&rng, POOLS);
    switch (sp_rng_below(&rng, 12)) {
    case 0:
        follow(!reader_follows);
        break;
    case 1: /* somebody else's trait */
        server[p].foreign = server[p].foreign_wanted = (uint32_t)sp_rng_below(&rng, 1000);
        server[p].generation++;
        break;
    case 2:
        trait_core_fini(&bridges[0].core); /* killed; what was under way is done or not */
        bridge_start(0);
        tell_all();
        break;
    case 3:
        server[p].gone = !server[p].gone;
        server[p].ours = 0;
        server[p].generation++;
        break;
    default:
        if (reader_follows) /* the twin knows what the reader was told */
            member(p, k, chance(60), chance(20) ? S : 60 * S);
        break;
    }
    pass((1 + sp_rng_below(&rng, 60)) * 10000);
}

static void random_worlds(void **state)
{
    (void)state;
    for (uint64_t seed = 100; seed < 130; seed++) {
        world(seed, 1 + seed % 2);
        follow(true);
        conflict_percent = (unsigned)(seed % 3) * 20;
        fail_percent = (unsigned)(seed % 4) * 8;
        for (unsigned i = 0; i < 250; i++)
            shuffle();
        conflict_percent = fail_percent = 0;
        follow(true);
        for (uint32_t p = 0; p < PROVIDERS; p++)
            for (uint32_t k = 0; k < POOLS; k++)
                member(p, k, truth[p][k].member, 10000 * S);
        pass(120 * S);
        assert_right();
        uint64_t put_on = 0; /* by whichever was first */
        for (uint32_t i = 0; i < bridge_count; i++)
            put_on += bridges[i].core.counters.put_on;
        assert_true(put_on > 0);
        reader_follows = false;
        pass(60 * S);
        for (uint32_t p = 0; p < PROVIDERS; p++)
            assert_true(server[p].gone || server[p].ours == 0); /* the dead-man */
        (void)done(NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(traits_follow_the_pool, done),
        cmocka_unit_test_teardown(the_lease_is_shown, done),
        cmocka_unit_test_teardown(the_start_reconciles_first, done),
        cmocka_unit_test_teardown(who_hears_nothing_takes_off, done),
        cmocka_unit_test_teardown(nothing_is_put_on_without_following, done),
        cmocka_unit_test_teardown(removals_come_first, done),
        cmocka_unit_test_teardown(a_refused_name_is_told_seldom, done),
        cmocka_unit_test_teardown(conflicts_are_bounded_and_never_given_up, done),
        cmocka_unit_test_teardown(a_dead_placement_gets_one_request_at_a_time, done),
        cmocka_unit_test_teardown(a_deleted_trait_is_made_again, done),
        cmocka_unit_test_teardown(a_shared_trait_needs_both_pools, done),
        cmocka_unit_test_teardown(a_pool_that_lost_its_trait, done),
        cmocka_unit_test_teardown(a_provider_that_came_back_by_the_same_name, done),
        cmocka_unit_test_teardown(a_name_cannot_be_stolen, done),
        cmocka_unit_test_teardown(only_custom_names_are_ours, done),
        cmocka_unit_test_teardown(random_worlds, done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
