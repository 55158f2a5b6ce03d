/* SPDX-License-Identifier: Apache-2.0 */
/* Copying and judging text up to sixteen bytes at a time, for the encoders and decoders. Over a whole record a struct sp_text_seen
 * collects whether every byte was plain, that is ASCII and not NUL; if not, the slow judge sp_str_is_utf8 decides. Nothing outside
 * of the n bytes is read or written. */
#ifndef SP_PACK_TEXT_H
#define SP_PACK_TEXT_H

#include <string.h>

#include "sp_pack.h"

#define SP_INLINE    static inline __attribute__((always_inline))
#define SP_LIKELY(x) __builtin_expect(!!(x), 1)

typedef signed char sp_v16 __attribute__((vector_size(16)));
typedef uint64_t sp_v2 __attribute__((vector_size(16)));

struct sp_text_seen {
    sp_v16 plain; /* all bits set in every lane where only plain bytes were seen */
};

SP_INLINE struct sp_text_seen sp_text_nothing_seen(void)
{
    struct sp_text_seen seen = {(sp_v16){0} == 0};
    return seen;
}

SP_INLINE bool sp_text_is_plain(const struct sp_text_seen *seen)
{
#ifdef __SSE2__
    typedef char bytes __attribute__((vector_size(16)));
    return __builtin_ia32_pmovmskb128((bytes)seen->plain) == 0xffff;
#else
    sp_v2 half = (sp_v2)seen->plain;
    return (half[0] & half[1]) == UINT64_MAX;
#endif
}

/* Plain bytes, 1 to 127, are those above zero as signed numbers. seen may be NULL (a constant at every call). */
SP_INLINE void sp_text_see(struct sp_text_seen *seen, sp_v16 v)
{
    if (seen != NULL)
        seen->plain &= v > 0;
}

SP_INLINE void sp_text_see8(struct sp_text_seen *seen, uint64_t a, uint64_t b)
{
    sp_text_see(seen, (sp_v16)(sp_v2){a, b});
}

SP_INLINE sp_v16 sp_v16_load(const uint8_t *p)
{
    sp_v16 v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* The four sizes overlap at the end instead of looping over a rest. `to` is NULL when nothing is to be copied. */
SP_INLINE void sp_text_upto3(uint8_t *restrict to, const uint8_t *restrict from, uint32_t n, struct sp_text_seen *seen)
{
    uint8_t a = from[0], b = from[n / 2], c = from[n - 1];
    uint64_t word = 0x0101010101000000u | (uint64_t)a << 16 | (uint64_t)b << 8 | c;
    sp_text_see8(seen, word, word);
    if (to != NULL) {
        to[0] = a;
        to[n / 2] = b;
        to[n - 1] = c;
    }
}

SP_INLINE void sp_text_upto7(uint8_t *restrict to, const uint8_t *restrict from, uint32_t n, struct sp_text_seen *seen)
{
    uint32_t a, b;
    memcpy(&a, from, 4);
    memcpy(&b, from + n - 4, 4);
    sp_text_see8(seen, (uint64_t)a << 32 | b, 0x0101010101010101u);
    if (to != NULL) {
        memcpy(to, &a, 4);
        memcpy(to + n - 4, &b, 4);
    }
}

SP_INLINE void sp_text_upto15(uint8_t *restrict to, const uint8_t *restrict from, uint32_t n, struct sp_text_seen *seen)
{
    sp_v2 v;
    uint64_t a, b;
    memcpy(&a, from, 8);
    memcpy(&b, from + n - 8, 8);
    v = (sp_v2){a, b};
    sp_text_see(seen, (sp_v16)v);
    if (to != NULL) {
        a = v[0];
        b = v[1];
        memcpy(to, &a, 8);
        memcpy(to + n - 8, &b, 8);
    }
}

SP_INLINE void sp_text_long(uint8_t *restrict to, const uint8_t *restrict from, uint32_t n, struct sp_text_seen *seen)
{
    sp_v16 first = sp_v16_load(from), last = sp_v16_load(from + n - 16);
    sp_text_see(seen, first);
    sp_text_see(seen, last);
    if (to != NULL) {
        memcpy(to, &first, 16);
        memcpy(to + n - 16, &last, 16);
    }
    for (uint32_t i = 16; n > 32 && i < n - 16; i += 16) {
        sp_v16 v = sp_v16_load(from + i);
        sp_text_see(seen, v);
        if (to != NULL)
            memcpy(to + i, &v, 16);
    }
}

/* Copies n bytes to `to` unless that is NULL, looks at them unless seen is NULL (constants at every call). */
SP_INLINE void sp_text_copy(uint8_t *restrict to, const uint8_t *restrict from, uint32_t n, struct sp_text_seen *seen)
{
    if (n >= 16)
        sp_text_long(to, from, n, seen);
    else if (n == 0)
        return;
    else if (n >= 8)
        sp_text_upto15(to, from, n, seen);
    else if (n >= 4)
        sp_text_upto7(to, from, n, seen);
    else
        sp_text_upto3(to, from, n, seen);
}

#endif
