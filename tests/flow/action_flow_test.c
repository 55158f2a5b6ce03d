/* SPDX-License-Identifier: Apache-2.0 */
/* action_core against a Nova of the test's own: writes that fail before or after the deed or come late, operators who enable and
 * disable by themselves, restarts in every moment, a disk that takes nothing, two bridges at once. What a naive observer knows is
 * compared at every request: nothing in a mass failure, never more than `at_once`, never without a record on the disk, never what
 * an operator had his hand on. */
#include "action_core.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sp_assert.h"
#include "sp_rng.h"

#define S       1000000ull
#define HOSTS   12u
#define BRIDGES 2u
#define LATE    8u
#define WINDOW  60u /* seconds */
#define DELAY   5u
#define SPACING 20u

enum owner { NOBODY, SPICE, OPERATOR };

/* Nova */
static struct service {
    bool enabled;
    char reason[ACTION_REASON_BYTES];
    enum owner owner;
    uint64_t owner_us; /* when an operator changed it */
    bool hands_off;    /* an operator took it back during this loss */
} service[HOSTS];
/* the keeper */
static struct {
    bool member, bad, evidence; /* evidence: what the keeper says when asked */
    uint64_t lost_us;           /* as the scans saw it */
    bool seen_member;
} node[HOSTS];
static bool follows;

static struct bridge {
    bool runs;
    struct action_core core;
    struct action_record disk[ACTION_RECORDS_MAX];
    uint32_t disk_count;
    uint64_t start_us, read_us, scan_us;
    char evidence_for[16];
    uint32_t disables, enables;
} bridges[BRIDGES];
static uint32_t bridge_count, at_once = 1;

static struct {
    bool used, disable;
    uint32_t host;
    char reason[ACTION_REASON_BYTES];
    uint64_t at_us;
} late[LATE];

static uint64_t now_us;
static struct sp_rng rng;
static unsigned fail_percent, disk_percent;
static unsigned asks = 3; /* requests of one turn: none while Nova cannot be asked */
static bool nova_down;    /* it is asked, and nothing comes through */

static struct sp_mono now(void)
{
    return (struct sp_mono){now_us};
}

static bool chance(unsigned percent)
{
    return sp_rng_below(&rng, 100) < percent;
}

static void service_id(uint32_t host, char to[ACTION_ID_BYTES])
{
    (void)snprintf(to, ACTION_ID_BYTES, "00000000-0000-4000-8000-%012u", host);
}

static uint32_t host_of(const char *name)
{
    return (uint32_t)strtoul(name + strcspn(name, "-") + 1, NULL, 10);
}

static void look(void *self, const char *name, const char *pool, struct exposure_trust *out)
{
    (void)self;
    assert_string_equal(pool, "gold");
    *out = (struct exposure_trust){.member = node[host_of(name)].member, .why = ""};
}

/* ---- the world ---- */

static void bridge_start(uint32_t i)
{
    struct bridge *b = &bridges[i];
    struct action_options o = {.seed = rng.state + i,
                               .act = true,
                               .at_once = at_once,
                               .share_percent = 10,
                               .window_ms = WINDOW * 1000,
                               .delay_ms = DELAY * 1000,
                               .interval_ms = SPACING * 1000};
    assert_true(action_core_init(&b->core, &o, now()));
    for (uint32_t r = 0; r < b->disk_count; r++)
        assert_true(action_core_load(&b->core, &b->disk[r]));
    b->runs = true;
    b->start_us = now_us;
    b->read_us = b->scan_us = 0;
}

static void bridge_kill(uint32_t i)
{
    action_core_fini(&bridges[i].core);
    bridges[i].runs = false;
}

static void world(uint64_t seed, uint32_t count)
{
    rng.state = seed;
    now_us = 1000 * S;
    fail_percent = disk_percent = 0;
    asks = 3;
    nova_down = false;
    follows = true;
    at_once = 1;
    bridge_count = count;
    memset(bridges, 0, sizeof bridges);
    memset(late, 0, sizeof late);
    for (uint32_t h = 0; h < HOSTS; h++) {
        service[h] = (struct service){.enabled = true};
        node[h].member = node[h].seen_member = true;
        node[h].bad = false;
        node[h].evidence = true;
        node[h].lost_us = 0;
    }
    for (uint32_t i = 0; i < count; i++)
        bridge_start(i);
}

