/* SPDX-License-Identifier: Apache-2.0 */
/* Actions of an honest bridge beside reader-1: the compute service of a node that lost the pool by bad evidence is disabled, and enabled when
 * the node is back. In every third seed, with its own source of chance. Nova is a table here; writes are lost or come through without an answer,
 * operators change services, the bridge's disk takes nothing, the bridge dies. SI-9: whatever it does, no state and no lifetime of keeper
 * or reader is another one afterwards; and the brake holds by a naive account of what the bridge has seen. */
#include "sim_action.h"

#include <stdio.h>
#include <stdlib.h>

#include "action_core.h"

#define TURN_US   500000u
#define WINDOW_MS 4000u
#define AT_ONCE   2u
#define SHARE     30u
#define POOL      0u

struct sim_action {
    struct sp_rng rng;
    struct action_core core;
    bool runs;
    uint64_t life, next_us;     /* of the reader's process; true time of the next turn */
    uint64_t start_us, scan_us; /* own clock */
    struct action_record disk[ACTION_RECORDS_MAX];
    uint32_t disk_count;
    struct {
        bool disabled, ours;
        char reason[ACTION_REASON_BYTES];
    } service[SIM_NODES + 1];
    bool member[SIM_NODES + 1], bad[SIM_NODES + 1]; /* as last scanned; as the keeper last said */
    uint64_t lost_us[SIM_NODES + 1];
};

/* What must not change. */
struct states {
    struct keeper_view keeper[SIM_NODES + 1];
    struct reader_answer reader[SIM_READERS][SIM_NODES + 1];
};

static bool chance(struct sim_action *a, unsigned per_1000)
{
    return sp_rng_below(&a->rng, 1000) < per_1000;
}

static struct sp_mono own_clock(const struct sim *s)
{
    return sim_clock(s, SIM_READER).mono;
}

static const char *pool_name(void)
{
    return "trusted";
}

static uint32_t node_of(const char *name)
{
    return (uint32_t)strtoul(name + strlen("node-"), NULL, 10);
}

static struct reader_answer ask_reader(const struct sim *s, uint32_t reader, uint32_t node)
{
    char name[16];
    struct reader_answer answer = {0};
    (void)snprintf(name, sizeof name, "node-%u", node);
    if (s->process[SIM_READER + reader].alive)
        reader_core_lookup(&s->reader[reader], sim_clock(s, SIM_READER + reader).mono, sp_str_of(name), NULL,
                           sp_str_of(pool_name()), &answer);
    return answer;
}

static struct keeper_view ask_keeper(const struct sim *s, uint32_t node)
{
    struct keeper_view view = {0};
    if (s->process[SIM_KEEPER].alive)
        keeper_core_view(s->keeper, node_registry_at(keeper_core_nodes(s->keeper), node), POOL,
                         sp_mono_ms(sim_clock(s, SIM_KEEPER).mono), &view);
    return view;
}

static void take_states(const struct sim *s, struct states *out)
{
    for (uint32_t n = 1; n <= SIM_NODES; n++) {
        out->keeper[n] = ask_keeper(s, n);
        for (uint32_t i = 0; i < SIM_READERS; i++)
            out->reader[i][n] = ask_reader(s, i, n);
    }
}

static void check_states(const struct sim *s, const struct states *before)
{
    struct states after;
    take_states(s, &after);
    for (uint32_t n = 1; n <= SIM_NODES; n++) {
        const struct keeper_view *k = &before->keeper[n], *l = &after.keeper[n];
        SIM_REQUIRE(s, k->member == l->member && k->until_ms == l->until_ms,
                    "SI-9: an action changed what the keeper says of node-%u", n);
        for (uint32_t i = 0; i < SIM_READERS; i++) {
            const struct reader_answer *r = &before->reader[i][n], *q = &after.reader[i][n];
            SIM_REQUIRE(s, r->member == q->member && r->remaining_ms == q->remaining_ms,
                        "SI-9: an action changed what reader-%u says of node-%u", i + 1, n);
        }
    }
}

/* ---- the bridge ---- */

