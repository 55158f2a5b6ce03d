/* SPDX-License-Identifier: Apache-2.0 */
#include "definition.h"

#include <stdlib.h>
#include <string.h>

#include "sp_assert.h"

static uint64_t key_of(const uint8_t digest[DEFINITION_DIGEST_BYTES])
{
    uint64_t key;
    memcpy(&key, digest, sizeof key);
    return key == UINT64_MAX ? 0 : key; /* the map reserves that key */
}

static void unlink_row(struct definition_cache *self, uint32_t at)
{
    struct definition *d = &self->row[at];
    if (d->newer != DEFINITION_NONE) {
        self->row[d->newer].older = d->older;
    } else {
        self->newest = d->older;
    }
    if (d->older != DEFINITION_NONE) {
        self->row[d->older].newer = d->newer;
    } else {
        self->oldest = d->newer;
    }
}

static void link_newest(struct definition_cache *self, uint32_t at)
{
    struct definition *d = &self->row[at];
    d->newer = DEFINITION_NONE;
    d->older = self->newest;
    if (self->newest != DEFINITION_NONE) {
        self->row[self->newest].newer = at;
    } else {
        self->oldest = at;
    }
    self->newest = at;
}

bool definition_init(struct definition_cache *self, uint32_t size)
{
    SP_ASSERT(size > 0 && size < DEFINITION_NONE);
    memset(self, 0, sizeof *self);
    sp_map_init(&self->index);
    self->row = calloc(size, sizeof *self->row);
    if (self->row == NULL || !sp_map_reserve(&self->index, size)) {
        definition_fini(self);
        return false;
    }
    self->size = size;
    self->newest = DEFINITION_NONE;
    self->oldest = DEFINITION_NONE;
    self->free_head = 0;
    for (uint32_t i = 0; i < size; i++) {
        self->row[i].older = i + 1 < size ? i + 1 : DEFINITION_NONE;
    }
    return true;
}

void definition_fini(struct definition_cache *self)
{
    free(self->row);
    self->row = NULL;
    sp_map_fini(&self->index);
}

uint32_t definition_find(struct definition_cache *self, const uint8_t digest[DEFINITION_DIGEST_BYTES])
{
    uint32_t at = self->newest;
    if (at != DEFINITION_NONE && memcmp(self->row[at].digest, digest, DEFINITION_DIGEST_BYTES) == 0) {
        return at; /* the usual case: a batch holds jobs of one check */
    }
    at = sp_map_get(&self->index, key_of(digest));
    if (at == SP_MAP_NONE || memcmp(self->row[at].digest, digest, DEFINITION_DIGEST_BYTES) != 0) {
        return DEFINITION_NONE;
    }
    unlink_row(self, at);
    link_newest(self, at);
    return at;
}

static uint32_t victim(const struct definition_cache *self, const uint8_t digest[DEFINITION_DIGEST_BYTES])
{
    /* Two digests with the same first 8 bytes share a map key: the older one must go, whatever its age. */
    uint32_t at = sp_map_get(&self->index, key_of(digest));
    if (at != SP_MAP_NONE) {
        return self->row[at].uses == 0 ? at : DEFINITION_NONE;
    }
    if (self->free_head != DEFINITION_NONE) {
        return DEFINITION_NONE;
    }
    for (at = self->oldest; at != DEFINITION_NONE && self->row[at].uses > 0;) {
        at = self->row[at].newer;
    }
    return at;
}

uint32_t definition_add(struct definition_cache *self, const uint8_t digest[DEFINITION_DIGEST_BYTES], struct definition *evicted)
{
    evicted->state = DEFINITION_FREE;
    uint32_t out = victim(self, digest);
    if (out != DEFINITION_NONE) {
        *evicted = self->row[out];
        definition_drop(self, out);
    }
    uint32_t at = self->free_head;
    if (at == DEFINITION_NONE || sp_map_get(&self->index, key_of(digest)) != SP_MAP_NONE) {
        return DEFINITION_NONE;
    }
    struct definition *d = &self->row[at];
    self->free_head = d->older;
    memset(d, 0, sizeof *d);
    memcpy(d->digest, digest, DEFINITION_DIGEST_BYTES);
    d->state = DEFINITION_WANTED;
    d->wait_head = DEFINITION_NONE;
    d->wait_tail = DEFINITION_NONE;
    link_newest(self, at);
    self->used++;
    bool put = sp_map_put(&self->index, key_of(digest), at);
    SP_ASSERT(put); /* reserved at init */
    return at;
}

void definition_drop(struct definition_cache *self, uint32_t at)
{
    SP_ASSERT(at < self->size);
    struct definition *d = &self->row[at];
    SP_ASSERT(d->state != DEFINITION_FREE);
    SP_ASSERT(d->uses == 0);
    sp_map_remove(&self->index, key_of(d->digest));
    unlink_row(self, at);
    d->state = DEFINITION_FREE;
    d->check = NULL;
    d->older = self->free_head;
    self->free_head = at;
    self->used--;
}

void definition_check(const struct definition_cache *self)
{
    uint32_t seen = 0;
    uint32_t newer = DEFINITION_NONE;
    for (uint32_t at = self->newest; at != DEFINITION_NONE; at = self->row[at].older) {
        const struct definition *d = &self->row[at];
        SP_ASSERT(d->state != DEFINITION_FREE);
        SP_ASSERT(d->newer == newer);
        SP_ASSERT(sp_map_get(&self->index, key_of(d->digest)) == at);
        SP_IMPLIES(d->wait_head != DEFINITION_NONE, d->uses > 0);
        newer = at;
        seen++;
        SP_ASSERT(seen <= self->used);
    }
    SP_ASSERT(seen == self->used);
    SP_ASSERT(self->oldest == newer);
}
