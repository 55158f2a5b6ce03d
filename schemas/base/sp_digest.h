/* SPDX-License-Identifier: Apache-2.0 */
/* A one-way function without a key handed to pure code from outside, so that a core can compute it without a crypto library. */
#ifndef SP_DIGEST_H
#define SP_DIGEST_H

#include <stddef.h>
#include <stdint.h>

struct sp_digest {
    /* Effect: out = SHA-256 of n bytes (FIPS 180-4). Borrows all. */
    void (*fn)(void *ctx, const uint8_t *p, size_t n, uint8_t out[32]);
    void *ctx;
};

static inline void sp_digest_run(const struct sp_digest *digest, const uint8_t *p, size_t n, uint8_t out[32])
{
    digest->fn(digest->ctx, p, n, out);
}

#endif
