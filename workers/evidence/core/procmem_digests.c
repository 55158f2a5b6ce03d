/* SPDX-License-Identifier: Apache-2.0 */
#include "procmem_digests.h"

#include <stdlib.h>

#include "sp_hash.h"

#define FIRST_SIZE 256u
#define MD5_BYTES  16u
#define SHA_BYTES  32u

/* Paths are hashed without the slash before and the usr/ of systems where /lib and /usr/lib are one. */
static uint64_t hash_of(struct sp_str path)
{
    static const uint8_t key[16] = "SPICE procmem 1"; /* fixed: what a collision is worth is said in the header */
    static const char usr[] = "usr/";
    if (path.n > 0 && path.p[0] == '/') {
        path.p++;
        path.n--;
    }
    if (path.n > sizeof usr - 1 && memcmp(path.p, usr, sizeof usr - 1) == 0) {
        path.p += sizeof usr - 1;
        path.n -= (uint32_t)(sizeof usr - 1);
    }
    return sp_hash_sip(key, path.p, path.n);
}

static struct procmem_digest_row *room(struct procmem_digest_row **rows, uint32_t count, uint32_t *size)
{
    if (count == *size && *size < PROCMEM_DIGESTS_MAX) {
        uint32_t wanted = *size == 0 ? FIRST_SIZE : *size * 2 < PROCMEM_DIGESTS_MAX ? *size * 2 : PROCMEM_DIGESTS_MAX;
        struct procmem_digest_row *grown = realloc(*rows, (size_t)wanted * sizeof **rows);
        if (grown == NULL) {
            return NULL;
        }
        *rows = grown;
        *size = wanted;
    }
    return count < *size ? *rows + count : NULL;
}

bool procmem_digests_add(struct procmem_digests *self, struct sp_str path, const uint8_t *digest, size_t bytes)
{
    SP_ASSERT(bytes == SHA_BYTES || bytes == MD5_BYTES);
    bool sha = bytes == SHA_BYTES;
    struct procmem_digest_row *row =
        sha ? room(&self->sha256, self->sha256_count, &self->sha256_size) : room(&self->md5, self->md5_count, &self->md5_size);
    if (row == NULL) {
        return false;
    }
    *row = (struct procmem_digest_row){.path = hash_of(path)};
    memcpy(row->digest, digest, bytes);
    *(sha ? &self->sha256_count : &self->md5_count) += 1;
    return true;
}

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Takes the hexadecimal digits at the front. Returns the number of bytes, 0 when they are not of a digest. */
static size_t take_digest(struct sp_str *line, uint8_t out[SHA_BYTES])
{
    uint32_t n = 0;
    while (n < line->n && n < 2 * SHA_BYTES && digit(line->p[n]) >= 0) {
        n++;
    }
    if (n != 2 * SHA_BYTES && n != 2 * MD5_BYTES) {
        return 0;
    }
    for (uint32_t i = 0; i < n / 2; i++) {
        out[i] = (uint8_t)(digit(line->p[2 * i]) << 4 | digit(line->p[2 * i + 1]));
    }
    line->p += n;
    line->n -= n;
    return n / 2;
}

static bool add_line(struct procmem_digests *self, struct sp_str line, bool *no_memory)
{
    uint8_t out[SHA_BYTES];
    size_t bytes = take_digest(&line, out);
    if (bytes == 0 || line.n < 2 || line.p[0] != ' ') {
        return false;
    }
    struct sp_str path = sp_str_trim(line);
    if (path.n > 1 && path.p[0] == '*') { /* sha256sum --binary */
        path.p++;
        path.n--;
    }
    *no_memory = path.n > 0 && !procmem_digests_add(self, path, out, bytes);
    return path.n > 0 && !*no_memory;
}

bool procmem_digests_add_text(struct procmem_digests *self, struct sp_str text, uint32_t *line)
{
    struct sp_str one;
    bool no_memory = false;
    *line = 0;
    while (text.p != NULL && text.n > 0 && sp_str_next(&text, '\n', &one)) {
        (*line)++;
        if (one.n > 0 && one.p[0] != '#' && !add_line(self, one, &no_memory)) {
            *line = no_memory ? 0 : *line;
            return false;
        }
    }
    return true;
}

static int by_path(const void *a, const void *b)
{
    const struct procmem_digest_row *x = a, *y = b;
    return x->path < y->path ? -1 : x->path > y->path;
}

void procmem_digests_seal(struct procmem_digests *self)
{
    if (self->sha256_count > 0) {
        qsort(self->sha256, self->sha256_count, sizeof *self->sha256, by_path);
    }
    if (self->md5_count > 0) {
        qsort(self->md5, self->md5_count, sizeof *self->md5, by_path);
    }
}

void procmem_digests_fini(struct procmem_digests *self)
{
    free(self->sha256);
    free(self->md5);
    *self = (struct procmem_digests){0};
}

/* Looks among the rows of this path. */
static enum procmem_known look(const struct procmem_digest_row *row, uint32_t count, uint64_t path, struct sp_str digest)
{
    uint32_t low = 0, high = count;
    while (low < high) { /* the first of them */
        uint32_t middle = low + (high - low) / 2;
        if (row[middle].path < path) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    enum procmem_known known = PROCMEM_KNOWN_UNLISTED;
    for (; low < count && row[low].path == path && known != PROCMEM_KNOWN_SAME; low++) {
        known = digest.n > 0 && memcmp(row[low].digest, digest.p, digest.n) == 0 ? PROCMEM_KNOWN_SAME : PROCMEM_KNOWN_OTHER;
    }
    return known;
}

enum procmem_known procmem_digests_known(const void *ctx, struct sp_str path, const uint8_t sha256[32], const uint8_t *md5)
{
    const struct procmem_digests *self = ctx;
    uint64_t hash = hash_of(path);
    enum procmem_known known = look(self->sha256, self->sha256_count, hash, sp_str_bytes(sha256, SHA_BYTES));
    return known != PROCMEM_KNOWN_UNLISTED ? known
                                           : look(self->md5, self->md5_count, hash, sp_str_bytes(md5, md5 != NULL ? MD5_BYTES : 0));
}
