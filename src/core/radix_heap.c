/* SPDX-License-Identifier: MIT */
#include "core/radix_heap.h"

#include <stdbool.h>
#include <string.h>

#include <p2p/err.h>

#include "core/alloc.h"

_Static_assert(sizeof(p2p__radix_chunk) <= 1024, "a chunk is meant to be about a kilobyte");

/* A bucket of so few items is about to be used up. */
#define SOON 512

/* One of so few becomes a run. */
#define FEW 32

/* How far ahead in the run an item is announced for the last time. */
#define NEXT 3

/* Spare chunks that are kept in any case: 256 KiB. */
#define KEPT 256

_Static_assert(KEPT > 2 + P2P__RADIX_LEVELS * (P2P__RADIX_DIGITS - 1), "enough for advance()");

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
    free_chunks(heap, heap->due.first);
    for (unsigned level = 0; level < P2P__RADIX_LEVELS; level++)
        for (unsigned digit = 0; digit < P2P__RADIX_DIGITS; digit++)
            free_chunks(heap, heap->buckets[level][digit].first);
    free_chunks(heap, heap->spare);
    p2p__radix_init(heap, heap->allocator);
}

/* The level of the first digit in which a time differs from the last one taken out. */
static unsigned level_of(const p2p__radix_heap *heap, uint64_t time)
{
    return (63 - (unsigned)__builtin_clzll(time ^ heap->last)) / P2P__RADIX_BITS;
}

/* Where an item of that time belongs. Marks the bucket as used, for something will be put in. */
static p2p__radix_bucket *bucket_for(p2p__radix_heap *heap, uint64_t time)
{
    if (time == heap->last)
        return &heap->due;
    unsigned level = level_of(heap, time);
    unsigned digit = (unsigned)(time >> (level * P2P__RADIX_BITS)) & (P2P__RADIX_DIGITS - 1);
    heap->levels_used |= UINT32_C(1) << level;
    heap->digits_used[level] |= (uint8_t)(1u << digit);
    return &heap->buckets[level][digit];
}

