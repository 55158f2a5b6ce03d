/* SPDX-License-Identifier: Apache-2.0 */
#include "sp_base64.h"

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void sp_base64_write(struct sp_buf *b, const void *p, size_t n)
{
    const uint8_t *in = p;
    size_t bytes = (n + 2) / 3 * 4;
    uint8_t *to = sp_buf_room(b, bytes);
    if (to == NULL)
        return;
    for (; n >= 3; n -= 3, in += 3) {
        *to++ = (uint8_t)letters[in[0] >> 2];
        *to++ = (uint8_t)letters[(in[0] & 3) << 4 | in[1] >> 4];
        *to++ = (uint8_t)letters[(in[1] & 15) << 2 | in[2] >> 6];
        *to++ = (uint8_t)letters[in[2] & 63];
    }
    if (n > 0) {
        uint8_t second = n == 2 ? in[1] : 0;
        *to++ = (uint8_t)letters[in[0] >> 2];
        *to++ = (uint8_t)letters[(in[0] & 3) << 4 | second >> 4];
        *to++ = n == 2 ? (uint8_t)letters[(second & 15) << 2] : '=';
        *to = '=';
    }
    b->n += bytes;
}

static int value(char c)
{
    const char *at = c == '\0' ? NULL : strchr(letters, c);
    return at == NULL ? -1 : (int)(at - letters);
}

bool sp_base64_read(struct sp_str text, uint8_t *to, size_t n)
{
    size_t pad = n % 3 == 0 ? 0 : 3 - n % 3, digits = (n + 2) / 3 * 4 - pad, filled = 0;
    uint32_t acc = 0;
    if (text.n != digits + pad)
        return false;
    for (size_t i = 0; i < pad; i++)
        if (text.p[digits + i] != '=')
            return false;
    for (int pass = 0; pass < 2; pass++) { /* looks first, so that nothing is written in vain */
        unsigned bits = 0;
        acc = 0;
        filled = 0;
        for (size_t i = 0; i < digits; i++) {
            int v = value(text.p[i]);
            if (v < 0)
                return false;
            acc = acc << 6 | (uint32_t)v;
            bits += 6;
            if (bits >= 8) {
                bits -= 8;
                if (pass == 1)
                    to[filled] = (uint8_t)(acc >> bits);
                filled++;
                acc &= (1u << bits) - 1;
            }
        }
        if (acc != 0)
            return false; /* another text for the same bytes */
    }
    return filled == n;
}

size_t sp_base64_bytes(struct sp_str text)
{
    size_t pad = text.n == 0 || text.p[text.n - 1] != '=' ? 0 : text.n > 1 && text.p[text.n - 2] == '=' ? 2 : 1;
    size_t bytes = text.n / 4 * 3u;
    return bytes > pad ? bytes - pad : 0;
}
