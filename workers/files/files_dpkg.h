/* SPDX-License-Identifier: Apache-2.0 */
/*
 * files_dpkg.h - what Debian's package database says of files: the lists /var/lib/dpkg/info/NAME.md5sums.
 *
 * What that is worth: the lists lie unsigned on the machine they speak about, and MD5 is broken. They find what was changed by
 * accident, by hand or by a careless intruder before a manifest is made of a machine; they find nothing of somebody who wrote the
 * lists anew. Files of configuration are in no list. So they are a help for making manifests and are never asked about a node.
 */
#ifndef SPICE_FILES_DPKG_H
#define SPICE_FILES_DPKG_H

#include "manifest_table.h"

#define FILES_DPKG_MD5 16u

struct files_dpkg;

/* Gives *out: every listed file that the manifest's trees cover. root as of files_walk.h, not NULL. Borrows table for the call.
 * False: `why` (MANIFEST_TABLE_WHY_MAX) says it. */
bool files_dpkg_open(const char *root, const struct manifest_table *table, struct files_dpkg **out, char *why);
void files_dpkg_close(struct files_dpkg **d);
size_t files_dpkg_count(const struct files_dpkg *d);
/* Lends the i-th file; the order is that of paths. A path may come twice, from two packages. */
struct sp_str files_dpkg_path(const struct files_dpkg *d, size_t i);
const uint8_t *files_dpkg_md5(const struct files_dpkg *d, size_t i);
/* Returns the place of the first entry of this path, or count when there is none. */
size_t files_dpkg_find(const struct files_dpkg *d, struct sp_str path);

#endif
