/* SPDX-License-Identifier: Apache-2.0 */
#include "appraisal_keys.h"

#include <stdlib.h>

#include "sp_assert.h"
#include "sp_crypto.h"

#define NOBODY UINT32_MAX

/* One key. Those that nobody has borrowed are in a list by their last use. */
struct row {
    struct appraisal_key key; /* first: what is lent */
    uint8_t digest[32];       /* of the public area */
    uint32_t lent;
    uint32_t next; /* in its bucket */
    uint32_t older, newer;
};

struct appraisal_keys {
    struct evidence_crypto *crypto; /* borrowed */
    struct row *row;
    uint32_t *bucket;
    uint32_t most, buckets, count;
    uint32_t oldest, newest; /* of those that are not lent */
};

SP_STATIC_ASSERT(offsetof(struct row, key) == 0, "a lent key is its row");

enum sp_rc appraisal_keys_new(struct evidence_crypto *c, uint32_t most, struct appraisal_keys **out)
{
    struct appraisal_keys *self = calloc(1, sizeof *self);
    SP_ASSERT(most > 0 && most < NOBODY / 2);
    if (self != NULL) {
        *self = (struct appraisal_keys){.crypto = c, .most = most, .buckets = 1, .oldest = NOBODY, .newest = NOBODY};
        while (self->buckets < most) {
            self->buckets *= 2;
        }
        self->row = calloc(most, sizeof *self->row);
        self->bucket = malloc(self->buckets * sizeof *self->bucket);
    }
    if (self == NULL || self->row == NULL || self->bucket == NULL) {
        appraisal_keys_destroy(&self);
        return SP_E_NOMEM;
    }
    for (uint32_t i = 0; i < self->buckets; i++) {
        self->bucket[i] = NOBODY;
    }
    *out = self;
    return SP_OK;
}

void appraisal_keys_destroy(struct appraisal_keys **keys)
{
    struct appraisal_keys *self = *keys;
    if (self == NULL) {
        return;
    }
    for (uint32_t i = 0; self->row != NULL && i < self->count; i++) {
        SP_ASSERT(self->row[i].lent == 0);
        evidence_key_destroy(&self->row[i].key.key);
    }
    free(self->row);
    free(self->bucket);
    free(self);
    *keys = NULL;
}

static uint32_t *bucket_of(struct appraisal_keys *self, const uint8_t digest[32])
{
    uint32_t hash = (uint32_t)digest[0] | (uint32_t)digest[1] << 8 | (uint32_t)digest[2] << 16 | (uint32_t)digest[3] << 24;
    return &self->bucket[hash & (self->buckets - 1)];
}

static void leave_list(struct appraisal_keys *self, uint32_t i)
{
    struct row *r = &self->row[i];
    *(r->older != NOBODY ? &self->row[r->older].newer : &self->oldest) = r->newer;
    *(r->newer != NOBODY ? &self->row[r->newer].older : &self->newest) = r->older;
}

static void join_list(struct appraisal_keys *self, uint32_t i)
{
    struct row *r = &self->row[i];
    r->older = self->newest;
    r->newer = NOBODY;
    *(r->older != NOBODY ? &self->row[r->older].newer : &self->oldest) = i;
    self->newest = i;
}

/* A place for one more: a new one, or that of the key used longest ago. NOBODY: all are lent. */
static uint32_t make_place(struct appraisal_keys *self)
{
    if (self->count < self->most) {
        return self->count++;
    }
    uint32_t i = self->oldest;
    if (i == NOBODY) {
        return NOBODY;
    }
    leave_list(self, i);
    uint32_t *at = bucket_of(self, self->row[i].digest);
    while (*at != i) {
        at = &self->row[*at].next;
    }
    *at = self->row[i].next;
    evidence_key_destroy(&self->row[i].key.key);
    return i;
}

const struct appraisal_key *appraisal_keys_get(struct appraisal_keys *self, struct sp_str public_area)
{
    uint8_t digest[32];
    sp_crypto_sha256(public_area.p, public_area.n, digest);
    uint32_t *bucket = bucket_of(self, digest);
    for (uint32_t i = *bucket; i != NOBODY; i = self->row[i].next) {
        struct row *r = &self->row[i];
        if (memcmp(r->digest, digest, sizeof digest) == 0) {
            if (r->lent++ == 0) {
                leave_list(self, i);
            }
            return &r->key;
        }
    }
    uint32_t i = make_place(self);
    if (i == NOBODY) {
        return NULL;
    }
    struct row *r = &self->row[i];
    *r = (struct row){.lent = 1, .next = *bucket, .older = NOBODY, .newer = NOBODY};
    memcpy(r->digest, digest, sizeof digest);
    r->key.reason = evidence_key_new(self->crypto, public_area, &r->key.key, &r->key.ak);
    *bucket = i;
    return &r->key;
}

void appraisal_keys_release(struct appraisal_keys *self, const struct appraisal_key *key)
{
    uint32_t i = (uint32_t)((const struct row *)(const void *)key - self->row);
    SP_ASSERT(i < self->count && self->row[i].lent > 0);
    if (--self->row[i].lent == 0) {
        join_list(self, i);
    }
}
