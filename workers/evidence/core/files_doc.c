/* SPDX-License-Identifier: Apache-2.0 */
#include "files_doc.h"

#include <string.h>

/* ---- writing --------------------------------------------------------------------------------------------------- */

static void put_be(struct sp_buf *b, uint64_t v, unsigned bytes)
{
    uint8_t out[8];
    for (unsigned i = 0; i < bytes; i++) {
        out[i] = (uint8_t)(v >> (8 * (bytes - 1 - i)));
    }
    sp_buf_append(b, out, bytes);
}

void files_doc_put_head(struct sp_buf *b)
{
    sp_buf_text(b, FILES_DOC_HEAD);
}

void files_doc_put(struct sp_buf *b, struct files_last *last, const struct files_entry *e)
{
    uint16_t shared = 0;
    while (shared < last->n && shared < e->path.n && last->path[shared] == e->path.p[shared]) {
        shared++;
    }
    put_be(b, (uint8_t)e->type, 1);
    put_be(b, e->state, 1);
    put_be(b, e->mode, 2);
    put_be(b, e->uid, 4);
    put_be(b, e->gid, 4);
    put_be(b, e->size, 8);
    put_be(b, shared, 2);
    put_be(b, e->path.n - shared, 2);
    sp_buf_append(b, e->path.p + shared, e->path.n - shared);
    if (e->type == 'f' && e->state == FILES_READ) {
        sp_buf_append(b, e->sha256, FILES_DOC_SHA_BYTES);
    } else if (e->type == 'l' && e->state == FILES_READ) {
        put_be(b, e->target.n, 2);
        sp_buf_append(b, e->target.p, e->target.n);
    }
    memcpy(last->path + shared, e->path.p + shared, e->path.n - shared);
    last->n = (uint16_t)e->path.n;
}

void files_doc_put_end(struct sp_buf *b, enum files_end end, uint64_t entries, uint64_t bytes)
{
    put_be(b, 'E', 1);
    put_be(b, (uint64_t)end, 1);
    put_be(b, entries, 8);
    put_be(b, bytes, 8);
}

/* ---- reading --------------------------------------------------------------------------------------------------- */

void files_reader_init(struct files_reader *r)
{
    memset(r, 0, sizeof *r);
}

void files_reader_push(struct files_reader *r, struct sp_str bytes)
{
    r->part = bytes;
}

static bool is_type(uint8_t c)
{
    return c != 0 && strchr("fdlpscb", c) != NULL;
}

/* Takes the path. False: it is no path. */
static bool take_path(struct files_reader *r, struct octets *o)
{
    uint16_t shared = (uint16_t)octets_be(o, 2);
    struct sp_str more = octets_sized(o, MANIFEST_TABLE_PATH_MAX);
    if (o->bad) {
        return true; /* cut; or too long, which the caller sees when a whole record is there and still bad */
    }
    if (shared > r->last.n || shared + more.n > MANIFEST_TABLE_PATH_MAX) {
        return false;
    }
    r->entry.path = sp_str_bytes(r->last.path, shared + more.n);
    memcpy(r->last.path + shared, more.p, more.n);
    return manifest_table_is_path(r->entry.path);
}

/* Takes what follows the path. */
static bool take_content(struct files_reader *r, struct octets *o)
{
    struct files_entry *e = &r->entry;
    if (e->type == 'f' && e->state == FILES_READ) {
        const uint8_t *p = octets_take(o, FILES_DOC_SHA_BYTES);
        if (p != NULL) {
            memcpy(r->sha256, p, FILES_DOC_SHA_BYTES);
            e->sha256 = r->sha256;
        }
    } else if (e->type == 'l' && e->state == FILES_READ) {
        struct sp_str t = octets_sized(o, MANIFEST_TABLE_PATH_MAX);
        if (o->bad) {
            return true;
        }
        if (t.n == 0 || memchr(t.p, '\0', t.n) != NULL) {
            return false;
        }
        memcpy(r->target, t.p, t.n);
        e->target = sp_str_bytes(r->target, t.n);
    }
    return true;
}

