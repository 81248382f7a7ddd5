/* SPDX-License-Identifier: MIT */
#include "limit_sim.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include <p2p/loop.h>

#include "bench.h"
#include "core/radix_heap.h"
#include "core/rand.h"

#define LATENCY (10 * P2P_MILLISECOND)
#define JITTER  (190 * P2P_MILLISECOND)

typedef struct message {
    uint64_t from;
    uint64_t to;
    uint8_t payload[64];
} message;

typedef struct node {
    void (*receive)(limit_sim *l, struct node *self, message *m);
    uint64_t received;
    uint64_t bytes;
} node;

typedef struct event {
    uint64_t time;
    message *m;
} event;

struct limit_sim {
    limit_queue queue;
    size_t nodes;
    node **node;
    message *messages;
    p2p__radix_heap radix;
    event *heap;
    size_t count;
    p2p__rand rand;
    uint64_t now;
};

static void push_binary(limit_sim *l, event e)
{
    size_t i = l->count++;
    while (i && e.time < l->heap[(i - 1) / 2].time) {
        l->heap[i] = l->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    l->heap[i] = e;
}

static event pop_binary(limit_sim *l)
{
    event first = l->heap[0];
    event e = l->heap[--l->count];
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= l->count)
            break;
        child += child + 1 < l->count && l->heap[child + 1].time < l->heap[child].time;
        if (l->heap[child].time >= e.time)
            break;
        l->heap[i] = l->heap[child];
        i = child;
    }
    l->heap[i] = e;
    return first;
}

static void push(limit_sim *l, message *m)
{
    uint64_t at = l->now + LATENCY + p2p__rand_below(&l->rand, JITTER + 1);
    if (l->queue == LIMIT_BINARY_HEAP)
        push_binary(l, (event){at, m});
    else
        bench_require(p2p__radix_push(&l->radix, at, m) == 0, "memory for the queue");
}

static message *pop(limit_sim *l)
{
    if (l->queue == LIMIT_BINARY_HEAP) {
        event e = pop_binary(l);
        l->now = e.time;
        return e.m;
    }
    l->now = p2p__radix_min(&l->radix);
    return p2p__radix_pop(&l->radix, l->now);
}

static void receive(limit_sim *l, node *self, message *m)
{
    self->received++;
    self->bytes += m->payload[0];
    m->from = m->to;
    m->to = p2p__rand_below(&l->rand, l->nodes);
    push(l, m);
}

limit_sim *limit_sim_open(limit_queue queue, size_t nodes, size_t node_bytes)
{
    limit_sim *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    l->queue = queue;
    l->nodes = nodes;
    l->node = calloc(nodes, sizeof *l->node);
    l->messages = calloc(nodes, sizeof *l->messages);
    l->heap = calloc(nodes + 1, sizeof *l->heap);
    p2p__radix_init(&l->radix, p2p_default_allocator());
    p2p__rand_seed(&l->rand, 1);
    bool ok = l->node && l->messages && l->heap && node_bytes >= sizeof(node);
    for (size_t i = 0; ok && i < nodes; i++) {
        ok = (l->node[i] = calloc(1, node_bytes)) != NULL;
        if (!ok)
            break;
        l->node[i]->receive = receive;
        l->messages[i].to = p2p__rand_below(&l->rand, nodes);
        push(l, &l->messages[i]);
    }
    if (ok)
        return l;
    limit_sim_close(l);
    return NULL;
}

void limit_sim_close(limit_sim *l)
{
    for (size_t i = 0; l->node && i < l->nodes; i++)
        free(l->node[i]);
    p2p__radix_free(&l->radix);
    free(l->node);
    free(l->messages);
    free(l->heap);
    free(l);
}

double limit_sim_run(limit_sim *l, size_t n)
{
    uint64_t start = bench_clock();
    for (size_t i = 0; i < n; i++) {
        message *m = pop(l);
        node *to = l->node[m->to];
        to->receive(l, to, m);
    }
    return (double)(bench_clock() - start) / (double)n;
}
