/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ima_table.h - which digests a policy lists under which names, as small as it goes and read-only once it is sealed, so that all
 * nodes of a policy share one. Pure.
 *
 * Paths are not kept. A name is a tag: SipHash-2-4 of it under a key that nobody outside knows, so nobody can look for a second
 * name with the tag of a listed one. Digests are kept whole (of SHA-384 and SHA-512 the first 32 bytes), each of them once however
 * many names it has. A file counts only when its own digest is found under its own name, so what is not listed passes only by a
 * digest that a policy has and a tag that cannot be aimed at.
 */
#ifndef SPICE_IMA_TABLE_H
#define SPICE_IMA_TABLE_H

#include <stddef.h>

#include "sp_assert.h"
#include "sp_str.h"

#define IMA_TABLE_ROWS_MAX (1u << 22)

/* What a name is a name of: the same text in two classes is two names. */
enum ima_class {
    IMA_FILE,
    IMA_VERITY,  /* a file by the digest of its fs-verity structure */
    IMA_KEYRING, /* keys loaded onto a keyring */
    IMA_BUFFER   /* other measured memory */
};

enum ima_listed {
    IMA_ABSENT, /* the name is not listed */
    IMA_OTHER,  /* it is, with other digests */
    IMA_LISTED
};

struct ima_table;

/* Gives an empty table; `key` is random. NULL: no memory. */
struct ima_table *ima_table_new(const uint8_t key[16]);
void ima_table_destroy(struct ima_table **t);
/* Effect: lists a digest (20, 32, 48 or 64 bytes) under a name; not after sealing. False: no memory, or IMA_TABLE_ROWS_MAX. */
SP_MUST_USE bool ima_table_add(struct ima_table *t, enum ima_class class, struct sp_str name, struct sp_str digest);
/* Effect: puts it into its final, small form. False: no memory. */
SP_MUST_USE bool ima_table_seal(struct ima_table *t);

/* Returns whether the digest is listed under the name. Of a sealed table. */
enum ima_listed ima_table_find(const struct ima_table *t, enum ima_class class, struct sp_str name, struct sp_str digest);
/* The same in three steps, with work between them while memory is fetched: Effect: begins to fetch where rows of this name with a
 * digest of so many bytes are; returns the tag for the next two. */
uint64_t ima_table_soon(const struct ima_table *t, enum ima_class class, struct sp_str name, uint32_t digest_bytes);
/* Effect: begins to fetch those rows. */
void ima_table_sooner(const struct ima_table *t, uint64_t tag);
/* What is looked up; tag is of its class, name and length of the digest. */
struct ima_wanted {
    enum ima_class class;
    struct sp_str name, digest;
    uint64_t tag;
};
enum ima_listed ima_table_find_soon(const struct ima_table *t, const struct ima_wanted *w);
/* Returns the digests, each counted once; the names with their digests; and the bytes a sealed table takes. */
uint32_t ima_table_digests(const struct ima_table *t);
uint32_t ima_table_rows(const struct ima_table *t);
size_t ima_table_bytes(const struct ima_table *t);

#endif
