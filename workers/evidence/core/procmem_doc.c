/* SPDX-License-Identifier: Apache-2.0 */
#include "procmem_doc.h"

#include "sp_assert.h"

static const char magic[] = "SPICE procmem 1\n";
#define MAGIC_BYTES (sizeof magic - 1)
#define COMM_MAX    15u

/* ---- reading --------------------------------------------------------------------------------------------------- */

/* A count; over its limit the document is broken. */
static uint32_t take_count(struct octets *o, unsigned bytes, uint32_t max)
{
    uint64_t n = octets_be(o, bytes);
    if (n > max) {
        o->bad = true;
    }
    return o->bad ? 0 : (uint32_t)n;
}

static struct sp_str take_text(struct octets *o, unsigned bytes, uint32_t max)
{
    return octets_view(o, take_count(o, bytes, max));
}

/* Flags; one that nobody knows could mean anything. */
static uint8_t take_flags(struct octets *o, uint8_t known)
{
    uint8_t flags = (uint8_t)octets_be(o, 1);
    if ((flags & ~known) != 0) {
        o->bad = true;
    }
    return flags;
}

/* The index of one of `count` things. */
static uint32_t take_index(struct octets *o, uint32_t count, bool may_be_none)
{
    uint32_t i = (uint32_t)octets_be(o, 4);
    if (i >= count && !(may_be_none && i == PROCMEM_NO_FILE)) {
        o->bad = true;
    }
    return i;
}

bool procmem_doc_open(struct procmem_doc *d, struct sp_str bytes)
{
    *d = (struct procmem_doc){.rest = octets_of(bytes), .begun = true};
    const uint8_t *head = octets_take(&d->rest, MAGIC_BYTES);
    if (bytes.n > PROCMEM_DOC_BYTES_MAX || head == NULL || memcmp(head, magic, MAGIC_BYTES) != 0) {
        d->rest.bad = true;
    }
    d->services_left = take_count(&d->rest, 2, PROCMEM_SERVICES_MAX);
    d->services = d->services_left;
    if (d->services == 0) {
        d->rest.bad = true;
    }
    return !d->rest.bad;
}

static bool had(struct procmem_doc *d)
{
    return !d->rest.bad;
}

/* True when there is one more of these; counts it. */
static bool one_more(struct procmem_doc *d, uint32_t *left)
{
    if (d->rest.bad || *left == 0) {
        return false;
    }
    (*left)--;
    return true;
}

bool procmem_doc_service(struct procmem_doc *d, struct procmem_service *out)
{
    struct octets *o = &d->rest;
    *out = (struct procmem_service){0};
    if (!one_more(d, &d->services_left)) {
        return false;
    }
    out->name = take_text(o, 1, PROCMEM_NAME_MAX);
    out->state = take_flags(o, 1);
    out->processes = take_count(o, 4, PROCMEM_PROCESSES_MAX);
    out->ended = (uint32_t)octets_be(o, 4);
    if (out->name.n == 0) {
        o->bad = true;
    }
    if (d->services_left == 0) {
        d->files = take_count(o, 4, PROCMEM_FILES_MAX);
        d->files_left = d->files;
        if (d->files == 0) {
            d->processes_left = take_count(o, 4, PROCMEM_PROCESSES_MAX);
        }
    }
    return had(d);
}

uint32_t procmem_doc_files(const struct procmem_doc *d)
{
    return d->files;
}

bool procmem_doc_file(struct procmem_doc *d, struct procmem_file *out)
{
    struct octets *o = &d->rest;
    SP_ASSERT(d->services_left == 0 || d->rest.bad);
    *out = (struct procmem_file){0};
    if (!one_more(d, &d->files_left)) {
        return false;
    }
    out->path = take_text(o, 2, PROCMEM_PATH_MAX);
    out->flags = take_flags(o, PROCMEM_FILE_FLAGS);
    out->mode = (uint32_t)octets_be(o, 4);
    out->uid = (uint32_t)octets_be(o, 4);
    out->size = octets_be(o, 8);
    if ((out->flags & PROCMEM_FILE_NO_DIGEST) == 0) {
        out->sha256 = octets_take(o, 32);
        out->md5 = (out->flags & PROCMEM_FILE_MD5) != 0 ? octets_take(o, 16) : NULL;
    } else if ((out->flags & PROCMEM_FILE_MD5) != 0) {
        o->bad = true;
    }
    if (d->files_left == 0) {
        d->processes_left = take_count(o, 4, PROCMEM_PROCESSES_MAX);
    }
    return had(d);
}