/* Says that a bucket other than `due` is empty. */
static void mark_empty(p2p__radix_heap *heap, unsigned level, unsigned digit)
{
    heap->digits_used[level] &= (uint8_t) ~(1u << digit);
    if (!heap->digits_used[level])
        heap->levels_used &= ~(UINT32_C(1) << level);
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

/*
 * Of the spare chunks half as many are kept as the items need, and KEPT: more than advance() ever
 * wants at once, so that one given back in the midst of it is only freed when enough are left.
 */
static void give_back(p2p__radix_heap *heap, p2p__radix_chunk *chunk)
{
    if (heap->spare_count >= KEPT + heap->count / (2 * P2P__RADIX_CHUNK)) {
        p2p__free(heap->allocator, chunk);
        return;
    }
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

/* Appends an item to a bucket; if that is full there is a spare chunk. */
static void append(p2p__radix_heap *heap, p2p__radix_bucket *bucket, p2p__radix_item item)
{
    if (!bucket->first || item.time < bucket->min)
        bucket->min = item.time;
    if (is_full(bucket))
        extend(heap, bucket);
    bucket->last->items[bucket->last->end++] = item;
    bucket->count++;
}

/* --- the run --- */

static bool has_run(const p2p__radix_heap *heap)
{
    return heap->run_begin < heap->run_end;
}

/* Whether an item of that time belongs into the run. */
static bool is_for_run(const p2p__radix_heap *heap, uint64_t time)
{
    return heap->run_level && (time == heap->last || level_of(heap, time) < heap->run_level);
}

/* Puts an item into the run, behind those of its time; there is room. */
static void insert(p2p__radix_heap *heap, p2p__radix_item item)
{
    unsigned i = heap->run_end++;
    for (; i > heap->run_begin && heap->run[i - 1].time > item.time; i--)
        heap->run[i] = heap->run[i - 1];
    heap->run[i] = item;
}

/* Ends the run: deals it out to the buckets it stood for. There is room for one item more then. */
static int end_run(p2p__radix_heap *heap)
{
    if (reserve(heap, heap->run_end - heap->run_begin + 1))
        return P2P_ERR_NO_MEMORY;
    for (unsigned i = heap->run_begin; i < heap->run_end; i++)
        append(heap, bucket_for(heap, heap->run[i].time), heap->run[i]);
    heap->run_level = heap->run_begin = heap->run_end = 0;
    return 0;
}

/* Puts an item into the run if it can stay short; otherwise there is no run afterwards. */
static int push_run(p2p__radix_heap *heap, p2p__radix_item item)
{
    if (heap->run_end == P2P__RADIX_RUN && heap->run_begin) {
        heap->run_end -= heap->run_begin;
        memmove(heap->run, heap->run + heap->run_begin, heap->run_end * sizeof heap->run[0]);
        heap->run_begin = 0;
    }
    if (heap->run_end == P2P__RADIX_RUN)
        return end_run(heap);
    insert(heap, item);
    return 0;
}

/* Makes a run of the few items of a bucket that was taken out. */
static void begin_run(p2p__radix_heap *heap, const p2p__radix_bucket *taken, unsigned level)
{
    heap->run_level = level;
    heap->run_begin = heap->run_end = 0;
    p2p__radix_chunk *chunk = taken->first;
    while (chunk) {
        for (uint32_t i = chunk->begin; i < chunk->end; i++) {
            insert(heap, chunk->items[i]);
            if (heap->soon)
                heap->soon(heap->soon_arg, chunk->items[i].item, taken->count);
        }
        p2p__radix_chunk *empty = chunk;
        chunk = chunk->next;
        give_back(heap, empty);
    }
}

static void *take_run(p2p__radix_heap *heap)
{
    const p2p__radix_item *first = &heap->run[heap->run_begin++];
    if (heap->soon && heap->run_begin + NEXT <= heap->run_end)
        heap->soon(heap->soon_arg, first[NEXT].item, NEXT);
    heap->last = first->time;
    heap->count--;
    return first->item;
}

/* --- in and out --- */

int p2p__radix_push(p2p__radix_heap *heap, uint64_t time, void *item)
{
    if (time < heap->last)
        time = heap->last;
    p2p__radix_item new = {time, item};
    /* Before anything changes, so that a failure leaves no trace. */
    if (!heap->spare && reserve(heap, 1))
        return P2P_ERR_NO_MEMORY;
    if (is_for_run(heap, time) && push_run(heap, new))
        return P2P_ERR_NO_MEMORY;
    if (!is_for_run(heap, time))
        append(heap, bucket_for(heap, time), new);
    heap->count++;
    return 0;
}

/* The bucket of the earliest items, if none is due. There is one. */
static p2p__radix_bucket *lowest_bucket(p2p__radix_heap *heap, unsigned *level, unsigned *digit)
{
    *level = (unsigned)__builtin_ctz(heap->levels_used);
    *digit = (unsigned)__builtin_ctz(heap->digits_used[*level]);
    return &heap->buckets[*level][*digit];
}

uint64_t p2p__radix_min(const p2p__radix_heap *heap)
{
    if (has_run(heap))
        return heap->run[heap->run_begin].time;
    if (heap->due.first)
        return heap->last;
    if (!heap->levels_used)
        return UINT64_MAX;
    unsigned level = (unsigned)__builtin_ctz(heap->levels_used);
    unsigned digit = (unsigned)__builtin_ctz(heap->digits_used[level]);
    return heap->buckets[level][digit].min;
}

/*
 * Deals a bucket that was taken out to lower ones, in order. The chunks that are emptied serve the
 * buckets that fill.
 */
static void deal(p2p__radix_heap *heap, const p2p__radix_bucket *taken)
{
    bool soon = heap->soon && taken->count <= SOON;
    p2p__radix_chunk *chunk = taken->first;
    while (chunk) {
        for (uint32_t i = chunk->begin; i < chunk->end; i++) {
            p2p__radix_item item = chunk->items[i];
            append(heap, bucket_for(heap, item.time), item);
            if (soon)
                heap->soon(heap->soon_arg, item.item, taken->count);
        }
        p2p__radix_chunk *empty = chunk;
        chunk = chunk->next;
        give_back(heap, empty);
    }
}

/*
 * Moves time on to the earliest item. What it takes is one chunk for each bucket that may be begun,
 * which is made sure of first: without memory nothing changes.
 */
static int advance(p2p__radix_heap *heap)
{
    unsigned level, digit;
    p2p__radix_bucket *bucket = lowest_bucket(heap, &level, &digit);
    size_t begun = 1 + (size_t)level * (P2P__RADIX_DIGITS - 1);
    bool run = level && bucket->count <= FEW;
    if (!run && reserve(heap, bucket->count < begun ? bucket->count : begun))
        return P2P_ERR_NO_MEMORY;
    p2p__radix_bucket taken = *bucket;
    heap->last = taken.min;
    memset(bucket, 0, sizeof *bucket);
    mark_empty(heap, level, digit);
    heap->run_level = 0;
    if (run)
        begin_run(heap, &taken, level);
    else
        deal(heap, &taken);
    return 0;
}

static void *take_first(p2p__radix_heap *heap, p2p__radix_bucket *bucket)
{
    p2p__radix_chunk *chunk = bucket->first;
    void *item = chunk->items[chunk->begin++].item;
    heap->count--;
    bucket->count--;
    if (chunk->begin == chunk->end) {
        bucket->first = chunk->next;
        if (!bucket->first)
            bucket->last = NULL;
        give_back(heap, chunk);
    }
    return item;
}

void *p2p__radix_pop(p2p__radix_heap *heap, uint64_t until)
{
    if (!heap->count || p2p__radix_min(heap) > until)
        return NULL;
    if (!has_run(heap) && !heap->due.first && advance(heap))
        return NULL;
    return has_run(heap) ? take_run(heap) : take_first(heap, &heap->due);
}

void *p2p__radix_take(p2p__radix_heap *heap)
{
    if (!heap->count)
        return NULL;
    if (has_run(heap))
        return take_run(heap);
    if (heap->due.first)
        return take_first(heap, &heap->due);
    unsigned level, digit;
    p2p__radix_bucket *bucket = lowest_bucket(heap, &level, &digit);
    void *item = take_first(heap, bucket);
    if (!bucket->first)
        mark_empty(heap, level, digit);
    return item;
}
