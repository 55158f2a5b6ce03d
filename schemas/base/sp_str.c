/* SPDX-License-Identifier: Apache-2.0 */
#include "sp_str.h"

#include "sp_assert.h"

#define DISTANCE_MAX 32u

bool sp_str_copy(char *to, size_t size, struct sp_str from)
{
    SP_ASSERT(size > 0);
    size_t n = from.n < size ? from.n : size - 1;
    if (n > 0)
        memcpy(to, from.p, n);
    to[n] = '\0';
    return n == from.n;
}

bool sp_str_next(struct sp_str *rest, char separator, struct sp_str *head)
{
    if (rest->p == NULL)
        return false;
    const char *at = rest->n > 0 ? memchr(rest->p, separator, rest->n) : NULL;
    if (at == NULL) {
        *head = *rest;
        rest->p = NULL;
        rest->n = 0;
        return head->n > 0;
    }
    head->p = rest->p;
    head->n = (uint32_t)(at - rest->p);
    rest->p = at + 1;
    rest->n -= head->n + 1;
    return true;
}

struct sp_str sp_str_trim(struct sp_str a)
{
    while (a.n > 0 && (a.p[0] == ' ' || a.p[0] == '\t')) {
        a.p++;
        a.n--;
    }
    while (a.n > 0 && (a.p[a.n - 1] == ' ' || a.p[a.n - 1] == '\t'))
        a.n--;
    return a;
}

bool sp_str_u64(struct sp_str a, uint64_t max, uint64_t *out)
{
    uint64_t value = 0;
    if (a.n == 0)
        return false;
    for (uint32_t i = 0; i < a.n; i++) {
        unsigned digit = (unsigned)(unsigned char)a.p[i] - '0';
        if (digit > 9 || value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    if (value > max)
        return false;
    *out = value;
    return true;
}

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool sp_str_is_name(struct sp_str a, uint32_t max)
{
    if (a.n == 0 || a.n > max || !is_alnum(a.p[0]))
        return false;
    for (uint32_t i = 1; i < a.n; i++)
        if (!is_alnum(a.p[i]) && a.p[i] != '.' && a.p[i] != '_' && a.p[i] != '-')
            return false;
    return true;
}

/* Length of the sequence that starts with lead, and the smallest code point it may hold; 0: not a lead byte. */
static unsigned utf8_length(unsigned char lead, uint32_t *smallest)
{
    if (lead >= 0xC2 && lead <= 0xDF) {
        *smallest = 0x80;
        return 2;
    }
    if ((lead & 0xF0) == 0xE0) {
        *smallest = 0x800;
        return 3;
    }
    if (lead >= 0xF0 && lead <= 0xF4) {
        *smallest = 0x10000;
        return 4;
    }
    return 0;
}

bool sp_str_is_utf8(struct sp_str a)
{
    const unsigned char *p = (const unsigned char *)a.p;
    uint32_t i = 0;
    while (i < a.n) {
        if (p[i] < 0x80) {
            if (p[i++] == 0)
                return false;
            continue;
        }
        uint32_t smallest = 0;
        unsigned length = utf8_length(p[i], &smallest);
        if (length == 0 || a.n - i < length)
            return false;
        uint32_t code = p[i] & (0xFFu >> (length + 1));
        for (unsigned k = 1; k < length; k++) {
            if ((p[i + k] & 0xC0) != 0x80)
                return false;
            code = code << 6 | (p[i + k] & 0x3Fu);
        }
        if (code < smallest || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
            return false;
        i += length;
    }
    return true;
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

unsigned sp_str_distance(struct sp_str a, struct sp_str b)
{
    unsigned d[DISTANCE_MAX + 1][DISTANCE_MAX + 1];
    unsigned n = least(a.n, DISTANCE_MAX), m = least(b.n, DISTANCE_MAX);
    for (unsigned i = 0; i <= n; i++)
        d[i][0] = i;
    for (unsigned j = 0; j <= m; j++)
        d[0][j] = j;
    for (unsigned i = 1; i <= n; i++)
        for (unsigned j = 1; j <= m; j++) {
            unsigned cost = a.p[i - 1] != b.p[j - 1];
            d[i][j] = least(least(d[i - 1][j] + 1, d[i][j - 1] + 1), d[i - 1][j - 1] + cost);
            if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1])
                d[i][j] = least(d[i][j], d[i - 2][j - 2] + 1);
        }
    return d[n][m];
}

const char *sp_str_nearest(struct sp_str a, const char *const *words, size_t count)
{
    const char *best = NULL;
    unsigned least_distance = 1 + a.n / 3;
    for (size_t i = 0; i < count; i++) {
        unsigned distance = sp_str_distance(a, sp_str_of(words[i]));
        if (distance <= least_distance && (best == NULL || distance < least_distance)) {
            best = words[i];
            least_distance = distance;
        }
    }
    return best;
}
