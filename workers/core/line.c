/* SPDX-License-Identifier: Apache-2.0 */
#include "line.h"

#include <stdint.h>

/* Length of the well-formed UTF-8 character at p (RFC 3629), 0: none. */
static size_t character(const unsigned char *p, size_t n)
{
    size_t len = p[0] < 0x80                   ? 1
                 : p[0] >= 0xc2 && p[0] < 0xe0 ? 2
                 : p[0] >= 0xe0 && p[0] < 0xf0 ? 3
                 : p[0] >= 0xf0 && p[0] < 0xf5 ? 4
                                               : 0;
    if (len == 0 || len > n) {
        return 0;
    }
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    bool overlong = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xf0 && p[1] < 0x90);
    bool outside = (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf4 && p[1] > 0x8f);
    return overlong || outside ? 0 : len;
}

size_t line_clean(struct sp_str from, char *to, size_t cap, bool *cut)
{
    const unsigned char *p = (const unsigned char *)from.p;
    size_t at = 0;
    size_t out = 0;
    while (at < from.n) {
        size_t len = character(p + at, from.n - at);
        if (out + (len > 0 ? len : 1) > cap) {
            break;
        }
        if (len == 1) {
            to[out++] = p[at] < 0x20 || p[at] == 0x7f ? ' ' : (char)p[at];
        } else if (len == 0) {
            to[out++] = '?';
        } else {
            memcpy(to + out, p + at, len);
            out += len;
        }
        at += len > 0 ? len : 1;
    }
    if (cut != NULL) {
        *cut = at < from.n;
    }
    return out;
}
