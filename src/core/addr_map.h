/* SPDX-License-Identifier: MIT */
#ifndef P2P__CORE_ADDR_MAP_H
#define P2P__CORE_ADDR_MAP_H

/*
 * A table of objects by address: open addressing with linear probing, at most half full, so a look-
 * up touches one or two places. The objects bring their key; the table keeps a hash beside the
 * pointer, so that strangers are passed over without looking at them.
 */
#include <stddef.h>
#include <stdint.h>

#include <p2p/addr.h>
#include <p2p/alloc.h>

/* Embedded in the objects. */
typedef struct p2p__addr_node {
    p2p_addr addr;
    uint64_t hash;
} p2p__addr_node;

typedef struct p2p__addr_place {
    p2p__addr_node *node; /* NULL: free */
    uint64_t hash;
} p2p__addr_place;

typedef struct p2p__addr_map {
    const p2p_allocator *allocator;
    p2p__addr_place *places;
    size_t capacity; /* a power of two, or 0 */
    size_t count;
    uint64_t seed; /* secret, so that nobody can choose addresses that collide */
} p2p__addr_map;

void p2p__addr_map_init(p2p__addr_map *map, const p2p_allocator *allocator, uint64_t seed);

/* Frees the table; the objects are the caller's. */
void p2p__addr_map_free(p2p__addr_map *map);

/* The object with that address, or NULL. */
p2p__addr_node *p2p__addr_map_find(const p2p__addr_map *map, const p2p_addr *addr);

/* Puts an object in, whose addr is set and not in the table. Returns 0 or P2P_ERR_NO_MEMORY. */
int p2p__addr_map_insert(p2p__addr_map *map, p2p__addr_node *node);

/* Takes an object out that is in the table. */
void p2p__addr_map_remove(p2p__addr_map *map, const p2p__addr_node *node);

#endif
