/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of trait_core: names, nodes, providers, who belongs to whom, and which of them want a request. */
#include <stdlib.h>
#include <string.h>

#include "sp_assert.h"
#include "sp_hash.h"
#include "trait_parts.h"

#define ROWS_FIRST 64u

/* ---- names and pools ---- */

bool trait_core_is_name(struct sp_str name)
{
    static const char prefix[] = "CUSTOM_";
    if (name.n < sizeof prefix || name.n >= TRAIT_NAME_BYTES || memcmp(name.p, prefix, sizeof prefix - 1) != 0)
        return false;
    for (uint32_t i = 0; i < name.n; i++) {
        char x = name.p[i];
        if (!((x >= 'A' && x <= 'Z') || (x >= '0' && x <= '9') || x == '_'))
            return false;
    }
    return true;
}

uint32_t trait_core_name(const struct trait_core *c, struct sp_str name)
{
    for (uint32_t i = 0; i < c->name_count; i++)
        if (sp_str_is(name, c->names[i].name))
            return i;
    return TRAIT_NONE;
}

static uint32_t name_add(struct trait_core *c, struct sp_mono now, struct sp_str name)
{
    uint32_t i = trait_core_name(c, name);
    if (i != TRAIT_NONE || !trait_core_is_name(name) || c->name_count == TRAIT_NAMES_MAX)
        return i;
    i = c->name_count++;
    memset(&c->names[i], 0, sizeof c->names[i]);
    (void)sp_str_copy(c->names[i].name, sizeof c->names[i].name, name);
    c->names[i].due_us = now.us;
    trait_core_look(c, now);
    return i;
}

bool trait_core_own(struct trait_core *c, struct sp_mono now, struct sp_str name)
{
    return name_add(c, now, name) != TRAIT_NONE;
}

bool trait_core_pools(struct trait_core *c, struct sp_mono now, const struct trait_pool *pools, uint32_t count)
{
    uint64_t short_of = 0; /* traits with a pool that cannot be watched: on nowhere, as if it had no members */
    bool fits = true;
    c->pool_count = 0;
    for (uint32_t t = 0; t < c->name_count; t++)
        c->names[t].pools = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t t = name_add(c, now, sp_str_of(pools[i].trait));
        if (t == TRAIT_NONE || c->pool_count == TRAIT_POOLS_MAX) {
            fits = false;
            short_of |= t != TRAIT_NONE ? BIT(t) : 0;
            continue;
        }
        c->names[t].pools |= 1u << c->pool_count;
        c->pools[c->pool_count++] = pools[i];
    }
    for (uint32_t t = 0; t < c->name_count; t++)
        c->names[t].pools = (short_of & BIT(t)) != 0 ? 0 : c->names[t].pools;
    c->pools_known = true;
    trait_core_forget(c);
    return fits;
}

/* ---- nodes ---- */

static uint64_t hash(const struct trait_core *c, const void *p, size_t n)
{
    uint64_t h = sp_hash_sip(c->options.hash_key, p, n);
    return h == UINT64_MAX ? 0 : h;
}

static uint32_t node_by_key(const struct trait_core *c, const uint8_t key[16])
{
    uint32_t i = sp_map_get(&c->node_by_key, hash(c, key, 16));
    return i != SP_MAP_NONE && memcmp(c->nodes[i].key, key, 16) == 0 ? i : TRAIT_NONE;
}

static uint32_t node_by_name(const struct trait_core *c, const char *name)
{
    uint32_t i = sp_map_get(&c->node_by_name, hash(c, name, strlen(name)));
    return i != SP_MAP_NONE && strcmp(c->nodes[i].name, name) == 0 ? i : TRAIT_NONE;
}

static uint32_t provider_by_uuid(const struct trait_core *c, const uint8_t uuid[16])
{
    uint32_t i = sp_map_get(&c->provider_by_uuid, hash(c, uuid, 16));
    return i != SP_MAP_NONE && memcmp(c->providers[i].uuid, uuid, 16) == 0 ? i : TRAIT_NONE;
}

