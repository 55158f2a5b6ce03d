/* SPDX-License-Identifier: Apache-2.0 */
/* Deterministic pseudo-random numbers from a seed (SplitMix64): jitter, simulator. Never for secrets. */
#ifndef SP_RNG_H
#define SP_RNG_H

#include <stdint.h>

struct sp_rng {
    uint64_t state;
};

static inline uint64_t sp_rng_next(struct sp_rng *r)
{
    uint64_t z = (r->state += 0x9e3779b97f4a7c15ull);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

/* Returns a number below limit (limit > 0); bias below 2^-32 for limits up to 2^32. */
static inline uint64_t sp_rng_below(struct sp_rng *r, uint64_t limit)
{
    return limit <= 1 ? 0 : (uint64_t)(((unsigned __int128)sp_rng_next(r) * limit) >> 64);
}

#endif
