/* SPDX-License-Identifier: MIT */
#include "counted.h"

#include <stdlib.h>
#include <string.h>

/* Before each piece of memory: its size. */
typedef union header {
    size_t size;
    max_align_t align;
} header;

static void *counted_alloc(void *arg, size_t size)
{
    counted *c = arg;
    header *piece = malloc(sizeof *piece + size);
    if (!piece)
        return NULL;
    piece->size = size;
    c->bytes += size;
    if (c->bytes > c->peak)
        c->peak = c->bytes;
    return piece + 1;
}

static void counted_free(void *arg, void *ptr)
{
    counted *c = arg;
    if (!ptr)
        return;
    header *piece = (header *)ptr - 1;
    c->bytes -= piece->size;
    free(piece);
}

static void *counted_resize(void *arg, void *ptr, size_t size)
{
    void *moved = counted_alloc(arg, size);
    if (moved && ptr) {
        size_t before = ((header *)ptr - 1)->size;
        memcpy(moved, ptr, before < size ? before : size);
        counted_free(arg, ptr);
    }
    return moved;
}

void counted_init(counted *c)
{
    const p2p_allocator allocator = {counted_alloc, counted_resize, counted_free, c};
    c->allocator = allocator;
    c->bytes = c->peak = 0;
}
