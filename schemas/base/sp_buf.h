/* SPDX-License-Identifier: Apache-2.0 */
/* A byte buffer born with a maximum. It grows by doubling up to that maximum and then refuses; its error is sticky, so code that
 * fills it is straight-line with one check at the end. */
#ifndef SP_BUF_H
#define SP_BUF_H

#include "sp_str.h"

struct sp_buf {
    uint8_t *p;
    size_t n;    /* bytes used */
    size_t size; /* bytes allocated */
    size_t max;  /* never more than this */
    bool failed; /* something did not fit; stays until sp_buf_reset */
};

/* Effect: empty buffer that may hold max bytes; allocates nothing yet. */
void sp_buf_init(struct sp_buf *b, size_t max);
/* Effect: releases the memory. Safe on a zeroed struct. */
void sp_buf_fini(struct sp_buf *b);
/* Effect: n = 0, error forgotten, memory kept. */
void sp_buf_reset(struct sp_buf *b);
/* Effect: makes room for `more` bytes. Lends a pointer to the room (n not moved), NULL on failure. */
uint8_t *sp_buf_room(struct sp_buf *b, size_t more);
void sp_buf_append(struct sp_buf *b, const void *p, size_t n);
void sp_buf_text(struct sp_buf *b, const char *text);
void sp_buf_format(struct sp_buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Lends: a view of the content. */
struct sp_str sp_buf_view(const struct sp_buf *b);

#endif