static int done(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < bridge_count; i++)
        if (bridges[i].runs)
            bridge_kill(i);
    bridge_count = 0;
    return 0;
}

/* What the observer knows of the pool: more than a tenth, and at least two, lost within the window. */
static bool is_mass(void)
{
    uint32_t lost = 0;
    for (uint32_t h = 0; h < HOSTS; h++)
        lost += node[h].lost_us != 0 && now_us < node[h].lost_us + WINDOW * S;
    return lost >= 2 && lost * 100 > HOSTS * 10;
}

static uint32_t disabled_by_us(void)
{
    uint32_t n = 0;
    for (uint32_t h = 0; h < HOSTS; h++)
        n += !service[h].enabled && service[h].owner == SPICE;
    return n;
}

static void land(bool disable, uint32_t h, const char *reason)
{
    struct service *s = &service[h];
    if (disable) {
        s->enabled = false;
        s->owner = SPICE;
        (void)snprintf(s->reason, sizeof s->reason, "%s", reason);
        assert_in_range(disabled_by_us(), 1, at_once);
    } else {
        s->enabled = true;
        s->owner = NOBODY;
        s->reason[0] = '\0';
    }
}

static void operator_acts(uint32_t h)
{
    struct service *s = &service[h];
    s->hands_off = s->hands_off || s->owner == SPICE;
    s->owner = OPERATOR;
    s->owner_us = now_us;
    s->enabled = !s->enabled || chance(30);
    (void)snprintf(s->reason, sizeof s->reason, "%s", s->enabled ? "" : chance(20) ? "SPICE is not who did this" : "maintenance");
}

/* ---- requests ---- */

static void assert_on_disk(const struct bridge *b, const struct action_record *r)
{
    for (uint32_t i = 0; i < b->disk_count; i++)
        if (strcmp(b->disk[i].service, r->service) == 0 && strcmp(b->disk[i].reason, r->reason) == 0 &&
            b->disk[i].state == r->state)
            return;
    fail_msg("a write for %s is not on the disk", r->host);
}

static void assert_may_write(const struct bridge *b, const struct action_ask *ask)
{
    const struct action_record *r = ask->record;
    uint32_t h = host_of(r->host);
    const struct service *s = &service[h];
    bool operator_before = s->owner == OPERATOR && (s->owner_us < b->read_us || s->owner_us + ACTION_FRESH_MS * 1000 < now_us);
    assert_on_disk(b, r);
    assert_false(is_mass());
    assert_true(now_us >= b->start_us + WINDOW * S);
    assert_true(follows && now_us <= b->scan_us + ACTION_FRESH_MS * 1000);
    if (ask->kind == ACTION_ASK_DISABLE) {
        assert_true(node[h].bad && !node[h].member);
        assert_false(operator_before && (s->hands_off || !s->enabled));
        assert_true(strncmp(r->reason, "SPICE: gold lost: said [", 24) == 0);
    } else {
        assert_true(node[h].member);
        assert_false(operator_before);
        assert_true(s->enabled || s->owner == OPERATOR || strcmp(s->reason, r->reason) == 0);
    }
}

static enum action_result write_one(struct bridge *b, const struct action_ask *ask)
{
    uint32_t h = host_of(ask->record->host);
    bool disable = ask->kind == ACTION_ASK_DISABLE;
    assert_may_write(b, ask);
    b->disables += disable;
    b->enables += !disable;
    if (nova_down)
        return ACTION_FAILED;
    if (!chance(fail_percent)) {
        land(disable, h, ask->record->reason);
        return ACTION_DONE;
    }
    switch (sp_rng_below(&rng, 5)) {
    case 0:
        return ACTION_NO;
    case 1:
        return ACTION_AGAIN;
    case 2:
        land(disable, h, ask->record->reason);
        return ACTION_FAILED;
    case 3:
        for (uint32_t i = 0; i < LATE; i++)
            if (!late[i].used) {
                late[i].used = true;
                late[i].disable = disable;
                late[i].host = h;
                late[i].at_us = now_us + sp_rng_below(&rng, 4 * S); /* before the next look */
                memcpy(late[i].reason, ask->record->reason, sizeof late[i].reason);
                break;
            }
        return ACTION_FAILED;
    default:
        return ACTION_FAILED;
    }
}

