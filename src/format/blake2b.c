/* SPDX-License-Identifier: MIT */
#include "format/blake2b.h"

#include <string.h>

#include "core/bytes.h"

#define ROUNDS 12

/* RFC 7693, 2.6 */
static const uint64_t iv[8] = {
    UINT64_C(0x6a09e667f3bcc908), UINT64_C(0xbb67ae8584caa73b), UINT64_C(0x3c6ef372fe94f82b),
    UINT64_C(0xa54ff53a5f1d36f1), UINT64_C(0x510e527fade682d1), UINT64_C(0x9b05688c2b3e6c1f),
    UINT64_C(0x1f83d9abfb41bd6b), UINT64_C(0x5be0cd19137e2179),
};

/* RFC 7693, 2.7; rounds 10 and 11 use the first two again. */
static const uint8_t sigma[10][16] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
    {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
    {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
    {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
    {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
    {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
    {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
    {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
    {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
};

static uint64_t rotate_right(uint64_t x, unsigned n)
{
    return x >> n | x << (64 - n);
}

/* RFC 7693, 3.1: the mixing function G, on the words a, b, c and d of v. */
static void mix(uint64_t v[16], size_t a, size_t b, size_t c, size_t d, uint64_t x, uint64_t y)
{
    v[a] += v[b] + x;
    v[d] = rotate_right(v[d] ^ v[a], 32);
    v[c] += v[d];
    v[b] = rotate_right(v[b] ^ v[c], 24);
    v[a] += v[b] + y;
    v[d] = rotate_right(v[d] ^ v[a], 16);
    v[c] += v[d];
    v[b] = rotate_right(v[b] ^ v[c], 63);
}

/* RFC 7693, 3.2: the compression function F. Counts of 2^64 bytes and more do not come up. */
static void compress(p2p__blake2b *b, int last)
{
    uint64_t v[16], m[16];
    for (size_t i = 0; i < 16; i++)
        m[i] = p2p__load64le(b->block + 8 * i);
    memcpy(v, b->h, sizeof b->h);
    memcpy(v + 8, iv, sizeof iv);
    v[12] ^= b->count;
    if (last)
        v[14] = ~v[14];
    for (size_t round = 0; round < ROUNDS; round++) {
        const uint8_t *s = sigma[round % 10];
        for (size_t i = 0; i < 4; i++) /* columns */
            mix(v, i, 4 + i, 8 + i, 12 + i, m[s[2 * i]], m[s[2 * i + 1]]);
        for (size_t i = 0; i < 4; i++) /* diagonals */
            mix(v, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4, m[s[8 + 2 * i]],
                m[s[9 + 2 * i]]);
    }
    for (size_t i = 0; i < 8; i++)
        b->h[i] ^= v[i] ^ v[8 + i];
}

void p2p__blake2b_init(p2p__blake2b *b, const uint8_t param[P2P__BLAKE2B_PARAM_SIZE])
{
    memset(b, 0, sizeof *b);
    for (size_t i = 0; i < 8; i++)
        b->h[i] = iv[i] ^ p2p__load64le(param + 8 * i);
}

void p2p__blake2b_update(p2p__blake2b *b, const void *data, size_t len)
{
    const uint8_t *p = data;
    while (len) {
        /* A full block waits until it is known whether it is the last one. */
        if (b->used == sizeof b->block) {
            b->count += sizeof b->block;
            compress(b, 0);
            b->used = 0;
        }
        size_t room = sizeof b->block - b->used;
        size_t part = len < room ? len : room;
        memcpy(b->block + b->used, p, part);
        b->used += part;
        p += part;
        len -= part;
    }
}

void p2p__blake2b_final(p2p__blake2b *b, uint8_t out[P2P__BLAKE2B_OUT_SIZE])
{
    memset(b->block + b->used, 0, sizeof b->block - b->used);
    b->count += b->used;
    compress(b, 1);
    for (size_t i = 0; i < 8; i++)
        p2p__store64le(out + 8 * i, b->h[i]);
}
