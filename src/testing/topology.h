/* SPDX-License-Identifier: MIT */
#ifndef P2P__TESTING_TOPOLOGY_H
#define P2P__TESTING_TOPOLOGY_H

#include <p2p/topology.h>

/* Node numbers fit in 31 bits, so that a link fits in 62. */
#define P2P__TOPOLOGY_MAX_NODES ((size_t)1 << 31)

/*
 * Memory for a topology with `entries` neighbours altogether, all zero. Returns 0 or
 * P2P_ERR_NO_MEMORY, with nothing left behind.
 */
P2P_MUST_USE int p2p__topology_alloc(p2p_topology *t, size_t nodes, size_t entries,
                                     const p2p_allocator *allocator);

#endif
