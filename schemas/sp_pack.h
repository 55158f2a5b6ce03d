/* SPDX-License-Identifier: Apache-2.0 */
/* MessagePack, the part of it that SPICE speaks: unsigned integers, booleans, text, bytes and arrays, each
 * in its shortest form and no other. Writing goes into memory of the caller, reading lends views into the
 * frame; neither allocates, neither recurses. The inline pieces in sp_pack_put.h and sp_pack_take.h are for generated code;
 * people use the functions of gen/msg.h and the few below.
 *
 * Writer: a struct sp_packer over a buffer of the caller. A put that does not fit writes nothing and says so,
 * so the caller may send what it has and go on. */
#ifndef SP_PACK_H
#define SP_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sp_assert.h"
#include "sp_rc.h"
#include "sp_str.h"

/* Nesting that a newer peer's unknown elements may have; deeper is malformed. */
#define SP_PACK_DEPTH_MAX 8u
/* Values inside the unknown elements of one array; more is malformed (bounds the time to skip them). */
#define SP_PACK_SKIP_MAX 4096u

/* Elements of a list as they lie in the frame. A decoder fills it only after every element was found valid;
 * iterate over a copy with rec_NAME_next. Lent: lives as long as the frame. */
struct sp_list {
    const uint8_t *p;
    uint32_t bytes;
    uint32_t count;
};

/* Writer. Fields are private; embed it, initialise it with sp_packer_init or sp_envelope_begin. */
struct sp_packer {
    uint8_t *start;
    uint8_t *p;
    uint8_t *end;
    uint8_t *list;       /* where the header of the open list is, NULL: none open */
    uint32_t list_count; /* elements put since the list was opened, or since the start when none is open */
    uint32_t list_max;   /* limit of the open list, UINT32_MAX when none is open */
};

/* Reader. The first error stays in rc; after it every read gives zero and nothing more is read. */
struct sp_unpacker {
    const uint8_t *p;
    const uint8_t *end;
    enum sp_rc rc;
    uint32_t extra; /* elements skipped because this version does not know them */
};

/* Starts writing at buf; borrows it until the caller is done with the bytes. */
static inline void sp_packer_init(struct sp_packer *w, uint8_t *buf, size_t bytes)
{
    w->start = buf;
    w->p = buf;
    w->end = buf + bytes;
    w->list = NULL;
    w->list_count = 0;
    w->list_max = UINT32_MAX;
}

/* Bytes written so far, without the header of a list that is still open growing or shrinking. */
static inline size_t sp_packer_bytes(const struct sp_packer *w)
{
    return (size_t)(w->p - w->start);
}

/* Bytes that still fit. */
static inline size_t sp_packer_room(const struct sp_packer *w)
{
    return (size_t)(w->end - w->p);
}

/* Elements put into the open list. */
static inline uint32_t sp_packer_count(const struct sp_packer *w)
{
    return w->list_count;
}

/* Bytes not read yet. */
static inline size_t sp_unpacker_left(const struct sp_unpacker *u)
{
    return (size_t)(u->end - u->p);
}

/* Appends bytes that are already encoded. SP_E_FULL: they do not fit, nothing was written. */
enum sp_rc sp_packer_raw(struct sp_packer *w, const uint8_t *p, size_t n) SP_MUST_USE;

/* Opens a list of at most max elements whose count is not known yet; closing writes the shortest header. */
enum sp_rc sp_packer_list_open(struct sp_packer *w, uint32_t max) SP_MUST_USE;
enum sp_rc sp_packer_list_close(struct sp_packer *w) SP_MUST_USE;

/* Closes the open list and opens the next one; on SP_E_FULL nothing changed. */
enum sp_rc sp_packer_list_next(struct sp_packer *w, uint32_t max) SP_MUST_USE;

/* Writes a whole list whose elements are already encoded and valid. */
enum sp_rc sp_packer_list_copy(struct sp_packer *w, const struct sp_list *list, uint32_t max) SP_MUST_USE;

/* Skips one value of any type; returns the byte after it, or NULL when it is malformed, not in its shortest
 * form, nested deeper than SP_PACK_DEPTH_MAX or holds more than SP_PACK_SKIP_MAX values. */
const uint8_t *sp_unpack_skip(const uint8_t *p, const uint8_t *end) SP_MUST_USE;

/* What a reader lends for a fixed-size field after an error. */
#define SP_UNPACK_EXACT_MAX 256u
extern const uint8_t sp_unpack_zeros[SP_UNPACK_EXACT_MAX];

#endif
