/* SPDX-License-Identifier: MIT */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "swarm/udp_sys.h"

#if P2P__UDP_LINUX

#include <errno.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/uio.h>

/* Linux 4.18 and 5.0; older C libraries do not name them. */
#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

/* The kernel changes few members of a header, so all is set up once and those are put back. */
typedef struct linux_rx {
    struct mmsghdr headers[P2P__UDP_SLOTS];
    struct iovec iov[P2P__UDP_SLOTS];
    p2p__udp_sockaddr from[P2P__UDP_SLOTS];
    struct {
        _Alignas(struct cmsghdr) uint8_t bytes[P2P__UDP_CONTROL_SIZE];
    } control[P2P__UDP_SLOTS];
} linux_rx;

static void restore_header(linux_rx *rx, unsigned slot)
{
    struct msghdr *header = &rx->headers[slot].msg_hdr;
    header->msg_namelen = sizeof rx->from[slot];
    header->msg_controllen = sizeof rx->control[slot];
    header->msg_flags = 0;
}

static unsigned linux_open(int fd, int want_offload, void *state, uint8_t *arena)
{
    linux_rx *rx = state;
    memset(rx, 0, sizeof *rx);
    for (unsigned i = 0; i < P2P__UDP_SLOTS; i++) {
        rx->iov[i].iov_base = arena + (size_t)i * P2P__UDP_SLOT_SIZE;
        rx->iov[i].iov_len = P2P__UDP_SLOT_SIZE;
        struct msghdr *header = &rx->headers[i].msg_hdr;
        header->msg_name = &rx->from[i];
        header->msg_iov = &rx->iov[i];
        header->msg_iovlen = 1;
        header->msg_control = &rx->control[i];
        restore_header(rx, i);
    }
    const int on = 1;
    /* Without it drops are merely not counted. */
    (void)setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof on);
    if (!want_offload)
        return 0;
    unsigned found = 0;
    int segment = 0;
    socklen_t len = sizeof segment;
    if (getsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &segment, &len) == 0)
        found |= P2P__UDP_CAN_GSO;
    if (setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, sizeof on) == 0)
        found |= P2P__UDP_CAN_GRO;
    return found;
}

#define SEGMENT_SIZE CMSG_SPACE(sizeof(uint16_t))

/* The control messages of a run: the segment size, and where it leaves from. */
typedef struct run_control {
    _Alignas(struct cmsghdr) uint8_t bytes[SEGMENT_SIZE + P2P__UDP_SOURCE_SIZE];
} run_control;

static void write_segment(uint8_t *out, uint16_t segment)
{
    memset(out, 0, SEGMENT_SIZE);
    struct cmsghdr *cmsg = (void *)out;
    cmsg->cmsg_level = IPPROTO_UDP;
    cmsg->cmsg_type = UDP_SEGMENT;
    cmsg->cmsg_len = CMSG_LEN(sizeof segment);
    memcpy(CMSG_DATA(cmsg), &segment, sizeof segment);
}

static void set_control(struct msghdr *header, run_control *control, const p2p__udp_run *run)
{
    socklen_t used = 0;
    if (run->count > 1) {
        write_segment(control->bytes, run->segment);
        used = SEGMENT_SIZE;
    }
    used += p2p__udp_write_source(control->bytes + used, run);
    header->msg_control = used ? control->bytes : NULL;
    header->msg_controllen = used;
}

static int linux_send(int fd, const uint8_t *arena, const p2p__udp_run *runs, unsigned n)
{
    /* A lone message: the plain call is the cheaper one. */
    if (n == 1 && runs->count == 1 && runs->local.family == 0) {
        ssize_t len = sendto(fd, arena + runs->offset, runs->len, MSG_DONTWAIT, &runs->to.any,
                             p2p__udp_sockaddr_len(&runs->to));
        return len < 0 ? -errno : 1;
    }
    /* Filled as far as needed, so not cleared first. */
    struct mmsghdr headers[P2P__UDP_SEND_RUNS];
    struct iovec iov[P2P__UDP_SEND_RUNS];
    run_control control[P2P__UDP_SEND_RUNS];
    for (unsigned i = 0; i < n; i++) {
        const p2p__udp_run *run = &runs[i];
        struct msghdr *header = &headers[i].msg_hdr;
        /* The kernel reads both; the interface has no const. */
        iov[i].iov_base = (void *)(uintptr_t)(arena + run->offset);
        iov[i].iov_len = run->len;
        header->msg_name = (void *)(uintptr_t)&run->to;
        header->msg_namelen = p2p__udp_sockaddr_len(&run->to);
        header->msg_iov = &iov[i];
        header->msg_iovlen = 1;
        header->msg_flags = 0;
        set_control(header, &control[i], run);
    }
    int sent = sendmmsg(fd, headers, n, MSG_DONTWAIT);
    return sent < 0 ? -errno : sent;
}

static int linux_recv(int fd, void *state, p2p__udp_datagram *out, unsigned n)
{
    linux_rx *rx = state;
    int got = recvmmsg(fd, rx->headers, n, MSG_DONTWAIT, NULL);
    if (got < 0)
        return -errno;
    for (unsigned i = 0; i < (unsigned)got; i++) {
        p2p__udp_datagram *datagram = &out[i];
        datagram->data = rx->iov[i].iov_base;
        datagram->len = rx->headers[i].msg_len;
        datagram->from = rx->from[i];
        p2p__udp_read_control(&rx->headers[i].msg_hdr, datagram);
        restore_header(rx, i);
    }
    return got;
}

const p2p__udp_sys p2p__udp_sys_linux = {
    .rx_size = sizeof(linux_rx),
    .open = linux_open,
    .send = linux_send,
    .recv = linux_recv,
};

#else
/* ISO C wants a declaration in every file. */
typedef int p2p__udp_sys_linux_is_empty;
#endif
