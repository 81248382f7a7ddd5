/* SPDX-License-Identifier: MIT */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "swarm/udp.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "swarm/udp_addr.h"

/* strerror_r is one of two functions, depending on the C library. */
const char *p2p__udp_errno_text(int err, char *buffer)
{
#if defined(__GLIBC__) && defined(_GNU_SOURCE)
    return strerror_r(err, buffer, P2P__UDP_ERRNO_TEXT_SIZE);
#else
    if (strerror_r(err, buffer, P2P__UDP_ERRNO_TEXT_SIZE) != 0)
        (void)snprintf(buffer, P2P__UDP_ERRNO_TEXT_SIZE, "error %d", err);
    return buffer;
#endif
}

/* Says which call failed and why, and gives the code that p2p_udp_new() promises. */
static int failed(const p2p__udp *udp, const char *what, const char *bind_text)
{
    int err = errno;
    char reason[P2P__UDP_ERRNO_TEXT_SIZE];
    p2p_loop_log(udp->base.loop, P2P_LOG_ERROR, "udp: %s for %s failed: %s", what, bind_text,
                 p2p__udp_errno_text(err, reason));
    switch (err) {
    case EADDRINUSE:
        return P2P_ERR_IN_USE;
    case EACCES:
    case EPERM:
        return P2P_ERR_PERMISSION;
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
    case ENODEV:
    case EINVAL: /* a link-local address without its interface */
        return P2P_ERR_UNREACHABLE;
    case ENOMEM:
    case ENOBUFS:
        return P2P_ERR_NO_MEMORY;
    default:
        return P2P_ERR_IO;
    }
}

static int new_socket(int family)
{
#if defined(SOCK_CLOEXEC) && defined(SOCK_NONBLOCK)
    return socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
#else
    int fd = socket(family, SOCK_DGRAM, 0);
    if (fd >= 0 && (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0)) {
        int err = errno;
        close(fd);
        errno = err;
        return -1;
    }
    return fd;
#endif
}

static int set_on(int fd, int level, int option)
{
    const int on = 1;
    return setsockopt(fd, level, option, &on, sizeof on);
}

/* The size of a socket buffer is a wish: the system may cut it, and one that it refuses leaves the
 * default. */
static void set_buffer(const p2p__udp *udp, int option, size_t size)
{
    int wanted = size > INT_MAX ? INT_MAX : (int)size;
    char reason[P2P__UDP_ERRNO_TEXT_SIZE];
    if (size && setsockopt(udp->fd, SOL_SOCKET, option, &wanted, sizeof wanted) < 0)
        p2p_loop_log(udp->base.loop, P2P_LOG_WARN, "udp: no socket buffer of %d bytes: %s", wanted,
                     p2p__udp_errno_text(errno, reason));
}

/* Asks for the address that each datagram was sent to; without it, it is the bound one. */
static void ask_for_destination(const p2p__udp *udp)
{
#if defined(IPV6_RECVPKTINFO)
    if (udp->is_ip6)
        (void)set_on(udp->fd, IPPROTO_IPV6, IPV6_RECVPKTINFO);
#endif
#if defined(IP_PKTINFO)
    if (!udp->is_ip6)
        (void)set_on(udp->fd, IPPROTO_IP, IP_PKTINFO);
#elif defined(IP_RECVDSTADDR)
    if (!udp->is_ip6)
        (void)set_on(udp->fd, IPPROTO_IP, IP_RECVDSTADDR);
#endif
}

/* Sets the options that must be there before bind. Returns NULL, or what failed, with errno. */
static const char *set_options(const p2p__udp *udp, const p2p_udp_config *config)
{
    /* Said either way, for the default is the administrator's. */
    const int only_ip6 = !udp->has_ip4;
    if (udp->is_ip6 &&
        setsockopt(udp->fd, IPPROTO_IPV6, IPV6_V6ONLY, &only_ip6, sizeof only_ip6) < 0)
        return "IPV6_V6ONLY";
#if defined(SO_REUSEPORT)
    if ((config->flags & P2P_UDP_REUSE_PORT) && set_on(udp->fd, SOL_SOCKET, SO_REUSEPORT) < 0)
        return "SO_REUSEPORT";
#else
    if (config->flags & P2P_UDP_REUSE_PORT) {
        errno = ENOTSUP;
        return "SO_REUSEPORT";
    }
#endif
    if ((config->flags & P2P_UDP_BROADCAST) && set_on(udp->fd, SOL_SOCKET, SO_BROADCAST) < 0)
        return "SO_BROADCAST";
    set_buffer(udp, SO_SNDBUF, config->socket_sndbuf);
    set_buffer(udp, SO_RCVBUF, config->socket_rcvbuf);
    if (udp->wildcard)
        ask_for_destination(udp);
    return NULL;
}

/* Binds, and reads back the port that it became. Returns NULL or what failed. */
static const char *bind_socket(p2p__udp *udp, const p2p_addr *addr)
{
    p2p__udp_sockaddr name;
    if (!p2p__udp_to_sockaddr(addr, udp->is_ip6, &name)) {
        errno = EAFNOSUPPORT;
        return "bind";
    }
    if (bind(udp->fd, &name.any, p2p__udp_sockaddr_len(&name)) < 0)
        return "bind";
    socklen_t len = sizeof name;
    if (getsockname(udp->fd, &name.any, &len) < 0)
        return "getsockname";
    p2p__udp_from_sockaddr(&name, &udp->bound);
    udp->port = ntohs(udp->is_ip6 ? name.v6.sin6_port : name.v4.sin_port);
    return NULL;
}

static int open_at(p2p__udp *udp, const p2p_udp_config *config, const char *text)
{
    p2p_addr addr;
    p2p_ip ip;
    if (p2p_addr_parse(text, &addr) != 0 || p2p_addr_kind_of(&addr) != P2P_ADDR_IP ||
        p2p_addr_ip(&addr, &ip) != 0)
        return P2P_ERR_BAD_ADDR;
    udp->is_ip6 = ip.family == 6;
    udp->wildcard = p2p_ip_is_unspecified(&ip);
    udp->has_ip6 = udp->is_ip6;
    udp->has_ip4 = !udp->is_ip6 || (udp->wildcard && !(config->flags & P2P_UDP_V6_ONLY));
    udp->fd = new_socket(udp->is_ip6 ? AF_INET6 : AF_INET);
    if (udp->fd < 0)
        return failed(udp, "socket", text);
    const char *what = set_options(udp, config);
    if (!what)
        what = bind_socket(udp, &addr);
    if (!what)
        return 0;
    int err = failed(udp, what, text);
    close(udp->fd);
    udp->fd = -1;
    return err;
}

int p2p__udp_open(p2p__udp *udp, const p2p_udp_config *config)
{
    if (config->bind)
        return open_at(udp, config, config->bind);
    int err = open_at(udp, config, "[::]:0");
    return err == P2P_ERR_UNREACHABLE ? open_at(udp, config, "0.0.0.0:0") : err;
}
