/* SPDX-License-Identifier: MIT */
#include <p2p/topology.h>

#include <string.h>

#include "core/alloc.h"
#include "testing/pair_set.h"
#include "testing/random.h"
#include "testing/topology.h"

/*
 * Random topologies begin with a regular lattice and are then changed link by link, so they need
 * the links as a list, to draw from, and as a set, to see duplicates.
 */
typedef struct graph {
    const p2p_allocator *allocator;
    p2p__pair *links;
    size_t count;
    p2p__pair_set set; /* each link once, the smaller number first */
} graph;

static int linked(const graph *g, uint64_t u, uint64_t v)
{
    return p2p__pair_set_has(&g->set, u < v ? u : v, u < v ? v : u);
}

/* The set has room for all links from the start, so adding one cannot fail. */
static void enter(graph *g, uint64_t u, uint64_t v)
{
    int r = p2p__pair_set_add(&g->set, u < v ? u : v, u < v ? v : u, g->allocator);
    (void)r;
}

static void leave(graph *g, uint64_t u, uint64_t v)
{
    p2p__pair_set_remove(&g->set, u < v ? u : v, u < v ? v : u);
}

static void append(graph *g, uint64_t u, uint64_t v)
{
    g->links[g->count].a = u;
    g->links[g->count].b = v;
    g->count++;
    enter(g, u, v);
}

static int graph_init(graph *g, size_t links, const p2p_allocator *allocator)
{
    memset(g, 0, sizeof *g);
    g->allocator = allocator ? allocator : p2p_default_allocator();
    g->links = p2p__zalloc_array(g->allocator, links, sizeof *g->links);
    if (!g->links)
        return P2P_ERR_NO_MEMORY;
    int r = p2p__pair_set_reserve(&g->set, links, g->allocator);
    if (r < 0)
        p2p__free(g->allocator, g->links);
    return r;
}

static void graph_free(graph *g)
{
    p2p__pair_set_free(&g->set, g->allocator);
    p2p__free(g->allocator, g->links);
}

/* A ring where each of n nodes is linked to the k nearest; k below n, n * k even. */
static void lattice(graph *g, size_t n, size_t k)
{
    for (size_t distance = 1; distance <= k / 2; distance++) {
        for (size_t i = 0; i < n; i++)
            append(g, i, (i + distance) % n);
    }
    if (k % 2 == 0)
        return;

    /* An odd k needs an even n: the node opposite is the one more. */
    for (size_t i = 0; i < n / 2; i++)
        append(g, i, i + n / 2);
}

/* Fills start[] so that node i has room for its degree. */
static void measure(p2p_topology *t, const graph *g)
{
    for (size_t i = 0; i < g->count; i++) {
        t->start[g->links[i].a + 1]++;
        t->start[g->links[i].b + 1]++;
    }
    for (size_t i = 0; i < t->nodes; i++)
        t->start[i + 1] += t->start[i];
}

/*
 * Writes the adjacency lists, ascending. Each list is filled in the order of its links; as links
 * are symmetric, visiting the nodes in order and entering each with its neighbours gives sorted
 * lists.
 */
static int graph_to_topology(const graph *g, p2p_topology *out, size_t n)
{
    p2p_topology unsorted;
    p2p_topology t;
    int r = p2p__topology_alloc(&unsorted, n, 2 * g->count, g->allocator);
    if (r < 0)
        return r;
    r = p2p__topology_alloc(&t, n, 2 * g->count, g->allocator);
    if (r < 0)
        goto unsorted;
    size_t *fill = p2p__zalloc_array(g->allocator, n, sizeof *fill);
    if (!fill) {
        p2p_topology_free(&t);
        r = P2P_ERR_NO_MEMORY;
        goto unsorted;
    }
    measure(&unsorted, g);
    measure(&t, g);
    for (size_t i = 0; i < g->count; i++) {
        uint64_t u = g->links[i].a;
        uint64_t v = g->links[i].b;
        unsorted.neighbour[unsorted.start[u] + fill[u]++] = (uint32_t)v;
        unsorted.neighbour[unsorted.start[v] + fill[v]++] = (uint32_t)u;
    }
    for (size_t i = 0; i < n; i++)
        fill[i] = t.start[i];
    for (size_t u = 0; u < n; u++) {
        for (size_t e = unsorted.start[u]; e < unsorted.start[u + 1]; e++)
            t.neighbour[fill[unsorted.neighbour[e]]++] = (uint32_t)u;
    }
    p2p__free(g->allocator, fill);
    *out = t;
    r = 0;
unsorted:
    p2p_topology_free(&unsorted);
    return r;
}

