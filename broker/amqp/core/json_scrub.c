/* SPDX-License-Identifier: Apache-2.0 */
#include "json_scrub.h"

#define INTEGER_DIGITS_MAX 18u  /* always fit 64 bits */
#define REAL_DIGITS_MAX    300u /* more would be no number for a reader of doubles */

/* Four hexadecimal digits at i; -1: none. */
static int unit(struct sp_str t, uint32_t i)
{
    int v = 0;
    if (i + 4 > t.n)
        return -1;
    for (uint32_t k = i; k < i + 4; k++) {
        char c = t.p[k];
        int d = c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
        if (d < 0)
            return -1;
        v = v << 4 | d;
    }
    return v;
}

/* An escape \uXXXX at i (of the backslash). Returns bytes taken. */
static uint32_t escape(struct sp_str t, uint32_t i, struct sp_buf *out)
{
    int first = unit(t, i + 2);
    bool high = first >= 0xd800 && first <= 0xdbff, low = first >= 0xdc00 && first <= 0xdfff;
    int second = high && i + 8 <= t.n && t.p[i + 6] == '\\' && t.p[i + 7] == 'u' ? unit(t, i + 8) : -1;
    if (high && second >= 0xdc00 && second <= 0xdfff) {
        sp_buf_append(out, t.p + i, 12);
        return 12;
    }
    if (first == 0 || high || low) {
        sp_buf_text(out, "\\ufffd");
        return 6;
    }
    uint32_t n = t.n - i < 6 ? t.n - i : 6;
    sp_buf_append(out, t.p + i, n);
    return n;
}

/* A string at i (of the opening quote). Returns bytes taken. */
static uint32_t string(struct sp_str t, uint32_t i, struct sp_buf *out)
{
    uint32_t from = i, at = i + 1;
    while (at < t.n && t.p[at] != '"') {
        if (t.p[at] != '\\') {
            at++;
        } else if (at + 1 < t.n && t.p[at + 1] == 'u') {
            sp_buf_append(out, t.p + from, at - from);
            at += escape(t, at, out);
            from = at;
        } else {
            at += 2;
        }
    }
    at = at < t.n ? at + 1 : t.n;
    sp_buf_append(out, t.p + from, at - from);
    return at - i;
}

static bool is_number(char c)
{
    return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

/* A bare word or number at i. Returns bytes taken, at least 1. */
static uint32_t word(struct sp_str t, uint32_t i, struct sp_buf *out)
{
    static const char *const nulls[] = {"-Infinity", "Infinity", "NaN"};
    uint32_t n = 0, digits = 0;
    for (size_t k = 0; k < sizeof nulls / sizeof nulls[0]; k++) {
        uint32_t len = (uint32_t)strlen(nulls[k]);
        if (t.n - i >= len && memcmp(t.p + i, nulls[k], len) == 0) {
            sp_buf_text(out, "null");
            return len;
        }
    }
    bool whole = true;
    for (; i + n < t.n && is_number(t.p[i + n]); n++) {
        bool digit = t.p[i + n] >= '0' && t.p[i + n] <= '9';
        digits += digit;
        whole = whole && (digit || (n == 0 && t.p[i] == '-'));
    }
    if (n == 0) {
        sp_buf_append(out, t.p + i, 1);
        return 1;
    }
    if (whole && digits > REAL_DIGITS_MAX) {
        sp_buf_text(out, "null");
        return n;
    }
    sp_buf_append(out, t.p + i, n);
    if (whole && digits > INTEGER_DIGITS_MAX)
        sp_buf_text(out, "e0");
    return n;
}

bool json_scrub(struct sp_str text, unsigned depth_max, struct sp_buf *out)
{
    unsigned depth = 0;
    for (uint32_t i = 0; i < text.n && !out->failed;) {
        char c = text.p[i];
        if (c == '"') {
            i += string(text, i, out);
            continue;
        }
        if (c == '{' || c == '[') {
            if (++depth > depth_max)
                return false;
        } else if (c == '}' || c == ']') {
            depth -= depth > 0;
        }
        i += word(text, i, out);
    }
    return !out->failed;
}
