/* SPDX-License-Identifier: MIT */
#include "support/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct arena_block {
    arena_block *next;
    arena_block *prev;
    size_t size;
    max_align_t data[1];
};

static arena_block *block_of(void *ptr)
{
    return (arena_block *)(void *)((char *)ptr - offsetof(arena_block, data));
}

static void enter(arena *a, arena_block *block)
{
    block->prev = NULL;
    block->next = a->blocks;
    if (a->blocks)
        a->blocks->prev = block;
    a->blocks = block;
}

static void leave(arena *a, const arena_block *block)
{
    if (block->prev)
        block->prev->next = block->next;
    else
        a->blocks = block->next;
    if (block->next)
        block->next->prev = block->prev;
}

static int refuses(arena *a)
{
    a->asked++;
    int refuse = a->fail_at &&
                 (a->asked == a->fail_at || (a->fail_beyond && a->asked > a->fail_at));
    a->failed += (size_t)refuse;
    return refuse;
}

static void *arena_alloc(void *arg, size_t size)
{
    arena *a = arg;
    arena_block *block = refuses(a) ? NULL : malloc(offsetof(arena_block, data) + size);
    if (!block)
        return NULL;
    block->size = size;
    enter(a, block);
    a->live++;
    return block->data;
}

static void arena_free(void *arg, void *ptr)
{
    arena *a = arg;
    if (!ptr)
        return;
    arena_block *block = block_of(ptr);
    leave(a, block);
    a->live--;
    free(block);
}

/* Moves always, so that whoever keeps an old pointer is found out. */
static void *arena_resize(void *arg, void *ptr, size_t size)
{
    void *moved = arena_alloc(arg, size);
    if (!moved || !ptr)
        return moved;
    size_t old = block_of(ptr)->size;
    memcpy(moved, ptr, old < size ? old : size);
    arena_free(arg, ptr);
    return moved;
}

void arena_init(arena *a)
{
    memset(a, 0, sizeof *a);
    a->allocator.alloc = arena_alloc;
    a->allocator.resize = arena_resize;
    a->allocator.free = arena_free;
    a->allocator.arg = a;
}

void arena_sweep(arena *a)
{
    while (a->blocks)
        arena_free(a, a->blocks->data);
}
