/* SPDX-License-Identifier: MIT */
#include <p2p/topology.h>

#include <string.h>

#include "core/alloc.h"
#include "testing/topology.h"

int p2p__topology_alloc(p2p_topology *t, size_t nodes, size_t entries,
                        const p2p_allocator *allocator)
{
    memset(t, 0, sizeof *t);
    t->nodes = nodes;
    t->allocator = allocator ? *allocator : *p2p_default_allocator();
    t->start = p2p__zalloc_array(&t->allocator, nodes + 1, sizeof *t->start);
    t->neighbour = p2p__zalloc_array(&t->allocator, entries, sizeof *t->neighbour);
    if (t->start && t->neighbour)
        return 0;
    p2p_topology_free(t);
    return P2P_ERR_NO_MEMORY;
}

/* Builders write the nodes in order: first the neighbours of one, then its end. */
static void add(p2p_topology *t, size_t *entries, size_t neighbour)
{
    t->neighbour[(*entries)++] = (uint32_t)neighbour;
}

int p2p_topology_chain(p2p_topology *out, size_t n, const p2p_allocator *allocator)
{
    if (!out || n > P2P__TOPOLOGY_MAX_NODES)
        return P2P_ERR_INVALID;
    p2p_topology t;
    int r = p2p__topology_alloc(&t, n, n ? 2 * (n - 1) : 0, allocator);
    if (r < 0)
        return r;
    size_t entries = 0;
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            add(&t, &entries, i - 1);
        if (i + 1 < n)
            add(&t, &entries, i + 1);
        t.start[i + 1] = entries;
    }
    *out = t;
    return 0;
}

int p2p_topology_ring(p2p_topology *out, size_t n, const p2p_allocator *allocator)
{
    if (n < 3)
        return p2p_topology_chain(out, n, allocator);
    if (!out || n > P2P__TOPOLOGY_MAX_NODES)
        return P2P_ERR_INVALID;
    p2p_topology t;
    int r = p2p__topology_alloc(&t, n, 2 * n, allocator);
    if (r < 0)
        return r;
    size_t entries = 0;
    for (size_t i = 0; i < n; i++) {
        add(&t, &entries, (i + 1) % n);
        add(&t, &entries, (i + n - 1) % n);
        t.start[i + 1] = entries;
    }
    *out = t;
    return 0;
}

int p2p_topology_cluster(p2p_topology *out, size_t n, const p2p_allocator *allocator)
{
    if (!out || n > P2P__TOPOLOGY_MAX_NODES)
        return P2P_ERR_INVALID;
    if (n > 1 && n - 1 > SIZE_MAX / n)
        return P2P_ERR_NO_MEMORY;
    p2p_topology t;
    int r = p2p__topology_alloc(&t, n, n ? n * (n - 1) : 0, allocator);
    if (r < 0)
        return r;
    size_t entries = 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++) {
            if (j != i)
                add(&t, &entries, j);
        }
        t.start[i + 1] = entries;
    }
    *out = t;
    return 0;
}

int p2p_topology_hub_and_spoke(p2p_topology *out, size_t n, const p2p_allocator *allocator)
{
    if (!out || n > P2P__TOPOLOGY_MAX_NODES)
        return P2P_ERR_INVALID;
    p2p_topology t;
    int r = p2p__topology_alloc(&t, n, n ? 2 * (n - 1) : 0, allocator);
    if (r < 0)
        return r;
    size_t entries = 0;
    for (size_t i = 1; i < n; i++)
        add(&t, &entries, i);
    if (n > 0)
        t.start[1] = entries;
    for (size_t i = 1; i < n; i++) {
        add(&t, &entries, 0);
        t.start[i + 1] = entries;
    }
    *out = t;
    return 0;
}

int p2p_topology_grid(p2p_topology *out, size_t n, size_t width, const p2p_allocator *allocator)
{
    if (!out || n > P2P__TOPOLOGY_MAX_NODES || width == 0)
        return P2P_ERR_INVALID;
    p2p_topology t;
    int r = p2p__topology_alloc(&t, n, 4 * n, allocator);
    if (r < 0)
        return r;
    size_t entries = 0;
    for (size_t i = 0; i < n; i++) {
        if (i >= width)
            add(&t, &entries, i - width);
        if (i % width > 0)
            add(&t, &entries, i - 1);
        if (i % width + 1 < width && i + 1 < n)
            add(&t, &entries, i + 1);
        if (n - i > width)
            add(&t, &entries, i + width);
        t.start[i + 1] = entries;
    }
    *out = t;
    return 0;
}

void p2p_topology_free(p2p_topology *topology)
{
    if (!topology || !topology->allocator.free)
        return;
    p2p__free(&topology->allocator, topology->start);
    p2p__free(&topology->allocator, topology->neighbour);
    memset(topology, 0, sizeof *topology);
}

size_t p2p_topology_degree(const p2p_topology *topology, size_t i)
{
    if (!topology || i >= topology->nodes)
        return 0;
    return topology->start[i + 1] - topology->start[i];
}

int p2p_topology_linked(const p2p_topology *topology, size_t i, size_t j)
{
    if (!topology || i >= topology->nodes || j >= topology->nodes)
        return 0;
    size_t low = topology->start[i];
    size_t high = topology->start[i + 1];

    /* All long lists are ascending; only the two neighbours in a ring need not be. */
    while (high - low > 2) {
        size_t middle = low + (high - low) / 2;
        if (topology->neighbour[middle] <= j)
            low = middle;
        else
            high = middle;
    }
    for (; low < high; low++) {
        if (topology->neighbour[low] == j)
            return 1;
    }
    return 0;
}
