/* SPDX-License-Identifier: MIT */
#include "joined.h"

#include <stdlib.h>
#include <string.h>

#include <p2p/swarm_ops.h>

#include "bench.h"

enum { MTU = 1400 };

typedef struct datagram {
    struct datagram *next;
    int to;
    p2p_addr addr;
    size_t len;
    unsigned char data[MTU];
} datagram;

typedef struct end {
    p2p_swarm base;
    joined *joined;
    int index;
} end;

struct joined {
    p2p_loop *loop;
    end *ends[2];
    p2p_task task;
    datagram *first;
    datagram **last;
    datagram *unused;
};

static datagram *take(joined *j)
{
    datagram *d = j->unused;
    if (d)
        j->unused = d->next;
    else
        d = malloc(sizeof *d);
    bench_require(d != NULL, "memory");
    return d;
}

static void deliver(void *arg)
{
    joined *j = arg;
    datagram *d = j->first;
    j->first = NULL;
    j->last = &j->first;
    while (d) {
        datagram *next = d->next;
        p2p_msg msg = {&d->addr, &d->addr, d->data, d->len};
        if (j->ends[d->to])
            p2p_swarm_deliver(&j->ends[d->to]->base, &msg);
        d->next = j->unused;
        j->unused = d;
        d = next;
    }
}

static int end_tell(p2p_swarm *swarm, const p2p_addr *dst, const p2p_iov *iov, size_t n, size_t len)
{
    const end *e = (const end *)swarm;
    joined *j = e->joined;
    datagram *d = take(j);
    d->next = NULL;
    d->to = !e->index;
    d->addr = *dst;
    d->len = len;
    p2p_iov_copy(d->data, iov, n);
    *j->last = d;
    j->last = &d->next;
    p2p_loop_defer(j->loop, &j->task);
    return 0;
}

static size_t end_mtu(const p2p_swarm *swarm, const p2p_addr *dst)
{
    (void)swarm;
    (void)dst;
    return MTU;
}

static int end_local_addrs(const p2p_swarm *swarm, p2p_addr *out, size_t cap, size_t *n)
{
    (void)swarm;
    *n = 1;
    if (!cap)
        return P2P_ERR_NO_SPACE;
    p2p_addr_from_mem(out, 0);
    return 0;
}

static void end_close(p2p_swarm *swarm)
{
    const end *e = (const end *)swarm;
    e->joined->ends[e->index] = NULL;
    p2p_swarm_closed(swarm);
}

static void end_free(p2p_swarm *swarm)
{
    free(swarm);
}

static const p2p_swarm_ops end_ops = {
    .size = sizeof end_ops,
    .kind = "joined",
    .tell = end_tell,
    .mtu = end_mtu,
    .local_addrs = end_local_addrs,
    .close = end_close,
    .free = end_free,
};

void joined_new(joined **out, p2p_loop *loop, p2p_swarm *swarms[2])
{
    joined *j = calloc(1, sizeof *j);
    bench_require(j != NULL, "memory");
    j->loop = loop;
    j->last = &j->first;
    p2p_task_init(&j->task, deliver, j);
    for (int i = 0; i < 2; i++) {
        j->ends[i] = calloc(1, sizeof *j->ends[i]);
        bench_require(j->ends[i] != NULL, "memory");
        p2p_swarm_init(&j->ends[i]->base, &end_ops, loop, NULL);
        j->ends[i]->joined = j;
        j->ends[i]->index = i;
        swarms[i] = &j->ends[i]->base;
    }
    *out = j;
}

void joined_free(joined *j)
{
    *j->last = j->unused;
    while (j->first) {
        datagram *next = j->first->next;
        free(j->first);
        j->first = next;
    }
    free(j);
}
