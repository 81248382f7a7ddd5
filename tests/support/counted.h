/* SPDX-License-Identifier: MIT */
#ifndef P2P_TESTS_COUNTED_H
#define P2P_TESTS_COUNTED_H

/* An allocator that counts, and fails on demand; and loops that live in it. */
#include <p2p/loop.h>

enum { COUNTED_LOG = 512 };

typedef struct counted {
    size_t calls;   /* allocations so far */
    size_t live;    /* allocations not freed */
    size_t bytes;   /* in them */
    size_t fail_at; /* the number of the allocation that fails; 0: none */
    int failing;    /* all allocations fail */

    size_t logs; /* lines that a real loop has logged, and the last of them */
    char last_log[COUNTED_LOG];
} counted;

p2p_allocator counted_allocator(counted *memory);

/* Loops with that allocator; the simulated one has that seed. */
p2p_loop *counted_sim(counted *memory, uint64_t seed);
p2p_loop *counted_loop(counted *memory);

/* Frees a loop and checks that nothing is left. */
void counted_end(p2p_loop *loop, const counted *memory);

#endif
