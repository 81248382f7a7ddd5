/* SPDX-License-Identifier: MIT */
#include "core/alloc.h"

#include <stdint.h>
#include <stdlib.h>

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

void p2p__wipe(void *ptr, size_t len)
{
    volatile uint8_t *p = ptr;
    while (len--)
        *p++ = 0;
}
