/* SPDX-License-Identifier: MIT */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "limit_udp.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"

enum { MAX_BATCH = 16, PEERS = 64, SLOT = 65536, MAX_PAYLOAD = 65507, MAX_SEGMENTS = 64 };

size_t limit_udp_run(size_t len)
{
    size_t n = MAX_PAYLOAD / len;
    return n < MAX_SEGMENTS ? n : MAX_SEGMENTS;
}

#if defined(__linux__)

#include <netinet/udp.h>
#include <sys/epoll.h>

int limit_udp_open(limit_udp *l, int gro)
{
    const int on = 1;
    const int size = 4 << 20;
    memset(l, 0, sizeof *l);
    l->tx = socket(AF_INET, SOCK_DGRAM, 0);
    l->rx = socket(AF_INET, SOCK_DGRAM, 0);
    l->poll = epoll_create1(0);
    l->out = calloc(1, SLOT);
    l->in = calloc(MAX_BATCH, SLOT);
    l->rx_name.sin_family = AF_INET;
    struct sockaddr_in any = l->rx_name;
    socklen_t len = sizeof any;
    struct epoll_event event = {.events = EPOLLIN};
    if (l->tx < 0 || l->rx < 0 || l->poll < 0 || !l->out || !l->in ||
        bind(l->rx, (struct sockaddr *)&any, len) != 0 ||
        getsockname(l->rx, (struct sockaddr *)&any, &len) != 0 ||
        epoll_ctl(l->poll, EPOLL_CTL_ADD, l->rx, &event) != 0 ||
        setsockopt(l->rx, SOL_SOCKET, SO_RCVBUF, &size, sizeof size) != 0 ||
        (gro && setsockopt(l->rx, IPPROTO_UDP, UDP_GRO, &on, sizeof on) != 0)) {
        limit_udp_close(l);
        return -1;
    }
    l->rx_name.sin_port = any.sin_port;
    l->rx_name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    any.sin_addr = l->rx_name.sin_addr;
    any.sin_port = 0;
    return bind(l->tx, (struct sockaddr *)&any, len);
}

void limit_udp_close(limit_udp *l)
{
    if (l->tx >= 0)
        close(l->tx);
    if (l->rx >= 0)
        close(l->rx);
    if (l->poll >= 0)
        close(l->poll);
    free(l->out);
    free(l->in);
}

typedef struct control {
    _Alignas(struct cmsghdr) unsigned char bytes[64];
} control;

/* A header that sends a run of `count` messages of len bytes. */
static void run_header(limit_udp *l, struct msghdr *header, struct iovec *iov, control *c,
                       size_t len, size_t count)
{
    iov->iov_base = l->out;
    iov->iov_len = len * count;
    memset(header, 0, sizeof *header);
    header->msg_name = &l->rx_name;
    header->msg_namelen = sizeof l->rx_name;
    header->msg_iov = iov;
    header->msg_iovlen = 1;
    header->msg_control = c->bytes;
    header->msg_controllen = CMSG_SPACE(sizeof(uint16_t));
    struct cmsghdr *cmsg = CMSG_FIRSTHDR(header);
    cmsg->cmsg_level = IPPROTO_UDP;
    cmsg->cmsg_type = UDP_SEGMENT;
    cmsg->cmsg_len = CMSG_LEN(sizeof(uint16_t));
    uint16_t segment = (uint16_t)len;
    memcpy(CMSG_DATA(cmsg), &segment, sizeof segment);
}

/* Counts the messages of a received buffer, one by one. */
static void walk(limit_udp *l, struct msghdr *header, size_t got)
{
    size_t segment = got;
    struct cmsghdr *cmsg = CMSG_FIRSTHDR(header);
    if (cmsg && cmsg->cmsg_level == IPPROTO_UDP && cmsg->cmsg_type == UDP_GRO) {
        int value;
        memcpy(&value, CMSG_DATA(cmsg), sizeof value);
        segment = (size_t)value;
    }
    const volatile unsigned char *data = header->msg_iov->iov_base;
    for (size_t at = 0; at < got; at += segment) {
        (void)data[at];
        l->received++;
    }
}

double limit_udp_bursts(limit_udp *l, size_t len, size_t n)
{
    struct msghdr send_header;
    struct iovec send_iov;
    control send_control;
    size_t count = limit_udp_run(len);
    run_header(l, &send_header, &send_iov, &send_control, len, count);
    struct sockaddr_in from;
    control c;
    struct iovec iov = {l->in, SLOT};
    struct msghdr header = {
        .msg_name = &from, .msg_iov = &iov, .msg_iovlen = 1, .msg_control = c.bytes};
    l->received = 0;
    uint64_t start = bench_clock();
    while (l->received < n) {
        size_t wanted = l->received + count;
        for (size_t i = 0; l->copies && i < count; i++)
            memcpy(l->out + i * len, l->in, len);
        if (sendmsg(l->tx, &send_header, 0) < 0)
            return -1;
        while (l->received < wanted) {
            header.msg_namelen = sizeof from;
            header.msg_controllen = sizeof c.bytes;
            ssize_t got = recvmsg(l->rx, &header, MSG_DONTWAIT);
            if (got < 0)
                return -1;
            walk(l, &header, (size_t)got);
        }
    }
    return (double)(bench_clock() - start) / (double)l->received;
}

