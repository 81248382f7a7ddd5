/* SPDX-License-Identifier: MIT */
/*
 * Simulated networks of a thousand, a hundred thousand and a million nodes. Each node that gets a
 * message tells one to a random node; as many messages are under way as there are nodes, for 10 to
 * 200 milliseconds each.
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <p2p/sim.h>

#include "bench.h"
#include "limit_sim.h"

/* With 100,000 nodes. */
#define WANTED_PER_SECOND 3e6
#define WANTED_BYTES      512

enum { LEN = 64, FAR = 100000 };

typedef struct world world;

typedef struct member {
    p2p_swarm *swarm;
    world *w;
} member;

struct world {
    size_t nodes;
    size_t messages; /* per round */
    limit_queue queue;
    p2p_loop *loop;
    p2p_realm *realm;
    member *members;
    limit_sim *limit;
    size_t received;
    size_t wanted;
};

/* --- the memory of a node that does nothing --- */

/* The size is kept before each piece; malloc's own needs about as much again. */
typedef union head {
    size_t size;
    max_align_t align;
} head;

static void *count_alloc(void *arg, size_t size)
{
    head *h = malloc(sizeof *h + size);
    bench_require(h != NULL, "memory");
    h->size = sizeof *h + size;
    *(size_t *)arg += h->size;
    return h + 1;
}

static void count_free(void *arg, void *ptr)
{
    if (!ptr)
        return;
    head *h = (head *)ptr - 1;
    *(size_t *)arg -= h->size;
    free(h);
}

static void *count_resize(void *arg, void *ptr, size_t size)
{
    void *now = count_alloc(arg, size);
    if (ptr) {
        size_t before = ((head *)ptr - 1)->size - sizeof(head);
        memcpy(now, ptr, before < size ? before : size);
        count_free(arg, ptr);
    }
    return now;
}

/* --- a network --- */

static void on_tell(void *arg, const p2p_msg *msg)
{
    member *m = arg;
    world *w = m->w;
    p2p_addr to;
    w->received++;
    p2p_addr_from_mem(&to, p2p_loop_jitter(w->loop) % w->nodes);
    bench_require(p2p_tell(m->swarm, &to, msg->data, msg->len) == 0, "tell");
}

static void open_network(world *w, const p2p_allocator *allocator)
{
    p2p_loop_config loop;
    p2p_realm_config realm;
    p2p_link link = {
        .size = sizeof(p2p_link), .latency = 10 * P2P_MILLISECOND, .jitter = 190 * P2P_MILLISECOND};
    p2p_loop_config_init(&loop);
    loop.allocator = allocator;
    p2p_realm_config_init(&realm);
    realm.link = &link;
    bench_require(p2p_sim_new(&w->loop, &loop) == 0, "loop");
    bench_require(p2p_realm_new(&w->realm, w->loop, &realm) == 0, "realm");
    w->members = calloc(w->nodes, sizeof *w->members);
    bench_require(w->members != NULL, "memory");
    for (size_t i = 0; i < w->nodes; i++) {
        member *m = &w->members[i];
        m->w = w;
        bench_require(p2p_mem_new(&m->swarm, w->realm, NULL) == 0, "node");
        p2p_on_tell(m->swarm, on_tell, m);
    }
}

static void close_network(world *w)
{
    for (size_t i = 0; i < w->nodes; i++)
        p2p_close(w->members[i].swarm, NULL, NULL);
    bench_require(p2p_sim_run_idle(w->loop) == P2P_SIM_IDLE, "end of the network");
    bench_require(p2p_realm_free(w->realm) == 0 && p2p_loop_free(w->loop) == 0, "end of the loop");
    free(w->members);
}

static size_t bytes_per_node(size_t nodes)
{
    size_t bytes = 0;
    p2p_allocator allocator = {count_alloc, count_resize, count_free, &bytes};
    world none = {.nodes = 0};
    world w = {.nodes = nodes};
    open_network(&none, &allocator);
    size_t before = bytes;
    close_network(&none);
    open_network(&w, &allocator);
    size_t per_node = (bytes - before + nodes - 1) / nodes;
    close_network(&w);
    bench_require(bytes == 0, "all memory is given back");
    return per_node;
}

static int is_done(void *arg)
{
    world *w = arg;
    return w->received >= w->wanted;
}

static double ours(void *arg)
{
    world *w = arg;
    size_t before = w->received;
    w->wanted = before + w->messages;
    uint64_t start = bench_clock();
    bench_require(p2p_sim_run_until_done(w->loop, is_done, w, P2P_NEVER) == P2P_SIM_DONE, "run");
    return (double)(bench_clock() - start) / (double)(w->received - before);
}

static double limit(void *arg)
{
    world *w = arg;
    return limit_sim_run(w->limit, w->messages);
}

static void row(bench *b, const char *name, size_t nodes, limit_queue queue, size_t node_bytes,
                bench_result *result)
{
    static const uint8_t payload[LEN];
    world w = {.nodes = nodes, .messages = bench_scale(b, 2000000), .queue = queue};
    if (!bench_wants(b, name))
        return;
    open_network(&w, NULL);
    w.limit = limit_sim_open(queue, nodes, node_bytes);
    bench_require(w.limit != NULL, "memory of the limit");
    for (size_t i = 0; i < nodes; i++) {
        p2p_addr to;
        p2p_addr_from_mem(&to, p2p_loop_jitter(w.loop) % nodes);
        bench_require(p2p_tell(w.members[i].swarm, &to, payload, LEN) == 0, "tell");
    }
    bench_row r = {.name = name,
                   .ours = ours,
                   .limit = limit,
                   .ours_arg = &w,
                   .limit_arg = &w,
                   .per = "message",
                   .bytes = LEN};
    (void)bench_run(b, &r, result);
    limit_sim_close(w.limit);
    close_network(&w);
}

int main(int argc, char **argv)
{
    bench b;
    bench_result far = {.ours = 0};
    int status = bench_begin(&b, "sim", argc, argv);
    if (status)
        return status;
    size_t bytes = bytes_per_node(FAR);
    row(&b, "1,000 nodes, limit is a radix heap", 1000, LIMIT_RADIX_HEAP, bytes, NULL);
    row(&b, "100,000 nodes, limit is a radix heap", FAR, LIMIT_RADIX_HEAP, bytes, &far);
    row(&b, "100,000 nodes, limit is a binary heap", FAR, LIMIT_BINARY_HEAP, bytes, NULL);
    row(&b, "1,000,000 nodes, limit is a radix heap", 1000000, LIMIT_RADIX_HEAP, bytes, NULL);
    printf("\nan idle node: %zu bytes, target at most %d%s\n", bytes, WANTED_BYTES,
           bytes > WANTED_BYTES ? " !" : "");
    b.missed += bytes > WANTED_BYTES;
    if (far.ours > 0) {
        double rate = 1e9 / far.ours;
        b.missed += rate < WANTED_PER_SECOND;
        printf("100,000 nodes: %.2f million messages per second, target %.0f%s\n", rate / 1e6,
               WANTED_PER_SECOND / 1e6, rate < WANTED_PER_SECOND ? " !" : "");
    }
    return bench_end(&b);
}
