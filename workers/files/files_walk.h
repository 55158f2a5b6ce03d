/* SPDX-License-Identifier: Apache-2.0 */
/*
 * files_walk.h - lists and reads whole trees of this machine into a document of files_doc.h, for a machine whose owner may be the
 * enemy.
 *
 * - No symbolic link is followed, not even on the way to a tree. An entry is opened by name once, without a right to read; what it
 * is comes from that descriptor, and only a regular file is opened for reading, through that same descriptor. So neither a pipe nor
 * a device is ever opened, and nothing can be put in between.
 * - A file is looked at before and after it is read, and its name must still lead to it. A directory must not have changed between
 *   its listing and the end of its files. What changed is read again, three times in all; then the document says "unstable".
 * - Everything is bounded: entries, bytes in all, bytes of a file, depth, time. What hits a bound ends the
 * document with it.
 * - Files below proc, sys and FUSE are not read: reading them can block or do something.
 *
 * Access times are left alone where the kernel allows it.
 */
#ifndef SPICE_FILES_WALK_H
#define SPICE_FILES_WALK_H

#include "files_doc.h"

#define FILES_WALK_TRIES 3u
#define FILES_WALK_DEPTH 64u

enum files_walk_step { FILES_WALK_OPENED, FILES_WALK_HASHED, FILES_WALK_LISTED };

struct files_walk_options {
    const char *root;           /* stands in place of /; "" or NULL: / */
    const struct sp_str *trees; /* paths of manifest_table_is_path, none below another */
    size_t tree_count;
    const struct sp_str *skips;
    size_t skip_count;
    uint64_t max_entries, max_bytes, max_file, max_us;
    int out; /* descriptor the document is written to, from its beginning */
    uint64_t out_max;
    /* Called after each piece of work with the bytes that were read: it may take its time. NULL: not. */
    void (*spend)(void *arg, uint64_t bytes);
    /* For tests: called after an entry was opened, after a file was read, after a directory was listed. NULL: not. */
    void (*step)(void *arg, enum files_walk_step step, const char *path);
    void *arg;
};

struct files_walk_sum {
    enum files_end end;
    uint64_t entries, bytes;
    uint64_t written; /* bytes of the document */
};

/* Effect: fills o with the bounds an attester keeps. */
void files_walk_defaults(struct files_walk_options *o);
/* Effect: writes the document. False: it could not be written, or there is no memory (errno). */
bool files_walk(const struct files_walk_options *o, struct files_walk_sum *sum);

#endif
