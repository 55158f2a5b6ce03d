/* SPDX-License-Identifier: Apache-2.0 */
#include "files_make.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "files_dpkg.h"
#include "files_walk.h"
#include "sp_crypto.h"

#define NAMED_MAX 5u /* files that are told by name */

/* What was found; texts and digests lie in `bytes`. */
struct found {
    struct files_entry e; /* path, target and sha256 are not used */
    uint32_t at;
    uint16_t path_n, more_n;
};

struct make {
    const struct files_make_options *o;
    struct found *row;
    size_t count, room;
    struct sp_buf bytes;
    struct files_make_sum *sum;
    char *why;
    struct manifest_table *table; /* of what was made */
    uint32_t wrong;               /* files that are not as they were packed */
};

static bool fail(struct make *m, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool fail(struct make *m, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    (void)vsnprintf(m->why, FILES_MAKE_WHY_MAX, format, list);
    va_end(list);
    return false;
}

static struct sp_str path_of(const struct make *m, const struct found *f)
{
    return sp_str_bytes(m->bytes.p + f->at, f->path_n);
}

/* ---- reading the document -------------------------------------------------------------------------------------- */

static bool take(struct make *m, const struct files_entry *e)
{
    if (e->state != FILES_READ) {
        static const char *const words[] = {[FILES_UNSTABLE] = "changed each time it was looked at",
                                            [FILES_UNREADABLE] = "cannot be read",
                                            [FILES_TOO_LARGE] = "is too large or too deep"};
        return fail(m, "%.*s %s", (int)e->path.n, e->path.p, words[e->state]);
    }
    if (m->count == m->room) {
        size_t room = m->room > 0 ? 2 * m->room : 1024;
        struct found *grown = realloc(m->row, room * sizeof *grown);
        if (grown == NULL) {
            return fail(m, "no memory");
        }
        m->row = grown;
        m->room = room;
    }
    struct sp_str more = e->type == 'f' ? sp_str_bytes(e->sha256, FILES_DOC_SHA_BYTES) : e->target;
    m->row[m->count++] =
        (struct found){.e = *e, .at = (uint32_t)m->bytes.n, .path_n = (uint16_t)e->path.n, .more_n = (uint16_t)more.n};
    sp_buf_append(&m->bytes, e->path.p, e->path.n);
    sp_buf_append(&m->bytes, more.p, more.n);
    m->sum->files += e->type == 'f';
    return !m->bytes.failed || fail(m, "more than a manifest can hold");
}

static bool read_document(struct make *m, int fd, const struct files_walk_sum *sum)
{
    static struct files_reader reader; /* large */
    struct files_entry e;
    enum files_next next;
    if (sum->end != FILES_END_WHOLE) {
        return fail(m, "more files, or larger ones, than a manifest can hold");
    }
    void *p = mmap(NULL, sum->written, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED) {
        return fail(m, "no memory");
    }
    files_reader_init(&reader);
    files_reader_push(&reader, sp_str_bytes(p, sum->written));
    bool ok = true;
    while ((next = files_reader_next(&reader, &e)) == FILES_NEXT_ENTRY && ok) {
        ok = take(m, &e);
    }
    ok = ok && (next == FILES_NEXT_END || fail(m, "what was read cannot be read again"));
    (void)munmap(p, sum->written);
    m->sum->entries = sum->entries;
    m->sum->bytes = sum->bytes;
    return ok;
}

static bool look(struct make *m)
{
    struct files_walk_options o;
    struct files_walk_sum sum;
    files_walk_defaults(&o);
    o.root = m->o->root;
    o.trees = m->o->trees;
    o.tree_count = m->o->tree_count;
    o.skips = m->o->skips;
    o.skip_count = m->o->skip_count;
    o.max_us = UINT64_MAX / 4;
    o.out = memfd_create("manifest", MFD_CLOEXEC);
    bool ok = o.out >= 0 && (files_walk(&o, &sum) || fail(m, "the files cannot be listed: %s", strerror(errno)));
    ok = ok && read_document(m, o.out, &sum);
    if (o.out >= 0) {
        (void)close(o.out);
    }
    return ok;
}

/* ---- writing --------------------------------------------------------------------------------------------------- */

static int by_path(const void *a, const void *b, void *bytes)
{
    const struct found *x = a, *y = b;
    const char *p = bytes;
    return manifest_table_order(sp_str_bytes(p + x->at, x->path_n), sp_str_bytes(p + y->at, y->path_n));
}

static bool write_rows(struct make *m, struct sp_buf *out)
{
    char why[MANIFEST_TABLE_WHY_MAX];
    manifest_table_put_head(out, m->o->trees, m->o->tree_count, m->o->skips, m->o->skip_count);
    if (m->count > 0) {
        qsort_r(m->row, m->count, sizeof *m->row, by_path, m->bytes.p);
    }
    for (size_t i = 0; i < m->count; i++) {
        const struct found *f = &m->row[i];
        const uint8_t *more = m->bytes.p + f->at + f->path_n;
        struct manifest_row row = {
            .path = path_of(m, f), .type = f->e.type, .mode = f->e.mode, .uid = f->e.uid, .gid = f->e.gid, .size = f->e.size};
        row.target = sp_str_bytes(more, f->e.type == 'l' ? f->more_n : 0);
        row.sha256 = f->e.type == 'f' ? more : NULL;
        row.uid = m->o->any_owner ? MANIFEST_ANY_OWNER : row.uid;
        row.gid = m->o->any_owner ? MANIFEST_ANY_OWNER : row.gid;
        manifest_table_put_row(out, &row);
    }
    if (out->failed) {
        return fail(m, "more than a manifest can hold");
    }
    return manifest_table_new(sp_buf_view(out), &m->table, why) || fail(m, "%s", why);
}

/* ---- against the package database ------------------------------------------------------------------------------ */

static void tell(struct make *m, struct sp_str path, const char *what)
{
    size_t n = strlen(m->why);
    if (m->wrong++ < NAMED_MAX) {
        (void)snprintf(m->why + n, FILES_MAKE_WHY_MAX - n, "%s%.*s %s", m->wrong > 1 ? "; " : "", path.n < 150 ? (int)path.n : 150,
                       path.p, what);
    }
}

/* Reads a file once for both digests: what is compared with the list is what the manifest has. */
static bool digests(const char *root, struct sp_str path, uint8_t sha256[32], uint8_t md5[16])
{
    static uint8_t chunk[65536];
    char name[2 * MANIFEST_TABLE_PATH_MAX];
    struct sp_crypto_sha256 s;
    struct sp_crypto_md5 h;
    ssize_t n = -1;
    if (snprintf(name, sizeof name, "%s%.*s", root, (int)path.n, path.p) >= (int)sizeof name) {
        return false;
    }
    int fd = open(name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    sp_crypto_sha256_init(&s);
    sp_crypto_md5_init(&h);
    while (fd >= 0 && (n = read(fd, chunk, sizeof chunk)) > 0) {
        sp_crypto_sha256_update(&s, chunk, (size_t)n);
        sp_crypto_md5_update(&h, chunk, (size_t)n);
    }
    sp_crypto_sha256_final(&s, sha256);
    sp_crypto_md5_final(&h, md5);
    if (fd >= 0) {
        (void)close(fd);
    }
    return n == 0;
}

static void compare(struct make *m, const struct files_dpkg *d, const struct manifest_row *row)
{
    uint8_t sha256[32], md5[16];
    bool same = false;
    size_t i = files_dpkg_find(d, row->path);
    if (i == files_dpkg_count(d)) {
        return;
    }
    if (row->type != 'f') {
        tell(m, row->path, "is no file");
        return;
    }
    if (!digests(m->o->root != NULL ? m->o->root : "", row->path, sha256, md5) || memcmp(sha256, row->sha256, sizeof sha256) != 0) {
        tell(m, row->path, "changed while it was read");
        return;
    }
    for (; !same && i < files_dpkg_count(d) && sp_str_eq(files_dpkg_path(d, i), row->path); i++) {
        same = memcmp(files_dpkg_md5(d, i), md5, sizeof md5) == 0;
    }
    if (same) {
        m->sum->packaged++;
    } else {
        tell(m, row->path, "differs from its package");
    }
}

static bool against_dpkg(struct make *m)
{
    struct files_dpkg *d = NULL;
    char why[MANIFEST_TABLE_WHY_MAX];
    struct manifest_row row;
    size_t at;
    if (!files_dpkg_open(m->o->root != NULL ? m->o->root : "", m->table, &d, why)) {
        return fail(m, "%s", why);
    }
    m->why[0] = '\0';
    for (size_t i = 0; i < manifest_table_count(m->table); i++) {
        manifest_table_row(m->table, i, &row);
        compare(m, d, &row);
    }
    for (size_t i = 0; i < files_dpkg_count(d); i++) {
        if (!manifest_table_find(m->table, files_dpkg_path(d, i), &at)) {
            tell(m, files_dpkg_path(d, i), "is missing");
        }
    }
    files_dpkg_close(&d);
    size_t n = strlen(m->why);
    if (m->wrong > NAMED_MAX) {
        (void)snprintf(m->why + n, FILES_MAKE_WHY_MAX - n, "; and %" PRIu32 " more", m->wrong - NAMED_MAX);
    }
    return m->wrong == 0;
}

bool files_make(const struct files_make_options *o, struct sp_buf *out, struct files_make_sum *sum, char *why)
{
    struct make m = {.o = o, .sum = sum, .why = why};
    memset(sum, 0, sizeof *sum);
    sp_buf_init(&m.bytes, 4 * (size_t)MANIFEST_TABLE_BYTES_MAX);
    bool ok = look(&m) && write_rows(&m, out) && (!o->dpkg || against_dpkg(&m));
    manifest_table_free(&m.table);
    sp_buf_fini(&m.bytes);
    free(m.row);
    return ok;
}