/*
 * Exchanges the ends of two random links, a-b and c-d, for a-d and c-b, if that makes neither a
 * self loop nor a duplicate. It keeps all degrees, and from one regular graph all others can be
 * reached so.
 */
static void exchange(graph *g, uint64_t *random)
{
    p2p__pair *x = &g->links[p2p__random_below(random, g->count)];
    p2p__pair *y = &g->links[p2p__random_below(random, g->count)];
    int turn = (int)(p2p__random_next(random) & 1);
    uint64_t c = turn ? y->b : y->a;
    uint64_t d = turn ? y->a : y->b;
    if (x == y || x->a == d || c == x->b || linked(g, x->a, d) || linked(g, c, x->b))
        return;
    leave(g, x->a, x->b);
    leave(g, c, d);
    enter(g, x->a, d);
    enter(g, c, x->b);
    y->a = c;
    y->b = x->b;
    x->b = d;
}

/* Exchanges tried per link: enough that nothing of the lattice is left to see. */
#define EXCHANGES_PER_LINK 10u

static int arguments_ok(const p2p_topology *out, size_t n, size_t k)
{
    return out && n <= P2P__TOPOLOGY_MAX_NODES && (n == 0 || k < n);
}

int p2p_topology_k_regular(p2p_topology *out, size_t n, size_t k, uint64_t seed,
                           const p2p_allocator *allocator)
{
    if (!arguments_ok(out, n, k) || (n % 2 == 1 && k % 2 == 1))
        return P2P_ERR_INVALID;
    if (k > 0 && n > SIZE_MAX / EXCHANGES_PER_LINK / k)
        return P2P_ERR_NO_MEMORY;
    graph g;
    int r = graph_init(&g, n * k / 2, allocator);
    if (r < 0)
        return r;
    if (n > 0)
        lattice(&g, n, k);
    uint64_t random = seed;
    for (size_t i = 0; i < EXCHANGES_PER_LINK * g.count; i++)
        exchange(&g, &random);
    r = graph_to_topology(&g, out, n);
    graph_free(&g);
    return r;
}

/* Draws a node that u is not linked to yet; there is one. */
static uint64_t draw_stranger(const graph *g, uint64_t u, size_t n, uint64_t *random)
{
    uint64_t v;
    do
        v = p2p__random_below(random, n);
    while (v == u || linked(g, u, v));
    return v;
}

int p2p_topology_small_world(p2p_topology *out, size_t n, size_t k, double p, uint64_t seed,
                             const p2p_allocator *allocator)
{
    if (!arguments_ok(out, n, k) || k % 2 == 1 || !(p >= 0 && p <= 1))
        return P2P_ERR_INVALID;
    if (k > 0 && n > SIZE_MAX / k)
        return P2P_ERR_NO_MEMORY;
    graph g;
    int r = graph_init(&g, n * k / 2, allocator);
    if (r < 0)
        return r;
    size_t *degree = p2p__zalloc_array(g.allocator, n, sizeof *degree);
    if (!degree) {
        graph_free(&g);
        return P2P_ERR_NO_MEMORY;
    }
    if (n > 0)
        lattice(&g, n, k);
    for (size_t i = 0; i < n; i++)
        degree[i] = k;

    /* As in the paper: the nearest neighbours of all nodes first, then the next ones. */
    uint64_t random = seed;
    for (size_t i = 0; i < g.count; i++) {
        p2p__pair *link = &g.links[i];
        if (p2p__random_unit(&random) >= p || degree[link->a] + 1 >= n)
            continue;
        uint64_t stranger = draw_stranger(&g, link->a, n, &random);
        leave(&g, link->a, link->b);
        enter(&g, link->a, stranger);
        degree[link->b]--;
        degree[stranger]++;
        link->b = stranger;
    }
    p2p__free(g.allocator, degree);
    r = graph_to_topology(&g, out, n);
    graph_free(&g);
    return r;
}
