/* SPDX-License-Identifier: MIT */
#ifndef P2P__CORE_ALLOC_H
#define P2P__CORE_ALLOC_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <p2p/alloc.h>

/* Memory, or NULL. A size of 0 is treated as 1, so NULL always means failure. */
static inline void *p2p__alloc(const p2p_allocator *a, size_t size)
{
    return a->alloc(a->arg, size ? size : 1);
}

static inline void *p2p__resize(const p2p_allocator *a, void *ptr, size_t size)
{
    return a->resize(a->arg, ptr, size ? size : 1);
}

static inline void p2p__free(const p2p_allocator *a, void *ptr)
{
    a->free(a->arg, ptr);
}

/* The same, filled with zeros. */
static inline void *p2p__zalloc(const p2p_allocator *a, size_t size)
{
    void *ptr = p2p__alloc(a, size);
    if (ptr)
        memset(ptr, 0, size);
    return ptr;
}

/* count * size bytes, zeroed, or NULL on failure and on overflow. */
static inline void *p2p__zalloc_array(const p2p_allocator *a, size_t count, size_t size)
{
    if (size && count > SIZE_MAX / size)
        return NULL;
    return p2p__zalloc(a, count * size);
}

/*
 * Memory that begins with a cache line, *shift bytes into a piece of the allocator: for what is
 * touched while it is not in the cache, so that it touches as few lines as its size allows.
 */
#define P2P__LINE 64

static inline void *p2p__alloc_line(const p2p_allocator *a, size_t size, uint8_t *shift)
{
    size_t slack = P2P__LINE - _Alignof(max_align_t);
    uint8_t *piece = size <= SIZE_MAX - slack ? p2p__alloc(a, size + slack) : NULL;
    if (!piece)
        return NULL;
    *shift = (uint8_t)(-(uintptr_t)piece % P2P__LINE);
    return piece + *shift;
}

static inline void p2p__free_line(const p2p_allocator *a, void *ptr, uint8_t shift)
{
    p2p__free(a, (uint8_t *)ptr - shift);
}

/* Wipes memory that held a secret, in a way the compiler does not remove. */
void p2p__wipe(void *ptr, size_t len);

#endif
