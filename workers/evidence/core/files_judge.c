/* SPDX-License-Identifier: Apache-2.0 */
#include "files_judge.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN_BYTES 8u /* of a digest, for people */

bool files_judge_init(struct files_judge *j, const struct manifest_table *table)
{
    memset(j, 0, sizeof *j);
    j->table = table;
    j->seen = calloc(manifest_table_count(table) / 8 + 1, 1);
    return j->seen != NULL;
}

void files_judge_fini(struct files_judge *j)
{
    for (size_t i = 0; i < j->gaps; i++) {
        free(j->gap[i]);
    }
    free(j->seen);
    j->seen = NULL;
    j->gaps = 0;
}

bool files_finding_is_difference(enum files_finding f)
{
    return f < FILES_FOUND_UNSTABLE;
}

const char *files_finding_name(enum files_finding f)
{
    static const char *const names[FILES_FOUND_COUNT] = {
        [FILES_FOUND_DIGEST] = "digest",      [FILES_FOUND_TYPE] = "type",         [FILES_FOUND_TARGET] = "target",
        [FILES_FOUND_EXTRA] = "extra",        [FILES_FOUND_MODE] = "mode",         [FILES_FOUND_OWNER] = "owner",
        [FILES_FOUND_MISSING] = "missing",    [FILES_FOUND_UNSTABLE] = "unstable", [FILES_FOUND_UNREADABLE] = "unreadable",
        [FILES_FOUND_TOO_LARGE] = "too_large"};
    return f < FILES_FOUND_COUNT ? names[f] : "none";
}

static void found(struct files_judge *j, enum files_finding f, struct sp_str path, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void found(struct files_judge *j, enum files_finding f, struct sp_str path, const char *format, ...)
{
    va_list list;
    if (j->count[f]++ > 0) {
        return;
    }
    int n = snprintf(j->example[f], FILES_EXAMPLE_BYTES, "%.*s: ", path.n < 256 ? (int)path.n : 256, path.p);
    va_start(list, format);
    (void)vsnprintf(j->example[f] + n, FILES_EXAMPLE_BYTES - (size_t)n, format, list);
    va_end(list);
}

static const char *type_word(char type)
{
    switch (type) {
    case 'f':
        return "a file";
    case 'd':
        return "a directory";
    case 'l':
        return "a symbolic link";
    case 'p':
        return "a pipe";
    case 's':
        return "a socket";
    default:
        return "a device";
    }
}

static void add_gap(struct files_judge *j, struct sp_str path)
{
    char *copy = j->gaps < FILES_GAPS_MAX ? malloc(path.n + 1u) : NULL;
    if (copy == NULL) {
        j->gap_lost = true;
        return;
    }
    memcpy(copy, path.p, path.n);
    copy[path.n] = '\0';
    j->gap[j->gaps++] = copy;
}

static bool in_gap(const struct files_judge *j, struct sp_str path)
{
    bool in = j->gap_lost;
    for (size_t i = 0; i < j->gaps && !in; i++) {
        in = manifest_table_is_below(path, sp_str_of(j->gap[i]));
    }
    return in;
}

/* What could not be read. */
static void not_read(struct files_judge *j, const struct files_entry *e)
{
    if (e->type == 'd') {
        add_gap(j, e->path);
    }
    if (e->state == FILES_UNSTABLE) {
        found(j, FILES_FOUND_UNSTABLE, e->path, "%s changed while it was read", type_word(e->type));
    } else if (e->state == FILES_TOO_LARGE) {
        found(j, FILES_FOUND_TOO_LARGE, e->path, "%llu bytes are more than the attester reads", (unsigned long long)e->size);
    } else {
        found(j, FILES_FOUND_UNREADABLE, e->path, "%s that cannot be read", type_word(e->type));
    }
}

static void compare_content(struct files_judge *j, const struct manifest_row *row, const struct files_entry *e)
{
    if (e->type == 'f' && (e->size != row->size || memcmp(e->sha256, row->sha256, FILES_DOC_SHA_BYTES) != 0)) {
        char is[2 * SHOWN_BYTES + 1], must_be[2 * SHOWN_BYTES + 1];
        for (size_t i = 0; i < SHOWN_BYTES; i++) {
            (void)snprintf(is + 2 * i, 3, "%02x", e->sha256[i]);
            (void)snprintf(must_be + 2 * i, 3, "%02x", row->sha256[i]);
        }
        found(j, FILES_FOUND_DIGEST, e->path, "%llu bytes with sha256 %s..., not %llu with %s...", (unsigned long long)e->size, is,
              (unsigned long long)row->size, must_be);
    }
    if (e->type == 'l' && !sp_str_eq(e->target, row->target)) {
        found(j, FILES_FOUND_TARGET, e->path, "links to %.*s", e->target.n < 100 ? (int)e->target.n : 100, e->target.p);
    }
}

static void compare(struct files_judge *j, const struct manifest_row *row, const struct files_entry *e)
{
    if (e->type != row->type) {
        found(j, FILES_FOUND_TYPE, e->path, "%s, not %s", type_word(e->type), type_word(row->type));
        return; /* nothing else can be compared */
    }
    if (e->state == FILES_READ) {
        compare_content(j, row, e);
    } else {
        not_read(j, e);
    }
    if (e->type != 'l' && row->mode != MANIFEST_ANY_MODE && e->mode != row->mode) {
        found(j, FILES_FOUND_MODE, e->path, "mode %04o, not %04o", e->mode, row->mode);
    }
    if ((row->uid != MANIFEST_ANY_OWNER && e->uid != row->uid) || (row->gid != MANIFEST_ANY_OWNER && e->gid != row->gid)) {
        found(j, FILES_FOUND_OWNER, e->path, "owner %u:%u, not %d:%d", e->uid, e->gid, (int)row->uid, (int)row->gid);
    }
}

bool files_judge_entry(struct files_judge *j, const struct files_entry *e)
{
    struct manifest_row row;
    size_t i = 0;
    if (!manifest_table_covers(j->table, e->path)) {
        j->malformed = true;
        return false;
    }
    if (!manifest_table_find(j->table, e->path, &i)) {
        found(j, FILES_FOUND_EXTRA, e->path, "%s that should not be there", type_word(e->type));
        return true;
    }
    bool again = ((unsigned)j->seen[i / 8] >> (i % 8) & 1u) != 0;
    if (again && (e->type != 'd' || e->state == FILES_READ)) {
        j->malformed = true;
        return false;
    }
    j->seen[i / 8] |= (uint8_t)(1u << (i % 8));
    if (again) {
        not_read(j, e);
        return true;
    }
    manifest_table_row(j->table, i, &row);
    compare(j, &row, e);
    return true;
}

void files_judge_end(struct files_judge *j, enum files_end end, uint64_t entries, uint64_t bytes)
{
    struct manifest_row row;
    j->ended = true;
    j->end = end;
    j->entries = entries;
    j->bytes = bytes;
    for (size_t i = 0; end == FILES_END_WHOLE && i < manifest_table_count(j->table); i++) {
        if (((unsigned)j->seen[i / 8] >> (i % 8) & 1u) != 0) {
            continue;
        }
        manifest_table_row(j->table, i, &row);
        if (!in_gap(j, row.path)) {
            found(j, FILES_FOUND_MISSING, row.path, "%s that is missing", type_word(row.type));
        }
    }
}

enum files_finding files_judge_worst(const struct files_judge *j)
{
    unsigned f = 0;
    while (f < FILES_FOUND_COUNT && j->count[f] == 0) {
        f++;
    }
    return (enum files_finding)f;
}
