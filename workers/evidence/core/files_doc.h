/* SPDX-License-Identifier: Apache-2.0 */
/*
 * files_doc.h - the document of evidence `files`: what a node's attester found below the trees it was asked for. Written there,
 * read where it is judged; numbers are big-endian. Pure.
 *
 *   "SPICE files 1\n"
 *   entry:  type u8 (f d l p s c b), state u8, mode u16, uid u32, gid u32, size u64,
 *           shared u16 (bytes the path has in common with the one before), n u16, n bytes;
 *           a file that was read: SHA-256; a link that was read: n u16, its target
 *           A directory comes a second time, with another state than FILES_READ, when what is in it could not be listed in one piece.
 *   end:    'E', enum files_end u8, entries u64, bytes read u64; nothing follows
 */
#ifndef SPICE_FILES_DOC_H
#define SPICE_FILES_DOC_H

#include "manifest_table.h"
#include "octets.h"

#define FILES_DOC_HEAD      "SPICE files 1\n"
#define FILES_DOC_MAX       (64u << 20)
#define FILES_DOC_ENTRY_MAX (26u + MANIFEST_TABLE_PATH_MAX + 2u + MANIFEST_TABLE_PATH_MAX) /* of one record */
#define FILES_DOC_SHA_BYTES 32u

enum files_state {
    FILES_READ,       /* seen whole; a file's digest, a link's target follow */
    FILES_UNSTABLE,   /* it changed while it was looked at, each time */
    FILES_UNREADABLE, /* it is there, but could not be opened or read */
    FILES_TOO_LARGE,  /* longer than the attester reads */
    FILES_STATE_LAST = FILES_TOO_LARGE
};

enum files_end {
    FILES_END_WHOLE,
    FILES_END_LIMIT, /* too many entries, too many bytes or too long: what is not listed was not looked at */
    FILES_END_TIME,
    FILES_END_LAST = FILES_END_TIME
};

struct files_entry {
    char type;
    uint8_t state; /* enum files_state */
    uint16_t mode;
    uint32_t uid, gid;
    uint64_t size;
    struct sp_str path; /* of a reader: valid until the next call */
    struct sp_str target;
    const uint8_t *sha256; /* NULL: not a file that was read */
};

/* ---- writing ---- */

/* The path before, which the next one shares bytes with. Zeroed at the start. */
struct files_last {
    uint16_t n;
    char path[MANIFEST_TABLE_PATH_MAX];
};

void files_doc_put_head(struct sp_buf *b);
void files_doc_put(struct sp_buf *b, struct files_last *last, const struct files_entry *entry);
void files_doc_put_end(struct sp_buf *b, enum files_end end, uint64_t entries, uint64_t bytes);

/* ---- reading, in parts of any size ---- */

enum files_next {
    FILES_NEXT_ENTRY, /* *entry was filled */
    FILES_NEXT_MORE,  /* needs more bytes */
    FILES_NEXT_END,   /* the end was read: `end`, `entries`, `bytes` hold */
    FILES_NEXT_BAD    /* not of the format; stays */
};

struct files_reader {
    struct files_last last;
    uint8_t rest[FILES_DOC_ENTRY_MAX]; /* of a record that is cut */
    size_t rest_n;
    struct sp_str part; /* borrowed; what of it is not read yet */
    bool begun, bad, ended;
    enum files_end end;
    uint64_t entries, bytes;
    uint64_t seen;
    struct files_entry entry; /* views into what follows */
    uint8_t sha256[FILES_DOC_SHA_BYTES];
    char target[MANIFEST_TABLE_PATH_MAX];
};

void files_reader_init(struct files_reader *r);
/* Effect: hands over the next bytes; borrowed until files_reader_next has asked for more. */
void files_reader_push(struct files_reader *r, struct sp_str bytes);
enum files_next files_reader_next(struct files_reader *r, struct files_entry *entry);

#endif
