/* SPDX-License-Identifier: MIT */
#ifndef P2P_TESTS_MEM_TESTBED_H
#define P2P_TESTS_MEM_TESTBED_H

/* Networks of memory swarms for the conformance suite. */
#include <p2p/testing.h>

typedef struct mem_network {
    const char *name;
    int real_time;        /* the libuv loop instead of the simulated one */
    int secure;           /* nodes have keys */
    const p2p_link *link; /* NULL: no link model */
    uint64_t seed;
    p2p_realm *realm; /* of the network that is up */
} mem_network;

/* The testbed of a network, which must outlive it. */
p2p_testbed mem_testbed(mem_network *network);

/* Latency and jitter, and the same with a loss of 30 %; quick ones for real time. */
extern const p2p_link mem_slow_link;
extern const p2p_link mem_lossy_link;
extern const p2p_link mem_quick_link;
extern const p2p_link mem_quick_lossy_link;

#endif
