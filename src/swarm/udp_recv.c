/* SPDX-License-Identifier: MIT */
/*
 * Receiving. Datagrams come in batches into slots of an arena that is used again for each batch,
 * and are delivered in place; one that GRO put together from several is delivered as those.
 */
#include "swarm/udp.h"

#include <errno.h>
#include <string.h>

#include "swarm/swarm.h"
#include "swarm/udp_addr.h"

/* The address that a datagram was sent to. On a wildcard socket it is that of the last datagram
 * nearly always, so the last one is kept. */
static const p2p_addr *local_of(p2p__udp *udp, const p2p_ip *ip)
{
    if (!udp->wildcard || ip->family == 0)
        return &udp->bound;
    p2p__udp_rx *rx = &udp->rx;
    if (!p2p__udp_same_ip(ip, &rx->local_ip)) {
        rx->local_ip = *ip;
        if (p2p_addr_from_ip(&rx->local, ip, udp->port) != 0)
            return &udp->bound;
    }
    return &rx->local;
}

/* Delivers what is in a slot. Returns how many messages that were; *open becomes 0 when the
 * receiver closed the swarm, which drops and counts the others. */
static unsigned deliver(p2p__udp *udp, const p2p__udp_datagram *datagram, int *open)
{
    p2p_addr src;
    p2p__udp_from_sockaddr(&datagram->from, &src);
    if (udp->wildcard && p2p__udp_remember(udp, &src, &datagram->local))
        p2p__udp_end_run_to(udp, &src);
    p2p_msg msg = {.src = &src, .dst = local_of(udp, &datagram->local), .data = datagram->data};
    uint32_t left = datagram->len;
    unsigned count = 0;
    do {
        msg.len = left < datagram->segment ? left : datagram->segment;
        left -= (uint32_t)msg.len;
        *open = p2p__swarm_deliver(&udp->base, &msg);
        msg.data += msg.len;
        count++;
    } while (left > 0);
    return count;
}

static void log_error(p2p__udp *udp, int err)
{
    uint64_t now = p2p_loop_now(udp->base.loop);
    if (now < udp->next_recv_log)
        return;
    udp->next_recv_log = now + P2P_SECOND;
    char reason[P2P__UDP_ERRNO_TEXT_SIZE];
    p2p_loop_log(udp->base.loop, P2P_LOG_WARN, "udp: cannot receive: %s",
                 p2p__udp_errno_text(err, reason));
}

void p2p__udp_receive(p2p__udp *udp)
{
    p2p__udp_rx *rx = &udp->rx;
    unsigned budget = rx->max_batch;
    while (budget > 0) {
        unsigned wanted = budget < P2P__UDP_SLOTS ? budget : P2P__UDP_SLOTS;
        int got = udp->sys->recv(udp->fd, rx->state, rx->datagrams, wanted);
        if (got < 0) {
            /* A pending error of the socket is gone now that it was read. */
            if (got != -EAGAIN && got != -EWOULDBLOCK && got != -EINTR)
                log_error(udp, -got);
            return;
        }
        int open = 1;
        unsigned messages = 0;
        for (int i = 0; i < got; i++) {
            const p2p__udp_datagram *datagram = &rx->datagrams[i];
            if (datagram->has_drops) {
                udp->base.stats.rx_drop_kernel += (uint32_t)(datagram->drops - rx->kernel_drops);
                rx->kernel_drops = datagram->drops;
            }
            if (datagram->truncated)
                udp->base.stats.rx_drop_limit++;
            else
                messages += deliver(udp, datagram, &open);
        }
        if (!open || (unsigned)got < wanted)
            return;
        budget -= messages < budget ? messages : budget;
    }
}
