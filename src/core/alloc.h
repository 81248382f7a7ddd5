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

/* Wipes memory that held a secret, in a way the compiler does not remove. */
void p2p__wipe(void *ptr, size_t len);

#endif