/* Reads one record from the front of o. ENTRY, END, BAD; MORE: it is cut. The reader's path changes with ENTRY only. */
static enum files_next take_record(struct files_reader *r, struct octets *o)
{
    const struct octets before = *o;
    struct files_last last = {.n = 0};
    uint8_t type = (uint8_t)octets_be(o, 1);
    uint8_t state = (uint8_t)octets_be(o, 1);
    if (o->bad) {
        return FILES_NEXT_MORE;
    }
    if (type == 'E') {
        r->entries = octets_be(o, 8);
        r->bytes = octets_be(o, 8);
        r->end = (enum files_end)state;
        r->ended = !o->bad;
        return o->bad ? FILES_NEXT_MORE : state > FILES_END_LAST || r->entries != r->seen ? FILES_NEXT_BAD : FILES_NEXT_END;
    }
    if (!is_type(type) || state > FILES_STATE_LAST) {
        return FILES_NEXT_BAD;
    }
    last = r->last;
    r->entry = (struct files_entry){.type = (char)type, .state = state};
    r->entry.mode = (uint16_t)octets_be(o, 2);
    r->entry.uid = (uint32_t)octets_be(o, 4);
    r->entry.gid = (uint32_t)octets_be(o, 4);
    r->entry.size = octets_be(o, 8);
    if (r->entry.mode > 07777 || !take_path(r, o) || !take_content(r, o)) {
        return FILES_NEXT_BAD;
    }
    if (o->bad) {
        r->last = last;
        return before.n >= FILES_DOC_ENTRY_MAX ? FILES_NEXT_BAD : FILES_NEXT_MORE;
    }
    r->last.n = (uint16_t)r->entry.path.n;
    r->seen++;
    return FILES_NEXT_ENTRY;
}

/* Returns the next record, from bytes kept of the last part and the new one together. */
static enum files_next take_kept(struct files_reader *r)
{
    size_t room = sizeof r->rest - r->rest_n;
    size_t n = r->part.n < room ? r->part.n : room;
    if (n > 0) {
        memcpy(r->rest + r->rest_n, r->part.p, n);
    }
    struct octets o = octets_of(sp_str_bytes(r->rest, r->rest_n + n));
    size_t whole = o.n;
    enum files_next next = take_record(r, &o);
    if (next == FILES_NEXT_MORE) {
        r->rest_n = whole;
        r->part = sp_str_bytes(r->part.p + n, r->part.n - n);
        return next;
    }
    if (next == FILES_NEXT_BAD) {
        return next;
    }
    size_t used = whole - o.n - r->rest_n; /* of the new part: what was kept was no whole record */
    r->part = sp_str_bytes(r->part.p + used, r->part.n - used);
    r->rest_n = 0;
    return next;
}

static enum files_next take_next(struct files_reader *r)
{
    if (r->rest_n > 0) {
        return take_kept(r);
    }
    struct octets o = octets_of(r->part);
    enum files_next next = take_record(r, &o);
    if (next == FILES_NEXT_MORE) {
        if (r->part.n > sizeof r->rest) {
            return FILES_NEXT_BAD;
        }
        if (r->part.n > 0) {
            memcpy(r->rest, r->part.p, r->part.n);
        }
        r->rest_n = r->part.n;
        r->part.n = 0;
        return next;
    }
    r->part = sp_str_bytes(o.p, o.n);
    return next;
}

static bool take_head(struct files_reader *r)
{
    size_t size = strlen(FILES_DOC_HEAD);
    while (r->part.n > 0 && r->rest_n < size) {
        r->rest[r->rest_n++] = (uint8_t)*r->part.p;
        r->part = sp_str_bytes(r->part.p + 1, r->part.n - 1);
    }
    if (memcmp(r->rest, FILES_DOC_HEAD, r->rest_n) != 0) {
        r->bad = true;
    }
    if (r->rest_n < size) {
        return false;
    }
    r->begun = true;
    r->rest_n = 0;
    return true;
}

enum files_next files_reader_next(struct files_reader *r, struct files_entry *entry)
{
    if (!r->bad && !r->begun && !take_head(r) && !r->bad) {
        return FILES_NEXT_MORE;
    }
    if (!r->bad && r->ended) {
        r->bad = r->part.n > 0; /* nothing follows the end */
        return r->bad ? FILES_NEXT_BAD : FILES_NEXT_END;
    }
    enum files_next next = r->bad ? FILES_NEXT_BAD : take_next(r);
    if (next == FILES_NEXT_END && r->part.n > 0) {
        next = FILES_NEXT_BAD;
    }
    r->bad = r->bad || next == FILES_NEXT_BAD;
    if (next == FILES_NEXT_ENTRY) {
        *entry = r->entry;
    }
    return next;
}
