/* SPDX-License-Identifier: Apache-2.0 */
#include "text_pool.h"

#include <stdlib.h>

#include "sp_assert.h"
#include "sp_hash.h"

/* Rows with the same hash form a chain from the map's value on. */
struct text_pool_row {
    char *text; /* owned; NULL when the row is free */
    uint64_t hash;
    uint32_t bytes;
    uint32_t refs;
    uint32_t next; /* in the hash chain, or in the free list; 0 ends both */
};

void text_pool_init(struct text_pool *p, const uint8_t key[16], uint64_t bytes_max)
{
    memset(p, 0, sizeof *p);
    sp_map_init(&p->by_hash);
    memcpy(p->key, key, sizeof p->key);
    p->bytes_max = bytes_max;
    p->count = 1;
}

void text_pool_fini(struct text_pool *p)
{
    for (uint32_t i = 1; i < p->count && p->rows != NULL; i++) {
        free(p->rows[i].text);
    }
    free(p->rows);
    sp_map_fini(&p->by_hash);
    p->rows = NULL;
    p->count = 0;
}

static bool text_pool_grow(struct text_pool *p)
{
    uint32_t size = p->size == 0 ? 64 : p->size * 2;
    struct text_pool_row *rows = realloc(p->rows, (size_t)size * sizeof *rows);
    if (rows == NULL) {
        return false;
    }
    memset(rows + p->size, 0, (size_t)(size - p->size) * sizeof *rows);
    p->rows = rows;
    p->size = size;
    return true;
}

/* Returns a row index for use, 0 without memory. */
static uint32_t text_pool_row_take(struct text_pool *p)
{
    if (p->free_head != 0) {
        uint32_t i = p->free_head;
        p->free_head = p->rows[i].next;
        return i;
    }
    if (p->count >= p->size && !text_pool_grow(p)) {
        return 0;
    }
    return p->count++;
}

static uint64_t text_pool_hash(const struct text_pool *p, struct sp_str text)
{
    uint64_t hash = sp_hash_sip(p->key, text.p, text.n);
    return hash == UINT64_MAX ? 0 : hash; /* the map reserves that key */
}

static uint32_t text_pool_insert(struct text_pool *p, struct sp_str text, uint64_t hash, uint32_t chain)
{
    uint64_t cost = text.n + sizeof(struct text_pool_row);
    char *copy = p->bytes + cost <= p->bytes_max ? malloc(text.n) : NULL;
    uint32_t i = copy != NULL ? text_pool_row_take(p) : 0;
    if (i == 0 || !sp_map_put(&p->by_hash, hash, i)) {
        if (i != 0) {
            p->rows[i].next = p->free_head;
            p->free_head = i;
        }
        free(copy);
        p->lost++;
        return 0;
    }
    memcpy(copy, text.p, text.n);
    p->rows[i] = (struct text_pool_row){copy, hash, text.n, 1, chain};
    p->bytes += cost;
    return i;
}

uint32_t text_pool_keep(struct text_pool *p, struct sp_str text)
{
    if (text.n > TEXT_POOL_TEXT_BYTES_MAX) {
        text.n = TEXT_POOL_TEXT_BYTES_MAX;
        while (text.n > 0 && ((uint8_t)text.p[text.n] & 0xc0) == 0x80) { /* not inside a UTF-8 character */
            text.n--;
        }
    }
    if (text.n == 0) {
        return 0;
    }
    uint64_t hash = text_pool_hash(p, text);
    uint32_t first = sp_map_get(&p->by_hash, hash);
    uint32_t chain = first == SP_MAP_NONE ? 0 : first;
    for (uint32_t i = chain; i != 0; i = p->rows[i].next) {
        if (p->rows[i].bytes == text.n && memcmp(p->rows[i].text, text.p, text.n) == 0) {
            p->rows[i].refs++;
            return i;
        }
    }
    return text_pool_insert(p, text, hash, chain);
}

/* Takes row i out of its hash chain. */
static void text_pool_unlink(struct text_pool *p, uint32_t i)
{
    struct text_pool_row *row = &p->rows[i];
    uint32_t head = sp_map_get(&p->by_hash, row->hash);
    SP_ASSERT(head != SP_MAP_NONE);
    if (head == i) {
        if (row->next == 0) {
            sp_map_remove(&p->by_hash, row->hash);
        } else {
            bool put = sp_map_put(&p->by_hash, row->hash, row->next);
            SP_ASSERT(put); /* replaces a value that is there: needs no memory */
        }
        return;
    }
    uint32_t before = head;
    while (p->rows[before].next != i) {
        before = p->rows[before].next;
        SP_ASSERT(before != 0);
    }
    p->rows[before].next = row->next;
}

void text_pool_drop(struct text_pool *p, uint32_t ref)
{
    if (ref == 0) {
        return;
    }
    SP_ASSERT(ref < p->count && p->rows[ref].refs > 0);
    struct text_pool_row *row = &p->rows[ref];
    if (--row->refs > 0) {
        return;
    }
    text_pool_unlink(p, ref);
    p->bytes -= row->bytes + sizeof *row;
    free(row->text);
    memset(row, 0, sizeof *row);
    row->next = p->free_head;
    p->free_head = ref;
}

uint32_t text_pool_swap(struct text_pool *p, uint32_t ref, struct sp_str text)
{
    struct sp_str had = text_pool_text(p, ref);
    if (had.n == text.n && (text.n == 0 || memcmp(had.p, text.p, text.n) == 0)) {
        return ref;
    }
    uint32_t kept = text_pool_keep(p, text);
    text_pool_drop(p, ref);
    return kept;
}

struct sp_str text_pool_text(const struct text_pool *p, uint32_t ref)
{
    if (ref == 0) {
        return (struct sp_str){NULL, 0};
    }
    SP_ASSERT(ref < p->count && p->rows[ref].refs > 0);
    return (struct sp_str){p->rows[ref].text, p->rows[ref].bytes};
}

bool text_pool_check(const struct text_pool *p)
{
    uint64_t bytes = 0;
    uint32_t live = 0;
    for (uint32_t i = 1; i < p->count && p->rows != NULL; i++) {
        const struct text_pool_row *row = &p->rows[i];
        if (row->refs == 0) {
            if (row->text != NULL) {
                return false;
            }
            continue;
        }
        bytes += row->bytes + sizeof *row;
        live++;
        uint32_t at = sp_map_get(&p->by_hash, row->hash);
        while (at != i && at != 0 && at != SP_MAP_NONE) {
            at = p->rows[at].next;
        }
        if (at != i) {
            return false;
        }
    }
    return bytes == p->bytes && p->bytes <= p->bytes_max && live >= p->by_hash.count;
}
