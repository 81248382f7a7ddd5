/* SPDX-License-Identifier: MIT */
#ifndef P2P__SWARM_SWARM_H
#define P2P__SWARM_SWARM_H

/* What the library's own swarms use besides <p2p/swarm_ops.h>: the hot path, inline. */
#include <p2p/swarm_ops.h>

#include "loop/loop.h"

/* Logs what has become of a swarm, or of an address of it, at P2P_LOG_INFO. For rare events. */
void p2p__swarm_log(const p2p_swarm *swarm, const char *what, const p2p_addr *addr);

/* p2p_swarm_deliver() without the call. */
static inline int p2p__swarm_deliver(p2p_swarm *swarm, const p2p_msg *msg)
{
    if (swarm->state != P2P_SWARM_OPEN) {
        swarm->stats.rx_drop_late++;
        return 0;
    }
    if (!swarm->tell_fn) {
        swarm->stats.rx_drop_unhandled++;
        return 1;
    }
    swarm->stats.rx_msgs++;
    swarm->stats.rx_bytes += msg->len;
    swarm->tell_fn(swarm->tell_arg, msg);
    return swarm->state == P2P_SWARM_OPEN;
}

/* The time at which an operation that may take `timeout` from now ends; 0 is the default. */
uint64_t p2p__swarm_deadline(const p2p_swarm *swarm, uint64_t timeout);

#endif
