/* SPDX-License-Identifier: Apache-2.0 */
/* The pieces generated code is made of; not for people (they use gen/msg.h). Everything is inlined so that a whole record
 * becomes straight-line code over two pointers in registers.
 *
 * Writing: sp_put_* assume that the room was checked for the whole record before; they return the place after what they wrote.
 * Reading: sp_take_* check every byte against the end, keep the first error and give zeros after it. */
#ifndef SP_PACK_INLINE_H
#define SP_PACK_INLINE_H

#include <string.h>

#include "sp_pack.h"

#define SP_INLINE static inline __attribute__((always_inline))
#define SP_LIKELY(x) __builtin_expect(!!(x), 1)

/* Bytes >= 0x80 and zero bytes of a word make this non-zero; words of plain text make it zero. */
SP_INLINE uint64_t sp_text_odd(uint64_t word)
{
    return (word | (word - 0x0101010101010101u)) & 0x8080808080808080u;
}

SP_INLINE uint8_t *sp_put_be16(uint8_t *p, unsigned tag, uint16_t v)
{
    v = __builtin_bswap16(v);
    p[0] = (uint8_t)tag;
    memcpy(p + 1, &v, 2);
    return p + 3;
}

SP_INLINE uint8_t *sp_put_be32(uint8_t *p, unsigned tag, uint32_t v)
{
    v = __builtin_bswap32(v);
    p[0] = (uint8_t)tag;
    memcpy(p + 1, &v, 4);
    return p + 5;
}

SP_INLINE uint8_t *sp_put_u64(uint8_t *p, uint64_t v)
{
    if (v < 0x80) {
        *p = (uint8_t)v;
        return p + 1;
    }
    if (v <= 0xff) {
        p[0] = 0xcc;
        p[1] = (uint8_t)v;
        return p + 2;
    }
    if (v <= 0xffff)
        return sp_put_be16(p, 0xcd, (uint16_t)v);
    if (v <= 0xffffffff)
        return sp_put_be32(p, 0xce, (uint32_t)v);
    v = __builtin_bswap64(v);
    p[0] = 0xcf;
    memcpy(p + 1, &v, 8);
    return p + 9;
}

SP_INLINE uint8_t *sp_put_bool(uint8_t *p, bool v)
{
    *p = v ? 0xc3 : 0xc2;
    return p + 1;
}

SP_INLINE uint8_t *sp_put_array(uint8_t *p, uint32_t count)
{
    if (count < 16) {
        *p = (uint8_t)(0x90 | count);
        return p + 1;
    }
    return count <= 0xffff ? sp_put_be16(p, 0xdc, (uint16_t)count) : sp_put_be32(p, 0xdd, count);
}

SP_INLINE uint8_t *sp_put_bin_head(uint8_t *p, uint32_t n)
{
    if (n <= 0xff) {
        p[0] = 0xc4;
        p[1] = (uint8_t)n;
        return p + 2;
    }
    return n <= 0xffff ? sp_put_be16(p, 0xc5, (uint16_t)n) : sp_put_be32(p, 0xc6, n);
}

SP_INLINE uint8_t *sp_put_str_head(uint8_t *p, uint32_t n)
{
    if (n < 32) {
        *p = (uint8_t)(0xa0 | n);
        return p + 1;
    }
    if (n <= 0xff) {
        p[0] = 0xd9;
        p[1] = (uint8_t)n;
        return p + 2;
    }
    return n <= 0xffff ? sp_put_be16(p, 0xda, (uint16_t)n) : sp_put_be32(p, 0xdb, n);
}

/* Copies n bytes; short ones without a call. Returns non-zero when a byte is NUL or not ASCII. */
SP_INLINE uint64_t sp_put_copy(uint8_t *restrict to, const uint8_t *restrict from, uint32_t n)
{
    uint64_t odd = 0, word;
    if (n >= 8) {
        for (uint32_t i = 0; i < n - 8; i += 8) {
            memcpy(&word, from + i, 8);
            memcpy(to + i, &word, 8);
            odd |= sp_text_odd(word);
        }
        memcpy(&word, from + n - 8, 8);
        memcpy(to + n - 8, &word, 8);
        return odd | sp_text_odd(word);
    }
    if (n >= 4) {
        uint32_t a, b;
        memcpy(&a, from, 4);
        memcpy(&b, from + n - 4, 4);
        memcpy(to, &a, 4);
        memcpy(to + n - 4, &b, 4);
        return sp_text_odd((uint64_t)a << 32 | b);
    }
    for (uint32_t i = 0; i < n; i++) {
        to[i] = from[i];
        odd |= (from[i] & 0x80u) | (from[i] == 0);
    }
    return odd;
}

