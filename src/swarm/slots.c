/* SPDX-License-Identifier: MIT */
#include "swarm/slots.h"

#include <string.h>

#include <p2p/err.h>

#include "core/alloc.h"

/* A slot that has used up its generations is retired rather than used again: 2^31 uses. */
#define LAST_GENERATION UINT32_C(0xffffffff)

void p2p__slots_init(p2p__slots *slots, const p2p_allocator *allocator, size_t object_size,
                     uint32_t max)
{
    memset(slots, 0, sizeof *slots);
    slots->allocator = allocator;
    slots->object_size = object_size;
    slots->max = max;
}

void p2p__slots_free(p2p__slots *slots)
{
    for (uint32_t i = 0; i < slots->count; i++)
        p2p__free(slots->allocator, slots->slots[i]);
    p2p__free(slots->allocator, slots->slots);
    slots->slots = NULL;
    slots->count = slots->capacity = slots->free_list = 0;
}

static int grow(p2p__slots *slots)
{
    /* There are more than max when some are retired. */
    uint32_t most = slots->count < slots->max ? slots->max : UINT32_MAX;
    uint32_t capacity = slots->capacity ? slots->capacity : 4;
    capacity = capacity > most / 2 ? most : capacity * 2;
    if (capacity == slots->capacity)
        return P2P_ERR_NO_MEMORY;
    void *array = p2p__resize(slots->allocator, slots->slots, capacity * sizeof *slots->slots);
    if (!array)
        return P2P_ERR_NO_MEMORY;
    slots->slots = array;
    slots->capacity = capacity;
    return 0;
}

static p2p__slot *make_slot(p2p__slots *slots)
{
    if (slots->count == slots->capacity && grow(slots))
        return NULL;
    p2p__slot *slot = p2p__zalloc(slots->allocator, slots->object_size);
    if (!slot)
        return NULL;
    slot->index = slots->count;
    slots->slots[slots->count++] = slot;
    return slot;
}

void *p2p__slots_take(p2p__slots *slots, int *err)
{
    if (slots->used == slots->max) {
        *err = P2P_ERR_LIMIT;
        return NULL;
    }
    p2p__slot *slot;
    if (slots->free_list) {
        slot = slots->slots[slots->free_list - 1];
        slots->free_list = slot->next_free;
    } else {
        slot = make_slot(slots);
        if (!slot) {
            *err = P2P_ERR_NO_MEMORY;
            return NULL;
        }
    }
    slot->generation++;
    slots->used++;
    return slot;
}

void p2p__slots_give(p2p__slots *slots, void *object)
{
    p2p__slot *slot = object;
    slots->used--;
    if (slot->generation == LAST_GENERATION) {
        slot->generation = 0; /* even: no number finds it any more */
        return;
    }
    slot->generation++;
    slot->next_free = slots->free_list;
    slots->free_list = slot->index + 1;
}

void *p2p__slots_at(const p2p__slots *slots, uint32_t index)
{
    if (index >= slots->count || !(slots->slots[index]->generation & 1))
        return NULL;
    return slots->slots[index];
}

void *p2p__slots_find(const p2p__slots *slots, uint64_t id)
{
    p2p__slot *slot = p2p__slots_at(slots, (uint32_t)id);
    return slot && slot->generation == id >> 32 ? slot : NULL;
}
