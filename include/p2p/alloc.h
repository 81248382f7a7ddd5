/* SPDX-License-Identifier: MIT */
#ifndef P2P_ALLOC_H
#define P2P_ALLOC_H

#include <stddef.h>

#include <p2p/export.h>

P2P_BEGIN_DECLS

/*
 * Where a loop, and everything made on it, gets its memory. All three members must be set.
 * The functions are called on the loop's thread only, so a loop may have an allocator of its own
 * without locks. The struct is copied; what `arg` points to must outlive the loop.
 */
typedef struct p2p_allocator {
    /* Returns size bytes (size > 0), aligned for any type, or NULL. */
    void *(*alloc)(void *arg, size_t size);
    /* Like realloc with size > 0; ptr may be NULL. On failure returns NULL and leaves ptr alone. */
    void *(*resize)(void *arg, void *ptr, size_t size);
    /* ptr may be NULL. */
    void (*free)(void *arg, void *ptr);
    void *arg;
} p2p_allocator;

/* malloc, realloc and free of the C library: what is used where a config names no allocator. */
P2P_API const p2p_allocator *p2p_default_allocator(void);

P2P_END_DECLS

#endif
