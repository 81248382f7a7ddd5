/* SPDX-License-Identifier: MIT */
#ifndef P2P_TESTS_PKE_NET_H
#define P2P_TESTS_PKE_NET_H

/* PKE swarms over a simulated network, in a counting allocator, and what each of them saw. */
#include <p2p/pke.h>
#include <p2p/sim.h>

#include "support/counted.h"

enum { PKE_NODES = 16, PKE_TEXT = 256 };

typedef struct pke_net pke_net;

typedef struct pke_node {
    pke_net *net;
    p2p_swarm *swarm; /* NULL: closed, or never made */
    p2p_signer *signer;
    p2p_addr addr;
    uint64_t number; /* of the memory node */

    unsigned got; /* messages, and the last of them */
    size_t last_len;
    char last[PKE_TEXT]; /* cut, and NUL-terminated */
    p2p_addr last_src;
    p2p_addr last_dst;
    void (*on_tell)(struct pke_node *node, const p2p_msg *msg);

    unsigned up, failed, gone, writables;
    int reason; /* of the last failure */
    p2p_addr up_addr, failed_addr, gone_addr;
    void (*on_peer)(struct pke_node *node, p2p_pke_peer_event event, const p2p_addr *peer);
    void *arg;  /* of the test */
    int inside; /* a call of its swarm: no callback may come from there */
} pke_node;

struct pke_net {
    counted memory;
    p2p_loop *loop;
    p2p_realm *realm;
    pke_node node[PKE_NODES];
    unsigned datagrams; /* that any node sent */
    size_t next_queue;  /* of the memory swarm of nodes that are made now; 0: the default */
};

typedef void (*pke_change_fn)(p2p_pke_swarm_config *config);

/* A network; link NULL: immediate and lossless. */
void pke_net_begin(pke_net *net, const p2p_link *link, uint64_t seed);

/* Closes all nodes, and checks that nothing is left. */
void pke_net_end(pke_net *net);

/* Test key i: 24 zero bytes and a number of 64 bits. */
p2p_signer *pke_test_signer(uint64_t key);

/* Makes node i with that key on memory node i. `change` may be NULL. */
pke_node *pke_net_add(pke_net *net, size_t i, uint64_t key, pke_change_fn change);

/* The same on another memory node. */
pke_node *pke_net_add_at(pke_net *net, size_t i, uint64_t key, uint64_t number,
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

/* PEERID@number. */
p2p_addr pke_addr(const p2p_signer *signer, uint64_t number);

p2p_pke_stats pke_stats(const pke_node *node);
p2p_stats pke_base_stats(const pke_node *node);
size_t pke_peers(const pke_node *node);

#endif
