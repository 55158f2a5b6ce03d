/* SPDX-License-Identifier: Apache-2.0 */
#include "sections.h"

#include <string.h>

#include "octets.h"

static bool name_ok(struct sp_str name)
{
    bool ok = name.n > 0 && name.n <= SECTIONS_NAME_MAX;
    for (size_t i = 0; ok && i < name.n; i++) {
        char c = name.p[i];
        ok = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    }
    return ok;
}

static bool is_there(const struct sections *self, struct sp_str name)
{
    for (uint32_t i = 0; i < self->count; i++) {
        if (sp_str_eq(self->list[i].name, name)) {
            return true;
        }
    }
    return false;
}

bool sections_read(struct sp_str document, struct sections *out)
{
    struct octets o = octets_of(document);
    bool ok = true;
    out->count = 0;
    while (ok && !o.bad && o.n > 0) {
        struct sp_str name = octets_view(&o, (size_t)octets_be(&o, 1));
        struct sp_str bytes = octets_view(&o, (size_t)octets_be(&o, 4));
        ok = !o.bad && name_ok(name) && out->count < SECTIONS_MAX && !is_there(out, name);
        if (ok) {
            out->list[out->count].name = name;
            out->list[out->count++].bytes = bytes;
        }
    }
    if (!ok || !octets_end(&o)) {
        out->count = 0;
        return false;
    }
    return true;
}

bool sections_find(const struct sections *self, const char *name, struct sp_str *bytes)
{
    for (uint32_t i = 0; i < self->count; i++) {
        if (sp_str_is(self->list[i].name, name)) {
            *bytes = self->list[i].bytes;
            return true;
        }
    }
    return false;
}

size_t sections_head(const char *name, size_t n, uint8_t *out)
{
    struct sp_str text = sp_str_of(name);
    if (!name_ok(text) || n > UINT32_MAX) {
        return 0;
    }
    out[0] = (uint8_t)text.n;
    memcpy(out + 1, text.p, text.n);
    for (unsigned i = 0; i < 4; i++) {
        out[1 + text.n + i] = (uint8_t)(n >> (24 - 8 * i));
    }
    return 1 + text.n + 4;
}

void sections_begin(struct sections_writer *w, void *p, size_t cap)
{
    *w = (struct sections_writer){.p = p, .cap = cap};
}

void sections_add(struct sections_writer *w, const char *name, struct sp_str bytes)
{
    uint8_t head[SECTIONS_HEAD_MAX];
    size_t n = sections_head(name, bytes.n, head);
    size_t room = w->cap - w->n;
    w->bad = w->bad || n == 0 || w->count == SECTIONS_MAX || n > room || bytes.n > room - n;
    if (w->bad) {
        return;
    }
    memcpy(w->p + w->n, head, n);
    if (bytes.n > 0) {
        memcpy(w->p + w->n + n, bytes.p, bytes.n);
    }
    w->n += n + bytes.n;
    w->count++;
}
