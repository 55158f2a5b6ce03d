/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of exposure_core: pools, places, servers. */
#include <stdlib.h>
#include <string.h>

#include "exposure_parts.h"
#include "sp_assert.h"
#include "sp_hash.h"

#define ROWS_FIRST 64u

static uint64_t hash(const struct exposure_core *c, const void *p, size_t n)
{
    uint64_t h = sp_hash_sip(c->options.hash_key, p, n);
    return h == UINT64_MAX ? 0 : h;
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

/* ---- pools, places ---- */

static uint32_t pool_of(struct exposure_core *c, struct sp_str name)
{
    for (uint32_t i = 0; i < c->name_count; i++)
        if (sp_str_is(name, c->names[i]))
            return i;
    if (c->name_count == EXPOSURE_POOLS_MAX || !sp_str_copy(c->names[c->name_count], EXPOSURE_POOL_BYTES, name))
        return EXPOSURE_NONE;
    return c->name_count++;
}

static uint64_t place_hash(const struct exposure_core *c, const struct exposure_place *p)
{
    char bytes[2 * EXPOSURE_NAME_BYTES + 1];
    size_t host = strlen(p->host) + 1, node = strlen(p->node) + 1;
    memcpy(bytes, p->host, host);
    memcpy(bytes + host, p->node, node);
    bytes[host + node] = (char)p->pool;
    return hash(c, bytes, host + node + 1);
}

static uint32_t place_free(struct exposure_core *c)
{
    if (c->place_count < c->place_size || rows_grow((void **)&c->places, &c->place_size, EXPOSURE_PLACES_MAX, sizeof c->places[0]))
        return c->place_count++;
    for (uint32_t i = 0; i < c->place_count; i++)
        if (!c->places[i].used)
            return i;
    return EXPOSURE_NONE;
}

static uint32_t place_of(struct exposure_core *c, const struct exposure_server *s, uint32_t pool)
{
    struct exposure_place want = {.pool = (uint8_t)pool, .used = true};
    struct sp_str node = s->node.n > 0 ? s->node : s->host;
    if (!sp_str_copy(want.host, sizeof want.host, s->host) || !sp_str_copy(want.node, sizeof want.node, node))
        return EXPOSURE_NONE;
    uint64_t h = place_hash(c, &want);
    uint32_t i = sp_map_get(&c->place_index, h);
    if (i != SP_MAP_NONE) {
        const struct exposure_place *p = &c->places[i];
        bool same = p->pool == pool && strcmp(p->host, want.host) == 0 && strcmp(p->node, want.node) == 0;
        return same ? i : EXPOSURE_NONE;
    }
    i = place_free(c);
    if (i == EXPOSURE_NONE)
        return i;
    c->places[i] = want;
    if (sp_map_put(&c->place_index, h, i))
        return i;
    c->places[i].used = false;
    return EXPOSURE_NONE;
}

void exposure_places_count(struct exposure_core *c)
{
    for (uint32_t i = 0; i < c->place_count; i++)
        c->places[i].servers = 0;
    for (uint32_t i = 0; i < c->current.count; i++)
        c->places[c->current.rows[i].place].servers++;
    for (uint32_t i = 0; i < c->place_count; i++) {
        struct exposure_place *p = &c->places[i];
        if (!p->used || p->refs > 0 || p->told > 0)
            continue;
        sp_map_remove(&c->place_index, place_hash(c, p));
        p->used = false;
    }
}

/* ---- servers ---- */

static uint64_t row_hash(const struct exposure_core *c, const struct exposure_row *row)
{
    uint8_t bytes[17];
    memcpy(bytes, row->uuid, 16);
    bytes[16] = c->places[row->place].pool;
    return hash(c, bytes, sizeof bytes);
}

bool exposure_list_put(struct exposure_core *c, struct exposure_list *list, const struct exposure_row *row)
{
    uint64_t h = row_hash(c, row);
    uint32_t i = sp_map_get(&list->index, h);
    if (i != SP_MAP_NONE && memcmp(list->rows[i].uuid, row->uuid, 16) == 0) { /* it moved while pages were read: the later one */
        c->places[row->place].refs++;
        c->places[list->rows[i].place].refs--;
        list->rows[i] = *row;
        return true;
    }
    if (list->count == list->size && !rows_grow((void **)&list->rows, &list->size, c->options.rows_max, sizeof list->rows[0]))
        return false;
    if (!sp_map_put(&list->index, h, list->count))
        return false;
    list->rows[list->count++] = *row;
    c->places[row->place].refs++;
    return true;
}

bool exposure_list_add(struct exposure_core *c, struct exposure_list *list, const struct exposure_server *s)
{
    bool all = true;
    SP_ASSERT(s->count <= EXPOSURE_DEMANDS_MAX);
    if (s->host.n == 0)
        return true; /* on no host */
    for (uint32_t i = 0; i < s->count; i++) {
        struct exposure_row row;
        uint32_t pool = pool_of(c, s->pools[i]), place = pool != EXPOSURE_NONE ? place_of(c, s, pool) : EXPOSURE_NONE;
        memcpy(row.uuid, s->uuid, 16);
        row.place = place;
        if (!sp_str_copy(row.project, sizeof row.project, s->project))
            row.project[0] = '\0';
        if (place != EXPOSURE_NONE && exposure_list_put(c, list, &row))
            continue;
        all = false;
        c->counters.dropped++;
    }
    return all;
}

void exposure_list_clear(struct exposure_core *c, struct exposure_list *list)
{
    for (uint32_t i = 0; i < list->count; i++)
        c->places[list->rows[i].place].refs--;
    free(list->rows);
    sp_map_fini(&list->index);
    *list = (struct exposure_list){0};
    sp_map_init(&list->index);
}
