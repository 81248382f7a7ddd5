/* SPDX-License-Identifier: MIT */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "swarm/udp_sys.h"

#include <errno.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/uio.h>

typedef struct posix_rx {
    uint8_t *arena;
    _Alignas(struct cmsghdr) uint8_t control[P2P__UDP_CONTROL_SIZE];
} posix_rx;

static unsigned posix_open(int fd, int want_offload, void *rx, uint8_t *arena)
{
    (void)fd;
    (void)want_offload;
    ((posix_rx *)rx)->arena = arena;
    return 0;
}

static ssize_t send_one(int fd, const uint8_t *arena, const p2p__udp_run *run)
{
    socklen_t to_len = p2p__udp_sockaddr_len(&run->to);
    if (run->local.family == 0)
        return sendto(fd, arena + run->offset, run->len, MSG_DONTWAIT, &run->to.any, to_len);
    _Alignas(struct cmsghdr) uint8_t control[P2P__UDP_SOURCE_SIZE];
    /* The system reads both; the interface has no const. */
    struct iovec iov = {.iov_base = (void *)(uintptr_t)(arena + run->offset), .iov_len = run->len};
    struct msghdr header = {.msg_name = (void *)(uintptr_t)&run->to,
                            .msg_namelen = to_len,
                            .msg_iov = &iov,
                            .msg_iovlen = 1};
    header.msg_controllen = p2p__udp_write_source(control, run);
    header.msg_control = header.msg_controllen ? control : NULL;
    return sendmsg(fd, &header, MSG_DONTWAIT);
}

static int posix_send(int fd, const uint8_t *arena, const p2p__udp_run *runs, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        if (send_one(fd, arena, &runs[i]) < 0)
            return i ? (int)i : -errno;
    }
    return (int)n;
}

static int posix_recv(int fd, void *rx, p2p__udp_datagram *out, unsigned n)
{
    posix_rx *state = rx;
    for (unsigned i = 0; i < n; i++) {
        p2p__udp_datagram *datagram = &out[i];
        datagram->data = state->arena + (size_t)i * P2P__UDP_SLOT_SIZE;
        struct iovec iov = {.iov_base = datagram->data, .iov_len = P2P__UDP_SLOT_SIZE};
        struct msghdr header = {.msg_name = &datagram->from,
                                .msg_namelen = sizeof datagram->from,
                                .msg_iov = &iov,
                                .msg_iovlen = 1,
                                .msg_control = state->control,
                                .msg_controllen = sizeof state->control};
        ssize_t got = recvmsg(fd, &header, MSG_DONTWAIT);
        if (got < 0)
            return i ? (int)i : -errno;
        datagram->len = (uint32_t)got;
        p2p__udp_read_control(&header, datagram);
    }
    return (int)n;
}

const p2p__udp_sys p2p__udp_sys_posix = {
    .rx_size = sizeof(posix_rx),
    .open = posix_open,
    .send = posix_send,
    .recv = posix_recv,
};

static socklen_t write_control(uint8_t *out, int level, int type, const void *data, size_t len)
{
    struct cmsghdr *cmsg = (void *)out;
    memset(out, 0, CMSG_SPACE(len));
    cmsg->cmsg_level = level;
    cmsg->cmsg_type = type;
    cmsg->cmsg_len = (socklen_t)CMSG_LEN(len);
    memcpy(CMSG_DATA(cmsg), data, len);
    return (socklen_t)CMSG_SPACE(len);
}

socklen_t p2p__udp_write_source(uint8_t *out, const p2p__udp_run *run)
{
    const p2p_ip *local = &run->local;
#if defined(IP_PKTINFO)
    if (local->family == 4) {
        struct in_pktinfo info;
        memset(&info, 0, sizeof info);
        memcpy(&info.ipi_spec_dst, local->bytes, 4);
        return write_control(out, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
    }
#endif
    /* Of an IPv6 socket all are, those of IPv4 peers mapped. */
    if (local->family == 6) {
        struct in6_pktinfo info;
        memset(&info, 0, sizeof info);
        memcpy(&info.ipi6_addr, local->bytes, 16);
        info.ipi6_ifindex = local->scope;
        return write_control(out, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof info);
    }
    return 0;
}

static void local_ip4(p2p_ip *ip, const struct in_addr *addr)
{
    memset(ip, 0, sizeof *ip);
    ip->family = 4;
    memcpy(ip->bytes, addr, 4);
}

static void local_ip6(p2p_ip *ip, const struct in6_pktinfo *info)
{
    memset(ip, 0, sizeof *ip);
    ip->family = 6;
    memcpy(ip->bytes, &info->ipi6_addr, 16);
    if (IN6_IS_ADDR_LINKLOCAL(&info->ipi6_addr))
        ip->scope = (uint32_t)info->ipi6_ifindex;
}

static void read_ip4(const struct cmsghdr *cmsg, p2p__udp_datagram *out)
{
#if defined(IP_PKTINFO)
    if (cmsg->cmsg_type == IP_PKTINFO) {
        struct in_pktinfo info;
        memcpy(&info, CMSG_DATA(cmsg), sizeof info);
        local_ip4(&out->local, &info.ipi_addr);
    }
#elif defined(IP_RECVDSTADDR)
    if (cmsg->cmsg_type == IP_RECVDSTADDR) {
        struct in_addr addr;
        memcpy(&addr, CMSG_DATA(cmsg), sizeof addr);
        local_ip4(&out->local, &addr);
    }
#else
    (void)cmsg;
    (void)out;
#endif
}

static void read_ip6(const struct cmsghdr *cmsg, p2p__udp_datagram *out)
{
    if (cmsg->cmsg_type == IPV6_PKTINFO) {
        struct in6_pktinfo info;
        memcpy(&info, CMSG_DATA(cmsg), sizeof info);
        local_ip6(&out->local, &info);
    }
}

static void read_linux(const struct cmsghdr *cmsg, p2p__udp_datagram *out)
{
#if P2P__UDP_LINUX
    if (cmsg->cmsg_level == SOL_SOCKET && cmsg->cmsg_type == SO_RXQ_OVFL) {
        memcpy(&out->drops, CMSG_DATA(cmsg), sizeof out->drops);
        out->has_drops = 1;
    } else if (cmsg->cmsg_level == IPPROTO_UDP && cmsg->cmsg_type == UDP_GRO) {
        int segment;
        memcpy(&segment, CMSG_DATA(cmsg), sizeof segment);
        if (segment > 0)
            out->segment = (uint32_t)segment;
    }
#else
    (void)cmsg;
    (void)out;
#endif
}

void p2p__udp_read_control(struct msghdr *header, p2p__udp_datagram *out)
{
    out->segment = out->len;
    out->has_drops = 0;
    out->truncated = (header->msg_flags & MSG_TRUNC) != 0;
    out->local.family = 0;
    for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(header); cmsg; cmsg = CMSG_NXTHDR(header, cmsg)) {
        if (cmsg->cmsg_level == IPPROTO_IP)
            read_ip4(cmsg, out);
        else if (cmsg->cmsg_level == IPPROTO_IPV6)
            read_ip6(cmsg, out);
        else
            read_linux(cmsg, out);
    }
}
