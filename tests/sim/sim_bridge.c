/* SPDX-License-Identifier: Apache-2.0 */
/* A hostile bridge: it has its right key and says of the nodes of the cloud whatever it likes. Its road to the keeper is not simulated: what it says
 * comes at once and whole, which is the most it can hope for. In every third seed, with its own source of chance, so that the others stay as
 * they were. SI-10: no report makes a node a member, or one for longer; and no node is a member under a key and name that no operator released. */
#include "sim_bridge.h"

#include <stdio.h>

#define FIRST_OF_CLOUD 5u /* nodes before it are a file's */

bool sim_bridge_has(const struct sim *s, uint32_t node)
{
    return s->seed % 3 == 0 && node >= FIRST_OF_CLOUD;
}

void sim_bridge_start(struct sim *s)
{
    struct inventory_options o = {
        .mode = INVENTORY_DISCOVER, .misses = 2, .missing_ms = 3000, .brake_percent = 100, .rows_max = 64};
    inventory_fini(&s->inventory);
    inventory_init(&s->inventory, &o);
    for (uint32_t n = 1; n <= SIM_NODES; n++)
        SIM_REQUIRE(s, s->store.cause[n] == 0 || inventory_restore(&s->inventory, n, s->store.cause[n]), "no memory");
}

void sim_bridge_stop(struct sim *s)
{
    inventory_fini(&s->inventory);
}

/* An operator has put the node in service as it is: so he vouches for key and name together. */
void sim_bridge_released(struct sim *s, uint32_t node)
{
    const struct node_row *row = node_registry_at(keeper_core_nodes(s->keeper), node);
    inventory_forget(&s->inventory, node);
    s->store.cause[node] = 0;
    if (row->state != SP_NODE_STATE_IN_SERVICE)
        return;
    memcpy(s->released_key[node], row->key, 16);
    (void)snprintf(s->released_name[node], sizeof s->released_name[node], "%s", row->name);
}

void sim_bridge_check(struct sim *s, const struct node_row *row)
{
    if (!sim_bridge_has(s, row->id))
        return;
    bool same = memcmp(s->released_key[row->id], row->key, 16) == 0 && strcmp(s->released_name[row->id], row->name) == 0;
    SIM_REQUIRE(s, same, "SI-10: node %u is a member as %s, and was released as %s", row->id, row->name, s->released_name[row->id]);
}

/* ---- what it says ---- */

static uint64_t below(struct sim *s, uint64_t limit)
{
    return sp_rng_below(&s->bridge_rng, limit);
}

static uint32_t say(struct sim *s, uint8_t *to, size_t size)
{
    static const char *const words[] = {"node-5", "node-6", "node-7", "node-1", "other", "two words"};
    struct msg_inventory_report m = {.boot = 1, .snapshot = ++s->bridge_snapshot, .last = true};
    const struct node_row *rows[SIM_NODES];
    const char *names[SIM_NODES];
    bool honest = below(s, 2) == 0;
    struct sp_packer w;
    for (uint32_t n = 1; n <= SIM_NODES; n++) { /* their keys rise with their numbers */
        const struct node_row *row = node_registry_at(keeper_core_nodes(s->keeper), n);
        if (!honest && below(s, 3) == 0)
            continue;
        names[m.total] = honest || below(s, 2) == 0 ? row->name : words[below(s, SP_COUNT(words))];
        rows[m.total++] = row;
    }
    sp_packer_init(&w, to, size);
    SIM_REQUIRE(s, msg_inventory_report_begin(&w, &m) == SP_OK, "a report does not fit");
    for (uint32_t i = 0; i < m.total; i++) {
        static const uint8_t service[16];
        struct rec_inventory_node node = {.key = rows[i]->key, .service = service, .name = sp_str_of(names[i])};
        SIM_REQUIRE(s, rec_inventory_node_put(&w, &node) == SP_OK, "a report does not fit");
    }
    SIM_REQUIRE(s, msg_inventory_report_end(&w) == SP_OK, "a report does not fit");
    return (uint32_t)sp_packer_bytes(&w);
}

/* As the shell does it: durable, then the core. */
static void apply(struct sim *s, const struct inventory_act *a)
{
    struct sim_store *st = &s->store;
    SIM_REQUIRE(s, a->node != NODE_ID_NONE && sim_bridge_has(s, a->node), "SI-10: an act about node %u, which is not the cloud's",
                a->node);
    struct keeper_event e = sim_keeper_event(s, a->kind == INVENTORY_RENAME ? KEEPER_EV_NODE_RENAME : KEEPER_EV_NODE_STATE);
    SIM_REQUIRE(s, a->kind != INVENTORY_PUT, "SI-12: a node gets another key although all keys are known");
    st->state[a->node] = a->state;
    st->cause[a->node] = a->cause;
    (void)snprintf(st->name[a->node], sizeof st->name[a->node], "%s", a->name);
    if (a->kind == INVENTORY_RENAME) {
        e.u.rename.id = a->node;
        e.u.rename.state = a->state;
        e.u.rename.name = sp_str_of(a->name);
    } else {
        e.u.state.id = a->node;
        e.u.state.state = a->state;
    }
    sim_keeper_step(s, &e);
    const struct node_row *row = node_registry_at(keeper_core_nodes(s->keeper), a->node);
    SIM_REQUIRE(s, a->kind != INVENTORY_RENAME || row->generation > st->generation[a->node],
                "SI-12: another name and the same generation");
    st->generation[a->node] = row->generation;
    st->version[a->node] = row->version;
    inventory_done(&s->inventory, a, a->node, sp_mono_ms(e.now.mono));
}

void sim_bridge_act(struct sim *s)
{
    static struct inventory_act acts[INVENTORY_ACTS_MAX];
    struct keeper_view before[SIM_NODES + 1][SIM_POOLS], v;
    struct msg_inventory_report m;
    uint8_t body[4096];
    uint64_t now_ms = sp_mono_ms(sim_clock(s, SIM_KEEPER).mono);
    struct node_registry *nodes = keeper_core_nodes(s->keeper);
    if (!sim_bridge_has(s, SIM_NODES) || s->stop_faults || s->store.full || s->commit_planned || below(s, 20) != 0)
        return;
    SIM_REQUIRE(s, msg_inventory_report_decode(body, say(s, body, sizeof body), &m) == SP_OK, "a report does not decode");
    for (uint32_t n = 1; n <= SIM_NODES; n++)
        for (uint32_t p = 0; p < SIM_POOLS; p++)
            keeper_core_view(s->keeper, node_registry_at(nodes, n), p, now_ms, &before[n][p]);
    nodes->rows_max = SIM_NODES; /* no more nodes than the simulation has */
    if (inventory_part(&s->inventory, nodes, now_ms, sp_str_of("bridge-1"), &m) != INVENTORY_WHOLE)
        return;
    for (uint32_t n; (n = inventory_next(&s->inventory, nodes, acts)) > 0;)
        for (uint32_t i = 0; i < n; i++)
            apply(s, &acts[i]);
    for (uint32_t n = 1; n <= SIM_NODES; n++)
        for (uint32_t p = 0; p < SIM_POOLS; p++) {
            keeper_core_view(s->keeper, node_registry_at(nodes, n), p, now_ms, &v);
            SIM_REQUIRE(s, !v.member || (before[n][p].member && v.until_ms <= before[n][p].until_ms),
                        "SI-10: a report of a bridge makes node %u a member of pool %u, or for longer", n, p);
        }
}
