/* SPDX-License-Identifier: Apache-2.0 */
/*
 * procmem_files.h - the files that services have mapped, each once, with the digests of their whole content as it is now. For the
 * time of one document.
 */
#ifndef SPICE_PROCMEM_FILES_H
#define SPICE_PROCMEM_FILES_H

#include "collector.h"
#include "procmem_doc.h"

#define PROCMEM_FILE_BYTES_MAX (1u << 30) /* a larger one gets no digest */
#define PROCMEM_CHUNK_BYTES    (256u << 10)

struct procmem_entry {
    uint64_t dev, inode;
    char *path;
    struct procmem_file file; /* path and digests point to this entry */
    uint8_t sha256[32], md5[16];
};

struct procmem_files {
    const struct collect_request *request;
    bool md5;
    uint8_t *chunk;
    struct procmem_entry **entry;
    uint32_t count, size;
    bool full; /* one more did not fit: the document cannot be whole */
};

/* Effect: an empty table. False: no memory. Borrows the request. */
bool procmem_files_init(struct procmem_files *self, const struct collect_request *request, bool md5);
void procmem_files_fini(struct procmem_files *self);
/* Returns the index of the file behind fd (-1: it could not be opened) under this path; digests it when it is new.
 * PROCMEM_NO_FILE: the table is full. */
uint32_t procmem_files_add(struct procmem_files *self, int fd, struct sp_str path, bool deleted);
/* Effect: appends their number and all of them to the document. */
void procmem_files_put(const struct procmem_files *self, struct sp_buf *document);

#endif
