/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sections.h - a document of named parts: what attesters send when one document has several (a quote, its signature, the values).
 *
 *     document = { length of name: 1 byte, name, length of bytes: 4 bytes, the most significant first, bytes } ... exact end
 *
 * Names are 1 to 32 characters of a to z, 0 to 9 and _, each at most once, at most 16 of them: a reader that takes the first of
 * two would judge other bytes than the one that takes the last. Pure; nothing is copied.
 */
#ifndef SPICE_SECTIONS_H
#define SPICE_SECTIONS_H

#include "sp_str.h"

#define SECTIONS_MAX      16u
#define SECTIONS_NAME_MAX 32u
#define SECTIONS_HEAD_MAX (1u + SECTIONS_NAME_MAX + 4u) /* bytes before the bytes of a section, at most */

struct sections {
    uint32_t count;
    struct {
        struct sp_str name, bytes; /* borrowed from the document */
    } list[SECTIONS_MAX];
};

/* Effect: fills *out with views into the document, which must outlive it. False: it is no such document, and *out is empty. */
bool sections_read(struct sp_str document, struct sections *out);
/* Returns true and lends the bytes of the section (which may be empty) in *bytes; false: there is none of that name. */
bool sections_find(const struct sections *self, const char *name, struct sp_str *bytes);
/* Effect: writes the head of a section of n bytes to out, which has room for SECTIONS_HEAD_MAX; its bytes follow. Returns the length
 * of the head; 0: the name is no good or n does not fit. */
size_t sections_head(const char *name, size_t n, uint8_t *out);

/* A document being written into memory of the caller; the error is sticky. */
struct sections_writer {
    uint8_t *p; /* borrowed */
    size_t n, cap;
    uint32_t count;
    bool bad; /* did not fit, a bad name, or too many */
};

/* Effect: starts an empty document in p. */
void sections_begin(struct sections_writer *w, void *p, size_t cap);
/* Effect: appends a section. That a name is there twice is the caller's fault; the reader refuses it. */
void sections_add(struct sections_writer *w, const char *name, struct sp_str bytes);

#endif