static uint32_t provider_by_name(const struct trait_core *c, const char *name)
{
    uint32_t i = sp_map_get(&c->provider_by_name, hash(c, name, strlen(name)));
    return i != SP_MAP_NONE && strcmp(c->providers[i].name, name) == 0 ? i : TRAIT_NONE;
}

void trait_core_forget(struct trait_core *c)
{
    c->node_count = 0;
    c->serial++;
    sp_map_fini(&c->node_by_key);
    sp_map_fini(&c->node_by_name);
}

static bool rows_grow(void **rows, uint32_t *size, uint32_t max, size_t each)
{
    uint32_t more = *size == 0 ? ROWS_FIRST : *size * 2;
    more = more > max ? max : more;
    void *grown = more > *size ? realloc(*rows, more * each) : NULL;
    if (grown == NULL)
        return false;
    *rows = grown;
    *size = more;
    return true;
}

static uint32_t node_add(struct trait_core *c, const uint8_t key[16])
{
    uint64_t h = hash(c, key, 16);
    if (sp_map_get(&c->node_by_key, h) != SP_MAP_NONE ||
        (c->node_count == c->node_size && !rows_grow((void **)&c->nodes, &c->node_size, c->options.rows_max, sizeof c->nodes[0])) ||
        !sp_map_put(&c->node_by_key, h, c->node_count))
        return TRAIT_NONE;
    struct trait_node *n = &c->nodes[c->node_count];
    memset(n, 0, sizeof *n);
    memcpy(n->key, key, 16);
    c->serial++;
    return c->node_count++;
}

/* A name belongs to the node that was told with it last; one that left the pool takes it from nobody. */
static void node_name(struct trait_core *c, uint32_t i, const char *name, bool member)
{
    struct trait_node *n = &c->nodes[i];
    uint32_t owner = node_by_name(c, name);
    if (owner == i && strcmp(n->name, name) == 0)
        return;
    if (n->name[0] != '\0' && strcmp(n->name, name) != 0 && node_by_name(c, n->name) == i)
        sp_map_remove(&c->node_by_name, hash(c, n->name, strlen(n->name)));
    (void)sp_str_copy(n->name, sizeof n->name, sp_str_of(name));
    if (owner == TRAIT_NONE || member)
        (void)sp_map_put(&c->node_by_name, hash(c, name, strlen(name)), i);
    c->serial++;
}

bool trait_core_node(struct trait_core *c, struct sp_mono now, const struct trait_node_id *id, const char *pool, uint64_t until_us)
{
    uint32_t at = 0, i = node_by_key(c, id->key);
    while (at < c->pool_count && strcmp(c->pools[at].pool, pool) != 0)
        at++;
    if (at == c->pool_count)
        return true; /* feeds no trait */
    if (i == TRAIT_NONE)
        i = node_add(c, id->key);
    if (i == TRAIT_NONE) {
        c->counters.dropped++;
        return false;
    }
    node_name(c, i, id->name, until_us > now.us);
    c->serial += c->nodes[i].named != id->named;
    c->nodes[i].named = id->named;
    c->nodes[i].until_us[at] = until_us;
    uint32_t by_key = provider_by_uuid(c, id->key), by_name = provider_by_name(c, id->name);
    if (by_key != TRAIT_NONE)
        trait_look_at(c, now, by_key);
    if (by_name != TRAIT_NONE && by_name != by_key)
        trait_look_at(c, now, by_name);
    return true;
}

void trait_core_proof(struct trait_core *c, bool following, uint64_t until_us)
{
    c->following = following;
    c->followed_once = c->followed_once || following;
    c->proof_us = until_us;
}

/* ---- providers ---- */

/* By key. By name only a node that was registered without a key, as the filter in nova-scheduler does: one with a key belongs to
 * another provider, whatever that is called. */
static uint32_t node_of(struct trait_core *c, struct trait_provider *p)
{
    if (p->serial == c->serial)
        return p->node;
    p->node = node_by_key(c, p->uuid);
    if (p->node == TRAIT_NONE) {
        p->node = node_by_name(c, p->name);
        if (p->node != TRAIT_NONE && !c->nodes[p->node].named)
            p->node = TRAIT_NONE;
    }
    p->serial = c->serial;
    return p->node;
}