bool procmem_doc_process(struct procmem_doc *d, struct procmem_process *out)
{
    struct octets *o = &d->rest;
    SP_ASSERT((d->files_left == 0 && d->settings_left == 0 && d->mappings_left == 0 && d->places_left == 0) || d->rest.bad);
    *out = (struct procmem_process){0};
    if (!one_more(d, &d->processes_left)) {
        return false;
    }
    out->service = (uint16_t)octets_be(o, 2);
    out->flags = take_flags(o, PROCMEM_PROCESS_FLAGS);
    out->pid = (uint32_t)octets_be(o, 4);
    out->start = octets_be(o, 8);
    out->uid = (uint32_t)octets_be(o, 4);
    out->tracer = (uint32_t)octets_be(o, 4);
    out->exe = take_index(o, d->files, true);
    out->name = take_text(o, 1, COMM_MAX);
    out->settings = take_count(o, 1, PROCMEM_SETTINGS_MAX);
    out->mappings = take_count(o, 4, PROCMEM_MAPPINGS_MAX);
    if (out->service >= d->services) {
        o->bad = true;
    }
    d->settings_left = out->settings;
    d->mappings_left = out->mappings;
    return had(d);
}

bool procmem_doc_setting(struct procmem_doc *d, struct procmem_setting *out)
{
    struct octets *o = &d->rest;
    *out = (struct procmem_setting){0};
    if (!one_more(d, &d->settings_left)) {
        return false;
    }
    out->name = take_text(o, 1, PROCMEM_NAME_MAX);
    out->cut = take_flags(o, 1) != 0;
    out->value = take_text(o, 2, PROCMEM_VALUE_MAX);
    return had(d);
}

/* What does not add up was not written by the collector. */
static bool contradicts(const struct procmem_mapping *m)
{
    bool whole = m->absent <= m->bytes && m->compared == m->bytes - m->absent;
    bool is_compared = (m->kind == PROCMEM_MAP_FILE || m->kind == PROCMEM_MAP_VDSO) && (m->flags & PROCMEM_MAP_UNCOMPARED) == 0;
    return (is_compared ? !whole : m->compared != 0) || m->differing > m->compared || (m->places > 0) != (m->differing > 0) ||
           m->start + m->bytes < m->start;
}

bool procmem_doc_mapping(struct procmem_doc *d, struct procmem_mapping *out)
{
    struct octets *o = &d->rest;
    SP_ASSERT((d->settings_left == 0 && d->places_left == 0) || d->rest.bad);
    *out = (struct procmem_mapping){0};
    if (!one_more(d, &d->mappings_left)) {
        return false;
    }
    out->kind = (uint8_t)take_count(o, 1, PROCMEM_MAP_KINDS - 1);
    out->flags = take_flags(o, PROCMEM_MAP_FLAGS);
    out->start = octets_be(o, 8);
    out->bytes = octets_be(o, 8);
    out->offset = octets_be(o, 8);
    out->file = take_index(o, d->files, out->kind != PROCMEM_MAP_FILE);
    out->name = take_text(o, 1, PROCMEM_NAME_MAX);
    out->absent = octets_be(o, 8);
    out->own = octets_be(o, 8);
    out->compared = octets_be(o, 8);
    out->differing = octets_be(o, 8);
    out->places = take_count(o, 1, PROCMEM_PLACES_MAX);
    if (contradicts(out)) {
        o->bad = true;
    }
    d->places_left = out->places;
    return had(d);
}

bool procmem_doc_place(struct procmem_doc *d, struct procmem_place *out)
{
    struct octets *o = &d->rest;
    *out = (struct procmem_place){0};
    if (!one_more(d, &d->places_left)) {
        return false;
    }
    out->at = octets_be(o, 8);
    out->bytes = octets_be(o, 8);
    uint32_t n = take_count(o, 1, PROCMEM_PLACE_BYTES);
    out->memory = octets_view(o, n);
    out->file = octets_view(o, n);
    if (n == 0 || out->bytes < n) {
        o->bad = true;
    }
    return had(d);
}