static void services_tell(struct bridge *b)
{
    b->read_us = now_us;
    for (uint32_t h = 0; h < HOSTS; h++) {
        char id[ACTION_ID_BYTES], host[16];
        service_id(h, id);
        (void)snprintf(host, sizeof host, "cmp-%u", h);
        action_core_service(&b->core, id, host, service[h].enabled, service[h].reason);
    }
}

static void answer(struct bridge *b, const struct action_ask *ask)
{
    enum action_result result = ACTION_DONE;
    switch (ask->kind) {
    case ACTION_ASK_STORE:
        result = chance(disk_percent) ? ACTION_FAILED : ACTION_DONE;
        if (result == ACTION_DONE) {
            memcpy(b->disk, b->core.records, sizeof b->disk);
            b->disk_count = b->core.record_count;
        }
        break;
    case ACTION_ASK_EVIDENCE:
        assert_string_equal(ask->pool, "gold");
        if (!chance(fail_percent)) {
            uint32_t h = host_of(ask->node);
            action_core_evidence(&b->core, now(), node[h].evidence && node[h].bad, "said");
            return;
        }
        result = ACTION_FAILED;
        break;
    case ACTION_ASK_SERVICES:
        result = nova_down || chance(fail_percent) ? ACTION_FAILED : ACTION_DONE;
        if (result == ACTION_DONE || (!nova_down && chance(50)))
            services_tell(b);
        break;
    default:
        result = write_one(b, ask);
        break;
    }
    action_core_done(&b->core, now(), ask->kind, result);
}

static void scan(struct bridge *b)
{
    if (!follows) {
        action_core_doubt(&b->core);
        return;
    }
    action_core_begin(&b->core);
    for (uint32_t h = 0; h < HOSTS; h++) {
        uint8_t key[16] = {(uint8_t)h};
        char host[16], name[16];
        struct action_fact fact = {host, name, "gold"};
        (void)snprintf(host, sizeof host, "cmp-%u", h);
        (void)snprintf(name, sizeof name, "n-%u", h);
        action_core_node(&b->core, now(), key, "gold", node[h].member);
        if (node[h].bad && !node[h].member)
            action_core_want(&b->core, now(), &fact);
    }
    action_core_end(&b->core, now(), look, NULL);
    b->scan_us = now_us;
}

static void observe(void)
{
    for (uint32_t h = 0; h < HOSTS && follows; h++) {
        if (node[h].seen_member && !node[h].member)
            node[h].lost_us = now_us;
        node[h].seen_member = node[h].member;
        service[h].hands_off = service[h].hands_off && !node[h].member;
    }
}

static void turn(void)
{
    for (uint32_t i = 0; i < LATE; i++)
        if (late[i].used && now_us >= late[i].at_us) {
            late[i].used = false;
            if (service[late[i].host].owner != OPERATOR) /* it would not know better either */
                land(late[i].disable, late[i].host, late[i].reason);
        }
    observe();
    for (uint32_t i = 0; i < bridge_count; i++) {
        struct bridge *b = &bridges[i];
        struct action_ask ask;
        struct action_event e;
        if (!b->runs)
            continue;
        scan(b);
        for (unsigned n = 0; n < asks && action_core_next(&b->core, now(), &ask); n++) {
            assert_true(action_core_check(&b->core));
            answer(b, &ask);
            assert_true(action_core_check(&b->core));
        }
        while (action_core_event(&b->core, &e))
            assert_true(e.what <= ACTION_WAS_FREED);
    }
}

static void pass(uint64_t us)
{
    for (uint64_t end = now_us + us; now_us < end; now_us += S)
        turn();
}

static void lose(uint32_t h, bool bad)
{
    node[h].member = false;
    node[h].bad = bad;
}

