/* SPDX-License-Identifier: Apache-2.0 */
#include "sp_hex.h"

#include "sp_assert.h"

void sp_hex_write(const uint8_t *p, size_t n, char *to)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        to[2 * i] = digits[p[i] >> 4];
        to[2 * i + 1] = digits[p[i] & 15];
    }
    to[2 * n] = '\0';
}

static int nibble(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool sp_hex_parse(struct sp_str text, uint8_t *out, size_t n)
{
    if (text.n != 2 * n) {
        return false;
    }
    for (size_t i = 0; i < text.n; i++) {
        if (nibble(text.p[i]) < 0) {
            return false;
        }
    }
    for (size_t i = 0; i < n; i++) {
        out[i] = (uint8_t)(nibble(text.p[2 * i]) << 4 | nibble(text.p[2 * i + 1]));
    }
    return true;
}

/* ZeroMQ RFC 32: base 85, most significant digit first. */
static const char z85_digits[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";

void sp_hex_z85_write(const uint8_t *p, size_t n, char *to)
{
    SP_ASSERT(n % 4 == 0);
    for (size_t i = 0; i < n; i += 4) {
        uint32_t word = (uint32_t)p[i] << 24 | (uint32_t)p[i + 1] << 16 | (uint32_t)p[i + 2] << 8 | p[i + 3];
        char *group = to + i / 4 * 5;
        for (int d = 4; d >= 0; d--) {
            group[d] = z85_digits[word % 85];
            word /= 85;
        }
    }
    to[n / 4 * 5] = '\0';
}

/* The value of five characters; above UINT32_MAX when they are not valid. */
static uint64_t z85_group(const char *p)
{
    uint64_t word = 0;
    for (int d = 0; d < 5; d++) {
        const char *at = p[d] != '\0' ? strchr(z85_digits, p[d]) : NULL;
        if (at == NULL) {
            return UINT64_MAX;
        }
        word = word * 85 + (uint64_t)(at - z85_digits);
    }
    return word;
}

bool sp_hex_z85_parse(struct sp_str text, uint8_t *out, size_t n)
{
    SP_ASSERT(n % 4 == 0);
    if (text.n != n / 4 * 5) {
        return false;
    }
    for (size_t i = 0; i < text.n; i += 5) {
        if (z85_group(text.p + i) > UINT32_MAX) {
            return false;
        }
    }
    for (size_t i = 0; i < n; i += 4) {
        uint32_t word = (uint32_t)z85_group(text.p + i / 4 * 5);
        out[i] = (uint8_t)(word >> 24);
        out[i + 1] = (uint8_t)(word >> 16);
        out[i + 2] = (uint8_t)(word >> 8);
        out[i + 3] = (uint8_t)word;
    }
    return true;
}

bool sp_hex_key(struct sp_str text, uint8_t key[16])
{
    char digits[32];
    size_t n = 0;
    if (text.n != 32 && text.n != 36) {
        return false;
    }
    for (uint32_t i = 0; i < text.n; i++) {
        if (text.p[i] != '-' && n == sizeof digits) {
            return false;
        }
        if (text.p[i] != '-') {
            digits[n++] = text.p[i];
        }
    }
    return n == sizeof digits && sp_hex_parse(sp_str_bytes(digits, n), key, 16);
}

void sp_hex_key_write(const uint8_t key[16], char to[SP_HEX_KEY_BYTES])
{
    static const uint8_t groups[] = {4, 2, 2, 2, 6}; /* bytes between dashes (RFC 9562) */
    for (size_t i = 0; i < SP_COUNT(groups); i++) {
        sp_hex_write(key, groups[i], to);
        key += groups[i];
        to += 2 * groups[i];
        if (i + 1 < SP_COUNT(groups)) {
            *to++ = '-';
        }
    }
}