double limit_udp_batches(limit_udp *l, size_t len, size_t batch, size_t n)
{
    struct mmsghdr out[MAX_BATCH];
    struct iovec out_iov[MAX_BATCH];
    control out_control[MAX_BATCH];
    struct mmsghdr in[MAX_BATCH];
    struct iovec in_iov[MAX_BATCH];
    control in_control[MAX_BATCH];
    struct sockaddr_in from[MAX_BATCH];
    size_t count = limit_udp_run(len);
    if (batch > MAX_BATCH)
        return -1;
    memset(out, 0, sizeof out);
    memset(in, 0, sizeof in);
    for (size_t i = 0; i < batch; i++) {
        run_header(l, &out[i].msg_hdr, &out_iov[i], &out_control[i], len, count);
        in_iov[i] = (struct iovec){l->in + i * SLOT, SLOT};
        in[i].msg_hdr.msg_iov = &in_iov[i];
        in[i].msg_hdr.msg_iovlen = 1;
        in[i].msg_hdr.msg_name = &from[i];
        in[i].msg_hdr.msg_control = in_control[i].bytes;
    }
    l->received = 0;
    uint64_t start = bench_clock();
    while (l->received < n) {
        size_t wanted = l->received + count * batch;
        if (sendmmsg(l->tx, out, (unsigned)batch, 0) != (int)batch)
            return -1;
        while (l->received < wanted) {
            for (size_t i = 0; i < batch; i++) {
                in[i].msg_hdr.msg_namelen = sizeof from[i];
                in[i].msg_hdr.msg_controllen = sizeof in_control[i].bytes;
            }
            int got = recvmmsg(l->rx, in, (unsigned)batch, MSG_DONTWAIT, NULL);
            if (got < 0)
                return -1;
            for (int i = 0; i < got; i++)
                walk(l, &in[i].msg_hdr, in[i].msg_len);
        }
    }
    return (double)(bench_clock() - start) / (double)l->received;
}

double limit_udp_peers(limit_udp *l, size_t len, size_t n)
{
    struct mmsghdr out[PEERS];
    struct mmsghdr in[PEERS];
    struct iovec out_iov[PEERS];
    struct iovec in_iov[PEERS];
    struct sockaddr_in to[PEERS];
    struct sockaddr_in from[PEERS];
    memset(out, 0, sizeof out);
    memset(in, 0, sizeof in);
    for (size_t i = 0; i < PEERS; i++) {
        to[i] = l->rx_name;
        to[i].sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)i);
        out_iov[i] = (struct iovec){l->out + i * 16, len};
        out[i].msg_hdr.msg_name = &to[i];
        out[i].msg_hdr.msg_namelen = sizeof to[i];
        out[i].msg_hdr.msg_iov = &out_iov[i];
        out[i].msg_hdr.msg_iovlen = 1;
        in_iov[i] = (struct iovec){l->in + i * 2048, 2048};
        in[i].msg_hdr.msg_name = &from[i];
        in[i].msg_hdr.msg_iov = &in_iov[i];
        in[i].msg_hdr.msg_iovlen = 1;
    }
    l->received = 0;
    uint64_t start = bench_clock();
    while (l->received < n) {
        size_t wanted = l->received + PEERS;
        if (sendmmsg(l->tx, out, PEERS, 0) != PEERS)
            return -1;
        while (l->received < wanted) {
            for (size_t i = 0; i < PEERS; i++)
                in[i].msg_hdr.msg_namelen = sizeof from[i];
            int got = recvmmsg(l->rx, in, PEERS, MSG_DONTWAIT, NULL);
            if (got < 0)
                return -1;
            l->received += (size_t)got;
        }
    }
    return (double)(bench_clock() - start) / (double)l->received;
}

double limit_udp_ping_pong(limit_udp *l, size_t len, size_t n)
{
    uint64_t start = bench_clock();
    for (size_t i = 0; i < n; i++) {
        if (sendto(l->tx, l->out, len, 0, (struct sockaddr *)&l->rx_name, sizeof l->rx_name) < 0)
            return -1;
        struct epoll_event event;
        if (epoll_wait(l->poll, &event, 1, 1000) != 1)
            return -1;
        struct sockaddr_in from;
        socklen_t from_len = sizeof from;
        ssize_t got = recvfrom(l->rx, l->in, SLOT, MSG_DONTWAIT, (struct sockaddr *)&from,
                               &from_len);
        if (got < 0 ||
            sendto(l->rx, l->in, (size_t)got, 0, (struct sockaddr *)&from, from_len) < 0 ||
            recv(l->tx, l->in, SLOT, 0) != got)
            return -1;
    }
    return (double)(bench_clock() - start) / (double)n;
}

#else

int limit_udp_open(limit_udp *l, int gro)
{
    (void)l;
    (void)gro;
    return -1;
}

void limit_udp_close(limit_udp *l)
{
    (void)l;
}

double limit_udp_bursts(limit_udp *l, size_t len, size_t n)
{
    (void)l;
    return len && n ? -1 : -1;
}

double limit_udp_batches(limit_udp *l, size_t len, size_t batch, size_t n)
{
    (void)l;
    return len && batch && n ? -1 : -1;
}

double limit_udp_peers(limit_udp *l, size_t len, size_t n)
{
    (void)l;
    return len && n ? -1 : -1;
}

double limit_udp_ping_pong(limit_udp *l, size_t len, size_t n)
{
    (void)l;
    return len && n ? -1 : -1;
}

#endif
