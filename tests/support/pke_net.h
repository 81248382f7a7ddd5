/* SPDX-License-Identifier: MIT */
#ifndef P2P_TESTS_PKE_NET_H
#define P2P_TESTS_PKE_NET_H

/*
 * PKE swarms in a counting allocator, and what each of them saw: over a simulated network, or over
 * a wire where nodes have IP addresses and anybody sends in anybody's name.
 */
#include <p2p/pke.h>
#include <p2p/sim.h>

#include "core/rand.h"
#include "support/counted.h"
#include "support/wire_swarm.h"

enum { PKE_NODES = 16, PKE_TEXT = 256, PKE_HELLO = 256 };

typedef struct pke_net pke_net;

typedef struct pke_node {
    pke_net *net;
    p2p_swarm *swarm; /* NULL: closed, or never made */
    p2p_signer *signer;
    p2p_addr addr;
    uint64_t number; /* of the memory node */
    p2p_addr inner;  /* on a wire */

    unsigned got; /* messages, and the last of them */
    size_t last_len;
    char last[PKE_TEXT]; /* cut, and NUL-terminated */
    p2p_addr last_src;
    p2p_addr last_dst;
    void (*on_tell)(struct pke_node *node, const p2p_msg *msg);

    unsigned up, failed, gone, writables;
    int reason; /* of the last failure */
    p2p_addr up_addr, failed_addr, gone_addr;
    void (*on_peer)(struct pke_node *node, const p2p_pke_peer_event *event);
    void *arg; /* of the test */
} pke_node;

/* A datagram that was written down, such as an InitHello. */
typedef struct pke_record {
    size_t len; /* 0: nothing yet */
    uint8_t data[PKE_HELLO];
} pke_record;

struct pke_net {
    counted memory;
    p2p_loop *loop;
    p2p_realm *realm; /* or */
    wire *wire;
    pke_node node[PKE_NODES];
    int inside;         /* a call of a swarm: no callback may come from there */
    unsigned datagrams; /* that any node sent */
    size_t next_queue;  /* of the memory swarm of nodes that are made now; 0: the default */

    wire_fn on_send; /* of the test: sees what is sent on the wire; NULL: nothing is lost */
    void *send_arg;
    pke_record *record; /* for the first datagram from an address */
    p2p_addr recorded;
};

typedef void (*pke_change_fn)(p2p_pke_swarm_config *config);

/* A network; link NULL: immediate and lossless. */
void pke_net_begin(pke_net *net, const p2p_link *link, uint64_t seed);

/* The same with nodes 0 and 1, which have keys 1 and 2. */
void pke_net_begin_pair(pke_net *net, const p2p_link *link, uint64_t seed, pke_node **a,
                        pke_node **b);

/* A network that is a wire of that latency. */
void pke_net_begin_wire(pke_net *net, uint64_t latency, uint64_t seed);

/* Closes all nodes, and checks that nothing is left. */
void pke_net_end(pke_net *net);

/* Test key i: 24 zero bytes and a number of 64 bits. */
p2p_signer *pke_test_signer(uint64_t key);

/* Makes node i with that key on memory node i. `change` may be NULL. */
pke_node *pke_net_add(pke_net *net, size_t i, uint64_t key, pke_change_fn change);

/* The same on another memory node. */
pke_node *pke_net_add_at(pke_net *net, size_t i, uint64_t key, uint64_t number,
                         pke_change_fn change);

/* The same at an IP address of a wire. */
pke_node *pke_net_add_ip(pke_net *net, size_t i, uint64_t key, const char *at,
                         pke_change_fn change);

/* Closes a node, or lets it crash; its counters stay. */
void pke_net_close(pke_node *node);
void pke_net_crash(pke_node *node);

/* Lets so much virtual time go by. */
void pke_net_run(pke_net *net, uint64_t duration);

/* Runs until *count has that value, but for so long at most. Returns how long it took, or
 * P2P_NEVER. */
uint64_t pke_net_wait(pke_net *net, const unsigned *count, unsigned value, uint64_t duration);

/* A tell of a text. Returns what p2p_tell() does. */
int pke_say(pke_node *from, const p2p_addr *to, const char *text);

/* Says it, and waits until it has arrived. Returns how long that took, or P2P_NEVER. */
uint64_t pke_arrive(pke_node *from, pke_node *to, const char *text);

/* Writes down the next datagram that comes from an address of the wire. */
void pke_net_record(pke_net *net, const p2p_addr *from, pke_record *out);

/* The InitHello that a node with that key makes now at an address of the wire, calling somebody who
 * is not there. */
void pke_net_capture(pke_net *net, uint64_t key, const char *at, pke_change_fn change,
                     pke_record *out);

/* Gives it another ephemeral key, so that it is another handshake. */
void pke_renew_hello(pke_record *hello, p2p__rand *rand);

/* An IP address, and PEERID@IP of one of those who are not there. */
p2p_addr pke_ip(const char *text);
p2p_addr pke_nobody(uint8_t number);

/* Nodes that are byte for byte as the reference. */
void pke_as_reference(p2p_pke_swarm_config *config);

/* PEERID@number. */
p2p_addr pke_addr(const p2p_signer *signer, uint64_t number);

p2p_pke_stats pke_stats(const pke_node *node);
p2p_stats pke_base_stats(const pke_node *node);
size_t pke_peers(const pke_node *node);

#endif
