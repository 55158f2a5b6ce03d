/* SPDX-License-Identifier: Apache-2.0 */
#include "sp_map.h"

#include <stdlib.h>
#include <string.h>

#include "sp_assert.h"
#include "sp_hash.h"

#define EMPTY UINT64_MAX

void sp_map_init(struct sp_map *m)
{
    *m = (struct sp_map){0};
}

void sp_map_fini(struct sp_map *m)
{
    free(m->keys);
    free(m->values);
    *m = (struct sp_map){0};
}

/* Index of key, or of the empty place where it would go. size > 0 and not full. */
static uint32_t probe(const struct sp_map *m, uint64_t key)
{
    uint32_t i = (uint32_t)sp_hash_u64(key) & (m->size - 1);
    while (m->keys[i] != EMPTY && m->keys[i] != key)
        i = (i + 1) & (m->size - 1);
    return i;
}

bool sp_map_reserve(struct sp_map *m, uint32_t count)
{
    uint64_t size = m->size > 0 ? m->size : 16;
    while ((uint64_t)count * 4 > size * 3)
        size *= 2;
    if (size == m->size)
        return true;
    if (size > UINT32_MAX / 2)
        return false;
    struct sp_map bigger = {malloc(size * sizeof *bigger.keys), malloc(size * sizeof *bigger.values), m->count, (uint32_t)size};
    if (bigger.keys == NULL || bigger.values == NULL) {
        free(bigger.keys);
        free(bigger.values);
        return false;
    }
    memset(bigger.keys, 0xFF, size * sizeof *bigger.keys);
    for (uint32_t i = 0; i < m->size; i++)
        if (m->keys[i] != EMPTY) {
            uint32_t at = probe(&bigger, m->keys[i]);
            bigger.keys[at] = m->keys[i];
            bigger.values[at] = m->values[i];
        }
    free(m->keys);
    free(m->values);
    *m = bigger;
    return true;
}

bool sp_map_put(struct sp_map *m, uint64_t key, uint32_t value)
{
    SP_ASSERT(key != EMPTY && value != SP_MAP_NONE);
    if (!sp_map_reserve(m, m->count + 1))
        return false;
    uint32_t at = probe(m, key);
    m->count += m->keys[at] == EMPTY;
    m->keys[at] = key;
    m->values[at] = value;
    return true;
}

uint32_t sp_map_get(const struct sp_map *m, uint64_t key)
{
    if (m->size == 0 || key == EMPTY)
        return SP_MAP_NONE;
    uint32_t at = probe(m, key);
    return m->keys[at] == key ? m->values[at] : SP_MAP_NONE;
}

void sp_map_remove(struct sp_map *m, uint64_t key)
{
    if (m->size == 0 || key == EMPTY)
        return;
    uint32_t mask = m->size - 1, hole = probe(m, key);
    if (m->keys[hole] != key)
        return;
    m->count--;
    for (uint32_t i = (hole + 1) & mask; m->keys[i] != EMPTY; i = (i + 1) & mask) {
        uint32_t home = (uint32_t)sp_hash_u64(m->keys[i]) & mask;
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            m->keys[hole] = m->keys[i];
            m->values[hole] = m->values[i];
            hole = i;
        }
    }
    m->keys[hole] = EMPTY;
}
