/* SPDX-License-Identifier: MIT */
#ifndef P2P_TESTS_ARENA_H
#define P2P_TESTS_ARENA_H

/*
 * An allocator for tests: it can fail at will, and it can take back everything that is still out,
 * so that a program that leaks on purpose leaves nothing behind.
 */
#include <stddef.h>

#include <p2p/alloc.h>

typedef struct arena_block arena_block;

typedef struct arena {
    p2p_allocator allocator; /* to be given away */
    arena_block *blocks;
    size_t live;     /* blocks that are out */
    size_t asked;    /* requests so far */
    size_t fail_at;  /* the request that gets nothing, counted from 1; 0: none */
    int fail_beyond; /* all requests from fail_at on get nothing */
    size_t failed;   /* requests that got nothing */
} arena;

void arena_init(arena *a);

/* Frees all that is out. */
void arena_sweep(arena *a);

#endif
