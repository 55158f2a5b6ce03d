/* SPDX-License-Identifier: Apache-2.0 */
#include "ima_table.h"

#include <stdlib.h>

#include "sp_hash.h"

#define DIGEST     32u
#define PER_BUCKET 8u

/* One listing while the table is filled. */
struct raw {
    uint8_t digest[DIGEST];
    uint64_t tag;
};

/* One listing while the table is sealed. */
struct row {
    uint64_t tag;
    uint32_t digest;
};

/* Sealed: tag[i] and at[i] are row i, ordered by both; rows whose tag begins with the bits b are from first[b] up to first[b + 1].
 */
struct ima_table {
    uint8_t key[16];
    struct raw *raw;
    uint32_t raws, raws_size;
    uint8_t (*digest)[DIGEST];
    uint64_t *tag;
    uint32_t *at;
    uint32_t *first;
    uint32_t digests, rows, buckets;
    unsigned shift;
};

struct ima_table *ima_table_new(const uint8_t key[16])
{
    struct ima_table *t = calloc(1, sizeof *t);
    if (t != NULL) {
        memcpy(t->key, key, sizeof t->key);
    }
    return t;
}

static void drop_sealed(struct ima_table *t)
{
    free(t->digest);
    free(t->tag);
    free(t->at);
    free(t->first);
    t->digest = NULL;
    t->tag = NULL;
    t->at = t->first = NULL;
}

void ima_table_destroy(struct ima_table **t)
{
    if (*t != NULL) {
        drop_sealed(*t);
        free((*t)->raw);
        free(*t);
        *t = NULL;
    }
}

/* Class and length of the digest are of the key, so none of them can be taken for another. */
static uint64_t tag_of(const struct ima_table *t, enum ima_class class, struct sp_str name, uint32_t digest_bytes)
{
    uint8_t key[16];
    memcpy(key, t->key, sizeof key);
    key[0] ^= (uint8_t) class;
    key[1] ^= (uint8_t)digest_bytes;
    return sp_hash_sip(key, name.p, name.n);
}

/* What is kept of a digest. */
static void shorten(struct sp_str digest, uint8_t out[DIGEST])
{
    memset(out, 0, DIGEST);
    memcpy(out, digest.p, digest.n < DIGEST ? digest.n : DIGEST);
}

bool ima_table_add(struct ima_table *t, enum ima_class class, struct sp_str name, struct sp_str digest)
{
    SP_ASSERT(t->first == NULL && digest.n >= 20 && digest.n <= 64);
    if (t->raws == IMA_TABLE_ROWS_MAX) {
        return false;
    }
    if (t->raws == t->raws_size) {
        uint32_t size = t->raws_size == 0 ? 64 : 2 * t->raws_size;
        struct raw *more = realloc(t->raw, size * sizeof *more);
        if (more == NULL) {
            return false;
        }
        t->raw = more;
        t->raws_size = size;
    }
    struct raw *raw = &t->raw[t->raws++];
    shorten(digest, raw->digest);
    raw->tag = tag_of(t, class, name, digest.n);
    return true;
}

/* ---- sealing --------------------------------------------------------------------------------------------------- */

static int by_digest(const void *a, const void *b)
{
    return memcmp(((const struct raw *)a)->digest, ((const struct raw *)b)->digest, DIGEST);
}

static int by_tag(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    if (x->tag != y->tag) {
        return x->tag < y->tag ? -1 : 1;
    }
    return x->digest < y->digest ? -1 : x->digest > y->digest;
}

/* Numbers the digests, each once, and gives the rows. */
static void number_digests(struct ima_table *t, struct row *rows)
{
    qsort(t->raw, t->raws, sizeof *t->raw, by_digest);
    for (uint32_t i = 0; i < t->raws; i++) {
        if (i == 0 || by_digest(&t->raw[i - 1], &t->raw[i]) != 0) {
            memcpy(t->digest[t->digests++], t->raw[i].digest, DIGEST);
        }
        rows[i] = (struct row){t->raw[i].tag, t->digests - 1};
    }
}

