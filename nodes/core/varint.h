/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers of varying length for what the store keeps: seven bits per byte, the lowest first, the high bit set on all but the last.
 * Each number has exactly one form, which is the shortest. Differences may be negative: zigzag puts small ones of either sign
 * first. Pure. */
#ifndef VARINT_H
#define VARINT_H

#include <stdbool.h>
#include <stdint.h>

#define VARINT_BYTES_32 5u  /* most for 32 bits */
#define VARINT_BYTES_64 10u /* most for 64 bits */

/* Effect: writes value at `to`, which has VARINT_BYTES_64 bytes, or enough for what it can be. Returns the byte after it. */
static inline uint8_t *varint_put(uint8_t *to, uint64_t value)
{
    while (value >= 0x80) {
        *to++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *to++ = (uint8_t)value;
    return to;
}

/* Returns how far `to` is from `from` (modulo 2^64), small when it is near in either direction. */
static inline uint64_t varint_zigzag(uint64_t from, uint64_t to)
{
    uint64_t d = to - from;
    return d << 1 ^ (0 - (d >> 63));
}

static inline uint64_t varint_unzigzag(uint64_t from, uint64_t z)
{
    return from + (z >> 1 ^ (0 - (z & 1)));
}

/* The same modulo 2^32. */
static inline uint32_t varint_zigzag_32(uint32_t from, uint32_t to)
{
    uint32_t d = to - from;
    return d << 1 ^ (0 - (d >> 31));
}

static inline uint32_t varint_unzigzag_32(uint32_t from, uint32_t z)
{
    return from + (z >> 1 ^ (0 - (z & 1)));
}

/* Bytes that are not trusted; bad stays once it is set. */
struct varint_reader {
    const uint8_t *p, *end;
    bool bad;
};

/* Returns the next number; 0 and bad when it is cut off, larger than max, or not in its shortest form. */
static inline uint64_t varint_get(struct varint_reader *r, uint64_t max)
{
    uint64_t value = 0;
    for (unsigned shift = 0; r->p < r->end && shift < 64; shift += 7) {
        uint8_t byte = *r->p++;
        uint64_t part = byte & 0x7fu;
        if (shift == 63 && part > 1) {
            break;
        }
        value |= part << shift;
        if ((byte & 0x80u) == 0) {
            if (value > max || (byte == 0 && shift > 0)) {
                break;
            }
            return value;
        }
    }
    r->bad = true;
    return 0;
}

#endif
