/* SPDX-License-Identifier: Apache-2.0 */
/* SipHash-2-4 (Aumasson and Bernstein, 2012): the keyed hash for phases and hash tables. Not for authentication. */
#ifndef SP_HASH_H
#define SP_HASH_H

#include <stddef.h>
#include <stdint.h>

/* Returns the 64-bit SipHash-2-4 of n bytes under the 16-byte key. Borrows all. */
uint64_t sp_hash_sip(const uint8_t key[16], const void *p, size_t n);

/* A fast mixer for integers that no outsider chooses (finalizer of MurmurHash3, public domain constants). */
static inline uint64_t sp_hash_u64(uint64_t x)
{
    x ^= x >> 33;
    x *= 0xff51afd7ed558ccdull;
    x ^= x >> 33;
    x *= 0xc4ceb9fe1a85ec53ull;
    return x ^ x >> 33;
}

#endif
