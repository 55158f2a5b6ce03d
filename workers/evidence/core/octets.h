/* SPDX-License-Identifier: Apache-2.0 */
/*
 * octets.h - reads numbers and fields off the front of foreign bytes. The error is sticky: after it everything reads as zero or
 * empty, so a decoder is straight-line with one check at the end. Each length is compared with what is left before it is used.
 * Pure.
 */
#ifndef SPICE_OCTETS_H
#define SPICE_OCTETS_H

#include "sp_str.h"

struct octets {
    const uint8_t *p; /* borrowed */
    size_t n;         /* bytes left */
    bool bad;
};

static inline struct octets octets_of(struct sp_str bytes)
{
    struct octets o = {(const uint8_t *)bytes.p, bytes.n, false};
    return o;
}

/* Lends the next n bytes; NULL: there are fewer, and the reader is bad from now on. */
static inline const uint8_t *octets_take(struct octets *o, size_t n)
{
    if (o->bad || n > o->n) {
        o->bad = true;
        return NULL;
    }
    const uint8_t *p = o->p;
    o->p += n;
    o->n -= n;
    return p;
}

/* Returns the next number of 1 to 8 bytes, the most significant first. */
static inline uint64_t octets_be(struct octets *o, unsigned bytes)
{
    const uint8_t *p = octets_take(o, bytes);
    uint64_t v = 0;
    for (unsigned i = 0; p != NULL && i < bytes; i++) {
        v = v << 8 | p[i];
    }
    return v;
}

/* Returns the next number of 1 to 8 bytes, the least significant first. */
static inline uint64_t octets_le(struct octets *o, unsigned bytes)
{
    const uint8_t *p = octets_take(o, bytes);
    uint64_t v = 0;
    for (unsigned i = bytes; p != NULL && i > 0; i--) {
        v = v << 8 | p[i - 1];
    }
    return v;
}

/* Lends the next n bytes as a view. */
static inline struct sp_str octets_view(struct octets *o, size_t n)
{
    const uint8_t *p = octets_take(o, n);
    return sp_str_bytes(p, p != NULL ? n : 0);
}

/* Lends the next field with a 16-bit size before it (TPM2B) of at most max bytes. */
static inline struct sp_str octets_sized(struct octets *o, size_t max)
{
    size_t n = (size_t)octets_be(o, 2);
    if (n > max) {
        o->bad = true;
    }
    return octets_view(o, n);
}

/* True when nothing was wrong and nothing is left over. */
static inline bool octets_end(const struct octets *o)
{
    return !o->bad && o->n == 0;
}

#endif
