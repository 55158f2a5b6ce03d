/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manifest_table.h - which files trees must have: path -> type, mode, owner, size, SHA-256. Read from the text of a tree manifest;
 * whether that text is signed is the business of whoever read it from a file. Pure.
 *
 *   SPICE-TREE 1
 *   tree /usr/lib/nova                 everything below is judged: nothing may be missing, nothing may be there besides
 *   skip /usr/lib/nova/cache           except this and what is below it
 *   d MODE UID GID PATH                directory
 *   f MODE UID GID SIZE SHA256 PATH    regular file
 *   l UID GID PATH TARGET              symbolic link
 *   p MODE UID GID PATH                pipe; s: socket, c: character device, b: block device
 *   sign SIGNATURE                     Ed25519 over all bytes before this line, 128 hexadecimal digits; the last line, or not there
 *
 * No tree lies in another, and each skip lies in one. MODE is octal; MODE, UID and GID may be "-": not judged. Trees and skips come
 * first, then the rows, ascending by the bytes of their paths. In paths and targets every byte but printable ASCII without % is
 * %XX. There is one way to write each table.
 */
#ifndef SPICE_MANIFEST_TABLE_H
#define SPICE_MANIFEST_TABLE_H

#include "sp_buf.h"

#define MANIFEST_TABLE_BYTES_MAX (64u << 20) /* of the text */
#define MANIFEST_TABLE_ROWS_MAX  500000u
#define MANIFEST_TABLE_TREES_MAX 64u   /* trees and skips together */
#define MANIFEST_TABLE_PATH_MAX  1023u /* bytes of a path or target */
#define MANIFEST_TABLE_WHY_MAX   256u
#define MANIFEST_TABLE_HEAD      "SPICE-TREE 1"
#define MANIFEST_ANY_MODE        0xffffu /* "-" */
#define MANIFEST_ANY_OWNER       0xffffffffu

struct manifest_row {
    struct sp_str path;    /* absolute */
    struct sp_str target;  /* of a link */
    char type;             /* f d l p s c b */
    uint16_t mode;         /* 07777, or MANIFEST_ANY_MODE */
    uint32_t uid, gid;     /* or MANIFEST_ANY_OWNER */
    uint64_t size;         /* of a file */
    const uint8_t *sha256; /* 32 bytes, of a file; NULL: another type */
};

struct manifest_table;

/* Gives *out from a text, which need not outlive the call. False: why (MANIFEST_TABLE_WHY_MAX bytes) names the line and what is
 * wrong with it. */
bool manifest_table_new(struct sp_str text, struct manifest_table **out, char *why);
/* Takes and nulls. */
void manifest_table_free(struct manifest_table **table);

size_t manifest_table_count(const struct manifest_table *t);
/* Effect: *out = row i, in the order of paths. It lends what the table holds. */
void manifest_table_row(const struct manifest_table *t, size_t i, struct manifest_row *out);
/* Effect: *i = index of the row of this path. False: there is none. */
bool manifest_table_find(const struct manifest_table *t, struct sp_str path, size_t *i);
/* True when the path is one of the trees or below one, and neither a skip nor below one. */
bool manifest_table_covers(const struct manifest_table *t, struct sp_str path);
/* Trees come first, then skips; lends the i-th path. */
size_t manifest_table_trees(const struct manifest_table *t);
size_t manifest_table_skips(const struct manifest_table *t);
struct sp_str manifest_table_tree(const struct manifest_table *t, size_t i);

/* Lends the 64 bytes of the signature; NULL: there is none. *n: how many bytes of the text it is of, from the first on. */
const uint8_t *manifest_table_signature(const struct manifest_table *t, size_t *n);

/* Effect: appends the head, the trees and skips (in that order) and their line ends. */
void manifest_table_put_head(struct sp_buf *b, const struct sp_str *trees, size_t tree_count, const struct sp_str *skips,
                             size_t skip_count);
/* Effect: appends the line of a row. */
void manifest_table_put_row(struct sp_buf *b, const struct manifest_row *row);
/* Effect: appends the last line. */
void manifest_table_put_signature(struct sp_buf *b, const uint8_t signature[64]);
/* True for absolute paths without empty, "." and ".." parts and without a slash at the end, except "/" itself. */
bool manifest_table_is_path(struct sp_str path);
/* True when path is `tree` or below it. */
bool manifest_table_is_below(struct sp_str path, struct sp_str tree);
/* Returns the order of two paths by their bytes: < 0, 0, > 0. */
int manifest_table_order(struct sp_str a, struct sp_str b);

#endif
