/* SPDX-License-Identifier: Apache-2.0 */
#include "files_dpkg.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sp_err.h"
#include "sp_fs.h"
#include "sp_hex.h"

#define INFO           "/var/lib/dpkg/info"
#define SUFFIX         ".md5sums"
#define LIST_BYTES_MAX (64u << 20)
#define TEXT_BYTES_MAX (512u << 20)
#define MERGED         5u

struct listed {
    uint32_t at; /* path in text */
    uint16_t n;
    uint8_t md5[FILES_DPKG_MD5];
};

struct files_dpkg {
    struct listed *row;
    size_t count, room;
    struct sp_buf text;
    bool merged[MERGED];                /* /bin is a link to /usr/bin ... */
    const struct manifest_table *table; /* only while lists are read */
};

static const char *const merged[MERGED] = {"bin", "sbin", "lib", "lib32", "lib64"};

static void look_at_links(struct files_dpkg *d, const char *root)
{
    for (unsigned i = 0; i < MERGED; i++) {
        char path[SP_FS_PATH_BYTES], target[64], usr[32];
        (void)snprintf(path, sizeof path, "%s/%s", root, merged[i]);
        (void)snprintf(usr, sizeof usr, "usr/%s", merged[i]);
        ssize_t n = readlink(path, target, sizeof target - 1);
        target[n > 0 ? n : 0] = '\0';
        d->merged[i] = strcmp(target, usr) == 0 || (target[0] == '/' && strcmp(target + 1, usr) == 0);
    }
}

/* Appends the absolute path of one as lists write it ("lib/x"), as it is found on a machine where /lib is a link. */
static bool put_path(struct files_dpkg *d, struct sp_str listed, struct listed *out)
{
    struct sp_str rest = listed, first = {NULL, 0};
    size_t before = d->text.n;
    bool moved = false;
    (void)sp_str_next(&rest, '/', &first);
    for (unsigned i = 0; i < MERGED; i++) {
        moved = moved || (d->merged[i] && sp_str_is(first, merged[i]));
    }
    sp_buf_text(&d->text, moved ? "/usr/" : "/");
    sp_buf_append(&d->text, listed.p, listed.n);
    struct sp_str path = sp_str_bytes(d->text.failed ? NULL : d->text.p + before, d->text.n - before);
    if (d->text.failed || !manifest_table_is_path(path) || !manifest_table_covers(d->table, path)) {
        d->text.n = d->text.failed ? d->text.n : before;
        return false;
    }
    out->at = (uint32_t)before;
    out->n = (uint16_t)path.n;
    return true;
}

/* "HEX  path". What is no such line is passed over. */
static bool take_line(struct files_dpkg *d, struct sp_str line)
{
    struct listed one = {.at = 0};
    uint32_t digits = 2 * FILES_DPKG_MD5;
    if (line.n < digits + 3 || line.p[digits] != ' ' || line.p[digits + 1] != ' ' ||
        !sp_hex_parse(sp_str_bytes(line.p, digits), one.md5, sizeof one.md5) ||
        !put_path(d, sp_str_bytes(line.p + digits + 2, line.n - digits - 2), &one)) {
        return true;
    }
    if (d->count == d->room) {
        size_t room = d->room > 0 ? 2 * d->room : 1024;
        struct listed *grown = realloc(d->row, room * sizeof *grown);
        if (grown == NULL) {
            return false;
        }
        d->row = grown;
        d->room = room;
    }
    d->row[d->count++] = one;
    return true;
}

static bool read_list(struct files_dpkg *d, const char *path, char *why)
{
    char *text = NULL;
    size_t n = 0;
    struct sp_err err = {0};
    struct sp_str line;
    if (sp_fs_read(path, LIST_BYTES_MAX, 0, &text, &n, &err) != SP_OK) {
        (void)snprintf(why, MANIFEST_TABLE_WHY_MAX, "%.150s: %.90s", path, err.text);
        return false;
    }
    struct sp_str all = sp_str_bytes(text, n);
    bool ok = true;
    while (ok && sp_str_next(&all, '\n', &line)) {
        ok = take_line(d, line) && !d->text.failed;
    }
    free(text);
    if (!ok) {
        (void)snprintf(why, MANIFEST_TABLE_WHY_MAX, "the package database has more than can be kept");
    }
    return ok;
}

static int by_path(const void *a, const void *b, void *text)
{
    const struct listed *x = a, *y = b;
    return manifest_table_order(sp_str_bytes((const char *)text + x->at, x->n), sp_str_bytes((const char *)text + y->at, y->n));
}

static bool read_lists(struct files_dpkg *d, const char *root, char *why)
{
    char info[SP_FS_PATH_BYTES], path[SP_FS_PATH_BYTES];
    bool ok = snprintf(info, sizeof info, "%s" INFO, root) < (int)sizeof info;
    DIR *dir = ok ? opendir(info) : NULL;
    if (dir == NULL) {
        (void)snprintf(why, MANIFEST_TABLE_WHY_MAX, "%.180s cannot be read: is this a Debian system?", info);
        return false;
    }
    for (struct dirent *e; ok && (e = readdir(dir)) != NULL;) {
        size_t n = strlen(e->d_name);
        if (n > sizeof SUFFIX - 1 && strcmp(e->d_name + n - (sizeof SUFFIX - 1), SUFFIX) == 0) {
            ok = sp_fs_join(path, sizeof path, info, e->d_name) == SP_OK && read_list(d, path, why);
        }
    }
    (void)closedir(dir);
    return ok;
}

bool files_dpkg_open(const char *root, const struct manifest_table *table, struct files_dpkg **out, char *why)
{
    struct files_dpkg *d = calloc(1, sizeof *d);
    *out = NULL;
    (void)snprintf(why, MANIFEST_TABLE_WHY_MAX, "no memory");
    if (d == NULL) {
        return false;
    }
    d->table = table;
    sp_buf_init(&d->text, TEXT_BYTES_MAX);
    look_at_links(d, root);
    if (!read_lists(d, root, why)) {
        files_dpkg_close(&d);
        return false;
    }
    if (d->count > 0) {
        qsort_r(d->row, d->count, sizeof *d->row, by_path, d->text.p);
    }
    d->table = NULL;
    *out = d;
    return true;
}

void files_dpkg_close(struct files_dpkg **dpkg)
{
    struct files_dpkg *d = *dpkg;
    if (d != NULL) {
        free(d->row);
        sp_buf_fini(&d->text);
        free(d);
    }
    *dpkg = NULL;
}

size_t files_dpkg_count(const struct files_dpkg *d)
{
    return d->count;
}

struct sp_str files_dpkg_path(const struct files_dpkg *d, size_t i)
{
    return sp_str_bytes(d->text.p + d->row[i].at, d->row[i].n);
}

const uint8_t *files_dpkg_md5(const struct files_dpkg *d, size_t i)
{
    return d->row[i].md5;
}

size_t files_dpkg_find(const struct files_dpkg *d, struct sp_str path)
{
    size_t low = 0, high = d->count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (manifest_table_order(files_dpkg_path(d, mid), path) < 0) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low < d->count && sp_str_eq(files_dpkg_path(d, low), path) ? low : d->count;
}
