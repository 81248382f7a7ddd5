/* SPDX-License-Identifier: MIT */
#ifndef P2P__TESTING_RANDOM_H
#define P2P__TESTING_RANDOM_H

/*
 * Random numbers for tests: SplitMix64 (Steele, Lea, Flood, OOPSLA 2014), which gives the same
 * numbers for the same seed on every machine.
 */
#include <stdint.h>

static inline uint64_t p2p__mix64(uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static inline uint64_t p2p__random_next(uint64_t *state)
{
    *state += UINT64_C(0x9e3779b97f4a7c15);
    return p2p__mix64(*state);
}

/* A number from 0 to bound - 1, each as probable as the others. bound is not 0. */
static inline uint64_t p2p__random_below(uint64_t *state, uint64_t bound)
{
    uint64_t excess = (UINT64_MAX % bound + 1) % bound;
    uint64_t x;
    do
        x = p2p__random_next(state);
    while (x > UINT64_MAX - excess);
    return x % bound;
}

/* A number from 0 to just below 1, a multiple of 2^-53 and thus exact. */
static inline double p2p__random_unit(uint64_t *state)
{
    return (double)(p2p__random_next(state) >> 11) * 0x1p-53;
}

#endif