static void regain(uint32_t h)
{
    node[h].member = true;
    node[h].bad = false;
}

/* ---- */

static void a_bad_node_is_disabled_and_enabled_again(void **state)
{
    (void)state;
    world(1, 1);
    pass((WINDOW + 5) * S);
    lose(3, true);
    pass((DELAY - 2) * S);
    assert_true(service[3].enabled);
    pass(20 * S);
    assert_false(service[3].enabled);
    assert_int_equal(disabled_by_us(), 1);
    pass(300 * S);
    assert_int_equal(bridges[0].disables, 1);
    regain(3);
    pass(20 * S);
    assert_true(service[3].enabled);
    assert_int_equal(bridges[0].core.record_count, 0);
    assert_int_equal(bridges[0].disk_count, 0);
}

static void absence_of_evidence_is_never_acted_on(void **state)
{
    (void)state;
    world(2, 1);
    pass((WINDOW + 5) * S);
    lose(3, false); /* expired */
    pass(300 * S);
    lose(4, true); /* said to be bad, which the keeper does not confirm: quarantined, or a check that is only advisory */
    node[4].evidence = false;
    pass(300 * S);
    assert_int_equal(bridges[0].disables, 0);
}

static void a_mass_failure_stops_everything(void **state)
{
    (void)state;
    world(3, 1);
    at_once = 4;
    bridge_kill(0);
    bridge_start(0);
    pass((WINDOW + 5) * S);
    lose(1, true);
    pass(20 * S);
    assert_false(service[1].enabled);
    lose(2, true);
    lose(3, true);
    pass(30 * S);
    assert_true(service[2].enabled && service[3].enabled);
    assert_int_equal(bridges[0].core.hold, ACTION_HOLD_MASS);
    regain(1); /* nor is anything enabled now */
    pass(20 * S);
    assert_false(service[1].enabled);
    pass(300 * S); /* the window is over: those two are bad all the same, and come one by one */
    assert_true(service[1].enabled);
    assert_false(service[2].enabled || service[3].enabled);
}

static void one_node_is_no_mass_failure_and_one_at_a_time(void **state)
{
    (void)state;
    world(4, 1);
    pass((WINDOW + 5) * S);
    lose(1, true);
    pass(2 * WINDOW * S);
    lose(2, true);
    pass(5 * WINDOW * S);
    assert_int_equal(disabled_by_us(), 1);
    assert_int_equal(bridges[0].core.hold, ACTION_HOLD_AT_ONCE);
    regain(1);
    pass(100 * S);
    assert_true(service[1].enabled);
    assert_false(service[2].enabled);
}

static void an_operator_is_never_overruled(void **state)
{
    (void)state;
    world(5, 1);
    pass((WINDOW + 5) * S);
    service[1].enabled = false; /* before anything happened */
    service[1].owner = OPERATOR;
    (void)snprintf(service[1].reason, sizeof service[1].reason, "maintenance");
    lose(1, true);
    pass(200 * S);
    assert_int_equal(bridges[0].disables, 0);
    regain(1);
    pass(200 * S);
    assert_int_equal(bridges[0].enables, 0);
    lose(2, true);
    pass(30 * S);
    assert_false(service[2].enabled);
    service[2].enabled = true; /* taken back */
    service[2].owner = OPERATOR;
    service[2].owner_us = now_us;
    service[2].hands_off = true;
    service[2].reason[0] = '\0';
    pass(200 * S);
    bridge_kill(0);
    bridge_start(0);
    pass(300 * S);
    assert_true(service[2].enabled);
    assert_int_equal(bridges[0].disables, 1);
    regain(2); /* a new loss is a new matter */
    pass(100 * S);
    assert_int_equal(bridges[0].core.record_count, 0);
    lose(2, true);
    pass(100 * S);
    assert_false(service[2].enabled);
    (void)snprintf(service[2].reason, sizeof service[2].reason, "SPICE: gold lost: said [and I agree]");
    service[2].owner = OPERATOR;
    service[2].owner_us = now_us;
    regain(2);
    pass(200 * S);
    assert_false(service[2].enabled); /* not our exact reason any more */
}

