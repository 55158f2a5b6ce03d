/* SPDX-License-Identifier: Apache-2.0 */
/*
 * procmem_digests.h - the digests a file may have, by its path: lines as sha256sum(1) and Debian's *.md5sums write them,
 *
 *     HEX, spaces (and perhaps a `*`), path
 *
 * with 64 digits (SHA-256) or 32 (MD5). A path may have several: while an update goes through a fleet the old file and the new one
 * are both right. Where /lib is a link to /usr/lib (and so with bin, sbin, lib32, lib64) the kernel says /usr/lib and Debian's
 * lists say lib: both are one path here.
 *
 * MD5 tells a changed file from the one that was packed as long as nobody made both: against an attacker who could prepare the
 * package's file it is worth nothing, and it is no match for SHA-256 where there are both. 40 bytes for each digest. Pure.
 */
#ifndef SPICE_PROCMEM_DIGESTS_H
#define SPICE_PROCMEM_DIGESTS_H

#include "procmem_rules.h"

#define PROCMEM_DIGESTS_MAX 4000000u

struct procmem_digest_row {
    uint64_t path; /* hash: two paths of one hash would also need the same content to be taken for each other */
    uint8_t digest[32];
};

struct procmem_digests {
    struct procmem_digest_row *sha256, *md5; /* md5: the first 16 bytes; sorted by path */
    uint32_t sha256_count, md5_count;
    uint32_t sha256_size, md5_size;
};

/* Effect: adds the lines of a text; empty ones and those that begin with # are passed over. False: *line is the number of the first
 * that is no such line, 0: no memory or too many. A zeroed struct is an empty table. */
bool procmem_digests_add_text(struct procmem_digests *self, struct sp_str text, uint32_t *line);
/* Effect: adds one digest of 32 or 16 bytes. False: no memory, or too many. */
bool procmem_digests_add(struct procmem_digests *self, struct sp_str path, const uint8_t *digest, size_t bytes);
/* Effect: sorts; after the last one is added, before the first is asked for. */
void procmem_digests_seal(struct procmem_digests *self);
void procmem_digests_fini(struct procmem_digests *self);
/* The form of struct procmem_policy: ctx is a sealed table. When SHA-256 digests of a path are known, its MD5 says nothing. */
enum procmem_known procmem_digests_known(const void *ctx, struct sp_str path, const uint8_t sha256[32], const uint8_t *md5);

#endif