static void index_rows(struct ima_table *t)
{
    uint32_t row = 0;
    for (uint32_t bucket = 0; bucket <= t->buckets; bucket++) {
        while (row < t->rows && (t->shift == 64 ? 0 : t->tag[row] >> t->shift) < bucket) {
            row++;
        }
        t->first[bucket] = row;
    }
}

/* Memory beyond what is needed is given back; that a shrinking fails is no harm. */
static void *shrink(void *p, size_t bytes)
{
    void *less = realloc(p, bytes);
    return less != NULL ? less : p;
}

bool ima_table_seal(struct ima_table *t)
{
    SP_ASSERT(t->first == NULL);
    size_t most = t->raws > 0 ? t->raws : 1;
    t->buckets = 1;
    t->shift = 64;
    while (t->buckets * PER_BUCKET < t->raws) {
        t->buckets *= 2;
        t->shift--;
    }
    struct row *rows = malloc(most * sizeof *rows);
    t->digest = malloc(most * sizeof *t->digest);
    t->tag = malloc(most * sizeof *t->tag);
    t->at = malloc(most * sizeof *t->at);
    t->first = malloc((t->buckets + (size_t)1) * sizeof *t->first);
    if (rows == NULL || t->digest == NULL || t->tag == NULL || t->at == NULL || t->first == NULL) {
        free(rows);
        drop_sealed(t);
        return false;
    }
    if (t->raws > 0) {
        number_digests(t, rows);
        qsort(rows, t->raws, sizeof *rows, by_tag);
    }
    for (uint32_t i = 0; i < t->raws; i++) {
        if (i == 0 || by_tag(&rows[i - 1], &rows[i]) != 0) {
            t->tag[t->rows] = rows[i].tag;
            t->at[t->rows++] = rows[i].digest;
        }
    }
    free(rows);
    free(t->raw);
    t->raw = NULL;
    t->raws = t->raws_size = 0;
    index_rows(t);
    t->digest = shrink(t->digest, (t->digests > 0 ? t->digests : 1) * sizeof *t->digest);
    t->tag = shrink(t->tag, (t->rows > 0 ? t->rows : 1) * sizeof *t->tag);
    t->at = shrink(t->at, (t->rows > 0 ? t->rows : 1) * sizeof *t->at);
    return true;
}

/* ---- looking up ------------------------------------------------------------------------------------------------ */

/* Returns the first row of this tag; t->rows when there is none. */
static uint32_t find_tag(const struct ima_table *t, uint64_t tag)
{
    uint64_t bucket = t->shift == 64 ? 0 : tag >> t->shift;
    for (uint32_t i = t->first[bucket]; i < t->first[bucket + 1]; i++) {
        if (t->tag[i] >= tag) {
            return t->tag[i] == tag ? i : t->rows;
        }
    }
    return t->rows;
}

/* A name may be listed with digests of several hashes. */
static bool named(const struct ima_table *t, enum ima_class class, struct sp_str name)
{
    static const uint32_t sizes[] = {20, 32, 48, 64};
    for (size_t i = 0; i < SP_COUNT(sizes); i++) {
        if (find_tag(t, tag_of(t, class, name, sizes[i])) < t->rows) {
            return true;
        }
    }
    return false;
}

enum ima_listed ima_table_find(const struct ima_table *t, enum ima_class class, struct sp_str name, struct sp_str digest)
{
    SP_ASSERT(t->first != NULL);
    uint8_t wanted[DIGEST];
    uint64_t tag = tag_of(t, class, name, digest.n);
    shorten(digest, wanted);
    for (uint32_t i = find_tag(t, tag); i < t->rows && t->tag[i] == tag; i++) {
        if (memcmp(t->digest[t->at[i]], wanted, DIGEST) == 0) {
            return IMA_LISTED;
        }
    }
    return named(t, class, name) ? IMA_OTHER : IMA_ABSENT;
}

uint32_t ima_table_digests(const struct ima_table *t)
{
    return t->digests;
}

uint32_t ima_table_rows(const struct ima_table *t)
{
    return t->rows;
}

size_t ima_table_bytes(const struct ima_table *t)
{
    return sizeof *t + (size_t)t->digests * DIGEST + (size_t)t->rows * (sizeof *t->tag + sizeof *t->at) +
           (t->buckets + (size_t)1) * sizeof *t->first;
}
