/* SPDX-License-Identifier: Apache-2.0 */
/* Hash map from 64-bit keys to 32-bit values: open addressing, linear probing, backward-shift deletion, load at most 3/4. The key
 * UINT64_MAX is reserved. For texts, use sp_hash_sip of the text as the key and compare the text at the value. */
#ifndef SP_MAP_H
#define SP_MAP_H

#include <stdbool.h>
#include <stdint.h>

#define SP_MAP_NONE UINT32_MAX

struct sp_map {
    uint64_t *keys;   /* private */
    uint32_t *values; /* private */
    uint32_t count;
    uint32_t size; /* power of two, or 0 */
};

void sp_map_init(struct sp_map *m);
void sp_map_fini(struct sp_map *m);
/* Effect: room for `count` entries without further allocation. False without memory. */
bool sp_map_reserve(struct sp_map *m, uint32_t count);
/* Effect: inserts or replaces. value != SP_MAP_NONE. Grows as needed; false without memory (map unchanged). */
bool sp_map_put(struct sp_map *m, uint64_t key, uint32_t value);
/* Returns the value, or SP_MAP_NONE. */
uint32_t sp_map_get(const struct sp_map *m, uint64_t key);
/* Effect: removes the key if present. */
void sp_map_remove(struct sp_map *m, uint64_t key);

#endif
