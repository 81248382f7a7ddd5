/* SPDX-License-Identifier: MIT */
#include "swarm/udp.h"

#include <unistd.h>

#include "core/addr_layout.h"
#include "core/alloc.h"
#include "core/config.h"
#include "loop/interfaces.h"
#include "swarm/swarm.h"

#define ALL_FLAGS                                                                   \
    (P2P_UDP_REUSE_PORT | P2P_UDP_V6_ONLY | P2P_UDP_NO_OFFLOAD | P2P_UDP_NO_BATCH | \
     P2P_UDP_BROADCAST)

/* --- operations --- */

static size_t udp_mtu(const p2p_swarm *swarm, const p2p_addr *dst)
{
    (void)dst;
    return p2p__udp_of_const(swarm)->mtu;
}

static int udp_local_addrs(const p2p_swarm *swarm, p2p_addr *out, size_t cap, size_t *n)
{
    const p2p__udp *udp = p2p__udp_of_const(swarm);
    unsigned families = (udp->has_ip4 ? P2P__FAMILY_IP4 : 0) | (udp->has_ip6 ? P2P__FAMILY_IP6 : 0);
    return p2p__addr_expand(&udp->bound, families, out, cap, n);
}

bool p2p__udp_reaches(const p2p__udp *udp, const p2p_addr *addr)
{
    if (p2p__addr_is_ip4(addr))
        return udp->has_ip4 && p2p__addr_ip4_port(addr) != 0;
    return p2p__addr_is_ip6(addr) && udp->has_ip6 && p2p__addr_ip6_port(addr) != 0;
}

static int udp_parse_addr(const p2p_swarm *swarm, const char *text, p2p_addr *out)
{
    p2p_addr addr;
    if (p2p_addr_parse(text, &addr) != 0 || !p2p__udp_reaches(p2p__udp_of_const(swarm), &addr))
        return P2P_ERR_BAD_ADDR;
    *out = addr;
    return 0;
}

static void udp_close(p2p_swarm *swarm)
{
    p2p__udp *udp = p2p__udp_of(swarm);
    p2p__udp_tx_close(udp);
    p2p_watch_free(udp->watch);
    udp->watch = NULL;
    close(udp->fd);
    udp->fd = -1;
    p2p__swarm_log(swarm, "closed", &udp->bound);
    p2p_swarm_closed(swarm);
}

static void udp_free(p2p_swarm *swarm)
{
    p2p__udp *udp = p2p__udp_of(swarm);
    const p2p_allocator *allocator = p2p_loop_allocator(udp->base.loop);
    p2p__free(allocator, udp->sources);
    p2p__free(allocator, udp->rx.arena);
    p2p__free(allocator, udp->rx.state);
    p2p__free(allocator, udp->tx.runs);
    p2p__free(allocator, udp->tx.arena);
    p2p__free(allocator, udp);
}

static const p2p_swarm_ops udp_ops = {
    .size = sizeof(p2p_swarm_ops),
    .kind = "udp",
    .tell = p2p__udp_tell,
    .reserve = p2p__udp_reserve,
    .commit = p2p__udp_commit,
    .mtu = udp_mtu,
    .local_addrs = udp_local_addrs,
    .parse_addr = udp_parse_addr,
    .close = udp_close,
    .free = udp_free,
    .unsent = p2p__udp_unsent,
};

/* --- making --- */

static void on_ready(void *arg, unsigned ready)
{
    p2p__udp *udp = arg;
    if (ready & P2P_WRITABLE)
        p2p__udp_unblock(udp);
    if (ready & P2P_READABLE)
        p2p__udp_receive(udp); /* the last, for the receiver may close the swarm */
}

