/* SPDX-License-Identifier: MIT */
#ifndef P2P__CORE_RAND_H
#define P2P__CORE_RAND_H

/*
 * The seeded generator behind every choice that need not be secret: xoshiro256++ by Blackman and
 * Vigna (https://prng.di.unimi.it/), seeded through splitmix64 as its authors advise.
 */
#include <stdint.h>

typedef struct p2p__rand {
    uint64_t s[4];
} p2p__rand;

static inline uint64_t p2p__splitmix64(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static inline void p2p__rand_seed(p2p__rand *r, uint64_t seed)
{
    for (int i = 0; i < 4; i++)
        r->s[i] = p2p__splitmix64(&seed);
}

static inline uint64_t p2p__rotl(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

static inline uint64_t p2p__rand_next(p2p__rand *r)
{
    uint64_t result = p2p__rotl(r->s[0] + r->s[3], 23) + r->s[0];
    uint64_t t = r->s[1] << 17;
    r->s[2] ^= r->s[0];
    r->s[3] ^= r->s[1];
    r->s[1] ^= r->s[2];
    r->s[0] ^= r->s[3];
    r->s[2] ^= t;
    r->s[3] = p2p__rotl(r->s[3], 45);
    return result;
}

/*
 * A number from 0 to bound - 1 (0 for bound 0), uniform. Lemire, ACM TOMACS 29 (2019): multiply and
 * take the high half; a division only when that could favour somebody. On 32 bits where the bound
 * has no more, otherwise by rejection.
 */
static inline uint64_t p2p__rand_below(p2p__rand *r, uint64_t bound)
{
    if (bound <= 1)
        return 0;
    if (bound > UINT32_MAX) {
        uint64_t limit = UINT64_MAX - UINT64_MAX % bound;
        uint64_t x;
        do
            x = p2p__rand_next(r);
        while (x >= limit);
        return x % bound;
    }
    uint64_t product = (p2p__rand_next(r) >> 32) * bound;
    if ((uint32_t)product < bound) {
        uint32_t unfair = (uint32_t) - (uint32_t)bound % (uint32_t)bound;
        while ((uint32_t)product < unfair)
            product = (p2p__rand_next(r) >> 32) * bound;
    }
    return product >> 32;
}

#endif
