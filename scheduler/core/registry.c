/* SPDX-License-Identifier: Apache-2.0 */
#include "registry.h"

#include <stdlib.h>
#include <string.h>

#include "sp_hash.h"

void registry_init(struct registry *r, const uint8_t seed[16])
{
    *r = (struct registry){0};
    memcpy(r->seed, seed, sizeof r->seed);
    sp_map_init(&r->by_id);
    sp_map_init(&r->by_name);
}

void registry_fini(struct registry *r)
{
    for (uint32_t i = 0; i < r->count; i++)
        free(r->nodes[i].text);
    free(r->nodes);
    sp_map_fini(&r->by_id);
    sp_map_fini(&r->by_name);
    *r = (struct registry){0};
}

struct sp_str registry_name(const struct registry_node *n)
{
    return (struct sp_str){n->text, n->name_bytes};
}

struct sp_str registry_address(const struct registry_node *n)
{
    return (struct sp_str){n->text + n->name_bytes + 1, n->address_bytes};
}

struct sp_str registry_labels(const struct registry_node *n)
{
    return (struct sp_str){n->text + n->name_bytes + n->address_bytes + 2, n->labels_bytes};
}

static uint64_t name_key(const struct registry *r, struct sp_str name)
{
    uint64_t key = sp_hash_sip(r->seed, name.p, name.n);
    return key == UINT64_MAX ? 0 : key;
}

uint32_t registry_find_name(const struct registry *r, struct sp_str name)
{
    uint32_t index = sp_map_get(&r->by_name, name_key(r, name));
    if (index == SP_MAP_NONE || !r->nodes[index].present || !sp_str_eq(registry_name(&r->nodes[index]), name))
        return WHEEL_NONE;
    return index;
}

static char *text_of(const struct rec_node_info *info)
{
    char *text = malloc((size_t)info->name.n + info->address.n + info->labels.n + 3);
    if (text == NULL)
        return NULL;
    char *p = text;
    const struct sp_str parts[] = {info->name, info->address, info->labels};
    for (unsigned i = 0; i < SP_COUNT(parts); i++) {
        if (parts[i].n > 0)
            memcpy(p, parts[i].p, parts[i].n);
        p += parts[i].n;
        *p++ = '\0';
    }
    return text;
}

static enum sp_rc grow(struct registry *r)
{
    if (r->count < r->size)
        return SP_OK;
    if (r->count >= REGISTRY_NODES_MAX)
        return SP_E_LIMIT;
    uint32_t size = r->size == 0 ? 64 : r->size * 2;
    struct registry_node *nodes = realloc(r->nodes, size * sizeof nodes[0]);
    if (nodes == NULL)
        return SP_E_NOMEM;
    r->nodes = nodes;
    r->size = size;
    return SP_OK;
}

/* A node of that id without anything in it. */
static enum sp_rc add(struct registry *r, uint32_t id, uint32_t *index)
{
    enum sp_rc rc = grow(r);
    if (rc != SP_OK)
        return rc;
    if (!sp_map_put(&r->by_id, id, r->count))
        return SP_E_NOMEM;
    struct registry_node *n = &r->nodes[r->count];
    *n = (struct registry_node){.id = id, .first_pair = WHEEL_NONE};
    wheel_queue_init(&n->held);
    *index = r->count++;
    return SP_OK;
}

static unsigned changes_between(const struct registry_node *n, const struct rec_node_info *info)
{
    if (!n->present)
        return REGISTRY_NEW | REGISTRY_SELECT;
    unsigned changes = 0;
    if (!sp_str_eq(registry_name(n), info->name) || !sp_str_eq(registry_labels(n), info->labels) ||
        (n->state == SP_NODE_STATE_RETIRED) != (info->state == SP_NODE_STATE_RETIRED))
        changes |= REGISTRY_SELECT;
    if (n->generation != info->generation || memcmp(n->key, info->key, sizeof n->key) != 0)
        changes |= REGISTRY_IDENTITY;
    if (n->state != info->state || !sp_str_eq(registry_address(n), info->address))
        changes |= REGISTRY_OTHER;
    return changes;
}

enum sp_rc registry_put(struct registry *r, const struct rec_node_info *info, uint32_t *index, unsigned *changes)
{
    uint32_t at = sp_map_get(&r->by_id, info->id);
    enum sp_rc rc = at == SP_MAP_NONE ? add(r, info->id, &at) : SP_OK;
    if (rc != SP_OK)
        return rc;
    struct registry_node *n = &r->nodes[at];
    unsigned what = changes_between(n, info);
    if (what != 0) {
        char *text = text_of(info);
        if (text == NULL || !sp_map_put(&r->by_name, name_key(r, info->name), at)) {
            free(text);
            return SP_E_NOMEM;
        }
        if (n->present && !sp_str_eq(registry_name(n), info->name))
            sp_map_remove(&r->by_name, name_key(r, registry_name(n)));
        free(n->text);
        n->text = text;
        n->name_bytes = (uint16_t)info->name.n;
        n->address_bytes = (uint16_t)info->address.n;
        n->labels_bytes = (uint16_t)info->labels.n;
        n->generation = info->generation;
        n->state = info->state;
        memcpy(n->key, info->key, sizeof n->key);
        n->hash = sp_hash_sip(r->seed, n->key, sizeof n->key);
        r->present += n->present ? 0 : 1;
        n->present = true;
    }
    n->round = r->round;
    *index = at;
    *changes = what;
    return SP_OK;
}

void registry_drop(struct registry *r, uint32_t index)
{
    struct registry_node *n = &r->nodes[index];
    if (!n->present)
        return;
    if (sp_map_get(&r->by_name, name_key(r, registry_name(n))) == index)
        sp_map_remove(&r->by_name, name_key(r, registry_name(n)));
    n->present = false;
    r->present--;
}