bool procmem_doc_end(const struct procmem_doc *d)
{
    return d->begun && octets_end(&d->rest) && d->services_left == 0 && d->files_left == 0 && d->processes_left == 0 &&
           d->settings_left == 0 && d->mappings_left == 0 && d->places_left == 0;
}

/* ---- writing --------------------------------------------------------------------------------------------------- */

static void put_be(struct sp_buf *b, uint64_t v, unsigned bytes)
{
    uint8_t out[8];
    for (unsigned i = 0; i < bytes; i++) {
        out[i] = (uint8_t)(v >> 8 * (bytes - 1 - i));
    }
    sp_buf_append(b, out, bytes);
}

static void put_text(struct sp_buf *b, struct sp_str text, unsigned bytes, uint32_t max)
{
    uint32_t n = text.n < max ? text.n : max;
    put_be(b, n, bytes);
    sp_buf_append(b, text.p, n);
}

void procmem_put_head(struct sp_buf *b, uint32_t services)
{
    SP_ASSERT(services > 0 && services <= PROCMEM_SERVICES_MAX);
    sp_buf_append(b, magic, MAGIC_BYTES);
    put_be(b, services, 2);
}

void procmem_put_service(struct sp_buf *b, const struct procmem_service *s)
{
    put_text(b, s->name, 1, PROCMEM_NAME_MAX);
    put_be(b, s->state, 1);
    put_be(b, s->processes, 4);
    put_be(b, s->ended, 4);
}

void procmem_put_count(struct sp_buf *b, uint32_t n)
{
    put_be(b, n, 4);
}

void procmem_put_file(struct sp_buf *b, const struct procmem_file *f)
{
    bool digest = (f->flags & PROCMEM_FILE_NO_DIGEST) == 0;
    SP_ASSERT(digest == (f->sha256 != NULL) && ((f->flags & PROCMEM_FILE_MD5) != 0) == (f->md5 != NULL));
    put_text(b, f->path, 2, PROCMEM_PATH_MAX);
    put_be(b, f->flags, 1);
    put_be(b, f->mode, 4);
    put_be(b, f->uid, 4);
    put_be(b, f->size, 8);
    if (digest) {
        sp_buf_append(b, f->sha256, 32);
        sp_buf_append(b, f->md5, f->md5 != NULL ? 16 : 0);
    }
}

void procmem_put_process(struct sp_buf *b, const struct procmem_process *p)
{
    put_be(b, p->service, 2);
    put_be(b, p->flags, 1);
    put_be(b, p->pid, 4);
    put_be(b, p->start, 8);
    put_be(b, p->uid, 4);
    put_be(b, p->tracer, 4);
    put_be(b, p->exe, 4);
    put_text(b, p->name, 1, COMM_MAX);
    put_be(b, p->settings, 1);
    put_be(b, p->mappings, 4);
}

void procmem_put_setting(struct sp_buf *b, const struct procmem_setting *s)
{
    put_text(b, s->name, 1, PROCMEM_NAME_MAX);
    put_be(b, s->cut || s->value.n > PROCMEM_VALUE_MAX, 1);
    put_text(b, s->value, 2, PROCMEM_VALUE_MAX);
}

void procmem_put_mapping(struct sp_buf *b, const struct procmem_mapping *m)
{
    put_be(b, m->kind, 1);
    put_be(b, m->flags, 1);
    put_be(b, m->start, 8);
    put_be(b, m->bytes, 8);
    put_be(b, m->offset, 8);
    put_be(b, m->file, 4);
    put_text(b, m->name, 1, PROCMEM_NAME_MAX);
    put_be(b, m->absent, 8);
    put_be(b, m->own, 8);
    put_be(b, m->compared, 8);
    put_be(b, m->differing, 8);
    put_be(b, m->places, 1);
}

void procmem_put_place(struct sp_buf *b, const struct procmem_place *p)
{
    SP_ASSERT(p->memory.n == p->file.n && p->memory.n > 0 && p->memory.n <= PROCMEM_PLACE_BYTES);
    put_be(b, p->at, 8);
    put_be(b, p->bytes, 8);
    put_be(b, p->memory.n, 1);
    sp_buf_append(b, p->memory.p, p->memory.n);
    sp_buf_append(b, p->file.p, p->file.n);
}
