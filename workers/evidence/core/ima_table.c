/* SPDX-License-Identifier: Apache-2.0 */
#include "ima_table.h"

#include <stdlib.h>

#include "sp_hash.h"

#define DIGEST     32u
#define PER_BUCKET 4u

/* One listing while the table is filled. */
struct raw {
    uint8_t digest[DIGEST];
    uint64_t tag;
};

/* One listing of a sealed table: 12 bytes, so that a bucket is a line or two of the processor's cache. */
struct row {
    uint32_t tag[2]; /* the upper half first */
    uint32_t digest;
};

/* Where the rows begin whose tags begin with the same bits, and the digests that are not of rows before them. */
struct bucket {
    uint32_t row, digest;
};

/* Sealed: rows are ordered by tag and digest, digests by the first row that has them, so both can be fetched at once. */
struct ima_table {
    uint64_t key[2];
    struct raw *raw;
    uint32_t raws, raws_size;
    uint8_t (*digest)[DIGEST];
    struct row *row;
    struct bucket *first; /* one more than there are */
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
    free(t->row);
    free(t->first);
    t->digest = NULL;
    t->row = NULL;
    t->first = NULL;
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
    const uint64_t words[2] = {t->key[0] ^ (uint64_t) class ^ (uint64_t)digest_bytes << 8, t->key[1]};
    uint8_t key[16];
    memcpy(key, words, sizeof key); /* in words, as they are read */
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

static uint64_t bucket_of(const struct ima_table *t, uint64_t tag)
{
    return t->shift == 64 ? 0 : tag >> t->shift;
}

static int by_digest(const void *a, const void *b)
{
    return memcmp(((const struct raw *)a)->digest, ((const struct raw *)b)->digest, DIGEST);
}

static uint64_t tag_in(const struct row *r)
{
    return (uint64_t)r->tag[0] << 32 | r->tag[1];
}

static int by_tag(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    uint64_t of_x = tag_in(x), of_y = tag_in(y);
    if (of_x != of_y) {
        return of_x < of_y ? -1 : 1;
    }
    return x->digest < y->digest ? -1 : x->digest > y->digest;
}

/* Effect: a row for each listing, its digest by number in the order of their bytes; start[number] is a listing with it. */
static uint32_t make_rows(struct ima_table *t, uint32_t *start)
{
    uint32_t digests = 0;
    qsort(t->raw, t->raws, sizeof *t->raw, by_digest);
    for (uint32_t i = 0; i < t->raws; i++) {
        if (i == 0 || by_digest(&t->raw[i - 1], &t->raw[i]) != 0) {
            start[digests++] = i;
        }
        t->row[i] = (struct row){{(uint32_t)(t->raw[i].tag >> 32), (uint32_t)t->raw[i].tag}, digests - 1};
    }
    qsort(t->row, t->raws, sizeof *t->row, by_tag);
    for (uint32_t i = 0; i < t->raws; i++) {
        if (t->rows == 0 || by_tag(&t->row[t->rows - 1], &t->row[i]) != 0) {
            t->row[t->rows++] = t->row[i];
        }
    }
    return digests;
}

/* Effect: keeps the digests in the order of the rows; number[] is of those of before. */
static void keep_digests(struct ima_table *t, const uint32_t *start, uint32_t *number)
{
    uint32_t bucket = 0;
    memset(number, 0xff, t->raws * sizeof *number);
    for (uint32_t i = 0; i <= t->rows; i++) {
        uint64_t last = i < t->rows ? bucket_of(t, tag_in(&t->row[i])) : t->buckets;
        for (; bucket <= last; bucket++) {
            t->first[bucket] = (struct bucket){i, t->digests};
        }
        if (i == t->rows) {
            return;
        }
        uint32_t before = t->row[i].digest;
        if (number[before] == UINT32_MAX) {
            number[before] = t->digests;
            memcpy(t->digest[t->digests++], t->raw[start[before]].digest, DIGEST);
        }
        t->row[i].digest = number[before];
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
    uint32_t *start = malloc(most * sizeof *start), *number = malloc(most * sizeof *number);
    t->row = malloc(most * sizeof *t->row);
    t->first = malloc((t->buckets + (size_t)1) * sizeof *t->first);
    bool made = start != NULL && number != NULL && t->row != NULL && t->first != NULL;
    if (made) {
        uint32_t digests = t->raws > 0 ? make_rows(t, start) : 0;
        t->digest = malloc((digests > 0 ? digests : 1) * sizeof *t->digest);
        made = t->digest != NULL;
    }
    if (made) {
        keep_digests(t, start, number);
    }
    free(start);
    free(number);
    if (!made) {
        t->rows = 0;
        drop_sealed(t);
        return false;
    }
    free(t->raw);
    t->raw = NULL;
    t->raws = t->raws_size = 0;
    t->row = shrink(t->row, (t->rows > 0 ? t->rows : 1) * sizeof *t->row);
    return true;
}

/* ---- looking up ------------------------------------------------------------------------------------------------ */

/* Returns the first row of this tag; t->rows when there is none. */
static uint32_t find_tag(const struct ima_table *t, uint64_t tag)
{
    const struct bucket *bucket = &t->first[bucket_of(t, tag)];
    uint32_t end = bucket[1].row, i = bucket->row;
    while (i < end && tag_in(&t->row[i]) < tag) {
        i++;
    }
    return i < end && tag_in(&t->row[i]) == tag ? i : t->rows;
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

uint64_t ima_table_soon(const struct ima_table *t, enum ima_class class, struct sp_str name, uint32_t digest_bytes)
{
    uint64_t tag = tag_of(t, class, name, digest_bytes);
    __builtin_prefetch(&t->first[bucket_of(t, tag)]);
    return tag;
}

void ima_table_sooner(const struct ima_table *t, uint64_t tag)
{
    const struct bucket *bucket = &t->first[bucket_of(t, tag)];
    __builtin_prefetch(&t->row[bucket->row]);
    for (uint32_t k = 0; k < PER_BUCKET; k += 2) { /* two share a line */
        __builtin_prefetch(&t->digest[bucket->digest + k < t->digests ? bucket->digest + k : 0]);
    }
}

enum ima_listed ima_table_find_soon(const struct ima_table *t, const struct ima_wanted *w)
{
    uint8_t shortened[DIGEST];
    const void *kept = w->digest.p; /* all of it */
    SP_ASSERT(t->first != NULL);
    if (w->digest.n != DIGEST) {
        shorten(w->digest, shortened);
        kept = shortened;
    }
    for (uint32_t i = find_tag(t, w->tag); i < t->rows && tag_in(&t->row[i]) == w->tag; i++) {
        if (memcmp(t->digest[t->row[i].digest], kept, DIGEST) == 0) {
            return IMA_LISTED;
        }
    }
    return named(t, w->class, w->name) ? IMA_OTHER : IMA_ABSENT;
}

enum ima_listed ima_table_find(const struct ima_table *t, enum ima_class class, struct sp_str name, struct sp_str digest)
{
    const struct ima_wanted wanted = {class, name, digest, tag_of(t, class, name, digest.n)};
    return ima_table_find_soon(t, &wanted);
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
    return sizeof *t + (size_t)t->digests * DIGEST + (size_t)t->rows * sizeof *t->row + (t->buckets + (size_t)1) * sizeof *t->first;
}
