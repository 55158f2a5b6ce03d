/* SPDX-License-Identifier: Apache-2.0 */
#include "checkpoint.h"

#include <stdlib.h>
#include <string.h>

#include "sp_assert.h"

#define HEAD_BYTES 2u

bool checkpoint_init(struct checkpoint_pool *p, uint64_t bytes)
{
    uint64_t size = bytes / sizeof(struct checkpoint_chunk);
    *p = (struct checkpoint_pool){.size = size < UINT32_MAX - 1 ? (uint32_t)size : UINT32_MAX - 1};
    p->chunks = malloc((size_t)p->size * sizeof p->chunks[0] + 1);
    return p->chunks != NULL;
}

void checkpoint_fini(struct checkpoint_pool *p)
{
    free(p->chunks);
    *p = (struct checkpoint_pool){0};
}

static void release(struct checkpoint_pool *p, uint32_t handle)
{
    while (handle != CHECKPOINT_NONE) {
        struct checkpoint_chunk *c = &p->chunks[handle - 1];
        uint32_t next = c->next;
        c->next = p->free;
        p->free = handle;
        p->used--;
        handle = next;
    }
}

static uint32_t take(struct checkpoint_pool *p)
{
    uint32_t handle = p->free;
    if (handle != CHECKPOINT_NONE)
        p->free = p->chunks[handle - 1].next;
    else if (p->top < p->size)
        handle = ++p->top;
    else
        return CHECKPOINT_NONE;
    p->used++;
    p->chunks[handle - 1].next = CHECKPOINT_NONE;
    return handle;
}

bool checkpoint_put(struct checkpoint_pool *p, uint32_t *handle, struct sp_str blob)
{
    SP_ASSERT(blob.n <= CHECKPOINT_BYTES_MAX);
    release(p, *handle);
    *handle = CHECKPOINT_NONE;
    if (blob.n == 0)
        return true;
    uint32_t left = blob.n, at = 0, *link = handle;
    const uint8_t head[HEAD_BYTES] = {(uint8_t)(blob.n & 0xff), (uint8_t)(blob.n >> 8)};
    while (left > 0) {
        uint32_t h = take(p);
        if (h == CHECKPOINT_NONE) {
            release(p, *handle);
            *handle = CHECKPOINT_NONE;
            return false;
        }
        *link = h;
        struct checkpoint_chunk *c = &p->chunks[h - 1];
        uint32_t skip = at == 0 ? HEAD_BYTES : 0;
        memcpy(c->bytes, head, skip);
        uint32_t n = left < CHECKPOINT_CHUNK_BYTES - skip ? left : CHECKPOINT_CHUNK_BYTES - skip;
        memcpy(c->bytes + skip, blob.p + at, n);
        at += n;
        left -= n;
        link = &c->next;
    }
    return true;
}

uint32_t checkpoint_get(const struct checkpoint_pool *p, uint32_t handle, uint8_t out[CHECKPOINT_BYTES_MAX])
{
    if (handle == CHECKPOINT_NONE)
        return 0;
    const struct checkpoint_chunk *c = &p->chunks[handle - 1];
    uint32_t length = (uint32_t)c->bytes[0] | (uint32_t)c->bytes[1] << 8, at = 0, skip = HEAD_BYTES;
    SP_ASSERT(length <= CHECKPOINT_BYTES_MAX);
    for (;;) {
        uint32_t n = length - at < CHECKPOINT_CHUNK_BYTES - skip ? length - at : CHECKPOINT_CHUNK_BYTES - skip;
        memcpy(out + at, c->bytes + skip, n);
        at += n;
        if (at == length)
            return length;
        skip = 0;
        c = &p->chunks[c->next - 1];
    }
}
