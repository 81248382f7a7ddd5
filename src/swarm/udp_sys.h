/* SPDX-License-Identifier: MIT */
#ifndef P2P__SWARM_UDP_SYS_H
#define P2P__SWARM_UDP_SYS_H

/*
 * The system calls of a UDP swarm behind three functions, in two makes: one call per datagram, as
 * every POSIX system has them, and batches with segmentation offload on Linux.
 */
#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>

#include <p2p/addr.h>

#if defined(__linux__) && !defined(P2P_FORCE_FALLBACK)
#define P2P__UDP_LINUX 1
#else
#define P2P__UDP_LINUX 0
#endif

enum {
    /* Receive slots, each for a datagram of the largest size (with GRO: a run of datagrams). */
    P2P__UDP_SLOTS = 16,
    P2P__UDP_SLOT_SIZE = 65536,

    P2P__UDP_SEND_RUNS = 64,   /* runs per system call */
    P2P__UDP_GSO_SEGMENTS = 64 /* messages per run: UDP_MAX_SEGMENTS of Linux before 6.9 */
};

/* What open() found. */
#define P2P__UDP_CAN_GSO 1u
#define P2P__UDP_CAN_GRO 2u

/* A socket address of either family. */
typedef union p2p__udp_sockaddr {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
} p2p__udp_sockaddr;

/* Messages that leave in one piece: to one destination, all of one length but for the last, which
 * may be shorter. */
typedef struct p2p__udp_run {
    uint32_t offset;  /* where they begin in the arena, one after the other */
    uint32_t len;     /* all of them */
    uint16_t segment; /* the length of each but the last */
    uint16_t count;   /* 1 without GSO */
    p2p__udp_sockaddr to;
    p2p_ip local; /* the address of the host that it leaves from; family 0: the system chooses */
} p2p__udp_run;

/* What arrived in a slot. */
typedef struct p2p__udp_datagram {
    uint8_t *data;
    uint32_t len;
    uint32_t segment; /* with GRO the length of each message in it but the last, otherwise len */
    uint32_t
        drops; /* with has_drops: datagrams that the kernel dropped since the socket was made */
    uint8_t has_drops;
    uint8_t truncated;
    p2p_ip local; /* to which address it was sent; family 0 if the system does not tell */
    p2p__udp_sockaddr from;
} p2p__udp_datagram;

typedef struct p2p__udp_sys {
    /* Bytes of state that recv() needs. */
    size_t rx_size;

    /* Sets the state up for slots in arena, and the socket for offloads if they are wanted. Returns
     * those that the system has. */
    unsigned (*open)(int fd, int want_offload, void *rx, uint8_t *arena);

    /* Sends runs without waiting. Returns how many left, or -errno if not even the first did. n is
     * 1 to P2P__UDP_SEND_RUNS. */
    int (*send)(int fd, const uint8_t *arena, const p2p__udp_run *runs, unsigned n);

    /* Receives up to n datagrams without waiting, n being 1 to P2P__UDP_SLOTS. Returns how many, or
     * -errno; fewer than n means that no more are there. */
    int (*recv)(int fd, void *rx, p2p__udp_datagram *out, unsigned n);
} p2p__udp_sys;

extern const p2p__udp_sys p2p__udp_sys_posix;
#if P2P__UDP_LINUX
extern const p2p__udp_sys p2p__udp_sys_linux;
#endif

/* The length of an address, as system calls want it. */
static inline socklen_t p2p__udp_sockaddr_len(const p2p__udp_sockaddr *addr)
{
    return addr->any.sa_family == AF_INET ? (socklen_t)sizeof addr->v4 : (socklen_t)sizeof addr->v6;
}

/* Room for every control message that a socket of ours can get. */
#define P2P__UDP_CONTROL_SIZE 128

/* Room for the control message that says where a run leaves from. */
#define P2P__UDP_SOURCE_SIZE CMSG_SPACE(sizeof(struct in6_pktinfo))

/* Writes that message to `out`, which is aligned as a struct cmsghdr. Returns the bytes it takes: 0
 * if the system chooses the address, or knows no such message. */
socklen_t p2p__udp_write_source(uint8_t *out, const p2p__udp_run *run);

/* Reads the control messages and flags of a received datagram; `out` has its length already. */
void p2p__udp_read_control(struct msghdr *header, p2p__udp_datagram *out);

#endif
