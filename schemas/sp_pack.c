/* SPDX-License-Identifier: Apache-2.0 */
#include "sp_pack.h"

#include <string.h>

#include "sp_pack_put.h"
#include "sp_pack_take.h"

/* Largest list header this writer reserves: array 16. */
#define LIST_HEADER_MAX 3u

const uint8_t sp_unpack_zeros[SP_UNPACK_EXACT_MAX];

enum sp_rc sp_packer_raw(struct sp_packer *w, const uint8_t *p, size_t n)
{
    if (n > sp_packer_room(w))
        return SP_E_FULL;
    if (n > 0)
        memcpy(w->p, p, n);
    w->p += n;
    return SP_OK;
}

/* A list that can never pass 15 elements needs one byte for its header; every other one gets room for three, and closing a
 * short one moves its few elements down by two. */
enum sp_rc sp_packer_list_open(struct sp_packer *w, uint32_t max)
{
    SP_ASSERT(w->list == NULL);
    SP_ASSERT(max <= UINT16_MAX);
    size_t header = max < 16 ? 1 : LIST_HEADER_MAX;
    if (header > sp_packer_room(w))
        return SP_E_FULL;
    w->list = w->p;
    w->list_count = 0;
    w->list_max = max;
    w->p += header;
    return SP_OK;
}

enum sp_rc sp_packer_list_close(struct sp_packer *w)
{
    SP_ASSERT(w->list != NULL);
    SP_ASSERT(w->list_count <= w->list_max);
    uint8_t *body = w->list + (w->list_max < 16 ? 1 : LIST_HEADER_MAX);
    uint8_t *place = sp_put_array(w->list, w->list_count);
    if (place != body) {
        size_t n = (size_t)(w->p - body);
        memmove(place, body, n);
        w->p = place + n;
    }
    w->list = NULL;
    w->list_count = 0;
    w->list_max = UINT32_MAX;
    return SP_OK;
}

enum sp_rc sp_packer_list_next(struct sp_packer *w, uint32_t max)
{
    if (sp_packer_room(w) < LIST_HEADER_MAX)
        return SP_E_FULL;
    enum sp_rc rc = sp_packer_list_close(w);
    return rc == SP_OK ? sp_packer_list_open(w, max) : rc;
}

enum sp_rc sp_packer_list_copy(struct sp_packer *w, const struct sp_list *list, uint32_t max)
{
    SP_ASSERT(max <= UINT16_MAX);
    if (list->count > max)
        return SP_E_LIMIT;
    if (sp_packer_room(w) < (size_t)LIST_HEADER_MAX + list->bytes)
        return SP_E_FULL;
    w->p = sp_put_array(w->p, list->count);
    if (list->bytes > 0)
        memcpy(w->p, list->p, list->bytes);
    w->p += list->bytes;
    return SP_OK;
}

/* Where skipping stands. */
struct head {
    const uint8_t *p;  /* byte after the value seen last, nested values not counted */
    uint64_t elements; /* values nested in it */
};

/* Reads a big-endian length of 1, 2 or 4 bytes that is at least what the next shorter form cannot hold. */
static bool length_of(struct head *h, const uint8_t *end, unsigned bytes, uint64_t least, uint64_t *out)
{
    if ((size_t)(end - h->p) < bytes)
        return false;
    *out = sp_take_be(h->p, bytes);
    h->p += bytes;
    return *out >= least;
}

static bool over(struct head *h, const uint8_t *end, uint64_t n)
{
    if (n > (uint64_t)(end - h->p))
        return false;
    h->p += n;
    return true;
}

/* Integers: the shortest form only. A signed form of 0 or more is never the shortest, there is an unsigned one. */
static bool skip_int(struct head *h, const uint8_t *end, uint8_t tag)
{
    static const uint64_t least[4] = {0x80, 0x100, 0x10000, 0x100000000};
    static const int64_t below[4] = {-0x20, -0x80, -0x8000, -0x80000000ll};
    unsigned kind = tag & 3u, bytes = 1u << kind, unused = 64 - 8 * bytes;
    if ((size_t)(end - h->p) < bytes)
        return false;
    uint64_t v = sp_take_be(h->p, bytes);
    h->p += bytes;
    if (tag < 0xd0)
        return v >= least[kind];
    int64_t negative = (int64_t)(v << unused) >> unused;
    return negative < below[kind];
}

static bool skip_blob(struct head *h, const uint8_t *end, uint8_t tag)
{
    static const uint64_t bin_least[3] = {0, 0x100, 0x10000};
    static const uint64_t str_least[3] = {32, 0x100, 0x10000};
    uint64_t n = 0;
    if (tag >= 0xc4 && tag <= 0xc6)
        return length_of(h, end, 1u << (tag - 0xc4), bin_least[tag - 0xc4], &n) && over(h, end, n);
    if (tag >= 0xd9 && tag <= 0xdb)
        return length_of(h, end, 1u << (tag - 0xd9), str_least[tag - 0xd9], &n) && over(h, end, n);
    return false;
}

static bool skip_tree(struct head *h, const uint8_t *end, uint8_t tag)
{
    uint64_t n = 0;
    bool wide = tag == 0xdd || tag == 0xdf;
    if (!length_of(h, end, wide ? 4 : 2, wide ? 0x10000 : 16, &n))
        return false;
    h->elements = tag >= 0xde ? n * 2 : n;
    return true;
}

/* Steps over one head and its content; nested values are only announced. Extension types are nobody's here: malformed. */
static bool skip_one(struct head *h, const uint8_t *end)
{
    h->elements = 0;
    if (h->p == end)
        return false;
    uint8_t tag = *h->p++;
    if (tag < 0x80 || tag >= 0xe0 || tag == 0xc0 || tag == 0xc2 || tag == 0xc3)
        return true;
    if (tag < 0xa0) {
        h->elements = tag < 0x90 ? (tag & 0xfu) * 2 : tag & 0xfu;
        return true;
    }
    if (tag < 0xc0)
        return over(h, end, tag & 0x1fu);
    if (tag == 0xca || tag == 0xcb)
        return over(h, end, tag == 0xca ? 4 : 8);
    if (tag >= 0xcc && tag <= 0xd3)
        return skip_int(h, end, tag);
    if (tag >= 0xdc)
        return skip_tree(h, end, tag);
    return skip_blob(h, end, tag);
}

const uint8_t *sp_unpack_skip(const uint8_t *p, const uint8_t *end)
{
    uint64_t left[SP_PACK_DEPTH_MAX + 1];
    struct head h = {p, 0};
    unsigned depth = 0;
    left[0] = 1;
    for (unsigned seen = 0; seen < SP_PACK_SKIP_MAX; seen++) {
        if (!skip_one(&h, end))
            return NULL;
        left[depth]--;
        if (h.elements > 0) {
            if (depth == SP_PACK_DEPTH_MAX || h.elements > (uint64_t)(end - h.p))
                return NULL;
            left[++depth] = h.elements;
        }
        while (left[depth] == 0) {
            if (depth == 0)
                return h.p;
            depth--;
        }
    }
    return NULL;
}