static void a_look_does_not_count_for_a_later_write(void **state)
{
    (void)state;
    world(11, 1);
    pass((WINDOW + 5) * S);
    lose(1, true);
    pass(30 * S);
    assert_false(service[1].enabled);
    regain(1);
    asks = 2; /* the look and the disk, and then Nova cannot be asked for a while */
    for (unsigned i = 0; i < 100 && bridges[0].core.records[0].state != ACTION_ENABLING; i++)
        pass(S);
    assert_int_equal(bridges[0].core.records[0].state, ACTION_ENABLING);
    asks = 0;
    pass(2 * S);
    service[1].owner = OPERATOR;
    service[1].owner_us = now_us;
    (void)snprintf(service[1].reason, sizeof service[1].reason, "its disk breaks");
    pass(60 * S);
    asks = 3;
    pass(200 * S);
    assert_false(service[1].enabled);
    assert_int_equal(bridges[0].enables, 0);
}

static void a_second_attempt_needs_its_own_evidence(void **state)
{
    (void)state;
    world(12, 1);
    pass((WINDOW + 5) * S);
    lose(1, true);
    for (unsigned i = 0; i < 100 && bridges[0].core.step != ACTION_AT_WRITE; i++)
        pass(S); /* evidence, services, disk: three requests */
    assert_int_equal(bridges[0].core.step, ACTION_AT_WRITE);
    nova_down = true;
    pass(60 * S);
    assert_int_equal(bridges[0].disables, 1); /* asked for, and nobody knows what became of it */
    node[1].evidence = false;                 /* in the pool it is not, but by an operator's order now */
    nova_down = false;
    pass(300 * S);
    assert_int_equal(bridges[0].disables, 1);
    assert_true(service[1].enabled);
    regain(1);
    pass(30 * S);
    assert_int_equal(bridges[0].core.record_count, 0);
}

static void evidence_does_not_count_for_a_later_write(void **state)
{
    (void)state;
    world(13, 1);
    pass((WINDOW + 5) * S);
    lose(1, true);
    asks = 1; /* the evidence, and then Nova cannot be asked for a while */
    for (unsigned i = 0; i < 100 && bridges[0].core.step != ACTION_AT_SERVICES; i++)
        pass(S);
    assert_int_equal(bridges[0].core.step, ACTION_AT_SERVICES);
    asks = 0;
    pass(60 * S);
    node[1].evidence = false; /* an operator's order meanwhile */
    asks = 3;
    pass(300 * S);
    assert_int_equal(bridges[0].disables, 0);
}

static void records_outlive_a_restart(void **state)
{
    (void)state;
    world(6, 1);
    pass((WINDOW + 5) * S);
    lose(1, true);
    pass(20 * S);
    assert_false(service[1].enabled);
    bridge_kill(0);
    regain(1);
    bridge_start(0);
    pass((WINDOW - 5) * S);
    assert_false(service[1].enabled); /* the first window */
    pass(30 * S);
    assert_true(service[1].enabled);
    lose(1, true);
    pass(120 * S);
    bridge_kill(0);
    bridges[0].disk_count = 0; /* the file is gone: nobody knows that it was us */
    regain(1);
    bridge_start(0);
    pass(300 * S);
    assert_false(service[1].enabled);
}

static void what_cannot_be_recorded_is_not_done(void **state)
{
    (void)state;
    world(7, 1);
    pass((WINDOW + 5) * S);
    disk_percent = 100;
    lose(1, true);
    pass(200 * S);
    assert_int_equal(bridges[0].disables, 0);
    disk_percent = 0;
    pass(100 * S);
    assert_false(service[1].enabled);
}

static void without_a_proof_nothing_is_done(void **state)
{
    (void)state;
    world(8, 1);
    pass((WINDOW + 5) * S);
    lose(1, true);
    pass(2 * S);
    follows = false;
    pass(200 * S);
    assert_int_equal(bridges[0].disables, 0);
}

static void two_bridges_share_the_brake(void **state)
{
    (void)state;
    world(9, 2);
    pass((WINDOW + 5) * S);
    lose(1, true);
    pass(2 * WINDOW * S);
    lose(2, true);
    pass(2 * WINDOW * S);
    assert_int_equal(disabled_by_us(), 1);
    assert_int_equal(bridges[0].disables + bridges[1].disables, 1);
}

