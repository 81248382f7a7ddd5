/* SPDX-License-Identifier: MIT */
#ifndef TEST_UDP_H
#define TEST_UDP_H

/* What the tests of UDP swarms share: nodes that write down what they receive, and waiting with a
 * limit. */
#include <limits.h>

#include <sys/socket.h>

#include <p2p/udp.h>

#include "support/check.h"
#include "support/counted.h"
#include "swarm/udp.h"

/* No wait of these tests takes longer, unless something is broken. */
#define PATIENCE (20 * P2P_SECOND)

/* A message that was received. */
typedef struct received {
    size_t offset; /* in the node's bytes */
    size_t len;
    p2p_addr src;
    p2p_addr dst;
} received;

typedef struct node {
    p2p_swarm *swarm;
    p2p_addr addr;
    received *list;
    size_t count;
    size_t cap;    /* of list */
    size_t wanted; /* stops the loop when so many were received */
    uint8_t *bytes;
    size_t used;
    size_t bytes_cap;
    bool counts_only;
    bool closed;
    p2p_stats last; /* as they were when it closed */
} node;

static inline void make_room_for(node *n, size_t len)
{
    if (n->count >= n->cap) {
        n->cap = 2 * n->cap + 64;
        n->list = realloc(n->list, n->cap * sizeof *n->list);
        assert_non_null(n->list);
    }
    if (n->used + len > n->bytes_cap) {
        n->bytes_cap = 2 * n->bytes_cap + len;
        n->bytes = realloc(n->bytes, n->bytes_cap);
        assert_non_null(n->bytes);
    }
}

static inline void on_node_tell(void *arg, const p2p_msg *msg)
{
    node *n = arg;
    assert_non_null(msg->data);
    if (!n->counts_only) {
        make_room_for(n, msg->len + 1);
        n->list[n->count] = (received){n->used, msg->len, *msg->src, *msg->dst};
        memcpy(n->bytes + n->used, msg->data, msg->len);
        n->used += msg->len;
        memset(msg->data, 0xdd, msg->len); /* a receiver may */
    }
    n->count++;
    if (n->count == n->wanted)
        p2p_loop_stop(p2p_swarm_loop(n->swarm));
}

/* A node of the given config, whose bind defaults to 127.0.0.1 and whose receive buffer to a large
 * one. */
static inline void open_node(node *n, p2p_loop *loop, const p2p_udp_config *given)
{
    p2p_udp_config config;
    p2p_udp_config_init(&config);
    if (given)
        config = *given;
    if (!config.bind)
        config.bind = "127.0.0.1:0";
    if (!config.socket_rcvbuf)
        config.socket_rcvbuf = 4 << 20;
    memset(n, 0, sizeof *n);
    assert_int_equal(p2p_udp_new(&n->swarm, loop, &config), 0);
    assert_int_equal(p2p_local_addr(n->swarm, &n->addr), 0);
    p2p_on_tell(n->swarm, on_node_tell, n);
}

static inline void open_flags(node *n, p2p_loop *loop, const char *bind, unsigned flags)
{
    p2p_udp_config config;
    p2p_udp_config_init(&config);
    config.bind = bind;
    config.flags = flags;
    config.mtu = P2P_UDP_MAX_MTU;
    open_node(n, loop, &config);
}

/* Two nodes on a loop of their own. */
typedef struct pair {
    counted m;
    p2p_loop *loop;
    node a;
    node b;
} pair;

/* The first has the config, which may be NULL. */
static inline void open_pair(pair *p, const p2p_udp_config *config)
{
    p->loop = counted_loop(&p->m);
    open_node(&p->a, p->loop, config);
    open_node(&p->b, p->loop, NULL);
}

static inline void open_pair_flags(pair *p, unsigned flags)
{
    p->loop = counted_loop(&p->m);
    open_flags(&p->a, p->loop, "127.0.0.1:0", flags);
    open_flags(&p->b, p->loop, "127.0.0.1:0", flags);
}

/* An option of the socket that is an int. */
static inline int int_option(const node *n, int option)
{
    int value = 0;
    socklen_t len = sizeof value;
    assert_int_equal(getsockopt(p2p_udp_fd(n->swarm), SOL_SOCKET, option, &value, &len), 0);
    return value;
}

static inline void stop_loop(void *arg)
{
    p2p_loop_stop(arg);
}

static inline void on_node_closed(void *arg)
{
    node *n = arg;
    n->closed = true;
    p2p_swarm_stats(n->swarm, &n->last);
    p2p_loop_stop(p2p_swarm_loop(n->swarm));
}

static inline void close_node(node *n)
{
    p2p_loop *loop = p2p_swarm_loop(n->swarm);
    p2p_close(n->swarm, on_node_closed, n);
    while (!n->closed)
        assert_int_equal(p2p_loop_run(loop), 0);
    free(n->list);
    free(n->bytes);
    n->list = NULL;
    n->bytes = NULL;
}

static inline void close_pair(pair *p)
{
    close_node(&p->a);
    close_node(&p->b);
    counted_end(p->loop, &p->m);
}

/* Runs the loop until somebody stops it; false if that was the end of patience. */
static inline bool run_loop(p2p_loop *loop, uint64_t patience)
{
    p2p_timer timer;
    p2p_timer_init(&timer, loop, stop_loop, loop);
    p2p_timer_start_in(&timer, patience);
    assert_int_equal(p2p_loop_run(loop), 0);
    bool in_time = p2p_timer_active(&timer);
    p2p_timer_stop(&timer);
    return in_time;
}

static inline void wait_for(node *n, size_t wanted)
{
    n->wanted = wanted;
    while (n->count < wanted)
        assert_true(run_loop(p2p_swarm_loop(n->swarm), PATIENCE));
    n->wanted = 0;
}

/* Turns in which all that is there is sent and received. */
static inline void settle(p2p_loop *loop)
{
    for (int i = 0; i < 8; i++)
        assert_int_equal(p2p_loop_step(loop), 0);
}

static inline p2p_stats stats_of(const node *n)
{
    p2p_stats stats;
    p2p_swarm_stats(n->swarm, &stats);
    return stats;
}

/* Payload number i of this length: bytes that depend on both. */
static inline void fill(uint8_t *out, size_t len, size_t i)
{
    uint32_t x = (uint32_t)(i * 2654435761u + len * 40503u + 1);
    for (size_t k = 0; k < len; k++) {
        x = x * 1664525u + 1013904223u;
        out[k] = (uint8_t)(x >> 24);
    }
}

static inline int tell_number(node *from, const node *to, size_t len, size_t i)
{
    static uint8_t payload[P2P_UDP_MAX_MTU];
    fill(payload, len, i);
    return p2p_tell(from->swarm, &to->addr, payload, len);
}

/* Asserts that message number `at` of a node is payload i of this length, from `from`. */
static inline void assert_message(const node *n, size_t at, const node *from, size_t len, size_t i)
{
    static uint8_t payload[P2P_UDP_MAX_MTU];
    assert_true(at < n->count);
    assert_int_equal(n->list[at].len, len);
    fill(payload, len, i);
    assert_memory_equal(n->bytes + n->list[at].offset, payload, len);
    assert_true(p2p_addr_equal(&n->list[at].src, &from->addr));
    assert_true(p2p_addr_equal(&n->list[at].dst, &n->addr));
}

static inline p2p_addr parsed(const char *text)
{
    p2p_addr addr;
    assert_int_equal(p2p_addr_parse(text, &addr), 0);
    return addr;
}

#endif