/* The same without looking at a copy. */
SP_INLINE uint64_t sp_text_scan(const uint8_t *from, uint32_t n)
{
    uint64_t odd = 0, word;
    if (n >= 8) {
        for (uint32_t i = 0; i < n - 8; i += 8) {
            memcpy(&word, from + i, 8);
            odd |= sp_text_odd(word);
        }
        memcpy(&word, from + n - 8, 8);
        return odd | sp_text_odd(word);
    }
    if (n >= 4) {
        uint32_t a, b;
        memcpy(&a, from, 4);
        memcpy(&b, from + n - 4, 4);
        return sp_text_odd((uint64_t)a << 32 | b);
    }
    for (uint32_t i = 0; i < n; i++)
        odd |= (from[i] & 0x80u) | (from[i] == 0);
    return odd;
}

/* Text; NULL when it is not UTF-8 without NUL. */
SP_INLINE uint8_t *sp_put_str(uint8_t *p, struct sp_str s)
{
    p = sp_put_str_head(p, s.n);
    if (!SP_LIKELY(sp_put_copy(p, (const uint8_t *)s.p, s.n) == 0) && !sp_str_is_utf8(s))
        return NULL;
    return p + s.n;
}

SP_INLINE uint8_t *sp_put_bin(uint8_t *p, struct sp_str s)
{
    p = sp_put_bin_head(p, s.n);
    if (s.n > 256)
        memcpy(p, s.p, s.n);
    else
        (void)sp_put_copy(p, (const uint8_t *)s.p, s.n);
    return p + s.n;
}

SP_INLINE uint8_t *sp_put_exact(uint8_t *p, const uint8_t *from, uint32_t n)
{
    p = sp_put_bin_head(p, n);
    memcpy(p, from, n);
    return p + n;
}

SP_INLINE size_t sp_left(const struct sp_unpacker *u)
{
    return (size_t)(u->end - u->p);
}

SP_INLINE void sp_unpack_fail(struct sp_unpacker *u, enum sp_rc rc)
{
    u->p = u->end;
    if (u->rc == SP_OK)
        u->rc = rc;
}

SP_INLINE uint64_t sp_take_be(const uint8_t *p, unsigned bytes)
{
    uint16_t v16;
    uint32_t v32;
    uint64_t v64;
    switch (bytes) {
    case 1:
        return p[0];
    case 2:
        memcpy(&v16, p, 2);
        return __builtin_bswap16(v16);
    case 4:
        memcpy(&v32, p, 4);
        return __builtin_bswap32(v32);
    default:
        memcpy(&v64, p, 8);
        return __builtin_bswap64(v64);
    }
}

/* Reads the big-endian number of so many bytes after the tag; it must be above what a shorter form holds. */
SP_INLINE uint64_t sp_take_wide(struct sp_unpacker *u, unsigned bytes, uint64_t above)
{
    if (sp_left(u) < 1 + bytes) {
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
    if (sp_left(u) < 1) {
        sp_unpack_fail(u, SP_E_MALFORMED);
        return 0;
    }
    uint8_t tag = *u->p;
    if (tag < 0x80) {
        u->p++;
        return tag;
    }
    if (tag == 0xcc)
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
    if (sp_left(u) < 1 || (*u->p & 0xfe) != 0xc2) {
        sp_unpack_fail(u, SP_E_MALFORMED);
        return false;
    }
    return (*u->p++ & 1) != 0;
}

/* Count of an array; an array cannot have more elements than bytes follow. */
SP_INLINE uint32_t sp_take_array(struct sp_unpacker *u)
{
    uint64_t count = 0;
    if (sp_left(u) < 1) {
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
    if (count > sp_left(u)) {
        sp_unpack_fail(u, SP_E_MALFORMED);
        return 0;
    }
    return (uint32_t)count;
}

/* Lends n bytes of the frame, already past their header. */
SP_INLINE struct sp_str sp_take_view(struct sp_unpacker *u, uint64_t n, uint32_t max)
{
    struct sp_str none = {NULL, 0};
    if (n > max || n > sp_left(u)) {
        sp_unpack_fail(u, n > max ? SP_E_LIMIT : SP_E_MALFORMED);
        return none;
    }
    struct sp_str s = {(const char *)u->p, (uint32_t)n};
    u->p += n;
    return s;
}

SP_INLINE struct sp_str sp_take_bin(struct sp_unpacker *u, uint32_t max)
{
    uint64_t n = 0;
    uint8_t tag = sp_left(u) < 2 ? 0 : *u->p;
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
    uint8_t tag = sp_left(u) < 1 ? 0 : *u->p;
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
    if (check && !SP_LIKELY(sp_text_scan((const uint8_t *)s.p, s.n) == 0) && !sp_str_is_utf8(s))
        sp_unpack_fail(u, SP_E_MALFORMED);
    return s;
}

/* Lends exactly n bytes, never NULL: after an error it lends zeros. */
SP_INLINE const uint8_t *sp_take_exact(struct sp_unpacker *u, uint32_t n)
{
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
