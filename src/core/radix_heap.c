/* SPDX-License-Identifier: MIT */
#include "core/radix_heap.h"

#include <stdbool.h>
#include <string.h>

#include <p2p/err.h>

#include "core/alloc.h"

_Static_assert(sizeof(p2p__radix_chunk) <= 1024, "a chunk is meant to be about a kilobyte");

/* A bucket of so few items is about to be used up. */
#define SOON 256

void p2p__radix_init(p2p__radix_heap *heap, const p2p_allocator *allocator)
{
    memset(heap, 0, sizeof *heap);
    heap->allocator = allocator;
}

static void free_chunks(p2p__radix_heap *heap, p2p__radix_chunk *chunk)
{
    while (chunk) {
        p2p__radix_chunk *next = chunk->next;
        p2p__free(heap->allocator, chunk);
        chunk = next;
    }
}

void p2p__radix_free(p2p__radix_heap *heap)
{
    for (unsigned b = 0; b < P2P__RADIX_BUCKETS; b++)
        free_chunks(heap, heap->buckets[b].first);
    free_chunks(heap, heap->spare);
    p2p__radix_init(heap, heap->allocator);
}

static unsigned bucket_of(const p2p__radix_heap *heap, uint64_t time)
{
    uint64_t differs = time ^ heap->last;
    return differs ? 64 - (unsigned)__builtin_clzll(differs) : 0;
}

/* Makes sure of `count` spare chunks. */
static int reserve(p2p__radix_heap *heap, size_t count)
{
    while (heap->spare_count < count) {
        p2p__radix_chunk *chunk = p2p__alloc(heap->allocator, sizeof *chunk);
        if (!chunk)
            return P2P_ERR_NO_MEMORY;
        chunk->next = heap->spare;
        heap->spare = chunk;
        heap->spare_count++;
    }
    return 0;
}

static void give_back(p2p__radix_heap *heap, p2p__radix_chunk *chunk)
{
    chunk->next = heap->spare;
    heap->spare = chunk;
    heap->spare_count++;
}

/* Makes room for one more item at the end of a bucket; there is a spare chunk. */
static void extend(p2p__radix_heap *heap, p2p__radix_bucket *bucket)
{
    p2p__radix_chunk *chunk = heap->spare;
    heap->spare = chunk->next;
    heap->spare_count--;
    chunk->next = NULL;
    chunk->begin = chunk->end = 0;
    if (bucket->last)
        bucket->last->next = chunk;
    else
        bucket->first = chunk;
    bucket->last = chunk;
}

static int is_full(const p2p__radix_bucket *bucket)
{
    return !bucket->last || bucket->last->end == P2P__RADIX_CHUNK;
}

/* Appends an item to its bucket; if that is full there is a spare chunk. */
static void append(p2p__radix_heap *heap, unsigned b, p2p__radix_item item)
{
    p2p__radix_bucket *bucket = &heap->buckets[b];
    if (!bucket->first || item.time < bucket->min)
        bucket->min = item.time;
    if (is_full(bucket))
        extend(heap, bucket);
    if (b)
        heap->used |= UINT64_C(1) << (b - 1);
    bucket->last->items[bucket->last->end++] = item;
    bucket->count++;
}

int p2p__radix_push(p2p__radix_heap *heap, uint64_t time, void *item)
{
    if (time < heap->last)
        time = heap->last;
    unsigned b = bucket_of(heap, time);
    if (is_full(&heap->buckets[b]) && reserve(heap, 1))
        return P2P_ERR_NO_MEMORY;
    append(heap, b, (p2p__radix_item){time, item});
    heap->count++;
    return 0;
}

static unsigned lowest_bucket(const p2p__radix_heap *heap)
{
    return (unsigned)__builtin_ctzll(heap->used) + 1;
}

uint64_t p2p__radix_min(const p2p__radix_heap *heap)
{
    if (heap->buckets[0].first)
        return heap->last;
    return heap->used ? heap->buckets[lowest_bucket(heap)].min : UINT64_MAX;
}

/*
 * Moves time on to the earliest item: its bucket is dealt out to lower ones, in order. The chunks
 * that are emptied serve the buckets that fill, so one chunk for each bucket that may be begun is
 * all that is needed besides. It is made sure of first: without memory nothing changes.
 */
static int advance(p2p__radix_heap *heap)
{
    unsigned b = lowest_bucket(heap);
    p2p__radix_bucket *bucket = &heap->buckets[b];
    if (reserve(heap, bucket->count < b ? bucket->count : b))
        return P2P_ERR_NO_MEMORY;
    heap->last = bucket->min;
    size_t count = bucket->count;
    bool soon = heap->soon && count <= SOON;
    p2p__radix_chunk *chunk = bucket->first;
    memset(bucket, 0, sizeof *bucket);
    heap->used &= ~(UINT64_C(1) << (b - 1));
    while (chunk) {
        for (uint32_t i = chunk->begin; i < chunk->end; i++) {
            append(heap, bucket_of(heap, chunk->items[i].time), chunk->items[i]);
            if (soon)
                heap->soon(heap->soon_arg, chunk->items[i].item, count);
        }
        p2p__radix_chunk *empty = chunk;
        chunk = chunk->next;
        give_back(heap, empty);
    }
    return 0;
}

static void *take_first(p2p__radix_heap *heap, unsigned b)
{
    p2p__radix_bucket *bucket = &heap->buckets[b];
    p2p__radix_chunk *chunk = bucket->first;
    void *item = chunk->items[chunk->begin++].item;
    heap->count--;
    bucket->count--;
    if (chunk->begin == chunk->end) {
        bucket->first = chunk->next;
        if (!bucket->first) {
            bucket->last = NULL;
            if (b)
                heap->used &= ~(UINT64_C(1) << (b - 1));
        }
        give_back(heap, chunk);
    }
    return item;
}

void *p2p__radix_pop(p2p__radix_heap *heap, uint64_t until)
{
    if (!heap->count || p2p__radix_min(heap) > until)
        return NULL;
    if (!heap->buckets[0].first && advance(heap))
        return NULL;
    return take_first(heap, 0);
}

void *p2p__radix_take(p2p__radix_heap *heap)
{
    if (!heap->count)
        return NULL;
    return take_first(heap, heap->buckets[0].first ? 0 : lowest_bucket(heap));
}
