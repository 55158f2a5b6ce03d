/* SPDX-License-Identifier: Apache-2.0 */
/* Big-endian numbers of the wire, for the encoders and decoders; room and bytes are checked by the caller. */
#ifndef SP_PACK_NUMBER_H
#define SP_PACK_NUMBER_H

#include <string.h>

#include "sp_pack_text.h"

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

#endif
