/* SPDX-License-Identifier: MIT */
#ifndef P2P__SWARM_UDP_ADDR_H
#define P2P__SWARM_UDP_ADDR_H

/* Addresses of ours and of the socket interface, one into the other. */
#include <stdbool.h>
#include <string.h>

#include "core/addr_layout.h"
#include "swarm/udp_sys.h"

static inline bool p2p__udp_same_ip(const p2p_ip *a, const p2p_ip *b)
{
    return a->family == b->family && a->scope == b->scope &&
           memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

/* Writes a plain IP address and port for a socket of the given family. False if addr is another
 * kind of address, or IPv6 for an IPv4 socket. */
static inline bool p2p__udp_to_sockaddr(const p2p_addr *addr, bool ip6_socket,
                                        p2p__udp_sockaddr *out)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    bool ip4 = p2p__addr_is_ip4(addr);
    if (!ip4 && !(ip6_socket && p2p__addr_is_ip6(addr)))
        return false;
    memset(out, 0, sizeof *out);
    if (!ip6_socket) {
        out->v4.sin_family = AF_INET;
        out->v4.sin_port = htons(p2p__addr_ip4_port(addr));
        memcpy(&out->v4.sin_addr, p2p__addr_ip4_bytes(addr), 4);
        return true;
    }
    out->v6.sin6_family = AF_INET6;
    if (ip4) {
        out->v6.sin6_port = htons(p2p__addr_ip4_port(addr));
        memcpy(out->v6.sin6_addr.s6_addr, mapped, sizeof mapped);
        memcpy(out->v6.sin6_addr.s6_addr + sizeof mapped, p2p__addr_ip4_bytes(addr), 4);
    } else {
        out->v6.sin6_port = htons(p2p__addr_ip6_port(addr));
        memcpy(out->v6.sin6_addr.s6_addr, p2p__addr_ip6_bytes(addr), 16);
        out->v6.sin6_scope_id = p2p__addr_ip6_scope(addr);
    }
    return true;
}

static inline void p2p__udp_from_sockaddr(const p2p__udp_sockaddr *addr, p2p_addr *out)
{
    if (addr->any.sa_family == AF_INET) {
        uint8_t ip[4];
        memcpy(ip, &addr->v4.sin_addr, sizeof ip);
        p2p__addr_set_ip4(out, ip, ntohs(addr->v4.sin_port));
    } else {
        p2p__addr_set_ip6(out, addr->v6.sin6_addr.s6_addr, ntohs(addr->v6.sin6_port),
                          addr->v6.sin6_scope_id);
    }
}

#endif
