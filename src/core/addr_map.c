/* SPDX-License-Identifier: MIT */
#include "core/addr_map.h"

#include <string.h>

#include <p2p/err.h>

#include "core/addr_layout.h"
#include "core/alloc.h"

#define FIRST_CAPACITY 16

void p2p__addr_map_init(p2p__addr_map *map, const p2p_allocator *allocator, uint64_t seed)
{
    memset(map, 0, sizeof *map);
    map->allocator = allocator;
    map->seed = seed;
}

void p2p__addr_map_free(p2p__addr_map *map)
{
    p2p__free(map->allocator, map->places);
    map->places = NULL;
    map->capacity = map->count = 0;
}

p2p__addr_node *p2p__addr_map_find(const p2p__addr_map *map, const p2p_addr *addr)
{
    if (!map->count)
        return NULL;
    uint64_t hash = p2p_addr_hash(addr, map->seed);
    size_t mask = map->capacity - 1;
    for (size_t i = (size_t)hash & mask; map->places[i].node; i = (i + 1) & mask) {
        p2p__addr_node *node = map->places[i].node;
        if (map->places[i].hash == hash && p2p__addr_equal_fast(&node->addr, addr))
            return node;
    }
    return NULL;
}

static void put(p2p__addr_place *places, size_t mask, p2p__addr_place place)
{
    size_t i = (size_t)place.hash & mask;
    while (places[i].node)
        i = (i + 1) & mask;
    places[i] = place;
}

static int grow(p2p__addr_map *map)
{
    size_t capacity = map->capacity ? map->capacity * 2 : FIRST_CAPACITY;
    p2p__addr_place *places = p2p__zalloc_array(map->allocator, capacity, sizeof *places);
    if (!places)
        return P2P_ERR_NO_MEMORY;
    for (size_t i = 0; i < map->capacity; i++)
        if (map->places[i].node)
            put(places, capacity - 1, map->places[i]);
    p2p__free(map->allocator, map->places);
    map->places = places;
    map->capacity = capacity;
    return 0;
}

int p2p__addr_map_insert(p2p__addr_map *map, p2p__addr_node *node)
{
    if (map->count * 2 >= map->capacity && grow(map))
        return P2P_ERR_NO_MEMORY;
    node->hash = p2p_addr_hash(&node->addr, map->seed);
    put(map->places, map->capacity - 1, (p2p__addr_place){node, node->hash});
    map->count++;
    return 0;
}

/* Whether an entry whose home is `home` may stay at `at` when the place `gap` before it is free. */
static int may_stay(size_t home, size_t gap, size_t at)
{
    return gap <= at ? gap < home && home <= at : gap < home || home <= at;
}

void p2p__addr_map_remove(p2p__addr_map *map, const p2p__addr_node *node)
{
    size_t mask = map->capacity - 1;
    size_t gap = (size_t)node->hash & mask;
    while (map->places[gap].node != node)
        gap = (gap + 1) & mask;
    /* Entries behind the gap that were pushed past it move up, so that no search stops early. */
    for (size_t at = (gap + 1) & mask; map->places[at].node; at = (at + 1) & mask) {
        if (may_stay((size_t)map->places[at].hash & mask, gap, at))
            continue;
        map->places[gap] = map->places[at];
        gap = at;
    }
    map->places[gap].node = NULL;
    map->count--;
}
