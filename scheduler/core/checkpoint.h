/* SPDX-License-Identifier: Apache-2.0 */
/* What the last run of a pair left for the next one: small blobs in a pool of fixed chunks. Most pairs leave nothing, so pairs hold one
 * number only. The pool is bounded; when it is full a blob is not kept (the next run starts without, which every adapter must bear). */
#ifndef CHECKPOINT_H
#define CHECKPOINT_H

#include "sp_str.h"

#define CHECKPOINT_CHUNK_BYTES 60u
#define CHECKPOINT_BYTES_MAX   1024u
#define CHECKPOINT_NONE        0u /* handle of no blob */

struct checkpoint_chunk {
    uint32_t next; /* handle; in the first chunk of a blob its length is the first two bytes */
    uint8_t bytes[CHECKPOINT_CHUNK_BYTES];
};

struct checkpoint_pool {
    struct checkpoint_chunk *chunks; /* handle - 1 */
    uint32_t size, top, free, used;
};

/* Effect: a pool of at most `bytes`; memory is touched as it is used. False without memory. */
bool checkpoint_init(struct checkpoint_pool *p, uint64_t bytes);
void checkpoint_fini(struct checkpoint_pool *p);
/* Effect: replaces the blob of *handle. False: no room, and then there is none. An empty blob frees. */
bool checkpoint_put(struct checkpoint_pool *p, uint32_t *handle, struct sp_str blob);
/* Effect: copies the blob out. Returns its length, 0 for CHECKPOINT_NONE. */
uint32_t checkpoint_get(const struct checkpoint_pool *p, uint32_t handle, uint8_t out[CHECKPOINT_BYTES_MAX]);

#endif
