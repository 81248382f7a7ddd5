/* SPDX-License-Identifier: MIT */
#ifndef P2P__TESTING_PAIR_SET_H
#define P2P__TESTING_PAIR_SET_H

/*
 * A set of pairs of numbers, such as the links of a graph or the pairs of nodes that have met. The
 * pair of twice UINT64_MAX cannot be a member: it marks the free places. Numbers come from test
 * programs, never from peers, so the hash needs no secret.
 */
#include <stddef.h>
#include <stdint.h>

#include <p2p/alloc.h>
#include <p2p/export.h>

typedef struct p2p__pair {
    uint64_t a;
    uint64_t b;
} p2p__pair;

typedef struct p2p__pair_set {
    p2p__pair *slots; /* NULL while capacity is 0 */
    size_t capacity;  /* a power of two, or 0 */
    size_t count;
} p2p__pair_set;

/* Makes room for `count` pairs altogether. Returns 0, or P2P_ERR_NO_MEMORY and changes nothing. */
P2P_MUST_USE int p2p__pair_set_reserve(p2p__pair_set *set, size_t count,
                                       const p2p_allocator *allocator);

/* Adds a pair. Returns 1 if it is new, 0 if it was there, or P2P_ERR_NO_MEMORY. */
P2P_MUST_USE int p2p__pair_set_add(p2p__pair_set *set, uint64_t a, uint64_t b,
                                   const p2p_allocator *allocator);

/* Takes a pair out, if it is there. */
void p2p__pair_set_remove(p2p__pair_set *set, uint64_t a, uint64_t b);

int p2p__pair_set_has(const p2p__pair_set *set, uint64_t a, uint64_t b);
void p2p__pair_set_free(p2p__pair_set *set, const p2p_allocator *allocator);

#endif
