/* SPDX-License-Identifier: MIT */
#include "support/wire_swarm.h"

#include <stdlib.h>
#include <string.h>

#include <p2p/swarm_ops.h>

enum { MAX_NODES = 64, MTU = 1400 };

typedef struct node {
    p2p_swarm base;
    wire *wire;
    p2p_addr addr;
} node;

typedef struct datagram {
    struct datagram *next;
    uint64_t at;
    p2p_addr src;
    p2p_addr dst;
    size_t len;
    uint8_t data[];
} datagram;

struct wire {
    p2p_loop *loop;
    uint64_t latency;
    p2p_timer timer;
    datagram *first;
    datagram *last;
    const p2p_msg *question; /* being delivered */
    wire_fn fn;
    void *arg;
    node *nodes[MAX_NODES];
};

static void drop_first(wire *w)
{
    datagram *d = w->first;
    w->first = d->next;
    if (!w->first)
        w->last = NULL;
    free(d);
}

static void deliver(wire *w, datagram *d)
{
    for (size_t i = 0; i < MAX_NODES; i++) {
        if (!w->nodes[i] || !p2p_addr_equal(&w->nodes[i]->addr, &d->dst))
            continue;
        p2p_msg msg = {&d->src, &d->dst, d->data, d->len};
        w->question = &msg;
        p2p_swarm_deliver(&w->nodes[i]->base, &msg);
        w->question = NULL;
        return;
    }
}

/* The latency is the same for all, so the first one sent is the first to arrive. */
static void on_timer(void *arg)
{
    wire *w = arg;
    while (w->first && w->first->at <= p2p_loop_now(w->loop)) {
        deliver(w, w->first);
        drop_first(w);
    }
    if (w->first)
        p2p_timer_start(&w->timer, w->first->at);
}

wire *wire_new(p2p_loop *loop, uint64_t latency)
{
    wire *w = calloc(1, sizeof *w);
    if (!w)
        abort();
    w->loop = loop;
    w->latency = latency;
    p2p_timer_init(&w->timer, loop, on_timer, w);
    return w;
}

void wire_free(wire *w)
{
    p2p_timer_stop(&w->timer);
    while (w->first)
        drop_first(w);
    free(w);
}

void wire_on_send(wire *w, wire_fn fn, void *arg)
{
    w->fn = fn;
    w->arg = arg;
}

static datagram *post(wire *w, const p2p_addr *src, const p2p_addr *dst, size_t len)
{
    datagram *d = malloc(sizeof *d + (len ? len : 1));
    if (!d)
        abort();
    d->next = NULL;
    d->at = p2p_loop_now(w->loop) + w->latency;
    d->src = *src;
    d->dst = *dst;
    d->len = len;
    if (w->last)
        w->last->next = d;
    else
        w->first = d;
    w->last = d;
    if (!p2p_timer_active(&w->timer))
        p2p_timer_start(&w->timer, d->at);
    return d;
}

void wire_inject(wire *w, const p2p_addr *src, const p2p_addr *dst, const void *data, size_t len)
{
    datagram *d = post(w, src, dst, len);
    if (len)
        memcpy(d->data, data, len);
}

/* --- nodes --- */

static int node_tell(p2p_swarm *swarm, const p2p_addr *dst, const p2p_iov *iov, size_t n,
                     size_t len)
{
    node *self = (node *)swarm;
    wire *w = self->wire;
    uint8_t data[MTU];
    p2p_iov_copy(data, iov, n);
    p2p_msg msg = {&self->addr, dst, data, len};
    if (!w->fn || w->fn(w->arg, &msg, w->question))
        wire_inject(w, &self->addr, dst, data, len);
    return 0;
}

static size_t node_mtu(const p2p_swarm *swarm, const p2p_addr *dst)
{
    (void)swarm;
    (void)dst;
    return MTU;
}

static int node_local_addrs(const p2p_swarm *swarm, p2p_addr *out, size_t cap, size_t *n)
{
    *n = 1;
    if (!cap)
        return P2P_ERR_NO_SPACE;
    *out = ((const node *)swarm)->addr;
    return 0;
}

static void node_close(p2p_swarm *swarm)
{
    wire *w = ((node *)swarm)->wire;
    for (size_t i = 0; i < MAX_NODES; i++)
        if (w->nodes[i] == (node *)swarm)
            w->nodes[i] = NULL;
    p2p_swarm_closed(swarm);
}

static void node_free(p2p_swarm *swarm)
{
    free(swarm);
}

static const p2p_swarm_ops node_ops = {
    .size = sizeof node_ops,
    .kind = "wire",
    .tell = node_tell,
    .mtu = node_mtu,
    .local_addrs = node_local_addrs,
    .close = node_close,
    .free = node_free,
};

int wire_node(p2p_swarm **out, wire *w, const p2p_addr *addr)
{
    size_t at = 0;
    while (at < MAX_NODES && w->nodes[at])
        at++;
    if (at == MAX_NODES)
        return P2P_ERR_LIMIT;
    node *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    p2p_swarm_init(&self->base, &node_ops, w->loop, NULL);
    self->wire = w;
    self->addr = *addr;
    w->nodes[at] = self;
    *out = &self->base;
    return 0;
}
