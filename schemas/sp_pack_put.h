/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces that generated encoders are made of; not for people, they use gen/msg.h. Everything is inlined so that a record becomes
 * straight-line code over one pointer. sp_put_* assume that there is room for the whole record with every field at its limit; they
 * return the place after what they wrote. A field over its limit is written as if it were empty and seen is told, so that nothing
 * leaves that room whatever the lengths are; the record is not committed then. */
#ifndef SP_PACK_PUT_H
#define SP_PACK_PUT_H

#include <string.h>

#include "sp_pack.h"
#include "sp_pack_number.h"
#include "sp_pack_text.h"

/* Up to so many bytes compilers copy without calling anybody. */
#define SP_PUT_INLINE 128u

/* Effect: what was written up to p counts, as one element if a list is open. */
SP_INLINE enum sp_rc sp_packer_commit(struct sp_packer *w, uint8_t *p)
{
    w->p = p;
    w->list_count++;
    return SP_OK;
}

SP_INLINE uint8_t *sp_put_u8(uint8_t *p, uint8_t v)
{
    if (SP_LIKELY(v < 0x80)) {
        *p = v;
        return p + 1;
    }
    p[0] = 0xcc;
    p[1] = v;
    return p + 2;
}

SP_INLINE uint8_t *sp_put_u16(uint8_t *p, uint16_t v)
{
    if (v <= 0xff)
        return sp_put_u8(p, (uint8_t)v);
    return sp_put_be16(p, 0xcd, v);
}

SP_INLINE uint8_t *sp_put_u32(uint8_t *p, uint32_t v)
{
    if (SP_LIKELY(v <= 0xffff))
        return sp_put_u16(p, (uint16_t)v);
    return sp_put_be32(p, 0xce, v);
}

SP_INLINE uint8_t *sp_put_u64(uint8_t *p, uint64_t v)
{
    if (SP_LIKELY((uint32_t)v == v))
        return sp_put_u32(p, (uint32_t)v);
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

/* max: the most that n can be, a constant; forms it can never need are not compiled in. */
SP_INLINE uint8_t *sp_put_bin_head(uint8_t *p, uint32_t n, uint32_t max)
{
    if (max <= 0xff || SP_LIKELY(n <= 0xff)) {
        p[0] = 0xc4;
        p[1] = (uint8_t)n;
        return p + 2;
    }
    return max <= 0xffff || n <= 0xffff ? sp_put_be16(p, 0xc5, (uint16_t)n) : sp_put_be32(p, 0xc6, n);
}

SP_INLINE uint8_t *sp_put_str_head(uint8_t *p, uint32_t n, uint32_t max)
{
    if (max < 32 || SP_LIKELY(n < 32)) {
        *p = (uint8_t)(0xa0 | n);
        return p + 1;
    }
    if (max <= 0xff || SP_LIKELY(n <= 0xff)) {
        p[0] = 0xd9;
        p[1] = (uint8_t)n;
        return p + 2;
    }
    return max <= 0xffff || n <= 0xffff ? sp_put_be16(p, 0xda, (uint16_t)n) : sp_put_be32(p, 0xdb, n);
}

/* n, or nothing and a hint to look closer when the field is over its limit. */
SP_INLINE uint32_t sp_put_within(uint32_t n, uint32_t max, struct sp_text_seen *seen)
{
    if (SP_LIKELY(n <= max))
        return n;
    seen->plain = (sp_v16){0};
    return 0;
}

/* Text; seen tells whether somebody must look that it is UTF-8 without NUL and within its limit. */
SP_INLINE uint8_t *sp_put_str(uint8_t *p, struct sp_str s, uint32_t max, struct sp_text_seen *seen)
{
    uint32_t n = s.n;
    if (max >= 31 && SP_LIKELY(n < 32)) {
        *p++ = (uint8_t)(0xa0 | n);
    } else {
        n = sp_put_within(n, max, seen);
        p = sp_put_str_head(p, n, max);
    }
    sp_text_copy(p, (const uint8_t *)s.p, n, seen);
    return p + n;
}

SP_INLINE uint8_t *sp_put_bin(uint8_t *p, struct sp_str s, uint32_t max, struct sp_text_seen *seen)
{
    uint32_t n = s.n;
    if (n == 0) {
        p[0] = 0xc4;
        p[1] = 0;
        return p + 2;
    }
    n = sp_put_within(n, max, seen);
    p = sp_put_bin_head(p, n, max);
    sp_text_copy(p, (const uint8_t *)s.p, n, NULL);
    return p + n;
}

SP_INLINE uint8_t *sp_put_exact(uint8_t *p, const uint8_t *from, uint32_t n)
{
    const uint32_t half = n <= SP_PUT_INLINE ? n : SP_PUT_INLINE;
    SP_STATIC_ASSERT(SP_UNPACK_EXACT_MAX <= 2 * SP_PUT_INLINE, "two pieces are enough");
    p = sp_put_bin_head(p, n, n);
    memcpy(p, from, half);
    memcpy(p + half, from + half, n - half);
    return p + n;
}

#endif
