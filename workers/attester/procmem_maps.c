/* SPDX-License-Identifier: Apache-2.0 */
#include "procmem_maps.h"

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

/* Takes the next word; empty at the end of the line. */
static struct sp_str word(struct sp_str *line)
{
    uint32_t skip = 0, n = 0;
    while (skip < line->n && is_space(line->p[skip])) {
        skip++;
    }
    while (skip + n < line->n && !is_space(line->p[skip + n])) {
        n++;
    }
    struct sp_str out = {line->p + skip, n};
    line->p += skip + n;
    line->n -= skip + n;
    return out;
}

static bool hex(struct sp_str text, uint64_t *out)
{
    uint64_t v = 0;
    if (text.n == 0 || text.n > 16) {
        return false;
    }
    for (uint32_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        unsigned digit = c >= '0' && c <= '9' ? (unsigned)(c - '0') : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 : 16;
        if (digit > 15) {
            return false;
        }
        v = v << 4 | digit;
    }
    *out = v;
    return true;
}

static bool take_range(struct sp_str range, struct procmem_line *out)
{
    struct sp_str first;
    return sp_str_next(&range, '-', &first) && hex(first, &out->start) && hex(range, &out->end) && out->start < out->end;
}

static bool take_device(struct sp_str device, struct procmem_line *out)
{
    struct sp_str first;
    uint64_t high, low;
    if (!sp_str_next(&device, ':', &first) || !hex(first, &high) || !hex(device, &low) || high > UINT32_MAX || low > UINT32_MAX) {
        return false;
    }
    out->major = (uint32_t)high;
    out->minor = (uint32_t)low;
    return true;
}

static bool take_flags(struct sp_str flags, struct procmem_line *out)
{
    if (flags.n != 4) {
        return false;
    }
    out->read = flags.p[0] == 'r';
    out->write = flags.p[1] == 'w';
    out->execute = flags.p[2] == 'x';
    out->shared = flags.p[3] == 's';
    return true;
}

bool procmem_maps_next(struct sp_str *text, struct procmem_line *out)
{
    static const char deleted[] = " (deleted)";
    const uint32_t n = sizeof deleted - 1;
    struct sp_str rest = *text, line;
    *out = (struct procmem_line){0};
    if (rest.n == 0 || !sp_str_next(&rest, '\n', &line) || !take_range(word(&line), out) || !take_flags(word(&line), out) ||
        !hex(word(&line), &out->offset) || !take_device(word(&line), out) || !sp_str_u64(word(&line), UINT64_MAX, &out->inode)) {
        return false;
    }
    while (line.n > 0 && is_space(line.p[0])) { /* the path is the rest, with any spaces in it */
        line.p++;
        line.n--;
    }
    out->path = line;
    if (line.n > n && memcmp(line.p + line.n - n, deleted, n) == 0) {
        out->path.n -= n;
        out->deleted = true;
    }
    *text = rest.p != NULL ? rest : (struct sp_str){"", 0};
    return true;
}

static bool begins(struct sp_str text, const char *with)
{
    size_t n = strlen(with);
    return text.n >= n && memcmp(text.p, with, n) == 0;
}

enum procmem_map_kind procmem_maps_kind(const struct procmem_line *line)
{
    if (begins(line->path, "/")) {
        return PROCMEM_MAP_FILE;
    }
    if (sp_str_is(line->path, "[vdso]")) {
        return PROCMEM_MAP_VDSO;
    }
    if (line->path.n == 0 || sp_str_is(line->path, "[heap]") || begins(line->path, "[stack") || begins(line->path, "[anon")) {
        return PROCMEM_MAP_ANONYMOUS;
    }
    return PROCMEM_MAP_SPECIAL;
}

bool procmem_maps_is_memfd(struct sp_str path)
{
    return begins(path, "/memfd:") || begins(path, "/SYSV") || sp_str_is(path, "/dev/zero") || sp_str_is(path, "/anon_hugepage");
}

bool procmem_maps_stat(struct sp_str text, char *state, uint64_t *start)
{
    uint32_t at = text.n; /* the name in parentheses may hold parentheses and spaces */
    while (at > 0 && text.p[at - 1] != ')') {
        at--;
    }
    struct sp_str rest = {text.p + at, text.n - at};
    struct sp_str first = word(&rest);
    if (at == 0 || first.n != 1) {
        return false;
    }
    *state = first.p[0];
    for (unsigned i = 4; i < 22; i++) {
        (void)word(&rest);
    }
    return sp_str_u64(word(&rest), UINT64_MAX, start);
}

/* Lends the rest of the line that begins with name and a colon. */
static struct sp_str line_of(struct sp_str text, const char *name)
{
    size_t n = strlen(name);
    struct sp_str line;
    while (sp_str_next(&text, '\n', &line)) {
        if (begins(line, name) && line.n > n && line.p[n] == ':') {
            return sp_str_trim(sp_str_bytes(line.p + n + 1, line.n - n - 1));
        }
    }
    return sp_str_of("");
}

uint32_t procmem_maps_status(struct sp_str text, const char *name, unsigned index)
{
    struct sp_str line = line_of(text, name), field = {NULL, 0};
    uint64_t v = 0;
    for (unsigned i = 0; i <= index; i++) {
        field = word(&line);
    }
    return sp_str_u64(field, UINT32_MAX, &v) ? (uint32_t)v : 0;
}

struct sp_str procmem_maps_name(struct sp_str text)
{
    return line_of(text, "Name");
}
