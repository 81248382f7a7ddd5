/* SPDX-License-Identifier: MIT */
#ifndef P2P__CORE_BYTES_H
#define P2P__CORE_BYTES_H

/* Explicit loads and stores, so that no codec depends on the machine's byte order or alignment. */
#include <stdint.h>

static inline uint16_t p2p__load16be(const uint8_t *p)
{
    return (uint16_t)((p[0] << 8) | p[1]);
}

static inline uint32_t p2p__load32be(const uint8_t *p)
{
    return ((uint32_t)p[0] << 24) | ((uint32_t)p[1] << 16) | ((uint32_t)p[2] << 8) | p[3];
}

static inline uint64_t p2p__load64be(const uint8_t *p)
{
    return ((uint64_t)p2p__load32be(p) << 32) | p2p__load32be(p + 4);
}

static inline uint32_t p2p__load32le(const uint8_t *p)
{
    return ((uint32_t)p[3] << 24) | ((uint32_t)p[2] << 16) | ((uint32_t)p[1] << 8) | p[0];
}

static inline uint64_t p2p__load64le(const uint8_t *p)
{
    return ((uint64_t)p2p__load32le(p + 4) << 32) | p2p__load32le(p);
}

static inline void p2p__store16be(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static inline void p2p__store32be(uint8_t *p, uint32_t v)
{
    p2p__store16be(p, (uint16_t)(v >> 16));
    p2p__store16be(p + 2, (uint16_t)v);
}

static inline void p2p__store64be(uint8_t *p, uint64_t v)
{
    p2p__store32be(p, (uint32_t)(v >> 32));
    p2p__store32be(p + 4, (uint32_t)v);
}

static inline void p2p__store32le(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
    p[2] = (uint8_t)(v >> 16);
    p[3] = (uint8_t)(v >> 24);
}

static inline void p2p__store64le(uint8_t *p, uint64_t v)
{
    p2p__store32le(p, (uint32_t)v);
    p2p__store32le(p + 4, (uint32_t)(v >> 32));
}

#endif
