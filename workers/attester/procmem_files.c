/* SPDX-License-Identifier: Apache-2.0 */
#include "procmem_files.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sp_crypto.h"

#define DIGEST_TRIES 3u
#define FIRST_SIZE   64u

bool procmem_files_init(struct procmem_files *self, const struct collect_request *request, bool md5)
{
    *self = (struct procmem_files){.request = request, .md5 = md5, .chunk = malloc(PROCMEM_CHUNK_BYTES)};
    return self->chunk != NULL;
}

void procmem_files_fini(struct procmem_files *self)
{
    for (uint32_t i = 0; i < self->count; i++) {
        free(self->entry[i]->path);
        free(self->entry[i]);
    }
    free(self->entry);
    free(self->chunk);
    *self = (struct procmem_files){0};
}

/* Hashes the content from its start. False: it cannot be read. */
static bool hash_once(struct procmem_files *self, int fd, struct procmem_entry *e)
{
    struct sp_crypto_sha256 sha;
    struct sp_crypto_md5 md5;
    uint64_t at = 0;
    ssize_t n;
    sp_crypto_sha256_init(&sha);
    sp_crypto_md5_init(&md5);
    do {
        n = pread(fd, self->chunk, PROCMEM_CHUNK_BYTES, (off_t)at);
        if (n > 0) {
            sp_crypto_sha256_update(&sha, self->chunk, (size_t)n);
            if (self->md5) {
                sp_crypto_md5_update(&md5, self->chunk, (size_t)n);
            }
            at += (uint64_t)n;
            collect_spend(self->request, (uint64_t)n);
        }
    } while ((n > 0 && at <= PROCMEM_FILE_BYTES_MAX) || (n < 0 && errno == EINTR));
    sp_crypto_sha256_final(&sha, e->sha256);
    sp_crypto_md5_final(&md5, e->md5);
    return n == 0;
}

static bool same(const struct stat *a, const struct stat *b)
{
    return a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* Digests of one state of the file: when it was another before than after, once more. Returns the flags of what went wrong. */
static uint8_t digest(struct procmem_files *self, int fd, struct procmem_entry *e)
{
    struct stat before, after;
    for (unsigned i = 0; i < DIGEST_TRIES; i++) {
        if (fstat(fd, &before) != 0 || !S_ISREG(before.st_mode)) {
            return PROCMEM_FILE_UNREAD;
        }
        if ((uint64_t)before.st_size > PROCMEM_FILE_BYTES_MAX) {
            return PROCMEM_FILE_LIMIT;
        }
        if (!hash_once(self, fd, e) || fstat(fd, &after) != 0) {
            return PROCMEM_FILE_UNREAD;
        }
        if (same(&before, &after)) {
            e->file.size = (uint64_t)after.st_size;
            return 0;
        }
    }
    return PROCMEM_FILE_CHANGED;
}

/* Makes room for one more and gives it, with its path. */
static struct procmem_entry *new_entry(struct procmem_files *self, struct sp_str path)
{
    if (self->count == self->size && self->size < PROCMEM_FILES_MAX) {
        uint32_t size = self->size == 0 ? FIRST_SIZE : self->size * 2;
        struct procmem_entry **grown = reallocarray(self->entry, size, sizeof(struct procmem_entry *));
        if (grown != NULL) {
            self->entry = grown;
            self->size = size;
        }
    }
    struct procmem_entry *e = self->count < self->size ? calloc(1, sizeof *e) : NULL;
    char *text = e != NULL ? malloc(path.n + 1u) : NULL;
    if (text == NULL) {
        free(e);
        self->full = true;
        return NULL;
    }
    (void)sp_str_copy(text, path.n + 1u, path);
    e->path = text;
    e->file.path = sp_str_bytes(text, path.n);
    return e;
}

uint32_t procmem_files_add(struct procmem_files *self, int fd, struct sp_str path, bool deleted)
{
    struct stat st = {0};
    bool open = fd >= 0 && fstat(fd, &st) == 0;
    for (uint32_t i = 0; i < self->count; i++) {
        const struct procmem_entry *e = self->entry[i];
        bool gone = (e->file.flags & PROCMEM_FILE_DELETED) != 0;
        if (e->dev == st.st_dev && e->inode == st.st_ino && gone == (deleted || (open && st.st_nlink == 0)) &&
            sp_str_eq(e->file.path, path)) {
            return i;
        }
    }
    struct procmem_entry *e = new_entry(self, path);
    if (e == NULL) {
        return PROCMEM_NO_FILE;
    }
    e->dev = st.st_dev;
    e->inode = st.st_ino;
    e->file.mode = st.st_mode;
    e->file.uid = st.st_uid;
    e->file.size = (uint64_t)st.st_size;
    e->file.flags = open ? digest(self, fd, e) : PROCMEM_FILE_UNREAD;
    if (e->file.flags == 0) {
        e->file.sha256 = e->sha256;
        e->file.md5 = self->md5 ? e->md5 : NULL;
        e->file.flags = self->md5 ? PROCMEM_FILE_MD5 : 0;
    }
    if (deleted || (open && st.st_nlink == 0)) {
        e->file.flags |= PROCMEM_FILE_DELETED;
    }
    self->entry[self->count] = e;
    return self->count++;
}

void procmem_files_put(const struct procmem_files *self, struct sp_buf *document)
{
    procmem_put_count(document, self->count);
    for (uint32_t i = 0; i < self->count; i++) {
        procmem_put_file(document, &self->entry[i]->file);
    }
}
