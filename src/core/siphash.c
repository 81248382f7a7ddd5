/* SPDX-License-Identifier: MIT */
#include "core/siphash.h"

#include "core/bytes.h"

typedef struct sip_state {
    uint64_t v0, v1, v2, v3;
} sip_state;

static inline uint64_t rotate_left(uint64_t x, unsigned bits)
{
    return (x << bits) | (x >> (64 - bits));
}

/* SipRound: figure 2.1 of the paper. */
static inline void sip_round(sip_state *s)
{
    s->v0 += s->v1;
    s->v2 += s->v3;
    s->v1 = rotate_left(s->v1, 13) ^ s->v0;
    s->v3 = rotate_left(s->v3, 16) ^ s->v2;
    s->v0 = rotate_left(s->v0, 32);

    s->v2 += s->v1;
    s->v0 += s->v3;
    s->v1 = rotate_left(s->v1, 17) ^ s->v2;
    s->v3 = rotate_left(s->v3, 21) ^ s->v0;
    s->v2 = rotate_left(s->v2, 32);
}

/* Compression of one word: c = 2 rounds. */
static inline void sip_absorb(sip_state *s, uint64_t word)
{
    s->v3 ^= word;
    sip_round(s);
    sip_round(s);
    s->v0 ^= word;
}

/* The last word: what is left of the input, with the input's length modulo 256 on top. */
static inline uint64_t last_word(const uint8_t *tail, size_t len)
{
    uint64_t word = (uint64_t)(len & 0xff) << 56;
    for (size_t i = 0; i < (len & 7); i++)
        word |= (uint64_t)tail[i] << (8 * i);
    return word;
}

uint64_t p2p__siphash24(uint64_t k0, uint64_t k1, const void *data, size_t len)
{
    /* The constants are the ASCII text "somepseudorandomlygeneratedbytes" (section 2.1). */
    sip_state s = {k0 ^ UINT64_C(0x736f6d6570736575), k1 ^ UINT64_C(0x646f72616e646f6d),
                   k0 ^ UINT64_C(0x6c7967656e657261), k1 ^ UINT64_C(0x7465646279746573)};
    const uint8_t *in = data;
    size_t whole = len & ~(size_t)7;

    for (size_t i = 0; i < whole; i += 8)
        sip_absorb(&s, p2p__load64le(in + i));
    sip_absorb(&s, last_word(whole < len ? in + whole : in, len));

    /* Finalization: d = 4 rounds. */
    s.v2 ^= 0xff;
    sip_round(&s);
    sip_round(&s);
    sip_round(&s);
    sip_round(&s);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

uint64_t p2p__siphash24_seeded(uint64_t seed, const void *data, size_t len)
{
    /* The second half differs from the first by an odd multiplier, so that no seed gives equal
     * halves over more than a few bits. All the secrecy is that of the seed. */
    uint64_t second = seed * UINT64_C(0x9e3779b97f4a7c15) + UINT64_C(0x632be59bd9b4e019);
    return p2p__siphash24(seed, second, data, len);
}
