/* SPDX-License-Identifier: MIT */
/*
 * A rumour spreads over 1000 nodes whose links are slow and lose one message in ten. Each node that
 * has heard it tells it to a neighbour of its choice every 100 ms. The time is virtual, so this
 * takes a moment only; and the same seed gives the same run, event by event, which the trace hash
 * shows.
 *
 *   simulation [SEED]
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <p2p/p2p.h>
#include <p2p/sim.h>
#include <p2p/topology.h>

#define NODES  1000u
#define ROUND  (100 * P2P_MILLISECOND)
#define AT_END (60 * P2P_SECOND)

static const char rumour[] = "have you heard?";

static void check(int err)
{
    if (err < 0) {
        fprintf(stderr, "simulation: %s\n", p2p_err_text(err));
        exit(1);
    }
}

typedef struct world world;

typedef struct node {
    world *world;
    p2p_swarm *swarm;
    p2p_timer timer;
    uint32_t number;
    int heard;
} node;

struct world {
    p2p_loop *loop;
    p2p_realm *realm;
    p2p_topology topology;
    node nodes[NODES];
    unsigned heard;
};

/* A choice that the seed decides, as everything here. */
static uint32_t some_neighbour(const node *n)
{
    const p2p_topology *t = &n->world->topology;
    uint64_t choice = p2p_loop_jitter(n->world->loop) % p2p_topology_degree(t, n->number);
    return t->neighbour[t->start[n->number] + (size_t)choice];
}

static void on_round(void *arg)
{
    node *n = arg;
    p2p_addr addr;
    p2p_addr_from_mem(&addr, some_neighbour(n));
    check(p2p_tell(n->swarm, &addr, rumour, sizeof rumour));
    p2p_timer_start_in(&n->timer, ROUND);
}

static void hear(node *n)
{
    if (n->heard)
        return;
    n->heard = 1;
    n->world->heard++;
    p2p_timer_start_in(&n->timer, p2p_loop_jitter(n->world->loop) % ROUND);
}

static void on_tell(void *arg, const p2p_msg *msg)
{
    if (msg->len == sizeof rumour && memcmp(msg->data, rumour, sizeof rumour) == 0)
        hear(arg);
}

static int everybody_heard(void *arg)
{
    const world *w = arg;
    return w->heard == NODES;
}

static void make_world(world *w, uint64_t seed)
{
    p2p_loop_config config;
    p2p_realm_config realm;
    p2p_link link;
    p2p_loop_config_init(&config);
    config.seed = seed;
    check(p2p_sim_new(&w->loop, &config));

    p2p_link_init(&link);
    link.latency = 20 * P2P_MILLISECOND;
    link.jitter = 30 * P2P_MILLISECOND;
    link.loss = 0.1;
    p2p_realm_config_init(&realm);
    realm.link = &link;
    check(p2p_realm_new(&w->realm, w->loop, &realm));
    check(p2p_topology_small_world(&w->topology, NODES, 6, 0.1, seed, NULL));

    for (uint32_t i = 0; i < NODES; i++) {
        node *n = &w->nodes[i];
        n->world = w;
        n->number = i;
        check(p2p_mem_new(&n->swarm, w->realm, NULL)); /* the numbers are given in order from 0 */
        p2p_on_tell(n->swarm, on_tell, n);
        p2p_timer_init(&n->timer, w->loop, on_round, n);
    }
}

static void free_world(world *w)
{
    for (uint32_t i = 0; i < NODES; i++) {
        p2p_timer_stop(&w->nodes[i].timer);
        p2p_close(w->nodes[i].swarm, NULL, NULL);
    }
    check(p2p_sim_run_idle(w->loop));
    check(p2p_realm_free(w->realm));
    check(p2p_loop_free(w->loop));
    p2p_topology_free(&w->topology);
    free(w);
}

int main(int argc, char **argv)
{
    uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    world *w = calloc(1, sizeof *w);
    check(w ? 0 : P2P_ERR_NO_MEMORY);
    make_world(w, seed);
    hear(&w->nodes[0]);

    int end = p2p_sim_run_until_done(w->loop, everybody_heard, w, AT_END);
    check(end);
    printf("seed %" PRIu64 ": %u of %u nodes heard it within %" PRIu64 " ms\n",
           p2p_sim_seed(w->loop), w->heard, NODES, p2p_loop_now(w->loop) / P2P_MILLISECOND);
    printf("%" PRIu64 " messages delivered, trace hash %016" PRIx64 "\n",
           p2p_realm_delivered(w->realm), p2p_realm_trace_hash(w->realm));
    free_world(w);
    return end == P2P_SIM_DONE ? 0 : 1;
}
