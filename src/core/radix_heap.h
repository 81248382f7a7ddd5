/* SPDX-License-Identifier: MIT */
#ifndef P2P__CORE_RADIX_HEAP_H
#define P2P__CORE_RADIX_HEAP_H

/*
 * A queue of pointers by time, for times that never go below the last one taken out: a radix heap
 * (Ahuja, Mehlhorn, Orlin, Tarjan, JACM 37 (1990)). Items of one time come out in the order they
 * went in. A time is seen as digits of two bits. Bucket (level, digit) holds the items whose time
 * first differs from the last one taken in the digit of that level, and has that digit there; one
 * more bucket holds those of that very time. Push is O(1), pop O(32) amortised, and both walk
 * memory in order: on a million items several times as fast as a binary heap.
 *
 * Taking items out deals the lowest bucket out to lower ones, again and again, until it is down to
 * one time. What is left of a bucket when it has become small is sorted instead: the run, which
 * stands for all buckets below its level as long as it stays short.
 */
#include <stddef.h>
#include <stdint.h>

#include <p2p/alloc.h>

#define P2P__RADIX_BITS   2
#define P2P__RADIX_DIGITS (1 << P2P__RADIX_BITS)
#define P2P__RADIX_LEVELS (64 / P2P__RADIX_BITS)
#define P2P__RADIX_CHUNK  62
#define P2P__RADIX_RUN    64 /* longest run */

typedef struct p2p__radix_item {
    uint64_t time;
    void *item;
} p2p__radix_item;

/* Items in order; 1008 bytes. */
typedef struct p2p__radix_chunk {
    struct p2p__radix_chunk *next;
    uint32_t begin;
    uint32_t end;
    p2p__radix_item items[P2P__RADIX_CHUNK];
} p2p__radix_chunk;

typedef struct p2p__radix_bucket {
    p2p__radix_chunk *first;
    p2p__radix_chunk *last;
    uint64_t min; /* the earliest time in it */
    size_t count;
} p2p__radix_bucket;

/*
 * Told of each item that will come out soon, several times, with ever smaller `ahead`: about how
 * many come out before it. To fetch into the cache what the item will need.
 */
typedef void (*p2p__radix_soon_fn)(void *arg, void *item, size_t ahead);

typedef struct p2p__radix_heap {
    const p2p_allocator *allocator;
    p2p__radix_soon_fn soon; /* may be NULL */
    void *soon_arg;
    uint64_t last; /* the last time taken out */
    size_t count;
    uint32_t levels_used;                   /* bit l: level l is not empty */
    uint8_t digits_used[P2P__RADIX_LEVELS]; /* bit d: bucket (level, d) is not empty */
    p2p__radix_chunk *spare;
    size_t spare_count;
    unsigned run_level; /* there is a run, for the levels below; 0: there is none */
    unsigned run_begin;
    unsigned run_end;
    p2p__radix_item run[P2P__RADIX_RUN];
    p2p__radix_bucket due; /* without a run: the items of the time `last` */
    p2p__radix_bucket buckets[P2P__RADIX_LEVELS][P2P__RADIX_DIGITS];
} p2p__radix_heap;

void p2p__radix_init(p2p__radix_heap *heap, const p2p_allocator *allocator);
void p2p__radix_free(p2p__radix_heap *heap);

/* Puts an item in; a time below the last one taken counts as that. 0 or P2P_ERR_NO_MEMORY. */
int p2p__radix_push(p2p__radix_heap *heap, uint64_t time, void *item);

/* The earliest time, or UINT64_MAX if the heap is empty. Changes nothing. */
uint64_t p2p__radix_min(const p2p__radix_heap *heap);

/*
 * Takes the first item of the earliest time out, if that is not after `until`; otherwise NULL. When
 * memory runs out it is NULL too, though p2p__radix_min() is not after `until`: try again later.
 */
void *p2p__radix_pop(p2p__radix_heap *heap, uint64_t until);

/* Takes any item out, needing no memory: to empty the heap. NULL if it is empty. */
void *p2p__radix_take(p2p__radix_heap *heap);

#endif
