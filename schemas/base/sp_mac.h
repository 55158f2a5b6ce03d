/* SPDX-License-Identifier: Apache-2.0 */
/* A keyed one-way function handed to pure code from outside, so that a core can seal and verify without a crypto library. */
#ifndef SP_MAC_H
#define SP_MAC_H

#include <stddef.h>
#include <stdint.h>

struct sp_mac {
    /* Effect: out = HMAC-SHA-256 of n bytes under the key that ctx holds (RFC 2104). Borrows all. */
    void (*fn)(void *ctx, const uint8_t *p, size_t n, uint8_t out[32]);
    void *ctx;
};

static inline void sp_mac_run(const struct sp_mac *mac, const uint8_t *p, size_t n, uint8_t out[32])
{
    mac->fn(mac->ctx, p, n, out);
}

#endif
