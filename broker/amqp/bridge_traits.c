/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge_traits.h"

#include "bridge_method.h"
#include "sp_clock.h"

#define ROWS_MAX 100000u /* of one answer */

struct look {
    struct bridge *b;
    struct trait_core *core;
    struct sp_mono now;
    const char *pool, *node;
    json_t *list;
    bool cut;
};

static json_t *pools_of(const struct trait_core *c, uint32_t name)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < c->pool_count; i++)
        if ((c->names[name].pools >> i & 1) != 0)
            (void)json_array_append_new(list, json_string(c->pools[i].pool));
    return list;
}

static bool is_of_pool(const struct look *l, uint32_t name)
{
    bool found = l->pool[0] == '\0';
    for (uint32_t i = 0; i < l->core->pool_count && !found; i++)
        found = (l->core->names[name].pools >> i & 1) != 0 && strcmp(l->core->pools[i].pool, l->pool) == 0;
    return found;
}

static uint64_t left_ms(const struct look *l, uint64_t until_us)
{
    return until_us > l->now.us ? (until_us - l->now.us) / SP_US_PER_MS : 0;
}

/* One line for a person: why it is not simply on. */
static const char *why(const struct look *l, uint32_t name, const struct trait_lease *lease)
{
    const struct trait_core *c = l->core;
    switch (lease->state) {
    case TRAIT_IS_ON:
        return lease->unsure ? "the last request to placement had no clear answer" : "";
    case TRAIT_COMES:
        return "a member: it is put on";
    case TRAIT_GOES:
        return "nothing backs it: it is taken off";
    case TRAIT_HELD:
        return "on since before the start; the pool is not known yet";
    case TRAIT_IS_OFF:
        break;
    }
    if (c->names[name].pools == 0)
        return "no pool feeds this trait";
    if (lease->node == TRAIT_NONE)
        return "no such node in a pool of this trait";
    if (l->now.us >= c->proof_us || !c->following)
        return "the pool is not proven now";
    if (lease->until_us == 0)
        return "not a member of each pool of this trait";
    return c->names[name].refused ? "placement refuses the trait's name" : "placement does not have the trait yet";
}

static void row(struct look *l, const char *node, const uint8_t *uuid, uint32_t name, const struct trait_lease *lease)
{
    if (json_array_size(l->list) == ROWS_MAX) {
        l->cut = true;
        return;
    }
    bool placed = uuid != NULL;
    const char *state = placed ? trait_core_state_text(lease->state) : "no_provider",
               *text = placed ? why(l, name, lease) : "placement lists no provider of this node";
    (void)json_array_append_new(l->list,
                                json_pack("{s:s, s:o, s:s, s:o, s:s, s:b, s:I, s:s}", "node", node, "provider",
                                          placed ? bridge_method_key(uuid) : json_null(), "trait", l->core->names[name].name,
                                          "pools", pools_of(l->core, name), "state", state, "unsure", placed && lease->unsure,
                                          "remaining_ms", (json_int_t)left_ms(l, lease->until_us), "why", text));
}

static void rows_of_providers(struct look *l)
{
    for (uint32_t i = 0; i < l->core->provider_count; i++) {
        const struct trait_provider *p = &l->core->providers[i];
        if (!p->known)
            continue;
        for (uint32_t t = 0; t < l->core->name_count; t++) {
            struct trait_lease lease;
            trait_core_lease(l->core, l->now, i, t, &lease);
            const char *node = lease.node != TRAIT_NONE ? l->core->nodes[lease.node].name : p->name;
            bool asked = is_of_pool(l, t) && (l->node[0] == '\0' || strcmp(l->node, node) == 0 || strcmp(l->node, p->name) == 0);
            if (asked && (l->core->names[t].pools != 0 || lease.state != TRAIT_IS_OFF))
                row(l, node, p->uuid, t, &lease);
        }
    }
}

/* Nodes that placement has no provider of: nothing can be put on there. */
static void rows_of_nodes(struct look *l)
{
    static const struct trait_lease none = {.node = TRAIT_NONE};
    for (uint32_t i = 0; i < l->core->node_count; i++) {
        const struct trait_node *n = &l->core->nodes[i];
        if ((l->node[0] != '\0' && strcmp(l->node, n->name) != 0) || trait_core_provider_of(l->core, i) != TRAIT_NONE)
            continue;
        for (uint32_t t = 0; t < l->core->name_count; t++)
            if (l->core->names[t].pools != 0 && is_of_pool(l, t))
                row(l, n->name, NULL, t, &none);
    }
}

json_t *bridge_traits_view(struct bridge *b, const char *pool, const char *node)
{
    struct look l = {b, &b->place->core, sp_clock_read().mono, pool, node, json_array(), false};
    const struct trait_core *c = l.core;
    rows_of_providers(&l);
    rows_of_nodes(&l);
    return json_pack("{s:s, s:b, s:b, s:b, s:b, s:b, s:I, s:I, s:I, s:o}", "bridge", b->name, "following", c->following,
                     "pools_known", c->pools_known, "reconciled", c->counters.rounds > 0, "failing",
                     c->failures >= TRAIT_BREAK_AFTER, "cut", l.cut, "proof_remaining_ms", (json_int_t)left_ms(&l, c->proof_us),
                     "providers", (json_int_t)c->provider_count, "waiting", (json_int_t)(c->queued[0] + c->queued[1]), "entries",
                     l.list);
}
