/* SPDX-License-Identifier: MIT */
#ifndef P2P__SWARM_UDP_H
#define P2P__SWARM_UDP_H

/* A UDP swarm: udp.c makes it, udp_open.c its socket, udp_send.c and udp_recv.c move messages,
 * udp_source.c remembers to which address of the host each peer wrote. */
#include <stdbool.h>

#include <p2p/swarm_ops.h>
#include <p2p/udp.h>

#include "swarm/udp_sys.h"

#define P2P__UDP_NOTHING_RESERVED UINT32_MAX

enum {
    P2P__UDP_MIN_QUEUE = 64 * 1024,
    P2P__UDP_DEFAULT_QUEUE = 1024 * 1024,
    P2P__UDP_MAX_QUEUE = 1024 * 1024 * 1024,
    P2P__UDP_DEFAULT_BATCH = 1024,

    /* As long as the socket takes all, so much is gathered before it leaves: few enough bytes to
     * stay in the processor's cache. */
    P2P__UDP_BURST_BYTES = 128 * 1024,
    P2P__UDP_BURST_RUNS = P2P__UDP_SEND_RUNS,

    /* The queue holds one run per so many bytes, so that small messages to many peers fill it
     * about when their bytes do. */
    P2P__UDP_BYTES_PER_RUN = 256
};

_Static_assert(P2P__UDP_MIN_QUEUE >= P2P_UDP_MAX_MTU, "the longest message fits in the queue");
_Static_assert(P2P__UDP_BURST_BYTES >= P2P_UDP_MAX_MTU, "and in a burst");
_Static_assert(P2P__UDP_MIN_QUEUE / P2P__UDP_BYTES_PER_RUN >= P2P__UDP_BURST_RUNS,
               "a burst of runs fits in the smallest queue");
_Static_assert(P2P__UDP_SLOT_SIZE >= 65535, "a slot holds any datagram");

/* What was told and has not left yet. */
typedef struct p2p__udp_tx {
    /* The run that the next message may join. */
    p2p_addr dst;     /* where it goes */
    uint32_t segment; /* the length it must have */
    uint32_t room;    /* how many more it takes; 0: there is no such run */

    uint32_t reserved; /* length of the message that is being written at tail */

    uint32_t tail;  /* where the next message goes in the arena */
    uint32_t limit; /* bytes at most before a flush: of a burst, or while blocked the arena */
    uint8_t *arena;
    p2p__udp_run *runs; /* runs[head] to runs[tail_run - 1] wait, in order */
    uint32_t head_run;
    uint32_t tail_run;
    uint32_t limit_runs;  /* as limit */
    uint32_t max_segment; /* the longest message that GSO is used for: 0 without GSO */

    uint32_t capacity; /* of the arena */
    uint32_t capacity_runs;
    bool blocked; /* the socket takes no more for now: waits for it to be writable, or for retry */
    p2p_task task;
    p2p_timer retry;
} p2p__udp_tx;

typedef struct p2p__udp_rx {
    void *state; /* of sys->recv */
    uint8_t *arena;
    unsigned max_batch;
    uint32_t kernel_drops; /* as the kernel counts them */
    p2p_ip local_ip;       /* on a wildcard socket: the address of the last datagram, */
    p2p_addr local;        /* with the port */
    p2p__udp_datagram datagrams[P2P__UDP_SLOTS];
} p2p__udp_rx;

/* To which address of the host each peer wrote. */
typedef struct p2p__udp_sources p2p__udp_sources;

typedef struct p2p__udp {
    p2p_swarm base;
    const p2p__udp_sys *sys;
    int fd;
    bool has_ip4; /* the families that it reaches */
    bool has_ip6;
    bool is_ip6;   /* the family of the socket: IPv4 peers of an IPv6 one have mapped addresses */
    bool wildcard; /* bound to all interfaces */
    uint16_t port;
    p2p_addr bound;
    size_t mtu;
    p2p__udp_tx tx;
    p2p__udp_rx rx;
    p2p__udp_sources *sources; /* NULL until the first datagram of a wildcard socket */
    p2p_watch *watch;
    uint64_t next_send_log; /* when the next error of sending may be logged */
    uint64_t next_recv_log; /* and of receiving */
    uint64_t unlogged;      /* messages lost to errors since the last time */
} p2p__udp;

static inline p2p__udp *p2p__udp_of(p2p_swarm *swarm)
{
    return (p2p__udp *)swarm; /* base is the first member */
}

static inline const p2p__udp *p2p__udp_of_const(const p2p_swarm *swarm)
{
    return (const p2p__udp *)swarm;
}

/* udp_open.c: opens, sets up and binds the socket, and fills in what it became. Returns as
 * p2p_udp_new(); on failure nothing is left open. */
int p2p__udp_open(p2p__udp *udp, const p2p_udp_config *config);

/* Whether an address is plain ip:port with a port, of a family that the socket reaches. */
bool p2p__udp_reaches(const p2p__udp *udp, const p2p_addr *addr);

/* A system error in words. */
#define P2P__UDP_ERRNO_TEXT_SIZE 128
const char *p2p__udp_errno_text(int err, char *buffer);

/* udp_send.c */
void p2p__udp_tx_init(p2p__udp *udp);
int p2p__udp_tell(p2p_swarm *swarm, const p2p_addr *dst, const p2p_iov *iov, size_t n, size_t len);
int p2p__udp_reserve(p2p_swarm *swarm, const p2p_addr *dst, size_t len, uint8_t **room);
int p2p__udp_commit(p2p_swarm *swarm, size_t len);
/* A peer wrote to another address than before: no message joins the open run to it. */
void p2p__udp_end_run_to(p2p__udp *udp, const p2p_addr *peer);
/* The socket is writable again. */
void p2p__udp_unblock(p2p__udp *udp);
size_t p2p__udp_unsent(const p2p_swarm *swarm);
/* Sends what can be sent without waiting, and drops the rest. */
void p2p__udp_tx_close(p2p__udp *udp);

/* udp_recv.c: receives what is there. The swarm may be closed when it returns. */
void p2p__udp_receive(p2p__udp *udp);

/* udp_source.c, for wildcard sockets; peers are plain addresses that the socket reaches. Remembers
 * that the peer wrote to `local` (family 0: unknown). Returns whether that is news. */
bool p2p__udp_remember(p2p__udp *udp, const p2p_addr *peer, const p2p_ip *local);
/* To which address it wrote, until the next call, or NULL. */
const p2p_ip *p2p__udp_source_for(p2p__udp *udp, const p2p_addr *peer);
/* Forgets that it wrote to `local`, if that is what is remembered. */
void p2p__udp_forget(p2p__udp *udp, const p2p_addr *peer, const p2p_ip *local);

#endif
