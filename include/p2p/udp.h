/* SPDX-License-Identifier: MIT */
#ifndef P2P_UDP_H
#define P2P_UDP_H

#include <p2p/swarm.h>

P2P_BEGIN_DECLS

/*
 * UDP swarms: one socket. Tells are datagrams without any header, as in the reference. Addresses
 * are ip:port, without the udp:// that the p2p command puts before them.
 *
 * Sends are gathered and leave once per turn of the loop: runs of messages to one peer in one piece
 * (UDP_SEGMENT, "GSO"), all of them with few system calls (sendmmsg). Receives are batched likewise
 * (recvmmsg, UDP_GRO). Where the system has none of these, plain sendmsg and recvmsg are used. On a
 * socket of all interfaces, what is told to a peer leaves from the address that the peer wrote to.
 * docs/swarms/udp.md tells more.
 */

/*
 * The default MTU: 1232 bytes = 1280 (every IPv6 link carries that much, RFC 8200, 5) - 40 (IPv6) -
 * 8 (UDP), so that a message is never fragmented by IP, over IPv4 neither. Datagrams of any size
 * are received.
 */
#define P2P_UDP_DEFAULT_MTU 1232u
/* The largest possible: 65535 - 20 (IPv4) - 8 (UDP). */
#define P2P_UDP_MAX_MTU 65507u

/* Flags of p2p_udp_config. */
#define P2P_UDP_REUSE_PORT \
    1u /* SO_REUSEPORT: several sockets, on several loops, share the port and its load */
#define P2P_UDP_V6_ONLY \
    2u /* an IPv6 socket does not take IPv4; without it a socket on [::] is dual stack */
#define P2P_UDP_NO_OFFLOAD 4u  /* neither GSO nor GRO */
#define P2P_UDP_NO_BATCH   8u  /* one system call per datagram; implies P2P_UDP_NO_OFFLOAD */
#define P2P_UDP_BROADCAST  16u /* SO_BROADCAST */

/* How to make a UDP swarm. Call p2p_udp_config_init() first; zero then means the default
 * everywhere. */
typedef struct p2p_udp_config {
    size_t size;      /* set by p2p_udp_config_init */
    const char *bind; /* "ip:port"; port 0: any free one. NULL: "[::]:0", else "0.0.0.0:0" */
    size_t mtu;       /* longest message to send, 0: P2P_UDP_DEFAULT_MTU, at most P2P_UDP_MAX_MTU */
    unsigned flags;   /* P2P_UDP_* */
    /* Bytes of payload that may wait to be sent, 0: 1 MiB; what is below 64 KiB or above 1 GiB is
     * taken for that. For each 256 of them one run may wait: messages of one length to one peer, or
     * a single message. */
    size_t max_queue;
    size_t socket_sndbuf; /* SO_SNDBUF in bytes, 0: leave the system's */
    size_t socket_rcvbuf; /* SO_RCVBUF in bytes, 0: leave the system's */
    /* Messages handled per readiness before others get their turn; 0: 1024. A group that GRO put
     * together is handled whole, so it may become 63 more. */
    unsigned max_batch;
} p2p_udp_config;

static inline void p2p_udp_config_init(p2p_udp_config *config)
{
    memset(config, 0, sizeof *config);
    config->size = sizeof *config;
}

/*
 * Makes a UDP swarm: opens a socket and binds it. config may be NULL; neither it nor its text is
 * needed afterwards. Needs the libuv loop.
 * Returns 0; P2P_ERR_BAD_ADDR (bind is not ip:port), P2P_ERR_IN_USE (the port), P2P_ERR_PERMISSION,
 * P2P_ERR_UNREACHABLE (no such local address), P2P_ERR_INVALID (mtu above P2P_UDP_MAX_MTU,
 * unknown flags), P2P_ERR_UNSUPPORTED (simulated loop), P2P_ERR_NO_MEMORY, P2P_ERR_IO.
 *
 * Tells: P2P_ERR_BAD_ADDR for an address that is not ip:port, of a family that the socket does not
 * have, or with port 0. What the system refuses later (no route, a message too long for a path,
 * ...) is counted in tx_drop_error, and logged at P2P_LOG_WARN with the destination, at most once
 * per second.
 */
P2P_API P2P_MUST_USE int p2p_udp_new(p2p_swarm **out, p2p_loop *loop, const p2p_udp_config *config);

/* The descriptor, for options this library does not know. Do not read, write or close it. Returns
 * P2P_ERR_INVALID if the swarm is no UDP swarm, P2P_ERR_CLOSED. */
P2P_API P2P_MUST_USE int p2p_udp_fd(const p2p_swarm *swarm);

P2P_END_DECLS

#endif
