/* SPDX-License-Identifier: MIT */
#ifndef P2P_TOPOLOGY_H
#define P2P_TOPOLOGY_H

#include <stddef.h>
#include <stdint.h>

#include <p2p/alloc.h>
#include <p2p/err.h>
#include <p2p/export.h>

P2P_BEGIN_DECLS

/*
 * Topologies for tests and simulations, as adjacency lists: who knows whom in a network of n nodes.
 * Each is symmetric, without self loops and without duplicates; the order of neighbours is part of
 * the definition. This is a part of the component p2pswarm-testing.
 */
typedef struct p2p_topology {
    size_t nodes;
    size_t *start;       /* nodes + 1 entries: the neighbours of i are neighbour[start[i]] ..
                            neighbour[start[i + 1] - 1] */
    uint32_t *neighbour; /* start[nodes] entries */
    p2p_allocator allocator;
} p2p_topology;

/*
 * All return 0, P2P_ERR_NO_MEMORY or P2P_ERR_INVALID, and write *out only on success; allocator
 * NULL is the default one. Random ones are the same for the same seed on every machine. n may be 0;
 * above 2^31 it is P2P_ERR_INVALID.
 *
 *   chain          i: i-1, i+1
 *   ring           i: next, previous (2 nodes: one link; 1 node: none)
 *   cluster        everybody knows everybody, ascending
 *   hub_and_spoke  0: all others ascending; others: 0
 *   grid           width columns, as many rows as needed; up, left, right, down
 *   k_regular      random, each node has exactly k neighbours, ascending; INVALID if n * k is odd
 *                  or k >= n (n = 0 excepted); connected for k >= 3 with a probability that grows
 *                  with n
 *   small_world    Watts and Strogatz, Nature 393 (1998): a ring where each knows the k nearest
 *                  (k even, k < n), then each link is rewired with probability p (0 to 1);
 *                  ascending; n = 0 excepted as above
 */
P2P_API P2P_MUST_USE int p2p_topology_chain(p2p_topology *out, size_t n,
                                            const p2p_allocator *allocator);
P2P_API P2P_MUST_USE int p2p_topology_ring(p2p_topology *out, size_t n,
                                           const p2p_allocator *allocator);
P2P_API P2P_MUST_USE int p2p_topology_cluster(p2p_topology *out, size_t n,
                                              const p2p_allocator *allocator);
P2P_API P2P_MUST_USE int p2p_topology_hub_and_spoke(p2p_topology *out, size_t n,
                                                    const p2p_allocator *allocator);
P2P_API P2P_MUST_USE int p2p_topology_grid(p2p_topology *out, size_t n, size_t width,
                                           const p2p_allocator *allocator);
P2P_API P2P_MUST_USE int p2p_topology_k_regular(p2p_topology *out, size_t n, size_t k,
                                                uint64_t seed, const p2p_allocator *allocator);
P2P_API P2P_MUST_USE int p2p_topology_small_world(p2p_topology *out, size_t n, size_t k, double p,
                                                  uint64_t seed, const p2p_allocator *allocator);

/* Frees the lists; NULL and a struct that is all zero are allowed. */
P2P_API void p2p_topology_free(p2p_topology *topology);

/* How many neighbours node i has (0 if there is no such node), and whether j is one of them. */
P2P_API size_t p2p_topology_degree(const p2p_topology *topology, size_t i);
P2P_API int p2p_topology_linked(const p2p_topology *topology, size_t i, size_t j);

P2P_END_DECLS

#endif
