/* SPDX-License-Identifier: MIT */
#ifndef P2P__SWARM_SLOTS_H
#define P2P__SWARM_SLOTS_H

/*
 * Objects that are handed out by number instead of by pointer: pending asks, requests being served.
 * A number is never given twice, so a stale one is found out instead of hitting a stranger. The
 * objects stay in place (they may hold timers) and are kept for reuse.
 */
#include <stddef.h>
#include <stdint.h>

#include <p2p/alloc.h>

/* The first member of every object. */
typedef struct p2p__slot {
    uint32_t index;
    uint32_t generation; /* even while free, odd while used */
    uint32_t next_free;
} p2p__slot;

typedef struct p2p__slots {
    const p2p_allocator *allocator;
    p2p__slot **slots;
    size_t object_size;
    uint32_t count;     /* objects made */
    uint32_t capacity;  /* of the array */
    uint32_t used;      /* objects in use */
    uint32_t max;       /* objects that may be in use */
    uint32_t free_list; /* index + 1 of the first free object, 0 if there is none */
} p2p__slots;

void p2p__slots_init(p2p__slots *slots, const p2p_allocator *allocator, size_t object_size,
                     uint32_t max);

/* Frees the memory; nothing may be in use. */
void p2p__slots_free(p2p__slots *slots);

/*
 * An object that was free, whose members after the slot are as they were left (zero at first), or
 * NULL: *err says P2P_ERR_LIMIT or P2P_ERR_NO_MEMORY.
 */
void *p2p__slots_take(p2p__slots *slots, int *err);

/* Gives an object back. */
void p2p__slots_give(p2p__slots *slots, void *object);

/* The object in use with that number, or NULL. */
void *p2p__slots_find(const p2p__slots *slots, uint64_t id);

/* The object in use at an index below slots->count, or NULL: to walk over all. */
void *p2p__slots_at(const p2p__slots *slots, uint32_t index);

/* The number of an object in use; never 0. */
static inline uint64_t p2p__slot_id(const p2p__slot *slot)
{
    return ((uint64_t)slot->generation << 32) | slot->index;
}

#endif