static void off_is_off(void **state)
{
    struct action_options o = {.act = false, .at_once = 1, .share_percent = 10};
    struct action_ask ask;
    (void)state;
    world(10, 1);
    bridge_kill(0);
    bridges[0].disk_count = 0;
    assert_true(action_core_init(&bridges[0].core, &o, now()));
    bridges[0].runs = true;
    lose(1, true);
    for (unsigned i = 0; i < 100; i++, now_us += S) {
        scan(&bridges[0]);
        assert_false(action_core_next(&bridges[0].core, now(), &ask));
    }
}

static void shuffle(void)
{
    uint32_t h = (uint32_t)sp_rng_below(&rng, HOSTS), i = (uint32_t)sp_rng_below(&rng, bridge_count);
    switch (sp_rng_below(&rng, 16)) {
    case 0:
        if (bridges[i].runs)
            bridge_kill(i);
        bridge_start(i);
        break;
    case 1:
        follows = !follows;
        break;
    case 2:
    case 3:
        if (service[h].owner == SPICE || chance(10))
            operator_acts(h);
        break;
    case 4:
        for (uint32_t n = 0; n < 3; n++)
            lose((uint32_t)sp_rng_below(&rng, HOSTS), chance(70));
        break;
    case 5:
        lose(h, chance(80));
        break;
    default:
        regain(h);
        break;
    }
    follows = follows || chance(50);
    asks = chance(15) ? 0 : 1 + (unsigned)sp_rng_below(&rng, 4);
    pass((1 + sp_rng_below(&rng, 40)) * S);
}

static void settle(void)
{
    fail_percent = disk_percent = 0;
    asks = 3;
    follows = true;
    for (uint32_t i = 0; i < bridge_count; i++)
        if (!bridges[i].runs)
            bridge_start(i);
    for (uint32_t h = 0; h < HOSTS; h++)
        regain(h);
    pass(10 * WINDOW * S);
    for (uint32_t h = 0; h < HOSTS; h++)
        assert_true(service[h].enabled || service[h].owner == OPERATOR);
    for (uint32_t i = 0; i < bridge_count; i++)
        assert_int_equal(bridges[i].core.record_count, 0);
}

static void random_worlds(void **state)
{
    uint32_t disables = 0, enables = 0;
    (void)state;
    for (uint64_t seed = 100; seed < 160; seed++) {
        world(seed, 1); /* two at once are only as exact as the time between their looks and writes */
        fail_percent = (unsigned)(seed % 4) * 15;
        disk_percent = (unsigned)(seed % 3) * 20;
        for (unsigned i = 0; i < 250; i++)
            shuffle();
        settle();
        disables += bridges[0].disables;
        enables += bridges[0].enables;
        (void)done(NULL);
    }
    assert_true(disables > 200 && enables > 50);
    print_message("%u disabled, %u enabled\n", disables, enables);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_bad_node_is_disabled_and_enabled_again, done),
        cmocka_unit_test_teardown(absence_of_evidence_is_never_acted_on, done),
        cmocka_unit_test_teardown(a_mass_failure_stops_everything, done),
        cmocka_unit_test_teardown(one_node_is_no_mass_failure_and_one_at_a_time, done),
        cmocka_unit_test_teardown(an_operator_is_never_overruled, done),
        cmocka_unit_test_teardown(a_look_does_not_count_for_a_later_write, done),
        cmocka_unit_test_teardown(a_second_attempt_needs_its_own_evidence, done),
        cmocka_unit_test_teardown(evidence_does_not_count_for_a_later_write, done),
        cmocka_unit_test_teardown(records_outlive_a_restart, done),
        cmocka_unit_test_teardown(what_cannot_be_recorded_is_not_done, done),
        cmocka_unit_test_teardown(without_a_proof_nothing_is_done, done),
        cmocka_unit_test_teardown(two_bridges_share_the_brake, done),
        cmocka_unit_test_teardown(off_is_off, done),
        cmocka_unit_test_teardown(random_worlds, done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
