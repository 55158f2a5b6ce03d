/* SPDX-License-Identifier: Apache-2.0 */
#include "collector.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "collect_pace.h"
#include "collector_table.h"

#define NAME_BYTES_MAX 255u /* of a section */

/* One row for each kind of document. */
const struct collector *const collectors[] = {
    &collector_quote,    &collector_bootlog, &collector_ima,     &collector_enroll,
    &collector_activate, &collector_files,   &collector_procmem, NULL,
};

const struct collector *collector_find(struct sp_str kind)
{
    for (const struct collector *const *c = collectors; *c != NULL; c++) {
        if (sp_str_is(kind, (*c)->kind)) {
            return *c;
        }
    }
    return NULL;
}

uint16_t collector_run(const struct collect_request *request, struct collect_out *out)
{
    const struct collector *c = collector_find(request->kind);
    if (c == NULL) {
        return collect_fail(out, SP_REASON_BAD_PARAMETERS, "no document of this kind is made here");
    }
    uint16_t reason = c->collect(request, out);
    if (reason == SP_REASON_OK && out->failed) {
        return collect_fail(out, out->n >= out->max ? SP_REASON_LIMIT : SP_REASON_INTERNAL,
                            out->n >= out->max ? "the document is larger than %llu bytes"
                                               : "the document cannot be written at byte %llu",
                            (unsigned long long)(out->n >= out->max ? out->max : out->n));
    }
    return reason;
}

/* ---- the document ---------------------------------------------------------------------------------------------- */

bool collect_put(struct collect_out *out, const void *p, size_t n)
{
    const char *at = p;
    if (n > out->max - out->n) {
        out->n = out->max;
        out->failed = true;
    }
    while (!out->failed && n > 0) {
        ssize_t done = write(out->fd, at, n);
        if (done <= 0 && (done == 0 || errno != EINTR)) {
            out->failed = true;
        } else if (done > 0) {
            at += done;
            n -= (size_t)done;
            out->n += (uint64_t)done;
        }
    }
    return !out->failed;
}

bool collect_section(struct collect_out *out, const char *name, struct sp_str bytes)
{
    uint8_t head[1 + NAME_BYTES_MAX + 4];
    size_t n = strlen(name);
    SP_ASSERT(n <= NAME_BYTES_MAX);
    head[0] = (uint8_t)n;
    memcpy(head + 1, name, n);
    for (unsigned i = 0; i < 4; i++) {
        head[1 + n + i] = (uint8_t)(bytes.n >> (24 - 8 * i));
    }
    return collect_put(out, head, 1 + n + 4) && collect_put(out, bytes.p, bytes.n);
}

uint16_t collect_fail(struct collect_out *out, uint16_t reason, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    (void)vsnprintf(out->detail, sizeof out->detail, format, list);
    va_end(list);
    for (char *p = out->detail; *p != '\0'; p++) {
        *p = *p >= 0x20 && *p < 0x7f ? *p : '?';
    }
    return reason;
}

/* ---- arguments ------------------------------------------------------------------------------------------------- */

/* The depth is looked at before the parser does it by recursion. Brackets in strings count too: no honest question has so many. */
static bool is_flat(struct sp_str text)
{
    uint32_t depth = 0;
    for (uint32_t i = 0; i < text.n; i++) {
        bool open = text.p[i] == '{' || text.p[i] == '[', close = text.p[i] == '}' || text.p[i] == ']';
        depth = open ? depth + 1 : close && depth > 0 ? depth - 1 : depth;
        if (depth > COLLECT_ARGS_DEPTH) {
            return false;
        }
    }
    return true;
}

json_t *collect_args(const struct collect_request *request, struct collect_out *out, uint16_t *reason)
{
    json_t *args = is_flat(request->args) ? json_loadb(request->args.p, request->args.n, JSON_REJECT_DUPLICATES, NULL) : NULL;
    if (!json_is_object(args)) {
        json_decref(args);
        *reason = collect_fail(out, SP_REASON_BAD_PARAMETERS, "the arguments are no JSON object, or too deep");
        return NULL;
    }
    return args;
}

bool collect_args_only(const json_t *args, const char *const *names, struct collect_out *out)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)args, key, value)
    {
        const char *const *n = names;
        while (*n != NULL && strcmp(*n, key) != 0) {
            n++;
        }
        if (*n == NULL) {
            (void)collect_fail(out, SP_REASON_BAD_PARAMETERS, "no argument '%.40s' here", key);
            return false;
        }
    }
    return true;
}

/* ---- what may be read ------------------------------------------------------------------------------------------ */

bool collect_path(const struct collect_site *site, const char *path, char *to)
{
    int n = snprintf(to, COLLECT_PATH_BYTES, "%s%s", site->root != NULL ? site->root : "", path);
    return n >= 0 && (size_t)n < COLLECT_PATH_BYTES;
}

/* Absolute, no empty, "." or ".." element, no NUL. A slash at the end is none. */
static bool is_plain(struct sp_str path)
{
    struct sp_str rest = sp_str_bytes(path.p + 1, path.n > 0 ? path.n - 1 : 0), part;
    if (path.n < 2 || path.p[0] != '/' || path.p[path.n - 1] == '/' || memchr(path.p, '\0', path.n) != NULL) {
        return false;
    }
    while (sp_str_next(&rest, '/', &part)) {
        if (part.n == 0 || sp_str_is(part, ".") || sp_str_is(part, "..")) {
            return false;
        }
    }
    return true;
}

bool collect_tree_allowed(const struct collect_site *site, struct sp_str path)
{
    for (uint32_t i = 0; is_plain(path) && i < site->tree_count; i++) {
        struct sp_str tree = sp_str_of(site->trees[i]);
        while (tree.n > 0 && tree.p[tree.n - 1] == '/') {
            tree.n--; /* "/" itself allows everything */
        }
        if (path.n >= tree.n && memcmp(path.p, tree.p, tree.n) == 0 && (path.n == tree.n || path.p[tree.n] == '/')) {
            return true;
        }
    }
    return false;
}

void collect_spend(const struct collect_request *request, uint64_t bytes)
{
    if (request->site->pace != NULL) {
        collect_pace_spend(request->site->pace, bytes);
    }
}