/* Fills in the defaults. Returns 0 or P2P_ERR_INVALID. */
static int complete_config(p2p_udp_config *config, const p2p_udp_config *given)
{
    int err = p2p__config_copy(config, sizeof *config, given);
    if (err)
        return err;
    if (config->mtu > P2P_UDP_MAX_MTU || (config->flags & ~ALL_FLAGS))
        return P2P_ERR_INVALID;
    if (!config->mtu)
        config->mtu = P2P_UDP_DEFAULT_MTU;
    if (!config->max_queue)
        config->max_queue = P2P__UDP_DEFAULT_QUEUE;
    if (config->max_queue < P2P__UDP_MIN_QUEUE)
        config->max_queue = P2P__UDP_MIN_QUEUE;
    if (config->max_queue > P2P__UDP_MAX_QUEUE)
        config->max_queue = P2P__UDP_MAX_QUEUE;
    if (!config->max_batch)
        config->max_batch = P2P__UDP_DEFAULT_BATCH;
    if (config->flags & P2P_UDP_NO_BATCH)
        config->flags |= P2P_UDP_NO_OFFLOAD;
    return 0;
}

static const p2p__udp_sys *choose_sys(unsigned flags)
{
#if P2P__UDP_LINUX
    if (!(flags & P2P_UDP_NO_BATCH))
        return &p2p__udp_sys_linux;
#endif
    (void)flags;
    return &p2p__udp_sys_posix;
}

/* All memory that the swarm will ever use but for the table of sources; the system backs the arenas
 * with pages as they are touched, so an idle swarm costs little. */
static int allocate(p2p__udp *udp, const p2p_udp_config *config)
{
    const p2p_allocator *allocator = p2p_loop_allocator(udp->base.loop);
    p2p__udp_tx *tx = &udp->tx;
    p2p__udp_rx *rx = &udp->rx;
    tx->capacity = (uint32_t)config->max_queue;
    tx->capacity_runs = tx->capacity / P2P__UDP_BYTES_PER_RUN;
    tx->arena = p2p__alloc(allocator, tx->capacity);
    tx->runs = p2p__alloc(allocator, tx->capacity_runs * sizeof *tx->runs);
    rx->arena = p2p__alloc(allocator, (size_t)P2P__UDP_SLOTS * P2P__UDP_SLOT_SIZE);
    rx->state = p2p__zalloc(allocator, udp->sys->rx_size);
    return tx->arena && tx->runs && rx->arena && rx->state ? 0 : P2P_ERR_NO_MEMORY;
}

/* Everything between the struct and a swarm that receives. */
static int set_up(p2p__udp *udp, const p2p_udp_config *config)
{
    udp->sys = choose_sys(config->flags);
    udp->mtu = config->mtu;
    udp->rx.max_batch = config->max_batch;
    int err = allocate(udp, config);
    if (err)
        return err;
    err = p2p__udp_open(udp, config);
    if (err)
        return err;
    int offload = !(config->flags & P2P_UDP_NO_OFFLOAD);
    unsigned can = udp->sys->open(udp->fd, offload, udp->rx.state, udp->rx.arena);
    udp->tx.max_segment = can & P2P__UDP_CAN_GSO ? P2P_UDP_MAX_MTU : 0;
    p2p__udp_tx_init(udp);
    err = p2p_watch_new(&udp->watch, udp->base.loop, udp->fd, on_ready, udp);
    return err ? err : p2p_watch_set(udp->watch, P2P_READABLE);
}

int p2p_udp_new(p2p_swarm **out, p2p_loop *loop, const p2p_udp_config *config)
{
    p2p_udp_config complete;
    if (!out || !loop)
        return P2P_ERR_INVALID;
    int err = complete_config(&complete, config);
    if (err)
        return err;
    p2p__udp *udp = p2p__zalloc(p2p_loop_allocator(loop), sizeof *udp);
    if (!udp)
        return P2P_ERR_NO_MEMORY;
    p2p_swarm_init(&udp->base, &udp_ops, loop, NULL);
    udp->fd = -1;
    err = set_up(udp, &complete);
    if (err) {
        p2p_watch_free(udp->watch);
        if (udp->fd >= 0)
            close(udp->fd);
        p2p_swarm_abandon(&udp->base);
        udp_free(&udp->base);
        return err;
    }
    p2p__swarm_log(&udp->base, "bound to", &udp->bound);
    *out = &udp->base;
    return 0;
}

int p2p_udp_fd(const p2p_swarm *swarm)
{
    if (!swarm || swarm->ops != &udp_ops)
        return P2P_ERR_INVALID;
    if (swarm->state != P2P_SWARM_OPEN)
        return P2P_ERR_CLOSED;
    return p2p__udp_of_const(swarm)->fd;
}
