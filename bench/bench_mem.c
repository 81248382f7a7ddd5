/* SPDX-License-Identifier: MIT */
/*
 * Memory swarms. On one loop, a node tells another in bursts, against a call that copies. On two
 * loops, on two threads, a node tells one across a bridge, against a bare ring.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>

#include <p2p/mem.h>

#include "bench.h"
#include "limit_mem.h"

enum { MAX_LEN = 65536, BURST = 256 };

/* At 64 bytes, on one loop. */
#define WANTED_PER_SECOND 15e6

/* One end. What the other thread reads stands still while both run. */
typedef struct end {
    p2p_loop *loop;
    p2p_realm *realm;
    p2p_swarm *swarm;
    p2p_addr addr;
} end;

typedef struct work {
    size_t len;
    size_t total;  /* messages per round */
    int addresses; /* the limit's messages have them too */
    end tx;
    end rx; /* on one loop: only the swarm and the address are its own */
    p2p_bridge *bridge;
    p2p_task task;
    atomic_int ready;
    /* What one thread counts the other must not have in its cache. */
    _Alignas(64) size_t sent;
    uint64_t started;
    _Alignas(64) size_t received;
    uint64_t ended;
} work;

static uint8_t payload[MAX_LEN];

static void open_end(end *e, uint64_t first_node)
{
    p2p_realm_config config;
    p2p_realm_config_init(&config);
    config.first_node = first_node;
    config.max_nodes = 1000;
    bench_require(p2p_loop_new(&e->loop, NULL) == 0, "loop");
    bench_require(p2p_realm_new(&e->realm, e->loop, &config) == 0, "realm");
}

static void open_node(end *e)
{
    bench_require(p2p_mem_new(&e->swarm, e->realm, NULL) == 0, "node");
    bench_require(p2p_local_addr(e->swarm, &e->addr) == 0, "address");
}

static void free_end(end *e)
{
    bench_require(p2p_loop_run(e->loop) == 0 && p2p_realm_free(e->realm) == 0 &&
                      p2p_loop_free(e->loop) == 0,
                  "end of a loop");
}

static void count(void *arg, const p2p_msg *msg)
{
    work *w = arg;
    (void)msg;
    if (++w->received < w->total)
        return;
    w->ended = bench_clock();
    p2p_loop_stop(w->rx.loop);
}

/* --- one loop --- */

static void tell_burst(void *arg)
{
    work *w = arg;
    for (size_t i = 0; i < BURST && w->sent < w->total; i++, w->sent++)
        bench_require(p2p_tell(w->tx.swarm, &w->rx.addr, payload, w->len) == 0, "tell");
    if (w->sent < w->total)
        p2p_loop_defer(w->tx.loop, &w->task);
}

static double ours_one_loop(void *arg)
{
    work *w = arg;
    w->sent = w->received = 0;
    w->started = bench_clock();
    p2p_loop_defer(w->tx.loop, &w->task);
    bench_require(p2p_loop_run(w->tx.loop) == 0, "loop");
    return (double)(w->ended - w->started) / (double)w->total;
}

static double limit_one_loop(void *arg)
{
    work *w = arg;
    return limit_mem_calls(w->len, w->total);
}

static void one_loop(bench *b, const char *name, size_t len, bench_result *result)
{
    work w = {.len = len, .total = bench_scale(b, len < 1000 ? 4000000 : 2000000)};
    if (!bench_wants(b, name))
        return;
    open_end(&w.tx, 0);
    w.rx = w.tx;
    open_node(&w.tx);
    open_node(&w.rx);
    p2p_on_tell(w.rx.swarm, count, &w);
    p2p_task_init(&w.task, tell_burst, &w);
    bench_row row = {.name = name,
                     .ours = ours_one_loop,
                     .limit = limit_one_loop,
                     .ours_arg = &w,
                     .limit_arg = &w,
                     .per = "message",
                     .bytes = len};
    (void)bench_run(b, &row, result);
    p2p_close(w.tx.swarm, NULL, NULL);
    p2p_close(w.rx.swarm, NULL, NULL);
    free_end(&w.tx);
}

