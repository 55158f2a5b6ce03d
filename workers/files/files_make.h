/* SPDX-License-Identifier: Apache-2.0 */
/* files_make.h - makes a tree manifest of this machine, or of an image of one: whoever signs it says that this is how it should be.
 */
#ifndef SPICE_FILES_MAKE_H
#define SPICE_FILES_MAKE_H

#include "manifest_table.h"

#define FILES_MAKE_WHY_MAX 1024u

struct files_make_options {
    const char *root; /* as of files_walk.h */
    const struct sp_str *trees;
    size_t tree_count;
    const struct sp_str *skips;
    size_t skip_count;
    bool dpkg;      /* refuse when a file is not as its package brought it */
    bool any_owner; /* owners and groups are not judged */
};

struct files_make_sum {
    uint64_t entries, files, bytes;
    uint64_t packaged; /* files that are as their package brought them */
};

/* Effect: the text of a manifest, unsigned, into *out, which is empty and may hold MANIFEST_TABLE_BYTES_MAX. False: why
 * (FILES_MAKE_WHY_MAX) says what cannot be in one. */
bool files_make(const struct files_make_options *o, struct sp_buf *out, struct files_make_sum *sum, char *why);

#endif
