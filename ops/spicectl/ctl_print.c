/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_print.h"

#include "sp_crypto.h"
#include "sp_hex.h"

#include <string.h>

#define PRINT_GROUPS 8u

void ctl_print_of(const uint8_t curve[32], const uint8_t sign[32], char to[CTL_PRINT_BYTES])
{
    static const char purpose[] = "SPICE1 fingerprint:";
    struct sp_crypto_sha256 hash;
    uint8_t digest[32];
    char hex[2 * sizeof digest + 1];
    sp_crypto_sha256_init(&hash);
    sp_crypto_sha256_update(&hash, purpose, sizeof purpose - 1);
    sp_crypto_sha256_update(&hash, curve, 32);
    sp_crypto_sha256_update(&hash, sign, 32);
    sp_crypto_sha256_final(&hash, digest);
    sp_hex_write(digest, sizeof digest, hex);
    for (size_t i = 0; i < PRINT_GROUPS; i++) {
        memcpy(to + i * 5, hex + i * 4, 4);
        to[i * 5 + 4] = i + 1 < PRINT_GROUPS ? ':' : '\0';
    }
}