/* The start: nobody knows yet who is in, and what is on may be right. */
static bool is_held(const struct trait_core *c, struct sp_mono now)
{
    return !(c->pools_known && c->followed_once) && now.us < c->start_us + c->options.start_ms * SP_US_PER_MS;
}

uint64_t trait_core_target(struct trait_core *c, struct sp_mono now, uint32_t provider)
{
    struct trait_provider *p = &c->providers[provider];
    uint32_t n = node_of(c, p), in = 0;
    uint64_t target = 0;
    if (is_held(c, now))
        return p->has;
    if (n == TRAIT_NONE || now.us >= c->proof_us)
        return 0;
    for (uint32_t i = 0; i < c->pool_count; i++)
        in |= (uint32_t)(c->nodes[n].until_us[i] > now.us) << i;
    for (uint32_t t = 0; t < c->name_count; t++) {
        const struct trait_name *x = &c->names[t];
        bool on = x->pools != 0 && (in & x->pools) == x->pools;
        if (on && ((p->has & BIT(t)) != 0 || (c->following && x->created)))
            target |= BIT(t);
    }
    return target;
}

/* ---- what is to be seen ---- */

/* The end of a membership in every pool of the trait, or of the proof, whichever is first. */
static uint64_t backed_until(const struct trait_core *c, struct sp_mono now, uint32_t node, const struct trait_name *x)
{
    uint64_t until = node != TRAIT_NONE && x->pools != 0 ? c->proof_us : 0;
    for (uint32_t i = 0; i < c->pool_count && until != 0; i++)
        if ((x->pools >> i & 1) != 0 && c->nodes[node].until_us[i] < until)
            until = c->nodes[node].until_us[i];
    return until > now.us ? until : 0;
}

void trait_core_lease(struct trait_core *c, struct sp_mono now, uint32_t provider, uint32_t name, struct trait_lease *out)
{
    struct trait_provider *p = &c->providers[provider];
    bool has = (p->has & BIT(name)) != 0, may = (trait_core_target(c, now, provider) & BIT(name)) != 0;
    *out = (struct trait_lease){.unsure = p->unsure, .node = node_of(c, p)};
    out->until_us = backed_until(c, now, out->node, &c->names[name]);
    if (has && is_held(c, now))
        out->state = TRAIT_HELD;
    else if (has)
        out->state = may ? TRAIT_IS_ON : TRAIT_GOES;
    else
        out->state = may ? TRAIT_COMES : TRAIT_IS_OFF;
}

const char *trait_core_state_text(enum trait_state state)
{
    static const char *const texts[] = {"off", "on", "coming", "going", "held"};
    return texts[state];
}

uint32_t trait_core_provider_of(struct trait_core *c, uint32_t node)
{
    const struct trait_node *n = &c->nodes[node];
    uint32_t found[] = {provider_by_uuid(c, n->key), n->named ? provider_by_name(c, n->name) : TRAIT_NONE};
    for (unsigned i = 0; i < 2; i++)
        if (found[i] != TRAIT_NONE && c->providers[found[i]].known && node_of(c, &c->providers[found[i]]) == node)
            return found[i];
    return TRAIT_NONE;
}

/* ---- queues ---- */

void trait_enqueue(struct trait_core *c, uint32_t i, unsigned q)
{
    struct trait_provider *p = &c->providers[i];
    if (p->queued[q])
        return;
    p->queued[q] = true;
    p->next[q] = TRAIT_NONE;
    if (c->tail[q] == TRAIT_NONE)
        c->head[q] = i;
    else
        c->providers[c->tail[q]].next[q] = i;
    c->tail[q] = i;
    c->queued[q]++;
}

uint32_t trait_dequeue(struct trait_core *c, unsigned q)
{
    uint32_t i = c->head[q];
    if (i == TRAIT_NONE)
        return i;
    c->head[q] = c->providers[i].next[q];
    if (c->head[q] == TRAIT_NONE)
        c->tail[q] = TRAIT_NONE;
    c->providers[i].queued[q] = false;
    c->queued[q]--;
    return i;
}

