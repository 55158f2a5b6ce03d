/* SPDX-License-Identifier: Apache-2.0 */
/* 4-ary min-heap of (key, id) with the keys inline and a caller-owned position array, so that any entry can be moved or removed by
 * id. One owner, one thread. Memory: 16 bytes an entry here and 4 in the position array. */
#ifndef SP_HEAP_H
#define SP_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SP_HEAP_NONE UINT32_MAX /* position of an id that is not in the heap */

struct sp_heap_entry {
    uint64_t key;
    uint32_t id;
    uint32_t unused;
};

struct sp_heap {
    struct sp_heap_entry *entries; /* private */
    uint32_t *position;            /* private; by id */
    uint32_t count;
    uint32_t size; /* ids are below size */
};

/* Effect: room for ids 0..size-1; grows only (sp_heap_resize). Returns false without memory. */
bool sp_heap_init(struct sp_heap *h, uint32_t size);
bool sp_heap_resize(struct sp_heap *h, uint32_t size);
void sp_heap_fini(struct sp_heap *h);
/* Effect: inserts id or moves it to key. id < size. */
void sp_heap_set(struct sp_heap *h, uint32_t id, uint64_t key);
/* Effect: removes id if it is there. */
void sp_heap_remove(struct sp_heap *h, uint32_t id);
/* Lends: the least entry (ties: any), NULL when empty. */
const struct sp_heap_entry *sp_heap_top(const struct sp_heap *h);
/* Returns the key of id, or UINT64_MAX when not in the heap. */
uint64_t sp_heap_key(const struct sp_heap *h, uint32_t id);
/* Effect: appends without order; call sp_heap_order afterwards (O(n) build of large heaps). */
void sp_heap_push_unordered(struct sp_heap *h, uint32_t id, uint64_t key);
void sp_heap_order(struct sp_heap *h);
/* True when every entry is not less than its parent and positions agree. For tests and check(). O(n). */
bool sp_heap_check(const struct sp_heap *h);

#endif
