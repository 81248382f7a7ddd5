/* SPDX-License-Identifier: MIT */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "flood.h"

#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <p2p/p2pke.h>

#include "bench.h"

#if defined(__linux__)

enum { EPHEMERAL = 4, COOKIE_REPLY = 37 };

static int random_bytes(void *arg, void *out, size_t len)
{
    (void)arg;
    return getrandom(out, len, 0) == (ssize_t)len ? 0 : P2P_ERR_IO;
}

/* The InitHello of somebody. */
static void make_hello(flood *f)
{
    const unsigned char seed[32] = {7};
    const p2p_pke_time time = {1, UINT64_C(1700000000) * P2P_SECOND};
    p2p_signer *signer = NULL;
    p2p_pke_endpoint *endpoint = NULL;
    p2p_pke_session *session = NULL;
    p2p_pke_config config;
    unsigned char hello[P2P_PKE_MAX_HANDSHAKE];
    p2p_pke_config_init(&config);
    bench_require(p2p_ed25519_signer_new(&signer, seed, NULL) == 0, "signer");
    config.signer = signer;
    config.random = random_bytes;
    bench_require(p2p_pke_endpoint_new(&endpoint, &config) == 0 &&
                      p2p_pke_session_initiate(&session, endpoint, time) == 0 &&
                      p2p_pke_session_message(session, hello, sizeof hello, &f->hello_len) == 0 &&
                      f->hello_len <= FLOOD_HELLO,
                  "InitHello");
    for (size_t i = 0; i < FLOOD_BATCH; i++)
        memcpy(f->hello[i], hello, f->hello_len);
    p2p_pke_session_free(session);
    p2p_pke_endpoint_free(endpoint);
    p2p_signer_free(signer);
}

static int open_socket(uint32_t ip, struct sockaddr_in *name)
{
    const int size = 4 << 20;
    struct sockaddr_in any = {.sin_family = AF_INET};
    socklen_t len = sizeof any;
    any.sin_addr.s_addr = htonl(ip);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&any, len) != 0 ||
        getsockname(fd, (struct sockaddr *)&any, &len) != 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    if (name)
        *name = any;
    return fd;
}

int flood_open(flood *f, uint16_t port)
{
    memset(f, 0, sizeof *f);
    f->bare = -1;
    f->random = 1;
    f->tx = open_socket(INADDR_ANY, NULL);
    if (f->tx < 0)
        return -1;
    if (port) {
        f->target.sin_family = AF_INET;
        f->target.sin_port = htons(port);
        f->target.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    } else {
        f->bare = open_socket(INADDR_LOOPBACK, &f->target);
        if (f->bare < 0)
            return -1;
    }
    make_hello(f);
    return 0;
}

void flood_close(flood *f)
{
    if (f->tx >= 0)
        close(f->tx);
    if (f->bare >= 0)
        close(f->bare);
}

static uint64_t next_random(flood *f)
{
    f->random ^= f->random << 13;
    f->random ^= f->random >> 7;
    f->random ^= f->random << 17;
    return f->random;
}

typedef struct control {
    _Alignas(struct cmsghdr) unsigned char bytes[CMSG_SPACE(sizeof(struct in_pktinfo))];
} control;

/* The answers to earlier ones would fill the socket's memory. */
static void drop_answers(flood *f)
{
    struct mmsghdr in[FLOOD_BATCH];
    struct iovec iov[FLOOD_BATCH];
    unsigned char byte[FLOOD_BATCH];
    memset(in, 0, sizeof in);
    for (size_t i = 0; i < FLOOD_BATCH; i++) {
        iov[i] = (struct iovec){&byte[i], 1};
        in[i].msg_hdr.msg_iov = &iov[i];
        in[i].msg_hdr.msg_iovlen = 1;
    }
    while (recvmmsg(f->tx, in, FLOOD_BATCH, MSG_DONTWAIT, NULL) > 0)
        ;
}

void flood_send(flood *f)
{
    struct mmsghdr out[FLOOD_BATCH];
    struct iovec iov[FLOOD_BATCH];
    control controls[FLOOD_BATCH];
    drop_answers(f);
    memset(out, 0, sizeof out);
    memset(controls, 0, sizeof controls);
    for (size_t i = 0; i < FLOOD_BATCH; i++) {
        struct in_pktinfo info = {0};
        uint64_t r = next_random(f);
        memcpy(f->hello[i] + EPHEMERAL, &r, sizeof r);
        info.ipi_spec_dst.s_addr = htonl(0x7f000000u | (uint32_t)(2 + r % 0xfffff0u));
        iov[i] = (struct iovec){f->hello[i], f->hello_len};
        out[i].msg_hdr.msg_name = &f->target;
        out[i].msg_hdr.msg_namelen = sizeof f->target;
        out[i].msg_hdr.msg_iov = &iov[i];
        out[i].msg_hdr.msg_iovlen = 1;
        out[i].msg_hdr.msg_control = controls[i].bytes;
        out[i].msg_hdr.msg_controllen = sizeof controls[i].bytes;
        struct cmsghdr *cmsg = CMSG_FIRSTHDR(&out[i].msg_hdr);
        cmsg->cmsg_level = IPPROTO_IP;
        cmsg->cmsg_type = IP_PKTINFO;
        cmsg->cmsg_len = CMSG_LEN(sizeof info);
        memcpy(CMSG_DATA(cmsg), &info, sizeof info);
    }
    bench_require(sendmmsg(f->tx, out, FLOOD_BATCH, 0) == FLOOD_BATCH, "sendmmsg");
}

/* Receives what is there and answers it. Returns how many, or -1. */
static int answer_all(const flood *f)
{
    static unsigned char in_data[FLOOD_BATCH][FLOOD_HELLO];
    struct mmsghdr msgs[FLOOD_BATCH];
    struct iovec iov[FLOOD_BATCH];
    struct sockaddr_in from[FLOOD_BATCH];
    memset(msgs, 0, sizeof msgs);
    for (size_t i = 0; i < FLOOD_BATCH; i++) {
        iov[i] = (struct iovec){in_data[i], FLOOD_HELLO};
        msgs[i].msg_hdr.msg_name = &from[i];
        msgs[i].msg_hdr.msg_namelen = sizeof from[i];
        msgs[i].msg_hdr.msg_iov = &iov[i];
        msgs[i].msg_hdr.msg_iovlen = 1;
    }
    int got = recvmmsg(f->bare, msgs, FLOOD_BATCH, MSG_DONTWAIT, NULL);
    for (int i = 0; i < got; i++)
        iov[i].iov_len = COOKIE_REPLY;
    if (got > 0 && sendmmsg(f->bare, msgs, (unsigned)got, 0) != got)
        return -1;
    return got;
}

double flood_limit(flood *f, size_t n)
{
    uint64_t taken = 0;
    size_t done = 0;
    while (done < n) {
        flood_send(f);
        uint64_t start = bench_clock();
        for (size_t wanted = done + FLOOD_BATCH; done < wanted;) {
            int got = answer_all(f);
            if (got < 0)
                return -1;
            done += (size_t)got;
        }
        taken += bench_clock() - start;
    }
    return (double)taken / (double)done;
}

#else

int flood_open(flood *f, uint16_t port)
{
    memset(f, 0, sizeof *f);
    (void)port;
    f->tx = f->bare = -1;
    return -1;
}

void flood_close(flood *f)
{
    (void)f;
}

void flood_send(flood *f)
{
    (void)f;
}

double flood_limit(flood *f, size_t n)
{
    (void)f;
    return n ? -1 : -1;
}

#endif
