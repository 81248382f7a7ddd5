/* SPDX-License-Identifier: MIT */
/* The socket of p2p doctor, and what the system says about it. */
#include "cli/doctor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* --- clocks --- */

static uint64_t read_clock(clockid_t clock)
{
    struct timespec time;
    if (clock_gettime(clock, &time) != 0)
        return 0;
    return (uint64_t)time.tv_sec * P2P_SECOND + (uint64_t)time.tv_nsec;
}

uint64_t doctor_now(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

uint64_t doctor_wall(void)
{
    return read_clock(CLOCK_REALTIME);
}

/* --- addresses --- */

typedef union any_addr {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
} any_addr;

static socklen_t to_system(any_addr *out, const p2p_addr *addr)
{
    p2p_ip ip = {0};
    uint16_t port = 0;
    memset(out, 0, sizeof *out);
    (void)!p2p_addr_ip(addr, &ip);
    (void)!p2p_addr_port(addr, &port);
    if (ip.family == 4) {
        out->v4.sin_family = AF_INET;
        out->v4.sin_port = htons(port);
        memcpy(&out->v4.sin_addr, ip.bytes, 4);
        return sizeof out->v4;
    }
    out->v6.sin6_family = AF_INET6;
    out->v6.sin6_port = htons(port);
    out->v6.sin6_scope_id = ip.scope;
    memcpy(&out->v6.sin6_addr, ip.bytes, 16);
    return sizeof out->v6;
}

/* The text of an address of the system, "?" if it has none. */
static void from_system(const any_addr *from, char out[P2P_ADDR_TEXT_SIZE])
{
    p2p_ip ip = {0};
    p2p_addr addr;
    uint16_t port;
    if (from->any.sa_family == AF_INET) {
        ip.family = 4;
        memcpy(ip.bytes, &from->v4.sin_addr, 4);
        port = ntohs(from->v4.sin_port);
    } else {
        ip.family = 6;
        memcpy(ip.bytes, &from->v6.sin6_addr, 16);
        ip.scope = from->v6.sin6_scope_id;
        port = ntohs(from->v6.sin6_port);
    }
    if (p2p_addr_from_ip(&addr, &ip, port) != 0 || p2p_addr_text(&addr, out, P2P_ADDR_TEXT_SIZE))
        memcpy(out, "?", 2);
}

/* Whether an interface of this machine has it as the broadcast address of its network. Some that
 * are alone in theirs have their own address there. */
static bool is_broadcast(struct in_addr addr)
{
    struct ifaddrs *list;
    bool found = addr.s_addr == htonl(INADDR_BROADCAST);
    if (found || getifaddrs(&list) != 0)
        return found;
    for (const struct ifaddrs *at = list; at && !found; at = at->ifa_next) {
        any_addr own, all;
        if (!at->ifa_addr || at->ifa_addr->sa_family != AF_INET || !at->ifa_broadaddr ||
            !(at->ifa_flags & IFF_BROADCAST))
            continue;
        memcpy(&own.v4, at->ifa_addr, sizeof own.v4);
        memcpy(&all.v4, at->ifa_broadaddr, sizeof all.v4);
        found = all.v4.sin_addr.s_addr == addr.s_addr && own.v4.sin_addr.s_addr != addr.s_addr;
    }
    freeifaddrs(list);
    return found;
}

const char *doctor_net_group(const p2p_addr *addr)
{
    any_addr system;
    (void)to_system(&system, addr);
    if (system.any.sa_family == AF_INET6)
        return system.v6.sin6_addr.s6_addr[0] == 0xff ? "multicast" : NULL;
    if ((ntohl(system.v4.sin_addr.s_addr) & 0xf0000000u) == 0xe0000000u)
        return "multicast";
    return is_broadcast(system.v4.sin_addr) ? "broadcast" : NULL;
}

/* --- opening --- */

static int bind_to(int fd, const char *text)
{
    any_addr local;
    p2p_addr addr;
    if (p2p_addr_parse(text, &addr) != 0)
        return EINVAL;
    socklen_t len = to_system(&local, &addr);
    return bind(fd, &local.any, len) == 0 ? 0 : errno;
}

/* That it is too long is to be told, not to be mended by fragments. */
static void forbid_fragments(int fd, int family)
{
#ifdef IP_PMTUDISC_DO
    int on = IP_PMTUDISC_DO;
    if (family == AF_INET)
        (void)setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &on, sizeof on);
    else
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &on, sizeof on);
#else
    (void)fd;
    (void)family;
#endif
}

