/* SPDX-License-Identifier: MIT */
#include "core/alloc.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void *default_alloc(void *arg, size_t size)
{
    (void)arg;
    return malloc(size);
}

static void *default_resize(void *arg, void *ptr, size_t size)
{
    (void)arg;
    return realloc(ptr, size);
}

static void default_free(void *arg, void *ptr)
{
    (void)arg;
    free(ptr);
}

const p2p_allocator *p2p_default_allocator(void)
{
    static const p2p_allocator allocator = {default_alloc, default_resize, default_free, NULL};
    return &allocator;
}

void *p2p__zalloc(const p2p_allocator *a, size_t size)
{
    void *ptr = p2p__alloc(a, size);
    if (ptr)
        memset(ptr, 0, size);
    return ptr;
}

void *p2p__zalloc_array(const p2p_allocator *a, size_t count, size_t size)
{
    if (size && count > SIZE_MAX / size)
        return NULL;
    return p2p__zalloc(a, count * size);
}

void p2p__wipe(void *ptr, size_t len)
{
    volatile uint8_t *p = ptr;
    while (len--)
        *p++ = 0;
}
