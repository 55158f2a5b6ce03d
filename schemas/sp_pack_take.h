/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces that generated decoders are made of; not for people, they use gen/msg.h. sp_take_* check every byte against the end, keep
 * the first error in the reader and give zeros after it, so that decoding is straight-line code with one check at its end. */
#ifndef SP_PACK_TAKE_H
#define SP_PACK_TAKE_H

#include <string.h>

#include "sp_pack.h"
#include "sp_pack_number.h"
#include "sp_pack_text.h"

SP_INLINE void sp_unpack_fail(struct sp_unpacker *u, enum sp_rc rc)
{
    u->p = u->end;
    if (u->rc == SP_OK)
        u->rc = rc;
}

/* Reads the big-endian number of so many bytes after the tag; it must be above what a shorter form holds. */
SP_INLINE uint64_t sp_take_wide(struct sp_unpacker *u, unsigned bytes, uint64_t above)
{
    if (sp_unpacker_left(u) < 1 + bytes) {
        sp_unpack_fail(u, SP_E_MALFORMED);
        return 0;
    }
    uint64_t v = sp_take_be(u->p + 1, bytes);
    if (v <= above) {
        sp_unpack_fail(u, SP_E_MALFORMED);
        return 0;
    }
    u->p += 1 + bytes;
    return v;
}

SP_INLINE uint64_t sp_take_uint(struct sp_unpacker *u, uint64_t max)
{
    uint64_t v = 0;
    if (sp_unpacker_left(u) < 1) {
        sp_unpack_fail(u, SP_E_MALFORMED);
        return 0;
    }
    uint8_t tag = *u->p;
    if (tag < 0x80)
        v = *u->p++;
    else if (tag == 0xcc)
        v = sp_take_wide(u, 1, 0x7f);
    else if (tag == 0xcd)
        v = sp_take_wide(u, 2, 0xff);
    else if (tag == 0xce)
        v = sp_take_wide(u, 4, 0xffff);
    else if (tag == 0xcf)
        v = sp_take_wide(u, 8, 0xffffffff);
    else
        sp_unpack_fail(u, SP_E_MALFORMED);
    if (v > max) {
        sp_unpack_fail(u, SP_E_LIMIT);
        return 0;
    }
    return v;
}

SP_INLINE bool sp_take_bool(struct sp_unpacker *u)
{
    if (sp_unpacker_left(u) < 1 || (*u->p & 0xfe) != 0xc2) {
        sp_unpack_fail(u, SP_E_MALFORMED);
        return false;
    }
    return (*u->p++ & 1) != 0;
}

/* Count of an array; an array cannot have more elements than bytes follow. */
SP_INLINE uint32_t sp_take_array(struct sp_unpacker *u)
{
    uint64_t count = 0;
    if (sp_unpacker_left(u) < 1) {
        sp_unpack_fail(u, SP_E_MALFORMED);
        return 0;
    }
    uint8_t tag = *u->p;
    if ((tag & 0xf0) == 0x90) {
        count = tag & 0x0f;
        u->p++;
    } else if (tag == 0xdc) {
        count = sp_take_wide(u, 2, 15);
    } else if (tag == 0xdd) {
        count = sp_take_wide(u, 4, 0xffff);
    } else {
        sp_unpack_fail(u, SP_E_MALFORMED);
    }
    if (count > sp_unpacker_left(u)) {
        sp_unpack_fail(u, SP_E_MALFORMED);
        return 0;
    }
    return (uint32_t)count;
}

/* The same where so many, a constant below 16, are the rule; the elements are read one by one and checked on the way. */
SP_INLINE uint32_t sp_take_fields(struct sp_unpacker *u, uint32_t usual)
{
    if (SP_LIKELY(u->p != u->end && *u->p == (0x90 | usual))) {
        u->p++;
        return usual;
    }
    return sp_take_array(u);
}

/* Lends n bytes of the frame, already past their header. */
SP_INLINE struct sp_str sp_take_view(struct sp_unpacker *u, uint64_t n, uint32_t max)
{
    struct sp_str s = {NULL, 0};
    if (n > max || n > sp_unpacker_left(u)) {
        sp_unpack_fail(u, n > max ? SP_E_LIMIT : SP_E_MALFORMED);
        return s;
    }
    s = sp_str_bytes(u->p, n);
    u->p += n;
    return s;
}

SP_INLINE struct sp_str sp_take_bin(struct sp_unpacker *u, uint32_t max)
{
    uint64_t n = 0;
    uint8_t tag = sp_unpacker_left(u) < 2 ? 0 : *u->p;
    if (tag == 0xc4) {
        n = u->p[1];
        u->p += 2;
    } else if (tag == 0xc5) {
        n = sp_take_wide(u, 2, 0xff);
    } else if (tag == 0xc6) {
        n = sp_take_wide(u, 4, 0xffff);
    } else {
        sp_unpack_fail(u, SP_E_MALFORMED);
    }
    return sp_take_view(u, n, max);
}

/* check: false when the same bytes were found to be good text before. */
SP_INLINE struct sp_str sp_take_str(struct sp_unpacker *u, uint32_t max, bool check)
{
    uint64_t n = 0;
    uint8_t tag = sp_unpacker_left(u) < 1 ? 0 : *u->p;
    if ((tag & 0xe0) == 0xa0) {
        n = tag & 0x1f;
        u->p++;
    } else if (tag == 0xd9) {
        n = sp_take_wide(u, 1, 31);
    } else if (tag == 0xda) {
        n = sp_take_wide(u, 2, 0xff);
    } else if (tag == 0xdb) {
        n = sp_take_wide(u, 4, 0xffff);
    } else {
        sp_unpack_fail(u, SP_E_MALFORMED);
    }
    struct sp_str s = sp_take_view(u, n, max);
    if (check) {
        struct sp_text_seen seen = sp_text_nothing_seen();
        sp_text_copy(NULL, (const uint8_t *)s.p, s.n, &seen);
        if (!SP_LIKELY(sp_text_is_plain(&seen)) && !sp_str_is_utf8(s))
            sp_unpack_fail(u, SP_E_MALFORMED);
    }
    return s;
}

/* Lends exactly n bytes, never NULL: after an error it lends zeros. */
SP_INLINE const uint8_t *sp_take_exact(struct sp_unpacker *u, uint32_t n)
{
    if (n <= 0xff && SP_LIKELY(sp_unpacker_left(u) >= n + 2 && u->p[0] == 0xc4 && u->p[1] == n)) {
        u->p += n + 2;
        return u->p - n;
    }
    struct sp_str s = sp_take_bin(u, n);
    if (SP_LIKELY(s.n == n && s.p != NULL))
        return (const uint8_t *)s.p;
    sp_unpack_fail(u, SP_E_MALFORMED);
    return sp_unpack_zeros;
}

/* Skips the elements a newer peer appended. */
SP_INLINE void sp_take_extra(struct sp_unpacker *u, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *p = sp_unpack_skip(u->p, u->end);
        if (p == NULL) {
            sp_unpack_fail(u, SP_E_MALFORMED);
            return;
        }
        u->p = p;
    }
    u->extra += count;
}

#endif
