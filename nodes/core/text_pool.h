/* SPDX-License-Identifier: Apache-2.0 */
/* Texts that many pairs share (what a check said), kept once and counted. Bounded in bytes: when the bound is reached a new text is
 * not kept (reference 0, an empty text) and counted, because what people read may be lost where trust may not. Pure; one owner. */
#ifndef TEXT_POOL_H
#define TEXT_POOL_H

#include "sp_map.h"
#include "sp_str.h"

#define TEXT_POOL_TEXT_BYTES_MAX 512u /* longer texts are cut */

struct text_pool_row;

struct text_pool {
    struct text_pool_row *rows; /* private; row 0 is the empty text */
    uint32_t count;
    uint32_t size;
    uint32_t free_head;
    struct sp_map by_hash;
    uint8_t key[16];
    uint64_t bytes;     /* of texts and rows now */
    uint64_t bytes_max; /* never more */
    uint64_t lost;      /* texts that were not kept */
};

/* Effect: empty pool of at most bytes_max; the hash key is borrowed (16 bytes). */
void text_pool_init(struct text_pool *p, const uint8_t key[16], uint64_t bytes_max);
void text_pool_fini(struct text_pool *p);
/* Effect: returns a counted reference to text (cut to its maximum); 0 for an empty or lost one. Borrows text. */
uint32_t text_pool_keep(struct text_pool *p, struct sp_str text);
/* Effect: gives one reference back; 0 is allowed. */
void text_pool_drop(struct text_pool *p, uint32_t ref);
/* Effect: gives ref back and returns a counted reference to text, as keep and drop; costs nothing when they are equal. */
uint32_t text_pool_swap(struct text_pool *p, uint32_t ref, struct sp_str text);
/* Lends the text until the reference is dropped. */
struct sp_str text_pool_text(const struct text_pool *p, uint32_t ref);
/* True when counts and sizes agree. For tests; O(n). */
bool text_pool_check(const struct text_pool *p);

#endif