static int connect_to(doctor_net *net, const any_addr *to, socklen_t len, const char *from)
{
    any_addr local = {0};
    socklen_t local_len = sizeof local;
    int error = from ? bind_to(net->fd, from) : 0;
    if (error)
        return error;
    forbid_fragments(net->fd, to->any.sa_family);
    if (fcntl(net->fd, F_SETFD, FD_CLOEXEC) != 0 || fcntl(net->fd, F_SETFL, O_NONBLOCK) != 0 ||
        connect(net->fd, &to->any, len) != 0 || getsockname(net->fd, &local.any, &local_len) != 0)
        return errno;
    from_system(&local, net->local);
    return 0;
}

int doctor_net_open(doctor_net *net, const p2p_addr *to, const char *from)
{
    any_addr remote;
    socklen_t len = to_system(&remote, to);
    net->fd = socket(remote.any.sa_family, SOCK_DGRAM, 0);
    if (net->fd < 0)
        return errno;
    int error = connect_to(net, &remote, len, from);
    if (error)
        doctor_net_close(net);
    return error;
}

void doctor_net_close(doctor_net *net)
{
    if (net->fd >= 0)
        close(net->fd);
    net->fd = -1;
}

size_t doctor_net_path_mtu(const doctor_net *net)
{
#if defined IP_MTU && defined IPV6_MTU
    int mtu = 0;
    socklen_t len = sizeof mtu;
    any_addr local = {0};
    socklen_t local_len = sizeof local;
    if (getsockname(net->fd, &local.any, &local_len) != 0)
        return 0;
    int failed = local.any.sa_family == AF_INET
                     ? getsockopt(net->fd, IPPROTO_IP, IP_MTU, &mtu, &len)
                     : getsockopt(net->fd, IPPROTO_IPV6, IPV6_MTU, &mtu, &len);
    return failed || mtu < 0 ? 0 : (size_t)mtu;
#else
    (void)net;
    return 0;
#endif
}

/* --- sending and receiving --- */

int doctor_net_send(const doctor_net *net, const void *data, size_t len)
{
    for (;;) {
        if (send(net->fd, data, len, 0) >= 0)
            return 0;
        if (errno != EINTR)
            return errno;
    }
}

int doctor_net_receive(const doctor_net *net, uint64_t until, void *data, size_t cap, size_t *len)
{
    for (;;) {
        ssize_t n = recv(net->fd, data, cap, 0);
        if (n >= 0) {
            *len = (size_t)n;
            return 0;
        }
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN && errno != EWOULDBLOCK)
            return errno;
        uint64_t now = doctor_now();
        if (now >= until)
            return ETIMEDOUT;
        uint64_t wait = (until - now) / P2P_MILLISECOND + 1;
        struct pollfd poller = {.fd = net->fd, .events = POLLIN};
        if (poll(&poller, 1, wait > 1000000 ? 1000000 : (int)wait) < 0 && errno != EINTR)
            return errno;
    }
}

/* --- explanations --- */

bool doctor_net_is_closed(int error)
{
    return error == ECONNREFUSED;
}

const char *doctor_net_explain(int error)
{
    switch (error) {
    case ECONNREFUSED:
        return "that machine is there, and says that nobody listens on the port (ICMP)";
    case ENETUNREACH:
        return "this machine knows no way to that network";
    case EHOSTUNREACH:
        return "a router, or this machine, says that nobody has that address";
    case EACCES:
    case EPERM:
        return "a rule of this machine forbids to send there, or it is a broadcast address";
    case EADDRNOTAVAIL:
        return "this machine has no address from which that one can be reached, or not the one of "
               "--bind";
    case EADDRINUSE:
        return "another program has the port of --bind";
    case EAFNOSUPPORT:
        return "this machine has no addresses of that kind (IPv4 or IPv6)";
    case EINVAL:
        return "such an address cannot be reached from here: a link-local one needs its interface, "
               "as in [fe80::1%2], and --bind must be of the same kind";
    case EMSGSIZE:
        return "it is longer than the way takes";
    default:
        return strerror(error);
    }
}

const char *doctor_net_advice(int error)
{
    switch (error) {
    case ECONNREFUSED:
        return "start p2p listen there, or check the port: it prints its address when it starts";
    case ENETUNREACH:
    case EAFNOSUPPORT:
        return "check that this machine has a network, and use an address of a kind it has";
    case EHOSTUNREACH:
        return "check the address, and that the machine is on and in the network";
    case EACCES:
    case EPERM:
        return "look at the firewall of this machine";
    default:
        return "check the address, and --bind if it is given";
    }
}