static void begin(struct sim *s, struct sim_action *a)
{
    struct action_options o = {.seed = sp_rng_next(&a->rng),
                               .act = true,
                               .at_once = AT_ONCE,
                               .share_percent = SHARE,
                               .window_ms = WINDOW_MS,
                               .delay_ms = 500,
                               .interval_ms = 1000};
    SIM_REQUIRE(s, action_core_init(&a->core, &o, own_clock(s)), "no memory");
    for (uint32_t i = 0; i < a->disk_count; i++)
        SIM_REQUIRE(s, action_core_load(&a->core, &a->disk[i]), "records of the bridge's own do not load");
    a->runs = true;
    a->life = s->process[SIM_READER].life;
    a->start_us = own_clock(s).us;
    a->scan_us = 0;
    for (uint32_t n = 1; n <= SIM_NODES; n++) {
        a->member[n] = true;
        a->lost_us[n] = 0;
    }
}

static void end(struct sim_action *a)
{
    if (a->runs)
        action_core_fini(&a->core);
    a->runs = false;
}

static void look(void *self, const char *name, const char *pool, struct exposure_trust *out)
{
    (void)pool;
    *out = (struct exposure_trust){.member = ask_reader(self, 0, node_of(name)).member, .why = ""};
}

static void scan(struct sim *s, struct sim_action *a)
{
    struct sp_mono now = own_clock(s);
    if (!reader_core_fresh(&s->reader[0], now)) {
        action_core_doubt(&a->core);
        return;
    }
    action_core_begin(&a->core);
    for (uint32_t n = 1; n <= SIM_NODES; n++) {
        char name[16];
        uint8_t key[16] = {(uint8_t)n};
        struct reader_answer answer = ask_reader(s, 0, n);
        (void)snprintf(name, sizeof name, "node-%u", n);
        action_core_node(&a->core, now, key, pool_name(), answer.member);
        if (a->member[n] && !answer.member)
            a->lost_us[n] = now.us;
        a->member[n] = answer.member;
        if (!answer.member && answer.tier == SP_TIER_FAIL)
            action_core_want(&a->core, now, &(struct action_fact){.host = name, .node = name, .pool = pool_name()});
    }
    a->scan_us = now.us;
    action_core_end(&a->core, now, look, s);
}

static bool is_mass(const struct sim *s, const struct sim_action *a)
{
    uint32_t lost = 0;
    for (uint32_t n = 1; n <= SIM_NODES; n++)
        lost += a->lost_us[n] != 0 && own_clock(s).us < a->lost_us[n] + WINDOW_MS * SP_US_PER_MS;
    return lost >= 2 && lost * 100 > SIM_NODES * SHARE;
}

static bool on_disk(const struct sim_action *a, const struct action_record *r)
{
    for (uint32_t i = 0; i < a->disk_count; i++)
        if (strcmp(a->disk[i].host, r->host) == 0 && a->disk[i].state == r->state && strcmp(a->disk[i].reason, r->reason) == 0)
            return true;
    return false;
}

static uint32_t disabled_by_us(const struct sim_action *a)
{
    uint32_t count = 0;
    for (uint32_t n = 1; n <= SIM_NODES; n++)
        count += a->service[n].disabled && a->service[n].ours;
    return count;
}

static void check_write(const struct sim *s, const struct sim_action *a, const struct action_ask *ask)
{
    uint32_t n = node_of(ask->record->host);
    uint64_t now_us = own_clock(s).us;
    SIM_REQUIRE(s, !is_mass(s, a), "SI-9: the bridge writes about node-%u in a mass failure", n);
    SIM_REQUIRE(s, now_us >= a->start_us + WINDOW_MS * SP_US_PER_MS, "SI-9: the bridge writes about node-%u right after its start",
                n);
    SIM_REQUIRE(s, now_us <= a->scan_us + ACTION_FRESH_MS * SP_US_PER_MS,
                "SI-9: the bridge writes about node-%u by an old look at the pool", n);
    SIM_REQUIRE(s, on_disk(a, ask->record), "SI-9: the bridge writes about node-%u what is not on its disk", n);
    if (ask->kind == ACTION_ASK_DISABLE) {
        SIM_REQUIRE(s, !a->member[n] && a->bad[n], "SI-9: the service of node-%u is disabled without bad evidence", n);
        SIM_REQUIRE(s, a->service[n].ours || disabled_by_us(a) < AT_ONCE,
                    "SI-9: the service of node-%u is disabled beyond the number at once", n);
    } else {
        SIM_REQUIRE(s, a->member[n], "SI-9: the service of node-%u is enabled although the node is not a member", n);
    }
}

