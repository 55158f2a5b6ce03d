/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces that generated encoders are made of; not for people, they use gen/msg.h. Everything is inlined so that a record becomes
 * straight-line code over one pointer. sp_put_* assume that the room was checked for the whole record before; they return the
 * place after what they wrote. */
#ifndef SP_PACK_PUT_H
#define SP_PACK_PUT_H

#include <string.h>

#include "sp_pack.h"
#include "sp_pack_text.h"

/* Effect: what was written up to p counts, as one element if a list is open. */
SP_INLINE enum sp_rc sp_packer_commit(struct sp_packer *w, uint8_t *p)
{
    w->p = p;
    w->list_count++;
    return SP_OK;
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
    if (SP_LIKELY(v <= 0xffffffff))
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

/* Text; seen tells whether somebody must look that it is UTF-8 without NUL. */
SP_INLINE uint8_t *sp_put_str(uint8_t *p, struct sp_str s, uint32_t max, struct sp_text_seen *seen)
{
    p = sp_put_str_head(p, s.n, max);
    sp_text_copy(p, (const uint8_t *)s.p, s.n, seen);
    return p + s.n;
}

SP_INLINE uint8_t *sp_put_bin(uint8_t *p, struct sp_str s, uint32_t max)
{
    p = sp_put_bin_head(p, s.n, max);
    sp_text_copy(p, (const uint8_t *)s.p, s.n, NULL);
    return p + s.n;
}

SP_INLINE uint8_t *sp_put_exact(uint8_t *p, const uint8_t *from, uint32_t n)
{
    p = sp_put_bin_head(p, n, n);
    memcpy(p, from, n);
    return p + n;
}

#endif
