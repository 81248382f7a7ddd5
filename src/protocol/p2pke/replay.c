/* SPDX-License-Identifier: MIT */
#include "protocol/p2pke/replay.h"

#include <p2p/err.h>

#include "core/alloc.h"

#define WORD_BITS 64u
#define MASK      (P2P__REPLAY_BLOCKS - 1)

_Static_assert((P2P__REPLAY_BLOCKS & MASK) == 0, "a power of two");

void p2p__replay_init(p2p__replay *r, uint64_t first)
{
    r->last = 0;
    r->base = first;
    r->word = 0;
    r->ring = NULL;
}

void p2p__replay_free(p2p__replay *r, const p2p_allocator *allocator)
{
    p2p__free(allocator, r->ring);
    r->ring = NULL;
}

int p2p__replay_check(const p2p__replay *r, uint64_t counter)
{
    if (counter > r->last)
        return counter >= r->base;
    if (r->last - counter > P2P__REPLAY_WINDOW || counter < r->base)
        return 0;
    if (r->ring)
        return !(r->ring[counter / WORD_BITS & MASK] >> counter % WORD_BITS & 1);
    /* At most `last`, so within the word. */
    return !(r->word >> (counter - r->base) & 1);
}

/* Drops the counters at the low end that were seen. */
static void advance(p2p__replay *r)
{
    while (r->word & 1) {
        r->word >>= 1;
        r->base++;
    }
}

/* Lets all counters below base count as seen. */
static void advance_to(p2p__replay *r, uint64_t base)
{
    if (base <= r->base)
        return;
    r->word = base - r->base < WORD_BITS ? r->word >> (base - r->base) : 0;
    r->base = base;
    advance(r);
}

/* Puts into a new ring what is known: all below base, and the word. */
static int make_ring(p2p__replay *r, const p2p_allocator *allocator)
{
    uint64_t *ring = p2p__zalloc(allocator, P2P__REPLAY_BLOCKS * sizeof *ring);
    if (!ring)
        return P2P_ERR_NO_MEMORY;
    uint64_t low = r->last > P2P__REPLAY_WINDOW ? r->last - P2P__REPLAY_WINDOW : 0;
    for (uint64_t c = low; c <= r->last; c++)
        if (c < r->base || r->word >> (c - r->base) & 1)
            ring[c / WORD_BITS & MASK] |= UINT64_C(1) << c % WORD_BITS;
    r->ring = ring;
    return 0;
}

static void commit_to_ring(p2p__replay *r, uint64_t counter)
{
    if (counter > r->last) {
        uint64_t block = r->last / WORD_BITS;
        uint64_t fresh = counter / WORD_BITS - block;
        if (fresh > P2P__REPLAY_BLOCKS)
            fresh = P2P__REPLAY_BLOCKS;
        while (fresh--)
            r->ring[++block & MASK] = 0;
        r->last = counter;
    }
    r->ring[counter / WORD_BITS & MASK] |= UINT64_C(1) << counter % WORD_BITS;
}

void p2p__replay_commit(p2p__replay *r, const p2p_allocator *allocator, uint64_t counter)
{
    if (!r->ring && counter > r->last) {
        /* What falls out of the window needs no memory. */
        if (counter > P2P__REPLAY_WINDOW)
            advance_to(r, counter - P2P__REPLAY_WINDOW);
        if (counter - r->base >= WORD_BITS && make_ring(r, allocator))
            advance_to(r, counter - (WORD_BITS - 1));
    }
    if (r->ring) {
        commit_to_ring(r, counter);
        return;
    }
    if (counter > r->last)
        r->last = counter;
    r->word |= UINT64_C(1) << (counter - r->base);
    advance(r);
}

void p2p__replay_compact(p2p__replay *r, const p2p_allocator *allocator)
{
    p2p__free(allocator, r->ring);
    r->ring = NULL;
    if (r->last >= r->base)
        r->base = r->last + 1;
    r->word = 0;
}