/* 0: nothing to do now; 1 + queue otherwise. */
unsigned trait_need(struct trait_core *c, struct sp_mono now, uint32_t i)
{
    struct trait_provider *p = &c->providers[i];
    if (!p->known || p->busy || now.us < p->due_us)
        return 0;
    uint64_t target = trait_core_target(c, now, i);
    if ((p->has & ~target) != 0)
        return 1 + REMOVE;
    return (target & ~p->has) != 0 || (p->unsure && p->has != 0) ? 1 + ADD : 0;
}

void trait_look_at(struct trait_core *c, struct sp_mono now, uint32_t i)
{
    unsigned q = trait_need(c, now, i);
    if (q != 0)
        trait_enqueue(c, i, q - 1);
}

/* A row that is gone for good is used again when there is no room. */
static uint32_t provider_place(struct trait_core *c)
{
    if (c->provider_count < c->provider_size ||
        rows_grow((void **)&c->providers, &c->provider_size, c->options.rows_max, sizeof c->providers[0]))
        return c->provider_count++;
    for (uint32_t i = 0; i < c->provider_count; i++) {
        struct trait_provider *p = &c->providers[i];
        if (p->known || p->busy || p->queued[0] || p->queued[1])
            continue;
        sp_map_remove(&c->provider_by_uuid, hash(c, p->uuid, 16));
        if (provider_by_name(c, p->name) == i)
            sp_map_remove(&c->provider_by_name, hash(c, p->name, strlen(p->name)));
        return i;
    }
    return TRAIT_NONE;
}

static uint32_t provider_add(struct trait_core *c, const uint8_t uuid[16], const char *name)
{
    uint32_t i = provider_by_uuid(c, uuid);
    uint64_t h = hash(c, uuid, 16);
    if (i == TRAIT_NONE) {
        if (sp_map_get(&c->provider_by_uuid, h) != SP_MAP_NONE || (i = provider_place(c)) == TRAIT_NONE) {
            c->counters.dropped++;
            return TRAIT_NONE;
        }
        memset(&c->providers[i], 0, sizeof c->providers[i]);
        memcpy(c->providers[i].uuid, uuid, 16);
        if (!sp_map_put(&c->provider_by_uuid, h, i)) {
            c->counters.dropped++; /* an empty row: not known, used again later */
            return TRAIT_NONE;
        }
        c->serial++;
    }
    struct trait_provider *p = &c->providers[i];
    if (strcmp(p->name, name) != 0) {
        if (p->name[0] != '\0' && provider_by_name(c, p->name) == i)
            sp_map_remove(&c->provider_by_name, hash(c, p->name, strlen(p->name)));
        (void)sp_str_copy(p->name, sizeof p->name, sp_str_of(name));
        c->serial++;
    }
    if (p->name[0] != '\0')
        (void)sp_map_put(&c->provider_by_name, hash(c, p->name, strlen(p->name)), i);
    c->serial += !p->known;
    p->known = true;
    p->listed = true;
    return i;
}

void trait_provider_gone(struct trait_core *c, uint32_t i)
{
    struct trait_provider *p = &c->providers[i];
    c->counters.gone += p->known;
    c->serial++;
    p->known = p->unsure = false;
    p->has = 0;
    p->due_us = 0;
}

void trait_core_provider(struct trait_core *c, uint32_t slot, const uint8_t uuid[16], const char *name)
{
    SP_ASSERT(c->slots[slot].flying && c->slots[slot].kind == TRAIT_ASK_ALL);
    (void)provider_add(c, uuid, name);
}

void trait_core_has(struct trait_core *c, uint32_t slot, const uint8_t uuid[16], const char *name)
{
    const struct trait_slot *s = &c->slots[slot];
    SP_ASSERT(s->flying && s->kind == TRAIT_ASK_WHO);
    uint32_t i = provider_add(c, uuid, name);
    if (i != TRAIT_NONE && !c->providers[i].busy && c->providers[i].stamp_us < s->asked_us)
        c->providers[i].has |= BIT(s->row);
}

const uint8_t *trait_core_provider_uuid(const struct trait_core *c, const char *name)
{
    uint32_t i = provider_by_name(c, name);
    return i != TRAIT_NONE && c->providers[i].known ? c->providers[i].uuid : NULL;
}
