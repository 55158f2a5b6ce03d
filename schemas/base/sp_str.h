/* SPDX-License-Identifier: Apache-2.0 */
/* A view of characters or bytes that somebody else owns. Views lent by a decoder end with the frame they came from; whoever
 * keeps the text copies it (sp_str_copy). */
#ifndef SP_STR_H
#define SP_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct sp_str {
    const char *p; /* not terminated; may be NULL when n is 0 */
    uint32_t n;    /* bytes */
};

static inline struct sp_str sp_str_of(const char *text)
{
    struct sp_str s = {text, text != NULL ? (uint32_t)strlen(text) : 0};
    return s;
}

static inline struct sp_str sp_str_bytes(const void *p, size_t n)
{
    struct sp_str s = {(const char *)p, (uint32_t)n};
    return s;
}

static inline bool sp_str_eq(struct sp_str a, struct sp_str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool sp_str_is(struct sp_str a, const char *text)
{
    return sp_str_eq(a, sp_str_of(text));
}

/* Effect: copies at most size-1 bytes and terminates; size must be > 0. Returns false when it had to cut. Borrows all. */
bool sp_str_copy(char *to, size_t size, struct sp_str from);
/* Effect: splits off the text before the first `separator` into *head and leaves the rest in *rest. Returns false when *rest was
 * empty (NULL p). An empty list yields nothing; "a,,b" yields an empty head between. */
bool sp_str_next(struct sp_str *rest, char separator, struct sp_str *head);
/* Returns a without spaces and tabs at both ends. */
struct sp_str sp_str_trim(struct sp_str a);
/* Strict decimal parse of the whole view; false on empty, sign, non-digit, overflow or value > max. *out only on success. */
bool sp_str_u64(struct sp_str a, uint64_t max, uint64_t *out);
/* True for names of things: 1 to max bytes of [A-Za-z0-9._-], first one alphanumeric. */
bool sp_str_is_name(struct sp_str a, uint32_t max);
/* True when valid UTF-8 (RFC 3629, no surrogates) without NUL. */
bool sp_str_is_utf8(struct sp_str a);
/* Damerau-Levenshtein distance, capped at 32 characters each; for "did you mean". */
unsigned sp_str_distance(struct sp_str a, struct sp_str b);
/* Lends: the nearest of count words to a, or NULL when none is near enough to suggest. */
const char *sp_str_nearest(struct sp_str a, const char *const *words, size_t count);

#endif
