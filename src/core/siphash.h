/* SPDX-License-Identifier: MIT */
#ifndef P2P__CORE_SIPHASH_H
#define P2P__CORE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

/*
 * SipHash-2-4 (Aumasson and Bernstein, 2012) of len bytes under a 128-bit key. k0 and k1 are the
 * first and the last eight bytes of the key, read little-endian. The result is the same on every
 * machine. Who does not know the key cannot choose inputs that collide.
 */
uint64_t p2p__siphash24(uint64_t k0, uint64_t k1, const void *data, size_t len);

/* The same under a key that is made from a 64-bit seed: what tables use. */
uint64_t p2p__siphash24_seeded(uint64_t seed, const void *data, size_t len);

#endif