/* --- two loops --- */

/* Sends until the ring is full; the writable event goes on. */
static void tell_across(void *arg)
{
    work *w = arg;
    while (w->sent < w->total) {
        int err = p2p_tell(w->tx.swarm, &w->rx.addr, payload, w->len);
        if (err) {
            bench_require(err == P2P_ERR_AGAIN, "tell");
            return;
        }
        w->sent++;
    }
    p2p_loop_stop(w->tx.loop);
}

static void *run_sender(void *arg)
{
    work *w = arg;
    while (!atomic_load(&w->ready))
        sched_yield();
    w->started = bench_clock();
    p2p_loop_defer(w->tx.loop, &w->task);
    bench_require(p2p_loop_run(w->tx.loop) == 0, "loop of the sender");
    return NULL;
}

static double ours_two_loops(void *arg)
{
    work *w = arg;
    pthread_t sender;
    w->sent = w->received = 0;
    atomic_store(&w->ready, 0);
    bench_require(pthread_create(&sender, NULL, run_sender, w) == 0, "thread");
    atomic_store(&w->ready, 1);
    bench_require(p2p_loop_run(w->rx.loop) == 0, "loop of the receiver");
    pthread_join(sender, NULL);
    return (double)(w->ended - w->started) / (double)w->total;
}

static double limit_two_loops(void *arg)
{
    work *w = arg;
    return limit_mem_ring(w->len, w->addresses, w->total);
}

static void two_loops(bench *b, const char *name, size_t len, int addresses, double target)
{
    work w = {.len = len,
              .total = bench_scale(b, len < 1000 ? 4000000 : 2000000),
              .addresses = addresses};
    if (!bench_wants(b, name))
        return;
    open_end(&w.tx, 0);
    open_end(&w.rx, 1000);
    open_node(&w.tx);
    open_node(&w.rx);
    bench_require(p2p_bridge_new(&w.bridge, w.tx.realm, w.rx.realm, 0) == 0, "bridge");
    p2p_on_tell(w.rx.swarm, count, &w);
    p2p_on_writable(w.tx.swarm, tell_across, &w);
    p2p_task_init(&w.task, tell_across, &w);
    bench_row row = {.name = name,
                     .ours = ours_two_loops,
                     .limit = limit_two_loops,
                     .ours_arg = &w,
                     .limit_arg = &w,
                     .target = target,
                     .per = "message",
                     .bytes = len};
    (void)bench_run(b, &row, NULL);
    bench_require(p2p_bridge_free(w.bridge) == 0, "end of the bridge");
    p2p_close(w.tx.swarm, NULL, NULL);
    p2p_close(w.rx.swarm, NULL, NULL);
    free_end(&w.tx);
    free_end(&w.rx);
}

int main(int argc, char **argv)
{
    bench b;
    bench_result small = {.ours = 0};
    int status = bench_begin(&b, "mem", argc, argv);
    if (status)
        return status;
    one_loop(&b, "one loop, 64 B, limit calls and copies", 64, &small);
    one_loop(&b, "one loop, 1200 B, limit calls and copies", 1200, NULL);
    two_loops(&b, "two loops, 64 B, limit is a bare ring", 64, 0, 0.5);
    two_loops(&b, "two loops, 64 B, limit carries addresses", 64, 1, 0);
    two_loops(&b, "two loops, 1200 B, limit is a bare ring", 1200, 0, 0.5);
    two_loops(&b, "two loops, 1200 B, limit carries addresses", 1200, 1, 0);
    if (small.ours > 0) {
        double rate = 1e9 / small.ours;
        b.missed += rate < WANTED_PER_SECOND;
        printf("\none loop, 64 B: %.1f million messages per second, target %.0f%s\n", rate / 1e6,
               WANTED_PER_SECOND / 1e6, rate < WANTED_PER_SECOND ? " !" : "");
    }
    return bench_end(&b);
}