static enum action_result write_nova(struct sim *s, struct sim_action *a, const struct action_ask *ask)
{
    uint32_t n = node_of(ask->record->host);
    check_write(s, a, ask);
    if (chance(a, 100))
        return chance(a, 500) ? ACTION_NO : ACTION_FAILED;
    a->service[n].disabled = a->service[n].ours = ask->kind == ACTION_ASK_DISABLE;
    (void)snprintf(a->service[n].reason, ACTION_REASON_BYTES, "%s", a->service[n].disabled ? ask->record->reason : "");
    return chance(a, 100) ? ACTION_FAILED : ACTION_DONE; /* the answer is lost */
}

static enum action_result write_disk(struct sim_action *a)
{
    if (chance(a, 50))
        return ACTION_NO;
    memcpy(a->disk, a->core.records, sizeof a->disk);
    a->disk_count = a->core.record_count;
    return ACTION_DONE;
}

static void answer(struct sim *s, struct sim_action *a, const struct action_ask *ask)
{
    struct sp_mono now = own_clock(s);
    struct keeper_view view;
    switch (ask->kind) {
    case ACTION_ASK_STORE:
        action_core_done(&a->core, now, ask->kind, write_disk(a));
        break;
    case ACTION_ASK_EVIDENCE:
        if (!s->process[SIM_KEEPER].alive || s->process[SIM_KEEPER].cut) {
            action_core_done(&a->core, now, ask->kind, ACTION_FAILED);
            break;
        }
        view = ask_keeper(s, node_of(ask->node));
        a->bad[node_of(ask->node)] = !view.member && view.verdict.tier == SP_TIER_FAIL;
        action_core_evidence(&a->core, now, a->bad[node_of(ask->node)], "said");
        break;
    case ACTION_ASK_SERVICES:
        for (uint32_t n = 1; n <= SIM_NODES; n++) {
            char id[ACTION_ID_BYTES], host[16];
            (void)snprintf(id, sizeof id, "00000000-0000-4000-8000-%012u", n);
            (void)snprintf(host, sizeof host, "node-%u", n);
            action_core_service(&a->core, id, host, !a->service[n].disabled, a->service[n].reason);
        }
        action_core_done(&a->core, now, ask->kind, chance(a, 50) ? ACTION_FAILED : ACTION_DONE);
        break;
    case ACTION_ASK_DISABLE:
    case ACTION_ASK_ENABLE:
        action_core_done(&a->core, now, ask->kind, write_nova(s, a, ask));
        break;
    }
}

static void operator_acts(struct sim_action *a)
{
    uint32_t n = 1 + (uint32_t)sp_rng_below(&a->rng, SIM_NODES);
    a->service[n].disabled = !a->service[n].disabled;
    a->service[n].ours = false;
    (void)snprintf(a->service[n].reason, ACTION_REASON_BYTES, "%s", a->service[n].disabled ? "maintenance" : "");
}

/* ---- */

void sim_action_init(struct sim *s)
{
    if (s->seed % 3 != 1)
        return;
    s->action = calloc(1, sizeof *s->action);
    SIM_REQUIRE(s, s->action != NULL, "no memory");
    s->action->rng.state = s->seed * 0xd1342543de82ef95ull + 3;
}

void sim_action_fini(struct sim *s)
{
    if (s->action != NULL)
        end(s->action);
    free(s->action);
    s->action = NULL;
}

void sim_action_turn(struct sim *s)
{
    struct sim_action *a = s->action;
    const struct sim_process *p = &s->process[SIM_READER];
    struct action_event event;
    struct action_ask ask;
    struct states before;
    if (a == NULL || s->now_us < a->next_us || p->frozen)
        return;
    a->next_us = s->now_us + TURN_US;
    if (a->runs && (!p->alive || a->life != p->life || (!s->stop_faults && chance(a, 3))))
        end(a);
    if (!a->runs && p->alive)
        begin(s, a);
    if (!a->runs)
        return;
    if (!s->stop_faults && chance(a, 10))
        operator_acts(a);
    take_states(s, &before);
    scan(s, a);
    for (uint32_t rounds = 0; action_core_next(&a->core, own_clock(s), &ask); rounds++) {
        SIM_REQUIRE(s, rounds < 64, "the bridge's actions do not come to an end");
        answer(s, a, &ask);
    }
    while (action_core_event(&a->core, &event))
        s->actions += event.what == ACTION_WAS_DISABLED || event.what == ACTION_WAS_ENABLED;
    SIM_REQUIRE(s, action_core_check(&a->core), "invariants of the bridge's actions");
    check_states(s, &before);
}
